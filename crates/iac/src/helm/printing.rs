//! Values as Go's `fmt` prints them.

use super::text::{Place, Text, TextBuffer};
use super::value::{Data, MAX_DEPTH, MapKind, Special, Val, marked};

/// Text beyond this is cut off; a caller sees that it is too long.
const MAX: usize = super::exec::MAX_TEXT;

/// `%v`.
pub(super) fn sprint(value: &Val, marker: char) -> String {
    let mut out = String::new();
    write(value, 'v', &Flags::default(), marker, &mut out, 0);
    out
}

/// A float as `%v` and `%g` print it.
pub(super) fn float_g(value: f64) -> String {
    if !value.is_finite() {
        return special(value);
    }
    let power: i32 = format!("{value:e}").split_once('e').and_then(|(_, power)| power.parse().ok()).unwrap_or(0);
    if (-4..6).contains(&power) || value == 0.0 { format!("{value}") } else { exponent(value, None) }
}

/// A float as `encoding/json` writes it.
pub(super) fn float_json(value: f64) -> String {
    if value == 0.0 || (value.abs() >= 1e-6 && value.abs() < 1e21) {
        return format!("{value}");
    }
    let text = exponent(value, None);
    // `e-09` becomes `e-9`.
    match text.split_once("e-0") {
        Some((digits, power)) => format!("{digits}e-{power}"),
        None => text,
    }
}

fn special(value: f64) -> String {
    if value.is_nan() {
        "NaN".to_owned()
    } else if value > 0.0 {
        "+Inf".to_owned()
    } else {
        "-Inf".to_owned()
    }
}

/// `1.5e+06`, with so many digits behind the point.
fn exponent(value: f64, precision: Option<usize>) -> String {
    let text = match precision {
        Some(precision) => format!("{value:.precision$e}"),
        None => format!("{value:e}"),
    };
    let Some((digits, power)) = text.split_once('e') else { return text };
    let (sign, power) = match power.strip_prefix('-') {
        Some(power) => ('-', power),
        None => ('+', power),
    };
    format!("{digits}e{sign}{power:0>2}")
}

/// Flags of a verb.
#[derive(Clone, Debug, Default)]
struct Flags {
    plus: bool,
    minus: bool,
    sharp: bool,
    space: bool,
    zero: bool,
    width: Option<usize>,
    precision: Option<usize>,
}

fn write(value: &Val, verb: char, flags: &Flags, marker: char, out: &mut String, depth: usize) {
    if depth > MAX_DEPTH || out.len() > MAX {
        return;
    }
    match &value.data {
        Data::Nil if verb == 'v' => out.push_str("<nil>"),
        Data::Nil => out.push_str(&format!("%!{verb}(<nil>)")),
        Data::Bool(truth) => match verb {
            'v' | 't' => padded(&truth.to_string(), flags, out),
            _ => bad(value, verb, marker, out),
        },
        Data::Int(number, _) => match integer(*number, verb, flags) {
            Some(text) => numeric(&text, flags, out),
            None => bad(value, verb, marker, out),
        },
        Data::Float(number) => match float(*number, verb, flags) {
            Some(text) => numeric(&text, flags, out),
            None => bad(value, verb, marker, out),
        },
        Data::Str(text) => match string(text.as_str(), verb, flags) {
            Some(text) => padded(&text, flags, out),
            None => bad(value, verb, marker, out),
        },
        Data::Lost(lost) => out.push_str(&marked(*lost, marker)),
        Data::List(list) => {
            out.push('[');
            for (at, item) in list.items().iter().enumerate() {
                if at > 0 {
                    out.push(' ');
                }
                write(item, verb, flags, marker, out, depth + 1);
            }
            out.push(']');
        }
        Data::Map(map) => {
            if let MapKind::Struct(name) = map.kind() {
                // Structs that print themselves.
                if name == "chartutil.KubeVersion"
                    && let Some(version) = map.get("Version")
                {
                    write(&version, verb, flags, marker, out, depth + 1);
                    return;
                }
                out.push('{');
            } else {
                out.push_str("map[");
            }
            for (at, (key, item)) in map.pairs().iter().enumerate() {
                if at > 0 {
                    out.push(' ');
                }
                if !map.is_struct() {
                    write(&Val::from(&**key), verb, flags, marker, out, depth + 1);
                    out.push(':');
                } else if flags.plus {
                    out.push_str(key);
                    out.push(':');
                }
                write(item, verb, flags, marker, out, depth + 1);
            }
            out.push(if map.is_struct() { '}' } else { ']' });
        }
        Data::Special(special) => match &**special {
            Special::ApiVersions => out.push_str(&format!("[{}]", super::render::API_VERSIONS.join(" "))),
            Special::Files(_) => out.push_str("map[]"),
            Special::Version(version) => padded(&string(&version.to_string(), verb, flags).unwrap_or_default(), flags, out),
            Special::Time(time) => padded(&super::functions::dates::default_format(time), flags, out),
        },
    }
}

