//! What is known of types: which are in no namespace, and by which keys their lists merge.

use std::collections::{HashMap, HashSet};
use std::sync::{Arc, LazyLock};

use probity_value::{Value, json};

/// Types by name, and the type of each kind.
#[derive(Debug, Default)]
pub struct Schema {
    kinds: HashMap<(String, String), Arc<str>>,
    types: HashMap<Arc<str>, HashMap<String, Field>>,
}

/// What is said of a field.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Field {
    /// The keys by which its list merges; none for a list of plain values. `None` where it is replaced as a whole.
    pub keys: Option<Vec<String>>,
    shape: Shape,
    child: Option<Arc<str>>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Shape {
    Plain,
    List,
    Map,
}

const TEXT: &str = include_str!("schema.txt");

/// The types of Kubernetes.
pub static BUILT_IN: LazyLock<Arc<Schema>> = LazyLock::new(|| Arc::new(read(TEXT)));

static CLUSTER: LazyLock<HashSet<(&'static str, &'static str)>> = LazyLock::new(|| {
    let mut out = HashSet::new();
    for line in TEXT.lines() {
        let mut words = line.split(' ');
        if words.next() == Some("cluster")
            && let Some(kind) = words.next()
        {
            out.extend(words.map(|version| (version, kind)));
        }
    }
    out
});

/// Whether objects of a built-in kind are in no namespace.
pub fn is_cluster_scoped(api_version: &str, kind: &str) -> bool {
    CLUSTER.contains(&(api_version, kind))
}

fn read(text: &str) -> Schema {
    let mut out = Schema::default();
    for line in text.lines() {
        let words: Vec<&str> = line.split(' ').collect();
        match words.as_slice() {
            ["kind", version, kind, name] => {
                out.kinds.insert(((*version).to_owned(), (*kind).to_owned()), Arc::from(*name));
            }
            ["type", name, fields @ ..] => {
                out.types.insert(Arc::from(*name), fields.iter().map(|field| read_field(field)).collect());
            }
            _ => {}
        }
    }
    out
}

/// `name`, then `=keys=` where its list merges, then `>` and the type of what is in it.
fn read_field(text: &str) -> (String, Field) {
    let (front, child) = text.split_once('>').map_or((text, None), |(front, child)| (front, Some(child)));
    let (name, keys) = match front.split_once('=') {
        Some((name, keys)) => {
            let keys = keys.trim_end_matches('=');
            (name, Some(keys.split(',').filter(|key| !key.is_empty()).map(str::to_owned).collect()))
        }
        None => (front, None),
    };
    let (shape, child) = match child {
        Some(child) if child.starts_with("[]") => (Shape::List, child.strip_prefix("[]")),
        Some(child) if child.starts_with("{}") => (Shape::Map, child.strip_prefix("{}")),
        other => (if keys.is_some() { Shape::List } else { Shape::Plain }, other),
    };
    (name.to_owned(), Field { keys, shape, child: child.map(Arc::from) })
}

/// What is known of a place in an object.
#[derive(Clone, Debug)]
pub enum Known {
    /// It has a type.
    Type(Arc<str>),
    /// It is this field.
    Field(Field),
}

impl Schema {
    /// What is known of objects of a kind.
    pub fn of_kind(&self, api_version: &str, kind: &str) -> Option<Known> {
        self.kinds.get(&(api_version.to_owned(), kind.to_owned())).map(|name| Known::Type(Arc::clone(name)))
    }

    /// What is known of a field.
    pub fn field(&self, known: &Known, name: &str) -> Option<Known> {
        let type_name = match known {
            Known::Type(name) => name,
            Known::Field(Field { shape: Shape::Plain, child: Some(child), .. }) => child,
            Known::Field(Field { shape: Shape::Map, child: Some(child), .. }) => return Some(Known::Type(Arc::clone(child))),
            Known::Field(_) => return None,
        };
        self.types.get(type_name)?.get(name).map(|field| Known::Field(field.clone()))
    }

    /// What is known of the items of a list.
    pub fn elements(known: &Known) -> Option<Known> {
        match known {
            Known::Field(Field { shape: Shape::List, child: Some(child), .. }) => Some(Known::Type(Arc::clone(child))),
            _ => None,
        }
    }

