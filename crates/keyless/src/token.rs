//! Identity tokens (OpenID Connect): who one is, according to an issuer. Their signatures are for the certificate authority to check; here
//! it is only seen that a token is for it and counts now, before it is sent anywhere.

use std::fmt;
use std::time::Duration;

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use probity_core::Timestamp;
use serde::Deserialize;
use serde_json::Value;
use zeroize::Zeroizing;

use crate::http::{Address, Http, Question};
use crate::{KeylessError, Step};

/// Whom tokens are for where nothing else is said: Sigstore's certificate authority.
pub const DEFAULT_AUDIENCE: &str = "sigstore";
/// Most bytes of a token.
const MAX: usize = 64 << 10;
/// By how much clocks may differ, in seconds.
const SKEW: i64 = 60;

/// A token that is not used. Nothing of it is told.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum TokenError {
    /// Not a token.
    #[error("the identity token is not a JSON Web Token: {0}")]
    Wrong(&'static str),
    /// It does not count any more.
    #[error("the identity token ran out at {0}")]
    Expired(String),
    /// It does not count yet.
    #[error("the identity token counts only from {0} on")]
    Early(String),
    /// It is for somebody else.
    #[error("the identity token is not for `{0}`: it may not be shown to the certificate authority")]
    Audience(String),
    /// The issuer did not see that the address is the holder's.
    #[error("the issuer of the identity token has not verified its electronic mail address")]
    Unverified,
}

/// A token that may be shown to a certificate authority.
#[derive(Clone, PartialEq, Eq)]
pub struct IdentityToken {
    text: Zeroizing<String>,
    issuers: Vec<String>,
    subject: String,
}

impl fmt::Debug for IdentityToken {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("IdentityToken(***)")
    }
}

#[derive(Deserialize)]
struct Claims {
    iss: String,
    #[serde(default)]
    sub: String,
    #[serde(default)]
    aud: Audience,
    exp: i64,
    #[serde(default)]
    nbf: i64,
    #[serde(default)]
    email: String,
    #[serde(default)]
    email_verified: Value,
    #[serde(default)]
    federated_claims: Federated,
}

/// Who vouched before the issuer did, where it only passes identities on.
#[derive(Default, Deserialize)]
struct Federated {
    #[serde(default)]
    connector_id: String,
}

#[derive(Deserialize)]
#[serde(untagged)]
enum Audience {
    One(String),
    Some(Vec<String>),
}

impl Default for Audience {
    fn default() -> Audience {
        Audience::Some(Vec::new())
    }
}

impl IdentityToken {
    /// Reads a token (RFC 7519), and sees that it is for `audience` and counts `now`.
    ///
    /// # Errors
    /// Not a token, or one that may not be used.
    pub fn parse(text: &str, audience: &str, now: Timestamp) -> Result<IdentityToken, TokenError> {
        let text = text.trim();
        if text.len() > MAX {
            return Err(TokenError::Wrong("it is too large"));
        }
        let parts: Vec<&str> = text.split('.').collect();
        let [head, claims, signature] = parts.as_slice() else {
            return Err(TokenError::Wrong("it does not have three parts"));
        };
        let decode = |part: &str| URL_SAFE_NO_PAD.decode(part).map(Zeroizing::new);
        let (Ok(_), Ok(claims), Ok(_)) = (decode(head), decode(claims), decode(signature)) else {
            return Err(TokenError::Wrong("its parts are not base64url"));
        };
        // What the reader says of the claims could tell of them.
        let claims: Claims =
            serde_json::from_slice(&claims).map_err(|_| TokenError::Wrong("its claims lack an issuer or an end, or are no claims"))?;
        let is_for = match &claims.aud {
            Audience::One(one) => one == audience,
            Audience::Some(all) => all.iter().any(|one| one == audience),
        };
        if !is_for {
            return Err(TokenError::Audience(audience.to_owned()));
        }
        let told = |seconds: i64| jiff::Timestamp::from_second(seconds).map_or_else(|_| "another age".to_owned(), |time| time.to_string());
        if claims.exp <= now.seconds {
            return Err(TokenError::Expired(told(claims.exp)));
        }
        if claims.nbf > now.seconds.saturating_add(SKEW) {
            return Err(TokenError::Early(told(claims.nbf)));
        }
        let verified = claims.email_verified == Value::Bool(true) || claims.email_verified == Value::String("true".to_owned());
        let subject = match (claims.email.is_empty(), verified) {
            (false, false) => return Err(TokenError::Unverified),
            (false, true) => claims.email,
            (true, _) => claims.sub,
        };
        if subject.is_empty() || claims.iss.is_empty() {
            return Err(TokenError::Wrong("it names nobody, or nobody who vouches"));
        }
        let mut issuers = vec![claims.iss];
        if !claims.federated_claims.connector_id.is_empty() {
            issuers.push(claims.federated_claims.connector_id);
        }
        Ok(IdentityToken { text: Zeroizing::new(text.to_owned()), issuers, subject })
    }

    /// The token, to be sent to whom it is for and nowhere else.
    pub(crate) fn reveal(&self) -> &str {
        &self.text
    }

    /// Whom it names: what the key's owner signs to prove that the key is theirs.
    pub(crate) fn subject(&self) -> &str {
        &self.subject
    }

