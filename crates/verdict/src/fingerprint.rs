//! The identity of a finding across runs: rule, subject, root and judged value; not the line. And the digest of a whole subject, by
//! which `--changed-only` tells what a change touched.

use std::fmt::Write as _;
use std::sync::Arc;

use probity_core::Digest;
use probity_value::{Data, Number, UnknownKind, Value, json};

/// How deep a judged value is looked into; values are never made deeper than this by readers of ours.
const MAX_DEPTH: usize = 512;

/// The fingerprint: the first 32 hexadecimal digits of a SHA-256 (`digest`) over the parts, each with its length before it, so that
/// no two different sets of parts give the same bytes. `judged` is [`canonical`] text of the value that decided, if one did.
#[must_use]
pub fn fingerprint(rule: &str, subject: &str, root: &str, judged: Option<&str>, digest: &dyn Fn(&[u8]) -> Digest) -> Arc<str> {
    let mut bytes = Vec::with_capacity(64 + rule.len() + subject.len() + root.len() + judged.map_or(0, str::len));
    for part in ["probity-fingerprint-v1", rule, subject, root] {
        push(&mut bytes, part);
    }
    if let Some(judged) = judged {
        push(&mut bytes, judged);
    }
    let text = digest(&bytes).to_string();
    text.get(..32).unwrap_or(&text).into()
}

fn push(bytes: &mut Vec<u8>, part: &str) {
    bytes.extend_from_slice(&(part.len() as u64).to_be_bytes());
    bytes.extend_from_slice(part.as_bytes());
}

/// Text of a value that is the same for equal values: keys sorted, whole numbers without a fraction. Sensitive values and their
/// parts leave no trace but that they are sensitive; an unknown one leaves its kind and what it surely starts with.
#[must_use]
pub fn canonical(value: &Value) -> String {
    let mut out = String::new();
    write_canonical(value, true, 0, &mut out);
    out
}

/// Digest of a subject's whole value, sensitive parts too: only for comparing two revisions within one run, never to be stored.
#[must_use]
pub fn subject_digest(value: &Value, digest: &dyn Fn(&[u8]) -> Digest) -> Digest {
    let mut out = String::new();
    write_canonical(value, false, 0, &mut out);
    digest(out.as_bytes())
}

fn write_canonical(value: &Value, hide: bool, depth: usize, out: &mut String) {
    if hide && value.sensitive {
        out.push_str("!sensitive");
        return;
    }
    if depth > MAX_DEPTH {
        out.push_str("!deep");
        return;
    }
    match &value.data {
        Data::Null => out.push_str("null"),
        Data::Bool(value) => out.push_str(if *value { "true" } else { "false" }),
        Data::Number(Number::Int(number)) => {
            let _ = write!(out, "{number}");
        }
        Data::Number(Number::Float(number)) => {
            let _ = write!(out, "{number:?}");
        }
        Data::String(text) => json::write_string(text, out),
        Data::List(items) => {
            out.push('[');
            for (position, item) in items.iter().enumerate() {
                if position > 0 {
                    out.push(',');
                }
                write_canonical(item, hide, depth + 1, out);
            }
            out.push(']');
        }
        Data::Map(map) => {
            let mut entries: Vec<_> = map.iter().collect();
            entries.sort_unstable_by(|a, b| a.0.cmp(b.0));
            out.push('{');
            for (position, (key, entry)) in entries.into_iter().enumerate() {
                if position > 0 {
                    out.push(',');
                }
                json::write_string(key, out);
                out.push(':');
                write_canonical(&entry.value, hide, depth + 1, out);
            }
            out.push('}');
        }
        Data::Unknown(unknown) => {
            out.push_str(match unknown.kind {
                UnknownKind::Reference => "!reference",
                UnknownKind::Variable => "!variable",
                UnknownKind::DataSource => "!data-source",
                UnknownKind::Module => "!module",
                UnknownKind::Function => "!function",
                UnknownKind::File => "!file",
                UnknownKind::Invalid => "!invalid",
                UnknownKind::Limit => "!limit",
            });
            // What an unknown text surely holds is part of what is judged: an IAM policy with one unknown ARN in it.
            json::write_string(&unknown.prefix, out);
            if !unknown.suffix.is_empty() {
                json::write_string(&unknown.suffix, out);
            }
            if let Some(decoded) = &unknown.decoded {
                write_canonical(decoded, hide, depth + 1, out);
            }
            for reference in value.references() {
                json::write_string(&reference.subject, out);
                json::write_string(&reference.attribute, out);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::fixtures::digest;
    use probity_value::{Map, Span};

    fn print(rule: &str, subject: &str, root: &str, judged: Option<&str>) -> Arc<str> {
        fingerprint(rule, subject, root, judged, &digest)
    }

    #[test]
    fn every_part_counts_and_none_runs_into_another() {
        let one = print("r", "s", "prod", Some("true"));
        assert_eq!(one.len(), 32);
        assert_eq!(one, print("r", "s", "prod", Some("true")));
        for other in [
            print("r2", "s", "prod", Some("true")),
            print("r", "s2", "prod", Some("true")),
            print("r", "s", "test", Some("true")),
            print("r", "s", "prod", Some("false")),
            print("r", "s", "prod", Some("")),
            print("r", "s", "prod", None),
            print("rs", "", "prod", Some("true")),
            print("r", "sprod", "", Some("true")),
        ] {
            assert_ne!(one, other);
        }
    }

    #[test]
    fn canonical_text() {
        let check = |value: Value, expected: &str| assert_eq!(canonical(&value), expected);
        let mut map = Map::new();
        map.insert("b", Span::NONE, Value::int(1, Span::NONE));
        map.insert("a", Span::NONE, Value::list(vec![Value::bool(true, Span::NONE), Value::null(Span::NONE)], Span::NONE));
        check(Value::map(map, Span::NONE), r#"{"a":[true,null],"b":1}"#);
        check(Value::number(1.0, Span::NONE), "1");
        check(Value::number(0.5, Span::NONE), "0.5");
        check(Value::string("a\"b", Span::NONE), r#""a\"b""#);
        check(Value::unknown(UnknownKind::Variable, "no value", Span::NONE), r#"!variable"""#);
        check(Value::reference("aws_kms_key.k", "arn", Span::NONE), r#"!reference"""aws_kms_key.k""arn""#);
    }

    #[test]
    fn secrets_leave_no_trace() {
        let mut secret = Value::string("hunter2", Span::NONE);
        secret.sensitive = true;
        let list = Value::list(vec![secret.clone()], Span::NONE);
        assert_eq!(canonical(&list), "[!sensitive]");
        let mut other = Value::string("hunter3", Span::NONE);
        other.sensitive = true;
        assert_eq!(canonical(&secret), canonical(&other));
        assert_ne!(subject_digest(&secret, &digest), subject_digest(&other, &digest));
    }

    #[test]
    fn deep_values_end() {
        let mut value = Value::null(Span::NONE);
        for _ in 0..2_000 {
            value = Value::list(vec![value], Span::NONE);
        }
        assert!(canonical(&value).contains("!deep"));
    }
}
