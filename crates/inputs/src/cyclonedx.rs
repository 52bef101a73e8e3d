//! CycloneDX bills of materials in JSON: what is written is what there is. The XML form is not read.

use probity_value::Value;

use crate::json;
use crate::text::{Read, Source};

/// Reads a bill of materials.
pub(crate) fn read(source: &Source<'_>) -> Read<Value> {
    let start = source.text.len() - source.text.trim_start_matches('\u{feff}').trim_start().len();
    if source.byte(start) == Some(b'<') {
        return Err(source.problem(start..start + 1, "the XML form of CycloneDX is not read here: give the JSON form"));
    }
    let value = json::read(source)?;
    match value.get("bomFormat").and_then(Value::as_str) {
        Some("CycloneDX") => Ok(value),
        _ => Err(source.problem(start..start + 1, "`bomFormat` is not `CycloneDX`")),
    }
}
