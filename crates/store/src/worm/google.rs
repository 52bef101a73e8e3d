//! Google Cloud Storage with retention by object: each has a time and a mode (locked or not), and may have a temporary hold.
//!
//! The bucket has to be made with object retention. Requests follow the JSON interface: `objects.insert` in parts, `get`, `patch`.

use probity_attest::sha256;
use probity_core::Timestamp;
use reqwest::{Method, Url};
use serde_json::{Value, json};

use super::{Hold, Kept, LARGEST, Made, Mode, WormStore};
use crate::error::{StoreError, told};
use crate::http::{Answer, Ask, Http, encode};
use crate::place::{check_endpoint, is_here, is_name};
use crate::{Reach, Secret, time};

/// Largest answer that describes an object, in bytes.
const LARGEST_ANSWER: u64 = 1 << 20;

/// A bucket of Google Cloud Storage.
pub struct GoogleWorm {
    http: Http,
    bucket: String,
    prefix: String,
    base: String,
    token: Secret,
}

impl GoogleWorm {
    /// Sets up; nothing is sent yet. `token` is an OAuth 2.0 access token with the right to write objects and their retention.
    pub fn new(bucket: &str, prefix: &str, endpoint: Option<&str>, token: Secret, reach: Reach) -> Result<GoogleWorm, StoreError> {
        let letters = |byte: u8| byte.is_ascii_lowercase() || byte.is_ascii_digit() || matches!(byte, b'-' | b'_' | b'.');
        if bucket.is_empty() || !bucket.bytes().all(letters) || !prefix.is_empty() && !is_name(prefix) {
            return Err(StoreError::Name(format!("{bucket}/{prefix}")));
        }
        let base = match endpoint {
            Some(given) => check_endpoint(given).map_err(StoreError::Setup)?,
            None => "https://storage.googleapis.com".to_owned(),
        };
        let here = Url::parse(&base).is_ok_and(|url| url.host_str().is_some_and(is_here));
        Ok(GoogleWorm { http: Http::new(reach, here)?, bucket: bucket.to_owned(), prefix: prefix.to_owned(), base, token })
    }

    fn key(&self, name: &str) -> Result<String, StoreError> {
        let key = if self.prefix.is_empty() { name.to_owned() } else { format!("{}/{name}", self.prefix) };
        if is_name(&key) { Ok(key) } else { Err(StoreError::Name(name.to_owned())) }
    }

    fn ask(&self, method: Method, target: String, kind: &str, body: Vec<u8>, limit: u64, what: String) -> Ask {
        let mut headers = vec![("authorization".to_owned(), format!("Bearer {}", self.token.reveal()))];
        if !body.is_empty() {
            headers.push(("content-type".to_owned(), kind.to_owned()));
        }
        Ask { method, url: format!("{}{target}", self.base), headers, body, limit, what }
    }

    /// The address of an object; its slashes are encoded as the interface asks.
    fn object(&self, name: &str, version: Option<&str>, more: &[&str]) -> Result<String, StoreError> {
        let mut query: Vec<String> = version.iter().map(|version| format!("generation={}", encode(version))).collect();
        query.extend(more.iter().map(|pair| (*pair).to_owned()));
        let mark = if query.is_empty() { "" } else { "?" };
        Ok(format!("/storage/v1/b/{}/o/{}{mark}{}", self.bucket, encode(&self.key(name)?), query.join("&")))
    }

    fn refusal(&self, answer: &Answer, ask: &Ask) -> StoreError {
        let body: Value = serde_json::from_slice(&answer.bytes).unwrap_or(Value::Null);
        let text = |path: &str| body.pointer(path).and_then(Value::as_str).map(told);
        StoreError::Refused {
            host: self.base.trim_start_matches("https://").trim_start_matches("http://").into(),
            what: ask.what.clone(),
            status: answer.status,
            code: text("/error/errors/0/reason").unwrap_or_else(|| "HTTP status".to_owned()),
            message: text("/error/message"),
        }
    }

    fn kept(&self, answer: &Answer, what: &str) -> Result<Kept, StoreError> {
        let broken = |why: &str| StoreError::Broken { host: self.base.as_str().into(), what: what.to_owned(), why: why.to_owned() };
        let body: Value = serde_json::from_slice(&answer.bytes).map_err(|error| broken(&error.to_string()))?;
        let retention = match body.get("retention").filter(|retention| !retention.is_null()) {
            None => None,
            Some(retention) => {
                let mode = match retention.get("mode").and_then(Value::as_str) {
                    Some("Locked") => Mode::Compliance,
                    Some("Unlocked") => Mode::Governance,
                    _ => return Err(broken("its mode of retention is not one")),
                };
                let until = retention.get("retainUntilTime").and_then(Value::as_str).and_then(time::read);
                Some((mode, until.ok_or_else(|| broken("its time of retention is not one"))?))
            }
        };
        let size = body.pointer("/size").and_then(Value::as_str).and_then(|text| text.parse().ok());
        Ok(Kept {
            version: body.pointer("/generation").and_then(Value::as_str).map(str::to_owned),
            size: size.ok_or_else(|| broken("it tells no size"))?,
            sha256: None,
            retention,
            legal_hold: body.pointer("/temporaryHold") == Some(&Value::Bool(true)),
        })
    }

