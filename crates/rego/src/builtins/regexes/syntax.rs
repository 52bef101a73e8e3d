//! From the syntax of RE2, as Go has it, to that of the `regex` crate, where the same text would mean something else: classes like `\d`
//! are of ASCII, `\<` is a sign, brackets and `&&` within classes are letters, a brace that begins no repetition is one.

use std::collections::HashSet;

/// Translates a pattern.
///
/// # Errors
/// What is wrong with it, in Go's words.
pub(in crate::builtins) fn translate(pattern: &str) -> Result<String, String> {
    let mut reader = Reader { pattern, at: 0, out: String::with_capacity(pattern.len() + 8), names: HashSet::new() };
    reader.alternation()?;
    Ok(reader.out)
}

struct Reader<'a> {
    pattern: &'a str,
    at: usize,
    out: String,
    names: HashSet<&'a str>,
}

/// ASCII classes and what they are in brackets.
fn perl_class(letter: char) -> Option<&'static str> {
    Some(match letter {
        'd' => "0-9",
        's' => r"\t\n\f\r ",
        'w' => "0-9A-Za-z_",
        'D' => "^0-9",
        'S' => r"^\t\n\f\r ",
        'W' => "^0-9A-Za-z_",
        _ => return None,
    })
}

const POSIX: [&str; 14] =
    ["alnum", "alpha", "ascii", "blank", "cntrl", "digit", "graph", "lower", "print", "punct", "space", "upper", "word", "xdigit"];

