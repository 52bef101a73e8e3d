package main

deployment(resources) := {"kind": "Deployment", "spec": {"template": {"spec": {"containers": [{"name": "web", "resources": resources}]}}}}

test_without_a_limit if {
	deny_memory["container `web` has no memory limit"] with input as deployment({})
}

test_with_a_limit if {
	count(deny_memory) == 0 with input as deployment({"limits": {"memory": "1Gi"}})
}
