//! Bandit's and gosec's JSON: one language each, and much alike.

use probity_core::{Confidence, Severity};
use probity_value::Value;

use super::Format;
use super::content::{Content, has, has_list, has_map};
use super::reader::{Reader, Row, Scale, Spot};
use super::words::{at, cwe, line, list, moment, text, word};

const SCALE: Scale = &[("high", Severity::High), ("medium", Severity::Medium), ("low", Severity::Low), ("undefined", Severity::Medium)];

pub(super) const BANDIT: Format = Format { id: "bandit", what: "Bandit, JSON", scale: SCALE, recognises: is_bandit, read: read_bandit };

pub(super) const GOSEC: Format = Format { id: "gosec", what: "gosec, JSON", scale: SCALE, recognises: is_gosec, read: read_gosec };

/// How sure a word is.
fn confidence(word: &str) -> Confidence {
    match word.to_ascii_uppercase().as_str() {
        "LOW" | "UNDEFINED" => Confidence::Tentative,
        _ => Confidence::Firm,
    }
}

fn is_bandit(content: &Content<'_>) -> bool {
    content.object().is_some_and(|report| has_list(report, "results") && has_map(report, "metrics") && has_list(report, "errors"))
}

fn read_bandit(content: &Content<'_>, reader: &mut Reader<'_>) {
    let Some(report) = content.object() else { return reader.begin("Bandit", "", None) };
    reader.begin("Bandit", "", moment(text(report, "generated_at")));
    for error in reader.items(report, "errors") {
        reader.complaint("Bandit", error.span, &format!("`{}`: {}", text(error, "filename"), text(error, "reason")));
    }
    for one in reader.must_items(report, "results") {
        let row = bandit(reader, one);
        reader.take(one.span, row);
    }
}

fn bandit(reader: &mut Reader<'_>, one: &Value) -> Result<Row, String> {
    let (id, file) = (text(one, "test_id"), text(one, "filename"));
    if id.is_empty() || file.is_empty() {
        return Err(format!("`{}` is missing", if id.is_empty() { "test_id" } else { "filename" }));
    }
    let mut row = Row::new(id, reader.severity(SCALE, text(one, "issue_severity"), one.span), one.span);
    row.aliases.extend(at(one, &["issue_cwe", "id"]).and_then(cwe));
    row.title = text(one, "test_name").replace('_', " ");
    row.confidence = confidence(text(one, "issue_confidence"));
    let said = text(one, "issue_text");
    // `Possible hardcoded password: 'hunter2'`
    row.message = if matches!(id, "B105" | "B106" | "B107") { said.split(':').next().unwrap_or_default() } else { said }.to_owned();
    let last = list(one, "line_range").iter().filter_map(|line| u32::try_from(line.as_int()?).ok()).max();
    row.spot = Spot::lines(file, line(one, "line_number"), last);
    Ok(row)
}

fn is_gosec(content: &Content<'_>) -> bool {
    content.object().is_some_and(|report| has(report, &["Issues", "Stats"]) && has(report, &["Golang errors"]))
}

fn read_gosec(content: &Content<'_>, reader: &mut Reader<'_>) {
    let Some(report) = content.object() else { return reader.begin("gosec", "", None) };
    reader.begin("gosec", text(report, "GosecVersion"), None);
    for (file, entry) in report.get("Golang errors").and_then(Value::as_map).into_iter().flat_map(|map| map.iter()) {
        for error in entry.value.as_list().unwrap_or_default() {
            reader.complaint("gosec", error.span, &format!("`{file}`: {}", text(error, "error")));
        }
    }
    for one in reader.must_items(report, "Issues") {
        let row = gosec(reader, one);
        reader.take(one.span, row);
    }
}

fn gosec(reader: &mut Reader<'_>, one: &Value) -> Result<Row, String> {
    let (id, file) = (text(one, "rule_id"), text(one, "file"));
    if id.is_empty() || file.is_empty() {
        return Err(format!("`{}` is missing", if id.is_empty() { "rule_id" } else { "file" }));
    }
    let mut row = Row::new(id, reader.severity(SCALE, text(one, "severity"), one.span), one.span);
    row.aliases.extend(one.get("cwe").and_then(|weak| weak.get("id").and_then(cwe).or_else(|| weak.get("ID").and_then(cwe))));
    row.title = text(one, "details").to_owned();
    row.message.clone_from(&row.title);
    row.confidence = confidence(text(one, "confidence"));
    let lines = word(one, "line");
    let (start, end) = lines.split_once('-').unwrap_or((&lines, &lines));
    row.spot = Spot::lines(file, start.parse().ok().filter(|line| *line > 0), end.parse().ok());
    let suppressions = list(one, "suppressions");
    if one.get("nosec").and_then(Value::as_bool) == Some(true) || !suppressions.is_empty() {
        let reason = suppressions.iter().map(|one| text(one, "justification")).find(|reason| !reason.is_empty());
        row.suppressed = Some(reason.unwrap_or("a comment `#nosec`").to_owned());
    }
    Ok(row)
}
