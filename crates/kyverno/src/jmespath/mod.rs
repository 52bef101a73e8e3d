//! JMESPath as Kyverno speaks it: the grammar and evaluation of its fork of go-jmespath, where a key that does not exist is an error
//! that `||`, comparisons, functions and pipes take for null, and its own functions.

mod functions;
mod interpreter;
mod lexer;
mod parser;

use std::cell::{Cell, RefCell};
use std::collections::HashMap;
use std::sync::Arc;

use probity_core::{Limits, Lookup, LookupError, PolicyContext, Question, Timestamp};
use probity_value::{Span, Unknown, Value};

use crate::scope::Scope;

/// What kind of error it is.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum JmesErrorKind {
    /// A key or variable does not exist.
    NotFound,
    /// What is asked for cannot be known here: an unknown part of an object, or a question nobody answers.
    Unknown,
    /// A bound of steps, size, depth or time is met.
    Limit,
    /// The expression is wrong, or does not fit what it is applied to.
    Wrong,
}

/// Why an expression has no value.
#[derive(Clone, PartialEq, Eq, Debug, thiserror::Error)]
#[error("{message}")]
pub struct JmesError {
    /// The kind.
    pub kind: JmesErrorKind,
    /// For a person.
    pub message: String,
    /// Where the expression stands in the policy.
    pub at: Span,
}

impl JmesError {
    /// An error of a kind, nowhere yet.
    #[must_use]
    pub fn new(kind: JmesErrorKind, message: impl Into<String>) -> JmesError {
        JmesError { kind, message: message.into(), at: Span::NONE }
    }

    /// The expression is wrong.
    #[must_use]
    pub fn wrong(message: impl Into<String>) -> JmesError {
        JmesError::new(JmesErrorKind::Wrong, message)
    }

    /// A bound is met.
    #[must_use]
    pub fn limit(message: impl Into<String>) -> JmesError {
        JmesError::new(JmesErrorKind::Limit, message)
    }

    /// What is asked for cannot be known here.
    #[must_use]
    pub fn unknown(message: impl Into<String>) -> JmesError {
        JmesError::new(JmesErrorKind::Unknown, message)
    }

    /// The same error at a place, unless it has one.
    #[must_use]
    pub fn at(mut self, at: Span) -> JmesError {
        self.at = self.at.or(at);
        self
    }

    /// Whether it is about a key or variable that does not exist.
    #[must_use]
    pub fn is_not_found(&self) -> bool {
        self.kind == JmesErrorKind::NotFound
    }

    /// Whether the answer cannot be known here, which is a result of its own.
    #[must_use]
    pub fn is_unknown(&self) -> bool {
        self.kind == JmesErrorKind::Unknown
    }
}

impl From<&Unknown> for JmesError {
    fn from(unknown: &Unknown) -> JmesError {
        JmesError::unknown(&*unknown.reason)
    }
}

impl From<LookupError> for JmesError {
    fn from(error: LookupError) -> JmesError {
        let kind = match error {
            LookupError::Absent(_) => JmesErrorKind::Wrong,
            LookupError::Unanswered(_) => JmesErrorKind::Unknown,
        };
        JmesError::new(kind, error.to_string())
    }
}

/// A parsed expression: evaluated often, shared between threads.
#[derive(Debug)]
pub struct Expression {
    text: Arc<str>,
    at: Span,
    parsed: parser::Parsed,
}

impl Expression {
    /// Reads an expression that stands at `at`.
    ///
    /// # Errors
    /// Says what is wrong and at which character; unknown functions and wrong numbers of arguments count as wrong.
    pub fn parse(text: &str, at: Span) -> Result<Expression, JmesError> {
        let text = text.trim();
        if text.is_empty() {
            return Err(JmesError::wrong("the expression is empty").at(at));
        }
        let parsed = parser::parse(text).map_err(|error| error.at(at))?;
        Ok(Expression { text: text.into(), at, parsed })
    }

    /// The expression as it was written, without space around it.
    #[must_use]
    pub fn text(&self) -> &Arc<str> {
        &self.text
    }

    /// Where it stands.
    #[must_use]
    pub fn span(&self) -> Span {
        self.at
    }

    /// The value of the expression in a scope. Context entries that its text mentions are loaded first.
    ///
    /// # Errors
    /// A key at the end of a path does not exist, a function refuses an argument, an entry cannot be loaded, or a bound is met.
    pub fn search(&self, scope: &Scope<'_>) -> Result<Value, JmesError> {
        scope.load_mentioned(&self.text).map_err(|error| error.at(self.at))?;
        self.run(interpreter::Input::Scope(scope), scope.evaluation())
    }

    /// The value of the expression applied to a value.
    ///
    /// # Errors
    /// As [`Expression::search`].
    pub fn search_value(&self, value: &Value, evaluation: &Evaluation<'_>) -> Result<Value, JmesError> {
        self.run(interpreter::Input::Value(value), evaluation)
    }

    fn run(&self, input: interpreter::Input<'_, '_>, evaluation: &Evaluation<'_>) -> Result<Value, JmesError> {
        let found = interpreter::run(&self.parsed.root, input, evaluation).map_err(|error| error.at(self.at))?;
        if self.parsed.makes {
            // What is made may share its parts many times over; whoever walks it pays for each.
            evaluation.weigh(&found).map_err(|error| error.at(self.at))?;
        }
        Ok(found)
    }
}