impl<'a> Reader<'a> {
    fn rest(&self) -> &'a str {
        self.pattern.get(self.at..).unwrap_or_default()
    }

    fn peek(&self) -> Option<char> {
        self.rest().chars().next()
    }

    fn since(&self, start: usize) -> &'a str {
        self.pattern.get(start..self.at).unwrap_or_default()
    }

    fn eat(&mut self, text: &str) -> bool {
        let found = self.rest().starts_with(text);
        if found {
            self.at += text.len();
        }
        found
    }

    /// A letter that stands for itself.
    fn literal(&mut self, letter: char) {
        if letter.is_ascii_punctuation() || letter == ' ' {
            match letter {
                '_' | '"' | '\'' | ',' | ':' | ';' | '<' | '>' | '=' | '@' | '`' | '!' | '%' | '/' | ' ' => {}
                _ => self.out.push('\\'),
            }
        }
        self.out.push(letter);
    }

    fn alternation(&mut self) -> Result<(), String> {
        // Where the last thing that can be repeated was written, and whether that is a repetition already.
        let mut depth = 0_usize;
        let mut repeatable = false;
        let mut repeated_at: Option<usize> = None;
        while let Some(letter) = self.peek() {
            let start = self.at;
            self.at += letter.len_utf8();
            let was_repeated = repeated_at.take();
            match letter {
                '(' => {
                    repeatable = false;
                    if self.group(start)? {
                        depth += 1;
                    }
                }
                ')' => {
                    depth = depth.checked_sub(1).ok_or_else(|| format!("unexpected ): `{}`", self.pattern))?;
                    self.out.push(')');
                    repeatable = true;
                }
                '|' => {
                    self.out.push('|');
                    repeatable = false;
                }
                '*' | '+' | '?' | '{' => {
                    let count = if letter == '{' { self.counts(start)? } else { Some(letter.to_string()) };
                    let Some(count) = count else {
                        self.literal('{');
                        repeatable = true;
                        continue;
                    };
                    if !repeatable {
                        return Err(format!("missing argument to repetition operator: `{}`", self.since(start)));
                    }
                    self.eat("?");
                    if let Some(before) = was_repeated {
                        return Err(format!("invalid nested repetition operator: `{}`", self.since(before)));
                    }
                    let lazy = self.since(start).len() > count.len();
                    self.out.push_str(&count);
                    if lazy {
                        self.out.push('?');
                    }
                    repeated_at = Some(start);
                }
                '[' => {
                    self.class(start)?;
                    repeatable = true;
                }
                '\\' => repeatable = self.escape(start)?,
                '^' | '$' | '.' => {
                    self.out.push(letter);
                    repeatable = true;
                }
                _ => {
                    self.literal(letter);
                    repeatable = true;
                }
            }
        }
        if depth > 0 { Err(format!("missing closing ): `{}`", self.pattern)) } else { Ok(()) }
    }

    /// After `(`; whether a group was opened, and not just flags set.
    fn group(&mut self, start: usize) -> Result<bool, String> {
        if !self.eat("?") {
            self.out.push('(');
            return Ok(true);
        }
        if self.eat("P<") || self.eat("<") {
            let open = self.at;
            let invalid = |reader: &Reader<'_>, end: Option<usize>| {
                let shown = end.and_then(|end| reader.pattern.get(start..=end)).unwrap_or(reader.pattern.get(start..).unwrap_or_default());
                format!("invalid named capture: `{shown}`")
            };
            let Some(length) = self.rest().find('>') else {
                // `(?<` without an end is taken for what other languages look behind with.
                return Err(invalid(self, None));
            };
            let name = self.pattern.get(open..open + length).unwrap_or_default();
            if name.starts_with(['=', '!']) && self.since(start) == "(?<" {
                return Err(format!("invalid or unsupported Perl syntax: `{}`", self.pattern.get(start..open + 1).unwrap_or_default()));
            }
            if name.is_empty() || !name.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'_') {
                return Err(invalid(self, Some(open + length)));
            }
            self.at = open + length + 1;
            // A name that begins with a digit, or stands there twice, is of no use to name the group here.
            if self.names.insert(name) && !name.starts_with(|letter: char| letter.is_ascii_digit()) {
                self.out.push_str("(?P<");
                self.out.push_str(name);
                self.out.push('>');
            } else {
                self.out.push('(');
            }
            return Ok(true);
        }
        let mut negative = false;
        let mut any = false;
        while let Some(letter) = self.peek() {
            self.at += letter.len_utf8();
            match letter {
                'i' | 'm' | 's' | 'U' => any = true,
                '-' if !negative => {
                    negative = true;
                    any = false;
                }
                ':' | ')' if !negative || any => {
                    if letter == ')' && self.since(start) == "(?)" {
                        // No flags at all: nothing is said.
                        return Ok(false);
                    }
                    self.out.push_str(self.since(start));
                    return Ok(letter == ':');
                }
                _ => return Err(format!("invalid or unsupported Perl syntax: `{}`", self.since(start))),
            }
        }
        Err(format!("missing closing ): `{}`", self.pattern))
    }

    /// After `{`: the counts of a repetition, or nothing where there are none.
    fn counts(&mut self, start: usize) -> Result<Option<String>, String> {
        let Some(length) = self.rest().find('}') else { return Ok(None) };
        let inner = self.rest().get(..length).unwrap_or_default();
        let (least, most) = match inner.split_once(',') {
            Some((least, most)) => (least, Some(most)),
            None => (inner, None),
        };
        let is_count =
            |text: &str| !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit()) && (text == "0" || !text.starts_with('0'));
        if !is_count(least) || most.is_some_and(|most| !most.is_empty() && !is_count(most)) {
            return Ok(None);
        }
        self.at += length + 1;
        let value = |text: &str| text.parse::<u32>().ok().filter(|count| *count <= 1000);
        let valid = match (value(least), most) {
            (None, _) => false,
            (Some(_), None | Some("")) => true,
            (Some(least), Some(most)) => value(most).is_some_and(|most| least <= most),
        };
        if valid { Ok(Some(self.since(start).to_owned())) } else { Err(format!("invalid repeat count: `{}`", self.since(start))) }
    }

    /// After a backslash outside of brackets; whether it can be repeated.
    fn escape(&mut self, start: usize) -> Result<bool, String> {
        let Some(letter) = self.peek() else { return Err("trailing backslash at end of expression: ``".to_owned()) };
        match letter {
            'A' | 'z' => {
                self.at += 1;
                self.out.push('\\');
                self.out.push(letter);
            }
            'b' => {
                self.at += 1;
                self.out.push_str(r"(?-u:\b)");
            }
            'B' => {
                self.at += 1;
                self.out.push_str(r"(?-u:\B)");
            }
            'Q' => {
                self.at += 1;
                let quoted = self.rest();
                let length = quoted.find(r"\E");
                let inner = length.and_then(|length| quoted.get(..length)).unwrap_or(quoted);
                self.at += length.map_or(quoted.len(), |length| length + 2);
                inner.chars().for_each(|letter| self.literal(letter));
                return Ok(!inner.is_empty());
            }
            'p' | 'P' => {
                let class = self.unicode_class(start)?;
                self.out.push_str(&class);
            }
            _ if let Some(class) = perl_class(letter) => {
                self.at += 1;
                self.out.push('[');
                self.out.push_str(class);
                self.out.push(']');
            }
            _ => {
                let letter = self.escaped_letter(start)?;
                self.letter(letter);
            }
        }
        Ok(true)
    }

    /// A letter that may be a control character.
    fn letter(&mut self, letter: char) {
        if letter.is_control() { self.out.push_str(&format!("\\x{{{:x}}}", u32::from(letter))) } else { self.literal(letter) }
    }

    /// After a backslash: the letter that is meant.
    fn escaped_letter(&mut self, start: usize) -> Result<char, String> {
        let Some(letter) = self.peek() else { return Err("trailing backslash at end of expression: ``".to_owned()) };
        self.at += letter.len_utf8();
        let invalid = |reader: &Reader<'_>| format!("invalid escape sequence: `{}`", reader.since(start));
        Ok(match letter {
            '0'..='7' => {
                let mut code = letter.to_digit(8).unwrap_or(0);
                // A single digit, zero apart, would be a reference to a group.
                if letter != '0' && !matches!(self.peek(), Some('0'..='7')) {
                    return Err(invalid(self));
                }
                for _ in 0..2 {
                    let Some(digit) = self.peek().and_then(|letter| letter.to_digit(8)) else { break };
                    code = code * 8 + digit;
                    self.at += 1;
                }
                char::from_u32(code).ok_or_else(|| invalid(self))?
            }
            'x' => {
                let digits = if self.eat("{") {
                    let Some(length) = self.rest().find('}') else { return Err(invalid(self)) };
                    let digits = self.rest().get(..length).unwrap_or_default();
                    self.at += length + 1;
                    digits
                } else {
                    let digits = self.rest().get(..2).unwrap_or_default();
                    self.at += digits.len();
                    if digits.len() < 2 {
                        return Err(invalid(self));
                    }
                    digits
                };
                let code = if digits.bytes().all(|byte| byte.is_ascii_hexdigit()) { u32::from_str_radix(digits, 16).ok() } else { None };
                code.and_then(char::from_u32).ok_or_else(|| invalid(self))?
            }
            'a' => '\u{7}',
            'f' => '\u{c}',
            'n' => '\n',
            'r' => '\r',
            't' => '\t',
            'v' => '\u{b}',
            letter if letter.is_ascii_punctuation() || letter == ' ' => letter,
            _ => return Err(invalid(self)),
        })
    }

    /// At the `p` of `\pL` or `\p{Greek}`: the class, checked.
    fn unicode_class(&mut self, start: usize) -> Result<String, String> {
        let mut negative = self.peek() == Some('P');
        self.at += 1;
        let mut name = if self.eat("{") {
            let Some(length) = self.rest().find('}') else {
                return Err(format!("invalid character class range: `{}`", self.pattern.get(start..).unwrap_or_default()));
            };
            let name = self.rest().get(..length).unwrap_or_default();
            self.at += length + 1;
            name
        } else {
            let letter = self.peek().map_or(0, char::len_utf8);
            let name = self.rest().get(..letter).unwrap_or_default();
            self.at += letter;
            name
        };
        if let Some(rest) = name.strip_prefix('^') {
            negative = !negative;
            name = rest;
        }
        let class = format!("\\{}{{{name}}}", if negative { 'P' } else { 'p' });
        let known = name == "Any"
            || (!name.is_empty()
                && name.bytes().all(|byte| byte.is_ascii_alphabetic() || byte == b'_')
                && regex::Regex::new(&class).is_ok());
        if known { Ok(class) } else { Err(format!("invalid character class range: `{}`", self.since(start))) }
    }

    /// After `[`.
    fn class(&mut self, start: usize) -> Result<(), String> {
        self.out.push('[');
        if self.eat("^") {
            self.out.push('^');
        }
        let unclosed = |reader: &Reader<'_>| format!("missing closing ]: `{}`", reader.pattern.get(start..).unwrap_or_default());
        let mut first = true;
        loop {
            let Some(letter) = self.peek() else { return Err(unclosed(self)) };
            if letter == ']' && !first {
                self.at += 1;
                self.out.push(']');
                return Ok(());
            }
            let item = self.at;
            // A hyphen in the middle must stand before the end or be a range.
            first = false;
            if self.rest().starts_with("[:")
                && let Some(length) = self.rest().find(":]")
            {
                let shown = self.rest().get(..length + 2).unwrap_or_default();
                let inner = shown.trim_start_matches("[:").trim_end_matches(":]");
                if !POSIX.contains(&inner.strip_prefix('^').unwrap_or(inner)) {
                    return Err(format!("invalid character class range: `{shown}`"));
                }
                self.out.push_str(shown);
                self.at += length + 2;
                continue;
            }
            if self.rest().starts_with("\\p") || self.rest().starts_with("\\P") {
                self.at += 1;
                let class = self.unicode_class(item)?;
                self.out.push_str(&class);
                continue;
            }
            if letter == '\\'
                && let Some(class) = self.rest().chars().nth(1).and_then(perl_class)
            {
                self.at += 2;
                self.out.push('[');
                self.out.push_str(class);
                self.out.push(']');
                continue;
            }
            let from = self.class_letter(start)?;
            if self.rest().starts_with('-') && !self.rest().starts_with("-]") {
                self.at += 1;
                if self.peek().is_none() {
                    return Err(unclosed(self));
                }
                let to = self.class_letter(start)?;
                if to < from {
                    return Err(format!("invalid character class range: `{}`", self.since(item)));
                }
                self.in_class(from);
                self.out.push('-');
                self.in_class(to);
            } else {
                self.in_class(from);
            }
        }
    }

    fn in_class(&mut self, letter: char) {
        if letter.is_ascii_alphanumeric() || !letter.is_ascii() {
            self.out.push(letter);
        } else {
            self.out.push_str(&format!("\\x{{{:x}}}", u32::from(letter)));
        }
    }

    fn class_letter(&mut self, class: usize) -> Result<char, String> {
        let start = self.at;
        let Some(letter) = self.peek() else {
            return Err(format!("missing closing ]: `{}`", self.pattern.get(class..).unwrap_or_default()));
        };
        self.at += letter.len_utf8();
        if letter == '\\' { self.escaped_letter(start) } else { Ok(letter) }
    }
}
