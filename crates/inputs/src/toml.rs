//! TOML 1.1. Dates and times are texts as Go writes them (RFC 3339); those without a zone are taken for UTC.

use std::collections::HashMap;
use std::ops::Range;
use std::sync::Arc;

use probity_value::{Data, Map, Value};

use crate::MAX_DEPTH;
use crate::text::{Read, Source};

/// Reads a TOML file.
pub(crate) fn read(source: &Source<'_>) -> Read<Value> {
    let start = if source.text.starts_with('\u{feff}') { '\u{feff}'.len_utf8() } else { 0 };
    let mut reader = Reader { source, at: start };
    let mut root = Table::new(0..source.text.len());
    let mut path: Vec<Key> = Vec::new();
    loop {
        reader.blank_lines()?;
        let Some(byte) = reader.peek() else { break };
        let start = reader.at;
        if byte == b'[' {
            let array = reader.rest().starts_with("[[");
            reader.at += if array { 2 } else { 1 };
            path = reader.dotted_key()?;
            let close = if array { "]]" } else { "]" };
            if !reader.rest().starts_with(close) {
                return Err(source.unexpected(reader.at, &format!("`{close}`")));
            }
            reader.at += close.len();
            let range = start..reader.at;
            root.header(source, &path, array, &range)?;
        } else {
            let key = reader.dotted_key()?;
            reader.expect(b'=')?;
            reader.blanks();
            let item = reader.value(0)?;
            let table = root.open(source, &path)?;
            table.range.end = table.range.end.max(reader.at);
            table.assign(source, &key, item)?;
        }
        reader.end_of_line()?;
    }
    Ok(root.into_value(source))
}

#[derive(Clone)]
struct Key {
    name: Arc<str>,
    range: Range<usize>,
}

/// What stands under a key while the file is read.
enum Item {
    /// Finished: a scalar, an array in brackets, an inline table.
    Value(Value),
    Table(Table),
    /// Made by `[[...]]`.
    Tables(Vec<Table>),
}

struct Table {
    range: Range<usize>,
    keys: Vec<(Key, Item)>,
    index: HashMap<Arc<str>, usize>,
    /// Named by a header of its own.
    defined: bool,
    /// Made by a dotted key: a header may not name it.
    dotted: bool,
}

impl Table {
    fn new(range: Range<usize>) -> Table {
        Table { range, keys: Vec::new(), index: HashMap::new(), defined: false, dotted: false }
    }

    fn put(&mut self, key: Key, item: Item) {
        self.index.insert(Arc::clone(&key.name), self.keys.len());
        self.keys.push((key, item));
    }

    fn item(&mut self, name: &str) -> Option<&mut Item> {
        let index = *self.index.get(name)?;
        self.keys.get_mut(index).map(|(_, item)| item)
    }

    /// The table below a key, made where it is not there; of several the last.
    fn step(&mut self, source: &Source<'_>, key: &Key, range: &Range<usize>) -> Read<&mut Table> {
        if !self.index.contains_key(&key.name) {
            self.put(key.clone(), Item::Table(Table::new(range.clone())));
        }
        match self.item(&key.name) {
            Some(Item::Table(table)) => Ok(table),
            Some(Item::Tables(tables)) => tables.last_mut().ok_or_else(|| source.problem(key.range.clone(), "the table is empty")),
            _ => Err(source.problem(key.range.clone(), format!("`{}` is no table", key.name))),
        }
    }

    /// The table a header named.
    fn open(&mut self, source: &Source<'_>, path: &[Key]) -> Read<&mut Table> {
        let mut table = self;
        for key in path {
            table = table.step(source, key, &key.range)?;
        }
        Ok(table)
    }