fn bad(value: &Val, verb: char, marker: char, out: &mut String) {
    let shown = sprint(value, marker);
    out.push_str(&format!("%!{verb}({}={shown})", value.type_name()));
}

fn padded(text: &str, flags: &Flags, out: &mut String) {
    let length = text.chars().count();
    let missing = flags.width.unwrap_or(0).saturating_sub(length);
    if flags.minus {
        out.push_str(text);
        out.push_str(&" ".repeat(missing));
    } else {
        out.push_str(&if flags.zero { "0" } else { " " }.repeat(missing));
        out.push_str(text);
    }
}

/// Zeros go between the sign and the digits.
fn numeric(text: &str, flags: &Flags, out: &mut String) {
    let missing = flags.width.unwrap_or(0).saturating_sub(text.chars().count());
    if flags.zero && !flags.minus && missing > 0 {
        let (sign, digits) = match text.strip_prefix(['+', '-', ' ']) {
            Some(digits) => (text.get(..1).unwrap_or_default(), digits),
            None => ("", text),
        };
        out.push_str(sign);
        out.push_str(&"0".repeat(missing));
        out.push_str(digits);
    } else {
        padded(text, &Flags { zero: false, ..flags.clone() }, out);
    }
}

fn signed(negative: bool, digits: &str, flags: &Flags) -> String {
    let sign = match (negative, flags.plus, flags.space) {
        (true, ..) => "-",
        (false, true, _) => "+",
        (false, false, true) => " ",
        _ => "",
    };
    format!("{sign}{digits}")
}

fn integer(number: i64, verb: char, flags: &Flags) -> Option<String> {
    let size = number.unsigned_abs();
    let digits = match verb {
        'v' | 'd' => size.to_string(),
        'b' => format!("{size:b}"),
        'o' => format!("{}{size:o}", if flags.sharp { "0" } else { "" }),
        'O' => format!("0o{size:o}"),
        'x' => format!("{}{size:x}", if flags.sharp { "0x" } else { "" }),
        'X' => format!("{}{size:X}", if flags.sharp { "0X" } else { "" }),
        'c' => return Some(u32::try_from(number).ok().and_then(char::from_u32).unwrap_or('\u{fffd}').to_string()),
        'q' => return Some(format!("'{}'", u32::try_from(number).ok().and_then(char::from_u32).unwrap_or('\u{fffd}'))),
        'U' => return Some(format!("U+{size:04X}")),
        _ => return None,
    };
    let digits = match flags.precision {
        Some(precision) if digits.len() < precision => format!("{}{digits}", "0".repeat(precision - digits.len())),
        _ => digits,
    };
    Some(signed(number < 0, &digits, flags))
}

fn float(number: f64, verb: char, flags: &Flags) -> Option<String> {
    let size = number.abs();
    let negative = number.is_sign_negative();
    if !number.is_finite() {
        return Some(special(number));
    }
    let precision = flags.precision;
    let text = match verb {
        'v' => match precision {
            None => float_g(size),
            Some(precision) => general(size, precision),
        },
        'g' | 'G' => match precision {
            None => float_g(size),
            Some(precision) => general(size, precision),
        },
        'f' | 'F' => format!("{size:.*}", precision.unwrap_or(6)),
        'e' => exponent(size, Some(precision.unwrap_or(6))),
        'E' => exponent(size, Some(precision.unwrap_or(6))).to_uppercase(),
        _ => return None,
    };
    let text = if verb == 'G' { text.to_uppercase() } else { text };
    Some(signed(negative, &text, flags))
}

