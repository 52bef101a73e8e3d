//! Workflows and actions as wholes: jobs, what their token may do, and who waits for whom.

use std::collections::{BTreeMap, BTreeSet};

use probity_value::{Map, Span, UnknownKind, Value};

use super::step::{self, Around, action, evaluated, is_windows, pair};
use super::{KIND, Named, named};
use crate::ci::collect::{File, Outcome};
use crate::ci::image::image;
use crate::ci::{Fields, Ids, items, key, pairs, scalar};

/// Jobs read of one workflow, and steps read of one job: what GitHub itself takes is far below.
const MAX_JOBS: usize = 2000;
const MAX_STEPS: usize = 5000;

/// Jobs that deploy of which it is asked who waits for them.
const MAX_DEPLOYS: usize = 50;

/// Words in the names of jobs that bring something out.
const DEPLOYS: &[&str] = &["deploy", "release", "publish", "promote", "rollout"];

/// Reads one file.
pub(super) fn read(file: &File) -> Outcome {
    let mut outcome = Outcome::default();
    let named = named(&file.path).unwrap_or(Named::Other);
    let mut any = false;
    for document in &file.documents {
        let value = &document.value;
        let workflow = value.get("jobs").is_some() && (value.get("on").is_some() || value.get("true").is_some());
        match named {
            _ if value.is_null() => continue,
            Named::Dependabot => dependabot(file, value, document.span, &mut outcome),
            // Wherever they lie, these two are not taken for anything else.
            _ if !workflow && is_action(value) => read_action(file, value, document.span, &mut outcome),
            _ if !workflow && is_dependabot(value) => dependabot(file, value, document.span, &mut outcome),
            // The name settles it for a workflow; its text for all else.
            Named::Workflow => read_workflow(file, value, document.span, &mut outcome),
            _ if workflow => read_workflow(file, value, document.span, &mut outcome),
            _ => continue,
        }
        any = true;
    }
    outcome.not_ours = !any && !matches!(named, Named::Workflow | Named::Dependabot);
    outcome
}

fn is_action(value: &Value) -> bool {
    value.get("runs").is_some_and(|runs| runs.get("using").is_some())
}

fn is_dependabot(value: &Value) -> bool {
    value.get("version").and_then(Value::as_int) == Some(2) && value.get("updates").and_then(Value::as_list).is_some()
}

fn file_name(file: &File) -> &str {
    file.path.rsplit('/').next().unwrap_or(&file.path)
}

fn dependabot(file: &File, value: &Value, span: Span, outcome: &mut Outcome) {
    let fields = Fields::of(value);
    let head = pair(value, "version").unwrap_or(span);
    outcome.subject(file, KIND, "github.dependabot", file_name(file), (span, head), fields.at(span));
}

/// `on` as a map of events, whatever way it was written.
fn events(on: Option<&Value>) -> Value {
    let Some(on) = on else { return Value::map(Map::new(), Span::NONE) };
    let empty = |span: Span| Value::map(Map::new(), span);
    let mut map = Map::new();
    match on.as_map() {
        Some(written) => {
            for (event, entry) in written.iter() {
                let value = if entry.value.is_null() { empty(entry.key) } else { entry.value.clone() };
                map.insert(event.as_ref(), entry.key, value);
            }
        }
        None => {
            for event in items(on) {
                if let Some(name) = scalar(event) {
                    map.insert(name, event.span, empty(event.span));
                }
            }
        }
    }
    Value::map(map, on.span)
}

