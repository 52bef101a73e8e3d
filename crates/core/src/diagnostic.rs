//! What a reader has to say about its input. Broken input is not an error of the program: it is said, with its place, and the rest goes on.

use probity_value::Span;

/// How much a diagnostic matters.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub enum Level {
    /// Worth knowing.
    Note,
    /// Something was read, but not as its author may think.
    Warning,
    /// Something a source claims could not be read: the verdict fails closed.
    Error,
}

/// One thing to say about the input.
#[derive(Clone, Debug, PartialEq)]
pub struct Diagnostic {
    /// How much it matters.
    pub level: Level,
    /// A stable short name: `hcl-syntax`, `yaml-duplicate-key`, `module-cycle`.
    pub code: &'static str,
    /// Lower case, no full stop, user text in backticks.
    pub message: String,
    /// The file it is about, also where there is no span (a binary file, one that cannot be opened).
    pub file: std::sync::Arc<str>,
    /// Where; [`Span::NONE`] for the whole file.
    pub span: Span,
    /// What would help, if anything.
    pub hint: Option<String>,
}

impl Diagnostic {
    /// A diagnostic without a hint.
    #[must_use]
    pub fn new(
        level: Level,
        code: &'static str,
        file: impl Into<std::sync::Arc<str>>,
        span: Span,
        message: impl Into<String>,
    ) -> Diagnostic {
        Diagnostic { level, code, message: message.into(), file: file.into(), span, hint: None }
    }

    /// The same with a hint.
    #[must_use]
    pub fn hint(mut self, hint: impl Into<String>) -> Diagnostic {
        self.hint = Some(hint.into());
        self
    }
}
