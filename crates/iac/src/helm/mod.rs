//! Helm charts, rendered in process with the values of their `values.yaml`: each object they give becomes a subject whose places are in
//! the templates.
//!
//! What does not live here: files of a chart that are manifests as they stand (`crds/`), which the Kubernetes source judges, and what the
//! objects mean. Nothing is asked of a cluster, the network, the environment or the clock; what depends on them is unknown.

mod archive;
mod exec;
mod functions;
mod ignore;
mod json_text;
mod lex;
mod load;
mod parse;
mod place;
mod printing;
mod render;
mod semver;
mod text;
mod value;
mod values;
mod yaml_text;

use std::collections::BTreeSet;
use std::sync::Arc;

use probity_core::{Collected, Diagnostic, Level, ReadFile, Scope, SkippedFile, Source};
use probity_value::Span;

use self::load::{Chart, Fate, Loader, Notes};
use crate::kubernetes::Ids;

/// Claims what belongs to a Helm chart, and renders it. A chart in the `charts/` of another is judged through that one only.
#[derive(Clone, Copy, Debug, Default)]
pub struct HelmSource;

const ID: &str = "helm-chart";

/// Bytes of stack for rendering: templates may call each other deep.
const STACK: usize = 256 << 20;

impl Source for HelmSource {
    fn id(&self) -> &'static str {
        ID
    }

    fn collect(&self, scope: &Scope<'_>) -> Collected {
        let charts: BTreeSet<&str> =
            scope.unclaimed.iter().map(|path| split(path)).filter(|(_, name)| *name == "Chart.yaml").map(|(folder, _)| folder).collect();
        if charts.is_empty() {
            return Collected::default();
        }
        let collected = std::thread::scope(|threads| {
            let work = std::thread::Builder::new().stack_size(STACK).spawn_scoped(threads, || collect_all(scope, &charts));
            work.ok().and_then(|work| work.join().ok())
        });
        collected.unwrap_or_else(|| broken(scope, &charts))
    }
}

/// Where rendering itself failed: nothing is claimed to have been read.
fn broken(scope: &Scope<'_>, charts: &BTreeSet<&str>) -> Collected {
    let mut collected = Collected::default();
    for path in scope.unclaimed.iter().filter(|path| is_claimed(path, charts)) {
        let why = "rendering the charts failed";
        collected.coverage.skipped.push(SkippedFile {
            file: Arc::clone(path),
            source: ID,
            why: why.to_owned(),
            fails: true,
            partly: false,
        });
        if split(path).1 == "Chart.yaml" {
            collected.diagnostics.push(Diagnostic::new(Level::Error, "helm-failed", Arc::clone(path), Span::NONE, why));
        }
    }
    collected
}

/// Folder (empty for the top) and name.
fn split(path: &str) -> (&str, &str) {
    path.rsplit_once('/').unwrap_or(("", path))
}

/// Whether a path lies in a folder.
fn below<'p>(path: &'p str, folder: &str) -> Option<&'p str> {
    if folder.is_empty() { Some(path) } else { path.strip_prefix(folder)?.strip_prefix('/') }
}

/// Whether a folder is in the `charts/` of a chart.
fn is_sub(folder: &str, charts: &BTreeSet<&str>) -> bool {
    charts.iter().any(|parent| *parent != folder && below(folder, parent).is_some_and(|rest| rest.starts_with("charts/")))
}

/// Whether a file of the tree is one that Helm reads as part of a chart.
fn is_claimed(path: &str, charts: &BTreeSet<&str>) -> bool {
    let (folder, name) = split(path);
    if charts.contains(folder) {
        let values = name.starts_with("values") && [".yaml", ".yml", ".json"].iter().any(|end| name.ends_with(end));
        let own = matches!(name, "Chart.yaml" | "Chart.lock" | "requirements.yaml" | "requirements.lock" | ".helmignore");
        if values || own {
            return true;
        }
    }
    let (above, last) = split(folder);
    if last == "charts" && charts.contains(above) && name.ends_with(".tgz") {
        return true;
    }
    charts.iter().any(|chart| below(path, chart).is_some_and(|rest| rest.starts_with("templates/")))
}

