//! Random text: asked of the outside, so that a decision can be replayed.

use probity_core::Question;
use probity_value as data;

use crate::libraries::args::text;
use crate::{Call, CelError, Function, Library, Overload, Value};

/// The library.
pub static LIBRARY: Library = Library::new(
    "kyverno.random",
    &[
        Function::new(
            "random",
            &[
                Overload::new("random_string_non_prefixed", "random(string) -> string", random),
                Overload::new("random_string_default_expr_non_prefixed", "random() -> string", random),
            ],
        ),
        Function::new(
            "random.random",
            &[
                Overload::new("random_string_prefixed", "random.random(string) -> string", random),
                Overload::new("random_string_default_expr_prefixed", "random.random() -> string", random),
            ],
        ),
    ],
);

fn random(call: &mut Call<'_>, args: &[Value]) -> Result<Value, CelError> {
    let pattern = if args.is_empty() { "[0-9a-z]{8}" } else { text(args, 0)? };
    call.regex(pattern)?;
    let answer = call.context.lookup.ask(&Question::Random { pattern: pattern.into() })?;
    match &answer.data {
        data::Data::String(text) => Ok(std::sync::Arc::clone(text).into()),
        data::Data::Unknown(unknown) => Err(CelError::unknown(std::sync::Arc::clone(unknown))),
        _ => Err(CelError::invalid("the answer to a question for random text is no text")),
    }
}
