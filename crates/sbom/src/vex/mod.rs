//! VEX: what others say of vulnerabilities in their products. OpenVEX, CycloneDX and CSAF are read into one kind of statement.
//!
//! What cannot be scoped to a product by a package URL (or by the serial number of a bill of materials) covers nothing, and is a problem.

mod csaf;
mod cyclonedx;
mod openvex;

use std::collections::HashMap;
use std::sync::Arc;

use probity_packages::{Problem, Purl};
use probity_value::Value;

use crate::SbomError;
use crate::cyclonedx::xml_in;
use crate::document::Reading;
use crate::read::{as_text, parse_json};

/// Statements of one document; more are a problem.
const MOST_STATEMENTS: usize = 1_000_000;

/// What is said of a vulnerability in a product.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Status {
    /// It does no harm there.
    NotAffected,
    /// It does, and something is to be done.
    Affected,
    /// It is cured there.
    Fixed,
    /// Not known yet.
    UnderInvestigation,
}

impl Status {
    /// As OpenVEX writes it.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Status::NotAffected => "not_affected",
            Status::Affected => "affected",
            Status::Fixed => "fixed",
            Status::UnderInvestigation => "under_investigation",
        }
    }
}

/// A product a statement is about.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Product {
    /// Its package URL: without version or qualifiers where it means all of them.
    pub purl: Option<Purl>,
    /// Serial number of the bill of materials the product is described by (`urn:uuid:...`), where the statement refers to one.
    pub bom: Option<Arc<str>>,
    /// Parts of the product the statement is about; without any it is about the whole product.
    pub subcomponents: Vec<Purl>,
}

/// One statement.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Statement {
    /// The vulnerability: `CVE-2024-1234`.
    pub vulnerability: Arc<str>,
    /// Other names of it.
    pub aliases: Vec<Arc<str>>,
    /// What it is about.
    pub products: Vec<Product>,
    /// What is said.
    pub status: Status,
    /// Why it does no harm, as one of the format's words.
    pub justification: Option<Arc<str>>,
    /// Why it does no harm, in a person's words.
    pub impact: Option<Arc<str>>,
    /// What is to be done.
    pub action: Option<Arc<str>>,
    /// Who says so.
    pub author: Option<Arc<str>>,
    /// When it was said.
    pub time: Option<jiff::Timestamp>,
    /// The file.
    pub file: Arc<str>,
    /// One-based line in it.
    pub line: u32,
}

/// A VEX document as it was read.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Vex {
    /// The statements that count, in order.
    pub statements: Vec<Statement>,
    /// What is wrong with the document, and which statements do not count because of it.
    pub problems: Vec<Problem>,
}

/// Why a VEX document cannot be read.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum VexError {
    /// It cannot be read as a text of its format.
    #[error(transparent)]
    Text(#[from] SbomError),
    /// It is no VEX document.
    #[error("it is no VEX document that is read: neither OpenVEX, CycloneDX nor CSAF 2.0")]
    Format,
}

/// Reads a VEX document: OpenVEX (0.0.1 to 0.2), CycloneDX with vulnerabilities (JSON or XML), or CSAF 2.0. `name` is that of its file.
///
/// # Errors
/// [`VexError`] where it cannot be read at all.
pub fn read(bytes: &[u8], name: &str) -> Result<Vex, VexError> {
    let text = as_text(bytes)?;
    let reading = Reading::new(name, text, &[]);
    match text.trim_start().bytes().next() {
        Some(b'{') => {
            let (value, reading) = parse_json(text, reading)?;
            of_json(&value, reading)
        }
        Some(b'<') => {
            let value = xml_in::parse(text, &reading.lines).map_err(|error| match error {
                SbomError::Format => VexError::Format,
                error => VexError::Text(error),
            })?;
            Ok(gathered(reading, |all| cyclonedx::read(&value, all)))
        }
        _ => Err(VexError::Format),
    }
}

fn of_json(value: &Value, reading: Reading<'_>) -> Result<Vex, VexError> {
    let is = |value: &Value, key: &str, part: &str| value.get(key).and_then(Value::as_str).is_some_and(|text| text.contains(part));
    if is(value, "@context", "openvex") {
        return Ok(gathered(reading, |all| openvex::read(value, all)));
    }
    if is(value, "bomFormat", "CycloneDX") {
        return Ok(gathered(reading, |all| cyclonedx::read(value, all)));
    }
    if let Some(document) = value.get("document").filter(|document| document.get("csaf_version").is_some()) {
        if !is(document, "csaf_version", "2.0") {
            return Err(VexError::Format);
        }
        return Ok(gathered(reading, |all| csaf::read(value, all)));
    }
    match value.get("predicate").filter(|_| value.get("predicateType").is_some()) {
        // In-toto statements hold the document.
        Some(inner) if inner.as_map().is_some() && inner.get("predicate").is_none() => of_json(inner, reading),
        _ => Err(VexError::Format),
    }
}

/// Statements that were found so far.
struct Gathered<'a> {
    reading: Reading<'a>,
    statements: Vec<Statement>,
}

fn gathered<'a>(reading: Reading<'a>, read: impl FnOnce(&mut Gathered<'a>)) -> Vex {
    let mut all = Gathered { reading, statements: Vec::new() };
    read(&mut all);
    Vex { statements: all.statements, problems: all.reading.problems }
}