    fn patch(&self, name: &str, version: Option<&str>, more: &[&str], body: &Value, verb: &str) -> Result<(), StoreError> {
        let target = self.object(name, version, more)?;
        let what = format!("{verb} `{name}`");
        self.http.persist(
            || Ok(self.ask(Method::PATCH, target.clone(), "application/json", body.to_string().into_bytes(), LARGEST_ANSWER, what.clone())),
            |answer, ask| if answer.status == 200 { Ok(()) } else { Err(self.refusal(&answer, ask)) },
        )
    }
}

fn retention(mode: Mode, until: Timestamp) -> Value {
    let mode = match mode {
        Mode::Compliance => "Locked",
        Mode::Governance => "Unlocked",
    };
    json!({ "mode": mode, "retainUntilTime": time::iso(until) })
}

impl WormStore for GoogleWorm {
    fn create(&self, name: &str, bytes: &[u8], hold: &Hold) -> Result<Made, StoreError> {
        let (key, retention) = (self.key(name)?, retention(hold.mode, hold.until));
        let about = if hold.legal_hold {
            json!({ "name": key, "retention": retention, "temporaryHold": true })
        } else {
            json!({ "name": key, "retention": retention })
        };
        // The bytes cannot hold their own digest.
        let boundary = format!("probity-{}", sha256(bytes));
        let mut body = format!(
            "--{boundary}\r\nContent-Type: application/json; charset=UTF-8\r\n\r\n{about}\r\n--{boundary}\r\nContent-Type: application/octet-stream\r\n\r\n"
        )
        .into_bytes();
        body.extend_from_slice(bytes);
        body.extend_from_slice(format!("\r\n--{boundary}--\r\n").as_bytes());
        let target = format!("/upload/storage/v1/b/{}/o?uploadType=multipart&ifGenerationMatch=0", self.bucket);
        let kind = format!("multipart/related; boundary={boundary}");
        let ask = self.ask(Method::POST, target, &kind, body, LARGEST_ANSWER, format!("keep `{name}`"));
        let answer = self.http.once(&ask)?;
        match answer.status {
            200 => Ok(Made::New),
            412 => Ok(Made::Exists),
            _ => Err(self.refusal(&answer, &ask)),
        }
    }

    fn look(&self, name: &str, version: Option<&str>) -> Result<Option<Kept>, StoreError> {
        let target = self.object(name, version, &["projection=full"])?;
        self.http.persist(
            || Ok(self.ask(Method::GET, target.clone(), "", Vec::new(), LARGEST_ANSWER, format!("tell about `{name}`"))),
            |answer, ask| match answer.status {
                200 => self.kept(&answer, &ask.what).map(Some),
                404 => Ok(None),
                _ => Err(self.refusal(&answer, ask)),
            },
        )
    }

    fn read(&self, name: &str, version: Option<&str>) -> Result<Option<Vec<u8>>, StoreError> {
        let target = self.object(name, version, &["alt=media"])?;
        self.http.persist(
            || Ok(self.ask(Method::GET, target.clone(), "", Vec::new(), LARGEST, format!("give `{name}`"))),
            |answer, ask| match answer.status {
                200 => Ok(Some(answer.bytes)),
                404 => Ok(None),
                _ => Err(self.refusal(&answer, ask)),
            },
        )
    }

    fn retain(&self, name: &str, version: Option<&str>, mode: Mode, until: Timestamp) -> Result<(), StoreError> {
        // The interface asks for this word where a mode that can be undone becomes one that cannot; it allows less as well, which nobody
        // here asks for.
        let more: &[&str] = if mode == Mode::Compliance { &["overrideUnlockedRetention=true"] } else { &[] };
        self.patch(name, version, more, &json!({ "retention": retention(mode, until) }), "retain")
    }

    fn hold(&self, name: &str, version: Option<&str>) -> Result<(), StoreError> {
        self.patch(name, version, &[], &json!({ "temporaryHold": true }), "hold")
    }

    fn place(&self) -> String {
        format!("gs://{}/{}", self.bucket, self.prefix)
    }
}
