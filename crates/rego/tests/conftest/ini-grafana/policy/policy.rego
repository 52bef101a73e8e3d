package main

deny contains "Users should verify their e-mail address" if not input.users.verify_email_enabled = true

deny contains "Basic auth should be enabled" if not input["auth.basic"].enabled = true

deny contains msg if {
	input.server.http_port == 3000
	msg := "Grafana port should be 8080"
}

warn contains msg if {
	is_string(input.server.domain)
	msg := input.server.domain
}
