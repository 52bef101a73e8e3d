//! EDN in Conftest's shape: lists and vectors are lists, maps have texts as keys, and every scalar is a text as Go prints it: `:key`,
//! `<nil>`, a character as its number.

use std::ops::Range;

use probity_value::{Data, Map, Value};

use crate::MAX_DEPTH;
use crate::go;
use crate::text::{Read, Source};

/// Reads the first value of an EDN file.
pub(crate) fn read(source: &Source<'_>) -> Read<Value> {
    let mut reader = Reader { source, at: 0 };
    match reader.value(0)? {
        Some(value) => Ok(value),
        None => Err(source.unexpected(reader.at, "a value")),
    }
}

struct Reader<'a> {
    source: &'a Source<'a>,
    at: usize,
}

impl<'a> Reader<'a> {
    fn peek(&self) -> Option<char> {
        self.source.character(self.at)
    }

    fn blanks(&mut self) {
        while let Some(letter) = self.peek() {
            if letter == ';' {
                let rest = self.source.rest(self.at);
                self.at += rest.find('\n').unwrap_or(rest.len());
            } else if letter.is_whitespace() || letter == ',' {
                self.at += letter.len_utf8();
            } else {
                return;
            }
        }
    }

    /// The next value; `None` at a closing bracket or the end.
    fn value(&mut self, depth: usize) -> Read<Option<Value>> {
        loop {
            self.blanks();
            let start = self.at;
            let Some(letter) = self.peek() else { return Ok(None) };
            if depth >= MAX_DEPTH {
                return Err(self.source.too_deep(start));
            }
            let rest = self.source.rest(start);
            let value = match letter {
                ')' | ']' | '}' => return Ok(None),
                '(' => self.list(')', depth)?,
                '[' => self.list(']', depth)?,
                '{' => self.map(depth)?,
                '"' => self.string()?,
                '\\' => self.character()?,
                '#' if rest.starts_with("#_") => {
                    self.at += 2;
                    if self.value(depth + 1)?.is_none() {
                        return Err(self.source.unexpected(self.at, "a value to pass over"));
                    }
                    continue;
                }
                '#' if rest.starts_with("#{") => self.set(depth)?,
                '#' => self.tagged(depth)?,
                _ => self.atom()?,
            };
            return Ok(Some(value));
        }
    }

    fn items(&mut self, close: char, depth: usize) -> Read<(Vec<Value>, usize)> {
        let start = self.at;
        self.at += 1;
        let mut items = Vec::new();
        while let Some(item) = self.value(depth + 1)? {
            items.push(item);
        }
        match self.peek() {
            Some(letter) if letter == close => {
                self.at += 1;
                Ok((items, start))
            }
            Some(_) => Err(self.source.unexpected(self.at, &format!("`{close}`"))),
            None => Err(self.source.problem(start..start + 1, "the bracket that opens here is not closed")),
        }
    }

    fn list(&mut self, close: char, depth: usize) -> Read<Value> {
        let (items, start) = self.items(close, depth)?;
        Ok(Value::list(items, self.source.span(start..self.at)))
    }

    fn map(&mut self, depth: usize) -> Read<Value> {
        let (items, start) = self.items('}', depth)?;
        let mut map = Map::new();
        let mut items = items.into_iter();
        while let Some(key) = items.next() {
            let Some(value) = items.next() else {
                return Err(self.source.problem(start..self.at, "the map has a key without a value"));
            };
            let Some(name) = key.as_str() else {
                let range = key.span.start as usize..key.span.end as usize;
                return Err(self.source.problem(range, "lists and maps cannot be keys"));
            };
            map.insert(name, key.span, value);
        }
        Ok(Value::map(map, self.source.span(start..self.at)))
    }

    /// A set is printed: `map[a:true b:true]`.
    fn set(&mut self, depth: usize) -> Read<Value> {
        let start = self.at;
        self.at += 1;
        let (items, _) = self.items('}', depth)?;
        let mut names = Vec::new();
        for item in &items {
            let Some(name) = item.as_str() else {
                let range = item.span.start as usize..item.span.end as usize;
                return Err(self.source.problem(range, "lists and maps in a set are not read"));
            };
            names.push(name);
        }
        names.sort_by_cached_key(|name| order(name));
        names.dedup();
        let shown: Vec<String> = names.iter().map(|name| format!("{name}:true")).collect();
        Ok(Value::string(format!("map[{}]", shown.join(" ")), self.source.span(start..self.at)))
    }

