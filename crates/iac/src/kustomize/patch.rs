//! The patches of a kustomization: where they are written, which objects they are meant for, and that they fit.

use std::sync::Arc;

use probity_core::Level;
use probity_value::{Span, Value};

use super::build::{Build, Kustomization, step};
use super::files::{Role, normal};
use super::json_patch;
use super::node::{as_texts, decorate, map_mut, text_at};
use super::resource::{Id, Resource};
use super::select::Selector;
use crate::kubernetes::from_first_key;
use probity_kubernetes::strategic::Merger;
use probity_kubernetes::strategic::schema::Schema;

/// What a patch may change of what an object is.
#[derive(Clone, Copy, Default)]
struct Allowed {
    name: bool,
    kind: bool,
}

impl Build<'_, '_> {
    /// Applies `patchesStrategicMerge`, then `patches`.
    pub(super) fn patches(&mut self, kustomization: &Kustomization, schema: &Schema, resources: &mut Vec<Resource>) {
        for entry in kustomization.value.get("patchesStrategicMerge").and_then(Value::as_list).unwrap_or_default() {
            let Some(text) = entry.as_str() else { continue };
            let inline = text.contains('\n') || text.trim_start().starts_with('{');
            let found = if inline { self.files.inline(&kustomization.path, entry) } else { self.patch_file(kustomization, entry) };
            for patch in found.unwrap_or_default() {
                self.merge_one(kustomization, entry.span, schema, resources, patch, None, Allowed::default(), true);
            }
        }
        for entry in kustomization.value.get("patches").and_then(Value::as_list).unwrap_or_default() {
            let (path, patch) = (entry.get("path"), entry.get("patch"));
            let filled = |value: Option<&Value>| value.and_then(Value::as_str).is_some_and(|text| !text.trim().is_empty());
            let found = match (filled(path), filled(patch)) {
                (true, false) => path.and_then(|path| self.patch_file(kustomization, path)),
                (false, true) => patch.and_then(|patch| self.files.inline(&kustomization.path, patch)),
                (both, _) => {
                    let message = if both { "a patch has `path` or `patch`, not both" } else { "a patch needs `path` or `patch`" };
                    self.files.fault(&kustomization.path, "kustomize-patch", entry.span, message.to_owned());
                    None
                }
            };
            let Some(found) = found else { continue };
            let target = entry.get("target").filter(|target| !target.is_null());
            let flag = |key: &str| entry.get("options").and_then(|options| options.get(key)).and_then(Value::as_bool) == Some(true);
            let allowed = Allowed { name: flag("allowNameChange"), kind: flag("allowKindChange") };
            if found.len() > 1 && target.is_some() {
                let message = "several patches in one entry cannot have a `target`".to_owned();
                self.files.fault(&kustomization.path, "kustomize-patch", entry.span, message);
                continue;
            }
            for patch in found {
                if json_patch::is_patch(&patch) {
                    match target {
                        Some(target) => self.json_one(kustomization, entry.span, target, resources, &patch, true),
                        None => {
                            let message = "a JSON patch needs a `target`".to_owned();
                            self.files.fault(&kustomization.path, "kustomize-patch", entry.span, message);
                        }
                    }
                } else {
                    self.merge_one(kustomization, entry.span, schema, resources, patch, target, allowed, target.is_some());
                }
            }
        }
    }

    /// Applies `patchesJson6902`.
    pub(super) fn old_json_patches(&mut self, kustomization: &Kustomization, resources: &mut [Resource]) {
        for entry in kustomization.value.get("patchesJson6902").and_then(Value::as_list).unwrap_or_default() {
            let found = match (entry.get("path"), entry.get("patch")) {
                (Some(path), None) => self.patch_file(kustomization, path),
                (None, Some(patch)) => self.files.inline(&kustomization.path, patch),
                _ => None,
            };
            let Some(target) = entry.get("target").filter(|target| !text_at(target, &["name"]).is_empty()) else {
                let message = "the patch needs a `target` with a `name`".to_owned();
                self.files.fault(&kustomization.path, "kustomize-patch", entry.span, message);
                continue;
            };
            match found.as_deref() {
                Some([patch]) if json_patch::is_patch(patch) => self.json_one(kustomization, entry.span, target, resources, patch, false),
                _ => {
                    let message = "the patch is no list of operations".to_owned();
                    self.files.fault(&kustomization.path, "kustomize-patch", entry.span, message);
                }
            }
        }
    }

    fn patch_file(&mut self, kustomization: &Kustomization, entry: &Value) -> Option<Vec<Value>> {
        let name = entry.as_str()?;
        let Some(path) = normal(&kustomization.folder, name).filter(|_| !name.starts_with('/')) else {
            let message = format!("`{name}` leads out of the repository");
            self.files.fault(&kustomization.path, "kustomize-outside", entry.span, message);
            return None;
        };
        let path: Arc<str> = path.into();
        let loaded = self.file(kustomization, &path, entry.span, Role::Patch)?;
        Some(loaded.documents.iter().map(|document| document.value.clone()).filter(|value| !value.is_null()).collect())
    }

