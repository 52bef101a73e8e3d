//! JSON Patch: keys as parts of a pointer (RFC 6901).

use super::args::{cost_of_text, text};
use crate::{Call, CelError, Function, Library, Overload, Value};

/// The library.
pub static LIBRARY: Library = Library::new(
    "kubernetes.jsonpatch",
    &[Function::new(
        "jsonpatch.escapeKey",
        &[Overload::new("string_jsonpatch_escapeKey_string", "jsonpatch.escapeKey(string) -> string", escape_key).cost(cost_of_text)],
    )],
);

fn escape_key(_: &mut Call<'_>, args: &[Value]) -> Result<Value, CelError> {
    Ok(text(args, 0)?.replace('~', "~0").replace('/', "~1").into())
}
