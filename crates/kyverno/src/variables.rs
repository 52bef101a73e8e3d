//! Variables in policies: `{{ expression }}` in any text or key, and `$(path)` for another part of the policy.
//!
//! A template is made once, when a policy is loaded; what stands in it is read then. Text that is a variable and nothing else becomes the
//! value itself; a variable within text becomes its JSON text. What a variable brings in is looked through for variables again, except
//! after `{{-`.

use std::sync::Arc;

use probity_core::Operation;
use probity_value::{Data, Map, Span, Value};

use crate::jmespath::{Evaluation, Expression, JmesError};
use crate::json;
use crate::scope::Scope;

/// How often text is looked through for variables that variables brought in.
const MAX_ROUNDS: usize = 64;

/// How deep documents may nest.
const MAX_DEPTH: usize = 256;

/// A document with its variables found.
#[derive(Debug)]
pub struct Template {
    root: Part,
}

#[derive(Debug)]
enum Part {
    /// Nothing in it changes.
    Constant(Value),
    /// Text with variables.
    Text(Text),
    List(Vec<Part>, Span),
    Map(Vec<Field>, Span),
}

#[derive(Debug)]
struct Field {
    key: Key,
    at: Span,
    value: Part,
}

#[derive(Debug)]
enum Key {
    Plain(Arc<str>),
    Text(Text),
}

/// Text with variables: as it stands, and the variables that can be read beforehand.
#[derive(Debug)]
struct Text {
    text: Arc<str>,
    at: Span,
    /// The path of the text in the document, for `{{@}}` and messages.
    path: Arc<str>,
    variables: Vec<Variable>,
}

/// A variable as it stands in a text.
#[derive(Debug)]
struct Variable {
    /// With its braces.
    text: Box<str>,
    expression: Expression,
    /// The one asked instead when an object is taken away.
    on_delete: Option<Expression>,
}

impl Template {
    /// Finds the variables of a document. `base` is where the document stands in the rule (`["validate", "pattern"]`), which `{{@}}` leans on.
    ///
    /// # Errors
    /// An expression is wrong, or a `$(path)` names nothing.
    pub fn parse(document: &Value, base: &[&str]) -> Result<Template, JmesError> {
        let mut path = String::new();
        for step in base {
            path.push('/');
            path.push_str(step);
        }
        Ok(Template { root: part(document, document, &mut path, base, 0)? })
    }

    /// The value of a template that has no variables.
    #[must_use]
    pub fn constant(&self) -> Option<&Value> {
        match &self.root {
            Part::Constant(value) => Some(value),
            _ => None,
        }
    }

    /// The document with the values of its variables.
    ///
    /// # Errors
    /// A variable has no value, a key is no text, or a bound is met.
    pub fn substitute(&self, scope: &Scope<'_>) -> Result<Value, JmesError> {
        let deleted = scope.operation() == Some(Operation::Delete);
        fill(&self.root, &Run { scope, deleted })
    }

    /// The text of a document that is text, with the values of its variables; other values as JSON text.
    ///
    /// # Errors
    /// As [`Template::substitute`].
    pub fn substitute_text(&self, scope: &Scope<'_>) -> Result<String, JmesError> {
        let value = self.substitute(scope)?;
        embedded(&value, scope.evaluation())
    }
}

/// A value as it stands within text.
fn embedded(value: &Value, evaluation: &Evaluation<'_>) -> Result<String, JmesError> {
    match &value.data {
        Data::String(text) => {
            evaluation.grow(text.len())?;
            Ok(text.to_string())
        }
        _ => json::write(value, evaluation),
    }
}

