//! The part of Groovy that Jenkinsfiles are written in: calls with arguments and blocks, assignments, texts. Whatever else stands there is
//! kept as words nobody reads.
//!
//! What does not live here: running anything, and what the calls mean.

use std::ops::Range;

/// Blocks and brackets may be nested this deep.
const MAX_DEPTH: usize = 100;
/// Tokens read of one file.
const MAX_TOKENS: usize = 500_000;

/// A text literal.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Text {
    /// What it says, escapes worked out.
    pub(super) text: String,
    /// Between its quotes.
    pub(super) range: Range<usize>,
    /// The names and expressions Groovy puts into it, with their places.
    pub(super) inserted: Vec<(String, Range<usize>)>,
}

/// What an argument is.
#[derive(Clone, Debug, PartialEq)]
pub(super) enum Expression {
    /// A text.
    Text(Text),
    /// A number, a name, `true`, an expression: as written.
    Words(String),
    /// `[a, b: c]`.
    List(Vec<Argument>),
    /// `credentials('x')`.
    Call(String, Vec<Argument>),
}

/// One argument, perhaps with its name.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Argument {
    pub(super) name: Option<String>,
    pub(super) value: Expression,
    pub(super) range: Range<usize>,
}

/// One statement.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Statement {
    /// What is called, or assigned to; empty where it is neither.
    pub(super) name: String,
    pub(super) arguments: Vec<Argument>,
    /// The block behind it.
    pub(super) body: Option<Vec<Statement>>,
    /// It is `name = value`.
    pub(super) assigned: bool,
    /// Somebody takes what the call gives: `def x = sh(...)`, `return sh(...)`, `if (sh(...))`.
    pub(super) taken: bool,
    pub(super) range: Range<usize>,
    /// The name.
    pub(super) head: Range<usize>,
}

impl Statement {
    /// The argument of that name.
    pub(super) fn argument(&self, name: &str) -> Option<&Argument> {
        self.arguments.iter().find(|argument| argument.name.as_deref() == Some(name))
    }

    /// The first argument without a name.
    pub(super) fn first(&self) -> Option<&Argument> {
        self.arguments.iter().find(|argument| argument.name.is_none())
    }

    /// The text of an argument that is one.
    pub(super) fn text(&self, name: Option<&str>) -> Option<&Text> {
        let argument = match name {
            Some(name) => self.argument(name),
            None => self.first(),
        };
        match &argument?.value {
            Expression::Text(text) => Some(text),
            _ => None,
        }
    }
}

/// What a file gave.
#[derive(Debug, Default)]
pub(super) struct Parsed {
    pub(super) statements: Vec<Statement>,
    /// Comments with their places.
    pub(super) comments: Vec<Range<usize>>,
    /// What is wrong with it.
    pub(super) faults: Vec<(Range<usize>, String)>,
}

#[derive(Clone, Debug, PartialEq)]
enum Kind {
    Word(String),
    Text(Text),
    Symbol(char),
    Line,
}

#[derive(Clone, Debug)]
struct Token {
    kind: Kind,
    range: Range<usize>,
}

/// Reads a file.
pub(super) fn parse(text: &str) -> Parsed {
    let mut parsed = Parsed::default();
    let tokens = tokens(text, &mut parsed);
    let mut parser = Parser { tokens: &tokens, at: 0, text, faults: Vec::new() };
    while parser.at < tokens.len() {
        let found = parser.block(0);
        parsed.statements.extend(found);
        if let Some(token) = parser.peek() {
            // A bracket too many at the top.
            parser.faults.push((token.range.clone(), "a bracket closes nothing".to_owned()));
            parser.at += 1;
        }
    }
    parsed.faults.extend(parser.faults);
    parsed
}

