//! The functions of JMESPath itself, and Kyverno's for lists and objects.

use std::cmp::Ordering;
use std::sync::Arc;

use probity_value::{Data, Map, Span, Value};

use super::super::interpreter::{equal, kind_of, number};
use super::super::{Evaluation, JmesError};
use super::{Answer, number_at, text_answer, text_at, value_at, whole};
use crate::json;

fn truth(value: bool) -> Answer {
    Ok(Value::bool(value, Span::NONE))
}

fn null() -> Answer {
    Ok(Value::null(Span::NONE))
}

fn list(items: Vec<Value>) -> Answer {
    Ok(Value::list(items, Span::NONE))
}

fn items_at(arguments: &[Value], position: usize) -> &[Value] {
    arguments.get(position).and_then(Value::as_list).unwrap_or_default()
}

/// Stops at the first item that cannot be known.
fn known(items: &[Value]) -> Result<(), JmesError> {
    items.iter().find_map(Value::as_unknown).map_or(Ok(()), |unknown| Err(JmesError::from(unknown)))
}

pub(super) fn abs(arguments: &[Value], _: &Evaluation<'_>) -> Answer {
    Ok(number(number_at(arguments, 0).abs()))
}

pub(super) fn ceil(arguments: &[Value], _: &Evaluation<'_>) -> Answer {
    Ok(number(number_at(arguments, 0).ceil()))
}

pub(super) fn floor(arguments: &[Value], _: &Evaluation<'_>) -> Answer {
    Ok(number(number_at(arguments, 0).floor()))
}

pub(super) fn avg(arguments: &[Value], _: &Evaluation<'_>) -> Answer {
    let items = items_at(arguments, 0);
    known(items)?;
    if items.is_empty() {
        return Err(JmesError::wrong("`avg` has no answer for an empty array"));
    }
    let sum: f64 = (0..items.len()).map(|at| number_at(items, at)).sum();
    #[expect(clippy::cast_precision_loss, reason = "no list is that long")]
    Ok(number(sum / items.len() as f64))
}

pub(super) fn contains(arguments: &[Value], evaluation: &Evaluation<'_>) -> Answer {
    let wanted = value_at(arguments, 1);
    if let Some(text) = value_at(arguments, 0).as_str() {
        evaluation.grow(text.len() / 8)?;
        return truth(wanted.as_str().is_some_and(|wanted| text.contains(wanted)));
    }
    let mut undecided = None;
    for item in items_at(arguments, 0) {
        match equal(item, wanted, evaluation) {
            Ok(true) => return truth(true),
            Ok(false) => {}
            Err(error) if error.is_unknown() => undecided = Some(error),
            Err(error) => return Err(error),
        }
    }
    undecided.map_or(truth(false), Err)
}

pub(super) fn starts_with(arguments: &[Value], _: &Evaluation<'_>) -> Answer {
    truth(text_at(arguments, 0).starts_with(text_at(arguments, 1)))
}

pub(super) fn ends_with(arguments: &[Value], _: &Evaluation<'_>) -> Answer {
    truth(text_at(arguments, 0).ends_with(text_at(arguments, 1)))
}

pub(super) fn length(arguments: &[Value], _: &Evaluation<'_>) -> Answer {
    let length = match &value_at(arguments, 0).data {
        Data::String(text) => text.chars().count(),
        Data::List(items) => items.len(),
        Data::Map(map) => map.len(),
        _ => 0,
    };
    Ok(Value::int(i64::try_from(length).unwrap_or(i64::MAX), Span::NONE))
}

pub(super) fn map(_: &[Value], answers: Vec<Option<Value>>) -> Answer {
    list(answers.into_iter().map(|answer| answer.unwrap_or(Value::null(Span::NONE))).collect())
}

/// The order of two numbers or two texts; `None` for everything else.
fn order(left: &Value, right: &Value) -> Option<Ordering> {
    match (&left.data, &right.data) {
        (Data::Number(left), Data::Number(right)) => left.partial_cmp(right),
        (Data::String(left), Data::String(right)) => Some(left.cmp(right)),
        _ => None,
    }
}

/// The first item that no other one comes before in the wanted order.
fn best(items: &[Value], wanted: Ordering) -> Answer {
    known(items)?;
    let mut best: Option<&Value> = None;
    for item in items {
        if best.is_none_or(|best| order(item, best) == Some(wanted)) {
            best = Some(item);
        }
    }
    Ok(best.cloned().unwrap_or(Value::null(Span::NONE)))
}

pub(super) fn max(arguments: &[Value], _: &Evaluation<'_>) -> Answer {
    best(items_at(arguments, 0), Ordering::Greater)
}

pub(super) fn min(arguments: &[Value], _: &Evaluation<'_>) -> Answer {
    best(items_at(arguments, 0), Ordering::Less)
}

