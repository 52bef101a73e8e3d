//! A rule for one kind of secret, before it is compiled: ours and Gitleaks' are the same thing.

use std::sync::{Arc, OnceLock};

use probity_core::RuleMeta;
use regex::bytes::{RegexSet, RegexSetBuilder};

use crate::checksum::Checksum;
use crate::engine::Prepared;

/// In whose words an expression is written.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Flavour {
    /// Go's `regexp`: Unicode, with ASCII classes.
    Go,
    /// Rust's `regex` over bytes, all ASCII.
    Ascii,
}

/// What is no secret although a rule matches.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Allow {
    /// Whether all that is named must be true, not any.
    pub all: bool,
    /// Commits, lower case.
    pub commits: Vec<String>,
    /// Paths.
    pub paths: Option<Patterns>,
    /// What the text is compared with.
    pub regexes: Option<Patterns>,
    /// Which text that is.
    pub target: Target,
    /// Words, lower case, that may stand anywhere in the secret.
    pub words: Vec<String>,
}

/// Which text an [`Allow`] is compared with.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Target {
    /// The secret.
    #[default]
    Secret,
    /// The whole match.
    Match,
    /// The lines the match is on.
    Line,
}

/// Another rule that must have matched near by.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Required {
    /// Its id, as the configuration has it.
    pub rule: Arc<str>,
    /// Within how many lines.
    pub within_lines: Option<usize>,
    /// Within how many columns.
    pub within_columns: Option<usize>,
}

/// A second part that must stand near by.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct With {
    /// What it looks like.
    pub regex: String,
    /// Within how many lines before or after.
    pub within: usize,
}

/// One rule.
#[derive(Clone, Debug)]
pub struct Rule {
    /// What it says of itself.
    pub meta: Arc<RuleMeta>,
    /// Its id in the file it comes from.
    pub local: Arc<str>,
    /// The language of its expressions; Gitleaks' rules are judged as Gitleaks judges.
    pub flavour: Flavour,
    /// What it looks for; empty for rules that look at paths alone.
    pub regexes: Vec<String>,
    /// Only in files of these paths.
    pub paths: Option<Patterns>,
    /// Not in files of these paths.
    pub not_paths: Option<Patterns>,
    /// Words of which one stands in the same text, lower case; empty for any text.
    pub keywords: Vec<String>,
    /// The group that is the secret; 0 for the first that is not empty, else the match.
    pub group: usize,
    /// Entropy the secret must exceed, in bits per byte.
    pub entropy: Option<f64>,
    /// Least and most bytes of the secret.
    pub length: (usize, usize),
    /// What the secret must satisfy.
    pub checksum: Option<Checksum>,
    /// What is no finding.
    pub allow: Vec<Allow>,
    /// What is a finding that somebody allows.
    pub waive: Vec<Allow>,
    /// A second part near by.
    pub with: Option<With>,
    /// Rules that must have matched near by.
    pub required: Vec<Required>,
    /// Whether it only serves other rules.
    pub silent: bool,
    /// Bytes of the secret that may be shown.
    pub shown: usize,
    /// How its expressions are sought, where that was worked out before: one for each, in their order.
    pub prepared: Option<Vec<Prepared>>,
}

/// Expressions of which any may match; compiled when they are first asked for.
#[derive(Clone, Debug)]
pub struct Patterns {
    texts: Vec<String>,
    flavour: Flavour,
    set: OnceLock<RegexSet>,
}

impl PartialEq for Patterns {
    fn eq(&self, other: &Patterns) -> bool {
        (&self.texts, self.flavour) == (&other.texts, other.flavour)
    }
}

impl Patterns {
    /// Takes expressions that are known to be sound; `None` where there are none.
    #[must_use]
    pub fn sound(texts: Vec<String>, flavour: Flavour) -> Option<Patterns> {
        (!texts.is_empty()).then(|| Patterns { texts, flavour, set: OnceLock::new() })
    }

    /// Takes expressions and compiles them.
    ///
    /// # Errors
    /// The expression and what is wrong with it.
    pub fn new(texts: Vec<String>, flavour: Flavour) -> Result<Option<Patterns>, String> {
        let Some(patterns) = Patterns::sound(texts, flavour) else { return Ok(None) };
        let _ = patterns.set.set(patterns.compile().map_err(|problem| problem.to_string())?);
        Ok(Some(patterns))
    }

    fn compile(&self) -> Result<RegexSet, regex::Error> {
        let translated: Vec<String> = match self.flavour {
            Flavour::Go => self.texts.iter().map(|pattern| crate::translate::from_go(pattern)).collect(),
            Flavour::Ascii => self.texts.clone(),
        };
        RegexSetBuilder::new(&translated).unicode(self.flavour == Flavour::Go).build()
    }

    /// The expressions.
    #[must_use]
    pub fn texts(&self) -> &[String] {
        &self.texts
    }

    /// Whether any matches.
    #[must_use]
    pub fn is_match(&self, text: &[u8]) -> bool {
        self.set.get_or_init(|| self.compile().unwrap_or_else(|_| RegexSet::empty())).is_match(text)
    }
}
