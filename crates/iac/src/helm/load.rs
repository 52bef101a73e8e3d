//! Charts from files: of a folder of the tree, or of a packed archive, with their subcharts.
//!
//! What does not live here: which dependencies are switched on (`values`), and running templates (`render`).

use std::collections::BTreeMap;
use std::rc::Rc;
use std::sync::Arc;

use probity_core::{Diagnostic, Level, Scope};
use probity_value::{Data as Plain, FileId, Number, Span, StepKind, Value};

use super::archive;
use super::ignore::Ignore;
use super::json_text::read_yaml;
use super::value::{Map, MapKind, Val};

/// Subcharts in subcharts.
const MAX_DEPTH: usize = 8;
/// Charts one root may hold.
const MAX_CHARTS: usize = 200;

/// Where the bytes of a file are.
#[derive(Clone, Debug)]
pub(super) enum Content {
    /// In the tree, under that path.
    Tree(Arc<str>),
    /// Unpacked from an archive.
    Bytes(Arc<[u8]>),
}

/// One file of a chart.
#[derive(Clone, Debug)]
pub(super) struct ChartFile {
    /// Relative to the chart.
    pub(super) name: String,
    pub(super) content: Content,
}

/// A text that was taken into the source map.
#[derive(Clone, Debug)]
pub(super) struct Source {
    /// Relative to the chart: `templates/x.yaml`.
    pub(super) name: String,
    /// The path coverage counts it under: its own, or that of its archive.
    pub(super) covered: Arc<str>,
    /// The path messages name it by.
    pub(super) path: Arc<str>,
    pub(super) text: Arc<str>,
    pub(super) file: FileId,
}

/// One dependency a chart names.
#[derive(Clone, Debug)]
pub(super) struct Dependency {
    pub(super) name: String,
    pub(super) alias: String,
    pub(super) version: String,
    pub(super) condition: String,
    pub(super) tags: Vec<String>,
    pub(super) imports: Vec<Import>,
    pub(super) span: Span,
    pub(super) enabled: bool,
}

/// One entry of `import-values`.
#[derive(Clone, Debug)]
pub(super) struct Import {
    pub(super) child: String,
    pub(super) parent: String,
}

/// A chart.
#[derive(Clone, Debug)]
pub(super) struct Chart {
    pub(super) name: String,
    pub(super) version: String,
    pub(super) kube_version: String,
    pub(super) library: bool,
    /// `Chart.yaml` as read.
    pub(super) meta: Value,
    pub(super) meta_path: Arc<str>,
    pub(super) meta_covered: Arc<str>,
    pub(super) values: Value,
    /// The text of `values.yaml`.
    pub(super) values_text: Arc<str>,
    pub(super) templates: Vec<Source>,
    /// `crds/` of an archive: no other source sees it.
    pub(super) packed_crds: Vec<Source>,
    pub(super) files: BTreeMap<Rc<str>, Content>,
    pub(super) dependencies: Vec<Dependency>,
    pub(super) children: Vec<Chart>,
    /// Its values once those of its subcharts were taken over.
    merged: Option<Map>,
}

/// How a file of a chart fared.
#[derive(Clone, Debug, PartialEq)]
pub(super) enum Fate {
    /// Read; so many subjects.
    Read(usize),
    /// Not read, why, and whether that fails.
    Skipped(String, bool),
}

/// Takes in what there is to say about the files of a chart.
#[derive(Debug, Default)]
pub(super) struct Notes {
    pub(super) fates: BTreeMap<Arc<str>, Fate>,
    /// Files that are read, but not wholly: why, and whether that fails.
    pub(super) partly: Vec<(Arc<str>, String, bool)>,
    pub(super) diagnostics: Vec<Diagnostic>,
}

impl Notes {
    /// A file that was read; subjects add up.
    pub(super) fn read(&mut self, path: &Arc<str>, subjects: usize) {
        match self.fates.get_mut(path) {
            Some(Fate::Read(count)) => *count += subjects,
            Some(Fate::Skipped(_, true)) => {}
            _ => {
                self.fates.insert(Arc::clone(path), Fate::Read(subjects));
            }
        }
    }

