//! Keys in AWS KMS: `GetPublicKey` and `Sign`, and nothing else is asked of it (the API of 2014-11-01, JSON 1.1).

mod credentials;
mod signature;

use std::fmt;
use std::sync::Arc;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use probity_attest::keys::{Algorithm, PublicKey};
use probity_attest::sha256;
use reqwest::Url;
use serde_json::{Value, json};
use zeroize::Zeroizing;

use crate::error::KmsError;
use crate::http::{self, Http, Request};
use crate::key::Backend;
use crate::reference::ReferenceError;
use crate::surroundings::Surroundings;
use credentials::{Credentials, Keys, Profile};

/// Most bytes that it signs as they are, which is what Ed25519 needs.
const LARGEST_RAW: usize = 4096;
const CONTENT_TYPE: &str = "application/x-amz-json-1.1";

/// The name of a key: `awskms://[ENDPOINT]/ID`, where the id is that of a key, `alias/NAME`, or the ARN of either.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct AwsName {
    endpoint: Option<String>,
    id: String,
}

impl AwsName {
    /// Reads such a name.
    ///
    /// # Errors
    /// [`ReferenceError`] for what names no key.
    pub fn parse(text: &str) -> Result<AwsName, ReferenceError> {
        let wrong = || ReferenceError::new("write it as `awskms://[ENDPOINT]/KEY`, where KEY is a key's id, `alias/NAME`, or an ARN");
        let (endpoint, id) = text.strip_prefix("awskms://").and_then(|rest| rest.split_once('/')).ok_or_else(wrong)?;
        let is_id = |id: &str| {
            let plain = id.strip_prefix("mrk-").unwrap_or(id);
            (32..=36).contains(&plain.len()) && plain.bytes().all(|byte| byte.is_ascii_hexdigit() || byte == b'-')
        };
        let is_alias = |id: &str| {
            let name = id.strip_prefix("alias/").unwrap_or_default();
            (1..=250).contains(&name.len()) && name.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"/_-".contains(&byte))
        };
        let named = match id.strip_prefix("arn:") {
            None => is_id(id) || is_alias(id),
            Some(rest) => match rest.split(':').collect::<Vec<_>>().as_slice() {
                [partition, "kms", region, account, resource] => {
                    partition.starts_with("aws")
                        && is_word(partition)
                        && is_word(region)
                        && account.len() == 12
                        && account.bytes().all(|byte| byte.is_ascii_digit())
                        && (is_alias(resource) || resource.strip_prefix("key/").is_some_and(is_id))
                }
                _ => false,
            },
        };
        let host = |endpoint: &str| endpoint.bytes().all(|byte| byte.is_ascii_alphanumeric() || b".-:[]".contains(&byte));
        if !named || !host(endpoint) {
            return Err(wrong());
        }
        Ok(AwsName { endpoint: Some(endpoint.to_owned()).filter(|endpoint| !endpoint.is_empty()), id: id.to_owned() })
    }

    /// The region that an ARN names.
    fn region(&self) -> Option<&str> {
        self.id.strip_prefix("arn:").and_then(|rest| rest.split(':').nth(2))
    }
}

impl fmt::Display for AwsName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "awskms://{}/{}", self.endpoint.as_deref().unwrap_or_default(), self.id)
    }
}

/// Letters, digits and hyphens, as regions have them.
fn is_word(text: &str) -> bool {
    !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_lowercase() || byte.is_ascii_digit() || byte == b'-')
}

/// A key in AWS KMS.
pub(crate) struct Aws {
    http: Http,
    surroundings: Arc<dyn Surroundings>,
    credentials: Credentials,
    region: String,
    url: Url,
    /// The key by its ARN, as it was when its public half was fetched: an alias may be turned to another one.
    id: String,
}

/// Fetches the public half of a key, and gets ready to sign with it.
pub(crate) fn open(name: &AwsName, surroundings: Arc<dyn Surroundings>) -> Result<(PublicKey, Aws), KmsError> {
    let profile = Profile::read(&*surroundings)?;
    let region = region(name, &profile, &*surroundings)?;
    let url = endpoint(name, &region, &*surroundings)?;
    let authorities = http::authorities("AWS_CA_BUNDLE", &*surroundings)?;
    let credentials = Credentials::find(&profile, &region, &*surroundings)?;
    let mut aws = Aws { http: Http::new(&authorities)?, surroundings, credentials, region, url, id: name.id.clone() };
    let answer = aws.call("GetPublicKey", "the public key", &json!({ "KeyId": aws.id }))?;
    let broken = |why: &str| KmsError::Broken { what: "the public key", why: why.to_owned() };
    let text = |key: &str| answer.get(key).and_then(Value::as_str).ok_or_else(|| broken(&format!("`{key}` is missing")));
    if text("KeyUsage")? != "SIGN_VERIFY" {
        return Err(KmsError::Key("it is not for signing (its `KeyUsage`)".to_owned()));
    }
    let der = STANDARD.decode(text("PublicKey")?).map_err(|_| broken("it is no base64"))?;
    let public = PublicKey::from_der(&der).map_err(|error| KmsError::Key(error.to_string()))?;
    let algorithm = algorithm(public.algorithm());
    if !answer.get("SigningAlgorithms").and_then(Value::as_array).is_some_and(|all| all.iter().any(|one| one == algorithm)) {
        return Err(KmsError::Key(format!("it does not sign with {algorithm}")));
    }
    let arn = text("KeyId")?.to_owned();
    aws.id = arn;
    Ok((public, aws))
}

