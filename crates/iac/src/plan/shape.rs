//! Values of a plan in the shape the configuration gives: what the provider's schema fills in with null is not there, what is known only
//! after apply is unknown, and what an argument refers to is its reference.

use std::sync::Arc;

use probity_value::{Data, Map, Origin, Reference, Span, Unknown, UnknownKind, Value};

use super::configuration::{From, Resolver, is_argument, references_in};

/// What is needed to shape one resource.
pub(super) struct Shaper<'a, 'v> {
    pub(super) resolver: &'a Resolver<'v>,
    pub(super) from: From<'a>,
    /// The address, for reasons.
    pub(super) address: &'a str,
}

/// What the plan says of one value, part by part.
#[derive(Clone, Copy, Default)]
struct Facts<'p> {
    unknown: Option<&'p Value>,
    sensitive: Option<&'p Value>,
    /// What is written of it.
    written: Option<&'p Value>,
    /// Whether what is not written is left out where it is unknown: the provider's own business.
    strict: bool,
}

fn is_true(value: Option<&Value>) -> bool {
    matches!(value.map(|value| &value.data), Some(Data::Bool(true)))
}

/// Whether `true` stands anywhere in it.
fn any_true(value: &Value) -> bool {
    match &value.data {
        Data::Bool(truth) => *truth,
        Data::List(items) => items.iter().any(any_true),
        Data::Map(map) => map.values().any(any_true),
        _ => false,
    }
}

fn item(of: Option<&Value>, at: usize) -> Option<&Value> {
    match of.map(|value| &value.data) {
        Some(Data::List(items)) => items.get(at),
        // The whole is one thing or the other.
        Some(Data::Bool(_)) => of,
        _ => None,
    }
}

fn part<'p>(of: Option<&'p Value>, key: &str) -> Option<&'p Value> {
    match of.map(|value| &value.data) {
        Some(Data::Map(map)) => map.get(key),
        Some(Data::Bool(_)) => of,
        _ => None,
    }
}

impl Shaper<'_, '_> {
    /// The arguments of a resource. `written` are its `expressions`, where the configuration is there.
    pub(super) fn arguments(&self, value: Value, unknown: Option<&Value>, sensitive: Option<&Value>, written: Option<&Value>) -> Value {
        let facts = Facts { unknown, sensitive, written, strict: written.is_some() };
        let span = value.span;
        self.map(&value, facts, "").unwrap_or_else(|| Value::map(Map::new(), span))
    }

    fn map(&self, value: &Value, facts: Facts<'_>, path: &str) -> Option<Value> {
        let given = value.as_map()?;
        let mut out = Map::new();
        let below = |key: &str| if path.is_empty() { key.to_owned() } else { format!("{path}.{key}") };
        let of = |key: &str| Facts {
            unknown: part(facts.unknown, key),
            sensitive: part(facts.sensitive, key),
            written: facts.written.and_then(|written| written.get(key)),
            strict: facts.strict,
        };
        for (key, entry) in given.iter() {
            if let Some(value) = self.value(Some(&entry.value), of(key), &below(key), value.span) {
                out.insert(Arc::clone(key), entry.key, value);
            }
        }
        for (key, entry) in facts.unknown.and_then(Value::as_map).into_iter().flat_map(|map| map.iter()) {
            if !given.contains_key(key)
                && any_true(&entry.value)
                && let Some(value) = self.value(None, of(key), &below(key), value.span)
            {
                out.insert(Arc::clone(key), Span::NONE, value);
            }
        }
        Some(Value::map(out, value.span))
    }

