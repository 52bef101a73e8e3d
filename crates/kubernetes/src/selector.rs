//! Label selectors: `matchLabels` and `matchExpressions`, the text form (`a=b,c in (d,e),!f`), and Kyverno's with wildcards.

use std::fmt;
use std::sync::Arc;

use probity_value::{Data, Map, Value};

use crate::duration::quote;
use crate::names;
use crate::wildcard;

/// How a label is compared.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub enum SelectorOperator {
    /// It is one of the values.
    In,
    /// It is none of the values, or missing.
    NotIn,
    /// It is the value (`=`).
    Equals,
    /// It is the value (`==`).
    DoubleEquals,
    /// It is not the value, or missing.
    NotEquals,
    /// It is there.
    Exists,
    /// It is not there.
    DoesNotExist,
    /// It is a whole number greater than the value.
    GreaterThan,
    /// It is a whole number less than the value.
    LessThan,
}

impl SelectorOperator {
    /// As the text form writes it.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            SelectorOperator::In => "in",
            SelectorOperator::NotIn => "notin",
            SelectorOperator::Equals => "=",
            SelectorOperator::DoubleEquals => "==",
            SelectorOperator::NotEquals => "!=",
            SelectorOperator::Exists => "exists",
            SelectorOperator::DoesNotExist => "!",
            SelectorOperator::GreaterThan => "gt",
            SelectorOperator::LessThan => "lt",
        }
    }
}

/// Why a selector is refused.
#[derive(Clone, PartialEq, Eq, Debug, thiserror::Error)]
#[error("{0}")]
pub struct SelectorError(String);

/// One condition on one label.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Requirement {
    /// The label.
    pub key: Arc<str>,
    /// How it is compared.
    pub operator: SelectorOperator,
    /// With what.
    pub values: Vec<Arc<str>>,
}

/// Conditions on labels, all of which have to hold.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct Selector {
    requirements: Vec<Requirement>,
    /// Fits nothing: a selector that is not given.
    nothing: bool,
}

/// What is known of one label.
enum Label<'a> {
    Missing,
    Text(&'a str),
    Unknown(&'a Arc<str>),
}

impl Requirement {
    /// A condition, checked.
    ///
    /// # Errors
    /// Says which part of it is not allowed.
    pub fn new(key: &str, operator: SelectorOperator, values: Vec<Arc<str>>) -> Result<Requirement, SelectorError> {
        let mut problems = Vec::new();
        let invalid = |field: &str, value: &str, problem: &str| format!("{field}: Invalid value: {}: {problem}", quote(value));
        let key_problems = names::qualified_name(key);
        if !key_problems.is_empty() {
            problems.push(invalid("key", key, &key_problems.join("; ")));
        }
        let listed = values.join(",");
        match operator {
            SelectorOperator::In | SelectorOperator::NotIn if values.is_empty() => {
                problems.push(invalid("values", &listed, "for 'in', 'notin' operators, values set can't be empty"));
            }
            SelectorOperator::Equals | SelectorOperator::DoubleEquals | SelectorOperator::NotEquals if values.len() != 1 => {
                problems.push(invalid("values", &listed, "exact-match compatibility requires one single value"));
            }
            SelectorOperator::Exists | SelectorOperator::DoesNotExist if !values.is_empty() => {
                problems.push(invalid("values", &listed, "values set must be empty for exists and does not exist"));
            }
            SelectorOperator::GreaterThan | SelectorOperator::LessThan => {
                if values.len() != 1 {
                    problems.push(invalid("values", &listed, "for 'Gt', 'Lt' operators, exactly one value is required"));
                }
                for (index, value) in values.iter().enumerate().filter(|(_, value)| value.parse::<i64>().is_err()) {
                    problems.push(invalid(&format!("values[{index}]"), value, "for 'Gt', 'Lt' operators, the value must be an integer"));
                }
            }
            _ => {}
        }
        for (index, value) in values.iter().enumerate() {
            let value_problems = names::label_value(value);
            if !value_problems.is_empty() {
                problems.push(invalid(&format!("values[{index}][{key}]"), value, &value_problems.join("; ")));
            }
        }
        match &*problems {
            [] => Ok(Requirement { key: key.into(), operator, values }),
            [one] => Err(SelectorError(one.clone())),
            all => Err(SelectorError(format!("[{}]", all.join(", ")))),
        }
    }

    fn holds<'a>(&self, label: &Label<'a>) -> Result<bool, &'a Arc<str>> {
        let text = match label {
            Label::Missing => None,
            Label::Text(text) => Some(*text),
            // Whatever it is, it is there.
            Label::Unknown(_) if self.operator == SelectorOperator::Exists => return Ok(true),
            Label::Unknown(_) if self.operator == SelectorOperator::DoesNotExist => return Ok(false),
            Label::Unknown(reason) => return Err(reason),
        };
        let listed = |text: &str| self.values.iter().any(|value| **value == *text);
        let number = |text: &str| text.parse::<i64>().ok().zip(self.values.first().and_then(|value| value.parse::<i64>().ok()));
        Ok(match self.operator {
            SelectorOperator::In | SelectorOperator::Equals | SelectorOperator::DoubleEquals => text.is_some_and(listed),
            SelectorOperator::NotIn | SelectorOperator::NotEquals => !text.is_some_and(listed),
            SelectorOperator::Exists => text.is_some(),
            SelectorOperator::DoesNotExist => text.is_none(),
            SelectorOperator::GreaterThan => text.and_then(number).is_some_and(|(label, bound)| label > bound),
            SelectorOperator::LessThan => text.and_then(number).is_some_and(|(label, bound)| label < bound),
        })
    }
}