/// How AWS names an algorithm.
fn algorithm(algorithm: Algorithm) -> &'static str {
    match algorithm {
        Algorithm::EcdsaP256Sha256 => "ECDSA_SHA_256",
        Algorithm::RsaPkcs1Sha256 => "RSASSA_PKCS1_V1_5_SHA_256",
        Algorithm::Ed25519 => "ED25519_SHA_512",
    }
}

fn region(name: &AwsName, profile: &Profile, surroundings: &dyn Surroundings) -> Result<String, KmsError> {
    let said = name.region().map(str::to_owned);
    let said = said.or_else(|| ["AWS_REGION", "AWS_DEFAULT_REGION"].iter().find_map(|name| surroundings.variable(name)));
    let region = said
        .or_else(|| profile.region.clone())
        .ok_or(KmsError::Missing { what: "the region of AWS", hint: "set `AWS_REGION`, or name the key by its ARN" })?;
    if is_word(&region) { Ok(region) } else { Err(KmsError::setting("the region of AWS", "it is no name of a region")) }
}

fn endpoint(name: &AwsName, region: &str, surroundings: &dyn Surroundings) -> Result<Url, KmsError> {
    if let Some(host) = &name.endpoint {
        return http::address_of_host("the endpoint in the name of the key", host);
    }
    for variable in ["AWS_ENDPOINT_URL_KMS", "AWS_ENDPOINT_URL"] {
        if let Some(text) = surroundings.variable(variable) {
            return http::address(&format!("`{variable}`"), &text);
        }
    }
    http::address("the endpoint of AWS KMS", &format!("https://kms.{region}.{}/", domain(region)))
}

/// What the names of AWS end in.
fn domain(region: &str) -> &'static str {
    if region.starts_with("cn-") { "amazonaws.com.cn" } else { "amazonaws.com" }
}

impl Aws {
    fn call(&self, action: &str, what: &'static str, body: &Value) -> Result<Value, KmsError> {
        let keys = self.credentials.keys(&self.http, &*self.surroundings)?;
        let target = format!("TrentService.{action}");
        self.http.ask_json(&|| self.request(&keys, &target, what, body.to_string().into_bytes()))
    }

    fn request(&self, keys: &Keys, target: &str, what: &'static str, body: Vec<u8>) -> Result<Request, KmsError> {
        let headers = vec![("content-type", Zeroizing::new(CONTENT_TYPE.to_owned())), ("x-amz-target", Zeroizing::new(target.to_owned()))];
        let signing = signature::Signing { keys, region: &self.region, service: "kms", now: self.surroundings.now() };
        let headers = signing.sign("POST", &self.url, headers, &body)?;
        Ok(Request { what, post: true, url: self.url.clone(), headers, body: Zeroizing::new(body), secrets: keys.secrets() })
    }
}

impl Backend for Aws {
    fn sign(&self, message: &[u8], key: &PublicKey) -> Result<Vec<u8>, KmsError> {
        let digest;
        let (kind, bytes) = match key.algorithm() {
            Algorithm::Ed25519 if message.len() > LARGEST_RAW => {
                return Err(KmsError::Key(format!(
                    "AWS KMS signs no more than {LARGEST_RAW} bytes with Ed25519, and there are {}",
                    message.len()
                )));
            }
            Algorithm::Ed25519 => ("RAW", message),
            Algorithm::EcdsaP256Sha256 | Algorithm::RsaPkcs1Sha256 => {
                digest = sha256(message).0;
                ("DIGEST", digest.as_slice())
            }
        };
        let body = json!({
            "KeyId": self.id,
            "Message": STANDARD.encode(bytes),
            "MessageType": kind,
            "SigningAlgorithm": algorithm(key.algorithm()),
        });
        let answer = self.call("Sign", "the signature", &body)?;
        let text = answer.get("Signature").and_then(Value::as_str);
        let broken = |why: &str| KmsError::Broken { what: "the signature", why: why.to_owned() };
        STANDARD.decode(text.ok_or_else(|| broken("`Signature` is missing"))?).map_err(|_| broken("it is no base64"))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_of_keys() {
        let check = |text: &str, endpoint: Option<&str>, region: Option<&str>| {
            let name = AwsName::parse(text).unwrap();
            assert_eq!((name.endpoint.as_deref(), name.region()), (endpoint, region), "{text}");
            assert_eq!(name.to_string(), text);
        };
        let id = "1234abcd-12ab-34cd-56ef-1234567890ab";
        check(&format!("awskms:///{id}"), None, None);
        check("awskms:///mrk-1234abcd12ab34cd56ef1234567890ab", None, None);
        check("awskms:///alias/release/v1", None, None);
        check("awskms://localhost:4566/alias/release", Some("localhost:4566"), None);
        check(&format!("awskms:///arn:aws:kms:eu-central-1:111122223333:key/{id}"), None, Some("eu-central-1"));
        check("awskms:///arn:aws-us-gov:kms:us-gov-west-1:111122223333:alias/a", None, Some("us-gov-west-1"));
        for wrong in [
            "awskms://",
            "awskms:///",
            "awskms:///release",
            "awskms:///alias/",
            "awskms:///alias/a b",
            "awskms://a@b/alias/a",
            "awskms://a?b/alias/a",
            "awskms:///arn:aws:kms:eu-central-1:111122223333:key/release",
            "awskms:///arn:aws:s3:eu-central-1:111122223333:alias/a",
            "awskms:///arn:aws:kms:eu/central:111122223333:alias/a",
            "awskms:///arn:aws:kms:eu-central-1:1:alias/a",
        ] {
            assert!(AwsName::parse(wrong).is_err(), "{wrong}");
        }
    }
}
