//! The functions and operators every environment has (cel-spec, "Standard Definitions").
//!
//! Operators are declared here for the checker; the evaluator computes them itself.

mod convert;
pub(crate) mod operators;
mod optional;
pub(crate) mod time;

pub(crate) use convert::{base64, double_text, to_text};

use crate::library::{Function, Library, Overload};
use crate::{Call, CelError, Value, macros};

const fn plain(id: &'static str, signature: &'static str, call: crate::Implementation) -> Overload {
    Overload::new(id, signature, call)
}

/// Overloads of an order.
macro_rules! ordered {
    ($symbol:literal, $word:literal) => {
        &[
            plain(concat!($word, "_bool"), concat!($symbol, "(bool, bool) -> bool"), operators::by_evaluator),
            plain(concat!($word, "_int64"), concat!($symbol, "(int, int) -> bool"), operators::by_evaluator),
            plain(concat!($word, "_int64_double"), concat!($symbol, "(int, double) -> bool"), operators::by_evaluator),
            plain(concat!($word, "_int64_uint64"), concat!($symbol, "(int, uint) -> bool"), operators::by_evaluator),
            plain(concat!($word, "_uint64"), concat!($symbol, "(uint, uint) -> bool"), operators::by_evaluator),
            plain(concat!($word, "_uint64_double"), concat!($symbol, "(uint, double) -> bool"), operators::by_evaluator),
            plain(concat!($word, "_uint64_int64"), concat!($symbol, "(uint, int) -> bool"), operators::by_evaluator),
            plain(concat!($word, "_double"), concat!($symbol, "(double, double) -> bool"), operators::by_evaluator),
            plain(concat!($word, "_double_int64"), concat!($symbol, "(double, int) -> bool"), operators::by_evaluator),
            plain(concat!($word, "_double_uint64"), concat!($symbol, "(double, uint) -> bool"), operators::by_evaluator),
            plain(concat!($word, "_string"), concat!($symbol, "(string, string) -> bool"), operators::by_evaluator),
            plain(concat!($word, "_bytes"), concat!($symbol, "(bytes, bytes) -> bool"), operators::by_evaluator),
            plain(concat!($word, "_timestamp"), concat!($symbol, "(timestamp, timestamp) -> bool"), operators::by_evaluator),
            plain(concat!($word, "_duration"), concat!($symbol, "(duration, duration) -> bool"), operators::by_evaluator),
        ]
    };
}

/// Overloads of a part of a time: in UTC, in a zone, and of a duration.
macro_rules! timed {
    ($name:literal, $word:literal, $call:path) => {
        &[
            plain(concat!("timestamp_to_", $word), concat!("timestamp.", $name, "() -> int"), $call),
            plain(concat!("timestamp_to_", $word, "_with_tz"), concat!("timestamp.", $name, "(string) -> int"), $call),
        ]
    };
    ($name:literal, $word:literal, $call:path, $duration:literal) => {
        &[
            plain(concat!("timestamp_to_", $word), concat!("timestamp.", $name, "() -> int"), $call),
            plain(concat!("timestamp_to_", $word, "_with_tz"), concat!("timestamp.", $name, "(string) -> int"), $call),
            plain($duration, concat!("duration.", $name, "() -> int"), $call),
        ]
    };
}

/// What traversing text costs.
pub(crate) fn traversal(size: u64) -> u64 {
    size.div_ceil(10)
}

fn text_cost(args: &[Value], _: &Value) -> u64 {
    args.first().map_or(1, |text| traversal(text.size()))
}

fn contains_cost(args: &[Value], _: &Value) -> u64 {
    args.iter().map(|arg| traversal(arg.size())).product()
}

fn matches_cost(args: &[Value], _: &Value) -> u64 {
    match args {
        [text, pattern] => traversal(text.size().saturating_add(1)).saturating_mul(pattern.size().div_ceil(4)),
        _ => 1,
    }
}

