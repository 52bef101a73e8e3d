//! YAML: read as kubectl reads it, written as its library for Go writes it.

use probity_value::yaml::{self, ParseOptions};
use probity_value::{Data, FileId};

use crate::builtins::operands::{as_text, items, operand, text};
use crate::builtins::sprintf::float_text;
use crate::builtins::{Answer, Context, Failure};
use crate::number::Number;
use crate::term::{Term, shown_letter};

/// Columns after which a text of many words goes on in the next line.
const WIDTH: usize = 80;

const OPTIONS: ParseOptions =
    ParseOptions { booleans_1_1: true, octal_1_1: true, line_breaks_1_1: false, kubectl: true, cloudformation: false };

/// The first document of a text.
fn read(given: &str) -> Result<Term, Failure> {
    let (documents, problems) = yaml::parse_with(given, FileId(0), OPTIONS);
    if let Some(problem) = problems.iter().find(|problem| problem.fatal) {
        let before = given.get(..problem.span.start as usize).unwrap_or_default();
        let line = before.matches('\n').count() + 1;
        return match problem.code {
            "yaml-depth" | "yaml-budget" => Err(Failure::Halt(problem.message.clone())),
            _ => Err(Failure::Failed(format!("yaml: line {line}: did not find what was expected: {}", problem.message))),
        };
    }
    let Some(document) = documents.first() else { return Ok(Term::Null) };
    check(&document.value)?;
    Ok(Term::from_value(&document.value))
}

/// Refuses numbers that JSON does not have.
fn check(value: &probity_value::Value) -> Result<(), Failure> {
    match &value.data {
        Data::Number(probity_value::Number::Float(number)) if !number.is_finite() => {
            let shown = if number.is_nan() {
                "NaN"
            } else if *number > 0.0 {
                "+Inf"
            } else {
                "-Inf"
            };
            Err(Failure::Failed(format!("json: unsupported value: {shown}")))
        }
        Data::List(items) => items.iter().try_for_each(check),
        Data::Map(map) => map.values().try_for_each(check),
        _ => Ok(()),
    }
}

/// The value of YAML text.
pub(super) fn unmarshal(context: &mut Context<'_>, arguments: &[Term]) -> Answer {
    let given = text(arguments, 0)?;
    context.spend(given.len())?;
    read(given)
}

/// Whether text is YAML.
pub(super) fn is_valid(_: &mut Context<'_>, arguments: &[Term]) -> Answer {
    Ok(Term::Bool(as_text(arguments, 0).is_some_and(|given| read(given).is_ok())))
}

/// YAML text of a value.
pub(super) fn marshal(context: &mut Context<'_>, arguments: &[Term]) -> Answer {
    let mut writer = Writer { out: String::new() };
    writer.value(operand(arguments, 0)?, 0, Place::Top);
    context.spend(writer.out.len())?;
    Ok(Term::from(writer.out))
}

/// Where a value is written.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Place {
    /// As the whole document.
    Top,
    /// After `key:`.
    Entry,
    /// After `- `.
    Item,
}

struct Writer {
    out: String,
}

impl Writer {
    fn column(&self) -> usize {
        let line = self.out.rsplit('\n').next().unwrap_or_default();
        line.chars().count()
    }

    fn line(&mut self, indent: usize) {
        self.out.push('\n');
        (0..indent).for_each(|_| self.out.push(' '));
    }

    /// Writes a value, and the end of its line. `indent` is that of the map or list it stands in.
    fn value(&mut self, term: &Term, indent: usize, place: Place) {
        if let Some(object) = term.as_object() {
            if object.is_empty() {
                self.inline("{}", place);
                return;
            }
            let inner = match place {
                Place::Top => 0,
                Place::Entry | Place::Item => indent + 2,
            };
            let mut entries: Vec<_> = object.iter().map(|(key, value)| (key.key_text(), value)).collect();
            entries.sort_by(|a, b| natural(&a.0, &b.0));
            for (position, (key, value)) in entries.iter().enumerate() {
                if position > 0 || place == Place::Entry {
                    self.begin(inner);
                }
                self.text(key, inner, true);
                self.out.push(':');
                self.value(value, inner, Place::Entry);
            }
            return;
        }
        if let Some(list) = items(term) {
            if list.is_empty() {
                self.inline("[]", place);
                return;
            }
            // Lists stand no further in than the map they belong to.
            let inner = match place {
                Place::Top => 0,
                Place::Entry => indent,
                Place::Item => indent + 2,
            };
            for (position, item) in list.iter().enumerate() {
                if position > 0 || place == Place::Entry {
                    self.begin(inner);
                }
                self.out.push_str("- ");
                self.value(item, inner, Place::Item);
            }
            return;
        }
        if place == Place::Entry {
            self.out.push(' ');
        }
        match term {
            Term::Null => self.out.push_str("null"),
            Term::Bool(value) => self.out.push_str(if *value { "true" } else { "false" }),
            Term::Number(number) => self.number(number),
            Term::String(text) => self.text(text, if place == Place::Top { 0 } else { indent }, false),
            _ => {}
        }
        if !self.out.ends_with('\n') {
            self.out.push('\n');
        }
    }

