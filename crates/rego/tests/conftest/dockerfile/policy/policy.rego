package main

denylist := ["openjdk"]

deny contains msg if {
	some i
	input[i].Cmd == "from"
	val := input[i].Value
	contains(val[i], denylist[_])
	msg := sprintf("unallowed image found %s", [val])
}

deny contains msg if {
	some cmd in input
	cmd.Cmd == "run"
	contains(cmd.Value[0], "sudo")
	msg := sprintf("sudo in stage %d", [cmd.Stage])
}

warn contains "no user" if not any_user

any_user if input[_].Cmd == "user"

deny_latest contains msg if {
	some cmd in input
	cmd.Cmd == "from"
	endswith(cmd.Value[0], ":latest")
	msg := cmd.Value[0]
}

warn_flags contains msg if {
	some cmd in input
	some flag in cmd.Flags
	startswith(flag, "--chown=0")
	msg := flag
}
