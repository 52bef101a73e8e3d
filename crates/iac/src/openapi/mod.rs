//! OpenAPI 3 and Swagger 2 descriptions, YAML or JSON, to subjects.
//!
//! Types and ids: `openapi.document` (its title) and `openapi.operation` (`GET /pets/{id}`). Values are what was written, and beside it:
//!
//! - a document: `version` (`2` or `3`), `schemes` of security by name in one shape for both versions under `definitions: [{name, type,
//!   in, scheme, flows, scopes, urls}]`, `transports` (`http`, `https`, ... of its servers; empty where they do not say), `required` (its own
//!   security), `operations` (all, as below), `unbounded` (arrays without `maxItems`, up to a hundred);
//! - an operation: `method`, `path`, `required: [{name, defined, type, in, scheme, flows, scopes, undefined}]` (what it asks for, its own or
//!   the document's), `own_security`, `anonymous` (it asks for nothing, or one of the alternatives is nothing), `transports`, and its
//!   `parameters` with those of its path, references followed. The subject has `document` too: what stands around it, without paths.
//!
//! References inside a document are followed, `MAX_HOPS` deep. What does not live here: other files that are referred to; they are said.

#[cfg(test)]
mod tests;

use std::collections::BTreeSet;

use probity_core::{Collected, Scope, Source, SubjectKind};
use probity_value::{Data, Map, Span, Value, yaml};

use crate::ci::collect::{Claim, File, Language, Outcome, collect, has_key};
use crate::ci::{Fields, Ids, items, scalar};

/// Claims `.yaml`, `.yml` and `.json` files with `openapi` or `swagger` at the top.
#[derive(Clone, Copy, Debug, Default)]
pub struct OpenapiSource;

const KIND: SubjectKind = SubjectKind::Openapi;
/// References followed from one to the next.
const MAX_HOPS: usize = 16;
/// Operations read of one document.
const MAX_OPERATIONS: usize = 20_000;
/// Arrays told of one document.
const MAX_ARRAYS: usize = 100;

const METHODS: &[&str] = &["get", "put", "post", "delete", "options", "head", "patch", "trace", "query"];

const LANGUAGE: Language = Language {
    id: "openapi",
    files: "API descriptions",
    unreadable: "openapi-unreadable",
    name: claim,
    looks,
    options: yaml::ParseOptions { booleans_1_1: false, octal_1_1: false, line_breaks_1_1: false, kubectl: false, cloudformation: false },
};

impl Source for OpenapiSource {
    fn id(&self) -> &'static str {
        LANGUAGE.id
    }

    fn collect(&self, scope: &Scope<'_>) -> Collected {
        collect(scope, &LANGUAGE, &|file, _| read(file))
    }
}

fn claim(path: &str) -> Claim {
    let lower = path.rsplit('.').next().unwrap_or_default();
    if matches!(lower, "yaml" | "yml" | "json") { Claim::Perhaps } else { Claim::No }
}

fn looks(text: &str) -> bool {
    (text.contains("openapi") || text.contains("swagger")) && has_key(text, &["openapi", "swagger"])
}

fn version(value: &Value) -> Option<&'static str> {
    let starts = |key: &str, with: &str| value.get(key).and_then(scalar).is_some_and(|text| text.starts_with(with));
    match () {
        () if starts("openapi", "3") => Some("3"),
        () if starts("swagger", "2") => Some("2"),
        () => None,
    }
}

fn read(file: &File) -> Outcome {
    let mut outcome = Outcome::default();
    for document in &file.documents {
        if let Some(version) = version(&document.value) {
            read_document(file, &document.value, document.span, version, &mut outcome);
        }
    }
    outcome.not_ours = outcome.subjects.is_empty();
    outcome
}

/// The value a local reference leads to, with its place; the value itself where it is none.
fn follow<'v>(mut value: &'v Value, whole: &'v Value) -> &'v Value {
    for _ in 0..MAX_HOPS {
        let Some(reference) = value.get("$ref").and_then(Value::as_str) else { return value };
        let Some(next) = reference.strip_prefix("#/").and_then(|pointer| at_pointer(whole, pointer)) else { return value };
        value = next;
    }
    value
}

fn at_pointer<'v>(whole: &'v Value, pointer: &str) -> Option<&'v Value> {
    pointer.split('/').take(64).try_fold(whole, |value, part| {
        let part = part.replace("%7B", "{").replace("%7D", "}").replace("~1", "/").replace("~0", "~");
        match value.as_list() {
            Some(list) => list.get(part.parse::<usize>().ok()?),
            None => value.get(&part),
        }
    })
}

