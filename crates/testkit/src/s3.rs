//! An S3 for tests, on this machine, that is stricter than the real one: it checks signatures and digests, keeps versions, and holds Object
//! Lock to the letter of its documentation. It fails on purpose where told.
#![allow(clippy::disallowed_methods, reason = "a test touches the world on purpose")]

use std::collections::VecDeque;
use std::io::{self, BufReader, Read as _, Write as _};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

mod objects;
mod signature;
mod tokens;

use objects::Buckets;

/// The key whose requests are taken.
pub const KEY_ID: &str = "AKIDPROBITYTEST";
/// The secret that goes with it.
pub const SECRET: &str = "test/secret+of=the-stub";

/// An S3 on this machine, until it is dropped.
pub struct StubS3 {
    address: SocketAddr,
    state: Arc<Mutex<State>>,
    ended: Arc<AtomicBool>,
}

/// What goes wrong.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Fault {
    /// It is done, and the connection ends without a reply.
    ReplyLost,
    /// It is not done, and the connection ends without a reply.
    NotDone,
    /// It is not done: 503.
    Busy,
    /// It is done, and the answer is 503 all the same.
    BusyAfter,
    /// It is not done, because another write is under way: 409.
    Conflict,
    /// It is not done, as if a condition did not hold: 412.
    Precondition,
    /// The answer comes byte by byte, with this pause before each.
    Drip(Duration),
    /// Bytes without an end, with status 200.
    Endless,
    /// Half of the answer, and the connection ends.
    Cut,
}

/// A fault that waits for a request.
struct Planned {
    method: String,
    /// The end of the path of what is asked for.
    path: String,
    fault: Fault,
}

/// Faults at random.
struct Chaos {
    random: fastrand::Rng,
    /// Of a hundred requests, how many go wrong.
    percent: u8,
}

struct State {
    buckets: Buckets,
    planned: VecDeque<Planned>,
    chaos: Option<Chaos>,
    /// Requests that went wrong at random.
    gone_wrong: u64,
    requests: Vec<String>,
    /// Seconds that the clock of the store is ahead.
    skew: i64,
    /// Seconds by which retentions ran further than the clock.
    aged: i64,
    /// The identity token that is exchanged, and the session token given for it.
    identity: Option<String>,
}

/// A request, read.
pub(crate) struct Request {
    pub(crate) method: String,
    /// As it was sent, encoded.
    pub(crate) path: String,
    pub(crate) query: String,
    /// Names in lower case, in the order in which they came.
    pub(crate) headers: Vec<(String, String)>,
    pub(crate) body: Vec<u8>,
}

impl Request {
    pub(crate) fn header(&self, name: &str) -> Option<&str> {
        self.headers.iter().find(|(each, _)| each == name).map(|(_, value)| value.as_str())
    }

    /// A parameter, decoded; the empty text where it has no value.
    pub(crate) fn parameter(&self, name: &str) -> Option<String> {
        let pairs = self.query.split('&').map(|pair| pair.split_once('=').unwrap_or((pair, "")));
        pairs.filter(|(each, _)| decode(each) == name).map(|(_, value)| decode(value)).next()
    }
}

/// An answer.
pub(crate) struct Answer {
    pub(crate) status: u16,
    pub(crate) headers: Vec<String>,
    pub(crate) body: Vec<u8>,
}

impl Answer {
    pub(crate) fn new(status: u16) -> Answer {
        Answer { status, headers: Vec::new(), body: Vec::new() }
    }

    pub(crate) fn with(mut self, name: &str, value: impl std::fmt::Display) -> Answer {
        self.headers.push(format!("{name}: {value}"));
        self
    }

    pub(crate) fn xml(status: u16, body: &str) -> Answer {
        let text = format!("<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n{body}");
        Answer { status, headers: vec!["Content-Type: application/xml".to_owned()], body: text.into_bytes() }
    }

    pub(crate) fn refusal(status: u16, code: &str, message: &str) -> Answer {
        Answer::xml(status, &format!("<Error><Code>{code}</Code><Message>{message}</Message></Error>"))
    }
}

impl StubS3 {
    /// Starts one on a free port, without buckets.
    ///
    /// # Errors
    /// What the operating system says.
    pub fn start() -> io::Result<StubS3> {
        let listener = TcpListener::bind(("127.0.0.1", 0))?;
        let address = listener.local_addr()?;
        let state = State {
            buckets: Buckets::default(),
            planned: VecDeque::new(),
            chaos: None,
            gone_wrong: 0,
            requests: Vec::new(),
            skew: 0,
            aged: 0,
            identity: None,
        };
        let (state, ended) = (Arc::new(Mutex::new(state)), Arc::new(AtomicBool::new(false)));
        let stub = StubS3 { address, state: Arc::clone(&state), ended: Arc::clone(&ended) };
        std::thread::spawn(move || {
            for stream in listener.incoming() {
                if ended.load(Ordering::SeqCst) {
                    return;
                }
                let state = Arc::clone(&state);
                if let Ok(stream) = stream {
                    // A connection that breaks is what some tests want.
                    std::thread::spawn(move || drop(converse(&stream, &state)));
                }
            }
        });
        Ok(stub)
    }

