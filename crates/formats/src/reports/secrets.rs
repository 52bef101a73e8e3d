//! What searchers for secrets write beside Gitleaks: TruffleHog's lines and the baseline of detect-secrets. No value of a secret, no
//! hash of one, and nothing cut out of one is taken in.

use probity_core::{Confidence, Severity};
use probity_value::Value;

use super::Format;
use super::content::{Content, has, has_list, has_map};
use super::reader::{Reader, Row, Scale, Spot};
use super::words::{at, line, moment, text};

/// A secret is high; one that was tried and works is critical.
const SCALE: Scale = &[("verified", Severity::Critical), ("unverified", Severity::High)];

pub(super) const TRUFFLEHOG: Format =
    Format { id: "trufflehog", what: "TruffleHog, lines of JSON", scale: SCALE, recognises: is_trufflehog, read: read_trufflehog };

pub(super) const DETECT_SECRETS: Format = Format {
    id: "detect-secrets",
    what: "detect-secrets, baseline",
    scale: SCALE,
    recognises: is_detect_secrets,
    read: read_detect_secrets,
};

fn is_trufflehog(content: &Content<'_>) -> bool {
    content.rows().iter().any(|row| has(row, &["SourceMetadata", "DetectorName", "Verified"]))
}

fn read_trufflehog(content: &Content<'_>, reader: &mut Reader<'_>) {
    reader.begin("TruffleHog", "", None);
    for row in content.rows() {
        if has(row, &["level", "msg"]) {
            if matches!(text(row, "level"), "error" | "fatal" | "panic") {
                reader.complaint("TruffleHog", row.span, text(row, "msg"));
            }
            continue;
        }
        let read = trufflehog(row);
        reader.take(row.span, read);
    }
}

fn verified(one: &Value, key: &str) -> (Severity, Confidence) {
    let sure = one.get(key).and_then(Value::as_bool) == Some(true);
    if sure { (Severity::Critical, Confidence::Certain) } else { (Severity::High, Confidence::Tentative) }
}

fn trufflehog(one: &Value) -> Result<Row, String> {
    let detector = text(one, "DetectorName");
    if detector.is_empty() {
        return Err("`DetectorName` is missing".to_owned());
    }
    let (severity, confidence) = verified(one, "Verified");
    let mut row = Row::new(detector, severity, one.span);
    row.confidence = confidence;
    row.aliases = vec!["CWE-798".to_owned()];
    row.title = format!("Secret: {detector}");
    row.why = text(one, "DetectorDescription").to_owned();
    let works = if severity == Severity::Critical { ", which works" } else { "" };
    // The one key of `Data` says where it looked: `Git`, `Filesystem`, `Github`, `S3`, `Docker`.
    let data = at(one, &["SourceMetadata", "Data"]).and_then(Value::as_map);
    let (kind, data) = match data.and_then(|map| map.iter().next()) {
        Some((kind, entry)) => (&**kind, Some(&entry.value)),
        None => ("", None),
    };
    let part = |key: &str| data.map(|data| text(data, key)).unwrap_or_default();
    let commit: String = part("commit").chars().filter(char::is_ascii_hexdigit).take(12).collect();
    let commit = if commit.is_empty() { String::new() } else { format!(", in the commit {commit}") };
    row.message = format!("a secret of `{detector}`{works}{commit}");
    let number = data.and_then(|data| line(data, "line"));
    let file = part("file");
    row.spot = match (kind, file.is_empty()) {
        ("Filesystem" | "Git" | "Github" | "Gitlab" | "Bitbucket", false) => Spot::file(file, number),
        (_, false) => {
            let place = [part("image"), part("bucket"), part("link"), part("repository")].into_iter().find(|place| !place.is_empty());
            Spot::Elsewhere(format!("{}!/{}", super::words::address(place.unwrap_or(kind)), file.trim_start_matches('/')))
        }
        (kind, true) => {
            let link = part("link");
            Spot::Elsewhere(if link.is_empty() { kind.to_owned() } else { super::words::address(link) })
        }
    };
    row.known_by_line();
    Ok(row)
}

fn is_detect_secrets(content: &Content<'_>) -> bool {
    content.object().is_some_and(|report| has_list(report, "plugins_used") && has_map(report, "results"))
}

fn read_detect_secrets(content: &Content<'_>, reader: &mut Reader<'_>) {
    let Some(report) = content.object() else { return reader.begin("detect-secrets", "", None) };
    reader.begin("detect-secrets", text(report, "version"), moment(text(report, "generated_at")));
    let Some(files) = report.get("results").and_then(Value::as_map) else {
        return reader.error("report-shape", report.span, "`results` is missing or not an object");
    };
    for (file, entry) in files.iter() {
        let Some(rows) = entry.value.as_list() else {
            reader.unreadable(entry.value.span, "what was found in a file is not a list");
            continue;
        };
        for one in rows {
            let row = detect_secrets(file, one);
            reader.take(one.span, row);
        }
    }
}

fn detect_secrets(file: &str, one: &Value) -> Result<Row, String> {
    let kind = text(one, "type");
    if kind.is_empty() {
        return Err("`type` is missing".to_owned());
    }
    let (severity, confidence) = verified(one, "is_verified");
    let id: String = kind.chars().map(|letter| if letter.is_alphanumeric() { letter.to_ascii_lowercase() } else { '-' }).collect();
    let mut row = Row::new(id, severity, one.span);
    row.confidence = confidence;
    row.aliases = vec!["CWE-798".to_owned()];
    row.title = kind.to_owned();
    row.message = format!("a secret: {kind}");
    // `is_secret` is what a person said when asked about it.
    match one.get("is_secret").and_then(Value::as_bool) {
        Some(false) => row.suppressed = Some("no secret, said who looked at the baseline".to_owned()),
        Some(true) => row.confidence = Confidence::Certain,
        None => {}
    }
    row.spot = Spot::file(file, line(one, "line_number"));
    row.known_by_line();
    Ok(row)
}
