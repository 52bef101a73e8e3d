//! Our parser beside hcl-edit: a text hcl-edit accepts we accept too, with the same structure. Plain text inside templates is left out,
//! because the two trim it at different moments.

use hcl_edit::expr::{Expression, ObjectKey, TraversalOperator, UnaryOperator};
use hcl_edit::structure::Structure;
use hcl_edit::template::{Directive, Element};
use probity_value::FileId;
use proptest::prelude::*;

use super::{Body, Expr, ExprKind, Follow, Operator, Part, parse_body};

fn number(value: f64) -> String {
    if value.is_sign_negative() { format!("(- {})", -value) } else { value.to_string() }
}

fn ours(expr: &Expr) -> String {
    let list = |items: &[Expr]| items.iter().map(ours).collect::<Vec<_>>().join(" ");
    match &expr.kind {
        ExprKind::Null => "null".into(),
        ExprKind::Bool(value) => value.to_string(),
        ExprKind::Int(value) => number(*value as f64),
        ExprKind::Float(value) => number(*value),
        ExprKind::String(text) => format!("{text:?}"),
        ExprKind::Template(parts) => format!("T({})", ours_parts(parts)),
        ExprKind::Interpolation(inner) => format!("T({})", ours(inner)),
        ExprKind::Name(name) => name.to_string(),
        ExprKind::Member(base, name) => format!("{}.{name}", ours(base)),
        ExprKind::Index(base, key) => format!("{}[{}]", ours(base), ours(key)),
        ExprKind::Splat(base, follow) => {
            let mut text = format!("{}[*]", ours(base));
            for step in follow {
                match step {
                    Follow::Member(name) => text.push_str(&format!(".{name}")),
                    Follow::Index(key) => text.push_str(&format!("[{}]", ours(key))),
                }
            }
            text
        }
        ExprKind::List(items) => format!("[{}]", list(items)),
        ExprKind::Object(items) => {
            let items: Vec<String> = items.iter().map(|(key, value)| format!("{}={}", ours(key), ours(value))).collect();
            format!("{{{}}}", items.join(" "))
        }
        ExprKind::Call(call) => format!("{}({}{})", call.name, list(&call.arguments), if call.spread { "..." } else { "" }),
        ExprKind::For(inner) => format!(
            "for({:?} {} {} {:?} {} {} {:?})",
            inner.key.as_deref(),
            inner.value,
            ours(&inner.collection),
            inner.result_key.as_ref().map(ours),
            ours(&inner.result),
            inner.group,
            inner.condition.as_ref().map(ours)
        ),
        ExprKind::Conditional(parts) => format!("?({})", list(&parts[..])),
        ExprKind::Binary(operator, pair) => {
            let sign = match operator {
                Operator::Or => "||",
                Operator::And => "&&",
                Operator::Equal => "==",
                Operator::NotEqual => "!=",
                Operator::Less => "<",
                Operator::LessOrEqual => "<=",
                Operator::Greater => ">",
                Operator::GreaterOrEqual => ">=",
                Operator::Add => "+",
                Operator::Subtract => "-",
                Operator::Multiply => "*",
                Operator::Divide => "/",
                Operator::Remainder => "%",
            };
            format!("({} {sign} {})", ours(&pair.0), ours(&pair.1))
        }
        ExprKind::Not(inner) => format!("(! {})", ours(inner)),
        ExprKind::Negate(inner) => format!("(- {})", ours(inner)),
        ExprKind::Broken => "BROKEN".into(),
    }
}

fn ours_parts(parts: &[Part]) -> String {
    let mut out = Vec::new();
    for part in parts {
        match part {
            Part::Text(_) => {}
            Part::Value(expr) => out.push(ours(expr)),
            Part::If { condition, then, otherwise } => {
                out.push(format!("if {} ({}) ({})", ours(condition), ours_parts(then), ours_parts(otherwise)));
            }
            Part::For { key, value, collection, body } => {
                out.push(format!("for {:?} {value} {} ({})", key.as_deref(), ours(collection), ours_parts(body)));
            }
        }
    }
    out.join(" ")
}

fn ours_body(body: &Body) -> (Vec<String>, Vec<String>) {
    let attributes = body.attributes.iter().map(|attribute| format!("{}={}", attribute.name, ours(&attribute.expr))).collect();
    let blocks = body
        .blocks
        .iter()
        .map(|block| {
            let labels: Vec<&str> = block.labels.iter().map(|label| &*label.text).collect();
            format!("{} {labels:?} {:?}", block.kind, ours_body(&block.body))
        })
        .collect();
    (attributes, blocks)
}

