//! The one module that knows `sigstore-verify`: our types in, the library's inside, ours out.

use probity_core::{Digest, Timestamp};
use sigstore_verify::crypto::{KeyAlgorithm, SigningScheme, VerificationKey};
use sigstore_verify::trust_root::TrustedRoot;
use sigstore_verify::types::bundle::VerificationMaterialContent;
use sigstore_verify::types::{self, DerPublicKey, HashAlgorithm, MediaType, Sha256Hash, SignatureContent};
use sigstore_verify::{
    CertificateError, Error, IdentityMatcher, PublicKeyVerificationPolicy, TimestampError, TransparencyLogError, VerificationPolicy,
    Verifier, bundle as structure,
};

use crate::verify::{Artifact, LogEntry, SignedTime, TimeSource, shown};
use crate::{Policy, Signer, Step, VerifyError};

/// A bundle as the library reads it.
#[derive(Debug)]
pub(crate) struct Parsed(types::Bundle);

/// How many parts of each kind a bundle has.
pub(crate) struct Parts {
    pub(crate) log_entries: usize,
    pub(crate) timestamps: usize,
    pub(crate) certificates: usize,
}

/// What the library found to hold.
pub(crate) struct Found {
    pub(crate) identity: Option<String>,
    pub(crate) issuer: Option<String>,
    pub(crate) times: Vec<SignedTime>,
    pub(crate) log: Vec<LogEntry>,
    pub(crate) certificate_logged: bool,
}

/// A trust root made ready.
pub(crate) struct Prepared {
    verifier: Verifier,
    logs: Vec<Log>,
    /// The timestamp authority, where there is only one.
    authority: Option<String>,
}

/// A transparency log of the trust root.
struct Log {
    id: Vec<u8>,
    address: String,
    key: VerificationKey,
}

/// A public key.
#[derive(Clone, Debug)]
pub(crate) struct Key {
    der: DerPublicKey,
    algorithm: KeyAlgorithm,
}

impl Prepared {
    pub(crate) fn root(text: &str) -> Result<Prepared, String> {
        let root = TrustedRoot::from_json(text).map_err(|error| error.to_string())?;
        let verifier = Verifier::new(&root).map_err(|error| error.to_string())?;
        let mut logs = Vec::with_capacity(root.tlogs.len());
        for log in &root.tlogs {
            let key = VerificationKey::from_spki(&log.public_key.raw_bytes).map_err(|error| error.to_string())?;
            logs.push(Log { id: log.log_id.key_id.as_bytes().to_vec(), address: log.base_url.clone(), key });
        }
        let authority = match root.timestamp_authorities.as_slice() {
            [one] => one.uri.clone(),
            _ => None,
        };
        Ok(Prepared { verifier, logs, authority })
    }
}

impl Key {
    pub(crate) fn pem(text: &str) -> Result<Key, String> {
        let der = DerPublicKey::from_pem(text.trim()).map_err(|error| error.to_string())?;
        let algorithm = KeyAlgorithm::from_spki(&der).map_err(|error| error.to_string())?;
        Ok(Key { der, algorithm })
    }

    pub(crate) fn id(&self) -> Digest {
        Digest(*sigstore_verify::crypto::sha256(self.der.as_bytes()).as_bytes())
    }

    pub(crate) fn algorithm(&self) -> &'static str {
        match self.algorithm {
            KeyAlgorithm::EcdsaP256 => "ECDSA P-256",
            KeyAlgorithm::EcdsaP384 => "ECDSA P-384",
            KeyAlgorithm::Ed25519 => "Ed25519",
            KeyAlgorithm::Rsa => "RSA",
            KeyAlgorithm::MlDsa44 => "ML-DSA-44",
            KeyAlgorithm::MlDsa65 => "ML-DSA-65",
            KeyAlgorithm::MlDsa87 => "ML-DSA-87",
            _ => "an algorithm without a name here",
        }
    }
}

