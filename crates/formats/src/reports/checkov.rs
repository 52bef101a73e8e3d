//! Checkov's JSON: one report, or a list with one for each framework.

use probity_core::{Severity, Status};
use probity_value::Value;

use super::Format;
use super::content::{Content, has, has_map};
use super::reader::{Reader, Row, Scale, Spot};
use super::words::{at, ecosystem, hole, list, package, text, text_at, texts, upgrade, word};

/// Without an account it says no severity; what it fails over is high then, as in its SARIF.
const SCALE: Scale = &[
    ("critical", Severity::Critical),
    ("high", Severity::High),
    ("medium", Severity::Medium),
    ("moderate", Severity::Medium),
    ("low", Severity::Low),
    ("info", Severity::Info),
    ("none", Severity::Info),
];

pub(super) const CHECKOV: Format = Format { id: "checkov", what: "Checkov, JSON", scale: SCALE, recognises, read };

fn recognises(content: &Content<'_>) -> bool {
    content.objects().first().is_some_and(|report| {
        has(report, &["check_type"]) && has_map(report, "results") || has(report, &["checkov_version", "passed", "failed"])
    })
}

fn read(content: &Content<'_>, reader: &mut Reader<'_>) {
    if content.objects().is_empty() {
        reader.begin("Checkov", "", None);
    }
    for report in content.objects() {
        let version = match text(report, "checkov_version") {
            "" => text_at(report, &["summary", "checkov_version"]),
            version => version,
        };
        reader.begin("Checkov", version, None);
        let Some(results) = report.get("results").filter(|results| results.as_map().is_some()) else {
            if !has(report, &["passed", "failed"]) {
                reader.error("report-shape", report.span, "`results` is missing");
            }
            continue;
        };
        for file in list(results, "parsing_errors") {
            reader.complaint("Checkov", file.span, &format!("`{}` cannot be parsed", file.as_str().unwrap_or_default()));
        }
        let failed = at(report, &["summary", "failed"]).and_then(Value::as_int).and_then(|count| usize::try_from(count).ok());
        if failed.is_some_and(|failed| failed > list(results, "failed_checks").len()) {
            reader.error("report-shape", results.span, "the summary counts more failed checks than are listed");
        }
        for (key, status) in [("failed_checks", Status::Fail), ("passed_checks", Status::Pass), ("skipped_checks", Status::Fail)] {
            for one in reader.items(results, key) {
                let row = row(reader, one).map(|mut row| {
                    row.status = status;
                    if key == "skipped_checks" {
                        row.suppressed = Some(text_at(one, &["check_result", "suppress_comment"]).to_owned());
                    }
                    row
                });
                reader.take(one.span, row);
            }
        }
    }
}

fn row(reader: &mut Reader<'_>, one: &Value) -> Result<Row, String> {
    let id = text(one, "check_id");
    if id.is_empty() {
        return Err("`check_id` is missing".to_owned());
    }
    let severity = match text(one, "severity") {
        "" => Severity::High,
        word => reader.severity(SCALE, word, one.span),
    };
    let mut row = Row::new(id, severity, one.span);
    row.aliases = vec![text(one, "bc_check_id").to_owned()];
    row.title = text(one, "check_name").to_owned();
    row.why = text(one, "description").to_owned();
    let resource = text(one, "resource");
    row.message = if resource.is_empty() { row.title.clone() } else { format!("{} (`{resource}`)", row.title) };
    let file = reader.first_of(&[text(one, "repo_file_path").trim_start_matches('/'), text(one, "file_abs_path"), text(one, "file_path")]);
    let numbers: Vec<u32> = list(one, "file_line_range").iter().filter_map(|line| u32::try_from(line.as_int()?).ok()).collect();
    row.spot = Spot::lines(&file, numbers.first().copied().filter(|line| *line > 0), numbers.get(1).copied());
    row.prints = vec![("resource", resource.to_owned())];
    if id.starts_with("CKV_SECRET") {
        row.aliases.push("CWE-798".to_owned());
        // What it calls the resource is a hash of the secret.
        row.message.clone_from(&row.title);
        row.known_by_line();
    }
    if let Some(details) = one.get("vulnerability_details").filter(|details| details.as_map().is_some()) {
        let (name, version) = (text(details, "package_name"), word(details, "package_version"));
        let package = package(ecosystem(text(details, "package_type")), name, &version);
        row.aliases.push(text(details, "id").to_owned());
        row.message = hole(&package.shown, text(details, "id"), text(details, "description"));
        row.fix = upgrade(name, &texts(details, "lowest_fixed_version"));
        row.of_package(&package);
    }
    Ok(row)
}
