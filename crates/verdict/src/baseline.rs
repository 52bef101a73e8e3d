//! The baseline: today's findings, accepted until a day, so that only new ones stop anybody. A JSON file of ours, kept in the
//! repository (`.probity/baseline.json`), optionally signed like an exception (`<file>.sig`).
//!
//! ```json
//! {"version": 1, "created": "2026-11-23", "expires": "2027-02-21",
//!  "findings": [{"fingerprint": "...", "rule": "...", "subject": "...", "file": "..."}]}
//! ```
//! `rule`, `subject` and `file` are for people; only the fingerprint counts.

use std::collections::{BTreeMap, HashSet};
use std::sync::Arc;

use probity_core::{Diagnostic, ExceptionRef, Finding, Level, Status, Timestamp};
use probity_value::{FileId, Span, Value, json};

use crate::config::Config;
use crate::config::reader::{Reader, shown};
use crate::day::has_expired;
use crate::exception::{Author, Cover, Refusal, Signer, find_signer, wrote_it};
use crate::signature::SignatureCheck;
use crate::{Day, own};

/// A baseline file.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Baseline {
    /// The day it was made.
    pub created: Day,
    /// Last day it counts.
    pub expires: Day,
    /// What it covers, by fingerprint.
    pub findings: BTreeMap<Arc<str>, BaselineFinding>,
}

/// What a person wants to know of a finding in a baseline.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct BaselineFinding {
    /// Rule id.
    pub rule: Arc<str>,
    /// Subject id.
    pub subject: Arc<str>,
    /// File.
    pub file: Arc<str>,
}

const CODE: &str = "baseline";

impl Baseline {
    /// Takes in the findings that ask for something and are not covered already, but those nothing can waive, and those about
    /// Probity's own configuration (a required scan stays required). Gives the rule ids left out too.
    #[must_use]
    pub fn of(findings: &[Finding], config: &Config, created: Day, expires: Day) -> (Baseline, Vec<Arc<str>>) {
        let mut left_out = Vec::new();
        let mut kept = BTreeMap::new();
        for finding in findings {
            if !matches!(finding.status, Status::Fail | Status::Warn | Status::Unknown) || finding.exception.is_some() {
                continue;
            }
            if config.never_waived(&finding.rule) || own::is_own(&finding.rule) {
                left_out.push(Arc::clone(&finding.rule.id));
                continue;
            }
            kept.insert(
                Arc::clone(&finding.fingerprint),
                BaselineFinding {
                    rule: Arc::clone(&finding.rule.id),
                    subject: Arc::clone(&finding.subject.id),
                    file: Arc::clone(&finding.subject_at.file),
                },
            );
        }
        left_out.sort();
        left_out.dedup();
        (Baseline { created, expires, findings: kept }, left_out)
    }

    /// The file's text: sorted, one finding a line, so that a change of it reads well.
    #[must_use]
    pub fn write(&self) -> String {
        let mut out =
            format!("{{\n  \"version\": 1,\n  \"created\": \"{}\",\n  \"expires\": \"{}\",\n  \"findings\": [", self.created, self.expires);
        for (position, (fingerprint, finding)) in self.findings.iter().enumerate() {
            out.push_str(if position == 0 { "\n    {" } else { ",\n    {" });
            let parts = [("fingerprint", fingerprint), ("rule", &finding.rule), ("subject", &finding.subject), ("file", &finding.file)];
            for (at, (key, text)) in parts.into_iter().enumerate() {
                out.push_str(if at == 0 { "" } else { ", " });
                out.push_str(&format!("\"{key}\": "));
                json::write_string(text, &mut out);
            }
            out.push('}');
        }
        out.push_str(if self.findings.is_empty() { "]\n}\n" } else { "\n  ]\n}\n" });
        out
    }

    /// Reads a file. `None` comes with at least one diagnostic of level error.
    #[must_use]
    pub fn parse(text: &str, path: &Arc<str>, file: FileId) -> (Option<Baseline>, Vec<Diagnostic>) {
        let (value, problems) = json::parse(text, file);
        if !problems.is_empty() {
            let wrong =
                |problem: probity_value::Problem| Diagnostic::new(Level::Error, CODE, Arc::clone(path), problem.span, problem.message);
            return (None, problems.into_iter().map(wrong).collect());
        }
        let mut reader = Reader::new(path, CODE);
        let baseline = read(&mut reader, &value);
        if reader.diagnostics.is_empty() && baseline.is_none() {
            reader.wrong(Span::NONE, "the file says nothing");
        }
        if reader.diagnostics.is_empty() { (baseline, Vec::new()) } else { (None, reader.diagnostics) }
    }
}

