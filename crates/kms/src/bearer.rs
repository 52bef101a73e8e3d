//! Tokens of OAuth 2 (RFC 6749): what is answered where one is asked for, and how it is shown.

use serde_json::Value;
use zeroize::Zeroizing;

use crate::error::KmsError;
use crate::secret::Secret;

/// What is asked for, for people.
pub(crate) const WHAT: &str = "a token";

/// A form that asks for a token.
pub(crate) const FORM: &str = "application/x-www-form-urlencoded";

/// The token of an answer, and when it ends.
pub(crate) fn read(answer: &Value, now: i64) -> Result<(Secret, Option<i64>), KmsError> {
    let broken = |why: &str| KmsError::Broken { what: WHAT, why: why.to_owned() };
    let text = answer.get("access_token").and_then(Value::as_str).ok_or_else(|| broken("`access_token` is missing"))?;
    // Some write the number as a text.
    let lives = answer.get("expires_in").and_then(|value| value.as_i64().or_else(|| value.as_str()?.parse().ok()));
    let lives = lives.ok_or_else(|| broken("`expires_in` is missing"))?;
    Ok((checked(text)?, Some(now.saturating_add(lives))))
}

/// A token that can stand in a header.
pub(crate) fn checked(text: &str) -> Result<Secret, KmsError> {
    let text = text.trim();
    let fits = !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_graphic());
    if fits { Ok(Secret::new(text)) } else { Err(KmsError::Broken { what: WHAT, why: "it holds what no token may".to_owned() }) }
}

/// The header that shows it.
pub(crate) fn header(token: &Secret) -> (&'static str, Zeroizing<String>) {
    ("authorization", Zeroizing::new(format!("Bearer {}", token.reveal())))
}
