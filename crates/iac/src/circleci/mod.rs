//! CircleCI configurations to subjects.
//!
//! Types and ids: `circleci.config` (the file), `circleci.job` (`jobs.build`), `circleci.step` (`jobs.build.steps[Run tests]`, also of
//! `commands.x`), `circleci.image` (`jobs.build.docker[0]`, also of `executors.x`) and `circleci.orb` (`orbs.aws-cli`). Values are what was
//! written, and beside it:
//!
//! - jobs, steps and images: `pairs: [{key, value}]` (their own `environment`);
//! - a configuration: `orb_list: [{name, text, namespace, version, volatile, development, pinned}]`;
//! - a job: `id`, `images`, `unguarded` (jobs of its workflows that deploy and do not wait for it), `deploys`;
//! - a step: `kind` (`run`, `checkout`, an orb's command, ...), `commands` of its script, `injections: [{expression, kind}]` (values of the
//!   pipeline put into the script), `job`;
//! - an image: `images` (one) and what else stands there; an orb: as in `orb_list`.
//!
//! What does not live here: orbs, and expanding parameters and matrices.

#[cfg(test)]
mod tests;

use std::collections::{BTreeMap, BTreeSet};

use probity_core::{Collected, Scope, Source, SubjectKind};
use probity_value::{Map, Span, Value, yaml};

use crate::ci::collect::{Claim, File, Language, Outcome, collect};
use crate::ci::image::image;
use crate::ci::placed::Placed;
use crate::ci::script::{Shell, commands};
use crate::ci::{Fields, Ids, items, key, pairs, scalar};

/// Claims the YAML files of `.circleci/`.
#[derive(Clone, Copy, Debug, Default)]
pub struct CircleciSource;

const KIND: SubjectKind = SubjectKind::Circleci;
const MAX_ITEMS: usize = 10_000;
const DEPLOYS: &[&str] = &["deploy", "release", "publish", "promote"];

const LANGUAGE: Language = Language {
    id: "circleci",
    files: "configurations",
    unreadable: "circleci-unreadable",
    name: claim,
    looks: |_| true,
    options: yaml::ParseOptions { booleans_1_1: false, octal_1_1: false, line_breaks_1_1: false, kubectl: false, cloudformation: false },
};

impl Source for CircleciSource {
    fn id(&self) -> &'static str {
        LANGUAGE.id
    }

    fn collect(&self, scope: &Scope<'_>) -> Collected {
        collect(scope, &LANGUAGE, &|file, _| read(file))
    }
}

fn claim(path: &str) -> Claim {
    let yaml = path.ends_with(".yml") || path.ends_with(".yaml");
    if yaml && (path.starts_with(".circleci/") || path.contains("/.circleci/")) { Claim::Surely } else { Claim::No }
}

fn read(file: &File) -> Outcome {
    let mut outcome = Outcome::default();
    for document in &file.documents {
        let value = &document.value;
        if value.as_map().is_some() {
            Reader { file, value, count: 0 }.read(document.span, &mut outcome);
        } else if !value.is_null() {
            outcome.warn("circleci-shape", document.span, "the configuration is not a map, so it is not judged");
        }
    }
    outcome
}

struct Reader<'r> {
    file: &'r File,
    value: &'r Value,
    count: usize,
}

fn part<'v>(value: &'v Value, key: &str) -> impl Iterator<Item = (&'v std::sync::Arc<str>, &'v probity_value::Entry)> {
    value.get(key).and_then(Value::as_map).into_iter().flat_map(Map::iter)
}

/// An orb reference taken apart: `namespace/name@1.2.3`.
fn orb(name: &str, value: &Value, head: Span) -> Value {
    let span = value.span;
    let mut fields = Fields::default();
    fields.text("name", Some(name), head);
    let Some(text) = value.as_str() else {
        // An orb written in the configuration itself.
        fields.flag("inline", true, span);
        fields.flag("pinned", true, span);
        return fields.at(span);
    };
    let (path, version) = text.split_once('@').map_or((text, None), |(path, version)| (path, Some(version)));
    fields.text("text", Some(text), span);
    fields.text("namespace", path.split_once('/').map(|(namespace, _)| namespace), span);
    fields.text("version", version, span);
    fields.flag("volatile", version.is_none_or(|version| version == "volatile"), span);
    fields.flag("development", version.is_some_and(|version| version.starts_with("dev:")), span);
    let full = version.is_some_and(|version| {
        version.split('.').count() == 3
            && version.split('.').all(|part| !part.is_empty() && part.bytes().all(|digit| digit.is_ascii_digit()))
    });
    fields.flag("pinned", full, span);
    fields.at(span)
}

