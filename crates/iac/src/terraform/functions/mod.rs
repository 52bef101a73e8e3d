//! The functions of Terraform and OpenTofu that need no network, over values that may be unknown.
//!
//! What lives here: the interface to the evaluator, the table of names, and one file per family. What does not: expressions, scopes,
//! templates (`templatefile` and `templatestring` call back), `try` and `can` (they look at errors of expressions, not at values).
//!
//! Unknown arguments make the result unknown, with their reason, references and marks; where a part can be told all the same it is
//! (`merge`, `concat`, `length`, `format` and others).

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use probity_core::TreeError;
use probity_value::{Map, Span, Value};

/// Steps that may still be taken; shared by everything one root evaluates.
#[derive(Debug)]
pub(crate) struct Steps {
    left: AtomicU64,
}

impl Steps {
    /// A budget of that many steps.
    pub(crate) fn new(budget: u64) -> Steps {
        Steps { left: AtomicU64::new(budget) }
    }

    /// Takes `count` steps. False where fewer are left; then none are left.
    pub(crate) fn spend(&self, count: u64) -> bool {
        let mut left = self.left.load(Ordering::Relaxed);
        loop {
            let (next, enough) = if left >= count { (left - count, true) } else { (0, false) };
            match self.left.compare_exchange_weak(left, next, Ordering::Relaxed, Ordering::Relaxed) {
                Ok(_) => return enough,
                Err(now) => left = now,
            }
        }
    }
}

/// Files of the tree, for `file` and its kind. Paths are relative to the top of the tree, normalised, with `/`.
pub(crate) trait Files {
    /// The bytes of a file.
    fn read(&self, path: &str) -> Result<Arc<[u8]>, TreeError>;

    /// The paths (relative to the top of the tree) of all files below a folder, in order.
    fn list(&self, folder: &str) -> Vec<Arc<str>>;
}

/// What is wrong with a call, in the words of the user; the evaluator adds the place.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{message}")]
pub(crate) struct FunctionError {
    /// Lower case, no full stop, user text in backticks.
    pub(crate) message: String,
}

impl FunctionError {
    /// An error with that message.
    pub(crate) fn new(message: impl Into<String>) -> FunctionError {
        FunctionError { message: message.into() }
    }
}

/// What a call may use besides its arguments.
pub(crate) struct CallContext<'a> {
    /// The files of the tree.
    pub(crate) files: &'a dyn Files,
    /// Folder of the module the call stands in, relative to the top of the tree, empty for the top.
    pub(crate) module_dir: &'a str,
    /// Folder of the root module, likewise: relative paths start here, as Terraform's do in its working folder. So `path.module` is
    /// relative to it: `.` in the root module, `modules/db` or `../../modules/db` in a child.
    pub(crate) root_dir: &'a str,
    /// The call.
    pub(crate) span: Span,
    /// The budget.
    pub(crate) steps: &'a Steps,
    /// Renders a template text with variables: `templatefile` and `templatestring` call back into the evaluator.
    pub(crate) render: &'a dyn Fn(&str, &Map, Span) -> Result<Value, FunctionError>,
}

/// Calls a function.
pub(crate) fn call(name: &str, args: &[Value], cx: &CallContext<'_>) -> Result<Value, FunctionError> {
    let _ = (args, cx.files, cx.module_dir, cx.root_dir, cx.span, cx.steps, cx.render);
    Err(FunctionError::new(format!("there is no function named `{name}`")))
}

/// Whether there is a function of that name.
pub(crate) fn is_known_function(name: &str) -> bool {
    let _ = name;
    false
}
