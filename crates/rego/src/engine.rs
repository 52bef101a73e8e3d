//! The way in: modules are compiled into a [`Program`], questions are prepared, and asked about inputs many times.

use std::collections::BTreeMap;
use std::fmt;
use std::sync::Arc;

use probity_core::{Diagnostic, Level, Limits, Lookup, NoLookup, Timestamp};
use probity_value::{FileId, Span, Value};

use crate::Term;
pub use crate::ast::Version;
use crate::compile;

/// Gathers modules and data.
#[derive(Default)]
pub struct Compiler {
    modules: Vec<(Arc<str>, Arc<str>, FileId, Version)>,
    data: Vec<Value>,
    terms: Vec<Term>,
    keep_prints: bool,
    tests_apart: bool,
}

impl Compiler {
    /// Nothing gathered yet.
    #[must_use]
    pub fn new() -> Compiler {
        Compiler::default()
    }

    /// Adds a module. `file` is its name for messages, `id` its number for places; `version` counts where the module does not say
    /// `import rego.v1` itself.
    #[must_use]
    pub fn module(mut self, file: impl Into<Arc<str>>, text: impl Into<Arc<str>>, id: FileId, version: Version) -> Compiler {
        self.modules.push((file.into(), text.into(), id, version));
        self
    }

    /// Adds a document that is merged into `data`; where two say something of the same path the later one counts.
    #[must_use]
    pub fn data(mut self, value: &Value) -> Compiler {
        self.data.push(value.clone());
        self
    }

    /// As [`Compiler::data`], for a term: exact numbers of test suites.
    #[must_use]
    pub fn data_term(mut self, term: Term) -> Compiler {
        self.terms.push(term);
        self
    }

    /// Calls of `print` are kept; without this they are left out, as OPA does outside of tests.
    #[must_use]
    pub fn prints(mut self) -> Compiler {
        self.keep_prints = true;
        self
    }

    /// Tests of one name in one package stay apart, so that none hides behind another: the second is `test_x#01`.
    #[must_use]
    pub fn tests_apart(mut self) -> Compiler {
        self.tests_apart = true;
        self
    }

    /// Compiles everything.
    ///
    /// # Errors
    /// Everything that is wrong with the modules: syntax, unsafe variables, recursion, conflicts, unknown functions, types.
    pub fn compile(self) -> Result<Program, Vec<Diagnostic>> {
        let mut modules = Vec::new();
        let mut problems = Vec::new();
        for (file, text, id, version) in &self.modules {
            match crate::parse::module(file, text, *id, *version) {
                Ok(module) => modules.push(module),
                Err(problem) => problems.push(problem),
            }
        }
        if !problems.is_empty() {
            return Err(problems);
        }
        if self.tests_apart {
            part_tests(&mut modules);
        }
        let mut base = Term::empty_object();
        if let Some(unknown) = self.data.iter().find_map(Value::find_unknown) {
            let message = format!("the data are not wholly known: {}", unknown.reason);
            return Err(vec![Diagnostic::new(Level::Error, "rego-data", "data", Span::NONE, message)]);
        }
        for value in &self.data {
            base = merge(&base, &Term::from_value(value));
        }
        for term in &self.terms {
            base = merge(&base, term);
        }
        compile::program(modules, base, self.keep_prints).map(|inner| Program { inner: Arc::new(inner) })
    }
}

/// Numbers tests of one name in one package.
fn part_tests(modules: &mut [crate::ast::Module]) {
    let mut seen: BTreeMap<(Vec<Arc<str>>, Arc<str>), usize> = BTreeMap::new();
    for module in modules {
        for rule in &mut module.rules {
            let head = &mut rule.head;
            let test = head.name.starts_with("test_") || head.name.starts_with("todo_test_");
            if !test || !head.path.is_empty() || head.args.is_some() || rule.is_default {
                continue;
            }
            let count = seen.entry((module.package.clone(), Arc::clone(&head.name))).or_default();
            if *count > 0 {
                head.name = format!("{}#{count:02}", head.name).into();
            }
            *count += 1;
        }
    }
}

/// Two documents in one; where both say something the second counts.
fn merge(first: &Term, second: &Term) -> Term {
    match (first.as_object(), second.as_object()) {
        (Some(left), Some(_)) if left.is_empty() => second.clone(),
        (Some(left), Some(right)) => {
            let mut entries: Vec<(Term, Term)> = left.iter().filter(|(key, _)| right.get(key).is_none()).collect();
            for (key, value) in right.iter() {
                let merged = left.get(&key).map_or_else(|| value.clone(), |before| merge(&before, &value));
                entries.push((key, merged));
            }
            Term::object(entries)
        }
        _ => second.clone(),
    }
}

/// Compiled modules; cheap to clone, shared by threads.
#[derive(Clone)]
pub struct Program {
    pub(crate) inner: Arc<compile::Compiled>,
}

