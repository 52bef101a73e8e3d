//! One overlay built: its resources, generators, components and transformations, in the order in which Kustomize takes them.

use std::sync::Arc;

use probity_core::Level;
use probity_value::{Data, OriginStep, Span, StepKind, UnknownKind, Value};

use super::fields::{self, Fields, merge_all, read_specs};
use super::files::{Files, Role, Target, normal};
use super::generate::{self, Generator, What};
use super::names;
use super::node::{child_map, text, text_at};
use super::plugin::Plugin;
use super::replacement;
use super::resource::{Behavior, Id, Resource, string};
use super::transform::{self, End, Given, Subjects};
use super::vars::{self, Var};
use crate::kubernetes::from_first_key;
use probity_kubernetes::strategic::schema::{self, Schema};

/// Folders in folders, at most.
const DEPTH: usize = 64;
/// Kustomizations one root may go through, the same one again and again included.
const MOST_VISITS: usize = 2_000;
/// Objects one root may have on its way.
const MOST_OBJECTS: usize = 50_000;

/// What has come together so far.
#[derive(Default)]
struct Gathered {
    resources: Vec<Resource>,
    fields: Option<Arc<Fields>>,
    vars: Vec<Var>,
}

impl Gathered {
    fn fields(&self) -> Arc<Fields> {
        self.fields.clone().unwrap_or_else(|| Arc::clone(&fields::BUILT_IN))
    }
}

/// The kustomization that is being read.
pub(super) struct Kustomization {
    pub(super) folder: Arc<str>,
    pub(super) path: Arc<str>,
    pub(super) value: Value,
}

impl Kustomization {
    fn text(&self, key: &str) -> Option<&Value> {
        self.value.get(key).filter(|value| value.as_str().is_some_and(|text| !text.is_empty()))
    }

    pub(super) fn is_component(&self) -> bool {
        text_at(&self.value, &["kind"]) == "Component"
    }
}

/// Builds one root.
pub(super) struct Build<'b, 'a> {
    pub(super) files: &'b mut Files<'a>,
    stack: Vec<Arc<str>>,
    visits: usize,
    serial: u64,
    pub(super) schema: Option<Arc<Schema>>,
    /// Whether objects say where they come from.
    origins: bool,
    /// Where the present kustomization lies, seen from the root.
    origin: String,
    limited: bool,
}

impl<'b, 'a> Build<'b, 'a> {
    pub(super) fn new(files: &'b mut Files<'a>) -> Build<'b, 'a> {
        Build { files, stack: Vec::new(), visits: 0, serial: 0, schema: None, origins: false, origin: String::new(), limited: false }
    }

    /// All objects of a root, as `kustomize build` gives them.
    pub(super) fn root(&mut self, folder: &Arc<str>, path: &Arc<str>) -> Vec<Resource> {
        let Some(kustomization) = read(self.files, folder, path) else { return Vec::new() };
        let options = kustomization.value.get("buildMetadata").and_then(Value::as_list).unwrap_or_default();
        let has = |name: &str| options.iter().any(|option| option.as_str() == Some(name));
        self.origins = has("originAnnotations");
        let mut gathered = self.accumulate(&kustomization, Gathered::default());
        let fields = gathered.fields();
        for resource in gathered.resources.iter_mut().filter(|resource| resource.hash) {
            generate::add_hash(resource);
        }
        let sources = self.files.scope.sources;
        for (why, span) in names::fix(&mut gathered.resources, &fields) {
            self.fault_at(&kustomization, span, why);
        }
        for (why, span) in vars::resolve(&mut gathered.resources, &gathered.vars, fields.list("varReference"), sources) {
            self.fault_at(&kustomization, span, why);
        }
        let mut resources = Vec::new();
        for resource in gathered.resources {
            let local = super::node::at(&resource.value, &["metadata", "annotations", "config.kubernetes.io/local-config"]);
            self.files.given.insert(resource.span);
            if local.is_some_and(|value| value.as_str() != Some("false")) {
                let message = format!("{} is for Kustomize only, so it is not judged", resource.current_id().shown());
                let at = local.map_or(resource.span, |value| value.span);
                let file = self.path_of(at).unwrap_or_else(|| Arc::clone(path));
                self.files.say(Level::Note, &file, "kustomize-local", at, message);
                continue;
            }
            resources.push(resource);
        }
        super::order::sort(&mut resources, kustomization.value.get("sortOptions"));
        let at = kustomization.value.get("buildMetadata").map_or(Span::NONE, |value| value.span);
        for resource in &mut resources {
            let span = resource.value.span;
            annotations_as_text(&mut resource.value, sources);
            if has("managedByLabel")
                && let Some(labels) =
                    child_map(&mut resource.value, "metadata", span).and_then(|metadata| inner_map(metadata, "labels", at))
            {
                labels.insert("app.kubernetes.io/managed-by", at, version_label(at));
            }
            let origin = resource.origin.take().filter(|_| self.origins);
            let changed = has("transformerAnnotations")
                .then(|| Value::unknown(UnknownKind::Function, "the transformations an object went through", at));
            for (key, value) in [
                ("config.kubernetes.io/origin", origin.map(|text| string(&text, at))),
                ("alpha.config.kubernetes.io/transformations", changed),
            ] {
                if let Some(value) = value
                    && let Some(marks) =
                        child_map(&mut resource.value, "metadata", span).and_then(|metadata| inner_map(metadata, "annotations", at))
                {
                    marks.insert(key, at, value);
                }
            }
        }
        resources
    }

