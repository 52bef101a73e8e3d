//! tfsec's JSON.

use probity_core::{Severity, Status};
use probity_value::Value;

use super::Format;
use super::content::{Content, has, has_map};
use super::reader::{Reader, Row, Scale, Spot};
use super::words::{at, first, line, list, text, text_at};

const SCALE: Scale = &[("critical", Severity::Critical), ("high", Severity::High), ("medium", Severity::Medium), ("low", Severity::Low)];

pub(super) const TFSEC: Format = Format { id: "tfsec", what: "tfsec, JSON", scale: SCALE, recognises, read };

fn recognises(content: &Content<'_>) -> bool {
    content.object().is_some_and(|report| {
        list(report, "results").first().is_some_and(|one| has(one, &["rule_id", "rule_description"]) && has_map(one, "location"))
    })
}

fn read(content: &Content<'_>, reader: &mut Reader<'_>) {
    reader.begin("tfsec", "", None);
    let Some(report) = content.object() else { return };
    for one in reader.items(report, "results") {
        let row = row(reader, one);
        reader.take(one.span, row);
    }
}

fn row(reader: &mut Reader<'_>, one: &Value) -> Result<Row, String> {
    let id = first(one, &["rule_id", "long_id"]);
    if id.is_empty() {
        return Err("`rule_id` is missing".to_owned());
    }
    let mut row = Row::new(id, reader.severity(SCALE, text(one, "severity"), one.span), one.span);
    row.aliases = vec![text(one, "long_id").to_owned()];
    row.aliases.extend(id.strip_prefix("AVD-").map(str::to_owned));
    row.title = text(one, "rule_description").to_owned();
    row.why = text(one, "impact").to_owned();
    row.fix = text(one, "resolution").to_owned();
    row.message = first(one, &["description", "rule_description"]).to_owned();
    match one.get("status").and_then(Value::as_int) {
        Some(1) => row.status = Status::Pass,
        Some(2) => row.suppressed = Some("a comment `tfsec:ignore`".to_owned()),
        _ => {}
    }
    let place = |key: &str| at(one, &["location"]).and_then(|place| line(place, key));
    row.spot = Spot::lines(text_at(one, &["location", "filename"]), place("start_line"), place("end_line"));
    row.prints = vec![("resource", text(one, "resource").to_owned()), ("message", row.message.clone())];
    Ok(row)
}
