//! `mutate` rules: strategic merges with anchors, JSON patches, loops over both, and changes of other objects.

mod preprocess;

use std::sync::Arc;

use probity_core::{LookupError, Question, SkipReason, Status};
use probity_kubernetes::json_patch::{self, Options, Step};
use probity_kubernetes::strategic::Merger;
use probity_kubernetes::strategic::schema::BUILT_IN;
use probity_kubernetes::{Selector, wildcard};
use probity_value::yaml::{self, ParseOptions};
use probity_value::{Data, FileId, Map, Span, Value, json};

use crate::conditions::{ConditionError, Conditions};
use crate::context::ContextEntry;
use crate::jmespath::{Expression, JmesError};
use crate::policy::Identity;
use crate::read::Reader;
use crate::scope::Scope;
use crate::validate::{Verdict, add_entries, preconditions_not_met};
use crate::variables::Template;
use preprocess::{Fault, preprocess};

/// A compiled `mutate` rule.
#[derive(Debug)]
pub(crate) struct Mutation {
    change: Change,
    targets: Vec<TargetSpec>,
    /// The namespace of the policy, to which its targets are bound; empty for a policy of the cluster.
    namespace: Arc<str>,
}

/// What is done to an object.
#[derive(Debug)]
enum Change {
    Merge(Template),
    Patch(JsonPatch),
    Loops(Vec<Loop>),
}

/// A JSON patch: read beforehand where it has no variables.
#[derive(Debug)]
enum JsonPatch {
    Read(Vec<Step>),
    Template(Template),
}

/// One loop.
#[derive(Debug)]
struct Loop {
    list: Expression,
    reverse: bool,
    context: Vec<ContextEntry>,
    preconditions: Conditions,
    change: Change,
    at: Span,
}

/// Which other objects a rule changes.
#[derive(Debug)]
struct TargetSpec {
    selector: Template,
    context: Vec<ContextEntry>,
    preconditions: Conditions,
    at: Span,
}

/// How deep loops may nest.
const MAX_NESTING: usize = 16;

const PATCH_KEYS: &[&str] = &["patchStrategicMerge", "patchesJson6902", "foreach"];

impl Mutation {
    /// Reads the `mutate` part of a rule.
    pub(crate) fn read(reader: &mut Reader, identity: &Identity, rule: &str, value: &Value) -> Option<Mutation> {
        let known = ["mutateExistingOnPolicyUpdate", "targets", "patchStrategicMerge", "patchesJson6902", "foreach"];
        let map = reader.fields(value, "mutate", &known)?;
        reader.boolean(map, "mutateExistingOnPolicyUpdate");
        let mut targets = Vec::new();
        for target in reader.list(map, "targets") {
            targets.extend(TargetSpec::read(reader, identity, target));
        }
        let change = Change::read(reader, identity, map, value.span, &["mutate"], &format!("`mutate` of the rule `{rule}`"), 0)?;
        Some(Mutation { change, targets, namespace: Arc::clone(&identity.namespace) })
    }

    /// Whether other objects are changed, and not the one the request is about.
    pub(crate) fn is_of_existing(&self) -> bool {
        !self.targets.is_empty()
    }

    /// What the rule makes of an object, or of its targets.
    pub(crate) fn judge(&self, object: &Value, scope: &Scope<'_>, given: Option<&Value>) -> Verdict {
        let made = match self.targets.as_slice() {
            [] => self.change.apply(object, scope, given, 0),
            targets => self.judge_targets(targets, scope, given),
        };
        made.unwrap_or_else(|problem| problem.verdict())
    }

