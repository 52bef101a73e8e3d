//! Verdicts: thresholds, exceptions, suppressions, base revision, required scans, and that nothing makes a verdict greener that
//! should not.

use std::sync::OnceLock;

use super::*;
use crate::changed::{BaseFinding, Renames};
use crate::config::SuppressionPolicy;
use crate::exception::{Author, ExceptionFile, RegisterInput};
use crate::fixtures::{FakeSignatures, SECURITY_KEY, TEAM_KEY, digest, finding, now, place, rule, sign, with_approvers};
use crate::pattern::PathPattern;
use crate::signature::EXCEPTION_NAMESPACE;
use probity_core::{Place, SkippedFile, SubjectKind, SubjectRef, SuppressionReach, SuppressionStyle};
use probity_value::{FileId, Span};
use proptest::prelude::*;

/// Everything a decision needs, owned.
struct Run {
    config: Config,
    findings: Vec<Finding>,
    rules: Vec<Arc<RuleMeta>>,
    coverage: Coverage,
    diagnostics: Vec<Diagnostic>,
    exceptions: Vec<ExceptionFile>,
    proposed: Option<Vec<ExceptionFile>>,
    authors: Vec<Author>,
    suppressions: Vec<Suppression>,
    sources: SourceMap,
    subjects: Vec<SubjectState>,
    base: Option<Base>,
    changed_only: bool,
    scans: Vec<ExternalScan>,
    other_results: BTreeMap<&'static str, usize>,
}

#[derive(Default)]
struct Base {
    findings: Vec<BaseFinding>,
    subjects: Vec<SubjectState>,
    suppressions: Vec<Suppression>,
    renames: Renames,
    changed_files: BTreeSet<Arc<str>>,
    broken_files: BTreeSet<Arc<str>>,
}

impl Run {
    fn new(config: Config, findings: Vec<Finding>) -> Run {
        let mut rules: Vec<Arc<RuleMeta>> = findings.iter().map(|finding| Arc::clone(&finding.rule)).collect();
        rules.dedup_by(|a, b| a.id == b.id);
        Run {
            config,
            findings,
            rules,
            coverage: Coverage::default(),
            diagnostics: vec![],
            exceptions: vec![],
            proposed: None,
            authors: vec![],
            suppressions: vec![],
            sources: SourceMap::new(),
            subjects: vec![],
            base: None,
            changed_only: false,
            scans: vec![],
            other_results: BTreeMap::new(),
        }
    }

    fn decide(&self) -> (Verdict, Vec<Finding>) {
        let input =
            RegisterInput { config: &self.config, rules: &self.rules, signatures: &FakeSignatures, authors: &self.authors, now: now() };
        let register = Register::new(&self.exceptions, &input);
        let proposed = self.proposed.as_ref().map(|files| Register::new(files, &input));
        let base = self.base.as_ref().map(|base| BaseState {
            findings: &base.findings,
            subjects: &base.subjects,
            suppressions: &base.suppressions,
            sources: &self.sources,
            renames: &base.renames,
            changed_files: &base.changed_files,
            broken_files: &base.broken_files,
        });
        let input = DecideInput {
            config: &self.config,
            subjects_judged: self.subjects.len(),
            other_results: &self.other_results,
            rules: &self.rules,
            coverage: &self.coverage,
            diagnostics: &self.diagnostics,
            register: &register,
            proposed: proposed.as_ref(),
            baseline: None,
            ignores: &crate::ignores::Ignores::default(),
            suppressions: &self.suppressions,
            sources: &self.sources,
            subjects: &self.subjects,
            base: base.as_ref(),
            changed_only: self.changed_only,
            scans: &self.scans,
            now: now(),
            digest: &digest,
        };
        let mut findings = self.findings.clone();
        let verdict = decide(&input, &mut findings);
        (verdict, findings)
    }

    /// `green`, `yellow!` (permitted has a mark), `red`, `none`.
    fn says(&self) -> &'static str {
        let (verdict, _) = self.decide();
        match (verdict.colour, verdict.permitted) {
            (Some(Colour::Green), true) => "green",
            (Some(Colour::Yellow), true) => "yellow, permitted",
            (Some(Colour::Yellow), false) => "yellow",
            (Some(Colour::Red), false) => "red",
            (None, false) => "none",
            other => panic!("{other:?}"),
        }
    }
}

fn one(id: &str, severity: Severity, status: Status) -> Finding {
    finding(&rule(id, severity), "aws_s3_bucket.b", "live/main.tf", status)
}

