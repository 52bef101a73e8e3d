//! Text made of a format and values, with the verbs of Go's `fmt`.

use num_bigint::{BigInt, Sign};

use crate::builtins::operands::{array, text};
use crate::builtins::{Answer, Context, Failure};
use crate::number::Number;
use crate::term::{Term, is_printable, quote};

/// The greatest width or precision that is taken.
const MAX_WIDTH: i64 = 1_000_000;

/// A value as Go's formatter sees it.
#[derive(Clone, Debug)]
pub(super) enum Value {
    /// A whole number, and Go's name of its type.
    Int(i64, &'static str),
    /// A double.
    Float(f64),
    /// A whole number of any size.
    Big(BigInt),
    /// Text, and Go's name of its type.
    Text(String, &'static str),
    /// True or false.
    Bool(bool),
    /// A list or map, written out already, and Go's name of its type.
    Other(String, &'static str),
    /// Nothing.
    Nil,
}

impl Value {
    fn type_name(&self) -> &'static str {
        match self {
            Value::Int(_, name) | Value::Text(_, name) | Value::Other(_, name) => name,
            Value::Float(_) => "float64",
            Value::Big(_) => "big.Int",
            Value::Bool(_) => "bool",
            Value::Nil => "<nil>",
        }
    }

    /// What an argument of `sprintf` becomes.
    fn of(term: &Term) -> Value {
        match term {
            Term::Number(Number::Int(value)) => Value::Int(*value, "int64"),
            Term::Number(number @ Number::Wide(wide)) => {
                let text = wide.text();
                if let Some(value) = number.as_i64() {
                    Value::Int(value, "int64")
                } else if !number.is_written_as_float() {
                    number.to_big().map_or_else(|| Value::Text(text.to_owned(), "string"), Value::Big)
                } else if text.contains('.') && wide_is_double(number) {
                    Value::Float(number.to_f64())
                } else {
                    Value::Text(text.to_owned(), "string")
                }
            }
            Term::String(text) => Value::Text(text.to_string(), "string"),
            other => Value::Text(other.to_string(), "string"),
        }
    }
}

fn wide_is_double(number: &Number) -> bool {
    number.to_f64().is_finite()
}

/// `sprintf(format, values)`
pub(super) fn sprintf(context: &mut Context<'_>, arguments: &[Term]) -> Answer {
    let (format, values) = (text(arguments, 0)?, array(arguments, 1)?);
    // Most formats have no more than `%s`, `%v` and `%d`.
    let mut values_iter = values.iter();
    if let Some(out) = simple(format, &mut values_iter) {
        context.spend(out.len())?;
        return Ok(Term::from(out));
    }
    let values: Vec<Value> = values.iter().map(|term| Value::of(&term)).collect();
    let mut printer = Printer { out: String::with_capacity(format.len() + 16), left: usize::try_from(context.bytes).unwrap_or(usize::MAX) };
    printer.print(format, &values)?;
    context.spend(printer.out.len())?;
    Ok(Term::from(printer.out))
}

/// The text of a format with plain verbs that fit its values; none where it takes more.
fn simple(format: &str, values: &mut dyn ExactSizeIterator<Item = Term>) -> Option<String> {
    let mut out = String::with_capacity(format.len() + 16 * values.len());
    let mut pieces = format.split('%');
    out.push_str(pieces.next()?);
    for piece in pieces {
        let value = values.next()?;
        let verb = piece.chars().next()?;
        match (verb, &value) {
            ('s' | 'v', Term::String(text)) => out.push_str(text),
            ('d' | 'v', Term::Number(Number::Int(value))) => out.push_str(&value.to_string()),
            (_, Term::String(_) | Term::Number(_)) => return None,
            ('s' | 'v', other) => out.push_str(&other.to_string()),
            _ => return None,
        }
        out.push_str(piece.get(1..)?);
    }
    if values.len() == 0 { Some(out) } else { None }
}

/// Prints values with a format, as `fmt.Sprintf` does.
pub(super) fn format(text: &str, values: &[Value], most: usize) -> Result<String, Failure> {
    let mut printer = Printer { out: String::new(), left: most };
    printer.print(text, values)?;
    Ok(printer.out)
}

#[derive(Clone, Copy, Default)]
struct Flags {
    sharp: bool,
    zero: bool,
    plus: bool,
    minus: bool,
    space: bool,
    width: Option<usize>,
    precision: Option<usize>,
}

struct Printer {
    out: String,
    /// Bytes that may be made.
    left: usize,
}

/// Where a verb's argument comes from.
struct Arguments {
    next: usize,
    reordered: bool,
    good: bool,
}

impl Printer {
    fn print(&mut self, format: &str, values: &[Value]) -> Result<(), Failure> {
        let letters: Vec<char> = format.chars().collect();
        let at = |position: usize| letters.get(position).copied();
        let mut position = 0;
        let mut arguments = Arguments { next: 0, reordered: false, good: true };
        while let Some(letter) = at(position) {
            position += 1;
            if letter != '%' {
                self.out.push(letter);
                continue;
            }
            if self.out.len() > self.left {
                return Err(Failure::Halt("more bytes would be made than an evaluation may make".to_owned()));
            }
            let mut flags = Flags::default();
            arguments.good = true;
            while let Some(letter) = at(position) {
                match letter {
                    '#' => flags.sharp = true,
                    '0' => flags.zero = true,
                    '+' => flags.plus = true,
                    '-' => flags.minus = true,
                    ' ' => flags.space = true,
                    _ => break,
                }
                position += 1;
            }
            let mut after_index = argument_number(&letters, &mut position, &mut arguments, values.len());
            if at(position) == Some('*') {
                position += 1;
                match values.get(arguments.next) {
                    Some(Value::Int(width, _)) if width.abs() <= MAX_WIDTH => {
                        flags.minus |= *width < 0;
                        flags.width = usize::try_from(width.unsigned_abs()).ok();
                    }
                    _ => self.out.push_str("%!(BADWIDTH)"),
                }
                arguments.next += 1;
                after_index = false;
            } else {
                let (width, is_number) = digits(&letters, &mut position);
                flags.width = is_number.then_some(width).flatten();
                if after_index && is_number {
                    arguments.good = false;
                }
            }
            if at(position) == Some('.') {
                position += 1;
                if after_index {
                    arguments.good = false;
                }
                after_index = argument_number(&letters, &mut position, &mut arguments, values.len());
                if at(position) == Some('*') {
                    position += 1;
                    match values.get(arguments.next) {
                        Some(Value::Int(precision @ 0..=MAX_WIDTH, _)) => flags.precision = usize::try_from(*precision).ok(),
                        Some(Value::Int(..=-1, _)) => {}
                        _ => self.out.push_str("%!(BADPREC)"),
                    }
                    arguments.next += 1;
                    after_index = false;
                } else {
                    let (precision, is_number) = digits(&letters, &mut position);
                    flags.precision = if is_number { precision } else { Some(0) };
                }
            }
            if !after_index {
                argument_number(&letters, &mut position, &mut arguments, values.len());
            }
            let Some(verb) = at(position) else {
                self.out.push_str("%!(NOVERB)");
                break;
            };
            position += 1;
            if verb == '%' {
                self.out.push('%');
            } else if !arguments.good {
                self.out.push_str(&format!("%!{verb}(BADINDEX)"));
            } else if let Some(value) = values.get(arguments.next) {
                arguments.next += 1;
                self.value(value, verb, flags);
            } else {
                self.out.push_str(&format!("%!{verb}(MISSING)"));
            }
        }
        if !arguments.reordered && arguments.next < values.len() {
            self.out.push_str("%!(EXTRA ");
            for (position, value) in values.iter().skip(arguments.next).enumerate() {
                if position > 0 {
                    self.out.push_str(", ");
                }
                if let Value::Nil = value {
                    self.out.push_str("<nil>");
                } else {
                    self.out.push_str(pointer_name(value));
                    self.out.push('=');
                    self.value(value, 'v', Flags::default());
                }
            }
            self.out.push(')');
        }
        Ok(())
    }

    fn value(&mut self, value: &Value, verb: char, flags: Flags) {
        if verb == 'T' {
            self.padded(pointer_name(value), Flags { zero: false, ..flags });
            return;
        }
        let done = match value {
            Value::Int(value, _) => self.int(*value, verb, flags),
            Value::Float(value) => self.float(*value, verb, flags),
            Value::Big(value) => self.big(value, verb, flags),
            Value::Text(text, _) => self.text(text, verb, flags),
            Value::Bool(value) if matches!(verb, 't' | 'v') => {
                self.padded(if *value { "true" } else { "false" }, flags);
                true
            }
            Value::Other(text, _) if matches!(verb, 's' | 'v') => {
                self.padded(text, flags);
                true
            }
            Value::Nil if verb == 'v' => {
                self.padded("<nil>", flags);
                true
            }
            _ => false,
        };
        if !done {
            self.out.push_str(&format!("%!{verb}("));
            if let Value::Nil = value {
                self.out.push_str("<nil>");
            } else {
                self.out.push_str(value.type_name());
                self.out.push('=');
                self.value(value, 'v', flags);
            }
            self.out.push(')');
        }
    }

    fn padded(&mut self, text: &str, flags: Flags) {
        let missing = flags.width.unwrap_or(0).saturating_sub(text.chars().count());
        if flags.minus {
            self.out.push_str(text);
            (0..missing).for_each(|_| self.out.push(' '));
        } else {
            let filler = if flags.zero { '0' } else { ' ' };
            (0..missing).for_each(|_| self.out.push(filler));
            self.out.push_str(text);
        }
    }

    fn int(&mut self, value: i64, verb: char, flags: Flags) -> bool {
        let (base, upper) = match verb {
            'd' | 'v' => (10, false),
            'b' => (2, false),
            'o' | 'O' => (8, false),
            'x' => (16, false),
            'X' => (16, true),
            'c' => {
                let letter = u32::try_from(value).ok().and_then(char::from_u32).unwrap_or(char::REPLACEMENT_CHARACTER);
                self.padded(&letter.to_string(), flags);
                return true;
            }
            'q' => {
                let letter = u32::try_from(value).ok().and_then(char::from_u32).unwrap_or(char::REPLACEMENT_CHARACTER);
                let quoted = match letter {
                    '\'' => "'\\''".to_owned(),
                    '"' => "'\"'".to_owned(),
                    _ => format!("'{}'", inside(&quote(&letter.to_string()))),
                };
                let quoted = if flags.plus { ascii(&quoted) } else { quoted };
                self.padded(&quoted, flags);
                return true;
            }
            'U' => {
                #[expect(clippy::cast_sign_loss, reason = "Go shows the bits")]
                let code = value as u64;
                let mut text = format!("U+{code:0>width$X}", width = flags.precision.unwrap_or(4).max(4));
                if flags.sharp
                    && let Some(letter) = u32::try_from(value).ok().and_then(char::from_u32)
                    && is_printable(letter)
                {
                    text.push_str(&format!(" '{letter}'"));
                }
                self.padded(&text, Flags { zero: false, ..flags });
                return true;
            }
            _ => return false,
        };
        let digits = BigInt::from(value.unsigned_abs()).to_str_radix(base);
        let digits = if upper { digits.to_uppercase() } else { digits };
        self.digits(&digits, value < 0, base, verb, flags);
        true
    }

    fn big(&mut self, value: &BigInt, verb: char, flags: Flags) -> bool {
        let (base, upper) = match verb {
            'd' | 'v' | 's' => (10, false),
            'b' => (2, false),
            'o' | 'O' => (8, false),
            'x' => (16, false),
            'X' => (16, true),
            _ => return false,
        };
        let digits = value.magnitude().to_str_radix(base);
        let digits = if upper { digits.to_uppercase() } else { digits };
        self.digits(&digits, value.sign() == Sign::Minus, base, verb, flags);
        true
    }

    fn digits(&mut self, digits: &str, negative: bool, base: u32, verb: char, flags: Flags) {
        if flags.precision == Some(0) && digits == "0" {
            self.padded("", Flags { zero: false, ..flags });
            return;
        }
        let signed = negative || flags.plus || flags.space;
        let least = match (flags.precision, flags.width) {
            (Some(precision), _) => precision,
            (None, Some(width)) if flags.zero && !flags.minus => width.saturating_sub(usize::from(signed)),
            _ => 0,
        };
        let mut text = String::new();
        if negative {
            text.push('-');
        } else if flags.plus {
            text.push('+');
        } else if flags.space {
            text.push(' ');
        }
        let zeros = least.saturating_sub(digits.len());
        if verb == 'O' {
            text.push_str("0o");
        } else if flags.sharp {
            match base {
                2 => text.push_str("0b"),
                8 if zeros == 0 && !digits.starts_with('0') => text.push('0'),
                16 => text.push_str(if verb == 'X' { "0X" } else { "0x" }),
                _ => {}
            }
        }
        (0..zeros).for_each(|_| text.push('0'));
        text.push_str(digits);
        self.padded(&text, Flags { zero: false, ..flags });
    }

    fn float(&mut self, value: f64, verb: char, flags: Flags) -> bool {
        let text = match verb {
            'v' => float_text(value.abs(), 'g', flags.precision),
            'g' | 'G' => float_text(value.abs(), 'g', flags.precision),
            'e' | 'E' => float_text(value.abs(), 'e', Some(flags.precision.unwrap_or(6))),
            'f' | 'F' => float_text(value.abs(), 'f', Some(flags.precision.unwrap_or(6))),
            'x' | 'X' => hex_float(value.abs()),
            _ => return false,
        };
        let text = if verb.is_ascii_uppercase() { text.to_uppercase() } else { text };
        let sign = if value.is_sign_negative() {
            "-"
        } else if flags.plus {
            "+"
        } else if flags.space {
            " "
        } else {
            ""
        };
        if flags.zero && !flags.minus {
            let zeros = flags.width.unwrap_or(0).saturating_sub(sign.len() + text.len());
            self.out.push_str(sign);
            (0..zeros).for_each(|_| self.out.push('0'));
            self.out.push_str(&text);
        } else {
            self.padded(&format!("{sign}{text}"), flags);
        }
        true
    }

    fn text(&mut self, text: &str, verb: char, flags: Flags) -> bool {
        let cut = match flags.precision {
            Some(most) => text.char_indices().nth(most).and_then(|(at, _)| text.get(..at)).unwrap_or(text),
            None => text,
        };
        match verb {
            's' | 'v' => self.padded(cut, flags),
            'q' => {
                let quoted = if flags.sharp && !cut.contains('`') && !cut.chars().any(|letter| letter.is_control() && letter != '\t') {
                    format!("`{cut}`")
                } else if flags.plus {
                    ascii(&quote(cut))
                } else {
                    quote(cut)
                };
                self.padded(&quoted, flags);
            }
            'x' | 'X' => {
                let bytes = text.as_bytes();
                let bytes = bytes.get(..flags.precision.unwrap_or(bytes.len()).min(bytes.len())).unwrap_or_default();
                let prefix = if flags.sharp { "0x" } else { "" };
                let pairs: Vec<String> = bytes.iter().map(|byte| format!("{byte:02x}")).collect();
                let joined = if flags.space {
                    pairs.iter().map(|pair| format!("{prefix}{pair}")).collect::<Vec<_>>().join(" ")
                } else {
                    pairs.concat()
                };
                let whole = if flags.space || joined.is_empty() { joined } else { format!("{prefix}{joined}") };
                self.padded(&if verb == 'X' { whole.to_uppercase() } else { whole }, flags);
            }
            _ => return false,
        }
        true
    }
}

/// Go's name of a type in messages; of big numbers as they are passed.
fn pointer_name(value: &Value) -> &'static str {
    match value {
        Value::Big(_) => "*big.Int",
        other => other.type_name(),
    }
}

/// What stands between quotation marks.
fn inside(quoted: &str) -> &str {
    quoted.strip_prefix('"').and_then(|rest| rest.strip_suffix('"')).unwrap_or(quoted)
}

/// Letters beyond ASCII escaped.
fn ascii(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    for letter in text.chars() {
        let code = u32::from(letter);
        match code {
            0..=0x7f => out.push(letter),
            0x80..=0xffff => out.push_str(&format!("\\u{code:04x}")),
            _ => out.push_str(&format!("\\U{code:08x}")),
        }
    }
    out
}

/// `[3]`: the number of the argument that comes next. Whether there was one.
fn argument_number(letters: &[char], position: &mut usize, arguments: &mut Arguments, count: usize) -> bool {
    if letters.get(*position) != Some(&'[') {
        return false;
    }
    arguments.reordered = true;
    let Some(end) = letters.iter().skip(*position).position(|letter| *letter == ']').map(|length| *position + length) else {
        arguments.good = false;
        *position += 1;
        return true;
    };
    let inner: String = letters.get(*position + 1..end).unwrap_or_default().iter().collect();
    *position = end + 1;
    match inner.parse::<usize>() {
        Ok(number) if (1..=count).contains(&number) => arguments.next = number - 1,
        _ => arguments.good = false,
    }
    true
}

/// A number in the format, as far as it is not too large; and whether there was one.
fn digits(letters: &[char], position: &mut usize) -> (Option<usize>, bool) {
    let start = *position;
    let mut value: i64 = 0;
    while let Some(digit) = letters.get(*position).and_then(|letter| letter.to_digit(10)) {
        value = (value * 10 + i64::from(digit)).min(MAX_WIDTH * 10);
        *position += 1;
    }
    let found = *position > start;
    (if value <= MAX_WIDTH { usize::try_from(value).ok() } else { None }, found)
}

/// A double as `strconv.FormatFloat` writes it, without a sign; the shortest text where no precision is given.
pub(super) fn float_text(value: f64, verb: char, precision: Option<usize>) -> String {
    let scientific = |text: &str| {
        let (mantissa, exponent) = text.split_once('e').unwrap_or((text, "0"));
        let (sign, exponent) = match exponent.strip_prefix('-') {
            Some(rest) => ('-', rest),
            None => ('+', exponent),
        };
        format!("{mantissa}e{sign}{exponent:0>2}")
    };
    match (verb, precision) {
        ('e', Some(precision)) => scientific(&format!("{value:.precision$e}")),
        ('e', None) => scientific(&format!("{value:e}")),
        ('f', Some(precision)) => format!("{value:.precision$}"),
        ('f', None) => format!("{value}"),
        _ => {
            let text = match precision {
                Some(precision) => format!("{value:.*e}", precision.max(1) - 1),
                None => format!("{value:e}"),
            };
            let (mantissa, exponent) = text.split_once('e').unwrap_or((&text, "0"));
            let exponent: i64 = exponent.parse().unwrap_or(0);
            let mut digits: String = mantissa.chars().filter(char::is_ascii_digit).collect();
            while digits.len() > 1 && digits.ends_with('0') {
                digits.pop();
            }
            if value == 0.0 {
                return "0".to_owned();
            }
            let count = i64::try_from(digits.len()).unwrap_or(i64::MAX);
            let mut limit = precision.map_or(6, |precision| i64::try_from(precision.max(1)).unwrap_or(i64::MAX));
            if limit > count && count > exponent {
                limit = count;
            }
            if precision.is_none() {
                limit = 6;
            }
            if exponent < -4 || exponent >= limit {
                let (first, rest) = digits.split_at_checked(1).unwrap_or((&digits, ""));
                let point = if rest.is_empty() { "" } else { "." };
                return scientific(&format!("{first}{point}{rest}e{exponent}"));
            }
            if exponent < 0 {
                let zeros = usize::try_from(-exponent - 1).unwrap_or(0);
                return format!("0.{}{digits}", "0".repeat(zeros));
            }
            let whole = usize::try_from(exponent + 1).unwrap_or(1);
            match digits.split_at_checked(whole) {
                Some((whole, "")) => whole.to_owned(),
                Some((whole, part)) => format!("{whole}.{part}"),
                None => format!("{digits:0<whole$}"),
            }
        }
    }
}

/// A double as `%x` writes it: `0x1.8p+00`.
fn hex_float(value: f64) -> String {
    if value == 0.0 {
        return "0x0p+00".to_owned();
    }
    let bits = value.to_bits();
    let stored = i64::try_from((bits >> 52) & 0x7ff).unwrap_or(0);
    let mut fraction = bits & ((1 << 52) - 1);
    let exponent = if stored == 0 {
        let shift = fraction.leading_zeros() - 11;
        fraction = (fraction << shift) & ((1 << 52) - 1);
        -1022 - i64::from(shift)
    } else {
        stored - 1023
    };
    let digits = format!("{fraction:013x}");
    let digits = digits.trim_end_matches('0');
    let point = if digits.is_empty() { "" } else { "." };
    let sign = if exponent < 0 { '-' } else { '+' };
    format!("0x1{point}{digits}p{sign}{:02}", exponent.abs())
}

#[cfg(test)]
mod tests {
    use super::float_text;
    use crate::builtins::tests::{arguments, shown};
    use crate::term::Term;

