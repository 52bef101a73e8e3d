//! The `check:` part of a rule file, read into a [`Check`] with all faults at once. The rest of the file is `document`'s.

use std::sync::Arc;

use probity_value::{Span, Value};

use crate::check::{
    Absent, Argument, Ask, Check, Comparison, Condition, Direction, Fixed, Items, Literal, Matching, Opens, Operator, Order, Ports,
    Quantifier, Related, Test, ValueType, Who,
};
use crate::nearest;
use crate::network::Addresses;
use crate::path::Path;
use crate::text::{Pattern, compare_versions};

/// Conditions may be nested this deep.
const MAX_DEPTH: usize = 48;

/// Faults found in a rule file, each with its place and perhaps a hint.
#[derive(Debug, Default)]
pub(crate) struct Faults {
    pub(crate) list: Vec<Fault>,
}

/// One fault.
#[derive(Debug)]
pub(crate) struct Fault {
    pub(crate) span: Span,
    pub(crate) message: String,
    pub(crate) hint: Option<String>,
}

impl Faults {
    pub(crate) fn add(&mut self, span: Span, message: impl Into<String>) {
        self.list.push(Fault { span, message: message.into(), hint: None });
    }

    /// An unknown word with the nearest known one.
    pub(crate) fn unknown_word(&mut self, span: Span, what: &str, word: &str, known: &[&str]) {
        let hint = match nearest(word, known.iter().copied()) {
            Some(near) => format!("did you mean `{near}`"),
            None => format!("known: {}", known.join(", ")),
        };
        self.list.push(Fault { span, message: format!("`{word}` is not a known {what}"), hint: Some(hint) });
    }
}

/// Every operator with its `not_` forms, as written.
const OPERATORS: &[&str] = &[
    "equals",
    "not_equals",
    "in",
    "not_in",
    "exists",
    "empty",
    "matches",
    "not_matches",
    "like",
    "not_like",
    "contains",
    "not_contains",
    "contains_any",
    "contains_all",
    "within",
    "starts_with",
    "ends_with",
    "gt",
    "gte",
    "lt",
    "lte",
    "version_gt",
    "version_gte",
    "version_lt",
    "version_lte",
    "length_equals",
    "length_gt",
    "length_gte",
    "length_lt",
    "length_lte",
    "type",
    "cidr_world",
    "cidr_within",
    "allows",
];

const FORMS: &[&str] = &["path", "all", "any", "chain", "not", "every", "some", "none", "related", "opens", "configured"];

/// Reads the `check:` map.
pub(crate) fn check(value: &Value, message: Option<String>, faults: &mut Faults) -> Option<Check> {
    let map = value.as_map().or_else(|| {
        faults.add(value.span, format!("`check` is a map with `fail_unless` or `fail_if`, not a {}", value.type_name()));
        None
    })?;
    for (key, entry) in map.iter() {
        if !["when", "fail_unless", "fail_if", "absent"].contains(&&**key) {
            faults.unknown_word(entry.key, "key of a check", key, &["when", "fail_unless", "fail_if", "absent"]);
        }
    }
    let absent = match map.get("absent") {
        None => Some(Absent::Fail),
        Some(value) => match value.as_str() {
            Some("fail") => Some(Absent::Fail),
            Some("pass") => Some(Absent::Pass),
            _ => {
                faults.add(value.span, "`absent` of a check is `fail` or `pass`");
                None
            }
        },
    };
    let when = map.get("when").map(|value| condition(value, 0, faults));
    let (condition_value, fail_if) = match (map.get("fail_unless"), map.get("fail_if")) {
        (Some(value), None) => (value, false),
        (None, Some(value)) => (value, true),
        (Some(_), Some(value)) => {
            faults.add(value.span, "a check has either `fail_unless` or `fail_if`, not both");
            return None;
        }
        (None, None) => {
            faults.add(value.span, "a check needs `fail_unless` or `fail_if`");
            return None;
        }
    };
    let read = condition(condition_value, 0, faults);
    let when = match when {
        Some(None) => return None,
        Some(Some(condition)) => Some(condition),
        None => None,
    };
    Some(Check { when, condition: read?, fail_if, absent: absent?, message })
}

