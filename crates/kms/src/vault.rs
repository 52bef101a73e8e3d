//! Keys in the transit engine of HashiCorp Vault, and of OpenBao, which has the same.

use std::fmt;
use std::path::PathBuf;
use std::sync::Arc;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use probity_attest::keys::{Algorithm, PublicKey};
use probity_attest::{VerifyingKey, sha256};
use reqwest::Url;
use serde_json::{Value, json};
use zeroize::Zeroizing;

use crate::error::KmsError;
use crate::http::{self, Http, Request};
use crate::key::Backend;
use crate::reference::ReferenceError;
use crate::secret::Secret;
use crate::surroundings::Surroundings;

/// The name of a key: `hashivault://NAME`, or `hashivault://NAME/versions/N` for one that is not the latest.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct VaultName {
    name: String,
    version: Option<u64>,
}

impl VaultName {
    /// Reads such a name.
    ///
    /// # Errors
    /// [`ReferenceError`] for what names no key.
    pub fn parse(text: &str) -> Result<VaultName, ReferenceError> {
        let wrong = || ReferenceError::new("write it as `hashivault://NAME` or `hashivault://NAME/versions/N`");
        let rest = text.strip_prefix("hashivault://").ok_or_else(wrong)?;
        let (name, version) = match rest.split_once("/versions/") {
            Some((name, version)) => (name, Some(version.parse().ok().filter(|version| *version > 0).ok_or_else(wrong)?)),
            None => (rest, None),
        };
        if is_name(name) { Ok(VaultName { name: name.to_owned(), version }) } else { Err(wrong()) }
    }
}

impl fmt::Display for VaultName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "hashivault://{}", self.name)?;
        self.version.map_or(Ok(()), |version| write!(f, "/versions/{version}"))
    }
}

/// Letters, digits, and what may stand between them.
fn is_name(text: &str) -> bool {
    let inside = |byte: u8| byte.is_ascii_alphanumeric() || b"_-.".contains(&byte);
    !text.is_empty() && text.bytes().all(inside) && !text.starts_with(['.', '-']) && !text.ends_with(['.', '-'])
}

/// A key in Vault.
pub(crate) struct Vault {
    http: Http,
    /// Where the engine is.
    engine: Url,
    token: Secret,
    namespace: Option<String>,
    name: String,
    version: u64,
}

/// Fetches the public half of a key, and gets ready to sign with that version of it.
pub(crate) fn open(name: &VaultName, surroundings: &Arc<dyn Surroundings>) -> Result<(PublicKey, Vault), KmsError> {
    let address = surroundings
        .variable("VAULT_ADDR")
        .ok_or(KmsError::Missing { what: "the address of Vault", hint: "set `VAULT_ADDR`, as `https://vault.example:8200`" })?;
    let mount = surroundings.variable("TRANSIT_SECRET_ENGINE_PATH").unwrap_or_else(|| "transit".to_owned());
    let mount = mount.trim_matches('/');
    if !mount.split('/').all(is_name) {
        return Err(KmsError::setting("`TRANSIT_SECRET_ENGINE_PATH`", "it is no path of an engine"));
    }
    let mut engine = http::address("`VAULT_ADDR`", &address)?;
    engine.set_path(&format!("{}/v1/{mount}/", engine.path().trim_end_matches('/')));
    let authorities = http::authorities("VAULT_CACERT", &**surroundings)?;
    let mut vault = Vault {
        http: Http::new(&authorities)?,
        engine,
        token: token(&**surroundings)?,
        namespace: surroundings.variable("VAULT_NAMESPACE"),
        name: name.name.clone(),
        version: 0,
    };
    let answer = vault.call(false, &format!("keys/{}", name.name), "the public key", None)?;
    let (version, public) = read(&answer, name.version)?;
    vault.version = version;
    Ok((public, vault))
}

/// What signs in: the variable, else the file that `vault login` writes.
fn token(surroundings: &dyn Surroundings) -> Result<Secret, KmsError> {
    if let Some(token) = surroundings.variable("VAULT_TOKEN") {
        return Ok(Secret::new(token.trim()));
    }
    let missing = KmsError::Missing { what: "the token of Vault", hint: "set `VAULT_TOKEN`, or sign in with `vault login`" };
    let Some(path) = surroundings.variable("HOME").map(|home| PathBuf::from(home).join(".vault-token")) else { return Err(missing) };
    match surroundings.file(&path) {
        Ok(bytes) => match std::str::from_utf8(&bytes).map(str::trim) {
            Ok(token) if !token.is_empty() => Ok(Secret::new(token)),
            _ => Err(KmsError::setting(format!("`{}`", path.display()), "it holds no token")),
        },
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => Err(missing),
        Err(error) => Err(KmsError::setting(format!("`{}`", path.display()), error)),
    }
}