    fn judge_targets(&self, targets: &[TargetSpec], scope: &Scope<'_>, given: Option<&Value>) -> Result<Verdict, Problem> {
        let (mut changed, mut skipped, mut unknown) = (Vec::new(), None, None);
        let mut texts = Vec::new();
        for target in targets {
            for found in target.find(scope, &self.namespace)? {
                let mut inner = scope.child();
                inner.set("target", found.clone());
                add_entries(&mut inner, &target.context, given);
                match target.preconditions.hold(&inner) {
                    Ok((true, _)) => {}
                    Ok((false, message)) => {
                        skipped.get_or_insert(preconditions_not_met(&message));
                        continue;
                    }
                    Err(error) => return Err(Problem::condition("failed to evaluate preconditions", error)),
                }
                let verdict = self.change.apply(&found, &inner, given, 0)?;
                match (verdict.status, verdict.mutated) {
                    (Status::Pass, Some(object)) => {
                        texts.push(verdict.message);
                        changed.push(object);
                    }
                    (Status::Skip, _) => {
                        skipped.get_or_insert(Verdict::skip(SkipReason::Other("no patches applied".into()), verdict.message));
                    }
                    (_, _) => {
                        unknown.get_or_insert(Verdict::new(verdict.status, verdict.message));
                    }
                }
            }
        }
        if let Some(unknown) = unknown {
            return Ok(unknown);
        }
        if changed.is_empty() {
            return Ok(skipped.unwrap_or_else(|| Verdict::skip(SkipReason::Other("there are no targets".into()), "there are no targets")));
        }
        Ok(Verdict { targets: changed, ..Verdict::new(Status::Pass, texts.join("; ")) })
    }
}

/// Why a rule could not be applied.
#[derive(Debug)]
struct Problem {
    message: String,
    unknown: bool,
    at: Span,
}

impl Problem {
    fn new(message: impl Into<String>) -> Problem {
        Problem { message: message.into(), unknown: false, at: Span::NONE }
    }

    fn jmes(what: &str, error: &JmesError) -> Problem {
        Problem { message: format!("{what}: {}", error.message), unknown: error.is_unknown(), at: error.at }
    }

    fn condition(what: &str, error: ConditionError) -> Problem {
        Problem { message: format!("{what}: {}", error.message), unknown: error.unknown, at: error.at }
    }

    fn verdict(self) -> Verdict {
        Verdict::new(if self.unknown { Status::Unknown } else { Status::Error }, self.message).at(self.at)
    }
}

impl TargetSpec {
    fn read(reader: &mut Reader, identity: &Identity, value: &Value) -> Option<TargetSpec> {
        let known = ["apiVersion", "kind", "namespace", "name", "uid", "selector", "context", "preconditions"];
        let map = reader.fields(value, "targets", &known)?;
        let selector: Map = ["apiVersion", "kind", "namespace", "name", "selector"]
            .into_iter()
            .filter_map(|key| map.entry(key).map(|entry| (Arc::from(key), entry.clone())))
            .collect();
        let selector = reader.template(&Value::map(selector, value.span), &[])?;
        let context = ContextEntry::read_all(reader, map, &identity.namespace);
        let preconditions = Reader::get(map, "preconditions").map(|value| reader.conditions(value, "preconditions")).unwrap_or_default();
        Some(TargetSpec { selector, context, preconditions, at: value.span })
    }

