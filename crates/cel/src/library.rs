//! How libraries of functions are written, and what a function may use when it is called.

use std::any::Any;
use std::fmt;
use std::sync::Arc;

use probity_core::{Limits, Lookup, PolicyContext, Timestamp};
use regex::Regex;

use crate::ast::Expr;
use crate::macros::Expander;
use crate::{CelError, Value};

/// Functions, macros, types and constants that belong together. A library is a `static` of data.
#[derive(Clone, Copy, Debug)]
pub struct Library {
    /// Its name: `strings`, `kubernetes.quantity`.
    pub name: &'static str,
    /// Its functions.
    pub functions: &'static [Function],
    /// Its macros.
    pub macros: &'static [Macro],
    /// Names of opaque types that may be written as types: `net.IP`.
    pub types: &'static [&'static str],
    /// Names with a fixed value.
    pub constants: &'static [Constant],
}

impl Library {
    /// A library of functions alone.
    #[must_use]
    pub const fn new(name: &'static str, functions: &'static [Function]) -> Library {
        Library { name, functions, macros: &[], types: &[], constants: &[] }
    }

    /// With macros.
    #[must_use]
    pub const fn with_macros(mut self, macros: &'static [Macro]) -> Library {
        self.macros = macros;
        self
    }

    /// With opaque types.
    #[must_use]
    pub const fn with_types(mut self, types: &'static [&'static str]) -> Library {
        self.types = types;
        self
    }

    /// With constants.
    #[must_use]
    pub const fn with_constants(mut self, constants: &'static [Constant]) -> Library {
        self.constants = constants;
        self
    }
}

/// A function: one name, one or more overloads. Two libraries may add overloads to one name.
#[derive(Clone, Copy, Debug)]
pub struct Function {
    /// Its name; may have dots: `sets.contains`.
    pub name: &'static str,
    /// Its overloads.
    pub overloads: &'static [Overload],
}

impl Function {
    /// A function with its overloads.
    #[must_use]
    pub const fn new(name: &'static str, overloads: &'static [Overload]) -> Function {
        Function { name, overloads }
    }
}

/// What computes a function: the arguments fit the overload's signature (an argument of type `dyn` or a parameter may be any value).
/// For a member function the value before the dot is the first argument. Errors and unknowns never get in: functions are strict.
pub type Implementation = fn(&mut Call<'_>, &[Value]) -> Result<Value, CelError>;

/// What a call costs, in Kubernetes' units, from its arguments and its result.
pub type CostOf = fn(&[Value], &Value) -> u64;

/// One way to call a function.
#[derive(Clone, Copy, Debug)]
pub struct Overload {
    /// Unique over all libraries: `string_char_at_int`.
    pub id: &'static str,
    /// As read by [`crate::Signature::parse`]: `string.charAt(int) -> string`.
    pub signature: &'static str,
    /// What computes it.
    pub call: Implementation,
    /// What it costs; one unit where nothing is said.
    pub cost: Option<CostOf>,
    /// Whether it takes any values when it runs, whatever its signature says: it looks at them itself.
    pub unguarded: bool,
}

impl Overload {
    /// An overload that costs one unit.
    #[must_use]
    pub const fn new(id: &'static str, signature: &'static str, call: Implementation) -> Overload {
        Overload { id, signature, call, cost: None, unguarded: false }
    }

    /// Takes any values when it runs.
    #[must_use]
    pub const fn unguarded(mut self) -> Overload {
        self.unguarded = true;
        self
    }

    /// With a cost.
    #[must_use]
    pub const fn cost(mut self, cost: CostOf) -> Overload {
        self.cost = Some(cost);
        self
    }
}

/// A name with a fixed value.
#[derive(Clone, Copy, Debug)]
pub struct Constant {
    /// The name; may have dots.
    pub name: &'static str,
    /// Its type, as read by [`crate::Type::parse`].
    pub type_name: &'static str,
    /// Its value.
    pub value: fn() -> Value,
}

/// A macro: looks like a call, and is replaced by other syntax when the text is read.
#[derive(Clone, Copy, Debug)]
pub struct Macro {
    /// Its name; no dots. `cel.bind(...)` is the macro `bind` with a receiver that it looks at.
    pub name: &'static str,
    /// Whether it stands after a dot.
    pub receiver: bool,
    /// How many arguments it takes; `None` for any number.
    pub arguments: Option<usize>,
    /// Gives the syntax in its place.
    pub expand: Expand,
}

/// Expands a macro: the expander, the part before the dot, the arguments.
pub type Expand = fn(&mut Expander<'_>, Option<Expr>, Vec<Expr>) -> Result<Expanded, MacroError>;

/// What came of a macro.
#[derive(Debug)]
pub enum Expanded {
    /// Other syntax.
    To(Expr),
    /// It is no call of this macro after all; it stays a call.
    Not(Option<Expr>, Vec<Expr>),
}

/// Why a macro cannot be expanded.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct MacroError {
    /// Bytes of the text.
    pub at: (u32, u32),
    /// What is wrong.
    pub message: String,
}

/// What an evaluation may use besides its variables.
#[derive(Clone, Copy)]
pub struct Context<'a> {
    /// Who answers questions.
    pub lookup: &'a dyn Lookup,
    /// The time of the decision.
    pub now: Timestamp,
    /// Bounds; the cost is bounded by the [`Budget`].
    pub limits: Limits,
    /// True once the time for this evaluation has run out.
    pub interrupted: &'a (dyn Fn() -> bool + Sync),
    /// What the host of the evaluation wants its own functions to find (a place to put generated objects).
    pub host: Option<&'a (dyn Any + Send + Sync)>,
}

