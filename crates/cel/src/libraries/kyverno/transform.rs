//! Lists of objects to one map.

use crate::libraries::args::{list, text};
use crate::{Call, CelError, Function, Key, Library, Overload, Value};

/// The library.
pub static LIBRARY: Library = Library::new(
    "kyverno.transform",
    &[
        Function::new(
            "listObjToMap",
            &[Overload::new(
                "list_of_object_to_map_non_prefixed",
                "listObjToMap(list(dyn), list(dyn), string, string) -> map(dyn, dyn)",
                to_map,
            )],
        ),
        Function::new(
            "transform.listObjToMap",
            &[Overload::new(
                "list_of_object_to_map_prefixed",
                "transform.listObjToMap(list(dyn), list(dyn), string, string) -> map(dyn, dyn)",
                to_map,
            )],
        ),
    ],
);

/// Each item of the first list gives a key, the item of the second at the same place its value.
fn to_map(call: &mut Call<'_>, args: &[Value]) -> Result<Value, CelError> {
    let (keys, values, key_name, value_name) = (list(args, 0)?, list(args, 1)?, text(args, 2)?, text(args, 3)?);
    if keys.len() != values.len() {
        return Err(CelError::invalid(format!(
            "listObjToMap must take lists of equal length. list1: {}, list2: {}",
            keys.len(),
            values.len()
        )));
    }
    let mut entries = Vec::with_capacity(keys.len());
    for (key, value) in keys.iter().zip(values.iter()) {
        call.step()?;
        let (key, value) = (key?, value?);
        let Some(key) = key.as_map() else {
            return Err(CelError::invalid("object cannot be handled as a map string to any in the key object list"));
        };
        let Some(Value::String(key)) = key.get_str(key_name)? else {
            return Err(CelError::invalid("the passed key name cannot be handled as a string in the key object list"));
        };
        let Some(value) = value.as_map() else {
            return Err(CelError::invalid("object cannot be handled as a map string to any in the value object list"));
        };
        entries.push((Key::String(key), value.get_str(value_name)?.unwrap_or(Value::Null)));
    }
    Ok(Value::map(entries))
}
