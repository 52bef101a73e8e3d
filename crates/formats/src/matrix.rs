//! Which rules speak for which requirements of a framework, as a page: for a terminal, as Markdown, and as JSON v1.

use serde::Serialize;
use unicode_width::UnicodeWidthStr;

use crate::escape;
use crate::human::{Style, Tone};

/// A framework with its requirements and the rules that speak for them.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct MatrixPage<'a> {
    /// Version of the format.
    pub version: u8,
    /// Id of the framework: `pci-dss-4.0.1`.
    pub framework: &'a str,
    /// Its name.
    pub title: &'a str,
    /// Where its requirements come from.
    pub source: &'a str,
    /// Where the pairs that stand in its own file come from.
    pub crosswalk: &'a str,
    /// Its requirements in their order.
    pub requirements: Vec<MatrixRow<'a>>,
}

/// One requirement.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct MatrixRow<'a> {
    /// Its id.
    pub id: &'a str,
    /// What it asks, in our words.
    pub title: &'a str,
    /// `rules`, `not-provable` or `none`.
    pub cover: &'static str,
    /// Why no rule over files can prove it, where none can.
    pub why: Option<&'a str>,
    /// The rules that speak for it.
    pub rules: Vec<MatrixPair<'a>>,
}

/// One rule that speaks for a requirement.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct MatrixPair<'a> {
    /// Its id.
    pub rule: &'a str,
    /// Where the pair comes from: `rule`, `framework`, or `through CONTROL`.
    pub from: String,
}

impl MatrixPage<'_> {
    fn count(&self, cover: &str) -> usize {
        self.requirements.iter().filter(|row| row.cover == cover).count()
    }

    /// How many requirements are covered, cannot be, and are not, in one line.
    fn summary(&self) -> String {
        format!(
            "{} of {} requirements have rules, {} cannot be proved by rules over files, {} have none",
            self.count("rules"),
            self.requirements.len(),
            self.count("not-provable"),
            self.count("none")
        )
    }
}

/// What stands in the column of the rules.
fn says(row: &MatrixRow<'_>) -> String {
    match (row.rules.len(), row.why) {
        (0, Some(why)) => format!("not provable: {why}"),
        (0, None) => "no rule".to_owned(),
        (1, _) => "1 rule".to_owned(),
        (count, _) => format!("{count} rules"),
    }
}

/// The matrix for a terminal; with the names of the rules where `names` is set.
#[must_use]
pub fn text(page: &MatrixPage<'_>, names: bool, style: Style) -> String {
    let mut out = format!("{}\n{}\n\n", style.paint(Tone::Strong, &escape::line(page.title)), page.summary());
    let widest = page.requirements.iter().map(|row| escape::line(row.id).width()).max().unwrap_or(0);
    for row in &page.requirements {
        let id = escape::line(row.id);
        let pad = (widest + 2).saturating_sub(id.width()).max(1);
        let words = style.wrap(&format!("{} ({})", escape::line(row.title), escape::line(&says(row))), widest + 2);
        put!(out, "{}{:pad$}{words}\n", style.paint(Tone::Strong, &id), "");
        if names && !row.rules.is_empty() {
            let list = row.rules.iter().map(|pair| pair.rule).collect::<Vec<_>>().join(", ");
            put!(out, "{:indent$}{}\n", "", style.wrap(&escape::line(&list), widest + 2), indent = widest + 2);
        }
    }
    out
}

/// The matrix as a Markdown page with one table.
#[must_use]
pub fn markdown(page: &MatrixPage<'_>) -> String {
    let mut out = format!("# {}\n\n{}.\n\n", escape::markdown(page.title), page.summary());
    put!(out, "Source: {}\n\n", escape::markdown(page.source));
    if !page.crosswalk.is_empty() {
        put!(out, "Crosswalk: {}\n\n", escape::markdown(page.crosswalk));
    }
    out.push_str("| requirement | what it asks | rules |\n|---|---|---|\n");
    for row in &page.requirements {
        let rules = if row.rules.is_empty() {
            escape::markdown(&says(row)).replace('|', "\\|")
        } else {
            row.rules.iter().map(|pair| escape::code_span(pair.rule)).collect::<Vec<_>>().join(", ")
        };
        put!(out, "| {} | {} | {rules} |\n", escape::code_span(row.id), escape::markdown(row.title).replace('|', "\\|"));
    }
    out
}

/// The matrix as JSON v1.
#[must_use]
pub fn json(page: &MatrixPage<'_>) -> String {
    crate::json::document(page)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn page() -> MatrixPage<'static> {
        let row = |id, title, cover, why, rules: &[&'static str]| MatrixRow {
            id,
            title,
            cover,
            why,
            rules: rules.iter().map(|rule| MatrixPair { rule, from: "rule".to_owned() }).collect(),
        };
        MatrixPage {
            version: 1,
            framework: "f-1",
            title: "F 1",
            source: "somebody",
            crosswalk: "",
            requirements: vec![
                row("1.1", "Data at rest is unreadable", "rules", None, &["a-b", "c-d"]),
                row("1.2", "People | are trained", "not-provable", Some("asks people"), &[]),
                row("10.3", "Nobody looked", "none", None, &[]),
            ],
        }
    }

    #[test]
    fn the_page_for_a_terminal() {
        let plain = Style { colour: false, width: 60 };
        insta::assert_snapshot!(text(&page(), true, plain), @r"
        F 1
        1 of 3 requirements have rules, 1 cannot be proved by rules over files, 1 have none

        1.1   Data at rest is unreadable (2 rules)
              a-b, c-d
        1.2   People | are trained (not provable: asks people)
        10.3  Nobody looked (no rule)
        ");
        assert!(!text(&page(), false, plain).contains("a-b"));
    }

    #[test]
    fn the_page_as_markdown() {
        let page = markdown(&page());
        assert!(page.contains("| `1.1` | Data at rest is unreadable | `a-b`, `c-d` |\n"), "{page}");
        assert_eq!(page.lines().filter(|line| line.starts_with("| `")).count(), 3);
    }

    #[test]
    fn the_page_as_json() {
        let value: serde_json::Value = serde_json::from_str(&json(&page())).unwrap();
        assert_eq!(value["requirements"][0]["rules"][1]["rule"], "c-d");
        assert_eq!(value["requirements"][1]["cover"], "not-provable");
        assert_eq!(value["version"], 1);
    }
}
