//! Runs of a text that are another text, encoded: base64, hexadecimal digits, percent-encoding. Which runs there are and what they say; what
//! that is searched for lives in `decode`.
//!
//! Almost every long word of a program looks like base64. So a run is found by looking at eight bytes in eleven, all in one go, and given
//! up at its first byte that no text has.

use std::fmt;
use std::ops::Range;

/// Fewest characters of a run, padding and escapes included.
const LEAST: usize = 20;
/// Fewest letters of a run, without padding.
const LEAST_LETTERS: usize = LEAST - 2;
/// Fewest letters of a line that goes on in the next one.
const LEAST_WRAPPED: usize = 40;
/// Longest run, in bytes.
const LONGEST: usize = 16 << 20;

/// How a value is written down.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Encoding {
    /// base64 (RFC 4648), of either alphabet, with or without padding.
    Base64,
    /// Hexadecimal digits.
    Hex,
    /// Percent-encoding (RFC 3986).
    Percent,
}

impl fmt::Display for Encoding {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(match self {
            Encoding::Base64 => "base64-encoded",
            Encoding::Hex => "hex-encoded",
            Encoding::Percent => "percent-encoded",
        })
    }
}

/// A run and what it says.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Run {
    /// Where it stands.
    pub(crate) at: Range<usize>,
    /// How it is written.
    pub(crate) encoding: Encoding,
    /// What it says.
    pub(crate) text: Vec<u8>,
}

const NONE: u8 = 0xff;

/// The six bits of a letter of base64, of both alphabets.
const SIX_BITS: [u8; 256] = {
    let mut table = [NONE; 256];
    let mut byte = 0;
    while byte < 256 {
        if let Some(place) = table.split_at_mut(byte).1.first_mut() {
            *place = match byte as u8 {
                letter @ b'A'..=b'Z' => letter - b'A',
                letter @ b'a'..=b'z' => letter - b'a' + 26,
                letter @ b'0'..=b'9' => letter - b'0' + 52,
                b'+' | b'-' => 62,
                b'/' | b'_' => 63,
                _ => NONE,
            };
        }
        byte += 1;
    }
    table
};

#[inline]
fn six_bits(byte: u8) -> u8 {
    SIX_BITS.get(usize::from(byte)).copied().unwrap_or(NONE)
}

#[inline]
fn is_letter(byte: u8) -> bool {
    six_bits(byte) != NONE
}

fn hex_digit(byte: u8) -> Option<u8> {
    match byte {
        b'0'..=b'9' => Some(byte - b'0'),
        b'a'..=b'f' => Some(byte - b'a' + 10),
        b'A'..=b'F' => Some(byte - b'A' + 10),
        _ => None,
    }
}

/// Whether a byte can stand in a text at all.
#[inline]
fn is_textual(byte: u8) -> bool {
    !matches!(byte, 0..=8 | 11 | 12 | 14..=31 | 127)
}

fn is_text(bytes: &[u8]) -> bool {
    bytes.iter().all(|byte| is_textual(*byte)) && std::str::from_utf8(bytes).is_ok()
}

/// All encoded runs of a text, in the order of their places; none overlaps another. What touches an escape is left to whoever looks at
/// the text with the escapes taken out.
pub(crate) fn runs(text: &[u8]) -> Vec<Run> {
    let mut out = percent(text);
    let escapes: Vec<Range<usize>> = out.iter().map(|run| run.at.clone()).collect();
    letters(text, |at| {
        let next = escapes.partition_point(|escape| escape.end < at.start);
        if escapes.get(next).is_some_and(|escape| escape.start <= at.end) {
            return at.end;
        }
        match decoded(text, &at) {
            Some(run) => {
                let end = run.at.end;
                // An escape within lines that were joined.
                if escapes.get(next).is_none_or(|escape| escape.start > end) {
                    out.push(run);
                }
                end
            }
            None => at.end,
        }
    });
    out.sort_by_key(|run| run.at.start);
    out
}

/// Bytes that are looked at in one go.
const BLOCK: usize = 8;
/// How far apart the blocks lie: each run of enough letters holds one of them whole.
const STEP: usize = LEAST_LETTERS - BLOCK + 1;

/// Whether eight bytes may all be letters: what this lets through is looked at byte by byte.
#[inline]
fn may_be_letters(block: [u8; BLOCK]) -> bool {
    const EACH: u64 = 0x0101_0101_0101_0101;
    let bytes = u64::from_le_bytes(block);
    let folded = bytes | (0x20 * EACH);
    // Letters, and what stands between and behind them in ASCII, `_` among it.
    let word = folded.wrapping_add((0x80 - 0x61) * EACH);
    // `+`, `,`, `-`, `.`, `/` and digits.
    let rest = bytes.wrapping_add((0x80 - 0x2b) * EACH) & !bytes.wrapping_add((0x7f - 0x39) * EACH);
    (word | rest) & !bytes & (0x80 * EACH) == 0x80 * EACH
}