/// The largest value an expression may make, in nodes, shared ones counted as often as they occur.
const MAX_NODES: u64 = 4_000_000;

/// How many entries may load one another.
const MAX_LOADS: u32 = 48;

/// What one evaluation may use and has used: who answers questions, the time, bounds.
pub struct Evaluation<'a> {
    /// Who answers questions.
    pub lookup: &'a dyn Lookup,
    /// The time.
    pub now: Timestamp,
    /// Bounds.
    pub limits: Limits,
    interrupted: &'a (dyn Fn() -> bool + Sync),
    steps: Cell<u64>,
    bytes: Cell<u64>,
    loads: Cell<u32>,
    regexes: RefCell<HashMap<String, regex::Regex>>,
    expressions: RefCell<HashMap<String, Arc<Expression>>>,
}

impl std::fmt::Debug for Evaluation<'_> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Evaluation").field("steps", &self.steps).field("bytes", &self.bytes).finish_non_exhaustive()
    }
}

impl<'a> Evaluation<'a> {
    /// A new one, with nothing used yet.
    #[must_use]
    pub fn new(context: &PolicyContext<'a>) -> Evaluation<'a> {
        Evaluation {
            lookup: context.lookup,
            now: context.now,
            limits: context.limits,
            interrupted: context.interrupted,
            steps: Cell::new(0),
            bytes: Cell::new(0),
            loads: Cell::new(0),
            regexes: RefCell::default(),
            expressions: RefCell::default(),
        }
    }

    /// The answer to a question.
    ///
    /// # Errors
    /// [`JmesErrorKind::Unknown`] where nobody answers, [`JmesErrorKind::Wrong`] where it does not exist.
    pub fn ask(&self, question: &Question) -> Result<Value, JmesError> {
        Ok(self.lookup.ask(question)?)
    }

    /// Counts steps of work.
    ///
    /// # Errors
    /// The bound is met, or the time has run out.
    pub fn step(&self, count: u64) -> Result<(), JmesError> {
        let before = self.steps.get();
        let after = before.saturating_add(count);
        self.steps.set(after);
        if after > self.limits.steps {
            return Err(JmesError::limit(format!("the evaluation takes more than {} steps", self.limits.steps)));
        }
        if before >> 12 != after >> 12 && (self.interrupted)() {
            return Err(JmesError::limit("the time for the evaluation has run out"));
        }
        Ok(())
    }

    /// Counts bytes made.
    ///
    /// # Errors
    /// The bound is met.
    pub fn grow(&self, bytes: usize) -> Result<(), JmesError> {
        let after = self.bytes.get().saturating_add(bytes as u64);
        self.bytes.set(after);
        if after > self.limits.bytes {
            return Err(JmesError::limit(format!("the evaluation makes more than {} bytes", self.limits.bytes)));
        }
        self.step(bytes as u64 / 64)
    }

    /// Steps used so far.
    #[must_use]
    pub fn steps(&self) -> u64 {
        self.steps.get()
    }

    /// Goes one load deeper.
    pub(crate) fn loading<T>(&self, load: impl FnOnce() -> Result<T, JmesError>) -> Result<T, JmesError> {
        let depth = self.loads.get();
        if depth >= MAX_LOADS {
            return Err(JmesError::limit(format!("more than {MAX_LOADS} context entries load one another")));
        }
        self.loads.set(depth + 1);
        let loaded = load();
        self.loads.set(depth);
        loaded
    }

    /// An expression that is made of variables at evaluation; the same text is read once.
    pub(crate) fn expression(&self, text: &str, at: Span) -> Result<Arc<Expression>, JmesError> {
        if let Some(known) = self.expressions.borrow().get(text) {
            return Ok(Arc::clone(known));
        }
        self.grow(text.len())?;
        let parsed = Arc::new(Expression::parse(text, at)?);
        self.expressions.borrow_mut().insert(text.to_owned(), Arc::clone(&parsed));
        Ok(parsed)
    }

    /// A regular expression that is made at evaluation; the same text is read once.
    fn regex(&self, function: &str, pattern: &str) -> Result<regex::Regex, JmesError> {
        if let Some(known) = self.regexes.borrow().get(pattern) {
            return Ok(known.clone());
        }
        self.grow(64 << 10)?;
        let made = functions::regex(function, pattern)?;
        self.regexes.borrow_mut().insert(pattern.to_owned(), made.clone());
        Ok(made)
    }

    /// Checks how large a value is when all its parts are walked.
    fn weigh(&self, value: &Value) -> Result<(), JmesError> {
        fn count(value: &Value, left: &mut u64) {
            *left = left.saturating_sub(1);
            if *left == 0 {
                return;
            }
            match &value.data {
                probity_value::Data::List(items) => items.iter().for_each(|item| count(item, left)),
                probity_value::Data::Map(map) => map.values().for_each(|item| count(item, left)),
                _ => {}
            }
        }
        let mut left = MAX_NODES;
        count(value, &mut left);
        self.step((MAX_NODES - left) / 16)?;
        if left == 0 { Err(JmesError::limit(format!("the expression makes a value of more than {MAX_NODES} parts"))) } else { Ok(()) }
    }
}
