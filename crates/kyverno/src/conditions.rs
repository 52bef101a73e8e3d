//! Conditions of preconditions, `deny` and exceptions: a key, an operator and a value.
//!
//! What the operators mean follows Kyverno's (`pkg/engine/variables/operator`), with its ways of comparing durations, quantities, versions and texts
//! with wildcards.

use std::fmt;
use std::sync::Arc;

use probity_core::Diagnostic;
use probity_kubernetes::duration::GoDuration;
use probity_kubernetes::quantity::Quantity;
use probity_kubernetes::semver::Semver;
use probity_kubernetes::wildcard;
use probity_value::{Data, FileId, Number, Span, Value, json};

use crate::jmespath::JmesError;
use crate::pattern::{Leaf, Operator as PatternOperator, operator_of};
use crate::read::Reader;
use crate::scope::Scope;
use crate::text::{go_float, go_text, join_non_empty};
use crate::variables::Template;

macro_rules! operators {
    ($($variant:ident = $word:literal),+ $(,)?) => {
        /// An operator of a condition.
        #[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
        #[expect(missing_docs, reason = "the word says it")]
        pub enum Operator { $($variant),+ }

        impl Operator {
            /// All of them.
            pub const ALL: &'static [Operator] = &[$(Operator::$variant),+];

            /// The word in policies.
            #[must_use]
            pub const fn as_str(self) -> &'static str {
                match self { $(Operator::$variant => $word),+ }
            }
        }
    };
}

operators! {
    Equal = "Equal", Equals = "Equals", NotEqual = "NotEqual", NotEquals = "NotEquals", In = "In", AnyIn = "AnyIn", AllIn = "AllIn",
    NotIn = "NotIn", AnyNotIn = "AnyNotIn", AllNotIn = "AllNotIn", GreaterThanOrEquals = "GreaterThanOrEquals",
    GreaterThan = "GreaterThan", LessThanOrEquals = "LessThanOrEquals", LessThan = "LessThan",
    DurationGreaterThanOrEquals = "DurationGreaterThanOrEquals", DurationGreaterThan = "DurationGreaterThan",
    DurationLessThanOrEquals = "DurationLessThanOrEquals", DurationLessThan = "DurationLessThan",
}

impl fmt::Display for Operator {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.as_str())
    }
}

impl Operator {
    /// The operator of a word; letter case does not count.
    #[must_use]
    pub fn named(word: &str) -> Option<Operator> {
        Operator::ALL.iter().copied().find(|operator| operator.as_str().eq_ignore_ascii_case(word))
    }

    /// Whether it holds between a key and a value, both without variables.
    ///
    /// # Errors
    /// A key or value it cannot judge at all.
    pub fn holds(self, key: &Value, value: &Value) -> Result<bool, String> {
        Ok(match self {
            Operator::Equal | Operator::Equals => equals(key, value).unwrap_or(false),
            // What cannot be compared is not equal, unless the key is nothing: then nothing holds.
            Operator::NotEqual | Operator::NotEquals => !key.is_null() && !equals(key, value).unwrap_or(false),
            Operator::AnyIn | Operator::AllIn | Operator::AnyNotIn | Operator::AllNotIn => self.among(key, value),
            Operator::In | Operator::NotIn => self.deprecated_in(key, value)?,
            Operator::GreaterThanOrEquals | Operator::GreaterThan | Operator::LessThanOrEquals | Operator::LessThan => {
                numeric(key, value).is_some_and(|order| self.orders(order))
            }
            Operator::DurationGreaterThanOrEquals
            | Operator::DurationGreaterThan
            | Operator::DurationLessThanOrEquals
            | Operator::DurationLessThan => match (plain_duration(key), plain_duration(value)) {
                (Some(key), Some(value)) => self.orders(key.cmp(&value)),
                _ => false,
            },
        })
    }

    fn orders(self, order: std::cmp::Ordering) -> bool {
        match self {
            Operator::GreaterThanOrEquals | Operator::DurationGreaterThanOrEquals => order.is_ge(),
            Operator::GreaterThan | Operator::DurationGreaterThan => order.is_gt(),
            Operator::LessThanOrEquals | Operator::DurationLessThanOrEquals => order.is_le(),
            Operator::LessThan | Operator::DurationLessThan => order.is_lt(),
            _ => false,
        }
    }

