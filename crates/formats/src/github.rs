//! GitHub workflow commands (`::error file=...::message`), which the runner turns into annotations.
//!
//! A step shows at most ten errors, ten warnings and ten notices, so the most severe come first and the last notice says how many are
//! not shown.

use probity_core::{Colour, Finding, Report, Severity, Status};

use crate::{escape, mask, order, uri};

/// Annotations of one level that a step shows.
const MOST_PER_LEVEL: usize = 10;
/// Longest message and title, in characters before escaping: far below the runner's limit of 64 KiB.
const LONGEST_MESSAGE: usize = 2_000;
const LONGEST_TITLE: usize = 200;

/// The report as workflow commands, one a line. `prefix` is the path of the target within the repository, empty for its top.
#[must_use]
pub fn write(report: &Report, prefix: &str) -> String {
    let mut out = String::new();
    let mut left = 0_usize;
    // One notice and one error are kept for what is said about the whole.
    let mut room = [("error", MOST_PER_LEVEL - 1), ("warning", MOST_PER_LEVEL), ("notice", MOST_PER_LEVEL - 1)];
    for file in report.coverage.skipped.iter().filter(|file| file.fails) {
        if take(&mut room, "error", 1, &mut left) {
            let path = uri::below(prefix, &file.file);
            command(&mut out, "error", &path, None, "file not read", &format!("{}: the verdict fails closed", file.why));
        }
    }
    let shown = order::most_severe_first(report.findings.iter().filter(|finding| order::asks(finding)));
    for group in order::groups(&shown) {
        let Some(level) = group.first().map(|finding| level(finding)) else { continue };
        if take(&mut room, level, group.len(), &mut left) {
            annotation(&mut out, level, &group, prefix);
        }
    }
    summary(&mut out, report, left);
    out
}

