//! What CUE brings along: types, functions, and members of its packages.
//!
//! A function that says yes or no is a limit, too, where its first argument is left out: `strings.MinRunes(3)`.

use std::fmt;

use probity_kubernetes::go_regex;
use regex::Regex;

use super::eval::{Fail, Machine, Value, kind_of, kinds};
use super::number::Decimal;
use super::tree::Atom;

type Call = fn(&mut Machine, &[Value], usize) -> Result<Value, Fail>;

/// A function.
pub(super) struct Function {
    pub(super) name: &'static str,
    arity: usize,
    /// The kinds its first argument has where it is a limit; 0 where it is none.
    limits: u16,
    call: Call,
}

impl fmt::Debug for Function {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name)
    }
}

/// A function as a limit.
#[derive(Clone, Debug)]
pub(super) struct Validator {
    function: &'static Function,
    arguments: Vec<Value>,
}

impl Validator {
    pub(super) fn kinds(&self) -> u16 {
        self.function.limits
    }

    /// Whether a value is within the limit.
    pub(super) fn check(&self, machine: &mut Machine, subject: &Value, at: usize) -> Result<(), Fail> {
        let mut arguments = vec![subject.clone()];
        arguments.extend(self.arguments.iter().cloned());
        match (self.function.call)(machine, &arguments, at)? {
            Value::Atom(Atom::Bool(true)) => Ok(()),
            _ => Err(Fail::wrong(at, format!("the value is not what `{}` asks for", self.function.name))),
        }
    }
}

impl Function {
    /// The limit it is without being called.
    pub(super) fn bare(&'static self, _at: usize) -> Option<Validator> {
        (self.limits != 0 && self.arity == 1).then(|| Validator { function: self, arguments: Vec::new() })
    }

    pub(super) fn call(&'static self, machine: &mut Machine, arguments: Vec<Value>, at: usize) -> Result<Value, Fail> {
        if self.limits != 0 && arguments.len() + 1 == self.arity {
            return Ok(Value::Validator(Validator { function: self, arguments }));
        }
        if arguments.len() != self.arity {
            return Err(Fail::wrong(at, format!("`{}` takes {} arguments, not {}", self.name, self.arity, arguments.len())));
        }
        (self.call)(machine, &arguments, at)
    }
}

/// A compiled pattern, as Go's regular expressions are.
pub(super) fn pattern(text: &str, at: usize) -> Result<Regex, Fail> {
    go_regex::compile(text).map_err(|error| Fail::wrong(at, format!("`{}` is no regular expression: {error}", crate::fault::shown(text))))
}

fn text(arguments: &[Value], index: usize, at: usize) -> Result<&str, Fail> {
    match arguments.get(index) {
        Some(Value::Atom(Atom::Text(text))) => Ok(text),
        _ => Err(Fail::wrong(at, "an argument is no text")),
    }
}

fn number(arguments: &[Value], index: usize, at: usize) -> Result<&Decimal, Fail> {
    match arguments.get(index) {
        Some(Value::Atom(Atom::Number(number))) => Ok(number),
        _ => Err(Fail::wrong(at, "an argument is no number")),
    }
}

fn count(arguments: &[Value], index: usize, at: usize) -> Result<usize, Fail> {
    number(arguments, index, at)?.count().ok_or_else(|| Fail::wrong(at, "an argument is no count"))
}

fn truth(value: bool) -> Result<Value, Fail> {
    Ok(Value::Atom(Atom::Bool(value)))
}

fn said(text: impl Into<String>) -> Result<Value, Fail> {
    Ok(Value::Atom(Atom::Text(text.into().into())))
}

fn int(value: usize) -> Result<Value, Fail> {
    Ok(Value::Atom(Atom::Number(Decimal::int(value))))
}

