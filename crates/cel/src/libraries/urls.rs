//! Addresses.

use probity_kubernetes::Url;

use super::args::{cost_of_text, opaque, text, texts};
use crate::value::Opaque;
use crate::{Call, CelError, Function, Key, Library, Overload, Type, Value};

/// The library.
pub static LIBRARY: Library = Library::new(
    "kubernetes.urls",
    &[
        Function::new("url", &[Overload::new("string_to_url", "url(string) -> kubernetes.URL", url).cost(cost_of_text)]),
        Function::new("isURL", &[Overload::new("is_url_string", "isURL(string) -> bool", is_url)]),
        Function::new(
            "getScheme",
            &[Overload::new("url_get_scheme", "kubernetes.URL.getScheme() -> string", |_, args| Ok(one(args)?.scheme.as_str().into()))],
        ),
        Function::new(
            "getHost",
            &[Overload::new("url_get_host", "kubernetes.URL.getHost() -> string", |_, args| Ok(one(args)?.host_text().into()))],
        ),
        Function::new(
            "getHostname",
            &[Overload::new("url_get_hostname", "kubernetes.URL.getHostname() -> string", |_, args| Ok(one(args)?.hostname().into()))],
        ),
        Function::new(
            "getPort",
            &[Overload::new("url_get_port", "kubernetes.URL.getPort() -> string", |_, args| Ok(one(args)?.port().into()))],
        ),
        Function::new(
            "getEscapedPath",
            &[Overload::new("url_get_escaped_path", "kubernetes.URL.getEscapedPath() -> string", |_, args| {
                Ok(one(args)?.escaped_path().into())
            })],
        ),
        Function::new("getQuery", &[Overload::new("url_get_query", "kubernetes.URL.getQuery() -> map(string, list(string))", query)]),
    ],
)
.with_types(&["kubernetes.URL"]);

/// An address as a value.
#[derive(Debug)]
pub struct UrlValue(pub Url);

impl Opaque for UrlValue {
    fn type_of(&self) -> Type {
        Type::opaque("kubernetes.URL")
    }

    fn equals(&self, other: &dyn Opaque) -> bool {
        (other as &dyn std::any::Any).downcast_ref::<UrlValue>().is_some_and(|other| self.0.to_string() == other.0.to_string())
    }

    fn data(&self) -> Option<Value> {
        Some(self.0.to_string().into())
    }
}

fn one(args: &[Value]) -> Result<&Url, CelError> {
    Ok(&opaque::<UrlValue>(args, 0)?.0)
}

fn url(_: &mut Call<'_>, args: &[Value]) -> Result<Value, CelError> {
    let text = text(args, 0)?;
    // An absolute address or path is asked for, and its fragment is taken off all the same.
    let parsed = Url::parse_request(text).and_then(|_| Url::parse(text));
    parsed
        .map(|url| Value::opaque(UrlValue(url)))
        .map_err(|error| CelError::invalid(format!("URL parse error during conversion from string: {error}")))
}

fn is_url(_: &mut Call<'_>, args: &[Value]) -> Result<Value, CelError> {
    Ok(Url::parse_request(text(args, 0)?).is_ok().into())
}

fn query(_: &mut Call<'_>, args: &[Value]) -> Result<Value, CelError> {
    Ok(Value::map(one(args)?.query().into_iter().map(|(key, values)| (Key::from(key.as_str()), texts(values)))))
}
