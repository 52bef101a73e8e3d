//! What the tests of services share: a service on this machine that answers as it is told, and surroundings of their own.
#![allow(dead_code, unreachable_pub, clippy::unwrap_used, clippy::disallowed_methods, reason = "each test uses a part of it")]

use std::collections::BTreeMap;
use std::io;
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicBool, AtomicI64, Ordering};
use std::sync::{Arc, Mutex};

use probity_attest::keys::Signer as _;
use probity_core::Timestamp;
use probity_kms::{KmsError, KmsKey, Reference, Surroundings};
use rustls::pki_types::PrivateKeyDer;
use rustls::{ServerConfig, ServerConnection, StreamOwned};
use zeroize::Zeroizing;

/// A request that came.
#[derive(Clone, Debug)]
pub struct Asked {
    pub method: String,
    pub path: String,
    pub headers: BTreeMap<String, String>,
    pub body: Vec<u8>,
}

impl Asked {
    pub fn header(&self, name: &str) -> &str {
        self.headers.get(name).map_or("", String::as_str)
    }

    pub fn json(&self) -> serde_json::Value {
        serde_json::from_slice(&self.body).unwrap()
    }

    pub fn text(&self) -> &str {
        std::str::from_utf8(&self.body).unwrap()
    }
}

type Answers = dyn Fn(&Asked) -> (u16, String) + Send + Sync;

/// A service on this machine, until it is dropped.
pub struct Service {
    pub address: SocketAddr,
    asked: Arc<Mutex<Vec<Asked>>>,
    ended: Arc<AtomicBool>,
}

impl Service {
    /// One that answers so: a status and a body. A redirection leads to `http://127.0.0.1:1/`.
    pub fn new(answer: impl Fn(&Asked) -> (u16, String) + Send + Sync + 'static) -> Service {
        Service::with(None, answer)
    }

    /// One that speaks TLS, and its certificate (PEM), which nobody but us has signed.
    pub fn with_tls(answer: impl Fn(&Asked) -> (u16, String) + Send + Sync + 'static) -> (Service, String) {
        let made = rcgen::generate_simple_self_signed(["127.0.0.1".to_owned()]).unwrap();
        let key = PrivateKeyDer::try_from(made.signing_key.serialize_der()).unwrap();
        let provider = Arc::new(rustls::crypto::aws_lc_rs::default_provider());
        let config = ServerConfig::builder_with_provider(provider).with_safe_default_protocol_versions().unwrap();
        let config = config.with_no_client_auth().with_single_cert(vec![made.cert.der().clone()], key).unwrap();
        (Service::with(Some(Arc::new(config)), answer), made.cert.pem())
    }

    fn with(tls: Option<Arc<ServerConfig>>, answer: impl Fn(&Asked) -> (u16, String) + Send + Sync + 'static) -> Service {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let address = listener.local_addr().unwrap();
        let asked = Arc::new(Mutex::new(Vec::new()));
        let ended = Arc::new(AtomicBool::new(false));
        let answer: Arc<Answers> = Arc::new(answer);
        let (kept, stop) = (Arc::clone(&asked), Arc::clone(&ended));
        std::thread::spawn(move || {
            for mut stream in listener.incoming().map_while(Result::ok) {
                if stop.load(Ordering::SeqCst) {
                    break;
                }
                // Whoever goes away in the middle is heard no more.
                let _gone = match &tls {
                    None => serve(&mut stream, &kept, &*answer),
                    Some(config) => {
                        let connection = ServerConnection::new(Arc::clone(config)).unwrap();
                        serve(&mut StreamOwned::new(connection, stream), &kept, &*answer)
                    }
                };
            }
        });
        Service { address, asked, ended }
    }

    pub fn url(&self) -> String {
        format!("http://{}", self.address)
    }

    /// What was asked until now.
    pub fn asked(&self) -> Vec<Asked> {
        self.asked.lock().unwrap().clone()
    }
}

