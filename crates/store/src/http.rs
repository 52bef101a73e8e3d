//! One host that is asked over HTTP. What is asynchronous stays in here.
//!
//! **Invariant:** every request has a deadline and every answer a bound; nobody is followed elsewhere, since a signature or a token
//! would go along.

use std::sync::Arc;
use std::time::Duration;

use reqwest::header::{HeaderMap, RETRY_AFTER};
use reqwest::redirect::Policy;
use reqwest::{Client, Method, Url};
use tokio::runtime::{Builder, Runtime};

use crate::error::{StoreError, causes};

/// What a store learns of us.
const USER_AGENT: &str = concat!("probity/", env!("CARGO_PKG_VERSION"));
/// Largest answer that says no, in bytes.
const LARGEST_REFUSAL: u64 = 64 << 10;
/// How often something is asked for before it is given up.
const ATTEMPTS: u32 = 5;
/// The longest pause a store may ask for.
const LONGEST_PAUSE: Duration = Duration::from_secs(15);

/// How stores are reached.
#[derive(Clone, Debug)]
pub struct Reach {
    /// How long one answer may take.
    pub deadline: Duration,
    /// The first pause before something is asked for again; each later one is twice as long.
    pub pause: Duration,
    /// Authorities that sign certificates of stores, as PEM, beside those of the system.
    pub authorities: Vec<Vec<u8>>,
}

impl Default for Reach {
    fn default() -> Reach {
        Reach { deadline: Duration::from_secs(30), pause: Duration::from_millis(200), authorities: Vec::new() }
    }
}

/// One request.
pub(crate) struct Ask {
    pub(crate) method: Method,
    pub(crate) url: String,
    pub(crate) headers: Vec<(String, String)>,
    pub(crate) body: Vec<u8>,
    /// Most bytes of an answer that says yes.
    pub(crate) limit: u64,
    /// What for, as it stands after `to` and `does not`.
    pub(crate) what: String,
}

/// One answer, read.
#[derive(Debug)]
pub(crate) struct Answer {
    pub(crate) status: u16,
    pub(crate) headers: HeaderMap,
    pub(crate) bytes: Vec<u8>,
}

impl Answer {
    /// A header as text; `None` where it is not there or is empty.
    pub(crate) fn header(&self, name: &str) -> Option<&str> {
        self.headers.get(name)?.to_str().ok().filter(|value| !value.is_empty())
    }

    /// The body as text.
    pub(crate) fn text(&self) -> &str {
        std::str::from_utf8(&self.bytes).unwrap_or_default()
    }
}

/// Asks one host.
pub(crate) struct Http {
    client: Client,
    runtime: Runtime,
    reach: Reach,
}

impl Http {
    /// Sets up; nothing is sent yet. `here` says that the host is this machine, so that no proxy is asked.
    pub(crate) fn new(reach: Reach, here: bool) -> Result<Http, StoreError> {
        let setup = |error: reqwest::Error| StoreError::Setup(causes(&error));
        let mut builder = Client::builder()
            .user_agent(USER_AGENT)
            .connect_timeout(reach.deadline)
            .redirect(Policy::none())
            .pool_idle_timeout(Duration::from_secs(10));
        let mut all = Vec::new();
        for pem in &reach.authorities {
            all.extend(reqwest::Certificate::from_pem_bundle(pem).map_err(setup)?);
        }
        if !all.is_empty() {
            builder = builder.tls_certs_merge(all);
        }
        if here {
            builder = builder.no_proxy();
        }
        let runtime = Builder::new_current_thread().enable_all().build().map_err(|error| StoreError::Setup(error.to_string()))?;
        Ok(Http { client: builder.build().map_err(setup)?, runtime, reach })
    }

