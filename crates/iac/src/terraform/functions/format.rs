//! `format` and `formatlist`: the verbs of the Terraform documentation, and what is known of a text of which a part is not.

use std::fmt::Write as _;

use probity_value::{Data, Number, Unknown, Value};
use unicode_segmentation::UnicodeSegmentation as _;

use super::encoding::to_json;
use super::support::{Call, Stop, describe, to_bool, to_number, to_text};

/// Widest field and finest precision.
const MAX_WIDTH: usize = 65_536;

/// One `%` sequence.
#[derive(Default)]
struct Verb<'f> {
    raw: &'f str,
    sharp: bool,
    zero: bool,
    minus: bool,
    plus: bool,
    space: bool,
    width: Option<usize>,
    precision: Option<usize>,
    mode: char,
}

pub(super) fn format(call: &Call<'_>) -> Result<Value, Stop> {
    let text = call.text(0)?;
    let args: Vec<&Value> = call.args.iter().skip(1).collect();
    match render(call, &text, &args)? {
        Rendered::Whole(out) => Ok(call.string(out)),
        Rendered::Until(prefix, unknown) => Err(Stop::With(call.unknown_text(unknown, prefix))),
    }
}

pub(super) fn formatlist(call: &Call<'_>) -> Result<Value, Stop> {
    let text = call.text(0)?;
    let mut length: Option<(usize, usize)> = None;
    for (index, arg) in call.args.iter().enumerate().skip(1) {
        // An unknown may be a list, of whatever length.
        if arg.is_unknown() && !super::support::surely_text(arg) {
            call.known(index)?;
        }
        if let Some(items) = arg.as_list() {
            match length {
                Some((other, count)) if count != items.len() => {
                    return Err(call.error(format!(
                        "argument {} has {} items, but argument {} has {count}",
                        index + 1,
                        items.len(),
                        other + 1
                    )));
                }
                Some(_) => {}
                None => length = Some((index, items.len())),
            }
        }
    }
    let rounds = length.map_or(1, |(_, count)| count);
    call.room_for_items(rounds)?;
    let mut out = Vec::with_capacity(rounds);
    for round in 0..rounds {
        let args: Vec<&Value> =
            call.args.iter().skip(1).map(|arg| arg.as_list().and_then(|items| items.get(round)).unwrap_or(arg)).collect();
        let item = match render(call, &text, &args)? {
            Rendered::Whole(text) => call.string(text),
            Rendered::Until(prefix, unknown) => call.unknown_text(unknown, prefix),
        };
        out.push(super::support::with_marks(item, args.into_iter(), true));
    }
    Ok(call.list_value(out))
}

enum Rendered<'v> {
    Whole(String),
    /// The text up to the first argument with an unknown part, and why it is unknown.
    Until(String, &'v Unknown),
}

fn render<'v>(call: &Call<'_>, format: &str, args: &[&'v Value]) -> Result<Rendered<'v>, Stop> {
    let mut out = String::with_capacity(format.len());
    let mut rest = format;
    let mut next = 1;
    let mut used = 0;
    while let Some(at) = rest.find('%') {
        out.push_str(rest.get(..at).unwrap_or_default());
        rest = rest.get(at + 1..).unwrap_or_default();
        if let Some(after) = rest.strip_prefix('%') {
            out.push('%');
            rest = after;
            continue;
        }
        let (verb, index, after) = parse(call, rest)?;
        rest = after;
        let number = index.unwrap_or(next);
        next = number + 1;
        used = used.max(number);
        let Some(arg) = number.checked_sub(1).and_then(|at| args.get(at)) else {
            return Err(call.error(format!("not enough arguments for `%{}`: it wants number {number} of {}", verb.raw, args.len())));
        };
        if let Some(reason) = call.find_unknown(arg)? {
            if arg.is_unknown() && matches!(verb.mode, 's' | 'v') && verb.width.is_none() && verb.precision.is_none() && !verb.sharp {
                out.push_str(&reason.prefix);
            }
            return Ok(Rendered::Until(out, reason));
        }
        append(call, &verb, arg, &mut out)?;
        call.spend(1)?;
        if out.len() > super::support::MAX_TEXT {
            call.room_for_text(out.len())?;
        }
    }
    out.push_str(rest);
    if used < args.len() && !args.is_empty() {
        return Err(call.error(format!("too many arguments: the format uses {used} of {}", args.len())));
    }
    call.room_for_text(out.len())?;
    Ok(Rendered::Whole(out))
}

/// What follows a `%`: the verb, the explicit number of its argument, and what is left.
fn parse<'f>(call: &Call<'_>, text: &'f str) -> Result<(Verb<'f>, Option<usize>, &'f str), Stop> {
    let mut verb = Verb::default();
    let mut rest = text;
    while let Some(letter) = rest.chars().next() {
        match letter {
            '#' => verb.sharp = true,
            '0' => verb.zero = true,
            '-' => verb.minus = true,
            '+' => verb.plus = true,
            ' ' => verb.space = true,
            _ => break,
        }
        rest = rest.get(1..).unwrap_or_default();
    }
    let mut index = None;
    let mut take_index = |rest: &mut &'f str| -> Result<(), Stop> {
        if let Some(after) = rest.strip_prefix('[') {
            let (number, left) = after.split_once(']').ok_or_else(|| call.error("`[` without `]` in the format"))?;
            let number: usize = number.parse().map_err(|_| call.error(format!("`{number}` is not the number of an argument")))?;
            index = Some(number);
            *rest = left;
        }
        Ok(())
    };
    take_index(&mut rest)?;
    verb.width = digits(call, &mut rest)?;
    if let Some(after) = rest.strip_prefix('.') {
        rest = after;
        verb.precision = Some(digits(call, &mut rest)?.unwrap_or(0));
    }
    take_index(&mut rest)?;
    let Some(mode) = rest.chars().next().filter(char::is_ascii_alphabetic) else {
        return Err(call.error(format!("`%{}` is not a format verb", text.chars().take(8).collect::<String>())));
    };
    verb.mode = mode;
    let after = rest.get(1..).unwrap_or_default();
    verb.raw = text.get(..text.len() - after.len()).unwrap_or_default();
    Ok((verb, index, after))
}

