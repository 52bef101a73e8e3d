//! in-toto Statements v1 and the predicates Probity writes: what was decided about which subject. Where records are kept is the
//! ledger's business.

use std::collections::BTreeMap;

use probity_core::{Digest, Timestamp};
use serde::Deserialize;
use serde_json::{Map, Value, json};

use crate::dsse::{self, DsseError, Envelope};
use crate::{KeyProvider, SignError};

/// `_type` of every statement (in-toto Attestation Framework v1).
pub const STATEMENT_V1: &str = "https://in-toto.io/Statement/v1";
/// Predicate type of a decision that was reached: SLSA Verification Summary v1.
pub const VERIFICATION_SUMMARY_V1: &str = "https://slsa.dev/verification_summary/v1";
/// Predicate type of a decision that could not be reached. The body is that of a Verification Summary.
pub const COULD_NOT_DECIDE_V1: &str = "https://probity.dev/could-not-decide/v1";
/// Most bytes of one record, envelope and all: the length prefix of tlog-tiles has 16 bits.
pub const MAX_RECORD: usize = 65_535;

/// A statement that cannot be written, signed or read.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum StatementError {
    /// in-toto wants at least one subject, each with a digest.
    #[error("a statement needs at least one subject, each with at least one digest")]
    NoSubject,
    /// The time is outside the years that RFC 3339 can write.
    #[error("the time {0} s cannot be written as a date")]
    Time(i64),
    /// More bytes than a record may have.
    #[error("the record has {0} bytes, more than {MAX_RECORD}; put details into a stored blob and name it by digest")]
    TooLarge(usize),
    /// The signer failed.
    #[error(transparent)]
    Sign(#[from] SignError),
    /// Not a statement.
    #[error("not an in-toto statement: {0}")]
    Json(String),
    /// A statement of another kind or version.
    #[error("`{0}` is not the kind of statement that is read here")]
    Kind(String),
    /// The envelope is wrong.
    #[error(transparent)]
    Envelope(#[from] DsseError),
}

/// in-toto ResourceDescriptor: what is meant, by name, address and digests (`sha256`, `gitCommit`, `gitTree`).
#[derive(Clone, Debug, Default, PartialEq, Eq, Deserialize)]
pub struct Descriptor {
    /// Name; empty for none.
    #[serde(default)]
    pub name: String,
    /// Address; empty for none.
    #[serde(default)]
    pub uri: String,
    /// Digests by algorithm, lower-case hexadecimal digits.
    #[serde(default)]
    pub digest: BTreeMap<String, String>,
    /// What else is said of it, as Cosign's `-a` does.
    #[serde(default)]
    pub annotations: Map<String, Value>,
}

impl Descriptor {
    /// A name with a SHA-256.
    #[must_use]
    pub fn sha256(name: impl Into<String>, digest: Digest) -> Descriptor {
        let digest = BTreeMap::from([("sha256".to_owned(), digest.to_string())]);
        Descriptor { name: name.into(), digest, ..Descriptor::default() }
    }

    fn to_json(&self) -> Value {
        let mut out = Map::new();
        for (key, text) in [("name", &self.name), ("uri", &self.uri)] {
            if !text.is_empty() {
                out.insert(key.to_owned(), json!(text));
            }
        }
        if !self.digest.is_empty() {
            out.insert("digest".to_owned(), json!(self.digest));
        }
        if !self.annotations.is_empty() {
            out.insert("annotations".to_owned(), Value::Object(self.annotations.clone()));
        }
        Value::Object(out)
    }
}

/// Bytes in the content store that a record names.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Blob {
    /// What it is: `manifest`.
    pub name: String,
    /// SHA-256 of its bytes.
    pub digest: Digest,
    /// How many bytes.
    pub size: u64,
}

impl Blob {
    /// As it stands under `probity.blobs`.
    pub(crate) fn to_json(&self) -> Value {
        json!({ "name": self.name, "digest": { "sha256": self.digest.to_string() }, "size": self.size })
    }
}

/// An in-toto Statement v1.
#[derive(Clone, Debug, PartialEq)]
pub struct Statement {
    /// What it is about; at least one, each with a digest.
    pub subjects: Vec<Descriptor>,
    /// What kind of predicate follows.
    pub predicate_type: String,
    /// What is said of the subjects.
    pub predicate: Map<String, Value>,
}

#[derive(Deserialize)]
struct StatementJson {
    #[serde(rename = "_type")]
    kind: String,
    subject: Vec<Descriptor>,
    #[serde(rename = "predicateType")]
    predicate_type: String,
    predicate: Map<String, Value>,
}

#[derive(Deserialize)]
struct BlobJson {
    name: String,
    digest: BTreeMap<String, String>,
    size: u64,
}