impl Reader<'_> {
    fn read(&mut self, span: Span, outcome: &mut Outcome) {
        let (file, value) = (self.file, self.value);
        let mut whole = Fields::of(value);
        let orbs: Vec<(String, Span, Value)> =
            part(value, "orbs").map(|(name, entry)| (name.to_string(), entry.key, orb(name, &entry.value, entry.key))).collect();
        let orbs_span = value.get("orbs").map_or(span, |orbs| orbs.span);
        whole.put("orb_list", Value::list(orbs.iter().map(|(_, _, value)| value.clone()).collect(), orbs_span));
        let name = file.path.rsplit('/').next().unwrap_or(&file.path);
        let head = value.as_map().and_then(|map| map.iter().next()).map_or(span, |(_, entry)| entry.key);
        outcome.subject(file, KIND, "circleci.config", name, (span, head), whole.at(span));
        for (name, head, value) in orbs {
            outcome.subject(file, KIND, "circleci.orb", &format!("orbs.{}", key(&name)), (head.join(value.span), head), value);
        }
        for (name, entry) in part(value, "executors") {
            self.docker(&format!("executors.{}", key(name)), &entry.value, outcome);
        }
        let needs = self.needs();
        for (name, entry) in part(value, "jobs") {
            if entry.value.as_map().is_none() {
                outcome.warn("circleci-shape", entry.key, format!("the job `{name}` is not a map, so it is not judged"));
                continue;
            }
            let job = &entry.value;
            let id = format!("jobs.{}", key(name));
            let mut fields = Fields::of(job);
            fields.0.remove("steps");
            fields.text("id", Some(name), entry.key);
            fields.put("images", Value::list(self.images(job), job.span));
            fields.put("pairs", pairs(job.get("environment"), job.span));
            fields.flag("deploys", deploys(name), entry.key);
            let unguarded = unguarded(name, &needs).into_iter().map(|name| Value::string(name, entry.key)).collect();
            fields.put("unguarded", Value::list(unguarded, entry.key));
            let bare = fields.clone().at(job.span);
            outcome.subject(file, KIND, "circleci.job", &id, (entry.key.join(job.span), entry.key), fields.at(job.span));
            self.docker(&id, job, outcome);
            self.steps(&id, job, &bare, outcome);
        }
        for (name, entry) in part(value, "commands") {
            let nobody = Value::map(Map::new(), entry.value.span);
            self.steps(&format!("commands.{}", key(name)), &entry.value, &nobody, outcome);
        }
        if self.count >= MAX_ITEMS {
            outcome.warn("circleci-size", span, format!("more than {MAX_ITEMS} steps; the rest is not read"));
            outcome.skipped = Some(("too many steps".to_owned(), true));
        }
    }

    /// What a job or executor runs in, an executor it names included.
    fn images(&self, value: &Value) -> Vec<Value> {
        let executor = value.get("executor").and_then(|executor| executor.get("name").unwrap_or(executor).as_str());
        let named = executor.and_then(|name| self.value.get("executors")?.get(name));
        let docker = value.get("docker").or_else(|| named.and_then(|named| named.get("docker")));
        let images = docker.map(items).unwrap_or_default().iter().filter_map(|item| item.get("image"));
        images.filter_map(|value| Some(image(value.as_str()?, value.span))).collect()
    }

    fn docker(&mut self, owner: &str, value: &Value, outcome: &mut Outcome) {
        for (index, item) in value.get("docker").map(items).unwrap_or_default().iter().enumerate() {
            self.count += 1;
            let Some(reference) = item.get("image").filter(|_| self.count < MAX_ITEMS) else { continue };
            let mut fields = Fields::of(item);
            let list = reference.as_str().map(|text| image(text, reference.span)).into_iter().collect();
            fields.put("images", Value::list(list, reference.span));
            fields.put("pairs", pairs(item.get("environment"), item.span));
            outcome.subject(
                self.file,
                KIND,
                "circleci.image",
                &format!("{owner}.docker[{index}]"),
                (item.span, reference.span),
                fields.at(item.span),
            );
        }
    }

    fn steps(&mut self, owner: &str, job: &Value, around: &Value, outcome: &mut Outcome) {
        let mut ids = Ids::default();
        let mut waiting: Vec<&Value> = job.get("steps").map(items).unwrap_or_default().iter().rev().collect();
        let mut index = 0;
        while let Some(step) = waiting.pop() {
            if self.count >= MAX_ITEMS {
                return;
            }
            self.count += 1;
            // `when` and `unless` hold steps of their own.
            let inner = ["when", "unless"].iter().find_map(|key| step.get(key)?.get("steps"));
            if let Some(inner) = inner {
                waiting.extend(items(inner).iter().rev());
                continue;
            }
            let (kind, content, head) = match (step.as_str(), step.as_map().and_then(|map| map.iter().next())) {
                (Some(name), _) => (name.to_owned(), None, step.span),
                (None, Some((name, entry))) => (name.to_string(), Some(&entry.value), entry.key),
                _ => continue,
            };
            let name = content.and_then(|content| content.get("name")).and_then(scalar);
            let id = ids.give(&format!("{owner}.steps[{}]", name.as_deref().map_or_else(|| index.to_string(), key)));
            index += 1;
            let mut fields = Fields::of(step);
            fields.text("kind", Some(&kind), head);
            let mut list = Value::list(Vec::new(), step.span);
            let mut injections = Vec::new();
            if kind == "run"
                && let Some(script) = content.map(|content| content.get("command").unwrap_or(content))
                && let Some(script) = Placed::new(script, &self.file.text)
            {
                let shell = content.and_then(|content| content.get("shell")).or_else(|| job.get("shell"));
                list = commands(&script, shell_of(shell));
                find_injections(&script, &mut injections);
            }
            fields.put("commands", list);
            fields.put("pairs", pairs(content.and_then(|content| content.get("environment")), step.span));
            fields.put("injections", Value::list(injections, step.span));
            fields.put("job", around.clone());
            outcome.subject(self.file, KIND, "circleci.step", &id, (step.span, head), fields.at(step.span));
        }
    }

    /// For each job of the workflows, by the name it has there, its job and what it waits for.
    fn needs(&self) -> BTreeMap<String, (String, BTreeSet<String>)> {
        let mut out: BTreeMap<String, (String, BTreeSet<String>)> = BTreeMap::new();
        for (workflow, entry) in part(self.value, "workflows") {
            for job in entry.value.get("jobs").map(items).unwrap_or_default().iter().take(1000) {
                let (name, content) = match (job.as_str(), job.as_map().and_then(|map| map.iter().next())) {
                    (Some(name), _) => (name.to_owned(), None),
                    (None, Some((name, entry))) => (name.to_string(), Some(&entry.value)),
                    _ => continue,
                };
                let alias = content
                    .and_then(|content| content.get("name"))
                    .and_then(scalar)
                    .map_or_else(|| name.clone(), |alias| alias.to_string());
                let requires = content.and_then(|content| content.get("requires")).map(items).unwrap_or_default();
                let one = |value: &Value| {
                    scalar(value).or_else(|| value.as_map()?.keys().next().cloned()).map(|name| format!("{workflow}/{name}"))
                };
                out.insert(format!("{workflow}/{alias}"), (name, requires.iter().filter_map(one).collect()));
            }
        }
        out
    }
}

