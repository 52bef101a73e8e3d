//! Azure Pipelines to subjects.
//!
//! Types and ids: `azure.pipeline` (its `name`, else the file), `azure.job` (`stages.build.jobs.test`, `jobs.test`) and `azure.step`
//! (`jobs.test.steps[scan]`: name, else display name, else ordinal). Values are what was written, and beside it:
//!
//! - all: `pairs: [{key, value}]` (their own `variables` or `env`);
//! - a job: `id`, `images` (its container, looked up among `resources.containers`, and its services), `soft`, `deploys`, `pipeline`;
//! - a step: `kind` (`script`, `bash`, `task`, ...), `task: {name, version}`, `commands` of its script, also where a task holds it, `soft`,
//!   `job` and `pipeline`;
//! - a pipeline: `templates: [{text, local, read}]`, `pull_requests` (it may run for one).
//!
//! Templates of the repository are read as files of their own, their parameters unknown. What does not live here: templates of other
//! repositories, and expressions; what stands under `${{ if }}` is read as if it were there.

#[cfg(test)]
mod tests;

use probity_core::{Collected, Scope, Source, SubjectKind};
use probity_value::{Map, Span, Value, yaml};

use crate::ci::collect::{Claim, File, Language, Outcome, collect_with, has_key};
use crate::ci::image::image;
use crate::ci::placed::Placed;
use crate::ci::script::{Shell, commands};
use crate::ci::{Fields, Ids, at_run_time, items, key, pairs, scalar};

/// Claims `azure-pipelines*.yml`, templates they name, and other YAML files that look like pipelines.
#[derive(Clone, Copy, Debug, Default)]
pub struct AzurePipelinesSource;

const KIND: SubjectKind = SubjectKind::AzurePipelines;
const MAX_ITEMS: usize = 5000;
/// How deep `${{ if }}` and lists in lists may be.
const MAX_DEPTH: usize = 16;

/// Keys that make a map a step.
const STEPS: &[&str] =
    &["script", "bash", "pwsh", "powershell", "task", "checkout", "download", "downloadBuild", "getPackage", "publish", "reviewApp"];

const LANGUAGE: Language = Language {
    id: "azure-pipelines",
    files: "pipelines",
    unreadable: "azure-pipelines-unreadable",
    name: claim,
    looks,
    options: yaml::ParseOptions { booleans_1_1: false, octal_1_1: false, line_breaks_1_1: false, kubectl: false, cloudformation: false },
};

impl Source for AzurePipelinesSource {
    fn id(&self) -> &'static str {
        LANGUAGE.id
    }

    fn collect(&self, scope: &Scope<'_>) -> Collected {
        collect_with(scope, &LANGUAGE, &template_paths, &|file, files| read(file, files))
    }
}

fn claim(path: &str) -> Claim {
    let name = path.rsplit('/').next().unwrap_or(path).to_ascii_lowercase();
    let Some(stem) = name.strip_suffix(".yml").or_else(|| name.strip_suffix(".yaml")) else { return Claim::No };
    if stem.starts_with("azure-pipelines") || stem.starts_with(".azure-pipelines") || stem == "azure-pipeline" {
        return Claim::Surely;
    }
    Claim::Perhaps
}

/// A pipeline has stages, jobs or steps at the left, and something only these pipelines have.
fn looks(text: &str) -> bool {
    has_key(text, &["stages", "jobs", "steps"])
        && (has_key(text, &["trigger", "pool", "pr"])
            || ["- task:", "vmImage", "- checkout: self", "- script:", "displayName:"].iter().any(|word| text.contains(word)))
        && !has_key(text, &["on", "apiVersion"])
}

/// Calls `visit` for each item of a list, those under `${{ if }}` and `${{ each }}` too.
fn each<'v>(value: &'v Value, depth: usize, visit: &mut dyn FnMut(&'v Value)) {
    if depth > MAX_DEPTH {
        return;
    }
    for item in items(value) {
        if item.as_list().is_some() {
            each(item, depth + 1, visit);
            continue;
        }
        let Some(map) = item.as_map() else { continue };
        let mut conditional = false;
        for (_, entry) in map.iter().filter(|(key, _)| key.starts_with("${{")) {
            conditional = true;
            if entry.value.as_list().is_some() {
                each(&entry.value, depth + 1, visit);
            }
        }
        if !conditional || map.keys().any(|key| !key.starts_with("${{")) {
            visit(item);
        }
    }
}

