//! Calls and blocks of a Jenkinsfile to subjects.

use std::ops::Range;
use std::sync::Arc;

use probity_core::{Diagnostic, Level, Subject, Suppression};
use probity_value::{FileId, Map, Span, Value};

use super::KIND;
use super::groovy::{Argument, Expression, Parsed, Statement};
use crate::ci::image::image;
use crate::ci::placed::Placed;
use crate::ci::script::{Shell, commands};
use crate::ci::{Fields, Ids, at_run_time, key, pairs};

const MAX_SUBJECTS: usize = 20_000;
const DEPLOYS: &[&str] = &["deploy", "release", "publish", "promote", "production", "prod"];

/// What one file gave.
#[derive(Default)]
pub(super) struct Outcome {
    pub(super) subjects: Vec<Subject>,
    pub(super) suppressions: Vec<Suppression>,
    pub(super) diagnostics: Vec<Diagnostic>,
    pub(super) skipped: Option<(String, bool)>,
}

/// What is around a step.
#[derive(Clone, Default)]
struct Around {
    stage: Option<Value>,
    within: Vec<String>,
    credentials: Vec<Value>,
    /// Names that hold secrets here.
    secrets: Vec<String>,
    soft: Option<Span>,
}

struct Builder<'b> {
    file: FileId,
    path: &'b Arc<str>,
    text: &'b str,
    pipeline: Value,
    ids: Ids,
    outcome: Outcome,
    /// The first `script` block.
    scripted: Option<Span>,
}

/// Makes the subjects of a file.
pub(super) fn build(parsed: &Parsed, file: FileId, path: &Arc<str>, text: &str) -> Outcome {
    let whole = Span::new(file, 0..text.trim_end().len());
    let mut builder =
        Builder { file, path, text, pipeline: Value::null(whole), ids: Ids::default(), outcome: Outcome::default(), scripted: None };
    let pipeline = parsed.statements.iter().find(|statement| statement.name == "pipeline" && statement.body.is_some());
    let content = pipeline.and_then(|pipeline| pipeline.body.as_deref()).unwrap_or_default();
    let mut fields = builder.agent_fields(content, whole);
    fields.flag("declarative", pipeline.is_some(), whole);
    let options = section(content, "options").iter().map(|option| Value::string(option.name.as_str(), builder.span(&option.head)));
    fields.put("options", Value::list(options.collect(), whole));
    let parameters = section(content, "parameters").iter().map(|parameter| {
        let mut one = Fields::default();
        one.text("kind", Some(&parameter.name), builder.span(&parameter.head));
        for (ours, theirs) in [("name", "name"), ("default", "defaultValue")] {
            if let Some(argument) = parameter.argument(theirs) {
                one.put(ours, builder.value(argument));
            }
        }
        one.at(builder.span(&parameter.range))
    });
    fields.put("parameters", Value::list(parameters.collect(), whole));
    fields.put("libraries", Value::list(builder.libraries(parsed), whole));
    let head = pipeline.map_or(whole, |pipeline| builder.span(&pipeline.head));
    builder.pipeline = fields.clone().at(whole);
    let name = path.rsplit('/').next().unwrap_or(path).to_owned();
    let place = pipeline.map_or(whole, |pipeline| builder.span(&pipeline.range));
    builder.push("jenkins.pipeline", &name, place, head, fields);
    let mut around = Around::default();
    builder.environment_secrets(content, &mut around);
    if pipeline.is_some() {
        for statement in content {
            match statement.name.as_str() {
                "stages" => builder.stages(statement, "", &around),
                "post" => builder.post(statement, "", &around),
                _ => {}
            }
        }
        if let Some(span) = builder.scripted {
            let words = "what stands in `script` is a program; only the steps in it are read";
            builder.outcome.diagnostics.push(Diagnostic::new(Level::Note, "jenkins-script", Arc::clone(path), span, words));
        }
    } else {
        builder.steps(&parsed.statements, "", &around, 0);
        builder.outcome.skipped = Some(("a scripted pipeline; only the steps in it are read".to_owned(), false));
    }
    builder.outcome
}

