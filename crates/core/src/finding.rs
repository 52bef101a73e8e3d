//! A result with its place, ready to be decided on and shown.

use std::sync::Arc;

use probity_value::Span;

use crate::{Colour, ExceptionRef, RuleMeta, Status, SubjectKind, Timestamp};

/// A place in a judged file, made concrete.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Place {
    /// Path relative to the target.
    pub file: Arc<str>,
    /// One-based line of the first character; 0 for a whole file.
    pub line: u32,
    /// One-based column of the first character, in Unicode scalar values.
    pub column: u32,
    /// Line of the last character.
    pub end_line: u32,
    /// Column after the last character.
    pub end_column: u32,
    /// The bytes, for excerpts; [`Span::NONE`] where another tool gave the place.
    pub span: Span,
}

/// One step on the way of the value that decided.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct OriginPlace {
    /// What happened there: ``default of `var.encrypted` ``.
    pub what: String,
    /// Where.
    pub at: Place,
}

/// Which subject a finding is about.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct SubjectRef {
    /// Source language.
    pub kind: SubjectKind,
    /// Its address.
    pub id: Arc<str>,
    /// Its type.
    pub type_name: Arc<str>,
    /// Folder of its root.
    pub root: Arc<str>,
}

/// A result with its place.
#[derive(Clone, Debug)]
pub struct Finding {
    /// The rule.
    pub rule: Arc<RuleMeta>,
    /// What the rule says.
    pub status: Status,
    /// What was found here; contains text of judged files, so every output escapes it.
    pub message: String,
    /// About what.
    pub subject: SubjectRef,
    /// The most exact place.
    pub at: Place,
    /// The whole subject.
    pub subject_at: Place,
    /// The module calls on the way to it, outermost first.
    pub via: Vec<Place>,
    /// Where the value came from, nearest first.
    pub origin: Vec<OriginPlace>,
    /// Identity across runs and moves; not the line.
    pub fingerprint: Arc<str>,
    /// Other tools that saw the same: their names.
    pub also_seen_by: Vec<Arc<str>>,
    /// What covers it, if anything does.
    pub exception: Option<ExceptionRef>,
    /// Whether it counts in the verdict: false when covered by an exception or outside `--changed-only`.
    pub counts: bool,
    /// Whether it was there at the base revision too; `None` without a base.
    pub existed: Option<bool>,
    /// The colour it gives where it counts; `None`: what the thresholds make of its severity.
    pub colour: Option<Colour>,
    /// When this was first seen, where somebody keeps that clock.
    pub first_met: Option<Timestamp>,
}
