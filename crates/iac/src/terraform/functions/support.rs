//! What the bodies of functions share: taking arguments apart with Terraform's conversions, saying what is wrong, and carrying marks,
//! references and unknowns from arguments to results.

use std::sync::Arc;

use probity_value::{Data, Map, Number, Origin, Span, Unknown, UnknownKind, Value};
use unicode_normalization::UnicodeNormalization as _;

use super::{CallContext, FunctionError};

/// Most bytes one text may grow to.
pub(super) const MAX_TEXT: usize = 16 << 20;
/// Most items one list may grow to.
pub(super) const MAX_ITEMS: usize = 1 << 20;
/// Most origin steps a merged value keeps.
const MAX_ORIGIN_STEPS: usize = 16;
/// Most references a merged value keeps.
const MAX_REFERENCES: usize = 64;
/// Parts of values that one look may visit. Values share their parts, so a small text can make one of a million million parts.
const MAX_VISITED: usize = 1 << 20;

/// Why a body ends before its end.
#[derive(Debug)]
pub(super) enum Stop {
    /// The call is wrong.
    Error(FunctionError),
    /// The result is already clear: mostly an unknown.
    With(Value),
}

impl From<FunctionError> for Stop {
    fn from(error: FunctionError) -> Stop {
        Stop::Error(error)
    }
}

/// One call under way.
pub(super) struct Call<'c> {
    pub(super) name: &'c str,
    pub(super) args: &'c [Value],
    pub(super) cx: &'c CallContext<'c>,
    pub(super) nullable: bool,
}

impl<'c> Call<'c> {
    /// An error that names the function.
    pub(super) fn error(&self, message: impl std::fmt::Display) -> Stop {
        Stop::Error(FunctionError::new(format!("`{}`: {message}", self.name)))
    }

    fn wrong(&self, index: usize, wanted: &str, value: &Value) -> Stop {
        self.error(format!("argument {} must be {wanted}, not {}", index + 1, describe(value)))
    }

    /// Takes steps of the budget.
    pub(super) fn spend(&self, steps: u64) -> Result<(), Stop> {
        if self.cx.steps.spend(steps) { Ok(()) } else { Err(self.limit("the budget of evaluation steps is used up")) }
    }

    /// Takes steps for a text that will have so many bytes; an unknown where that is too many.
    pub(super) fn room_for_text(&self, bytes: usize) -> Result<(), Stop> {
        if bytes > MAX_TEXT {
            return Err(self.limit(&format!("`{}` would make a text of more than {} MiB", self.name, MAX_TEXT >> 20)));
        }
        self.spend(bytes as u64 / 64)
    }

    /// Takes steps for a list that will have so many items; an unknown where that is too many.
    pub(super) fn room_for_items(&self, items: usize) -> Result<(), Stop> {
        if items > MAX_ITEMS {
            return Err(self.limit(&format!("`{}` would make more than {MAX_ITEMS} items", self.name)));
        }
        self.spend(items as u64)
    }

    fn limit(&self, reason: &str) -> Stop {
        Stop::With(self.marked(Value::unknown(UnknownKind::Limit, reason, self.cx.span), true))
    }

