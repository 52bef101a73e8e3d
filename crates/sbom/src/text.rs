//! Texts in properties: written so that every format carries them unchanged, XML without control characters and lines of tags and values too.

use std::borrow::Cow;
use std::fmt::Write as _;

/// Most letters of a licence's text that formats hold.
pub(crate) const LONGEST_LICENCE: usize = 100_000;

/// Whether a letter can stand in every format.
fn is_safe(letter: char) -> bool {
    !letter.is_control() && !matches!(letter, '\u{fffe}' | '\u{ffff}')
}

/// Whether a text can stand as it is in every format, and comes back unchanged.
pub(crate) fn is_plain(text: &str) -> bool {
    !text.is_empty()
        && text.chars().all(is_safe)
        && text.trim().len() == text.len()
        && !text.starts_with('"')
        && !text.contains("<text>")
        && !text.contains("</text>")
}

/// A text as the value of a property: itself where it is plain, else as a JSON text in quotes.
pub(crate) fn encode(text: &str) -> Cow<'_, str> {
    if is_plain(text) { Cow::Borrowed(text) } else { Cow::Owned(json(&serde_json::Value::from(text))) }
}

/// The opposite of [`encode`]; what is no JSON text in quotes is taken as it is.
pub(crate) fn decode(text: &str) -> Cow<'_, str> {
    let decoded = if text.starts_with('"') { serde_json::from_str::<String>(text).ok() } else { None };
    decoded.map_or(Cow::Borrowed(text), Cow::Owned)
}

/// JSON on one line, with every letter escaped that some format cannot carry.
pub(crate) fn json(value: &serde_json::Value) -> String {
    let text = value.to_string();
    if text.chars().all(|letter| is_safe(letter) && letter != '<') {
        return text;
    }
    let mut out = String::with_capacity(text.len() + 16);
    for letter in text.chars() {
        if is_safe(letter) && letter != '<' {
            out.push(letter);
        } else {
            // All of these are in the basic plane, and stand in JSON only inside texts.
            let _ = write!(out, "\\u{:04x}", u32::from(letter));
        }
    }
    out
}

/// A text for people where no escaping is possible: letters that cannot stand there are replaced, and it ends after `most` letters.
pub(crate) fn visible(text: &str, most: usize) -> Cow<'_, str> {
    if text.len() <= most && is_plain(text) {
        return Cow::Borrowed(text);
    }
    let replaced: String = text.chars().take(most).map(|letter| if is_safe(letter) { letter } else { '\u{fffd}' }).collect();
    Cow::Owned(replaced.trim().replace("<text>", "(text)").replace("</text>", "(/text)"))
}

/// A name for people that is never empty.
pub(crate) fn label(name: &str) -> String {
    match visible(name, 1000) {
        name if name.is_empty() => "unnamed".to_owned(),
        name => name.into_owned(),
    }
}

/// A text cut for a message.
pub(crate) fn shown(text: &str) -> String {
    let mut out: String = text.chars().take(80).map(|letter| if letter.is_control() { ' ' } else { letter }).collect();
    if text.chars().nth(80).is_some() {
        out.push_str("...");
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_plain_stays() {
        let check = |text: &str, expected: &str| {
            assert_eq!(encode(text), expected);
            assert_eq!(decode(&encode(text)), text);
        };
        check("^1.2.0 || >=2 <3", "^1.2.0 || >=2 <3");
        check("", "\"\"");
        check("a\nb", "\"a\\nb\"");
        check(" a", "\" a\"");
        check("\"a\"", "\"\\\"a\\\"\"");
        check("x</text>", "\"x\\u003c/text>\"");
        check("\u{1}\u{ffff}\u{85}", "\"\\u0001\\uffff\\u0085\"");
        check("日本 🦀", "日本 🦀");
    }

    proptest::proptest! {
        #[test]
        fn any_text_comes_back(text in ".{0,30}") {
            let written = encode(&text).into_owned();
            proptest::prop_assert!(written.chars().all(is_safe));
            proptest::prop_assert_eq!(decode(&written), text);
        }
    }
}