    fn path_of(&self, span: Span) -> Option<Arc<str>> {
        self.files.scope.sources.file(span.file).map(|file| Arc::clone(file.path()))
    }

    /// A fault of a kustomization, said where it shows.
    pub(super) fn fault_at(&mut self, kustomization: &Kustomization, span: Span, why: String) {
        match self.path_of(span).filter(|path| *path != kustomization.path) {
            Some(other) => {
                self.files.say(Level::Error, &other, "kustomize-failed", span, why.clone());
                self.files.take(&kustomization.path, Role::Kustomization).faults.insert((why, true));
            }
            None => self.files.fault(&kustomization.path, "kustomize-failed", span, why),
        }
    }

    /// What a kustomization makes of what has come together before it: nothing, or the objects of its parent where it is a component.
    fn accumulate(&mut self, kustomization: &Kustomization, gathered: Gathered) -> Gathered {
        self.visits += 1;
        self.stack.push(Arc::clone(&kustomization.folder));
        let mut gathered = gathered;
        self.check(kustomization);
        self.schema(kustomization);
        for key in ["resources", "bases"] {
            self.resources(kustomization, key, &mut gathered);
        }
        self.configurations(kustomization, &mut gathered);
        self.generators(kustomization, &mut gathered);
        gathered = self.components(kustomization, gathered);
        self.transformers(kustomization, &mut gathered);
        let all = kustomization.value.get("vars").and_then(Value::as_list).unwrap_or_default();
        let more: Vec<Var> = all.iter().filter_map(Var::read).collect();
        for (why, span) in vars::take_in(&mut gathered.resources, &mut gathered.vars, more) {
            self.fault_at(kustomization, span, why);
        }
        self.stack.pop();
        gathered
    }

    /// Says what is wrong with the file itself, and what of it is not read.
    fn check(&mut self, kustomization: &Kustomization) {
        for (key, entry) in kustomization.value.as_map().into_iter().flat_map(|map| map.iter()) {
            if entry.value.is_null() {
                continue;
            }
            let lists = !entry.value.as_list().unwrap_or_default().is_empty();
            match &**key {
                "validators" if lists => {
                    let what = "`validators` are programs that are not run; they change nothing".to_owned();
                    self.files.unread(&kustomization.path, "kustomize-plugin", entry.key, what);
                }
                "helmCharts" | "helmChartInflationGenerator" => {
                    for chart in entry.value.as_list().unwrap_or_default() {
                        let name = chart.get("name").or_else(|| chart.get("chartName")).and_then(Value::as_str).unwrap_or_default();
                        let what = format!("the chart `{name}` is not rendered here, so its objects are not part of the overlay");
                        self.files.unread(&kustomization.path, "kustomize-helm", chart.span, what);
                    }
                }
                key if KNOWN.binary_search(&key).is_err() => {
                    let message = format!("`{key}` is nothing a kustomization has");
                    self.files.fault(&kustomization.path, "kustomize-field", entry.key, message);
                }
                key if LISTS.contains(&key) && entry.value.as_list().is_none() => {
                    let message = format!("`{key}` is to be a list");
                    self.files.fault(&kustomization.path, "kustomize-field", entry.value.span, message);
                }
                _ => {}
            }
        }
    }

