//! Runs plans.
//!
//! **Invariant:** an error or unknown is absorbed only where the language says so (`&&`, `||`, the comprehensions made of them, unused
//! bindings); a limit never is.

mod access;
mod calls;

pub(crate) use calls::accepts;

use std::cmp::Ordering;
use std::sync::Arc;

use indexmap::IndexMap;

use crate::ast::operator;
use crate::plan::{Binary, Fold, Node, Plan, Step, StructNode};
use crate::standard::{operators, traversal};
use crate::value::{Key, List, Map, Value};
use crate::{Activation, Call, CelError, ErrorKind};

type Given = Result<Value, CelError>;

/// What a local variable holds.
#[derive(Debug)]
enum Local<'a> {
    /// Nothing yet.
    Empty,
    /// A value, or why it has none.
    Known(Given),
    /// Computed when it is first asked for.
    Pending(&'a Node),
}

/// One evaluation.
struct Evaluation<'a, 'c> {
    activation: &'a dyn Activation,
    locals: Vec<Local<'a>>,
    call: Call<'c>,
}

/// How deep instructions may nest, those of expressions that compute variables of others included.
const DEPTH: u32 = 600;

/// Runs a plan.
pub(crate) fn run<'c>(plan: &Plan, activation: &dyn Activation, call: Call<'c>) -> Given {
    let mut locals = Vec::new();
    locals.resize_with(plan.locals, || Local::Empty);
    Evaluation { activation, locals, call }.node(&plan.root)
}

/// What it costs to take a part of something that is no variable or part of one: cel-go makes a root for the way there.
fn root(operand: &Node) -> u64 {
    let rooted = matches!(
        operand.step,
        Step::Variable(..) | Step::Local(_) | Step::Fields(..) | Step::Index(..) | Step::OptionalField(..) | Step::Conditional(_)
    );
    u64::from(!rooted)
}

/// The type of a value, for a message.
fn shown(value: &Value) -> String {
    value.type_of().to_string()
}

fn no_overload(function: &str, values: &[&Value]) -> CelError {
    let types: Vec<String> = values.iter().map(|value| shown(value)).collect();
    CelError::new(ErrorKind::NoSuchOverload, format!("no such overload: {function} applied to ({})", types.join(", ")))
}

