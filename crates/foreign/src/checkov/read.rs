//! Policy files to definitions. What is not understood is an error with its place.

use std::collections::BTreeSet;
use std::sync::Arc;

use probity_checks::nearest;
use probity_core::{Confidence, Diagnostic, Level, RuleMeta, Severity, Stage, StageKind, SubjectKind};
use probity_value::{Data, FileId, Span, Value, json, yaml};

use super::operator::{Kind, OPERATORS, Operator};
use super::path::Attribute;
use super::{Connected, Connection, Definition, ENGINE, Filter, Leaf, Types, kinds_of};

/// Levels of `and`, `or` and `not` one policy may have.
const MAX_DEPTH: usize = 48;

/// A policy.
#[derive(Clone, Debug)]
pub struct Policy {
    /// What it says of itself.
    pub meta: Arc<RuleMeta>,
    /// Kinds of subjects it is for; empty for all.
    pub kinds: Vec<SubjectKind>,
    pub(crate) definition: Definition,
}

/// What goes wrong while reading: where, what, and what would help.
struct Fault {
    at: Span,
    message: String,
    hint: Option<String>,
}

fn fault<T>(at: Span, message: impl Into<String>) -> Result<T, Fault> {
    Err(Fault { at, message: message.into(), hint: None })
}

fn unknown_word<T>(at: Span, what: &str, word: &str, known: &[&str]) -> Result<T, Fault> {
    let hint = nearest(word, known.iter().copied()).map(|near| format!("did you mean `{near}`"));
    Err(Fault { at, message: format!("{what} `{word}` is not known"), hint })
}

impl Policy {
    /// Reads a policy from YAML or JSON text. Without a policy there is an error among the diagnostics.
    #[must_use]
    pub fn parse(text: &str, path: &str, file: FileId) -> (Option<Policy>, Vec<Diagnostic>) {
        let mut diagnostics = Vec::new();
        let mut say = |level: Level, span: Span, message: String, hint: Option<String>| {
            let mut one = Diagnostic::new(level, "checkov-policy", path, span, message);
            one.hint = hint;
            diagnostics.push(one);
        };
        let value = if path.ends_with(".json") {
            let (value, problems) = json::parse(text, file);
            if let Some(problem) = problems.iter().find(|problem| problem.fatal) {
                say(Level::Error, problem.span, problem.message.clone(), None);
                return (None, diagnostics);
            }
            value
        } else {
            let (documents, problems) = yaml::parse(text, file);
            if let Some(problem) = problems.iter().find(|problem| problem.fatal) {
                say(Level::Error, problem.span, problem.message.clone(), None);
                return (None, diagnostics);
            }
            if let Some(second) = documents.get(1) {
                say(Level::Error, second.span, "a second document in one policy file; Checkov reads one".to_owned(), None);
                return (None, diagnostics);
            }
            match documents.into_iter().next() {
                Some(document) => document.value,
                None => {
                    say(Level::Error, Span::NONE, "the file is empty".to_owned(), None);
                    return (None, diagnostics);
                }
            }
        };
        match read(&value, path) {
            Ok(policy) => (Some(policy), diagnostics),
            Err(Fault { at, message, hint }) => {
                say(Level::Error, at.or(value.span), message, hint);
                (None, diagnostics)
            }
        }
    }
}

fn words(value: &Value) -> Result<Vec<Arc<str>>, Fault> {
    match &value.data {
        Data::Null => Ok(Vec::new()),
        Data::String(text) => Ok(vec![Arc::clone(text)]),
        Data::List(items) => items
            .iter()
            .map(|item| match &item.data {
                Data::String(text) => Ok(Arc::clone(text)),
                _ => fault(item.span, format!("text is wanted, not a {}", item.type_name())),
            })
            .collect(),
        _ => fault(value.span, format!("a list of names is wanted, not a {}", value.type_name())),
    }
}

fn severity(word: &str) -> Option<Severity> {
    match word.to_ascii_lowercase().as_str() {
        "none" | "info" => Some(Severity::Info),
        "low" => Some(Severity::Low),
        "medium" | "moderate" => Some(Severity::Medium),
        "high" | "important" => Some(Severity::High),
        "critical" => Some(Severity::Critical),
        _ => None,
    }
}

