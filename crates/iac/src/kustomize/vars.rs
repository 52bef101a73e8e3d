//! Vars: `$(NAME)` in some fields becomes the value of a field of another object.

use probity_value::{Data, SourceMap, Span, Value};

use super::fields::{FieldSpec, Made, visit};
use super::node::{each_part, is_scalar, text};
use super::replacement::look_up;
use super::resource::{Gvk, Id, Resource};

/// One entry of `vars`.
#[derive(Clone, Debug)]
pub(super) struct Var {
    pub(super) name: String,
    pub(super) span: Span,
    target: Id,
    field: String,
}

impl Var {
    pub(super) fn read(value: &Value) -> Option<Var> {
        let reference = value.get("objref")?;
        let part = |key: &str| reference.get(key).and_then(Value::as_str).unwrap_or_default().to_owned();
        let mut gvk = Gvk { group: part("group"), version: part("version"), kind: part("kind") };
        if let Some(version) = reference.get("apiVersion").and_then(Value::as_str) {
            gvk = Gvk::new(version, &gvk.kind);
        }
        let field = value.get("fieldref").and_then(|field| field.get("fieldPath")).and_then(Value::as_str);
        let field = field.filter(|field| !field.is_empty()).unwrap_or("metadata.name").to_owned();
        let target = Id { gvk, name: part("name"), namespace: part("namespace") };
        Some(Var { name: value.get("name")?.as_str()?.to_owned(), span: value.span, target, field })
    }

    /// Whether an id is the one it reads; without a namespace, one of any.
    fn means(&self, id: &Id) -> bool {
        if self.target.namespace.is_empty() && !self.target.is_cluster_scoped() {
            id.name == self.target.name && id.gvk == self.target.gvk
        } else {
            id.is_same(&self.target)
        }
    }
}

/// Notes on the objects which vars read them, and adds the vars to those known.
pub(super) fn take_in(resources: &mut [Resource], known: &mut Vec<Var>, more: Vec<Var>) -> Vec<(String, Span)> {
    let mut faults = Vec::new();
    for var in &more {
        let matches = |resource: &&mut Resource| resource.all_ids().iter().any(|id| var.means(id));
        let mut found: Vec<&mut Resource> = resources.iter_mut().filter(matches).collect();
        match found.as_mut_slice() {
            [] => {}
            [one] => one.vars.push(var.name.clone()),
            _ => faults.push((format!("the var `{}` may mean several objects", var.name), var.span)),
        }
    }
    faults.extend(merge(known, more));
    faults
}

/// Adds vars; two of one name are a fault.
pub(super) fn merge(known: &mut Vec<Var>, more: Vec<Var>) -> Vec<(String, Span)> {
    let mut faults = Vec::new();
    for var in more {
        if known.iter().any(|one| one.name == var.name) {
            faults.push((format!("there are two vars `{}`", var.name), var.span));
        } else {
            known.push(var);
        }
    }
    faults
}

/// Replaces the vars in all objects.
pub(super) fn resolve(resources: &mut [Resource], vars: &[Var], fields: &[FieldSpec], sources: &SourceMap) -> Vec<(String, Span)> {
    let mut faults = Vec::new();
    let mut values: Vec<(String, Value)> = Vec::new();
    for var in vars {
        let found = resources.iter().find(|resource| resource.vars.contains(&var.name));
        match found.and_then(|resource| look_up(&resource.value, &var.field, sources)) {
            Some(value) => values.push((var.name.clone(), value.clone())),
            None => faults.push((format!("the var `{}` leads to no field of an object here", var.name), var.span)),
        }
    }
    if values.is_empty() {
        return faults;
    }
    for resource in resources.iter_mut() {
        let span = resource.span;
        for field in fields {
            let spec = FieldSpec { create: false, ..field.clone() };
            let done = visit(&mut resource.value, &spec, Made::Nothing, span, &mut |value| {
                match &value.data {
                    Data::List(_) | Data::Map(_) => each_part(value, &mut |part| fill(part, &values, sources)),
                    _ => fill(value, &values, sources),
                }
                Ok(())
            });
            if let Err(why) = done {
                faults.push((why, span));
            }
        }
    }
    faults
}

fn fill(value: &mut Value, values: &[(String, Value)], sources: &SourceMap) {
    let Some(old) = value.as_str().filter(|text| text.contains('$')).map(str::to_owned) else { return };
    let known = |name: &str| values.iter().find(|(known, _)| known == name).map(|(_, value)| value).filter(|value| is_scalar(value));
    let mut out = String::new();
    let mut rest = old.as_str();
    while let Some(at) = rest.find('$') {
        out.push_str(rest.get(..at).unwrap_or_default());
        let after = rest.get(at + 1..).unwrap_or_default();
        if let Some(inner) = after.strip_prefix('$') {
            out.push('$');
            rest = inner;
            continue;
        }
        let Some((name, behind)) = after.strip_prefix('(').and_then(|inner| inner.split_once(')')) else {
            out.push('$');
            rest = after;
            continue;
        };
        match known(name) {
            Some(found) if old == format!("$({name})") => {
                value.data = found.data.clone();
                value.origin.clone_from(&found.origin);
                return;
            }
            Some(found) => match text(found, sources) {
                Some(text) => out.push_str(&text),
                None => {
                    value.data = found.data.clone();
                    return;
                }
            },
            None => {
                out.push_str("$(");
                out.push_str(name);
                out.push(')');
            }
        }
        rest = behind;
    }
    out.push_str(rest);
    value.data = Data::String(out.into());
}
