//! Intrinsic functions to values: what is known is worked out, what is not stays unknown with its reason.
//!
//! What lives here: the evaluator of one template, names (`Ref`, `Fn::GetAtt`), conditions, `Fn::If` and loops. The functions over texts,
//! lists and mappings are in `functions`.
//!
//! **Invariant:** an evaluation always ends: every value takes a step of the template's budget, and nesting (also through conditions) is
//! limited. When either is used up, what is left is unknown, and the template counts as not wholly read.

use std::cell::{Cell, RefCell};
use std::collections::BTreeMap;
use std::rc::Rc;
use std::sync::Arc;

use probity_core::{Diagnostic, Level};
use probity_value::{Data, Entry, Map, Span, StepKind, Unknown, UnknownKind, Value};

use crate::terraform::eval::{derived, is_set, through};
use crate::terraform::functions::{equal, to_bool, to_text, with_marks};

/// Nesting of evaluations, also through conditions. Reading allows less in one value.
const MAX_DEPTH: u32 = 400;
/// Prefix of the key of a loop.
pub(super) const FOR_EACH: &str = "Fn::ForEach::";
/// Under this key a map holds what it hangs on whether it is there; see the check language.
const MAYBE: &str = "$maybe";
/// Under this key a map holds an unknown that may have any other key.
const REST: &str = "$rest";
/// More diagnostics of one template are not said one by one.
const MAX_SAID: usize = 100;

/// Types whose `Ref` is an ARN.
const REF_IS_ARN: &[&str] = &[
    "AWS::CertificateManager::Certificate",
    "AWS::ECS::Service",
    "AWS::ECS::TaskDefinition",
    "AWS::ElasticLoadBalancingV2::Listener",
    "AWS::ElasticLoadBalancingV2::ListenerRule",
    "AWS::ElasticLoadBalancingV2::LoadBalancer",
    "AWS::ElasticLoadBalancingV2::TargetGroup",
    "AWS::IAM::ManagedPolicy",
    "AWS::Lambda::LayerVersion",
    "AWS::SNS::Topic",
    "AWS::SecretsManager::Secret",
    "AWS::Serverless::StateMachine",
    "AWS::StepFunctions::StateMachine",
];

/// True, false, or why it cannot be known.
#[derive(Clone, Debug)]
pub(super) enum Truth {
    /// It is known.
    Known(bool),
    /// It is not.
    Unknown(Arc<Unknown>),
}

/// The identifiers of the loops around a value.
#[derive(Clone, Default)]
pub(super) struct Scope(Option<Rc<Binding>>);

struct Binding {
    name: Arc<str>,
    value: Value,
    next: Scope,
}

impl Scope {
    fn with(&self, name: &str, value: Value) -> Scope {
        Scope(Some(Rc::new(Binding { name: name.into(), value, next: self.clone() })))
    }

    pub(super) fn get(&self, name: &str) -> Option<&Value> {
        let mut at = self;
        while let Some(binding) = &at.0 {
            if &*binding.name == name {
                return Some(&binding.value);
            }
            at = &binding.next;
        }
        None
    }

    pub(super) fn is_empty(&self) -> bool {
        self.0.is_none()
    }
}

/// A condition under a name.
struct Condition {
    value: Value,
    scope: Scope,
    /// `None` while it is being worked out.
    found: Option<Option<Truth>>,
}

/// What one template declares, and what is left of its budget.
pub(super) struct Evaluator {
    /// Where the template is, for diagnostics.
    path: Arc<str>,
    /// Values of the parameters.
    parameters: BTreeMap<Arc<str>, Value>,
    /// The `Mappings`.
    pub(super) mappings: Option<Value>,
    conditions: RefCell<BTreeMap<Arc<str>, Condition>>,
    /// Names and types of the resources.
    resources: RefCell<BTreeMap<Arc<str>, Arc<str>>>,
    /// Whether there may be resources the template does not name: a macro makes them.
    open: bool,
    steps: Cell<u64>,
    depth: Cell<u32>,
    /// Whether steps or depth were used up.
    spent: Cell<bool>,
    /// Whether something was found that AWS refuses.
    wrong: Cell<bool>,
    said: RefCell<Vec<Diagnostic>>,
}

