//! The expression language of ARM templates: the text between the brackets of `"[...]"` to a tree.

use std::sync::Arc;

use probity_value::{Data, Number, Span};

use crate::azure::expr::{Expr, ExprKind, MAX_DEPTH};

/// What a text of a template is.
pub(super) enum Text {
    /// Plain text; `[[` at its beginning stands for one bracket.
    Plain(Arc<str>),
    /// An expression.
    Expression(Expr),
    /// It has the brackets of an expression, but is none.
    Wrong(String),
}

/// Reads a text. All parts of an expression get the place of the whole text.
pub(super) fn read(text: &Arc<str>, span: Span) -> Text {
    if !text.starts_with('[') || !text.ends_with(']') {
        return Text::Plain(Arc::clone(text));
    }
    if let Some(rest) = text.strip_prefix("[[") {
        return Text::Plain(format!("[{rest}").into());
    }
    let inside = text.get(1..text.len() - 1).unwrap_or_default();
    let mut parser = Parser { text: inside, at: 0, depth: 0, span };
    match parser.whole() {
        Ok(expr) => Text::Expression(expr),
        Err(reason) => Text::Wrong(reason),
    }
}

struct Parser<'t> {
    text: &'t str,
    at: usize,
    depth: usize,
    span: Span,
}

impl Parser<'_> {
    fn rest(&self) -> &str {
        self.text.get(self.at..).unwrap_or_default()
    }

    fn space(&mut self) {
        let rest = self.rest();
        self.at += rest.len() - rest.trim_start().len();
    }

    /// Passes over a mark, with space before it.
    fn take(&mut self, mark: &str) -> bool {
        self.space();
        let found = self.rest().starts_with(mark);
        if found {
            self.at += mark.len();
        }
        found
    }

    fn expected(&self, wanted: &str) -> String {
        match self.rest().chars().next() {
            Some(letter) => format!("expected {wanted} in the expression, found `{}`", letter.escape_debug()),
            None => format!("expected {wanted} at the end of the expression"),
        }
    }

    fn expr(&self, kind: ExprKind) -> Expr {
        Expr::new(kind, self.span)
    }

    fn whole(&mut self) -> Result<Expr, String> {
        let expr = self.expression()?;
        self.space();
        if self.rest().is_empty() { Ok(expr) } else { Err(self.expected("its end")) }
    }

    fn expression(&mut self) -> Result<Expr, String> {
        if self.depth >= MAX_DEPTH {
            return Err(format!("the expression is nested deeper than {MAX_DEPTH} levels"));
        }
        self.depth += 1;
        let mut expr = self.primary()?;
        let mut chained = 0;
        loop {
            chained += 1;
            if chained + self.depth > MAX_DEPTH {
                return Err(format!("more than {MAX_DEPTH} steps in a row"));
            }
            let base = |expr: Expr| Box::new(expr);
            if self.take(".?") {
                let name = self.identifier().ok_or_else(|| self.expected("a name"))?;
                expr = self.expr(ExprKind::Member { base: base(expr), name, safe: true });
            } else if self.take(".") {
                let name = self.identifier().ok_or_else(|| self.expected("a name"))?;
                expr = self.expr(ExprKind::Member { base: base(expr), name, safe: false });
            } else if self.take("[") {
                let safe = self.take("?");
                let index = self.expression()?;
                if !self.take("]") {
                    return Err(self.expected("`]`"));
                }
                expr = self.expr(ExprKind::Index { base: base(expr), index: Box::new(index), safe });
            } else {
                break;
            }
        }
        self.depth -= 1;
        Ok(expr)
    }

    fn primary(&mut self) -> Result<Expr, String> {
        self.space();
        match self.rest().bytes().next() {
            Some(b'\'') => {
                let text = self.quoted()?;
                Ok(self.expr(ExprKind::Literal(Data::String(text.into()))))
            }
            Some(b'-' | b'+' | b'0'..=b'9') => self.number(),
            _ => {
                let Some(name) = self.qualified() else { return Err(self.expected("a value")) };
                if !self.take("(") {
                    let literal = match &*name.to_ascii_lowercase() {
                        "true" => Data::Bool(true),
                        "false" => Data::Bool(false),
                        "null" => Data::Null,
                        _ => return Err(format!("`{name}` is followed by no `(`")),
                    };
                    return Ok(self.expr(ExprKind::Literal(literal)));
                }
                let args = self.arguments()?;
                Ok(self.call(name, args))
            }
        }
    }

    fn call(&self, name: Arc<str>, mut args: Vec<Expr>) -> Expr {
        match &*name.to_ascii_lowercase() {
            "lambdavariables" => {
                if let [only] = args.as_slice()
                    && let Some(name) = only.as_text()
                {
                    return self.expr(ExprKind::Name(Arc::clone(name)));
                }
            }
            "lambda" => {
                if let Some(body) = args.pop() {
                    let params = args.iter().filter_map(Expr::as_text).cloned().collect();
                    return self.expr(ExprKind::Lambda { params, body: Box::new(body) });
                }
            }
            _ => {}
        }
        self.expr(ExprKind::Call { name, args })
    }

    fn arguments(&mut self) -> Result<Vec<Expr>, String> {
        let mut args = Vec::new();
        if self.take(")") {
            return Ok(args);
        }
        loop {
            args.push(self.expression()?);
            if self.take(",") {
                continue;
            }
            if self.take(")") {
                return Ok(args);
            }
            return Err(self.expected("`,` or `)`"));
        }
    }

    /// `'it''s'`.
    fn quoted(&mut self) -> Result<String, String> {
        self.at += 1;
        let mut out = String::new();
        loop {
            let rest = self.rest();
            let Some(end) = rest.find('\'') else { return Err("a text in the expression has no end".to_owned()) };
            out.push_str(rest.get(..end).unwrap_or_default());
            self.at += end + 1;
            if !self.rest().starts_with('\'') {
                return Ok(out);
            }
            out.push('\'');
            self.at += 1;
        }
    }

    fn number(&mut self) -> Result<Expr, String> {
        let rest = self.rest();
        let end =
            rest.char_indices().find(|(at, letter)| !(letter.is_ascii_digit() || *letter == '.' || (*at == 0 && "+-".contains(*letter))));
        let word = rest.get(..end.map_or(rest.len(), |(at, _)| at)).unwrap_or_default().to_owned();
        self.at += word.len();
        let number = match word.trim_start_matches('+').parse::<i64>() {
            Ok(number) => Number::Int(number),
            Err(_) => Number::from_f64(word.parse::<f64>().map_err(|_| format!("`{word}` is no number"))?),
        };
        Ok(self.expr(ExprKind::Literal(Data::Number(number))))
    }

    fn identifier(&mut self) -> Option<Arc<str>> {
        self.space();
        let rest = self.rest();
        let end = rest.find(|letter: char| !letter.is_alphanumeric() && !matches!(letter, '_' | '$' | '-')).unwrap_or(rest.len());
        let name: Arc<str> = rest.get(..end).filter(|name| !name.is_empty())?.into();
        self.at += end;
        Some(name)
    }

    /// A name with namespaces before it: `contoso.uniqueName`.
    fn qualified(&mut self) -> Option<Arc<str>> {
        let first = self.identifier()?;
        if !self.rest().starts_with('.') {
            return Some(first);
        }
        let back = self.at;
        self.at += 1;
        match self.identifier() {
            Some(second) if self.rest().trim_start().starts_with('(') => Some(format!("{first}.{second}").into()),
            _ => {
                self.at = back;
                Some(first)
            }
        }
    }
}
