//! Azure Resource Manager templates: JSON files to subjects.
//!
//! One subject per resource (type `Microsoft.Storage/storageAccounts`, nested ones with their parents' types; id as Azure writes the
//! path of a resource, unknown parts of names in braces; root the path of the file). The value is the whole resource, expressions worked
//! out; a resource that is part of another has a reference to it under `parent`. Parameters that hold secrets are subjects too (type
//! `secureString` or `secureObject`).
//!
//! What does not live here: the functions (`azure`), linked templates, and judging.

mod expression;
mod scope;
mod template;

#[cfg(test)]
pub(crate) mod tests;

use std::collections::{BTreeMap, BTreeSet};
use std::sync::{Arc, OnceLock};

use probity_core::{Collected, Diagnostic, Level, ReadFile, Scope, SkippedFile, Source, TreeError};
use probity_value::{Data, FileId, Map, SourceFile, Span, Value, json};
use rayon::prelude::*;

use crate::azure::suppression;

/// Claims `.json` files that are deployment templates, and the parameters files beside them.
#[derive(Clone, Copy, Debug, Default)]
pub struct ArmSource;

const ID: &str = "arm";
/// Stack of the threads that evaluate; only what is touched is used.
const STACK: usize = 64 << 20;

/// Threads with room for deep evaluations; made once.
pub(crate) fn pool() -> Option<&'static rayon::ThreadPool> {
    static POOL: OnceLock<Option<rayon::ThreadPool>> = OnceLock::new();
    POOL.get_or_init(|| rayon::ThreadPoolBuilder::new().stack_size(STACK).thread_name(|index| format!("azure-{index}")).build().ok())
        .as_ref()
}

/// What a file looks like before it is parsed.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
enum Look {
    Template,
    Parameters,
}

struct Found {
    path: Arc<str>,
    look: Look,
    content: Result<Arc<str>, String>,
}

impl Source for ArmSource {
    fn id(&self) -> &'static str {
        ID
    }

    fn collect(&self, scope: &Scope<'_>) -> Collected {
        let mut out = Collected::default();
        let found: Vec<Found> = scope.unclaimed.par_iter().filter_map(|path| look(path, scope)).collect();
        if found.is_empty() {
            return out;
        }
        let numbered: Vec<(Found, FileId)> = found
            .into_iter()
            .map(|found| {
                let id = match &found.content {
                    Ok(text) => scope.sources.add(Arc::clone(&found.path), Arc::clone(text)),
                    Err(_) => FileId::NONE,
                };
                (found, id)
            })
            .collect();
        let Some(pool) = pool() else {
            for (found, _) in numbered {
                out.coverage.skipped.push(skipped(found.path, "no thread could be started to read it", true, false));
            }
            return out;
        };
        pool.install(|| read_all(scope, numbered, &mut out));
        out
    }
}

fn skipped(file: Arc<str>, why: impl Into<String>, fails: bool, partly: bool) -> SkippedFile {
    SkippedFile { file, source: ID, why: why.into(), fails, partly }
}

/// Looks whether a file may be a template, without parsing it.
fn look(path: &Arc<str>, scope: &Scope<'_>) -> Option<Found> {
    let lower = path.to_ascii_lowercase();
    if !lower.ends_with(".json") && !lower.ends_with(".jsonc") {
        return None;
    }
    let bytes = match scope.tree.read(path) {
        Ok(bytes) if bytes.len() as u64 <= scope.options.max_file_size => bytes,
        Ok(bytes) => {
            // Too large to be read, but it may say at its beginning what it is.
            let look = look_at(bytes.get(..4096).unwrap_or(&bytes))?;
            let why = TreeError::TooLarge { size: bytes.len() as u64, budget: scope.options.max_file_size }.to_string();
            return Some(Found { path: Arc::clone(path), look, content: Err(why) });
        }
        Err(_) => return None,
    };
    let look = look_at(&bytes)?;
    let content = match std::str::from_utf8(&bytes) {
        Ok(text) => Ok(text.into()),
        Err(_) => Err("not UTF-8 text".to_owned()),
    };
    Some(Found { path: Arc::clone(path), look, content })
}