    /// A file that was not read.
    pub(super) fn skip(&mut self, path: &Arc<str>, why: impl Into<String>, fails: bool) {
        match self.fates.get(path) {
            // An archive holds many files: the others of it were read.
            Some(Fate::Read(_)) => self.partly.push((Arc::clone(path), why.into(), fails)),
            Some(Fate::Skipped(_, true)) if !fails => {}
            _ => {
                self.fates.insert(Arc::clone(path), Fate::Skipped(why.into(), fails));
            }
        }
    }

    pub(super) fn say(&mut self, level: Level, code: &'static str, path: &Arc<str>, span: Span, message: impl Into<String>) {
        self.diagnostics.push(Diagnostic::new(level, code, Arc::clone(path), span, message));
    }
}

/// Where a chart lies.
pub(super) struct Spot {
    /// Prefix of paths for messages: `a/charts/b/`, `a/charts/b-1.0.tgz/`.
    pub(super) prefix: String,
    /// The archive it is in.
    pub(super) archive: Option<Arc<str>>,
    pub(super) depth: usize,
    /// The name of the folder it lies in.
    pub(super) folder: String,
}

/// Loads charts of one root.
pub(super) struct Loader<'a, 's> {
    pub(super) scope: &'a Scope<'s>,
    pub(super) notes: &'a mut Notes,
    pub(super) charts: usize,
}

impl Loader<'_, '_> {
    /// The chart in a folder of the tree.
    pub(super) fn folder(&mut self, folder: &str) -> Option<Chart> {
        let prefix = if folder.is_empty() { String::new() } else { format!("{folder}/") };
        let mut files: Vec<ChartFile> = Vec::new();
        for file in self.scope.tree.below(folder) {
            if let Some(name) = file.path.strip_prefix(&*prefix) {
                files.push(ChartFile { name: name.to_owned(), content: Content::Tree(Arc::clone(&file.path)) });
            }
        }
        let rules = files.iter().find(|file| file.name == ".helmignore").and_then(|file| self.bytes(&file.content).ok());
        let ignore = rules.map(|bytes| Ignore::parse(&String::from_utf8_lossy(&bytes))).unwrap_or_default();
        let mut kept = Vec::new();
        for file in files {
            if file.name == ".helmignore" {
                if let Content::Tree(path) = &file.content {
                    self.notes.read(path, 0);
                }
                kept.push(file);
            } else if ignore.leaves_out(&file.name) {
                if let Content::Tree(path) = &file.content {
                    self.notes.skip(path, "left out of the chart by `.helmignore`", false);
                }
            } else {
                kept.push(file);
            }
        }
        let name = folder.rsplit_once('/').map_or(folder, |(_, name)| name).to_owned();
        self.chart(kept, &Spot { prefix, archive: None, depth: 0, folder: name })
    }

    pub(super) fn bytes(&self, content: &Content) -> Result<Arc<[u8]>, String> {
        match content {
            Content::Tree(path) => {
                let bytes = self.scope.tree.read(path).map_err(|error| error.to_string())?;
                if bytes.len() as u64 > self.scope.options.max_file_size {
                    return Err(format!(
                        "the file has {} bytes, more than the budget of {}",
                        bytes.len(),
                        self.scope.options.max_file_size
                    ));
                }
                Ok(bytes)
            }
            Content::Bytes(bytes) => Ok(Arc::clone(bytes)),
        }
    }

    /// A text, taken into the source map. What cannot be read is noted.
    fn source(&mut self, file: &ChartFile, spot: &Spot) -> Option<Source> {
        let path: Arc<str> = match &file.content {
            Content::Tree(path) => Arc::clone(path),
            Content::Bytes(_) => format!("{}{}", spot.prefix, file.name).into(),
        };
        let covered = spot.archive.clone().unwrap_or_else(|| Arc::clone(&path));
        let text = self.bytes(&file.content).and_then(|bytes| {
            let text = std::str::from_utf8(&bytes).map_err(|_| "not UTF-8 text".to_owned())?;
            Ok(Arc::<str>::from(text.strip_prefix('\u{feff}').unwrap_or(text)))
        });
        match text {
            Ok(text) => {
                let id = self.scope.sources.add(Arc::clone(&path), Arc::clone(&text));
                Some(Source { name: file.name.clone(), covered, path, text, file: id })
            }
            Err(why) => {
                self.notes.say(Level::Error, "helm-unreadable", &path, Span::NONE, why.clone());
                self.notes.skip(&covered, why, true);
                None
            }
        }
    }

