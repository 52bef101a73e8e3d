//! All policy languages of the field as one set: loads, indexes, evaluates within budgets, tests and lints.
#![warn(clippy::indexing_slicing, clippy::string_slice)]