impl Statement {
    /// Reads the payload of an envelope.
    pub fn parse(payload: &[u8]) -> Result<Statement, StatementError> {
        let json: StatementJson = serde_json::from_slice(payload).map_err(|error| StatementError::Json(error.to_string()))?;
        if json.kind != STATEMENT_V1 {
            return Err(StatementError::Kind(json.kind));
        }
        let statement = Statement { subjects: json.subject, predicate_type: json.predicate_type, predicate: json.predicate };
        statement.check_subjects()?;
        Ok(statement)
    }

    /// Reads the statement in a record. Nothing is verified.
    pub fn of_record(record: &[u8]) -> Result<Statement, StatementError> {
        let envelope = Envelope::parse(record)?;
        if envelope.payload_type != dsse::IN_TOTO {
            return Err(StatementError::Kind(envelope.payload_type));
        }
        Statement::parse(&envelope.payload)
    }

    /// The payload bytes; the same statement always gives the same.
    pub fn to_payload(&self) -> Result<Vec<u8>, StatementError> {
        self.check_subjects()?;
        let subjects: Vec<Value> = self.subjects.iter().map(Descriptor::to_json).collect();
        let whole = json!({
            "_type": STATEMENT_V1, "subject": subjects, "predicateType": self.predicate_type, "predicate": self.predicate,
        });
        Ok(whole.to_string().into_bytes())
    }

    /// The signed record: a DSSE envelope of at most [`MAX_RECORD`] bytes.
    pub fn sign(&self, key: &dyn KeyProvider) -> Result<Vec<u8>, StatementError> {
        let record = dsse::sign(dsse::IN_TOTO, &self.to_payload()?, key)?.to_bytes();
        if record.len() > MAX_RECORD {
            return Err(StatementError::TooLarge(record.len()));
        }
        Ok(record)
    }

    /// The blobs it names under `probity.blobs` of its predicate; none for a statement of somebody else.
    pub fn blobs(&self) -> Result<Vec<Blob>, StatementError> {
        let Some(ours) = self.predicate.get("probity") else { return Ok(Vec::new()) };
        let Some(blobs) = ours.get("blobs") else { return Ok(Vec::new()) };
        let wrong = |why: String| StatementError::Json(format!("`probity.blobs`: {why}"));
        let listed: Vec<BlobJson> = Deserialize::deserialize(blobs).map_err(|error: serde_json::Error| wrong(error.to_string()))?;
        let each = listed.into_iter().map(|blob| {
            let text = blob.digest.get("sha256").ok_or_else(|| wrong(format!("`{}` has no sha256", blob.name)))?;
            let digest = text.parse().map_err(|error: probity_core::ParseDigestError| wrong(error.to_string()))?;
            Ok(Blob { name: blob.name, digest, size: blob.size })
        });
        each.collect()
    }

    fn check_subjects(&self) -> Result<(), StatementError> {
        let complete = !self.subjects.is_empty() && self.subjects.iter().all(|subject| !subject.digest.is_empty());
        if complete { Ok(()) } else { Err(StatementError::NoSubject) }
    }
}

/// How a decision ended.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub enum Outcome {
    /// Green, or yellow that was accepted or needs no acceptance.
    Passed,
    /// Red, or yellow without the acceptance it needs.
    Failed,
    /// Nothing could be decided.
    Undecided,
}

impl Outcome {
    /// The word in `verificationResult`.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Outcome::Passed => "PASSED",
            Outcome::Failed => "FAILED",
            Outcome::Undecided => "UNDECIDED",
        }
    }

    const fn predicate_type(self) -> &'static str {
        match self {
            Outcome::Passed | Outcome::Failed => VERIFICATION_SUMMARY_V1,
            Outcome::Undecided => COULD_NOT_DECIDE_V1,
        }
    }
}

