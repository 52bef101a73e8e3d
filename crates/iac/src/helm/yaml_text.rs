//! Values to YAML text as `toYaml` writes it: keys sorted, lists not indented below their key, quotes only where a reader would take the
//! text for something else, several lines as a literal block.

use std::cmp::Ordering;
use std::sync::Arc;

use probity_value::OriginStep;

use super::printing::float_json;
use super::text::{Place, Text, TextBuffer};
use super::value::{Data, ListKind, MAX_DEPTH, Special, Val, marked};

/// Lines longer than this are folded.
const WIDTH: usize = 80;

/// Why nothing is written.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct TooMuch;

/// The text, without the line end after it.
pub(super) fn to_yaml(value: &Val, marker: char) -> Result<Text, TooMuch> {
    let mut writer = Writer { out: TextBuffer::default(), marker, column: 0 };
    writer.node(value, 0, Spot::Top, 0)?;
    Ok(writer.out.finish())
}

/// Where a node stands.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Spot {
    Top,
    Item,
    Entry,
}

struct Writer {
    out: TextBuffer,
    marker: char,
    column: usize,
}

impl Writer {
    fn push(&mut self, text: &str, from: Option<&Arc<OriginStep>>) {
        match from {
            Some(from) => self.out.push_str(text, &Place { from: Some(Arc::clone(from)), ..Place::NONE }),
            None => self.out.push_str(text, &Place::NONE),
        }
        match text.rfind('\n') {
            Some(at) => self.column = text.get(at + 1..).unwrap_or_default().chars().count(),
            None => self.column += text.chars().count(),
        }
    }

    fn line(&mut self, indent: usize) {
        let text = format!("\n{}", " ".repeat(indent));
        self.push(&text, None);
    }

    fn node(&mut self, value: &Val, indent: usize, place: Spot, depth: usize) -> Result<(), TooMuch> {
        if depth > MAX_DEPTH || self.out.len() > super::exec::MAX_TEXT {
            return Err(TooMuch);
        }
        let from = value.from.as_ref();
        let simple = match &value.data {
            Data::Nil => Some("null".to_owned()),
            Data::Bool(truth) => Some(truth.to_string()),
            Data::Int(number, _) => Some(number.to_string()),
            Data::Float(number) => Some(float_json(*number)),
            Data::Lost(lost) => Some(marked(*lost, self.marker)),
            Data::List(list) if list.kind() == ListKind::Nil => Some("null".to_owned()),
            Data::List(list) if list.items().is_empty() => Some("[]".to_owned()),
            Data::Map(map) if map.len() == 0 => Some("{}".to_owned()),
            Data::Special(special) => match &**special {
                Special::Version(version) => Some(version.to_string()),
                Special::Time(time) => Some(format!("\"{}\"", time.strftime("%Y-%m-%dT%H:%M:%SZ"))),
                Special::Files(_) | Special::ApiVersions => Some("{}".to_owned()),
            },
            _ => None,
        };
        if let Some(simple) = simple {
            if place == Spot::Entry {
                self.push(" ", None);
            }
            self.push(&simple, from);
            return Ok(());
        }
        match &value.data {
            Data::Str(text) => {
                if place == Spot::Entry {
                    self.push(" ", None);
                }
                self.string(text.as_str(), indent, false, from);
            }
            Data::List(list) => {
                let inner = if place == Spot::Item { indent + 2 } else { indent };
                for (at, item) in list.items().iter().enumerate() {
                    if at > 0 || place == Spot::Entry {
                        self.line(inner);
                    }
                    self.push("- ", None);
                    self.node(item, inner, Spot::Item, depth + 1)?;
                }
            }
            Data::Map(map) => {
                let inner = if place == Spot::Top { indent } else { indent + 2 };
                let mut pairs = map.pairs();
                if map.is_struct() {
                    pairs = pairs
                        .into_iter()
                        .map(|(key, value)| (lower_first(&key).into(), value))
                        .filter(|(_, value)| value.truth() != Ok(false))
                        .collect();
                }
                pairs.sort_by(|(a, _), (b, _)| natural(a, b));
                for (at, (key, item)) in pairs.iter().enumerate() {
                    if at > 0 || place == Spot::Entry {
                        self.line(inner);
                    }
                    self.string(key, inner, true, item.from.as_ref());
                    self.push(":", item.from.as_ref());
                    self.node(item, inner, Spot::Entry, depth + 1)?;
                }
            }
            _ => {}
        }
        Ok(())
    }