fn read(reader: &mut Reader, value: &Value) -> Option<Baseline> {
    let map = reader.map(value, "a baseline")?;
    reader.keys(map, "", &["version", "created", "expires", "findings"]);
    for key in ["version", "created", "expires", "findings"] {
        reader.missing(map, "", key, value.span);
    }
    if let Some(version) = map.get("version")
        && version.as_int() != Some(1)
    {
        reader.wrong(version.span, "`version` takes 1, the only version of this file there is");
    }
    let mut day = |key: &str| -> Option<Day> {
        let text = reader.text(map, "", key)?;
        match text.parse() {
            Ok(day) => Some(day),
            Err(error) => {
                reader.wrong(map.get(key).map_or(value.span, |value| value.span), format!("`{key}`: {error}"));
                None
            }
        }
    };
    let (created, expires) = (day("created"), day("expires"));
    let mut findings = BTreeMap::new();
    for (position, item) in reader.items(map, "", "findings").iter().enumerate() {
        let at = format!("findings[{position}]");
        let Some(map) = reader.map(item, &at) else { continue };
        reader.keys(map, &at, &["fingerprint", "rule", "subject", "file"]);
        reader.missing(map, &at, "fingerprint", item.span);
        let text = |key: &str| map.get(key).and_then(Value::as_str).unwrap_or_default();
        let finding = BaselineFinding { rule: text("rule").into(), subject: text("subject").into(), file: text("file").into() };
        if let Some(fingerprint) = reader.text(map, &at, "fingerprint")
            && findings.insert(Arc::clone(&fingerprint), finding).is_some()
        {
            reader.wrong(item.span, format!("fingerprint `{}` is listed twice", shown(&fingerprint)));
        }
    }
    Some(Baseline { created: created?, expires: expires?, findings })
}

/// A baseline with what speaks against it.
#[derive(Clone, Debug)]
pub struct JudgedBaseline {
    /// The baseline.
    pub baseline: Baseline,
    /// Who signed it.
    pub signer: Option<Signer>,
    /// What speaks against it whatever the finding.
    pub refusals: Vec<Refusal>,
    self_made: Option<Arc<str>>,
    id: Arc<str>,
}

/// What a baseline is judged by besides the file.
#[derive(Clone, Copy)]
pub struct BaselineInput<'a> {
    /// The configuration that counts.
    pub config: &'a Config,
    /// The file's path.
    pub path: &'a Arc<str>,
    /// The file's text, which the signature is over.
    pub text: &'a str,
    /// Text of `<path>.sig`, where there is one.
    pub signature: Option<&'a str>,
    /// Checks signatures.
    pub signatures: &'a dyn SignatureCheck,
    /// Authors of the change; empty where there is no base revision.
    pub authors: &'a [Author],
    /// The time of the evaluation.
    pub now: Timestamp,
}

impl JudgedBaseline {
    /// Judges a baseline: like an exception it must be signed where exceptions must be, and it runs out.
    #[must_use]
    pub fn new(baseline: Baseline, input: &BaselineInput<'_>) -> JudgedBaseline {
        let config = input.config;
        let mut refusals = Vec::new();
        let mut signer = None;
        match input.signature {
            Some(signature) if config.signature_required() || !config.approvers.is_empty() => {
                match find_signer(&config.approvers, input.text, signature, input.signatures) {
                    Ok(found) => signer = Some(found),
                    Err(why) => refusals.push(Refusal::BadSignature(why)),
                }
            }
            Some(_) => {}
            None if config.signature_required() => refusals.push(Refusal::Unsigned),
            None => {}
        }
        if has_expired(baseline.expires, input.now) {
            refusals.push(Refusal::Expired(baseline.expires));
        }
        let days = Day::of(input.now).days_until(baseline.expires);
        if days > i64::from(config.exceptions.baseline_days) {
            refusals.push(Refusal::OverLong { days, most: config.exceptions.baseline_days, severity: None });
        }
        let self_made = signer
            .as_ref()
            .map(|signer| Arc::clone(&signer.approver.name))
            .filter(|person| wrote_it(person, &config.approvers, input.authors));
        JudgedBaseline { baseline, signer, refusals, self_made, id: Arc::clone(input.path) }
    }