fn accept(finding: &Finding, key: Option<&str>, expires: &str) -> ExceptionFile {
    let text = format!(
        "kind: accepted-risk\nrule: {}\nfingerprint: {}\nreason: known\nowner: team-payments\nexpires: {expires}\n",
        finding.rule.id, finding.fingerprint
    );
    ExceptionFile {
        path: format!(".probity/exceptions/{}.yaml", finding.rule.id).into(),
        signature: key.map(|key| sign(key, EXCEPTION_NAMESPACE, &text)),
        text: text.into(),
        file: FileId(0),
    }
}

#[test]
fn thresholds() {
    let check = |severity: Severity, status: Status, expected: &str| {
        assert_eq!(Run::new(Config::default(), vec![one("r", severity, status)]).says(), expected, "{severity} {status}");
    };
    check(Severity::Critical, Status::Fail, "red");
    check(Severity::High, Status::Fail, "red");
    check(Severity::Medium, Status::Fail, "yellow, permitted");
    check(Severity::Low, Status::Fail, "green");
    check(Severity::Info, Status::Fail, "green");
    check(Severity::Critical, Status::Warn, "yellow, permitted");
    check(Severity::Low, Status::Warn, "green");
    check(Severity::Critical, Status::Unknown, "green");
    check(Severity::Info, Status::Error, "none");
    check(Severity::Critical, Status::Pass, "green");
    check(Severity::Critical, Status::Skip, "green");
    check(Severity::Critical, Status::NotApplicable, "green");
    assert_eq!(Run::new(Config::default(), vec![]).says(), "green");
}

#[test]
fn unknown_weighs_as_configured() {
    let check = |policy: UnknownPolicy, severity: Severity, expected: &str| {
        let mut config = Config::default();
        config.gate.unknown = policy;
        assert_eq!(Run::new(config, vec![one("r", severity, Status::Unknown)]).says(), expected, "{policy} {severity}");
    };
    check(UnknownPolicy::Count, Severity::Critical, "green");
    check(UnknownPolicy::Yellow, Severity::Critical, "yellow, permitted");
    check(UnknownPolicy::Yellow, Severity::Low, "green");
    check(UnknownPolicy::Red, Severity::High, "red");
    check(UnknownPolicy::Red, Severity::Medium, "yellow, permitted");
    check(UnknownPolicy::Red, Severity::Low, "green");
    let (verdict, findings) = Run::new(Config::default(), vec![one("r", Severity::High, Status::Unknown)]).decide();
    assert!(findings[0].counts);
    assert_eq!(verdict.counts.by_status.get("unknown"), Some(&1));
    assert!(verdict.counts.by_severity.is_empty());
    assert_eq!(verdict.notes, ["1 result could not be known; `gate.unknown` lets them count without blocking"]);
}

#[test]
fn paths_have_their_own_thresholds() {
    let mut config = Config::default();
    config.paths.push(crate::config::PathRule {
        path: PathPattern::new("modules/**").unwrap(),
        red_at: Some(Severity::Critical),
        yellow_at: Some(Severity::Critical),
        unknown: None,
        suppressions: None,
    });
    let mut inside = one("r", Severity::High, Status::Fail);
    inside.at = place("modules/a/main.tf", 1);
    inside.subject_at = place("modules/a/main.tf", 1);
    assert_eq!(Run::new(config.clone(), vec![inside.clone()]).says(), "green");
    // Called from production, where the gate's own thresholds hold.
    inside.via = vec![place("live/prod/main.tf", 4)];
    assert_eq!(Run::new(config, vec![inside]).says(), "red");
}

#[test]
fn errors_fail_closed_and_red_wins() {
    let skip = |fails: bool| SkippedFile { file: "a.tf".into(), source: "terraform", why: "broken".into(), fails, partly: false };
    let mut run = Run::new(Config::default(), vec![]);
    run.coverage.skipped = vec![skip(false)];
    assert_eq!(run.says(), "green");
    run.coverage.skipped = vec![skip(true)];
    assert_eq!(run.says(), "none");
    assert_eq!(run.decide().0.because, ["1 file could not be read: `a.tf`"]);
    run.findings = vec![one("r", Severity::Medium, Status::Fail)];
    assert_eq!(run.says(), "none");
    run.findings = vec![one("r", Severity::High, Status::Fail)];
    assert_eq!(run.says(), "red");
    let mut run = Run::new(Config::default(), vec![]);
    run.diagnostics = vec![Diagnostic::new(Level::Warning, "x", "a.tf", Span::NONE, "odd")];
    assert_eq!(run.says(), "green");
    run.diagnostics = vec![Diagnostic::new(Level::Error, "x", "a.tf", Span::NONE, "broken")];
    assert_eq!(run.says(), "none");
    assert_eq!(run.decide().0.because, ["`a.tf`: broken"]);
    let mut run = Run::new(Config::default(), vec![]);
    run.exceptions = vec![ExceptionFile { path: "e.yaml".into(), text: "kind: [".into(), file: FileId(0), signature: None }];
    assert_eq!(run.says(), "none");
}