/// `%.3g`.
fn general(value: f64, precision: usize) -> String {
    let precision = precision.max(1);
    let scientific = exponent(value, Some(precision - 1));
    let power: i32 = scientific.split_once('e').and_then(|(_, power)| power.parse().ok()).unwrap_or(0);
    let limit = i32::try_from(precision).unwrap_or(i32::MAX);
    if power < -4 || power >= limit {
        let (digits, power) = scientific.split_once('e').unwrap_or((&scientific, "+00"));
        return format!("{}e{power}", without_zeros(digits));
    }
    let behind = usize::try_from(limit - 1 - power).unwrap_or(0);
    without_zeros(&format!("{value:.behind$}")).to_owned()
}

fn without_zeros(digits: &str) -> &str {
    if digits.contains('.') { digits.trim_end_matches('0').trim_end_matches('.') } else { digits }
}

fn string(text: &str, verb: char, flags: &Flags) -> Option<String> {
    let cut: String = match flags.precision {
        Some(precision) => text.chars().take(precision).collect(),
        None => text.to_owned(),
    };
    Some(match verb {
        'v' if flags.sharp => quoted(&cut),
        'v' | 's' => cut,
        'q' if flags.sharp && !cut.contains('`') && !cut.chars().any(|letter| letter.is_control() && letter != '\t') => format!("`{cut}`"),
        'q' => quoted(&cut),
        'x' | 'X' => {
            let parts: Vec<String> =
                cut.bytes().map(|byte| if verb == 'x' { format!("{byte:02x}") } else { format!("{byte:02X}") }).collect();
            parts.join(if flags.space { " " } else { "" })
        }
        _ => return None,
    })
}

/// `strconv.Quote`.
pub(super) fn quoted(text: &str) -> String {
    let mut out = String::with_capacity(text.len() + 2);
    out.push('"');
    for letter in text.chars() {
        push_quoted(letter, &mut out);
    }
    out.push('"');
    out
}

fn push_quoted(letter: char, out: &mut String) {
    match letter {
        '"' => out.push_str("\\\""),
        '\\' => out.push_str("\\\\"),
        '\u{7}' => out.push_str("\\a"),
        '\u{8}' => out.push_str("\\b"),
        '\u{c}' => out.push_str("\\f"),
        '\n' => out.push_str("\\n"),
        '\r' => out.push_str("\\r"),
        '\t' => out.push_str("\\t"),
        '\u{b}' => out.push_str("\\v"),
        '\u{0}'..='\u{1f}' | '\u{7f}' => out.push_str(&format!("\\x{:02x}", u32::from(letter))),
        '\u{80}'..='\u{a0}' | '\u{ad}' | '\u{2028}' | '\u{2029}' | '\u{feff}' => out.push_str(&format!("\\u{:04x}", u32::from(letter))),
        other => out.push(other),
    }
}

/// `%q` of a text, its places kept.
pub(super) fn quoted_text(text: &Text) -> Text {
    let mut out = TextBuffer::default();
    let plain = |letter: char| {
        let mut one = String::new();
        push_quoted(letter, &mut one);
        one.chars().count() == 1
    };
    let whole = text.as_str();
    let place = text.marks().first().map_or(Place::NONE, |mark| Place { exact: false, ..mark.place.clone() });
    out.push_str("\"", &place);
    let mut start = 0;
    for (at, letter) in whole.char_indices() {
        if !plain(letter) {
            out.push(&text.part(start, at), &Place::NONE);
            let mut escaped = String::new();
            push_quoted(letter, &mut escaped);
            out.push_str(&escaped, &place);
            start = at + letter.len_utf8();
        }
    }
    out.push(&text.part(start, whole.len()), &Place::NONE);
    out.push_str("\"", &place);
    out.finish()
}

