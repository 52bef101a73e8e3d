//! One template to subjects: its parameters, its conditions, its resources.

use std::collections::BTreeMap;
use std::sync::Arc;

use probity_core::{Diagnostic, Level, Subject, SubjectKind};
use probity_value::{Data, Entry, Map, Span, UnknownKind, Value};

use super::eval::{Evaluator, FOR_EACH, Scope, Truth, common, from_default, known_later};
use super::sam;
use crate::terraform::functions::to_text;

/// Steps one template may take. A large template takes some thousands.
const MAX_STEPS: u64 = 4_000_000;

/// The type of a parameter as a subject.
const PARAMETER: &str = "cloudformation.parameter";

/// What one template gave.
#[derive(Default)]
pub(crate) struct Judged {
    /// Its resources.
    pub(crate) subjects: Vec<Subject>,
    /// What there is to say.
    pub(crate) diagnostics: Vec<Diagnostic>,
    /// Why a part of it was not read, which nobody can mend: macros.
    pub(crate) unread: Option<String>,
    /// Why a part of it was not read, which fails.
    pub(crate) broken: Option<String>,
}

/// Macros that are run by `AWS::Serverless` and language extensions, which are read here, and those that change no resource that is written.
const KNOWN_MACROS: &[&str] = &["AWS::Serverless-", "AWS::LanguageExtensions", "AWS::CodeDeployBlueGreen", "AWS::SecretsManager-"];

/// Reads a template. `open`: there may be resources it does not name.
pub(crate) fn judge(template: &Map, path: &Arc<str>, max_steps: u64, open: bool) -> Judged {
    let mut judged = Judged::default();
    let macros = macros(template);
    let foreign = macros.iter().find(|name| !KNOWN_MACROS.iter().any(|known| name.starts_with(known)));
    if let Some(name) = foreign {
        judged.unread = Some(format!("the macro `{name}` is not run; the template is judged as it is written"));
    }
    let open = open || !macros.is_empty();
    let evaluator = Evaluator::new(path, parameters(template), template.get("Mappings").cloned(), open, max_steps.min(MAX_STEPS));
    if let Some(conditions) = template.get("Conditions").and_then(Value::as_map) {
        evaluator.declare_conditions(conditions);
    }
    judged.subjects = declared(template, path);
    let Some(entry) = template.entry("Resources") else { return judged };
    let Some(resources) = entry.value.as_map() else {
        let message = "`Resources` is a map of resources";
        judged.diagnostics.push(Diagnostic::new(Level::Error, "cloudformation-resources", Arc::clone(path), entry.key, message));
        judged.broken = Some(message.to_owned());
        return judged;
    };
    // Names first: a resource may name one that stands below it.
    let mut found: Vec<(Arc<str>, Entry, Scope)> = Vec::new();
    let mut names = BTreeMap::new();
    evaluator.entries(resources, &Scope::default(), &mut |name, entry, scope| {
        if &*name == "Fn::Transform" {
            judged.unread.get_or_insert_with(|| "resources that `Fn::Transform` adds are not read".to_owned());
        } else if !names.contains_key(&name) {
            let kind = entry.value.get("Type").and_then(Value::as_str).unwrap_or_default();
            names.insert(Arc::clone(&name), kind.into());
            found.push((name, entry.clone(), scope.clone()));
        } else {
            let message = format!("there is more than one resource `{name}`; the first counts");
            judged.diagnostics.push(Diagnostic::new(Level::Warning, "cloudformation-duplicate", Arc::clone(path), entry.key, message));
        }
    });
    evaluator.name_resources(names);
    let globals = sam::Globals::of(template, &evaluator);
    let mut left_out = 0_usize;
    for (name, entry, scope) in &found {
        match resource(&evaluator, name, entry, scope, path, &globals) {
            Ok(Some(subject)) => judged.subjects.push(subject),
            Ok(None) => left_out += 1,
            Err(message) => {
                judged.diagnostics.push(Diagnostic::new(
                    Level::Error,
                    "cloudformation-resource",
                    Arc::clone(path),
                    entry.key,
                    message.clone(),
                ));
                judged.broken.get_or_insert(message);
            }
        }
    }
    if left_out > 0 {
        let message = match left_out {
            1 => "1 resource is not made with the defaults of the parameters, so it is not judged".to_owned(),
            _ => format!("{left_out} resources are not made with the defaults of the parameters, so they are not judged"),
        };
        judged.diagnostics.push(Diagnostic::new(Level::Note, "cloudformation-condition", Arc::clone(path), entry.key, message));
    }
    let (said, spent, wrong) = evaluator.finish();
    if wrong {
        let first = said.iter().find(|diagnostic| diagnostic.level == Level::Error).map(|diagnostic| diagnostic.message.clone());
        judged.broken = judged.broken.or(first);
    }
    judged.diagnostics.extend(said);
    if spent {
        let message = "the template takes more steps than the budget allows; what is left is unknown";
        judged.diagnostics.push(Diagnostic::new(Level::Error, "cloudformation-budget", Arc::clone(path), entry.key, message));
        judged.broken.get_or_insert_with(|| message.to_owned());
    }
    judged
}

