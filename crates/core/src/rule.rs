//! What a rule says of itself, and what a rule can say of a subject.

use std::fmt;
use std::str::FromStr;
use std::sync::Arc;

macro_rules! words {
    ($(#[$doc:meta])* $name:ident { $($(#[$vdoc:meta])* $variant:ident = $word:literal),+ $(,)? }) => {
        $(#[$doc])*
        #[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
        #[expect(missing_docs, reason = "the word says it")]
        pub enum $name { $($(#[$vdoc])* $variant),+ }
        impl $name {
            /// All of them, in order.
            pub const ALL: &'static [$name] = &[$($name::$variant),+];
            /// The word used in files, flags and output.
            #[must_use]
            pub const fn as_str(self) -> &'static str { match self { $($name::$variant => $word),+ } }
        }
        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result { f.pad(self.as_str()) }
        }
        impl FromStr for $name {
            type Err = UnknownWord;
            fn from_str(text: &str) -> Result<$name, UnknownWord> {
                match text { $($word => Ok($name::$variant),)+ _ => Err(UnknownWord { word: text.to_owned(), known: &[$($word),+] }) }
            }
        }
    };
}

/// A word that is not one of a fixed set.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("`{word}` is none of {}", known.join(", "))]
pub struct UnknownWord {
    /// What was given.
    pub word: String,
    /// What could have been given.
    pub known: &'static [&'static str],
}

words! {
    /// How bad it is; ordered from harmless to worst.
    Severity { Info = "info", Low = "low", Medium = "medium", High = "high", Critical = "critical" }
}
words! {
    /// How sure the rule is of what it says.
    Confidence { Tentative = "tentative", Firm = "firm", Certain = "certain" }
}
words! {
    /// What one rule says of one subject.
    Status { Pass = "pass", Fail = "fail", Warn = "warn", Skip = "skip", Unknown = "unknown", Error = "error", NotApplicable = "not-applicable" }
}
words! {
    /// Where a rule is in its life.
    StageKind { Preview = "preview", Stable = "stable", Deprecated = "deprecated", Removed = "removed" }
}

/// Where a rule is in its life, since which version of Probity.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Stage {
    /// The stage.
    pub kind: StageKind,
    /// Since which version.
    pub since: Arc<str>,
}

/// What a rule says of itself. `explain`, the reference, SARIF rule entries and the control matrix are printed from this.
#[derive(Clone, Debug, PartialEq)]
pub struct RuleMeta {
    /// Unique, never reused; names the fault: `aws-rds-instance-unencrypted`.
    pub id: Arc<str>,
    /// The policy language that judges: `checks`, `sarif` and `report` for what another scanner found; `rego`, `cel`, `kyverno`.
    pub engine: &'static str,
    /// One line.
    pub title: Arc<str>,
    /// How bad.
    pub severity: Severity,
    /// How sure.
    pub confidence: Confidence,
    /// Where in its life.
    pub stage: Stage,
    /// Subject types it judges: `aws_db_instance`, `Deployment`.
    pub applies_to: Vec<Arc<str>>,
    /// Requirement ids: `pci-dss-4.0.1/3.5.1`.
    pub controls: Vec<Arc<str>>,
    /// Ids of other tools for the same fault: `CKV_AWS_16`.
    pub aliases: Vec<Arc<str>>,
    /// Why it matters.
    pub why: Arc<str>,
    /// What to do.
    pub fix: Arc<str>,
    /// What to do for subjects of these types instead, where another language words it otherwise.
    pub other_fixes: Vec<(Vec<Arc<str>>, Arc<str>)>,
    /// Whether an exception or suppression may waive it.
    pub waivable: bool,
    /// Whether it names an edit that mends what it finds, for subjects of one type at least.
    pub mends: bool,
    /// Parameters of the configuration it takes.
    pub parameters: Vec<Arc<str>>,
}

impl RuleMeta {
    /// What to do for a subject of a type.
    #[must_use]
    pub fn fix_for(&self, type_name: &str) -> &Arc<str> {
        let other = self.other_fixes.iter().find(|(types, _)| types.iter().any(|name| **name == *type_name));
        other.map_or(&self.fix, |(_, fix)| fix)
    }

    /// Whether `id` is this rule's own id or one of its aliases (letter case does not count).
    #[must_use]
    pub fn answers_to(&self, id: &str) -> bool {
        self.id.eq_ignore_ascii_case(id) || self.aliases.iter().any(|alias| alias.eq_ignore_ascii_case(id))
    }
}
