//! Terraform plans as `terraform show -json` prints them: to the subjects the configuration gives.
//!
//! Where the configuration of the plan is in the tree too, both are brought together, see `merge`. So this source reads the
//! configurations itself, through `TerraformSource`, wherever there is a plan.
//!
//! What lives here: which files are plans. Reading is in `read` (`scan` finds parts of the text, `shape` makes values of them), what is
//! written and refers to what in `configuration`, addresses in `address`.

mod address;
mod configuration;
mod merge;
mod read;
mod scan;
mod shape;
#[cfg(test)]
mod tests;

use std::collections::HashMap;
use std::sync::Arc;

use probity_core::{Collected, Diagnostic, Level, ReadFile, Scope, SkippedFile, Source, TreeError};
use probity_value::{FileId, Span};
use rayon::prelude::*;

use crate::terraform::TerraformSource;
use merge::Placed;

/// The name of this source.
const ID: &str = "plan";

/// Largest plan that is read, in bytes; larger than other files, because a plan has everything several times.
const MAX_SIZE: u64 = 128 << 20;
/// Bytes at the start of a file in which one of the keys of a plan must stand.
const START: usize = 4096;

/// Reads Terraform plans as JSON, and with them the configurations.
#[derive(Clone, Copy, Debug, Default)]
pub struct PlanSource;

/// A file that may be a plan.
enum Found {
    Text(Arc<str>),
    Unreadable(String),
    /// The form Terraform keeps it in.
    Binary,
}

impl Source for PlanSource {
    fn id(&self) -> &'static str {
        ID
    }

    fn collect(&self, scope: &Scope<'_>) -> Collected {
        let found: Vec<(Arc<str>, Found)> =
            scope.unclaimed.par_iter().filter_map(|path| Some((Arc::clone(path), sniff(path, scope)?))).collect();
        let mut out = Collected::default();
        if found.is_empty() {
            return out;
        }
        let mut plans = Vec::new();
        for (path, found) in found {
            let (why, fails) = match found {
                Found::Text(text) => match take(&path, text, scope, &mut out) {
                    Ok(plan) => {
                        plans.push(plan);
                        continue;
                    }
                    Err(why) => (why, true),
                },
                Found::Unreadable(why) => {
                    let message = format!("the plan cannot be read: {why}");
                    out.diagnostics.push(Diagnostic::new(Level::Error, "plan-unreadable", Arc::clone(&path), Span::NONE, message));
                    (why, true)
                }
                Found::Binary => ("a plan in its binary form; `terraform show -json` prints the form that is read".to_owned(), false),
            };
            out.coverage.skipped.push(SkippedFile { file: path, source: ID, why, fails, partly: false });
        }
        if plans.is_empty() {
            return out;
        }
        let mut configured = TerraformSource.collect(scope);
        merge::merge(plans, &mut configured.subjects, &mut out.diagnostics);
        out.subjects = configured.subjects;
        out.suppressions = configured.suppressions;
        out.diagnostics.extend(configured.diagnostics);
        out.coverage.merge(configured.coverage);
        out.facts = configured.facts;
        count(scope, &mut out);
        out
    }
}

