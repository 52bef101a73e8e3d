//! The register: every exception with what speaks against it, and whether one covers a finding.

use std::collections::{BTreeSet, HashMap};
use std::fmt;
use std::sync::Arc;

use probity_core::{Diagnostic, Exception, ExceptionRef, Finding, RuleMeta, Severity, Timestamp};

use super::parse::{ExceptionFile, parse};
use super::people::{Author, Signer, find_signer, wrote_it};
use crate::config::Config;
use crate::day::has_expired;
use crate::pattern::{PathPattern, wildcard};
use crate::signature::SignatureCheck;
use crate::{Day, ids, own};

/// Why something that would cover a finding does not count.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Refusal {
    /// It must be signed and is not.
    Unsigned,
    /// It is signed, but not by the key of an approver over this text.
    BadSignature(String),
    /// Whoever signed it may not accept this severity.
    NotApproved {
        /// The approver.
        by: Arc<str>,
        /// The severity.
        severity: Severity,
    },
    /// It ran out.
    Expired(Day),
    /// It could match nearly everything.
    OverBroad,
    /// It runs longer than the severity allows.
    OverLong {
        /// Days it still runs.
        days: i64,
        /// Days it may run.
        most: u32,
        /// The severity, or nothing for a baseline.
        severity: Option<Severity>,
    },
    /// Its signer or owner made the change.
    SelfMade(Arc<str>),
    /// Nothing may waive the rule.
    NotWaivable(Arc<str>),
    /// No rule answers to the id.
    UnknownRule {
        /// The id.
        id: Arc<str>,
        /// The nearest there is.
        near: Option<Arc<str>>,
    },
    /// The file cannot be read.
    Broken,
}

impl fmt::Display for Refusal {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Refusal::Unsigned => f.write_str("it is not signed by an approver"),
            Refusal::BadSignature(why) => write!(f, "its signature is not an approver's: {why}"),
            Refusal::NotApproved { by, severity } => write!(f, "`{by}`, who signed it, may not accept `{severity}` findings"),
            Refusal::Expired(day) => write!(f, "it ran out on {day}"),
            Refusal::OverBroad => f.write_str("it is too broad: its subject would match nearly everything"),
            Refusal::OverLong { days, most, severity: Some(severity) } => {
                write!(f, "it runs {days} more days; {most} is the most for `{severity}` findings")
            }
            Refusal::OverLong { days, most, severity: None } => write!(f, "it runs {days} more days; {most} is the most"),
            Refusal::SelfMade(who) => write!(f, "`{who}` made this change and cannot accept its risk"),
            Refusal::NotWaivable(rule) => write!(f, "nothing can waive `{rule}`"),
            Refusal::UnknownRule { id, near: Some(near) } => write!(f, "no rule here answers to `{id}`; the nearest is `{near}`"),
            Refusal::UnknownRule { id, near: None } => write!(f, "no rule here answers to `{id}`"),
            Refusal::Broken => f.write_str("its file cannot be read"),
        }
    }
}

/// What the register is judged by.
#[derive(Clone, Copy)]
pub struct RegisterInput<'a> {
    /// The configuration that counts.
    pub config: &'a Config,
    /// All rules that took part, those of other scanners too.
    pub rules: &'a [Arc<RuleMeta>],
    /// Checks signatures.
    pub signatures: &'a dyn SignatureCheck,
    /// Authors of the change; empty where there is no base revision.
    pub authors: &'a [Author],
    /// The time of the evaluation.
    pub now: Timestamp,
}

/// One exception with what speaks against it whatever the finding.
#[derive(Clone, Debug)]
pub struct Entry {
    /// The exception.
    pub exception: Exception,
    /// Who signed it, where the signature is good.
    pub signer: Option<Signer>,
    /// What speaks against it; empty where nothing does.
    pub refusals: Vec<Refusal>,
    /// Why its owner or signer cannot waive findings this change brings, if so.
    self_made: Option<Arc<str>>,
    expires: Day,
    path: Option<PathPattern>,
}

