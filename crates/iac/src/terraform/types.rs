//! Type constraints of variables (`list(string)`, `object({ a = optional(bool, true) })`) and conversion of values to them.

use std::sync::Arc;

use probity_value::{Data, Entry, Map, Value};

use super::functions::{describe, to_bool, to_number, to_text};
use super::syntax::{Expr, ExprKind, parse_expression};

/// Nesting of types beyond which a type is taken as `any`.
const MAX_DEPTH: u32 = 64;

/// A type constraint.
#[derive(Clone, Debug)]
pub(crate) enum Type {
    Any,
    Bool,
    Number,
    Text,
    List(Box<Type>),
    Set(Box<Type>),
    Map(Box<Type>),
    Tuple(Vec<Type>),
    Object(Vec<Field>),
}

/// An attribute of an object type.
#[derive(Clone, Debug)]
pub(crate) struct Field {
    name: Arc<str>,
    kind: Type,
    optional: bool,
    default: Option<Arc<Expr>>,
}

impl Type {
    /// Reads a constraint. The error says what is wrong.
    pub(crate) fn read(expr: &Expr) -> Result<Type, String> {
        read_expr(expr, 0)
    }

    /// Converts a value, filling in defaults of optional attributes; unknown values pass. `evaluate` gives the value of a default.
    pub(crate) fn convert(&self, value: Value, evaluate: &dyn Fn(&Expr) -> Value) -> Result<Value, String> {
        let Value { data, span, origin, sensitive } = value;
        let whole = |data: Data| Value { data, span, origin: origin.clone(), sensitive };
        match (self, data) {
            (_, data @ (Data::Null | Data::Unknown(_))) | (Type::Any, data) => Ok(whole(data)),
            (Type::Text, data) => match to_text(&whole(data.clone())) {
                Some(text) => Ok(whole(Data::String(text))),
                None => Err(wanted("a string", &whole(data))),
            },
            (Type::Bool, data) => match to_bool(&whole(data.clone())) {
                Some(truth) => Ok(whole(Data::Bool(truth))),
                None => Err(wanted("a bool", &whole(data))),
            },
            (Type::Number, data) => match to_number(&whole(data.clone())) {
                Some(number) => Ok(whole(Data::Number(number))),
                None => Err(wanted("a number", &whole(data))),
            },
            (Type::List(inner), Data::List(items)) => {
                let items: Result<Vec<Value>, String> = items.iter().map(|item| inner.convert(item.clone(), evaluate)).collect();
                Ok(whole(Data::List(Arc::new(items?))))
            }
            (Type::Set(inner), Data::List(items)) => {
                let mut kept: Vec<Value> = Vec::with_capacity(items.len());
                for item in items.iter() {
                    kept.push(inner.convert(item.clone(), evaluate)?);
                }
                sort_set(&mut kept);
                Ok(whole(Data::List(Arc::new(kept))))
            }
            (Type::Tuple(types), Data::List(items)) => {
                if types.len() != items.len() {
                    return Err(format!("a tuple of {} items is expected, not of {}", types.len(), items.len()));
                }
                let items: Result<Vec<Value>, String> =
                    types.iter().zip(items.iter()).map(|(kind, item)| kind.convert(item.clone(), evaluate)).collect();
                Ok(whole(Data::List(Arc::new(items?))))
            }
            (Type::Map(inner), Data::Map(map)) => {
                let mut converted = Map::new();
                for (key, entry) in map.iter() {
                    let value = inner.convert(entry.value.clone(), evaluate).map_err(|error| format!("in `{key}`: {error}"))?;
                    converted.insert(Arc::clone(key), entry.key, value);
                }
                Ok(whole(Data::Map(Arc::new(converted))))
            }
            (Type::Object(fields), Data::Map(map)) => {
                let mut converted = Map::new();
                for field in fields {
                    let Entry { key, value } = match (map.entry(&field.name), &field.default) {
                        (Some(entry), None) => entry.clone(),
                        (Some(entry), Some(_)) if !entry.value.is_null() => entry.clone(),
                        (_, Some(default)) => Entry { key: default.span, value: evaluate(default) },
                        (None, None) if field.optional => Entry { key: span, value: Value::null(span) },
                        (None, None) => return Err(format!("the attribute `{}` is missing", field.name)),
                    };
                    let value = field.kind.convert(value, evaluate).map_err(|error| format!("in `{}`: {error}", field.name))?;
                    converted.insert(Arc::clone(&field.name), key, value);
                }
                Ok(whole(Data::Map(Arc::new(converted))))
            }
            (Type::List(_) | Type::Set(_) | Type::Tuple(_), data) => Err(wanted("a list", &whole(data))),
            (Type::Map(_) | Type::Object(_), data) => Err(wanted("a map", &whole(data))),
        }
    }
}