    /// A string in the plainest style that keeps it one.
    fn string(&mut self, text: &str, indent: usize, key: bool, from: Option<&Arc<OriginStep>>) {
        let looks = Looks::at(text);
        let breaks = text.contains('\n');
        if breaks && !key && looks.block {
            self.literal(text, indent + 2, from);
        } else if !breaks && !is_other(text) && looks.plain {
            self.folded(text, indent + 2, key, from);
        } else if !breaks && !is_other(text) && looks.single {
            self.single(text, indent + 2, key, from);
        } else {
            self.double(text, indent + 2, key, from);
        }
    }

    /// In single quotes, broken at spaces where the line is long.
    fn single(&mut self, text: &str, indent: usize, key: bool, from: Option<&Arc<OriginStep>>) {
        let doubled = text.replace('\'', "''");
        if key || self.column + doubled.chars().count() < WIDTH {
            return self.push(&format!("'{doubled}'"), from);
        }
        let mut line = String::from("'");
        let mut spaces = false;
        for (at, letter) in text.char_indices() {
            let last = at + 1 == text.len();
            let next_is_space = text.get(at + 1..).is_some_and(|rest| rest.starts_with(' '));
            if letter == ' ' && !spaces && at > 0 && !last && !next_is_space && self.column + line.chars().count() > WIDTH {
                self.push(&line, from);
                line.clear();
                self.line(indent);
            } else {
                line.push(letter);
                if letter == '\'' {
                    line.push(letter);
                }
            }
            spaces = letter == ' ';
        }
        line.push('\'');
        self.push(&line, from);
    }

    /// In double quotes, broken at spaces where the line is long.
    fn double(&mut self, text: &str, indent: usize, key: bool, from: Option<&Arc<OriginStep>>) {
        let mut line = String::from("\"");
        let mut length = 1;
        let mut spaces = false;
        for (at, letter) in text.char_indices() {
            let last = at + 1 == text.len();
            if letter == ' ' && !key && !spaces && at > 0 && !last && self.column + length > WIDTH {
                self.push(&line, from);
                line.clear();
                self.line(indent);
                if text.get(at + 1..).is_some_and(|rest| rest.starts_with(' ')) {
                    line.push('\\');
                }
                length = line.len();
            } else {
                let before = line.len();
                push_escaped(letter, &mut line);
                length += line.get(before..).map_or(0, |added| added.chars().count());
            }
            spaces = letter == ' ';
        }
        line.push('"');
        self.push(&line, from);
    }

    fn folded(&mut self, text: &str, indent: usize, key: bool, from: Option<&Arc<OriginStep>>) {
        if key || self.column + text.chars().count() <= WIDTH {
            return self.push(text, from);
        }
        let mut start = 0;
        let mut column = self.column;
        let mut spaces = false;
        for (at, letter) in text.char_indices() {
            let next_is_space = text.get(at + 1..).is_some_and(|rest| rest.starts_with(' '));
            if letter == ' ' && !spaces && column > WIDTH && !next_is_space {
                self.push(text.get(start..at).unwrap_or_default(), from);
                self.line(indent);
                column = indent;
                start = at + 1;
            } else {
                column += 1;
            }
            spaces = letter == ' ';
        }
        self.push(text.get(start..).unwrap_or_default(), from);
    }

    fn literal(&mut self, text: &str, indent: usize, from: Option<&Arc<OriginStep>>) {
        let mut head = String::from("|");
        if text.starts_with([' ', '\n']) {
            head.push('2');
        }
        let body = text.trim_end_matches('\n');
        match text.len() - body.len() {
            0 => head.push('-'),
            1 if !body.is_empty() => {}
            _ => head.push('+'),
        }
        self.push(&head, from);
        let lines = text.strip_suffix('\n').unwrap_or(text);
        for line in lines.split('\n') {
            if line.is_empty() {
                self.push("\n", from);
            } else {
                self.line(indent);
                self.push(line, from);
            }
        }
    }
}

