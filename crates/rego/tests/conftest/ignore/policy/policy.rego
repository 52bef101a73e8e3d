package main

deny contains msg if {
	not any_git
	msg := ".git directories should be ignored"
}

any_git if {
	some entry in input
	entry.Kind == "Path"
	entry.Value == ".git"
}

warn contains msg if {
	some entry in input
	entry.Kind == "NegatedPath"
	msg := sprintf("%s is taken back", [entry.Value])
}
