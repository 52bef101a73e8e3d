//! One function per form of a check. Names, reasons and details follow k8s.io/pod-security-admission, whose words people search for.

use std::collections::BTreeSet;
use std::sync::Arc;

use probity_core::PathStep;

use super::pod::{at, boolean, field, integer, items, text, texts};
use super::{BadValue, Check, Container, FieldError, FieldFault, Level, Pod, Trouble, Violation};

/// Judges a pod.
pub(super) type Judge = fn(&Pod<'_>) -> Result<Option<Violation>, Trouble>;

type Judged = Result<Option<Violation>, Trouble>;

/// In the order the field evaluates and lists them.
pub(super) const ALL: &[Check] = &[
    Check {
        id: "allowPrivilegeEscalation",
        level: Level::Restricted,
        versions: &[(8, allow_privilege_escalation), (25, |pod| unless_windows(pod, allow_privilege_escalation))],
    },
    Check { id: "appArmorProfile", level: Level::Baseline, versions: &[(0, app_armor)] },
    Check { id: "capabilities_baseline", level: Level::Baseline, versions: &[(0, capabilities_baseline)] },
    Check {
        id: "capabilities_restricted",
        level: Level::Restricted,
        versions: &[(22, capabilities_restricted), (25, |pod| unless_windows(pod, capabilities_restricted))],
    },
    Check { id: "hostNamespaces", level: Level::Baseline, versions: &[(0, host_namespaces)] },
    Check { id: "hostPathVolumes", level: Level::Baseline, versions: &[(0, host_path_volumes)] },
    Check { id: "hostPorts", level: Level::Baseline, versions: &[(0, host_ports)] },
    Check { id: "hostProbesAndHostLifecycle", level: Level::Baseline, versions: &[(34, host_probes)] },
    Check { id: "privileged", level: Level::Baseline, versions: &[(0, privileged)] },
    Check { id: "procMount", level: Level::Baseline, versions: &[(0, proc_mount)] },
    Check { id: "restrictedVolumes", level: Level::Restricted, versions: &[(0, restricted_volumes)] },
    Check { id: "runAsNonRoot", level: Level::Restricted, versions: &[(0, run_as_non_root)] },
    Check { id: "runAsUser", level: Level::Restricted, versions: &[(23, run_as_user)] },
    Check {
        id: "seLinuxOptions",
        level: Level::Baseline,
        versions: &[(0, |pod| se_linux(pod, SE_LINUX_TYPES)), (31, |pod| se_linux(pod, SE_LINUX_TYPES_31))],
    },
    Check { id: "seccompProfile_baseline", level: Level::Baseline, versions: &[(0, seccomp_annotations), (19, seccomp_baseline)] },
    Check {
        id: "seccompProfile_restricted",
        level: Level::Restricted,
        versions: &[(19, seccomp_restricted), (25, |pod| unless_windows(pod, seccomp_restricted))],
    },
    Check {
        id: "sysctls",
        level: Level::Baseline,
        versions: &[(0, |pod| sysctls(pod, 0)), (27, |pod| sysctls(pod, 27)), (29, |pod| sysctls(pod, 29)), (32, |pod| sysctls(pod, 32))],
    },
    Check { id: "windowsHostProcess", level: Level::Baseline, versions: &[(0, windows_host_process)] },
];

fn unless_windows(pod: &Pod<'_>, judge: Judge) -> Judged {
    if text(pod.spec, &["os", "name"])? == Some("windows") { Ok(None) } else { judge(pod) }
}

fn violation(reason: impl Into<String>, detail: impl Into<String>, fields: Vec<FieldError>) -> Violation {
    Violation { check: "", reason: reason.into(), detail: detail.into(), fields: Some(fields) }
}

fn keys(names: &[&str]) -> Vec<PathStep> {
    names.iter().map(|name| PathStep::Key(Arc::from(*name))).collect()
}

fn in_container(container: &Container<'_>, names: &[&str]) -> Vec<PathStep> {
    let mut path = keys(&["spec", container.kind.list()]);
    path.push(PathStep::Index(container.index));
    path.extend(keys(names));
    path
}

fn in_list(list: &[&str], index: usize, name: &str) -> Vec<PathStep> {
    let mut path = keys(list);
    path.push(PathStep::Index(index));
    path.extend(keys(&[name]));
    path
}

fn forbidden(path: Vec<PathStep>, bad: impl Into<String>) -> FieldError {
    let bad: String = bad.into();
    FieldError { path, fault: FieldFault::Forbidden, bad: if bad.is_empty() { BadValue::None } else { BadValue::One(bad) } }
}

fn forbidden_values(path: Vec<PathStep>, bad: BTreeSet<&str>) -> FieldError {
    FieldError { path, fault: FieldFault::Forbidden, bad: BadValue::Many(bad.into_iter().map(str::to_owned).collect()) }
}

fn required(path: Vec<PathStep>) -> FieldError {
    FieldError { path, fault: FieldFault::Required, bad: BadValue::None }
}

fn quoted<'t>(names: impl IntoIterator<Item = &'t str>) -> String {
    let names: Vec<&str> = names.into_iter().collect();
    if names.is_empty() { String::new() } else { format!("\"{}\"", names.join("\", \"")) }
}