fn tokens(text: &str, parsed: &mut Parsed) -> Vec<Token> {
    let mut out: Vec<Token> = Vec::new();
    let mut at = 0;
    while let Some(rest) = text.get(at..) {
        let Some(letter) = rest.chars().next() else { break };
        if out.len() >= MAX_TOKENS {
            parsed.faults.push((at..text.len(), format!("more than {MAX_TOKENS} words; the rest is not read")));
            break;
        }
        let start = at;
        let pattern_may_begin = slashy_may_begin(&out);
        let mut push = |kind: Kind, end: usize| {
            out.push(Token { kind, range: start..end });
            end
        };
        at = match letter {
            '\n' => push(Kind::Line, at + 1),
            _ if letter.is_whitespace() => at + letter.len_utf8(),
            '\\' if rest.starts_with("\\\n") => at + 2,
            '#' if at == 0 && rest.starts_with("#!") => rest.find('\n').unwrap_or(rest.len()),
            '/' if rest.starts_with("//") => {
                let end = at + rest.find('\n').unwrap_or(rest.len());
                parsed.comments.push(at..end);
                end
            }
            '/' if rest.starts_with("/*") => {
                let end = rest.find("*/").map_or(text.len(), |found| at + found + 2);
                parsed.comments.push(at..end);
                end
            }
            '\'' | '"' => match literal(rest, at) {
                Some((literal, end)) => push(Kind::Text(literal), end),
                None => {
                    parsed.faults.push((at..text.len().min(at + 40), "a text is not closed".to_owned()));
                    at + letter.len_utf8()
                }
            },
            '/' if pattern_may_begin => match slashy(rest) {
                Some(length) => {
                    let inside = rest.get(1..length - 1).unwrap_or_default().to_owned();
                    push(Kind::Text(Text { text: inside, range: at + 1..at + length - 1, inserted: Vec::new() }), at + length)
                }
                None => push(Kind::Symbol('/'), at + 1),
            },
            _ if letter.is_alphanumeric() || matches!(letter, '_' | '$' | '@') => {
                let length = rest
                    .char_indices()
                    .find(|(_, letter)| !(letter.is_alphanumeric() || matches!(letter, '_' | '$' | '@' | '.')))
                    .map_or(rest.len(), |(length, _)| length);
                push(Kind::Word(rest.get(..length).unwrap_or_default().trim_end_matches('.').to_owned()), at + length.max(1))
            }
            _ => push(Kind::Symbol(letter), at + letter.len_utf8()),
        };
    }
    out
}

/// A pattern between slashes may stand where a value may; elsewhere a slash divides.
fn slashy_may_begin(before: &[Token]) -> bool {
    match before.last().map(|token| &token.kind) {
        Some(Kind::Symbol(symbol)) => matches!(symbol, '(' | ',' | '=' | '[' | '~' | ':'),
        _ => false,
    }
}

fn slashy(rest: &str) -> Option<usize> {
    let line = rest.split('\n').next()?;
    let mut escaped = false;
    line.char_indices().skip(1).find_map(|(at, letter)| {
        let ends = letter == '/' && !escaped;
        escaped = letter == '\\' && !escaped;
        ends.then_some(at + 1)
    })
}

/// A text in one of its four quotes, and where it ends.
fn literal(rest: &str, base: usize) -> Option<(Text, usize)> {
    let triple = rest.starts_with("'''") || rest.starts_with("\"\"\"");
    let quote = rest.chars().next()?;
    let open = if triple { 3 } else { 1 };
    let closing: String = std::iter::repeat_n(quote, open).collect();
    let body = rest.get(open..)?;
    let mut out = String::new();
    let mut inserted = Vec::new();
    let mut at = 0;
    while let Some(here) = body.get(at..) {
        if here.starts_with(&closing) {
            let range = base + open..base + open + at;
            return Some((Text { text: out, range, inserted }, base + open + at + open));
        }
        let letter = here.chars().next()?;
        match letter {
            '\n' if !triple => return None,
            '\\' => {
                let next = here.chars().nth(1)?;
                match next {
                    'n' => out.push('\n'),
                    't' => out.push('\t'),
                    'r' => out.push('\r'),
                    '\n' => {}
                    '\\' | '\'' | '"' | '$' => out.push(next),
                    _ => {
                        out.push('\\');
                        out.push(next);
                    }
                }
                at += 1 + next.len_utf8();
            }
            '$' if quote == '"' => {
                let (name, length) = insertion(here);
                if let Some(name) = name {
                    let place = base + open + at;
                    inserted.push((name, place..place + length));
                }
                out.push_str(here.get(..length).unwrap_or_default());
                at += length;
            }
            _ => {
                out.push(letter);
                at += letter.len_utf8();
            }
        }
    }
    None
}