impl Gathered<'_> {
    fn problem(&mut self, at: &Value, what: impl Into<String>) {
        let line = self.reading.lines.at(at.span);
        // Without the statement the vulnerability is told, so nothing is missed.
        self.reading.problem(line, what, false);
    }

    /// Takes in a statement if it counts.
    fn add(&mut self, at: &Value, mut statement: Statement) {
        let id = crate::text::shown(&statement.vulnerability);
        if statement.vulnerability.is_empty() {
            return self.problem(at, "a statement names no vulnerability, and does not count");
        }
        if statement.status == Status::NotAffected && statement.justification.is_none() && statement.impact.is_none() {
            let what = format!(
                "the statement that `{id}` does not affect says neither by what justification nor with what impact, and does not count"
            );
            return self.problem(at, what);
        }
        statement.products.retain(|product| product.purl.is_some() || product.bom.is_some());
        if statement.products.is_empty() {
            let what = format!("the statement about `{id}` names no product by a package URL, and covers nothing");
            return self.problem(at, what);
        }
        if self.statements.len() >= MOST_STATEMENTS {
            return self.problem(at, format!("there are more than {MOST_STATEMENTS} statements; the rest does not count"));
        }
        self.statements.push(statement);
    }

    fn place(&self, at: &Value) -> (Arc<str>, u32) {
        (Arc::clone(&self.reading.name), self.reading.lines.at(at.span))
    }
}

/// A text that is not empty.
fn word<'v>(value: &'v Value, key: &str) -> Option<&'v str> {
    value.get(key).and_then(Value::as_str).map(str::trim).filter(|text| !text.is_empty())
}

fn list<'v>(value: &'v Value, key: &str) -> &'v [Value] {
    value.get(key).and_then(Value::as_list).unwrap_or_default()
}

/// What a finding is about.
#[derive(Clone, Copy, Debug, Default)]
pub struct Scope<'a> {
    /// Package URL of the subject the package was found in.
    pub subject: Option<&'a Purl>,
    /// Serial number of the bill of materials that was read, where one was.
    pub bom: Option<&'a str>,
}

/// Whether what a statement names covers a package URL: type, namespace and name are the same, and so is each of version, qualifiers and
/// subpath that the statement gives.
#[must_use]
pub fn covers(said: &Purl, purl: &Purl) -> bool {
    said.kind == purl.kind
        && said.namespace == purl.namespace
        && said.name == purl.name
        && (said.version.is_none() || said.version == purl.version)
        && said.qualifiers.iter().all(|(key, value)| purl.qualifiers.get(key) == Some(value))
        && (said.subpath.is_none() || said.subpath == purl.subpath)
}

impl Product {
    /// Whether the statement is about this package in this scope. One with subcomponents covers them only within its product.
    #[must_use]
    pub fn is_about(&self, package: &Purl, scope: Scope<'_>) -> bool {
        let by_purl = |purl: &Purl| self.purl.as_ref().is_some_and(|said| covers(said, purl));
        let by_bom = self.bom.is_some() && self.bom.as_deref() == scope.bom;
        let holds = scope.subject.is_some_and(by_purl) || by_bom;
        if self.subcomponents.is_empty() {
            holds || by_purl(package)
        } else {
            holds && self.subcomponents.iter().any(|said| covers(said, package))
        }
    }
}

/// The statement that counts for a vulnerability (by any of its ids) of a package: the latest of those that cover it; of those without a
/// time, or with the same, the last.
#[must_use]
pub fn verdict<'s>(statements: &'s [Statement], package: &Purl, scope: Scope<'_>, ids: &[&str]) -> Option<&'s Statement> {
    latest(statements.iter().filter(|one| one.is_named(ids)), package, scope)
}

fn latest<'s>(statements: impl Iterator<Item = &'s Statement>, package: &Purl, scope: Scope<'_>) -> Option<&'s Statement> {
    statements.filter(|one| one.products.iter().any(|product| product.is_about(package, scope))).max_by_key(|one| one.time)
}

impl Statement {
    fn is_named(&self, ids: &[&str]) -> bool {
        let mut names = std::iter::once(&self.vulnerability).chain(&self.aliases);
        names.any(|name| ids.iter().any(|id| id.eq_ignore_ascii_case(name)))
    }
}

/// Statements by the vulnerabilities they name: documents with tens of thousands of them are asked about every finding.
#[derive(Clone, Debug, Default)]
pub struct Statements {
    list: Vec<Statement>,
    by_id: HashMap<String, Vec<usize>>,
}

impl Statements {
    /// All statements, in the order of their documents.
    #[must_use]
    pub fn new(list: Vec<Statement>) -> Statements {
        let mut by_id: HashMap<String, Vec<usize>> = HashMap::new();
        for (index, one) in list.iter().enumerate() {
            for name in std::iter::once(&one.vulnerability).chain(&one.aliases) {
                let indices = by_id.entry(name.to_ascii_lowercase()).or_default();
                if indices.last() != Some(&index) {
                    indices.push(index);
                }
            }
        }
        Statements { list, by_id }
    }

    /// As [`verdict`].
    #[must_use]
    pub fn verdict(&self, package: &Purl, scope: Scope<'_>, ids: &[&str]) -> Option<&Statement> {
        let mut indices: Vec<usize> = ids.iter().filter_map(|id| self.by_id.get(&id.to_ascii_lowercase())).flatten().copied().collect();
        indices.sort_unstable();
        indices.dedup();
        latest(indices.iter().filter_map(|index| self.list.get(*index)), package, scope)
    }

    /// All of them.
    #[must_use]
    pub fn all(&self) -> &[Statement] {
        &self.list
    }
}

#[cfg(test)]
mod tests;