fn plural<'t>(one: &'t str, many: &'t str, count: usize) -> &'t str {
    if count == 1 { one } else { many }
}

/// `container "a"` or `containers "a", "b"`.
fn containers(names: &[&str]) -> String {
    format!("{} {}", plural("container", "containers", names.len()), quoted(names.iter().copied()))
}

fn allow_privilege_escalation(pod: &Pod<'_>) -> Judged {
    let (mut names, mut fields) = (Vec::new(), Vec::new());
    for container in &pod.containers {
        let path = || in_container(container, &["securityContext", "allowPrivilegeEscalation"]);
        let fault = match field(container.value, "securityContext")? {
            None => required(path()),
            Some(context) => match boolean(context, &["allowPrivilegeEscalation"])? {
                None => forbidden(path(), "nil"),
                Some(true) => forbidden(path(), "true"),
                Some(false) => continue,
            },
        };
        names.push(container.name());
        fields.push(fault);
    }
    Ok((!names.is_empty()).then(|| {
        let detail = format!("{} must set securityContext.allowPrivilegeEscalation=false", containers(&names));
        violation("allowPrivilegeEscalation != false", detail, fields)
    }))
}

const APP_ARMOR: &str = "container.apparmor.security.beta.kubernetes.io/";

fn app_armor(pod: &Pod<'_>) -> Judged {
    let allowed = |profile: &str| matches!(profile, "RuntimeDefault" | "Localhost");
    let mut setters: Vec<String> = Vec::new();
    let mut values: BTreeSet<String> = BTreeSet::new();
    let mut fields = Vec::new();
    // A profile without a type has the empty one, which is not allowed.
    if let Some(profile) = at(pod.spec, &["securityContext", "appArmorProfile"])? {
        let name = text(profile, &["type"])?.unwrap_or_default();
        if !allowed(name) {
            setters.push("pod".to_owned());
            fields.push(forbidden(keys(&["spec", "securityContext", "appArmorProfile", "type"]), name));
            values.insert(name.to_owned());
        }
    }
    let mut names = Vec::new();
    for container in &pod.containers {
        if let Some(profile) = at(container.value, &["securityContext", "appArmorProfile"])? {
            let name = text(profile, &["type"])?.unwrap_or_default();
            if !allowed(name) {
                names.push(container.name());
                fields.push(forbidden(in_container(container, &["securityContext", "appArmorProfile", "type"]), name));
                values.insert(name.to_owned());
            }
        }
    }
    if !names.is_empty() {
        setters.push(containers(&names));
    }
    let mut annotations: Vec<String> = Vec::new();
    if let Some(map) = pod.annotations {
        for key in map.as_map().map(|map| map.keys().cloned().collect::<Vec<_>>()).unwrap_or_default() {
            if !key.starts_with(APP_ARMOR) {
                continue;
            }
            let value = text(map, &[&key])?.unwrap_or_default();
            if !(value.is_empty() || value == "runtime/default" || value.starts_with("localhost/")) {
                annotations.push(format!("{key}={value:?}"));
                fields.push(forbidden(keys(&["metadata", "annotations", &key]), value));
            }
        }
    }
    let mut listed: Vec<String> = values.into_iter().collect();
    if !annotations.is_empty() {
        annotations.sort();
        setters.push(plural("annotation", "annotations", annotations.len()).to_owned());
        listed.extend(annotations);
    }
    Ok((!setters.is_empty()).then(|| {
        let detail =
            format!("{} must not set AppArmor profile type to {}", setters.join(" and "), quoted(listed.iter().map(String::as_str)));
        violation(plural("forbidden AppArmor profile", "forbidden AppArmor profiles", listed.len()), detail, fields)
    }))
}

