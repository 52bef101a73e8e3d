//! `generators` and `transformers`: those that are built into Kustomize are settings in files, which are carried out; others are
//! programs, which are not run.

use std::sync::Arc;

use probity_value::{Map, Span, Value};

use super::build::{Build, Kustomization, step};
use super::fields::read_specs;
use super::files::{Role, Target};
use super::node::text;
use super::resource::Resource;
use super::transform::{self, End, Given, Subjects};

/// The settings of one plugin and the file they stand in.
pub(super) struct Plugin {
    path: Arc<str>,
    /// The file as the kustomization names it.
    pub(super) entry: String,
    pub(super) value: Value,
}

impl Plugin {
    /// A kustomization that says only what the plugin does.
    fn alone(&self, kustomization: &Kustomization, key: &str, items: Vec<Value>) -> Kustomization {
        let mut map = Map::new();
        map.insert(key, self.value.span, Value::list(items, self.value.span));
        Kustomization { folder: Arc::clone(&kustomization.folder), path: Arc::clone(&self.path), value: Value::map(map, self.value.span) }
    }

    fn kind(&self) -> &str {
        self.value.get("kind").and_then(Value::as_str).unwrap_or_default()
    }
}

impl Build<'_, '_> {
    /// The built-in plugins a list names; others are said not to be read.
    pub(super) fn plugins(&mut self, kustomization: &Kustomization, key: &str) -> Vec<Plugin> {
        let mut out = Vec::new();
        for entry in kustomization.value.get(key).and_then(Value::as_list).unwrap_or_default().to_vec() {
            let Some(name) = entry.as_str() else { continue };
            let (path, values): (Arc<str>, Vec<Value>) = if name.contains('\n') {
                (Arc::clone(&kustomization.path), self.files.inline(&kustomization.path, &entry).unwrap_or_default())
            } else {
                match self.files.resolve(&kustomization.folder, name) {
                    Target::File(path) => {
                        let loaded = self.file(kustomization, &path, entry.span, Role::Settings);
                        let values = loaded.iter().flat_map(|loaded| &loaded.documents).map(|document| document.value.clone()).collect();
                        (path, values)
                    }
                    Target::Folder(folder, path) => {
                        let found = self.inner(kustomization, &entry, &folder, &path);
                        (path, found.into_iter().map(|resource| resource.value).collect())
                    }
                    other => {
                        self.not_there(kustomization, &entry, name, &other);
                        continue;
                    }
                }
            };
            for value in values.into_iter().filter(|value| !value.is_null()) {
                if value.get("apiVersion").and_then(Value::as_str) == Some("builtin") {
                    let entry = if name.contains('\n') { kustomization.path.rsplit('/').next().unwrap_or_default() } else { name };
                    out.push(Plugin { path: Arc::clone(&path), entry: entry.to_owned(), value });
                } else {
                    self.unknown_plugin(kustomization, key, entry.span);
                }
            }
        }
        out
    }

    fn unknown_plugin(&mut self, kustomization: &Kustomization, key: &str, at: Span) {
        let what = format!("a program in `{key}` is not run; what it does to the objects is not known");
        self.files.unread(&kustomization.path, "kustomize-plugin", at, what);
    }

    /// The entry of a generator, as a kustomization would write it, and whether it makes secrets.
    pub(super) fn generator_plugin(&mut self, kustomization: &Kustomization, plugin: &Plugin) -> Option<(bool, Value)> {
        let secret = match plugin.kind() {
            "ConfigMapGenerator" => false,
            "SecretGenerator" => true,
            _ => {
                self.unknown_plugin(kustomization, "generators", plugin.value.span);
                return None;
            }
        };
        let mut map = plugin.value.as_map()?.clone();
        for key in ["name", "namespace"] {
            let given = plugin.value.get("metadata").and_then(Value::as_map).and_then(|metadata| metadata.entry(key)).cloned();
            if let Some(entry) = given.filter(|_| !map.contains_key(key)) {
                map.insert(key, entry.key, entry.value);
            }
        }
        Some((secret, Value::map(map, plugin.value.span)))
    }