    fn begin(&mut self, indent: usize) {
        if !self.out.is_empty() && !self.out.ends_with('\n') {
            self.out.push('\n');
        }
        (0..indent).for_each(|_| self.out.push(' '));
    }

    fn inline(&mut self, text: &str, place: Place) {
        if place == Place::Entry {
            self.out.push(' ');
        }
        self.out.push_str(text);
        self.out.push('\n');
    }

    fn number(&mut self, number: &Number) {
        if !number.is_written_as_float() && number.to_big().is_some_and(|value| value.bits() <= 64) {
            self.out.push_str(&number.to_string());
            return;
        }
        let value = number.to_f64();
        if value < 0.0 {
            self.out.push('-');
        }
        self.out.push_str(&float_text(value.abs(), 'g', None));
    }

    fn text(&mut self, given: &str, indent: usize, key: bool) {
        let shown: String = given.chars().map(shown_letter).collect();
        let form = Form::of(&shown);
        if !key && shown.contains('\n') && form.block {
            self.block(&shown, indent + 2);
        } else if shown.contains('\n') || form.special || !is_text(&shown) {
            self.double_quoted(&shown, indent + 2, key);
        } else if form.plain {
            self.folded(&shown, indent + 2, key, false);
        } else {
            self.out.push('\'');
            self.folded(&shown.replace('\'', "''"), indent + 2, key, true);
            self.out.push('\'');
        }
    }

    fn block(&mut self, text: &str, indent: usize) {
        self.out.push('|');
        if text.starts_with([' ', '\n']) {
            self.out.push('2');
        }
        let ends = text.chars().rev().take_while(|letter| *letter == '\n').count();
        match ends {
            0 => self.out.push('-'),
            1 => {}
            _ => self.out.push('+'),
        }
        let body = text.strip_suffix('\n').unwrap_or(text);
        for line in body.split('\n') {
            if line.is_empty() {
                self.out.push('\n');
            } else {
                self.line(indent);
                self.out.push_str(line);
            }
        }
        self.out.push('\n');
    }

    /// Writes text that goes on in the next line at a space once the line is full.
    fn folded(&mut self, text: &str, indent: usize, key: bool, quoted: bool) {
        let letters: Vec<char> = text.chars().collect();
        let mut column = self.column();
        for (at, letter) in letters.iter().copied().enumerate() {
            let single = letter == ' ' && letters.get(at + 1) != Some(&' ') && (at == 0 || letters.get(at - 1) != Some(&' '));
            let inner = !quoted || (at > 0 && at + 1 < letters.len());
            if single && !key && inner && column > WIDTH {
                self.line(indent);
                column = indent;
            } else {
                self.out.push(letter);
                column += 1;
            }
        }
    }

    fn double_quoted(&mut self, text: &str, indent: usize, key: bool) {
        self.out.push('"');
        let letters: Vec<char> = text.chars().collect();
        let mut spaces = false;
        let mut column = self.column();
        for (at, letter) in letters.iter().copied().enumerate() {
            let before = self.out.len();
            match letter {
                '"' => self.out.push_str("\\\""),
                '\\' => self.out.push_str("\\\\"),
                '\0' => self.out.push_str("\\0"),
                '\u{7}' => self.out.push_str("\\a"),
                '\u{8}' => self.out.push_str("\\b"),
                '\t' => self.out.push_str("\\t"),
                '\n' => self.out.push_str("\\n"),
                '\u{b}' => self.out.push_str("\\v"),
                '\u{c}' => self.out.push_str("\\f"),
                '\r' => self.out.push_str("\\r"),
                '\u{1b}' => self.out.push_str("\\e"),
                '\u{85}' => self.out.push_str("\\N"),
                '\u{a0}' => self.out.push_str("\\_"),
                '\u{2028}' => self.out.push_str("\\L"),
                '\u{2029}' => self.out.push_str("\\P"),
                ' ' if !key && !spaces && column > WIDTH && at > 0 && at + 1 < letters.len() => {
                    self.line(indent);
                    if letters.get(at + 1) == Some(&' ') {
                        self.out.push('\\');
                    }
                    column = indent;
                    spaces = true;
                    continue;
                }
                letter if is_plain_letter(letter) => self.out.push(letter),
                letter => {
                    let code = u32::from(letter);
                    self.out.push_str(&match code {
                        0..=0xff => format!("\\x{code:02X}"),
                        0x100..=0xffff => format!("\\u{code:04X}"),
                        _ => format!("\\U{code:08X}"),
                    });
                }
            }
            column += self.out.get(before..).unwrap_or_default().chars().count();
            spaces = letter == ' ';
        }
        self.out.push('"');
    }
}