const DEFAULT_CAPABILITIES: &[&str] = &[
    "AUDIT_WRITE",
    "CHOWN",
    "DAC_OVERRIDE",
    "FOWNER",
    "FSETID",
    "KILL",
    "MKNOD",
    "NET_BIND_SERVICE",
    "SETFCAP",
    "SETGID",
    "SETPCAP",
    "SETUID",
    "SYS_CHROOT",
];

fn capabilities_baseline(pod: &Pod<'_>) -> Judged {
    let (mut names, mut fields, mut all) = (Vec::new(), Vec::new(), BTreeSet::new());
    for container in &pod.containers {
        let bad: BTreeSet<&str> = texts(container.value, &["securityContext", "capabilities", "add"])?
            .into_iter()
            .filter(|capability| !DEFAULT_CAPABILITIES.contains(capability))
            .collect();
        if !bad.is_empty() {
            names.push(container.name());
            all.extend(bad.iter().copied());
            fields.push(forbidden_values(in_container(container, &["securityContext", "capabilities", "add"]), bad));
        }
    }
    Ok((!names.is_empty()).then(|| {
        let detail = format!("{} must not include {} in securityContext.capabilities.add", containers(&names), quoted(all));
        violation("non-default capabilities", detail, fields)
    }))
}

fn capabilities_restricted(pod: &Pod<'_>) -> Judged {
    let (mut undropped, mut adding, mut all) = (Vec::new(), Vec::new(), BTreeSet::new());
    let (mut fields, mut added) = (Vec::new(), Vec::new());
    for container in &pod.containers {
        let path = |name: &str| in_container(container, &["securityContext", "capabilities", name]);
        let Some(capabilities) = at(container.value, &["securityContext", "capabilities"])? else {
            undropped.push(container.name());
            fields.push(required(path("drop")));
            continue;
        };
        let dropped = texts(capabilities, &["drop"])?;
        if !dropped.contains(&"ALL") {
            undropped.push(container.name());
            fields.push(if dropped.is_empty() {
                required(path("drop"))
            } else {
                forbidden_values(path("drop"), dropped.into_iter().collect())
            });
        }
        let bad: BTreeSet<&str> =
            texts(capabilities, &["add"])?.into_iter().filter(|capability| *capability != "NET_BIND_SERVICE").collect();
        if !bad.is_empty() {
            adding.push(container.name());
            all.extend(bad.iter().copied());
            added.push(forbidden_values(path("add"), bad));
        }
    }
    fields.append(&mut added);
    let mut details = Vec::new();
    if !undropped.is_empty() {
        details.push(format!("{} must set securityContext.capabilities.drop=[\"ALL\"]", containers(&undropped)));
    }
    if !adding.is_empty() {
        details.push(format!("{} must not include {} in securityContext.capabilities.add", containers(&adding), quoted(all)));
    }
    Ok((!details.is_empty()).then(|| violation("unrestricted capabilities", details.join("; "), fields)))
}

fn host_namespaces(pod: &Pod<'_>) -> Judged {
    let (mut data, mut fields) = (Vec::new(), Vec::new());
    for name in ["hostNetwork", "hostPID", "hostIPC"] {
        if boolean(pod.spec, &[name])? == Some(true) {
            data.push(format!("{name}=true"));
            fields.push(forbidden(keys(&["spec", name]), "true"));
        }
    }
    Ok((!data.is_empty()).then(|| violation("host namespaces", data.join(", "), fields)))
}

fn host_path_volumes(pod: &Pod<'_>) -> Judged {
    let (mut names, mut fields) = (Vec::new(), Vec::new());
    for (index, volume) in items(pod.spec, "volumes")?.iter().enumerate() {
        if let Some(host) = field(volume, "hostPath")? {
            names.push(text(volume, &["name"])?.unwrap_or_default());
            fields.push(forbidden(in_list(&["spec", "volumes"], index, "hostPath"), text(host, &["path"])?.unwrap_or_default()));
        }
    }
    Ok((!names.is_empty()).then(|| {
        let detail = format!("{} {}", plural("volume", "volumes", names.len()), quoted(names));
        violation("hostPath volumes", detail, fields)
    }))
}

