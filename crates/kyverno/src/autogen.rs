//! Rules for pod controllers that are made of rules for pods, as Kyverno makes them (`pkg/autogen/v1`).
//!
//! A rule is rewritten as a document: its pattern is wrapped, its kinds are replaced, and in all its text `request.object.spec` becomes
//! `request.object.spec.template.spec` and so on, byte by byte, whatever stands around it.

use std::sync::Arc;

use probity_value::{Data, Entry, Map, Span, Value};

use crate::policy::Identity;

/// Pod controllers and the kinds rules for them match. Kyverno 1.19 names their newest versions; an object of an older one is judged here,
/// too.
const CONTROLLERS: &[(&str, &str)] = &[
    ("CronJob", "batch/*/CronJob"),
    ("DaemonSet", "apps/*/DaemonSet"),
    ("Deployment", "apps/*/Deployment"),
    ("Job", "batch/*/Job"),
    ("ReplicaSet", "apps/*/ReplicaSet"),
    ("ReplicationController", "v1/ReplicationController"),
    ("StatefulSet", "apps/*/StatefulSet"),
];

const ANNOTATION: &str = "pod-policies.kyverno.io/autogen-controllers";

/// Rules that were made.
#[derive(Debug, Default)]
pub(crate) struct Made {
    /// The controllers rules are made for.
    pub(crate) controllers: Vec<&'static str>,
    /// For which kinds, and the rule.
    pub(crate) rules: Vec<(Vec<&'static str>, Value)>,
}

/// The rules made of the rules of a policy.
pub(crate) fn rules(identity: &Identity, rules: &[Value]) -> Made {
    if !possible(rules) {
        return Made::default();
    }
    let controllers: Vec<&'static str> = match identity.annotation(ANNOTATION) {
        None => CONTROLLERS.iter().map(|(kind, _)| *kind).collect(),
        Some(text) => CONTROLLERS.iter().map(|(kind, _)| *kind).filter(|kind| text.split(',').any(|word| word == *kind)).collect(),
    };
    let mut made = Made { controllers, rules: Vec::new() };
    let others: Vec<&'static str> = made.controllers.iter().copied().filter(|kind| *kind != "CronJob").collect();
    for rule in rules {
        let name = text_at(rule, "name");
        if name.starts_with("autogen-") || !about_pods(rule) {
            continue;
        }
        if !others.is_empty()
            && let Some(wrapped) = wrap(rule, &rule_name("autogen", name), "template", "spec/template", &others, false)
        {
            made.rules.push((others.clone(), replaced(&wrapped, "spec.template", is_cel(rule))));
        }
        if made.controllers.contains(&"CronJob")
            && let Some(template) = wrap(rule, name, "template", "spec/template", &["CronJob"], false)
            && let Some(wrapped) =
                wrap(&template, &rule_name("autogen-cronjob", name), "jobTemplate", "spec/jobTemplate/spec/template", &["CronJob"], true)
        {
            made.rules.push((vec!["CronJob"], replaced(&wrapped, "spec.jobTemplate.spec.template", is_cel(rule))));
        }
    }
    made
}

fn text_at<'v>(value: &'v Value, key: &str) -> &'v str {
    value.get(key).and_then(Value::as_str).unwrap_or_default()
}

fn items_at<'v>(value: &'v Value, key: &str) -> &'v [Value] {
    value.get(key).and_then(Value::as_list).unwrap_or_default()
}

fn set(value: &Value, key: &str) -> bool {
    value.get(key).is_some_and(|value| !value.is_null())
}

fn rule_name(prefix: &str, name: &str) -> String {
    let mut full = format!("{prefix}-{name}");
    if full.len() > 63 {
        full.truncate(full.floor_char_boundary(63));
    }
    full
}

fn is_cel(rule: &Value) -> bool {
    rule.get("validate").is_some_and(|validate| set(validate, "cel"))
}

/// The descriptions of resources in `match` or `exclude`: of the clause itself, of `any` and of `all`.
fn descriptions(clause: &Value) -> impl Iterator<Item = &Value> {
    std::iter::once(clause).chain(items_at(clause, "any")).chain(items_at(clause, "all")).filter_map(|filter| filter.get("resources"))
}

fn kinds(description: &Value) -> impl Iterator<Item = &str> {
    items_at(description, "kinds").iter().filter_map(Value::as_str)
}

/// The kind a selector of kinds names, without group, version and sub-resource.
fn bare_kind(selector: &str) -> &str {
    let parts: Vec<&str> = selector.split('/').collect();
    let version = |text: &str| crate::matching::KindSelector::parse(&format!("{text}/X")).kind.as_ref() == "X";
    let kind = match *parts.as_slice() {
        [kind] => kind,
        ["*", "*"] => "*",
        [first, kind] if version(first) => kind,
        [kind, _] => kind,
        [first, kind, _] if version(first) => kind,
        [_, _, kind] => kind,
        [_, _, kind, _] => kind,
        _ => "",
    };
    kind.split('.').next().unwrap_or(kind)
}

