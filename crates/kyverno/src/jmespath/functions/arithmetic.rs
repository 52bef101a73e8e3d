//! Reckoning with numbers, quantities (`1Gi`) and durations (`1h`), which do not mix but for scaling.

use probity_kubernetes::{GoDuration, Quantity};
use probity_value::{Data, Span, Value};

use super::super::interpreter::{kind_of, number};
use super::super::{Evaluation, JmesError};
use super::{Answer, number_at, text_answer, value_at, whole};

enum Operand {
    Quantity(Quantity),
    Duration(GoDuration),
    Number(f64),
}

impl Operand {
    fn kind(&self) -> &'static str {
        match self {
            Operand::Quantity(_) => "a quantity",
            Operand::Duration(_) => "a duration",
            Operand::Number(_) => "a number",
        }
    }
}

fn operand(name: &str, position: usize, value: &Value) -> Result<Operand, JmesError> {
    match &value.data {
        Data::Number(number) => Ok(Operand::Number(number.as_f64())),
        Data::String(text) => {
            if let Ok(quantity) = Quantity::parse(text) {
                return Ok(Operand::Quantity(quantity));
            }
            if let Ok(duration) = GoDuration::parse(text) {
                return Ok(Operand::Duration(duration));
            }
            Err(JmesError::wrong(format!("argument {} of `{name}` is `{text}`, not a number, quantity or duration", position + 1)))
        }
        Data::Unknown(unknown) => Err(JmesError::from(&**unknown)),
        _ => Err(JmesError::wrong(format!(
            "argument {} of `{name}` is {}, not a number, quantity or duration",
            position + 1,
            kind_of(value)
        ))),
    }
}

fn operands(name: &str, arguments: &[Value]) -> Result<(Operand, Operand), JmesError> {
    Ok((operand(name, 0, value_at(arguments, 0))?, operand(name, 1, value_at(arguments, 1))?))
}

fn mismatch(name: &str, left: &Operand, right: &Operand) -> JmesError {
    JmesError::wrong(format!("`{name}` does not take {} and {}", left.kind(), right.kind()))
}

fn zero(name: &str) -> JmesError {
    JmesError::wrong(format!("`{name}` by zero"))
}

fn finite(name: &str, value: f64) -> Answer {
    if value.is_finite() { Ok(number(value)) } else { Err(JmesError::wrong(format!("the answer of `{name}` is too large"))) }
}

fn seconds(value: f64, evaluation: &Evaluation<'_>) -> Answer {
    #[expect(clippy::cast_possible_truncation, reason = "cut to whole nanoseconds as the original does")]
    let duration = GoDuration((value * 1e9) as i64);
    text_answer(duration.to_string(), evaluation)
}

/// A number as a quantity, through the text Go makes of it.
fn as_quantity(name: &str, value: f64) -> Result<Quantity, JmesError> {
    let text = if value != 0.0 && (value.abs() < 1e-4 || value.abs() >= 1e21) { format!("{value:e}") } else { value.to_string() };
    Quantity::parse(&text).map_err(|error| JmesError::wrong(format!("`{name}` cannot reckon with `{text}`: {error}")))
}

fn added(name: &str, left: &Value, right: &Value, evaluation: &Evaluation<'_>) -> Answer {
    match (operand(name, 0, left)?, operand(name, 1, right)?) {
        (Operand::Quantity(left), Operand::Quantity(right)) => text_answer(left.add(&right).to_string(), evaluation),
        (Operand::Duration(left), Operand::Duration(right)) => {
            text_answer(GoDuration(left.0.wrapping_add(right.0)).to_string(), evaluation)
        }
        (Operand::Number(left), Operand::Number(right)) => finite(name, left + right),
        (left, right) => Err(mismatch(name, &left, &right)),
    }
}

pub(super) fn add(arguments: &[Value], evaluation: &Evaluation<'_>) -> Answer {
    added("add", value_at(arguments, 0), value_at(arguments, 1), evaluation)
}

pub(super) fn sum(arguments: &[Value], evaluation: &Evaluation<'_>) -> Answer {
    let mut items = value_at(arguments, 0).as_list().unwrap_or_default().iter();
    let Some(first) = items.next() else { return Err(JmesError::wrong("`sum` has no answer for an empty array")) };
    if let Some(unknown) = first.as_unknown() {
        return Err(JmesError::from(unknown));
    }
    let mut total = first.clone();
    for item in items {
        total = added("sum", &total, item, evaluation)?;
    }
    Ok(total)
}

