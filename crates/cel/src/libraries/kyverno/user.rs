//! Users that are service accounts.

use std::sync::Arc;

use crate::libraries::args::text;
use crate::value::Object;
use crate::{Call, CelError, Function, Library, Overload, Value};

/// The library.
pub static LIBRARY: Library = Library::new(
    "kyverno.user",
    &[
        Function::new(
            "parseServiceAccount",
            &[Overload::new("parse_service_account_string_non_prefixed", "parseServiceAccount(string) -> dyn", parse)],
        ),
        Function::new(
            "user.parseServiceAccount",
            &[Overload::new("parse_service_account_string_prefixed", "user.parseServiceAccount(string) -> dyn", parse)],
        ),
    ],
);

/// `Name` and `Namespace`, both empty where the user is no service account.
fn parse(_: &mut Call<'_>, args: &[Value]) -> Result<Value, CelError> {
    let found = text(args, 0)?.strip_prefix("system:serviceaccount:").and_then(|rest| rest.split_once(':'));
    let (namespace, name) = found.unwrap_or_default();
    Ok(Value::Object(Arc::new(Object {
        type_name: "user.ServiceAccount".into(),
        fields: vec![("Name".into(), name.into()), ("Namespace".into(), namespace.into())],
    })))
}