    fn tagged(&mut self, depth: usize) -> Read<Value> {
        let start = self.at;
        self.at += 1;
        let tag = self.word();
        if !tag.starts_with(char::is_alphabetic) {
            return Err(self.source.unexpected(start + 1, "the name of a tag"));
        }
        let Some(value) = self.value(depth + 1)? else { return Err(self.source.unexpected(self.at, "the value of the tag")) };
        let span = self.source.span(start..self.at);
        let text = match (&value.data, tag) {
            (Data::String(text), "inst") => {
                instant(text).ok_or_else(|| self.source.problem(start..self.at, format!("`{text}` is no time")))?
            }
            (Data::String(text), "base64") => {
                return Err(self.source.problem(start..self.at, format!("the bytes `{text}` are not read")));
            }
            (Data::String(text), _) => format!("#{tag} {text}"),
            _ => return Err(self.source.problem(start..self.at, "a tag of a list or map is not read")),
        };
        Ok(Value::string(text, span))
    }

    fn string(&mut self) -> Read<Value> {
        let start = self.at;
        self.at += 1;
        let mut out = String::new();
        loop {
            let Some(letter) = self.peek() else {
                return Err(self.source.problem(start..start + 1, "the text that begins here has no end"));
            };
            let at = self.at;
            self.at += letter.len_utf8();
            match letter {
                '"' => return Ok(Value::string(out, self.source.span(start..self.at))),
                '\\' => {
                    let code = self.peek();
                    self.at += code.map_or(0, char::len_utf8);
                    match code {
                        Some('b') => out.push('\u{8}'),
                        Some('f') => out.push('\u{c}'),
                        Some('n') => out.push('\n'),
                        Some('r') => out.push('\r'),
                        Some('t') => out.push('\t'),
                        Some(letter @ ('\\' | '/' | '"')) => out.push(letter),
                        Some('u') => {
                            let letter = self.four_digits(self.at);
                            let Some(letter) = letter else {
                                return Err(self.source.problem(at..self.at, "`\\u` is followed by four hexadecimal digits"));
                            };
                            self.at += 4;
                            out.push(char::from_u32(letter).unwrap_or('\u{fffd}'));
                        }
                        _ => return Err(self.source.problem(at..self.at, "this escape is not known")),
                    }
                }
                letter => out.push(letter),
            }
        }
    }

    fn four_digits(&self, at: usize) -> Option<u32> {
        let digits = self.source.slice(at..at + 4);
        (digits.len() == 4 && digits.bytes().all(|byte| byte.is_ascii_hexdigit())).then(|| u32::from_str_radix(digits, 16).ok())?
    }

    /// A character is printed as its number.
    fn character(&mut self) -> Read<Value> {
        let start = self.at;
        self.at += 1;
        let word = self.source.rest(self.at);
        let named = [("newline", '\n'), ("return", '\r'), ("space", ' '), ("tab", '\t'), ("formfeed", '\u{c}')];
        let mut code = None;
        if let Some((name, letter)) = named.iter().find(|(name, _)| word.starts_with(name)) {
            self.at += name.len();
            code = Some(*letter as u32);
        } else if word.starts_with('u')
            && let Some(number) = self.four_digits(self.at + 1)
        {
            self.at += 5;
            code = Some(number);
        } else if let Some(letter) = self.peek().filter(|letter| !letter.is_whitespace() && *letter != ',') {
            self.at += letter.len_utf8();
            code = Some(letter as u32);
        }
        let Some(code) = code else { return Err(self.source.problem(start..self.at, "`\\` is followed by a character")) };
        self.delimited(start)?;
        Ok(Value::string(code.to_string(), self.source.span(start..self.at)))
    }

