//! HCL, first version, in the shape of its Go library: a map; every object in it a list of maps, labels as maps in lists.

use std::ops::Range;

use probity_value::{Data, Map, Span, Value};

use crate::MAX_DEPTH;
use crate::text::{Read, Source};

/// Reads an HCL 1 file.
pub(crate) fn read(source: &Source<'_>) -> Read<Value> {
    if source.text.trim_start_matches('\u{feff}').trim_start().starts_with('{') {
        return Err(source.problem_at(source.text.find('{').unwrap_or(0), "the JSON form of HCL 1 is not read: name the parser `json`"));
    }
    let mut reader = Reader { source, at: 0 };
    let items = reader.items(None, 0)?;
    decode_map(source, &items.iter().map(Shown::of).collect::<Vec<_>>(), source.whole(), 0)
}

struct Key {
    name: String,
    range: Range<usize>,
}

/// `key "label" = value` or `key "label" { ... }`.
struct Item {
    keys: Vec<Key>,
    node: Node,
    range: Range<usize>,
}

enum Node {
    Literal(Value),
    List(Vec<Node>, Range<usize>),
    Object(Vec<Item>, Range<usize>),
}

/// An item without its first keys.
#[derive(Clone, Copy)]
struct Shown<'a> {
    item: &'a Item,
    skipped: usize,
}

impl<'a> Shown<'a> {
    fn of(item: &'a Item) -> Shown<'a> {
        Shown { item, skipped: 0 }
    }

    fn keys(&self) -> &'a [Key] {
        self.item.keys.get(self.skipped..).unwrap_or_default()
    }
}

/// A list of objects is another thing than a list of values: only the latter may go on with anything.
fn is_objects(value: &Value) -> bool {
    value.as_list().is_some_and(|items| items.iter().all(|item| item.as_map().is_some()))
}

fn decode_map(source: &Source<'_>, items: &[Shown<'_>], span: Span, depth: usize) -> Read<Value> {
    if depth > MAX_DEPTH {
        return Err(source.too_deep(span.start as usize));
    }
    let mut map = Map::new();
    let mut done: Vec<&str> = Vec::new();
    for shown in items {
        let Some(key) = shown.keys().first() else {
            return Err(source.problem(shown.item.range.clone(), "a block with and without labels"));
        };
        if done.contains(&key.name.as_str()) {
            continue;
        }
        let old = map.get(&key.name).cloned();
        let value = if shown.keys().len() > 1 {
            done.push(&key.name);
            let same: Vec<Shown<'_>> = items
                .iter()
                .filter(|other| other.keys().first().is_some_and(|other| other.name.to_lowercase() == key.name.to_lowercase()))
                .map(|other| Shown { item: other.item, skipped: other.skipped + 1 })
                .collect();
            decode_group(source, old, &same, depth)?
        } else {
            decode(source, old, &shown.item.node, false, depth)?
        };
        map.insert(key.name.as_str(), source.span(key.range.clone()), value);
    }
    Ok(Value::map(map, span))
}

/// Items of one name with more labels: a list with one map for each.
fn decode_group(source: &Source<'_>, old: Option<Value>, items: &[Shown<'_>], depth: usize) -> Read<Value> {
    let mut list = old_list(source, old, items.first().map(|shown| shown.item.range.clone()).unwrap_or_default())?;
    for shown in items {
        list.push(decode_map(source, &[*shown], source.span(shown.item.range.clone()), depth + 1)?);
    }
    Ok(joined(list))
}

fn old_list(source: &Source<'_>, old: Option<Value>, range: Range<usize>) -> Read<Vec<Value>> {
    match old.map(|old| old.data) {
        None => Ok(Vec::new()),
        Some(Data::List(items)) => Ok((*items).clone()),
        Some(_) => Err(source.problem(range, "the key has a value of another type above")),
    }
}

fn joined(list: Vec<Value>) -> Value {
    let first = list.first().map_or(Span::NONE, |value| value.span);
    let span = list.last().map_or(first, |value| first.join(value.span));
    Value::list(list, span)
}