impl Evaluator {
    pub(super) fn new(
        path: &Arc<str>,
        parameters: BTreeMap<Arc<str>, Value>,
        mappings: Option<Value>,
        open: bool,
        steps: u64,
    ) -> Evaluator {
        Evaluator {
            path: Arc::clone(path),
            parameters,
            mappings,
            conditions: RefCell::default(),
            resources: RefCell::default(),
            open,
            steps: Cell::new(steps),
            depth: Cell::new(0),
            spent: Cell::new(false),
            wrong: Cell::new(false),
            said: RefCell::default(),
        }
    }

    /// Takes the names and types of the resources in.
    pub(super) fn name_resources(&self, names: impl IntoIterator<Item = (Arc<str>, Arc<str>)>) {
        self.resources.borrow_mut().extend(names);
    }

    /// Takes the `Conditions` in, loops run.
    pub(super) fn declare_conditions(&self, conditions: &Map) {
        self.entries(conditions, &Scope::default(), &mut |name, entry, scope| {
            let condition = Condition { value: entry.value.clone(), scope: scope.clone(), found: None };
            self.conditions.borrow_mut().insert(name, condition);
        });
    }

    /// What there is to say, whether a limit was met, and whether something is wrong for AWS too.
    pub(super) fn finish(self) -> (Vec<Diagnostic>, bool, bool) {
        (self.said.into_inner(), self.spent.get(), self.wrong.get())
    }

    pub(super) fn say(&self, level: Level, code: &'static str, span: Span, message: String) {
        let mut said = self.said.borrow_mut();
        if said.len() < MAX_SAID && !said.iter().any(|other| other.code == code && other.span == span && other.message == message) {
            said.push(Diagnostic::new(level, code, Arc::clone(&self.path), span, message));
        }
    }

    /// An unknown for something AWS would refuse, said as well.
    pub(super) fn invalid(&self, message: impl Into<String>, span: Span) -> Value {
        let message = message.into();
        self.say(Level::Warning, "cloudformation-invalid", span, message.clone());
        Value::unknown(UnknownKind::Invalid, message, span)
    }

    /// Takes steps; false where none are left.
    pub(super) fn spend(&self, count: u64) -> bool {
        let left = self.steps.get().checked_sub(count);
        self.steps.set(left.unwrap_or(0));
        if left.is_none() {
            self.spent.set(true);
        }
        left.is_some()
    }

    pub(super) fn limit(&self, span: Span) -> Value {
        self.spent.set(true);
        Value::unknown(UnknownKind::Limit, "the template takes more steps than the budget allows", span)
    }

    /// Runs `inner` one level deeper; `None` where that is too deep or no step is left.
    fn deeper<T>(&self, inner: impl FnOnce() -> T) -> Option<T> {
        let depth = self.depth.get();
        if depth >= MAX_DEPTH || !self.spend(1) {
            self.spent.set(true);
            return None;
        }
        self.depth.set(depth + 1);
        let out = inner();
        self.depth.set(depth);
        Some(out)
    }

    /// A value with its functions worked out; `None` for `AWS::NoValue`, which takes away what holds it.
    pub(super) fn eval(&self, value: &Value, scope: &Scope) -> Option<Value> {
        match &value.data {
            Data::String(text) if scope.is_empty() && !text.contains("{{resolve:") => Some(value.clone()),
            Data::String(text) => Some(self.fill(text, value, scope, None)),
            Data::List(_) | Data::Map(_) => match self.deeper(|| self.nested(value, scope)) {
                Some(found) => found,
                None => Some(self.limit(value.span)),
            },
            _ => Some(value.clone()),
        }
    }

    /// The same, with unknown in the place of what is taken away: for arguments of functions.
    pub(super) fn argument(&self, value: &Value, scope: &Scope) -> Value {
        self.eval(value, scope).unwrap_or_else(|| Value::null(value.span))
    }

