//! Operators: what one comparison says of one value that is there. What it means that nothing is there is `evaluate`'s business.

use std::borrow::Cow;
use std::cmp::Ordering;
use std::sync::Arc;

use probity_value::{Data, Number, Unknown, UnknownKind, Value};

use crate::check::{Operator, Test};
use crate::network::Addresses;
use crate::text::{compare_versions, like};
use crate::truth::Tri;
use crate::{iam, path};

impl Operator {
    /// Whether nothing and null are values to it like any other.
    pub(crate) fn asks_about_absence(&self) -> bool {
        matches!(self.test, Test::Exists(_) | Test::Empty(_))
    }

    /// What it says of nothing; only for those that ask about it.
    pub(crate) fn of_nothing(&self) -> Tri {
        match self.test {
            Test::Exists(wanted) => Tri::known(!wanted),
            Test::Empty(wanted) => Tri::known(wanted),
            _ => Tri::No,
        }
    }

    /// What it says of a value that is not null. `argument` is what its argument stands for, where that is a value.
    pub(crate) fn holds(&self, value: &Value, argument: Option<&Value>) -> Tri {
        let fold = self.ignore_case;
        if let Some(maybe) = path::doubt(value)
            && !self.asks_about_absence()
        {
            return Tri::Maybe(maybe.clone());
        }
        let with = |compare: &dyn Fn(&Value) -> Tri| argument.map_or(Tri::No, compare);
        let tri = match &self.test {
            Test::Equals(_) => with(&|argument| equal(value, argument, fold)),
            Test::In(_) => with(&|argument| among(value, argument, fold)),
            Test::Exists(wanted) => exists(value).negate_if(!wanted),
            Test::Empty(wanted) => empty(value).negate_if(!wanted),
            Test::Matches(pattern) => {
                text(value, |text| pattern.is_match(text).unwrap_or(false), |prefix, _| pattern.is_match_within(prefix).then_some(true))
            }
            Test::Like(patterns) => text(
                value,
                |text| patterns.iter().any(|pattern| folded_like(pattern, text, fold)),
                |prefix, suffix| patterns.iter().all(|pattern| !may_be_like(pattern, prefix, suffix, fold)).then_some(false),
            ),
            Test::Contains(_) => with(&|argument| contains(value, argument, fold)),
            Test::ContainsAny(_) => with(&|argument| Tri::any(items(argument).iter().map(|item| contains(value, item, fold)))),
            Test::ContainsAll(_) => with(&|argument| Tri::all(items(argument).iter().map(|item| contains(value, item, fold)))),
            Test::Within(_) => with(&|argument| within(value, argument, fold)),
            Test::StartsWith(_) => with(&|argument| Tri::any(items(argument).iter().map(|start| starts_with(value, start, fold)))),
            Test::EndsWith(_) => with(&|argument| Tri::any(items(argument).iter().map(|end| ends_with(value, end, fold)))),
            Test::Number(order, _) => with(&|argument| number(value, argument, |found| order.holds(found))),
            Test::Version(order, than) => version(value, than, |found| order.holds(found)),
            Test::Length(order, than) => length(value, |count| order.holds((count as u64).cmp(than))),
            Test::Type(wanted) => match &value.data {
                Data::Unknown(unknown) if !is_text(unknown) => Tri::Maybe(value.clone()),
                Data::Unknown(_) => Tri::known(wanted.as_str() == "string"),
                _ => Tri::known(wanted.as_str() == value.type_name()),
            },
            Test::CidrWorld(wanted) => world(value).negate_if(!wanted),
            Test::CidrWithin(_) => with(&|argument| inside(value, argument)),
            Test::Allows(ask) => iam::allows(value, ask),
        };
        tri.negate_if(self.negated)
    }
}

fn unknown(value: &Value) -> Option<&Unknown> {
    value.as_unknown()
}

/// The items of an argument: of a list its items, else itself.
fn items(argument: &Value) -> &[Value] {
    argument.as_list().unwrap_or(std::slice::from_ref(argument))
}

/// A value that is there exists, unless it is unknown and may turn out null.
pub(crate) fn exists(value: &Value) -> Tri {
    match unknown(value) {
        Some(unknown) if unknown.set || is_text(unknown) => Tri::Yes,
        Some(_) => Tri::Maybe(value.clone()),
        None => presence(value).map_or_else(|| Tri::known(!value.is_null()), |maybe| Tri::Maybe(maybe.clone())),
    }
}

/// What it hangs on whether anything is there at all: of a block that may not be there, and of a list of nothing but such.
fn presence(value: &Value) -> Option<&Value> {
    match value.as_list() {
        Some(items) if items.iter().all(|item| path::doubt(item).is_some()) => items.first().and_then(path::doubt),
        _ => path::doubt(value),
    }
}