    /// The argument; the number of arguments was checked before.
    pub(super) fn arg(&self, index: usize) -> Result<&'c Value, Stop> {
        self.args.get(index).ok_or_else(|| self.error(format!("argument {} is missing", index + 1)))
    }

    /// The argument, not null; unknown ends the call.
    pub(super) fn known(&self, index: usize) -> Result<&'c Value, Stop> {
        let value = self.arg(index)?;
        match &value.data {
            Data::Null => Err(self.error(format!("argument {} must not be null", index + 1))),
            Data::Unknown(unknown) => Err(Stop::With(self.unknown(unknown))),
            _ => Ok(value),
        }
    }

    /// The argument without any unknown part.
    pub(super) fn wholly_known(&self, index: usize) -> Result<&'c Value, Stop> {
        let value = self.known(index)?;
        match self.find_unknown(value)? {
            Some(unknown) => Err(Stop::With(self.unknown(unknown))),
            None => Ok(value),
        }
    }

    /// The first unknown in a value; ends the call where there are too many parts to look at.
    pub(super) fn find_unknown<'v>(&self, value: &'v Value) -> Result<Option<&'v Unknown>, Stop> {
        let mut left = MAX_VISITED;
        let found = first_unknown(value, &mut left);
        self.spend((MAX_VISITED - left) as u64 / 16)?;
        match found {
            Some(found) => Ok(found),
            None => Err(self.limit(&format!("an argument of `{}` has more than {MAX_VISITED} parts", self.name))),
        }
    }

    /// Takes steps by the size of the arguments: what a body may do once with each of their items.
    pub(super) fn spend_for_arguments(&self) -> Result<(), Stop> {
        let size = |value: &Value| match &value.data {
            Data::List(items) => items.len(),
            Data::Map(map) => map.len(),
            Data::String(text) => text.len() / 8,
            _ => 0,
        };
        self.spend(1 + self.args.iter().map(size).sum::<usize>() as u64 / 8)
    }

    /// The argument as text.
    pub(super) fn text(&self, index: usize) -> Result<Arc<str>, Stop> {
        let value = self.known(index)?;
        to_text(value).ok_or_else(|| self.wrong(index, "a string", value))
    }

    /// The argument as a number.
    pub(super) fn number(&self, index: usize) -> Result<Number, Stop> {
        let value = self.known(index)?;
        to_number(value).ok_or_else(|| self.wrong(index, "a number", value))
    }

    /// The argument as a whole number.
    pub(super) fn int(&self, index: usize) -> Result<i64, Stop> {
        match self.number(index)? {
            Number::Int(value) => Ok(value),
            Number::Float(_) => Err(self.error(format!("argument {} must be a whole number", index + 1))),
        }
    }

    /// The argument as a list (or set or tuple).
    pub(super) fn list(&self, index: usize) -> Result<&'c [Value], Stop> {
        let value = self.known(index)?;
        value.as_list().ok_or_else(|| self.wrong(index, "a list", value))
    }

    /// The argument as a map (or object).
    pub(super) fn map(&self, index: usize) -> Result<&'c Map, Stop> {
        let value = self.known(index)?;
        value.as_map().ok_or_else(|| self.wrong(index, "a map", value))
    }

    /// The argument as a list of texts; unknown items end the call, null ones are errors.
    pub(super) fn texts(&self, index: usize) -> Result<Vec<Arc<str>>, Stop> {
        let items = self.list(index)?;
        self.wholly_known(index)?;
        items
            .iter()
            .enumerate()
            .map(|(at, item)| {
                to_text(item)
                    .ok_or_else(|| self.error(format!("item {at} of argument {} must be a string, not {}", index + 1, describe(item))))
            })
            .collect()
    }

    /// An unknown result for the same reason as a part of an argument.
    pub(super) fn unknown(&self, reason: &Unknown) -> Value {
        self.unknown_text(reason, String::new())
    }

    /// Likewise, a text whose beginning is known.
    pub(super) fn unknown_text(&self, reason: &Unknown, prefix: String) -> Value {
        let data = Data::Unknown(Arc::new(Unknown {
            kind: reason.kind,
            reason: Arc::clone(&reason.reason),
            set: !self.nullable,
            prefix: prefix.into(),
            suffix: "".into(),
            decoded: None,
        }));
        self.marked(Value::new(data, self.cx.span), true)
    }

    /// An unknown because the function depends on time, chance or a thing outside.
    pub(super) fn outside(&self, kind: UnknownKind, reason: impl Into<Arc<str>>) -> Value {
        let data = Data::Unknown(Arc::new(Unknown {
            kind,
            reason: reason.into(),
            set: !self.nullable,
            prefix: "".into(),
            suffix: "".into(),
            decoded: None,
        }));
        self.marked(Value::new(data, self.cx.span), true)
    }

    /// A text at the place of the call, normalised as Terraform's texts are (NFC).
    pub(super) fn string(&self, text: impl Into<Arc<str>>) -> Value {
        Value::string(normalise(text.into()), self.cx.span)
    }

    pub(super) fn bool(&self, value: bool) -> Value {
        Value::bool(value, self.cx.span)
    }

    pub(super) fn int_value(&self, value: i64) -> Value {
        Value::int(value, self.cx.span)
    }

    pub(super) fn number_value(&self, value: f64) -> Result<Value, Stop> {
        if value.is_finite() { Ok(Value::number(value, self.cx.span)) } else { Err(self.error("the result is not a finite number")) }
    }

    /// A list at the place of the call, with the marks and references of the containers it was made from.
    pub(super) fn list_value(&self, items: Vec<Value>) -> Value {
        self.marked(Value::list(items, self.cx.span), false)
    }

    /// A map at the place of the call, likewise.
    pub(super) fn map_value(&self, map: Map) -> Value {
        self.marked(Value::map(map, self.cx.span), false)
    }

    /// `value` with the marks, references and steps of the arguments: of all their parts where `deep`, else of the arguments alone.
    pub(super) fn marked(&self, value: Value, deep: bool) -> Value {
        with_marks(value, self.args.iter(), deep)
    }

    /// A part that passes through, with the marks, references and steps of the argument it was in.
    pub(super) fn passed(&self, part: &Value, from: &Value) -> Value {
        with_marks(part.clone(), std::iter::once(from), false)
    }
}

