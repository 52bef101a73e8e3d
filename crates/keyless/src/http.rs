//! How services are asked: over TLS or on this machine, within a deadline, with a bound on what comes, followed nowhere else.

use std::net::IpAddr;
use std::str::FromStr;
use std::time::Duration;

use reqwest::header::{ACCEPT, AUTHORIZATION, CONTENT_TYPE, HeaderValue, LOCATION};
use reqwest::{Client, Method, RequestBuilder, Url};
use zeroize::Zeroizing;

/// What a service learns of us.
const USER_AGENT: &str = concat!("probity/", env!("CARGO_PKG_VERSION"));
/// How often a service is asked before it is given up.
const ATTEMPTS: u32 = 3;
/// The first pause before a service is asked again; each later one is twice as long.
const PAUSE: Duration = Duration::from_millis(250);
/// Most bytes of a refusal that are shown.
const SHOWN: usize = 300;
/// How many letters of a secret in a row are known again.
const PART: usize = 16;

/// An address that is not asked.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum AddressError {
    /// Not an address.
    #[error("`{0}` is not an address: {1}")]
    Wrong(String, String),
    /// Without TLS, to another machine.
    #[error("`{0}` is without TLS: only addresses on this machine may be")]
    Plain(String),
    /// With a name, a password, a query or a fragment.
    #[error("an address of a service has neither name, password, query nor fragment")]
    Parts,
}

/// Where a service is.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Address(pub(crate) Url);

impl Address {
    /// An address with a query, which only the runner of a job gives.
    pub(crate) fn with_query(text: &str) -> Result<Address, AddressError> {
        let shown = || text.chars().take(200).collect::<String>();
        let url = Url::parse(text).map_err(|error| AddressError::Wrong(shown(), error.to_string()))?;
        if !url.username().is_empty() || url.password().is_some() || url.fragment().is_some() {
            return Err(AddressError::Parts);
        }
        match url.scheme() {
            "https" => Ok(Address(url)),
            "http" if is_here(&url) => Ok(Address(url)),
            "http" => Err(AddressError::Plain(shown())),
            _ => Err(AddressError::Wrong(shown(), "it does not begin with `https://`".to_owned())),
        }
    }

    /// Something below it.
    pub(crate) fn below(&self, path: &str) -> Address {
        let mut url = self.0.clone();
        let whole = format!("{}/{path}", url.path().trim_end_matches('/'));
        url.set_path(&whole);
        Address(url)
    }
}

impl FromStr for Address {
    type Err = AddressError;

    fn from_str(text: &str) -> Result<Address, AddressError> {
        let address = Address::with_query(text)?;
        if address.0.query().is_some() { Err(AddressError::Parts) } else { Ok(address) }
    }
}

impl std::fmt::Display for Address {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        // A query may hold what only the asked should know.
        let mut url = self.0.clone();
        url.set_query(None);
        f.write_str(url.as_str())
    }
}

fn is_here(url: &Url) -> bool {
    let host = url.host_str().unwrap_or_default();
    let address = host.strip_prefix('[').and_then(|rest| rest.strip_suffix(']')).unwrap_or(host);
    host == "localhost" || address.parse::<IpAddr>().is_ok_and(|address| address.is_loopback())
}

/// An answer, read.
pub(crate) struct Answer {
    /// Its status.
    pub(crate) status: u16,
    /// Where else it says something is.
    pub(crate) location: Option<String>,
    /// Its bytes.
    pub(crate) body: Vec<u8>,
}

impl Answer {
    /// What an answer that says no says.
    pub(crate) fn refusal(&self) -> String {
        self.refusal_without("")
    }

    /// The same, without a text that may not be told; an answer that holds any long part of it is not told at all.
    pub(crate) fn refusal_without(&self, secret: &str) -> String {
        let text = String::from_utf8_lossy(&self.body);
        let told_of = secret.as_bytes().chunks_exact(PART).any(|part| std::str::from_utf8(part).is_ok_and(|part| text.contains(part)));
        let text = if told_of { "its answer repeats what is secret".into() } else { text };
        let told: String = text.trim().chars().map(|letter| if letter.is_control() { ' ' } else { letter }).take(SHOWN).collect();
        match (self.status, told.is_empty()) {
            (300..=399, _) => format!("it sends us elsewhere (status {}), and nobody is followed", self.status),
            (status, true) => format!("it answers with status {status}"),
            (status, false) => format!("it answers with status {status}: {told}"),
        }
    }
}

/// A question.
pub(crate) struct Question<'a> {
    pub(crate) to: &'a Address,
    /// What is sent, and its type; nothing is asked for with GET.
    pub(crate) body: Option<(&'a str, &'a [u8])>,
    pub(crate) accept: &'static str,
    /// Shown as a bearer's.
    pub(crate) pass: Option<&'a str>,
    /// Largest answer, in bytes.
    pub(crate) limit: usize,
}

/// Something that did not work, and whether it may the next time.
struct Failure {
    why: String,
    passing: bool,
}

/// Asks services.
pub(crate) struct Http {
    runtime: tokio::runtime::Runtime,
    /// How long one answer may take, with all that is in it.
    deadline: Duration,
    far: Client,
    here: Client,
}

