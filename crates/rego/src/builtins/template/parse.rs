//! Templates of Go (`text/template`) read into trees.

use std::sync::Arc;

/// How deep actions and parentheses may nest.
const MAX_DEPTH: usize = 60;

/// A part of a template.
#[derive(Clone, Debug)]
pub(super) enum Node {
    Text(String),
    /// What a pipeline gives; nothing where it only sets variables.
    Action(Pipeline),
    If(Branch),
    With(Branch),
    Range(Branch),
    Template(String, Option<Pipeline>),
    Break,
    Continue,
}

/// A part that depends on a pipeline.
#[derive(Clone, Debug)]
pub(super) struct Branch {
    pub(super) pipeline: Pipeline,
    pub(super) then: Vec<Node>,
    pub(super) otherwise: Vec<Node>,
}

/// Commands, each of which gets the value of the one before as its last argument.
#[derive(Clone, Debug)]
pub(super) struct Pipeline {
    /// Variables that are set to its value.
    pub(super) variables: Vec<Arc<str>>,
    /// Whether they are new.
    pub(super) declares: bool,
    pub(super) commands: Vec<Vec<Operand>>,
}

/// One word of a command.
#[derive(Clone, Debug)]
pub(super) enum Operand {
    Dot,
    Nil,
    Bool(bool),
    Int(i64),
    Float(f64),
    Text(String),
    /// A function.
    Function(String),
    /// A variable and fields of it.
    Variable(Arc<str>, Vec<String>),
    /// Fields of the dot.
    Field(Vec<String>),
    /// A pipeline in parentheses, and fields of its value.
    Pipe(Box<Pipeline>, Vec<String>),
}

/// Functions there are.
pub(super) const FUNCTIONS: [&str; 19] = [
    "and", "call", "eq", "ge", "gt", "html", "index", "js", "le", "len", "lt", "ne", "not", "or", "print", "printf", "println", "slice",
    "urlquery",
];

