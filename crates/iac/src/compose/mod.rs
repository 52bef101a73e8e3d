//! Compose files to subjects.
//!
//! Types and ids: `compose.file` (its `name`, else its path) and `compose.service` (`services.web`). Values are what was written, `extends`
//! worked out where the other service is here, `${VAR:-default}` put in (a variable without a default is unknown), and beside it:
//!
//! - a service: `name`, `published: [{host, from, to, protocol, text}]` (its `ports`; `host` is `0.0.0.0` where not said; ports as they
//!   are written), `mounts: [{type, source, target, read_only}]` (its `volumes`), `variables` (its `environment` as a map; `pairs: [{key, value}]` of it), `images`, `file` (what stands around it).
//!
//! What does not live here: `.env` files, overrides by other files (`-f a -f b`), and images.

mod interpolate;

#[cfg(test)]
mod tests;

use probity_core::{Collected, Scope, Source, SubjectKind};
use probity_value::{Map, Span, Value, yaml};

use crate::ci::collect::{Claim, File, Language, Outcome, collect_with, has_key};
use crate::ci::image::image;
use crate::ci::{Fields, at_run_time, items, key, pairs as key_value_list, scalar};

/// Claims `docker-compose*.yml`, `compose*.yml`, `*.compose.yml`, and files that services extend.
#[derive(Clone, Copy, Debug, Default)]
pub struct ComposeSource;

const KIND: SubjectKind = SubjectKind::Compose;
const MAX_SERVICES: usize = 5000;
/// Services extended one after the other.
const MAX_EXTENDS: usize = 16;

const LANGUAGE: Language = Language {
    id: "compose",
    files: "Compose files",
    unreadable: "compose-unreadable",
    name: claim,
    looks,
    options: yaml::ParseOptions { booleans_1_1: false, octal_1_1: false, line_breaks_1_1: false, kubectl: false, cloudformation: false },
};

impl Source for ComposeSource {
    fn id(&self) -> &'static str {
        LANGUAGE.id
    }

    fn collect(&self, scope: &Scope<'_>) -> Collected {
        collect_with(scope, &LANGUAGE, &extended_files, &read)
    }
}

fn claim(path: &str) -> Claim {
    let name = path.rsplit('/').next().unwrap_or(path).to_ascii_lowercase();
    let Some(stem) = name.strip_suffix(".yml").or_else(|| name.strip_suffix(".yaml")) else { return Claim::No };
    let surely = ["docker-compose", "compose", "podman-compose"]
        .iter()
        .any(|start| stem.strip_prefix(start).is_some_and(|rest| rest.is_empty() || rest.starts_with(['.', '-', '_'])));
    if surely || stem.ends_with(".compose") || stem.ends_with("-compose") {
        return Claim::Surely;
    }
    if stem.contains("compose") { Claim::Perhaps } else { Claim::No }
}

fn looks(text: &str) -> bool {
    has_key(text, &["services"])
}

/// The path beside a file that a relative path means.
fn beside(file: &str, wanted: &str) -> Option<String> {
    let mut parts: Vec<&str> = file.split('/').collect();
    parts.pop();
    for part in wanted.split('/') {
        match part {
            "" | "." => {}
            ".." => {
                parts.pop()?;
            }
            part => parts.push(part),
        }
    }
    Some(parts.join("/"))
}

fn services(value: &Value) -> impl Iterator<Item = (&std::sync::Arc<str>, &probity_value::Entry)> {
    value.get("services").and_then(Value::as_map).into_iter().flat_map(Map::iter)
}

fn extended_files(file: &File) -> Vec<String> {
    let documents = file.documents.iter();
    documents
        .flat_map(|document| services(&document.value))
        .filter_map(|(_, entry)| beside(&file.path, entry.value.get("extends")?.get("file")?.as_str()?))
        .collect()
}

