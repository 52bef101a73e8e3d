//! References by name: after all names are settled, the fields that name another object get its new name.

use probity_value::{Data, OriginStep, Span, Value};

use super::fields::{FieldSpec, Fields, Made, visit};
use super::node::{is_scalar, list_mut, map_mut, text_at};
use super::resource::{Gvk, Id, Resource, same_ending, string};

/// What another object is known by.
struct Candidate {
    previous: Vec<Id>,
    original: Id,
    now: Id,
    namespace: String,
    prefixes: Vec<String>,
    suffixes: Vec<String>,
    name_value: Value,
}

/// Gives every field that names an object of the list its present name.
pub(super) fn fix(resources: &mut [Resource], fields: &Fields) -> Vec<(String, Span)> {
    let candidates: Vec<Candidate> = resources
        .iter()
        .map(|resource| Candidate {
            previous: resource.previous_ids(),
            original: resource.original_id(),
            now: resource.current_id(),
            namespace: resource.namespace(),
            prefixes: resource.prefixes.clone(),
            suffixes: resource.suffixes.clone(),
            name_value: resource
                .value
                .get("metadata")
                .and_then(|metadata| metadata.get("name"))
                .cloned()
                .unwrap_or(Value::null(Span::NONE)),
        })
        .collect();
    let mut faults = Vec::new();
    // Nothing was renamed: nothing is to be fixed.
    if candidates.iter().all(|candidate| candidate.previous.is_empty()) {
        return faults;
    }
    for (resource, own) in resources.iter_mut().zip(&candidates) {
        let near = near(resource, own, &candidates);
        for reference in &fields.references {
            for field in reference.fields.iter().filter(|field| own.original.gvk.is_selected(&field.gvk)) {
                let finder = Finder { own, target: &reference.target, role: role_of(resource, field), near: &near };
                let spec = FieldSpec { gvk: Gvk::default(), path: field.path.clone(), create: false };
                let span = resource.span;
                if let Err(why) = visit(&mut resource.value, &spec, Made::Nothing, span, &mut |value| finder.set(value)) {
                    faults.push((why, span));
                }
            }
        }
    }
    faults
}

/// The objects one may name at all.
fn near<'c>(resource: &Resource, own: &Candidate, all: &'c [Candidate]) -> Vec<&'c Candidate> {
    if own.now.is_cluster_scoped() {
        return all.iter().collect();
    }
    let mut namespaces: Vec<&str> = Vec::new();
    if resource.kind() == "RoleBinding" {
        for subject in resource.value.get("subjects").and_then(Value::as_list).unwrap_or_default() {
            if text_at(subject, &["kind"]) == "ServiceAccount" {
                namespaces.extend(subject.get("namespace").and_then(Value::as_str));
            }
        }
    }
    let may = |other: &&Candidate| {
        other.now.is_cluster_scoped()
            || other.now.effective_namespace() == own.now.effective_namespace()
            || namespaces.contains(&other.namespace.as_str())
    };
    all.iter().filter(may).collect()
}

/// What a `roleRef` says of the kind it names.
fn role_of(resource: &Resource, field: &FieldSpec) -> Option<Gvk> {
    if !field.path.ends_with("roleRef/name") {
        return None;
    }
    let role = resource.value.get("roleRef")?;
    let part = |key: &str| role.get(key).and_then(Value::as_str).map(str::to_owned);
    Some(Gvk { group: part("apiGroup")?, version: String::new(), kind: part("kind")? })
}

struct Finder<'a> {
    own: &'a Candidate,
    target: &'a Gvk,
    role: Option<Gvk>,
    near: &'a [&'a Candidate],
}