    /// `http://127.0.0.1:PORT`.
    #[must_use]
    pub fn endpoint(&self) -> String {
        format!("http://{}", self.address)
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Lets one request go wrong: the next of this method whose path ends so. Several wait in order.
    pub fn fail(&self, method: &str, path: &str, fault: Fault) {
        self.state().planned.push_back(Planned { method: method.to_owned(), path: path.to_owned(), fault });
    }

    /// Lets requests go wrong at random, so many of a hundred: lost before and after they are done, busy before and after, and for
    /// writes under conditions conflicts that are none. Zero ends it.
    pub fn chaos(&self, seed: u64, percent: u8) {
        self.state().chaos = (percent > 0).then(|| Chaos { random: fastrand::Rng::with_seed(seed), percent });
    }

    /// How many requests went wrong at random.
    #[must_use]
    pub fn gone_wrong(&self) -> u64 {
        self.state().gone_wrong
    }

    /// Puts the clock of the store ahead, in seconds.
    pub fn skew(&self, seconds: i64) {
        self.state().skew += seconds;
    }

    /// Lets retentions run so many seconds further.
    pub fn age(&self, seconds: i64) {
        self.state().aged += seconds;
    }

    /// Exchanges this identity token for credentials.
    pub fn exchange(&self, token: &str) {
        self.state().identity = Some(token.to_owned());
    }

    /// From now on writes whatever the conditions of a write say, as some servers do that do not know them.
    pub fn ignore_conditions(&self) {
        self.state().buckets.ignores_conditions = true;
    }

    /// How many names one page of a list has.
    pub fn page(&self, names: usize) {
        self.state().buckets.page = names;
    }

    /// What was asked for so far: `PUT /bucket/key?versionId=1`.
    #[must_use]
    pub fn requests(&self) -> Vec<String> {
        self.state().requests.clone()
    }

    /// Every content that a name had, oldest first; those of deleted versions are gone.
    #[must_use]
    pub fn history(&self, bucket: &str, key: &str) -> Vec<Vec<u8>> {
        self.state().buckets.history(bucket, key)
    }
}

impl Drop for StubS3 {
    fn drop(&mut self) {
        self.ended.store(true, Ordering::SeqCst);
        // It waits for a connection, and ends with the next.
        drop(TcpStream::connect(self.address));
    }
}

/// Seconds since 1970.
fn now() -> i64 {
    let since = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH).unwrap_or_default();
    i64::try_from(since.as_secs()).unwrap_or(i64::MAX)
}

/// Answers one request after the other on a connection.
fn converse(stream: &TcpStream, state: &Mutex<State>) -> io::Result<()> {
    stream.set_nodelay(true)?;
    let mut reader = BufReader::new(stream);
    while let Some(request) = read(&mut reader)? {
        let (answer, fault) = {
            let mut state = state.lock().unwrap_or_else(PoisonError::into_inner);
            let shown = if request.query.is_empty() { String::new() } else { format!("?{}", request.query) };
            state.requests.push(format!("{} {}{shown}", request.method, request.path));
            let fault = state.fault(&request);
            let answer = match fault {
                Some(Fault::NotDone) => return Err(io::ErrorKind::ConnectionAborted.into()),
                Some(Fault::Busy) => Answer::refusal(503, "SlowDown", "Please reduce your request rate."),
                Some(Fault::Conflict) => Answer::refusal(409, "ConditionalRequestConflict", "Another write is under way."),
                Some(Fault::Precondition) => {
                    Answer::refusal(412, "PreconditionFailed", "At least one of the pre-conditions you specified did not hold")
                }
                _ => state.answer(&request),
            };
            (answer, fault)
        };
        match fault {
            Some(Fault::ReplyLost) => return Err(io::ErrorKind::ConnectionAborted.into()),
            Some(Fault::BusyAfter) => write(stream, &Answer::refusal(503, "SlowDown", "Please reduce your request rate."), false)?,
            Some(Fault::Endless) => {
                let mut stream = stream;
                stream.write_all(b"HTTP/1.1 200 OK\r\nETag: \"x\"\r\nConnection: close\r\n\r\n")?;
                loop {
                    stream.write_all(&[b' '; 64 << 10])?;
                }
            }
            Some(Fault::Cut) => {
                let bytes = bytes_of(&answer, false);
                let mut stream = stream;
                stream.write_all(bytes.get(..bytes.len() - answer.body.len().div_ceil(2).max(1)).unwrap_or_default())?;
                return Err(io::ErrorKind::ConnectionAborted.into());
            }
            Some(Fault::Drip(pause)) => {
                let mut stream = stream;
                for byte in bytes_of(&answer, request.method == "HEAD") {
                    std::thread::sleep(pause);
                    stream.write_all(&[byte])?;
                }
            }
            _ => write(stream, &answer, request.method == "HEAD")?,
        }
    }
    Ok(())
}