fn host_ports(pod: &Pod<'_>) -> Judged {
    let (mut names, mut fields, mut ports) = (Vec::new(), Vec::new(), BTreeSet::new());
    for container in &pod.containers {
        let mut bad = false;
        for (index, port) in items(container.value, "ports")?.iter().enumerate() {
            if let Some(number) = integer(port, &["hostPort"])?.filter(|number| *number != 0) {
                bad = true;
                ports.insert(number.to_string());
                let mut path = in_container(container, &["ports"]);
                path.push(PathStep::Index(index));
                path.extend(keys(&["hostPort"]));
                fields.push(forbidden(path, number.to_string()));
            }
        }
        if bad {
            names.push(container.name());
        }
    }
    Ok((!names.is_empty()).then(|| {
        let listed: Vec<&str> = ports.iter().map(String::as_str).collect();
        let detail = format!(
            "{} {} {} {}",
            containers(&names),
            plural("uses", "use", names.len()),
            plural("hostPort", "hostPorts", listed.len()),
            listed.join(", ")
        );
        violation("hostPort", detail, fields)
    }))
}

fn host_probes(pod: &Pod<'_>) -> Judged {
    let (mut names, mut hosts) = (BTreeSet::new(), BTreeSet::new());
    for container in &pod.containers {
        for place in
            [&["livenessProbe"][..], &["readinessProbe"], &["startupProbe"], &["lifecycle", "postStart"], &["lifecycle", "preStop"]]
        {
            let Some(handler) = at(container.value, place)? else { continue };
            for way in [["httpGet", "host"], ["tcpSocket", "host"]] {
                if let Some(host) = text(handler, &way)?.filter(|host| !host.is_empty()) {
                    names.insert(container.name());
                    hosts.insert(host);
                }
            }
        }
    }
    Ok((!names.is_empty()).then(|| {
        let listed: Vec<&str> = names.into_iter().collect();
        let detail = format!(
            "{} {} {} {}",
            containers(&listed),
            plural("uses", "use", listed.len()),
            plural("probe or lifecycle host", "probe or lifecycle hosts", hosts.len()),
            quoted(hosts)
        );
        Violation { check: "", reason: "probe or lifecycle host".to_owned(), detail, fields: None }
    }))
}

fn privileged(pod: &Pod<'_>) -> Judged {
    let (mut names, mut fields) = (Vec::new(), Vec::new());
    for container in &pod.containers {
        if boolean(container.value, &["securityContext", "privileged"])? == Some(true) {
            names.push(container.name());
            fields.push(forbidden(in_container(container, &["securityContext", "privileged"]), "true"));
        }
    }
    Ok((!names.is_empty())
        .then(|| violation("privileged", format!("{} must not set securityContext.privileged=true", containers(&names)), fields)))
}

fn proc_mount(pod: &Pod<'_>) -> Judged {
    let (mut names, mut fields, mut types) = (Vec::new(), Vec::new(), BTreeSet::new());
    for container in &pod.containers {
        if let Some(mount) = text(container.value, &["securityContext", "procMount"])?.filter(|mount| *mount != "Default") {
            names.push(container.name());
            types.insert(mount);
            fields.push(forbidden(in_container(container, &["securityContext", "procMount"]), mount));
        }
    }
    Ok((!names.is_empty()).then(|| {
        let detail = format!("{} must not set securityContext.procMount to {}", containers(&names), quoted(types));
        violation("procMount", detail, fields)
    }))
}

const ALLOWED_VOLUMES: &[&str] =
    &["configMap", "csi", "downwardAPI", "emptyDir", "ephemeral", "image", "persistentVolumeClaim", "projected", "secret"];

const OTHER_VOLUMES: &[&str] = &[
    "hostPath",
    "gcePersistentDisk",
    "awsElasticBlockStore",
    "gitRepo",
    "nfs",
    "iscsi",
    "glusterfs",
    "rbd",
    "flexVolume",
    "cinder",
    "cephfs",
    "flocker",
    "fc",
    "azureFile",
    "vsphereVolume",
    "quobyte",
    "azureDisk",
    "photonPersistentDisk",
    "portworxVolume",
    "scaleIO",
    "storageos",
];