    /// Sends one request once, and reads the answer whatever it says.
    pub(crate) fn once(&self, ask: &Ask) -> Result<Answer, StoreError> {
        let url = Url::parse(&ask.url).map_err(|error| StoreError::Setup(format!("`{}` is no address: {error}", ask.url)))?;
        let host: Arc<str> = host_of(&url).into();
        let asked = async {
            let mut request = self.client.request(ask.method.clone(), url);
            for (name, value) in &ask.headers {
                request = request.header(name, value);
            }
            if !ask.body.is_empty() || ask.method == Method::PUT || ask.method == Method::POST {
                request = request.body(ask.body.clone());
            }
            let response = request.send().await.map_err(|error| unreachable(&host, error))?;
            self.read(response, ask, &host).await
        };
        let late = |_| StoreError::Late { host: Arc::clone(&host), what: ask.what.clone(), seconds: self.reach.deadline.as_secs() };
        self.runtime.block_on(async { tokio::time::timeout(self.reach.deadline, asked).await }).map_err(late)?
    }

    /// Asks until it works, fails for good, or was asked for often enough. Only for what may be done twice. `ask` makes the request anew
    /// each time, since a signature holds the time; `judge` makes an error of an answer that says no.
    pub(crate) fn persist<T>(
        &self,
        mut ask: impl FnMut() -> Result<Ask, StoreError>,
        mut judge: impl FnMut(Answer, &Ask) -> Result<T, StoreError>,
    ) -> Result<T, StoreError> {
        let mut pause = self.reach.pause;
        for attempt in 1.. {
            let request = ask()?;
            let mut told = None;
            let outcome = self.once(&request).and_then(|answer| {
                told = answer.header(RETRY_AFTER.as_str()).and_then(|value| value.trim().parse().ok()).map(Duration::from_secs);
                judge(answer, &request)
            });
            match outcome {
                Err(error) if error.is_passing() && attempt < ATTEMPTS => {
                    std::thread::sleep(told.unwrap_or(pause).min(LONGEST_PAUSE));
                    pause *= 2;
                }
                outcome => return outcome,
            }
        }
        Err(StoreError::Setup("nothing was asked".to_owned()))
    }

    /// Reads an answer, and no more of it than may be.
    async fn read(&self, mut response: reqwest::Response, ask: &Ask, host: &Arc<str>) -> Result<Answer, StoreError> {
        let status = response.status().as_u16();
        let limit = if response.status().is_success() { ask.limit } else { LARGEST_REFUSAL };
        let large = || StoreError::Large { host: Arc::clone(host), what: ask.what.clone(), limit };
        let headers = response.headers().clone();
        let mut bytes = Vec::new();
        if ask.method == Method::HEAD {
            return Ok(Answer { status, headers, bytes });
        }
        if response.content_length().is_some_and(|length| length > limit) {
            return Err(large());
        }
        while let Some(chunk) = response.chunk().await.map_err(|error| unreachable(host, error))? {
            if (bytes.len() + chunk.len()) as u64 > limit {
                return Err(large());
            }
            bytes.extend_from_slice(&chunk);
        }
        Ok(Answer { status, headers, bytes })
    }
}

/// A host with its port where it is not the usual one, as the header `Host` names it.
pub(crate) fn host_of(url: &Url) -> String {
    let host = url.host_str().unwrap_or_default();
    url.port().map_or_else(|| host.to_owned(), |port| format!("{host}:{port}"))
}

fn unreachable(host: &Arc<str>, error: reqwest::Error) -> StoreError {
    // What could not even connect did nothing.
    let sent = !error.is_connect() && !error.is_builder();
    let error = error.without_url();
    let mut inner: &dyn std::error::Error = &error;
    while let Some(cause) = inner.source() {
        let said = inner.to_string();
        if !said.starts_with("error sending request") && !said.starts_with("client error") {
            break;
        }
        inner = cause;
    }
    StoreError::Unreachable { host: Arc::clone(host), why: causes(inner), sent }
}

/// Writes text as a part of an address: all but letters, digits and `-._~` becomes `%XX`.
pub(crate) fn encode(text: &str) -> String {
    text.bytes().fold(String::new(), |mut out, byte| {
        if byte.is_ascii_alphanumeric() || b"-._~".contains(&byte) {
            out.push(char::from(byte));
        } else {
            out.push_str(&format!("%{byte:02X}"));
        }
        out
    })
}

/// The same for a path, whose slashes stay.
pub(crate) fn encode_path(path: &str) -> String {
    path.split('/').map(encode).collect::<Vec<_>>().join("/")
}