impl Http {
    pub(crate) fn new(deadline: Duration) -> Result<Http, String> {
        let client = |here: bool| {
            let builder = Client::builder().user_agent(USER_AGENT).connect_timeout(deadline).redirect(reqwest::redirect::Policy::none());
            let builder = if here { builder.no_proxy() } else { builder };
            builder.build().map_err(|error| causes(&error))
        };
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().map_err(|error| error.to_string())?;
        Ok(Http { runtime, deadline, far: client(false)?, here: client(true)? })
    }

    /// Asks, again where a service is busy, and reads the answer whatever its status is.
    pub(crate) fn ask(&self, question: &Question<'_>) -> Result<Answer, String> {
        self.runtime.block_on(self.asked(question))
    }

    pub(crate) fn runtime(&self) -> &tokio::runtime::Runtime {
        &self.runtime
    }

    pub(crate) async fn asked(&self, question: &Question<'_>) -> Result<Answer, String> {
        let mut pause = PAUSE;
        for left in (0..ATTEMPTS).rev() {
            let answer = tokio::time::timeout(self.deadline, self.once(question)).await;
            let failure = match answer {
                Ok(Ok(answer)) if left == 0 || answer.status < 500 && answer.status != 429 => return Ok(answer),
                Ok(Ok(_)) => Failure { why: String::new(), passing: true },
                Ok(Err(failure)) => failure,
                Err(_) => {
                    Failure { why: format!("`{}` did not answer within {} s", question.to, self.deadline.as_secs_f32()), passing: false }
                }
            };
            if !failure.passing || left == 0 {
                return Err(failure.why);
            }
            tokio::time::sleep(pause).await;
            pause *= 2;
        }
        Err("it was never asked".to_owned())
    }

    async fn once(&self, question: &Question<'_>) -> Result<Answer, Failure> {
        let failure = |error: reqwest::Error| {
            let passing = error.is_connect();
            let why = causes(&error.without_url());
            // A certificate does not become good by asking again.
            let passing = passing && !why.contains("certificate") && !why.contains("TLS");
            Failure { why: format!("`{}` cannot be reached: {why}", question.to), passing }
        };
        let large = || Failure { why: format!("the answer of `{}` has more than {} bytes", question.to, question.limit), passing: false };
        let mut response = self.request(question)?.send().await.map_err(failure)?;
        if response.content_length().is_some_and(|length| length > question.limit as u64) {
            return Err(large());
        }
        let location = response.headers().get(LOCATION).and_then(|value| value.to_str().ok()).map(str::to_owned);
        let mut body = Vec::new();
        while let Some(chunk) = response.chunk().await.map_err(failure)? {
            if body.len() + chunk.len() > question.limit {
                return Err(large());
            }
            body.extend_from_slice(&chunk);
        }
        Ok(Answer { status: response.status().as_u16(), location, body })
    }

    fn request(&self, question: &Question<'_>) -> Result<RequestBuilder, Failure> {
        let client = if is_here(&question.to.0) { &self.here } else { &self.far };
        let method = if question.body.is_some() { Method::POST } else { Method::GET };
        let mut request = client.request(method, question.to.0.clone()).header(ACCEPT, question.accept);
        if let Some((kind, body)) = question.body {
            request = request.header(CONTENT_TYPE, kind).body(body.to_vec());
        }
        if let Some(pass) = question.pass {
            let text = Zeroizing::new(format!("Bearer {pass}"));
            let wrong = |_| Failure { why: "the token holds letters that no header may hold".to_owned(), passing: false };
            let mut value = HeaderValue::from_str(&text).map_err(wrong)?;
            value.set_sensitive(true);
            request = request.header(AUTHORIZATION, value);
        }
        Ok(request)
    }
}

/// An error with its causes.
pub(crate) fn causes(error: &dyn std::error::Error) -> String {
    let mut text = error.to_string();
    let mut next = error.source();
    while let Some(cause) = next {
        let more = cause.to_string();
        if !text.contains(&more) {
            text.push_str(": ");
            text.push_str(&more);
        }
        next = cause.source();
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn addresses() {
        let check = |text: &str, expected: bool| assert_eq!(text.parse::<Address>().is_ok(), expected, "{text}");
        check("https://fulcio.example", true);
        check("https://rekor.example/api", true);
        check("http://127.0.0.1:3000", true);
        check("http://localhost:3000", true);
        check("http://[::1]:3000", true);
        check("http://fulcio.example", false);
        check("http://localhost.example", false);
        check("http://127.0.0.1.example", false);
        check("ftp://fulcio.example", false);
        check("https://name:word@fulcio.example", false);
        check("https://fulcio.example?a=b", false);
        check("https://fulcio.example#a", false);
        check("fulcio.example", false);
        let below = |text: &str| text.parse::<Address>().unwrap().below("api/v2/x").to_string();
        assert_eq!(below("https://a.example"), "https://a.example/api/v2/x");
        assert_eq!(below("https://a.example/"), "https://a.example/api/v2/x");
        assert_eq!(below("https://a.example/b/"), "https://a.example/b/api/v2/x");
    }
}
