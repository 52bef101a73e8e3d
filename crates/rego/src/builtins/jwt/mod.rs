//! JSON web tokens (RFC 7515, RFC 7519).

mod keys;

use std::sync::Arc;

use base64::Engine as _;

use crate::builtins::encoding::{decode_base64url, json_text};
use crate::builtins::operands::{object, operand, text};
use crate::builtins::{Answer, Context, Failure};
use crate::json;
use crate::number::Number;
use crate::term::{ObjectRef, Term, bytes_of};

use keys::{Key, Named};

/// Tokens within tokens that are looked into.
const DEEPEST: usize = 32;

/// A token taken apart.
struct Token {
    header: String,
    payload: String,
    signature: String,
}

impl Token {
    fn read(given: &str) -> Result<Token, Failure> {
        if !given.contains('.') {
            return Err(Failure::failed("encoded JWT had no period separators"));
        }
        let mut parts = given.split('.');
        match (parts.next(), parts.next(), parts.next(), parts.next()) {
            (Some(header), Some(payload), Some(signature), None) => {
                Ok(Token { header: header.to_owned(), payload: payload.to_owned(), signature: signature.to_owned() })
            }
            _ => Err(Failure::Failed(format!("encoded JWT must have 3 sections, found {}", given.split('.').count()))),
        }
    }

    fn header(&self) -> Result<Term, Failure> {
        let bytes = decode_base64url(&self.header).map_err(|failure| within("JWT header had invalid encoding", failure))?;
        let header = object_of(&bytes).map_err(|failure| within("bad JWT header", failure))?;
        if header.get_str("enc").is_some() {
            return Err(Failure::failed("JWT is a JWE object, which is not supported"));
        }
        Ok(header)
    }

    fn payload(&self) -> Result<Vec<u8>, Failure> {
        decode_base64url(&self.payload).map_err(|failure| within("JWT payload had invalid encoding", failure))
    }

    /// What is signed.
    fn message(&self) -> Vec<u8> {
        format!("{}.{}", self.header, self.payload).into_bytes()
    }
}

/// A failure with what it happened at.
fn within(place: &str, failure: Failure) -> Failure {
    match failure {
        Failure::Failed(reason) => Failure::Failed(format!("{place}: {reason}")),
        other => other,
    }
}

/// The object of JSON text.
fn object_of(bytes: &[u8]) -> Result<Term, Failure> {
    let text = String::from_utf8_lossy(bytes);
    let term = json::parse(&text).map_err(|error| Failure::Failed(format!("invalid JSON: {error}")))?;
    if term.as_object().is_some() { Ok(term) } else { Err(Failure::failed("decoded JSON type was not an Object")) }
}

/// Header, payload and signature of a token, which is not verified.
pub(super) fn decode(_: &mut Context<'_>, arguments: &[Term]) -> Answer {
    let mut given = text(arguments, 0)?.to_string();
    for _ in 0..DEEPEST {
        let token = Token::read(&given)?;
        let header = token.header()?;
        let payload = token.payload()?;
        // The payload may be another token, in quotes.
        if header.get_str("cty") == Some(Term::from("JWT")) {
            given = String::from_utf8_lossy(&payload).trim_matches(['"', '\'']).to_owned();
            continue;
        }
        let payload = object_of(&payload)?;
        let signature = decode_base64url(&token.signature).map_err(|failure| within("JWT signature had invalid encoding", failure))?;
        return Ok(Term::array(vec![header, payload, Term::from(hex::encode(signature))]));
    }
    Err(Failure::Halt("tokens nest too deep".to_owned()))
}

/// What of a header counts.
#[derive(Default)]
struct Header {
    algorithm: String,
    key: String,
    content: String,
    critical: Vec<String>,
    unknown: Vec<String>,
}

