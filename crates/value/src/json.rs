//! JSON text to values with places, and values to JSON text. Strict RFC 8259, read in one pass.
//!
//! What does not live here: the JSON of our own formats (that is the `formats` crate).

use std::fmt::Write as _;
use std::sync::Arc;

use crate::{Data, FileId, Map, Number, Problem, Span, Value};

/// Lists and maps may be nested this deep, here and in YAML.
pub const MAX_DEPTH: usize = 256;

/// Reads one JSON text (RFC 8259). A byte order mark before it is passed over.
///
/// The value is null where a problem is fatal. Codes: `json-syntax` and `json-depth` (fatal), `json-duplicate-key` (the last one
/// counts), `json-lone-surrogate` (it becomes U+FFFD). Whole numbers beyond 64 bits become doubles.
#[must_use]
pub fn parse(text: &str, file: FileId) -> (Value, Vec<Problem>) {
    read(text, file, Manner::default()).0
}

/// As [`parse`], but a comma before a closing bracket is passed over (code `json-trailing-comma`, not fatal): for documents inside other
/// texts, whose meaning is to be judged although their reader will refuse them.
#[must_use]
pub fn parse_tolerant(text: &str, file: FileId) -> (Value, Vec<Problem>) {
    read(text, file, Manner { commas: true, ..Manner::default() }).0
}

/// As [`parse`], of the bytes `range` of a text; places are those in the whole text. The value is null where the range is none.
#[must_use]
pub fn parse_range(text: &str, range: std::ops::Range<usize>, file: FileId) -> (Value, Vec<Problem>) {
    match text.get(..range.end) {
        Some(until) if until.is_char_boundary(range.start) => {
            let manner = Manner::default();
            finish(Reader {
                text: until,
                bytes: until.as_bytes(),
                at: range.start,
                file,
                manner,
                problems: Vec::new(),
                comments: Vec::new(),
            })
            .0
        }
        _ => (Value::null(Span::NONE), vec![Problem::fatal("json-syntax", Span::NONE, "the range is not in the text".to_owned())]),
    }
}

/// As [`parse`], but `//` and `/* */` comments, commas before closing brackets and line breaks in texts are fine, as tools that read
/// configuration in JSON take them. The places of the comments come along, in order, without the ends of their lines.
#[must_use]
pub fn parse_commented(text: &str, file: FileId) -> (Value, Vec<Problem>, Vec<Span>) {
    let ((value, mut problems), comments) = read(text, file, Manner { commas: true, comments: true });
    problems.retain(|problem| problem.code != "json-trailing-comma");
    (value, problems, comments)
}

/// What is passed over that RFC 8259 has not.
#[derive(Clone, Copy, Default)]
struct Manner {
    /// A comma before a closing bracket.
    commas: bool,
    /// Comments, and line breaks in texts.
    comments: bool,
}

fn read(text: &str, file: FileId, manner: Manner) -> ((Value, Vec<Problem>), Vec<Span>) {
    let mut reader = Reader { text, bytes: text.as_bytes(), at: 0, file, manner, problems: Vec::new(), comments: Vec::new() };
    if text.starts_with('\u{feff}') {
        reader.at = '\u{feff}'.len_utf8();
    }
    finish(reader)
}

fn finish(mut reader: Reader<'_>) -> ((Value, Vec<Problem>), Vec<Span>) {
    let whole = Span::new(reader.file, reader.at.min(reader.text.len())..reader.text.len());
    match reader.document() {
        Ok(value) => ((value, reader.problems), reader.comments),
        Err(problem) => {
            reader.problems.push(problem);
            ((Value::null(whole), reader.problems), reader.comments)
        }
    }
}

struct Reader<'a> {
    text: &'a str,
    bytes: &'a [u8],
    at: usize,
    file: FileId,
    manner: Manner,
    problems: Vec<Problem>,
    /// Comments in order; one that was met twice while looking ahead is there once.
    comments: Vec<Span>,
}

