//! Types of expressions, and the text form in which libraries write them.

use std::fmt;
use std::sync::Arc;

/// A type.
#[derive(Clone, PartialEq, Eq, Hash, Debug)]
pub enum Type {
    /// Anything; checked when it runs.
    Dyn,
    /// The type of `null`.
    Null,
    /// True or false.
    Bool,
    /// A signed whole number of 64 bits.
    Int,
    /// An unsigned whole number of 64 bits.
    Uint,
    /// A double.
    Double,
    /// Text.
    String,
    /// Bytes.
    Bytes,
    /// A point in time.
    Timestamp,
    /// A span of time.
    Duration,
    /// A list of one type.
    List(Arc<Type>),
    /// A map from one type to another.
    Map(Arc<(Type, Type)>),
    /// The type of a type; `type(dyn)` where it is not known of which.
    Type(Arc<Type>),
    /// A parameter of a function's signature, or a variable of the checker.
    Param(Arc<str>),
    /// A scalar that may be null (`google.protobuf.Int64Value`).
    Wrapper(Arc<Type>),
    /// An object with fields that a [`crate::TypeProvider`] knows.
    Object(Arc<str>),
    /// A named type of a library, with its parameters: `optional_type(T)`, `net.IP`.
    Opaque(Arc<str>, Arc<[Type]>),
    /// A type that could not be found; said once, then quiet.
    Error,
}

/// The name of optional values.
pub(crate) const OPTIONAL: &str = "optional_type";

impl Type {
    /// A list of a type.
    #[must_use]
    pub fn list(item: Type) -> Type {
        Type::List(Arc::new(item))
    }

    /// A map from one type to another.
    #[must_use]
    pub fn map(key: Type, value: Type) -> Type {
        Type::Map(Arc::new((key, value)))
    }

    /// A value that may be absent.
    #[must_use]
    pub fn optional(item: Type) -> Type {
        Type::Opaque(OPTIONAL.into(), Arc::from([item]))
    }

    /// The type of a type.
    #[must_use]
    pub fn type_of(item: Type) -> Type {
        Type::Type(Arc::new(item))
    }

    /// A named type without parameters.
    #[must_use]
    pub fn opaque(name: impl Into<Arc<str>>) -> Type {
        Type::Opaque(name.into(), Arc::from([]))
    }

    /// An object with fields.
    #[must_use]
    pub fn object(name: impl Into<Arc<str>>) -> Type {
        Type::Object(name.into())
    }

    /// What is in it, if it is an optional.
    #[must_use]
    pub fn optional_item(&self) -> Option<&Type> {
        match self {
            Type::Opaque(name, items) if &**name == OPTIONAL => items.first(),
            _ => None,
        }
    }

    /// Whether it is [`Type::Dyn`] or [`Type::Error`].
    #[must_use]
    pub fn is_dyn(&self) -> bool {
        matches!(self, Type::Dyn | Type::Error)
    }

    /// The name a type has as a value: `list` of any list, `google.protobuf.Timestamp`.
    #[must_use]
    pub fn name(&self) -> &str {
        match self {
            Type::Dyn => "dyn",
            Type::Null => "null_type",
            Type::Bool => "bool",
            Type::Int => "int",
            Type::Uint => "uint",
            Type::Double => "double",
            Type::String => "string",
            Type::Bytes => "bytes",
            Type::Timestamp => "google.protobuf.Timestamp",
            Type::Duration => "google.protobuf.Duration",
            Type::List(_) => "list",
            Type::Map(_) => "map",
            Type::Type(_) => "type",
            Type::Wrapper(inner) => inner.name(),
            Type::Param(name) | Type::Object(name) | Type::Opaque(name, _) => name,
            Type::Error => "!error!",
        }
    }

    /// Reads the text form: `list(string)`, `map(K, V)`, `optional(T)`, `net.IP`. One capital letter is a parameter; a name that is not a
    /// built-in type is an opaque type, and with a `.` before it an object (`.google.protobuf.Any`).
    ///
    /// # Errors
    /// Says what is wrong with the text.
    pub fn parse(text: &str) -> Result<Type, String> {
        let mut reader = TypeReader { rest: text };
        let found = reader.one()?;
        if reader.rest.trim().is_empty() { Ok(found) } else { Err(format!("unexpected `{}` in type `{text}`", reader.rest.trim())) }
    }
}

impl fmt::Display for Type {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Type::Null => f.write_str("null"),
            Type::Timestamp => f.write_str("timestamp"),
            Type::Duration => f.write_str("duration"),
            Type::List(item) => write!(f, "list({item})"),
            Type::Map(pair) => write!(f, "map({}, {})", pair.0, pair.1),
            Type::Type(item) if **item == Type::Dyn => f.write_str("type"),
            Type::Type(item) => write!(f, "type({item})"),
            Type::Wrapper(inner) => write!(f, "wrapper({inner})"),
            Type::Opaque(name, items) if !items.is_empty() => {
                write!(f, "{name}(")?;
                for (index, item) in items.iter().enumerate() {
                    write!(f, "{}{item}", if index > 0 { ", " } else { "" })?;
                }
                f.write_str(")")
            }
            other => f.write_str(other.name()),
        }
    }
}

