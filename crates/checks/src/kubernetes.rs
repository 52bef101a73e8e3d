//! Workloads in one shape: Kubernetes objects as they are, and Terraform's `kubernetes_*` resources turned into them.

use std::sync::Arc;

use probity_core::{Subject, SubjectKind};
use probity_value::{Data, Map, Value};

use crate::compare::as_text;
use crate::path::{REST, vague};

/// Blocks may be nested this deep.
const MAX_DEPTH: usize = 64;

/// Kinds of Kubernetes objects that make pods.
pub const WORKLOAD_KINDS: &[&str] = &[
    "Pod",
    "Deployment",
    "DaemonSet",
    "StatefulSet",
    "ReplicaSet",
    "ReplicationController",
    "Job",
    "CronJob",
    "PodTemplate",
    "DeploymentConfig",
];

/// Terraform resources that make pods, with the kind of object they make.
pub const WORKLOAD_RESOURCES: &[(&str, &str)] = &[
    ("kubernetes_pod", "Pod"),
    ("kubernetes_pod_v1", "Pod"),
    ("kubernetes_deployment", "Deployment"),
    ("kubernetes_deployment_v1", "Deployment"),
    ("kubernetes_daemonset", "DaemonSet"),
    ("kubernetes_daemon_set_v1", "DaemonSet"),
    ("kubernetes_stateful_set", "StatefulSet"),
    ("kubernetes_stateful_set_v1", "StatefulSet"),
    ("kubernetes_replication_controller", "ReplicationController"),
    ("kubernetes_replication_controller_v1", "ReplicationController"),
    ("kubernetes_job", "Job"),
    ("kubernetes_job_v1", "Job"),
    ("kubernetes_cron_job", "CronJob"),
    ("kubernetes_cron_job_v1", "CronJob"),
];

/// Block names of the Terraform provider that stand for lists, with the key of the list.
const LISTS: &[(&str, &str)] = &[
    ("container", "containers"),
    ("init_container", "initContainers"),
    ("ephemeral_container", "ephemeralContainers"),
    ("volume", "volumes"),
    ("volume_mount", "volumeMounts"),
    ("volume_device", "volumeDevices"),
    ("volume_claim_template", "volumeClaimTemplates"),
    ("env", "env"),
    ("env_from", "envFrom"),
    ("port", "ports"),
    ("ports", "ports"),
    ("toleration", "tolerations"),
    ("host_aliases", "hostAliases"),
    ("image_pull_secrets", "imagePullSecrets"),
    ("image_pull_secret", "imagePullSecrets"),
    ("topology_spread_constraint", "topologySpreadConstraints"),
    ("readiness_gate", "readinessGates"),
    ("http_header", "httpHeaders"),
    ("items", "items"),
    ("sources", "sources"),
    ("sysctl", "sysctls"),
    ("option", "options"),
    ("match_expressions", "matchExpressions"),
    ("match_fields", "matchFields"),
    ("node_selector_term", "nodeSelectorTerms"),
    ("preferred_during_scheduling_ignored_during_execution", "preferredDuringSchedulingIgnoredDuringExecution"),
    ("rule", "rules"),
    ("subject", "subjects"),
    ("ingress", "ingress"),
    ("egress", "egress"),
    ("from", "from"),
    ("to", "to"),
    ("limit", "limits"),
];

/// Names whose letters are not simply joined.
const NAMES: &[(&str, &str)] = &[
    ("host_ipc", "hostIPC"),
    ("host_pid", "hostPID"),
    ("host_ip", "hostIP"),
    ("pod_ip", "podIP"),
    ("cluster_ip", "clusterIP"),
    ("cluster_ips", "clusterIPs"),
    ("external_ips", "externalIPs"),
    ("load_balancer_ip", "loadBalancerIP"),
    ("disk_uri", "diskURI"),
    ("non_resource_urls", "nonResourceURLs"),
    ("provider_id", "providerID"),
    ("pod_cidr", "podCIDR"),
    ("scale_io", "scaleIO"),
    ("storage_policy_id", "storagePolicyID"),
    ("volume_id", "volumeID"),
    ("pd_id", "pdID"),
    ("target_wwns", "targetWWNs"),
];

