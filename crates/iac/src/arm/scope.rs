//! What the parameters, variables and functions of one template are, and the evaluation of its JSON.

use std::cell::RefCell;
use std::collections::{BTreeMap, HashMap};
use std::rc::Rc;
use std::sync::Arc;

use probity_value::{Data, Entry, Map, Span, StepKind, UnknownKind, Value};

use super::expression::{self, Text};
use crate::azure::eval::{Behind, Budget, carry, is_computed, local, referring, step, to_text, unknown_like, unknown_set};
use crate::azure::expr::{Expr, ExprKind};
use crate::azure::{Evaluation, Frame, Index, Locals, Scope, index};

/// Most rounds of a copy loop; Azure allows 800.
pub(super) const MAX_COPIES: i64 = 1_000;

/// What all templates of one file share.
pub(super) struct Shared {
    pub(super) budget: Budget,
    pub(super) index: RefCell<Index>,
    /// Expressions that cannot be read, by their place.
    pub(super) wrong: RefCell<BTreeMap<Span, String>>,
}

/// Values parameters are given from outside.
pub(super) enum Given {
    /// None: only defaults.
    Nothing,
    /// A parameters file.
    File(Arc<Map>),
    /// The deployment the template is nested in.
    Passed { values: Arc<Map>, scope: Rc<Template>, locals: Locals },
}

enum Memo {
    Working,
    Done(Value),
}

/// One template: what its names mean.
pub(super) struct Template {
    pub(super) shared: Rc<Shared>,
    parameters: Arc<Map>,
    variables: Arc<Map>,
    functions: HashMap<String, Value>,
    given: Given,
    memo: RefCell<HashMap<(Behind, String), Memo>>,
}

/// The entry of a key, whatever the case of its letters.
pub(super) fn entry<'m>(map: &'m Map, key: &str) -> Option<&'m Entry> {
    map.entry(key).or_else(|| map.iter().find(|(own, _)| own.eq_ignore_ascii_case(key)).map(|(_, entry)| entry))
}

/// The value of a key of a map, whatever the case of its letters.
pub(super) fn get<'v>(value: &'v Value, key: &str) -> Option<&'v Value> {
    value.as_map().and_then(|map| entry(map, key)).map(|entry| &entry.value)
}

fn map_of(value: &Value, key: &str) -> Arc<Map> {
    match get(value, key).map(|value| &value.data) {
        Some(Data::Map(map)) => Arc::clone(map),
        _ => Arc::default(),
    }
}

/// A parameter whose value is a secret.
pub(super) struct Secret {
    pub(super) name: Arc<str>,
    pub(super) key: Span,
    /// `secureString` or `secureObject`.
    pub(super) kind: &'static str,
    /// Its declaration.
    pub(super) value: Value,
}

/// Whether a type of a parameter is a secret's.
pub(super) fn is_secure(parameter: &Value) -> Option<&'static str> {
    match get(parameter, "type").and_then(Value::as_str)?.to_ascii_lowercase().as_str() {
        "securestring" => Some("secureString"),
        "secureobject" => Some("secureObject"),
        _ => None,
    }
}

impl Template {
    /// The template of a JSON object.
    pub(super) fn new(template: &Value, given: Given, shared: &Rc<Shared>) -> Rc<Template> {
        let mut functions = HashMap::new();
        for namespace in get(template, "functions").and_then(Value::as_list).unwrap_or_default() {
            let Some(space) = get(namespace, "namespace").and_then(Value::as_str) else { continue };
            for (name, entry) in map_of(namespace, "members").iter() {
                functions.insert(format!("{space}.{name}").to_lowercase(), entry.value.clone());
            }
        }
        let mut variables = map_of(template, "variables");
        // Loops at the top of the variables make variables of their own.
        let copies = variables.get("copy").and_then(Value::as_list).map(<[Value]>::to_vec);
        if let Some(copies) = copies {
            let changed = Arc::make_mut(&mut variables);
            changed.remove("copy");
            for copy in copies {
                let Some(name) = get(&copy, "name").and_then(Value::as_str) else { continue };
                let mut holder = Map::new();
                holder.insert("copy", copy.span, Value::list(vec![copy.clone()], copy.span));
                changed.insert(name, copy.span, Value::map(holder, copy.span));
            }
        }
        Rc::new(Template {
            shared: Rc::clone(shared),
            parameters: map_of(template, "parameters"),
            variables,
            functions,
            given,
            memo: RefCell::default(),
        })
    }

    /// Forgets what was worked out before all resources were known.
    pub(super) fn forget(&self) {
        self.memo.borrow_mut().clear();
        if let Given::Passed { scope, .. } = &self.given {
            scope.forget();
        }
    }