    fn among(self, key: &Value, value: &Value) -> bool {
        let negated = matches!(self, Operator::AnyNotIn | Operator::AllNotIn);
        match &key.data {
            Data::String(_) | Data::Number(_) | Data::Bool(_) => text_among(&go_text(key), value).is_some_and(|found| found != negated),
            Data::List(items) => {
                let keys: Vec<String> = items.iter().map(go_text).collect();
                self.set_among(&keys, value).unwrap_or(false)
            }
            _ => false,
        }
    }

    /// `None` where the value is none that something can be in.
    fn set_among(self, keys: &[String], value: &Value) -> Option<bool> {
        let values: Vec<String> = match &value.data {
            Data::List(items) => items.iter().map(go_text).collect(),
            Data::Number(_) | Data::Bool(_) if matches!(self, Operator::AnyIn | Operator::AnyNotIn) => vec![go_text(value)],
            Data::String(text) => {
                if matches!(keys, [only] if **only == **text) {
                    return Some(matches!(self, Operator::AnyIn | Operator::AllIn));
                }
                if operator_of(text) == PatternOperator::InRange {
                    return Some(self.in_range(keys, text));
                }
                texts_of(text)?
            }
            _ => return None,
        };
        let fits = |key: &String| values.iter().any(|value| wildcard::matches(key, value) || wildcard::matches(value, key));
        Some(match self {
            Operator::AnyIn => keys.iter().any(fits),
            Operator::AllIn => keys.iter().all(fits),
            Operator::AnyNotIn => keys.iter().any(|key| !fits(key)),
            _ => !keys.iter().any(fits),
        })
    }

    fn in_range(self, keys: &[String], range: &str) -> bool {
        let leaf = |text: String| Leaf::compile(&Value::string(text, Span::NONE));
        let fits = |leaf: &Leaf, key: &String| leaf.fits(&Value::string(key.as_str(), Span::NONE));
        let inside = leaf(range.to_owned());
        match self {
            Operator::AnyIn => keys.iter().any(|key| fits(&inside, key)),
            Operator::AllIn => keys.iter().all(|key| fits(&inside, key)),
            Operator::AnyNotIn => {
                let outside = leaf(range.replacen('-', "!-", 1));
                keys.iter().any(|key| fits(&outside, key))
            }
            _ => !keys.iter().any(|key| fits(&inside, key)),
        }
    }

    fn deprecated_in(self, key: &Value, value: &Value) -> Result<bool, String> {
        let negated = self == Operator::NotIn;
        match &key.data {
            Data::String(_) | Data::Number(_) | Data::Bool(_) => {
                let key = go_text(key);
                let found = match &value.data {
                    Data::List(items) => items.iter().any(|item| {
                        let item = go_text(item);
                        wildcard::matches(&item, &key) || wildcard::matches(&key, &item)
                    }),
                    Data::String(text) if wildcard::matches(text, &key) => true,
                    Data::String(text) => match json_texts(text) {
                        Some(texts) => texts.contains(&key),
                        None => return Ok(false),
                    },
                    _ => return Ok(false),
                };
                Ok(found != negated)
            }
            Data::List(items) => {
                let strings =
                    |items: &[Value]| -> Option<Vec<String>> { items.iter().map(|item| item.as_str().map(str::to_owned)).collect() };
                let keys =
                    strings(items).ok_or_else(|| format!("`{self}` compares lists of strings, and the key has something else in it"))?;
                let values = match &value.data {
                    Data::List(items) => strings(items),
                    // What is equal is in it, whichever was asked.
                    Data::String(text) if matches!(keys.as_slice(), [only] if **only == **text) => return Ok(true),
                    Data::String(text) => json_texts(text),
                    _ => None,
                };
                Ok(values.is_some_and(|values| keys.iter().all(|key| values.contains(key)) != negated))
            }
            _ => Ok(false),
        }
    }
}

/// Whether one text is in a value; `None` where the value is none that something can be in.
fn text_among(key: &str, value: &Value) -> Option<bool> {
    match &value.data {
        Data::List(items) => Some(items.iter().any(|item| {
            let item = go_text(item);
            wildcard::matches(&item, key) || wildcard::matches(key, &item)
        })),
        Data::String(text) => {
            if wildcard::matches(text, key) {
                return Some(true);
            }
            if operator_of(text) == PatternOperator::InRange {
                return Some(Leaf::compile(value).fits(&Value::string(key, Span::NONE)));
            }
            texts_of(text).map(|texts| texts.iter().any(|text| text == key))
        }
        _ => None,
    }
}

