//! Deciding whether a bundle proves what is demanded, and what it proves.

use std::panic::{AssertUnwindSafe, catch_unwind};

use probity_core::{Digest, Timestamp};

use crate::bundle::{MAX_CERTIFICATES, MAX_PROOFS};
use crate::{Bundle, Content, Policy, Signer, Statement, Step, TrustRoot, VerifyError};

/// What the bundle is to be about.
#[derive(Clone, Copy, Debug)]
pub enum Artifact<'a> {
    /// The bytes themselves.
    Bytes(&'a [u8]),
    /// Their SHA-256.
    Sha256(Digest),
}

/// Who signed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum SignedBy {
    /// Whom the certificate names.
    Identity {
        /// The subject's name.
        identity: String,
        /// Who vouched for it.
        issuer: String,
    },
    /// Who has the private half of the given key.
    Key {
        /// SHA-256 of the key's DER SubjectPublicKeyInfo.
        id: Digest,
        /// Its algorithm, for people.
        algorithm: &'static str,
    },
}

/// Who said when it was signed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum TimeSource {
    /// A transparency log, by when it took the entry in.
    Log,
    /// An authority for timestamps (RFC 3161).
    TimestampAuthority,
}

/// A time that somebody of the trust root has signed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SignedTime {
    /// The time.
    pub time: Timestamp,
    /// What said it.
    pub source: TimeSource,
    /// The address of whoever said it, where the trust root tells.
    pub by: Option<String>,
}

/// An entry in a transparency log.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct LogEntry {
    /// The log's address, where the trust root tells.
    pub log: Option<String>,
    /// The entry's number in the log.
    pub index: u64,
    /// Whether its place in the log's tree is proven. Otherwise the log has promised to take it in (bundles of version 0.1).
    pub proven: bool,
}

/// What a bundle proves.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Verified {
    /// Who signed.
    pub signer: SignedBy,
    /// When, according to whom; empty only where the policy allows it.
    pub times: Vec<SignedTime>,
    /// Where it is on record; empty only where the policy allows it.
    pub log: Vec<LogEntry>,
    /// Whether the certificate was proven to be in a certificate transparency log; `false` for keys.
    pub certificate_logged: bool,
    /// The statement that was signed; none where the artifact itself was.
    pub statement: Option<Statement>,
}

/// Verifies a bundle. `now` is only there to refuse what says it was signed later.
///
/// # Errors
/// The step that failed, and why. An error with [`Step::is_undecided`] says that it could not be judged.
pub fn verify(bundle: &Bundle, root: &TrustRoot, policy: &Policy, artifact: Artifact<'_>, now: Timestamp) -> Result<Verified, VerifyError> {
    // INVARIANT: a panic in a library is an error, never a pass.
    catch_unwind(AssertUnwindSafe(|| checked(bundle, root, policy, artifact, now)))
        .unwrap_or_else(|_| Err(VerifyError::new(Step::Unsupported, "the library that checks bundles failed; nothing was decided")))
}

fn checked(bundle: &Bundle, root: &TrustRoot, policy: &Policy, artifact: Artifact<'_>, now: Timestamp) -> Result<Verified, VerifyError> {
    let refuse = |step: Step, why: String| Err(VerifyError::new(step, why));
    let parts = bundle.parsed.parts();
    for (what, count, most) in [
        ("log entries", parts.log_entries, MAX_PROOFS),
        ("timestamps", parts.timestamps, MAX_PROOFS),
        ("certificates", parts.certificates, MAX_CERTIFICATES),
    ] {
        if count > most {
            return refuse(Step::Bundle, format!("it has {count} {what}, more than {most}"));
        }
    }
    match &policy.signer {
        Signer::Certificate { .. } if parts.certificates == 0 => {
            return refuse(Step::Identity, "it is signed with a key, which names nobody; a certificate was asked for".to_owned());
        }
        Signer::Key(_) if parts.certificates > 0 => {
            return refuse(Step::Identity, "it is signed by the holder of a certificate; a key was asked for".to_owned());
        }
        _ => {}
    }
    if policy.log && parts.log_entries == 0 {
        return refuse(Step::LogInclusion, "it has no entry of a transparency log, and one is demanded".to_owned());
    }
    if policy.timestamp && parts.timestamps == 0 {
        return refuse(Step::Time, "it has no timestamp of an authority, and one is demanded".to_owned());
    }
    let found = if parts.log_entries == 0 && parts.timestamps == 0 {
        match &policy.signer {
            // Nobody says when a certificate was used, and it counts for minutes only.
            Signer::Certificate { .. } => return refuse(Step::Time, "nobody says when it was signed".to_owned()),
            Signer::Key(key) => bundle.parsed.check_signature(&key.0, artifact)?,
        }
    } else {
        // What is there has to hold, whether it is demanded or not.
        bundle.parsed.check(&root.prepared, policy, artifact, policy.log || parts.log_entries > 0)?
    };
    for signed in &found.times {
        if signed.time > now {
            return refuse(Step::Time, "it says that it was signed later than now".to_owned());
        }
    }
    if found.times.is_empty() && !policy.no_time {
        return refuse(Step::Time, "nobody says when it was signed".to_owned());
    }
    if policy.timestamp && !found.times.iter().any(|signed| signed.source == TimeSource::TimestampAuthority) {
        return refuse(Step::Time, "no authority's timestamp was verified, and one is demanded".to_owned());
    }
    if policy.log && found.log.is_empty() {
        return refuse(Step::LogInclusion, "no entry of a transparency log was verified, and one is demanded".to_owned());
    }
    let signer = match &policy.signer {
        Signer::Key(key) => SignedBy::Key { id: key.id(), algorithm: key.algorithm() },
        Signer::Certificate { identity, issuer } => {
            let (Some(actual), Some(vouched)) = (found.identity, found.issuer) else {
                return refuse(Step::Identity, "the certificate names nobody, or nobody who vouched for the name".to_owned());
            };
            if !identity.matches(&actual) {
                return refuse(Step::Identity, format!("it is signed by `{}`, and {identity} was asked for", shown(&actual)));
            }
            if !issuer.matches(&vouched) {
                return refuse(Step::Issuer, format!("`{}` vouched for the identity, and {issuer} was asked for", shown(&vouched)));
            }
            SignedBy::Identity { identity: actual, issuer: vouched }
        }
    };
    let statement = match bundle.content() {
        Content::Message => None,
        Content::Statement(statement) => Some(statement.clone()),
    };
    Ok(Verified { signer, times: found.times, log: found.log, certificate_logged: found.certificate_logged, statement })
}

/// At most so much of somebody's text as fits into a message.
pub(crate) fn shown(text: &str) -> String {
    text.chars().take(300).collect()
}