    /// What follows a literal has to end it.
    fn delimited(&self, start: usize) -> Read<()> {
        match self.peek() {
            Some(letter) if !(letter.is_whitespace() || ",\"{[()]}\\;".contains(letter)) => {
                let _ = start;
                Err(self.source.unexpected(self.at, "the end of the value"))
            }
            _ => Ok(()),
        }
    }

    fn word(&mut self) -> &'a str {
        let start = self.at;
        let fits = |letter: char| letter.is_alphanumeric() || ".*+!-_?$%&=<>:#'/".contains(letter);
        while let Some(letter) = self.peek().filter(|letter| fits(*letter)) {
            self.at += letter.len_utf8();
        }
        self.source.slice(start..self.at)
    }

    fn atom(&mut self) -> Read<Value> {
        let start = self.at;
        let word = self.word();
        let range: Range<usize> = start..self.at;
        if word.is_empty() {
            return Err(self.source.unexpected(start, "a value"));
        }
        self.delimited(start)?;
        let span = self.source.span(range.clone());
        let unsigned = word.strip_prefix(['+', '-']).unwrap_or(word);
        let text = if unsigned.starts_with(|first: char| first.is_ascii_digit()) {
            number(word, unsigned).ok_or_else(|| self.source.problem(range, format!("`{word}` is no number")))?
        } else if word == "nil" {
            "<nil>".to_owned()
        } else {
            let name = word.strip_prefix(':').unwrap_or(word);
            let slashes = name.matches('/').count();
            let wrong = name.is_empty()
                || word.starts_with("::")
                || slashes > 1
                || name.len() > 1 && (name.starts_with('/') || name.ends_with('/'));
            if wrong || word.starts_with(":/") || word.starts_with('\'') || word.starts_with('#') {
                return Err(self.source.problem(range, format!("`{word}` is no symbol")));
            }
            word.to_owned()
        };
        Ok(Value::string(text, span))
    }
}

/// Numbers before texts, as Go sorts the keys it prints.
fn order(name: &str) -> (u8, i64, String) {
    match name.parse::<i64>() {
        Ok(number) => (0, number, String::new()),
        Err(_) => (1, 0, name.to_owned()),
    }
}

fn number(word: &str, unsigned: &str) -> Option<String> {
    let signless = word.strip_prefix('+').unwrap_or(word);
    let leading_zero = unsigned.len() > 1 && unsigned.starts_with('0') && unsigned.as_bytes().get(1).is_some_and(u8::is_ascii_digit);
    if leading_zero {
        return None;
    }
    if unsigned.bytes().all(|byte| byte.is_ascii_digit()) {
        return signless.parse::<i64>().ok().map(|number| number.to_string());
    }
    // Big integers print as Go's own structure, which nobody can mean.
    let text = signless.strip_suffix('M').unwrap_or(signless);
    let digits = text.strip_prefix('-').unwrap_or(text);
    let (mantissa, exponent) = digits.split_once(['e', 'E']).map_or((digits, None), |(mantissa, exponent)| (mantissa, Some(exponent)));
    let all = |text: &str| !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit());
    let fits = match mantissa.split_once('.') {
        Some((whole, fraction)) => all(whole) && all(fraction),
        None => all(mantissa),
    };
    if !fits || !exponent.is_none_or(|exponent| all(exponent.strip_prefix(['+', '-']).unwrap_or(exponent))) {
        return None;
    }
    text.parse().ok().filter(|value: &f64| value.is_finite()).map(go::print_shortest)
}

/// An instant as Go prints a time: `2020-01-01 00:00:00 +0000 UTC`.
fn instant(text: &str) -> Option<String> {
    let (day, rest) = text.split_once('T')?;
    let clock = rest.strip_suffix('Z')?;
    let clock = match clock.split_once('.') {
        Some((clock, fraction)) => {
            let fraction = fraction.trim_end_matches('0');
            if fraction.is_empty() { clock.to_owned() } else { format!("{clock}.{fraction}") }
        }
        None => clock.to_owned(),
    };
    (day.len() == 10 && clock.len() >= 8).then(|| format!("{day} {clock} +0000 UTC"))
}