    fn schema(&mut self, kustomization: &Kustomization) {
        if self.schema.is_some() {
            return;
        }
        let Some(entry) = kustomization.value.get("openapi").and_then(|openapi| openapi.get("path")) else { return };
        let Some(path) = entry.as_str().and_then(|text| normal(&kustomization.folder, text)).map(Arc::from) else { return };
        if let Some(file) = self.file(kustomization, &path, entry.span, Role::Settings)
            && let Some(document) = file.documents.first()
        {
            match Schema::of_document(&document.value) {
                Some(schema) => self.schema = Some(Arc::new(schema)),
                None => self.fault_at(kustomization, entry.span, "the file has no `definitions`".to_owned()),
            }
        }
    }

    /// A file a kustomization names; what is missing is said at the entry.
    pub(super) fn file(
        &mut self,
        kustomization: &Kustomization,
        path: &Arc<str>,
        at: Span,
        role: Role,
    ) -> Option<std::rc::Rc<super::files::Loaded>> {
        if !self.files.scope.tree.contains(path) && self.files.bytes(path).is_err() {
            self.files.fault(&kustomization.path, "kustomize-missing", at, format!("there is no file `{path}`"));
            return None;
        }
        let loaded = self.files.load(path, role);
        if loaded.as_ref().is_none_or(|loaded| !loaded.whole) {
            let message = format!("`{path}` cannot be read");
            self.files.take(&kustomization.path, Role::Kustomization).faults.insert((message, true));
        }
        loaded
    }

    fn is_limited(&mut self, kustomization: &Kustomization, at: Span, count: usize) -> bool {
        if self.visits >= MOST_VISITS || count >= MOST_OBJECTS || self.stack.len() >= DEPTH {
            if !self.limited {
                self.limited = true;
                self.files.fault(&kustomization.path, "kustomize-limit", at, "the overlay is too large to be rendered whole".to_owned());
            }
            return true;
        }
        false
    }

    fn resources(&mut self, kustomization: &Kustomization, key: &str, gathered: &mut Gathered) {
        let entries = kustomization.value.get(key).and_then(Value::as_list).unwrap_or_default().to_vec();
        for entry in &entries {
            let Some(name) = entry.as_str() else {
                if !entry.is_null() {
                    self.files.fault(&kustomization.path, "kustomize-field", entry.span, format!("an entry of `{key}` is no text"));
                }
                continue;
            };
            if self.is_limited(kustomization, entry.span, gathered.resources.len()) {
                return;
            }
            match self.files.resolve(&kustomization.folder, name) {
                Target::File(path) => self.resource_file(kustomization, &path, entry, gathered),
                Target::Folder(folder, path) => {
                    let Some(inner) = self.enter(kustomization, entry, &folder, &path, false) else { continue };
                    let outer = std::mem::take(&mut self.origin);
                    self.origin = join_origin(&outer, name);
                    let mut found = self.accumulate(&inner, Gathered::default());
                    self.origin = outer;
                    for resource in &mut found.resources {
                        resource.via.insert(0, entry.span);
                    }
                    self.merge(kustomization, entry.span, gathered, found);
                }
                other => self.not_there(kustomization, entry, name, &other),
            }
        }
    }

    pub(super) fn not_there(&mut self, kustomization: &Kustomization, entry: &Value, name: &str, target: &Target) {
        let path = &kustomization.path;
        match target {
            Target::Remote => {
                let message = format!("`{name}` is not in this repository, so it is not read");
                self.files.unread(path, "kustomize-remote", entry.span, message);
            }
            Target::Outside => {
                let message = format!("`{name}` leads out of the repository");
                self.files.fault(path, "kustomize-outside", entry.span, message);
            }
            Target::NoKustomization => {
                let message = format!("the folder `{name}` has no kustomization file");
                self.files.fault(path, "kustomize-missing", entry.span, message);
            }
            _ => {
                let message = format!("there is no file or folder `{name}`");
                self.files.fault(path, "kustomize-missing", entry.span, message);
            }
        }
    }

    /// The kustomization in a folder, unless it is on the way here already or is of the wrong kind.
    fn enter(
        &mut self,
        outer: &Kustomization,
        entry: &Value,
        folder: &Arc<str>,
        path: &Arc<str>,
        component: bool,
    ) -> Option<Kustomization> {
        if self.stack.contains(folder) {
            let message = format!("the folder `{}` is reached from itself", entry.as_str().unwrap_or_default());
            self.files.fault(&outer.path, "kustomize-cycle", entry.span, message);
            return None;
        }
        let inner = read(self.files, folder, path)?;
        if inner.is_component() != component {
            let message = if component { "what `components` names is no component" } else { "a component belongs under `components`" };
            self.files.fault(&outer.path, "kustomize-component", entry.span, message.to_owned());
        }
        Some(inner)
    }

