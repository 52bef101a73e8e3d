//! Dockerfiles: instructions to subjects.
