//! The same fault seen by two scanners is one finding: ours stays, and the other tool's name is written beside it.
//!
//! Two findings are the same fault where their rules know each other's ids (a Checkov result `CKV_AWS_16` and our rule that carries
//! that alias) and they are at the same place: overlapping lines of one file, or lines of the subject ours is about. Rules that only
//! share a CWE are the same on the very same line. A hole in a package is known by the package: the same advisory for one package in
//! one file (or image) is the same fault whatever the line, and so is the same id for one URL or one resource of a cloud.

use std::collections::{BTreeMap, BTreeSet, HashMap, HashSet};
use std::sync::Arc;

use probity_core::{Finding, Place, RuleMeta, Status, SubjectKind};

/// Joins `external` findings (see [`crate::sarif_in::to_findings`]) into `ours`; what is nobody else's is appended. A tool is named by
/// the first part of its rule ids: `checkov`.
///
/// Only faults join: a result that is unknown, passed or not applicable never takes a fault away, nor does one that is covered by an
/// exception. Ours keeps its severity, message and fingerprint; a severity of theirs that is higher is said in the message, and where
/// ours is `unknown`, theirs stays a finding of its own.
#[must_use]
pub fn join(ours: Vec<Finding>, external: Vec<Finding>) -> Vec<Finding> {
    let mut out = ours;
    let mut index = Index::default();
    for (position, finding) in out.iter().enumerate() {
        index.note(finding, position);
    }
    let mut worse: BTreeMap<usize, BTreeSet<String>> = BTreeMap::new();
    for finding in external {
        if finding.exception.is_none() && !index.given.insert(Given::of(&finding)) {
            // The very same result of one tool, given twice: two runs over the same files.
            continue;
        }
        let same = index.same_faults(&finding, &out);
        if same.is_empty() {
            index.note(&finding, out.len());
            out.push(finding);
            continue;
        }
        let tool = tool_of(&finding);
        for position in same {
            let Some(one) = out.get_mut(position) else { continue };
            if !one.also_seen_by.contains(&tool) {
                one.also_seen_by.push(Arc::clone(&tool));
                one.also_seen_by.sort();
            }
            if finding.rule.severity > one.rule.severity {
                worse.entry(position).or_default().insert(format!("{tool} calls it {}", finding.rule.severity));
            }
        }
    }
    for (position, said) in worse {
        if let Some(one) = out.get_mut(position) {
            put!(one.message, " ({})", said.into_iter().collect::<Vec<_>>().join(", "));
        }
    }
    out
}

/// Comparisons one call makes; results that come after are not joined, which hides nothing.
const MOST_COMPARISONS: usize = 20_000_000;

/// Findings by file and by every id their rules answer to, each list by first line.
#[derive(Default)]
struct Index {
    places: HashMap<Arc<str>, HashMap<String, Lines>>,
    given: HashSet<Given>,
    comparisons: usize,
}

/// Findings of one id in one file.
#[derive(Default)]
struct Lines {
    by_first: BTreeMap<u32, Vec<usize>>,
    /// Most lines one of them covers: how far before a line its finding may begin.
    longest: u32,
}

/// What makes two results of one tool the very same.
#[derive(PartialEq, Eq, Hash)]
struct Given {
    rule: Arc<str>,
    file: Arc<str>,
    lines: [u32; 4],
    message: String,
    status: Status,
}

impl Given {
    fn of(finding: &Finding) -> Given {
        let at = &finding.at;
        Given {
            rule: Arc::clone(&finding.rule.id),
            file: Arc::clone(&at.file),
            lines: [at.line, at.column, at.end_line, at.end_column],
            message: finding.message.clone(),
            status: finding.status,
        }
    }
}

impl Index {
    fn note(&mut self, finding: &Finding, position: usize) {
        let (at, block) = (&finding.at, &finding.subject_at);
        let mut add = |file: &Arc<str>, first: u32, last: u32| {
            let ids = self.places.entry(Arc::clone(file)).or_default();
            for id in ids_of(&finding.rule) {
                let lines = ids.entry(id).or_default();
                lines.longest = lines.longest.max(last.saturating_sub(first));
                lines.by_first.entry(first).or_default().push(position);
            }
        };
        // A subject that is a whole file covers every line.
        let last = |place: &Place| if place.line == 0 { u32::MAX } else { place.end_line.max(place.line) };
        add(&at.file, at.line, last(at));
        if finding.subject.kind != SubjectKind::External && (block.file != at.file || block.line < at.line || last(block) > last(at)) {
            add(&block.file, block.line, last(block));
        }
    }

