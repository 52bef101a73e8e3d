//! Checks a secret carries in itself: what fails them was never issued.

use std::fmt;
use std::str::FromStr;

use base64::Engine as _;
use base64::engine::general_purpose::{STANDARD_NO_PAD, URL_SAFE_NO_PAD};

/// A check of a secret that needs nothing but the secret.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Checksum {
    /// The last six letters of a token of GitHub or npm: CRC-32 of what is between the `_` and them, base 62.
    Github,
    /// The check digit of ISO/IEC 7812 (Luhn), over the digits.
    Luhn,
    /// A payment card's number: issuer's range (ISO/IEC 7812 IIN), length and check digit.
    Pan,
    /// An IBAN: the country's length and ISO 7064 mod 97-10 (ISO 13616).
    Iban,
    /// A JSON Web Token: header and payload are JSON (RFC 7519).
    Jwt,
    /// A PEM block whose body is base64 of something that begins as a key does (RFC 7468), or is encrypted.
    Pem,
    /// An AWS access key id: base 32 behind the prefix, for an account.
    AwsKeyId,
    /// Base64 of at least one byte.
    Base64,
    /// Hexadecimal digits, an even number of them.
    Hex,
}

/// Not the name of a check.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("`{0}` is no check of a secret; there are {known}", known = Checksum::WORDS.map(|(word, _)| word).join(", "))]
pub struct UnknownChecksum(String);

impl Checksum {
    const WORDS: [(&'static str, Checksum); 10] = [
        ("github", Checksum::Github),
        ("npm", Checksum::Github),
        ("luhn", Checksum::Luhn),
        ("pan", Checksum::Pan),
        ("iban", Checksum::Iban),
        ("jwt", Checksum::Jwt),
        ("pem", Checksum::Pem),
        ("aws-key-id", Checksum::AwsKeyId),
        ("base64", Checksum::Base64),
        ("hex", Checksum::Hex),
    ];

    /// Whether the secret passes.
    #[must_use]
    pub fn holds(self, secret: &[u8]) -> bool {
        match self {
            Checksum::Github => github(secret),
            Checksum::Luhn => luhn(&digits(secret)),
            Checksum::Pan => pan(&digits(secret)),
            Checksum::Iban => iban(secret),
            Checksum::Jwt => jwt(secret),
            Checksum::Pem => pem(secret),
            Checksum::AwsKeyId => secret.len() == 20 && secret.iter().skip(4).all(|byte| matches!(byte, b'A'..=b'Z' | b'2'..=b'7')),
            Checksum::Base64 => decode(secret).is_some_and(|bytes| !bytes.is_empty()),
            Checksum::Hex => !secret.is_empty() && secret.len().is_multiple_of(2) && secret.iter().all(u8::is_ascii_hexdigit),
        }
    }
}

impl fmt::Display for Checksum {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(Checksum::WORDS.iter().find(|(_, value)| value == self).map_or("", |(word, _)| word))
    }
}

impl FromStr for Checksum {
    type Err = UnknownChecksum;

    fn from_str(text: &str) -> Result<Checksum, UnknownChecksum> {
        Checksum::WORDS.iter().find(|(word, _)| *word == text).map(|(_, value)| *value).ok_or_else(|| UnknownChecksum(text.to_owned()))
    }
}

fn github(secret: &[u8]) -> bool {
    const BASE62: &[u8] = b"0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz";
    let Some(at) = secret.iter().position(|byte| *byte == b'_') else { return false };
    let Some(body) = secret.get(at + 1..) else { return false };
    let Some((text, check)) = body.split_last_chunk::<6>() else { return false };
    let mut left = crc32fast::hash(text);
    let mut expected = [b'0'; 6];
    for slot in expected.iter_mut().rev() {
        *slot = BASE62.get((left % 62) as usize).copied().unwrap_or(b'0');
        left /= 62;
    }
    *check == expected
}

fn digits(secret: &[u8]) -> Vec<u8> {
    secret.iter().filter(|byte| byte.is_ascii_digit()).map(|byte| byte - b'0').collect()
}

