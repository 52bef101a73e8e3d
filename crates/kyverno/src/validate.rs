//! `validate` rules: patterns, conditions that deny, loops over lists, Pod Security, CEL, and what is only checked for its shape.

use std::sync::Arc;

use probity_core::{Effect, Operation, PathStep, Request, SkipReason, Status, span_at};
use probity_value::{Data, Map, Span, Value};

use crate::cel_rule::CelRule;
use crate::conditions::{ConditionError, Conditions};
use crate::context::ContextEntry;
use crate::jmespath::{Expression, JmesError};
use crate::pattern::{Failure, FailureKind, Pattern, path_text};
use crate::pod_security::PodSecurity;
use crate::policy::{Action, Identity};
use crate::read::Reader;
use crate::scope::Scope;
use crate::text::join_non_empty;
use crate::variables::Template;

/// What a rule says of a request.
#[derive(Clone, Debug)]
pub(crate) struct Verdict {
    pub(crate) status: Status,
    pub(crate) message: String,
    /// The way into the object, where there is one.
    pub(crate) path: Vec<PathStep>,
    pub(crate) at: Span,
    pub(crate) skipped: Option<SkipReason>,
    /// Whether preconditions could not be evaluated: in a loop, that passes over the element.
    pub(crate) precondition_error: bool,
    pub(crate) audit_annotations: Vec<(Arc<str>, String)>,
    pub(crate) cost: u64,
    /// The object as the rule changes it.
    pub(crate) mutated: Option<Value>,
    /// Other objects as the rule changes them.
    pub(crate) targets: Vec<Value>,
    /// Objects the rule makes.
    pub(crate) generated: Vec<Value>,
}

impl Verdict {
    pub(crate) fn new(status: Status, message: impl Into<String>) -> Verdict {
        Verdict {
            status,
            message: message.into(),
            path: Vec::new(),
            at: Span::NONE,
            skipped: None,
            precondition_error: false,
            audit_annotations: Vec::new(),
            cost: 0,
            mutated: None,
            targets: Vec::new(),
            generated: Vec::new(),
        }
    }

    pub(crate) fn skip(reason: SkipReason, message: impl Into<String>) -> Verdict {
        Verdict { skipped: Some(reason), ..Verdict::new(Status::Skip, message) }
    }

    pub(crate) fn at(mut self, at: Span) -> Verdict {
        self.at = at;
        self
    }

    /// What an error of an expression makes of the rule: an error, or unknown.
    pub(crate) fn of_error(what: &str, error: &JmesError) -> Verdict {
        let status = if error.is_unknown() { Status::Unknown } else { Status::Error };
        Verdict::new(status, join_non_empty([what, &error.message], ": ")).at(error.at)
    }

    pub(crate) fn of_condition(what: &str, error: &ConditionError) -> Verdict {
        let status = if error.unknown { Status::Unknown } else { Status::Error };
        Verdict::new(status, join_non_empty([what, &error.message], ": ")).at(error.at)
    }
}

/// A pattern: compiled, or with variables that have to be substituted first.
#[derive(Debug)]
enum PatternSource {
    Fixed(Pattern),
    Variable(Template),
}

impl PatternSource {
    fn read(reader: &mut Reader, value: &Value, base: &[&str]) -> Option<PatternSource> {
        let template = reader.template(value, base)?;
        Some(match template.constant() {
            Some(constant) => PatternSource::Fixed(Pattern::compile(constant)),
            None => PatternSource::Variable(template),
        })
    }
}

/// What is judged by.
#[derive(Debug)]
enum Check {
    /// Fails where the conditions hold.
    Deny(Conditions),
    Pattern(PatternSource),
    /// One of them has to fit.
    AnyPattern(Vec<PatternSource>),
    /// The list of patterns is itself a variable.
    AnyVariable(Template),
    Foreach(Vec<Foreach>),
    PodSecurity(PodSecurity),
    Cel(Box<CelRule>),
    /// Signed manifests: not judged yet.
    Manifests,
    /// An assertion tree: Kyverno itself gave them up.
    Assert,
}

