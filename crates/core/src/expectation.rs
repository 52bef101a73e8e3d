//! What tests of policies expect, and what came of it.

use std::sync::Arc;

use probity_value::Span;

/// One expectation of a test: of one rule about one resource. Strict: a pass or fail that is expected has to be an answer of that very rule.
#[derive(Clone, PartialEq, Debug)]
pub struct Expectation {
    /// The file of the test, relative to the tree.
    pub file: Arc<str>,
    /// Where it is written.
    pub at: Span,
    /// The policy.
    pub policy: Arc<str>,
    /// The rule; empty where the whole policy is meant.
    pub rule: Arc<str>,
    /// The resource, as the test names it.
    pub resource: Arc<str>,
    /// What is expected: a status word, or in words.
    pub expected: String,
    /// What came: a status word, `no answer`, or in words.
    pub actual: String,
    /// Whether they agree.
    pub passed: bool,
    /// Messages of the outcomes, the difference of objects, or why the test could not run.
    pub why: String,
}
