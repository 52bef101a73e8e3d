//! Reads reports that other scanners write in forms of their own: one module is one family, all of them are in [`FORMATS`].
//!
//! What a report is of is seen from its content, never from its name. Each result becomes what SARIF's become
//! ([`crate::sarif_in::ExternalFinding`]), and everything after is the same: places, fingerprints, joining, the verdict.
//! Strict as SARIF's reader is: what is no report, is cut off, or says that its scan failed is an error, and so is each result that
//! cannot be read; the file then fails closed. The scales of severity are written down in `docs/reference/reports.md`.
//!
//! No value of a secret is taken in, also where a tool writes it: messages of secret findings are made of rule and place.

mod asff;
mod cargo_audit;
mod checkov;
mod content;
mod dast;
mod dependency_check;
mod generic;
mod gitlab;
mod gitleaks;
mod grype;
mod inspector;
mod npm;
mod osv_scanner;
mod pip_audit;
mod python_go;
mod reader;
mod secrets;
mod semgrep;
mod snyk;
mod sonarqube;
mod tfsec;
mod trivy;
mod words;
mod zap;

use probity_core::{Level, Severity, Status, Timestamp};
use probity_value::{FileId, Span};

use crate::sarif_in::{self, External, ExternalRun, ReadOptions};
use crate::time;
use content::Content;
use reader::Reader;

/// Largest report read, in bytes.
pub const MOST_BYTES: usize = 256 << 20;

/// A form in which some tool writes its report.
pub struct Format {
    /// Its name: `trivy`.
    pub id: &'static str,
    /// What it is, for a person.
    pub what: &'static str,
    /// How the tool's words for severity rank; empty where it has none.
    pub scale: &'static [(&'static str, Severity)],
    recognises: fn(&Content<'_>) -> bool,
    read: fn(&Content<'_>, &mut Reader<'_>),
}

impl std::fmt::Debug for Format {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Format").field("id", &self.id).finish_non_exhaustive()
    }
}

/// Every form that is read beside SARIF, sorted by name.
pub const FORMATS: &[&Format] = &[
    &asff::ASFF,
    &inspector::INSPECTOR,
    &python_go::BANDIT,
    &dast::BURP,
    &cargo_audit::CARGO_AUDIT,
    &checkov::CHECKOV,
    &dependency_check::DEPENDENCY_CHECK,
    &secrets::DETECT_SECRETS,
    &generic::GENERIC,
    &gitlab::GITLAB,
    &gitleaks::GITLEAKS,
    &python_go::GOSEC,
    &grype::GRYPE,
    &npm::NPM,
    &dast::NUCLEI,
    &osv_scanner::OSV_SCANNER,
    &pip_audit::PIP_AUDIT,
    &semgrep::SEMGREP,
    &snyk::SNYK,
    &sonarqube::SEARCH,
    &sonarqube::GENERIC,
    &tfsec::TFSEC,
    &trivy::TRIVY,
    &secrets::TRUFFLEHOG,
    &npm::YARN,
    &zap::ZAP,
];

/// SARIF, which has a reader of its own.
pub const SARIF: &str = "sarif";

/// Why nobody can say what a report is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Unrecognised {
    /// A short name of the reason: `report-unknown`.
    pub code: &'static str,
    /// Why, for a person.
    pub message: String,
    /// Where.
    pub span: Span,
}

/// The format with a name; `None` for SARIF too.
#[must_use]
pub fn format(id: &str) -> Option<&'static Format> {
    FORMATS.iter().copied().find(|format| format.id == id)
}

/// Every name that may be given for a format, SARIF's too.
pub fn names() -> impl Iterator<Item = &'static str> {
    std::iter::once(SARIF).chain(FORMATS.iter().map(|format| format.id))
}

/// The name of the format a report is in, from its content alone.
///
/// # Errors
/// [`Unrecognised`] where it is not text, is broken or cut off, is empty, or is in no form that is known.
pub fn detect(bytes: &[u8]) -> Result<&'static str, Unrecognised> {
    let nothing = |message: &str| Unrecognised { code: "report-encoding", message: message.to_owned(), span: Span::NONE };
    let text = std::str::from_utf8(bytes).map_err(|_| nothing("the report is not UTF-8 text"))?;
    let content = content::parse(text, FileId::NONE)?;
    recognised(&content).map(|found| found.map_or(SARIF, |format| format.id))
}