/// A decision as a SLSA Verification Summary v1, or as its sibling where nothing could be decided.
#[derive(Clone, Debug, PartialEq)]
pub struct Decision {
    /// What was judged.
    pub subjects: Vec<Descriptor>,
    /// Address of who judged: `https://probity.dev/gate/v1`.
    pub verifier: String,
    /// Versions of its parts: `probity` to `0.1.0`.
    pub versions: BTreeMap<String, String>,
    /// When it was judged.
    pub time: Timestamp,
    /// Address of what was judged: `git+https://...`, `file:payments`.
    pub resource_uri: String,
    /// By which policies: address and digest.
    pub policy: Descriptor,
    /// Signed inputs that took part.
    pub input_attestations: Vec<Descriptor>,
    /// How it ended.
    pub outcome: Outcome,
    /// Levels that were verified; SLSA reserves the names that begin with `SLSA_`.
    pub verified_levels: Vec<String>,
    /// Stored bytes the record names.
    pub blobs: Vec<Blob>,
    /// What else there is to say, under `probity`: counts, reasons, the engine's digest. `blobs` is not to be used as a key.
    pub probity: Map<String, Value>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct DecisionJson {
    verifier: VerifierJson,
    time_verified: String,
    resource_uri: String,
    policy: Descriptor,
    #[serde(default)]
    input_attestations: Vec<Descriptor>,
    verification_result: String,
    #[serde(default)]
    verified_levels: Vec<String>,
    #[serde(default)]
    probity: Map<String, Value>,
}

#[derive(Deserialize)]
struct VerifierJson {
    id: String,
    #[serde(default)]
    version: BTreeMap<String, String>,
}

impl Decision {
    /// The statement to sign.
    pub fn to_statement(&self) -> Result<Statement, StatementError> {
        let mut ours = self.probity.clone();
        ours.insert("blobs".to_owned(), Value::Array(self.blobs.iter().map(Blob::to_json).collect()));
        let inputs: Vec<Value> = self.input_attestations.iter().map(Descriptor::to_json).collect();
        let predicate = Map::from_iter([
            ("verifier".to_owned(), json!({ "id": self.verifier, "version": self.versions })),
            ("timeVerified".to_owned(), json!(format_time(self.time)?)),
            ("resourceUri".to_owned(), json!(self.resource_uri)),
            ("policy".to_owned(), self.policy.to_json()),
            ("inputAttestations".to_owned(), Value::Array(inputs)),
            ("verificationResult".to_owned(), json!(self.outcome.as_str())),
            ("verifiedLevels".to_owned(), json!(self.verified_levels)),
            ("probity".to_owned(), Value::Object(ours)),
        ]);
        Ok(Statement { subjects: self.subjects.clone(), predicate_type: self.outcome.predicate_type().to_owned(), predicate })
    }