impl Header {
    fn read(header: &Term) -> Result<Header, Failure> {
        let mut out = Header::default();
        for (name, value) in header.as_object().into_iter().flat_map(ObjectRef::iter) {
            let Term::String(name) = name else { continue };
            let word = || match &value {
                Term::String(text) => Ok(text.to_string()),
                _ => Err(Failure::Failed(format!("{name}: must be a string"))),
            };
            match &*name {
                "alg" => out.algorithm = word()?,
                "kid" => out.key = word()?,
                "typ" => drop(word()?),
                "cty" => out.content = word()?,
                "crit" => {
                    let names = value.as_array().ok_or_else(|| Failure::failed("crit: must be a list"))?;
                    out.critical = names.iter().filter_map(|name| name.as_str().map(str::to_owned)).collect();
                    if out.critical.is_empty() {
                        return Err(Failure::failed("crit: must be a nonempty list"));
                    }
                }
                _ => out.unknown.push(name.to_string()),
            }
        }
        Ok(out)
    }

    /// Whether it names an algorithm, and nothing that has to be understood and is not.
    fn is_valid(&self) -> bool {
        !self.algorithm.is_empty() && !self.unknown.iter().any(|name| self.critical.contains(name))
    }
}

/// Whether one of some keys made the signature of a token. A key whose id the header names counts alone; keys for another algorithm than
/// the header's do not count.
fn verified(keys: &[Named], header: &Header, algorithm: &str, token: &Token, signature: &[u8]) -> bool {
    let message = token.message();
    let check = |key: &Key| keys::verify(algorithm, key, &message, signature);
    if !header.key.is_empty()
        && let Some(named) = keys.iter().find(|named| named.id == header.key)
    {
        return check(&named.key);
    }
    keys.iter().any(|named| (named.algorithm.is_empty() || named.algorithm == header.algorithm) && check(&named.key))
}

fn verify_public(algorithm: &str, arguments: &[Term]) -> Answer {
    let token = Token::read(text(arguments, 0)?)?;
    let keys = keys::public_keys(text(arguments, 1)?)?;
    let signature = decode_base64url(&token.signature)?;
    let header = Header::read(&token.header()?)?;
    Ok(Term::Bool(verified(&keys, &header, algorithm, &token, &signature)))
}

fn verify_secret(algorithm: &str, arguments: &[Term]) -> Answer {
    let (given, secret) = (text(arguments, 0)?, text(arguments, 1)?);
    let token = Token::read(given)?;
    let signature = decode_base64url(&token.signature)?;
    let secret = Key::Secret(bytes_of(secret).into_owned());
    Ok(Term::Bool(keys::verify(algorithm, &secret, &token.message(), &signature)))
}

macro_rules! verifiers {
    ($($name:ident $algorithm:literal $verify:ident)*) => {$(
        /// Whether a token is signed with this algorithm and a key.
        pub(super) fn $name(_: &mut Context<'_>, arguments: &[Term]) -> Answer {
            $verify($algorithm, arguments)
        }
    )*};
}

verifiers! {
    verify_rs256 "RS256" verify_public
    verify_rs384 "RS384" verify_public
    verify_rs512 "RS512" verify_public
    verify_ps256 "PS256" verify_public
    verify_ps384 "PS384" verify_public
    verify_ps512 "PS512" verify_public
    verify_es256 "ES256" verify_public
    verify_es384 "ES384" verify_public
    verify_es512 "ES512" verify_public
    verify_eddsa "EdDSA" verify_public
    verify_hs256 "HS256" verify_secret
    verify_hs384 "HS384" verify_secret
    verify_hs512 "HS512" verify_secret
}

/// What a token has to fit.
struct Constraints {
    keys: Vec<Named>,
    algorithm: String,
    issuer: String,
    audience: String,
    /// Nanoseconds since 1970.
    time: f64,
}