#[test]
fn yellow_needs_an_acceptance_where_approvers_are_named() {
    let medium = one("r", Severity::Medium, Status::Fail);
    let mut run = Run::new(with_approvers(), vec![medium.clone()]);
    assert_eq!(run.says(), "yellow");
    assert_eq!(
        run.decide().0.because,
        ["1 medium finding: `r`", "yellow needs an acceptance by an approver: `Sara Sec (security)`, `Tom Team (team)`"]
    );
    run.exceptions = vec![accept(&medium, None, "2026-12-01")];
    assert_eq!(run.says(), "yellow");
    run.exceptions = vec![accept(&medium, Some("somebody"), "2026-12-01")];
    assert_eq!(run.says(), "yellow");
    run.exceptions = vec![accept(&medium, Some(TEAM_KEY), "2026-12-01")];
    assert_eq!(run.says(), "green");
    let (verdict, findings) = run.decide();
    assert_eq!(findings[0].exception.as_ref().unwrap().by.as_deref(), Some("Tom Team"));
    assert!(!findings[0].counts);
    assert_eq!(verdict.counts.excepted, 1);
    run.exceptions = vec![accept(&medium, Some(TEAM_KEY), "2026-11-01")];
    assert_eq!(run.says(), "yellow");
    assert!(run.decide().0.notes.iter().any(|note| note == "exception `r` does not count: it ran out on 2026-11-01 (1 finding)"
        || note == "exception `r` does not count: it ran out on 2026-11-01"));
    // Another yellow finding that nobody accepted.
    run.exceptions = vec![accept(&medium, Some(TEAM_KEY), "2026-12-01")];
    run.findings.push(one("r2", Severity::Medium, Status::Fail));
    run.rules.push(rule("r2", Severity::Medium));
    assert_eq!(run.says(), "yellow");
}

#[test]
fn a_line_says_why() {
    let many: Vec<Finding> = (0..7)
        .map(|number| finding(&rule(&format!("r{}", number % 5), Severity::High), &format!("b.x{number}"), "main.tf", Status::Fail))
        .chain([one("c", Severity::Critical, Status::Fail), one("m", Severity::Medium, Status::Fail)])
        .collect();
    let (verdict, _) = Run::new(Config::default(), many).decide();
    assert_eq!(
        verdict.because,
        ["1 critical finding: `c`", "7 high findings: `r0` (2), `r1` (2), `r2` and 2 more rules", "1 medium finding: `m`"]
    );
    assert_eq!(verdict.counts.by_severity.values().sum::<usize>(), 9);
    assert_eq!(verdict.counts.by_control.get("soc2/CC6.1"), Some(&9));
}

fn scan(name: &str, seconds_ago: Option<i64>) -> ExternalScan {
    let finished = seconds_ago.map(|ago| Timestamp { seconds: now().seconds - ago, nanoseconds: 0 });
    ExternalScan { name: name.into(), tool: "CodeQL".into(), finished }
}

#[test]
fn required_scans_must_be_there_and_fresh() {
    let mut config = Config::default();
    config.required.insert("sast".into(), 86_400);
    let mut run = Run::new(config, vec![]);
    let check = |run: &mut Run, scans: Vec<ExternalScan>, expected: &str, line: &str| {
        run.scans = scans;
        assert_eq!(run.says(), expected);
        assert_eq!(run.decide().0.because[0], line);
    };
    check(&mut run, vec![], "red", "required scan `sast` is absent");
    check(&mut run, vec![scan("dast", Some(60))], "red", "required scan `sast` is absent");
    check(&mut run, vec![scan("SAST", Some(60))], "green", "no finding counts");
    check(&mut run, vec![scan("sast", Some(86_400))], "green", "no finding counts");
    check(&mut run, vec![scan("sast", Some(200_000))], "red", "required scan `sast` is 2 days old; 24 hours is the most");
    check(&mut run, vec![scan("sast", Some(200_000)), scan("sast", Some(5))], "green", "no finding counts");
    check(&mut run, vec![scan("sast", None)], "red", "required scan `sast` does not say when it ran, and it may be 24 hours old at most");
    check(&mut run, vec![scan("sast", Some(-90_000))], "red", "required scan `sast` says it ran in the future");
    // Whatever the thresholds, never green.
    run.config.gate.red_at = Severity::Critical;
    run.config.gate.yellow_at = Severity::Critical;
    check(&mut run, vec![], "yellow, permitted", "required scan `sast` is absent");
    run.config.required.clear();
    run.config.required.insert("codeql".into(), 86_400);
    check(&mut run, vec![scan("x", Some(60))], "green", "no finding counts");
}