fn condition(value: &Value, depth: usize, faults: &mut Faults) -> Option<Condition> {
    if depth > MAX_DEPTH {
        faults.add(value.span, format!("conditions are nested more than {MAX_DEPTH} deep"));
        return None;
    }
    if let Some(constant) = value.as_bool() {
        return Some(Condition::Always(constant));
    }
    let Some(map) = value.as_map() else {
        faults.add(value.span, format!("a condition is a map, `true` or `false`, not a {}", value.type_name()));
        return None;
    };
    let forms: Vec<&str> = FORMS.iter().copied().filter(|form| map.contains_key(form)).collect();
    let form = match forms.as_slice() {
        [form] => *form,
        [] => {
            match map.iter().next() {
                Some((key, entry)) if OPERATORS.contains(&&**key) => faults.add(entry.key, "a comparison needs a `path`"),
                Some((key, entry)) => faults.unknown_word(entry.key, "form of a condition", key, FORMS),
                None => faults.add(value.span, "a condition is empty"),
            }
            return None;
        }
        [first, second, ..] => {
            faults.add(value.span, format!("a condition is either `{first}` or `{second}`; put both under `all` or `any`"));
            return None;
        }
    };
    let only = |known: &[&str], faults: &mut Faults| {
        for (key, entry) in map.iter().filter(|(key, _)| !known.contains(&&***key)) {
            faults.unknown_word(entry.key, &format!("key beside `{form}`"), key, known);
        }
    };
    let inner = map.get(form)?;
    match form {
        "path" => comparison(value, inner, faults).map(|comparison| Condition::Compare(Box::new(comparison))),
        "all" | "any" | "chain" => {
            only(&[form], faults);
            let Some(items) = inner.as_list() else {
                faults.add(inner.span, format!("`{form}` is a list of conditions"));
                return None;
            };
            if items.is_empty() {
                faults.add(inner.span, format!("`{form}` has no conditions"));
            }
            let read: Vec<Option<Condition>> = items.iter().map(|item| condition(item, depth + 1, faults)).collect();
            let read: Vec<Condition> = read.into_iter().collect::<Option<_>>()?;
            Some(match form {
                "all" => Condition::All(read),
                "chain" => Condition::Chain(read),
                _ => Condition::Any(read),
            })
        }
        "configured" => {
            only(&[form], faults);
            parameter(inner, faults).map(Condition::Configured)
        }
        "not" => {
            only(&["not"], faults);
            Some(Condition::Not(Box::new(condition(inner, depth + 1, faults)?)))
        }
        "every" | "some" | "none" => {
            only(&[form, "is"], faults);
            let quantifier = match form {
                "every" => Quantifier::Every,
                "some" => Quantifier::Some,
                _ => Quantifier::None,
            };
            let path = path(inner, faults);
            let condition = match map.get("is") {
                Some(is) => condition(is, depth + 1, faults),
                None => {
                    faults.add(value.span, format!("`{form}` needs `is`, the condition for each item"));
                    None
                }
            };
            Some(Condition::Items(Box::new(Items { quantifier, path: path?, condition: condition? })))
        }
        "related" => {
            only(&["related", "is"], faults);
            let condition = match map.get("is") {
                Some(is) => condition(is, depth + 1, faults),
                None => Some(Condition::Always(true)),
            };
            let related = related(inner, faults);
            let (mut related, condition) = (related?, condition?);
            related.condition = condition;
            Some(Condition::Related(Box::new(related)))
        }
        _ => {
            only(&["opens"], faults);
            opens(inner, faults).map(|opens| Condition::Opens(Box::new(opens)))
        }
    }
}

fn path(value: &Value, faults: &mut Faults) -> Option<Path> {
    let Some(text) = value.as_str() else {
        faults.add(value.span, format!("a path is text, not a {}", value.type_name()));
        return None;
    };
    Path::parse(text).map_err(|message| faults.add(value.span, message)).ok()
}

fn comparison(whole: &Value, path_value: &Value, faults: &mut Faults) -> Option<Comparison> {
    let map = whole.as_map()?;
    let path = path(path_value, faults);
    let flag = |key: &str, faults: &mut Faults| match map.get(key) {
        None => Some(None),
        Some(value) => match value.as_bool() {
            Some(flag) => Some(Some(flag)),
            None => {
                faults.add(value.span, format!("`{key}` beside a path is `true` or `false`"));
                None
            }
        },
    };
    let absent = flag("absent", faults);
    let ignore_case = flag("ignore_case", faults);
    let matching = match map.get("match") {
        None => Some(None),
        Some(value) => match value.as_str() {
            Some("all") => Some(Some(Matching::All)),
            Some("any") => Some(Some(Matching::Any)),
            Some("none") => Some(Some(Matching::None)),
            _ => {
                faults.add(value.span, "`match` is `all`, `any` or `none`");
                None
            }
        },
    };
    let fold = ignore_case.flatten().unwrap_or(false);
    let mut operators = Vec::new();
    let mut broken = false;
    for (key, entry) in map.iter() {
        if ["path", "absent", "match", "ignore_case"].contains(&&**key) {
            continue;
        }
        if !OPERATORS.contains(&&**key) {
            let mut known = OPERATORS.to_vec();
            known.extend(["absent", "match", "ignore_case"]);
            match nearest(key, known.iter().copied()) {
                Some(_) => faults.unknown_word(entry.key, "operator", key, &known),
                None => faults.add(entry.key, format!("`{key}` is not a known operator")),
            }
            broken = true;
            continue;
        }
        match operator(key, &entry.value, fold, faults) {
            Some(operator) => operators.push(operator),
            None => broken = true,
        }
    }
    if operators.is_empty() && !broken {
        faults.add(whole.span, "a comparison needs an operator");
        return None;
    }
    if broken {
        return None;
    }
    Some(Comparison { path: path?, operators, matching: matching?, absent: absent? })
}

