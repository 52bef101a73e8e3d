//! Records of the Open Source Vulnerability format (<https://ossf.github.io/osv-schema/>), as JSON or YAML.

use std::cmp::Ordering;

use probity_value::{FileId, Span, Value, json, yaml};

use crate::advisory::{Advisory, Affected, End, Interval, score_of_vector, severity_of_score, severity_of_word};
use crate::version::{Order, sort};

/// Most letters kept of a text.
pub(crate) const LONGEST_TEXT: usize = 1200;
/// Most single versions of one package kept.
const MOST_VERSIONS: usize = 20_000;

/// Something that is wrong with a record.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Wrong {
    /// Where.
    pub at: Span,
    /// What: lower case, no full stop.
    pub what: String,
    /// Whether the record, or part of it, is left out because of it.
    pub lost: bool,
}

/// Reads one record from text: JSON, or YAML.
///
/// # Errors
/// What keeps it from being a record. What is wrong with a part of it comes beside the record.
pub fn parse(text: &str, file: FileId) -> Result<(Advisory, Vec<Wrong>), Wrong> {
    let lost = |at: Span, what: String| Wrong { at, what, lost: true };
    let value = if text.trim_start().starts_with('{') {
        let (value, problems) = json::parse(text, file);
        match problems.into_iter().find(|problem| problem.fatal) {
            Some(problem) => return Err(lost(problem.span, problem.message)),
            None => value,
        }
    } else {
        let (documents, problems) = yaml::parse(text, file);
        if let Some(problem) = problems.into_iter().find(|problem| problem.fatal) {
            return Err(lost(problem.span, problem.message));
        }
        match documents.into_iter().next() {
            Some(document) => document.value,
            None => return Err(lost(Span::NONE, "the file is empty".to_owned())),
        }
    };
    read(&value)
}

fn text(value: Option<&Value>) -> String {
    value.and_then(Value::as_str).unwrap_or_default().to_owned()
}

fn texts(value: Option<&Value>) -> Vec<String> {
    value.and_then(Value::as_list).unwrap_or_default().iter().filter_map(Value::as_str).map(str::to_owned).collect()
}

/// At most so many letters, with a mark where some are cut.
pub(crate) fn shortened(text: &str, most: usize) -> String {
    match text.char_indices().nth(most) {
        Some((at, _)) => format!("{} ...", text.get(..at).unwrap_or_default().trim_end()),
        None => text.to_owned(),
    }
}

/// A time of RFC 3339, or a day, in seconds since 1970; 0 where it is neither or before 1970.
pub(crate) fn seconds(text: &str) -> i64 {
    let time = text.parse::<jiff::Timestamp>().ok().or_else(|| format!("{}T00:00:00Z", text.get(..10)?).parse().ok());
    time.map_or(0, |time| time.as_second().max(0))
}

