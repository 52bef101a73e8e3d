//! The services of an instance of Sigstore, on this machine: a certificate authority as Fulcio, logs as Rekor v1 and Rekor v2, a timestamp
//! authority, and the runner of a job that gives tokens. What they sign is as real as their keys, which are made at the start; they look hard
//! at what they are asked, and fail on purpose.
#![allow(clippy::disallowed_methods, reason = "a test touches the world on purpose")]

mod authority;
mod der;
mod log;
mod time;

use std::collections::{BTreeMap, VecDeque};
use std::io::{self, BufRead as _, BufReader, Read as _, Write as _};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use serde_json::{Value, json};

/// What a job shows to its runner for a token.
pub const RUNNER_PASS: &str = "runner-pass-4711";

/// One of the services.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Service {
    /// The certificate authority.
    Fulcio,
    /// The log of version 1.
    Rekor1,
    /// The log of version 2.
    Rekor2,
    /// The timestamp authority.
    Timestamp,
    /// The runner of a job.
    Runner,
}

impl Service {
    const ALL: [Service; 5] = [Service::Fulcio, Service::Rekor1, Service::Rekor2, Service::Timestamp, Service::Runner];
}

/// What goes wrong once.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Fault {
    /// The certificate is for another key.
    OtherKey,
    /// The certificate names another issuer.
    OtherIssuer,
    /// The certificate is by another authority.
    OtherAuthority,
    /// The proof that the certificate is in a certificate transparency log is by another log.
    WrongSct,
    /// The chain has more certificates than any.
    LongChain,
    /// The inclusion proof is another entry's.
    OtherEntry,
    /// Another key signed the checkpoint.
    WrongCheckpoint,
    /// Another key signed the promise.
    WrongPromise,
    /// The timestamp holds another nonce.
    WrongNonce,
    /// The timestamp holds no nonce.
    NoNonce,
    /// The timestamp is about something else.
    WrongImprint,
    /// Another key signed the timestamp.
    OtherClock,
    /// The timestamp is not granted.
    Rejected,
    /// Bytes without an end.
    Endless,
    /// A byte now and then.
    Drip,
    /// Somewhere else: this address.
    Elsewhere(String),
    /// Another answer.
    Answer(u16, Vec<u8>),
    /// What was asked for was done, and the answer is lost.
    Lost,
}

struct State {
    authority: authority::Authority,
    first: log::Log,
    second: log::Log,
    clock: time::Clock,
    faults: Mutex<BTreeMap<Service, VecDeque<Fault>>>,
    requests: Mutex<Vec<String>>,
    ended: AtomicBool,
}

/// All services, until it is dropped.
pub struct Instance {
    state: Arc<State>,
    addresses: BTreeMap<Service, SocketAddr>,
}

/// Seconds since 1970.
fn now() -> u64 {
    SystemTime::now().duration_since(UNIX_EPOCH).map_or(0, |passed| passed.as_secs())
}

fn locked<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

impl Instance {
    /// Starts them on free ports, with new keys.
    ///
    /// # Errors
    /// What the operating system says.
    pub fn start() -> io::Result<Instance> {
        let state = Arc::new(State {
            authority: authority::Authority::new(),
            first: log::Log::new(false),
            second: log::Log::new(true),
            clock: time::Clock::new(),
            faults: Mutex::default(),
            requests: Mutex::default(),
            ended: AtomicBool::new(false),
        });
        let mut addresses = BTreeMap::new();
        for service in Service::ALL {
            let listener = TcpListener::bind(("127.0.0.1", 0))?;
            addresses.insert(service, listener.local_addr()?);
            let state = Arc::clone(&state);
            std::thread::spawn(move || {
                for stream in listener.incoming() {
                    if state.ended.load(Ordering::SeqCst) {
                        return;
                    }
                    let state = Arc::clone(&state);
                    if let Ok(stream) = stream {
                        // A connection that breaks is what some tests want.
                        std::thread::spawn(move || drop(converse(&stream, service, &state)));
                    }
                }
            });
        }
        Ok(Instance { state, addresses })
    }

    /// The address of a service, as signing configurations name it.
    #[must_use]
    pub fn url(&self, service: Service) -> String {
        let address = self.addresses.get(&service).map(ToString::to_string).unwrap_or_default();
        let path = match service {
            Service::Timestamp => "/api/v1/timestamp",
            Service::Runner => "/token?job=7",
            _ => "",
        };
        format!("http://{address}{path}")
    }

