//! What a rule says of mending: the `edit:` of its file, or what follows from its check where that asks for one value.

use probity_core::{Edit, EditKey, EditStep};
use probity_value::{Span, Value};
use serde::{Deserialize, Serialize};

use crate::check::{Argument, Check, Condition, Literal, Operator, Quantifier, Test};
use crate::path::{Path, Start, Step, View};
use crate::read::Faults;

/// How a rule mends a fault, as it is stored.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub enum Mending {
    /// What follows from the check, if anything does.
    #[default]
    Implied,
    /// Nothing: what follows from the check would not mend it.
    Never,
    /// These steps.
    Given(Vec<MendingStep>),
}

/// One step, as it is stored.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub enum MendingStep {
    /// Gives an attribute a value.
    Set(Path, Literal),
    /// Takes an attribute away.
    Remove(Path),
    /// Puts text behind the subject.
    Add(String),
}

const KEYS: &[&str] = &["set", "remove", "add"];

/// Reads `edit:` of a rule file or of an entry of `also`.
pub(crate) fn read(value: &Value, faults: &mut Faults) -> Option<Mending> {
    if value.as_str() == Some("none") {
        return Some(Mending::Never);
    }
    let Some(map) = value.as_map() else {
        faults.add(value.span, "`edit` is `none` or a map with `set`, `remove` or `add`");
        return None;
    };
    for (key, entry) in map.iter().filter(|(key, _)| !KEYS.contains(&&***key)) {
        faults.unknown_word(entry.key, "key of `edit`", key, KEYS);
    }
    let mut steps = Vec::new();
    if let Some(set) = map.get("set") {
        match set.as_map() {
            Some(set) => {
                for (path, entry) in set.iter() {
                    let literal = Literal::of(&entry.value);
                    if let (Some(path), Some(literal)) = (edit_path(path, entry.key, faults), literal) {
                        steps.push(MendingStep::Set(path, literal));
                    }
                }
            }
            None => faults.add(set.span, "`set` of an edit is a map from paths to values"),
        }
    }
    if let Some(remove) = map.get("remove") {
        match remove.as_list() {
            Some(paths) => {
                for path in paths {
                    steps.extend(edit_path(path.as_str().unwrap_or_default(), path.span, faults).map(MendingStep::Remove));
                }
            }
            None => faults.add(remove.span, "`remove` of an edit is a list of paths"),
        }
    }
    if let Some(add) = map.get("add") {
        match add.as_str().filter(|text| !text.trim().is_empty()) {
            Some(text) => steps.push(MendingStep::Add(text.to_owned())),
            None => faults.add(add.span, "`add` of an edit is the text of a resource"),
        }
    }
    if steps.is_empty() {
        faults.add(value.span, "`edit` has nothing to do");
        return None;
    }
    Some(Mending::Given(steps))
}

fn edit_path(text: &str, span: Span, faults: &mut Faults) -> Option<Path> {
    match Path::parse(text) {
        Ok(path) if keys(&path).is_some() => Some(path),
        Ok(_) => {
            faults.add(span, format!("`{text}` of an edit is no way to an attribute: names, `[*]`, `$pod` and `$containers` are"));
            None
        }
        Err(message) => {
            faults.add(span, message);
            None
        }
    }
}

/// A path as the way to an attribute; `None` where it is none.
fn keys(path: &Path) -> Option<Vec<EditKey>> {
    if path.start == Start::Judged {
        return None;
    }
    let keys: Option<Vec<EditKey>> = path
        .steps
        .iter()
        .map(|step| match step {
            Step::Name(name) => Some(EditKey::Name(name.clone())),
            Step::Items => Some(EditKey::Each),
            Step::View(View::Pod) => Some(EditKey::Pod),
            Step::View(View::Containers | View::MainContainers) => Some(EditKey::Containers),
            Step::Index(_) | Step::Values | Step::View(_) => None,
        })
        .collect();
    keys.filter(|keys| matches!(keys.last(), Some(EditKey::Name(_))))
}

