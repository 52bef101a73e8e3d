//! Signing: with a key that lives for one signature and a certificate for whom a token names, or with a key of one's own; telling logs; and
//! judging what was made before anybody sees it.

use std::time::Duration;

use probity_attest::bundle::{Bundle, Proofs};
use probity_attest::keys::{self as attest, KeyType, PrivateKey, Signer};
use probity_attest::statement::Statement;
use probity_core::{Clock, Digest, Timestamp};
use probity_sigstore::{self as sigstore, Artifact, Matcher, Policy, PublicKey, TrustRoot, Verified};

use crate::config::{LogVersion, Services};
use crate::http::Http;
use crate::rekor::{self, Verifier};
use crate::token::IdentityToken;
use crate::{KeylessError, Step, fulcio, timestamp};

/// By how much an authority's clock may be ahead of ours, in seconds.
const SKEW: i64 = 60;

/// What is signed.
#[derive(Clone, Copy, Debug)]
pub enum What<'a> {
    /// Bytes as they are.
    Message(&'a [u8]),
    /// A statement about artifacts.
    Statement {
        /// The statement.
        statement: &'a Statement,
        /// One of the artifacts that it is about.
        artifact: Digest,
    },
}

/// Who signs.
#[derive(Clone, Copy)]
pub enum SignedBy<'a> {
    /// Whom a token names, with a key that is made for this one signature and forgotten.
    Identity(&'a IdentityToken),
    /// Whoever has a key.
    Key(&'a dyn Signer),
}

/// A signature with all that proves it, verified.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Signed {
    /// The Sigstore bundle (v0.3), as JSON in one line.
    pub bundle: String,
    /// The signature by itself, in base64.
    pub signature: String,
    /// What the bundle proves, according to the trust root.
    pub verified: Verified,
}

/// How things are signed.
pub struct Signing<'a> {
    /// Whom to ask.
    pub services: &'a Services,
    /// By whom what they answer is judged.
    pub root: &'a TrustRoot,
    /// How long one answer may take.
    pub deadline: Duration,
    /// Tells the time.
    pub clock: &'a dyn Clock,
}

impl std::fmt::Debug for Signing<'_> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Signing").field("services", &self.services).field("deadline", &self.deadline).finish_non_exhaustive()
    }
}