/// `fmt.Sprintf`.
pub(super) fn sprintf(format: &Text, arguments: &[Val], marker: char) -> Text {
    let mut out = TextBuffer::default();
    let text = format.as_str();
    let mut at = 0;
    let mut next = 0_usize;
    let mut reordered = false;
    while let Some(found) = text.get(at..).and_then(|rest| rest.find('%')) {
        out.push(&format.part(at, at + found), &Place::NONE);
        let mut letters = text.get(at + found + 1..).unwrap_or_default().char_indices().peekable();
        let mut flags = Flags::default();
        while let Some((_, letter)) = letters.peek() {
            match letter {
                '+' => flags.plus = true,
                '-' => {
                    flags.minus = true;
                    flags.zero = false;
                }
                '#' => flags.sharp = true,
                ' ' => flags.space = true,
                '0' => flags.zero = !flags.minus,
                _ => break,
            }
            letters.next();
        }
        let mut index = |letters: &mut std::iter::Peekable<std::str::CharIndices<'_>>, next: &mut usize| {
            if letters.peek().is_some_and(|(_, letter)| *letter == '[') {
                letters.next();
                let mut number = 0_usize;
                for (_, letter) in letters.by_ref() {
                    match letter.to_digit(10) {
                        Some(digit) => number = number.saturating_mul(10).saturating_add(digit as usize),
                        None => break,
                    }
                }
                *next = number.saturating_sub(1);
                reordered = true;
            }
        };
        index(&mut letters, &mut next);
        flags.width = size(&mut letters, arguments, &mut next);
        if flags.width.is_some()
            && matches!(arguments.get(next.wrapping_sub(1)).map(|value| &value.data), Some(Data::Int(width, _)) if *width < 0 && text.contains('*'))
        {
            flags.minus = true;
        }
        if letters.peek().is_some_and(|(_, letter)| *letter == '.') {
            letters.next();
            flags.precision = Some(size(&mut letters, arguments, &mut next).unwrap_or(0));
        }
        index(&mut letters, &mut next);
        let Some((offset, verb)) = letters.next() else {
            out.push_str("%!(NOVERB)", &Place::NONE);
            at = text.len();
            break;
        };
        at += found + 1 + offset + verb.len_utf8();
        if verb == '%' {
            out.push_str("%", &Place::NONE);
            continue;
        }
        let Some(argument) = arguments.get(next) else {
            out.push_str(&format!("%!{verb}({})", if reordered { "BADINDEX" } else { "MISSING" }), &Place::NONE);
            continue;
        };
        next += 1;
        if verb == 'v' {
            flags.plus = false;
        }
        let plain = flags.width.is_none() && flags.precision.is_none() && !flags.sharp;
        match (&argument.data, verb) {
            (Data::Str(text), 's' | 'v') if plain => out.push(&text.showing(argument.from.as_ref()), &Place::NONE),
            (Data::Str(text), 'q') if plain => out.push(&quoted_text(&text.showing(argument.from.as_ref())), &Place::NONE),
            (Data::Lost(lost), 'q') => out.push_str(&quoted(&marked(*lost, marker)), &Place::NONE),
            (_, 'T') => out.push_str(argument.type_name(), &Place::NONE),
            _ => {
                let mut shown = String::new();
                write(argument, verb, &flags, marker, &mut shown, 0);
                out.push(&Text::from(shown).showing(argument.from.as_ref()), &Place::NONE);
            }
        }
        if out.len() > MAX {
            return out.finish();
        }
    }
    out.push(&format.part(at, text.len()), &Place::NONE);
    if !reordered && next < arguments.len() {
        let extra: Vec<String> = arguments
            .get(next..)
            .unwrap_or_default()
            .iter()
            .map(|value| if value.is_nil() { "<nil>".to_owned() } else { format!("{}={}", value.type_name(), sprint(value, marker)) })
            .collect();
        out.push_str(&format!("%!(EXTRA {})", extra.join(", ")), &Place::NONE);
    }
    out.finish()
}

/// A width or precision: digits, or `*` for an argument. No more than a text may have columns.
fn size(letters: &mut std::iter::Peekable<std::str::CharIndices<'_>>, arguments: &[Val], next: &mut usize) -> Option<usize> {
    const MOST: usize = 10_000;
    if letters.peek().is_some_and(|(_, letter)| *letter == '*') {
        letters.next();
        let value = arguments.get(*next);
        *next += 1;
        return match value.map(|value| &value.data) {
            Some(Data::Int(width, _)) => Some(usize::try_from(width.unsigned_abs()).unwrap_or(MOST).min(MOST)),
            _ => None,
        };
    }
    let mut number = None;
    while let Some(digit) = letters.peek().and_then(|(_, letter)| letter.to_digit(10)) {
        letters.next();
        number = Some((number.unwrap_or(0) * 10 + digit as usize).min(MOST));
    }
    number
}

