package main

import data.services

deny contains msg if {
	some port in services.ports
	some p in input.spec.ports
	p.port == port
	msg := sprintf("port %d is not allowed", [p.port])
}

warn contains msg if {
	data.nested.deeper.names[_] == input.metadata.name
	msg := "known name"
}
