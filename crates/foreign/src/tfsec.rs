//! tfsec's custom checks: `*_tfchecks.yaml` and `*_tfchecks.json`, each with a `matchSpec` that must hold for the resources it names.

use std::collections::HashMap;
use std::sync::Arc;

use probity_checks::{MAYBE, nearest, vague};
use probity_core::{
    Confidence, Diagnostic, EvalContext, Level, Program, RuleMeta, RuleResult, Severity, Stage, StageKind, Status, Subject, SubjectIndex,
    SubjectKind, World,
};
use probity_value::{Data, FileId, Span, Value, json, yaml};

use crate::pattern::Pattern;
use crate::tri::Tri;

/// Name of the engine.
pub const ENGINE: &str = "tfsec";

/// Levels one check may have.
const MAX_DEPTH: usize = 32;

const ACTIONS: &[&str] = &[
    "inModule",
    "isPresent",
    "notPresent",
    "isEmpty",
    "startsWith",
    "endsWith",
    "contains",
    "notContains",
    "equals",
    "notEqual",
    "lessThan",
    "lessThanOrEqualTo",
    "greaterThan",
    "greaterThanOrEqualTo",
    "regexMatches",
    "requiresPresence",
    "isAny",
    "isNone",
    "hasTag",
    "ofType",
    "and",
    "or",
    "not",
];

const KEYS: &[&str] = &[
    "name",
    "value",
    "action",
    "preConditions",
    "predicateMatchSpec",
    "subMatch",
    "subMatchOne",
    "ignoreUndefined",
    "ignoreUnmatched",
    "assignVariable",
];

/// A check.
#[derive(Clone, Debug)]
pub struct CustomCheck {
    /// What it says of itself.
    pub meta: Arc<RuleMeta>,
    kinds: Vec<Arc<str>>,
    labels: Vec<Arc<str>>,
    sources: Vec<Arc<str>>,
    message: Arc<str>,
    spec: Spec,
}

#[derive(Clone, Debug)]
struct Spec {
    name: Arc<str>,
    action: &'static str,
    value: Value,
    pattern: Option<Pattern>,
    before: Vec<Spec>,
    parts: Vec<Spec>,
    sub: Option<(Box<Spec>, bool)>,
    ignore_undefined: bool,
}

struct Fault(Span, String);

fn list(value: Option<&Value>) -> Vec<Arc<str>> {
    match value.map(|value| &value.data) {
        Some(Data::String(text)) => vec![Arc::clone(text)],
        Some(Data::List(items)) => items.iter().filter_map(|item| item.as_str().map(Arc::from)).collect(),
        _ => Vec::new(),
    }
}

impl CustomCheck {
    /// Reads a file of checks. What is not understood is an error among the diagnostics.
    #[must_use]
    pub fn parse(text: &str, path: &str, file: FileId) -> (Vec<CustomCheck>, Vec<Diagnostic>) {
        let mut diagnostics = Vec::new();
        let mut say = |span: Span, message: String| diagnostics.push(Diagnostic::new(Level::Error, "tfsec-check", path, span, message));
        let (value, problems) = if path.ends_with(".json") {
            let (value, problems) = json::parse(text, file);
            (Some(value), problems)
        } else {
            let (documents, problems) = yaml::parse(text, file);
            (documents.into_iter().next().map(|document| document.value), problems)
        };
        if let Some(problem) = problems.iter().find(|problem| problem.fatal) {
            say(problem.span, problem.message.clone());
            return (Vec::new(), diagnostics);
        }
        let Some(value) = value else { return (Vec::new(), diagnostics) };
        let Some(items) = value.get("checks").and_then(Value::as_list) else {
            say(value.span, "`checks` is missing".to_owned());
            return (Vec::new(), diagnostics);
        };
        let mut out = Vec::new();
        for item in items {
            match check(item, path) {
                Ok(check) => out.push(check),
                Err(Fault(span, message)) => say(span.or(item.span), message),
            }
        }
        (out, diagnostics)
    }
}

