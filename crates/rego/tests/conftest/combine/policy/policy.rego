package main

deny contains msg if {
	some deployment in input
	deployment.contents.kind == "Deployment"
	not service_selects(deployment.contents.spec.selector.app)
	msg := sprintf("%s: Deployment %s has no service", [deployment.path, deployment.contents.metadata.name])
}

service_selects(app) if {
	some service in input
	service.contents.kind == "Service"
	service.contents.spec.selector.app == app
}

warn contains msg if {
	msg := sprintf("%d documents", [count(input)])
}