type Step<T> = Result<T, Problem>;

impl Reader<'_> {
    fn peek(&self) -> Option<u8> {
        self.bytes.get(self.at).copied()
    }

    fn span(&self, start: usize) -> Span {
        Span::new(self.file, start..self.at)
    }

    fn space(&mut self) {
        loop {
            while matches!(self.peek(), Some(b' ' | b'\t' | b'\n' | b'\r')) {
                self.at += 1;
            }
            if !self.manner.comments || !self.comment() {
                return;
            }
        }
    }

    /// Passes over one comment; false where there is none. One without its end goes to the end of the text.
    fn comment(&mut self) -> bool {
        let rest = self.bytes.get(self.at..).unwrap_or_default();
        let length = match rest {
            [b'/', b'/', ..] => memchr::memchr2(b'\n', b'\r', rest).unwrap_or(rest.len()),
            [b'/', b'*', inside @ ..] => memchr::memmem::find(inside, b"*/").map_or(rest.len(), |end| end + 4),
            _ => return false,
        };
        let start = self.at;
        self.at += length;
        let span = self.span(start);
        if self.comments.last().is_none_or(|last| last.start < span.start) {
            self.comments.push(span);
        }
        true
    }

    /// What stands at the reading place, for a message, with its span.
    fn unexpected(&self, wanted: &str) -> Problem {
        let rest = self.text.get(self.at..).unwrap_or_default();
        match rest.chars().next() {
            Some(letter) => {
                let span = Span::new(self.file, self.at..self.at + letter.len_utf8());
                Problem::fatal("json-syntax", span, format!("expected {wanted}, found `{}`", letter.escape_debug()))
            }
            None => {
                let span = Span::new(self.file, self.at..self.at);
                Problem::fatal("json-syntax", span, format!("expected {wanted}, found the end of the text"))
            }
        }
    }

    fn document(&mut self) -> Step<Value> {
        self.space();
        let value = self.value(0)?;
        self.space();
        if self.at < self.bytes.len() { Err(self.unexpected("the end of the text")) } else { Ok(value) }
    }

    fn value(&mut self, depth: usize) -> Step<Value> {
        let start = self.at;
        match self.peek() {
            Some(b'{' | b'[') if depth >= MAX_DEPTH => {
                let span = Span::new(self.file, start..start + 1);
                Err(Problem::fatal("json-depth", span, format!("nested deeper than {MAX_DEPTH} levels")))
            }
            Some(b'{') => self.object(depth),
            Some(b'[') => self.array(depth),
            Some(b'"') => {
                let text = self.string()?;
                Ok(Value::string(text, self.span(start)))
            }
            Some(b't') => self.word("true", Data::Bool(true)),
            Some(b'f') => self.word("false", Data::Bool(false)),
            Some(b'n') => self.word("null", Data::Null),
            Some(b'-' | b'0'..=b'9') => self.number(),
            _ => Err(self.unexpected("a value")),
        }
    }

    fn word(&mut self, word: &str, data: Data) -> Step<Value> {
        let start = self.at;
        if self.bytes.get(start..).is_some_and(|rest| rest.starts_with(word.as_bytes())) {
            self.at += word.len();
            Ok(Value::new(data, self.span(start)))
        } else {
            Err(self.unexpected("a value"))
        }
    }

    fn object(&mut self, depth: usize) -> Step<Value> {
        let start = self.at;
        self.at += 1;
        let mut map = Map::new();
        self.space();
        if self.peek() == Some(b'}') {
            self.at += 1;
            return Ok(Value::map(map, self.span(start)));
        }
        loop {
            self.space();
            let key_start = self.at;
            if self.peek() != Some(b'"') {
                return Err(self.unexpected("a key in quotes"));
            }
            let key: Arc<str> = self.string()?.into();
            let key_span = self.span(key_start);
            self.space();
            if self.peek() != Some(b':') {
                return Err(self.unexpected("`:`"));
            }
            self.at += 1;
            self.space();
            let value = self.value(depth + 1)?;
            if map.insert(Arc::clone(&key), key_span, value).is_some() {
                let message = format!("the key `{key}` is there more than once; the last one counts");
                self.problems.push(Problem::warning("json-duplicate-key", key_span, message));
            }
            self.space();
            match self.peek() {
                Some(b',') if !self.last_comma(b'}') => self.at += 1,
                Some(b',' | b'}') => {
                    self.at += 1;
                    return Ok(Value::map(map, self.span(start)));
                }
                _ => return Err(self.unexpected("`,` or `}`")),
            }
        }
    }

    /// Whether the comma here is one before `close` that is tolerated; then the reader stands at `close`.
    fn last_comma(&mut self, close: u8) -> bool {
        let comma = self.at;
        if !self.manner.commas {
            return false;
        }
        self.at += 1;
        self.space();
        if self.peek() == Some(close) {
            let span = Span::new(self.file, comma..comma + 1);
            self.problems.push(Problem::warning("json-trailing-comma", span, "a comma before the closing bracket"));
            return true;
        }
        self.at = comma;
        false
    }

    fn array(&mut self, depth: usize) -> Step<Value> {
        let start = self.at;
        self.at += 1;
        let mut items = Vec::new();
        self.space();
        if self.peek() == Some(b']') {
            self.at += 1;
            return Ok(Value::list(items, self.span(start)));
        }
        loop {
            self.space();
            items.push(self.value(depth + 1)?);
            self.space();
            match self.peek() {
                Some(b',') if !self.last_comma(b']') => self.at += 1,
                Some(b',' | b']') => {
                    self.at += 1;
                    return Ok(Value::list(items, self.span(start)));
                }
                _ => return Err(self.unexpected("`,` or `]`")),
            }
        }
    }

    fn digits(&mut self) -> Step<()> {
        if !matches!(self.peek(), Some(b'0'..=b'9')) {
            return Err(self.unexpected("a digit"));
        }
        while matches!(self.peek(), Some(b'0'..=b'9')) {
            self.at += 1;
        }
        Ok(())
    }

    fn number(&mut self) -> Step<Value> {
        let start = self.at;
        let mut whole = true;
        if self.peek() == Some(b'-') {
            self.at += 1;
        }
        if self.peek() == Some(b'0') {
            self.at += 1;
            if matches!(self.peek(), Some(b'0'..=b'9')) {
                return Err(self.unexpected("no digit after a leading zero"));
            }
        } else {
            self.digits()?;
        }
        if self.peek() == Some(b'.') {
            whole = false;
            self.at += 1;
            self.digits()?;
        }
        if matches!(self.peek(), Some(b'e' | b'E')) {
            whole = false;
            self.at += 1;
            if matches!(self.peek(), Some(b'+' | b'-')) {
                self.at += 1;
            }
            self.digits()?;
        }
        let text = self.text.get(start..self.at).unwrap_or_default();
        let span = self.span(start);
        if whole && let Ok(value) = text.parse::<i64>() {
            return Ok(Value::int(value, span));
        }
        match text.parse::<f64>() {
            Ok(value) => Ok(Value::number(value, span)),
            Err(_) => Err(Problem::fatal("json-syntax", span, format!("`{text}` is not a number"))),
        }
    }

    fn string(&mut self) -> Step<String> {
        let open = self.at;
        self.at += 1;
        let mut out = String::new();
        let mut run = self.at;
        loop {
            match self.peek() {
                None => {
                    let span = Span::new(self.file, open..open + 1);
                    return Err(Problem::fatal("json-syntax", span, "the text in quotes that begins here has no end"));
                }
                Some(b'"') => {
                    out.push_str(self.text.get(run..self.at).unwrap_or_default());
                    self.at += 1;
                    return Ok(out);
                }
                Some(b'\\') => {
                    out.push_str(self.text.get(run..self.at).unwrap_or_default());
                    self.escape(&mut out)?;
                    run = self.at;
                }
                Some(b'\n' | b'\r' | b'\t') if self.manner.comments => self.at += 1,
                Some(0..=0x1f) => return Err(self.unexpected("an escape in place of a control character")),
                Some(_) => self.at += 1,
            }
        }
    }

    fn escape(&mut self, out: &mut String) -> Step<()> {
        let start = self.at;
        self.at += 1;
        let letter = match self.peek() {
            Some(b'"') => '"',
            Some(b'\\') => '\\',
            Some(b'/') => '/',
            Some(b'b') => '\u{8}',
            Some(b'f') => '\u{c}',
            Some(b'n') => '\n',
            Some(b'r') => '\r',
            Some(b't') => '\t',
            Some(b'u') => return self.unicode(start, out),
            _ => return Err(self.unexpected("an escape letter")),
        };
        self.at += 1;
        out.push(letter);
        Ok(())
    }

    /// `\uXXXX`, or two of them that are a surrogate pair; the reading place is on the `u`.
    fn unicode(&mut self, start: usize, out: &mut String) -> Step<()> {
        self.at += 1;
        let first = self.hex()?;
        let mut code = u32::from(first);
        if (0xd800..0xdc00).contains(&first) && self.bytes.get(self.at..).is_some_and(|rest| rest.starts_with(b"\\u")) {
            let back = self.at;
            self.at += 2;
            let second = self.hex()?;
            if (0xdc00..0xe000).contains(&second) {
                code = 0x1_0000 + ((u32::from(first) - 0xd800) << 10) + (u32::from(second) - 0xdc00);
            } else {
                self.at = back;
            }
        }
        if let Some(letter) = char::from_u32(code) {
            out.push(letter);
        } else {
            out.push(char::REPLACEMENT_CHARACTER);
            let span = self.span(start);
            self.problems.push(Problem::warning("json-lone-surrogate", span, format!("`\\u{first:04x}` is half a character")));
        }
        Ok(())
    }

    fn hex(&mut self) -> Step<u16> {
        let mut code = 0_u16;
        for _ in 0..4 {
            let digit = match self.peek() {
                Some(byte @ b'0'..=b'9') => byte - b'0',
                Some(byte @ b'a'..=b'f') => byte - b'a' + 10,
                Some(byte @ b'A'..=b'F') => byte - b'A' + 10,
                _ => return Err(self.unexpected("four hexadecimal digits")),
            };
            code = (code << 4) | u16::from(digit);
            self.at += 1;
        }
        Ok(code)
    }
}

