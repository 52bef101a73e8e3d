//! Semantic versions.

use std::cmp::Ordering;

use crate::builtins::operands::{as_text, text};
use crate::builtins::{Answer, Context, Failure};
use crate::term::{Term, quote};

struct Version<'a> {
    numbers: [i64; 3],
    pre: &'a str,
}

fn is_identifiers(text: &str) -> bool {
    text.split('.').all(|part| !part.is_empty() && part.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'-'))
}

fn parse(given: &str) -> Option<Version<'_>> {
    let given = given.strip_prefix('v').unwrap_or(given);
    let (given, metadata) = given.split_once('+').unwrap_or((given, ""));
    let (numbers, pre) = given.split_once('-').unwrap_or((given, ""));
    if (!metadata.is_empty() && !is_identifiers(metadata)) || (!pre.is_empty() && !is_identifiers(pre)) {
        return None;
    }
    let mut parts = numbers.split('.');
    let mut next = || parts.next()?.parse::<i64>().ok();
    let numbers = [next()?, next()?, next()?];
    if parts.next().is_some() {
        return None;
    }
    Some(Version { numbers, pre })
}

fn compare_pre(a: &str, b: &str) -> Ordering {
    match (a.is_empty(), b.is_empty()) {
        (true, true) => return Ordering::Equal,
        (true, false) => return Ordering::Greater,
        (false, true) => return Ordering::Less,
        (false, false) => {}
    }
    let (mut left, mut right) = (a.split('.'), b.split('.'));
    loop {
        let (x, y) = match (left.next(), right.next()) {
            (None, None) => return Ordering::Equal,
            (None, Some(_)) => return Ordering::Less,
            (Some(_), None) => return Ordering::Greater,
            (Some(x), Some(y)) => (x, y),
        };
        let is_number = |part: &str| part.bytes().all(|byte| byte.is_ascii_digit());
        let order = match (is_number(x), is_number(y)) {
            (true, true) => {
                let (x, y) = (x.trim_start_matches('0'), y.trim_start_matches('0'));
                x.len().cmp(&y.len()).then_with(|| x.cmp(y))
            }
            (true, false) => Ordering::Less,
            (false, true) => Ordering::Greater,
            (false, false) => x.cmp(y),
        };
        if order != Ordering::Equal {
            return order;
        }
    }
}

/// -1, 0 or 1.
pub(super) fn compare(_: &mut Context<'_>, arguments: &[Term]) -> Answer {
    let (a, b) = (text(arguments, 0)?, text(arguments, 1)?);
    let read = |at: u32, given| {
        parse(given).ok_or_else(|| Failure::Failed(format!("operand {at}: string {} is not a valid SemVer", quote(given))))
    };
    let (a, b) = (read(1, a)?, read(2, b)?);
    let order = a.numbers.cmp(&b.numbers).then_with(|| compare_pre(a.pre, b.pre));
    Ok(Term::int(order as i64))
}

/// Whether text is a version.
pub(super) fn is_valid(_: &mut Context<'_>, arguments: &[Term]) -> Answer {
    Ok(Term::Bool(as_text(arguments, 0).is_some_and(|given| parse(given).is_some())))
}

#[cfg(test)]
mod tests {
    use crate::builtins::tests::check;

    #[test]
    fn versions() {
        check("semver.compare", r#"["1.0.0", "1.0.0"]"#, "0");
        check("semver.compare", r#"["1.2.3", "1.10.0"]"#, "-1");
        check("semver.compare", r#"["1.0.0", "1.0.0-rc.1"]"#, "1");
        check("semver.compare", r#"["1.0.0-a.1", "1.0.0-a.b"]"#, "-1");
        check("semver.compare", r#"["1.0.0-a.10", "1.0.0-a.9"]"#, "1");
        check("semver.compare", r#"["1.0.0-a", "1.0.0-a.b"]"#, "-1");
        check("semver.compare", r#"["1.0.0+x", "1.0.0+y"]"#, "0");
        check("semver.compare", r#"["1", "2.0.0"]"#, r#"eval_builtin_error: semver.compare: operand 1: string "1" is not a valid SemVer"#);
        check("semver.is_valid", r#"["v1.0.0"]"#, "true");
        check("semver.is_valid", r#"["1.0.0-"]"#, "true");
        check("semver.is_valid", r#"["1.0.0-a..b"]"#, "false");
        check("semver.is_valid", "[1]", "false");
    }
}
