//! Files of advisories as they are published, into a [`Builder`]: OSV records (JSON, YAML, JSON lines), RustSec's Markdown, CISA's
//! catalogue of known exploited vulnerabilities, and EPSS scores.

use probity_value::{FileId, Value, json};

use crate::database::Builder;
use crate::osv::{self, Wrong, seconds};
use crate::rustsec;

/// What a file had.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Taken {
    /// Advisories.
    pub advisories: usize,
    /// Entries of a catalogue of known exploited vulnerabilities.
    pub exploited: usize,
    /// EPSS scores.
    pub likelihoods: usize,
    /// The time of the data, where the file says so: the latest change of a record, or the catalogue's own; seconds since 1970.
    pub date: i64,
    /// What is wrong: the line, 0 where none is to blame, and what.
    pub wrong: Vec<(u32, String)>,
}

/// Whether a file may be one of these by its name. Others are not looked at.
#[must_use]
pub fn claims(path: &str) -> bool {
    let name = path.rsplit('/').next().unwrap_or(path);
    let hidden = name.starts_with('.') || name.eq_ignore_ascii_case("README.md") || name.to_ascii_lowercase().contains("schema");
    !hidden && [".json", ".jsonl", ".yaml", ".yml", ".md", ".csv"].iter().any(|end| name.ends_with(end))
}

/// Takes a file in. `keep` says of an advisory whether it is wanted.
pub fn add(builder: &mut Builder, path: &str, text: &str, keep: &dyn Fn(&crate::Advisory) -> bool) -> Taken {
    let mut out = Taken::default();
    let text = text.strip_prefix('\u{feff}').unwrap_or(text);
    if path.ends_with(".csv") {
        likelihoods(builder, text, &mut out);
    } else if path.ends_with(".md") {
        match rustsec::parse(text, FileId(0)) {
            Ok(advisory) => take(builder, advisory, keep, &mut out),
            // Other Markdown lies beside advisories.
            Err(_) if !text.trim_start().starts_with("```toml") => {}
            Err(wrong) => out.wrong.push((0, wrong.what)),
        }
    } else if path.ends_with(".jsonl") {
        for (number, line) in text.lines().enumerate().filter(|(_, line)| !line.trim().is_empty()) {
            let at = u32::try_from(number + 1).unwrap_or(u32::MAX);
            match osv::parse(line, FileId(0)) {
                Ok((advisory, wrong)) => {
                    out.wrong.extend(wrong.into_iter().map(|wrong| (at, wrong.what)));
                    take(builder, advisory, keep, &mut out);
                }
                Err(wrong) => out.wrong.push((at, wrong.what)),
            }
        }
    } else if path.ends_with(".json") {
        let (value, problems) = json::parse(text, FileId(0));
        if let Some(problem) = problems.into_iter().find(|problem| problem.fatal) {
            out.wrong.push((line_of(text, problem.span.start), problem.message));
        } else if value.get("catalogVersion").is_some() {
            exploited(builder, &value, &mut out);
        } else {
            for one in value.as_list().unwrap_or(std::slice::from_ref(&value)) {
                let read = osv::read(one);
                record(builder, text, read, keep, &mut out);
            }
        }
    } else {
        record(builder, text, osv::parse(text, FileId(0)), keep, &mut out);
    }
    out
}

fn line_of(text: &str, at: u32) -> u32 {
    let before = text.as_bytes().get(..at as usize).unwrap_or(text.as_bytes());
    u32::try_from(before.iter().filter(|byte| **byte == b'\n').count() + 1).unwrap_or(u32::MAX)
}

fn record(
    builder: &mut Builder,
    text: &str,
    read: Result<(crate::Advisory, Vec<Wrong>), Wrong>,
    keep: &dyn Fn(&crate::Advisory) -> bool,
    out: &mut Taken,
) {
    let said = |wrong: Wrong| (if wrong.at.is_none() { 0 } else { line_of(text, wrong.at.start) }, wrong.what);
    match read {
        Ok((advisory, wrong)) => {
            out.wrong.extend(wrong.into_iter().map(said));
            take(builder, advisory, keep, out);
        }
        Err(wrong) => out.wrong.push(said(wrong)),
    }
}

fn take(builder: &mut Builder, advisory: crate::Advisory, keep: &dyn Fn(&crate::Advisory) -> bool, out: &mut Taken) {
    if keep(&advisory) {
        out.advisories += 1;
        out.date = out.date.max(advisory.modified).max(advisory.published);
        builder.add(advisory);
    }
}

