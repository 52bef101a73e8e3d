//! Rules nothing reaches, and kinds that are gone.

use probity_core::GroupVersionKind;
use probity_kubernetes::{schema, wildcard};
use probity_value::{Span, Value};

use super::Subject;
use super::guards::filters;
use crate::load::Language;

pub(super) fn lint(subject: &mut Subject<'_>) {
    match subject.language {
        Language::Kyverno if matches!(subject.kind, "ClusterPolicy" | "Policy") => kyverno(subject),
        Language::Gatekeeper => gatekeeper(subject),
        _ => rules(subject),
    }
}

fn list<'a>(value: Option<&'a Value>) -> &'a [Value] {
    value.and_then(Value::as_list).unwrap_or_default()
}

/// The texts of a list under `resources`.
fn named<'a>(filter: &'a Value, key: &str) -> Vec<(&'a str, Span)> {
    list(filter.get("resources").and_then(|resources| resources.get(key)))
        .iter()
        .filter_map(|item| Some((item.as_str()?, item.span)))
        .collect()
}

fn kyverno(subject: &mut Subject<'_>) {
    let hint = "ValidatingPolicy and its siblings take its place; `probity policies convert` writes them where that is exact";
    subject.say("deprecated-policy", Span::NONE, format!("Kyverno has deprecated {}", subject.kind), hint);
    let object = subject.object;
    for rule in list(object.get("spec").and_then(|spec| spec.get("rules"))) {
        let name = rule.get("name").and_then(Value::as_str).unwrap_or_default();
        let matched = filters(rule.get("match"));
        let kinds: Vec<(&str, Span)> = matched.iter().flat_map(|filter| named(filter, "kinds")).collect();
        for (kind, at) in &kinds {
            gone(subject, kind, *at);
        }
        for filter in filters(rule.get("exclude")) {
            let resources = filter.get("resources").and_then(Value::as_map);
            let others = ["subjects", "roles", "clusterRoles"].iter().any(|key| filter.get(key).is_some());
            let Some(resources) = resources.filter(|map| !map.is_empty() && !others) else { continue };
            let only = |key: &str| resources.len() == 1 && resources.contains_key(key);
            let everything = only("namespaces") && named(filter, "namespaces").iter().any(|(name, _)| *name == "*")
                || only("kinds")
                    && !kinds.is_empty()
                    && kinds.iter().all(|(kind, _)| named(filter, "kinds").iter().any(|(out, _)| wildcard::matches(out, kind)));
            if everything {
                subject.say(
                    "excludes-all",
                    filter.span,
                    format!("nothing is left for `{name}`: what is excluded covers all it matches"),
                    "",
                );
            }
        }
    }
}

/// Says so where a kind is named by a version that clusters no longer serve.
fn gone(subject: &mut Subject<'_>, kind: &str, at: Span) {
    let parts: Vec<&str> = kind.split('/').collect();
    let of = match *parts.as_slice() {
        [version, kind] => GroupVersionKind::of(version, kind),
        [group, version, kind, ..] => GroupVersionKind { group: group.into(), version: version.into(), kind: kind.into() },
        _ => return,
    };
    if let Some(removed) = schema::kind(&of).and_then(|kind| kind.removed_in) {
        subject.say("removed-api", at, format!("`{kind}` is no longer served since Kubernetes {removed}"), "");
    }
}

fn gatekeeper(subject: &mut Subject<'_>) {
    let matched = subject.at(&["spec", "match"]).cloned();
    let Some(matched) = matched else { return };
    let excluded = list(matched.get("excludedNamespaces"));
    if let Some(all) = excluded.iter().find(|item| item.as_str() == Some("*")) {
        subject.say("excludes-all", all.span, "every namespace is excluded: only objects of the cluster are judged", "");
    }
    let wanted = list(matched.get("namespaces"));
    let covered = |name: &str| excluded.iter().filter_map(Value::as_str).any(|out| wildcard::matches(out, name));
    if !wanted.is_empty() && wanted.iter().filter_map(Value::as_str).all(covered) {
        subject.say("excludes-all", matched.span, "nothing is left: every namespace that is matched is excluded too", "");
    }
}

/// `resourceRules` of admission policies and of Kyverno's in CEL.
fn rules(subject: &mut Subject<'_>) {
    let constraints = subject.at(&["spec", "matchConstraints"]).cloned();
    let Some(constraints) = constraints else { return };
    let texts = |value: Option<&Value>| -> Vec<String> { list(value).iter().filter_map(|item| item.as_str().map(str::to_owned)).collect() };
    for rule in list(constraints.get("resourceRules")) {
        let (groups, versions, resources) = (texts(rule.get("apiGroups")), texts(rule.get("apiVersions")), texts(rule.get("resources")));
        for (group, version, resource) in combinations(&groups, &versions, &resources) {
            if let Some(removed) = schema::resource(group, version, resource).and_then(|kind| kind.removed_in) {
                let message = format!("`{resource}` of `{group}/{version}` is no longer served since Kubernetes {removed}");
                subject.say("removed-api", rule.span, message, "");
            }
        }
    }
    let everything = list(constraints.get("excludeResourceRules")).iter().find(|rule| {
        let all = |key: &str| texts(rule.get(key)).iter().any(|word| word == "*");
        all("apiGroups")
            && all("apiVersions")
            && all("operations")
            && texts(rule.get("resources")).iter().any(|word| word.starts_with('*'))
            && rule.get("resourceNames").is_none()
    });
    if let Some(rule) = everything {
        subject.say("excludes-all", rule.span, "nothing is left: what is excluded covers every resource", "");
    }
}

fn combinations<'a>(groups: &'a [String], versions: &'a [String], resources: &'a [String]) -> Vec<(&'a str, &'a str, &'a str)> {
    let mut out = Vec::new();
    for group in groups {
        for version in versions {
            out.extend(resources.iter().map(|resource| (group.as_str(), version.as_str(), resource.as_str())));
        }
    }
    out
}
