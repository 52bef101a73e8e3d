//! The binary index of rules and frameworks: written by the build script, read at start. Also part of the build script.
//!
//! Layout: the magic, then for each section its length as a little-endian `u64` and its bytes: the table (for each rule the lengths of
//! its parts), the frameworks, and the parts of all rules one after another. Every part is postcard.

use probity_checks::{Expectation, RuleDocument, TestSource, Variant};
use probity_core::{Confidence, RuleMeta, Severity, Stage, StageKind};
use probity_secrets::{Allow, Flavour, Patterns, Prepared, Rule as SecretRule, Target, With};
use serde::{Deserialize, Serialize};
use std::sync::Arc;

use crate::controls::Framework;

const MAGIC: &[u8; 8] = b"probity1";

/// Lengths of the three parts of one rule.
#[derive(Clone, Copy, Debug, Serialize, Deserialize)]
struct Lengths {
    meta: u32,
    check: u32,
    examples: u32,
}

/// One rule in its stored parts.
#[derive(Clone, Debug)]
pub struct Parts<B> {
    /// What it says of itself.
    pub meta: B,
    /// How it judges.
    pub check: B,
    /// Its tests, for `explain`.
    pub examples: B,
}

/// A test of a rule, shown as an example.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Example {
    /// What comes out: `fail`, `pass`, `unknown`, `not-applicable`.
    pub expect: String,
    /// Its name.
    pub name: String,
    /// The language: `terraform`, `kubernetes`, `cloudformation` and so on.
    pub language: String,
    /// The text.
    pub text: String,
}

/// What a rule says of itself, as stored.
#[derive(Debug, Serialize, Deserialize)]
struct StoredMeta {
    id: String,
    engine: String,
    title: String,
    severity: String,
    confidence: String,
    stage: String,
    since: String,
    applies_to: Vec<String>,
    controls: Vec<String>,
    aliases: Vec<String>,
    why: String,
    fix: String,
    other_fixes: Vec<(Vec<String>, String)>,
    waivable: bool,
    mends: bool,
    parameters: Vec<String>,
}

