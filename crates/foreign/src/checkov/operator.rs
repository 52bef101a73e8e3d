//! The operators of Checkov policies over values, three-valued.

use std::cmp::Ordering;

use probity_checks::{Addresses, decode_json};
use probity_value::{Data, Unknown, UnknownKind, Value};

use crate::pattern::Pattern;
use crate::tri::Tri;

/// Which operator.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Kind {
    Equals,
    EqualsIgnoreCase,
    Regex,
    Exists,
    Contains,
    Within,
    StartingWith,
    EndingWith,
    Greater,
    GreaterOrEqual,
    Less,
    LessOrEqual,
    Subset,
    Intersects,
    IsEmpty,
    IsTrue,
    Length(Order),
    Words(Order),
    RangeIncludes,
    CidrSubset,
}

/// How two numbers are ordered.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Order {
    Equal,
    Greater,
    GreaterOrEqual,
    Less,
    LessOrEqual,
}

impl Order {
    fn holds(self, found: Ordering) -> bool {
        match self {
            Order::Equal => found.is_eq(),
            Order::Greater => found.is_gt(),
            Order::GreaterOrEqual => found.is_ge(),
            Order::Less => found.is_lt(),
            Order::LessOrEqual => found.is_le(),
        }
    }
}

/// The operators as written, with whether they are the other way round.
pub(crate) const OPERATORS: &[(&str, Kind, bool)] = &[
    ("equals", Kind::Equals, false),
    ("not_equals", Kind::Equals, true),
    ("equals_ignore_case", Kind::EqualsIgnoreCase, false),
    ("not_equals_ignore_case", Kind::EqualsIgnoreCase, true),
    ("regex_match", Kind::Regex, false),
    ("not_regex_match", Kind::Regex, true),
    ("exists", Kind::Exists, false),
    ("not_exists", Kind::Exists, true),
    ("contains", Kind::Contains, false),
    ("not_contains", Kind::Contains, true),
    ("within", Kind::Within, false),
    ("not_within", Kind::Within, true),
    ("starting_with", Kind::StartingWith, false),
    ("not_starting_with", Kind::StartingWith, true),
    ("ending_with", Kind::EndingWith, false),
    ("not_ending_with", Kind::EndingWith, true),
    ("greater_than", Kind::Greater, false),
    ("greater_than_or_equal", Kind::GreaterOrEqual, false),
    ("less_than", Kind::Less, false),
    ("less_than_or_equal", Kind::LessOrEqual, false),
    ("subset", Kind::Subset, false),
    ("not_subset", Kind::Subset, true),
    ("intersects", Kind::Intersects, false),
    ("not_intersects", Kind::Intersects, true),
    ("is_empty", Kind::IsEmpty, false),
    ("is_not_empty", Kind::IsEmpty, true),
    ("is_true", Kind::IsTrue, false),
    ("is_false", Kind::IsTrue, true),
    ("length_equals", Kind::Length(Order::Equal), false),
    ("length_not_equals", Kind::Length(Order::Equal), true),
    ("length_greater_than", Kind::Length(Order::Greater), false),
    ("length_greater_than_or_equal", Kind::Length(Order::GreaterOrEqual), false),
    ("length_less_than", Kind::Length(Order::Less), false),
    ("length_less_than_or_equal", Kind::Length(Order::LessOrEqual), false),
    ("number_of_words_equals", Kind::Words(Order::Equal), false),
    ("number_of_words_not_equals", Kind::Words(Order::Equal), true),
    ("number_of_words_greater_than", Kind::Words(Order::Greater), false),
    ("number_of_words_greater_than_or_equal", Kind::Words(Order::GreaterOrEqual), false),
    ("number_of_words_less_than", Kind::Words(Order::Less), false),
    ("number_of_words_less_than_or_equal", Kind::Words(Order::LessOrEqual), false),
    ("range_includes", Kind::RangeIncludes, false),
    ("range_not_includes", Kind::RangeIncludes, true),
    ("cidr_range_subset", Kind::CidrSubset, false),
    ("cidr_range_not_subset", Kind::CidrSubset, true),
];

/// An operator with its argument, made ready.
#[derive(Clone, Debug)]
pub(crate) struct Operator {
    pub(crate) kind: Kind,
    pub(crate) negated: bool,
    argument: Value,
    pattern: Option<Pattern>,
    allowed: Option<Addresses>,
}