impl Signing<'_> {
    /// Signs. What is returned was verified; where anything fails, nothing is.
    ///
    /// # Errors
    /// The step that failed, and why.
    pub fn sign(&self, what: What<'_>, by: SignedBy<'_>) -> Result<Signed, KeylessError> {
        let made;
        let signer: &dyn Signer = match by {
            SignedBy::Identity(_) => {
                made = PrivateKey::generate(KeyType::EcdsaP256).map_err(|error| KeylessError::new(Step::Signature, error.to_string()))?;
                &made
            }
            SignedBy::Key(signer) => signer,
        };
        self.suffices(what, by, signer.public_key())?;
        let http = Http::new(self.deadline).map_err(KeylessError::at(Step::Services))?;
        let certificate = match (by, &self.services.certificates) {
            (SignedBy::Identity(token), Some(fulcio)) => Some(fulcio::certificate(&http, fulcio, token, signer)?),
            _ => None,
        };
        let bundle = match what {
            What::Message(message) => Bundle::sign_message(message, signer).map_err(|error| error.to_string()),
            What::Statement { statement, .. } => Bundle::sign_statement(statement, signer).map_err(|error| error.to_string()),
        };
        let bundle = bundle.map_err(KeylessError::at(Step::Signature))?;
        let mut proofs = Proofs { certificate, ..Proofs::default() };
        for authority in &self.services.timestamps {
            proofs.timestamps.push(timestamp::fetch(&http, authority, bundle.signature())?);
        }
        if !self.services.logs.is_empty() && !proofs.timestamps.is_empty() {
            // What a log takes in stays for ever: what is known to be wrong does not go there.
            self.judge(&bundle.to_json_with(&proofs), what, by, signer.public_key(), false)?;
        }
        for log in &self.services.logs {
            let verifier = Verifier { key: signer.public_key(), certificate: proofs.certificate.as_deref() };
            let entry = rekor::enter(&http, log, &bundle, &verifier)?;
            proofs.log_entries.push(entry);
        }
        let json = bundle.to_json_with(&proofs);
        let verified = self.judge(&json, what, by, signer.public_key(), true)?;
        Ok(Signed { bundle: json, signature: bundle.signature_text(), verified })
    }

    /// That the services can prove what they have to. Nothing has been sent yet.
    fn suffices(&self, what: What<'_>, by: SignedBy<'_>, key: &attest::PublicKey) -> Result<(), KeylessError> {
        let wrong = |why: &str| Err(KeylessError::new(Step::Services, why));
        let Services { certificates, logs, timestamps } = self.services;
        let is_first = |log: &crate::TransparencyLog| log.version == LogVersion::V1;
        match by {
            SignedBy::Identity(_) if certificates.is_none() => return wrong("no certificate authority is named"),
            SignedBy::Identity(_) if timestamps.is_empty() && !logs.iter().any(is_first) => {
                return wrong("nobody is named who says when it is signed: a timestamp authority, or a log of version 1");
            }
            SignedBy::Key(_) if logs.is_empty() && timestamps.is_empty() => {
                return wrong("neither a transparency log nor a timestamp authority is named");
            }
            _ => {}
        }
        if timestamps.is_empty() && logs.iter().any(|log| log.version == LogVersion::V2) {
            return wrong("a log of version 2 does not say when, and no timestamp authority is named");
        }
        let is_envelope = matches!(what, What::Statement { .. });
        for log in logs {
            rekor::takes(log.version, key, is_envelope).map_err(KeylessError::at(Step::Services))?;
        }
        Ok(())
    }

    /// What a bundle proves. INVARIANT: nothing is given out that does not pass here.
    fn judge(&self, json: &str, what: What<'_>, by: SignedBy<'_>, key: &attest::PublicKey, whole: bool) -> Result<Verified, KeylessError> {
        let wrong = KeylessError::at(Step::Verification);
        let signer = match by {
            SignedBy::Key(_) => {
                let key = PublicKey::from_pem(&key.to_pem()).map_err(|error| wrong(error.to_string()))?;
                sigstore::Signer::Key(key)
            }
            SignedBy::Identity(_) => {
                let anybody = || Matcher::pattern(".").map_err(|error| wrong(error.to_string()));
                sigstore::Signer::Certificate { identity: anybody()?, issuer: anybody()? }
            }
        };
        let policy = Policy {
            signer,
            log: whole && !self.services.logs.is_empty(),
            timestamp: !self.services.timestamps.is_empty(),
            no_time: matches!(by, SignedBy::Key(_)),
        };
        let artifact = match what {
            What::Message(bytes) => Artifact::Bytes(bytes),
            What::Statement { artifact, .. } => Artifact::Sha256(artifact),
        };
        let now = self.clock.now();
        let now = Timestamp { seconds: now.seconds.saturating_add(SKEW), ..now };
        let told = |error: sigstore::VerifyError| wrong(error.to_string());
        let bundle = sigstore::Bundle::parse(json.as_bytes()).map_err(told)?;
        let verified = sigstore::verify(&bundle, self.root, &policy, artifact, now).map_err(told)?;
        if whole && verified.log.len() != self.services.logs.len() {
            return Err(wrong("not every log's entry was verified".to_owned()));
        }
        if let (SignedBy::Identity(token), sigstore::SignedBy::Identity { issuer, .. }) = (by, &verified.signer)
            && !token.is_vouched_by(issuer)
        {
            return Err(wrong("the certificate names another issuer than the identity token".to_owned()));
        }
        Ok(verified)
    }
}