fn empty(value: &Value) -> Tri {
    if let Some(maybe) = presence(value) {
        return Tri::Maybe(maybe.clone());
    }
    match &value.data {
        Data::Null => Tri::Yes,
        Data::String(text) => Tri::known(text.trim().is_empty()),
        Data::List(items) => Tri::known(items.is_empty()),
        Data::Map(map) => Tri::known(map.is_empty()),
        Data::Bool(_) | Data::Number(_) => Tri::No,
        // An attribute that another resource will have is asked for because it holds something.
        Data::Unknown(unknown) if unknown.set && unknown.kind == UnknownKind::Reference => Tri::No,
        Data::Unknown(unknown) if is_text(unknown) || (unknown.set && unknown.decoded.is_some()) => Tri::No,
        Data::Unknown(_) => Tri::Maybe(value.clone()),
    }
}

/// Equal as users mean it: `"true"` and `true`, `"8"` and `8` are.
pub(crate) fn equal(a: &Value, b: &Value, fold: bool) -> Tri {
    let doubtful = |value: &Value| match value.as_list() {
        Some(items) => items.iter().find_map(path::doubt).cloned(),
        None => path::doubt(value).cloned(),
    };
    if let Some(maybe) = doubtful(a).or_else(|| doubtful(b)) {
        return Tri::Maybe(maybe);
    }
    match (&a.data, &b.data) {
        (Data::Unknown(left), Data::Unknown(right))
            if prefixes_clash(&left.prefix, &right.prefix, fold) || suffixes_clash(&left.suffix, &right.suffix, fold) =>
        {
            Tri::No
        }
        (Data::Unknown(unknown), other) => unknown_equal(a, unknown, other, fold),
        (other, Data::Unknown(unknown)) => unknown_equal(b, unknown, other, fold),
        (Data::List(left), Data::List(right)) => {
            if left.len() != right.len() {
                return Tri::No;
            }
            Tri::all(left.iter().zip(right.iter()).map(|(x, y)| equal(x, y, fold)))
        }
        (Data::Map(left), Data::Map(right)) => {
            if left.len() != right.len() {
                return Tri::No;
            }
            Tri::all(left.iter().map(|(key, entry)| right.get(key).map_or(Tri::No, |other| equal(&entry.value, other, fold))))
        }
        (Data::List(_) | Data::Map(_), _) | (_, Data::List(_) | Data::Map(_)) => Tri::No,
        _ => Tri::known(scalars_equal(&a.data, &b.data, fold)),
    }
}

fn unknown_equal(value: &Value, unknown: &Unknown, other: &Data, fold: bool) -> Tri {
    let clash = match other {
        Data::String(text) => !has_prefix(text, &unknown.prefix, fold) || !has_suffix(text, &unknown.suffix, fold),
        Data::Null => unknown.set,
        // Text that is sure to start somehow is no list, and no number or truth unless it reads like one.
        Data::List(_) | Data::Map(_) => is_text(unknown) && unknown.decoded.is_none(),
        _ => false,
    };
    if clash { Tri::No } else { Tri::Maybe(value.clone()) }
}

/// Whether it is sure to be text, since a part of it is known.
fn is_text(unknown: &Unknown) -> bool {
    !unknown.prefix.is_empty() || !unknown.suffix.is_empty()
}

fn has_suffix(text: &str, suffix: &str, fold: bool) -> bool {
    fold_case(text, fold).ends_with(&*fold_case(suffix, fold))
}

fn suffixes_clash(a: &str, b: &str, fold: bool) -> bool {
    !has_suffix(a, b, fold) && !has_suffix(b, a, fold)
}

fn prefixes_clash(a: &str, b: &str, fold: bool) -> bool {
    !has_prefix(a, b, fold) && !has_prefix(b, a, fold)
}

fn scalars_equal(a: &Data, b: &Data, fold: bool) -> bool {
    match (a, b) {
        (Data::Null, Data::Null) => true,
        (Data::Bool(x), Data::Bool(y)) => x == y,
        (Data::Number(x), Data::Number(y)) => x == y,
        (Data::String(x), Data::String(y)) => same_text(x, y, fold),
        (Data::String(text), Data::Bool(value)) | (Data::Bool(value), Data::String(text)) => {
            same_text(text, if *value { "true" } else { "false" }, fold)
        }
        (Data::String(text), Data::Number(number)) | (Data::Number(number), Data::String(text)) => {
            parse_number(text).is_some_and(|parsed| parsed == *number)
        }
        _ => false,
    }
}

