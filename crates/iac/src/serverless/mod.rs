//! Serverless Framework: services to subjects.
//!
//! One subject for the service (type `serverless.service`, id `service`, the whole file) and one per function (type
//! `serverless.function`, id its name) with what it gets from `provider`; the root is the path of the file. What stands under `resources`
//! is CloudFormation and judged as that.
//!
//! What does not live here: plugins, programs (`serverless.js`, `${file(x.js)}`), and the resources the framework makes of functions.

#[cfg(test)]
mod tests;
mod variables;

use std::collections::BTreeSet;
use std::sync::Arc;

use probity_core::{Collected, Diagnostic, Level, ReadFile, Scope, SkippedFile, Source, Subject, SubjectKind, TreeError};
use probity_value::yaml::{self, Document};
use probity_value::{Data, Entry, Map, Span, Value};

use crate::cloudformation::{OPTIONS, suppression, template};
use crate::terraform::path::file_name;
use variables::Resolver;

/// Claims `serverless.yml`, `.yaml` and `.json` and files named alike that hold a service, and the files they read.
#[derive(Clone, Copy, Debug, Default)]
pub struct ServerlessSource;

const ID: &str = "serverless";
/// What a function takes from `provider` where it does not say otherwise.
const INHERITED: &[&str] = &["runtime", "memorySize", "timeout", "vpc", "layers", "kmsKeyArn", "architecture", "logRetentionInDays"];
/// The plugin that gives functions roles of their own.
const OWN_ROLES: &str = "serverless-iam-roles-per-function";

impl Source for ServerlessSource {
    fn id(&self) -> &'static str {
        ID
    }

    fn collect(&self, scope: &Scope<'_>) -> Collected {
        let mut collected = Collected::default();
        // A service is one file among many: there are few of them, and they share the files they read.
        for path in scope.unclaimed.iter().filter(|path| file_name(path).starts_with("serverless")) {
            let name = file_name(path);
            match name.rsplit_once('.') {
                Some((_, "yml" | "yaml" | "json")) => service(path, scope, &mut collected),
                Some(("serverless", "js" | "ts" | "cjs" | "mjs")) => {
                    skip(&mut collected, path, "a program, which is not run", false, false);
                }
                _ => {}
            }
        }
        collected
    }
}

fn skip(collected: &mut Collected, path: &Arc<str>, why: impl Into<String>, fails: bool, partly: bool) {
    let known = collected.coverage.skipped.iter().any(|file| file.file == *path);
    if !known {
        collected.coverage.skipped.push(SkippedFile { file: Arc::clone(path), source: ID, why: why.into(), fails, partly });
    }
}

/// Reads one service.
fn service(path: &Arc<str>, scope: &Scope<'_>, collected: &mut Collected) {
    let surely = matches!(file_name(path), "serverless.yml" | "serverless.yaml" | "serverless.json");
    let bytes = match scope.tree.read(path) {
        Ok(bytes) if bytes.len() as u64 <= scope.options.max_file_size => bytes,
        _ if !surely => return,
        Ok(bytes) => {
            let error = TreeError::TooLarge { size: bytes.len() as u64, budget: scope.options.max_file_size };
            return unreadable(collected, path, error.to_string(), true);
        }
        Err(error) => {
            let fails = !matches!(error, TreeError::Missing | TreeError::Outside);
            return unreadable(collected, path, error.to_string(), fails);
        }
    };
    let Ok(text) = std::str::from_utf8(&bytes) else {
        if surely {
            unreadable(collected, path, "not UTF-8 text".to_owned(), true);
        }
        return;
    };
    if !surely && !(text.contains("provider") && (text.contains("functions") || text.contains("resources"))) {
        return;
    }
    let text: Arc<str> = text.into();
    let file = scope.sources.add(Arc::clone(path), Arc::clone(&text));
    let (documents, problems) = yaml::parse_with(&text, file, OPTIONS);
    let broken = problems.iter().any(|problem| problem.fatal);
    let document = documents.iter().find(|document| is_service(&document.value));
    if document.is_none() && !(broken && surely) {
        return;
    }
    for problem in &problems {
        let level = if problem.fatal { Level::Error } else { Level::Warning };
        collected.diagnostics.push(Diagnostic::new(level, problem.code, Arc::clone(path), problem.span, problem.message.clone()));
    }
    if broken {
        skip(collected, path, "not valid YAML", true, document.is_some());
    }
    if let Some(document) = document {
        judge(path, &text, document, scope, collected);
    }
}

fn unreadable(collected: &mut Collected, path: &Arc<str>, why: String, fails: bool) {
    if fails {
        collected.diagnostics.push(Diagnostic::new(Level::Error, "serverless-unreadable", Arc::clone(path), Span::NONE, why.clone()));
    }
    skip(collected, path, why, fails, false);
}

