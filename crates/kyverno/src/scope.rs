//! The variables of an evaluation: `request`, `element`, `images`, `target` and so on, and the entries of a policy's context, which are
//! loaded when an expression mentions them.
//!
//! A scope inside another (a rule in a request, an element in a rule) sees the variables of the outer one, and hides them by its own.

use std::cell::{Cell, RefCell};
use std::sync::Arc;

use probity_core::{Operation, Request, UserInfo};
use probity_value::{Data, Map, Span, Value};

use crate::jmespath::{Evaluation, JmesError, JmesErrorKind};

/// One entry of a policy's context: how to come by the value of a variable.
pub trait Entry {
    /// The name of the variable.
    fn name(&self) -> &str;

    /// Its value. `scope` is the one the entry was added to: it sees the entries before this one.
    ///
    /// # Errors
    /// It cannot be had; every expression that mentions the variable fails then.
    fn load(&self, scope: &Scope<'_>) -> Result<Value, JmesError>;
}

/// Variables, within those of an outer scope.
pub struct Scope<'a> {
    evaluation: &'a Evaluation<'a>,
    parent: Option<&'a Scope<'a>>,
    values: RefCell<Vec<(Arc<str>, Value)>>,
    entries: Vec<Slot<'a>>,
    /// Entries from here on are not seen: one of them is being loaded.
    visible: Cell<usize>,
}

struct Slot<'a> {
    entry: &'a dyn Entry,
    state: RefCell<State>,
}

enum State {
    Waiting,
    Done,
    Failed(JmesError),
}

impl std::fmt::Debug for Scope<'_> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let names: Vec<Arc<str>> = self.values.borrow().iter().map(|(name, _)| Arc::clone(name)).collect();
        f.debug_struct("Scope").field("values", &names).field("entries", &self.entries.len()).finish_non_exhaustive()
    }
}

