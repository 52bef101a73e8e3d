//! The functions: one table in the order of names, one file for each subject.

mod arithmetic;
mod encode;
mod layout;
mod outside;
mod standard;
mod text;
mod time;
mod version;

use probity_kubernetes::go_regex;
use probity_value::{Data, Value};

use super::{Evaluation, JmesError};

/// What an argument may be.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Type {
    Number,
    Text,
    List,
    Object,
    Numbers,
    Texts,
    Any,
    Expression,
}

type Answer = Result<Value, JmesError>;

/// How a function is run.
pub(super) enum Body {
    /// On its arguments.
    Plain(fn(&[Value], &Evaluation<'_>) -> Answer),
    /// On its arguments, the first of which is a regular expression.
    Regex(fn(&regex::Regex, &[Value], &Evaluation<'_>) -> Answer),
    /// On the items of a list, and what an expression says of each.
    Expression {
        /// Which argument is the expression.
        expression: usize,
        /// Which is the list.
        list: usize,
        /// Runs it; the answers are missing where a key does not exist, and altogether where there are less than two items.
        run: fn(&[Value], Vec<Option<Value>>) -> Answer,
    },
}

/// A function of the language.
pub(super) struct Function {
    pub(super) name: &'static str,
    arguments: &'static [&'static [Type]],
    /// Whether the last argument may be repeated.
    repeats: bool,
    pub(super) body: Body,
    /// Whether the first argument is a regular expression.
    pub(super) takes_regex: bool,
    /// Whether its answer may hold parts of its arguments more than once.
    pub(super) makes: bool,
}

impl std::fmt::Debug for Function {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(self.name)
    }
}

const NUMBER: &[Type] = &[Type::Number];
const TEXT: &[Type] = &[Type::Text];
const LIST: &[Type] = &[Type::List];
const OBJECT: &[Type] = &[Type::Object];
const ANY: &[Type] = &[Type::Any];
const EXPRESSION: &[Type] = &[Type::Expression];
const TEXT_OR_NUMBER: &[Type] = &[Type::Text, Type::Number];
const COLLECTION: &[Type] = &[Type::Object, Type::List];

const fn plain(name: &'static str, arguments: &'static [&'static [Type]], run: fn(&[Value], &Evaluation<'_>) -> Answer) -> Function {
    Function { name, arguments, repeats: false, body: Body::Plain(run), takes_regex: false, makes: false }
}

const fn making(name: &'static str, arguments: &'static [&'static [Type]], run: fn(&[Value], &Evaluation<'_>) -> Answer) -> Function {
    Function { name, arguments, repeats: false, body: Body::Plain(run), takes_regex: false, makes: true }
}

const fn repeated(name: &'static str, arguments: &'static [&'static [Type]], run: fn(&[Value], &Evaluation<'_>) -> Answer) -> Function {
    Function { name, arguments, repeats: true, body: Body::Plain(run), takes_regex: false, makes: true }
}

const fn of_regex(
    name: &'static str,
    arguments: &'static [&'static [Type]],
    run: fn(&regex::Regex, &[Value], &Evaluation<'_>) -> Answer,
) -> Function {
    Function { name, arguments, repeats: false, body: Body::Regex(run), takes_regex: true, makes: false }
}

const fn of_items(name: &'static str, run: fn(&[Value], Vec<Option<Value>>) -> Answer) -> Function {
    Function {
        name,
        arguments: &[LIST, EXPRESSION],
        repeats: false,
        body: Body::Expression { expression: 1, list: 0, run },
        takes_regex: false,
        makes: false,
    }
}

/// All functions, by name.
static FUNCTIONS: &[Function] = &[
    plain("abs", &[NUMBER], standard::abs),
    plain("add", &[ANY, ANY], arithmetic::add),
    plain("avg", &[&[Type::Numbers]], standard::avg),
    plain("base64_decode", &[TEXT], encode::base64_decode),
    plain("base64_encode", &[TEXT], encode::base64_encode),
    plain("ceil", &[NUMBER], standard::ceil),
    plain("compare", &[TEXT, TEXT], text::compare),
    plain("contains", &[&[Type::List, Type::Text], ANY], standard::contains),
    plain("divide", &[ANY, ANY], arithmetic::divide),
    plain("ends_with", &[TEXT, TEXT], standard::ends_with),
    plain("equal_fold", &[TEXT, TEXT], text::equal_fold),
    plain("floor", &[NUMBER], standard::floor),
    plain("image_normalize", &[TEXT], outside::image_normalize),
    plain("is_external_url", &[TEXT], outside::is_external_url),
    making("items", &[COLLECTION, TEXT, TEXT], standard::items),
    plain("join", &[TEXT, &[Type::Texts]], standard::join),
    plain("keys", &[OBJECT], standard::keys),
    plain("label_match", &[OBJECT, OBJECT], standard::label_match),
    plain("length", &[&[Type::Text, Type::List, Type::Object]], standard::length),
    plain("lookup", &[COLLECTION, TEXT_OR_NUMBER], standard::lookup),
    Function {
        name: "map",
        arguments: &[EXPRESSION, LIST],
        repeats: false,
        body: Body::Expression { expression: 0, list: 1, run: standard::map },
        takes_regex: false,
        makes: false,
    },
    plain("max", &[&[Type::Numbers, Type::Texts]], standard::max),
    of_items("max_by", standard::max_by),
    plain("md5", &[TEXT], encode::md5),
    repeated("merge", &[OBJECT], standard::merge),
    plain("min", &[&[Type::Numbers, Type::Texts]], standard::min),
    of_items("min_by", standard::min_by),
    plain("modulo", &[ANY, ANY], arithmetic::modulo),
    plain("multiply", &[ANY, ANY], arithmetic::multiply),
    repeated("not_null", &[ANY], standard::not_null),
    making("object_from_lists", &[LIST, LIST], standard::object_from_lists),
    plain("parse_json", &[TEXT], encode::parse_json),
    making("parse_yaml", &[TEXT], encode::parse_yaml),
    plain("path_canonicalize", &[TEXT], text::path_canonicalize),
    plain("pattern_match", &[TEXT, TEXT_OR_NUMBER], outside::pattern_match),
    plain("random", &[TEXT], outside::random),
    of_regex("regex_match", &[TEXT, TEXT_OR_NUMBER], text::regex_match),
    of_regex("regex_replace_all", &[TEXT, TEXT_OR_NUMBER, TEXT_OR_NUMBER], text::regex_replace_all),
    of_regex("regex_replace_all_literal", &[TEXT, TEXT_OR_NUMBER, TEXT_OR_NUMBER], text::regex_replace_all_literal),
    plain("replace", &[TEXT, TEXT, TEXT, NUMBER], text::replace),
    plain("replace_all", &[TEXT, TEXT, TEXT], text::replace_all),
    plain("reverse", &[&[Type::List, Type::Text]], standard::reverse),
    plain("round", &[NUMBER, NUMBER], arithmetic::round),
    plain("semver_compare", &[TEXT, TEXT], version::semver_compare),
    plain("sha1", &[TEXT], encode::sha1),
    plain("sha256", &[TEXT], encode::sha256),
    plain("sort", &[&[Type::Texts, Type::Numbers]], standard::sort),
    of_items("sort_by", standard::sort_by),
    plain("split", &[TEXT, TEXT], text::split),
    plain("starts_with", &[TEXT, TEXT], standard::starts_with),
    plain("subtract", &[ANY, ANY], arithmetic::subtract),
    plain("sum", &[LIST], arithmetic::sum),
    plain("time_add", &[TEXT, TEXT], time::add),
    plain("time_after", &[TEXT, TEXT], time::after),
    plain("time_before", &[TEXT, TEXT], time::before),
    plain("time_between", &[TEXT, TEXT, TEXT], time::between),
    plain("time_diff", &[TEXT, TEXT], time::diff),
    plain("time_now", &[], time::now),
    plain("time_now_utc", &[], time::now),
    plain("time_parse", &[TEXT, TEXT], time::parse),
    plain("time_since", &[TEXT, TEXT, TEXT], time::since),
    plain("time_to_cron", &[TEXT], time::to_cron),
    plain("time_truncate", &[TEXT, TEXT], time::truncate),
    plain("time_utc", &[TEXT], time::utc),
    making("to_array", &[ANY], standard::to_array),
    plain("to_boolean", &[TEXT], text::to_boolean),
    plain("to_lower", &[TEXT], text::to_lower),
    plain("to_number", &[ANY], standard::to_number),
    plain("to_string", &[ANY], standard::to_string),
    plain("to_upper", &[TEXT], text::to_upper),
    plain("trim", &[TEXT, TEXT], text::trim),
    plain("trim_prefix", &[TEXT, TEXT], text::trim_prefix),
    plain("truncate", &[TEXT, NUMBER], text::truncate),
    plain("type", &[ANY], standard::type_of),
    plain("values", &[OBJECT], standard::values),
];

/// The function of a name.
pub(super) fn find(name: &str) -> Option<&'static Function> {
    FUNCTIONS.binary_search_by(|function| function.name.cmp(name)).ok().and_then(|at| FUNCTIONS.get(at))
}

/// That there is no function of a name, with the nearest one.
pub(super) fn unknown(name: &str) -> String {
    let near = FUNCTIONS.iter().map(|function| (distance(function.name, name), function.name)).min();
    match near {
        Some((distance, near)) if distance <= 2 => format!("there is no function `{name}` (did you mean `{near}`?)"),
        _ => format!("there is no function `{name}`"),
    }
}

/// In how many letters two names differ.
fn distance(left: &str, right: &str) -> usize {
    if left.len().abs_diff(right.len()) > 2 || right.len() > 64 {
        return usize::MAX;
    }
    let right: Vec<char> = right.chars().collect();
    let mut row: Vec<usize> = (0..=right.len()).collect();
    for (line, sign) in left.chars().enumerate() {
        let mut corner = line;
        let mut before = line + 1;
        for (other, cell) in right.iter().zip(row.iter_mut().skip(1)) {
            let value = (corner + usize::from(sign != *other)).min(before + 1).min(*cell + 1);
            corner = std::mem::replace(cell, value);
            before = value;
        }
        if let Some(first) = row.first_mut() {
            *first = line + 1;
        }
    }
    row.last().copied().unwrap_or_default()
}

/// Compiles a regular expression as Go reads it.
pub(super) fn regex(function: &str, pattern: &str) -> Result<regex::Regex, JmesError> {
    go_regex::compile(pattern).map_err(|error| JmesError::wrong(format!("argument 1 of `{function}` is no regular expression: {error}")))
}

impl Function {
    /// Refuses a call with the wrong number of arguments.
    pub(super) fn check_count(&self, count: usize) -> Result<(), JmesError> {
        let wanted = self.arguments.len();
        // Those without arguments take any number in the original.
        if wanted == 0 || count == wanted || (self.repeats && count >= wanted) {
            return Ok(());
        }
        let plural = if wanted == 1 { "argument" } else { "arguments" };
        let least = if self.repeats { "at least " } else { "" };
        Err(JmesError::wrong(format!("`{}` takes {least}{wanted} {plural}, not {count}", self.name)))
    }

