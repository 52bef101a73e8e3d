//! Evaluation: lines are run one after the other; a line with several solutions runs the rest for each of them.

mod document;
mod function;
mod value;

use std::sync::Arc;

use probity_value::Span;

use crate::Term;
use crate::builtins::{Code, Context};
use crate::compile::ir::{Callable, GroupId, Mod, NO_MARK, NodeId, Op, OpKind, Part, Pattern, Slot};
use crate::compile::{Compiled, PreparedQuery};
use crate::engine::{ErrorCode, EvalError, EvalOptions, Evaluation, Print, Solution};

pub(crate) type Step<T> = Result<T, Box<EvalError>>;

/// How much of the depth a rule, a line with several solutions, a closure and a value of parts take: about what they take of the stack.
pub(super) const RULE: u32 = 6;
const LINE: u32 = 2;
const CLOSURE: u32 = 3;
const PARTS: u32 = 1;

/// Whether more solutions are wanted.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum Flow {
    More,
    Enough,
}

/// What is done with each solution.
type Found<'p, 'k> = &'k mut dyn FnMut(&mut Machine<'p>) -> Step<Flow>;

/// What a function is replaced by.
#[derive(Clone)]
enum Mock {
    Function(Callable),
    Value(Term),
}

/// A document that was made.
#[derive(Clone)]
struct Made {
    value: Option<Term>,
    /// Places of the input it depends on.
    places: Arc<[Span]>,
}

/// What rules see: replaced as a whole by `with`.
struct World {
    input: Option<Term>,
    data: Term,
    /// Nodes whose documents were replaced by data.
    replaced: Vec<NodeId>,
    mocks: Vec<(Callable, Mock)>,
    made: Vec<Option<Made>>,
}

/// The state of one evaluation.
pub(crate) struct Machine<'p> {
    program: &'p Compiled,
    world: World,
    stack: Vec<Term>,
    base: usize,
    /// Arguments of the calls under way.
    args: Vec<Term>,
    builtins: Context<'p>,
    strict: bool,
    interrupted: &'p (dyn Fn() -> bool + Sync),
    steps: u64,
    step_limit: u64,
    depth: u32,
    depth_limit: u32,
    prints: Vec<Print>,
    /// Marks that were reached, where coverage is asked for.
    covered: Option<Vec<bool>>,
    /// Places read on the way to the solution at hand.
    trail: Vec<Span>,
    /// Places at which something was looked for and not found.
    misses: Vec<Span>,
    keep_places: bool,
    /// Reading for messages: not what an answer depends on.
    quiet: u32,
    /// Places of members of sets.
    members: Vec<(GroupId, Term, Arc<[Span]>)>,
    /// The rule that is asked for, whose members' places are wanted.
    asked: Option<GroupId>,
    /// Rules being made.
    open: Vec<GroupId>,
}

/// Asks a query.
pub(crate) fn run(
    program: &Compiled,
    query: &PreparedQuery,
    input: Option<Term>,
    data: Option<Term>,
    options: &EvalOptions<'_>,
) -> Result<Evaluation, EvalError> {
    let mut context = Context::new(options.now, options.lookup, options.interrupted, &options.limits, &program.caches);
    context.seed = options.seed;
    context.parse_module = Some(crate::parse::description);
    if let Some(runtime) = options.runtime {
        context.runtime = runtime.clone();
    }
    let mut machine = Machine {
        program,
        world: World {
            input,
            data: data.unwrap_or_else(|| program.base.clone()),
            replaced: Vec::new(),
            mocks: Vec::new(),
            made: vec![None; program.groups.len()],
        },
        stack: vec![Term::Null; query.slots as usize],
        base: 0,
        args: Vec::new(),
        builtins: context,
        strict: options.strict_builtin_errors,
        interrupted: options.interrupted,
        steps: 0,
        step_limit: options.limits.steps,
        depth: 0,
        depth_limit: options.limits.depth.saturating_mul(4),
        prints: Vec::new(),
        covered: options.coverage.then(|| vec![false; program.coverable.len()]),
        trail: Vec::new(),
        misses: Vec::new(),
        keep_places: options.places,
        quiet: 0,
        members: Vec::new(),
        asked: query.rule,
        open: Vec::new(),
    };
    let mut solutions = Vec::new();
    let mut places = Vec::new();
    machine
        .block(&query.body, &mut |machine| {
            let bindings = query.bindings.iter().map(|(name, slot)| (Arc::clone(name), machine.slot(*slot))).collect();
            let mut values = Vec::with_capacity(query.values.len());
            for value in &query.values {
                values.push(machine.value(value)?.unwrap_or(Term::Null));
            }
            if machine.keep_places
                && let Some(value) = values.first()
            {
                places.push((value.clone(), machine.telling()));
            }
            machine.builtins.bytes = machine.builtins.bytes.saturating_sub(64);
            solutions.push(Solution { bindings, values });
            Ok(Flow::More)
        })
        .map_err(|error| *error)?;
    for (group, member, spans) in &machine.members {
        if Some(*group) == query.rule {
            places.push((member.clone(), spans.to_vec()));
        }
    }
    let covered = machine
        .covered
        .iter()
        .flat_map(|marks| marks.iter().zip(&program.coverable))
        .filter(|(covered, _)| **covered)
        .map(|(_, span)| *span)
        .collect();
    Ok(Evaluation { solutions, places, prints: machine.prints, covered, steps: machine.steps })
}

