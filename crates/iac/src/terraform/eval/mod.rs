//! Evaluation of expressions: what is known is worked out, what is not stays unknown with its reason, and every value carries where
//! it came from.
//!
//! What lives here: the evaluator of one root and the kinds of expressions. Names are in `reference`, templates in `text`, module
//! instances and resources in `instance`, blocks in `block`.
//!
//! **Invariant:** an evaluation always ends: each expression takes a step of the root's budget, and nesting (also through locals and
//! modules) is limited. When the budget is used up, what is left is unknown.

mod block;
mod instance;
mod known;
mod operator;
mod reference;
pub(crate) mod text;

use std::cell::{Cell, RefCell};
use std::collections::{BTreeMap, HashMap};
use std::rc::Rc;
use std::sync::Arc;

use probity_core::{CollectOptions, Diagnostic, Level, Tree, TreeError};
use probity_value::{Data, Map, Number, Origin, OriginStep, Reference, SourceMap, Span, StepKind, Unknown, UnknownKind, Value};

use super::functions::{self, CallContext, Files, FunctionError, Steps, describe, to_text, with_marks};
use super::module::Module;
use super::syntax::{Call, Expr, ExprKind, For};

pub(crate) use instance::{CallInstances, Instance, ResourceBlock, ResourceInstance};

/// Nesting of evaluations, also through locals, variables and resources. With the stack of the threads that evaluate this is safe.
const MAX_DEPTH: u32 = 1_000;
/// Most steps an origin keeps.
const MAX_ORIGIN_STEPS: usize = 16;
/// Most references an origin keeps.
const MAX_REFERENCES: usize = 64;
/// Steps one item of a `for` takes, so that the budget also bounds memory.
const STEPS_PER_ITEM: u64 = 16;
/// Most bytes of one text.
const MAX_TEXT: usize = 16 << 20;

/// What all roots share.
pub(crate) struct Program<'t> {
    /// All modules by folder.
    pub(crate) modules: BTreeMap<Arc<str>, Module>,
    pub(crate) tree: &'t dyn Tree,
    pub(crate) sources: &'t SourceMap,
    pub(crate) options: &'t CollectOptions,
}

/// An expression cannot be evaluated: Terraform would refuse it.
#[derive(Clone, Debug)]
pub(crate) struct EvalError {
    pub(crate) message: Arc<str>,
    pub(crate) span: Span,
}

impl EvalError {
    pub(crate) fn new(message: impl Into<Arc<str>>, span: Span) -> EvalError {
        EvalError { message: message.into(), span }
    }
}

pub(crate) type Outcome = Result<Value, EvalError>;

/// A value that is worked out once.
#[derive(Clone)]
pub(crate) enum Slot {
    /// Being worked out: asking for it again is a cycle.
    Running,
    Done(Outcome),
}

/// Evaluates one root.
pub(crate) struct Evaluator<'p> {
    pub(crate) program: &'p Program<'p>,
    pub(crate) root_dir: Arc<str>,
    /// Values of the root's variables from files, by name.
    pub(crate) given: BTreeMap<Arc<str>, Value>,
    pub(crate) manifest: Manifest,
    instances: RefCell<Vec<Rc<Instance<'p>>>>,
    resources: RefCell<HashMap<Arc<str>, Rc<ResourceInstance<'p>>>>,
    diagnostics: RefCell<Vec<Diagnostic>>,
    steps: Steps,
    exhausted: Cell<bool>,
    depth: Cell<u32>,
    /// Set where a value was taken from an instance that may not exist, so that `try` cannot be sure of it.
    doubtful: Cell<bool>,
}

/// Folders of downloaded modules by their key in `.terraform/modules/modules.json`.
pub(crate) type Manifest = BTreeMap<String, Arc<str>>;

/// What names mean where an expression stands.
#[derive(Clone, Copy)]
pub(crate) struct Scope<'s, 'p> {
    /// The module instance; `None` where only constants and functions are allowed.
    pub(crate) instance: Option<&'s Instance<'p>>,
    pub(crate) repetition: Option<&'s Repetition>,
    /// The resource `self` means.
    pub(crate) own: Option<&'s ResourceInstance<'p>>,
    pub(crate) frame: Option<&'s Frame<'s>>,
    /// Variables of a template file.
    pub(crate) variables: Option<&'s Map>,
}