impl Constraints {
    fn read(given: ObjectRef<'_>, now: f64) -> Result<Constraints, Failure> {
        let mut out = Constraints { keys: Vec::new(), algorithm: String::new(), issuer: String::new(), audience: String::new(), time: now };
        let (mut has_keys, mut secret) = (false, Arc::from(""));
        for (name, value) in given.iter() {
            let Term::String(name) = name else { return Err(Failure::Failed(format!("unknown token validation constraint: {name}"))) };
            let word = || match &value {
                Term::String(text) => Ok(Arc::clone(text)),
                _ => Err(Failure::Failed(format!("{name} constraint: must be a string"))),
            };
            match &*name {
                "cert" => {
                    out.keys = keys::public_keys(&word()?)?;
                    has_keys = true;
                }
                "secret" => secret = word()?,
                "alg" => out.algorithm = word()?.to_string(),
                "iss" => out.issuer = word()?.to_string(),
                "aud" => out.audience = word()?.to_string(),
                "time" => {
                    let Term::Number(time) = &value else { return Err(Failure::failed("token time constraint: must be a number")) };
                    out.time = time.to_f64();
                    if out.time < 0.0 {
                        return Err(Failure::failed("token time constraint: must not be negative"));
                    }
                }
                _ => return Err(Failure::Failed(format!("unknown token validation constraint: {name}"))),
            }
        }
        match (has_keys, secret.is_empty()) {
            (true, false) => Err(Failure::failed("duplicate key constraints")),
            (false, true) => Err(Failure::failed("no key constraint")),
            (true, true) => Ok(out),
            (false, false) => {
                let key = Key::Secret(bytes_of(&secret).into_owned());
                out.keys = vec![Named { key, algorithm: String::new(), id: String::new() }];
                Ok(out)
            }
        }
    }

    /// Whether the claims of a payload hold.
    fn hold(&self, payload: &Term) -> Result<bool, Failure> {
        if !self.issuer.is_empty() && payload.get_str("iss").as_ref().and_then(Term::as_str) != Some(&self.issuer) {
            return Ok(false);
        }
        match payload.get_str("aud") {
            Some(audience) => {
                let fits = |term: &Term| term.as_str() == Some(&self.audience);
                let listed = audience.as_array().is_some_and(|list| list.iter().any(|item| fits(&item)));
                if !fits(&audience) && !listed {
                    return Ok(false);
                }
            }
            None if !self.audience.is_empty() => return Ok(false),
            None => {}
        }
        let now = Term::Number(Number::from_f64(self.time / 1e9));
        match payload.get_str("exp") {
            None => {}
            Some(end @ Term::Number(_)) if now < end => {}
            Some(Term::Number(_)) => return Ok(false),
            Some(_) => return Err(Failure::failed("exp value must be a number")),
        }
        match payload.get_str("nbf") {
            None => Ok(true),
            Some(start @ Term::Number(_)) => Ok(now >= start),
            Some(_) => Err(Failure::failed("nbf value must be a number")),
        }
    }
}

/// Whether a token is signed and its claims hold, with its header and payload.
pub(super) fn decode_verify(context: &mut Context<'_>, arguments: &[Term]) -> Answer {
    let constraints = object(arguments, 1)?;
    #[expect(clippy::cast_precision_loss, reason = "tokens are told in seconds, and upstream uses doubles too")]
    let now = context.now.seconds as f64 * 1e9 + f64::from(context.now.nanoseconds);
    let constraints = Constraints::read(constraints, now)?;
    let unverified = || Term::array(vec![Term::Bool(false), Term::empty_object(), Term::empty_object()]);
    let mut given = text(arguments, 0)?.to_string();
    for _ in 0..DEEPEST {
        let token = Token::read(&given)?;
        let header = token.header()?;
        let read = Header::read(&header)?;
        if !read.is_valid() || (!constraints.algorithm.is_empty() && constraints.algorithm != read.algorithm) {
            return Ok(unverified());
        }
        let signature = decode_base64url(&token.signature)?;
        if !verified(&constraints.keys, &read, &read.algorithm, &token, &signature) {
            return Ok(unverified());
        }
        let payload = token.payload()?;
        if read.content.eq_ignore_ascii_case("JWT") {
            given = String::from_utf8_lossy(&payload).into_owned();
            continue;
        }
        let payload = object_of(&payload)?;
        if !constraints.hold(&payload)? {
            return Ok(unverified());
        }
        return Ok(Term::array(vec![Term::Bool(true), header, payload]));
    }
    Err(Failure::Halt("tokens nest too deep".to_owned()))
}

