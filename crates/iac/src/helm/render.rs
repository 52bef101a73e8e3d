//! A chart with its subcharts to rendered texts: what templates see, in which order they run, and what is said of those that do not.

use std::collections::BTreeMap;
use std::rc::Rc;
use std::sync::Arc;

use probity_core::{Level, Scope};
use probity_value::Span;

use super::exec::{Engine, Limits, Need, Reason, Rendered, Stop, StopKind};
use super::functions;
use super::load::{Chart, Content, Notes, Source};
use super::parse::parse;
use super::text::Text;
use super::value::{Data, Map, MapKind, Special, Val};
use super::values;

/// What `.Capabilities.APIVersions` holds without a cluster.
pub(super) const API_VERSIONS: &[&str] = &[
    "v1",
    "admissionregistration.k8s.io/v1",
    "admissionregistration.k8s.io/v1alpha1",
    "admissionregistration.k8s.io/v1beta1",
    "internal.apiserver.k8s.io/v1alpha1",
    "apps/v1",
    "apps/v1beta1",
    "apps/v1beta2",
    "authentication.k8s.io/v1",
    "authentication.k8s.io/v1alpha1",
    "authentication.k8s.io/v1beta1",
    "authorization.k8s.io/v1",
    "authorization.k8s.io/v1beta1",
    "autoscaling/v1",
    "autoscaling/v2",
    "batch/v1",
    "batch/v1beta1",
    "certificates.k8s.io/v1",
    "certificates.k8s.io/v1beta1",
    "certificates.k8s.io/v1alpha1",
    "coordination.k8s.io/v1alpha2",
    "coordination.k8s.io/v1beta1",
    "coordination.k8s.io/v1",
    "discovery.k8s.io/v1",
    "discovery.k8s.io/v1beta1",
    "events.k8s.io/v1",
    "events.k8s.io/v1beta1",
    "extensions/v1beta1",
    "flowcontrol.apiserver.k8s.io/v1",
    "flowcontrol.apiserver.k8s.io/v1beta1",
    "flowcontrol.apiserver.k8s.io/v1beta2",
    "flowcontrol.apiserver.k8s.io/v1beta3",
    "lifecycle.k8s.io/v1alpha1",
    "networking.k8s.io/v1",
    "networking.k8s.io/v1beta1",
    "node.k8s.io/v1",
    "node.k8s.io/v1alpha1",
    "node.k8s.io/v1beta1",
    "policy/v1",
    "policy/v1beta1",
    "rbac.authorization.k8s.io/v1",
    "rbac.authorization.k8s.io/v1beta1",
    "rbac.authorization.k8s.io/v1alpha1",
    "resource.k8s.io/v1",
    "resource.k8s.io/v1beta2",
    "resource.k8s.io/v1beta1",
    "resource.k8s.io/v1alpha3",
    "scheduling.k8s.io/v1alpha3",
    "scheduling.k8s.io/v1beta1",
    "scheduling.k8s.io/v1",
    "storage.k8s.io/v1beta1",
    "storage.k8s.io/v1",
    "storage.k8s.io/v1alpha1",
    "storagemigration.k8s.io/v1",
    "storagemigration.k8s.io/v1beta1",
    "apiextensions.k8s.io/v1beta1",
    "apiextensions.k8s.io/v1",
];

/// The version of Kubernetes and of Helm that charts are rendered for: those of Helm 3.22.
const KUBE_MAJOR: &str = "1";
const KUBE_MINOR: &str = "37";
const HELM_VERSION: &str = "v3.22.0";
/// The name and namespace `helm template` gives a release.
const RELEASE: &str = "release-name";
const NAMESPACE: &str = "default";

/// The files of all charts of one root, for `.Files`.
pub(super) struct Charts<'a> {
    scope: &'a Scope<'a>,
    files: Vec<BTreeMap<Rc<str>, Content>>,
}

impl Charts<'_> {
    /// The bytes of a file; `None` where it is not there or cannot be read.
    pub(super) fn bytes(&self, chart: usize, name: &str) -> Option<Arc<[u8]>> {
        match self.files.get(chart)?.get(name)? {
            Content::Tree(path) => {
                let bytes = self.scope.tree.read(path).ok()?;
                (bytes.len() as u64 <= self.scope.options.max_file_size).then_some(bytes)
            }
            Content::Bytes(bytes) => Some(Arc::clone(bytes)),
        }
    }

    /// The text of a file.
    pub(super) fn file(&self, chart: usize, name: &str) -> Option<Text> {
        let bytes = self.bytes(chart, name)?;
        let bytes = bytes.strip_prefix(b"\xef\xbb\xbf").unwrap_or(&bytes);
        Some(Text::from(String::from_utf8_lossy(bytes).into_owned()))
    }
}

