//! Modules as `rego.parse_module` gives them: the syntax tree as OPA writes it in JSON.

use std::sync::Arc;

use crate::Term;
use crate::ast::{Expr, ExprKind, Head, HeadKind, Literal, LiteralKind, Module, Rule, TemplatePart};

/// Describes a module.
pub(super) fn module(module: &Module) -> Term {
    let mut writer = Describer { wildcards: 0 };
    let mut path = vec![tagged("var", "data".into())];
    path.extend(module.package.iter().map(|part| tagged("string", Term::String(Arc::clone(part)))));
    let mut entries = vec![("package", object(vec![("path", Term::array(path))]))];
    if !module.imports.is_empty() {
        let imports = module
            .imports
            .iter()
            .map(|import| {
                let parts = import.path.iter().enumerate().map(|(at, part)| {
                    let kind = if at == 0 { "var" } else { "string" };
                    tagged(kind, Term::String(Arc::clone(part)))
                });
                let mut entries = vec![("path", tagged("ref", Term::array(parts.collect())))];
                if let Some(alias) = &import.alias {
                    entries.push(("alias", Term::String(Arc::clone(alias))));
                }
                object(entries)
            })
            .collect();
        entries.push(("imports", Term::array(imports)));
    }
    if !module.rules.is_empty() {
        entries.push(("rules", Term::array(module.rules.iter().map(|rule| writer.rule(rule)).collect())));
    }
    object(entries)
}