fn has_pod<'v>(mut kinds: impl Iterator<Item = &'v str>) -> bool {
    kinds.any(|kind| bare_kind(kind) == "Pod")
}

/// Whether the rules of a policy allow that others are made of them at all: one rule that names Pods beside other kinds, or objects by
/// name or selector, forbids it for all of them.
#[must_use]
pub fn possible(rules: &[Value]) -> bool {
    let mut needed = false;
    for rule in rules {
        if rule.get("generate").and_then(Value::as_map).is_some_and(|generate| !generate.is_empty()) {
            return false;
        }
        if let Some(mutate) = rule.get("mutate")
            && (!text_at(mutate, "patchesJson6902").is_empty()
                || items_at(mutate, "foreach").iter().any(|each| !text_at(each, "patchesJson6902").is_empty()))
        {
            return false;
        }
        for description in ["match", "exclude"].iter().filter_map(|key| rule.get(key)).flat_map(descriptions) {
            let several = kinds(description).count() > 1 && has_pod(kinds(description));
            if !text_at(description, "name").is_empty()
                || !items_at(description, "names").is_empty()
                || set(description, "selector")
                || set(description, "annotations")
                || several
            {
                return false;
            }
            needed |= kinds(description).any(|kind| kind == "Pod" || CONTROLLERS.iter().any(|(known, _)| *known == kind));
        }
    }
    needed
}

fn about_pods(rule: &Value) -> bool {
    let matched: Vec<&str> = rule.get("match").into_iter().flat_map(descriptions).flat_map(kinds).collect();
    let excluded: Vec<&str> = rule.get("exclude").into_iter().flat_map(descriptions).flat_map(kinds).collect();
    has_pod(matched.into_iter()) && (excluded.is_empty() || has_pod(excluded.into_iter()))
}

/// A map with one entry changed or taken away.
fn with(value: &Value, key: &str, new: Option<Value>) -> Value {
    let mut map = value.as_map().cloned().unwrap_or_default();
    match new {
        Some(new) => match map.get_mut(key) {
            Some(old) => *old = new,
            None => {
                map.insert(key, Span::NONE, new);
            }
        },
        None => {
            map.remove(key);
        }
    }
    Value::map(map, value.span)
}

/// A map of some keys of another.
fn only(value: &Value, keys: &[&str]) -> Value {
    let mut map = Map::new();
    for key in keys {
        if let Some(entry) = value.as_map().and_then(|map| map.entry(key)) {
            map.insert(*key, entry.key, entry.value.clone());
        }
    }
    Value::map(map, value.span)
}

fn nested(key: &str, value: &Value) -> Value {
    let one = |key: &str, value: Value| {
        let mut map = Map::new();
        map.insert(key, value.span, value.clone());
        let at = value.span;
        Value::map(map, at)
    };
    one("spec", one(key, value.clone()))
}

fn with_kinds(clause: &Value, selectors: &[&str]) -> Value {
    let list = selectors.iter().map(|kind| Value::string(*kind, Span::NONE)).collect();
    let none = Value::map(Map::new(), Span::NONE);
    let resources = clause.get("resources").filter(|resources| !resources.is_null()).unwrap_or(&none);
    with(clause, "resources", Some(with(resources, "kinds", Some(Value::list(list, Span::NONE)))))
}

/// `match` or `exclude` with its kinds replaced. `every`: those of filters that are about something else, too.
fn with_clause(clause: &Value, selectors: &[&str], every: bool, exclude: bool) -> Value {
    for key in ["any", "all"] {
        let filters = items_at(clause, key);
        if !filters.is_empty() {
            let filters = filters
                .iter()
                .map(|filter| {
                    let pods = filter.get("resources").is_some_and(|description| has_pod(kinds(description)));
                    if every || pods { with_kinds(filter, selectors) } else { filter.clone() }
                })
                .collect();
            return with(clause, key, Some(Value::list(filters, clause.span)));
        }
    }
    let has_kinds = clause.get("resources").is_some_and(|description| kinds(description).next().is_some());
    if exclude && !has_kinds { clause.clone() } else { with_kinds(clause, selectors) }
}

/// What is kept of `validate` beside what it judges.
const KEPT: [&str; 4] = ["message", "failureAction", "failureActionOverrides", "allowExistingViolations"];