/// Reads one record.
///
/// # Errors
/// As [`parse`].
pub fn read(value: &Value) -> Result<(Advisory, Vec<Wrong>), Wrong> {
    let mut wrong = Vec::new();
    let id = text(value.get("id"));
    let good = |id: &str| !id.is_empty() && id.len() <= 128 && id.chars().all(|letter| letter.is_ascii_graphic());
    if !good(&id) {
        return Err(Wrong { at: value.span, what: "the record has no id".to_owned(), lost: true });
    }
    let ids = |key: &str| texts(value.get(key)).into_iter().filter(|id| good(id)).collect::<Vec<_>>();
    let mut related = ids("related");
    related.extend(ids("upstream"));
    let specific = value.get("database_specific");
    let details = text(value.get("details"));
    let summary = match text(value.get("summary")) {
        summary if summary.is_empty() => first_line(&details),
        summary => summary,
    };
    let mut out = Advisory {
        id: id.clone(),
        aliases: ids("aliases").into_iter().filter(|alias| *alias != id).collect(),
        related,
        summary: shortened(summary.trim(), 240),
        details: shortened(details.trim(), LONGEST_TEXT),
        published: seconds(&text(value.get("published"))),
        modified: seconds(&text(value.get("modified"))),
        withdrawn: value.get("withdrawn").is_some_and(|value| !value.is_null()),
        cwes: texts(specific.and_then(|specific| specific.get("cwe_ids"))),
        references: value
            .get("references")
            .and_then(Value::as_list)
            .unwrap_or_default()
            .iter()
            .map(|one| text(one.get("url")))
            .filter(|url| url.starts_with("https://") || url.starts_with("http://"))
            .take(12)
            .collect(),
        ..Advisory::default()
    };
    out.malicious = id.starts_with("MAL-")
        || specific.is_some_and(|specific| specific.get("malicious-packages-origins").is_some())
        || out.cwes.iter().any(|cwe| cwe == "CWE-506");
    score(&mut out, value.get("severity"), specific);
    for affected in value.get("affected").and_then(Value::as_list).unwrap_or_default() {
        if out.vector.is_none() && out.severity.is_none() {
            score(&mut out, affected.get("severity"), affected.get("ecosystem_specific"));
        }
        let package = affected.get("package");
        let (ecosystem, name) = (text(package.and_then(|one| one.get("ecosystem"))), text(package.and_then(|one| one.get("name"))));
        if ecosystem.is_empty() || name.is_empty() {
            // Records about commits alone name no package.
            if package.is_some() {
                wrong.push(Wrong { at: affected.span, what: format!("`{id}` affects a package without name or ecosystem"), lost: true });
            }
            continue;
        }
        let one = package_of(&id, ecosystem, name, affected, &mut wrong);
        out.affected.push(one);
    }
    Ok((out, wrong))
}

fn first_line(text: &str) -> String {
    text.lines().map(str::trim).find(|line| !line.is_empty()).unwrap_or_default().trim_start_matches(['#', '*', ' ']).to_owned()
}

/// The worst of the vectors, newest kind first; else the database's own word.
fn score(out: &mut Advisory, severity: Option<&Value>, specific: Option<&Value>) {
    let mut vectors: Vec<(String, f64)> = severity
        .and_then(Value::as_list)
        .unwrap_or_default()
        .iter()
        .map(|one| text(one.get("score")))
        .filter_map(|vector| score_of_vector(&vector).map(|score| (vector, score)))
        .collect();
    vectors.sort_by(|a, b| a.1.total_cmp(&b.1));
    if let Some((vector, score)) = vectors.pop() {
        out.severity = Some(severity_of_score(score));
        out.vector = Some(vector);
        out.score = Some(score);
    }
    let word = specific.and_then(|specific| specific.get("severity")).and_then(Value::as_str).or_else(|| {
        let list = severity.and_then(Value::as_list).unwrap_or_default();
        list.iter().find_map(|one| one.get("score").and_then(Value::as_str))
    });
    // Distributions begin their titles with it: `Important: bind security update`.
    let word = word.or_else(|| out.summary.split_once(": ").map(|(word, _)| word));
    // The database may know better than the vector, but never milder.
    out.severity = out.severity.max(word.and_then(severity_of_word));
}

fn package_of(id: &str, ecosystem: String, name: String, affected: &Value, wrong: &mut Vec<Wrong>) -> Affected {
    let order = Order::of_ecosystem(&ecosystem);
    let mut out = Affected { ecosystem, name, ..Affected::default() };
    let mut commits = false;
    for range in affected.get("ranges").and_then(Value::as_list).unwrap_or_default() {
        let order = match range.get("type").and_then(Value::as_str) {
            Some("ECOSYSTEM") => order,
            Some("SEMVER") => Order::Semver,
            Some("GIT") => {
                commits = true;
                continue;
            }
            other => {
                let what = format!("`{id}` has a range of the kind `{}` for `{}`", other.unwrap_or_default(), out.name);
                wrong.push(Wrong { at: range.span, what, lost: true });
                continue;
            }
        };
        let events = range.get("events").and_then(Value::as_list).unwrap_or_default();
        match intervals(events, order) {
            Ok(intervals) => out.intervals.extend(intervals),
            Err(what) => {
                wrong.push(Wrong {
                    at: range.span,
                    what: format!("`{id}` has a range for `{}` that means nothing: {what}", out.name),
                    lost: true,
                });
            }
        }
    }
    out.versions = texts(affected.get("versions"));
    if out.versions.len() > MOST_VERSIONS {
        wrong.push(Wrong {
            at: affected.span,
            what: format!("`{id}` lists more than {MOST_VERSIONS} versions of `{}`", out.name),
            lost: true,
        });
        out.versions.truncate(MOST_VERSIONS);
    }
    out.versions.sort();
    out.versions.dedup();
    out.commits_only = commits && out.intervals.is_empty() && out.versions.is_empty();
    if out.intervals.is_empty() && out.versions.is_empty() && !commits {
        // The specification lets nothing at all mean nothing; such a record would never match.
        wrong.push(Wrong { at: affected.span, what: format!("`{id}` names no version of `{}`", out.name), lost: true });
    }
    out
}