impl Selector {
    /// Fits everything.
    #[must_use]
    pub fn everything() -> Selector {
        Selector::default()
    }

    /// Fits nothing.
    #[must_use]
    pub fn nothing() -> Selector {
        Selector { requirements: Vec::new(), nothing: true }
    }

    /// Conditions that were checked before.
    #[must_use]
    pub fn of(requirements: Vec<Requirement>) -> Selector {
        Selector { requirements, nothing: false }
    }

    /// The conditions.
    #[must_use]
    pub fn requirements(&self) -> &[Requirement] {
        &self.requirements
    }

    /// Whether it fits everything.
    #[must_use]
    pub fn is_everything(&self) -> bool {
        self.requirements.is_empty() && !self.nothing
    }

    /// Whether it fits nothing, because none is given.
    #[must_use]
    pub fn is_nothing(&self) -> bool {
        self.nothing
    }

    /// Reads a selector object: null fits nothing, an empty one everything.
    ///
    /// # Errors
    /// Says which part of it is not allowed.
    pub fn from_value(value: &Value) -> Result<Selector, SelectorError> {
        Selector::read(value, None)
    }

    /// Reads a selector object whose `matchLabels` may have wildcards in keys and values, as Kyverno's do: they are replaced by the first of
    /// these labels that fits, and else by what no label fits.
    ///
    /// # Errors
    /// Says which part of it is not allowed.
    pub fn from_value_with_wildcards(value: &Value, labels: &Value) -> Result<Selector, SelectorError> {
        Selector::read(value, Some(labels))
    }

    fn read(value: &Value, expand_by: Option<&Value>) -> Result<Selector, SelectorError> {
        let map = match &value.data {
            Data::Null => return Ok(Selector::nothing()),
            Data::Map(map) => map,
            _ => return Err(wrong("a selector", "a map", value)),
        };
        if let Some(key) = map.keys().find(|key| !matches!(&***key, "matchLabels" | "matchExpressions")) {
            return Err(SelectorError(format!("unknown field `{key}` in a selector (known: matchLabels, matchExpressions)")));
        }
        let mut requirements = Vec::new();
        match map.get("matchLabels").map(|labels| (labels, &labels.data)) {
            None | Some((_, Data::Null)) => {}
            Some((_, Data::Map(labels))) => {
                for (key, entry) in labels.iter() {
                    let wanted = entry.value.as_str().ok_or_else(|| wrong(&format!("`matchLabels.{key}`"), "text", &entry.value))?;
                    let (key, wanted) = match expand_by {
                        Some(labels) if wildcard::has_wildcard(key) || wildcard::has_wildcard(wanted) => expand(key, wanted, labels),
                        _ => (key.to_string(), wanted.to_owned()),
                    };
                    requirements.push(Requirement::new(&key, SelectorOperator::Equals, vec![wanted.into()])?);
                }
            }
            Some((labels, _)) => return Err(wrong("`matchLabels`", "a map", labels)),
        }
        match map.get("matchExpressions").map(|expressions| (expressions, &expressions.data)) {
            None | Some((_, Data::Null)) => {}
            Some((_, Data::List(expressions))) => {
                for expression in expressions.iter() {
                    requirements.push(read_expression(expression)?);
                }
            }
            Some((expressions, _)) => return Err(wrong("`matchExpressions`", "a list", expressions)),
        }
        Ok(Selector { requirements, nothing: false })
    }

