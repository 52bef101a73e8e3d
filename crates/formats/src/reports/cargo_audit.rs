//! cargo-audit's JSON: holes, and warnings of packages that are unmaintained, unsound or yanked.

use probity_core::{Level, Severity};
use probity_value::Value;

use super::Format;
use super::content::{Content, has_map};
use super::reader::{Reader, Row, Scale};
use super::words::{hole, package, plain, text, texts, upgrade, vector};

/// How bad kinds of warnings are; a hole has a CVSS vector, and is high where it has none.
const SCALE: Scale = &[
    ("unsound", Severity::Medium),
    ("unmaintained", Severity::Low),
    ("yanked", Severity::Low),
    ("notice", Severity::Info),
    ("other", Severity::Low),
];

pub(super) const CARGO_AUDIT: Format = Format { id: "cargo-audit", what: "cargo-audit, JSON", scale: SCALE, recognises, read };

fn recognises(content: &Content<'_>) -> bool {
    content
        .objects()
        .first()
        .is_some_and(|report| has_map(report, "lockfile") && has_map(report, "vulnerabilities") && has_map(report, "database"))
}

fn read(content: &Content<'_>, reader: &mut Reader<'_>) {
    reader.begin("cargo-audit", "", None);
    for report in content.objects() {
        let Some(holes) = report.get("vulnerabilities").filter(|holes| holes.as_map().is_some()) else {
            reader.error("report-shape", report.span, "`vulnerabilities` is missing");
            continue;
        };
        for id in report.get("settings").map(|settings| texts(settings, "ignore")).unwrap_or_default() {
            let message = format!("cargo-audit was told to ignore `{id}`, and does not say whether it is there");
            reader.say(Level::Note, "report-ignored", report.span, message);
        }
        let listed = reader.must_items(holes, "list");
        if holes.get("found").and_then(Value::as_bool) == Some(true) && listed.is_empty() {
            reader.error("report-shape", holes.span, "holes were found, and none is in the list");
        }
        for one in listed {
            let row = row(reader, one, "");
            reader.take(one.span, row);
        }
        let warnings = report.get("warnings").and_then(Value::as_map);
        for (kind, entry) in warnings.into_iter().flat_map(|map| map.iter()) {
            for one in entry.value.as_list().unwrap_or_default() {
                let row = row(reader, one, kind);
                reader.take(one.span, row);
            }
        }
    }
}

/// A hole, or a warning of a kind.
fn row(reader: &mut Reader<'_>, one: &Value, kind: &str) -> Result<Row, String> {
    let Some(used) = one.get("package").filter(|used| !text(used, "name").is_empty()) else {
        return Err("`package.name` is missing".to_owned());
    };
    let name = text(used, "name");
    let package = package("cargo", name, text(used, "version"));
    let advisory = one.get("advisory").filter(|advisory| !advisory.is_null());
    let id = advisory.map_or(kind, |advisory| text(advisory, "id"));
    if id.is_empty() {
        return Err("`advisory.id` is missing".to_owned());
    }
    let severity = match kind {
        "" => advisory.and_then(|advisory| vector(text(advisory, "cvss"))).unwrap_or(Severity::High),
        kind => reader.severity(SCALE, kind, one.span),
    };
    let mut row = Row::new(id, severity, one.span);
    if let Some(advisory) = advisory {
        row.aliases = texts(advisory, "aliases");
        row.title = text(advisory, "title").to_owned();
        row.why = plain(text(advisory, "description"));
    }
    row.message = match (kind, advisory) {
        ("", _) => hole(&package.shown, id, &row.title),
        ("yanked", None) => format!("`{}` was taken back by those who published it", package.shown),
        (kind, _) => format!("`{}` is {kind}: {}", package.shown, row.title),
    };
    if let Some(versions) = one.get("versions") {
        row.fix = upgrade(name, &texts(versions, "patched"));
    }
    row.spot = reader.first_there(&["Cargo.lock"]);
    row.of_package(&package);
    Ok(row)
}