/// The values of a list that is whole.
fn items(machine: &mut Machine, arguments: &[Value], index: usize, at: usize) -> Result<Vec<Value>, Fail> {
    let Some(Value::Node(node)) = arguments.get(index) else { return Err(Fail::wrong(at, "an argument is no list")) };
    if !machine.is_list(*node) {
        return Err(Fail::wrong(at, "an argument is no list"));
    }
    let entries = machine.entries(*node);
    entries.into_iter().map(|(_, item)| machine.value_of(item)).collect()
}

fn texts(machine: &mut Machine, arguments: &[Value], index: usize, at: usize) -> Result<Vec<String>, Fail> {
    let items = items(machine, arguments, index, at)?;
    let text = |item: &Value| match item {
        Value::Atom(Atom::Text(text)) => Ok(text.to_string()),
        _ => Err(Fail::wrong(at, "an item is no text")),
    };
    items.iter().map(text).collect()
}

fn numbers(machine: &mut Machine, arguments: &[Value], at: usize) -> Result<Vec<Decimal>, Fail> {
    let items = items(machine, arguments, 0, at)?;
    let number = |item: &Value| match item {
        Value::Atom(Atom::Number(number)) => Ok(number.clone()),
        _ => Err(Fail::wrong(at, "an item is no number")),
    };
    items.iter().map(number).collect()
}

fn length(machine: &mut Machine, arguments: &[Value], at: usize) -> Result<Value, Fail> {
    match arguments.first() {
        Some(Value::Atom(Atom::Text(text))) => int(text.len()),
        Some(Value::Atom(Atom::Bytes(bytes))) => int(bytes.len()),
        Some(Value::Node(node)) => int(machine.entries(*node).len()),
        _ => Err(Fail::wrong(at, "`len` takes text, bytes, a list or a struct")),
    }
}

/// How many items a list has, or fields a struct.
fn size(machine: &Machine, arguments: &[Value], at: usize, list: bool) -> Result<usize, Fail> {
    match arguments.first() {
        Some(Value::Node(node)) if machine.is_list(*node) == list => Ok(machine.entries(*node).len()),
        _ => Err(Fail::wrong(at, if list { "the value is no list" } else { "the value is no struct" })),
    }
}

/// At least so many, where there could still come more.
fn at_least(machine: &Machine, arguments: &[Value], at: usize, list: bool) -> Result<Value, Fail> {
    let (has, least) = (size(machine, arguments, at, list)?, count(arguments, 1, at)?);
    let more =
        matches!(arguments.first(), Some(Value::Node(node)) if if list { machine.is_open_list(*node) } else { !machine.is_closed(*node) });
    if has < least && more {
        let what = if list { "items" } else { "fields" };
        return Err(Fail::open(at, format!("there are {has} {what}, and {least} are asked for")));
    }
    truth(has >= least)
}

fn same(one: &Value, two: &Value, at: usize) -> Result<bool, Fail> {
    match (one, two) {
        (Value::Atom(one), Value::Atom(two)) => Ok(match (one, two) {
            (Atom::Number(one), Atom::Number(two)) => one.compare(two).is_eq(),
            _ => kind_of(one) == kind_of(two) && one == two,
        }),
        (Value::Node(_), Value::Node(_)) => Err(Fail::unsupported(at, "a comparison of structs or lists")),
        _ => Ok(false),
    }
}

/// A time as CUE writes it: in UTC, with as much of a fraction as there is.
fn time_of(text: &str) -> Option<jiff::Timestamp> {
    // jiff takes more than RFC 3339 says.
    let bytes = text.as_bytes();
    let separated = matches!(bytes.get(10), Some(b'T')) && bytes.get(4) == Some(&b'-') && bytes.get(13) == Some(&b':');
    let zoned = text.ends_with('Z')
        || text.len().checked_sub(6).and_then(|at| bytes.get(at)).is_some_and(|sign| matches!(sign, b'+' | b'-'))
            && text.len().checked_sub(3).and_then(|at| bytes.get(at)) == Some(&b':');
    (separated && zoned && bytes.get(16) == Some(&b':')).then(|| text.parse().ok()).flatten()
}

