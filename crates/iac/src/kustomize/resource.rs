//! What is rendered: objects with the names they had, and the ids they are found by.

use std::sync::Arc;

use probity_value::{Data, Span, Value};

use super::node::{child_map, map_mut, text_at};
use probity_kubernetes::strategic::schema::is_cluster_scoped;

/// Group, version and kind; an empty part means any where it selects.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Gvk {
    pub(super) group: String,
    pub(super) version: String,
    pub(super) kind: String,
}

impl Gvk {
    pub(super) fn new(api_version: &str, kind: &str) -> Gvk {
        let (group, version) = api_version.split_once('/').unwrap_or(("", api_version));
        Gvk { group: group.to_owned(), version: version.to_owned(), kind: kind.to_owned() }
    }

    pub(super) fn api_version(&self) -> String {
        if self.group.is_empty() { self.version.clone() } else { format!("{}/{}", self.group, self.version) }
    }

    /// Whether a selector with perhaps empty parts takes it.
    pub(super) fn is_selected(&self, by: &Gvk) -> bool {
        let fits = |own: &str, asked: &str| asked.is_empty() || own == asked;
        fits(&self.group, &by.group) && fits(&self.version, &by.version) && fits(&self.kind, &by.kind)
    }
}

/// What an object is found by.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Id {
    pub(super) gvk: Gvk,
    pub(super) name: String,
    pub(super) namespace: String,
}

/// The namespace of what is in none.
const NO_NAMESPACE: &str = "_non_namespaceable_";

impl Id {
    pub(super) fn is_cluster_scoped(&self) -> bool {
        is_cluster_scoped(&self.gvk.api_version(), &self.gvk.kind)
    }

    pub(super) fn effective_namespace(&self) -> &str {
        if self.is_cluster_scoped() {
            NO_NAMESPACE
        } else if self.namespace.is_empty() {
            "default"
        } else {
            &self.namespace
        }
    }

    /// The same object, as far as a cluster tells them apart.
    pub(super) fn is_same(&self, other: &Id) -> bool {
        self.name == other.name && self.gvk == other.gvk && self.effective_namespace() == other.effective_namespace()
    }

    /// `Deployment.v1.apps web in default`, for messages.
    pub(super) fn shown(&self) -> String {
        let mut out = format!("{}/{}", self.gvk.kind, self.name);
        if !self.namespace.is_empty() {
            out += &format!(" in namespace {}", self.namespace);
        }
        out
    }
}

/// A name an object had.
#[derive(Clone, Debug)]
pub(super) struct Previous {
    namespace: String,
    name: String,
    kind: String,
}

/// What a generated object does with one of the same name.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Behavior {
    Create,
    Merge,
    Replace,
}

/// One object on its way through the overlays.
#[derive(Clone, Debug)]
pub(super) struct Resource {
    pub(super) value: Value,
    /// Where it was first written.
    pub(super) span: Span,
    /// The entries it came through, outermost first.
    pub(super) via: Vec<Span>,
    /// The patches that changed it.
    pub(super) patches: Vec<Span>,
    pub(super) previous: Vec<Previous>,
    pub(super) prefixes: Vec<String>,
    pub(super) suffixes: Vec<String>,
    /// Whether its name gets a hash of its content.
    pub(super) hash: bool,
    pub(super) behavior: Behavior,
    /// Names of the vars that read it.
    pub(super) vars: Vec<String>,
    /// Its name without the hash.
    pub(super) plain_name: Option<String>,
    /// Counts up over all that are read.
    pub(super) serial: u64,
    /// Where it came from, for the annotation that says so.
    pub(super) origin: Option<String>,
    /// Whether an unreadable part of it makes its hash unknown.
    pub(super) unsure: bool,
}

impl Resource {
    pub(super) fn new(value: Value, span: Span, serial: u64) -> Resource {
        Resource {
            value,
            span,
            via: Vec::new(),
            patches: Vec::new(),
            previous: Vec::new(),
            prefixes: Vec::new(),
            suffixes: Vec::new(),
            hash: false,
            behavior: Behavior::Create,
            vars: Vec::new(),
            plain_name: None,
            serial,
            origin: None,
            unsure: false,
        }
    }

    pub(super) fn kind(&self) -> &str {
        text_at(&self.value, &["kind"])
    }

    pub(super) fn name(&self) -> String {
        name_at(&self.value, "name")
    }

    pub(super) fn namespace(&self) -> String {
        name_at(&self.value, "namespace")
    }

    pub(super) fn gvk(&self) -> Gvk {
        Gvk::new(text_at(&self.value, &["apiVersion"]), self.kind())
    }

    pub(super) fn current_id(&self) -> Id {
        Id { gvk: self.gvk(), name: self.name(), namespace: self.namespace() }
    }

    pub(super) fn previous_ids(&self) -> Vec<Id> {
        let now = self.gvk();
        self.previous
            .iter()
            .map(|previous| Id {
                gvk: Gvk { kind: previous.kind.clone(), ..now.clone() },
                name: previous.name.clone(),
                namespace: previous.namespace.clone(),
            })
            .collect()
    }

    /// All it was and is found by, the oldest first.
    pub(super) fn all_ids(&self) -> Vec<Id> {
        let mut ids = self.previous_ids();
        ids.push(self.current_id());
        ids
    }

    pub(super) fn original_id(&self) -> Id {
        self.previous_ids().into_iter().next().unwrap_or_else(|| self.current_id())
    }

    /// Remembers what it is found by now.
    pub(super) fn remember(&mut self) {
        let id = self.current_id();
        let previous = Previous { namespace: id.effective_namespace().to_owned(), name: id.name.clone(), kind: id.gvk.kind.clone() };
        self.previous.push(previous);
    }

    pub(super) fn set_kind(&mut self, kind: &Value) {
        if let Some(map) = map_mut(&mut self.value) {
            map.insert("kind", kind.span, kind.clone());
        }
    }

    /// Sets `metadata.name` or `metadata.namespace`; an empty or missing one is taken away.
    pub(super) fn set_metadata(&mut self, key: &str, value: Option<Value>) {
        let span = self.value.span;
        match value.filter(|value| value.as_str() != Some("") && !value.is_null()) {
            Some(value) => {
                if let Some(map) = child_map(&mut self.value, "metadata", span) {
                    let at = map.entry(key).map_or(value.span, |entry| entry.key);
                    map.insert(key, at, value);
                }
            }
            None => {
                if let Some(map) = map_mut(&mut self.value).and_then(|map| map.get_mut("metadata")).and_then(map_mut) {
                    map.remove(key);
                }
            }
        }
    }
}

fn name_at(value: &Value, key: &str) -> String {
    match value.get("metadata").and_then(|metadata| metadata.get(key)) {
        Some(Value { data: Data::String(text), .. }) => text.to_string(),
        Some(Value { data: Data::Number(number), .. }) => number.to_string(),
        Some(Value { data: Data::Bool(value), .. }) => value.to_string(),
        _ => String::new(),
    }
}

/// Whether the ends of two lists are the same, as far as the shorter one goes; an empty one is like an empty one only.
pub(super) fn same_ending(a: &[String], b: &[String]) -> bool {
    a.is_empty() == b.is_empty() && a.iter().rev().zip(b.iter().rev()).all(|(a, b)| a == b)
}

/// A name as a value at a place.
pub(super) fn string(text: &str, span: Span) -> Value {
    Value::string(Arc::from(text), span)
}
