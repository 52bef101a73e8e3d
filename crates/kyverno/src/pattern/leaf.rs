//! The leaves of patterns: values, and texts with operators, ranges, alternatives and wildcards.

use std::sync::Arc;

use probity_kubernetes::duration::GoDuration;
use probity_kubernetes::quantity::Quantity;
use probity_kubernetes::wildcard;
use probity_value::{Data, Number, Value};

/// How a value is compared.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Operator {
    /// No operator.
    Equal,
    /// `!`
    NotEqual,
    /// `>`
    More,
    /// `>=`
    MoreEqual,
    /// `<`
    Less,
    /// `<=`
    LessEqual,
    /// `a-b`
    InRange,
    /// `a!-b`
    NotInRange,
}

impl Operator {
    const fn length(self) -> usize {
        match self {
            Operator::Equal | Operator::InRange | Operator::NotInRange => 0,
            Operator::NotEqual | Operator::More | Operator::Less => 1,
            Operator::MoreEqual | Operator::LessEqual => 2,
        }
    }

    fn holds(self, order: std::cmp::Ordering) -> bool {
        match self {
            Operator::Equal => order.is_eq(),
            Operator::NotEqual => order.is_ne(),
            Operator::More => order.is_gt(),
            Operator::MoreEqual => order.is_ge(),
            Operator::Less => order.is_lt(),
            Operator::LessEqual => order.is_le(),
            Operator::InRange | Operator::NotInRange => false,
        }
    }
}

/// The end of a number with a unit at the start of a text: sign, digits, fraction, letters.
fn endpoint(text: &str) -> Option<usize> {
    let bytes = text.as_bytes();
    let mut at = usize::from(matches!(bytes.first(), Some(b'-' | b'|' | b'+')));
    let digits = |from: usize| bytes.iter().skip(from).take_while(|byte| byte.is_ascii_digit()).count();
    let whole = digits(at);
    if whole == 0 {
        return None;
    }
    at += whole;
    if bytes.get(at) == Some(&b'.') {
        let fraction = digits(at + 1);
        if fraction > 0 {
            at += 1 + fraction;
        }
    }
    at += bytes.iter().skip(at).take_while(|byte| byte.is_ascii_alphabetic()).count();
    Some(at)
}

/// Both ends of a range.
fn range<'t>(text: &'t str, between: &str) -> Option<(&'t str, &'t str)> {
    let end = endpoint(text)?;
    let (left, rest) = (text.get(..end)?, text.get(end..)?);
    let right = rest.strip_prefix(between)?;
    (endpoint(right) == Some(right.len())).then_some((left, right))
}

/// The operator a text of a pattern begins with, or the range it is.
#[must_use]
pub fn operator_of(text: &str) -> Operator {
    if text.len() < 2 {
        return Operator::Equal;
    }
    for (prefix, operator) in
        [(">=", Operator::MoreEqual), ("<=", Operator::LessEqual), (">", Operator::More), ("<", Operator::Less), ("!", Operator::NotEqual)]
    {
        if text.starts_with(prefix) {
            return operator;
        }
    }
    if range(text, "!-").is_some() {
        Operator::NotInRange
    } else if range(text, "-").is_some() {
        Operator::InRange
    } else {
        Operator::Equal
    }
}

/// One comparison: an operator and what is compared with.
#[derive(Clone, Debug)]
pub struct Comparison {
    operator: Operator,
    text: Arc<str>,
    duration: Option<GoDuration>,
    quantity: Option<Quantity>,
    /// Both ends, where it is a range.
    ends: Option<Box<(Comparison, Comparison)>>,
}

impl Comparison {
    /// Compiles one text without `|` and `&`.
    #[must_use]
    pub fn compile(text: &str) -> Comparison {
        let operator = operator_of(text);
        let between = if operator == Operator::NotInRange { "!-" } else { "-" };
        let ends = match operator {
            Operator::InRange => range(text, between)
                .map(|(left, right)| Box::new((Comparison::of(Operator::MoreEqual, left), Comparison::of(Operator::LessEqual, right)))),
            Operator::NotInRange => range(text, between)
                .map(|(left, right)| Box::new((Comparison::of(Operator::Less, left), Comparison::of(Operator::More, right)))),
            _ => None,
        };
        let mut comparison = Comparison::of(operator, text.get(operator.length()..).unwrap_or_default().trim());
        comparison.ends = ends;
        comparison
    }

    fn of(operator: Operator, text: &str) -> Comparison {
        Comparison { operator, text: text.into(), duration: GoDuration::parse(text).ok(), quantity: Quantity::parse(text).ok(), ends: None }
    }