impl<'a> Scope<'a> {
    /// A scope without variables.
    #[must_use]
    pub fn new(evaluation: &'a Evaluation<'a>) -> Scope<'a> {
        Scope { evaluation, parent: None, values: RefCell::default(), entries: Vec::new(), visible: Cell::new(usize::MAX) }
    }

    /// The scope of a request: `request`, and `serviceAccountName` and `serviceAccountNamespace` where it is known who asks.
    #[must_use]
    pub fn of_request(evaluation: &'a Evaluation<'a>, request: &Request) -> Scope<'a> {
        let scope = Scope::new(evaluation);
        scope.set("request", request_value(request));
        if request.user != UserInfo::default() {
            let (namespace, name) = service_account(&request.user.username);
            scope.set("serviceAccountName", Value::string(name, Span::NONE));
            scope.set("serviceAccountNamespace", Value::string(namespace, Span::NONE));
        }
        scope
    }

    /// A scope within this one.
    #[must_use]
    pub fn child<'b>(&'b self) -> Scope<'b> {
        Scope {
            evaluation: self.evaluation,
            parent: Some(self),
            values: RefCell::default(),
            entries: Vec::new(),
            visible: Cell::new(usize::MAX),
        }
    }

    /// What the evaluation may use.
    #[must_use]
    pub fn evaluation(&self) -> &'a Evaluation<'a> {
        self.evaluation
    }

    /// Sets a variable of this scope.
    pub fn set(&self, name: &str, value: Value) {
        let mut values = self.values.borrow_mut();
        match values.iter_mut().find(|(known, _)| &**known == name) {
            Some((_, old)) => *old = value,
            None => values.push((name.into(), value)),
        }
    }

    /// Takes a variable of this scope away; one of the outer scope is seen again.
    pub fn unset(&self, name: &str) {
        self.values.borrow_mut().retain(|(known, _)| &**known != name);
    }

    /// Sets the part of a variable: `["request", "operation"]`. Maps are merged into maps that are there; everything else is replaced.
    /// The outer scope does not see it.
    pub fn merge(&self, path: &[&str], value: Value) {
        let Some((first, rest)) = path.split_first() else { return };
        let pushed = rest.iter().rev().fold(value, |value, key| {
            let mut map = Map::new();
            map.insert(*key, Span::NONE, value);
            Value::map(map, Span::NONE)
        });
        let merged = match self.peek(first) {
            Some(mut known) => {
                merge_into(pushed, &mut known);
                known
            }
            None => pushed,
        };
        self.set(first, merged);
    }

    /// Replaces the part of a variable whole: an earlier map there is not merged.
    pub fn replace(&self, path: &[&str], value: Value) {
        if let [name] = path {
            return self.set(name, value);
        }
        self.merge(path, Value::null(Span::NONE));
        self.merge(path, value);
    }

    /// Sets the object the request is about, as it is by now.
    pub fn set_object(&self, object: Value) {
        self.replace(&["request", "object"], object);
    }

    /// Sets `element` and `elementIndex`, and the same with the number of the nesting: `element0`.
    pub fn set_element(&self, element: Value, index: usize, nesting: usize) {
        let index = Value::int(i64::try_from(index).unwrap_or(i64::MAX), Span::NONE);
        self.set(&format!("element{nesting}"), element.clone());
        self.set(&format!("elementIndex{nesting}"), index.clone());
        self.set("element", element);
        self.set("elementIndex", index);
    }

    /// Adds an entry of a policy's context after those that are there.
    pub fn add(&mut self, entry: &'a dyn Entry) {
        self.entries.push(Slot { entry, state: RefCell::new(State::Waiting) });
    }

    /// Loads all entries in their order, whether something mentions them or not.
    ///
    /// # Errors
    /// The first entry that cannot be loaded.
    pub fn load_all(&self) -> Result<(), JmesError> {
        (0..self.entries.len()).try_for_each(|at| self.load(at))
    }

    /// What is done: `request.operation`.
    #[must_use]
    pub fn operation(&self) -> Option<Operation> {
        self.peek("request")?.get("operation")?.as_str()?.parse().ok()
    }

    /// A variable, loaded if it is an entry that is not loaded yet; `None` where there is none of that name.
    ///
    /// # Errors
    /// The entry cannot be loaded.
    pub fn get(&self, name: &str) -> Result<Option<Value>, JmesError> {
        for (at, slot) in self.entries.iter().enumerate().take(self.visible.get()) {
            if slot.entry.name() == name {
                self.load(at)?;
            }
        }
        if let Some((_, value)) = self.values.borrow().iter().find(|(known, _)| &**known == name) {
            return Ok(Some(value.clone()));
        }
        self.parent.map_or(Ok(None), |parent| parent.get(name))
    }

    /// A variable that is set or loaded.
    fn peek(&self, name: &str) -> Option<Value> {
        let own = self.values.borrow().iter().find(|(known, _)| &**known == name).map(|(_, value)| value.clone());
        own.or_else(|| self.parent?.peek(name))
    }

    /// All variables that are set or loaded, as one map.
    #[must_use]
    pub fn all(&self) -> Value {
        let mut map = Map::new();
        self.collect(&mut map);
        Value::map(map, Span::NONE)
    }

    fn collect(&self, map: &mut Map) {
        if let Some(parent) = self.parent {
            parent.collect(map);
        }
        for (name, value) in self.values.borrow().iter() {
            map.insert(Arc::clone(name), Span::NONE, value.clone());
        }
    }

    /// Loads the entries that the text of an expression mentions, the outer ones first.
    pub(crate) fn load_mentioned(&self, text: &str) -> Result<(), JmesError> {
        if let Some(parent) = self.parent {
            parent.load_mentioned(text)?;
        }
        for (at, slot) in self.entries.iter().enumerate().take(self.visible.get()) {
            if !matches!(*slot.state.borrow(), State::Done) && mentions(text, slot.entry.name()) {
                self.load(at)?;
            }
        }
        Ok(())
    }

    fn load(&self, at: usize) -> Result<(), JmesError> {
        let Some(slot) = self.entries.get(at) else { return Ok(()) };
        match &*slot.state.borrow() {
            State::Waiting => {}
            State::Done => return Ok(()),
            State::Failed(error) => return Err(error.clone()),
        }
        let before = self.visible.replace(at);
        let loaded = self.evaluation.loading(|| slot.entry.load(self));
        self.visible.set(before);
        match loaded {
            Ok(value) => {
                self.set(slot.entry.name(), value);
                slot.state.replace(State::Done);
                Ok(())
            }
            Err(error) => {
                // A key that an entry does not find is no key that is missing in the expression that asks for the entry.
                let kind = if error.kind == JmesErrorKind::NotFound { JmesErrorKind::Wrong } else { error.kind };
                let error = JmesError {
                    kind,
                    message: format!("the variable `{}` has no value: {}", slot.entry.name(), error.message),
                    at: error.at,
                };
                slot.state.replace(State::Failed(error.clone()));
                Err(error)
            }
        }
    }
}

