//! A compiled expression, and how it gets its variables.

use std::collections::HashMap;
use std::sync::Arc;

use probity_value::Span;

use crate::ast::Expr;
use crate::plan::{self, Plan};
use crate::{Budget, Call, CelError, Context, Environment, Problem, ProblemKind, Type, Value, check, eval, parser};

/// Gives variables their values. Asked at most when a variable is used; values that are costly to compute are kept by the implementor.
pub trait Activation {
    /// The value of a variable, by its slot in the environment ([`Environment::slot`]); `None` where it has none. What computing it costs
    /// is spent from the budget of the call.
    ///
    /// # Errors
    /// Why it has no value: an error, or an unknown.
    fn variable(&self, slot: usize, name: &str, call: &mut Call<'_>) -> Result<Option<Value>, CelError>;
}

/// Values by slot.
#[derive(Clone, Debug, Default)]
pub struct Bindings {
    values: Vec<Option<Value>>,
}

impl Bindings {
    /// No values.
    #[must_use]
    pub fn new() -> Bindings {
        Bindings::default()
    }

    /// Gives the variable of a slot a value.
    pub fn set(&mut self, slot: usize, value: Value) {
        if self.values.len() <= slot {
            self.values.resize(slot.saturating_add(1), None);
        }
        if let Some(place) = self.values.get_mut(slot) {
            *place = Some(value);
        }
    }

    /// Gives a variable of an environment a value; a name it does not declare is passed over.
    #[must_use]
    pub fn with(mut self, environment: &Environment, name: &str, value: Value) -> Bindings {
        if let Some(slot) = environment.slot(name) {
            self.set(slot, value);
        }
        self
    }
}

impl Activation for Bindings {
    fn variable(&self, slot: usize, _: &str, _: &mut Call<'_>) -> Result<Option<Value>, CelError> {
        Ok(self.values.get(slot).cloned().flatten())
    }
}

/// A compiled expression: shareable between threads, evaluated many times.
#[derive(Debug)]
pub struct Program {
    text: Arc<str>,
    span: Span,
    expr: Expr,
    output: Type,
    types: HashMap<u32, Type>,
    warnings: Vec<Problem>,
    plan: Plan,
}

impl Program {
    pub(crate) fn compile(environment: &Environment, text: &str, span: Span, check: bool) -> Result<Program, Vec<Problem>> {
        let problem = |kind, at, message| placed(text, span, kind, at, message);
        let expr = parser::parse(environment, text).map_err(|error| vec![problem(ProblemKind::Syntax, error.at, error.message)])?;
        if !check {
            let plan = plan::plan(environment, &expr, &HashMap::new());
            return Ok(Program { text: text.into(), span, expr, output: Type::Dyn, types: HashMap::new(), warnings: Vec::new(), plan });
        }
        let checked = check::check(environment, &expr);
        let fatal = checked.problems.iter().any(|problem| !problem.warning);
        let problems = checked
            .problems
            .into_iter()
            .map(|found| problem(if found.warning { ProblemKind::Warning } else { ProblemKind::Check }, found.at, found.message));
        let warnings: Vec<Problem> = problems.collect();
        if fatal {
            return Err(warnings);
        }
        let plan = plan::plan(environment, &expr, &checked.overloads);
        Ok(Program { text: text.into(), span, expr, output: checked.output, types: checked.types, warnings, plan })
    }

    /// The value of the expression.
    ///
    /// # Errors
    /// Why it has none: an error with its place, an unknown, or a limit.
    pub fn evaluate(&self, activation: &dyn Activation, budget: &mut Budget, context: &Context<'_>) -> Result<Value, CelError> {
        eval::run(&self.plan, activation, Call::new(context, budget))
    }

    /// The type of its value.
    #[must_use]
    pub fn output(&self) -> &Type {
        &self.output
    }

    /// What may not be as its author thinks.
    #[must_use]
    pub fn warnings(&self) -> &[Problem] {
        &self.warnings
    }

    /// The text.
    #[must_use]
    pub fn text(&self) -> &Arc<str> {
        &self.text
    }

    /// Where the text stands.
    #[must_use]
    pub fn span(&self) -> Span {
        self.span
    }

    /// The syntax, macros expanded: for linting.
    #[must_use]
    pub fn expr(&self) -> &Expr {
        &self.expr
    }

    /// The type of a part of the syntax, by its id; `None` where the expression was not checked.
    #[must_use]
    pub fn type_of(&self, id: u32) -> Option<&Type> {
        self.types.get(&id)
    }

    /// Slots of the variables it uses.
    #[must_use]
    pub fn variables(&self) -> &[usize] {
        &self.plan.variables
    }
}

/// A problem with its places.
fn placed(text: &str, span: Span, kind: ProblemKind, at: (u32, u32), message: String) -> Problem {
    let before = text.get(..at.0 as usize).unwrap_or(text);
    let start = before.rfind('\n').map_or(0, |end| end + 1);
    let count = |count: usize| u32::try_from(count + 1).unwrap_or(u32::MAX);
    let line = count(before.matches('\n').count());
    let column = count(before.get(start..).unwrap_or_default().chars().count());
    // The text stands in the file as it is where it is as long as its span.
    let literal = !span.is_none() && (span.end - span.start) as usize == text.len();
    let span = if literal { Span { file: span.file, start: span.start + at.0, end: span.start + at.1.max(at.0) } } else { span };
    Problem { span, at, line, column, kind, message }
}
