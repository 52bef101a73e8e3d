package main

# METADATA
# title: A container has a memory limit
# custom:
#   severity: medium
deny_memory contains message if {
	input.kind == "Deployment"
	some container in input.spec.template.spec.containers
	not container.resources.limits.memory
	message := sprintf("container `%s` has no memory limit", [container.name])
}