    /// The findings that are the same fault as one of another tool, in order.
    fn same_faults(&mut self, theirs: &Finding, all: &[Finding]) -> Vec<usize> {
        let Some(ids) = self.places.get(&theirs.at.file) else { return Vec::new() };
        let (first, last) = (theirs.at.line, theirs.at.end_line.max(theirs.at.line));
        let mut found = BTreeSet::new();
        let anywhere = thing(theirs).is_some();
        for id in ids_of(&theirs.rule) {
            let Some(lines) = ids.get(&id) else { continue };
            // Of a package the line says nothing: a tool may name that of the lock file, or none.
            let range = match anywhere && !is_weakness(&id) {
                true => 0..=u32::MAX,
                false => first.saturating_sub(lines.longest)..=last,
            };
            for position in lines.by_first.range(range).flat_map(|(_, positions)| positions) {
                self.comparisons += 1;
                if self.comparisons > MOST_COMPARISONS {
                    return Vec::new();
                }
                if !found.contains(position) && all.get(*position).is_some_and(|ours| same_fault(ours, theirs)) {
                    found.insert(*position);
                }
            }
        }
        found.into_iter().collect()
    }
}

/// Every id a rule answers to, without letter case.
fn ids_of(rule: &RuleMeta) -> impl Iterator<Item = String> {
    std::iter::once(&rule.id).chain(&rule.aliases).map(|id| id.to_ascii_lowercase())
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
    // Two results of one tool are two faults.
    if external && (tool_of(ours) == tool_of(theirs) || ours.exception.is_some()) {
        return false;
    }
    if let (Some(one), Some(other)) = (thing(ours), thing(theirs)) {
        return ours.at.file == theirs.at.file && one.same(&other) && same_rule(&ours.rule, &theirs.rule);
    }
    let near = overlaps(ours, theirs) || !external && within_subject(ours, theirs);
    near && (same_rule(&ours.rule, &theirs.rule) || ours.at.line == theirs.at.line && same_weakness(&ours.rule, &theirs.rule))
}

/// What a finding is about where that is no place in a text.
#[derive(PartialEq, Eq)]
enum Thing<'a> {
    /// A package: its URL without version and qualifiers, and its version.
    Package(&'a str, &'a str),
    /// A URL, or a resource of a cloud.
    Address(&'a str),
}

impl Thing<'_> {
    /// Whether both may be one: a package of no version is the one of any.
    fn same(&self, other: &Thing<'_>) -> bool {
        match (self, other) {
            (Thing::Package(name, version), Thing::Package(other, of)) => {
                name == other && (version == of || version.is_empty() || of.is_empty())
            }
            _ => self == other,
        }
    }
}

