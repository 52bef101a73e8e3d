//! The same fault seen by two scanners is one finding: ours stays, and the other tool's name is written beside it.
//!
//! Two findings are the same fault where their rules know each other's ids (a Checkov result `CKV_AWS_16` and our rule that carries
//! that alias) and they are at the same place: overlapping lines of one file, or lines of the subject ours is about. Rules that only
//! share a CWE are the same on the very same line.

use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::sync::Arc;

use probity_core::{Finding, RuleMeta, Status, SubjectKind};

/// Joins `external` findings (see [`crate::sarif_in::to_findings`]) into `ours`; what is nobody else's is appended. A tool is named by
/// the first part of its rule ids: `checkov`.
///
/// Only faults join: a result that is unknown, passed or not applicable never takes a fault away, nor does one that is covered by an
/// exception. Ours keeps its severity, message and fingerprint; a severity of theirs that is higher is said in the message, and where
/// ours is `unknown`, theirs stays a finding of its own.
#[must_use]
pub fn join(ours: Vec<Finding>, external: Vec<Finding>) -> Vec<Finding> {
    let mut out = ours;
    let mut by_file: HashMap<Arc<str>, Vec<usize>> = HashMap::new();
    for (index, finding) in out.iter().enumerate() {
        note(&mut by_file, finding, index);
    }
    // Which findings each external one may join is looked up by file, so that a large report does not compare everything with everything.
    let mut worse: BTreeMap<usize, BTreeSet<String>> = BTreeMap::new();
    for finding in external {
        let candidates = by_file.get(&finding.at.file).map(Vec::as_slice).unwrap_or_default();
        let same: Vec<usize> =
            candidates.iter().copied().filter(|index| out.get(*index).is_some_and(|one| same_fault(one, &finding))).collect();
        if same.is_empty() {
            note(&mut by_file, &finding, out.len());
            out.push(finding);
            continue;
        }
        let tool = tool_of(&finding);
        for index in same {
            let Some(one) = out.get_mut(index) else { continue };
            if tool_of(one) != tool && !one.also_seen_by.contains(&tool) {
                one.also_seen_by.push(Arc::clone(&tool));
                one.also_seen_by.sort();
            }
            if finding.rule.severity > one.rule.severity {
                worse.entry(index).or_default().insert(format!("{tool} calls it {}", finding.rule.severity));
            }
        }
    }
    for (index, said) in worse {
        if let Some(one) = out.get_mut(index) {
            put!(one.message, " ({})", said.into_iter().collect::<Vec<_>>().join(", "));
        }
    }
    out
}

fn note(by_file: &mut HashMap<Arc<str>, Vec<usize>>, finding: &Finding, index: usize) {
    for file in [&finding.at.file, &finding.subject_at.file] {
        let list = by_file.entry(Arc::clone(file)).or_default();
        if list.last() != Some(&index) {
            list.push(index);
        }
    }
}

/// The name of the tool that found it: the first part of an external rule's id, else `probity`.
fn tool_of(finding: &Finding) -> Arc<str> {
    if finding.subject.kind == SubjectKind::External { Arc::clone(&finding.subject.type_name) } else { Arc::from("probity") }
}

/// Whether `theirs`, of another tool, is the same fault as `ours`.
fn same_fault(ours: &Finding, theirs: &Finding) -> bool {
    let fault = |finding: &Finding| matches!(finding.status, Status::Fail | Status::Warn);
    if !fault(ours) || !fault(theirs) || theirs.exception.is_some() || !ours.counts && ours.exception.is_none() {
        return false;
    }
    let external = ours.subject.kind == SubjectKind::External;
    if external && (tool_of(ours) == tool_of(theirs) || ours.exception.is_some()) {
        // Two results of one tool are two faults, unless it reported one twice.
        return tool_of(ours) == tool_of(theirs) && ours.exception.is_none() && is_repeated(ours, theirs);
    }
    let near = overlaps(ours, theirs) || !external && within_subject(ours, theirs);
    near && (same_rule(&ours.rule, &theirs.rule) || ours.at.line == theirs.at.line && same_weakness(&ours.rule, &theirs.rule))
}