    /// The map a YAML file of a chart holds, and its text. An empty map where it is empty.
    fn yaml(&mut self, file: &ChartFile, spot: &Spot) -> Option<(Value, Source)> {
        let source = self.source(file, spot)?;
        let why = match read_yaml(&source.text, source.file) {
            Ok(value) if value.as_map().is_some() => {
                self.notes.read(&source.covered, 0);
                return Some((value, source));
            }
            Ok(value) if value.is_null() => {
                self.notes.read(&source.covered, 0);
                return Some((Value::map(probity_value::Map::new(), Span::NONE), source));
            }
            Ok(value) => (value.span, "it must hold a map".to_owned()),
            Err(problem) => (problem.span, problem.message),
        };
        self.notes.say(Level::Error, "helm-yaml", &source.path, why.0, why.1);
        self.notes.skip(&source.covered, "not valid YAML", true);
        None
    }

    /// A chart of these files.
    pub(super) fn chart(&mut self, files: Vec<ChartFile>, spot: &Spot) -> Option<Chart> {
        self.charts += 1;
        let find = |name: &str| files.iter().find(|file| file.name == name).cloned();
        let main = find("Chart.yaml")?;
        let (meta, source) = self.yaml(&main, spot)?;
        if self.charts > MAX_CHARTS || spot.depth > MAX_DEPTH {
            let message = format!("more than {MAX_CHARTS} charts, or charts nested deeper than {MAX_DEPTH} levels");
            self.notes.say(Level::Error, "helm-limit", &source.path, Span::NONE, message.clone());
            self.notes.skip(&source.covered, message, true);
            return None;
        }
        let mut dependencies = dependencies(&meta);
        for name in ["requirements.yaml", "Chart.lock", "requirements.lock"] {
            let Some(file) = find(name) else { continue };
            if name == "requirements.yaml"
                && let Some((requirements, _)) = self.yaml(&file, spot)
            {
                if dependencies.is_empty() {
                    dependencies = self::dependencies(&requirements);
                }
            } else if let Content::Tree(path) = &file.content {
                self.notes.read(path, 0);
            }
        }
        let (values, values_text) = match find("values.yaml") {
            // Without its values nothing of the chart would be what it is.
            Some(file) => self.yaml(&file, spot).map(|(value, source)| (value, source.text))?,
            None => (Value::map(probity_value::Map::new(), Span::NONE), "".into()),
        };
        let text = |key: &str| meta.get(key).map(scalar).unwrap_or_default();
        let mut name = text("name");
        if name.is_empty() {
            name.clone_from(&spot.folder);
            self.notes.say(Level::Warning, "helm-chart-name", &source.path, Span::NONE, "the chart has no name");
        }
        let mut chart = Chart {
            name,
            version: text("version"),
            kube_version: text("kubeVersion"),
            library: text("type").eq_ignore_ascii_case("library"),
            meta_path: Arc::clone(&source.path),
            meta_covered: Arc::clone(&source.covered),
            values,
            values_text,
            templates: Vec::new(),
            packed_crds: Vec::new(),
            files: BTreeMap::new(),
            dependencies,
            children: Vec::new(),
            merged: None,
            meta,
        };
        let mut below: BTreeMap<String, Vec<ChartFile>> = BTreeMap::new();
        for file in files {
            if let Some(rest) = file.name.strip_prefix("charts/") {
                let top = rest.split('/').next().unwrap_or_default().to_owned();
                let name = rest.to_owned();
                below.entry(top).or_default().push(ChartFile { name, content: file.content });
                continue;
            }
            self.sort_in(&mut chart, &file, spot);
        }
        for (top, files) in below {
            if let Some(child) = self.child(&top, files, spot) {
                chart.children.push(child);
            }
        }
        Some(chart)
    }