    /// Reads the text form.
    ///
    /// # Errors
    /// Says what is not understood.
    pub fn parse(text: &str) -> Result<Selector, SelectorError> {
        let mut requirements = Parser { tokens: tokens(text), at: 0 }.parse()?;
        requirements.sort_by(|a, b| a.key.cmp(&b.key));
        Ok(Selector { requirements, nothing: false })
    }

    /// Whether labels fit; the reason where that cannot be known. Labels are a map of texts; anything else counts as no labels, as it does
    /// for the API server's own reader.
    ///
    /// # Errors
    /// The reason why a label that decides is not known.
    pub fn matches(&self, labels: &Value) -> Result<bool, Arc<str>> {
        if self.nothing {
            return Ok(false);
        }
        if let Data::Unknown(unknown) = &labels.data {
            return if self.requirements.is_empty() { Ok(true) } else { Err(Arc::clone(&unknown.reason)) };
        }
        let map = labels.as_map().filter(|map| all_texts(map));
        let mut open = None;
        for requirement in &self.requirements {
            let label = match map.and_then(|map| map.get(&requirement.key)).map(|value| &value.data) {
                Some(Data::String(text)) => Label::Text(text),
                Some(Data::Unknown(unknown)) => Label::Unknown(&unknown.reason),
                _ => Label::Missing,
            };
            match requirement.holds(&label) {
                Ok(true) => {}
                Ok(false) => return Ok(false),
                Err(reason) => open = open.or(Some(reason)),
            }
        }
        open.map_or(Ok(true), |reason| Err(Arc::clone(reason)))
    }

    /// Whether labels given as pairs fit.
    #[must_use]
    pub fn matches_pairs(&self, labels: &[(&str, &str)]) -> bool {
        !self.nothing
            && self.requirements.iter().all(|requirement| {
                let label =
                    labels.iter().find(|(key, _)| *key == &*requirement.key).map_or(Label::Missing, |(_, value)| Label::Text(value));
                requirement.holds(&label) == Ok(true)
            })
    }
}

fn all_texts(map: &Map) -> bool {
    map.values().all(|value| matches!(value.data, Data::String(_) | Data::Unknown(_)))
}

fn wrong(what: &str, wanted: &str, value: &Value) -> SelectorError {
    match value.as_unknown() {
        Some(unknown) => SelectorError(format!("{what} is not known: {}", unknown.reason)),
        None => SelectorError(format!("{what} has to be {wanted}, not {}", value.type_name())),
    }
}

/// The first label that fits both patterns, else the patterns with `0` for every wildcard.
fn expand(key: &str, wanted: &str, labels: &Value) -> (String, String) {
    let fitting = labels.as_map().filter(|map| all_texts(map)).and_then(|map| {
        map.iter().find_map(|(label, entry)| {
            let value = entry.value.as_str()?;
            (wildcard::matches(key, label) && wildcard::matches(wanted, value)).then(|| (label.to_string(), value.to_owned()))
        })
    });
    fitting.unwrap_or_else(|| (key.replace(['*', '?'], "0"), wanted.replace(['*', '?'], "0")))
}

fn read_expression(value: &Value) -> Result<Requirement, SelectorError> {
    let map = value.as_map().ok_or_else(|| wrong("an entry of `matchExpressions`", "a map", value))?;
    if let Some(key) = map.keys().find(|key| !matches!(&***key, "key" | "operator" | "values")) {
        return Err(SelectorError(format!("unknown field `{key}` in `matchExpressions` (known: key, operator, values)")));
    }
    let text = |name: &str| match map.get(name) {
        None => Ok(""),
        Some(value) => value.as_str().ok_or_else(|| wrong(&format!("`matchExpressions.{name}`"), "text", value)),
    };
    let operator = match text("operator")? {
        "In" => SelectorOperator::In,
        "NotIn" => SelectorOperator::NotIn,
        "Exists" => SelectorOperator::Exists,
        "DoesNotExist" => SelectorOperator::DoesNotExist,
        other => return Err(SelectorError(format!("{} is not a valid label selector operator", quote(other)))),
    };
    let values = match map.get("values").map(|values| (values, &values.data)) {
        None | Some((_, Data::Null)) => Vec::new(),
        Some((_, Data::List(values))) => values
            .iter()
            .map(|value| value.as_str().map(Arc::from).ok_or_else(|| wrong("an entry of `matchExpressions.values`", "text", value)))
            .collect::<Result<_, _>>()?,
        Some((values, _)) => return Err(wrong("`matchExpressions.values`", "a list", values)),
    };
    Requirement::new(text("key")?, operator, values)
}

