//! Operators. Unknown operands give unknown results, except where the other operand decides alone.

use probity_value::{Data, Number, Span, Value};

use super::{EvalError, Evaluator, Outcome, Scope, derived};
use crate::terraform::functions::{describe, equal, to_bool, to_number, with_marks};
use crate::terraform::syntax::{Expr, Operator};

impl<'p> Evaluator<'p> {
    pub(super) fn not(&self, inner: &Expr, span: Span, scope: Scope<'_, 'p>) -> Outcome {
        let value = self.eval(inner, scope)?;
        let result = match (to_bool(&value), &value.data) {
            (Some(truth), _) => Value::bool(!truth, span),
            (None, Data::Unknown(unknown)) => derived(unknown, true, span),
            (None, _) => return Err(EvalError::new(format!("`!` takes a bool, not {}", describe(&value)), inner.span)),
        };
        Ok(with_marks(result, std::iter::once(&value), false))
    }

    pub(super) fn negate(&self, inner: &Expr, span: Span, scope: Scope<'_, 'p>) -> Outcome {
        let value = self.eval(inner, scope)?;
        let result = match (to_number(&value), &value.data) {
            (Some(Number::Int(number)), _) => match number.checked_neg() {
                Some(number) => Value::int(number, span),
                None => Value::number(-Number::Int(number).as_f64(), span),
            },
            (Some(Number::Float(number)), _) => Value::number(-number, span),
            (None, Data::Unknown(unknown)) => derived(unknown, true, span),
            (None, _) => return Err(EvalError::new(format!("`-` takes a number, not {}", describe(&value)), inner.span)),
        };
        Ok(with_marks(result, std::iter::once(&value), false))
    }

    pub(super) fn binary(&self, operator: Operator, left: &Expr, right: &Expr, span: Span, scope: Scope<'_, 'p>) -> Outcome {
        if let Operator::And | Operator::Or = operator {
            return self.logic(operator == Operator::Or, left, right, span, scope);
        }
        let a = self.eval(left, scope)?;
        let b = self.eval(right, scope)?;
        if let Operator::Equal | Operator::NotEqual = operator {
            let result = match equal(&a, &b) {
                Some(same) => Value::bool(same == (operator == Operator::Equal), span),
                None => match a.find_unknown().or_else(|| b.find_unknown()) {
                    Some(unknown) => derived(unknown, true, span),
                    None => Value::bool(operator == Operator::NotEqual, span),
                },
            };
            return Ok(with_marks(result, [&a, &b].into_iter(), false));
        }
        let result = match (number(&a, left.span)?, number(&b, right.span)?) {
            (Some(x), Some(y)) => arithmetic(operator, x, y, span)?,
            _ => match a.as_unknown().or_else(|| b.as_unknown()) {
                Some(unknown) => derived(unknown, true, span),
                None => Value::null(span),
            },
        };
        Ok(with_marks(result, [&a, &b].into_iter(), false))
    }

    /// `&&` and `||`; `decides` is the operand that settles the result alone.
    fn logic(&self, decides: bool, left: &Expr, right: &Expr, span: Span, scope: Scope<'_, 'p>) -> Outcome {
        let a = self.eval(left, scope)?;
        let first = truth(&a, left.span)?;
        if first == Some(decides) {
            return Ok(with_marks(Value::bool(decides, span), std::iter::once(&a), false));
        }
        let b = match self.eval(right, scope) {
            Ok(b) => b,
            // `x != null && x.y`: under an unknown left side the right one may be wrong and never asked for.
            Err(_) if first.is_none() => {
                let unknown = a.as_unknown().map_or_else(|| Value::null(span), |unknown| derived(unknown, true, span));
                return Ok(with_marks(unknown, std::iter::once(&a), false));
            }
            Err(error) => return Err(error),
        };
        let second = truth(&b, right.span)?;
        let result = match (first, second) {
            (_, Some(value)) if value == decides => Value::bool(decides, span),
            (Some(_), Some(_)) => Value::bool(!decides, span),
            _ => match a.as_unknown().or_else(|| b.as_unknown()) {
                Some(unknown) => derived(unknown, true, span),
                None => Value::bool(!decides, span),
            },
        };
        Ok(with_marks(result, [&a, &b].into_iter(), false))
    }
}

/// True, false, or unknown.
fn truth(value: &Value, span: Span) -> Result<Option<bool>, EvalError> {
    match (to_bool(value), value.is_unknown()) {
        (Some(truth), _) => Ok(Some(truth)),
        (None, true) => Ok(None),
        (None, false) => Err(EvalError::new(format!("a bool is expected, not {}", describe(value)), span)),
    }
}

/// The number, or unknown.
fn number(value: &Value, span: Span) -> Result<Option<Number>, EvalError> {
    match (to_number(value), value.is_unknown()) {
        (Some(number), _) => Ok(Some(number)),
        (None, true) => Ok(None),
        (None, false) => Err(EvalError::new(format!("a number is expected, not {}", describe(value)), span)),
    }
}

fn arithmetic(operator: Operator, a: Number, b: Number, span: Span) -> Outcome {
    let whole = |small: fn(i64, i64) -> Option<i64>, large: fn(f64, f64) -> f64| match (a, b) {
        (Number::Int(x), Number::Int(y)) => match small(x, y) {
            Some(number) => Value::int(number, span),
            None => Value::number(large(a.as_f64(), b.as_f64()), span),
        },
        _ => Value::number(large(a.as_f64(), b.as_f64()), span),
    };
    let zero = || matches!(b, Number::Int(0)) || b.as_f64() == 0.0;
    let result = match operator {
        Operator::Less => Value::bool(a < b, span),
        Operator::LessOrEqual => Value::bool(a <= b, span),
        Operator::Greater => Value::bool(a > b, span),
        Operator::GreaterOrEqual => Value::bool(a >= b, span),
        Operator::Add => whole(i64::checked_add, |x, y| x + y),
        Operator::Subtract => whole(i64::checked_sub, |x, y| x - y),
        Operator::Multiply => whole(i64::checked_mul, |x, y| x * y),
        Operator::Divide | Operator::Remainder if zero() => return Err(EvalError::new("division by zero", span)),
        Operator::Divide => Value::number(a.as_f64() / b.as_f64(), span),
        Operator::Remainder => whole(i64::checked_rem, |x, y| x % y),
        Operator::Or | Operator::And | Operator::Equal | Operator::NotEqual => Value::null(span),
    };
    match result.data {
        Data::Number(Number::Float(number)) if !number.is_finite() => Err(EvalError::new("the number is too large", span)),
        _ => Ok(result),
    }
}
