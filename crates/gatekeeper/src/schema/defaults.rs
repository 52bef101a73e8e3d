//! Filling in defaults.

use std::sync::Arc;

use probity_value::{Data, Entry, Value};

use super::Schema;

/// The value with the defaults of its schema; shares with the original what does not change.
pub(crate) fn with_defaults(value: &Value, schema: &Schema) -> Value {
    changed(value, schema).unwrap_or_else(|| value.clone())
}

/// The value with defaults where they change anything.
fn changed(value: &Value, schema: &Schema) -> Option<Value> {
    match &value.data {
        Data::Map(map) => {
            let mut out = None;
            for (name, property) in &schema.properties {
                let Some(default) = &property.default else { continue };
                let missing = map.get(name).is_none_or(|given| given.is_null() && !property.nullable);
                if missing {
                    let copy = out.get_or_insert_with(|| Arc::unwrap_or_clone(Arc::clone(map)));
                    copy.insert(Arc::clone(name), default.span, default.clone());
                }
            }
            let current = out.as_ref().unwrap_or(map);
            let mut replaced: Vec<(Arc<str>, Entry)> = Vec::new();
            for (key, entry) in current.iter() {
                let found = match schema.property(key) {
                    Some(property) => changed(&entry.value, property),
                    None => schema.additional_schema().and_then(|values| item(&entry.value, values)),
                };
                replaced.extend(found.map(|value| (Arc::clone(key), Entry { key: entry.key, value })));
            }
            if out.is_none() && replaced.is_empty() {
                return None;
            }
            let mut out = out.unwrap_or_else(|| Arc::unwrap_or_clone(Arc::clone(map)));
            for (key, entry) in replaced {
                out.insert(key, entry.key, entry.value);
            }
            Some(Value { data: Data::Map(Arc::new(out)), ..value.clone() })
        }
        Data::List(items) => {
            let items_schema = schema.items.as_deref()?;
            let mut out: Option<Vec<Value>> = None;
            for (index, current) in items.iter().enumerate() {
                if let Some(new) = item(current, items_schema) {
                    let copy = out.get_or_insert_with(|| items.to_vec());
                    if let Some(place) = copy.get_mut(index) {
                        *place = new;
                    }
                }
            }
            out.map(|out| Value { data: Data::List(Arc::new(out)), ..value.clone() })
        }
        _ => None,
    }
}

/// As [`changed`], for an item of a list or a value of a map, where null stands for the default.
fn item(value: &Value, schema: &Schema) -> Option<Value> {
    if value.is_null() && !schema.nullable {
        return schema.default.as_ref().map(|default| with_defaults(default, schema));
    }
    changed(value, schema)
}
