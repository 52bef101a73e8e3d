//! The text of an exception file for one finding: what `probity accept` writes, before it is signed.

use std::fmt::Write as _;

use probity_core::{ExceptionKind, Finding, Severity, Timestamp};
use probity_value::json;

use crate::Day;
use crate::config::Config;
use crate::day::has_expired;
use crate::suppression::asks;

/// What is accepted, and on whose word.
#[derive(Clone, Copy, Debug)]
pub struct AcceptRequest<'a> {
    /// The finding.
    pub finding: &'a Finding,
    /// Kind.
    pub kind: ExceptionKind,
    /// Why.
    pub reason: &'a str,
    /// Who answers for it.
    pub owner: &'a str,
    /// Last day.
    pub expires: Day,
}

/// An exception file to be written.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct AcceptedFile {
    /// File name within the folder of exceptions.
    pub name: String,
    /// Its text; the signature is over these bytes.
    pub text: String,
}

/// Why a finding cannot be accepted so.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum AcceptError {
    /// It asks for nothing.
    #[error("the result is `{0}` and asks for no acceptance")]
    NothingToAccept(&'static str),
    /// Nothing may waive the rule.
    #[error("nothing can waive `{0}`")]
    NotWaivable(String),
    /// No reason.
    #[error("a reason is needed")]
    NoReason,
    /// No owner.
    #[error("an owner is needed: who answers for it")]
    NoOwner,
    /// The last day is over.
    #[error("{0} is in the past")]
    Past(Day),
    /// It would run too long to count.
    #[error("{days} days are too long: {most} is the most for `{severity}` findings, {last} the last day")]
    TooLong {
        /// Days asked for.
        days: i64,
        /// Days allowed.
        most: u32,
        /// The severity.
        severity: Severity,
        /// The last day allowed.
        last: Day,
    },
}

/// Makes the text. It names rule, fingerprint, subject and root, so it covers this finding and no other.
///
/// # Errors
/// [`AcceptError`] where the exception could never count.
pub fn exception_file(request: &AcceptRequest<'_>, config: &Config, now: Timestamp) -> Result<AcceptedFile, AcceptError> {
    let finding = request.finding;
    let rule = &finding.rule;
    if !asks(finding.status) {
        return Err(AcceptError::NothingToAccept(finding.status.as_str()));
    }
    if config.never_waived(rule) {
        return Err(AcceptError::NotWaivable(rule.id.to_string()));
    }
    if request.reason.trim().is_empty() {
        return Err(AcceptError::NoReason);
    }
    if request.owner.trim().is_empty() {
        return Err(AcceptError::NoOwner);
    }
    if has_expired(request.expires, now) {
        return Err(AcceptError::Past(request.expires));
    }
    let today = Day::of(now);
    let days = today.days_until(request.expires);
    let most = config.exceptions.max_days.of(rule.severity);
    if days > i64::from(most) {
        return Err(AcceptError::TooLong { days, most, severity: rule.severity, last: today.plus(most) });
    }
    let mut text = String::new();
    let mut line = |key: &str, value: &str| {
        let mut quoted = String::new();
        json::write_string(value, &mut quoted);
        let _ = writeln!(text, "{key}: {quoted}");
    };
    line("kind", request.kind.as_str());
    line("rule", &rule.id);
    line("fingerprint", &finding.fingerprint);
    // A `*` in an id would be read as a pattern; the fingerprint says which subject it is.
    if !finding.subject.id.contains('*') && !finding.subject.id.trim().is_empty() {
        line("subject", &finding.subject.id);
    }
    line("reason", request.reason.trim());
    line("owner", request.owner.trim());
    line("expires", &request.expires.to_string());
    let short: String = finding.fingerprint.chars().filter(char::is_ascii_alphanumeric).take(12).collect();
    let stem: String = rule.id.chars().map(|letter| if letter.is_ascii_alphanumeric() { letter } else { '-' }).take(80).collect();
    Ok(AcceptedFile { name: format!("{stem}-{short}.yaml"), text })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::exception::{Cover, ExceptionFile, Register, RegisterInput};
    use crate::fixtures::{FakeSignatures, day, finding, now, rule};
    use probity_core::Status;
    use probity_value::FileId;
    use std::sync::Arc;

    fn request<'a>(finding: &'a Finding, reason: &'a str, expires: &str) -> AcceptRequest<'a> {
        AcceptRequest { finding, kind: ExceptionKind::AcceptedRisk, reason, owner: "jane@example.com", expires: day(expires) }
    }

    fn covers(finding: &Finding, file: &AcceptedFile, config: &Config) -> bool {
        let rules = [Arc::clone(&finding.rule)];
        let input = RegisterInput { config, rules: &rules, signatures: &FakeSignatures, authors: &[], now: now() };
        let file = ExceptionFile { path: file.name.as_str().into(), text: file.text.as_str().into(), file: FileId(0), signature: None };
        let register = Register::new(&[file], &input);
        assert_eq!(register.diagnostics, []);
        matches!(register.cover(finding, None, config, now()), Cover::By(_))
    }

    #[test]
    fn the_file_covers_its_finding_and_no_other() {
        let config = Config::default();
        let meta = rule("aws-s3-bucket-unlogged", Severity::High);
        let one = finding(&meta, "aws_s3_bucket.logs[0]", "prod/main.tf", Status::Fail);
        let other = finding(&meta, "aws_s3_bucket.logs[1]", "prod/main.tf", Status::Fail);
        let file = exception_file(&request(&one, "the log bucket", "2026-12-01"), &config, now()).unwrap();
        assert!(file.name.starts_with("aws-s3-bucket-unlogged-"), "{}", file.name);
        assert!(covers(&one, &file, &config));
        assert!(!covers(&other, &file, &config));
    }

    #[test]
    fn what_could_never_count_is_refused() {
        let mut config = Config::default();
        let meta = rule("r", Severity::High);
        let one = finding(&meta, "s", "main.tf", Status::Fail);
        let check = |config: &Config, request: AcceptRequest<'_>, expected: &str| {
            assert_eq!(exception_file(&request, config, now()).unwrap_err().to_string(), expected);
        };
        check(&config, request(&one, " ", "2026-12-01"), "a reason is needed");
        check(&config, request(&one, "x", "2026-11-22"), "2026-11-22 is in the past");
        check(
            &config,
            request(&one, "x", "2026-12-24"),
            "31 days are too long: 30 is the most for `high` findings, 2026-12-23 the last day",
        );
        check(&config, AcceptRequest { owner: "", ..request(&one, "x", "2026-12-01") }, "an owner is needed: who answers for it");
        let pass = finding(&meta, "s", "main.tf", Status::Pass);
        check(&config, request(&pass, "x", "2026-12-01"), "the result is `pass` and asks for no acceptance");
        config.exceptions.never.insert("r".into());
        check(&config, request(&one, "x", "2026-12-01"), "nothing can waive `r`");
    }

    #[test]
    fn hostile_names_stay_in_their_quotes() {
        use proptest::prelude::*;
        let config = Config::default();
        proptest!(|(id in "[a-z\\PC\"\\\\\n\r\t'#:&!%@`{}\\[\\]| -]{1,40}", reason in "\\PC{1,60}\n?\\PC{0,20}")| {
            prop_assume!(!reason.trim().is_empty() && !id.trim().is_empty());
            let meta = rule("r", Severity::High);
            let one = finding(&meta, id.trim(), "main.tf", Status::Fail);
            let file = exception_file(&request(&one, &reason, "2026-12-01"), &config, now()).unwrap();
            prop_assert!(covers(&one, &file, &config), "{}", file.text);
        });
    }
}
