//! Semgrep's JSON.

use probity_core::{Confidence, Severity};
use probity_value::Value;

use super::Format;
use super::content::{Content, has, has_list, has_map};
use super::reader::{Reader, Row, Scale, Spot};
use super::words::{at, ecosystem, first, line, list, package, sentence, text, text_at, texts, weakness};

/// Old and new words of rules.
const SCALE: Scale = &[
    ("critical", Severity::Critical),
    ("error", Severity::High),
    ("high", Severity::High),
    ("warning", Severity::Medium),
    ("medium", Severity::Medium),
    ("info", Severity::Low),
    ("low", Severity::Low),
    ("inventory", Severity::Info),
    ("experiment", Severity::Info),
];

pub(super) const SEMGREP: Format = Format { id: "semgrep", what: "Semgrep, JSON", scale: SCALE, recognises, read };

fn recognises(content: &Content<'_>) -> bool {
    content.object().is_some_and(|report| {
        let results = list(report, "results");
        has_list(report, "results")
            && match results.first() {
                Some(one) => has(one, &["check_id", "path"]),
                None => has_list(report, "errors") && has_map(report, "paths"),
            }
    })
}

fn read(content: &Content<'_>, reader: &mut Reader<'_>) {
    let Some(report) = content.object() else { return reader.begin("Semgrep", "", None) };
    reader.begin("Semgrep", text(report, "version"), None);
    for error in reader.items(report, "errors") {
        let said = first(error, &["message", "long_msg", "short_msg"]);
        reader.complaint("Semgrep", error.span, if said.is_empty() { "an error" } else { said });
    }
    for one in reader.must_items(report, "results") {
        let row = row(reader, one);
        reader.take(one.span, row);
    }
}

fn row(reader: &mut Reader<'_>, one: &Value) -> Result<Row, String> {
    let (id, path) = (text(one, "check_id"), text(one, "path"));
    if id.is_empty() || path.is_empty() {
        return Err(format!("`{}` is missing", if id.is_empty() { "check_id" } else { "path" }));
    }
    let Some(extra) = one.get("extra").filter(|extra| extra.as_map().is_some()) else {
        return Err("`extra` is missing".to_owned());
    };
    let mut row = Row::new(id, reader.severity(SCALE, text(extra, "severity"), one.span), one.span);
    row.message = text(extra, "message").trim().to_owned();
    row.title = sentence(&row.message).to_owned();
    row.fix = match text(extra, "fix") {
        "" => String::new(),
        _ => "Semgrep has an edit for it: `semgrep --autofix`".to_owned(),
    };
    if let Some(metadata) = extra.get("metadata") {
        row.aliases = texts(metadata, "cwe").iter().filter_map(|text| weakness(text)).collect();
        row.aliases.extend(texts(metadata, "cve"));
        row.aliases.extend(texts(metadata, "sca-vuln-database-identifier"));
        row.confidence = match text(metadata, "confidence").to_ascii_uppercase().as_str() {
            "LOW" | "MEDIUM" => Confidence::Tentative,
            _ => Confidence::Firm,
        };
    }
    let position = |end: &str, key: &str| at(one, &[end]).and_then(|place| line(place, key));
    let mut spot = Spot::lines(path, position("start", "line"), position("end", "line"));
    if let (Spot::File { line: at, column, end_column, .. }, Some(start), Some(end)) =
        (&mut spot, position("start", "col"), position("end", "col"))
        && *at > 0
    {
        (*column, *end_column) = (start, end);
    }
    row.spot = spot;
    // Without an account it writes a notice where its fingerprint should be.
    let print = text(extra, "fingerprint");
    if !print.is_empty() && !print.contains(' ') {
        row.prints = vec![("matchBasedId", print.to_owned())];
    }
    if extra.get("is_ignored").and_then(Value::as_bool) == Some(true) {
        row.suppressed = Some("a comment `nosemgrep`".to_owned());
    }
    let found = at(extra, &["sca_info", "dependency_match", "found_dependency"]);
    if let Some(found) = found {
        let package = package(ecosystem(text(found, "ecosystem")), text(found, "package"), text(found, "version"));
        let file = text_at(extra, &["sca_info", "dependency_match", "lockfile"]);
        if !file.is_empty() {
            row.spot = Spot::file(file, None);
        }
        row.of_package(&package);
    }
    Ok(row)
}
