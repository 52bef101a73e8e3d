//! PEP 440, and the order setuptools gave to what came before it.

use std::cmp::Ordering;

use super::{is_number, number};

/// A version after PEP 440.
struct Version<'a> {
    epoch: &'a str,
    release: Vec<&'a str>,
    /// `a`, `b` or `c`, and a number.
    pre: Option<(u8, &'a str)>,
    post: Option<&'a str>,
    dev: Option<&'a str>,
    local: Vec<&'a str>,
}

/// Reads from the front of a text in small letters.
struct Reader<'a>(&'a str);

impl<'a> Reader<'a> {
    fn digits(&mut self) -> &'a str {
        let end = self.0.find(|letter: char| !letter.is_ascii_digit()).unwrap_or(self.0.len());
        let (digits, rest) = self.0.split_at_checked(end).unwrap_or((self.0, ""));
        self.0 = rest;
        digits
    }

    /// One of the words, with a separator before it if there is one; and the number behind it.
    fn word(&mut self, words: &[&'static str]) -> Option<(&'static str, &'a str)> {
        let text = self.0.strip_prefix(['-', '_', '.']).unwrap_or(self.0);
        let word = words.iter().find(|word| text.starts_with(**word))?;
        let rest = text.strip_prefix(*word)?;
        let mut after = Reader(rest.strip_prefix(['-', '_', '.']).unwrap_or(rest));
        let number = after.digits();
        // A separator without a number belongs to what follows.
        self.0 = if number.is_empty() { rest } else { after.0 };
        Some((word, number))
    }
}

fn read(text: &str) -> Option<Version<'_>> {
    let mut reader = Reader(text.trim().strip_prefix('v').unwrap_or(text.trim()));
    let mut first = reader.digits();
    let mut epoch = "";
    if let Some(rest) = reader.0.strip_prefix('!') {
        epoch = first;
        reader.0 = rest;
        first = reader.digits();
    }
    if first.is_empty() {
        return None;
    }
    let mut release = vec![first];
    while let Some(rest) = reader.0.strip_prefix('.').filter(|rest| rest.starts_with(|letter: char| letter.is_ascii_digit())) {
        reader.0 = rest;
        release.push(reader.digits());
    }
    // Longer words before those they begin with.
    let pre = reader.word(&["alpha", "beta", "preview", "pre", "rc", "a", "b", "c"]);
    let pre = pre.map(|(word, number)| {
        (
            if word.starts_with('a') {
                b'a'
            } else if word.starts_with('b') {
                b'b'
            } else {
                b'c'
            },
            number,
        )
    });
    let mut post = reader.word(&["post", "rev", "r"]).map(|(_, number)| number);
    if post.is_none()
        && let Some(rest) = reader.0.strip_prefix('-').filter(|rest| rest.starts_with(|letter: char| letter.is_ascii_digit()))
    {
        reader.0 = rest;
        post = Some(reader.digits());
    }
    let dev = reader.word(&["dev"]).map(|(_, number)| number);
    let mut local = Vec::new();
    if let Some(rest) = reader.0.strip_prefix('+') {
        local = rest.split(['.', '-', '_']).collect();
        if local.iter().any(|part| part.is_empty() || !part.bytes().all(|byte| byte.is_ascii_alphanumeric())) {
            return None;
        }
        reader.0 = "";
    }
    if !reader.0.is_empty() {
        return None;
    }
    while release.len() > 1 && release.last().is_some_and(|part| part.bytes().all(|byte| byte == b'0')) {
        release.pop();
    }
    Some(Version { epoch, release, pre, post, dev, local })
}

pub(super) fn is_valid(version: &str) -> bool {
    read(&version.to_ascii_lowercase()).is_some()
}

impl Version<'_> {
    /// Where it stands among pre-releases: only a development version before all, with a label, none after all.
    fn stage(&self) -> (u8, u8, &str) {
        match (self.pre, self.post, self.dev) {
            (Some((letter, number)), ..) => (1, letter, number),
            (None, None, Some(_)) => (0, 0, ""),
            (None, ..) => (2, 0, ""),
        }
    }

    fn order(&self, other: &Version<'_>) -> Ordering {
        let releases = || {
            for position in 0..self.release.len().max(other.release.len()) {
                let part = |release: &[&str]| release.get(position).map_or_else(String::new, |part| (*part).to_owned());
                let order = number(&part(&self.release), &part(&other.release));
                if order.is_ne() {
                    return order;
                }
            }
            Ordering::Equal
        };
        let stages = || {
            let (one, two) = (self.stage(), other.stage());
            (one.0, one.1).cmp(&(two.0, two.1)).then_with(|| number(one.2, two.2))
        };
        let posts = || match (self.post, other.post) {
            (Some(one), Some(two)) => number(one, two),
            (one, two) => one.is_some().cmp(&two.is_some()),
        };
        let developments = || match (self.dev, other.dev) {
            (Some(one), Some(two)) => number(one, two),
            // None comes after any.
            (one, two) => two.is_some().cmp(&one.is_some()),
        };
        let locals = || {
            for (one, two) in self.local.iter().zip(&other.local) {
                let order = match (is_number(one), is_number(two)) {
                    (true, true) => number(one, two),
                    (true, false) => Ordering::Greater,
                    (false, true) => Ordering::Less,
                    (false, false) => one.cmp(two),
                };
                if order.is_ne() {
                    return order;
                }
            }
            self.local.len().cmp(&other.local.len())
        };
        number(self.epoch, other.epoch).then_with(releases).then_with(stages).then_with(posts).then_with(developments).then_with(locals)
    }
}

/// The key of a version before PEP 440 (`pkg_resources`' `_legacy_cmpkey`).
fn legacy(text: &str) -> Vec<String> {
    let mut parts: Vec<String> = Vec::new();
    let mut rest = text;
    let mut add = |part: &str| {
        let part = match part {
            "pre" | "preview" | "rc" => "c",
            "dev" => "@",
            "-" => "final-",
            part => part,
        };
        let part = if part.starts_with(|letter: char| letter.is_ascii_digit()) { format!("{part:0>8}") } else { format!("*{part}") };
        if part.starts_with('*') {
            if *part < *"*final" {
                while parts.last().is_some_and(|last| last == "*final-") {
                    parts.pop();
                }
            }
            while parts.last().is_some_and(|last| last == "00000000") {
                parts.pop();
            }
        }
        parts.push(part);
    };
    while let Some(first) = rest.chars().next() {
        let end = if first.is_ascii_digit() {
            rest.find(|letter: char| !letter.is_ascii_digit())
        } else if first.is_ascii_lowercase() {
            rest.find(|letter: char| !letter.is_ascii_lowercase())
        } else {
            Some(first.len_utf8())
        };
        let (part, after) = rest.split_at_checked(end.unwrap_or(rest.len())).unwrap_or((rest, ""));
        if part != "." {
            add(part);
        }
        rest = after;
    }
    add("final");
    parts
}

pub(super) fn compare(one: &str, other: &str) -> Ordering {
    let (one, other) = (one.to_ascii_lowercase(), other.to_ascii_lowercase());
    match (read(&one), read(&other)) {
        (Some(one), Some(other)) => one.order(&other),
        // What came before PEP 440 is older than everything after it.
        (Some(_), None) => Ordering::Greater,
        (None, Some(_)) => Ordering::Less,
        (None, None) => legacy(&one).cmp(&legacy(&other)),
    }
}