fn check(value: &Value, path: &str) -> Result<CustomCheck, Fault> {
    let text = |key: &str| value.get(key).and_then(Value::as_str).map(str::trim).filter(|text| !text.is_empty());
    let Some(code) = text("code") else { return Err(Fault(value.span, "`code` is missing".to_owned())) };
    let severity = match text("severity").unwrap_or("MEDIUM").to_ascii_uppercase().as_str() {
        "CRITICAL" => Severity::Critical,
        "HIGH" | "ERROR" => Severity::High,
        "MEDIUM" | "WARNING" => Severity::Medium,
        "LOW" => Severity::Low,
        "INFO" | "NONE" => Severity::Info,
        other => return Err(Fault(value.span, format!("the severity `{other}` is not known"))),
    };
    let Some(spec) = value.get("matchSpec") else { return Err(Fault(value.span, "`matchSpec` is missing".to_owned())) };
    let labels = list(value.get("requiredLabels"));
    let meta = RuleMeta {
        id: code.into(),
        engine: ENGINE,
        title: text("description").unwrap_or(code).into(),
        severity,
        confidence: Confidence::Firm,
        stage: Stage { kind: StageKind::Stable, since: "0.1.0".into() },
        applies_to: labels.iter().filter(|label| !label.contains('*')).cloned().collect(),
        controls: Vec::new(),
        aliases: vec![format!("custom-custom-{}", code.to_ascii_lowercase()).into()],
        why: text("impact").unwrap_or("A check of your own asks for it.").into(),
        fix: text("resolution").map_or_else(|| format!("Change the resource so that it meets `{path}`."), str::to_owned).into(),
        other_fixes: Vec::new(),
        waivable: true,
        mends: false,
        parameters: Vec::new(),
    };
    Ok(CustomCheck {
        meta: Arc::new(meta),
        kinds: list(value.get("requiredTypes")),
        labels,
        sources: list(value.get("requiredSources")),
        message: text("errorMessage").unwrap_or_default().into(),
        spec: read(spec, 0)?,
    })
}

fn read(value: &Value, depth: usize) -> Result<Spec, Fault> {
    if depth > MAX_DEPTH {
        return Err(Fault(value.span, format!("the check is nested more than {MAX_DEPTH} deep")));
    }
    let Some(map) = value.as_map() else { return Err(Fault(value.span, format!("a match is wanted, not a {}", value.type_name()))) };
    if let Some((key, entry)) = map.iter().find(|(key, _)| !KEYS.contains(&&***key)) {
        let hint = nearest(key, KEYS.iter().copied()).map(|near| format!("; did you mean `{near}`")).unwrap_or_default();
        return Err(Fault(entry.key, format!("the key `{key}` is not known{hint}")));
    }
    let written = map.get("action").and_then(Value::as_str).unwrap_or_default();
    let Some(action) = ACTIONS.iter().copied().find(|known| *known == written) else {
        let hint = nearest(written, ACTIONS.iter().copied()).map(|near| format!("; did you mean `{near}`")).unwrap_or_default();
        return Err(Fault(
            map.get("action").map_or(value.span, |action| action.span),
            format!("the action `{written}` is not known{hint}"),
        ));
    };
    let argument = map.get("value").cloned().unwrap_or_else(|| Value::null(value.span));
    let variable = |value: &Value| value.as_str().is_some_and(|text| text.contains("TFSEC_VAR_"));
    if map.get("assignVariable").is_some_and(|value| value.as_str().is_some_and(|text| !text.is_empty())) || variable(&argument) {
        return Err(Fault(value.span, "variables of a check are not taken over; write a rule of our own with `{ path: P }`".to_owned()));
    }
    let pattern = match (action, argument.as_str()) {
        ("regexMatches", Some(text)) => {
            Some(Pattern::new(text, false).map_err(|why| Fault(argument.span, format!("`{text}` is no regular expression: {why}")))?)
        }
        ("regexMatches", None) => return Err(Fault(value.span, "the expression is missing".to_owned())),
        _ => None,
    };
    let several = |key: &str| -> Result<Vec<Spec>, Fault> {
        map.get(key).and_then(Value::as_list).unwrap_or_default().iter().map(|item| read(item, depth + 1)).collect()
    };
    let parts = several("predicateMatchSpec")?;
    if matches!(action, "and" | "or" | "not") && parts.is_empty() {
        return Err(Fault(value.span, format!("`{action}` wants a `predicateMatchSpec`")));
    }
    if action == "not" && parts.len() > 1 {
        return Err(Fault(value.span, "`not` takes one `predicateMatchSpec`; tfsec passes over the others".to_owned()));
    }
    let sub = match (map.get("subMatch"), map.get("subMatchOne")) {
        (Some(inner), _) if !inner.is_null() => Some((Box::new(read(inner, depth + 1)?), false)),
        (_, Some(inner)) if !inner.is_null() => Some((Box::new(read(inner, depth + 1)?), true)),
        _ => None,
    };
    let is = |key: &str| map.get(key).and_then(Value::as_bool) == Some(true);
    Ok(Spec {
        name: map.get("name").and_then(Value::as_str).unwrap_or_default().into(),
        action,
        value: argument,
        pattern,
        before: several("preConditions")?,
        parts,
        sub,
        ignore_undefined: is("ignoreUndefined") || is("ignoreUnmatched"),
    })
}

