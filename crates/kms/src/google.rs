//! Keys in Google Cloud KMS (the REST API, version 1). What is sent and what comes bears checksums, and each of them is looked at.

mod tokens;

use std::fmt;
use std::sync::Arc;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use probity_attest::keys::{Algorithm, PublicKey};
use probity_attest::sha256;
use reqwest::Url;
use serde_json::{Value, json};
use zeroize::Zeroizing;

use crate::bearer;
use crate::error::{KmsError, told};
use crate::http::{self, Http, Request};
use crate::key::Backend;
use crate::reference::ReferenceError;
use crate::surroundings::Surroundings;
use tokens::Tokens;

/// Most bytes that it signs as they are, which is what Ed25519 needs.
const LARGEST_RAW: usize = 64 << 10;

/// The name of a key: `gcpkms://projects/P/locations/L/keyRings/R/cryptoKeys/K/cryptoKeyVersions/N`. Cosign's `versions/N` is taken as
/// well; without a version the greatest one that is enabled counts.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct GoogleName {
    /// `projects/../cryptoKeys/K`.
    key: String,
    version: Option<u64>,
}

impl GoogleName {
    /// Reads such a name.
    ///
    /// # Errors
    /// [`ReferenceError`] for what names no key.
    pub fn parse(text: &str) -> Result<GoogleName, ReferenceError> {
        let wrong = || ReferenceError::new("write it as `gcpkms://projects/P/locations/L/keyRings/R/cryptoKeys/K/cryptoKeyVersions/N`");
        let parts: Vec<&str> = text.strip_prefix("gcpkms://").ok_or_else(wrong)?.split('/').collect();
        let (key, version) = match parts.as_slice() {
            [key @ .., "versions" | "cryptoKeyVersions", version] => {
                (key, Some(version.parse().ok().filter(|version| *version > 0).ok_or_else(wrong)?))
            }
            key => (key, None),
        };
        // A project may belong to a domain: `example.com:project`.
        let word = |text: &str| !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"_-.:".contains(&byte));
        match key {
            ["projects", project, "locations", location, "keyRings", ring, "cryptoKeys", name]
                if [project, location, ring, name].iter().all(|part| word(part) && !part.starts_with('.')) =>
            {
                Ok(GoogleName { key: key.join("/"), version })
            }
            _ => Err(wrong()),
        }
    }
}

impl fmt::Display for GoogleName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "gcpkms://{}", self.key)?;
        self.version.map_or(Ok(()), |version| write!(f, "/cryptoKeyVersions/{version}"))
    }
}

/// A key in Google Cloud KMS.
pub(crate) struct Google {
    http: Http,
    surroundings: Arc<dyn Surroundings>,
    tokens: Tokens,
    base: Url,
    /// The key with its version.
    name: String,
}

/// Fetches the public half of a key, and gets ready to sign with that version of it.
pub(crate) fn open(name: &GoogleName, surroundings: Arc<dyn Surroundings>) -> Result<(PublicKey, Google), KmsError> {
    // gcloud's name for it.
    let said = surroundings.variable("CLOUDSDK_API_ENDPOINT_OVERRIDES_CLOUDKMS");
    let base = said.as_deref().unwrap_or("https://cloudkms.googleapis.com/");
    let base = http::address("`CLOUDSDK_API_ENDPOINT_OVERRIDES_CLOUDKMS`", base)?;
    let tokens = Tokens::find(&*surroundings)?;
    let mut google = Google { http: Http::new(&[])?, surroundings, tokens, base, name: String::new() };
    let version = match name.version {
        Some(version) => version,
        None => google.latest(&name.key)?,
    };
    google.name = format!("{}/cryptoKeyVersions/{version}", name.key);
    let answer = google.call(&format!("{}/publicKey", google.name), None, "the public key", None)?;
    let broken = |why: String| KmsError::Broken { what: "the public key", why };
    let text = |key: &str| answer.get(key).and_then(Value::as_str).ok_or_else(|| broken(format!("`{key}` is missing")));
    google.is_ours(&answer, "the public key")?;
    let pem = text("pem")?;
    is_whole(&answer, "pemCrc32c", pem.as_bytes(), "the public key")?;
    let public = PublicKey::from_pem(pem).map_err(|error| KmsError::Key(error.to_string()))?;
    let algorithm = text("algorithm")?;
    let fits = match public.algorithm() {
        Algorithm::EcdsaP256Sha256 => algorithm == "EC_SIGN_P256_SHA256",
        Algorithm::RsaPkcs1Sha256 => algorithm.starts_with("RSA_SIGN_PKCS1_") && algorithm.ends_with("_SHA256"),
        Algorithm::Ed25519 => algorithm == "EC_SIGN_ED25519",
    };
    if !fits {
        let supported = "supported are EC_SIGN_P256_SHA256, EC_SIGN_ED25519 and RSA_SIGN_PKCS1 with SHA256";
        return Err(KmsError::Key(format!("it signs with {}; {supported}", told(algorithm))));
    }
    Ok((public, google))
}

/// Whether a value bears its checksum.
fn is_whole(answer: &Value, name: &str, value: &[u8], what: &'static str) -> Result<(), KmsError> {
    let broken = |why: String| KmsError::Broken { what, why };
    // Numbers of 64 bits are texts in Google's JSON.
    let checksum = answer.get(name).and_then(|value| value.as_u64().or_else(|| value.as_str()?.parse().ok()));
    let checksum = checksum.ok_or_else(|| broken(format!("`{name}` is missing")))?;
    if checksum == u64::from(crc32c(value)) { Ok(()) } else { Err(broken(format!("it does not fit its checksum (`{name}`)"))) }
}

