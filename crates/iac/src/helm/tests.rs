//! Charts to subjects, suppressions and coverage.
