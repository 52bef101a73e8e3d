//! Calls.

use probity_value::Span;

use super::{Flow, Machine, Mock, RULE, Step};
use crate::Term;
use crate::compile::ir::{Branch, Callable, GroupId, Rule, Value};
use crate::engine::ErrorCode;

/// What is done with a solution of a branch: whether it was one, and whether more are wanted.
type BranchFound<'p, 'k> = &'k mut dyn FnMut(&mut Machine<'p>, &'p Branch) -> Step<(bool, Flow)>;

impl<'p> Machine<'p> {
    pub(super) fn call(&mut self, callable: Callable, args: &'p [Value], span: Span) -> Step<Option<Term>> {
        let quiet = self.keep_places && matches!(callable, Callable::Builtin(builtin) if matches!(builtin.name, "sprintf" | "concat"));
        self.quiet += u32::from(quiet);
        let start = self.args.len();
        let outcome = self.push_args(args);
        self.quiet -= u32::from(quiet);
        let outcome = match outcome {
            Ok(true) => self.call_pushed(callable, start, span),
            Ok(false) => Ok(None),
            Err(error) => Err(error),
        };
        self.args.truncate(start);
        outcome
    }

    /// Puts the values of arguments on the stack of arguments; false where one is undefined.
    fn push_args(&mut self, args: &'p [Value]) -> Step<bool> {
        for arg in args {
            match self.value(arg)? {
                Some(term) => self.args.push(term),
                None => return Ok(false),
            }
        }
        Ok(true)
    }

    /// Calls with the arguments from `start` on.
    fn call_pushed(&mut self, callable: Callable, start: usize, span: Span) -> Step<Option<Term>> {
        if !self.world.mocks.is_empty() {
            let mock = self.world.mocks.iter().rev().find(|(target, _)| *target == callable).map(|(_, mock)| mock.clone());
            match mock {
                Some(Mock::Value(term)) => return Ok(Some(term)),
                Some(Mock::Function(replacement)) => {
                    // A replacement sees the functions as they are.
                    let mocks = std::mem::take(&mut self.world.mocks);
                    let fresh = vec![None; self.world.made.len()];
                    let made = std::mem::replace(&mut self.world.made, fresh);
                    let result = self.apply(replacement, start, span);
                    self.world.mocks = mocks;
                    self.world.made = made;
                    return result;
                }
                None => {}
            }
        }
        self.apply(callable, start, span)
    }

    fn apply(&mut self, callable: Callable, start: usize, span: Span) -> Step<Option<Term>> {
        match callable {
            Callable::Builtin(builtin) => {
                self.tick()?;
                self.builtins.at = span;
                match builtin.call(&mut self.builtins, self.args.get(start..).unwrap_or_default()) {
                    Ok(result) => Ok(result),
                    Err(error) => self.builtin_error(error, span),
                }
            }
            Callable::Group(group) => self.function(group, start),
        }
    }

    /// The value of a function of rules.
    fn function(&mut self, id: GroupId, start: usize) -> Step<Option<Term>> {
        let program = self.program;
        let Some(group) = program.groups.get(id as usize) else { return Ok(None) };
        if !self.world.replaced.is_empty() && self.is_replaced(group.node) {
            return Ok(None);
        }
        self.enter(RULE)?;
        let mut result: Option<Term> = None;
        for rule in &group.rules {
            self.single(rule, Some(start), &mut result, "functions must not produce multiple outputs for same inputs")?;
            if group.same && result.is_some() {
                break;
            }
        }
        if let (None, Some(default)) = (&result, &group.default) {
            self.single(default, Some(start), &mut result, "functions must not produce multiple outputs for same inputs")?;
        }
        self.depth -= RULE;
        Ok(result)
    }

    /// Runs one rule of a document or function with one value.
    pub(super) fn single(&mut self, rule: &'p Rule, args: Option<usize>, result: &mut Option<Term>, conflict: &'static str) -> Step<()> {
        let trail = self.trail.len();
        let mut kept = None;
        let keep = self.keep_places;
        let had = result.is_some();
        self.rule_solutions(rule, args, &mut |machine, branch| {
            let Some(term) = machine.value(&branch.value)? else { return Ok((false, Flow::More)) };
            match result {
                Some(before) if *before != term => return Err(machine.error(ErrorCode::Conflict, rule.span, conflict)),
                Some(_) => {}
                None => *result = Some(term),
            }
            if keep && kept.is_none() {
                kept = Some(machine.trail.get(trail..).unwrap_or_default().to_vec());
            }
            Ok((true, if branch.constant { Flow::Enough } else { Flow::More }))
        })?;
        self.trail.truncate(trail);
        if let (Some(kept), false) = (kept, had) {
            self.trail.extend(kept);
        }
        Ok(())
    }

    /// Runs the branches of a rule until one has a solution; `found` says whether it was one and whether more are wanted.
    pub(super) fn rule_solutions(&mut self, rule: &'p Rule, args: Option<usize>, found: BranchFound<'p, '_>) -> Step<()> {
        let base = self.stack.len();
        let before = self.base;
        if let Some(start) = args {
            self.stack.extend_from_slice(self.args.get(start..).unwrap_or_default());
        }
        self.stack.resize(base + rule.slots as usize, Term::Null);
        self.base = base;
        let mut outcome = Ok(());
        let trail = self.trail.len();
        for branch in &rule.branches {
            let mut any = false;
            self.trail.truncate(trail);
            let ran = self.block(&branch.body, &mut |machine| {
                if machine.covered.is_some() {
                    machine.mark(branch.mark);
                }
                let (success, flow) = found(machine, branch)?;
                any |= success;
                Ok(flow)
            });
            if let Err(error) = ran {
                outcome = Err(error);
                break;
            }
            if any {
                break;
            }
        }
        self.stack.truncate(base);
        self.base = before;
        outcome
    }
}
