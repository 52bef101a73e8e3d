//! What package managers of JavaScript audit: npm (both forms of its report, the older one is also pnpm's and old yarn's), and yarn,
//! which writes a line for each result.

use std::collections::BTreeSet;

use probity_core::Severity;
use probity_value::Value;

use super::Format;
use super::content::{Content, has, has_map};
use super::reader::{Reader, Row, Scale, Spot};
use super::words::{cwe, first, hole, ids_in, list, package, plain, text, text_at, texts, upgrade, word};

const SCALE: Scale = &[
    ("critical", Severity::Critical),
    ("high", Severity::High),
    ("moderate", Severity::Medium),
    ("medium", Severity::Medium),
    ("low", Severity::Low),
    ("info", Severity::Info),
];

pub(super) const NPM: Format =
    Format { id: "npm-audit", what: "npm audit or pnpm audit, JSON", scale: SCALE, recognises: is_npm, read: read_npm };

pub(super) const YARN: Format =
    Format { id: "yarn-audit", what: "yarn audit, lines of JSON", scale: SCALE, recognises: is_yarn, read: read_yarn };

/// Lock files, by the name of the tool that reads them.
const NPM_LOCKS: &[&str] = &["package-lock.json", "npm-shrinkwrap.json", "pnpm-lock.yaml", "package.json"];
const YARN_LOCKS: &[&str] = &["yarn.lock", "package.json"];

fn is_npm(content: &Content<'_>) -> bool {
    content.object().is_some_and(|report| {
        has(report, &["auditReportVersion"])
            || has_map(report, "advisories") && (has(report, &["metadata"]) || has(report, &["actions"]))
            || is_failure(report)
    })
}

/// What npm writes where it could not audit.
fn is_failure(report: &Value) -> bool {
    let error = report.get("error").filter(|error| error.as_map().is_some());
    error.is_some_and(|error| has(error, &["summary"]) && has(error, &["detail"]) || has(report, &["message", "uri", "statusCode"]))
}

fn read_npm(content: &Content<'_>, reader: &mut Reader<'_>) {
    let Some(report) = content.object() else { return reader.begin("npm audit", "", None) };
    reader.begin("npm audit", "", None);
    if is_failure(report) {
        let said = [text(report, "message"), text_at(report, &["error", "summary"]), text_at(report, &["error", "detail"])];
        return reader.failed("npm audit", report.span, said.into_iter().find(|text| !text.is_empty()).unwrap_or("it does not say why"));
    }
    let spot = reader.first_there(NPM_LOCKS);
    if has_map(report, "advisories") {
        let advisories = report.get("advisories").and_then(Value::as_map);
        for (_, entry) in advisories.into_iter().flat_map(|map| map.iter()) {
            advisory(reader, &entry.value, &spot);
        }
        return;
    }
    let Some(holes) = report.get("vulnerabilities").and_then(Value::as_map) else {
        return reader.error("report-shape", report.span, "`vulnerabilities` is missing or not an object");
    };
    // The same advisory stands under every package that pulls it in, by name only; what it is about is told once for each package.
    let mut seen: BTreeSet<(String, String)> = BTreeSet::new();
    for (name, entry) in holes.iter() {
        let owner = &entry.value;
        if owner.as_map().is_none() {
            reader.unreadable(owner.span, "a vulnerability is not an object");
            continue;
        }
        for via in reader.must_items(owner, "via") {
            if via.as_str().is_some() {
                continue;
            }
            let row = via_row(reader, name, owner, via, &spot);
            let new = row.as_ref().map_or(true, |row| seen.insert((row.rule.clone(), row.subject.clone())));
            if new {
                reader.take(via.span, row);
            }
        }
    }
}

fn via_row(reader: &mut Reader<'_>, name: &str, owner: &Value, via: &Value, spot: &Spot) -> Result<Row, String> {
    let source = word(via, "source");
    let ids = ids_in(text(via, "url"));
    let Some(id) = ids.first().cloned().or_else(|| (!source.is_empty()).then(|| format!("npm-{source}"))) else {
        return Err("`source` and `url` are missing".to_owned());
    };
    let name = first(via, &["dependency", "name"]).to_owned() + if first(via, &["dependency", "name"]).is_empty() { name } else { "" };
    let package = package("npm", &name, "");
    let mut row = Row::new(&id, reader.severity(SCALE, text(via, "severity"), via.span), via.span);
    row.aliases = ids;
    row.aliases.extend(list(via, "cwe").iter().filter_map(cwe));
    row.title = text(via, "title").to_owned();
    row.message = format!("{}, in versions {}", hole(&name, &id, &row.title), text(via, "range"));
    row.fix = match owner.get("fixAvailable") {
        Some(fix) if fix.as_map().is_some() => {
            let major = fix.get("isSemVerMajor").and_then(Value::as_bool) == Some(true);
            let what = upgrade(text(fix, "name"), &[text(fix, "version").to_owned()]);
            if major { format!("{what}, which is a breaking change") } else { what }
        }
        Some(fix) if fix.as_bool() == Some(true) => "run `npm audit fix`".to_owned(),
        _ => String::new(),
    };
    row.spot = spot.clone();
    row.of_package(&package);
    Ok(row)
}

