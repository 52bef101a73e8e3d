//! Variables of a service (`${self:custom.name}`, `${file(x.yml):key}`, `${opt:stage, 'dev'}`) to values.
//!
//! **Invariant:** working them out always ends: every value takes a step of a budget, and nesting (also through variables) is limited.

use std::cell::{Cell, RefCell};
use std::collections::BTreeMap;
use std::sync::Arc;

use probity_core::{Diagnostic, Level, Scope, TreeError};
use probity_value::yaml;
use probity_value::{Data, FileId, Map, Span, StepKind, Unknown, UnknownKind, Value};

use crate::cloudformation::OPTIONS;
use crate::terraform::eval::text::Text;
use crate::terraform::eval::{derived, inherit, through};
use crate::terraform::functions::{to_bool, to_number, to_text, with_marks};
use crate::terraform::path::{folder, join};

/// Nesting of values, also through variables.
const MAX_DEPTH: u32 = 280;
/// Levels a variable counts for: following one takes more of the stack than a list in a list.
const VARIABLE_DEPTH: u32 = 8;
/// Steps one service may take.
const MAX_STEPS: u64 = 1_000_000;
/// Steps a text with variables takes.
const STEPS_PER_VARIABLE: u64 = 16;
/// Files one service may name.
const MAX_FILES: usize = 1_000;

/// A file that was read for the service.
pub(super) struct Included {
    pub(super) text: Arc<str>,
    pub(super) id: FileId,
    pub(super) value: Value,
    /// Whether it is YAML or JSON, not plain text.
    pub(super) parsed: bool,
    /// Why it could not be read.
    pub(super) broken: Option<String>,
}

/// What a variable leads to.
enum Found {
    Value(Value),
    /// Nothing is there; the next source of the variable is asked.
    Nothing(String),
}

/// What works out one service.
pub(super) struct Resolver<'s> {
    scope: &'s Scope<'s>,
    path: Arc<str>,
    root: Value,
    files: RefCell<BTreeMap<Arc<str>, Option<Included>>>,
    steps: Cell<u64>,
    depth: Cell<u32>,
    spent: Cell<bool>,
    said: RefCell<Vec<Diagnostic>>,
}

