//! The warnings the API server puts into a policy's status: expressions checked against the types of the kinds the policy names. They do
//! not change what the policy does.

use std::sync::Arc;

use probity_cel::Environment;
use probity_cel::admission::{Composition, Declarations, declare};
use probity_core::GroupVersionKind;
use probity_kubernetes::match_resources::MatchResources;
use probity_kubernetes::read::Reader;
use probity_kubernetes::schema;
use probity_value::{Map, Value};

/// As many kinds as the API server checks.
const MOST_KINDS: usize = 10;

pub(crate) fn check(spec: &Map, constraints: &MatchResources, params: Option<&GroupVersionKind>, reader: &mut Reader<'_>) {
    for kind in constraints.built_in_kinds().into_iter().take(MOST_KINDS) {
        // Parameters of a kind without a type are not declared by the API server, and expressions that use them not warned of.
        let params_known = params.filter(|kind| schema::type_of(kind).is_some());
        let with = Declarations {
            params: params.is_some(),
            authorizer: true,
            patches: false,
            kind: Some(kind.clone()),
            params_kind: params_known.cloned(),
        };
        let mut composition = Composition::new(declare(Environment::kubernetes(), &with));
        let text = |item: &Value, key: &str| -> Option<(Arc<str>, probity_value::Span)> {
            let value = item.get(key)?;
            Some((value.as_str()?.into(), value.span))
        };
        for item in spec.get("variables").and_then(Value::as_list).unwrap_or_default() {
            if let (Some((name, _)), Some((expression, at))) = (text(item, "name"), text(item, "expression"))
                && let Err(problems) = composition.variable(&name, &expression, at)
            {
                problems.iter().for_each(|problem| reader.warn(problem.span, format!("for {}: {}", named(&kind), problem.message)));
            }
        }
        for item in spec.get("validations").and_then(Value::as_list).unwrap_or_default() {
            for key in ["expression", "messageExpression"] {
                if let Some((expression, at)) = text(item, key)
                    && let Err(problems) = composition.compile(&expression, at)
                {
                    problems.iter().for_each(|problem| reader.warn(problem.span, format!("for {}: {}", named(&kind), problem.message)));
                }
            }
        }
    }
}

fn named(kind: &GroupVersionKind) -> String {
    format!("`{}, Kind={}`", kind.api_version(), kind.kind)
}
