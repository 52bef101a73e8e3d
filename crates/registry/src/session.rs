//! A conversation with one registry about one repository: whom to ask, tokens, and answers that are read into memory.
//!
//! **Invariant:** no answer is read without a bound and a deadline; credentials go to the registry and to whom it names for tokens, with
//! TLS or on this machine, and nowhere else.

use std::cell::RefCell;
use std::future::Future;
use std::sync::Arc;
use std::time::Duration;

use http_auth::{ChallengeParser, ChallengeRef};
use reqwest::header::{ACCEPT, CONTENT_TYPE, HeaderMap, HeaderName, RETRY_AFTER, WWW_AUTHENTICATE};
use reqwest::{Client, Method, RequestBuilder, Response, StatusCode, Url};
use serde_json::Value;

use crate::credentials::Credential;
use crate::endpoint::{Endpoint, is_here};
use crate::error::{Answer, PullError};
use crate::secret::Secret;
use crate::transport::Transport;

/// Largest answer that says no, in bytes.
const LARGEST_REFUSAL: u64 = 64 << 10;
/// Largest answer with a token, in bytes.
const LARGEST_TOKEN: u64 = 1 << 20;
/// How often something is asked for before it is given up.
const ATTEMPTS: u32 = 4;
/// The first pause before something is asked for again; each later one is twice as long.
const PAUSE: Duration = Duration::from_millis(250);
/// The longest pause a registry may ask for.
const LONGEST_PAUSE: Duration = Duration::from_secs(15);

/// What is shown to the registry with each request.
#[derive(Clone, Debug)]
pub(crate) enum Pass {
    /// A token.
    Bearer(Secret),
    /// Name and password.
    Basic(String, Secret),
}

/// An answer, read.
pub(crate) struct Fetched {
    /// Its bytes.
    pub(crate) bytes: Vec<u8>,
    /// What else it tells.
    pub(crate) headers: HeaderMap,
    /// Who answered in the end.
    pub(crate) url: Url,
}

/// Something that is asked of the registry.
pub(crate) struct Asked<'a> {
    /// How.
    pub(crate) method: Method,
    /// Where.
    pub(crate) url: &'a str,
    /// Headers beside those every request has.
    pub(crate) headers: &'a [(HeaderName, &'a str)],
    /// What is sent along.
    pub(crate) body: Option<&'a [u8]>,
    /// Most bytes of the answer.
    pub(crate) limit: u64,
    /// What it is about, for messages.
    pub(crate) what: &'a str,
}

impl Fetched {
    /// A header as text; empty where it is not there.
    pub(crate) fn header(&self, name: impl reqwest::header::AsHeaderName) -> &str {
        self.headers.get(name).and_then(|value| value.to_str().ok()).unwrap_or_default()
    }

    /// The type of its content, without parameters.
    pub(crate) fn kind(&self) -> &str {
        let kind = self.header(CONTENT_TYPE);
        kind.split_once(';').map_or(kind, |(kind, _)| kind).trim()
    }
}

/// Something that did not work, and whether to try again.
pub(crate) struct Failure {
    /// What.
    pub(crate) error: PullError,
    /// Whether, and after which pause if it was told.
    pub(crate) again: Option<Option<Duration>>,
}

impl Failure {
    /// Not to be tried again.
    pub(crate) fn last(error: PullError) -> Failure {
        Failure { error, again: None }
    }

    /// To be tried again.
    pub(crate) fn passing(error: PullError) -> Failure {
        Failure { error, again: Some(None) }
    }
}

/// How often something is tried again, and after which pauses.
pub(crate) struct Patience {
    left: u32,
    pause: Duration,
}

impl Patience {
    /// That for one thing.
    pub(crate) fn new() -> Patience {
        Patience { left: ATTEMPTS - 1, pause: PAUSE }
    }

    /// Waits until it may be tried again.
    ///
    /// # Errors
    /// What failed, where it fails for good or was tried often enough.
    pub(crate) async fn bear(&mut self, failure: Failure) -> Result<(), PullError> {
        let (Some(told), Some(left)) = (failure.again, self.left.checked_sub(1)) else { return Err(failure.error) };
        tokio::time::sleep(told.unwrap_or(self.pause).min(LONGEST_PAUSE)).await;
        self.left = left;
        self.pause *= 2;
        Ok(())
    }
}

