//! All built-in functions, in the order of their names.
//!
//! Names, operators, arguments and types are those that OPA 1.19 tells of itself (`opa capabilities`).

use crate::builtins::types::Type;
use crate::builtins::{
    Builtin, Function, aggregates, arithmetic, arrays, bits, compare, config, graph, kinds, objects, random, regexes, semver, sets,
    sprintf, strings, units, uuid,
};

const ANY: Type = Type::Any;
const NULL: Type = Type::Null;
const BOOLEAN: Type = Type::Boolean;
const NUMBER: Type = Type::Number;
const STRING: Type = Type::String;

/// A function without marks.
const fn plain(
    name: &'static str,
    arguments: &'static [(&'static str, Type)],
    result: (&'static str, Type),
    function: Function,
) -> Builtin {
    Builtin {
        name,
        infix: "",
        arguments,
        result: Some(result),
        variadic: false,
        relation: false,
        nondeterministic: false,
        deprecated: false,
        function,
    }
}

/// All built-in functions, in the order of their names.
pub static BUILTINS: &[Builtin] = &[
    plain("abs", &[("x", NUMBER)], ("y", NUMBER), arithmetic::abs),
    Builtin {
        deprecated: true,
        ..plain("all", &[("", Type::Union(&[Type::Array(&ANY), Type::Set(&ANY)]))], ("", BOOLEAN), aggregates::all)
    },
    Builtin { infix: "&", ..plain("and", &[("x", Type::Set(&ANY)), ("y", Type::Set(&ANY))], ("z", Type::Set(&ANY)), sets::and) },
    Builtin {
        deprecated: true,
        ..plain("any", &[("", Type::Union(&[Type::Array(&ANY), Type::Set(&ANY)]))], ("", BOOLEAN), aggregates::any)
    },
    plain("array.concat", &[("x", Type::Array(&ANY)), ("y", Type::Array(&ANY))], ("z", Type::Array(&ANY)), arrays::concat),
    plain("array.flatten", &[("arr", Type::Array(&ANY))], ("flattened", Type::Array(&ANY)), arrays::flatten),
    plain("array.reverse", &[("arr", Type::Array(&ANY))], ("rev", Type::Array(&ANY)), arrays::reverse),
    plain("array.slice", &[("arr", Type::Array(&ANY)), ("start", NUMBER), ("stop", NUMBER)], ("slice", Type::Array(&ANY)), arrays::slice),
    Builtin { infix: ":=", ..plain("assign", &[("", ANY), ("", ANY)], ("", BOOLEAN), compare::equal) },
    plain("bits.and", &[("x", NUMBER), ("y", NUMBER)], ("z", NUMBER), bits::and),
    plain("bits.lsh", &[("x", NUMBER), ("s", NUMBER)], ("z", NUMBER), bits::lsh),
    plain("bits.negate", &[("x", NUMBER)], ("z", NUMBER), bits::negate),
    plain("bits.or", &[("x", NUMBER), ("y", NUMBER)], ("z", NUMBER), bits::or),
    plain("bits.rsh", &[("x", NUMBER), ("s", NUMBER)], ("z", NUMBER), bits::rsh),
    plain("bits.xor", &[("x", NUMBER), ("y", NUMBER)], ("z", NUMBER), bits::xor),
    Builtin { deprecated: true, ..plain("cast_array", &[("", ANY)], ("", Type::Array(&ANY)), kinds::cast_array) },
    Builtin { deprecated: true, ..plain("cast_boolean", &[("", ANY)], ("", BOOLEAN), kinds::cast_boolean) },
    Builtin { deprecated: true, ..plain("cast_null", &[("", ANY)], ("", NULL), kinds::cast_null) },
    Builtin { deprecated: true, ..plain("cast_object", &[("", ANY)], ("", Type::Object(&[], Some((&ANY, &ANY)))), kinds::cast_object) },
    Builtin { deprecated: true, ..plain("cast_set", &[("", ANY)], ("", Type::Set(&ANY)), kinds::cast_set) },
    Builtin { deprecated: true, ..plain("cast_string", &[("", ANY)], ("", STRING), kinds::cast_string) },
    plain("ceil", &[("x", NUMBER)], ("y", NUMBER), arithmetic::ceil),
    plain(
        "concat",
        &[("delimiter", STRING), ("collection", Type::Union(&[Type::Array(&STRING), Type::Set(&STRING)]))],
        ("output", STRING),
        strings::concat,
    ),
    plain("contains", &[("haystack", STRING), ("needle", STRING)], ("result", BOOLEAN), strings::contains),
    plain(
        "count",
        &[("collection", Type::Union(&[STRING, Type::Array(&ANY), Type::Object(&[], Some((&ANY, &ANY))), Type::Set(&ANY)]))],
        ("n", NUMBER),
        aggregates::count,
    ),
    Builtin { infix: "/", ..plain("div", &[("x", NUMBER), ("y", NUMBER)], ("z", NUMBER), arithmetic::div) },
    plain("endswith", &[("search", STRING), ("base", STRING)], ("result", BOOLEAN), strings::endswith),
    Builtin { infix: "=", ..plain("eq", &[("", ANY), ("", ANY)], ("", BOOLEAN), compare::equal) },
    Builtin { infix: "==", ..plain("equal", &[("x", ANY), ("y", ANY)], ("result", BOOLEAN), compare::equal) },
    plain("floor", &[("x", NUMBER)], ("y", NUMBER), arithmetic::floor),
    plain("format_int", &[("number", NUMBER), ("base", NUMBER)], ("output", STRING), strings::format_int),
    plain(
        "graph.reachable",
        &[
            ("graph", Type::Object(&[], Some((&ANY, &Type::Union(&[Type::Array(&ANY), Type::Set(&ANY)]))))),
            ("initial", Type::Union(&[Type::Array(&ANY), Type::Set(&ANY)])),
        ],
        ("output", Type::Set(&ANY)),
        graph::reachable,
    ),
    plain(
        "graph.reachable_paths",
        &[
            ("graph", Type::Object(&[], Some((&ANY, &Type::Union(&[Type::Array(&ANY), Type::Set(&ANY)]))))),
            ("initial", Type::Union(&[Type::Array(&ANY), Type::Set(&ANY)])),
        ],
        ("output", Type::Set(&Type::Array(&ANY))),
        graph::reachable_paths,
    ),
    Builtin { infix: ">", ..plain("gt", &[("x", ANY), ("y", ANY)], ("result", BOOLEAN), compare::gt) },
    Builtin { infix: ">=", ..plain("gte", &[("x", ANY), ("y", ANY)], ("result", BOOLEAN), compare::gte) },
    plain("indexof", &[("haystack", STRING), ("needle", STRING)], ("output", NUMBER), strings::indexof),
    plain("indexof_n", &[("haystack", STRING), ("needle", STRING)], ("output", Type::Array(&NUMBER)), strings::indexof_n),
    Builtin { infix: "in", ..plain("internal.member_2", &[("", ANY), ("", ANY)], ("", BOOLEAN), aggregates::member) },
    Builtin { infix: "in", ..plain("internal.member_3", &[("", ANY), ("", ANY), ("", ANY)], ("", BOOLEAN), aggregates::member_with_key) },
    plain("internal.template_string", &[("", Type::Array(&ANY))], ("", STRING), strings::template_string),
    plain("intersection", &[("xs", Type::Set(&Type::Set(&ANY)))], ("y", Type::Set(&ANY)), sets::intersection),
    plain("is_array", &[("x", ANY)], ("result", BOOLEAN), kinds::is_array),
    plain("is_boolean", &[("x", ANY)], ("result", BOOLEAN), kinds::is_boolean),
    plain("is_null", &[("x", ANY)], ("result", BOOLEAN), kinds::is_null),
    plain("is_number", &[("x", ANY)], ("result", BOOLEAN), kinds::is_number),
    plain("is_object", &[("x", ANY)], ("result", BOOLEAN), kinds::is_object),
    plain("is_set", &[("x", ANY)], ("result", BOOLEAN), kinds::is_set),
    plain("is_string", &[("x", ANY)], ("result", BOOLEAN), kinds::is_string),
    plain("lower", &[("x", STRING)], ("y", STRING), strings::lower),
    Builtin { infix: "<", ..plain("lt", &[("x", ANY), ("y", ANY)], ("result", BOOLEAN), compare::lt) },
    Builtin { infix: "<=", ..plain("lte", &[("x", ANY), ("y", ANY)], ("result", BOOLEAN), compare::lte) },
    plain("max", &[("collection", Type::Union(&[Type::Array(&ANY), Type::Set(&ANY)]))], ("n", ANY), aggregates::max),
    plain("min", &[("collection", Type::Union(&[Type::Array(&ANY), Type::Set(&ANY)]))], ("n", ANY), aggregates::min),
    Builtin {
        infix: "-",
        ..plain(
            "minus",
            &[("x", Type::Union(&[NUMBER, Type::Set(&ANY)])), ("y", Type::Union(&[NUMBER, Type::Set(&ANY)]))],
            ("z", Type::Union(&[NUMBER, Type::Set(&ANY)])),
            arithmetic::minus,
        )
    },
    Builtin { infix: "*", ..plain("mul", &[("x", NUMBER), ("y", NUMBER)], ("z", NUMBER), arithmetic::mul) },
    Builtin { infix: "!=", ..plain("neq", &[("x", ANY), ("y", ANY)], ("result", BOOLEAN), compare::neq) },
    plain("numbers.range", &[("a", NUMBER), ("b", NUMBER)], ("range", Type::Array(&NUMBER)), arithmetic::range),
    plain("numbers.range_step", &[("a", NUMBER), ("b", NUMBER), ("step", NUMBER)], ("range", Type::Array(&NUMBER)), arithmetic::range_step),
    plain(
        "object.filter",
        &[
            ("object", Type::Object(&[], Some((&ANY, &ANY)))),
            ("keys", Type::Union(&[Type::Array(&ANY), Type::Object(&[], Some((&ANY, &ANY))), Type::Set(&ANY)])),
        ],
        ("filtered", Type::Object(&[], Some((&ANY, &ANY)))),
        objects::filter,
    ),
    plain("object.get", &[("object", Type::Object(&[], Some((&ANY, &ANY)))), ("key", ANY), ("default", ANY)], ("value", ANY), objects::get),
    plain("object.keys", &[("object", Type::Object(&[], Some((&ANY, &ANY))))], ("value", Type::Set(&ANY)), objects::keys),
    plain(
        "object.remove",
        &[
            ("object", Type::Object(&[], Some((&ANY, &ANY)))),
            ("keys", Type::Union(&[Type::Array(&ANY), Type::Object(&[], Some((&ANY, &ANY))), Type::Set(&ANY)])),
        ],
        ("output", Type::Object(&[], Some((&ANY, &ANY)))),
        objects::remove,
    ),
    plain(
        "object.subset",
        &[
            ("super", Type::Union(&[Type::Array(&ANY), Type::Object(&[], Some((&ANY, &ANY))), Type::Set(&ANY)])),
            ("sub", Type::Union(&[Type::Array(&ANY), Type::Object(&[], Some((&ANY, &ANY))), Type::Set(&ANY)])),
        ],
        ("result", BOOLEAN),
        objects::subset,
    ),
    plain(
        "object.union",
        &[("a", Type::Object(&[], Some((&ANY, &ANY)))), ("b", Type::Object(&[], Some((&ANY, &ANY))))],
        ("output", Type::Object(&[], Some((&ANY, &ANY)))),
        objects::union,
    ),
    plain(
        "object.union_n",
        &[("objects", Type::Array(&Type::Object(&[], Some((&ANY, &ANY)))))],
        ("output", Type::Object(&[], Some((&ANY, &ANY)))),
        objects::union_n,
    ),
    Builtin { infix: "|", ..plain("or", &[("x", Type::Set(&ANY)), ("y", Type::Set(&ANY))], ("z", Type::Set(&ANY)), sets::or) },
    plain(
        "parse_combined_config_files",
        &[("paths", Type::Array(&STRING))],
        ("configs", Type::Array(&Type::Object(&[], Some((&STRING, &ANY))))),
        config::parse_combined_config_files,
    ),
    plain("parse_config", &[("parser", STRING), ("text", STRING)], ("config", ANY), config::parse_config),
    plain("parse_config_file", &[("path", STRING)], ("config", ANY), config::parse_config_file),
    Builtin { infix: "+", ..plain("plus", &[("x", NUMBER), ("y", NUMBER)], ("z", NUMBER), arithmetic::plus) },
    plain("product", &[("collection", Type::Union(&[Type::Array(&NUMBER), Type::Set(&NUMBER)]))], ("n", NUMBER), aggregates::product),
    Builtin { nondeterministic: true, ..plain("rand.intn", &[("str", STRING), ("n", NUMBER)], ("y", NUMBER), random::intn) },
    Builtin { deprecated: true, ..plain("re_match", &[("", STRING), ("", STRING)], ("", BOOLEAN), regexes::is_match) },
    plain(
        "regex.find_all_string_submatch_n",
        &[("pattern", STRING), ("value", STRING), ("number", NUMBER)],
        ("output", Type::Array(&Type::Array(&STRING))),
        regexes::find_all_string_submatch_n,
    ),
    plain("regex.find_n", &[("pattern", STRING), ("value", STRING), ("number", NUMBER)], ("output", Type::Array(&STRING)), regexes::find_n),
    plain("regex.globs_match", &[("glob1", STRING), ("glob2", STRING)], ("result", BOOLEAN), regexes::globs_match),
    plain("regex.is_valid", &[("pattern", STRING)], ("result", BOOLEAN), regexes::is_valid),
    plain("regex.match", &[("pattern", STRING), ("value", STRING)], ("result", BOOLEAN), regexes::is_match),
    plain("regex.replace", &[("s", STRING), ("pattern", STRING), ("value", STRING)], ("output", STRING), regexes::replace),
    plain("regex.split", &[("pattern", STRING), ("value", STRING)], ("output", Type::Array(&STRING)), regexes::split),
    plain(
        "regex.template_match",
        &[("template", STRING), ("value", STRING), ("delimiter_start", STRING), ("delimiter_end", STRING)],
        ("result", BOOLEAN),
        regexes::template_match,
    ),
    Builtin { infix: "%", ..plain("rem", &[("x", NUMBER), ("y", NUMBER)], ("z", NUMBER), arithmetic::rem) },
    plain("replace", &[("x", STRING), ("old", STRING), ("new", STRING)], ("y", STRING), strings::replace),
    plain("round", &[("x", NUMBER)], ("y", NUMBER), arithmetic::round),
    plain("semver.compare", &[("a", STRING), ("b", STRING)], ("result", NUMBER), semver::compare),
    plain("semver.is_valid", &[("vsn", ANY)], ("result", BOOLEAN), semver::is_valid),
    Builtin {
        deprecated: true,
        ..plain("set_diff", &[("", Type::Set(&ANY)), ("", Type::Set(&ANY))], ("", Type::Set(&ANY)), sets::difference)
    },
    plain("sort", &[("collection", Type::Union(&[Type::Array(&ANY), Type::Set(&ANY)]))], ("n", Type::Array(&ANY)), aggregates::sort),
    plain("split", &[("x", STRING), ("delimiter", STRING)], ("ys", Type::Array(&STRING)), strings::split),
    plain("sprintf", &[("format", STRING), ("values", Type::Array(&ANY))], ("output", STRING), sprintf::sprintf),
    plain("startswith", &[("search", STRING), ("base", STRING)], ("result", BOOLEAN), strings::startswith),
    plain(
        "strings.any_prefix_match",
        &[
            ("search", Type::Union(&[STRING, Type::Array(&STRING), Type::Set(&STRING)])),
            ("base", Type::Union(&[STRING, Type::Array(&STRING), Type::Set(&STRING)])),
        ],
        ("result", BOOLEAN),
        strings::any_prefix_match,
    ),
    plain(
        "strings.any_suffix_match",
        &[
            ("search", Type::Union(&[STRING, Type::Array(&STRING), Type::Set(&STRING)])),
            ("base", Type::Union(&[STRING, Type::Array(&STRING), Type::Set(&STRING)])),
        ],
        ("result", BOOLEAN),
        strings::any_suffix_match,
    ),
    plain("strings.count", &[("search", STRING), ("substring", STRING)], ("output", NUMBER), strings::count),
    plain(
        "strings.replace_n",
        &[("patterns", Type::Object(&[], Some((&STRING, &STRING)))), ("value", STRING)],
        ("output", STRING),
        strings::replace_n,
    ),
    plain("strings.reverse", &[("x", STRING)], ("y", STRING), strings::reverse),
    plain("strings.split_n", &[("x", STRING), ("delimiter", STRING), ("n", NUMBER)], ("ys", Type::Array(&STRING)), strings::split_n),
    plain("substring", &[("value", STRING), ("offset", NUMBER), ("length", NUMBER)], ("output", STRING), strings::substring),
    plain("sum", &[("collection", Type::Union(&[Type::Array(&NUMBER), Type::Set(&NUMBER)]))], ("n", NUMBER), aggregates::sum),
    plain("to_number", &[("x", Type::Union(&[NULL, BOOLEAN, NUMBER, STRING]))], ("num", NUMBER), kinds::to_number),
    plain("trim", &[("value", STRING), ("cutset", STRING)], ("output", STRING), strings::trim),
    plain("trim_left", &[("value", STRING), ("cutset", STRING)], ("output", STRING), strings::trim_left),
    plain("trim_prefix", &[("value", STRING), ("prefix", STRING)], ("output", STRING), strings::trim_prefix),
    plain("trim_right", &[("value", STRING), ("cutset", STRING)], ("output", STRING), strings::trim_right),
    plain("trim_space", &[("value", STRING)], ("output", STRING), strings::trim_space),
    plain("trim_suffix", &[("value", STRING), ("suffix", STRING)], ("output", STRING), strings::trim_suffix),
    plain("type_name", &[("x", ANY)], ("type", STRING), kinds::type_name),
    plain("union", &[("xs", Type::Set(&Type::Set(&ANY)))], ("y", Type::Set(&ANY)), sets::union),
    plain("units.parse", &[("x", STRING)], ("y", NUMBER), units::parse),
    plain("units.parse_bytes", &[("x", STRING)], ("y", NUMBER), units::parse_bytes),
    plain("upper", &[("x", STRING)], ("y", STRING), strings::upper),
    plain("uuid.parse", &[("uuid", STRING)], ("result", Type::Object(&[], Some((&STRING, &ANY)))), uuid::parse),
    Builtin { nondeterministic: true, ..plain("uuid.rfc4122", &[("k", STRING)], ("output", STRING), uuid::rfc4122) },
    Builtin { relation: true, ..plain("walk", &[("x", ANY)], ("output", Type::Tuple(&[Type::Array(&ANY), ANY])), graph::walk_all) },
];
