//! Azure Blob Storage with immutability by version: each blob has a policy (until when, locked or not) and may have a legal hold.
//!
//! The container has to have version-level immutability. Requests follow "Put Blob", "Get Blob Properties", "Set Blob Immutability Policy"
//! and "Set Blob Legal Hold" of the service's reference.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use probity_attest::hmac_sha256;
use probity_core::Timestamp;
use reqwest::{Method, Url};

use super::{Hold, Kept, LARGEST, Made, Mode, WormStore};
use crate::error::StoreError;
use crate::http::{Answer, Ask, Http, encode, encode_path};
use crate::place::{check_endpoint, is_here, is_name};
use crate::{Reach, Secret, time};

/// The version of the service's interface that is spoken.
const VERSION: &str = "2021-12-02";

/// Who we are to Azure.
#[derive(Clone, Debug)]
pub enum AzureAccess {
    /// A key of the account, in base64.
    SharedKey(Secret),
    /// A shared access signature: the query that Azure gives, without `?`.
    Signature(Secret),
    /// A token of Entra ID.
    Bearer(Secret),
}

/// A container of Azure Blob Storage.
pub struct AzureWorm {
    http: Http,
    account: String,
    container: String,
    prefix: String,
    base: String,
    access: AzureAccess,
}

/// A request before it is signed.
struct Draft<'a> {
    method: Method,
    name: &'a str,
    query: Vec<(&'a str, &'a str)>,
    headers: Vec<(String, String)>,
    body: Vec<u8>,
    limit: u64,
    what: String,
}

impl AzureWorm {
    /// Sets up; nothing is sent yet. `endpoint` is `https://ACCOUNT.blob.core.windows.net` where not given.
    pub fn new(
        account: &str,
        container: &str,
        prefix: &str,
        endpoint: Option<&str>,
        access: AzureAccess,
        reach: Reach,
    ) -> Result<AzureWorm, StoreError> {
        let plain =
            |text: &str| !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_lowercase() || byte.is_ascii_digit() || byte == b'-');
        if !plain(account) || !plain(container) || !prefix.is_empty() && !is_name(prefix) {
            return Err(StoreError::Name(format!("{account}/{container}/{prefix}")));
        }
        let base = match endpoint {
            Some(given) => check_endpoint(given).map_err(StoreError::Setup)?,
            None => format!("https://{account}.blob.core.windows.net"),
        };
        let here = Url::parse(&base).is_ok_and(|url| url.host_str().is_some_and(is_here));
        let http = Http::new(reach, here)?;
        Ok(AzureWorm { http, account: account.to_owned(), container: container.to_owned(), prefix: prefix.to_owned(), base, access })
    }

    fn ask(&self, draft: &Draft<'_>) -> Result<Ask, StoreError> {
        let key = if self.prefix.is_empty() { draft.name.to_owned() } else { format!("{}/{}", self.prefix, draft.name) };
        if !is_name(&key) {
            return Err(StoreError::Name(draft.name.to_owned()));
        }
        let path = format!("/{}/{}", encode(&self.container), encode_path(&key));
        let mut headers = draft.headers.clone();
        headers.push(("x-ms-date".to_owned(), time::http(time::now())));
        headers.push(("x-ms-version".to_owned(), VERSION.to_owned()));
        let mut query: Vec<String> = draft.query.iter().map(|(name, value)| format!("{name}={}", encode(value))).collect();
        match &self.access {
            AzureAccess::SharedKey(key) => headers.push(("authorization".to_owned(), self.sign(draft, &path, &headers, key)?)),
            AzureAccess::Signature(signature) => query.push(signature.reveal().to_owned()),
            AzureAccess::Bearer(token) => headers.push(("authorization".to_owned(), format!("Bearer {}", token.reveal()))),
        }
        let mark = if query.is_empty() { "" } else { "?" };
        let url = format!("{}{path}{mark}{}", self.base, query.join("&"));
        Ok(Ask { method: draft.method.clone(), url, headers, body: draft.body.clone(), limit: draft.limit, what: draft.what.clone() })
    }

    /// The signature by a key of the account ("Authorize with Shared Key").
    fn sign(&self, draft: &Draft<'_>, path: &str, headers: &[(String, String)], key: &Secret) -> Result<String, StoreError> {
        let key = STANDARD.decode(key.reveal()).map_err(|_| StoreError::Setup("the key of the account is not base64".to_owned()))?;
        let header = |name: &str| headers.iter().find(|(each, _)| each == name).map(|(_, value)| value.as_str()).unwrap_or_default();
        let length = if draft.body.is_empty() { String::new() } else { draft.body.len().to_string() };
        let mut own: Vec<&(String, String)> = headers.iter().filter(|(name, _)| name.starts_with("x-ms-")).collect();
        own.sort_unstable();
        let own: String = own.iter().map(|(name, value)| format!("{name}:{value}\n")).collect();
        let mut query = draft.query.clone();
        query.sort_unstable();
        let query: String = query.iter().map(|(name, value)| format!("\n{name}:{value}")).collect();
        // Encoding, language, length, MD5, type, date, and the five conditions and the range.
        let text = format!(
            "{}\n\n\n{length}\n\n{}\n\n\n{}\n{}\n\n\n{own}/{}{path}{query}",
            draft.method,
            header("content-type"),
            header("if-match"),
            header("if-none-match"),
            self.account
        );
        Ok(format!("SharedKey {}:{}", self.account, STANDARD.encode(hmac_sha256(&key, text.as_bytes()).0)))
    }

    fn refusal(&self, answer: &Answer, ask: &Ask) -> StoreError {
        let error = crate::s3::refusal(answer, ask, &self.base);
        // The service tells its code in a header too, which an answer without a body has.
        match (error, answer.header("x-ms-error-code")) {
            (StoreError::Refused { host, what, status, message, .. }, Some(code)) => {
                StoreError::Refused { host, what, status, code: crate::error::told(code), message }
            }
            (error, _) => error,
        }
    }

    fn broken(&self, what: &str, why: &str) -> StoreError {
        StoreError::Broken { host: self.account.as_str().into(), what: what.to_owned(), why: why.to_owned() }
    }

    fn policy(hold: (Mode, Timestamp)) -> Vec<(String, String)> {
        let mode = match hold.0 {
            Mode::Compliance => "locked",
            Mode::Governance => "unlocked",
        };
        vec![
            ("x-ms-immutability-policy-mode".to_owned(), mode.to_owned()),
            ("x-ms-immutability-policy-until-date".to_owned(), time::http(hold.1)),
        ]
    }

    fn set(&self, name: &str, version: Option<&str>, setting: &str, headers: Vec<(String, String)>, verb: &str) -> Result<(), StoreError> {
        let mut query = vec![("comp", setting)];
        query.extend(version.map(|version| ("versionid", version)));
        let what = format!("{verb} `{name}`");
        let draft = Draft { method: Method::PUT, name, query, headers, body: Vec::new(), limit: 1 << 16, what };
        self.http.persist(|| self.ask(&draft), |answer, ask| if answer.status == 200 { Ok(()) } else { Err(self.refusal(&answer, ask)) })
    }
}

