# The same 16 rules about Pods in each language; `differential.rs` holds them to the same verdicts, and `cargo xtask bench policy` times them.
package main

spec := input.spec

containers := array.concat(spec.containers, array.concat(object.get(spec, "initContainers", []), object.get(spec, "ephemeralContainers", [])))

latest(image) if endswith(image, ":latest")

latest(image) if not contains(image, ":")

deny_host_network contains "host-network" if { spec.hostNetwork == true }

deny_host_pid contains "host-pid" if { spec.hostPID == true }

deny_host_ipc contains "host-ipc" if { spec.hostIPC == true }

deny_privileged contains "privileged" if { some c in containers; c.securityContext.privileged == true }

deny_host_path contains "host-path" if { some v in spec.volumes; v.hostPath }

deny_host_ports contains "host-ports" if { some c in containers; some p in c.ports; object.get(p, "hostPort", 0) != 0 }

deny_privilege_escalation contains "privilege-escalation" if { some c in containers; object.get(object.get(c, "securityContext", {}), "allowPrivilegeEscalation", true) != false }

deny_run_as_non_root contains "run-as-non-root" if { some c in containers; object.get(object.get(c, "securityContext", {}), "runAsNonRoot", false) != true }

deny_run_as_user contains "run-as-user" if { some c in containers; c.securityContext.runAsUser <= 0 }

deny_drop_all contains "drop-all" if { some c in containers; not "ALL" in object.get(object.get(object.get(c, "securityContext", {}), "capabilities", {}), "drop", []) }

deny_add_capabilities contains "add-capabilities" if { some c in containers; some a in c.securityContext.capabilities.add; a != "NET_BIND_SERVICE" }

deny_read_only_root contains "read-only-root" if { some c in containers; object.get(object.get(c, "securityContext", {}), "readOnlyRootFilesystem", false) != true }

deny_proc_mount contains "proc-mount" if { some c in containers; object.get(c.securityContext, "procMount", "Default") != "Default" }

deny_image_tag contains "image-tag" if { some c in containers; latest(c.image) }

deny_memory_limit contains "memory-limit" if { some c in containers; not c.resources.limits.memory }

deny_service_account_token contains "service-account-token" if { object.get(spec, "automountServiceAccountToken", true) != false }
