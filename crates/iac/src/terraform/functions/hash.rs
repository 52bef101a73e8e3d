//! Digests, and functions of chance or secret keys, which are unknown.

use aws_lc_rs::digest;
use base64::Engine as _;
use probity_value::{UnknownKind, Value};

use super::Function;
use super::support::{Call, Stop};

pub(super) fn find(name: &str) -> Option<Function> {
    Some(match name {
        "base64sha256" => Function::plain(1, 1, |call| Ok(call.string(base64(&sha256(call.text(0)?.as_bytes()))))),
        "base64sha512" => Function::plain(1, 1, |call| Ok(call.string(base64(&sha512(call.text(0)?.as_bytes()))))),
        "bcrypt" => Function::plain(1, 2, |call| Ok(call.outside(UnknownKind::Function, "`bcrypt` gives another text each time"))),
        "md5" => Function::plain(1, 1, |call| Ok(call.string(md5(call.text(0)?.as_bytes())))),
        "rsadecrypt" => Function::plain(2, 2, rsadecrypt),
        "sha1" => Function::plain(1, 1, |call| Ok(call.string(hex::encode(sha1(call.text(0)?.as_bytes()))))),
        "sha256" => Function::plain(1, 1, |call| Ok(call.string(hex::encode(sha256(call.text(0)?.as_bytes()))))),
        "sha512" => Function::plain(1, 1, |call| Ok(call.string(hex::encode(sha512(call.text(0)?.as_bytes()))))),
        "uuid" => Function::plain(0, 0, |call| Ok(call.outside(UnknownKind::Function, "`uuid` gives another text each time"))),
        "uuidv5" => Function::plain(2, 2, uuidv5),
        _ => return None,
    })
}

pub(super) fn base64(bytes: &[u8]) -> String {
    base64::engine::general_purpose::STANDARD.encode(bytes)
}

pub(super) fn md5(bytes: &[u8]) -> String {
    use md5::Digest as _;
    hex::encode(md5::Md5::digest(bytes))
}

pub(super) fn sha1(bytes: &[u8]) -> Vec<u8> {
    digest::digest(&digest::SHA1_FOR_LEGACY_USE_ONLY, bytes).as_ref().to_vec()
}

pub(super) fn sha256(bytes: &[u8]) -> Vec<u8> {
    digest::digest(&digest::SHA256, bytes).as_ref().to_vec()
}

pub(super) fn sha512(bytes: &[u8]) -> Vec<u8> {
    digest::digest(&digest::SHA512, bytes).as_ref().to_vec()
}

/// Secrets are not decrypted while judging.
fn rsadecrypt(call: &Call<'_>) -> Result<Value, Stop> {
    let mut value = call.outside(UnknownKind::Function, "`rsadecrypt` is not run");
    value.sensitive = true;
    Ok(value)
}

/// RFC 9562, section 5.5, with the namespaces of section 6.6.
fn uuidv5(call: &Call<'_>) -> Result<Value, Stop> {
    let (namespace, name) = (call.text(0)?, call.text(1)?);
    let well_known = match &*namespace {
        "dns" => "6ba7b810-9dad-11d1-80b4-00c04fd430c8",
        "url" => "6ba7b811-9dad-11d1-80b4-00c04fd430c8",
        "oid" => "6ba7b812-9dad-11d1-80b4-00c04fd430c8",
        "x500" => "6ba7b814-9dad-11d1-80b4-00c04fd430c8",
        other => other,
    };
    let digits: String = well_known.chars().filter(|letter| *letter != '-').collect();
    let mut input = match hex::decode(&digits) {
        Ok(bytes) if bytes.len() == 16 => bytes,
        _ => return Err(call.error(format!("`{}` is not a namespace or a UUID", namespace.chars().take(60).collect::<String>()))),
    };
    input.extend_from_slice(name.as_bytes());
    let mut id: Vec<u8> = sha1(&input).into_iter().take(16).collect();
    if let Some(byte) = id.get_mut(6) {
        *byte = (*byte & 0x0f) | 0x50;
    }
    if let Some(byte) = id.get_mut(8) {
        *byte = (*byte & 0x3f) | 0x80;
    }
    let mut text = hex::encode(id);
    for at in [20, 16, 12, 8] {
        text.insert(at, '-');
    }
    Ok(call.string(text))
}
