//! The configuration: `probity.yaml` as a type. Parsing refuses what it does not know; `validate` finds what contradicts itself.
//!
//! What does not live here: reading the file, deciding which revision's file counts (`base`), the organisation floor (`floor`).

mod flat;
mod keys;
mod parse;
pub(crate) mod reader;
mod rules;
mod supply;

use std::collections::{BTreeMap, BTreeSet};
use std::fmt;
use std::str::FromStr;
use std::sync::Arc;

use probity_core::{Severity, UnknownWord};
use probity_value::Span;

use crate::pattern::PathPattern;
use crate::settings::SkipPath;

pub use keys::{KEYS, Key};
pub use rules::{RuleUse, Version};
pub use supply::{Hole, HoleIs, PackageSettings, SecretSettings, VulnerabilitySettings};

/// What `probity.yaml` says, with defaults where it says nothing.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Config {
    /// Thresholds and what is judged.
    pub gate: Gate,
    /// Other thresholds for some paths.
    pub paths: Vec<PathRule>,
    /// Which rules judge.
    pub policies: Policies,
    /// The register of exceptions.
    pub exceptions: ExceptionSettings,
    /// Who may accept a risk.
    pub approvers: Vec<Approver>,
    /// Where records go.
    pub evidence: EvidenceSettings,
    /// Scans that must be present, by name, and how old they may be, in seconds.
    pub required: BTreeMap<Arc<str>, u64>,
    /// Results of other scanners to take in.
    pub scans: Vec<ScanFile>,
    /// Settings of the Terraform source.
    pub terraform: TerraformSettings,
    /// What is sought as a secret.
    pub secrets: SecretSettings,
    /// Which packages may be used.
    pub packages: PackageSettings,
    /// What is said of known holes of packages.
    pub vulnerabilities: VulnerabilitySettings,
    /// The organisation floor under it, once merged (see `floor`).
    pub floor: Option<Arc<Config>>,
    /// Where each key was written.
    pub written: Written,
}

/// Thresholds.
#[derive(Clone, Debug, PartialEq)]
pub struct Gate {
    /// From this severity on a finding makes the verdict red.
    pub red_at: Severity,
    /// From this severity on a finding makes the verdict yellow.
    pub yellow_at: Severity,
    /// What a result that cannot be known does.
    pub unknown: UnknownPolicy,
    /// Whether comments in judged files count.
    pub suppressions: SuppressionPolicy,
    /// Rules newer than this do not take part; `None` for all.
    pub rules_version: Option<Version>,
    /// Files that are not judged; they are reported as not looked at.
    pub ignore_paths: Vec<PathPattern>,
    /// Files that a taken-over configuration of Checkov leaves out.
    pub skip_paths: Vec<SkipPath>,
}

/// Thresholds of some paths. Where several match, the strictest of each setting holds.
#[derive(Clone, Debug, PartialEq)]
pub struct PathRule {
    /// Which paths.
    pub path: PathPattern,
    /// As in [`Gate`].
    pub red_at: Option<Severity>,
    /// As in [`Gate`].
    pub yellow_at: Option<Severity>,
    /// As in [`Gate`].
    pub unknown: Option<UnknownPolicy>,
    /// As in [`Gate`].
    pub suppressions: Option<SuppressionPolicy>,
}

/// What a result that cannot be known does to the verdict; ordered from lenient to strict.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub enum UnknownPolicy {
    /// It is counted and shown.
    Count,
    /// It weighs as a fail of the same rule would, but at most yellow.
    Yellow,
    /// It weighs as a fail of the same rule would.
    Red,
}

impl UnknownPolicy {
    /// All words, in order.
    pub const WORDS: &'static [&'static str] = &["count", "yellow", "red"];

    /// The word used in files.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            UnknownPolicy::Count => "count",
            UnknownPolicy::Yellow => "yellow",
            UnknownPolicy::Red => "red",
        }
    }
}

impl fmt::Display for UnknownPolicy {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.as_str())
    }
}

impl FromStr for UnknownPolicy {
    type Err = UnknownWord;

