//! How services are asked: TLS with the roots of the system, or none on this machine; a deadline and a bound for every answer; nobody is
//! followed elsewhere.
//!
//! **Invariant:** credentials go to the service that was named, with TLS or on this machine, and nowhere else.

use std::net::IpAddr;
use std::time::Duration;

use reqwest::header::{HeaderName, HeaderValue};
use reqwest::{Client, Method, Url};
use serde_json::Value;
use tokio::runtime::Runtime;
use zeroize::Zeroizing;

use crate::error::{KmsError, told};
use crate::secret::Secret;
use crate::surroundings::Surroundings;

/// What a service learns of us.
const USER_AGENT: &str = concat!("probity/", env!("CARGO_PKG_VERSION"));
/// How long one answer may take.
const DEADLINE: Duration = Duration::from_secs(20);
/// How long a connection may take.
const CONNECT: Duration = Duration::from_secs(10);
/// Largest answer, in bytes: keys and signatures have a few thousand.
const LARGEST: usize = 1 << 20;
/// How often something is asked for before it is given up.
const ATTEMPTS: u32 = 3;
/// The first pause before something is asked for again; each later one is twice as long.
const PAUSE: Duration = Duration::from_millis(200);

/// Something that is asked of a service.
pub(crate) struct Request {
    /// What for, for people: "the public key".
    pub(crate) what: &'static str,
    /// POST, or GET.
    pub(crate) post: bool,
    /// Where.
    pub(crate) url: Url,
    /// Names in lower case, and values.
    pub(crate) headers: Vec<(&'static str, Zeroizing<String>)>,
    /// The body.
    pub(crate) body: Zeroizing<Vec<u8>>,
    /// What may not be told, should the service repeat it.
    pub(crate) secrets: Vec<Secret>,
}

/// What makes a request.
pub(crate) type Make<'a> = &'a (dyn Fn() -> Result<Request, KmsError> + Sync);

/// Whoever asks services. What is asynchronous stays inside.
pub(crate) struct Http {
    away: Client,
    here: Client,
    runtime: Option<Runtime>,
}

impl Http {
    /// One that trusts these authorities beside those of the system (PEM).
    pub(crate) fn new(authorities: &[Zeroizing<Vec<u8>>]) -> Result<Http, KmsError> {
        let setup = |why: String| KmsError::Setup(told(&why));
        let mut all = Vec::new();
        for pem in authorities {
            all.extend(reqwest::Certificate::from_pem_bundle(pem).map_err(|error| setup(causes(&error)))?);
        }
        let client = |proxy: bool| {
            let mut builder = Client::builder().user_agent(USER_AGENT).connect_timeout(CONNECT).redirect(reqwest::redirect::Policy::none());
            if !all.is_empty() {
                builder = builder.tls_certs_merge(all.clone());
            }
            if !proxy {
                builder = builder.no_proxy();
            }
            builder.build().map_err(|error| setup(causes(&error)))
        };
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().map_err(|error| setup(error.to_string()))?;
        Ok(Http { away: client(true)?, here: client(false)?, runtime: Some(runtime) })
    }

    /// Asks, again where that may help, and gives the body of an answer that says yes. Each attempt makes its request anew: it may bear
    /// the time. It blocks, on a thread of its own, so that whoever signs may stand inside a runtime.
    pub(crate) fn ask(&self, make: Make<'_>) -> Result<Zeroizing<Vec<u8>>, KmsError> {
        let Some(runtime) = &self.runtime else { return Err(KmsError::Setup("it has ended".to_owned())) };
        let ended = std::thread::scope(|scope| scope.spawn(|| runtime.block_on(self.persist(make))).join());
        ended.unwrap_or_else(|_| Err(KmsError::Setup("it has broken off".to_owned())))
    }

    async fn persist(&self, make: Make<'_>) -> Result<Zeroizing<Vec<u8>>, KmsError> {
        let mut pause = PAUSE;
        let mut left = ATTEMPTS;
        loop {
            left -= 1;
            let request = make()?;
            match self.once(&request).await {
                Err(error) if left > 0 && error.may_pass() => tokio::time::sleep(pause).await,
                ended => return ended,
            }
            pause *= 2;
        }
    }

    /// The same, where the answer is JSON.
    pub(crate) fn ask_json(&self, make: Make<'_>) -> Result<Value, KmsError> {
        let what = make()?.what;
        let body = self.ask(make)?;
        serde_json::from_slice(&body).map_err(|_| KmsError::Broken { what, why: "it is no JSON".to_owned() })
    }

    async fn once(&self, request: &Request) -> Result<Zeroizing<Vec<u8>>, KmsError> {
        let host = host(&request.url);
        match tokio::time::timeout(DEADLINE, self.sent(request, &host)).await {
            Ok(ended) => ended,
            Err(_) => Err(KmsError::Late { host, what: request.what, seconds: DEADLINE.as_secs() }),
        }
    }