    fn check(format: &str, values: &str, expected: &str) {
        let values = arguments(&format!("[{values}]"));
        assert_eq!(shown("sprintf", &[Term::from(format), values[0].clone()]), Term::from(expected).to_string(), "{format} {}", values[0]);
    }

    #[test]
    fn verbs() {
        check("%s is %v and %d", r#"["a", {"b": [1, "x"]}, 3]"#, r#"a is {"b": [1, "x"]} and 3"#);
        check("%s %v", r#"[null, {"$set": [1]}]"#, "null {1}");
        check("%d%%", "[5]", "5%");
        check("%6.2f|%-8.3e|%08.3f|%+.1f|%.3g", "[3.14159, 1234.5, 3.14159, 2.25, 1234.5678]", "  3.14|1.234e+03|0003.142|+2.2|1.23e+03");
        check("%C", "[1]", "%!C(int64=1)");
        check(
            "%c %q %U %#U %x %X %o %O %b %#x %+d % d",
            "[65, 65, 65, 65, 255, 255, 8, 8, 5, 255, 5, 5]",
            "A 'A' U+0041 U+0041 'A' ff FF 10 0o10 101 0xff +5  5",
        );
        check("%x % x %#x %X %+q %#q", r#"["hé", "ab", "ab", "hi", "é", "a"]"#, "68c3a9 61 62 0x6162 6869 \"\\u00e9\" `a`");
        check("%05d|%-5d|%5d|%-05d", "[42, 42, -42, 1]", "00042|42   |  -42|1    ");
        check("%06s|%-6s|%6s|%.1s", r#"["a", "b", "c", "def"]"#, "00000a|b     |     c|d");
        check("%x %b", "[-5, -5]", "-5 -101");
        check("%q", r#"["a\nb"]"#, r#""a\nb""#);
        check("%T %T %T %T", "[1, 1.5, 36893488147419103233, 1e2]", "int64 float64 *big.Int string");
    }

    #[test]
    fn numbers() {
        check("%v %v %v %v", "[1.50, 1.0, 100000000.0, 1.5e3]", "1.5 1 1e+08 1500");
        check("%v %v %v", "[1e2, 1e-7, 12345678901234567890.5]", "1e2 1e-7 1.2345678901234567e+19");
        check(
            "%s %v %d",
            "[36893488147419103233, 36893488147419103233, 36893488147419103233]",
            "36893488147419103233 36893488147419103233 36893488147419103233",
        );
        check("%c", "[36893488147419103233]", "%!c(big.Int=36893488147419103233)");
        check("%x", "[1.5]", "0x1.8p+00");
        check("%s", "[1]", "%!s(int64=1)");
        check("%d", "[1.5]", "%!d(float64=1.5)");
        check("%f", "[1e2]", "%!f(string=1e2)");
        assert_eq!(float_text(0.0, 'g', None), "0");
    }

    #[test]
    fn arguments_that_do_not_fit() {
        check("%d %d", "[1]", "1 %!d(MISSING)");
        check("%d", "[1, 2]", "1%!(EXTRA int64=2)");
        check("x", r#"["a", 36893488147419103233]"#, "x%!(EXTRA string=a, *big.Int=36893488147419103233)");
        check("%[2]d %[1]d", "[1, 2]", "2 1");
        check("%[3]d %d", "[1, 2]", "%!d(BADINDEX) 1");
        check("%[x]d", "[1]", "%!d(BADINDEX)");
        check("%*d|%-*d|%.*f", "[5, 1, 3, 2, 1, 1.25]", "    1|2  |1.2");
        check("100%", "[]", "100%!(NOVERB)");
        check("%!", "[]", "%!!(MISSING)");
        check("%z", "[1]", "%!z(int64=1)");
        check("%é", r#"["a"]"#, "%!é(string=a)");
        check("%5t", r#"["x"]"#, "%!t(string=    x)");
        check("%.2d", "[7]", "07");
        assert_eq!(
            shown("sprintf", &[Term::from("%s"), Term::from("a")]),
            "eval_type_error: sprintf: operand 2 must be array but got string"
        );
    }
}