/// All exceptions of one revision.
#[derive(Clone, Debug, Default)]
pub struct Register {
    /// Those that could be read, by file.
    pub entries: Vec<Entry>,
    /// Files that could not be read.
    pub broken: Vec<Arc<str>>,
    /// What is wrong with them: errors, so the verdict fails closed.
    pub diagnostics: Vec<Diagnostic>,
    /// Positions of entries with fingerprints, by each of them in lower case.
    by_fingerprint: HashMap<String, Vec<usize>>,
    /// Positions of entries without, by the normal spelling of their rule.
    by_rule: HashMap<String, Vec<usize>>,
}

/// Whether something covers a finding.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Cover {
    /// Nothing names it.
    Nothing,
    /// It is covered.
    By(ExceptionRef),
    /// Something names it but does not count: its id, and why.
    Refused(Vec<(Arc<str>, Refusal)>),
}

impl Register {
    /// Reads and judges all files.
    #[must_use]
    pub fn new(files: &[ExceptionFile], input: &RegisterInput<'_>) -> Register {
        let mut register = Register::default();
        // Findings about the configuration itself may be excepted too, whether or not the caller lists their rules.
        let mut rules = input.rules.to_vec();
        rules.extend(own::rules());
        let input = &RegisterInput { rules: &rules, ..*input };
        for file in files {
            let (exception, diagnostics) = parse(file);
            register.diagnostics.extend(diagnostics);
            match exception.and_then(|exception| entry(exception, file, input)) {
                Some(entry) => register.entries.push(entry),
                None => register.broken.push(Arc::clone(&file.path)),
            }
        }
        register.entries.sort_by(|a, b| a.exception.file.cmp(&b.exception.file));
        for (position, entry) in register.entries.iter().enumerate() {
            for fingerprint in &entry.exception.fingerprints {
                register.by_fingerprint.entry(fingerprint.to_ascii_lowercase()).or_default().push(position);
            }
            if entry.exception.fingerprints.is_empty() {
                register.by_rule.entry(ids::normal(&entry.exception.rule)).or_default().push(position);
            }
        }
        register
    }

    /// The entries that may name a finding, by file.
    fn candidates(&self, finding: &Finding, earlier: Option<&str>) -> impl Iterator<Item = &Entry> {
        let mut positions: BTreeSet<usize> = BTreeSet::new();
        for fingerprint in std::iter::once(&*finding.fingerprint).chain(earlier) {
            positions.extend(self.by_fingerprint.get(&fingerprint.to_ascii_lowercase()).into_iter().flatten());
        }
        if !self.by_rule.is_empty() {
            for id in std::iter::once(&finding.rule.id).chain(&finding.rule.aliases) {
                positions.extend(self.by_rule.get(&ids::normal(id)).into_iter().flatten());
            }
        }
        positions.into_iter().filter_map(|position| self.entries.get(position))
    }

    /// Whether an exception covers a finding. `earlier` is the fingerprint the finding had at the base revision, where a folder was
    /// renamed since.
    #[must_use]
    pub fn cover(&self, finding: &Finding, earlier: Option<&str>, config: &Config, now: Timestamp) -> Cover {
        let mut refused = Vec::new();
        for entry in self.candidates(finding, earlier).filter(|entry| entry.names(finding, earlier)) {
            let refusals = entry.refusals_for(finding, config, now);
            match refusals.into_iter().next() {
                None => return Cover::By(entry.reference()),
                Some(refusal) => refused.push((Arc::clone(&entry.exception.id), refusal)),
            }
        }
        if refused.is_empty() { Cover::Nothing } else { Cover::Refused(refused) }
    }

    /// One line for every exception that does not count whatever the finding.
    #[must_use]
    pub fn notes(&self) -> Vec<String> {
        let broken = self.broken.iter().map(|file| format!("exception `{file}` does not count: {}", Refusal::Broken));
        let refused = self.entries.iter().filter_map(|entry| {
            let refusal = entry.refusals.first()?;
            Some(format!("exception `{}` does not count: {refusal}", entry.exception.id))
        });
        broken.chain(refused).collect()
    }
}

