//! Replacements: the value of a field of one object, or a part of it, is copied into fields of others.

use std::sync::Arc;

use probity_value::{Data, Map, OriginStep, SourceMap, Span, UnknownKind, Value, json, yaml};
use regex::Regex;

use super::fields::split_path;
use super::generate::{go_json, go_string};
use super::node::{OPTIONS, is_scalar, list_mut, map_mut, scalar, text};
use super::resource::{Gvk, Id, Resource};
use super::select::Selector;
use super::transform::sorted_keys;

/// Parts of a field path: `a.[name=x.y].b` keeps what is in brackets, `a.[b.c]` is the key `b.c`.
fn parts(path: &str) -> Vec<String> {
    let mut out = Vec::new();
    let mut rest = split_path(path, '.').into_iter();
    while let Some(part) = rest.next() {
        if !part.starts_with('[') || part.ends_with(']') {
            out.push(part);
            continue;
        }
        let mut joined = part;
        for more in rest.by_ref() {
            joined.push('.');
            joined.push_str(&more);
            if more.ends_with(']') {
                break;
            }
        }
        out.push(if joined.contains('=') { joined } else { joined.trim_matches(['[', ']']).to_owned() });
    }
    out
}

/// Key and value of `[key=value]`.
fn list_part(part: &str) -> Option<(&str, &str)> {
    part.strip_prefix('[')?.strip_suffix(']')?.split_once('=')
}

/// The value at a field path; `a[0]` is the first item of `a`.
pub(super) fn look_up<'v>(value: &'v Value, path: &str, sources: &SourceMap) -> Option<&'v Value> {
    let mut all = Vec::new();
    for part in parts(path) {
        match part.split_once('[') {
            Some((name, index)) if !name.is_empty() && index.trim_end_matches(']').parse::<usize>().is_ok() => {
                all.push(name.to_owned());
                all.push(index.trim_end_matches(']').to_owned());
            }
            _ => all.push(part),
        }
    }
    exact(value, &all, sources)
}

fn exact<'v>(value: &'v Value, path: &[String], sources: &SourceMap) -> Option<&'v Value> {
    path.iter().try_fold(value, |value, part| match &value.data {
        Data::Map(map) => map.get(part),
        Data::List(items) => {
            if let Some((key, wanted)) = list_part(part) {
                let fits = |item: &&Value| {
                    let found = if key.is_empty() { Some(*item) } else { item.get(key) };
                    found.and_then(|found| text(found, sources)).is_some_and(|text| text == wanted)
                };
                return items.iter().find(fits);
            }
            if part == "-" { items.last() } else { items.get(part.parse::<usize>().ok()?) }
        }
        _ => None,
    })
}

/// What `options` say.
#[derive(Default)]
struct Options {
    delimiter: String,
    index: i64,
    create: bool,
}

impl Options {
    fn read(value: Option<&Value>) -> Options {
        let get = |key: &str| value.and_then(|value| value.get(key));
        Options {
            delimiter: get("delimiter").and_then(Value::as_str).unwrap_or_default().to_owned(),
            index: get("index").and_then(Value::as_int).unwrap_or_default(),
            create: get("create").and_then(Value::as_bool).unwrap_or_default(),
        }
    }
}

/// Carries out one replacement.
pub(super) fn apply(resources: &mut [Resource], replacement: &Value, step: &OriginStep, sources: &SourceMap) -> Result<(), String> {
    let targets = replacement.get("targets").and_then(Value::as_list);
    let Some(targets) = targets else { return Err("a replacement needs a source and targets".to_owned()) };
    let mut value = match (replacement.get("source"), replacement.get("sourceValue")) {
        (Some(source), None) => from_object(resources, source, sources)?,
        (None, Some(value)) => value.clone(),
        (Some(_), Some(_)) => return Err("a replacement has a source or a value, not both".to_owned()),
        (None, None) => return Err("a replacement needs a source and targets".to_owned()),
    };
    let mut origin = value.origin.as_deref().cloned().unwrap_or_default();
    origin.steps.insert(0, step.clone());
    value.origin = Some(Arc::new(origin));
    for target in targets {
        let Some(select) = target.get("select") else { return Err("a target of a replacement needs `select`".to_owned()) };
        let selector = Selector::new(select)?;
        let rejects = target.get("reject").and_then(Value::as_list).unwrap_or_default();
        let rejects = rejects.iter().map(Selector::new).collect::<Result<Vec<_>, _>>()?;
        let given = target.get("fieldPaths").and_then(Value::as_list).unwrap_or_default();
        let mut paths: Vec<String> = given.iter().filter_map(Value::as_str).map(str::to_owned).collect();
        if paths.is_empty() {
            paths.push("metadata.name".to_owned());
        }
        let options = Options::read(target.get("options"));
        for resource in resources.iter_mut() {
            let ids = resource.all_ids();
            let marked = rejects.iter().any(|one| one.has_selectors() && one.takes_marks(resource, sources));
            let named = rejects.iter().any(|one| !one.has_no_id() && ids.iter().any(|id| one.takes_id(id)));
            if marked || named || !selector.takes_marks(resource, sources) || !ids.iter().any(|id| selector.takes_id(id)) {
                continue;
            }
            for path in &paths {
                copy(&mut resource.value, path, &value, &options, sources)
                    .map_err(|why| format!("{} of {}: {why}", path, resource.current_id().shown()))?;
            }
        }
    }
    Ok(())
}