const TEXT: &str =
    "resource \"aws_s3_bucket\" \"b\" {\n  # checkov:skip=CKV_AWS_18:known\n  acl = \"x\"\n}\n\nresource \"aws_s3_bucket\" \"c\" {\n}\n";

fn subject_place(file: FileId, range: std::ops::Range<usize>, lines: (u32, u32)) -> Place {
    Place { file: "live/main.tf".into(), line: lines.0, column: 1, end_line: lines.1, end_column: 2, span: Span::new(file, range) }
}

/// A run over `TEXT` with one finding about `b`, which holds a comment, and one about `c`, which holds none.
fn commented(config: Config) -> Run {
    let mut meta = RuleMeta::clone(&rule("aws-s3-bucket-unlogged", Severity::High));
    meta.aliases = vec!["CKV_AWS_18".into(), "AVD-AWS-0089".into()];
    let meta = Arc::new(meta);
    let sources = SourceMap::new();
    let file = sources.add("live/main.tf", TEXT);
    let places = [subject_place(file, 0..78, (1, 4)), subject_place(file, 80..112, (6, 7))];
    let mut findings = vec![];
    let mut subjects = vec![];
    for (name, at) in ["aws_s3_bucket.b", "aws_s3_bucket.c"].into_iter().zip(places) {
        let mut found = finding(&meta, name, "live/main.tf", Status::Fail);
        found.at = at.clone();
        found.subject_at = at.clone();
        subjects.push(SubjectState { subject: found.subject.clone(), at, via: vec![], value: digest(name.as_bytes()) });
        findings.push(found);
    }
    let mut run = Run::new(config, findings);
    run.sources = sources;
    run.subjects = subjects;
    run.suppressions = vec![comment(SuppressionStyle::Checkov, "CKV_AWS_18", None, SuppressionReach::Subject)];
    run
}

fn comment(style: SuppressionStyle, id: &str, until: Option<&str>, reach: SuppressionReach) -> Suppression {
    let span = Span::new(FileId(0), 33..64);
    Suppression { style, id: id.into(), reason: "known".into(), until: until.map(Arc::from), owner: None, span, reach, target: span }
}

fn covered(run: &Run) -> Vec<bool> {
    run.decide().1.iter().filter(|finding| !own::is_own(&finding.rule)).map(|finding| finding.exception.is_some()).collect()
}

#[test]
fn comments_cover_what_they_reach() {
    let check = |one: Suppression, expected: [bool; 2]| {
        let mut run = commented(Config::default());
        run.suppressions = vec![one.clone()];
        assert_eq!(covered(&run), expected, "{one:?}");
    };
    let subject = SuppressionReach::Subject;
    check(comment(SuppressionStyle::Checkov, "CKV_AWS_18", None, subject), [true, false]);
    check(comment(SuppressionStyle::Checkov, "ckv_aws_18", None, subject), [true, false]);
    check(comment(SuppressionStyle::Trivy, "AWS-0089", None, subject), [true, false]);
    check(comment(SuppressionStyle::Trivy, "avd-aws-0089", None, subject), [true, false]);
    check(comment(SuppressionStyle::Checkov, "CKV_AWS_19", None, subject), [false, false]);
    check(comment(SuppressionStyle::Kics, "*", None, subject), [true, false]);
    check(comment(SuppressionStyle::Probity, "*", None, subject), [false, false]);
    check(comment(SuppressionStyle::Checkov, "*", None, subject), [false, false]);
    check(comment(SuppressionStyle::Checkov, "CKV_AWS_*", None, subject), [false, false]);
    check(comment(SuppressionStyle::Probity, "aws-s3-bucket-unlogged", Some("2026-11-23"), subject), [true, false]);
    check(comment(SuppressionStyle::Probity, "aws-s3-bucket-unlogged", Some("2026-11-22"), subject), [false, false]);
    check(comment(SuppressionStyle::Probity, "aws-s3-bucket-unlogged", Some("soon"), subject), [false, false]);
    check(comment(SuppressionStyle::Checkov, "CKV_AWS_18", None, SuppressionReach::File), [true, true]);
    check(comment(SuppressionStyle::Kics, "*", None, SuppressionReach::Lines), [false, false]);
    let mut on_line = comment(SuppressionStyle::Kics, "*", None, SuppressionReach::Lines);
    on_line.target = Span::new(FileId(0), 0..31);
    check(on_line, [true, false]);
    let mut nowhere = comment(SuppressionStyle::Kics, "*", None, SuppressionReach::File);
    nowhere.span = Span::NONE;
    nowhere.target = Span::NONE;
    check(nowhere, [false, false]);
}

