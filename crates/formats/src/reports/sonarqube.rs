//! SonarQube: the generic issues other tools write for it (the old form, and the one of 10.3 with `rules`), and what its own
//! `api/issues/search` and `api/hotspots/search` answer.

use std::collections::HashMap;

use probity_core::{Severity, Status};
use probity_value::Value;

use super::Format;
use super::content::{Content, has, has_list, has_map};
use super::reader::{Reader, Row, Scale, Spot};
use super::words::{at, first, line, list, text, text_at, texts, weakness};

/// Severities of issues, and of impacts.
const SCALE: Scale = &[
    ("blocker", Severity::Critical),
    ("critical", Severity::High),
    ("high", Severity::High),
    ("major", Severity::Medium),
    ("medium", Severity::Medium),
    ("minor", Severity::Low),
    ("low", Severity::Low),
    ("info", Severity::Info),
];

pub(super) const GENERIC: Format =
    Format { id: "sonarqube-generic", what: "generic issues for SonarQube", scale: SCALE, recognises: is_generic, read: read_generic };

pub(super) const SEARCH: Format = Format {
    id: "sonarqube",
    what: "SonarQube, `api/issues/search` or `api/hotspots/search`",
    scale: SCALE,
    recognises: is_search,
    read: read_search,
};

fn is_generic(content: &Content<'_>) -> bool {
    content.object().is_some_and(|report| {
        has_list(report, "issues")
            && (list(report, "issues").iter().any(|issue| has_map(issue, "primaryLocation"))
                || report.as_map().is_some_and(|map| map.keys().all(|key| matches!(&**key, "issues" | "rules"))))
    })
}

fn read_generic(content: &Content<'_>, reader: &mut Reader<'_>) {
    let Some(report) = content.object() else { return reader.begin("SonarQube", "", None) };
    let issues = reader.must_items(report, "issues");
    let mut rules: HashMap<&str, &Value> = HashMap::new();
    for rule in reader.items(report, "rules") {
        if text(rule, "id").is_empty() {
            reader.error("report-shape", rule.span, "a rule has no `id`");
        }
        rules.insert(text(rule, "id"), rule);
    }
    if issues.is_empty() {
        let engine = rules.values().map(|rule| text(rule, "engineId")).find(|engine| !engine.is_empty());
        reader.begin(engine.unwrap_or("SonarQube"), "", None);
    }
    for issue in issues {
        let rule = rules.get(text(issue, "ruleId")).copied();
        let engine = rule.map(|rule| text(rule, "engineId")).filter(|engine| !engine.is_empty()).unwrap_or(text(issue, "engineId"));
        reader.begin(if engine.is_empty() { "SonarQube" } else { engine }, "", None);
        let row = generic(reader, issue, rule);
        reader.take(issue.span, row);
    }
}

fn generic(reader: &mut Reader<'_>, issue: &Value, rule: Option<&Value>) -> Result<Row, String> {
    let id = text(issue, "ruleId");
    if id.is_empty() {
        return Err("`ruleId` is missing".to_owned());
    }
    let Some(primary) = issue.get("primaryLocation").filter(|place| place.as_map().is_some()) else {
        return Err("`primaryLocation` is missing".to_owned());
    };
    let file = text(primary, "filePath");
    if file.is_empty() {
        return Err("`filePath` is missing".to_owned());
    }
    let own = |key: &str| issue.get(key).or_else(|| rule?.get(key));
    let severity = severity(reader, issue, own("impacts"), own("severity"), own("type").and_then(Value::as_str).unwrap_or_default());
    let mut row = Row::new(id, severity, issue.span);
    if let Some(rule) = rule {
        row.title = text(rule, "name").to_owned();
        row.why = super::words::plain(text(rule, "description"));
    }
    row.message = text(primary, "message").to_owned();
    row.spot = range(file, primary.get("textRange"), ["startColumn", "endColumn"]);
    Ok(row)
}

/// The severity of an issue: that of its impact on security; what has none there (bugs, smells) is no fault of security.
fn severity(reader: &mut Reader<'_>, issue: &Value, impacts: Option<&Value>, word: Option<&Value>, kind: &str) -> Severity {
    let impacts = impacts.and_then(Value::as_list).unwrap_or_default();
    if let Some(impact) = impacts.iter().find(|impact| text(impact, "softwareQuality").eq_ignore_ascii_case("security")) {
        return reader.severity(SCALE, text(impact, "severity"), impact.span);
    }
    let security = kind.eq_ignore_ascii_case("vulnerability") || kind.eq_ignore_ascii_case("security_hotspot");
    if !security && (!impacts.is_empty() || !kind.is_empty()) {
        return Severity::Info;
    }
    reader.severity(SCALE, word.and_then(Value::as_str).unwrap_or_default(), issue.span)
}