fn operator(key: &str, value: &Value, ignore_case: bool, faults: &mut Faults) -> Option<Operator> {
    let (name, negated) = match key.strip_prefix("not_") {
        Some(name) => (name, true),
        None => (key, false),
    };
    let test = match name {
        "equals" => Test::Equals(argument(value, faults)?),
        "in" => Test::In(list_argument(key, value, faults)?),
        "exists" => Test::Exists(truth(key, value, faults)?),
        "empty" => Test::Empty(truth(key, value, faults)?),
        "matches" => {
            let source = words(key, value, faults)?;
            match Pattern::new(&source, ignore_case) {
                Ok(pattern) => Test::Matches(pattern),
                Err(why) => {
                    faults.add(value.span, format!("`{source}` is not a regular expression: {why}"));
                    return None;
                }
            }
        }
        "like" => Test::Like(texts(key, value, faults)?),
        "contains" => Test::Contains(argument(value, faults)?),
        "contains_any" => Test::ContainsAny(list_argument(key, value, faults)?),
        "contains_all" => Test::ContainsAll(list_argument(key, value, faults)?),
        "within" => Test::Within(list_argument(key, value, faults)?),
        "starts_with" => Test::StartsWith(text_argument(key, value, faults)?),
        "ends_with" => Test::EndsWith(text_argument(key, value, faults)?),
        "gt" | "gte" | "lt" | "lte" => {
            let argument = argument(value, faults)?;
            if let Argument::Fixed(fixed) = &argument
                && fixed.value().as_number().is_none()
            {
                faults.add(value.span, format!("`{key}` takes a number"));
                return None;
            }
            Test::Number(order(name)?, argument)
        }
        "version_gt" | "version_gte" | "version_lt" | "version_lte" => {
            let than = crate::compare::as_text(value).map(|text| text.into_owned()).unwrap_or_default();
            if compare_versions(&than, &than).is_none() {
                faults.add(value.span, format!("`{key}` takes a version"));
                return None;
            }
            if matches!(value.data, probity_value::Data::Number(probity_value::Number::Float(_))) {
                faults.add(value.span, format!("`{key}` needs its version in quotes, else `1.10` is `1.1`"));
                return None;
            }
            Test::Version(order(name.strip_prefix("version_")?)?, than)
        }
        "type" => {
            let word = words(key, value, faults)?;
            match ValueType::ALL.iter().find(|(known, _)| *known == word) {
                Some((_, wanted)) => Test::Type(*wanted),
                None => {
                    faults.unknown_word(value.span, "type", &word, &["string", "number", "bool", "list", "map"]);
                    return None;
                }
            }
        }
        "cidr_world" => Test::CidrWorld(truth(key, value, faults)?),
        "cidr_within" => {
            let argument = argument(value, faults)?;
            if matches!(argument, Argument::Fixed(_)) {
                cidrs(key, value, faults)?;
            }
            Test::CidrWithin(argument)
        }
        "allows" => Test::Allows(ask(value, faults)?),
        _ => match (name.strip_prefix("length_"), value.as_int().and_then(|number| u64::try_from(number).ok())) {
            (Some(kind), Some(count)) => Test::Length(order(kind)?, count),
            _ => {
                faults.add(value.span, format!("`{key}` takes a whole number"));
                return None;
            }
        },
    };
    Some(Operator { test, negated, ignore_case })
}

fn order(word: &str) -> Option<Order> {
    Some(match word {
        "equals" => Order::Equal,
        "gt" => Order::Greater,
        "gte" => Order::GreaterOrEqual,
        "lt" => Order::Less,
        "lte" => Order::LessOrEqual,
        _ => return None,
    })
}

