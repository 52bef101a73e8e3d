//! DeletingPolicy: says which objects would be taken away. A plan: nothing is deleted here.

use std::sync::Arc;

use probity_cel::Context;
use probity_cel::admission::{Composition, Conditions, Scope, named_conditions, read_variables};
use probity_core::{Effect, Interest, Outcome, Phase, Policy, PolicyContext, PolicyRule, Request, Status};
use probity_kubernetes::match_resources::MatchResources;
use probity_kubernetes::read::Reader;

use super::exception::Exception;
use super::{Excepted, Head, budget, compile_exceptions, constraints, environment, except, not_matched, stopped};

const KEYS: &[&str] = &["matchConstraints", "conditions", "variables", "schedule", "deletionPropagationPolicy"];

struct Deleting {
    rules: [Arc<PolicyRule>; 1],
    interest: Interest,
    namespace: Option<Arc<str>>,
    constraints: MatchResources,
    composition: Composition,
    conditions: Conditions,
    exceptions: Vec<(Arc<Exception>, Conditions)>,
}

pub(super) fn read(head: Head, reader: &mut Reader<'_>) -> Option<Arc<dyn Policy>> {
    let spec = head.spec.clone();
    let map = reader.map(Some(&spec), "spec")?;
    reader.keys(map, KEYS);
    let constraints = constraints(map, "matchConstraints", spec.span, reader)?;
    if let Some((schedule, at)) = reader.needed(map, "schedule", spec.span)
        && !is_schedule(&schedule)
    {
        reader.wrong(at, format!("`{schedule}` is no schedule of five fields such as `0 * * * *`"));
    }
    if let Some((policy, at)) = reader.text(map, "deletionPropagationPolicy")
        && !matches!(&*policy, "Foreground" | "Background" | "Orphan")
    {
        reader.wrong(at, format!("`{policy}` is none of Foreground, Background and Orphan"));
    }
    let mut composition = Composition::new(environment(false, false));
    read_variables(map, &mut composition, reader);
    let conditions = named_conditions(map, "conditions", &composition, reader);
    let exceptions = compile_exceptions(&head, &composition, reader);
    let rule = head.rule(Phase::Delete, Effect::Deny, Some(&constraints), "");
    let interest = Interest { operations: Vec::new(), ..constraints.interest() };
    Some(Arc::new(Deleting { rules: [rule], interest, namespace: head.namespace, constraints, composition, conditions, exceptions }))
}

/// Whether a text is a schedule of cron: five fields of numbers, `*`, lists, ranges and steps, or one of the words for them.
fn is_schedule(text: &str) -> bool {
    if matches!(text, "@yearly" | "@annually" | "@monthly" | "@weekly" | "@daily" | "@midnight" | "@hourly") || text.starts_with("@every ")
    {
        return true;
    }
    let fields: Vec<&str> = text.split_whitespace().collect();
    fields.len() == 5 && fields.iter().all(|field| field.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"*/,-?".contains(&byte)))
}

impl Policy for Deleting {
    fn rules(&self) -> &[Arc<PolicyRule>] {
        &self.rules
    }

    fn interest(&self) -> &Interest {
        &self.interest
    }

    fn evaluate(&self, phase: Phase, request: &Request, policy_context: &PolicyContext<'_>) -> Vec<Outcome> {
        let [rule] = &self.rules;
        if phase != rule.phase || !Head::counts_for(self.namespace.as_ref(), request) || request.kind.kind.is_empty() {
            return Vec::new();
        }
        match self.constraints.fit(request) {
            Ok(Some(_)) => {}
            Ok(None) => return Vec::new(),
            Err(why) => return vec![Outcome::new(rule, Status::Error, why)],
        }
        let (context, mut budget) = (Context::of(policy_context), budget(policy_context));
        let scope = Scope::new(&self.composition, request);
        match except(&self.exceptions, rule, &scope, &mut budget, &context) {
            Excepted::Judged(_) => {}
            Excepted::Off(outcome) | Excepted::Failed(outcome) => return vec![outcome],
        }
        vec![match self.conditions.hold(&scope, &mut budget, &context) {
            Ok(None) => Outcome::new(rule, Status::Pass, "it would be deleted"),
            Ok(Some(condition)) => not_matched(rule, &condition),
            Err((error, at)) => stopped(rule, &error, at),
        }]
    }
}

#[cfg(test)]
mod tests {
    use super::is_schedule;

    #[test]
    fn schedules_have_five_fields() {
        let check = |text: &str, expected: bool| assert_eq!(is_schedule(text), expected, "{text}");
        check("0 * * * *", true);
        check("*/5 0-6 1,15 * MON", true);
        check("@daily", true);
        check("0 * * *", false);
        check("often", false);
    }
}
