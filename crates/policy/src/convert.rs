//! From Kyverno's ClusterPolicy to its policies in CEL, where that is exact: rules that are written in CEL already (`validate.cel`).
//!
//! A policy is converted as a whole or not at all. What has no exact counterpart is said with its place: conditions and variables in
//! JMESPath, patterns, exclusions, and matches that are not by kind. Whether a conversion is exact is seen by judging with both
//! ([`prove`]).

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use probity_core::{GroupVersionKind, Inventory, Limits, NoLookup, Operation, PolicyDocument, Request, Status, Timestamp};
use probity_kubernetes::schema;
use probity_value::{Map, SourceMap, Span, Value};

use crate::load::compile;
use crate::set::{Evaluation, NoStopwatch, PolicySet};

/// Why a policy is not converted.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Inexact {
    /// What has no exact counterpart.
    pub what: String,
    /// Where it stands.
    pub at: Span,
}

/// The policies that say the same as a ClusterPolicy: one for each rule.
///
/// # Errors
/// Everything that has no exact counterpart.
pub fn convert(policy: &Value) -> Result<Vec<Value>, Vec<Inexact>> {
    let no = std::cell::RefCell::new(Vec::new());
    let refuse = |what: &str, at: Span| no.borrow_mut().push(Inexact { what: what.to_owned(), at });
    if policy.get("kind").and_then(Value::as_str) != Some("ClusterPolicy") {
        refuse("a policy of one namespace", policy.span);
    }
    let metadata = policy.get("metadata");
    let name = metadata.and_then(|metadata| metadata.get("name")).and_then(Value::as_str).unwrap_or_default();
    if !is_name(name) {
        refuse("`metadata.name`, which is no name of an object (small letters, digits, `-` and `.`),", policy.span);
    }
    let spec = policy.get("spec");
    let rules = spec.and_then(|spec| spec.get("rules")).and_then(Value::as_list).unwrap_or_default();
    for (key, entry) in spec.and_then(Value::as_map).into_iter().flat_map(Map::iter) {
        if !matches!(
            &**key,
            "rules" | "validationFailureAction" | "background" | "failurePolicy" | "admission" | "emitWarning" | "webhookTimeoutSeconds"
        ) {
            refuse(&format!("`spec.{key}`"), entry.key);
        }
    }
    let action = spec.and_then(|spec| spec.get("validationFailureAction")).and_then(Value::as_str);
    let common = Common { policy, name, action, several: rules.len() > 1, autogen: probity_kyverno::autogen_is_possible(rules) };
    let mut out = Vec::new();
    for rule in rules {
        let rule_name = rule.get("name").and_then(Value::as_str).unwrap_or_default();
        for (key, entry) in rule.as_map().into_iter().flat_map(Map::iter) {
            if !matches!(&**key, "name" | "match" | "validate" | "celPreconditions" | "skipBackgroundRequests") {
                refuse(&format!("`{key}` of the rule `{rule_name}`"), entry.key);
            }
            if &**key == "skipBackgroundRequests" && entry.value.as_bool() == Some(false) {
                refuse(&format!("`skipBackgroundRequests: false` of the rule `{rule_name}`"), entry.key);
            }
        }
        if common.several && !is_name(&format!("{name}-{rule_name}")) {
            refuse(&format!("the name of the rule `{rule_name}`, which is no part of the name of an object,"), rule.span);
        }
        let validate = rule.get("validate");
        for (key, entry) in validate.and_then(Value::as_map).into_iter().flat_map(Map::iter) {
            if !matches!(&**key, "cel" | "message" | "failureAction" | "allowExistingViolations") {
                refuse(&format!("`validate.{key}` of the rule `{rule_name}`"), entry.key);
            }
        }
        let cel = validate.and_then(|validate| validate.get("cel"));
        for (key, entry) in cel.and_then(Value::as_map).into_iter().flat_map(Map::iter) {
            if !matches!(&**key, "expressions" | "variables" | "auditAnnotations" | "generate") {
                refuse(&format!("`validate.cel.{key}` of the rule `{rule_name}`"), entry.key);
            }
        }
        if cel.is_none() && validate.is_some() {
            continue;
        }
        let Some(cel) = cel else {
            refuse(&format!("the rule `{rule_name}`, which judges nothing in CEL,"), rule.span);
            continue;
        };
        match resource_rules(rule.get("match")) {
            Ok(matched) => out.push(made(&common, rule, rule_name, cel, matched)),
            Err(mut wrong) => no.borrow_mut().append(&mut wrong),
        }
    }
    let mut no = no.into_inner();
    if no.is_empty() && out.is_empty() {
        no.push(Inexact { what: "there is no rule to convert".to_owned(), at: policy.span });
    }
    if no.is_empty() { Ok(out) } else { Err(no) }
}