/// All templates a value names, with their places.
fn templates(value: &Value, depth: usize, out: &mut Vec<(String, Span)>) {
    if depth > 64 || out.len() > MAX_ITEMS {
        return;
    }
    match &value.data {
        probity_value::Data::Map(map) => {
            for (key, entry) in map.iter() {
                match (&**key, entry.value.as_str()) {
                    ("template", Some(text)) => out.push((text.to_owned(), entry.value.span)),
                    _ => templates(&entry.value, depth + 1, out),
                }
            }
        }
        probity_value::Data::List(list) => list.iter().for_each(|item| templates(item, depth + 1, out)),
        _ => {}
    }
}

/// The file of the tree a template's path means; `None` where it is of another repository.
fn template_path(file: &str, wanted: &str) -> Option<String> {
    let wanted = match wanted.rsplit_once('@') {
        Some((path, "self")) => path,
        Some(_) => return None,
        None => wanted,
    };
    if let Some(whole) = wanted.strip_prefix('/') {
        return Some(whole.to_owned());
    }
    let mut parts: Vec<&str> = file.split('/').collect();
    parts.pop();
    for part in wanted.split('/') {
        match part {
            "" | "." => {}
            ".." => {
                parts.pop()?;
            }
            part => parts.push(part),
        }
    }
    Some(parts.join("/"))
}

fn template_paths(file: &File) -> Vec<String> {
    let mut found = Vec::new();
    for document in &file.documents {
        templates(&document.value, 0, &mut found);
    }
    found.iter().filter_map(|(text, _)| template_path(&file.path, text)).collect()
}

fn read(file: &File, files: &[File]) -> Outcome {
    let mut outcome = Outcome::default();
    for document in &file.documents {
        let value = &document.value;
        let ours = ["stages", "jobs", "steps", "extends", "variables", "parameters"].iter().any(|key| value.get(key).is_some());
        if value.as_map().is_some() && ours {
            read_pipeline(file, files, value, document.span, &mut outcome);
        }
    }
    outcome.not_ours = outcome.subjects.is_empty();
    outcome
}

struct Reader<'r> {
    file: &'r File,
    /// The whole document.
    whole: &'r Value,
    pipeline: Value,
    count: usize,
}

fn read_pipeline(file: &File, files: &[File], value: &Value, span: Span, outcome: &mut Outcome) {
    let mut facts = Fields::of(value);
    for key in ["stages", "jobs", "steps"] {
        facts.0.remove(key);
    }
    let mut named = Vec::new();
    templates(value, 0, &mut named);
    let mut list = Vec::new();
    for (text, place) in named {
        let path = template_path(&file.path, &text);
        let read = path.as_ref().is_some_and(|path| files.iter().any(|file| *file.path == **path));
        if !read {
            let words = if path.is_some() {
                format!("the template `{text}` is not here")
            } else {
                format!("the template `{text}` is of another repository and not read")
            };
            outcome.note("azure-pipelines-template", place, words);
        }
        let mut fields = Fields::default();
        fields.text("text", Some(&text), place);
        fields.flag("local", path.is_some(), place);
        fields.flag("read", read, place);
        list.push(fields.at(place));
    }
    facts.put("pairs", pairs(value.get("variables"), span));
    facts.put("templates", Value::list(list, span));
    // Without `pr` a pipeline of a repository on GitHub or Bitbucket runs for every pull request.
    let none = value.get("pr").and_then(Value::as_str) == Some("none");
    let pull_requests = value.get("pr").map_or(span, |pr| pr.span);
    facts.flag("pull_requests", value.get("pr").is_some() && !none, pull_requests);
    let around = facts.clone().at(span);
    let name = value.get("name").and_then(Value::as_str).filter(|name| !name.contains('$'));
    let id = name.unwrap_or_else(|| file.path.rsplit('/').next().unwrap_or(&file.path)).to_owned();
    let head = value.as_map().and_then(|map| map.iter().next()).map_or(span, |(_, entry)| entry.key);
    let mut whole = Fields::of(value);
    for (key, entry) in facts.0.iter() {
        whole.0.insert(key.as_ref(), entry.key, entry.value.clone());
    }
    outcome.subject(file, KIND, "azure.pipeline", &id, (span, head), whole.at(span));
    let mut reader = Reader { file, whole: value, pipeline: around, count: 0 };
    let mut ids = Ids::default();
    if let Some(stages) = value.get("stages") {
        let mut found = Vec::new();
        each(stages, 0, &mut |stage| found.push(stage));
        for (index, stage) in found.into_iter().enumerate() {
            let name = stage.get("stage").and_then(Value::as_str).map_or_else(|| index.to_string(), key);
            if let Some(jobs) = stage.get("jobs") {
                reader.jobs(jobs, &format!("{}.", ids.give(&format!("stages.{name}"))), outcome);
            }
        }
    }
    if let Some(jobs) = value.get("jobs") {
        reader.jobs(jobs, "", outcome);
    }
    if let Some(steps) = value.get("steps") {
        reader.steps(steps, "", &Value::map(Map::new(), span), value, outcome);
    }
    if reader.count >= MAX_ITEMS {
        outcome.warn("azure-pipelines-size", span, format!("more than {MAX_ITEMS} jobs and steps; the rest is not read"));
        outcome.skipped = Some(("too many jobs and steps".to_owned(), true));
    }
}

