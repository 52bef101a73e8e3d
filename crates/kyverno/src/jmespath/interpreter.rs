//! The tree evaluated. What does not exist is kept apart from null as long as go-jmespath does it, and no longer: the places where the
//! two become the same are those of its interpreter.

use std::borrow::Cow;
use std::sync::Arc;

use probity_value::{Data, Map, Number, Span, Value};

use super::functions::Body;
use super::parser::{Call, Comparison, Filter, Node};
use super::{Evaluation, JmesError, JmesErrorKind};
use crate::scope::Scope;

/// What an expression is applied to.
#[derive(Clone, Copy)]
pub(super) enum Input<'v, 's> {
    /// The variables of a scope, as the values of one map.
    Scope(&'v Scope<'s>),
    /// A value.
    Value(&'v Value),
}

/// Why a node has no value.
pub(super) enum Fault<'n> {
    /// The key a node names does not exist.
    NotFound(&'n Node),
    /// Anything else.
    Other(Box<JmesError>),
}

impl From<JmesError> for Fault<'_> {
    fn from(error: JmesError) -> Self {
        Fault::Other(Box::new(error))
    }
}

type Found<'n, 'v> = Result<Cow<'v, Value>, Fault<'n>>;

const NULL: Value = Value { data: Data::Null, span: Span::NONE, origin: None, sensitive: false };
static NOTHING: Value = NULL;

/// Evaluates a whole expression.
pub(super) fn run(root: &Node, input: Input<'_, '_>, evaluation: &Evaluation<'_>) -> Result<Value, JmesError> {
    let interpreter = Interpreter { evaluation };
    match interpreter.execute(root, input) {
        Ok(value) => Ok(value.into_owned()),
        Err(Fault::Other(error)) => Err(*error),
        Err(Fault::NotFound(node)) => Err(JmesError::new(JmesErrorKind::NotFound, missing(root, node))),
    }
}

/// Says which key does not exist, and in what.
fn missing(root: &Node, missing: &Node) -> String {
    let name = match missing {
        Node::Field(name) => name,
        _ => return "a key does not exist".to_owned(),
    };
    let mut parent = None;
    root.each(&mut |node| {
        if let Node::Sub(left, right) = node
            && std::ptr::eq(&raw const **right, missing)
        {
            parent = Some((node, &**left));
        }
    });
    match parent {
        Some((whole, left)) => match (whole.path(), left.path()) {
            (Some(path), Some(above)) => {
                let last = match left {
                    Node::Sub(_, right) if !matches!(**right, Node::Index(_)) => right.path(),
                    _ => None,
                };
                format!("`{path}` does not exist: `{}` has no key `{name}`", last.unwrap_or(above))
            }
            _ => format!("there is no key `{name}`"),
        },
        None => format!("there is no variable `{name}`"),
    }
}

struct Interpreter<'e, 'a> {
    evaluation: &'e Evaluation<'a>,
}

/// A value that is null where it does not exist.
fn or_null<'n, 'v>(found: Found<'n, 'v>) -> Found<'n, 'v> {
    match found {
        Err(Fault::NotFound(_)) => Ok(Cow::Borrowed(&NOTHING)),
        other => other,
    }
}

/// A value that is null where it does not exist or cannot be evaluated: filters, flattening and values of maps forgive every error of
/// what they are applied to. What cannot be known or is too much is never forgiven.
fn forgiven<'n, 'v>(found: Found<'n, 'v>) -> Found<'n, 'v> {
    match found {
        Err(Fault::NotFound(_)) => Ok(Cow::Borrowed(&NOTHING)),
        Err(Fault::Other(error)) if error.kind == JmesErrorKind::Wrong || error.kind == JmesErrorKind::NotFound => {
            Ok(Cow::Borrowed(&NOTHING))
        }
        other => other,
    }
}