impl Operator {
    /// An operator by its name without `jsonpath_`.
    pub(crate) fn new(kind: Kind, negated: bool, argument: Value) -> Result<Operator, String> {
        let mut operator = Operator { kind, negated, argument, pattern: None, allowed: None };
        let argument = &operator.argument;
        let wants_list = |what: &str| Err(format!("`{what}` wants a list"));
        match kind {
            Kind::Regex => {
                let Ok(text) = python_text(argument) else { return Err("the expression is missing".to_owned()) };
                operator.pattern = Some(Pattern::new(&text, true).map_err(|why| format!("`{text}` is no regular expression: {why}"))?);
            }
            Kind::CidrSubset => {
                let texts: Option<Vec<&str>> = match &argument.data {
                    Data::String(text) => Some(vec![text]),
                    Data::List(items) => items.iter().map(Value::as_str).collect(),
                    _ => None,
                };
                let Some(texts) = texts else { return Err("`cidr_range_subset` wants a CIDR or a list of them".to_owned()) };
                operator.allowed = Some(Addresses::of(texts).map_err(|error| error.to_string())?);
            }
            Kind::Length(_) | Kind::Words(_) if whole(argument).is_none() => return Err("a whole number is wanted".to_owned()),
            Kind::Subset if argument.as_list().is_none() && argument.as_str().is_none() => return wants_list("subset"),
            Kind::Within if argument.as_list().is_none() && argument.as_str().is_none() && argument.as_map().is_none() => {
                return wants_list("within");
            }
            Kind::Intersects if argument.as_list().is_none() && argument.as_str().is_none() => return wants_list("intersects"),
            Kind::StartingWith | Kind::EndingWith if argument.as_str().is_none() => return Err("text is wanted".to_owned()),
            _ => {}
        }
        Ok(operator)
    }

    /// Whether the operator takes a value of its own.
    pub(crate) fn wants_value(&self) -> bool {
        !matches!(self.kind, Kind::Exists | Kind::IsEmpty | Kind::IsTrue)
    }

    /// Whether it must hold for all values a path leads to: else one is enough.
    pub(crate) fn asks_all(&self) -> bool {
        self.kind == Kind::Contains && self.negated
    }

    /// What it says of a value; `None` where there is none.
    pub(crate) fn test(&self, value: Option<&Value>) -> Tri {
        let value = value.filter(|value| !value.is_null());
        self.plain(value).not_if(self.negated)
    }

