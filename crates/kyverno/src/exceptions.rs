//! `PolicyException` (`kyverno.io/v2`): objects that rules of policies are not to judge.

use std::sync::Arc;

use probity_core::PolicyDocument;
use probity_kubernetes::wildcard;

use crate::conditions::Conditions;
use crate::matching::{Clause, Target};
use crate::pod_security::Exclusion;
use crate::policy::{Identity, identity};
use crate::read::Reader;
use crate::scope::Scope;

/// An exception.
#[derive(Debug)]
pub(crate) struct Exception {
    pub(crate) identity: Identity,
    matches: Clause,
    conditions: Conditions,
    /// Policy and rules.
    about: Vec<(Arc<str>, Vec<Arc<str>>)>,
    /// Controls of Pod Security it is about; empty for the whole rule.
    pub(crate) controls: Vec<Exclusion>,
}

impl Exception {
    /// Reads an exception; what is wrong with it is in the reader then.
    pub(crate) fn read(reader: &mut Reader, document: &PolicyDocument) -> Option<Exception> {
        let value = &document.value;
        reader.fields(value, "an exception", &["apiVersion", "kind", "metadata", "spec"])?;
        let identity = identity(reader, value)?;
        let known = ["background", "match", "conditions", "exceptions", "podSecurity"];
        let Some(spec) = value.get("spec").and_then(|spec| reader.fields(spec, "spec", &known)) else {
            reader.wrong(value.span, format!("the exception `{}` has no `spec`", identity.name));
            return None;
        };
        reader.boolean(spec, "background");
        let Some(matches) = Reader::get(spec, "match").and_then(|value| Clause::read(reader, value, "match")) else {
            reader.wrong(value.span, format!("the exception `{}` has no `match`", identity.name));
            return None;
        };
        let conditions = Reader::get(spec, "conditions").map(|value| reader.conditions(value, "conditions")).unwrap_or_default();
        let mut about = Vec::new();
        for item in reader.list(spec, "exceptions") {
            let Some(fields) = reader.fields(item, "exceptions", &["policyName", "ruleNames"]) else { continue };
            if let Some(policy) = reader.required_text(fields, "policyName", "exceptions", item.span) {
                about.push((policy, reader.texts(fields, "ruleNames")));
            }
        }
        if about.is_empty() {
            reader.wrong(value.span, format!("the exception `{}` names no policy in `exceptions`", identity.name));
        }
        let controls = Exclusion::read_all(reader, spec, "podSecurity", None);
        Some(Exception { identity, matches, conditions, about, controls })
    }

    /// Whether it is about a rule of a policy.
    pub(crate) fn is_about(&self, policy: &str, rule: &str) -> bool {
        self.about.iter().any(|(name, rules)| **name == *policy && wildcard::matches_any(rules.iter().map(|pattern| &**pattern), rule))
    }

    /// Whether it covers a request. What cannot be known or evaluated covers nothing: the rule judges then.
    pub(crate) fn covers(&self, target: &Target<'_>, scope: &Scope<'_>) -> bool {
        self.matches.excepts(target) == Ok(true)
            && (self.conditions.is_empty() || self.conditions.hold(scope).is_ok_and(|(holds, _)| holds))
    }
}