impl Default for Text {
    fn default() -> Text {
        Text::from("")
    }
}

/// One template that was rendered.
pub(super) struct Output {
    pub(super) source: Source,
    pub(super) rendered: Rendered,
}

/// Everything a chart gave.
pub(super) struct Outputs {
    pub(super) outputs: Vec<Output>,
    /// The character that marks what cannot be known, and the reasons by number.
    pub(super) marker: char,
    pub(super) reasons: Vec<Reason>,
}

/// Renders a chart whose dependencies are settled. `incomplete` says that one of them is not here.
pub(super) fn render(root: &Chart, scope: &Scope<'_>, incomplete: bool, notes: &mut Notes) -> Outputs {
    let mut outputs = Outputs { outputs: Vec::new(), marker: marker(root), reasons: Vec::new() };
    let values = match values::coalesced(root, &Map::new()) {
        Ok(values) => values,
        Err((message, span)) => {
            notes.say(Level::Error, "helm-values", &root.meta_path, span, message.clone());
            skip_all(root, &message, true, notes);
            return outputs;
        }
    };
    let mut files = Vec::new();
    let mut templates: BTreeMap<String, (Source, Map, String)> = BTreeMap::new();
    let capabilities = capabilities();
    gather(root, &root.name, true, &values, &capabilities, &mut files, &mut templates);
    let charts = Charts { scope, files };
    let limits = Limits { steps: scope.options.max_steps.min(3_000_000), bytes: 128 << 20 };
    let mut engine = Engine::new(&charts, outputs.marker, limits);

    // Deeper templates come first, so that a parent's definition is the last and counts.
    let mut order: Vec<&String> = templates.keys().collect();
    order.sort_by(|a, b| (b.matches('/').count(), b).cmp(&(a.matches('/').count(), a)));
    let mut broken: Vec<&str> = Vec::new();
    for name in &order {
        let Some((source, ..)) = templates.get(*name) else { continue };
        match parse(&source.text) {
            Ok(parsed) => {
                for (name, body) in parsed.defined {
                    engine.define(name, body, source.file);
                }
                engine.define(name.as_str().into(), parsed.body, source.file);
                if is_partial(name) {
                    notes.read(&source.covered, 0);
                }
            }
            Err(wrong) => {
                broken.push(name);
                let stop = Stop { kind: StopKind::Wrong, message: wrong.message, span: Span::new(source.file, wrong.range) };
                failed(source, &stop, false, false, notes);
            }
        }
    }
    for name in order {
        let Some((source, data, base)) = templates.get(name) else { continue };
        if is_partial(name) || broken.contains(&name.as_str()) {
            continue;
        }
        if name.ends_with("/NOTES.txt") {
            notes.skip(&source.covered, "text for people, not a manifest", false);
            continue;
        }
        let template = Map::of(MapKind::Values, BTreeMap::new());
        template.set("Name", Val::from(name.as_str()));
        template.set("BasePath", Val::from(base.as_str()));
        data.set("Template", template.into());
        let result = engine.render(name, data.clone().into());
        asks(source, &engine.needs, result.is_ok(), notes);
        match result {
            Ok(rendered) => outputs.outputs.push(Output { source: source.clone(), rendered }),
            Err(stop) => failed(source, &stop, incomplete, !engine.needs.is_empty(), notes),
        }
    }
    outputs.reasons.clone_from(&engine.reasons);
    // Charts put maps into each other; they would never be let go.
    for (_, data, _) in templates.values() {
        data.clear();
    }
    values.clear();
    outputs
}

fn is_partial(name: &str) -> bool {
    name.rsplit_once('/').map_or(name, |(_, base)| base).starts_with('_')
}

/// Says what a template asks its user for.
fn asks(source: &Source, needs: &[Need], read: bool, notes: &mut Notes) {
    for need in needs {
        let message = format!("the chart asks for other values: {}", need.message);
        notes.say(Level::Warning, "helm-needs-values", &source.path, need.span, message.clone());
        if read {
            notes.partly.push((Arc::clone(&source.covered), message, false));
        }
    }
}

/// Says that a template was not rendered. `incomplete`: a dependency is not here; `asked`: the chart asked for other values before.
fn failed(source: &Source, stop: &Stop, incomplete: bool, asked: bool, notes: &mut Notes) {
    // A template that comes from a dependency that is not here is nobody's fault, nor is what becomes of a chart without the values it
    // asks for.
    let absent = incomplete && stop.kind == StopKind::Wrong && stop.message.contains("does not exist");
    let code = match stop.kind {
        StopKind::Unknowable => "helm-unknowable",
        StopKind::Limit => "helm-limit",
        StopKind::Wrong => "helm-template",
    };
    let message = match (absent, asked) {
        (true, _) => format!("{}; a dependency that may define it is not in `charts/`", stop.message),
        (false, true) => format!("{}, after the chart asked for other values", stop.message),
        (false, false) => stop.message.clone(),
    };
    let fails = stop.kind == StopKind::Limit || !(absent || asked);
    notes.say(if fails { Level::Error } else { Level::Warning }, code, &source.path, stop.span, message.clone());
    notes.skip(&source.covered, format!("not rendered: {message}"), fails);
}

