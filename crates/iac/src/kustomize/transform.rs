//! What a kustomization changes in every object: namespace, names, labels, annotations, images and replicas.

use std::collections::HashMap;
use std::sync::Arc;

use probity_value::{Data, Map, OriginStep, SourceMap, Span, Value};

use super::fields::{FieldSpec, Made, visit};
use super::node::{each_part, is_scalar, list_mut, made, map_mut, text, text_at};
use super::resource::{Gvk, Id, Resource};

/// A value of a kustomization with what says so.
#[derive(Clone)]
pub(super) struct Given {
    pub(super) text: String,
    pub(super) span: Span,
    pub(super) step: OriginStep,
}

impl Given {
    fn value(&self) -> Value {
        made(Data::String(self.text.as_str().into()), self.span, &self.step)
    }
}

fn put(value: &mut Value, given: &Given) -> Result<(), String> {
    if matches!(value.data, Data::List(_) | Data::Map(_)) {
        return Err("it leads to a list or a map, not to a text".to_owned());
    }
    *value = given.value();
    Ok(())
}

const BINDINGS: [&str; 2] = ["RoleBinding", "ClusterRoleBinding"];

/// Which subjects of role bindings get the namespace.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Subjects {
    /// Those with the name `default`.
    Default,
    /// Service accounts.
    ServiceAccounts,
    None,
}

/// Puts every object into a namespace.
pub(super) fn namespace(
    resources: &mut [Resource],
    given: &Given,
    fields: &[FieldSpec],
    subjects: Subjects,
    unset_only: bool,
) -> Result<(), String> {
    let meta = FieldSpec { gvk: Gvk::default(), path: "metadata/namespace".to_owned(), create: true };
    let put = |value: &mut Value| {
        if unset_only && !value.is_null() && value.as_str() != Some("") { Ok(()) } else { put(value, given) }
    };
    for resource in resources.iter_mut() {
        resource.remember();
        let binding = BINDINGS.contains(&resource.kind());
        let core = text_at(&resource.value, &["apiVersion"]) == "v1";
        if !resource.current_id().is_cluster_scoped() {
            visit(&mut resource.value, &meta, Made::Scalar, given.span, &mut |value| put(value))?;
        }
        if binding {
            let list = map_mut(&mut resource.value).and_then(|map| map.get_mut("subjects")).and_then(list_mut);
            for subject in list.into_iter().flatten() {
                let takes = match subjects {
                    Subjects::Default => text_at(subject, &["name"]) == "default",
                    Subjects::ServiceAccounts => text_at(subject, &["kind"]) == "ServiceAccount",
                    Subjects::None => false,
                };
                if let Some(map) = map_mut(subject).filter(|_| takes) {
                    let at = map.entry("namespace").map_or(given.span, |entry| entry.key);
                    let mut value = map.get("namespace").cloned().unwrap_or(Value::null(at));
                    put(&mut value)?;
                    map.insert("namespace", at, value);
                }
            }
        }
        for field in fields {
            let skip = field.path == "metadata/namespace"
                || (!core && field.path == "metadata/name")
                || (binding && BINDINGS.contains(&field.gvk.kind.as_str()) && field.path == "subjects/namespace");
            if !skip {
                visit(&mut resource.value, field, Made::Scalar, given.span, &mut |value| put(value))?;
            }
        }
    }
    let mut seen: HashMap<(String, String, String, String), usize> = HashMap::new();
    for resource in resources.iter() {
        let Id { gvk, name, .. } = resource.current_id();
        let key = (gvk.api_version(), gvk.kind, name, resource.current_id().effective_namespace().to_owned());
        let count = seen.entry(key).or_default();
        *count += 1;
        if *count > 1 {
            return Err(format!("two objects become the same one: {}", resource.current_id().shown()));
        }
    }
    Ok(())
}

/// Which end of the names.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum End {
    Prefix,
    Suffix,
}

/// Whether objects of a kind keep their names.
fn keeps_name(id: &Id) -> bool {
    matches!(id.gvk.kind.as_str(), "CustomResourceDefinition" | "Namespace")
        || (id.gvk.kind == "APIService" && id.gvk.group == "apiregistration.k8s.io")
}