fn lower_first(key: &str) -> String {
    let mut letters = key.chars();
    match letters.next() {
        Some(_) if key.starts_with("API") => key.replacen("API", "api", 1),
        Some(first) => first.to_lowercase().chain(letters).collect(),
        None => String::new(),
    }
}

/// Letters before other characters, numbers by their size.
fn natural(a: &str, b: &str) -> Ordering {
    let (left, right): (Vec<char>, Vec<char>) = (a.chars().collect(), b.chars().collect());
    for (at, (x, y)) in left.iter().zip(&right).enumerate() {
        if x == y {
            continue;
        }
        match (x.is_alphabetic(), y.is_alphabetic()) {
            (true, true) => return x.cmp(y),
            (true, false) => return Ordering::Greater,
            (false, true) => return Ordering::Less,
            (false, false) => {}
        }
        let mut start = (0_i64, 0_i64);
        if *x == '0' || *y == '0' {
            let before = left.get(..at).unwrap_or_default().iter().rev().take_while(|letter| letter.is_numeric());
            if before.into_iter().any(|letter| *letter != '0') {
                start = (1, 1);
            }
        }
        let number = |letters: &[char], start: i64| {
            let digits = letters.get(at..).unwrap_or_default().iter().take_while(|letter| letter.is_numeric());
            digits.fold((start, 0_usize), |(value, count), digit| {
                (value.wrapping_mul(10).wrapping_add(i64::from(u32::from(*digit)) - 48), count + 1)
            })
        };
        let (first, first_length) = number(&left, start.0);
        let (second, second_length) = number(&right, start.1);
        return first.cmp(&second).then(first_length.cmp(&second_length)).then(x.cmp(y));
    }
    left.len().cmp(&right.len())
}

/// Which styles a text may be written in.
struct Looks {
    plain: bool,
    single: bool,
    block: bool,
}

impl Looks {
    fn at(text: &str) -> Looks {
        let blank = |letter: Option<&char>| {
            letter.is_none_or(|letter| matches!(letter, ' ' | '\t' | '\n' | '\r' | '\u{85}' | '\u{2028}' | '\u{2029}'))
        };
        let letters: Vec<char> = text.chars().collect();
        let is_break = |letter: char| matches!(letter, '\n' | '\r' | '\u{85}' | '\u{2028}' | '\u{2029}');
        let mut indicators = text.starts_with("---") || text.starts_with("...");
        let (mut special, mut space_break, mut break_space) = (false, false, false);
        let (mut before_space, mut before_break, mut preceded) = (false, false, true);
        for (at, letter) in letters.iter().enumerate() {
            let followed = blank(letters.get(at + 1));
            if at == 0 {
                indicators |= match letter {
                    '#' | ',' | '[' | ']' | '{' | '}' | '&' | '*' | '!' | '|' | '>' | '\'' | '"' | '%' | '@' | '`' => true,
                    '?' | ':' | '-' => followed,
                    _ => false,
                };
            } else {
                indicators |= match letter {
                    ':' => followed,
                    '#' => preceded,
                    _ => false,
                };
            }
            special |= !is_printable(*letter);
            if *letter == ' ' {
                break_space |= before_break;
                before_space = true;
                before_break = false;
            } else if is_break(*letter) {
                space_break |= before_space;
                before_space = false;
                before_break = true;
            } else {
                before_space = false;
                before_break = false;
            }
            preceded = blank(Some(letter));
        }
        let edge = text.starts_with(' ') || text.ends_with(' ');
        let breaks = text.chars().any(is_break);
        Looks {
            plain: !indicators && !edge && !breaks && !space_break && !special && !break_space,
            single: !break_space && !space_break && !special,
            block: !text.ends_with(' ') && !space_break && !special,
        }
    }
}

fn is_printable(letter: char) -> bool {
    matches!(letter, '\n' | ' '..='~' | '\u{a0}'..='\u{d7ff}' | '\u{e000}'..='\u{fffd}' | '\u{10000}'..) && letter != '\u{feff}'
}

