//! Functions that read and write encodings, and hashes.

use aws_lc_rs::digest;
use base64::Engine as _;
use base64::engine::{DecodePaddingMode, GeneralPurpose, GeneralPurposeConfig, general_purpose::STANDARD};
use md5::{Digest as _, Md5};
use probity_value::yaml::{self, ParseOptions};
use probity_value::{FileId, Span, Value, json};

use super::super::{Evaluation, JmesError};
use super::{Answer, text_answer, text_at};

/// As Go's standard encoding decodes: padding is needed, spare bits are not looked at.
const LENIENT: GeneralPurpose = GeneralPurpose::new(
    &base64::alphabet::STANDARD,
    GeneralPurposeConfig::new().with_decode_allow_trailing_bits(true).with_decode_padding_mode(DecodePaddingMode::RequireCanonical),
);

pub(super) fn base64_decode(arguments: &[Value], evaluation: &Evaluation<'_>) -> Answer {
    let text = text_at(arguments, 0);
    evaluation.grow(text.len())?;
    let bare: String = text.chars().filter(|sign| !matches!(sign, '\r' | '\n')).collect();
    let bytes = LENIENT
        .decode(bare)
        .map_err(|error| JmesError::wrong(format!("argument 1 of `base64_decode` is no base64: {}", decode_problem(&error))))?;
    let text = String::from_utf8(bytes).map_err(|_| JmesError::wrong("argument 1 of `base64_decode` does not decode to UTF-8 text"))?;
    Ok(Value::string(text, Span::NONE))
}

fn decode_problem(error: &base64::DecodeError) -> String {
    match error {
        base64::DecodeError::InvalidByte(at, _) => format!("character {} does not belong into it", at + 1),
        base64::DecodeError::InvalidPadding => "its padding is wrong".to_owned(),
        _ => "its length is wrong".to_owned(),
    }
}

pub(super) fn base64_encode(arguments: &[Value], evaluation: &Evaluation<'_>) -> Answer {
    text_answer(STANDARD.encode(text_at(arguments, 0)), evaluation)
}

fn hashed(algorithm: &'static digest::Algorithm, arguments: &[Value], evaluation: &Evaluation<'_>) -> Answer {
    let text = text_at(arguments, 0);
    evaluation.grow(text.len())?;
    text_answer(hex::encode(digest::digest(algorithm, text.as_bytes())), evaluation)
}

pub(super) fn sha256(arguments: &[Value], evaluation: &Evaluation<'_>) -> Answer {
    hashed(&digest::SHA256, arguments, evaluation)
}

pub(super) fn sha1(arguments: &[Value], evaluation: &Evaluation<'_>) -> Answer {
    hashed(&digest::SHA1_FOR_LEGACY_USE_ONLY, arguments, evaluation)
}

pub(super) fn md5(arguments: &[Value], evaluation: &Evaluation<'_>) -> Answer {
    let text = text_at(arguments, 0);
    evaluation.grow(text.len())?;
    text_answer(hex::encode(Md5::digest(text.as_bytes())), evaluation)
}

pub(super) fn parse_json(arguments: &[Value], evaluation: &Evaluation<'_>) -> Answer {
    let text = text_at(arguments, 0);
    evaluation.grow(text.len().saturating_mul(8))?;
    let (value, problems) = json::parse(text, FileId::NONE);
    match problems.iter().find(|problem| problem.fatal) {
        Some(problem) => Err(JmesError::wrong(format!("argument 1 of `parse_json` is no JSON: {}", problem.message))),
        None => Ok(value),
    }
}

/// The first document, as Kubernetes reads YAML.
pub(super) fn parse_yaml(arguments: &[Value], evaluation: &Evaluation<'_>) -> Answer {
    let text = text_at(arguments, 0);
    evaluation.grow(text.len().saturating_mul(8))?;
    let options = ParseOptions { booleans_1_1: true, octal_1_1: true, line_breaks_1_1: true, kubectl: true, cloudformation: false };
    let (documents, problems) = yaml::parse_with(text, FileId::NONE, options);
    match problems.iter().find(|problem| problem.fatal) {
        Some(problem) => Err(JmesError::wrong(format!("argument 1 of `parse_yaml` is no YAML: {}", problem.message))),
        None => Ok(documents.into_iter().next().map_or(Value::null(Span::NONE), |document| document.value)),
    }
}