    fn resource_file(&mut self, kustomization: &Kustomization, path: &Arc<str>, entry: &Value, gathered: &mut Gathered) {
        let Some(loaded) = self.file(kustomization, path, entry.span, Role::Resource) else { return };
        let origin = self.origins.then(|| format!("path: {}\n", join_origin(&self.origin, entry.as_str().unwrap_or_default())));
        let mut waiting: std::collections::VecDeque<Value> = loaded.documents.iter().map(|document| document.value.clone()).collect();
        let mut found = Gathered::default();
        while let Some(value) = waiting.pop_front() {
            if value.is_null() {
                continue;
            }
            let kind = text_at(&value, &["kind"]);
            if kind.ends_with("List")
                && let Some(items) = value.get("items").and_then(Value::as_list)
            {
                waiting.extend(items.iter().cloned());
                continue;
            }
            if kind.is_empty() || value.get("apiVersion").and_then(Value::as_str).is_none_or(str::is_empty) {
                self.files.fault(path, "kustomize-resource", value.span, "it has no `apiVersion` and `kind`".to_owned());
                continue;
            }
            let span = from_first_key(&value);
            self.serial += 1;
            let mut resource = Resource::new(value, span, self.serial);
            if resource.name().is_empty() {
                self.files.fault(path, "kustomize-resource", span, "an object of an overlay needs `metadata.name`".to_owned());
            }
            self.files.objects.insert(span);
            resource.via.push(entry.span);
            resource.origin.clone_from(&origin);
            found.resources.push(resource);
        }
        self.merge(kustomization, entry.span, gathered, found);
    }

    /// Adds objects, settings and vars; two objects of one id are a fault.
    fn merge(&mut self, kustomization: &Kustomization, at: Span, into: &mut Gathered, more: Gathered) {
        let key = |id: &Id| (id.gvk.api_version(), id.gvk.kind.clone(), id.name.clone(), id.effective_namespace().to_owned());
        let mut known: std::collections::HashSet<_> = into.resources.iter().map(|resource| key(&resource.current_id())).collect();
        for resource in more.resources {
            let id = resource.current_id();
            if !known.insert(key(&id)) {
                let message = format!("there is {} already", id.shown());
                self.files.fault(&kustomization.path, "kustomize-conflict", at, message);
            }
            into.resources.push(resource);
        }
        match (more.fields, &into.fields) {
            (Some(fields), None) => into.fields = Some(fields),
            (Some(fields), Some(known)) if !Arc::ptr_eq(&fields, known) => self.add_fields(kustomization, at, into, &fields),
            _ => {}
        }
        for (why, span) in vars::merge(&mut into.vars, more.vars) {
            self.fault_at(kustomization, span, why);
        }
    }

    /// Adds lists of fields to those that are there, in the order Kustomize keeps them in.
    fn add_fields(&mut self, kustomization: &Kustomization, at: Span, into: &mut Gathered, more: &Fields) {
        let mut all = into.fields.as_deref().cloned().unwrap_or_default();
        if let Err(why) = all.merge(more) {
            self.fault_at(kustomization, at, why);
        }
        all.sort();
        into.fields = Some(Arc::new(all));
    }

    fn configurations(&mut self, kustomization: &Kustomization, gathered: &mut Gathered) {
        let mut own: Option<Fields> = None;
        let mut of_crds = Fields::default();
        let mut at = Span::NONE;
        for key in ["configurations", "crds"] {
            for entry in kustomization.value.get(key).and_then(Value::as_list).unwrap_or_default() {
                let Some(path) = entry.as_str().and_then(|text| normal(&kustomization.folder, text)).map(Arc::from) else { continue };
                let role = if key == "crds" { Role::Seen } else { Role::Settings };
                let Some(file) = self.file(kustomization, &path, entry.span, role) else { continue };
                at = entry.span;
                for document in &file.documents {
                    let done = if key == "crds" {
                        of_crds.merge(&super::crd::fields(&document.value))
                    } else {
                        own.get_or_insert_with(Fields::default).merge(&Fields::of_configuration(&document.value))
                    };
                    if let Err(why) = done {
                        self.fault_at(kustomization, entry.span, why);
                    }
                }
            }
        }
        match own {
            // The built-in lists alone add nothing to what has them.
            None if gathered.fields.is_none() => gathered.fields = Some(Arc::clone(&fields::BUILT_IN)),
            None => {}
            Some(own) => {
                let mut all = (*fields::BUILT_IN).as_ref().clone();
                if let Err(why) = all.merge(&own) {
                    self.fault_at(kustomization, at, why);
                }
                all.sort();
                self.add_fields(kustomization, at, gathered, &all);
            }
        }
        if !of_crds.is_empty() {
            self.add_fields(kustomization, at, gathered, &of_crds);
        }
    }