/// CISA's catalogue (schema 1.0).
fn exploited(builder: &mut Builder, value: &Value, out: &mut Taken) {
    let text = |value: &Value, key: &str| value.get(key).and_then(Value::as_str).unwrap_or_default().to_owned();
    out.date = seconds(&text(value, "dateReleased"));
    for (position, one) in value.get("vulnerabilities").and_then(Value::as_list).unwrap_or_default().iter().enumerate() {
        let cve = text(one, "cveID");
        if !cve.starts_with("CVE-") {
            out.wrong.push((0, format!("entry {position} of the catalogue has no CVE")));
            continue;
        }
        let ransomware = text(one, "knownRansomwareCampaignUse") == "Known";
        builder.exploited(
            &cve,
            &text(one, "vulnerabilityName"),
            seconds(&text(one, "dateAdded")),
            seconds(&text(one, "dueDate")),
            ransomware,
        );
        out.exploited += 1;
    }
}

/// EPSS scores as FIRST publishes them: comments, a head, then `cve,epss,percentile`.
fn likelihoods(builder: &mut Builder, text: &str, out: &mut Taken) {
    for (number, line) in text.lines().enumerate() {
        let line = line.trim();
        if let Some(comment) = line.strip_prefix('#') {
            if let Some(date) = comment.split("score_date:").nth(1) {
                out.date = seconds(date.get(..10).unwrap_or(date));
            }
            continue;
        }
        if line.is_empty() || line.starts_with("cve,") {
            continue;
        }
        let mut cells = line.split(',');
        let cve = cells.next().unwrap_or_default();
        let mut part = || cells.next().and_then(|cell| cell.trim().parse::<f32>().ok()).filter(|part| (0.0..=1.0).contains(part));
        match (part(), part()) {
            (Some(probability), Some(percentile)) if cve.starts_with("CVE-") => {
                builder.likelihood(cve, probability, percentile);
                out.likelihoods += 1;
            }
            _ => out
                .wrong
                .push((u32::try_from(number + 1).unwrap_or(u32::MAX), "the line is no CVE with a score and a percentile".to_owned())),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn taken(path: &str, text: &str) -> Taken {
        add(&mut Builder::new(0), path, text, &|_| true)
    }

    #[test]
    fn files_are_known_by_what_they_hold() {
        let check = |path: &str, text: &str, expected: (usize, usize, usize)| {
            let taken = taken(path, text);
            assert_eq!((taken.advisories, taken.exploited, taken.likelihoods), expected, "{path}: {:?}", taken.wrong);
            assert_eq!(taken.wrong, []);
        };
        check("a.json", r#"{"id": "X-1"}"#, (1, 0, 0));
        check("a.json", r#"[{"id": "X-1"}, {"id": "X-2"}]"#, (2, 0, 0));
        check("a.jsonl", "{\"id\": \"X-1\"}\n\n{\"id\": \"X-2\"}\n", (2, 0, 0));
        check("a.yaml", "id: X-1\n", (1, 0, 0));
        check("a.md", "# only text\n", (0, 0, 0));
        check(
            "kev.json",
            r#"{"catalogVersion": "1", "dateReleased": "2025-01-02T00:00:00Z", "vulnerabilities": [{"cveID": "CVE-2020-1"}]}"#,
            (0, 1, 0),
        );
        check("epss.csv", "#model_version:v1,score_date:2025-01-02T00:00:00+0000\ncve,epss,percentile\nCVE-2020-1,0.5,0.9\n", (0, 0, 1));
        assert_eq!(taken("epss.csv", "#model_version:v1,score_date:2025-01-02T00:00:00+0000\n").date, 1_735_776_000);
    }

    #[test]
    fn what_is_broken_has_its_line() {
        let check = |path: &str, text: &str, line: u32| {
            let taken = taken(path, text);
            assert_eq!(taken.wrong.first().map(|(line, _)| *line), Some(line), "{path}: {:?}", taken.wrong);
        };
        check("a.json", "{\n\"id\": \n", 3);
        check("a.jsonl", "{\"id\": \"X-1\"}\n{\n", 2);
        check("a.csv", "cve,epss,percentile\nCVE-2020-1,2,0.9\n", 2);
        check("a.json", "{\"id\": \"X-1\",\n\"affected\": [\n{\"package\": {\"ecosystem\": \"npm\"}}]}", 3);
        check("a.md", "```toml\n[advisory\n```\n", 0);
    }

    #[test]
    fn names_tell_what_may_be_read() {
        assert!(claims("crates/x/RUSTSEC-2020-1.md") && claims("a.yaml"));
        assert!(!claims("README.md") && !claims(".hidden.json") && !claims("x_schema.json") && !claims("LICENSE"));
    }
}