    fn nested(&self, value: &Value, scope: &Scope) -> Option<Value> {
        let like = |data: Data| Value { data, span: value.span, origin: value.origin.clone(), sensitive: value.sensitive };
        match &value.data {
            Data::List(items) => {
                let items: Vec<Value> = items.iter().filter_map(|item| self.eval(item, scope)).collect();
                Some(like(Data::List(Arc::new(items))))
            }
            Data::Map(map) => {
                if map.len() == 1
                    && let Some((key, entry)) = map.iter().next()
                    && (key.starts_with("Fn::") && !key.starts_with(FOR_EACH) || &**key == "Ref")
                {
                    let found = self.call(key, &entry.value, value.span, scope)?;
                    return Some(match &value.origin {
                        Some(_) => with_marks(found, std::iter::once(&like(Data::Null)), false),
                        None => found,
                    });
                }
                let mut out = Map::new();
                self.entries(map, scope, &mut |key, entry, scope| {
                    if &*key == "Fn::Transform" {
                        let why = "what `Fn::Transform` adds is not read";
                        out.insert(REST, entry.key, Value::unknown(UnknownKind::File, why, entry.value.span));
                    } else if let Some(value) = self.eval(&entry.value, scope) {
                        out.insert(key, entry.key, value);
                    }
                });
                Some(like(Data::Map(Arc::new(out))))
            }
            _ => Some(value.clone()),
        }
    }

    /// Visits the entries of a map, those of its loops once for each item.
    pub(super) fn entries(&self, map: &Map, scope: &Scope, visit: &mut dyn FnMut(Arc<str>, &Entry, &Scope)) {
        for (key, entry) in map.iter() {
            if key.starts_with(FOR_EACH) {
                if self.deeper(|| self.for_each(&entry.value, scope, visit)).is_none() {
                    return;
                }
            } else if scope.is_empty() {
                visit(Arc::clone(key), entry, scope);
            } else {
                let name = self.fill(key, &Value::string(Arc::clone(key), entry.key), scope, None);
                // A name that hangs on an unknown item stays as it is written.
                visit(to_text(&name).unwrap_or_else(|| Arc::clone(key)), entry, scope);
            }
        }
    }

    fn for_each(&self, value: &Value, scope: &Scope, visit: &mut dyn FnMut(Arc<str>, &Entry, &Scope)) {
        let parts = value.as_list().unwrap_or_default();
        let [identifier, collection, body] = parts else {
            self.wrong.set(true);
            self.say(Level::Error, "cloudformation-foreach", value.span, "a loop has an identifier, a collection and a map".to_owned());
            return;
        };
        let (Some(identifier), Some(body)) = (identifier.as_str(), body.as_map()) else {
            self.wrong.set(true);
            self.say(Level::Error, "cloudformation-foreach", value.span, "a loop has an identifier, a collection and a map".to_owned());
            return;
        };
        let items = self.argument(collection, scope);
        match &items.data {
            Data::List(list) => {
                for item in list.iter() {
                    if !self.spend(1) {
                        return;
                    }
                    self.entries(body, &scope.with(identifier, item.clone()), visit);
                }
            }
            Data::Unknown(unknown) => {
                // How many there are is not known; they look like this one.
                let item = with_marks(derived(unknown, true, items.span), std::iter::once(&items), false);
                self.entries(body, &scope.with(identifier, item), visit);
            }
            _ => {
                self.wrong.set(true);
                self.say(Level::Error, "cloudformation-foreach", collection.span, "the collection of a loop is a list".to_owned());
            }
        }
    }

    fn call(&self, name: &str, argument: &Value, span: Span, scope: &Scope) -> Option<Value> {
        if !self.spend(1) {
            return Some(self.limit(span));
        }
        match name {
            "Ref" => self.reference(argument, span, scope),
            "Fn::If" => self.choose(argument, span, scope),
            "Fn::GetAtt" => Some(self.attribute(argument, span, scope)),
            "Fn::And" | "Fn::Or" | "Fn::Not" | "Fn::Equals" => Some(match self.logic(name, argument, scope) {
                Truth::Known(truth) => Value::bool(truth, span),
                Truth::Unknown(unknown) => derived(&unknown, true, span),
            }),
            _ => Some(self.function(name, argument, span, scope)),
        }
    }