impl Scope<'_, '_> {
    /// No names at all.
    pub(crate) const fn empty() -> Self {
        Scope { instance: None, repetition: None, own: None, frame: None, variables: None }
    }
}

/// One name of a `for` or dynamic block, and those around it.
pub(crate) struct Frame<'s> {
    pub(crate) name: &'s str,
    pub(crate) value: &'s Value,
    pub(crate) next: Option<&'s Frame<'s>>,
}

/// `each` or `count` of one instance.
#[derive(Clone, Debug, Default)]
pub(crate) struct Repetition {
    pub(crate) key: Key,
    pub(crate) each: Option<(Value, Value)>,
    pub(crate) index: Option<Value>,
}

/// The key of an instance.
#[derive(Clone, Debug, Default, PartialEq, Eq, Hash)]
pub(crate) enum Key {
    #[default]
    None,
    Index(usize),
    Name(Arc<str>),
}

impl Key {
    /// `[0]`, `["a"]` or nothing.
    pub(crate) fn suffix(&self) -> String {
        match self {
            Key::None => String::new(),
            Key::Index(index) => format!("[{index}]"),
            Key::Name(name) => {
                let mut text = String::from("[");
                functions::quote(name, &mut text);
                text.push(']');
                text
            }
        }
    }
}

struct TreeFiles<'t>(&'t dyn Tree);

impl Files for TreeFiles<'_> {
    fn read(&self, path: &str) -> Result<Arc<[u8]>, TreeError> {
        self.0.read(path)
    }

    fn list(&self, folder: &str) -> Vec<Arc<str>> {
        self.0.below(folder).iter().map(|file| Arc::clone(&file.path)).collect()
    }
}