/// An advisory of the older form; one row for each version in use.
fn advisory(reader: &mut Reader<'_>, one: &Value, spot: &Spot) {
    let name = text(one, "module_name");
    let number = word(one, "id");
    let ghsa = [text(one, "github_advisory_id"), text(one, "url")].into_iter().flat_map(ids_in).next();
    let Some(id) = ghsa.clone().or_else(|| (!number.is_empty()).then(|| format!("npm-{number}"))) else {
        return reader.unreadable(one.span, "`id` is missing");
    };
    if name.is_empty() {
        return reader.unreadable(one.span, "`module_name` is missing");
    }
    let severity = reader.severity(SCALE, text(one, "severity"), one.span);
    let versions: BTreeSet<&str> = list(one, "findings").iter().map(|finding| text(finding, "version")).collect();
    for version in if versions.is_empty() { BTreeSet::from([""]) } else { versions } {
        let package = package("npm", name, version);
        let mut row = Row::new(&id, severity, one.span);
        row.aliases = texts(one, "cves");
        row.aliases.push(format!("npm-{number}"));
        row.aliases.extend(texts(one, "cwe").iter().filter_map(|text| super::words::weakness(text)));
        row.title = text(one, "title").to_owned();
        row.why = plain(text(one, "overview"));
        row.message = hole(&package.shown, &id, &row.title);
        row.fix = match text(one, "patched_versions") {
            "" | "<0.0.0" => Some(plain(text(one, "recommendation"))).filter(|text| text != "None").unwrap_or_default(),
            patched => upgrade(name, &[patched.to_owned()]),
        };
        row.spot = spot.clone();
        row.of_package(&package);
        reader.add(row);
    }
}

fn is_yarn(content: &Content<'_>) -> bool {
    let rows = content.rows();
    let classic = |row: &Value| has_map(row, "data") && matches!(text(row, "type"), "auditAdvisory" | "auditSummary" | "auditAction");
    let berry = |row: &Value| has(row, &["value"]) && row.get("children").is_some_and(|one| has(one, &["ID", "Severity"]));
    rows.iter().any(|row| classic(row) || berry(row))
}

fn read_yarn(content: &Content<'_>, reader: &mut Reader<'_>) {
    reader.begin("yarn audit", "", None);
    let spot = reader.first_there(YARN_LOCKS);
    let mut seen = BTreeSet::new();
    let mut whole = content.is_empty();
    for row in content.rows() {
        if let Some(children) = row.get("children") {
            whole = true;
            let row = berry(reader, row, children, &spot);
            reader.take(children.span, row);
            continue;
        }
        match text(row, "type") {
            "auditAdvisory" => {
                let Some(one) = row.get("data").and_then(|data| data.get("advisory")) else {
                    reader.unreadable(row.span, "`data.advisory` is missing");
                    continue;
                };
                // There is a line for each way to the package.
                if seen.insert((word(one, "id"), text(one, "module_name").to_owned())) {
                    advisory(reader, one, &spot);
                }
            }
            "auditSummary" => whole = true,
            "error" => reader.failed("yarn audit", row.span, text(row, "data")),
            "warning" => reader.complaint("yarn audit", row.span, text(row, "data")),
            _ => {}
        }
    }
    if !whole {
        reader.error("report-shape", content.span(), "the summary that ends the report of yarn is missing: it is cut off");
    }
}

/// A result as yarn 4 writes it.
fn berry(reader: &mut Reader<'_>, owner: &Value, one: &Value, spot: &Spot) -> Result<Row, String> {
    let name = text(owner, "value");
    let number = word(one, "ID");
    if name.is_empty() || number.is_empty() {
        return Err("`value` or `ID` is missing".to_owned());
    }
    let ids = ids_in(text(one, "URL"));
    let deprecated = number.contains("deprecation");
    let id = ids.first().cloned().unwrap_or_else(|| if deprecated { "deprecated".to_owned() } else { format!("npm-{number}") });
    let version = texts(one, "Tree Versions").into_iter().next().unwrap_or_default();
    let package = package("npm", name, &version);
    let mut row = Row::new(&id, reader.severity(SCALE, text(one, "Severity"), one.span), one.span);
    row.aliases = ids;
    row.title = if deprecated { "Deprecated package".to_owned() } else { plain(text(one, "Issue")) };
    let issue = plain(text(one, "Issue"));
    row.message = if deprecated { format!("`{}` is deprecated: {issue}", package.shown) } else { hole(&package.shown, &id, &issue) };
    row.spot = spot.clone();
    row.of_package(&package);
    Ok(row)
}
