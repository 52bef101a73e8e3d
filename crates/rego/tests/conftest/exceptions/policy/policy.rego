package main

deny_run_as_root contains msg if {
	input.spec.securityContext.runAsUser == 0
	msg := "runs as root"
}

deny_privileged contains msg if {
	some c in input.spec.containers
	c.securityContext.privileged
	msg := sprintf("%s is privileged", [c.name])
}

violation contains "plain" if input.plain

exception contains rules if {
	input.metadata.name == "can-run-as-root"
	rules := ["run_as_root"]
}

exception contains ["run_as_root", "privileged"] if input.metadata.labels.trusted == "yes"

exception contains [""] if input.metadata.labels.all == "yes"
