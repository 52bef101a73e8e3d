//! OWASP Dependency-Check's JSON.

use probity_core::Severity;
use probity_value::Value;

use super::Format;
use super::content::{Content, has, has_list, has_map};
use super::reader::{Reader, Row, Scale, Spot};
use super::words::{at, cwe, first, hole, list, moment, package_of, plain, score, sentence, text, text_at};

/// Words of several databases.
const SCALE: Scale = &[
    ("critical", Severity::Critical),
    ("high", Severity::High),
    ("medium", Severity::Medium),
    ("moderate", Severity::Medium),
    ("low", Severity::Low),
    ("info", Severity::Info),
    ("none", Severity::Info),
    ("unknown", Severity::Medium),
    ("", Severity::Medium),
];

pub(super) const DEPENDENCY_CHECK: Format =
    Format { id: "dependency-check", what: "OWASP Dependency-Check, JSON", scale: SCALE, recognises, read };

fn recognises(content: &Content<'_>) -> bool {
    content.object().is_some_and(|report| has(report, &["reportSchema", "scanInfo"]) && has_list(report, "dependencies"))
}

fn read(content: &Content<'_>, reader: &mut Reader<'_>) {
    let Some(report) = content.object() else { return reader.begin("OWASP Dependency-Check", "", None) };
    let end = moment(text_at(report, &["projectInfo", "reportDate"]));
    reader.begin("OWASP Dependency-Check", text_at(report, &["scanInfo", "engineVersion"]), end);
    for one in at(report, &["scanInfo", "analysisExceptions"]).and_then(Value::as_list).unwrap_or_default() {
        let said = text_at(one, &["exception", "message"]);
        reader.complaint("OWASP Dependency-Check", one.span, if said.is_empty() { "a part of the analysis failed" } else { said });
    }
    for dependency in reader.must_items(report, "dependencies") {
        for one in reader.items(dependency, "vulnerabilities") {
            let row = row(reader, dependency, one);
            reader.take(one.span, row);
        }
        for one in reader.items(dependency, "suppressedVulnerabilities") {
            let notes = text(one, "notes").trim();
            let reason = if notes.is_empty() { "a suppression of Dependency-Check" } else { notes }.to_owned();
            let row = row(reader, dependency, one).map(|row| Row { suppressed: Some(reason), ..row });
            reader.take(one.span, row);
        }
    }
}

fn row(reader: &mut Reader<'_>, dependency: &Value, one: &Value) -> Result<Row, String> {
    let id = text(one, "name");
    if id.is_empty() {
        return Err("`name` is missing".to_owned());
    }
    let scores = [["cvssv4", "baseScore"], ["cvssv3", "baseScore"], ["cvssv2", "score"]];
    let scored = scores.iter().find_map(|path| score(at(one, path)));
    let word = text(one, "severity");
    let word = if has_map(one, "cvssv3") && word.is_empty() { text_at(one, &["cvssv3", "baseSeverity"]) } else { word };
    let severity = match scored {
        Some(severity) => severity,
        None => reader.severity(SCALE, word, one.span),
    };
    let mut row = Row::new(id, severity, one.span);
    row.aliases = list(one, "cwes").iter().filter_map(cwe).collect();
    let described = plain(text(one, "description"));
    row.title = sentence(&described).to_owned();
    let purl = list(dependency, "packages").iter().map(|one| text(one, "id")).find(|id| id.starts_with("pkg:")).unwrap_or_default();
    let file_name = text(dependency, "fileName");
    let package = package_of(purl, "", "");
    let package = if package.purl.is_empty() { package_of("", file_name, "") } else { package };
    row.message = hole(&package.shown, id, &row.title);
    row.why = described;
    let path = first(dependency, &["filePath", "fileName"]);
    // What is within an archive is written `app.war: lib.jar`, and a lock file as `package-lock.json?lodash:4.17.4`.
    let path = path.split_once('?').map_or(path, |(file, _)| file);
    row.spot = Spot::file(path, None);
    row.of_package(&package);
    Ok(row)
}