#[derive(Clone, PartialEq, Debug)]
enum Token {
    Text(String),
    Open,
    Close,
    Space,
    Word(String),
    Field(String),
    Variable(String),
    Dot,
    Quoted(String),
    Letter(i64),
    Number(String),
    Sign(&'static str),
}

fn tokens(template: &str) -> Result<Vec<Token>, String> {
    let mut out = Vec::new();
    let mut rest = template;
    let mut trim = false;
    loop {
        let (text, after) = match rest.find("{{") {
            Some(at) => (rest.get(..at).unwrap_or_default(), rest.get(at + 2..)),
            None => (rest, None),
        };
        let mut text = if trim { text.trim_start() } else { text };
        let Some(mut action) = after else {
            if !text.is_empty() {
                out.push(Token::Text(text.to_owned()));
            }
            return Ok(out);
        };
        if action.strip_prefix('-').is_some_and(|rest| rest.starts_with(char::is_whitespace)) {
            text = text.trim_end();
            action = action.get(1..).unwrap_or_default();
        }
        if !text.is_empty() {
            out.push(Token::Text(text.to_owned()));
        }
        let start = action.trim_start();
        if let Some(comment) = start.strip_prefix("/*") {
            let end = comment.find("*/").ok_or("unclosed comment")?;
            let after = comment.get(end + 2..).unwrap_or_default().trim_start();
            trim = after.starts_with("-}}");
            rest = after.strip_prefix("-}}").or(after.strip_prefix("}}")).ok_or("comment ends before closing delimiter")?;
            continue;
        }
        out.push(Token::Open);
        (rest, trim) = action_tokens(action, &mut out)?;
        out.push(Token::Close);
    }
}

/// The tokens of an action; what comes after it, and whether white space after it is left out.
fn action_tokens<'a>(action: &'a str, out: &mut Vec<Token>) -> Result<(&'a str, bool), String> {
    let mut rest = action;
    loop {
        if let Some(after) = rest.strip_prefix("}}") {
            return Ok((after, false));
        }
        let Some(letter) = rest.chars().next() else { return Err("unclosed action".to_owned()) };
        if letter.is_whitespace() {
            let after = rest.trim_start();
            if let Some(after) = after.strip_prefix("-}}") {
                return Ok((after, true));
            }
            out.push(Token::Space);
            rest = after;
            continue;
        }
        let word_length = |text: &str| text.find(|letter: char| !letter.is_alphanumeric() && letter != '_').unwrap_or(text.len());
        let take = |length: usize| (rest.get(..length).unwrap_or_default().to_owned(), rest.get(length..).unwrap_or_default());
        if let Some(sign) = [":=", "=", "|", "(", ")", ","].into_iter().find(|sign| rest.starts_with(sign)) {
            out.push(Token::Sign(sign));
            rest = rest.get(sign.len()..).unwrap_or_default();
        } else if letter == '"' {
            let end = rest.char_indices().skip(1).scan(false, |escaped, (at, letter)| {
                let ends = letter == '"' && !*escaped;
                *escaped = letter == '\\' && !*escaped;
                Some((at, ends))
            });
            let end = end.into_iter().find(|(_, ends)| *ends).ok_or("unterminated quoted string")?.0;
            out.push(Token::Quoted(unquoted(rest.get(1..end).unwrap_or_default())?));
            rest = rest.get(end + 1..).unwrap_or_default();
        } else if letter == '`' {
            let inner = rest.get(1..).unwrap_or_default();
            let end = inner.find('`').ok_or("unterminated raw quoted string")?;
            out.push(Token::Quoted(inner.get(..end).unwrap_or_default().to_owned()));
            rest = inner.get(end + 1..).unwrap_or_default();
        } else if letter == '\'' {
            let inner = rest.get(1..).unwrap_or_default();
            let end = inner.char_indices().skip(1).find(|(_, letter)| *letter == '\'').ok_or("unterminated character constant")?.0;
            let text = unquoted(inner.get(..end).unwrap_or_default())?;
            let mut letters = text.chars();
            match (letters.next(), letters.next()) {
                (Some(letter), None) => out.push(Token::Letter(i64::from(u32::from(letter)))),
                _ => return Err("malformed character constant".to_owned()),
            }
            rest = inner.get(end + 1..).unwrap_or_default();
        } else if letter == '.'
            && rest.get(1..).is_some_and(|after| after.starts_with(|letter: char| letter.is_alphabetic() || letter == '_'))
        {
            let (word, after) = take(1 + word_length(rest.get(1..).unwrap_or_default()));
            out.push(Token::Field(word.trim_start_matches('.').to_owned()));
            rest = after;
        } else if letter == '.' && !rest.get(1..).is_some_and(|after| after.starts_with(|letter: char| letter.is_ascii_digit())) {
            out.push(Token::Dot);
            rest = rest.get(1..).unwrap_or_default();
        } else if letter == '$' {
            let (word, after) = take(1 + word_length(rest.get(1..).unwrap_or_default()));
            out.push(Token::Variable(word));
            rest = after;
        } else if letter.is_alphabetic() || letter == '_' {
            let (word, after) = take(word_length(rest));
            out.push(Token::Word(word));
            rest = after;
        } else if letter.is_ascii_digit() || matches!(letter, '+' | '-' | '.') {
            let length = rest.char_indices().skip(1).find(|(at, letter)| {
                let sign_of_exponent = matches!(letter, '+' | '-') && rest.get(..*at).is_some_and(|before| before.ends_with(['e', 'E']));
                !letter.is_ascii_alphanumeric() && !matches!(letter, '.' | '_') && !sign_of_exponent
            });
            let (word, after) = take(length.map_or(rest.len(), |(at, _)| at));
            out.push(Token::Number(word));
            rest = after;
        } else {
            return Err(format!("unexpected bad character U+{:04X} '{letter}'", u32::from(letter)));
        }
    }
}

