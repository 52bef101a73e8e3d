//! Judging documents.

use std::sync::{Arc, PoisonError};

use probity_core::{Effect, Interest, Outcome, Phase, Policy, PolicyContext, PolicyRule, Request, SkipReason, Status};
use probity_value::{Span, Value};

use super::files::WithFiles;
use super::{NamedRule, Namespace, Policies, file_info};
use crate::Term;
use crate::engine::{DataOverlay, EvalOptions, Evaluation, Print, Query};

/// What one rule says of a document.
#[derive(Clone, Debug)]
pub struct Answer {
    /// The rule.
    pub rule: Arc<PolicyRule>,
    /// Its message; what went wrong, for an error.
    pub message: String,
    /// What a result has besides its message; null where it is a text alone.
    pub details: Value,
    /// The most telling place of the document it depends on.
    pub at: Span,
    /// Other places it depends on.
    pub related: Vec<Span>,
}

/// What the rules of one namespace say of a document.
#[derive(Clone, Debug, Default)]
pub struct Check {
    /// The namespace.
    pub namespace: Arc<str>,
    /// Rules that found nothing, as Conftest counts them.
    pub successes: usize,
    /// What `deny` and `violation` rules found.
    pub failures: Vec<Answer>,
    /// What `warn` rules found.
    pub warnings: Vec<Answer>,
    /// Rules an exception covers, once for every exception that does.
    pub exceptions: Vec<Answer>,
    /// Rules that could not be evaluated, or gave what means nothing.
    pub errors: Vec<Answer>,
    /// Rules that found nothing.
    pub passes: Vec<Arc<PolicyRule>>,
    /// What `print` wrote.
    pub prints: Vec<Print>,
    /// Steps it took.
    pub steps: u64,
}

impl Policies {
    /// Judges one document. `path` is the name of its file, which policies may ask for; `Combined` for combined documents.
    #[must_use]
    pub fn check(&self, document: &Value, path: &str, context: &PolicyContext<'_>) -> Vec<Check> {
        let overlay = self.overlay(path, context);
        // Looked at once, not by every rule.
        let unknown = document.find_unknown().map(|unknown| format!("the document is not wholly known: {}", unknown.reason));
        let question = match unknown {
            Some(message) => Err(message),
            None => Ok(Term::from_value(document)),
        };
        self.namespaces.iter().map(|namespace| self.check_namespace(namespace, &question, overlay.as_deref(), context)).collect()
    }

    /// Documents under `data` besides those the program has.
    fn overlay(&self, path: &str, context: &PolicyContext<'_>) -> Option<Arc<DataOverlay>> {
        let given = &context.inventory.data;
        if self.knows_file {
            let values: Vec<Value> = given.iter().cloned().chain([file_info(path)]).collect();
            return Some(Arc::new(DataOverlay::new(&self.program, &values)));
        }
        if given.is_empty() {
            return None;
        }
        let mut kept = self.overlay.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some((inventory, overlay)) = &*kept
            && inventory.upgrade().is_some_and(|inventory| Arc::ptr_eq(&inventory, context.inventory))
        {
            return Some(Arc::clone(overlay));
        }
        let overlay = Arc::new(DataOverlay::new(&self.program, given));
        *kept = Some((Arc::downgrade(context.inventory), Arc::clone(&overlay)));
        Some(overlay)
    }

    fn ask(
        &self,
        query: &Query,
        document: &Result<Term, String>,
        data: Option<&DataOverlay>,
        context: &PolicyContext<'_>,
    ) -> Result<Evaluation, String> {
        let lookup = WithFiles { files: &self.files, outer: context.lookup };
        let options = EvalOptions {
            limits: context.limits,
            now: context.now,
            lookup: &lookup,
            interrupted: context.interrupted,
            strict_builtin_errors: self.strict_builtin_errors,
            places: true,
            ..EvalOptions::default()
        };
        let input = document.clone()?;
        self.program.evaluate_term(query, Some(input), data, &options).map_err(|error| error.message)
    }

    fn check_namespace(
        &self,
        namespace: &Namespace,
        document: &Result<Term, String>,
        data: Option<&DataOverlay>,
        context: &PolicyContext<'_>,
    ) -> Check {
        let mut check = Check { namespace: Arc::clone(&namespace.name), ..Check::default() };
        let excepted = match namespace.exception.as_ref().map(|query| self.ask(query, document, data, context)) {
            None => Ok(Vec::new()),
            Some(Ok(evaluation)) => {
                check.steps += evaluation.steps;
                check.prints.extend(evaluation.prints.iter().cloned());
                Ok(evaluation.value().map(exceptions).unwrap_or_default())
            }
            Some(Err(message)) => Err(format!("exceptions cannot be told: {message}")),
        };
        for named in &namespace.rules {
            let excepted = match &excepted {
                Ok(names) => names.iter().filter(|name| **name == named.suffix).count(),
                Err(message) => {
                    check.errors.push(answer(named, message.clone()));
                    continue;
                }
            };
            match self.ask(&named.query, document, data, context) {
                Ok(evaluation) => {
                    check.steps += evaluation.steps;
                    check.prints.extend(evaluation.prints.iter().cloned());
                    judge(named, &evaluation, excepted, &mut check);
                }
                Err(message) => check.errors.push(answer(named, message)),
            }
        }
        let results = check.failures.len() + check.warnings.len() + check.exceptions.len() + check.errors.len() + check.successes;
        check.successes += namespace.definitions.saturating_sub(results);
        check
    }
}

