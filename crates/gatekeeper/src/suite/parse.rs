//! A suite as it is written.

use std::sync::Arc;

use probity_value::{Map, Span, Value};
use regex::Regex;

use crate::read::{self, Fault};

const CODE: &str = "gatekeeper-suite";

/// A suite.
#[derive(Clone, Debug, Default)]
pub(super) struct Suite {
    pub(super) skip: bool,
    pub(super) tests: Vec<Test>,
}

/// A template and a constraint, and what is tried with them.
#[derive(Clone, Debug)]
pub(super) struct Test {
    pub(super) at: Span,
    pub(super) name: Arc<str>,
    pub(super) template: Arc<str>,
    pub(super) constraint: Arc<str>,
    pub(super) expansion: Arc<str>,
    pub(super) cases: Vec<Case>,
    pub(super) invalid: bool,
    pub(super) skip: bool,
}

/// An object, and what is expected.
#[derive(Clone, Debug)]
pub(super) struct Case {
    pub(super) at: Span,
    pub(super) name: Arc<str>,
    pub(super) object: Arc<str>,
    pub(super) inventory: Vec<Arc<str>>,
    /// What is wrong with an assertion is known when the case is run.
    pub(super) assertions: Vec<Result<Assertion, String>>,
    pub(super) skip: bool,
}

/// How many violations there are.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Count {
    Some,
    None,
    Exactly(i64),
}

/// What is expected of the violations.
#[derive(Clone, Debug)]
pub(super) struct Assertion {
    pub(super) count: Count,
    pub(super) message: Option<(Arc<str>, Regex)>,
}

impl Suite {
    /// Reads a suite; fields nobody reads are faults of the whole.
    pub(super) fn read(value: &Value) -> Result<Suite, Fault> {
        let map = read::map(value, "the suite", CODE)?;
        refuse_unknown(map, &["apiVersion", "kind", "metadata", "tests", "skip"])?;
        let mut out = Suite { skip: flag(map, "skip")?, tests: Vec::new() };
        for item in items(map, "tests")? {
            out.tests.push(Test::read(item)?);
        }
        Ok(out)
    }
}

impl Test {
    fn read(value: &Value) -> Result<Test, Fault> {
        let map = read::map(value, "a test", CODE)?;
        refuse_unknown(map, &["name", "template", "constraint", "expansion", "cases", "invalid", "skip"])?;
        let mut cases = Vec::new();
        for item in items(map, "cases")? {
            cases.push(Case::read(item)?);
        }
        Ok(Test {
            at: value.span,
            name: text(map, "name")?,
            template: text(map, "template")?,
            constraint: text(map, "constraint")?,
            expansion: text(map, "expansion")?,
            cases,
            invalid: flag(map, "invalid")?,
            skip: flag(map, "skip")?,
        })
    }
}

impl Case {
    fn read(value: &Value) -> Result<Case, Fault> {
        let map = read::map(value, "a case", CODE)?;
        refuse_unknown(map, &["name", "object", "inventory", "assertions", "skip"])?;
        let mut assertions = Vec::new();
        for item in items(map, "assertions")? {
            assertions.push(Assertion::read(item)?);
        }
        let mut warnings = Vec::new();
        Ok(Case {
            at: value.span,
            name: text(map, "name")?,
            object: text(map, "object")?,
            inventory: read::texts_field(map, "inventory", CODE, &mut warnings)?,
            assertions,
            skip: flag(map, "skip")?,
        })
    }
}

impl Assertion {
    fn read(value: &Value) -> Result<Result<Assertion, String>, Fault> {
        let map = read::map(value, "an assertion", CODE)?;
        refuse_unknown(map, &["violations", "message"])?;
        let wrong = || Ok(Err("`violations`, if set, must be a nonnegative integer, `yes`, or `no`".to_owned()));
        let count = match map.get("violations").filter(|value| !value.is_null()) {
            None => Count::Some,
            Some(value) => match (value.as_str(), value.as_int()) {
                (Some("yes"), _) => Count::Some,
                (Some("no"), _) => Count::None,
                (_, Some(count)) if count >= 0 => Count::Exactly(count),
                _ => return wrong(),
            },
        };
        let message = match map.get("message").filter(|value| !value.is_null()) {
            None => None,
            Some(value) => {
                let text = read::text(value, "message", CODE)?;
                match Regex::new(text) {
                    Ok(regex) => Some((Arc::clone(text), regex)),
                    Err(error) => {
                        let why = error.to_string();
                        return Ok(Err(format!("the message is no regular expression: {}", why.lines().last().unwrap_or_default())));
                    }
                }
            }
        };
        Ok(Ok(Assertion { count, message }))
    }

    /// What is expected, in words.
    pub(super) fn words(&self) -> String {
        let count = match self.count {
            Count::Some => "violations".to_owned(),
            Count::None => "no violations".to_owned(),
            Count::Exactly(count) => format!("{count} violations"),
        };
        match &self.message {
            None => count,
            Some((text, _)) => format!("{count} with a message like `{text}`"),
        }
    }

    /// How many of the messages are meant, and whether that is what is expected.
    pub(super) fn check(&self, messages: &[String]) -> (usize, bool) {
        let meant = |message: &&String| self.message.as_ref().is_none_or(|(_, regex)| regex.is_match(message));
        let matching = messages.iter().filter(meant).count();
        let fits = match self.count {
            Count::Some => matching > 0,
            Count::None => matching == 0,
            Count::Exactly(count) => usize::try_from(count) == Ok(matching),
        };
        (matching, fits)
    }
}

fn refuse_unknown(map: &Map, known: &[&str]) -> Result<(), Fault> {
    match map.iter().find(|(key, _)| !known.iter().any(|known| known.eq_ignore_ascii_case(key))) {
        None => Ok(()),
        Some((key, entry)) => {
            let message = format!("a suite has no field `{key}` here, and it would say nothing");
            Err(Fault::new(CODE, entry.key, message).hint(format!("known are {}", read::known(known))))
        }
    }
}

fn items<'a>(map: &'a Map, name: &str) -> Result<&'a [Value], Fault> {
    match read::field(map, name, &mut Vec::new()) {
        None => Ok(&[]),
        Some(value) => read::list(value, name, CODE),
    }
}

fn text(map: &Map, name: &str) -> Result<Arc<str>, Fault> {
    Ok(read::text_field(map, name, CODE, &mut Vec::new())?.cloned().unwrap_or_default())
}

fn flag(map: &Map, name: &str) -> Result<bool, Fault> {
    Ok(read::bool_field(map, name, CODE, &mut Vec::new())?.unwrap_or_default())
}