/// A value of another language with CloudFormation's functions in it, worked out where nothing is declared.
pub(crate) fn work_out(value: &Value, path: &Arc<str>, max_steps: u64) -> Value {
    let evaluator = Evaluator::new(path, BTreeMap::new(), None, true, max_steps.min(MAX_STEPS));
    evaluator.argument(value, &Scope::default())
}

/// One resource; `None` where its condition is false.
fn resource(
    evaluator: &Evaluator,
    name: &Arc<str>,
    entry: &Entry,
    scope: &Scope,
    path: &Arc<str>,
    globals: &sam::Globals,
) -> Result<Option<Subject>, String> {
    let Some(map) = entry.value.as_map() else { return Err(format!("the resource `{name}` is no map")) };
    let Some(type_name) = map.get("Type").and_then(|value| evaluator.eval(value, scope)).and_then(|value| value.as_str().map(Arc::from))
    else {
        return Err(format!("the resource `{name}` has no `Type`"));
    };
    if let Some(condition) = map.get("Condition")
        && let Some(Value { data: Data::String(condition_name), span, .. }) = evaluator.eval(condition, scope)
        && matches!(evaluator.condition(&condition_name, span), Truth::Known(false))
    {
        return Ok(None);
    }
    let Some(value) = evaluator.eval(&entry.value, scope) else { return Ok(None) };
    let value = globals.apply(&type_name, value);
    Ok(Some(Subject {
        kind: SubjectKind::CloudFormation,
        type_name,
        id: Arc::clone(name),
        root: Arc::clone(path),
        span: beside(entry),
        head: entry.key,
        value,
        via: Vec::new(),
    }))
}

/// Names of the macros of a template.
pub(super) fn macros(template: &Map) -> Vec<Arc<str>> {
    let name = |value: &Value| value.as_str().map(Arc::from).or_else(|| Some(value.get("Name")?.as_str()?.into()));
    match template.get("Transform") {
        None => Vec::new(),
        Some(Value { data: Data::List(items), .. }) => items.iter().filter_map(name).collect(),
        Some(one) => name(one).into_iter().collect(),
    }
}

/// Values of the parameters: their defaults, or why they are not known.
fn parameters(template: &Map) -> BTreeMap<Arc<str>, Value> {
    let declared = template.get("Parameters").and_then(Value::as_map);
    declared.into_iter().flat_map(Map::iter).map(|(name, entry)| (Arc::clone(name), parameter(name, entry))).collect()
}

/// The parameters as subjects: what is declared, with its name; a default that is not to be echoed is never shown.
fn declared(template: &Map, path: &Arc<str>) -> Vec<Subject> {
    let parameters = template.get("Parameters").and_then(Value::as_map);
    let subject = |(name, entry): (&Arc<str>, &Entry)| {
        let mut map = Map::clone(entry.value.as_map()?);
        map.insert("Name", entry.key, Value::string(Arc::clone(name), entry.key));
        if is_hidden(entry)
            && let Some(default) = map.get_mut("Default")
        {
            default.sensitive = true;
        }
        Some(Subject {
            kind: SubjectKind::CloudFormation,
            type_name: PARAMETER.into(),
            id: format!("parameter.{name}").into(),
            root: Arc::clone(path),
            span: beside(entry),
            head: entry.key,
            value: Value { data: Data::Map(Arc::new(map)), ..entry.value.clone() },
            via: Vec::new(),
        })
    };
    parameters.into_iter().flat_map(Map::iter).filter_map(subject).collect()
}