fn decode(source: &Source<'_>, old: Option<Value>, node: &Node, in_list: bool, depth: usize) -> Read<Value> {
    if depth > MAX_DEPTH {
        return Err(source.too_deep(node.range().start));
    }
    let other_type = || source.problem(node.range(), "the key has a value of another type above");
    match node {
        Node::Literal(value) => match old {
            None => Ok(value.clone()),
            Some(old) if old.type_name() == value.type_name() => Ok(value.clone()),
            Some(old) if old.as_str().is_some() && value.as_number().is_some() => Ok(Value::string(source.slice(node.range()), value.span)),
            Some(_) => Err(other_type()),
        },
        Node::List(items, range) => {
            let objects = old.as_ref().is_some_and(|old| is_objects(old) && old.as_list().is_some_and(|items| !items.is_empty()));
            let mut list = old_list(source, old, range.clone())?;
            for item in items {
                if objects && !matches!(item, Node::Object(..)) {
                    return Err(other_type());
                }
                list.push(decode(source, None, item, true, depth + 1)?);
            }
            let mut value = joined(list);
            value.span = source.span(range.clone());
            Ok(value)
        }
        Node::Object(items, range) => {
            let shown: Vec<Shown<'_>> = items.iter().map(Shown::of).collect();
            let map = decode_map(source, &shown, source.span(range.clone()), depth + 1)?;
            if in_list {
                return Ok(map);
            }
            let mut list = old_list(source, old, range.clone())?;
            list.push(map);
            Ok(joined(list))
        }
    }
}

impl Node {
    fn range(&self) -> Range<usize> {
        match self {
            Node::Literal(value) => value.span.start as usize..value.span.end as usize,
            Node::List(_, range) | Node::Object(_, range) => range.clone(),
        }
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

    /// Passes over blanks and comments.
    fn skip(&mut self) -> Read<()> {
        loop {
            let rest = self.source.rest(self.at);
            match self.peek() {
                Some(b' ' | b'\t' | b'\n' | b'\r') => self.at += 1,
                Some(b'#') => self.at += rest.find('\n').unwrap_or(rest.len()),
                Some(b'/') if rest.starts_with("//") => self.at += rest.find('\n').unwrap_or(rest.len()),
                Some(b'/') if rest.starts_with("/*") => match rest.get(2..).and_then(|inside| inside.find("*/")) {
                    Some(end) => self.at += end + 4,
                    None => return Err(self.source.problem(self.at..self.at + 2, "the comment has no end")),
                },
                _ => return Ok(()),
            }
        }
    }

    fn items(&mut self, open: Option<usize>, depth: usize) -> Read<Vec<Item>> {
        let mut items = Vec::new();
        loop {
            self.skip()?;
            match (self.peek(), open) {
                (None, None) => return Ok(items),
                (None, Some(at)) => return Err(self.source.problem_at(at, "the brace that opens here is not closed")),
                (Some(b'}'), Some(_)) => {
                    self.at += 1;
                    return Ok(items);
                }
                _ => {}
            }
            items.push(self.item(depth)?);
            self.skip()?;
            if self.peek() == Some(b',') {
                self.at += 1;
            }
        }
    }

    fn item(&mut self, depth: usize) -> Read<Item> {
        let start = self.at;
        let mut keys = Vec::new();
        loop {
            self.skip()?;
            let at = self.at;
            match self.peek() {
                Some(b'=') if keys.len() == 1 => {
                    self.at += 1;
                    self.skip()?;
                    let node = self.node(depth)?;
                    return Ok(Item { keys, node, range: start..self.at });
                }
                Some(b'{') if !keys.is_empty() => {
                    let node = self.object(depth)?;
                    return Ok(Item { keys, node, range: start..self.at });
                }
                Some(b'"') => {
                    let name = self.string()?;
                    keys.push(Key { name, range: at..self.at });
                }
                _ => {
                    let name = self.identifier();
                    if name.is_empty() || matches!(name, "true" | "false") {
                        self.at = at;
                        return Err(self.source.unexpected(at, if keys.is_empty() { "a key" } else { "`=` or `{`" }));
                    }
                    keys.push(Key { name: name.to_owned(), range: at..self.at });
                }
            }
        }
    }

    fn identifier(&mut self) -> &'a str {
        let start = self.at;
        let rest = self.source.rest(start);
        let mut length = 0;
        for letter in rest.chars() {
            let fits = letter.is_alphabetic() || letter == '_' || length > 0 && (letter.is_numeric() || matches!(letter, '-' | '.'));
            if !fits {
                break;
            }
            length += letter.len_utf8();
        }
        self.at += length;
        rest.get(..length).unwrap_or_default()
    }