    /// Whether a value fits.
    #[must_use]
    pub fn fits(&self, value: &Value) -> bool {
        match (self.operator, &self.ends) {
            (Operator::InRange, Some(ends)) => return ends.0.fits(value) && ends.1.fits(value),
            (Operator::NotInRange, Some(ends)) => return ends.0.fits(value) || ends.1.fits(value),
            _ => {}
        }
        if self.duration.is_some() || self.quantity.is_some() {
            let number;
            let text = match &value.data {
                Data::Null => Some("0"),
                Data::String(text) => Some(&**text),
                Data::Number(given) => {
                    number = decimal(*given);
                    Some(&*number)
                }
                _ => None,
            };
            if let Some(text) = text {
                if let (Some(wanted), Ok(given)) = (&self.duration, GoDuration::parse(text)) {
                    return self.operator.holds(given.0.cmp(&wanted.0));
                }
                if let (Some(wanted), Ok(given)) = (&self.quantity, Quantity::parse(text)) {
                    return self.operator.holds(given.cmp(wanted));
                }
            }
        }
        if !matches!(self.operator, Operator::Equal | Operator::NotEqual) {
            return false;
        }
        let number;
        let text = match &value.data {
            Data::String(text) => &**text,
            Data::Bool(true) => "true",
            Data::Bool(false) => "false",
            Data::Number(given) => {
                number = crate::text::go_scientific(*given);
                &number
            }
            _ => return false,
        };
        wildcard::matches(&self.text, text) == (self.operator == Operator::Equal)
    }
}

/// A number as a decimal text, six digits after the point where it is not whole.
fn decimal(number: Number) -> String {
    match number {
        Number::Int(value) => value.to_string(),
        Number::Float(value) => format!("{value:.6}"),
    }
}

/// A leaf of a pattern.
#[derive(Clone, Debug)]
pub enum Leaf {
    /// Null: nothing, nought, the empty text or false.
    Null,
    /// True or false.
    Bool(bool),
    /// A number.
    Number(Number),
    /// A text: alternatives of comparisons that have to hold together.
    Text(Arc<str>, Vec<Vec<Comparison>>),
    /// What cannot be in a pattern.
    Nothing,
}

impl Leaf {
    /// Compiles a leaf.
    #[must_use]
    pub fn compile(value: &Value) -> Leaf {
        match &value.data {
            Data::Null => Leaf::Null,
            Data::Bool(value) => Leaf::Bool(*value),
            Data::Number(number) => Leaf::Number(*number),
            Data::String(text) => Leaf::Text(
                Arc::clone(text),
                text.split('|')
                    .map(|any| any.trim_matches(' ').split('&').map(|all| Comparison::compile(all.trim_matches(' '))).collect())
                    .collect(),
            ),
            Data::List(_) | Data::Map(_) | Data::Unknown(_) => Leaf::Nothing,
        }
    }

    /// Whether it is `*`, which asks that there is something.
    #[must_use]
    pub fn is_star(&self) -> bool {
        matches!(self, Leaf::Text(text, _) if **text == *"*")
    }

    /// As it stands in the pattern.
    #[must_use]
    pub fn text(&self) -> String {
        match self {
            Leaf::Null => "<nil>".to_owned(),
            Leaf::Bool(value) => value.to_string(),
            Leaf::Number(number) => crate::text::go_number(*number),
            Leaf::Text(text, _) => text.to_string(),
            Leaf::Nothing => "nothing".to_owned(),
        }
    }

    /// Whether a value fits.
    #[must_use]
    pub fn fits(&self, value: &Value) -> bool {
        match (self, &value.data) {
            (Leaf::Null, Data::Null) | (Leaf::Null, Data::Bool(false)) => true,
            (Leaf::Null, Data::Number(number)) => number.as_f64() == 0.0,
            (Leaf::Null, Data::String(text)) => text.is_empty(),
            (Leaf::Bool(wanted), Data::Bool(given)) => wanted == given,
            (Leaf::Number(wanted), Data::Number(given)) => wanted == given,
            (Leaf::Number(Number::Int(wanted)), Data::String(text)) => text.parse::<i64>().is_ok_and(|given| given == *wanted),
            (Leaf::Number(Number::Float(wanted)), Data::String(text)) => crate::text::go_float(text).is_some_and(|given| given == *wanted),
            (Leaf::Text(exact, any), data) => {
                matches!(data, Data::String(text) if text == exact)
                    || any.iter().any(|all| all.iter().all(|comparison| comparison.fits(value)))
            }
            _ => false,
        }
    }
}
