//! Who we are to Google: a token that was given, or the file with credentials that `GOOGLE_APPLICATION_CREDENTIALS` names, of a service
//! account or of workload identity federation. The metadata service of machines is not asked.

use std::collections::BTreeMap;
use std::path::PathBuf;

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use probity_attest::keys::{PrivateKey, Signer as _};
use probity_attest::statement::parse_time;
use reqwest::Url;
use serde_json::{Value, json};
use zeroize::Zeroizing;

use crate::bearer;
use crate::error::KmsError;
use crate::http::{self, Http, Request};
use crate::renewed::Renewed;
use crate::secret::Secret;
use crate::surroundings::Surroundings;

/// What tokens are for.
const SCOPE: &str = "https://www.googleapis.com/auth/cloudkms";
/// What a token is for that asks for another in the name of a service account.
const TO_IMPERSONATE: &str = "https://www.googleapis.com/auth/cloud-platform";
/// How long a token lives that an account of ours asks for, in seconds.
const LIFE: i64 = 3600;
/// The file with credentials, for people.
const FILE: &str = "the file of `GOOGLE_APPLICATION_CREDENTIALS`";

/// Where tokens come from.
pub(super) struct Tokens {
    from: From,
    kept: Renewed<Secret>,
}

enum From {
    Given(Secret),
    Account { email: String, key: Box<PrivateKey>, key_id: Option<String>, url: Url },
    Federation(Box<Federation>),
}

/// A file of the type `external_account`.
struct Federation {
    audience: String,
    kind: String,
    url: Url,
    source: Source,
    /// The member of a JSON object that the token is; the whole text where there is none.
    member: Option<String>,
    /// Who gives a token of a service account.
    account: Option<Url>,
}

/// Where the token of the identity provider comes from.
enum Source {
    File(PathBuf),
    Url { url: Url, headers: BTreeMap<&'static str, Secret> },
}

impl Tokens {
    /// Finds out where they come from. Nothing is sent yet.
    pub(super) fn find(surroundings: &dyn Surroundings) -> Result<Tokens, KmsError> {
        let kept = Renewed::new();
        for name in ["GOOGLE_OAUTH_ACCESS_TOKEN", "CLOUDSDK_AUTH_ACCESS_TOKEN"] {
            if let Some(token) = surroundings.variable(name) {
                return Ok(Tokens { from: From::Given(bearer::checked(&token)?), kept });
            }
        }
        let path = surroundings.variable("GOOGLE_APPLICATION_CREDENTIALS").ok_or(KmsError::Missing {
            what: "who we are to Google",
            hint: "set `GOOGLE_APPLICATION_CREDENTIALS` to a file of a service account or of workload identity federation, or a token in `GOOGLE_OAUTH_ACCESS_TOKEN`",
        })?;
        let bytes = surroundings.file(path.as_ref()).map_err(|error| KmsError::setting(FILE, error))?;
        let value: Value = serde_json::from_slice(&bytes).map_err(|_| KmsError::setting(FILE, "it is no JSON"))?;
        let from = match value.get("type").and_then(Value::as_str) {
            Some("service_account") => account(&value)?,
            Some("external_account") => From::Federation(Box::new(federation(&value)?)),
            _ => return Err(KmsError::setting(FILE, "its `type` is neither `service_account` nor `external_account`")),
        };
        Ok(Tokens { from, kept })
    }

    pub(super) fn take(&self, http: &Http, surroundings: &dyn Surroundings) -> Result<Secret, KmsError> {
        let now = surroundings.now();
        match &self.from {
            From::Given(token) => Ok(token.clone()),
            From::Account { email, key, key_id, url } => self.kept.take(now, || {
                let claims = json!({ "iss": email, "scope": SCOPE, "aud": url.as_str(), "iat": now.seconds, "exp": now.seconds + LIFE });
                let assertion = assertion(key, key_id.as_deref(), &claims)?;
                let grant = "urn:ietf:params:oauth:grant-type:jwt-bearer";
                let answer =
                    asked(http, url, &[("grant_type", grant), ("assertion", assertion.reveal())], std::slice::from_ref(&assertion))?;
                bearer::read(&answer, now.seconds)
            }),
            From::Federation(federation) => self.kept.take(now, || federation.fetch(http, surroundings)),
        }
    }
}

fn text<'v>(value: &'v Value, name: &str) -> Result<&'v str, KmsError> {
    let found = value.get(name).and_then(Value::as_str).filter(|text| !text.is_empty());
    found.ok_or_else(|| KmsError::setting(FILE, format!("`{name}` is missing")))
}