/// What a text of Go's source with escapes is.
fn unquoted(text: &str) -> Result<String, String> {
    let mut out = String::new();
    let mut letters = text.chars();
    while let Some(letter) = letters.next() {
        if letter != '\\' {
            out.push(letter);
            continue;
        }
        let escape = letters.next().ok_or("invalid syntax")?;
        let width = match escape {
            'x' => 2,
            'u' => 4,
            'U' => 8,
            _ => 0,
        };
        if width > 0 {
            let digits: String = letters.by_ref().take(width).collect();
            let code = if digits.len() == width { u32::from_str_radix(&digits, 16).ok() } else { None };
            out.push(code.and_then(char::from_u32).ok_or("invalid syntax")?);
            continue;
        }
        out.push(match escape {
            'a' => '\u{7}',
            'b' => '\u{8}',
            'f' => '\u{c}',
            'n' => '\n',
            'r' => '\r',
            't' => '\t',
            'v' => '\u{b}',
            '\\' | '"' | '\'' => escape,
            _ => return Err("invalid syntax".to_owned()),
        });
    }
    Ok(out)
}

/// A template and those that are defined in it.
pub(super) struct Set {
    pub(super) main: Vec<Node>,
    pub(super) defined: Vec<(String, Vec<Node>)>,
}

struct Parser {
    tokens: Vec<Token>,
    at: usize,
    defined: Vec<(String, Vec<Node>)>,
    /// Variables that may be used.
    variables: Vec<Arc<str>>,
    loops: usize,
    depth: usize,
}

/// What ends a list of nodes.
#[derive(Clone, PartialEq, Debug)]
enum End {
    Closed,
    Else,
    ElseIf,
    ElseWith,
    Whole,
}

/// Reads a template.
pub(super) fn parse(template: &str) -> Result<Set, String> {
    let mut parser = Parser { tokens: tokens(template)?, at: 0, defined: Vec::new(), variables: vec![Arc::from("$")], loops: 0, depth: 0 };
    match parser.nodes()? {
        (main, End::Whole) => Ok(Set { main, defined: parser.defined }),
        (_, End::Closed) => Err("unexpected {{end}}".to_owned()),
        _ => Err("unexpected {{else}}".to_owned()),
    }
}

impl Parser {
    fn peek(&self) -> Option<&Token> {
        self.tokens.get(self.at)
    }

    fn next(&mut self) -> Option<Token> {
        self.at += 1;
        self.tokens.get(self.at - 1).cloned()
    }

    fn space(&mut self) {
        while self.peek() == Some(&Token::Space) {
            self.at += 1;
        }
    }

    fn close(&mut self) -> Result<(), String> {
        self.space();
        match self.next() {
            Some(Token::Close) => Ok(()),
            _ => Err("unexpected operand in command".to_owned()),
        }
    }

