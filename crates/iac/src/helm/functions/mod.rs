//! The functions templates may call: Go's own, sprig's, and Helm's.
//!
//! What depends on chance, time or a secret gives something that cannot be known, which stays so through whatever is done with it.

mod builtin;
mod chart;
pub(super) mod dates;
mod dicts;
mod encoding;
mod lists;
mod logic;
mod numbers;
mod paths;
mod strings;

use std::rc::Rc;

use probity_value::{Span, UnknownKind};

use super::exec::{Engine, Stop, wrong};
use super::printing;
use super::text::Text;
use super::value::{Data, Files, List, Lost, Map, Special, Val};

/// One function.
pub(super) struct Function {
    /// Its name.
    pub(super) name: &'static str,
    /// Fewest arguments.
    pub(super) least: usize,
    /// Most arguments.
    pub(super) most: usize,
    /// Whether it deals with what cannot be known itself. The others give something that cannot be known when they are given it.
    pub(super) through: bool,
    /// Whether it walks over all that its arguments hold.
    pub(super) deep: bool,
    /// Whether its answer is true or false, so that one that cannot be known is not sure to be true.
    pub(super) question: bool,
    /// Runs it.
    pub(super) run: fn(&mut Call<'_, '_>) -> Answer,
}

impl std::fmt::Debug for Function {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(self.name)
    }
}

/// What a function gives.
pub(super) type Answer = Result<Val, Problem>;

/// Why it gives nothing.
#[derive(Debug)]
pub(super) enum Problem {
    /// What is wrong with the call.
    Wrong(String),
    /// It depends on what cannot be known; what does.
    Lost(Lost, &'static str),
    /// A template it called ended.
    Stop(Stop),
}

impl From<Stop> for Problem {
    fn from(stop: Stop) -> Problem {
        Problem::Stop(stop)
    }
}

/// Any number of arguments.
const MANY: usize = usize::MAX;

/// A function that passes what cannot be known through.
const fn through(name: &'static str, least: usize, most: usize, run: fn(&mut Call<'_, '_>) -> Answer) -> Function {
    Function { name, least, most, through: true, deep: false, question: false, run }
}

/// A function whose result cannot be known when an argument cannot.
const fn opaque(name: &'static str, least: usize, most: usize, run: fn(&mut Call<'_, '_>) -> Answer) -> Function {
    Function { name, least, most, through: false, deep: false, question: false, run }
}

/// The same for a question.
const fn question(name: &'static str, least: usize, most: usize, run: fn(&mut Call<'_, '_>) -> Answer) -> Function {
    Function { name, least, most, through: false, deep: false, question: true, run }
}

impl Function {
    const fn deep(mut self) -> Function {
        self.deep = true;
        self
    }
}

const TABLES: &[&[Function]] = &[
    builtin::TABLE,
    chart::TABLE,
    dates::TABLE,
    dicts::TABLE,
    encoding::TABLE,
    lists::TABLE,
    logic::TABLE,
    numbers::TABLE,
    paths::TABLE,
    strings::TABLE,
];

/// The function of that name.
pub(super) fn find(name: &str) -> Option<&'static Function> {
    TABLES.iter().find_map(|table| table.iter().find(|function| function.name == name))
}

/// One call.
pub(super) struct Call<'c, 'e> {
    pub(super) engine: &'c mut Engine<'e>,
    pub(super) name: &'static str,
    pub(super) arguments: Vec<Val>,
    pub(super) span: Span,
}

fn refuse<T>(message: impl Into<String>) -> Result<T, Problem> {
    Err(Problem::Wrong(message.into()))
}

impl Call<'_, '_> {
    /// The argument, nil where it is not there.
    fn any(&self, at: usize) -> Val {
        self.arguments.get(at).cloned().unwrap_or_else(Val::nil)
    }

    fn count(&self) -> usize {
        self.arguments.len()
    }

    fn marker(&self) -> char {
        self.engine.marker
    }

    /// An argument that must be text, its places kept.
    fn text(&self, at: usize) -> Result<Text, Problem> {
        let value = self.any(at);
        match &value.data {
            Data::Str(text) => Ok(text.showing(value.from.as_ref())),
            Data::Lost(lost) => Ok(Text::from(super::value::marked(*lost, self.marker()))),
            _ => refuse(format!("argument {} must be a string, not {}", at + 1, named(&value))),
        }
    }

    fn string(&self, at: usize) -> Result<Rc<str>, Problem> {
        Ok(self.text(at)?.shared())
    }

    fn int(&self, at: usize) -> Result<i64, Problem> {
        let value = self.any(at);
        match &value.data {
            Data::Int(value, _) => Ok(*value),
            Data::Lost(lost) => Err(Problem::Lost(*lost, "a number")),
            _ => refuse(format!("argument {} must be a whole number, not {}", at + 1, named(&value))),
        }
    }