    fn types(&self, position: usize) -> &'static [Type] {
        let last = if self.repeats { self.arguments.last() } else { None };
        self.arguments.get(position).or(last).copied().unwrap_or(ANY)
    }

    /// Whether an argument is of a type the function takes.
    pub(super) fn accepts(&self, position: usize, argument: &Value) -> bool {
        self.types(position).iter().any(|wanted| match (wanted, &argument.data) {
            (Type::Any, _) => true,
            (Type::Number, Data::Number(_)) => true,
            (Type::Text, Data::String(_)) => true,
            (Type::List, Data::List(_)) => true,
            (Type::Object, Data::Map(_)) => true,
            // An unknown item is met by the function itself.
            (Type::Numbers, Data::List(items)) => items.iter().all(|item| matches!(item.data, Data::Number(_) | Data::Unknown(_))),
            (Type::Texts, Data::List(items)) => items.iter().all(|item| matches!(item.data, Data::String(_) | Data::Unknown(_))),
            _ => false,
        })
    }

    /// What an argument has to be, for a message.
    pub(super) fn wanted(&self, position: usize) -> String {
        let words: Vec<&str> = self
            .types(position)
            .iter()
            .map(|wanted| match wanted {
                Type::Number => "a number",
                Type::Text => "a string",
                Type::List => "an array",
                Type::Object => "an object",
                Type::Numbers => "an array of numbers",
                Type::Texts => "an array of strings",
                Type::Any => "any value",
                Type::Expression => "an expression after `&`",
            })
            .collect();
        words.join(" or ")
    }
}