impl<'a> Context<'a> {
    /// The context of a policy's evaluation.
    #[must_use]
    pub fn of(context: &PolicyContext<'a>) -> Context<'a> {
        Context { lookup: context.lookup, now: context.now, limits: context.limits, interrupted: context.interrupted, host: None }
    }

    /// A context without outside, at the beginning of time.
    #[must_use]
    pub fn bare() -> Context<'static> {
        Context {
            lookup: &probity_core::NoLookup,
            now: Timestamp { seconds: 0, nanoseconds: 0 },
            limits: Limits::default(),
            interrupted: &|| false,
            host: None,
        }
    }
}

impl fmt::Debug for Context<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Context").field("limits", &self.limits).field("now", &self.now).finish_non_exhaustive()
    }
}

/// What evaluations may still cost. One budget may serve several expressions.
#[derive(Clone, Debug)]
pub struct Budget {
    limit: u64,
    spent: u64,
    bytes: u64,
    depth: u32,
    steps: u32,
}

impl Budget {
    /// A budget of cost, in the units of the API server.
    #[must_use]
    pub fn new(limit: u64) -> Budget {
        Budget { limit, spent: 0, bytes: 0, depth: 0, steps: 0 }
    }

    /// The cost of one expression that a policy's limits allow.
    #[must_use]
    pub fn of(limits: &Limits) -> Budget {
        Budget::new(limits.cel_cost)
    }

    /// What was spent.
    #[must_use]
    pub fn spent(&self) -> u64 {
        self.spent
    }

    /// Spends some.
    ///
    /// # Errors
    /// A limit, where there is not as much left.
    #[inline]
    pub fn spend(&mut self, cost: u64) -> Result<(), CelError> {
        self.spent = self.spent.saturating_add(cost);
        if self.spent > self.limit { Err(self.exceeded()) } else { Ok(()) }
    }

    /// One level deeper.
    #[inline]
    pub(crate) fn enter(&mut self, most: u32) -> Result<(), CelError> {
        if self.depth >= most {
            return Err(CelError::limit(format!("the evaluation nests deeper than {most} levels")));
        }
        self.depth += 1;
        Ok(())
    }

    /// One level up.
    #[inline]
    pub(crate) fn leave(&mut self) {
        self.depth = self.depth.saturating_sub(1);
    }

    /// Takes back what was spent too much.
    pub(crate) fn refund(&mut self, cost: u64) {
        self.spent = self.spent.saturating_sub(cost);
    }

    #[cold]
    fn exceeded(&self) -> CelError {
        CelError::limit(format!("operation cancelled: actual cost limit exceeded ({})", self.limit))
    }
}

/// What a function finds when it is called.
#[derive(Debug)]
pub struct Call<'a> {
    /// The outside.
    pub context: &'a Context<'a>,
    /// What may still be spent. The cost of the call itself is spent by the evaluator.
    pub budget: &'a mut Budget,
}

impl<'a> Call<'a> {
    /// A call outside of an expression: for tests.
    pub fn new(context: &'a Context<'a>, budget: &'a mut Budget) -> Call<'a> {
        Call { context, budget }
    }

    /// Says that a function is about to make so many bytes.
    ///
    /// # Errors
    /// A limit, where the evaluation would make more than it may.
    #[inline]
    pub fn allocate(&mut self, bytes: usize) -> Result<(), CelError> {
        self.budget.bytes = self.budget.bytes.saturating_add(bytes as u64);
        if self.budget.bytes > self.context.limits.bytes {
            return Err(CelError::limit(format!("the evaluation makes more than {} bytes", self.context.limits.bytes)));
        }
        Ok(())
    }

    /// Counts a step; looks now and then whether the time has run out. For loops in functions.
    ///
    /// # Errors
    /// A limit, where it has.
    #[inline]
    pub fn step(&mut self) -> Result<(), CelError> {
        self.budget.steps = self.budget.steps.wrapping_add(1);
        if self.budget.steps & 0x3ff == 0 && (self.context.interrupted)() {
            return Err(CelError::limit("operation interrupted: the time of the evaluation has run out"));
        }
        Ok(())
    }

    /// A compiled regular expression in the syntax of RE2; patterns in use are kept.
    ///
    /// # Errors
    /// Says what is wrong with the pattern.
    pub fn regex(&mut self, pattern: &str) -> Result<Arc<Regex>, CelError> {
        crate::pattern::compile(pattern)
    }

    /// What the host put into the context, if it is a `T`.
    #[must_use]
    pub fn host<T: Any>(&self) -> Option<&'a T> {
        self.context.host.and_then(|host| (host as &dyn Any).downcast_ref())
    }
}