fn truth(key: &str, value: &Value, faults: &mut Faults) -> Option<bool> {
    let truth = value.as_bool();
    if truth.is_none() {
        faults.add(value.span, format!("`{key}` takes `true` or `false`"));
    }
    truth
}

fn words(key: &str, value: &Value, faults: &mut Faults) -> Option<String> {
    let text = value.as_str().map(str::to_owned);
    if text.is_none() {
        faults.add(value.span, format!("`{key}` takes text, not a {}", value.type_name()));
    }
    text
}

/// Text, or a list of texts; numbers count as text.
fn texts(key: &str, value: &Value, faults: &mut Faults) -> Option<Vec<String>> {
    let items = value.as_list().unwrap_or(std::slice::from_ref(value));
    let read: Option<Vec<String>> = items.iter().map(|item| crate::compare::as_text(item).map(|text| text.into_owned())).collect();
    match read {
        Some(list) if !list.is_empty() => Some(list),
        _ => {
            faults.add(value.span, format!("`{key}` takes text or a list of texts"));
            None
        }
    }
}

fn cidrs(key: &str, value: &Value, faults: &mut Faults) -> Option<Vec<String>> {
    let list = texts(key, value, faults)?;
    let mut sound = true;
    for text in &list {
        if let Err(error) = text.parse::<Addresses>() {
            faults.add(value.span, error.to_string());
            sound = false;
        }
    }
    sound.then_some(list)
}

/// A value, or `{ path: P }`.
fn argument(value: &Value, faults: &mut Faults) -> Option<Argument> {
    if let Some(map) = value.as_map()
        && let Some(inner) = map.get("path")
        && map.len() == 1
    {
        return path(inner, faults).map(Argument::Path);
    }
    if let Some(map) = value.as_map()
        && let Some(inner) = map.get("parameter")
        && map.len() == 1
    {
        return parameter(inner, faults).map(Argument::Parameter);
    }
    match Literal::of(value) {
        Some(literal) => Some(Argument::Fixed(Fixed::new(literal))),
        None => {
            faults.add(value.span, "this value cannot be read");
            None
        }
    }
}

/// The name of a parameter.
pub(crate) fn parameter(value: &Value, faults: &mut Faults) -> Option<Arc<str>> {
    let name = value.as_str().filter(|name| parameter_name(name));
    if name.is_none() {
        faults.add(value.span, "the name of a parameter is lower-case letters, digits and `_`");
    }
    name.map(Arc::from)
}

/// Whether it may name a parameter.
pub(crate) fn parameter_name(name: &str) -> bool {
    name.starts_with(|letter: char| letter.is_ascii_lowercase())
        && name.chars().all(|letter| letter.is_ascii_lowercase() || letter.is_ascii_digit() || letter == '_')
}

fn list_argument(key: &str, value: &Value, faults: &mut Faults) -> Option<Argument> {
    let read = argument(value, faults)?;
    match &read {
        Argument::Fixed(fixed) if fixed.value().as_list().is_none_or(<[Value]>::is_empty) => {
            faults.add(value.span, format!("`{key}` takes a list"));
            None
        }
        _ => Some(read),
    }
}

fn text_argument(key: &str, value: &Value, faults: &mut Faults) -> Option<Argument> {
    match argument(value, faults)? {
        named @ (Argument::Path(_) | Argument::Parameter(_)) => Some(named),
        Argument::Fixed(_) => {
            let list = texts(key, value, faults)?;
            Some(Argument::Fixed(Fixed::new(Literal::List(list.into_iter().map(Literal::Text).collect()))))
        }
    }
}

/// Refuses keys of a map that are not known; `None` where it is not a map.
fn keys<'a>(value: &'a Value, what: &str, known: &[&str], faults: &mut Faults) -> Option<&'a probity_value::Map> {
    let Some(map) = value.as_map() else {
        faults.add(value.span, format!("`{what}` is a map"));
        return None;
    };
    for (key, entry) in map.iter().filter(|(key, _)| !known.contains(&&***key)) {
        faults.unknown_word(entry.key, &format!("key of `{what}`"), key, known);
    }
    Some(map)
}

fn ask(value: &Value, faults: &mut Faults) -> Option<Ask> {
    let map = keys(value, "allows", &["action", "resource", "principal", "unconditional"], faults)?;
    let actions = match map.get("action") {
        Some(action) => texts("action", action, faults)?,
        None => {
            faults.add(value.span, "`allows` needs an `action`, `\"*\"` for all");
            return None;
        }
    };
    let resource = match map.get("resource") {
        Some(resource) => Some(words("resource", resource, faults)?),
        None => None,
    };
    let principal = match map.get("principal") {
        Some(principal) => Some(match words("principal", principal, faults)? {
            word if word == "anyone" => Who::Anyone,
            id => Who::Id(id),
        }),
        None => None,
    };
    let unconditional = match map.get("unconditional") {
        Some(value) => truth("unconditional", value, faults)?,
        None => false,
    };
    Some(Ask { actions, resource, principal, unconditional })
}

