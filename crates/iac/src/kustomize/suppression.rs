//! What annotations of rendered objects and comments in the files of overlays ask to be left out.

use std::collections::{BTreeMap, HashMap};
use std::sync::Arc;

use probity_core::{Diagnostic, Level, Suppression, SuppressionReach};
use probity_value::{SourceMap, Span, Value};

use super::files::{Files, Role};
use super::resource::Resource;
use crate::kubernetes::{from_first_key, suppression};
use crate::suppress::parse_annotation;

/// What was found on the objects of all roots.
#[derive(Default)]
pub(super) struct Notes {
    /// How many objects come from a place.
    objects: HashMap<Span, usize>,
    /// Annotations by what they are and what they reach, with how many objects have them.
    annotations: BTreeMap<(Span, Arc<str>, Span), (Suppression, usize)>,
    /// Places of objects by file, for comments.
    places: BTreeMap<u32, Vec<Span>>,
}

impl Notes {
    /// Takes in one rendered object.
    pub(super) fn add(&mut self, resource: &Resource, sources: &SourceMap) {
        *self.objects.entry(resource.span).or_default() += 1;
        for span in resource.patches.iter().chain([&resource.span]) {
            let places = self.places.entry(span.file.0).or_default();
            if !places.contains(span) {
                places.push(*span);
            }
        }
        let annotations = resource.value.get("metadata").and_then(|metadata| metadata.get("annotations")).and_then(Value::as_map);
        for (key, entry) in annotations.into_iter().flat_map(|map| map.iter()) {
            let Some(text) = entry.value.as_str() else { continue };
            let at = if entry.key.file == entry.value.span.file { entry.key.join(entry.value.span) } else { entry.value.span };
            let Some(parsed) = parse_annotation(key, text, at) else { continue };
            let Some(target) = reached(resource, at, sources) else { continue };
            let suppression = Suppression {
                style: parsed.style,
                id: Arc::clone(&parsed.id),
                reason: Arc::clone(&parsed.reason),
                until: parsed.until.clone(),
                owner: parsed.owner.clone(),
                span: at,
                reach: SuppressionReach::Subject,
                target,
            };
            self.annotations.entry((at, parsed.id, target)).or_insert((suppression, 0)).1 += 1;
        }
    }

    /// All suppressions, and what there is to say about them.
    pub(super) fn finish(mut self, files: &Files<'_>) -> (Vec<Suppression>, Vec<Diagnostic>) {
        let (mut out, mut diagnostics) = (Vec::new(), Vec::new());
        for ((at, _, target), (suppression, count)) in std::mem::take(&mut self.annotations) {
            // One overlay may take away what the base says; the place is the same, so it would count there too.
            if self.objects.get(&target).is_some_and(|all| *all > count) {
                if let Some(file) = files.scope.sources.file(at.file) {
                    let message = "an overlay takes this annotation away, so it does not count in any";
                    diagnostics.push(Diagnostic::new(Level::Warning, "suppression-overlay", Arc::clone(file.path()), at, message));
                }
                continue;
            }
            out.push(suppression);
        }
        for (path, used) in &files.used {
            if used.unread || super::is_left(files, path, used) {
                continue;
            }
            let Some(loaded) = files.known(path) else { continue };
            let mut places = self.places.remove(&loaded.file.0).unwrap_or_default();
            if used.role == Role::Patch {
                places.extend(loaded.documents.iter().map(|document| from_first_key(&document.value)));
            }
            places.sort_unstable();
            places.dedup();
            let text = &loaded.text;
            diagnostics.extend(suppression::of_comments(text, loaded.file, path, &loaded.documents, places, "manifests", &mut out));
        }
        (out, diagnostics)
    }
}

/// What an annotation reaches: the object where it is written with it, the patch where that brings it, else what the kustomization that
/// says it takes the object from.
fn reached(resource: &Resource, at: Span, sources: &SourceMap) -> Option<Span> {
    let holds = |span: &&Span| span.file == at.file && span.start <= at.start && at.end <= span.end;
    if let Some(patch) = resource.patches.iter().find(holds) {
        return Some(*patch);
    }
    if holds(&&resource.span) {
        return Some(resource.span);
    }
    sources.file(at.file)?;
    let here = |span: &&Span| span.file == at.file;
    resource
        .via
        .iter()
        .find(here)
        .or_else(|| resource.patches.iter().find(here))
        .copied()
        .or_else(|| (resource.span.file == at.file).then_some(resource.span))
}
