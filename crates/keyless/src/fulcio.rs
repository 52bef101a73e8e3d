//! A certificate for an identity and a key: Fulcio's interface v2 (`POST /api/v2/signingCert`).

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use probity_attest::keys::Signer;
use serde::Deserialize;
use serde_json::json;
use zeroize::Zeroizing;

use crate::http::{Address, Http, Question};
use crate::token::IdentityToken;
use crate::{KeylessError, Step, der, pem};

const MAX_ANSWER: usize = 1 << 20;
/// Most certificates of a chain.
const MAX_CERTIFICATES: usize = 10;

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Answer {
    signed_certificate_embedded_sct: Option<Certificates>,
    signed_certificate_detached_sct: Option<serde::de::IgnoredAny>,
}

#[derive(Deserialize)]
struct Certificates {
    chain: Chain,
}

#[derive(Deserialize)]
struct Chain {
    certificates: Vec<String>,
}

/// The certificate, as DER. Whether it leads to an authority that is trusted, and is in a certificate transparency log, is judged with the
/// bundle that it becomes part of.
pub(crate) fn certificate(http: &Http, fulcio: &Address, token: &IdentityToken, key: &dyn Signer) -> Result<Vec<u8>, KeylessError> {
    let wrong = KeylessError::at(Step::Certificate);
    let proof = key.sign(token.subject().as_bytes()).map_err(|error| wrong(error.to_string()))?;
    let request = json!({
        "credentials": { "oidcIdentityToken": token.reveal() },
        "publicKeyRequest": {
            "publicKey": { "algorithm": "ECDSA", "content": key.public_key().to_pem() },
            "proofOfPossession": STANDARD.encode(proof),
        },
    });
    let body = Zeroizing::new(request.to_string());
    let answer = http.ask(&Question {
        to: &fulcio.below("api/v2/signingCert"),
        body: Some(("application/json", body.as_bytes())),
        accept: "application/json",
        pass: None,
        limit: MAX_ANSWER,
    });
    let answer = answer.map_err(&wrong)?;
    if answer.status != 200 && answer.status != 201 {
        // A service that repeats the question would tell the token.
        return Err(wrong(answer.refusal_without(token.reveal())));
    }
    let read: Answer =
        serde_json::from_slice(&answer.body).map_err(|_| wrong("its answer is not a certificate in its form of JSON".to_owned()))?;
    let chain = match (read.signed_certificate_embedded_sct, read.signed_certificate_detached_sct) {
        (Some(certificates), None) => certificates.chain.certificates,
        (None, Some(_)) => {
            return Err(wrong("the proof that its certificate is in a transparency log is not in the certificate".to_owned()));
        }
        _ => return Err(wrong("its answer does not hold one certificate".to_owned())),
    };
    if chain.is_empty() || chain.len() > MAX_CERTIFICATES {
        return Err(wrong(format!("its answer has {} certificates, where 1 to {MAX_CERTIFICATES} are allowed", chain.len())));
    }
    let read = |text: &String| pem::certificate(text).ok_or_else(|| wrong("its answer holds something that is no certificate".to_owned()));
    let chain: Vec<Vec<u8>> = chain.iter().map(read).collect::<Result<_, _>>()?;
    let certificate = chain.into_iter().next().unwrap_or_default();
    let named = der::certificate_key(&certificate).map_err(|_| wrong("its certificate is damaged".to_owned()))?;
    if named != key.public_key().to_der() {
        return Err(wrong("its certificate is for another key than ours".to_owned()));
    }
    Ok(certificate)
}