/// Whether a value counts as nothing.
fn is_false(value: &Value) -> Result<bool, JmesError> {
    Ok(match &value.data {
        Data::Null => true,
        Data::Bool(value) => !value,
        Data::Number(_) => false,
        Data::String(text) => text.is_empty(),
        Data::List(items) => items.is_empty(),
        Data::Map(map) => map.is_empty(),
        Data::Unknown(unknown) => return Err(JmesError::from(&**unknown)),
    })
}

/// Adds an item unless it is null.
fn push(items: &mut Vec<Value>, item: Cow<'_, Value>) -> Result<(), JmesError> {
    match &item.data {
        Data::Null => {}
        Data::Unknown(unknown) if !unknown.set => return Err(JmesError::from(&**unknown)),
        _ => items.push(item.into_owned()),
    }
    Ok(())
}

fn owned<'n>(found: Found<'n, '_>) -> Result<Value, Fault<'n>> {
    found.map(Cow::into_owned)
}

impl<'a> Interpreter<'_, 'a> {
    fn execute<'n, 'v>(&self, node: &'n Node, input: Input<'v, '_>) -> Found<'n, 'v> {
        self.evaluation.step(1)?;
        match node {
            Node::Current => match input {
                Input::Value(value) => Ok(Cow::Borrowed(value)),
                Input::Scope(scope) => Ok(Cow::Owned(scope.all())),
            },
            Node::Field(name) => match input {
                Input::Value(value) => match &value.data {
                    Data::Map(map) => map.get(name).map(Cow::Borrowed).ok_or(Fault::NotFound(node)),
                    Data::Unknown(_) => Ok(Cow::Borrowed(value)),
                    _ => Ok(Cow::Borrowed(&NOTHING)),
                },
                Input::Scope(scope) => scope.get(name)?.map(Cow::Owned).ok_or(Fault::NotFound(node)),
            },
            Node::Literal(value) => Ok(Cow::Owned(value.clone())),
            Node::Sub(left, right) => match self.execute(left, input)? {
                Cow::Borrowed(left) => self.execute(right, Input::Value(left)),
                Cow::Owned(left) => owned(self.execute(right, Input::Value(&left))).map(Cow::Owned),
            },
            Node::Index(index) => match input {
                Input::Value(value) => match &value.data {
                    Data::List(items) => {
                        let at = if *index < 0 {
                            items.len().checked_sub(usize::try_from(index.unsigned_abs()).unwrap_or(usize::MAX))
                        } else {
                            usize::try_from(*index).ok()
                        };
                        Ok(Cow::Borrowed(at.and_then(|at| items.get(at)).unwrap_or(&NOTHING)))
                    }
                    Data::Unknown(_) => Ok(Cow::Borrowed(value)),
                    _ => Ok(Cow::Borrowed(&NOTHING)),
                },
                Input::Scope(_) => Ok(Cow::Borrowed(&NOTHING)),
            },
            Node::Slice(parts) => match input {
                Input::Value(value) => match &value.data {
                    Data::List(items) => Ok(Cow::Owned(Value::list(slice(items, *parts)?, value.span))),
                    Data::Unknown(_) => Ok(Cow::Borrowed(value)),
                    _ => Ok(Cow::Borrowed(&NOTHING)),
                },
                Input::Scope(_) => Ok(Cow::Borrowed(&NOTHING)),
            },
            Node::Projection(left, right) => self.projection(or_null(self.execute(left, input))?, right),
            Node::ValueProjection(left, right) => self.value_projection(forgiven(self.execute(left, input))?, right),
            Node::Filter(filter) => self.filter(forgiven(self.execute(&filter.left, input))?, filter),
            Node::Flatten(inner) => self.flatten(forgiven(self.execute(inner, input))?),
            Node::Compare(comparison, left, right) => {
                let left = or_null(self.execute(left, input))?;
                let right = or_null(self.execute(right, input))?;
                Ok(Cow::Owned(self.compare(*comparison, &left, &right)?))
            }
            Node::Or(left, right) => {
                let left = or_null(self.execute(left, input))?;
                if is_false(&left)? { or_null(self.execute(right, input)) } else { Ok(left) }
            }
            Node::And(left, right) => {
                let left = or_null(self.execute(left, input))?;
                if is_false(&left)? { Ok(left) } else { self.execute(right, input) }
            }
            Node::Not(inner) => {
                let inner = or_null(self.execute(inner, input))?;
                Ok(Cow::Owned(Value::bool(is_false(&inner)?, Span::NONE)))
            }
            Node::Pipe(left, right) => match or_null(self.execute(left, input))? {
                Cow::Borrowed(left) => or_null(self.execute(right, Input::Value(left))),
                Cow::Owned(left) => owned(or_null(self.execute(right, Input::Value(&left)))).map(Cow::Owned),
            },
            Node::List(items) => {
                if matches!(input, Input::Value(value) if value.is_null()) {
                    return Ok(Cow::Borrowed(&NOTHING));
                }
                let mut list = Vec::with_capacity(items.len());
                for item in items {
                    list.push(owned(or_null(self.execute(item, input)))?);
                }
                Ok(Cow::Owned(Value::list(list, Span::NONE)))
            }
            Node::Hash(entries) => {
                if matches!(input, Input::Value(value) if value.is_null()) {
                    return Ok(Cow::Borrowed(&NOTHING));
                }
                let mut map = Map::new();
                for (key, value) in entries {
                    let value = owned(or_null(self.execute(value, input)))?;
                    map.insert(Arc::clone(key), Span::NONE, value);
                }
                Ok(Cow::Owned(Value::map(map, Span::NONE)))
            }
            Node::Reference(_) => Err(JmesError::wrong("`&` stands before no argument that is an expression").into()),
            Node::Call(call) => self.call(call, input).map(Cow::Owned),
        }
    }

    fn projection<'n, 'v>(&self, left: Cow<'v, Value>, right: &'n Node) -> Found<'n, 'v> {
        let Data::List(items) = &left.data else { return Ok(if left.is_unknown() { left } else { Cow::Borrowed(&NOTHING) }) };
        if matches!(right, Node::Current) && !items.iter().any(|item| matches!(item.data, Data::Null | Data::Unknown(_))) {
            self.evaluation.step(items.len() as u64)?;
            return Ok(left);
        }
        let mut collected = Vec::with_capacity(items.len());
        for item in items.iter() {
            push(&mut collected, or_null(self.execute(right, Input::Value(item)))?)?;
        }
        Ok(Cow::Owned(Value::list(collected, left.span)))
    }

    /// The original applies the right side to null first, as often as there are values; what that gives is seen where it is not null.
    fn value_projection<'n, 'v>(&self, left: Cow<'v, Value>, right: &'n Node) -> Found<'n, 'v> {
        let Data::Map(map) = &left.data else { return Ok(if left.is_unknown() { left } else { Cow::Borrowed(&NOTHING) }) };
        let mut collected = Vec::with_capacity(map.len());
        if !matches!(right, Node::Current | Node::Field(_)) && !map.is_empty() {
            let first = owned(or_null(self.execute(right, Input::Value(&NOTHING))))?;
            if !first.is_null() {
                collected.resize(map.len(), first);
            }
        }
        for item in map.values() {
            push(&mut collected, or_null(self.execute(right, Input::Value(item)))?)?;
        }
        Ok(Cow::Owned(Value::list(collected, left.span)))
    }

    fn filter<'n, 'v>(&self, left: Cow<'v, Value>, filter: &'n Filter) -> Found<'n, 'v> {
        let Data::List(items) = &left.data else { return Ok(if left.is_unknown() { left } else { Cow::Borrowed(&NOTHING) }) };
        let mut collected = Vec::new();
        for item in items.iter() {
            let fits = or_null(self.execute(&filter.condition, Input::Value(item)))?;
            if !is_false(&fits)? {
                push(&mut collected, or_null(self.execute(&filter.right, Input::Value(item)))?)?;
            }
        }
        Ok(Cow::Owned(Value::list(collected, left.span)))
    }

    fn flatten<'n, 'v>(&self, left: Cow<'v, Value>) -> Found<'n, 'v> {
        let Data::List(items) = &left.data else { return Ok(if left.is_unknown() { left } else { Cow::Borrowed(&NOTHING) }) };
        if !items.iter().any(|item| matches!(item.data, Data::List(_) | Data::Unknown(_))) {
            return Ok(left);
        }
        let mut flat = Vec::with_capacity(items.len());
        for item in items.iter() {
            match &item.data {
                Data::List(inner) => {
                    self.evaluation.step(inner.len() as u64)?;
                    flat.extend(inner.iter().cloned());
                }
                Data::Unknown(unknown) => return Err(JmesError::from(&**unknown).into()),
                _ => flat.push(item.clone()),
            }
        }
        Ok(Cow::Owned(Value::list(flat, left.span)))
    }

    fn compare(&self, comparison: Comparison, left: &Value, right: &Value) -> Result<Value, JmesError> {
        let answer = match comparison {
            Comparison::Equal => equal(left, right, self.evaluation)?,
            Comparison::NotEqual => !equal(left, right, self.evaluation)?,
            ordering => {
                if let Some(unknown) = left.as_unknown().or(right.as_unknown()) {
                    return Err(JmesError::from(unknown));
                }
                let (Data::Number(left), Data::Number(right)) = (&left.data, &right.data) else { return Ok(NULL) };
                match ordering {
                    Comparison::Less => left < right,
                    Comparison::LessEqual => left <= right,
                    Comparison::Greater => left > right,
                    _ => left >= right,
                }
            }
        };
        Ok(Value::bool(answer, Span::NONE))
    }

    fn call<'n>(&self, call: &'n Call, input: Input<'_, '_>) -> Result<Value, Fault<'n>> {
        let function = call.function;
        if let Body::Expression { expression, list, run } = &function.body {
            let (Some(Node::Reference(inner)), Some(list)) = (call.arguments.get(*expression), call.arguments.get(*list)) else {
                return Err(
                    JmesError::wrong(format!("argument {} of `{}` is no expression after `&`", expression + 1, function.name)).into()
                );
            };
            let items = or_null(self.execute(list, input))?;
            if let Some(unknown) = items.as_unknown() {
                return Err(JmesError::from(unknown).into());
            }
            let Some(items) = items.as_list() else {
                return Err(self.refused(call, if *expression == 0 { 1 } else { 0 }, &items, input).into());
            };
            let mut found = Vec::with_capacity(items.len());
            // Where there is nothing to choose from, nothing is asked.
            let asked = if *expression == 0 || items.len() > 1 { items } else { &[] };
            for item in asked {
                found.push(match self.execute(inner, Input::Value(item)) {
                    Ok(value) => Some(value.into_owned()),
                    Err(Fault::NotFound(_)) => None,
                    Err(other) => return Err(other),
                });
            }
            return Ok(run(items, found)?);
        }
        let mut arguments = Vec::with_capacity(call.arguments.len());
        for argument in &call.arguments {
            arguments.push(owned(or_null(self.execute(argument, input)))?);
        }
        for (position, argument) in arguments.iter().enumerate() {
            if let Some(unknown) = argument.as_unknown() {
                return Err(JmesError::from(unknown).into());
            }
            if !function.accepts(position, argument) {
                return Err(self.refused(call, position, argument, input).into());
            }
        }
        match &function.body {
            Body::Plain(run) => Ok(run(&arguments, self.evaluation)?),
            Body::Regex(run) => {
                let pattern = arguments.first().and_then(Value::as_str).unwrap_or_default();
                match &call.regex {
                    Some(regex) => Ok(run(regex, &arguments, self.evaluation)?),
                    None => Ok(run(&self.evaluation.regex(function.name, pattern)?, &arguments, self.evaluation)?),
                }
            }
            Body::Expression { .. } => Err(JmesError::wrong(format!("`{}` cannot be called", function.name)).into()),
        }
    }

    /// Why a function does not take an argument; where the argument is a path that does not exist, that is why.
    fn refused(&self, call: &Call, position: usize, argument: &Value, input: Input<'_, '_>) -> JmesError {
        let function = call.function;
        let mut message =
            format!("argument {} of `{}` is {}, not {}", position + 1, function.name, kind_of(argument), function.wanted(position));
        if argument.is_null()
            && let Some(node) = call.arguments.get(position)
            && let Err(Fault::NotFound(key)) = self.execute(node, input)
        {
            message = format!("{message} ({})", missing(node, key));
        }
        JmesError::wrong(message)
    }
}