/// How a function takes its arguments: read from text such as `string.charAt(int) -> string` or `sets.contains(list(T), list(T)) -> bool`.
#[derive(Clone, PartialEq, Debug)]
pub struct Signature {
    /// Whether the first argument stands before the dot.
    pub member: bool,
    /// All arguments, the one before the dot first.
    pub args: Vec<Type>,
    /// What it gives.
    pub result: Type,
}

impl Signature {
    /// Reads a signature of the function `name`: `receiver.name(args) -> result` or `name(args) -> result`. The name may have dots itself;
    /// what stands before it decides.
    ///
    /// # Errors
    /// Says what is wrong with the text.
    pub fn parse(name: &str, text: &str) -> Result<Signature, String> {
        let wrong = || format!("signature `{text}` does not fit the function `{name}`");
        let mut reader = TypeReader { rest: text.trim() };
        let mut args = Vec::new();
        let direct = reader.rest.strip_prefix(name).is_some_and(|rest| rest.starts_with('('));
        if direct {
            reader.rest = reader.rest.strip_prefix(name).ok_or_else(wrong)?;
        } else {
            let at = reader.rest.find(&format!(".{name}(")).ok_or_else(wrong)?;
            let (receiver, rest) = reader.rest.split_at_checked(at).ok_or_else(wrong)?;
            args.push(Type::parse(receiver)?);
            reader.rest = rest.strip_prefix('.').and_then(|rest| rest.strip_prefix(name)).ok_or_else(wrong)?;
        }
        reader.list(&mut args)?;
        let result = reader.rest.trim_start().strip_prefix("->").ok_or_else(wrong)?;
        Ok(Signature { member: !direct, args, result: Type::parse(result)? })
    }
}

struct TypeReader<'a> {
    rest: &'a str,
}

impl TypeReader<'_> {
    fn one(&mut self) -> Result<Type, String> {
        let text = self.rest.trim_start();
        let end = text.find(|c: char| !(c.is_alphanumeric() || matches!(c, '.' | '_' | '@'))).unwrap_or(text.len());
        let (name, rest) = text.split_at_checked(end).unwrap_or((text, ""));
        self.rest = rest;
        if name.is_empty() {
            return Err(format!("a type is missing before `{rest}`"));
        }
        let mut params = Vec::new();
        if self.rest.starts_with('(') {
            self.list(&mut params)?;
        }
        let mut given = params.into_iter();
        Ok(match name {
            "dyn" | "any" => Type::Dyn,
            "null" | "null_type" => Type::Null,
            "bool" => Type::Bool,
            "int" => Type::Int,
            "uint" => Type::Uint,
            "double" => Type::Double,
            "string" => Type::String,
            "bytes" => Type::Bytes,
            "timestamp" => Type::Timestamp,
            "duration" => Type::Duration,
            "list" => Type::list(given.next().unwrap_or(Type::Dyn)),
            "map" => Type::map(given.next().unwrap_or(Type::Dyn), given.next().unwrap_or(Type::Dyn)),
            "type" => Type::type_of(given.next().unwrap_or(Type::Dyn)),
            "optional" | OPTIONAL => Type::optional(given.next().unwrap_or(Type::Dyn)),
            "wrapper" => Type::Wrapper(Arc::new(given.next().unwrap_or(Type::Dyn))),
            letter if letter.len() == 1 && letter.chars().all(char::is_uppercase) => Type::Param(letter.into()),
            object if object.starts_with('.') => Type::object(object.trim_start_matches('.')),
            other => Type::Opaque(other.into(), given.collect()),
        })
    }

    /// `(a, b)` after a name.
    fn list(&mut self, into: &mut Vec<Type>) -> Result<(), String> {
        self.rest = self.rest.strip_prefix('(').ok_or("`(` is missing")?;
        loop {
            let rest = self.rest.trim_start();
            if let Some(rest) = rest.strip_prefix(')') {
                self.rest = rest;
                return Ok(());
            }
            self.rest = rest.strip_prefix(',').unwrap_or(rest);
            into.push(self.one()?);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn signatures() {
        let check = |name: &str, text: &str, expected: &str| {
            let got = Signature::parse(name, text).unwrap();
            let args: Vec<String> = got.args.iter().map(Type::to_string).collect();
            assert_eq!(format!("{} {} {}", got.member, args.join(";"), got.result), expected, "{text}");
        };
        check("charAt", "string.charAt(int) -> string", "true string;int string");
        check("sets.contains", "sets.contains(list(T), list(T)) -> bool", "false list(T);list(T) bool");
        check("containsIP", "net.CIDR.containsIP(net.IP) -> bool", "true net.CIDR;net.IP bool");
        check("orValue", "optional(T).orValue(T) -> T", "true optional_type(T);T T");
        check("now", "now() -> timestamp", "false  timestamp");
        check("get", "map(string, list(dyn)).get(string) -> .a.B", "true map(string, list(dyn));string a.B");
        assert!(Signature::parse("f", "g() -> int").is_err());
        assert!(Signature::parse("f", "f(int)").is_err());
    }
}