    fn map(&self, at: usize) -> Result<Map, Problem> {
        let value = self.any(at);
        match &value.data {
            Data::Map(map) => Ok(map.clone()),
            Data::Lost(lost) => Err(Problem::Lost(*lost, "a map")),
            _ => refuse(format!("argument {} must be a map, not {}", at + 1, named(&value))),
        }
    }

    fn list(&self, at: usize) -> Result<List, Problem> {
        let value = self.any(at);
        match &value.data {
            Data::List(list) => Ok(list.clone()),
            Data::Lost(lost) => Err(Problem::Lost(*lost, "a list")),
            Data::Special(special) => match &**special {
                Special::ApiVersions => Ok(List::new(super::render::API_VERSIONS.iter().map(|version| Val::from(*version)).collect())),
                _ => refuse(format!("argument {} must be a list, not {}", at + 1, named(&value))),
            },
            _ => refuse(format!("argument {} must be a list, not {}", at + 1, named(&value))),
        }
    }

    /// Any argument as sprig's `toString` gives it.
    fn shown(&self, at: usize) -> Text {
        self.shown_value(&self.any(at))
    }

    fn shown_value(&self, value: &Val) -> Text {
        match &value.data {
            Data::Str(text) => text.showing(value.from.as_ref()),
            _ => Text::from(printing::sprint(value, self.marker())).showing(value.from.as_ref()),
        }
    }

    /// Something that cannot be known, for a reason.
    fn lost(&mut self, reason: &str) -> Val {
        let reason = self.engine.reason(UnknownKind::Function, reason);
        Val::lost(reason, true)
    }

    /// Whether a value is empty, where that can be known.
    fn empty(&self, value: &Val) -> Result<bool, Problem> {
        value.empty().map_err(|lost| Problem::Lost(lost, "a condition"))
    }
}

/// A value's type for messages.
fn named(value: &Val) -> &'static str {
    if value.is_nil() { "nil" } else { value.type_name() }
}

/// A field or method of something that has methods.
pub(super) fn method(engine: &mut Engine<'_>, special: &Special, name: &str, arguments: &[Val], span: Span) -> Result<Val, Stop> {
    let text = |at: usize| -> Result<&str, Stop> {
        arguments.get(at).and_then(Val::as_str).ok_or_else(|| wrong(format!("`.{name}` needs text as argument {}", at + 1), span))
    };
    Ok(match special {
        Special::ApiVersions if name == "Has" => {
            let wanted = text(0)?;
            Val::from(super::render::API_VERSIONS.contains(&wanted))
        }
        Special::Files(files) => return chart::file_method(engine, files, name, arguments, span),
        Special::Version(version) => match name {
            "Major" => Val::int(i64::try_from(version.major).unwrap_or(i64::MAX)),
            "Minor" => Val::int(i64::try_from(version.minor).unwrap_or(i64::MAX)),
            "Patch" => Val::int(i64::try_from(version.patch).unwrap_or(i64::MAX)),
            "Prerelease" => Val::from(&*version.pre),
            "Metadata" => Val::from(&*version.build),
            "Original" => Val::from(&*version.original),
            "String" => Val::from(version.to_string()),
            "Compare" | "Equal" | "LessThan" | "GreaterThan" => {
                let other = arguments.first().and_then(|value| match &value.data {
                    Data::Special(special) => match &**special {
                        Special::Version(version) => Some(version.clone()),
                        _ => None,
                    },
                    _ => None,
                });
                let Some(other) = other else { return Err(wrong(format!("`.{name}` needs what `semver` gives"), span)) };
                let order = version.precedence(&other);
                match name {
                    "Compare" => Val::int(order as i64),
                    "Equal" => Val::from(order.is_eq()),
                    "LessThan" => Val::from(order.is_lt()),
                    _ => Val::from(order.is_gt()),
                }
            }
            _ => return Err(wrong(format!("a version has no field `{name}`"), span)),
        },
        Special::Time(time) => match name {
            "Format" => Val::from(dates::format(time, text(0)?)),
            "Unix" => Val::int64(dates::unix(time)),
            "Year" => Val::int(i64::from(time.year())),
            "Month" => Val::from(dates::format(time, "January")),
            "Weekday" => Val::from(dates::format(time, "Monday")),
            "YearDay" => Val::int(i64::from(time.day_of_year())),
            "Day" => Val::int(i64::from(time.day())),
            "Hour" => Val::int(i64::from(time.hour())),
            "Minute" => Val::int(i64::from(time.minute())),
            "Second" => Val::int(i64::from(time.second())),
            "String" => Val::from(dates::default_format(time)),
            "UTC" => Data::Special(Rc::new(Special::Time(*time))).into(),
            _ => return Err(wrong(format!("a date has no field `{name}`"), span)),
        },
        Special::ApiVersions => return Err(wrong(format!("`.Capabilities.APIVersions` has no method `{name}`"), span)),
    })
}

/// The files of a chart as a value.
pub(super) fn files(chart: usize, names: Vec<Rc<str>>) -> Val {
    Data::Special(Rc::new(Special::Files(Files { chart, names }))).into()
}
