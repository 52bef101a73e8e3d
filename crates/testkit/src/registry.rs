//! A registry for tests, on this machine: it serves what it was given, asks for credentials, and fails on purpose.
#![allow(clippy::disallowed_methods, reason = "a test touches the world on purpose")]

use std::collections::{BTreeMap, VecDeque};
use std::io::{self, BufReader, Read as _, Write as _};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

/// Type of an OCI manifest.
pub const OCI_MANIFEST: &str = "application/vnd.oci.image.manifest.v1+json";
/// Type of an OCI list of manifests.
pub const OCI_INDEX: &str = "application/vnd.oci.image.index.v1+json";
/// Type of Docker's manifest.
pub const DOCKER_MANIFEST: &str = "application/vnd.docker.distribution.manifest.v2+json";
/// Type of Docker's list of manifests.
pub const DOCKER_LIST: &str = "application/vnd.docker.distribution.manifest.list.v2+json";

/// A registry on this machine, until it is dropped.
pub struct StubRegistry {
    address: SocketAddr,
    state: Arc<Mutex<State>>,
    ended: Arc<AtomicBool>,
}

/// What goes wrong once.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Fault {
    /// Another answer: its status, headers as `Name: value`, its body.
    Answer(u16, Vec<String>, Vec<u8>),
    /// The length is told, and the connection ends after so many bytes.
    Cut(usize),
    /// Bytes without an end, with that status.
    Endless(u16),
    /// Nothing for so long, before the answer begins.
    Silent(Duration),
    /// So many bytes of the body, then nothing for so long.
    Stall(usize, Duration),
    /// These bytes in place of the right ones.
    Other(Vec<u8>),
    /// As if ranges were not known.
    NoRange,
    /// The range begins so many bytes late.
    Shifted(usize),
}

/// What the registry asks for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Door {
    /// Nothing.
    Open,
    /// This name and password with each request.
    Basic(String, String),
    /// A token of its own, which it gives for that `Authorization` header, or to everybody for an empty one.
    Bearer(String),
    /// A token of its own, which it gives in exchange for this one.
    Exchange(String),
}

struct State {
    files: BTreeMap<String, (String, Vec<u8>)>,
    faults: BTreeMap<String, VecDeque<Fault>>,
    door: Door,
    /// Of the token that counts; each one given is a new one.
    token: u32,
    requests: Vec<String>,
    /// The most connections that were served at once.
    at_once: usize,
    now: usize,
    /// How long each answer waits.
    pause: Duration,
    /// Whether it takes what is sent.
    writable: bool,
    /// What came so far of blobs that are sent in pieces, by the number of the upload.
    uploads: BTreeMap<String, Vec<u8>>,
    /// How many referrers it lists on a page; none where it knows no referrers.
    referrers: Option<usize>,
}

/// A request, as far as it matters.
struct Request {
    method: String,
    path: String,
    query: String,
    headers: BTreeMap<String, String>,
    body: Vec<u8>,
}

impl StubRegistry {
    /// Starts one on a free port.
    ///
    /// # Errors
    /// What the operating system says.
    pub fn start() -> io::Result<StubRegistry> {
        let listener = TcpListener::bind(("127.0.0.1", 0))?;
        let address = listener.local_addr()?;
        let state = State {
            files: BTreeMap::new(),
            faults: BTreeMap::new(),
            door: Door::Open,
            token: 0,
            requests: Vec::new(),
            at_once: 0,
            now: 0,
            pause: Duration::ZERO,
            writable: false,
            uploads: BTreeMap::new(),
            referrers: None,
        };
        let (state, ended) = (Arc::new(Mutex::new(state)), Arc::new(AtomicBool::new(false)));
        let stub = StubRegistry { address, state: Arc::clone(&state), ended: Arc::clone(&ended) };
        std::thread::spawn(move || {
            for stream in listener.incoming() {
                if ended.load(Ordering::SeqCst) {
                    return;
                }
                let state = Arc::clone(&state);
                if let Ok(stream) = stream {
                    // A connection that breaks is what some tests want.
                    std::thread::spawn(move || drop(converse(&stream, &state, address)));
                }
            }
        });
        Ok(stub)
    }

