//! The form anybody may write who has no other: interactive and API testers, scripts, people. Documented in `docs/reference/reports.md`.
//!
//! It is ours, so it is read as our own files are: a key nobody knows makes a result unreadable, and a report says that it is whole.

use probity_core::{Confidence, Severity, Status};
use probity_value::Value;

use super::Format;
use super::content::{Content, has};
use super::reader::{Reader, Row, Scale, Spot};
use super::words::{address, line, moment, package_of, text, text_at, texts, weakness};

const SCALE: Scale = &[
    ("critical", Severity::Critical),
    ("high", Severity::High),
    ("medium", Severity::Medium),
    ("low", Severity::Low),
    ("info", Severity::Info),
];

pub(super) const GENERIC: Format = Format { id: "generic", what: "the generic report of Probity, JSON", scale: SCALE, recognises, read };

const REPORT_KEYS: &[&str] = &["probity-report", "tool", "ended", "complete", "results"];
const RESULT_KEYS: &[&str] = &[
    "rule",
    "title",
    "severity",
    "confidence",
    "status",
    "message",
    "why",
    "fix",
    "cwe",
    "aliases",
    "file",
    "line",
    "end_line",
    "column",
    "end_column",
    "url",
    "method",
    "parameter",
    "package",
    "resource",
    "secret",
    "fingerprint",
    "suppressed",
];

fn recognises(content: &Content<'_>) -> bool {
    content.object().is_some_and(|report| has(report, &["probity-report"]))
}

fn read(content: &Content<'_>, reader: &mut Reader<'_>) {
    let Some(report) = content.object() else { return reader.error("report-shape", content.span(), "`probity-report` is missing") };
    if report.get("probity-report").and_then(Value::as_int) != Some(1) {
        return reader.error("report-version", report.span, "`probity-report` is the version of the form, and 1 is the only one");
    }
    for (key, entry) in report.as_map().into_iter().flat_map(|map| map.iter()) {
        if !REPORT_KEYS.contains(&&**key) {
            reader.error("report-shape", entry.value.span, format!("unknown key `{key}` (known here: {})", REPORT_KEYS.join(", ")));
        }
    }
    let tool = text_at(report, &["tool", "name"]);
    if tool.is_empty() {
        return reader.error("report-shape", report.span, "`tool.name` is missing");
    }
    let ended = report.get("ended");
    let end = ended.and_then(Value::as_str).and_then(moment);
    if ended.is_some() && end.is_none() {
        reader.error("report-shape", ended.map_or(report.span, |ended| ended.span), "`ended` is not a point in time");
    }
    reader.begin(tool, text_at(report, &["tool", "version"]), end);
    match report.get("complete").map(Value::as_bool) {
        Some(Some(true)) => {}
        Some(Some(false)) => reader.failed(tool, report.span, "`complete` is false"),
        _ => reader.error("report-shape", report.span, "`complete` is missing: true where the scan ended well"),
    }
    for one in reader.must_items(report, "results") {
        let row = row(reader, one);
        reader.take(one.span, row);
    }
}

fn row(reader: &mut Reader<'_>, one: &Value) -> Result<Row, String> {
    let Some(map) = one.as_map() else { return Err("it is not an object".to_owned()) };
    if let Some(key) = map.keys().find(|key| !RESULT_KEYS.contains(&&***key)) {
        return Err(format!("unknown key `{key}`"));
    }
    for key in ["rule", "severity", "message"] {
        if text(one, key).trim().is_empty() {
            return Err(format!("`{key}` is missing"));
        }
    }
    let mut row = Row::new(text(one, "rule"), reader.severity(SCALE, text(one, "severity"), one.span), one.span);
    row.title = text(one, "title").to_owned();
    row.message = text(one, "message").to_owned();
    row.why = text(one, "why").to_owned();
    row.fix = text(one, "fix").to_owned();
    row.confidence = match text(one, "confidence") {
        "certain" => Confidence::Certain,
        "firm" | "" => Confidence::Firm,
        "tentative" => Confidence::Tentative,
        _ => return Err("`confidence` is none of certain, firm, tentative".to_owned()),
    };
    row.status = match text(one, "status") {
        "fail" | "" => Status::Fail,
        "unknown" => Status::Unknown,
        "pass" => Status::Pass,
        _ => return Err("`status` is none of fail, unknown, pass".to_owned()),
    };
    for given in texts(one, "cwe") {
        row.aliases.push(weakness(&given).ok_or_else(|| format!("`{given}` is no CWE"))?);
    }
    row.aliases.extend(texts(one, "aliases"));
    let (file, url, resource) = (text(one, "file"), text(one, "url"), text(one, "resource"));
    row.spot = match (file.is_empty(), url.is_empty(), resource.is_empty()) {
        (false, true, true) => {
            let mut spot = Spot::lines(file, line(one, "line"), line(one, "end_line"));
            if let (Spot::File { line: at, column, end_column, .. }, Some(start)) = (&mut spot, line(one, "column"))
                && *at > 0
            {
                (*column, *end_column) = (start, line(one, "end_column").unwrap_or(start));
            }
            spot
        }
        (true, false, true) => Spot::Elsewhere(address(url)),
        (true, true, false) => Spot::Elsewhere(resource.to_owned()),
        (true, true, true) => Spot::Nowhere,
        _ => return Err("it has several of `file`, `url` and `resource`".to_owned()),
    };
    row.subject = resource.to_owned();
    let (method, parameter) = (text(one, "method"), text(one, "parameter"));
    if !url.is_empty() {
        row.prints = vec![("method", method.to_owned()), ("parameter", parameter.to_owned())];
    }
    let purl = text(one, "package");
    if !purl.is_empty() {
        let package = package_of(purl, "", "");
        if package.purl.is_empty() {
            return Err(format!("`{purl}` is no package URL"));
        }
        row.of_package(&package);
    }
    if one.get("secret").and_then(Value::as_bool) == Some(true) {
        row.aliases.push("CWE-798".to_owned());
        row.known_by_line();
    }
    let print = text(one, "fingerprint");
    if !print.is_empty() {
        row.prints = vec![("given", print.to_owned())];
    }
    row.suppressed = one.get("suppressed").and_then(Value::as_str).map(str::to_owned);
    Ok(row)
}
