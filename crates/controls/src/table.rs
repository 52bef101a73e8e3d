//! Tables for auditors, and CSV of them. No cell is ever a formula, whatever records say.

use std::borrow::Cow;

use probity_attest::statement::format_time;
use probity_core::Timestamp;

use crate::posture::Posture;

/// A value in a table.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Cell {
    /// Text.
    Text(String),
    /// A whole number.
    Number(i64),
    /// Nothing.
    Empty,
}

impl Cell {
    /// Text, or nothing where there is none.
    #[must_use]
    pub fn text(text: impl Into<String>) -> Cell {
        let text = text.into();
        if text.is_empty() { Cell::Empty } else { Cell::Text(text) }
    }

    /// A count or a place.
    #[must_use]
    pub fn count(count: usize) -> Cell {
        Cell::Number(i64::try_from(count).unwrap_or(i64::MAX))
    }

    /// A moment, as RFC 3339 in UTC.
    #[must_use]
    pub fn time(time: Timestamp) -> Cell {
        Cell::text(format_time(Timestamp { nanoseconds: 0, ..time }).unwrap_or_default())
    }
}

/// A table with a head.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Table {
    /// Its name, for the sheet.
    pub name: &'static str,
    /// What stands in the columns.
    pub columns: Vec<&'static str>,
    /// The rows, each as long as the head.
    pub rows: Vec<Vec<Cell>>,
}

/// Text that no spreadsheet takes for a formula: one that begins like a formula gets an apostrophe before it, and what is no text for a
/// cell (control characters) becomes U+FFFD.
#[must_use]
pub fn guarded(text: &str) -> Cow<'_, str> {
    let begins =
        |text: &str| text.starts_with(['=', '+', '-', '@', '\t', '\r', '\n', '|', '%', '\u{ff1d}', '\u{ff0b}', '\u{ff0d}', '\u{ff20}']);
    let wrong = |letter: char| letter.is_control() && !matches!(letter, '\n' | '\t');
    let risky = begins(text) || begins(text.trim_start());
    if !risky && !text.contains(wrong) {
        return Cow::Borrowed(text);
    }
    let plain: String = text.chars().map(|letter| if wrong(letter) { '\u{fffd}' } else { letter }).collect();
    Cow::Owned(if risky { format!("'{plain}") } else { plain })
}

/// A table as CSV (RFC 4180): a head, commas, CRLF, quotes where they are needed.
#[must_use]
pub fn csv(table: &Table) -> String {
    let mut out = String::new();
    let mut line = |cells: &mut dyn Iterator<Item = String>| {
        let mut first = true;
        for cell in cells {
            if !std::mem::take(&mut first) {
                out.push(',');
            }
            if cell.contains([',', '"', '\n', '\r', '\t']) || cell.starts_with(' ') || cell.ends_with(' ') {
                out.push('"');
                out.push_str(&cell.replace('"', "\"\""));
                out.push('"');
            } else {
                out.push_str(&cell);
            }
        }
        out.push_str("\r\n");
    };
    line(&mut table.columns.iter().map(|column| (*column).to_owned()));
    for row in &table.rows {
        line(&mut row.iter().map(|cell| match cell {
            Cell::Text(text) => guarded(text).into_owned(),
            Cell::Number(number) => number.to_string(),
            Cell::Empty => String::new(),
        }));
    }
    out
}

/// Where the controls stand, a row for each.
#[must_use]
pub fn posture(posture: &Posture<'_>) -> Table {
    let rows = posture.controls.iter().map(|one| {
        let last = one.last();
        let list = |items: &mut dyn Iterator<Item = String>| Cell::text(items.collect::<Vec<_>>().join("; "));
        vec![
            Cell::text(one.control.framework.id.clone()),
            Cell::text(one.control.requirement.id.clone()),
            Cell::text(one.control.requirement.title.clone()),
            Cell::text(one.state.as_str()),
            last.map_or(Cell::Empty, |proof| Cell::Number(i64::try_from(proof.record).unwrap_or(i64::MAX))),
            last.map_or(Cell::Empty, |proof| Cell::time(proof.time)),
            last.map_or(Cell::Empty, |proof| Cell::Number(posture.age_days(proof.time))),
            last.map_or(Cell::Empty, |proof| Cell::text(proof.digest.to_string())),
            last.map_or(Cell::Empty, |proof| Cell::text(proof.target.to_string())),
            list(&mut last.into_iter().flat_map(|proof| proof.rules.iter().map(ToString::to_string))),
            Cell::count(one.proofs.len()),
            Cell::count(one.open.len()),
            Cell::count(one.unknown),
            list(&mut one.exceptions.iter().map(|exception| match &exception.expires {
                Some(day) => format!("{} (until {day})", exception.id),
                None => format!("{} {}", exception.source, exception.id),
            })),
            Cell::text(one.control.requirement.unprovable.clone().unwrap_or_default()),
        ]
    });
    Table {
        name: "posture",
        columns: vec![
            "framework",
            "requirement",
            "in our words",
            "state",
            "last proof: record",
            "last proof: time",
            "age in days",
            "record sha256",
            "target",
            "rules that judged",
            "targets proved",
            "open findings",
            "unknown results",
            "exceptions",
            "no rule can prove it",
        ],
        rows: rows.collect(),
    }
}

/// What is open, a row for each control and finding.
#[must_use]
pub fn findings(posture: &Posture<'_>) -> Table {
    let rows = posture.controls.iter().flat_map(|one| {
        one.open.iter().map(|open| {
            let line = &open.result;
            vec![
                Cell::text(one.control.id()),
                Cell::text(line.severity.to_string()),
                Cell::text(line.rule.to_string()),
                Cell::text(line.status.to_string()),
                Cell::text(line.subject.to_string()),
                Cell::text(line.file.to_string()),
                Cell::Number(i64::try_from(line.line).unwrap_or(i64::MAX)),
                Cell::text(open.target.to_string()),
                Cell::Number(i64::try_from(open.record).unwrap_or(i64::MAX)),
                Cell::time(open.time),
                Cell::text(line.fingerprint.to_string()),
            ]
        })
    });
    Table {
        name: "open findings",
        columns: vec!["control", "severity", "rule", "status", "subject", "file", "line", "target", "record", "time", "fingerprint"],
        rows: rows.collect(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn no_cell_is_a_formula() {
        let check = |text: &str, expected: &str| assert_eq!(guarded(text), expected);
        check("plain", "plain");
        check("=1+1", "'=1+1");
        check("+1", "'+1");
        check("-1", "'-1");
        check("@SUM(A1)", "'@SUM(A1)");
        check("  =1", "'  =1");
        check("\t=1", "'\t=1");
        check("\u{ff1d}1", "'\u{ff1d}1");
        check("a=1", "a=1");
        check("a\u{7}b", "a\u{fffd}b");
        check("", "");
    }

    #[test]
    fn csv_is_quoted() {
        let row = vec![Cell::text("a,b"), Cell::text("say \"x\""), Cell::text("=cmd|' /C calc'!A0"), Cell::Number(-3), Cell::Empty];
        let table = Table { name: "t", columns: vec!["one", "two", "three", "four", "five"], rows: vec![row] };
        assert_eq!(csv(&table), "one,two,three,four,five\r\n\"a,b\",\"say \"\"x\"\"\",'=cmd|' /C calc'!A0,-3,\r\n");
    }
}
