package main

deny contains msg if {
	some pkg in input.packages
	pkg.licenseConcluded == "GPL-3.0-only"
	msg := sprintf("%s is %s", [pkg.name, pkg.licenseConcluded])
}

deny contains msg if {
	input.dataLicense != "CC0-1.0"
	msg := sprintf("DataLicense should be CC0-1.0, but found %s", [input.dataLicense])
}
