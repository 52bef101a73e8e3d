//! nginx configuration in Conftest's shape: `{directives: [{name, parameters?, block?: {directives}}]}`.
//!
//! As there, `server` blocks come last in `http`, servers last in `upstream` with their `key=value` parameters sorted, and names and
//! parameters in quotes keep them. Directives Conftest does not know are read like any other.

use std::ops::Range;

use probity_value::{Map, Span, Value};

use crate::MAX_DEPTH;
use crate::text::{Read, Source};

/// Reads an nginx configuration.
pub(crate) fn read(source: &Source<'_>) -> Read<Value> {
    let mut reader = Reader { source, at: 0 };
    let directives = reader.block(None, 0)?;
    Ok(holder(directives.iter().map(Directive::value).collect(), source.whole()))
}

fn holder(directives: Vec<Value>, span: Span) -> Value {
    let mut map = Map::new();
    map.insert("directives", span, Value::list(directives, span));
    Value::map(map, span)
}

struct Word {
    text: String,
    span: Span,
}

struct Directive {
    name: Word,
    parameters: Vec<Word>,
    block: Option<(Vec<Directive>, Span)>,
    span: Span,
}

impl Directive {
    fn value(&self) -> Value {
        let mut map = Map::new();
        map.insert("name", self.name.span, Value::string(self.name.text.as_str(), self.name.span));
        if let (Some(first), Some(last)) = (self.parameters.first(), self.parameters.last()) {
            let span = first.span.join(last.span);
            let values = self.parameters.iter().map(|word| Value::string(word.text.as_str(), word.span)).collect();
            map.insert("parameters", span, Value::list(values, span));
        }
        if let Some((directives, span)) = &self.block {
            map.insert("block", *span, holder(directives.iter().map(Directive::value).collect(), *span));
        }
        Value::map(map, self.span)
    }

    /// What the Go library makes of directives it has a type for.
    fn shaped(mut self, source: &Source<'_>) -> Read<Directive> {
        let name = self.name.text.as_str();
        let place = self.name.span.start as usize..self.name.span.end as usize;
        match (name, &mut self.block) {
            ("http", Some((directives, _))) => {
                self.parameters.clear();
                directives.sort_by_key(|directive| directive.name.text == "server" && directive.block.is_some());
            }
            ("server", Some(_)) => self.parameters.clear(),
            ("server", None) => self.parameters = server_parameters(self.parameters),
            ("upstream", Some((directives, _))) => {
                if self.parameters.is_empty() {
                    return Err(source.problem(place, "`upstream` needs a name"));
                }
                self.parameters.truncate(1);
                directives.sort_by_key(|directive| directive.name.text == "server");
            }
            ("location", Some(_)) if !matches!(self.parameters.len(), 1 | 2) => {
                return Err(source.problem(place, "`location` has one parameter or two"));
            }
            ("include", None) if self.parameters.len() != 1 => {
                return Err(source.problem(place, "`include` has one parameter"));
            }
            _ => {}
        }
        Ok(self)
    }
}

/// The address first, then `key=value` sorted by key, then flags.
fn server_parameters(parameters: Vec<Word>) -> Vec<Word> {
    let mut parameters = parameters.into_iter();
    let mut out: Vec<Word> = parameters.next().into_iter().collect();
    let (mut pairs, flags): (Vec<Word>, Vec<Word>) = parameters.partition(|word| word.text.contains('='));
    let key = |word: &Word| word.text.split('=').next().unwrap_or_default().to_owned();
    pairs.sort_by_key(key);
    // Of equal keys the last one counts.
    let mut kept: Vec<Word> = Vec::new();
    for pair in pairs {
        match kept.last_mut() {
            Some(last) if key(last) == key(&pair) => *last = pair,
            _ => kept.push(pair),
        }
    }
    out.extend(kept);
    out.extend(flags);
    out
}

struct Reader<'a> {
    source: &'a Source<'a>,
    at: usize,
}

enum Token {
    Word(Word),
    Open,
    Close,
    End,
}