/// Whether a letter may stand unescaped.
fn is_plain_letter(letter: char) -> bool {
    matches!(letter, ' '..='~' | '\n' | '\u{a1}'..='\u{2027}' | '\u{202a}'..='\u{d7ff}' | '\u{e000}'..='\u{fefe}' | '\u{ff00}'..='\u{fffd}' | '\u{10000}'..)
}

/// In which forms a text may be written.
struct Form {
    plain: bool,
    block: bool,
    /// It has letters that have to be escaped.
    special: bool,
}

impl Form {
    fn of(text: &str) -> Form {
        let letters: Vec<char> = text.chars().collect();
        let mut indicators = text.starts_with("---") || text.starts_with("...");
        let mut special = false;
        for (at, letter) in letters.iter().copied().enumerate() {
            let before_space = at == 0 || letters.get(at - 1).is_some_and(|letter| letter.is_whitespace());
            let next = letters.get(at + 1);
            let ends = next.is_none_or(|letter| letter.is_whitespace());
            if at == 0 {
                indicators |= match letter {
                    '#' | ',' | '[' | ']' | '{' | '}' | '&' | '*' | '!' | '|' | '>' | '\'' | '"' | '%' | '@' | '`' => true,
                    '?' | ':' | '-' => ends,
                    _ => false,
                };
            } else {
                indicators |= match letter {
                    ':' => ends,
                    '#' => before_space,
                    _ => false,
                };
            }
            special |= !is_plain_letter(letter) && letter != '\t';
        }
        let edges = text.starts_with(' ') || text.ends_with(' ') || text.starts_with('\t') || text.ends_with('\t');
        let space_break = text.contains(" \n");
        Form {
            plain: !indicators && !edges && !text.contains('\n') && !text.is_empty() && !text.contains('\t'),
            block: !space_break && !special && !text.ends_with(' '),
            special: special || text.contains('\t'),
        }
    }
}

/// Whether a text written plainly would be read as text.
fn is_text(text: &str) -> bool {
    if text.is_empty() || matches!(text, "<<" | "=") || is_time(text) || is_sexagesimal(text) {
        return false;
    }
    let first = text.chars().next().unwrap_or(' ');
    // Only these begin something else.
    if !matches!(first, '0'..='9' | '+' | '-' | '.' | '~' | 'n' | 'N' | 't' | 'T' | 'f' | 'F' | 'y' | 'Y' | 'o' | 'O') {
        return true;
    }
    let (documents, _) = yaml::parse_with(text, FileId(0), OPTIONS);
    match documents.first().map(|document| &document.value.data) {
        Some(Data::String(read)) => &**read == text,
        Some(Data::Null | Data::Bool(_) | Data::Number(_)) | None => false,
        // A list or map: it will be quoted for its signs.
        Some(_) => true,
    }
}

/// Whether a text is a date or moment of YAML 1.1.
fn is_time(text: &str) -> bool {
    let mut parts = text.splitn(3, '-');
    let digits = |part: Option<&str>, least: usize, most: usize| {
        part.is_some_and(|part| (least..=most).contains(&part.len()) && part.bytes().all(|byte| byte.is_ascii_digit()))
    };
    let (year, month, rest) = (parts.next(), parts.next(), parts.next());
    let Some(rest) = rest else { return false };
    let (day, time) = match rest.find(|letter: char| !letter.is_ascii_digit()) {
        Some(at) => rest.split_at_checked(at).unwrap_or((rest, "")),
        None => (rest, ""),
    };
    digits(year, 4, 4)
        && digits(month, 1, 2)
        && digits(Some(day), 1, 2)
        && (time.is_empty() || (time.starts_with(['T', 't', ' ']) && time.contains(':')))
}

/// Whether a text is a number to the base 60 of YAML 1.1.
fn is_sexagesimal(text: &str) -> bool {
    let rest = text.strip_prefix(['+', '-']).unwrap_or(text);
    let mut parts = rest.split(':');
    let first = parts.next().is_some_and(|part| {
        part.starts_with(|letter: char| letter.is_ascii_digit()) && part.bytes().all(|byte| byte.is_ascii_digit() || byte == b'_')
    });
    let rest: Vec<&str> = parts.collect();
    first
        && !rest.is_empty()
        && rest.iter().all(|part| {
            let (whole, _) = part.split_once('.').unwrap_or((part, ""));
            matches!(whole.len(), 1 | 2)
                && whole.bytes().all(|byte| byte.is_ascii_digit())
                && whole.parse::<u8>().is_ok_and(|value| value < 60)
        })
}

