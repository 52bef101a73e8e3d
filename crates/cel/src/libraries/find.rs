//! Kubernetes' regular expressions: `find` and `findAll`.

use super::args::{cost_of_pattern, int, text, texts};
use crate::{Call, CelError, Function, Library, Overload, Value};

/// The library.
pub static LIBRARY: Library = Library::new(
    "kubernetes.regex",
    &[
        Function::new("find", &[Overload::new("string_find_string", "string.find(string) -> string", find).cost(cost_of_pattern)]),
        Function::new(
            "findAll",
            &[
                Overload::new("string_find_all_string", "string.findAll(string) -> list(string)", find_all).cost(cost_of_pattern),
                Overload::new("string_find_all_string_int", "string.findAll(string, int) -> list(string)", find_all).cost(cost_of_pattern),
            ],
        ),
    ],
);

fn compiled(call: &mut Call<'_>, pattern: &str) -> Result<std::sync::Arc<regex::Regex>, CelError> {
    call.regex(pattern).map_err(|error| if error.is_limit() { error } else { CelError::invalid(format!("Illegal regex: {error}")) })
}

fn find(call: &mut Call<'_>, args: &[Value]) -> Result<Value, CelError> {
    let regex = compiled(call, text(args, 1)?)?;
    Ok(regex.find(text(args, 0)?).map_or("", |found| found.as_str()).into())
}

fn find_all(call: &mut Call<'_>, args: &[Value]) -> Result<Value, CelError> {
    let regex = compiled(call, text(args, 1)?)?;
    let most = if args.len() > 2 { usize::try_from(int(args, 2)?).unwrap_or(usize::MAX) } else { usize::MAX };
    let text = text(args, 0)?;
    call.allocate(text.len().saturating_mul(2))?;
    Ok(texts(regex.find_iter(text).take(most).map(|found| found.as_str()).collect::<Vec<_>>()))
}