/// Gives the names a prefix or suffix.
pub(super) fn rename(resources: &mut [Resource], end: End, given: &Given, fields: &[FieldSpec]) -> Result<(), String> {
    for resource in resources.iter_mut() {
        let first = resource.original_id();
        if keeps_name(&first) {
            continue;
        }
        for field in fields.iter().filter(|field| first.gvk.is_selected(&field.gvk)) {
            if field.path == "metadata/name" {
                match end {
                    End::Prefix => resource.prefixes.push(given.text.clone()),
                    End::Suffix => resource.suffixes.push(given.text.clone()),
                }
                resource.remember();
            }
            visit(&mut resource.value, field, Made::Scalar, given.span, &mut |value| {
                let old = match &value.data {
                    Data::Null => String::new(),
                    Data::String(text) => text.to_string(),
                    Data::Number(number) => number.to_string(),
                    Data::Bool(flag) => flag.to_string(),
                    _ => return Err("it leads to no text".to_owned()),
                };
                let new = match end {
                    End::Prefix => format!("{}{old}", given.text),
                    End::Suffix => format!("{old}{}", given.text),
                };
                let span = value.span;
                // The name stays where it was written; that it was lengthened is on its way.
                *value = made(Data::String(new.into()), span.or(given.span), &given.step);
                Ok(())
            })?;
        }
    }
    Ok(())
}

/// Adds labels or annotations.
pub(super) fn mark(resources: &mut [Resource], marks: &[(String, Given, Span)], fields: &[FieldSpec]) -> Result<(), String> {
    for resource in resources.iter_mut() {
        for (key, given, key_span) in marks {
            for field in fields {
                visit(&mut resource.value, field, Made::Map, given.span, &mut |value| {
                    if value.is_null() {
                        *value = Value::map(Map::new(), given.span);
                    }
                    let Some(map) = map_mut(value) else { return Err("it leads to no map".to_owned()) };
                    map.insert(key.as_str(), *key_span, given.value());
                    Ok(())
                })?;
            }
        }
    }
    Ok(())
}

/// One entry of `images`.
pub(super) struct Image {
    pub(super) pattern: Option<regex::Regex>,
    pub(super) new_name: Option<Given>,
    pub(super) new_tag: Option<Given>,
    pub(super) digest: Option<Given>,
    pub(super) tag_suffix: Option<Given>,
    pub(super) whole: Given,
}

/// Reads an entry of `images`.
pub(super) fn image_of(entry: &Value, sources: &SourceMap, step: &OriginStep) -> Image {
    let part = |key: &str| {
        let value = entry.get(key).filter(|value| !value.is_null())?;
        let text = text(value, sources).filter(|text| !text.is_empty())?;
        Some(Given { text, span: value.span, step: step.clone() })
    };
    let name = part("name").map(|given| given.text).unwrap_or_default();
    Image {
        pattern: image_pattern(&name),
        new_name: part("newName"),
        new_tag: part("newTag"),
        digest: part("digest"),
        tag_suffix: part("tagSuffix"),
        whole: Given { text: String::new(), span: entry.span, step: step.clone() },
    }
}

/// What an image's name is matched by: the name as a pattern, then a tag and a digest.
fn image_pattern(name: &str) -> Option<regex::Regex> {
    let text = format!("^{name}(:[a-zA-Z0-9_.{{}}-]*)?(@[a-zA-Z0-9]+([.+_-][a-zA-Z0-9]+)*:[a-zA-Z0-9_.{{}}-]*)?$");
    regex::RegexBuilder::new(&text).size_limit(1 << 20).build().ok()
}

/// Changes images: in every `containers` and `initContainers`, and in the fields given.
pub(super) fn image(resources: &mut [Resource], image: &Image, fields: &[FieldSpec]) -> Result<(), String> {
    for resource in resources.iter_mut().filter(|resource| resource.kind() != "CustomResourceDefinition") {
        containers(&mut resource.value, image);
        for field in fields {
            visit(&mut resource.value, field, Made::Nothing, image.whole.span, &mut |value| {
                if value.is_null() || is_scalar(value) {
                    change(value, image);
                    return Ok(());
                }
                Err("an image is no text".to_owned())
            })?;
        }
    }
    Ok(())
}

fn containers(value: &mut Value, image: &Image) {
    if !holds_containers(value) {
        return;
    }
    each_part(value, &mut |part| containers(part, image));
    for key in ["containers", "initContainers"] {
        let list = map_mut(value).and_then(|map| map.get_mut(key)).and_then(list_mut);
        for item in list.into_iter().flatten() {
            if let Some(found) = map_mut(item).and_then(|map| map.get_mut("image")) {
                change(found, image);
            }
        }
    }
}

/// Spares values without containers from being copied.
fn holds_containers(value: &Value) -> bool {
    match &value.data {
        Data::Map(map) => {
            map.iter().any(|(key, entry)| matches!(&**key, "containers" | "initContainers") || holds_containers(&entry.value))
        }
        Data::List(items) => items.iter().any(holds_containers),
        _ => false,
    }
}

