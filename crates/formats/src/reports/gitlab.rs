//! GitLab's security reports: SAST, secret detection, dependency and container scanning, DAST, API fuzzing, coverage fuzzing.

use probity_core::{Confidence, Severity};
use probity_value::Value;

use super::Format;
use super::content::{Content, has, has_list, has_map};
use super::reader::{Reader, Row, Scale, Spot};
use super::words::{address, at, cwe, ecosystem, first, hole, line, list, moment, package, sentence, text, text_at};

const SCALE: Scale = &[
    ("critical", Severity::Critical),
    ("high", Severity::High),
    ("medium", Severity::Medium),
    ("low", Severity::Low),
    ("info", Severity::Info),
    ("unknown", Severity::Medium),
    ("undefined", Severity::Medium),
];

pub(super) const GITLAB: Format = Format { id: "gitlab", what: "GitLab security report", scale: SCALE, recognises, read };

fn recognises(content: &Content<'_>) -> bool {
    content.object().is_some_and(|report| {
        let holes = list(report, "vulnerabilities");
        has_list(report, "vulnerabilities")
            && has(report, &["version"])
            && (has_map(report, "scan") || holes.first().is_some_and(|one| has_list(one, "identifiers") && has_map(one, "location")))
    })
}

fn read(content: &Content<'_>, reader: &mut Reader<'_>) {
    let Some(report) = content.object() else { return reader.begin("GitLab", "", None) };
    let holes = reader.must_items(report, "vulnerabilities");
    let scan = report.get("scan");
    let scanner = scan.and_then(|scan| scan.get("scanner")).or_else(|| holes.first()?.get("scanner"));
    let name = scanner.map(|scanner| first(scanner, &["name", "id"])).unwrap_or_default();
    let version = scanner.map(|scanner| text(scanner, "version")).unwrap_or_default();
    let time = |key: &str| scan.and_then(|scan| moment(text(scan, key)));
    let name = if name.is_empty() { "GitLab" } else { name };
    reader.begin(name, version, time("end_time").or_else(|| time("start_time")));
    if let Some(scan) = scan {
        if text(scan, "status") == "failure" {
            reader.failed(name, scan.span, "`status` is `failure`");
        }
        for message in list(scan, "messages") {
            if matches!(text(message, "level"), "fatal" | "warn" | "error") {
                reader.complaint(name, message.span, text(message, "value"));
            }
        }
    }
    let kind = scan.map(|scan| text(scan, "type")).unwrap_or_default();
    for one in holes {
        let row = row(reader, kind, one);
        reader.take(one.span, row);
    }
}

fn row(reader: &mut Reader<'_>, kind: &str, one: &Value) -> Result<Row, String> {
    let kind = if kind.is_empty() { text(one, "category") } else { kind };
    let identifiers = list(one, "identifiers");
    let is = |one: &&Value, kind: &str| text(one, "type").eq_ignore_ascii_case(kind);
    // The hole's own id where it has one, else the scanner's rule, which stands first; a weakness is a class of faults.
    let own = identifiers.iter().find(|one| is(one, "cve") || is(one, "ghsa"));
    let Some(rule) = own.or_else(|| identifiers.iter().find(|one| !is(one, "cwe") && !is(one, "owasp"))).or_else(|| identifiers.first())
    else {
        return Err("`identifiers` is missing".to_owned());
    };
    let id =
        if is(&rule, "cwe") { format!("CWE-{}", text(rule, "value").trim_start_matches("CWE-")) } else { text(rule, "value").to_owned() };
    if id.is_empty() {
        return Err("`identifiers[].value` is missing".to_owned());
    }
    let Some(location) = one.get("location").filter(|location| location.as_map().is_some()) else {
        return Err("`location` is missing".to_owned());
    };
    let mut row = Row::new(&id, reader.severity(SCALE, text(one, "severity"), one.span), one.span);
    for other in identifiers {
        row.aliases.extend(if is(&other, "cwe") { other.get("value").and_then(cwe) } else { Some(text(other, "value").to_owned()) });
    }
    row.title = first(one, &["name", "message"]).to_owned();
    row.why = text(one, "description").to_owned();
    row.fix = text(one, "solution").to_owned();
    row.message = first(one, &["message", "name"]).to_owned();
    if row.message.is_empty() {
        row.message = sentence(&row.why).to_owned();
    }
    row.confidence = match text(one, "confidence").to_ascii_lowercase().as_str() {
        "low" | "experimental" | "unknown" => Confidence::Tentative,
        "confirmed" => Confidence::Certain,
        _ => Confidence::Firm,
    };
    let doubted = list(one, "flags").iter().find(|flag| text(flag, "type") == "flagged-as-likely-false-positive");
    if doubted.is_some() {
        row.confidence = Confidence::Tentative;
    }
    place(&mut row, one, location);
    if kind == "secret_detection" {
        row.aliases.push("CWE-798".to_owned());
        row.why = String::new();
        row.message = format!("a secret: {}", row.title);
        row.known_by_line();
    }
    Ok(row)
}