/// Compact JSON text with keys in code point order, so that equal values give equal text. `None` where a part is unknown, or is a
/// number JSON cannot write (infinity).
#[must_use]
pub fn write(value: &Value) -> Option<String> {
    let mut out = String::new();
    write_value(value, &mut out).then_some(out)
}

fn write_value(value: &Value, out: &mut String) -> bool {
    match &value.data {
        Data::Null => out.push_str("null"),
        Data::Bool(true) => out.push_str("true"),
        Data::Bool(false) => out.push_str("false"),
        Data::Number(Number::Int(number)) => return write!(out, "{number}").is_ok(),
        Data::Number(Number::Float(number)) => return number.is_finite() && write!(out, "{number:?}").is_ok(),
        Data::String(text) => write_string(text, out),
        Data::List(items) => {
            out.push('[');
            for (position, item) in items.iter().enumerate() {
                if position > 0 {
                    out.push(',');
                }
                if !write_value(item, out) {
                    return false;
                }
            }
            out.push(']');
        }
        Data::Map(map) => {
            let mut entries: Vec<_> = map.iter().collect();
            entries.sort_unstable_by(|a, b| a.0.cmp(b.0));
            out.push('{');
            for (position, (key, entry)) in entries.into_iter().enumerate() {
                if position > 0 {
                    out.push(',');
                }
                write_string(key, out);
                out.push(':');
                if !write_value(&entry.value, out) {
                    return false;
                }
            }
            out.push('}');
        }
        Data::Unknown(_) => return false,
    }
    true
}