fn text(text: &str) -> Value {
    Value::string(text, Span::NONE)
}

fn map(fields: Vec<(&str, Option<Value>)>) -> Value {
    let mut out = Map::new();
    for (name, value) in fields {
        if let Some(value) = value {
            out.insert(name, Span::NONE, value);
        }
    }
    Value::map(out, Span::NONE)
}

fn list(items: Vec<Value>) -> Value {
    Value::list(items, Span::NONE)
}

/// `resourceRules` for a `match` that is by kinds alone.
fn resource_rules(matched: Option<&Value>) -> Result<Value, Vec<Inexact>> {
    let mut no = Vec::new();
    let mut rules = Vec::new();
    let all = matched.and_then(|matched| matched.get("all")).and_then(Value::as_list);
    if let Some([_, second, ..]) = all {
        no.push(Inexact { what: "`match.all` with several filters".to_owned(), at: second.span });
    }
    for filter in crate::lint::filters(matched) {
        for (key, entry) in filter.as_map().into_iter().flat_map(Map::iter).filter(|(key, _)| &***key != "resources") {
            no.push(Inexact { what: format!("`match` by `{key}`"), at: entry.key });
        }
        let resources = filter.get("resources");
        for (key, entry) in resources.and_then(Value::as_map).into_iter().flat_map(Map::iter) {
            if !matches!(&**key, "kinds" | "operations") {
                no.push(Inexact { what: format!("`match.resources.{key}`"), at: entry.key });
            }
        }
        let operations = resources.and_then(|resources| resources.get("operations")).cloned();
        // A rule that names none answers to every operation.
        let operations = operations.unwrap_or_else(|| list(["CREATE", "UPDATE", "DELETE", "CONNECT"].into_iter().map(text).collect()));
        for kind in resources.and_then(|resources| resources.get("kinds")).and_then(Value::as_list).unwrap_or_default() {
            match known(kind.as_str().unwrap_or_default()) {
                Some((group, versions, plural)) => rules.push(map(vec![
                    ("apiGroups", Some(list(vec![text(&group)]))),
                    ("apiVersions", Some(list(versions.iter().map(|version| text(version)).collect()))),
                    ("operations", Some(operations.clone())),
                    ("resources", Some(list(vec![text(&plural)]))),
                ])),
                None => no.push(Inexact {
                    what: format!("the kind `{}`: its group and plural are not known here", kind.as_str().unwrap_or_default()),
                    at: kind.span,
                }),
            }
        }
    }
    if no.is_empty() { Ok(map(vec![("resourceRules", Some(list(rules)))])) } else { Err(no) }
}

/// Group, versions and plural of a kind as Kyverno writes it; nothing where it may be several.
fn known(kind: &str) -> Option<(String, Vec<String>, String)> {
    if kind.contains('*') {
        return None;
    }
    let parts: Vec<&str> = kind.split('/').collect();
    let of = match *parts.as_slice() {
        [name] => {
            let mut found = schema::kinds().iter().filter(|known| known.kind == name && known.removed_in.is_none());
            let first = found.next()?;
            if found.any(|other| other.group != first.group) {
                return None;
            }
            let versions =
                schema::kinds().iter().filter(|known| known.kind == name && known.group == first.group && known.removed_in.is_none());
            return Some((first.group.to_owned(), versions.map(|known| known.version.to_owned()).collect(), first.plural.to_owned()));
        }
        [version, name] => GroupVersionKind::of(version, name),
        [group, version, name] => GroupVersionKind { group: group.into(), version: version.into(), kind: name.into() },
        _ => return None,
    };
    let found = schema::kind(&of)?;
    Some((found.group.to_owned(), vec![found.version.to_owned()], found.plural.to_owned()))
}

/// Whether an object may have that name (DNS subdomain, RFC 1123), so that it is one name of a file too.
fn is_name(name: &str) -> bool {
    let part = |part: &str| {
        !part.is_empty()
            && part.bytes().all(|byte| byte.is_ascii_lowercase() || byte.is_ascii_digit() || byte == b'-')
            && !part.starts_with('-')
            && !part.ends_with('-')
    };
    name.len() <= 253 && name.split('.').all(part)
}

/// What all rules of a policy share.
struct Common<'v> {
    policy: &'v Value,
    name: &'v str,
    action: Option<&'v str>,
    several: bool,
    /// Whether rules for the controllers of Pods are made of them.
    autogen: bool,
}