/// The very same result of one tool, given twice (two runs over the same files).
fn is_repeated(one: &Finding, other: &Finding) -> bool {
    one.rule.id == other.rule.id && one.at == other.at && one.message == other.message
}

/// Whether the two rules know each other's ids.
fn same_rule(ours: &RuleMeta, theirs: &RuleMeta) -> bool {
    let known = |alias: &Arc<str>| !is_weakness(alias) && ours.answers_to(alias);
    theirs.aliases.iter().any(known) || ours.answers_to(&theirs.id) || theirs.answers_to(&ours.id)
}

/// Whether the two rules name the same CWE. That is a class of faults and not one fault, so it counts only on the very same line.
fn same_weakness(ours: &RuleMeta, theirs: &RuleMeta) -> bool {
    theirs.aliases.iter().any(|alias| is_weakness(alias) && ours.answers_to(alias))
}

fn is_weakness(id: &str) -> bool {
    id.get(..4).is_some_and(|start| start.eq_ignore_ascii_case("CWE-"))
}

fn overlaps(one: &Finding, other: &Finding) -> bool {
    let (a, b) = (&one.at, &other.at);
    a.file == b.file && a.line > 0 && b.line > 0 && a.line <= b.end_line.max(b.line) && b.line <= a.end_line.max(a.line)
}