fn luhn(digits: &[u8]) -> bool {
    let sum: u32 = digits
        .iter()
        .rev()
        .enumerate()
        .map(|(place, digit)| {
            let doubled = u32::from(*digit) * if place % 2 == 1 { 2 } else { 1 };
            doubled / 10 + doubled % 10
        })
        .sum();
    digits.len() > 1 && sum.is_multiple_of(10) && digits.iter().any(|digit| Some(digit) != digits.first())
}

/// Issuers' ranges by their first six digits, with the lengths in use.
const ISSUERS: &[(u32, u32, &[usize])] = &[
    (222_100, 272_099, &[16]),
    (300_000, 305_999, &[14, 16]),
    (340_000, 349_999, &[15]),
    (352_800, 358_999, &[16]),
    (360_000, 369_999, &[14]),
    (370_000, 379_999, &[15]),
    (380_000, 399_999, &[14, 16]),
    (400_000, 499_999, &[13, 16, 19]),
    (501_800, 501_899, &[16, 19]),
    (502_000, 502_099, &[16, 19]),
    (503_800, 503_899, &[16, 19]),
    (510_000, 559_999, &[16]),
    (589_300, 589_399, &[16, 19]),
    (601_100, 601_199, &[16]),
    (620_000, 629_999, &[16, 17, 18, 19]),
    (630_400, 630_499, &[16, 19]),
    (644_000, 659_999, &[16]),
    (675_900, 676_399, &[16, 19]),
];

fn pan(digits: &[u8]) -> bool {
    let start = digits.iter().take(6).fold(0, |number, digit| number * 10 + u32::from(*digit));
    luhn(digits) && ISSUERS.iter().any(|(from, to, lengths)| (*from..=*to).contains(&start) && lengths.contains(&digits.len()))
}

/// Lengths of IBANs by country (ISO 13616 registry).
const IBANS: &[(&str, &[&str])] = &[
    ("15", &["NO"]),
    ("16", &["BE"]),
    ("18", &["DK", "FI", "FK", "FO", "GL", "NL", "SD"]),
    ("19", &["MK", "SI"]),
    ("20", &["AT", "BA", "EE", "KZ", "LT", "LU", "MN", "XK"]),
    ("21", &["CH", "HR", "LI", "LV"]),
    ("22", &["BG", "BH", "CR", "DE", "GB", "GE", "IE", "ME", "RS", "VA"]),
    ("23", &["AE", "GI", "IL", "IQ", "OM", "SO", "TL"]),
    ("24", &["AD", "CZ", "ES", "MD", "PK", "RO", "SA", "SE", "SK", "TN", "VG"]),
    ("25", &["LY", "PT", "ST"]),
    ("26", &["IS", "TR"]),
    ("27", &["BI", "DJ", "FR", "GR", "IT", "MC", "MR", "SM"]),
    ("28", &["AL", "AZ", "BY", "CY", "DO", "GT", "HN", "HU", "LB", "NI", "PL", "SV"]),
    ("29", &["BR", "EG", "PS", "QA", "UA"]),
    ("30", &["JO", "KW", "MU", "YE"]),
    ("31", &["MT", "SC"]),
    ("32", &["LC"]),
    ("33", &["RU"]),
];

fn iban(secret: &[u8]) -> bool {
    let letters: Vec<u8> = secret.iter().filter(|byte| **byte != b' ').copied().collect();
    let Some((country, _)) = letters.split_first_chunk::<2>() else { return false };
    let length = IBANS.iter().find(|(_, countries)| countries.iter().any(|name| name.as_bytes() == country)).map(|(length, _)| *length);
    if length != Some(letters.len().to_string().as_str()) || letters.iter().skip(4).all(|byte| Some(byte) == letters.get(4)) {
        return false;
    }
    let rest = letters.iter().skip(4).chain(letters.iter().take(4)).try_fold(0_u32, |rest, byte| {
        let number = char::from(*byte).to_digit(36)?;
        Some((if number > 9 { rest * 100 } else { rest * 10 } + number) % 97)
    });
    rest == Some(1)
}