impl Drop for Service {
    fn drop(&mut self) {
        self.ended.store(true, Ordering::SeqCst);
        let _wakes_it = TcpStream::connect(self.address);
    }
}

fn serve<S: io::Read + io::Write>(stream: &mut S, kept: &Mutex<Vec<Asked>>, answer: &Answers) -> io::Result<()> {
    let mut head = Vec::new();
    let mut byte = [0];
    while !head.ends_with(b"\r\n\r\n") {
        stream.read_exact(&mut byte)?;
        head.extend(byte);
    }
    let head = String::from_utf8(head).unwrap();
    let mut lines = head.lines();
    let mut words = lines.next().unwrap_or_default().split_whitespace();
    let (method, path) = (words.next().unwrap_or_default().to_owned(), words.next().unwrap_or_default().to_owned());
    let pairs = lines.filter_map(|line| line.split_once(':'));
    let headers: BTreeMap<String, String> = pairs.map(|(name, value)| (name.to_ascii_lowercase(), value.trim().to_owned())).collect();
    let length = headers.get("content-length").map_or(0, |length| length.parse().unwrap());
    let mut body = vec![0; length];
    stream.read_exact(&mut body)?;
    let asked = Asked { method, path, headers, body };
    kept.lock().unwrap().push(asked.clone());
    let (status, body) = answer(&asked);
    let location = if (300..400).contains(&status) { "location: http://127.0.0.1:1/\r\n" } else { "" };
    write!(stream, "HTTP/1.1 {status} X\r\ncontent-length: {}\r\n{location}connection: close\r\n\r\n{body}", body.len())?;
    stream.flush()
}

/// Surroundings of a test.
#[derive(Default)]
pub struct Around {
    pub variables: BTreeMap<String, String>,
    pub files: BTreeMap<PathBuf, String>,
    pub seconds: AtomicI64,
}

impl Around {
    pub fn new(variables: &[(&str, &str)]) -> Around {
        let variables = variables.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect();
        // 2026-01-31T12:00:00Z
        Around { variables, files: BTreeMap::new(), seconds: AtomicI64::new(1_769_860_800) }
    }

    pub fn with_file(mut self, path: &str, text: &str) -> Around {
        self.files.insert(path.into(), text.to_owned());
        self
    }
}

impl Surroundings for Around {
    fn variable(&self, name: &str) -> Option<String> {
        self.variables.get(name).filter(|value| !value.is_empty()).cloned()
    }

    fn file(&self, path: &Path) -> io::Result<Zeroizing<Vec<u8>>> {
        let text = self.files.get(path).ok_or_else(|| io::Error::from(io::ErrorKind::NotFound))?;
        Ok(Zeroizing::new(text.clone().into_bytes()))
    }

    fn now(&self) -> Timestamp {
        Timestamp { seconds: self.seconds.load(Ordering::SeqCst), nanoseconds: 0 }
    }
}

/// Opens a key.
pub fn open(name: &str, around: &Arc<Around>) -> Result<KmsKey, KmsError> {
    KmsKey::open(&Reference::parse(name).unwrap(), Arc::clone(around) as Arc<dyn Surroundings>)
}

/// Opens a key and signs, verified by the public key.
pub fn signed(name: &str, around: Around, message: &[u8]) -> Result<Vec<u8>, KmsError> {
    let key = open(name, &Arc::new(around))?;
    let signature = key.try_sign(message)?;
    key.public_key().verify(message, &signature).unwrap();
    Ok(signature)
}

/// What went wrong, in words, which hold none of these.
#[track_caller]
pub fn fails<T>(result: Result<T, KmsError>, says: &str, never: &[&str]) -> KmsError {
    let error = match result {
        Ok(_) => panic!("it works"),
        Err(error) => error,
    };
    let shown = format!("{error} {error:?} {:?}", error.hint());
    assert!(shown.contains(says), "{shown}");
    for secret in never {
        assert!(!shown.contains(secret), "{shown}");
    }
    error
}