    fn from_str(text: &str) -> Result<UnknownPolicy, UnknownWord> {
        [UnknownPolicy::Count, UnknownPolicy::Yellow, UnknownPolicy::Red]
            .into_iter()
            .find(|policy| policy.as_str() == text)
            .ok_or_else(|| UnknownWord { word: text.to_owned(), known: UnknownPolicy::WORDS })
    }
}

/// Whether comments in judged files count.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub enum SuppressionPolicy {
    /// They do.
    Allow,
    /// They do below this severity.
    ForbidAt(Severity),
    /// They never do.
    Forbid,
}

impl SuppressionPolicy {
    /// Whether a comment may suppress a finding of that severity.
    #[must_use]
    pub fn allows(self, severity: Severity) -> bool {
        match self {
            SuppressionPolicy::Allow => true,
            SuppressionPolicy::ForbidAt(at) => severity < at,
            SuppressionPolicy::Forbid => false,
        }
    }

    /// The stricter of both.
    #[must_use]
    pub fn stricter(self, other: SuppressionPolicy) -> SuppressionPolicy {
        match (self, other) {
            (SuppressionPolicy::Forbid, _) | (_, SuppressionPolicy::Forbid) => SuppressionPolicy::Forbid,
            (SuppressionPolicy::ForbidAt(a), SuppressionPolicy::ForbidAt(b)) => SuppressionPolicy::ForbidAt(a.min(b)),
            (SuppressionPolicy::Allow, other) => other,
            (this, SuppressionPolicy::Allow) => this,
        }
    }
}

impl fmt::Display for SuppressionPolicy {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            SuppressionPolicy::Allow => f.pad("allow"),
            SuppressionPolicy::ForbidAt(severity) => write!(f, "forbid_at: {severity}"),
            SuppressionPolicy::Forbid => f.pad("forbid"),
        }
    }
}

/// Which rules judge.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Policies {
    /// Folders with policies of the user, relative to the repository.
    pub folders: Vec<Arc<str>>,
    /// Rules that do not take part.
    pub disable: BTreeSet<Arc<str>>,
    /// Other severities for some rules.
    pub severity: BTreeMap<Arc<str>, Severity>,
    /// Values of the parameters rules take, by name.
    pub parameters: BTreeMap<Arc<str>, Vec<Arc<str>>>,
    /// Whether preview rules take part.
    pub preview: bool,
    /// Files that answer what policies ask of a cluster, a registry or the network, relative to the repository.
    pub lookup: Vec<Arc<str>>,
    /// Policies of Conftest, and what they judge.
    pub conftest: Vec<ConftestUse>,
}

/// Policies of Conftest that judge some files.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ConftestUse {
    /// Folder or file of the policies, relative to the repository.
    pub policy: Arc<str>,
    /// Patterns of the files they judge.
    pub files: Vec<Arc<str>>,
    /// Their packages; empty for `main`.
    pub namespaces: Vec<Arc<str>>,
    /// Files or folders of data for them.
    pub data: Vec<Arc<str>>,
    /// How the files are read, where their names do not tell.
    pub parser: Option<Arc<str>>,
    /// Whether all files are judged as one document.
    pub combine: bool,
    /// Whether modules that do not say otherwise are Rego v0.
    pub rego_v0: bool,
}

/// The register of exceptions.
#[derive(Clone, Debug, PartialEq)]
pub struct ExceptionSettings {
    /// Folder of the exception files, relative to the repository.
    pub folder: Arc<str>,
    /// The baseline file, relative to the repository.
    pub baseline: Arc<str>,
    /// How many days from today a baseline may still run.
    pub baseline_days: u32,
    /// How many days from today an exception may still run, by severity of what it covers.
    pub max_days: MaxDays,
    /// Whether exceptions must be signed; `None`: where approvers are named.
    pub require_signature: Option<bool>,
    /// Rules nothing can waive.
    pub never: BTreeSet<Arc<str>>,
}

/// Longest life of an exception by severity, in days.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[expect(missing_docs, reason = "the word says it")]
pub struct MaxDays {
    pub critical: u32,
    pub high: u32,
    pub medium: u32,
    pub low: u32,
    pub info: u32,
}