impl<'s> Resolver<'s> {
    pub(super) fn new(scope: &'s Scope<'s>, path: &Arc<str>, root: Value) -> Resolver<'s> {
        Resolver {
            scope,
            path: Arc::clone(path),
            root,
            files: RefCell::default(),
            steps: Cell::new(scope.options.max_steps.min(MAX_STEPS)),
            depth: Cell::new(0),
            spent: Cell::new(false),
            said: RefCell::default(),
        }
    }

    /// The files that were read, what there is to say, and whether a limit was met.
    pub(super) fn finish(self) -> (BTreeMap<Arc<str>, Option<Included>>, Vec<Diagnostic>, bool) {
        (self.files.into_inner(), self.said.into_inner(), self.spent.get())
    }

    fn say(&self, level: Level, code: &'static str, span: Span, message: String) {
        let mut said = self.said.borrow_mut();
        if said.len() < 100 && !said.iter().any(|other| other.span == span && other.message == message) {
            said.push(Diagnostic::new(level, code, Arc::clone(&self.path), span, message));
        }
    }

    fn limit(&self, span: Span) -> Value {
        self.spent.set(true);
        Value::unknown(UnknownKind::Limit, "the variables hang on themselves, or take more steps than the budget allows", span)
    }

    /// A value with its variables worked out.
    pub(super) fn resolve(&self, value: &Value) -> Value {
        match &value.data {
            Data::String(text) if !text.contains("${") => value.clone(),
            Data::String(_) | Data::List(_) | Data::Map(_) => {
                let (steps, levels) = if value.as_str().is_some() { (STEPS_PER_VARIABLE, VARIABLE_DEPTH) } else { (1, 1) };
                let left = self.steps.get().checked_sub(steps);
                let depth = self.depth.get();
                let deeper = depth + levels;
                let (Some(left), true) = (left, deeper < MAX_DEPTH) else { return self.limit(value.span) };
                self.steps.set(left);
                self.depth.set(deeper);
                let out = self.inside(value);
                self.depth.set(depth);
                out
            }
            _ => value.clone(),
        }
    }

    fn inside(&self, value: &Value) -> Value {
        let like = |data: Data| Value { data, span: value.span, origin: value.origin.clone(), sensitive: value.sensitive };
        match &value.data {
            Data::List(items) => like(Data::List(Arc::new(items.iter().map(|item| self.resolve(item)).collect()))),
            Data::Map(map) => {
                let mut out = Map::new();
                for (key, entry) in map.iter() {
                    let name = if key.contains("${") {
                        to_text(&self.resolve(&Value::string(Arc::clone(key), entry.key))).unwrap_or_else(|| Arc::clone(key))
                    } else {
                        Arc::clone(key)
                    };
                    out.insert(name, entry.key, self.resolve(&entry.value));
                }
                like(Data::Map(Arc::new(out)))
            }
            Data::String(text) => {
                let found = self.text(text, value.span);
                with_marks(found, std::iter::once(&like(Data::Null)), false)
            }
            _ => value.clone(),
        }
    }

    /// A text with variables; one that is a single variable is whatever that is.
    fn text(&self, text: &str, span: Span) -> Value {
        let mut out = Text::default();
        let mut rest = text;
        let mut first = true;
        while let Some(at) = rest.find("${") {
            let (before, from) = rest.split_at_checked(at).unwrap_or((rest, ""));
            let Some(end) = closing(from) else { break };
            let (whole, behind) = from.split_at_checked(end).unwrap_or((from, ""));
            let inside = whole.get(2..whole.len().saturating_sub(1)).unwrap_or_default();
            match self.variable(inside, span) {
                Some(value) if first && before.is_empty() && behind.is_empty() => return value.at(span),
                Some(value) => {
                    out.push(before);
                    out.remember(&value);
                    match (to_text(&value), value.is_unknown()) {
                        (Some(text), _) => {
                            self.steps.set(self.steps.get().saturating_sub(text.len() as u64 / 16));
                            out.push(&text);
                        }
                        (None, true) => out.push_unknown(value),
                        (None, false) => {
                            let why = "a list or map cannot be put into a text";
                            out.push_unknown(Value::unknown(UnknownKind::Invalid, why, span));
                        }
                    }
                    rest = behind;
                }
                // `${Bucket}` and `${AWS::Region}` are for CloudFormation.
                None => {
                    out.push(before);
                    out.push("${");
                    rest = from.get(2..).unwrap_or_default();
                }
            }
            first = false;
        }
        out.push(rest);
        out.finish(span)
    }

    /// What stands between `${` and `}`; `None` where that is no variable of the framework.
    fn variable(&self, inside: &str, span: Span) -> Option<Value> {
        let sources = split(inside);
        if !sources.first().is_some_and(|source| is_source(source)) {
            return None;
        }
        let mut why = String::new();
        for (index, source) in sources.iter().enumerate() {
            let last = index + 1 == sources.len();
            match self.source(source, last, index > 0, span) {
                Found::Value(value) => return Some(value),
                Found::Nothing(reason) => why = reason,
            }
        }
        self.say(Level::Warning, "serverless-variable", span, why.clone());
        Some(Value::unknown(UnknownKind::Invalid, why, span))
    }

    /// One source of a variable.
    fn source(&self, source: &str, last: bool, fallback: bool, span: Span) -> Found {
        let source = source.trim();
        let nested = self.resolve(&Value::string(source, span));
        let written = source.starts_with("${") && closing(source) == Some(source.len());
        if written {
            return if nested.is_null() { Found::Nothing(format!("`{source}` is nothing")) } else { Found::Value(nested) };
        }
        let Some(address) = to_text(&nested) else {
            // Where to look hangs on something that is not known.
            return Found::Value(match &nested.data {
                Data::Unknown(unknown) => with_marks(derived(unknown, false, span), std::iter::once(&nested), false),
                _ => nested,
            });
        };
        let given = |kind: &str, name: &str| match last {
            // Somebody may give another value; what is written is what it is otherwise.
            false => Found::Nothing(String::new()),
            true => {
                let reason = format!("{kind} `{name}` has no value here");
                Found::Value(Value::unknown(UnknownKind::Variable, reason, span))
            }
        };
        if let Some(name) = address.strip_prefix("self:") {
            return self.walk(&self.root, name, span);
        }
        if let Some(name) = address.strip_prefix("opt:") {
            return given("the option", name);
        }
        if let Some(name) = address.strip_prefix("env:") {
            return given("the environment variable", name);
        }
        if let Some(name) = address.strip_prefix("param:") {
            return match self.walk(&self.root, &format!("params.default.{name}"), span) {
                Found::Nothing(_) => given("the parameter", name),
                found @ Found::Value(_) => found,
            };
        }
        if let Some(name) = address.strip_prefix("sls:") {
            return match (name, self.walk(&self.root, "provider.stage", span)) {
                ("stage", Found::Value(value)) => Found::Value(value),
                ("stage", Found::Nothing(_)) => Found::Value(Value::string("dev", span)),
                _ => Found::Value(later(format!("`sls:{name}` is known only when it is deployed"), span)),
            };
        }
        if let Some((path, behind)) = address.strip_prefix("file(").and_then(|rest| rest.split_once(')')) {
            return self.file(path.trim(), behind.strip_prefix(':').unwrap_or_default(), span);
        }
        if let Some(text) = address.strip_prefix("strToBool(").and_then(|rest| rest.strip_suffix(')')) {
            return match to_bool(&Value::string(text.trim().trim_matches(['\'', '"']), span)) {
                Some(truth) => Found::Value(Value::bool(truth, span)),
                None => Found::Value(Value::unknown(UnknownKind::Invalid, format!("`{text}` is neither true nor false"), span)),
            };
        }
        if fallback && !is_source(&address) {
            return Found::Value(literal(&address, span));
        }
        Found::Value(later(format!("`{}` is read when the service is deployed", short(&address)), span))
    }

    /// What a dotted address leads to, variables on the way and in it worked out.
    fn walk(&self, from: &Value, address: &str, span: Span) -> Found {
        let mut at = from.clone();
        for name in address.split('.').filter(|name| !name.is_empty()) {
            if at.as_str().is_some() {
                at = self.resolve(&at);
            }
            let next = match &at.data {
                Data::Map(map) => map.get(name).cloned(),
                Data::List(items) => name.parse::<usize>().ok().and_then(|index| items.get(index)).cloned(),
                Data::Unknown(unknown) => {
                    return Found::Value(with_marks(derived(unknown, false, span), std::iter::once(&at), false));
                }
                _ => None,
            };
            match next {
                Some(next) => at = inherit(&Value { data: Data::Null, ..at }, &next),
                None => return Found::Nothing(format!("there is nothing under `{}`", short(address))),
            }
        }
        let place = at.span;
        let value = self.resolve(&at);
        if value.is_null() {
            return Found::Nothing(format!("there is nothing under `{}`", short(address)));
        }
        Found::Value(through(value, StepKind::Local, short(address), place, None))
    }

    fn file(&self, written: &str, address: &str, span: Span) -> Found {
        let written = written.trim_matches(['\'', '"']);
        let relative = written.strip_prefix("./").unwrap_or(written);
        let unknown = |why: String| Found::Value(Value::unknown(UnknownKind::File, why, span));
        let Some(path) = join(folder(&self.path), relative).filter(|_| !relative.starts_with('~')) else {
            let why = format!("the file `{}` is not in the repository", short(written));
            self.say(Level::Warning, "serverless-file", span, why.clone());
            return unknown(why);
        };
        let path: Arc<str> = path.into();
        let ending = path.rsplit_once('.').map_or("", |(_, ending)| ending).to_ascii_lowercase();
        if matches!(ending.as_str(), "js" | "cjs" | "mjs" | "ts") {
            let why = format!("`{}` is a program, which is not run", short(written));
            self.say(Level::Warning, "serverless-file", span, why.clone());
            return unknown(why);
        }
        if !self.files.borrow().contains_key(&path) {
            let full = self.files.borrow().len() >= MAX_FILES;
            let read = if full { None } else { self.read(&path, &ending, span) };
            self.files.borrow_mut().insert(Arc::clone(&path), read);
        }
        let value = match self.files.borrow().get(&path) {
            Some(Some(included)) if included.broken.is_none() => included.value.clone(),
            Some(Some(included)) => {
                let why = included.broken.clone().unwrap_or_default();
                return unknown(format!("the file `{}` cannot be read: {why}", short(written)));
            }
            _ => return Found::Nothing(format!("there is no file `{}`", short(written))),
        };
        self.walk(&value, address, span)
    }

    fn read(&self, path: &Arc<str>, ending: &str, span: Span) -> Option<Included> {
        let bytes = match self.scope.tree.read(path) {
            Ok(bytes) if bytes.len() as u64 <= self.scope.options.max_file_size => bytes,
            Err(TreeError::Missing) => return None,
            Ok(_) | Err(_) => {
                let why = format!("the file `{path}` cannot be read");
                self.say(Level::Warning, "serverless-file", span, why);
                return None;
            }
        };
        let Ok(text) = std::str::from_utf8(&bytes) else {
            self.say(Level::Warning, "serverless-file", span, format!("the file `{path}` is not UTF-8 text"));
            return None;
        };
        let text: Arc<str> = text.into();
        let id = self.scope.sources.add(Arc::clone(path), Arc::clone(&text));
        if !matches!(ending, "yml" | "yaml" | "json") {
            let value = Value::string(Arc::clone(&text), Span::new(id, 0..text.len()));
            return Some(Included { text, id, value, parsed: false, broken: None });
        }
        let (documents, problems) = yaml::parse_with(&text, id, OPTIONS);
        let mut broken = None;
        for problem in &problems {
            let level = if problem.fatal { Level::Error } else { Level::Warning };
            let diagnostic = Diagnostic::new(level, problem.code, Arc::clone(path), problem.span, problem.message.clone());
            self.said.borrow_mut().push(diagnostic);
            if problem.fatal {
                broken = Some("not valid YAML".to_owned());
            }
        }
        let value = documents.into_iter().next().map_or_else(|| Value::null(Span::new(id, 0..0)), |document| document.value);
        Some(Included { text, id, value, parsed: true, broken })
    }
}

