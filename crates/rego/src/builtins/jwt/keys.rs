//! JSON web keys (RFC 7517, RFC 7518, RFC 8037), and what is signed and verified with keys.

use aws_lc_rs::rand::SystemRandom;
use aws_lc_rs::signature::{self, UnparsedPublicKey, VerificationAlgorithm};
use aws_lc_rs::{hmac, rsa};

use crate::builtins::Failure;
use crate::builtins::encoding::decode_base64url;
use crate::builtins::x509::keys::{Curve, PrivateKey, PublicKey, RsaPrivate};
use crate::builtins::x509::public_key_of_pem;
use crate::json;
use crate::term::Term;

/// All algorithms.
pub(super) const ALGORITHMS: [&str; 13] =
    ["RS256", "RS384", "RS512", "PS256", "PS384", "PS512", "ES256", "ES384", "ES512", "HS256", "HS384", "HS512", "EdDSA"];

/// A key to verify with.
pub(super) enum Key {
    Public(PublicKey),
    Secret(Vec<u8>),
}

/// A key with what is said of it.
pub(super) struct Named {
    pub(super) key: Key,
    /// The algorithm it is for; empty for any.
    pub(super) algorithm: String,
    /// Its id; empty where it has none.
    pub(super) id: String,
}

fn unreadable(reason: &str) -> Failure {
    Failure::Failed(format!("failed to parse a JWK key (set): {reason}"))
}

/// The keys of a certificate, a public key, or a JSON web key or set of them.
pub(super) fn public_keys(given: &str) -> Result<Vec<Named>, Failure> {
    if let Some(key) = public_key_of_pem(given) {
        return Ok(vec![Named { key: Key::Public(key?), algorithm: String::new(), id: String::new() }]);
    }
    let mut out = Vec::new();
    for key in web_keys(given)? {
        let word = |name: &str| key.get_str(name).and_then(|value| value.as_str().map(str::to_owned)).unwrap_or_default();
        let read = public_key(&key)?;
        let algorithm = word("alg");
        if algorithm.is_empty() || ALGORITHMS.contains(&algorithm.as_str()) {
            out.push(Named { key: read, algorithm, id: word("kid") });
        }
    }
    Ok(out)
}

/// The keys of a JSON text: one, or those of a set.
fn web_keys(given: &str) -> Result<Vec<Term>, Failure> {
    let term = json::parse(given).map_err(|error| unreadable(&error.to_string()))?;
    if term.as_object().is_none() {
        return Err(unreadable("it is no object"));
    }
    match term.get_str("keys") {
        None => Ok(vec![term]),
        Some(keys) => keys.as_array().map(|keys| keys.to_vec()).ok_or_else(|| unreadable("`keys` is no list")),
    }
}

/// The bytes of a member of a key.
fn member(key: &Term, name: &str) -> Result<Vec<u8>, Failure> {
    match key.get_str(name) {
        Some(Term::String(text)) if !text.is_empty() => decode_base64url(&text).map_err(|_| unreadable(&format!("`{name}` is no base64"))),
        _ => Err(unreadable(&format!("`{name}` is missing"))),
    }
}

/// Bytes with zeros before them up to a width.
fn widened(bytes: &[u8], width: usize) -> Result<Vec<u8>, Failure> {
    let missing = width.checked_sub(bytes.len()).ok_or_else(|| unreadable("a coordinate is too long"))?;
    let mut out = vec![0; missing];
    out.extend_from_slice(bytes);
    Ok(out)
}

fn kind(key: &Term) -> Result<String, Failure> {
    match key.get_str("kty") {
        Some(Term::String(kind)) => Ok(kind.to_string()),
        _ => Err(unreadable("`kty` is missing")),
    }
}

fn curve(key: &Term) -> Result<Curve, Failure> {
    let name = key.get_str("crv");
    name.as_ref().and_then(Term::as_str).and_then(Curve::named).ok_or_else(|| unreadable("the curve is not known"))
}

fn point(key: &Term, curve: Curve) -> Result<Vec<u8>, Failure> {
    let mut point = vec![4];
    point.extend(widened(&member(key, "x")?, curve.width())?);
    point.extend(widened(&member(key, "y")?, curve.width())?);
    Ok(point)
}

fn public_key(key: &Term) -> Result<Key, Failure> {
    match &*kind(key)? {
        "RSA" => Ok(Key::Public(PublicKey::Rsa { n: member(key, "n")?, e: member(key, "e")? })),
        "EC" => {
            let curve = curve(key)?;
            Ok(Key::Public(PublicKey::Ec { curve, point: point(key, curve)? }))
        }
        "OKP" if key.get_str("crv") == Some(Term::from("Ed25519")) => Ok(Key::Public(PublicKey::Ed25519(member(key, "x")?))),
        "OKP" => Ok(Key::Public(PublicKey::Other)),
        "oct" => Ok(Key::Secret(member(key, "k")?)),
        other => Err(unreadable(&format!("the kind of key `{other}` is not known"))),
    }
}

/// A key to sign with.
pub(super) enum SigningKey {
    Private(PrivateKey),
    Secret(Vec<u8>),
}

