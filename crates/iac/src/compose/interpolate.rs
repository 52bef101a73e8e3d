//! `${VAR:-default}` in the values of a Compose file.

use std::sync::Arc;

use probity_value::{Data, Map, Origin, OriginStep, StepKind, Value};

use super::variable;

/// Text the defaults of one file may make, and how deep they may be nested.
#[derive(Debug)]
pub(super) struct Budget(usize);

impl Default for Budget {
    fn default() -> Budget {
        Budget(8 << 20)
    }
}

impl Budget {
    /// Whether too much was made.
    pub(super) fn is_spent(&self) -> bool {
        self.0 == 0
    }
}

/// The value with all its texts worked out.
pub(super) fn interpolate(value: &Value, budget: &mut Budget) -> Value {
    // The reader limits how deep values are nested.
    let data = match &value.data {
        Data::String(text) if text.contains('$') => return replaced(value, text, budget),
        Data::List(list) => Data::List(Arc::new(list.iter().map(|item| interpolate(item, budget)).collect())),
        Data::Map(map) => {
            let mut out = Map::new();
            for (key, entry) in map.iter() {
                out.insert(key.as_ref(), entry.key, interpolate(&entry.value, budget));
            }
            Data::Map(Arc::new(out))
        }
        _ => return value.clone(),
    };
    Value { data, ..value.clone() }
}

fn replaced(value: &Value, text: &str, budget: &mut Budget) -> Value {
    let mut steps = Vec::new();
    match expand(text, 0, &mut steps) {
        Ok(expanded) if expanded.len() <= budget.0 => {
            budget.0 -= expanded.len();
            // A text that is wholly a number or true or false is that.
            let data = match expanded.as_str() {
                "true" => Data::Bool(true),
                "false" => Data::Bool(false),
                _ => Data::String(expanded.into()),
            };
            let steps = steps
                .into_iter()
                .map(|name| OriginStep { kind: StepKind::VariableDefault, name: name.into(), span: value.span })
                .collect::<Vec<_>>();
            let origin = if steps.is_empty() { value.origin.clone() } else { Some(Arc::new(Origin { steps, references: Vec::new() })) };
            Value { data, origin, ..value.clone() }
        }
        Ok(_) => {
            budget.0 = 0;
            variable(text, "", value.span)
        }
        Err((name, prefix)) => variable(&name, &prefix, value.span),
    }
}

/// The text with its variables put in; where one has no default, its name and the text before it.
fn expand(text: &str, depth: usize, steps: &mut Vec<String>) -> Result<String, (String, String)> {
    let mut out = String::new();
    let mut rest = text;
    while let Some((before, after)) = rest.split_once('$') {
        out.push_str(before);
        if let Some(behind) = after.strip_prefix('$') {
            out.push('$');
            rest = behind;
            continue;
        }
        if let Some(inside) = after.strip_prefix('{') {
            let Some(end) = closing(inside) else {
                out.push('$');
                rest = after;
                continue;
            };
            let (inside, behind) = (inside.get(..end).unwrap_or_default(), inside.get(end + 1..).unwrap_or_default());
            rest = behind;
            let length = inside.find(|letter: char| !letter.is_ascii_alphanumeric() && letter != '_').unwrap_or(inside.len());
            let (name, operator) = inside.split_at_checked(length).unwrap_or((inside, ""));
            let default = operator.strip_prefix(":-").or_else(|| operator.strip_prefix('-'));
            match default {
                Some(default) if depth < 8 => {
                    let expanded = expand(default, depth + 1, steps).map_err(|(name, inner)| (name, format!("{out}{inner}")))?;
                    out.push_str(&expanded);
                    steps.push(name.to_owned());
                }
                _ => return Err((format!("${{{name}}}"), out)),
            }
            continue;
        }
        let length = after.find(|letter: char| !letter.is_ascii_alphanumeric() && letter != '_').unwrap_or(after.len());
        let name = after.get(..length).unwrap_or(after);
        if name.is_empty() {
            out.push('$');
            rest = after;
            continue;
        }
        return Err((format!("${name}"), out));
    }
    out.push_str(rest);
    Ok(out)
}

/// Where the brace that closes is.
fn closing(text: &str) -> Option<usize> {
    let mut depth = 1_usize;
    for (at, letter) in text.char_indices() {
        match letter {
            '{' => depth += 1,
            '}' => {
                depth -= 1;
                if depth == 0 {
                    return Some(at);
                }
            }
            _ => {}
        }
    }
    None
}