/// Tries something until it works, fails for good, or was tried often enough.
pub(crate) async fn persist<T, F: Future<Output = Result<T, Failure>>>(mut attempt: impl FnMut() -> F) -> Result<T, PullError> {
    let mut patience = Patience::new();
    loop {
        match attempt().await {
            Ok(done) => return Ok(done),
            Err(failure) => patience.bear(failure).await?,
        }
    }
}

/// A conversation with one registry about one repository.
pub(crate) struct Session {
    /// Who is asked.
    pub(crate) endpoint: Endpoint,
    /// How long one answer may take.
    pub(crate) deadline: Duration,
    http: Client,
    /// Asks for tokens; follows nobody elsewhere with one that is exchanged.
    tokens: Client,
    credential: Option<Credential>,
    /// Whether tokens may be asked for without TLS.
    plain: bool,
    pass: RefCell<Option<Pass>>,
}

impl Session {
    /// Begins one; nothing is sent yet.
    pub(crate) fn new(
        endpoint: Endpoint,
        credential: Option<Credential>,
        transport: &Transport<'_>,
        deadline: Duration,
    ) -> Result<Session, PullError> {
        let http = transport.client(endpoint.here, true)?;
        let tokens = match &credential {
            Some(Credential::Identity(_)) => transport.client(endpoint.here, false)?,
            _ => http.clone(),
        };
        let pass = match &credential {
            Some(Credential::Token(token)) => Some(Pass::Bearer(token.clone())),
            _ => None,
        };
        Ok(Session { endpoint, deadline, http, tokens, credential, plain: transport.plain, pass: RefCell::new(pass) })
    }

    /// What is shown with each request.
    pub(crate) fn pass(&self) -> Option<Pass> {
        self.pass.borrow().clone()
    }

    /// Whether there are credentials for this registry.
    pub(crate) fn is_signed_in(&self) -> bool {
        self.credential.is_some()
    }

    /// Takes out of an answer what may not be told.
    pub(crate) fn told(&self, answer: Answer) -> Answer {
        let pass = self.pass();
        let credential = match &self.credential {
            Some(Credential::Password { password: secret, .. } | Credential::Identity(secret) | Credential::Token(secret)) => {
                secret.reveal()
            }
            None => "",
        };
        let pass = match &pass {
            Some(Pass::Bearer(secret) | Pass::Basic(_, secret)) => secret.reveal(),
            None => "",
        };
        answer.without(&[credential, pass])
    }

    /// Fetches something below `/v2/REPOSITORY/` into memory.
    pub(crate) async fn fetch(&self, path: &str, accept: &str, limit: u64, what: &str) -> Result<Fetched, PullError> {
        let url = self.endpoint.url(path);
        self.ask(&Asked { method: Method::GET, url: &url, headers: &[(ACCEPT, accept)], body: None, limit, what }).await
    }

    /// Asks for something, several times where that may help: what is asked must be safe to repeat.
    pub(crate) async fn ask(&self, asked: &Asked<'_>) -> Result<Fetched, PullError> {
        persist(|| async {
            let answered = async {
                let response = self.send(asked).await?;
                self.read(response, asked.limit, asked.what).await
            };
            self.within(asked.what, answered).await
        })
        .await
    }

    /// Asks for something once.
    pub(crate) async fn ask_once(&self, asked: &Asked<'_>) -> Result<Fetched, Failure> {
        let answered = async {
            let response = self.send(asked).await?;
            self.read(response, asked.limit, asked.what).await
        };
        self.within(asked.what, answered).await
    }

    /// Gets a new token: asks for something as if there were none yet.
    pub(crate) async fn renew(&self, path: &str, accept: &str, what: &str) -> Result<(), PullError> {
        self.pass.replace(None);
        let url = &self.endpoint.url(path);
        let asked = Asked { method: Method::GET, url, headers: &[(ACCEPT, accept)], body: None, limit: LARGEST_REFUSAL, what };
        persist(|| self.within(what, async { self.send(&asked).await.map(drop) })).await
    }

