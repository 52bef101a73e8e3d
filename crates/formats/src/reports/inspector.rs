//! Findings of Amazon Inspector (version 2) as `CreateFindingsReport` exports and `ListFindings` answers them.

use probity_core::{Severity, Status};
use probity_value::Value;

use super::Format;
use super::content::{Content, has, has_list};
use super::reader::{Reader, Row, Scale, Spot};
use super::words::{
    Package, at, cwe, ecosystem, first, hole, line, list, moment, package, sentence, system_package, text, text_at, texts, upgrade,
};

const SCALE: Scale = &[
    ("critical", Severity::Critical),
    ("high", Severity::High),
    ("medium", Severity::Medium),
    ("low", Severity::Low),
    ("informational", Severity::Info),
    ("untriaged", Severity::Medium),
];

pub(super) const INSPECTOR: Format =
    Format { id: "aws-inspector", what: "Amazon Inspector, exported findings", scale: SCALE, recognises, read };

fn recognises(content: &Content<'_>) -> bool {
    content.object().is_some_and(|report| {
        has_list(report, "findings")
            && list(report, "findings").first().is_some_and(|one| has(one, &["findingArn", "type"]) && has_list(one, "resources"))
    })
}

fn read(content: &Content<'_>, reader: &mut Reader<'_>) {
    reader.begin("Amazon Inspector", "", None);
    let Some(report) = content.object() else { return };
    if !text(report, "nextToken").is_empty() {
        reader.error("report-shape", report.span, "`nextToken` says that there is more: the other pages are missing");
    }
    for one in reader.must_items(report, "findings") {
        // The export has no time of its own; a finding was observed while a scan ran.
        reader.ended(moment(text(one, "lastObservedAt")).or_else(|| moment(text(one, "updatedAt"))));
        let severity = match text(one, "severity") {
            "" => Err("`severity` is missing".to_owned()),
            word => Ok(reader.severity(SCALE, word, one.span)),
        };
        match severity {
            Ok(severity) => rows(reader, one, severity),
            Err(why) => reader.unreadable(one.span, &why),
        }
    }
}

/// The rows of a finding: one for each package it names.
fn rows(reader: &mut Reader<'_>, one: &Value, severity: Severity) {
    let resource = list(one, "resources").first().map(|resource| text(resource, "id")).unwrap_or_default();
    if resource.is_empty() {
        return reader.unreadable(one.span, "`resources[0].id` is missing");
    }
    let mut base = Row::new("", severity, one.span);
    base.title = text(one, "title").to_owned();
    base.why = text(one, "description").to_owned();
    base.fix = text_at(one, &["remediation", "recommendation", "text"]).to_owned();
    if base.fix == "None Provided" {
        base.fix.clear();
    }
    base.spot = Spot::Elsewhere(resource.to_owned());
    base.subject = resource.to_owned();
    match text(one, "status") {
        "SUPPRESSED" => base.suppressed = Some("suppressed in Amazon Inspector".to_owned()),
        "CLOSED" => base.status = Status::NotApplicable,
        _ => {}
    }
    if let Some(details) = one.get("packageVulnerabilityDetails") {
        return packages(reader, one, details, &base);
    }
    let row = if let Some(details) = one.get("codeVulnerabilityDetails") {
        code(details, base)
    } else if let Some(details) = one.get("networkReachabilityDetails") {
        Ok(network(details, base))
    } else {
        Err(format!("`{}` is no type of finding that is known", text(one, "type")))
    };
    reader.take(one.span, row);
}

fn packages(reader: &mut Reader<'_>, one: &Value, details: &Value, base: &Row) {
    let id = text(details, "vulnerabilityId");
    if id.is_empty() {
        return reader.unreadable(one.span, "`vulnerabilityId` is missing");
    }
    let platform = list(one, "resources").first().map(platform).unwrap_or_default();
    let named = list(details, "vulnerablePackages");
    let mut base = base.clone();
    base.rule = id.to_owned();
    base.aliases = texts(details, "relatedVulnerabilities");
    base.aliases.extend(texts(details, "referenceUrls").iter().flat_map(|url| super::words::ids_in(url)));
    if named.is_empty() {
        base.message = format!("{id}: {}", base.title);
        return reader.add(base);
    }
    for used in named {
        let name = text(used, "name");
        if name.is_empty() {
            reader.unreadable(used.span, "`vulnerablePackages[].name` is missing");
            continue;
        }
        let package = package_at(used, name, platform);
        let mut row = base.clone();
        row.span = used.span;
        let title = sentence(&base.why).to_owned();
        row.message = hole(&package.shown, id, &title);
        let fixed = text(used, "fixedInVersion");
        if !fixed.is_empty() && fixed != "NotAvailable" {
            row.fix = upgrade(name, &[fixed.trim_start_matches("0:").to_owned()]);
        }
        let path = text(used, "filePath");
        if !path.is_empty()
            && let Spot::Elsewhere(place) = &row.spot
        {
            row.spot = Spot::Elsewhere(format!("{place}!/{}", path.trim_start_matches('/')));
        }
        row.of_package(&package);
        reader.add(row);
    }
}

