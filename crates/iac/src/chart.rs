//! Helm charts and other templates that are claimed and not rendered yet.