/// Looks whether a file is a plan. Its first bytes tell of nearly every file that it is none.
fn sniff(path: &str, scope: &Scope<'_>) -> Option<Found> {
    let name = path.rsplit('/').next().unwrap_or(path).to_ascii_lowercase();
    if name.ends_with(".tfplan") {
        return scope.tree.start(path, 4).is_ok_and(|start| start == b"PK\x03\x04").then_some(Found::Binary);
    }
    if !name.ends_with(".json") || name.ends_with(".tf.json") || name.ends_with(".tofu.json") || name.ends_with(".tfvars.json") {
        return None;
    }
    let start = scope.tree.start(path, START).ok()?;
    let has = |bytes: &[u8], word: &str| memchr::memmem::find(bytes, word.as_bytes()).is_some();
    // Whatever order the keys are in, one of these comes soon.
    let keys = ["\"format_version\"", "\"planned_values\"", "\"resource_changes\"", "\"terraform_version\"", "\"configuration\""];
    if !keys.iter().any(|key| has(&start, key)) {
        return None;
    }
    let bytes = match scope.tree.read_within(path, MAX_SIZE) {
        Ok(bytes) if bytes.len() as u64 > MAX_SIZE.max(scope.options.max_file_size) => {
            return Some(Found::Unreadable(TreeError::TooLarge { size: bytes.len() as u64, budget: MAX_SIZE }.to_string()));
        }
        Ok(bytes) => bytes,
        Err(error) => return is_plan_start(&start).then(|| Found::Unreadable(error.to_string())),
    };
    if !has(&bytes, "\"format_version\"") || !(has(&bytes, "\"planned_values\"") || has(&bytes, "\"resource_changes\"")) {
        return None;
    }
    match std::str::from_utf8(&bytes) {
        Ok(text) => is_plan(text).then(|| Found::Text(text.into())),
        Err(error) => Some(Found::Unreadable(format!("it is not UTF-8 from byte {}", error.valid_up_to()))),
    }
}

/// Whether the first bytes of a file that cannot be read whole are those of a plan.
fn is_plan_start(start: &[u8]) -> bool {
    memchr::memmem::find(start, b"\"format_version\"").is_some() && memchr::memmem::find(start, b"\"terraform_version\"").is_some()
}

/// Whether the keys of a plan are those of the text itself, and not of something in it. Text that is no whole JSON may be one that broke.
fn is_plan(text: &str) -> bool {
    let start = if text.starts_with('\u{feff}') { '\u{feff}'.len_utf8() } else { 0 };
    match scan::members(text, start..text.len()) {
        Some(members) => {
            let has = |key: &str| members.iter().any(|member| member.key == key);
            has("format_version") && (has("planned_values") || has("resource_changes"))
        }
        None => is_plan_start(text.as_bytes().get(..text.len().min(START)).unwrap_or_default()),
    }
}

/// Reads one plan. The error is why not.
fn take(path: &Arc<str>, text: Arc<str>, scope: &Scope<'_>, out: &mut Collected) -> Result<Placed, String> {
    let file = scope.sources.add(Arc::clone(path), Arc::clone(&text));
    match read::read(&text, file) {
        Ok(plan) => {
            if plan.left_out > 0 {
                let message = format!("the plan has {} resources more than the {} that are judged", plan.left_out, read::MAX_SUBJECTS);
                out.diagnostics.push(Diagnostic::new(Level::Error, "instance-limit", Arc::clone(path), Span::NONE, message.clone()));
                out.coverage.skipped.push(SkippedFile { file: Arc::clone(path), source: ID, why: message, fails: true, partly: true });
            } else {
                out.coverage.read.push(ReadFile { file: Arc::clone(path), source: ID, subjects: plan.subjects.len() });
            }
            Ok(Placed { path: Arc::clone(path), plan })
        }
        Err(broken) => {
            out.diagnostics.push(Diagnostic::new(Level::Error, "plan-syntax", Arc::clone(path), broken.span, broken.message.clone()));
            Err(broken.message)
        }
    }
}

/// Counts the subjects of each configuration file again: the plan may have made more or fewer of them.
fn count(scope: &Scope<'_>, out: &mut Collected) {
    let mut by_file: HashMap<FileId, usize> = HashMap::new();
    for subject in &out.subjects {
        *by_file.entry(subject.span.file).or_default() += 1;
    }
    let mut by_path: HashMap<Arc<str>, usize> = HashMap::new();
    for (file, count) in by_file {
        if let Some(file) = scope.sources.file(file) {
            *by_path.entry(Arc::clone(file.path())).or_default() += count;
        }
    }
    for read in out.coverage.read.iter_mut().filter(|read| read.source != ID) {
        read.subjects = by_path.get(&read.file).copied().unwrap_or(0);
    }
}