/// Brings the items of a set of scalars into Terraform's order, without repetition. Other items stay as they are.
fn sort_set(items: &mut Vec<Value>) {
    if items.iter().all(|item| item.as_str().is_some()) {
        items.sort_by(|a, b| a.as_str().cmp(&b.as_str()));
        items.dedup_by(|a, b| a == b);
    }
}

fn wanted(what: &str, found: &Value) -> String {
    format!("{what} is expected, not {}", describe(found))
}

fn read_expr(expr: &Expr, depth: u32) -> Result<Type, String> {
    if depth > MAX_DEPTH {
        return Err(format!("types nested more than {MAX_DEPTH} deep"));
    }
    match &expr.kind {
        ExprKind::Name(name) => match &**name {
            "any" => Ok(Type::Any),
            "bool" => Ok(Type::Bool),
            "number" => Ok(Type::Number),
            "string" => Ok(Type::Text),
            "list" => Ok(Type::List(Box::new(Type::Any))),
            "set" => Ok(Type::Set(Box::new(Type::Any))),
            "map" => Ok(Type::Map(Box::new(Type::Any))),
            _ => Err(format!("`{name}` is not a type")),
        },
        // The JSON form and configurations of Terraform 0.11 have types in quotes.
        ExprKind::String(text) => {
            let inner = parse_expression(text, expr.span).map_err(|problem| problem.message)?;
            if matches!(inner.kind, ExprKind::String(_)) { Err(format!("`{text}` is not a type")) } else { read_expr(&inner, depth + 1) }
        }
        ExprKind::Interpolation(inner) => read_expr(inner, depth + 1),
        ExprKind::Call(call) => {
            let [argument] = call.arguments.as_slice() else {
                return Err(format!("`{}` takes one type", call.name));
            };
            match &*call.name {
                "list" => Ok(Type::List(Box::new(read_expr(argument, depth + 1)?))),
                "set" => Ok(Type::Set(Box::new(read_expr(argument, depth + 1)?))),
                "map" => Ok(Type::Map(Box::new(read_expr(argument, depth + 1)?))),
                "tuple" => match &argument.kind {
                    ExprKind::List(items) => {
                        Ok(Type::Tuple(items.iter().map(|item| read_expr(item, depth + 1)).collect::<Result<_, _>>()?))
                    }
                    _ => Err("`tuple` takes a list of types".to_owned()),
                },
                "object" => match &argument.kind {
                    ExprKind::Object(items) => {
                        Ok(Type::Object(items.iter().map(|(key, kind)| field(key, kind, depth + 1)).collect::<Result<_, _>>()?))
                    }
                    _ => Err("`object` takes a map of types".to_owned()),
                },
                name => Err(format!("`{name}` is not a type")),
            }
        }
        _ => Err("a type is expected".to_owned()),
    }
}

fn field(key: &Expr, kind: &Expr, depth: u32) -> Result<Field, String> {
    let Some(name) = key.as_literal() else {
        return Err("the name of an attribute is plain text".to_owned());
    };
    if let ExprKind::Call(call) = &kind.kind
        && &*call.name == "optional"
    {
        let Some(inner) = call.arguments.first() else {
            return Err("`optional` takes a type".to_owned());
        };
        let default = call.arguments.get(1).map(|default| Arc::new(default.clone()));
        return Ok(Field { name: Arc::clone(name), kind: read_expr(inner, depth + 1)?, optional: true, default });
    }
    Ok(Field { name: Arc::clone(name), kind: read_expr(kind, depth + 1)?, optional: false, default: None })
}