/// Standard functions.
pub(crate) static LIBRARY: Library = Library::new(
    "standard",
    &[
        Function::new("_?_:_", &[plain("conditional", "_?_:_(bool, A, A) -> A", operators::by_evaluator)]),
        Function::new("_&&_", &[plain("logical_and", "_&&_(bool, bool) -> bool", operators::by_evaluator)]),
        Function::new("_||_", &[plain("logical_or", "_||_(bool, bool) -> bool", operators::by_evaluator)]),
        Function::new("!_", &[plain("logical_not", "!_(bool) -> bool", operators::by_evaluator)]),
        Function::new("@not_strictly_false", &[plain("not_strictly_false", "@not_strictly_false(bool) -> bool", operators::by_evaluator)]),
        Function::new("_==_", &[plain("equals", "_==_(A, A) -> bool", operators::by_evaluator)]),
        Function::new("_!=_", &[plain("not_equals", "_!=_(A, A) -> bool", operators::by_evaluator)]),
        Function::new(
            "_+_",
            &[
                plain("add_bytes", "_+_(bytes, bytes) -> bytes", operators::by_evaluator),
                plain("add_double", "_+_(double, double) -> double", operators::by_evaluator),
                plain("add_duration_duration", "_+_(duration, duration) -> duration", operators::by_evaluator),
                plain("add_duration_timestamp", "_+_(duration, timestamp) -> timestamp", operators::by_evaluator),
                plain("add_timestamp_duration", "_+_(timestamp, duration) -> timestamp", operators::by_evaluator),
                plain("add_int64", "_+_(int, int) -> int", operators::by_evaluator),
                plain("add_list", "_+_(list(A), list(A)) -> list(A)", operators::by_evaluator),
                plain("add_string", "_+_(string, string) -> string", operators::by_evaluator),
                plain("add_uint64", "_+_(uint, uint) -> uint", operators::by_evaluator),
            ],
        ),
        Function::new(
            "_-_",
            &[
                plain("subtract_double", "_-_(double, double) -> double", operators::by_evaluator),
                plain("subtract_duration_duration", "_-_(duration, duration) -> duration", operators::by_evaluator),
                plain("subtract_int64", "_-_(int, int) -> int", operators::by_evaluator),
                plain("subtract_timestamp_duration", "_-_(timestamp, duration) -> timestamp", operators::by_evaluator),
                plain("subtract_timestamp_timestamp", "_-_(timestamp, timestamp) -> duration", operators::by_evaluator),
                plain("subtract_uint64", "_-_(uint, uint) -> uint", operators::by_evaluator),
            ],
        ),
        Function::new(
            "_*_",
            &[
                plain("multiply_double", "_*_(double, double) -> double", operators::by_evaluator),
                plain("multiply_int64", "_*_(int, int) -> int", operators::by_evaluator),
                plain("multiply_uint64", "_*_(uint, uint) -> uint", operators::by_evaluator),
            ],
        ),
        Function::new(
            "_/_",
            &[
                plain("divide_double", "_/_(double, double) -> double", operators::by_evaluator),
                plain("divide_int64", "_/_(int, int) -> int", operators::by_evaluator),
                plain("divide_uint64", "_/_(uint, uint) -> uint", operators::by_evaluator),
            ],
        ),
        Function::new(
            "_%_",
            &[
                plain("modulo_int64", "_%_(int, int) -> int", operators::by_evaluator),
                plain("modulo_uint64", "_%_(uint, uint) -> uint", operators::by_evaluator),
            ],
        ),
        Function::new(
            "-_",
            &[
                plain("negate_double", "-_(double) -> double", operators::by_evaluator),
                plain("negate_int64", "-_(int) -> int", operators::by_evaluator),
            ],
        ),
        Function::new("_<_", ordered!("_<_", "less")),
        Function::new("_<=_", ordered!("_<=_", "less_equals")),
        Function::new("_>_", ordered!("_>_", "greater")),
        Function::new("_>=_", ordered!("_>=_", "greater_equals")),
        Function::new(
            "_[_]",
            &[
                plain("index_list", "_[_](list(A), int) -> A", operators::by_evaluator),
                plain("index_map", "_[_](map(A, B), A) -> B", operators::by_evaluator),
            ],
        ),
        Function::new(
            "@in",
            &[
                plain("in_list", "@in(A, list(A)) -> bool", operators::by_evaluator),
                plain("in_map", "@in(A, map(A, B)) -> bool", operators::by_evaluator),
            ],
        ),
        Function::new(
            macros::MAP_INSERT,
            &[
                plain("@mapInsert_map_map", "cel.@mapInsert(map(A, B), map(A, B)) -> map(A, B)", operators::by_evaluator),
                plain("@mapInsert_map_key_value", "cel.@mapInsert(map(A, B), A, B) -> map(A, B)", operators::by_evaluator),
            ],
        ),
        Function::new(
            "size",
            &[
                plain("size_bytes", "size(bytes) -> int", size),
                plain("bytes_size", "bytes.size() -> int", size),
                plain("size_list", "size(list(A)) -> int", size),
                plain("list_size", "list(A).size() -> int", size),
                plain("size_map", "size(map(A, B)) -> int", size),
                plain("map_size", "map(A, B).size() -> int", size),
                plain("size_string", "size(string) -> int", size),
                plain("string_size", "string.size() -> int", size),
            ],
        ),
        Function::new("type", &[plain("type", "type(A) -> type(A)", convert::to_type)]),
        Function::new("dyn", &[plain("to_dyn", "dyn(A) -> dyn", convert::same)]),
        Function::new(
            "bool",
            &[
                plain("bool_to_bool", "bool(bool) -> bool", convert::same),
                plain("string_to_bool", "bool(string) -> bool", convert::text_to_bool),
            ],
        ),
        Function::new(
            "bytes",
            &[
                plain("bytes_to_bytes", "bytes(bytes) -> bytes", convert::same),
                plain("string_to_bytes", "bytes(string) -> bytes", convert::text_to_bytes).cost(text_cost),
            ],
        ),
        Function::new(
            "double",
            &[
                plain("double_to_double", "double(double) -> double", convert::same),
                plain("int64_to_double", "double(int) -> double", convert::to_double),
                plain("string_to_double", "double(string) -> double", convert::to_double),
                plain("uint64_to_double", "double(uint) -> double", convert::to_double),
            ],
        ),
        Function::new(
            "duration",
            &[
                plain("duration_to_duration", "duration(duration) -> duration", convert::same),
                plain("int64_to_duration", "duration(int) -> duration", convert::int_to_duration),
                plain("string_to_duration", "duration(string) -> duration", convert::text_to_duration),
            ],
        ),
        Function::new(
            "int",
            &[
                plain("int64_to_int64", "int(int) -> int", convert::same),
                plain("double_to_int64", "int(double) -> int", convert::to_int),
                plain("duration_to_int64", "int(duration) -> int", convert::to_int),
                plain("string_to_int64", "int(string) -> int", convert::to_int),
                plain("timestamp_to_int64", "int(timestamp) -> int", convert::to_int),
                plain("uint64_to_int64", "int(uint) -> int", convert::to_int),
            ],
        ),
        Function::new(
            "string",
            &[
                plain("string_to_string", "string(string) -> string", convert::same),
                plain("bool_to_string", "string(bool) -> string", convert::to_string),
                plain("bytes_to_string", "string(bytes) -> string", convert::to_string).cost(text_cost),
                plain("double_to_string", "string(double) -> string", convert::to_string),
                plain("duration_to_string", "string(duration) -> string", convert::to_string),
                plain("int64_to_string", "string(int) -> string", convert::to_string),
                plain("timestamp_to_string", "string(timestamp) -> string", convert::to_string),
                plain("uint64_to_string", "string(uint) -> string", convert::to_string),
            ],
        ),
        Function::new(
            "timestamp",
            &[
                plain("timestamp_to_timestamp", "timestamp(timestamp) -> timestamp", convert::same),
                plain("int64_to_timestamp", "timestamp(int) -> timestamp", convert::to_timestamp),
                plain("string_to_timestamp", "timestamp(string) -> timestamp", convert::to_timestamp),
            ],
        ),
        Function::new(
            "uint",
            &[
                plain("uint64_to_uint64", "uint(uint) -> uint", convert::same),
                plain("double_to_uint64", "uint(double) -> uint", convert::to_uint),
                plain("int64_to_uint64", "uint(int) -> uint", convert::to_uint),
                plain("string_to_uint64", "uint(string) -> uint", convert::to_uint),
            ],
        ),
        Function::new("contains", &[plain("contains_string", "string.contains(string) -> bool", contains).cost(contains_cost)]),
        Function::new("endsWith", &[plain("ends_with_string", "string.endsWith(string) -> bool", ends_with).cost(text_cost)]),
        Function::new("startsWith", &[plain("starts_with_string", "string.startsWith(string) -> bool", starts_with).cost(text_cost)]),
        Function::new(
            "matches",
            &[
                plain("matches", "matches(string, string) -> bool", matches).cost(matches_cost),
                plain("matches_string", "string.matches(string) -> bool", matches).cost(matches_cost),
            ],
        ),
        Function::new("getFullYear", timed!("getFullYear", "year", time::year)),
        Function::new("getMonth", timed!("getMonth", "month", time::month)),
        Function::new("getDayOfYear", timed!("getDayOfYear", "day_of_year", time::day_of_year)),
        Function::new("getDayOfMonth", timed!("getDayOfMonth", "day_of_month", time::day_of_month)),
        Function::new("getDate", timed!("getDate", "day_of_month_1_based", time::date)),
        Function::new("getDayOfWeek", timed!("getDayOfWeek", "day_of_week", time::day_of_week)),
        Function::new("getHours", timed!("getHours", "hours", time::hours, "duration_to_hours")),
        Function::new("getMinutes", timed!("getMinutes", "minutes", time::minutes, "duration_to_minutes")),
        Function::new("getSeconds", timed!("getSeconds", "seconds", time::seconds, "duration_to_seconds")),
        Function::new("getMilliseconds", timed!("getMilliseconds", "milliseconds", time::milliseconds, "duration_to_milliseconds")),
    ],
)
.with_types(&["bool", "bytes", "double", "int", "list", "map", "null_type", "string", "type", "uint"]);