    fn nodes(&mut self) -> Result<(Vec<Node>, End), String> {
        self.depth += 1;
        if self.depth > MAX_DEPTH {
            return Err("the template nests too deep".to_owned());
        }
        let mut out = Vec::new();
        let end = loop {
            match self.next() {
                None => break End::Whole,
                Some(Token::Text(text)) => out.push(Node::Text(text)),
                Some(Token::Open) => {
                    self.space();
                    let word = match self.peek() {
                        Some(Token::Word(word)) => word.clone(),
                        _ => String::new(),
                    };
                    if matches!(&*word, "end" | "else" | "if" | "with" | "range" | "define" | "block" | "template" | "break" | "continue") {
                        self.at += 1;
                    }
                    match &*word {
                        "end" => {
                            self.close()?;
                            break End::Closed;
                        }
                        "else" => {
                            self.space();
                            let chained = match self.peek() {
                                Some(Token::Word(word)) if word == "if" => End::ElseIf,
                                Some(Token::Word(word)) if word == "with" => End::ElseWith,
                                _ => {
                                    self.close()?;
                                    break End::Else;
                                }
                            };
                            self.at += 1;
                            break chained;
                        }
                        "if" => out.push(Node::If(self.branch(false)?)),
                        "with" => out.push(Node::With(self.branch(false)?)),
                        "range" => out.push(Node::Range(self.branch(true)?)),
                        "break" | "continue" => {
                            self.close()?;
                            if self.loops == 0 {
                                return Err(format!("{{{{{word}}}}} outside {{{{range}}}}"));
                            }
                            out.push(if word == "break" { Node::Break } else { Node::Continue });
                        }
                        "define" => {
                            let name = self.template_name()?;
                            self.close()?;
                            let body = self.body()?;
                            self.defined.push((name, body));
                        }
                        "block" => {
                            let name = self.template_name()?;
                            let pipeline = self.pipeline(false)?;
                            self.close()?;
                            let body = self.body()?;
                            self.defined.push((name.clone(), body));
                            out.push(Node::Template(name, Some(pipeline)));
                        }
                        "template" => {
                            let name = self.template_name()?;
                            self.space();
                            let pipeline = if self.peek() == Some(&Token::Close) { None } else { Some(self.pipeline(false)?) };
                            self.close()?;
                            out.push(Node::Template(name, pipeline));
                        }
                        _ => {
                            let pipeline = self.pipeline(false)?;
                            self.close()?;
                            out.push(Node::Action(pipeline));
                        }
                    }
                }
                Some(_) => return Err("unexpected token".to_owned()),
            }
        };
        self.depth -= 1;
        Ok((out, end))
    }

    fn template_name(&mut self) -> Result<String, String> {
        self.space();
        match self.next() {
            Some(Token::Quoted(name)) => Ok(name),
            _ => Err("unexpected token in template clause".to_owned()),
        }
    }

    /// The nodes of a template of its own, up to its end.
    fn body(&mut self) -> Result<Vec<Node>, String> {
        let outer = std::mem::replace(&mut self.variables, vec![Arc::from("$")]);
        let loops = std::mem::take(&mut self.loops);
        let (nodes, end) = self.nodes()?;
        self.variables = outer;
        self.loops = loops;
        if end == End::Closed { Ok(nodes) } else { Err("unexpected EOF".to_owned()) }
    }

    fn branch(&mut self, range: bool) -> Result<Branch, String> {
        let known = self.variables.len();
        let pipeline = self.pipeline(range)?;
        self.close()?;
        self.loops += usize::from(range);
        let (then, end) = self.nodes()?;
        self.loops -= usize::from(range);
        let otherwise = match end {
            End::Closed => Vec::new(),
            End::Else => match self.nodes()? {
                (nodes, End::Closed) => nodes,
                (_, End::Whole) => return Err("unexpected EOF".to_owned()),
                _ => return Err("expected end; found {{else}}".to_owned()),
            },
            End::ElseIf => vec![Node::If(self.branch(false)?)],
            End::ElseWith => vec![Node::With(self.branch(false)?)],
            End::Whole => return Err("unexpected EOF".to_owned()),
        };
        self.variables.truncate(known);
        Ok(Branch { pipeline, then, otherwise })
    }

