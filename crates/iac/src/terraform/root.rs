//! Roots: which folders are judged on their own, their variable files, and the subjects that come out of them.

use std::collections::{BTreeMap, BTreeSet};
use std::rc::Rc;
use std::sync::Arc;

use probity_core::{Diagnostic, Level, Subject, SubjectKind};
use probity_value::{Map, Span, Value};

use super::eval::{Evaluator, Instance, Manifest, Program, Repetition, Scope};
use super::module::{Mode, Module};
use super::syntax::Body;
use super::{path, vendored};

/// What a variable file holds.
pub(crate) enum Values {
    Native(Body),
    Json(Map),
}

/// A variable file that was read.
pub(crate) struct VariableFile {
    pub(crate) values: Values,
}

/// What came out of a root.
pub(crate) struct Evaluated {
    pub(crate) subjects: Vec<Subject>,
    pub(crate) diagnostics: Vec<Diagnostic>,
    /// Folders of all modules that were used.
    pub(crate) used: BTreeSet<Arc<str>>,
    /// Variable files that were loaded.
    pub(crate) loaded: BTreeSet<Arc<str>>,
}

/// The folders that are judged on their own: those no other folder calls, and one of each group that only call each other.
pub(crate) fn roots(modules: &BTreeMap<Arc<str>, Module>) -> Vec<Arc<str>> {
    let targets = |module: &Module| -> Vec<String> {
        let sources = module.calls.values().filter_map(|call| call.body.attribute("source")?.expr.as_literal().cloned());
        sources.filter(|source| path::is_local_source(source)).filter_map(|source| path::join(&module.dir, &source)).collect()
    };
    let mut called: BTreeSet<String> = BTreeSet::new();
    for module in modules.values() {
        called.extend(targets(module));
    }
    let mut roots: Vec<Arc<str>> = modules.keys().filter(|dir| !vendored(dir) && !called.contains(&***dir)).cloned().collect();
    let mut reached: BTreeSet<String> = BTreeSet::new();
    let mut reach = |start: &Arc<str>| {
        let mut open = vec![start.to_string()];
        while let Some(dir) = open.pop() {
            if let Some(module) = modules.get(dir.as_str())
                && reached.insert(dir)
            {
                open.extend(targets(module));
            }
        }
        reached.clone()
    };
    let mut seen = BTreeSet::new();
    for root in &roots {
        seen = reach(root);
    }
    for dir in modules.keys().filter(|dir| !vendored(dir)) {
        if !seen.contains(&**dir) {
            roots.push(Arc::clone(dir));
            seen = reach(dir);
        }
    }
    roots.sort();
    roots
}

/// Evaluates one root.
pub(crate) fn evaluate<'p>(
    program: &'p Program<'p>,
    dir: &Arc<str>,
    variable_files: &BTreeMap<Arc<str>, VariableFile>,
    manifest: Manifest,
) -> Evaluated {
    let mut out = Evaluated { subjects: Vec::new(), diagnostics: Vec::new(), used: BTreeSet::new(), loaded: BTreeSet::new() };
    let Some(module) = program.modules.get(dir) else { return out };
    let mut evaluator = Evaluator::new(program, Arc::clone(dir), manifest);
    out.loaded = given(&mut evaluator, dir, variable_files);
    let root = evaluator.root_instance(module);
    let mut emitter = Emitter { evaluator: &evaluator, root: Arc::clone(dir), out: &mut out, full: false };
    emitter.module(&root, &Repetition::default());
    out.diagnostics.extend(evaluator.into_diagnostics());
    out
}

/// Loads the variable files of a root in Terraform's order; later ones win. Gives the paths loaded.
fn given(evaluator: &mut Evaluator<'_>, dir: &str, files: &BTreeMap<Arc<str>, VariableFile>) -> BTreeSet<Arc<str>> {
    let mut order: Vec<Arc<str>> = Vec::new();
    for name in ["terraform.tfvars", "terraform.tfvars.json"] {
        order.push(path::below(dir, name).into());
    }
    let automatic = |file: &str| file.ends_with(".auto.tfvars") || file.ends_with(".auto.tfvars.json");
    order.extend(files.keys().filter(|file| path::folder(file) == dir && automatic(file)).cloned());
    for file in &evaluator.program.options.variable_files {
        match path::join("", file) {
            Some(path) if files.contains_key(path.as_str()) => order.push(path.into()),
            _ => evaluator.report(
                Level::Error,
                "variable-file",
                Span::NONE,
                format!("the variable file `{file}` is not here or cannot be read"),
            ),
        }
    }
    let mut loaded = BTreeSet::new();
    for file in order {
        let Some(values) = files.get(&file) else { continue };
        match &values.values {
            Values::Native(body) => {
                for attribute in &body.attributes {
                    let value = evaluator.value(&attribute.expr, Scope::empty());
                    evaluator.given.insert(Arc::clone(&attribute.name), value);
                }
            }
            Values::Json(map) => {
                for (name, entry) in map.iter() {
                    evaluator.given.insert(Arc::clone(name), entry.value.clone());
                }
            }
        }
        loaded.insert(file);
    }
    loaded
}