fn answer(named: &NamedRule, message: String) -> Answer {
    Answer { rule: Arc::clone(&named.rule), message, details: Value::null(Span::NONE), at: Span::NONE, related: Vec::new() }
}

/// The names exceptions give: members of the members of `exception`.
fn exceptions(term: &Term) -> Vec<Arc<str>> {
    members(term).iter().flat_map(members).filter_map(|term| term.as_str().map(Arc::from)).collect()
}

/// Members of a set or list, values of an object.
fn members(term: &Term) -> Vec<Term> {
    if let Some(set) = term.as_set() {
        return set.iter().cloned().collect();
    }
    if let Some(items) = term.as_array() {
        return items.to_vec();
    }
    term.as_object().map(|object| object.iter().map(|(_, value)| value).collect()).unwrap_or_default()
}

/// Sorts what a rule gives.
fn judge(named: &NamedRule, evaluation: &Evaluation, excepted: usize, check: &mut Check) {
    let name = &named.rule.name;
    if excepted > 0 {
        let message = format!("an exception covers `{name}`");
        check.exceptions.extend((0..excepted).map(|_| answer(named, message.clone())));
        return;
    }
    let Some(value) = evaluation.value() else {
        check.passes.push(Arc::clone(&named.rule));
        return;
    };
    if value.as_set().is_none() && value.as_array().is_none() {
        let message = format!("`{name}` is `{}` and no set of messages", shortened(value));
        check.errors.push(answer(named, message));
        return;
    }
    let found = members(value);
    if found.is_empty() {
        check.successes += 1;
        check.passes.push(Arc::clone(&named.rule));
        return;
    }
    for member in found {
        let places = evaluation.places_of(&member);
        let mut answer = Answer {
            at: places.first().copied().unwrap_or(Span::NONE),
            related: places.get(1..).unwrap_or_default().to_vec(),
            ..answer(named, String::new())
        };
        let message = match member.as_object() {
            Some(object) => {
                let details = object.iter().filter(|(key, _)| key.as_str() != Some("msg")).collect();
                answer.details = Term::object(details).to_value();
                object.get_str("msg")
            }
            None => Some(member.clone()),
        };
        match message.as_ref().and_then(Term::as_str) {
            Some("") | None => {
                let what = if message.is_some() { "an empty message or none that is text" } else { "an object without `msg`" };
                answer.message = format!("`{name}` gives {what}: `{}`", shortened(&member));
                check.errors.push(answer);
            }
            Some(text) => {
                answer.message = text.to_owned();
                if named.warns { check.warnings.push(answer) } else { check.failures.push(answer) }
            }
        }
    }
}

/// A value for a message, not too long.
fn shortened(term: &Term) -> String {
    let text = term.to_string();
    match text.char_indices().nth(80) {
        Some((at, _)) => format!("{}...", text.get(..at).unwrap_or_default()),
        None => text,
    }
}

fn outcome(answer: Answer, status: Status, cost: u64) -> Outcome {
    let mut outcome = Outcome::new(&answer.rule, status, answer.message);
    outcome.at = answer.at;
    outcome.details = answer.details;
    outcome.cost = cost;
    if outcome.rule.effect == Effect::Warn {
        outcome.effect = Effect::Warn;
    }
    outcome
}

impl Policy for Policies {
    fn rules(&self) -> &[Arc<PolicyRule>] {
        &self.rules
    }

    fn interest(&self) -> &Interest {
        &self.interest
    }

    /// The name of the request is the path of the file, for `data.conftest.file`.
    fn evaluate(&self, phase: Phase, request: &Request, context: &PolicyContext<'_>) -> Vec<Outcome> {
        if phase != Phase::Validate {
            return Vec::new();
        }
        let mut outcomes = Vec::new();
        for check in self.check(request.target(), &request.name, context) {
            let cost = check.steps;
            outcomes.extend(check.errors.into_iter().map(|answer| outcome(answer, Status::Error, cost)));
            outcomes.extend(check.failures.into_iter().map(|answer| outcome(answer, Status::Fail, cost)));
            outcomes.extend(check.warnings.into_iter().map(|answer| outcome(answer, Status::Warn, cost)));
            let mut excepted: Vec<Arc<PolicyRule>> = Vec::new();
            for answer in check.exceptions {
                if !excepted.iter().any(|rule| Arc::ptr_eq(rule, &answer.rule)) {
                    excepted.push(Arc::clone(&answer.rule));
                    let name = Arc::clone(&answer.rule.name);
                    let mut outcome = outcome(answer, Status::Skip, cost);
                    outcome.skipped = Some(SkipReason::Exception(name));
                    outcomes.push(outcome);
                }
            }
            outcomes.extend(check.passes.iter().map(|rule| Outcome { cost, ..Outcome::new(rule, Status::Pass, "") }));
        }
        outcomes
    }
}