impl<'p> Machine<'p> {
    fn slot(&self, slot: Slot) -> Term {
        self.stack.get(self.base + slot as usize).cloned().unwrap_or(Term::Null)
    }

    fn set_slot(&mut self, slot: Slot, value: Term) {
        if let Some(place) = self.stack.get_mut(self.base + slot as usize) {
            *place = value;
        }
    }

    pub(crate) fn error(&self, code: ErrorCode, at: Span, message: impl Into<String>) -> Box<EvalError> {
        Box::new(EvalError { code, message: message.into(), at })
    }

    fn tick(&mut self) -> Step<()> {
        self.steps += 1;
        if self.steps > self.step_limit {
            return Err(self.error(ErrorCode::Internal, Span::NONE, format!("more than {} steps", self.step_limit)));
        }
        if self.steps.is_multiple_of(1024) && (self.interrupted)() {
            return Err(self.error(ErrorCode::Cancelled, Span::NONE, "the time for the evaluation ran out"));
        }
        Ok(())
    }

    fn spend(&mut self, items: usize) -> Step<()> {
        let bytes = u64::try_from(items).unwrap_or(u64::MAX).saturating_mul(48);
        match self.builtins.bytes.checked_sub(bytes) {
            Some(left) => {
                self.builtins.bytes = left;
                Ok(())
            }
            None => Err(self.error(ErrorCode::Internal, Span::NONE, "the evaluation makes more than it may")),
        }
    }

    fn enter(&mut self, weight: u32) -> Step<()> {
        self.depth += weight;
        if self.depth > self.depth_limit {
            return Err(self.error(ErrorCode::Internal, Span::NONE, "rules call each other too deep"));
        }
        Ok(())
    }

    fn mark(&mut self, mark: u32) {
        if mark != NO_MARK
            && let Some(place) = self.covered.as_mut().and_then(|covered| covered.get_mut(mark as usize))
        {
            *place = true;
        }
    }

    /// Notes that a place of the input was read.
    fn note(&mut self, span: Span) {
        if self.keep_places && self.quiet == 0 && !span.is_none() && self.trail.last() != Some(&span) {
            self.trail.push(span);
        }
    }

    /// Notes that something was looked for at a place and not found.
    fn miss(&mut self, span: Span) {
        if self.keep_places && self.quiet == 0 && !span.is_none() && self.misses.len() < 64 {
            self.misses.push(span);
        }
    }

    /// The places read so far: the last one first, each once.
    fn telling(&self) -> Vec<Span> {
        let mut places: Vec<Span> = Vec::new();
        for span in self.trail.iter().rev() {
            if !places.contains(span) {
                places.push(*span);
            }
            if places.len() >= 16 {
                break;
            }
        }
        places
    }