fn place(row: &mut Row, one: &Value, location: &Value) {
    let host = text(location, "hostname");
    if !host.is_empty() {
        let (method, parameter) = (text(location, "method"), text(location, "param"));
        row.spot = Spot::Elsewhere(address(&format!("{}{}", host.trim_end_matches('/'), text(location, "path"))));
        row.prints = vec![("method", method.to_owned()), ("parameter", parameter.to_owned())];
        if !parameter.is_empty() {
            row.message = format!("{}, by the parameter `{parameter}`", row.message);
        }
        return;
    }
    let (image, file) = (text(location, "image"), text(location, "file"));
    row.spot = if image.is_empty() {
        Spot::lines(file, line(location, "start_line"), line(location, "end_line"))
    } else {
        Spot::Elsewhere(image.to_owned())
    };
    if let Some(dependency) = location.get("dependency").filter(|dependency| dependency.as_map().is_some()) {
        let name = text_at(dependency, &["package", "name"]);
        let version = text(dependency, "version");
        let kind = kind_of(file, image, text(location, "operating_system"), one);
        let package = package(kind, name, version);
        row.message = hole(&package.shown, &row.rule, &row.title);
        row.of_package(&package);
    } else if image.is_empty() {
        let class = [text(location, "class"), text(location, "method")].join(" ");
        // Its own id is a UUID, made anew in each run by some analysers.
        row.prints = vec![("in", class.trim().to_owned()), ("message", row.message.clone())];
    }
}

/// The report names no ecosystem; the lock file does, and an image's distribution.
fn kind_of(file: &str, image: &str, system: &str, one: &Value) -> &'static str {
    if !image.is_empty() {
        return ecosystem(system.split([' ', ':']).next().unwrap_or_default());
    }
    let name = file.rsplit('/').next().unwrap_or_default();
    match name {
        "package-lock.json" | "npm-shrinkwrap.json" | "yarn.lock" | "pnpm-lock.yaml" | "package.json" => "npm",
        "requirements.txt" | "Pipfile.lock" | "Pipfile" | "poetry.lock" | "uv.lock" | "setup.py" | "pipdeptree.json" => "pypi",
        "Gemfile.lock" | "gems.locked" => "gem",
        "go.mod" | "go.sum" => "golang",
        "composer.lock" => "composer",
        "Cargo.lock" => "cargo",
        "pom.xml" | "build.gradle" | "build.gradle.kts" | "gradle.lockfile" | "build.sbt" | "maven.graph.json" => "maven",
        "packages.lock.json" => "nuget",
        "conan.lock" => "conan",
        _ => at(one, &["location", "package_manager"]).and_then(Value::as_str).map_or("", ecosystem),
    }
}