/// Whether their line lies in the subject ours is about, or ours is about the whole file.
fn within_subject(ours: &Finding, theirs: &Finding) -> bool {
    let (block, at) = (&ours.subject_at, &theirs.at);
    block.file == at.file && (block.line == 0 || at.line >= block.line && at.line <= block.end_line.max(block.line))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::sample;
    use probity_core::{ExceptionRef, Place, Severity};
    use probity_value::Span;

    fn place(file: &str, line: u32, end_line: u32) -> Place {
        Place { file: file.into(), line, column: 1, end_line, end_column: 2, span: Span::NONE }
    }

    fn ours(line: u32) -> Finding {
        let mut finding = sample::finding(
            sample::rule("aws-rds-instance-unencrypted", Severity::High),
            "aws_db_instance.main",
            place("db.tf", line, line),
            "m",
        );
        finding.subject_at = place("db.tf", 1, 9);
        finding
    }

    fn theirs(tool: &str, id: &str, aliases: &[&str], at: Place) -> Finding {
        let mut rule = sample::rule(&format!("{tool}/{id}"), Severity::High);
        rule.engine = "sarif";
        rule.aliases = std::iter::once(id).chain(aliases.iter().copied()).map(Arc::from).collect();
        let mut finding = sample::finding(rule, "db.tf", at, "their words");
        finding.subject.kind = SubjectKind::External;
        finding.subject.type_name = tool.into();
        finding
    }

    /// Joins and shows each finding left as `rule + tools`.
    fn check(ours: Vec<Finding>, external: Vec<Finding>, expected: &[&str]) {
        let rows: Vec<String> = join(ours, external)
            .iter()
            .map(|finding| {
                std::iter::once(&finding.rule.id).chain(&finding.also_seen_by).map(|text| &**text).collect::<Vec<_>>().join(" + ")
            })
            .collect();
        assert_eq!(rows, expected);
    }

    #[test]
    fn an_alias_in_the_same_block_joins() {
        let checkov = |line, end| theirs("checkov", "CKV_AWS_16", &[], place("db.tf", line, end));
        check(vec![ours(3)], vec![checkov(1, 9)], &["aws-rds-instance-unencrypted + checkov"]);
        check(vec![ours(3)], vec![checkov(5, 5)], &["aws-rds-instance-unencrypted + checkov"]);
        check(vec![ours(3)], vec![checkov(10, 12)], &["aws-rds-instance-unencrypted", "checkov/CKV_AWS_16"]);
        check(
            vec![ours(3)],
            vec![theirs("checkov", "CKV_AWS_17", &[], place("db.tf", 3, 3))],
            &["aws-rds-instance-unencrypted", "checkov/CKV_AWS_17"],
        );
        check(
            vec![ours(3)],
            vec![theirs("checkov", "CKV_AWS_16", &[], place("x.tf", 3, 3))],
            &["aws-rds-instance-unencrypted", "checkov/CKV_AWS_16"],
        );
        let trivy = theirs("trivy", "AWS-0080", &["AVD-AWS-0080"], place("db.tf", 3, 3));
        check(vec![ours(3)], vec![checkov(1, 9), trivy], &["aws-rds-instance-unencrypted + checkov + trivy"]);
    }

    #[test]
    fn two_tools_with_one_weakness_at_one_line_join() {
        let at = |line| place("a.py", line, line);
        let semgrep = || theirs("semgrep", "sql", &["CWE-89"], at(7));
        check(vec![], vec![semgrep(), theirs("codeql", "py/sql", &["CWE-89"], at(7))], &["semgrep/sql + codeql"]);
        check(vec![], vec![semgrep(), theirs("codeql", "py/sql", &["CWE-89"], at(8))], &["semgrep/sql", "codeql/py/sql"]);
        check(vec![], vec![semgrep(), theirs("codeql", "py/sql", &["CWE-79"], at(7))], &["semgrep/sql", "codeql/py/sql"]);
        check(vec![], vec![semgrep(), theirs("semgrep", "sql2", &["CWE-89"], at(7))], &["semgrep/sql", "semgrep/sql2"]);
        check(vec![], vec![semgrep(), semgrep()], &["semgrep/sql"]);
    }

    #[test]
    fn a_class_of_weakness_joins_only_on_its_line() {
        let mine = || {
            let mut finding = ours(3);
            let mut rule = (*finding.rule).clone();
            rule.aliases.push("CWE-311".into());
            finding.rule = Arc::new(rule);
            finding
        };
        let other = |line, end| theirs("kics", "x", &["CWE-311"], place("db.tf", line, end));
        check(vec![mine()], vec![other(3, 3)], &["aws-rds-instance-unencrypted + kics"]);
        check(vec![mine()], vec![other(5, 5)], &["aws-rds-instance-unencrypted", "kics/x"]);
        check(vec![mine()], vec![other(1, 9)], &["aws-rds-instance-unencrypted", "kics/x"]);
    }

    #[test]
    fn instances_are_all_marked() {
        check(
            vec![ours(3), ours(3)],
            vec![theirs("checkov", "ckv_aws_16", &[], place("db.tf", 1, 9))],
            &["aws-rds-instance-unencrypted + checkov", "aws-rds-instance-unencrypted + checkov"],
        );
    }

    #[test]
    fn what_is_no_fault_takes_none_away() {
        let external = || theirs("checkov", "CKV_AWS_16", &[], place("db.tf", 1, 9));
        for status in [Status::Unknown, Status::Pass, Status::Skip, Status::Error, Status::NotApplicable] {
            let mut mine = ours(3);
            mine.status = status;
            check(vec![mine], vec![external()], &["aws-rds-instance-unencrypted", "checkov/CKV_AWS_16"]);
            let mut other = external();
            other.status = status;
            check(vec![ours(3)], vec![other], &["aws-rds-instance-unencrypted", "checkov/CKV_AWS_16"]);
        }
        let mut suppressed = external();
        suppressed.exception =
            Some(ExceptionRef { source: "checkov".into(), id: "x".into(), kind: None, reason: "".into(), by: None, expires: None });
        check(vec![ours(3)], vec![suppressed], &["aws-rds-instance-unencrypted", "checkov/CKV_AWS_16"]);
    }

    #[test]
    fn a_higher_severity_is_said_and_ours_kept() {
        let mut external = theirs("checkov", "CKV_AWS_16", &[], place("db.tf", 1, 9));
        let mut rule = (*external.rule).clone();
        rule.severity = Severity::Critical;
        external.rule = Arc::new(rule);
        let joined = join(vec![ours(3)], vec![external]);
        assert_eq!((joined[0].rule.severity, joined[0].message.as_str()), (Severity::High, "m (checkov calls it critical)"));
    }

    #[test]
    fn places_without_a_line_do_not_overlap() {
        let external = |line| theirs("semgrep", "x", &["CWE-1"], place("a.py", line, line));
        check(vec![], vec![external(0), theirs("codeql", "y", &["CWE-1"], place("a.py", 0, 0))], &["semgrep/x", "codeql/y"]);
    }
}