/// The texts a text stands for: those of a JSON list, or itself. JSON that is something else stands for nothing.
fn texts_of(text: &str) -> Option<Vec<String>> {
    let (_, problems) = json::parse(text, FileId::NONE);
    if problems.iter().any(|problem| problem.fatal) { Some(vec![text.to_owned()]) } else { json_texts(text) }
}

fn json_texts(text: &str) -> Option<Vec<String>> {
    let (value, problems) = json::parse(text, FileId::NONE);
    if problems.iter().any(|problem| problem.fatal) {
        return None;
    }
    match &value.data {
        Data::Null => Some(Vec::new()),
        Data::List(items) => items
            .iter()
            .map(|item| match &item.data {
                Data::Null => Some(String::new()),
                Data::String(text) => Some(text.to_string()),
                _ => None,
            })
            .collect(),
        _ => None,
    }
}

/// A duration that is written as one; `0` is not.
fn duration(value: &Value) -> Option<GoDuration> {
    value.as_str().filter(|text| *text != "0").and_then(|text| GoDuration::parse(text).ok())
}

/// Whole seconds.
fn seconds(value: &Value) -> Option<GoDuration> {
    let whole = match value.as_number()? {
        Number::Int(value) => value,
        #[expect(clippy::cast_possible_truncation, reason = "Kyverno cuts the fraction off")]
        Number::Float(value) => value as i64,
    };
    Some(GoDuration(whole.wrapping_mul(1_000_000_000)))
}

/// Both as durations, where at least one is written as one and the other is one or a number of seconds.
fn durations(key: &Value, value: &Value) -> Option<(GoDuration, GoDuration)> {
    match (duration(key), duration(value)) {
        (None, None) => None,
        (Some(key), Some(value)) => Some((key, value)),
        (Some(key), None) => Some((key, seconds(value)?)),
        (None, Some(value)) => Some((seconds(key)?, value)),
    }
}

/// A duration or a number of seconds, for the `Duration` operators.
fn plain_duration(value: &Value) -> Option<i64> {
    match &value.data {
        Data::String(text) => GoDuration::parse(text).ok().map(|duration| duration.0),
        Data::Number(_) => seconds(value).map(|duration| duration.0),
        _ => None,
    }
}

/// `None` where they cannot be compared.
fn equals(key: &Value, value: &Value) -> Option<bool> {
    match &key.data {
        Data::Bool(key) => value.as_bool().map(|value| value == *key),
        Data::Number(key) => match &value.data {
            Data::Number(value) => Some(value == key),
            Data::String(text) => match key {
                Number::Int(key) => text.parse::<i64>().ok().map(|value| value == *key).or_else(|| {
                    // Numbers that a policy computes are doubles there, whole or not.
                    go_float(text).map(|value| Number::from_f64(value) == Number::Int(*key))
                }),
                Number::Float(key) => go_float(text).map(|value| value == *key),
            },
            _ => None,
        },
        Data::String(text) => {
            if let Some((key, value)) = durations(key, value) {
                return Some(key.0 == value.0);
            }
            let other = value.as_str()?;
            if let Ok(quantity) = Quantity::parse(text)
                && !other.is_empty()
            {
                return Quantity::parse(other).ok().map(|other| quantity == other);
            }
            Some(wildcard::matches(other, text))
        }
        Data::List(_) => value.as_list().map(|_| key == value),
        Data::Map(_) => value.as_map().map(|_| key == value),
        Data::Null | Data::Unknown(_) => None,
    }
}

fn numeric(key: &Value, value: &Value) -> Option<std::cmp::Ordering> {
    if let Some((key, value)) = durations(key, value) {
        return Some(key.0.cmp(&value.0));
    }
    match &key.data {
        Data::Number(number) => order_number(*number, value),
        Data::String(text) => {
            if let (Ok(key), Some(Ok(value))) = (Quantity::parse(text), value.as_str().map(Quantity::parse)) {
                return Some(key.cmp(&value));
            }
            if let Some(number) = go_float(text) {
                // A number as text counts as one beside a duration, too.
                return numeric(&Value::number(number, key.span), value);
            }
            Semver::parse(text).ok()?.partial_cmp(&Semver::parse(value.as_str()?).ok()?)
        }
        _ => None,
    }
}

