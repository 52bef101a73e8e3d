//! S3 and what speaks like it: objects, conditions, versions. Retention and legal holds are in `s3/lock.rs`.
//!
//! **Invariant:** only what may be done twice is tried again here. A write under a condition is sent once; who wants to know after a lost
//! reply looks.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use probity_attest::sha256;
use probity_core::Digest;
use reqwest::{Method, Url};
use roxmltree::Document;

use crate::credentials::{Credentials, Environment, Named as _};
use crate::error::{StoreError, told};
use crate::http::{Answer, Ask, Http, encode_path, host_of};
use crate::place::{check_endpoint, is_here, is_name};
use crate::worm::{Hold, Mode};
use crate::{CredentialError, Reach, S3Place, time};

mod lock;
mod sign;

pub use lock::BucketLock;

/// Largest answer that is a list or a setting, in bytes.
const LARGEST_LIST: u64 = 16 << 20;
/// Most pages of a list: a million names.
const MOST_PAGES: usize = 1_000;
/// Most names in one request to delete.
const MOST_DELETES: usize = 1_000;

/// What an object's content is known by to conditions.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ETag(pub String);

/// What must hold for a write to be done.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Condition {
    /// Nothing.
    None,
    /// There is no object of that name (`If-None-Match: *`).
    Absent,
    /// The object is the one with this tag (`If-Match`).
    Matches(ETag),
}

/// An object, read.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Object {
    /// Its bytes.
    pub bytes: Vec<u8>,
    /// Its tag.
    pub etag: ETag,
}

/// A write that was done, or was not because its condition did not hold.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Put {
    /// It was done.
    Done {
        /// The tag of what was written.
        etag: ETag,
        /// The version that was made, where the bucket keeps versions.
        version: Option<String>,
    },
    /// The condition did not hold, and nothing was written.
    Lost,
}

/// What is known of an object without reading it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Seen {
    /// Its version, where the bucket keeps versions.
    pub version: Option<String>,
    /// Its size in bytes.
    pub size: u64,
    /// SHA-256 of its bytes, where the store tells it.
    pub sha256: Option<Digest>,
    /// How it is retained; `None` where it is not.
    pub retention: Option<(Mode, probity_core::Timestamp)>,
    /// Whether it is under a legal hold.
    pub legal_hold: bool,
}

/// One bucket, and the names below one prefix of it.
pub struct S3 {
    http: Http,
    reach: Reach,
    credentials: Credentials,
    region: String,
    place: S3Place,
    /// `https://host`, without a slash at its end.
    base: String,
    host: String,
    /// What stands before every name in the path: the bucket, unless the host names it.
    above: String,
}

/// A request before it is signed.
struct Draft<'a> {
    method: &'a Method,
    /// The object; empty for the bucket itself.
    key: &'a str,
    query: &'a [(&'a str, &'a str)],
    headers: &'a [(String, String)],
    body: &'a [u8],
    limit: u64,
    what: &'a str,
}

impl<'a> Draft<'a> {
    /// One that reads, with an answer of at most so many bytes.
    fn read(method: &'a Method, key: &'a str, query: &'a [(&'a str, &'a str)], limit: u64, what: &'a str) -> Draft<'a> {
        Draft { method, key, query, headers: &[], body: &[], limit, what }
    }
}

/// The address of a service of AWS.
pub(crate) fn aws_host(service: &str, region: &str) -> String {
    let partition = if region.starts_with("cn-") { "amazonaws.com.cn" } else { "amazonaws.com" };
    format!("https://{service}.{region}.{partition}")
}

/// An answer that says no, as an error.
pub(crate) fn refusal(answer: &Answer, ask: &Ask, host: &str) -> StoreError {
    let document = Document::parse(answer.text()).ok();
    let text = |name: &str| {
        let document = document.as_ref()?;
        let node = document.descendants().find(|node| node.has_tag_name_of(name))?;
        node.text().map(told).filter(|text| !text.is_empty())
    };
    let code = text("Code").unwrap_or_else(|| {
        let name = match answer.status {
            301 | 307 | 308 => "PermanentRedirect",
            403 => "AccessDenied",
            404 => "NotFound",
            409 => "Conflict",
            412 => "PreconditionFailed",
            _ => "HTTP status",
        };
        name.to_owned()
    });
    let host = host.strip_prefix("https://").or_else(|| host.strip_prefix("http://")).unwrap_or(host);
    StoreError::Refused { host: host.into(), what: ask.what.clone(), status: answer.status, code, message: text("Message") }
}