impl MaxDays {
    /// The longest life for that severity.
    #[must_use]
    pub const fn of(&self, severity: Severity) -> u32 {
        match severity {
            Severity::Critical => self.critical,
            Severity::High => self.high,
            Severity::Medium => self.medium,
            Severity::Low => self.low,
            Severity::Info => self.info,
        }
    }

    /// The same, to change it.
    pub const fn of_mut(&mut self, severity: Severity) -> &mut u32 {
        match severity {
            Severity::Critical => &mut self.critical,
            Severity::High => &mut self.high,
            Severity::Medium => &mut self.medium,
            Severity::Low => &mut self.low,
            Severity::Info => &mut self.info,
        }
    }
}

/// Somebody who may accept a risk.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Approver {
    /// Name.
    pub name: Arc<str>,
    /// Role: `security`, `product-owner`.
    pub role: Arc<str>,
    /// Addresses their commits carry: nobody accepts the risk of their own change.
    pub emails: Vec<Arc<str>>,
    /// SSH public keys, one line each.
    pub keys: Vec<Arc<str>>,
    /// Severities they may accept.
    pub may_accept: BTreeSet<Severity>,
}

/// Where records go.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct EvidenceSettings {
    /// Folder of the ledger; `None` for the user's state folder.
    pub directory: Option<Arc<str>>,
    /// File of the signing key; `None` for the one made on first use.
    pub key: Option<Arc<str>>,
    /// Where copies go that nobody can change. Only a configuration from outside the judged repository counts for it.
    pub worm: WormSettings,
}

/// Copies of the log that nobody can change. What is not named here has to be named where they are made.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct WormSettings {
    /// Address of the store.
    pub to: Option<Arc<str>>,
    /// How firmly they are kept.
    pub mode: Option<WormMode>,
    /// How long, in days or years: `90d`, `7y`.
    pub retain: Option<Arc<str>>,
    /// Whether they are kept beyond that until somebody ends the hold.
    pub legal_hold: bool,
}

/// How firmly a copy is kept.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum WormMode {
    /// Nobody can end it.
    Compliance,
    /// Somebody with a special right can.
    Governance,
}

impl WormMode {
    /// Both.
    pub const ALL: [WormMode; 2] = [WormMode::Compliance, WormMode::Governance];

    /// As configurations write it.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            WormMode::Compliance => "compliance",
            WormMode::Governance => "governance",
        }
    }
}

impl std::str::FromStr for WormMode {
    type Err = String;

    fn from_str(text: &str) -> Result<WormMode, String> {
        WormMode::ALL.into_iter().find(|mode| mode.as_str() == text).ok_or_else(|| text.to_owned())
    }
}

/// Results of another scanner to take in.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ScanFile {
    /// Its name, as `required` uses it.
    pub name: Arc<str>,
    /// The report, relative to the repository.
    pub file: Arc<str>,
    /// The name of its format; `None`: its content says it.
    pub format: Option<Arc<str>>,
    /// Where that is written.
    pub at: Place,
}

/// A place that does not count when configurations are compared.
#[derive(Clone, Copy, Debug)]
pub struct Place(pub Span);

impl PartialEq for Place {
    fn eq(&self, _: &Place) -> bool {
        true
    }
}

impl Eq for Place {}

/// Settings of the Terraform source.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TerraformSettings {
    /// Variable files as `--var-file` would name them, in order.
    pub variable_files: Vec<Arc<str>>,
    /// Value of `terraform.workspace`.
    pub workspace: Arc<str>,
}

/// Which keys were written, and where: `gate.red_at`. Does not count when configurations are compared.
#[derive(Clone, Debug, Default)]
pub struct Written(pub BTreeMap<String, Span>);

impl Written {
    /// Whether a key was written.
    #[must_use]
    pub fn has(&self, key: &str) -> bool {
        self.0.contains_key(key)
    }

    /// Where a key was written; nowhere where it was not.
    #[must_use]
    pub fn span(&self, key: &str) -> Span {
        self.0.get(key).copied().unwrap_or(Span::NONE)
    }
}

impl PartialEq for Written {
    fn eq(&self, _: &Written) -> bool {
        true
    }
}

