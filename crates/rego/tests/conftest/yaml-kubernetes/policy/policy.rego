package main

name := input.metadata.name

deny contains msg if {
	input.kind == "Deployment"
	not input.spec.template.spec.securityContext.runAsNonRoot
	msg := sprintf("Containers must not run as root in Deployment %s", [name])
}

required_labels := {"app.kubernetes.io/name", "app.kubernetes.io/instance"}

deny contains msg if {
	input.kind == "Deployment"
	missing := required_labels - {label | input.metadata.labels[label]}
	count(missing) > 0
	msg := sprintf("Deployment %s misses labels: %s", [name, concat(", ", sort(missing))])
}

warn contains msg if {
	input.kind == "Service"
	msg := sprintf("Found service %s but services are not allowed", [name])
}

violation contains {"msg": msg, "details": {"image": image}} if {
	some container in input.spec.template.spec.containers
	image := container.image
	not contains(image, ":")
	msg := sprintf("image %s has no tag", [image])
}