/// Whether a document is a service.
fn is_service(value: &Value) -> bool {
    let Some(map) = value.as_map() else { return false };
    let has = |key: &str| map.contains_key(key);
    has("provider") && (has("service") || has("functions") || has("resources")) || has("service") && (has("functions") || has("resources"))
}

fn judge(path: &Arc<str>, text: &Arc<str>, document: &Document, scope: &Scope<'_>, collected: &mut Collected) {
    let resolver = Resolver::new(scope, path, document.value.clone());
    let mut whole = resolver.resolve(&document.value);
    // References to resources may stand everywhere; those under `resources` are worked out with what is declared there.
    if is_aws(&whole)
        && let Data::Map(map) = &whole.data
    {
        let mut map = Map::clone(map);
        for key in ["provider", "functions"] {
            if let Some(value) = map.get_mut(key) {
                *value = template::work_out(value, path, scope.options.max_steps);
            }
        }
        whole.data = Data::Map(Arc::new(map));
    }
    let Some(map) = whole.as_map() else { return };
    let mut subjects = Vec::new();
    let mut unread: Option<String> = None;
    subjects.push(whole_service(path, map, &whole));
    let mut named = BTreeSet::new();
    for part in parts(map.get("functions"), "functions", &mut unread) {
        for (name, entry) in part.iter() {
            if let Some(doubt) = entry.value.as_unknown() {
                unread.get_or_insert_with(|| format!("the function `{name}` is not known: {}", doubt.reason));
            } else if entry.value.as_map().is_some() && named.insert(Arc::clone(name)) {
                subjects.push(function(path, name, entry, map));
            }
        }
    }
    let mut found = template::Judged::default();
    if is_aws(&whole) && map.contains_key("resources") {
        let mut merged = Map::new();
        for part in parts(map.get("resources"), "resources", &mut unread) {
            take_in(&mut merged, part);
        }
        found = template::judge(&merged, path, scope.options.max_steps, true);
    }
    subjects.append(&mut found.subjects);
    let (files, said, spent) = resolver.finish();
    collected.diagnostics.extend(said);
    collected.diagnostics.append(&mut found.diagnostics);
    let file = document.span.file;
    let silence = |text: &str, file, value: &Value, collected: &mut Collected| {
        let here: Vec<Subject> = subjects.iter().filter(|subject| subject.span.file == file).cloned().collect();
        let found = suppression::find(text, file, path, value, &here, &mut collected.diagnostics);
        collected.suppressions.extend(found);
        here.len()
    };
    let count = silence(text, file, &document.value, collected);
    collected.coverage.read.push(ReadFile { file: Arc::clone(path), source: ID, subjects: count });
    for (name, included) in files {
        let Some(included) = included.filter(|included| included.parsed) else { continue };
        let count = silence(&included.text, included.id, &included.value, collected);
        let claimed = scope.unclaimed.binary_search(&name).is_ok() && !collected.coverage.read.iter().any(|read| read.file == name);
        match included.broken {
            Some(why) => skip(collected, &name, why, true, false),
            None if claimed => collected.coverage.read.push(ReadFile { file: name, source: ID, subjects: count }),
            None => {}
        }
    }
    collected.subjects.append(&mut subjects);
    if spent {
        let message = "the variables hang on themselves, or take more steps than the budget allows";
        collected.diagnostics.push(Diagnostic::new(Level::Error, "serverless-budget", Arc::clone(path), document.span, message));
        skip(collected, path, message, true, true);
    }
    if let Some(why) = found.broken {
        skip(collected, path, why, true, true);
    }
    if let Some(why) = found.unread.or(unread) {
        skip(collected, path, why, false, true);
    }
}

/// The maps a section consists of: itself, or the items of its list.
fn parts<'v>(section: Option<&'v Value>, name: &str, unread: &mut Option<String>) -> Vec<&'v Map> {
    let Some(section) = section else { return Vec::new() };
    let items = section.as_list().unwrap_or(std::slice::from_ref(section));
    let mut out = Vec::new();
    for item in items {
        match &item.data {
            Data::Map(map) => out.push(&**map),
            Data::Unknown(doubt) => {
                unread.get_or_insert_with(|| format!("a part of `{name}` is not known: {}", doubt.reason));
            }
            _ => {}
        }
    }
    out
}