fn part(value: &Value, document: &Value, path: &mut String, base: &[&str], depth: usize) -> Result<Part, JmesError> {
    if depth > MAX_DEPTH {
        return Err(JmesError::limit("the document nests too deep").at(value.span));
    }
    match &value.data {
        Data::String(text) => match text_part(text, value.span, document, path, base)? {
            Key::Plain(plain) if plain == *text => Ok(Part::Constant(value.clone())),
            Key::Plain(plain) => Ok(Part::Constant(Value { data: Data::String(plain), ..value.clone() })),
            Key::Text(text) => Ok(Part::Text(text)),
        },
        Data::List(items) => {
            let mut parts = Vec::with_capacity(items.len());
            for (at, item) in items.iter().enumerate() {
                let length = path.len();
                path.push_str(&format!("/{at}"));
                parts.push(part(item, document, path, base, depth + 1)?);
                path.truncate(length);
            }
            if parts.iter().all(|part| matches!(part, Part::Constant(_))) {
                let items = parts.into_iter().filter_map(|part| if let Part::Constant(value) = part { Some(value) } else { None });
                return Ok(Part::Constant(Value { data: Data::List(Arc::new(items.collect())), ..value.clone() }));
            }
            Ok(Part::List(parts, value.span))
        }
        Data::Map(map) => {
            let mut fields = Vec::with_capacity(map.len());
            for (name, entry) in map.iter() {
                let key = text_part(name, entry.key, document, path, base)?;
                let length = path.len();
                path.push('/');
                path.push_str(&name.replace('/', "\\/"));
                let value = part(&entry.value, document, path, base, depth + 1)?;
                path.truncate(length);
                fields.push(Field { key, at: entry.key, value });
            }
            if fields.iter().all(|field| matches!(field, Field { key: Key::Plain(_), value: Part::Constant(_), .. })) {
                let mut map = Map::new();
                for field in fields {
                    if let (Key::Plain(key), Part::Constant(value)) = (field.key, field.value) {
                        map.insert(key, field.at, value);
                    }
                }
                return Ok(Part::Constant(Value { data: Data::Map(Arc::new(map)), ..value.clone() }));
            }
            Ok(Part::Map(fields, value.span))
        }
        _ => Ok(Part::Constant(value.clone())),
    }
}

/// Text with its references resolved and its variables read.
fn text_part(text: &Arc<str>, at: Span, document: &Value, path: &str, base: &[&str]) -> Result<Key, JmesError> {
    let text = if text.contains("$(") {
        references::resolve(text, document, path, base).map_err(|error| error.at(at))?.into()
    } else {
        Arc::clone(text)
    };
    if !text.contains("{{") {
        return Ok(Key::Plain(text));
    }
    let found = find_all(&text);
    if found.is_empty() {
        return Ok(Key::Plain(unescaped(&text)));
    }
    let mut variables = Vec::new();
    for occurrence in found {
        let inner = Inner::of(occurrence.variable);
        if inner.text == "@" {
            continue;
        }
        let expression = Expression::parse(&inner.text, at)?;
        let on_delete = match inner.text.contains("request.object") {
            true => Some(Expression::parse(&inner.text.replace("request.object", "request.oldObject"), at)?),
            false => None,
        };
        variables.push(Variable { text: occurrence.variable.into(), expression, on_delete });
    }
    Ok(Key::Text(Text { text, at, path: path.into(), variables }))
}

fn unescaped(text: &str) -> Arc<str> {
    text.replace("\\{{", "{{").into()
}

/// A variable found in a text.
struct Occurrence<'t> {
    /// The character before it, which belongs to what is replaced.
    before: &'t str,
    /// The variable with its braces.
    variable: &'t str,
}

/// All variables of a text, as `(^|[^\\])(\{\{(?:\{[^{}]*\}|[^{}])*\}\})` finds them.
fn find_all(text: &str) -> Vec<Occurrence<'_>> {
    let mut found = Vec::new();
    let mut at = 0;
    while let Some(next) = text.get(at..).and_then(|rest| rest.find("{{")) {
        let open = at + next;
        // The character before the braces is part of the match, so one that ended the match before cannot be it.
        let before = text.get(at..open).and_then(|between| between.chars().next_back());
        let end = match before {
            Some('\\') => None,
            None if open != 0 => None,
            _ => variable_end(text, open),
        };
        match end {
            Some(end) => {
                let start = open - before.map_or(0, char::len_utf8);
                found.push(Occurrence {
                    before: text.get(start..open).unwrap_or_default(),
                    variable: text.get(open..end).unwrap_or_default(),
                });
                at = end;
            }
            None => {
                // The first of the braces may be the character before two others.
                let Some(rest) = text.get(open + 1..) else { break };
                match rest.starts_with("{{").then(|| variable_end(text, open + 1)).flatten() {
                    Some(end) => {
                        found.push(Occurrence {
                            before: text.get(open..=open).unwrap_or_default(),
                            variable: text.get(open + 1..end).unwrap_or_default(),
                        });
                        at = end;
                    }
                    None => at = open + 1,
                }
            }
        }
    }
    found
}