    fn header(&mut self, source: &Source<'_>, path: &[Key], array: bool, range: &Range<usize>) -> Read<()> {
        let Some((last, above)) = path.split_last() else { return Err(source.problem(range.clone(), "the table has no name")) };
        let mut table = self;
        for key in above {
            table = table.step(source, key, range)?;
        }
        let twice = || source.problem(last.range.clone(), format!("`{}` is there more than once", last.name));
        match (table.item(&last.name), array) {
            (None, true) => table.put(last.clone(), Item::Tables(vec![Table::new(range.clone())])),
            (None, false) => {
                let new = Table { defined: true, ..Table::new(range.clone()) };
                table.put(last.clone(), Item::Table(new));
            }
            (Some(Item::Tables(tables)), true) => tables.push(Table::new(range.clone())),
            (Some(Item::Table(table)), false) if !table.defined && !table.dotted => {
                table.defined = true;
                table.range = range.clone();
            }
            _ => return Err(twice()),
        }
        Ok(())
    }

    fn assign(&mut self, source: &Source<'_>, path: &[Key], value: Value) -> Read<()> {
        let Some((last, above)) = path.split_last() else { return Ok(()) };
        let mut table = self;
        for key in above {
            let known = table.index.contains_key(&key.name);
            if let Some(Item::Tables(_)) = table.item(&key.name) {
                return Err(source.problem(key.range.clone(), format!("`{}` is a list of tables", key.name)));
            }
            let end = value.span.end as usize;
            table = table.step(source, key, &(key.range.start..end))?;
            if known && (table.defined || !table.dotted) {
                return Err(source.problem(key.range.clone(), format!("`{}` is defined elsewhere", key.name)));
            }
            table.dotted = true;
            table.range.end = table.range.end.max(end);
        }
        if table.index.contains_key(&last.name) {
            return Err(source.problem(last.range.clone(), format!("`{}` is there more than once", last.name)));
        }
        table.put(last.clone(), Item::Value(value));
        Ok(())
    }

    fn into_value(self, source: &Source<'_>) -> Value {
        let mut map = Map::new();
        for (key, item) in self.keys {
            let value = match item {
                Item::Value(value) => value,
                Item::Table(table) => table.into_value(source),
                Item::Tables(tables) => {
                    let values: Vec<Value> = tables.into_iter().map(|table| table.into_value(source)).collect();
                    let first = values.first().map_or(source.span(key.range.clone()), |value| value.span);
                    let span = values.last().map_or(first, |value| first.join(value.span));
                    Value::list(values, span)
                }
            };
            map.insert(key.name, source.span(key.range), value);
        }
        Value::map(map, source.span(self.range))
    }
}

struct Reader<'a> {
    source: &'a Source<'a>,
    at: usize,
}

impl<'a> Reader<'a> {
    fn peek(&self) -> Option<u8> {
        self.source.byte(self.at)
    }

