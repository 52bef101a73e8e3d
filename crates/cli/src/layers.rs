//! What an image holds beside the files it shows: those that later layers hide, and what its configuration says.

use std::collections::{BTreeMap, BTreeSet, HashSet};
use std::fmt;
use std::sync::Arc;

use probity_attest::sha256;
use probity_core::{Collected, Digest, ReadFile, Scope, SkippedFile, Source, TreeError};
use probity_images::{Buried, FileSystem, Image};
use probity_supply::{Known, LeftAlone, Searched, SecretSource, keep_new, keep_unread};
use rayon::prelude::*;

/// Largest file that is searched, in bytes.
const LARGEST: u64 = 100 << 20;
/// Longest step that is shown, in characters.
const LONGEST_STEP: usize = 80;
/// Where what the configuration says is found.
const CONFIGURATION: &str = "image configuration";

/// An image as something to search.
pub(crate) struct Layers {
    files: Arc<FileSystem>,
    /// What the configuration says, in lines.
    said: Option<String>,
    /// The step that made each layer, by its digest.
    steps: BTreeMap<Arc<str>, Arc<str>>,
}

impl fmt::Debug for Layers {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Layers").field("layers", &self.steps.len()).finish_non_exhaustive()
    }
}

impl Layers {
    /// Of an archive of a root file system.
    pub(crate) fn of_root(files: Arc<FileSystem>) -> Layers {
        Layers { files, said: None, steps: BTreeMap::new() }
    }

    /// Of an image, whose files those are.
    pub(crate) fn of_image(image: &Image, files: Arc<FileSystem>) -> Layers {
        let steps = image.layers.iter().map(|layer| (Arc::clone(&layer.digest), Arc::clone(&layer.created_by))).collect();
        Layers { files, said: Some(said(image)), steps }
    }
}

/// What the configuration of an image says, each thing in a line that names it.
fn said(image: &Image) -> String {
    let config = &image.config;
    let mut out = String::new();
    let mut line = |kind: &str, text: &str| {
        out.push_str(kind);
        out.push(' ');
        out.push_str(text);
        out.push('\n');
    };
    for variable in &config.environment {
        line("ENV", variable);
    }
    for (key, value) in &config.labels {
        line("LABEL", &format!("{key}={value}"));
    }
    for key in ["Entrypoint", "Cmd", "Healthcheck", "OnBuild"] {
        if let Some(value) = config.whole.get("config").and_then(|inner| inner.get(key)).filter(|value| !value.is_null()) {
            line(&key.to_uppercase(), &value.to_string());
        }
    }
    // With the steps that made no layer: arguments of the build are there.
    for step in config.whole.get("history").and_then(serde_json::Value::as_array).into_iter().flatten() {
        for key in ["created_by", "comment"] {
            if let Some(text) = step.get(key).and_then(serde_json::Value::as_str).filter(|text| !text.is_empty()) {
                line("history:", text);
            }
        }
    }
    out
}

/// Searches what an image holds beside the files it shows.
pub(crate) struct LayerSource {
    inner: SecretSource,
    layers: Arc<Layers>,
    left_alone: LeftAlone,
}

impl LayerSource {
    pub(crate) fn new(inner: SecretSource, layers: Arc<Layers>, left_alone: LeftAlone) -> LayerSource {
        LayerSource { inner, layers, left_alone }
    }

    /// The step that made a layer, with secrets covered, short enough to be shown.
    fn step(&self, layer: &str) -> String {
        let Some(step) = self.layers.steps.get(layer) else { return String::new() };
        let covered = self.inner.covered(step);
        let words: Vec<&str> = covered.split_whitespace().collect();
        let text = words.join(" ");
        match text.char_indices().nth(LONGEST_STEP) {
            Some((at, _)) => format!("{}...", text.get(..at).unwrap_or_default()),
            None => text,
        }
    }

    /// Files that later layers hide, but for contents that are there already: shown by the image, or hidden once more.
    fn hidden(&self, scope: &Scope<'_>, out: &mut Collected) -> Vec<&Buried> {
        let wanted: Vec<&Buried> = self.layers.files.buried().iter().filter(|buried| !(self.left_alone)(&buried.path)).collect();
        let digests: Vec<Result<Digest, TreeError>> =
            wanted.par_iter().map(|buried| self.layers.files.read_buried(buried, LARGEST).map(|bytes| sha256(&bytes))).collect();
        let mut met: HashSet<Digest> = scope.tree.digests().into_values().collect();
        let mut kept = Vec::new();
        for (buried, digest) in wanted.into_iter().zip(digests) {
            match digest {
                Ok(digest) if met.insert(digest) => kept.push(buried),
                Ok(_) => {}
                Err(error) => {
                    let fails = !matches!(error, TreeError::TooLarge { .. });
                    let why = format!("no secret was sought in what a later layer hides of it: {error}");
                    out.coverage.skipped.push(SkippedFile { file: Arc::clone(&buried.path), source: "layers", why, fails, partly: true });
                }
            }
        }
        kept
    }
}

impl Source for LayerSource {
    fn id(&self) -> &'static str {
        "layers"
    }

    fn collect(&self, scope: &Scope<'_>) -> Collected {
        let mut out = Collected::default();
        let add = |path: &Arc<str>, text: String| scope.sources.add(Arc::clone(path), text);
        let mut seen: BTreeSet<Known> = BTreeSet::new();
        let mut take = |searched: Searched, path: &Arc<str>, marks: &[(&str, &str)], shown: &BTreeSet<Known>, out: &mut Collected| {
            let mut subjects = 0;
            for (mut subject, suppressions) in searched.found {
                let id = Arc::clone(&subject.id);
                let is_new = |rule: &str, name: &str| {
                    let known = (Arc::clone(&id), rule.to_owned(), name.to_owned());
                    !shown.contains(&known) && seen.insert(known)
                };
                if keep_new(&mut subject, marks, is_new) {
                    subjects += 1;
                    out.subjects.push(subject);
                    out.suppressions.extend(suppressions);
                }
            }
            keep_unread(searched.unread, path, "layers", out);
            out.coverage.read.push(ReadFile { file: Arc::clone(path), source: "layers", subjects });
        };
        let configuration: Arc<str> = CONFIGURATION.into();
        if let Some(said) = self.layers.said.as_ref().filter(|_| !(self.left_alone)(&configuration)) {
            let searched = self.inner.search(&configuration, said.as_bytes(), "", &add);
            take(searched, &configuration, &[], &BTreeSet::new(), &mut out);
        }
        let hidden = self.hidden(scope, &mut out);
        let looked: Vec<Searched> = hidden
            .par_iter()
            .map(|buried| match self.layers.files.read_buried(buried, LARGEST) {
                Ok(bytes) => self.inner.search(&buried.path, &bytes, "", &add),
                Err(_) => Searched::default(),
            })
            .collect();
        for (buried, searched) in hidden.into_iter().zip(looked) {
            let layer = buried.layer.as_deref().unwrap_or_default();
            // What the file as it is shown has too is told there.
            let shown = if searched.found.is_empty() { None } else { scope.tree.read_within(&buried.path, LARGEST).ok() };
            let shown = shown.map(|bytes| self.inner.known(&buried.path, &bytes)).unwrap_or_default();
            let step = if searched.found.is_empty() { String::new() } else { self.step(layer) };
            take(searched, &buried.path, &[("layer", layer), ("step", &step)], &shown, &mut out);
        }
        out
    }
}
