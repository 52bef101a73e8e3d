//! Workloads: pods of every kind, containers with their kinds, flags, and Terraform's resources in the Kubernetes shape.
#![allow(
    clippy::disallowed_methods,
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    reason = "a test touches the world on purpose and fails by panicking"
)]

mod support;

use support::{judge, shown, status};

const POD: &str = "hostPID: true, containers: [{name: a, securityContext: {privileged: false}}], initContainers: [{name: i, securityContext: {privileged: true}}]";

#[test]
fn every_kind_has_its_pod() {
    let check = |kind: &str, text: &str| {
        let text = text.replace("POD", POD);
        assert_eq!(shown(judge("fail_if: { path: $pod.hostPID, equals: true }", &[(kind, &text)])), "fail: `hostPID` is `true`", "{kind}");
        let every = judge("fail_if: { path: $containers.securityContext.privileged, equals: true }", &[(kind, &text)]);
        assert_eq!(shown(every), "fail: `initContainers[0].securityContext.privileged` is `true`", "{kind}");
        let main = judge("fail_if: { path: $main_containers.securityContext.privileged, equals: true }", &[(kind, &text)]);
        assert_eq!(shown(main), "pass: `containers[0].securityContext.privileged` is `false`", "{kind}");
    };
    check("Pod", "{spec: {POD}}");
    for kind in ["Deployment", "DaemonSet", "StatefulSet", "ReplicaSet", "ReplicationController", "Job", "DeploymentConfig"] {
        check(kind, "{spec: {template: {spec: {POD}}}}");
    }
    check("CronJob", "{spec: {jobTemplate: {spec: {template: {spec: {POD}}}}}}");
    check("PodTemplate", "{template: {spec: {POD}}}");
    check("kubernetes_manifest", "{manifest: {kind: Deployment, spec: {template: {spec: {POD}}}}}");
}

#[test]
fn containers_know_their_kind_and_unknown_lists_stay_unknown() {
    let check = |condition: &str, text: &str, expected: &str| {
        assert_eq!(status(judge(&format!("fail_unless: {condition}"), &[("Pod", text)])), expected, "{condition} {text}");
    };
    let text = format!("{{spec: {{{POD}, ephemeralContainers: [{{name: e}}]}}}}");
    check("{ path: $containers, length_equals: 3 }", &text, "pass");
    check("{ path: '$containers.$kind', within: [regular, init, ephemeral] }", &text, "pass");
    check("{ some: $containers, is: { path: $kind, equals: init } }", &text, "pass");
    check("{ every: $containers, is: { path: securityContext.privileged, equals: false } }", &text, "fail");
    check("{ every: $containers, is: { path: image, exists: true } }", "{spec: {containers: ?v}}", "unknown");
    check("{ path: $containers.image, exists: true }", "{spec: {containers: ?v}}", "unknown");
    check("{ path: $pod.hostPID, equals: true }", "{spec: ?v}", "unknown");
    check("{ path: $pod.hostPID, equals: true }", "{}", "fail");
    check("{ path: $pod_metadata.labels.app, equals: x }", "{metadata: {labels: {app: x}}}", "pass");
}

#[test]
fn places_of_what_is_missing() {
    let at = |condition: &str, text: &str| judge(&format!("fail_unless: {condition}"), &[("Pod", text)]).unwrap().at;
    let text = "{spec: {containers: [{name: a, image: x}]}}";
    assert_eq!(at("{ path: $pod.hostPID, exists: true }", text).start, 900, "the head of the subject");
    assert_eq!(at("{ path: $containers.resources.limits, exists: true }", text).start, 21, "the container");
}