    fn plain(&self, value: Option<&Value>) -> Tri {
        let argument = &self.argument;
        if self.kind == Kind::Exists {
            return match value {
                None => Tri::No,
                Some(value) => match value.as_unknown() {
                    Some(unknown) if !unknown.set && unknown.decoded.is_none() => Tri::Maybe(value.clone()),
                    _ => Tri::Yes,
                },
            };
        }
        let Some(value) = value else { return Tri::known(self.nothing()) };
        let decoded = value.as_unknown().and_then(|unknown| unknown.decoded.clone());
        if let (Some(decoded), Kind::Contains) = (decoded, self.kind) {
            return contains(&decoded, argument);
        }
        if let Some(unknown) = value.as_unknown() {
            return self.unknown(value, unknown);
        }
        match self.kind {
            Kind::Exists => Tri::Yes,
            Kind::Equals => equals(value, argument, false),
            Kind::EqualsIgnoreCase => equals(value, argument, true),
            Kind::Regex => match python_text(value) {
                Err(unknown) => Tri::Maybe(unknown),
                Ok(text) => match self.pattern.as_ref().and_then(|pattern| pattern.is_match(&text)) {
                    Some(truth) => Tri::known(truth),
                    None => Tri::Maybe(cannot(value, UnknownKind::Limit, "the regular expression takes too long on this text")),
                },
            },
            Kind::Contains => contains(value, argument),
            Kind::Within => match &argument.data {
                Data::List(items) => member(value, items),
                Data::Map(map) => Tri::known(value.as_str().is_some_and(|text| map.contains_key(text))),
                Data::String(text) => Tri::known(value.as_str().is_some_and(|part| text.contains(part))),
                _ => Tri::No,
            },
            Kind::StartingWith | Kind::EndingWith => {
                let (text, part) = (value.as_str(), argument.as_str().unwrap_or_default());
                Tri::known(
                    text.is_some_and(|text| if self.kind == Kind::StartingWith { text.starts_with(part) } else { text.ends_with(part) }),
                )
            }
            Kind::Greater => ordered(value, argument, Order::Greater),
            Kind::GreaterOrEqual => ordered(value, argument, Order::GreaterOrEqual),
            Kind::Less => ordered(value, argument, Order::Less),
            Kind::LessOrEqual => ordered(value, argument, Order::LessOrEqual),
            Kind::Subset => {
                let allowed = |item: &Value| match &argument.data {
                    Data::List(items) => member(item, items),
                    _ => equals(item, argument, false),
                };
                match &value.data {
                    Data::List(items) => Tri::all(items.iter().map(allowed)),
                    Data::Map(map) => Tri::all(map.keys().map(|key| allowed(&Value::string(&**key, value.span)))),
                    _ => allowed(value),
                }
            }
            Kind::Intersects => match (&argument.data, &value.data) {
                (Data::List(wanted), Data::List(items)) => Tri::any(items.iter().map(|item| member(item, wanted))),
                (Data::List(wanted), Data::Map(map)) => Tri::any(map.keys().map(|key| member(&Value::string(&**key, value.span), wanted))),
                (Data::List(wanted), _) => member(value, wanted),
                _ => contains(value, argument),
            },
            Kind::IsEmpty => match &value.data {
                Data::List(items) => Tri::known(items.is_empty()),
                Data::Map(map) => Tri::known(map.keys().all(|key| key.starts_with('$'))),
                Data::String(text) => Tri::known(text.is_empty()),
                _ => Tri::No,
            },
            Kind::IsTrue => Tri::known(value.as_bool() == Some(true)),
            Kind::Length(order) => {
                let length = match &value.data {
                    Data::List(items) => items.len(),
                    // Checkov counts a block as one.
                    Data::Map(_) => 1,
                    Data::String(text) => text.chars().count(),
                    _ => return Tri::No,
                };
                counted(length, order, argument)
            }
            Kind::Words(order) => match value.as_str() {
                Some(text) => counted(text.split_whitespace().count(), order, argument),
                None => Tri::No,
            },
            Kind::RangeIncludes => match &value.data {
                Data::List(items) => Tri::any(items.iter().map(|item| in_ranges(item, argument))),
                _ => in_ranges(value, argument),
            },
            Kind::CidrSubset => self.cidrs(value),
        }
    }

    /// What it says where there is nothing.
    fn nothing(&self) -> bool {
        match self.kind {
            Kind::Equals | Kind::EqualsIgnoreCase => {
                self.argument.is_null()
                    || self
                        .argument
                        .as_str()
                        .is_some_and(|text| text == "None" || self.kind == Kind::EqualsIgnoreCase && text.eq_ignore_ascii_case("none"))
            }
            Kind::Regex => self.pattern.as_ref().and_then(|pattern| pattern.is_match("None")).unwrap_or(false),
            Kind::Within => self.argument.as_list().is_some_and(|items| items.iter().any(Value::is_null)),
            _ => false,
        }
    }

    /// What it says of a value that is not known, from what is known of it.
    fn unknown(&self, value: &Value, unknown: &Unknown) -> Tri {
        let maybe = || Tri::Maybe(value.clone());
        let prefix = &*unknown.prefix;
        // What another resource will have is set, and so not empty.
        if unknown.kind == UnknownKind::Reference && unknown.set {
            match (self.kind, &self.argument.data) {
                (Kind::Equals | Kind::EqualsIgnoreCase, Data::String(text)) if text.is_empty() => return Tri::No,
                (Kind::Equals | Kind::EqualsIgnoreCase, Data::Null) | (Kind::IsEmpty, _) => return Tri::No,
                _ => {}
            }
        }
        if prefix.is_empty() {
            return maybe();
        }
        let may_be = |text: &str| text.starts_with(prefix);
        match (self.kind, &self.argument.data) {
            (Kind::Equals, Data::String(text)) if !may_be(text) => Tri::No,
            (Kind::Within | Kind::Intersects, Data::List(items)) if items.iter().all(|item| !item.as_str().is_some_and(may_be)) => Tri::No,
            (Kind::StartingWith, Data::String(text)) if prefix.starts_with(&**text) => Tri::Yes,
            (Kind::StartingWith, Data::String(text)) if !text.starts_with(prefix) => Tri::No,
            (Kind::Contains, Data::String(text)) if prefix.contains(&**text) => Tri::Yes,
            (Kind::IsEmpty, _) => Tri::No,
            _ => maybe(),
        }
    }

