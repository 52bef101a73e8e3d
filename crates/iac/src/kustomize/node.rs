//! Small steps on values: looking in, changing, and the text a scalar was written as.

use std::sync::Arc;

use probity_value::{Data, Map, Origin, OriginStep, SourceMap, Span, Value};

use probity_kubernetes::strategic::node;
pub(super) use probity_kubernetes::strategic::node::{OPTIONS, each_part, is_scalar, list_mut, map_mut, scalar};

/// The text of a scalar as it was written; `None` for lists, maps and what is unknown.
pub(super) fn text(value: &Value, sources: &SourceMap) -> Option<String> {
    node::text(value, Some(sources))
}

/// Makes the scalars and nulls of a map the text they were written as, where Kustomize knows only maps of text.
pub(super) fn as_texts(map: &mut Value, sources: &SourceMap) {
    each_part(map, &mut |value| {
        let new = match &value.data {
            Data::Null => {
                sources.snippet(value.span).filter(|text| matches!(text.as_str(), "null" | "Null" | "NULL" | "~")).unwrap_or_default()
            }
            Data::Bool(_) | Data::Number(_) => text(value, sources).unwrap_or_default(),
            _ => return,
        };
        value.data = Data::String(new.into());
    });
}

/// Makes what was read for kubectl what Kustomize reads: `y` and `n` are text, a day without quotes is a time.
pub(super) fn as_kustomize(value: &mut Value, text: &str) {
    let written = || text.get(value.span.start as usize..value.span.end as usize).unwrap_or_default();
    match &mut value.data {
        Data::Bool(_) if matches!(written(), "y" | "Y" | "n" | "N") => value.data = Data::String(written().into()),
        Data::String(day) if is_day(day) && written() == &**day => value.data = Data::String(format!("{day}T00:00:00Z").into()),
        Data::List(items) if items.iter().any(differs) => {
            Arc::make_mut(items).iter_mut().for_each(|item| as_kustomize(item, text));
        }
        Data::Map(map) if map.values().any(differs) => each_part(value, &mut |part| as_kustomize(part, text)),
        _ => {}
    }
}

/// Whether something in it may be read otherwise.
fn differs(value: &Value) -> bool {
    match &value.data {
        Data::Bool(_) => true,
        Data::String(text) => is_day(text),
        Data::List(items) => items.iter().any(differs),
        Data::Map(map) => map.values().any(differs),
        _ => false,
    }
}

/// `2026-01-31`
fn is_day(text: &str) -> bool {
    text.len() == 10
        && text.bytes().enumerate().all(|(at, byte)| if matches!(at, 4 | 7) { byte == b'-' } else { byte.is_ascii_digit() })
        && text.parse::<jiff::civil::Date>().is_ok()
}

/// Gives a value and all in it a step on its way.
pub(super) fn decorate(value: &mut Value, step: &OriginStep) {
    let mut origin = value.origin.as_deref().cloned().unwrap_or_default();
    origin.steps.push(step.clone());
    value.origin = Some(Arc::new(origin));
    each_part(value, &mut |part| decorate(part, step));
}

/// A scalar that a kustomization gives.
pub(super) fn made(data: Data, span: Span, step: &OriginStep) -> Value {
    let mut value = Value::new(data, span);
    value.origin = Some(Arc::new(Origin { steps: vec![step.clone()], references: Vec::new() }));
    value
}

/// Moves every place in a value.
pub(super) fn move_places(value: &mut Value, place: &dyn Fn(Span) -> Span) {
    value.span = place(value.span);
    if let Data::Map(map) = &mut value.data {
        let moved: Map = map
            .iter()
            .map(|(key, entry)| {
                let mut entry = entry.clone();
                entry.key = place(entry.key);
                (Arc::clone(key), entry)
            })
            .collect();
        *map = Arc::new(moved);
    }
    each_part(value, &mut |part| move_places(part, place));
}

/// The value at a path of keys.
pub(super) fn at<'v>(value: &'v Value, path: &[&str]) -> Option<&'v Value> {
    path.iter().try_fold(value, |value, key| value.get(key))
}

/// The text at a path of keys, empty where there is none.
pub(super) fn text_at<'v>(value: &'v Value, path: &[&str]) -> &'v str {
    at(value, path).and_then(Value::as_str).unwrap_or_default()
}

/// The map under a key, made where it is missing.
pub(super) fn child_map<'v>(value: &'v mut Value, key: &str, span: Span) -> Option<&'v mut Map> {
    let map = map_mut(value)?;
    if !matches!(map.get(key), Some(Value { data: Data::Map(_), .. })) {
        map.insert(key, span, Value::map(Map::new(), span));
    }
    map_mut(map.get_mut(key)?)
}
