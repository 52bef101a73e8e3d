//! One exception file to an [`Exception`]: YAML, unknown keys refused, everything wrong said at once.

use std::collections::BTreeSet;
use std::sync::Arc;

use probity_core::{Diagnostic, Exception, ExceptionKind};
use probity_value::{FileId, Span};

use crate::Day;
use crate::config::reader::{Reader, shown};
use crate::pattern::PathPattern;

/// An exception file as read.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ExceptionFile {
    /// Path relative to the repository.
    pub path: Arc<str>,
    /// Its text, byte for byte: what the signature is over.
    pub text: Arc<str>,
    /// Number of the text, for places.
    pub file: FileId,
    /// Text of `<path>.sig`, where there is one.
    pub signature: Option<Arc<str>>,
}

const KEYS: &[&str] = &["kind", "rule", "fingerprint", "fingerprints", "subject", "path", "reason", "owner", "expires"];
const KINDS: &[&str] = &["accepted-risk", "false-positive", "compensating-control"];

/// Code of every diagnostic about an exception file.
const CODE: &str = "exception";

/// Reads one file. `None` comes with at least one diagnostic of level error.
#[must_use]
pub fn parse(input: &ExceptionFile) -> (Option<Exception>, Vec<Diagnostic>) {
    let mut reader = Reader::new(&input.path, CODE);
    let exception = read(&mut reader, input);
    if reader.diagnostics.is_empty() && exception.is_none() {
        reader.wrong(Span::NONE, "the file says nothing");
    }
    if reader.diagnostics.is_empty() { (exception, Vec::new()) } else { (None, reader.diagnostics) }
}

fn read(reader: &mut Reader, input: &ExceptionFile) -> Option<Exception> {
    let value = reader.document(&input.text, input.file)?;
    let map = reader.map(&value, "an exception")?;
    reader.keys(map, "", KEYS);
    for key in ["kind", "reason", "owner", "expires"] {
        reader.missing(map, "", key, value.span);
    }
    let kind = map.get("kind").and_then(|value| kind(reader, value));
    let rule = reader.text(map, "", "rule");
    let mut fingerprints: BTreeSet<Arc<str>> = reader.texts(map, "", "fingerprints").into_iter().collect();
    fingerprints.extend(reader.text(map, "", "fingerprint"));
    for fingerprint in &fingerprints {
        if fingerprint.len() < 16 || !fingerprint.bytes().all(|byte| byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b':' | b'_')) {
            reader.wrong(value.span, format!("`{}` is not a whole fingerprint", shown(fingerprint)));
        }
    }
    if rule.is_none() && fingerprints.is_empty() && !map.contains_key("rule") {
        reader.wrong(value.span, "neither `rule` nor `fingerprint` says what is excepted");
    }
    let subject = reader.text(map, "", "subject");
    let path = reader.text(map, "", "path");
    if let Some(path) = &path
        && let Err(error) = PathPattern::new(path)
    {
        reader.wrong(map.get("path").map_or(value.span, |value| value.span), error.to_string());
    }
    let reason = reader.text(map, "", "reason");
    let owner = reader.text(map, "", "owner");
    let expires = reader.text(map, "", "expires");
    if let Some(text) = &expires
        && let Err(error) = text.parse::<Day>()
    {
        reader.wrong(map.get("expires").map_or(value.span, |value| value.span), error.to_string());
    }
    Some(Exception {
        id: stem(&input.path).into(),
        kind: kind?,
        rule: rule.unwrap_or_default(),
        fingerprints: fingerprints.into_iter().collect(),
        subject: subject.unwrap_or_default(),
        path: path.unwrap_or_default(),
        reason: reason?,
        owner: owner?,
        expires: expires?,
        file: Arc::clone(&input.path),
    })
}

fn kind(reader: &mut Reader, value: &probity_value::Value) -> Option<ExceptionKind> {
    let text = reader.text_of(value, "kind")?;
    let found = ExceptionKind::ALL.iter().copied().find(|kind| kind.as_str() == &*text);
    if found.is_none() {
        let message = format!("`kind` takes one of {}; `{}` is none of them", KINDS.join(", "), shown(&text));
        match crate::words::nearest(&text, KINDS.iter().copied()) {
            Some(near) => reader.wrong_hint(value.span, message, format!("did you mean `{near}`?")),
            None => reader.wrong(value.span, message),
        }
    }
    found
}

/// The file name without folders and its ending.
fn stem(path: &str) -> &str {
    let name = path.rsplit('/').next().unwrap_or(path);
    name.strip_suffix(".yaml").or_else(|| name.strip_suffix(".yml")).unwrap_or(name)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read_text(text: &str) -> (Option<Exception>, Vec<Diagnostic>) {
        parse(&ExceptionFile { path: ".probity/exceptions/logs.yaml".into(), text: text.into(), file: FileId(0), signature: None })
    }

    const GOOD: &str = "kind: accepted-risk\nrule: aws-s3-bucket-unlogged\nsubject: aws_s3_bucket.logs\nreason: it is the log bucket\n\
                        owner: jane@example.com\nexpires: 2026-12-31\n";

    #[test]
    fn a_whole_file() {
        let (exception, diagnostics) = read_text(GOOD);
        assert_eq!(diagnostics, []);
        let exception = exception.unwrap();
        assert_eq!(&*exception.id, "logs");
        assert_eq!(exception.kind, ExceptionKind::AcceptedRisk);
        assert_eq!(&*exception.expires, "2026-12-31");
        let (exception, _) =
            read_text(&format!("{GOOD}fingerprint: 00112233445566778899aabbccddeeff\nfingerprints: [ffeeddccbbaa99887766]\n"));
        assert_eq!(exception.unwrap().fingerprints.len(), 2);
    }

    #[test]
    fn broken_files() {
        let check = |text: &str, expected: &str| {
            let (exception, diagnostics) = read_text(text);
            assert!(exception.is_none(), "{text}");
            assert!(diagnostics.iter().any(|found| found.message.contains(expected)), "{text}: {diagnostics:?}");
        };
        check("", "says nothing");
        check("[1]", "takes a map");
        check("a: [", "");
        check(&GOOD.replace("expires: 2026-12-31", "expires: tomorrow"), "not a day");
        check(&GOOD.replace("expires: 2026-12-31", "expire: 2026-12-31"), "unknown key `expire`");
        check(&GOOD.replace("expires: 2026-12-31", ""), "`expires` is missing");
        check(&GOOD.replace("accepted-risk", "accepted_risk"), "none of them");
        check(&GOOD.replace("reason: it is the log bucket", "reason: ''"), "empty");
        check(&GOOD.replace("rule: aws-s3-bucket-unlogged\n", ""), "neither");
        check(&format!("{GOOD}reason: twice\n"), "");
        check(&format!("{GOOD}path: ../x\n"), "leads out");
        check(&format!("{GOOD}fingerprint: abc\n"), "whole fingerprint");
        check(&format!("{GOOD}---\n{GOOD}"), "second document");
    }
}
