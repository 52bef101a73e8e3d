//! A reader of protobuf's text format, as far as the suite needs it.

/// A message: fields in order.
#[derive(Clone, Debug, Default)]
pub(crate) struct Message {
    pub(crate) fields: Vec<(String, Field)>,
}

/// The value of a field.
#[derive(Clone, Debug)]
pub(crate) enum Field {
    /// A number, a word.
    Word(String),
    /// Text or bytes.
    Text(Vec<u8>),
    /// A message.
    Message(Message),
}

impl Message {
    /// All values of a field.
    pub(crate) fn all<'a>(&'a self, name: &'a str) -> impl Iterator<Item = &'a Field> + 'a {
        self.fields.iter().filter(move |(field, _)| field == name).map(|(_, value)| value)
    }

    /// The last value of a field.
    pub(crate) fn get<'a>(&'a self, name: &'a str) -> Option<&'a Field> {
        self.all(name).last()
    }

    /// A field that is a message.
    pub(crate) fn message<'a>(&'a self, name: &'a str) -> Option<&'a Message> {
        self.get(name).and_then(Field::message)
    }

    /// All messages of a field.
    pub(crate) fn messages<'a>(&'a self, name: &'a str) -> impl Iterator<Item = &'a Message> + 'a {
        self.all(name).filter_map(Field::message)
    }

    /// A field that is text.
    pub(crate) fn text(&self, name: &str) -> String {
        self.get(name).map(Field::text).unwrap_or_default()
    }

    /// A field that is true.
    pub(crate) fn flag(&self, name: &str) -> bool {
        matches!(self.get(name), Some(Field::Word(word)) if word == "true")
    }
}

impl Field {
    /// The message it is.
    pub(crate) fn message(&self) -> Option<&Message> {
        if let Field::Message(message) = self { Some(message) } else { None }
    }

    /// The text or word it is.
    pub(crate) fn text(&self) -> String {
        match self {
            Field::Word(word) => word.clone(),
            Field::Text(bytes) => String::from_utf8_lossy(bytes).into_owned(),
            Field::Message(_) => String::new(),
        }
    }
}

/// Reads a file.
pub(crate) fn parse(text: &str) -> Result<Message, String> {
    let mut reader = Reader { text: text.as_bytes(), at: 0 };
    let message = reader.message(None)?;
    Ok(message)
}

struct Reader<'a> {
    text: &'a [u8],
    at: usize,
}

impl Reader<'_> {
    fn skip(&mut self) {
        loop {
            match self.text.get(self.at) {
                Some(b' ' | b'\n' | b'\t' | b'\r' | b',' | b';') => self.at += 1,
                Some(b'#') => {
                    while !matches!(self.text.get(self.at), None | Some(b'\n')) {
                        self.at += 1;
                    }
                }
                _ => return,
            }
        }
    }

    fn peek(&mut self) -> Option<u8> {
        self.skip();
        self.text.get(self.at).copied()
    }

    fn error<T>(&self, what: &str) -> Result<T, String> {
        let line = self.text[..self.at.min(self.text.len())].iter().filter(|byte| **byte == b'\n').count() + 1;
        Err(format!("line {line}: {what}"))
    }

    fn word(&mut self) -> String {
        self.skip();
        let start = self.at;
        while self.text.get(self.at).is_some_and(|byte| byte.is_ascii_alphanumeric() || matches!(byte, b'_' | b'.' | b'-' | b'+' | b'/')) {
            self.at += 1;
        }
        String::from_utf8_lossy(&self.text[start..self.at]).into_owned()
    }

    fn message(&mut self, end: Option<u8>) -> Result<Message, String> {
        let mut message = Message::default();
        loop {
            match self.peek() {
                None if end.is_none() => return Ok(message),
                None => return self.error("a message has no end"),
                Some(byte) if Some(byte) == end => {
                    self.at += 1;
                    return Ok(message);
                }
                _ => {}
            }
            let name = if self.peek() == Some(b'[') {
                self.at += 1;
                let name = self.word();
                if self.peek() != Some(b']') {
                    return self.error("`]` is missing");
                }
                self.at += 1;
                name
            } else {
                self.word()
            };
            if name.is_empty() {
                return self.error("a field is missing");
            }
            if self.peek() == Some(b':') {
                self.at += 1;
            }
            if self.peek() == Some(b'[') {
                self.at += 1;
                while self.peek() != Some(b']') {
                    let value = self.value()?;
                    message.fields.push((name.clone(), value));
                }
                self.at += 1;
            } else {
                let value = self.value()?;
                message.fields.push((name, value));
            }
        }
    }

    fn value(&mut self) -> Result<Field, String> {
        match self.peek() {
            Some(b'{') => {
                self.at += 1;
                Ok(Field::Message(self.message(Some(b'}'))?))
            }
            Some(b'<') => {
                self.at += 1;
                Ok(Field::Message(self.message(Some(b'>'))?))
            }
            Some(b'"' | b'\'') => {
                let mut bytes = Vec::new();
                while let Some(quote @ (b'"' | b'\'')) = self.peek() {
                    self.at += 1;
                    self.string(quote, &mut bytes)?;
                }
                Ok(Field::Text(bytes))
            }
            _ => {
                let word = self.word();
                if word.is_empty() { self.error("a value is missing") } else { Ok(Field::Word(word)) }
            }
        }
    }

    fn digits(&mut self, most: usize, radix: u32) -> u32 {
        let mut number = 0;
        for _ in 0..most {
            let Some(digit) = self.text.get(self.at).and_then(|byte| char::from(*byte).to_digit(radix)) else { break };
            number = number * radix + digit;
            self.at += 1;
        }
        number
    }

    fn string(&mut self, quote: u8, into: &mut Vec<u8>) -> Result<(), String> {
        loop {
            let Some(byte) = self.text.get(self.at).copied() else { return self.error("a string has no end") };
            self.at += 1;
            if byte == quote {
                return Ok(());
            }
            if byte != b'\\' {
                into.push(byte);
                continue;
            }
            let Some(escape) = self.text.get(self.at).copied() else { return self.error("a string has no end") };
            self.at += 1;
            match escape {
                b'n' => into.push(b'\n'),
                b'r' => into.push(b'\r'),
                b't' => into.push(b'\t'),
                b'a' => into.push(7),
                b'b' => into.push(8),
                b'f' => into.push(12),
                b'v' => into.push(11),
                b'x' | b'X' => {
                    let code = self.digits(2, 16);
                    into.push(u8::try_from(code).map_err(|error| error.to_string())?);
                }
                b'u' | b'U' => {
                    let code = self.digits(if escape == b'u' { 4 } else { 8 }, 16);
                    let Some(found) = char::from_u32(code) else { return self.error("no such character") };
                    into.extend_from_slice(found.encode_utf8(&mut [0; 4]).as_bytes());
                }
                b'0'..=b'7' => {
                    self.at -= 1;
                    let code = self.digits(3, 8);
                    into.push(u8::try_from(code).map_err(|error| error.to_string())?);
                }
                other => into.push(other),
            }
        }
    }
}