/// Checks, ready to judge.
#[derive(Debug, Default)]
pub struct TfsecProgram {
    checks: Vec<CustomCheck>,
    by_type: HashMap<Arc<str>, Vec<usize>>,
    every: Vec<usize>,
}

impl TfsecProgram {
    /// Indexes checks.
    #[must_use]
    pub fn new(checks: Vec<CustomCheck>) -> TfsecProgram {
        let mut program = TfsecProgram { checks, ..TfsecProgram::default() };
        for (place, check) in program.checks.iter().enumerate() {
            if check.labels.is_empty() || check.labels.iter().any(|label| label.contains('*')) {
                program.every.push(place);
                continue;
            }
            for label in &check.labels {
                for kind in [label.to_string(), format!("data.{label}"), format!("provider.{label}")] {
                    program.by_type.entry(kind.into()).or_default().push(place);
                }
            }
        }
        program
    }
}

impl CustomCheck {
    fn judges(&self, subject: &Subject) -> bool {
        let type_name = &*subject.type_name;
        let (kind, label) = match type_name.split_once('.') {
            Some((kind @ ("data" | "provider"), label)) => (kind, label),
            _ if type_name == "module" => ("module", subject.id.rsplit('.').next().unwrap_or_default()),
            _ => ("resource", type_name),
        };
        let named = |list: &[Arc<str>], word: &str| list.is_empty() || list.iter().any(|one| probity_checks::like(one, word));
        let source = subject.value.get("source").and_then(Value::as_str).unwrap_or_default();
        let from = kind != "module" || named(&self.sources, source);
        (self.kinds.is_empty() || self.kinds.iter().any(|one| **one == *kind)) && named(&self.labels, label) && from
    }
}

impl Program for TfsecProgram {
    fn rules(&self) -> Vec<Arc<RuleMeta>> {
        self.checks.iter().map(|check| Arc::clone(&check.meta)).collect()
    }

    fn evaluate(&self, index: SubjectIndex, world: &World, _: &EvalContext) -> Vec<RuleResult> {
        let Some(subject) = world.subject(index).filter(|subject| subject.kind == SubjectKind::Terraform) else { return Vec::new() };
        let mut places = self.by_type.get(&subject.type_name).cloned().unwrap_or_default();
        places.extend_from_slice(&self.every);
        places.sort_unstable();
        places.dedup();
        let checks = places.into_iter().filter_map(|place| self.checks.get(place)).filter(|check| check.judges(subject));
        checks
            .map(|check| {
                let judge = Judge { subject, world };
                let (status, message, judged) = match judge.holds(&check.spec, &subject.value) {
                    Tri::Yes => (Status::Pass, String::new(), None),
                    Tri::No if check.message.is_empty() => (Status::Fail, format!("{} is not met", words(&check.spec)), None),
                    Tri::No => (Status::Fail, check.message.to_string(), None),
                    Tri::Maybe(value) => {
                        let why = value.find_unknown().map(|unknown| unknown.reason.to_string()).unwrap_or_default();
                        (Status::Unknown, format!("{} cannot be known: {why}", words(&check.spec)), Some(value))
                    }
                };
                let named = subject.value.as_map().and_then(|map| map.entry(&check.spec.name));
                let at = judged.as_ref().map(|value| value.span).or_else(|| named.map(|entry| entry.key)).unwrap_or(subject.head);
                let rule = Arc::clone(&check.meta);
                RuleResult {
                    rule,
                    subject: index,
                    status,
                    message,
                    at: at.or(subject.head),
                    judged,
                    related: Vec::new(),
                    colour: None,
                    first_met: None,
                }
            })
            .collect()
    }
}

