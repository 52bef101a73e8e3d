//! Kyverno's own libraries. Names in both cases (`resource.Get`, `resource.get`) mean the same.

pub mod compatible;
pub mod generator;
pub mod global_context;
pub mod gzip;
pub mod hash;
pub mod http;
pub mod image;
pub mod imagedata;
pub mod imageverify;
pub mod json;
pub mod math;
pub mod random;
mod reference;
pub mod resource;
pub mod time;
pub mod transform;
pub mod user;
pub mod x509;
pub mod yaml;

use std::fmt;
use std::sync::{Arc, Mutex, PoisonError};

use probity_value as data;

use crate::value::Opaque;
use crate::{CelError, Environment, Key, Type, Value, macros};

/// Says whether a policy's image references cover an image.
pub type CoversImage = Box<dyn Fn(&str) -> Result<bool, CelError> + Send + Sync>;

/// [`Environment::kyverno`] for policies of a namespace: `resource` sees that namespace alone.
#[must_use]
pub fn environment_of_namespace() -> Environment {
    let base = Environment::standard().optionals().library(&macros::TWO_VARIABLES).library(&macros::BINDINGS);
    super::KYVERNO.iter().fold(base, |made, library| {
        made.library(if std::ptr::eq(*library, &raw const resource::LIBRARY) { &resource::NAMESPACED } else { library })
    })
}

/// What the evaluator of Kyverno's policies puts into the context of an evaluation ([`crate::Context::host`]).
#[derive(Default)]
pub struct Host {
    /// The namespace of the policy; empty for policies of the cluster.
    pub namespace: Arc<str>,
    /// Names of the attestations an image policy knows.
    pub attestations: Vec<Arc<str>>,
    /// Which images an image policy covers; all where it is not given.
    pub covers_image: Option<CoversImage>,
    generated: Mutex<Vec<data::Value>>,
}

impl Host {
    /// The host of a policy of a namespace; empty for the cluster.
    #[must_use]
    pub fn new(namespace: impl Into<Arc<str>>) -> Host {
        Host { namespace: namespace.into(), ..Host::default() }
    }

    /// The objects that were generated so far, in order; they are taken out.
    #[must_use]
    pub fn take_generated(&self) -> Vec<data::Value> {
        std::mem::take(&mut *self.generated.lock().unwrap_or_else(PoisonError::into_inner))
    }

    fn generate(&self, objects: Vec<data::Value>) {
        self.generated.lock().unwrap_or_else(PoisonError::into_inner).extend(objects);
    }
}

impl fmt::Debug for Host {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Host").field("namespace", &self.namespace).field("attestations", &self.attestations).finish_non_exhaustive()
    }
}

/// What stands before the dot of a library's functions: `resource`, `http`, `globalContext`.
#[derive(Debug)]
struct Receiver(&'static str);

impl Opaque for Receiver {
    fn type_of(&self) -> Type {
        Type::opaque(self.0)
    }

    fn equals(&self, other: &dyn Opaque) -> bool {
        other.type_of() == self.type_of()
    }
}

/// A decoded answer as Kyverno sees it: every number is a double, as Go's JSON has it.
fn decoded(value: &data::Value) -> Result<Value, CelError> {
    Ok(match &value.data {
        data::Data::Number(number) => Value::Double(number.as_f64()),
        data::Data::List(items) => Value::list(items.iter().map(decoded).collect::<Result<_, _>>()?),
        data::Data::Map(map) => {
            let mut entries = Vec::with_capacity(map.len());
            for (key, entry) in map.iter() {
                entries.push((Key::String(Arc::clone(key)), decoded(&entry.value)?));
            }
            Value::map(entries)
        }
        _ => Value::view(value)?,
    })
}

/// An error of a function with what it was about before it; unknowns and limits stay what they are.
fn within(what: &str, error: CelError) -> CelError {
    if error.is_unknown() || error.is_limit() { error } else { CelError::invalid(format!("{what}: {error}")) }
}