impl fmt::Debug for Program {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Program").field("rules", &self.rules().len()).finish_non_exhaustive()
    }
}

/// What a rule makes.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum RuleKind {
    /// One value.
    Complete,
    /// A set.
    Set,
    /// An object.
    Object,
    /// A function.
    Function,
}

/// A rule, for those who look for `deny`, `warn`, `test_...`. The parts of one rule (several bodies) come one by one.
#[derive(Clone, Debug)]
pub struct RuleInfo {
    /// The package without `data`: `["kubernetes", "admission"]`.
    pub package: Arc<[Arc<str>]>,
    /// The name; of a reference its constant parts: `deny`, `authz.allow`.
    pub name: Arc<str>,
    /// What it makes.
    pub kind: RuleKind,
    /// Number of arguments of a function.
    pub arity: usize,
    /// Whether it is a default.
    pub is_default: bool,
    /// Where it stands.
    pub span: Span,
    /// Annotations of the rule, of the document, of the package and its parents, nearest first: `{scope, title, custom, ...}`.
    pub annotations: Vec<Term>,
}

impl RuleInfo {
    /// The path to ask for: `data.kubernetes.admission.deny`.
    #[must_use]
    pub fn path(&self) -> String {
        let mut path = "data".to_owned();
        for part in self.package.iter() {
            if is_name(part) {
                path.push('.');
                path.push_str(part);
            } else {
                path.push_str(&format!("[{}]", Term::string(Arc::clone(part)).to_json()));
            }
        }
        path.push('.');
        path.push_str(&self.name);
        path
    }
}

pub(crate) fn is_name(text: &str) -> bool {
    !text.is_empty()
        && !text.starts_with(|letter: char| letter.is_ascii_digit())
        && text.chars().all(|letter| letter.is_ascii_alphanumeric() || letter == '_')
}

/// A prepared question.
#[derive(Clone)]
pub struct Query {
    pub(crate) inner: Arc<compile::PreparedQuery>,
}

impl fmt::Debug for Query {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Query").finish_non_exhaustive()
    }
}

/// Documents under `data` for one or more evaluations, over those the program was compiled with.
#[derive(Clone, Debug, Default)]
pub struct DataOverlay {
    pub(crate) term: Option<Term>,
    /// Why a part of it is not known.
    unknown: Option<Arc<str>>,
}

impl DataOverlay {
    /// An overlay of these documents, merged in order. Keep it and give it again: merging with the program's data is done once for each
    /// call of this.
    #[must_use]
    pub fn new(program: &Program, values: &[Value]) -> DataOverlay {
        let mut term = program.inner.base.clone();
        for value in values {
            term = merge(&term, &Term::from_value(value));
        }
        let unknown = values.iter().find_map(Value::find_unknown).map(|unknown| Arc::clone(&unknown.reason));
        DataOverlay { term: Some(term), unknown }
    }
}

/// What an evaluation may use.
#[derive(Clone, Copy)]
pub struct EvalOptions<'a> {
    /// Bounds.
    pub limits: Limits,
    /// What `time.now_ns` says.
    pub now: Timestamp,
    /// Who answers questions to the outside.
    pub lookup: &'a dyn Lookup,
    /// True once the time has run out.
    pub interrupted: &'a (dyn Fn() -> bool + Sync),
    /// Errors of builtins end the evaluation; otherwise what they would give is undefined.
    pub strict_builtin_errors: bool,
    /// Note which lines were evaluated.
    pub coverage: bool,
    /// Note on which places of the input the members of an answer depend; costs some time.
    pub places: bool,
    /// Environment variables for `opa.runtime()`: an object, or null.
    pub runtime: Option<&'a Term>,
    /// Seed of everything random; the same seed gives the same answers.
    pub seed: u64,
}

impl Default for EvalOptions<'_> {
    fn default() -> Self {
        EvalOptions {
            limits: Limits::default(),
            now: Timestamp { seconds: 0, nanoseconds: 0 },
            lookup: &NoLookup,
            interrupted: &|| false,
            strict_builtin_errors: false,
            coverage: false,
            places: false,
            runtime: None,
            seed: 0,
        }
    }
}

impl fmt::Debug for EvalOptions<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("EvalOptions").field("limits", &self.limits).finish_non_exhaustive()
    }
}

/// One line that `print` wrote.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Print {
    /// Where it was called.
    pub at: Span,
    /// The text.
    pub text: String,
}

/// One solution of a query: its variables by name, in order, and the values of its lines.
#[derive(Clone, Debug, Default)]
pub struct Solution {
    /// Variables.
    pub bindings: Vec<(Arc<str>, Term)>,
    /// Values of the lines of the query.
    pub values: Vec<Term>,
}

