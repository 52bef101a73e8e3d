//! Evaluation of expressions: what is known is worked out, what is not stays unknown with its reason.
//!
//! **Invariant:** an evaluation always ends. Each expression takes a step of the file's budget, nesting (also through parameters and
//! variables) is limited, and values that grow too large or too deep become unknown.

use std::cell::Cell;
use std::sync::Arc;

use probity_value::{Data, Map, Origin, OriginStep, Reference, Span, StepKind, Unknown, UnknownKind, Value};

use super::expr::{Binary, Expr, ExprKind, Item, Key, Piece, Property, Repeat, Unary};
use super::functions;

/// Nesting of evaluations, also through names. The threads that evaluate have room for it.
const MAX_DEPTH: usize = 300;
/// Most parts of one value, and how deep it may be nested.
const MAX_PARTS: usize = 200_000;
const MAX_VALUE_DEPTH: usize = 250;
/// Most items a list may grow to, most bytes a text may grow to.
pub(crate) const MAX_ITEMS: usize = 100_000;
pub(crate) const MAX_TEXT: usize = 4 << 20;
/// Most references and steps an origin keeps.
const MAX_ORIGIN: usize = 32;

/// What names and the functions of one language mean.
pub(crate) trait Scope {
    /// The value of a name; `None` where there is none.
    fn name(&self, cx: &Evaluation<'_>, name: &str, span: Span) -> Option<Value>;

    /// What a function that is not the same everywhere gives; `None` where it is no such function. `name` is in lower case.
    fn call(&self, cx: &Evaluation<'_>, name: &str, args: &[Expr], span: Span, locals: &Locals) -> Option<Value>;

    /// What `base.name(...)` gives; `None` where nothing is known of it.
    fn method(&self, _cx: &Evaluation<'_>, _base: &Value, _name: &str, _args: &[Value], _span: Span) -> Option<Value> {
        None
    }

    /// Whether a name is that of a set of functions and variables.
    fn is_namespace(&self, _name: &str) -> bool {
        false
    }

    /// An attribute of a resource that can be told here; `base` is what the name of a resource gave, or an attribute of that.
    fn attribute(&self, _cx: &Evaluation<'_>, _base: &Value, _name: &str, _span: Span) -> Option<Value> {
        None
    }

    /// The expression that gives a name its value, to tell two unknown texts that are made alike.
    fn behind(&self, name: &str, kind: Behind) -> Option<Arc<Expr>>;
}

/// What kind of name an expression is asked of.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub(crate) enum Behind {
    Variable,
    Parameter,
}

/// Names bound by loops and lambdas, innermost first.
pub(crate) type Locals = Option<Arc<Frame>>;

/// One bound name.
#[derive(Debug)]
pub(crate) struct Frame {
    pub(crate) name: Arc<str>,
    pub(crate) value: Value,
    pub(crate) parent: Locals,
}

impl Frame {
    /// One more name.
    pub(crate) fn bind(name: Arc<str>, value: Value, parent: &Locals) -> Locals {
        Some(Arc::new(Frame { name, value, parent: parent.clone() }))
    }
}

/// The value a loop or lambda bound to a name.
pub(crate) fn local<'l>(mut locals: &'l Locals, name: &str) -> Option<&'l Value> {
    while let Some(frame) = locals {
        if &*frame.name == name {
            return Some(&frame.value);
        }
        locals = &frame.parent;
    }
    None
}

/// One file's evaluation.
pub(crate) struct Evaluation<'a> {
    pub(crate) scope: &'a dyn Scope,
    pub(crate) budget: &'a Budget,
}

/// What may still be done for a file.
#[derive(Debug)]
pub(crate) struct Budget {
    steps: Cell<u64>,
    depth: Cell<usize>,
}

impl Budget {
    /// A budget of that many steps.
    pub(crate) fn new(steps: u64) -> Budget {
        Budget { steps: Cell::new(steps), depth: Cell::new(0) }
    }

    /// Takes steps; false where they are used up.
    pub(crate) fn spend(&self, steps: usize) -> bool {
        let left = self.steps.get().checked_sub(steps as u64);
        self.steps.set(left.unwrap_or(0));
        left.is_some()
    }

    /// One level deeper; false where that is too deep. Every true must be followed by a `leave`.
    pub(crate) fn enter(&self) -> bool {
        let deeper = self.depth.get() + 1;
        if deeper > MAX_DEPTH {
            return false;
        }
        self.depth.set(deeper);
        true
    }

