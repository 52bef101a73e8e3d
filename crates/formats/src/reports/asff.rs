//! Findings of AWS Security Hub in the AWS Security Finding Format (ASFF), as its API, its exports and its events hold them.

use probity_core::{Severity, Status, Timestamp};
use probity_value::Value;

use super::Format;
use super::content::{Content, has, has_list};
use super::reader::{Reader, Row, Scale, Spot};
use super::words::{Package, at, ecosystem, first, hole, list, moment, package, sentence, system_package, text, text_at, texts, upgrade};

const SCALE: Scale = &[
    ("critical", Severity::Critical),
    ("high", Severity::High),
    ("medium", Severity::Medium),
    ("low", Severity::Low),
    ("informational", Severity::Info),
];

pub(super) const ASFF: Format = Format { id: "asff", what: "AWS Security Hub findings (ASFF)", scale: SCALE, recognises, read };

fn findings<'v>(content: &'v Content<'_>) -> Option<&'v [Value]> {
    let report = content.json()?;
    let own = |one: &Value| has(one, &["SchemaVersion", "Id", "ProductArn"]);
    let lists =
        [report.as_list(), report.get("Findings").and_then(Value::as_list), at(report, &["detail", "findings"]).and_then(Value::as_list)];
    let found = lists.into_iter().flatten().find(|list| list.iter().take(1_000).any(own));
    let empty = || report.get("Findings").and_then(Value::as_list).filter(|list| list.is_empty());
    found.or_else(empty)
}

fn recognises(content: &Content<'_>) -> bool {
    findings(content).is_some()
}

fn read(content: &Content<'_>, reader: &mut Reader<'_>) {
    let all = findings(content).unwrap_or_default();
    if all.is_empty() {
        reader.begin("AWS Security Hub", "", None);
    }
    if let Some(report) = content.object().filter(|report| !text(report, "NextToken").is_empty()) {
        reader.error("report-shape", report.span, "`NextToken` says that there is more: the other pages are missing");
    }
    for one in all {
        let product = first(one, &["ProductName"]);
        let product = if product.is_empty() { product_of(text(one, "ProductArn")) } else { product };
        reader.begin(if product.is_empty() { "AWS Security Hub" } else { product }, "", observed(one));
        rows(reader, one);
    }
}

/// `guardduty` of `arn:aws:securityhub:eu-west-1::product/aws/guardduty`.
fn product_of(arn: &str) -> &str {
    arn.rsplit('/').next().unwrap_or_default()
}

fn observed(one: &Value) -> Option<Timestamp> {
    ["LastObservedAt", "UpdatedAt"].iter().find_map(|key| moment(text(one, key)))
}

fn rows(reader: &mut Reader<'_>, one: &Value) {
    if one.as_map().is_none() {
        return reader.unreadable(one.span, "a finding is not an object");
    }
    let control = text_at(one, &["Compliance", "SecurityControlId"]);
    let generator = if control.is_empty() { text(one, "GeneratorId") } else { control };
    if generator.is_empty() {
        return reader.unreadable(one.span, "`GeneratorId` is missing");
    }
    let label = text_at(one, &["Severity", "Label"]);
    let severity = match (label, at(one, &["Severity", "Normalized"]).and_then(Value::as_int)) {
        ("", Some(normalized)) => match normalized {
            90.. => Severity::Critical,
            70.. => Severity::High,
            40.. => Severity::Medium,
            1.. => Severity::Low,
            _ => Severity::Info,
        },
        (label, _) => reader.severity(SCALE, label, one.span),
    };
    let mut row = Row::new(generator, severity, one.span);
    row.aliases = vec![text(one, "GeneratorId").to_owned()];
    row.title = text(one, "Title").to_owned();
    row.why = text(one, "Description").to_owned();
    row.fix = text_at(one, &["Remediation", "Recommendation", "Text"]).to_owned();
    match text_at(one, &["Compliance", "Status"]) {
        "PASSED" => row.status = Status::Pass,
        "WARNING" | "NOT_AVAILABLE" => row.status = Status::Unknown,
        _ => {}
    }
    match text_at(one, &["Workflow", "Status"]) {
        "SUPPRESSED" => row.suppressed = Some(first_note(one)),
        "RESOLVED" => row.status = Status::NotApplicable,
        _ => {}
    }
    if text(one, "RecordState") == "ARCHIVED" {
        row.status = Status::NotApplicable;
    }
    let resources = list(one, "Resources");
    if resources.is_empty() {
        return reader.unreadable(one.span, "`Resources` is missing");
    }
    for resource in resources {
        let id = text(resource, "Id");
        if id.is_empty() {
            reader.unreadable(resource.span, "`Resources[].Id` is missing");
            continue;
        }
        let mut row = row.clone();
        row.spot = Spot::Elsewhere(id.to_owned());
        row.subject = id.to_owned();
        row.message = format!("{}: `{id}`", row.title);
        row.prints = vec![("generator", text(one, "GeneratorId").to_owned())];
        if has_list(one, "Vulnerabilities") && !list(one, "Vulnerabilities").is_empty() {
            holes(reader, one, &row);
        } else {
            reader.add(row);
        }
    }
}

fn first_note(one: &Value) -> String {
    match text_at(one, &["Note", "Text"]) {
        "" => "suppressed in AWS Security Hub".to_owned(),
        note => note.to_owned(),
    }
}

/// One row for each hole and package.
fn holes(reader: &mut Reader<'_>, one: &Value, base: &Row) {
    for found in list(one, "Vulnerabilities") {
        let id = text(found, "Id");
        if id.is_empty() {
            reader.unreadable(found.span, "`Vulnerabilities[].Id` is missing");
            continue;
        }
        let mut base = base.clone();
        base.aliases.push(std::mem::replace(&mut base.rule, id.to_owned()));
        base.aliases.extend(texts(found, "RelatedVulnerabilities"));
        // The name of the scanner is no id of the hole.
        base.aliases.retain(|alias| !alias.starts_with("AWSInspector") && !alias.contains('/'));
        base.span = found.span;
        let used = list(found, "VulnerablePackages");
        if used.is_empty() {
            base.message = format!("{id}: {}", base.title);
            reader.add(base.clone());
        }
        for used in used {
            let name = text(used, "Name");
            let (version, release, epoch) = (text(used, "Version"), text(used, "Release"), text(used, "Epoch"));
            let mut full = if epoch.is_empty() || epoch == "0" { version.to_owned() } else { format!("{epoch}:{version}") };
            if !release.is_empty() {
                full = format!("{full}-{release}");
            }
            let manager = text(used, "PackageManager");
            let kind = ecosystem(manager);
            // It says that a package is the system's, and not of which system.
            let package = if kind.is_empty() { package("", name, &full) } else { packaged(kind, name, &full) };
            let mut row = base.clone();
            row.message = hole(&package.shown, id, sentence(&base.why));
            let fixed = text(used, "FixedInVersion");
            if !fixed.is_empty() && fixed != "NotAvailable" {
                row.fix = upgrade(name, &[fixed.to_owned()]);
            }
            let resource = row.subject.clone();
            row.of_package(&package);
            if row.subject.is_empty() {
                row.subject = resource;
            }
            reader.add(row);
        }
    }
}

fn packaged(kind: &str, name: &str, version: &str) -> Package {
    match kind {
        "apk" => system_package(kind, "alpine", name, version),
        "deb" => system_package(kind, "debian", name, version),
        _ => package(kind, name, version),
    }
}
