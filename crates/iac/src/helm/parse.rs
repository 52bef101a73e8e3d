//! Tokens to templates. Functions are looked up and variables checked here, as Go does, so that a wrong name is found in a branch that
//! never runs too.

use std::ops::Range;
use std::rc::Rc;

use super::functions::{self, Function};
use super::lex::{Kind, Token, Wrong, lex};

/// A list of nodes.
pub(super) type Body = Rc<Vec<Node>>;

/// One piece of a template with its bytes.
#[derive(Clone, Debug)]
pub(super) struct Node {
    pub(super) kind: NodeKind,
    pub(super) range: Range<usize>,
}

/// What a node is.
#[derive(Clone, Debug)]
pub(super) enum NodeKind {
    Text(Rc<str>),
    Action(Pipe),
    If(Branch),
    With(Branch),
    Range(Branch),
    Template(Rc<str>, Option<Pipe>),
    Break,
    Continue,
}

/// A pipeline and what is done with it.
#[derive(Clone, Debug)]
pub(super) struct Branch {
    pub(super) pipe: Pipe,
    pub(super) then: Body,
    pub(super) otherwise: Option<Body>,
}

/// A pipeline.
#[derive(Clone, Debug)]
pub(super) struct Pipe {
    /// Variables it sets.
    pub(super) variables: Vec<Rc<str>>,
    /// `=`, not `:=`.
    pub(super) assign: bool,
    pub(super) commands: Vec<Command>,
    pub(super) range: Range<usize>,
}

/// One command of a pipeline: an operand, or a function or method with arguments.
#[derive(Clone, Debug)]
pub(super) struct Command {
    pub(super) operands: Vec<Operand>,
}

/// An operand with its bytes.
#[derive(Clone, Debug)]
pub(super) struct Operand {
    pub(super) kind: OperandKind,
    pub(super) range: Range<usize>,
}

/// What an operand is.
#[derive(Clone, Debug)]
pub(super) enum OperandKind {
    Dot,
    Nil,
    Bool(bool),
    Int(i64),
    Float(f64),
    Text(Rc<str>),
    /// `.a.b`.
    Fields(Vec<Rc<str>>),
    /// `$x.a.b`.
    Variable(Rc<str>, Vec<Rc<str>>),
    Function(&'static Function),
    /// `(pipe).a.b`.
    Group(Box<Pipe>, Vec<Rc<str>>),
}

/// What a text defines: itself, and the templates with names in it, in order.
#[derive(Clone, Debug, Default)]
pub(super) struct Parsed {
    pub(super) body: Body,
    pub(super) defined: Vec<(Rc<str>, Body)>,
}

/// Levels of blocks and parentheses.
const MAX_DEPTH: usize = 100;

/// Reads a template.
pub(super) fn parse(text: &str) -> Result<Parsed, Wrong> {
    let tokens = lex(text)?;
    let mut parser = Parser { text, tokens, at: 0, variables: vec!["$".into()], defined: Vec::new(), loops: 0, depth: 0 };
    let (body, end) = parser.body(true)?;
    if let Some((word, range)) = end {
        return Err(Wrong { message: format!("unexpected `{{{{{word}}}}}`"), range });
    }
    Ok(Parsed { body, defined: parser.defined })
}

struct Parser<'a> {
    text: &'a str,
    tokens: Vec<Token>,
    at: usize,
    variables: Vec<Rc<str>>,
    defined: Vec<(Rc<str>, Body)>,
    loops: usize,
    depth: usize,
}

/// What ended a body: `end` or `else`, and its bytes.
type End = Option<(String, Range<usize>)>;