const RFC3339: &str = "2006-01-02T15:04:05Z07:00";
const RFC3339_NANO: &str = "2006-01-02T15:04:05.999999999Z07:00";
const RFC3339_DATE: &str = "2006-01-02";

/// Whether a text is a time of a layout; that time where it is one.
fn in_layout(layout: &str, value: &str, at: usize) -> Result<Option<jiff::Timestamp>, Fail> {
    match layout {
        RFC3339 | RFC3339_NANO => Ok(time_of(value)),
        RFC3339_DATE => {
            let written = value.len() == 10 && value.bytes().all(|byte| byte.is_ascii_digit() || byte == b'-');
            Ok(if written { format!("{value}T00:00:00Z").parse().ok() } else { None })
        }
        _ => Err(Fail::unsupported(at, format!("the layout `{}` of times", crate::fault::shown(layout)))),
    }
}

/// Seconds and nanoseconds of a duration as Go writes them: `1h30m`.
fn duration(text: &str) -> Option<i64> {
    probity_kubernetes::GoDuration::parse(text).ok().map(|duration| duration.0)
}

macro_rules! functions {
    ($($package:literal . $name:literal ($arity:literal, $limits:expr) $call:expr;)*) => {
        /// Functions of packages, sorted.
        static FUNCTIONS: &[(&str, &str, Function)] =
            &[$(($package, $name, Function { name: concat!($package, ".", $name), arity: $arity, limits: $limits, call: $call })),*];
    };
}

