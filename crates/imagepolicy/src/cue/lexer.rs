//! Text to tokens, commas at the ends of lines put in.

use std::sync::Arc;

use super::Problem;
use super::number::Decimal;

/// Deepest nesting of holes in text.
const DEEPEST: usize = 16;

#[derive(Clone, Debug, PartialEq)]
pub(super) enum Token {
    Name(Arc<str>),
    Number(Decimal),
    Text(Arc<str>),
    Bytes(Arc<[u8]>),
    /// Text with holes.
    Holes(Vec<Hole>),
    Sign(&'static str),
    /// The end of an element, written or not.
    Comma,
    End,
}

#[derive(Clone, Debug, PartialEq)]
pub(super) enum Hole {
    Text(String),
    Tokens(Vec<(Token, usize)>),
}

const SIGNS: &[&str] = &[
    "_|_", "...", "==", "!=", "<=", ">=", "=~", "!~", "&&", "||", "{", "}", "[", "]", "(", ")", ":", "&", "|", "<", ">", "=", "+", "-",
    "*", "/", "!", "?", ".", "@", "~",
];

pub(super) fn tokens(text: &str) -> Result<Vec<(Token, usize)>, Problem> {
    let letters: Vec<char> = text.strip_prefix('\u{feff}').unwrap_or(text).chars().collect();
    let mut lexer = Lexer { letters: &letters, at: 0 };
    lexer.run(0)
}

struct Lexer<'a> {
    letters: &'a [char],
    at: usize,
}

fn is_name(letter: char) -> bool {
    letter.is_alphanumeric() || letter == '_' || letter == '$' || letter == '#'
}