/// An address of Google's that credentials go to. INVARIANT: they go nowhere else.
fn of_google(value: &Value, name: &str) -> Result<Url, KmsError> {
    let url = http::address(&format!("`{name}` of {FILE}"), text(value, name)?)?;
    let host = url.host_str().unwrap_or_default();
    if host.ends_with(".googleapis.com") || http::is_here(&url) {
        Ok(url)
    } else {
        Err(KmsError::setting(format!("`{name}` of {FILE}"), "it is no address of Google's"))
    }
}

/// A file of the type `service_account`.
fn account(value: &Value) -> Result<From, KmsError> {
    let key = PrivateKey::parse(text(value, "private_key")?, None);
    let key = key.map_err(|error| KmsError::setting(format!("`private_key` of {FILE}"), error))?;
    Ok(From::Account {
        email: text(value, "client_email")?.to_owned(),
        key: Box::new(key),
        key_id: value.get("private_key_id").and_then(Value::as_str).map(str::to_owned),
        url: of_google(value, "token_uri")?,
    })
}

/// A signed token (RFC 7523, RFC 7515) that asks for another.
fn assertion(key: &PrivateKey, key_id: Option<&str>, claims: &Value) -> Result<Secret, KmsError> {
    let mut header = json!({ "alg": "RS256", "typ": "JWT" });
    if let (Some(header), Some(id)) = (header.as_object_mut(), key_id) {
        header.insert("kid".to_owned(), Value::from(id));
    }
    let encode = |value: &Value| URL_SAFE_NO_PAD.encode(value.to_string());
    let signed = format!("{}.{}", encode(&header), encode(claims));
    if key.public_key().rsa_bits().is_none() {
        return Err(KmsError::setting(format!("`private_key` of {FILE}"), "it is no RSA key"));
    }
    let signature = key.sign(signed.as_bytes()).map_err(|error| KmsError::setting(format!("`private_key` of {FILE}"), error))?;
    Ok(Secret::new(format!("{signed}.{}", URL_SAFE_NO_PAD.encode(signature))))
}

/// A file of the type `external_account`.
fn federation(value: &Value) -> Result<Federation, KmsError> {
    let from = value.get("credential_source").ok_or_else(|| KmsError::setting(FILE, "`credential_source` is missing"))?;
    let source = match (from.get("file").and_then(Value::as_str), from.get("url").and_then(Value::as_str)) {
        (Some(file), None) => Source::File(file.into()),
        (None, Some(url)) => {
            // Its query names the audience.
            let (base, query) = url.split_once('?').map_or((url, None), |(base, query)| (base, Some(query)));
            let mut url = http::address(&format!("`credential_source.url` of {FILE}"), base)?;
            url.set_query(query);
            let mut headers = BTreeMap::new();
            for (name, value) in from.get("headers").and_then(Value::as_object).into_iter().flatten() {
                let known =
                    ["authorization", "accept", "metadata", "metadata-flavor"].into_iter().find(|known| name.eq_ignore_ascii_case(known));
                let (Some(known), Some(value)) = (known, value.as_str()) else {
                    return Err(KmsError::setting(FILE, "`credential_source.headers` holds one that is not known"));
                };
                headers.insert(known, Secret::new(value));
            }
            Source::Url { url, headers }
        }
        _ => return Err(KmsError::setting(FILE, "`credential_source` names neither one `file` nor one `url`; programs are not run")),
    };
    let member = match from.pointer("/format/type").and_then(Value::as_str) {
        None | Some("text") => None,
        Some("json") => {
            let name = from.pointer("/format/subject_token_field_name").and_then(Value::as_str);
            Some(name.ok_or_else(|| KmsError::setting(FILE, "`subject_token_field_name` is missing"))?.to_owned())
        }
        Some(_) => return Err(KmsError::setting(FILE, "`credential_source.format.type` is neither `text` nor `json`")),
    };
    let account = match value.get("service_account_impersonation_url") {
        Some(_) => Some(of_google(value, "service_account_impersonation_url")?),
        None => None,
    };
    Ok(Federation {
        audience: text(value, "audience")?.to_owned(),
        kind: text(value, "subject_token_type")?.to_owned(),
        url: of_google(value, "token_url")?,
        source,
        member,
        account,
    })
}

