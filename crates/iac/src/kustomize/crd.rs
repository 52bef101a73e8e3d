//! What `crds` say: OpenAPI definitions whose marks tell which fields of custom kinds hold names, labels or annotations.

use probity_value::{Map, Value};

use super::fields::Fields;
use super::resource::Gvk;

/// Definitions in definitions, at most.
const DEPTH: usize = 32;
/// Fields that one file may give.
const MOST_FIELDS: usize = 10_000;

/// The fields a document of definitions gives.
pub(super) fn fields(document: &Value) -> Fields {
    let mut out = Fields::default();
    let Some(definitions) = document.as_map() else { return out };
    let mut budget = MOST_FIELDS;
    for (name, entry) in definitions.iter() {
        let properties = properties(&entry.value);
        if properties.is_some_and(|all| ["kind", "apiVersion", "metadata"].iter().all(|key| all.contains_key(key))) {
            let kind = name.rsplit('.').next().unwrap_or_default();
            let gvk = Gvk { kind: kind.to_owned(), ..Gvk::default() };
            read(&mut out, &gvk, definitions, name, &mut Vec::new(), &mut budget);
        }
    }
    out
}

fn properties(definition: &Value) -> Option<&Map> {
    definition.get("Schema").unwrap_or(definition).get("properties")?.as_map()
}

fn read(out: &mut Fields, gvk: &Gvk, definitions: &Map, name: &str, path: &mut Vec<String>, budget: &mut usize) {
    if path.len() >= DEPTH {
        return;
    }
    let Some(all) = definitions.get(name).and_then(properties) else { return };
    for (property, entry) in all.iter() {
        if *budget == 0 {
            return;
        }
        *budget -= 1;
        path.push(property.to_string());
        let text = |key: &str| entry.value.get(key).and_then(Value::as_str);
        let here = path.join("/");
        for (mark, list) in [
            ("x-kubernetes-annotation", "commonAnnotations"),
            ("x-kubernetes-label-selector", "commonLabels"),
            ("x-kubernetes-identity", "namePrefix"),
        ] {
            if text(mark).is_some() {
                out.add(list, gvk, &here);
            }
        }
        if let (Some(version), Some(kind)) = (text("x-kubernetes-object-ref-api-version"), text("x-kubernetes-object-ref-kind")) {
            let key = text("x-kubernetes-object-ref-name-key").unwrap_or("name");
            let target = Gvk { group: String::new(), version: version.to_owned(), kind: kind.to_owned() };
            out.add_reference(target, gvk, &format!("{here}/{key}"));
        }
        if let Some(inner) = text("$ref") {
            read(out, gvk, definitions, inner, path, budget);
        }
        path.pop();
    }
}