/// `${expression}` or `$name.part` at the start of a text, and how long it is.
fn insertion(here: &str) -> (Option<String>, usize) {
    if let Some(inside) = here.strip_prefix("${") {
        let mut depth = 1_usize;
        for (at, letter) in inside.char_indices() {
            match letter {
                '{' => depth += 1,
                '}' => {
                    depth -= 1;
                    if depth == 0 {
                        return (Some(inside.get(..at).unwrap_or_default().trim().to_owned()), at + 3);
                    }
                }
                _ => {}
            }
        }
        return (None, 2);
    }
    let name = here.get(1..).unwrap_or_default();
    let length = name.find(|letter: char| !(letter.is_alphanumeric() || matches!(letter, '_' | '.'))).unwrap_or(name.len());
    let name = name.get(..length).unwrap_or_default().trim_end_matches('.');
    if name.starts_with(|first: char| first.is_alphabetic() || first == '_') { (Some(name.to_owned()), 1 + name.len()) } else { (None, 1) }
}

struct Parser<'t> {
    tokens: &'t [Token],
    at: usize,
    text: &'t str,
    faults: Vec<(Range<usize>, String)>,
}

impl Parser<'_> {
    fn peek(&self) -> Option<&Token> {
        self.tokens.get(self.at)
    }

    fn is(&self, symbol: char) -> bool {
        matches!(self.peek(), Some(Token { kind: Kind::Symbol(found), .. }) if *found == symbol)
    }

    fn end_of_last(&self) -> usize {
        self.tokens.get(..self.at.min(self.tokens.len())).and_then(<[Token]>::last).map_or(0, |token| token.range.end)
    }

    /// `=` alone, not `==` or `=~`.
    fn is_assignment(&self) -> bool {
        let next = self.tokens.get(self.at + 1);
        let joined = self.peek().zip(next).is_some_and(|(equals, next)| equals.range.end == next.range.start);
        self.is('=') && !(joined && matches!(next.map(|token| &token.kind), Some(Kind::Symbol('=' | '~'))))
    }

    /// Statements up to a `}` that is not theirs.
    fn block(&mut self, depth: usize) -> Vec<Statement> {
        let mut out = Vec::new();
        while let Some(token) = self.peek() {
            match &token.kind {
                Kind::Symbol('}') => break,
                Kind::Line | Kind::Symbol(';') => self.at += 1,
                _ => {
                    let before = self.at;
                    self.statement(depth, &mut out);
                    if self.at == before {
                        self.at += 1;
                    }
                }
            }
        }
        out
    }

    fn statement(&mut self, depth: usize, out: &mut Vec<Statement>) {
        let Some(first) = self.peek().cloned() else { return };
        let start = first.range.start;
        let Kind::Word(name) = first.kind else {
            self.rest(depth, out);
            return;
        };
        self.at += 1;
        // `def x = call(...)`, `return call(...)`.
        if matches!(name.as_str(), "def" | "return" | "final" | "String" | "int" | "boolean")
            && depth < MAX_DEPTH
            && !matches!(self.peek().map(|token| &token.kind), None | Some(Kind::Line | Kind::Symbol(_)))
        {
            let from = out.len();
            self.statement(depth + 1, out);
            for statement in out.iter_mut().skip(from) {
                statement.taken = true;
            }
            return;
        }
        if self.is_assignment() {
            self.at += 1;
            while matches!(self.peek().map(|token| &token.kind), Some(Kind::Line)) {
                self.at += 1;
            }
            // `x = sh(...)` is a call whose value is taken; `X = credentials('y')` an assignment. Both are kept.
            let value_start = self.at;
            let value = self.value(depth);
            let range = start..self.end_of_last();
            if let Some(Argument { value: Expression::Call(called, arguments), range: call, .. }) = &value {
                out.push(Statement {
                    name: called.clone(),
                    arguments: arguments.clone(),
                    body: None,
                    assigned: false,
                    taken: true,
                    range: call.clone(),
                    head: call.clone(),
                });
            }
            let arguments = value.into_iter().collect();
            out.push(Statement { name, arguments, body: None, assigned: true, taken: true, range: range.clone(), head: first.range });
            if self.at == value_start && self.peek().is_some_and(|token| token.kind != Kind::Symbol('}')) {
                self.at += 1;
            }
            self.rest(depth, out);
            return;
        }
        let mut arguments = Vec::new();
        if self.is('(') {
            self.at += 1;
            arguments = self.arguments(')', depth + 1);
            if self.is(')') {
                self.at += 1;
            }
        } else if self.begins_argument() {
            arguments = self.arguments('\n', depth + 1);
        }
        let body = if self.is('{') { Some(self.body(depth)) } else { None };
        let end = self.end_of_last();
        let taken = matches!(name.as_str(), "if" | "while" | "switch");
        if taken {
            // What a condition calls is taken.
            for argument in &arguments {
                called(&argument.value, &argument.range, out);
            }
        }
        out.push(Statement { name, arguments, body, assigned: false, taken: false, range: start..end, head: first.range });
        self.rest(depth, out);
    }

    /// The block behind `{`, with what names its parameters (`x ->`) passed over.
    fn body(&mut self, depth: usize) -> Vec<Statement> {
        let open = self.peek().map_or(0..0, |token| token.range.clone());
        self.at += 1;
        if depth >= MAX_DEPTH {
            self.faults.push((open, format!("blocks are nested more than {MAX_DEPTH} deep; the rest is not read")));
            self.at = self.tokens.len();
            return Vec::new();
        }
        self.skip_parameters();
        let found = self.block(depth + 1);
        if self.is('}') {
            self.at += 1;
        } else {
            self.faults.push((open, "a block is not closed".to_owned()));
        }
        found
    }

    /// `a, b ->` at the start of a block.
    fn skip_parameters(&mut self) {
        let names = |token: &&Token| matches!(token.kind, Kind::Word(_) | Kind::Symbol(',') | Kind::Line);
        let count = self.tokens.iter().skip(self.at).take(20).take_while(names).count();
        let mut arrow = self.tokens.iter().skip(self.at + count).take(2).map(|token| &token.kind);
        if matches!((arrow.next(), arrow.next()), (Some(Kind::Symbol('-')), Some(Kind::Symbol('>')))) {
            self.at += count + 2;
        }
    }

    fn begins_argument(&self) -> bool {
        matches!(self.peek().map(|token| &token.kind), Some(Kind::Text(_) | Kind::Word(_) | Kind::Symbol('[')))
    }

    /// What stands behind a statement on its line: blocks in it are read, all else is passed over.
    fn rest(&mut self, depth: usize, out: &mut Vec<Statement>) {
        let mut brackets = 0_usize;
        while let Some(token) = self.peek() {
            match &token.kind {
                Kind::Line if brackets == 0 => return,
                Kind::Symbol(';') if brackets == 0 => return,
                Kind::Symbol('}') => return,
                Kind::Symbol('{') => {
                    let found = self.body(depth);
                    out.extend(found);
                }
                Kind::Symbol('(' | '[') => {
                    brackets += 1;
                    self.at += 1;
                }
                Kind::Symbol(')' | ']') => {
                    brackets = brackets.saturating_sub(1);
                    self.at += 1;
                }
                // A block in the middle: `} catch (e) { ... }`, `} else { ... }`; or a call: `a && sh(...)`.
                Kind::Word(word)
                    if !word.is_empty()
                        && matches!(self.tokens.get(self.at + 1).map(|next| &next.kind), Some(Kind::Symbol('(' | '{')))
                        && depth < MAX_DEPTH =>
                {
                    let (name, head) = (word.clone(), token.range.clone());
                    self.at += 1;
                    let mut arguments = Vec::new();
                    if self.is('(') {
                        self.at += 1;
                        arguments = self.arguments(')', depth + 1);
                        if self.is(')') {
                            self.at += 1;
                        }
                    }
                    let body = if self.is('{') { Some(self.body(depth)) } else { None };
                    let range = head.start..self.end_of_last();
                    out.push(Statement { name, arguments, taken: body.is_none(), body, assigned: false, range, head });
                }
                _ => self.at += 1,
            }
        }
    }

    /// Arguments up to a closing bracket, or (`\n`) to the end of the line.
    fn arguments(&mut self, close: char, depth: usize) -> Vec<Argument> {
        let mut out = Vec::new();
        if depth > MAX_DEPTH {
            self.skip(close);
            return out;
        }
        loop {
            while close != '\n' && matches!(self.peek().map(|token| &token.kind), Some(Kind::Line)) {
                self.at += 1;
            }
            let Some(token) = self.peek() else { return out };
            match &token.kind {
                Kind::Symbol(symbol) if *symbol == close => return out,
                Kind::Symbol('{' | '}' | ';') if close == '\n' => return out,
                Kind::Line if close == '\n' => return out,
                Kind::Symbol(',') => {
                    self.at += 1;
                    // A comma carries the arguments on to the next line.
                    while matches!(self.peek().map(|token| &token.kind), Some(Kind::Line)) {
                        self.at += 1;
                    }
                    continue;
                }
                _ => {}
            }
            let before = self.at;
            if let Some(argument) = self.named(depth) {
                out.push(argument);
            }
            // What follows a value up to the comma belongs to its expression.
            while let Some(token) = self.peek() {
                match &token.kind {
                    Kind::Symbol(symbol) if *symbol == close || *symbol == ',' => break,
                    Kind::Symbol('{' | '}' | ';') if close == '\n' => break,
                    Kind::Line if close == '\n' => break,
                    Kind::Symbol('}') => return out,
                    Kind::Symbol('(') => self.skip_brackets(),
                    Kind::Symbol('{') => {
                        let _ = self.body(depth);
                    }
                    _ => self.at += 1,
                }
            }
            if self.at == before {
                self.at += 1;
            }
        }
    }

    fn skip(&mut self, close: char) {
        while let Some(token) = self.peek() {
            match &token.kind {
                Kind::Symbol(symbol) if *symbol == close => return,
                Kind::Line if close == '\n' => return,
                _ => self.at += 1,
            }
        }
    }

    /// From `(` behind its `)`.
    fn skip_brackets(&mut self) {
        let mut depth = 0_usize;
        while let Some(token) = self.peek() {
            match &token.kind {
                Kind::Symbol('(') => depth += 1,
                Kind::Symbol(')') => depth = depth.saturating_sub(1),
                Kind::Symbol('}') if depth == 0 => return,
                _ => {}
            }
            self.at += 1;
            if depth == 0 {
                return;
            }
        }
    }

    fn named(&mut self, depth: usize) -> Option<Argument> {
        let token = self.peek()?.clone();
        let name = match &token.kind {
            Kind::Word(word) => word.clone(),
            Kind::Text(text) => text.text.clone(),
            _ => return self.value(depth),
        };
        if matches!(self.tokens.get(self.at + 1).map(|token| &token.kind), Some(Kind::Symbol(':'))) {
            self.at += 2;
            while matches!(self.peek().map(|token| &token.kind), Some(Kind::Line)) {
                self.at += 1;
            }
            let mut argument = self.value(depth)?;
            argument.range.start = token.range.start;
            argument.name = Some(name);
            return Some(argument);
        }
        self.value(depth)
    }

    fn value(&mut self, depth: usize) -> Option<Argument> {
        let token = self.peek()?.clone();
        let start = token.range.start;
        let value = match token.kind {
            Kind::Text(text) => {
                self.at += 1;
                Expression::Text(text)
            }
            Kind::Word(name) => {
                self.at += 1;
                if self.is('(') && depth < MAX_DEPTH {
                    self.at += 1;
                    let arguments = self.arguments(')', depth + 1);
                    if self.is(')') {
                        self.at += 1;
                    }
                    Expression::Call(name, arguments)
                } else if self.begins_text() {
                    // `sh 'x'` as a value: a call without brackets.
                    let argument = self.value(depth)?;
                    Expression::Call(name, vec![argument])
                } else {
                    Expression::Words(name)
                }
            }
            Kind::Symbol('[') if depth < MAX_DEPTH => {
                self.at += 1;
                let arguments = self.arguments(']', depth + 1);
                if self.is(']') {
                    self.at += 1;
                }
                Expression::List(arguments)
            }
            Kind::Symbol('(') => {
                self.skip_brackets();
                let range = start..self.end_of_last();
                Expression::Words(self.text.get(range).unwrap_or_default().to_owned())
            }
            Kind::Symbol('{' | '}' | ')' | ']') | Kind::Line => return None,
            Kind::Symbol(symbol) => {
                self.at += 1;
                Expression::Words(symbol.to_string())
            }
        };
        let range = start..self.end_of_last();
        Some(Argument { name: None, value, range })
    }

    fn begins_text(&self) -> bool {
        matches!(self.peek().map(|token| &token.kind), Some(Kind::Text(_)))
    }
}

