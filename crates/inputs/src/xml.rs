//! XML in the shape of `goxml2json`: elements by local name, several of a name as a list, attributes as `-name`, text as `#content`.
//!
//! As there, only the last piece of text of an element counts. What that library passes over (an error ends the document in silence)
//! is an error here.

use std::ops::Range;

use probity_value::{Map, Value};

use crate::MAX_DEPTH;
use crate::text::{Read, Source};

/// Reads an XML document.
pub(crate) fn read(source: &Source<'_>) -> Read<Value> {
    let start = if source.text.starts_with('\u{feff}') { '\u{feff}'.len_utf8() } else { 0 };
    let mut reader = Reader { source, at: start };
    let mut open = vec![Element { name: "", range: 0..source.text.len(), ..Element::default() }];
    while let Some(byte) = source.byte(reader.at) {
        if byte != b'<' {
            let (text, range) = reader.text()?;
            set_text(&mut open, &text, range);
            continue;
        }
        let rest = source.rest(reader.at);
        if rest.starts_with("<!--") {
            reader.comment()?;
        } else if rest.starts_with("<![CDATA[") {
            let begin = reader.at + "<![CDATA[".len();
            let end = source.rest(begin).find("]]>").map(|at| begin + at);
            let Some(end) = end else { return Err(source.problem(reader.at..begin, "the character data has no end")) };
            set_text(&mut open, &line_breaks(source.slice(begin..end)), begin..end);
            reader.at = end + 3;
        } else if rest.starts_with("<!") {
            reader.directive()?;
        } else if rest.starts_with("<?") {
            let Some(end) = rest.find("?>") else { return Err(source.problem(reader.at..reader.at + 2, "the instruction has no end")) };
            reader.at += end + 2;
        } else if rest.starts_with("</") {
            let start = reader.at;
            reader.at += 2;
            let name = reader.name()?;
            reader.blanks();
            reader.expect(b'>')?;
            let element = open.pop().filter(|element| !open.is_empty() && element.name == name);
            let Some(element) = element else {
                return Err(source.problem(start..reader.at, format!("`</{name}>` closes nothing that is open")));
            };
            close(source, &mut open, element, reader.at);
        } else {
            if open.len() > MAX_DEPTH {
                return Err(source.too_deep(reader.at));
            }
            let (element, empty) = reader.element()?;
            if empty {
                close(source, &mut open, element, reader.at);
            } else {
                open.push(element);
            }
        }
    }
    match (open.pop(), open.is_empty()) {
        (Some(root), true) => Ok(root.into_value(source)),
        (Some(element), false) => Err(source.problem(element.range.clone(), format!("`<{}>` is not closed", element.name))),
        (None, _) => Err(source.problem(0..0, "the document is empty")),
    }
}

#[derive(Default)]
struct Element<'a> {
    name: &'a str,
    range: Range<usize>,
    text: String,
    text_range: Range<usize>,
    children: Vec<(&'a str, Range<usize>, Value)>,
    attributes: usize,
}

impl Element<'_> {
    fn into_value(self, source: &Source<'_>) -> Value {
        let span = source.span(self.range);
        if self.children.is_empty() {
            let place = if self.text.is_empty() { span } else { source.span(self.text_range) };
            return Value::string(self.text, place);
        }
        let mut groups: Vec<(String, Range<usize>, Vec<Value>)> = Vec::new();
        let mut index: std::collections::HashMap<String, usize> = std::collections::HashMap::new();
        for (position, (name, range, value)) in self.children.into_iter().enumerate() {
            let local = local(name);
            let key = if position < self.attributes { format!("-{local}") } else { local.to_owned() };
            match index.get(&key).and_then(|at| groups.get_mut(*at)) {
                Some((_, _, values)) => values.push(value),
                None => {
                    index.insert(key.clone(), groups.len());
                    groups.push((key, range, vec![value]));
                }
            }
        }
        let mut map = Map::new();
        if !self.text.is_empty() {
            let place = source.span(self.text_range);
            map.insert("#content", place, Value::string(self.text, place));
        }
        for (key, range, mut values) in groups {
            let value = match (values.pop(), values.is_empty()) {
                (Some(value), true) => value,
                (Some(value), false) => {
                    let place = values.first().map_or(value.span, |first| first.span.join(value.span));
                    values.push(value);
                    Value::list(values, place)
                }
                (None, _) => continue,
            };
            map.insert(key, source.span(range), value);
        }
        Value::map(map, span)
    }
}