    /// One level up again.
    pub(crate) fn leave(&self) {
        self.depth.set(self.depth.get().saturating_sub(1));
    }

    /// The value itself, or an unknown where it has too many parts or is nested too deep.
    pub(crate) fn bounded(&self, value: Value) -> Value {
        let mut left = MAX_PARTS;
        let fits = weigh(&value, MAX_VALUE_DEPTH, &mut left);
        if fits && self.spend((MAX_PARTS - left) / 8) {
            return value;
        }
        Value::unknown(UnknownKind::Limit, "the value has too many parts", value.span)
    }
}

fn weigh(value: &Value, depth: usize, left: &mut usize) -> bool {
    let Some(less) = left.checked_sub(1) else { return false };
    *left = less;
    let Some(depth) = depth.checked_sub(1) else { return false };
    match &value.data {
        Data::List(items) => items.iter().all(|item| weigh(item, depth, left)),
        Data::Map(map) => map.values().all(|value| weigh(value, depth, left)),
        _ => true,
    }
}

/// An unknown that is sure to be set.
pub(crate) fn unknown_set(kind: UnknownKind, reason: impl Into<Arc<str>>, prefix: &str, span: Span) -> Value {
    let unknown = Unknown { kind, reason: reason.into(), set: true, prefix: prefix.into(), suffix: "".into(), decoded: None };
    Value::new(Data::Unknown(Arc::new(unknown)), span)
}

/// `value` with the marks and references of `sources`.
pub(crate) fn carry<'v>(mut value: Value, sources: impl IntoIterator<Item = &'v Value>) -> Value {
    for source in sources {
        value.sensitive |= source.sensitive;
        let Some(origin) = &source.origin else { continue };
        match &mut value.origin {
            None => value.origin = Some(Arc::clone(origin)),
            Some(own) if Arc::ptr_eq(own, origin) => {}
            Some(own) => {
                let own = Arc::make_mut(own);
                for step in &origin.steps {
                    if own.steps.len() < MAX_ORIGIN && !own.steps.contains(step) {
                        own.steps.push(step.clone());
                    }
                }
                for reference in &origin.references {
                    if own.references.len() < MAX_ORIGIN && !own.references.contains(reference) {
                        own.references.push(reference.clone());
                    }
                }
            }
        }
    }
    value
}

/// `value` with one more step on its way.
pub(crate) fn step(mut value: Value, kind: StepKind, name: impl Into<Arc<str>>, span: Span) -> Value {
    let origin = Arc::make_mut(value.origin.get_or_insert_with(Arc::default));
    if origin.steps.len() < MAX_ORIGIN {
        origin.steps.insert(0, OriginStep { kind, name: name.into(), span });
    }
    value
}

/// `value` as something computed from another subject.
pub(crate) fn referring(mut value: Value, subject: Arc<str>, attribute: &str) -> Value {
    let origin: &mut Origin = Arc::make_mut(value.origin.get_or_insert_with(Arc::default));
    let reference = Reference { subject, attribute: attribute.into() };
    if origin.references.len() < MAX_ORIGIN && !origin.references.contains(&reference) {
        origin.references.push(reference);
    }
    value
}

/// Whether a value is made anew when it runs.
pub(crate) fn is_computed(value: &Value) -> bool {
    value.as_unknown().is_some_and(|unknown| unknown.kind == UnknownKind::Function)
}

/// A scalar as the text it becomes inside other text.
pub(crate) fn to_text(value: &Value) -> Option<Arc<str>> {
    Some(match &value.data {
        Data::String(text) => Arc::clone(text),
        Data::Bool(true) => "True".into(),
        Data::Bool(false) => "False".into(),
        Data::Number(number) => number.to_string().into(),
        _ => return None,
    })
}

