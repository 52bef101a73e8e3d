//! Changing an object by what a mutation's expression gives: a partial object (`Object{...}`) or operations (`JSONPatch{...}`).

use std::sync::Arc;

use probity_core::GroupVersionKind;
use probity_kubernetes::json_patch::{self, JsonPatchError, Options, Step, StepKind};
use probity_kubernetes::structured::{self, MergeError};
use probity_value as data;
use probity_value::{Data, Span};

use crate::value::Object;
use crate::{CelError, Value};

/// Why a patch cannot be applied.
#[derive(Clone, PartialEq, Debug, thiserror::Error)]
pub enum PatchError {
    /// The expression gives something else than a patch, or one whose types do not fit their places.
    #[error("type mismatch: {0}")]
    Shape(String),
    /// A value of the patch is no data.
    #[error(transparent)]
    Value(#[from] CelError),
    /// The partial object does not merge.
    #[error("invalid ApplyConfiguration: {0}")]
    Merge(#[from] MergeError),
    /// The operations cannot be done.
    #[error("JSON patch: {0}")]
    Json(#[from] JsonPatchError),
}

/// Merges a partial object into an object of a kind, as a server-side apply does.
///
/// # Errors
/// As [`PatchError`] says.
pub fn apply_configuration(object: &data::Value, kind: &GroupVersionKind, patch: &Value, at: Span) -> Result<data::Value, PatchError> {
    apply_configuration_with(object, kind, patch, at, false)
}

/// The same, where `replace_atomic` lets the partial object take the place of atomic lists and maps.
///
/// # Errors
/// As [`PatchError`] says.
pub fn apply_configuration_with(
    object: &data::Value,
    kind: &GroupVersionKind,
    patch: &Value,
    at: Span,
    replace_atomic: bool,
) -> Result<data::Value, PatchError> {
    let Value::Object(partial) = patch else {
        return Err(PatchError::Shape(format!("the expression gives a {}, not an `Object`", patch.type_of().name())));
    };
    if &*partial.type_name != "Object" {
        return Err(PatchError::Shape(format!("the expression gives `{}`, not `Object`", partial.type_name)));
    }
    types_fit(partial, "Object")?;
    // A null of a partial object is a field that is not set.
    let mut partial = plain(patch, at)?;
    if let Data::Map(map) = &mut partial.data {
        let map = Arc::make_mut(map);
        map.remove("apiVersion");
        map.remove("kind");
    }
    Ok(structured::merge_with(kind, object, &partial, replace_atomic)?)
}

/// Applies operations to an object. Where a `test` does not hold, the object stays as it is.
///
/// # Errors
/// As [`PatchError`] says.
pub fn json_patch(object: &data::Value, patch: &Value, at: Span) -> Result<data::Value, PatchError> {
    let Value::List(list) = patch else {
        return Err(PatchError::Shape(format!("the expression gives a {}, not a list of `JSONPatch`", patch.type_of().name())));
    };
    let mut steps = Vec::new();
    for item in list.iter() {
        steps.push(step(&item?, at)?);
    }
    match json_patch::apply(&steps, object, Options::KUBERNETES) {
        Ok(patched) => Ok(patched),
        Err(JsonPatchError::Test { .. }) => Ok(object.clone()),
        Err(error) => Err(error.into()),
    }
}

fn step(item: &Value, at: Span) -> Result<Step, PatchError> {
    let Value::Object(patch) = item else {
        return Err(PatchError::Shape(format!("an item is a {}, not a `JSONPatch`", item.type_of().name())));
    };
    if &*patch.type_name != "JSONPatch" {
        return Err(PatchError::Shape(format!("an item is `{}`, not `JSONPatch`", patch.type_name)));
    }
    let text = |name: &str| match patch.field(name) {
        Some(Value::String(text)) => text.to_string(),
        _ => String::new(),
    };
    let pointer = |text: &str| json_patch::pointer(text).map_err(PatchError::Shape);
    let value = match patch.field("value") {
        None => None,
        Some(value) => {
            if let Value::Object(object) = value {
                types_fit(object, &object.type_name)?;
            }
            Some(plain(value, at)?)
        }
    };
    let needed = || value.clone().ok_or_else(|| PatchError::Shape(format!("`{}` needs a value", text("op"))));
    let kind = match &*text("op") {
        "add" => StepKind::Add(needed()?),
        "remove" => StepKind::Remove,
        "replace" => StepKind::Replace(needed()?),
        "move" => StepKind::Move(pointer(&text("from"))?),
        "copy" => StepKind::Copy(pointer(&text("from"))?),
        "test" => StepKind::Test(value.unwrap_or_else(|| data::Value::null(at))),
        other => return Err(PatchError::Shape(format!("`{other}` is none of add, remove, replace, move, copy and test"))),
    };
    Ok(Step { kind, path: pointer(&text("path"))?, at })
}

/// Whether the types of nested objects are those of the fields they are set to: `Object.spec` under `spec`.
fn types_fit(object: &Object, expected: &str) -> Result<(), PatchError> {
    if &*object.type_name != expected {
        return Err(PatchError::Shape(format!(
            "unexpected type name `{}`, expected `{expected}`, which matches the field's path",
            object.type_name
        )));
    }
    for (name, value) in &object.fields {
        fits(value, &format!("{expected}.{name}"))?;
    }
    Ok(())
}

fn fits(value: &Value, expected: &str) -> Result<(), PatchError> {
    match value {
        Value::Object(inner) => types_fit(inner, expected),
        Value::List(list) => {
            for item in list.iter() {
                fits(&item?, expected)?;
            }
            Ok(())
        }
        _ => Ok(()),
    }
}

/// The value as data, fields that were set to an absent optional left out.
fn plain(value: &Value, at: Span) -> Result<data::Value, PatchError> {
    Ok(match value {
        Value::Object(object) => {
            let mut map = data::Map::new();
            for (name, field) in &object.fields {
                match field {
                    Value::Optional(None) => {}
                    Value::Optional(Some(inner)) => {
                        map.insert(Arc::clone(name), at, plain(inner, at)?);
                    }
                    _ => {
                        map.insert(Arc::clone(name), at, plain(field, at)?);
                    }
                }
            }
            data::Value::map(map, at)
        }
        Value::List(list) => {
            let mut items = Vec::new();
            for item in list.iter() {
                items.push(plain(&item?, at)?);
            }
            data::Value::list(items, at)
        }
        other => other.to_data(at)?,
    })
}