impl State {
    /// What goes wrong with this request.
    fn fault(&mut self, request: &Request) -> Option<Fault> {
        let path = decode(&request.path);
        let place = self.planned.iter().position(|planned| planned.method == request.method && path.ends_with(&planned.path));
        if let Some(planned) = place.and_then(|place| self.planned.remove(place)) {
            return Some(planned.fault);
        }
        let chaos = self.chaos.as_mut()?;
        if chaos.random.u8(0..100) >= chaos.percent {
            return None;
        }
        self.gone_wrong += 1;
        let conditional = request.header("if-match").is_some() || request.header("if-none-match").is_some();
        Some(match chaos.random.u8(0..if conditional { 6 } else { 4 }) {
            0 => Fault::ReplyLost,
            1 => Fault::NotDone,
            2 => Fault::Busy,
            3 => Fault::BusyAfter,
            4 => Fault::Conflict,
            _ => Fault::Precondition,
        })
    }

    fn answer(&mut self, request: &Request) -> Answer {
        let now = now() + self.skew;
        if request.method == "POST" && request.path == "/" && request.header("authorization").is_none() {
            return tokens::exchange(&request.body, self.identity.as_deref(), now);
        }
        if let Err(refusal) = signature::check(request, now, self.identity.is_some()) {
            return *refusal;
        }
        self.buckets.answer(request, now + self.aged)
    }
}

fn read(reader: &mut impl io::BufRead) -> io::Result<Option<Request>> {
    let mut line = String::new();
    if reader.read_line(&mut line)? == 0 {
        return Ok(None);
    }
    let mut words = line.split_whitespace();
    let (method, target) = (words.next().unwrap_or_default().to_owned(), words.next().unwrap_or_default().to_owned());
    let (path, query) = target.split_once('?').unwrap_or((&target, ""));
    let mut headers = Vec::new();
    loop {
        let mut line = String::new();
        reader.read_line(&mut line)?;
        let Some((name, value)) = line.trim_end().split_once(':') else { break };
        headers.push((name.to_ascii_lowercase(), value.trim().to_owned()));
    }
    let mut request = Request { method, path: path.to_owned(), query: query.to_owned(), headers, body: Vec::new() };
    let length = request.header("content-length").and_then(|length| length.parse().ok()).unwrap_or(0);
    reader.take(length).read_to_end(&mut request.body)?;
    if request.body.len() as u64 != length {
        return Err(io::ErrorKind::UnexpectedEof.into());
    }
    Ok(Some(request))
}

fn bytes_of(answer: &Answer, headers_only: bool) -> Vec<u8> {
    let mut head = format!("HTTP/1.1 {} Status\r\n", answer.status);
    for header in &answer.headers {
        head.push_str(header);
        head.push_str("\r\n");
    }
    if answer.status != 204 {
        head.push_str(&format!("Content-Length: {}\r\n", answer.body.len()));
    }
    head.push_str("\r\n");
    let mut bytes = head.into_bytes();
    if !headers_only {
        bytes.extend_from_slice(&answer.body);
    }
    bytes
}

fn write(mut stream: &TcpStream, answer: &Answer, headers_only: bool) -> io::Result<()> {
    stream.write_all(&bytes_of(answer, headers_only))
}

/// Text without its `%XX`.
pub(crate) fn decode(text: &str) -> String {
    let mut bytes = Vec::new();
    let mut rest = text.bytes();
    while let Some(byte) = rest.next() {
        let digits = if byte == b'%' { rest.next().zip(rest.next()) } else { None };
        match digits {
            Some((high, low)) => {
                let digits = [high, low];
                let value = std::str::from_utf8(&digits).ok().and_then(|digits| u8::from_str_radix(digits, 16).ok());
                bytes.push(value.unwrap_or(b'?'));
            }
            None => bytes.push(byte),
        }
    }
    String::from_utf8_lossy(&bytes).into_owned()
}

/// Text with all but letters, digits and `-._~` as `%XX`.
pub(crate) fn encode(text: &str) -> String {
    let plain = |byte: u8| byte.is_ascii_alphanumeric() || b"-._~".contains(&byte);
    text.bytes().map(|byte| if plain(byte) { char::from(byte).to_string() } else { format!("%{byte:02X}") }).collect()
}

pub(crate) fn base64(bytes: &[u8]) -> String {
    use base64::Engine as _;
    base64::engine::general_purpose::STANDARD.encode(bytes)
}