fn theirs(expr: &Expression) -> String {
    match expr {
        Expression::Null(_) => "null".into(),
        Expression::Bool(value) => value.value().to_string(),
        Expression::Number(value) => number(value.value().as_f64().unwrap_or(f64::NAN)),
        Expression::String(text) => format!("{:?}", text.as_str()),
        Expression::Array(items) => format!("[{}]", items.iter().map(theirs).collect::<Vec<_>>().join(" ")),
        Expression::Object(object) => {
            let items: Vec<String> = object
                .iter()
                .map(|(key, value)| {
                    let key = match key {
                        ObjectKey::Ident(name) => format!("{:?}", name.as_str()),
                        ObjectKey::Expression(Expression::Variable(name)) => format!("{:?}", name.as_str()),
                        ObjectKey::Expression(expr) => theirs(expr),
                    };
                    format!("{key}={}", theirs(value.expr()))
                })
                .collect();
            format!("{{{}}}", items.join(" "))
        }
        Expression::StringTemplate(template) => format!("T({})", theirs_parts(template.iter())),
        Expression::HeredocTemplate(template) => {
            if template.template.iter().all(|element| matches!(element, Element::Literal(_))) {
                return "HEREDOC".into();
            }
            format!("T({})", theirs_parts(template.template.iter()))
        }
        Expression::Parenthesis(inner) => theirs(inner.inner()),
        Expression::Variable(name) => name.as_str().to_owned(),
        Expression::Conditional(inner) => {
            format!("?({} {} {})", theirs(&inner.cond_expr), theirs(&inner.true_expr), theirs(&inner.false_expr))
        }
        Expression::FuncCall(call) => {
            let mut name: String = call.name.namespace.iter().map(|part| format!("{}::", part.as_str())).collect();
            name.push_str(call.name.name.as_str());
            let arguments: Vec<String> = call.args.iter().map(theirs).collect();
            format!("{name}({}{})", arguments.join(" "), if call.args.expand_final() { "..." } else { "" })
        }
        Expression::Traversal(traversal) => {
            let mut text = theirs(&traversal.expr);
            for operator in &traversal.operators {
                match operator.value() {
                    TraversalOperator::AttrSplat(_) | TraversalOperator::FullSplat(_) => text.push_str("[*]"),
                    TraversalOperator::GetAttr(name) => text.push_str(&format!(".{}", name.as_str())),
                    TraversalOperator::Index(key) => text.push_str(&format!("[{}]", theirs(key))),
                    TraversalOperator::LegacyIndex(index) => text.push_str(&format!(".{}", index.value())),
                }
            }
            text
        }
        Expression::UnaryOp(inner) => match inner.operator.value() {
            UnaryOperator::Neg => format!("(- {})", theirs(&inner.expr)),
            UnaryOperator::Not => format!("(! {})", theirs(&inner.expr)),
        },
        Expression::BinaryOp(inner) => {
            format!("({} {} {})", theirs(&inner.lhs_expr), inner.operator.value().as_str(), theirs(&inner.rhs_expr))
        }
        Expression::ForExpr(inner) => format!(
            "for({:?} {} {} {:?} {} {} {:?})",
            inner.intro.key_var.as_ref().map(|name| name.as_str()),
            inner.intro.value_var.as_str(),
            theirs(&inner.intro.collection_expr),
            inner.key_expr.as_ref().map(theirs),
            theirs(&inner.value_expr),
            inner.grouping,
            inner.cond.as_ref().map(|condition| theirs(&condition.expr))
        ),
    }
}

fn theirs_parts<'a>(elements: impl Iterator<Item = &'a Element>) -> String {
    let mut out = Vec::new();
    for element in elements {
        match element {
            Element::Literal(_) => {}
            Element::Interpolation(inner) => out.push(theirs(&inner.expr)),
            Element::Directive(directive) => match &**directive {
                Directive::If(inner) => {
                    let otherwise = inner.else_expr.as_ref().map(|part| theirs_parts(part.template.iter())).unwrap_or_default();
                    let then = theirs_parts(inner.if_expr.template.iter());
                    out.push(format!("if {} ({then}) ({otherwise})", theirs(&inner.if_expr.cond_expr)));
                }
                Directive::For(inner) => {
                    let intro = &inner.for_expr;
                    out.push(format!(
                        "for {:?} {} {} ({})",
                        intro.key_var.as_ref().map(|name| name.as_str()),
                        intro.value_var.as_str(),
                        theirs(&intro.collection_expr),
                        theirs_parts(intro.template.iter())
                    ));
                }
            },
        }
    }
    out.join(" ")
}

