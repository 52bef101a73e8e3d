//! Calls of services. They are questions to the outside; the answer is the decoded body, with `statusCode` beside it where that is known.

use probity_core::Question;
use probity_value::Span;

use super::{Receiver, decoded, within};
use crate::libraries::args::{any, map, text};
use crate::{Call, CelError, Constant, Function, Library, Overload, Value};

/// The library.
pub static LIBRARY: Library = Library::new(
    "kyverno.http",
    &[
        Function::new(
            "Get",
            &[
                Overload::new("http_get_string_pascal", "http.Context.Get(string) -> dyn", get),
                Overload::new("http_get_string_headers_pascal", "http.Context.Get(string, map(string, string)) -> dyn", get),
            ],
        ),
        Function::new(
            "get",
            &[
                Overload::new("http_get_string_camel", "http.Context.get(string) -> dyn", get),
                Overload::new("http_get_string_headers_camel", "http.Context.get(string, map(string, string)) -> dyn", get),
            ],
        ),
        Function::new(
            "Post",
            &[
                Overload::new("http_post_string_any_pascal", "http.Context.Post(string, dyn) -> dyn", post),
                Overload::new("http_post_string_any_headers_pascal", "http.Context.Post(string, dyn, map(string, string)) -> dyn", post),
            ],
        ),
        Function::new(
            "post",
            &[
                Overload::new("http_post_string_any_camel", "http.Context.post(string, dyn) -> dyn", post),
                Overload::new("http_post_string_any_headers_camel", "http.Context.post(string, dyn, map(string, string)) -> dyn", post),
            ],
        ),
        Function::new("Client", &[Overload::new("http_client_string_pascal", "http.Context.Client(string) -> http.Context", client)]),
        Function::new("client", &[Overload::new("http_client_string_camel", "http.Context.client(string) -> http.Context", client)]),
    ],
)
.with_constants(&[Constant { name: "http", type_name: "http.Context", value: || Value::opaque(Receiver("http.Context")) }]);

/// Headers have to be texts; what they say is not part of the question.
fn check_headers(args: &[Value], index: usize) -> Result<(), CelError> {
    if args.len() > index {
        for (_, value) in map(args, index)?.entries() {
            value?.as_str().ok_or_else(CelError::no_such_overload)?;
        }
    }
    Ok(())
}

fn ask(call: &Call<'_>, question: &Question) -> Result<Value, CelError> {
    let answer = call.context.lookup.ask(question).map_err(|error| within("request failed", error.into()))?;
    decoded(&answer)
}

fn get(call: &mut Call<'_>, args: &[Value]) -> Result<Value, CelError> {
    check_headers(args, 2)?;
    ask(call, &Question::Call { method: "GET".into(), url: text(args, 1)?.into(), body: None })
}

fn post(call: &mut Call<'_>, args: &[Value]) -> Result<Value, CelError> {
    check_headers(args, 3)?;
    let body = any(args, 2)?.to_data(Span::NONE)?;
    ask(call, &Question::Call { method: "POST".into(), url: text(args, 1)?.into(), body: Some(body) })
}

/// A client that trusts other certificates asks the same questions.
fn client(_: &mut Call<'_>, args: &[Value]) -> Result<Value, CelError> {
    let bundle = text(args, 1)?;
    if !bundle.is_empty() && !super::x509::has_certificate(bundle) {
        return Err(CelError::invalid("request failed: failed to parse PEM CA bundle for APICall"));
    }
    Ok(any(args, 0)?.clone())
}