/// The answers of an expression, all numbers or all texts as the first one.
fn comparable(name: &str, answers: Vec<Option<Value>>) -> Result<Vec<Value>, JmesError> {
    let answers: Vec<Value> = answers.into_iter().map(|answer| answer.unwrap_or(Value::null(Span::NONE))).collect();
    known(&answers)?;
    let Some(first) = answers.first() else { return Ok(answers) };
    if !matches!(first.data, Data::Number(_) | Data::String(_)) {
        return Err(JmesError::wrong(format!("the expression of `{name}` gives {}, not a number or string", kind_of(first))));
    }
    match answers.iter().find(|answer| kind_of(answer) != kind_of(first)) {
        Some(other) => Err(JmesError::wrong(format!(
            "the expression of `{name}` gives {} for one item and {} for another",
            kind_of(first),
            kind_of(other)
        ))),
        None => Ok(answers),
    }
}

fn best_by(name: &str, items: &[Value], answers: Vec<Option<Value>>, wanted: Ordering) -> Answer {
    let answers = comparable(name, answers)?;
    let mut pairs = items.iter().zip(answers.iter());
    let Some(mut best) = pairs.next() else { return Ok(items.first().cloned().unwrap_or(Value::null(Span::NONE))) };
    for pair in pairs {
        if order(pair.1, best.1) == Some(wanted) {
            best = pair;
        }
    }
    Ok(best.0.clone())
}

pub(super) fn max_by(items: &[Value], answers: Vec<Option<Value>>) -> Answer {
    best_by("max_by", items, answers, Ordering::Greater)
}

pub(super) fn min_by(items: &[Value], answers: Vec<Option<Value>>) -> Answer {
    best_by("min_by", items, answers, Ordering::Less)
}

pub(super) fn sort(arguments: &[Value], evaluation: &Evaluation<'_>) -> Answer {
    let items = items_at(arguments, 0);
    known(items)?;
    evaluation.step(items.len() as u64)?;
    let mut items = items.to_vec();
    items.sort_by(|left, right| order(left, right).unwrap_or(Ordering::Equal));
    list(items)
}

pub(super) fn sort_by(items: &[Value], answers: Vec<Option<Value>>) -> Answer {
    if answers.is_empty() {
        return list(items.to_vec());
    }
    let answers = comparable("sort_by", answers)?;
    let mut pairs: Vec<(&Value, &Value)> = items.iter().zip(answers.iter()).collect();
    pairs.sort_by(|left, right| order(left.1, right.1).unwrap_or(Ordering::Equal));
    list(pairs.into_iter().map(|(item, _)| item.clone()).collect())
}

pub(super) fn merge(arguments: &[Value], evaluation: &Evaluation<'_>) -> Answer {
    let mut merged = Map::new();
    for map in arguments.iter().filter_map(Value::as_map) {
        evaluation.step(map.len() as u64)?;
        for (key, entry) in map.iter() {
            merged.insert(Arc::clone(key), entry.key, entry.value.clone());
        }
    }
    Ok(Value::map(merged, Span::NONE))
}

pub(super) fn not_null(arguments: &[Value], _: &Evaluation<'_>) -> Answer {
    Ok(arguments.iter().find(|argument| !argument.is_null()).cloned().unwrap_or(Value::null(Span::NONE)))
}

pub(super) fn keys(arguments: &[Value], _: &Evaluation<'_>) -> Answer {
    let Some(map) = value_at(arguments, 0).as_map() else { return null() };
    list(map.iter().map(|(key, entry)| Value::string(Arc::clone(key), entry.key)).collect())
}

pub(super) fn values(arguments: &[Value], _: &Evaluation<'_>) -> Answer {
    let Some(map) = value_at(arguments, 0).as_map() else { return null() };
    list(map.values().cloned().collect())
}

pub(super) fn join(arguments: &[Value], evaluation: &Evaluation<'_>) -> Answer {
    let items = items_at(arguments, 1);
    known(items)?;
    let glue = text_at(arguments, 0);
    let size = items.iter().map(|item| item.as_str().map_or(0, str::len)).sum::<usize>() + glue.len() * items.len();
    evaluation.grow(size)?;
    let texts: Vec<&str> = items.iter().filter_map(Value::as_str).collect();
    Ok(Value::string(texts.join(glue), Span::NONE))
}

pub(super) fn reverse(arguments: &[Value], evaluation: &Evaluation<'_>) -> Answer {
    match &value_at(arguments, 0).data {
        Data::String(text) => text_answer(text.chars().rev().collect::<String>(), evaluation),
        _ => list(items_at(arguments, 0).iter().rev().cloned().collect()),
    }
}