impl Parser<'_> {
    fn peek(&self) -> Option<&Token> {
        self.tokens.get(self.at)
    }

    fn next(&mut self) -> Option<Token> {
        let token = self.tokens.get(self.at).cloned();
        self.at += 1;
        token
    }

    fn skip_space(&mut self) {
        while self.peek().is_some_and(|token| token.kind == Kind::Space) {
            self.at += 1;
        }
    }

    /// The bytes of the token at hand, or the end of the text.
    fn here(&self) -> Range<usize> {
        self.peek().map_or(self.text.len()..self.text.len(), |token| token.range.clone())
    }

    fn wrong<T>(&self, message: impl Into<String>) -> Result<T, Wrong> {
        Err(Wrong { message: message.into(), range: self.here() })
    }

    fn deeper(&mut self) -> Result<(), Wrong> {
        self.depth += 1;
        if self.depth > MAX_DEPTH { self.wrong(format!("nested deeper than {MAX_DEPTH} levels")) } else { Ok(()) }
    }

    /// Nodes up to `end` or `else`, of which the word is taken but not what follows it; at the top also up to the end of the text.
    fn body(&mut self, top: bool) -> Result<(Body, End), Wrong> {
        self.deeper()?;
        let begin = self.here();
        let mut nodes = Vec::new();
        while let Some(token) = self.next() {
            if token.kind == Kind::Text {
                let text: Rc<str> = self.text.get(token.range.clone()).unwrap_or_default().into();
                nodes.push(Node { kind: NodeKind::Text(text), range: token.range });
                continue;
            }
            // Everything else begins with an opening brace.
            let start = token.range.start;
            self.skip_space();
            let word = match self.peek().map(|token| &token.kind) {
                Some(Kind::Word(word)) => word.clone(),
                _ => String::new(),
            };
            match &*word {
                "end" | "else" => {
                    let range = self.here();
                    self.at += 1;
                    self.depth -= 1;
                    return Ok((Rc::new(nodes), Some((word, range))));
                }
                "define" if top => {
                    self.at += 1;
                    self.define()?;
                }
                "define" => return self.wrong("`define` may stand only at the outermost level"),
                _ => {
                    if let Some(node) = self.action(&word, start)? {
                        nodes.push(node);
                    }
                }
            }
        }
        self.depth -= 1;
        if !top {
            return Err(Wrong { message: "a block is not closed by `{{end}}`".to_owned(), range: begin });
        }
        Ok((Rc::new(nodes), None))
    }

    /// `}}`.
    fn close(&mut self, context: &str) -> Result<(), Wrong> {
        self.skip_space();
        match self.peek().map(|token| &token.kind) {
            Some(Kind::Close) => {
                self.at += 1;
                Ok(())
            }
            _ => self.wrong(format!("unexpected word in `{context}`")),
        }
    }

    fn name(&mut self, context: &str) -> Result<Rc<str>, Wrong> {
        self.skip_space();
        match self.next() {
            Some(Token { kind: Kind::Quoted(name), .. }) => Ok(name.into()),
            _ => {
                self.at -= 1;
                self.wrong(format!("`{context}` needs a name in quotes"))
            }
        }
    }

    fn define(&mut self) -> Result<(), Wrong> {
        let name = self.name("define")?;
        self.close("define")?;
        let outer = std::mem::replace(&mut self.variables, vec!["$".into()]);
        let loops = std::mem::take(&mut self.loops);
        let (body, end) = self.body(false)?;
        self.ended(end, "define")?;
        self.variables = outer;
        self.loops = loops;
        self.defined.push((name, body));
        Ok(())
    }

    fn ended(&mut self, end: End, context: &str) -> Result<(), Wrong> {
        match end {
            Some((word, _)) if word == "end" => self.close("end"),
            Some((_, range)) => Err(Wrong { message: format!("`else` does not belong in `{context}`"), range }),
            None => self.wrong(format!("`{context}` is not closed by `{{{{end}}}}`")),
        }
    }

    /// One action; the word it begins with is not yet taken.
    fn action(&mut self, word: &str, start: usize) -> Result<Option<Node>, Wrong> {
        let kind = match word {
            "if" | "with" | "range" => {
                self.at += 1;
                let branch = self.branch(word)?;
                match word {
                    "if" => NodeKind::If(branch),
                    "with" => NodeKind::With(branch),
                    _ => NodeKind::Range(branch),
                }
            }
            "block" => {
                self.at += 1;
                let name = self.name("block")?;
                let pipe = self.pipe("block")?;
                self.close("block")?;
                let outer = std::mem::replace(&mut self.variables, vec!["$".into()]);
                let loops = std::mem::take(&mut self.loops);
                let (body, end) = self.body(false)?;
                self.ended(end, "block")?;
                self.variables = outer;
                self.loops = loops;
                self.defined.push((Rc::clone(&name), body));
                NodeKind::Template(name, Some(pipe))
            }
            "template" => {
                self.at += 1;
                let name = self.name("template")?;
                self.skip_space();
                let none = self.peek().is_some_and(|token| token.kind == Kind::Close);
                let pipe = if none { None } else { Some(self.pipe("template")?) };
                self.close("template")?;
                NodeKind::Template(name, pipe)
            }
            "break" | "continue" if self.followed_by_close() => {
                if self.loops == 0 {
                    return self.wrong(format!("`{word}` outside of `range`"));
                }
                self.at += 1;
                self.close(word)?;
                if word == "break" { NodeKind::Break } else { NodeKind::Continue }
            }
            _ => {
                let pipe = self.pipe("action")?;
                self.close("action")?;
                NodeKind::Action(pipe)
            }
        };
        let end = self.at.checked_sub(1).and_then(|at| self.tokens.get(at)).map_or(start, |token| token.range.end);
        Ok(Some(Node { kind, range: start..end }))
    }

    fn followed_by_close(&self) -> bool {
        let mut after = self.tokens.get(self.at + 1..).unwrap_or_default().iter();
        after.find(|token| token.kind != Kind::Space).is_some_and(|token| token.kind == Kind::Close)
    }

    fn branch(&mut self, word: &str) -> Result<Branch, Wrong> {
        let mark = self.variables.len();
        let pipe = self.pipe(word)?;
        self.close(word)?;
        if word == "range" {
            self.loops += 1;
        }
        let (then, end) = self.body(false)?;
        if word == "range" {
            self.loops -= 1;
        }
        let otherwise = match end {
            Some((end, _)) if end == "else" => {
                self.skip_space();
                let chained = match self.peek().map(|token| &token.kind) {
                    Some(Kind::Word(next)) if next == word && word != "range" => true,
                    Some(Kind::Close) => false,
                    _ => return self.wrong("unexpected word after `else`"),
                };
                if chained {
                    // One `{{end}}` closes them all.
                    let start = self.here().start;
                    self.at += 1;
                    self.deeper()?;
                    let branch = self.branch(word)?;
                    self.depth -= 1;
                    let kind = if word == "if" { NodeKind::If(branch) } else { NodeKind::With(branch) };
                    Some(Rc::new(vec![Node { kind, range: start..self.here().start }]))
                } else {
                    self.close("else")?;
                    let (body, end) = self.body(false)?;
                    self.ended(end, word)?;
                    Some(body)
                }
            }
            end => {
                self.ended(end, word)?;
                None
            }
        };
        self.variables.truncate(mark);
        Ok(Branch { pipe, then, otherwise })
    }

    fn pipe(&mut self, context: &str) -> Result<Pipe, Wrong> {
        self.deeper()?;
        self.skip_space();
        let start = self.here().start;
        let mut variables: Vec<Rc<str>> = Vec::new();
        let mut assign = false;
        let begin = self.at;
        while let Some(Kind::Variable(name)) = self.peek().map(|token| token.kind.clone()) {
            self.at += 1;
            self.skip_space();
            match self.peek().map(|token| &token.kind) {
                Some(Kind::Comma) if context == "range" && variables.is_empty() => {
                    variables.push(name.into());
                    self.at += 1;
                    self.skip_space();
                    continue;
                }
                Some(kind @ (Kind::Declare | Kind::Assign)) => {
                    assign = *kind == Kind::Assign;
                    variables.push(name.into());
                    self.at += 1;
                }
                _ => {
                    self.at = begin;
                    variables.clear();
                }
            }
            break;
        }
        if assign && let Some(missing) = variables.iter().find(|name| !self.variables.contains(name)) {
            return Err(Wrong { message: format!("variable `{missing}` is not defined"), range: start..self.here().start });
        }
        let mut commands = Vec::new();
        loop {
            let command = self.command()?;
            if command.operands.is_empty() {
                return self.wrong(if commands.is_empty() {
                    format!("a value is missing in `{context}`")
                } else {
                    "nothing follows `|`".to_owned()
                });
            }
            let fixed = !commands.is_empty()
                && matches!(
                    command.operands.first().map(|first| &first.kind),
                    Some(
                        OperandKind::Bool(_)
                            | OperandKind::Dot
                            | OperandKind::Nil
                            | OperandKind::Int(_)
                            | OperandKind::Float(_)
                            | OperandKind::Text(_)
                    )
                );
            if fixed {
                return self.wrong("what follows `|` is no function");
            }
            commands.push(command);
            self.skip_space();
            if self.peek().is_some_and(|token| token.kind == Kind::Pipe) {
                self.at += 1;
            } else {
                break;
            }
        }
        if !assign {
            self.variables.extend(variables.iter().cloned());
        }
        self.depth -= 1;
        Ok(Pipe { variables, assign, commands, range: start..self.here().start })
    }

    fn command(&mut self) -> Result<Command, Wrong> {
        let mut operands: Vec<Operand> = Vec::new();
        loop {
            self.skip_space();
            let Some(operand) = self.operand()? else { break };
            operands.push(operand);
            match self.peek().map(|token| &token.kind) {
                Some(Kind::Space | Kind::Pipe | Kind::Close | Kind::RightParen) | None => {}
                _ => return self.wrong("two operands without space between them"),
            }
        }
        Ok(Command { operands })
    }

    fn operand(&mut self) -> Result<Option<Operand>, Wrong> {
        let Some(token) = self.peek().cloned() else { return Ok(None) };
        let start = token.range.start;
        let kind = match token.kind {
            Kind::Word(word) => match &*word {
                "true" => OperandKind::Bool(true),
                "false" => OperandKind::Bool(false),
                "nil" => OperandKind::Nil,
                _ => match functions::find(&word) {
                    Some(function) => OperandKind::Function(function),
                    None => return self.wrong(format!("function `{word}` does not exist")),
                },
            },
            Kind::Dot => OperandKind::Dot,
            Kind::Quoted(text) => OperandKind::Text(text.into()),
            Kind::Letter(value) => OperandKind::Int(value),
            Kind::Number(text) => match number(&text) {
                Some(kind) => kind,
                None => return self.wrong(format!("`{text}` is not a number")),
            },
            Kind::Field(name) => OperandKind::Fields(vec![name.into()]),
            Kind::Variable(name) => {
                if !self.variables.iter().any(|known| **known == *name) {
                    return self.wrong(format!("variable `{name}` is not defined"));
                }
                OperandKind::Variable(name.into(), Vec::new())
            }
            Kind::LeftParen => {
                self.at += 1;
                let pipe = self.pipe("parentheses")?;
                self.skip_space();
                if !self.peek().is_some_and(|token| token.kind == Kind::RightParen) {
                    return self.wrong("a parenthesis is not closed");
                }
                OperandKind::Group(Box::new(pipe), Vec::new())
            }
            _ => return Ok(None),
        };
        self.at += 1;
        let mut kind = kind;
        while let Some(Kind::Field(name)) = self.peek().map(|token| token.kind.clone()) {
            match &mut kind {
                OperandKind::Fields(fields) | OperandKind::Variable(_, fields) | OperandKind::Group(_, fields) => fields.push(name.into()),
                _ => return self.wrong(format!("`.{name}` follows something that has no fields")),
            }
            self.at += 1;
        }
        let end = self.at.checked_sub(1).and_then(|at| self.tokens.get(at)).map_or(start, |token| token.range.end);
        Ok(Some(Operand { kind, range: start..end }))
    }
}