    fn sort_in(&mut self, chart: &mut Chart, file: &ChartFile, spot: &Spot) {
        let is_values = file.name.starts_with("values")
            && !file.name.contains('/')
            && [".yaml", ".yml", ".json"].iter().any(|end| file.name.ends_with(end));
        match &*file.name {
            "Chart.yaml" | "values.yaml" | "Chart.lock" => return,
            ".helmignore" => {
                if let Content::Tree(path) = &file.content {
                    self.notes.read(path, 0);
                }
            }
            name if is_values => {
                if let Content::Tree(path) = &file.content {
                    let why = if name == "values.schema.json" {
                        "values are not checked against their schema"
                    } else {
                        "other values than those of `values.yaml` are not merged"
                    };
                    self.notes.skip(path, why, false);
                }
                if name == "values.schema.json" {
                    return;
                }
            }
            name if name.starts_with("templates/") => {
                if let Some(source) = self.source(file, spot) {
                    chart.templates.push(source);
                }
                return;
            }
            name if name.starts_with("crds/") && spot.archive.is_some() => {
                let manifest = [".yaml", ".yml", ".json"].iter().any(|end| name.ends_with(end));
                if manifest && let Some(source) = self.source(file, spot) {
                    chart.packed_crds.push(source);
                }
            }
            _ => {}
        }
        chart.files.insert(file.name.as_str().into(), file.content.clone());
    }

    /// What lies in `charts/` under one name.
    fn child(&mut self, top: &str, files: Vec<ChartFile>, spot: &Spot) -> Option<Chart> {
        if top.starts_with(['_', '.']) {
            return None;
        }
        let depth = spot.depth + 1;
        if top.ends_with(".tgz") {
            let file = files.into_iter().next()?;
            let path: Arc<str> = match &file.content {
                Content::Tree(path) => Arc::clone(path),
                Content::Bytes(_) => format!("{}charts/{top}", spot.prefix).into(),
            };
            let covered = spot.archive.clone().unwrap_or_else(|| Arc::clone(&path));
            let unpacked = self.bytes(&file.content).and_then(|bytes| archive::unpack(&bytes));
            let unpacked = match unpacked {
                Ok(unpacked) => unpacked,
                Err(why) => {
                    self.notes.say(Level::Error, "helm-archive", &path, Span::NONE, why.clone());
                    self.notes.skip(&covered, why, true);
                    return None;
                }
            };
            self.notes.read(&covered, 0);
            let files: Vec<ChartFile> =
                unpacked.into_iter().map(|(name, bytes)| ChartFile { name, content: Content::Bytes(bytes.into()) }).collect();
            if !files.iter().any(|file| file.name == "Chart.yaml") {
                self.notes.say(Level::Error, "helm-archive", &path, Span::NONE, "the archive holds no `Chart.yaml`");
                self.notes.skip(&covered, "the archive holds no `Chart.yaml`", true);
                return None;
            }
            let folder = top.trim_end_matches(".tgz").to_owned();
            return self.chart(files, &Spot { prefix: format!("{path}/"), archive: Some(covered), depth, folder });
        }
        let files = files
            .into_iter()
            .filter_map(|file| {
                let name = file.name.strip_prefix(top)?.strip_prefix('/')?.to_owned();
                Some(ChartFile { name, content: file.content })
            })
            .collect();
        let spot = Spot { prefix: format!("{}charts/{top}/", spot.prefix), archive: spot.archive.clone(), depth, folder: top.to_owned() };
        self.chart(files, &spot)
    }
}

/// A scalar as the text Helm's structs hold.
fn scalar(value: &Value) -> String {
    match &value.data {
        Plain::String(text) => text.to_string(),
        Plain::Bool(truth) => truth.to_string(),
        Plain::Number(Number::Int(number)) => number.to_string(),
        Plain::Number(Number::Float(number)) => super::printing::float_g(*number),
        _ => String::new(),
    }
}

fn dependencies(meta: &Value) -> Vec<Dependency> {
    let entries = meta.get("dependencies").and_then(Value::as_list).unwrap_or_default();
    entries
        .iter()
        .filter(|entry| entry.as_map().is_some())
        .map(|entry| {
            let text = |key: &str| entry.get(key).map(scalar).unwrap_or_default();
            let tags = entry.get("tags").and_then(Value::as_list).unwrap_or_default();
            let imports = entry.get("import-values").and_then(Value::as_list).unwrap_or_default();
            Dependency {
                name: text("name"),
                alias: text("alias"),
                version: text("version"),
                condition: text("condition"),
                tags: tags.iter().map(scalar).collect(),
                imports: imports.iter().filter_map(import).collect(),
                span: entry.get("name").map_or(entry.span, |name| name.span),
                enabled: true,
            }
        })
        .collect()
}