/// Says of all templates of a chart why they were not rendered.
pub(super) fn skip_all(chart: &Chart, why: &str, fails: bool, notes: &mut Notes) {
    for source in &chart.templates {
        notes.skip(&source.covered, format!("not rendered: {why}"), fails);
    }
    for child in &chart.children {
        skip_all(child, why, fails, notes);
    }
}

/// A character for marks that no text of the chart has.
fn marker(root: &Chart) -> char {
    fn has(chart: &Chart, letter: char) -> bool {
        chart.templates.iter().any(|source| source.text.contains(letter)) || chart.children.iter().any(|child| has(child, letter))
    }
    ('\u{f780}'..='\u{f7ff}').find(|letter| !has(root, *letter)).unwrap_or('\u{f7ff}')
}

fn capabilities() -> Val {
    let of = |name: &'static str, fields: &[(&str, Val)]| {
        let map = Map::of(MapKind::Struct(name), BTreeMap::new());
        for (field, value) in fields {
            map.set(*field, value.clone());
        }
        Val::from(map)
    };
    let version = format!("v{KUBE_MAJOR}.{KUBE_MINOR}.0");
    let kube = of(
        "chartutil.KubeVersion",
        &[
            ("Version", Val::from(&*version)),
            ("GitVersion", Val::from(&*version)),
            ("String", Val::from(&*version)),
            ("Major", Val::from(KUBE_MAJOR)),
            ("Minor", Val::from(KUBE_MINOR)),
        ],
    );
    let helm = of(
        "version.BuildInfo",
        &[
            ("Version", Val::from(HELM_VERSION)),
            ("GitCommit", Val::from("")),
            ("GitTreeState", Val::from("clean")),
            ("GoVersion", Val::from("go1.26")),
        ],
    );
    let versions: Val = Data::Special(Rc::new(Special::ApiVersions)).into();
    of("*chartutil.Capabilities", &[("KubeVersion", kube), ("APIVersions", versions), ("HelmVersion", helm)])
}

fn release() -> Val {
    let map = Map::new();
    map.set("Name", Val::from(RELEASE));
    map.set("Namespace", Val::from(NAMESPACE));
    map.set("IsUpgrade", Val::from(false));
    map.set("IsInstall", Val::from(true));
    map.set("Revision", Val::int(1));
    map.set("Service", Val::from("Helm"));
    map.into()
}

/// What the templates of a chart and its subcharts see, and the templates by their full names.
fn gather(
    chart: &Chart,
    full: &str,
    root: bool,
    values: &Map,
    capabilities: &Val,
    files: &mut Vec<BTreeMap<Rc<str>, Content>>,
    templates: &mut BTreeMap<String, (Source, Map, String)>,
) -> Map {
    let number = files.len();
    files.push(chart.files.clone());
    let data = Map::new();
    let subcharts = Map::new();
    data.set("Chart", chart.object(root));
    data.set("Files", functions::files(number, chart.files.keys().cloned().collect()));
    data.set("Release", release());
    data.set("Capabilities", capabilities.clone());
    data.set("Values", values.as_kind(MapKind::Values).into());
    for child in &chart.children {
        let below = values.get(&child.name).and_then(|value| value.as_map().cloned()).unwrap_or_else(Map::new);
        let inner = gather(child, &format!("{full}/charts/{}", child.name), false, &below, capabilities, files, templates);
        subcharts.set(&*child.name, inner.into());
    }
    data.set("Subcharts", subcharts.into());
    for source in &chart.templates {
        // Of a library only what others include is known.
        if chart.library && !is_partial(&source.name) {
            continue;
        }
        templates.insert(format!("{full}/{}", source.name), (source.clone(), data.clone(), format!("{full}/templates")));
    }
    data
}

/// Whether a constraint of a chart holds for the version it is rendered for.
pub(super) fn fits_kubernetes(constraint: &str) -> bool {
    let version = super::semver::Version::parse(&format!("{KUBE_MAJOR}.{KUBE_MINOR}.0"));
    match (super::semver::Constraint::parse(constraint), version) {
        (Some(constraint), Some(version)) => constraint.matches(&version),
        _ => false,
    }
}