fn change(value: &mut Value, image: &Image) {
    let Some(old) = value.as_str() else { return };
    if !image.pattern.as_ref().is_some_and(|pattern| pattern.is_match(old)) {
        return;
    }
    let (name, tag, digest) = parts(old);
    let text = |given: &Option<Given>| given.as_ref().map(|given| given.text.clone()).filter(|text| !text.is_empty());
    let name = text(&image.new_name).unwrap_or_else(|| name.to_owned());
    let (tag, digest) = match (text(&image.new_tag), text(&image.digest), text(&image.tag_suffix)) {
        (Some(tag), Some(digest), _) => (tag, digest),
        (Some(tag), None, _) => (tag, String::new()),
        (None, Some(digest), _) => (String::new(), digest),
        (None, None, Some(suffix)) => (format!("{tag}{suffix}"), String::new()),
        (None, None, None) => (tag.to_owned(), digest.to_owned()),
    };
    let mut new = name;
    if !tag.is_empty() {
        new += &format!(":{tag}");
    }
    if !digest.is_empty() {
        new += &format!("@{digest}");
    }
    if new == old {
        return;
    }
    let said = [&image.digest, &image.new_tag, &image.tag_suffix, &image.new_name];
    let given = said.into_iter().flatten().find(|given| !given.text.is_empty()).unwrap_or(&image.whole);
    *value = made(Data::String(new.into()), given.span, &given.step);
}

/// Name, tag and digest of an image.
fn parts(image: &str) -> (&str, &str, &str) {
    let host = image.find('/').filter(|at| *at > 0).unwrap_or(0);
    let rest = image.get(host..).unwrap_or_default();
    let at = rest.find('@').map(|at| at + host);
    let colon = rest.find(':').map(|at| at + host).filter(|colon| at.is_none_or(|at| *colon < at));
    let digest = at.and_then(|at| image.get(at + 1..)).unwrap_or_default();
    let end = at.unwrap_or(image.len());
    match colon {
        Some(colon) => (image.get(..colon).unwrap_or_default(), image.get(colon + 1..end).unwrap_or_default(), digest),
        None => (image.get(..end).unwrap_or_default(), "", digest),
    }
}

/// Sets the number of replicas of what has a name.
pub(super) fn replicas(
    resources: &mut [Resource],
    name: &str,
    count: &Value,
    step: &OriginStep,
    fields: &[FieldSpec],
) -> Result<(), String> {
    let mut found = false;
    for field in fields {
        for resource in resources.iter_mut() {
            if !resource.all_ids().iter().any(|id| id.name == name && id.gvk.is_selected(&field.gvk)) {
                continue;
            }
            found = true;
            visit(&mut resource.value, field, Made::Scalar, count.span, &mut |value| {
                *value = made(count.data.clone(), count.span, step);
                Ok(())
            })?;
        }
    }
    if found { Ok(()) } else { Err(format!("no object with replicas has the name `{name}`")) }
}

/// The texts of a map, in the order of its keys.
pub(super) fn texts(value: Option<&Value>, sources: &SourceMap, step: &OriginStep) -> Vec<(String, Given, Span)> {
    let mut out: Vec<(String, Given, Span)> = Vec::new();
    for (key, entry) in value.and_then(Value::as_map).into_iter().flat_map(|map| map.iter()) {
        let text = text(&entry.value, sources).unwrap_or_default();
        let span = entry.value.span;
        let step = OriginStep { span: entry.key, ..step.clone() };
        out.push((key.to_string(), Given { text, span, step }, entry.key));
    }
    out.sort_by(|a, b| a.0.cmp(&b.0));
    out
}

/// Keys in order as kustomize writes them.
pub(super) fn sorted_keys(map: &Map) -> Vec<Arc<str>> {
    let mut keys: Vec<Arc<str>> = map.keys().cloned().collect();
    keys.sort();
    keys
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn parts_of_images() {
        assert_eq!(parts("nginx"), ("nginx", "", ""));
        assert_eq!(parts("nginx:1"), ("nginx", "1", ""));
        assert_eq!(parts("host:5000/a/b"), ("host:5000/a/b", "", ""));
        assert_eq!(parts("host:5000/a/b:2@sha256:ab"), ("host:5000/a/b", "2", "sha256:ab"));
        assert_eq!(parts("nginx@sha256:ab"), ("nginx", "", "sha256:ab"));
    }

    #[test]
    fn names_of_images_are_matched_with_any_tag() {
        let matches = |name: &str, image: &str| image_pattern(name).is_some_and(|pattern| pattern.is_match(image));
        assert!(matches("nginx", "nginx:1.2") && matches("nginx", "nginx@sha256:ab") && matches("nginx", "nginx"));
        assert!(!matches("nginx", "docker.io/nginx:1") && !matches("nginx", "nginx-x") && !matches("[", "["));
    }
}