impl Evaluation<'_> {
    /// Evaluates an expression.
    pub(crate) fn eval(&self, expr: &Expr, locals: &Locals) -> Value {
        if !self.budget.spend(1) {
            return Value::unknown(UnknownKind::Limit, "the budget of evaluation steps is used up", expr.span);
        }
        if !self.budget.enter() {
            return Value::unknown(UnknownKind::Limit, "expressions are nested too deep", expr.span);
        }
        let value = self.eval_kind(expr, locals);
        self.budget.leave();
        value
    }

    fn eval_kind(&self, expr: &Expr, locals: &Locals) -> Value {
        let span = expr.span;
        match &expr.kind {
            ExprKind::Literal(data) => Value::new(data.clone(), span),
            ExprKind::Text(pieces) => self.text(pieces, span, locals),
            ExprKind::Array(items) => self.array(items, span, locals),
            ExprKind::Object(properties) => self.object(properties, span, locals),
            ExprKind::Repeat(repeat) => self.repeat(repeat, span, locals),
            ExprKind::Name(name) => match local(locals, name) {
                Some(value) => value.clone().at(span),
                None => self
                    .scope
                    .name(self, name, span)
                    .map_or_else(|| Value::unknown(UnknownKind::Invalid, format!("there is no `{name}`"), span), |value| value.at(span)),
            },
            ExprKind::Call { name, args } => self.call(name, args, span, locals),
            ExprKind::Method { base, name, args } => self.method(base, name, args, span, locals),
            ExprKind::Member { base, name, safe } => {
                let base = self.eval(base, locals);
                if base.is_unknown()
                    && !base.references().is_empty()
                    && let Some(value) = self.scope.attribute(self, &base, name, span)
                {
                    return value;
                }
                member(&base, name, *safe, span)
            }
            ExprKind::Index { base, index, safe } => {
                let base = self.eval(base, locals);
                let index = self.eval(index, locals);
                item(&base, &index, *safe, span)
            }
            ExprKind::Nested { base, name } => {
                let base = self.eval(base, locals);
                match base.references() {
                    [only] => self
                        .scope
                        .name(self, &format!("{}::{name}", only.subject), span)
                        .unwrap_or_else(|| Value::unknown(UnknownKind::Invalid, format!("there is no nested `{name}`"), span)),
                    _ => Value::unknown(UnknownKind::Invalid, format!("there is no nested `{name}`"), span),
                }
            }
            ExprKind::Lambda { .. } => Value::unknown(UnknownKind::Invalid, "a lambda stands where a value is wanted", span),
            ExprKind::Unary { operator: Unary::Not, value } => {
                let value = self.eval(value, locals);
                functions::call(self.budget, "not", &[value], span)
            }
            ExprKind::Unary { operator: Unary::Minus, value } => {
                let value = self.eval(value, locals);
                functions::call(self.budget, "sub", &[Value::int(0, span), value], span)
            }
            ExprKind::Binary { operator, left, right } => self.binary(*operator, left, right, span, locals),
            ExprKind::Choice { condition, yes, no } => self.choice(condition, yes, no, span, locals),
            ExprKind::Same(inner) => self.eval(inner, locals).at(span),
        }
    }

    fn text(&self, pieces: &[Piece], span: Span, locals: &Locals) -> Value {
        let mut parts = Vec::with_capacity(pieces.len());
        for piece in pieces {
            parts.push(match piece {
                Piece::Text(text) => Value::string(Arc::clone(text), span),
                Piece::Expr(expr) => self.eval(expr, locals),
            });
        }
        functions::joined(&parts, span)
    }

    fn array(&self, items: &[Item], span: Span, locals: &Locals) -> Value {
        let mut out = Vec::with_capacity(items.len());
        for item in items {
            let value = self.eval(&item.value, locals);
            if !item.spread {
                out.push(value);
                continue;
            }
            match &value.data {
                Data::List(inner) if out.len() + inner.len() <= MAX_ITEMS && self.budget.spend(inner.len()) => {
                    out.extend(inner.iter().cloned());
                }
                Data::Null => {}
                Data::Unknown(unknown) => return unknown_like(unknown, &value, span),
                _ => return Value::unknown(UnknownKind::Invalid, "what is spread in a list is no list", span),
            }
        }
        Value::list(out, span)
    }

    fn object(&self, properties: &[Property], span: Span, locals: &Locals) -> Value {
        let mut out = Map::new();
        for property in properties {
            let value = self.eval(&property.value, locals);
            let key: Arc<str> = match &property.key {
                Key::Name(name) => Arc::clone(name),
                Key::Text(expr) => {
                    let key = self.eval(expr, locals);
                    match &key.data {
                        Data::Unknown(unknown) => return unknown_like(unknown, &key, span),
                        _ => match to_text(&key) {
                            Some(text) => text,
                            None => return Value::unknown(UnknownKind::Invalid, "a key is no text", span),
                        },
                    }
                }
                Key::Spread => {
                    match &value.data {
                        Data::Map(inner) if out.len() + inner.len() <= MAX_ITEMS && self.budget.spend(inner.len()) => {
                            for (key, entry) in inner.iter() {
                                out.insert(Arc::clone(key), entry.key, entry.value.clone());
                            }
                        }
                        Data::Null => {}
                        Data::Unknown(unknown) => return unknown_like(unknown, &value, span),
                        _ => return Value::unknown(UnknownKind::Invalid, "what is spread in an object is no object", span),
                    }
                    continue;
                }
            };
            out.insert(key, property.key_span, value);
        }
        Value::map(out, span)
    }

    fn repeat(&self, repeat: &Repeat, span: Span, locals: &Locals) -> Value {
        let mut out = Vec::new();
        match self.each(repeat, locals, &mut |inner| {
            out.push(self.eval(&repeat.body, inner));
            out.len() < MAX_ITEMS
        }) {
            Ok(()) => Value::list(out, span),
            Err(unknown) => unknown.at(span),
        }
    }

    /// Calls `visit` with the names each round of a loop binds, until it says no. What is unknown of the collection or a filter is
    /// the error.
    pub(crate) fn each(&self, repeat: &Repeat, locals: &Locals, visit: &mut dyn FnMut(&Locals) -> bool) -> Result<(), Value> {
        let collection = self.eval(&repeat.collection, locals);
        let items = match &collection.data {
            Data::List(items) => Arc::clone(items),
            Data::Unknown(unknown) => return Err(unknown_like(unknown, &collection, collection.span)),
            _ => return Err(Value::unknown(UnknownKind::Invalid, "what a loop goes through is no list", collection.span)),
        };
        for (position, item) in items.iter().enumerate() {
            let mut inner = Frame::bind(Arc::clone(&repeat.item), item.clone(), locals);
            if let Some(index) = &repeat.index {
                inner = Frame::bind(Arc::clone(index), Value::int(i64::try_from(position).unwrap_or(i64::MAX), item.span), &inner);
            }
            if let Some(filter) = &repeat.filter {
                let keep = self.eval(filter, &inner);
                match &keep.data {
                    Data::Bool(true) => {}
                    Data::Unknown(unknown) => return Err(unknown_like(unknown, &keep, keep.span)),
                    _ => continue,
                }
            }
            if !self.budget.spend(1) || !visit(&inner) {
                return Err(Value::unknown(UnknownKind::Limit, "the loop has too many rounds", collection.span));
            }
        }
        Ok(())
    }

    fn choice(&self, condition: &Expr, yes: &Expr, no: &Expr, span: Span, locals: &Locals) -> Value {
        let condition = self.eval(condition, locals);
        match &condition.data {
            Data::Bool(true) => carry(self.eval(yes, locals), []),
            Data::Bool(false) => carry(self.eval(no, locals), []),
            Data::Unknown(unknown) => {
                let (yes, no) = (self.eval(yes, locals), self.eval(no, locals));
                if yes == no && !yes.is_unknown() {
                    return carry(yes.at(span), [&condition, &no]);
                }
                let set = |value: &Value| match &value.data {
                    Data::Null => false,
                    Data::Unknown(unknown) => unknown.set,
                    _ => true,
                };
                let mut out = Unknown::clone(unknown);
                out.set = set(&yes) && set(&no);
                out.prefix = "".into();
                out.decoded = None;
                carry(Value::new(Data::Unknown(Arc::new(out)), span), [&condition, &yes, &no])
            }
            _ => Value::unknown(UnknownKind::Invalid, "a condition is neither true nor false", span),
        }
    }

    fn binary(&self, operator: Binary, left: &Expr, right: &Expr, span: Span, locals: &Locals) -> Value {
        if operator == Binary::Coalesce {
            return self.coalesce(&[left, right], span, locals);
        }
        let left = self.eval(left, locals);
        // The right side of `&&` and `||` may be wrong where the left decides.
        match (operator, left.as_bool()) {
            (Binary::And, Some(false)) | (Binary::Or, Some(true)) => return left.at(span),
            _ => {}
        }
        let right = self.eval(right, locals);
        let args = [left, right];
        match operator {
            Binary::And => functions::call(self.budget, "and", &args, span),
            Binary::Or => functions::call(self.budget, "or", &args, span),
            Binary::NotEqual => {
                let equal = functions::call(self.budget, "equals", &args, span);
                functions::call(self.budget, "not", &[equal], span)
            }
            Binary::Like | Binary::NotLike => {
                let lower = args.map(|value| match &value.data {
                    Data::String(_) => functions::call(self.budget, "tolower", &[value], span),
                    _ => value,
                });
                let equal = functions::call(self.budget, "equals", &lower, span);
                if operator == Binary::Like { equal } else { functions::call(self.budget, "not", &[equal], span) }
            }
            other => functions::call(self.budget, other.function().unwrap_or_default(), &args, span),
        }
    }

    fn coalesce(&self, args: &[&Expr], span: Span, locals: &Locals) -> Value {
        for arg in args {
            let value = self.eval(arg, locals);
            match &value.data {
                Data::Null => {}
                Data::Unknown(unknown) if !unknown.set => return value.at(span),
                _ => return value,
            }
        }
        Value::null(span)
    }

    fn call(&self, name: &str, args: &[Expr], span: Span, locals: &Locals) -> Value {
        let lower = name.to_ascii_lowercase();
        let bare = lower.strip_prefix("sys.").or_else(|| lower.strip_prefix("az.")).unwrap_or(&lower);
        if let Some(value) = self.scope.call(self, bare, args, span, locals) {
            return value;
        }
        match (bare, args) {
            ("if", [condition, yes, no]) => return self.choice(condition, yes, no, span, locals),
            ("coalesce", _) => return self.coalesce(&args.iter().collect::<Vec<_>>(), span, locals),
            ("any", [value]) => return self.eval(value, locals).at(span),
            ("map" | "filter" | "sort" | "reduce" | "toobject" | "groupby" | "mapvalues", _) => {
                return functions::lambda(self, bare, args, span, locals);
            }
            _ => {}
        }
        let args: Vec<Value> = args.iter().map(|arg| self.eval(arg, locals)).collect();
        functions::call(self.budget, bare, &args, span)
    }

    fn method(&self, base: &Expr, name: &str, args: &[Expr], span: Span, locals: &Locals) -> Value {
        // `sys.concat(...)`, and functions of an import.
        if let ExprKind::Name(namespace) = &base.kind
            && local(locals, namespace).is_none()
            && (matches!(&**namespace, "sys" | "az")
                || self.scope.is_namespace(namespace)
                || self.scope.name(self, namespace, span).is_none())
        {
            return self.call(&format!("{namespace}.{name}"), args, span, locals);
        }
        let base = self.eval(base, locals);
        let args: Vec<Value> = args.iter().map(|arg| self.eval(arg, locals)).collect();
        if let Some(value) = self.scope.method(self, &base, name, &args, span) {
            return value;
        }
        let mut value = carry(unknown_set(UnknownKind::Function, format!("`{name}` is answered by Azure"), "", span), [&base]);
        let lower = name.to_ascii_lowercase();
        value.sensitive |= lower.starts_with("list") || lower == "getsecret";
        value
    }

    /// Text that two expressions share where they will have the same value, known or not: known text as it is, other parts in braces.
    pub(crate) fn symbol(&self, expr: &Expr, locals: &Locals, depth: usize) -> String {
        let value = self.eval(expr, locals);
        if let Some(text) = to_text(&value) {
            return text.as_ref().to_owned();
        }
        if depth > 24 || !self.budget.spend(1) {
            return "{...}".to_owned();
        }
        let deeper = |expr: &Expr| self.symbol(expr, locals, depth + 1);
        let literal = |args: &[Expr]| args.first().and_then(Expr::as_text).cloned();
        let out = match &expr.kind {
            ExprKind::Text(pieces) => pieces
                .iter()
                .map(|piece| match piece {
                    Piece::Text(text) => text.as_ref().to_owned(),
                    Piece::Expr(expr) => deeper(expr),
                })
                .collect(),
            ExprKind::Same(inner) => deeper(inner),
            ExprKind::Name(name) if local(locals, name).is_none() => match self.scope.behind(name, Behind::Variable) {
                Some(behind) => self.symbol(&behind, &None, depth + 1),
                None => format!("{{{name}}}"),
            },
            ExprKind::Name(name) => format!("{{{name}}}"),
            ExprKind::Call { name, args } => match (&*name.to_ascii_lowercase(), literal(args)) {
                ("concat", _) => args.iter().map(deeper).collect(),
                ("format", Some(pattern)) => {
                    let parts: Vec<String> = args.iter().skip(1).map(deeper).collect();
                    parts.iter().enumerate().fold(pattern.as_ref().to_owned(), |text, (at, part)| text.replace(&format!("{{{at}}}"), part))
                }
                ("variables", Some(name)) => match self.scope.behind(&name, Behind::Variable) {
                    Some(behind) => self.symbol(&behind, &None, depth + 1),
                    None => format!("{{{name}}}"),
                },
                ("parameters", Some(name)) => match self.scope.behind(&name, Behind::Parameter) {
                    Some(behind) => self.symbol(&behind, &None, depth + 1),
                    None => format!("{{{name}}}"),
                },
                ("string" | "any", _) if args.len() == 1 => args.iter().map(deeper).collect(),
                (name, _) => {
                    let args: Vec<String> = args.iter().map(deeper).collect();
                    format!("{{{name}({})}}", args.join(","))
                }
            },
            ExprKind::Member { base, name, .. } => format!("{{{}.{name}}}", deeper(base).trim_matches(['{', '}'])),
            ExprKind::Index { base, index, .. } => format!("{{{}.{}}}", deeper(base).trim_matches(['{', '}']), deeper(index)),
            ExprKind::Choice { condition, yes, no } => format!("{{{}?{}:{}}}", deeper(condition), deeper(yes), deeper(no)),
            ExprKind::Binary { operator, left, right } => format!("{{{} {operator:?} {}}}", deeper(left), deeper(right)),
            _ => "{...}".to_owned(),
        };
        if out.len() > 1024 { "{...}".to_owned() } else { out }
    }
}