impl S3 {
    /// Sets up; nothing is sent yet. The environment gives the credentials, and region and server (`AWS_ENDPOINT_URL_S3`,
    /// `AWS_ENDPOINT_URL`) where the place names none.
    pub fn open(place: &S3Place, environment: Environment<'_>, reach: Reach) -> Result<S3, StoreError> {
        let set = |name: &str| environment(name).filter(|value| !value.is_empty());
        let mut place = place.clone();
        if place.endpoint.is_none() {
            for name in ["AWS_ENDPOINT_URL_S3", "AWS_ENDPOINT_URL"] {
                let Some(given) = set(name) else { continue };
                place.endpoint = Some(check_endpoint(&given).map_err(|why| CredentialError::Setting { name, why })?);
                break;
            }
        }
        S3::with(place, Credentials::find(environment)?, reach)
    }

    /// The same with these credentials.
    pub fn with(place: S3Place, credentials: Credentials, reach: Reach) -> Result<S3, StoreError> {
        let region = place.region.clone().or_else(|| credentials.region.clone()).unwrap_or_else(|| "us-east-1".to_owned());
        let (base, above) = match &place.endpoint {
            Some(endpoint) => (endpoint.clone(), format!("/{}", place.bucket)),
            // A certificate of AWS covers one label before its name.
            None if place.bucket.contains('.') => (aws_host("s3", &region), format!("/{}", place.bucket)),
            None => (aws_host(&format!("{}.s3", place.bucket), &region), String::new()),
        };
        let url = Url::parse(&base).map_err(|error| StoreError::Setup(format!("`{base}` is no address: {error}")))?;
        let here = url.host_str().is_some_and(is_here);
        let http = Http::new(reach.clone(), here)?;
        Ok(S3 { http, reach, credentials, region, host: host_of(&url), place, base, above })
    }

    /// Where it is.
    #[must_use]
    pub fn place(&self) -> &S3Place {
        &self.place
    }

    /// Whether two are the same names in the same bucket of the same server.
    #[must_use]
    pub fn is_same_place(&self, other: &S3) -> bool {
        (&self.base, &self.above, &self.place.prefix) == (&other.base, &other.above, &other.place.prefix)
    }

    fn key(&self, name: &str) -> Result<String, StoreError> {
        let key = if self.place.prefix.is_empty() { name.to_owned() } else { format!("{}/{name}", self.place.prefix) };
        if is_name(&key) { Ok(key) } else { Err(StoreError::Name(name.to_owned())) }
    }

    /// Signs a request.
    fn ask(&self, draft: &Draft<'_>) -> Result<Ask, StoreError> {
        let path = format!("{}/{}", self.above, draft.key);
        let signing = sign::Signing {
            method: draft.method.as_str(),
            host: &self.host,
            path: &path,
            query: draft.query,
            headers: draft.headers,
            body: draft.body,
            region: &self.region,
            service: "s3",
            time: time::now(),
        };
        let headers = sign::sign(&signing, &self.credentials.keys(&self.reach)?);
        let query = sign::query(draft.query);
        let mark = if query.is_empty() { "" } else { "?" };
        let url = format!("{}{}{mark}{query}", self.base, encode_path(&path));
        let (method, body) = (draft.method.clone(), draft.body.to_vec());
        Ok(Ask { method, url, headers, body, limit: draft.limit, what: draft.what.to_owned() })
    }

    fn refusal(&self, answer: &Answer, ask: &Ask) -> StoreError {
        refusal(answer, ask, &self.base)
    }

    fn broken(&self, what: &str, why: impl Into<String>) -> StoreError {
        StoreError::Broken { host: self.host.as_str().into(), what: what.to_owned(), why: why.into() }
    }

    fn etag(&self, answer: &Answer, what: &str) -> Result<ETag, StoreError> {
        let tag = answer.header("etag").filter(|tag| tag.len() <= 256);
        tag.map(|tag| ETag(tag.to_owned())).ok_or_else(|| self.broken(what, "it has no tag (`ETag`)"))
    }

    /// Asks for something that may be asked for twice, and takes an answer that says yes.
    fn asked(
        &self,
        method: &Method,
        key: &str,
        query: &[(&str, &str)],
        headers: &[(String, String)],
        body: &[u8],
        what: &str,
    ) -> Result<Answer, StoreError> {
        self.http.persist(
            || self.ask(&Draft { method, key, query, headers, body, limit: LARGEST_LIST, what }),
            |answer, ask| if (200..300).contains(&answer.status) { Ok(answer) } else { Err(self.refusal(&answer, ask)) },
        )
    }

    /// Reads an object of at most `limit` bytes; `None` where there is none.
    pub fn get(&self, name: &str, limit: u64) -> Result<Option<Object>, StoreError> {
        self.get_version(name, None, limit)
    }