    fn cidrs(&self, value: &Value) -> Tri {
        let Some(allowed) = &self.allowed else { return Tri::No };
        let items = match &value.data {
            Data::List(items) => &items[..],
            _ => std::slice::from_ref(value),
        };
        if value.as_str().is_some_and(str::is_empty) || items.is_empty() {
            return Tri::No;
        }
        Tri::all(items.iter().map(|item| match &item.data {
            Data::Unknown(_) => Tri::Maybe(item.clone()),
            Data::String(text) => match text.parse::<Addresses>() {
                Ok(range) => Tri::known(allowed.contains(&range)),
                Err(error) => Tri::Maybe(cannot(item, UnknownKind::Invalid, &error.to_string())),
            },
            _ => Tri::Maybe(cannot(item, UnknownKind::Invalid, "it is no CIDR")),
        }))
    }
}

fn cannot(value: &Value, kind: UnknownKind, why: &str) -> Value {
    Value::unknown(kind, why, value.span)
}

/// `str()` of Python; the error is the unknown part.
pub(crate) fn python_text(value: &Value) -> Result<String, Value> {
    let mut out = String::new();
    write(value, true, &mut out, 0)?;
    Ok(out)
}

fn write(value: &Value, top: bool, out: &mut String, depth: usize) -> Result<(), Value> {
    if depth > 128 {
        return Err(cannot(value, UnknownKind::Limit, "it is nested too deep"));
    }
    match &value.data {
        Data::Null => out.push_str("None"),
        Data::Bool(true) => out.push_str("True"),
        Data::Bool(false) => out.push_str("False"),
        Data::Number(number) => out.push_str(&number.to_string()),
        Data::String(text) if top => out.push_str(text),
        Data::String(text) => {
            let quote = if text.contains('\'') && !text.contains('"') { '"' } else { '\'' };
            out.push(quote);
            for letter in text.chars() {
                match letter {
                    '\\' => out.push_str("\\\\"),
                    '\n' => out.push_str("\\n"),
                    '\t' => out.push_str("\\t"),
                    '\r' => out.push_str("\\r"),
                    letter if letter == quote => out.extend(['\\', letter]),
                    letter => out.push(letter),
                }
            }
            out.push(quote);
        }
        Data::List(items) => {
            out.push('[');
            for (position, item) in items.iter().enumerate() {
                if position > 0 {
                    out.push_str(", ");
                }
                write(item, false, out, depth + 1)?;
            }
            out.push(']');
        }
        Data::Map(map) => {
            out.push('{');
            for (position, (key, entry)) in map.iter().filter(|(key, _)| !key.starts_with('$')).enumerate() {
                if position > 0 {
                    out.push_str(", ");
                }
                write(&Value::string(&**key, value.span), false, out, depth + 1)?;
                out.push_str(": ");
                write(&entry.value, false, out, depth + 1)?;
            }
            out.push('}');
        }
        Data::Unknown(_) => return Err(value.clone()),
    }
    Ok(())
}

fn equals(value: &Value, argument: &Value, ignore_case: bool) -> Tri {
    if let (Data::List(_), Data::List(_)) | (Data::Map(_), Data::Map(_)) = (&value.data, &argument.data)
        && !ignore_case
    {
        return same(value, argument, 0);
    }
    let text = match python_text(value) {
        Ok(text) => text,
        // A list or map is never a scalar, whatever is in it.
        Err(unknown) => {
            return if argument.as_str().is_some_and(|text| text.starts_with(['[', '{'])) { Tri::Maybe(unknown) } else { Tri::No };
        }
    };
    let Ok(wanted) = python_text(argument) else { return Tri::No };
    let loose = ignore_case || value.as_bool().is_some() || argument.as_bool().is_some();
    Tri::known(if loose { text.to_lowercase() == wanted.to_lowercase() } else { text == wanted })
}

