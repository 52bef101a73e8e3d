//! Overlays to subjects.
