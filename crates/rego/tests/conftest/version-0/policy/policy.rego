package main

import data.kubernetes

name = input.metadata.name

deny[msg] {
  input.kind = "Deployment"
  not input.spec.template.spec.securityContext.runAsNonRoot = true
  msg = sprintf("Containers must not run as root in Deployment %s", [name])
} {
  input.kind = "Bare"
  msg = "bare"
}

warn[msg] {
  input.kind = "Service"
  msg = "service"
}

violation[{"msg": msg}] {
  some i
  c := input.spec.template.spec.containers[i]
  not c.resources
  msg := sprintf("container %v has no resources", [c.name])
}
