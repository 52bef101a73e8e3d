//! Object Lock: how long versions are retained, and legal holds.

use probity_core::Timestamp;
use reqwest::Method;
use roxmltree::Document;

use super::{Draft, LARGEST_LIST, S3, checksum, refusal_code};
use crate::credentials::Named as _;
use crate::error::StoreError;
use crate::time;
use crate::worm::Mode;

const NAMESPACE: &str = "http://s3.amazonaws.com/doc/2006-03-01/";

/// What a bucket says of Object Lock.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct BucketLock {
    /// Whether objects can be retained in it.
    pub enabled: bool,
    /// The mode that objects get when they ask for none, where there is such a rule.
    pub default_mode: Option<Mode>,
}

impl S3 {
    /// Makes the bucket, where objects can be retained if `lock` says so.
    pub fn create_bucket(&self, lock: bool) -> Result<(), StoreError> {
        let headers = if lock { vec![("x-amz-bucket-object-lock-enabled".to_owned(), "true".to_owned())] } else { Vec::new() };
        let body = match self.region.as_str() {
            "us-east-1" => String::new(),
            region => format!(
                "<CreateBucketConfiguration xmlns=\"{NAMESPACE}\"><LocationConstraint>{region}</LocationConstraint></CreateBucketConfiguration>"
            ),
        };
        self.asked(&Method::PUT, "", &[], &headers, body.as_bytes(), "make the bucket").map(drop)
    }

    /// What the bucket says of Object Lock.
    pub fn bucket_lock(&self) -> Result<BucketLock, StoreError> {
        let what = "tell about Object Lock";
        let answer = self.http.persist(
            || self.ask(&Draft::read(&Method::GET, "", &[("object-lock", "")], LARGEST_LIST, what)),
            |answer, ask| match answer.status {
                200 => Ok(Some(answer)),
                404 if refusal_code(&answer).as_deref() == Some("ObjectLockConfigurationNotFoundError") => Ok(None),
                _ => Err(self.refusal(&answer, ask)),
            },
        )?;
        let Some(answer) = answer else { return Ok(BucketLock { enabled: false, default_mode: None }) };
        let document = Document::parse(answer.text()).map_err(|error| self.broken(what, error.to_string()))?;
        let text = |name: &str| document.descendants().find(|node| node.has_tag_name_of(name)).and_then(|node| node.text());
        Ok(BucketLock { enabled: text("ObjectLockEnabled") == Some("Enabled"), default_mode: text("Mode").and_then(Mode::parse) })
    }

    /// Sets how long a version is retained. This says what it is told; who must never shorten asks [`crate::extend`].
    pub fn put_retention(&self, name: &str, version: Option<&str>, mode: Mode, until: Timestamp, bypass: bool) -> Result<(), StoreError> {
        let body = format!(
            "<Retention xmlns=\"{NAMESPACE}\"><Mode>{}</Mode><RetainUntilDate>{}</RetainUntilDate></Retention>",
            mode.as_str(),
            time::iso(until)
        );
        self.set(name, version, "retention", &body, bypass, "retain")
    }

    /// How long a version is retained; `None` where it is not.
    pub fn retention(&self, name: &str, version: Option<&str>) -> Result<Option<(Mode, Timestamp)>, StoreError> {
        let Some((text, what)) = self.setting(name, version, "retention")? else { return Ok(None) };
        let document = Document::parse(&text).map_err(|error| self.broken(&what, error.to_string()))?;
        let text = |name: &str| document.descendants().find(|node| node.has_tag_name_of(name)).and_then(|node| node.text());
        match (text("Mode").and_then(Mode::parse), text("RetainUntilDate").and_then(time::read)) {
            (Some(mode), Some(until)) => Ok(Some((mode, until))),
            _ => Err(self.broken(&what, "it tells no mode and time")),
        }
    }

    /// Puts a version under a legal hold, or ends it.
    pub fn put_legal_hold(&self, name: &str, version: Option<&str>, on: bool) -> Result<(), StoreError> {
        let status = if on { "ON" } else { "OFF" };
        let body = format!("<LegalHold xmlns=\"{NAMESPACE}\"><Status>{status}</Status></LegalHold>");
        self.set(name, version, "legal-hold", &body, false, "hold")
    }

    /// Whether a version is under a legal hold.
    pub fn legal_hold(&self, name: &str, version: Option<&str>) -> Result<bool, StoreError> {
        let Some((text, what)) = self.setting(name, version, "legal-hold")? else { return Ok(false) };
        let document = Document::parse(&text).map_err(|error| self.broken(&what, error.to_string()))?;
        let status = document.descendants().find(|node| node.has_tag_name_of("Status")).and_then(|node| node.text());
        match status {
            Some("ON") => Ok(true),
            Some("OFF") => Ok(false),
            _ => Err(self.broken(&what, "it tells no status")),
        }
    }

    fn set(&self, name: &str, version: Option<&str>, setting: &str, body: &str, bypass: bool, verb: &str) -> Result<(), StoreError> {
        let key = self.key(name)?;
        let mut query = vec![(setting, "")];
        query.extend(version.map(|version| ("versionId", version)));
        let mut headers = checksum(body.as_bytes());
        if bypass {
            headers.push(("x-amz-bypass-governance-retention".to_owned(), "true".to_owned()));
        }
        self.asked(&Method::PUT, &key, &query, &headers, body.as_bytes(), &format!("{verb} `{name}`")).map(drop)
    }

    fn setting(&self, name: &str, version: Option<&str>, setting: &str) -> Result<Option<(String, String)>, StoreError> {
        let key = self.key(name)?;
        let what = format!("tell the {setting} of `{name}`");
        let mut query = vec![(setting, "")];
        query.extend(version.map(|version| ("versionId", version)));
        self.http.persist(
            || self.ask(&Draft::read(&Method::GET, &key, &query, LARGEST_LIST, &what)),
            |answer, ask| match answer.status {
                200 => Ok(Some((answer.text().to_owned(), ask.what.clone()))),
                404 if refusal_code(&answer).as_deref() == Some("NoSuchObjectLockConfiguration") => Ok(None),
                _ => Err(self.refusal(&answer, ask)),
            },
        )
    }
}