/// Functions of optional values.
pub(crate) static OPTIONALS: Library = Library::new(
    "optionals",
    &[
        Function::new("optional.of", &[plain("optional_of", "optional.of(V) -> optional(V)", optional::of)]),
        Function::new(
            "optional.ofNonZeroValue",
            &[plain("optional_ofNonZeroValue", "optional.ofNonZeroValue(V) -> optional(V)", optional::of_non_zero)],
        ),
        Function::new("optional.none", &[plain("optional_none", "optional.none() -> optional(V)", optional::none)]),
        Function::new("value", &[plain("optional_value", "optional(V).value() -> V", optional::value)]),
        Function::new("hasValue", &[plain("optional_hasValue", "optional(V).hasValue() -> bool", optional::has_value)]),
        Function::new("or", &[plain("optional_or_optional", "optional(V).or(optional(V)) -> optional(V)", optional::or)]),
        Function::new("orValue", &[plain("optional_orValue_value", "optional(V).orValue(V) -> V", optional::or_value)]),
        Function::new("optional.unwrap", &[plain("optional_unwrap", "optional.unwrap(list(optional(V))) -> list(V)", optional::unwrap)]),
        Function::new("unwrapOpt", &[plain("optional_unwrapOpt", "list(optional(V)).unwrapOpt() -> list(V)", optional::unwrap)]),
        Function::new("first", &[plain("list_first", "list(V).first() -> optional(V)", optional::first)]),
        Function::new("last", &[plain("list_last", "list(V).last() -> optional(V)", optional::last)]),
        Function::new("_?._", &[plain("select_optional_field", "_?._(dyn, string) -> optional(V)", operators::by_evaluator)]),
        Function::new(
            "_[?_]",
            &[
                plain("list_optindex_optional_int", "_[?_](list(V), int) -> optional(V)", operators::by_evaluator),
                plain("optional_list_optindex_optional_int", "_[?_](optional(list(V)), int) -> optional(V)", operators::by_evaluator),
                plain("map_optindex_optional_value", "_[?_](map(K, V), K) -> optional(V)", operators::by_evaluator),
                plain("optional_map_optindex_optional_value", "_[?_](optional(map(K, V)), K) -> optional(V)", operators::by_evaluator),
            ],
        ),
        Function::new(
            "_[_]",
            &[
                plain("optional_list_index_int", "_[_](optional(list(V)), int) -> optional(V)", operators::by_evaluator),
                plain("optional_map_index_value", "_[_](optional(map(K, V)), K) -> optional(V)", operators::by_evaluator),
            ],
        ),
    ],
)
.with_types(&["optional_type"]);