fn read(value: &Value, path: &str) -> Result<Policy, Fault> {
    let Some(metadata) = value.get("metadata").filter(|metadata| metadata.as_map().is_some()) else {
        return fault(value.span, "`metadata` is missing");
    };
    let text = |key: &str| -> Result<Arc<str>, Fault> {
        match metadata.get(key).map(|value| &value.data) {
            Some(Data::String(text)) if !text.trim().is_empty() => Ok(Arc::clone(text)),
            Some(Data::Number(number)) => Ok(number.to_string().into()),
            _ => fault(metadata.span, format!("`metadata.{key}` is missing")),
        }
    };
    let (id, title, category) = (text("id")?, text("name")?, text("category")?);
    if id.chars().any(|letter| letter.is_whitespace() || letter.is_control()) {
        return fault(metadata.get("id").map_or(Span::NONE, |id| id.span), format!("the id `{id}` has spaces in it"));
    }
    let how_bad = match metadata.get("severity") {
        None => Severity::Medium,
        Some(word) if word.is_null() => Severity::Medium,
        Some(word) => match word.as_str().and_then(severity) {
            Some(severity) => severity,
            None => {
                let word_text = word.as_str().unwrap_or(word.type_name());
                return unknown_word(word.span, "the severity", word_text, &["none", "info", "low", "medium", "high", "critical"]);
            }
        },
    };
    let mut kinds = Vec::new();
    if let Some(frameworks) = metadata.get("frameworks").or_else(|| metadata.get("framework")) {
        for name in words(frameworks)? {
            match kinds_of(&name) {
                Some([]) => return fault(frameworks.span, format!("files of the framework `{name}` are not read here")),
                Some(more) => kinds.extend_from_slice(more),
                None => {
                    let known = ["Terraform", "CloudFormation", "Kubernetes", "Dockerfile", "Bicep", "ARM"];
                    return unknown_word(frameworks.span, "the framework", &name, &known);
                }
            }
        }
    }
    let providers: Vec<Arc<str>> = match value.get("scope").and_then(|scope| scope.get("provider")) {
        Some(provider) => {
            words(provider)?.iter().map(|word| word.to_lowercase().into()).filter(|word: &Arc<str>| !word.is_empty()).collect()
        }
        None => Vec::new(),
    };
    let Some(definition) = value.get("definition") else { return fault(value.span, "`definition` is missing") };
    let definition = condition(definition, &providers, 0)?;
    let applies_to: BTreeSet<Arc<str>> = definition.reach().names.into_iter().collect();
    let guideline =
        metadata.get("guideline").or_else(|| metadata.get("guidelines")).and_then(Value::as_str).map(str::trim).unwrap_or_default();
    let meta = RuleMeta {
        id,
        engine: ENGINE,
        title,
        severity: how_bad,
        confidence: Confidence::Firm,
        stage: Stage { kind: StageKind::Stable, since: "0.1.0".into() },
        applies_to: applies_to.into_iter().collect(),
        controls: Vec::new(),
        aliases: Vec::new(),
        why: format!("A policy of your own asks for it ({}).", category.to_lowercase().replace('_', " ")).into(),
        fix: if guideline.is_empty() { format!("Change the resource so that it meets `{path}`.") } else { guideline.to_owned() }.into(),
        other_fixes: Vec::new(),
        waivable: true,
        mends: false,
        parameters: Vec::new(),
    };
    Ok(Policy { meta: Arc::new(meta), kinds, definition })
}