/// `==` of Python.
fn same(left: &Value, right: &Value, depth: usize) -> Tri {
    if depth > 128 {
        return Tri::Maybe(cannot(left, UnknownKind::Limit, "it is nested too deep"));
    }
    match (&left.data, &right.data) {
        (Data::Unknown(unknown), Data::String(text)) if !unknown.prefix.is_empty() && !text.starts_with(&*unknown.prefix) => Tri::No,
        (Data::Unknown(unknown), Data::Null) if unknown.set => Tri::No,
        (Data::Unknown(_), _) => Tri::Maybe(left.clone()),
        (Data::List(a), Data::List(b)) if a.len() == b.len() => Tri::all(a.iter().zip(b.iter()).map(|(a, b)| same(a, b, depth + 1))),
        (Data::Map(a), Data::Map(b)) if a.len() == b.len() => Tri::all(a.iter().map(|(key, entry)| match b.get(key) {
            Some(other) => same(&entry.value, other, depth + 1),
            None => Tri::No,
        })),
        (a, b) => Tri::known(a == b),
    }
}

fn member(value: &Value, items: &[Value]) -> Tri {
    Tri::any(items.iter().map(|item| same(value, item, 0)))
}

fn contains(value: &Value, argument: &Value) -> Tri {
    let decoded;
    let mut value = value;
    if let Data::String(text) = &value.data {
        let parsed = decode_json(value).or_else(|| {
            let doubled = text.trim_start().starts_with(['{', '[']).then(|| text.replace('\'', "\""))?;
            decode_json(&Value::string(doubled, value.span))
        });
        if let Some(parsed) = parsed {
            decoded = parsed;
            value = &decoded;
        }
    }
    match &value.data {
        Data::String(text) => Tri::known(argument.as_str().is_some_and(|part| text.contains(part))),
        Data::List(items) => Tri::any(items.iter().map(|item| same(item, argument, 0))),
        Data::Map(map) => {
            let key = Tri::known(argument.as_str().is_some_and(|key| map.contains_key(key)));
            let inside = map.iter().filter(|(key, _)| !key.starts_with('$')).map(|(_, entry)| match &entry.value.data {
                Data::String(text) => Tri::known(argument.as_str().is_some_and(|part| text.contains(part))),
                Data::List(items) => Tri::any(items.iter().map(|item| same(item, argument, 0))),
                Data::Map(map) => Tri::known(argument.as_str().is_some_and(|key| map.contains_key(key))),
                Data::Unknown(_) => Tri::Maybe(entry.value.clone()),
                _ => Tri::No,
            });
            Tri::any(std::iter::once(key).chain(inside))
        }
        Data::Unknown(_) => Tri::Maybe(value.clone()),
        _ => Tri::No,
    }
}

fn real(value: &Value) -> Option<f64> {
    match &value.data {
        Data::Number(number) => Some(number.as_f64()),
        Data::String(text) => text.trim().parse().ok().filter(|number: &f64| number.is_finite()),
        _ => None,
    }
}

fn whole(value: &Value) -> Option<i64> {
    match &value.data {
        Data::Number(_) => value.as_int(),
        Data::String(text) => text.trim().parse().ok(),
        _ => None,
    }
}

fn ordered(value: &Value, argument: &Value, order: Order) -> Tri {
    if let (Some(left), Some(right)) = (real(value), real(argument)) {
        return Tri::known(left.partial_cmp(&right).is_some_and(|found| order.holds(found)));
    }
    match (python_text(value), python_text(argument)) {
        (Ok(left), Ok(right)) => Tri::known(order.holds(left.cmp(&right))),
        (Err(unknown), _) | (_, Err(unknown)) => Tri::Maybe(unknown),
    }
}

fn counted(count: usize, order: Order, argument: &Value) -> Tri {
    let Some(wanted) = whole(argument) else { return Tri::No };
    Tri::known(order.holds(i64::try_from(count).unwrap_or(i64::MAX).cmp(&wanted)))
}

/// A range `80-90`, or one number.
fn range(value: &Value) -> Option<(i64, i64)> {
    if let Some((start, end)) = value.as_str().and_then(|text| text.split_once('-')) {
        return Some((start.trim().parse().ok()?, end.trim().parse().ok()?));
    }
    whole(value).map(|number| (number, number))
}