    /// One value; `None` where it is as if it was not written.
    fn value(&self, value: Option<&Value>, facts: Facts<'_>, path: &str, around: Span) -> Option<Value> {
        if is_true(facts.unknown) {
            if facts.strict && facts.written.is_none() {
                return None;
            }
            return Some(self.marked(self.unknown(path, around), facts));
        }
        let value = value.filter(|value| !value.is_null());
        let shaped = match (value.map(|value| &value.data), facts.unknown.map(|value| &value.data)) {
            (Some(Data::Map(_)), _) => self.map(value?, self.inside(facts, 0, 1), path)?,
            (Some(Data::List(items)), _) => {
                let unknown = facts.unknown.and_then(Value::as_list).unwrap_or_default();
                let count = items.len().max(unknown.len());
                if count == 0 {
                    return None;
                }
                let list = (0..count).map(|at| self.item(items.get(at), facts, at, count, path, around)).collect();
                Value::list(list, value?.span)
            }
            (Some(_), _) => value?.clone(),
            (None, Some(Data::Map(_))) => self.map(&Value::map(Map::new(), around), self.inside(facts, 0, 1), path)?,
            (None, Some(Data::List(items))) if items.iter().any(any_true) => {
                let count = items.len();
                let list = (0..count).map(|at| self.item(None, facts, at, count, path, around)).collect();
                Value::list(list, around)
            }
            (None, _) => return None,
        };
        Some(self.marked(shaped, facts))
    }

    /// One item of a list; a null one stays, so that the others keep their places.
    fn item(&self, value: Option<&Value>, facts: Facts<'_>, at: usize, count: usize, path: &str, around: Span) -> Value {
        let inner = self.inside(facts, at, count);
        let own = Facts { unknown: item(facts.unknown, at), sensitive: item(facts.sensitive, at), ..inner };
        let path = format!("{path}[{at}]");
        let shaped = match value.filter(|value| value.as_map().is_some() && !is_true(own.unknown)) {
            Some(map) => self.map(map, own, &path).map(|value| self.secret(value, own)),
            None => self.value(value, Facts { strict: false, ..own }, &path, around),
        };
        let mut shaped = shaped.unwrap_or_else(|| Value::null(value.map_or(around, |value| value.span)));
        // What an argument refers to may be any of its items.
        if facts.written.is_some_and(is_argument) && !matches!(shaped.data, Data::Map(_)) {
            shaped = self.referring(shaped, facts.written);
        }
        shaped
    }

    /// What is written of the parts of a value: those of the nested block, if it is one.
    fn inside<'p>(&self, facts: Facts<'p>, at: usize, count: usize) -> Facts<'p> {
        let written = match facts.written {
            Some(written) if !is_argument(written) => match written.as_list() {
                Some(blocks) if blocks.len() == count => blocks.get(at),
                Some([only]) => Some(only),
                Some(_) => None,
                None => Some(written),
            },
            _ => None,
        };
        Facts { written, strict: written.is_some(), ..facts }
    }

    fn unknown(&self, path: &str, span: Span) -> Value {
        let reason = format!("`{}.{path}` is known only after apply", self.address);
        let data =
            Unknown { kind: UnknownKind::Reference, reason: reason.into(), set: true, prefix: "".into(), suffix: "".into(), decoded: None };
        Value::new(Data::Unknown(Arc::new(data)), span)
    }

    fn secret(&self, mut value: Value, facts: Facts<'_>) -> Value {
        value.sensitive |= is_true(facts.sensitive);
        value
    }

    fn marked(&self, value: Value, facts: Facts<'_>) -> Value {
        let value = self.secret(value, facts);
        self.referring(value, facts.written)
    }

    fn referring(&self, mut value: Value, written: Option<&Value>) -> Value {
        let Some(written) = written.filter(|written| is_argument(written)) else { return value };
        let references = self.resolver.resolve(&references_in(written), self.from);
        if references.is_empty() {
            return value;
        }
        if let (Data::Unknown(unknown), [only]) = (&mut value.data, references.as_slice()) {
            describe(Arc::make_mut(unknown), only);
        }
        value.origin = Some(Arc::new(Origin { steps: Vec::new(), references }));
        value
    }
}

/// An unknown that hangs on one attribute of one resource says so. More is not known: the attribute may be a part of a text.
fn describe(unknown: &mut Unknown, reference: &Reference) {
    if !reference.attribute.is_empty() {
        unknown.reason = format!("`{}.{}` is known only after apply", reference.subject, reference.attribute).into();
    }
}
