//! OSV-Scanner's JSON: one result for each group of advisories that are the same hole.

use probity_core::Severity;
use probity_value::Value;

use super::Format;
use super::content::{Content, has, has_list, has_map};
use super::reader::{Reader, Row, Scale, Spot};
use super::words::{cwe, ecosystem, hole, list, number, package, score, sentence, system_package, text, text_at, texts, upgrade};

/// What it ranks is a CVSS score; words are those of GitHub's advisories, where there is no score.
const SCALE: Scale = &[
    ("critical", Severity::Critical),
    ("high", Severity::High),
    ("moderate", Severity::Medium),
    ("medium", Severity::Medium),
    ("low", Severity::Low),
    ("unknown", Severity::Medium),
];

pub(super) const OSV_SCANNER: Format = Format { id: "osv-scanner", what: "OSV-Scanner, JSON", scale: SCALE, recognises, read };

fn recognises(content: &Content<'_>) -> bool {
    content.object().is_some_and(|report| {
        let results = list(report, "results");
        has_list(report, "results")
            && (results.iter().any(|one| has_map(one, "source") && has_list(one, "packages"))
                || results.is_empty() && has(report, &["experimental_config"]))
    })
}

fn read(content: &Content<'_>, reader: &mut Reader<'_>) {
    reader.begin("osv-scanner", "", None);
    let Some(report) = content.object() else { return };
    for result in reader.must_items(report, "results") {
        for used in reader.must_items(result, "packages") {
            let holes = list(used, "vulnerabilities");
            let groups = list(used, "groups");
            for group in groups {
                let row = row(reader, result, used, texts(group, "ids"), Some(group));
                reader.take(group.span, row);
            }
            if groups.is_empty() {
                for one in holes {
                    let row = row(reader, result, used, vec![text(one, "id").to_owned()], None);
                    reader.take(one.span, row);
                }
            }
            for licence in texts(used, "license_violations") {
                let name = text_at(used, &["package", "name"]);
                let mut row = Row::new("license", Severity::Medium, used.span);
                row.title = "Licence that is not allowed".to_owned();
                row.message = format!("`{name}` has the licence `{licence}`");
                row.spot = spot(result);
                row.prints = vec![("package", name.to_owned()), ("licence", licence)];
                reader.add(row);
            }
        }
    }
}

fn spot(result: &Value) -> Spot {
    let path = text_at(result, &["source", "path"]);
    match text_at(result, &["source", "type"]) {
        "docker" | "image" | "os" => Spot::Elsewhere(path.to_owned()),
        _ => Spot::file(path.split_once("://").map_or(path, |(_, path)| path), None),
    }
}

fn row(reader: &mut Reader<'_>, result: &Value, used: &Value, ids: Vec<String>, group: Option<&Value>) -> Result<Row, String> {
    let name = match text_at(used, &["package", "name"]) {
        "" => text_at(used, &["package", "commit"]),
        name => name,
    };
    let Some(id) = ids.first().filter(|id| !id.is_empty()).cloned() else { return Err("an advisory has no id".to_owned()) };
    if name.is_empty() {
        return Err("`package.name` is missing".to_owned());
    }
    let holes: Vec<&Value> = list(used, "vulnerabilities").iter().filter(|one| ids.iter().any(|id| **id == *text(one, "id"))).collect();
    let worst = group.and_then(|group| group.get("max_severity"));
    let said = || holes.iter().map(|one| text_at(one, &["database_specific", "severity"])).find(|word| !word.is_empty());
    let severity = match (score(worst), said()) {
        (Some(severity), _) => severity,
        (None, Some(word)) => reader.severity(SCALE, word, used.span),
        // A score of zero is one; nothing at all is unknown.
        (None, None) if worst.and_then(number) == Some(0.0) => Severity::Info,
        (None, None) => Severity::Medium,
    };
    let span = group.map_or_else(|| holes.first().map_or(used.span, |one| one.span), |group| group.span);
    let mut row = Row::new(&id, severity, span);
    row.aliases = ids.clone();
    row.aliases.extend(group.map(|group| texts(group, "aliases")).unwrap_or_default());
    let mut fixed = Vec::new();
    for one in &holes {
        row.aliases.extend(texts(one, "aliases"));
        row.aliases.extend(
            one.get("database_specific").map(|more| list(more, "cwe_ids").iter().filter_map(cwe).collect::<Vec<_>>()).unwrap_or_default(),
        );
        for range in
            list(one, "affected").iter().filter(|one| text_at(one, &["package", "name"]) == name).flat_map(|one| list(one, "ranges"))
        {
            if text(range, "type") != "GIT" {
                fixed.extend(list(range, "events").iter().map(|event| text(event, "fixed").to_owned()).filter(|fixed| !fixed.is_empty()));
            }
        }
    }
    let first = holes.first().copied();
    let summary = first.map(|one| text(one, "summary")).unwrap_or_default();
    let details = first.map(|one| text(one, "details")).unwrap_or_default();
    row.title = if summary.is_empty() { sentence(details) } else { summary }.to_owned();
    row.why = super::words::plain(details);
    let version = text_at(used, &["package", "version"]);
    let ecosystem_name = text_at(used, &["package", "ecosystem"]).split(':').next().unwrap_or_default();
    let kind = ecosystem(ecosystem_name);
    let package = match kind {
        "deb" | "apk" | "rpm" => system_package(kind, &ecosystem_name.to_ascii_lowercase(), name, version),
        _ => package(kind, name, version),
    };
    row.message = hole(&package.shown, &id, &row.title);
    fixed.dedup();
    row.fix = upgrade(name, &fixed);
    row.spot = spot(result);
    row.of_package(&package);
    Ok(row)
}