/// The edit that mends what a check finds; `None` where there is none.
pub(crate) fn edit(check: &Check, mending: &Mending) -> Option<Edit> {
    let steps = match mending {
        Mending::Never => return None,
        Mending::Given(steps) => steps.iter().filter_map(step).collect(),
        Mending::Implied => {
            let mut steps = Vec::new();
            implied(&check.condition, !check.fail_if, &[], &mut steps)?;
            steps
        }
    };
    (!steps.is_empty()).then_some(Edit { steps })
}

fn step(stored: &MendingStep) -> Option<EditStep> {
    Some(match stored {
        MendingStep::Set(path, literal) => EditStep::Set { path: keys(path)?, value: literal.value(), blocks: true },
        MendingStep::Remove(path) => EditStep::Remove { path: keys(path)? },
        MendingStep::Add(text) => EditStep::Add { text: text.as_str().into() },
    })
}

/// Steps that make a condition `wanted`, where it asks for one value; `None` where more than one thing would do, or nothing can be named.
fn implied(condition: &Condition, wanted: bool, prefix: &[EditKey], out: &mut Vec<EditStep>) -> Option<()> {
    match (condition, wanted) {
        (Condition::Any(parts), true) | (Condition::All(parts), false) if parts.len() == 1 => {
            parts.iter().try_for_each(|part| implied(part, wanted, prefix, out))
        }
        (Condition::Not(inner), _) => implied(inner, !wanted, prefix, out),
        (Condition::All(parts), true) | (Condition::Any(parts), false) => {
            parts.iter().try_for_each(|part| implied(part, wanted, prefix, out))
        }
        (Condition::Items(items), _) => {
            let each =
                matches!((items.quantifier, wanted), (Quantifier::Every, true) | (Quantifier::Some, false) | (Quantifier::None, true));
            let inner = items.quantifier == Quantifier::Every;
            if !each {
                return None;
            }
            let mut way = prefix.to_vec();
            way.extend(item_keys(&items.path)?);
            implied(&items.condition, inner, &way, out)
        }
        (Condition::Compare(comparison), _) => {
            let [operator] = comparison.operators.as_slice() else { return None };
            let mut path = prefix.to_vec();
            // `$.` inside a quantifier begins at the subject again.
            if comparison.path.start == Start::Subject {
                path.clear();
            }
            path.extend(keys(&comparison.path)?);
            out.push(asked(operator, wanted, path)?);
            Some(())
        }
        _ => None,
    }
}

fn item_keys(path: &Path) -> Option<Vec<EditKey>> {
    if path.start == Start::Judged {
        return None;
    }
    let mut keys: Vec<EditKey> = path
        .steps
        .iter()
        .map(|step| match step {
            Step::Name(name) => Some(EditKey::Name(name.clone())),
            Step::Items => Some(EditKey::Each),
            Step::View(View::Pod) => Some(EditKey::Pod),
            Step::View(View::Containers | View::MainContainers) => Some(EditKey::Containers),
            _ => None,
        })
        .collect::<Option<_>>()?;
    if matches!(keys.last(), Some(EditKey::Name(_))) {
        keys.push(EditKey::Each);
    }
    Some(keys)
}

/// The step that makes a comparison come out as wanted.
fn asked(operator: &Operator, wanted: bool, path: Vec<EditKey>) -> Option<EditStep> {
    let holds = wanted != operator.negated;
    let one = |literal: &Value| {
        let scalar = literal.as_list().is_none() && literal.as_map().is_none() && !literal.is_null();
        scalar.then(|| literal.clone())
    };
    let value = match (&operator.test, holds) {
        (Test::Equals(Argument::Fixed(fixed)), true) => one(fixed.value())?,
        (Test::Equals(Argument::Fixed(fixed)), false) => Value::bool(!fixed.value().as_bool()?, Span::NONE),
        (Test::In(Argument::Fixed(fixed)), true) => match fixed.value().as_list()? {
            [only] => one(only)?,
            _ => return None,
        },
        (Test::Exists(there), _) if *there != holds => return Some(EditStep::Remove { path }),
        _ => return None,
    };
    Some(EditStep::Set { path, value, blocks: false })
}