/// The ways to prove who one is, in one shape.
fn definitions(value: &Value, version: &str) -> Vec<(String, Value)> {
    let written = match version {
        "2" => value.get("securityDefinitions"),
        _ => value.get("components").and_then(|components| components.get("securitySchemes")),
    };
    let mut out = Vec::new();
    for (name, entry) in written.and_then(Value::as_map).into_iter().flat_map(Map::iter) {
        let scheme = follow(&entry.value, value);
        let span = scheme.span;
        let mut fields = Fields::default();
        fields.text("name", Some(name), entry.key);
        let kind = scheme.get("type").and_then(Value::as_str);
        for key in ["in", "scheme", "openIdConnectUrl"] {
            if let Some(part) = scheme.get(key) {
                fields.put(key, part.clone());
            }
        }
        let kind_span = scheme.get("type").map_or(span, |kind| kind.span);
        // `basic` of version 2 is `http` with `basic` of version 3.
        if kind == Some("basic") {
            fields.text("type", Some("http"), kind_span);
            fields.text("scheme", Some("basic"), kind_span);
        } else {
            fields.text("type", kind, kind_span);
        }
        let mut flows: Vec<(&str, &Value)> = Vec::new();
        let all = scheme.get("flows").and_then(Value::as_map);
        flows.extend(all.into_iter().flat_map(Map::iter).map(|(flow, entry)| (&**flow, &entry.value)));
        flows.extend(scheme.get("flow").and_then(Value::as_str).map(|flow| (flow, scheme)));
        let mut names = Vec::new();
        let mut scopes: Vec<Value> = Vec::new();
        let mut urls = Vec::new();
        for (flow, value) in &flows {
            let span = scheme.get("flow").map_or(value.span, |flow| flow.span);
            names.push(Value::string(*flow, span));
            for key in ["authorizationUrl", "tokenUrl", "refreshUrl"] {
                urls.extend(value.get(key).filter(|url| url.as_str().is_some()).cloned());
            }
        }
        // Without a flow the scopes still stand in the scheme.
        for value in flows.iter().map(|(_, value)| *value).chain(Some(scheme).filter(|_| flows.is_empty())) {
            let defined = value.get("scopes").and_then(Value::as_map);
            scopes.extend(defined.into_iter().flat_map(Map::iter).map(|(scope, entry)| Value::string(scope.as_ref(), entry.key)));
        }
        fields.put("flows", Value::list(names, span));
        fields.put("scopes", Value::list(scopes, span));
        fields.put("urls", Value::list(urls, span));
        out.push((name.to_string(), fields.at(entry.key.join(span))));
    }
    out
}

/// What a `security` asks for, all alternatives in one list.
fn required(security: Option<&Value>, definitions: &[(String, Value)]) -> Vec<Value> {
    let mut out = Vec::new();
    for alternative in security.map(items).unwrap_or_default() {
        for (name, entry) in alternative.as_map().into_iter().flat_map(Map::iter) {
            let definition = definitions.iter().find(|(known, _)| known == &**name).map(|(_, value)| value);
            let span = entry.key.join(entry.value.span);
            let mut fields = Fields::default();
            for key in ["type", "in", "scheme", "flows"] {
                if let Some(part) = definition.and_then(|definition| definition.get(key)) {
                    fields.put(key, part.clone().at(span));
                }
            }
            fields.text("name", Some(name), entry.key);
            fields.flag("defined", definition.is_some(), span);
            let known: BTreeSet<&str> =
                definition.and_then(|one| one.get("scopes")).map(items).unwrap_or_default().iter().filter_map(Value::as_str).collect();
            let asked = items(&entry.value);
            fields.put("scopes", Value::list(asked.iter().filter(|scope| !scope.is_null()).cloned().collect(), span));
            let missing = asked.iter().filter(|scope| scope.as_str().is_some_and(|scope| !known.contains(scope))).cloned().collect();
            fields.put("undefined", Value::list(missing, span));
            out.push(fields.at(span));
        }
    }
    out
}

/// Whether somebody gets through without any proof.
fn anonymous(security: Option<&Value>) -> bool {
    match security.map(items) {
        None | Some([]) => true,
        Some(alternatives) => alternatives.iter().any(|one| one.is_null() || one.as_map().is_some_and(Map::is_empty)),
    }
}

/// How servers, or the schemes of version 2, are reached.
fn transports(written: Option<&Value>, version: &str) -> Option<Vec<Value>> {
    let written = written?;
    let of = |value: &Value| -> Option<Value> {
        if version == "2" {
            return Some(Value::string(value.as_str()?.to_lowercase(), value.span));
        }
        let url = value.get("url")?;
        let text = url.as_str()?;
        let scheme = text.split_once("://")?.0;
        Some(if scheme.contains('{') { crate::ci::at_run_time(text, "", url.span) } else { Value::string(scheme.to_lowercase(), url.span) })
    };
    Some(items(written).iter().filter_map(of).collect())
}

