package main

deny contains msg if {
	some name, version in input.dependencies
	startswith(version, "^")
	msg := sprintf("%s is not pinned: %s", [name, version])
}

deny_license contains "no license" if not input.license

warn_private contains "not private" if not input.private
