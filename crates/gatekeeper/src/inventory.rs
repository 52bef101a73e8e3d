//! Other objects, as policies see them under `data.inventory`; made once for each inventory.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, PoisonError, Weak};

use probity_core::Inventory;
use probity_value::{Map, Span, Value};

use crate::read;

/// An inventory in the layout of Gatekeeper.
#[derive(Debug)]
pub(crate) struct Prepared {
    /// `{"inventory": {...}}`.
    pub(crate) data: Value,
    /// Whether there is no object in it.
    pub(crate) empty: bool,
    /// Namespace objects by name.
    pub(crate) namespaces: BTreeMap<Arc<str>, Value>,
}

/// Keeps what was made of the last inventory asked for.
#[derive(Debug, Default)]
pub(crate) struct Cache {
    last: Mutex<Option<(Weak<Inventory>, Arc<Prepared>)>>,
}

impl Cache {
    /// The layout of an inventory.
    pub(crate) fn prepared(&self, inventory: &Arc<Inventory>) -> Arc<Prepared> {
        let mut last = self.last.lock().unwrap_or_else(PoisonError::into_inner);
        // The weak reference keeps the address from being used again.
        if let Some((known, prepared)) = &*last
            && std::ptr::eq(known.as_ptr(), Arc::as_ptr(inventory))
        {
            return Arc::clone(prepared);
        }
        let prepared = Arc::new(prepare(&inventory.objects));
        *last = Some((Arc::downgrade(inventory), Arc::clone(&prepared)));
        prepared
    }
}

/// Why an object cannot be part of the inventory.
pub(crate) fn refused(object: &Value) -> Option<String> {
    let name = read::name_of(object);
    if read::version_of(object).is_empty() {
        Some(format!("the resource `{name}` has no version"))
    } else if read::kind_of(object).is_empty() {
        Some(format!("the resource `{name}` has no kind"))
    } else if read::kind_of(object) == "Namespace" && read::group_of(object).is_empty() && !is_namespace(object) {
        Some(format!("the namespace `{name}` does not have the types of its fields"))
    } else {
        None
    }
}

/// Whether name and labels are text.
fn is_namespace(object: &Value) -> bool {
    let text = |value: &Value| value.is_null() || value.as_str().is_some();
    let texts = |value: &Value| value.is_null() || value.as_map().is_some_and(|map| map.values().all(text));
    let metadata = |key: &str| read::at_path(object, &["metadata", key]);
    metadata("name").is_none_or(text) && metadata("labels").is_none_or(texts) && metadata("annotations").is_none_or(texts)
}

type Names = BTreeMap<Arc<str>, Value>;
type Versions = BTreeMap<Arc<str>, BTreeMap<Arc<str>, Names>>;

/// `cluster[groupVersion][kind][name]` and `namespace[namespace][groupVersion][kind][name]`.
fn prepare(objects: &[Value]) -> Prepared {
    let mut cluster = Versions::new();
    let mut namespaced: BTreeMap<Arc<str>, Versions> = BTreeMap::new();
    let mut namespaces = BTreeMap::new();
    for object in objects.iter().filter(|object| refused(object).is_none()) {
        let namespace = read::namespace_of(object);
        let place = if namespace.is_empty() { &mut cluster } else { namespaced.entry(namespace.into()).or_default() };
        let version = read::text_at(object, &["apiVersion"]);
        let (kind, name) = (read::kind_of(object), Arc::<str>::from(read::name_of(object)));
        if kind == "Namespace" && version == "v1" && namespace.is_empty() {
            namespaces.insert(Arc::clone(&name), object.clone());
        }
        place.entry(version.into()).or_default().entry(kind.into()).or_default().insert(name, object.clone());
    }
    let mut inventory = Map::new();
    if !cluster.is_empty() {
        inventory.insert("cluster", Span::NONE, versions(cluster));
    }
    if !namespaced.is_empty() {
        inventory.insert("namespace", Span::NONE, map(namespaced.into_iter().map(|(name, below)| (name, versions(below)))));
    }
    let empty = inventory.is_empty();
    let mut data = Map::new();
    data.insert("inventory", Span::NONE, Value::map(inventory, Span::NONE));
    Prepared { empty, data: Value::map(data, Span::NONE), namespaces }
}

fn versions(of: Versions) -> Value {
    map(of.into_iter().map(|(version, kinds)| {
        let kinds = map(kinds.into_iter().map(|(kind, names)| (kind, map(names.into_iter()))));
        (version, kinds)
    }))
}

fn map(entries: impl Iterator<Item = (Arc<str>, Value)>) -> Value {
    let mut out = Map::new();
    for (key, value) in entries {
        out.insert(key, Span::NONE, value);
    }
    Value::map(out, Span::NONE)
}

#[cfg(test)]
mod tests {
    use super::*;
    use probity_value::FileId;

    fn inventory(texts: &[&str]) -> Arc<Inventory> {
        let value =
            |text: &&str| probity_value::yaml::parse(text, FileId::NONE).0.into_iter().next().map(|document| document.value).unwrap();
        Arc::new(Inventory { objects: texts.iter().map(value).collect(), data: Vec::new() })
    }

    #[test]
    fn objects_lie_where_gatekeeper_puts_them() {
        let cache = Cache::default();
        let check = |texts: &[&str], expected: &str| {
            let prepared = cache.prepared(&inventory(texts));
            assert_eq!(probity_value::json::write(&prepared.data).unwrap(), expected);
        };
        check(&[], r#"{"inventory":{}}"#);
        check(
            &["{apiVersion: v1, kind: Node, metadata: {name: n}}"],
            r#"{"inventory":{"cluster":{"v1":{"Node":{"n":{"apiVersion":"v1","kind":"Node","metadata":{"name":"n"}}}}}}}"#,
        );
        check(
            &["{apiVersion: apps/v1, kind: Deployment, metadata: {name: d, namespace: p}}"],
            concat!(
                r#"{"inventory":{"namespace":{"p":{"apps/v1":{"Deployment":{"d":"#,
                r#"{"apiVersion":"apps/v1","kind":"Deployment","metadata":{"name":"d","namespace":"p"}}}}}}}}"#
            ),
        );
    }

    #[test]
    fn what_was_made_is_kept_for_the_same_inventory() {
        let cache = Cache::default();
        let first = inventory(&["{apiVersion: v1, kind: Namespace, metadata: {name: n}}"]);
        let prepared = cache.prepared(&first);
        assert!(prepared.namespaces.contains_key("n"));
        assert!(Arc::ptr_eq(&prepared, &cache.prepared(&first)));
        assert!(!Arc::ptr_eq(&prepared, &cache.prepared(&inventory(&[]))));
    }
}
