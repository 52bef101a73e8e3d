//! Documents to objects: lists taken apart, and the address of each object.

use std::collections::HashMap;
use std::sync::Arc;

use probity_core::{Diagnostic, Level, Subject, SubjectKind};
use probity_value::{Entry, Map, Span, Value, json};

/// Built-in kinds that are in no namespace.
const CLUSTER_SCOPED: &[&str] = &[
    "APIService",
    "CSIDriver",
    "CSINode",
    "CertificateSigningRequest",
    "ClusterRole",
    "ClusterRoleBinding",
    "ClusterTrustBundle",
    "ComponentStatus",
    "CustomResourceDefinition",
    "DeviceClass",
    "DeviceTaintRule",
    "FlowSchema",
    "IPAddress",
    "IngressClass",
    "MutatingAdmissionPolicy",
    "MutatingAdmissionPolicyBinding",
    "MutatingWebhookConfiguration",
    "Namespace",
    "Node",
    "PersistentVolume",
    "PodSecurityPolicy",
    "PriorityClass",
    "PriorityLevelConfiguration",
    "ResourceSlice",
    "RuntimeClass",
    "SelfSubjectAccessReview",
    "SelfSubjectReview",
    "SelfSubjectRulesReview",
    "ServiceCIDR",
    "StorageClass",
    "StorageVersion",
    "StorageVersionMigration",
    "SubjectAccessReview",
    "TokenReview",
    "ValidatingAdmissionPolicy",
    "ValidatingAdmissionPolicyBinding",
    "ValidatingWebhookConfiguration",
    "VolumeAttachment",
    "VolumeAttributesClass",
];

/// One object as it was written.
pub(crate) struct Object {
    /// Its kind.
    pub(crate) kind: Arc<str>,
    /// The object, `apiVersion` and `kind` filled in from its list where it has none.
    pub(crate) value: Value,
    /// From its first key to its end.
    pub(crate) span: Span,
}

/// Whether a document is an object of Kubernetes: text under `apiVersion` and `kind`, and nothing that Kustomize reads itself.
pub(super) fn is_object(value: &Value) -> bool {
    let text = |key: &str| value.get(key).and_then(Value::as_str);
    text("kind").is_some_and(|kind| !kind.is_empty())
        && text("apiVersion").is_some_and(|version| !version.is_empty() && !version.starts_with("kustomize.config.k8s.io/"))
}

/// Adds the objects of a document: itself, or the items of a list. False where it is no object.
pub(super) fn flatten(value: &Value, out: &mut Vec<Object>, diagnostics: &mut Vec<Diagnostic>, path: &Arc<str>) -> bool {
    if !is_object(value) {
        return false;
    }
    // The reader limits how deep lists can be nested, so this ends.
    let mut waiting = vec![value.clone()];
    while let Some(value) = waiting.pop() {
        let Some(map) = value.as_map() else { continue };
        let (Some(kind), Some(version)) = (map.get("kind").and_then(Value::as_str), map.get("apiVersion")) else { continue };
        // kubectl takes whatever has `items` for a list of them, a `spec` beside it or not; what has other content is judged itself as well.
        let list = kind.ends_with("List") && !map.contains_key("spec");
        let items = map.get("items").and_then(Value::as_list);
        if !list || items.is_none() {
            out.push(Object { kind: kind.into(), span: from_first_key(&value), value: value.clone() });
        }
        // The items of a `PodList` need not say that they are pods.
        let item_kind = kind.strip_suffix("List").filter(|kind| !kind.is_empty());
        let mut taken = Vec::new();
        for item in items.unwrap_or_default() {
            match filled(item, item_kind, version) {
                Some(item) if is_object(&item) => taken.push(item),
                _ if list => {
                    let message = "an item of the list has no `apiVersion` and `kind`, so it is not judged";
                    diagnostics.push(Diagnostic::new(Level::Warning, "kubernetes-no-object", Arc::clone(path), item.span, message));
                }
                _ => {}
            }
        }
        waiting.extend(taken.into_iter().rev());
    }
    true
}