/// The statements of the section of that name.
fn section<'s>(content: &'s [Statement], name: &str) -> &'s [Statement] {
    content.iter().find(|statement| statement.name == name).and_then(|statement| statement.body.as_deref()).unwrap_or_default()
}

impl Builder<'_> {
    fn span(&self, range: &Range<usize>) -> Span {
        Span::new(self.file, range.clone())
    }

    fn push(&mut self, type_name: &str, id: &str, span: Span, head: Span, fields: Fields) {
        if self.outcome.subjects.len() >= MAX_SUBJECTS {
            self.outcome.skipped = Some((format!("more than {MAX_SUBJECTS} steps; the rest is not read"), true));
            return;
        }
        let id = self.ids.give(id);
        self.outcome.subjects.push(Subject {
            kind: KIND,
            type_name: type_name.into(),
            id: id.into(),
            root: Arc::clone(self.path),
            span,
            head,
            value: fields.at(span),
            via: Vec::new(),
        });
    }

    /// A value as far as it is one; what Groovy works out is unknown.
    fn value(&self, argument: &Argument) -> Value {
        let span = self.span(&argument.range);
        match &argument.value {
            Expression::Text(text) if text.inserted.is_empty() => Value::string(text.text.as_str(), self.span(&text.range)),
            Expression::Text(text) => {
                let prefix = text.text.split('$').next().unwrap_or_default();
                at_run_time(&text.text, prefix, self.span(&text.range))
            }
            Expression::Words(words) => match words.as_str() {
                "true" => Value::bool(true, span),
                "false" => Value::bool(false, span),
                "any" | "none" => Value::string(words.as_str(), span),
                words => words.parse::<i64>().map_or_else(|_| at_run_time(words, "", span), |number| Value::int(number, span)),
            },
            Expression::List(list) if list.iter().any(|item| item.name.is_some()) => {
                let mut map = Map::new();
                for item in list {
                    if let Some(name) = &item.name {
                        map.insert(name.as_str(), self.span(&item.range), self.value(item));
                    }
                }
                Value::map(map, span)
            }
            Expression::List(list) => Value::list(list.iter().map(|item| self.value(item)).collect(), span),
            Expression::Call(name, arguments) => {
                let mut fields = self.arguments(arguments);
                fields.text("call", Some(name), span);
                fields.at(span)
            }
        }
    }

    /// Named arguments by name, the others in order under `values`.
    fn arguments(&self, arguments: &[Argument]) -> Fields {
        let mut fields = Fields::default();
        let mut values = Vec::new();
        for argument in arguments {
            match &argument.name {
                Some(name) => fields.put(name, self.value(argument)),
                None => values.push(self.value(argument)),
            }
        }
        if let Some(first) = values.first() {
            let span = first.span;
            fields.put("values", Value::list(values, span));
        }
        fields
    }

    /// Where it runs: `agent` as written, and the images of it.
    fn agent_fields(&self, content: &[Statement], span: Span) -> Fields {
        let mut fields = Fields::default();
        let mut images = Vec::new();
        if let Some(agent) = content.iter().find(|statement| statement.name == "agent") {
            let place = self.span(&agent.range);
            match &agent.body {
                None => {
                    if let Some(first) = agent.first() {
                        fields.put("agent", self.value(first));
                    }
                }
                Some(body) => {
                    let mut kinds = Fields::default();
                    for kind in body {
                        let mut one = self.arguments(&kind.arguments);
                        for inner in kind.body.iter().flatten() {
                            if let Some(first) = inner.first() {
                                one.put(&inner.name, self.value(first));
                            }
                        }
                        if kind.name == "docker" {
                            let reference = kind.text(None).or_else(|| kind.text(Some("image"))).or_else(|| {
                                kind.body.iter().flatten().find(|inner| inner.name == "image").and_then(|inner| inner.text(None))
                            });
                            images.extend(reference.map(|text| image(&text.text, self.span(&text.range))));
                        }
                        kinds.put(&kind.name, one.at(self.span(&kind.range)));
                    }
                    fields.put("agent", kinds.at(place));
                }
            }
        }
        fields.put("images", Value::list(images, span));
        let mut environment = Map::new();
        for entry in section(content, "environment").iter().filter(|entry| entry.assigned) {
            if let Some(argument) = entry.first() {
                environment.insert(entry.name.as_str(), self.span(&entry.head), self.value(argument));
            }
        }
        let place = content.iter().find(|statement| statement.name == "environment").map_or(span, |one| self.span(&one.range));
        let environment = Value::map(environment, place);
        fields.put("pairs", pairs(Some(&environment), place));
        fields.put("environment", environment);
        fields
    }

    /// Names that `environment` binds to credentials.
    fn environment_secrets(&self, content: &[Statement], around: &mut Around) {
        for entry in section(content, "environment").iter().filter(|entry| entry.assigned) {
            let Some(Argument { value: Expression::Call(name, arguments), .. }) = entry.first() else { continue };
            if name == "credentials" {
                around.secrets.push(entry.name.clone());
                around.secrets.push(format!("{}_PSW", entry.name));
                let mut one = Fields::default();
                let span = self.span(&entry.range);
                one.text("kind", Some("credentials"), span);
                if let Some(first) = arguments.first() {
                    one.put("id", self.value(first));
                }
                one.text("variable", Some(&entry.name), span);
                around.credentials.push(one.at(span));
            }
        }
    }

    /// Shared libraries: `@Library('name@version') _` and `library 'name@version'`.
    fn libraries(&self, parsed: &Parsed) -> Vec<Value> {
        let mut out = Vec::new();
        for statement in parsed.statements.iter().filter(|statement| matches!(statement.name.as_str(), "@Library" | "library")) {
            let texts = statement.arguments.iter().flat_map(|argument| match &argument.value {
                Expression::Text(text) => vec![text],
                Expression::List(list) => {
                    list.iter().filter_map(|item| if let Expression::Text(text) = &item.value { Some(text) } else { None }).collect()
                }
                _ => Vec::new(),
            });
            for text in texts {
                let span = self.span(&text.range);
                let (name, version) = text.text.split_once('@').map_or((text.text.as_str(), None), |(name, version)| (name, Some(version)));
                let mut fields = Fields::default();
                fields.text("text", Some(&text.text), span);
                fields.text("name", Some(name), span);
                fields.text("version", version, span);
                let commit = version.is_some_and(|version| version.len() == 40 && version.bytes().all(|digit| digit.is_ascii_hexdigit()));
                fields.flag("pinned", commit, span);
                out.push(fields.at(span));
            }
        }
        out
    }

    fn stages(&mut self, stages: &Statement, owner: &str, around: &Around) {
        for stage in stages.body.iter().flatten() {
            match stage.name.as_str() {
                "stage" => self.stage(stage, owner, around),
                // A matrix holds stages; its axes are not expanded.
                "stages" | "parallel" | "matrix" => self.stages(stage, owner, around),
                _ => {}
            }
        }
    }

    fn stage(&mut self, stage: &Statement, owner: &str, around: &Around) {
        let name = stage.text(None).map_or_else(String::new, |text| text.text.clone());
        let id = format!("{owner}stages.{}", key(&name));
        let content = stage.body.as_deref().unwrap_or_default();
        let span = self.span(&stage.range);
        let mut fields = self.agent_fields(content, span);
        fields.text("name", Some(&name), self.span(&stage.head));
        let lower = name.to_lowercase();
        let deploys = lower.split(|letter: char| !letter.is_alphanumeric()).any(|part| DEPLOYS.iter().any(|word| part.starts_with(word)));
        fields.flag("deploys", deploys, self.span(&stage.head));
        fields.flag("input", content.iter().any(|one| one.name == "input"), span);
        let mut inner = around.clone();
        self.environment_secrets(content, &mut inner);
        inner.stage = Some(fields.clone().at(span));
        fields.put("pipeline", self.pipeline.clone());
        let head = self.span(&stage.head);
        self.push("jenkins.stage", &id, span, head, fields);
        for part in content {
            match part.name.as_str() {
                "steps" => self.steps(part.body.as_deref().unwrap_or_default(), &format!("{id}."), &inner, 0),
                "stages" | "parallel" | "matrix" => self.stages(part, &format!("{id}."), &inner),
                "post" => self.post(part, &format!("{id}."), &inner),
                _ => {}
            }
        }
    }

    fn post(&mut self, post: &Statement, owner: &str, around: &Around) {
        for when in post.body.iter().flatten() {
            self.steps(when.body.as_deref().unwrap_or_default(), &format!("{owner}post.{}.", when.name), around, 0);
        }
    }

    fn steps(&mut self, steps: &[Statement], owner: &str, around: &Around, depth: usize) {
        for (index, step) in steps.iter().enumerate() {
            if step.assigned || step.name.is_empty() {
                continue;
            }
            let mut inner = around.clone();
            if let Some(body) = step.body.as_deref().filter(|_| depth < 64) {
                self.enter(step, steps.get(index + 1), &mut inner);
                let owner = match (step.name.as_str(), step.text(None)) {
                    ("stage", Some(name)) => format!("{owner}stages.{}.", key(&name.text)),
                    _ => owner.to_owned(),
                };
                self.steps(body, &owner, &inner, depth + 1);
                if matches!(
                    step.name.as_str(),
                    "script" | "if" | "else" | "for" | "while" | "try" | "catch" | "finally" | "stage" | "node" | "steps"
                ) {
                    continue;
                }
            }
            if matches!(step.name.as_str(), "x" | "it" | "e" | "import" | "throw" | "break" | "continue" | "if" | "else")
                || step.arguments.is_empty() && step.body.is_none()
            {
                continue;
            }
            self.step(step, owner, &inner);
        }
    }

    /// What a block does to what is in it.
    fn enter(&mut self, step: &Statement, next: Option<&Statement>, inner: &mut Around) {
        let span = self.span(&step.head);
        match step.name.as_str() {
            "script" => {
                self.scripted.get_or_insert(span);
            }
            "catchError" | "warnError" => {
                let keeps = step.argument("buildResult").map(|argument| self.value(argument));
                // `catchError` marks the build as failed unless told otherwise, but the stages after it go on.
                let passes = step.name == "warnError"
                    || keeps.as_ref().and_then(Value::as_str).is_some_and(|result| matches!(result, "SUCCESS" | "UNSTABLE" | "NOT_BUILT"));
                if passes {
                    inner.soft = Some(span);
                }
            }
            "try" => {
                // A `catch` that throws again, or marks the build, hides nothing.
                let catches = next.filter(|next| next.name == "catch").and_then(|next| next.body.as_deref());
                let hides =
                    catches.is_some_and(|body| body.iter().all(|one| matches!(one.name.as_str(), "echo" | "println" | "print" | "sleep")));
                if hides {
                    inner.soft = Some(span);
                }
            }
            "withCredentials" => {
                for argument in &step.arguments {
                    let Expression::List(list) = &argument.value else { continue };
                    for one in list {
                        let Expression::Call(kind, arguments) = &one.value else { continue };
                        let mut fields = Fields::default();
                        let place = self.span(&one.range);
                        fields.text("kind", Some(kind), place);
                        for part in arguments {
                            let Some(name) = part.name.as_deref() else { continue };
                            let value = self.value(part);
                            let text = value.as_str().map(str::to_owned);
                            match name {
                                "credentialsId" => fields.put("id", value),
                                _ if name.to_lowercase().ends_with("variable") => {
                                    // A user name alone is no secret.
                                    if !name.to_lowercase().starts_with("username") {
                                        inner.secrets.extend(text);
                                    }
                                    fields.put("variable", value);
                                }
                                _ => {}
                            }
                        }
                        inner.credentials.push(fields.at(place));
                    }
                }
            }
            _ => {}
        }
        inner.within.push(step.name.clone());
    }

    fn step(&mut self, step: &Statement, owner: &str, around: &Around) {
        let span = self.span(&step.range);
        let mut fields = Fields::default();
        fields.text("kind", Some(&step.name), self.span(&step.head));
        fields.put("arguments", self.arguments(&step.arguments).at(span));
        let text = step.text(Some("script")).or_else(|| step.text(None));
        let mut list = Value::list(Vec::new(), span);
        let mut inserted = Vec::new();
        let mut leaks = Vec::new();
        let mut injections = Vec::new();
        if let Some(text) = text {
            let place = self.span(&text.range);
            let code = Value::string(text.text.as_str(), place);
            if let Some(script) = Placed::new(&code, self.text) {
                list = match step.name.as_str() {
                    "sh" => commands(&script, shell_of(&text.text)),
                    "bat" | "powershell" | "pwsh" => commands(&script, Shell::UNKNOWN),
                    _ => list,
                };
            }
            fields.put("code", code);
            for (expression, range) in &text.inserted {
                let place = self.span(range);
                let one = |kind: Option<&str>| {
                    let mut fields = Fields::default();
                    fields.text("expression", Some(expression), place);
                    fields.text("kind", kind, place);
                    fields.at(place)
                };
                inserted.push(one(None));
                let bare = expression.strip_prefix("env.").unwrap_or(expression);
                if around.secrets.iter().any(|secret| secret == bare) {
                    leaks.push(one(None));
                }
                if expression.starts_with("params.") {
                    injections.push(one(Some("input")));
                } else if ["CHANGE_", "BRANCH_NAME", "GIT_BRANCH", "TAG_NAME", "ghprb", "gitlabSourceBranch", "gitlabMergeRequest"]
                    .iter()
                    .any(|start| bare.starts_with(start))
                    && !matches!(bare, "CHANGE_ID" | "CHANGE_URL" | "CHANGE_TARGET")
                {
                    injections.push(one(Some("event")));
                }
            }
        }
        fields.put("commands", list);
        fields.put("inserted", Value::list(inserted, span));
        fields.put("leaks", Value::list(leaks, span));
        fields.put("injections", Value::list(injections, span));
        if step.argument("returnStatus").is_some_and(|argument| matches!(&argument.value, Expression::Words(word) if word == "true")) {
            fields.text("status", Some(if step.taken { "read" } else { "ignored" }), span);
        }
        fields.put("within", Value::list(around.within.iter().map(|name| Value::string(name.as_str(), span)).collect(), span));
        fields.put("credentials", Value::list(around.credentials.clone(), span));
        fields.flag("soft", around.soft.is_some(), around.soft.unwrap_or(span));
        if let Some(stage) = &around.stage {
            fields.put("stage", stage.clone());
        }
        fields.put("pipeline", self.pipeline.clone());
        let index = self.ids.next(&format!("{owner}steps"));
        let head = self.span(&step.head);
        self.push("jenkins.step", &format!("{owner}steps[{index}]"), span, head, fields);
    }
}

/// `sh -xe`; a script with a `#!` line has the options it says there.
fn shell_of(script: &str) -> Shell {
    let Some(first) = script.strip_prefix("#!").and_then(|rest| rest.lines().next()) else { return Shell::STOPS };
    let flags = first.split_whitespace().skip(1).any(|word| word.starts_with('-') && word.contains('e'));
    Shell { errexit: Some(flags), pipefail: Some(first.contains("pipefail")) }
}
