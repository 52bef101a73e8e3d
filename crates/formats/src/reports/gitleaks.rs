//! Gitleaks' JSON. Neither `Secret` nor `Match` is taken in.

use probity_core::Severity;
use probity_value::{Data, Value};

use super::Format;
use super::content::{Content, has};
use super::reader::{Reader, Row, Scale, Spot};
use super::words::{line, text, texts};

/// It has no scale: a secret is high.
const SCALE: Scale = &[];

pub(super) const GITLEAKS: Format = Format { id: "gitleaks", what: "Gitleaks, JSON", scale: SCALE, recognises, read };

fn recognises(content: &Content<'_>) -> bool {
    content.json().and_then(Value::as_list).and_then(|list| list.first()).is_some_and(|one| has(one, &["RuleID", "File", "StartLine"]))
}

fn read(content: &Content<'_>, reader: &mut Reader<'_>) {
    reader.begin("gitleaks", "", None);
    let rows = match content.json().map(|report| (report, &report.data)) {
        Some((_, Data::List(rows))) => rows.as_slice(),
        Some((report, Data::Map(map))) if !map.is_empty() => std::slice::from_ref(report),
        _ => &[],
    };
    for one in rows {
        let row = row(one);
        reader.take(one.span, row);
    }
}

fn row(one: &Value) -> Result<Row, String> {
    let (id, file) = (text(one, "RuleID"), text(one, "File"));
    if id.is_empty() || file.is_empty() {
        return Err(format!("`{}` is missing", if id.is_empty() { "RuleID" } else { "File" }));
    }
    let mut row = Row::new(id, Severity::High, one.span);
    row.aliases = vec!["CWE-798".to_owned()];
    row.aliases.extend(texts(one, "Tags").into_iter().filter(|tag| tag.to_ascii_lowercase().starts_with("cwe-")));
    row.title = text(one, "Description").to_owned();
    let commit: String = text(one, "Commit").chars().filter(char::is_ascii_hexdigit).take(12).collect();
    row.message = match commit.as_str() {
        "" => format!("a secret, says the rule `{id}`"),
        commit => format!("a secret, says the rule `{id}`, in the commit {commit}"),
    };
    // Its lines count from 0 where it looks at a tree, in some versions; those are whole files here.
    let mut spot = Spot::lines(file, line(one, "StartLine"), line(one, "EndLine"));
    if let (Spot::File { line: at, column, end_column, .. }, Some(start), Some(end)) =
        (&mut spot, line(one, "StartColumn"), line(one, "EndColumn"))
        && *at > 0
    {
        (*column, *end_column) = (start, end.saturating_add(1));
    }
    row.spot = spot;
    row.known_by_line();
    Ok(row)
}