    /// The objects it means.
    fn find(&self, scope: &Scope<'_>, bound_to: &Arc<str>) -> Result<Vec<Value>, Problem> {
        let what = "failed to substitute variables in the target";
        let spec = self.selector.substitute(scope).map_err(|error| Problem::jmes(what, &error))?;
        let mut texts: [Arc<str>; 4] = Default::default();
        for (slot, key) in texts.iter_mut().zip(["apiVersion", "kind", "namespace", "name"]) {
            match spec.get(key).map(|value| &value.data) {
                None | Some(Data::Null) => {}
                Some(Data::String(text)) => *slot = Arc::clone(text),
                Some(_) => return Err(Problem { at: self.at, ..Problem::new(format!("`{key}` of the target is no text")) }),
            }
        }
        let [api_version, kind, mut namespace, name] = texts;
        if !bound_to.is_empty() {
            namespace = Arc::clone(bound_to);
        }
        if kind.contains('/') {
            return Err(Problem { at: self.at, ..Problem::new(format!("sub-resources (`{kind}`) are not changed")) });
        }
        let selector = match spec.get("selector").filter(|selector| !selector.is_null()) {
            None => None,
            Some(selector) => {
                Some(Selector::from_value(selector).map_err(|error| Problem { at: self.at, ..Problem::new(error.to_string()) })?)
            }
        };
        let exact = |text: &str| !text.is_empty() && !wildcard::has_wildcard(text);
        let lookup = scope.evaluation().lookup;
        let problem =
            |error: LookupError| Problem { message: error.to_string(), unknown: matches!(error, LookupError::Unanswered(_)), at: self.at };
        if exact(&namespace) && exact(&name) {
            let question = Question::Object { api_version, kind, namespace, name };
            return lookup.ask(&question).map(|object| vec![object]).map_err(problem);
        }
        let text = selector.as_ref().map(ToString::to_string).unwrap_or_default();
        let within: Arc<str> = if exact(&namespace) { Arc::clone(&namespace) } else { "".into() };
        let question = Question::Objects { api_version, kind, namespace: within, selector: text.into() };
        let answer = match lookup.ask(&question) {
            Ok(answer) => answer,
            Err(LookupError::Absent(_)) => return Ok(Vec::new()),
            Err(error) => return Err(problem(error)),
        };
        let mut found = Vec::new();
        for object in answer.get("items").and_then(Value::as_list).unwrap_or_default() {
            let metadata = object.get("metadata");
            let text = |key: &str| metadata.and_then(|metadata| metadata.get(key)).and_then(Value::as_str).unwrap_or_default();
            let fits = |pattern: &str, text: &str| pattern.is_empty() || wildcard::matches(pattern, text);
            let null = Value::null(Span::NONE);
            let labels = metadata.and_then(|metadata| metadata.get("labels")).unwrap_or(&null);
            let selected = match &selector {
                None => true,
                Some(selector) => {
                    selector.matches(labels).map_err(|reason| Problem { message: reason.to_string(), unknown: true, at: self.at })?
                }
            };
            if selected && fits(&namespace, text("namespace")) && fits(&name, text("name")) {
                found.push(object.clone());
            }
        }
        Ok(found)
    }
}

impl Change {
    fn read(reader: &mut Reader, identity: &Identity, map: &Map, at: Span, base: &[&str], what: &str, nesting: usize) -> Option<Change> {
        let given: Vec<&str> =
            PATCH_KEYS.iter().copied().filter(|key| Reader::get(map, key).is_some_and(|value| value.as_str() != Some(""))).collect();
        let [key] = given.as_slice() else {
            reader.wrong(at, format!("{what} needs exactly one of patchStrategicMerge, patchesJson6902 and foreach"));
            return None;
        };
        let value = Reader::get(map, key)?;
        let mut base = base.to_vec();
        base.push(key);
        match *key {
            "patchStrategicMerge" => {
                if value.as_map().is_none() {
                    reader.wrong(value.span, format!("`patchStrategicMerge` is a {}, not a map", value.type_name()));
                    return None;
                }
                reader.template(value, &base).map(Change::Merge)
            }
            "patchesJson6902" => {
                let text = reader.text(map, key)?;
                let template = reader.template(value, &base)?;
                if template.constant().is_none() {
                    return Some(Change::Patch(JsonPatch::Template(template)));
                }
                let constant = template.constant().and_then(Value::as_str).unwrap_or(&text);
                match read_patch(constant) {
                    Ok(steps) => Some(Change::Patch(JsonPatch::Read(steps))),
                    Err(message) => {
                        reader.wrong(value.span, message);
                        None
                    }
                }
            }
            _ => {
                if nesting >= MAX_NESTING {
                    reader.wrong(value.span, format!("loops nest more than {MAX_NESTING} deep"));
                    return None;
                }
                // Nested loops may stand under `foreach` as a list or one level deeper.
                let mut loops = Vec::new();
                for item in reader.list(map, key) {
                    loops.extend(Loop::read(reader, identity, item, nesting));
                }
                Some(Change::Loops(loops))
            }
        }
    }

