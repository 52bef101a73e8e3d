//! Bitbucket Pipelines to subjects.
//!
//! Types and ids: `bitbucket.pipeline` (the file) and `bitbucket.step` (`pipelines.default.steps[Build]`, `pipelines.branches.main.steps[0]`).
//! Values are what was written, and beside it:
//!
//! - a step: `commands` of `script` and `after-script`, `pipes: [{text, name, version, pinned}]`, `images` of its own and of its services, `soft`, `trigger` (`default`, `branches`, `pull-requests`, `tags`, `custom`);
//! - a file: `images`.
//!
//! What does not live here: pipes, and shared pipelines of other repositories.

#[cfg(test)]
mod tests;

use probity_core::{Collected, Scope, Source, SubjectKind};
use probity_value::{Map, Span, Value, yaml};

use crate::ci::collect::{Claim, File, Language, Outcome, collect};
use crate::ci::image::image;
use crate::ci::script::{Shell, sequence};
use crate::ci::{Fields, Ids, items, key, scalar};

/// Claims `bitbucket-pipelines.yml`.
#[derive(Clone, Copy, Debug, Default)]
pub struct BitbucketPipelinesSource;

const KIND: SubjectKind = SubjectKind::BitbucketPipelines;
const MAX_STEPS: usize = 5000;

/// Bitbucket runs each line and stops at the first that fails; pipes have the options of the image's shell.
const SHELL: Shell = Shell { errexit: Some(true), pipefail: None };

const LANGUAGE: Language = Language {
    id: "bitbucket-pipelines",
    files: "pipelines",
    unreadable: "bitbucket-pipelines-unreadable",
    name: claim,
    looks: |_| true,
    options: yaml::ParseOptions { booleans_1_1: false, octal_1_1: false, line_breaks_1_1: false, kubectl: false, cloudformation: false },
};

impl Source for BitbucketPipelinesSource {
    fn id(&self) -> &'static str {
        LANGUAGE.id
    }

    fn collect(&self, scope: &Scope<'_>) -> Collected {
        collect(scope, &LANGUAGE, &|file, _| read(file))
    }
}

fn claim(path: &str) -> Claim {
    let name = path.rsplit('/').next().unwrap_or(path);
    let stem = name.strip_suffix(".yml").or_else(|| name.strip_suffix(".yaml"));
    if stem.is_some_and(|stem| stem.starts_with("bitbucket-pipelines")) { Claim::Surely } else { Claim::No }
}

fn read(file: &File) -> Outcome {
    let mut outcome = Outcome::default();
    for document in &file.documents {
        let value = &document.value;
        let span = document.span;
        if value.as_map().is_none() {
            if !value.is_null() {
                outcome.warn("bitbucket-pipelines-shape", span, "the file is not a map, so it is not judged");
            }
            continue;
        }
        let mut whole = Fields::of(value);
        whole.put("images", Value::list(own_image(value).into_iter().collect(), span));
        let mut facts = whole.clone();
        facts.0.remove("pipelines");
        facts.0.remove("definitions");
        let around = facts.at(span);
        let name = file.path.rsplit('/').next().unwrap_or(&file.path);
        let head = value.as_map().and_then(|map| map.iter().next()).map_or(span, |(_, entry)| entry.key);
        outcome.subject(file, KIND, "bitbucket.pipeline", name, (span, head), whole.at(span));
        let mut reader = Reader { file, value, around, count: 0 };
        for (trigger, entry) in value.get("pipelines").and_then(Value::as_map).into_iter().flat_map(Map::iter) {
            if entry.value.as_list().is_some() {
                reader.items(&entry.value, trigger, &format!("pipelines.{}", key(trigger)), &mut outcome);
            }
            for (name, pipeline) in entry.value.as_map().into_iter().flat_map(Map::iter) {
                reader.items(&pipeline.value, trigger, &format!("pipelines.{}.{}", key(trigger), key(name)), &mut outcome);
            }
        }
        if reader.count >= MAX_STEPS {
            outcome.warn("bitbucket-pipelines-size", span, format!("more than {MAX_STEPS} steps; the rest is not read"));
            outcome.skipped = Some(("too many steps".to_owned(), true));
        }
    }
    outcome
}