/// The end of the variable whose braces open at a place.
fn variable_end(text: &str, open: usize) -> Option<usize> {
    let bytes = text.as_bytes();
    let mut at = open + 2;
    loop {
        let next = at + memchr::memchr2(b'{', b'}', bytes.get(at..)?)?;
        if bytes.get(next) == Some(&b'}') {
            return (bytes.get(next + 1) == Some(&b'}')).then_some(next + 2);
        }
        let close = next + 1 + memchr::memchr2(b'{', b'}', bytes.get(next + 1..)?)?;
        if bytes.get(close) != Some(&b'}') {
            return None;
        }
        at = close + 1;
    }
}

/// What stands between the braces.
struct Inner {
    text: String,
    /// Whether what it brings in is left as it is: `{{- x }}`.
    shallow: bool,
}

impl Inner {
    fn of(variable: &str) -> Inner {
        let bare = variable.replace("{{", "").replace("}}", "");
        let bare = bare.trim();
        match bare.strip_prefix('-') {
            Some(rest) => Inner { text: rest.trim().to_owned(), shallow: true },
            None => Inner { text: bare.to_owned(), shallow: false },
        }
    }
}

struct Run<'s, 'a> {
    scope: &'s Scope<'a>,
    deleted: bool,
}

fn fill(part: &Part, run: &Run<'_, '_>) -> Result<Value, JmesError> {
    match part {
        Part::Constant(value) => Ok(value.clone()),
        Part::Text(text) => fill_text(text, run),
        Part::List(items, span) => {
            let mut list = Vec::with_capacity(items.len());
            for item in items {
                list.push(fill(item, run)?);
            }
            Ok(Value::list(list, *span))
        }
        Part::Map(fields, span) => {
            let mut map = Map::new();
            for field in fields {
                let key = match &field.key {
                    Key::Plain(key) => Arc::clone(key),
                    Key::Text(text) => key_text(fill_text(text, run)?, &text.text).map_err(|error| error.at(field.at))?,
                };
                map.insert(key, field.at, fill(&field.value, run)?);
            }
            Ok(Value::map(map, *span))
        }
    }
}

/// A key after its variables: text, or the key as it was where it is null.
fn key_text(value: Value, key: &Arc<str>) -> Result<Arc<str>, JmesError> {
    match value.data {
        Data::String(text) => Ok(text),
        Data::Null => Ok(Arc::clone(key)),
        _ => Err(JmesError::wrong(format!("the key `{key}` becomes a {}, not text", value.type_name()))),
    }
}

fn fill_text(text: &Text, run: &Run<'_, '_>) -> Result<Value, JmesError> {
    let lookup = |variable: &str, inner: &str| match text.variables.iter().find(|known| &*known.text == variable) {
        Some(known) => match &known.on_delete {
            Some(expression) if run.deleted => expression.search(run.scope),
            _ => known.expression.search(run.scope),
        },
        None => search_text(inner, text, run),
    };
    let found = replace_all(&text.text, text.at, run, &lookup)?;
    // What a variable brings in whole may hold variables in turn.
    match &found.data {
        Data::List(_) | Data::Map(_) if has_braces(&found, run, 0)? => refill(&found, text, run, 0),
        _ => Ok(found),
    }
}

/// The value of an expression that was made of variables.
fn search_text(inner: &str, text: &Text, run: &Run<'_, '_>) -> Result<Value, JmesError> {
    let mut inner = inner.to_owned();
    if inner == "@" {
        let prefix = if run.scope.get("target").is_ok_and(|target| target.is_some()) { "target" } else { "request.object" };
        inner = pointer::expression(&text.path, prefix);
    }
    if run.deleted {
        inner = inner.replace("request.object", "request.oldObject");
    }
    run.scope.evaluation().expression(&inner, text.at)?.search(run.scope)
}

type Find<'f> = &'f dyn Fn(&str, &str) -> Result<Value, JmesError>;

