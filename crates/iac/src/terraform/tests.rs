//! Whole configurations to subjects.