    /// `Ref`: an item of a loop, a pseudo parameter, a parameter or a resource.
    fn reference(&self, argument: &Value, span: Span, scope: &Scope) -> Option<Value> {
        let named = self.argument(argument, scope);
        let Some(name) = to_text(&named) else {
            return Some(match named.as_unknown() {
                Some(unknown) => with_marks(derived(unknown, true, span), std::iter::once(&named), false),
                None => self.invalid("`Ref` takes a name", span),
            });
        };
        self.named(&name, span, scope)
    }

    /// The value of a name; `None` for `AWS::NoValue`.
    pub(super) fn named(&self, name: &str, span: Span, scope: &Scope) -> Option<Value> {
        if let Some(item) = scope.get(name) {
            return Some(item.clone().at(span));
        }
        if name == "AWS::NoValue" {
            return None;
        }
        if name.starts_with("AWS::") {
            return Some(known_later(format!("`{name}` is known only where the stack is made"), UnknownKind::Reference, span));
        }
        if let Some(value) = self.parameters.get(name) {
            return Some(value.clone().at(span));
        }
        Some(self.resource(name, "Ref", span))
    }

    /// An attribute of a resource; `Ref` where it is the name of the resource that stands for one.
    pub(super) fn resource(&self, name: &str, attribute: &str, span: Span) -> Value {
        let kind = self.resources.borrow().get(name).cloned();
        if !self.open && kind.is_none() {
            let message = format!("`{name}` is neither a parameter nor a resource of the template");
            self.say(Level::Warning, "cloudformation-invalid", span, message);
        }
        // Whatever was meant, something is set.
        let mut value = Value::reference(name, attribute, span);
        let arn = match attribute {
            "Ref" => kind.is_some_and(|kind| REF_IS_ARN.contains(&&*kind)),
            _ => attribute.ends_with("Arn"),
        };
        if let (true, Data::Unknown(unknown)) = (arn, &mut value.data) {
            Arc::make_mut(unknown).prefix = "arn:".into();
        }
        value
    }

    /// `Fn::GetAtt`: a list of resource and attribute, or both in one text.
    fn attribute(&self, argument: &Value, span: Span, scope: &Scope) -> Value {
        let given = self.argument(argument, scope);
        let texts: Option<Vec<Arc<str>>> = match &given.data {
            Data::String(text) => text.split_once('.').map(|(resource, attribute)| vec![resource.into(), attribute.into()]),
            Data::List(items) => items.iter().map(to_text).collect(),
            _ => None,
        };
        match texts.as_deref() {
            Some([resource, attribute]) => self.resource(resource, attribute, span),
            Some([resource, first, second]) => self.resource(resource, &format!("{first}.{second}"), span),
            _ => match given.find_unknown() {
                Some(unknown) => {
                    // Which one is not known; it will be something another resource has.
                    let mut value = derived(unknown, true, span);
                    if let Some(resource) = given.as_list().and_then(|items| to_text(items.first()?)) {
                        value = Value::reference(resource, "*", span);
                    }
                    value
                }
                None => self.invalid("`Fn::GetAtt` takes a resource and an attribute", span),
            },
        }
    }

    /// `Fn::If`.
    fn choose(&self, argument: &Value, span: Span, scope: &Scope) -> Option<Value> {
        let [condition, then, otherwise] = argument.as_list().unwrap_or_default() else {
            return Some(self.invalid("`Fn::If` takes a condition and two values", span));
        };
        let truth = match condition.as_str() {
            Some(name) => self.condition(&self.plain(name, condition, scope), condition.span),
            None => self.truth(condition, scope),
        };
        match truth {
            Truth::Known(true) => self.eval(then, scope),
            Truth::Known(false) => self.eval(otherwise, scope),
            Truth::Unknown(why) => self.either(self.eval(then, scope), self.eval(otherwise, scope), &why, span),
        }
    }