/// A rule with its name, kinds and patterns changed; `None` where rules of its kind are not made.
fn wrap(rule: &Value, name: &str, key: &str, shift: &str, controllers: &[&'static str], every: bool) -> Option<Value> {
    let selectors: Vec<&str> =
        controllers.iter().map(|kind| CONTROLLERS.iter().find(|(known, _)| known == kind).map_or(*kind, |(_, full)| *full)).collect();
    let mut out = with(rule, "name", Some(Value::string(name, rule.get("name").map_or(Span::NONE, |name| name.span))));
    out = with(&out, "match", Some(with_clause(rule.get("match")?, &selectors, every, false)));
    if let Some(exclude) = rule.get("exclude").filter(|exclude| !exclude.is_null()) {
        out = with(&out, "exclude", Some(with_clause(exclude, &selectors, every, true)));
    }
    if let Some(mutate) = rule.get("mutate").filter(|mutate| !mutate.is_null()) {
        if let Some(patch) = mutate.get("patchStrategicMerge").filter(|patch| !patch.is_null()) {
            let patch = with(&Value::map(Map::new(), mutate.span), "patchStrategicMerge", Some(nested(key, patch)));
            return Some(with(&out, "mutate", Some(patch)));
        }
        let each = items_at(mutate, "foreach");
        if !each.is_empty() {
            let null = Value::null(Span::NONE);
            let each = each
                .iter()
                .map(|each| {
                    let kept = only(each, &["list", "context", "preconditions"]);
                    with(&kept, "patchStrategicMerge", Some(nested(key, each.get("patchStrategicMerge").unwrap_or(&null))))
                })
                .collect();
            let mutate = with(&Value::map(Map::new(), mutate.span), "foreach", Some(Value::list(each, mutate.span)));
            return Some(with(&out, "mutate", Some(mutate)));
        }
    }
    if let Some(validate) = rule.get("validate").filter(|validate| !validate.is_null()) {
        let part = |name: &str| validate.get(name).filter(|value| !value.is_null());
        let kept = |pivot: &str| {
            let kept = only(validate, &KEPT);
            match part("message") {
                Some(message) => with(&kept, "message", Some(shifted(message, shift, pivot))),
                None => kept,
            }
        };
        let changed = if let Some(pattern) = part("pattern") {
            with(&kept("pattern"), "pattern", Some(nested(key, pattern)))
        } else if let Some(deny) = part("deny") {
            with(&kept("deny"), "deny", Some(deny.clone()))
        } else if let Some(security) = part("podSecurity") {
            with(&kept("podSecurity"), "podSecurity", Some(only(security, &["level", "version", "exclude"])))
        } else if let Some(any) = part("anyPattern") {
            let any = any.as_list().unwrap_or_default().iter().map(|pattern| nested(key, pattern)).collect();
            with(&kept("anyPattern"), "anyPattern", Some(Value::list(any, validate.span)))
        } else if !items_at(validate, "foreach").is_empty() {
            with(&kept("pattern"), "foreach", validate.get("foreach").cloned())
        } else if part("cel").is_some() {
            validate.clone()
        } else {
            return None;
        };
        return Some(with(&out, "validate", Some(changed)));
    }
    set(rule, "verifyImages").then_some(out)
}

/// A message whose references (`$(...)`) lead through the wrapping.
fn shifted(message: &Value, shift: &str, pivot: &str) -> Value {
    let Some(text) = message.as_str().filter(|text| text.contains("$(")) else { return message.clone() };
    let mut out = String::new();
    let mut rest = text;
    while let Some(at) = rest.find("$(") {
        let end = rest.get(at..).and_then(|reference| reference.find(')')).map_or(rest.len(), |end| at + end + 1);
        let escaped = rest.get(..at).is_some_and(|before| before.ends_with('\\'));
        let reference = rest.get(at..end).unwrap_or_default();
        out.push_str(rest.get(..at).unwrap_or_default());
        if escaped {
            out.push_str(reference);
        } else {
            // Of several patterns, the reference names one by its number.
            let number = (pivot == "anyPattern")
                .then(|| reference.split_once("anyPattern/").and_then(|(_, after)| after.split(['/', ')']).next()))
                .flatten();
            let pivot = number.map_or_else(|| pivot.to_owned(), |number| format!("{pivot}/{number}"));
            out.push_str(&reference.replace(&pivot, &format!("{pivot}/{shift}")));
        }
        rest = rest.get(end..).unwrap_or_default();
    }
    out.push_str(rest);
    Value::string(out, message.span)
}

/// All text of a rule with the ways to the pod made longer.
fn replaced(value: &Value, way: &str, cel: bool) -> Value {
    let prefixes: &[&str] = if cel { &["object", "oldObject"] } else { &["request.object", "request.oldObject"] };
    let mut pairs = Vec::new();
    for part in ["spec", "metadata"] {
        for prefix in prefixes {
            pairs.push((format!("{prefix}.{part}"), format!("{prefix}.{way}.{part}")));
        }
    }
    replace(value, &pairs)
}

fn replace(value: &Value, pairs: &[(String, String)]) -> Value {
    let text = |text: &Arc<str>| -> Arc<str> {
        if !text.contains("bject.") {
            return Arc::clone(text);
        }
        let mut out = text.to_string();
        for (from, to) in pairs {
            out = out.replace(from, to);
        }
        out.into()
    };
    match &value.data {
        Data::String(found) => Value { data: Data::String(text(found)), ..value.clone() },
        Data::List(items) => Value { data: Data::List(Arc::new(items.iter().map(|item| replace(item, pairs)).collect())), ..value.clone() },
        Data::Map(map) => {
            let map = map.iter().map(|(key, entry)| (text(key), Entry { key: entry.key, value: replace(&entry.value, pairs) })).collect();
            Value { data: Data::Map(Arc::new(map)), ..value.clone() }
        }
        _ => value.clone(),
    }
}