/// The value a source means.
fn from_object(resources: &[Resource], source: &Value, sources: &SourceMap) -> Result<Value, String> {
    let part = |key: &str| source.get(key).and_then(Value::as_str).unwrap_or_default().to_owned();
    let gvk = Gvk { group: part("group"), version: part("version"), kind: part("kind") };
    let wanted = Id { gvk, name: part("name"), namespace: part("namespace") };
    let fits = |id: &Id| {
        (wanted.name.is_empty() || wanted.name == id.name)
            && (wanted.namespace.is_empty() || wanted.effective_namespace() == id.effective_namespace())
            && id.gvk.is_selected(&wanted.gvk)
    };
    let mut found = resources.iter().filter(|resource| resource.all_ids().iter().any(fits));
    let Some(object) = found.next() else { return Err(format!("nothing here is the source {}", wanted.shown())) };
    if found.next().is_some() {
        return Err(format!("several objects may be the source {}", wanted.shown()));
    }
    let path = Some(part("fieldPath")).filter(|path| !path.is_empty()).unwrap_or_else(|| "metadata.name".to_owned());
    let value = exact(&object.value, &parts(&path), sources).filter(|value| !is_nothing(value));
    let Some(value) = value else { return Err(format!("the source has no field `{path}`")) };
    let options = Options::read(source.get("options"));
    if options.delimiter.is_empty() {
        return Ok(value.clone());
    }
    if value.is_unknown() {
        return Ok(value.clone());
    }
    let Some(whole) = text(value, sources).filter(|_| is_scalar(value)) else {
        return Err("`delimiter` is for texts only".to_owned());
    };
    let place = usize::try_from(options.index).ok();
    let one = place.and_then(|place| whole.split(options.delimiter.as_str()).nth(place));
    let Some(one) = one else { return Err(format!("the source has no part {}", options.index)) };
    let mut out = value.clone();
    out.data = if value.as_str().is_some() { Data::String(one.into()) } else { scalar(one) };
    Ok(out)
}

fn is_nothing(value: &Value) -> bool {
    match &value.data {
        Data::Null => true,
        Data::Map(map) => map.is_empty(),
        Data::List(items) => items.is_empty(),
        _ => false,
    }
}

/// Copies a value into the fields of an object a path leads to.
fn copy(object: &mut Value, path: &str, value: &Value, options: &Options, sources: &SourceMap) -> Result<(), String> {
    let parts = parts(path);
    if inside_text(object, &parts, value, options, sources) {
        return Ok(());
    }
    let walk = Walk { value, options, sources };
    let count = walk.walk(object, &parts, false)?;
    if count == 0 {
        return Err(format!("there is no such field{}", if options.create { ", and it cannot be made" } else { "" }));
    }
    Ok(())
}