    fn rest(&self) -> &'a str {
        self.source.rest(self.at)
    }

    fn blanks(&mut self) {
        while matches!(self.peek(), Some(b' ' | b'\t')) {
            self.at += 1;
        }
    }

    fn comment(&mut self) -> Read<()> {
        if self.peek() == Some(b'#') {
            while let Some(byte) = self.peek().filter(|byte| *byte != b'\n') {
                let line_break = byte == b'\r' && self.source.byte(self.at + 1) == Some(b'\n');
                if byte < b' ' && byte != b'\t' && !line_break || byte == 0x7f {
                    return Err(self.source.problem_at(self.at, "a control character may not stand in a comment"));
                }
                self.at += 1;
            }
        }
        Ok(())
    }

    /// Passes over blanks, comments and line breaks.
    fn blank_lines(&mut self) -> Read<()> {
        loop {
            self.blanks();
            self.comment()?;
            match self.peek() {
                Some(b'\n') => self.at += 1,
                Some(b'\r') if self.rest().starts_with("\r\n") => self.at += 2,
                _ => return Ok(()),
            }
        }
    }

    fn end_of_line(&mut self) -> Read<()> {
        self.blanks();
        self.comment()?;
        match self.peek() {
            None | Some(b'\n') => Ok(()),
            Some(b'\r') if self.rest().starts_with("\r\n") => Ok(()),
            _ => Err(self.source.unexpected(self.at, "the end of the line")),
        }
    }

    fn expect(&mut self, byte: u8) -> Read<()> {
        if self.peek() == Some(byte) {
            self.at += 1;
            return Ok(());
        }
        Err(self.source.unexpected(self.at, &format!("`{}`", char::from(byte))))
    }

    fn dotted_key(&mut self) -> Read<Vec<Key>> {
        let mut keys = Vec::new();
        loop {
            self.blanks();
            let start = self.at;
            let name: Arc<str> = match self.peek() {
                Some(b'"') => self.basic()?.into(),
                Some(b'\'') => self.literal()?.into(),
                _ => {
                    while matches!(self.peek(), Some(byte) if byte.is_ascii_alphanumeric() || matches!(byte, b'_' | b'-')) {
                        self.at += 1;
                    }
                    if self.at == start {
                        return Err(self.source.unexpected(start, "a key"));
                    }
                    self.source.slice(start..self.at).into()
                }
            };
            keys.push(Key { name, range: start..self.at });
            if keys.len() > MAX_DEPTH {
                return Err(self.source.too_deep(start));
            }
            self.blanks();
            if self.peek() != Some(b'.') {
                return Ok(keys);
            }
            self.at += 1;
        }
    }

    fn value(&mut self, depth: usize) -> Read<Value> {
        let start = self.at;
        if depth >= MAX_DEPTH {
            return Err(self.source.too_deep(start));
        }
        let rest = self.rest();
        let data = match self.peek() {
            Some(b'"') => Data::String(if rest.starts_with("\"\"\"") { self.long_basic()? } else { self.basic()? }.into()),
            Some(b'\'') => Data::String(if rest.starts_with("'''") { self.long_literal()? } else { self.literal()? }.into()),
            Some(b'[') => self.array(depth)?,
            Some(b'{') => return self.inline_table(depth),
            Some(b't') if rest.starts_with("true") => {
                self.at += 4;
                Data::Bool(true)
            }
            Some(b'f') if rest.starts_with("false") => {
                self.at += 5;
                Data::Bool(false)
            }
            _ => return self.number_or_time(),
        };
        Ok(Value::new(data, self.source.span(start..self.at)))
    }

    fn array(&mut self, depth: usize) -> Read<Data> {
        self.at += 1;
        let mut items = Vec::new();
        loop {
            self.blank_lines()?;
            if self.peek() == Some(b']') {
                break;
            }
            items.push(self.value(depth + 1)?);
            self.blank_lines()?;
            match self.peek() {
                Some(b',') => self.at += 1,
                Some(b']') => break,
                _ => return Err(self.source.unexpected(self.at, "`,` or `]`")),
            }
        }
        self.at += 1;
        Ok(Data::List(Arc::new(items)))
    }

    fn inline_table(&mut self, depth: usize) -> Read<Value> {
        let start = self.at;
        self.at += 1;
        let mut table = Table::new(start..start);
        loop {
            self.blank_lines()?;
            if self.peek() == Some(b'}') {
                break;
            }
            let key = self.dotted_key()?;
            self.expect(b'=')?;
            self.blanks();
            if depth + key.len() >= MAX_DEPTH {
                return Err(self.source.too_deep(self.at));
            }
            let value = self.value(depth + key.len())?;
            table.assign(self.source, &key, value)?;
            self.blank_lines()?;
            match self.peek() {
                Some(b',') => self.at += 1,
                Some(b'}') => break,
                _ => return Err(self.source.unexpected(self.at, "`,` or `}`")),
            }
        }
        self.at += 1;
        table.range = start..self.at;
        Ok(table.into_value(self.source))
    }

    fn control(&self, at: usize) -> crate::text::Read<()> {
        match self.source.byte(at) {
            Some(byte) if byte < b' ' && byte != b'\t' || byte == 0x7f => {
                Err(self.source.problem_at(at, "a control character may not stand in a text"))
            }
            _ => Ok(()),
        }
    }

    fn unclosed(&self, start: usize) -> probity_value::Problem {
        self.source.problem(start..start + 1, "the text that begins here has no end")
    }

    fn literal(&mut self) -> Read<String> {
        let start = self.at;
        self.at += 1;
        loop {
            match self.peek() {
                None | Some(b'\n') => return Err(self.unclosed(start)),
                Some(b'\'') => break,
                Some(_) => {
                    self.control(self.at)?;
                    self.at += 1;
                }
            }
        }
        self.at += 1;
        Ok(self.source.slice(start + 1..self.at - 1).to_owned())
    }

    /// The end of a text in three quotes: up to two more quotes before the last three belong to it.
    fn long_end(&mut self, quote: &str) -> Option<usize> {
        if !self.rest().starts_with(&quote.repeat(3)) {
            return None;
        }
        let quotes = self.rest().bytes().take_while(|byte| Some(byte) == quote.as_bytes().first()).take(5).count();
        let end = self.at + quotes - 3;
        self.at += quotes;
        Some(end)
    }

    fn first_line_break(&mut self) {
        if self.rest().starts_with("\r\n") {
            self.at += 2;
        } else if self.peek() == Some(b'\n') {
            self.at += 1;
        }
    }

    fn long_literal(&mut self) -> Read<String> {
        let start = self.at;
        self.at += 3;
        self.first_line_break();
        let begin = self.at;
        loop {
            if let Some(end) = self.long_end("'") {
                return Ok(self.source.slice(begin..end).to_owned());
            }
            match self.peek() {
                None => return Err(self.unclosed(start)),
                Some(b'\n') => self.at += 1,
                Some(b'\r') if self.rest().starts_with("\r\n") => self.at += 2,
                Some(_) => {
                    self.control(self.at)?;
                    self.at += 1;
                }
            }
        }
    }

    fn basic(&mut self) -> Read<String> {
        let start = self.at;
        self.at += 1;
        let mut out = String::new();
        loop {
            let run = self.at;
            while !matches!(self.peek(), None | Some(b'"' | b'\\' | b'\n')) {
                self.control(self.at)?;
                self.at += 1;
            }
            out.push_str(self.source.slice(run..self.at));
            match self.peek() {
                Some(b'"') => {
                    self.at += 1;
                    return Ok(out);
                }
                Some(b'\\') => self.escape(&mut out)?,
                _ => return Err(self.unclosed(start)),
            }
        }
    }

    fn long_basic(&mut self) -> Read<String> {
        let start = self.at;
        self.at += 3;
        self.first_line_break();
        let mut out = String::new();
        loop {
            let run = self.at;
            if let Some(end) = self.long_end("\"") {
                out.push_str(self.source.slice(run..end));
                return Ok(out);
            }
            match self.peek() {
                None => return Err(self.unclosed(start)),
                Some(b'\\') => {
                    let after = self.source.rest(self.at + 1);
                    let blank = after.trim_start_matches([' ', '\t']);
                    if blank.starts_with('\n') || blank.starts_with("\r\n") {
                        let text = after.trim_start_matches([' ', '\t', '\n', '\r']);
                        self.at += 1 + after.len() - text.len();
                    } else {
                        self.escape(&mut out)?;
                    }
                }
                Some(b'\n') => {
                    out.push('\n');
                    self.at += 1;
                }
                Some(b'\r') if self.rest().starts_with("\r\n") => {
                    out.push_str("\r\n");
                    self.at += 2;
                }
                Some(_) => {
                    self.control(self.at)?;
                    let letter = self.source.character(self.at).unwrap_or_default();
                    out.push(letter);
                    self.at += letter.len_utf8();
                }
            }
        }
    }

    fn escape(&mut self, out: &mut String) -> Read<()> {
        let start = self.at;
        self.at += 2;
        let digits = match self.source.byte(start + 1) {
            Some(b'b') => return push(out, '\u{8}'),
            Some(b't') => return push(out, '\t'),
            Some(b'n') => return push(out, '\n'),
            Some(b'f') => return push(out, '\u{c}'),
            Some(b'r') => return push(out, '\r'),
            Some(b'e') => return push(out, '\u{1b}'),
            Some(b'"') => return push(out, '"'),
            Some(b'\\') => return push(out, '\\'),
            Some(b'x') => 2,
            Some(b'u') => 4,
            Some(b'U') => 8,
            _ => return Err(self.source.problem(start..start + 1, "`\\` is followed by one of `b t n f r e \" \\ x u U`")),
        };
        let hex = self.source.slice(self.at..self.at + digits);
        let fits = hex.len() == digits && hex.bytes().all(|byte| byte.is_ascii_hexdigit());
        match u32::from_str_radix(hex, 16).ok().filter(|_| fits).and_then(char::from_u32) {
            Some(letter) => {
                self.at += digits;
                push(out, letter)
            }
            None => Err(self.source.problem(start..self.at, format!("expected {digits} hexadecimal digits of a character"))),
        }
    }

    fn number_or_time(&mut self) -> Read<Value> {
        let start = self.at;
        while matches!(self.peek(), Some(byte) if byte.is_ascii_alphanumeric() || matches!(byte, b'+' | b'-' | b'_' | b'.' | b':')) {
            self.at += 1;
        }
        // A date may have a blank before its time.
        let word = self.source.slice(start..self.at);
        let next = self.source.rest(self.at).as_bytes();
        if date(word).is_some() && matches!(next, [b' ', a, b, b':', ..] if a.is_ascii_digit() && b.is_ascii_digit()) {
            self.at += 1;
            while matches!(self.peek(), Some(byte) if byte.is_ascii_alphanumeric() || matches!(byte, b'+' | b'-' | b'.' | b':')) {
                self.at += 1;
            }
        }
        let word = self.source.slice(start..self.at);
        let span = self.source.span(start..self.at);
        if word.is_empty() {
            return Err(self.source.unexpected(start, "a value"));
        }
        if let Some(time) = moment(word) {
            return Ok(Value::string(time, span));
        }
        if let Some(value) = integer(word) {
            return value
                .map(|value| Value::int(value, span))
                .ok_or_else(|| self.source.problem(start..self.at, format!("`{word}` does not fit 64 bits")));
        }
        match float(word) {
            Some(value) => Ok(Value::number(value, span)),
            None => Err(self.source.problem(start..self.at, format!("`{word}` is no value"))),
        }
    }
}