/// The answer.
#[derive(Clone, Debug, Default)]
pub struct Evaluation {
    /// Solutions; none where the query is undefined.
    pub solutions: Vec<Solution>,
    /// For a query that is a path to a rule and with [`EvalOptions::places`]: for each member of the answer that is a set (or the answer
    /// itself), the places of the input it depends on, the most telling one first.
    pub places: Vec<(Term, Vec<Span>)>,
    /// What `print` wrote.
    pub prints: Vec<Print>,
    /// With [`EvalOptions::coverage`]: expressions that were reached.
    pub covered: Vec<Span>,
    /// Steps it took.
    pub steps: u64,
}

impl Evaluation {
    /// The value of a query that is one expression: that of the first solution.
    #[must_use]
    pub fn value(&self) -> Option<&Term> {
        self.solutions.first()?.values.first()
    }

    /// The members of the answer where it is a set or a list; the answer itself where it is anything else.
    #[must_use]
    pub fn members(&self) -> Vec<Term> {
        match self.value() {
            Some(Term::Set(set)) => set.iter().cloned().collect(),
            Some(value) => value.as_array().map_or_else(|| vec![value.clone()], |items| items.to_vec()),
            None => Vec::new(),
        }
    }

    /// The places of a member of the answer.
    #[must_use]
    pub fn places_of(&self, member: &Term) -> &[Span] {
        self.places.iter().find(|(found, _)| found == member).map_or(&[], |(_, places)| places)
    }
}

/// What ended an evaluation.
#[derive(Clone, PartialEq, Eq, Debug, thiserror::Error)]
#[error("{message}")]
pub struct EvalError {
    /// The kind, in OPA's words.
    pub code: ErrorCode,
    /// What happened.
    pub message: String,
    /// Where in the policy.
    pub at: Span,
}

/// Kinds of errors of an evaluation.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub enum ErrorCode {
    /// A rule or function has several values.
    Conflict,
    /// A builtin got a value of the wrong type.
    Type,
    /// A builtin failed.
    Builtin,
    /// The time ran out.
    Cancelled,
    /// A bound of steps, bytes or depth was met, or the program cannot go on.
    Internal,
}

impl ErrorCode {
    /// The code of OPA: `eval_conflict_error`.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            ErrorCode::Conflict => "eval_conflict_error",
            ErrorCode::Type => "eval_type_error",
            ErrorCode::Builtin => "eval_builtin_error",
            ErrorCode::Cancelled => "eval_cancel_error",
            ErrorCode::Internal => "eval_internal_error",
        }
    }
}

impl Program {
    /// Prepares a question: a path (`data.main.deny`) or any query (`data.main.p = x; x > 1`).
    ///
    /// # Errors
    /// Says what is wrong with it.
    pub fn prepare(&self, text: &str) -> Result<Query, Diagnostic> {
        compile::prepare(&self.inner, text).map(|inner| Query { inner: Arc::new(inner) })
    }

    /// Asks a prepared question about an input. Without an input `input` is undefined.
    ///
    /// # Errors
    /// What ended the evaluation: a conflict, a builtin (if strict), a bound. Fails too where the input holds something unknown.
    pub fn evaluate(
        &self,
        query: &Query,
        input: Option<&Value>,
        data: Option<&DataOverlay>,
        options: &EvalOptions<'_>,
    ) -> Result<Evaluation, EvalError> {
        if let Some(unknown) = input.and_then(Value::find_unknown) {
            return Err(EvalError {
                code: ErrorCode::Internal,
                message: format!("the input is not wholly known: {}", unknown.reason),
                at: Span::NONE,
            });
        }
        self.evaluate_term(query, input.map(Term::from_value), data, options)
    }

    /// As [`Program::evaluate`], for an input that is a term (and was checked to hold nothing unknown).
    ///
    /// # Errors
    /// As [`Program::evaluate`].
    pub fn evaluate_term(
        &self,
        query: &Query,
        input: Option<Term>,
        data: Option<&DataOverlay>,
        options: &EvalOptions<'_>,
    ) -> Result<Evaluation, EvalError> {
        if let Some(reason) = data.and_then(|data| data.unknown.as_ref()) {
            return Err(EvalError {
                code: ErrorCode::Internal,
                message: format!("the data are not wholly known: {reason}"),
                at: Span::NONE,
            });
        }
        crate::eval::run(&self.inner, &query.inner, input, data.and_then(|data| data.term.clone()), options)
    }

    /// The packages, without `data`, in order.
    #[must_use]
    pub fn packages(&self) -> Vec<Arc<[Arc<str>]>> {
        let mut packages: BTreeMap<Arc<[Arc<str>]>, ()> = BTreeMap::new();
        for package in &self.inner.packages {
            packages.insert(Arc::clone(package), ());
        }
        packages.into_keys().collect()
    }

    /// The rules, in the order of the modules.
    #[must_use]
    pub fn rules(&self) -> &[RuleInfo] {
        &self.inner.infos
    }

    /// Every expression and rule that coverage can tell of, in order.
    #[must_use]
    pub fn coverable(&self) -> &[Span] {
        &self.inner.coverable
    }
}
