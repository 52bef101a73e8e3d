//! Requests to AWS, signed (Signature Version 4).

use aws_lc_rs::{digest, hmac};

use crate::builtins::encoding::json_text;
use crate::builtins::operands::{number, object, wrong_type};
use crate::builtins::outside::check_request;
use crate::builtins::urls::Url;
use crate::builtins::{Answer, Context, Failure};
use crate::term::{Object, Term};

/// Headers that something on the way may change.
const UNSIGNED: [&str; 3] = ["authorization", "user-agent", "x-amzn-trace-id"];

fn word(term: Option<Term>) -> String {
    term.as_ref().and_then(Term::as_str).unwrap_or_default().to_owned()
}

fn sha256(bytes: &[u8]) -> String {
    hex::encode(digest::digest(&digest::SHA256, bytes))
}

fn code(key: &[u8], message: &str) -> Vec<u8> {
    hmac::sign(&hmac::Key::new(hmac::HMAC_SHA256, key), message.as_bytes()).as_ref().to_vec()
}

/// The request with the headers that AWS wants.
pub(super) fn sign_req(_: &mut Context<'_>, arguments: &[Term]) -> Answer {
    let (request, config) = (object(arguments, 0)?, object(arguments, 1)?);
    let required = ["aws_service", "aws_access_key", "aws_secret_access_key", "aws_region"];
    let missing: Vec<Term> = required.iter().filter(|key| config.get_str(key).is_none()).map(|key| Term::from(*key)).collect();
    if !missing.is_empty() {
        return Err(Failure::Operand(format!("operand 2 missing required AWS config parameters(s): {}", Term::set(missing))));
    }
    let invalid: Vec<Term> =
        required.iter().filter(|key| !matches!(config.get_str(key), Some(Term::String(_)))).map(|key| Term::from(*key)).collect();
    if !invalid.is_empty() {
        return Err(Failure::Operand(format!("operand 2 invalid values for required AWS config parameters(s): {}", Term::set(invalid))));
    }
    let Term::Number(time) = arguments.get(2).cloned().unwrap_or(Term::Null) else {
        // Upstream counts this operand as the first.
        return Err(match number(arguments, 2) {
            Err(_) => wrong_type(0, arguments.get(2).unwrap_or(&Term::Null), &["number"]),
            Ok(_) => Failure::failed("no time"),
        });
    };
    let Some(time) = time.as_i64() else {
        return Err(Failure::Operand("operand 3 could not convert time_ns value into a unix timestamp".to_owned()));
    };
    check_request(arguments, 0)?;
    let given = match request.get_str("headers") {
        None => Vec::new(),
        Some(headers) => match headers.as_object() {
            Some(headers) => headers.iter().map(|(key, value)| (word(Some(key)), word(Some(value)))).collect(),
            None => return Err(Failure::Operand(format!("operand 0 must be object but got {}", headers.kind()))),
        },
    };
    let (url, method) = (request.get_str("url"), request.get_str("method"));
    let invalid: Vec<Term> = [("url", &url), ("method", &method)]
        .into_iter()
        .filter(|(_, value)| !matches!(value, Some(Term::String(_))))
        .map(|(key, _)| Term::from(key))
        .collect();
    if !invalid.is_empty() {
        return Err(Failure::Operand(format!("operand 1 invalid values for required request parameters(s): {}", Term::set(invalid))));
    }
    let url = Url::parse(&word(url))?;
    let body = match (request.get_str("raw_body"), request.get_str("body")) {
        (Some(raw), _) => word(Some(raw)),
        (None, Some(body)) => json_text(&body, None),
        (None, None) => String::new(),
    };
    let unsigned_payload = match config.get_str("disable_payload_signing") {
        None => false,
        Some(Term::Bool(value)) => value,
        Some(_) => return Err(Failure::Operand("operand 2 invalid value for 'disable_payload_signing' in AWS config".to_owned())),
    };
    let service = word(config.get_str("aws_service"));
    let region = word(config.get_str("aws_region"));
    let payload = if unsigned_payload { "UNSIGNED-PAYLOAD".to_owned() } else { sha256(body.as_bytes()) };
    let moment = super::times::stamp(time)?;
    let day = moment.get(..8).unwrap_or_default();
    let mut added = vec![("host".to_owned(), url.host.clone()), ("x-amz-date".to_owned(), moment.clone())];
    if matches!(&*service, "s3" | "glacier") {
        added.push(("x-amz-content-sha256".to_owned(), payload.clone()));
    }
    let token = word(config.get_str("aws_session_token"));
    if !token.is_empty() {
        added.push(("x-amz-security-token".to_owned(), token));
    }
    let mut signed: std::collections::BTreeMap<String, String> = added.iter().cloned().collect();
    for (key, value) in &given {
        let key = key.to_lowercase();
        if !UNSIGNED.contains(&&*key) {
            signed.insert(key, value.clone());
        }
    }
    let names = signed.keys().map(String::as_str).collect::<Vec<_>>().join(";");
    let lines: String = signed.iter().map(|(key, value)| format!("{key}:{value}\n")).collect();
    let canonical = format!("{}\n{}\n{}\n{lines}\n{names}\n{payload}", word(method), url.escaped_path(), url.query);
    let scope = format!("{day}/{region}/{service}/aws4_request");
    let to_sign = format!("AWS4-HMAC-SHA256\n{moment}\n{scope}\n{}", sha256(canonical.as_bytes()));
    let secret = format!("AWS4{}", word(config.get_str("aws_secret_access_key")));
    let key =
        ["aws4_request"].into_iter().fold(code(&code(&code(secret.as_bytes(), day), &region), &service), |key, part| code(&key, part));
    let access = word(config.get_str("aws_access_key"));
    let authorization =
        format!("AWS4-HMAC-SHA256 Credential={access}/{scope},SignedHeaders={names},Signature={}", hex::encode(code(&key, &to_sign)));
    let mut headers: Vec<(Term, Term)> = given.into_iter().map(|(key, value)| (Term::from(key), Term::from(value))).collect();
    headers.push((Term::from("Authorization"), Term::from(authorization)));
    headers.extend(added.into_iter().map(|(key, value)| (Term::from(key), Term::from(value))));
    let mut out = Object::from_entries(request.iter().collect());
    out.insert(Term::from("headers"), Term::object(headers));
    Ok(Term::Object(out.into()))
}