/// `fmt.Sprint`: a space between two neighbours that are no strings.
pub(super) fn print(arguments: &[Val], marker: char) -> Text {
    let mut out = TextBuffer::default();
    let is_text = |value: &Val| matches!(value.data, Data::Str(_) | Data::Lost(_));
    for (at, argument) in arguments.iter().enumerate() {
        let before = at.checked_sub(1).and_then(|at| arguments.get(at));
        if before.is_some_and(|before| !is_text(before) && !is_text(argument)) {
            out.push_str(" ", &Place::NONE);
        }
        push_value(argument, marker, &mut out);
    }
    out.finish()
}

/// `fmt.Sprintln`.
pub(super) fn println(arguments: &[Val], marker: char) -> Text {
    let mut out = TextBuffer::default();
    for (at, argument) in arguments.iter().enumerate() {
        if at > 0 {
            out.push_str(" ", &Place::NONE);
        }
        push_value(argument, marker, &mut out);
    }
    out.push_str("\n", &Place::NONE);
    out.finish()
}

fn push_value(value: &Val, marker: char, out: &mut TextBuffer) {
    match &value.data {
        Data::Str(text) => out.push(&text.showing(value.from.as_ref()), &Place::NONE),
        _ => out.push(&Text::from(sprint(value, marker)).showing(value.from.as_ref()), &Place::NONE),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(format: &str, arguments: &[Val], expected: &str) {
        assert_eq!(sprintf(&Text::from(format), arguments, '\u{e000}').as_str(), expected, "for {format}");
    }

    #[test]
    fn floats() {
        let check = |value: f64, expected: &str| assert_eq!(float_g(value), expected);
        check(8080.0, "8080");
        check(1e6, "1e+06");
        check(1_234_567.0, "1.234567e+06");
        check(100_000.0, "100000");
        check(0.5, "0.5");
        check(0.00001, "1e-05");
        check(0.0001, "0.0001");
        check(-3.25, "-3.25");
        check(1e100, "1e+100");
        check(123_456_789.125, "1.23456789125e+08");
        let json = |value: f64, expected: &str| assert_eq!(float_json(value), expected);
        json(1e6, "1000000");
        json(1e21, "1e+21");
        json(1e-7, "1e-7");
        json(0.0, "0");
    }

    #[test]
    fn verbs() {
        check("%s-%d", &[Val::from("a"), Val::int(5)], "a-5");
        check("%05d|%-5d|%5d|%+d", &[Val::int(42), Val::int(42), Val::int(-42), Val::int(7)], "00042|42   |  -42|+7");
        check("%-10s|%5s|%.2s", &[Val::from("ab"), Val::from("ab"), Val::from("abc")], "ab        |   ab|ab");
        check("%q %v %t", &[Val::from("a\"b\n"), Val::float(1e6), Val::from(true)], "\"a\\\"b\\n\" 1e+06 true");
        check(
            "%.2f %6.2f %e %g",
            &[Val::float(3.125), Val::float(2.5), Val::float(1234.5), Val::float(0.1)],
            "3.12   2.50 1.234500e+03 0.1",
        );
        check(
            "%x %X %o %b %c %U",
            &[Val::int(255), Val::int(255), Val::int(8), Val::int(5), Val::int(65), Val::int(65)],
            "ff FF 10 101 A U+0041",
        );
        check("%T %T %T", &[Val::from("a"), Val::float(1.0), Val::nil()], "string float64 <nil>");
        check("%d%%", &[Val::int(5)], "5%");
        check("%d %s", &[Val::from("a")], "%!d(string=a) %!s(MISSING)");
        check("%s", &[Val::int(1)], "%!s(int=1)");
        check("%s", &[Val::nil()], "%!s(<nil>)");
        check("a", &[Val::int(1)], "a%!(EXTRA int=1)");
        check("%[2]s %[1]s", &[Val::from("a"), Val::from("b")], "b a");
        check("%*d", &[Val::int(5), Val::int(42)], "   42");
        check("%v %s", &[vec![Val::from("a"), Val::int(1)].into(), vec![Val::from("a")].into()], "[a 1] [a]");
        check("%", &[], "%!(NOVERB)");
    }
}