/// An unknown for the same reason as another.
pub(crate) fn unknown_like(unknown: &Unknown, source: &Value, span: Span) -> Value {
    let unknown = Unknown {
        kind: unknown.kind,
        reason: Arc::clone(&unknown.reason),
        set: unknown.set,
        prefix: "".into(),
        suffix: "".into(),
        decoded: None,
    };
    carry(Value::new(Data::Unknown(Arc::new(unknown)), span), [source])
}

/// `base.name`. Azure does not tell upper from lower case in names.
pub(crate) fn member(base: &Value, name: &str, safe: bool, span: Span) -> Value {
    match &base.data {
        Data::Map(map) => {
            let found = map.get(name).or_else(|| map.iter().find(|(key, _)| key.eq_ignore_ascii_case(name)).map(|(_, entry)| &entry.value));
            match found {
                Some(value) => carry(value.clone().at(span), [base]),
                None if safe => Value::null(span),
                None => Value::unknown(UnknownKind::Invalid, format!("there is no `{name}` in it"), span),
            }
        }
        Data::Null if safe => Value::null(span),
        Data::Unknown(unknown) => {
            let set =
                !safe && unknown.set && matches!(unknown.kind, UnknownKind::Reference | UnknownKind::DataSource | UnknownKind::Module);
            if unknown.kind == UnknownKind::Reference
                && let [only] = base.references()
            {
                let attribute = if only.attribute.is_empty() { name.to_owned() } else { format!("{}.{name}", only.attribute) };
                let mut value = Value::reference(Arc::clone(&only.subject), attribute, span);
                value.sensitive = base.sensitive;
                return value;
            }
            let unknown = Unknown {
                kind: unknown.kind,
                reason: Arc::clone(&unknown.reason),
                set,
                prefix: "".into(),
                suffix: "".into(),
                decoded: None,
            };
            carry(Value::new(Data::Unknown(Arc::new(unknown)), span), [base])
        }
        _ => Value::unknown(UnknownKind::Invalid, format!("`{name}` is asked of what is no object"), span),
    }
}