fn order_number(key: Number, value: &Value) -> Option<std::cmp::Ordering> {
    match &value.data {
        Data::Number(value) => key.partial_cmp(value),
        Data::String(text) => key.as_f64().partial_cmp(&go_float(text)?),
        _ => None,
    }
}

/// One condition.
#[derive(Debug)]
pub struct Condition {
    /// What is judged.
    pub key: Template,
    /// How.
    pub operator: Operator,
    /// Against what.
    pub value: Template,
    /// What is said of it; empty for nothing.
    pub message: Arc<str>,
    /// Where it stands.
    pub at: Span,
}

/// Conditions that have to hold together.
#[derive(Debug, Default)]
pub struct Conditions {
    /// One of them has to hold; `None` where the list is not there.
    pub any: Option<Vec<Condition>>,
    /// All of them have to hold.
    pub all: Vec<Condition>,
}

/// Why conditions give no answer.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct ConditionError {
    /// For a person.
    pub message: String,
    /// Where the condition stands.
    pub at: Span,
    /// Whether something it needs is not known, which is a result of its own.
    pub unknown: bool,
}

impl Condition {
    /// Whether it holds.
    ///
    /// # Errors
    /// Its variables cannot be substituted, what they hold is not known, or the operator cannot judge them.
    pub fn holds(&self, scope: &Scope<'_>) -> Result<bool, ConditionError> {
        let wrong = |part: &str, error: JmesError| ConditionError {
            unknown: error.is_unknown(),
            message: format!("the {part} of the condition has no value: {error}"),
            at: error.at.or(self.at),
        };
        let key = self.key.substitute(scope).map_err(|error| wrong("key", error))?;
        let value = self.value.substitute(scope).map_err(|error| wrong("value", error))?;
        if let Some(unknown) = key.find_unknown().or_else(|| value.find_unknown()) {
            return Err(ConditionError { message: unknown.reason.to_string(), at: self.at, unknown: true });
        }
        self.operator.holds(&key, &value).map_err(|message| ConditionError { message, at: self.at, unknown: false })
    }
}

impl Conditions {
    /// Reads conditions as policies have them: a list of which all have to hold, or `any` and `all`.
    ///
    /// # Errors
    /// Everything that is wrong with them, with its place.
    pub fn read(value: &Value, file: &Arc<str>) -> Result<Conditions, Vec<Diagnostic>> {
        let mut reader = Reader::new(file);
        let conditions = reader.conditions(value, "conditions");
        if reader.failed() { Err(reader.said) } else { Ok(conditions) }
    }