/// CRC-32C (RFC 3720, appendix B.4): a checksum against accidents, which nobody's safety rests on.
fn crc32c(bytes: &[u8]) -> u32 {
    let table = |byte: u32| (0..8).fold(byte, |rest, _| if rest & 1 == 1 { rest >> 1 ^ 0x82f6_3b78 } else { rest >> 1 });
    !bytes.iter().fold(!0, |rest: u32, byte| rest >> 8 ^ table((rest ^ u32::from(*byte)) & 0xff))
}

impl Google {
    fn call(&self, path: &str, query: Option<&str>, what: &'static str, body: Option<&Value>) -> Result<Value, KmsError> {
        let token = self.tokens.take(&self.http, &*self.surroundings)?;
        let mut url = self.base.clone();
        url.set_path(&format!("{}/v1/{path}", self.base.path().trim_end_matches('/')));
        url.set_query(query);
        self.http.ask_json(&|| {
            let mut headers = vec![bearer::header(&token)];
            if body.is_some() {
                headers.push(("content-type", Zeroizing::new("application/json".to_owned())));
            }
            let bytes = Zeroizing::new(body.map(|body| body.to_string().into_bytes()).unwrap_or_default());
            Ok(Request { what, post: body.is_some(), url: url.clone(), headers, body: bytes, secrets: vec![token.clone()] })
        })
    }

    /// The greatest version that is enabled.
    fn latest(&self, key: &str) -> Result<u64, KmsError> {
        let what = "the versions of the key";
        let answer = self.call(&format!("{key}/cryptoKeyVersions"), Some("filter=state%3DENABLED&pageSize=1000"), what, None)?;
        if answer.get("nextPageToken").and_then(Value::as_str).is_some_and(|token| !token.is_empty()) {
            return Err(KmsError::Key("it has more versions than are looked through; name one".to_owned()));
        }
        let versions = answer.get("cryptoKeyVersions").and_then(Value::as_array).into_iter().flatten();
        let enabled = versions.filter(|version| version.get("state").is_some_and(|state| state == "ENABLED"));
        let numbers = enabled.filter_map(|version| version.get("name")?.as_str()?.rsplit('/').next()?.parse().ok());
        numbers.max().ok_or_else(|| KmsError::NotFound("no version of the key is enabled".to_owned()))
    }

    /// Whether an answer is about the key that was asked for.
    fn is_ours(&self, answer: &Value, what: &'static str) -> Result<(), KmsError> {
        match answer.get("name").and_then(Value::as_str) {
            Some(name) if name == self.name => Ok(()),
            _ => Err(KmsError::Broken { what, why: "it is of another key".to_owned() }),
        }
    }
}

impl Backend for Google {
    fn sign(&self, message: &[u8], key: &PublicKey) -> Result<Vec<u8>, KmsError> {
        let what = "the signature";
        let (body, arrived) = match key.algorithm() {
            Algorithm::Ed25519 if message.len() > LARGEST_RAW => {
                let (most, length) = (LARGEST_RAW, message.len());
                return Err(KmsError::Key(format!(
                    "Google Cloud KMS signs no more than {most} bytes with Ed25519, and there are {length}"
                )));
            }
            Algorithm::Ed25519 => {
                let body = json!({ "data": STANDARD.encode(message), "dataCrc32c": crc32c(message).to_string() });
                (body, "verifiedDataCrc32c")
            }
            Algorithm::EcdsaP256Sha256 | Algorithm::RsaPkcs1Sha256 => {
                let digest = sha256(message).0;
                let body = json!({ "digest": { "sha256": STANDARD.encode(digest) }, "digestCrc32c": crc32c(&digest).to_string() });
                (body, "verifiedDigestCrc32c")
            }
        };
        let answer = self.call(&format!("{}:asymmetricSign", self.name), None, what, Some(&body))?;
        let broken = |why: &str| KmsError::Broken { what, why: why.to_owned() };
        self.is_ours(&answer, what)?;
        if answer.get(arrived).and_then(Value::as_bool) != Some(true) {
            return Err(broken("what was sent did not arrive whole"));
        }
        let text = answer.get("signature").and_then(Value::as_str).ok_or_else(|| broken("`signature` is missing"))?;
        let signature = STANDARD.decode(text).map_err(|_| broken("it is no base64"))?;
        is_whole(&answer, "signatureCrc32c", &signature, what)?;
        Ok(signature)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_of_keys() {
        let key = "gcpkms://projects/p-1/locations/europe-west3/keyRings/ring/cryptoKeys/release";
        let check = |more: &str, shown: &str| {
            let name = GoogleName::parse(&format!("{key}{more}")).unwrap();
            assert_eq!(name.to_string(), format!("{key}{shown}"));
        };
        check("", "");
        check("/cryptoKeyVersions/12", "/cryptoKeyVersions/12");
        check("/versions/12", "/cryptoKeyVersions/12");
        for wrong in ["/cryptoKeyVersions/0", "/cryptoKeyVersions/x", "/cryptoKeyVersions/", "/a", "/", "?a", "/versions/1/2"] {
            assert!(GoogleName::parse(&format!("{key}{wrong}")).is_err(), "{wrong}");
        }
        for wrong in ["gcpkms://", "gcpkms://projects/p", "gcpkms://projects/../locations/l/keyRings/r/cryptoKeys/k"] {
            assert!(GoogleName::parse(wrong).is_err(), "{wrong}");
        }
    }

    /// Of RFC 3720, and the one that every catalogue has.
    #[test]
    fn checksums() {
        assert_eq!(crc32c(b"123456789"), 0xe306_9283);
        assert_eq!(crc32c(&[0; 32]), 0x8a91_36aa);
        assert_eq!(crc32c(&[0xff; 32]), 0x62a8_ab43);
        assert_eq!(crc32c(b""), 0);
    }
}
