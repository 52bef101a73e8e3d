package main

deny contains msg if {
	some job, spec in input.jobs
	some i, step in spec.steps
	step.uses
	not regex.match(`@[0-9a-f]{40}$`, step.uses)
	msg := sprintf("%s step %d: %s is not pinned", [job, i, step.uses])
}

warn contains "runs on pull_request_target" if input["true"].pull_request_target

deny contains msg if {
	some job, spec in input.jobs
	not spec["timeout-minutes"]
	msg := sprintf("%s has no timeout", [job])
}