impl Lexer<'_> {
    fn peek(&self, ahead: usize) -> Option<char> {
        self.letters.get(self.at + ahead).copied()
    }

    fn begins(&self, text: &str) -> bool {
        text.chars().enumerate().all(|(ahead, letter)| self.peek(ahead) == Some(letter))
    }

    /// Tokens up to the end, or to the parenthesis that closes a hole.
    fn run(&mut self, depth: usize) -> Result<Vec<(Token, usize)>, Problem> {
        if depth > DEEPEST {
            return Err(Problem::new(self.at, "text with holes nests too deep"));
        }
        let mut out: Vec<(Token, usize)> = Vec::new();
        let mut open = 0_usize;
        loop {
            let at = self.at;
            let Some(letter) = self.peek(0) else {
                if depth > 0 {
                    return Err(Problem::new(at, "a hole in a text is not closed"));
                }
                if out.last().is_some_and(|(last, _)| ends_an_element(last)) {
                    out.push((Token::Comma, at));
                }
                out.push((Token::End, at));
                return Ok(out);
            };
            match letter {
                '\n' => {
                    self.at += 1;
                    if depth == 0 && out.last().is_some_and(|(last, _)| ends_an_element(last)) {
                        out.push((Token::Comma, at));
                    }
                }
                ' ' | '\t' | '\r' => self.at += 1,
                '/' if self.begins("//") => {
                    while self.peek(0).is_some_and(|letter| letter != '\n') {
                        self.at += 1;
                    }
                }
                ',' => {
                    self.at += 1;
                    out.push((Token::Comma, at));
                }
                '"' | '\'' => out.push((self.text(0, depth)?, at)),
                '#' if self.hashes() > 0 => {
                    let hashes = self.hashes();
                    self.at += hashes;
                    out.push((self.text(hashes, depth)?, at));
                }
                letter if letter.is_ascii_digit() || (letter == '.' && self.peek(1).is_some_and(|next| next.is_ascii_digit())) => {
                    out.push((self.number()?, at));
                }
                '_' if self.begins("_|_") => {
                    self.at += 3;
                    out.push((Token::Sign("_|_"), at));
                }
                letter if is_name(letter) && !letter.is_numeric() => {
                    let mut name = String::new();
                    // `#` begins a definition, alone or behind `_`.
                    while let Some(next) = self.peek(0).filter(|next| is_name(*next) && (*next != '#' || matches!(&*name, "" | "_"))) {
                        name.push(next);
                        self.at += 1;
                    }
                    out.push((Token::Name(name.into()), at));
                }
                _ => {
                    let Some(sign) = SIGNS.iter().find(|sign| self.begins(sign)) else {
                        return Err(Problem::new(at, format!("`{}` means nothing here", letter.escape_debug())));
                    };
                    match *sign {
                        "(" => open += 1,
                        ")" if depth > 0 && open == 0 => {
                            self.at += 1;
                            out.push((Token::End, at));
                            return Ok(out);
                        }
                        ")" => open = open.saturating_sub(1),
                        "@" => return Err(Problem::unsupported(at, "an attribute")),
                        _ => {}
                    }
                    self.at += sign.chars().count();
                    out.push((Token::Sign(sign), at));
                }
            }
        }
    }

    /// How many `#` stand before a quotation mark here; 0 where none does.
    fn hashes(&self) -> usize {
        let count = self.letters.iter().skip(self.at).take_while(|letter| **letter == '#').count();
        if matches!(self.peek(count), Some('"' | '\'')) { count } else { 0 }
    }

    fn number(&mut self) -> Result<Token, Problem> {
        let start = self.at;
        let wrong = |at: usize| Problem::new(at, "this is no number, or one with too many digits");
        for (prefix, base) in [("0x", 16), ("0X", 16), ("0o", 8), ("0b", 2)] {
            if self.begins(prefix) {
                self.at += 2;
                let mut digits = String::new();
                while let Some(letter) = self.peek(0).filter(|letter| letter.is_ascii_hexdigit() || *letter == '_') {
                    digits.push(letter);
                    self.at += 1;
                }
                return Decimal::radix(&digits, base).map(Token::Number).ok_or_else(|| wrong(start));
            }
        }
        let mut text = String::new();
        while let Some(letter) = self.peek(0) {
            let sign = matches!(letter, '+' | '-') && text.ends_with(['e', 'E']);
            let point = letter == '.' && self.peek(1) != Some('.');
            if !(letter.is_ascii_digit() || matches!(letter, '_' | 'e' | 'E') || sign || point) {
                break;
            }
            text.push(letter);
            self.at += 1;
        }
        if text.len() > 1 && text.starts_with('0') && text.chars().nth(1).is_some_and(|next| next.is_ascii_digit()) {
            return Err(wrong(start));
        }
        if text.ends_with('_') || text.contains("__") {
            return Err(wrong(start));
        }
        let number = Decimal::parse(&text).ok_or_else(|| wrong(start))?;
        let Some(power) = self.peek(0).and_then(|letter| "KMGTP".chars().position(|known| known == letter)) else {
            return if self.peek(0).is_some_and(is_name) { Err(wrong(start)) } else { Ok(Token::Number(number)) };
        };
        self.at += 1;
        let binary = self.peek(0) == Some('i');
        if binary {
            self.at += 1;
        }
        if self.peek(0).is_some_and(is_name) {
            return Err(wrong(start));
        }
        let factor = if binary { 1024_i64 } else { 1000 };
        let factor = num_bigint::BigInt::from(factor).pow(u32::try_from(power + 1).unwrap_or(1));
        let whole = number.mul(&Decimal::int(factor)).and_then(|product| product.whole()).ok_or_else(|| wrong(start))?;
        Ok(Token::Number(Decimal::int(whole)))
    }

    /// Text or bytes, after the `#` before it.
    fn text(&mut self, hashes: usize, depth: usize) -> Result<Token, Problem> {
        let start = self.at;
        let quote = self.peek(0).unwrap_or('"');
        let long = self.begins(&quote.to_string().repeat(3))
            && (self.peek(3) == Some('\n') || self.begins(&format!("{}\r\n", quote.to_string().repeat(3))));
        let mut close: String = if long { quote.to_string().repeat(3) } else { quote.to_string() };
        close.push_str(&"#".repeat(hashes));
        let escape = format!("\\{}", "#".repeat(hashes));
        self.at += if long { 3 } else { 1 };
        if long {
            while self.peek(0).is_some_and(|letter| letter != '\n') {
                self.at += 1;
            }
            self.at += 1;
        }
        let indent = if long { self.indent(&close) } else { String::new() };
        let mut pieces = Vec::new();
        let mut bytes: Vec<u8> = Vec::new();
        let mut line_start = long;
        loop {
            if line_start {
                line_start = false;
                if self.begins(&indent) {
                    self.at += indent.chars().count();
                } else if self.peek(0) != Some('\n') {
                    return Err(Problem::new(self.at, "a line of a text is indented less than its end"));
                }
            }
            if self.begins(&close) {
                self.at += close.chars().count();
                break;
            }
            let Some(letter) = self.peek(0) else { return Err(Problem::new(start, "a text is not closed")) };
            if letter == '\n' {
                if !long {
                    return Err(Problem::new(start, "a text is not closed on its line"));
                }
                self.at += 1;
                // The break before the closing marks is not a part of the text.
                if self.begins(&format!("{indent}{close}")) {
                    continue_close(self, &indent);
                    continue;
                }
                bytes.push(b'\n');
                line_start = true;
                continue;
            }
            if self.begins(&escape) {
                self.at += escape.chars().count();
                if self.peek(0) == Some('(') {
                    self.at += 1;
                    pieces.push(Hole::Text(String::from_utf8_lossy(&std::mem::take(&mut bytes)).into_owned()));
                    pieces.push(Hole::Tokens(self.run(depth + 1)?));
                    continue;
                }
                self.escaped(quote, &mut bytes)?;
                continue;
            }
            self.at += 1;
            bytes.extend_from_slice(letter.encode_utf8(&mut [0; 4]).as_bytes());
        }
        if quote == '\'' {
            if !pieces.is_empty() {
                return Err(Problem::unsupported(start, "a hole in bytes"));
            }
            return Ok(Token::Bytes(bytes.into()));
        }
        let rest = String::from_utf8(bytes).map_err(|_| Problem::new(start, "a text is no UTF-8"))?;
        if pieces.is_empty() {
            return Ok(Token::Text(rest.into()));
        }
        pieces.push(Hole::Text(rest));
        Ok(Token::Holes(pieces))
    }

    /// What the closing marks of a long text are indented with.
    fn indent(&self, close: &str) -> String {
        let close: Vec<char> = close.chars().collect();
        let mut indent = String::new();
        let mut blank = true;
        for (ahead, letter) in self.letters.iter().enumerate().skip(self.at) {
            if blank && self.letters.get(ahead..ahead + close.len()).is_some_and(|next| next == close) {
                return indent;
            }
            match letter {
                '\n' => {
                    indent.clear();
                    blank = true;
                }
                ' ' | '\t' if blank => indent.push(*letter),
                _ => blank = false,
            }
        }
        String::new()
    }

    fn escaped(&mut self, quote: char, out: &mut Vec<u8>) -> Result<(), Problem> {
        let at = self.at;
        let Some(letter) = self.peek(0) else { return Err(Problem::new(at, "a text is not closed")) };
        self.at += 1;
        let simple = match letter {
            'a' => '\u{7}',
            'b' => '\u{8}',
            'f' => '\u{c}',
            'n' => '\n',
            'r' => '\r',
            't' => '\t',
            'v' => '\u{b}',
            '\\' | '/' | '"' | '\'' => letter,
            'u' | 'U' => {
                let code = self.hex(if letter == 'u' { 4 } else { 8 }, at)?;
                let full = if (0xD800..0xDC00).contains(&code) && self.begins("\\u") {
                    self.at += 2;
                    let low = self.hex(4, at)?;
                    (0xDC00..0xE000).contains(&low).then(|| 0x1_0000 + ((code - 0xD800) << 10) + (low - 0xDC00))
                } else {
                    Some(code)
                };
                full.and_then(char::from_u32).ok_or_else(|| Problem::new(at, "this is no character"))?
            }
            'x' if quote == '\'' => {
                let byte = self.hex(2, at)?;
                out.push(u8::try_from(byte).unwrap_or_default());
                return Ok(());
            }
            _ => return Err(Problem::new(at, format!("`\\{}` is no escape", letter.escape_debug()))),
        };
        out.extend_from_slice(simple.encode_utf8(&mut [0; 4]).as_bytes());
        Ok(())
    }

    fn hex(&mut self, count: usize, at: usize) -> Result<u32, Problem> {
        let digits: String = self.letters.iter().skip(self.at).take(count).collect();
        let right = digits.len() == count && digits.bytes().all(|digit| digit.is_ascii_hexdigit());
        self.at += count;
        u32::from_str_radix(&digits, 16).ok().filter(|_| right).ok_or_else(|| Problem::new(at, "these are no hexadecimal digits"))
    }
}

fn continue_close(lexer: &mut Lexer<'_>, indent: &str) {
    lexer.at += indent.chars().count();
}

/// Whether a line that ends behind this token ends an element.
fn ends_an_element(token: &Token) -> bool {
    match token {
        Token::Name(_) | Token::Number(_) | Token::Text(_) | Token::Bytes(_) | Token::Holes(_) => true,
        Token::Sign(sign) => matches!(*sign, ")" | "]" | "}" | "?" | "..." | "_|_" | "!"),
        Token::Comma | Token::End => false,
    }
}
