//! Maven's version order specification (POM reference, "Version Order Specification").

use std::cmp::Ordering;

use super::{is_number, number};

#[derive(Clone, Debug, PartialEq, Eq)]
struct Token {
    hyphen: bool,
    text: String,
}

/// Qualifiers with a place of their own; `final`, `ga` and `release` are the empty one.
const QUALIFIERS: &[&str] = &["alpha", "beta", "milestone", "rc", "snapshot", "", "sp"];

impl Token {
    fn is_null(&self) -> bool {
        self.text.is_empty() || is_number(&self.text) && self.text.bytes().all(|byte| byte == b'0')
    }

    /// `.qualifier`, then `-qualifier`, then `-number`, then `.number`.
    fn rank(&self) -> u8 {
        match (is_number(&self.text), self.hyphen) {
            (false, false) => 0,
            (false, true) => 1,
            (true, true) => 2,
            (true, false) => 3,
        }
    }
}

fn tokens(version: &str) -> Vec<Token> {
    let version = version.to_lowercase();
    let mut out: Vec<Token> = Vec::new();
    let mut hyphen = false;
    let mut text = String::new();
    let mut add = |hyphen: bool, text: &mut String, before_number: bool| {
        let word = match text.as_str() {
            "" => "0",
            "a" if before_number => "alpha",
            "b" if before_number => "beta",
            "m" if before_number => "milestone",
            "cr" => "rc",
            "final" | "ga" | "release" => "",
            word => word,
        };
        out.push(Token { hyphen, text: word.to_owned() });
        text.clear();
    };
    for letter in version.chars() {
        if matches!(letter, '.' | '-') {
            add(hyphen, &mut text, false);
            hyphen = letter == '-';
            continue;
        }
        if let Some(last) = text.chars().last()
            && last.is_ascii_digit() != letter.is_ascii_digit()
        {
            add(hyphen, &mut text, letter.is_ascii_digit());
            hyphen = true;
        }
        text.push(letter);
    }
    add(hyphen, &mut text, false);
    trim(&mut out);
    out
}

/// Takes nulls away at the end, and before each hyphen from there on.
fn trim(tokens: &mut Vec<Token>) {
    let mut at = tokens.len();
    while at > 1 {
        at -= 1;
        if tokens.get(at).is_some_and(Token::is_null) {
            tokens.remove(at);
        } else {
            // On to the token before the next hyphen.
            while at > 0 && !tokens.get(at).is_some_and(|token| token.hyphen) {
                at -= 1;
            }
        }
    }
}

fn order(one: &Token, other: &Token) -> Ordering {
    one.rank().cmp(&other.rank()).then_with(|| {
        if is_number(&one.text) {
            return number(&one.text, &other.text);
        }
        let place = |token: &Token| QUALIFIERS.iter().position(|word| *word == token.text).unwrap_or(QUALIFIERS.len());
        place(one).cmp(&place(other)).then_with(|| one.text.cmp(&other.text))
    })
}

pub(super) fn compare(one: &str, other: &str) -> Ordering {
    let (ones, others) = (tokens(one), tokens(other));
    for position in 0..ones.len().max(others.len()) {
        let pad = |beside: Option<&Token>| {
            let hyphen = beside.is_some_and(|token| token.hyphen);
            let number = !hyphen && beside.is_some_and(|token| is_number(&token.text));
            Token { hyphen, text: if number { "0".to_owned() } else { String::new() } }
        };
        let (one, other) = (ones.get(position), others.get(position));
        let (one, other) = (one.cloned().unwrap_or_else(|| pad(other)), other.cloned().unwrap_or_else(|| pad(one)));
        let order = order(&one, &other);
        if order.is_ne() {
            return order;
        }
    }
    Ordering::Equal
}