#[test]
fn flags() {
    let check = |condition: &str, container: &str, expected: &str| {
        let text = format!("{{spec: {{containers: [{container}]}}}}");
        assert_eq!(status(judge(&format!("fail_unless: {condition}"), &[("Pod", &text)])), expected, "{condition} {container}");
    };
    let flag = "{ path: '$containers.$flags[\"--anonymous-auth\"]', equals: false }";
    check(flag, "{command: [kube-apiserver, --anonymous-auth=false]}", "pass");
    check(flag, "{command: [kube-apiserver], args: [--anonymous-auth, 'false']}", "pass");
    check(flag, "{command: [kube-apiserver, --anonymous-auth=true]}", "fail");
    check(flag, "{command: [kube-apiserver, --anonymous-auth]}", "fail");
    check(flag, "{command: [kube-apiserver]}", "fail");
    check(flag, "{command: [sh, -c, 'exec kube-apiserver --anonymous-auth=false --x']}", "pass");
    check(flag, "{command: [kube-apiserver, '?v']}", "unknown");
    check(flag, "{command: [kube-apiserver, '?v=--anonymous-auth=']}", "unknown");
    check(flag, "{command: [--anonymous-auth=true, --anonymous-auth=false]}", "pass");
    check("{ path: '$containers.$flags[\"--x\"]', equals: true }", "{args: [--x, --y=1]}", "pass");
    check("{ every: $main_containers, is: { path: '$flags[\"--y\"]', equals: 1 } }", "{args: [--x, --y=1]}", "pass");
    check("{ path: '$containers.$flags', contains: --x }", "{args: [--x]}", "pass");
    check("{ path: '$containers.$flags', contains: --x }", "{args: ['?v']}", "unknown");
}

#[test]
fn terraform_in_the_kubernetes_shape() {
    let pod = r"{spec: [{
        host_ipc: true, automount_service_account_token: false,
        container: [{name: a, image: x, env: [{name: K, value_from: [{secret_key_ref: [{name: s, key: k}]}]}],
            port: [{container_port: 80, host_port: 81, host_ip: 1.2.3.4}],
            security_context: [{run_as_non_root: true, read_only_root_filesystem: true, capabilities: [{drop: [ALL], add: []}], se_linux_options: [{type: t}]}],
            resources: [{limits: {cpu: 1, example.com/my_gpu: 2}}],
            liveness_probe: [{http_get: [{path: /, port: 80, http_header: [{name: n}]}]}],
            volume_mount: [{mount_path: /m, read_only: true}]}],
        init_container: [{name: i}],
        volume: [{name: v, host_path: [{path: /}]}, {name: s, secret: [{secret_name: s}]}],
        toleration: [{key: k}],
        affinity: [{node_affinity: [{required_during_scheduling_ignored_during_execution: [{node_selector_term: [{match_expressions: [{key: a}]}]}]}],
            pod_affinity: [{required_during_scheduling_ignored_during_execution: [{topology_key: z}]}]}],
        security_context: [{fs_group: 1, seccomp_profile: [{type: RuntimeDefault}], sysctl: [{name: a}]}],
        node_selector: {my_label: x}}],
        metadata: [{name: n, labels: {my_label: x}}]}";
    let check = |condition: &str, expected: &str| {
        assert_eq!(shown(judge(&format!("fail_unless: {condition}"), &[("kubernetes_pod_v1.p", pod)])), expected, "{condition}");
    };
    let pass = |path: &str, value: &str, shown: &str| {
        check(&format!("{{ path: '{path}', equals: {value} }}"), &format!("pass: {shown} is `{value}`"))
    };
    pass("$pod.hostIPC", "true", "`hostIPC`");
    pass("$pod.automountServiceAccountToken", "false", "`automountServiceAccountToken`");
    pass("$main_containers[0].name", "a", "`containers[0].name`");
    pass("$containers[1].$kind", "init", "`initContainers[0].$kind`");
    pass("$containers[0].env[0].valueFrom.secretKeyRef.name", "s", "`containers[0].env.valueFrom.secretKeyRef.name`");
    pass("$containers[0].ports[0].hostPort", "81", "`containers[0].ports.hostPort`");
    pass("$containers[0].ports[0].hostIP", "1.2.3.4", "`containers[0].ports.hostIP`");
    pass("$containers[0].securityContext.runAsNonRoot", "true", "`containers[0].securityContext.runAsNonRoot`");
    pass("$containers[0].securityContext.readOnlyRootFilesystem", "true", "`containers[0].securityContext.readOnlyRootFilesystem`");
    pass("$containers[0].securityContext.capabilities.drop[0]", "ALL", "`containers[0].securityContext.capabilities.drop[0]`");
    pass("$containers[0].securityContext.seLinuxOptions.type", "t", "`containers[0].securityContext.seLinuxOptions.type`");
    pass("$containers[0].resources.limits[\"example.com/my_gpu\"]", "2", "`containers[0].resources.limits[\"example.com/my_gpu\"]`");
    pass("$containers[0].livenessProbe.httpGet.port", "80", "`containers[0].livenessProbe.httpGet.port`");
    pass("$containers[0].livenessProbe.httpGet.httpHeaders[0].name", "n", "`containers[0].livenessProbe.httpGet.httpHeaders.name`");
    pass("$containers[0].volumeMounts[0].readOnly", "true", "`containers[0].volumeMounts.readOnly`");
    pass("$pod.volumes[0].hostPath.path", "/", "`volumes[0].hostPath.path`");
    pass("$pod.volumes[1].secret.secretName", "s", "`volumes[1].secret.secretName`");
    pass("$pod.tolerations[0].key", "k", "`tolerations.key`");
    pass(
        "$pod.affinity.nodeAffinity.requiredDuringSchedulingIgnoredDuringExecution.nodeSelectorTerms[0].matchExpressions[0].key",
        "a",
        "`affinity.nodeAffinity.requiredDuringSchedulingIgnoredDuringExecution.nodeSelectorTerms.matchExpressions.key`",
    );
    pass(
        "$pod.affinity.podAffinity.requiredDuringSchedulingIgnoredDuringExecution[0].topologyKey",
        "z",
        "`affinity.podAffinity.requiredDuringSchedulingIgnoredDuringExecution.topologyKey`",
    );
    pass("$pod.securityContext.fsGroup", "1", "`securityContext.fsGroup`");
    pass("$pod.securityContext.seccompProfile.type", "RuntimeDefault", "`securityContext.seccompProfile.type`");
    pass("$pod.securityContext.sysctls[0].name", "a", "`securityContext.sysctls.name`");
    pass("$pod.nodeSelector.my_label", "x", "`nodeSelector.my_label`");
    pass("$pod_metadata.labels.my_label", "x", "`metadata.labels.my_label`");
    pass("$object.metadata.name", "n", "`metadata.name`");
}