/// Text in quotes with the escapes RFC 8259 asks for, appended to `out`.
pub fn write_string(text: &str, out: &mut String) {
    out.push('"');
    for letter in text.chars() {
        match letter {
            '"' => out.push_str("\\\""),
            '\\' => out.push_str("\\\\"),
            '\n' => out.push_str("\\n"),
            '\r' => out.push_str("\\r"),
            '\t' => out.push_str("\\t"),
            '\u{8}' => out.push_str("\\b"),
            '\u{c}' => out.push_str("\\f"),
            letter if letter < ' ' => {
                let code = u32::from(letter);
                for shift in [12, 8, 4, 0] {
                    if shift == 12 {
                        out.push_str("\\u");
                    }
                    out.push(char::from_digit((code >> shift) & 0xf, 16).unwrap_or('0'));
                }
            }
            letter => out.push(letter),
        }
    }
    out.push('"');
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The value written back, then each problem as `code@start..end`.
    fn shown(text: &str) -> String {
        let (value, problems) = parse(text, FileId(0));
        let mut out = write(&value).unwrap_or_else(|| "?".to_owned());
        for problem in problems {
            let mark = if problem.fatal { "!" } else { "" };
            write!(out, " {mark}{}@{}..{}", problem.code, problem.span.start, problem.span.end).unwrap();
        }
        out
    }

    fn check(text: &str, expected: &str) {
        assert_eq!(shown(text), expected, "for {text:?}");
    }

    #[test]
    fn trailing_commas_are_passed_over_where_asked() {
        let text = r#"{"a": [1, 2, ], "b": {}, }"#;
        assert!(parse(text, FileId(0)).1.iter().any(|problem| problem.fatal));
        let (value, problems) = parse_tolerant(text, FileId(0));
        assert_eq!(value, parse(r#"{"a": [1, 2], "b": {}}"#, FileId(0)).0);
        assert_eq!(problems.iter().map(|problem| problem.code).collect::<Vec<_>>(), ["json-trailing-comma"; 2]);
        for text in ["[,]", "[1,,]", "{,}", "[1,"] {
            assert!(parse_tolerant(text, FileId(0)).1.iter().any(|problem| problem.fatal), "{text}");
        }
    }

    #[test]
    fn a_range_keeps_the_places_of_the_whole() {
        let text = r#"{"a": [1, {"b": 2}], "é": 3}"#;
        let (value, problems) = parse_range(text, 10..18, FileId(0));
        assert!(problems.is_empty(), "{problems:?}");
        assert_eq!(write(&value).unwrap(), r#"{"b":2}"#);
        assert_eq!(value.get("b").unwrap().span, Span::new(FileId(0), 16..17));
        for range in [10..17, 0..999, 23..24, std::ops::Range { start: 5, end: 2 }] {
            assert!(parse_range(text, range.clone(), FileId(0)).1.iter().any(|problem| problem.fatal), "{range:?}");
        }
    }

    #[test]
    fn comments_are_passed_over_where_asked() {
        let text = "// top\n{\"a\": /* in \n it */ [1, // one\n 2, ],\n \"b//\": \"/* x\ny */\", }\n/* no end";
        let (value, problems, comments) = parse_commented(text, FileId(0));
        assert!(problems.is_empty(), "{problems:?}");
        assert_eq!(write(&value).as_deref(), Some(r#"{"a":[1,2],"b//":"/* x\ny */"}"#));
        let shown: Vec<&str> = comments.iter().map(|span| text.get(span.start as usize..span.end as usize).unwrap()).collect();
        assert_eq!(shown, ["// top", "/* in \n it */", "// one", "/* no end"]);
        for text in ["/1", "{/*}", "[1 // ]"] {
            assert!(parse_commented(text, FileId(0)).1.iter().any(|problem| problem.fatal), "{text}");
        }
    }

    #[test]
    fn values() {
        check("null", "null");
        check(" [true, false ,null] ", "[true,false,null]");
        check("{}", "{}");
        check("[]", "[]");
        check(r#"{"b": 1, "a": {"c": []}}"#, r#"{"a":{"c":[]},"b":1}"#);
        check("\u{feff}1", "1");
        check("-0", "0");
        check("1.50", "1.5");
        check("1e2", "100");
        check("9223372036854775807", "9223372036854775807");
        check("9223372036854775808", "9.223372036854776e18");
        check("-1.5E-3", "-0.0015");
    }

    #[test]
    fn strings() {
        check(r#""a\"\\\/\b\f\n\r\t""#, r#""a\"\\/\b\f\n\r\t""#);
        check(r#""\u00e9\ud83d\ude00é""#, "\"é😀é\"");
        check(r#""\u0001""#, r#""\u0001""#);
        check(r#""\ud800x""#, "\"\u{fffd}x\" json-lone-surrogate@1..7");
        check(r#""\ud800\u0041""#, "\"\u{fffd}A\" json-lone-surrogate@1..7");
        check(r#""\udc00""#, "\"\u{fffd}\" json-lone-surrogate@1..7");
    }

    #[test]
    fn wrong_texts() {
        check("", "null !json-syntax@0..0");
        check("  ", "null !json-syntax@2..2");
        check("[1,]", "null !json-syntax@3..4");
        check("{\"a\":1,}", "null !json-syntax@7..8");
        check("{a:1}", "null !json-syntax@1..2");
        check("01", "null !json-syntax@1..2");
        check("1.", "null !json-syntax@2..2");
        check("+1", "null !json-syntax@0..1");
        check("1 2", "null !json-syntax@2..3");
        check("nul", "null !json-syntax@0..1");
        check("'a'", "null !json-syntax@0..1");
        check("\"a", "null !json-syntax@0..1");
        check("\"a\nb\"", "null !json-syntax@2..3");
        check(r#""\x""#, "null !json-syntax@2..3");
        check(r#""\u12g4""#, "null !json-syntax@5..6");
        check("[é", "null !json-syntax@1..3");
        check(r#"{"a" 1}"#, "null !json-syntax@5..6");
        check("[1 2]", "null !json-syntax@3..4");
        check(r#"{"a":1,"a":2}"#, r#"{"a":2} json-duplicate-key@7..10"#);
    }

    #[test]
    fn depth_has_a_limit() {
        let nested = |depth: usize| format!("{}{}", "[".repeat(depth), "]".repeat(depth));
        assert!(parse(&nested(MAX_DEPTH), FileId(0)).1.is_empty());
        assert_eq!(parse(&nested(MAX_DEPTH + 1), FileId(0)).1[0].code, "json-depth");
        assert_eq!(parse(&"[".repeat(1_000_000), FileId(0)).1[0].code, "json-depth");
    }

    #[test]
    fn places_of_keys_and_values() {
        let text = r#"{"é": [1, "x"]}"#;
        let (value, _) = parse(text, FileId(3));
        let entry = value.as_map().unwrap().entry("é").unwrap();
        let at = |span: Span| text.get(span.start as usize..span.end as usize).unwrap();
        assert_eq!(at(entry.key), "\"é\"");
        assert_eq!(at(entry.value.span), "[1, \"x\"]");
        assert_eq!(at(entry.value.as_list().unwrap()[1].span), "\"x\"");
        assert_eq!(at(value.span), text);
        assert_eq!(value.span.file, FileId(3));
    }

    #[test]
    fn what_cannot_be_written() {
        assert_eq!(write(&Value::list(vec![Value::unknown(crate::UnknownKind::Variable, "x", Span::NONE)], Span::NONE)), None);
        assert_eq!(write(&Value::number(f64::INFINITY, Span::NONE)), None);
        assert_eq!(write(&Value::number(1e300, Span::NONE)).as_deref(), Some("1e300"));
    }
}