/// Lines from 1 and columns from 0.
fn range(file: &str, range: Option<&Value>, columns: [&str; 2]) -> Spot {
    let mut spot = match range {
        Some(range) => Spot::lines(file, line(range, "startLine"), line(range, "endLine")),
        None => Spot::file(file, None),
    };
    let number = |key: &str| range.and_then(|range| u32::try_from(range.get(key)?.as_int()?.checked_add(1)?).ok());
    let [first, last] = columns;
    if let (Spot::File { line, column, end_column, .. }, Some(start), Some(end)) = (&mut spot, number(first), number(last))
        && *line > 0
    {
        (*column, *end_column) = (start, end);
    }
    spot
}

fn is_search(content: &Content<'_>) -> bool {
    content.object().is_some_and(|report| {
        let paged = has(report, &["paging"]) || has(report, &["total", "ps"]);
        let own = |key: &str| list(report, key).iter().all(|issue| has(issue, &["key", "component"]));
        paged && (has_list(report, "issues") && own("issues") || has_list(report, "hotspots") && own("hotspots"))
    })
}

fn read_search(content: &Content<'_>, reader: &mut Reader<'_>) {
    reader.begin("SonarQube", "", None);
    let Some(report) = content.object() else { return };
    let key = if report.get("hotspots").is_some() { "hotspots" } else { "issues" };
    let issues = reader.must_items(report, key);
    let total = at(report, &["paging", "total"]).or_else(|| report.get("total")).and_then(Value::as_int);
    match total.map(usize::try_from) {
        Some(Ok(total)) if total > issues.len() => {
            let message = format!("it holds {} of {total} results: the other pages are missing", issues.len());
            reader.error("report-shape", report.span, message);
        }
        Some(Ok(_)) => {}
        _ => reader.warn("report-shape", report.span, "it does not say how many results there are: pages may be missing"),
    }
    let components: HashMap<&str, &str> =
        list(report, "components").iter().map(|one| (text(one, "key"), first(one, &["path", "longName"]))).collect();
    let rules: HashMap<&str, &str> = list(report, "rules").iter().map(|one| (text(one, "key"), text(one, "name"))).collect();
    for issue in issues {
        let row = search(reader, issue, &components, &rules);
        reader.take(issue.span, row);
    }
}

fn search(reader: &mut Reader<'_>, issue: &Value, components: &HashMap<&str, &str>, rules: &HashMap<&str, &str>) -> Result<Row, String> {
    let id = first(issue, &["rule", "ruleKey"]);
    if id.is_empty() {
        return Err("`rule` is missing".to_owned());
    }
    let hotspot = issue.get("vulnerabilityProbability").is_some() || text(issue, "type") == "SECURITY_HOTSPOT";
    let severity = match issue.get("vulnerabilityProbability").and_then(Value::as_str) {
        Some(word) => reader.severity(SCALE, word, issue.span),
        None => severity(reader, issue, issue.get("impacts"), issue.get("severity"), text(issue, "type")),
    };
    let mut row = Row::new(id, severity, issue.span);
    row.title = rules.get(id).map(|name| (*name).to_owned()).unwrap_or_default();
    row.aliases =
        texts(issue, "tags").iter().filter(|tag| tag.to_ascii_lowercase().starts_with("cwe-")).filter_map(|tag| weakness(tag)).collect();
    row.message = text(issue, "message").to_owned();
    let component = text(issue, "component");
    let file = components
        .get(component)
        .copied()
        .filter(|path| !path.is_empty())
        .map_or_else(|| component.split_once(':').map_or(component, |(_, path)| path).to_owned(), str::to_owned);
    row.spot = match issue.get("textRange") {
        Some(place) => range(&file, Some(place), ["startOffset", "endOffset"]),
        None => Spot::file(&file, line(issue, "line")),
    };
    // The hash is of the text of the line, so it stays where the line moves.
    let hash = text(issue, "hash");
    if !hash.is_empty() {
        row.prints = vec![("hash", hash.to_owned())];
    }
    let (status, resolution) =
        (first(issue, &["issueStatus", "status"]).to_ascii_uppercase(), text(issue, "resolution").to_ascii_uppercase());
    match (status.as_str(), resolution.as_str()) {
        ("ACCEPTED", _) | (_, "WONTFIX") => row.suppressed = Some("accepted in SonarQube".to_owned()),
        ("FALSE_POSITIVE", _) | (_, "FALSE-POSITIVE") => row.suppressed = Some("a false positive, says SonarQube".to_owned()),
        ("REVIEWED", "SAFE" | "ACKNOWLEDGED") => {
            row.suppressed = Some(format!("reviewed in SonarQube: {}", resolution.to_ascii_lowercase()))
        }
        ("FIXED" | "CLOSED", _) | (_, "FIXED" | "REMOVED") => row.status = Status::NotApplicable,
        ("TO_REVIEW", _) if hotspot => row.status = Status::Unknown,
        _ => {}
    }
    if row.message.is_empty() {
        row.message = text_at(issue, &["rule", "name"]).to_owned();
    }
    Ok(row)
}