/// Text with its variables replaced until none is left.
fn replace_all(text: &str, at: Span, run: &Run<'_, '_>, find: Find<'_>) -> Result<Value, JmesError> {
    let evaluation = run.scope.evaluation();
    let mut current = text.to_owned();
    for _ in 0..MAX_ROUNDS {
        let round = current.clone();
        evaluation.grow(round.len())?;
        let found = find_all(&round);
        if found.is_empty() {
            return Ok(Value::string(unescaped(&current), at));
        }
        let mut shallow = false;
        for occurrence in found {
            let inner = Inner::of(occurrence.variable);
            shallow = inner.shallow;
            let value = find(occurrence.variable, &inner.text)?;
            if round == occurrence.variable {
                return Ok(value);
            }
            let mut with = embedded(&value, evaluation)?;
            if shallow && !value.is_null() {
                if value.as_str().is_none() {
                    return Err(
                        JmesError::wrong(format!("`{}` is a {}; after `{{{{-` only text can be", inner.text, value.type_name())).at(at)
                    );
                }
                with = with.replace("{{", "\\{{");
            }
            evaluation.grow(with.len() + current.len())?;
            let from = format!("{}{}", occurrence.before, occurrence.variable);
            current = current.replacen(&from, &format!("{}{with}", occurrence.before), 1);
        }
        if shallow {
            return Ok(Value::string(unescaped(&current), at));
        }
    }
    Err(JmesError::limit(format!("variables bring in variables more than {MAX_ROUNDS} times")).at(at))
}

/// Whether text with braces is in a value.
fn has_braces(value: &Value, run: &Run<'_, '_>, depth: usize) -> Result<bool, JmesError> {
    run.scope.evaluation().step(1)?;
    if depth > MAX_DEPTH {
        return Err(JmesError::limit("a value nests too deep"));
    }
    Ok(match &value.data {
        Data::String(text) => text.contains("{{"),
        Data::List(items) => {
            for item in items.iter() {
                if has_braces(item, run, depth + 1)? {
                    return Ok(true);
                }
            }
            false
        }
        Data::Map(map) => {
            for (key, entry) in map.iter() {
                if key.contains("{{") || has_braces(&entry.value, run, depth + 1)? {
                    return Ok(true);
                }
            }
            false
        }
        _ => false,
    })
}

/// A value that a variable brought in, with the variables that stand in it replaced.
fn refill(value: &Value, text: &Text, run: &Run<'_, '_>, depth: usize) -> Result<Value, JmesError> {
    if depth > MAX_DEPTH {
        return Err(JmesError::limit("a value nests too deep"));
    }
    let filled = |found: &Arc<str>, at: Span| -> Result<Option<Value>, JmesError> {
        if !found.contains("{{") {
            return Ok(None);
        }
        let lookup = |_: &str, inner: &str| search_text(inner, text, run);
        let new = replace_all(found, at, run, &lookup)?;
        match &new.data {
            Data::List(_) | Data::Map(_) if has_braces(&new, run, 0)? => {
                run.scope.evaluation().loading(|| refill(&new, text, run, depth + 1)).map(Some)
            }
            _ => Ok(Some(new)),
        }
    };
    run.scope.evaluation().step(1)?;
    Ok(match &value.data {
        Data::String(found) => filled(found, value.span)?.unwrap_or_else(|| value.clone()),
        Data::List(items) => {
            let mut list = Vec::with_capacity(items.len());
            for item in items.iter() {
                list.push(refill(item, text, run, depth + 1)?);
            }
            Value { data: Data::List(Arc::new(list)), ..value.clone() }
        }
        Data::Map(entries) => {
            let mut map = Map::new();
            for (key, entry) in entries.iter() {
                let new = match filled(key, entry.key)? {
                    Some(new) => key_text(new, key)?,
                    None => Arc::clone(key),
                };
                map.insert(new, entry.key, refill(&entry.value, text, run, depth + 1)?);
            }
            Value { data: Data::Map(Arc::new(map)), ..value.clone() }
        }
        _ => value.clone(),
    })
}

/// Whether a text has a variable in it.
#[must_use]
pub fn has_variable(text: &str) -> bool {
    text.contains("{{") && !find_all(text).is_empty()
}

/// The expressions of all variables of a text, without braces: for those who look at policies without running them.
#[must_use]
pub fn expressions(text: &str) -> Vec<String> {
    find_all(text).iter().map(|occurrence| Inner::of(occurrence.variable).text).collect()
}

mod pointer;
mod references;

#[cfg(test)]
mod tests;
