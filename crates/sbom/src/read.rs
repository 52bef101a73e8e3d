//! Which format bytes are in.

use probity_value::{FileId, Value, json};

use crate::document::{Document, LARGEST, Reading, SbomError};
use crate::{Format, cyclonedx, spdx};

/// Reads a bill of materials; `name` is that of its file, for places.
///
/// # Errors
/// [`SbomError`] where it cannot be read at all. What is wrong with a part of it is among the problems of the inventory.
pub fn read(bytes: &[u8], name: &str) -> Result<Document, SbomError> {
    read_with(bytes, name, &[])
}

/// As [`read`]; `finders` are names of cataloguers besides [`probity_packages::CATALOGUERS`], which packages of our own bills keep.
///
/// # Errors
/// [`SbomError`].
pub fn read_with(bytes: &[u8], name: &str, finders: &[&'static str]) -> Result<Document, SbomError> {
    let text = as_text(bytes)?;
    let reading = Reading::new(name, text, finders);
    match text.trim_start().bytes().next() {
        Some(b'{') => {
            let (value, reading) = parse_json(text, reading)?;
            of_json(&value, reading)
        }
        Some(b'<') => {
            let value = cyclonedx::xml_in::parse(text, &reading.lines)?;
            cyclonedx::read::read(&value, Format::CycloneDxXml, reading)
        }
        _ if spdx::tags_in::claims(text) => {
            let mut reading = reading;
            let value = spdx::tags_in::parse(text, &mut reading)?;
            spdx::read::read(&value, Format::SpdxTags, reading)
        }
        _ => Err(SbomError::Format),
    }
}

/// The text of a document without a byte order mark.
pub(crate) fn as_text(bytes: &[u8]) -> Result<&str, SbomError> {
    if bytes.len() > LARGEST {
        return Err(SbomError::Large(bytes.len()));
    }
    let bytes = bytes.strip_prefix(b"\xef\xbb\xbf").unwrap_or(bytes);
    std::str::from_utf8(bytes).map_err(|error| {
        let before = bytes.get(..error.valid_up_to()).unwrap_or_default();
        let line = before.iter().filter(|byte| **byte == b'\n').count() + 1;
        SbomError::Encoding { line: u32::try_from(line).unwrap_or(u32::MAX) }
    })
}

pub(crate) fn parse_json<'a>(text: &str, mut reading: Reading<'a>) -> Result<(Value, Reading<'a>), SbomError> {
    let (value, problems) = json::parse(text, FileId(0));
    for problem in problems {
        let line = reading.lines.at(problem.span);
        if problem.fatal {
            return Err(SbomError::Syntax { line, what: problem.message });
        }
        reading.problem(line, problem.message, problem.code == "json-duplicate-key");
    }
    Ok((value, reading))
}

fn of_json(value: &Value, reading: Reading<'_>) -> Result<Document, SbomError> {
    let word = |key: &str| value.get(key).and_then(Value::as_str).unwrap_or_default();
    if word("bomFormat").eq_ignore_ascii_case("CycloneDX") || (value.get("specVersion").is_some() && word("$schema").contains("cyclonedx"))
    {
        return cyclonedx::read::read(value, Format::CycloneDxJson, reading);
    }
    if value.get("spdxVersion").is_some() {
        return spdx::read::read(value, Format::SpdxJson, reading);
    }
    // In-toto statements hold the bill; GitHub's interface wraps it too.
    for key in ["predicate", "sbom"] {
        if let Some(inner) = value.get(key).filter(|inner| inner.get("bomFormat").is_some() || inner.get("spdxVersion").is_some()) {
            return of_json(inner, reading);
        }
    }
    let version =
        |key: &str, what: String| SbomError::Version { line: reading.lines.at(value.get(key).map_or(value.span, |one| one.span)), what };
    if value.get("@context").is_some() && value.get("@graph").is_some() {
        return Err(version("@context", "SPDX 3 (or other JSON-LD)".to_owned()));
    }
    Err(SbomError::Format)
}
