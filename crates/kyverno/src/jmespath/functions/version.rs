//! `semver_compare`: whether a version lies in a range, as `blang/semver` reads ranges.

use std::cmp::Ordering;

use probity_kubernetes::Semver;
use probity_value::{Span, Value};

use super::super::{Evaluation, JmesError};
use super::{Answer, text_at};

pub(super) fn semver_compare(arguments: &[Value], evaluation: &Evaluation<'_>) -> Answer {
    let (version, range) = (text_at(arguments, 0), text_at(arguments, 1));
    evaluation.grow(range.len())?;
    let range =
        read(range).map_err(|problem| JmesError::wrong(format!("argument 2 of `semver_compare` is no range of versions: {problem}")))?;
    // What is no version counts as the lowest one.
    let version = Semver::parse(version).unwrap_or(Semver { major: 0, minor: 0, patch: 0, prerelease: Vec::new(), build: Vec::new() });
    let holds = range.iter().any(|all| all.iter().all(|one| one.holds(&version)));
    Ok(Value::bool(holds, Span::NONE))
}

struct Bound {
    operator: String,
    version: Semver,
}

impl Bound {
    fn holds(&self, version: &Semver) -> bool {
        let order = version.cmp(&self.version);
        match self.operator.as_str() {
            ">" => order == Ordering::Greater,
            ">=" => order != Ordering::Less,
            "<" => order == Ordering::Less,
            "<=" => order != Ordering::Greater,
            "!" | "!=" => order != Ordering::Equal,
            _ => order == Ordering::Equal,
        }
    }
}

/// Any of these, all of those within each.
fn read(text: &str) -> Result<Vec<Vec<Bound>>, String> {
    let parts = split(text);
    let mut range = Vec::new();
    for (position, group) in parts.split(|part| part == "||").enumerate() {
        if group.is_empty() {
            return Err(if position == 0 { "it begins with `||`".to_owned() } else { "nothing stands beside `||`".to_owned() });
        }
        let mut bounds = Vec::new();
        for part in group {
            let (operator, version) = cut(part)?;
            if !part.contains('x') {
                bounds.push(bound(operator, version)?);
                continue;
            }
            let flat = flat(version);
            let next = next(version, &flat);
            match operator {
                ">" => bounds.push(bound(">=", &next)?),
                ">=" => bounds.push(bound(">=", &flat)?),
                "<" => bounds.push(bound("<", &flat)?),
                "<=" => bounds.push(bound("<", &next)?),
                "" | "=" | "==" => bounds.extend([bound(">=", &flat)?, bound("<", &next)?]),
                // Both have to hold there too, so nothing fits.
                "!" | "!=" => bounds.extend([bound("<", &flat)?, bound(">=", &next)?]),
                other => return Err(format!("`{other}` is no comparison")),
            }
        }
        range.push(bounds);
    }
    Ok(range)
}

fn bound(operator: &str, version: &str) -> Result<Bound, String> {
    if !matches!(operator, "" | "=" | "==" | "!" | "!=" | "<" | "<=" | ">" | ">=") {
        return Err(format!("`{operator}` is no comparison"));
    }
    let version = Semver::parse(version).map_err(|_| format!("`{version}` is no version"))?;
    Ok(Bound { operator: operator.to_owned(), version })
}

/// Splits at spaces that follow no comparison. What is one letter long is lost, as it is there.
fn split(text: &str) -> Vec<String> {
    let mut parts = Vec::new();
    let mut part = String::new();
    let mut last = ' ';
    for sign in text.chars() {
        if sign == ' ' && !matches!(last, '>' | '<' | '=') {
            if part.len() > 1 {
                parts.push(std::mem::take(&mut part));
            }
            part.clear();
        } else {
            part.push(sign);
            if sign != ' ' {
                last = sign;
            }
        }
    }
    if part.len() > 1 {
        parts.push(part);
    }
    parts.into_iter().map(|part| part.replace(' ', "")).collect()
}

fn cut(part: &str) -> Result<(&str, &str), String> {
    let at = part.find(|sign: char| sign.is_ascii_digit()).ok_or_else(|| format!("`{part}` has no version"))?;
    Ok((part.get(..at).unwrap_or_default().trim(), part.get(at..).unwrap_or_default()))
}

/// The version with zeros for `x`.
fn flat(version: &str) -> String {
    let flat = version.replacen(".x.x", ".x", 1).replacen(".x", ".0", 1);
    if flat.split('.').count() == 2 { flat + ".0" } else { flat }
}

/// The first version after those that `x` stands for; empty where the last part is no `x`.
fn next(version: &str, flat: &str) -> String {
    let parts: Vec<&str> = version.split('.').collect();
    let raised = match (parts.last(), parts.len()) {
        (Some(&"x"), 3) => 1,
        (Some(&"x"), 2) => 0,
        _ => return String::new(),
    };
    let mut parts: Vec<String> = flat.split('.').map(str::to_owned).collect();
    match parts.get_mut(raised) {
        Some(part) => match part.parse::<u64>().ok().and_then(|number| number.checked_add(1)) {
            Some(number) => *part = number.to_string(),
            None => return String::new(),
        },
        None => return String::new(),
    }
    parts.join(".")
}