    /// Whether a certificate for this token may name that issuer: its own, or the one on whose word it passes identities on.
    pub(crate) fn is_vouched_by(&self, issuer: &str) -> bool {
        self.issuers.iter().any(|one| one == issuer)
    }
}

/// How a job of GitHub Actions asks for a token (`ACTIONS_ID_TOKEN_REQUEST_URL`, `ACTIONS_ID_TOKEN_REQUEST_TOKEN`).
pub struct GithubRequest {
    address: Address,
    pass: Zeroizing<String>,
}

impl fmt::Debug for GithubRequest {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "GithubRequest({})", self.address)
    }
}

#[derive(Deserialize)]
struct Given {
    value: String,
}

impl GithubRequest {
    /// Of what the runner gives the job.
    ///
    /// # Errors
    /// The address is none, or without TLS.
    pub fn new(url: &str, pass: Zeroizing<String>) -> Result<GithubRequest, KeylessError> {
        let address = Address::with_query(url).map_err(|error| KeylessError::new(Step::Token, error.to_string()))?;
        Ok(GithubRequest { address, pass })
    }

    /// Asks for a token for `audience`, and reads it.
    ///
    /// # Errors
    /// None was given, or one that may not be used.
    pub fn fetch(&self, audience: &str, now: Timestamp, deadline: Duration) -> Result<IdentityToken, KeylessError> {
        let wrong = KeylessError::at(Step::Token);
        let http = Http::new(deadline).map_err(&wrong)?;
        let mut url = self.address.0.clone();
        url.query_pairs_mut().append_pair("audience", audience);
        let question = Question { to: &Address(url), body: None, accept: "application/json", pass: Some(&self.pass), limit: MAX * 2 };
        let answer = http.ask(&question).map_err(&wrong)?;
        if answer.status != 200 {
            return Err(wrong(format!("the runner of the job gives none: status {}", answer.status)));
        }
        let given: Given =
            serde_json::from_slice(&answer.body).map_err(|_| wrong("the runner of the job gives something else".to_owned()))?;
        IdentityToken::parse(&Zeroizing::new(given.value), audience, now).map_err(|error| wrong(error.to_string()))
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    const NOW: Timestamp = Timestamp { seconds: 1_000, nanoseconds: 0 };

    fn token(claims: &Value) -> String {
        let part = |text: &str| URL_SAFE_NO_PAD.encode(text);
        format!("{}.{}.{}", part("{\"alg\":\"none\"}"), part(&claims.to_string()), part("signature"))
    }

    fn claims() -> Value {
        json!({ "iss": "https://issuer.example", "sub": "job", "aud": "sigstore", "exp": 1_600 })
    }

    #[track_caller]
    fn check(field: &str, value: Value, expected: Result<&str, TokenError>) {
        let mut claims = claims();
        claims[field] = value;
        let parsed = IdentityToken::parse(&token(&claims), DEFAULT_AUDIENCE, NOW);
        assert_eq!(parsed.map(|token| token.subject), expected.map(str::to_owned));
    }

    #[test]
    fn a_token_is_looked_at_before_it_is_used() {
        check("aud", json!("sigstore"), Ok("job"));
        check("aud", json!(["other", "sigstore"]), Ok("job"));
        check("aud", json!("other"), Err(TokenError::Audience("sigstore".to_owned())));
        check("aud", json!([]), Err(TokenError::Audience("sigstore".to_owned())));
        check("exp", json!(1_000), Err(TokenError::Expired("1970-01-01T00:16:40Z".to_owned())));
        check("nbf", json!(1_060), Ok("job"));
        check("nbf", json!(1_061), Err(TokenError::Early("1970-01-01T00:17:41Z".to_owned())));
        check("email", json!("a@example.com"), Err(TokenError::Unverified));
        check("sub", json!(""), Err(TokenError::Wrong("it names nobody, or nobody who vouches")));
        check("exp", json!("later"), Err(TokenError::Wrong("its claims lack an issuer or an end, or are no claims")));
        let mut claims = claims();
        claims["email"] = json!("a@example.com");
        for verified in [json!(true), json!("true")] {
            claims["email_verified"] = verified;
            assert_eq!(IdentityToken::parse(&token(&claims), DEFAULT_AUDIENCE, NOW).unwrap().subject(), "a@example.com");
        }
        for text in ["", "a", "a.b", "a.b.c.d", "!.!.!"] {
            assert!(matches!(IdentityToken::parse(text, DEFAULT_AUDIENCE, NOW), Err(TokenError::Wrong(_))), "{text}");
        }
    }

    #[test]
    fn issuers_that_pass_identities_on() {
        let mut claims = claims();
        claims["federated_claims"] = json!({ "connector_id": "https://first.example" });
        let token = IdentityToken::parse(&token(&claims), DEFAULT_AUDIENCE, NOW).unwrap();
        assert!(token.is_vouched_by("https://issuer.example") && token.is_vouched_by("https://first.example"));
        assert!(!token.is_vouched_by("https://other.example"));
    }

    #[test]
    fn a_token_is_not_shown() {
        let text = token(&claims());
        let parsed = IdentityToken::parse(&text, DEFAULT_AUDIENCE, NOW).unwrap();
        assert_eq!(format!("{parsed:?}"), "IdentityToken(***)");
        let request = GithubRequest::new("https://runner.example/token?secret=1", Zeroizing::new("pass-word".to_owned())).unwrap();
        assert_eq!(format!("{request:?}"), "GithubRequest(https://runner.example/token)");
    }
}