    fn generators(&mut self, kustomization: &Kustomization, gathered: &mut Gathered) {
        let general = kustomization.value.get("generatorOptions").cloned();
        for (key, what) in [("configMapGenerator", What::ConfigMap), ("secretGenerator", What::Secret)] {
            for entry in kustomization.value.get(key).and_then(Value::as_list).unwrap_or_default() {
                self.generate(kustomization, what, entry, general.as_ref(), None, gathered);
            }
        }
        for plugin in self.plugins(kustomization, "generators") {
            if let Some((secret, entry)) = self.generator_plugin(kustomization, &plugin) {
                let what = if secret { What::Secret } else { What::ConfigMap };
                self.generate(kustomization, what, &entry, None, Some(&plugin), gathered);
            }
        }
    }

    fn generate(
        &mut self,
        kustomization: &Kustomization,
        what: What,
        entry: &Value,
        general: Option<&Value>,
        plugin: Option<&Plugin>,
        gathered: &mut Gathered,
    ) {
        if self.is_limited(kustomization, entry.span, gathered.resources.len()) {
            return;
        }
        self.serial += 1;
        let mut faults = Vec::new();
        let mut missing = Vec::new();
        let files = &*self.files;
        let mut read = |name: &str, span: Span| {
            let found = normal(&kustomization.folder, name).map(|path| files.bytes(&path));
            match found {
                Some(Ok(bytes)) => Some(bytes),
                Some(Err(why)) => {
                    missing.push((format!("the file `{name}` cannot be read: {why}"), span));
                    None
                }
                None => {
                    missing.push((format!("`{name}` leads out of the repository"), span));
                    None
                }
            }
        };
        let mut generator =
            Generator { sources: files.scope.sources, read: &mut read, step: step(kustomization, entry.span), serial: self.serial };
        let made = generator.make(what, entry, general, &mut faults);
        for (why, span) in missing {
            self.files.fault(&kustomization.path, "kustomize-missing", span, why);
        }
        for (why, span) in faults {
            self.fault_at(kustomization, span, why);
        }
        let Some(mut made) = made else { return };
        made.origin = self.origins.then(|| {
            let file = plugin.map_or_else(|| kustomization.path.rsplit('/').next().unwrap_or_default(), |plugin| plugin.entry.as_str());
            let kind = if what == What::ConfigMap { "ConfigMapGenerator" } else { "SecretGenerator" };
            let name = plugin.map(|plugin| text_at(&plugin.value, &["metadata", "name"])).filter(|name| !name.is_empty());
            let name = name.map_or_else(String::new, |name| format!("  name: {name}\n"));
            let file = join_origin(&self.origin, file);
            format!("configuredIn: {file}\nconfiguredBy:\n  apiVersion: builtin\n  kind: {kind}\n{name}")
        });
        self.absorb(kustomization, entry.span, gathered, made);
    }

    /// Adds a generated object, or merges it with the one that is there.
    fn absorb(&mut self, kustomization: &Kustomization, at: Span, gathered: &mut Gathered, mut made: Resource) {
        let id = made.current_id();
        let fits = |resource: &&mut Resource| resource.all_ids().iter().any(|other| other.is_same(&id));
        let mut found: Vec<&mut Resource> = gathered.resources.iter_mut().filter(fits).collect();
        match (found.as_mut_slice(), made.behavior) {
            ([], Behavior::Create) => gathered.resources.push(made),
            ([], _) => {
                self.fault_at(kustomization, at, format!("there is no {} to merge with or to replace", id.shown()));
                gathered.resources.push(made);
            }
            ([_, ..], Behavior::Create) => {
                self.fault_at(kustomization, at, format!("there is {} already; `behavior` is to be `merge` or `replace`", id.shown()));
            }
            ([old], _) => {
                generate::join(&mut made, old, self.files.scope.sources);
                **old = made;
            }
            (_, _) => self.fault_at(kustomization, at, format!("{} may be several objects", id.shown())),
        }
    }

