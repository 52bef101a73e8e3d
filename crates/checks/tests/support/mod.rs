//! Rules and subjects from short texts.
#![allow(dead_code, unreachable_pub, clippy::unwrap_used, clippy::indexing_slicing, reason = "each test file uses a part")]

use std::sync::Arc;

use probity_checks::{CheckProgram, LazyCheck, Rule, RuleDocument};
use probity_core::{EvalContext, Program, RuleResult, Subject, SubjectIndex, SubjectKind, World};
use probity_value::{Data, FileId, Map, Reference, Span, Unknown, UnknownKind, Value, json, yaml};

/// A rule file around a check, for a type.
pub fn rule(applies_to: &str, check: &str) -> RuleDocument {
    let text = format!(
        "id: a-rule\ntitle: t\nseverity: low\nstage: {{ stable: 0.1.0 }}\napplies_to: [{applies_to}]\nwhy: w\nfix: f\ncheck:\n{}\ntests:\n  fail: [{{ name: f, terraform: '' }}]\n  pass: [{{ name: p, terraform: '' }}]\n",
        check.lines().map(|line| format!("  {line}")).collect::<Vec<_>>().join("\n")
    );
    let (document, diagnostics) = RuleDocument::parse(&text, "a-rule.yaml", FileId(9));
    assert!(diagnostics.is_empty(), "{diagnostics:?}\n{text}");
    document.unwrap()
}

/// What is wrong with the check of a rule file.
pub fn faults(check: &str) -> Vec<String> {
    let text = format!(
        "id: a-rule\ntitle: t\nseverity: low\nstage: {{ stable: 0.1.0 }}\napplies_to: [t]\nwhy: w\nfix: f\ncheck: {check}\ntests:\n  fail: [{{ name: f, terraform: '' }}]\n  pass: [{{ name: p, terraform: '' }}]\n"
    );
    let (_, diagnostics) = RuleDocument::parse(&text, "a-rule.yaml", FileId(9));
    diagnostics
        .iter()
        .map(|one| format!("{}{}", one.message, one.hint.as_ref().map(|hint| format!("; {hint}")).unwrap_or_default()))
        .collect()
}

/// A program of one rule.
pub fn program(document: RuleDocument) -> CheckProgram {
    CheckProgram::new(vec![Rule { meta: Arc::new(document.meta), check: Arc::new(LazyCheck::ready(document.variants)) }])
}

/// A value from JSON or YAML, where a text that begins with `?` is unknown:
/// `?var`, `?var=prefix`, `?var=prefix~suffix`, `?ref:subject.attribute`, `?dataref:subject.attribute`, `?data`, `?nonnull`, `?json:{...}` (unknown text that decodes to that), and `!text` is
/// sensitive.
pub fn value(text: &str) -> Value {
    let (documents, problems) = yaml::parse(text, FileId(0));
    assert!(problems.is_empty(), "{problems:?}\n{text}");
    documents.first().map_or_else(|| Value::map(Map::new(), Span::NONE), |document| marked(&document.value))
}

fn marked(value: &Value) -> Value {
    match &value.data {
        Data::List(items) => Value::list(items.iter().map(marked).collect(), value.span),
        Data::Map(map) => {
            let mut out = Map::new();
            for (key, entry) in map.iter() {
                out.insert(Arc::clone(key), entry.key, marked(&entry.value));
            }
            Value::map(out, value.span)
        }
        Data::String(text) => match text.split_at_checked(1) {
            Some(("?", kind)) => unknown(kind, value.span),
            Some(("!", secret)) => {
                let mut value = Value::string(secret, value.span);
                value.sensitive = true;
                value
            }
            _ => value.clone(),
        },
        _ => value.clone(),
    }
}