fn words(spec: &Spec) -> String {
    if spec.name.is_empty() { format!("`{}`", spec.action) } else { format!("`{}` of `{}`", spec.action, spec.name) }
}

struct Judge<'a> {
    subject: &'a Subject,
    world: &'a World,
}

impl Judge<'_> {
    fn holds(&self, spec: &Spec, block: &Value) -> Tri {
        let before = Tri::all(spec.before.iter().map(|one| self.holds(one, block)));
        if matches!(before, Tri::No) {
            return Tri::Yes;
        }
        let main = self.main(spec, block);
        Tri::any([before.not_if(true), main])
    }

    fn main(&self, spec: &Spec, block: &Value) -> Tri {
        let child = child(block, &spec.name);
        let found = match spec.action {
            "and" => return Tri::all(spec.parts.iter().map(|part| self.holds(part, block))),
            "or" => return Tri::any(spec.parts.iter().map(|part| self.holds(part, block))),
            "not" => return Tri::any(spec.parts.iter().map(|part| self.holds(part, block))).not_if(true),
            "inModule" => return Tri::known(self.subject.id.starts_with("module.")),
            "ofType" => {
                let own = self.subject.type_name.trim_start_matches("data.");
                return Tri::known(list(Some(&spec.value)).iter().any(|one| **one == *own));
            }
            "hasTag" => return self.tag(spec, block),
            "requiresPresence" => {
                let there = self.world.of_type(SubjectKind::Terraform, &spec.name);
                let near: Vec<&Subject> =
                    there.iter().filter_map(|index| self.world.subject(*index)).filter(|them| them.root == self.subject.root).collect();
                if near.is_empty() {
                    return Tri::No;
                }
                return match &spec.sub {
                    None => Tri::Yes,
                    Some((sub, one)) => fold(near.into_iter().map(|them| self.holds(sub, &them.value)), *one),
                };
            }
            "isPresent" => match &child {
                None => return Tri::known(spec.ignore_undefined),
                Some(value) => exists(value),
            },
            "notPresent" => return child.map_or(Tri::Yes, |value| exists(&value).not_if(true)),
            "isEmpty" => match &child {
                None => Tri::Yes,
                Some(value) => empty(value),
            },
            "isAny" if child.is_none() => return Tri::No,
            _ => match &child {
                None => return Tri::known(spec.ignore_undefined),
                Some(value) => compare(spec, value),
            },
        };
        match (&spec.sub, &child) {
            (Some((sub, one)), Some(value)) => {
                let inside = match &value.data {
                    Data::List(items) if items.iter().any(|item| item.as_map().is_some()) => {
                        fold(items.iter().map(|item| self.holds(sub, item)), *one)
                    }
                    Data::Map(_) | Data::Unknown(_) => self.holds(sub, value),
                    _ => Tri::Yes,
                };
                Tri::all([found, inside])
            }
            _ => found,
        }
    }

    /// A tag of the resource, or one its provider gives to all.
    fn tag(&self, spec: &Spec, block: &Value) -> Tri {
        let Some(tag) = spec.value.as_str() else { return Tri::No };
        let has = |tags: Option<Value>| match tags {
            None => Tri::No,
            Some(tags) => child(&tags, tag).map_or(Tri::No, |value| exists(&value)),
        };
        let provider = self.subject.type_name.split('_').next().unwrap_or_default();
        let providers = self.world.of_type(SubjectKind::Terraform, &format!("provider.{provider}"));
        let given =
            providers.iter().filter_map(|index| self.world.subject(*index)).filter(|them| them.root == self.subject.root).map(|them| {
                let block = child(&them.value, "default_tags")
                    .and_then(|value| value.as_list().map_or(Some(value.clone()), |items| items.first().cloned()));
                has(block.and_then(|block| child(&block, "tags")))
            });
        Tri::any(std::iter::once(has(child(block, "tags"))).chain(given))
    }
}

fn fold(all: impl Iterator<Item = Tri>, one: bool) -> Tri {
    if one { Tri::any(all) } else { Tri::all(all) }
}