fn look_at(bytes: &[u8]) -> Option<Look> {
    let holds = |word: &str| contains(bytes, word.as_bytes());
    if holds("eploymentTemplate.json") || (holds("\"contentVersion\"") && holds("\"resources\"")) {
        return Some(Look::Template);
    }
    (holds("eploymentParameters.json")).then_some(Look::Parameters)
}

fn contains(bytes: &[u8], word: &[u8]) -> bool {
    let Some(first) = word.first() else { return true };
    let mut rest = bytes;
    while let Some(at) = rest.iter().position(|byte| byte == first) {
        rest = rest.get(at..).unwrap_or_default();
        if rest.starts_with(word) {
            return true;
        }
        rest = rest.get(1..).unwrap_or_default();
    }
    false
}

/// A file after it was parsed.
struct Parsed {
    path: Arc<str>,
    look: Look,
    file: FileId,
    value: Value,
    comments: Vec<Span>,
    diagnostics: Vec<Diagnostic>,
    /// Why it was not read.
    broken: Option<String>,
}

fn parse(found: Found, file: FileId) -> Parsed {
    let Found { path, look, content } = found;
    let mut parsed =
        Parsed { path, look, file, value: Value::null(Span::NONE), comments: Vec::new(), diagnostics: Vec::new(), broken: None };
    let text = match content {
        Ok(text) => text,
        Err(why) => {
            parsed.diagnostics.push(Diagnostic::new(Level::Error, "arm-unreadable", Arc::clone(&parsed.path), Span::NONE, why.clone()));
            parsed.broken = Some(why);
            return parsed;
        }
    };
    let (value, problems, comments) = json::parse_commented(&text, file);
    for problem in problems {
        let level = if problem.fatal { Level::Error } else { Level::Warning };
        if problem.fatal {
            parsed.broken = Some("not valid JSON".to_owned());
        }
        parsed.diagnostics.push(Diagnostic::new(level, problem.code, Arc::clone(&parsed.path), problem.span, problem.message));
    }
    parsed.value = value;
    parsed.comments = comments;
    parsed
}

/// Whether parsed JSON is a template after all.
fn is_template(value: &Value) -> bool {
    let schema = scope::get(value, "$schema").and_then(Value::as_str).is_some_and(|schema| {
        let schema = schema.to_ascii_lowercase();
        schema.contains("deploymenttemplate.json") && !schema.contains("createuidefinition")
    });
    let lists = |key: &str| scope::get(value, key).is_some_and(|part| part.as_list().is_some() || part.as_map().is_some());
    (schema && value.as_map().is_some())
        || (scope::get(value, "contentVersion").is_some_and(|part| part.as_str().is_some()) && lists("resources"))
}

