package main

blacklist := {"google_iam", "google_container"}

deny contains msg if {
	some name
	input.resource.aws_alb_listener[name][_].protocol == "HTTP"
	msg := sprintf("ALB `%v` is using HTTP rather than HTTPS", [name])
}

deny contains msg if {
	some name
	rule := input.resource.aws_security_group_rule[name][_]
	rule.type == "ingress"
	contains(rule.cidr_blocks[_], "0.0.0.0/0")
	msg := sprintf("ASG `%v` defines a fully open ingress", [name])
}

deny_unencrypted contains msg if {
	some name
	disk := input.resource.azure_managed_disk[name][_]
	not has_encryption(disk)
	msg := sprintf("Azure disk `%v` is not encrypted", [name])
}

has_encryption(disk) if disk.encryption_settings[_].enabled == true

warn contains msg if {
	some block in input.terraform
	some providers in block.required_providers
	some provider, settings in providers
	not settings.version
	msg := sprintf("provider %s has no version", [provider])
}
