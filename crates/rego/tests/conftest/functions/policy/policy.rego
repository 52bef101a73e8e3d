package main

deny contains msg if {
	some cidr in input.cidrs
	net.cidr_contains("10.0.0.0/8", cidr)
	msg := sprintf("%s is private", [cidr])
}

deny contains msg if {
	semver.is_valid(input.version)
	semver.compare(input.version, "1.2.0") < 0
	msg := sprintf("%s is too old", [input.version])
}

warn contains msg if {
	units.parse_bytes(input.memory) > units.parse_bytes("1Gi")
	msg := sprintf("%s is much", [input.memory])
}

warn contains msg if {
	glob.match("*.example.com", ["."], input.host)
	msg := input.host
}

deny contains msg if {
	time.parse_rfc3339_ns(input.until) < time.parse_rfc3339_ns("2026-01-01T00:00:00Z")
	msg := sprintf("ran out %s", [input.until])
}

deny contains msg if {
	decoded := json.unmarshal(base64.decode(input.policy))
	decoded.Effect == "Allow"
	msg := "allows"
}