fn same_text(a: &str, b: &str, fold: bool) -> bool {
    if fold { a.to_lowercase() == b.to_lowercase() } else { a == b }
}

fn parse_number(text: &str) -> Option<Number> {
    let text = text.trim();
    if let Ok(whole) = text.parse::<i64>() {
        return Some(Number::Int(whole));
    }
    // Rust's parser takes `inf` and `nan`, which are words and not numbers here.
    let numeric = text.bytes().all(|byte| byte.is_ascii_digit() || matches!(byte, b'.' | b'-' | b'+' | b'e' | b'E'));
    text.parse::<f64>().ok().filter(|number| numeric && number.is_finite()).map(Number::from_f64)
}

fn fold_case(text: &str, fold: bool) -> Cow<'_, str> {
    if fold { Cow::Owned(text.to_lowercase()) } else { Cow::Borrowed(text) }
}

fn has_prefix(text: &str, prefix: &str, fold: bool) -> bool {
    fold_case(text, fold).starts_with(&*fold_case(prefix, fold))
}

fn folded_like(pattern: &str, text: &str, fold: bool) -> bool {
    like(&fold_case(pattern, fold), &fold_case(text, fold))
}

/// Whether some text that starts with `prefix` and ends with `suffix` could match; may say yes wrongly, never no.
fn may_be_like(pattern: &str, prefix: &str, suffix: &str, fold: bool) -> bool {
    let first = pattern.split(['*', '?']).next().unwrap_or_default();
    let last = pattern.rsplit(['*', '?']).next().unwrap_or_default();
    !prefixes_clash(first, prefix, fold) && !suffixes_clash(last, suffix, fold)
}

/// One of the items of a list.
fn among(value: &Value, list: &Value, fold: bool) -> Tri {
    match &list.data {
        Data::List(items) => Tri::any(items.iter().map(|item| equal(value, item, fold))),
        Data::Unknown(_) => Tri::Maybe(list.clone()),
        _ => equal(value, list, fold),
    }
}

/// A text test: numbers and truths are text too; `of_ends` may decide by the known start and end of unknown text.
fn text(value: &Value, test: impl Fn(&str) -> bool, of_ends: impl Fn(&str, &str) -> Option<bool>) -> Tri {
    match &value.data {
        Data::Unknown(unknown) => match (is_text(unknown), of_ends(&unknown.prefix, &unknown.suffix)) {
            (true, Some(known)) => Tri::known(known),
            _ => Tri::Maybe(value.clone()),
        },
        _ => as_text(value).map_or(Tri::No, |text| Tri::known(test(&text))),
    }
}

/// The text of a scalar.
pub(crate) fn as_text(value: &Value) -> Option<Cow<'_, str>> {
    match &value.data {
        Data::String(text) => Some(Cow::Borrowed(text)),
        Data::Bool(value) => Some(Cow::Borrowed(if *value { "true" } else { "false" })),
        Data::Number(number) => Some(Cow::Owned(number.to_string())),
        _ => None,
    }
}

fn contains(value: &Value, item: &Value, fold: bool) -> Tri {
    if item.is_unknown() {
        return Tri::Maybe(item.clone());
    }
    match &value.data {
        Data::List(items) => Tri::any(items.iter().map(|one| equal(one, item, fold))),
        Data::Map(map) => {
            let Some(key) = as_text(item) else { return Tri::No };
            if map.keys().any(|known| same_text(known, &key, fold)) {
                return Tri::Yes;
            }
            map.get(path::REST).map_or(Tri::No, |rest| Tri::Maybe(rest.clone()))
        }
        Data::String(text) => as_text(item).map_or(Tri::No, |part| Tri::known(fold_case(text, fold).contains(&*fold_case(&part, fold)))),
        // A map of which some keys are known.
        Data::Unknown(unknown) if unknown.decoded.as_ref().is_some_and(|known| known.get(path::REST).is_some()) => {
            unknown.decoded.as_ref().map_or(Tri::No, |known| contains(known, item, fold))
        }
        Data::Unknown(unknown) => match as_text(item) {
            Some(part)
                if is_text(unknown)
                    && [&unknown.prefix, &unknown.suffix].iter().any(|known| fold_case(known, fold).contains(&*fold_case(&part, fold))) =>
            {
                Tri::Yes
            }
            _ => Tri::Maybe(value.clone()),
        },
        Data::Null | Data::Bool(_) | Data::Number(_) => Tri::No,
    }
}