fn jwt(secret: &[u8]) -> bool {
    let mut parts = secret.split(|byte| *byte == b'.');
    let json = |part: Option<&[u8]>| {
        let bytes = part.and_then(|part| URL_SAFE_NO_PAD.decode(part).ok())?;
        let text = String::from_utf8(bytes).ok()?;
        let (value, problems) = probity_value::json::parse(&text, probity_value::FileId(0));
        (problems.is_empty() && value.as_map().is_some()).then_some(value)
    };
    json(parts.next()).is_some_and(|header| header.get("alg").is_some()) && json(parts.next()).is_some()
}

/// Base64 of either alphabet, padded or not, with white space in it.
fn decode(text: &[u8]) -> Option<Vec<u8>> {
    let bare: Vec<u8> = text.iter().filter(|byte| !byte.is_ascii_whitespace() && **byte != b'=').copied().collect();
    STANDARD_NO_PAD.decode(&bare).or_else(|_| URL_SAFE_NO_PAD.decode(&bare)).ok()
}

fn pem(secret: &[u8]) -> bool {
    let text = String::from_utf8_lossy(secret).replace("\\r", "").replace("\\n", "\n");
    let Some((_, rest)) = text.split_once("-----BEGIN").and_then(|(_, rest)| rest.split_once("-----")) else { return false };
    let body = rest.split_once("-----END").map_or(rest, |(body, _)| body);
    // Headers of old-style encrypted keys and of OpenPGP end with an empty line.
    let lines = body.lines().map(|line| line.trim().trim_matches(|letter: char| matches!(letter, '"' | '\'' | '+' | ',' | '\\' | ' ')));
    let bare: String = lines.filter(|line| !line.contains(": ") && !line.contains(' ') && !line.starts_with('=')).collect();
    let start: String = bare.chars().take(bare.len().min(64) / 4 * 4).collect();
    match decode(start.as_bytes()) {
        // A key of fewer bytes than an Ed25519 seed is none; DER begins with a sequence, OpenSSH and OpenPGP with their own marks.
        Some(bytes) if bare.len() >= 40 => {
            bytes.first().is_some_and(|first| *first == 0x30 || *first >= 0x80) || bytes.starts_with(b"openssh-key-v1")
        }
        _ => bare.len() >= 40 && body.contains("ENCRYPTED"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn tells_issued_from_made_up() {
        let check = |check: &str, secret: &str, expected: bool| {
            let check: Checksum = check.parse().unwrap();
            assert_eq!(check.holds(secret.as_bytes()), expected, "{check} of {secret}");
        };
        check("luhn", "79927398713", true);
        check("luhn", "79927398710", false);
        check("luhn", "0000000000", false);
        check("pan", "4012 8888 8888 1881", true);
        check("pan", "4012888888881882", false);
        check("pan", "9012888888881880", false);
        check("iban", "DE89370400440532013000", true);
        check("iban", "GB82 WEST 1234 5698 7654 32", true);
        check("iban", "DE89370400440532013001", false);
        check("iban", "DE8937040044053201300", false);
        check("iban", "ZZ89370400440532013000", false);
        check("jwt", "eyJhbGciOiJIUzI1NiJ9.eyJzdWIiOiIxIn0.c2ln", true);
        check("jwt", "eyJhbGciOiJIUzI1NiJ9.bm90IGpzb24.c2ln", false);
        check("hex", "00ff", true);
        check("hex", "0ff", false);
        check("base64", "aGVsbG8=", true);
        check("base64", "a?", false);
        check("aws-key-id", "AKIAQYLPMN5HHHFPZAM2", true);
        check("aws-key-id", "AKIAQYLPMN5HHHFPZAM1", false);
        let text = "a1B2c3D4e5F6g7H8i9J0k1L2m3N4o5";
        let mut left = crc32fast::hash(text.as_bytes());
        let mut check_text = String::new();
        for _ in 0..6 {
            let digit = left % 62;
            left /= 62;
            let letter = match digit {
                0..10 => char::from(b'0' + digit as u8),
                10..36 => char::from(b'A' + digit as u8 - 10),
                _ => char::from(b'a' + digit as u8 - 36),
            };
            check_text.insert(0, letter);
        }
        check("github", &format!("ghp_{text}{check_text}"), true);
        check("npm", &format!("npm_{text}{}", check_text.chars().rev().collect::<String>()), false);
        assert!("sha1".parse::<Checksum>().is_err());
    }
}
