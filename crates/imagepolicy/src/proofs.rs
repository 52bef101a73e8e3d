//! What an answer proves, looked at once more: whoever verified may have been asked something else.

use serde_json::Value;

use crate::demand::{Answer, By, Demand, Proof, Sought};
use crate::image::ImageName;

/// Why there is nothing to count on.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Nothing {
    pub(crate) text: String,
    /// It could not be told.
    pub(crate) undecided: bool,
}

impl Nothing {
    pub(crate) fn failed(text: impl Into<String>) -> Nothing {
        Nothing { text: text.into(), undecided: false }
    }

    pub(crate) fn undecided(text: impl Into<String>) -> Nothing {
        Nothing { text: text.into(), undecided: true }
    }
}

/// A signed statement about the image.
#[derive(Clone, Debug)]
pub(crate) struct Attested<'a> {
    pub(crate) proof: &'a Proof,
    /// As it was signed.
    pub(crate) text: &'a str,
    pub(crate) predicate_type: String,
    pub(crate) statement: Value,
}

/// The proofs that fit a demand. None is a reason.
pub(crate) fn fitting<'a>(demand: &Demand, answer: Option<&'a Answer>) -> Result<Vec<&'a Proof>, Nothing> {
    let Some(answer) = answer else { return Err(Nothing::undecided("nobody has verified it")) };
    let mut refused = answer.refused.clone();
    let mut proofs = Vec::new();
    for proof in &answer.proofs {
        match fits(demand, proof) {
            Ok(()) => proofs.push(proof),
            Err(why) => refused.push(why),
        }
    }
    if !proofs.is_empty() {
        return Ok(proofs);
    }
    if let Some(why) = &answer.undecided {
        return Err(Nothing::undecided(why.clone()));
    }
    let what = match demand.sought {
        Sought::Signatures => "no signature",
        Sought::Attestations => "no attestation",
    };
    refused.truncate(5);
    let because = if refused.is_empty() { "there is none".to_owned() } else { refused.join("; ") };
    Err(Nothing::failed(format!("{what} that counts: {because}")))
}

fn fits(demand: &Demand, proof: &Proof) -> Result<(), String> {
    match &demand.by {
        By::Identities { identities, .. } => {
            let (Some(subject), Some(issuer)) = (&proof.subject, &proof.issuer) else {
                return Err("it is signed by nobody whom a certificate names".to_owned());
            };
            let known = identities.is_empty()
                || identities.iter().any(|identity| identity.subject.matches(subject) && identity.issuer.matches(issuer));
            if !known {
                return Err(format!("it is signed by `{subject}`, vouched for by `{issuer}`, who is not asked for"));
            }
        }
        By::Keys { .. } if proof.subject.is_some() => return Err("it is signed by the holder of a certificate, not with a key".to_owned()),
        By::Keys { keys, .. } if !proof.key.is_some_and(|signed| keys.iter().any(|key| key.id() == signed)) => {
            return Err("it is signed with another key".to_owned());
        }
        By::Keys { .. } | By::Certificate { .. } => {}
    }
    for (name, value) in &demand.annotations {
        if proof.annotations.get(&**name).map(String::as_str) != Some(value) {
            return Err(format!("its annotation `{name}` is not `{value}`"));
        }
    }
    Ok(())
}

/// The statements among proofs that are about the image, and why others do not count.
pub(crate) fn statements<'a>(proofs: &[&'a Proof], image: &ImageName) -> (Vec<Attested<'a>>, Vec<String>) {
    let mut found = Vec::new();
    let mut wrong = Vec::new();
    for proof in proofs {
        match statement(proof, image) {
            Ok(attested) => found.push(attested),
            Err(why) => wrong.push(why),
        }
    }
    (found, wrong)
}

fn statement<'a>(proof: &'a Proof, image: &ImageName) -> Result<Attested<'a>, String> {
    let bytes = proof.statement.as_deref().ok_or("it has no statement")?;
    let text = std::str::from_utf8(bytes).map_err(|_| "a statement is no UTF-8")?;
    let statement: Value = serde_json::from_str(text).map_err(|error| format!("a statement is no JSON: {error}"))?;
    let predicate_type = statement.get("predicateType").and_then(Value::as_str).ok_or("a statement has no `predicateType`")?.to_owned();
    let digest = image.digest().map(|digest| digest.to_string());
    let subjects = statement.get("subject").and_then(Value::as_array);
    let about = subjects.into_iter().flatten().any(|subject| {
        let given = subject.get("digest").and_then(|digest| digest.get("sha256")).and_then(Value::as_str);
        given.is_some() && given == digest.as_deref()
    });
    if !about {
        return Err(format!("a statement of the type {predicate_type} is about something else"));
    }
    Ok(Attested { proof, text, predicate_type, statement })
}
