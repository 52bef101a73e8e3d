//! Calls of functions: the overload is chosen by the values.

use super::{Evaluation, Given, shown};
use crate::environment::OverloadDeclaration;
use crate::plan::CallNode;
use crate::value::{Map, Value};
use crate::{CelError, ErrorKind, Type};

impl<'a> Evaluation<'a, '_> {
    pub(super) fn function(&mut self, node: &'a CallNode) -> Given {
        match node.args.as_slice() {
            [] => self.overload(node, &[]),
            [one] => {
                let args = [self.node(one)?];
                self.overload(node, &args)
            }
            [first, second] => {
                let args = [self.node(first)?, self.node(second)?];
                self.overload(node, &args)
            }
            more => {
                let args = more.iter().map(|arg| self.node(arg)).collect::<Result<Vec<Value>, CelError>>()?;
                self.overload(node, &args)
            }
        }
    }

    fn overload(&mut self, node: &CallNode, args: &[Value]) -> Given {
        let mut candidates = node.candidates.iter().filter_map(|index| node.function.overloads.get(*index));
        let Some(found) = candidates.find(|overload| takes(overload, args)) else { return Err(no_overload(node, args)) };
        let Some(call) = found.call else {
            return Err(CelError::new(ErrorKind::Undeclared, format!("unbound overload: {}", found.id)));
        };
        let result = call(&mut self.call, args).map_err(|error| match error.kind() {
            ErrorKind::NoSuchOverload => no_overload(node, args),
            _ => error,
        });
        let cost = match (&result, found.cost) {
            (Ok(value), Some(cost)) => cost(args, value),
            (Err(_), Some(cost)) => cost(args, &Value::Null),
            (_, None) => 1,
        };
        self.call.budget.spend(cost)?;
        result
    }
}

fn no_overload(node: &CallNode, args: &[Value]) -> CelError {
    let types: Vec<String> = args.iter().map(shown).collect();
    CelError::new(ErrorKind::NoSuchOverload, format!("no such overload: {} applied to ({})", node.name, types.join(", ")))
}

fn takes(overload: &OverloadDeclaration, args: &[Value]) -> bool {
    overload.signature.args.len() == args.len()
        && (overload.unguarded || overload.signature.args.iter().zip(args).all(|(wanted, value)| accepts(wanted, value)))
}

/// Whether a value may be one of a type; of lists and maps, the first item tells.
pub(crate) fn accepts(wanted: &Type, value: &Value) -> bool {
    match (wanted, value) {
        (Type::Dyn | Type::Param(_) | Type::Error, _)
        | (Type::Null, Value::Null)
        | (Type::Bool, Value::Bool(_))
        | (Type::Int, Value::Int(_))
        | (Type::Uint, Value::Uint(_))
        | (Type::Double, Value::Double(_))
        | (Type::String, Value::String(_))
        | (Type::Bytes, Value::Bytes(_))
        | (Type::Timestamp, Value::Timestamp(_))
        | (Type::Duration, Value::Duration(_))
        | (Type::Type(_), Value::Type(_))
        | (Type::Wrapper(_), Value::Null) => true,
        (Type::Wrapper(inner), value) => accepts(inner, value),
        (Type::List(item), Value::List(list)) => simple(item) || list.get(0).ok().flatten().is_none_or(|first| accepts(item, &first)),
        (Type::Map(pair), Value::Map(map)) => match map {
            Map::View(_) => matches!(pair.0, Type::Dyn | Type::Param(_) | Type::String),
            Map::Values(entries) => entries.first().is_none_or(|(key, value)| accepts(&pair.0, &key.value()) && accepts(&pair.1, value)),
        },
        (Type::Opaque(name, _), Value::Optional(_)) => &**name == crate::types::OPTIONAL,
        (Type::Opaque(name, _), Value::Opaque(opaque)) => *opaque.type_of().name() == **name,
        (Type::Object(name), Value::Object(object)) => object.type_name == *name,
        (Type::Object(name), Value::Opaque(opaque)) => *opaque.type_of().name() == **name,
        // Objects with a schema are plain maps when they are judged.
        (Type::Object(_), Value::Map(_)) => true,
        _ => false,
    }
}

fn simple(item: &Type) -> bool {
    matches!(item, Type::Dyn | Type::Param(_))
}