    /// Whether it covers a finding; `earlier` as in the register.
    #[must_use]
    pub fn cover(&self, finding: &Finding, earlier: Option<&str>, config: &Config) -> Cover {
        let known = |fingerprint: &str| self.baseline.findings.contains_key(fingerprint);
        if !known(&finding.fingerprint) && !earlier.is_some_and(known) {
            return Cover::Nothing;
        }
        let severity = finding.rule.severity;
        let refuse = |refusal| Cover::Refused(vec![(Arc::clone(&self.id), refusal)]);
        if config.never_waived(&finding.rule) || own::is_own(&finding.rule) {
            return refuse(Refusal::NotWaivable(Arc::clone(&finding.rule.id)));
        }
        if let Some(refusal) = self.refusals.first() {
            return refuse(refusal.clone());
        }
        if let Some(signer) = &self.signer
            && !signer.approver.may_accept.contains(&severity)
        {
            return refuse(Refusal::NotApproved { by: Arc::clone(&signer.approver.name), severity });
        }
        if finding.existed != Some(true)
            && let Some(who) = &self.self_made
        {
            return refuse(Refusal::SelfMade(Arc::clone(who)));
        }
        Cover::By(ExceptionRef {
            source: "baseline".into(),
            id: Arc::clone(&self.id),
            kind: None,
            reason: format!("in the baseline of {}", self.baseline.created).into(),
            by: self.signer.as_ref().map(|signer| Arc::clone(&signer.approver.name)),
            expires: Some(self.baseline.expires.to_string().into()),
        })
    }

    /// What is to be said of it: that it does not count, or that some of it is mended.
    #[must_use]
    pub fn notes(&self, findings: &[Finding], earlier: &dyn Fn(&Finding) -> Option<Arc<str>>) -> Vec<String> {
        let mut out = Vec::new();
        if let Some(refusal) = self.refusals.first() {
            out.push(format!("baseline `{}` does not count: {refusal}", self.id));
        }
        let mut seen: HashSet<Arc<str>> = HashSet::new();
        for finding in findings {
            seen.insert(Arc::clone(&finding.fingerprint));
            seen.extend(earlier(finding));
        }
        let mended = self.baseline.findings.keys().filter(|fingerprint| !seen.contains(*fingerprint)).count();
        if mended > 0 {
            out.push(format!(
                "{} of the baseline `{}` no longer exist{}: make it anew to keep it short",
                crate::words::count(mended, "finding"),
                self.id,
                if mended == 1 { "s" } else { "" }
            ));
        }
        out
    }