#[test]
fn comments_can_be_forbidden() {
    let mut run = commented(Config::default());
    run.config.gate.suppressions = SuppressionPolicy::Forbid;
    assert_eq!(covered(&run), [false, false]);
    run.config.gate.suppressions = SuppressionPolicy::ForbidAt(Severity::High);
    assert_eq!(covered(&run), [false, false]);
    run.config.gate.suppressions = SuppressionPolicy::ForbidAt(Severity::Critical);
    assert_eq!(covered(&run), [true, false]);
    run.config.exceptions.never.insert("ckv_aws_18".into());
    assert_eq!(covered(&run), [false, false]);
    assert!(run.decide().0.notes.iter().any(|note| note.contains("nothing can waive `aws-s3-bucket-unlogged`")));
}

#[test]
fn idle_comments_are_reported() {
    let mut run = commented(Config::default());
    run.suppressions.push(comment(SuppressionStyle::Checkov, "CKV_AWS_999", None, SuppressionReach::Subject));
    run.suppressions.push(comment(SuppressionStyle::Checkov, "CKV_AWS_998", None, SuppressionReach::Subject));
    assert_eq!(run.decide().0.notes, ["2 comments name checks that no rule here answers to: `CKV_AWS_998`, `CKV_AWS_999`"]);
    run.suppressions.truncate(1);
    run.findings.remove(0);
    assert_eq!(run.decide().0.notes, ["the `checkov` comment for `CKV_AWS_18` at `live/main.tf:2` is stale: it covers nothing any more"]);
}

#[test]
fn new_comments_do_not_count_with_a_base() {
    let mut run = commented(Config::default());
    let mut base = Base { subjects: run.subjects.clone(), ..Base::default() };
    run.base = Some(base);
    assert_eq!(covered(&run), [false, false]);
    let (verdict, findings) = run.decide();
    let added: Vec<_> = findings.iter().filter(|finding| &*finding.rule.id == own::SUPPRESSION_ADDED).collect();
    assert_eq!(added.len(), 1);
    assert_eq!((added[0].at.line, &*added[0].at.file), (2, "live/main.tf"));
    assert!(
        verdict.notes.iter().any(|note| note.ends_with("does not count: it was not there at the base revision")),
        "{:?}",
        verdict.notes
    );

    base = Base { subjects: run.subjects.clone(), suppressions: run.suppressions.clone(), ..Base::default() };
    run.base = Some(base);
    assert_eq!(covered(&run), [true, false]);
    assert!(run.decide().1.iter().all(|finding| !own::is_own(&finding.rule)));

    // Another rule, another subject, and an end that the change pushed out.
    let with = |base_comment: Suppression, head_comment: Suppression| {
        let mut run = commented(Config::default());
        run.base = Some(Base { subjects: run.subjects.clone(), suppressions: vec![base_comment], ..Base::default() });
        run.suppressions = vec![head_comment];
        (covered(&run)[0], run.decide().1.iter().filter(|finding| own::is_own(&finding.rule)).count())
    };
    let own_style = |until: &str| comment(SuppressionStyle::Probity, "aws-s3-bucket-unlogged", Some(until), SuppressionReach::Subject);
    let checkov = |id: &str| comment(SuppressionStyle::Checkov, id, None, SuppressionReach::Subject);
    assert_eq!(with(checkov("CKV_AWS_19"), checkov("CKV_AWS_18")), (false, 1));
    assert_eq!(with(checkov("CKV_AWS_18"), checkov("CKV_AWS_19")), (false, 0), "nobody here has that check");
    assert_eq!(with(own_style("2026-11-01"), own_style("2027-11-01")), (false, 0));
    assert_eq!(with(own_style("2027-11-01"), own_style("2026-11-01")), (false, 0));
    assert_eq!(with(own_style("2027-11-01"), own_style("2027-11-01")), (true, 0));
    let mut elsewhere = checkov("CKV_AWS_18");
    elsewhere.target = Span::new(FileId(0), 85..90);
    assert_eq!(with(elsewhere, checkov("CKV_AWS_18")), (false, 1));
    // One that was for the block and is for the whole file now covers only what it covered.
    let mut run = commented(Config::default());
    run.base = Some(Base { subjects: run.subjects.clone(), suppressions: run.suppressions.clone(), ..Base::default() });
    run.suppressions = vec![comment(SuppressionStyle::Checkov, "CKV_AWS_18", None, SuppressionReach::File)];
    assert_eq!(covered(&run), [true, false]);
    assert_eq!(run.decide().1.iter().filter(|finding| own::is_own(&finding.rule)).count(), 1);
}