    /// Runs lines; `found` is told of each solution.
    fn block(&mut self, ops: &'p [Op], found: Found<'p, '_>) -> Step<Flow> {
        let mut rest = ops;
        while let Some((op, after)) = rest.split_first() {
            self.tick()?;
            if self.covered.is_some() {
                self.mark(op.mark);
            }
            match &op.kind {
                OpKind::Test(value) => {
                    if !self.holds(value)? {
                        return Ok(Flow::More);
                    }
                }
                OpKind::Let(slot, value) => match self.value(value)? {
                    Some(term) => self.set_slot(*slot, term),
                    None => return Ok(Flow::More),
                },
                OpKind::Match(pattern, value) => match self.value(value)? {
                    Some(term) => {
                        if !self.fits(pattern, &term)? {
                            return Ok(Flow::More);
                        }
                    }
                    None => return Ok(Flow::More),
                },
                OpKind::Not(body) => {
                    let mut any = false;
                    let trail = self.trail.len();
                    let misses = self.misses.len();
                    self.block(body, &mut |_| {
                        any = true;
                        Ok(Flow::Enough)
                    })?;
                    self.trail.truncate(trail);
                    if any {
                        self.misses.truncate(misses);
                        return Ok(Flow::More);
                    }
                    // It holds because of what is not there: the places around are what to tell of.
                    if self.misses.len() > misses {
                        let missing = self.misses.split_off(misses);
                        missing.iter().take(8).for_each(|span| self.note(*span));
                    }
                }
                OpKind::Every { domain, key, value, body } => {
                    let Some(domain) = self.value(domain)? else { return Ok(Flow::More) };
                    if !self.every(&domain, *key, *value, body)? {
                        return Ok(Flow::More);
                    }
                }
                OpKind::Print(parts, span) => self.print(parts, *span)?,
                OpKind::Scan { source, key, value } => {
                    self.enter(LINE)?;
                    let flow = self.scan(source, key, *value, after, found);
                    self.depth -= LINE;
                    return flow;
                }
                OpKind::Walk { node, steps, value } => {
                    self.enter(LINE)?;
                    let flow = self.walk(*node, steps, *value, after, found);
                    self.depth -= LINE;
                    return flow;
                }
                OpKind::Each { call, value } => {
                    let Some(results) = self.value(call)? else { return Ok(Flow::More) };
                    let trail = self.trail.len();
                    self.enter(LINE)?;
                    for result in items(&results) {
                        self.trail.truncate(trail);
                        self.set_slot(*value, result);
                        if self.block(after, found)? == Flow::Enough {
                            self.depth -= LINE;
                            return Ok(Flow::Enough);
                        }
                    }
                    self.depth -= LINE;
                    return Ok(Flow::More);
                }
                OpKind::With { mods, body, outputs } => {
                    self.enter(LINE)?;
                    let flow = self.with(mods, body, outputs, after, found);
                    self.depth -= LINE;
                    return flow;
                }
            }
            rest = after;
        }
        found(self)
    }

    fn every(&mut self, domain: &Term, key: Option<Slot>, value: Slot, body: &'p [Op]) -> Step<bool> {
        let mut pairs: Vec<(Term, Term)> = Vec::new();
        if let Some(array) = domain.as_array() {
            pairs.extend(array.iter().enumerate().map(|(at, item)| (Term::from(crate::Number::from_usize(at)), item)));
        } else if let Some(object) = domain.as_object() {
            pairs.extend(object.iter());
        } else if let Some(set) = domain.as_set() {
            pairs.extend(set.iter().map(|item| (item.clone(), item.clone())));
        } else {
            return Ok(false);
        }
        self.enter(LINE)?;
        for (found_key, found_value) in pairs {
            if let Some(key) = key {
                self.set_slot(key, found_key);
            }
            self.set_slot(value, found_value);
            let mut any = false;
            self.block(body, &mut |_| {
                any = true;
                Ok(Flow::Enough)
            })?;
            if !any {
                self.depth -= LINE;
                return Ok(false);
            }
        }
        self.depth -= LINE;
        Ok(true)
    }

    /// Whether a value fits a pattern; its variables get their values.
    fn fits(&mut self, pattern: &'p Pattern, term: &Term) -> Step<bool> {
        match pattern {
            Pattern::Any => Ok(true),
            Pattern::Bind(slot) => {
                self.set_slot(*slot, term.clone());
                Ok(true)
            }
            Pattern::Equal(value) => Ok(self.value(value)?.is_some_and(|found| found == *term)),
            Pattern::Array(patterns) => {
                let Some(items) = term.as_array() else { return Ok(false) };
                if items.len() != patterns.len() {
                    return Ok(false);
                }
                for (at, pattern) in patterns.iter().enumerate() {
                    let Some(item) = items.get(at) else { return Ok(false) };
                    if !self.fits(pattern, &item)? {
                        return Ok(false);
                    }
                }
                Ok(true)
            }
            Pattern::Object(patterns) => {
                let Some(object) = term.as_object() else { return Ok(false) };
                if object.len() != patterns.len() {
                    return Ok(false);
                }
                for (key, pattern) in patterns {
                    let Some(key) = self.value(key)? else { return Ok(false) };
                    let Some(item) = object.get(&key) else { return Ok(false) };
                    if !self.fits(pattern, &item)? {
                        return Ok(false);
                    }
                }
                Ok(true)
            }
        }
    }

    fn print(&mut self, parts: &'p [Part], span: Span) -> Step<()> {
        let mut lines: Vec<Vec<String>> = vec![Vec::new()];
        for part in parts {
            let values = match part {
                Part::Text(text) => vec![text.to_string()],
                Part::Value(value, body) => {
                    let mut found: Vec<String> = Vec::new();
                    self.quiet += 1;
                    let outcome = self.block(body, &mut |machine| {
                        if let Some(term) = machine.value(value)? {
                            found.push(term.as_str().map_or_else(|| term.to_string(), str::to_owned));
                        }
                        Ok(Flow::More)
                    });
                    self.quiet -= 1;
                    outcome?;
                    if found.is_empty() {
                        found.push("<undefined>".to_owned());
                    }
                    found
                }
            };
            let mut next = Vec::new();
            for line in &lines {
                for value in &values {
                    self.spend(1 + value.len() / 48)?;
                    let mut line = line.clone();
                    line.push(value.clone());
                    next.push(line);
                }
            }
            lines = next;
        }
        self.prints.extend(lines.into_iter().map(|line| Print { at: span, text: line.join(" ") }));
        Ok(())
    }