impl Reader<'_> {
    fn jobs(&mut self, jobs: &Value, owner: &str, outcome: &mut Outcome) {
        let mut found = Vec::new();
        each(jobs, 0, &mut |job| found.push(job));
        let mut ids = Ids::default();
        for (index, job) in found.into_iter().enumerate() {
            if job.get("template").is_some() || self.count >= MAX_ITEMS {
                continue;
            }
            self.count += 1;
            let own = ["job", "deployment"].iter().find_map(|kind| job.get(kind)).and_then(scalar).filter(|name| !name.is_empty());
            let name = own.as_deref().map_or_else(|| index.to_string(), key);
            let id = ids.give(&format!("{owner}jobs.{name}"));
            let mut fields = Fields::of(job);
            fields.0.remove("steps");
            fields.0.remove("strategy");
            fields.text("id", Some(&name), job.span);
            fields.put("images", Value::list(self.images(job), job.span));
            fields.put("soft", soft(job));
            fields.put("pairs", pairs(job.get("variables"), job.span));
            fields.flag("deploys", job.get("deployment").is_some(), job.span);
            let bare = fields.clone().at(job.span);
            fields.put("pipeline", self.pipeline.clone());
            let head = job.as_map().and_then(|map| map.iter().next()).map_or(job.span, |(_, entry)| entry.key.join(entry.value.span));
            outcome.subject(self.file, KIND, "azure.job", &id, (job.span, head), fields.at(job.span));
            if let Some(steps) = job.get("steps") {
                self.steps(steps, &format!("{id}."), &bare, job, outcome);
            }
            // A deployment has its steps in the parts of its strategy.
            let strategy = job.get("strategy").and_then(Value::as_map);
            for (_, kind) in strategy.into_iter().flat_map(Map::iter) {
                for (part, entry) in kind.value.as_map().into_iter().flat_map(Map::iter) {
                    if let Some(steps) = entry.value.get("steps") {
                        self.steps(steps, &format!("{id}.{part}."), &bare, job, outcome);
                    }
                    for (on, entry) in entry.value.as_map().into_iter().flat_map(Map::iter).filter(|_| &**part == "on") {
                        if let Some(steps) = entry.value.get("steps") {
                            self.steps(steps, &format!("{id}.on.{on}."), &bare, job, outcome);
                        }
                    }
                }
            }
        }
    }

    /// The images of a job; a name among the containers of the resources stands for its image.
    fn images(&self, job: &Value) -> Vec<Value> {
        let services = job.get("services").and_then(Value::as_map);
        let all = job.get("container").into_iter().chain(services.into_iter().flat_map(Map::values));
        let resources = self.whole.get("resources").and_then(|resources| resources.get("containers")).map(items).unwrap_or_default();
        let mut out = Vec::new();
        for value in all {
            let value = value.get("image").unwrap_or(value);
            let Some(text) = value.as_str() else { continue };
            let known = resources.iter().find(|one| one.get("container").and_then(Value::as_str) == Some(text));
            match known.map(|one| one.get("image")) {
                Some(Some(reference)) => out.push(image(reference.as_str().unwrap_or_default(), value.span)),
                // One of a registry by its service connection.
                Some(None) => {
                    let mut fields = Fields::default();
                    for part in ["reference", "tag", "digest", "pinned"] {
                        fields.put(part, at_run_time(text, "", value.span));
                    }
                    out.push(fields.at(value.span));
                }
                None => out.push(image(text, value.span)),
            }
        }
        out
    }

    fn steps(&mut self, steps: &Value, owner: &str, job: &Value, around: &Value, outcome: &mut Outcome) {
        let mut found = Vec::new();
        each(steps, 0, &mut |step| found.push(step));
        let windows = [around, self.whole].iter().find_map(|value| {
            let pool = value.get("pool")?;
            let image = pool.get("vmImage").or_else(|| pool.get("name")).unwrap_or(pool).as_str()?.to_lowercase();
            Some(image.contains("win") && !image.contains("darwin"))
        });
        let mut ids = Ids::default();
        for (index, step) in found.into_iter().enumerate() {
            let Some(kind) = STEPS.iter().find(|kind| step.get(kind).is_some()) else { continue };
            if self.count >= MAX_ITEMS {
                return;
            }
            self.count += 1;
            let name = ["name", "displayName"].iter().find_map(|key| step.get(key).and_then(scalar)).filter(|name| !name.trim().is_empty());
            let id = ids.give(&format!("{owner}steps[{}]", name.as_deref().map_or_else(|| index.to_string(), key)));
            let mut fields = Fields::of(step);
            fields.text("kind", Some(kind), step.span);
            let (script, shell) = script(step, kind, windows == Some(true));
            let list =
                script.and_then(|script| Placed::new(script, &self.file.text)).zip(shell).map(|(script, shell)| commands(&script, shell));
            fields.put("commands", list.unwrap_or_else(|| Value::list(Vec::new(), step.span)));
            if let Some(script) = script {
                fields.put("code", script.clone());
            }
            if let Some(task) = step.get("task").and_then(|task| Some((task.as_str()?, task.span))) {
                let (name, version) = task.0.split_once('@').unwrap_or((task.0, ""));
                let mut parts = Fields::default();
                parts.text("name", Some(name), task.1);
                parts.text("version", Some(version), task.1);
                fields.put("action", parts.at(task.1));
            }
            fields.put("soft", soft(step));
            fields.put("pairs", pairs(step.get("env"), step.span));
            fields.put("job", job.clone());
            fields.put("pipeline", self.pipeline.clone());
            let head = step.as_map().and_then(|map| map.entry(kind)).map_or(step.span, |entry| entry.key);
            outcome.subject(self.file, KIND, "azure.step", &id, (step.span, head), fields.at(step.span));
        }
    }
}