    /// Carries out the built-in transformers a kustomization names.
    pub(super) fn transformer_plugins(&mut self, kustomization: &Kustomization, resources: &mut Vec<Resource>) {
        for plugin in self.plugins(kustomization, "transformers") {
            if let Err(why) = self.transformer(kustomization, &plugin, resources) {
                self.fault_at(kustomization, plugin.value.span, why);
            }
        }
    }

    fn transformer(&mut self, kustomization: &Kustomization, plugin: &Plugin, resources: &mut Vec<Resource>) -> Result<(), String> {
        let sources = self.files.scope.sources;
        let value = &plugin.value;
        let specs = read_specs(value.get("fieldSpecs"));
        let alone = plugin.alone(kustomization, "none", Vec::new());
        let given = |value: &Value| {
            let text = text(value, sources).filter(|text| !text.is_empty())?;
            Some(Given { text, span: value.span, step: step(&alone, value.span) })
        };
        let marks = |key: &str| transform::texts(value.get(key), sources, &step(&alone, value.span));
        match plugin.kind() {
            "NamespaceTransformer" => {
                let Some(name) = value.get("metadata").and_then(|metadata| metadata.get("namespace")).and_then(given) else {
                    return Ok(());
                };
                let subjects = match value.get("setRoleBindingSubjects").and_then(Value::as_str) {
                    Some("none") => Subjects::None,
                    Some("allServiceAccounts") => Subjects::ServiceAccounts,
                    _ => Subjects::Default,
                };
                let unset_only = value.get("unsetOnly").and_then(Value::as_bool) == Some(true);
                transform::namespace(resources, &name, &specs, subjects, unset_only)
            }
            "PrefixTransformer" | "SuffixTransformer" | "PrefixSuffixTransformer" => {
                for (key, end) in [("prefix", End::Prefix), ("suffix", End::Suffix)] {
                    if let Some(name) = value.get(key).and_then(given) {
                        transform::rename(resources, end, &name, &specs)?;
                    }
                }
                Ok(())
            }
            "LabelTransformer" => transform::mark(resources, &marks("labels"), &specs),
            "AnnotationsTransformer" => transform::mark(resources, &marks("annotations"), &specs),
            "ImageTagTransformer" => match value.get("imageTag") {
                Some(entry) => transform::image(resources, &transform::image_of(entry, sources, &step(&alone, entry.span)), &specs),
                None => Ok(()),
            },
            "ReplicaCountTransformer" => {
                let Some(replica) = value.get("replica") else { return Ok(()) };
                let name = replica.get("name").and_then(|name| text(name, sources)).unwrap_or_default();
                let zero = Value::int(0, replica.span);
                transform::replicas(resources, &name, replica.get("count").unwrap_or(&zero), &step(&alone, replica.span), &specs)
            }
            "PatchTransformer" => {
                let alone = plugin.alone(kustomization, "patches", vec![value.clone()]);
                self.all_patches(&alone, resources);
                Ok(())
            }
            "PatchStrategicMergeTransformer" => {
                let mut items = value.get("paths").and_then(Value::as_list).unwrap_or_default().to_vec();
                items.extend(value.get("patches").cloned());
                self.all_patches(&plugin.alone(kustomization, "patchesStrategicMerge", items), resources);
                Ok(())
            }
            "PatchJson6902Transformer" => {
                let mut map = value.as_map().cloned().unwrap_or_default();
                if let Some(entry) = map.remove("jsonOp") {
                    map.insert("patch", entry.key, entry.value);
                }
                let alone = plugin.alone(kustomization, "patchesJson6902", vec![Value::map(map, value.span)]);
                self.old_json_patches(&alone, resources);
                Ok(())
            }
            "ReplacementTransformer" => {
                let items = value.get("replacements").and_then(Value::as_list).unwrap_or_default().to_vec();
                self.replacements(&plugin.alone(kustomization, "replacements", items), resources);
                Ok(())
            }
            _ => {
                self.unknown_plugin(kustomization, "transformers", value.span);
                Ok(())
            }
        }
    }
}
