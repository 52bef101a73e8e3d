//! First step: every source reads what it claims.

use std::collections::BTreeSet;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;

use probity_core::{CollectOptions, Collected, Coverage, Diagnostic, Level, Scope, SkippedFile, Source, Suppression, Tree, World};
use probity_value::{SourceMap, Span};

/// Everything the sources found.
#[derive(Debug, Default)]
pub struct Collection {
    /// Subjects, indexed.
    pub world: World,
    /// Suppression comments.
    pub suppressions: Vec<Suppression>,
    /// What was looked at, sorted by file.
    pub coverage: Coverage,
    /// What there is to say, sorted by file and place.
    pub diagnostics: Vec<Diagnostic>,
}

/// Lets each source, in order, read what is wanted and no earlier one claimed, and each of `readers` everything that is wanted. A source that
/// panics is an error over all that was left to it.
#[must_use]
pub fn collect(
    tree: &dyn Tree,
    texts: &SourceMap,
    sources: &[&dyn Source],
    readers: &[&dyn Source],
    options: &CollectOptions,
    wanted: &dyn Fn(&str) -> bool,
) -> Collection {
    let all: Vec<Arc<str>> = tree.files().iter().map(|file| Arc::clone(&file.path)).filter(|path| wanted(path)).collect();
    let mut unclaimed = all.clone();
    let mut subjects = Vec::new();
    let mut out = Collection::default();
    for (source, claims) in sources.iter().map(|source| (source, true)).chain(readers.iter().map(|reader| (reader, false))) {
        let scope = Scope { tree, sources: texts, unclaimed: if claims { &unclaimed } else { &all }, options };
        let collected = catch_unwind(AssertUnwindSafe(|| source.collect(&scope))).unwrap_or_else(|panic| {
            let why = format!("the `{}` source failed: {}", source.id(), panic_text(&*panic));
            let skipped = SkippedFile { file: "".into(), source: source.id(), why: why.clone(), fails: true, partly: false };
            Collected {
                coverage: Coverage { read: Vec::new(), skipped: vec![skipped] },
                diagnostics: vec![Diagnostic::new(Level::Error, "source-failed", "", Span::NONE, why)],
                ..Collected::default()
            }
        });
        let claimed: BTreeSet<&Arc<str>> = collected
            .coverage
            .read
            .iter()
            .map(|read| &read.file)
            .chain(collected.coverage.skipped.iter().map(|skipped| &skipped.file))
            .collect();
        unclaimed.retain(|path| !claimed.contains(path));
        subjects.extend(collected.subjects);
        out.suppressions.extend(collected.suppressions);
        out.diagnostics.extend(collected.diagnostics);
        out.coverage.merge(collected.coverage);
    }
    out.coverage.read.sort();
    out.coverage.read.dedup();
    out.coverage.skipped.sort();
    out.coverage.skipped.dedup();
    out.diagnostics.sort_by(|a, b| (&a.file, a.span, a.code, &a.message).cmp(&(&b.file, b.span, b.code, &b.message)));
    out.diagnostics.dedup();
    out.world = World::new(subjects);
    out
}

/// What a panic said.
pub(crate) fn panic_text(panic: &(dyn std::any::Any + Send)) -> String {
    panic.downcast_ref::<&str>().map(|text| (*text).to_owned()).or_else(|| panic.downcast_ref::<String>().cloned()).unwrap_or_default()
}