/// What the token may do, worked out from the permissions of the job, else those of the workflow.
fn token(job: Option<&Value>, workflow: Option<&Value>, head: Span) -> Value {
    let (given, written) = match (job, workflow) {
        (Some(job), _) => ("job", Some(job)),
        (None, Some(workflow)) => ("workflow", Some(workflow)),
        (None, None) => ("default", None),
    };
    let mut fields = Fields::default();
    let span = written.map_or(head, |value| value.span);
    fields.text("given", Some(given), span);
    let Some(written) = written else {
        let unknown = || Value::unknown(UnknownKind::Function, "the settings of the repository decide what the token may do", span);
        fields.put("all", unknown());
        fields.put("writes", unknown());
        return fields.at(span);
    };
    if let Some(all) = written.as_str() {
        let access = match all {
            "write-all" => "write",
            "read-all" => "read",
            other => other,
        };
        fields.text("all", Some(access), span);
        let writes = if access == "write" { vec![Value::string("all", span)] } else { Vec::new() };
        fields.put("writes", Value::list(writes, span));
        return fields.at(span);
    }
    fields.text("all", Some("none"), span);
    let scopes = written.as_map().cloned().unwrap_or_default();
    let writes = scopes
        .iter()
        .filter(|(_, entry)| entry.value.as_str() == Some("write"))
        .map(|(scope, entry)| Value::string(scope.as_ref(), entry.key.join(entry.value.span)))
        .collect();
    fields.put("writes", Value::list(writes, span));
    fields.put("scopes", Value::map(scopes, span));
    fields.at(span)
}

/// The inputs of a workflow that cannot be any text, by all who declare them.
fn plain_inputs(workflow: &Value) -> BTreeSet<String> {
    let mut plain = BTreeSet::new();
    let mut any = BTreeSet::new();
    let on = workflow.get("on").or_else(|| workflow.get("true"));
    for event in ["workflow_dispatch", "workflow_call"] {
        let inputs = on.and_then(|on| on.get(event)?.get("inputs")).and_then(Value::as_map);
        for (name, entry) in inputs.into_iter().flat_map(Map::iter) {
            let kind = entry.value.get("type").and_then(Value::as_str).unwrap_or("string");
            let list = if matches!(kind, "boolean" | "number" | "choice") { &mut plain } else { &mut any };
            list.insert(name.to_lowercase());
        }
    }
    plain.retain(|name| !any.contains(name));
    plain
}

/// The images a job runs in.
fn images(job: &Value) -> Vec<Value> {
    let container = job.get("container").map(|container| container.get("image").unwrap_or(container));
    let services = job.get("services").and_then(Value::as_map);
    let services = services.into_iter().flat_map(Map::values).filter_map(|service| service.get("image"));
    container.into_iter().chain(services).filter_map(|value| Some(image(value.as_str()?, value.span))).collect()
}

/// A job before what the other jobs say of it.
struct Job {
    id: String,
    key: Span,
    span: Span,
    /// As written and worked out, without steps.
    fields: Fields,
    steps: Vec<(Value, Fields)>,
    needs: BTreeSet<String>,
    deploys: bool,
}