fn read_document(file: &File, value: &Value, span: Span, version: &'static str, outcome: &mut Outcome) {
    let definitions = definitions(value, version);
    let servers_key = if version == "2" { "schemes" } else { "servers" };
    let shared = transports(value.get(servers_key), version).unwrap_or_default();
    let mut facts = Fields::of(value);
    for key in ["paths", "components", "definitions", "webhooks"] {
        facts.0.remove(key);
    }
    facts.text("version", Some(version), span);
    facts.put("definitions", Value::list(definitions.iter().map(|(_, value)| value.clone()).collect(), span));
    facts.put("transports", Value::list(shared.clone(), value.get(servers_key).map_or(span, |value| value.span)));
    let security_span = value.get("security").map_or(span, |value| value.span);
    facts.put("required", Value::list(required(value.get("security"), &definitions), security_span));
    facts.flag("anonymous", anonymous(value.get("security")), security_span);
    let around = facts.clone().at(span);
    let mut operations = Vec::new();
    let mut foreign: Option<Span> = None;
    for (path, entry) in value.get("paths").and_then(Value::as_map).into_iter().flat_map(Map::iter) {
        let item = follow(&entry.value, value);
        if item.get("$ref").is_some() {
            foreign.get_or_insert(entry.value.span);
        }
        for (method, written) in item.as_map().into_iter().flat_map(Map::iter) {
            if !METHODS.contains(&method.to_lowercase().as_str()) || written.value.as_map().is_none() {
                continue;
            }
            if operations.len() >= MAX_OPERATIONS {
                outcome.warn("openapi-size", written.key, format!("more than {MAX_OPERATIONS} operations; the rest is not read"));
                outcome.skipped = Some(("too many operations".to_owned(), true));
                break;
            }
            let operation = &written.value;
            let mut fields = Fields::of(operation);
            fields.text("method", Some(&method.to_lowercase()), written.key);
            fields.text("path", Some(path), entry.key);
            let own = operation.get("security");
            let asked = own.or(value.get("security"));
            fields.flag("own_security", own.is_some(), own.map_or(written.key, |own| own.span));
            let place = asked.map_or(written.key, |asked| asked.span);
            fields.put("required", Value::list(required(asked, &definitions), place));
            fields.flag("anonymous", anonymous(asked), own.map_or(written.key, |own| own.span));
            let own = transports(operation.get(servers_key), version).or_else(|| transports(item.get(servers_key), version));
            fields.put("own_transports", Value::list(own.clone().unwrap_or_default(), operation.span));
            fields.put("transports", Value::list(own.unwrap_or_else(|| shared.clone()), operation.span));
            let parameters: Vec<Value> = [item.get("parameters"), operation.get("parameters")]
                .into_iter()
                .flatten()
                .flat_map(items)
                .map(|parameter| follow(parameter, value).clone().at(parameter.span))
                .collect();
            fields.put("parameters", Value::list(parameters, operation.span));
            operations.push((format!("{} {path}", method.to_uppercase()), written.key, fields.at(operation.span)));
        }
    }
    if let Some(span) = foreign {
        let words = "a path is described in another file, which is not read from here";
        outcome.note("openapi-reference", span, words);
    }
    let mut arrays = Vec::new();
    unbounded(value, &mut arrays);
    let mut whole = Fields::of(value);
    for (key, entry) in facts.0.iter() {
        whole.0.insert(key.as_ref(), entry.key, entry.value.clone());
    }
    let paths_span = value.get("paths").map_or(span, |paths| paths.span);
    whole.put("operations", Value::list(operations.iter().map(|(_, _, value)| value.clone()).collect(), paths_span));
    whole.put("unbounded", Value::list(arrays, span));
    let title = value.get("info").and_then(|info| info.get("title")).and_then(scalar).filter(|title| !title.trim().is_empty());
    let id = title.as_deref().unwrap_or_else(|| file.path.rsplit('/').next().unwrap_or(&file.path)).to_owned();
    let head =
        ["openapi", "swagger"].iter().find_map(|key| value.as_map()?.entry(key)).map_or(span, |entry| entry.key.join(entry.value.span));
    outcome.subject(file, KIND, "openapi.document", &id, (span, head), whole.at(span));
    let mut ids = Ids::default();
    for (id, head, operation) in operations {
        let span = operation.span;
        let mut fields = Fields::of(&operation);
        fields.put("document", around.clone());
        outcome.subject(file, KIND, "openapi.operation", &ids.give(&id), (head.join(span), head), fields.at(span));
    }
}

/// Schemas of arrays without an upper bound, in the order of the text.
fn unbounded(value: &Value, out: &mut Vec<Value>) {
    // The reader limits how deep values are nested.
    if out.len() >= MAX_ARRAYS {
        return;
    }
    match &value.data {
        Data::Map(map) => {
            let array = map.get("type").is_some_and(|kind| items(kind).iter().any(|kind| kind.as_str() == Some("array")));
            if array && map.get("maxItems").is_none_or(Value::is_null) && !map.contains_key("const") {
                out.push(Value::string("array", value.span));
            }
            for (key, entry) in map.iter() {
                if !matches!(&**key, "example" | "examples" | "default" | "enum") {
                    unbounded(&entry.value, out);
                }
            }
        }
        Data::List(list) => list.iter().for_each(|item| unbounded(item, out)),
        _ => {}
    }
}