/// The first unknown in a value; the outer `None` where there are more parts than `left`.
#[expect(clippy::option_option, reason = "not found and not looked through are different")]
fn first_unknown<'v>(value: &'v Value, left: &mut usize) -> Option<Option<&'v Unknown>> {
    *left = left.checked_sub(1)?;
    let mut each = |items: &mut dyn Iterator<Item = &'v Value>| {
        for item in items {
            match first_unknown(item, left)? {
                None => {}
                found => return Some(found),
            }
        }
        Some(None)
    };
    match &value.data {
        Data::Unknown(unknown) => Some(Some(unknown)),
        Data::List(items) => each(&mut items.iter()),
        Data::Map(map) => each(&mut map.values()),
        _ => Some(None),
    }
}

/// Composed form (NFC), in which Terraform keeps all texts.
pub(super) fn normalise(text: Arc<str>) -> Arc<str> {
    if text.is_ascii() || unicode_normalization::is_nfc(&text) { text } else { text.nfc().collect::<String>().into() }
}

/// `value` with the marks, references and steps of `sources`, after its own.
pub(crate) fn with_marks<'v>(mut value: Value, sources: impl Iterator<Item = &'v Value>, deep: bool) -> Value {
    let mut gather = Gather { sensitive: value.sensitive, origin: value.origin.take(), merged: None, left: MAX_VISITED };
    for source in sources {
        gather.take(source, deep);
    }
    value.sensitive = gather.sensitive;
    value.origin = gather.merged.map(Arc::new).or(gather.origin);
    value
}

struct Gather {
    sensitive: bool,
    /// The only origin met so far, shared.
    origin: Option<Arc<Origin>>,
    /// The merged one once there was a second.
    merged: Option<Origin>,
    /// Parts that may still be looked at.
    left: usize,
}

impl Gather {
    fn take(&mut self, value: &Value, deep: bool) {
        let Some(left) = self.left.checked_sub(1) else {
            // What was not looked at may be sensitive.
            self.sensitive = true;
            return;
        };
        self.left = left;
        self.sensitive |= value.sensitive;
        if let Some(origin) = &value.origin {
            self.merge(origin);
        }
        if deep {
            match &value.data {
                Data::List(items) => items.iter().for_each(|item| self.take(item, true)),
                Data::Map(map) => map.values().for_each(|item| self.take(item, true)),
                _ => {}
            }
        }
    }

    fn merge(&mut self, other: &Arc<Origin>) {
        match (&self.origin, &mut self.merged) {
            (None, _) => self.origin = Some(Arc::clone(other)),
            (Some(first), None) if Arc::ptr_eq(first, other) => {}
            (Some(first), merged) => {
                let merged = merged.get_or_insert_with(|| (**first).clone());
                for step in &other.steps {
                    if merged.steps.len() < MAX_ORIGIN_STEPS && !merged.steps.contains(step) {
                        merged.steps.push(step.clone());
                    }
                }
                for reference in &other.references {
                    if merged.references.len() < MAX_REFERENCES && !merged.references.contains(reference) {
                        merged.references.push(reference.clone());
                    }
                }
            }
        }
    }
}

/// What a value is, for a message.
pub(crate) fn describe(value: &Value) -> &'static str {
    match value.data {
        Data::Null => "null",
        Data::Bool(_) => "a bool",
        Data::Number(_) => "a number",
        Data::String(_) => "a string",
        Data::List(_) => "a list",
        Data::Map(_) => "a map",
        Data::Unknown(_) => "unknown",
    }
}

/// Text of a scalar, as Terraform converts it; `None` for anything else.
pub(crate) fn to_text(value: &Value) -> Option<Arc<str>> {
    match &value.data {
        Data::String(text) => Some(Arc::clone(text)),
        Data::Bool(true) => Some("true".into()),
        Data::Bool(false) => Some("false".into()),
        Data::Number(number) => Some(number.to_string().into()),
        Data::Null | Data::List(_) | Data::Map(_) | Data::Unknown(_) => None,
    }
}

/// A number, also from text in decimal notation.
pub(crate) fn to_number(value: &Value) -> Option<Number> {
    match &value.data {
        Data::Number(number) => Some(*number),
        Data::String(text) => parse_number(text),
        _ => None,
    }
}