fn unknown(kind: &str, span: Span) -> Value {
    let make = |kind: UnknownKind, reason: &str, set: bool, known: &str, decoded: Option<Value>| {
        let (prefix, suffix) = known.split_once('~').unwrap_or((known, ""));
        let unknown = Unknown { kind, reason: reason.into(), set, prefix: prefix.into(), suffix: suffix.into(), decoded };
        Value::new(Data::Unknown(Arc::new(unknown)), span)
    };
    if let Some(reference) = kind.strip_prefix("ref:") {
        let (subject, attribute) = reference.rsplit_once('.').unwrap_or((reference, "id"));
        return Value::reference(subject, attribute, span);
    }
    if let Some(reference) = kind.strip_prefix("dataref:") {
        let (subject, attribute) = reference.rsplit_once('.').unwrap_or((reference, "id"));
        let mut value = make(UnknownKind::DataSource, "a data source is read when it runs", true, "", None);
        value.origin = Value::reference(subject, attribute, span).origin;
        return value;
    }
    if let Some(text) = kind.strip_prefix("json:") {
        return make(UnknownKind::Reference, "parts are unknown", true, "", Some(marked(&json::parse(text, FileId(0)).0)));
    }
    match kind.split_once('=') {
        Some((_, prefix)) => make(UnknownKind::Variable, "variable `v` has no value", true, prefix, None),
        None if kind == "nonnull" => make(UnknownKind::Variable, "variable `v` has no value", true, "", None),
        None if kind == "data" => make(UnknownKind::DataSource, "a data source is read when it runs", true, "", None),
        None => make(UnknownKind::Variable, "variable `v` has no value", false, "", None),
    }
}

/// Text that was known through a reference: `bucket = aws_s3_bucket.b.bucket`.
pub fn text_by_reference(text: &str, subject: &str) -> Value {
    let mut value = Value::string(text, Span::NONE);
    let reference = Reference { subject: subject.into(), attribute: "bucket".into() };
    value.origin = Some(Arc::new(probity_value::Origin { steps: Vec::new(), references: vec![reference] }));
    value
}

/// A subject of a type and address with a value.
pub fn subject(kind: SubjectKind, type_name: &str, id: &str, value: Value) -> Subject {
    Subject {
        kind,
        type_name: type_name.into(),
        id: id.into(),
        root: "".into(),
        span: Span::new(FileId(0), 0..1000),
        head: Span::new(FileId(0), 900..910),
        value,
        via: vec![],
    }
}

/// Judges the first of some subjects, given as `type address` and value, with a check.
pub fn judge(check: &str, subjects: &[(&str, &str)]) -> Option<RuleResult> {
    let subjects: Vec<Subject> = subjects
        .iter()
        .map(|(address, text)| {
            // A type of Azure has a dot in it.
            let azure = address.strip_prefix("Microsoft.").and_then(|rest| rest.split_once('.'));
            let type_name = match azure {
                Some((rest, _)) => address.get(..rest.len() + "Microsoft.".len()).unwrap_or(address),
                None => address.split('.').next().unwrap_or(address),
            };
            let kind = if azure.is_some() {
                SubjectKind::Arm
            } else if type_name.starts_with(char::is_uppercase) {
                SubjectKind::Kubernetes
            } else {
                SubjectKind::Terraform
            };
            subject(kind, type_name, address, value(text))
        })
        .collect();
    let applies_to = subjects[0].type_name.to_string();
    let world = World::new(subjects);
    let mut results = program(rule(&applies_to, check)).evaluate(SubjectIndex(0), &world, &EvalContext::default());
    assert!(results.len() <= 1);
    results.pop()
}

/// Status and message, or `-` for no result.
pub fn shown(result: Option<RuleResult>) -> String {
    result.map_or("-".to_owned(), |result| {
        if result.message.is_empty() { result.status.to_string() } else { format!("{}: {}", result.status, result.message) }
    })
}

/// The status alone, or `-` for no result.
pub fn status(result: Option<RuleResult>) -> String {
    result.map_or("-".to_owned(), |result| result.status.to_string())
}
