//! Functions that ask the outside, or know about images and addresses.

use std::net::IpAddr;

use probity_core::Question;
use probity_kubernetes::{Url, wildcard};
use probity_value::{Span, Value};

use super::super::interpreter::kind_of;
use super::super::{Evaluation, JmesError};
use super::standard::scalar_text;
use super::{Answer, text_answer, text_at, value_at};
use crate::images::Image;

pub(super) fn random(arguments: &[Value], evaluation: &Evaluation<'_>) -> Answer {
    let pattern = text_at(arguments, 0);
    if pattern.is_empty() {
        return Err(JmesError::wrong("argument 1 of `random` is empty"));
    }
    evaluation.ask(&Question::Random { pattern: pattern.into() })
}

pub(super) fn image_normalize(arguments: &[Value], evaluation: &Evaluation<'_>) -> Answer {
    let image =
        Image::parse(text_at(arguments, 0)).map_err(|problem| JmesError::wrong(format!("argument 1 of `image_normalize`: {problem}")))?;
    text_answer(image.reference(), evaluation)
}

/// Whether an address belongs to this machine or a private network.
fn is_internal(address: IpAddr) -> bool {
    match address.to_canonical() {
        IpAddr::V4(address) => address.is_loopback() || address.is_private(),
        IpAddr::V6(address) => address.is_loopback() || (address.segments().first().copied().unwrap_or_default() & 0xFE00) == 0xFC00,
    }
}

pub(super) fn is_external_url(arguments: &[Value], evaluation: &Evaluation<'_>) -> Answer {
    let text = text_at(arguments, 0);
    let url =
        Url::parse(text).map_err(|_| JmesError::wrong(format!("argument 1 of `is_external_url` is `{text}`, which is no address")))?;
    let host = url.hostname();
    if let Ok(address) = host.parse::<IpAddr>() {
        return Ok(Value::bool(!is_internal(address), Span::NONE));
    }
    if host.is_empty() {
        return Err(JmesError::wrong(format!("argument 1 of `is_external_url` is `{text}`, which names no host")));
    }
    let answer = evaluation.ask(&Question::Host { name: host.as_str().into() })?;
    let wrong = || JmesError::unknown(format!("the answer for the addresses of `{host}` is no list of addresses"));
    let mut external = true;
    for address in answer.as_list().ok_or_else(wrong)? {
        let address: IpAddr = address.as_str().and_then(|text| text.parse().ok()).ok_or_else(wrong)?;
        external &= !is_internal(address);
    }
    Ok(Value::bool(external, Span::NONE))
}

pub(super) fn pattern_match(arguments: &[Value], evaluation: &Evaluation<'_>) -> Answer {
    let pattern = text_at(arguments, 0);
    let value = value_at(arguments, 1);
    let Some(text) = scalar_text(value) else {
        return Err(JmesError::wrong(format!("argument 2 of `pattern_match` is {}, not a string or number", kind_of(value))));
    };
    evaluation.step((pattern.len() as u64).saturating_mul(text.len() as u64) / 16)?;
    Ok(Value::bool(wildcard::matches(pattern, &text), Span::NONE))
}