    fn components(&mut self, kustomization: &Kustomization, mut gathered: Gathered) -> Gathered {
        let entries = kustomization.value.get("components").and_then(Value::as_list).unwrap_or_default().to_vec();
        for entry in &entries {
            let Some(name) = entry.as_str() else { continue };
            if self.is_limited(kustomization, entry.span, gathered.resources.len()) {
                break;
            }
            match self.files.resolve(&kustomization.folder, name) {
                Target::Folder(folder, path) => {
                    let Some(inner) = self.enter(kustomization, entry, &folder, &path, true) else { continue };
                    let before = self.serial;
                    let outer = std::mem::take(&mut self.origin);
                    self.origin = join_origin(&outer, name);
                    gathered = self.accumulate(&inner, gathered);
                    self.origin = outer;
                    for resource in gathered.resources.iter_mut().filter(|resource| resource.serial > before) {
                        resource.via.insert(0, entry.span);
                    }
                }
                Target::File(_) => {
                    let message = format!("`{name}` is a file; a component is a folder");
                    self.files.fault(&kustomization.path, "kustomize-component", entry.span, message);
                }
                other => self.not_there(kustomization, entry, name, &other),
            }
        }
        gathered
    }

    fn transformers(&mut self, kustomization: &Kustomization, gathered: &mut Gathered) {
        let fields = gathered.fields();
        let sources = self.files.scope.sources;
        let value = &kustomization.value;
        self.all_patches(kustomization, &mut gathered.resources);
        let resources = &mut gathered.resources;
        let given = |value: &Value| Given {
            text: value.as_str().unwrap_or_default().to_owned(),
            span: value.span,
            step: step(kustomization, value.span),
        };
        let mut done: Vec<(Result<(), String>, Span)> = Vec::new();
        if let Some(name) = kustomization.text("namespace") {
            done.push((transform::namespace(resources, &given(name), fields.list("namespace"), Subjects::Default, false), name.span));
        }
        for (key, end) in [("namePrefix", End::Prefix), ("nameSuffix", End::Suffix)] {
            if let Some(name) = kustomization.text(key) {
                done.push((transform::rename(resources, end, &given(name), fields.list(key)), name.span));
            }
        }
        for label in value.get("labels").and_then(Value::as_list).unwrap_or_default() {
            let pairs = transform::texts(label.get("pairs"), sources, &step(kustomization, label.span));
            let specs = label_fields(label, &fields);
            done.push((specs.and_then(|specs| transform::mark(resources, &pairs, &specs)), label.span));
        }
        for (key, list) in [("commonLabels", "commonLabels"), ("commonAnnotations", "commonAnnotations")] {
            if let Some(marks) = value.get(key) {
                let pairs = transform::texts(Some(marks), sources, &step(kustomization, marks.span));
                done.push((transform::mark(resources, &pairs, fields.list(list)), marks.span));
            }
        }
        for (why, span) in done.drain(..).filter_map(|(done, span)| done.err().map(|why| (why, span))) {
            self.fault_at(kustomization, span, why);
        }
        self.old_json_patches(kustomization, &mut gathered.resources);
        let resources = &mut gathered.resources;
        for replica in value.get("replicas").and_then(Value::as_list).unwrap_or_default() {
            let name = replica.get("name").and_then(|name| text(name, sources)).unwrap_or_default();
            let zero = Value::int(0, replica.span);
            let count = replica.get("count").unwrap_or(&zero);
            let step = step(kustomization, replica.span);
            done.push((transform::replicas(resources, &name, count, &step, fields.list("replicas")), replica.span));
        }
        for key in ["images", "imageTags"] {
            for entry in value.get(key).and_then(Value::as_list).unwrap_or_default() {
                let image = transform::image_of(entry, sources, &step(kustomization, entry.span));
                done.push((transform::image(resources, &image, fields.list("images")), entry.span));
            }
        }
        for (why, span) in done.into_iter().filter_map(|(done, span)| done.err().map(|why| (why, span))) {
            self.fault_at(kustomization, span, why);
        }
        self.replacements(kustomization, &mut gathered.resources);
        self.transformer_plugins(kustomization, &mut gathered.resources);
    }