/// Subjects of one root beyond which no more are made. Modules that call modules under `for_each` multiply.
const MAX_SUBJECTS: usize = 100_000;

struct Emitter<'e, 'p> {
    evaluator: &'e Evaluator<'p>,
    root: Arc<str>,
    out: &'e mut Evaluated,
    /// Whether there are as many subjects as there may be.
    full: bool,
}

impl<'p> Emitter<'_, 'p> {
    fn subject(&mut self, type_name: impl Into<Arc<str>>, id: impl Into<Arc<str>>, span: Span, head: Span, value: Value, via: &[Span]) {
        if self.out.subjects.len() >= MAX_SUBJECTS {
            if !self.full {
                self.full = true;
                let message = format!("the root has more than {MAX_SUBJECTS} subjects; only the first {MAX_SUBJECTS} are judged");
                self.evaluator.report(Level::Error, "instance-limit", head, message);
            }
            return;
        }
        self.out.subjects.push(Subject {
            kind: SubjectKind::Terraform,
            type_name: type_name.into(),
            id: id.into(),
            root: Arc::clone(&self.root),
            span,
            head,
            value,
            via: via.to_vec(),
        });
    }

    fn module(&mut self, instance: &Rc<Instance<'p>>, repetition: &Repetition) {
        let module = instance.module;
        self.out.used.insert(Arc::clone(&module.dir));
        let scope = Scope { instance: Some(instance), repetition: Some(repetition), ..Scope::empty() };
        let plain = Scope { repetition: None, ..scope };
        for (position, block) in module.settings.iter().enumerate() {
            let value = self.evaluator.body_value(block, plain);
            let id = if position == 0 { instance.address("terraform") } else { instance.address(&format!("terraform[{position}]")) };
            self.subject("terraform", id, block.span, block.head, value, &instance.via);
        }
        for block in &module.providers {
            let Some(name) = block.label(0) else { continue };
            let value = self.evaluator.body_value(block, plain);
            let alias = value.get("alias").and_then(Value::as_str).map(|alias| format!(".{alias}")).unwrap_or_default();
            let id = instance.address(&format!("provider.{name}{alias}"));
            self.subject(format!("provider.{name}"), id, block.span, block.head, value, &instance.via);
        }
        for (index, resource) in module.resources.iter().enumerate() {
            let block = match self.evaluator.resource_at(instance, index, resource.block.head) {
                Ok(block) => block,
                Err(error) => {
                    // How often it is there depends on itself: it is judged with nothing known of its arguments.
                    let value = self.evaluator.invalid(&error, resource.block.head);
                    let id = instance.address(&resource.local_address);
                    self.subject(
                        type_name(resource.mode, &resource.kind),
                        id,
                        resource.block.span,
                        resource.block.head,
                        value,
                        &instance.via,
                    );
                    continue;
                }
            };
            for made in &block.instances {
                if self.full {
                    return;
                }
                let mut value = self.evaluator.whole(made);
                let kind = type_name(resource.mode, &resource.kind);
                if kind == "data.aws_iam_policy_document" {
                    value = self.evaluator.with_document(value);
                }
                self.subject(kind, Arc::clone(&made.address), resource.block.span, resource.block.head, value, &instance.via);
            }
        }
        for (name, block) in &module.calls {
            let call = match self.evaluator.calls_of(instance, name, block.head) {
                Ok(Some(call)) => call,
                Ok(None) => continue,
                Err(error) => {
                    let value = self.evaluator.invalid(&error, block.head);
                    let id = instance.address(&format!("module.{name}"));
                    self.subject("module", id, block.span, block.head, value, &instance.via);
                    continue;
                }
            };
            for (index, repetition) in call.repeated.items.iter().enumerate() {
                let scope = Scope { instance: Some(instance), repetition: Some(repetition), ..Scope::empty() };
                let value = self.evaluator.body_value(call.block, scope);
                let id = format!("{}{}", call.address, repetition.key.suffix());
                self.subject("module", id, call.block.span, call.block.head, value, &instance.via);
                if self.full {
                    return;
                }
                if let Some(child) = call.children.get(index).and_then(|id| self.evaluator.instance(*id)) {
                    self.module(&child, repetition);
                }
            }
        }
    }
}

fn type_name(mode: Mode, kind: &str) -> String {
    format!("{}{kind}", mode.prefix())
}
