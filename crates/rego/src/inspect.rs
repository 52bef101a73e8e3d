//! What a module says of itself, for those who allow a module only a part of the language: its package, its imports, what of `data` it
//! reads, and the heads of its rules.

use std::sync::Arc;

use probity_core::Diagnostic;
use probity_value::{FileId, Span};

use crate::ast::{Expr, ExprKind, HeadKind, Literal, LiteralKind, Rule, TemplatePart};
use crate::{Term, Version};

/// What a module says of itself.
#[derive(Clone, Debug)]
pub struct ModuleInfo {
    /// The package, without `data`.
    pub package: Vec<Arc<str>>,
    /// Where it is named.
    pub package_at: Span,
    /// Whole paths of imports (`data`, `lib`, `x`), and where they stand.
    pub imports: Vec<(Vec<Arc<str>>, Span)>,
    /// References to `data`: their constant beginnings without `data`, and where they stand.
    pub data: Vec<(Vec<Arc<str>>, Span)>,
    /// Heads of rules, in order.
    pub heads: Vec<HeadInfo>,
}

/// The head of a rule.
#[derive(Clone, Debug)]
pub struct HeadInfo {
    /// The first name.
    pub name: Arc<str>,
    /// Where it stands.
    pub at: Span,
    /// Whether it is a function.
    pub function: bool,
    /// For a rule that makes a set: what can be said of the members without evaluating.
    pub member: Option<Shape>,
}

/// What can be said of a value without evaluating.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Shape {
    /// An object with these keys and no others.
    Keys(Vec<Arc<str>>),
    /// No object.
    NoObject,
    /// Nothing.
    Any,
}

/// Reads a module.
///
/// # Errors
/// What is wrong with its syntax.
pub fn inspect(file: &Arc<str>, text: &str, id: FileId, version: Version) -> Result<ModuleInfo, Diagnostic> {
    let module = crate::parse::module(file, text, id, version)?;
    let mut info = ModuleInfo {
        package: module.package,
        package_at: module.package_span,
        imports: module.imports.into_iter().map(|import| (import.path, import.span)).collect(),
        data: Vec::new(),
        heads: Vec::new(),
    };
    for rule in &module.rules {
        info.heads.push(HeadInfo {
            name: Arc::clone(&rule.head.name),
            at: rule.head.span,
            function: rule.head.args.is_some(),
            member: match &rule.head.kind {
                HeadKind::Member(value) => Some(shape(value)),
                HeadKind::Value(_) => None,
            },
        });
        Walk { data: &mut info.data }.rule(rule);
    }
    info.imports.extend(module.v1_import.map(|at| (vec!["rego".into(), "v1".into()], at)));
    Ok(info)
}

fn shape(value: &Expr) -> Shape {
    match &value.kind {
        ExprKind::Object(entries) => {
            let key = |key: &Expr| match &key.kind {
                ExprKind::Scalar(Term::String(text)) => Some(Arc::clone(text)),
                _ => None,
            };
            entries.iter().map(|(name, _)| key(name)).collect::<Option<Vec<_>>>().map_or(Shape::Any, Shape::Keys)
        }
        ExprKind::Scalar(_)
        | ExprKind::Array(_)
        | ExprKind::Set(_)
        | ExprKind::ArrayOf(..)
        | ExprKind::SetOf(..)
        | ExprKind::Template(..) => Shape::NoObject,
        _ => Shape::Any,
    }
}

struct Walk<'a> {
    data: &'a mut Vec<(Vec<Arc<str>>, Span)>,
}