impl fmt::Display for Selector {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (index, requirement) in self.requirements.iter().enumerate() {
            if index > 0 {
                f.write_str(",")?;
            }
            write!(f, "{requirement}")?;
        }
        Ok(())
    }
}

impl fmt::Display for Requirement {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let first = self.values.first().map_or("", |value| &**value);
        match self.operator {
            SelectorOperator::DoesNotExist => write!(f, "!{}", self.key),
            SelectorOperator::Exists => f.write_str(&self.key),
            SelectorOperator::Equals => write!(f, "{}={first}", self.key),
            SelectorOperator::DoubleEquals => write!(f, "{}=={first}", self.key),
            SelectorOperator::NotEquals => write!(f, "{}!={first}", self.key),
            SelectorOperator::GreaterThan => write!(f, "{}>{first}", self.key),
            SelectorOperator::LessThan => write!(f, "{}<{first}", self.key),
            SelectorOperator::In | SelectorOperator::NotIn => {
                let mut values = self.values.clone();
                values.sort();
                write!(f, "{} {} ({})", self.key, self.operator.as_str(), values.join(","))
            }
        }
    }
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Token<'a> {
    Word(&'a str),
    Sign(&'a str),
    End,
}

impl Token<'_> {
    fn text(&self) -> &str {
        match self {
            Token::Word(text) | Token::Sign(text) => text,
            Token::End => "",
        }
    }
}

fn tokens(text: &str) -> Vec<Token<'_>> {
    const SPACE: [char; 4] = [' ', '\t', '\r', '\n'];
    const SIGNS: [char; 7] = ['=', '!', '(', ')', ',', '>', '<'];
    let mut all = Vec::new();
    let mut rest = text.trim_start_matches(SPACE);
    while !rest.is_empty() {
        let length = match ["==", "!="].into_iter().find(|sign| rest.starts_with(sign)) {
            Some(sign) => sign.len(),
            None if rest.starts_with(SIGNS) => 1,
            None => rest.find(|c: char| SPACE.contains(&c) || SIGNS.contains(&c)).unwrap_or(rest.len()),
        };
        let Some((token, behind)) = rest.split_at_checked(length) else { break };
        all.push(if token.starts_with(SIGNS) { Token::Sign(token) } else { Token::Word(token) });
        rest = behind.trim_start_matches(SPACE);
    }
    all
}

struct Parser<'a> {
    tokens: Vec<Token<'a>>,
    at: usize,
}