    fn object(&mut self, depth: usize) -> Read<Node> {
        let start = self.at;
        if depth >= MAX_DEPTH {
            return Err(self.source.too_deep(start));
        }
        self.at += 1;
        let items = self.items(Some(start), depth + 1)?;
        Ok(Node::Object(items, start..self.at))
    }

    fn node(&mut self, depth: usize) -> Read<Node> {
        let start = self.at;
        let data = match self.peek() {
            Some(b'{') => return self.object(depth),
            Some(b'[') => return self.list(depth),
            Some(b'"') => Data::String(self.string()?.into()),
            Some(b'<') => Data::String(self.heredoc()?.into()),
            Some(b'-' | b'.' | b'0'..=b'9') => self.number()?,
            _ => match self.identifier() {
                "true" => Data::Bool(true),
                "false" => Data::Bool(false),
                _ => {
                    self.at = start;
                    return Err(self.source.unexpected(start, "a value"));
                }
            },
        };
        Ok(Node::Literal(Value::new(data, self.source.span(start..self.at))))
    }

    fn list(&mut self, depth: usize) -> Read<Node> {
        let start = self.at;
        if depth >= MAX_DEPTH {
            return Err(self.source.too_deep(start));
        }
        self.at += 1;
        let mut items: Vec<Node> = Vec::new();
        let mut comma = true;
        loop {
            self.skip()?;
            match self.peek() {
                Some(b']') => {
                    self.at += 1;
                    return Ok(Node::List(items, start..self.at));
                }
                Some(b',') => {
                    self.at += 1;
                    comma = true;
                }
                None => return Err(self.source.problem_at(start, "the bracket that opens here is not closed")),
                // Behind a list in a list no comma is asked for.
                _ if comma || matches!(items.last(), Some(Node::List(..))) => {
                    items.push(self.node(depth + 1)?);
                    comma = false;
                }
                _ => return Err(self.source.unexpected(self.at, "`,` or `]`")),
            }
        }
    }

    fn number(&mut self) -> Read<Data> {
        let start = self.at;
        if self.peek() == Some(b'-') {
            self.at += 1;
        }
        let digits = self.at;
        while matches!(self.peek(), Some(byte) if byte.is_ascii_alphanumeric() || byte == b'.')
            || matches!(self.peek(), Some(b'+' | b'-')) && matches!(self.source.byte(self.at - 1), Some(b'e' | b'E'))
        {
            self.at += 1;
        }
        let sign = if digits > start { "-" } else { "" };
        let text = self.source.slice(digits..self.at);
        let whole = if let Some(hex) = text.strip_prefix("0x").or_else(|| text.strip_prefix("0X")) {
            i64::from_str_radix(&format!("{sign}{hex}"), 16).ok()
        } else if text.len() > 1 && text.starts_with('0') && text.bytes().all(|byte| byte.is_ascii_digit()) {
            i64::from_str_radix(&format!("{sign}{text}"), 8).ok()
        } else {
            format!("{sign}{text}").parse().ok()
        };
        let number = match whole {
            Some(value) => Some(Value::int(value, Span::NONE).data),
            None if text.contains(['.', 'e', 'E']) && !text.starts_with("0x") => {
                format!("{sign}{text}").parse().ok().map(|value| Value::number(value, Span::NONE).data)
            }
            None => None,
        };
        number.ok_or_else(|| self.source.problem(start..self.at, format!("`{sign}{text}` is no number")))
    }

