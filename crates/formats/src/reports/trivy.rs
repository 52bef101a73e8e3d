//! Trivy's JSON, schema 2: holes in packages, faults of configuration, secrets, licences; also its report of a cluster.

use probity_core::{Severity, Status};
use probity_value::Value;

use super::Format;
use super::content::{Content, has_list, has_map};
use super::reader::{Reader, Row, Scale, Spot};
use super::words::{
    Package, ecosystem, first, hole, line, moment, package, package_of, sentence, system_package, text, text_at, texts, upgrade,
};

/// Unknown is not harmless.
const SCALE: Scale = &[
    ("critical", Severity::Critical),
    ("high", Severity::High),
    ("medium", Severity::Medium),
    ("low", Severity::Low),
    ("unknown", Severity::Medium),
];

pub(super) const TRIVY: Format = Format { id: "trivy", what: "Trivy, JSON of schema 2", scale: SCALE, recognises, read };

fn recognises(content: &Content<'_>) -> bool {
    content.object().is_some_and(|report| {
        let own = report.get("SchemaVersion").and_then(Value::as_int).is_some() && report.get("ArtifactName").is_some();
        own || report.get("ClusterName").is_some() && (has_list(report, "Resources") || has_list(report, "Findings"))
    })
}

/// What was looked at.
#[derive(Clone, Copy)]
struct Artifact<'v> {
    name: &'v str,
    /// Whether its files are files of a folder.
    files: bool,
}

fn read(content: &Content<'_>, reader: &mut Reader<'_>) {
    let Some(report) = content.object() else { return reader.begin("Trivy", "", None) };
    reader.begin("Trivy", text_at(report, &["Trivy", "Version"]), moment(text(report, "CreatedAt")));
    if report.get("ClusterName").is_some() {
        for key in ["Resources", "Findings"] {
            for resource in reader.items(report, key) {
                let parts = ["Kind", "Namespace", "Name"].map(|key| text(resource, key));
                let name = parts.into_iter().filter(|part| !part.is_empty()).collect::<Vec<_>>().join("/");
                let error = text(resource, "Error");
                if !error.is_empty() {
                    reader.complaint("Trivy", resource.span, &format!("`{name}`: {error}"));
                }
                results(reader, resource, Artifact { name: &name, files: false });
            }
        }
        return;
    }
    match report.get("SchemaVersion").and_then(Value::as_int) {
        Some(2) => {}
        other => {
            let message = format!("schema {} of Trivy is not read, only 2", other.unwrap_or_default());
            return reader.error("report-version", report.span, message);
        }
    }
    let kind = text(report, "ArtifactType");
    let files = matches!(kind, "filesystem" | "repository" | "");
    results(reader, report, Artifact { name: text(report, "ArtifactName"), files });
}

fn results(reader: &mut Reader<'_>, owner: &Value, artifact: Artifact<'_>) {
    for result in reader.items(owner, "Results") {
        if result.as_map().is_none() {
            reader.unreadable(result.span, "a result is not an object");
            continue;
        }
        for one in reader.items(result, "Vulnerabilities") {
            let row = vulnerability(reader, artifact, result, one);
            reader.take(one.span, row);
        }
        for one in reader.items(result, "Misconfigurations") {
            let row = misconfiguration(reader, artifact, result, one);
            reader.take(one.span, row);
        }
        for one in reader.items(result, "Secrets") {
            let row = secret(reader, artifact, result, one);
            reader.take(one.span, row);
        }
        for one in reader.items(result, "Licenses") {
            let row = licence(reader, artifact, result, one);
            reader.take(one.span, row);
        }
        // What an ignore file or a VEX document took away, kept where `--show-suppressed` was given.
        for one in reader.items(result, "ExperimentalModifiedFindings") {
            let Some(finding) = one.get("Finding").filter(|_| has_map(one, "Finding")) else {
                reader.unreadable(one.span, "`Finding` is missing");
                continue;
            };
            let row = match text(one, "Type") {
                "misconfiguration" => misconfiguration(reader, artifact, result, finding),
                "secret" => secret(reader, artifact, result, finding),
                "license" => licence(reader, artifact, result, finding),
                _ => vulnerability(reader, artifact, result, finding),
            };
            let reason = [text(one, "Status"), text(one, "Statement"), text(one, "Source")];
            let reason = reason.into_iter().filter(|part| !part.is_empty()).collect::<Vec<_>>().join(", ");
            reader.take(one.span, row.map(|row| Row { suppressed: Some(reason), ..row }));
        }
    }
}

/// A file of what was looked at.
fn spot(reader: &Reader<'_>, artifact: Artifact<'_>, path: &str, lines: [Option<u32>; 2]) -> Spot {
    let [first, last] = lines;
    match (artifact.files, path.is_empty()) {
        (true, false) => Spot::lines(&reader.within(artifact.name, path), first, last),
        (false, false) if path != artifact.name && !path.starts_with(artifact.name) => {
            // The place of another tool's package in an image is this too, so that both are seen to be one.
            let line = first.map(|line| format!(":{line}")).unwrap_or_default();
            Spot::Elsewhere(format!("{}!/{}{line}", artifact.name, path.trim_start_matches('/')))
        }
        _ if artifact.name == "." => Spot::Nowhere,
        _ => Spot::Elsewhere(artifact.name.to_owned()),
    }
}

