//! Guardrails that do not guard.

use probity_core::PolicyDocument;
use probity_value::{Span, Value};

use super::{Subject, keys, texts};
use crate::load::Language;

/// The kinds that make pods.
const CONTROLLERS: &[&str] = &["deployments", "statefulsets", "daemonsets", "jobs", "cronjobs", "replicasets"];

pub(super) fn lint(subject: &mut Subject<'_>, all: &[PolicyDocument]) {
    match (subject.language, subject.kind) {
        (Language::Kyverno, "ClusterPolicy" | "Policy") => kyverno(subject),
        (Language::Kyverno, kind) if kind.ends_with("ValidatingPolicy") => in_cel(subject),
        (Language::Admission, "ValidatingAdmissionPolicyBinding") => binding(subject),
        (Language::Admission, "ValidatingAdmissionPolicy" | "MutatingAdmissionPolicy") => admission(subject),
        (Language::Gatekeeper, "ConstraintTemplate") => containers_in_text(subject),
        (Language::Gatekeeper, _)
            if subject.object.get("apiVersion").and_then(Value::as_str).is_some_and(|api| api.starts_with("constraints.")) =>
        {
            constraint(subject, all);
        }
        _ => {}
    }
}

fn span(value: Option<&Value>) -> Span {
    value.map_or(Span::NONE, |value| value.span)
}

fn list(value: Option<&Value>) -> &[Value] {
    value.and_then(Value::as_list).unwrap_or_default()
}

/// The filters of a `match` or `exclude` of Kyverno: of `any`, of `all`, or itself.
pub(crate) fn filters(clause: Option<&Value>) -> Vec<&Value> {
    let Some(clause) = clause else { return Vec::new() };
    let mut out: Vec<&Value> = ["any", "all"].into_iter().flat_map(|key| list(clause.get(key))).collect();
    if clause.get("any").is_none() && clause.get("all").is_none() {
        out.push(clause);
    }
    out
}

fn kyverno(subject: &mut Subject<'_>) {
    let object = subject.object;
    let Some(spec) = object.get("spec") else { return };
    let mut open = Vec::new();
    if spec.get("failurePolicy").and_then(Value::as_str) == Some("Ignore") {
        open.push(span(spec.get("failurePolicy")));
    }
    for at in open {
        subject.say("fails-open", at, "`failurePolicy: Ignore` lets requests pass where the policy cannot be evaluated", "say `Fail`");
    }
    let action = spec.get("validationFailureAction").and_then(Value::as_str).map(str::to_ascii_lowercase);
    let autogen = object
        .get("metadata")
        .and_then(|metadata| metadata.get("annotations"))
        .and_then(|annotations| annotations.get("pod-policies.kyverno.io/autogen-controllers"));
    for rule in list(spec.get("rules")) {
        let name = rule.get("name").and_then(Value::as_str).unwrap_or_default();
        if let Some(validate) = rule.get("validate") {
            let own = validate.get("failureAction").and_then(Value::as_str).map(str::to_ascii_lowercase);
            if own.as_deref().or(action.as_deref()).unwrap_or("audit") == "audit" {
                let at = span(validate.get("failureAction").or_else(|| spec.get("validationFailureAction")));
                let hint = "say `failureAction: Enforce`; where nothing is said, Kyverno only audits";
                subject.say("audit-only", at.or(rule.span), format!("a failure of `{name}` refuses nothing"), hint);
            }
            containers_in(subject, validate, name);
        }
        let matched = filters(rule.get("match"));
        let kinds: Vec<&str> = matched
            .iter()
            .flat_map(|filter| list(filter.get("resources").and_then(|resources| resources.get("kinds"))))
            .filter_map(Value::as_str)
            .collect();
        let only_pods = !kinds.is_empty() && kinds.iter().all(|kind| kind.rsplit('/').next() == Some("Pod"));
        if only_pods && autogen.and_then(Value::as_str) == Some("none") {
            let message = format!("`{name}` judges Pods, but not what makes them");
            subject.say("misses-controllers", span(autogen), message, "take `autogen-controllers: none` away");
        }
        for filter in filters(rule.get("exclude")) {
            let resources = filter.get("resources");
            for key in ["annotations", "selector"] {
                if let Some(value) = resources.and_then(|resources| resources.get(key)) {
                    let what = if key == "selector" { "label" } else { "annotation" };
                    let message = format!("whoever makes the object can leave it out of `{name}` by a {what}");
                    subject.say("trusts-requester", value.span, message, "leave out by namespace or by who asks, or use a PolicyException");
                }
            }
        }
        if let Some(conditions) = rule.get("preconditions").or_else(|| rule.get("celPreconditions")) {
            trusts(subject, conditions, name);
        }
    }
}