/// Ranges of the events, which may come in any order.
fn intervals(events: &[Value], order: Order) -> Result<Vec<Interval>, String> {
    #[derive(Clone, Copy, PartialEq, Eq)]
    enum Kind {
        Fixed,
        Introduced,
        Last,
    }
    let mut list: Vec<(Kind, String)> = Vec::new();
    for event in events {
        for (key, entry) in event.as_map().into_iter().flat_map(|map| map.iter()) {
            let version = entry.value.as_str().map(str::to_owned).or_else(|| entry.value.as_int().map(|number| number.to_string()));
            let Some(version) = version.filter(|version| !version.is_empty()) else { return Err(format!("`{key}` names no version")) };
            match &**key {
                "introduced" => list.push((Kind::Introduced, version)),
                "fixed" => list.push((Kind::Fixed, version)),
                "last_affected" => list.push((Kind::Last, version)),
                // Only ranges of commits are limited.
                "limit" => {}
                other => return Err(format!("`{other}` is no event")),
            }
        }
    }
    if !list.iter().any(|(kind, _)| *kind == Kind::Introduced) {
        return Err("nothing says where it begins".to_owned());
    }
    let compare = |one: &str, other: &str| match (one, other) {
        ("0", "0") => Ordering::Equal,
        ("0", _) => Ordering::Less,
        (_, "0") => Ordering::Greater,
        _ => order.compare(one, other),
    };
    // At one version, what ends comes before what begins, and a last affected version after both.
    let list = sort(list, &|a, b| compare(&a.1, &b.1).then_with(|| (a.0 as u8).cmp(&(b.0 as u8))));
    let mut out = Vec::new();
    let mut begun: Option<String> = None;
    for (kind, version) in list {
        match (kind, begun.take()) {
            (Kind::Introduced, None) => begun = Some(version),
            (Kind::Introduced, open) => begun = open,
            (Kind::Fixed, Some(introduced)) => out.push(Interval { introduced, end: End::Fixed(version) }),
            (Kind::Last, Some(introduced)) => out.push(Interval { introduced, end: End::Last(version) }),
            // An end that ends nothing: another branch is mended by it already.
            (Kind::Fixed | Kind::Last, None) => {}
        }
    }
    if let Some(introduced) = begun {
        out.push(Interval { introduced, end: End::Open });
    }
    Ok(out)
}

#[cfg(test)]
mod tests {
    use super::*;
    use probity_core::Severity;