fn digits(call: &Call<'_>, rest: &mut &str) -> Result<Option<usize>, Stop> {
    let count = rest.bytes().take_while(u8::is_ascii_digit).count();
    if count == 0 {
        return Ok(None);
    }
    let number = rest.get(..count).unwrap_or_default();
    *rest = rest.get(count..).unwrap_or_default();
    match number.parse::<usize>() {
        Ok(value) if value <= MAX_WIDTH => Ok(Some(value)),
        _ => Err(call.error(format!("`{}` is too wide a field", number.chars().take(20).collect::<String>()))),
    }
}

fn append(call: &Call<'_>, verb: &Verb<'_>, arg: &Value, out: &mut String) -> Result<(), Stop> {
    let wrong = |wanted: &str| call.error(format!("`%{}` wants {wanted}, not {}", verb.raw, describe(arg)));
    if arg.is_null() && verb.mode != 'v' {
        return Err(wrong("a value"));
    }
    match verb.mode {
        'v' => {
            let text = match &arg.data {
                Data::String(text) if !verb.sharp => text.to_string(),
                Data::Number(number) if !verb.sharp => shortest(number.as_f64(), false),
                _ => to_json(arg).ok_or_else(|| wrong("a value that can be written as JSON"))?,
            };
            pad(verb, &text, out);
        }
        't' => {
            let value = to_bool(arg).ok_or_else(|| wrong("a bool"))?;
            out.push_str(if value { "true" } else { "false" });
        }
        's' | 'q' => {
            let text = to_text(arg).ok_or_else(|| wrong("a string"))?;
            let text: String = match verb.precision {
                Some(count) if count > 0 => text.graphemes(true).take(count).collect(),
                _ => text.to_string(),
            };
            if verb.mode == 's' {
                pad(verb, &text, out);
            } else {
                let quoted = to_json(&call.string(text)).ok_or_else(|| wrong("a string"))?;
                pad(verb, &quoted, out);
            }
        }
        'b' | 'd' | 'o' | 'x' | 'X' => {
            let number = to_number(arg).ok_or_else(|| wrong("a whole number"))?;
            integer(verb, number).map(|text| out.push_str(&text)).ok_or_else(|| wrong("a whole number"))?;
        }
        'e' | 'E' | 'f' | 'g' | 'G' => {
            let number = to_number(arg).ok_or_else(|| wrong("a number"))?;
            out.push_str(&float(verb, number.as_f64()));
        }
        other => return Err(call.error(format!("`%{other}` is not a format verb"))),
    }
    Ok(())
}

fn pad(verb: &Verb<'_>, text: &str, out: &mut String) {
    let missing = verb.width.unwrap_or(0).saturating_sub(text.graphemes(true).count());
    let fill = if verb.zero { "0" } else { " " }.repeat(missing);
    if verb.minus {
        out.push_str(text);
        out.push_str(&fill);
    } else {
        out.push_str(&fill);
        out.push_str(text);
    }
}