/// The name of a value's type in the words of JMESPath.
pub(super) fn kind_of(value: &Value) -> &'static str {
    match value.data {
        Data::Null => "null",
        Data::Bool(_) => "boolean",
        Data::Number(_) => "number",
        Data::String(_) => "string",
        Data::List(_) => "array",
        Data::Map(_) => "object",
        Data::Unknown(_) => "unknown",
    }
}

/// Whether two values are equal; unknown parts decide nothing.
pub(super) fn equal(left: &Value, right: &Value, evaluation: &Evaluation<'_>) -> Result<bool, JmesError> {
    evaluation.step(1)?;
    Ok(match (&left.data, &right.data) {
        (Data::Unknown(unknown), other) | (other, Data::Unknown(unknown)) => {
            if unknown.set && matches!(other, Data::Null) {
                return Ok(false);
            }
            return Err(JmesError::from(&**unknown));
        }
        (Data::List(left), Data::List(right)) => {
            if Arc::ptr_eq(left, right) && !left.iter().any(|item| item.find_unknown().is_some()) {
                return Ok(true);
            }
            if left.len() != right.len() {
                return Ok(false);
            }
            let mut undecided = None;
            for (left, right) in left.iter().zip(right.iter()) {
                match equal(left, right, evaluation) {
                    Ok(true) => {}
                    Ok(false) => return Ok(false),
                    Err(error) if error.is_unknown() => undecided = Some(error),
                    Err(error) => return Err(error),
                }
            }
            return undecided.map_or(Ok(true), Err);
        }
        (Data::Map(left), Data::Map(right)) => {
            if left.len() != right.len() {
                return Ok(false);
            }
            let mut undecided = None;
            for (key, entry) in left.iter() {
                let Some(other) = right.get(key) else { return Ok(false) };
                match equal(&entry.value, other, evaluation) {
                    Ok(true) => {}
                    Ok(false) => return Ok(false),
                    Err(error) if error.is_unknown() => undecided = Some(error),
                    Err(error) => return Err(error),
                }
            }
            return undecided.map_or(Ok(true), Err);
        }
        (left, right) => left == right,
    })
}

