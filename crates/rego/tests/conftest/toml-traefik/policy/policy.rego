package main

disallowed_ciphers := {"TLS_RSA_WITH_AES_256_GCM_SHA384"}

deny contains msg if {
	some option, values in input.tls.options
	some suite in values.cipherSuites
	suite in disallowed_ciphers
	msg := sprintf("%s allows %s", [option, suite])
}

warn contains "old" if input.released < "2020-01-01"

deny contains msg if {
	some i
	input.server[i].port < 1024
	msg := sprintf("server %d: port %v is privileged", [i, input.server[i].port])
}