    fn apply(&self, object: &Value, scope: &Scope<'_>, given: Option<&Value>, nesting: usize) -> Result<Verdict, Problem> {
        scope.evaluation().step(64).map_err(|error| Problem::jmes("the rule is not applied", &error))?;
        let substituted =
            |template: &Template| template.substitute(scope).map_err(|error| Problem::jmes("variable substitution failed", &error));
        let changed = match self {
            Change::Merge(template) => merged(object, substituted(template)?)?,
            Change::Patch(JsonPatch::Read(steps)) => patched(object, steps)?,
            Change::Patch(JsonPatch::Template(template)) => {
                let text = substituted(template)?;
                let Some(text) = text.as_str() else {
                    return Err(Problem::new(format!("`patchesJson6902` becomes a {}, not text", text.type_name())));
                };
                let steps = read_patch(text).map_err(|message| Problem::new(format!("failed to decode patches: {message}")))?;
                patched(object, &steps)?
            }
            Change::Loops(loops) => return run_loops(loops, object, scope, given, nesting),
        };
        if changed == *object {
            return Ok(Verdict::skip(SkipReason::Other("no patches applied".into()), "no patches applied"));
        }
        let message = mutated_message(&changed);
        Ok(Verdict { mutated: Some(changed), ..Verdict::new(Status::Pass, message) })
    }
}

impl Loop {
    fn read(reader: &mut Reader, identity: &Identity, value: &Value, nesting: usize) -> Option<Loop> {
        let known = ["list", "order", "context", "preconditions", "patchStrategicMerge", "patchesJson6902", "foreach"];
        let map = reader.fields(value, "foreach", &known)?;
        let list = reader.expression(map, "list");
        if Reader::get(map, "list").is_none() {
            reader.wrong(value.span, "`foreach` needs a `list`");
        }
        let order = reader.word(map, "order", &[("Ascending", false), ("Descending", true)]);
        let context = ContextEntry::read_all(reader, map, &identity.namespace);
        let preconditions = Reader::get(map, "preconditions").map(|value| reader.conditions(value, "preconditions")).unwrap_or_default();
        // Where a loop's patch stands in the rule is not kept there.
        let change = Change::read(reader, identity, map, value.span, &[], "`foreach`", nesting + 1)?;
        // A merge puts what it adds first, so it begins with the last element.
        let reverse = order.unwrap_or(matches!(change, Change::Merge(_)));
        Some(Loop { list: list?, reverse, context, preconditions, change, at: value.span })
    }
}

fn run_loops(loops: &[Loop], object: &Value, scope: &Scope<'_>, given: Option<&Value>, nesting: usize) -> Result<Verdict, Problem> {
    let mut current = object.clone();
    let mut applied = 0;
    for each in loops {
        let list = each
            .list
            .search(scope)
            .map_err(|error| Problem { at: each.at, ..Problem::jmes(&format!("failed to evaluate list {}", each.list.text()), &error) })?;
        let changed = run_elements(each, &list, &current, scope, given, nesting)?;
        if changed != current {
            applied += 1;
            current = changed;
            scope.set_object(current.clone());
        }
    }
    if applied == 0 {
        return Ok(Verdict::skip(SkipReason::Other("no patches applied".into()), "0 elements processed"));
    }
    let message = mutated_message(&current);
    Ok(Verdict { mutated: Some(current), ..Verdict::new(Status::Pass, message) })
}