    /// Applies the merging patches of a kustomization.
    pub(super) fn all_patches(&mut self, kustomization: &Kustomization, resources: &mut Vec<Resource>) {
        let schema = self.schema.clone().unwrap_or_else(|| Arc::clone(&schema::BUILT_IN));
        self.patches(kustomization, &schema, resources);
    }

    /// The objects of a kustomization in another folder that are settings.
    pub(super) fn inner(&mut self, kustomization: &Kustomization, entry: &Value, folder: &Arc<str>, path: &Arc<str>) -> Vec<Resource> {
        if self.is_limited(kustomization, entry.span, 0) {
            return Vec::new();
        }
        let inner = self.enter(kustomization, entry, folder, path, false);
        inner.map(|inner| self.accumulate(&inner, Gathered::default()).resources).unwrap_or_default()
    }

    pub(super) fn replacements(&mut self, kustomization: &Kustomization, resources: &mut [Resource]) {
        let sources = self.files.scope.sources;
        for entry in kustomization.value.get("replacements").and_then(Value::as_list).unwrap_or_default() {
            let mut all = vec![entry.clone()];
            if let Some(place) = entry.get("path") {
                let path = place.as_str().and_then(|text| normal(&kustomization.folder, text)).map(Arc::from);
                let Some(path) = path else { continue };
                let Some(file) = self.file(kustomization, &path, place.span, Role::Settings) else { continue };
                let documents = file.documents.iter();
                all = documents.flat_map(|one| one.value.as_list().map_or_else(|| vec![one.value.clone()], <[Value]>::to_vec)).collect();
            }
            for one in &all {
                if let Err(why) = replacement::apply(resources, one, &step(kustomization, entry.span), sources) {
                    self.fault_at(kustomization, one.span, why);
                }
            }
        }
    }
}

/// The step on the way of what a kustomization says.
pub(super) fn step(kustomization: &Kustomization, span: Span) -> OriginStep {
    OriginStep { kind: StepKind::Overlay, name: Arc::clone(&kustomization.path), span }
}

/// Where the labels of an entry go.
fn label_fields(label: &Value, fields: &Fields) -> Result<Vec<super::fields::FieldSpec>, String> {
    let flag = |key: &str| label.get(key).and_then(Value::as_bool) == Some(true);
    let mut specs = read_specs(label.get("fields"));
    merge_all(&mut specs, fields.list("labels"))?;
    if flag("includeSelectors") {
        merge_all(&mut specs, fields.list("commonLabels"))?;
        return Ok(specs);
    }
    if flag("includeTemplates") {
        merge_all(&mut specs, fields.list("templateLabels"))?;
    }
    if flag("includeVolumeClaimTemplates") {
        merge_all(&mut specs, fields.list("volumeClaimTemplateLabels"))?;
    }
    let own = super::fields::FieldSpec { gvk: Default::default(), path: "metadata/labels".to_owned(), create: true };
    merge_all(&mut specs, &[own])?;
    Ok(specs)
}

/// All annotations become text in the end, whatever they were written as.
fn annotations_as_text(object: &mut Value, sources: &probity_value::SourceMap) {
    let metadata = super::node::map_mut(object).and_then(|map| map.get_mut("metadata")).and_then(super::node::map_mut);
    let Some(marks) = metadata.and_then(|metadata| metadata.get_mut("annotations")) else { return };
    super::node::as_texts(marks, sources);
}

fn inner_map<'m>(map: &'m mut probity_value::Map, key: &str, at: Span) -> Option<&'m mut probity_value::Map> {
    if map.get(key).and_then(Value::as_map).is_none() {
        map.insert(key, at, Value::map(probity_value::Map::new(), at));
    }
    map.get_mut(key).and_then(super::node::map_mut)
}

/// The label that names the program: its version is that of whoever renders.
fn version_label(at: Span) -> Value {
    let mut value = Value::unknown(UnknownKind::Function, "it holds the version of Kustomize", at);
    if let Data::Unknown(unknown) = &mut value.data {
        let unknown = Arc::make_mut(unknown);
        unknown.set = true;
        unknown.prefix = "kustomize-".into();
    }
    value
}