    /// The trust root that knows these services and nobody else.
    #[must_use]
    pub fn trusted_root(&self) -> Value {
        let State { authority, first, second, clock, .. } = &*self.state;
        let since = json!({ "start": "2020-01-01T00:00:00Z" });
        let chain = |all: [&[u8]; 2]| json!({ "certificates": all.map(|der| json!({ "rawBytes": STANDARD.encode(der) })) });
        let subject = |name: &str| json!({ "organization": "stand-in.example", "commonName": name });
        let log = |url: String, key: &[u8], details: &str, id: probity_core::Digest| {
            json!({
                "baseUrl": url, "hashAlgorithm": "SHA2_256", "logId": { "keyId": STANDARD.encode(id.0) },
                "publicKey": { "rawBytes": STANDARD.encode(key), "keyDetails": details, "validFor": since },
            })
        };
        let transparency = &authority.transparency.public;
        json!({
            "mediaType": "application/vnd.dev.sigstore.trustedroot+json;version=0.1",
            "tlogs": [
                log(self.url(Service::Rekor1), &first.key.public, "PKIX_ECDSA_P256_SHA_256", first.id()),
                log(self.url(Service::Rekor2), &second.key.public, "PKIX_ED25519", second.id()),
            ],
            "certificateAuthorities": [{
                "subject": subject("certificates root"), "uri": self.url(Service::Fulcio), "validFor": since,
                "certChain": chain([&authority.intermediate.der, &authority.root.der]),
            }],
            "ctlogs": [log("http://127.0.0.1/ct".to_owned(), transparency, "PKIX_ECDSA_P256_SHA_256", crate::sigstore::sha256(transparency))],
            "timestampAuthorities": [{
                "subject": subject("timestamps root"), "uri": self.url(Service::Timestamp), "validFor": since,
                "certChain": chain([&clock.certificate, &clock.root.der]),
            }],
        })
    }

    /// The signing configuration of these services, with a log of this version.
    #[must_use]
    pub fn signing_config(&self, log: u32) -> Value {
        let service = |service: Service, version: u32| {
            json!([{
                "url": self.url(service), "majorApiVersion": version, "validFor": { "start": "2020-01-01T00:00:00Z" },
                "operator": "stand-in.example",
            }])
        };
        json!({
            "mediaType": "application/vnd.dev.sigstore.signingconfig.v0.2+json",
            "caUrls": service(Service::Fulcio, 1),
            "rekorTlogUrls": service(if log == 2 { Service::Rekor2 } else { Service::Rekor1 }, log),
            "tsaUrls": service(Service::Timestamp, 1),
            "rekorTlogConfig": { "selector": "ANY" },
            "tsaConfig": { "selector": "ANY" },
        })
    }

    /// A token for somebody with this address, for ten minutes.
    #[must_use]
    pub fn token(&self, email: &str) -> String {
        self.token_of(json!({ "sub": "somebody", "email": email, "email_verified": true }))
    }

    /// A token with these claims; what it needs is added where it is not there.
    #[must_use]
    pub fn token_of(&self, mut claims: Value) -> String {
        let usual = json!({ "iss": authority::ISSUER, "aud": "sigstore", "iat": now(), "exp": now() + 600 });
        for (name, value) in usual.as_object().into_iter().flatten() {
            if claims.get(name).is_none() {
                claims[name] = value.clone();
            }
        }
        self.state.authority.token(&claims)
    }

    /// Who vouches for everybody.
    #[must_use]
    pub fn issuer(&self) -> &'static str {
        authority::ISSUER
    }

    /// Lets the next request to a service fail.
    pub fn fail(&self, service: Service, fault: Fault) {
        locked(&self.state.faults).entry(service).or_default().push_back(fault);
    }

    /// What was asked for so far: `Fulcio POST /api/v2/signingCert`.
    #[must_use]
    pub fn requests(&self) -> Vec<String> {
        locked(&self.state.requests).clone()
    }
}

impl Drop for Instance {
    fn drop(&mut self) {
        self.state.ended.store(true, Ordering::SeqCst);
        for address in self.addresses.values() {
            // Each waits for a connection, and ends with the next.
            drop(TcpStream::connect(address));
        }
    }
}

struct Request {
    method: String,
    path: String,
    headers: BTreeMap<String, String>,
    body: Vec<u8>,
}

struct Answer {
    status: u16,
    kind: &'static str,
    location: Option<String>,
    body: Vec<u8>,
}

impl Answer {
    fn json(status: u16, body: &Value) -> Answer {
        Answer { status, kind: "application/json", location: None, body: body.to_string().into_bytes() }
    }

    fn refusal(why: &str) -> Answer {
        Answer::json(400, &json!({ "code": 400, "message": why }))
    }
}

