package main

deny contains msg if {
	config := parse_config("hcl2", input.terraform)
	some name, _ in config.resource.aws_s3_bucket
	msg := sprintf("bucket %s", [name])
}

deny contains msg if {
	allowed := parse_config_file("../allowed/ports.toml")
	some port in input.ports
	not port in allowed.ports
	msg := sprintf("port %d", [port])
}

warn contains msg if {
	all := parse_combined_config_files(["../allowed/ports.toml", "../allowed/names.yaml"])
	some file in all
	file.contents.names[_] == input.name
	msg := file.contents.names[0]
}