/// Whether the text of an expression mentions a name: not after a dot, a letter or a digit, and up to the end of a word.
fn mentions(text: &str, name: &str) -> bool {
    let word = |sign: char| sign.is_ascii_alphanumeric() || sign == '_';
    text.match_indices(name).any(|(at, _)| {
        let before = text.get(..at).and_then(|before| before.chars().next_back());
        let after = text.get(at + name.len()..).and_then(|after| after.chars().next());
        before.is_none_or(|sign| sign != '.' && !sign.is_ascii_alphanumeric())
            && after.is_some_and(word) != name.chars().next_back().is_some_and(word)
    })
}

/// Merges maps into maps; everything else replaces what is there.
fn merge_into(from: Value, into: &mut Value) {
    if let (Data::Map(from), Data::Map(into)) = (&from.data, &mut into.data) {
        let into = Arc::make_mut(into);
        for (key, entry) in from.iter() {
            match into.get_mut(key) {
                Some(known) => merge_into(entry.value.clone(), known),
                None => {
                    into.insert(Arc::clone(key), entry.key, entry.value.clone());
                }
            }
        }
        return;
    }
    *into = from;
}

/// Namespace and name of the service account a user name stands for; both empty where it is none.
fn service_account(user: &str) -> (&str, &str) {
    const PREFIX: usize = "system:serviceaccount:".len();
    // The original cuts off as many bytes without looking at them.
    let Some(account) = user.get(PREFIX..) else { return ("", "") };
    let mut parts = account.split(':');
    match (parts.next(), parts.next()) {
        (Some(namespace), Some(name)) => (namespace, name),
        _ => ("", ""),
    }
}

/// `request` as policies see it: the admission request, with roles and cluster roles.
fn request_value(request: &Request) -> Value {
    let none = Span::NONE;
    let text = |text: &str| Value::string(text, none);
    let texts = |items: &[Arc<str>]| Value::list(items.iter().map(|item| Value::string(Arc::clone(item), none)).collect(), none);
    let map = |entries: Vec<(&str, Value)>| {
        let mut map = Map::new();
        for (key, value) in entries {
            map.insert(key, none, value);
        }
        Value::map(map, none)
    };
    let kind =
        || map(vec![("group", text(&request.kind.group)), ("version", text(&request.kind.version)), ("kind", text(&request.kind.kind))]);
    let resource = || {
        map(vec![
            ("group", text(&request.resource.group)),
            ("version", text(&request.resource.version)),
            ("resource", text(&request.resource.resource)),
        ])
    };
    let mut user = Vec::new();
    for (key, value) in [("username", &request.user.username), ("uid", &request.user.uid)] {
        if !value.is_empty() {
            user.push((key, text(value)));
        }
    }
    if !request.user.groups.is_empty() {
        user.push(("groups", texts(&request.user.groups)));
    }
    if !request.user.extra.is_empty() {
        user.push(("extra", map(request.user.extra.iter().map(|(key, values)| (&**key, texts(values))).collect())));
    }
    let mut entries = vec![
        ("uid", text(&request.uid)),
        ("kind", kind()),
        ("resource", resource()),
        ("requestKind", kind()),
        ("requestResource", resource()),
    ];
    if !request.sub_resource.is_empty() {
        entries.push(("subResource", text(&request.sub_resource)));
        entries.push(("requestSubResource", text(&request.sub_resource)));
    }
    if !request.name.is_empty() {
        entries.push(("name", text(&request.name)));
    }
    entries.push(("namespace", text(&request.namespace)));
    entries.push(("operation", text(request.operation.as_str())));
    entries.push(("userInfo", map(user)));
    for (key, names) in [("roles", &request.user.roles), ("clusterRoles", &request.user.cluster_roles)] {
        if !names.is_empty() {
            entries.push((key, texts(names)));
        }
    }
    entries.push(("object", request.object.clone()));
    entries.push(("oldObject", request.old_object.clone()));
    entries.push(("dryRun", Value::bool(request.dry_run, none)));
    entries.push(("options", request.options.clone()));
    map(entries)
}
