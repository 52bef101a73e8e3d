package main

deny contains msg if {
	some component in input.components
	startswith(component.purl, "pkg:npm/left-pad@")
	msg := sprintf("%s %s is not allowed", [component.name, component.version])
}

warn contains "old specification" if to_number(input.specVersion) < 1.5