/// Something that is there, and is read when the service is deployed.
fn later(reason: String, span: Span) -> Value {
    let unknown =
        Unknown { kind: UnknownKind::DataSource, reason: reason.into(), set: true, prefix: "".into(), suffix: "".into(), decoded: None };
    Value::new(Data::Unknown(Arc::new(unknown)), span)
}

/// The first letters of a text of somebody else's.
fn short(text: &str) -> String {
    text.chars().take(80).collect()
}

/// The byte behind the `}` that closes the `${` a text begins with.
fn closing(text: &str) -> Option<usize> {
    let bytes = text.as_bytes();
    let mut depth = 0_usize;
    for (at, byte) in bytes.iter().enumerate() {
        match byte {
            b'{' if at > 0 && bytes.get(at - 1) == Some(&b'$') => depth += 1,
            b'}' => {
                depth = depth.checked_sub(1)?;
                if depth == 0 {
                    return Some(at + 1);
                }
            }
            _ => {}
        }
    }
    None
}

/// The sources of a variable: parts between commas that are in no quotes, brackets or inner variables.
fn split(text: &str) -> Vec<&str> {
    let mut out = Vec::new();
    let (mut start, mut depth, mut quote) = (0, 0_usize, None);
    for (at, letter) in text.char_indices() {
        match (quote, letter) {
            (Some(open), letter) if letter == open => quote = None,
            (Some(_), _) => {}
            (None, '\'' | '"') => quote = Some(letter),
            (None, '{' | '(' | '[') => depth += 1,
            (None, '}' | ')' | ']') => depth = depth.saturating_sub(1),
            (None, ',') if depth == 0 => {
                out.push(text.get(start..at).unwrap_or_default());
                start = at + 1;
            }
            _ => {}
        }
    }
    out.push(text.get(start..).unwrap_or_default());
    out
}