/// The first key of a JSON text.
pub(super) fn signing_key(given: &str) -> Result<SigningKey, Failure> {
    let keys = web_keys(given)?;
    let key = keys.first().ok_or_else(|| Failure::failed("no keys found in JWK set"))?;
    match &*kind(key)? {
        "RSA" => Ok(SigningKey::Private(PrivateKey::Rsa(RsaPrivate {
            n: member(key, "n")?,
            e: member(key, "e")?,
            d: member(key, "d")?,
            p: member(key, "p")?,
            q: member(key, "q")?,
            dp: member(key, "dp")?,
            dq: member(key, "dq")?,
            qi: member(key, "qi")?,
        }))),
        "EC" => {
            let curve = curve(key)?;
            let d = widened(&member(key, "d")?, curve.width())?;
            Ok(SigningKey::Private(PrivateKey::Ec { curve, d, point: point(key, curve)? }))
        }
        "OKP" => Ok(SigningKey::Private(PrivateKey::Ed25519 { seed: member(key, "d")?, public: member(key, "x")? })),
        "oct" => Ok(SigningKey::Secret(member(key, "k")?)),
        other => Err(unreadable(&format!("the kind of key `{other}` is not known"))),
    }
}

fn hmac_algorithm(algorithm: &str) -> Option<hmac::Algorithm> {
    Some(match algorithm {
        "HS256" => hmac::HMAC_SHA256,
        "HS384" => hmac::HMAC_SHA384,
        "HS512" => hmac::HMAC_SHA512,
        _ => return None,
    })
}

/// Whether a signature of an algorithm is that of a key.
pub(super) fn verify(algorithm: &str, key: &Key, message: &[u8], given: &[u8]) -> bool {
    let with =
        |algorithm: &'static dyn VerificationAlgorithm, key: &[u8]| UnparsedPublicKey::new(algorithm, key).verify(message, given).is_ok();
    match key {
        Key::Secret(secret) => match hmac_algorithm(algorithm) {
            Some(algorithm) => hmac::verify(&hmac::Key::new(algorithm, secret), message, given).is_ok(),
            None => false,
        },
        Key::Public(PublicKey::Rsa { n, e }) => {
            let parameters = match algorithm {
                "RS256" => &signature::RSA_PKCS1_1024_8192_SHA256_FOR_LEGACY_USE_ONLY,
                "RS384" => &signature::RSA_PKCS1_2048_8192_SHA384,
                "RS512" => &signature::RSA_PKCS1_1024_8192_SHA512_FOR_LEGACY_USE_ONLY,
                "PS256" => &signature::RSA_PSS_2048_8192_SHA256,
                "PS384" => &signature::RSA_PSS_2048_8192_SHA384,
                "PS512" => &signature::RSA_PSS_2048_8192_SHA512,
                _ => return false,
            };
            signature::RsaPublicKeyComponents { n, e }.verify(parameters, message, given).is_ok()
        }
        Key::Public(PublicKey::Ec { curve, point }) => match (algorithm, curve) {
            ("ES256", Curve::P256) => with(&signature::ECDSA_P256_SHA256_FIXED, point),
            ("ES384", Curve::P384) => with(&signature::ECDSA_P384_SHA384_FIXED, point),
            ("ES512", Curve::P521) => with(&signature::ECDSA_P521_SHA512_FIXED, point),
            _ => false,
        },
        Key::Public(PublicKey::Ed25519(key)) => algorithm == "EdDSA" && with(&signature::ED25519, key),
        Key::Public(PublicKey::Other) => false,
    }
}

/// The signature of a key.
pub(super) fn sign(algorithm: &str, key: &SigningKey, message: &[u8]) -> Result<Vec<u8>, Failure> {
    let wrong = || Failure::Failed(format!("the key does not fit the algorithm {algorithm}"));
    match key {
        SigningKey::Secret(secret) => {
            let algorithm = hmac_algorithm(algorithm).ok_or_else(wrong)?;
            Ok(hmac::sign(&hmac::Key::new(algorithm, secret), message).as_ref().to_vec())
        }
        SigningKey::Private(PrivateKey::Rsa(key)) => {
            let encoding: &'static dyn signature::RsaEncoding = match algorithm {
                "RS256" => &signature::RSA_PKCS1_SHA256,
                "RS384" => &signature::RSA_PKCS1_SHA384,
                "RS512" => &signature::RSA_PKCS1_SHA512,
                "PS256" => &signature::RSA_PSS_SHA256,
                "PS384" => &signature::RSA_PSS_SHA384,
                "PS512" => &signature::RSA_PSS_SHA512,
                _ => return Err(wrong()),
            };
            let pair = rsa::KeyPair::from_der(&key.to_der()).map_err(|_| Failure::failed("the private key is not valid"))?;
            let mut out = vec![0; pair.public_modulus_len()];
            pair.sign(encoding, &SystemRandom::new(), message, &mut out).map_err(|_| wrong())?;
            Ok(out)
        }
        SigningKey::Private(PrivateKey::Ec { curve, d, point }) => {
            let algorithm = match (algorithm, curve) {
                ("ES256", Curve::P256) => &signature::ECDSA_P256_SHA256_FIXED_SIGNING,
                ("ES384", Curve::P384) => &signature::ECDSA_P384_SHA384_FIXED_SIGNING,
                ("ES512", Curve::P521) => &signature::ECDSA_P521_SHA512_FIXED_SIGNING,
                _ => return Err(wrong()),
            };
            let pair = signature::EcdsaKeyPair::from_private_key_and_public_key(algorithm, d, point)
                .map_err(|_| Failure::failed("the private key is not valid"))?;
            Ok(pair.sign(&SystemRandom::new(), message).map_err(|_| wrong())?.as_ref().to_vec())
        }
        SigningKey::Private(PrivateKey::Ed25519 { seed, .. }) if algorithm == "EdDSA" => {
            let pair = signature::Ed25519KeyPair::from_seed_unchecked(seed).map_err(|_| Failure::failed("the private key is not valid"))?;
            Ok(pair.sign(message).as_ref().to_vec())
        }
        SigningKey::Private(PrivateKey::Ed25519 { .. }) => Err(wrong()),
    }
}