fn restricted_volumes(pod: &Pod<'_>) -> Judged {
    let (mut names, mut fields, mut types) = (Vec::new(), Vec::new(), BTreeSet::new());
    'volumes: for (index, volume) in items(pod.spec, "volumes")?.iter().enumerate() {
        for allowed in ALLOWED_VOLUMES {
            if field(volume, allowed)?.is_some() {
                continue 'volumes;
            }
        }
        let mut found = "unknown";
        for other in OTHER_VOLUMES {
            if field(volume, other)?.is_some() {
                found = other;
                break;
            }
        }
        types.insert(found);
        names.push(text(volume, &["name"])?.unwrap_or_default());
        fields.push(forbidden(in_list(&["spec", "volumes"], index, found), ""));
    }
    Ok((!names.is_empty()).then(|| {
        let detail = format!(
            "{} {} {} {} {}",
            plural("volume", "volumes", names.len()),
            quoted(names.iter().copied()),
            plural("uses", "use", names.len()),
            plural("restricted volume type", "restricted volume types", types.len()),
            quoted(types)
        );
        violation("restricted volume types", detail, fields)
    }))
}

fn run_as_non_root(pod: &Pod<'_>) -> Judged {
    let (mut setters, mut fields) = (Vec::new(), Vec::new());
    let mut by_pod = false;
    match boolean(pod.spec, &["securityContext", "runAsNonRoot"])? {
        Some(false) => {
            setters.push("pod".to_owned());
            fields.push(forbidden(keys(&["spec", "securityContext", "runAsNonRoot"]), "false"));
        }
        Some(true) => by_pod = true,
        None => {}
    }
    let (mut explicit, mut implicit, mut missing) = (Vec::new(), Vec::new(), Vec::new());
    for container in &pod.containers {
        let path = || in_container(container, &["securityContext", "runAsNonRoot"]);
        match boolean(container.value, &["securityContext", "runAsNonRoot"])? {
            Some(false) => {
                explicit.push(container.name());
                fields.push(forbidden(path(), "false"));
            }
            None if !by_pod => {
                implicit.push(container.name());
                missing.push(required(path()));
            }
            Some(true) | None => {}
        }
    }
    if !explicit.is_empty() {
        setters.push(containers(&explicit));
    }
    let mut details = Vec::new();
    if !setters.is_empty() {
        details.push(format!("{} must not set securityContext.runAsNonRoot=false", setters.join(" and ")));
    }
    if !implicit.is_empty() {
        details.push(format!("pod or {} must set securityContext.runAsNonRoot=true", containers(&implicit)));
        fields.append(&mut missing);
    }
    Ok((!details.is_empty()).then(|| violation("runAsNonRoot != true", details.join("\n"), fields)))
}

fn run_as_user(pod: &Pod<'_>) -> Judged {
    let (mut setters, mut fields, mut names) = (Vec::new(), Vec::new(), Vec::new());
    if integer(pod.spec, &["securityContext", "runAsUser"])? == Some(0) {
        setters.push("pod".to_owned());
        fields.push(forbidden(keys(&["spec", "securityContext", "runAsUser"]), "0"));
    }
    for container in &pod.containers {
        if integer(container.value, &["securityContext", "runAsUser"])? == Some(0) {
            names.push(container.name());
            fields.push(forbidden(in_container(container, &["securityContext", "runAsUser"]), "0"));
        }
    }
    if !names.is_empty() {
        setters.push(containers(&names));
    }
    Ok((!setters.is_empty()).then(|| violation("runAsUser=0", format!("{} must not set runAsUser=0", setters.join(" and ")), fields)))
}

const SE_LINUX_TYPES: &[&str] = &["", "container_t", "container_init_t", "container_kvm_t"];
const SE_LINUX_TYPES_31: &[&str] = &["", "container_t", "container_init_t", "container_kvm_t", "container_engine_t"];

