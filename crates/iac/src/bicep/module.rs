//! The resources of a root file and its modules, in the shape of their ARM templates.

use std::collections::HashMap;
use std::rc::Rc;
use std::sync::Arc;

use probity_core::{Diagnostic, Level, Subject, SubjectKind};
use probity_value::{Data, Map, Span, StepKind, Value};

use super::parse::Resource;
use super::scope::{Given, ModuleScope, Parsed, Program, Shared, split_type};
use crate::azure::eval::{Budget, is_computed};
use crate::azure::{Locals, spelled};

/// Most resources of one root.
const MAX_RESOURCES: usize = 20_000;
/// How deep resources may be nested in each other.
const MAX_NESTING: usize = 16;

/// What one root gave.
#[derive(Default)]
pub(super) struct Outcome {
    pub(super) subjects: Vec<Subject>,
    pub(super) diagnostics: Vec<Diagnostic>,
    /// The files that were reached.
    pub(super) reached: Vec<Arc<str>>,
}

/// Values for the parameters of a root.
pub(super) enum Values<'p> {
    /// Only defaults.
    Defaults,
    /// A file with parameters in Bicep.
    Bicep(&'p Parsed),
    /// The parameters of a file in JSON.
    Json(Map),
}

struct Planned<'p> {
    scope: Rc<ModuleScope<'p>>,
    resource: &'p Resource,
    locals: Locals,
    id: Arc<str>,
    type_name: Arc<str>,
    parent: Option<Arc<str>>,
    via: Vec<Span>,
}

struct Planner<'p> {
    shared: Rc<Shared>,
    planned: Vec<Planned<'p>>,
    subjects: Vec<Subject>,
    reached: Vec<Arc<str>>,
    root: Arc<str>,
    /// How many modules may still be gone into.
    modules: usize,
}

/// Works out one root.
pub(super) fn evaluate<'p>(program: &'p Program<'p>, parsed: &'p Parsed, values: &Values<'p>) -> Outcome {
    let shared = Rc::new(Shared {
        budget: Budget::new(program.max_steps),
        index: std::cell::RefCell::default(),
        said: std::cell::RefCell::default(),
    });
    let mut given = HashMap::new();
    let mut root = Arc::clone(&parsed.path);
    match values {
        Values::Defaults => {}
        Values::Bicep(file) => {
            root = Arc::clone(&file.path);
            let scope = ModuleScope::new(program, file, &shared, String::new(), HashMap::new(), Vec::new());
            for param in &file.document.params {
                let Some(expr) = &param.default else { continue };
                let scope = Rc::clone(&scope);
                let kind = StepKind::VariableFile;
                given.insert(Arc::clone(&param.name), Given::Expr { expr, key: param.name_span, scope, locals: None, kind });
            }
        }
        Values::Json(map) => {
            for (name, entry) in map.iter() {
                if let Some(value) = entry.value.get("value") {
                    given.insert(Arc::clone(name), Given::Value { value: value.clone(), key: entry.key });
                }
            }
        }
    }
    let scope = ModuleScope::new(program, parsed, &shared, String::new(), given, Vec::new());
    let mut planner = Planner { shared, planned: Vec::new(), subjects: Vec::new(), reached: Vec::new(), root, modules: MAX_RESOURCES };
    planner.module(&scope, &[]);
    scope.forget();
    planner.finish()
}

impl<'p> Planner<'p> {
    fn module(&mut self, scope: &Rc<ModuleScope<'p>>, via: &[Span]) {
        self.reached.push(Arc::clone(&scope.parsed.path));
        let document = &scope.parsed.document;
        // Modules first, so that their outputs are there for whoever asks.
        let mut children = Vec::new();
        for module in &document.modules {
            for (number, locals) in scope.rounds(&module.block, &None) {
                if let Some(child) = scope.child(module, number, &locals) {
                    self.reached.push(Arc::clone(&child.parsed.path));
                    children.push((module, locals, child));
                }
            }
        }
        for param in document.params.iter().filter(|param| param.secure) {
            let type_name: &str = if param.object { "secureObject" } else { "secureString" };
            let mut value = Map::new();
            value.insert("type", param.name_span, Value::string(type_name, param.name_span));
            if let Some(default) = &param.default {
                let mut shown = scope.evaluation().eval(default, &None);
                shown.sensitive = true;
                if is_computed(&shown) {
                    value.insert("computed", param.name_span, Value::bool(true, param.name_span));
                }
                value.insert("defaultValue", param.name_span, shown);
            }
            let id = format!("{}{}", scope.prefix, param.name);
            self.subject(&id.into(), type_name.into(), param.span, param.name_span, Value::map(value, param.span), via.to_vec());
        }
        for resource in &document.resources {
            self.resource(scope, resource, None, &None, via, 0);
        }
        for (module, locals, child) in children {
            if scope.is_off(&module.block, &locals) {
                continue;
            }
            let Some(left) = self.modules.checked_sub(1) else {
                scope.say(Level::Error, "bicep-modules", module.block.span, "too many modules; the rest is not judged");
                return;
            };
            self.modules = left;
            let via: Vec<Span> = via.iter().copied().chain([module.block.span]).collect();
            self.module(&child, &via);
        }
    }

