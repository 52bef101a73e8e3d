//! What only the whole of a rule shows: whether anything gives a value to its variables, and whether its conditions can come true. A
//! misspelled name would be an error each time, or silently take a default.

use probity_core::{Diagnostic, Level};
use probity_value::{Data, Span, Value};

use crate::jmespath::Expression;
use crate::read::{Reader, nearest};
use crate::variables;

/// What is there without a context.
const KNOWN: &[&str] =
    &["request", "images", "image", "serviceAccountName", "serviceAccountNamespace", "element", "elementIndex", "target"];

/// Parts of a rule that have no variables, or ones of their own.
const APART: &[&str] = &["name", "match", "exclude", "verifyImages", "imageExtractors", "celPreconditions", "reportProperties"];

/// How deep documents may nest.
const MAX_DEPTH: usize = 256;

const OPERATIONS: &[&str] = &["CREATE", "UPDATE", "DELETE", "CONNECT"];

/// Says which variables of a rule nothing gives a value to, and which conditions make no sense. Like Kyverno, it does not look at the
/// conditions of `foreach`.
pub(crate) fn check(reader: &mut Reader, rule: &Value) {
    let Some(map) = rule.as_map() else { return };
    let mut names = Names { reader, known: KNOWN.to_vec() };
    names.context(rule);
    // What is known of a target is known to the patch.
    for target in rule.get("mutate").and_then(|mutate| mutate.get("targets")).and_then(Value::as_list).unwrap_or_default() {
        names.context(target);
    }
    for (key, entry) in map.iter().filter(|(key, _)| !APART.contains(&&***key)) {
        if key.as_ref() == "validate" {
            for (key, part) in
                entry.value.as_map().into_iter().flat_map(|map| map.iter()).filter(|(key, _)| !matches!(&***key, "cel" | "assert"))
            {
                names.part(key, &part.value, 0);
            }
        } else {
            names.part(key, &entry.value, 0);
        }
    }
    names.paths(rule);
    let denied = rule.get("validate").and_then(|validate| validate.get("deny")).and_then(|deny| deny.get("conditions"));
    for conditions in [rule.get("preconditions"), denied].into_iter().flatten() {
        let parts = [Some(conditions), conditions.get("any"), conditions.get("all")];
        for condition in parts.into_iter().flatten().filter_map(Value::as_list).flatten() {
            check_condition(reader, condition);
        }
    }
}

fn check_condition(reader: &mut Reader, condition: &Value) {
    let Some(map) = condition.as_map() else { return };
    let (Some(key), Some(with)) = (Reader::get(map, "key"), Reader::get(map, "value")) else {
        reader.wrong(condition.span, "a condition needs a `key` and a `value` that are not null");
        return;
    };
    if key.as_str().is_none_or(|key| key.replace(' ', "") != "{{request.operation}}") {
        return;
    }
    for item in with.as_list().unwrap_or(std::slice::from_ref(with)) {
        match item.as_str() {
            Some(word) if OPERATIONS.contains(&word) || word.contains("{{") => {}
            Some(word) => reader.wrong(item.span, format!("`{word}` is none of the operations {}", OPERATIONS.join(", "))),
            None => reader.type_error("value", "an operation or a list of them", item),
        }
    }
}

struct Names<'r, 'v> {
    reader: &'r mut Reader,
    known: Vec<&'v str>,
}

impl<'v> Names<'_, 'v> {
    /// Takes in the names of a context.
    fn context(&mut self, of: &'v Value) {
        let entries = of.get("context").and_then(Value::as_list).unwrap_or_default();
        self.known.extend(entries.iter().filter_map(|entry| entry.get("name").and_then(Value::as_str)));
    }

    /// One part of a rule or of one of its loops.
    fn part(&mut self, key: &str, value: &'v Value, depth: usize) {
        if depth > MAX_DEPTH {
            return;
        }
        match value.as_map() {
            Some(map) if matches!(key, "mutate" | "generate") => {
                map.iter().for_each(|(key, entry)| self.part(key, &entry.value, depth + 1));
            }
            _ if key == "foreach" => {
                for item in value.as_list().unwrap_or_default() {
                    self.lap(item, depth + 1);
                }
            }
            _ => self.document(value, depth + 1),
        }
    }

    /// A loop, whose context only it sees.
    fn lap(&mut self, item: &'v Value, depth: usize) {
        let outside = self.known.len();
        self.context(item);
        if let Some(list) = item.get("list") {
            self.path(list);
        }
        self.paths(item);
        for (key, entry) in item.as_map().into_iter().flat_map(|map| map.iter()) {
            self.part(key, &entry.value, depth);
        }
        self.known.truncate(outside);
    }

    /// The variables in the texts of a document.
    fn document(&mut self, value: &Value, depth: usize) {
        if depth > MAX_DEPTH {
            return;
        }
        match &value.data {
            Data::String(text) => self.text(text, value.span),
            Data::List(items) => items.iter().for_each(|item| self.document(item, depth + 1)),
            Data::Map(map) => {
                for (key, entry) in map.iter() {
                    self.text(key, entry.key);
                    self.document(&entry.value, depth + 1);
                }
            }
            _ => {}
        }
    }

    fn text(&mut self, text: &str, at: Span) {
        if text.contains("{{") {
            for expression in variables::expressions(text) {
                self.expression(&expression, at, Level::Error);
            }
        }
    }

    /// The expressions of context variables.
    fn paths(&mut self, of: &Value) {
        for entry in of.get("context").and_then(Value::as_list).unwrap_or_default() {
            let Some(variable) = entry.get("variable") else { continue };
            if variable.get("value").is_none_or(Value::is_null)
                && let Some(path) = variable.get("jmesPath")
            {
                self.path(path);
            }
        }
    }

    /// A text that is an expression, if no variables stand in it. Kyverno does not look at these.
    fn path(&mut self, value: &Value) {
        if let Some(text) = value.as_str().filter(|text| !text.contains("{{")) {
            self.expression(text, value.span, Level::Warning);
        }
    }

    fn expression(&mut self, text: &str, at: Span, level: Level) {
        // Mistakes are said by those who run it; one with variables in it is not known yet.
        let Ok(expression) = Expression::parse(text, at) else { return };
        for name in expression.roots() {
            let known = self.known.contains(&name)
                || ["elementIndex", "element"].iter().any(|stem| {
                    name.strip_prefix(stem).is_some_and(|number| !number.is_empty() && number.bytes().all(|byte| byte.is_ascii_digit()))
                });
            if !known {
                let message = format!("there is no variable `{name}`: neither Kyverno nor the context of the rule gives it");
                let mut said = Diagnostic::new(level, "kyverno-unknown-variable", self.reader.file().clone(), at, message);
                said.hint = nearest(name, &self.known).map(|known| format!("did you mean `{known}`?"));
                self.reader.said.push(said);
            }
        }
    }
}
