//! The built-in functions of OPA 1.19, what they take, and what they may use.
//!
//! A function gets its arguments in order and gives one value, or the reason why there is none. It never touches the outside: the time,
//! the seed of random numbers and the answers to questions come with the [`Context`].

mod aggregates;
mod arithmetic;
mod arrays;
mod aws;
mod bits;
mod caches;
mod compare;
mod config;
mod encoding;
mod globs;
mod graph;
mod graphql;
mod hashes;
mod jwt;
mod kinds;
mod net;
mod objects;
mod operands;
mod outside;
mod patches;
mod random;
mod regexes;
mod schema;
mod semver;
mod sets;
mod sprintf;
mod strings;
mod table;
mod template;
mod times;
mod types;
mod units;
mod urls;
mod uuid;
mod x509;
mod yaml;

use std::fmt;

use probity_core::{Limits, Lookup, Timestamp};
use probity_value::Span;

use crate::term::Term;

pub use caches::Caches;
pub(crate) use config::CONFIG_FILES;
pub use graph::{Visit, walk};
pub use table::BUILTINS;
pub use types::Type;

/// One built-in function.
pub struct Builtin {
    /// Its full name: `object.get`.
    pub name: &'static str,
    /// The operator it is written as: `+`; empty where there is none.
    pub infix: &'static str,
    /// The name, which may be empty, and type of each argument.
    pub arguments: &'static [(&'static str, Type)],
    /// The name, which may be empty, and type of its result; `None` where it gives nothing to look at.
    pub result: Option<(&'static str, Type)>,
    /// Whether it takes any number of arguments.
    pub variadic: bool,
    /// Whether it gives many results, as a set of them: `walk`.
    pub relation: bool,
    /// Whether it may give other results for the same arguments.
    pub nondeterministic: bool,
    /// Whether new policies shall not use it; refused in Rego v1.
    pub deprecated: bool,
    function: Function,
}

/// How functions look inside.
pub(crate) type Function = fn(&mut Context<'_>, &[Term]) -> Answer;

/// What functions give.
pub(crate) type Answer = Result<Term, Failure>;

impl Builtin {
    /// Number of arguments, without the output that may be written as a last one.
    #[must_use]
    pub fn arity(&self) -> usize {
        self.arguments.len()
    }

    /// Its value for arguments; `None` where it has none for them. Of a relation the array of all its results.
    ///
    /// # Errors
    /// The arguments do not fit, the function fails, or a limit is met.
    pub fn call(&self, context: &mut Context<'_>, arguments: &[Term]) -> Result<Option<Term>, BuiltinError> {
        match (self.function)(context, arguments) {
            Ok(term) => Ok(Some(term)),
            Err(Failure::Undefined) => Ok(None),
            Err(Failure::Operand(message)) => Err(BuiltinError { code: Code::Type, message: format!("{}: {message}", self.name) }),
            Err(Failure::Failed(message)) => Err(BuiltinError { code: Code::Builtin, message: format!("{}: {message}", self.name) }),
            Err(Failure::Halt(message)) => Err(BuiltinError { code: Code::Halt, message: format!("{}: {message}", self.name) }),
        }
    }
}

impl fmt::Debug for Builtin {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name)
    }
}

/// Kinds of errors.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Code {
    /// An argument has the wrong type: `eval_type_error`. Undefined, unless errors of functions are fatal.
    Type,
    /// The function fails for these arguments: `eval_builtin_error`. Undefined, unless errors of functions are fatal.
    Builtin,
    /// The evaluation cannot go on, whatever the settings: a limit is met, or the outside does not answer.
    Halt,
}

impl Code {
    /// OPA's word for it.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Code::Type => "eval_type_error",
            Code::Builtin => "eval_builtin_error",
            Code::Halt => "eval_cancel_error",
        }
    }
}

/// Why a function has no value.
#[derive(Clone, PartialEq, Eq, Debug, thiserror::Error)]
#[error("{}: {message}", code.as_str())]
pub struct BuiltinError {
    /// The kind of error.
    pub code: Code,
    /// The name of the function and what is wrong.
    pub message: String,
}

/// Why a function gives nothing.
#[derive(Debug)]
pub(crate) enum Failure {
    /// There is no value for these arguments, and that is no error.
    Undefined,
    /// An argument does not fit.
    Operand(String),
    /// It fails.
    Failed(String),
    /// The evaluation has to end.
    Halt(String),
}

impl Failure {
    /// It fails for a reason.
    pub(crate) fn failed(reason: impl Into<String>) -> Failure {
        Failure::Failed(reason.into())
    }
}

/// Makes the syntax tree of a module of its file name and text, or says what is wrong with it.
pub type ParseModule = fn(&str, &str) -> Result<Term, String>;