impl Walk<'_> {
    fn rule(&mut self, rule: &Rule) {
        let head = &rule.head;
        head.path.iter().chain(head.args.iter().flatten()).for_each(|part| self.expr(part));
        match &head.kind {
            HeadKind::Value(value) | HeadKind::Member(value) => self.expr(value),
        }
        self.body(&rule.body);
        for branch in &rule.otherwise {
            self.expr(&branch.value);
            self.body(&branch.body);
        }
    }

    fn body(&mut self, body: &[Literal]) {
        body.iter().for_each(|literal| self.literal(literal));
    }

    fn literal(&mut self, literal: &Literal) {
        match &literal.kind {
            LiteralKind::Expr(expr) | LiteralKind::Not(expr) => self.expr(expr),
            LiteralKind::NotUnify(left, right) | LiteralKind::Assign(left, right) | LiteralKind::Unify(left, right) => {
                self.expr(left);
                self.expr(right);
            }
            LiteralKind::Some(_) => {}
            LiteralKind::SomeIn { key, value, domain } => {
                key.iter().chain([value, domain]).for_each(|part| self.expr(part));
            }
            LiteralKind::Every { key, value, domain, body } => {
                key.iter().chain([value, domain]).for_each(|part| self.expr(part));
                self.body(body);
            }
        }
        for with in &literal.with {
            self.expr(&with.target);
            self.expr(&with.value);
        }
    }

    fn expr(&mut self, expr: &Expr) {
        match &expr.kind {
            ExprKind::Scalar(_) => {}
            ExprKind::Var(name) => {
                if **name == *"data" {
                    self.data.push((Vec::new(), expr.span));
                }
            }
            ExprKind::Ref(head, path) => {
                if matches!(&head.kind, ExprKind::Var(name) if **name == *"data") {
                    self.data.push((path.iter().map_while(constant).collect(), expr.span));
                } else {
                    self.expr(head);
                }
                path.iter().for_each(|part| self.expr(part));
            }
            ExprKind::Call(callee, arguments) => {
                if let Some((first, rest)) = callee.name.split_first()
                    && **first == *"data"
                {
                    self.data.push((rest.to_vec(), callee.span));
                }
                arguments.iter().for_each(|argument| self.expr(argument));
            }
            ExprKind::Array(items) | ExprKind::Set(items) => items.iter().for_each(|item| self.expr(item)),
            ExprKind::Object(entries) => entries.iter().for_each(|(key, value)| {
                self.expr(key);
                self.expr(value);
            }),
            ExprKind::ArrayOf(item, body) | ExprKind::SetOf(item, body) => {
                self.expr(item);
                self.body(body);
            }
            ExprKind::ObjectOf(key, value, body) => {
                self.expr(key);
                self.expr(value);
                self.body(body);
            }
            ExprKind::Template(parts, _) => {
                for part in parts {
                    if let TemplatePart::Value(literal) = part {
                        self.literal(literal);
                    }
                }
            }
        }
    }
}

fn constant(part: &Expr) -> Option<Arc<str>> {
    match &part.kind {
        ExprKind::Scalar(Term::String(text)) => Some(Arc::clone(text)),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn found(text: &str) -> ModuleInfo {
        inspect(&"a.rego".into(), text, FileId(0), Version::V0).unwrap()
    }

    #[test]
    fn what_is_read_of_data_is_found_everywhere() {
        let check = |body: &str, expected: &[&str]| {
            let info = found(&format!("package a.b\nimport data.lib.c\n{body}\n"));
            let paths: Vec<String> = info.data.iter().map(|(path, _)| path.join(".")).collect();
            assert_eq!(paths, expected, "{body}");
            assert_eq!(info.package.join("."), "a.b");
            assert_eq!(info.imports.first().map(|(path, _)| path.join(".")).as_deref(), Some("data.lib.c"));
        };
        check("p { data.x.y[_].z }", &["x.y"]);
        check("p { q with data.x as 1 }", &["x"]);
        check("p = [x | x := data[y]] { y := 1 }", &[""]);
        check("p { data.lib.f(data.inventory.a) }", &["lib.f", "inventory.a"]);
        check("f(x) = data { x }", &[""]);
        check("p { not data.a } else = data.b { data.c }", &["a", "b", "c"]);
        check("p { c.d }", &[]);
    }

    #[test]
    fn heads_say_what_members_are() {
        let check = |head: &str, expected: Option<Shape>| {
            let info = found(&format!("package a\n{head} {{ x := 1; y := x }}\n"));
            assert_eq!(info.heads.first().unwrap().member, expected, "{head}");
        };
        let keys = |keys: &[&str]| Some(Shape::Keys(keys.iter().map(|key| Arc::from(*key)).collect()));
        check(r#"violation[{"msg": x, "details": y}]"#, keys(&["msg", "details"]));
        check(r#"violation[{"message": x}]"#, keys(&["message"]));
        check("violation[x]", Some(Shape::Any));
        check(r#"violation["a"]"#, Some(Shape::NoObject));
        check("violation = x", None);
    }
}