#[test]
fn only_what_the_change_touched() {
    let mut run = commented(Config::default());
    run.suppressions.clear();
    let before = |finding: &Finding| BaseFinding {
        fingerprint: finding.fingerprint.clone(),
        carried: finding.fingerprint.clone(),
        status: finding.status,
    };
    let base_findings: Vec<BaseFinding> = run.findings.iter().map(before).collect();
    run.base = Some(Base { subjects: run.subjects.clone(), findings: base_findings.clone(), ..Base::default() });
    assert_eq!(run.says(), "red");
    assert!(run.decide().1.iter().all(|finding| finding.existed == Some(true)));
    run.changed_only = true;
    assert_eq!(run.says(), "green");
    let (verdict, findings) = run.decide();
    assert_eq!(verdict.because, ["nothing this change touched asks for anything"]);
    assert!(findings.iter().all(|finding| !finding.counts));
    // One subject has another value.
    run.subjects[1].value = digest(b"other");
    assert_eq!(run.says(), "red");
    assert_eq!(run.decide().1.iter().filter(|finding| finding.counts).count(), 1);
    // One finding is new though its subject is the same (a related subject changed).
    let mut other = commented(Config::default());
    other.suppressions.clear();
    other.changed_only = true;
    other.base = Some(Base { subjects: other.subjects.clone(), findings: base_findings[..1].to_vec(), ..Base::default() });
    assert_eq!(other.says(), "red");
    // Without a base everything counts.
    other.base = None;
    assert_eq!(other.says(), "red");
}

#[test]
fn a_file_broken_before_is_no_matter_of_the_change() {
    let mut run = Run::new(Config::default(), vec![]);
    run.changed_only = true;
    run.coverage.skipped =
        vec![SkippedFile { file: "old.yaml".into(), source: "kubernetes", why: "broken".into(), fails: true, partly: false }];
    let base = |changed: &[&str], broken: &[&str]| {
        let set = |list: &[&str]| list.iter().map(|name| Arc::from(*name)).collect();
        Some(Base { changed_files: set(changed), broken_files: set(broken), ..Base::default() })
    };
    run.base = base(&[], &["old.yaml"]);
    assert_eq!(run.says(), "green");
    run.base = base(&["old.yaml"], &["old.yaml"]);
    assert_eq!(run.says(), "none");
    run.base = base(&[], &[]);
    assert_eq!(run.says(), "none");
    run.base = base(&[], &["old.yaml"]);
    run.changed_only = false;
    assert_eq!(run.says(), "none");
}

#[test]
fn a_signed_exception_accepts_its_own_arrival() {
    let high = one("r", Severity::High, Status::Fail);
    let added = |file: &ExceptionFile| {
        own::finding(own::EXCEPTION_CHANGED, &file.path, own::whole_file(&file.path), "new".into(), &file.text, &digest)
    };
    let with = |file: ExceptionFile, findings: &[Finding], authors: Vec<Author>| {
        let mut all = findings.to_vec();
        all.push(added(&file));
        let mut run = Run::new(with_approvers(), all);
        run.rules.push(high.rule.clone());
        run.base = Some(Base::default());
        run.proposed = Some(vec![file]);
        run.authors = authors;
        run.says()
    };
    assert_eq!(with(accept(&high, Some(SECURITY_KEY), "2026-12-01"), &[], vec![]), "green");
    assert_eq!(with(accept(&high, Some(SECURITY_KEY), "2026-12-01"), std::slice::from_ref(&high), vec![]), "red", "it covers nothing yet");
    assert_eq!(with(accept(&high, None, "2026-12-01"), &[], vec![]), "yellow");
    assert_eq!(with(accept(&high, Some("somebody"), "2026-12-01"), &[], vec![]), "yellow");
    assert_eq!(with(accept(&high, Some(SECURITY_KEY), "2026-11-01"), &[], vec![]), "yellow");
    let sara = vec![Author { name: "Sara".into(), email: "sara@example.com".into() }];
    assert_eq!(with(accept(&high, Some(SECURITY_KEY), "2026-12-01"), &[], sara), "yellow");
}