    /// Reads one version of an object.
    pub fn get_version(&self, name: &str, version: Option<&str>, limit: u64) -> Result<Option<Object>, StoreError> {
        let key = self.key(name)?;
        let what = format!("give `{name}`");
        let query: Vec<(&str, &str)> = version.iter().map(|version| ("versionId", *version)).collect();
        self.http.persist(
            || self.ask(&Draft::read(&Method::GET, &key, &query, limit, &what)),
            |answer, ask| match answer.status {
                200 => Ok(Some(Object { etag: self.etag(&answer, &ask.what)?, bytes: answer.bytes })),
                404 if !is_other_absence(&answer) => Ok(None),
                _ => Err(self.refusal(&answer, ask)),
            },
        )
    }

    /// Looks at an object, or at one version of it, without reading it; `None` where there is none.
    pub fn look(&self, name: &str, version: Option<&str>) -> Result<Option<Seen>, StoreError> {
        let key = self.key(name)?;
        let what = format!("tell about `{name}`");
        let query: Vec<(&str, &str)> = version.iter().map(|version| ("versionId", *version)).collect();
        let headers = [("x-amz-checksum-mode".to_owned(), "ENABLED".to_owned())];
        self.http.persist(
            || self.ask(&Draft { headers: &headers, ..Draft::read(&Method::HEAD, &key, &query, 0, &what) }),
            |answer, ask| match answer.status {
                200 => self.seen(&answer, &ask.what).map(Some),
                404 => Ok(None),
                _ => Err(self.refusal(&answer, ask)),
            },
        )
    }

    fn seen(&self, answer: &Answer, what: &str) -> Result<Seen, StoreError> {
        let size = answer.header("content-length").and_then(|text| text.parse().ok());
        let retention = match (answer.header("x-amz-object-lock-mode"), answer.header("x-amz-object-lock-retain-until-date")) {
            (None, None) => None,
            (mode, until) => {
                let mode = mode.and_then(Mode::parse).ok_or_else(|| self.broken(what, "its mode of retention is not one"))?;
                Some((mode, until.and_then(time::read).ok_or_else(|| self.broken(what, "its time of retention is not one"))?))
            }
        };
        // The checksum of an upload in parts ends in their number and is not that of the bytes.
        let sha256 = answer.header("x-amz-checksum-sha256").filter(|_| answer.header("x-amz-checksum-type") != Some("COMPOSITE"));
        let sha256 = sha256.and_then(|text| STANDARD.decode(text).ok()?.try_into().ok()).map(Digest);
        Ok(Seen {
            version: answer.header("x-amz-version-id").filter(|version| *version != "null").map(str::to_owned),
            size: size.ok_or_else(|| self.broken(what, "it tells no size"))?,
            sha256,
            retention,
            legal_hold: answer.header("x-amz-object-lock-legal-hold").is_some_and(|word| word.eq_ignore_ascii_case("on")),
        })
    }

    /// Writes an object, under a condition and retained where asked. Without either it may be done twice and is tried again; else it is
    /// sent once, and after an error that [`StoreError::is_ambiguous`] nobody knows whether it was done.
    pub fn put(&self, name: &str, bytes: &[u8], condition: &Condition, hold: Option<&Hold>) -> Result<Put, StoreError> {
        let key = self.key(name)?;
        let what = format!("keep `{name}`");
        let mut headers = checksum(bytes);
        match condition {
            Condition::None => {}
            Condition::Absent => headers.push(("if-none-match".to_owned(), "*".to_owned())),
            Condition::Matches(etag) => headers.push(("if-match".to_owned(), etag.0.clone())),
        }
        if let Some(hold) = hold {
            headers.push(("x-amz-object-lock-mode".to_owned(), hold.mode.as_str().to_owned()));
            headers.push(("x-amz-object-lock-retain-until-date".to_owned(), time::iso(hold.until)));
            if hold.legal_hold {
                headers.push(("x-amz-object-lock-legal-hold".to_owned(), "ON".to_owned()));
            }
        }
        let draft = Draft { method: &Method::PUT, key: &key, query: &[], headers: &headers, body: bytes, limit: LARGEST_LIST, what: &what };
        let request = || self.ask(&draft);
        let judge = |answer: Answer, ask: &Ask| match answer.status {
            200 => Ok(Put::Done {
                etag: self.etag(&answer, &ask.what)?,
                version: answer.header("x-amz-version-id").filter(|version| *version != "null").map(str::to_owned),
            }),
            412 if *condition != Condition::None => Ok(Put::Lost),
            // Another write under a condition is under way: this one was not done.
            409 if *condition != Condition::None && refusal_code(&answer).as_deref() == Some("ConditionalRequestConflict") => Ok(Put::Lost),
            // What should match is not there any more.
            404 if matches!(condition, Condition::Matches(_)) && !is_other_absence(&answer) => Ok(Put::Lost),
            _ => Err(self.refusal(&answer, ask)),
        };
        if *condition == Condition::None && hold.is_none() {
            return self.http.persist(request, judge);
        }
        let ask = request()?;
        judge(self.http.once(&ask)?, &ask)
    }