    /// `127.0.0.1:PORT`.
    #[must_use]
    pub fn host(&self) -> String {
        self.address.to_string()
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Serves a blob; its digest.
    pub fn blob(&self, repository: &str, bytes: &[u8]) -> String {
        let digest = digest(bytes);
        self.put(&format!("{repository}/blobs/{digest}"), "application/octet-stream", bytes);
        digest
    }

    /// Serves a manifest by its digest, and by a tag unless that is empty; its digest.
    pub fn manifest(&self, repository: &str, tag: &str, kind: &str, bytes: &[u8]) -> String {
        let digest = digest(bytes);
        self.put(&format!("{repository}/manifests/{digest}"), kind, bytes);
        if !tag.is_empty() {
            self.put(&format!("{repository}/manifests/{tag}"), kind, bytes);
        }
        digest
    }

    /// Serves bytes below `/v2/`.
    pub fn put(&self, path: &str, kind: &str, bytes: &[u8]) {
        self.state().files.insert(path.to_owned(), (kind.to_owned(), bytes.to_vec()));
    }

    /// Serves it no longer.
    pub fn remove(&self, path: &str) {
        self.state().files.remove(path);
    }

    /// Lets requests for a path below `/v2/` go wrong, one after the other; `token` is where tokens are given.
    pub fn fail(&self, path: &str, faults: impl IntoIterator<Item = Fault>) {
        self.state().faults.entry(path.to_owned()).or_default().extend(faults);
    }

    /// Asks for something before it answers. Tokens that were given count no longer.
    pub fn ask(&self, door: Door) {
        let mut state = self.state();
        state.door = door;
        state.token += 1;
    }

    /// Lets each answer wait.
    pub fn pause(&self, pause: Duration) {
        self.state().pause = pause;
    }

    /// Takes blobs and manifests that are sent.
    pub fn take_writes(&self) {
        self.state().writable = true;
    }

    /// Knows referrers (OCI distribution 1.1), and lists so many on a page.
    pub fn know_referrers(&self, page: usize) {
        self.state().referrers = Some(page);
    }

    /// What was asked for so far: `GET /v2/app/manifests/1`, with the range behind it where one was asked for, and whether credentials or
    /// a token were shown.
    #[must_use]
    pub fn requests(&self) -> Vec<String> {
        self.state().requests.clone()
    }

    /// The most requests that were served at once.
    #[must_use]
    pub fn at_once(&self) -> usize {
        self.state().at_once
    }
}

impl Drop for StubRegistry {
    fn drop(&mut self) {
        self.ended.store(true, Ordering::SeqCst);
        // It waits for a connection, and ends with the next.
        drop(TcpStream::connect(self.address));
    }
}

/// The digest of bytes: `sha256:...`.
#[must_use]
pub fn digest(bytes: &[u8]) -> String {
    format!("sha256:{}", crate::sha256(bytes))
}

/// Answers one request after the other on a connection.
fn converse(stream: &TcpStream, state: &Mutex<State>, address: SocketAddr) -> io::Result<()> {
    let mut reader = BufReader::new(stream);
    while let Some(request) = read(&mut reader)? {
        let pause = {
            let mut state = state.lock().unwrap_or_else(PoisonError::into_inner);
            state.now += 1;
            state.at_once = state.at_once.max(state.now);
            state.pause
        };
        std::thread::sleep(pause);
        let answered = answer(&request, stream, state, address);
        state.lock().unwrap_or_else(PoisonError::into_inner).now -= 1;
        answered?;
    }
    Ok(())
}

fn read(reader: &mut impl io::BufRead) -> io::Result<Option<Request>> {
    let mut line = String::new();
    if reader.read_line(&mut line)? == 0 {
        return Ok(None);
    }
    let mut words = line.split_whitespace();
    let (method, target) = (words.next().unwrap_or_default().to_owned(), words.next().unwrap_or_default().to_owned());
    let (path, query) = target.split_once('?').unwrap_or((&target, ""));
    let mut headers = BTreeMap::new();
    loop {
        let mut line = String::new();
        reader.read_line(&mut line)?;
        let Some((name, value)) = line.trim_end().split_once(':') else { break };
        headers.insert(name.to_ascii_lowercase(), value.trim().to_owned());
    }
    let length = headers.get("content-length").and_then(|length| length.parse().ok()).unwrap_or(0);
    let mut body = Vec::new();
    if headers.get("transfer-encoding").is_some_and(|encoding| encoding == "chunked") {
        loop {
            let mut line = String::new();
            reader.read_line(&mut line)?;
            let size = u64::from_str_radix(line.trim(), 16).map_err(|_| io::ErrorKind::InvalidData)?;
            reader.by_ref().take(size).read_to_end(&mut body)?;
            reader.read_line(&mut String::new())?;
            if size == 0 {
                break;
            }
        }
    } else {
        reader.by_ref().take(length).read_to_end(&mut body)?;
    }
    Ok(Some(Request { method, path: path.to_owned(), query: query.to_owned(), headers, body }))
}

fn write(mut stream: &TcpStream, status: u16, headers: &[String], length: Option<usize>, body: &[u8]) -> io::Result<()> {
    let mut head = format!("HTTP/1.1 {status} Status\r\n");
    for header in headers {
        head.push_str(&format!("{header}\r\n"));
    }
    match length {
        Some(length) => head.push_str(&format!("Content-Length: {length}\r\n\r\n")),
        None => head.push_str("Connection: close\r\n\r\n"),
    }
    // In one piece: the second of two small ones waits until the first is acknowledged.
    let mut whole = head.into_bytes();
    whole.extend_from_slice(body);
    stream.write_all(&whole)
}

fn refuse(stream: &TcpStream, status: u16, headers: &[String], code: &str, message: &str) -> io::Result<()> {
    let body = format!("{{\"errors\":[{{\"code\":\"{code}\",\"message\":\"{message}\"}}]}}");
    write(stream, status, headers, Some(body.len()), body.as_bytes())
}

fn answer(request: &Request, stream: &TcpStream, state: &Mutex<State>, address: SocketAddr) -> io::Result<()> {
    let locked = || state.lock().unwrap_or_else(PoisonError::into_inner);
    let header = |name: &str| request.headers.get(name).map(String::as_str).unwrap_or_default();
    let path = request.path.strip_prefix("/v2/").unwrap_or(request.path.trim_start_matches('/')).to_owned();
    let (fault, door, token) = {
        let mut state = locked();
        let range = if header("range").is_empty() { String::new() } else { format!(" {}", header("range")) };
        let shown = if header("authorization").is_empty() { "" } else { " with authorization" };
        state.requests.push(format!("{} {}{range}{shown}", request.method, request.path));
        let fault = state.faults.get_mut(&path).and_then(VecDeque::pop_front);
        (fault, state.door.clone(), state.token)
    };
    if path == "token" {
        return give_token(request, stream, &door, fault, state);
    }
    let shown = match &door {
        Door::Open => String::new(),
        Door::Basic(name, password) => format!("Basic {}", base64(format!("{name}:{password}").as_bytes())),
        Door::Bearer(_) | Door::Exchange(_) => format!("Bearer token-{token}"),
    };
    if !shown.is_empty() && header("authorization") != shown {
        let repository = path.split("/manifests/").next().unwrap_or_default().split("/blobs/").next().unwrap_or_default();
        let challenge = match door {
            Door::Basic(..) => "WWW-Authenticate: Basic realm=\"stub\"".to_owned(),
            _ => {
                format!("WWW-Authenticate: Bearer realm=\"http://{address}/token\",service=\"stub\",scope=\"repository:{repository}:pull\"")
            }
        };
        return refuse(stream, 401, &[challenge], "UNAUTHORIZED", "authentication required");
    }
    if path.is_empty() {
        // Clients ask first whether this is a registry.
        return write(stream, 200, &["Content-Type: application/json".to_owned()], Some(2), b"{}");
    }
    if let Some((repository, subject)) = path.split_once("/referrers/") {
        let (known, page) = {
            let state = locked();
            (state.files.clone(), state.referrers)
        };
        if let (Some(page), None) = (page, &fault) {
            return list_referrers(stream, repository, subject, &request.query, &known, page);
        }
    }
    if matches!(request.method.as_str(), "POST" | "PUT" | "PATCH") && matches!(fault, None | Some(Fault::Cut(_))) {
        let kept = keep(request, state, &path);
        return match (fault, kept) {
            // It is kept, and nobody is told.
            (Some(_), _) => Err(io::ErrorKind::ConnectionAborted.into()),
            (None, Ok((status, headers))) => write(stream, status, &headers, Some(0), &[]),
            (None, Err((status, code, message))) => refuse(stream, status, &[], code, message),
        };
    }
    let found = locked().files.get(&path).cloned();
    let begin = header("range").strip_prefix("bytes=").and_then(|range| range.trim_end_matches('-').parse::<usize>().ok());
    let (mut begin, mut cut, mut endless) = (begin, None, None);
    let mut found = found;
    match fault {
        None => {}
        Some(Fault::Answer(status, headers, body)) => return write(stream, status, &headers, Some(body.len()), &body),
        Some(Fault::Endless(status)) => endless = Some(status),
        Some(Fault::Silent(how_long)) => std::thread::sleep(how_long),
        Some(Fault::Cut(at)) => cut = Some((at, Duration::ZERO)),
        Some(Fault::Stall(at, how_long)) => cut = Some((at, how_long)),
        Some(Fault::Other(bytes)) => found = Some(("application/octet-stream".to_owned(), bytes)),
        Some(Fault::NoRange) => begin = None,
        Some(Fault::Shifted(by)) => begin = begin.map(|begin| begin + by),
    }
    if let Some(status) = endless {
        write(stream, status, &[], None, &[])?;
        let bytes = vec![b' '; 64 << 10];
        loop {
            let mut stream = stream;
            stream.write_all(&bytes)?;
        }
    }
    let Some((kind, bytes)) = found else {
        let code = if path.contains("/manifests/") { "MANIFEST_UNKNOWN" } else { "BLOB_UNKNOWN" };
        if request.method == "HEAD" {
            return write(stream, 404, &[], Some(0), &[]);
        }
        return refuse(stream, 404, &[], code, "it is not known here");
    };
    let digest = digest(&bytes);
    let mut headers = vec![format!("Content-Type: {kind}"), format!("Docker-Content-Digest: {digest}")];
    let rest = bytes.get(begin.unwrap_or(0)..).unwrap_or_default();
    let status = if begin.is_some() { 206 } else { 200 };
    if let Some(begin) = begin {
        headers.push(format!("Content-Range: bytes {begin}-{}/{}", bytes.len().saturating_sub(1), bytes.len()));
    }
    if let Some((at, how_long)) = cut {
        write(stream, status, &headers, Some(rest.len()), rest.get(..at).unwrap_or(rest))?;
        std::thread::sleep(how_long);
        return Err(io::ErrorKind::ConnectionAborted.into());
    }
    let body = if request.method == "HEAD" { &[][..] } else { rest };
    write(stream, status, &headers, Some(rest.len()), body)
}

/// Lists what refers to a manifest, page by page; it does not filter, as registries need not.
fn list_referrers(
    stream: &TcpStream,
    repository: &str,
    subject: &str,
    query: &str,
    known: &BTreeMap<String, (String, Vec<u8>)>,
    page: usize,
) -> io::Result<()> {
    let mut entries = Vec::new();
    for (path, (kind, bytes)) in known.range(format!("{repository}/manifests/sha256:")..) {
        let Some(digest) = path.strip_prefix(&format!("{repository}/manifests/")).filter(|name| name.starts_with("sha256:")) else { break };
        let manifest: serde_json::Value = serde_json::from_slice(bytes).unwrap_or_default();
        if manifest.pointer("/subject/digest").and_then(serde_json::Value::as_str) == Some(subject) {
            entries.push(serde_json::json!({
                "mediaType": kind, "digest": digest, "size": bytes.len(),
                "artifactType": manifest["artifactType"], "annotations": manifest["annotations"],
            }));
        }
    }
    let from = query.split('&').find_map(|pair| pair.strip_prefix("from=")?.parse::<usize>().ok()).unwrap_or(0);
    let rest = entries.get(from..).unwrap_or_default();
    let shown = rest.get(..page).unwrap_or(rest);
    let mut headers = vec![format!("Content-Type: {OCI_INDEX}")];
    if shown.len() < rest.len() {
        headers.push(format!("Link: </v2/{repository}/referrers/{subject}?from={}>; rel=\"next\"", from + page));
    }
    let body = serde_json::json!({ "schemaVersion": 2, "mediaType": OCI_INDEX, "manifests": shown }).to_string();
    write(stream, 200, &headers, Some(body.len()), body.as_bytes())
}

/// Takes what is sent: the beginning of an upload, its end, a manifest.
fn keep(request: &Request, state: &Mutex<State>, path: &str) -> Result<(u16, Vec<String>), (u16, &'static str, &'static str)> {
    let mut state = state.lock().unwrap_or_else(PoisonError::into_inner);
    if !state.writable {
        return Err((405, "UNSUPPORTED", "this registry is read only"));
    }
    if let (Some(repository), "POST") = (path.strip_suffix("/blobs/uploads/"), request.method.as_str()) {
        let number = state.uploads.len().to_string();
        let location = format!("Location: /v2/{repository}/blobs/uploads/{number}?state=a");
        state.uploads.insert(number, Vec::new());
        return Ok((202, vec![location]));
    }
    if let (Some((repository, number)), "PATCH") = (path.split_once("/blobs/uploads/"), request.method.as_str()) {
        let Some(come) = state.uploads.get_mut(number) else { return Err((404, "BLOB_UPLOAD_UNKNOWN", "it was not begun")) };
        come.extend_from_slice(&request.body);
        return Ok((202, vec![format!("Location: /v2/{repository}/blobs/uploads/{number}?state=a"), format!("Range: 0-{}", come.len())]));
    }
    let told = digest(&request.body);
    if let (Some((repository, number)), "PUT") = (path.split_once("/blobs/uploads/"), request.method.as_str()) {
        let mut body = state.uploads.get(number).cloned().unwrap_or_default();
        body.extend_from_slice(&request.body);
        let told = digest(&body);
        if !request.query.contains("state=a") || !request.query.replace("%3A", ":").contains(&told) {
            return Err((400, "DIGEST_INVALID", "the digest is not that of what came"));
        }
        state.files.insert(format!("{repository}/blobs/{told}"), ("application/octet-stream".to_owned(), body));
        return Ok((201, vec![format!("Docker-Content-Digest: {told}")]));
    }
    let Some((repository, name)) = path.split_once("/manifests/") else {
        return Err((405, "UNSUPPORTED", "nothing is taken here"));
    };
    if name.starts_with("sha256:") && name != told {
        return Err((400, "DIGEST_INVALID", "the digest is not that of what came"));
    }
    let kind = request.headers.get("content-type").cloned().unwrap_or_default();
    let manifest: serde_json::Value = serde_json::from_slice(&request.body).unwrap_or_default();
    for part in manifest["layers"].as_array().into_iter().flatten().chain([&manifest["config"]]) {
        let part = part["digest"].as_str().unwrap_or_default();
        if !part.is_empty() && !state.files.contains_key(&format!("{repository}/blobs/{part}")) {
            return Err((400, "MANIFEST_BLOB_UNKNOWN", "a part of it is not here"));
        }
    }
    for name in [name, &told] {
        state.files.insert(format!("{repository}/manifests/{name}"), (kind.clone(), request.body.clone()));
    }
    let mut headers = vec![format!("Docker-Content-Digest: {told}")];
    if let (Some(_), Some(subject)) = (state.referrers, manifest.pointer("/subject/digest").and_then(serde_json::Value::as_str)) {
        headers.push(format!("OCI-Subject: {subject}"));
    }
    Ok((201, headers))
}

/// Gives a token to who shows what is wanted.
fn give_token(request: &Request, stream: &TcpStream, door: &Door, fault: Option<Fault>, state: &Mutex<State>) -> io::Result<()> {
    let shown = request.headers.get("authorization").map(String::as_str).unwrap_or_default();
    let body = String::from_utf8_lossy(&request.body);
    let is_let_in = match door {
        Door::Bearer(wanted) => shown == wanted && request.query.contains("scope=repository") && request.query.contains("service=stub"),
        Door::Exchange(wanted) => {
            request.method == "POST" && body.contains(&format!("refresh_token={wanted}&")) && body.contains("grant_type=refresh_token")
        }
        Door::Open | Door::Basic(..) => false,
    };
    match fault {
        Some(Fault::Answer(status, headers, body)) => return write(stream, status, &headers, Some(body.len()), &body),
        Some(Fault::Endless(status)) => {
            write(stream, status, &[], None, &[])?;
            loop {
                let mut stream = stream;
                stream.write_all(&[b' '; 64 << 10])?;
            }
        }
        _ => {}
    }
    if !is_let_in {
        return refuse(stream, 401, &[], "UNAUTHORIZED", "incorrect username or password");
    }
    let token = state.lock().unwrap_or_else(PoisonError::into_inner).token;
    let body = format!("{{\"token\":\"token-{token}\",\"expires_in\":60}}");
    write(stream, 200, &["Content-Type: application/json".to_owned()], Some(body.len()), body.as_bytes())
}

/// Base64 as headers hold it.
#[must_use]
pub fn base64(bytes: &[u8]) -> String {
    const LETTERS: &[u8; 64] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
    let mut out = String::new();
    for chunk in bytes.chunks(3) {
        let group = chunk.iter().enumerate().fold(0_u32, |group, (at, byte)| group | u32::from(*byte) << (16 - 8 * at));
        for at in 0..4 {
            let letter = LETTERS.get((group >> (18 - 6 * at) & 63) as usize).copied().unwrap_or_default();
            out.push(if at <= chunk.len() { char::from(letter) } else { '=' });
        }
    }
    out
}