impl Reader<'_> {
    /// The directives up to the closing brace of a block, or to the end.
    fn block(&mut self, open: Option<usize>, depth: usize) -> Read<Vec<Directive>> {
        let mut directives = Vec::new();
        loop {
            let start = self.skip();
            match self.token()? {
                Some(Token::Word(name)) => directives.push(self.directive(name, start, depth)?),
                Some(Token::End) => {}
                Some(Token::Close) if open.is_some() => return Ok(directives),
                Some(Token::Close) => return Err(self.source.problem_at(start, "`}` closes nothing")),
                Some(Token::Open) => return Err(self.source.problem_at(start, "a block without a name")),
                None => {
                    return match open {
                        Some(at) => Err(self.source.problem_at(at, "the block that opens here is not closed")),
                        None => Ok(directives),
                    };
                }
            }
        }
    }

    fn directive(&mut self, name: Word, start: usize, depth: usize) -> Read<Directive> {
        let mut parameters = Vec::new();
        loop {
            let at = self.skip();
            match self.token()? {
                Some(Token::Word(word)) => parameters.push(word),
                Some(Token::End) => {
                    let span = self.source.span(start..self.at);
                    return Directive { name, parameters, block: None, span }.shaped(self.source);
                }
                Some(Token::Open) => {
                    if depth >= MAX_DEPTH {
                        return Err(self.source.too_deep(at));
                    }
                    let directives = if name.text.ends_with("_by_lua_block") { self.code(at)? } else { self.block(Some(at), depth + 1)? };
                    let block = Some((directives, self.source.span(at..self.at)));
                    let span = self.source.span(start..self.at);
                    return Directive { name, parameters, block, span }.shaped(self.source);
                }
                Some(Token::Close) => return Err(self.source.problem_at(at, format!("`;` is missing behind `{}`", name.text))),
                None => {
                    let place = name.span.start as usize..name.span.end as usize;
                    return Err(self.source.problem(place, format!("`;` is missing behind `{}`", name.text)));
                }
            }
        }
    }

    /// Passes over the code of a Lua block.
    fn code(&mut self, open: usize) -> Read<Vec<Directive>> {
        let mut depth = 0_usize;
        while let Some(byte) = self.source.byte(self.at) {
            self.at += 1;
            match byte {
                b'#' => self.line(),
                b'{' => depth += 1,
                b'}' if depth == 0 => return Ok(Vec::new()),
                b'}' => depth -= 1,
                _ => {}
            }
        }
        Err(self.source.problem_at(open, "the block that opens here is not closed"))
    }

    fn line(&mut self) {
        let rest = self.source.rest(self.at);
        self.at += rest.find(['\r', '\n']).unwrap_or(rest.len());
    }

    /// Passes over blanks and comments, and says where the next token stands.
    fn skip(&mut self) -> usize {
        loop {
            match self.source.byte(self.at) {
                Some(b' ' | b'\t' | b'\r' | b'\n') => self.at += 1,
                Some(b'#') => self.line(),
                _ => return self.at,
            }
        }
    }

    fn token(&mut self) -> Read<Option<Token>> {
        let start = self.at;
        let Some(byte) = self.source.byte(start) else { return Ok(None) };
        let token = match byte {
            b';' => Token::End,
            b'{' => Token::Open,
            b'}' => Token::Close,
            b'"' | b'\'' | b'`' => return self.quoted(char::from(byte)).map(|word| Some(Token::Word(word))),
            _ => return Ok(Some(Token::Word(self.word()))),
        };
        self.at += 1;
        Ok(Some(token))
    }

    fn quoted(&mut self, quote: char) -> Read<Word> {
        let start = self.at;
        let rest = self.source.rest(start + 1);
        let mut letters = rest.char_indices().peekable();
        while let Some((at, letter)) = letters.next() {
            if letter == '\\' {
                letters.next_if(|(_, next)| *next == quote);
            } else if letter == quote {
                self.at = start + 1 + at + 1;
                return Ok(self.taken(start..self.at));
            }
        }
        Err(self.source.problem(start..start + 1, "the quote that begins here has no end"))
    }

    fn taken(&self, range: Range<usize>) -> Word {
        Word { text: self.source.slice(range.clone()).to_owned(), span: self.source.span(range) }
    }

    /// A word ends at a blank, `;`, or a brace that belongs to no `${name}`.
    fn word(&mut self) -> Word {
        let start = self.at;
        let mut before = self.source.character(start);
        self.at += before.map_or(0, char::len_utf8);
        let mut variable = false;
        while let Some(letter) = self.source.character(self.at) {
            match letter {
                ' ' | '\t' | '\r' | '\n' | ';' => break,
                '{' if before == Some('$') => variable = true,
                '{' if !variable => break,
                '{' => {}
                '}' if variable => variable = false,
                '}' => break,
                _ => before = Some(letter),
            }
            self.at += letter.len_utf8();
        }
        self.taken(start..self.at)
    }
}