/// The index cannot be read or written.
#[derive(Debug, thiserror::Error)]
pub enum IndexError {
    /// It is not an index, or of another version.
    #[error("the rule index is not one")]
    Magic,
    /// It ends too early.
    #[error("the rule index is cut short")]
    Short,
    /// A part is broken.
    #[error("a part of the rule index is broken")]
    Part(#[from] postcard::Error),
    /// A word of a part is not known.
    #[error("a part of the rule index has an unknown word")]
    Word(#[from] probity_core::UnknownWord),
    /// An expression of a rule for secrets is broken.
    #[error("{0}")]
    Expression(String),
}

/// The stored parts of a rule.
///
/// # Errors
/// [`IndexError::Part`] where a part cannot be written.
pub fn parts(document: &RuleDocument) -> Result<Parts<Vec<u8>>, IndexError> {
    let examples: Vec<Example> = document
        .tests
        .iter()
        .map(|test| Example {
            expect: Expectation::as_str(test.expect).to_owned(),
            name: test.name.clone(),
            language: TestSource::as_str(test.source).to_owned(),
            text: test.text.clone(),
        })
        .collect();
    stored(&document.meta, postcard::to_stdvec(&document.variants)?, &examples)
}

/// What a rule for secrets looks for, as stored.
#[derive(Debug, Serialize, Deserialize)]
struct StoredSecret {
    regexes: Vec<String>,
    keywords: Vec<String>,
    group: usize,
    entropy: Option<f64>,
    paths: Vec<String>,
    not_paths: Vec<String>,
    length: (usize, usize),
    checksum: Option<String>,
    /// What is compared with the secret, and with its line; words.
    allow: [Vec<String>; 3],
    with: Option<(String, usize)>,
    shown: usize,
    prepared: Vec<Prepared>,
}

/// A rule for secrets, from its stored check.
///
/// # Errors
/// [`IndexError`] where the part is broken.
pub fn secret(meta: Arc<RuleMeta>, bytes: &[u8]) -> Result<SecretRule, IndexError> {
    let stored: StoredSecret = postcard::from_bytes(bytes)?;
    let [values, lines, words] = stored.allow;
    let mut allow = Vec::new();
    for (texts, target) in [(values, Target::Secret), (lines, Target::Line)] {
        if let Some(regexes) = Patterns::sound(texts, Flavour::Ascii) {
            allow.push(Allow { regexes: Some(regexes), target, ..Allow::default() });
        }
    }
    if !words.is_empty() {
        allow.push(Allow { words, ..Allow::default() });
    }
    Ok(SecretRule {
        local: Arc::clone(&meta.id),
        meta,
        flavour: Flavour::Ascii,
        regexes: stored.regexes,
        paths: Patterns::sound(stored.paths, Flavour::Ascii),
        not_paths: Patterns::sound(stored.not_paths, Flavour::Ascii),
        keywords: stored.keywords,
        group: stored.group,
        entropy: stored.entropy,
        length: stored.length,
        checksum: stored.checksum.map(|word| word.parse().map_err(|_| IndexError::Short)).transpose()?,
        allow,
        waive: Vec::new(),
        with: stored.with.map(|(regex, within)| With { regex, within }),
        required: Vec::new(),
        silent: false,
        shown: stored.shown,
        prepared: Some(stored.prepared),
    })
}

fn stored_secret(rule: &SecretRule) -> Result<StoredSecret, IndexError> {
    let texts = |patterns: &Option<Patterns>| patterns.as_ref().map(|patterns| patterns.texts().to_vec()).unwrap_or_default();
    let regexes =
        |target: Target| rule.allow.iter().filter(|allow| allow.target == target).flat_map(|allow| texts(&allow.regexes)).collect();
    let prepared: Result<Vec<Prepared>, String> = rule.regexes.iter().map(|text| Prepared::new(text, rule.flavour)).collect();
    Ok(StoredSecret {
        prepared: prepared.map_err(IndexError::Expression)?,
        regexes: rule.regexes.clone(),
        keywords: rule.keywords.clone(),
        group: rule.group,
        entropy: rule.entropy,
        paths: texts(&rule.paths),
        not_paths: texts(&rule.not_paths),
        length: rule.length,
        checksum: rule.checksum.map(|check| check.to_string()),
        allow: [regexes(Target::Secret), regexes(Target::Line), rule.allow.iter().flat_map(|allow| allow.words.clone()).collect()],
        with: rule.with.as_ref().map(|with| (with.regex.clone(), with.within)),
        shown: rule.shown,
    })
}

/// The stored parts of a rule for secrets; its check is what it looks for.
///
/// # Errors
/// [`IndexError::Part`] where a part cannot be written.
pub fn secret_parts(document: &probity_secrets::own::Document) -> Result<Parts<Vec<u8>>, IndexError> {
    let example = |expect: &str, number: usize, example: &probity_secrets::own::Example| Example {
        expect: expect.to_owned(),
        name: format!("{} {}", if expect == "fail" { "a secret" } else { "none" }, number + 1),
        language: "text".to_owned(),
        text: example.text.clone(),
    };
    let mut examples: Vec<Example> = document.hits.iter().enumerate().map(|(number, one)| example("fail", number, one)).collect();
    examples.extend(document.quiet.iter().enumerate().map(|(number, one)| example("pass", number, one)));
    stored(&document.rule.meta, postcard::to_stdvec(&stored_secret(&document.rule)?)?, &examples)
}

fn stored(meta: &RuleMeta, check: Vec<u8>, examples: &[Example]) -> Result<Parts<Vec<u8>>, IndexError> {
    let list = |names: &[std::sync::Arc<str>]| names.iter().map(ToString::to_string).collect();
    let stored = StoredMeta {
        id: meta.id.to_string(),
        engine: meta.engine.to_owned(),
        title: meta.title.to_string(),
        severity: meta.severity.to_string(),
        confidence: meta.confidence.to_string(),
        stage: meta.stage.kind.to_string(),
        since: meta.stage.since.to_string(),
        applies_to: list(&meta.applies_to),
        controls: list(&meta.controls),
        aliases: list(&meta.aliases),
        why: meta.why.to_string(),
        fix: meta.fix.to_string(),
        other_fixes: meta.other_fixes.iter().map(|(types, fix)| (list(types), fix.to_string())).collect(),
        waivable: meta.waivable,
        mends: meta.mends,
        parameters: list(&meta.parameters),
    };
    Ok(Parts { meta: postcard::to_stdvec(&stored)?, check, examples: postcard::to_stdvec(examples)? })
}

/// What a rule says of itself, from its stored part.
///
/// # Errors
/// [`IndexError`] where the part is broken.
pub fn meta(bytes: &[u8]) -> Result<RuleMeta, IndexError> {
    let stored: StoredMeta = postcard::from_bytes(bytes)?;
    let list = |names: Vec<String>| names.into_iter().map(Into::into).collect();
    Ok(RuleMeta {
        id: stored.id.into(),
        engine: if stored.engine == "secrets" { "secrets" } else { "checks" },
        title: stored.title.into(),
        severity: stored.severity.parse::<Severity>()?,
        confidence: stored.confidence.parse::<Confidence>()?,
        stage: Stage { kind: stored.stage.parse::<StageKind>()?, since: stored.since.into() },
        applies_to: list(stored.applies_to),
        controls: list(stored.controls),
        aliases: list(stored.aliases),
        why: stored.why.into(),
        fix: stored.fix.into(),
        other_fixes: stored.other_fixes.into_iter().map(|(types, fix)| (list(types), fix.into())).collect(),
        waivable: stored.waivable,
        mends: stored.mends,
        parameters: list(stored.parameters),
    })
}

/// The checks of a rule, from their stored part; `None` where the part is broken.
#[must_use]
pub fn check(bytes: &[u8]) -> Option<Vec<Variant>> {
    postcard::from_bytes(bytes).ok()
}

/// The examples of a rule, from their stored part; `None` where the part is broken.
#[must_use]
pub fn examples(bytes: &[u8]) -> Option<Vec<Example>> {
    postcard::from_bytes(bytes).ok()
}

/// The frameworks, from their stored section.
///
/// # Errors
/// [`IndexError::Part`] where the section is broken.
pub fn frameworks(bytes: &[u8]) -> Result<Vec<Framework>, IndexError> {
    Ok(postcard::from_bytes(bytes)?)
}

/// Writes an index.
///
/// # Errors
/// [`IndexError::Part`] where a part cannot be written.
pub fn write(rules: &[Parts<Vec<u8>>], frameworks: &[Framework]) -> Result<Vec<u8>, IndexError> {
    let length = |bytes: &[u8]| u32::try_from(bytes.len()).map_err(|_| IndexError::Short);
    let mut table = Vec::new();
    for rule in rules {
        table.push(Lengths { meta: length(&rule.meta)?, check: length(&rule.check)?, examples: length(&rule.examples)? });
    }
    let mut out = MAGIC.to_vec();
    for section in [postcard::to_stdvec(&table)?, postcard::to_stdvec(frameworks)?] {
        out.extend_from_slice(&(section.len() as u64).to_le_bytes());
        out.extend_from_slice(&section);
    }
    for part in rules.iter().flat_map(|rule| [&rule.meta, &rule.check, &rule.examples]) {
        out.extend_from_slice(part);
    }
    Ok(out)
}

/// An index taken apart: the parts of the rules, and the frameworks still in bytes.
#[derive(Debug)]
pub struct Opened<'a> {
    /// The rules.
    pub rules: Vec<Parts<&'a [u8]>>,
    /// The frameworks, as postcard.
    pub frameworks: &'a [u8],
}

/// Takes an index apart without reading its parts.
///
/// # Errors
/// [`IndexError`] where it is not an index or cut short.
pub fn open(bytes: &[u8]) -> Result<Opened<'_>, IndexError> {
    let mut rest = bytes.strip_prefix(MAGIC).ok_or(IndexError::Magic)?;
    let table: Vec<Lengths> = postcard::from_bytes(section(&mut rest)?)?;
    let frameworks = section(&mut rest)?;
    let mut rules = Vec::with_capacity(table.len());
    for lengths in table {
        let meta = take(&mut rest, lengths.meta as usize)?;
        let check = take(&mut rest, lengths.check as usize)?;
        let examples = take(&mut rest, lengths.examples as usize)?;
        rules.push(Parts { meta, check, examples });
    }
    Ok(Opened { rules, frameworks })
}

fn section<'a>(rest: &mut &'a [u8]) -> Result<&'a [u8], IndexError> {
    let (length, after) = rest.split_first_chunk::<8>().ok_or(IndexError::Short)?;
    *rest = after;
    take(rest, usize::try_from(u64::from_le_bytes(*length)).map_err(|_| IndexError::Short)?)
}

fn take<'a>(rest: &mut &'a [u8], length: usize) -> Result<&'a [u8], IndexError> {
    let (part, after) = rest.split_at_checked(length).ok_or(IndexError::Short)?;
    *rest = after;
    Ok(part)
}
