//! `plan-of-action-and-milestones`: an item for each open finding, each exception and each stale control.

use std::collections::BTreeMap;

use probity_attest::statement::StatementError;
use serde_json::{Value, json};

use super::results::observed;
use super::{Origin, finished, line, metadata, plain, prop, uuid};
use crate::posture::{OpenException, Posture, State};

#[derive(Default)]
struct Item {
    title: String,
    description: String,
    controls: Vec<String>,
    observation: Option<String>,
    risk: Option<String>,
}

/// The document. Where nothing is open, one item says so, for OSCAL knows no plan without items.
///
/// # Errors
/// [`StatementError::Time`] where a time cannot be written.
pub fn plan_of_action(posture: &Posture<'_>, origin: &Origin) -> Result<Value, StatementError> {
    let mut items: BTreeMap<String, Item> = BTreeMap::new();
    let mut observations: BTreeMap<String, Value> = BTreeMap::new();
    let mut risks: BTreeMap<String, Value> = BTreeMap::new();
    for one in &posture.controls {
        let control = one.control.id();
        for open in &one.open {
            let (observation, value) = observed(open)?;
            observations.insert(observation.clone(), value);
            let key = uuid("poam-item", &["open", &open.target, &open.result.rule, &open.result.fingerprint]);
            let risk = uuid("risk", &["open", &open.target, &open.result.rule, &open.result.fingerprint]);
            risks.entry(risk.clone()).or_insert_with(|| {
                json!({
                    "uuid": risk,
                    "title": line(&open.result.rule),
                    "description": plain(&format!("Severity {}", open.result.severity)),
                    "statement": plain(&format!("{} fails {}", open.result.subject, open.result.rule)),
                    "props": [prop("severity", &open.result.severity)],
                    "status": "open",
                    "related-observations": [{ "observation-uuid": observation }],
                })
            });
            let item = items.entry(key).or_default();
            item.title = line(&format!("{} on {}", open.result.rule, open.result.subject));
            item.description = plain(&format!("In {}, seen last by record {}", open.target, open.record));
            item.observation = Some(observation);
            item.risk = Some(risk);
            item.controls.push(control.clone());
        }
        for exception in &one.exceptions {
            let key = uuid("poam-item", &["exception", &exception.source, &exception.id]);
            let risk = uuid("risk", &["exception", &exception.source, &exception.id]);
            risks.entry(risk.clone()).or_insert_with(|| accepted(&risk, exception));
            let item = items.entry(key).or_default();
            item.title = line(&format!("{} {}", exception.source, exception.id));
            item.description =
                plain(exception.reason.as_deref().unwrap_or("Something covers findings; its reason stands where it is written"));
            item.risk = Some(risk);
            item.controls.push(control.clone());
        }
        if one.state == State::Stale {
            let item = items.entry(uuid("poam-item", &["stale", &control])).or_default();
            item.title = line(&format!("Evidence of {control} is stale"));
            item.description = plain(&format!("Judge again what was judged more than {} days ago", posture.max_age_days));
            item.controls.push(control.clone());
        }
    }
    if items.is_empty() {
        let item = items.entry(uuid("poam-item", &["nothing"])).or_default();
        item.title = "Nothing is open".to_owned();
        item.description = "No finding, no exception and no stale evidence among the controls asked for".to_owned();
    }
    let items: Vec<Value> = items.into_iter().map(|(id, item)| written(&id, &item)).collect();
    let mut body = json!({
        "metadata": metadata("Probity: plan of action and milestones", origin, posture)?,
        "system-id": { "identifier-type": "https://ietf.org/rfc/rfc4122", "id": uuid("system", &[&origin.log]) },
        "poam-items": items,
    });
    if let Value::Object(fields) = &mut body {
        if !observations.is_empty() {
            fields.insert("observations".to_owned(), observations.into_values().collect());
        }
        if !risks.is_empty() {
            fields.insert("risks".to_owned(), risks.into_values().collect());
        }
    }
    Ok(finished("plan-of-action-and-milestones", body))
}

fn accepted(id: &str, exception: &OpenException) -> Value {
    let kind = exception.kind.as_deref().unwrap_or("suppression");
    let mut out = json!({
        "uuid": id,
        "title": line(&format!("{} {}", exception.source, exception.id)),
        "description": plain(&format!("Covers {} results", exception.covers.len())),
        "statement": plain(exception.reason.as_deref().unwrap_or("No reason is in the register that was given")),
        "props": [prop("kind", kind)],
        "status": if kind == "false-positive" { "closed" } else { "deviation-approved" },
    });
    if let Value::Object(fields) = &mut out {
        if let (Some(Value::Array(props)), Some(owner)) = (fields.get_mut("props"), &exception.owner) {
            props.push(prop("owner", owner));
        }
        // A day counts to its end.
        if let Some(day) = &exception.expires {
            fields.insert("deadline".to_owned(), json!(format!("{day}T23:59:59Z")));
        }
    }
    out
}

fn written(id: &str, item: &Item) -> Value {
    let mut out = json!({ "uuid": id, "title": item.title, "description": item.description });
    if let Value::Object(fields) = &mut out {
        if !item.controls.is_empty() {
            fields.insert("props".to_owned(), item.controls.iter().map(|control| prop("control", control)).collect());
        }
        if let Some(observation) = &item.observation {
            fields.insert("related-observations".to_owned(), json!([{ "observation-uuid": observation }]));
        }
        if let Some(risk) = &item.risk {
            fields.insert("related-risks".to_owned(), json!([{ "risk-uuid": risk }]));
        }
    }
    out
}