/// What functions may use besides their arguments.
pub struct Context<'a> {
    /// The time of the evaluation.
    pub now: Timestamp,
    /// Who answers questions to the outside.
    pub lookup: &'a dyn Lookup,
    /// True once the time for the evaluation has run out.
    pub interrupted: &'a (dyn Fn() -> bool + Sync),
    /// Bytes that functions may still make.
    pub bytes: u64,
    /// How deep values may nest.
    pub depth: u32,
    /// What random numbers and identifiers are made of: the same within one evaluation.
    pub seed: u64,
    /// Compiled patterns, kept for all evaluations.
    pub caches: &'a Caches,
    /// What `trace` was told.
    pub notes: Vec<String>,
    /// What was printed, line by line.
    pub prints: Vec<String>,
    /// Makes the syntax tree that `rego.parse_module` gives.
    pub parse_module: Option<ParseModule>,
    /// What `opa.runtime` gives.
    pub runtime: Term,
    /// Where in the policy the function is called.
    pub at: Span,
}

impl<'a> Context<'a> {
    /// A context with the bounds of an evaluation.
    #[must_use]
    pub fn new(
        now: Timestamp,
        lookup: &'a dyn Lookup,
        interrupted: &'a (dyn Fn() -> bool + Sync),
        limits: &Limits,
        caches: &'a Caches,
    ) -> Context<'a> {
        Context {
            now,
            lookup,
            interrupted,
            bytes: limits.bytes,
            depth: limits.depth,
            seed: 0,
            caches,
            notes: Vec::new(),
            prints: Vec::new(),
            parse_module: None,
            runtime: Term::empty_object(),
            at: Span::NONE,
        }
    }

    /// Takes bytes off what may still be made.
    pub(crate) fn spend(&mut self, bytes: usize) -> Result<(), Failure> {
        match self.bytes.checked_sub(u64::try_from(bytes).unwrap_or(u64::MAX)) {
            Some(left) => {
                self.bytes = left;
                Ok(())
            }
            None => Err(Failure::Halt("more bytes would be made than an evaluation may make".to_owned())),
        }
    }

    /// Ends the evaluation where its time has run out.
    pub(crate) fn check_time(&self) -> Result<(), Failure> {
        if (self.interrupted)() { Err(Failure::Halt("the time for the evaluation has run out".to_owned())) } else { Ok(()) }
    }
}

/// The function of a name.
#[must_use]
pub fn find(name: &str) -> Option<&'static Builtin> {
    BUILTINS.binary_search_by(|builtin| builtin.name.cmp(name)).ok().and_then(|at| BUILTINS.get(at))
}

/// The function an operator stands for.
#[must_use]
pub fn find_infix(operator: &str) -> Option<&'static Builtin> {
    if operator.is_empty() {
        return None;
    }
    BUILTINS.iter().find(|builtin| builtin.infix == operator)
}

#[cfg(test)]
pub(crate) mod tests {
    use super::*;
    use probity_core::NoLookup;

    /// The result of a call.
    pub(crate) fn shown_of(name: &str, arguments: &[Term]) -> Term {
        let caches = Caches::default();
        let mut context =
            Context::new(Timestamp { seconds: 1_700_000_000, nanoseconds: 5 }, &NoLookup, &|| false, &Limits::default(), &caches);
        find(name).unwrap().call(&mut context, arguments).unwrap().unwrap()
    }

    /// The result of a call, as OPA prints it; `undefined`, or the error.
    pub(crate) fn shown(name: &str, arguments: &[Term]) -> String {
        let caches = Caches::default();
        let mut context =
            Context::new(Timestamp { seconds: 1_700_000_000, nanoseconds: 5 }, &NoLookup, &|| false, &Limits::default(), &caches);
        match find(name).unwrap_or_else(|| panic!("no {name}")).call(&mut context, arguments) {
            Ok(Some(term)) => term.to_string(),
            Ok(None) => "undefined".to_owned(),
            Err(error) => error.to_string(),
        }
    }

    /// Arguments from one JSON list; an object with the single key `$set` is a set.
    pub(crate) fn arguments(text: &str) -> Vec<Term> {
        let term = crate::json::parse(text).unwrap_or_else(|error| panic!("{text}: {error}"));
        term.as_array().unwrap().iter().map(|term| sets_in(&term)).collect()
    }

    fn sets_in(term: &Term) -> Term {
        if let Some(array) = term.as_array() {
            return Term::array(array.iter().map(|item| sets_in(&item)).collect());
        }
        let Some(object) = term.as_object() else { return term.clone() };
        if let (1, Some(items)) = (object.len(), object.get_str("$set")) {
            return Term::set(items.as_array().unwrap().iter().map(|item| sets_in(&item)).collect());
        }
        Term::object(object.iter().map(|(key, value)| (key, sets_in(&value))).collect())
    }

    pub(crate) fn check(name: &str, given: &str, expected: &str) {
        assert_eq!(shown(name, &arguments(given)), expected, "{name}({given})");
    }

    #[test]
    fn the_table_is_in_order() {
        assert!(BUILTINS.is_sorted_by(|a, b| a.name < b.name));
        assert!(find("object.get").is_some());
        assert!(find("object.gets").is_none());
        assert_eq!(find_infix("+").unwrap().name, "plus");
        assert_eq!(find("count").unwrap().arguments[0].1.to_string(), "any<string, array[any], object[any: any], set[any]>");
    }
}