    /// Waits no longer than the deadline.
    pub(crate) async fn within<T>(&self, what: &str, asked: impl Future<Output = Result<T, Failure>>) -> Result<T, Failure> {
        match tokio::time::timeout(self.deadline, asked).await {
            Ok(done) => done,
            Err(_) => Err(Failure::passing(self.late(what))),
        }
    }

    pub(crate) fn late(&self, what: &str) -> PullError {
        PullError::Late { host: Arc::clone(&self.endpoint.host), what: what.to_owned(), seconds: self.deadline.as_secs() }
    }

    pub(crate) fn refused(&self, what: &str, answer: Answer) -> PullError {
        PullError::Refused {
            host: Arc::clone(&self.endpoint.host),
            what: what.to_owned(),
            answer: self.told(answer),
            signed_in: self.is_signed_in(),
        }
    }

    /// Sends a request, gets a token where one is wanted, and gives an answer that says yes.
    async fn send(&self, asked: &Asked<'_>) -> Result<Response, Failure> {
        // INVARIANT: what opens the registry's door is shown to nobody else; an upload may go elsewhere.
        let is_own = asked.url.starts_with(&self.endpoint.base());
        let request = || {
            let mut request = self.http.request(asked.method.clone(), asked.url);
            for (name, value) in asked.headers {
                request = request.header(name, *value);
            }
            if let Some(body) = asked.body {
                request = request.body(body.to_vec());
            }
            match self.pass().filter(|_| is_own) {
                None => request,
                Some(Pass::Bearer(token)) => request.bearer_auth(token.reveal()),
                Some(Pass::Basic(name, password)) => request.basic_auth(name, Some(password.reveal())),
            }
        };
        let mut response = self.sent(request()).await?;
        if response.status() == StatusCode::UNAUTHORIZED && is_own && self.enter(&response, asked.what).await? {
            response = self.sent(request()).await?;
        }
        if response.status().is_success() { Ok(response) } else { Err(self.refusal(response, asked.what).await) }
    }

    async fn sent(&self, request: RequestBuilder) -> Result<Response, Failure> {
        request.send().await.map_err(|error| self.unreachable(error))
    }

    /// What the network says, without addresses: some hold signatures.
    pub(crate) fn unreachable(&self, error: reqwest::Error) -> Failure {
        let host = Arc::clone(&self.endpoint.host);
        let for_good = error.is_builder() || error.is_redirect();
        let why = network(&error.without_url());
        // A certificate does not become good by asking again.
        let for_good = for_good || why.contains("certificate") || why.contains("TLS");
        let error = PullError::Unreachable { host, why };
        if for_good { Failure::last(error) } else { Failure::passing(error) }
    }

    /// An answer that says no, read.
    async fn refusal(&self, response: Response, what: &str) -> Failure {
        let status = response.status();
        let told = response.headers().get(RETRY_AFTER).and_then(|value| value.to_str().ok()?.trim().parse().ok()).map(Duration::from_secs);
        let again = (status.is_server_error() || status == StatusCode::TOO_MANY_REQUESTS).then_some(told);
        // What cannot be read of it says no more than its status.
        let body = self.read(response, LARGEST_REFUSAL, what).await.map(|fetched| fetched.bytes).unwrap_or_default();
        Failure { error: self.refused(what, Answer::read(status.as_u16(), &body)), again }
    }

    /// Reads an answer, and no more of it than may be.
    async fn read(&self, mut response: Response, limit: u64, what: &str) -> Result<Fetched, Failure> {
        let large = || Failure::last(PullError::Large { what: what.to_owned(), limit });
        if response.content_length().is_some_and(|length| length > limit) {
            return Err(large());
        }
        let (headers, url) = (response.headers().clone(), response.url().clone());
        let mut bytes = Vec::new();
        while let Some(chunk) = response.chunk().await.map_err(|error| self.unreachable(error))? {
            if (bytes.len() + chunk.len()) as u64 > limit {
                return Err(large());
            }
            bytes.extend_from_slice(&chunk);
        }
        Ok(Fetched { bytes, headers, url })
    }