impl Default for Gate {
    fn default() -> Gate {
        Gate {
            red_at: Severity::High,
            yellow_at: Severity::Medium,
            unknown: UnknownPolicy::Count,
            suppressions: SuppressionPolicy::Allow,
            rules_version: None,
            ignore_paths: Vec::new(),
            skip_paths: Vec::new(),
        }
    }
}

impl Default for ExceptionSettings {
    fn default() -> ExceptionSettings {
        ExceptionSettings {
            folder: ".probity/exceptions".into(),
            baseline: ".probity/baseline.json".into(),
            baseline_days: 365,
            max_days: MaxDays::default(),
            require_signature: None,
            never: BTreeSet::new(),
        }
    }
}

impl Default for MaxDays {
    fn default() -> MaxDays {
        MaxDays { critical: 7, high: 30, medium: 90, low: 365, info: 365 }
    }
}

impl Default for TerraformSettings {
    fn default() -> TerraformSettings {
        TerraformSettings { variable_files: Vec::new(), workspace: "default".into() }
    }
}

/// The settings that hold for one finding.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Settings {
    /// From this severity on red.
    pub red_at: Severity,
    /// From this severity on yellow.
    pub yellow_at: Severity,
    /// What unknown does.
    pub unknown: UnknownPolicy,
    /// Whether comments count.
    pub suppressions: SuppressionPolicy,
}

impl Settings {
    /// The stricter of both in everything.
    #[must_use]
    pub fn stricter(self, other: Settings) -> Settings {
        Settings {
            red_at: self.red_at.min(other.red_at),
            yellow_at: self.yellow_at.min(other.yellow_at),
            unknown: self.unknown.max(other.unknown),
            suppressions: self.suppressions.stricter(other.suppressions),
        }
    }
}

impl Config {
    /// The settings that hold for one path: those of the gate; or, of each setting, the strictest among the path entries that match
    /// and name it. Never laxer than the floor's for that path.
    #[must_use]
    pub fn settings_for(&self, path: &str) -> Settings {
        let mut own = PathRule { path: PathPattern::everything(), red_at: None, yellow_at: None, unknown: None, suppressions: None };
        for entry in self.paths.iter().filter(|entry| entry.path.matches(path)) {
            own.red_at = own.red_at.into_iter().chain(entry.red_at).min();
            own.yellow_at = own.yellow_at.into_iter().chain(entry.yellow_at).min();
            own.unknown = own.unknown.into_iter().chain(entry.unknown).max();
            own.suppressions = own.suppressions.into_iter().chain(entry.suppressions).reduce(SuppressionPolicy::stricter);
        }
        let settings = Settings {
            red_at: own.red_at.unwrap_or(self.gate.red_at),
            yellow_at: own.yellow_at.unwrap_or(self.gate.yellow_at),
            unknown: own.unknown.unwrap_or(self.gate.unknown),
            suppressions: own.suppressions.unwrap_or(self.gate.suppressions),
        };
        match &self.floor {
            Some(floor) => settings.stricter(floor.settings_for(path)),
            None => settings,
        }
    }

    /// The settings that hold for something with several places (a resource made through a module call): the strictest of them.
    #[must_use]
    pub fn settings_for_all<'a>(&self, paths: impl IntoIterator<Item = &'a str>) -> Settings {
        paths.into_iter().map(|path| self.settings_for(path)).reduce(Settings::stricter).unwrap_or_else(|| self.settings_for(""))
    }

    /// Whether a file is left out of judging.
    #[must_use]
    pub fn ignores(&self, path: &str) -> bool {
        self.ignored_by(path).is_some()
    }

    /// The key that leaves a file out of judging: `gate.ignore_paths`, or `skip-path` of a configuration that was taken over.
    #[must_use]
    pub fn ignored_by(&self, path: &str) -> Option<&'static str> {
        if self.gate.ignore_paths.iter().any(|pattern| pattern.matches(path)) {
            return Some("gate.ignore_paths");
        }
        self.gate.skip_paths.iter().any(|pattern| pattern.matches(path)).then_some("skip-path")
    }

    /// Whether exceptions must be signed to count.
    #[must_use]
    pub fn signature_required(&self) -> bool {
        self.exceptions.require_signature.unwrap_or(!self.approvers.is_empty())
    }
}