fn read_all(scope: &Scope<'_>, numbered: Vec<(Found, FileId)>, out: &mut Collected) {
    let parsed: Vec<Parsed> = numbered.into_par_iter().map(|(found, file)| parse(found, file)).collect();
    let mut templates = Vec::new();
    let mut values: BTreeMap<String, Parsed> = BTreeMap::new();
    for parsed in parsed {
        match parsed.look {
            Look::Parameters => {
                values.insert(parsed.path.to_ascii_lowercase(), parsed);
            }
            // What only looks like a template is left to other sources.
            Look::Template if parsed.broken.is_some() || is_template(&parsed.value) => templates.push(parsed),
            Look::Template => {}
        }
    }
    let given = |path: &str| -> Option<&Parsed> {
        let lower = path.to_ascii_lowercase();
        let (stem, ending) = lower.rsplit_once('.')?;
        [format!("{stem}.parameters.{ending}"), format!("{stem}.parameters.json"), format!("{stem}-parameters.json")]
            .iter()
            .find_map(|name| values.get(name))
    };
    let mut used: BTreeSet<String> = BTreeSet::new();
    for template in &templates {
        used.extend(given(&template.path).map(|values| values.path.to_ascii_lowercase()));
    }
    let outcomes: Vec<(template::Outcome, Vec<probity_core::Suppression>)> =
        templates.par_iter().map(|template| judge(scope, template, given(&template.path))).collect();
    for (parsed, (mut outcome, suppressions)) in templates.into_iter().zip(outcomes) {
        out.diagnostics.extend(parsed.diagnostics);
        let limited = outcome.diagnostics.iter().any(|diagnostic| diagnostic.level == Level::Error);
        out.diagnostics.append(&mut outcome.diagnostics);
        let count = outcome.subjects.len();
        if parsed.broken.is_none() {
            out.coverage.read.push(ReadFile { file: Arc::clone(&parsed.path), source: ID, subjects: count });
        }
        if let Some(why) = parsed.broken {
            out.coverage.skipped.push(skipped(parsed.path, why, true, false));
        } else if limited {
            out.coverage.skipped.push(skipped(parsed.path, "a limit was met", true, true));
        }
        out.subjects.extend(outcome.subjects);
        out.suppressions.extend(suppressions);
    }
    for (key, parsed) in values {
        out.diagnostics.extend(parsed.diagnostics);
        match parsed.broken {
            Some(why) => out.coverage.skipped.push(skipped(parsed.path, why, true, false)),
            None if used.contains(&key) => out.coverage.read.push(ReadFile { file: parsed.path, source: ID, subjects: 0 }),
            None => out.coverage.skipped.push(skipped(parsed.path, "values for no template of the same name", false, false)),
        }
    }
}

fn judge(scope: &Scope<'_>, parsed: &Parsed, given: Option<&Parsed>) -> (template::Outcome, Vec<probity_core::Suppression>) {
    if parsed.broken.is_some() {
        return (template::Outcome::default(), Vec::new());
    }
    let values = given.and_then(|given| match scope::get(&given.value, "parameters").map(|values| &values.data) {
        Some(Data::Map(values)) => Some(Arc::<Map>::clone(values)),
        _ => None,
    });
    let mut outcome = template::evaluate(&parsed.path, &parsed.value, values, scope.options.max_steps);
    let mut suppressions = Vec::new();
    for subject in &outcome.subjects {
        let said = scope::get(&subject.value, "metadata").and_then(|metadata| scope::get(metadata, "checkov"));
        let texts = match said.map(|said| (&said.data, said)) {
            Some((Data::List(items), _)) => items.to_vec(),
            Some((_, said)) => vec![said.clone()],
            None => Vec::new(),
        };
        for said in texts {
            let id = scope::get(&said, "id").and_then(Value::as_str);
            let comment = scope::get(&said, "comment").and_then(Value::as_str).unwrap_or_default();
            let text = match (said.as_str(), id) {
                (Some(text), _) => text.to_owned(),
                (None, Some(id)) => format!("{id}:{comment}"),
                (None, None) => continue,
            };
            suppressions.extend(suppression::metadata(&text, said.span, subject.span));
        }
    }
    if let Some(file) = scope.sources.file(parsed.file) {
        let file: &SourceFile = &file;
        let parts = || {
            let mut parts = Vec::new();
            places(&parsed.value, &mut parts);
            parts
        };
        suppressions.extend(suppression::find(file, &parsed.comments, &outcome.blocks, &parts, &mut outcome.diagnostics));
    }
    (outcome, suppressions)
}

/// The places of all keys with their values, and of all items.
fn places(value: &Value, out: &mut Vec<Span>) {
    match &value.data {
        Data::List(items) => {
            for item in items.iter() {
                out.push(item.span);
                places(item, out);
            }
        }
        Data::Map(map) => {
            for (_, entry) in map.iter() {
                out.push(entry.key.join(entry.value.span));
                places(&entry.value, out);
            }
        }
        _ => {}
    }
}
