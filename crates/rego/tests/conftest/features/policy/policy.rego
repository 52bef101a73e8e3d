package main

import future.keywords.every

deny contains msg if {
	every port in input.ports {
		port > 1024
	}
	msg := "all unprivileged"
}

deny contains msg if {
	x := object.get(input, ["deep", "er"], "none")
	x != "none"
	msg := sprintf("deep %v", [x])
}

deny_count contains msg if {
	count(input.ports) > max_ports
	msg := $"{count(input.ports)} ports, {max_ports} allowed"
}

default max_ports := 2

max_ports := input.max if is_number(input.max)

warn contains msg if {
	some k, v in input.labels
	not regex.match("^[a-z]+$", k)
	msg := sprintf("%q: %v", [k, v])
}

warn contains msg if {
	some msg in {m | some i, m in input.messages; i % 2 == 0}
}

violation contains {"msg": json.marshal(sort(object.keys(input)))} if input.dump
