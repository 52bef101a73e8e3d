//! The functions of ARM templates and Bicep that need no cloud, by their names in lower case.
//!
//! What does not live here: functions that ask the scope (`parameters`, `resourceId`, `copyIndex`), and those on text (`text`).

use std::cmp::Ordering;
use std::sync::Arc;

use probity_value::{Data, Map, Number, Span, Unknown, UnknownKind, Value};

use super::eval::{Budget, Evaluation, Frame, Locals, MAX_ITEMS, carry, item, to_text, unknown_like, unknown_set};
use super::expr::{Expr, ExprKind};
use super::text;

/// Why a call gives no value.
pub(super) enum Stop {
    /// It is unknown, for this reason.
    Unknown(Value),
    /// The call is wrong, in a few words.
    Wrong(String),
}

pub(super) type Outcome = Result<Data, Stop>;

/// One call under way.
pub(super) struct Call<'c> {
    pub(super) name: &'c str,
    pub(super) args: &'c [Value],
    pub(super) span: Span,
    pub(super) budget: &'c Budget,
}

impl<'c> Call<'c> {
    pub(super) fn wrong(&self, message: impl std::fmt::Display) -> Stop {
        Stop::Wrong(format!("`{}`: {message}", self.name))
    }

    pub(super) fn arg(&self, index: usize) -> Result<&'c Value, Stop> {
        self.args.get(index).ok_or_else(|| self.wrong(format_args!("argument {} is missing", index + 1)))
    }

    /// The argument; where it is unknown the call ends.
    pub(super) fn known(&self, index: usize) -> Result<&'c Value, Stop> {
        let value = self.arg(index)?;
        match &value.data {
            Data::Unknown(unknown) => Err(Stop::Unknown(unknown_like(unknown, value, self.span))),
            _ => Ok(value),
        }
    }

    /// The argument without unknown parts.
    pub(super) fn whole(&self, index: usize) -> Result<&'c Value, Stop> {
        let value = self.known(index)?;
        match value.find_unknown() {
            Some(unknown) => Err(Stop::Unknown(unknown_like(unknown, value, self.span))),
            None => Ok(value),
        }
    }

    pub(super) fn text(&self, index: usize) -> Result<Arc<str>, Stop> {
        let value = self.known(index)?;
        to_text(value).ok_or_else(|| self.wrong(format_args!("argument {} must be text, not {}", index + 1, value.type_name())))
    }

    pub(super) fn int(&self, index: usize) -> Result<i64, Stop> {
        let value = self.known(index)?;
        value.as_int().ok_or_else(|| self.wrong(format_args!("argument {} must be a whole number", index + 1)))
    }

    pub(super) fn size(&self, index: usize) -> Result<usize, Stop> {
        Ok(usize::try_from(self.int(index)?.max(0)).unwrap_or(usize::MAX))
    }

    fn bool(&self, index: usize) -> Result<bool, Stop> {
        let value = self.known(index)?;
        value.as_bool().ok_or_else(|| self.wrong(format_args!("argument {} must be true or false", index + 1)))
    }

    pub(super) fn list(&self, index: usize) -> Result<&'c [Value], Stop> {
        let value = self.known(index)?;
        value.as_list().ok_or_else(|| self.wrong(format_args!("argument {} must be a list, not {}", index + 1, value.type_name())))
    }

    /// A list of so many items may be made.
    pub(super) fn room(&self, items: usize) -> Result<(), Stop> {
        if items <= MAX_ITEMS && self.budget.spend(items) {
            return Ok(());
        }
        Err(Stop::Unknown(Value::unknown(UnknownKind::Limit, format!("`{}` would make too many items", self.name), self.span)))
    }

    pub(super) fn made_list(&self, items: Vec<Value>) -> Outcome {
        self.room(items.len())?;
        Ok(Data::List(Arc::new(items)))
    }
}