/// A loop over a list.
#[derive(Debug)]
struct Foreach {
    list: Expression,
    element_scope: Option<bool>,
    context: Vec<ContextEntry>,
    preconditions: Conditions,
    check: Option<Check>,
    at: Span,
}

/// `validate`.
#[derive(Debug)]
pub(crate) struct Validation {
    pub(crate) action: Action,
    allow_existing: bool,
    /// The message as written.
    message: Arc<str>,
    template: Option<Template>,
    check: Check,
}

const FIELDS: &[&str] = &[
    "failureAction",
    "failureActionOverrides",
    "allowExistingViolations",
    "message",
    "manifests",
    "foreach",
    "pattern",
    "anyPattern",
    "deny",
    "podSecurity",
    "cel",
    "assert",
];

const FOREACH_FIELDS: &[&str] = &["list", "elementScope", "context", "preconditions", "pattern", "anyPattern", "deny", "foreach"];

impl Validation {
    pub(crate) fn read(reader: &mut Reader, identity: &Identity, name: &Arc<str>, value: &Value, rule: &Map) -> Option<Validation> {
        let map = reader.fields(value, "validate", FIELDS)?;
        let action = Action::read(reader, map, "failureAction", "failureActionOverrides");
        let allow_existing = reader.boolean(map, "allowExistingViolations").unwrap_or(true);
        let message = reader.text(map, "message").unwrap_or_else(|| "".into());
        // A message that cannot be read is shown as it is written; the rule still counts.
        let template = match Reader::get(map, "message").map(|value| Template::parse(value, &["validate", "message"])) {
            Some(Ok(template)) => Some(template),
            Some(Err(error)) => {
                reader.warn("kyverno-message", error.at.or(value.span), format!("the message has a mistake: {}", error.message));
                None
            }
            None => None,
        };
        let given: Vec<&&str> = ["manifests", "foreach", "pattern", "anyPattern", "deny", "podSecurity", "cel", "assert"]
            .iter()
            .filter(|key| Reader::get(map, key).is_some())
            .collect();
        let [what] = given.as_slice() else {
            reader.wrong(
                value.span,
                format!(
                    "`validate` of the rule `{name}` needs exactly one of pattern, anyPattern, deny, foreach, podSecurity, cel, manifests"
                ),
            );
            return None;
        };
        let check = match **what {
            "podSecurity" => Check::PodSecurity(PodSecurity::read(reader, Reader::get(map, "podSecurity")?)?),
            "cel" => {
                let rule = CelRule::read(reader, Reader::get(map, "cel")?, rule, &message)?;
                Check::Cel(Box::new(rule))
            }
            "manifests" => Check::Manifests,
            "assert" => {
                let at = Reader::get(map, "assert").map_or(value.span, |value| value.span);
                reader.warn("kyverno-assert", at, "`validate.assert` has no effect since Kyverno 1.19; it is an error here");
                Check::Assert
            }
            _ => Check::read(reader, identity, map, value.span, &["validate"])?,
        };
        Some(Validation { action, allow_existing, message, template, check })
    }

    pub(crate) fn is_cel(&self) -> bool {
        matches!(self.check, Check::Cel(_))
    }

    /// The exclusions of Pod Security an exception may add to, if it is that.
    pub(crate) fn pod_security(&self) -> Option<&PodSecurity> {
        match &self.check {
            Check::PodSecurity(security) => Some(security),
            _ => None,
        }
    }

    pub(crate) fn cel(&self) -> Option<&CelRule> {
        match &self.check {
            Check::Cel(rule) => Some(rule),
            _ => None,
        }
    }

    /// Whether failures of changed objects that failed before are let be.
    pub(crate) fn allows_existing(&self, effect: Effect) -> bool {
        self.allow_existing && effect == Effect::Deny
    }
}