/// The calls in an expression, as statements whose value is taken.
fn called(value: &Expression, range: &Range<usize>, out: &mut Vec<Statement>) {
    if let Expression::Call(name, arguments) = value {
        let (name, arguments) = (name.clone(), arguments.clone());
        out.push(Statement { name, arguments, body: None, assigned: false, taken: true, range: range.clone(), head: range.clone() });
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn argument(argument: &Argument) -> String {
        let name = argument.name.as_ref().map_or_else(String::new, |name| format!("{name}: "));
        let value = match &argument.value {
            Expression::Text(text) if text.inserted.is_empty() => format!("'{}'", text.text),
            Expression::Text(text) => format!("\"{}\"{:?}", text.text, text.inserted.iter().map(|(name, _)| name).collect::<Vec<_>>()),
            Expression::Words(words) => words.clone(),
            Expression::List(list) => format!("[{}]", list.iter().map(self::argument).collect::<Vec<_>>().join(", ")),
            Expression::Call(name, list) => format!("{name}({})", list.iter().map(self::argument).collect::<Vec<_>>().join(", ")),
        };
        name + &value
    }

    fn statement(one: &Statement) -> String {
        let arguments = one.arguments.iter().map(argument).collect::<Vec<_>>().join(", ");
        let mut out = format!("{}{}({arguments})", one.name, if one.assigned { "=" } else { "" });
        if one.taken && !one.assigned {
            out += "!";
        }
        if let Some(body) = &one.body {
            out += &format!("{{{}}}", body.iter().map(statement).collect::<Vec<_>>().join(" "));
        }
        out
    }

    fn check(text: &str, expected: &str) {
        let parsed = parse(text);
        let shown = parsed.statements.iter().map(statement).collect::<Vec<_>>().join(" ");
        assert_eq!(shown, expected, "{text:?}");
        assert!(parsed.faults.is_empty(), "{text:?} {:?}", parsed.faults);
    }

    #[test]
    fn statements() {
        check("a", "a()");
        check("agent any", "agent(any)");
        check("sh 'x'\necho \"y $Z ${a.b + 1} \\$c\"", "sh('x') echo(\"y $Z ${a.b + 1} $c\"[\"Z\", \"a.b + 1\"])");
        check("stage('A') { steps { sh 'x' } }", "stage('A'){steps(){sh('x')}}");
        check("sh(script: 'x', returnStatus: true)", "sh(script: 'x', returnStatus: true)");
        check("sh script: 'x',\n  label: 'y'\nb 1", "sh(script: 'x', label: 'y') b(1)");
        check("X = credentials('id')\nY = 'v'", "credentials('id')! X=(credentials('id')) Y=('v')");
        check("def rc = sh(script: 'x')", "sh(script: 'x')! rc=(sh(script: 'x'))");
        check(
            "withCredentials([string(credentialsId: 'i', variable: 'V')]) { sh 'x' }",
            "withCredentials([string(credentialsId: 'i', variable: 'V')]){sh('x')}",
        );
        check(
            "if (sh(returnStatus: true, script: 'x')) { a 'b' } else { c 'd' }",
            "sh(returnStatus: true, script: 'x')! if(sh(returnStatus: true, script: 'x')){a('b')} else(){c('d')}",
        );
        check("'''a\n'b' '''\n// c\n/* d */ e()", "e()");
        check("sh '''\n  a\n  b'''", "sh('\n  a\n  b')");
        check("[1, 2].each { x -> sh 'y' }", "each(){sh('y')}");
        check("a = b == c ? 1 : 2; d()", "a=(b) d()");
        check("a = ~/x.*y/\nb()", "a=(~) b()");
        check("#!groovy\na()", "a()");
        check("try { sh 'a' } catch (e) { b() }", "try(){sh('a')} catch(e){b()}");
    }

    #[test]
    fn broken_text_is_said() {
        for text in ["a {", "a }", "a 'b\nc", "'''x"] {
            assert!(!parse(text).faults.is_empty(), "{text:?}");
        }
    }

    #[test]
    fn hostile_text_comes_to_an_end() {
        for text in [
            "a{".repeat(5000),
            "a(".repeat(5000),
            "[".repeat(5000),
            "x=".repeat(5000),
            "\"${".repeat(3000),
            "def ".repeat(3000),
            "(".repeat(3000),
        ] {
            parse(&text);
        }
    }

    proptest::proptest! {
        #[test]
        fn any_text_is_read(text in "[a-c(){}\\[\\],:;='\"$/*#\\\\ \n.é]{0,80}") {
            let parsed = parse(&text);
            for statement in &parsed.statements {
                proptest::prop_assert!(text.get(statement.range.clone()).is_some());
            }
        }
    }
}