/// A service with all it extends.
fn extended(file: &File, value: &Value, service: &Value, files: &[File], level: usize, missing: &mut Vec<(Span, String)>) -> Map {
    let own = service.as_map().cloned().unwrap_or_default();
    let Some(extends) = own.get("extends") else { return own };
    let name = extends.get("service").or(Some(extends)).and_then(Value::as_str).unwrap_or_default();
    let (other_file, whole) = match extends.get("file").and_then(Value::as_str) {
        None => (Some(file), Some(value)),
        Some(wanted) => {
            let path = beside(&file.path, wanted);
            let other = files.iter().find(|other| Some(&*other.path) == path.as_deref());
            (other, other.and_then(|other| other.documents.first()).map(|document| &document.value))
        }
    };
    let parent = whole.and_then(|whole| whole.get("services")?.get(name));
    let (Some(other_file), Some(whole), Some(parent)) = (other_file, whole, parent) else {
        missing.push((extends.span, format!("the service `{name}`, which is extended, is not here")));
        return own;
    };
    if level >= MAX_EXTENDS {
        missing.push((extends.span, format!("`{name}` is extended more than {MAX_EXTENDS} levels deep; the rest is not read")));
        return own;
    }
    let mut merged = extended(other_file, whole, parent, files, level + 1, missing);
    for (key, entry) in own.iter() {
        let value = match (merged.get(key).map(|old| (old, items(old))), key.as_ref()) {
            // Lists of these grow; maps get the keys of both.
            (Some((old, _)), "environment" | "labels") => {
                let mut fields = Fields(pairs(old));
                for (name, pair) in pairs(&entry.value).iter() {
                    fields.0.insert(name.as_ref(), pair.key, pair.value.clone());
                }
                fields.at(entry.value.span)
            }
            (Some((_, old)), "ports" | "volumes" | "expose" | "cap_add" | "cap_drop" | "security_opt" | "devices" | "dns" | "tmpfs") => {
                let all = old.iter().chain(items(&entry.value)).cloned().collect();
                Value::list(all, entry.value.span)
            }
            _ => entry.value.clone(),
        };
        merged.insert(key.as_ref(), entry.key, value);
    }
    merged
}

/// `environment` as a map, whichever of its two forms it has. A name without a value has that of the host.
fn pairs(value: &Value) -> Map {
    if let Some(map) = value.as_map() {
        return map.clone();
    }
    let mut map = Map::new();
    for item in items(value) {
        let Some(text) = item.as_str() else { continue };
        match text.split_once('=') {
            Some((name, rest)) => map.insert(name, item.span, Value { data: Value::string(rest, item.span).data, ..item.clone() }),
            None => map.insert(text, item.span, Value::null(item.span)),
        };
    }
    map
}

fn read(file: &File, files: &[File]) -> Outcome {
    let mut outcome = Outcome::default();
    for document in &file.documents {
        if document.value.get("services").is_some() || document.value.get("include").is_some() {
            read_document(file, files, &document.value, document.span, &mut outcome);
        }
    }
    outcome.not_ours = outcome.subjects.is_empty();
    outcome
}

fn read_document(file: &File, files: &[File], value: &Value, span: Span, outcome: &mut Outcome) {
    let mut budget = interpolate::Budget::default();
    let whole = interpolate::interpolate(value, &mut budget);
    let mut facts = Fields::of(&whole);
    facts.0.remove("services");
    let around = facts.at(span);
    let name = whole.get("name").and_then(Value::as_str).map(str::to_owned);
    let id = name.unwrap_or_else(|| file.path.rsplit('/').next().unwrap_or(&file.path).to_owned());
    let head = value.as_map().and_then(|map| map.entry("services").or_else(|| map.entry("include"))).map_or(span, |entry| entry.key);
    outcome.subject(file, KIND, "compose.file", &id, (span, head), whole.clone());
    for (count, (name, entry)) in services(value).enumerate() {
        if count >= MAX_SERVICES {
            outcome.warn("compose-size", entry.key, format!("more than {MAX_SERVICES} services; the rest is not read"));
            outcome.skipped = Some(("too many services".to_owned(), true));
            break;
        }
        if entry.value.as_map().is_none() {
            if !entry.value.is_null() {
                outcome.warn("compose-shape", entry.key, format!("the service `{name}` is not a map, so it is not judged"));
            }
            continue;
        }
        let mut missing = Vec::new();
        let merged = extended(file, value, &entry.value, files, 0, &mut missing);
        for (span, words) in missing {
            outcome.note("compose-extends", span, words);
        }
        let place = entry.value.span;
        let merged = interpolate::interpolate(&Value::map(merged, place), &mut budget);
        let mut fields = service(name, entry.key, &merged);
        fields.put("file", around.clone());
        outcome.subject(
            file,
            KIND,
            "compose.service",
            &format!("services.{}", key(name)),
            (entry.key.join(place), entry.key),
            fields.at(place),
        );
    }
    if budget.is_spent() {
        outcome.warn("compose-size", span, "the variables of the file make too much text; the rest of them is unknown");
    }
}