    /// A name with the items of loops in it.
    fn plain(&self, name: &str, written: &Value, scope: &Scope) -> Arc<str> {
        if scope.is_empty() {
            return name.into();
        }
        to_text(&self.fill(name, written, scope, None)).unwrap_or_else(|| name.into())
    }

    /// One of two, nobody knows which: what they have in common is known.
    pub(super) fn either(&self, a: Option<Value>, b: Option<Value>, why: &Arc<Unknown>, span: Span) -> Option<Value> {
        match (a, b) {
            (None, None) => None,
            (Some(one), None) | (None, Some(one)) => Some(doubtful(one, why, span)),
            (Some(a), Some(b)) => Some(self.deeper(|| self.merge(&a, &b, why, span)).unwrap_or_else(|| self.limit(span))),
        }
    }

    fn merge(&self, a: &Value, b: &Value, why: &Arc<Unknown>, span: Span) -> Value {
        if equal(a, b) == Some(true) {
            return with_marks(a.clone(), std::iter::once(b), false);
        }
        let whole = |data: Data| Value { sensitive: a.sensitive || b.sensitive, ..Value::new(data, a.span) };
        match (&a.data, &b.data) {
            (Data::Map(left), Data::Map(right)) => {
                let mut out = Map::new();
                let names = left.iter().chain(right.iter().filter(|(name, _)| !left.contains_key(name)));
                for (name, entry) in names {
                    let both = (left.get(name).cloned(), right.get(name).cloned());
                    if let Some(value) = self.either(both.0, both.1, why, entry.value.span) {
                        out.insert(Arc::clone(name), entry.key, value);
                    }
                }
                whole(Data::Map(Arc::new(out)))
            }
            (Data::List(left), Data::List(right)) if left.len() == right.len() => {
                let items = left.iter().zip(right.iter());
                let items = items.map(|(a, b)| self.either(Some(a.clone()), Some(b.clone()), why, a.span).unwrap_or_else(|| a.clone()));
                whole(Data::List(Arc::new(items.collect())))
            }
            _ => {
                let mut value = derived(why, is_set(a) && is_set(b), span);
                if let Data::Unknown(unknown) = &mut value.data {
                    Arc::make_mut(unknown).prefix = common(&beginning(a), &beginning(b)).into();
                }
                with_marks(value, [a, b].into_iter(), false)
            }
        }
    }

    /// What a condition of that name is.
    pub(super) fn condition(&self, name: &str, span: Span) -> Truth {
        let (value, scope) = {
            let mut conditions = self.conditions.borrow_mut();
            let Some(condition) = conditions.get_mut(name) else {
                drop(conditions);
                let value = self.invalid(format!("there is no condition `{name}`"), span);
                return unknown_truth(&value);
            };
            match &condition.found {
                Some(Some(truth)) => return truth.clone(),
                Some(None) => {
                    drop(conditions);
                    self.wrong.set(true);
                    let message = format!("the condition `{name}` hangs on itself");
                    self.say(Level::Error, "cloudformation-cycle", span, message.clone());
                    return unknown_truth(&Value::unknown(UnknownKind::Invalid, message, span));
                }
                None => {}
            }
            condition.found = Some(None);
            (condition.value.clone(), condition.scope.clone())
        };
        let truth = self.truth(&value, &scope);
        if let Some(condition) = self.conditions.borrow_mut().get_mut(name) {
            condition.found = Some(Some(truth.clone()));
        }
        truth
    }

    /// What a condition is.
    fn truth(&self, value: &Value, scope: &Scope) -> Truth {
        self.deeper(|| self.truth_inside(value, scope)).unwrap_or_else(|| unknown_truth(&self.limit(value.span)))
    }

    fn truth_inside(&self, value: &Value, scope: &Scope) -> Truth {
        if let Some(map) = value.as_map()
            && let (1, Some((key, entry))) = (map.len(), map.iter().next())
        {
            match (&**key, entry.value.as_str()) {
                ("Condition", Some(name)) => return self.condition(&self.plain(name, &entry.value, scope), value.span),
                ("Fn::And" | "Fn::Or" | "Fn::Not" | "Fn::Equals", _) => return self.logic(key, &entry.value, scope),
                _ => {}
            }
        }
        let found = self.argument(value, scope);
        match to_bool(&found) {
            Some(truth) => Truth::Known(truth),
            None if found.is_unknown() => unknown_truth(&found),
            None => unknown_truth(&self.invalid("a condition is true or false", value.span)),
        }
    }