/// Copies into JSON or YAML that is the text of a field; false where the path does not lead there.
fn inside_text(object: &mut Value, path: &[String], value: &Value, options: &Options, sources: &SourceMap) -> bool {
    let found = (1..path.len()).find(|length| {
        let front = path.get(..*length).unwrap_or_default();
        exact(object, front, sources).is_some_and(|value| value.as_str().is_some())
    });
    let Some((front, rest)) = found.and_then(|length| path.split_at_checked(length)) else { return false };
    let Some(field) = exact_mut(object, front, sources) else { return false };
    let Some(old) = field.as_str().map(str::to_owned) else { return false };
    let is_json = old.trim_start().starts_with(['{', '[']);
    let inner = if is_json {
        let (value, problems) = json::parse(&old, probity_value::FileId::NONE);
        problems.is_empty().then_some(value)
    } else {
        let (documents, problems) = yaml::parse_with(&old, probity_value::FileId::NONE, OPTIONS);
        documents.into_iter().next().map(|one| one.value).filter(|_| problems.is_empty())
    };
    let Some(mut inner) = inner.filter(|inner| matches!(inner.data, Data::Map(_) | Data::List(_))) else { return false };
    let walk = Walk { value, options, sources };
    if !walk.walk(&mut inner, rest, false).is_ok_and(|count| count > 0) {
        return false;
    }
    let new = if !is_json {
        None
    } else if old.contains('\n') && old.contains("  ") {
        let mut out = String::new();
        indented(&inner, 0, &mut out).map(|()| out)
    } else {
        let mut out = String::new();
        go_json(&inner, &mut out).map(|()| out)
    };
    let data = new.map_or_else(
        || {
            let reason = "YAML in a text, in which a replacement changed something";
            Value::unknown(UnknownKind::Function, reason, field.span).data
        },
        |new| Data::String(new.into()),
    );
    field.data = data;
    field.origin.clone_from(&value.origin);
    true
}

/// JSON over several lines, as Go writes it.
fn indented(value: &Value, depth: usize, out: &mut String) -> Option<()> {
    let line = |depth: usize, out: &mut String| {
        out.push('\n');
        out.push_str(&"  ".repeat(depth));
    };
    match &value.data {
        Data::Map(map) if !map.is_empty() => {
            out.push('{');
            for (at, key) in sorted_keys(map).iter().enumerate() {
                if at > 0 {
                    out.push(',');
                }
                line(depth + 1, out);
                go_string(key, out);
                out.push_str(": ");
                indented(map.get(key)?, depth + 1, out)?;
            }
            line(depth, out);
            out.push('}');
            Some(())
        }
        Data::List(items) if !items.is_empty() => {
            out.push('[');
            for (at, item) in items.iter().enumerate() {
                if at > 0 {
                    out.push(',');
                }
                line(depth + 1, out);
                indented(item, depth + 1, out)?;
            }
            line(depth, out);
            out.push(']');
            Some(())
        }
        _ => go_json(value, out),
    }
}

fn exact_mut<'v>(value: &'v mut Value, path: &[String], sources: &SourceMap) -> Option<&'v mut Value> {
    let mut at = value;
    for part in path {
        at = match &at.data {
            Data::Map(_) => map_mut(at)?.get_mut(part)?,
            Data::List(items) => {
                let one = exact(at, std::slice::from_ref(part), sources)?;
                let index = items.iter().position(|item| std::ptr::eq(item, one))?;
                list_mut(at)?.get_mut(index)?
            }
            _ => return None,
        };
    }
    Some(at)
}

/// The walk along a path with patterns.
struct Walk<'a> {
    value: &'a Value,
    options: &'a Options,
    sources: &'a SourceMap,
}