fn object(entries: Vec<(&'static str, Term)>) -> Term {
    Term::object(entries.into_iter().map(|(key, value)| (Term::from(key), value)).collect())
}

fn tagged(kind: &'static str, value: Term) -> Term {
    object(vec![("type", kind.into()), ("value", value)])
}

/// A reference of a dotted name: `io.jwt.decode`.
fn name(parts: &[Arc<str>]) -> Term {
    let parts = parts.iter().enumerate().map(|(at, part)| {
        let kind = if at == 0 { "var" } else { "string" };
        tagged(kind, Term::String(Arc::clone(part)))
    });
    tagged("ref", Term::array(parts.collect()))
}

/// The body of what has none: it holds.
fn holds() -> Term {
    Term::array(vec![object(vec![("index", Term::int(0)), ("terms", tagged("boolean", Term::Bool(true)))])])
}

struct Describer {
    /// Wildcards so far: each has its own name.
    wildcards: usize,
}

impl Describer {
    fn rule(&mut self, rule: &Rule) -> Term {
        let mut entries = vec![("head", self.head(&rule.head, None)), ("body", self.rule_body(&rule.body))];
        if rule.is_default {
            entries.push(("default", Term::Bool(true)));
        }
        let mut otherwise: Option<Term> = None;
        for branch in rule.otherwise.iter().rev() {
            let mut entries = vec![("head", self.head(&rule.head, Some(&branch.value))), ("body", self.rule_body(&branch.body))];
            if let Some(next) = otherwise.take() {
                entries.push(("else", next));
            }
            otherwise = Some(object(entries));
        }
        if let Some(next) = otherwise {
            entries.push(("else", next));
        }
        object(entries)
    }

    fn rule_body(&mut self, body: &[Literal]) -> Term {
        if body.is_empty() { holds() } else { self.body(body) }
    }

    /// The head of a rule; `value` is that of an else branch.
    fn head(&mut self, head: &Head, value: Option<&Expr>) -> Term {
        let mut path = vec![tagged("var", Term::String(Arc::clone(&head.name)))];
        path.extend(head.path.iter().map(|step| self.expr(step)));
        let mut entries = Vec::new();
        if head.path.is_empty() || (head.path.len() == 1 && !matches!(head.kind, HeadKind::Member(_))) {
            entries.push(("name", Term::String(Arc::clone(&head.name))));
        }
        match (head.path.as_slice(), &head.kind) {
            (_, HeadKind::Member(member)) => entries.push(("key", self.expr(member))),
            ([key], HeadKind::Value(_)) if head.args.is_none() && !matches!(key.kind, ExprKind::Scalar(_)) => {
                entries.push(("key", self.expr(key)));
            }
            _ => {}
        }
        entries.push(("ref", Term::array(path)));
        if let Some(args) = &head.args {
            entries.push(("args", Term::array(args.iter().map(|arg| self.expr(arg)).collect())));
        }
        if let HeadKind::Value(own) = &head.kind {
            entries.push(("value", self.expr(value.unwrap_or(own))));
            if head.assigned {
                entries.push(("assign", Term::Bool(true)));
            }
        }
        object(entries)
    }

    fn body(&mut self, body: &[Literal]) -> Term {
        let lines = body
            .iter()
            .enumerate()
            .map(|(at, literal)| {
                let mut entries = vec![("index", Term::from(crate::Number::from_usize(at)))];
                self.literal(literal, &mut entries);
                object(entries)
            })
            .collect();
        Term::array(lines)
    }

    fn literal(&mut self, literal: &Literal, entries: &mut Vec<(&'static str, Term)>) {
        let operator = |name: &'static str| tagged("ref", Term::array(vec![tagged("var", name.into())]));
        let terms = match &literal.kind {
            LiteralKind::Expr(expr) | LiteralKind::Not(expr) => self.terms(expr),
            LiteralKind::Assign(left, right) => Term::array(vec![operator("assign"), self.expr(left), self.expr(right)]),
            LiteralKind::Unify(left, right) | LiteralKind::NotUnify(left, right) => {
                Term::array(vec![operator("eq"), self.expr(left), self.expr(right)])
            }
            LiteralKind::Some(names) => {
                let symbols = names.iter().map(|(name, _)| tagged("var", Term::String(Arc::clone(name)))).collect();
                object(vec![("symbols", Term::array(symbols))])
            }
            LiteralKind::SomeIn { key, value, domain } => {
                let member: &[Arc<str>] = &["internal".into(), if key.is_some() { "member_3".into() } else { "member_2".into() }];
                let mut call = vec![name(member)];
                for part in key.iter().chain([value, domain]) {
                    call.push(self.expr(part));
                }
                object(vec![("symbols", Term::array(vec![tagged("call", Term::array(call))]))])
            }
            LiteralKind::Every { key, value, domain, body } => {
                let key = key.as_ref().map_or(Term::Null, |key| self.expr(key));
                object(vec![("key", key), ("value", self.expr(value)), ("domain", self.expr(domain)), ("body", self.body(body))])
            }
        };
        entries.push(("terms", terms));
        if matches!(literal.kind, LiteralKind::Not(_) | LiteralKind::NotUnify(..)) {
            entries.push(("negated", Term::Bool(true)));
        }
        if !literal.with.is_empty() {
            let with = literal
                .with
                .iter()
                .map(|with| {
                    let target = match &with.target.kind {
                        ExprKind::Var(root) if matches!(&**root, "input" | "data") => name(&[Arc::clone(root)]),
                        _ => self.expr(&with.target),
                    };
                    object(vec![("target", target), ("value", self.expr(&with.value))])
                })
                .collect();
            entries.push(("with", Term::array(with)));
        }
    }

    /// The terms of a line: those of a call, or one term.
    fn terms(&mut self, expr: &Expr) -> Term {
        match &expr.kind {
            ExprKind::Call(callee, args) => {
                let mut call = vec![name(&callee.name)];
                call.extend(args.iter().map(|arg| self.expr(arg)));
                Term::array(call)
            }
            _ => self.expr(expr),
        }
    }

    fn expr(&mut self, expr: &Expr) -> Term {
        let mut all = |items: &[Expr]| Term::array(items.iter().map(|item| self.expr(item)).collect());
        match &expr.kind {
            ExprKind::Scalar(Term::Null) => tagged("null", Term::empty_object()),
            ExprKind::Scalar(term) => tagged(term.kind().name(), term.clone()),
            ExprKind::Var(name) if &**name == "_" => {
                let text = format!("${}", self.wildcards);
                self.wildcards += 1;
                tagged("var", text.into())
            }
            ExprKind::Var(root) if matches!(&**root, "input" | "data") => name(&[Arc::clone(root)]),
            ExprKind::Var(name) => tagged("var", Term::String(Arc::clone(name))),
            ExprKind::Ref(head, path) => {
                let mut parts = vec![match &head.kind {
                    ExprKind::Var(name) if &**name != "_" => tagged("var", Term::String(Arc::clone(name))),
                    _ => self.expr(head),
                }];
                parts.extend(path.iter().map(|step| self.expr(step)));
                tagged("ref", Term::array(parts))
            }
            ExprKind::Call(..) => tagged("call", self.terms(expr)),
            ExprKind::Array(items) => tagged("array", all(items)),
            ExprKind::Set(items) => tagged("set", all(items)),
            ExprKind::Object(pairs) => {
                let pairs = pairs.iter().map(|(key, value)| Term::array(vec![self.expr(key), self.expr(value)])).collect();
                tagged("object", Term::array(pairs))
            }
            ExprKind::ArrayOf(term, body) => {
                let term = self.expr(term);
                tagged("arraycomprehension", object(vec![("term", term), ("body", self.body(body))]))
            }
            ExprKind::SetOf(term, body) => {
                let term = self.expr(term);
                tagged("setcomprehension", object(vec![("term", term), ("body", self.body(body))]))
            }
            ExprKind::ObjectOf(key, value, body) => {
                let (key, value) = (self.expr(key), self.expr(value));
                tagged("objectcomprehension", object(vec![("key", key), ("value", value), ("body", self.body(body))]))
            }
            ExprKind::Template(parts, raw) => {
                let parts = parts
                    .iter()
                    .map(|part| match part {
                        TemplatePart::Text(text) => tagged("string", Term::String(Arc::clone(text))),
                        TemplatePart::Value(literal) => {
                            let mut entries = vec![("index", Term::int(0))];
                            self.literal(literal, &mut entries);
                            object(entries)
                        }
                    })
                    .collect();
                tagged("templatestring", object(vec![("multi_line", Term::Bool(*raw)), ("parts", Term::array(parts))]))
            }
        }
    }
}