/// A decimal number: sign, digits, fraction, exponent. Not `inf`, `nan`, hexadecimal, or with spaces.
pub(super) fn parse_number(text: &str) -> Option<Number> {
    let digits = text.strip_prefix(['+', '-']).unwrap_or(text);
    if !digits.starts_with(|letter: char| letter.is_ascii_digit() || letter == '.') {
        return None;
    }
    if let Ok(value) = text.parse::<i64>() {
        return Some(Number::Int(value));
    }
    let value: f64 = text.parse().ok()?;
    value.is_finite().then(|| Number::from_f64(value))
}

/// True or false, also from text.
pub(crate) fn to_bool(value: &Value) -> Option<bool> {
    match &value.data {
        Data::Bool(value) => Some(*value),
        Data::String(text) => match &**text {
            "true" | "1" => Some(true),
            "false" | "0" => Some(false),
            _ => None,
        },
        _ => None,
    }
}

/// Whether two values are equal; `None` where an unknown decides, or where there are too many parts to compare.
pub(crate) fn equal(a: &Value, b: &Value) -> Option<bool> {
    let mut left = MAX_VISITED;
    equal_within(a, b, &mut left)
}

fn equal_within(a: &Value, b: &Value, left: &mut usize) -> Option<bool> {
    *left = left.checked_sub(1)?;
    match (&a.data, &b.data) {
        (Data::Unknown(unknown), other) | (other, Data::Unknown(unknown)) => match other {
            Data::Null if unknown.set => Some(false),
            Data::String(text) if !unknown.prefix.is_empty() && !text.starts_with(&*unknown.prefix) => Some(false),
            _ => None,
        },
        (Data::List(a), Data::List(b)) => {
            if a.len() != b.len() {
                return Some(false);
            }
            all_equal(a.iter().zip(b.iter()), left)
        }
        (Data::Map(a), Data::Map(b)) => {
            if a.len() != b.len() || !a.keys().all(|key| b.contains_key(key)) {
                return Some(false);
            }
            all_equal(a.iter().filter_map(|(key, entry)| Some((&entry.value, b.get(key)?))), left)
        }
        (Data::List(_) | Data::Map(_), _) | (_, Data::List(_) | Data::Map(_)) => Some(false),
        _ => Some(a == b),
    }
}

fn all_equal<'v>(pairs: impl Iterator<Item = (&'v Value, &'v Value)>, left: &mut usize) -> Option<bool> {
    let mut sure = true;
    for (a, b) in pairs {
        match equal_within(a, b, left) {
            Some(false) => return Some(false),
            Some(true) => {}
            None if *left == 0 => return None,
            None => sure = false,
        }
    }
    sure.then_some(true)
}

/// Items of one list brought to one type as Terraform does: where there is text among numbers and bools, all become text.
pub(super) fn unify(items: &[Value]) -> Vec<Value> {
    let texts = items.iter().any(|item| matches!(item.data, Data::String(_)));
    let others = items.iter().any(|item| matches!(item.data, Data::Bool(_) | Data::Number(_)));
    if !(texts && others) {
        return items.to_vec();
    }
    items
        .iter()
        .map(|item| match (&item.data, to_text(item)) {
            (Data::Bool(_) | Data::Number(_), Some(text)) => Value { data: Data::String(text), ..item.clone() },
            _ => item.clone(),
        })
        .collect()
}

/// Whether an unknown is surely one text, and not empty: it has a known beginning, or is an attribute that holds one name of another
/// resource (`id`, `arn`, `..._id`), which nobody leaves empty.
pub(super) fn surely_text(value: &Value) -> bool {
    let Data::Unknown(unknown) = &value.data else { return false };
    if !unknown.prefix.is_empty() {
        return true;
    }
    if unknown.kind != UnknownKind::Reference || !unknown.set {
        return false;
    }
    let [reference] = value.references() else { return false };
    let last = reference.attribute.rsplit('.').next().unwrap_or_default();
    matches!(last, "id" | "arn" | "name") || last.ends_with("_id") || last.ends_with("_arn") || last.ends_with("_name")
}

/// A value read from a text inside the program (`jsondecode`, `yamldecode`), with the place of the call everywhere.
pub(super) fn replaced(value: &Value, span: Span) -> Value {
    let data = match &value.data {
        Data::List(items) => Data::List(Arc::new(items.iter().map(|item| replaced(item, span)).collect())),
        Data::Map(map) => {
            let mut copy = Map::new();
            for (key, entry) in map.iter() {
                copy.insert(normalise(Arc::clone(key)), span, replaced(&entry.value, span));
            }
            Data::Map(Arc::new(copy))
        }
        Data::String(text) => Data::String(normalise(Arc::clone(text))),
        other => other.clone(),
    };
    Value { data, span, origin: value.origin.clone(), sensitive: value.sensitive }
}