/// Whether a reader would take the bare text for something that is no text.
pub(super) fn is_other(text: &str) -> bool {
    const WORDS: &[&str] = &[
        "", "~", "null", "Null", "NULL", "y", "Y", "yes", "Yes", "YES", "true", "True", "TRUE", "on", "On", "ON", "n", "N", "no", "No",
        "NO", "false", "False", "FALSE", "off", "Off", "OFF", ".nan", ".NaN", ".NAN", ".inf", ".Inf", ".INF", "+.inf", "+.Inf", "+.INF",
        "-.inf", "-.Inf", "-.INF",
    ];
    if WORDS.contains(&text) {
        return true;
    }
    let Some(first) = text.chars().next().filter(|first| first.is_ascii_digit() || matches!(first, '+' | '-' | '.')) else { return false };
    if first == '.' {
        return is_float(text);
    }
    let plain = text.replace('_', "");
    is_time(text) || is_integer(&plain) || is_float(&plain) || is_base_60(text)
}

fn is_integer(text: &str) -> bool {
    let digits = text.strip_prefix(['+', '-']).unwrap_or(text).to_ascii_lowercase();
    let of = |digits: &str, radix: u32| !digits.is_empty() && digits.chars().all(|digit| digit.is_digit(radix)) && digits.len() < 65;
    if let Some(hex) = digits.strip_prefix("0x") {
        return of(hex, 16) && hex.len() <= 16;
    }
    if let Some(octal) = digits.strip_prefix("0o") {
        return of(octal, 8);
    }
    if let Some(binary) = digits.strip_prefix("0b") {
        return of(binary, 2);
    }
    if digits.len() > 1 && digits.starts_with('0') {
        // Of what is no octal number a float may be made.
        return of(&digits, 8) || of(&digits, 10);
    }
    of(&digits, 10)
}

fn is_float(text: &str) -> bool {
    let bare = text.strip_prefix(['+', '-']).unwrap_or(text);
    let (digits, power) = match bare.split_once(['e', 'E']) {
        Some((digits, power)) => (digits, Some(power)),
        None => (bare, None),
    };
    let (whole, part) = digits.split_once('.').unwrap_or((digits, ""));
    let numbers = |text: &str| text.bytes().all(|digit| digit.is_ascii_digit());
    let power = power.is_none_or(|power| {
        let power = power.strip_prefix(['+', '-']).unwrap_or(power);
        !power.is_empty() && numbers(power)
    });
    power && numbers(whole) && numbers(part) && !(whole.is_empty() && part.is_empty())
}

fn is_base_60(text: &str) -> bool {
    let bare = text.strip_prefix(['+', '-']).unwrap_or(text);
    let mut parts = bare.split(':');
    let first = parts.next().unwrap_or_default();
    let rest: Vec<&str> = parts.collect();
    let digits = |text: &str| text.bytes().all(|digit| digit.is_ascii_digit() || digit == b'_');
    first.starts_with(|digit: char| digit.is_ascii_digit())
        && digits(first)
        && !rest.is_empty()
        && rest.iter().enumerate().all(|(at, part)| {
            let whole = if at + 1 == rest.len() { part.split_once('.').map_or(*part, |(whole, _)| whole) } else { part };
            let small = whole.parse::<u8>().is_ok_and(|value| value < 60) && whole.len() <= 2;
            small && part.strip_prefix(whole).is_some_and(|behind| digits(behind.trim_start_matches('.')))
        })
}