impl Finder<'_> {
    fn set(&self, value: &mut Value) -> Result<(), String> {
        match &value.data {
            Data::Null => Ok(()),
            Data::Map(_) => self.set_map(value),
            Data::List(_) => {
                for item in list_mut(value).into_iter().flatten() {
                    match &item.data {
                        Data::Null => {}
                        Data::Map(_) => self.set_map(item)?,
                        Data::List(_) => return Err("a name in it is neither a text nor a map".to_owned()),
                        _ => self.set_scalar(item)?,
                    }
                }
                Ok(())
            }
            _ => self.set_scalar(value),
        }
    }

    fn set_scalar(&self, value: &mut Value) -> Result<(), String> {
        let Some(old) = value.as_str().map(str::to_owned) else { return Ok(()) };
        if let Some(found) = self.find(&old, self.near, false)?
            && found.now.name != old
        {
            rename(value, found);
        }
        Ok(())
    }

    fn set_map(&self, value: &mut Value) -> Result<(), String> {
        let Some(name) = value.get("name") else { return Err("it leads to a map without `name`".to_owned()) };
        if !is_scalar(name) {
            return Ok(());
        }
        let Some(old) = name.as_str().map(str::to_owned) else { return Ok(()) };
        let given = value.get("namespace").and_then(Value::as_str).map(str::to_owned);
        let among: Vec<&Candidate> = match &given {
            None => self.near.to_vec(),
            Some(namespace) => {
                let of = |id: fn(&Candidate) -> &Id| {
                    let fits = |one: &&&Candidate| id(one).effective_namespace() == namespace && !id(one).is_cluster_scoped();
                    self.near.iter().filter(fits).copied().collect::<Vec<_>>()
                };
                let first = of(|one| &one.original);
                if first.is_empty() { of(|one| &one.now) } else { first }
            }
        };
        let Some(found) = self.find(&old, &among, true)? else { return Ok(()) };
        if found.now.name == old && found.namespace.is_empty() {
            return Ok(());
        }
        let span = value.span;
        let Some(map) = map_mut(value) else { return Ok(()) };
        if let Some(name) = map.get_mut("name")
            && found.now.name != old
        {
            rename(name, found);
        }
        if !found.namespace.is_empty() && map.get("namespace").and_then(Value::as_str) != Some(&found.namespace) {
            let at = map.entry("namespace").map_or(span, |entry| entry.key);
            map.insert("namespace", at, string(&found.namespace, at));
        }
        Ok(())
    }

    fn find<'c>(&self, name: &str, among: &[&'c Candidate], with_namespace: bool) -> Result<Option<&'c Candidate>, String> {
        let cluster = self.own.now.is_cluster_scoped();
        let mut found: Vec<&Candidate> = among
            .iter()
            .copied()
            .filter(|one| one.previous.iter().any(|id| id.name == name))
            .filter(|one| one.previous.iter().any(|id| id.gvk.is_selected(self.target)))
            .filter(|one| self.role.as_ref().is_none_or(|role| one.previous.iter().any(|id| id.gvk.is_selected(role))))
            .filter(|one| {
                cluster
                    || one.now.is_cluster_scoped()
                    || one.now.gvk.kind == "ServiceAccount"
                    || one.now.effective_namespace() == self.own.now.effective_namespace()
            })
            .collect();
        if found.len() > 1 {
            found.retain(|one| self.same_place(one, true));
            if found.len() > 1 {
                found.retain(|one| self.same_place(one, false));
            }
        }
        let Some(first) = found.first().copied() else { return Ok(None) };
        let same = |one: &&Candidate| one.now.name == first.now.name && (!with_namespace || one.namespace == first.namespace);
        if found.iter().all(same) { Ok(Some(first)) } else { Err(format!("`{name}` may mean several objects")) }
    }

    /// Whether an object went through the same prefixes and suffixes.
    fn same_place(&self, other: &Candidate, allow_empty: bool) -> bool {
        let fits = |a: &[String], b: &[String]| (allow_empty && (a.is_empty() || b.is_empty())) || same_ending(a, b);
        fits(&self.own.prefixes, &other.prefixes) && fits(&self.own.suffixes, &other.suffixes)
    }
}

/// Gives a name the present name of an object; its place stays, the way of the new name comes along.
fn rename(value: &mut Value, found: &Candidate) {
    let steps: Vec<OriginStep> = found.name_value.origin.as_deref().map(|origin| origin.steps.clone()).unwrap_or_default();
    value.data = found.name_value.data.clone();
    let mut origin = value.origin.as_deref().cloned().unwrap_or_default();
    origin.steps.extend(steps);
    if !origin.steps.is_empty() {
        value.origin = Some(std::sync::Arc::new(origin));
    }
}
