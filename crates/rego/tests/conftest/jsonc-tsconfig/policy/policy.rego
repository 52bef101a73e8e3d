package main

deny contains "strict is off" if not input.compilerOptions.strict

deny contains msg if {
	input.compilerOptions.target == "es5"
	msg := "target is too old"
}