/// Puts one part of `resources` to the others: sections become one, of an entry that is there twice the last counts.
fn take_in(merged: &mut Map, part: &Map) {
    for (name, entry) in part.iter() {
        let value = match (merged.get(name).and_then(Value::as_map), entry.value.as_map()) {
            (Some(before), Some(more)) => {
                let mut both = Map::clone(before);
                for (key, inner) in more.iter() {
                    both.insert(Arc::clone(key), inner.key, inner.value.clone());
                }
                Value { data: Data::Map(Arc::new(both)), ..entry.value.clone() }
            }
            _ => entry.value.clone(),
        };
        merged.insert(Arc::clone(name), entry.key, value);
    }
}

/// Whether it runs on AWS, or nothing says otherwise.
fn is_aws(service: &Value) -> bool {
    let provider = service.get("provider");
    let name = provider.and_then(|provider| provider.get("name").unwrap_or(provider).as_str());
    name.is_none_or(|name| name.eq_ignore_ascii_case("aws"))
}

fn whole_service(path: &Arc<str>, map: &Map, whole: &Value) -> Subject {
    // Its own place is `provider`: functions and resources are subjects themselves.
    let entry = map.entry("provider").or_else(|| map.entry("service"));
    let head = entry.map_or(whole.span, |entry| entry.key);
    Subject {
        kind: SubjectKind::Serverless,
        type_name: "serverless.service".into(),
        id: "service".into(),
        root: Arc::clone(path),
        span: entry.map_or(whole.span, around),
        head,
        value: whole.clone(),
        via: Vec::new(),
    }
}

/// A key with its value, where that stands below it.
fn around(entry: &Entry) -> Span {
    let value = entry.value.span;
    if value.file == entry.key.file && value.start >= entry.key.end { entry.key.join(value) } else { entry.key }
}

/// A function with what it gets from `provider`: settings, environment, tags, and the statements of the role it runs with.
fn function(path: &Arc<str>, name: &Arc<str>, entry: &Entry, service: &Map) -> Subject {
    let mut map = entry.value.as_map().cloned().unwrap_or_default();
    if let Some(provider) = service.get("provider").and_then(Value::as_map) {
        for key in INHERITED {
            if let (false, Some(common)) = (map.contains_key(key), provider.entry(key)) {
                map.insert(*key, common.key, common.value.clone());
            }
        }
        if let (false, Some(common)) =
            (map.contains_key("tracing"), provider.get("tracing").and_then(|tracing| tracing.as_map()?.entry("lambda")))
        {
            map.insert("tracing", common.key, common.value.clone());
        }
        for (theirs, ours) in [("environment", "environment"), ("stackTags", "tags"), ("tags", "tags")] {
            let Some(common) = provider.entry(theirs) else { continue };
            let merged = match (common.value.as_map(), map.get(ours)) {
                (_, None) => common.value.clone(),
                (Some(all), Some(own)) if own.as_map().is_some() => {
                    let mut all = Map::clone(all);
                    for (key, inner) in own.as_map().into_iter().flat_map(Map::iter) {
                        all.insert(Arc::clone(key), inner.key, inner.value.clone());
                    }
                    Value { data: Data::Map(Arc::new(all)), ..own.clone() }
                }
                (_, Some(own)) => own.clone(),
            };
            map.insert(ours, common.key, merged);
        }
        statements(&mut map, provider, service);
    }
    Subject {
        kind: SubjectKind::Serverless,
        type_name: "serverless.function".into(),
        id: Arc::clone(name),
        root: Arc::clone(path),
        span: around(entry),
        head: entry.key,
        value: Value { data: Data::Map(Arc::new(map)), ..entry.value.clone() },
        via: Vec::new(),
    }
}

/// Adds the statements of the shared role, where the function runs with that.
fn statements(function: &mut Map, provider: &Map, service: &Map) {
    let plugins = service.get("plugins").and_then(|plugins| plugins.get("modules").or(Some(plugins)));
    let own_roles = plugins.and_then(Value::as_list).unwrap_or_default().iter().any(|name| name.as_str() == Some(OWN_ROLES));
    let inherits = function.get("iamRoleStatementsInherit").and_then(Value::as_bool) == Some(true);
    let own = function.contains_key("iamRoleStatements");
    if function.contains_key("role") || own && own_roles && !inherits {
        return;
    }
    let role = provider.get("iam").and_then(|iam| iam.get("role"));
    let shared = provider.entry("iamRoleStatements").or_else(|| role.and_then(Value::as_map)?.entry("statements"));
    let Some(shared) = shared else { return };
    let merged = match (function.get("iamRoleStatements").and_then(Value::as_list), shared.value.as_list()) {
        (Some(own), Some(shared_items)) => {
            let items = own.iter().chain(shared_items).cloned().collect();
            Value { data: Data::List(Arc::new(items)), ..shared.value.clone() }
        }
        _ => shared.value.clone(),
    };
    function.insert("iamRoleStatements", shared.key, merged);
}