fn in_ranges(value: &Value, argument: &Value) -> Tri {
    if value.is_unknown() {
        return Tri::Maybe(value.clone());
    }
    if value.as_str() == Some("*") {
        return Tri::Yes;
    }
    let wanted = match &argument.data {
        Data::List(items) => &items[..],
        _ => std::slice::from_ref(argument),
    };
    let Some((start, end)) = range(value) else { return Tri::No };
    Tri::known(wanted.iter().filter_map(range).any(|(from, to)| start <= to && from <= end))
}

#[cfg(test)]
mod tests {
    use super::*;
    use probity_value::{FileId, Span, json};

    fn value(text: &str) -> Value {
        match text.strip_prefix('?') {
            Some("ref") => Value::reference("a.b", "id", Span::NONE),
            Some(prefix) if !prefix.is_empty() => {
                let mut value = Value::unknown(UnknownKind::Variable, "u", Span::NONE);
                if let Data::Unknown(unknown) = &mut value.data {
                    std::sync::Arc::make_mut(unknown).prefix = prefix.into();
                }
                value
            }
            Some(_) => Value::unknown(UnknownKind::Variable, "u", Span::NONE),
            None => {
                let (value, problems) = json::parse(text, FileId(0));
                assert!(problems.is_empty(), "{text}: {problems:?}");
                value
            }
        }
    }

    /// `t`, `f` or `?`.
    fn check(name: &str, have: &str, argument: &str, expected: char) {
        let (_, kind, negated) = OPERATORS.iter().find(|(known, ..)| *known == name).unwrap();
        let operator = Operator::new(*kind, *negated, value(argument)).unwrap();
        let have = (!have.is_empty()).then(|| value(have));
        let found = match operator.test(have.as_ref()) {
            Tri::Yes => 't',
            Tri::No => 'f',
            Tri::Maybe(_) => '?',
        };
        assert_eq!(found, expected, "{name} {have:?} {argument}");
    }

    #[test]
    fn equality() {
        check("equals", "1", "\"1\"", 't');
        check("equals", "true", "\"true\"", 't');
        check("equals", "\"True\"", "true", 't');
        check("equals", "\"A\"", "\"a\"", 'f');
        check("equals", "", "\"a\"", 'f');
        check("equals", "", "null", 't');
        check("equals", "[1]", "[1]", 't');
        check("equals", "[1]", "\"1\"", 'f');
        check("equals", "?", "\"a\"", '?');
        check("equals", "?ref", "\"\"", 'f');
        check("not_equals", "?ref", "\"\"", 't');
        check("equals", "?ref", "\"a\"", '?');
        check("equals", "?arn:", "\"a\"", 'f');
        check("equals", "?arn:", "\"arn:x\"", '?');
        check("not_equals", "", "\"a\"", 't');
        check("not_equals", "?", "\"a\"", '?');
        check("equals_ignore_case", "\"ReQuired\"", "\"required\"", 't');
        check("not_equals_ignore_case", "", "\"a\"", 't');
    }

    #[test]
    fn being_there() {
        check("exists", "\"\"", "null", 't');
        check("exists", "", "null", 'f');
        check("exists", "null", "null", 'f');
        check("exists", "?ref", "null", 't');
        check("exists", "?", "null", '?');
        check("not_exists", "", "null", 't');
        check("not_exists", "?ref", "null", 'f');
        check("is_empty", "[]", "null", 't');
        check("is_empty", "\"\"", "null", 't');
        check("is_empty", "", "null", 'f');
        check("is_empty", "[0]", "null", 'f');
        check("is_not_empty", "", "null", 't');
        check("is_not_empty", "?", "null", '?');
        check("is_true", "true", "null", 't');
        check("is_true", "\"true\"", "null", 'f');
        check("is_false", "", "null", 't');
        check("is_false", "true", "null", 'f');
    }

    #[test]
    fn text() {
        check("regex_match", "\"abc\"", "\"b\"", 'f');
        check("regex_match", "\"abc\"", "\".*b\"", 't');
        check("not_regex_match", "", "\"x\"", 't');
        check("regex_match", "?", "\"x\"", '?');
        check("starting_with", "\"abc\"", "\"ab\"", 't');
        check("not_starting_with", "", "\"ab\"", 't');
        check("starting_with", "?abc", "\"ab\"", 't');
        check("starting_with", "?xyz", "\"ab\"", 'f');
        check("ending_with", "\"abc\"", "\"bc\"", 't');
        check("not_ending_with", "1", "\"bc\"", 't');
        check("number_of_words_equals", "\"a b  c\"", "3", 't');
        check("number_of_words_not_equals", "", "0", 't');
        check("number_of_words_greater_than", "\"a b\"", "1", 't');
        check("number_of_words_greater_than_or_equal", "\"a b\"", "\"2\"", 't');
        check("number_of_words_less_than", "\"a b\"", "2", 'f');
        check("number_of_words_less_than_or_equal", "\"a b\"", "2", 't');
    }