fn names(key: &str, value: &Value, faults: &mut Faults) -> Option<Vec<Arc<str>>> {
    texts(key, value, faults).map(|list| list.into_iter().map(Arc::from).collect())
}

fn paths(key: &str, value: &Value, faults: &mut Faults) -> Option<Vec<Path>> {
    let list = texts(key, value, faults)?;
    let mut read = Vec::new();
    for text in list {
        match Path::parse(&text) {
            Ok(path) => read.push(path),
            Err(message) => faults.add(value.span, message),
        }
    }
    (!read.is_empty()).then_some(read)
}

fn related(value: &Value, faults: &mut Faults) -> Option<Related> {
    let map = keys(value, "related", &["types", "direction", "theirs", "ours", "through", "count", "elsewhere"], faults)?;
    let types = match map.get("types") {
        Some(types) => names("types", types, faults)?,
        None => {
            faults.add(value.span, "`related` needs `types`");
            return None;
        }
    };
    let word = |key: &str, known: &[&'static str], faults: &mut Faults| -> Option<&'static str> {
        let Some(value) = map.get(key) else { return known.first().copied() };
        let found = value.as_str().and_then(|text| known.iter().copied().find(|word| *word == text));
        if found.is_none() {
            faults.add(value.span, format!("`{key}` is one of {}", known.join(", ")));
        }
        found
    };
    let direction = match word("direction", &["any", "in", "out"], faults)? {
        "in" => Direction::In,
        "out" => Direction::Out,
        _ => Direction::Any,
    };
    let count = match word("count", &["some", "none", "every"], faults)? {
        "none" => Quantifier::None,
        "every" => Quantifier::Every,
        _ => Quantifier::Some,
    };
    let theirs = map.get("theirs").map_or(Some(Vec::new()), |value| paths("theirs", value, faults));
    let ours = map.get("ours").map_or(Some(Vec::new()), |value| paths("ours", value, faults));
    let through = map.get("through").map_or(Some(Vec::new()), |value| names("through", value, faults));
    let elsewhere = word("elsewhere", &["nothing", "unknown"], faults)? == "unknown";
    if elsewhere && (map.get("ours").is_none() || map.get("through").is_some() || direction == Direction::In) {
        faults.add(value.span, "`elsewhere: unknown` needs `ours`, which names the others, and no `through`");
    }
    let condition = Condition::Always(true);
    Some(Related { types, direction, theirs: theirs?, ours: ours?, through: through?, count, elsewhere, condition })
}

fn opens(value: &Value, faults: &mut Faults) -> Option<Opens> {
    let map = keys(value, "opens", &["direction", "ports", "protocol", "to"], faults)?;
    let egress = match map.get("direction").map(|value| (value, value.as_str())) {
        None | Some((_, Some("ingress"))) => false,
        Some((_, Some("egress"))) => true,
        Some((value, _)) => {
            faults.add(value.span, "`direction` is `ingress` or `egress`");
            return None;
        }
    };
    let ports = match map.get("ports") {
        None => None,
        Some(value) if value.as_str() == Some("all") => Some(Ports::All),
        Some(value) => {
            let mut ranges = Vec::new();
            for item in value.as_list().unwrap_or(std::slice::from_ref(value)) {
                match port_range(item) {
                    Some(range) => ranges.push(range),
                    None => faults.add(item.span, "a port is a number from 0 to 65535, or a range like `\"8000-8999\"`"),
                }
            }
            if ranges.is_empty() {
                return None;
            }
            Some(Ports::Ranges(ranges))
        }
    };
    let protocol = match map.get("protocol") {
        None => None,
        Some(value) => Some(words("protocol", value, faults)?.to_lowercase()),
    };
    let to = match map.get("to") {
        None => None,
        Some(value) if value.as_str() == Some("world") => None,
        Some(value) => Some(cidrs("to", value, faults)?),
    };
    Some(Opens { egress, ports, protocol, to })
}

fn port_range(value: &Value) -> Option<(u16, u16)> {
    let text = crate::compare::as_text(value)?;
    let (start, end) = text.split_once('-').unwrap_or((&text, &text));
    let (start, end) = (start.trim().parse().ok()?, end.trim().parse().ok()?);
    (start <= end).then_some((start, end))
}