    /// Does what a registry asks for before it answers; false where nothing can be done.
    async fn enter(&self, response: &Response, what: &str) -> Result<bool, Failure> {
        let mut basic = false;
        for header in response.headers().get_all(WWW_AUTHENTICATE) {
            let Ok(text) = header.to_str() else { continue };
            for challenge in ChallengeParser::new(text).filter_map(Result::ok) {
                if challenge.scheme.eq_ignore_ascii_case("bearer") {
                    let token = self.token(&Challenge::read(&challenge, &self.endpoint), what).await?;
                    self.pass.replace(Some(Pass::Bearer(token)));
                    return Ok(true);
                }
                basic |= challenge.scheme.eq_ignore_ascii_case("basic");
            }
        }
        match &self.credential {
            Some(Credential::Password { name, password }) if basic => {
                self.pass.replace(Some(Pass::Basic(name.clone(), password.clone())));
                Ok(true)
            }
            _ => Ok(false),
        }
    }

    /// Gets a token, as a challenge says.
    async fn token(&self, challenge: &Challenge, what: &str) -> Result<Secret, Failure> {
        let broken = |why: String| Failure::last(PullError::Broken { what: "the way to a token".to_owned(), why });
        let realm = Url::parse(&challenge.realm).map_err(|error| broken(format!("its address is none: {error}")))?;
        let host = realm.host_str().unwrap_or_default();
        // A registry elsewhere has no business with what listens on this machine.
        let is_safe = match realm.scheme() {
            "https" => true,
            "http" => self.plain || self.endpoint.here && is_here(host),
            _ => false,
        };
        if !is_safe {
            let realm = format!("{}://{host}", realm.scheme());
            return Err(Failure::last(PullError::Unprotected { host: Arc::clone(&self.endpoint.host), realm }));
        }
        let mut asked = vec![("scope", challenge.scope.as_str())];
        asked.extend(challenge.service.as_deref().map(|service| ("service", service)));
        let request = match &self.credential {
            // A token that did not do is not exchanged.
            Some(Credential::Token(_)) | None => self.tokens.get(realm).query(&asked),
            Some(Credential::Password { name, password }) => self.tokens.get(realm).query(&asked).basic_auth(name, Some(password.reveal())),
            Some(Credential::Identity(token)) => {
                asked.extend([("grant_type", "refresh_token"), ("refresh_token", token.reveal()), ("client_id", "probity")]);
                self.tokens.post(realm).form(&asked)
            }
        };
        let response = self.sent(request).await?;
        if !response.status().is_success() {
            return Err(self.refusal(response, what).await);
        }
        let fetched = self.read(response, LARGEST_TOKEN, "the token").await?;
        let value: Value = serde_json::from_slice(&fetched.bytes).map_err(|_| broken("what comes is no JSON".to_owned()))?;
        let text = |key: &str| value.get(key).and_then(Value::as_str).filter(|text| !text.is_empty());
        let token = text("token").or_else(|| text("access_token")).ok_or_else(|| broken("no token comes".to_owned()))?;
        // INVARIANT: it can stand in a header.
        let fits = token.bytes().all(|byte| byte.is_ascii_graphic());
        if fits { Ok(Secret::new(token)) } else { Err(broken("the token holds what no token may".to_owned())) }
    }
}

/// What a registry asks for (RFC 6750, and the distribution project's token specification).
struct Challenge {
    realm: String,
    service: Option<String>,
    scope: String,
}

impl Challenge {
    fn read(challenge: &ChallengeRef<'_>, endpoint: &Endpoint) -> Challenge {
        let text = |key: &str| {
            let found = challenge.params.iter().find(|(name, _)| name.eq_ignore_ascii_case(key));
            found.map(|(_, value)| value.to_unescaped()).filter(|text| !text.is_empty())
        };
        Challenge {
            realm: text("realm").unwrap_or_default(),
            service: text("service"),
            scope: text("scope").unwrap_or_else(|| format!("repository:{}:pull", endpoint.repository)),
        }
    }
}

/// What the network says, without the words of the libraries around it.
fn network(error: &reqwest::Error) -> String {
    let mut inner: &dyn std::error::Error = error;
    while let Some(cause) = inner.source() {
        let said = inner.to_string();
        if !said.starts_with("error sending request") && !said.starts_with("client error") {
            break;
        }
        inner = cause;
    }
    causes(inner)
}

/// An error with its causes on one line.
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
    crate::error::told(&text)
}