/// Calls `each` with every run of enough letters; it says where to go on.
fn letters(text: &[u8], mut each: impl FnMut(Range<usize>) -> usize) {
    let mut at = 0;
    let mut settled = 0;
    while let Some(block) = text.get(at..).and_then(|rest| rest.first_chunk()) {
        if !may_be_letters(*block) {
            at += STEP;
            continue;
        }
        let before = text.get(settled..at).unwrap_or_default().iter().rev().take_while(|byte| is_letter(**byte)).count();
        let behind = text.get(at..).unwrap_or_default().iter().take_while(|byte| is_letter(**byte)).count();
        if behind == 0 {
            at += STEP;
            continue;
        }
        let run = at - before..at + behind;
        at = if run.len() >= LEAST_LETTERS { each(run.clone()).max(run.end) } else { run.end };
        settled = at;
    }
}

/// What a run of letters says, with its padding, and with the lines behind it where it is wrapped.
fn decoded(text: &[u8], at: &Range<usize>) -> Option<Run> {
    let letters = text.get(at.clone())?;
    if let Some(run) = hex(letters) {
        return Some(Run { at: at.clone(), encoding: Encoding::Hex, text: run });
    }
    // The first letters say it of almost all that is none.
    if !start_is_text(letters) || letters.len() > LONGEST || is_token(text, at) {
        return None;
    }
    let padding = text.get(at.end..).unwrap_or_default().iter().take(2).take_while(|byte| **byte == b'=').count();
    let single = || {
        (letters.len() + padding >= LEAST).then(|| base64(letters)).flatten().map(|text| Run {
            at: at.start..at.end + padding,
            encoding: Encoding::Base64,
            text,
        })
    };
    let run = if padding == 0 { wrapped(text, at).or_else(single) } else { single() };
    run.filter(|run| !is_public(&run.text))
}

/// Whether the first letters can begin a text.
fn start_is_text(letters: &[u8]) -> bool {
    let [a, b, c, d] = [0, 1, 2, 3].map(|place| letters.get(place).map_or(NONE, |byte| six_bits(*byte)));
    [a << 2 | b >> 4, b << 4 | c >> 2, c << 6 | d].into_iter().all(is_textual)
}

fn hex(letters: &[u8]) -> Option<Vec<u8>> {
    let digits = letters.strip_prefix(b"0x").or_else(|| letters.strip_prefix(b"0X")).unwrap_or(letters);
    if !digits.len().is_multiple_of(2) || digits.len() < LEAST || digits.len() > LONGEST {
        return None;
    }
    let mut out = Vec::new();
    for pair in digits.chunks_exact(2) {
        let [high, low] = pair else { return None };
        let byte = hex_digit(*high)? << 4 | hex_digit(*low)?;
        if !is_textual(byte) {
            return None;
        }
        out.push(byte);
    }
    // A number says another number, and no secret; a long one may be what was encoded twice.
    (is_text(&out) && (out.len() >= LEAST || !out.iter().all(u8::is_ascii_digit))).then_some(out)
}

fn base64(letters: &[u8]) -> Option<Vec<u8>> {
    if letters.len() % 4 == 1 {
        return None;
    }
    let mut out = Vec::with_capacity(letters.len() / 4 * 3 + 2);
    for four in letters.chunks(4) {
        let [a, b, c, d] = [0, 1, 2, 3].map(|place| four.get(place).map_or(0, |byte| six_bits(*byte)));
        let three = [a << 2 | b >> 4, b << 4 | c >> 2, c << 6 | d];
        let three = three.get(..four.len() - 1)?;
        if !three.iter().all(|byte| is_textual(*byte)) {
            return None;
        }
        out.extend_from_slice(three);
    }
    let standard = letters.iter().any(|byte| matches!(byte, b'+' | b'/'));
    let url_safe = letters.iter().any(|byte| matches!(byte, b'-' | b'_'));
    (!(standard && url_safe) && std::str::from_utf8(&out).is_ok()).then_some(out)
}