    fn resource(
        &mut self,
        scope: &Rc<ModuleScope<'p>>,
        resource: &'p Resource,
        above: Option<(&str, &str, &str)>,
        locals: &Locals,
        via: &[Span],
        depth: usize,
    ) {
        if depth > MAX_NESTING {
            scope.say(Level::Error, "bicep-nesting", resource.block.span, "resources are nested too deep, so they are not judged");
            return;
        }
        for (number, locals) in scope.rounds(&resource.block, locals) {
            if scope.is_off(&resource.block, &locals) {
                continue;
            }
            if self.planned.len() >= MAX_RESOURCES {
                let message = format!("more than {MAX_RESOURCES} resources; the rest is not judged");
                scope.say(Level::Error, "bicep-resources", resource.block.span, message);
                return;
            }
            let number = number.map_or_else(String::new, |number| format!("[{number}]"));
            let start = above.map_or_else(|| scope.prefix.clone(), |(_, _, id)| format!("{id}::"));
            let id: Arc<str> = format!("{start}{}{number}", resource.block.symbol).into();
            let (type_name, name) = scope.names(resource, above.map(|(type_name, name, _)| (type_name, name)), &locals, 0);
            if !resource.existing {
                self.shared.index.borrow_mut().add(&type_name, &name, &id);
                self.planned.push(Planned {
                    scope: Rc::clone(scope),
                    resource,
                    locals: locals.clone(),
                    id: Arc::clone(&id),
                    type_name: Arc::clone(&type_name),
                    parent: above.map(|(_, _, id)| Arc::from(id)),
                    via: via.to_vec(),
                });
            }
            for nested in &resource.nested {
                self.resource(scope, nested, Some((&type_name, &name, &id)), &locals, via, depth + 1);
            }
        }
    }

    fn subject(&mut self, id: &Arc<str>, type_name: Arc<str>, span: Span, head: Span, value: Value, via: Vec<Span>) {
        self.subjects.push(Subject {
            kind: SubjectKind::Bicep,
            type_name,
            id: Arc::clone(id),
            root: Arc::clone(&self.root),
            span,
            head,
            value,
            via,
        });
    }

    fn finish(mut self) -> Outcome {
        for planned in std::mem::take(&mut self.planned) {
            let value = self.shared.budget.bounded(value_of(&planned));
            let block = &planned.resource.block;
            self.subject(&planned.id, Arc::clone(&planned.type_name), block.span, block.symbol_span, value, planned.via);
        }
        let diagnostics = std::mem::take(&mut *self.shared.said.borrow_mut()).into_values().collect();
        Outcome { subjects: self.subjects, diagnostics, reached: self.reached }
    }
}

fn value_of(planned: &Planned<'_>) -> Value {
    let block = &planned.resource.block;
    let mut out = Map::new();
    out.insert("type", block.target_span, Value::string(Arc::clone(&planned.type_name), block.target_span));
    if let Some(version) = split_type(&block.target).1 {
        out.insert("apiVersion", block.target_span, Value::string(version, block.target_span));
    }
    let body = planned.scope.evaluation().eval(&block.body, &planned.locals);
    match &body.data {
        Data::Map(map) => {
            for (key, entry) in map.iter() {
                let value = entry.value.clone();
                let value = if &**key == "properties" { spelled(planned.scope.shared.budget.bounded(value)) } else { value };
                out.insert(Arc::clone(key), entry.key, value);
            }
        }
        // A body with a spread that is not known: nothing of it is.
        _ => {
            out.insert("properties", block.span, body.clone());
        }
    }
    if let Some(parent) = &planned.parent
        && !out.contains_key("parent")
    {
        out.insert("parent", Span::NONE, Value::reference(Arc::clone(parent), "id", block.span));
    }
    Value::map(out, block.span)
}