pub(super) fn to_array(arguments: &[Value], _: &Evaluation<'_>) -> Answer {
    let value = value_at(arguments, 0);
    if value.as_list().is_some() { Ok(value.clone()) } else { list(vec![value.clone()]) }
}

pub(super) fn to_string(arguments: &[Value], evaluation: &Evaluation<'_>) -> Answer {
    let value = value_at(arguments, 0);
    if value.as_str().is_some() {
        return Ok(value.clone());
    }
    Ok(Value::string(json::write(value, evaluation)?, Span::NONE))
}

pub(super) fn to_number(arguments: &[Value], _: &Evaluation<'_>) -> Answer {
    let value = value_at(arguments, 0);
    match &value.data {
        Data::Number(_) => Ok(value.clone()),
        Data::String(text) => match text.parse::<i64>() {
            Ok(whole) => Ok(Value::int(whole, Span::NONE)),
            Err(_) => match text.parse::<f64>() {
                Ok(parsed) if parsed.is_finite() => Ok(number(parsed)),
                _ => null(),
            },
        },
        _ => null(),
    }
}

pub(super) fn type_of(arguments: &[Value], evaluation: &Evaluation<'_>) -> Answer {
    text_answer(kind_of(value_at(arguments, 0)), evaluation)
}

pub(super) fn label_match(arguments: &[Value], evaluation: &Evaluation<'_>) -> Answer {
    let (Some(labels), Some(of)) = (value_at(arguments, 0).as_map(), value_at(arguments, 1).as_map()) else { return null() };
    for (key, entry) in labels.iter() {
        match of.get(key) {
            Some(value) if equal(value, &entry.value, evaluation)? => {}
            _ => return truth(false),
        }
    }
    truth(true)
}

pub(super) fn lookup(arguments: &[Value], _: &Evaluation<'_>) -> Answer {
    let (collection, key) = (value_at(arguments, 0), value_at(arguments, 1));
    let found = match (&collection.data, &key.data) {
        (Data::Map(map), Data::String(key)) => map.get(key),
        (Data::List(items), Data::Number(at)) => usize::try_from(whole("lookup", 1, at.as_f64())?).ok().and_then(|at| items.get(at)),
        (Data::Map(_), _) => return Err(JmesError::wrong("argument 2 of `lookup` is a number, not a string, and argument 1 is an object")),
        _ => return Err(JmesError::wrong("argument 2 of `lookup` is a string, not a number, and argument 1 is an array")),
    };
    Ok(found.cloned().unwrap_or(Value::null(Span::NONE)))
}

pub(super) fn items(arguments: &[Value], evaluation: &Evaluation<'_>) -> Answer {
    let (key_name, value_name) = (text_at(arguments, 1), text_at(arguments, 2));
    let entry = |key: Value, value: &Value| {
        let mut map = Map::new();
        map.insert(key_name, Span::NONE, key);
        map.insert(value_name, Span::NONE, value.clone());
        Value::map(map, value.span)
    };
    match &value_at(arguments, 0).data {
        Data::Map(map) => {
            evaluation.step(map.len() as u64)?;
            let mut sorted: Vec<_> = map.iter().collect();
            sorted.sort_by(|left, right| left.0.cmp(right.0));
            list(sorted.into_iter().map(|(key, found)| entry(Value::string(Arc::clone(key), found.key), &found.value)).collect())
        }
        Data::List(values) => {
            evaluation.step(values.len() as u64)?;
            list(
                values
                    .iter()
                    .enumerate()
                    .map(|(at, value)| entry(Value::int(i64::try_from(at).unwrap_or(i64::MAX), Span::NONE), value))
                    .collect(),
            )
        }
        _ => null(),
    }
}

/// Text for what is text, a number or true or false; `None` for everything else.
pub(super) fn scalar_text(value: &Value) -> Option<Arc<str>> {
    match &value.data {
        Data::String(text) => Some(Arc::clone(text)),
        Data::Bool(value) => Some(value.to_string().into()),
        // The original rounds to 32 bits.
        #[expect(clippy::cast_possible_truncation, reason = "as the original does")]
        Data::Number(number) => Some((number.as_f64() as f32).to_string().into()),
        _ => None,
    }
}

pub(super) fn object_from_lists(arguments: &[Value], evaluation: &Evaluation<'_>) -> Answer {
    let (keys, values) = (items_at(arguments, 0), items_at(arguments, 1));
    evaluation.step(keys.len() as u64)?;
    known(keys)?;
    let mut map = Map::new();
    for (at, key) in keys.iter().enumerate() {
        let Some(name) = scalar_text(key) else {
            return Err(JmesError::wrong(format!("argument 1 of `object_from_lists` holds {}, which is no key", kind_of(key))));
        };
        map.insert(name, key.span, values.get(at).cloned().unwrap_or(Value::null(Span::NONE)));
    }
    Ok(Value::map(map, Span::NONE))
}
