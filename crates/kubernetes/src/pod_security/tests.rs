use probity_value::{FileId, Value, yaml};

use super::*;

fn value(text: &str) -> Value {
    yaml::parse(text, FileId::NONE).0.into_iter().next().map(|document| document.value).unwrap()
}

/// Checks that a pod breaks, at a level.
fn broken(level: Level, version: Version, spec: &str) -> Vec<String> {
    let object = value(spec);
    let null = Value::null(probity_value::Span::NONE);
    let pod = Pod::new(object.get("metadata").unwrap_or(&null), object.get("spec").unwrap()).unwrap();
    judge(&pod, level, version).unwrap().into_iter().map(|violation| violation.check.to_owned()).collect()
}

fn check(level: Level, spec: &str, expected: &[&str]) {
    assert_eq!(broken(level, Version::Latest, spec), expected, "{spec}");
}

const HARD: &str = "securityContext: {runAsNonRoot: true, allowPrivilegeEscalation: false, capabilities: {drop: [ALL]}, seccompProfile: {type: RuntimeDefault}}";

#[test]
fn baseline_controls() {
    check(Level::Baseline, "spec: {containers: [{name: a}]}", &[]);
    for (spec, expected) in [
        ("hostNetwork: true", "hostNamespaces"),
        ("hostPID: true", "hostNamespaces"),
        ("volumes: [{name: v, hostPath: {path: /}}]", "hostPathVolumes"),
        ("containers: [{name: a, ports: [{hostPort: 80}]}]", "hostPorts"),
        ("containers: [{name: a, livenessProbe: {httpGet: {host: h}}}]", "hostProbesAndHostLifecycle"),
        ("containers: [{name: a, lifecycle: {preStop: {tcpSocket: {host: h}}}}]", "hostProbesAndHostLifecycle"),
        ("initContainers: [{name: a, securityContext: {privileged: true}}]", "privileged"),
        ("ephemeralContainers: [{name: a, securityContext: {privileged: true}}]", "privileged"),
        ("containers: [{name: a, securityContext: {procMount: Unmasked}}]", "procMount"),
        ("containers: [{name: a, securityContext: {capabilities: {add: [NET_RAW]}}}]", "capabilities_baseline"),
        ("securityContext: {seLinuxOptions: {type: x}}", "seLinuxOptions"),
        ("securityContext: {seLinuxOptions: {user: x}}", "seLinuxOptions"),
        ("securityContext: {seccompProfile: {type: Unconfined}}", "seccompProfile_baseline"),
        ("securityContext: {appArmorProfile: {type: Unconfined}}", "appArmorProfile"),
        ("securityContext: {sysctls: [{name: kernel.msgmax, value: '1'}]}", "sysctls"),
        ("securityContext: {windowsOptions: {hostProcess: true}}", "windowsHostProcess"),
    ] {
        check(Level::Baseline, &format!("spec: {{{spec}}}"), &[expected]);
    }
    check(
        Level::Baseline,
        "{metadata: {annotations: {container.apparmor.security.beta.kubernetes.io/a: unconfined}}, spec: {containers: [{name: a}]}}",
        &["appArmorProfile"],
    );
    check(Level::Baseline, "spec: {hostNetwork: false, volumes: [{name: v, hostPath: null}], containers: []}", &[]);
}

#[test]
fn restricted_controls() {
    check(Level::Restricted, &format!("spec: {{containers: [{{name: a, {HARD}}}]}}"), &[]);
    check(
        Level::Restricted,
        "spec: {containers: [{name: a}]}",
        &["allowPrivilegeEscalation", "capabilities_restricted", "runAsNonRoot", "seccompProfile_restricted"],
    );
    check(
        Level::Restricted,
        &format!("spec: {{volumes: [{{name: v, nfs: {{}}}}], containers: [{{name: a, {HARD}}}]}}"),
        &["restrictedVolumes"],
    );
    check(Level::Restricted, &format!("spec: {{securityContext: {{runAsUser: 0}}, containers: [{{name: a, {HARD}}}]}}"), &["runAsUser"]);
    check(Level::Restricted, "spec: {os: {name: windows}, securityContext: {runAsNonRoot: true}, containers: [{name: a}]}", &[]);
}

#[test]
fn versions_choose_the_form() {
    let old = |spec: &str, minor: u32| broken(Level::Baseline, Version::Minor(minor), spec);
    let sysctl = "spec: {securityContext: {sysctls: [{name: net.ipv4.tcp_rmem, value: '1'}]}}";
    assert_eq!(old(sysctl, 31), ["sysctls"]);
    assert!(old(sysctl, 32).is_empty());
    let engine = "spec: {securityContext: {seLinuxOptions: {type: container_engine_t}}}";
    assert_eq!(old(engine, 30), ["seLinuxOptions"]);
    assert!(old(engine, 31).is_empty());
    assert!(old("spec: {containers: [{name: a, livenessProbe: {httpGet: {host: h}}}]}", 33).is_empty());
    let annotation = "{metadata: {annotations: {seccomp.security.alpha.kubernetes.io/pod: unconfined}}, spec: {containers: [{name: a}]}}";
    assert_eq!(old(annotation, 18), ["seccompProfile_baseline"]);
    assert!(old(annotation, 19).is_empty());
    assert_eq!("v1.24".parse(), Ok(Version::Minor(24)));
    assert_eq!("latest".parse(), Ok(Version::Latest));
    for bad in ["1.24", "v1.", "v1.024", "v2.0", "v1.x"] {
        assert!(bad.parse::<Version>().is_err(), "{bad}");
    }
}

#[test]
fn what_is_malformed_or_unknown_is_no_pass() {
    let null = Value::null(probity_value::Span::NONE);
    let spec = value("{hostNetwork: 'yes', containers: [{name: a}]}");
    let pod = Pod::new(&null, &spec).unwrap();
    let expected = Trouble::Malformed("`hostNetwork` has to be a bool, but holds a string".to_owned());
    assert_eq!(judge(&pod, Level::Baseline, Version::Latest), Err(expected));
    assert!(Pod::new(&null, &value("{containers: {name: a}}")).is_err());
    assert!(Pod::new(&null, &value("{containers: [a]}")).is_err());
}

#[test]
fn fields_name_their_place() {
    let null = Value::null(probity_value::Span::NONE);
    let spec = value("{containers: [{name: a}, {name: b, securityContext: {capabilities: {add: [Z, NET_RAW]}}}]}");
    let pod = Pod::new(&null, &spec).unwrap();
    let violations = judge(&pod, Level::Baseline, Version::Latest).unwrap();
    let violation = violations.first().unwrap();
    assert_eq!(violation.detail, "container \"b\" must not include \"NET_RAW\", \"Z\" in securityContext.capabilities.add");
    let field = violation.fields.as_ref().unwrap().first().unwrap();
    assert_eq!(field.to_string(), "spec.containers[1].securityContext.capabilities.add is forbidden, forbidden values found: [NET_RAW Z]");
}
