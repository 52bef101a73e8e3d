package main

deny contains msg if {
	walk(input, [_, directive])
	directive.name == "listen"
	directive.parameters[0] == "80"
	msg := "plain http"
}

warn contains msg if {
	walk(input, [_, directive])
	directive.name == "server_tokens"
	directive.parameters == ["on"]
	msg := "tells its version"
}
