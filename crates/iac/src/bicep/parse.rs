//! Bicep tokens to declarations. What is wrong is said and passed over up to the next declaration.

use std::sync::Arc;

use probity_value::{Data, FileId, Number, Span};

use super::lex::{Token, TokenKind, lex};
use crate::azure::expr::{Binary, Expr, ExprKind, Item, Key, MAX_DEPTH, Piece, Property, Repeat, Unary};

/// What one file declares.
#[derive(Debug, Default)]
pub(super) struct Document {
    pub(super) params: Vec<Param>,
    pub(super) variables: Vec<Named>,
    pub(super) outputs: Vec<Named>,
    pub(super) resources: Vec<Resource>,
    pub(super) modules: Vec<Module>,
    pub(super) functions: Vec<Function>,
    /// `using './main.bicep'` of a file with parameters.
    pub(super) using: Option<Arc<str>>,
    /// Names taken from other files.
    pub(super) imports: Vec<Import>,
    /// Extensions and the like, which are not followed.
    pub(super) extensions: Vec<Span>,
    pub(super) comments: Vec<Span>,
    pub(super) problems: Vec<(Span, String)>,
}

/// A parameter; in a file with parameters, the value of one.
#[derive(Debug)]
pub(super) struct Param {
    pub(super) name: Arc<str>,
    pub(super) name_span: Span,
    pub(super) span: Span,
    pub(super) default: Option<Expr>,
    pub(super) secure: bool,
    pub(super) object: bool,
    pub(super) nullable: bool,
}

/// A name with a value: a variable or an output.
#[derive(Debug)]
pub(super) struct Named {
    pub(super) name: Arc<str>,
    pub(super) name_span: Span,
    pub(super) value: Expr,
}

/// A function of the file.
#[derive(Debug)]
pub(super) struct Function {
    pub(super) name: Arc<str>,
    pub(super) params: Vec<Arc<str>>,
    pub(super) body: Expr,
}

/// Names taken from another file.
#[derive(Debug)]
pub(super) struct Import {
    pub(super) path: Arc<str>,
    pub(super) path_span: Span,
    /// Each with what it is called here: `import { a as b }`.
    pub(super) names: Vec<(Arc<str>, Arc<str>)>,
    /// `import * as shared`.
    pub(super) namespace: Option<Arc<str>>,
}

/// What resources and modules have alike.
#[derive(Debug)]
pub(super) struct Block {
    pub(super) symbol: Arc<str>,
    pub(super) symbol_span: Span,
    /// Type or path, as written.
    pub(super) target: Arc<str>,
    pub(super) target_span: Span,
    pub(super) span: Span,
    /// The loop around it; its body is not used.
    pub(super) repeat: Option<Box<Repeat>>,
    pub(super) condition: Option<Expr>,
    pub(super) body: Expr,
}

/// A resource with those inside of it.
#[derive(Debug)]
pub(super) struct Resource {
    pub(super) block: Block,
    pub(super) existing: bool,
    pub(super) nested: Vec<Resource>,
}

/// A module.
#[derive(Debug)]
pub(super) struct Module {
    pub(super) block: Block,
}

const KEYWORDS: &[&str] = &[
    "assert",
    "extends",
    "extension",
    "func",
    "import",
    "metadata",
    "module",
    "output",
    "param",
    "provider",
    "resource",
    "targetScope",
    "type",
    "using",
    "var",
];

/// Reads a file.
pub(super) fn parse(text: &str, file: FileId) -> Document {
    let (tokens, comments) = lex(text, file);
    let mut parser = Parser { tokens, at: 0, depth: 0, text, document: Document { comments, ..Document::default() }, nested: Vec::new() };
    parser.file();
    parser.document
}

type Step<T> = Result<T, (Span, String)>;

