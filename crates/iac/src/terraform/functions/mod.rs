//! The functions of Terraform and OpenTofu that need no network, over values that may be unknown.
//!
//! What lives here: the interface to the evaluator, the table of names, and one file per family. What does not: expressions, scopes,
//! templates (`templatefile` and `templatestring` call back), `try` and `can` (they look at errors of expressions, not at values).
//!
//! Unknown arguments make the result unknown, with their reason, references and marks; where a part can be told all the same it is
//! (`merge`, `concat`, `length`, `format` and others).

mod collection;
mod conversion;
mod datetime;
mod encoding;
mod filesystem;
mod format;
mod hash;
mod hcl_text;
mod network;
mod numeric;
pub(crate) mod pattern;
mod set;
mod string;
mod support;
mod yaml_text;

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use probity_core::TreeError;
use probity_value::{Map, Span, UnknownKind, Value};

pub(crate) use encoding::quote;
use support::{Call, Stop};
pub(crate) use support::{describe, equal, to_bool, to_number, to_text, with_marks};

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

/// A function: how many arguments it takes, and what it does.
#[derive(Clone, Copy)]
struct Function {
    /// Fewest arguments.
    least: usize,
    /// Most arguments.
    most: usize,
    /// Whether the result is made of all of every argument, and so carries all their marks and references. Where not, the body
    /// says what carries what, so that parts that pass through keep their own.
    plain: bool,
    /// Whether it may give null, so that an unknown result is not sure to be set.
    nullable: bool,
    /// What it does.
    body: fn(&Call<'_>) -> Result<Value, Stop>,
}

impl Function {
    const fn plain(least: usize, most: usize, body: fn(&Call<'_>) -> Result<Value, Stop>) -> Function {
        Function { least, most, plain: true, nullable: false, body }
    }

    const fn open(least: usize, most: usize, body: fn(&Call<'_>) -> Result<Value, Stop>) -> Function {
        Function { least, most, plain: false, nullable: false, body }
    }

    const fn nullable(mut self) -> Function {
        self.nullable = true;
        self
    }
}

/// Under this key the known part of a map holds the unknown that may have any other key. No key of a program is taken for it.
pub(crate) const REST: &str = "$rest";

/// Any number of arguments.
const ANY: usize = usize::MAX;

fn find(name: &str) -> Option<Function> {
    let name = name.strip_prefix("core::").unwrap_or(name);
    string::find(name)
        .or_else(|| collection::find(name))
        .or_else(|| conversion::find(name))
        .or_else(|| encoding::find(name))
        .or_else(|| filesystem::find(name))
        .or_else(|| numeric::find(name))
        .or_else(|| network::find(name))
        .or_else(|| set::find(name))
        .or_else(|| datetime::find(name))
        .or_else(|| hash::find(name))
        .or_else(|| hcl_text::find(name))
}

/// Calls a function. `name` may carry the `core::` namespace; a `provider::` function gives an unknown. `try`, `can` and `type` are
/// not here.
///
/// # Errors
/// An unknown name, a wrong number of arguments, or what the function itself refuses, as Terraform would.
pub(crate) fn call(name: &str, args: &[Value], cx: &CallContext<'_>) -> Result<Value, FunctionError> {
    let Some(function) = find(name) else {
        if name.starts_with("provider::") {
            let call = Call { name, args, cx, nullable: true };
            return Ok(call.marked(
                Value::unknown(UnknownKind::Function, format!("`{name}` is a function of a provider, which is not run"), cx.span),
                true,
            ));
        }
        return Err(FunctionError::new(format!("there is no function named `{name}`")));
    };
    let call = Call { name, args, cx, nullable: function.nullable };
    if args.len() < function.least || args.len() > function.most {
        return Err(FunctionError::new(format!(
            "`{name}` takes {}, but {} given",
            count_words(function),
            match args.len() {
                1 => "1 is".to_owned(),
                count => format!("{count} are"),
            }
        )));
    }
    let outcome = call.spend_for_arguments().and_then(|()| (function.body)(&call));
    match outcome {
        Ok(value) | Err(Stop::With(value)) => Ok(if function.plain { call.marked(value, true) } else { value }),
        Err(Stop::Error(error)) => Err(error),
    }
}

fn count_words(function: Function) -> String {
    let plural = |count: usize| if count == 1 { "1 argument".to_owned() } else { format!("{count} arguments") };
    match (function.least, function.most) {
        (least, most) if least == most => plural(least),
        (least, ANY) => format!("at least {}", plural(least)),
        (least, most) => format!("{least} to {}", plural(most)),
    }
}

/// Whether there is a function of that name.
#[cfg(test)]
fn is_known_function(name: &str) -> bool {
    name.starts_with("provider::") || find(name).is_some()
}

#[cfg(test)]
mod tests;
