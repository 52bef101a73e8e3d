//! Entries of the global context.

use probity_core::{LookupError, Question};

use super::Receiver;
use crate::libraries::args::text;
use crate::{Call, CelError, Constant, Function, Library, Overload, Value};

/// The library.
pub static LIBRARY: Library = Library::new(
    "kyverno.globalcontext",
    &[
        Function::new(
            "Get",
            &[
                Overload::new("globalcontext_get_string_pascal", "globalcontext.Context.Get(string) -> dyn", get),
                Overload::new("globalcontext_get_string_string_pascal", "globalcontext.Context.Get(string, string) -> dyn", get),
            ],
        ),
        Function::new(
            "get",
            &[
                Overload::new("globalcontext_get_string_camel", "globalcontext.Context.get(string) -> dyn", get),
                Overload::new("globalcontext_get_string_string_camel", "globalcontext.Context.get(string, string) -> dyn", get),
            ],
        ),
    ],
)
.with_constants(&[Constant {
    name: "globalContext",
    type_name: "globalcontext.Context",
    value: || Value::opaque(Receiver("globalcontext.Context")),
}]);

/// An entry that is known not to exist is null.
fn get(call: &mut Call<'_>, args: &[Value]) -> Result<Value, CelError> {
    let projection = if args.len() > 2 { text(args, 2)? } else { "" };
    match call.context.lookup.ask(&Question::Global { name: text(args, 1)?.into(), projection: projection.into() }) {
        Ok(answer) => Value::view(&answer),
        Err(LookupError::Absent(_)) => Ok(Value::Null),
        Err(error) => Err(error.into()),
    }
}