fn own_image(value: &Value) -> Option<Value> {
    let written = value.get("image")?;
    let name = written.get("name").unwrap_or(written);
    Some(image(name.as_str()?, name.span))
}

struct Reader<'r> {
    file: &'r File,
    value: &'r Value,
    around: Value,
    count: usize,
}

impl Reader<'_> {
    fn items(&mut self, pipeline: &Value, trigger: &str, owner: &str, outcome: &mut Outcome) {
        let mut ids = Ids::default();
        let mut waiting: Vec<&Value> = items(pipeline).iter().rev().collect();
        let mut index = 0;
        while let Some(item) = waiting.pop() {
            if self.count >= MAX_STEPS {
                return;
            }
            // Several at once, or several under one name.
            let inner = item.get("parallel").or_else(|| item.get("stage"));
            if let Some(inner) = inner {
                waiting.extend(items(inner.get("steps").unwrap_or(inner)).iter().rev());
                continue;
            }
            let Some(step) = item.get("step").filter(|step| step.as_map().is_some()) else { continue };
            self.count += 1;
            let name = step.get("name").and_then(scalar).filter(|name| !name.trim().is_empty());
            let id = ids.give(&format!("{owner}.steps[{}]", name.as_deref().map_or_else(|| index.to_string(), key)));
            index += 1;
            let fields = self.step(step, trigger);
            let head = item.as_map().and_then(|map| map.entry("step")).map_or(item.span, |entry| entry.key);
            outcome.subject(self.file, KIND, "bitbucket.step", &id, (item.span, head), fields.at(step.span));
        }
    }

    fn step(&self, step: &Value, trigger: &str) -> Fields {
        let mut fields = Fields::of(step);
        let mut commands = Vec::new();
        let mut pipes = Vec::new();
        for (part, never) in [("script", None), ("after-script", Some("a failure in `after-script` never fails the step"))] {
            let Some(script) = step.get(part) else { continue };
            let list = sequence(items(script), &self.file.text, SHELL, never, script.span);
            commands.extend(items(&list).iter().cloned());
            pipes.extend(items(script).iter().filter_map(|line| pipe(line.get("pipe")?)));
        }
        fields.put("commands", Value::list(commands, step.span));
        fields.put("pipes", Value::list(pipes, step.span));
        let mut images: Vec<Value> = own_image(step).into_iter().collect();
        for service in step.get("services").map(items).unwrap_or_default().iter().filter_map(Value::as_str) {
            let defined = self.value.get("definitions").and_then(|definitions| definitions.get("services")?.get(service));
            images.extend(defined.and_then(own_image));
        }
        fields.put("images", Value::list(images, step.span));
        let strategy = step.get("on-fail").and_then(|on_fail| on_fail.get("strategy"));
        fields.flag("soft", strategy.and_then(Value::as_str) == Some("ignore"), strategy.map_or(step.span, |strategy| strategy.span));
        fields.text("trigger", Some(trigger), step.span);
        fields.flag("deploys", step.get("deployment").is_some(), step.span);
        fields.put("pipeline", self.around.clone());
        fields
    }
}

/// A pipe taken apart: `atlassian/aws-s3-deploy:1.1.0`, `docker://image:tag`.
fn pipe(value: &Value) -> Option<Value> {
    let text = value.as_str()?;
    let span: Span = value.span;
    let mut fields = Fields::default();
    fields.text("text", Some(text), span);
    let bare = text.strip_prefix("docker://").unwrap_or(text);
    let (name, version) = bare.split_once(':').map_or((bare, None), |(name, version)| (name, Some(version)));
    fields.text("name", Some(name), span);
    fields.text("version", version, span);
    let full = version.is_some_and(|version| {
        version.contains("@sha256:")
            || version.split('.').count() == 3
                && version.split('.').all(|part| !part.is_empty() && part.bytes().all(|digit| digit.is_ascii_digit()))
    });
    fields.flag("pinned", full, span);
    Some(fields.at(span))
}