/// The version that counts, and its public half.
fn read(answer: &Value, wanted: Option<u64>) -> Result<(u64, PublicKey), KmsError> {
    let broken = |why: &str| KmsError::Broken { what: "the public key", why: why.to_owned() };
    let data = answer.get("data").ok_or_else(|| broken("`data` is missing"))?;
    let kind = data.get("type").and_then(Value::as_str).ok_or_else(|| broken("`type` is missing"))?;
    if !matches!(kind, "ecdsa-p256" | "ed25519" | "rsa-2048" | "rsa-3072" | "rsa-4096") {
        let why = format!("it is of the type `{}`; supported are `ecdsa-p256`, `ed25519` and `rsa-...`", crate::error::told(kind));
        return Err(KmsError::Key(why));
    }
    if data.get("derived").and_then(Value::as_bool) == Some(true) {
        return Err(KmsError::Key("it is derived for each context, and there is none here".to_owned()));
    }
    let latest = data.get("latest_version").and_then(Value::as_u64).ok_or_else(|| broken("`latest_version` is missing"))?;
    let version = wanted.unwrap_or(latest);
    let least = data.get("min_encryption_version").and_then(Value::as_u64).unwrap_or(0);
    if version < least {
        return Err(KmsError::Key(format!("Vault signs with no version before {least} of it")));
    }
    let one = data.get("keys").and_then(|keys| keys.get(version.to_string()));
    let one = one.ok_or_else(|| KmsError::NotFound(format!("there is no version {version} of it; the latest is {latest}")))?;
    let text = one.get("public_key").and_then(Value::as_str).ok_or_else(|| broken("`public_key` is missing"))?;
    let public = if kind == "ed25519" {
        let raw = STANDARD.decode(text).ok().and_then(|raw| <[u8; 32]>::try_from(raw).ok());
        VerifyingKey::from_raw(raw.ok_or_else(|| broken("it has not 32 bytes in base64"))?).into()
    } else {
        PublicKey::from_pem(text).map_err(|error| KmsError::Key(error.to_string()))?
    };
    Ok((version, public))
}

impl Vault {
    fn call(&self, post: bool, path: &str, what: &'static str, body: Option<&Value>) -> Result<Value, KmsError> {
        let url = self.engine.join(path).map_err(|_| KmsError::Setup("the address of the engine cannot be made".to_owned()))?;
        self.http.ask_json(&|| {
            let mut headers = vec![
                ("x-vault-token", Zeroizing::new(self.token.reveal().to_owned())),
                ("x-vault-request", Zeroizing::new("true".to_owned())),
            ];
            headers.extend(self.namespace.clone().map(|namespace| ("x-vault-namespace", Zeroizing::new(namespace))));
            if post {
                headers.push(("content-type", Zeroizing::new("application/json".to_owned())));
            }
            let body = Zeroizing::new(body.map(|body| body.to_string().into_bytes()).unwrap_or_default());
            Ok(Request { what, post, url: url.clone(), headers, body, secrets: vec![self.token.clone()] })
        })
    }
}

impl Backend for Vault {
    fn sign(&self, message: &[u8], key: &PublicKey) -> Result<Vec<u8>, KmsError> {
        let (path, body) = match key.algorithm() {
            Algorithm::Ed25519 => {
                (format!("sign/{}", self.name), json!({ "input": STANDARD.encode(message), "key_version": self.version }))
            }
            algorithm => {
                let mut body = json!({
                    "input": STANDARD.encode(sha256(message).0),
                    "prehashed": true,
                    "key_version": self.version,
                });
                let (name, value) = match algorithm {
                    Algorithm::RsaPkcs1Sha256 => ("signature_algorithm", "pkcs1v15"),
                    _ => ("marshaling_algorithm", "asn1"),
                };
                if let Some(body) = body.as_object_mut() {
                    body.insert(name.to_owned(), Value::from(value));
                }
                (format!("sign/{}/sha2-256", self.name), body)
            }
        };
        let answer = self.call(true, &path, "the signature", Some(&body))?;
        let broken = |why: &str| KmsError::Broken { what: "the signature", why: why.to_owned() };
        let text = answer.pointer("/data/signature").and_then(Value::as_str).ok_or_else(|| broken("`signature` is missing"))?;
        let rest = text.strip_prefix(&format!("vault:v{}:", self.version));
        let rest = rest.ok_or_else(|| broken("it is not of the version that was asked for"))?;
        STANDARD.decode(rest).map_err(|_| broken("it is no base64"))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_of_keys() {
        for good in ["hashivault://release", "hashivault://a", "hashivault://my_key-1.2", "hashivault://release/versions/3"] {
            assert_eq!(VaultName::parse(good).unwrap().to_string(), good);
        }
        for wrong in [
            "hashivault://",
            "hashivault://a/b",
            "hashivault://..",
            "hashivault://a?b",
            "hashivault://a b",
            "hashivault://a/versions/0",
            "hashivault://a/versions/x",
            "hashivault://a/versions/",
        ] {
            assert!(VaultName::parse(wrong).is_err(), "{wrong}");
        }
    }
}
