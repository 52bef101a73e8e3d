package k8s.pods

deny contains "pods" if input.a

warn contains "pods warn" if input.b
