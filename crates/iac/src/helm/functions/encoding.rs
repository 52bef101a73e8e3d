//! Encodings, digests and secrets.

use aws_lc_rs::digest;
use base64::Engine as _;

use super::super::json_text::{self, Style};
use super::super::value::{Data, Map, Val};
use super::super::yaml_text;
use super::{Answer, Call, Function, MANY, opaque, refuse, through};

pub(super) const TABLE: &[Function] = &[
    opaque("b64enc", 1, 1, |call| {
        let text = call.text(0)?;
        let from = call.any(0).from;
        let mut out = Val::from(base64::engine::general_purpose::STANDARD.encode(text.as_str()));
        out.from = from;
        Ok(out)
    }),
    opaque("b64dec", 1, 1, |call| {
        let text: String = call.string(0)?.chars().filter(|letter| !matches!(letter, '\n' | '\r')).collect();
        Ok(match base64::engine::general_purpose::STANDARD.decode(&text) {
            Ok(bytes) => String::from_utf8_lossy(&bytes).into_owned().into(),
            Err(_) => Val::from(format!("illegal base64 data at input byte {}", illegal(&text))),
        })
    }),
    opaque("b32enc", 1, 1, |call| Ok(base32(call.string(0)?.as_bytes()).into())),
    opaque("b32dec", 1, 1, |call| {
        let text = call.string(0)?;
        Ok(match from_base32(&text) {
            Some(bytes) => String::from_utf8_lossy(&bytes).into_owned().into(),
            None => Val::from("illegal base32 data at input byte 0"),
        })
    }),
    opaque("sha1sum", 1, 1, |call| Ok(sum(&digest::SHA1_FOR_LEGACY_USE_ONLY, &call.string(0)?))),
    opaque("sha256sum", 1, 1, |call| Ok(sum(&digest::SHA256, &call.string(0)?))),
    opaque("sha512sum", 1, 1, |call| Ok(sum(&digest::SHA512, &call.string(0)?))),
    opaque("adler32sum", 1, 1, |call| Ok(adler32(call.string(0)?.as_bytes()).to_string().into())),
    through("toYaml", 1, 1, to_yaml).deep(),
    through("toYamlPretty", 1, 1, to_yaml).deep(),
    opaque("fromYaml", 1, 1, |call| {
        Ok(match parsed(call, json_text::parse_yaml)? {
            Ok(value) if value.as_map().is_some() => value,
            Ok(value) if value.is_nil() => Map::new().into(),
            Ok(_) => failed("the text holds no map"),
            Err(message) => failed(&message),
        })
    }),
    opaque("fromYamlArray", 1, 1, |call| {
        Ok(match parsed(call, json_text::parse_yaml)? {
            Ok(value) if matches!(value.data, Data::List(_)) => value,
            Ok(value) if value.is_nil() => Vec::new().into(),
            Ok(_) => vec![Val::from("the text holds no list")].into(),
            Err(message) => vec![Val::from(message)].into(),
        })
    }),
    through("toJson", 1, 1, |call| to_json(call, Style { pretty: false, escape: true })).deep(),
    through("mustToJson", 1, 1, |call| to_json(call, Style { pretty: false, escape: true })).deep(),
    through("toPrettyJson", 1, 1, |call| to_json(call, Style { pretty: true, escape: true })).deep(),
    through("mustToPrettyJson", 1, 1, |call| to_json(call, Style { pretty: true, escape: true })).deep(),
    through("toRawJson", 1, 1, |call| to_json(call, Style { pretty: false, escape: false })).deep(),
    through("mustToRawJson", 1, 1, |call| to_json(call, Style { pretty: false, escape: false })).deep(),
    opaque("fromJson", 1, 1, |call| {
        Ok(match parsed(call, json_text::parse_json)? {
            Ok(value) if value.as_map().is_some() => value,
            Ok(value) if value.is_nil() => Map::new().into(),
            Ok(_) => failed("the text holds no map"),
            Err(message) => failed(&message),
        })
    }),
    opaque("fromJsonArray", 1, 1, |call| {
        Ok(match parsed(call, json_text::parse_json)? {
            Ok(value) if matches!(value.data, Data::List(_)) => value,
            Ok(_) => vec![Val::from("the text holds no list")].into(),
            Err(message) => vec![Val::from(message)].into(),
        })
    }),
    opaque("mustFromJson", 1, 1, |call| parsed(call, json_text::parse_json)?.map_err(super::Problem::Wrong)),
    through("toToml", 1, 1, |call| Ok(json_text::to_toml(&call.any(0), call.marker()).unwrap_or_else(|message| message).into())).deep(),
    opaque("fromToml", 1, 1, |_| refuse("TOML is not read here")),
    through("bcrypt", 1, 1, |call| Ok(call.lost("`bcrypt` gives another text each time"))),
    through("htpasswd", 2, MANY, |call| Ok(call.lost("`htpasswd` gives another text each time"))),
    through("derivePassword", 5, 5, |call| Ok(call.lost("`derivePassword` is not run"))),
    through("genPrivateKey", 1, 1, |call| Ok(call.lost("`genPrivateKey` gives another key each time"))),
    through("buildCustomCert", 2, 2, |call| Ok(call.lost("`buildCustomCert` is not run"))),
    through("genCA", 2, 2, certificate),
    through("genCAWithKey", 3, 3, certificate),
    through("genSelfSignedCert", 4, 4, certificate),
    through("genSelfSignedCertWithKey", 5, 5, certificate),
    through("genSignedCert", 5, 5, certificate),
    through("genSignedCertWithKey", 6, 6, certificate),
    through("encryptAES", 2, 2, |call| Ok(call.lost("`encryptAES` gives another text each time"))),
    through("decryptAES", 2, 2, |call| Ok(call.lost("`decryptAES` is not run"))),
];