/// The text at a position; the types of arguments are checked before.
fn text_at(arguments: &[Value], position: usize) -> &str {
    arguments.get(position).and_then(Value::as_str).unwrap_or_default()
}

/// The number at a position; the types of arguments are checked before.
fn number_at(arguments: &[Value], position: usize) -> f64 {
    arguments.get(position).and_then(Value::as_number).map_or(0.0, probity_value::Number::as_f64)
}

/// The argument at a position, null where there is none.
fn value_at(arguments: &[Value], position: usize) -> &Value {
    static NOTHING: Value = Value { data: Data::Null, span: probity_value::Span::NONE, origin: None, sensitive: false };
    arguments.get(position).unwrap_or(&NOTHING)
}

/// Text as an answer, its size counted.
fn text_answer(text: impl Into<std::sync::Arc<str>>, evaluation: &Evaluation<'_>) -> Answer {
    let text = text.into();
    evaluation.grow(text.len())?;
    Ok(Value::string(text, probity_value::Span::NONE))
}

/// A whole number given as an argument.
fn whole(function: &str, position: usize, number: f64) -> Result<i64, JmesError> {
    #[expect(clippy::cast_possible_truncation, reason = "checked to be whole and in range")]
    if number.fract() == 0.0 && number.abs() < 9.0e18 {
        return Ok(number as i64);
    }
    Err(JmesError::wrong(format!("argument {} of `{function}` is {number}, not a whole number", position + 1)))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_table_is_sorted() {
        assert!(FUNCTIONS.is_sorted_by(|left, right| left.name < right.name));
    }

    #[test]
    fn near_names_are_told() {
        assert_eq!(unknown("lenght"), "there is no function `lenght` (did you mean `length`?)");
        assert_eq!(unknown("frobnicate"), "there is no function `frobnicate`");
    }
}