fn deploys(name: &str) -> bool {
    let lower = name.to_lowercase();
    lower.split(|letter: char| !letter.is_alphanumeric()).any(|part| DEPLOYS.iter().any(|word| part.starts_with(word)))
}

/// The jobs that deploy in a workflow with this job and do not wait for it.
fn unguarded(name: &str, needs: &BTreeMap<String, (String, BTreeSet<String>)>) -> Vec<String> {
    let mut out = Vec::new();
    if needs.len() > 300 {
        return out;
    }
    for (mine, _) in needs.iter().filter(|(_, (job, _))| job == name) {
        let workflow = mine.split('/').next().unwrap_or_default();
        for (other, (job, _)) in needs.iter().filter(|(other, (job, _))| other.split('/').next() == Some(workflow) && deploys(job)) {
            let mut seen: BTreeSet<&str> = BTreeSet::new();
            let mut waiting = vec![other.as_str()];
            while let Some(id) = waiting.pop() {
                if seen.insert(id) {
                    waiting.extend(needs.get(id).into_iter().flat_map(|(_, needs)| needs.iter().map(String::as_str)));
                }
            }
            if !seen.contains(mine.as_str()) && !out.contains(job) {
                out.push(job.clone());
            }
        }
    }
    out
}

/// `bash -eo pipefail` where nothing is said.
fn shell_of(shell: Option<&Value>) -> Shell {
    let Some(shell) = shell.filter(|shell| !shell.is_null()) else { return Shell::STRICT };
    let Some(text) = shell.as_str() else { return Shell::UNKNOWN };
    if text.contains("<<") || !text.contains("sh") || text.contains("powershell") || text.contains("pwsh") {
        return Shell::UNKNOWN;
    }
    let flag = |letter: char| text.split_whitespace().any(|word| word.starts_with('-') && !word.starts_with("--") && word.contains(letter));
    Shell { errexit: Some(flag('e')), pipefail: Some(text.contains("pipefail")) }
}

/// Values that people outside may choose and that CircleCI writes into the script before the shell reads it.
fn find_injections(script: &Placed<'_>, out: &mut Vec<Value>) {
    let mut at = 0;
    while let Some(start) = script.text.get(at..).and_then(|rest| rest.find("<<")).map(|found| at + found) {
        let rest = script.text.get(start + 2..).unwrap_or_default();
        let line = rest.split('\n').next().unwrap_or_default();
        let Some(end) = line.find(">>") else {
            at = start + 2;
            continue;
        };
        let inside = line.get(..end).unwrap_or_default().trim();
        let span = script.span(&(start..start + 2 + end + 2));
        at = start + 2 + end + 2;
        let kind = match inside {
            "pipeline.git.branch" | "pipeline.git.tag" | "pipeline.trigger_parameters.github_app.branch" => "event",
            _ if inside.starts_with("pipeline.trigger_parameters.") => "event",
            _ if inside.starts_with("pipeline.parameters.") || inside.starts_with("parameters.") => "input",
            _ => continue,
        };
        let mut fields = Fields::default();
        fields.text("expression", Some(inside), span);
        fields.text("kind", Some(kind), span);
        out.push(fields.at(span));
    }
}