impl Check {
    fn read(reader: &mut Reader, identity: &Identity, map: &Map, at: Span, base: &[&str]) -> Option<Check> {
        let under = |key: &'static str| -> Vec<&str> { base.iter().copied().chain([key]).collect() };
        if let Some(deny) = Reader::get(map, "deny") {
            let conditions = match reader.fields(deny, "deny", &["conditions"]) {
                Some(fields) => Reader::get(fields, "conditions").map(|value| reader.conditions(value, "conditions")).unwrap_or_default(),
                None => Conditions::default(),
            };
            return Some(Check::Deny(conditions));
        }
        if let Some(pattern) = Reader::get(map, "pattern") {
            return PatternSource::read(reader, pattern, &under("pattern")).map(Check::Pattern);
        }
        if let Some(any) = Reader::get(map, "anyPattern") {
            if let Some(items) = any.as_list() {
                let mut sources = Vec::with_capacity(items.len());
                for (index, item) in items.iter().enumerate() {
                    let number = index.to_string();
                    let base: Vec<&str> = base.iter().copied().chain(["anyPattern", &number]).collect();
                    sources.push(PatternSource::read(reader, item, &base)?);
                }
                return Some(Check::AnyPattern(sources));
            }
            return reader.template(any, &under("anyPattern")).map(Check::AnyVariable);
        }
        if Reader::get(map, "foreach").is_some() {
            let items = reader.list(map, "foreach");
            let mut loops = Vec::with_capacity(items.len());
            for item in items {
                loops.push(Foreach::read(reader, identity, item)?);
            }
            return Some(Check::Foreach(loops));
        }
        reader.wrong(at, "nothing is judged here: one of pattern, anyPattern, deny and foreach is needed");
        None
    }
}

impl Foreach {
    fn read(reader: &mut Reader, identity: &Identity, value: &Value) -> Option<Foreach> {
        let map = reader.fields(value, "foreach", FOREACH_FIELDS)?;
        if Reader::get(map, "list").is_none() {
            reader.wrong(value.span, "`foreach` needs a `list`");
        }
        let list = reader.expression(map, "list")?;
        let element_scope = reader.boolean(map, "elementScope");
        let context = ContextEntry::read_all(reader, map, &identity.namespace);
        let preconditions = Reader::get(map, "preconditions").map(|value| reader.conditions(value, "preconditions")).unwrap_or_default();
        let check = Check::read(reader, identity, map, value.span, &["validate", "foreach"]);
        Some(Foreach { list, element_scope, context, preconditions, check, at: value.span })
    }
}

/// One rule being judged.
pub(crate) struct Judgement<'r> {
    pub(crate) name: &'r str,
    pub(crate) validation: &'r Validation,
    pub(crate) request: &'r Request,
    /// Values a test gives to variables.
    pub(crate) given: Option<&'r Value>,
}