/// The format of a content; `None` is SARIF.
fn recognised(content: &Content<'_>) -> Result<Option<&'static Format>, Unrecognised> {
    if content.is_sarif() {
        return Ok(None);
    }
    if let Some(found) = FORMATS.iter().copied().find(|format| (format.recognises)(content)) {
        return Ok(Some(found));
    }
    let known = names().collect::<Vec<_>>().join(", ");
    let (code, message) = if content.is_empty() {
        let message = "the report is empty, and does not say which scan found nothing: name its format (`FORMAT=FILE`, or `format` in the configuration)";
        ("report-empty", message.to_owned())
    } else {
        ("report-unknown", format!("this is no report in a form that is known ({known})"))
    };
    Err(Unrecognised { code, message, span: content.span() })
}

/// Reads one report. `path` names it in diagnostics; `format` is its name where somebody gave it, which lets an empty report say that
/// nothing was found. Gives the format's name too.
#[must_use]
pub fn read(text: &str, file: FileId, path: &str, format: Option<&str>, options: ReadOptions<'_>) -> (&'static str, External) {
    let mut reader = Reader::new(path, options);
    let given = match format {
        None => None,
        Some(SARIF) => return (SARIF, sarif_in::read(text, file, path, options)),
        Some(name) => match self::format(name) {
            Some(format) => Some(format),
            None => {
                let known = names().collect::<Vec<_>>().join(", ");
                reader.error("report-unknown", Span::NONE, format!("there is no format of that name (known are {known})"));
                return ("report", reader.done());
            }
        },
    };
    let content = match content::parse(text, file) {
        Ok(content) => content,
        Err(why) => {
            reader.error(why.code, why.span, why.message);
            return (given.map_or("report", |format| format.id), reader.done());
        }
    };
    let found = match given {
        Some(format) if content.is_empty() || (format.recognises)(&content) => Ok(Some(format)),
        Some(format) => {
            Err(Unrecognised { code: "report-unknown", message: format!("this is no report of {}", format.what), span: content.span() })
        }
        None => recognised(&content),
    };
    match found {
        Ok(None) => (SARIF, sarif_in::read(text, file, path, options)),
        Ok(Some(format)) => {
            for (level, code, span, message) in content.problems() {
                reader.say(level, code, span, message);
            }
            (format.read)(&content, &mut reader);
            (format.id, reader.done())
        }
        Err(why) => {
            reader.error(why.code, why.span, why.message);
            (given.map_or("report", |format| format.id), reader.done())
        }
    }
}

/// What was taken in of a run, in one line: the tool, its version, how many results, and when it ended.
#[must_use]
pub fn statement(run: &ExternalRun) -> String {
    let faults = run.results.iter().filter(|result| matches!(result.status, Status::Fail | Status::Unknown));
    let suppressed = run.results.iter().filter(|result| result.suppressed.is_some()).count();
    let mut out = format!("`{}`", run.tool);
    if !run.version.is_empty() {
        put!(out, " {}", run.version);
    }
    let results = run.results.len();
    put!(out, ": {results} {} taken in, {} of them faults", if results == 1 { "result" } else { "results" }, faults.count());
    if suppressed > 0 {
        put!(out, ", {suppressed} suppressed by the tool");
    }
    match run.end.and_then(time::text) {
        Some(end) => put!(out, "; it ran until {end}"),
        None => out.push_str("; it does not say when it ran"),
    }
    out
}

/// That a run is older than the commit it should be about was made, where it is.
#[must_use]
pub fn older_than(run: &ExternalRun, made: Timestamp) -> Option<String> {
    /// Clocks differ by minutes.
    const SKEW: i64 = 600;
    let end = run.end?;
    if end.seconds.saturating_add(SKEW) >= made.seconds {
        return None;
    }
    let (end, made) = (time::text(end)?, time::text(made)?);
    Some(format!("`{}` ran until {end}, before the commit was made that is judged ({made}): it has not seen all of it", run.tool))
}

/// A problem of a content: level, code, place, words.
type Said = (Level, &'static str, Span, String);