impl Common<'_> {
    /// The name of the policy that is made of a rule.
    fn converted(&self, rule: &str) -> String {
        if self.several { format!("{}-{rule}", self.name) } else { self.name.to_owned() }
    }
}

fn made(common: &Common<'_>, rule: &Value, rule_name: &str, cel: &Value, matched: Value) -> Value {
    let own = rule.get("validate").and_then(|validate| validate.get("failureAction")).and_then(Value::as_str);
    let enforce = own.or(common.action).is_some_and(|action| action.eq_ignore_ascii_case("enforce"));
    let metadata = common.policy.get("metadata");
    let annotations = metadata.and_then(|metadata| metadata.get("annotations")).cloned();
    let labels = metadata.and_then(|metadata| metadata.get("labels")).cloned();
    let named = annotations
        .as_ref()
        .and_then(|annotations| annotations.get("pod-policies.kyverno.io/autogen-controllers"))
        .and_then(Value::as_str)
        .map(str::to_owned);
    let controllers = match named.as_deref() {
        _ if !common.autogen => Some(Vec::new()),
        Some("none") => Some(Vec::new()),
        Some(listed) => Some(listed.split(',').map(|kind| format!("{}s", kind.trim().to_ascii_lowercase())).collect()),
        None => None,
    };
    let autogen = controllers.map(|names| {
        let names = list(names.iter().map(|name| text(name)).collect());
        map(vec![("podControllers", Some(map(vec![("controllers", Some(names))])))])
    });
    let setting = |key: &str| common.policy.get("spec").and_then(|spec| spec.get(key)).cloned();
    let warn = setting("emitWarning").is_some_and(|value| value.as_bool() == Some(true));
    let mut actions = vec![text(if enforce { "Deny" } else { "Audit" })];
    if warn {
        actions.push(text("Warn"));
    }
    let enabled = |key: &str| setting(key).map(|value| map(vec![("enabled", Some(value))]));
    let evaluation = match (enabled("admission"), enabled("background")) {
        (None, None) => None,
        (admission, background) => Some(map(vec![("admission", admission), ("background", background)])),
    };
    let webhook = setting("webhookTimeoutSeconds").map(|seconds| map(vec![("timeoutSeconds", Some(seconds))]));
    let message = rule.get("validate").and_then(|validate| validate.get("message")).cloned();
    let validations: Vec<Value> = cel
        .get("expressions")
        .and_then(Value::as_list)
        .unwrap_or_default()
        .iter()
        .map(|one| {
            let own = |key: &str| one.get(key).cloned();
            map(vec![
                ("expression", own("expression")),
                ("message", own("message").or_else(|| message.clone())),
                ("messageExpression", own("messageExpression")),
                ("reason", own("reason")),
            ])
        })
        .collect();
    let full = common.converted(rule_name);
    map(vec![
        ("apiVersion", Some(text("policies.kyverno.io/v1"))),
        ("kind", Some(text("ValidatingPolicy"))),
        ("metadata", Some(map(vec![("name", Some(text(&full))), ("labels", labels), ("annotations", annotations)]))),
        (
            "spec",
            Some(map(vec![
                ("validationActions", Some(list(actions))),
                ("failurePolicy", setting("failurePolicy")),
                ("webhookConfiguration", webhook),
                ("evaluation", evaluation),
                ("autogen", autogen),
                ("matchConstraints", Some(matched)),
                ("matchConditions", rule.get("celPreconditions").cloned()),
                ("variables", cel.get("variables").cloned()),
                ("validations", Some(list(validations))),
                ("auditAnnotations", cel.get("auditAnnotations").cloned()),
            ])),
        ),
    ])
}

/// An object of which a policy and its conversion say different things.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Disagreement {
    /// The object: kind and name.
    pub object: String,
    /// What the policy says.
    pub before: String,
    /// What the conversion says.
    pub after: String,
}

/// What a proof rests on.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct Proof {
    /// How many objects both judged alike, each as made, changed and taken away.
    pub objects: usize,
    /// Rules that passed or failed none of them, so that nothing is proven of them.
    pub untried: Vec<String>,
}