impl<'p> Evaluator<'p> {
    pub(crate) fn new(program: &'p Program<'p>, root_dir: Arc<str>, manifest: Manifest) -> Evaluator<'p> {
        Evaluator {
            program,
            root_dir,
            given: BTreeMap::new(),
            manifest,
            instances: RefCell::new(Vec::new()),
            resources: RefCell::new(HashMap::new()),
            diagnostics: RefCell::new(Vec::new()),
            steps: Steps::new(program.options.max_steps),
            exhausted: Cell::new(false),
            depth: Cell::new(0),
            doubtful: Cell::new(false),
        }
    }

    /// What there was to say.
    pub(crate) fn into_diagnostics(self) -> Vec<Diagnostic> {
        self.diagnostics.into_inner()
    }

    pub(crate) fn report(&self, level: Level, code: &'static str, span: Span, message: impl Into<String>) {
        let file = self.program.sources.file(span.file).map_or_else(|| Arc::clone(&self.root_dir), |file| Arc::clone(file.path()));
        self.diagnostics.borrow_mut().push(Diagnostic::new(level, code, file, span, message));
    }

    /// Takes steps of the budget; false where it is used up.
    fn spend(&self, steps: u64, span: Span) -> bool {
        if self.steps.spend(steps) {
            return true;
        }
        if !self.exhausted.replace(true) {
            let message = format!(
                "the budget of {} evaluation steps is used up; what is left of this root is unknown",
                self.program.options.max_steps
            );
            self.report(Level::Error, "step-limit", span, message);
        }
        false
    }

    fn limit(&self, span: Span) -> Value {
        Value::unknown(UnknownKind::Limit, "the budget of evaluation steps is used up", span)
    }

    /// The value of an expression; an error becomes an unknown and is reported.
    pub(crate) fn value(&self, expr: &Expr, scope: Scope<'_, 'p>) -> Value {
        match self.eval(expr, scope) {
            Ok(value) => value.at(expr.span),
            Err(error) => self.invalid(&error, expr.span),
        }
    }

    /// The unknown that stands for an error, which is reported.
    pub(crate) fn invalid(&self, error: &EvalError, span: Span) -> Value {
        self.report(Level::Warning, "invalid-expression", error.span.or(span), &*error.message);
        Value::unknown(UnknownKind::Invalid, Arc::clone(&error.message), span)
    }

    /// The value of an expression.
    pub(crate) fn eval(&self, expr: &Expr, scope: Scope<'_, 'p>) -> Outcome {
        let span = expr.span;
        match &expr.kind {
            ExprKind::Null => return Ok(Value::null(span)),
            ExprKind::Bool(value) => return Ok(Value::bool(*value, span)),
            ExprKind::Int(value) => return Ok(Value::int(*value, span)),
            ExprKind::Float(value) => return Ok(Value::new(Data::Number(Number::from_f64(*value)), span)),
            ExprKind::String(text) => return Ok(Value::string(Arc::clone(text), span)),
            _ => {}
        }
        if !self.spend(1, span) {
            return Ok(self.limit(span));
        }
        if self.depth.get() >= MAX_DEPTH {
            return Ok(Value::unknown(UnknownKind::Limit, format!("evaluation is nested more than {MAX_DEPTH} deep"), span));
        }
        self.depth.set(self.depth.get() + 1);
        let outcome = self.eval_inner(expr, scope);
        self.depth.set(self.depth.get() - 1);
        outcome
    }

    fn eval_inner(&self, expr: &Expr, scope: Scope<'_, 'p>) -> Outcome {
        let span = expr.span;
        match &expr.kind {
            ExprKind::Null | ExprKind::Bool(_) | ExprKind::Int(_) | ExprKind::Float(_) | ExprKind::String(_) => Ok(Value::null(span)),
            ExprKind::Template(parts) => self.template(parts, span, scope),
            ExprKind::Interpolation(inner) => Ok(self.eval(inner, scope)?.at(span)),
            ExprKind::Name(_) | ExprKind::Member(..) | ExprKind::Index(..) => {
                let found = self.refer(expr, scope)?;
                Ok(self.referent_value(found, span)?.at(span))
            }
            ExprKind::Splat(base, follow) => self.splat(base, follow, span, scope),
            ExprKind::List(items) => {
                let mut values = Vec::with_capacity(items.len());
                for item in items {
                    values.push(self.eval(item, scope)?);
                }
                Ok(Value::list(values, span))
            }
            ExprKind::Object(items) => self.object(items, span, scope),
            ExprKind::Call(call) => self.call(call, span, scope),
            ExprKind::For(inner) => self.for_expression(inner, span, scope),
            ExprKind::Conditional(parts) => {
                let [condition, then, otherwise] = &**parts;
                self.conditional(condition, then, otherwise, span, scope)
            }
            ExprKind::Binary(operator, pair) => self.binary(*operator, &pair.0, &pair.1, span, scope),
            ExprKind::Not(inner) => self.not(inner, span, scope),
            ExprKind::Negate(inner) => self.negate(inner, span, scope),
            ExprKind::Broken => Ok(Value::unknown(UnknownKind::Invalid, "the expression cannot be read", span)),
        }
    }

    /// A key such as `example.com/name` that its author forgot to quote: Terraform refuses it, what was meant is plain.
    fn bare_key(&self, key: &Expr) -> Option<Value> {
        let text = self.program.sources.snippet(key.span)?;
        let plain = text.starts_with(|letter: char| letter.is_ascii_alphabetic())
            && text.chars().all(|letter| letter.is_ascii_alphanumeric() || matches!(letter, '.' | '/' | '-' | '_'));
        if !plain {
            return None;
        }
        self.report(Level::Warning, "unquoted-key", key.span, format!("the key `{text}` is no expression; it is read as text"));
        Some(Value::string(text, key.span))
    }

    fn object(&self, items: &[(Expr, Expr)], span: Span, scope: Scope<'_, 'p>) -> Outcome {
        let mut map = Map::new();
        let mut hidden: Option<Value> = None;
        for (key, value) in items {
            let key_value = match self.eval(key, scope) {
                Ok(value) => value,
                Err(error) => self.bare_key(key).ok_or(error)?,
            };
            let value = self.eval(value, scope)?;
            match (to_text(&key_value), &key_value.data) {
                (Some(text), _) => {
                    map.insert(text, key.span, value);
                }
                (None, Data::Unknown(_)) => hidden = Some(key_value),
                (None, _) => {
                    return Err(EvalError::new(format!("a key must be a string, not {}", describe(&key_value)), key.span));
                }
            }
        }
        match hidden.as_ref().and_then(Value::as_unknown) {
            Some(unknown) => Ok(with_marks(derived(unknown, true, span), hidden.iter().chain(map.values()), false)),
            None => Ok(Value::map(map, span)),
        }
    }

    fn call(&self, call: &Call, span: Span, scope: Scope<'_, 'p>) -> Outcome {
        match &*call.name {
            "try" => return self.try_each(call, span, scope),
            "can" => {
                let Some(argument) = call.arguments.first() else {
                    return Err(EvalError::new("`can` takes 1 argument", span));
                };
                return Ok(match self.eval(argument, scope) {
                    Ok(value) => match &value.data {
                        Data::Unknown(unknown) => with_marks(derived(unknown, true, span), std::iter::once(&value), false),
                        _ => Value::bool(true, span),
                    },
                    Err(_) => Value::bool(false, span),
                });
            }
            _ => {}
        }
        let mut arguments = Vec::with_capacity(call.arguments.len());
        for (index, argument) in call.arguments.iter().enumerate() {
            let value = self.eval(argument, scope)?;
            if !(call.spread && index + 1 == call.arguments.len()) {
                arguments.push(value);
                continue;
            }
            match &value.data {
                Data::List(items) => arguments.extend(items.iter().cloned()),
                Data::Unknown(unknown) => {
                    let sources = arguments.iter().chain(std::iter::once(&value));
                    return Ok(with_marks(derived(unknown, false, span), sources, true));
                }
                _ => return Err(EvalError::new(format!("`...` takes a list, not {}", describe(&value)), argument.span)),
            }
        }
        let files = TreeFiles(self.program.tree);
        let render = |text: &str, variables: &Map, at: Span| self.render(text, variables, at);
        let context = CallContext {
            files: &files,
            module_dir: scope.instance.map_or(&*self.root_dir, |instance| &*instance.module.dir),
            root_dir: &self.root_dir,
            span,
            steps: &self.steps,
            render: &render,
        };
        functions::call(&call.name, &arguments, &context).map_err(|error| EvalError::new(error.message, span))
    }

    /// Renders a text as a template over given variables, for `templatefile` and `templatestring`.
    fn render(&self, text: &str, variables: &Map, span: Span) -> Result<Value, FunctionError> {
        if self.depth.get() >= MAX_DEPTH {
            return Ok(Value::unknown(UnknownKind::Limit, format!("evaluation is nested more than {MAX_DEPTH} deep"), span));
        }
        let expr = super::syntax::parse_template(text, span, false).map_err(|problem| FunctionError::new(problem.message))?;
        let scope = Scope { variables: Some(variables), ..Scope::empty() };
        self.depth.set(self.depth.get() + 1);
        let outcome = self.eval(&expr, scope);
        self.depth.set(self.depth.get() - 1);
        outcome.map_err(|error| FunctionError::new(&*error.message))
    }

    fn try_each(&self, call: &Call, span: Span, scope: Scope<'_, 'p>) -> Outcome {
        let before = self.doubtful.replace(false);
        let mut failure = EvalError::new("`try` takes at least 1 argument", span);
        let count = call.arguments.len();
        for (index, argument) in call.arguments.iter().enumerate() {
            match self.eval(argument, scope) {
                Ok(value) => {
                    let doubtful = self.doubtful.replace(before);
                    if doubtful && index + 1 < count && !value.is_unknown() {
                        let reason = "whether the resource exists is not known";
                        let unknown = Unknown {
                            kind: UnknownKind::Reference,
                            reason: reason.into(),
                            set: false,
                            prefix: "".into(),
                            suffix: "".into(),
                            decoded: None,
                        };
                        return Ok(with_marks(derived(&unknown, false, span), std::iter::once(&value), false));
                    }
                    return Ok(value.at(span));
                }
                Err(error) => failure = error,
            }
        }
        self.doubtful.set(before);
        Err(EvalError::new(format!("no argument of `try` can be evaluated: {}", failure.message), failure.span))
    }

    fn for_expression(&self, inner: &For, span: Span, scope: Scope<'_, 'p>) -> Outcome {
        let collection = self.eval(&inner.collection, scope)?;
        let pairs = self.pairs(&collection, &inner.collection, scope)?;
        let pairs = match pairs {
            Ok(pairs) => pairs,
            Err(unknown) => return Ok(with_marks(derived(&unknown, true, span), std::iter::once(&collection), false)),
        };
        let mut list = Vec::new();
        let mut map = Map::new();
        let mut hidden: Option<Value> = None;
        for (key, value) in &pairs {
            if !self.spend(STEPS_PER_ITEM, span) {
                return Ok(self.limit(span));
            }
            let value_frame = Frame { name: &inner.value, value, next: scope.frame };
            let key_frame = inner.key.as_ref().map(|name| Frame { name, value: key, next: Some(&value_frame) });
            let inside = Scope { frame: Some(key_frame.as_ref().unwrap_or(&value_frame)), ..scope };
            if let Some(condition) = &inner.condition {
                let chosen = self.eval(condition, inside)?;
                match (functions::to_bool(&chosen), &chosen.data) {
                    (Some(true), _) => {}
                    (Some(false), _) => continue,
                    (None, Data::Unknown(_)) => {
                        hidden = hidden.or(Some(chosen));
                        continue;
                    }
                    (None, _) => {
                        return Err(EvalError::new(format!("a condition must be a bool, not {}", describe(&chosen)), condition.span));
                    }
                }
            }
            let Some(result_key) = &inner.result_key else {
                list.push(self.eval(&inner.result, inside)?);
                continue;
            };
            let key_value = self.eval(result_key, inside)?;
            let Some(text) = to_text(&key_value) else {
                if key_value.is_unknown() {
                    hidden = hidden.or(Some(key_value));
                    continue;
                }
                return Err(EvalError::new(format!("a key must be a string, not {}", describe(&key_value)), result_key.span));
            };
            let result = self.eval(&inner.result, inside)?;
            if inner.group {
                match map.get_mut(&text).map(|gathered| &mut gathered.data) {
                    Some(Data::List(items)) => Arc::make_mut(items).push(result),
                    _ => {
                        map.insert(text, key_value.span, Value::list(vec![result], span));
                    }
                }
            } else if map.contains_key(&text) {
                return Err(EvalError::new(format!("two items of the `for` have the key `{text}`"), result_key.span));
            } else {
                map.insert(text, key_value.span, result);
            }
        }
        if let Some(unknown) = hidden.as_ref().and_then(Value::as_unknown) {
            return Ok(with_marks(derived(unknown, true, span), hidden.iter().chain(std::iter::once(&collection)), false));
        }
        if inner.result_key.is_none() {
            return Ok(Value { sensitive: collection.sensitive, ..Value::list(list, span) });
        }
        // Terraform keeps maps in the order of their keys.
        map.sort_keys();
        Ok(Value { sensitive: collection.sensitive, ..Value::map(map, span) })
    }

    /// Keys and values of a collection; the inner error where it is unknown.
    #[expect(clippy::type_complexity, reason = "an error, an unknown, or the pairs")]
    pub(crate) fn pairs(
        &self,
        collection: &Value,
        written: &Expr,
        scope: Scope<'_, 'p>,
    ) -> Result<Result<Vec<(Value, Value)>, Arc<Unknown>>, EvalError> {
        let span = written.span;
        match &collection.data {
            Data::List(items) => {
                if !self.spend(items.len() as u64, span) {
                    return Ok(Ok(Vec::new()));
                }
                let set = self.gives_set(written, scope);
                let pair = |(index, item): (usize, &Value)| {
                    if set {
                        let item = inherit(collection, item);
                        return (item.clone(), item);
                    }
                    (Value::int(i64::try_from(index).unwrap_or(i64::MAX), item.span), inherit(collection, item))
                };
                Ok(Ok(items.iter().enumerate().map(pair).collect()))
            }
            Data::Map(map) => {
                if !self.spend(map.len() as u64, span) {
                    return Ok(Ok(Vec::new()));
                }
                let mut pairs: Vec<(Value, Value)> =
                    map.iter().map(|(key, entry)| (Value::string(Arc::clone(key), entry.key), inherit(collection, &entry.value))).collect();
                pairs.sort_by(|a, b| a.0.as_str().cmp(&b.0.as_str()));
                Ok(Ok(pairs))
            }
            Data::Unknown(unknown) => Ok(Err(Arc::clone(unknown))),
            _ => Err(EvalError::new(format!("a list or a map is expected, not {}", describe(collection)), span)),
        }
    }

    fn conditional(&self, condition: &Expr, then: &Expr, otherwise: &Expr, span: Span, scope: Scope<'_, 'p>) -> Outcome {
        let chosen = self.eval(condition, scope)?;
        if let Some(truth) = functions::to_bool(&chosen) {
            let value = self.eval(if truth { then } else { otherwise }, scope)?;
            return Ok(Value { sensitive: value.sensitive || chosen.sensitive, ..value }.at(span));
        }
        let Data::Unknown(unknown) = &chosen.data else {
            return Err(EvalError::new(format!("a condition must be a bool, not {}", describe(&chosen)), condition.span));
        };
        let (then, otherwise) = match (self.eval(then, scope), self.eval(otherwise, scope)) {
            (Ok(then), Ok(otherwise)) => (then, otherwise),
            // One branch is wrong under a condition nobody knows here: the other one is not sure either.
            (Ok(value), Err(_)) | (Err(_), Ok(value)) => {
                return Ok(with_marks(derived(unknown, false, span), [&chosen, &value].into_iter(), false));
            }
            (Err(error), Err(_)) => return Err(error),
        };
        if functions::equal(&then, &otherwise) == Some(true) {
            return Ok(with_marks(then, [&otherwise, &chosen].into_iter(), false).at(span));
        }
        let set = is_set(&then) && is_set(&otherwise);
        Ok(with_marks(derived(unknown, set, span), [&chosen, &then, &otherwise].into_iter(), false))
    }
}