/// Reads the text, which costs more than other functions do.
fn parsed(call: &mut Call<'_, '_>, read: fn(&str) -> Result<Val, String>) -> Result<Result<Val, String>, super::Problem> {
    let text = call.string(0)?;
    call.engine.spend(text.len() as u64 / 4, call.span)?;
    Ok(read(&text))
}

fn certificate(call: &mut Call<'_, '_>) -> Answer {
    let reason = format!("`{}` gives another certificate each time", call.name);
    Ok(call.lost(&reason))
}

/// What Helm's readers give where a text cannot be read.
fn failed(message: &str) -> Val {
    let map = Map::new();
    map.set("Error", Val::from(message));
    map.into()
}

fn to_yaml(call: &mut Call<'_, '_>) -> Answer {
    // What cannot be written is empty, as in Helm.
    Ok(yaml_text::to_yaml(&call.any(0), call.marker()).map_or_else(|_| Val::from(""), Val::from))
}

fn to_json(call: &mut Call<'_, '_>, style: Style) -> Answer {
    let mut out = Val::from(json_text::to_json(&call.any(0), style, call.marker()).unwrap_or_default());
    out.from = call.any(0).from;
    Ok(out)
}

fn sum(algorithm: &'static digest::Algorithm, text: &str) -> Val {
    hex::encode(digest::digest(algorithm, text.as_bytes())).into()
}

fn adler32(bytes: &[u8]) -> u32 {
    let (mut a, mut b) = (1_u32, 0_u32);
    for byte in bytes {
        a = (a + u32::from(*byte)) % 65_521;
        b = (b + a) % 65_521;
    }
    (b << 16) | a
}

/// The first byte that belongs to no base64 text, or where the last group of four begins.
fn illegal(text: &str) -> usize {
    let position = text.bytes().position(|byte| !(byte.is_ascii_alphanumeric() || matches!(byte, b'+' | b'/' | b'=')));
    position.unwrap_or(text.len() / 4 * 4)
}

const BASE32: &[u8; 32] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZ234567";

fn base32(bytes: &[u8]) -> String {
    let mut out = String::new();
    for chunk in bytes.chunks(5) {
        let mut group = [0_u8; 8];
        for (slot, byte) in group.iter_mut().skip(3).zip(chunk) {
            *slot = *byte;
        }
        let bits = u64::from_be_bytes(group);
        let used = (chunk.len() * 8).div_ceil(5);
        for at in 0..8 {
            let index = usize::try_from((bits >> (35 - 5 * at)) & 31).unwrap_or(0);
            out.push(if at < used { BASE32.get(index).map_or('=', |letter| char::from(*letter)) } else { '=' });
        }
    }
    out
}

fn from_base32(text: &str) -> Option<Vec<u8>> {
    let bare = text.trim_end_matches('=');
    if !text.len().is_multiple_of(8) {
        return None;
    }
    let (mut bits, mut count, mut out) = (0_u64, 0_u32, Vec::new());
    for letter in bare.bytes() {
        let value = BASE32.iter().position(|known| *known == letter)?;
        bits = ((bits << 5) | value as u64) & 0xffff;
        count += 5;
        if count >= 8 {
            count -= 8;
            out.push(u8::try_from((bits >> count) & 0xff).ok()?);
        }
    }
    Some(out)
}
