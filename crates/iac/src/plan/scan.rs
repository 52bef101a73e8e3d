//! Finding parts of a JSON text without making values of the rest: a plan has everything several times, and most of it is not needed.
//!
//! What lives here: where members and items stand. What does not: whether what stands there is valid; whoever makes a value of it sees.

use std::ops::Range;

/// One member of an object.
#[derive(Debug, PartialEq)]
pub(super) struct Member<'t> {
    /// The key as written, escapes and all.
    pub(super) key: &'t str,
    /// The bytes of the value.
    pub(super) value: Range<usize>,
}

/// The members of the object that is the only thing in `range`; `None` where there is no object.
pub(super) fn members(text: &str, range: Range<usize>) -> Option<Vec<Member<'_>>> {
    let mut cursor = Cursor { bytes: text.as_bytes().get(..range.end)?, at: range.start };
    let mut out = Vec::new();
    cursor.open(b'{')?;
    if cursor.close(b'}') {
        return cursor.end().then_some(out);
    }
    loop {
        cursor.space();
        let key = cursor.string()?;
        cursor.space();
        cursor.take(b':')?;
        let value = cursor.value()?;
        out.push(Member { key: text.get(key.start + 1..key.end - 1)?, value });
        cursor.space();
        if cursor.close(b'}') {
            return cursor.end().then_some(out);
        }
        cursor.take(b',')?;
    }
}

/// The items of the list that is the only thing in `range`; `None` where there is no list.
pub(super) fn items(text: &str, range: Range<usize>) -> Option<Vec<Range<usize>>> {
    let mut cursor = Cursor { bytes: text.as_bytes().get(..range.end)?, at: range.start };
    let mut out = Vec::new();
    cursor.open(b'[')?;
    if cursor.close(b']') {
        return cursor.end().then_some(out);
    }
    loop {
        out.push(cursor.value()?);
        cursor.space();
        if cursor.close(b']') {
            return cursor.end().then_some(out);
        }
        cursor.take(b',')?;
    }
}

struct Cursor<'t> {
    bytes: &'t [u8],
    at: usize,
}

impl Cursor<'_> {
    fn peek(&self) -> Option<u8> {
        self.bytes.get(self.at).copied()
    }

    fn space(&mut self) {
        while matches!(self.peek(), Some(b' ' | b'\t' | b'\n' | b'\r')) {
            self.at += 1;
        }
    }

    fn take(&mut self, wanted: u8) -> Option<()> {
        (self.peek() == Some(wanted)).then(|| self.at += 1)
    }

    fn open(&mut self, bracket: u8) -> Option<()> {
        self.space();
        self.take(bracket)?;
        self.space();
        Some(())
    }

    fn close(&mut self, bracket: u8) -> bool {
        self.take(bracket).is_some()
    }

    fn end(&mut self) -> bool {
        self.space();
        self.at >= self.bytes.len()
    }

    /// Passes a string; its bytes with the quotes.
    fn string(&mut self) -> Option<Range<usize>> {
        let start = self.at;
        self.take(b'"')?;
        loop {
            self.at += memchr::memchr2(b'"', b'\\', self.bytes.get(self.at..)?)?;
            if self.peek() == Some(b'"') {
                self.at += 1;
                return Some(start..self.at);
            }
            self.at += 2;
        }
    }

    /// Passes a value.
    fn value(&mut self) -> Option<Range<usize>> {
        self.space();
        let start = self.at;
        let mut depth = 0_usize;
        loop {
            match self.peek()? {
                b'"' => {
                    self.string()?;
                }
                b'{' | b'[' => {
                    depth += 1;
                    self.at += 1;
                    continue;
                }
                b'}' | b']' => {
                    depth = depth.checked_sub(1)?;
                    self.at += 1;
                }
                b',' | b':' | b' ' | b'\t' | b'\n' | b'\r' if depth > 0 => {
                    self.at += 1;
                    continue;
                }
                b',' | b':' => return None,
                _ => {
                    while self.peek().is_some_and(|byte| !matches!(byte, b',' | b':' | b'}' | b']' | b' ' | b'\t' | b'\n' | b'\r')) {
                        self.at += 1;
                    }
                }
            }
            if depth == 0 {
                return Some(start..self.at);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn parts_are_found() {
        let check = |text: &str, expected: &[(&str, &str)]| {
            let found = members(text, 0..text.len()).unwrap();
            let shown: Vec<(&str, &str)> = found.iter().map(|member| (member.key, text.get(member.value.clone()).unwrap())).collect();
            assert_eq!(shown, expected, "{text}");
        };
        check("{}", &[]);
        check(" { } ", &[]);
        check(r#"{"a": 1, "b" :[{"c":"}]\\\""}],"d":null}"#, &[("a", "1"), ("b", r#"[{"c":"}]\\\""}]"#), ("d", "null")]);
        let text = r#"[1, "a,]", [2, [3]], {} ]"#;
        let found: Vec<&str> = items(text, 0..text.len()).unwrap().into_iter().map(|range| text.get(range).unwrap()).collect();
        assert_eq!(found, ["1", "\"a,]\"", "[2, [3]]", "{}"]);
    }

    #[test]
    fn what_is_none_is_none() {
        for text in
            ["", "[]", "{", "{\"a\"}", "{\"a\":}", "{\"a\":1", "{\"a\":1,}", "{\"a\":[1}", "{\"a\":\"", "{\"a\":\"\\", "{\"a\":]}", "{} x"]
        {
            assert_eq!(members(text, 0..text.len()), None, "{text}");
        }
        for text in ["", "{}", "[", "[1", "[,]", "[1 2", "[\"\\"] {
            assert_eq!(items(text, 0..text.len()), None, "{text}");
        }
        assert_eq!(members("{}", 0..9), None);
    }
}
