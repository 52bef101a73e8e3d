//! The types that built-in functions declare.

use std::fmt;

/// What a built-in function takes or gives.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Type {
    /// Anything.
    Any,
    /// Null.
    Null,
    /// True or false.
    Boolean,
    /// A number.
    Number,
    /// Text.
    String,
    /// A list whose items are of one type.
    Array(&'static Type),
    /// A list with exactly these items.
    Tuple(&'static [Type]),
    /// A set whose items are of one type.
    Set(&'static Type),
    /// An object with these fields, and others whose keys and values are of these types.
    Object(&'static [(&'static str, Type)], Option<(&'static Type, &'static Type)>),
    /// One of these.
    Union(&'static [Type]),
}

/// As OPA writes it: `any<string, array[any]>`.
impl fmt::Display for Type {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fn list(types: &[Type], f: &mut fmt::Formatter<'_>) -> fmt::Result {
            for (position, item) in types.iter().enumerate() {
                if position > 0 {
                    f.write_str(", ")?;
                }
                item.fmt(f)?;
            }
            Ok(())
        }
        match self {
            Type::Any => f.write_str("any"),
            Type::Null => f.write_str("null"),
            Type::Boolean => f.write_str("boolean"),
            Type::Number => f.write_str("number"),
            Type::String => f.write_str("string"),
            Type::Array(item) => write!(f, "array[{item}]"),
            Type::Set(item) => write!(f, "set[{item}]"),
            Type::Tuple(items) => {
                f.write_str("array<")?;
                list(items, f)?;
                f.write_str(">")
            }
            Type::Union(types) => {
                f.write_str("any<")?;
                list(types, f)?;
                f.write_str(">")
            }
            Type::Object(fields, rest) => {
                f.write_str("object")?;
                if !fields.is_empty() {
                    f.write_str("<")?;
                    for (position, (name, field)) in fields.iter().enumerate() {
                        if position > 0 {
                            f.write_str(", ")?;
                        }
                        write!(f, "{name}: {field}")?;
                    }
                    f.write_str(">")?;
                }
                match rest {
                    Some((key, value)) => write!(f, "[{key}: {value}]"),
                    None => Ok(()),
                }
            }
        }
    }
}