impl<'a> Parser<'a> {
    fn look(&self) -> Token<'a> {
        self.tokens.get(self.at).copied().unwrap_or(Token::End)
    }

    fn next(&mut self) -> Token<'a> {
        let token = self.look();
        self.at += 1;
        token
    }

    fn parse(&mut self) -> Result<Vec<Requirement>, SelectorError> {
        let mut all = Vec::new();
        loop {
            match self.look() {
                Token::End => return Ok(all),
                Token::Word(_) | Token::Sign("!") => {}
                other => return Err(found(other, "!, identifier, or 'end of string'")),
            }
            all.push(self.requirement().map_err(|error| SelectorError(format!("unable to parse requirement: {error}")))?);
            match self.next() {
                Token::End => return Ok(all),
                Token::Sign(",") => {
                    if !matches!(self.look(), Token::Word(_) | Token::Sign("!")) {
                        return Err(found(self.look(), "identifier after ','"));
                    }
                }
                other => return Err(found(other, "',' or 'end of string'")),
            }
        }
    }

    fn requirement(&mut self) -> Result<Requirement, SelectorError> {
        let absent = self.look() == Token::Sign("!");
        if absent {
            self.next();
        }
        let key = match self.next() {
            Token::Word(key) => key,
            other => return Err(found(other, "identifier")),
        };
        let problems = names::qualified_name(key);
        if !problems.is_empty() {
            return Err(SelectorError(format!("<nil>: Invalid value: {}: {}", quote(key), problems.join("; "))));
        }
        if absent {
            return Requirement::new(key, SelectorOperator::DoesNotExist, Vec::new());
        }
        if matches!(self.look(), Token::End | Token::Sign(",")) {
            return Requirement::new(key, SelectorOperator::Exists, Vec::new());
        }
        let operator = match self.next() {
            Token::Word("in") => SelectorOperator::In,
            Token::Word("notin") => SelectorOperator::NotIn,
            Token::Sign("=") => SelectorOperator::Equals,
            Token::Sign("==") => SelectorOperator::DoubleEquals,
            Token::Sign("!=") => SelectorOperator::NotEquals,
            Token::Sign(">") => SelectorOperator::GreaterThan,
            Token::Sign("<") => SelectorOperator::LessThan,
            other => return Err(found(other, "in, notin, =, ==, !=, gt, lt")),
        };
        let values = match operator {
            SelectorOperator::In | SelectorOperator::NotIn => self.values()?,
            _ => match self.look() {
                Token::End | Token::Sign(",") => vec![Arc::from("")],
                Token::Word(value) => {
                    self.next();
                    vec![value.into()]
                }
                other => return Err(found(other, "identifier")),
            },
        };
        Requirement::new(key, operator, values)
    }

    /// `(a,b)`; values left out are empty.
    fn values(&mut self) -> Result<Vec<Arc<str>>, SelectorError> {
        let open = self.next();
        if open != Token::Sign("(") {
            return Err(SelectorError(format!("found '{}' expected: '('", open.text())));
        }
        let mut values: Vec<Arc<str>> = Vec::new();
        loop {
            let value = match self.look() {
                Token::Word(value) => {
                    self.next();
                    value
                }
                Token::Sign("," | ")") => "",
                other => return Err(found(other, "',', ')' or identifier")),
            };
            if !values.iter().any(|known| **known == *value) {
                values.push(value.into());
            }
            match self.next() {
                Token::Sign(",") => {}
                Token::Sign(")") => break,
                other => return Err(found(other, "',' or ')'")),
            }
        }
        values.sort();
        Ok(values)
    }
}

fn found(token: Token<'_>, wanted: &str) -> SelectorError {
    SelectorError(format!("found '{}', expected: {wanted}", token.text()))
}

#[cfg(test)]
mod tests {
    use probity_value::{Span, UnknownKind};

    use super::*;

    fn map(pairs: &[(&str, Value)]) -> Value {
        let mut map = Map::new();
        for (key, value) in pairs {
            map.insert(*key, Span::NONE, value.clone());
        }
        Value::map(map, Span::NONE)
    }

    fn text(text: &str) -> Value {
        Value::string(text, Span::NONE)
    }

    fn check(selector: &str, labels: &[(&str, &str)], expected: bool) {
        assert_eq!(Selector::parse(selector).unwrap().matches_pairs(labels), expected, "{selector} {labels:?}");
    }

    #[test]
    fn texts() {
        for (selector, expected) in [
            ("", ""),
            ("a", "a"),
            ("!a", "!a"),
            ("a=b", "a=b"),
            ("a==b", "a==b"),
            ("a!=b", "a!=b"),
            ("x in (b,a)", "x in (a,b)"),
            ("x notin (a)", "x notin (a)"),
            ("z,a", "a,z"),
            ("x in ()", "x in ()"),
            ("x in (,a)", "x in (,a)"),
            ("x in (in)", "x in (in)"),
            ("a>1", "a>1"),
            ("a<1", "a<1"),
            (" a = b , c ", "a=b,c"),
            ("a=", "a="),
            ("a.b/c=d", "a.b/c=d"),
            ("a=,b", "a=,b"),
        ] {
            assert_eq!(Selector::parse(selector).unwrap().to_string(), expected, "{selector}");
        }
        for selector in [
            "a=b=c",
            "a in",
            "a in (",
            "a in (b",
            "a,",
            ",a",
            "-a",
            "a=-b",
            "a notin b",
            "(a)",
            "a b",
            "a>b",
            "!",
            "a!b",
            "a in (b c)",
            "a===b",
        ] {
            assert!(Selector::parse(selector).is_err(), "{selector}");
        }
        assert_eq!(Selector::parse("a=b=c").unwrap_err().to_string(), "found '=', expected: ',' or 'end of string'");
        assert_eq!(
            Selector::parse("a b").unwrap_err().to_string(),
            "unable to parse requirement: found 'b', expected: in, notin, =, ==, !=, gt, lt"
        );
    }

