//! Searchers of running applications beside ZAP: Burp Suite's XML and Nuclei's JSON. No request and no response is taken in.

use probity_core::{Confidence, Severity, Status};
use probity_value::Value;

use super::Format;
use super::content::{Content, Origin, has, has_map, span_of};
use super::reader::{Reader, Row, Scale, Spot};
use super::words::{address, at, cwe, first, list, moment, plain, text, text_at, texts, weakness};

const BURP_SCALE: Scale = &[
    ("high", Severity::High),
    ("medium", Severity::Medium),
    ("low", Severity::Low),
    ("information", Severity::Info),
    ("false positive", Severity::Medium),
];

const NUCLEI_SCALE: Scale = &[
    ("critical", Severity::Critical),
    ("high", Severity::High),
    ("medium", Severity::Medium),
    ("low", Severity::Low),
    ("info", Severity::Info),
    ("unknown", Severity::Medium),
];

pub(super) const BURP: Format =
    Format { id: "burp", what: "Burp Suite, XML of issues", scale: BURP_SCALE, recognises: is_burp, read: read_burp };

pub(super) const NUCLEI: Format =
    Format { id: "nuclei", what: "Nuclei, JSON or lines of JSON", scale: NUCLEI_SCALE, recognises: is_nuclei, read: read_nuclei };

fn is_burp(content: &Content<'_>) -> bool {
    content
        .xml()
        .is_some_and(|(root, _)| root.has_tag_name("issues") && (root.has_attribute("burpVersion") || root.has_attribute("exportTime")))
}

fn read_burp(content: &Content<'_>, reader: &mut Reader<'_>) {
    let Some((root, origin)) = content.xml() else { return reader.begin("Burp Suite", "", None) };
    let part = |key: &str| root.attribute(key).unwrap_or_default();
    reader.begin("Burp Suite", part("burpVersion"), moment(part("exportTime")));
    for issue in root.children().filter(roxmltree::Node::is_element) {
        let span = span_of(issue, origin);
        if !issue.has_tag_name("issue") {
            reader.unreadable(span, "an element is no `issue`");
            continue;
        }
        let row = burp(reader, issue, origin);
        reader.take(span, row);
    }
}

fn burp(reader: &mut Reader<'_>, issue: roxmltree::Node<'_, '_>, origin: Origin) -> Result<Row, String> {
    let part = |name: &str| issue.children().find(|node| node.has_tag_name(name)).and_then(|node| node.text()).unwrap_or_default().trim();
    let (kind, host) = (part("type"), part("host"));
    if kind.is_empty() || host.is_empty() {
        return Err(format!("`{}` is missing", if kind.is_empty() { "type" } else { "host" }));
    }
    let span = span_of(issue, origin);
    let mut row = Row::new(kind, reader.severity(BURP_SCALE, part("severity"), span), span);
    if part("severity").eq_ignore_ascii_case("false positive") {
        row.suppressed = Some("marked as a false positive in Burp Suite".to_owned());
    }
    row.confidence = match part("confidence") {
        "Certain" => Confidence::Certain,
        "Tentative" => Confidence::Tentative,
        _ => Confidence::Firm,
    };
    row.title = part("name").to_owned();
    row.why = plain(part("issueBackground"));
    row.fix = plain(part("remediationBackground"));
    let classes = plain(part("vulnerabilityClassifications"));
    row.aliases = classes.match_indices("CWE-").take(20).filter_map(|(at, _)| weakness(classes.get(at..)?)).collect();
    row.spot = Spot::Elsewhere(address(&format!("{}{}", host.trim_end_matches('/'), part("path"))));
    // `/search [q parameter]`
    let within = part("location").split_once('[').map(|(_, within)| within.trim_end_matches(']').trim()).unwrap_or_default();
    row.message = if within.is_empty() { row.title.clone() } else { format!("{}, by the {within}", row.title) };
    row.prints = vec![("within", within.to_owned())];
    Ok(row)
}

/// The results: a line each, or a list.
fn nuclei_rows<'v>(content: &'v Content<'_>) -> &'v [Value] {
    let rows = content.rows();
    if rows.is_empty() { content.objects() } else { rows }
}

fn is_nuclei(content: &Content<'_>) -> bool {
    nuclei_rows(content).iter().take(1_000).any(|row| has_map(row, "info") && (has(row, &["template-id"]) || has(row, &["templateID"])))
}

fn read_nuclei(content: &Content<'_>, reader: &mut Reader<'_>) {
    reader.begin("Nuclei", "", None);
    for one in nuclei_rows(content) {
        reader.ended(moment(text(one, "timestamp")));
        let row = nuclei(reader, one);
        reader.take(one.span, row);
    }
}

fn nuclei(reader: &mut Reader<'_>, one: &Value) -> Result<Row, String> {
    let id = first(one, &["template-id", "templateID"]);
    let Some(info) = one.get("info").filter(|info| info.as_map().is_some() && !id.is_empty()) else {
        return Err("`template-id` or `info` is missing".to_owned());
    };
    let place = first(one, &["matched-at", "matched", "url", "host"]);
    if place.is_empty() {
        return Err("`matched-at` is missing".to_owned());
    }
    let mut row = Row::new(id, reader.severity(NUCLEI_SCALE, text(info, "severity"), one.span), one.span);
    if let Some(class) = at(info, &["classification"]) {
        row.aliases = texts(class, "cve-id").into_iter().map(|id| id.to_ascii_uppercase()).collect();
        row.aliases.extend(list(class, "cwe-id").iter().filter_map(cwe));
    }
    row.title = text(info, "name").to_owned();
    row.why = text(info, "description").trim().to_owned();
    row.fix = text(info, "remediation").trim().to_owned();
    let matcher = first(one, &["matcher-name", "extractor-name"]);
    row.message = if matcher.is_empty() { row.title.clone() } else { format!("{} (`{matcher}`)", row.title) };
    row.prints = vec![("matcher", matcher.to_owned())];
    if one.get("matcher-status").and_then(Value::as_bool) == Some(false) {
        row.status = Status::NotApplicable;
    }
    row.spot = if text(one, "type") == "file" { Spot::file(place, None) } else { Spot::Elsewhere(address(place)) };
    if text_at(one, &["info", "name"]).is_empty() {
        row.message = format!("the template `{id}` matches");
    }
    Ok(row)
}