    /// Solutions of lines in another world, and the rest in this one for each.
    fn with(&mut self, mods: &'p [Mod], body: &'p [Op], outputs: &'p [Slot], after: &'p [Op], found: Found<'p, '_>) -> Step<Flow> {
        let Some(world) = self.changed(mods)? else { return Ok(Flow::More) };
        let mut solutions: Vec<(Vec<Term>, Vec<Span>)> = Vec::new();
        let trail = self.trail.len();
        let before = std::mem::replace(&mut self.world, world);
        let asked = self.asked.take();
        let open = std::mem::take(&mut self.open);
        let outcome = self.block(body, &mut |machine| {
            let spans = machine.trail.get(trail..).unwrap_or_default().to_vec();
            let values: Vec<Term> = outputs.iter().map(|slot| machine.slot(*slot)).collect();
            machine.spend(outputs.len() + 1)?;
            solutions.push((values, spans));
            Ok(if outputs.is_empty() { Flow::Enough } else { Flow::More })
        });
        self.world = before;
        self.asked = asked;
        self.open = open;
        outcome?;
        for (values, spans) in solutions {
            self.trail.truncate(trail);
            self.trail.extend(spans);
            for (slot, value) in outputs.iter().zip(values) {
                self.set_slot(*slot, value);
            }
            if self.block(after, found)? == Flow::Enough {
                return Ok(Flow::Enough);
            }
        }
        Ok(Flow::More)
    }

    fn changed(&mut self, mods: &'p [Mod]) -> Step<Option<World>> {
        let mut world = World {
            input: self.world.input.clone(),
            data: self.world.data.clone(),
            replaced: self.world.replaced.clone(),
            mocks: self.world.mocks.clone(),
            made: vec![None; self.program.groups.len()],
        };
        for given in mods {
            match given {
                Mod::Input(path, value) => {
                    let Some(value) = self.value(value)? else { return Ok(None) };
                    world.input = Some(replace(world.input.as_ref(), path, value));
                }
                Mod::Data(path, node, value) => {
                    let Some(value) = self.value(value)? else { return Ok(None) };
                    world.data = replace(Some(&world.data), path, value);
                    if let Some(node) = node {
                        world.replaced.push(*node);
                    }
                }
                Mod::Function(target, replacement) => {
                    // A mock of a mock: the first replacement counts for what it replaces.
                    world.mocks.retain(|(known, _)| known != target);
                    world.mocks.push((*target, Mock::Function(*replacement)));
                }
                Mod::Constant(target, value) => {
                    let Some(value) = self.value(value)? else { return Ok(None) };
                    world.mocks.retain(|(known, _)| known != target);
                    world.mocks.push((*target, Mock::Value(value)));
                }
            }
        }
        Ok(Some(world))
    }

    /// What an error of a builtin means here.
    fn builtin_error(&mut self, error: crate::builtins::BuiltinError, at: Span) -> Step<Option<Term>> {
        let code = match error.code {
            Code::Type => ErrorCode::Type,
            Code::Builtin => ErrorCode::Builtin,
            Code::Halt if (self.interrupted)() => return Err(self.error(ErrorCode::Cancelled, at, error.message)),
            Code::Halt => return Err(self.error(ErrorCode::Internal, at, error.message)),
        };
        if self.strict { Err(self.error(code, at, error.message)) } else { Ok(None) }
    }
}

/// Items of a list or set.
fn items(term: &Term) -> Vec<Term> {
    match term {
        Term::Set(set) => set.iter().cloned().collect(),
        other => other.as_array().map(|items| items.to_vec()).unwrap_or_default(),
    }
}

/// A document with something else at a path; what is on the way and no object becomes one.
fn replace(document: Option<&Term>, path: &[Arc<str>], value: Term) -> Term {
    let Some((first, rest)) = path.split_first() else { return value };
    let key = Term::String(Arc::clone(first));
    let object = document.and_then(Term::as_object);
    let inner = replace(object.and_then(|object| object.get(&key)).as_ref(), rest, value);
    let mut entries: Vec<(Term, Term)> = object.into_iter().flat_map(|object| object.iter()).filter(|(found, _)| *found != key).collect();
    entries.push((key, inner));
    Term::object(entries)
}
