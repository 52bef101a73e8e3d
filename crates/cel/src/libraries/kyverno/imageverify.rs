//! Signatures and attestations of images. Whether they hold is not checked here yet: the answer is unknown, never that they do.

use probity_value::UnknownKind;

use super::{Host, imagedata};
use crate::libraries::args::{list, text};
use crate::{Call, CelError, Function, Library, Overload, Value};

/// The library: image policies alone have it.
pub static LIBRARY: Library = Library::new(
    "kyverno.imageverify",
    &[
        Function::new(
            "verifyImageSignatures",
            &[Overload::new("verify_image_signature_string_stringarray", "verifyImageSignatures(string, list(dyn)) -> int", signatures)],
        ),
        Function::new(
            "verifyAttestationSignatures",
            &[Overload::new(
                "verify_image_attestations_string_string_stringarray",
                "verifyAttestationSignatures(string, string, list(dyn)) -> int",
                attestations,
            )],
        ),
        Function::new(
            "getImageData",
            &[Overload::new("get_image_data_string", "getImageData(string) -> dyn", |call, args| imagedata::of(call, text(args, 0)?))],
        ),
        Function::new("extractPayload", &[Overload::new("payload_string_string", "extractPayload(string, string) -> dyn", payload)]),
    ],
);

fn covered(call: &Call<'_>, image: &str) -> Result<bool, CelError> {
    match call.host::<Host>().and_then(|host| host.covers_image.as_ref()) {
        Some(covers) => covers(image),
        None => Ok(true),
    }
}

fn known_attestation(call: &Call<'_>, name: &str) -> Result<(), CelError> {
    match call.host::<Host>() {
        Some(host) if !host.attestations.iter().any(|known| **known == *name) => {
            Err(CelError::invalid(format!("attestation not found in policy: {name}")))
        }
        _ => Ok(()),
    }
}

/// How many of the attestors signed: none need to where the policy does not cover the image, or names none.
fn signatures(call: &mut Call<'_>, args: &[Value]) -> Result<Value, CelError> {
    let (image, attestors) = (text(args, 0)?, list(args, 1)?);
    if attestors.is_empty() || !covered(call, image)? {
        return Ok(Value::Int(0));
    }
    Err(CelError::not_known(UnknownKind::Function, &format!("whether the image `{image}` is signed is not checked here")))
}

fn attestations(call: &mut Call<'_>, args: &[Value]) -> Result<Value, CelError> {
    let (image, attestation, attestors) = (text(args, 0)?, text(args, 1)?, list(args, 2)?);
    if !covered(call, image)? {
        return Ok(Value::Int(0));
    }
    known_attestation(call, attestation)?;
    if attestors.is_empty() {
        return Ok(Value::Int(0));
    }
    Err(CelError::not_known(
        UnknownKind::Function,
        &format!("whether the attestation `{attestation}` of the image `{image}` is signed is not checked here"),
    ))
}

fn payload(call: &mut Call<'_>, args: &[Value]) -> Result<Value, CelError> {
    let (image, attestation) = (text(args, 0)?, text(args, 1)?);
    known_attestation(call, attestation)?;
    Err(CelError::not_known(UnknownKind::Function, &format!("the attestation `{attestation}` of the image `{image}` is not read here")))
}
