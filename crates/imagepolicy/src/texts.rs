//! Policies in CUE and Rego, held against a document.

use std::sync::Arc;

use probity_core::{Limits, NoLookup, Timestamp};
use probity_rego::{Compiler, EvalOptions, Program, Query, Term, Version};
use probity_value::FileId;

use crate::cip::{Language, PolicyText, TextRef};
use crate::cue::CuePolicy;
use crate::demand::{Supply, Wanted};

/// Longest policy text, in bytes.
const LONGEST: usize = 1 << 20;

/// A policy ready to be held against documents.
#[derive(Clone, Debug)]
pub(crate) enum Judge {
    Cue(CuePolicy),
    Rego(Program, Query),
}

/// The policy of a text, which may be elsewhere.
pub(crate) fn compile(policy: &PolicyText, supply: &dyn Supply) -> Result<Judge, String> {
    let text: Arc<str> = match &policy.text {
        TextRef::Data(text) => Arc::clone(text),
        TextRef::Remote { url, sha256 } => {
            let text = supply.text(&Wanted::Remote(Arc::clone(url)))?;
            let digest = probity_attest::sha256(text.as_bytes()).to_string();
            if !digest.eq_ignore_ascii_case(sha256) {
                return Err(format!("the text at `{url}` has the SHA-256 {digest}, not {sha256}"));
            }
            text
        }
        TextRef::ConfigMap { namespace, name, key } => {
            supply.text(&Wanted::ConfigMap { namespace: Arc::clone(namespace), name: Arc::clone(name), key: Arc::clone(key) })?
        }
    };
    if text.len() > LONGEST {
        return Err(format!("the policy has {} bytes, more than {LONGEST}", text.len()));
    }
    match policy.language {
        Language::Cue => CuePolicy::parse(&text).map(Judge::Cue).map_err(|error| error.to_string()),
        Language::Rego => {
            let compiler = Compiler::new().module("sigstore.rego", text, FileId(0), Version::V0);
            let program = compiler.compile().map_err(|said| said.first().map_or_else(String::new, |one| one.message.clone()))?;
            let query = program.prepare("data.sigstore.isCompliant").map_err(|said| said.message)?;
            Ok(Judge::Rego(program, query))
        }
    }
}

impl Judge {
    /// Holds a JSON document against the policy; what nobody says of what is asked, where it fits.
    pub(crate) fn check(&self, document: &str, now: Timestamp) -> Result<Vec<String>, String> {
        match self {
            Judge::Cue(policy) => policy.judge(document).map(|fits| fits.open).map_err(|error| error.to_string()),
            Judge::Rego(program, query) => {
                let input = probity_rego::json::parse(document).map_err(|error| error.to_string())?;
                let options = EvalOptions { now, lookup: &NoLookup, limits: Limits::default(), ..EvalOptions::default() };
                let answer = program.evaluate_term(query, Some(input), None, &options).map_err(|error| error.to_string())?;
                compliant(answer.value()).map(|()| Vec::new())
            }
        }
    }
}

/// `true`, or a set of objects of which one says `"result": true`. As upstream, a warning fails too: it is what the requester is told.
fn compliant(answer: Option<&Term>) -> Result<(), String> {
    let plain = || "`isCompliant` does not hold".to_owned();
    let Some(answer) = answer else { return Err("`data.sigstore.isCompliant` is not defined".to_owned()) };
    if let Some(value) = answer.as_bool() {
        return if value { Ok(()) } else { Err(plain()) };
    }
    let results: Vec<Term> = match (answer.as_set(), answer.as_array()) {
        (Some(set), _) => set.iter().cloned().collect(),
        (_, Some(items)) => items.to_vec(),
        _ => return Err("`isCompliant` is neither true or false nor a set of results".to_owned()),
    };
    let mut why = plain();
    for result in &results {
        if result.as_object().is_none() {
            return Err("a result of `isCompliant` is no object".to_owned());
        }
        let said = |key: &str| result.get_str(key).and_then(|text| text.as_str().map(str::to_owned)).unwrap_or_default();
        if result.get_str("result").and_then(|value| value.as_bool()) == Some(true) {
            let warning = said("warning");
            return if warning.is_empty() { Ok(()) } else { Err(format!("it warns: {warning}")) };
        }
        why = format!("`isCompliant` does not hold: {}", said("error"));
    }
    Err(why)
}