impl Federation {
    /// The token of the identity provider, for one of Google's (RFC 8693), for one of the service account where one is named.
    fn fetch(&self, http: &Http, surroundings: &dyn Surroundings) -> Result<(Secret, Option<i64>), KmsError> {
        let token = self.subject(http, surroundings)?;
        let fields = [
            ("audience", self.audience.as_str()),
            ("grant_type", "urn:ietf:params:oauth:grant-type:token-exchange"),
            ("requested_token_type", "urn:ietf:params:oauth:token-type:access_token"),
            ("scope", if self.account.is_some() { TO_IMPERSONATE } else { SCOPE }),
            ("subject_token_type", self.kind.as_str()),
            ("subject_token", token.reveal()),
        ];
        let answer = asked(http, &self.url, &fields, std::slice::from_ref(&token))?;
        let (token, end) = bearer::read(&answer, surroundings.now().seconds)?;
        let Some(url) = &self.account else { return Ok((token, end)) };
        let answer = http.ask_json(&|| {
            let headers = vec![bearer::header(&token), ("content-type", Zeroizing::new("application/json".to_owned()))];
            let body = Zeroizing::new(json!({ "scope": [SCOPE] }).to_string().into_bytes());
            Ok(Request { what: bearer::WHAT, post: true, url: url.clone(), headers, body, secrets: vec![token.clone()] })
        })?;
        let broken = |why: &str| KmsError::Broken { what: bearer::WHAT, why: why.to_owned() };
        let text = |name: &str| answer.get(name).and_then(Value::as_str).ok_or_else(|| broken(&format!("`{name}` is missing")));
        let end = parse_time(text("expireTime")?).map_err(|_| broken("`expireTime` is no time"))?;
        Ok((bearer::checked(text("accessToken")?)?, Some(end.seconds)))
    }

    fn subject(&self, http: &Http, surroundings: &dyn Surroundings) -> Result<Secret, KmsError> {
        let what = "the token of the identity provider";
        let bytes = match &self.source {
            Source::File(path) => surroundings.file(path).map_err(|error| KmsError::setting(what, error))?,
            Source::Url { url, headers } => http.ask(&|| {
                let shown = headers.iter().map(|(name, value)| (*name, Zeroizing::new(value.reveal().to_owned()))).collect();
                let secrets = headers.values().cloned().collect();
                Ok(Request { what: bearer::WHAT, post: false, url: url.clone(), headers: shown, body: Zeroizing::default(), secrets })
            })?,
        };
        let Some(member) = &self.member else { return bearer::checked(std::str::from_utf8(&bytes).unwrap_or_default()) };
        let value: Value = serde_json::from_slice(&bytes).map_err(|_| KmsError::setting(what, "it is no JSON"))?;
        let token = value.get(member).and_then(Value::as_str);
        bearer::checked(token.ok_or_else(|| KmsError::setting(what, format!("`{member}` is missing")))?)
    }
}

/// Asks for a token with a form.
fn asked(http: &Http, url: &Url, fields: &[(&str, &str)], secrets: &[Secret]) -> Result<Value, KmsError> {
    http.ask_json(&|| {
        let headers = vec![("content-type", Zeroizing::new(bearer::FORM.to_owned()))];
        Ok(Request { what: bearer::WHAT, post: true, url: url.clone(), headers, body: http::form(fields), secrets: secrets.to_vec() })
    })
}