/// A run that goes on in the lines behind it, all of one length but the last.
fn wrapped(text: &[u8], at: &Range<usize>) -> Option<Run> {
    let length = at.len();
    if length < LEAST_WRAPPED || !length.is_multiple_of(4) {
        return None;
    }
    let mut all = text.get(at.clone())?.to_vec();
    let mut end = at.end;
    loop {
        let rest = text.get(end..)?;
        let Some(rest) = rest.strip_prefix(b"\r\n").or_else(|| rest.strip_prefix(b"\n")) else { break };
        let rest = rest.trim_ascii_start_of_line();
        let line = rest.iter().take(length + 1).take_while(|byte| is_letter(**byte)).count();
        if line == 0 || line > length || all.len() > LONGEST {
            break;
        }
        let padding = rest.iter().skip(line).take(2).take_while(|byte| **byte == b'=').count();
        let stops = rest.get(line + padding).is_none_or(|byte| byte.is_ascii_whitespace());
        // A word behind the lines is none of them.
        if !stops || line < length && !(line + padding).is_multiple_of(4) {
            break;
        }
        all.extend_from_slice(rest.get(..line)?);
        end = text.len() - rest.len() + line + padding;
        if line < length || padding > 0 {
            break;
        }
    }
    if end == at.end {
        return None;
    }
    base64(&all).map(|text| Run { at: at.start..end, encoding: Encoding::Base64, text })
}

/// Blanks at the start of a line taken off.
trait StartOfLine {
    fn trim_ascii_start_of_line(&self) -> &[u8];
}

impl StartOfLine for [u8] {
    fn trim_ascii_start_of_line(&self) -> &[u8] {
        let blanks = self.iter().take_while(|byte| matches!(byte, b' ' | b'\t')).count();
        self.get(blanks..).unwrap_or_default()
    }
}

/// Whether a run is a part of a JSON Web Token: the rule for those knows all of it.
fn is_token(text: &[u8], at: &Range<usize>) -> bool {
    let begins = |from: usize| text.get(from..from.saturating_add(3)) == Some(b"eyJ");
    let dot = |place: Option<usize>| place.and_then(|place| text.get(place)) == Some(&b'.');
    begins(at.start) && (dot(Some(at.end)) || dot(at.start.checked_sub(1)))
}

/// Whether a text in PEM is for everybody: certificates, public keys.
fn is_public(text: &[u8]) -> bool {
    let has = |word: &[u8]| memchr::memmem::find(text, word).is_some();
    has(b"-----BEGIN ") && !has(b"PRIVATE KEY") && (has(b"CERTIFICATE-----") || has(b"PUBLIC KEY-----") || has(b"CRL-----"))
}

/// Escapes in a word of enough characters.
fn percent(text: &[u8]) -> Vec<Run> {
    let mut out = Vec::new();
    let mut at = 0;
    while let Some(start) = text.get(at..).and_then(|rest| memchr::memchr(b'%', rest)).map(|found| at + found) {
        let mut bytes = Vec::new();
        let mut end = start;
        while let Some(byte) = escape(text, end) {
            bytes.push(byte);
            end += 3;
        }
        at = end.max(start + 1);
        if !bytes.is_empty() && is_text(&bytes) && is_long(text, start..end) {
            out.push(Run { at: start..end, encoding: Encoding::Percent, text: bytes });
        }
    }
    out
}

fn escape(text: &[u8], at: usize) -> Option<u8> {
    match text.get(at..at.checked_add(3)?)? {
        [b'%', high, low] => Some(hex_digit(*high)? << 4 | hex_digit(*low)?),
        _ => None,
    }
}

/// Whether a word around an escape is long enough.
fn is_long(text: &[u8], at: Range<usize>) -> bool {
    let word = |byte: &&u8| byte.is_ascii_alphanumeric() || b"%-._~:/?#[]@!$&*+,;=".contains(byte);
    let before = text.get(..at.start).unwrap_or_default().iter().rev().take(LEAST).take_while(word).count();
    let after = text.get(at.end..).unwrap_or_default().iter().take(LEAST).take_while(word).count();
    before + at.len() + after >= LEAST
}

#[cfg(test)]
mod tests {
    use super::*;
    use base64::Engine as _;
    use base64::engine::general_purpose::{STANDARD, STANDARD_NO_PAD, URL_SAFE, URL_SAFE_NO_PAD};
    use proptest::prelude::*;

    /// `encoding text` of each run.
    fn said(text: &str) -> Vec<String> {
        runs(text.as_bytes()).iter().map(|run| format!("{} {}", run.encoding, String::from_utf8_lossy(&run.text))).collect()
    }