/// The distribution an instance or image runs, as `DEBIAN_12` or `AMAZON_LINUX_2`.
fn platform(resource: &Value) -> &str {
    let details = resource.get("details");
    let of = |key: &str| details.and_then(|details| details.get(key)).map(|kind| text(kind, "platform")).unwrap_or_default();
    [of("awsEcrContainerImage"), of("awsEc2Instance")].into_iter().find(|platform| !platform.is_empty()).unwrap_or_default()
}

fn package_at(used: &Value, name: &str, platform: &str) -> Package {
    let (epoch, release) = (used.get("epoch").and_then(Value::as_int).unwrap_or(0), text(used, "release"));
    let mut version = text(used, "version").to_owned();
    if epoch > 0 {
        version = format!("{epoch}:{version}");
    }
    if !release.is_empty() {
        version = format!("{version}-{release}");
    }
    let manager = text(used, "packageManager");
    if matches!(manager, "OS" | "" | "GENERIC") {
        let family = platform.to_ascii_lowercase().replace("amazon_linux", "amazon").replace("red_hat", "redhat").replace("_", "-");
        let family = family.split('-').next().unwrap_or_default();
        return system_package(ecosystem(family), family, name, &version);
    }
    package(ecosystem(manager_family(manager)), name, &version)
}

/// Inspector names managers finer than ecosystems: `PYTHONPKG`, `GOBINARY`, `YARN`, `DOTNET_DEPS`.
fn manager_family(manager: &str) -> &'static str {
    match manager {
        "BUNDLER" | "GEMSPEC" => "gem",
        "CARGO" | "RUST" => "cargo",
        "COMPOSER" => "composer",
        "NPM" | "NODEPKG" | "YARN" | "PNPM" => "npm",
        "NUGET" | "DOTNET" | "DOTNET_DEPS" => "nuget",
        "PIPENV" | "POETRY" | "PIP" | "PYTHON" | "PYTHONPKG" => "pypi",
        "GOBINARY" | "GOMOD" => "go",
        "JAR" | "POM" | "GRADLE" => "maven",
        _ => "",
    }
}

fn code(details: &Value, mut row: Row) -> Result<Row, String> {
    let rule = first(details, &["detectorId", "ruleId", "detectorName"]);
    if rule.is_empty() {
        return Err("`detectorId` is missing".to_owned());
    }
    row.rule = rule.to_owned();
    row.aliases = list(details, "cwes").iter().filter_map(cwe).collect();
    row.title = text(details, "detectorName").to_owned();
    let file = at(details, &["filePath"]);
    let path = file.map(|file| first(file, &["filePath", "fileName"])).unwrap_or_default();
    let number = file.and_then(|file| line(file, "startLine"));
    let place = match (&row.spot, number) {
        (Spot::Elsewhere(resource), Some(number)) if !path.is_empty() => format!("{resource}!/{path}:{number}"),
        (Spot::Elsewhere(resource), None) if !path.is_empty() => format!("{resource}!/{path}"),
        (Spot::Elsewhere(resource), _) => resource.clone(),
        _ => String::new(),
    };
    row.message = format!("{}, in `{path}`", row.title);
    row.prints = vec![("path", path.to_owned())];
    row.spot = Spot::Elsewhere(place);
    Ok(row)
}

fn network(details: &Value, mut row: Row) -> Row {
    let port = |key: &str| at(details, &["openPortRange", key]).and_then(Value::as_int).unwrap_or(0);
    let (begin, end) = (port("begin"), port("end"));
    let ports = if begin == end { begin.to_string() } else { format!("{begin}-{end}") };
    let protocol = text(details, "protocol");
    row.rule = "network-reachability".to_owned();
    row.message = format!("port {ports} ({protocol}) can be reached from outside");
    row.prints = vec![("port", ports), ("protocol", protocol.to_owned())];
    row
}