    #[test]
    fn lists() {
        check("contains", "[\"a\",\"b\"]", "\"a\"", 't');
        check("contains", "\"abc\"", "\"b\"", 't');
        check("contains", "\"{'a': 1}\"", "\"a\"", 't');
        check("contains", "{\"k\":\"xay\"}", "\"a\"", 't');
        check("contains", "", "\"a\"", 'f');
        check("not_contains", "[\"a\"]", "\"b\"", 't');
        check("not_contains", "?", "\"b\"", '?');
        check("within", "\"a\"", "[\"a\",\"b\"]", 't');
        check("within", "", "[\"a\"]", 'f');
        check("within", "\"a\"", "\"abc\"", 't');
        check("not_within", "\"c\"", "[\"a\",\"b\"]", 't');
        check("within", "?", "[\"a\"]", '?');
        check("subset", "[\"a\"]", "[\"a\",\"b\"]", 't');
        check("subset", "[\"c\"]", "[\"a\",\"b\"]", 'f');
        check("not_subset", "\"c\"", "[\"a\",\"b\"]", 't');
        check("intersects", "[\"c\",\"a\"]", "[\"a\",\"b\"]", 't');
        check("intersects", "\"a\"", "[\"a\",\"b\"]", 't');
        check("not_intersects", "", "[\"a\"]", 't');
        check("length_equals", "[1,2]", "2", 't');
        check("length_equals", "{\"a\":1,\"b\":2}", "1", 't');
        check("length_not_equals", "", "2", 't');
        check("length_greater_than", "\"abc\"", "2", 't');
        check("length_greater_than_or_equal", "\"abc\"", "\"3\"", 't');
        check("length_less_than", "[]", "1", 't');
        check("length_less_than_or_equal", "", "1", 'f');
        check("length_equals", "?", "1", '?');
    }

    #[test]
    fn numbers() {
        check("greater_than", "30", "0", 't');
        check("greater_than", "\"30\"", "4", 't');
        check("greater_than_or_equal", "90", "90", 't');
        check("less_than", "", "5", 'f');
        check("less_than", "4", "5", 't');
        check("less_than_or_equal", "5", "\"5\"", 't');
        check("greater_than", "\"b\"", "\"a\"", 't');
        check("range_includes", "\"20-30\"", "22", 't');
        check("range_includes", "\"*\"", "22", 't');
        check("range_includes", "[80,22]", "22", 't');
        check("range_includes", "3000", "[\"2000-4000\"]", 't');
        check("range_not_includes", "80", "22", 't');
        check("range_includes", "", "22", 'f');
        check("cidr_range_subset", "[\"10.1.0.0/16\"]", "[\"10.0.0.0/8\"]", 't');
        check("cidr_range_subset", "\"0.0.0.0/0\"", "\"10.0.0.0/8\"", 'f');
        check("cidr_range_not_subset", "", "\"10.0.0.0/8\"", 't');
        check("cidr_range_subset", "\"x\"", "\"10.0.0.0/8\"", '?');
    }

    #[test]
    fn wrong_arguments_are_said() {
        for (name, argument) in
            [("regex_match", "\"(\""), ("cidr_range_subset", "\"x\""), ("length_equals", "\"x\""), ("within", "1"), ("starting_with", "1")]
        {
            let (_, kind, negated) = OPERATORS.iter().find(|(known, ..)| *known == name).unwrap();
            assert!(Operator::new(*kind, *negated, value(argument)).is_err(), "{name} {argument}");
        }
    }

    #[test]
    fn texts_as_python_writes_them() {
        let check = |text: &str, expected: &str| assert_eq!(python_text(&value(text)).unwrap(), expected);
        check("[\"a\",1,true,null]", "['a', 1, True, None]");
        check("{\"a\":\"it's\"}", "{'a': \"it's\"}");
    }
}
