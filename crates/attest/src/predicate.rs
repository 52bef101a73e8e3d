//! Predicates that are attested from a file: the short names Cosign has for their types, and what must be in them to be what they say.

use probity_core::Timestamp;
use serde_json::{Map, Value};

use crate::statement::{StatementError, format_time};

/// The type of a predicate that is any text (Cosign's `custom`).
pub const CUSTOM: &str = "https://cosign.sigstore.dev/attestation/v1";

/// A type with a short name.
struct Known {
    names: &'static [&'static str],
    uri: &'static str,
    /// Members that must be there, by path.
    required: &'static [&'static [&'static str]],
}

/// As `cosign attest-blob --type` has them, but for `spdx`, the tag-value text, which has no place in a statement.
const KNOWN: &[Known] = &[
    Known { names: &["custom"], uri: CUSTOM, required: &[] },
    Known { names: &["cyclonedx"], uri: "https://cyclonedx.org/bom", required: &[&["bomFormat"], &["specVersion"]] },
    Known { names: &["link"], uri: "https://in-toto.io/Link/v1", required: &[&["name"], &["materials"], &["products"]] },
    Known { names: &["openvex"], uri: "https://openvex.dev/ns", required: &[&["@context"], &["statements"]] },
    Known {
        names: &["slsaprovenance", "slsaprovenance02"],
        uri: "https://slsa.dev/provenance/v0.2",
        required: &[&["builder", "id"], &["buildType"]],
    },
    Known {
        names: &["slsaprovenance1"],
        uri: "https://slsa.dev/provenance/v1",
        required: &[&["buildDefinition", "buildType"], &["runDetails", "builder", "id"]],
    },
    Known { names: &["spdxjson"], uri: "https://spdx.dev/Document", required: &[&["spdxVersion"], &["SPDXID"]] },
    Known { names: &["vuln"], uri: "https://cosign.sigstore.dev/attestation/vuln/v1", required: &[&["scanner", "uri"], &["metadata"]] },
];

/// A predicate that cannot be attested.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum PredicateError {
    /// Neither a short name nor an absolute address.
    #[error("`{0}` is no type of predicate; it is one of {names}, or a URI", names = names().join(", "))]
    Type(String),
    /// Not JSON, or no object.
    #[error("a predicate of the type {0} must be a JSON object: {1}")]
    Json(String, String),
    /// Something else than it is said to be.
    #[error("it is no predicate of the type {0}: `{1}` is missing")]
    Missing(String, String),
    /// Text that is not UTF-8.
    #[error("the predicate is not UTF-8 text")]
    NotText,
    /// A time that cannot be written.
    #[error(transparent)]
    Time(#[from] StatementError),
}

/// The short names of types, sorted.
#[must_use]
pub fn names() -> Vec<&'static str> {
    KNOWN.iter().flat_map(|known| known.names).copied().collect()
}

/// The URI of a predicate's type, given by its short name or as it is.
pub fn type_uri(given: &str) -> Result<String, PredicateError> {
    if let Some(known) = KNOWN.iter().find(|known| known.names.contains(&given)) {
        return Ok(known.uri.to_owned());
    }
    let (scheme, rest) = given.split_once(':').unwrap_or_default();
    let begins = scheme.bytes().next().is_some_and(|letter| letter.is_ascii_alphabetic());
    let scheme = begins && scheme.bytes().all(|letter| letter.is_ascii_alphanumeric() || b"+-.".contains(&letter));
    let visible = given.len() <= 2048 && given.bytes().all(|letter| letter.is_ascii_graphic());
    if scheme && visible && !rest.is_empty() {
        return Ok(given.to_owned());
    }
    Err(PredicateError::Type(given.chars().take(80).filter(|letter| !letter.is_control()).collect()))
}