impl<'a> Evaluation<'a, '_> {
    fn spend(&mut self, cost: u64) -> Result<(), CelError> {
        self.call.budget.spend(cost)
    }

    /// The value of an instruction; an error knows the innermost place it came from.
    fn node(&mut self, node: &'a Node) -> Given {
        match &node.step {
            Step::Literal(value) => Ok(value.clone()),
            Step::Local(slot) => {
                self.spend(1)?;
                self.local(*slot)
            }
            _ => {
                self.call.budget.enter(DEPTH)?;
                let result = self.step(node).map_err(|error| error.placed(node.at));
                self.call.budget.leave();
                result
            }
        }
    }

    fn step(&mut self, node: &'a Node) -> Given {
        match &node.step {
            Step::Literal(value) => Ok(value.clone()),
            Step::Local(slot) => self.local(*slot),
            Step::Variable(slot, name) => self.variable(*slot, name),
            Step::Undeclared(name) => {
                Err(CelError::new(ErrorKind::Undeclared, format!("undeclared reference to '{name}' (in container '')")))
            }
            Step::Fields(operand, fields) => {
                let value = self.node(operand)?;
                self.spend(fields.len() as u64 + root(operand))?;
                self.fields(value, fields)
            }
            Step::Test(operand, field) => {
                let value = self.node(operand)?;
                self.spend(root(operand))?;
                self.present(&value, field).map(Value::Bool)
            }
            Step::OptionalField(operand, field) => {
                let value = self.node(operand)?;
                self.spend(1 + root(operand))?;
                self.optional_field(&value, field)
            }
            Step::Index(parts, optional) => {
                let value = self.node(&parts.0)?;
                let index = self.node(&parts.1)?;
                self.spend(1 + root(&parts.0))?;
                access::index(&value, &index, *optional)
            }
            Step::And(terms) => self.logical(terms, false),
            Step::Or(terms) => self.logical(terms, true),
            Step::Not(operand) => {
                let value = self.node(operand)?;
                self.spend(1)?;
                value.as_bool().map(|value| Value::Bool(!value)).ok_or_else(|| no_overload(operator::NOT, &[&value]))
            }
            Step::Negate(operand) => {
                let value = self.node(operand)?;
                self.spend(1)?;
                operators::negate(&value)
            }
            Step::NotStrictlyFalse(operand) => {
                let value = self.node(operand);
                self.spend(1)?;
                match value {
                    Err(error) if error.is_limit() => Err(error),
                    Ok(Value::Bool(false)) => Ok(Value::Bool(false)),
                    _ => Ok(Value::Bool(true)),
                }
            }
            Step::Conditional(parts) => match self.node(&parts.0)? {
                Value::Bool(true) => self.branch(&parts.1),
                Value::Bool(false) => self.branch(&parts.2),
                other => Err(no_overload(operator::CONDITIONAL, &[&other])),
            },
            Step::Binary(binary, parts) => {
                let left = self.node(&parts.0)?;
                let right = self.node(&parts.1)?;
                self.binary(*binary, left, right)
            }
            Step::Call(call) => self.function(call),
            Step::Otherwise(parts, value) => self.otherwise(&parts.0, &parts.1, *value),
            Step::List(items) => self.list(items),
            Step::Map(entries) => self.map(entries),
            Step::Struct(parts) => self.object(parts),
            Step::Fold(fold) => self.fold(fold),
            Step::Bind(parts, slot) => {
                self.set(*slot, Local::Pending(&parts.0));
                self.node(&parts.1)
            }
            Step::Append(slot, item) => self.append(*slot, item),
            Step::Insert(slot, parts) => {
                let key = self.node(&parts.0)?;
                let value = self.node(&parts.1)?;
                self.spend(2)?;
                self.insert(*slot, vec![(key, value)])
            }
            Step::InsertAll(slot, entries) => {
                let entries = self.node(entries)?;
                self.spend(2)?;
                let Value::Map(entries) = entries else { return Err(no_overload("cel.@mapInsert", &[&entries])) };
                let entries = entries.entries().into_iter().map(|(key, value)| Ok((key, value?))).collect::<Result<_, CelError>>()?;
                self.insert(*slot, entries)
            }
        }
    }

    fn set(&mut self, slot: usize, local: Local<'a>) {
        if let Some(place) = self.locals.get_mut(slot) {
            *place = local;
        }
    }

    fn local(&mut self, slot: usize) -> Given {
        match self.locals.get(slot) {
            Some(Local::Known(value)) => value.clone(),
            Some(Local::Pending(node)) => {
                let node = *node;
                self.set(slot, Local::Empty);
                let value = self.node(node);
                self.set(slot, Local::Known(value.clone()));
                value
            }
            _ => Err(CelError::new(ErrorKind::Undeclared, "a variable has no value yet")),
        }
    }

    fn variable(&mut self, slot: usize, name: &Arc<str>) -> Given {
        self.spend(1)?;
        match self.activation.variable(slot, name, &mut self.call)? {
            Some(value) => Ok(value),
            None => Err(CelError::new(ErrorKind::Undeclared, format!("no such attribute(s): {name}"))),
        }
    }

    /// `&&` and `||`: one term that decides is enough, whatever the others are; an unknown goes before an error.
    fn logical(&mut self, terms: &'a [Node], decides: bool) -> Given {
        let mut unknown = None;
        let mut first = None;
        for term in terms {
            match self.node(term) {
                Ok(Value::Bool(value)) if value == decides => return Ok(Value::Bool(decides)),
                Ok(Value::Bool(_)) => {}
                Ok(other) => {
                    let function = if decides { operator::OR } else { operator::AND };
                    first.get_or_insert_with(|| no_overload(function, &[&other]).placed(term.at));
                }
                Err(error) if error.is_limit() => return Err(error),
                Err(error) if error.is_unknown() => {
                    unknown.get_or_insert(error);
                }
                Err(error) => {
                    first.get_or_insert(error);
                }
            }
        }
        unknown.or(first).map_or(Ok(Value::Bool(!decides)), Err)
    }

    fn binary(&mut self, binary: Binary, left: Value, right: Value) -> Given {
        self.spend(binary_cost(binary, &left, &right))?;
        let ordered = |wanted: fn(Ordering) -> bool| operators::order(&left, &right).map(|order| Value::Bool(order.is_some_and(wanted)));
        let (function, result) = match binary {
            Binary::Equals => return left.equals(&right).map(Value::Bool),
            Binary::NotEquals => return left.equals(&right).map(|same| Value::Bool(!same)),
            Binary::Add => {
                // The values are used up; their types are kept for the message.
                let (first, second) = (left.kind(), right.kind());
                return operators::add(&mut self.call, left, right).map_err(|error| match error.kind() {
                    ErrorKind::NoSuchOverload => CelError::new(
                        ErrorKind::NoSuchOverload,
                        format!("no such overload: {} applied to ({first}, {second})", operator::ADD),
                    ),
                    _ => error,
                });
            }
            Binary::Subtract => (operator::SUBTRACT, operators::subtract(&left, &right)),
            Binary::Multiply => (operator::MULTIPLY, operators::multiply(&left, &right)),
            Binary::Divide => (operator::DIVIDE, operators::divide(&left, &right)),
            Binary::Modulo => (operator::MODULO, operators::modulo(&left, &right)),
            Binary::Less => (operator::LESS, ordered(Ordering::is_lt)),
            Binary::LessEquals => (operator::LESS_EQUALS, ordered(Ordering::is_le)),
            Binary::Greater => (operator::GREATER, ordered(Ordering::is_gt)),
            Binary::GreaterEquals => (operator::GREATER_EQUALS, ordered(Ordering::is_ge)),
            Binary::In => (operator::IN, access::within(&left, &right)),
        };
        result.map_err(|error| match error.kind() {
            ErrorKind::NoSuchOverload => no_overload(function, &[&left, &right]),
            _ => error,
        })
    }

    /// A branch of a choice: cel-go does not count the way to a variable there.
    fn branch(&mut self, node: &'a Node) -> Given {
        let result = self.node(node);
        if matches!(node.step, Step::Variable(..) | Step::Local(_) | Step::Fields(..) | Step::Index(..) | Step::OptionalField(..)) {
            self.call.budget.refund(1);
        }
        result
    }

    fn otherwise(&mut self, target: &'a Node, other: &'a Node, value: bool) -> Given {
        match self.node(target)? {
            Value::Optional(Some(held)) if value => Ok(Value::clone(&held)),
            held @ Value::Optional(Some(_)) => Ok(held),
            target @ Value::Optional(None) => match self.node(other)? {
                found if value => Ok(found),
                found @ Value::Optional(_) => Ok(found),
                found => Err(no_overload("or", &[&target, &found])),
            },
            other => Err(no_overload(if value { "orValue" } else { "or" }, &[&other])),
        }
    }

    fn list(&mut self, items: &'a [(Node, bool)]) -> Given {
        self.call.allocate(items.len() * size_of::<Value>())?;
        let mut found = Vec::with_capacity(items.len());
        for (item, optional) in items {
            match (self.node(item)?, optional) {
                (value, false) => found.push(value),
                (Value::Optional(Some(value)), true) => found.push(Value::clone(&value)),
                (Value::Optional(None), true) => {}
                (other, true) => return Err(not_optional(&other)),
            }
        }
        self.spend(10)?;
        Ok(Value::list(found))
    }

    fn map(&mut self, entries: &'a [(Node, Node, bool)]) -> Given {
        self.call.allocate(entries.len() * (size_of::<Value>() + size_of::<Key>()))?;
        let mut found = IndexMap::with_capacity(entries.len());
        for (key, value, optional) in entries {
            let key = key_of(&self.node(key)?)?;
            let value = match (self.node(value)?, optional) {
                (value, false) => value,
                (Value::Optional(Some(value)), true) => Value::clone(&value),
                (Value::Optional(None), true) => continue,
                (other, true) => return Err(not_optional(&other)),
            };
            if found.contains_key(&key) {
                return Err(CelError::invalid(format!("failed with repeated key: {key}")));
            }
            found.insert(key, value);
        }
        self.spend(30)?;
        Ok(Value::Map(Map::Values(Arc::new(found))))
    }

    fn object(&mut self, parts: &'a StructNode) -> Given {
        let mut fields = Vec::with_capacity(parts.fields.len());
        for (name, value, optional) in &parts.fields {
            match (self.node(value)?, optional) {
                (value, false) => fields.push((Arc::clone(name), value)),
                (Value::Optional(Some(value)), true) => fields.push((Arc::clone(name), Value::clone(&value))),
                (Value::Optional(None), true) => {}
                (other, true) => return Err(not_optional(&other)),
            }
        }
        self.spend(40)?;
        match &parts.provider {
            Some(provider) => provider.construct(&parts.name, fields),
            None => Err(CelError::new(ErrorKind::Undeclared, format!("undeclared reference to '{}' (in container '')", parts.name))),
        }
    }

    fn fold(&mut self, fold: &'a Fold) -> Given {
        let range = self.node(&fold.range)?;
        self.set(fold.accumulator, Local::Pending(&fold.init));
        match &range {
            Value::List(list) => {
                for (index, item) in list.iter().enumerate() {
                    let index = Value::Int(i64::try_from(index).unwrap_or(i64::MAX));
                    let going = match fold.second {
                        Some(second) => {
                            self.set(second, Local::Known(item));
                            self.turn(fold, Ok(index))?
                        }
                        None => self.turn(fold, item)?,
                    };
                    if !going {
                        break;
                    }
                }
            }
            Value::Map(map) => {
                for (key, value) in map.entries() {
                    if let Some(second) = fold.second {
                        self.set(second, Local::Known(value));
                    }
                    if !self.turn(fold, Ok(key))? {
                        break;
                    }
                }
            }
            other => {
                return Err(CelError::new(ErrorKind::NoSuchOverload, format!("got '{}', expected iterable type", shown(other))));
            }
        }
        self.node(&fold.result)
    }

    /// One item; whether to go on.
    fn turn(&mut self, fold: &'a Fold, item: Given) -> Result<bool, CelError> {
        self.call.step()?;
        if let Some(condition) = &fold.condition {
            match self.node(condition) {
                Ok(Value::Bool(false)) => return Ok(false),
                Err(error) if error.is_limit() => return Err(error),
                _ => {}
            }
        }
        self.set(fold.variable, Local::Known(item));
        let next = self.node(&fold.step);
        match &next {
            Err(error) if fold.strict || error.is_limit() => return Err(error.clone()),
            _ => self.set(fold.accumulator, Local::Known(next)),
        }
        Ok(true)
    }

    /// Takes the value out of a slot, so that it may be changed in place.
    fn take(&mut self, slot: usize) -> Given {
        let value = self.local(slot)?;
        self.set(slot, Local::Empty);
        Ok(value)
    }

    fn append(&mut self, slot: usize, item: &'a Node) -> Given {
        let item = self.node(item)?;
        self.spend(12)?;
        self.call.allocate(size_of::<Value>())?;
        match self.take(slot)? {
            Value::List(List::Values(mut items)) => {
                match Arc::get_mut(&mut items) {
                    Some(items) => items.push(item),
                    None => {
                        let mut copy = Vec::with_capacity(items.len() + 1);
                        copy.extend_from_slice(&items);
                        copy.push(item);
                        items = Arc::new(copy);
                    }
                }
                Ok(Value::List(List::Values(items)))
            }
            other => operators::add(&mut self.call, other, Value::list(vec![item])),
        }
    }

    fn insert(&mut self, slot: usize, entries: Vec<(Value, Value)>) -> Given {
        self.call.allocate(entries.len() * (size_of::<Value>() + size_of::<Key>()))?;
        let mut map = match self.take(slot)? {
            Value::Map(Map::Values(map)) => map,
            other => return Err(no_overload("cel.@mapInsert", &[&other])),
        };
        let inner = Arc::make_mut(&mut map);
        for (key, value) in entries {
            let key = key_of(&key)?;
            if inner.contains_key(&key) {
                return Err(CelError::invalid(format!("insert failed: key {key} already exists")));
            }
            inner.insert(key, value);
        }
        Ok(Value::Map(Map::Values(map)))
    }
}

/// What an operator costs.
fn binary_cost(binary: Binary, left: &Value, right: &Value) -> u64 {
    let text = |value: &Value| matches!(value, Value::String(_) | Value::Bytes(_));
    match binary {
        Binary::Equals | Binary::NotEquals => traversal(left.size().min(right.size())),
        Binary::Less | Binary::LessEquals | Binary::Greater | Binary::GreaterEquals if text(left) && text(right) => {
            traversal(left.size().min(right.size()))
        }
        Binary::Add if text(left) && text(right) => traversal(left.size().saturating_add(right.size())),
        Binary::In if matches!(right, Value::List(_)) => right.size(),
        _ => 1,
    }
}

fn not_optional(value: &Value) -> CelError {
    CelError::new(ErrorKind::NoSuchOverload, format!("cannot initialize optional entry from non-optional value of type '{}'", shown(value)))
}

/// The key of a map under construction.
fn key_of(value: &Value) -> Result<Key, CelError> {
    match value {
        Value::Double(_) => None,
        other => Key::of(other),
    }
    .ok_or_else(|| CelError::invalid(format!("unsupported key type: {}", shown(value))))
}