fn push(out: &mut String, letter: char) -> Read<()> {
    out.push(letter);
    Ok(())
}

/// Digits with single underscores between them.
fn digits(text: &str, radix: u32) -> Option<String> {
    let fits = !text.is_empty()
        && !text.starts_with('_')
        && !text.ends_with('_')
        && !text.contains("__")
        && text.chars().all(|letter| letter == '_' || letter.is_digit(radix));
    fits.then(|| text.replace('_', ""))
}

/// A whole number; the inner `None` for one beyond 64 bits.
fn integer(word: &str) -> Option<Option<i64>> {
    for (prefix, radix) in [("0x", 16), ("0o", 8), ("0b", 2)] {
        if let Some(text) = word.strip_prefix(prefix) {
            return digits(text, radix).map(|text| i64::from_str_radix(&text, radix).ok());
        }
    }
    let (sign, unsigned) = match word.strip_prefix('-') {
        Some(unsigned) => ("-", unsigned),
        None => ("", word.strip_prefix('+').unwrap_or(word)),
    };
    let text = digits(unsigned, 10)?;
    if text.len() > 1 && text.starts_with('0') {
        return None;
    }
    Some(format!("{sign}{text}").parse().ok())
}

fn float(word: &str) -> Option<f64> {
    let unsigned = word.strip_prefix(['+', '-']).unwrap_or(word);
    match unsigned {
        "inf" => return Some(if word.starts_with('-') { f64::NEG_INFINITY } else { f64::INFINITY }),
        "nan" => return Some(f64::NAN),
        _ => {}
    }
    let (mantissa, exponent) = match unsigned.split_once(['e', 'E']) {
        Some((mantissa, exponent)) => (mantissa, Some(exponent)),
        None => (unsigned, None),
    };
    let (whole, fraction) = match mantissa.split_once('.') {
        Some((whole, fraction)) => (whole, Some(fraction)),
        None => (mantissa, None),
    };
    let text = digits(whole, 10)?;
    if text.len() > 1 && text.starts_with('0') {
        return None;
    }
    if let Some(fraction) = fraction {
        digits(fraction, 10)?;
    }
    if let Some(exponent) = exponent {
        digits(exponent.strip_prefix(['+', '-']).unwrap_or(exponent), 10)?;
    }
    word.replace('_', "").parse().ok()
}