/// `base[index]`.
pub(crate) fn item(base: &Value, index: &Value, safe: bool, span: Span) -> Value {
    match (&base.data, &index.data) {
        (_, Data::Unknown(unknown)) => carry(unknown_like(unknown, index, span), [base]),
        (_, Data::String(name)) => member(base, name, safe, span),
        (Data::List(items), Data::Number(_)) => {
            let found = index.as_int().and_then(|at| usize::try_from(at).ok()).and_then(|at| items.get(at));
            match found {
                Some(value) => carry(value.clone().at(span), [base]),
                None if safe => Value::null(span),
                None => Value::unknown(UnknownKind::Invalid, "there is no such item", span),
            }
        }
        (Data::Unknown(unknown), Data::Number(number)) => {
            // One of the resources a loop makes.
            if unknown.kind == UnknownKind::Reference
                && let [only] = base.references()
                && only.attribute.is_empty()
            {
                return Value::reference(format!("{}[{number}]", only.subject), "", span);
            }
            let mut value = unknown_like(unknown, base, span);
            if let Data::Unknown(unknown) = &mut value.data {
                let unknown = Arc::make_mut(unknown);
                unknown.set &= unknown.kind == UnknownKind::Reference;
            }
            value
        }
        (Data::Null, _) if safe => Value::null(span),
        _ => Value::unknown(UnknownKind::Invalid, "an index into what is no list", span),
    }
}