    async fn sent(&self, request: &Request, host: &str) -> Result<Zeroizing<Vec<u8>>, KmsError> {
        let Request { what, post, url, headers, body, secrets } = request;
        // INVARIANT: what is not on this machine is asked with TLS.
        if url.scheme() != "https" && !is_here(url) {
            return Err(KmsError::setting(format!("`{host}`"), "it would be asked without TLS"));
        }
        let client = if is_here(url) { &self.here } else { &self.away };
        let mut building = client.request(if *post { Method::POST } else { Method::GET }, url.clone());
        for (name, value) in headers {
            let mut shown = HeaderValue::from_str(value).map_err(|_| KmsError::Setup(format!("`{name}` would hold what no header may")))?;
            shown.set_sensitive(true);
            building = building.header(HeaderName::from_static(name), shown);
        }
        if *post {
            building = building.body(body.to_vec());
        }
        let unreachable = |error: reqwest::Error| KmsError::Unreachable { host: host.to_owned(), why: causes(&error.without_url()) };
        let mut response = building.send().await.map_err(unreachable)?;
        let status = response.status();
        let mut bytes = Zeroizing::new(Vec::new());
        while let Some(chunk) = response.chunk().await.map_err(unreachable)? {
            if bytes.len() + chunk.len() > LARGEST {
                return Err(KmsError::Broken { what, why: format!("it has more than {LARGEST} bytes") });
            }
            bytes.extend_from_slice(&chunk);
        }
        if status.is_success() {
            return Ok(bytes);
        }
        if status.is_redirection() {
            return Err(KmsError::Elsewhere { host: host.to_owned(), status: status.as_u16() });
        }
        let (code, mut message) = refusal(&bytes);
        for secret in secrets.iter().map(Secret::reveal).filter(|secret| !secret.is_empty()) {
            message = message.map(|message| message.replace(secret, "***"));
        }
        Err(KmsError::Refused { host: host.to_owned(), what, status: status.as_u16(), code, message: message.as_deref().map(told) })
    }
}

impl Drop for Http {
    fn drop(&mut self) {
        // Somebody who is still looking up a name is not waited for.
        if let Some(runtime) = self.runtime.take() {
            runtime.shutdown_background();
        }
    }
}

/// The authorities that a variable names a file of (PEM), beside those of the system; none where it is not set.
pub(crate) fn authorities(variable: &str, surroundings: &dyn Surroundings) -> Result<Vec<Zeroizing<Vec<u8>>>, KmsError> {
    let Some(path) = surroundings.variable(variable) else { return Ok(Vec::new()) };
    let wrong = |why: String| KmsError::setting(format!("`{variable}`"), why);
    let bytes = surroundings.file(path.as_ref()).map_err(|error| wrong(error.to_string()))?;
    let holds = std::str::from_utf8(&bytes).is_ok_and(|text| text.contains("-----BEGIN CERTIFICATE-----"));
    if holds { Ok(vec![bytes]) } else { Err(wrong("it holds no certificate (PEM)".to_owned())) }
}

/// The address of a service, which is on this machine or asked with TLS.
pub(crate) fn address(what: &str, text: &str) -> Result<Url, KmsError> {
    let wrong = |why: &str| KmsError::setting(what, why);
    let url = Url::parse(text).map_err(|_| wrong("it is no address"))?;
    if !url.username().is_empty() || url.password().is_some() || url.query().is_some() || url.fragment().is_some() {
        return Err(wrong("an address with a name, a password, a query or a fragment is not taken"));
    }
    match url.scheme() {
        "https" => Ok(url),
        "http" if is_here(&url) => Ok(url),
        "http" => Err(wrong("it is asked with TLS (`https://`), unless it is on this machine")),
        _ => Err(wrong("it is no `https://` address")),
    }
}

/// The address of a host that is named alone: with TLS, unless it is on this machine.
pub(crate) fn address_of_host(what: &str, host: &str) -> Result<Url, KmsError> {
    let wrong = || KmsError::setting(what, "it is no host");
    let url = Url::parse(&format!("https://{host}/")).map_err(|_| wrong())?;
    let fits = host.bytes().all(|byte| byte.is_ascii_alphanumeric() || b".-:[]".contains(&byte));
    if !fits || host.is_empty() {
        return Err(wrong());
    }
    if is_here(&url) { address(what, &format!("http://{host}/")) } else { Ok(url) }
}

/// Whether a host is this machine.
pub(crate) fn is_here(url: &Url) -> bool {
    let host = url.host_str().unwrap_or_default();
    let address = host.strip_prefix('[').and_then(|rest| rest.strip_suffix(']')).unwrap_or(host);
    host == "localhost" || address.parse::<IpAddr>().is_ok_and(|address| address.is_loopback())
}

/// The host of an address, with its port where it has one.
pub(crate) fn host(url: &Url) -> String {
    let host = url.host_str().unwrap_or_default();
    url.port().map_or_else(|| host.to_owned(), |port| format!("{host}:{port}"))
}

/// A form, as browsers send it.
pub(crate) fn form(fields: &[(&str, &str)]) -> Zeroizing<Vec<u8>> {
    let encode = |text: &str| crate::percent::encode(text.as_bytes());
    let parts: Vec<String> = fields.iter().map(|(name, value)| format!("{}={}", encode(name), encode(value))).collect();
    Zeroizing::new(parts.join("&").into_bytes())
}

/// What a service says where it says no. Each has its own form: `{__type, message}`, `{errors: [..]}`, `{error: {code, status, message}}`,
/// `{error, error_description}`, and XML with `Code` and `Message`.
fn refusal(body: &[u8]) -> (Option<String>, Option<String>) {
    if let Ok(value) = serde_json::from_slice::<Value>(body) {
        let text = |places: &[&str]| {
            let found = places.iter().find_map(|place| value.pointer(place).and_then(Value::as_str));
            found.filter(|text| !text.is_empty()).map(told)
        };
        let code = text(&["/__type", "/error/status", "/error/code", "/error"]);
        // `com.amazonaws.kms#NotFoundException`.
        let code = code.map(|code| code.rsplit('#').next().unwrap_or_default().to_owned());
        let all = value.get("errors").and_then(Value::as_array).map(|errors| {
            let words: Vec<&str> = errors.iter().filter_map(Value::as_str).collect();
            words.join("; ")
        });
        let said = ["/message", "/Message", "/error/message", "/error_description"];
        let message = said.iter().find_map(|place| value.pointer(place).and_then(Value::as_str)).map(str::to_owned);
        return (code, message.or(all).filter(|text| !text.is_empty()));
    }
    let text = std::str::from_utf8(body).unwrap_or_default();
    let Ok(document) = roxmltree::Document::parse(text) else { return (None, None) };
    let of = |name: &str| {
        let node = document.descendants().find(|node| node.tag_name().name() == name);
        node.and_then(|node| node.text()).filter(|text| !text.is_empty()).map(str::to_owned)
    };
    (of("Code").map(|code| told(&code)), of("Message"))
}

/// An error with its causes on one line, without the words of the libraries around it.
fn causes(error: &dyn std::error::Error) -> String {
    let mut inner = error;
    while let Some(cause) = inner.source() {
        let said = inner.to_string();
        if !said.starts_with("error sending request") && !said.starts_with("client error") {
            break;
        }
        inner = cause;
    }
    let mut text = inner.to_string();
    let mut next = inner.source();
    while let Some(cause) = next {
        let more = cause.to_string();
        if !text.contains(&more) {
            text.push_str(": ");
            text.push_str(&more);
        }
        next = cause.source();
    }
    told(&text)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn addresses_have_tls_or_are_here() {
        let check = |text: &str, good: bool| assert_eq!(address("`A`", text).is_ok(), good, "{text}");
        for good in ["https://vault.example:8200", "http://127.0.0.1:8200", "http://localhost", "http://[::1]:1/", "https://a/b/"] {
            check(good, true);
        }
        for bad in ["http://vault.example", "http://10.0.0.1", "ftp://a", "a", "", "https://a:b@c", "https://a?b", "https://a#b", "unix:/a"]
        {
            check(bad, false);
        }
        let of = |host: &str| address_of_host("`A`", host).map(String::from).ok();
        assert_eq!(of("kms.example").as_deref(), Some("https://kms.example/"));
        assert_eq!(of("localhost:4566").as_deref(), Some("http://localhost:4566/"));
        for bad in ["", "a@b", "a/b", "a?b", "a:x", "a b"] {
            assert_eq!(of(bad), None, "{bad}");
        }
    }

    #[test]
    fn what_services_say_is_understood() {
        let check = |body: &str, code: Option<&str>, message: Option<&str>| {
            assert_eq!(refusal(body.as_bytes()), (code.map(str::to_owned), message.map(str::to_owned)), "{body}");
        };
        check(r#"{"__type":"com.amazonaws.kms#NotFoundException","message":"none"}"#, Some("NotFoundException"), Some("none"));
        check(r#"{"errors":["1 error occurred","permission denied"]}"#, None, Some("1 error occurred; permission denied"));
        check(r#"{"errors":[]}"#, None, None);
        check(r#"{"error":{"code":"KeyNotFound","message":"none"}}"#, Some("KeyNotFound"), Some("none"));
        check(r#"{"error":{"code":403,"status":"PERMISSION_DENIED","message":"no"}}"#, Some("PERMISSION_DENIED"), Some("no"));
        check(r#"{"error":"invalid_client","error_description":"no"}"#, Some("invalid_client"), Some("no"));
        let xml = "<ErrorResponse xmlns=\"https://sts/\"><Error><Code>ExpiredToken</Code><Message>late</Message></Error></ErrorResponse>";
        check(xml, Some("ExpiredToken"), Some("late"));
        check("<html>", None, None);
        check("", None, None);
    }
}
