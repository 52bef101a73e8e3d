//! Advisories of the RustSec database: Markdown with TOML at its top.

use std::cmp::Ordering;

use probity_core::Severity;
use probity_inputs::Kind;
use probity_value::{FileId, Span, Value};

use crate::advisory::{Advisory, Affected, End, Interval, score_of_vector, severity_of_score};
use crate::osv::{LONGEST_TEXT, Wrong, seconds, shortened};
use crate::version::Order;

/// Reads one advisory.
///
/// # Errors
/// What keeps it from being one.
pub fn parse(text: &str, file: FileId) -> Result<Advisory, Wrong> {
    let lost = |what: &str| Wrong { at: Span::NONE, what: what.to_owned(), lost: true };
    let rest = text.trim_start().strip_prefix("```toml").ok_or_else(|| lost("the file does not begin with a block of TOML"))?;
    let (front, body) = rest.split_once("\n```").ok_or_else(|| lost("the block of TOML does not end"))?;
    let value = probity_inputs::document(Kind::Toml, front, file).map_err(|problems| {
        let message = problems.into_iter().next().map_or_else(String::new, |problem| problem.message);
        lost(&format!("the TOML is broken: {message}"))
    })?;
    let advisory = value.get("advisory").ok_or_else(|| lost("there is no `advisory`"))?;
    let part = |key: &str| advisory.get(key).and_then(Value::as_str).unwrap_or_default().to_owned();
    let list = |value: Option<&Value>| -> Vec<String> {
        value.and_then(Value::as_list).unwrap_or_default().iter().filter_map(Value::as_str).map(str::to_owned).collect()
    };
    let (id, package) = (part("id"), part("package"));
    if id.is_empty() || package.is_empty() {
        return Err(lost("an advisory has an id and a package"));
    }
    let versions = value.get("versions");
    let mut cured = Vec::new();
    for key in ["patched", "unaffected"] {
        for requirement in list(versions.and_then(|versions| versions.get(key))) {
            let range =
                requirement_range(&requirement).ok_or_else(|| lost(&format!("`{requirement}` under `{key}` is no range of versions")))?;
            cured.push(range);
        }
    }
    let body = body.trim();
    let (title, details) =
        body.strip_prefix("# ").and_then(|body| body.split_once('\n')).unwrap_or((body.strip_prefix("# ").unwrap_or(body), ""));
    let vector = Some(part("cvss")).filter(|vector| !vector.is_empty());
    let score = vector.as_deref().and_then(score_of_vector);
    let informational = Some(part("informational")).filter(|word| !word.is_empty());
    let url = part("url");
    Ok(Advisory {
        id,
        aliases: list(advisory.get("aliases")),
        related: list(advisory.get("related")),
        summary: shortened(title.trim(), 240),
        details: shortened(details.trim(), LONGEST_TEXT),
        published: seconds(&part("date")),
        modified: seconds(&part("date")),
        withdrawn: !part("withdrawn").is_empty(),
        severity: match (&informational, score) {
            (_, Some(score)) => Some(severity_of_score(score)),
            (Some(_), None) => Some(Severity::Info),
            (None, None) => None,
        },
        vector,
        score,
        cwes: Vec::new(),
        references: if url.is_empty() { Vec::new() } else { vec![url] },
        malicious: list(advisory.get("categories")).iter().any(|category| category == "malicious")
            || list(advisory.get("keywords")).iter().any(|word| word == "malicious"),
        informational,
        affected: vec![Affected { ecosystem: "crates.io".to_owned(), name: package, intervals: rest_of(cured), ..Affected::default() }],
    })
}

/// A range from a version on, or from the start; up to a version, or for ever.
type Range = (Option<String>, Option<String>);

/// The smallest version after one: a pre-release of nothing comes before it, so that nothing lies between.
fn after(version: &str) -> String {
    format!("{version}+next")
}

/// What a requirement of Cargo allows, as one range; `None` where it is none.
fn requirement_range(text: &str) -> Option<Range> {
    let mut range: Range = (None, None);
    for part in text.split(',').map(str::trim).filter(|part| !part.is_empty()) {
        let start = part.find(|letter: char| letter.is_ascii_digit())?;
        let (sign, version) = part.split_at_checked(start)?;
        let version = version.trim();
        let numbers: Vec<u64> = version.split(['-', '+']).next()?.split('.').map(|number| number.parse().ok()).collect::<Option<_>>()?;
        let number = |at: usize| numbers.get(at).copied().unwrap_or(0);
        let (low, high) = match sign.trim() {
            ">=" => (Some(version.to_owned()), None),
            ">" => (Some(after(version)), None),
            "<" => (None, Some(version.to_owned())),
            "<=" => (None, Some(after(version))),
            "=" => (Some(version.to_owned()), Some(after(version))),
            "~" => {
                let high =
                    if numbers.len() < 2 { format!("{}.0.0-0", number(0) + 1) } else { format!("{}.{}.0-0", number(0), number(1) + 1) };
                (Some(version.to_owned()), Some(high))
            }
            "^" | "" => {
                let high = match (number(0), number(1), number(2)) {
                    (0, 0, patch) if numbers.len() > 2 => format!("0.0.{}-0", patch + 1),
                    (0, minor, _) if numbers.len() > 1 => format!("0.{}.0-0", minor + 1),
                    (major, ..) => format!("{}.0.0-0", major + 1),
                };
                (Some(version.to_owned()), Some(high))
            }
            _ => return None,
        };
        let later = |one: Option<String>, other: Option<String>| match (one, other) {
            (Some(one), Some(other)) => Some(if compare(&one, &other).is_lt() { other } else { one }),
            (one, other) => one.or(other),
        };
        let earlier = |one: Option<String>, other: Option<String>| match (one, other) {
            (Some(one), Some(other)) => Some(if compare(&one, &other).is_gt() { other } else { one }),
            (one, other) => one.or(other),
        };
        range = (later(range.0, low), earlier(range.1, high));
    }
    Some(range)
}