fn close<'a>(source: &Source<'a>, open: &mut [Element<'a>], mut element: Element<'a>, end: usize) {
    let name = element.name;
    let key = element.range.start + 1..element.range.start + 1 + name.len();
    element.range.end = end;
    let value = element.into_value(source);
    if let Some(parent) = open.last_mut() {
        parent.children.push((name, key, value));
    }
}

/// The last piece of text counts, without blanks and unprintable characters around it.
fn set_text(open: &mut [Element<'_>], text: &str, range: Range<usize>) {
    let Some(element) = open.last_mut() else { return };
    let hidden = |letter: char| letter.is_whitespace() || letter.is_control() || letter == '\u{feff}';
    element.text = text.trim_matches(hidden).to_owned();
    element.text_range = range;
}

fn line_breaks(text: &str) -> String {
    text.replace("\r\n", "\n").replace('\r', "\n")
}

/// The name without its prefix.
fn local(name: &str) -> &str {
    match name.split_once(':') {
        Some((space, local)) if !space.is_empty() && !local.is_empty() => local,
        _ => name,
    }
}

struct Reader<'a> {
    source: &'a Source<'a>,
    at: usize,
}

impl<'a> Reader<'a> {
    fn blanks(&mut self) {
        while matches!(self.source.byte(self.at), Some(b' ' | b'\t' | b'\n' | b'\r')) {
            self.at += 1;
        }
    }

    fn expect(&mut self, byte: u8) -> Read<()> {
        if self.source.byte(self.at) == Some(byte) {
            self.at += 1;
            return Ok(());
        }
        Err(self.source.unexpected(self.at, &format!("`{}`", char::from(byte))))
    }

