//! Modules, imports and rules.

use std::sync::Arc;

use super::lexer::{Fault, Token};
use super::{Keywords, Parser, Step};
use crate::Term;
use crate::ast::{Else, Expr, ExprKind, Head, HeadKind, Import, Literal, LiteralKind, Module, Rule};

impl Parser<'_> {
    pub(super) fn module(&mut self, file: &Arc<str>) -> Step<Module> {
        if !self.at_name("package") {
            return Err(self.unexpected("`package`"));
        }
        let start = self.word.start;
        self.advance()?;
        let package = self.dotted("a package name")?;
        let package_span = self.lexer.span(start, self.last_end);
        let mut module = Module {
            file: Arc::clone(file),
            package,
            package_span,
            v1_import: None,
            imports: Vec::new(),
            rules: Vec::new(),
            comments: Vec::new(),
            v1: self.v1,
        };
        loop {
            if self.word.token == Token::End {
                break;
            }
            if self.at_name("import") && !self.heads_ref() {
                self.import(&mut module)?;
            } else {
                let rules = self.rules()?;
                module.rules.extend(rules);
            }
        }
        module.v1 = self.v1;
        module.comments = std::mem::take(&mut self.lexer.comments);
        module.comments.sort_by_key(|comment| comment.span.start);
        Ok(module)
    }

    /// `a.b["c"]`.
    fn dotted(&mut self, wanted: &str) -> Step<Vec<Arc<str>>> {
        let Token::Name(first) = self.word.token.clone() else { return Err(self.unexpected(wanted)) };
        self.advance()?;
        let mut path = vec![first];
        while self.adjacent() && (self.at(".") || self.at("[")) {
            let step = self.step()?;
            match step.kind {
                ExprKind::Scalar(Term::String(text)) => path.push(text),
                _ => return Err(self.fault_at(step.span.start as usize, "only text may stand in this reference")),
            }
        }
        Ok(path)
    }

    fn import(&mut self, module: &mut Module) -> Step<()> {
        let start = self.word.start;
        self.advance()?;
        let path = self.dotted("what is imported")?;
        let mut alias = None;
        if self.at_name("as") {
            self.advance()?;
            match self.word.token.clone() {
                Token::Name(name) if !self.is_keyword(&name) || self.v1 => {
                    alias = Some(name);
                    self.advance()?;
                }
                _ => return Err(self.unexpected("a name")),
            }
        }
        let span = self.lexer.span(start, self.last_end);
        let names: Vec<&str> = path.iter().map(|part| &**part).collect();
        match names.as_slice() {
            ["rego", "v1"] => {
                self.v1 = true;
                self.keywords = Keywords::ALL;
                module.v1_import = Some(span);
            }
            ["future", "keywords"] => self.keywords = Keywords::ALL,
            ["future", "keywords", keyword] => match *keyword {
                "in" => self.keywords.r#in = true,
                "every" => {
                    self.keywords.every = true;
                    self.keywords.r#in = true;
                }
                "if" => self.keywords.r#if = true,
                "contains" => self.keywords.contains = true,
                "not" => {}
                other => return Err(Fault::new(start, self.last_end, format!("unexpected keyword `{other}` in the import"))),
            },
            ["future", ..] => return Err(Fault::new(start, self.last_end, "invalid import, must be `future.keywords`")),
            ["rego", ..] => return Err(Fault::new(start, self.last_end, "invalid import, must be `rego.v1`")),
            ["data" | "input", ..] => {}
            _ => {
                return Err(Fault::new(start, self.last_end, "a path that is imported begins with `input`, `data`, `future` or `rego`"));
            }
        }
        module.imports.push(Import { span, path, alias });
        // The word after the import was read before its keywords were known; names stay names, so nothing is to be read again.
        if self.word.token != Token::End && !self.word.newline && !self.at(";") {
            return Err(self.unexpected("a new line after the import"));
        }
        Ok(())
    }

    fn rules(&mut self) -> Step<Vec<Rule>> {
        let start = self.word.start;
        let is_default = self.at_name("default") && !self.heads_ref();
        if is_default {
            self.advance()?;
        }
        let mut head = self.head()?;
        if is_default {
            return Ok(vec![self.default_rule(start, head)?]);
        }
        let has_if = self.at_keyword("if");
        let member = matches!(head.kind, HeadKind::Member(_));
        // `p[x]` without `if` and value is a set in v0.
        if !has_if
            && !self.v1
            && !member
            && head.args.is_none()
            && !head.explicit
            && head.path.len() == 1
            && let Some(key) = head.path.pop()
        {
            head.kind = HeadKind::Member(key);
        }
        let set = matches!(head.kind, HeadKind::Member(_));
        let mut body = None;
        if has_if {
            self.advance()?;
            body = Some(self.if_body()?);
        } else if self.at("{") {
            if self.v1 {
                return Err(Fault::new(self.word.start, self.word.end, "`if` keyword is required before rule body"));
            }
            body = Some(self.braced_body()?);
        }
        // In v0 a function or a longer reference alone holds.
        let bare = !self.v1 && (head.args.is_some() || !head.path.is_empty());
        if body.is_none() && !head.explicit && !set && !bare {
            let fault = if self.v1 && head.path.is_empty() && head.args.is_none() {
                let message = format!("`{}` needs a value or a body to be a rule", head.name);
                Fault::new(start, self.last_end, message)
            } else if head.path.is_empty() || head.args.is_some() {
                self.unexpected("a value or a body of the rule")
            } else {
                Fault::new(start, self.last_end, "`contains` keyword is required for partial set rules")
            };
            return Err(self.better(fault));
        }
        let first_body = body.is_some();
        let mut rule = Rule {
            span: self.lexer.span(start, self.last_end),
            is_default: false,
            head,
            body: body.unwrap_or_default(),
            otherwise: Vec::new(),
        };
        if first_body {
            self.else_branches(&mut rule, set)?;
        } else if self.at_name("else") && !self.heads_ref() {
            return Err(Fault::new(self.word.start, self.word.end, "unexpected `else`: the rule has no body before it"));
        }
        rule.span = self.lexer.span(start, self.last_end);
        let mut rules = vec![rule];
        // `r { .. } { .. }`: the same head again.
        while first_body && self.at("{") && !self.v1 && rules.first().is_some_and(|rule| rule.otherwise.is_empty()) {
            let start = self.word.start;
            let body = self.braced_body()?;
            let Some(first) = rules.first() else { break };
            let mut next = first.clone();
            next.body = body;
            next.span = self.lexer.span(start, self.last_end);
            rules.push(next);
        }
        Ok(rules)
    }

    fn default_rule(&mut self, start: usize, head: Head) -> Step<Rule> {
        if !head.explicit {
            return Err(self.unexpected("`=` or `:=` and the default value"));
        }
        if let HeadKind::Value(value) = &head.kind {
            if let Some(what) = not_constant(value) {
                return Err(Fault::new(
                    value.span.start as usize,
                    value.span.end as usize,
                    format!("default rule values cannot contain {what}"),
                ));
            }
        } else {
            return Err(Fault::new(start, self.last_end, "default rules may not make sets"));
        }
        for arg in head.args.iter().flatten() {
            if !matches!(arg.kind, ExprKind::Var(_)) {
                return Err(Fault::new(arg.span.start as usize, arg.span.end as usize, "arguments of default rules must be variables"));
            }
        }
        Ok(Rule { span: self.lexer.span(start, self.last_end), is_default: true, head, body: Vec::new(), otherwise: Vec::new() })
    }

    fn braced_body(&mut self) -> Step<Vec<Literal>> {
        self.expect("{")?;
        if self.at("}") {
            return Err(Fault::new(self.word.start, self.word.end, "found empty body"));
        }
        let body = self.body(Some("}"))?;
        self.expect("}")?;
        Ok(body)
    }

    /// After `if`: one line, or a body in braces.
    fn if_body(&mut self) -> Step<Vec<Literal>> {
        let single = self.attempt(|parser| {
            let start = parser.word.start;
            let literal = parser.literal()?;
            // A set alone is a body in braces.
            if matches!(&literal.kind, LiteralKind::Expr(Expr { kind: ExprKind::Set(_), .. })) {
                return Err(parser.fault_at(start, "a set is no body"));
            }
            Ok(literal)
        })?;
        match single {
            Some(literal) => Ok(vec![literal]),
            None if self.at("{") => self.braced_body().map_err(|fault| self.better(fault)),
            None => {
                let fault = self.unexpected("a body after `if`");
                Err(self.better(fault))
            }
        }
    }

    fn else_branches(&mut self, rule: &mut Rule, set: bool) -> Step<()> {
        while self.at_name("else") && !self.heads_ref() {
            let start = self.word.start;
            if set {
                return Err(Fault::new(start, self.word.end, "else keyword cannot be used on multi-value rules"));
            }
            if rule.head.path.iter().any(|step| !matches!(step.kind, ExprKind::Scalar(_))) {
                return Err(Fault::new(start, self.word.end, "else keyword cannot be used on rules with variables in head"));
            }
            self.advance()?;
            let mut explicit = false;
            let mut value = Expr { span: self.lexer.span(start, self.last_end), kind: ExprKind::Scalar(Term::Bool(true)) };
            if self.accept("=")? || self.accept(":=")? {
                value = self.infix(true)?;
                explicit = true;
            }
            let body = if self.at_keyword("if") {
                self.advance()?;
                self.if_body()?
            } else if self.at("{") {
                if self.v1 {
                    return Err(Fault::new(self.word.start, self.word.end, "`if` keyword is required before rule body"));
                }
                self.braced_body()?
            } else if explicit {
                Vec::new()
            } else {
                return Err(self.unexpected("a value or a body after `else`"));
            };
            let span = self.lexer.span(start, self.last_end);
            rule.otherwise.push(Else { span, value, body });
        }
        Ok(())
    }

    fn head(&mut self) -> Step<Head> {
        let start = self.word.start;
        let name = match self.word.token.clone() {
            Token::Name(name) if self.heads_ref() || !self.is_keyword(&name) => name,
            Token::Name(name) if matches!(&*name, "contains" | "if" | "in" | "every") => {
                let message = format!("`{name}` keyword cannot be used for rule name");
                return Err(Fault::new(self.word.start, self.word.end, message));
            }
            _ => return Err(self.unexpected("a rule")),
        };
        self.advance()?;
        let mut path = Vec::new();
        while self.adjacent() && (self.at(".") || self.at("[")) {
            path.push(self.step()?);
        }
        let mut args = None;
        if self.adjacent() && self.at("(") {
            // A function without arguments is a value.
            args = Some(self.arguments()?).filter(|args| !args.is_empty());
        }
        let span = self.lexer.span(start, self.last_end);
        let mut kind = HeadKind::Value(Expr { span, kind: ExprKind::Scalar(Term::Bool(true)) });
        let mut explicit = false;
        let mut assigned = false;
        if self.at_keyword("contains") {
            if args.is_some() {
                return Err(self.unexpected("`=`, `:=` or a body"));
            }
            self.advance()?;
            kind = HeadKind::Member(self.infix(true)?);
            explicit = true;
        } else if self.at(":=") || self.at("=") {
            assigned = self.at(":=");
            self.advance()?;
            kind = HeadKind::Value(self.infix(true)?);
            explicit = true;
        }
        Ok(Head { span: self.lexer.span(start, self.last_end), name, path, args, kind, explicit, assigned })
    }
}

/// What keeps a value from being constant.
fn not_constant(expr: &Expr) -> Option<&'static str> {
    match &expr.kind {
        ExprKind::Scalar(_) | ExprKind::ArrayOf(..) | ExprKind::SetOf(..) | ExprKind::ObjectOf(..) => None,
        ExprKind::Var(_) => Some("var"),
        ExprKind::Ref(..) => Some("ref"),
        ExprKind::Call(..) => Some("call"),
        ExprKind::Template(..) => Some("templatestring"),
        ExprKind::Array(items) | ExprKind::Set(items) => items.iter().find_map(not_constant),
        ExprKind::Object(pairs) => pairs.iter().find_map(|(key, value)| not_constant(key).or_else(|| not_constant(value))),
    }
}
