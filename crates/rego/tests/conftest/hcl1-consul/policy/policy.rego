package main

deny contains "no encryption" if not input.encrypt

deny contains msg if {
	some i
	port := input.ports[i].http
	port == 80
	msg := "http on port 80"
}

warn contains msg if {
	some i, j
	input.service[i].web[j].tags[_] == "public"
	msg := "public service"
}