struct Parser<'t> {
    tokens: Vec<Token>,
    at: usize,
    depth: usize,
    text: &'t str,
    document: Document,
    /// Resources met inside of the object that is being read, one list for each level.
    nested: Vec<Vec<Resource>>,
}

impl Parser<'_> {
    fn token(&self, ahead: usize) -> &Token {
        // There is always the end.
        const END: &Token = &Token { kind: TokenKind::End, span: Span::NONE, newline: true };
        self.tokens.get(self.at + ahead).or(self.tokens.last()).unwrap_or(END)
    }

    fn kind(&self) -> &TokenKind {
        &self.token(0).kind
    }

    fn next(&mut self) -> Token {
        let token = self.token(0).clone();
        if self.at < self.tokens.len() {
            self.at += 1;
        }
        token
    }

    fn is(&self, mark: &str) -> bool {
        matches!(self.kind(), TokenKind::Mark(own) if *own == mark)
    }

    fn is_ahead(&self, ahead: usize, mark: &str) -> bool {
        matches!(&self.token(ahead).kind, TokenKind::Mark(own) if *own == mark)
    }

    fn take(&mut self, mark: &str) -> bool {
        let found = self.is(mark);
        if found {
            self.at += 1;
        }
        found
    }

    fn word(&self, word: &str) -> bool {
        matches!(self.kind(), TokenKind::Name(name) if **name == *word)
    }

    fn take_word(&mut self, word: &str) -> bool {
        let found = self.word(word);
        if found {
            self.at += 1;
        }
        found
    }

    fn expected(&self, wanted: &str) -> (Span, String) {
        let token = self.token(0);
        let found = match &token.kind {
            TokenKind::Wrong(what) => return (token.span, (*what).to_owned()),
            TokenKind::End => "the end of the file".to_owned(),
            _ => {
                let text = self.text.get(token.span.start as usize..token.span.end as usize).unwrap_or_default();
                format!("`{}`", text.chars().take(40).collect::<String>().escape_debug())
            }
        };
        (token.span, format!("expected {wanted}, found {found}"))
    }

    fn expect(&mut self, mark: &'static str) -> Step<()> {
        if self.take(mark) { Ok(()) } else { Err(self.expected(&format!("`{mark}`"))) }
    }

    fn name(&mut self) -> Step<(Arc<str>, Span)> {
        match self.kind() {
            TokenKind::Name(name) => {
                let found = (Arc::clone(name), self.token(0).span);
                self.at += 1;
                Ok(found)
            }
            _ => Err(self.expected("a name")),
        }
    }

    fn text_literal(&mut self) -> Step<(Arc<str>, Span)> {
        match self.kind() {
            TokenKind::Text(text) => {
                let found = (Arc::clone(text), self.token(0).span);
                self.at += 1;
                Ok(found)
            }
            _ => Err(self.expected("a text in quotes")),
        }
    }

    fn before(&self) -> Span {
        self.at.checked_sub(1).and_then(|at| self.tokens.get(at)).map_or(Span::NONE, |token| token.span)
    }

    fn file(&mut self) {
        while *self.kind() != TokenKind::End {
            let start = self.at;
            self.depth = 0;
            self.nested.clear();
            if let Err(problem) = self.declaration() {
                if self.document.problems.len() < 100 {
                    self.document.problems.push(problem);
                }
                self.recover(start);
            }
        }
    }

    /// Goes on at the next line that begins, without indent, with the word of a declaration.
    fn recover(&mut self, start: usize) {
        self.at = self.at.max(start + 1).min(self.tokens.len());
        while let Some(token) = self.tokens.get(self.at) {
            let first = token.span.start == 0
                || self.text.as_bytes().get(token.span.start as usize - 1).is_some_and(|byte| matches!(byte, b'\n' | b'\r'));
            let begins = match &token.kind {
                TokenKind::Name(name) => KEYWORDS.contains(&&**name),
                TokenKind::Mark("@") | TokenKind::End => true,
                _ => false,
            };
            if (first && token.newline && begins) || token.kind == TokenKind::End {
                return;
            }
            self.at += 1;
        }
    }

    /// `@secure()` and its like, before a declaration: whether one makes it a secret.
    fn decorators(&mut self) -> Step<bool> {
        let mut secure = false;
        while self.take("@") {
            let expr = self.expression()?;
            let called = match &expr.kind {
                ExprKind::Call { name, .. } | ExprKind::Method { name, .. } => name,
                _ => continue,
            };
            secure |= called.eq_ignore_ascii_case("secure");
        }
        Ok(secure)
    }

    fn declaration(&mut self) -> Step<()> {
        let secure = self.decorators()?;
        let start = self.token(0).span;
        let Ok((word, _)) = self.name() else { return Err(self.expected("a declaration")) };
        match &*word {
            "param" => {
                let (name, name_span) = self.name()?;
                let (object, nullable) = self.skip_type();
                let default = if self.take("=") { Some(self.expression()?) } else { None };
                let span = start.join(self.before());
                self.document.params.push(Param { name, name_span, span, default, secure, object, nullable });
            }
            "var" => {
                let (name, name_span) = self.name()?;
                self.skip_type();
                self.expect("=")?;
                let value = self.expression()?;
                self.document.variables.push(Named { name, name_span, value });
            }
            "output" => {
                let (name, name_span) = self.name()?;
                self.skip_type();
                self.expect("=")?;
                let value = self.expression()?;
                self.document.outputs.push(Named { name, name_span, value });
            }
            "resource" => {
                let resource = self.resource(start)?;
                self.document.resources.push(resource);
            }
            "module" => {
                let (block, _, _) = self.block(start)?;
                self.document.modules.push(Module { block });
            }
            "func" => {
                let (name, _) = self.name()?;
                self.expect("(")?;
                let mut params = Vec::new();
                while !self.is(")") {
                    params.push(self.name()?.0);
                    self.skip_to(&[",", ")"]);
                    self.take(",");
                    if *self.kind() == TokenKind::End {
                        return Err(self.expected("`)`"));
                    }
                }
                self.expect(")")?;
                self.skip_to(&["=>"]);
                self.expect("=>")?;
                let body = self.expression()?;
                self.document.functions.push(Function { name, params, body });
            }
            "targetScope" => {
                self.expect("=")?;
                self.expression()?;
            }
            "metadata" => {
                self.name()?;
                self.expect("=")?;
                self.expression()?;
            }
            "type" => {
                self.name()?;
                self.expect("=")?;
                self.skip_type();
            }
            "using" => {
                if let TokenKind::Text(path) = self.kind() {
                    self.document.using = Some(Arc::clone(path));
                    self.at += 1;
                }
                self.skip_line();
            }
            "import" if self.is("{") || self.is("*") => {
                let import = self.import()?;
                self.document.imports.push(import);
            }
            "import" | "provider" | "extension" | "extends" => {
                self.skip_line();
                self.document.extensions.push(start.join(self.before()));
            }
            "assert" => {
                self.name()?;
                self.expect("=")?;
                self.expression()?;
            }
            _ => {
                self.at -= 1;
                return Err(self.expected("a declaration"));
            }
        }
        if self.token(0).newline || *self.kind() == TokenKind::End { Ok(()) } else { Err(self.expected("the end of the line")) }
    }

    /// `{ a, b as c } from './x.bicep'`, `* as shared from './x.bicep'`.
    fn import(&mut self) -> Step<Import> {
        let (mut names, mut namespace) = (Vec::new(), None);
        if self.take("*") {
            if !self.take_word("as") {
                return Err(self.expected("`as`"));
            }
            namespace = Some(self.name()?.0);
        } else {
            self.expect("{")?;
            while !self.take("}") {
                let name = match self.kind() {
                    TokenKind::Text(_) => self.text_literal()?.0,
                    _ => self.name()?.0,
                };
                let called = if self.take_word("as") { self.name()?.0 } else { Arc::clone(&name) };
                names.push((name, called));
                if !self.take(",") && !self.is("}") && !self.token(0).newline {
                    return Err(self.expected("`,` or `}`"));
                }
            }
        }
        if !self.take_word("from") {
            return Err(self.expected("`from`"));
        }
        let (path, path_span) = self.text_literal()?;
        Ok(Import { path, path_span, names, namespace })
    }

    /// Passes over a type; whether it is that of objects, and whether it may be null.
    fn skip_type(&mut self) -> (bool, bool) {
        let (mut depth, mut first, mut object, mut after_bar) = (0_usize, true, false, false);
        loop {
            let token = self.token(0);
            let bar = matches!(token.kind, TokenKind::Mark("|"));
            if depth == 0 && ((token.newline && !first && !bar && !after_bar) || matches!(token.kind, TokenKind::Mark("="))) {
                break;
            }
            match &token.kind {
                TokenKind::End => break,
                TokenKind::Mark("{" | "[" | "(" | "[?") => depth += 1,
                TokenKind::Mark("}" | "]" | ")") => match depth.checked_sub(1) {
                    Some(less) => depth = less,
                    None => break,
                },
                TokenKind::Name(name) if first => object = &**name == "object",
                _ => {}
            }
            object |= first && matches!(token.kind, TokenKind::Mark("{"));
            // A type may begin on the line of its name only.
            if first && token.newline && !matches!(token.kind, TokenKind::Mark("{" | "(" | "|")) {
                break;
            }
            first = false;
            after_bar = bar;
            self.at += 1;
        }
        let nullable =
            !first && self.at.checked_sub(1).and_then(|at| self.tokens.get(at)).is_some_and(|token| token.kind == TokenKind::Mark("?"));
        (object, nullable)
    }

    /// Passes over tokens up to one of these marks outside of brackets.
    fn skip_to(&mut self, marks: &[&str]) {
        let mut depth = 0_usize;
        loop {
            match self.kind() {
                TokenKind::End => return,
                TokenKind::Mark(mark) if depth == 0 && marks.contains(mark) => return,
                TokenKind::Mark("{" | "[" | "(" | "[?") => depth += 1,
                TokenKind::Mark("}" | "]" | ")") => depth = depth.saturating_sub(1),
                _ => {}
            }
            self.at += 1;
        }
    }

    /// Passes over the rest of a line, with brackets that go on over more.
    fn skip_line(&mut self) {
        let mut depth = 0_usize;
        loop {
            let token = self.token(0);
            if token.kind == TokenKind::End || (depth == 0 && token.newline) {
                return;
            }
            match &token.kind {
                TokenKind::Mark("{" | "[" | "(") => depth += 1,
                TokenKind::Mark("}" | "]" | ")") => depth = depth.saturating_sub(1),
                _ => {}
            }
            self.at += 1;
        }
    }

    fn resource(&mut self, start: Span) -> Step<Resource> {
        let (block, existing, nested) = self.block(start)?;
        Ok(Resource { block, existing, nested })
    }

    /// `symbol 'target' existing = if (condition) { ... }` and the loops of it, behind its word.
    fn block(&mut self, start: Span) -> Step<(Block, bool, Vec<Resource>)> {
        let (symbol, symbol_span) = self.name()?;
        let (target, target_span) = self.text_literal()?;
        let existing = self.take_word("existing");
        self.expect("=")?;
        self.nested.push(Vec::new());
        let (mut repeat, mut condition) = (None, None);
        let looped = self.take("[");
        if looped {
            repeat = Some(Box::new(self.for_head()?));
        }
        if self.take_word("if") {
            condition = Some(self.expression()?);
        }
        if !self.is("{") {
            return Err(self.expected("`{`"));
        }
        let body = self.expression()?;
        if looped {
            self.expect("]")?;
        }
        let nested = self.nested.pop().unwrap_or_default();
        let span = start.join(self.before());
        Ok((Block { symbol, symbol_span, target, target_span, span, repeat, condition, body }, existing, nested))
    }

    /// `for item in list:`, `for (item, index) in list:`.
    fn for_head(&mut self) -> Step<Repeat> {
        if !self.take_word("for") {
            return Err(self.expected("`for`"));
        }
        let (item, index) = if self.take("(") {
            let (item, _) = self.name()?;
            self.expect(",")?;
            let (index, _) = self.name()?;
            self.expect(")")?;
            (item, Some(index))
        } else {
            (self.name()?.0, None)
        };
        if !self.take_word("in") {
            return Err(self.expected("`in`"));
        }
        let collection = self.expression()?;
        self.expect(":")?;
        let body = Expr::new(ExprKind::Literal(Data::Null), collection.span);
        Ok(Repeat { item, index, collection, filter: None, body })
    }

    fn expression(&mut self) -> Step<Expr> {
        if self.depth >= MAX_DEPTH {
            return Err((self.token(0).span, format!("expressions are nested deeper than {MAX_DEPTH} levels")));
        }
        self.depth += 1;
        let condition = self.operators(0)?;
        let expr = if self.take("?") {
            let yes = self.expression()?;
            self.expect(":")?;
            let no = self.expression()?;
            let span = condition.span.join(no.span);
            Expr::new(ExprKind::Choice { condition: Box::new(condition), yes: Box::new(yes), no: Box::new(no) }, span)
        } else {
            condition
        };
        self.depth -= 1;
        Ok(expr)
    }

    /// The operator here, and how strongly it binds.
    fn operator(&self) -> Option<(Binary, u8)> {
        let token = self.token(0);
        let TokenKind::Mark(mark) = token.kind else { return None };
        Some(match mark {
            "??" => (Binary::Coalesce, 1),
            "||" => (Binary::Or, 2),
            "&&" => (Binary::And, 3),
            "==" => (Binary::Equal, 4),
            "!=" => (Binary::NotEqual, 4),
            "=~" => (Binary::Like, 4),
            "!~" => (Binary::NotLike, 4),
            "<" => (Binary::Less, 5),
            "<=" => (Binary::LessEqual, 5),
            ">" => (Binary::Greater, 5),
            ">=" => (Binary::GreaterEqual, 5),
            "+" => (Binary::Add, 6),
            // On a line of its own it begins the next item of a list.
            "-" if !token.newline => (Binary::Subtract, 6),
            "*" => (Binary::Multiply, 7),
            "/" => (Binary::Divide, 7),
            "%" => (Binary::Remainder, 7),
            _ => return None,
        })
    }

    fn operators(&mut self, least: u8) -> Step<Expr> {
        let mut left = self.unary()?;
        let mut chained = 0;
        while let Some((operator, strength)) = self.operator().filter(|(_, strength)| *strength > least) {
            chained += 1;
            if chained + self.depth > MAX_DEPTH {
                return Err((self.token(0).span, format!("more than {MAX_DEPTH} operators in a row")));
            }
            self.at += 1;
            let right = self.operators(strength)?;
            let span = left.span.join(right.span);
            left = Expr::new(ExprKind::Binary { operator, left: Box::new(left), right: Box::new(right) }, span);
        }
        Ok(left)
    }

    fn unary(&mut self) -> Step<Expr> {
        let start = self.token(0).span;
        let operator = if self.is("!") {
            Unary::Not
        } else if self.is("-") {
            Unary::Minus
        } else {
            return self.postfix();
        };
        if self.depth >= MAX_DEPTH {
            return Err((start, format!("expressions are nested deeper than {MAX_DEPTH} levels")));
        }
        self.depth += 1;
        self.at += 1;
        let value = self.unary()?;
        self.depth -= 1;
        let span = start.join(value.span);
        Ok(Expr::new(ExprKind::Unary { operator, value: Box::new(value) }, span))
    }

    fn postfix(&mut self) -> Step<Expr> {
        let mut expr = self.primary()?;
        let mut chained = 0;
        loop {
            if self.token(0).newline {
                return Ok(expr);
            }
            chained += 1;
            if chained + self.depth > MAX_DEPTH {
                return Err((self.token(0).span, format!("more than {MAX_DEPTH} steps in a row")));
            }
            let safe = self.is(".?") || self.is("[?");
            let start = expr.span;
            if self.take(".") || self.take(".?") {
                let (name, _) = self.name()?;
                if self.is("(") && !self.token(0).newline {
                    let args = self.arguments()?;
                    expr = Expr::new(ExprKind::Method { base: Box::new(expr), name, args }, start.join(self.before()));
                } else {
                    expr = Expr::new(ExprKind::Member { base: Box::new(expr), name, safe }, start.join(self.before()));
                }
            } else if self.take("[") || self.take("[?") {
                let index = self.expression()?;
                self.expect("]")?;
                expr = Expr::new(ExprKind::Index { base: Box::new(expr), index: Box::new(index), safe }, start.join(self.before()));
            } else if self.take("::") {
                let (name, _) = self.name()?;
                expr = Expr::new(ExprKind::Nested { base: Box::new(expr), name }, start.join(self.before()));
            } else if self.take("!") {
                expr = Expr::new(ExprKind::Same(Box::new(expr)), start.join(self.before()));
            } else {
                return Ok(expr);
            }
        }
    }

    fn arguments(&mut self) -> Step<Vec<Expr>> {
        self.expect("(")?;
        let mut args = Vec::new();
        while !self.take(")") {
            args.push(self.expression()?);
            if !self.take(",") && !self.is(")") {
                return Err(self.expected("`,` or `)`"));
            }
        }
        Ok(args)
    }

    fn primary(&mut self) -> Step<Expr> {
        let start = self.token(0).span;
        match self.kind().clone() {
            TokenKind::Number(number) => {
                self.at += 1;
                Ok(Expr::new(ExprKind::Literal(Data::Number(Number::Int(number))), start))
            }
            TokenKind::Text(text) => {
                self.at += 1;
                Ok(Expr::new(ExprKind::Literal(Data::String(text)), start))
            }
            TokenKind::TextStart(text) => self.text(text, start),
            TokenKind::Mark("{") => self.object(),
            TokenKind::Mark("[") => self.array(),
            TokenKind::Mark("(") => {
                if let Some(lambda) = self.lambda()? {
                    return Ok(lambda);
                }
                self.at += 1;
                let inner = self.expression()?;
                self.expect(")")?;
                Ok(Expr::new(ExprKind::Same(Box::new(inner)), start.join(self.before())))
            }
            TokenKind::Name(name) => {
                self.at += 1;
                if self.take("=>") {
                    let body = self.expression()?;
                    let span = start.join(body.span);
                    return Ok(Expr::new(ExprKind::Lambda { params: vec![name], body: Box::new(body) }, span));
                }
                if self.is("(") && !self.token(0).newline {
                    let args = self.arguments()?;
                    return Ok(Expr::new(ExprKind::Call { name, args }, start.join(self.before())));
                }
                let kind = match &*name {
                    "true" => ExprKind::Literal(Data::Bool(true)),
                    "false" => ExprKind::Literal(Data::Bool(false)),
                    "null" => ExprKind::Literal(Data::Null),
                    _ => ExprKind::Name(name),
                };
                Ok(Expr::new(kind, start))
            }
            _ => Err(self.expected("a value")),
        }
    }

    /// `(a, b) => body`, where it is one.
    fn lambda(&mut self) -> Step<Option<Expr>> {
        let start = self.token(0).span;
        let (mut ahead, mut params) = (1, Vec::new());
        loop {
            match &self.token(ahead).kind {
                TokenKind::Name(name) => params.push(Arc::clone(name)),
                TokenKind::Mark(")") if params.is_empty() => {
                    ahead += 1;
                    break;
                }
                _ => return Ok(None),
            }
            ahead += 2;
            if self.is_ahead(ahead - 1, ")") {
                break;
            }
            if !self.is_ahead(ahead - 1, ",") {
                return Ok(None);
            }
        }
        if !self.is_ahead(ahead, "=>") {
            return Ok(None);
        }
        self.at += ahead + 1;
        let body = self.expression()?;
        let span = start.join(body.span);
        Ok(Some(Expr::new(ExprKind::Lambda { params, body: Box::new(body) }, span)))
    }

    /// Text with expressions in it.
    fn text(&mut self, first: Arc<str>, start: Span) -> Step<Expr> {
        self.at += 1;
        let mut pieces = vec![Piece::Text(first)];
        loop {
            pieces.push(Piece::Expr(self.expression()?));
            match self.kind().clone() {
                TokenKind::TextMiddle(text) => pieces.push(Piece::Text(text)),
                TokenKind::TextEnd(text) => {
                    pieces.push(Piece::Text(text));
                    self.at += 1;
                    return Ok(Expr::new(ExprKind::Text(pieces), start.join(self.before())));
                }
                _ => return Err(self.expected("`}`")),
            }
            self.at += 1;
        }
    }

    fn array(&mut self) -> Step<Expr> {
        let start = self.next().span;
        if self.word("for") {
            let mut repeat = self.for_head()?;
            if self.word("if") && self.is_ahead(1, "(") {
                self.at += 1;
                repeat.filter = Some(self.expression()?);
            }
            repeat.body = self.expression()?;
            self.expect("]")?;
            return Ok(Expr::new(ExprKind::Repeat(Box::new(repeat)), start.join(self.before())));
        }
        let mut items = Vec::new();
        while !self.take("]") {
            let spread = self.take("...");
            let value = self.expression()?;
            items.push(Item { value, spread });
            if !self.take(",") && !self.is("]") && !self.token(0).newline {
                return Err(self.expected("`]` or the next line"));
            }
        }
        Ok(Expr::new(ExprKind::Array(items), start.join(self.before())))
    }

    fn object(&mut self) -> Step<Expr> {
        let start = self.next().span;
        let outermost = self.depth;
        let mut properties = Vec::new();
        while !self.take("}") {
            let key_span = self.token(0).span;
            let key = match self.kind().clone() {
                TokenKind::Mark("@") => {
                    self.decorators()?;
                    continue;
                }
                TokenKind::Name(word)
                    if &*word == "resource" && matches!(self.token(1).kind, TokenKind::Name(_)) && !self.nested.is_empty() =>
                {
                    self.at += 1;
                    let resource = self.resource(key_span)?;
                    if let Some(list) = self.nested.last_mut() {
                        list.push(resource);
                    }
                    self.depth = outermost;
                    continue;
                }
                TokenKind::Name(name) => {
                    self.at += 1;
                    Key::Name(name)
                }
                TokenKind::Text(text) => {
                    self.at += 1;
                    Key::Name(text)
                }
                TokenKind::TextStart(text) => Key::Text(self.text(text, key_span)?),
                TokenKind::Mark("...") => {
                    self.at += 1;
                    Key::Spread
                }
                _ => return Err(self.expected("a key or `}`")),
            };
            let key_span = key_span.join(self.before());
            if !matches!(key, Key::Spread) {
                self.expect(":")?;
            }
            let value = self.expression()?;
            properties.push(Property { key, key_span, value });
            if !self.take(",") && !self.is("}") && !self.token(0).newline {
                return Err(self.expected("`}` or the next line"));
            }
        }
        Ok(Expr::new(ExprKind::Object(properties), start.join(self.before())))
    }
}