/// `self:a`, `file(b)`, `ssm.eu-west-1:/c`, or another variable; not `AWS::Region` nor `Bucket.Arn`.
fn is_source(text: &str) -> bool {
    let text = text.trim();
    if text.starts_with("${") {
        return true;
    }
    let end = text.find([':', '(']).unwrap_or(text.len());
    let (name, rest) = text.split_at_checked(end).unwrap_or((text, ""));
    let word = name.chars().all(|letter| letter.is_ascii_alphanumeric() || matches!(letter, '.' | '-' | '_'));
    word && name.starts_with(|letter: char| letter.is_ascii_lowercase()) && !rest.is_empty() && !rest.starts_with("::")
}

/// A default as it is written: text in quotes, a number, true, false, null.
fn literal(text: &str, span: Span) -> Value {
    let quoted = ['\'', '"'].into_iter().find_map(|quote| text.strip_prefix(quote)?.strip_suffix(quote));
    match (quoted, text) {
        (Some(inside), _) => Value::string(inside, span),
        (None, "true") => Value::bool(true, span),
        (None, "false") => Value::bool(false, span),
        (None, "null" | "~") => Value::null(span),
        (None, text) => match to_number(&Value::string(text, span)) {
            Some(number) => Value::new(Data::Number(number), span),
            None => Value::string(text, span),
        },
    }
}