fn condition(value: &Value, providers: &[Arc<str>], depth: usize) -> Result<Definition, Fault> {
    if depth > MAX_DEPTH {
        return fault(value.span, format!("conditions are nested more than {MAX_DEPTH} deep"));
    }
    // A list of conditions is an `and`.
    if value.as_list().is_some() {
        return Ok(Definition::And(several(value, providers, depth)?));
    }
    let Some(map) = value.as_map() else { return fault(value.span, format!("a condition is wanted, not a {}", value.type_name())) };
    let written = |key: &str| map.get(key).filter(|inner| !inner.is_null() && inner.as_list().is_none_or(|items| !items.is_empty()));
    let complex: Vec<&str> = ["and", "or", "not"].into_iter().filter(|key| written(key).is_some()).collect();
    if let [first, rest @ ..] = &complex[..] {
        if let Some(second) = rest.first() {
            return fault(value.span, format!("`{first}` and `{second}` side by side; Checkov passes over the second"));
        }
        if let Some((key, entry)) = map.iter().find(|(key, _)| &***key != *first) {
            return fault(entry.key, format!("`{key}` beside `{first}` means nothing"));
        }
        let inner = map.get(first).unwrap_or(value);
        let all = several(inner, providers, depth)?;
        return match *first {
            "and" => Ok(Definition::And(all)),
            "or" => Ok(Definition::Or(all)),
            _ => match <[Definition; 1]>::try_from(all) {
                Ok([only]) => Ok(Definition::Not(Box::new(only))),
                Err(_) => fault(inner.span, "`not` wants exactly one condition"),
            },
        };
    }
    let known = ["cond_type", "resource_types", "connected_resource_types", "attribute", "operator", "value", "attribute_value_regex"];
    if let Some((key, entry)) = map.iter().find(|(key, _)| !known.contains(&&***key)) {
        return unknown_word(entry.key, "the key", key, &[&known[..6], &["and", "or", "not"]].concat());
    }
    leaf(value, providers)
}

fn several(value: &Value, providers: &[Arc<str>], depth: usize) -> Result<Vec<Definition>, Fault> {
    match &value.data {
        Data::List(items) => items.iter().map(|item| condition(item, providers, depth + 1)).collect(),
        _ => Ok(vec![condition(value, providers, depth + 1)?]),
    }
}

/// Prefixes of the types of a provider.
fn prefixes(provider: &str) -> Option<&'static [&'static str]> {
    Some(match provider {
        "aws" => &["aws_", "AWS::"],
        "azure" | "azurerm" => &["azurerm_", "azuread_", "Microsoft."],
        "gcp" | "google" => &["google_"],
        "oci" | "oracle" => &["oci_"],
        "alicloud" | "alibabacloud" => &["alicloud_"],
        "ibm" => &["ibm_"],
        "digitalocean" => &["digitalocean_"],
        "github" => &["github_"],
        "gitlab" => &["gitlab_"],
        "yandex" => &["yandex_"],
        "openstack" => &["openstack_"],
        "linode" => &["linode_"],
        _ => return None,
    })
}

fn types(value: Option<&Value>, providers: &[Arc<str>]) -> Result<Types, Fault> {
    let all = |at: Span| -> Result<Types, Fault> {
        let mut every = Vec::new();
        for provider in providers {
            match prefixes(provider) {
                Some(more) => every.extend_from_slice(more),
                None => return fault(at, format!("which resources are those of the provider `{provider}` is not known; name their types")),
            }
        }
        Ok(Types { every: Some(every), ..Types::default() })
    };
    let Some(value) = value else { return Ok(Types::default()) };
    let names = words(value)?;
    match names.first().map(|name| name.to_lowercase()).as_deref() {
        None => Ok(Types::default()),
        Some("all") => all(value.span),
        Some("taggable") => fault(
            value.span,
            "which types are `taggable` is a list inside Checkov; name the types, or ask for `all` together with an attribute they have",
        ),
        _ if names.iter().any(|name| &**name == "provider") && !providers.is_empty() => {
            let names = providers.iter().map(|provider| Arc::from(format!("provider.{provider}"))).collect();
            Ok(Types { names, every: None })
        }
        _ => Ok(Types { names: names.into_iter().collect(), every: None }),
    }
}

