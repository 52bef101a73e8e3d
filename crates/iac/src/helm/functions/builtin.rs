//! Go's own functions. `slice` is hidden by sprig's, which is in `lists`.

use super::super::printing;
use super::super::value::{Data, Val};
use super::{Answer, Call, Function, MANY, Problem, named, opaque, question, refuse, through};

pub(super) const TABLE: &[Function] = &[
    // The engine runs these itself: they stop at the first argument that decides.
    through("and", 1, MANY, |call| Ok(call.any(0))),
    through("or", 1, MANY, |call| Ok(call.any(0))),
    through("not", 1, 1, |call| Ok(Val::from(call.empty(&call.any(0))?))),
    question("eq", 1, MANY, eq),
    question("ne", 2, 2, |call| {
        let equal = equal(&call.any(0), &call.any(1))?;
        Ok(Val::from(!equal))
    }),
    question("lt", 2, 2, |call| Ok(Val::from(order(call)?.is_lt()))),
    question("le", 2, 2, |call| Ok(Val::from(order(call)?.is_le()))),
    question("gt", 2, 2, |call| Ok(Val::from(order(call)?.is_gt()))),
    question("ge", 2, 2, |call| Ok(Val::from(order(call)?.is_ge()))),
    opaque("len", 1, 1, len),
    through("index", 1, MANY, index),
    through("print", 0, MANY, |call| Ok(printing::print(&call.arguments, call.marker()).into())),
    through("printf", 1, MANY, |call| {
        let format = call.text(0)?;
        Ok(printing::sprintf(&format, call.arguments.get(1..).unwrap_or_default(), call.marker()).into())
    }),
    through("println", 0, MANY, |call| Ok(printing::println(&call.arguments, call.marker()).into())),
    opaque("html", 0, MANY, |call| Ok(html(printing::print(&call.arguments, call.marker()).as_str()).into())),
    opaque("js", 0, MANY, |call| Ok(js(printing::print(&call.arguments, call.marker()).as_str()).into())),
    opaque("urlquery", 0, MANY, |call| Ok(url_query(printing::print(&call.arguments, call.marker()).as_str()).into())),
    through("call", 1, MANY, |call| refuse(format!("a {} is no function", named(&call.any(0))))),
];

fn kind(value: &Val) -> &'static str {
    match value.data {
        Data::Bool(_) => "bool",
        Data::Int(..) => "int",
        Data::Float(_) => "float",
        Data::Str(_) => "string",
        _ => "",
    }
}

fn equal(a: &Val, b: &Val) -> Result<bool, Problem> {
    match (&a.data, &b.data) {
        (Data::Bool(a), Data::Bool(b)) => Ok(a == b),
        (Data::Int(a, _), Data::Int(b, _)) => Ok(a == b),
        (Data::Float(a), Data::Float(b)) => Ok(a == b),
        (Data::Str(a), Data::Str(b)) => Ok(a.as_str() == b.as_str()),
        (Data::Nil, _) | (_, Data::Nil) => Ok(a.is_nil() && b.is_nil()),
        _ if kind(a) != kind(b) => refuse(format!("a {} cannot be compared with a {}", named(a), named(b))),
        _ => refuse(format!("values of type {} cannot be compared", named(a))),
    }
}

fn eq(call: &mut Call<'_, '_>) -> Answer {
    let Some((first, rest)) = call.arguments.split_first() else { return refuse("nothing to compare") };
    if rest.is_empty() {
        return refuse("nothing to compare with");
    }
    for other in rest {
        if equal(first, other)? {
            return Ok(Val::from(true));
        }
    }
    Ok(Val::from(false))
}

fn order(call: &Call<'_, '_>) -> Result<std::cmp::Ordering, Problem> {
    let (a, b) = (call.any(0), call.any(1));
    match (&a.data, &b.data) {
        (Data::Int(a, _), Data::Int(b, _)) => Ok(a.cmp(b)),
        (Data::Float(x), Data::Float(y)) => x.partial_cmp(y).map_or_else(|| refuse("not a number"), Ok),
        (Data::Str(a), Data::Str(b)) => Ok(a.as_str().cmp(b.as_str())),
        _ if kind(&a).is_empty() || kind(&b).is_empty() => {
            refuse(format!("a {} cannot be ordered", named(if kind(&a).is_empty() { &a } else { &b })))
        }
        _ => refuse(format!("a {} cannot be compared with a {}", named(&a), named(&b))),
    }
}

fn len(call: &mut Call<'_, '_>) -> Answer {
    let value = call.any(0);
    let length = match &value.data {
        Data::Str(text) => text.as_str().len(),
        Data::List(list) => list.items().len(),
        Data::Map(map) => map.len(),
        Data::Special(_) => call.list(0)?.items().len(),
        _ => return refuse(format!("a {} has no length", named(&value))),
    };
    Ok(Val::int(i64::try_from(length).unwrap_or(i64::MAX)))
}

fn index(call: &mut Call<'_, '_>) -> Answer {
    let mut value = call.any(0);
    for key in call.arguments.get(1..).unwrap_or_default() {
        value = match (&value.data, &key.data) {
            (Data::Lost(lost), _) => Val::lost(lost.reason, true),
            (_, Data::Lost(lost)) => return Err(Problem::Lost(*lost, "a key")),
            (Data::Map(map), Data::Str(key)) => map.get(key.as_str()).unwrap_or_else(Val::nil),
            (Data::Map(_), _) => return refuse(format!("a map cannot be looked into by a {}", named(key))),
            (Data::List(list), Data::Int(at, _)) => match usize::try_from(*at).ok().and_then(|at| list.items().get(at)) {
                Some(item) => item.clone(),
                None => return refuse(format!("index {at} is out of range of a list of {}", list.items().len())),
            },
            (Data::Str(text), Data::Int(at, _)) => match usize::try_from(*at).ok().and_then(|at| text.as_str().as_bytes().get(at)) {
                Some(byte) => Val::int(i64::from(*byte)),
                None => return refuse(format!("index {at} is out of range of a text of {} bytes", text.as_str().len())),
            },
            (Data::Nil, _) => return refuse("nil cannot be looked into"),
            _ => return refuse(format!("a {} cannot be looked into by a {}", named(&value), named(key))),
        };
    }
    Ok(value)
}

fn html(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    for letter in text.chars() {
        match letter {
            '\0' => out.push('\u{fffd}'),
            '"' => out.push_str("&#34;"),
            '\'' => out.push_str("&#39;"),
            '&' => out.push_str("&amp;"),
            '<' => out.push_str("&lt;"),
            '>' => out.push_str("&gt;"),
            other => out.push(other),
        }
    }
    out
}

fn js(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    for letter in text.chars() {
        match letter {
            '\\' => out.push_str("\\\\"),
            '\'' => out.push_str("\\'"),
            '"' => out.push_str("\\\""),
            '<' | '>' | '&' | '=' => out.push_str(&format!("\\u{:04X}", u32::from(letter))),
            control if control.is_control() => out.push_str(&format!("\\u{:04X}", u32::from(control))),
            other => out.push(other),
        }
    }
    out
}

/// `url.QueryEscape`.
pub(super) fn url_query(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    for byte in text.bytes() {
        match byte {
            b' ' => out.push('+'),
            b'-' | b'_' | b'.' | b'~' => out.push(char::from(byte)),
            byte if byte.is_ascii_alphanumeric() => out.push(char::from(byte)),
            byte => out.push_str(&format!("%{byte:02X}")),
        }
    }
    out
}