/// Sign, sign of the base, digits and padding of a number as C's `printf` puts them together.
fn numeric(verb: &Verb<'_>, negative: bool, base: &str, digits: &str, zero_fill: bool) -> String {
    let sign = if negative {
        "-"
    } else if verb.plus {
        "+"
    } else if verb.space {
        " "
    } else {
        ""
    };
    let missing = verb.width.unwrap_or(0).saturating_sub(sign.len() + base.len() + digits.len());
    if verb.minus {
        format!("{sign}{base}{digits}{}", " ".repeat(missing))
    } else if zero_fill {
        format!("{sign}{base}{}{digits}", "0".repeat(missing))
    } else {
        format!("{}{sign}{base}{digits}", " ".repeat(missing))
    }
}

fn integer(verb: &Verb<'_>, number: Number) -> Option<String> {
    let (negative, magnitude) = match number {
        Number::Int(value) => (value < 0, u128::from(value.unsigned_abs())),
        Number::Float(value) if value.fract() == 0.0 && value.abs() < 3.4e38 => {
            #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "checked to be whole and in range")]
            let magnitude = value.abs() as u128;
            (value < 0.0, magnitude)
        }
        Number::Float(_) => return None,
    };
    let mut digits = match verb.mode {
        'b' => format!("{magnitude:b}"),
        'o' => format!("{magnitude:o}"),
        'x' => format!("{magnitude:x}"),
        'X' => format!("{magnitude:X}"),
        _ => magnitude.to_string(),
    };
    if let Some(precision) = verb.precision {
        if precision == 0 && magnitude == 0 {
            digits.clear();
        }
        digits = format!("{}{digits}", "0".repeat(precision.saturating_sub(digits.len())));
    }
    let base = match verb.mode {
        'b' if verb.sharp => "0b",
        'o' if verb.sharp => "0",
        'x' if verb.sharp => "0x",
        'X' if verb.sharp => "0X",
        _ => "",
    };
    Some(numeric(verb, negative, base, &digits, verb.zero && verb.precision.is_none()))
}

fn float(verb: &Verb<'_>, value: f64) -> String {
    let magnitude = value.abs();
    let digits = match verb.mode {
        'f' => format!("{magnitude:.*}", verb.precision.unwrap_or(6)),
        'e' | 'E' => exponent(&format!("{magnitude:.*e}", verb.precision.unwrap_or(6)), verb.mode),
        mode => match verb.precision {
            None => shortest(magnitude, mode == 'G'),
            Some(precision) => significant(magnitude, precision.max(1), mode == 'G'),
        },
    };
    numeric(verb, value.is_sign_negative() && value != 0.0, "", &digits, verb.zero)
}

/// Rust writes `1e5`, C and Go `1e+05`.
fn exponent(text: &str, mode: char) -> String {
    let Some((mantissa, power)) = text.split_once('e') else { return text.to_owned() };
    let (sign, power) = match power.strip_prefix('-') {
        Some(power) => ('-', power),
        None => ('+', power),
    };
    let mut out = format!("{mantissa}{mode}{sign}");
    let _ = write!(out, "{power:0>2}");
    out
}

/// Power of ten of the first digit.
fn power_of(value: f64) -> i32 {
    format!("{value:e}").rsplit_once('e').and_then(|(_, power)| power.parse().ok()).unwrap_or(0)
}

/// The fewest digits that mean the same number, with an exponent below 1e-4 and from 1e6 on, as Go writes its big floats.
fn shortest(value: f64, upper: bool) -> String {
    let power = power_of(value.abs());
    if value != 0.0 && !(-4..6).contains(&power) {
        exponent(&format!("{value:e}"), if upper { 'E' } else { 'e' })
    } else {
        format!("{value}")
    }
}

/// That many significant digits without zeros at the end.
fn significant(value: f64, precision: usize, upper: bool) -> String {
    let scientific = format!("{value:.*e}", precision - 1);
    let power: i32 = scientific.rsplit_once('e').and_then(|(_, power)| power.parse().ok()).unwrap_or(0);
    if power < -4 || usize::try_from(power).is_ok_and(|power| power >= precision) {
        let (mantissa, power) = scientific.split_once('e').unwrap_or((&scientific, "0"));
        return exponent(&format!("{}e{power}", trim_zeros(mantissa)), if upper { 'E' } else { 'e' });
    }
    let decimals = usize::try_from(i32::try_from(precision).unwrap_or(i32::MAX).saturating_sub(1).saturating_sub(power)).unwrap_or(0);
    trim_zeros(&format!("{value:.decimals$}")).to_owned()
}

fn trim_zeros(text: &str) -> &str {
    if text.contains('.') { text.trim_end_matches('0').trim_end_matches('.') } else { text }
}
