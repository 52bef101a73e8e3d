//! Grype's JSON: `matches`, and what its own rules ignored.

use probity_core::Severity;
use probity_value::Value;

use super::Format;
use super::content::{Content, has_list, has_map};
use super::reader::{Reader, Row, Scale, Spot};
use super::words::{cwe, ecosystem, hole, list, moment, package, package_of, sentence, text, text_at, texts, upgrade};

/// Unknown is not harmless.
const SCALE: Scale = &[
    ("critical", Severity::Critical),
    ("high", Severity::High),
    ("medium", Severity::Medium),
    ("low", Severity::Low),
    ("negligible", Severity::Info),
    ("unknown", Severity::Medium),
];

pub(super) const GRYPE: Format = Format { id: "grype", what: "Grype, JSON", scale: SCALE, recognises, read };

fn recognises(content: &Content<'_>) -> bool {
    content.object().is_some_and(|report| {
        let matches = list(report, "matches");
        has_list(report, "matches")
            && (text_at(report, &["descriptor", "name"]) == "grype"
                || matches.iter().any(|one| has_map(one, "vulnerability") && has_map(one, "artifact")))
    })
}

fn read(content: &Content<'_>, reader: &mut Reader<'_>) {
    let Some(report) = content.object() else { return reader.begin("Grype", "", None) };
    let end = moment(text_at(report, &["descriptor", "timestamp"]));
    reader.begin("Grype", text_at(report, &["descriptor", "version"]), end);
    for one in reader.must_items(report, "matches") {
        let row = row(reader, report, one);
        reader.take(one.span, row);
    }
    for one in reader.items(report, "ignoredMatches") {
        let rules = list(one, "appliedIgnoreRules");
        let reasons: Vec<&str> =
            rules.iter().flat_map(|rule| ["reason", "vex-status", "vex-justification"].map(|key| text(rule, key))).collect();
        let reason = reasons.into_iter().filter(|reason| !reason.is_empty()).collect::<Vec<_>>().join(", ");
        let reason = if reason.is_empty() { "ignored by a rule of Grype".to_owned() } else { reason };
        let row = row(reader, report, one).map(|row| Row { suppressed: Some(reason), ..row });
        reader.take(one.span, row);
    }
}

fn row(reader: &mut Reader<'_>, report: &Value, one: &Value) -> Result<Row, String> {
    let (Some(hole_of), Some(artifact)) = (one.get("vulnerability"), one.get("artifact")) else {
        return Err("`vulnerability` or `artifact` is missing".to_owned());
    };
    let (id, name) = (text(hole_of, "id"), text(artifact, "name"));
    if id.is_empty() || name.is_empty() {
        return Err("`vulnerability.id` or `artifact.name` is missing".to_owned());
    }
    let mut row = Row::new(id, reader.severity(SCALE, text(hole_of, "severity"), one.span), one.span);
    let related = list(one, "relatedVulnerabilities");
    row.aliases = related.iter().map(|other| text(other, "id").to_owned()).collect();
    for weak in [hole_of].into_iter().chain(related).flat_map(|owner| list(owner, "cwes")) {
        row.aliases.extend(weak.get("cwe").and_then(cwe));
    }
    let described = [hole_of].into_iter().chain(related).map(|owner| text(owner, "description")).find(|text| !text.is_empty());
    let described = described.unwrap_or_default();
    row.title = sentence(described).to_owned();
    row.why = described.to_owned();
    let version = text(artifact, "version");
    let package = match text(artifact, "purl") {
        "" => package(ecosystem(text(artifact, "type")), name, version),
        purl => package_of(purl, name, version),
    };
    row.message = hole(&package.shown, id, &row.title);
    if text_at(hole_of, &["fix", "state"]) == "wont-fix" {
        row.fix = "those who make it will not mend it: use something else".to_owned();
    } else if let Some(fix) = hole_of.get("fix") {
        row.fix = upgrade(name, &texts(fix, "versions"));
    }
    let path = list(artifact, "locations").first().map(|place| text(place, "path")).unwrap_or_default();
    let system = matches!(text(artifact, "type"), "deb" | "apk" | "rpm" | "alpm" | "portage");
    row.spot = spot(reader, report, if system { "" } else { path });
    row.of_package(&package);
    Ok(row)
}

/// A file of the folder that was looked at, or of the image.
fn spot(reader: &Reader<'_>, report: &Value, path: &str) -> Spot {
    let source = report.get("source");
    let target = source.and_then(|source| source.get("target"));
    let name = match target {
        Some(target) if target.as_str().is_some() => target.as_str().unwrap_or_default(),
        Some(target) => text(target, "userInput"),
        None => "",
    };
    match source.map(|source| text(source, "type")).unwrap_or_default() {
        "directory" if !path.is_empty() => Spot::file(&reader.within(name, path.trim_start_matches('/')), None),
        "file" => Spot::file(name, None),
        _ if path.is_empty() && name == "." => Spot::Nowhere,
        _ if path.is_empty() => Spot::Elsewhere(name.to_owned()),
        _ => Spot::Elsewhere(format!("{name}!/{}", path.trim_start_matches('/'))),
    }
}