/// The subject in the Kubernetes shape, with the kind of the object; `None` where it is no Kubernetes object.
pub(crate) fn object(subject: &Subject) -> Option<(Arc<str>, Value)> {
    match subject.kind {
        SubjectKind::Kubernetes => Some((Arc::clone(&subject.type_name), subject.value.clone())),
        SubjectKind::Terraform if &*subject.type_name == "kubernetes_manifest" => {
            let manifest = subject.value.get("manifest")?;
            Some((manifest.get("kind")?.as_str()?.into(), manifest.clone()))
        }
        SubjectKind::Terraform => {
            let name = subject.type_name.strip_prefix("kubernetes_")?;
            let kind = WORKLOAD_RESOURCES
                .iter()
                .find(|(resource, _)| *resource == &*subject.type_name)
                .map_or_else(|| pascal(name), |(_, kind)| (*kind).to_owned());
            Some((kind.into(), block(&subject.value, "", 0)))
        }
        _ => None,
    }
}

/// The kind of object a Terraform resource name stands for: `network_policy_v1` is `NetworkPolicy`.
fn pascal(name: &str) -> String {
    let name = ["_v2beta2", "_v1beta1", "_v2", "_v1"].iter().find_map(|suffix| name.strip_suffix(suffix)).unwrap_or(name);
    name.split('_')
        .map(|word| {
            let mut letters = word.chars();
            letters.next().map(|first| first.to_uppercase().chain(letters).collect::<String>()).unwrap_or_default()
        })
        .collect()
}

/// The keys that lead from an object to what holds the pod's metadata and specification.
fn pod_path(kind: &str) -> Option<&'static [&'static str]> {
    Some(match kind {
        "Pod" => &[],
        "PodTemplate" => &["template"],
        "CronJob" => &["spec", "jobTemplate", "spec", "template"],
        "Deployment" | "DaemonSet" | "StatefulSet" | "ReplicaSet" | "ReplicationController" | "Job" | "DeploymentConfig" => {
            &["spec", "template"]
        }
        _ => return None,
    })
}

/// The pod specification (`spec`) or pod metadata (`metadata`) an object makes; an unknown on the way is what is found.
pub(crate) fn pod_part(kind: &str, object: &Value, part: &str) -> Option<Value> {
    let mut at = object;
    for key in pod_path(kind)?.iter().chain([&part]) {
        if at.is_unknown() {
            return Some(vague(at));
        }
        at = at.get(key)?;
    }
    Some(at.clone())
}

/// The containers of a pod, each with its kind, and the way to each.
pub(crate) fn containers(pod: &Value, all: bool) -> (Value, Vec<Arc<str>>) {
    let mut items = Vec::new();
    let mut labels: Vec<Arc<str>> = Vec::new();
    if pod.is_unknown() {
        return (vague(pod), labels);
    }
    let sources = [("containers", "regular"), ("initContainers", "init"), ("ephemeralContainers", "ephemeral")];
    for (key, kind) in sources.iter().take(if all { 3 } else { 1 }) {
        let Some(list) = pod.get(key) else { continue };
        // A list that is not known as a whole stands for one container that is not known.
        let single = std::slice::from_ref(list);
        let known = match &list.data {
            Data::List(known) => known.as_slice(),
            Data::Unknown(_) => single,
            _ => continue,
        };
        for (index, container) in known.iter().enumerate() {
            let mut container = container.clone();
            if let Data::Map(map) = &container.data {
                let mut map = Map::clone(map);
                map.insert("$kind", container.span, Value::string(*kind, container.span));
                container.data = Data::Map(Arc::new(map));
            }
            items.push(container);
            labels.push(if known.len() == 1 && list.is_unknown() { (*key).into() } else { format!("{key}[{index}]").into() });
        }
    }
    (Value::list(items, pod.span), labels)
}