functions! {
    "list"."Avg"(1, 0) |machine, a, at| {
        let numbers = numbers(machine, a, at)?;
        let sum = numbers.iter().try_fold(Decimal::int(0), |sum, one| sum.add(one));
        sum.and_then(|sum| sum.div(&Decimal::int(numbers.len()))).map(|avg| Value::Atom(Atom::Number(avg))).ok_or_else(|| Fail::wrong(at, "the list is empty"))
    };
    "list"."Contains"(2, kinds::LIST) |machine, a, at| {
        let items = items(machine, a, 0, at)?;
        let wanted = a.get(1).ok_or_else(|| Fail::wrong(at, "an argument is missing"))?;
        for item in &items {
            if same(item, wanted, at)? {
                return truth(true);
            }
        }
        truth(false)
    };
    "list"."Max"(1, 0) |machine, a, at| extreme(machine, a, at, std::cmp::Ordering::Greater);
    "list"."MaxItems"(2, kinds::LIST) |machine, a, at| truth(size(machine, a, at, true)? <= count(a, 1, at)?);
    "list"."Min"(1, 0) |machine, a, at| extreme(machine, a, at, std::cmp::Ordering::Less);
    "list"."MinItems"(2, kinds::LIST) |machine, a, at| at_least(machine, a, at, true);
    "list"."Sum"(1, 0) |machine, a, at| {
        let sum = numbers(machine, a, at)?.iter().try_fold(Decimal::int(0), |sum, one| sum.add(one));
        sum.map(|sum| Value::Atom(Atom::Number(sum))).ok_or_else(|| Fail::wrong(at, "the sum has too many digits"))
    };
    "list"."UniqueItems"(1, kinds::LIST) |machine, a, at| {
        let items = items(machine, a, 0, at)?;
        for (index, item) in items.iter().enumerate() {
            for other in items.iter().take(index) {
                if same(item, other, at)? {
                    return truth(false);
                }
            }
        }
        truth(true)
    };
    "regexp"."Find"(2, 0) |_, a, at| {
        let found = pattern(text(a, 0, at)?, at)?.find(text(a, 1, at)?).map(|found| found.as_str().to_owned());
        found.map_or_else(|| Err(Fail::wrong(at, "nothing matches")), said)
    };
    "regexp"."Match"(2, 0) |_, a, at| truth(pattern(text(a, 0, at)?, at)?.is_match(text(a, 1, at)?));
    "regexp"."ReplaceAllLiteral"(3, 0) |_, a, at| {
        said(pattern(text(a, 0, at)?, at)?.replace_all(text(a, 1, at)?, regex::NoExpand(text(a, 2, at)?)))
    };
    "regexp"."Valid"(1, kinds::TEXT) |_, a, at| truth(go_regex::compile(text(a, 0, at)?).is_ok());
    "strings"."Contains"(2, kinds::TEXT) |_, a, at| truth(text(a, 0, at)?.contains(text(a, 1, at)?));
    "strings"."ContainsAny"(2, kinds::TEXT) |_, a, at| {
        let any = text(a, 1, at)?;
        truth(text(a, 0, at)?.contains(|letter| any.contains(letter)))
    };
    "strings"."Count"(2, 0) |_, a, at| {
        let (whole, part) = (text(a, 0, at)?, text(a, 1, at)?);
        int(if part.is_empty() { whole.chars().count() + 1 } else { whole.matches(part).count() })
    };
    "strings"."HasPrefix"(2, kinds::TEXT) |_, a, at| truth(text(a, 0, at)?.starts_with(text(a, 1, at)?));
    "strings"."HasSuffix"(2, kinds::TEXT) |_, a, at| truth(text(a, 0, at)?.ends_with(text(a, 1, at)?));
    "strings"."Index"(2, 0) |_, a, at| match text(a, 0, at)?.find(text(a, 1, at)?) {
        Some(index) => int(index),
        None => Ok(Value::Atom(Atom::Number(Decimal::int(-1)))),
    };
    "strings"."Join"(2, 0) |machine, a, at| {
        let texts = texts(machine, a, 0, at)?;
        said(texts.join(text(a, 1, at)?))
    };
    "strings"."MaxRunes"(2, kinds::TEXT) |_, a, at| truth(text(a, 0, at)?.chars().count() <= count(a, 1, at)?);
    "strings"."MinRunes"(2, kinds::TEXT) |_, a, at| truth(text(a, 0, at)?.chars().count() >= count(a, 1, at)?);
    "strings"."Replace"(4, 0) |_, a, at| {
        let (whole, old, new) = (text(a, 0, at)?, text(a, 1, at)?, text(a, 2, at)?);
        let result = match number(a, 3, at)?.count() {
            Some(most) => whole.replacen(old, new, most),
            None => whole.replace(old, new),
        };
        if result.len() > 1 << 20 { Err(Fail::wrong(at, "a text gets too long")) } else { said(result) }
    };
    "strings"."ToLower"(1, 0) |_, a, at| said(text(a, 0, at)?.to_lowercase());
    "strings"."ToUpper"(1, 0) |_, a, at| said(text(a, 0, at)?.to_uppercase());
    "strings"."TrimPrefix"(2, 0) |_, a, at| {
        let whole = text(a, 0, at)?;
        said(whole.strip_prefix(text(a, 1, at)?).unwrap_or(whole))
    };
    "strings"."TrimSpace"(1, 0) |_, a, at| said(text(a, 0, at)?.trim());
    "strings"."TrimSuffix"(2, 0) |_, a, at| {
        let whole = text(a, 0, at)?;
        said(whole.strip_suffix(text(a, 1, at)?).unwrap_or(whole))
    };
    "struct"."MaxFields"(2, kinds::STRUCT) |machine, a, at| truth(size(machine, a, at, false)? <= count(a, 1, at)?);
    "struct"."MinFields"(2, kinds::STRUCT) |machine, a, at| at_least(machine, a, at, false);
    "time"."Duration"(1, kinds::TEXT) |_, a, at| truth(duration(text(a, 0, at)?).is_some());
    "time"."Format"(2, kinds::TEXT) |_, a, at| truth(in_layout(text(a, 1, at)?, text(a, 0, at)?, at)?.is_some());
    "time"."Parse"(2, 0) |_, a, at| match in_layout(text(a, 0, at)?, text(a, 1, at)?, at)? {
        Some(time) => said(time.to_string()),
        None => Err(Fail::wrong(at, format!("`{}` is no such time", crate::fault::shown(text(a, 1, at)?)))),
    };
    "time"."ParseDuration"(1, 0) |_, a, at| match duration(text(a, 0, at)?) {
        Some(nanoseconds) => Ok(Value::Atom(Atom::Number(Decimal::int(nanoseconds)))),
        None => Err(Fail::wrong(at, "the text is no duration")),
    };
    "time"."Time"(1, kinds::TEXT) |_, a, at| truth(time_of(text(a, 0, at)?).is_some());
}