#[test]
fn the_severity_of_own_findings_can_be_set_but_they_cannot_be_disabled() {
    let changed =
        own::finding(own::CONFIG_CHANGED, "probity.yaml", own::whole_file(&"probity.yaml".into()), "changed".into(), "x", &digest);
    let mut config = Config::default();
    assert_eq!(Run::new(config.clone(), vec![changed.clone()]).says(), "yellow, permitted");
    config.policies.severity.insert(own::CONFIG_CHANGED.into(), Severity::High);
    assert_eq!(Run::new(config.clone(), vec![changed.clone()]).says(), "red");
    config.policies.severity.clear();
    config.policies.disable.insert(own::CONFIG_CHANGED.into());
    assert_eq!(Run::new(config, vec![changed]).says(), "yellow, permitted");
}

/// From best to worst. Not decided is worse than yellow: nothing proceeds.
fn rank(run: &Run) -> u8 {
    match run.says() {
        "green" => 0,
        "yellow, permitted" => 1,
        "yellow" => 2,
        "none" => 3,
        _ => 4,
    }
}

fn severities() -> impl Strategy<Value = Severity> {
    prop::sample::select(Severity::ALL)
}

fn findings() -> impl Strategy<Value = Finding> {
    (severities(), prop::sample::select(Status::ALL), 0_u8..4, 0_u8..3).prop_map(|(severity, status, subject, file)| {
        finding(&rule(&format!("rule-{severity}"), severity), &format!("aws_s3_bucket.b{subject}"), &format!("d{file}/main.tf"), status)
    })
}

fn configs() -> impl Strategy<Value = Config> {
    let unknown = prop::sample::select(&[UnknownPolicy::Count, UnknownPolicy::Yellow, UnknownPolicy::Red][..]);
    (severities(), severities(), unknown, any::<bool>(), prop::option::of((severities(), severities()))).prop_map(
        |(red_at, yellow_at, unknown, approvers, path)| {
            let mut config = if approvers { with_approvers() } else { Config::default() };
            config.gate.red_at = red_at;
            config.gate.yellow_at = yellow_at;
            config.gate.unknown = unknown;
            config.paths.extend(path.map(|(red_at, yellow_at)| crate::config::PathRule {
                path: d0(),
                red_at: Some(red_at),
                yellow_at: Some(yellow_at),
                unknown: None,
                suppressions: None,
            }));
            config
        },
    )
}

fn d0() -> PathPattern {
    static PATTERN: OnceLock<PathPattern> = OnceLock::new();
    PATTERN.get_or_init(|| PathPattern::new("d0/**").unwrap()).clone()
}

proptest! {
    #[test]
    fn one_more_finding_never_makes_it_greener(config in configs(), some in prop::collection::vec(findings(), 0..6), more in findings()) {
        let before = Run::new(config.clone(), some.clone());
        let mut all = some;
        all.push(more);
        let after = Run::new(config, all);
        prop_assert!(rank(&after) >= rank(&before), "{} then {}", before.says(), after.says());
    }

    #[test]
    fn an_exception_that_does_not_count_changes_nothing(config in configs(), some in prop::collection::vec(findings(), 1..6), which in 0_usize..6, how in 0_u8..5) {
        let target = some[which % some.len()].clone();
        let before = Run::new(config.clone(), some.clone());
        let mut after = Run::new(config.clone(), some);
        let far = crate::Day::of(now()).plus(config.exceptions.max_days.of(target.rule.severity) + 1).to_string();
        after.exceptions = vec![match how {
            0 => accept(&target, Some(SECURITY_KEY), "2026-11-22"),
            1 => accept(&target, Some(SECURITY_KEY), &far),
            2 if !config.approvers.is_empty() => accept(&target, Some("nobody"), "2026-11-25"),
            3 if !config.approvers.is_empty() => accept(&target, None, "2026-11-25"),
            _ => {
                let mut broad = accept(&target, Some(SECURITY_KEY), "2026-11-25");
                broad.text = broad.text.lines().filter(|line| !line.starts_with("fingerprint")).map(|line| format!("{line}\n")).collect::<String>().into();
                broad.text = format!("{}subject: '*'\n", broad.text).into();
                broad.signature = Some(sign(SECURITY_KEY, EXCEPTION_NAMESPACE, &broad.text));
                broad
            }
        }];
        let (first, first_findings) = before.decide();
        let (second, second_findings) = after.decide();
        prop_assert_eq!(first.colour, second.colour);
        prop_assert_eq!(first.permitted, second.permitted);
        prop_assert_eq!(first.because, second.because);
        prop_assert_eq!(first.counts, second.counts);
        for (a, b) in first_findings.iter().zip(&second_findings) {
            prop_assert_eq!((a.counts, &a.exception), (b.counts, &b.exception));
        }
    }

    #[test]
    fn an_exception_that_counts_never_makes_it_redder(config in configs(), some in prop::collection::vec(findings(), 1..6), which in 0_usize..6) {
        let target = some[which % some.len()].clone();
        let before = Run::new(config.clone(), some.clone());
        let mut after = Run::new(config, some);
        after.exceptions = vec![accept(&target, Some(SECURITY_KEY), "2026-11-25")];
        prop_assert!(rank(&after) <= rank(&before));
    }

    #[test]
    fn only_green_and_yellow_are_ever_permitted(config in configs(), some in prop::collection::vec(findings(), 0..6)) {
        let (verdict, _) = Run::new(config, some).decide();
        prop_assert_eq!(verdict.permit().is_some(), verdict.permitted);
        prop_assert!(!verdict.because.is_empty());
    }

    #[test]
    fn changed_only_never_makes_it_redder(config in configs(), some in prop::collection::vec(findings(), 0..6), known in prop::collection::vec(any::<bool>(), 6)) {
        let mut run = Run::new(config, some);
        let state = |finding: &Finding| SubjectState { subject: finding.subject.clone(), at: finding.subject_at.clone(), via: vec![], value: digest(b"same") };
        run.subjects = run.findings.iter().map(state).collect();
        let findings = run.findings.iter().zip(&known).filter(|(_, known)| **known).map(|(finding, _)| BaseFinding { fingerprint: finding.fingerprint.clone(), carried: finding.fingerprint.clone(), status: finding.status }).collect();
        run.base = Some(Base { subjects: run.subjects.clone(), findings, ..Base::default() });
        let whole = rank(&run);
        run.changed_only = true;
        prop_assert!(rank(&run) <= whole);
    }
}