/// Whether a failure is passed over.
fn soft(value: &Value) -> Value {
    let Some(soft) = value.get("continueOnError") else { return Value::bool(false, value.span) };
    match soft.as_str() {
        Some(text) if text.contains("${{") || text.contains("$(") || text.contains("$[") => at_run_time(text, "", soft.span),
        Some(text) => Value::bool(text.eq_ignore_ascii_case("true"), soft.span),
        None => soft.clone(),
    }
}

/// The script of a step, and the shell that reads it.
fn script<'v>(step: &'v Value, kind: &str, windows: bool) -> (Option<&'v Value>, Option<Shell>) {
    let inputs = step.get("inputs");
    let input = |names: &[&str]| names.iter().find_map(|name| inputs?.get(name));
    match kind {
        // `bash` without options: the last command decides.
        "bash" => (step.get("bash"), Some(Shell::LOOSE)),
        "script" => (step.get("script"), Some(if windows { Shell::UNKNOWN } else { Shell::LOOSE })),
        "pwsh" | "powershell" => (step.get(kind), Some(Shell::UNKNOWN)),
        "task" => {
            let task = step.get("task").and_then(Value::as_str).unwrap_or_default();
            match task.split('@').next().unwrap_or_default() {
                "Bash" => (input(&["script"]), Some(Shell::LOOSE)),
                "CmdLine" => (input(&["script"]), Some(if windows { Shell::UNKNOWN } else { Shell::LOOSE })),
                "PowerShell" => (input(&["script"]), Some(Shell::UNKNOWN)),
                "AzureCLI" | "AWSShellScript" => (input(&["inlineScript"]), Some(Shell::LOOSE)),
                "AzurePowerShell" => (input(&["Inline", "inline", "inlineScript"]), Some(Shell::UNKNOWN)),
                _ => (None, None),
            }
        }
        _ => (None, None),
    }
}