    #[test]
    fn runs_are_found_and_read() {
        let check = |text: &str, expected: &[&str]| assert_eq!(said(text), expected, "{text}");
        let words = "some words of a text?~";
        for encoded in [STANDARD.encode(words), STANDARD_NO_PAD.encode(words), URL_SAFE.encode(words), URL_SAFE_NO_PAD.encode(words)] {
            check(&encoded, &["base64-encoded some words of a text?~"]);
            check(&format!("data: \"{encoded}\"\n"), &["base64-encoded some words of a text?~"]);
            check(&format!("a={encoded}&{encoded}"), &["base64-encoded some words of a text?~"; 2]);
        }
        check("736f6d6520776f726473", &["hex-encoded some words"]);
        check("0x736F6D6520776F726473;", &["hex-encoded some words"]);
        check("736f6d6520776f7264730", &[]);
        // A number, a digest, a word, a path, a key for everybody.
        check("31323334353637383930", &[]);
        check("da39a3ee5e6b4b0d3255bfef95601890afd80709", &[]);
        check("sha512-z4PhNX7vuL3xVChQ1m2AB9Yg5AULVxXcg/SpIdNs6c5H0NE8XYXysP+DGNKHfuwvY7kxvUdBeoGlODJ6+SfaPg==", &[]);
        check("thisIsTheNameOfSomeMethodThatIsLong", &[]);
        check("src/main/java/com/example/application/Main", &[]);
        check(&STANDARD.encode("-----BEGIN CERTIFICATE-----\nMIIB\n-----END CERTIFICATE-----\n"), &[]);
        assert_eq!(said(&STANDARD.encode("-----BEGIN RSA PRIVATE KEY-----\nMIIB\n-----END RSA PRIVATE KEY-----\n")).len(), 1);
        // Too short, and bytes that no text has.
        check(&STANDARD.encode("some words"), &[]);
        check(&STANDARD.encode("some words\0of a text"), &[]);
        check("token%3Dabcdefghijklmnop", &["percent-encoded ="]);
        check("%C3%A9%20abcdefghijklmnop", &["percent-encoded é "]);
        check("%3D", &[]);
        check("a%02xabcdefghijklmnopqrstuvwxyz", &[]);
    }

    #[test]
    fn a_run_goes_on_in_the_next_lines() {
        let text = "a text that is long enough to be broken into several lines, as programs do it by themselves".repeat(2);
        let encoded = STANDARD.encode(&text);
        for (end, blanks) in [("\n", ""), ("\r\n", ""), ("\n", "    ")] {
            let lines: Vec<&str> = encoded.as_bytes().chunks(76).map(|line| std::str::from_utf8(line).unwrap()).collect();
            let whole = format!("key: |{end}{blanks}{}{end}other: x\n", lines.join(&format!("{end}{blanks}")));
            assert_eq!(said(&whole), [format!("base64-encoded {text}")], "{whole}");
        }
    }

    #[test]
    fn tokens_are_left_to_their_rule() {
        let part = URL_SAFE_NO_PAD.encode("{\"alg\":\"HS256\",\"typ\":\"JWT\"}");
        assert_eq!(said(&format!("{part}.{part}.q7Wc9xKp2LmZq7Wc9xKp2LmZ")), [""; 0]);
        assert_eq!(said(&part).len(), 1);
    }

    #[test]
    fn what_touches_an_escape_waits() {
        let encoded = STANDARD.encode("some words of a text");
        assert_eq!(said(&format!("{encoded}%3D")), ["percent-encoded ="]);
        assert_eq!(said(&format!("a%3D{encoded}")), ["percent-encoded ="]);
        assert_eq!(said(&format!("{encoded} abcdefghijklmnopqrs%3D")), ["base64-encoded some words of a text", "percent-encoded ="]);
    }

    proptest! {
        /// The quick way to runs of letters meets those that looking at every byte meets.
        #[test]
        fn long_runs_of_letters_are_met(text in "[ab +/=.]{0,120}|[a-c]{0,80}") {
            let mut quick = Vec::new();
            letters(text.as_bytes(), |at| { quick.push(at.clone()); at.end });
            let mut plain = Vec::new();
            let mut at = 0;
            for chunk in text.as_bytes().chunk_by(|a, b| is_letter(*a) == is_letter(*b)) {
                if is_letter(chunk[0]) && chunk.len() >= LEAST_LETTERS {
                    plain.push(at..at + chunk.len());
                }
                at += chunk.len();
            }
            prop_assert_eq!(quick, plain);
        }

        #[test]
        fn runs_are_in_order_and_apart(text in prop::collection::vec(any::<u8>(), 0..300)) {
            let found = runs(&text);
            prop_assert!(found.windows(2).all(|pair| pair[0].at.end <= pair[1].at.start));
            prop_assert!(found.iter().all(|run| run.at.end <= text.len() && std::str::from_utf8(&run.text).is_ok()));
        }
    }
}