/// A number as Go reads it: decimal, `0x`, `0o`, `0b`, with `_`, with an exponent.
fn number(text: &str) -> Option<OperandKind> {
    let bare = text.replace('_', "");
    let (negative, digits) = match bare.strip_prefix('-') {
        Some(digits) => (true, digits),
        None => (false, bare.strip_prefix('+').unwrap_or(&bare)),
    };
    let lower = digits.to_ascii_lowercase();
    let whole = if let Some(hex) = lower.strip_prefix("0x") {
        i64::from_str_radix(hex, 16).ok()
    } else if let Some(octal) = lower.strip_prefix("0o") {
        i64::from_str_radix(octal, 8).ok()
    } else if let Some(binary) = lower.strip_prefix("0b") {
        i64::from_str_radix(binary, 2).ok()
    } else if lower.len() > 1 && lower.starts_with('0') && lower.bytes().all(|digit| digit.is_ascii_digit()) {
        i64::from_str_radix(&lower, 8).ok()
    } else {
        lower.parse().ok()
    };
    if let Some(whole) = whole {
        return Some(OperandKind::Int(if negative { whole.checked_neg()? } else { whole }));
    }
    if !lower.bytes().all(|letter| letter.is_ascii_digit() || matches!(letter, b'.' | b'e' | b'+' | b'-')) {
        return None;
    }
    let value: f64 = lower.parse().ok()?;
    Some(OperandKind::Float(if negative { -value } else { value }))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_wrong() {
        let check = |text: &str, message: &str, at: &str| {
            let wrong = parse(text).unwrap_err();
            assert_eq!((&*wrong.message, text.get(wrong.range.clone()).unwrap()), (message, at), "for {text:?}");
        };
        check("{{ nope 1 }}", "function `nope` does not exist", "nope");
        check("{{ if true }}{{ $x := 1 }}{{ end }}{{ $x }}", "variable `$x` is not defined", "$x");
        check("a{{ end }}", "unexpected `{{end}}`", "end");
        check("{{ if true }}b", "a block is not closed by `{{end}}`", "b");
        check("{{ if }}b{{ end }}", "a value is missing in `if`", "}}");
        check("{{ 1 | 2 }}", "what follows `|` is no function", "}}");
        check("{{ upper | }}", "nothing follows `|`", "}}");
        check("{{ break }}", "`break` outside of `range`", "break");
        check("{{ range . }}{{ define \"x\" }}{{ end }}{{ end }}", "`define` may stand only at the outermost level", "define");
        check("{{ template x }}", "`template` needs a name in quotes", "x");
        check("{{ 12q }}", "`12q` is not a number", "12q");
        check("{{ \"a\".b }}", "`.b` follows something that has no fields", ".b");
        check("{{ $x = 1 }}", "variable `$x` is not defined", "$x =");
    }

    #[test]
    fn depth_is_limited() {
        assert!(parse(&format!("{{{{ {}1{} }}}}", "(".repeat(50), ")".repeat(50))).is_ok());
        assert!(parse(&format!("{{{{ {}1{} }}}}", "(".repeat(5000), ")".repeat(5000))).is_err());
        assert!(parse(&"{{ if 1 }}".repeat(5000)).is_err());
        assert!(parse(&format!("{{{{if 1}}}}{}{{{{end}}}}", "{{else if 2}}".repeat(5000))).is_err());
        assert!(parse(&format!("{{{{if 1}}}}{}{{{{end}}}}", "{{else if 2}}".repeat(40))).is_ok());
    }

    #[test]
    fn numbers() {
        let check = |text: &str, expected: &str| {
            let shown = match number(text) {
                Some(OperandKind::Int(value)) => format!("int {value}"),
                Some(OperandKind::Float(value)) => format!("float {value}"),
                _ => "none".to_owned(),
            };
            assert_eq!(shown, expected, "for {text}");
        };
        check("12", "int 12");
        check("-0x1F", "int -31");
        check("0644", "int 420");
        check("1_000", "int 1000");
        check("1.5", "float 1.5");
        check("1e3", "float 1000");
        check("nan", "none");
    }
}