fn compare(one: &str, other: &str) -> Ordering {
    // Builds have an order here, so that `after` has its place.
    Order::Pub.compare(one, other)
}

/// Everything that no range covers.
fn rest_of(mut cured: Vec<Range>) -> Vec<Interval> {
    let start = |one: &Range| one.0.clone();
    cured.sort_by(|a, b| match (start(a), start(b)) {
        (None, None) => Ordering::Equal,
        (None, _) => Ordering::Less,
        (_, None) => Ordering::Greater,
        (Some(one), Some(other)) => compare(&one, &other),
    });
    let mut out = Vec::new();
    // Up to where all is told.
    let mut told: Option<Option<String>> = Some(None);
    for (low, high) in cured {
        let Some(at) = told.clone() else { break };
        let gap = match (&at, &low) {
            (None, Some(_)) => true,
            (Some(at), Some(low)) => compare(at, low).is_lt(),
            (_, None) => false,
        };
        if gap && let Some(low) = &low {
            out.push(interval(at.clone(), Some(low.clone())));
        }
        told = match (at, high) {
            (_, None) => None,
            (None, Some(high)) => Some(Some(high)),
            (Some(at), Some(high)) => Some(Some(if compare(&at, &high).is_lt() { high } else { at })),
        };
    }
    if let Some(at) = told {
        out.push(interval(at, None));
    }
    out
}

/// A range with its ends as the ecosystem writes them.
fn interval(low: Option<String>, high: Option<String>) -> Interval {
    let plain = |version: String| version.strip_suffix("-0").map_or(version.clone(), str::to_owned);
    let introduced = match low {
        None => "0".to_owned(),
        // After a version: no release lies between it and the next patch.
        Some(low) => match low.strip_suffix("+next") {
            Some(version) => next_patch(version),
            None => plain(low),
        },
    };
    let end = match high {
        None => End::Open,
        Some(high) => match high.strip_suffix("+next") {
            Some(version) => End::Last(version.to_owned()),
            None => End::Fixed(plain(high)),
        },
    };
    Interval { introduced, end }
}

/// The first version after one: after a pre-release, the release it leads to would be too late, so the next pre-release.
fn next_patch(version: &str) -> String {
    if version.contains('-') {
        return format!("{version}.0");
    }
    let mut numbers: Vec<&str> = version.split('.').collect();
    while numbers.len() < 3 {
        numbers.push("0");
    }
    let last = numbers.pop().and_then(|last| last.parse::<u64>().ok()).unwrap_or(0);
    format!("{}.{}-0", numbers.join("."), last + 1)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn shown(intervals: &[Interval]) -> String {
        let one = |one: &Interval| match &one.end {
            End::Fixed(version) => format!("[{}, {version})", one.introduced),
            End::Last(version) => format!("[{}, {version}]", one.introduced),
            End::Open => format!("[{}, ", one.introduced),
        };
        intervals.iter().map(one).collect::<Vec<_>>().join(" ")
    }

    fn advisory(versions: &str) -> Result<Advisory, Wrong> {
        parse(
            &format!(
                "```toml\n[advisory]\nid = \"RUSTSEC-2020-0001\"\npackage = \"a\"\ndate = \"2020-01-02\"\n[versions]\n{versions}\n```\n\n# Title\n\nText.\n"
            ),
            FileId::NONE,
        )
    }

    #[test]
    fn what_is_not_mended_is_affected() {
        let check =
            |versions: &str, expected: &str| assert_eq!(shown(&advisory(versions).unwrap().affected[0].intervals), expected, "{versions}");
        check("patched = [\">= 0.9.1\"]", "[0, 0.9.1)");
        check("patched = []", "[0, ");
        check("patched = [\">= 1.2.3\"]\nunaffected = [\"< 1.0.0\"]", "[1.0.0, 1.2.3)");
        check("patched = [\"^0.3.4\", \">= 0.4.2\"]", "[0, 0.3.4) [0.4.0, 0.4.2)");
        check("patched = [\">= 0.1.4, < 0.2.0\", \">= 0.2.2\"]", "[0, 0.1.4) [0.2.0, 0.2.2)");
        check("patched = []\nunaffected = [\"<= 1.0.0\"]", "[1.0.1-0, ");
        check("patched = [\"> 1.0.0\"]", "[0, 1.0.0]");
        check("patched = [\"= 1.0.0\"]", "[0, 1.0.0) [1.0.1-0, ");
        check("patched = [\"~1.2\"]", "[0, 1.2) [1.3.0, ");
    }

    #[test]
    fn parts_are_read() {
        let read = advisory("patched = []").unwrap();
        assert_eq!((&*read.id, &*read.summary, &*read.details), ("RUSTSEC-2020-0001", "Title", "Text."));
        assert_eq!(read.published, 1_577_923_200);
        for broken in ["", "# no front", "```toml\n[advisory]\n", "```toml\n[advisory]\nid = 1\n```\n", "```toml\nx = \n```\n"] {
            assert!(parse(broken, FileId::NONE).is_err(), "{broken}");
        }
        assert!(advisory("patched = [\"abc\"]").is_err());
    }
}