    fn pipeline(&mut self, range: bool) -> Result<Pipeline, String> {
        self.depth += 1;
        if self.depth > MAX_DEPTH {
            return Err("the template nests too deep".to_owned());
        }
        self.space();
        let (mut variables, mut declares) = (Vec::new(), false);
        let start = self.at;
        while let Some(Token::Variable(name)) = self.peek().cloned() {
            self.at += 1;
            self.space();
            variables.push(Arc::from(name));
            match self.peek() {
                Some(Token::Sign(sign @ (":=" | "="))) => {
                    declares = *sign == ":=";
                    self.at += 1;
                    break;
                }
                Some(Token::Sign(",")) if range && variables.len() < 2 => {
                    self.at += 1;
                    self.space();
                }
                _ => {
                    variables.clear();
                    self.at = start;
                    break;
                }
            }
        }
        let mut commands = Vec::new();
        loop {
            commands.push(self.command()?);
            self.space();
            if self.peek() != Some(&Token::Sign("|")) {
                break;
            }
            self.at += 1;
        }
        if declares {
            self.variables.extend(variables.iter().cloned());
        } else if let Some(unknown) = variables.iter().find(|name| !self.variables.contains(name)) {
            return Err(format!("undefined variable \"{unknown}\""));
        }
        self.depth -= 1;
        Ok(Pipeline { variables, declares, commands })
    }

    fn command(&mut self) -> Result<Vec<Operand>, String> {
        let mut out = Vec::new();
        loop {
            self.space();
            match self.peek() {
                None | Some(Token::Close | Token::Sign("|" | ")")) => break,
                _ => out.push(self.operand()?),
            }
        }
        if out.is_empty() { Err("missing value for command".to_owned()) } else { Ok(out) }
    }

    fn fields(&mut self) -> Vec<String> {
        let mut out = Vec::new();
        while let Some(Token::Field(name)) = self.peek() {
            out.push(name.clone());
            self.at += 1;
        }
        out
    }

    fn operand(&mut self) -> Result<Operand, String> {
        Ok(match self.next() {
            Some(Token::Dot) => Operand::Dot,
            Some(Token::Field(name)) => {
                let mut fields = vec![name];
                fields.extend(self.fields());
                Operand::Field(fields)
            }
            Some(Token::Variable(name)) => {
                let name: Arc<str> = Arc::from(name);
                if !self.variables.contains(&name) {
                    return Err(format!("undefined variable \"{name}\""));
                }
                Operand::Variable(name, self.fields())
            }
            Some(Token::Quoted(text)) => Operand::Text(text),
            Some(Token::Letter(code)) => Operand::Int(code),
            Some(Token::Number(text)) => number(&text)?,
            Some(Token::Word(word)) => match word.as_str() {
                "true" => Operand::Bool(true),
                "false" => Operand::Bool(false),
                "nil" => Operand::Nil,
                name if FUNCTIONS.contains(&name) => Operand::Function(word),
                _ => return Err(format!("function \"{word}\" not defined")),
            },
            Some(Token::Sign("(")) => {
                let pipeline = self.pipeline(false)?;
                self.space();
                if self.next() != Some(Token::Sign(")")) {
                    return Err("unclosed left paren".to_owned());
                }
                Operand::Pipe(Box::new(pipeline), self.fields())
            }
            _ => return Err("unexpected token in operand".to_owned()),
        })
    }
}

fn number(text: &str) -> Result<Operand, String> {
    let bad = || format!("bad number syntax: \"{text}\"");
    let plain = text.replace('_', "");
    let (negative, digits) = match plain.strip_prefix('-') {
        Some(rest) => (true, rest),
        None => (false, plain.strip_prefix('+').unwrap_or(&plain)),
    };
    let based = [("0x", 16), ("0X", 16), ("0b", 2), ("0B", 2), ("0o", 8), ("0O", 8)];
    let whole = match based.into_iter().find_map(|(prefix, base)| digits.strip_prefix(prefix).map(|rest| (rest, base))) {
        Some((rest, base)) => i64::from_str_radix(rest, base).map_err(|_| bad()).map(Some)?,
        None => digits.parse::<i64>().ok(),
    };
    if let Some(whole) = whole {
        return Ok(Operand::Int(if negative { -whole } else { whole }));
    }
    let value: f64 = plain.parse().map_err(|_| bad())?;
    if !value.is_finite() {
        return Err(bad());
    }
    // What is written with an exponent and is whole is whole for `print`.
    Ok(Operand::Float(value))
}
