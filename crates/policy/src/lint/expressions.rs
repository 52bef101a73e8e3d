//! Expressions in CEL: those that say the same of everything, and those that may cost too much.

use probity_cel::admission::{Composition, Declarations, declare};
use probity_cel::ast::ExprKind;
use probity_cel::{Assumed, Environment, Program, Value as CelValue};
use probity_core::Limits;
use probity_value::Value;

use super::Subject;
use crate::load::Language;

pub(super) fn lint(subject: &mut Subject<'_>) {
    let object = subject.object;
    let Some(spec) = object.get("spec") else { return };
    let environment = match subject.language {
        Language::Admission => Environment::kubernetes(),
        Language::Kyverno if subject.kind.ends_with("ValidatingPolicy") || subject.kind.ends_with("MutatingPolicy") => {
            Environment::kyverno()
        }
        _ => return,
    };
    let with = Declarations { params: true, authorizer: true, patches: true, ..Declarations::default() };
    let mut composition = Composition::new(declare(environment, &with));
    let expression = |item: &Value, key: &str| -> Option<(String, probity_value::Span)> {
        let value = item.get(key)?;
        Some((value.as_str()?.to_owned(), value.span))
    };
    let list = |key: &str| spec.get(key).and_then(Value::as_list).unwrap_or_default();
    for item in list("variables") {
        if let (Some((name, _)), Some((text, at))) = (expression(item, "name"), expression(item, "expression")) {
            // What does not compile is said where policies are loaded.
            let _said_elsewhere = composition.variable(&name, &text, at);
        }
    }
    for (key, part) in [("matchConditions", "expression"), ("validations", "expression"), ("variables", "expression")] {
        for item in list(key) {
            let Some((text, at)) = expression(item, part) else { continue };
            let Ok(program) = composition.compile(&text, at) else { continue };
            match (key, constant(&program)) {
                ("matchConditions", Some(false)) => {
                    subject.say("unreachable", at, "this match condition never holds: the policy judges nothing", "");
                }
                ("validations", Some(true)) => subject.say("unreachable", at, "this validation never fails", ""),
                _ => {}
            }
            let limit = Limits::default().cel_cost;
            let cost = program.estimate(Assumed::default());
            if cost > limit {
                let message = format!("this may cost {cost} units over a large object; the API server stops an expression at {limit}");
                subject.say("expensive", at, message, "go over a list once, not within another");
            }
        }
    }
}

/// What an expression always gives, if it is plain to see.
fn constant(program: &Program) -> Option<bool> {
    match &program.expr().kind {
        ExprKind::Literal(CelValue::Bool(value)) => Some(*value),
        _ => None,
    }
}
