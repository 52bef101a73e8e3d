//! Base64 and JSON text (`ext.Encoders`).

use base64::Engine as _;
use base64::alphabet::STANDARD;
use base64::engine::{DecodePaddingMode, GeneralPurpose, GeneralPurposeConfig};

use super::args::{any, bytes, text, traversal};
use super::json_text;
use crate::{Call, CelError, Function, Library, Overload, Value};

/// The library (version 1).
pub static LIBRARY: Library = Library::new(
    "encoders",
    &[
        Function::new("base64.decode", &[Overload::new("base64_decode_string", "base64.decode(string) -> bytes", decode).cost(cost)]),
        Function::new("base64.encode", &[Overload::new("base64_encode_bytes", "base64.encode(bytes) -> string", encode).cost(cost)]),
        Function::new("json.encode", &[Overload::new("json_encode_dyn", "json.encode(dyn) -> string", encode_json).cost(cost_of_json)]),
    ],
);

/// As Go reads it: padded, or not padded at all; the last bits do not matter.
const PADDED: GeneralPurpose = GeneralPurpose::new(
    &STANDARD,
    GeneralPurposeConfig::new().with_decode_allow_trailing_bits(true).with_decode_padding_mode(DecodePaddingMode::RequireCanonical),
);
const BARE: GeneralPurpose = GeneralPurpose::new(
    &STANDARD,
    GeneralPurposeConfig::new().with_decode_allow_trailing_bits(true).with_decode_padding_mode(DecodePaddingMode::RequireNone),
);

fn cost(args: &[Value], _: &Value) -> u64 {
    args.first().map_or(1, |value| traversal(value.size()).saturating_add(1))
}

fn cost_of_json(_: &[Value], result: &Value) -> u64 {
    traversal(result.size()).saturating_add(1)
}

fn decode(call: &mut Call<'_>, args: &[Value]) -> Result<Value, CelError> {
    let text = text(args, 0)?;
    call.allocate(text.len())?;
    let lines: String;
    let digits = if text.contains(['\n', '\r']) {
        lines = text.replace(['\n', '\r'], "");
        &*lines
    } else {
        text
    };
    PADDED.decode(digits).or_else(|_| BARE.decode(digits)).map(Value::bytes).map_err(|error| {
        let at = match error {
            base64::DecodeError::InvalidByte(at, _) | base64::DecodeError::InvalidLastSymbol(at, _) => at,
            base64::DecodeError::InvalidLength(length) => length,
            base64::DecodeError::InvalidPadding => digits.trim_end_matches('=').len(),
        };
        CelError::invalid(format!("illegal base64 data at input byte {at}"))
    })
}

fn encode(call: &mut Call<'_>, args: &[Value]) -> Result<Value, CelError> {
    let bytes = bytes(args, 0)?;
    call.allocate(bytes.len().saturating_mul(4) / 3)?;
    Ok(PADDED.encode(bytes).into())
}

fn encode_json(call: &mut Call<'_>, args: &[Value]) -> Result<Value, CelError> {
    let text = json_text::write(any(args, 0)?, json_text::Whole::AsProtobuf)?;
    call.allocate(text.len())?;
    Ok(text.into())
}
