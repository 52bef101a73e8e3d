package main

deny contains msg if {
	input["SECRET.TYPE"] == "PLAIN"
	msg := "secrets must be encrypted"
}

deny contains msg if {
	lvl := input["log4j.rootLogger"]
	startswith(lvl, "DEBUG")
	msg := lvl
}
