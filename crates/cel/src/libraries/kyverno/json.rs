//! JSON text.

use probity_value::{FileId, json};

use super::{Receiver, decoded};
use crate::libraries::args::{any, text};
use crate::libraries::json_text;
use crate::{Call, CelError, Constant, Function, Library, Overload, Value};

/// The library.
pub static LIBRARY: Library = Library::new(
    "kyverno.json",
    &[
        Function::new("unmarshal", &[Overload::new("unmarshal_string_dyn", "json.Json.unmarshal(dyn) -> dyn", unmarshal)]),
        Function::new("marshal", &[Overload::new("marshal_dyn_string", "json.Json.marshal(dyn) -> string", marshal)]),
    ],
)
.with_constants(&[Constant { name: "json", type_name: "json.Json", value: || Value::opaque(Receiver("json.Json")) }]);

fn unmarshal(call: &mut Call<'_>, args: &[Value]) -> Result<Value, CelError> {
    let text = text(args, 1)?;
    call.allocate(text.len().saturating_mul(4))?;
    let (value, problems) = json::parse(text, FileId::NONE);
    match problems.iter().find(|problem| problem.fatal) {
        Some(problem) => Err(CelError::invalid(format!("the text is no JSON: {}", problem.message))),
        None => decoded(&value),
    }
}

fn marshal(call: &mut Call<'_>, args: &[Value]) -> Result<Value, CelError> {
    let text = json_text::write(any(args, 1)?, json_text::Whole::Exact)?;
    call.allocate(text.len())?;
    Ok(text.into())
}