#[test]
fn terraform_workloads() {
    let check = |kind: &str, text: &str, expected: &str| {
        let result = judge("fail_unless: { path: $containers.image, equals: x }", &[(kind, text)]);
        assert_eq!(status(result), expected, "{kind} {text}");
    };
    for kind in
        ["kubernetes_deployment", "kubernetes_deployment_v1", "kubernetes_stateful_set", "kubernetes_daemonset", "kubernetes_job_v1"]
    {
        check(kind, "{spec: [{template: [{spec: [{container: [{image: x}]}]}]}]}", "pass");
    }
    check("kubernetes_cron_job_v1", "{spec: [{job_template: [{spec: [{template: [{spec: [{container: [{image: y}]}]}]}]}]}]}", "fail");
    check("kubernetes_pod", "{spec: [{container: ?v}]}", "unknown");
    check("kubernetes_pod", "{spec: [{container: [?v]}]}", "unknown");
    check("kubernetes_pod", "{spec: ?v}", "unknown");
}

#[test]
fn groups() {
    use probity_core::{EvalContext, Program, SubjectIndex, SubjectKind, World};
    use support::{program, rule, subject, value};
    let applies = |group: &str, kind: SubjectKind, type_name: &str, text: &str| {
        let world = World::new(vec![subject(kind, type_name, "x", value(text))]);
        !program(rule(group, "fail_unless: true")).evaluate(SubjectIndex(0), &world, &EvalContext::default()).is_empty()
    };
    assert!(applies("workloads", SubjectKind::Kubernetes, "CronJob", "{}"));
    assert!(applies("workloads", SubjectKind::Terraform, "kubernetes_daemon_set_v1", "{}"));
    assert!(applies("workloads", SubjectKind::Terraform, "kubernetes_manifest", "{manifest: {kind: Pod}}"));
    assert!(!applies("workloads", SubjectKind::Terraform, "kubernetes_manifest", "{manifest: {kind: Service}}"));
    assert!(!applies("workloads", SubjectKind::Kubernetes, "Service", "{}"));
    assert!(applies("objects", SubjectKind::Kubernetes, "Service", "{}"));
    assert!(!applies("objects", SubjectKind::Terraform, "aws_s3_bucket", "{}"));
}
