package main

deny contains msg if {
	some key, value in input
	contains(lower(key), "password")
	value != ""
	msg := sprintf("%s is set", [key])
}

deny contains "debug is on" if input.DEBUG == "true"

warn contains msg if {
	contains(input.URL, "http://")
	msg := input.URL
}
