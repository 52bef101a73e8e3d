//! How bad a result is. SARIF knows only levels; scanners put more into properties, each in its way.

use probity_core::{Confidence, Severity};
use probity_value::Value;

use super::texts;

/// SARIF's levels (section 3.27.10).
pub(super) const LEVELS: &[&str] = &["none", "note", "warning", "error"];

/// The level of a result: its own, that of its rule, else `warning`; kinds other than `fail` have `none`.
pub(super) fn level(result: &Value, descriptor: Option<&Value>) -> &'static str {
    let known = |value: Option<&Value>| value.and_then(Value::as_str).and_then(|word| LEVELS.iter().copied().find(|level| *level == word));
    if let Some(level) = known(result.get("level")) {
        return level;
    }
    if result.get("kind").and_then(Value::as_str).is_some_and(|kind| kind != "fail") {
        return "none";
    }
    known(descriptor.and_then(|rule| rule.get("defaultConfiguration")?.get("level"))).unwrap_or("warning")
}

/// The severity, from the most exact thing said: a score (`security-severity`, as GitHub reads it), a word, a tag that is such a
/// word (Trivy, gosec), `problem.severity` (CodeQL), else the level. A score of zero says nothing: Checkov writes it where it has none.
pub(super) fn of(result: &Value, descriptor: Option<&Value>, level: &str) -> Severity {
    let owners = [Some(result), descriptor];
    let properties = || owners.into_iter().flatten().filter_map(|owner| owner.get("properties"));
    let score = properties().find_map(|properties| score(properties.get("security-severity")?));
    let said = || {
        let keys = ["severity", "Severity", "issue_severity", "impact"];
        properties().find_map(|properties| keys.iter().find_map(|key| word(properties.get(key)?.as_str()?)))
    };
    let tagged = || properties().find_map(|properties| texts(properties.get("tags")).find_map(tag));
    let problem = || {
        properties().find_map(|properties| match properties.get("problem.severity")?.as_str()? {
            "error" => Some(Severity::High),
            "warning" => Some(Severity::Medium),
            "recommendation" => Some(Severity::Low),
            _ => None,
        })
    };
    score.or_else(said).or_else(tagged).or_else(problem).unwrap_or(match level {
        "error" => Severity::High,
        "warning" => Severity::Medium,
        "note" => Severity::Low,
        _ => Severity::Info,
    })
}

/// A CVSS-like score as number or text.
fn score(value: &Value) -> Option<Severity> {
    of_score(match value.as_number() {
        Some(number) => number.as_f64(),
        None => value.as_str()?.trim().parse().ok()?,
    })
}

/// A score from above 0 to 10, as CVSS ranks it; `None` for any other number.
pub(crate) fn of_score(score: f64) -> Option<Severity> {
    match score {
        score if !(score > 0.0 && score <= 10.0) => None,
        score if score >= 9.0 => Some(Severity::Critical),
        score if score >= 7.0 => Some(Severity::High),
        score if score >= 4.0 => Some(Severity::Medium),
        _ => Some(Severity::Low),
    }
}

/// A severity in the words of some scanner.
fn word(text: &str) -> Option<Severity> {
    match text.trim().to_ascii_lowercase().as_str() {
        "critical" | "blocker" => Some(Severity::Critical),
        "high" | "major" | "error" => Some(Severity::High),
        "medium" | "moderate" | "warning" => Some(Severity::Medium),
        "low" | "minor" | "note" => Some(Severity::Low),
        "info" | "informational" | "trace" | "negligible" => Some(Severity::Info),
        _ => None,
    }
}

/// A tag counts only as one of the plain words: `error` or `info` as a tag mean other things.
fn tag(text: &str) -> Option<Severity> {
    let plain = ["critical", "high", "medium", "low"].iter().any(|word| text.eq_ignore_ascii_case(word));
    plain.then(|| word(text))?
}

/// How sure the rule is, from `precision` (CodeQL, Trivy) or `confidence` (ZAP, gosec).
pub(super) fn confidence(result: &Value, descriptor: Option<&Value>) -> Confidence {
    let owners = [Some(result), descriptor].into_iter().flatten();
    let said = owners.filter_map(|owner| owner.get("properties")).find_map(|properties| {
        ["precision", "confidence"].iter().find_map(|key| properties.get(key)?.as_str()).map(str::to_ascii_lowercase)
    });
    match said.as_deref() {
        Some("very-high" | "certain" | "confirmed") => Confidence::Certain,
        Some("medium" | "low" | "tentative") => Confidence::Tentative,
        _ => Confidence::Firm,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use probity_value::{FileId, json};

    fn parsed(text: &str) -> Value {
        json::parse(text, FileId::NONE).0
    }

    #[test]
    fn the_most_exact_word_counts() {
        let check = |result: &str, rule: &str, expected: Severity| {
            let (result, rule) = (parsed(result), parsed(rule));
            let level = level(&result, Some(&rule));
            assert_eq!(of(&result, Some(&rule), level), expected, "{result:?} {rule:?}");
        };
        check("{}", "{}", Severity::Medium);
        check(r#"{"level":"error"}"#, "{}", Severity::High);
        check(r#"{"level":"note"}"#, "{}", Severity::Low);
        check(r#"{"level":"none"}"#, "{}", Severity::Info);
        check("{}", r#"{"defaultConfiguration":{"level":"error"}}"#, Severity::High);
        check(r#"{"level":"note"}"#, r#"{"properties":{"security-severity":"9.8"}}"#, Severity::Critical);
        check(r#"{"level":"note"}"#, r#"{"properties":{"security-severity":7}}"#, Severity::High);
        check("{}", r#"{"properties":{"security-severity":"6.9"}}"#, Severity::Medium);
        check("{}", r#"{"properties":{"security-severity":"0.1"}}"#, Severity::Low);
        check(r#"{"level":"error"}"#, r#"{"properties":{"security-severity":"0.0"}}"#, Severity::High);
        check(r#"{"level":"error"}"#, r#"{"properties":{"security-severity":"NaN"}}"#, Severity::High);
        check(r#"{"level":"note"}"#, r#"{"properties":{"tags":["misconfiguration","CRITICAL"]}}"#, Severity::Critical);
        check(r#"{"level":"note"}"#, r#"{"properties":{"tags":["error","info"]}}"#, Severity::Low);
        check("{}", r#"{"properties":{"problem.severity":"recommendation"}}"#, Severity::Low);
        check(r#"{"properties":{"security-severity":"2.0"}}"#, r#"{"properties":{"security-severity":"9.0"}}"#, Severity::Low);
        check(r#"{"properties":{"severity":"HIGH"}}"#, "{}", Severity::High);
    }

    #[test]
    fn levels_and_confidence() {
        let check = |result: &str, expected: &str| assert_eq!(level(&parsed(result), None), expected);
        check(r#"{"kind":"open"}"#, "none");
        check(r#"{"kind":"fail"}"#, "warning");
        check(r#"{"level":"fatal"}"#, "warning");
        let rule = parsed(r#"{"properties":{"precision":"very-high"}}"#);
        assert_eq!(confidence(&parsed("{}"), Some(&rule)), Confidence::Certain);
        assert_eq!(confidence(&parsed(r#"{"properties":{"confidence":"Low"}}"#), Some(&rule)), Confidence::Tentative);
        assert_eq!(confidence(&parsed("{}"), None), Confidence::Firm);
    }
}