/// Judges objects by a policy and by its conversion, when they are made, changed and taken away. Both have to load, and to say the same
/// of every object, rule by rule. An error on both sides is the same, but tries nothing.
///
/// # Errors
/// What does not load, or the objects they disagree on.
pub fn prove(policy: &Value, converted: &[Value], objects: &[Value]) -> Result<Proof, Vec<Disagreement>> {
    let set = |values: &[Value]| -> Result<PolicySet, Vec<Disagreement>> {
        let documents: Vec<PolicyDocument> =
            values.iter().map(|value| PolicyDocument { file: "converted".into(), value: value.clone() }).collect();
        let (policies, said) = compile(&documents, &SourceMap::new());
        match said.iter().find(|one| one.level == probity_core::Level::Error) {
            None => Ok(PolicySet::new(policies)),
            Some(error) => {
                Err(vec![Disagreement { object: "(loading)".to_owned(), before: "it loads".to_owned(), after: error.message.clone() }])
            }
        }
    };
    let (before, after) = (set(std::slice::from_ref(policy))?, set(converted)?);
    let inventory = Arc::new(Inventory::default());
    let with = Evaluation {
        lookup: &NoLookup,
        inventory: &inventory,
        limits: Limits::default(),
        now: Timestamp { seconds: 0, nanoseconds: 0 },
        stopwatch: &NoStopwatch,
    };
    // The worst a rule says; `of` gives the rule of an outcome. A skip and no answer at all let an object pass alike.
    let answers = |set: &PolicySet, request: &Request, of: &dyn Fn(&str, &str) -> String| -> BTreeMap<String, Status> {
        let order = [Status::Error, Status::Fail, Status::Unknown, Status::Warn, Status::Pass];
        let rank = |status: Status| order.iter().position(|one| *one == status);
        let mut out: BTreeMap<String, Status> = BTreeMap::new();
        for outcome in set.evaluate(request, &with).outcomes {
            let Some(own) = rank(outcome.status) else { continue };
            let said = out.entry(of(&outcome.rule.policy, &outcome.rule.name)).or_insert(outcome.status);
            if rank(*said).is_some_and(|other| own < other) {
                *said = outcome.status;
            }
        }
        out
    };
    let text = |value: Option<&Value>| value.and_then(Value::as_str).unwrap_or_default().to_owned();
    let name_of = |value: &Value| text(value.get("metadata").and_then(|metadata| metadata.get("name")));
    let rules = policy.get("spec").and_then(|spec| spec.get("rules")).and_then(Value::as_list).unwrap_or_default();
    let rules: Vec<String> = rules.iter().map(|rule| text(rule.get("name"))).collect();
    let name = name_of(policy);
    let converted_as = |rule: &str| if rules.len() > 1 { format!("{name}-{rule}") } else { name.clone() };
    // The rules for controllers speak for the rule they are made of; long names of theirs are cut.
    let original = |rule: &str| -> String {
        let bare = rule.strip_prefix("autogen-cronjob-").or_else(|| rule.strip_prefix("autogen-")).unwrap_or(rule);
        rules
            .iter()
            .find(|one| one.as_str() == rule || (bare != rule && one.starts_with(bare)))
            .map_or_else(|| rule.to_owned(), Clone::clone)
    };
    let mut tried: BTreeSet<String> = BTreeSet::new();
    let mut different = Vec::new();
    for object in objects {
        let made = Request::create(object.clone());
        let null = Value::null(Span::NONE);
        let changed = Request { operation: Operation::Update, old_object: object.clone(), ..made.clone() };
        let taken = Request { operation: Operation::Delete, object: null, old_object: object.clone(), ..made.clone() };
        for request in [&made, &changed, &taken] {
            let one = answers(&before, request, &|_, rule| converted_as(&original(rule)));
            let other = answers(&after, request, &|policy, _| policy.to_owned());
            tried.extend(one.iter().filter(|(_, status)| matches!(status, Status::Pass | Status::Fail)).map(|(rule, _)| rule.clone()));
            let rule = one.keys().chain(other.keys()).find(|rule| one.get(*rule) != other.get(*rule));
            if let Some(rule) = rule {
                let said = |answers: &BTreeMap<String, Status>| answers.get(rule).map_or("no answer", |status| status.as_str()).to_owned();
                let object = format!("{}/{} ({})", text(object.get("kind")), name_of(object), request.operation.as_str());
                different.push(Disagreement { object, before: said(&one), after: said(&other) });
                break;
            }
        }
    }
    let untried = rules.iter().filter(|rule| !tried.contains(&converted_as(rule))).cloned().collect();
    if different.is_empty() { Ok(Proof { objects: objects.len(), untried }) } else { Err(different) }
}

#[cfg(test)]
mod tests {
    use super::*;
    use probity_value::{FileId, yaml};