/// Conditions that ask the labels or annotations of the object.
fn trusts(subject: &mut Subject<'_>, conditions: &Value, name: &str) {
    let mut found = false;
    texts(conditions, &mut |text| {
        found |= ["object.metadata.labels", "object.metadata.annotations"].iter().any(|path| text.contains(path));
    });
    if found {
        let message = format!("whether `{name}` judges an object depends on its own labels or annotations, which its maker writes");
        subject.say("trusts-requester", conditions.span, message, "ask for the namespace or who asks instead");
    }
}

/// Patterns and expressions about containers.
fn containers_in(subject: &mut Subject<'_>, part: &Value, name: &str) {
    let (mut plain, mut init, mut ephemeral) = (None, false, false);
    let mut see = |text: &str, at: Span| {
        init |= text.contains("initContainers");
        ephemeral |= text.contains("ephemeralContainers");
        // `allContainers`, `variables.containers` and the like are made of several lists.
        if text == "containers" || text == "=(containers)" || text.contains("spec.containers") || text.contains("spec.containers[]") {
            plain = plain.or(Some(at));
        }
    };
    keys(part, &mut see);
    super::each(part, &mut |value| {
        if let Some(text) = value.as_str() {
            see(text, value.span);
            // `request.object.spec.[initContainers, containers]` and `images` speak of all of them.
            if text.contains("images.") {
                see("initContainers ephemeralContainers", value.span);
            }
        }
    });
    let Some(at) = plain else { return };
    missed(subject, at, init, ephemeral, name);
}

fn missed(subject: &mut Subject<'_>, at: Span, init: bool, ephemeral: bool, name: &str) {
    if !init {
        let message = format!("`{name}` judges containers, but not init containers, which run with the same rights");
        subject.say("misses-init-containers", at, message, "judge `initContainers` too");
    }
    if !ephemeral {
        let message = format!("`{name}` judges containers, but not ephemeral ones, which are added to a running Pod");
        subject.say("misses-ephemeral-containers", at, message, "judge `ephemeralContainers` too");
    }
}

/// Code about containers, as a whole.
fn containers_in_text(subject: &mut Subject<'_>) {
    let mut all = String::new();
    texts(subject.object, &mut |text| {
        if text.contains("package ") || text.contains("object.") || text.contains("anyObject") {
            all.push_str(text);
            all.push('\n');
        }
    });
    let plain = all.contains("spec.containers") || all.contains("\"containers\"") || all.contains(".containers");
    if plain {
        let (init, ephemeral) = (all.contains("initContainers"), all.contains("ephemeralContainers"));
        let name = subject.name.to_owned();
        missed(subject, Span::NONE, init, ephemeral, &name);
    }
}

/// Policies of Kyverno in CEL.
fn in_cel(subject: &mut Subject<'_>) {
    let object = subject.object;
    let Some(spec) = object.get("spec") else { return };
    let actions: Vec<&str> = list(spec.get("validationActions")).iter().filter_map(Value::as_str).collect();
    if !actions.is_empty() && !actions.contains(&"Deny") {
        let at = span(spec.get("validationActions"));
        subject.say("audit-only", at, "a failure refuses nothing", "add `Deny`");
    }
    open_failure(subject, spec);
    containers_in_cel(subject, spec);
    if let Some(conditions) = spec.get("matchConditions") {
        let name = subject.name.to_owned();
        trusts(subject, conditions, &name);
    }
    object_selector(subject, spec.get("matchConstraints"));
    let controllers = spec.get("autogen").and_then(|autogen| autogen.get("podControllers")).and_then(|pods| pods.get("controllers"));
    if controllers.and_then(Value::as_list).is_some_and(<[Value]>::is_empty) && only_pods(spec) {
        let at = span(controllers);
        subject.say("misses-controllers", at, "Pods are judged, but not what makes them", "name the controllers, or leave the list out");
    }
}