fn take(room: &mut [(&'static str, usize); 3], level: &str, findings: usize, left: &mut usize) -> bool {
    match room.iter_mut().find(|(name, count)| *name == level && *count > 0) {
        Some((_, count)) => {
            *count -= 1;
            true
        }
        None => {
            *left += findings;
            false
        }
    }
}

fn level(finding: &Finding) -> &'static str {
    match (finding.status, finding.rule.severity) {
        (Status::Error, _) => "error",
        (Status::Unknown, _) | (_, Severity::Info) => "notice",
        (_, Severity::Critical | Severity::High) => "error",
        (_, Severity::Medium | Severity::Low) => "warning",
    }
}

/// Columns are only taken where they are on one line.
type Region = (u32, u32, u32, u32);

fn command(out: &mut String, level: &str, file: &str, region: Option<Region>, title: &str, message: &str) {
    put!(out, "::{level} file={}", escape::github_property(file));
    if let Some((line, column, end_line, end_column)) = region {
        put!(out, ",line={line},endLine={}", end_line.max(line));
        if end_line == line && end_column > column && column > 0 {
            put!(out, ",col={column},endColumn={end_column}");
        }
    }
    let title = escape::cut(title, LONGEST_TITLE);
    let message = escape::cut(message, LONGEST_MESSAGE);
    put!(out, ",title={}::{}\n", escape::github_property(&title), escape::github_message(&message));
}

/// One annotation for the instances of one fault.
fn annotation(out: &mut String, level: &str, group: &[&Finding], prefix: &str) {
    let Some(finding) = group.first() else { return };
    let rule = &finding.rule;
    let at = &finding.at;
    let region = (at.line > 0).then_some((at.line, at.column, at.end_line, at.end_column));
    let title = format!("{}: {}", order::word(finding), rule.title);
    let mut message = format!("{}: {}", finding.subject.id, mask::text(&finding.message));
    for step in &finding.origin {
        put!(message, "; from {}, {}:{}", step.what, step.at.file, step.at.line);
    }
    if group.len() > 1 {
        put!(message, "; also {}", order::others(group, 3));
    }
    let fix = rule.fix_for(&finding.subject.type_name);
    if !fix.is_empty() {
        put!(message, "; fix: {fix}");
    }
    put!(message, " ({})", rule.id);
    command(out, level, &uri::below(prefix, &at.file), region, &title, &message);
}

/// The last line: the verdict, and how many annotations are not shown.
fn summary(out: &mut String, report: &Report, left: usize) {
    let mut text = String::new();
    let mut level = "notice";
    if let Some(verdict) = &report.verdict {
        put!(text, "verdict {}", verdict.colour.map_or("could not be decided", Colour::as_str));
        if !verdict.permitted {
            level = "error";
        }
        for because in verdict.because.iter().take(3) {
            put!(text, "; {because}");
        }
        if report.evidence.is_none() {
            text.push_str("; not recorded: there is no evidence of this verdict");
        }
    }
    if left > 0 {
        put!(
            text,
            "{}{left} more findings are not shown here, the log and the report have them all",
            if text.is_empty() { "" } else { "; " }
        );
    }
    if !text.is_empty() {
        put!(out, "::{level} title=Probity::{}\n", escape::github_message(&escape::cut(&text, LONGEST_MESSAGE)));
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::sample;

    #[test]
    fn a_red_gate() {
        let (report, _) = sample::report();
        insta::assert_snapshot!(write(&report, "infra"), @r#"
        ::error file=infra/broken.tf,title=file not read::expected an expression: the verdict fails closed
        ::error file=infra/db/db.tf,line=3,endLine=3,col=23,endColumn=36,title=high%3A RDS instance stores its data unencrypted::module.db["eu"].aws_db_instance.main: `storage_encrypted` is `false`; from default of `var.encrypted`, db/variables.tf:3; also module.db["us"].aws_db_instance.main; fix: Set `storage_encrypted = true`; an existing instance has to be restored from an encrypted snapshot copy. (aws-rds-instance-unencrypted)
        ::notice file=infra/db/db.tf,line=1,endLine=1,col=1,endColumn=34,title=unknown%3A RDS instance is reachable from the internet::module.db["eu"].aws_db_instance.main: variable `public` has no value; a `.tfvars` file with it would decide; fix: Set `storage_encrypted = true`; an existing instance has to be restored from an encrypted snapshot copy. (aws-rds-instance-public)
        ::error title=Probity::verdict red; 2 findings are high or worse
        "#);
    }

    #[test]
    fn a_green_gate_says_so() {
        assert_eq!(write(&sample::green().0, ""), "::notice title=Probity::verdict green\n");
        let (mut report, _) = sample::green();
        report.verdict = None;
        assert_eq!(write(&report, ""), "");
    }

    #[test]
    fn no_more_than_the_runner_shows_and_the_worst_first() {
        let (mut report, _) = sample::report();
        report.coverage.skipped.clear();
        let first = report.findings[0].clone();
        report.findings = (0..100)
            .map(|number| {
                let mut one = first.clone();
                let severity = Severity::ALL[number % 5];
                one.rule = std::sync::Arc::new(sample::rule(&format!("rule-{number}"), severity));
                one.counts = true;
                one.status = Status::Fail;
                one
            })
            .collect();
        let text = write(&report, "");
        let count = |level: &str| text.lines().filter(|line| line.starts_with(&format!("::{level} "))).count();
        assert_eq!((count("error"), count("warning"), count("notice")), (10, 10, 9));
        assert!(text.lines().take(9).all(|line| line.contains("title=critical%3A")), "{text}");
        assert!(text.lines().last().unwrap().contains("72 more findings are not shown"), "{text}");
        assert_eq!(28 + 72, 100);
    }

    #[test]
    fn hostile_text_starts_no_command_and_ends_no_property() {
        let (report, _) = sample::hostile();
        let text = write(&report, sample::HOSTILE);
        assert!(!text.chars().any(|letter| letter != '\n' && escape::is_deceptive(letter)));
        for line in text.lines() {
            let rest = ["::error ", "::warning ", "::notice "].iter().find_map(|start| line.strip_prefix(start)).expect(line);
            let (properties, _) = rest.split_once("::").unwrap();
            for property in properties.split(',') {
                let (name, _) = property.split_once('=').unwrap();
                assert!(["file", "line", "endLine", "col", "endColumn", "title"].contains(&name), "{line}");
            }
        }
    }

    #[test]
    fn messages_are_cut() {
        let (mut report, _) = sample::report();
        for finding in &mut report.findings {
            finding.message = "x".repeat(100_000);
        }
        assert!(write(&report, "").lines().all(|line| line.len() < 8_000));
    }
}