fn date(text: &str) -> Option<&str> {
    let bytes = text.as_bytes();
    let fits = bytes.len() == 10
        && bytes.iter().enumerate().all(|(at, byte)| if at == 4 || at == 7 { *byte == b'-' } else { byte.is_ascii_digit() });
    let month: u32 = text.get(5..7)?.parse().ok()?;
    let day: u32 = text.get(8..10)?.parse().ok()?;
    let year: u32 = text.get(..4)?.parse().ok()?;
    let leap = year.is_multiple_of(4) && (!year.is_multiple_of(100) || year.is_multiple_of(400));
    let days = match month {
        4 | 6 | 9 | 11 => 30,
        2 if leap => 29,
        2 => 28,
        1..=12 => 31,
        _ => 0,
    };
    (fits && (1..=days).contains(&day)).then_some(text)
}

/// `07:32:00.5` without needless zeros.
fn time(text: &str) -> Option<String> {
    let (clock, fraction) = text.split_once('.').map_or((text, None), |(clock, fraction)| (clock, Some(fraction)));
    let bytes = clock.as_bytes();
    let fits = matches!(bytes.len(), 5 | 8)
        && bytes.iter().enumerate().all(|(at, byte)| if at == 2 || at == 5 { *byte == b':' } else { byte.is_ascii_digit() });
    let part = |range: Range<usize>| clock.get(range).and_then(|text| text.parse::<u32>().ok());
    if !fits || part(0..2)? > 23 || part(3..5)? > 59 {
        return None;
    }
    if bytes.len() == 5 {
        return fraction.is_none().then(|| format!("{clock}:00"));
    }
    if part(6..8)? > 59 {
        return None;
    }
    let Some(fraction) = fraction else { return Some(clock.to_owned()) };
    if fraction.is_empty() || !fraction.bytes().all(|byte| byte.is_ascii_digit()) {
        return None;
    }
    let fraction = fraction.get(..9).unwrap_or(fraction).trim_end_matches('0');
    Some(if fraction.is_empty() { clock.to_owned() } else { format!("{clock}.{fraction}") })
}