fn service(name: &str, head: Span, value: &Value) -> Fields {
    let mut fields = Fields::of(value);
    let span = value.span;
    fields.text("name", Some(name), head);
    let published = value.get("ports").map(items).unwrap_or_default().iter().map(port).collect();
    fields.put("published", Value::list(published, value.get("ports").map_or(span, |ports| ports.span)));
    let mounts = value.get("volumes").map(items).unwrap_or_default().iter().map(mount).collect();
    fields.put("mounts", Value::list(mounts, value.get("volumes").map_or(span, |volumes| volumes.span)));
    if let Some(environment) = value.get("environment") {
        let variables = if environment.is_unknown() { environment.clone() } else { Value::map(pairs(environment), environment.span) };
        fields.put("pairs", self::key_values(&variables));
        fields.put("variables", variables);
    }
    // Of a name with an unknown end the parts before it stay known.
    let images = value.get("image").map(|reference| match (reference.as_str(), reference.as_unknown()) {
        (Some(text), _) => image(text, reference.span),
        (None, Some(unknown)) => image(&format!("{}$", unknown.prefix), reference.span),
        (None, None) => image("", reference.span),
    });
    fields.put("images", Value::list(images.into_iter().collect(), span));
    fields
}

fn key_values(variables: &Value) -> Value {
    if variables.is_unknown() { variables.clone() } else { key_value_list(Some(variables), variables.span) }
}

/// One of `ports`: `[[host:]from:]to[/protocol]`, or a map.
fn port(value: &Value) -> Value {
    let span = value.span;
    let mut fields = Fields::default();
    if let Some(map) = value.as_map() {
        let host = map.get("host_ip").cloned().unwrap_or_else(|| Value::string("0.0.0.0", span));
        fields.put("host", host);
        for (ours, theirs) in [("from", "published"), ("to", "target"), ("protocol", "protocol")] {
            if let Some(part) = map.get(theirs) {
                fields.put(ours, scalar(part).map_or_else(|| part.clone(), |text| Value::string(text, part.span)));
            }
        }
        return fields.at(span);
    }
    let Some(text) = scalar(value) else {
        for part in ["host", "from", "to"] {
            fields.put(part, value.clone());
        }
        return fields.at(span);
    };
    fields.text("text", Some(&text), span);
    let (ports, protocol) = text.split_once('/').unwrap_or((&text, "tcp"));
    fields.text("protocol", Some(protocol), span);
    let (host, ports) = match ports.strip_prefix('[').and_then(|rest| rest.split_once("]:")) {
        Some((host, rest)) => (Some(host), rest),
        None => match ports.splitn(3, ':').collect::<Vec<_>>().as_slice() {
            [host, _, _] => (Some(*host), ports.get(host.len() + 1..).unwrap_or_default()),
            _ => (None, ports),
        },
    };
    let (from, to) = match ports.split_once(':') {
        Some((from, to)) => (Some(from), to),
        None => (None, ports),
    };
    fields.text("host", Some(host.filter(|host| !host.is_empty()).unwrap_or("0.0.0.0")), span);
    // Without a port of the host it gets any that is free; an empty one too.
    fields.text("from", from.filter(|from| !from.is_empty()), span);
    fields.text("to", Some(to), span);
    fields.at(span)
}

/// One of `volumes`: `[source:]target[:options]`, or a map.
fn mount(value: &Value) -> Value {
    let span = value.span;
    let mut fields = Fields::default();
    if let Some(map) = value.as_map() {
        for part in ["type", "source", "target", "read_only"] {
            if let Some(value) = map.get(part) {
                fields.put(part, value.clone());
            }
        }
        return fields.at(span);
    }
    let Some(text) = value.as_str() else {
        fields.put("source", value.clone());
        return fields.at(span);
    };
    // `C:\data:/data`: the first colon is that of a drive.
    let letter = text.as_bytes().first().is_some_and(u8::is_ascii_alphabetic);
    let drive = letter && text.as_bytes().get(1) == Some(&b':') && text.as_bytes().get(2).is_some_and(|byte| matches!(byte, b'\\' | b'/'));
    let (first, rest) = match text.get(if drive { 2 } else { 0 }..).and_then(|rest| rest.find(':')) {
        Some(at) => {
            let at = at + if drive { 2 } else { 0 };
            (text.get(..at), text.get(at + 1..).unwrap_or_default())
        }
        None => (None, text),
    };
    let (target, options) = rest.split_once(':').unwrap_or((rest, ""));
    let bind = first.is_some_and(|source| source.starts_with(['/', '.', '~']) || drive);
    fields.text("type", Some(if bind { "bind" } else { "volume" }), span);
    fields.text("source", first, span);
    fields.text("target", Some(target), span);
    fields.flag("read_only", options.split(',').any(|option| option == "ro"), span);
    fields.at(span)
}

/// What cannot be known of a text because of a variable in it.
fn variable(name: &str, prefix: &str, span: Span) -> Value {
    at_run_time(name, prefix, span)
}
