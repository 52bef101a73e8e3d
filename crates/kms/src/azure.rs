//! Keys in Azure Key Vault and its managed HSM (the REST API, version 7.4).

use std::fmt;
use std::path::PathBuf;
use std::sync::Arc;

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use probity_attest::keys::{Algorithm, PublicKey};
use probity_attest::sha256;
use reqwest::Url;
use serde_json::{Value, json};
use zeroize::Zeroizing;

use crate::error::KmsError;
use crate::http::{self, Http, Request};
use crate::key::Backend;
use crate::reference::ReferenceError;
use crate::renewed::Renewed;
use crate::secret::Secret;
use crate::surroundings::Surroundings;
use crate::{bearer, ecdsa};

const VERSION: &str = "api-version=7.4";

/// Where vaults are: the end of their hosts, what tokens for them are for, and who gives these. INVARIANT: a token goes nowhere else.
const CLOUDS: &[(&str, &str, &str)] = &[
    (".vault.azure.net", "https://vault.azure.net/.default", "https://login.microsoftonline.com/"),
    (".managedhsm.azure.net", "https://managedhsm.azure.net/.default", "https://login.microsoftonline.com/"),
    (".vault.azure.cn", "https://vault.azure.cn/.default", "https://login.chinacloudapi.cn/"),
    (".vault.usgovcloudapi.net", "https://vault.usgovcloudapi.net/.default", "https://login.microsoftonline.us/"),
];

/// The name of a key: `azurekms://VAULT.vault.azure.net/NAME`, with `/VERSION` for one that is not the latest.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct AzureName {
    host: String,
    name: String,
    version: Option<String>,
}

impl AzureName {
    /// Reads such a name.
    ///
    /// # Errors
    /// [`ReferenceError`] for what names no key, or one in a place that is not Azure's.
    pub fn parse(text: &str) -> Result<AzureName, ReferenceError> {
        let wrong = || {
            ReferenceError::new("write it as `azurekms://VAULT.vault.azure.net/NAME` or `azurekms://VAULT.vault.azure.net/NAME/VERSION`")
        };
        let parts: Vec<&str> = text.strip_prefix("azurekms://").ok_or_else(wrong)?.split('/').collect();
        let (host, name, version) = match parts.as_slice() {
            [host, name] | [host, name, ""] => (*host, *name, None),
            [host, name, version] => (*host, *name, Some(*version)),
            _ => return Err(wrong()),
        };
        let word = |text: &str| !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'-');
        if !word(name) || !version.is_none_or(word) {
            return Err(wrong());
        }
        if cloud(host).is_none() {
            let ends: Vec<String> = CLOUDS.iter().map(|(end, ..)| format!("`{end}`")).collect();
            return Err(ReferenceError::new(format!("its host is none of Azure's, which end in {}", ends.join(", "))));
        }
        Ok(AzureName { host: host.to_owned(), name: name.to_owned(), version: version.map(str::to_owned) })
    }
}

/// The cloud of a host. What is on this machine counts as the public one.
fn cloud(host: &str) -> Option<(&'static str, &'static str)> {
    let (_, scope, authority) = CLOUDS
        .iter()
        .find(|(end, ..)| {
            let name = host.strip_suffix(end).unwrap_or_default();
            !name.is_empty() && name.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'-')
        })
        .or_else(|| {
            let url = http::address_of_host("", host).ok()?;
            CLOUDS.first().filter(|_| http::is_here(&url))
        })?;
    Some((scope, authority))
}

impl fmt::Display for AzureName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "azurekms://{}/{}", self.host, self.name)?;
        self.version.as_ref().map_or(Ok(()), |version| write!(f, "/{version}"))
    }
}

/// A key in Azure Key Vault.
pub(crate) struct Azure {
    http: Http,
    surroundings: Arc<dyn Surroundings>,
    token: Tokens,
    /// The key with its version.
    url: Url,
}