fn collect_all(scope: &Scope<'_>, charts: &BTreeSet<&str>) -> Collected {
    let mut collected = Collected::default();
    let mut notes = Notes::default();
    for folder in charts.iter().filter(|folder| !is_sub(folder, charts)) {
        chart(folder, scope, &mut collected, &mut notes);
    }
    for path in scope.unclaimed.iter().filter(|path| is_claimed(path, charts)) {
        let skipped = |why: String, fails: bool, partly: bool| SkippedFile { file: Arc::clone(path), source: ID, why, fails, partly };
        match notes.fates.remove(path) {
            Some(Fate::Read(subjects)) => {
                collected.coverage.read.push(ReadFile { file: Arc::clone(path), source: ID, subjects });
                let mut partly: Vec<(String, bool)> =
                    notes.partly.iter().filter(|(file, ..)| file == path).map(|(_, why, fails)| (why.clone(), *fails)).collect();
                partly.sort();
                partly.dedup();
                let fails = partly.iter().any(|(_, fails)| *fails);
                let why: Vec<String> = partly.into_iter().map(|(why, _)| why).collect();
                if !why.is_empty() {
                    collected.coverage.skipped.push(skipped(why.join("; "), fails, true));
                }
            }
            Some(Fate::Skipped(why, fails)) => collected.coverage.skipped.push(skipped(why, fails, false)),
            None => collected.coverage.skipped.push(skipped("not used by the chart".to_owned(), false, false)),
        }
    }
    collected.diagnostics = notes.diagnostics;
    collected
}

/// One chart with its subcharts.
fn chart(folder: &str, scope: &Scope<'_>, collected: &mut Collected, notes: &mut Notes) {
    let Some(mut chart) = (Loader { scope, notes, charts: 0 }).folder(folder) else {
        let path: Arc<str> = if folder.is_empty() { "Chart.yaml".into() } else { format!("{folder}/Chart.yaml").into() };
        unread(folder, scope, notes);
        if !notes.fates.contains_key(&path) {
            notes.skip(&path, "the chart cannot be read", true);
        }
        return;
    };
    let root: Arc<str> = folder.into();
    let switched = match values::process(&mut chart) {
        Ok(switched) => switched,
        Err((message, span)) => {
            notes.say(Level::Error, "helm-values", &chart.meta_path, span, message.clone());
            render::skip_all(&chart, &message, true, notes);
            return;
        }
    };
    for missing in &switched.missing {
        let message = match &missing.other_version {
            Some(version) => {
                format!("dependency `{}` is in `charts/` in version `{version}`, which is not the one asked for", missing.name)
            }
            None => format!("dependency `{}` is not in `charts/`, so it is not judged", missing.name),
        };
        notes.say(Level::Warning, "helm-dependency-missing", &missing.chart_path, missing.span, message.clone());
        notes.partly.push((Arc::clone(&missing.covered), message, false));
    }
    if chart.library {
        render::skip_all(&chart, "a library chart gives nothing by itself", false, notes);
    }
    if !chart.kube_version.is_empty() && !render::fits_kubernetes(&chart.kube_version) {
        let message = format!("the chart asks for Kubernetes `{}`; it is rendered for another version", chart.kube_version);
        notes.say(Level::Note, "helm-kube-version", &chart.meta_path, Span::NONE, message);
    }
    let outputs = render::render(&chart, scope, !switched.missing.is_empty(), notes);
    for off in &switched.off {
        switched_off(off, notes);
    }
    let mut ids = Ids::default();
    let marks = place::Marks { marker: outputs.marker, reasons: &outputs.reasons, sources: scope.sources };
    for output in &outputs.outputs {
        let found = place::read(&output.rendered, &output.source, &root, &mut ids, &marks, notes);
        collected.subjects.extend(found.subjects);
        collected.suppressions.extend(found.suppressions);
    }
    packed_crds(&chart, &root, &mut ids, &marks, collected, notes);
}

/// Manifests of `crds/` in archives, which no other source sees.
fn packed_crds(chart: &Chart, root: &Arc<str>, ids: &mut Ids, marks: &place::Marks<'_>, collected: &mut Collected, notes: &mut Notes) {
    for source in &chart.packed_crds {
        let found = place::read(&place::plain(source), source, root, ids, marks, notes);
        collected.subjects.extend(found.subjects);
        collected.suppressions.extend(found.suppressions);
    }
    for child in &chart.children {
        packed_crds(child, root, ids, marks, collected, notes);
    }
}

/// The templates of a subchart that is switched off, unless it is used under another name.
fn switched_off(chart: &Chart, notes: &mut Notes) {
    for source in &chart.templates {
        if !notes.fates.contains_key(&source.covered) {
            notes.skip(&source.covered, "the subchart is switched off by these values", false);
        }
    }
    for child in &chart.children {
        switched_off(child, notes);
    }
}

/// The templates of a chart that could not be loaded.
fn unread(folder: &str, scope: &Scope<'_>, notes: &mut Notes) {
    for file in scope.tree.below(folder) {
        if below(&file.path, folder).is_some_and(|rest| rest.starts_with("templates/") || rest.starts_with("charts/"))
            && !notes.fates.contains_key(&file.path)
        {
            notes.skip(&file.path, "not rendered: the chart cannot be read", true);
        }
    }
}

#[cfg(test)]
mod tests;