    fn logic(&self, name: &str, argument: &Value, scope: &Scope) -> Truth {
        let parts = argument.as_list().unwrap_or_default();
        match (name, parts) {
            ("Fn::Equals", [a, b]) => {
                let (a, b) = (self.argument(a, scope), self.argument(b, scope));
                match same(&a, &b) {
                    Some(truth) => Truth::Known(truth),
                    None => match a.find_unknown().or_else(|| b.find_unknown()) {
                        Some(unknown) => Truth::Unknown(Arc::new(unknown.clone())),
                        None => Truth::Known(false),
                    },
                }
            }
            ("Fn::Not", [one]) => match self.truth(one, scope) {
                Truth::Known(truth) => Truth::Known(!truth),
                unknown @ Truth::Unknown(_) => unknown,
            },
            ("Fn::And" | "Fn::Or", [_, ..]) => {
                let decides = name == "Fn::Or";
                let mut doubt = None;
                for part in parts {
                    match self.truth(part, scope) {
                        Truth::Known(truth) if truth == decides => return Truth::Known(decides),
                        Truth::Known(_) => {}
                        unknown @ Truth::Unknown(_) => doubt = doubt.or(Some(unknown)),
                    }
                }
                doubt.unwrap_or(Truth::Known(!decides))
            }
            _ => unknown_truth(&self.invalid(format!("`{name}` has the wrong number of parts"), argument.span)),
        }
    }
}

/// Something that is sure to be there and is known only later.
pub(super) fn known_later(reason: impl Into<Arc<str>>, kind: UnknownKind, span: Span) -> Value {
    let unknown = Unknown { kind, reason: reason.into(), set: true, prefix: "".into(), suffix: "".into(), decoded: None };
    Value::new(Data::Unknown(Arc::new(unknown)), span)
}

/// The value of a parameter: its default, with the way to it.
pub(super) fn from_default(name: &str, default: Value) -> Value {
    let span = default.span;
    through(default, StepKind::VariableDefault, name, span, None)
}

fn unknown_truth(value: &Value) -> Truth {
    match &value.data {
        Data::Unknown(unknown) => Truth::Unknown(Arc::clone(unknown)),
        _ => Truth::Known(false),
    }
}

/// Something that may not be there.
fn doubtful(value: Value, why: &Arc<Unknown>, span: Span) -> Value {
    let doubt = derived(why, false, span);
    match &value.data {
        Data::Map(map) => {
            let mut map = Map::clone(map);
            map.insert(MAYBE, span, doubt);
            Value { data: Data::Map(Arc::new(map)), ..value }
        }
        _ => with_marks(doubt, std::iter::once(&value), true),
    }
}

/// Whether two values are equal for CloudFormation, which compares texts; `None` where it cannot be known.
fn same(a: &Value, b: &Value) -> Option<bool> {
    match (to_text(a), to_text(b)) {
        (Some(a), Some(b)) => Some(a == b),
        (Some(text), None) => other_text(b, &text),
        (None, Some(text)) => other_text(a, &text),
        (None, None) => equal(a, b),
    }
}

fn other_text(value: &Value, text: &str) -> Option<bool> {
    match value.as_unknown() {
        Some(unknown) if text.starts_with(&*unknown.prefix) => None,
        _ => Some(false),
    }
}

/// What a text is sure to begin with.
fn beginning(value: &Value) -> Arc<str> {
    match &value.data {
        Data::Unknown(unknown) => Arc::clone(&unknown.prefix),
        _ => to_text(value).unwrap_or_else(|| "".into()),
    }
}

/// What two texts begin with, both.
pub(super) fn common(a: &str, b: &str) -> String {
    a.chars().zip(b.chars()).take_while(|(a, b)| a == b).map(|(letter, _)| letter).collect()
}
