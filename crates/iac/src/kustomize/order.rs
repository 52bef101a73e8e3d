//! The order in which an overlay gives its objects.

use std::cmp::Ordering;
use std::collections::HashMap;

use probity_value::Value;

use super::resource::{Gvk, Id, Resource};

/// Kinds that come first in the old order, and those that come last.
const FIRST: [&str; 22] = [
    "Namespace",
    "ResourceQuota",
    "StorageClass",
    "CustomResourceDefinition",
    "ServiceAccount",
    "PodSecurityPolicy",
    "Role",
    "ClusterRole",
    "RoleBinding",
    "ClusterRoleBinding",
    "ConfigMap",
    "Secret",
    "Endpoints",
    "Service",
    "LimitRange",
    "PriorityClass",
    "PersistentVolume",
    "PersistentVolumeClaim",
    "Deployment",
    "StatefulSet",
    "CronJob",
    "PodDisruptionBudget",
];
const LAST: [&str; 2] = ["MutatingWebhookConfiguration", "ValidatingWebhookConfiguration"];

/// Sorts as `sortOptions` say; where there are none, in the old order.
pub(super) fn sort(resources: &mut [Resource], options: Option<&Value>) {
    let options = options.filter(|options| !options.is_null());
    if options.is_some_and(|options| options.get("order").and_then(Value::as_str) != Some("legacy")) {
        return;
    }
    let lists = options.and_then(|options| options.get("legacySortOptions")).filter(|lists| !lists.is_null());
    let list = |key: &str, known: &[&str]| -> Vec<String> {
        match lists {
            Some(lists) => {
                lists.get(key).and_then(Value::as_list).unwrap_or_default().iter().filter_map(Value::as_str).map(str::to_owned).collect()
            }
            None => known.iter().map(|kind| (*kind).to_owned()).collect(),
        }
    };
    let (first, last) = (list("orderFirst", &FIRST), list("orderLast", &LAST));
    let mut ranks: HashMap<String, i64> = HashMap::new();
    let number = |count: usize| i64::try_from(count).unwrap_or(i64::MAX);
    for (at, kind) in first.iter().enumerate() {
        ranks.insert(kind.clone(), number(at) - number(first.len()));
    }
    for (at, kind) in last.iter().enumerate() {
        ranks.insert(kind.clone(), 1 + number(at));
    }
    resources.sort_by(|a, b| compare(&a.current_id(), &b.current_id(), &ranks));
}

/// The order of kinds in lists of fields.
pub(super) fn compare_kinds(a: &Gvk, b: &Gvk) -> Ordering {
    let rank = |gvk: &Gvk| {
        let number = |at: usize| i64::try_from(at).unwrap_or_default();
        let first = FIRST.iter().position(|kind| *kind == gvk.kind).map(|at| number(at) - number(FIRST.len()));
        first.or_else(|| LAST.iter().position(|kind| *kind == gvk.kind).map(|at| 1 + number(at))).unwrap_or_default()
    };
    rank(a).cmp(&rank(b)).then_with(|| text(a).cmp(&text(b)))
}

/// Group, version and kind as one text.
fn text(gvk: &Gvk) -> String {
    format!("{}_{}_{}", or(&gvk.group, "~G"), or(&gvk.version, "~V"), or(&gvk.kind, "~K"))
}

fn or<'t>(text: &'t str, other: &'t str) -> &'t str {
    if text.is_empty() { other } else { text }
}

fn compare(a: &Id, b: &Id, ranks: &HashMap<String, i64>) -> Ordering {
    let rank = |id: &Id| ranks.get(&id.gvk.kind).copied().unwrap_or_default();
    let kind = |id: &Id| text(&id.gvk);
    let whole = |id: &Id| {
        let gvk = &id.gvk;
        format!(
            "{}.{}.{}|{}|{}",
            or(&gvk.kind, "[noKind]"),
            or(&gvk.version, "[noVer]"),
            or(&gvk.group, "[noGrp]"),
            or(&id.namespace, "~X"),
            or(&id.name, "~N")
        )
    };
    if a.gvk == b.gvk {
        return whole(a).cmp(&whole(b));
    }
    rank(a).cmp(&rank(b)).then_with(|| {
        let both_namespaces = a.gvk.kind == "Namespace" && b.gvk.kind == "Namespace";
        if both_namespaces && (a.gvk.group.is_empty() || b.gvk.group.is_empty()) { kind(b).cmp(&kind(a)) } else { kind(a).cmp(&kind(b)) }
    })
}