fn run_elements(
    each: &Loop,
    list: &Value,
    object: &Value,
    scope: &Scope<'_>,
    given: Option<&Value>,
    nesting: usize,
) -> Result<Value, Problem> {
    if let Some(unknown) = list.as_unknown() {
        return Err(Problem { message: unknown.reason.to_string(), unknown: true, at: each.at });
    }
    let single = std::slice::from_ref(list);
    let elements = list.as_list().unwrap_or(single);
    let mut current = object.clone();
    let mut positions: Vec<usize> = (0..elements.len()).collect();
    if each.reverse {
        positions.reverse();
    }
    for position in positions {
        let Some(element) = elements.get(position).filter(|element| !element.is_null()) else { continue };
        let mut inner = scope.child();
        inner.set_element(element.clone(), position, nesting);
        add_entries(&mut inner, &each.context, given);
        match each.preconditions.hold(&inner) {
            Ok((true, _)) => {}
            Ok((false, _)) => continue,
            Err(error) => return Err(Problem::condition(&format!("failed to evaluate mutate.foreach[{position}].preconditions"), error)),
        }
        let verdict = each.change.apply(&current, &inner, given, nesting + 1)?;
        if let (Status::Pass, Some(changed)) = (verdict.status, verdict.mutated) {
            current = changed;
        }
    }
    Ok(current)
}

/// In the words of Kyverno: `mutated Pod/web in namespace default`.
fn mutated_message(object: &Value) -> String {
    let text = |value: Option<&Value>| value.and_then(Value::as_str).unwrap_or_default().to_owned();
    let metadata = object.get("metadata");
    let (kind, name) = (text(object.get("kind")), text(metadata.and_then(|metadata| metadata.get("name"))));
    match text(metadata.and_then(|metadata| metadata.get("namespace"))).as_str() {
        "" => format!("mutated {kind}/{name}"),
        namespace => format!("mutated {kind}/{name} in namespace {namespace}"),
    }
}

/// The object with a strategic merge patch applied; a patch whose conditions do not hold changes nothing by itself.
fn merged(object: &Value, mut patch: Value) -> Result<Value, Problem> {
    match preprocess(&mut patch, object) {
        Ok(()) => {}
        Err(Fault::Condition | Fault::Global) => patch = Value::map(Map::new(), Span::NONE),
        Err(Fault::Unknown(reason)) => return Err(Problem { unknown: true, ..Problem::new(reason) }),
        Err(Fault::Wrong(message)) => return Err(Problem::new(format!("failed to patch resource: {message}"))),
    }
    let merger = Merger { schema: &BUILT_IN, sources: None };
    match merger.merge(object.clone(), patch) {
        Ok(Some(merged)) => Ok(merged),
        Ok(None) => Err(Problem::new("failed to patch resource: the patch takes the whole object away")),
        Err(message) => Err(Problem::new(format!("failed to patch resource: {message}"))),
    }
}

fn patched(object: &Value, steps: &[Step]) -> Result<Value, Problem> {
    json_patch::apply(steps, object, Options::KYVERNO).map_err(|error| Problem::new(format!("failed to patch resource: {error}")))
}

/// Reads a JSON patch that is written as JSON or YAML.
fn read_patch(text: &str) -> Result<Vec<Step>, String> {
    let value = if text.starts_with('[') {
        let (value, problems) = json::parse(text, FileId::NONE);
        match problems.into_iter().find(|problem| problem.fatal) {
            Some(problem) => return Err(format!("`patchesJson6902` is no JSON: {}", problem.message)),
            None => value,
        }
    } else {
        let options = ParseOptions { booleans_1_1: true, octal_1_1: true, line_breaks_1_1: true, kubectl: true, cloudformation: false };
        let (documents, problems) = yaml::parse_with(text, FileId::NONE, options);
        match problems.into_iter().find(|problem| problem.fatal) {
            Some(problem) => return Err(format!("`patchesJson6902` is no YAML: {}", problem.message)),
            None => documents.into_iter().next().map_or(Value::null(Span::NONE), |document| document.value),
        }
    };
    json_patch::read(&value).map_err(|error| error.to_string())
}

#[cfg(test)]
mod tests;
