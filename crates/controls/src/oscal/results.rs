//! `assessment-results`: an observation for each proof and each open finding, and a finding for each control.

use std::collections::BTreeMap;

use probity_attest::statement::StatementError;
use serde_json::{Value, json};

use super::{Origin, finished, line, metadata, plain, prop, time, token, uuid};
use crate::posture::{ControlPosture, OpenFinding, Posture, Proof, State};

/// The document. OSCAL knows two states: what is stale or has no evidence is not satisfied, and says so in `reason` and a property.
///
/// # Errors
/// [`StatementError::Time`] where a time cannot be written.
pub fn assessment_results(posture: &Posture<'_>, origin: &Origin) -> Result<Value, StatementError> {
    let mut observations: BTreeMap<String, Value> = BTreeMap::new();
    let mut findings = Vec::new();
    for one in &posture.controls {
        let mut related = Vec::new();
        for proof in &one.proofs {
            let (id, value) = proved(proof)?;
            related.push(id.clone());
            observations.insert(id, value);
        }
        for open in &one.open {
            let (id, value) = observed(open)?;
            related.push(id.clone());
            observations.insert(id, value);
        }
        related.dedup();
        findings.push(finding(one, &related));
    }
    let plan = uuid("assessment-plan", &[]);
    let mut result = json!({
        "uuid": uuid("result", &[&origin.root.to_string(), &time(posture.window.from)?, &time(posture.window.to)?]),
        "title": "What the records of the log say",
        "description": plain("Each control held against the records of the window. A control is satisfied only by records of something that was judged or run."),
        "start": time(posture.window.from)?,
        "end": time(posture.window.to)?,
        "reviewed-controls": {
            "control-selections": [{
                "include-controls": posture.controls.iter().map(|one| json!({ "control-id": token(&one.control) })).collect::<Vec<_>>(),
            }],
        },
    });
    if let Value::Object(fields) = &mut result {
        if !observations.is_empty() {
            fields.insert("observations".to_owned(), observations.into_values().collect());
        }
        if !findings.is_empty() {
            fields.insert("findings".to_owned(), Value::Array(findings));
        }
    }
    Ok(finished(
        "assessment-results",
        json!({
            "metadata": metadata("Probity: assessment results", origin, posture)?,
            "import-ap": { "href": format!("#{plan}") },
            "results": [result],
            "back-matter": { "resources": [{
                "uuid": plan,
                "title": "Continuous assessment by Probity",
                "description": plain(&format!(
                    "Rules judge every change; commands are run and recorded. Proofs older than {} days are stale.",
                    posture.max_age_days
                )),
            }] },
        }),
    ))
}

/// The observation of a proof.
pub(super) fn proved(proof: &Proof) -> Result<(String, Value), StatementError> {
    let id = uuid("observation", &["proof", &proof.digest.to_string(), &proof.record.to_string()]);
    let value = json!({
        "uuid": id,
        "title": format!("Record {}", proof.record),
        "description": plain(&format!("{} was looked at", proof.target)),
        "methods": ["TEST"],
        "types": ["control-objective"],
        "relevant-evidence": [{
            "href": format!("https://probity.dev/record/sha256/{}", proof.digest),
            "description": plain(&format!("Entry {} of the log, with its receipt", proof.record)),
        }],
        "collected": time(proof.time)?,
    });
    Ok((id, value))
}

/// The observation of something open.
pub(super) fn observed(open: &OpenFinding) -> Result<(String, Value), StatementError> {
    let result = &open.result;
    let id =
        uuid("observation", &["open", &open.target, &result.rule, &result.fingerprint, &open.digest.to_string(), &open.record.to_string()]);
    let place = if result.file.is_empty() { String::new() } else { format!(" at {}:{}", result.file, result.line) };
    let value = json!({
        "uuid": id,
        "title": line(&result.rule),
        "description": plain(&format!("{}{place} in {}", result.subject, open.target)),
        "props": [prop("severity", &result.severity), prop("status", &result.status), prop("fingerprint", &result.fingerprint)],
        "methods": ["TEST"],
        "types": ["finding"],
        "relevant-evidence": [{
            "href": format!("https://probity.dev/record/sha256/{}", open.digest),
            "description": plain(&format!("Entry {} of the log, with its receipt", open.record)),
        }],
        "collected": time(open.time)?,
    });
    Ok((id, value))
}

fn finding(one: &ControlPosture<'_>, related: &[String]) -> Value {
    let id = one.control.id();
    let (state, reason) = match one.state {
        State::Satisfied => ("satisfied", "pass"),
        State::NotSatisfied => ("not-satisfied", "fail"),
        State::Stale | State::NoEvidence => ("not-satisfied", "other"),
    };
    let said = match one.state {
        State::Satisfied => format!("Proved for {} targets, and nothing is open", one.proofs.len()),
        State::NotSatisfied => format!("{} findings are open", one.open.len()),
        State::Stale => "The last proof is older than allowed".to_owned(),
        State::NoEvidence => "No record proves it".to_owned(),
    };
    let mut props = vec![prop("state", one.state.as_str()), prop("label", &one.control.requirement.id)];
    props.extend(one.exceptions.iter().map(|exception| prop("exception", &format!("{} {}", exception.source, exception.id))));
    let mut out = json!({
        "uuid": uuid("finding", &[&id]),
        "title": line(&format!("{id}: {}", one.control.requirement.title)),
        "description": plain(&said),
        "props": props,
        "target": {
            "type": "objective-id",
            "target-id": token(&one.control),
            "status": { "state": state, "reason": reason, "remarks": plain(&said) },
        },
    });
    if let (Value::Object(fields), false) = (&mut out, related.is_empty()) {
        let related = related.iter().map(|id| json!({ "observation-uuid": id })).collect();
        fields.insert("related-observations".to_owned(), Value::Array(related));
    }
    out
}