#[test]
fn what_is_about_nothing_here_is_judged_by_its_finding() {
    let mut external = one("js/sql-injection", Severity::High, Status::Fail);
    external.subject = SubjectRef { kind: SubjectKind::External, id: "src/pay.js".into(), type_name: "file".into(), root: "".into() };
    let mut run = Run::new(Config::default(), vec![external]);
    run.base = Some(Base::default());
    run.changed_only = true;
    assert_eq!(run.says(), "red");
}

/// The base revision had everything of `commented` in the folder `old`, which is `live` now.
fn moved() -> Run {
    let mut run = commented(Config::default());
    let file = run.sources.add("old/main.tf", TEXT);
    let old = |place: &Place| Place { file: "old/main.tf".into(), span: Span { file, ..place.span }, ..place.clone() };
    let mut subjects = run.subjects.clone();
    for state in &mut subjects {
        state.subject.root = "old".into();
        state.at = old(&state.at);
    }
    let span = Span::new(file, 33..64);
    let suppressions = run.suppressions.iter().map(|one| Suppression { span, target: span, ..one.clone() }).collect();
    let findings = run
        .findings
        .iter()
        .map(|finding| BaseFinding {
            fingerprint: crate::fingerprint::fingerprint(&finding.rule.id, &finding.subject.id, "old", None, &digest),
            carried: finding.fingerprint.clone(),
            status: finding.status,
        })
        .collect();
    let roots = BTreeSet::from([Arc::from("live")]);
    let renames = Renames::new(&[("old/main.tf".into(), "live/main.tf".into())], &roots);
    let changed_files = BTreeSet::from([Arc::from("live/main.tf")]);
    run.base = Some(Base { findings, subjects, suppressions, renames, changed_files, ..Base::default() });
    run
}

#[test]
fn a_renamed_folder_brings_nothing_new() {
    let mut run = moved();
    assert_eq!(covered(&run), [true, false], "the comment came along");
    assert!(run.decide().1.iter().all(|finding| finding.existed == Some(true) && !own::is_own(&finding.rule)));
    run.changed_only = true;
    assert_eq!(run.says(), "green");
    // An exception made in the old folder covers the finding in the new one.
    run.changed_only = false;
    let mut before = run.findings[1].clone();
    before.fingerprint = run.base.as_ref().unwrap().findings[1].fingerprint.clone();
    run.exceptions = vec![accept(&before, None, "2026-12-01")];
    assert_eq!(covered(&run), [true, true]);
    assert_eq!(run.says(), "green");
    // Where the old folder is still there, the new one is another environment.
    let roots = BTreeSet::from([Arc::from("live"), Arc::from("old")]);
    run.base.as_mut().unwrap().renames = Renames::new(&[("old/main.tf".into(), "live/main.tf".into())], &roots);
    run.base.as_mut().unwrap().findings.clear();
    assert_eq!(covered(&run), [false, false]);
    assert_eq!(run.says(), "red");
}