/// Fetches the public half of a key, and gets ready to sign with that version of it.
pub(crate) fn open(name: &AzureName, surroundings: Arc<dyn Surroundings>) -> Result<(PublicKey, Azure), KmsError> {
    let mut url = http::address_of_host("the host of the vault", &name.host)?;
    let token = Tokens::find(&name.host, &*surroundings)?;
    url.set_path(&format!("keys/{}/{}", name.name, name.version.as_deref().unwrap_or_default()));
    let mut azure = Azure { http: Http::new(&[])?, surroundings, token, url };
    let answer = azure.call(false, "", "the public key", None)?;
    let broken = |why: &str| KmsError::Broken { what: "the public key", why: why.to_owned() };
    let key = answer.get("key").ok_or_else(|| broken("`key` is missing"))?;
    if answer.pointer("/attributes/enabled").and_then(Value::as_bool) != Some(true) {
        return Err(KmsError::Key("it is not enabled".to_owned()));
    }
    let may = key.get("key_ops").and_then(Value::as_array).is_some_and(|all| all.iter().any(|one| one == "sign"));
    if !may {
        return Err(KmsError::Key("it is not for signing (its `key_ops`)".to_owned()));
    }
    let kid = key.get("kid").and_then(Value::as_str).ok_or_else(|| broken("`kid` is missing"))?;
    let version = Url::parse(kid).ok().and_then(|url| {
        let parts: Vec<String> = url.path_segments()?.map(str::to_owned).collect();
        match parts.as_slice() {
            [keys, found, version] if keys == "keys" && found.eq_ignore_ascii_case(&name.name) => Some(version.clone()),
            _ => None,
        }
    });
    let version = version.filter(|version| !version.is_empty() && version.bytes().all(|byte| byte.is_ascii_alphanumeric()));
    let version = version.ok_or_else(|| broken("its `kid` names another key"))?;
    if name.version.as_ref().is_some_and(|wanted| *wanted != version) {
        return Err(broken("its `kid` names another version"));
    }
    azure.url.set_path(&format!("keys/{}/{version}", name.name));
    Ok((read(key)?, azure))
}

/// A JSON Web Key (RFC 7517) of Azure's kinds.
fn read(key: &Value) -> Result<PublicKey, KmsError> {
    let broken = |why: String| KmsError::Broken { what: "the public key", why };
    let number = |name: &str| {
        let text = key.get(name).and_then(Value::as_str).ok_or_else(|| broken(format!("`{name}` is missing")))?;
        URL_SAFE_NO_PAD.decode(text.trim_end_matches('=')).map_err(|_| broken(format!("`{name}` is no base64")))
    };
    let unusable = |error: probity_attest::keys::PublicKeyError| KmsError::Key(error.to_string());
    match (key.get("kty").and_then(Value::as_str), key.get("crv").and_then(Value::as_str)) {
        (Some("EC" | "EC-HSM"), Some("P-256")) => {
            PublicKey::from_p256_point(&[&[4], number("x")?.as_slice(), number("y")?.as_slice()].concat()).map_err(unusable)
        }
        (Some("EC" | "EC-HSM"), _) => Err(KmsError::Key("it is on another curve than P-256".to_owned())),
        (Some("RSA" | "RSA-HSM"), _) => PublicKey::from_rsa_numbers(&number("n")?, &number("e")?).map_err(unusable),
        _ => Err(KmsError::Key("it is neither EC nor RSA".to_owned())),
    }
}

impl Azure {
    fn call(&self, post: bool, more: &str, what: &'static str, body: Option<&Value>) -> Result<Value, KmsError> {
        let token = self.token.take(&self.http, &*self.surroundings)?;
        let mut url = self.url.clone();
        url.set_path(&format!("{}{more}", self.url.path()));
        url.set_query(Some(VERSION));
        self.http.ask_json(&|| {
            let mut headers = vec![bearer::header(&token)];
            if post {
                headers.push(("content-type", Zeroizing::new("application/json".to_owned())));
            }
            let body = Zeroizing::new(body.map(|body| body.to_string().into_bytes()).unwrap_or_default());
            Ok(Request { what, post, url: url.clone(), headers, body, secrets: vec![token.clone()] })
        })
    }
}

impl Backend for Azure {
    fn sign(&self, message: &[u8], key: &PublicKey) -> Result<Vec<u8>, KmsError> {
        let algorithm = match key.algorithm() {
            Algorithm::EcdsaP256Sha256 => "ES256",
            Algorithm::RsaPkcs1Sha256 => "RS256",
            Algorithm::Ed25519 => return Err(KmsError::Key("Azure Key Vault has no Ed25519".to_owned())),
        };
        let body = json!({ "alg": algorithm, "value": URL_SAFE_NO_PAD.encode(sha256(message).0) });
        let answer = self.call(true, "/sign", "the signature", Some(&body))?;
        let broken = |why: &str| KmsError::Broken { what: "the signature", why: why.to_owned() };
        let text = answer.get("value").and_then(Value::as_str).ok_or_else(|| broken("`value` is missing"))?;
        let bytes = URL_SAFE_NO_PAD.decode(text.trim_end_matches('=')).map_err(|_| broken("it is no base64"))?;
        match key.algorithm() {
            // Two numbers side by side (RFC 7518, section 3.4).
            Algorithm::EcdsaP256Sha256 => ecdsa::to_der(&bytes).ok_or_else(|| broken("it has not 64 bytes")),
            _ => Ok(bytes),
        }
    }
}

/// Where tokens come from.
struct Tokens {
    from: From,
    kept: Renewed<Secret>,
}