fn size(_: &mut Call<'_>, args: &[Value]) -> Result<Value, CelError> {
    match args {
        [value @ (Value::String(_) | Value::Bytes(_) | Value::List(_) | Value::Map(_))] => Ok(Value::Int(value.size().cast_signed())),
        _ => Err(CelError::no_such_overload()),
    }
}

/// Two texts.
fn two(args: &[Value]) -> Result<(&str, &str), CelError> {
    match args {
        [Value::String(a), Value::String(b)] => Ok((a, b)),
        _ => Err(CelError::no_such_overload()),
    }
}

fn contains(_: &mut Call<'_>, args: &[Value]) -> Result<Value, CelError> {
    two(args).map(|(text, part)| Value::Bool(text.contains(part)))
}

fn ends_with(_: &mut Call<'_>, args: &[Value]) -> Result<Value, CelError> {
    two(args).map(|(text, part)| Value::Bool(text.ends_with(part)))
}

fn starts_with(_: &mut Call<'_>, args: &[Value]) -> Result<Value, CelError> {
    two(args).map(|(text, part)| Value::Bool(text.starts_with(part)))
}

fn matches(call: &mut Call<'_>, args: &[Value]) -> Result<Value, CelError> {
    let (text, pattern) = two(args)?;
    Ok(Value::Bool(call.regex(pattern)?.is_match(text)))
}