fn read_workflow(file: &File, value: &Value, span: Span, outcome: &mut Outcome) {
    let Some(written) = value.as_map() else {
        outcome.warn("github-actions-shape", span, "the workflow is not a map, so it is not judged");
        outcome.skipped = Some(("not a workflow".to_owned(), false));
        return;
    };
    let on = events(value.get("on").or_else(|| value.get("true")));
    let mut whole = Fields::of(value);
    whole.0.remove("jobs");
    whole.0.remove("true");
    let triggers = on.as_map().into_iter().flat_map(Map::iter).map(|(name, entry)| Value::string(name.as_ref(), entry.key)).collect();
    whole.put("triggers", Value::list(triggers, on.span));
    whole.put("on", on);
    whole.put("pairs", pairs(value.get("env"), span));
    let facts = Value::map(whole.0.clone(), span);
    let mut jobs: Vec<Job> = Vec::new();
    let entries = written.get("jobs").and_then(Value::as_map);
    for (id, entry) in entries.into_iter().flat_map(Map::iter) {
        if jobs.len() >= MAX_JOBS {
            outcome.warn("github-actions-size", entry.key, format!("more than {MAX_JOBS} jobs; the rest is not read"));
            outcome.skipped = Some(("too many jobs".to_owned(), true));
            break;
        }
        if entry.value.as_map().is_none() {
            outcome.warn("github-actions-shape", entry.key, format!("the job `{id}` is not a map, so it is not judged"));
            continue;
        }
        jobs.push(read_job(file, id, entry.key, &entry.value, value, outcome));
    }
    let unguarded = unguarded(&jobs);
    let needed: BTreeSet<String> = jobs.iter().flat_map(|job| job.needs.iter().cloned()).collect();
    let mut all = Map::new();
    let mut found = Vec::new();
    for (index, mut job) in jobs.into_iter().enumerate() {
        job.fields.flag("needed", needed.contains(&job.id), job.key);
        let names = unguarded.get(index).map(|names| names.iter().map(|name| Value::string(name.as_str(), job.key)).collect());
        job.fields.put("unguarded", Value::list(names.unwrap_or_default(), job.key));
        let bare = Value::map(job.fields.0.clone(), job.span);
        let steps = Value::list(job.steps.iter().map(|(value, fields)| Value::map(fields.0.clone(), value.span)).collect(), job.span);
        let mut with_steps = job.fields.clone();
        if !job.steps.is_empty() {
            with_steps.put("steps", steps);
        }
        all.insert(job.id.as_str(), job.key, Value::map(with_steps.0.clone(), job.span));
        with_steps.put("workflow", facts.clone());
        found.push((format!("jobs.{}", key(&job.id)), job.key, job.span, with_steps, bare, job.steps));
    }
    let jobs_span = written.get("jobs").map_or(span, |jobs| jobs.span);
    whole.put("jobs", Value::map(all, jobs_span));
    let name = value.get("name").and_then(scalar).filter(|name| !name.trim().is_empty());
    let head = pair(value, "name").or_else(|| pair(value, "on")).unwrap_or(span);
    let id = name.as_deref().unwrap_or(file_name(file)).to_owned();
    outcome.subject(file, KIND, "github.workflow", &id, (span, head), whole.at(span));
    for (id, head, span, fields, bare, steps) in found {
        outcome.subject(file, KIND, "github.job", &id, (span, head), fields.at(span));
        push_steps(file, &id, steps, &[("job", bare), ("workflow", facts.clone())], outcome);
    }
}

fn push_steps(file: &File, owner: &str, steps: Vec<(Value, Fields)>, facts: &[(&str, Value)], outcome: &mut Outcome) {
    let mut ids = Ids::default();
    for (index, (value, mut fields)) in steps.into_iter().enumerate() {
        let name = ["id", "name"].iter().find_map(|key| value.get(key).and_then(scalar)).filter(|name| !name.trim().is_empty());
        let own = name.map_or_else(|| index.to_string(), |name| key(&name));
        let id = format!("{owner}{}steps[{}]", if owner.is_empty() { "" } else { "." }, ids.give(&own));
        fields.put("ordinal", Value::int(i64::try_from(index + 1).unwrap_or(i64::MAX), value.span));
        for (key, fact) in facts {
            fields.put(key, fact.clone());
        }
        let head = ["name", "uses", "run"].iter().find_map(|key| pair(&value, key)).unwrap_or(value.span);
        outcome.subject(file, KIND, "github.step", &id, (value.span, head), fields.at(value.span));
    }
}