    /// Parameters whose values are secrets, with their whole declarations.
    pub(super) fn secrets(&self) -> Vec<Secret> {
        let mut out = Vec::new();
        for (name, entry) in self.parameters.iter() {
            let Some(kind) = is_secure(&entry.value) else { continue };
            let Some(map) = entry.value.as_map() else { continue };
            let mut shown = Map::new();
            for (key, inner) in map.iter() {
                let mut value = self.value(&inner.value, &None);
                let key: Arc<str> = if key.eq_ignore_ascii_case("defaultValue") { "defaultValue".into() } else { Arc::clone(key) };
                if &*key == "defaultValue" {
                    value.sensitive = true;
                    if is_computed(&value) {
                        shown.insert("computed", inner.key, Value::bool(true, inner.key));
                    }
                }
                shown.insert(key, inner.key, value);
            }
            out.push(Secret { name: Arc::clone(name), key: entry.key, kind, value: Value::map(shown, entry.value.span) });
        }
        out
    }

    fn evaluation(&self) -> Evaluation<'_> {
        Evaluation { scope: self, budget: &self.shared.budget }
    }

    /// Reads a text as an expression; says once where it is none.
    fn expression(&self, text: &Arc<str>, span: Span) -> Text {
        let read = expression::read(text, span);
        if let Text::Wrong(reason) = &read {
            self.shared.wrong.borrow_mut().entry(span).or_insert_with(|| reason.clone());
        }
        read
    }

    /// Works out a piece of the template.
    pub(super) fn value(&self, json: &Value, locals: &Locals) -> Value {
        let limit = |reason: &str| Value::unknown(UnknownKind::Limit, reason, json.span);
        if !self.shared.budget.spend(1) {
            return limit("the budget of evaluation steps is used up");
        }
        if !self.shared.budget.enter() {
            return limit("the template is nested too deep");
        }
        let value = match &json.data {
            Data::String(text) => match self.expression(text, json.span) {
                Text::Plain(text) => Value { data: Data::String(text), ..json.clone() },
                Text::Expression(expr) => self.evaluation().eval(&expr, locals).at(json.span),
                Text::Wrong(reason) => Value::unknown(UnknownKind::Invalid, reason, json.span),
            },
            Data::List(items) => Value::list(items.iter().map(|item| self.value(item, locals)).collect(), json.span),
            Data::Map(map) => self.object(map, json.span, locals),
            _ => json.clone(),
        };
        self.shared.budget.leave();
        value
    }

    fn object(&self, map: &Map, span: Span, locals: &Locals) -> Value {
        let mut out = Map::new();
        for (key, entry) in map.iter() {
            if key.eq_ignore_ascii_case("copy")
                && let Some(copies) = entry.value.as_list()
                && copies.iter().all(|copy| get(copy, "input").is_some())
            {
                // A variable that is nothing but a loop is a list.
                for copy in copies {
                    let (name, value) = self.copied(copy, locals);
                    if map.len() == 1 && copies.len() == 1 && copy.span == span {
                        return value;
                    }
                    out.insert(name, entry.key, value);
                }
                continue;
            }
            let mut name = Arc::clone(key);
            if key.starts_with('[')
                && let Text::Expression(expr) = self.expression(key, entry.key)
            {
                name = self.evaluation().symbol(&expr, locals, 0).into();
            }
            out.insert(name, entry.key, self.value(&entry.value, locals));
        }
        Value::map(out, span)
    }

    /// One loop over a property: its name and its items.
    fn copied(&self, copy: &Value, locals: &Locals) -> (Arc<str>, Value) {
        let name: Arc<str> = get(copy, "name").and_then(Value::as_str).unwrap_or_default().into();
        let count = get(copy, "count").map(|count| self.value(count, locals));
        let input = get(copy, "input").cloned().unwrap_or_else(|| Value::null(copy.span));
        let mut items = Vec::new();
        match count.as_ref().map(|count| (&count.data, count.as_int(), count)) {
            Some((_, Some(count), _)) if count <= MAX_COPIES => {
                for at in 0..count {
                    items.push(self.value(&input, &round(&name, Value::int(at, copy.span), locals)));
                }
            }
            Some((Data::Unknown(unknown), _, count)) => return (name, unknown_like(unknown, count, copy.span)),
            Some((_, Some(_), _)) => return (name, Value::unknown(UnknownKind::Limit, "the loop has too many rounds", copy.span)),
            _ => return (name, Value::unknown(UnknownKind::Invalid, "the loop has no count", copy.span)),
        }
        (name, self.shared.budget.bounded(Value::list(items, copy.span)))
    }

    /// Text that two places share where they will have the same text, known or not.
    pub(super) fn symbol(&self, json: &Value, locals: &Locals) -> String {
        match &json.data {
            Data::String(text) => match self.expression(text, json.span) {
                Text::Plain(text) => text.as_ref().to_owned(),
                Text::Expression(expr) => self.evaluation().symbol(&expr, locals, 0),
                Text::Wrong(_) => "{...}".to_owned(),
            },
            _ => to_text(json).map_or_else(|| "{...}".to_owned(), |text| text.as_ref().to_owned()),
        }
    }

    fn once(&self, kind: Behind, name: &str, span: Span, make: &dyn Fn() -> Option<Value>) -> Option<Value> {
        let key = (kind, name.to_lowercase());
        match self.memo.borrow().get(&key) {
            Some(Memo::Done(value)) => return Some(value.clone()),
            Some(Memo::Working) => return Some(Value::unknown(UnknownKind::Invalid, format!("`{name}` is made of itself"), span)),
            None => {}
        }
        self.memo.borrow_mut().insert(key.clone(), Memo::Working);
        let value = make().map(|value| self.shared.budget.bounded(value));
        match &value {
            Some(value) => self.memo.borrow_mut().insert(key, Memo::Done(value.clone())),
            None => self.memo.borrow_mut().remove(&key),
        };
        value
    }

    fn parameter(&self, name: &str, span: Span) -> Value {
        let found = self.once(Behind::Parameter, name, span, &|| {
            let declared = entry(&self.parameters, name)?;
            let called = format!("parameters.{name}");
            let mut value = match &self.given {
                Given::File(values) => entry(values, name).map(|given| {
                    let value = match get(&given.value, "value") {
                        Some(value) => value.clone(),
                        None => {
                            unknown_set(UnknownKind::DataSource, format!("parameter `{name}` is read from a vault"), "", given.value.span)
                        }
                    };
                    step(value, StepKind::VariableFile, called.as_str(), given.key)
                }),
                Given::Passed { values, scope, locals } => entry(values, name).map(|given| {
                    let value = match get(&given.value, "value") {
                        Some(value) => scope.value(value, locals),
                        None => {
                            unknown_set(UnknownKind::DataSource, format!("parameter `{name}` is read from a vault"), "", given.value.span)
                        }
                    };
                    step(value, StepKind::ModuleArgument, called.as_str(), given.key)
                }),
                Given::Nothing => None,
            };
            if value.is_none()
                && let Some(default) = get(&declared.value, "defaultValue")
            {
                value = Some(step(self.value(default, &None), StepKind::VariableDefault, called.as_str(), default.span));
            }
            if value.is_none() && get(&declared.value, "nullable").and_then(Value::as_bool) == Some(true) {
                value = Some(step(Value::null(declared.value.span), StepKind::VariableDefault, called.as_str(), declared.key));
            }
            let reason = || format!("parameter `{name}` has no value");
            let mut value = value.unwrap_or_else(|| unknown_set(UnknownKind::Variable, reason(), "", declared.value.span));
            value.sensitive |= is_secure(&declared.value).is_some();
            Some(value)
        });
        found.unwrap_or_else(|| Value::unknown(UnknownKind::Invalid, format!("there is no parameter `{name}`"), span)).at(span)
    }

    fn variable(&self, name: &str, span: Span) -> Value {
        let found = self.once(Behind::Variable, name, span, &|| {
            let declared = entry(&self.variables, name)?;
            let value = self.value(&declared.value, &None);
            Some(step(value, StepKind::Local, format!("variables.{name}"), declared.key))
        });
        found.unwrap_or_else(|| Value::unknown(UnknownKind::Invalid, format!("there is no variable `{name}`"), span)).at(span)
    }

    fn user_function(&self, name: &str, args: &[Value], span: Span) -> Option<Value> {
        let declared = self.functions.get(name)?;
        let mut locals = Frame::bind("parameters".into(), Value::null(span), &None);
        let params = get(declared, "parameters").and_then(Value::as_list).unwrap_or_default();
        for (param, arg) in params.iter().zip(args) {
            let Some(param) = get(param, "name").and_then(Value::as_str) else { continue };
            locals = Frame::bind(format!("parameters:{}", param.to_lowercase()).into(), arg.clone(), &locals);
        }
        let output = get(declared, "output").and_then(|output| get(output, "value"))?;
        Some(self.value(output, &locals).at(span))
    }

    fn reference(&self, cx: &Evaluation<'_>, args: &[Expr], span: Span, locals: &Locals) -> Value {
        let Some(first) = args.first() else {
            return Value::unknown(UnknownKind::Invalid, "`reference` names no resource", span);
        };
        let target = cx.eval(first, locals);
        let full = args.get(2).is_some_and(|arg| cx.eval(arg, locals).as_str().is_some_and(|word| word.eq_ignore_ascii_case("full")));
        let attribute = if full { "" } else { "properties" };
        let index = self.shared.index.borrow();
        if let Some(id) = index.named(&cx.symbol(first, locals, 0)) {
            return Value::reference(Arc::clone(id), attribute, span);
        }
        if let [only] = target.references() {
            return Value::reference(Arc::clone(&only.subject), attribute, span);
        }
        carry(unknown_set(UnknownKind::Reference, "what `reference()` gives is known only to Azure", "", span), [&target])
    }
}

