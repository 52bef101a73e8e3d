# METADATA
# title: Buckets
# custom:
#   controls: [soc2/CC6.1]
package main

# METADATA
# title: No public buckets
# description: Anybody could read them.
# custom:
#   id: TEAM-1
#   severity: CRITICAL
deny contains {"msg": msg, "id": meta.custom.id, "bucket": name} if {
	meta := rego.metadata.rule()
	some name, bucket in input.buckets
	bucket.public
	msg := sprintf("%s: bucket %s is public", [meta.title, name])
}

# METADATA
# custom: {severity: low}
warn contains msg if {
	annotations := rego.metadata.rule()
	annotations.custom.severity == "low"
	not input.owner
	msg := "no owner"
}