fn vulnerability(reader: &mut Reader<'_>, artifact: Artifact<'_>, result: &Value, one: &Value) -> Result<Row, String> {
    let id = text(one, "VulnerabilityID");
    let name = text(one, "PkgName");
    if id.is_empty() || name.is_empty() {
        return Err(format!("`{}` is missing", if id.is_empty() { "VulnerabilityID" } else { "PkgName" }));
    }
    let package = package_at(result, one, name);
    let mut row = Row::new(id, reader.severity(SCALE, text(one, "Severity"), one.span), one.span);
    row.aliases = texts(one, "VendorIDs");
    row.aliases.extend(texts(one, "CweIDs"));
    let title = if text(one, "Title").is_empty() { sentence(text(one, "Description")) } else { text(one, "Title") };
    row.title = title.to_owned();
    row.why = text(one, "Description").to_owned();
    row.message = hole(&package.shown, id, title);
    let fixed: Vec<String> = text(one, "FixedVersion").split(',').map(|version| version.trim().to_owned()).collect();
    row.fix = upgrade(name, &fixed);
    // Trivy's classes of packages say whether the target is a file; packages of a system are of the whole image.
    let path = text(one, "PkgPath");
    let target = text(result, "Target");
    let is_file = text(result, "Class") == "lang-pkgs" && target.contains(['.', '/']);
    let path = if !path.is_empty() {
        path
    } else if is_file {
        target
    } else {
        ""
    };
    row.spot = spot(reader, artifact, path, [None, None]);
    row.of_package(&package);
    Ok(row)
}

fn package_at(result: &Value, one: &Value, name: &str) -> Package {
    let version = text(one, "InstalledVersion");
    let purl = text_at(one, &["PkgIdentifier", "PURL"]);
    if !purl.is_empty() {
        return package_of(purl, name, version);
    }
    let family = text(result, "Type");
    let kind = ecosystem(family);
    if text(result, "Class") == "os-pkgs" { system_package(kind, family, name, version) } else { package(kind, name, version) }
}

fn misconfiguration(reader: &mut Reader<'_>, artifact: Artifact<'_>, result: &Value, one: &Value) -> Result<Row, String> {
    let id = first(one, &["ID", "AVDID"]);
    if id.is_empty() {
        return Err("`ID` is missing".to_owned());
    }
    let mut row = Row::new(id, reader.severity(SCALE, text(one, "Severity"), one.span), one.span);
    row.aliases = vec![text(one, "AVDID").to_owned()];
    row.aliases.extend(text(one, "AVDID").strip_prefix("AVD-").map(str::to_owned));
    row.aliases.push(id.strip_prefix("AVD-").map_or_else(|| format!("AVD-{id}"), str::to_owned));
    row.aliases.extend(texts(one, "Aliases"));
    row.title = text(one, "Title").to_owned();
    row.why = text(one, "Description").to_owned();
    row.message = first(one, &["Message", "Title"]).to_owned();
    row.fix = text(one, "Resolution").to_owned();
    match text(one, "Status") {
        "PASS" => row.status = Status::Pass,
        "EXCEPTION" => row.suppressed = Some("an exception of a policy of Trivy".to_owned()),
        _ => {}
    }
    let cause = one.get("CauseMetadata");
    let at = |key: &str| cause.and_then(|cause| line(cause, key));
    row.spot = spot(reader, artifact, text(result, "Target"), [at("StartLine"), at("EndLine")]);
    let resource = cause.map(|cause| text(cause, "Resource")).unwrap_or_default();
    if !resource.is_empty() {
        row.prints = vec![("resource", resource.to_owned()), ("message", row.message.clone())];
    }
    Ok(row)
}

fn secret(reader: &mut Reader<'_>, artifact: Artifact<'_>, result: &Value, one: &Value) -> Result<Row, String> {
    let id = text(one, "RuleID");
    if id.is_empty() {
        return Err("`RuleID` is missing".to_owned());
    }
    let mut row = Row::new(id, reader.severity(SCALE, text(one, "Severity"), one.span), one.span);
    row.aliases = vec!["CWE-798".to_owned()];
    row.title = first(one, &["Title", "Category"]).to_owned();
    row.message = format!("a secret: {}", first(one, &["Title", "Category", "RuleID"]));
    row.spot = spot(reader, artifact, text(result, "Target"), [line(one, "StartLine"), line(one, "EndLine")]);
    row.known_by_line();
    Ok(row)
}

fn licence(reader: &mut Reader<'_>, artifact: Artifact<'_>, result: &Value, one: &Value) -> Result<Row, String> {
    let name = text(one, "Name");
    if name.is_empty() {
        return Err("`Name` is missing".to_owned());
    }
    let of = text(one, "PkgName");
    let file = text(one, "FilePath");
    let mut row = Row::new("license", reader.severity(SCALE, text(one, "Severity"), one.span), one.span);
    row.title = "Licence that is not allowed everywhere".to_owned();
    let category = text(one, "Category");
    let whose = if of.is_empty() { file } else { of };
    row.message = format!("`{whose}` has the licence `{name}`, of the category `{category}`");
    let target = text(result, "Target");
    let path = if !file.is_empty() {
        file
    } else if target.contains(['.', '/']) {
        target
    } else {
        ""
    };
    row.spot = spot(reader, artifact, path, [None, None]);
    if !of.is_empty() {
        row.prints = vec![("package", of.to_owned()), ("licence", name.to_owned())];
    }
    Ok(row)
}