fn theirs_body(body: &hcl_edit::structure::Body) -> (Vec<String>, Vec<String>) {
    let (mut attributes, mut blocks) = (Vec::new(), Vec::new());
    for structure in body {
        match structure {
            Structure::Attribute(attribute) => attributes.push(format!("{}={}", attribute.key.as_str(), theirs(&attribute.value))),
            Structure::Block(block) => {
                let labels: Vec<&str> = block.labels.iter().map(|label| label.as_str()).collect();
                blocks.push(format!("{} {labels:?} {:?}", block.ident.as_str(), theirs_body(&block.body)));
            }
        }
    }
    (attributes, blocks)
}

/// Compares where hcl-edit accepts the text; says whether it did.
fn compare(text: &str) -> bool {
    let Ok(other) = text.parse::<hcl_edit::structure::Body>() else { return false };
    let parsed = parse_body(text, FileId(0));
    assert!(!parsed.problems.iter().any(|problem| problem.fatal), "{text}\n{:?}", parsed.problems);
    let (mine, other) = (ours_body(&parsed.body), theirs_body(&other));
    assert_eq!(mine.0.len(), other.0.len(), "{text}");
    for (mine, other) in mine.0.iter().zip(&other.0).chain(mine.1.iter().zip(&other.1)) {
        if !other.contains("HEREDOC") {
            assert_eq!(mine, other, "{text}");
        }
    }
    true
}

fn expression() -> impl Strategy<Value = String> {
    let leaf = prop_oneof![
        Just("null".to_owned()),
        Just("true".to_owned()),
        "[0-9]{1,3}(\\.[0-9]{1,2})?",
        "[a-c]\\.[a-c_]{1,3}",
        "\"[a-z $%\\\\n]{0,4}\"",
        Just("a.b[*].c".to_owned()),
        Just("a.*.c[0]".to_owned()),
        Just("(<<EOT\nx ${a.b} y\nEOT\n)".to_owned()),
    ];
    leaf.prop_recursive(4, 40, 4, |inner| {
        let operator = prop::sample::select(vec!["+", "-", "*", "/", "%", "==", "!=", "<", ">=", "&&", "||"]);
        prop_oneof![
            (inner.clone(), operator, inner.clone()).prop_map(|(a, sign, b)| format!("{a} {sign} {b}")),
            (inner.clone(), inner.clone(), inner.clone()).prop_map(|(a, b, c)| format!("{a} ? {b} : {c}")),
            inner.clone().prop_map(|a| format!("({a})")),
            inner.clone().prop_map(|a| format!("!({a})")),
            prop::collection::vec(inner.clone(), 0..3).prop_map(|items| format!("[{}]", items.join(", "))),
            prop::collection::vec(inner.clone(), 0..3).prop_map(|items| format!("f({})", items.join(", "))),
            prop::collection::vec(inner.clone(), 0..3)
                .prop_map(|items| format!("{{ {} }}", items.iter().map(|item| format!("k = {item}")).collect::<Vec<_>>().join(", "))),
            (inner.clone(), inner.clone()).prop_map(|(a, b)| format!("[for k, v in {a} : {b} if v]")),
            (inner.clone(), inner.clone()).prop_map(|(a, b)| format!("{{for v in {a} : v => {b}...}}")),
            inner.clone().prop_map(|a| format!("\"x${{{a}}}y\"")),
            (inner.clone(), inner.clone()).prop_map(|(a, b)| format!("\"%{{ if {a} }}${{~ {b} ~}}%{{ else }}n%{{ endif }}\"")),
            (inner.clone(), inner).prop_map(|(a, b)| format!("({a})[{b}].c")),
        ]
    })
}

proptest! {
    #[test]
    fn what_the_other_accepts_we_read_the_same(a in expression(), b in expression()) {
        compare(&format!("x = {a}\ny \"l\" m {{\n  z = {b}\n  e {{}}\n}}\n"));
    }
}

#[test]
fn the_comparison_compares() {
    assert!(compare("x = a.b[0][*].c + 1 # c\nr \"a\" {\n  y = \"${z}\"\n}\n"));
    assert!(!compare("x = = 1"));
}