    fn name(&mut self) -> Read<&'a str> {
        let start = self.at;
        let rest = self.source.rest(start);
        let fits = |letter: char| {
            letter.is_ascii_alphanumeric() || matches!(letter, '_' | ':' | '.' | '-') || (letter as u32) >= 0x80 && !letter.is_whitespace()
        };
        let length = rest.find(|letter| !fits(letter)).unwrap_or(rest.len());
        let name = rest.get(..length).unwrap_or_default();
        if name.is_empty() || name.starts_with(|first: char| first.is_ascii_digit() || matches!(first, '.' | '-')) {
            return Err(self.source.unexpected(start, "a name"));
        }
        if name.matches(':').count() > 1 {
            return Err(self.source.problem(start..start + length, format!("`{name}` has more than one colon")));
        }
        self.at += length;
        Ok(name)
    }

    /// Text up to the next tag.
    fn text(&mut self) -> Read<(String, Range<usize>)> {
        let start = self.at;
        let rest = self.source.rest(start);
        let length = rest.find('<').unwrap_or(rest.len());
        self.at += length;
        let text = rest.get(..length).unwrap_or_default();
        if let Some(at) = text.find("]]>") {
            return Err(self.source.problem(start + at..start + at + 3, "`]]>` may not stand in text"));
        }
        Ok((self.decoded(start..self.at)?, start..self.at))
    }

    /// A text with its entities resolved.
    fn decoded(&self, range: Range<usize>) -> Read<String> {
        let text = line_breaks(self.source.slice(range.clone()));
        if !text.contains('&') {
            return Ok(text);
        }
        let mut out = String::with_capacity(text.len());
        let mut rest = text.as_str();
        while let Some((before, after)) = rest.split_once('&') {
            out.push_str(before);
            let entity = after.split_once(';');
            let letter = entity.and_then(|(name, _)| entity_letter(name));
            let (Some((_, after)), Some(letter)) = (entity, letter) else {
                let at = range.start + self.source.slice(range.clone()).find('&').unwrap_or(0);
                return Err(self.source.problem(at..at + 1, "`&` is followed by no entity that is known"));
            };
            out.push(letter);
            rest = after;
        }
        out.push_str(rest);
        Ok(out)
    }

    fn comment(&mut self) -> Read<()> {
        let start = self.at;
        let inside = self.source.rest(start + 4);
        let end = inside.find("--").filter(|at| inside.get(*at + 2..).is_some_and(|rest| rest.starts_with('>')));
        let Some(end) = end else { return Err(self.source.problem(start..start + 4, "the comment has no end, or `--` within it")) };
        self.at = start + 4 + end + 3;
        Ok(())
    }

    /// Passes over `<!DOCTYPE ...>`.
    fn directive(&mut self) -> Read<()> {
        let start = self.at;
        let mut depth = 0_usize;
        let mut quote = None;
        while let Some(byte) = self.source.byte(self.at) {
            match (quote, byte) {
                (Some(wanted), byte) if byte == wanted => quote = None,
                (Some(_), _) => {}
                (None, b'"' | b'\'') => quote = Some(byte),
                (None, b'<') if self.source.rest(self.at).starts_with("<!--") => {
                    self.comment()?;
                    continue;
                }
                (None, b'<') => depth += 1,
                (None, b'>') => {
                    depth -= 1;
                    if depth == 0 {
                        self.at += 1;
                        return Ok(());
                    }
                }
                _ => {}
            }
            self.at += 1;
        }
        Err(self.source.problem(start..start + 2, "the declaration has no end"))
    }

    /// An opening tag, and whether it closes itself.
    fn element(&mut self) -> Read<(Element<'a>, bool)> {
        let start = self.at;
        self.at += 1;
        let name = self.name()?;
        let mut element = Element { name, range: start..start + 1 + name.len(), ..Element::default() };
        loop {
            self.blanks();
            match self.source.byte(self.at) {
                Some(b'>') => {
                    self.at += 1;
                    return Ok((element, false));
                }
                Some(b'/') => {
                    self.at += 1;
                    self.expect(b'>')?;
                    return Ok((element, true));
                }
                None => return Err(self.source.problem(start..start + 1 + name.len(), format!("`<{name}` has no end"))),
                Some(_) => {}
            }
            let begin = self.at;
            let attribute = self.name()?;
            let key = begin..self.at;
            self.blanks();
            self.expect(b'=')?;
            self.blanks();
            let quote = match self.source.byte(self.at) {
                Some(byte @ (b'"' | b'\'')) => byte,
                _ => return Err(self.source.unexpected(self.at, "a value in quotes")),
            };
            let begin = self.at + 1;
            let length = self.source.rest(begin).find(char::from(quote));
            let Some(length) = length else { return Err(self.source.problem(self.at..begin, "the quote that begins here has no end")) };
            if let Some(at) = self.source.slice(begin..begin + length).find('<') {
                return Err(self.source.problem(begin + at..begin + at + 1, "`<` may not stand in an attribute"));
            }
            let text = self.decoded(begin..begin + length)?;
            self.at = begin + length + 1;
            element.children.push((attribute, key, Value::string(text, self.source.span(begin..begin + length))));
            element.attributes += 1;
        }
    }
}

fn entity_letter(name: &str) -> Option<char> {
    match name {
        "lt" => Some('<'),
        "gt" => Some('>'),
        "amp" => Some('&'),
        "apos" => Some('\''),
        "quot" => Some('"'),
        _ => {
            let number = name.strip_prefix('#')?;
            let code = match number.strip_prefix('x') {
                Some(hex) => u32::from_str_radix(hex, 16),
                None => number.parse(),
            };
            code.ok().and_then(char::from_u32)
        }
    }
}