fn import(value: &Value) -> Option<Import> {
    if let Some(name) = value.as_str() {
        return Some(Import { child: format!("exports.{name}"), parent: ".".to_owned() });
    }
    Some(Import { child: scalar(value.get("child")?), parent: scalar(value.get("parent")?) })
}

impl Chart {
    /// Its own values: those of `values.yaml`, and what it took over from subcharts.
    pub(super) fn merged(&self) -> Map {
        self.merged.clone().unwrap_or_else(|| self.own_values())
    }

    /// Sets its own values.
    pub(super) fn replace_values(&mut self, values: Map) {
        self.merged = Some(values);
    }

    fn own_values(&self) -> Map {
        let value = super::json_text::from_value(&self.values, &self.values_text, Some((".Values", StepKind::VariableDefault)));
        value.as_map().cloned().unwrap_or_else(Map::new)
    }

    /// `.Chart`.
    pub(super) fn object(&self, root: bool) -> Val {
        let map = Map::of(MapKind::Struct("chart.Metadata"), BTreeMap::new());
        let text = |key: &str| self.meta.get(key).map(scalar).unwrap_or_default();
        for (field, key) in [
            ("Home", "home"),
            ("Version", "version"),
            ("Description", "description"),
            ("Icon", "icon"),
            ("APIVersion", "apiVersion"),
            ("Condition", "condition"),
            ("Tags", "tags"),
            ("AppVersion", "appVersion"),
            ("KubeVersion", "kubeVersion"),
            ("Type", "type"),
        ] {
            let mut value = Val::from(text(key));
            if let Some(written) = self.meta.get(key).filter(|written| !written.span.is_none()) {
                value.from = Some(Arc::new(probity_value::OriginStep {
                    kind: StepKind::VariableDefault,
                    name: format!(".Chart.{field}").into(),
                    span: written.span,
                }));
            }
            map.set(field, value);
        }
        if text("apiVersion").is_empty() {
            map.set("APIVersion", Val::from("v1"));
        }
        map.set("Name", Val::from(&*self.name));
        map.set("IsRoot", Val::from(root));
        map.set("Deprecated", Val::from(self.meta.get("deprecated").and_then(Value::as_bool).unwrap_or(false)));
        let list = |key: &str| {
            let items = self.meta.get(key).and_then(Value::as_list).unwrap_or_default();
            Val::from(items.iter().map(|item| Val::from(scalar(item))).collect::<Vec<_>>())
        };
        map.set("Sources", list("sources"));
        map.set("Keywords", list("keywords"));
        let annotations = Map::new();
        for (key, entry) in self.meta.get("annotations").and_then(Value::as_map).into_iter().flat_map(|map| map.iter()) {
            annotations.set(&**key, Val::from(scalar(&entry.value)));
        }
        map.set("Annotations", annotations.into());
        let people = self.meta.get("maintainers").and_then(Value::as_list).unwrap_or_default().iter().map(|person| {
            let map = Map::of(MapKind::Struct("chart.Maintainer"), BTreeMap::new());
            for (field, key) in [("Name", "name"), ("Email", "email"), ("URL", "url")] {
                map.set(field, Val::from(person.get(key).map(scalar).unwrap_or_default()));
            }
            Val::from(map)
        });
        map.set("Maintainers", people.collect::<Vec<_>>().into());
        let dependencies = self.dependencies.iter().map(|dependency| {
            let map = Map::of(MapKind::Struct("chart.Dependency"), BTreeMap::new());
            map.set("Name", Val::from(&*dependency.name));
            map.set("Version", Val::from(&*dependency.version));
            map.set("Condition", Val::from(&*dependency.condition));
            map.set("Alias", Val::from(&*dependency.alias));
            map.set("Repository", Val::from(""));
            map.set("Tags", dependency.tags.iter().map(|tag| Val::from(&**tag)).collect::<Vec<_>>().into());
            map.set("Enabled", Val::from(dependency.enabled));
            map.into()
        });
        map.set("Dependencies", dependencies.collect::<Vec<Val>>().into());
        map.into()
    }
}