    /// Reads a decision back. The result has to fit the predicate type.
    pub fn of_statement(statement: &Statement) -> Result<Decision, StatementError> {
        let wrong = |why: String| StatementError::Json(why);
        let outcome = match statement.predicate_type.as_str() {
            VERIFICATION_SUMMARY_V1 | COULD_NOT_DECIDE_V1 => statement.predicate.get("verificationResult").and_then(Value::as_str),
            other => return Err(StatementError::Kind(other.to_owned())),
        };
        let outcome = [Outcome::Passed, Outcome::Failed, Outcome::Undecided]
            .into_iter()
            .find(|each| Some(each.as_str()) == outcome && each.predicate_type() == statement.predicate_type)
            .ok_or_else(|| wrong(format!("the `verificationResult` does not fit `{}`", statement.predicate_type)))?;
        let json: DecisionJson = Deserialize::deserialize(Value::Object(statement.predicate.clone()))
            .map_err(|error: serde_json::Error| wrong(error.to_string()))?;
        debug_assert_eq!(json.verification_result, outcome.as_str());
        let mut probity = json.probity;
        probity.shift_remove("blobs");
        Ok(Decision {
            subjects: statement.subjects.clone(),
            verifier: json.verifier.id,
            versions: json.verifier.version,
            time: parse_time(&json.time_verified)?,
            resource_uri: json.resource_uri,
            policy: json.policy,
            input_attestations: json.input_attestations,
            outcome,
            verified_levels: json.verified_levels,
            blobs: statement.blobs()?,
            probity,
        })
    }
}

/// The time as RFC 3339 in UTC: `2026-01-31T12:00:00Z`, with a fraction only where there is one.
pub fn format_time(time: Timestamp) -> Result<String, StatementError> {
    let nanoseconds = i32::try_from(time.nanoseconds).map_err(|_| StatementError::Time(time.seconds))?;
    let time = jiff::Timestamp::new(time.seconds, nanoseconds).map_err(|_| StatementError::Time(time.seconds))?;
    Ok(time.to_string())
}

/// Reads what [`format_time`] writes.
pub fn parse_time(text: &str) -> Result<Timestamp, StatementError> {
    let wrong = || StatementError::Json(format!("`{text}` is not an RFC 3339 time"));
    let time: jiff::Timestamp = text.parse().map_err(|_| wrong())?;
    let nanoseconds = i64::from(time.subsec_nanosecond());
    let seconds = time.as_second();
    // The parts of a time before 1970 are both negative; ours counts nanoseconds forward.
    let (seconds, nanoseconds) = if nanoseconds < 0 { (seconds - 1, nanoseconds + 1_000_000_000) } else { (seconds, nanoseconds) };
    Ok(Timestamp { seconds, nanoseconds: u32::try_from(nanoseconds).map_err(|_| wrong())? })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{SigningKey, sha256};

    fn decision(outcome: Outcome) -> Decision {
        Decision {
            subjects: vec![Descriptor {
                name: "payments".into(),
                digest: BTreeMap::from([("gitCommit".into(), "ab".repeat(20))]),
                ..Default::default()
            }],
            verifier: "https://probity.dev/gate/v1".into(),
            versions: BTreeMap::from([("probity".into(), "0.1.0".into())]),
            time: Timestamp { seconds: 1_769_860_800, nanoseconds: 0 },
            resource_uri: "file:payments".into(),
            policy: Descriptor { uri: "probity:built-in".into(), ..Descriptor::sha256("", sha256(b"policies")) },
            input_attestations: vec![],
            outcome,
            verified_levels: vec!["PROBITY_GATE".into()],
            blobs: vec![Blob { name: "manifest".into(), digest: sha256(b"m"), size: 1 }],
            probity: Map::from_iter([("colour".into(), json!("red"))]),
        }
    }

    #[test]
    fn a_decision_survives_signing_and_reading() {
        let key = SigningKey::generate().unwrap();
        for outcome in [Outcome::Passed, Outcome::Failed, Outcome::Undecided] {
            let statement = decision(outcome).to_statement().unwrap();
            let record = statement.sign(&key).unwrap();
            assert_eq!(record, statement.sign(&key).unwrap(), "the same statement gives the same record");
            let envelope = Envelope::parse(&record).unwrap();
            envelope.verify(dsse::IN_TOTO, &[key.verifying_key()]).unwrap();
            let read = Statement::of_record(&record).unwrap();
            assert_eq!(read, statement);
            assert_eq!(Decision::of_statement(&read).unwrap(), decision(outcome));
        }
    }

    #[test]
    fn the_body_is_that_of_a_verification_summary() {
        let payload = decision(Outcome::Failed).to_statement().unwrap().to_payload().unwrap();
        let json: Value = serde_json::from_slice(&payload).unwrap();
        assert_eq!(json["_type"], "https://in-toto.io/Statement/v1");
        assert_eq!(json["predicateType"], "https://slsa.dev/verification_summary/v1");
        assert_eq!(json["predicate"]["timeVerified"], "2026-01-31T12:00:00Z");
        assert_eq!(json["predicate"]["verificationResult"], "FAILED");
        assert_eq!(json["predicate"]["verifier"]["version"]["probity"], "0.1.0");
        assert_eq!(json["predicate"]["probity"]["blobs"][0]["name"], "manifest");
    }

    #[test]
    fn what_does_not_fit_is_refused() {
        let mut none = decision(Outcome::Passed);
        none.subjects.clear();
        assert_eq!(none.to_statement().unwrap().to_payload(), Err(StatementError::NoSubject));
        let mut large = decision(Outcome::Passed);
        large.probity.insert("text".into(), json!("x".repeat(MAX_RECORD)));
        let key = SigningKey::generate().unwrap();
        assert!(matches!(large.to_statement().unwrap().sign(&key), Err(StatementError::TooLarge(_))));
        let mut crossed = decision(Outcome::Undecided).to_statement().unwrap();
        crossed.predicate_type = VERIFICATION_SUMMARY_V1.into();
        assert!(Decision::of_statement(&crossed).is_err());
        let check = |text: &str| assert!(Statement::parse(text.as_bytes()).is_err(), "{text}");
        check("");
        check("{}");
        check(r#"{"_type":"https://in-toto.io/Statement/v0.1","subject":[{"digest":{"sha256":"a"}}],"predicateType":"t","predicate":{}}"#);
        check(r#"{"_type":"https://in-toto.io/Statement/v1","subject":[],"predicateType":"t","predicate":{}}"#);
        check(r#"{"_type":"https://in-toto.io/Statement/v1","subject":[{"name":"x"}],"predicateType":"t","predicate":{}}"#);
    }

    #[test]
    fn times() {
        let check = |seconds, nanoseconds, expected: &str| {
            let time = Timestamp { seconds, nanoseconds };
            assert_eq!(format_time(time).unwrap(), expected);
            assert_eq!(parse_time(expected).unwrap(), time);
        };
        check(0, 0, "1970-01-01T00:00:00Z");
        check(1_769_860_800, 500_000_000, "2026-01-31T12:00:00.5Z");
        check(-1, 500_000_000, "1969-12-31T23:59:59.5Z");
        assert!(format_time(Timestamp { seconds: i64::MAX, nanoseconds: 0 }).is_err());
        assert!(parse_time("yesterday").is_err());
    }
}