    /// The types of an OpenAPI document, which are then the only ones. `None` where it is none.
    pub fn of_document(document: &Value) -> Option<Schema> {
        let mut out = Schema::default();
        let definitions = document.get("definitions")?.as_map()?;
        for (name, entry) in definitions.iter() {
            let fields = entry.value.get("properties").and_then(Value::as_map);
            let mut read = HashMap::new();
            for (field, property) in fields.into_iter().flat_map(|fields| fields.iter()) {
                out.property(name, field, &property.value, &mut read, 0);
            }
            out.types.insert(Arc::clone(name), read);
            let kinds = entry.value.get("x-kubernetes-group-version-kind").and_then(Value::as_list);
            for one in kinds.into_iter().flatten() {
                let part = |key: &str| one.get(key).and_then(Value::as_str).unwrap_or_default();
                let version =
                    if part("group").is_empty() { part("version").to_owned() } else { format!("{}/{}", part("group"), part("version")) };
                out.kinds.insert((version, part("kind").to_owned()), Arc::clone(name));
            }
        }
        Some(out)
    }

    /// Reads one property; one with properties of its own becomes a type.
    fn property(&mut self, owner: &str, name: &str, property: &Value, into: &mut HashMap<String, Field>, depth: usize) {
        if depth > json::MAX_DEPTH {
            return;
        }
        let text = |value: &Value, key: &str| value.get(key).and_then(Value::as_str).map(str::to_owned);
        let merges = text(property, "x-kubernetes-patch-strategy").is_some_and(|all| all.split(',').any(|one| one == "merge"));
        let keys = merges.then(|| match property.get("x-kubernetes-list-map-keys").and_then(Value::as_list) {
            Some(keys) => keys.iter().filter_map(Value::as_str).map(str::to_owned).collect(),
            None => text(property, "x-kubernetes-patch-merge-key").into_iter().collect(),
        });
        let (shape, inner) = match (property.get("items"), property.get("additionalProperties")) {
            (Some(items), _) => (Shape::List, items),
            (None, Some(values)) => (Shape::Map, values),
            _ => (Shape::Plain, property),
        };
        let mut child = text(inner, "$ref").and_then(|place| place.strip_prefix("#/definitions/").map(Arc::from));
        if child.is_none()
            && let Some(fields) = inner.get("properties").and_then(Value::as_map)
        {
            let inside = format!("{owner}.{name}");
            let mut read = HashMap::new();
            for (field, entry) in fields.iter() {
                self.property(&inside, field, &entry.value, &mut read, depth + 1);
            }
            let inside: Arc<str> = inside.into();
            self.types.insert(Arc::clone(&inside), read);
            child = Some(inside);
        }
        into.insert(name.to_owned(), Field { keys: keys.filter(|_| shape == Shape::List), shape, child });
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lists_of_built_in_types_have_their_keys() {
        let keys = |version: &str, kind: &str, path: &str| {
            let mut known = BUILT_IN.of_kind(version, kind);
            for part in path.split('/') {
                known = known.and_then(|known| if part == "[]" { Schema::elements(&known) } else { BUILT_IN.field(&known, part) });
            }
            known.and_then(|known| match known {
                Known::Field(field) => field.keys,
                Known::Type(_) => None,
            })
        };
        let strings = |all: &[&str]| Some(all.iter().map(|one| (*one).to_owned()).collect::<Vec<_>>());
        assert_eq!(keys("apps/v1", "Deployment", "spec/template/spec/containers"), strings(&["name"]));
        assert_eq!(keys("apps/v1", "Deployment", "spec/template/spec/containers/[]/ports"), strings(&["containerPort", "protocol"]));
        assert_eq!(keys("v1", "Pod", "metadata/finalizers"), strings(&[]));
        assert_eq!(keys("v1", "Pod", "spec/tolerations"), None);
        assert_eq!(keys("example.com/v1", "Thing", "spec/containers"), None);
        assert!(is_cluster_scoped("v1", "Namespace") && !is_cluster_scoped("v1", "Pod") && !is_cluster_scoped("v2", "Namespace"));
    }
}
