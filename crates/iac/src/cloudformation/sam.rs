//! The `Globals` of a SAM template: what its resources of a kind have in common.
//!
//! A SAM resource is judged as it is written, with what `Globals` gives it; the resources the transform makes of it are not made here.
//! Rules name the SAM types beside the plain ones.

use std::sync::Arc;

use probity_value::{Data, Map, Value};

use super::eval::{Evaluator, Scope};

/// Keys of `Globals` and the types they are for.
const KINDS: &[(&str, &str)] = &[
    ("Function", "AWS::Serverless::Function"),
    ("Api", "AWS::Serverless::Api"),
    ("HttpApi", "AWS::Serverless::HttpApi"),
    ("SimpleTable", "AWS::Serverless::SimpleTable"),
    ("StateMachine", "AWS::Serverless::StateMachine"),
    ("LayerVersion", "AWS::Serverless::LayerVersion"),
    ("CapacityProvider", "AWS::Serverless::CapacityProvider"),
];

/// What the resources of a type have in common.
pub(super) struct Globals {
    by_type: Vec<(&'static str, Value)>,
}

impl Globals {
    /// The `Globals` of a template, worked out.
    pub(super) fn of(template: &Map, evaluator: &Evaluator) -> Globals {
        let globals = template.get("Globals").and_then(Value::as_map);
        let by_type = KINDS.iter().filter_map(|(key, kind)| {
            let value = evaluator.eval(globals?.get(key)?, &Scope::default())?;
            Some((*kind, value))
        });
        Globals { by_type: by_type.collect() }
    }

    /// A resource of a type with what it inherits.
    pub(super) fn apply(&self, type_name: &str, resource: Value) -> Value {
        let Some((_, common)) = self.by_type.iter().find(|(kind, _)| *kind == type_name) else { return resource };
        let Data::Map(map) = &resource.data else { return resource };
        let mut map = Map::clone(map);
        let own = map.entry("Properties").cloned();
        let (key, merged) = match own {
            Some(entry) => (entry.key, inherit(common, &entry.value)),
            None => (common.span, common.clone()),
        };
        map.insert("Properties", key, merged);
        Value { data: Data::Map(Arc::new(map)), ..resource }
    }
}

/// Maps become one, lists follow each other, of anything else the resource's own counts. As deep as reading allows.
fn inherit(common: &Value, own: &Value) -> Value {
    match (&common.data, &own.data) {
        (Data::Map(theirs), Data::Map(ours)) => {
            let mut out = Map::clone(theirs);
            for (name, entry) in ours.iter() {
                let value = match theirs.get(name) {
                    Some(theirs) => inherit(theirs, &entry.value),
                    None => entry.value.clone(),
                };
                out.insert(Arc::clone(name), entry.key, value);
            }
            Value { data: Data::Map(Arc::new(out)), ..own.clone() }
        }
        (Data::List(theirs), Data::List(ours)) => {
            let items = theirs.iter().chain(ours.iter()).cloned().collect();
            Value { data: Data::List(Arc::new(items)), ..own.clone() }
        }
        _ => own.clone(),
    }
}