enum From {
    /// It was given.
    Given(Secret),
    /// An application asks for one, with its secret or the token of an identity provider in a file.
    Application { url: Url, client: String, scope: &'static str, proof: Proof },
}

enum Proof {
    Secret(Secret),
    File(PathBuf),
}

impl Tokens {
    /// Finds out where they come from. Nothing is sent yet.
    fn find(host: &str, surroundings: &dyn Surroundings) -> Result<Tokens, KmsError> {
        let kept = Renewed::new();
        if let Some(token) = surroundings.variable("PROBITY_AZURE_ACCESS_TOKEN") {
            return Ok(Tokens { from: From::Given(bearer::checked(&token)?), kept });
        }
        let missing = KmsError::Missing {
            what: "who we are to Azure",
            hint: "set `AZURE_TENANT_ID`, `AZURE_CLIENT_ID` and either `AZURE_CLIENT_SECRET` or `AZURE_FEDERATED_TOKEN_FILE`; or a token in `PROBITY_AZURE_ACCESS_TOKEN`",
        };
        let (Some(tenant), Some(client)) = (surroundings.variable("AZURE_TENANT_ID"), surroundings.variable("AZURE_CLIENT_ID")) else {
            return Err(missing);
        };
        let proof = match (surroundings.variable("AZURE_CLIENT_SECRET"), surroundings.variable("AZURE_FEDERATED_TOKEN_FILE")) {
            (Some(secret), _) => Proof::Secret(Secret::new(secret)),
            (None, Some(file)) => Proof::File(file.into()),
            (None, None) => return Err(missing),
        };
        if !tenant.bytes().all(|byte| byte.is_ascii_alphanumeric() || b".-".contains(&byte)) {
            return Err(KmsError::setting("`AZURE_TENANT_ID`", "it is no tenant"));
        }
        let (scope, authority) = cloud(host).ok_or_else(|| KmsError::setting("the host of the vault", "it is none of Azure's"))?;
        let authority = surroundings.variable("AZURE_AUTHORITY_HOST").unwrap_or_else(|| authority.to_owned());
        let mut url = http::address("`AZURE_AUTHORITY_HOST`", &authority)?;
        url.set_path(&format!("{tenant}/oauth2/v2.0/token"));
        Ok(Tokens { from: From::Application { url, client, scope, proof }, kept })
    }

    fn take(&self, http: &Http, surroundings: &dyn Surroundings) -> Result<Secret, KmsError> {
        let (url, client, scope, proof) = match &self.from {
            From::Given(token) => return Ok(token.clone()),
            From::Application { url, client, scope, proof } => (url, client, scope, proof),
        };
        let now = surroundings.now();
        self.kept.take(now, || {
            let (fields, secret) = match proof {
                Proof::Secret(secret) => (vec![("client_secret", secret.clone())], secret.clone()),
                Proof::File(path) => {
                    let what = "the token in `AZURE_FEDERATED_TOKEN_FILE`";
                    let bytes = surroundings.file(path).map_err(|error| KmsError::setting(what, error))?;
                    let token = bearer::checked(std::str::from_utf8(&bytes).unwrap_or_default())?;
                    let kind = Secret::new("urn:ietf:params:oauth:client-assertion-type:jwt-bearer");
                    (vec![("client_assertion_type", kind), ("client_assertion", token.clone())], token)
                }
            };
            let answer = http.ask_json(&|| {
                let mut form = vec![("client_id", client.as_str()), ("scope", *scope), ("grant_type", "client_credentials")];
                form.extend(fields.iter().map(|(name, value)| (*name, value.reveal())));
                let headers = vec![("content-type", Zeroizing::new(bearer::FORM.to_owned()))];
                let secrets = vec![secret.clone()];
                Ok(Request { what: bearer::WHAT, post: true, url: url.clone(), headers, body: http::form(&form), secrets })
            })?;
            bearer::read(&answer, now.seconds)
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_of_keys() {
        for good in
            ["azurekms://v.vault.azure.net/release", "azurekms://my-hsm.managedhsm.azure.net/r/0123abcd", "azurekms://127.0.0.1:1/r"]
        {
            assert_eq!(AzureName::parse(good).unwrap().to_string(), good);
        }
        for wrong in [
            "azurekms://",
            "azurekms://v.vault.azure.net",
            "azurekms://v.vault.azure.net/",
            "azurekms://v.vault.azure.net/a/b/c",
            "azurekms://v.vault.azure.net/a b",
            "azurekms://.vault.azure.net/a",
            "azurekms://evil.example/a",
            "azurekms://evil.example?.vault.azure.net/a",
            "azurekms://evil.example#.vault.azure.net/a",
            "azurekms://a@v.vault.azure.net/a",
            "azurekms://vault.azure.net.evil.example/a",
        ] {
            assert!(AzureName::parse(wrong).is_err(), "{wrong}");
        }
    }
}