/// The names one round of a loop binds.
pub(super) fn round(name: &str, at: Value, locals: &Locals) -> Locals {
    let named = Frame::bind(format!("copyindex:{}", name.to_lowercase()).into(), at.clone(), locals);
    Frame::bind("copyindex".into(), at, &named)
}

impl Scope for Template {
    fn name(&self, _cx: &Evaluation<'_>, _name: &str, _span: Span) -> Option<Value> {
        None
    }

    fn call(&self, cx: &Evaluation<'_>, name: &str, args: &[Expr], span: Span, locals: &Locals) -> Option<Value> {
        let first = || args.first().map(|arg| cx.eval(arg, locals));
        let unnamed = |value: Option<Value>| match value {
            Some(value) => match &value.data {
                Data::Unknown(unknown) => unknown_like(unknown, &value, span),
                _ => Value::unknown(UnknownKind::Invalid, format!("`{name}` is given no name"), span),
            },
            None => Value::unknown(UnknownKind::Invalid, format!("`{name}` is given no name"), span),
        };
        match name {
            "parameters" => {
                let value = first();
                let Some(name) = value.as_ref().and_then(Value::as_str) else { return Some(unnamed(value)) };
                if local(locals, "parameters").is_some() {
                    let found = local(locals, &format!("parameters:{}", name.to_lowercase())).cloned();
                    return Some(found.map_or_else(
                        || Value::unknown(UnknownKind::Invalid, format!("the function has no parameter `{name}`"), span),
                        |value| value.at(span),
                    ));
                }
                Some(self.parameter(name, span))
            }
            "variables" => {
                let value = first();
                let Some(name) = value.as_ref().and_then(Value::as_str) else { return Some(unnamed(value)) };
                Some(self.variable(name, span))
            }
            "copyindex" => {
                let value = first();
                let (key, offset) = match value.as_ref().and_then(Value::as_str) {
                    Some(name) => (format!("copyindex:{}", name.to_lowercase()), args.get(1).map(|arg| cx.eval(arg, locals))),
                    None => ("copyindex".to_owned(), value),
                };
                let at = local(locals, &key).cloned();
                let at = at.unwrap_or_else(|| Value::unknown(UnknownKind::Invalid, "`copyIndex` stands in no loop", span));
                let offset = offset.and_then(|offset| offset.as_int()).unwrap_or(0);
                Some(match at.as_int() {
                    Some(number) => carry(Value::int(number.saturating_add(offset), span), [&at]),
                    None => at.at(span),
                })
            }
            "reference" => Some(self.reference(cx, args, span, locals)),
            "references" => Some(unknown_set(UnknownKind::Reference, "what `references()` gives is known only to Azure", "", span)),
            _ if self.functions.contains_key(name) => {
                let values: Vec<Value> = args.iter().map(|arg| cx.eval(arg, locals)).collect();
                self.user_function(name, &values, span)
            }
            _ => index::resource_id(cx, &self.shared.index.borrow(), name, args, span, locals),
        }
    }

    fn behind(&self, name: &str, kind: Behind) -> Option<Arc<Expr>> {
        let json = match kind {
            Behind::Variable => &entry(&self.variables, name)?.value,
            // What is given from outside is not told apart from here.
            Behind::Parameter => match &self.given {
                Given::Nothing => get(&entry(&self.parameters, name)?.value, "defaultValue")?,
                _ => return None,
            },
        };
        match &json.data {
            Data::String(text) => match expression::read(text, json.span) {
                Text::Expression(expr) => Some(Arc::new(expr)),
                Text::Plain(text) => Some(Arc::new(Expr::new(ExprKind::Literal(Data::String(text)), json.span))),
                Text::Wrong(_) => None,
            },
            _ => None,
        }
    }
}

/// `value` with references to the resource that a text names.
pub(super) fn naming(template: &Template, json: &Value, value: Value, locals: &Locals) -> Value {
    if !value.references().is_empty() {
        return value;
    }
    let text = template.symbol(json, locals);
    let index = template.shared.index.borrow();
    match index.named(&text) {
        Some(id) => referring(value, Arc::clone(id), "id"),
        None => value,
    }
}
