//! Words for what decided.

use probity_value::{Data, UnknownKind, Value};

use crate::check::{Ask, Who};
use crate::truth::{Because, What};

/// Characters of a value that are shown.
const SHOWN: usize = 80;

/// Things of several that are told.
const TOLD: usize = 3;

/// What was found, where the truth is known.
pub(crate) fn known(because: &Because) -> String {
    let value = because.value.as_ref();
    let name = |trail: &crate::truth::Trail| if trail.is_empty() { "the value".to_owned() } else { format!("`{trail}`") };
    match &because.what {
        What::Nothing => String::new(),
        What::Said(text) => text.to_string(),
        What::Several(parts) => several(parts),
        What::Absent(trail) => format!("{} is not set", name(trail)),
        What::Set(trail) => format!("{} is set", name(trail)),
        What::NoneOf(trail) => format!("no item of {} is as asked", name(trail)),
        What::Allows(trail, what, does) => {
            let name = if trail.is_empty() { "it".to_owned() } else { format!("`{trail}`") };
            format!("{name} {} {what}", if *does { "allows" } else { "does not allow" })
        }
        What::Length(trail) => match value.map(length) {
            Some((1, unit)) => format!("{} has 1 {unit}", name(trail)),
            Some((count, unit)) => format!("{} has {count} {unit}s", name(trail)),
            None => format!("{} is not set", name(trail)),
        },
        What::Is(trail) => match value {
            None => format!("{} is not set", name(trail)),
            Some(value) if hidden(value) => format!("{} has a sensitive value", name(trail)),
            Some(value) if value.is_unknown() => format!("{} is set", name(trail)),
            Some(value) => format!("{} is {}", name(trail), show(value)),
        },
    }
}

/// Several things in one sentence, each once.
fn several(parts: &[Because]) -> String {
    let mut said: Vec<String> = Vec::new();
    for words in parts.iter().map(known).filter(|words| !words.is_empty()) {
        if !said.contains(&words) {
            said.push(words);
        }
    }
    let more = said.len().saturating_sub(TOLD);
    said.truncate(TOLD);
    let told = said.join(" and ");
    if more > 0 { format!("{told}, and {more} more") } else { told }
}

/// Why it cannot be known, and what would resolve it.
pub(crate) fn unknown(because: &Because) -> String {
    let reason = because.value.as_ref().and_then(Value::find_unknown);
    let name = match &because.what {
        What::Is(trail) | What::Set(trail) | What::Length(trail) | What::Absent(trail) | What::NoneOf(trail) | What::Allows(trail, ..)
            if !trail.is_empty() =>
        {
            format!("`{trail}` ")
        }
        What::Said(text) => format!("{text} "),
        _ => "this ".to_owned(),
    };
    let Some(reason) = reason else { return format!("{name}cannot be known") };
    let help = match reason.kind {
        // Other languages have parameters, options and environment variables.
        UnknownKind::Variable if reason.reason.starts_with("variable ") => "; give it a value in a variable file",
        UnknownKind::Module => "; fetch the module (`terraform init`) so that it can be read",
        UnknownKind::File => "; put the file where the configuration says it is",
        UnknownKind::Variable
        | UnknownKind::Reference
        | UnknownKind::DataSource
        | UnknownKind::Function
        | UnknownKind::Invalid
        | UnknownKind::Limit => "",
    };
    format!("{name}cannot be known: {}{help}", reason.reason)
}

/// What an IAM policy was asked, after `allows`.
pub(crate) fn ask(ask: &Ask) -> String {
    let mut words = format!("`{}`", ask.actions.join("`, `"));
    if let Some(resource) = &ask.resource {
        words.push_str(&format!(" on `{resource}`"));
    }
    match &ask.principal {
        None => {}
        Some(Who::Anyone) => words.push_str(" to anyone"),
        Some(Who::Id(id)) => words.push_str(&format!(" to `{id}`")),
    }
    words
}

fn length(value: &Value) -> (usize, &'static str) {
    match &value.data {
        Data::List(items) => (items.len(), "item"),
        Data::Map(map) => (map.len(), "key"),
        Data::String(text) => (text.chars().count(), "character"),
        _ => (0, "item"),
    }
}

/// Whether any part of it must not be shown.
fn hidden(value: &Value) -> bool {
    value.sensitive
        || match &value.data {
            Data::List(items) => items.iter().any(hidden),
            Data::Map(map) => map.values().any(hidden),
            _ => false,
        }
}

/// A value in backticks for a message, cut where it is long; `None` where a part of it is sensitive.
#[must_use]
pub fn shown(value: &Value) -> Option<String> {
    (!hidden(value)).then(|| show(value))
}

/// A value in backticks, cut where it is long.
pub(crate) fn show(value: &Value) -> String {
    let mut text = String::new();
    write(value, &mut text, 0);
    let mut letters = text.chars();
    let cut: String = letters.by_ref().take(SHOWN).collect();
    if letters.next().is_some() { format!("`{cut}…`") } else { format!("`{cut}`") }
}

fn write(value: &Value, out: &mut String, depth: usize) {
    // Twice what is shown is enough: what follows is cut anyway.
    if out.len() > SHOWN * 8 || depth > 8 {
        return;
    }
    match &value.data {
        Data::Null => out.push_str("null"),
        Data::Bool(value) => out.push_str(if *value { "true" } else { "false" }),
        Data::Number(number) => out.push_str(&number.to_string()),
        Data::String(text) if depth == 0 => out.extend(text.chars().take(SHOWN * 2)),
        Data::String(text) => {
            out.push('"');
            out.extend(text.chars().take(SHOWN * 2));
            out.push('"');
        }
        Data::List(items) => {
            out.push('[');
            for (index, item) in items.iter().take(SHOWN).enumerate() {
                if index > 0 {
                    out.push_str(", ");
                }
                write(item, out, depth + 1);
            }
            out.push(']');
        }
        Data::Map(map) => {
            out.push('{');
            let mut first = true;
            for (key, entry) in map.iter().filter(|(key, _)| !key.starts_with('$')).take(SHOWN) {
                if !std::mem::take(&mut first) {
                    out.push_str(", ");
                }
                out.extend(key.chars().take(SHOWN));
                out.push_str(": ");
                write(&entry.value, out, depth + 1);
            }
            out.push('}');
        }
        Data::Unknown(_) => out.push_str("(unknown)"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::truth::Trail;
    use probity_value::{FileId, Span, json};

    #[test]
    fn values_are_shown_short() {
        let check = |text: &str, expected: &str| assert_eq!(show(&json::parse(text, FileId(0)).0), expected, "{text}");
        check("false", "`false`");
        check("\"a\"", "`a`");
        check("[\"a\",1]", "`[\"a\", 1]`");
        check("{\"a\":{\"b\":null}}", "`{a: {b: null}}`");
        check(&format!("\"{}\"", "é".repeat(81)), &format!("`{}…`", "é".repeat(80)));
        check(&format!("\"{}\"", "é".repeat(80)), &format!("`{}`", "é".repeat(80)));
    }

    #[test]
    fn sensitive_values_never() {
        let mut secret = Value::string("hunter2", Span::NONE);
        secret.sensitive = true;
        let because =
            |value: Value| Because { what: What::Is(Trail::default().name("p")), at: Span::NONE, value: Some(value), related: vec![] };
        assert_eq!(known(&because(secret.clone())), "`p` has a sensitive value");
        assert_eq!(known(&because(Value::list(vec![secret], Span::NONE))), "`p` has a sensitive value");
    }
}