    fn record(affected: &str) -> Result<(Advisory, Vec<Wrong>), Wrong> {
        parse(&format!(r#"{{"id": "X-1", "affected": [{affected}]}}"#), FileId::NONE)
    }

    fn shown(intervals: &[Interval]) -> String {
        let one = |one: &Interval| match &one.end {
            End::Fixed(version) => format!("[{}, {version})", one.introduced),
            End::Last(version) => format!("[{}, {version}]", one.introduced),
            End::Open => format!("[{}, ", one.introduced),
        };
        intervals.iter().map(one).collect::<Vec<_>>().join(" ")
    }

    #[test]
    fn events_become_ranges() {
        let check = |events: &str, expected: &str| {
            let text =
                format!(r#"{{"package": {{"ecosystem": "npm", "name": "a"}}, "ranges": [{{"type": "SEMVER", "events": {events}}}]}}"#);
            let (advisory, wrong) = record(&text).unwrap();
            let wrong: Vec<String> = wrong.into_iter().map(|one| one.what).collect();
            assert_eq!(format!("{}{}", shown(&advisory.affected[0].intervals), wrong.join("; ")), expected, "{events}");
        };
        check(r#"[{"introduced": "0"}, {"fixed": "1.2.3"}]"#, "[0, 1.2.3)");
        check(r#"[{"fixed": "1.10.0"}, {"introduced": "1.9.0"}]"#, "[1.9.0, 1.10.0)");
        check(r#"[{"introduced": "1.0.0"}, {"last_affected": "1.5.0"}, {"introduced": "2.0.0"}]"#, "[1.0.0, 1.5.0] [2.0.0, ");
        check(r#"[{"introduced": "0"}, {"introduced": "1.0.0"}, {"fixed": "1.1.0"}]"#, "[0, 1.1.0)");
        check(
            r#"[{"introduced": "2.0.0"}, {"fixed": "2.0.1"}, {"introduced": "2.0.1"}, {"fixed": "2.0.2"}]"#,
            "[2.0.0, 2.0.1) [2.0.1, 2.0.2)",
        );
        check(r#"[{"introduced": "0", "fixed": "1.0.0"}]"#, "[0, 1.0.0)");
        let nothing = "; `X-1` names no version of `a`";
        check(r#"[{"fixed": "1.0.0"}]"#, &format!("`X-1` has a range for `a` that means nothing: nothing says where it begins{nothing}"));
        check(r#"[{"introduced": ""}]"#, &format!("`X-1` has a range for `a` that means nothing: `introduced` names no version{nothing}"));
        check(r#"[{"begun": "1"}]"#, &format!("`X-1` has a range for `a` that means nothing: `begun` is no event{nothing}"));
    }

    #[test]
    fn the_worst_word_counts() {
        let check = |parts: &str, severity: Option<Severity>, score: Option<f64>| {
            let (advisory, _) = parse(&format!(r#"{{"id": "X-1", {parts}}}"#), FileId::NONE).unwrap();
            assert_eq!((advisory.severity, advisory.score), (severity, score), "{parts}");
        };
        let vector = r#""severity": [{"type": "CVSS_V3", "score": "CVSS:3.1/AV:N/AC:L/PR:N/UI:N/S:U/C:N/I:N/A:H"}]"#;
        check(vector, Some(Severity::High), Some(7.5));
        check(&format!(r#"{vector}, "database_specific": {{"severity": "CRITICAL"}}"#), Some(Severity::Critical), Some(7.5));
        check(&format!(r#"{vector}, "database_specific": {{"severity": "LOW"}}"#), Some(Severity::High), Some(7.5));
        check(r#""database_specific": {"severity": "MODERATE"}"#, Some(Severity::Medium), None);
        check(r#""severity": [{"type": "Ubuntu", "score": "negligible"}]"#, Some(Severity::Info), None);
        check(r#""summary": "x""#, None, None);
    }

    #[test]
    fn malicious_packages_are_known() {
        let check = |text: &str, expected: bool| assert_eq!(parse(text, FileId::NONE).unwrap().0.malicious, expected, "{text}");
        check(r#"{"id": "MAL-2024-1"}"#, true);
        check(r#"{"id": "GHSA-1", "database_specific": {"cwe_ids": ["CWE-506"]}}"#, true);
        check(r#"{"id": "GHSA-1", "database_specific": {"cwe_ids": ["CWE-79"]}}"#, false);
    }

    #[test]
    fn what_is_no_record_is_said() {
        let check = |text: &str| assert!(parse(text, FileId::NONE).is_err(), "{text}");
        check("");
        check("{");
        check("[]");
        check(r#"{"id": ""}"#);
        check(r#"{"id": "a b"}"#);
        check("id: [");
        assert_eq!(parse("id: X-1\nmodified: 2020-01-02T03:04:05Z\n", FileId::NONE).unwrap().0.modified, 1_577_934_245);
    }

    #[test]
    fn commits_alone_are_not_nothing() {
        let (advisory, wrong) =
            record(r#"{"package": {"ecosystem": "OSS-Fuzz", "name": "a"}, "ranges": [{"type": "GIT", "events": [{"introduced": "0"}]}]}"#)
                .unwrap();
        assert!(advisory.affected[0].commits_only);
        assert_eq!(wrong, []);
    }
}