fn entry(exception: Exception, file: &ExceptionFile, input: &RegisterInput<'_>) -> Option<Entry> {
    let config = input.config;
    // Both were checked when the file was read; a file they do not fit is broken.
    let expires: Day = exception.expires.parse().ok()?;
    let path = if exception.path.is_empty() { None } else { Some(PathPattern::new(&exception.path).ok()?) };
    let mut refusals = Vec::new();
    let mut signer = None;
    match &file.signature {
        Some(signature) if config.signature_required() || !config.approvers.is_empty() => {
            match find_signer(&config.approvers, &file.text, signature, input.signatures) {
                Ok(found) => signer = Some(found),
                Err(why) => refusals.push(Refusal::BadSignature(why)),
            }
        }
        // Nobody is configured who could have signed it: the signature says nothing, and nothing asks for one.
        Some(_) => {}
        None if config.signature_required() => refusals.push(Refusal::Unsigned),
        None => {}
    }
    if has_expired(expires, input.now) {
        refusals.push(Refusal::Expired(expires));
    }
    if over_broad(&exception, path.as_ref(), input.rules) {
        refusals.push(Refusal::OverBroad);
    }
    if !exception.rule.is_empty() && ids::find(input.rules, &exception.rule).next().is_none() {
        let near = ids::nearest(input.rules, &exception.rule).map(Arc::from);
        refusals.push(Refusal::UnknownRule { id: Arc::clone(&exception.rule), near });
    }
    let signed_by = signer.as_ref().map(|signer| Arc::clone(&signer.approver.name));
    let self_made = [Some(Arc::clone(&exception.owner)), signed_by]
        .into_iter()
        .flatten()
        .find(|person| wrote_it(person, &config.approvers, input.authors));
    Some(Entry { exception, signer, refusals, self_made, expires, path })
}

impl Entry {
    /// Whether the exception names this finding.
    #[must_use]
    pub fn names(&self, finding: &Finding, earlier: Option<&str>) -> bool {
        let exception = &self.exception;
        let is = |wanted: &Arc<str>| {
            wanted.eq_ignore_ascii_case(&finding.fingerprint) || earlier.is_some_and(|earlier| wanted.eq_ignore_ascii_case(earlier))
        };
        (exception.rule.is_empty() || ids::answers(&finding.rule, &exception.rule))
            && (exception.fingerprints.is_empty() || exception.fingerprints.iter().any(is))
            && (exception.subject.is_empty() || wildcard(&exception.subject, &finding.subject.id))
            && self.path.as_ref().is_none_or(|path| {
                path.matches(&finding.subject.root) || path.matches(&finding.subject_at.file) || path.matches(&finding.at.file)
            })
            // Neither a rule nor a fingerprint names nothing (such a file is broken and never gets here).
            && !(exception.rule.is_empty() && exception.fingerprints.is_empty())
    }

    /// What speaks against it for this finding.
    #[must_use]
    pub fn refusals_for(&self, finding: &Finding, config: &Config, now: Timestamp) -> Vec<Refusal> {
        let severity = finding.rule.severity;
        let mut out = Vec::new();
        if config.never_waived(&finding.rule) {
            out.push(Refusal::NotWaivable(Arc::clone(&finding.rule.id)));
        }
        out.extend(self.refusals.iter().cloned());
        if let Some(signer) = &self.signer
            && !signer.approver.may_accept.contains(&severity)
        {
            out.push(Refusal::NotApproved { by: Arc::clone(&signer.approver.name), severity });
        }
        let days = Day::of(now).days_until(self.expires);
        let most = config.exceptions.max_days.of(severity);
        if days > i64::from(most) {
            out.push(Refusal::OverLong { days, most, severity: Some(severity) });
        }
        // What was there at the base revision is not a risk this change brings.
        if finding.existed != Some(true)
            && let Some(who) = &self.self_made
        {
            out.push(Refusal::SelfMade(Arc::clone(who)));
        }
        out
    }

    /// How a covered finding refers to it.
    #[must_use]
    pub fn reference(&self) -> ExceptionRef {
        ExceptionRef {
            source: "exception".into(),
            id: Arc::clone(&self.exception.id),
            kind: Some(self.exception.kind),
            reason: Arc::clone(&self.exception.reason),
            by: self.signer.as_ref().map(|signer| Arc::clone(&signer.approver.name)),
            expires: Some(Arc::clone(&self.exception.expires)),
        }
    }

    /// Whether it was signed by an approver who is no author of the change, and nothing speaks against it: then its signature
    /// accepts its own arrival. `severity` is that of the finding about it.
    #[must_use]
    pub fn accepts_its_arrival(&self, severity: Severity) -> bool {
        self.refusals.is_empty()
            && self.self_made.is_none()
            && self.signer.as_ref().is_some_and(|signer| signer.approver.may_accept.contains(&severity))
    }
}