fn within(value: &Value, allowed: &Value, fold: bool) -> Tri {
    match &value.data {
        // A block that may not be there is not outside for sure.
        Data::List(items) => Tri::all(items.iter().map(|item| match (among(item, allowed, fold), path::doubt(item)) {
            (Tri::No, Some(maybe)) => Tri::Maybe(maybe.clone()),
            (tri, _) => tri,
        })),
        Data::Map(map) => Tri::all(map.keys().map(|key| among(&Value::string(Arc::clone(key), value.span), allowed, fold))),
        Data::Unknown(_) => Tri::Maybe(value.clone()),
        _ => among(value, allowed, fold),
    }
}

fn starts_with(value: &Value, start: &Value, fold: bool) -> Tri {
    let Some(start_text) = as_text(start) else {
        return if start.is_unknown() { Tri::Maybe(start.clone()) } else { Tri::No };
    };
    text(
        value,
        |text| has_prefix(text, &start_text, fold),
        |prefix, _| {
            if has_prefix(prefix, &start_text, fold) {
                Some(true)
            } else if prefixes_clash(prefix, &start_text, fold) {
                Some(false)
            } else {
                None
            }
        },
    )
}

fn ends_with(value: &Value, end: &Value, fold: bool) -> Tri {
    let Some(end_text) = as_text(end) else {
        return if end.is_unknown() { Tri::Maybe(end.clone()) } else { Tri::No };
    };
    text(
        value,
        |text| has_suffix(text, &end_text, fold),
        |_, suffix| {
            if has_suffix(suffix, &end_text, fold) { Some(true) } else { suffixes_clash(suffix, &end_text, fold).then_some(false) }
        },
    )
}

fn number(value: &Value, than: &Value, holds: impl Fn(Ordering) -> bool) -> Tri {
    let read = |value: &Value| match &value.data {
        Data::Number(number) => Some(*number),
        Data::String(text) => parse_number(text),
        _ => None,
    };
    for side in [value, than] {
        if side.is_unknown() {
            return Tri::Maybe(side.clone());
        }
    }
    match (read(value), read(than)) {
        (Some(left), Some(right)) => Tri::known(left.partial_cmp(&right).is_some_and(holds)),
        _ => Tri::No,
    }
}

fn version(value: &Value, than: &str, holds: impl Fn(Ordering) -> bool) -> Tri {
    text(value, |text| compare_versions(text, than).is_some_and(&holds), |_, _| None)
}

fn length(value: &Value, holds: impl Fn(usize) -> bool) -> Tri {
    match &value.data {
        Data::String(text) => Tri::known(holds(text.chars().count())),
        Data::List(items) => match items.iter().find_map(path::doubt) {
            Some(maybe) => Tri::Maybe(maybe.clone()),
            None => Tri::known(holds(items.len())),
        },
        Data::Map(map) => map.get(path::REST).map_or_else(|| Tri::known(holds(map.len())), |rest| Tri::Maybe(rest.clone())),
        Data::Unknown(_) => Tri::Maybe(value.clone()),
        Data::Null | Data::Bool(_) | Data::Number(_) => Tri::No,
    }
}

/// The addresses of a CIDR or a list of them.
#[derive(Default)]
struct Cidrs<'a> {
    known: Addresses,
    /// The first unknown one.
    maybe: Option<&'a Value>,
    /// Whether one is no CIDR.
    foreign: bool,
}

fn cidrs(value: &Value) -> Cidrs<'_> {
    let mut found = Cidrs::default();
    let mut known = Vec::new();
    for item in items(value).iter().filter(|item| !item.is_null()) {
        match &item.data {
            Data::Unknown(_) => found.maybe = found.maybe.or(Some(item)),
            Data::String(text) => match text.parse::<Addresses>() {
                Ok(addresses) => known.push(addresses),
                Err(_) => found.foreign = true,
            },
            _ => match path::doubt(item) {
                Some(maybe) => found.maybe = found.maybe.or(Some(maybe)),
                None => found.foreign = true,
            },
        }
    }
    found.known = Addresses::union(&known);
    found
}

/// Whether they together are the world; what is no CIDR adds nothing.
fn world(value: &Value) -> Tri {
    let found = cidrs(value);
    match found.maybe {
        _ if found.known.is_world() => Tri::Yes,
        Some(maybe) => Tri::Maybe(maybe.clone()),
        None => Tri::No,
    }
}

/// Whether all are inside these; what is no CIDR is not.
fn inside(value: &Value, outer: &Value) -> Tri {
    let (found, outer) = (cidrs(value), cidrs(outer));
    if found.foreign {
        return Tri::No;
    }
    if !outer.known.contains(&found.known) {
        return outer.maybe.map_or(Tri::No, |maybe| Tri::Maybe(maybe.clone()));
    }
    found.maybe.map_or(Tri::Yes, |maybe| Tri::Maybe(maybe.clone()))
}
