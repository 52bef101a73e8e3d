//! A server for tests that answers by a script and keeps what it was asked, word for word: for services that nobody can run here.
#![allow(clippy::disallowed_methods, reason = "a test touches the world on purpose")]

use std::collections::VecDeque;
use std::io::{self, BufRead as _, BufReader, Read as _, Write as _};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, PoisonError};

/// One answer: its status, headers as `Name: value`, its body.
pub type Reply = (u16, Vec<String>, Vec<u8>);

/// What was asked.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Asked {
    /// `PUT`, ...
    pub method: String,
    /// Path and query as they were sent.
    pub target: String,
    /// Headers with names in lower case, sorted; those of the connection are left out.
    pub headers: Vec<(String, String)>,
    /// The body.
    pub body: Vec<u8>,
}

impl Asked {
    /// A header, empty where it was not sent.
    #[must_use]
    pub fn header(&self, name: &str) -> &str {
        self.headers.iter().find(|(each, _)| each == name).map(|(_, value)| value.as_str()).unwrap_or_default()
    }
}

struct State {
    replies: VecDeque<Reply>,
    asked: Vec<Asked>,
}

/// A server on this machine, until it is dropped.
pub struct Script {
    address: SocketAddr,
    state: Arc<Mutex<State>>,
    ended: Arc<AtomicBool>,
}

impl Script {
    /// Starts one that gives these answers in order, and 500 afterwards.
    ///
    /// # Errors
    /// What the operating system says.
    pub fn start(replies: impl IntoIterator<Item = Reply>) -> io::Result<Script> {
        let listener = TcpListener::bind(("127.0.0.1", 0))?;
        let address = listener.local_addr()?;
        let state = Arc::new(Mutex::new(State { replies: replies.into_iter().collect(), asked: Vec::new() }));
        let ended = Arc::new(AtomicBool::new(false));
        let script = Script { address, state: Arc::clone(&state), ended: Arc::clone(&ended) };
        std::thread::spawn(move || {
            for stream in listener.incoming() {
                if ended.load(Ordering::SeqCst) {
                    return;
                }
                let state = Arc::clone(&state);
                if let Ok(stream) = stream {
                    std::thread::spawn(move || drop(converse(&stream, &state)));
                }
            }
        });
        Ok(script)
    }

    /// `http://127.0.0.1:PORT`.
    #[must_use]
    pub fn endpoint(&self) -> String {
        format!("http://{}", self.address)
    }

    /// What was asked so far.
    #[must_use]
    pub fn asked(&self) -> Vec<Asked> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner).asked.clone()
    }
}

impl Drop for Script {
    fn drop(&mut self) {
        self.ended.store(true, Ordering::SeqCst);
        // It waits for a connection, and ends with the next.
        drop(TcpStream::connect(self.address));
    }
}

fn converse(stream: &TcpStream, state: &Mutex<State>) -> io::Result<()> {
    let mut reader = BufReader::new(stream);
    loop {
        let mut line = String::new();
        if reader.read_line(&mut line)? == 0 {
            return Ok(());
        }
        let mut words = line.split_whitespace();
        let (method, target) = (words.next().unwrap_or_default().to_owned(), words.next().unwrap_or_default().to_owned());
        let mut headers = Vec::new();
        loop {
            let mut line = String::new();
            reader.read_line(&mut line)?;
            let Some((name, value)) = line.trim_end().split_once(':') else { break };
            headers.push((name.to_ascii_lowercase(), value.trim().to_owned()));
        }
        let length = headers.iter().find(|(name, _)| name == "content-length").and_then(|(_, value)| value.parse().ok()).unwrap_or(0);
        let mut body = vec![0; length];
        reader.read_exact(&mut body)?;
        headers.retain(|(name, _)| !matches!(name.as_str(), "host" | "user-agent" | "accept" | "content-length" | "connection"));
        headers.sort();
        let (status, told, bytes) = {
            let mut state = state.lock().unwrap_or_else(PoisonError::into_inner);
            state.asked.push(Asked { method: method.clone(), target, headers, body });
            state.replies.pop_front().unwrap_or((500, Vec::new(), Vec::new()))
        };
        let mut head = format!("HTTP/1.1 {status} Status\r\n");
        for header in &told {
            head.push_str(header);
            head.push_str("\r\n");
        }
        if !told.iter().any(|header| header.to_ascii_lowercase().starts_with("content-length:")) {
            head.push_str(&format!("Content-Length: {}\r\n", bytes.len()));
        }
        let mut stream = stream;
        stream.write_all(head.as_bytes())?;
        stream.write_all(b"\r\n")?;
        if method != "HEAD" {
            stream.write_all(&bytes)?;
        }
    }
}