    /// As `Entry::accepts_its_arrival` in the register.
    #[must_use]
    pub fn accepts_its_arrival(&self, severity: probity_core::Severity) -> bool {
        self.refusals.is_empty()
            && self.self_made.is_none()
            && self.signer.as_ref().is_some_and(|signer| signer.approver.may_accept.contains(&severity))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::fixtures::{FakeSignatures, SECURITY_KEY, TEAM_KEY, day, finding, now, rule, sign, with_approvers};
    use crate::signature::EXCEPTION_NAMESPACE;
    use probity_core::Severity;

    fn one() -> Finding {
        finding(&rule("r", Severity::High), "aws_s3_bucket.b", "prod/main.tf", Status::Fail)
    }

    fn judged(baseline: &Baseline, config: &Config, signature: Option<&str>, authors: &[Author]) -> JudgedBaseline {
        let text = baseline.write();
        let path: Arc<str> = ".probity/baseline.json".into();
        let input = BaselineInput { config, path: &path, text: &text, signature, signatures: &FakeSignatures, authors, now: now() };
        JudgedBaseline::new(baseline.clone(), &input)
    }

    fn says(judged: &JudgedBaseline, finding: &Finding, config: &Config) -> String {
        match judged.cover(finding, None, config) {
            Cover::Nothing => "no".into(),
            Cover::By(_) => "yes".into(),
            Cover::Refused(list) => list[0].1.to_string(),
        }
    }

    #[test]
    fn text_and_back() {
        let config = Config::default();
        let mut odd = one();
        odd.subject.id = "a\"b\\c\u{1}\n\u{2028}é".into();
        odd.fingerprint = "ffffffffffffffffffffffffffffffff".into();
        let (baseline, left_out) = Baseline::of(&[one(), odd], &config, day("2026-11-23"), day("2027-02-21"));
        assert!(left_out.is_empty());
        assert_eq!(baseline.findings.len(), 2);
        let text = baseline.write();
        let (read, diagnostics) = Baseline::parse(&text, &"b.json".into(), FileId(0));
        assert_eq!(diagnostics, []);
        assert_eq!(read, Some(baseline));
        let empty = Baseline { created: day("2026-11-23"), expires: day("2026-11-24"), findings: BTreeMap::new() };
        assert_eq!(Baseline::parse(&empty.write(), &"b.json".into(), FileId(0)).0, Some(empty));
    }

    #[test]
    fn broken_files() {
        let good = Baseline::of(&[one()], &Config::default(), day("2026-11-23"), day("2027-02-21")).0.write();
        let check = |text: &str, expected: &str| {
            let (read, diagnostics) = Baseline::parse(text, &"b.json".into(), FileId(0));
            assert!(read.is_none(), "{text}");
            assert!(diagnostics.iter().any(|found| found.message.contains(expected)), "{text}: {diagnostics:?}");
        };
        check("", "");
        check("null", "says nothing");
        check("[]", "takes a map");
        check(&good.replace("\"version\": 1", "\"version\": 2"), "`version` takes 1");
        check(&good.replace("2027-02-21", "later"), "not a day");
        check(&good.replace("\"expires\"", "\"expire\""), "unknown key");
        check(&good.replace("\"fingerprint\"", "\"print\""), "fingerprint` is missing");
        check(good.get(..good.len() / 2).unwrap(), "");
    }

    #[test]
    fn what_counts() {
        let config = Config::default();
        let (baseline, _) = Baseline::of(&[one()], &config, day("2026-11-23"), day("2027-02-21"));
        assert_eq!(says(&judged(&baseline, &config, None, &[]), &one(), &config), "yes");
        let mut new = one();
        new.fingerprint = "0".into();
        assert_eq!(says(&judged(&baseline, &config, None, &[]), &new, &config), "no");
        let ended = Baseline { expires: day("2026-11-22"), ..baseline.clone() };
        assert_eq!(says(&judged(&ended, &config, None, &[]), &one(), &config), "it ran out on 2026-11-22");
        let last_day = Baseline { expires: day("2026-11-23"), ..baseline.clone() };
        assert_eq!(says(&judged(&last_day, &config, None, &[]), &one(), &config), "yes");
        let endless = Baseline { expires: day("2099-01-01"), ..baseline.clone() };
        assert_eq!(says(&judged(&endless, &config, None, &[]), &one(), &config), "it runs 26337 more days; 365 is the most");
        let mut strict = Config::default();
        strict.exceptions.never.insert("r".into());
        assert_eq!(says(&judged(&baseline, &strict, None, &[]), &one(), &strict), "nothing can waive `r`");
        let (without, left_out) = Baseline::of(&[one()], &strict, day("2026-11-23"), day("2027-02-21"));
        assert!(without.findings.is_empty());
        assert_eq!(left_out, [Arc::from("r")]);
    }

    #[test]
    fn a_required_scan_stays_required() {
        let config = Config::default();
        let at = own::whole_file(&"probity.yaml".into());
        let missing = own::finding(own::REQUIRED_SCAN, "dast", at, "absent".into(), "dast", &crate::fixtures::digest);
        let (mut baseline, left_out) = Baseline::of(std::slice::from_ref(&missing), &config, day("2026-11-23"), day("2027-02-21"));
        assert!(baseline.findings.is_empty());
        assert_eq!(left_out.len(), 1);
        let entry = BaselineFinding { rule: "r".into(), subject: "s".into(), file: "f".into() };
        baseline.findings.insert(missing.fingerprint.clone(), entry);
        assert!(says(&judged(&baseline, &config, None, &[]), &missing, &config).starts_with("nothing can waive"));
    }

    #[test]
    fn signed_where_approvers_are_named() {
        let config = with_approvers();
        let (baseline, _) = Baseline::of(&[one()], &config, day("2026-11-23"), day("2027-02-21"));
        let text = baseline.write();
        let by = |key: &str| sign(key, EXCEPTION_NAMESPACE, &text);
        let check = |signature: Option<&str>, authors: &[Author], expected: &str| {
            assert_eq!(says(&judged(&baseline, &config, signature, authors), &one(), &config), expected);
        };
        check(None, &[], "it is not signed by an approver");
        check(Some(&by(SECURITY_KEY)), &[], "yes");
        check(Some(&by(TEAM_KEY)), &[], "`Tom Team`, who signed it, may not accept `high` findings");
        check(Some("nonsense"), &[], "its signature is not an approver's: the signature does not fit");
        let sara = [Author { name: "x".into(), email: "sara@example.com".into() }];
        check(Some(&by(SECURITY_KEY)), &sara, "`Sara Sec` made this change and cannot accept its risk");
    }

    #[test]
    fn what_is_mended_is_said() {
        let config = Config::default();
        let (baseline, _) = Baseline::of(&[one()], &config, day("2026-11-23"), day("2027-02-21"));
        let notes = judged(&baseline, &config, None, &[]).notes(&[], &|_| None);
        assert_eq!(notes, ["1 finding of the baseline `.probity/baseline.json` no longer exists: make it anew to keep it short"]);
        assert!(judged(&baseline, &config, None, &[]).notes(&[one()], &|_| None).is_empty());
    }
}
