//! From Kyverno's ClusterPolicy to its policies in CEL, where that is exact: rules that are written in CEL already (`validate.cel`).
//!
//! A policy is converted as a whole or not at all. What has no exact counterpart is said with its place: conditions and variables in
//! JMESPath, patterns, exclusions, and matches that are not by kind. Whether a conversion is exact is seen by judging with both
//! ([`prove`]).

use std::sync::Arc;

use probity_core::{GroupVersionKind, Inventory, Limits, NoLookup, PolicyDocument, Request, Status, Timestamp};
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
        refuse("only a ClusterPolicy is converted", policy.span);
    }
    let metadata = policy.get("metadata");
    let name = metadata.and_then(|metadata| metadata.get("name")).and_then(Value::as_str).unwrap_or_default();
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
    let mut out = Vec::new();
    for rule in rules {
        let rule_name = rule.get("name").and_then(Value::as_str).unwrap_or_default();
        for (key, entry) in rule.as_map().into_iter().flat_map(Map::iter) {
            if !matches!(&**key, "name" | "match" | "validate" | "celPreconditions" | "skipBackgroundRequests") {
                refuse(&format!("`{key}` of the rule `{rule_name}`"), entry.key);
            }
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
            refuse(&format!("the rule `{rule_name}` judges nothing in CEL"), rule.span);
            continue;
        };
        match resource_rules(rule.get("match")) {
            Ok(matched) => out.push(made(policy, name, rule, rule_name, cel, action, matched, rules.len() > 1)),
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
        let operations = operations.unwrap_or_else(|| list(["CREATE", "UPDATE"].into_iter().map(text).collect()));
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

#[expect(clippy::too_many_arguments, reason = "the parts of one policy")]
fn made(
    policy: &Value,
    name: &str,
    rule: &Value,
    rule_name: &str,
    cel: &Value,
    action: Option<&str>,
    matched: Value,
    several: bool,
) -> Value {
    let own = rule.get("validate").and_then(|validate| validate.get("failureAction")).and_then(Value::as_str);
    let enforce = own.or(action).is_some_and(|action| action.eq_ignore_ascii_case("enforce"));
    let metadata = policy.get("metadata");
    let annotations = metadata.and_then(|metadata| metadata.get("annotations")).cloned();
    let none = annotations
        .as_ref()
        .and_then(|annotations| annotations.get("pod-policies.kyverno.io/autogen-controllers"))
        .and_then(Value::as_str)
        .map(str::to_owned);
    let controllers = none.map(|text| match text.as_str() {
        "none" => Vec::new(),
        listed => listed.split(',').map(|kind| format!("{}s", kind.trim().to_ascii_lowercase())).collect(),
    });
    let autogen = controllers.map(|names| {
        let names = list(names.iter().map(|name| text(name)).collect());
        map(vec![("podControllers", Some(map(vec![("controllers", Some(names))])))])
    });
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
    let full = if several { format!("{name}-{rule_name}") } else { name.to_owned() };
    map(vec![
        ("apiVersion", Some(text("policies.kyverno.io/v1"))),
        ("kind", Some(text("ValidatingPolicy"))),
        ("metadata", Some(map(vec![("name", Some(text(&full))), ("annotations", annotations)]))),
        (
            "spec",
            Some(map(vec![
                ("validationActions", Some(list(vec![text(if enforce { "Deny" } else { "Audit" })]))),
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

/// Judges objects by a policy and by its conversion. Both have to load, and to say the same of every object.
///
/// # Errors
/// What does not load, or the objects they disagree on.
pub fn prove(policy: &Value, converted: &[Value], objects: &[Value]) -> Result<usize, Vec<Disagreement>> {
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
    let worst = |set: &PolicySet, object: &Value| -> &'static str {
        let outcomes = set.evaluate(&Request::create(object.clone()), &with).outcomes;
        let order = [Status::Error, Status::Fail, Status::Unknown, Status::Warn, Status::Pass];
        order
            .into_iter()
            .find(|status| outcomes.iter().any(|outcome| outcome.status == *status))
            // A skip and no answer at all let an object pass alike.
            .map_or("no answer", Status::as_str)
    };
    let mut different = Vec::new();
    for object in objects {
        let (one, other) = (worst(&before, object), worst(&after, object));
        if one != other {
            let part = |value: Option<&Value>| value.and_then(Value::as_str).unwrap_or_default().to_owned();
            let name = part(object.get("metadata").and_then(|metadata| metadata.get("name")));
            let object = format!("{}/{name}", part(object.get("kind")));
            different.push(Disagreement { object, before: one.to_owned(), after: other.to_owned() });
        }
    }
    if different.is_empty() { Ok(objects.len()) } else { Err(different) }
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
    match: {any: [{resources: {kinds: [Pod]}}]}
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
        assert_eq!(prove(&policy, &converted, &objects), Ok(4));
        // A conversion that says something else is found.
        let other = convert(&parse(&POLICY.replace("orValue(false)", "orValue(true)"))).unwrap();
        assert_eq!(prove(&policy, &other, &objects).unwrap_err().len(), 1);
    }

    #[test]
    fn what_is_not_exact_is_said() {
        let check = |from: &str, to: &str, expected: &str| {
            let wrong = convert(&parse(&POLICY.replace(from, to))).unwrap_err();
            assert!(wrong.iter().any(|one| one.what.contains(expected)), "{expected}: {wrong:?}");
        };
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