fn leaf(value: &Value, providers: &[Arc<str>]) -> Result<Definition, Fault> {
    let text = |key: &str| value.get(key).and_then(Value::as_str);
    let at = |key: &str| value.get(key).map_or(value.span, |inner| inner.span);
    let mut of = types(value.get("resource_types"), providers)?;
    let kind = text("cond_type").unwrap_or_default();
    let operator = text("operator").unwrap_or_default();
    match kind {
        "" if value.get("attribute").is_none() => {
            if of.is_empty() {
                of = types(Some(&Value::string("all", value.span)), providers)?;
            }
            Ok(Definition::Any(of))
        }
        "attribute" | "" => {
            if of.is_empty() {
                of = types(Some(&Value::string("all", value.span)), providers)?;
            }
            attribute(value, of)
        }
        "connection" => {
            let connected = types(value.get("connected_resource_types"), providers)?;
            if of.is_empty() || connected.is_empty() {
                return fault(value.span, "a connection wants `resource_types` and `connected_resource_types`");
            }
            let how = match operator {
                "exists" => Connected::Exists,
                "not_exists" => Connected::NotExists,
                "one_exists" => Connected::OneExists,
                other => {
                    return unknown_word(at("operator"), "the operator of a connection", other, &["exists", "not_exists", "one_exists"]);
                }
            };
            Ok(Definition::Connection(Box::new(Connection { types: of, connected, how })))
        }
        "filter" => {
            if operator != "within" {
                return unknown_word(at("operator"), "the operator of a filter", operator, &["within"]);
            }
            let Some(name) = text("attribute") else { return fault(value.span, "a filter wants an `attribute`") };
            let Some(wanted) = value.get("value").filter(|wanted| !wanted.is_null()) else {
                return fault(value.span, "a filter wants a `value`");
            };
            let values = words(wanted).unwrap_or_default();
            let make = |why: String| Fault { at: wanted.span, message: why, hint: None };
            let operator = Operator::new(Kind::Within, false, wanted.clone()).map_err(make)?;
            let path = Attribute::parse(name, false).map_err(make)?;
            if name == "resource_type" && of.is_empty() {
                of.names.extend(values.iter().cloned());
            }
            Ok(Definition::Filter(Box::new(Filter { types: of, attribute: name.into(), path, operator, values })))
        }
        "resource" => match operator {
            "exists" => Ok(Definition::Resource(of, true)),
            "not_exists" => Ok(Definition::Resource(of, false)),
            other => unknown_word(at("operator"), "the operator of a resource", other, &["exists", "not_exists"]),
        },
        other => unknown_word(at("cond_type"), "the `cond_type`", other, &["attribute", "connection", "filter", "resource"]),
    }
}

fn attribute(value: &Value, of: Types) -> Result<Definition, Fault> {
    let at = |key: &str| value.get(key).map_or(value.span, |inner| inner.span);
    let Some(written) = value.get("operator").and_then(Value::as_str) else { return fault(value.span, "`operator` is missing") };
    let (json, name) = match written.strip_prefix("jsonpath_") {
        Some(name) => (true, name),
        None => (false, written),
    };
    let Some((_, kind, negated)) = OPERATORS.iter().find(|(known, ..)| *known == name) else {
        let known: Vec<&str> = OPERATORS.iter().map(|(known, ..)| *known).collect();
        return unknown_word(at("operator"), "the operator", written, &known);
    };
    let Some(path) = value.get("attribute").and_then(Value::as_str) else { return fault(value.span, "`attribute` is missing") };
    let argument = value.get("value").cloned().unwrap_or_else(|| Value::null(value.span));
    let make = |key: &'static str| move |why: String| Fault { at: at(key), message: why, hint: None };
    let operator = Operator::new(*kind, *negated, argument.clone()).map_err(make("value"))?;
    let parsed = Attribute::parse(path, json).map_err(make("attribute"))?;
    let words = if operator.wants_value() {
        let shown = probity_checks::shown(&argument).unwrap_or_else(|| "`…`".to_owned());
        format!("`{written}` {shown}")
    } else {
        format!("`{written}`")
    };
    let all = json || operator.asks_all();
    Ok(Definition::Attribute(Box::new(Leaf { types: of, name: path.into(), attribute: parsed, operator, words: words.into(), all })))
}
