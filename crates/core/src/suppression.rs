//! Comments in judged files that ask for a finding to be left out. They are facts; whether they count is the verdict's business.

use std::sync::Arc;

use probity_value::Span;

/// Whose way of writing it is.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub enum SuppressionStyle {
    /// `probity:allow rule-id until=2027-01-31 owner=team-payments reason`.
    Probity,
    /// `checkov:skip=ID:reason`, also the older `bridgecrew:skip`.
    Checkov,
    /// `trivy:ignore:ID`, with its parameters.
    Trivy,
    /// `tfsec:ignore:ID`, also old long ids.
    Tfsec,
    /// `kics-scan ignore-line`, `ignore-block`, `disable=ID`.
    Kics,
    /// `gitleaks:allow`.
    Gitleaks,
}

impl SuppressionStyle {
    /// The word used in output.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            SuppressionStyle::Probity => "probity",
            SuppressionStyle::Checkov => "checkov",
            SuppressionStyle::Trivy => "trivy",
            SuppressionStyle::Tfsec => "tfsec",
            SuppressionStyle::Kics => "kics",
            SuppressionStyle::Gitleaks => "gitleaks",
        }
    }
}

/// How far it reaches.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub enum SuppressionReach {
    /// The subject whose span holds `Suppression::target` (Checkov: the block the comment stands in; also annotations).
    Subject,
    /// Findings whose place begins on a line of `Suppression::target` (`ignore-line`, an attribute).
    Lines,
    /// The whole file.
    File,
}

/// One comment that asks for findings to be left out.
#[derive(Clone, Debug, PartialEq)]
pub struct Suppression {
    /// Whose style.
    pub style: SuppressionStyle,
    /// Rule id, alias, or `*` for all.
    pub id: Arc<str>,
    /// The reason given, empty where none.
    pub reason: Arc<str>,
    /// `until=` as `YYYY-MM-DD`, where given.
    pub until: Option<Arc<str>>,
    /// `owner=`, where given.
    pub owner: Option<Arc<str>>,
    /// The comment.
    pub span: Span,
    /// How far it reaches.
    pub reach: SuppressionReach,
    /// What it reaches: the block, or the line.
    pub target: Span,
}
