//! What Checkov sees between Kubernetes objects: pods inside workloads, and connections by labels and names.

use std::sync::Arc;

use probity_checks::WORKLOAD_KINDS;
use probity_core::{Subject, SubjectIndex, SubjectKind, World};
use probity_value::{Map, Value};

/// Whether an object makes pods and is none.
pub(crate) fn makes_pods(subject: &Subject) -> bool {
    subject.kind == SubjectKind::Kubernetes && &*subject.type_name != "Pod" && WORKLOAD_KINDS.contains(&&*subject.type_name)
}

/// The pod a workload makes, as an object.
pub(crate) fn pod(subject: &Subject) -> Option<Value> {
    if &*subject.type_name == "Pod" {
        return Some(subject.value.clone());
    }
    if !makes_pods(subject) {
        return None;
    }
    let spec = subject.value.get("spec");
    let template = match &*subject.type_name {
        "CronJob" => spec?.get("jobTemplate")?.get("spec")?.get("template"),
        "PodTemplate" => subject.value.get("template"),
        _ => spec?.get("template"),
    }?;
    let mut map = Map::new();
    for (key, entry) in template.as_map()?.iter() {
        map.insert(Arc::clone(key), entry.key, entry.value.clone());
    }
    map.insert("kind", template.span, Value::string("Pod", template.span));
    Some(Value { data: probity_value::Data::Map(Arc::new(map)), ..template.clone() })
}

/// Objects of the same folder that are connected to this one by a selector, a role or a service account.
pub(crate) fn neighbours(world: &World, index: SubjectIndex, subject: &Subject) -> Vec<SubjectIndex> {
    let near = |kind: &str| {
        let all = world.of_type(SubjectKind::Kubernetes, kind).iter().copied();
        all.filter(|other| *other != index && world.subject(*other).is_some_and(|other| other.root == subject.root)).collect::<Vec<_>>()
    };
    let connected = |from: &Subject, to: &Subject| match &*from.type_name {
        "NetworkPolicy" | "Service" => selects(from, to),
        "RoleBinding" | "ClusterRoleBinding" => binds(from, to),
        _ => runs_as(from, to),
    };
    let kinds: Vec<&str> = match &*subject.type_name {
        "NetworkPolicy" | "Service" => WORKLOAD_KINDS.to_vec(),
        "RoleBinding" | "ClusterRoleBinding" => vec!["Role", "ClusterRole", "ServiceAccount"],
        "Role" | "ClusterRole" => vec!["RoleBinding", "ClusterRoleBinding"],
        "ServiceAccount" => [&["RoleBinding", "ClusterRoleBinding"], WORKLOAD_KINDS].concat(),
        kind if WORKLOAD_KINDS.contains(&kind) => vec!["NetworkPolicy", "Service", "ServiceAccount"],
        _ => return Vec::new(),
    };
    let mut out = Vec::new();
    for other in kinds.into_iter().flat_map(near) {
        if let Some(them) = world.subject(other)
            && (connected(subject, them) || connected(them, subject))
        {
            out.push(other);
        }
    }
    out
}

fn namespace(subject: &Subject) -> &str {
    subject.value.get("metadata").and_then(|metadata| metadata.get("namespace")).and_then(Value::as_str).unwrap_or("default")
}

fn name(subject: &Subject) -> Option<&str> {
    subject.value.get("metadata")?.get("name")?.as_str()
}

/// Whether the selector of a network policy or service takes the pods of a workload.
fn selects(from: &Subject, to: &Subject) -> bool {
    let Some(spec) = from.value.get("spec") else { return false };
    let (wanted, everything) = match &*from.type_name {
        "NetworkPolicy" => (spec.get("podSelector").and_then(|selector| selector.get("matchLabels")), spec.get("podSelector").is_some()),
        _ => (spec.get("selector"), false),
    };
    let Some(pod) = pod(to) else { return false };
    if namespace(from) != namespace(to) {
        return false;
    }
    let labels = pod.get("metadata").and_then(|metadata| metadata.get("labels"));
    match wanted.and_then(Value::as_map).filter(|wanted| !wanted.is_empty()) {
        Some(wanted) => {
            wanted.iter().all(|(key, entry)| labels.and_then(|labels| labels.get(key)).is_some_and(|have| *have == entry.value))
        }
        None => everything,
    }
}

fn binds(from: &Subject, to: &Subject) -> bool {
    let same = |reference: &Value| {
        reference.get("kind").and_then(Value::as_str) == Some(&*to.type_name) && reference.get("name").and_then(Value::as_str) == name(to)
    };
    let in_namespace = |reference: &Value| {
        let wanted = reference.get("namespace").and_then(Value::as_str).unwrap_or_else(|| namespace(from));
        &*to.type_name != "ServiceAccount" || wanted == namespace(to)
    };
    let role = from.value.get("roleRef").is_some_and(same) && (&*to.type_name == "ClusterRole" || namespace(from) == namespace(to));
    let subjects = from.value.get("subjects").and_then(Value::as_list).unwrap_or_default();
    role || subjects.iter().any(|one| same(one) && in_namespace(one))
}

/// Whether the pods of a workload run as a service account.
fn runs_as(from: &Subject, to: &Subject) -> bool {
    if &*to.type_name != "ServiceAccount" || namespace(from) != namespace(to) {
        return false;
    }
    let account = pod(from).and_then(|pod| pod.get("spec")?.get("serviceAccountName")?.as_str().map(str::to_owned));
    account.as_deref().unwrap_or("default") == name(to).unwrap_or_default() && pod(from).is_some()
}