/// Whether a parameter is not to be echoed.
fn is_hidden(entry: &Entry) -> bool {
    entry.value.get("NoEcho").and_then(to_text).is_some_and(|text| text.eq_ignore_ascii_case("true"))
}

/// A key with its value; through an alias the value stands somewhere else.
fn beside(entry: &Entry) -> Span {
    let value = entry.value.span;
    if value.file == entry.key.file && value.start >= entry.key.end { entry.key.join(value) } else { entry.key }
}

fn parameter(name: &Arc<str>, entry: &Entry) -> Value {
    let kind = entry.value.get("Type").and_then(Value::as_str).unwrap_or("String");
    let default = entry.value.get("Default").filter(|value| !value.is_null());
    let mut value = match default {
        _ if kind.starts_with("AWS::SSM::Parameter") => {
            let names = default.and_then(to_text).map_or_else(String::new, |path| format!(" `{path}`"));
            known_later(format!("the SSM parameter{names} is read when the stack is made"), UnknownKind::Reference, entry.key)
        }
        Some(default) if kind == "CommaDelimitedList" || kind.starts_with("List<") => from_default(name, listed(default)),
        Some(default) => from_default(name, default.clone()),
        None => given(name, kind, entry),
    };
    value.sensitive |= is_hidden(entry);
    value
}

/// A parameter without a default. It must be given: it is there, whatever it will be.
fn given(name: &str, kind: &str, entry: &Entry) -> Value {
    // One of a type of AWS names something that is there already.
    let kind = if kind.starts_with("AWS::") { UnknownKind::Reference } else { UnknownKind::Variable };
    let mut value = known_later(format!("the parameter `{name}` has no default"), kind, entry.key);
    let allowed = entry.value.get("AllowedValues").and_then(Value::as_list).unwrap_or_default();
    let texts: Option<Vec<Arc<str>>> = allowed.iter().map(to_text).collect();
    if let (Some([first, rest @ ..]), Data::Unknown(unknown)) = (texts.as_deref(), &mut value.data) {
        // What all that is allowed begins with is known.
        let prefix = rest.iter().fold(first.to_string(), |prefix, text| common(&prefix, text));
        Arc::make_mut(unknown).prefix = prefix.into();
    }
    value
}

/// A list of the parts of a text between commas.
fn listed(value: &Value) -> Value {
    let Some(text) = to_text(value) else { return value.clone() };
    let part = |part: &str| Value { span: value.span, ..Value::string(part.trim(), value.span) };
    Value::list(text.split(',').filter(|_| !text.is_empty()).map(part).collect(), value.span)
}

/// Whether a document is a template.
pub(super) fn is_template(value: &Value) -> bool {
    let Some(map) = value.as_map() else { return false };
    if map.contains_key("apiVersion") && map.contains_key("kind") {
        return false;
    }
    if map.contains_key("AWSTemplateFormatVersion") {
        return true;
    }
    if macros(map).iter().any(|name| name.starts_with("AWS::Serverless")) {
        return true;
    }
    let Some(resources) = map.get("Resources").and_then(Value::as_map) else { return false };
    resources.iter().any(|(name, entry)| {
        let kind = entry.value.get("Type").and_then(Value::as_str);
        name.starts_with(FOR_EACH) || kind.is_some_and(is_resource_type)
    })
}

/// `AWS::S3::Bucket`, `Custom::Thing`, `Somebody::Their::Thing`.
fn is_resource_type(name: &str) -> bool {
    let parts: Vec<&str> = name.split("::").collect();
    let word =
        |part: &&str| !part.is_empty() && part.chars().all(|letter| letter.is_ascii_alphanumeric() || matches!(letter, '_' | '@' | '-'));
    (parts.len() >= 3 || parts.len() == 2 && parts.first() == Some(&"Custom")) && parts.iter().all(word)
}

/// A place that is nowhere in particular.
pub(super) fn whole(span: Span) -> Span {
    Span { end: span.start, ..span }
}