fn is_time(text: &str) -> bool {
    let bytes = text.as_bytes();
    if bytes.len() < 8 || !bytes.iter().take(4).all(u8::is_ascii_digit) || bytes.get(4) != Some(&b'-') {
        return false;
    }
    let (date, time) = match text.find(['T', 't', ' ']) {
        Some(at) => (text.get(..at).unwrap_or_default(), text.get(at + 1..)),
        None => (text, None),
    };
    let parts: Vec<&str> = date.split('-').collect();
    let number = |text: &str, least: u32, most: u32| {
        (1..=2).contains(&text.len())
            && text.bytes().all(|digit| digit.is_ascii_digit())
            && text.parse::<u32>().is_ok_and(|value| (least..=most).contains(&value))
    };
    let [_, month, day] = parts[..] else { return false };
    if !number(month, 1, 12) || !number(day, 1, 31) {
        return false;
    }
    let Some(time) = time else { return true };
    let spaced = text.contains(' ');
    let zone = time.find(['Z', '+', '-']);
    let clock = zone.map_or(time, |at| time.get(..at).unwrap_or_default());
    if spaced == zone.is_some() {
        return false;
    }
    let clock = clock.split_once('.').map_or(clock, |(clock, _)| clock);
    let parts: Vec<&str> = clock.split(':').collect();
    matches!(parts[..], [hour, minute, second] if number(hour, 0, 23) && number(minute, 0, 59) && number(second, 0, 59))
}

fn push_escaped(letter: char, out: &mut String) {
    match letter {
        '"' => out.push_str("\\\""),
        '\\' => out.push_str("\\\\"),
        '\0' => out.push_str("\\0"),
        '\u{7}' => out.push_str("\\a"),
        '\u{8}' => out.push_str("\\b"),
        '\t' => out.push_str("\\t"),
        '\n' => out.push_str("\\n"),
        '\u{b}' => out.push_str("\\v"),
        '\u{c}' => out.push_str("\\f"),
        '\r' => out.push_str("\\r"),
        '\u{1b}' => out.push_str("\\e"),
        '\u{85}' => out.push_str("\\N"),
        '\u{2028}' => out.push_str("\\L"),
        '\u{2029}' => out.push_str("\\P"),
        '\u{feff}' => out.push_str("\\uFEFF"),
        other if !is_printable(other) => out.push_str(&format!("\\x{:02X}", u32::from(other))),
        other => out.push(other),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::helm::value::Map;

    fn map(pairs: &[(&str, Val)]) -> Val {
        let map = Map::new();
        for (key, value) in pairs {
            map.set(*key, value.clone());
        }
        map.into()
    }

    fn check(value: &Val, expected: &str) {
        assert_eq!(to_yaml(value, '\u{e000}').unwrap().as_str(), expected);
    }

    #[test]
    fn structure() {
        check(
            &map(&[("b", vec![Val::float(1.0), map(&[("x", Val::nil()), ("y", Val::from(true))])].into()), ("a", map(&[]))]),
            "a: {}\nb:\n- 1\n- x: null\n  \"y\": true",
        );
        check(&vec![vec![Val::from("a"), Val::from("b")].into(), Val::from("c")].into(), "- - a\n  - b\n- c");
        check(&map(&[("a10", Val::int(1)), ("a2", Val::int(2)), ("A", Val::int(3)), ("a-b", Val::int(4))]), "A: 3\na-b: 4\na2: 2\na10: 1");
        check(&Val::float(1e6), "1000000");
        check(&Val::float(0.5), "0.5");
    }

    #[test]
    fn strings() {
        let check = |text: &str, expected: &str| check(&map(&[("k", Val::from(text))]), &format!("k: {expected}"));
        check("plain text", "plain text");
        check("true", "\"true\"");
        check("12", "\"12\"");
        check("1.5", "\"1.5\"");
        check("0x1F", "\"0x1F\"");
        check("1e3", "\"1e3\"");
        check("", "\"\"");
        check("null", "\"null\"");
        check("2020-01-02", "\"2020-01-02\"");
        check("10:20", "\"10:20\"");
        check("a: b", "'a: b'");
        check("a:b", "a:b");
        check("a #b", "'a #b'");
        check("*", "'*'");
        check("- a", "'- a'");
        check("-a", "-a");
        check("it's", "it's");
        check("'it'", "'''it'''");
        check(" a", "' a'");
        check("a\tb", "\"a\\tb\"");
        check("a\nb", "|-\n  a\n  b");
        check("a\nb\n", "|\n  a\n  b");
        check(" a\nb\n", "|2\n   a\n  b");
        check("a \nb", "\"a \\nb\"");
        check("1.2.3", "1.2.3");
        check("v1", "v1");
        check("10.0.0.0/8", "10.0.0.0/8");
    }
}