fn extreme(machine: &mut Machine, arguments: &[Value], at: usize, wanted: std::cmp::Ordering) -> Result<Value, Fail> {
    let numbers = numbers(machine, arguments, at)?;
    let mut best: Option<Decimal> = None;
    for one in numbers {
        if best.as_ref().is_none_or(|before| one.compare(before) == wanted) {
            best = Some(one);
        }
    }
    best.map(|best| Value::Atom(Atom::Number(best))).ok_or_else(|| Fail::wrong(at, "the list is empty"))
}

static LEN: Function = Function { name: "len", arity: 1, limits: 0, call: length };
static CLOSE: Function = Function { name: "close", arity: 1, limits: 0, call: |_, _, at| Err(Fail::unsupported(at, "`close` here")) };

const NANOSECONDS: &[(&str, i64)] = &[
    ("Hour", 3_600_000_000_000),
    ("Microsecond", 1000),
    ("Millisecond", 1_000_000),
    ("Minute", 60_000_000_000),
    ("Nanosecond", 1),
    ("Second", 1_000_000_000),
];

const TYPES: &[(&str, u16)] = &[
    ("bool", kinds::BOOL),
    ("bytes", kinds::BYTES),
    ("float", kinds::FLOAT),
    ("int", kinds::INT),
    ("number", kinds::NUMBER),
    ("string", kinds::TEXT),
];

/// Whether a package is known.
pub(super) fn has_package(path: &str) -> bool {
    FUNCTIONS.iter().any(|(package, ..)| *package == path)
}

/// Whether a name means something everywhere.
pub(super) fn is_predeclared(name: &str) -> bool {
    predeclared(name).is_some()
}

/// What a name means everywhere.
pub(super) fn predeclared(name: &str) -> Option<Value> {
    match name {
        "len" => Some(Value::Function(&LEN)),
        "close" => Some(Value::Function(&CLOSE)),
        _ => TYPES.iter().find(|(known, _)| *known == name).map(|(_, kinds)| Value::Kinds(*kinds)),
    }
}

/// A member of a package.
pub(super) fn member(package: &str, name: &str) -> Option<Value> {
    if package == "time" {
        let layout = match name {
            "RFC3339" => Some(RFC3339),
            "RFC3339Nano" => Some(RFC3339_NANO),
            "RFC3339Date" => Some(RFC3339_DATE),
            _ => None,
        };
        if let Some(layout) = layout {
            return Some(Value::Atom(Atom::Text(layout.into())));
        }
        if let Some((_, nanoseconds)) = NANOSECONDS.iter().find(|(known, _)| *known == name) {
            return Some(Value::Atom(Atom::Number(Decimal::int(*nanoseconds))));
        }
    }
    FUNCTIONS.iter().find(|(of, known, _)| *of == package && *known == name).map(|(_, _, function)| Value::Function(function))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_reference_has_every_function() {
        let reference = include_str!("../../../../docs/reference/cue-subset.md");
        for (_, _, function) in FUNCTIONS {
            assert!(reference.contains(&format!("`{}`", function.name)), "{}", function.name);
        }
        assert!(FUNCTIONS.is_sorted_by_key(|(package, name, _)| (*package, *name)));
    }
}