fn admission(subject: &mut Subject<'_>) {
    let object = subject.object;
    let Some(spec) = object.get("spec") else { return };
    open_failure(subject, spec);
    containers_in_cel(subject, spec);
    if let Some(conditions) = spec.get("matchConditions") {
        let name = subject.name.to_owned();
        trusts(subject, conditions, &name);
    }
    object_selector(subject, spec.get("matchConstraints"));
    if only_pods(spec) && subject.kind == "ValidatingAdmissionPolicy" {
        let hint = "name deployments, statefulsets, daemonsets, jobs and cronjobs too: this language makes no rules for them by itself";
        subject.say("misses-controllers", span(spec.get("matchConstraints")), "Pods are judged, but not what makes them", hint);
    }
}

fn open_failure(subject: &mut Subject<'_>, spec: &Value) {
    if spec.get("failurePolicy").and_then(Value::as_str) == Some("Ignore") {
        let at = span(spec.get("failurePolicy"));
        subject.say("fails-open", at, "`failurePolicy: Ignore` lets requests pass where the policy cannot be evaluated", "say `Fail`");
    }
}

fn containers_in_cel(subject: &mut Subject<'_>, spec: &Value) {
    let mut all = String::new();
    texts(spec, &mut |text| {
        all.push_str(text);
        all.push('\n');
    });
    if all.contains("spec.containers") || all.contains("spec.template.spec.containers") {
        let name = subject.name.to_owned();
        missed(subject, Span::NONE, all.contains("initContainers"), all.contains("ephemeralContainers"), &name);
    }
}

fn object_selector(subject: &mut Subject<'_>, constraints: Option<&Value>) {
    let selector = constraints.and_then(|constraints| constraints.get("objectSelector"));
    let filled = |key: &str| selector.and_then(|selector| selector.get(key)).is_some();
    if filled("matchLabels") || filled("matchExpressions") {
        let message = "labels of the object itself decide whether it is judged, and its maker writes them";
        subject.say("trusts-requester", span(selector), message, "select by namespace instead");
    }
}

/// Whether the rules name pods and none of their controllers.
fn only_pods(spec: &Value) -> bool {
    let rules = list(spec.get("matchConstraints").and_then(|constraints| constraints.get("resourceRules")));
    let resources: Vec<&str> = rules.iter().flat_map(|rule| list(rule.get("resources"))).filter_map(Value::as_str).collect();
    resources.contains(&"pods") && !resources.iter().any(|name| CONTROLLERS.contains(name) || name.starts_with('*'))
}

fn binding(subject: &mut Subject<'_>) {
    let actions = subject.at(&["spec", "validationActions"]);
    let words: Vec<&str> = list(actions).iter().filter_map(Value::as_str).collect();
    if !words.is_empty() && !words.contains(&"Deny") {
        let at = span(actions);
        subject.say("audit-only", at, "a failure refuses nothing under this binding", "add `Deny`");
    }
    let resources = subject.at(&["spec", "matchResources"]).cloned();
    object_selector(subject, resources.as_ref());
}

fn constraint(subject: &mut Subject<'_>, all: &[PolicyDocument]) {
    let object = subject.object;
    let Some(spec) = object.get("spec") else { return };
    let action = spec.get("enforcementAction");
    if matches!(action.and_then(Value::as_str), Some("dryrun" | "warn")) {
        subject.say("audit-only", span(action), "a failure refuses nothing", "say `enforcementAction: deny`");
    }
    let matched = spec.get("match");
    let kinds: Vec<&str> = list(matched.and_then(|matched| matched.get("kinds")))
        .iter()
        .flat_map(|group| list(group.get("kinds")))
        .filter_map(Value::as_str)
        .collect();
    let expands = all.iter().any(|one| one.value.get("kind").and_then(Value::as_str) == Some("ExpansionTemplate"));
    if !kinds.is_empty() && kinds.iter().all(|kind| *kind == "Pod") && !expands {
        let at = span(matched.and_then(|matched| matched.get("kinds")));
        let hint = "name Deployment and the like too where the template reads them, or add an ExpansionTemplate";
        subject.say("misses-controllers", at, "Pods are judged, but not what makes them", hint);
    }
    let selector = matched.and_then(|matched| matched.get("labelSelector"));
    if selector.and_then(Value::as_map).is_some_and(|map| !map.is_empty()) {
        let message = "labels of the object itself decide whether it is judged, and its maker writes them";
        subject.say("trusts-requester", span(selector), message, "select by namespace instead");
    }
}
