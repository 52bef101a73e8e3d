//! Cases that are left out, and why.

use super::textproto::{Field, Message};

/// The committed list.
const LIST: &str = include_str!("../../../../conformance/cel/excluded.toml");

/// Why cases are left out.
pub(crate) struct Excluded {
    entries: Vec<Entry>,
}

#[derive(Default)]
struct Entry {
    file: String,
    cases: String,
    uses: Vec<String>,
    reason: String,
}

impl Excluded {
    /// Reads the list: `[[excluded]]` tables with `file`, `cases` (`*` matches anything), `uses` (the case has one of these texts) and `reason`.
    pub(crate) fn read() -> Result<Excluded, String> {
        let mut entries: Vec<Entry> = Vec::new();
        for line in LIST.lines().map(str::trim).filter(|line| !line.is_empty() && !line.starts_with('#')) {
            if line == "[[excluded]]" {
                entries.push(Entry { cases: "*".to_owned(), ..Entry::default() });
                continue;
            }
            let (key, value) = line.split_once('=').ok_or_else(|| format!("excluded.toml: `{line}`"))?;
            let entry = entries.last_mut().ok_or("excluded.toml: no table")?;
            let text = |value: &str| value.trim().trim_matches('"').to_owned();
            match key.trim() {
                "file" => entry.file = text(value),
                "cases" => entry.cases = text(value),
                "reason" => entry.reason = text(value),
                "uses" => entry.uses = value.trim().trim_matches(['[', ']']).split(',').map(text).filter(|text| !text.is_empty()).collect(),
                other => return Err(format!("excluded.toml: unknown key `{other}`")),
            }
        }
        Ok(Excluded { entries })
    }

    /// Why a case is left out, if it is.
    pub(crate) fn reason(&self, file: &str, id: &str, expr: &str, test: &Message) -> Option<&str> {
        let found = self.entries.iter().find(|entry| {
            matches(&entry.file, file)
                && matches(&entry.cases, id)
                && (entry.uses.is_empty() || entry.uses.iter().any(|text| expr.contains(text) || mentions(test, text)))
        });
        found.map(|entry| entry.reason.as_str())
    }
}

/// Whether a message says a text anywhere.
fn mentions(message: &Message, text: &str) -> bool {
    message.fields.iter().any(|(name, field)| {
        name.contains(text)
            || match field {
                Field::Word(word) => word.contains(text),
                Field::Text(_) => name != "description" && field.text().contains(text),
                Field::Message(inner) => mentions(inner, text),
            }
    })
}

/// A name against a pattern with `*`.
fn matches(pattern: &str, name: &str) -> bool {
    match pattern.split_once('*') {
        None => pattern == name,
        Some((head, rest)) => name.strip_prefix(head).is_some_and(|tail| {
            rest.is_empty() || (0..=tail.len()).filter(|at| tail.is_char_boundary(*at)).any(|at| matches(rest, &tail[at..]))
        }),
    }
}