impl WormStore for AzureWorm {
    fn create(&self, name: &str, bytes: &[u8], hold: &Hold) -> Result<Made, StoreError> {
        let mut headers = AzureWorm::policy((hold.mode, hold.until));
        headers.push(("x-ms-blob-type".to_owned(), "BlockBlob".to_owned()));
        headers.push(("content-type".to_owned(), "application/octet-stream".to_owned()));
        headers.push(("if-none-match".to_owned(), "*".to_owned()));
        if hold.legal_hold {
            headers.push(("x-ms-legal-hold".to_owned(), "true".to_owned()));
        }
        let what = format!("keep `{name}`");
        let ask = self.ask(&Draft { method: Method::PUT, name, query: Vec::new(), headers, body: bytes.to_vec(), limit: 1 << 16, what })?;
        let answer = self.http.once(&ask)?;
        match (answer.status, answer.header("x-ms-error-code")) {
            (201, _) => Ok(Made::New),
            (409, Some("BlobAlreadyExists")) | (412, _) => Ok(Made::Exists),
            _ => Err(self.refusal(&answer, &ask)),
        }
    }

    fn look(&self, name: &str, version: Option<&str>) -> Result<Option<Kept>, StoreError> {
        let query = version.map(|version| ("versionid", version)).into_iter().collect();
        let what = format!("tell about `{name}`");
        let draft = Draft { method: Method::HEAD, name, query, headers: Vec::new(), body: Vec::new(), limit: 0, what };
        self.http.persist(
            || self.ask(&draft),
            |answer, ask| {
                match answer.status {
                    200 => {}
                    404 if answer.header("x-ms-error-code").is_none_or(|code| code == "BlobNotFound") => return Ok(None),
                    _ => return Err(self.refusal(&answer, ask)),
                }
                let until = answer.header("x-ms-immutability-policy-until-date");
                let mode = answer.header("x-ms-immutability-policy-mode").map(str::to_ascii_lowercase);
                let retention = match (mode.as_deref(), until) {
                    (None, None) => None,
                    (Some(mode @ ("locked" | "unlocked")), Some(until)) => {
                        let mode = if mode == "locked" { Mode::Compliance } else { Mode::Governance };
                        Some((mode, time::read_http(until).ok_or_else(|| self.broken(&ask.what, "its date of retention is not one"))?))
                    }
                    _ => return Err(self.broken(&ask.what, "its policy of retention is not one")),
                };
                let size = answer.header("content-length").and_then(|text| text.parse().ok());
                Ok(Some(Kept {
                    version: answer.header("x-ms-version-id").map(str::to_owned),
                    size: size.ok_or_else(|| self.broken(&ask.what, "it tells no size"))?,
                    sha256: None,
                    retention,
                    legal_hold: answer.header("x-ms-legal-hold").is_some_and(|word| word.eq_ignore_ascii_case("true")),
                }))
            },
        )
    }

    fn read(&self, name: &str, version: Option<&str>) -> Result<Option<Vec<u8>>, StoreError> {
        let query = version.map(|version| ("versionid", version)).into_iter().collect();
        let what = format!("give `{name}`");
        let draft = Draft { method: Method::GET, name, query, headers: Vec::new(), body: Vec::new(), limit: LARGEST, what };
        self.http.persist(
            || self.ask(&draft),
            |answer, ask| match answer.status {
                200 => Ok(Some(answer.bytes)),
                404 => Ok(None),
                _ => Err(self.refusal(&answer, ask)),
            },
        )
    }

    fn retain(&self, name: &str, version: Option<&str>, mode: Mode, until: Timestamp) -> Result<(), StoreError> {
        self.set(name, version, "immutabilityPolicies", AzureWorm::policy((mode, until)), "retain")
    }

    fn hold(&self, name: &str, version: Option<&str>) -> Result<(), StoreError> {
        self.set(name, version, "legalhold", vec![("x-ms-legal-hold".to_owned(), "true".to_owned())], "hold")
    }

    fn place(&self) -> String {
        format!("{}/{}/{}", self.base, self.container, self.prefix)
    }
}