/// A name nobody gives anything.
const NOBODY: &str = "zq9xj7vkw";
/// Letters and digits a pattern must hold besides the subject's type.
const LITERALS: usize = 3;

/// Whether subject and path would match nearly everything the rule judges. A fingerprint, or a subject without `*`, never does.
fn over_broad(exception: &Exception, path: Option<&PathPattern>, rules: &[Arc<RuleMeta>]) -> bool {
    if !exception.fingerprints.is_empty() {
        return false;
    }
    let pattern = &*exception.subject;
    let letters = |text: &str| text.chars().filter(|letter| letter.is_alphanumeric()).count();
    if letters(pattern) == 0 {
        return true;
    }
    if !pattern.contains('*') {
        return false;
    }
    if path.is_some_and(|path| letters(path.as_str()) >= LITERALS && !path.matches(&format!("{NOBODY}/{NOBODY}/{NOBODY}.tf"))) {
        return false;
    }
    let types: Vec<&str> = ids::find(rules, &exception.rule).flat_map(|rule| rule.applies_to.iter().map(|name| &**name)).collect();
    // What could stand for the type alone says nothing of which subject is meant.
    let words: Vec<&str> = types.iter().flat_map(|name| name.split('.')).chain(["module", "data", "jobs", "steps"]).collect();
    let says = |part: &&str| !words.iter().any(|word| wildcard(part, word));
    let rest: String = pattern.split(['.', '/']).filter(says).collect();
    if letters(&rest) < LITERALS {
        return true;
    }
    types.iter().copied().chain([NOBODY]).any(|kind| {
        [
            format!("{kind}.{NOBODY}"),
            format!("{kind}.{NOBODY}[7]"),
            format!("module.{NOBODY}.{kind}.{NOBODY}"),
            format!("{kind}/{NOBODY}"),
            format!("{kind}/{NOBODY}/{NOBODY}"),
            format!("{kind}[7]"),
            format!("{NOBODY}/{kind}[7]"),
            format!("jobs.{NOBODY}.steps[{NOBODY}]"),
        ]
        .iter()
        .any(|probe| wildcard(pattern, probe))
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::fixtures::{FakeSignatures, SECURITY_KEY, TEAM_KEY, day, finding, now, rule, sign, with_approvers};
    use crate::signature::EXCEPTION_NAMESPACE;
    use probity_core::Status;
    use probity_value::FileId;

    struct Case {
        config: Config,
        rules: Vec<Arc<RuleMeta>>,
        authors: Vec<Author>,
        finding: Finding,
    }

    impl Case {
        fn new(config: Config) -> Case {
            let meta = rule("aws-s3-bucket-unlogged", Severity::High);
            let finding = finding(&meta, "aws_s3_bucket.logs", "live/prod/main.tf", Status::Fail);
            Case { config, rules: vec![meta], authors: vec![], finding }
        }

        fn cover(&self, text: &str, signature: Option<Arc<str>>) -> Cover {
            let input =
                RegisterInput { config: &self.config, rules: &self.rules, signatures: &FakeSignatures, authors: &self.authors, now: now() };
            let file = ExceptionFile { path: ".probity/exceptions/e.yaml".into(), text: text.into(), file: FileId(0), signature };
            Register::new(&[file], &input).cover(&self.finding, None, &self.config, now())
        }

        /// `yes`, `no`, or why not.
        fn says(&self, text: &str, signature: Option<Arc<str>>) -> String {
            match self.cover(text, signature) {
                Cover::Nothing => "no".into(),
                Cover::By(_) => "yes".into(),
                Cover::Refused(list) => list[0].1.to_string(),
            }
        }
    }

    /// An exception with these lines besides the usual ones.
    fn text(lines: &str) -> String {
        let mut out = "kind: accepted-risk\nreason: it is the log bucket\n".to_owned();
        for (key, line) in
            [("owner", "owner: team-payments\n"), ("expires", "expires: 2026-12-20\n"), ("rule", "rule: aws-s3-bucket-unlogged\n")]
        {
            if !lines.contains(&format!("{key}:")) {
                out.push_str(line);
            }
        }
        out + lines
    }

    #[test]
    fn what_an_exception_names() {
        let case = Case::new(Config::default());
        let fingerprint = case.finding.fingerprint.to_string();
        let check = |lines: &str, expected: &str| assert_eq!(case.says(&text(lines), None), expected, "{lines}");
        check("subject: aws_s3_bucket.logs", "yes");
        check("subject: aws_s3_bucket.other", "no");
        check("subject: 'aws_s3_bucket.log*'", "yes");
        check("rule: other-rule\nsubject: aws_s3_bucket.logs", "no");
        check(&format!("fingerprint: {fingerprint}"), "yes");
        check(&format!("fingerprint: {}", fingerprint.to_uppercase()), "yes");
        check(&format!("fingerprint: {fingerprint}\nsubject: aws_s3_bucket.other"), "no");
        check("fingerprint: 00000000000000000000000000000000", "no");
        check("subject: aws_s3_bucket.logs\npath: live/prod", "yes");
        check("subject: aws_s3_bucket.logs\npath: 'live/**'", "yes");
        check("subject: aws_s3_bucket.logs\npath: live/test", "no");
    }

    #[test]
    fn fingerprints_are_carried_across_renames() {
        let case = Case::new(Config::default());
        let old = "0123456789abcdef0123456789abcdef";
        let input = RegisterInput { config: &case.config, rules: &case.rules, signatures: &FakeSignatures, authors: &[], now: now() };
        let file =
            ExceptionFile { path: "e.yaml".into(), text: text(&format!("fingerprint: {old}")).into(), file: FileId(0), signature: None };
        let register = Register::new(&[file], &input);
        assert_eq!(register.cover(&case.finding, None, &case.config, now()), Cover::Nothing);
        assert!(matches!(register.cover(&case.finding, Some(old), &case.config, now()), Cover::By(_)));
    }

    #[test]
    fn what_does_not_count_and_why() {
        let case = Case::new(Config::default());
        let check = |lines: &str, expected: &str| assert_eq!(case.says(&text(lines), None), expected, "{lines}");
        check("subject: aws_s3_bucket.logs\nexpires: 2026-11-22", "it ran out on 2026-11-22");
        check("subject: aws_s3_bucket.logs\nexpires: 2026-11-23", "yes");
        check("subject: aws_s3_bucket.logs\nexpires: 2026-12-23", "yes");
        check("subject: aws_s3_bucket.logs\nexpires: 2026-12-24", "it runs 31 more days; 30 is the most for `high` findings");
        let broad = "it is too broad: its subject would match nearly everything";
        for subject in [
            "",
            "subject: '*'",
            "subject: '**'",
            "subject: '*.*'",
            "subject: 'aws_s3_bucket.*'",
            "subject: 'aws_*'",
            "subject: '*_s3_bucket.l*'",
        ] {
            check(subject, broad);
        }
        check("subject: '*'\npath: live/prod", broad);
        check("path: live/prod", broad);
        check("subject: 'aws_s3_bucket.*'\npath: '**'", broad);
        check("subject: 'aws_s3_bucket.*'\npath: '**/*.tf'", broad);
        check("subject: 'aws_s3_bucket.*'\npath: live/prod", "yes");
        let missing = format!("rule: CKV_AWS_18\nfingerprint: {}", case.finding.fingerprint);
        check(&missing, "no");
    }

    #[test]
    fn broken_files_are_errors() {
        let case = Case::new(Config::default());
        let input = RegisterInput { config: &case.config, rules: &case.rules, signatures: &FakeSignatures, authors: &[], now: now() };
        let file = |path: &str, text: &str| ExceptionFile { path: path.into(), text: text.into(), file: FileId(0), signature: None };
        let register =
            Register::new(&[file("a.yaml", "kind: nonsense"), file("b.yaml", &text("rule: aws-s3-bucket-unloged\nsubject: x.y"))], &input);
        assert!(!register.diagnostics.is_empty());
        assert_eq!(
            register.notes(),
            [
                "exception `a.yaml` does not count: its file cannot be read",
                "exception `b` does not count: no rule here answers to `aws-s3-bucket-unloged`; the nearest is `aws-s3-bucket-unlogged`"
            ]
        );
    }

    #[test]
    fn signatures() {
        let mut case = Case::new(with_approvers());
        let exception = text("subject: aws_s3_bucket.logs");
        let by = |key: &str| Some(sign(key, EXCEPTION_NAMESPACE, &exception));
        assert_eq!(case.says(&exception, None), "it is not signed by an approver");
        assert_eq!(case.says(&exception, by(SECURITY_KEY)), "yes");
        assert_eq!(case.says(&exception, by(TEAM_KEY)), "`Tom Team`, who signed it, may not accept `high` findings");
        let wrong = "its signature is not an approver's: the signature does not fit";
        assert_eq!(case.says(&exception, by("ssh-ed25519 AAAAsomebody")), wrong);
        assert_eq!(case.says(&exception, Some(sign(SECURITY_KEY, "file", &exception))), wrong);
        assert_eq!(case.says(&format!("{exception}\n# more\n"), by(SECURITY_KEY)), wrong);
        match case.cover(&exception, by(SECURITY_KEY)) {
            Cover::By(reference) => assert_eq!(reference.by.as_deref(), Some("Sara Sec")),
            other => panic!("{other:?}"),
        }
        // Not required: unsigned counts, a wrong signature still does not.
        case.config.exceptions.require_signature = Some(false);
        assert_eq!(case.says(&exception, None), "yes");
        assert_eq!(case.says(&exception, by("ssh-ed25519 AAAAsomebody")), wrong);
        // Required and nobody named: nothing can be signed.
        case.config = Config::default();
        case.config.exceptions.require_signature = Some(true);
        assert_eq!(case.says(&exception, None), "it is not signed by an approver");
        assert!(case.says(&exception, by(SECURITY_KEY)).contains("no approver is configured"));
    }

    #[test]
    fn nobody_accepts_the_risk_of_their_own_change() {
        let mut case = Case::new(with_approvers());
        let exception = text("subject: aws_s3_bucket.logs");
        let signed = || Some(sign(SECURITY_KEY, EXCEPTION_NAMESPACE, &exception));
        case.authors = vec![Author { name: "S".into(), email: "sara@example.com".into() }];
        let refused = "`Sara Sec` made this change and cannot accept its risk";
        case.finding.existed = Some(false);
        assert_eq!(case.says(&exception, signed()), refused);
        case.finding.existed = None;
        assert_eq!(case.says(&exception, signed()), refused);
        case.finding.existed = Some(true);
        assert_eq!(case.says(&exception, signed()), "yes");
        case.finding.existed = Some(false);
        case.authors = vec![Author { name: "Team-Payments".into(), email: "x@example.com".into() }];
        assert_eq!(case.says(&exception, signed()), "`team-payments` made this change and cannot accept its risk");
        case.authors = vec![Author { name: "Other".into(), email: "x@example.com".into() }];
        assert_eq!(case.says(&exception, signed()), "yes");
    }

    #[test]
    fn some_rules_cannot_be_waived() {
        let mut case = Case::new(Config::default());
        let exception = text("subject: aws_s3_bucket.logs");
        case.config.exceptions.never.insert("AWS-S3-bucket-unlogged".into());
        assert_eq!(case.says(&exception, None), "nothing can waive `aws-s3-bucket-unlogged`");
        case.config.exceptions.never.clear();
        Arc::make_mut(&mut case.finding.rule).waivable = false;
        assert_eq!(case.says(&exception, None), "nothing can waive `aws-s3-bucket-unlogged`");
    }

    #[test]
    fn a_counting_exception_wins_over_one_that_does_not() {
        let case = Case::new(Config::default());
        let input = RegisterInput { config: &case.config, rules: &case.rules, signatures: &FakeSignatures, authors: &[], now: now() };
        let file =
            |path: &str, lines: &str| ExceptionFile { path: path.into(), text: text(lines).into(), file: FileId(0), signature: None };
        let old = file("a.yaml", "subject: aws_s3_bucket.logs\nexpires: 2026-01-01");
        let good = file("b.yaml", "subject: aws_s3_bucket.logs");
        let register = Register::new(&[old, good], &input);
        match register.cover(&case.finding, None, &case.config, now()) {
            Cover::By(reference) => assert_eq!(&*reference.id, "b"),
            other => panic!("{other:?}"),
        }
        assert_eq!(register.entries[0].refusals, [Refusal::Expired(day("2026-01-01"))]);
    }
}