fn read_job(file: &File, id: &str, head: Span, job: &Value, workflow: &Value, outcome: &mut Outcome) -> Job {
    let span = job.span;
    let defaults = |value: &Value| value.get("defaults").and_then(|defaults| defaults.get("run")?.get("shell")).cloned();
    let around = Around {
        environments: [workflow.get("env"), job.get("env")].into_iter().flatten().cloned().collect(),
        shells: [defaults(workflow), defaults(job)].into_iter().flatten().collect(),
        windows: is_windows(job.get("runs-on")),
        plain_inputs: plain_inputs(workflow),
    };
    // A `run` of a job is refused by GitHub; what it says is told all the same.
    let mut fields = step::fields(job, &Around { environments: vec![], ..around.clone() }, &file.text);
    fields.0.remove("steps");
    fields.text("id", Some(id), head);
    fields.put("token", token(job.get("permissions"), workflow.get("permissions"), head));
    fields.put("images", Value::list(images(job), span));
    for key in ["runs-on", "environment"] {
        if let Some(value) = job.get(key) {
            fields.put(key, evaluated(value));
        }
    }
    if let Some(uses) = job.get("uses") {
        fields.put("action", action(uses));
    }
    let mut steps = Vec::new();
    for (index, step) in job.get("steps").and_then(Value::as_list).unwrap_or_default().iter().enumerate() {
        if index >= MAX_STEPS {
            outcome.warn("github-actions-size", step.span, format!("more than {MAX_STEPS} steps; the rest is not read"));
            outcome.skipped = Some(("too many steps".to_owned(), true));
            break;
        }
        if step.as_map().is_some() {
            steps.push((step.clone(), step::fields(step, &around, &file.text)));
        } else if !step.is_null() {
            outcome.warn("github-actions-shape", step.span, "a step is not a map, so it is not judged");
        }
    }
    let needs = job.get("needs").map(items).unwrap_or_default().iter().filter_map(scalar).map(|name| name.to_string()).collect();
    let name = job.get("name").and_then(Value::as_str).unwrap_or_default().to_lowercase();
    let word =
        |text: &str| DEPLOYS.iter().any(|word| text.split(|letter: char| !letter.is_alphanumeric()).any(|part| part.starts_with(word)));
    let deploys = job.get("environment").is_some_and(|environment| !environment.is_null()) || word(&id.to_lowercase()) || word(&name);
    fields.flag("deploys", deploys, head);
    Job { id: id.to_owned(), key: head, span, fields, steps, needs, deploys }
}

/// For each job the jobs that deploy and do not wait for it, directly or through others.
fn unguarded(jobs: &[Job]) -> Vec<Vec<String>> {
    let needs: BTreeMap<&str, &BTreeSet<String>> = jobs.iter().map(|job| (job.id.as_str(), &job.needs)).collect();
    let mut out = vec![Vec::new(); jobs.len()];
    for deploys in jobs.iter().filter(|job| job.deploys).take(MAX_DEPLOYS) {
        let mut seen: BTreeSet<&str> = BTreeSet::new();
        let mut waiting = vec![deploys.id.as_str()];
        while let Some(id) = waiting.pop() {
            if seen.insert(id) {
                waiting.extend(needs.get(id).into_iter().flat_map(|needs| needs.iter().map(String::as_str)));
            }
        }
        for (job, list) in jobs.iter().zip(&mut out) {
            if !seen.contains(job.id.as_str()) {
                list.push(deploys.id.clone());
            }
        }
    }
    out
}

fn read_action(file: &File, value: &Value, span: Span, outcome: &mut Outcome) {
    let mut whole = Fields::of(value);
    let runs = value.get("runs");
    let mut steps = Vec::new();
    for step in runs.and_then(|runs| runs.get("steps")).and_then(Value::as_list).unwrap_or_default().iter().take(MAX_STEPS) {
        if step.as_map().is_some() {
            // Steps of an action say their shell themselves.
            steps.push((step.clone(), step::fields(step, &Around { windows: Some(false), ..Around::default() }, &file.text)));
        }
    }
    if let Some(runs) = runs {
        let mut fields = Fields::of(runs);
        if !steps.is_empty() {
            fields.put(
                "steps",
                Value::list(steps.iter().map(|(value, fields)| Value::map(fields.0.clone(), value.span)).collect(), runs.span),
            );
        }
        whole.put("runs", fields.at(runs.span));
        let docker = runs.get("image").and_then(|image| Some((image.as_str()?.strip_prefix("docker://")?, image.span)));
        whole.put("images", Value::list(docker.map(|(reference, span)| image(reference, span)).into_iter().collect(), runs.span));
    }
    let name = value.get("name").and_then(scalar).filter(|name| !name.trim().is_empty());
    let id = name.as_deref().unwrap_or(file_name(file)).to_owned();
    let mut facts = Fields::of(value);
    facts.0.remove("runs");
    let facts = facts.at(span);
    let head = pair(value, "name").or_else(|| pair(value, "runs")).unwrap_or(span);
    outcome.subject(file, KIND, "github.action", &id, (span, head), whole.at(span));
    push_steps(file, "", steps, &[("composite", facts)], outcome);
}