/// The order of keys: runs of digits by their number, letters after other signs.
fn natural(a: &str, b: &str) -> std::cmp::Ordering {
    use std::cmp::Ordering;
    let (left, right): (Vec<char>, Vec<char>) = (a.chars().collect(), b.chars().collect());
    let mut digits = false;
    for at in 0..left.len().min(right.len()) {
        let (Some(x), Some(y)) = (left.get(at).copied(), right.get(at).copied()) else { break };
        if x == y {
            digits = x.is_ascii_digit();
            continue;
        }
        let (x_letter, y_letter) = (x.is_alphabetic(), y.is_alphabetic());
        if x_letter && y_letter {
            return x.cmp(&y);
        }
        if x_letter || y_letter {
            let less = if digits { x_letter } else { y_letter };
            return if less { Ordering::Less } else { Ordering::Greater };
        }
        // Zeros before a number do not count, but break ties.
        let run = |letters: &[char], from: usize| -> (u128, usize) {
            let digits: String = letters.iter().skip(from).take_while(|letter| letter.is_ascii_digit()).collect();
            (digits.parse().unwrap_or(if digits.is_empty() { 0 } else { u128::MAX }), digits.len())
        };
        let mut start = at;
        if x == '0' || y == '0' {
            while start > 0 && left.get(start - 1).is_some_and(char::is_ascii_digit) {
                start -= 1;
                if left.get(start) != Some(&'0') {
                    start = at;
                    break;
                }
            }
        }
        let ((x_number, x_length), (y_number, y_length)) = (run(&left, start), run(&right, start));
        return x_number.cmp(&y_number).then(x_length.cmp(&y_length)).then(x.cmp(&y));
    }
    left.len().cmp(&right.len())
}

#[cfg(test)]
mod tests {
    use crate::builtins::tests::{arguments, check, shown_of};

    fn written(given: &str, expected: &str) {
        let made = shown_of("yaml.marshal", &arguments(&format!("[{given}]")));
        assert_eq!(made.as_str().unwrap(), expected, "{given}");
        let back = shown_of("yaml.unmarshal", &[made]);
        assert_eq!(back, arguments(&format!("[{given}]"))[0], "{given}");
    }

    #[test]
    fn reading() {
        check(
            "yaml.unmarshal",
            r#"["a: 1\nb: yes\nc: 0x10\nd: 2020-01-01\ne: 1.0"]"#,
            r#"{"a": 1, "b": true, "c": 16, "d": "2020-01-01", "e": 1}"#,
        );
        check("yaml.unmarshal", r#"["a: 1\n---\nb: 2"]"#, r#"{"a": 1}"#);
        check("yaml.unmarshal", r#"[""]"#, "null");
        check("yaml.unmarshal", r#"["a: .inf"]"#, "eval_builtin_error: yaml.unmarshal: json: unsupported value: +Inf");
        check("yaml.is_valid", r#"["a: ["]"#, "false");
        check("yaml.is_valid", r#"["a: 1"]"#, "true");
        check("yaml.is_valid", "[1]", "false");
    }

    #[test]
    fn writing() {
        written(
            r#"{"a": {"b": ["x", {"c": [[1, 2], {"d": "line1\nline2"}]}]}}"#,
            "a:\n  b:\n  - x\n  - c:\n    - - 1\n      - 2\n    - d: |-\n        line1\n        line2\n",
        );
        written(r#"{"o": {}, "l": [], "n": null, "t": true, "f": 1.5}"#, "f: 1.5\nl: []\n\"n\": null\no: {}\nt: true\n");
        written(r#"[1, [2, 3], []]"#, "- 1\n- - 2\n  - 3\n- []\n");
        written(r#"[{"p": 1, "q": 2}]"#, "- p: 1\n  q: 2\n");
        written(r#""a""#, "a\n");
        written(
            r##"{"a": "x: y", "b": "true", "c": "", "d": "a\nb\n", "e": "1", "g": "2020-01-01", "h": "it's", "i": "#x", "j": " a ", "k": "- a", "l": "a:b", "m": "~", "o": "a#b", "p": "1:20"}"##,
            "a: 'x: y'\nb: \"true\"\nc: \"\"\nd: |\n  a\n  b\ne: \"1\"\ng: \"2020-01-01\"\nh: it's\ni: '#x'\nj: ' a '\nk: '- a'\nl: a:b\nm: \"~\"\no: a#b\np: \"1:20\"\n",
        );
        let long = "word ".repeat(20);
        written(
            &format!(r#"{{"long": "{}"}}"#, long.trim()),
            "long: word word word word word word word word word word word word word word word word\n  word word word word\n",
        );
    }
}