type Body = fn(&Call<'_>) -> Outcome;

/// Names with how many arguments they take.
const TABLE: &[(&str, usize, usize, Body)] = &[
    ("add", 2, 2, |call| arithmetic(call, i64::checked_add)),
    ("and", 1, usize::MAX, |call| logic(call, false)),
    ("array", 1, 1, |call| {
        let value = call.known(0)?;
        Ok(if value.as_list().is_some() { value.data.clone() } else { Data::List(Arc::new(vec![value.clone()])) })
    }),
    ("base64", 1, 1, text::base64),
    ("base64tojson", 1, 1, text::base64_to_json),
    ("base64tostring", 1, 1, text::base64_to_string),
    ("bool", 1, 1, |call| {
        let value = call.known(0)?;
        match &value.data {
            Data::Bool(_) => Ok(value.data.clone()),
            Data::Number(number) => Ok(Data::Bool(number.as_f64() != 0.0)),
            Data::String(word) if word.eq_ignore_ascii_case("true") => Ok(Data::Bool(true)),
            Data::String(word) if word.eq_ignore_ascii_case("false") => Ok(Data::Bool(false)),
            _ => Err(call.wrong("the argument is neither true nor false")),
        }
    }),
    ("concat", 0, usize::MAX, concat),
    ("contains", 2, 2, contains),
    ("createarray", 0, usize::MAX, |call| call.made_list(call.args.to_vec())),
    ("createobject", 0, usize::MAX, create_object),
    ("datauri", 1, 1, text::data_uri),
    ("datauritostring", 1, 1, text::data_uri_to_string),
    ("div", 2, 2, |call| arithmetic(call, i64::checked_div)),
    ("empty", 1, 1, |call| Ok(Data::Bool(length_of(call)? == 0))),
    ("endswith", 2, 2, text::ends_with),
    ("equals", 2, 2, equals),
    ("false", 0, 0, |_| Ok(Data::Bool(false))),
    ("first", 1, 1, |call| end_of(call, false)),
    ("flatten", 1, 1, flatten),
    ("format", 1, usize::MAX, text::format),
    ("greater", 2, 2, |call| order(call, &[Ordering::Greater])),
    ("greaterorequals", 2, 2, |call| order(call, &[Ordering::Greater, Ordering::Equal])),
    ("indexof", 2, 2, |call| index_of(call, false)),
    ("int", 1, 1, |call| {
        let value = call.known(0)?;
        match &value.data {
            Data::Number(_) => Ok(value.data.clone()),
            Data::String(word) => {
                let number = word.trim().parse::<i64>().map_err(|_| call.wrong("the text is no whole number"))?;
                Ok(Data::Number(Number::Int(number)))
            }
            _ => Err(call.wrong("the argument is no number")),
        }
    }),
    ("intersection", 1, usize::MAX, intersection),
    ("items", 1, 1, items),
    ("join", 2, 2, text::join),
    ("json", 1, 1, text::json),
    ("last", 1, 1, |call| end_of(call, true)),
    ("lastindexof", 2, 2, |call| index_of(call, true)),
    ("length", 1, 1, |call| Ok(Data::Number(Number::Int(i64::try_from(length_of(call)?).unwrap_or(i64::MAX))))),
    ("less", 2, 2, |call| order(call, &[Ordering::Less])),
    ("lessorequals", 2, 2, |call| order(call, &[Ordering::Less, Ordering::Equal])),
    ("max", 1, usize::MAX, |call| extreme(call, Ordering::Greater)),
    ("min", 1, usize::MAX, |call| extreme(call, Ordering::Less)),
    ("mod", 2, 2, |call| arithmetic(call, i64::checked_rem)),
    ("mul", 2, 2, |call| arithmetic(call, i64::checked_mul)),
    ("not", 1, 1, |call| Ok(Data::Bool(!call.bool(0)?))),
    ("null", 0, 0, |_| Ok(Data::Null)),
    ("objectkeys", 1, 1, |call| {
        let value = call.known(0)?;
        let map = value.as_map().ok_or_else(|| call.wrong("the argument is no object"))?;
        let mut keys: Vec<&Arc<str>> = map.keys().collect();
        keys.sort();
        call.made_list(keys.into_iter().map(|key| Value::string(Arc::clone(key), call.span)).collect())
    }),
    ("or", 1, usize::MAX, |call| logic(call, true)),
    ("padleft", 2, 3, text::pad_left),
    ("range", 2, 2, |call| {
        let (start, count) = (call.int(0)?, call.int(1)?);
        call.room(usize::try_from(count.max(0)).unwrap_or(usize::MAX))?;
        Ok(Data::List(Arc::new((0..count.max(0)).map(|at| Value::int(start.saturating_add(at), call.span)).collect())))
    }),
    ("replace", 3, 3, text::replace),
    ("shallowmerge", 1, 1, |call| {
        let mut out = Map::new();
        for part in call.list(0)? {
            merge(call, &mut out, part, false, 0)?;
        }
        Ok(Data::Map(Arc::new(out)))
    }),
    ("skip", 2, 2, |call| part_of(call, false)),
    ("split", 2, 2, text::split),
    ("startswith", 2, 2, text::starts_with),
    ("string", 1, 1, text::string),
    ("sub", 2, 2, |call| arithmetic(call, i64::checked_sub)),
    ("substring", 2, 3, text::substring),
    ("take", 2, 2, |call| part_of(call, true)),
    ("tolower", 1, 1, |call| text::changed(call, |word| word.to_lowercase())),
    ("toupper", 1, 1, |call| text::changed(call, |word| word.to_uppercase())),
    ("trim", 1, 1, |call| text::changed(call, |word| word.trim().to_owned())),
    ("true", 0, 0, |_| Ok(Data::Bool(true))),
    ("tryget", 2, usize::MAX, |call| {
        let mut value = call.known(0)?.clone();
        for step in call.args.iter().skip(1) {
            value = item(&value, step, true, call.span);
        }
        match value.data {
            Data::Unknown(_) => Err(Stop::Unknown(value)),
            data => Ok(data),
        }
    }),
    ("union", 1, usize::MAX, union),
    ("uri", 2, 2, text::uri),
    ("uricomponent", 1, 1, text::uri_component),
    ("uricomponenttostring", 1, 1, text::uri_component_to_string),
];

/// Functions whose answer only Azure, the clock or chance has.
const OUTSIDE: &[&str] = &[
    "cidrhost",
    "cidrsubnet",
    "datetimeadd",
    "datetimefromepoch",
    "datetimetoepoch",
    "deployer",
    "deployment",
    "environment",
    "externalinput",
    "fail",
    "getsecret",
    "guid",
    "loaddirectoryfileinfo",
    "loadfileasbase64",
    "loadjsoncontent",
    "loadtextcontent",
    "loadyamlcontent",
    "managementgroup",
    "newguid",
    "parsecidr",
    "parseuri",
    "builduri",
    "pickzones",
    "providers",
    "readenvironmentvariable",
    "references",
    "resourcegroup",
    "subscription",
    "tenant",
    "tologicalzone",
    "tologicalzones",
    "tophysicalzone",
    "tophysicalzones",
    "uniquestring",
    "utcnow",
];

/// Calls a function by its name in lower case.
pub(crate) fn call(budget: &Budget, name: &str, args: &[Value], span: Span) -> Value {
    let Ok(at) = TABLE.binary_search_by(|(own, ..)| (*own).cmp(name)) else {
        if OUTSIDE.contains(&name) {
            let kind = if matches!(name, "resourcegroup" | "subscription" | "tenant" | "managementgroup" | "deployment" | "environment") {
                UnknownKind::DataSource
            } else {
                UnknownKind::Function
            };
            let mut value = carry(unknown_set(kind, format!("`{name}()` is not known before it runs"), "", span), args);
            value.sensitive |= name == "getsecret";
            return value;
        }
        if name.starts_with("list") {
            let mut value = carry(unknown_set(UnknownKind::Function, format!("`{name}()` is answered by Azure"), "", span), args);
            value.sensitive = true;
            return value;
        }
        return carry(Value::unknown(UnknownKind::Invalid, format!("there is no function `{name}`"), span), args);
    };
    let Some((_, least, most, body)) = TABLE.get(at) else { return Value::null(span) };
    if args.len() < *least || args.len() > *most {
        return Value::unknown(UnknownKind::Invalid, format!("`{name}` does not take {} arguments", args.len()), span);
    }
    let call = Call { name, args, span, budget };
    match body(&call) {
        Ok(data) => budget.bounded(carry(Value::new(data, span), args)),
        Err(Stop::Unknown(value)) => carry(value, args),
        Err(Stop::Wrong(reason)) => carry(Value::unknown(UnknownKind::Invalid, reason, span), args),
    }
}

/// Texts one after the other; where one is unknown, its known beginning is kept.
pub(crate) fn joined(parts: &[Value], span: Span) -> Value {
    let mut out = String::new();
    for part in parts {
        if let Some(text) = to_text(part) {
            out.push_str(&text);
            if out.len() > super::eval::MAX_TEXT {
                return carry(Value::unknown(UnknownKind::Limit, "the text is too long", span), parts);
            }
        } else if let Data::Unknown(unknown) = &part.data {
            out.push_str(&unknown.prefix);
            return carry(unknown_set(unknown.kind, Arc::clone(&unknown.reason), &out, span), parts);
        } else {
            match crate::azure::text::as_json(part) {
                Some(text) => out.push_str(&text),
                None => {
                    let reason: Arc<str> =
                        part.find_unknown().map_or_else(|| "a part is no text".into(), |unknown| Arc::clone(&unknown.reason));
                    return carry(unknown_set(UnknownKind::Invalid, reason, &out, span), parts);
                }
            }
        }
    }
    carry(Value::string(out, span), parts)
}

fn data_of(value: Value) -> Outcome {
    match value.data {
        Data::Unknown(_) => Err(Stop::Unknown(value)),
        data => Ok(data),
    }
}

fn concat(call: &Call<'_>) -> Outcome {
    if !call.args.iter().any(|arg| arg.as_list().is_some()) {
        return data_of(joined(call.args, call.span));
    }
    let mut out = Vec::new();
    for index in 0..call.args.len() {
        let items = call.list(index)?;
        call.room(out.len() + items.len())?;
        out.extend(items.iter().cloned());
    }
    Ok(Data::List(Arc::new(out)))
}

fn contains(call: &Call<'_>) -> Outcome {
    let container = call.known(0)?;
    let wanted = call.known(1)?;
    match &container.data {
        Data::List(items) => {
            let mut unknown = None;
            for item in items.iter() {
                if *item == *wanted {
                    return Ok(Data::Bool(true));
                }
                if let Some(found) = item.find_unknown() {
                    unknown = Some(unknown_like(found, item, call.span));
                }
            }
            unknown.map_or(Ok(Data::Bool(false)), |unknown| Err(Stop::Unknown(unknown)))
        }
        Data::Map(map) => {
            let key = call.text(1)?;
            Ok(Data::Bool(map.keys().any(|own| own.eq_ignore_ascii_case(&key))))
        }
        Data::String(text) => Ok(Data::Bool(text.contains(&*call.text(1)?))),
        _ => Err(call.wrong("the first argument can hold nothing")),
    }
}

fn create_object(call: &Call<'_>) -> Outcome {
    let mut out = Map::new();
    for (position, value) in call.args.iter().enumerate() {
        if position % 2 == 1 {
            out.insert(call.text(position - 1)?, value.span, value.clone());
        } else if position + 1 == call.args.len() {
            return Err(call.wrong("a key has no value"));
        }
    }
    Ok(Data::Map(Arc::new(out)))
}

fn equals(call: &Call<'_>) -> Outcome {
    let (left, right) = (call.arg(0)?, call.arg(1)?);
    // Null equals nothing that is set, and text with another beginning is other text.
    match (&left.data, &right.data) {
        (Data::Null, Data::Unknown(unknown)) | (Data::Unknown(unknown), Data::Null) if unknown.set => return Ok(Data::Bool(false)),
        (Data::String(text), Data::Unknown(unknown)) | (Data::Unknown(unknown), Data::String(text))
            if !text.starts_with(&*unknown.prefix) =>
        {
            return Ok(Data::Bool(false));
        }
        _ => {}
    }
    Ok(Data::Bool(*call.whole(0)? == *call.whole(1)?))
}

/// Whether texts or numbers stand in one of these orders.
fn order(call: &Call<'_>, wanted: &[Ordering]) -> Outcome {
    let (left, right) = (call.known(0)?, call.known(1)?);
    let found = match (&left.data, &right.data) {
        (Data::Number(left), Data::Number(right)) => left.partial_cmp(right),
        (Data::String(left), Data::String(right)) => Some(left.cmp(right)),
        _ => None,
    };
    let found = found.ok_or_else(|| call.wrong("what has no order is compared"))?;
    Ok(Data::Bool(wanted.contains(&found)))
}

fn arithmetic(call: &Call<'_>, operation: fn(i64, i64) -> Option<i64>) -> Outcome {
    let value = operation(call.int(0)?, call.int(1)?).ok_or_else(|| call.wrong("the result is no number"))?;
    Ok(Data::Number(Number::Int(value)))
}

/// `and` and `or`: a part that decides does so whatever else is unknown.
fn logic(call: &Call<'_>, decides: bool) -> Outcome {
    if call.args.iter().any(|arg| arg.as_bool() == Some(decides)) {
        return Ok(Data::Bool(decides));
    }
    for index in 0..call.args.len() {
        call.bool(index)?;
    }
    Ok(Data::Bool(!decides))
}

fn length_of(call: &Call<'_>) -> Result<usize, Stop> {
    if call.name == "empty"
        && let Data::Unknown(unknown) = &call.arg(0)?.data
        && !unknown.prefix.is_empty()
    {
        return Ok(unknown.prefix.len());
    }
    match &call.known(0)?.data {
        Data::List(items) => Ok(items.len()),
        Data::Map(map) => Ok(map.len()),
        Data::String(text) => Ok(text.chars().count()),
        Data::Null => Ok(0),
        _ => Err(call.wrong("the argument has no length")),
    }
}

fn end_of(call: &Call<'_>, last: bool) -> Outcome {
    match &call.known(0)?.data {
        Data::List(items) => match if last { items.last() } else { items.first() } {
            Some(value) => data_of(value.clone()),
            None => Ok(Data::Null),
        },
        Data::String(text) => {
            let letter = if last { text.chars().next_back() } else { text.chars().next() };
            Ok(Data::String(letter.map(String::from).unwrap_or_default().into()))
        }
        _ => Err(call.wrong("the argument has no first and last")),
    }
}

fn part_of(call: &Call<'_>, take: bool) -> Outcome {
    let count = call.size(1)?;
    match &call.known(0)?.data {
        Data::List(items) => {
            let items = if take { items.iter().take(count).cloned().collect() } else { items.iter().skip(count).cloned().collect() };
            call.made_list(items)
        }
        Data::String(text) => {
            let text: String = if take { text.chars().take(count).collect() } else { text.chars().skip(count).collect() };
            Ok(Data::String(text.into()))
        }
        Data::Map(map) => {
            let mut out = Map::new();
            for (position, (key, entry)) in map.iter().enumerate() {
                if (position < count) == take {
                    out.insert(Arc::clone(key), entry.key, entry.value.clone());
                }
            }
            Ok(Data::Map(Arc::new(out)))
        }
        _ => Err(call.wrong("the argument has no parts")),
    }
}

fn flatten(call: &Call<'_>) -> Outcome {
    let mut out = Vec::new();
    for value in call.list(0)? {
        match &value.data {
            Data::List(inner) => {
                call.room(out.len() + inner.len())?;
                out.extend(inner.iter().cloned());
            }
            Data::Unknown(unknown) => return Err(Stop::Unknown(unknown_like(unknown, value, call.span))),
            _ => out.push(value.clone()),
        }
    }
    Ok(Data::List(Arc::new(out)))
}

fn index_of(call: &Call<'_>, last: bool) -> Outcome {
    let at = match &call.known(0)?.data {
        Data::List(_) => {
            let (items, wanted) = (call.whole(0)?.as_list().unwrap_or_default(), call.whole(1)?);
            if last { items.iter().rposition(|item| item == wanted) } else { items.iter().position(|item| item == wanted) }
        }
        _ => {
            let (text, wanted) = (call.text(0)?.to_lowercase(), call.text(1)?.to_lowercase());
            let at = if last { text.rfind(&wanted) } else { text.find(&wanted) };
            at.and_then(|at| text.get(..at)).map(|before| before.chars().count())
        }
    };
    Ok(Data::Number(Number::Int(at.and_then(|at| i64::try_from(at).ok()).unwrap_or(-1))))
}

fn intersection(call: &Call<'_>) -> Outcome {
    let first = call.whole(0)?;
    for index in 1..call.args.len() {
        call.whole(index)?;
    }
    let others = call.args.get(1..).unwrap_or_default();
    match &first.data {
        Data::List(items) => {
            let size: usize = others.iter().map(|other| other.as_list().unwrap_or_default().len()).sum();
            call.room((items.len() * size.max(1)).min(MAX_ITEMS * 8) / 8)?;
            let kept = items.iter().filter(|item| others.iter().all(|other| other.as_list().unwrap_or_default().contains(item)));
            Ok(Data::List(Arc::new(kept.cloned().collect())))
        }
        Data::Map(map) => {
            let mut out = Map::new();
            for (key, entry) in map.iter().filter(|(key, entry)| others.iter().all(|other| other.get(key) == Some(&entry.value))) {
                out.insert(Arc::clone(key), entry.key, entry.value.clone());
            }
            Ok(Data::Map(Arc::new(out)))
        }
        _ => Err(call.wrong("the arguments are neither lists nor objects")),
    }
}

fn items(call: &Call<'_>) -> Outcome {
    let value = call.known(0)?;
    let map = value.as_map().ok_or_else(|| call.wrong("the argument is no object"))?;
    let mut entries: Vec<_> = map.iter().collect();
    entries.sort_by(|a, b| a.0.cmp(b.0));
    let pair = |(key, entry): (&Arc<str>, &probity_value::Entry)| {
        let mut out = Map::new();
        out.insert("key", entry.key, Value::string(Arc::clone(key), entry.key));
        out.insert("value", entry.key, entry.value.clone());
        Value::map(out, entry.value.span)
    };
    call.made_list(entries.into_iter().map(pair).collect())
}

fn extreme(call: &Call<'_>, wanted: Ordering) -> Outcome {
    let single = call.args.len() == 1;
    let numbers = if single { call.whole(0).map(|value| value.as_list().unwrap_or(call.args))? } else { call.args };
    let mut best: Option<Number> = None;
    for value in numbers {
        if let Data::Unknown(unknown) = &value.data {
            return Err(Stop::Unknown(unknown_like(unknown, value, call.span)));
        }
        let number = value.as_number().ok_or_else(|| call.wrong("a part is no number"))?;
        if best.is_none_or(|best| number.partial_cmp(&best) == Some(wanted)) {
            best = Some(number);
        }
    }
    best.map(Data::Number).ok_or_else(|| call.wrong("there is no number"))
}

fn union(call: &Call<'_>) -> Outcome {
    match &call.known(0)?.data {
        Data::List(_) => {
            let mut out: Vec<Value> = Vec::new();
            for index in 0..call.args.len() {
                for value in call.list(index)? {
                    if !out.contains(value) {
                        call.room(out.len() / 8 + 1)?;
                        out.push(value.clone());
                    }
                }
            }
            Ok(Data::List(Arc::new(out)))
        }
        Data::Map(_) => {
            let mut out = Map::new();
            for index in 0..call.args.len() {
                merge(call, &mut out, call.known(index)?, true, 0)?;
            }
            Ok(Data::Map(Arc::new(out)))
        }
        _ => Err(call.wrong("the arguments are neither lists nor objects")),
    }
}

/// Puts the properties of one object over another's.
fn merge(call: &Call<'_>, out: &mut Map, part: &Value, deep: bool, depth: usize) -> Result<(), Stop> {
    let map = match &part.data {
        Data::Map(map) => map,
        Data::Null => return Ok(()),
        Data::Unknown(unknown) => return Err(Stop::Unknown(unknown_like(unknown, part, call.span))),
        _ => return Err(call.wrong("a part is no object")),
    };
    call.room(map.len())?;
    for (key, entry) in map.iter() {
        let both = match (out.get(key).map(|value| &value.data), &entry.value.data) {
            (Some(Data::Map(below)), Data::Map(_)) if deep && depth < 64 => Some(Map::clone(below)),
            _ => None,
        };
        let value = match both {
            Some(mut inner) => {
                merge(call, &mut inner, &entry.value, deep, depth + 1)?;
                Value::map(inner, entry.value.span)
            }
            None => entry.value.clone(),
        };
        out.insert(Arc::clone(key), entry.key, value);
    }
    Ok(())
}

/// `map`, `filter`, `sort`, `reduce`, `toObject`, `groupBy`, `mapValues`.
pub(crate) fn lambda(cx: &Evaluation<'_>, name: &str, args: &[Expr], span: Span, locals: &Locals) -> Value {
    let wrong = |reason: &str| Value::unknown(UnknownKind::Invalid, format!("`{name}`: {reason}"), span);
    let Some((first, rest)) = args.split_first() else { return wrong("arguments are missing") };
    let source = cx.eval(first, locals);
    let apply = |function: &Expr, values: &[Value]| -> Option<Value> {
        let ExprKind::Lambda { params, body } = &function.kind else { return None };
        let mut inner = locals.clone();
        for (param, value) in params.iter().zip(values) {
            inner = Frame::bind(Arc::clone(param), value.clone(), &inner);
        }
        Some(cx.eval(body, &inner))
    };
    if let Data::Unknown(unknown) = &source.data {
        return unknown_like(unknown, &source, span);
    }
    if name == "mapvalues" {
        let (Some(map), [function]) = (source.as_map(), rest) else { return wrong("an object and a lambda are wanted") };
        let mut out = Map::new();
        for (key, entry) in map.iter() {
            match apply(function, std::slice::from_ref(&entry.value)) {
                Some(value) => out.insert(Arc::clone(key), entry.key, value),
                None => return wrong("a lambda is wanted"),
            };
        }
        return cx.budget.bounded(carry(Value::map(out, span), [&source]));
    }
    let Some(items) = source.as_list() else { return wrong("a list is wanted") };
    let position = |at: usize| Value::int(i64::try_from(at).unwrap_or(i64::MAX), span);
    let result = match (name, rest) {
        ("map", [function]) => {
            let mut out = Vec::new();
            for (at, value) in items.iter().enumerate() {
                let Some(value) = apply(function, &[value.clone(), position(at)]) else { return wrong("a lambda is wanted") };
                out.push(value);
            }
            Value::list(out, span)
        }
        ("filter", [function]) => {
            let mut out = Vec::new();
            for (at, value) in items.iter().enumerate() {
                let Some(keep) = apply(function, &[value.clone(), position(at)]) else { return wrong("a lambda is wanted") };
                match &keep.data {
                    Data::Bool(true) => out.push(value.clone()),
                    Data::Unknown(unknown) => return unknown_like(unknown, &keep, span),
                    _ => {}
                }
            }
            Value::list(out, span)
        }
        ("sort", [function]) => return sorted(cx, items, &|pair| apply(function, pair), &source, span),
        ("reduce", [initial, function]) => {
            let mut value = cx.eval(initial, locals);
            for (at, item) in items.iter().enumerate() {
                let Some(next) = apply(function, &[value, item.clone(), position(at)]) else { return wrong("a lambda is wanted") };
                value = cx.budget.bounded(next);
            }
            value.at(span)
        }
        ("toobject" | "groupby", [key, rest @ ..]) => {
            let mut out = Map::new();
            for item in items {
                let Some(key) = apply(key, std::slice::from_ref(item)) else { return wrong("a lambda is wanted") };
                let value = match rest.first().map(|function| apply(function, std::slice::from_ref(item))) {
                    None => item.clone(),
                    Some(Some(value)) => value,
                    Some(None) => return wrong("a lambda is wanted"),
                };
                let Some(text) = to_text(&key) else {
                    return key.as_unknown().map_or_else(|| wrong("a key is no text"), |unknown| unknown_like(unknown, &key, span));
                };
                if name == "toobject" {
                    out.insert(text, item.span, value);
                    continue;
                }
                let mut group = out.get(&text).and_then(Value::as_list).map(<[Value]>::to_vec).unwrap_or_default();
                if !cx.budget.spend(group.len()) {
                    return Value::unknown(UnknownKind::Limit, "the budget of evaluation steps is used up", span);
                }
                group.push(value);
                out.insert(text, item.span, Value::list(group, span));
            }
            Value::map(out, span)
        }
        _ => return wrong("the arguments are not those it takes"),
    };
    cx.budget.bounded(carry(result, [&source]))
}

/// A list in the order a lambda says: whether the first of two comes before the second.
fn sorted(cx: &Evaluation<'_>, items: &[Value], before: &dyn Fn(&[Value]) -> Option<Value>, source: &Value, span: Span) -> Value {
    let mut out: Vec<Value> = Vec::with_capacity(items.len());
    for item in items {
        // Insertion by halves: the order of what is equal stays.
        let (mut low, mut high) = (0, out.len());
        while low < high {
            let middle = low.midpoint(high);
            let Some(other) = out.get(middle).cloned() else { break };
            let answer = before(&[item.clone(), other]);
            match answer.as_ref().map(|answer| &answer.data) {
                Some(Data::Bool(true)) => high = middle,
                Some(Data::Bool(false)) => low = middle + 1,
                Some(Data::Unknown(unknown)) => return unknown_like(&Unknown::clone(unknown), source, span),
                _ => return Value::unknown(UnknownKind::Invalid, "`sort`: the lambda does not say which comes first", span),
            }
        }
        if !cx.budget.spend(out.len() / 16 + 1) {
            return Value::unknown(UnknownKind::Limit, "the budget of evaluation steps is used up", span);
        }
        out.insert(low, item.clone());
    }
    carry(Value::list(out, span), [source])
}