fn encode(header: &str, payload: &str, key: &str) -> Answer {
    let key = keys::signing_key(key)?;
    let missing = |reason: &str| Failure::Failed(format!("missing or invalid 'alg' header: {reason}"));
    if header.trim().is_empty() {
        return Err(missing("cannot parse JSON: cannot parse empty string"));
    }
    let words = json::parse(header).unwrap_or_else(|_| Term::empty_object());
    let Some(Term::String(algorithm)) = words.get_str("alg") else { return Err(missing("jwsbb: header \"alg\" not found")) };
    if !keys::ALGORITHMS.contains(&&*algorithm) {
        return Err(Failure::Failed(format!("unknown JWS algorithm: {algorithm}")));
    }
    let is_token = match words.get_str("typ") {
        Some(Term::String(kind)) => &*kind == "JWT",
        _ => true,
    };
    if is_token && json::parse(payload).is_err() {
        return Err(Failure::failed("type is JWT but payload is not JSON"));
    }
    let base64 = |bytes: &[u8]| base64::engine::general_purpose::URL_SAFE_NO_PAD.encode(bytes);
    let message = format!("{}.{}", base64(&bytes_of(header)), base64(&bytes_of(payload)));
    let signature = keys::sign(&algorithm, &key, message.as_bytes())?;
    Ok(Term::from(format!("{message}.{}", base64(&signature))))
}

/// A token of objects, signed.
pub(super) fn encode_sign(_: &mut Context<'_>, arguments: &[Term]) -> Answer {
    let part = |at: usize| operand(arguments, at).map(|term| json_text(term, None));
    encode(&part(0)?, &part(1)?, &part(2)?)
}

/// A token of texts, signed.
pub(super) fn encode_sign_raw(_: &mut Context<'_>, arguments: &[Term]) -> Answer {
    let key = text(arguments, 2)?;
    encode(text(arguments, 0)?, text(arguments, 1)?, key)
}

#[cfg(test)]
mod tests {
    use crate::builtins::tests::{arguments, check, shown, shown_of};
    use crate::term::Term;

    const TOKEN: &str = "eyJhbGciOiJIUzI1NiIsInR5cCI6IkpXVCJ9.eyJzdWIiOiIwIiwiaXNzIjoib3BhIn0.XmVoLoHI3pxMtMO_WRONMSJzGUDP9pDjy8Jp0_tdRXY";