/// The predicate of a file for a type's URI. Any text is wrapped with the time, as Cosign does, where the type is [`CUSTOM`].
pub fn body(uri: &str, bytes: &[u8], now: Timestamp) -> Result<Map<String, Value>, PredicateError> {
    if uri == CUSTOM {
        let text = std::str::from_utf8(bytes).map_err(|_| PredicateError::NotText)?;
        let whole = Timestamp { nanoseconds: 0, ..now };
        let pairs = [("Data", Value::from(text)), ("Timestamp", Value::from(format_time(whole)?))];
        return Ok(pairs.into_iter().map(|(name, value)| (name.to_owned(), value)).collect());
    }
    let json = |why: String| PredicateError::Json(uri.to_owned(), why);
    let body = match serde_json::from_slice(bytes) {
        Ok(Value::Object(body)) => body,
        Ok(_) => return Err(json("it is another value".to_owned())),
        Err(error) => return Err(json(error.to_string())),
    };
    let required = KNOWN.iter().find(|known| known.uri == uri).map_or(&[][..], |known| known.required);
    for path in required {
        let mut members = path.iter();
        let first = members.next().and_then(|name| body.get(*name));
        let found = members.fold(first, |value, name| value.and_then(|value| value.get(*name)));
        if found.is_none() {
            return Err(PredicateError::Missing(uri.to_owned(), path.join(".")));
        }
    }
    Ok(body)
}

#[cfg(test)]
mod tests {
    use super::*;

    const NOW: Timestamp = Timestamp { seconds: 1_769_860_800, nanoseconds: 5 };

    #[test]
    fn types() {
        let check = |given: &str, expected: Option<&str>| assert_eq!(type_uri(given).ok().as_deref(), expected, "{given}");
        check("slsaprovenance1", Some("https://slsa.dev/provenance/v1"));
        check("slsaprovenance", Some("https://slsa.dev/provenance/v0.2"));
        check("spdxjson", Some("https://spdx.dev/Document"));
        check("cyclonedx", Some("https://cyclonedx.org/bom"));
        check("vuln", Some("https://cosign.sigstore.dev/attestation/vuln/v1"));
        check("openvex", Some("https://openvex.dev/ns"));
        check("link", Some("https://in-toto.io/Link/v1"));
        check("custom", Some(CUSTOM));
        check("https://example.com/review/v1", Some("https://example.com/review/v1"));
        check("urn:example:review", Some("urn:example:review"));
        check("review", None);
        check("", None);
        check(":", None);
        check("https:", None);
        check("1a:b", None);
        check("https://example.com/a b", None);
        assert!(names().is_sorted());
    }

    #[test]
    fn bodies() {
        let custom = body(CUSTOM, b"looked at by two\n", NOW).unwrap();
        assert_eq!(Value::Object(custom), serde_json::json!({ "Data": "looked at by two\n", "Timestamp": "2026-01-31T12:00:00Z" }));
        assert_eq!(body(CUSTOM, b"\xff", NOW), Err(PredicateError::NotText));
        let check = |name: &str, text: &str, expected: &str| {
            let uri = type_uri(name).unwrap();
            let said = body(&uri, text.as_bytes(), NOW).map_or_else(|error| error.to_string(), |_| "taken".to_owned());
            assert!(said.contains(expected), "{name} {text}: {said}");
        };
        check("https://example.com/p", "{}", "taken");
        check("https://example.com/p", "[]", "must be a JSON object");
        check("https://example.com/p", "{", "must be a JSON object");
        check("cyclonedx", r#"{"bomFormat":"CycloneDX","specVersion":"1.6"}"#, "taken");
        check("cyclonedx", r#"{"spdxVersion":"SPDX-2.3"}"#, "`bomFormat` is missing");
        check("spdxjson", r#"{"spdxVersion":"SPDX-2.3","SPDXID":"SPDXRef-DOCUMENT"}"#, "taken");
        check("slsaprovenance1", r#"{"buildDefinition":{"buildType":"b"},"runDetails":{"builder":{"id":"i"}}}"#, "taken");
        check(
            "slsaprovenance1",
            r#"{"buildDefinition":{"buildType":"b"},"runDetails":{"builder":"i"}}"#,
            "`runDetails.builder.id` is missing",
        );
        check("slsaprovenance1", r#"{"builder":{"id":"i"},"buildType":"b"}"#, "`buildDefinition.buildType` is missing");
        check("vuln", r#"{"scanner":{"uri":"u"},"metadata":{}}"#, "taken");
    }
}
