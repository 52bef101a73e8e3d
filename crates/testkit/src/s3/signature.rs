//! Whether a request is signed as AWS Signature Version 4 asks, derived here without a line of the client's code.

use aws_lc_rs::hmac;

use super::{Answer, KEY_ID, Request, SECRET, decode, encode, tokens};

/// Seconds that the clocks of client and store may differ.
const SKEW: i64 = 15 * 60;

type Refusal = Box<Answer>;

fn refuse(status: u16, code: &str, message: &str) -> Refusal {
    Box::new(Answer::refusal(status, code, message))
}

fn mac(key: &[u8], text: &str) -> Vec<u8> {
    hmac::sign(&hmac::Key::new(hmac::HMAC_SHA256, key), text.as_bytes()).as_ref().to_vec()
}

/// Checks the signature, what is signed, the time and the digest of the body.
pub(super) fn check(request: &Request, now: i64, sessions: bool) -> Result<(), Refusal> {
    let denied = |message: &str| refuse(403, "AccessDenied", message);
    let header = request.header("authorization").ok_or_else(|| denied("no signature"))?;
    let rest = header.strip_prefix("AWS4-HMAC-SHA256 ").ok_or_else(|| denied("not a signature of version 4"))?;
    let part = |name: &str| {
        let part = rest.split(',').map(str::trim).find_map(|part| part.strip_prefix(name)?.strip_prefix('='));
        part.ok_or_else(|| denied("the signature is not whole"))
    };
    let (credential, signed, signature) = (part("Credential")?, part("SignedHeaders")?, part("Signature")?);
    let scope: Vec<&str> = credential.split('/').collect();
    let [id, day, region, service, last] = scope.as_slice() else { return Err(denied("the scope is not one")) };
    let token = request.header("x-amz-security-token");
    let secret = match (*id, token) {
        (KEY_ID, None) => SECRET,
        (tokens::SESSION_ID, Some(tokens::SESSION)) if sessions => tokens::SESSION_SECRET,
        (tokens::SESSION_ID, _) => return Err(refuse(400, "InvalidToken", "The provided token is malformed or otherwise invalid.")),
        _ => return Err(refuse(403, "InvalidAccessKeyId", "The AWS Access Key Id you provided does not exist in our records.")),
    };
    if *service != "s3" || *last != "aws4_request" {
        return Err(denied("the scope is not that of S3"));
    }
    let moment = request.header("x-amz-date").ok_or_else(|| denied("no time"))?;
    let sent = seconds(moment).ok_or_else(|| denied("the time is not one"))?;
    if (sent - now).abs() > SKEW {
        return Err(refuse(403, "RequestTimeTooSkewed", "The difference between the request time and the current time is too large."));
    }
    if !moment.starts_with(day) {
        return Err(denied("the day of the scope is another"));
    }
    let names: Vec<&str> = signed.split(';').collect();
    if !names.is_sorted() {
        return Err(denied("the signed headers are not in order"));
    }
    let must = |name: &str| name == "host" || name.starts_with("x-amz-") || name == "content-md5" || name.starts_with("if-");
    if let Some((name, _)) = request.headers.iter().find(|(name, _)| must(name) && !names.contains(&name.as_str())) {
        return Err(denied(&format!("the header {name} is not signed")));
    }
    let digest = crate::sha256(&request.body).to_string();
    if request.header("x-amz-content-sha256") != Some(digest.as_str()) {
        return Err(refuse(
            400,
            "XAmzContentSHA256Mismatch",
            "The provided 'x-amz-content-sha256' header does not match what was computed.",
        ));
    }
    let mut lines = String::new();
    for name in &names {
        let value = request.header(name).ok_or_else(|| denied("a signed header is not there"))?;
        lines.push_str(&format!("{name}:{value}\n"));
    }
    let path = decode(&request.path).split('/').map(encode).collect::<Vec<_>>().join("/");
    let mut pairs: Vec<String> = request
        .query
        .split('&')
        .filter(|pair| !pair.is_empty())
        .map(|pair| {
            let (name, value) = pair.split_once('=').unwrap_or((pair, ""));
            format!("{}={}", encode(&decode(name)), encode(&decode(value)))
        })
        .collect();
    pairs.sort();
    let canonical = format!("{}\n{path}\n{}\n{lines}\n{signed}\n{digest}", request.method, pairs.join("&"));
    let to_sign = format!("AWS4-HMAC-SHA256\n{moment}\n{day}/{region}/{service}/aws4_request\n{}", crate::sha256(canonical.as_bytes()));
    let mut key = format!("AWS4{secret}").into_bytes();
    for part in [*day, *region, *service, "aws4_request"] {
        key = mac(&key, part);
    }
    let expected: String = mac(&key, &to_sign).iter().map(|byte| format!("{byte:02x}")).collect();
    if expected == signature {
        Ok(())
    } else {
        Err(refuse(403, "SignatureDoesNotMatch", "The request signature we calculated does not match the signature you provided."))
    }
}

/// Seconds since 1970 of `20260131T120000Z`.
fn seconds(moment: &str) -> Option<i64> {
    let digits: String = moment.chars().filter(char::is_ascii_digit).collect();
    if digits.len() != 14 {
        return None;
    }
    let (day, time) = digits.split_at_checked(8)?;
    let iso = format!("{}-{}-{}T{}:{}:{}Z", day.get(..4)?, day.get(4..6)?, day.get(6..)?, time.get(..2)?, time.get(2..4)?, time.get(4..)?);
    super::objects::parse_time(&iso)
}