    const POLICY: &str = "apiVersion: kyverno.io/v1
kind: ClusterPolicy
metadata: {name: p, annotations: {policies.kyverno.io/severity: high}}
spec:
  validationFailureAction: Enforce
  rules:
  - name: r
    match: {any: [{resources: {kinds: [Pod], operations: [CREATE, UPDATE]}}]}
    validate: {cel: {expressions: [{expression: 'object.spec.?hostNetwork.orValue(false) == false', message: m}]}}
";

    fn parse(text: &str) -> Value {
        yaml::parse(text, FileId::NONE).0.remove(0).value
    }

    #[test]
    fn rules_in_cel_are_converted_and_proven() {
        let policy = parse(POLICY);
        let converted = convert(&policy).unwrap();
        assert_eq!(converted[0].get("kind").and_then(Value::as_str), Some("ValidatingPolicy"));
        let objects = [
            parse("{apiVersion: v1, kind: Pod, metadata: {name: a}, spec: {hostNetwork: true}}"),
            parse("{apiVersion: v1, kind: Pod, metadata: {name: b}, spec: {}}"),
            parse("{apiVersion: apps/v1, kind: Deployment, metadata: {name: c}, spec: {template: {spec: {hostNetwork: true}}}}"),
            parse("{apiVersion: v1, kind: Service, metadata: {name: d}}"),
        ];
        assert_eq!(prove(&policy, &converted, &objects), Ok(Proof { objects: 4, untried: vec![] }));
        // Objects that no rule is about prove nothing.
        assert_eq!(prove(&policy, &converted, &objects[3..]), Ok(Proof { objects: 1, untried: vec!["r".to_owned()] }));
        // A conversion that says something else is found.
        let other = convert(&parse(&POLICY.replace("orValue(false)", "orValue(true)"))).unwrap();
        assert_eq!(prove(&policy, &other, &objects).unwrap_err().len(), 1);
    }

    #[test]
    fn every_operation_is_tried() {
        // Without operations the rule answers to deletions too, where there is no object.
        let policy = parse(&POLICY.replace(", operations: [CREATE, UPDATE]", ""));
        let pod = parse("{apiVersion: v1, kind: Pod, metadata: {name: a}, spec: {}}");
        let wrong = prove(&policy, &convert(&policy).unwrap(), &[pod]).unwrap_err();
        assert_eq!(wrong[0].object, "Pod/a (DELETE)");
    }

    #[test]
    fn one_rule_may_turn_autogen_off_for_all() {
        let rule = "  - name: s
    match: {any: [{resources: {kinds: [Pod, Service], operations: [CREATE]}}]}
    validate: {cel: {expressions: [{expression: 'true'}]}}
";
        let policy = parse(&format!("{POLICY}{rule}"));
        let converted = convert(&policy).unwrap();
        let objects = [
            parse("{apiVersion: v1, kind: Pod, metadata: {name: b}, spec: {}}"),
            parse("{apiVersion: apps/v1, kind: Deployment, metadata: {name: c}, spec: {template: {spec: {hostNetwork: true}}}}"),
        ];
        assert_eq!(prove(&policy, &converted, &objects), Ok(Proof { objects: 2, untried: vec![] }));
    }

    #[test]
    fn settings_move_along() {
        let policy = POLICY
            .replace("spec:\n", "spec:\n  failurePolicy: Ignore\n  background: false\n  emitWarning: true\n  webhookTimeoutSeconds: 5\n")
            .replace("{name: p,", "{name: p, labels: {team: a},");
        let made = yaml::write(&convert(&parse(&policy)).unwrap()[0]).unwrap();
        for part in ["failurePolicy: Ignore", "enabled: false", "- Warn", "timeoutSeconds: 5", "team: a"] {
            assert!(made.contains(part), "{part}: {made}");
        }
    }

    #[test]
    fn what_is_not_exact_is_said() {
        let check = |from: &str, to: &str, expected: &str| {
            let wrong = convert(&parse(&POLICY.replace(from, to))).unwrap_err();
            assert!(wrong.iter().any(|one| one.what.contains(expected)), "{expected}: {wrong:?}");
        };
        check("name: p,", "name: ../p,", "`metadata.name`");
        check("kinds: [Pod]", "kinds: ['*']", "the kind `*`");
        check("kinds: [Pod]", "kinds: [Pod], namespaces: [a]", "`match.resources.namespaces`");
        check("    validate:", "    preconditions: {all: []}\n    validate:", "`preconditions` of the rule `r`");
        check(
            "{cel: {expressions: [{expression: 'object.spec.?hostNetwork.orValue(false) == false', message: m}]}}",
            "{pattern: {spec: {a: b}}}",
            "`validate.pattern`",
        );
    }
}
