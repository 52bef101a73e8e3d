package main

deny contains msg if {
	input.project.modelVersion == "4.0.0"
	some dependency in input.project.dependencies.dependency
	dependency.version == "LATEST"
	msg := sprintf("%s uses LATEST", [dependency.artifactId])
}

warn contains "one module" if is_string(input.project.modules.module)

deny contains msg if {
	input.project["-xmlns"] != "http://maven.apache.org/POM/4.0.0"
	msg := "wrong namespace"
}
