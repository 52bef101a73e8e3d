//! What a reader of text found wrong with it. Turning problems into diagnostics is the caller's business.

use crate::Span;

/// Something wrong with a text.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Problem {
    /// Where.
    pub span: Span,
    /// Lower case, no full stop, user text in backticks.
    pub message: String,
    /// Whether something could not be read because of it; where not, all was read, but perhaps not as its author thinks.
    pub fatal: bool,
    /// A stable short name: `json-syntax`, `yaml-duplicate-key`.
    pub code: &'static str,
}

impl Problem {
    pub(crate) fn fatal(code: &'static str, span: Span, message: impl Into<String>) -> Problem {
        Problem { span, message: message.into(), fatal: true, code }
    }

    pub(crate) fn warning(code: &'static str, span: Span, message: impl Into<String>) -> Problem {
        Problem { span, message: message.into(), fatal: false, code }
    }
}