impl Walk<'_> {
    /// Sets every field the path leads to, and counts them.
    fn walk(&self, at: &mut Value, path: &[String], made: bool) -> Result<usize, String> {
        let Some((first, rest)) = path.split_first() else {
            return self.set(at, made).map(|()| 1);
        };
        if let Ok(index) = first.parse::<usize>() {
            return self.index(at, index, rest);
        }
        if let Some((key, wanted)) = list_part(first) {
            return self.elements(at, key, wanted, rest);
        }
        if first == "*" {
            let Some(items) = list_mut(at) else { return Err("`*` is for lists only".to_owned()) };
            return items.iter_mut().map(|item| self.walk(item, rest, false)).sum();
        }
        match &at.data {
            Data::Null => Ok(0),
            Data::Map(map) if map.contains_key(first) => {
                map_mut(at).and_then(|map| map.get_mut(first)).map_or(Ok(0), |inner| match inner.data {
                    Data::List(_) | Data::Map(_) | Data::Null => self.walk(inner, rest, false),
                    _ if rest.is_empty() => self.walk(inner, rest, false),
                    _ => Ok(0),
                })
            }
            Data::Map(_) if self.options.create => {
                let fresh = self.fresh(rest.first());
                let span = self.value.span;
                let Some(map) = map_mut(at) else { return Ok(0) };
                map.insert(first.as_str(), span, fresh);
                map.get_mut(first).map_or(Ok(0), |inner| self.walk(inner, rest, true))
            }
            Data::Map(_) => Ok(0),
            _ => Err(format!("`{first}` is looked for in what is no map")),
        }
    }

    /// What is made for a part, by what comes next.
    fn fresh(&self, next: Option<&String>) -> Value {
        let span = self.value.span;
        match next {
            None => match self.value.data {
                Data::Map(_) => Value::map(Map::new(), span),
                Data::List(_) => Value::list(Vec::new(), span),
                _ => Value::string("", span),
            },
            Some(next) if next.parse::<usize>().is_ok() || next == "*" || list_part(next).is_some() => Value::list(Vec::new(), span),
            Some(_) => Value::map(Map::new(), span),
        }
    }

    fn index(&self, at: &mut Value, index: usize, rest: &[String]) -> Result<usize, String> {
        // A number may also be a key.
        if let Data::Map(_) = at.data {
            let key = index.to_string();
            return map_mut(at).and_then(|map| map.get_mut(&key)).map_or(Ok(0), |inner| self.walk(inner, rest, false));
        }
        let fresh = self.fresh(rest.first());
        let Some(items) = list_mut(at) else { return Err(format!("place {index} is looked for in what is no list")) };
        let made = items.len() == index && self.options.create;
        if made {
            items.push(fresh);
        }
        let count = items.len();
        match items.get_mut(index) {
            Some(item) => self.walk(item, rest, made),
            None => Err(format!("place {index} of a list of {count}")),
        }
    }

    fn elements(&self, at: &mut Value, key: &str, wanted: &str, rest: &[String]) -> Result<usize, String> {
        let pattern = regex::RegexBuilder::new(wanted).size_limit(1 << 20).build().map_err(|_| format!("`{wanted}` is no pattern"))?;
        let span = self.value.span;
        let sources = self.sources;
        let Some(items) = list_mut(at) else { return Err(format!("`[{key}={wanted}]` is looked for in what is no list")) };
        let fits = |item: &Value, pattern: &Regex| {
            let found = if key.is_empty() { Some(item) } else { item.get(key) };
            found.and_then(|found| text(found, sources)).is_some_and(|text| pattern.is_match(&text))
        };
        let mut count = 0;
        let mut any = false;
        for item in items.iter_mut().filter(|item| fits(item, &pattern)) {
            any = true;
            count += if key.is_empty() { self.walk(item, &[], false)? } else { self.walk(item, rest, false)? };
        }
        if any || !self.options.create {
            return Ok(count);
        }
        let mut fresh = if key.is_empty() {
            Value::new(scalar(wanted), span)
        } else {
            let mut map = Map::new();
            map.insert(key, span, Value::new(scalar(wanted), span));
            Value::map(map, span)
        };
        let count = self.walk(&mut fresh, if key.is_empty() { &[] } else { rest }, true)?;
        items.push(fresh);
        Ok(count)
    }

    /// Sets one field. A scalar keeps its type where the text allows it.
    fn set(&self, target: &mut Value, made: bool) -> Result<(), String> {
        let mut new = self.value.clone();
        if !self.options.delimiter.is_empty() {
            let Some(old) = text(target, self.sources).filter(|_| is_scalar(target)) else {
                return Err("`delimiter` is for texts only".to_owned());
            };
            let Some(part) = text(self.value, self.sources) else {
                target.data = self.value.data.clone();
                return Ok(());
            };
            let mut all: Vec<&str> = old.split(self.options.delimiter.as_str()).collect();
            match usize::try_from(self.options.index) {
                Err(_) => all.insert(0, &part),
                Ok(index) => match all.get_mut(index) {
                    Some(slot) => *slot = &part,
                    None => all.push(&part),
                },
            }
            new.data = Data::String(all.join(&self.options.delimiter).into());
        }
        if is_scalar(target) && is_scalar(&new) {
            let Some(text) = text(&new, self.sources) else {
                *target = new;
                return Ok(());
            };
            new.data = match &target.data {
                _ if made => scalar(&text),
                Data::String(_) => Data::String(text.into()),
                _ => scalar(&text),
            };
        }
        if new.span == Span::NONE {
            new.span = target.span;
        }
        *target = new;
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn parts_of_field_paths() {
        let check = |path: &str, expected: &[&str]| assert_eq!(parts(path), expected, "{path}");
        check("a.b", &["a", "b"]);
        check("a.[name=x.y].b", &["a", "[name=x.y]", "b"]);
        check("a.[b.c/d]", &["a", "b.c/d"]);
        check(r"a.b\.c", &["a", "b.c"]);
        check("a.0.*", &["a", "0", "*"]);
    }
}