fn converse(stream: &TcpStream, service: Service, state: &State) -> io::Result<()> {
    let mut reader = BufReader::new(stream);
    while let Some(request) = read(&mut reader)? {
        locked(&state.requests).push(format!("{service:?} {} {}", request.method, request.path));
        let fault = locked(&state.faults).get_mut(&service).and_then(VecDeque::pop_front);
        match &fault {
            Some(Fault::Endless) => {
                (&mut &*stream).write_all(b"HTTP/1.1 201 Status\r\nConnection: close\r\n\r\n")?;
                loop {
                    (&mut &*stream).write_all(&[b' '; 64 << 10])?;
                }
            }
            Some(Fault::Drip) => {
                (&mut &*stream).write_all(b"HTTP/1.1 201 Status\r\nContent-Length: 100000\r\n\r\n")?;
                loop {
                    (&mut &*stream).write_all(b" ")?;
                    std::thread::sleep(Duration::from_millis(20));
                }
            }
            Some(Fault::Elsewhere(place)) => {
                let answer = Answer { status: 307, kind: "text/plain", location: Some(place.clone()), body: Vec::new() };
                write(stream, &answer)?;
            }
            Some(Fault::Answer(status, body)) => {
                write(stream, &Answer { status: *status, kind: "application/json", location: None, body: body.clone() })?;
            }
            Some(Fault::Lost) => {
                drop(answer(&request, service, state, None));
                return write(stream, &Answer::json(502, &json!({ "message": "the answer is lost" })));
            }
            _ => write(stream, &answer(&request, service, state, fault.as_ref()).unwrap_or_else(|why| Answer::refusal(&why)))?,
        }
    }
    Ok(())
}

fn read(reader: &mut BufReader<&TcpStream>) -> io::Result<Option<Request>> {
    let mut line = String::new();
    if reader.read_line(&mut line)? == 0 {
        return Ok(None);
    }
    let mut words = line.split_whitespace();
    let (method, path) = (words.next().unwrap_or_default().to_owned(), words.next().unwrap_or_default().to_owned());
    let mut headers = BTreeMap::new();
    loop {
        let mut line = String::new();
        reader.read_line(&mut line)?;
        let Some((name, value)) = line.trim_end().split_once(':') else { break };
        headers.insert(name.to_ascii_lowercase(), value.trim().to_owned());
    }
    let length = headers.get("content-length").and_then(|length| length.parse().ok()).unwrap_or(0);
    let mut body = Vec::new();
    reader.take(length).read_to_end(&mut body)?;
    Ok(Some(Request { method, path, headers, body }))
}

fn write(mut stream: &TcpStream, answer: &Answer) -> io::Result<()> {
    let mut head =
        format!("HTTP/1.1 {} Status\r\nContent-Type: {}\r\nContent-Length: {}\r\n", answer.status, answer.kind, answer.body.len());
    if let Some(location) = &answer.location {
        let name = location.rsplit('/').next().unwrap_or_default();
        head.push_str(&format!("Location: {location}\r\nETag: {name}\r\n"));
    }
    stream.write_all(format!("{head}\r\n").as_bytes())?;
    stream.write_all(&answer.body)
}

fn answer(request: &Request, service: Service, state: &State, fault: Option<&Fault>) -> Result<Answer, String> {
    let header = |name: &str| request.headers.get(name).map(String::as_str).unwrap_or_default();
    let kind = if service == Service::Timestamp { "application/timestamp-query" } else { "application/json" };
    if request.method == "POST" && header("content-type") != kind {
        return Err(format!("`{kind}` was expected"));
    }
    let bearer = header("authorization").strip_prefix("Bearer ");
    let json = || serde_json::from_slice::<Value>(&request.body).map_err(|error| error.to_string());
    match (service, &*request.method, &*request.path) {
        (Service::Fulcio, "POST", "/api/v2/signingCert") => Ok(Answer::json(200, &state.authority.certify(&json()?, bearer, fault)?)),
        (Service::Rekor1, "POST", "/api/v1/log/entries") | (Service::Rekor2, "POST", "/api/v2/log/entries") => {
            let log = if service == Service::Rekor1 { &state.first } else { &state.second };
            let (status, location, body) = log.enter(&json()?, fault)?;
            let name = body.as_object().and_then(|entries| entries.keys().next()).cloned().unwrap_or_default();
            // Clients of version 1 find the entry by where it says it is, too.
            let location = location.or_else(|| (!log.is_second).then(|| format!("/api/v1/log/entries/{name}")));
            Ok(Answer { location, ..Answer::json(status, &body) })
        }
        (Service::Rekor1, "GET", path) => {
            let name = path.strip_prefix("/api/v1/log/entries/").ok_or("there is nothing")?;
            Ok(Answer::json(200, &state.first.named(name, fault)?))
        }
        (Service::Timestamp, "POST", "/api/v1/timestamp") => {
            let body = state.clock.stamp(&request.body, fault)?;
            Ok(Answer { status: 201, kind: "application/timestamp-reply", location: None, body })
        }
        (Service::Runner, "GET", "/token?job=7&audience=sigstore") => {
            if bearer != Some(RUNNER_PASS) {
                return Err("the job's pass was not shown".to_owned());
            }
            let claims = json!({
                "iss": authority::ISSUER, "aud": "sigstore", "exp": now() + 600, "sub": "repo:acme/app:ref:refs/heads/main",
                "job_workflow_ref": "acme/app/.github/workflows/release.yml@refs/heads/main",
            });
            Ok(Answer::json(200, &json!({ "value": state.authority.token(&claims) })))
        }
        _ => Ok(Answer::json(404, &json!({ "code": 404, "message": "there is nothing" }))),
    }
}