    #[test]
    fn fits() {
        check("", &[], true);
        check("a=b", &[("a", "b")], true);
        check("a=b", &[("a", "c")], false);
        check("a!=b", &[], true);
        check("a!=b", &[("a", "b")], false);
        check("a in (b,c)", &[("a", "c")], true);
        check("a notin (b,c)", &[], true);
        check("a", &[("a", "")], true);
        check("!a", &[("a", "")], false);
        check("a>1", &[("a", "2")], true);
        check("a>1", &[("a", "x")], false);
        check("a<1", &[("a", "0")], true);
        check("a=b,c=d", &[("a", "b")], false);
    }

    #[test]
    fn objects() {
        let list = |values: &[&str]| Value::list(values.iter().map(|value| text(value)).collect(), Span::NONE);
        let expression =
            |operator: &str, values: &[&str]| map(&[("key", text("k")), ("operator", text(operator)), ("values", list(values))]);
        let with = |expression: Value| map(&[("matchExpressions", Value::list(vec![expression], Span::NONE))]);
        let labels = map(&[("k", text("v"))]);
        let fits = |selector: &Value| {
            Selector::from_value(selector).map_or_else(|error| error.to_string(), |selector| format!("{:?}", selector.matches(&labels)))
        };
        assert_eq!(fits(&Value::null(Span::NONE)), "Ok(false)");
        assert_eq!(fits(&map(&[])), "Ok(true)");
        assert_eq!(fits(&map(&[("matchLabels", map(&[("k", text("v"))]))])), "Ok(true)");
        assert_eq!(fits(&with(expression("In", &["v"]))), "Ok(true)");
        assert_eq!(fits(&with(expression("NotIn", &["v"]))), "Ok(false)");
        assert_eq!(fits(&with(expression("Exists", &[]))), "Ok(true)");
        assert_eq!(
            fits(&with(expression("In", &[]))),
            "values: Invalid value: \"\": for 'in', 'notin' operators, values set can't be empty"
        );
        assert_eq!(
            fits(&with(expression("Exists", &["v"]))),
            "values: Invalid value: \"v\": values set must be empty for exists and does not exist"
        );
        assert_eq!(fits(&with(expression("in", &["v"]))), "\"in\" is not a valid label selector operator");
        assert_eq!(fits(&text("a")), "a selector has to be a map, not string");
        assert_eq!(
            fits(&map(&[("matchlabels", map(&[]))])),
            "unknown field `matchlabels` in a selector (known: matchLabels, matchExpressions)"
        );
    }

    #[test]
    fn wildcards() {
        let fits = |key: &str, value: &str, labels: &[(&str, Value)]| {
            let labels = map(labels);
            Selector::from_value_with_wildcards(&map(&[("matchLabels", map(&[(key, text(value))]))]), &labels)
                .unwrap()
                .matches(&labels)
                .unwrap()
        };
        assert!(fits("app*", "*", &[("application", text("x"))]));
        assert!(fits("app", "ng?nx", &[("app", text("nginx"))]));
        assert!(!fits("app", "ng?x", &[("app", text("nginx"))]));
        assert!(!fits("app*", "*", &[("x", text("x"))]));
        assert!(!fits("app*", "*", &[("app", text("x")), ("n", Value::int(1, Span::NONE))]));
    }

    #[test]
    fn unknown_labels() {
        let labels = map(&[("a", Value::unknown(UnknownKind::Variable, "`x` has no value", Span::NONE)), ("b", text("c"))]);
        let fits = |selector: &str| Selector::parse(selector).unwrap().matches(&labels);
        assert_eq!(fits("a=b"), Err("`x` has no value".into()));
        assert_eq!(fits("a=b,b=d"), Ok(false));
        assert_eq!(fits("b=c"), Ok(true));
        assert_eq!(fits("a"), Ok(true));
        assert_eq!(fits("!a"), Ok(false));
    }
}