impl Parsed {
    pub(crate) fn bundle(text: &str) -> Result<Parsed, VerifyError> {
        types::Bundle::from_json(text).map(Parsed).map_err(|error| {
            let why = match &error {
                types::Error::Json(error) => error.to_string(),
                other => other.to_string(),
            };
            VerifyError::new(Step::Bundle, why)
        })
    }

    pub(crate) fn version(&self) -> &'static str {
        match self.0.media_type() {
            MediaType::Bundle0_1 => "0.1",
            MediaType::Bundle0_2 => "0.2",
            MediaType::Bundle0_3 => "0.3",
            _ => "unknown",
        }
    }

    pub(crate) fn payload(&self) -> Option<&[u8]> {
        match &self.0.content {
            SignatureContent::DsseEnvelope(envelope) => Some(envelope.payload.as_bytes()),
            _ => None,
        }
    }

    pub(crate) fn key_hint(&self) -> Option<&str> {
        match &self.0.verification_material.content {
            VerificationMaterialContent::PublicKey(key) => Some(&key.hint),
            _ => None,
        }
    }

    pub(crate) fn parts(&self) -> Parts {
        let material = &self.0.verification_material;
        Parts {
            log_entries: material.tlog_entries.len(),
            timestamps: material.timestamp_verification_data.rfc3161_timestamps.len(),
            certificates: match &material.content {
                VerificationMaterialContent::Certificate(_) => 1,
                VerificationMaterialContent::X509CertificateChain { certificates } => certificates.len(),
                _ => 0,
            },
        }
    }

    /// The scheme by which a signature over the artifact is made, where the key is known.
    fn message_scheme(&self, algorithm: KeyAlgorithm) -> Option<SigningScheme> {
        let SignatureContent::MessageSignature(message) = &self.0.content else { return None };
        match &message.message_digest {
            Some(digest) => algorithm.resolve_signing_scheme(digest.algorithm).ok(),
            None => Some(algorithm.default_signing_scheme()),
        }
    }

    pub(crate) fn needs_bytes(&self, key: Option<&Key>) -> bool {
        let algorithm = match (key, self.0.signing_certificate()) {
            (Some(key), _) => Some(key.algorithm),
            (None, Some(certificate)) => sigstore_verify::crypto::parse_certificate_info(certificate).ok().map(|info| info.key_algorithm),
            (None, None) => None,
        };
        let other_digest = match &self.0.content {
            SignatureContent::MessageSignature(message) => {
                message.message_digest.as_ref().is_some_and(|digest| digest.algorithm != HashAlgorithm::Sha2256)
            }
            _ => false,
        };
        let other_scheme = algorithm
            .and_then(|algorithm| self.message_scheme(algorithm))
            .is_some_and(|scheme| scheme.hash_algorithm() != Some(HashAlgorithm::Sha2256));
        other_digest || other_scheme
    }

    /// Everything the bundle brings, by the library's rules.
    pub(crate) fn check(&self, root: &Prepared, policy: &Policy, artifact: Artifact<'_>, log: bool) -> Result<Found, VerifyError> {
        let artifact = match artifact {
            Artifact::Bytes(bytes) => types::Artifact::from(bytes),
            Artifact::Sha256(digest) => types::Artifact::from(Sha256Hash::new(digest.0)),
        };
        let result = match &policy.signer {
            Signer::Certificate { identity, issuer } => {
                let mut demanded = VerificationPolicy::any_identity();
                if let Some(identity) = identity.as_exact() {
                    demanded = demanded.require_identity(IdentityMatcher::Exact(identity.to_owned()));
                }
                if let Some(issuer) = issuer.as_exact() {
                    demanded = demanded.require_issuer(issuer);
                }
                if !log {
                    demanded = demanded.skip_tlog_unsafe();
                }
                root.verifier.verify(artifact, &self.0, &demanded)
            }
            Signer::Key(key) => {
                let mut demanded = PublicKeyVerificationPolicy::new(key.0.der.clone());
                if !log {
                    demanded = demanded.skip_tlog_unsafe();
                }
                root.verifier.verify(artifact, &self.0, &demanded)
            }
        }
        .map_err(|error| self.told(&error))?;
        let entries = &self.0.verification_material.tlog_entries;
        if log {
            entries.iter().try_for_each(|entry| root.check_log(entry))?;
        }
        let certificate = matches!(policy.signer, Signer::Certificate { .. });
        // INVARIANT: what is claimed to hold, the library says to hold.
        if certificate && !(result.certificate_verified() && result.sct_verified()) {
            return Err(VerifyError::new(Step::CertificateChain, "the certificate was not verified"));
        }
        if log && !result.tlog_verified() {
            return Err(VerifyError::new(Step::LogInclusion, "the log entry was not verified"));
        }
        // With a certificate, the authorities' times come first; with a key, last.
        let times = result.verified_timestamps();
        let authorities = self.parts().timestamps;
        let first = if certificate { 0 } else { times.len().saturating_sub(authorities) };
        // Which log said which time is told where only one did.
        let by_log = match entries.iter().filter(|entry| entry.integrated_time.is_some()).collect::<Vec<_>>().as_slice() {
            [one] => root.log(&one.log_id).map(|log| log.address.clone()),
            _ => None,
        };
        let times = times
            .iter()
            .enumerate()
            .map(|(index, time)| {
                let authority = index >= first && index < first + authorities;
                SignedTime {
                    time: Timestamp { seconds: time.as_second(), nanoseconds: u32::try_from(time.subsec_nanosecond()).unwrap_or_default() },
                    source: if authority { TimeSource::TimestampAuthority } else { TimeSource::Log },
                    by: if authority { root.authority.clone() } else { by_log.clone() },
                }
            })
            .collect();
        let log = entries
            .iter()
            .filter(|entry| log && (entry.inclusion_proof.is_some() || entry.inclusion_promise.is_some()))
            .map(|entry| LogEntry {
                log: root.log(&entry.log_id).map(|log| log.address.clone()),
                index: entry.log_index.get(),
                proven: entry.inclusion_proof.is_some(),
            })
            .collect();
        Ok(Found {
            identity: result.identity().map(|name| name.as_str().to_owned()),
            issuer: result.issuer().map(str::to_owned),
            times,
            log,
            certificate_logged: result.sct_verified(),
        })
    }

    /// The signature and what it is about, for a bundle that brings nothing else. The library refuses such bundles; with a key whose owner
    /// is known they prove what a signature file proves.
    pub(crate) fn check_signature(&self, key: &Key, artifact: Artifact<'_>) -> Result<Found, VerifyError> {
        let digest = match artifact {
            Artifact::Bytes(bytes) => sigstore_verify::crypto::sha256(bytes),
            Artifact::Sha256(digest) => Sha256Hash::new(digest.0),
        };
        let bytes = match artifact {
            Artifact::Bytes(bytes) => Some(bytes),
            Artifact::Sha256(_) => None,
        };
        let wrong = |_| VerifyError::new(Step::Signature, "it does not belong to this key and these bytes");
        let needed = || VerifyError::new(Step::Unsupported, "the signature is over the artifact's bytes, and only a SHA-256 is given");
        match &self.0.content {
            SignatureContent::MessageSignature(message) => {
                if let Some(declared) = &message.message_digest {
                    let actual = digest_of(declared.algorithm, bytes, &digest).ok_or_else(needed)?;
                    if declared.digest.as_bytes() != actual {
                        return Err(VerifyError::new(Step::Digest, "the bundle is about another artifact"));
                    }
                }
                let scheme = self.message_scheme(key.algorithm).ok_or_else(|| {
                    VerifyError::new(Step::Unsupported, "a key of this kind makes no signatures with that digest algorithm")
                })?;
                match scheme.hash_algorithm() {
                    Some(algorithm) => {
                        let actual = digest_of(algorithm, bytes, &digest).ok_or_else(needed)?;
                        sigstore_verify::crypto::verify_signature_prehashed(&key.der, &actual, &message.signature, scheme)
                            .map_err(wrong)?;
                    }
                    None => {
                        let bytes = bytes.ok_or_else(needed)?;
                        sigstore_verify::crypto::verify_signature(&key.der, bytes, &message.signature, scheme).map_err(wrong)?;
                    }
                }
            }
            SignatureContent::DsseEnvelope(envelope) => {
                let scheme = key.algorithm.default_signing_scheme();
                let signature = &envelope.signature.sig;
                sigstore_verify::crypto::verify_signature(&key.der, &envelope.pae(), signature, scheme).map_err(wrong)?;
                if envelope.payload_type != "application/vnd.in-toto+json" {
                    let why = format!("the payload is `{}`, which says nothing of an artifact", shown(&envelope.payload_type));
                    return Err(VerifyError::new(Step::Unsupported, why));
                }
                let statement: types::Statement = serde_json::from_slice(envelope.payload.as_bytes())
                    .map_err(|error| VerifyError::new(Step::Bundle, format!("the payload is not an in-toto statement: {error}")))?;
                let by_longer = bytes.is_some_and(|bytes| statement.matches_sha512(&sigstore_verify::crypto::sha512(bytes)));
                if !statement.matches_sha256(&digest) && !by_longer {
                    return Err(VerifyError::new(Step::Subject, "the statement is about other artifacts"));
                }
            }
            _ => return Err(VerifyError::new(Step::Unsupported, "what is signed is of a kind that is not known")),
        }
        Ok(Found { identity: None, issuer: None, times: Vec::new(), log: Vec::new(), certificate_logged: false })
    }

    /// The library's error in our words.
    fn told(&self, error: &Error) -> VerifyError {
        let statement = matches!(self.0.content, SignatureContent::DsseEnvelope(_));
        let (step, why) = match error {
            Error::IdentityMismatch { expected, actual } => {
                let actual = actual.as_ref().map_or_else(|| "nobody".to_owned(), |actual| format!("`{}`", shown(actual.as_str())));
                (Step::Identity, format!("it is signed by {actual}, and `{expected}` was asked for"))
            }
            Error::IssuerMismatch { expected, actual } => {
                let actual = actual.as_ref().map_or_else(|| "nobody".to_owned(), |actual| format!("`{}`", shown(actual)));
                (Step::Issuer, format!("{actual} vouched for the identity, and `{expected}` was asked for"))
            }
            Error::SignatureInvalid(_) => (Step::Signature, "it does not belong to the signer's key and these bytes".to_owned()),
            Error::ArtifactMismatch(why) if statement && why.contains("subject") => {
                (Step::Subject, "the statement is about other artifacts".to_owned())
            }
            Error::ArtifactMismatch(_) if statement => (Step::LogEntry, "the log's entry is about another statement".to_owned()),
            Error::ArtifactMismatch(why) if why.contains("hashedrekord") => {
                (Step::LogEntry, "the log's entry is about another artifact".to_owned())
            }
            Error::ArtifactMismatch(_) => (Step::Digest, "the bundle is about another artifact".to_owned()),
            Error::UnsupportedArtifact(why) => {
                (Step::Unsupported, format!("the artifact's bytes are needed, a SHA-256 does not suffice ({why})"))
            }
            Error::UnsupportedBundle(why) => (Step::Unsupported, why.clone()),
            Error::Certificate(error) => match error {
                CertificateError::Malformed(why) => (Step::Certificate, why.clone()),
                CertificateError::Sct(why) => (Step::CertificateLog, why.clone()),
                CertificateError::ChainInvalid(why) if why.contains("CertExpired") || why.contains("CertNotValidYet") => {
                    (Step::Time, "the certificate did not count yet, or not any more, at the time of signing".to_owned())
                }
                CertificateError::NotYetValid { .. } | CertificateError::Expired { .. } => (Step::Time, error.to_string()),
                other => (Step::CertificateChain, other.to_string()),
            },
            Error::TransparencyLog(error) => match error {
                TransparencyLogError::UnknownLog { log_id } => {
                    (Step::LogInclusion, format!("the trust root knows no log `{}`", shown(log_id)))
                }
                TransparencyLogError::InclusionProof(why) => (Step::LogInclusion, why.clone()),
                TransparencyLogError::Checkpoint(why) => (Step::Checkpoint, why.clone()),
                TransparencyLogError::InclusionPromise(why) => (Step::InclusionPromise, why.clone()),
                TransparencyLogError::EntryMismatch(why) | TransparencyLogError::MalformedEntry(why) => (Step::LogEntry, why.clone()),
                TransparencyLogError::IntegratedTime(why) => (Step::Time, why.clone()),
                other => (Step::LogEntry, other.to_string()),
            },
            Error::Timestamp(TimestampError::Invalid(why) | TimestampError::NoVerifiedTimestamp(why)) => (Step::Time, why.clone()),
            Error::Timestamp(other) => (Step::Time, other.to_string()),
            Error::Bundle(error) => match error {
                structure::Error::MissingInclusionPromise(_) => (Step::InclusionPromise, error.to_string()),
                structure::Error::MissingInclusionProof(_) | structure::Error::LogIndexOutOfRange { .. } => {
                    (Step::LogInclusion, error.to_string())
                }
                structure::Error::MissingCheckpoint | structure::Error::CheckpointRootMismatch => (Step::Checkpoint, error.to_string()),
                structure::Error::MissingSigningTimeEvidence | structure::Error::MissingTimestamp => (Step::Time, error.to_string()),
                other => (Step::Bundle, other.to_string()),
            },
            Error::InvalidTrustRoot(_) | Error::TrustRoot(_) | Error::TrustedCertificate(_) => (Step::TrustRoot, error.to_string()),
            other => (Step::Bundle, other.to_string()),
        };
        VerifyError::new(step, why)
    }
}