impl Judgement<'_> {
    /// Judges; `None` where the rule has nothing to say. Kinds of rules that need more than a scope are judged elsewhere.
    pub(crate) fn judge(&self, scope: &Scope<'_>) -> Option<Verdict> {
        self.check(&self.validation.check, scope, None, 0)
    }

    fn check(&self, check: &Check, scope: &Scope<'_>, element: Option<&Value>, nesting: usize) -> Option<Verdict> {
        match check {
            Check::Deny(conditions) => Some(self.deny(conditions, scope)),
            Check::Pattern(source) => {
                let matched = match source {
                    PatternSource::Fixed(pattern) => self.fits(pattern, element)?,
                    PatternSource::Variable(template) => match template.substitute(scope) {
                        Ok(value) => self.fits(&Pattern::compile(&value), element)?,
                        Err(error) => return Some(Verdict::of_error("variable substitution failed", &error)),
                    },
                };
                Some(self.pattern_verdict(matched, element, scope))
            }
            Check::AnyPattern(sources) => {
                let mut outcomes = Vec::with_capacity(sources.len());
                // All variables are substituted before anything is matched.
                let mut patterns = Vec::with_capacity(sources.len());
                for source in sources {
                    patterns.push(match source {
                        PatternSource::Fixed(_) => None,
                        PatternSource::Variable(template) => match template.substitute(scope) {
                            Ok(value) => Some(Pattern::compile(&value)),
                            Err(error) => return Some(Verdict::of_error("variable substitution failed", &error)),
                        },
                    });
                }
                for (source, made) in sources.iter().zip(&patterns) {
                    let matched = match (source, made) {
                        (PatternSource::Fixed(pattern), _) => self.fits(pattern, element)?,
                        (_, Some(pattern)) => self.fits(pattern, element)?,
                        (PatternSource::Variable(_), None) => continue,
                    };
                    outcomes.push(matched);
                    if outcomes.last().is_some_and(Result::is_ok) {
                        break;
                    }
                }
                Some(self.any_verdict(outcomes, element, scope))
            }
            Check::AnyVariable(template) => {
                let value = match template.substitute(scope) {
                    Ok(value) => value,
                    Err(error) => return Some(Verdict::of_error("variable substitution failed", &error)),
                };
                let Some(items) = value.as_list() else {
                    return Some(Verdict::new(Status::Error, format!("`anyPattern` has to be a list, but is a {}", value.type_name())));
                };
                let mut outcomes = Vec::with_capacity(items.len());
                for item in items {
                    outcomes.push(self.fits(&Pattern::compile(item), element)?);
                    if outcomes.last().is_some_and(Result::is_ok) {
                        break;
                    }
                }
                Some(self.any_verdict(outcomes, element, scope))
            }
            Check::Foreach(loops) => self.foreach(loops, scope, element, nesting),
            Check::PodSecurity(_) | Check::Cel(_) => None,
            Check::Manifests => {
                Some(Verdict::new(Status::Unknown, "whether the manifest is signed is not known: signature checks are not built in"))
            }
            Check::Assert => Some(Verdict::new(Status::Error, "`validate.assert` is not evaluated: Kyverno gave it up in 1.19")),
        }
    }

    fn deny(&self, conditions: &Conditions, scope: &Scope<'_>) -> Verdict {
        match conditions.hold(scope) {
            Err(error) => Verdict::of_condition("failed to check deny conditions", &error),
            Ok((false, _)) => Verdict::new(Status::Pass, format!("validation rule '{}' passed.", self.name)),
            Ok((true, message)) => Verdict::new(Status::Fail, self.deny_message(&message, scope)),
        }
    }

    fn deny_message(&self, message: &str, scope: &Scope<'_>) -> String {
        let own = &self.validation.message;
        if own.is_empty() && message.is_empty() {
            return format!("validation error: rule {} failed", self.name);
        }
        let both = join_non_empty([own, message], "; ");
        if !both.contains("{{") && !both.contains("$(") {
            return both;
        }
        let substituted = Template::parse(&Value::string(both.as_str(), Span::NONE), &[]).and_then(|template| template.substitute(scope));
        match substituted {
            Ok(value) => value.as_str().map_or(both, str::to_owned),
            // A message whose variables have no values is better than none.
            Err(_) => both,
        }
    }

    /// The message of the rule with its variables; `None` where there is none.
    fn message(&self, scope: &Scope<'_>) -> Option<Result<String, JmesError>> {
        if self.validation.message.is_empty() {
            return None;
        }
        Some(match &self.validation.template {
            Some(template) => template.substitute_text(scope),
            None => Ok(self.validation.message.to_string()),
        })
    }

    /// What a pattern is matched with: the element of a loop, or the object; nothing where that is taken away.
    fn judged<'v>(&'v self, element: Option<&'v Value>) -> Option<&'v Value> {
        match element {
            Some(element) => Some(element),
            None if self.request.operation == Operation::Delete => None,
            None => Some(&self.request.object),
        }
    }

    /// `None` where there is nothing to match.
    fn fits(&self, pattern: &Pattern, element: Option<&Value>) -> Option<Result<(), Failure>> {
        self.judged(element).map(|value| pattern.matches(value))
    }

    fn place(&self, failure: &Failure, element: Option<&Value>) -> (Vec<PathStep>, Span) {
        let path = failure.path.clone().unwrap_or_default();
        let at = self.judged(element).map_or(Span::NONE, |value| span_at(value, &path));
        (if element.is_none() { path } else { Vec::new() }, at)
    }

    fn pattern_verdict(&self, matched: Result<(), Failure>, element: Option<&Value>, scope: &Scope<'_>) -> Verdict {
        let Err(failure) = matched else {
            return Verdict::new(Status::Pass, format!("validation rule '{}' passed.", self.name));
        };
        let (path, at) = self.place(&failure, element);
        let mut verdict = match (failure.kind, &failure.path) {
            (FailureKind::Skip { .. }, _) => return Verdict::skip(SkipReason::Anchor, failure.message),
            (FailureKind::Unknown, _) => Verdict::new(Status::Unknown, failure.message.clone()),
            (_, None) => Verdict::new(Status::Error, self.failed(&failure.message, None, scope)),
            (_, Some(path)) => Verdict::new(Status::Fail, self.failed(&failure.message, Some(&path_text(path)), scope)),
        };
        verdict.path = path;
        verdict.at(at)
    }

    fn failed(&self, error: &str, path: Option<&str>, scope: &Scope<'_>) -> String {
        let what = match path {
            Some(path) => format!("failed at path {path}"),
            None => format!("execution error: {error}"),
        };
        match self.message(scope) {
            None => format!("validation error: rule {} {what}", self.name),
            Some(Err(_)) => format!("validation error: variables substitution error in rule {} execution error: {error}", self.name),
            Some(Ok(message)) => {
                let dot = if message.ends_with('.') { "" } else { "." };
                format!("validation error: {message}{dot} rule {} {what}", self.name)
            }
        }
    }

    fn any_verdict(&self, outcomes: Vec<Result<(), Failure>>, element: Option<&Value>, scope: &Scope<'_>) -> Verdict {
        if let Some(index) = outcomes.iter().position(Result::is_ok) {
            return Verdict::new(Status::Pass, format!("validation rule '{}' anyPattern[{index}] passed.", self.name));
        }
        let failures: Vec<Failure> = outcomes.into_iter().filter_map(Result::err).collect();
        if let Some(unknown) = failures.iter().find(|failure| failure.kind == FailureKind::Unknown) {
            let (path, at) = self.place(unknown, element);
            return Verdict { path, ..Verdict::new(Status::Unknown, unknown.message.clone()).at(at) };
        }
        let skip = |failure: &Failure| matches!(failure.kind, FailureKind::Skip { .. });
        let texts: Vec<String> = failures
            .iter()
            .enumerate()
            .filter(|(_, failure)| !skip(failure))
            .map(|(index, failure)| match &failure.path {
                Some(path) => format!("rule {}[{index}] failed at path {}", self.name, path_text(path)),
                None => format!("rule {}[{index}] failed: {}", self.name, failure.message),
            })
            .collect();
        if texts.is_empty() {
            if failures.is_empty() {
                return Verdict::new(Status::Pass, self.validation.message.to_string());
            }
            let texts: Vec<String> = failures
                .iter()
                .enumerate()
                .map(|(index, failure)| format!("rule {}[{index}] skipped: {}", self.name, failure.message))
                .collect();
            return Verdict::skip(SkipReason::Anchor, texts.join(" "));
        }
        let errors = texts.join(" ");
        let message = match self.message(scope) {
            None => format!("validation error: {errors}"),
            Some(Err(_)) => format!("validation error: variables substitution error in rule {} execution error: {errors}", self.name),
            Some(Ok(message)) => {
                let dot = if message.ends_with('.') { "" } else { "." };
                format!("validation error: {message}{dot} {errors}")
            }
        };
        // The place of the pattern that came farthest.
        let deepest = failures.iter().filter(|failure| !skip(failure)).max_by_key(|failure| failure.path.as_ref().map_or(0, Vec::len));
        let (path, at) = deepest.map_or((Vec::new(), Span::NONE), |failure| self.place(failure, element));
        Verdict { path, ..Verdict::new(Status::Fail, message).at(at) }
    }

    fn foreach(&self, loops: &[Foreach], scope: &Scope<'_>, element: Option<&Value>, nesting: usize) -> Option<Verdict> {
        let mut applied = 0_usize;
        let mut list_error: Option<JmesError> = None;
        let mut unknown: Option<Verdict> = None;
        for each in loops {
            let list = match each.list.search(scope) {
                Ok(list) => list,
                Err(error) if error.is_not_found() => continue,
                Err(error) if error.is_unknown() => {
                    unknown = unknown.or(Some(Verdict::of_error("the list of `foreach`", &error)));
                    continue;
                }
                Err(error) => {
                    list_error = Some(error);
                    continue;
                }
            };
            if let Some(reason) = list.as_unknown() {
                unknown = unknown.or(Some(Verdict::new(Status::Unknown, reason.reason.to_string()).at(each.at)));
                continue;
            }
            let elements: &[Value] = match &list.data {
                Data::List(items) => items,
                _ => std::slice::from_ref(&list),
            };
            match self.elements(each, elements, scope, element, nesting) {
                Ok(count) => applied += count,
                Err(verdict) if verdict.status == Status::Unknown => unknown = unknown.or(Some(*verdict)),
                Err(verdict) => return Some(*verdict),
            }
        }
        if unknown.is_some() {
            return unknown;
        }
        match (applied, list_error) {
            (0, Some(error)) => Some(Verdict::of_error("failed to evaluate list", &error)),
            (0, None) => None,
            _ => Some(Verdict::new(Status::Pass, "rule passed")),
        }
    }

    /// How many elements passed; a verdict where one did not.
    fn elements(
        &self,
        each: &Foreach,
        elements: &[Value],
        scope: &Scope<'_>,
        outer: Option<&Value>,
        nesting: usize,
    ) -> Result<usize, Box<Verdict>> {
        let mut applied = 0_usize;
        let mut unknown = None;
        for (index, item) in elements.iter().enumerate() {
            if item.is_null() {
                continue;
            }
            if let Some(reason) = item.as_unknown() {
                unknown = unknown.or(Some(Verdict::new(Status::Unknown, reason.reason.to_string()).at(item.span)));
                continue;
            }
            let is_map = item.as_map().is_some();
            if each.element_scope == Some(true) && !is_map {
                let message = format!(
                    "failed to process foreach: `elementScope: true` needs elements that are maps, but this is a {}",
                    item.type_name()
                );
                return Err(Box::new(Verdict::new(Status::Error, message).at(item.span)));
            }
            let scoped = each.element_scope.unwrap_or(is_map);
            let element = if scoped { Some(item) } else { outer };
            let mut inner = scope.child();
            inner.set_element(item.clone(), index, nesting);
            add_entries(&mut inner, &each.context, self.given);
            let Some(verdict) = self.element(each, &inner, element, nesting + 1) else { continue };
            match verdict.status {
                Status::Skip => {}
                Status::Pass => applied += 1,
                Status::Error if verdict.precondition_error => {}
                Status::Unknown => unknown = unknown.or(Some(verdict)),
                _ => {
                    let message = format!("validation failure: {}", verdict.message);
                    let at = verdict.at.or(item.span);
                    return Err(Box::new(Verdict { message, at, ..verdict }));
                }
            }
        }
        match unknown {
            Some(unknown) => Err(Box::new(unknown)),
            None => Ok(applied),
        }
    }

    fn element(&self, each: &Foreach, scope: &Scope<'_>, element: Option<&Value>, nesting: usize) -> Option<Verdict> {
        if !each.preconditions.is_empty() {
            match each.preconditions.hold(scope) {
                Ok((true, _)) => {}
                Ok((false, message)) => return Some(preconditions_not_met(&message)),
                Err(error) => {
                    let verdict = Verdict::of_condition("failed to evaluate preconditions", &error);
                    return Some(Verdict { precondition_error: verdict.status == Status::Error, ..verdict });
                }
            }
        }
        self.check(each.check.as_ref()?, scope, element, nesting)
    }
}

/// The skip of a rule whose preconditions do not hold.
pub(crate) fn preconditions_not_met(message: &str) -> Verdict {
    Verdict::skip(SkipReason::Precondition, join_non_empty(["preconditions not met", message], "; "))
}

/// Adds the entries of a context to a scope, but for those whose values a test gives.
pub(crate) fn add_entries<'a>(scope: &mut Scope<'a>, entries: &'a [ContextEntry], given: Option<&Value>) {
    for entry in entries {
        use crate::scope::Entry as _;
        let is_given = || given.and_then(Value::as_map).is_some_and(|map| map.contains_key(entry.name()));
        if !(entry.asks_outside() && is_given()) {
            scope.add(entry);
        }
    }
}