fn thing(finding: &Finding) -> Option<Thing<'_>> {
    let id = &*finding.subject.id;
    if id.starts_with("pkg:") {
        let bare = id.split(['?', '#']).next().unwrap_or(id);
        // A scope of npm is written `%40angular`, so the last `@` is that before the version.
        let (name, version) = bare.rsplit_once('@').unwrap_or((bare, ""));
        return Some(Thing::Package(name, version));
    }
    let address = finding.at.line == 0 && (id.contains("://") || id.starts_with("arn:"));
    address.then_some(Thing::Address(id))
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
    use probity_core::{ExceptionRef, Severity};
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
    fn a_hole_in_a_package_is_one_for_all_tools() {
        let of = |tool: &str, id: &str, aliases: &[&str], file: &str, line, about: &str| {
            let mut finding = theirs(tool, id, aliases, place(file, line, line));
            finding.subject.id = about.into();
            finding
        };
        let lodash = "pkg:npm/lodash@4.17.4";
        let trivy = || of("trivy", "CVE-2018-3721", &["GHSA-fvqr-27wr-82fm", "CWE-471"], "package-lock.json", 0, lodash);
        let grype = |file: &str, about: &str| of("grype", "GHSA-fvqr-27wr-82fm", &["CWE-471"], file, 12, about);
        check(vec![], vec![trivy(), grype("package-lock.json", lodash)], &["trivy/CVE-2018-3721 + grype"]);
        check(vec![], vec![grype("package-lock.json", lodash), trivy()], &["grype/GHSA-fvqr-27wr-82fm + trivy"]);
        check(vec![], vec![trivy(), grype("package-lock.json", "pkg:npm/lodash")], &["trivy/CVE-2018-3721 + grype"]);
        check(vec![], vec![trivy(), grype("package-lock.json", "pkg:npm/lodash@4.17.4?arch=x")], &["trivy/CVE-2018-3721 + grype"]);
        let apart = &["trivy/CVE-2018-3721", "grype/GHSA-fvqr-27wr-82fm"];
        check(vec![], vec![trivy(), grype("package-lock.json", "pkg:npm/lodash@3.10.1")], apart);
        check(vec![], vec![trivy(), grype("package-lock.json", "pkg:npm/lodash-es@4.17.4")], apart);
        check(vec![], vec![trivy(), grype("other/package-lock.json", lodash)], apart);
        let snyk = of("snyk", "SNYK-JS-1", &["CWE-471"], "package-lock.json", 0, lodash);
        check(vec![], vec![trivy(), snyk], &["trivy/CVE-2018-3721", "snyk/SNYK-JS-1"]);
        // A finding of our own about the package, wherever in the lock file it stands.
        let mut mine = of("x", "known-hole", &["CVE-2018-3721"], "package-lock.json", 40, lodash);
        mine.subject.kind = SubjectKind::Package;
        let mut rule = (*mine.rule).clone();
        rule.id = "known-hole".into();
        mine.rule = Arc::new(rule);
        check(vec![mine.clone()], vec![trivy()], &["known-hole + trivy"]);
        mine.subject.id = "pkg:npm/minimist@1.2.0".into();
        mine.subject_at = place("package-lock.json", 0, 0);
        check(vec![mine], vec![trivy()], &["known-hole", "trivy/CVE-2018-3721"]);
    }

    #[test]
    fn one_id_at_one_address_is_one_fault() {
        let of = |tool: &str, id: &str, aliases: &[&str], about: &str| {
            let mut finding = theirs(tool, id, aliases, place(about, 0, 0));
            finding.subject.id = about.into();
            finding
        };
        let url = "https://shop.example/icons";
        let nuclei = || of("nuclei", "CVE-2021-41773", &["CWE-22"], url);
        check(vec![], vec![nuclei(), of("zap", "90001", &["CVE-2021-41773"], url)], &["nuclei/CVE-2021-41773 + zap"]);
        let apart = &["nuclei/CVE-2021-41773", "zap/90001"];
        check(vec![], vec![nuclei(), of("zap", "90001", &["CVE-2021-41773"], "https://shop.example/")], apart);
        check(vec![], vec![nuclei(), of("zap", "90001", &["CWE-22"], url)], apart);
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
    fn whole_files_and_subjects_in_other_files_are_found() {
        let mut whole = ours(0);
        whole.subject_at = place("db.tf", 0, 0);
        check(vec![whole], vec![theirs("checkov", "CKV_AWS_16", &[], place("db.tf", 7, 7))], &["aws-rds-instance-unencrypted + checkov"]);
        let mut elsewhere = ours(3);
        elsewhere.at = place("variables.tf", 2, 2);
        let there = || theirs("checkov", "CKV_AWS_16", &[], place("db.tf", 7, 7));
        check(vec![elsewhere], vec![there()], &["aws-rds-instance-unencrypted + checkov"]);
        let far = |line| {
            let mut finding = ours(line);
            finding.subject_at = place("db.tf", line, line + 4);
            finding
        };
        check(
            vec![far(1), far(5), far(100)],
            vec![there()],
            &["aws-rds-instance-unencrypted", "aws-rds-instance-unencrypted + checkov", "aws-rds-instance-unencrypted"],
        );
    }

    #[test]
    fn places_without_a_line_do_not_overlap() {
        let external = |line| theirs("semgrep", "x", &["CWE-1"], place("a.py", line, line));
        check(vec![], vec![external(0), theirs("codeql", "y", &["CWE-1"], place("a.py", 0, 0))], &["semgrep/x", "codeql/y"]);
    }
}