/// A path as seen from the root.
fn join_origin(outer: &str, entry: &str) -> String {
    let mut out: Vec<&str> = Vec::new();
    for part in outer.split('/').chain(entry.split('/')) {
        match part {
            "" | "." => {}
            ".." if out.last().is_some_and(|last| *last != "..") => {
                out.pop();
            }
            part => out.push(part),
        }
    }
    out.join("/")
}

/// Reads the kustomization file of a folder. What is none is said.
pub(super) fn read(files: &mut Files<'_>, folder: &Arc<str>, path: &Arc<str>) -> Option<Kustomization> {
    let loaded = files.load(path, Role::Kustomization)?;
    let value = match loaded.documents.as_slice() {
        [one] => one.value.clone(),
        [] => Value::null(Span::NONE),
        [first, second, ..] => {
            files.fault(path, "kustomize-field", second.span, "a kustomization file has one document".to_owned());
            first.value.clone()
        }
    };
    if value.as_map().is_none() {
        if loaded.whole {
            files.fault(path, "kustomize-field", value.span, "a kustomization is a map, and not empty".to_owned());
        }
        files.take(path, Role::Kustomization).unread = true;
        return None;
    }
    let mut value = value;
    canonical(&mut value);
    Some(Kustomization { folder: Arc::clone(folder), path: Arc::clone(path), value })
}

/// Keys are taken in any case, as Go does: `nameprefix` is `namePrefix`.
fn canonical(value: &mut Value) {
    if let Some(items) = super::node::list_mut(value) {
        items.iter_mut().for_each(canonical);
        return;
    }
    let Some(map) = value.as_map() else { return };
    let known = |key: &str| {
        let all = KNOWN.iter().chain(&INNER);
        if all.clone().any(|name| *name == key) { None } else { all.copied().find(|name| name.eq_ignore_ascii_case(key)) }
    };
    let mut out = probity_value::Map::new();
    for (key, entry) in map.iter() {
        let key: Arc<str> = known(key).filter(|name| !map.contains_key(name)).map_or_else(|| Arc::clone(key), Arc::from);
        let mut inner = entry.value.clone();
        let names_own = FREE.contains(&&*key) && inner.as_map().is_some();
        if !names_own {
            canonical(&mut inner);
        }
        out.insert(key, entry.key, inner);
    }
    value.data = Data::Map(Arc::new(out));
}

/// Maps whose keys are the author's.
const FREE: [&str; 6] = ["pairs", "commonLabels", "commonAnnotations", "labels", "annotations", "metadata"];

/// What stands in the fields of a kustomization.
const INNER: [&str; 39] = [
    "allowKindChange",
    "allowNameChange",
    "annotationSelector",
    "annotations",
    "behavior",
    "count",
    "create",
    "delimiter",
    "digest",
    "disableNameSuffixHash",
    "env",
    "envs",
    "fieldPath",
    "fieldPaths",
    "fieldref",
    "fields",
    "files",
    "group",
    "immutable",
    "includeSelectors",
    "includeTemplates",
    "includeVolumeClaimTemplates",
    "index",
    "labelSelector",
    "literals",
    "newName",
    "newTag",
    "objref",
    "options",
    "pairs",
    "patch",
    "path",
    "reject",
    "select",
    "source",
    "sourceValue",
    "tagSuffix",
    "target",
    "targets",
];

/// What a kustomization may say, sorted.
const KNOWN: [&str; 34] = [
    "apiVersion",
    "bases",
    "buildMetadata",
    "commonAnnotations",
    "commonLabels",
    "components",
    "configMapGenerator",
    "configurations",
    "crds",
    "generatorOptions",
    "generators",
    "helmChartInflationGenerator",
    "helmCharts",
    "helmGlobals",
    "imageTags",
    "images",
    "kind",
    "labels",
    "metadata",
    "namePrefix",
    "nameSuffix",
    "namespace",
    "openapi",
    "patches",
    "patchesJson6902",
    "patchesStrategicMerge",
    "replacements",
    "replicas",
    "resources",
    "secretGenerator",
    "sortOptions",
    "transformers",
    "validators",
    "vars",
];

/// What of it are lists.
const LISTS: [&str; 16] = [
    "bases",
    "components",
    "configMapGenerator",
    "configurations",
    "crds",
    "imageTags",
    "images",
    "labels",
    "patches",
    "patchesJson6902",
    "patchesStrategicMerge",
    "replacements",
    "replicas",
    "resources",
    "secretGenerator",
    "vars",
];

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn known_fields_are_sorted() {
        assert!(KNOWN.is_sorted());
    }
}
