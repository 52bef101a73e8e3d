//! Constants that can only go wrong: regular expressions, durations and timestamps (cel-go's validators). Errors where the environment
//! asks for them, as Kubernetes does; else warnings.

use super::Mismatch;
use crate::ast::{Expr, ExprKind};
use crate::{Environment, Value, pattern, standard};

/// Checks the constants of an expression.
pub(super) fn check(environment: &Environment, expr: &Expr, problems: &mut Vec<Mismatch>) {
    expr.visit(&mut |part| {
        let ExprKind::Call { function, target, args } = &part.kind else { return };
        let wrong = match (&**function, target, args.as_slice()) {
            ("matches" | "find" | "findAll", Some(_), [first, ..]) | ("matches", None, [_, first]) => {
                text(first).and_then(|text| pattern::compile(text).err()).map(|error| (first.at, error.message().to_owned()))
            }
            ("duration", None, [only]) => text(only)
                .filter(|text| standard::time::parse_duration(text).is_none())
                .map(|text| (only.at, format!("`{text}` is no duration"))),
            ("timestamp", None, [only]) => text(only)
                .filter(|text| standard::time::parse_timestamp(text).is_none())
                .map(|text| (only.at, format!("`{text}` is no timestamp"))),
            _ => None,
        };
        if let Some((at, why)) = wrong {
            let message = format!("invalid {function} argument: {why}");
            problems.push(Mismatch { at, message, warning: !environment.homogeneous });
        }
    });
}

fn text(expr: &Expr) -> Option<&str> {
    match &expr.kind {
        ExprKind::Literal(Value::String(text)) => Some(text),
        _ => None,
    }
}