fn se_linux(pod: &Pod<'_>, allowed: &[&str]) -> Judged {
    let (mut setters, mut fields, mut names) = (Vec::new(), Vec::new(), Vec::new());
    let mut types: BTreeSet<String> = BTreeSet::new();
    let (mut user_set, mut role_set) = (false, false);
    let mut check = |options: &probity_value::Value, path: &dyn Fn(&str) -> Vec<PathStep>| -> Result<bool, Trouble> {
        let before = fields.len();
        let name = text(options, &["type"])?.unwrap_or_default();
        if !allowed.contains(&name) {
            types.insert(name.to_owned());
            fields.push(forbidden(path("type"), name));
        }
        if let Some(user) = text(options, &["user"])?.filter(|user| !user.is_empty()) {
            user_set = true;
            fields.push(forbidden(path("user"), user));
        }
        if let Some(role) = text(options, &["role"])?.filter(|role| !role.is_empty()) {
            role_set = true;
            fields.push(forbidden(path("role"), role));
        }
        Ok(fields.len() > before)
    };
    if let Some(options) = at(pod.spec, &["securityContext", "seLinuxOptions"])?
        && check(options, &|name| keys(&["spec", "securityContext", "seLinuxOptions", name]))?
    {
        setters.push("pod".to_owned());
    }
    for container in &pod.containers {
        if let Some(options) = at(container.value, &["securityContext", "seLinuxOptions"])?
            && check(options, &|name| in_container(container, &["securityContext", "seLinuxOptions", name]))?
        {
            names.push(container.name());
        }
    }
    if !names.is_empty() {
        setters.push(containers(&names));
    }
    Ok((!setters.is_empty()).then(|| {
        let mut data = Vec::new();
        if !types.is_empty() {
            data.push(format!("{} {}", plural("type", "types", types.len()), quoted(types.iter().map(String::as_str))));
        }
        if user_set {
            data.push("user may not be set".to_owned());
        }
        if role_set {
            data.push("role may not be set".to_owned());
        }
        let detail = format!("{} set forbidden securityContext.seLinuxOptions: {}", setters.join(" and "), data.join("; "));
        violation("seLinuxOptions", detail, fields)
    }))
}

fn seccomp_annotations(pod: &Pod<'_>) -> Judged {
    let Some(annotations) = pod.annotations else { return Ok(None) };
    let allowed = |value: &str| matches!(value, "runtime/default" | "docker/default") || value.starts_with("localhost/");
    let mut names = vec!["seccomp.security.alpha.kubernetes.io/pod".to_owned()];
    for container in &pod.containers {
        let name = format!("container.seccomp.security.alpha.kubernetes.io/{}", container.name());
        if !names.contains(&name) {
            names.push(name);
        }
    }
    let (mut data, mut fields) = (Vec::new(), Vec::new());
    for name in names {
        if let Some(value) = text(annotations, &[&name])?.filter(|value| !allowed(value)) {
            data.push(format!("{name}={value:?}"));
            fields.push(forbidden(keys(&["metadata", "annotations", &name]), value));
        }
    }
    data.sort();
    Ok((!data.is_empty()).then(|| {
        let detail = format!("forbidden {} {}", plural("annotation", "annotations", data.len()), data.join(", "));
        violation("seccompProfile", detail, fields)
    }))
}

fn seccomp_allowed(name: &str) -> bool {
    matches!(name, "Localhost" | "RuntimeDefault")
}

/// What pods and containers set, and which containers set nothing.
struct Seccomp<'a> {
    setters: Vec<String>,
    values: BTreeSet<&'a str>,
    fields: Vec<FieldError>,
    by_pod: bool,
    unset: Vec<Container<'a>>,
}

fn seccomp<'a>(pod: &Pod<'a>) -> Result<Seccomp<'a>, Trouble> {
    let mut found = Seccomp { setters: Vec::new(), values: BTreeSet::new(), fields: Vec::new(), by_pod: false, unset: Vec::new() };
    if let Some(profile) = at(pod.spec, &["securityContext", "seccompProfile"])? {
        let name = text(profile, &["type"])?.unwrap_or_default();
        if seccomp_allowed(name) {
            found.by_pod = true;
        } else {
            found.setters.push("pod".to_owned());
            found.fields.push(forbidden(keys(&["spec", "securityContext", "seccompProfile", "type"]), name));
            found.values.insert(name);
        }
    }
    let mut names = Vec::new();
    for container in &pod.containers {
        match at(container.value, &["securityContext", "seccompProfile"])? {
            Some(profile) => {
                let name = text(profile, &["type"])?.unwrap_or_default();
                if !seccomp_allowed(name) {
                    names.push(container.name());
                    found.fields.push(forbidden(in_container(container, &["securityContext", "seccompProfile", "type"]), name));
                    found.values.insert(name);
                }
            }
            None => found.unset.push(*container),
        }
    }
    if !names.is_empty() {
        found.setters.push(containers(&names));
    }
    Ok(found)
}