/// Items of a list by start, stop and step, as Python slices.
fn slice(items: &[Value], [start, stop, step]: [Option<i64>; 3]) -> Result<Vec<Value>, JmesError> {
    let length = i64::try_from(items.len()).unwrap_or(i64::MAX);
    let step = step.unwrap_or(1);
    if step == 0 {
        return Err(JmesError::wrong("the step of a slice is 0"));
    }
    let capped = |at: i64| {
        if at < 0 {
            let at = at.saturating_add(length);
            if at >= 0 {
                at
            } else if step < 0 {
                -1
            } else {
                0
            }
        } else if at >= length {
            if step < 0 { length - 1 } else { length }
        } else {
            at
        }
    };
    let start = start.map_or(if step < 0 { length - 1 } else { 0 }, capped);
    let stop = stop.map_or(if step < 0 { -1 } else { length }, capped);
    let mut found = Vec::new();
    let mut at = start;
    while if step > 0 { at < stop } else { at > stop } {
        if let Some(item) = usize::try_from(at).ok().and_then(|at| items.get(at)) {
            found.push(item.clone());
        }
        at = at.saturating_add(step);
    }
    Ok(found)
}

/// A number as a value: whole where it can be.
pub(super) fn number(value: f64) -> Value {
    Value::new(Data::Number(Number::from_f64(value)), Span::NONE)
}