/// Command and arguments of a container as a map from flag to value. A flag without a value is `true`; of a flag given twice the
/// last counts; an unknown argument may be any flag.
pub(crate) fn flags(container: &Value) -> Value {
    let mut map = Map::new();
    let mut words: Vec<Value> = Vec::new();
    let mut rest = None;
    for key in ["command", "args"] {
        let Some(part) = container.get(key) else { continue };
        for item in part.as_list().unwrap_or(std::slice::from_ref(part)) {
            match as_text(item) {
                // One word of a shell line is a word like any other.
                Some(text) if !text.starts_with('-') && text.contains(char::is_whitespace) => {
                    words.extend(text.split_whitespace().map(|word| Value::string(word.trim_matches(['"', '\'']), item.span)));
                }
                Some(text) => words.push(Value::string(&*text, item.span)),
                None if item.is_unknown() => match item.as_unknown().map(|unknown| Arc::clone(&unknown.prefix)) {
                    Some(prefix) if prefix.starts_with("--") && prefix.contains('=') => {
                        let name = prefix.split('=').next().unwrap_or_default();
                        map.insert(name, item.span, item.clone());
                    }
                    _ => rest = rest.or(Some(item.clone())),
                },
                None => {}
            }
        }
    }
    let mut words = words.into_iter().peekable();
    while let Some(word) = words.next() {
        let Some(text) = word.as_str().filter(|text| text.starts_with('-') && text.len() > 1) else { continue };
        match text.split_once('=') {
            Some((name, value)) => map.insert(name, word.span, Value::string(value, word.span)),
            None => match words.next_if(|next| next.as_str().is_some_and(|next| !next.starts_with('-'))) {
                Some(value) => map.insert(text, word.span, value),
                None => map.insert(text, word.span, Value::bool(true, word.span)),
            },
        };
    }
    if let Some(rest) = rest {
        map.insert(REST, rest.span, rest);
    }
    Value::map(map, container.span)
}

/// A block of the Terraform provider in the Kubernetes shape. `name` is the block's own name.
fn block(value: &Value, name: &str, depth: usize) -> Value {
    let Data::Map(map) = &value.data else { return value.clone() };
    if depth > MAX_DEPTH {
        return Value::unknown(probity_value::UnknownKind::Limit, format!("blocks are nested more than {MAX_DEPTH} deep"), value.span);
    }
    let mut out = Map::new();
    for (key, entry) in map.iter() {
        let (to, inner) = argument(key, &entry.value, name, depth);
        out.insert(to, entry.key, inner);
    }
    Value { data: Data::Map(Arc::new(out)), ..value.clone() }
}

fn argument(key: &str, value: &Value, parent: &str, depth: usize) -> (String, Value) {
    let Data::List(items) = &value.data else {
        // A map that is not a block has keys of the user's own: labels, limits, annotations.
        let list = LISTS.iter().find(|(block, _)| *block == key && value.is_unknown());
        return (list.map_or_else(|| camel(key), |(_, name)| (*name).to_owned()), value.clone());
    };
    let blocks = items.iter().all(|item| item.as_map().is_some() || item.is_unknown()) && !items.is_empty();
    if !blocks {
        return (camel(key), value.clone());
    }
    let inner = || items.iter().map(|item| block(item, key, depth + 1)).collect::<Vec<_>>();
    let list = match (key, parent) {
        ("required_during_scheduling_ignored_during_execution", "node_affinity") => None,
        ("required_during_scheduling_ignored_during_execution", _) => Some("requiredDuringSchedulingIgnoredDuringExecution"),
        _ => LISTS.iter().find(|(block, _)| *block == key).map(|(_, name)| *name),
    };
    match (list, items.as_slice()) {
        (Some(name), _) => (name.to_owned(), Value { data: Data::List(Arc::new(inner())), ..value.clone() }),
        (None, [single]) => (camel(key), block(single, key, depth + 1)),
        (None, _) => (camel(key), Value { data: Data::List(Arc::new(inner())), ..value.clone() }),
    }
}

/// `run_as_non_root` as `runAsNonRoot`.
fn camel(name: &str) -> String {
    if let Some((_, known)) = NAMES.iter().find(|(snake, _)| *snake == name) {
        return (*known).to_owned();
    }
    let mut out = String::with_capacity(name.len());
    let mut upper = false;
    for letter in name.chars() {
        match letter {
            '_' => upper = !out.is_empty(),
            letter if upper => {
                out.extend(letter.to_uppercase());
                upper = false;
            }
            letter => out.push(letter),
        }
    }
    out
}