fn filled(item: &Value, kind: Option<&str>, version: &Value) -> Option<Value> {
    let map = item.as_map()?;
    let Some(kind) = kind.filter(|_| !map.contains_key("kind")) else { return Some(item.clone()) };
    let mut map: Map = map.clone();
    map.insert("kind", item.span, Value::string(kind, item.span));
    if !map.contains_key("apiVersion") {
        map.insert("apiVersion", item.span, version.clone());
    }
    let mut out = item.clone();
    out.data = Value::map(map, item.span).data;
    Some(out)
}

/// A map's span from its first key (not from a bracket or an anchor before it).
pub(crate) fn from_first_key(value: &Value) -> Span {
    let first = value.as_map().and_then(|map| map.iter().map(|(_, entry)| entry.key).filter(|key| key.file == value.span.file).min());
    match first {
        Some(key) if key.start >= value.span.start && key.start <= value.span.end => Span { start: key.start, ..value.span },
        _ => value.span,
    }
}

/// Gives every object an id that is its own within its root.
#[derive(Default)]
pub(crate) struct Ids {
    /// How often an id was asked for in a root.
    seen: HashMap<(Arc<str>, String), usize>,
    /// Ids given.
    given: std::collections::HashSet<(Arc<str>, String)>,
}

impl Ids {
    /// The subject of an object. Namespaced kinds are `Kind/namespace/name`, the others `Kind/name`. An object without a name goes by its
    /// `generateName` and an ordinal (`job-#1`), else by its labels (`app-web.tier-front`), else by an ordinal alone; a second object of
    /// the same id gets `#2`.
    pub(crate) fn subject(&mut self, object: Object, root: &Arc<str>) -> Subject {
        let metadata = object.value.get("metadata");
        let field = |key: &str| metadata.and_then(|metadata| metadata.get(key)).and_then(text).filter(|text| !text.is_empty());
        let mut base = format!("{}/", object.kind);
        if CLUSTER_SCOPED.binary_search(&&*object.kind).is_err() {
            base += &field("namespace").unwrap_or_else(|| "default".to_owned());
            base.push('/');
        }
        let name = field("name").or_else(|| if field("generateName").is_none() { labels(metadata?) } else { None });
        let unnamed = name.is_none();
        base += &name.or_else(|| field("generateName")).unwrap_or_default();
        let mut id;
        loop {
            let count = self.seen.entry((Arc::clone(root), base.clone())).or_insert(0);
            *count += 1;
            id = if *count == 1 && !unnamed { base.clone() } else { format!("{base}#{count}") };
            // `x#2` may also be the name of another object.
            if self.given.insert((Arc::clone(root), id.clone())) {
                break;
            }
        }
        let pair = |entry: Option<&Entry>| entry.map(|entry| entry.key.join(entry.value.span));
        let name_entry = metadata.and_then(Value::as_map).and_then(|metadata| metadata.entry("name"));
        let kind_entry = object.value.as_map().and_then(|map| map.entry("kind"));
        let head = pair(name_entry).or_else(|| pair(kind_entry)).unwrap_or(object.span);
        Subject {
            kind: SubjectKind::Kubernetes,
            type_name: object.kind,
            id: id.into(),
            root: Arc::clone(root),
            span: object.span,
            head,
            value: object.value,
            via: Vec::new(),
        }
    }
}

/// The labels as one text: `app-web.tier-front`.
fn labels(metadata: &Value) -> Option<String> {
    let pairs = metadata.get("labels")?.as_map()?.iter();
    let joined = pairs.filter_map(|(key, entry)| Some(format!("{key}-{}", text(&entry.value)?))).collect::<Vec<_>>().join(".");
    Some(joined).filter(|joined| !joined.is_empty())
}

/// A name as text, whatever it was written as.
fn text(value: &Value) -> Option<String> {
    match value.as_str() {
        Some(text) => Some(text.to_owned()),
        None if value.is_null() => None,
        None => json::write(value),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn cluster_scoped_kinds_are_sorted() {
        assert!(CLUSTER_SCOPED.is_sorted());
    }
}
