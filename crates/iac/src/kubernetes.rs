//! Kubernetes manifests: YAML and JSON to subjects.