    /// A text in quotes; what is in `${...}` stays as it is.
    fn string(&mut self) -> Read<String> {
        let start = self.at;
        self.at += 1;
        let mut out = String::new();
        let mut braces = 0_usize;
        loop {
            let at = self.at;
            let Some(letter) = self.source.character(at) else {
                return Err(self.source.problem_at(start, "the text that begins here has no end"));
            };
            self.at += letter.len_utf8();
            match letter {
                '"' if braces == 0 => return Ok(out),
                '\n' if braces == 0 => return Err(self.source.problem_at(start, "the text that begins here has no end")),
                '$' if braces == 0 && self.peek() == Some(b'{') => {
                    self.at += 1;
                    braces = 1;
                    out.push_str("${");
                    continue;
                }
                '{' if braces > 0 => braces += 1,
                '}' if braces > 0 => braces -= 1,
                '\\' if braces == 0 => {
                    self.escape(at, &mut out)?;
                    continue;
                }
                '\\' => {
                    // Within an expression an escape hides the quote behind it and stays as written.
                    out.push('\\');
                    if let Some(next) = self.source.character(self.at) {
                        self.at += next.len_utf8();
                        out.push(next);
                    }
                    continue;
                }
                _ => {}
            }
            out.push(letter);
        }
    }

    fn escape(&mut self, start: usize, out: &mut String) -> Read<()> {
        let code = self.peek();
        self.at += 1;
        let (digits, radix) = match code {
            Some(b'a') => return put(out, '\u{7}'),
            Some(b'b') => return put(out, '\u{8}'),
            Some(b'f') => return put(out, '\u{c}'),
            Some(b'n') => return put(out, '\n'),
            Some(b'r') => return put(out, '\r'),
            Some(b't') => return put(out, '\t'),
            Some(b'v') => return put(out, '\u{b}'),
            Some(byte @ (b'\\' | b'"')) => return put(out, char::from(byte)),
            Some(b'x') => (2, 16),
            Some(b'u') => (4, 16),
            Some(b'U') => (8, 16),
            Some(b'0'..=b'7') => {
                self.at -= 1;
                (3, 8)
            }
            _ => return Err(self.source.problem(start..start + 1, "this escape is not known")),
        };
        let text = self.source.slice(self.at..self.at + digits);
        let letter = u32::from_str_radix(text, radix).ok().filter(|_| text.len() == digits).and_then(char::from_u32);
        let Some(letter) = letter else { return Err(self.source.problem(start..self.at, "this escape is not known")) };
        self.at += digits;
        put(out, letter)
    }

    fn heredoc(&mut self) -> Read<String> {
        let start = self.at;
        let wrong = |reader: &Reader<'_>, message: &str| Err(reader.source.problem(start..start + 2, message));
        let rest = self.source.rest(start);
        let Some(rest) = rest.strip_prefix("<<") else { return wrong(self, "expected a value") };
        let (head, body) = rest.split_once('\n').unwrap_or((rest, ""));
        let head = head.strip_suffix('\r').unwrap_or(head);
        let (indented, name) = head.strip_prefix('-').map_or((false, head), |name| (true, name));
        if name.is_empty() || !name.chars().all(|letter| letter.is_alphanumeric() || letter == '_') {
            return wrong(self, "the heredoc has no name");
        }
        let begin = self.source.range_of(body).start;
        let mut line_start = begin;
        let mut lines: Vec<&str> = Vec::new();
        for line in body.split('\n') {
            let bare = line.trim_end_matches('\r');
            if bare.trim_start() == name {
                self.at = line_start + bare.len();
                let margin = bare.get(..bare.len() - bare.trim_start().len()).unwrap_or_default();
                return Ok(unindented(&lines, margin, indented));
            }
            lines.push(line.strip_suffix('\r').unwrap_or(line));
            line_start += line.len() + 1;
        }
        wrong(self, "the heredoc has no end")
    }
}

/// The lines of a heredoc, without the margin of its end where all of them have it.
fn unindented(lines: &[&str], margin: &str, indented: bool) -> String {
    let strip = indented && lines.iter().all(|line| line.starts_with(margin));
    let mut out = String::new();
    for line in lines {
        out.push_str(if strip { line.strip_prefix(margin).unwrap_or(line) } else { line });
        out.push('\n');
    }
    if !indented {
        out.push_str(margin);
    }
    out
}

fn put(out: &mut String, letter: char) -> Read<()> {
    out.push(letter);
    Ok(())
}