    /// Whether there is nothing to hold.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.any.is_none() && self.all.is_empty()
    }

    /// Whether they hold, and the messages of those that decided.
    ///
    /// # Errors
    /// As [`Condition::holds`].
    pub fn hold(&self, scope: &Scope<'_>) -> Result<(bool, String), ConditionError> {
        let (mut met, mut unmet): (Vec<&str>, Vec<&str>) = (Vec::new(), Vec::new());
        let mut any_holds = true;
        if let Some(any) = &self.any {
            any_holds = false;
            for condition in any {
                if condition.holds(scope)? {
                    any_holds = true;
                    met.push(&condition.message);
                    break;
                }
                unmet.push(&condition.message);
            }
        }
        let mut all_hold = true;
        for condition in &self.all {
            if condition.holds(scope)? {
                met.push(&condition.message);
            } else {
                all_hold = false;
                unmet.push(&condition.message);
                break;
            }
        }
        let holds = any_holds && all_hold;
        Ok((holds, join_non_empty(if holds { met } else { unmet }, "; ")))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use probity_value::yaml;

    fn value(text: &str) -> Value {
        yaml::parse(text, FileId::NONE).0.into_iter().next().map_or(Value::null(Span::NONE), |document| document.value)
    }

    fn check(key: &str, operator: &str, other: &str, expected: bool) {
        let operator = Operator::named(operator).unwrap();
        assert_eq!(operator.holds(&value(key), &value(other)), Ok(expected), "{key} {operator} {other}");
    }

    #[test]
    fn equality() {
        for (key, other, equal) in [
            ("a", "a", true),
            ("abc", "a*", true),
            ("a*", "abc", false),
            ("1", "1", true),
            ("1", "'1'", true),
            ("'1'", "1", false),
            ("1.5", "'1.5'", true),
            ("true", "true", true),
            ("true", "'true'", false),
            ("1Gi", "1024Mi", true),
            ("1h", "60m", true),
            ("1h", "3600", true),
            ("3600", "1h", false),
            ("'5'", "'5.0'", true),
            ("'5'", "x*", false),
            ("{a: 1}", "{a: 1}", true),
            ("[a]", "[b]", false),
            ("[a]", "a", false),
            ("''", "''", true),
        ] {
            check(key, "Equals", other, equal);
            check(key, "NotEquals", other, !equal);
        }
        check("null", "Equals", "null", false);
        check("null", "NotEquals", "a", false);
        check("'5'", "NotEquals", "''", true);
    }

    #[test]
    fn membership() {
        for (key, operator, other, expected) in [
            ("a", "AnyIn", "[a, b]", true),
            ("a", "AnyIn", "a", true),
            ("abc", "AnyIn", "[a*]", true),
            ("a*", "AnyIn", "[abc]", true),
            ("1", "AnyIn", "[1, 2]", true),
            ("a", "AnyIn", "'[\"a\", \"b\"]'", true),
            ("5", "AnyIn", "1-10", true),
            ("50", "AnyIn", "1-10", false),
            ("a", "AnyIn", "5", false),
            ("a", "AnyNotIn", "5", false),
            ("a", "AnyIn", "{}", false),
            ("[a, b]", "AnyIn", "[b]", true),
            ("[a, b]", "AllIn", "[b]", false),
            ("[a, b]", "AllIn", "[a, b, c]", true),
            ("[a, b]", "AnyNotIn", "[b]", true),
            ("[a, b]", "AnyNotIn", "[a, b]", false),
            ("[a, b]", "AllNotIn", "[b]", false),
            ("[a, b]", "AllNotIn", "[c]", true),
            ("[]", "AllIn", "[a]", true),
            ("[]", "AnyIn", "[a]", false),
            ("[]", "AnyNotIn", "[a]", false),
            ("[]", "AllNotIn", "[a]", true),
            ("[1, 20]", "AnyIn", "1-10", true),
            ("[1, 20]", "AllIn", "1-10", false),
            ("[1, 20]", "AnyNotIn", "1-10", true),
            ("[1, 20]", "AllNotIn", "1-10", false),
            ("[a]", "AnyIn", "a", true),
            ("[a]", "AnyNotIn", "a", false),
            ("[1]", "AnyIn", "1", true),
            ("[a]", "AllIn", "1", false),
            ("null", "AnyNotIn", "[a]", false),
            ("a", "In", "[a]", true),
            ("a", "NotIn", "[b]", true),
            ("[a]", "In", "[a, b]", true),
            ("[a, c]", "NotIn", "[a, b]", true),
        ] {
            check(key, operator, other, expected);
        }
        assert!(Operator::In.holds(&value("[1]"), &value("[a]")).is_err());
    }

    #[test]
    fn order() {
        for (key, operator, other, expected) in [
            ("2", "GreaterThan", "1", true),
            ("2", "GreaterThan", "'1'", true),
            ("'2'", "GreaterThan", "1", true),
            ("1Gi", "GreaterThan", "1000Mi", true),
            ("500m", "LessThan", "'1'", true),
            ("1h", "GreaterThan", "30m", true),
            ("1h", "GreaterThan", "1800", true),
            ("1.2.3", "LessThan", "1.10.0", true),
            ("a", "LessThan", "b", false),
            ("true", "LessThan", "1", false),
            ("2", "GreaterThanOrEquals", "2", true),
            ("2", "LessThanOrEquals", "1", false),
            ("1h", "DurationGreaterThan", "10", true),
            ("1h", "DurationLessThanOrEquals", "60m", true),
            ("x", "DurationLessThan", "60m", false),
            ("'5'", "GreaterThan", "1s", true),
        ] {
            check(key, operator, other, expected);
        }
    }

    #[test]
    fn operators_have_names() {
        assert_eq!(Operator::named("equals"), Some(Operator::Equals));
        assert_eq!(Operator::named("Matches"), None);
        assert_eq!(Operator::AnyIn.to_string(), "AnyIn");
    }
}