fn seccomp_set(found: &mut Seccomp<'_>) -> Option<Violation> {
    (!found.setters.is_empty()).then(|| {
        let detail = format!(
            "{} must not set securityContext.seccompProfile.type to {}",
            found.setters.join(" and "),
            quoted(found.values.iter().copied())
        );
        violation("seccompProfile", detail, std::mem::take(&mut found.fields))
    })
}

fn seccomp_baseline(pod: &Pod<'_>) -> Judged {
    Ok(seccomp_set(&mut seccomp(pod)?))
}

fn seccomp_restricted(pod: &Pod<'_>) -> Judged {
    let mut found = seccomp(pod)?;
    if let Some(set) = seccomp_set(&mut found) {
        return Ok(Some(set));
    }
    if found.by_pod || found.unset.is_empty() {
        return Ok(None);
    }
    let names: Vec<&str> = found.unset.iter().map(Container::name).collect();
    let fields =
        found.unset.iter().map(|container| required(in_container(container, &["securityContext", "seccompProfile", "type"]))).collect();
    let detail =
        format!("pod or {} must set securityContext.seccompProfile.type to \"RuntimeDefault\" or \"Localhost\"", containers(&names));
    Ok(Some(violation("seccompProfile", detail, fields)))
}

/// Allowed names, and since which minor version.
const SYSCTLS: &[(&str, u32)] = &[
    ("kernel.shm_rmid_forced", 0),
    ("net.ipv4.ip_local_port_range", 0),
    ("net.ipv4.tcp_syncookies", 0),
    ("net.ipv4.ping_group_range", 0),
    ("net.ipv4.ip_unprivileged_port_start", 0),
    ("net.ipv4.ip_local_reserved_ports", 27),
    ("net.ipv4.tcp_keepalive_time", 29),
    ("net.ipv4.tcp_fin_timeout", 29),
    ("net.ipv4.tcp_keepalive_intvl", 29),
    ("net.ipv4.tcp_keepalive_probes", 29),
    ("net.ipv4.tcp_rmem", 32),
    ("net.ipv4.tcp_wmem", 32),
];

fn sysctls(pod: &Pod<'_>, minor: u32) -> Judged {
    let (mut names, mut fields) = (Vec::new(), Vec::new());
    if let Some(context) = field(pod.spec, "securityContext")? {
        for (index, sysctl) in items(context, "sysctls")?.iter().enumerate() {
            let name = text(sysctl, &["name"])?.unwrap_or_default();
            if !SYSCTLS.iter().any(|(allowed, since)| *allowed == name && *since <= minor) {
                names.push(name);
                fields.push(forbidden(in_list(&["spec", "securityContext", "sysctls"], index, "name"), name));
            }
        }
    }
    Ok((!names.is_empty()).then(|| violation("forbidden sysctls", names.join(", "), fields)))
}

fn windows_host_process(pod: &Pod<'_>) -> Judged {
    let (mut setters, mut fields, mut names) = (Vec::new(), Vec::new(), Vec::new());
    let way = ["securityContext", "windowsOptions", "hostProcess"];
    if boolean(pod.spec, &way)? == Some(true) {
        setters.push("pod".to_owned());
        fields.push(forbidden(keys(&["spec", "securityContext", "windowsOptions", "hostProcess"]), "true"));
    }
    for container in &pod.containers {
        if boolean(container.value, &way)? == Some(true) {
            names.push(container.name());
            fields.push(forbidden(in_container(container, &way), "true"));
        }
    }
    if !names.is_empty() {
        setters.push(containers(&names));
    }
    Ok((!setters.is_empty()).then(|| {
        let detail = format!("{} must not set securityContext.windowsOptions.hostProcess=true", setters.join(" and "));
        violation("hostProcess", detail, fields)
    }))
}