    /// Applies one strategic merge patch: to what its target selects, else to the object it names. Applied to a set, its labels and
    /// annotations are text before it is merged.
    #[expect(clippy::too_many_arguments, reason = "a patch, what it is for, and what it may do")]
    fn merge_one(
        &mut self,
        kustomization: &Kustomization,
        at: Span,
        schema: &Schema,
        resources: &mut Vec<Resource>,
        mut patch: Value,
        target: Option<&Value>,
        allowed: Allowed,
        set: bool,
    ) {
        let span = if patch.as_map().is_some() { from_first_key(&patch) } else { patch.span };
        decorate(&mut patch, &step(kustomization, at));
        let sources = self.files.scope.sources;
        if set {
            for key in ["labels", "annotations"] {
                let metadata = map_mut(&mut patch).and_then(|map| map.get_mut("metadata")).and_then(map_mut);
                if let Some(marks) = metadata.and_then(|metadata| metadata.get_mut(key)) {
                    as_texts(marks, sources);
                }
            }
        }
        let named = Resource::new(patch, span, 0);
        if named.kind().is_empty() || named.name().is_empty() {
            self.fault_at(
                kustomization,
                span.or(at),
                "a patch needs `apiVersion`, `kind` and `metadata.name`, or is a list of operations".to_owned(),
            );
            return;
        }
        let id = named.current_id();
        let mut chosen: Vec<usize> = Vec::new();
        match target {
            Some(target) => match Selector::new(target) {
                Ok(selector) => {
                    chosen.extend(resources.iter().enumerate().filter(|(_, one)| selector.takes(one, sources)).map(|(place, _)| place));
                    if chosen.is_empty() {
                        self.idle(kustomization, target.span);
                    }
                }
                Err(why) => self.fault_at(kustomization, target.span, why),
            },
            None => {
                let fits = |one: &Resource| one.all_ids().iter().any(|other| other.is_same(&id));
                chosen.extend(resources.iter().enumerate().filter(|(_, one)| fits(one)).map(|(place, _)| place));
                if chosen.len() != 1 {
                    self.no_target(kustomization, at, span, &id, chosen.len());
                    return;
                }
            }
        }
        let mut gone = Vec::new();
        for place in chosen {
            let Some(resource) = resources.get_mut(place) else { continue };
            let mut own = named.value.clone();
            if target.is_some()
                && let Some(map) = map_mut(&mut own)
                && let Some(version) = resource.value.get("apiVersion")
            {
                let key = map.entry("apiVersion").map_or(span, |entry| entry.key);
                map.insert("apiVersion", key, version.clone());
            }
            match merged(resource, own, schema, allowed, sources) {
                Ok(kept) => {
                    self.files.applied.insert(span.file);
                    if kept {
                        resource.patches.push(span);
                    } else {
                        gone.push(place);
                    }
                }
                Err(why) => self.fault_at(kustomization, span.or(at), format!("the patch of {}: {why}", id.shown())),
            }
        }
        for place in gone.into_iter().rev() {
            resources.remove(place);
        }
    }

    fn no_target(&mut self, kustomization: &Kustomization, at: Span, span: Span, id: &Id, count: usize) {
        let message = if count == 0 {
            format!("the patch is for {}, which is not here", id.shown())
        } else {
            format!("the patch is for {}, which may be several objects", id.shown())
        };
        self.fault_at(kustomization, span.or(at), message);
    }

    /// A target that selects nothing is no fault to Kustomize.
    fn idle(&mut self, kustomization: &Kustomization, at: Span) {
        let message = "the target of the patch selects no object".to_owned();
        self.files.say(Level::Warning, &kustomization.path, "kustomize-patch-unused", at, message);
    }

    fn json_one(
        &mut self,
        kustomization: &Kustomization,
        at: Span,
        target: &Value,
        resources: &mut [Resource],
        patch: &Value,
        remember: bool,
    ) {
        let sources = self.files.scope.sources;
        let selector = match Selector::new(target) {
            Ok(selector) => selector,
            Err(why) => return self.fault_at(kustomization, target.span, why),
        };
        let mut patch = patch.clone();
        decorate(&mut patch, &step(kustomization, at));
        let mut any = false;
        for resource in resources.iter_mut().filter(|resource| selector.takes(resource, sources)) {
            any = true;
            if remember {
                resource.remember();
            }
            match json_patch::apply(&resource.value, &patch) {
                Ok(value) => {
                    resource.value = value;
                    resource.patches.push(patch.span);
                    self.files.applied.insert(patch.span.file);
                }
                Err(why) => {
                    self.fault_at(kustomization, patch.span.or(at), format!("the patch of {}: {why}", resource.current_id().shown()))
                }
            }
        }
        if !any {
            self.idle(kustomization, target.span);
        }
    }
}

/// Merges a patch into an object; false where it deletes it. Name, kind and namespace stay what they are unless they may change.
fn merged(
    resource: &mut Resource,
    patch: Value,
    schema: &Schema,
    allowed: Allowed,
    sources: &probity_value::SourceMap,
) -> Result<bool, String> {
    let metadata = |key: &str| resource.value.get("metadata").and_then(|metadata| metadata.get(key)).cloned();
    let (name, namespace, kind) = (metadata("name"), metadata("namespace"), resource.value.get("kind").cloned());
    let merger = Merger { schema, sources: Some(sources) };
    let Some(value) = merger.merge(resource.value.clone(), patch)? else { return Ok(false) };
    if allowed.name || allowed.kind {
        resource.remember();
    }
    resource.value = value;
    if let Some(kind) = kind.filter(|_| !allowed.kind) {
        resource.set_kind(&kind);
    }
    if !allowed.name {
        resource.set_metadata("name", name);
    }
    resource.set_metadata("namespace", namespace);
    Ok(true)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::kustomize::resource::Gvk;

    #[test]
    fn ids_are_shown_with_their_namespace() {
        let id = Id { gvk: Gvk::new("apps/v1", "Deployment"), name: "web".to_owned(), namespace: "prod".to_owned() };
        assert_eq!(id.shown(), "Deployment/web in namespace prod");
    }
}
