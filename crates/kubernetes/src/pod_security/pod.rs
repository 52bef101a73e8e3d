//! A pod as the checks read it.

use probity_value::{Data, Value};

use super::Trouble;

/// In which of its lists a container stands.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub enum ContainerKind {
    /// `initContainers`.
    Init,
    /// `containers`.
    Main,
    /// `ephemeralContainers`.
    Ephemeral,
}

impl ContainerKind {
    /// The name of the list.
    #[must_use]
    pub const fn list(self) -> &'static str {
        match self {
            ContainerKind::Init => "initContainers",
            ContainerKind::Main => "containers",
            ContainerKind::Ephemeral => "ephemeralContainers",
        }
    }
}

/// One container of a pod.
#[derive(Clone, Copy, Debug)]
pub struct Container<'a> {
    /// The list it stands in.
    pub kind: ContainerKind,
    /// Its place in the list.
    pub index: usize,
    /// The container.
    pub value: &'a Value,
}

impl<'a> Container<'a> {
    /// Its name; empty where it has none.
    #[must_use]
    pub fn name(&self) -> &'a str {
        self.value.get("name").and_then(Value::as_str).unwrap_or_default()
    }

    /// Its image as written; empty where it has none.
    #[must_use]
    pub fn image(&self) -> &'a str {
        self.value.get("image").and_then(Value::as_str).unwrap_or_default()
    }
}

/// A pod, or the template of one.
#[derive(Clone, Debug)]
pub struct Pod<'a> {
    /// Its annotations, if it has some.
    pub annotations: Option<&'a Value>,
    /// Its specification; null for a pod of containers only.
    pub spec: &'a Value,
    /// Its containers: those of `initContainers` first, then `containers`, then `ephemeralContainers`.
    pub containers: Vec<Container<'a>>,
}

impl<'a> Pod<'a> {
    /// A pod of its metadata (null where there is none) and specification.
    ///
    /// # Errors
    /// [`Trouble`] where the lists of containers are none, or cannot be known.
    pub fn new(metadata: &'a Value, spec: &'a Value) -> Result<Pod<'a>, Trouble> {
        let mut containers = Vec::new();
        for kind in [ContainerKind::Init, ContainerKind::Main, ContainerKind::Ephemeral] {
            for (index, value) in items(spec, kind.list())?.iter().enumerate() {
                known(value, kind.list())?;
                if value.as_map().is_none() {
                    return Err(malformed(kind.list(), "a list of maps", value));
                }
                containers.push(Container { kind, index, value });
            }
        }
        Ok(Pod { annotations: field(metadata, "annotations")?, spec, containers })
    }
}

fn malformed(key: &str, expected: &str, value: &Value) -> Trouble {
    Trouble::Malformed(format!("`{key}` has to be {expected}, but holds a {}", value.type_name()))
}

fn known(value: &Value, key: &str) -> Result<(), Trouble> {
    match &value.data {
        Data::Unknown(unknown) => Err(Trouble::Unknown(format!("`{key}` is not known: {}", unknown.reason).into())),
        _ => Ok(()),
    }
}

/// The value under a key; null is as good as nothing.
pub(super) fn field<'a>(value: &'a Value, key: &str) -> Result<Option<&'a Value>, Trouble> {
    match &value.data {
        Data::Null => Ok(None),
        Data::Map(map) => match map.get(key) {
            Some(found) => {
                known(found, key)?;
                Ok((!found.is_null()).then_some(found))
            }
            None => Ok(None),
        },
        Data::Unknown(unknown) => Err(Trouble::Unknown(Clone::clone(&unknown.reason))),
        _ => Err(Trouble::Malformed(format!("what has `{key}` has to be a map, but is a {}", value.type_name()))),
    }
}

/// A way of keys into a value.
pub(super) fn at<'a>(value: &'a Value, keys: &[&str]) -> Result<Option<&'a Value>, Trouble> {
    let mut current = value;
    for key in keys {
        match field(current, key)? {
            Some(next) => current = next,
            None => return Ok(None),
        }
    }
    Ok(Some(current))
}

/// True or false at the end of a way.
pub(super) fn boolean(value: &Value, keys: &[&str]) -> Result<Option<bool>, Trouble> {
    match at(value, keys)? {
        None => Ok(None),
        Some(found) => found.as_bool().map(Some).ok_or_else(|| malformed(keys.last().unwrap_or(&""), "a bool", found)),
    }
}

/// Text at the end of a way.
pub(super) fn text<'a>(value: &'a Value, keys: &[&str]) -> Result<Option<&'a str>, Trouble> {
    match at(value, keys)? {
        None => Ok(None),
        Some(found) => found.as_str().map(Some).ok_or_else(|| malformed(keys.last().unwrap_or(&""), "a string", found)),
    }
}

/// A whole number at the end of a way.
pub(super) fn integer(value: &Value, keys: &[&str]) -> Result<Option<i64>, Trouble> {
    match at(value, keys)? {
        None => Ok(None),
        Some(found) => found.as_int().map(Some).ok_or_else(|| malformed(keys.last().unwrap_or(&""), "a whole number", found)),
    }
}

/// The items of a list under a key; none where there is no list.
pub(super) fn items<'a>(value: &'a Value, key: &str) -> Result<&'a [Value], Trouble> {
    match field(value, key)? {
        None => Ok(&[]),
        Some(found) => found.as_list().ok_or_else(|| malformed(key, "a list", found)),
    }
}

/// The texts of a list at the end of a way.
pub(super) fn texts<'a>(value: &'a Value, keys: &[&str]) -> Result<Vec<&'a str>, Trouble> {
    let Some(list) = at(value, keys)? else { return Ok(Vec::new()) };
    let key = keys.last().unwrap_or(&"");
    let items = list.as_list().ok_or_else(|| malformed(key, "a list", list))?;
    items
        .iter()
        .map(|item| {
            known(item, key)?;
            item.as_str().ok_or_else(|| malformed(key, "a list of strings", item))
        })
        .collect()
}