/// What stands under a name: null is nothing, of what is unknown everything is.
fn child(block: &Value, name: &str) -> Option<Value> {
    match &block.data {
        Data::Map(map) => {
            let value = map.get(name).filter(|value| !value.is_null())?;
            Some(map.get(MAYBE).map_or_else(|| value.clone(), vague))
        }
        Data::Unknown(_) => Some(vague(block)),
        _ => None,
    }
}

fn exists(value: &Value) -> Tri {
    match value.as_unknown() {
        Some(unknown) if !unknown.set => Tri::Maybe(value.clone()),
        _ => Tri::Yes,
    }
}

fn empty(value: &Value) -> Tri {
    match &value.data {
        Data::Unknown(unknown) if unknown.set && unknown.kind == probity_value::UnknownKind::Reference => Tri::No,
        Data::Unknown(_) => Tri::Maybe(value.clone()),
        Data::List(items) => Tri::known(items.is_empty()),
        Data::Map(map) => Tri::known(map.is_empty()),
        Data::String(text) => Tri::known(text.is_empty()),
        _ => Tri::No,
    }
}

/// The text of a scalar, as tfsec compares it.
fn scalar(value: &Value) -> Option<String> {
    match &value.data {
        Data::String(text) => Some(text.to_string()),
        Data::Bool(truth) => Some(truth.to_string()),
        Data::Number(number) => Some(number.to_string()),
        _ => None,
    }
}

fn compare(spec: &Spec, value: &Value) -> Tri {
    let wanted = scalar(&spec.value);
    if value.is_unknown() {
        return Tri::Maybe(value.clone());
    }
    let have = scalar(value);
    let texts = |test: fn(&str, &str) -> bool| match (&have, &wanted) {
        (Some(have), Some(wanted)) => Tri::known(test(have, wanted)),
        _ => Tri::No,
    };
    let number = |test: fn(std::cmp::Ordering) -> bool| {
        let parse = |text: &Option<String>| text.as_ref().and_then(|text| text.parse::<f64>().ok());
        Tri::known(parse(&have).zip(parse(&wanted)).and_then(|(have, wanted)| have.partial_cmp(&wanted)).is_some_and(test))
    };
    let among = || {
        let items = spec.value.as_list().unwrap_or_default();
        Tri::known(have.is_some() && items.iter().any(|item| scalar(item) == have))
    };
    match spec.action {
        "equals" => Tri::known(have.is_some() && have == wanted),
        "notEqual" => Tri::known(have.is_none() || have != wanted),
        "startsWith" => texts(|have, wanted| have.starts_with(wanted)),
        "endsWith" => texts(|have, wanted| have.ends_with(wanted)),
        "contains" => contains(value, wanted.as_deref().unwrap_or_default(), true),
        "notContains" => contains(value, wanted.as_deref().unwrap_or_default(), false).not_if(true),
        "lessThan" => number(std::cmp::Ordering::is_lt),
        "lessThanOrEqualTo" => number(std::cmp::Ordering::is_le),
        "greaterThan" => number(std::cmp::Ordering::is_gt),
        "greaterThanOrEqualTo" => number(std::cmp::Ordering::is_ge),
        "regexMatches" => match (&have, spec.pattern.as_ref()) {
            (Some(have), Some(pattern)) => Tri::known(pattern.is_match(have).unwrap_or(false)),
            _ => Tri::No,
        },
        "isAny" => among(),
        "isNone" => among().not_if(true),
        _ => Tri::No,
    }
}

fn contains(value: &Value, wanted: &str, ignore_case: bool) -> Tri {
    let fold = |text: &str| if ignore_case { text.to_lowercase() } else { text.to_owned() };
    let wanted = fold(wanted);
    match &value.data {
        Data::String(text) => Tri::known(fold(text).contains(&wanted)),
        Data::List(items) => Tri::any(items.iter().map(|item| match &item.data {
            Data::Unknown(_) => Tri::Maybe(item.clone()),
            _ => Tri::known(scalar(item).is_some_and(|text| fold(&text) == wanted)),
        })),
        Data::Map(map) => Tri::known(map.keys().any(|key| fold(key) == wanted)),
        _ => Tri::known(scalar(value).is_some_and(|text| fold(&text) == wanted)),
    }
}
