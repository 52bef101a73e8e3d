package main

deny contains msg if {
	input[":db"][":ssl"] == "false"
	msg := "ssl is off"
}

warn contains msg if {
	some host in input[":hosts"]
	host == "localhost"
	msg := host
}