impl Prepared {
    fn log(&self, id: &types::LogId) -> Option<&Log> {
        self.logs.iter().find(|log| log.id.as_slice() == id.key_id.as_bytes())
    }

    /// That the log which the entry names is the one that signed its checkpoint. The library takes any log of the trust root whose key
    /// fits, and the name beside the signature as it comes; what we tell of the log would then be somebody's word.
    fn check_log(&self, entry: &types::TransparencyLogEntry) -> Result<(), VerifyError> {
        let wrong = |step: Step, why: &str| Err(VerifyError::new(step, why));
        let Some(log) = self.log(&entry.log_id) else {
            return wrong(Step::LogInclusion, "the entry names a log that the trust root does not know");
        };
        let Some(proof) = &entry.inclusion_proof else { return Ok(()) };
        let Some(checkpoint) = proof.checkpoint.checkpoint() else { return wrong(Step::Checkpoint, "there is none") };
        let signed = checkpoint.signatures().iter().any(|signature| {
            // Rekor v1 writes its tree's number after its name: `rekor.sigstore.dev - 1193050959916656506`.
            let rest = checkpoint.origin().strip_prefix(signature.name.as_str());
            rest.is_some_and(|rest| rest.is_empty() || rest.starts_with(" - "))
                && log.key.verify(checkpoint.signed_data(), &signature.signature).is_ok()
        });
        if signed { Ok(()) } else { wrong(Step::Checkpoint, "it is not signed, in its own name, by the log that the entry names") }
    }
}

/// The digest by some algorithm, where it is known.
fn digest_of(algorithm: HashAlgorithm, bytes: Option<&[u8]>, sha256: &Sha256Hash) -> Option<Vec<u8>> {
    match algorithm {
        HashAlgorithm::Sha2256 => Some(sha256.as_bytes().to_vec()),
        HashAlgorithm::Sha2384 => bytes.map(|bytes| sigstore_verify::crypto::sha384(bytes).as_bytes().to_vec()),
        HashAlgorithm::Sha2512 => bytes.map(|bytes| sigstore_verify::crypto::sha512(bytes).as_bytes().to_vec()),
        _ => None,
    }
}
