//! The in-toto statement in a DSSE envelope, as far as it says what it is about. Predicates are read by whoever judges them.

use std::collections::BTreeMap;

use serde::Deserialize;
use serde::de::IgnoredAny;

/// The statements that are read: in-toto Attestation Framework v0.1 and v1, whose fields outside the predicate are the same.
const KINDS: [&str; 2] = ["https://in-toto.io/Statement/v1", "https://in-toto.io/Statement/v0.1"];
/// Most subjects of a statement.
const MAX_SUBJECTS: usize = 65_536;

/// What a statement is about.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Statement {
    /// What kind of predicate is in it.
    pub predicate_type: String,
    /// What it is about.
    pub subjects: Vec<Subject>,
    /// The statement's bytes, as they are signed.
    pub bytes: Vec<u8>,
}

/// One subject.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
pub struct Subject {
    /// Its name; empty for none.
    #[serde(default)]
    pub name: String,
    /// Its digests by algorithm, in hexadecimal digits.
    #[serde(default)]
    pub digest: BTreeMap<String, String>,
}

/// Fields that stand twice are refused.
#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct StatementJson {
    #[serde(rename = "_type")]
    kind: String,
    subject: Vec<Subject>,
    predicate_type: String,
    #[serde(default, rename = "predicate")]
    _predicate: IgnoredAny,
}

impl Statement {
    /// Reads a statement; the error is a sentence about it.
    pub(crate) fn parse(bytes: &[u8]) -> Result<Statement, String> {
        let json: StatementJson =
            serde_json::from_slice(bytes).map_err(|error| format!("the payload is not an in-toto statement: {error}"))?;
        if !KINDS.contains(&&*json.kind) {
            return Err(format!("`{}` is not a kind of statement that is read here", json.kind.chars().take(200).collect::<String>()));
        }
        if json.subject.is_empty() || json.subject.len() > MAX_SUBJECTS {
            return Err(format!("the statement has {} subjects, where 1 to {MAX_SUBJECTS} are allowed", json.subject.len()));
        }
        Ok(Statement { predicate_type: json.predicate_type, subjects: json.subject, bytes: bytes.to_vec() })
    }
}