pub(super) fn subtract(arguments: &[Value], evaluation: &Evaluation<'_>) -> Answer {
    match operands("subtract", arguments)? {
        (Operand::Quantity(left), Operand::Quantity(right)) => text_answer(left.sub(&right).to_string(), evaluation),
        (Operand::Duration(left), Operand::Duration(right)) => {
            text_answer(GoDuration(left.0.wrapping_sub(right.0)).to_string(), evaluation)
        }
        (Operand::Number(left), Operand::Number(right)) => finite("subtract", left - right),
        (left, right) => Err(mismatch("subtract", &left, &right)),
    }
}

pub(super) fn multiply(arguments: &[Value], evaluation: &Evaluation<'_>) -> Answer {
    match operands("multiply", arguments)? {
        (Operand::Number(left), Operand::Number(right)) => finite("multiply", left * right),
        (Operand::Quantity(quantity), Operand::Number(by)) | (Operand::Number(by), Operand::Quantity(quantity)) => {
            text_answer(quantity.product(&as_quantity("multiply", by)?).to_string(), evaluation)
        }
        (Operand::Duration(duration), Operand::Number(by)) | (Operand::Number(by), Operand::Duration(duration)) => {
            seconds(duration.seconds() * by, evaluation)
        }
        (left, right) => Err(mismatch("multiply", &left, &right)),
    }
}

pub(super) fn divide(arguments: &[Value], evaluation: &Evaluation<'_>) -> Answer {
    match operands("divide", arguments)? {
        (Operand::Number(_) | Operand::Quantity(_) | Operand::Duration(_), Operand::Number(0.0)) => Err(zero("divide")),
        (Operand::Number(left), Operand::Number(right)) => finite("divide", left / right),
        (Operand::Quantity(left), Operand::Quantity(right)) => {
            let divisor = right.as_f64();
            if divisor == 0.0 { Err(zero("divide")) } else { finite("divide", left.as_f64() / divisor) }
        }
        (Operand::Quantity(left), Operand::Number(right)) => {
            let quotient = left.quotient(&as_quantity("divide", right)?).ok_or_else(|| zero("divide"))?;
            text_answer(quotient.to_string(), evaluation)
        }
        (Operand::Duration(left), Operand::Duration(right)) => {
            let divisor = right.seconds();
            if divisor == 0.0 { Err(zero("divide")) } else { finite("divide", left.seconds() / divisor) }
        }
        (Operand::Duration(left), Operand::Number(right)) => seconds(left.seconds() / right, evaluation),
        (left, right) => Err(mismatch("divide", &left, &right)),
    }
}

/// A whole number of a double that is one.
#[expect(clippy::cast_possible_truncation, reason = "checked to be whole")]
fn integer(name: &str, value: f64) -> Result<i64, JmesError> {
    if value.fract() == 0.0 && value.abs() < 9.2e18 {
        Ok(value as i64)
    } else {
        Err(JmesError::wrong(format!("`{name}` takes whole numbers, not {value}")))
    }
}

pub(super) fn modulo(arguments: &[Value], evaluation: &Evaluation<'_>) -> Answer {
    let remainder = |left: f64, right: f64| {
        let (left, right) = (integer("modulo", left)?, integer("modulo", right)?);
        left.checked_rem(right).ok_or_else(|| zero("modulo"))
    };
    match operands("modulo", arguments)? {
        (Operand::Number(left), Operand::Number(right)) => Ok(Value::int(remainder(left, right)?, Span::NONE)),
        (Operand::Quantity(left), Operand::Quantity(right)) => {
            let rest = remainder(left.as_f64(), right.as_f64())?;
            text_answer(Quantity::from_i64(rest, left.format()).to_string(), evaluation)
        }
        (Operand::Duration(left), Operand::Duration(right)) => {
            let rest = left.0.checked_rem(right.0).ok_or_else(|| zero("modulo"))?;
            text_answer(GoDuration(rest).to_string(), evaluation)
        }
        (left, right) => Err(mismatch("modulo", &left, &right)),
    }
}

pub(super) fn round(arguments: &[Value], _: &Evaluation<'_>) -> Answer {
    let places = whole("round", 1, number_at(arguments, 1))?;
    if places < 0 {
        return Err(JmesError::wrong(format!("argument 2 of `round` is {places}, less than 0")));
    }
    #[expect(clippy::cast_precision_loss, reason = "no number has that many places")]
    let shift = 10_f64.powf(places as f64);
    finite("round", (number_at(arguments, 0) * shift).round() / shift)
}