    #[test]
    fn decoding() {
        check(
            "io.jwt.decode",
            &format!("[\"{TOKEN}\"]"),
            r#"[{"alg": "HS256", "typ": "JWT"}, {"iss": "opa", "sub": "0"}, "5e65682e81c8de9c4cb4c3bf59138d3122731940cff690e3cbc269d3fb5d4576"]"#,
        );
        check("io.jwt.decode", r#"["x"]"#, "eval_builtin_error: io.jwt.decode: encoded JWT had no period separators");
        check("io.jwt.decode", r#"["x.y"]"#, "eval_builtin_error: io.jwt.decode: encoded JWT must have 3 sections, found 2");
        check("io.jwt.decode", "[1]", "eval_type_error: io.jwt.decode: operand 1 must be string but got number");
    }

    fn signed(algorithm: &str, key: &str) -> Term {
        let given = format!(r#"[{{"alg": "{algorithm}", "typ": "JWT"}}, {{"iss": "me", "exp": 2000000000}}, {key}]"#);
        shown_of("io.jwt.encode_sign", &arguments(&given))
    }

    #[test]
    fn what_is_signed_is_verified() {
        let secret = r#"{"kty": "oct", "k": "c2VjcmV0"}"#;
        let token = signed("HS256", secret);
        assert_eq!(shown("io.jwt.verify_hs256", &[token.clone(), Term::from("secret")]), "true");
        assert_eq!(shown("io.jwt.verify_hs256", &[token.clone(), Term::from("other")]), "false");
        assert_eq!(shown("io.jwt.verify_hs384", &[token.clone(), Term::from("secret")]), "false");
        let verified = |token: &Term, constraints: &str| {
            let constraints = arguments(&format!("[{constraints}]"));
            shown("io.jwt.decode_verify", &[token.clone(), constraints[0].clone()])
        };
        let whole = r#"[true, {"alg": "HS256", "typ": "JWT"}, {"exp": 2000000000, "iss": "me"}]"#;
        assert_eq!(verified(&token, r#"{"secret": "secret"}"#), whole);
        assert_eq!(verified(&token, r#"{"secret": "secret", "iss": "me", "alg": "HS256"}"#), whole);
        for wrong in [
            r#"{"secret": "x"}"#,
            r#"{"secret": "secret", "iss": "you"}"#,
            r#"{"secret": "secret", "aud": "x"}"#,
            r#"{"secret": "secret", "alg": "HS384"}"#,
            r#"{"secret": "secret", "time": 2000000000000000000}"#,
        ] {
            assert_eq!(verified(&token, wrong), "[false, {}, {}]", "{wrong}");
        }
        assert_eq!(verified(&token, "{}"), "eval_builtin_error: io.jwt.decode_verify: no key constraint");
        assert_eq!(verified(&token, r#"{"x": 1}"#), "eval_builtin_error: io.jwt.decode_verify: unknown token validation constraint: x");
    }

    #[test]
    fn curves() {
        let seed = r#"{"kty": "OKP", "crv": "Ed25519", "d": "nWGxne_9WmC6hEr0kuwsxERJxWl7MmkZcDusAxyuf2A", "x": "11qYAYKxCrfVS_7TyWQHOg7hcvPapiMlrwIaaPcHURo"}"#;
        let token = signed("EdDSA", seed);
        assert_eq!(shown("io.jwt.verify_eddsa", &[token.clone(), Term::from(seed)]), "true");
        assert_eq!(shown("io.jwt.verify_es256", &[token, Term::from(seed)]), "false");
        let key = r#"{"kty": "EC", "crv": "P-256", "d": "YBrqsnWZBIpkvMgpD2BmzgVcy0eNynA-DeGBQIGQE1c", "x": "RhUQPsjeM7wuNdgb0oZReTXEukL7PYcPt51kfo4I80I", "y": "ejPaeyQmzIiqyi2Og_yT2CJIN17l1HUh3KrAcGCrXPo"}"#;
        let token = signed("ES256", key);
        assert_eq!(shown("io.jwt.verify_es256", &[token, Term::from(key)]), "true");
    }

    #[test]
    fn what_cannot_be_signed() {
        let raw = |header: &str, payload: &str| {
            shown("io.jwt.encode_sign_raw", &[Term::from(header), Term::from(payload), Term::from(r#"{"kty": "oct", "k": "c2VjcmV0"}"#)])
        };
        let fails = |header: &str, payload: &str, reason: &str| {
            assert_eq!(raw(header, payload), format!("eval_builtin_error: io.jwt.encode_sign_raw: {reason}"));
        };
        fails("", "{}", "missing or invalid 'alg' header: cannot parse JSON: cannot parse empty string");
        fails("e", "{}", "missing or invalid 'alg' header: jwsbb: header \"alg\" not found");
        fails(r#"{"alg": "dummy"}"#, "{}", "unknown JWS algorithm: dummy");
        fails(r#"{"alg": "HS256", "typ": "JWT"}"#, "e", "type is JWT but payload is not JSON");
        fails(r#"{"alg": "RS256"}"#, "{}", "the key does not fit the algorithm RS256");
    }
}