/// Whether a value is sure not to be null.
pub(crate) fn is_set(value: &Value) -> bool {
    match &value.data {
        Data::Null => false,
        Data::Unknown(unknown) => unknown.set,
        _ => true,
    }
}

/// A value that is unknown for the same reason.
pub(crate) fn derived(unknown: &Unknown, set: bool, span: Span) -> Value {
    let data =
        Unknown { kind: unknown.kind, reason: Arc::clone(&unknown.reason), set, prefix: "".into(), suffix: "".into(), decoded: None };
    Value::new(Data::Unknown(Arc::new(data)), span)
}

/// A part of a value: the way of the whole comes before its own.
pub(crate) fn inherit(whole: &Value, part: &Value) -> Value {
    let mut part = part.clone();
    part.sensitive |= whole.sensitive;
    part.origin = match (&whole.origin, &part.origin) {
        (None, own) => own.clone(),
        (Some(outer), None) => Some(Arc::clone(outer)),
        (Some(outer), Some(own)) if Arc::ptr_eq(outer, own) => Some(Arc::clone(outer)),
        (Some(outer), Some(own)) => Some(Arc::new(joined(outer, own))),
    };
    part
}

fn joined(near: &Origin, far: &Origin) -> Origin {
    let mut origin = near.clone();
    for step in &far.steps {
        if origin.steps.len() < MAX_ORIGIN_STEPS && !origin.steps.contains(step) {
            origin.steps.push(step.clone());
        }
    }
    for reference in &far.references {
        if origin.references.len() < MAX_REFERENCES && !origin.references.contains(reference) {
            origin.references.push(reference.clone());
        }
    }
    origin
}

/// The value with one more step, the nearest, and perhaps a reference.
pub(crate) fn through(mut value: Value, kind: StepKind, name: impl Into<Arc<str>>, span: Span, reference: Option<Reference>) -> Value {
    let mut origin = Origin { steps: Vec::with_capacity(1), references: Vec::new() };
    if !span.is_none() {
        origin.steps.push(OriginStep { kind, name: name.into(), span });
    }
    origin.references.extend(reference);
    value.origin = Some(Arc::new(match &value.origin {
        Some(before) => joined(&origin, before),
        None => origin,
    }));
    value
}