    /// Deletes an object, or one version of it; one that is not there is none. `bypass` asks to pass over a retention in governance mode.
    pub fn delete(&self, name: &str, version: Option<&str>, bypass: bool) -> Result<(), StoreError> {
        let key = self.key(name)?;
        let query: Vec<(&str, &str)> = version.iter().map(|version| ("versionId", *version)).collect();
        let headers = if bypass { vec![("x-amz-bypass-governance-retention".to_owned(), "true".to_owned())] } else { Vec::new() };
        self.asked(&Method::DELETE, &key, &query, &headers, &[], &format!("delete `{name}`")).map(drop)
    }

    /// Deletes objects, many with one request. The first that is refused ends it.
    pub fn delete_all(&self, names: &[String]) -> Result<(), StoreError> {
        for part in names.chunks(MOST_DELETES) {
            let mut body = String::from("<Delete xmlns=\"http://s3.amazonaws.com/doc/2006-03-01/\"><Quiet>true</Quiet>");
            for name in part {
                body.push_str(&format!("<Object><Key>{}</Key></Object>", escape(&self.key(name)?)));
            }
            body.push_str("</Delete>");
            let headers = checksum(body.as_bytes());
            let what = "delete objects";
            let answer = self.asked(&Method::POST, "", &[("delete", "")], &headers, body.as_bytes(), what)?;
            let document = Document::parse(answer.text()).map_err(|error| self.broken(what, error.to_string()))?;
            if let Some(error) = document.descendants().find(|node| node.has_tag_name_of("Error")) {
                let text = |name: &str| error.children().find(|node| node.has_tag_name_of(name)).and_then(|node| node.text()).map(told);
                return Err(StoreError::Refused {
                    host: self.host.as_str().into(),
                    what: format!("delete `{}`", text("Key").unwrap_or_default()),
                    status: answer.status,
                    code: text("Code").unwrap_or_default(),
                    message: text("Message"),
                });
            }
        }
        Ok(())
    }

    /// The names that begin with `prefix`, sorted.
    pub fn list(&self, prefix: &str) -> Result<Vec<String>, StoreError> {
        let above = if self.place.prefix.is_empty() { String::new() } else { format!("{}/", self.place.prefix) };
        let whole = format!("{above}{prefix}");
        let what = format!("list `{prefix}`");
        let mut names = Vec::new();
        let mut token: Option<String> = None;
        for _ in 0..MOST_PAGES {
            let mut query = vec![("list-type", "2"), ("prefix", whole.as_str())];
            query.extend(token.as_deref().map(|token| ("continuation-token", token)));
            let answer = self.asked(&Method::GET, "", &query, &[], &[], &what)?;
            let document = Document::parse(answer.text()).map_err(|error| self.broken(&what, error.to_string()))?;
            let root = document.root_element();
            for entry in root.children().filter(|node| node.has_tag_name_of("Contents")) {
                let key = entry.children().find(|node| node.has_tag_name_of("Key")).and_then(|node| node.text()).unwrap_or_default();
                let name = key.strip_prefix(&above).filter(|name| name.starts_with(prefix));
                names.push(name.ok_or_else(|| self.broken(&what, format!("`{}` does not begin as asked", told(key))))?.to_owned());
            }
            let next = root.children().find(|node| node.has_tag_name_of("NextContinuationToken")).and_then(|node| node.text());
            let more = root.children().any(|node| node.has_tag_name_of("IsTruncated") && node.text() == Some("true"));
            if !more {
                names.sort_unstable();
                return Ok(names);
            }
            token = Some(next.ok_or_else(|| self.broken(&what, "there is more, and no token for it"))?.to_owned());
        }
        Err(self.broken(&what, format!("it has more than {MOST_PAGES} pages")))
    }
}

/// The digest of a body, as the store checks it, and which it is: some servers want both.
fn checksum(body: &[u8]) -> Vec<(String, String)> {
    let pairs = [("x-amz-checksum-sha256", STANDARD.encode(sha256(body).0)), ("x-amz-sdk-checksum-algorithm", "SHA256".to_owned())];
    pairs.map(|(name, value)| (name.to_owned(), value)).to_vec()
}

/// The code of an answer that says no.
fn refusal_code(answer: &Answer) -> Option<String> {
    let document = Document::parse(answer.text()).ok()?;
    document.descendants().find(|node| node.has_tag_name_of("Code"))?.text().map(str::to_owned)
}

/// Whether it is not the object that is missing but the bucket or something else.
fn is_other_absence(answer: &Answer) -> bool {
    refusal_code(answer).is_some_and(|code| !matches!(code.as_str(), "NoSuchKey" | "NotFound" | "NoSuchVersion"))
}

/// Text within XML.
fn escape(text: &str) -> String {
    text.replace('&', "&amp;").replace('<', "&lt;").replace('>', "&gt;")
}