/// A date, a time or both, as Go writes them in JSON.
fn moment(word: &str) -> Option<String> {
    if let Some(time) = time(word) {
        return Some(format!("0000-01-01T{time}Z"));
    }
    let day = date(word.get(..10)?)?;
    let rest = word.get(10..)?;
    if rest.is_empty() {
        return Some(format!("{day}T00:00:00Z"));
    }
    let rest = rest.strip_prefix(['T', 't', ' '])?;
    if let Some(clock) = rest.strip_suffix(['Z', 'z']) {
        return Some(format!("{day}T{}Z", time(clock)?));
    }
    if let Some(at) = rest.rfind(['+', '-']) {
        let (clock, zone) = rest.split_at_checked(at)?;
        let bytes = zone.as_bytes();
        let fits = matches!(bytes, [_, a, b, b':', c, d] if [a, b, c, d].iter().all(|byte| byte.is_ascii_digit()));
        let part = |range: Range<usize>| zone.get(range).and_then(|text| text.parse::<u32>().ok());
        if !fits || part(1..3)? > 23 || part(4..6)? > 59 {
            return None;
        }
        let zone = if zone.ends_with("00:00") { "Z" } else { zone };
        return Some(format!("{day}T{}{zone}", time(clock)?));
    }
    Some(format!("{day}T{}Z", time(rest)?))
}
