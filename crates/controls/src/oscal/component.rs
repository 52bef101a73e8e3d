//! `component-definition`: Probity as a component, and for each control that its rules speak for or that a record proves, how.

use probity_attest::statement::StatementError;
use serde_json::{Value, json};

use super::{Origin, by_framework, finished, line, metadata, plain, prop, source, token, uuid};
use crate::posture::{ControlPosture, Posture};

/// The document. `rules` gives for each control of the posture the rules that speak for it.
///
/// # Errors
/// [`StatementError::Time`] where the window's end cannot be written.
pub fn component_definition(posture: &Posture<'_>, rules: &[Vec<String>], origin: &Origin) -> Result<Value, StatementError> {
    let nothing = Vec::new();
    let mut implementations = Vec::new();
    for (framework, places) in by_framework(posture) {
        let requirements: Vec<Value> = places
            .iter()
            .filter_map(|place| Some((posture.controls.get(*place)?, rules.get(*place).unwrap_or(&nothing))))
            .filter(|(one, rules)| !rules.is_empty() || !one.records.is_empty())
            .map(|(one, rules)| requirement(one, rules))
            .collect();
        // A list with nothing in it is no list to OSCAL.
        if requirements.is_empty() {
            continue;
        }
        implementations.push(json!({
            "uuid": uuid("control-implementation", &[framework]),
            "source": source(framework),
            "description": plain("Rules that speak for a control, and where the records of the log leave it. A rule that speaks for a control proves nothing until a record says that it judged something."),
            "props": [prop("framework", framework)],
            "implemented-requirements": requirements,
        }));
    }
    let mut component = json!({
        "uuid": uuid("component", &["probity"]),
        "type": "software",
        "title": "Probity",
        "description": "Guardrails on the path of software delivery: it judges files, images and packages by rules, decides, and records what it decided in a log that anybody can check.",
        "purpose": "Technical proof for controls",
        "props": [prop("version", &origin.version)],
    });
    if let (Value::Object(fields), false) = (&mut component, implementations.is_empty()) {
        fields.insert("control-implementations".to_owned(), Value::Array(implementations));
    }
    Ok(finished(
        "component-definition",
        json!({ "metadata": metadata("Probity: controls and what proves them", origin, posture)?, "components": [component] }),
    ))
}

fn requirement(one: &ControlPosture<'_>, rules: &[String]) -> Value {
    let id = one.control.id();
    let mut props = vec![prop("label", &one.control.requirement.id), prop("state", one.state.as_str())];
    props.extend(rules.iter().map(|rule| prop("rule", rule)));
    if let Some(proof) = one.last() {
        props.push(prop("record", &proof.record.to_string()));
        props.push(prop("record-sha256", &proof.digest.to_string()));
    }
    json!({
        "uuid": uuid("implemented-requirement", &[&id]),
        "control-id": token(&one.control),
        "description": plain(&line(&one.control.requirement.title)),
        "props": props,
    })
}
