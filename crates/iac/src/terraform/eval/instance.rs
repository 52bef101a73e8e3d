//! Module instances and what is in them: variables, locals, outputs, resources and calls, each worked out once, when asked for.

use std::cell::RefCell;
use std::collections::HashMap;
use std::rc::Rc;
use std::sync::Arc;

use probity_core::Level;
use probity_value::{Data, Number, Span, StepKind, Unknown, UnknownKind, Value};

use super::reference::{relative, undeclared};
use super::{EvalError, Evaluator, Key, Outcome, Repetition, Scope, Slot, derived, through};
use crate::terraform::functions::{describe, to_number};
use crate::terraform::module::{Module, Resource};
use crate::terraform::path;
use crate::terraform::syntax::Block;

/// Instances of one block beyond which no more are made.
const MAX_INSTANCES: usize = 1_000;
/// Module instances of one root beyond which no more are made.
const MAX_MODULES: usize = 20_000;
/// Nesting of module calls.
const MAX_MODULE_DEPTH: usize = 32;

/// One instance of a module.
pub(crate) struct Instance<'p> {
    pub(crate) id: usize,
    pub(crate) module: &'p Module,
    /// What stands before local addresses: nothing, or `module.db["eu"].`.
    pub(crate) prefix: Arc<str>,
    /// Keys of the calls on the way, as in the manifest: `vpc.subnets`.
    manifest_key: String,
    parent: Option<Parent<'p>>,
    /// The calls it was made through, outermost first.
    pub(crate) via: Vec<Span>,
    variables: RefCell<HashMap<Arc<str>, Slot>>,
    locals: RefCell<HashMap<Arc<str>, Slot>>,
    outputs: RefCell<HashMap<Arc<str>, Slot>>,
    /// `None` while its repetition is worked out.
    resources: RefCell<HashMap<usize, Option<Rc<ResourceBlock<'p>>>>>,
    calls: RefCell<HashMap<Arc<str>, Option<Rc<CallInstances<'p>>>>>,
}

struct Parent<'p> {
    instance: usize,
    block: &'p Arc<Block>,
    repetition: Repetition,
    /// `module.db["eu"]`.
    address: Arc<str>,
}

/// How often a block is there.
pub(crate) struct Repeated {
    pub(crate) items: Vec<Repetition>,
    /// Keys are names (`for_each`), else numbers (`count`).
    pub(crate) named: bool,
    /// Why it is not known how often. Then there is one item, without a key.
    pub(crate) unknown: Option<Arc<Unknown>>,
    repeats: bool,
}

impl Repeated {
    /// Whether the block has neither `count` nor `for_each`.
    pub(crate) fn is_single(&self) -> bool {
        !self.repeats
    }
}

/// A resource block with its instances.
pub(crate) struct ResourceBlock<'p> {
    /// Address without an instance key.
    pub(crate) address: Arc<str>,
    pub(crate) repeated: Repeated,
    pub(crate) instances: Vec<Rc<ResourceInstance<'p>>>,
}

impl<'p> ResourceBlock<'p> {
    /// The instance of a block that is not repeated.
    pub(crate) fn single(&self) -> Option<Rc<ResourceInstance<'p>>> {
        if self.repeated.is_single() { self.instances.first().cloned() } else { None }
    }
}

/// One instance of a resource.
pub(crate) struct ResourceInstance<'p> {
    pub(crate) address: Arc<str>,
    pub(crate) resource: &'p Resource,
    pub(crate) module: usize,
    pub(crate) repetition: Repetition,
    pub(super) members: RefCell<HashMap<Arc<str>, Slot>>,
}

/// A module call with its instances.
pub(crate) struct CallInstances<'p> {
    /// Address without an instance key: `module.vpc`.
    pub(crate) address: Arc<str>,
    pub(crate) block: &'p Arc<Block>,
    pub(crate) repeated: Repeated,
    /// Ids of the instances, one for each item of `repeated`; empty where the module is missing.
    pub(crate) children: Vec<usize>,
    /// Why the module is not here.
    pub(crate) missing: Option<Arc<str>>,
}

impl<'p> Evaluator<'p> {
    /// The instance of the root module.
    pub(crate) fn root_instance(&self, module: &'p Module) -> Rc<Instance<'p>> {
        self.add_instance(module, "".into(), String::new(), None, Vec::new())
    }

    fn add_instance(
        &self,
        module: &'p Module,
        prefix: Arc<str>,
        manifest_key: String,
        parent: Option<Parent<'p>>,
        via: Vec<Span>,
    ) -> Rc<Instance<'p>> {
        let mut instances = self.instances.borrow_mut();
        let instance = Rc::new(Instance {
            id: instances.len(),
            module,
            prefix,
            manifest_key,
            parent,
            via,
            variables: RefCell::default(),
            locals: RefCell::default(),
            outputs: RefCell::default(),
            resources: RefCell::default(),
            calls: RefCell::default(),
        });
        instances.push(Rc::clone(&instance));
        instance
    }

    pub(crate) fn instance(&self, id: usize) -> Option<Rc<Instance<'p>>> {
        self.instances.borrow().get(id).cloned()
    }

    /// Works out a value once. `None` where it is being worked out already.
    pub(super) fn once(
        &self,
        slots: &RefCell<HashMap<Arc<str>, Slot>>,
        name: &Arc<str>,
        work: impl FnOnce() -> Outcome,
    ) -> Option<Outcome> {
        match slots.borrow().get(name) {
            Some(Slot::Running) => return None,
            Some(Slot::Done(outcome)) => return Some(outcome.clone()),
            None => {}
        }
        slots.borrow_mut().insert(Arc::clone(name), Slot::Running);
        let outcome = work();
        slots.borrow_mut().insert(Arc::clone(name), Slot::Done(outcome.clone()));
        Some(outcome)
    }

    pub(super) fn variable(&self, instance: &Instance<'p>, name: &str, span: Span) -> Outcome {
        let Some((name, variable)) = instance.module.variables.get_key_value(name) else {
            // Like a resource that is declared elsewhere: what it stands for is not here, and it was named to set something.
            return Ok(undeclared(&format!("var.{name}"), span));
        };
        let label = format!("var.{name}");
        let outcome = self.once(&instance.variables, name, || {
            let evaluate = |expr: &super::Expr| self.value(expr, Scope::empty());
            let default = |reason: &str| match variable.block.body.attribute("default") {
                Some(attribute) => {
                    let value = self.eval(&attribute.expr, Scope::empty())?;
                    Ok(through(value, StepKind::VariableDefault, label.as_str(), attribute.expr.span, None))
                }
                None => Ok(Value::unknown(UnknownKind::Variable, format!("variable `{name}` {reason}"), variable.head())),
            };
            let given = match &instance.parent {
                None => {
                    self.given.get(name).map(|value| Ok(through(value.clone(), StepKind::VariableFile, label.as_str(), value.span, None)))
                }
                Some(parent) => parent.block.body.attribute(name).map(|attribute| {
                    let value = self.argument(parent, &attribute.expr)?;
                    Ok(through(value, StepKind::ModuleArgument, Arc::clone(&parent.address), attribute.expr.span, None))
                }),
            };
            let value = match given {
                None => default("has no value")?,
                Some(given) => {
                    let value = given?;
                    if value.is_null() && !variable.nullable { default("has no value")? } else { value }
                }
            };
            let place = value.span;
            let mut converted = match variable.kind.convert(value, &evaluate) {
                Ok(value) => value,
                Err(message) => {
                    let message = format!("the value of `{label}` does not have its type: {message}");
                    self.report(Level::Warning, "type-mismatch", place.or(variable.head()), message.as_str());
                    Value::unknown(UnknownKind::Invalid, message, place)
                }
            };
            converted.sensitive |= variable.sensitive;
            Ok(converted)
        });
        outcome.unwrap_or_else(|| Ok(self.cycle("cyclic-variable", &label, variable.head(), span)))
    }

    fn argument(&self, parent: &Parent<'p>, expr: &super::Expr) -> Outcome {
        let Some(above) = self.instance(parent.instance) else {
            return Err(EvalError::new("the calling module is gone", expr.span));
        };
        let scope = Scope { instance: Some(&above), repetition: Some(&parent.repetition), ..Scope::empty() };
        self.eval(expr, scope)
    }

    /// The unknown that stands for something that depends on itself, which is reported.
    fn cycle(&self, code: &'static str, what: &str, declared: Span, span: Span) -> Value {
        self.report(Level::Warning, code, declared, format!("`{what}` depends on itself"));
        Value::unknown(UnknownKind::Invalid, format!("`{what}` depends on itself"), span)
    }

    pub(super) fn local(&self, instance: &Instance<'p>, name: &str, span: Span) -> Outcome {
        let Some((name, attribute)) = instance.module.locals.get_key_value(name) else {
            return Ok(Value::unknown(UnknownKind::Invalid, format!("`local.{name}` is not declared"), span));
        };
        let outcome = self.once(&instance.locals, name, || {
            let scope = Scope { instance: Some(instance), ..Scope::empty() };
            let value = self.eval(&attribute.expr, scope)?;
            Ok(through(value, StepKind::Local, format!("local.{name}"), attribute.expr.span, None))
        });
        outcome.unwrap_or_else(|| Ok(self.cycle("cyclic-local", &format!("local.{name}"), attribute.name_span, span)))
    }

    /// How often a block is there.
    fn repeat(&self, block: &Block, scope: Scope<'_, 'p>) -> Repeated {
        let single =
            |repeats: bool, unknown: Option<Arc<Unknown>>, item: Repetition| Repeated { items: vec![item], named: false, unknown, repeats };
        if let Some(attribute) = block.body.attribute("for_each") {
            let collection = self.value(&attribute.expr, scope);
            let through_repeat = |value: Value, name: &str| through(value, StepKind::Repeat, name, attribute.expr.span, None);
            let mut items: Vec<(Arc<str>, Value, Value)> = Vec::new();
            match &collection.data {
                Data::Map(map) => {
                    for (key, entry) in map.iter() {
                        let value = super::inherit(&collection, &entry.value);
                        items.push((Arc::clone(key), Value::string(Arc::clone(key), entry.key), value));
                    }
                    items.sort_by(|a, b| a.0.cmp(&b.0));
                }
                // A set of strings; a list is refused by Terraform, but what it means is clear.
                Data::List(list) => {
                    for item in list.iter() {
                        match (crate::terraform::functions::to_text(item), &item.data) {
                            (Some(text), _) => {
                                let value = super::inherit(&collection, item);
                                if !items.iter().any(|other| other.0 == text) {
                                    items.push((text, value.clone(), value));
                                }
                            }
                            (None, Data::Unknown(unknown)) => {
                                let value = super::inherit(&collection, item);
                                let item = Repetition { key: Key::None, each: Some((value.clone(), value)), index: None };
                                return single(true, Some(Arc::clone(unknown)), item);
                            }
                            (None, _) => {
                                let error = EvalError::new(
                                    format!("`for_each` takes a map or a set of strings, not {}", describe(item)),
                                    attribute.expr.span,
                                );
                                self.invalid(&error, attribute.expr.span);
                            }
                        }
                        if items.len() > MAX_INSTANCES {
                            break;
                        }
                    }
                }
                Data::Unknown(unknown) => {
                    let part = || super::with_marks(derived(unknown, true, attribute.expr.span), std::iter::once(&collection), false);
                    let item =
                        Repetition { key: Key::None, each: Some((part(), Value { data: part_data(unknown), ..part() })), index: None };
                    return single(true, Some(Arc::clone(unknown)), item);
                }
                _ => {
                    let error = EvalError::new(
                        format!("`for_each` takes a map or a set of strings, not {}", describe(&collection)),
                        attribute.expr.span,
                    );
                    let value = self.invalid(&error, attribute.expr.span);
                    let unknown = value.as_unknown().cloned().map(Arc::new);
                    return single(true, unknown, Repetition { key: Key::None, each: Some((value.clone(), value)), index: None });
                }
            }
            self.check_count(items.len(), attribute.expr.span);
            let items = items
                .into_iter()
                .take(MAX_INSTANCES)
                .map(|(name, key, value)| Repetition {
                    key: Key::Name(name),
                    each: Some((through_repeat(key, "each.key"), through_repeat(value, "each.value"))),
                    index: None,
                })
                .collect();
            return Repeated { items, named: true, unknown: None, repeats: true };
        }
        let Some(attribute) = block.body.attribute("count") else {
            return single(false, None, Repetition::default());
        };
        let count = self.value(&attribute.expr, scope);
        let span = attribute.expr.span;
        let number = match (to_number(&count), &count.data) {
            (Some(Number::Int(number)), _) if number >= 0 => usize::try_from(number).unwrap_or(usize::MAX),
            (None, Data::Unknown(unknown)) => {
                let index = super::with_marks(derived(unknown, true, span), std::iter::once(&count), false);
                return single(true, Some(Arc::clone(unknown)), Repetition { key: Key::None, each: None, index: Some(index) });
            }
            // True and false as a number are what Terraform 0.11 had.
            _ => match count.data {
                Data::Bool(truth) => usize::from(truth),
                _ => {
                    let error = EvalError::new("`count` takes a whole number that is not negative", span);
                    let value = self.invalid(&error, span);
                    let unknown = value.as_unknown().cloned().map(Arc::new);
                    return single(true, unknown, Repetition { key: Key::None, each: None, index: Some(value) });
                }
            },
        };
        self.check_count(number, span);
        let items = (0..number.min(MAX_INSTANCES))
            .map(|index| {
                let value = Value::int(i64::try_from(index).unwrap_or(i64::MAX), span);
                Repetition { key: Key::Index(index), each: None, index: Some(through(value, StepKind::Repeat, "count.index", span, None)) }
            })
            .collect();
        Repeated { items, named: false, unknown: None, repeats: true }
    }

    fn check_count(&self, count: usize, span: Span) {
        if count > MAX_INSTANCES {
            self.report(
                Level::Error,
                "instance-limit",
                span,
                format!("more than {MAX_INSTANCES} instances; only the first {MAX_INSTANCES} are judged"),
            );
        }
    }

    /// The resource of a local address; `None` where nobody declares it.
    pub(super) fn resource_block(
        &self,
        instance: &Instance<'p>,
        local: &str,
        span: Span,
    ) -> Result<Option<Rc<ResourceBlock<'p>>>, EvalError> {
        match instance.module.resource_index.get(local) {
            Some(index) => self.resource_at(instance, *index, span).map(Some),
            None => Ok(None),
        }
    }

    /// The resource at a position of the module.
    pub(crate) fn resource_at(&self, instance: &Instance<'p>, index: usize, span: Span) -> Result<Rc<ResourceBlock<'p>>, EvalError> {
        match instance.resources.borrow().get(&index) {
            Some(Some(block)) => return Ok(Rc::clone(block)),
            Some(None) => return Err(EvalError::new("how often the resource is there depends on itself", span)),
            None => {}
        }
        let Some(resource) = instance.module.resources.get(index) else {
            return Err(EvalError::new("there is no such resource", span));
        };
        instance.resources.borrow_mut().insert(index, None);
        let repeated = self.repeat(&resource.block, Scope { instance: Some(instance), ..Scope::empty() });
        let address: Arc<str> = instance.address(&resource.local_address).into();
        let first = instance.module.resource_index.get(&resource.local_address) == Some(&index);
        let mut instances = Vec::with_capacity(repeated.items.len());
        for repetition in &repeated.items {
            let made = Rc::new(ResourceInstance {
                address: if repetition.key == Key::None {
                    Arc::clone(&address)
                } else {
                    format!("{address}{}", repetition.key.suffix()).into()
                },
                resource,
                module: instance.id,
                repetition: repetition.clone(),
                members: RefCell::default(),
            });
            if first {
                self.resources.borrow_mut().insert(Arc::clone(&made.address), Rc::clone(&made));
            }
            instances.push(made);
        }
        let block = Rc::new(ResourceBlock { address, repeated, instances });
        instance.resources.borrow_mut().insert(index, Some(Rc::clone(&block)));
        Ok(block)
    }

    /// The calls of that name; `None` where there is none.
    pub(crate) fn calls_of(&self, instance: &Instance<'p>, name: &str, span: Span) -> Result<Option<Rc<CallInstances<'p>>>, EvalError> {
        let Some((name, block)) = instance.module.calls.get_key_value(name) else { return Ok(None) };
        match instance.calls.borrow().get(name) {
            Some(Some(call)) => return Ok(Some(Rc::clone(call))),
            Some(None) => return Err(EvalError::new(format!("how often `module.{name}` is there depends on itself"), span)),
            None => {}
        }
        instance.calls.borrow_mut().insert(Arc::clone(name), None);
        let repeated = self.repeat(block, Scope { instance: Some(instance), ..Scope::empty() });
        let address: Arc<str> = instance.address(&format!("module.{name}")).into();
        let manifest_key = if instance.manifest_key.is_empty() { name.to_string() } else { format!("{}.{name}", instance.manifest_key) };
        let mut children = Vec::new();
        let mut missing = None;
        match self.module_of(instance, name, block, &manifest_key) {
            Ok(module) => {
                for repetition in &repeated.items {
                    let own: Arc<str> = format!("{address}{}", repetition.key.suffix()).into();
                    let mut via = instance.via.clone();
                    via.push(block.span);
                    let parent = Parent { instance: instance.id, block, repetition: repetition.clone(), address: Arc::clone(&own) };
                    let child = self.add_instance(module, format!("{own}.").into(), manifest_key.clone(), Some(parent), via);
                    children.push(child.id);
                }
            }
            Err(reason) => missing = Some(Arc::from(reason)),
        }
        let call = Rc::new(CallInstances { address, block, repeated, children, missing });
        instance.calls.borrow_mut().insert(Arc::clone(name), Some(Rc::clone(&call)));
        Ok(Some(call))
    }

    /// The module a call means, or why it is not here, which is reported.
    fn module_of(&self, instance: &Instance<'p>, name: &str, block: &'p Arc<Block>, manifest_key: &str) -> Result<&'p Module, String> {
        let Some(attribute) = block.body.attribute("source") else {
            let reason = format!("module `{name}` has no source");
            self.report(Level::Warning, "module-not-here", block.head, reason.as_str());
            return Err(reason);
        };
        let Some(source) = attribute.expr.as_literal() else {
            let reason = format!("the source of module `{name}` is not a plain text");
            self.report(Level::Note, "module-not-here", attribute.expr.span, reason.as_str());
            return Err(reason);
        };
        let local = path::is_local_source(source);
        let folder =
            if local { path::join(&instance.module.dir, source) } else { self.manifest.get(manifest_key).map(|dir| dir.to_string()) };
        let found = folder.as_deref().and_then(|folder| self.program.modules.get(folder));
        let Some(module) = found else {
            let reason = match (local, folder) {
                (true, None) => format!("module `{name}` is not here: `{source}` leads out of the repository"),
                (true, Some(_)) => format!("module `{name}` is not here: no configuration in `{source}`"),
                (false, _) => format!("module `{name}` is not here: source `{source}`"),
            };
            let level = if local { Level::Warning } else { Level::Note };
            self.report(level, "module-not-here", attribute.expr.span, reason.as_str());
            return Err(reason);
        };
        let mut above = Some(instance.id);
        let mut depth = 0;
        while let Some(ancestor) = above.and_then(|id| self.instance(id)) {
            depth += 1;
            if std::ptr::eq(ancestor.module, module) || depth > MAX_MODULE_DEPTH {
                let reason = if depth > MAX_MODULE_DEPTH {
                    format!("modules call each other more than {MAX_MODULE_DEPTH} deep")
                } else {
                    format!("module `{name}` calls itself: `{}`", relative(&self.root_dir, &module.dir))
                };
                self.report(Level::Error, "module-cycle", attribute.expr.span, reason.as_str());
                return Err(reason);
            }
            above = ancestor.parent.as_ref().map(|parent| parent.instance);
        }
        if self.instances.borrow().len() > MAX_MODULES {
            let reason = format!("the root has more than {MAX_MODULES} module instances");
            self.report(Level::Error, "instance-limit", block.head, reason.as_str());
            return Err(reason);
        }
        Ok(module)
    }

    /// An output of one instance of a call.
    pub(super) fn child_output(&self, call: &CallInstances<'p>, index: usize, name: &str, span: Span) -> Outcome {
        if let Some(reason) = &call.missing {
            let mut value = Value::unknown(UnknownKind::Module, Arc::clone(reason), span);
            value.origin = Value::reference(Arc::clone(&call.address), name, span).origin;
            return Ok(value);
        }
        let Some(child) = call.children.get(index).copied().and_then(|id| self.instance(id)) else {
            return Err(EvalError::new(format!("`{}` has no instance", call.address), span));
        };
        let Some((name, block)) = child.module.outputs.get_key_value(name) else {
            if child.module.partial {
                return Ok(Value::unknown(
                    UnknownKind::Invalid,
                    format!("`{}` has no output `{name}` in the part that could be read", call.address),
                    span,
                ));
            }
            return Err(EvalError::new(format!("`{}` has no output `{name}`", call.address), span));
        };
        let Some(attribute) = block.body.attribute("value") else {
            return Err(EvalError::new(format!("the output `{name}` has no value"), block.head));
        };
        let address = format!("{}{name}", child.prefix);
        let outcome = self.once(&child.outputs, name, || {
            let scope = Scope { instance: Some(&child), ..Scope::empty() };
            let value = self.eval(&attribute.expr, scope)?;
            let mut value = through(value, StepKind::Output, address.as_str(), attribute.expr.span, None);
            value.sensitive |= block.body.attribute("sensitive").is_some_and(|flag| matches!(flag.expr.kind, super::ExprKind::Bool(true)));
            Ok(value)
        });
        outcome.unwrap_or_else(|| Ok(self.cycle("cyclic-output", &address, block.head, span)))
    }
}

/// What is in an item of an unknown collection is as unknown as the collection, and may be null.
fn part_data(unknown: &Unknown) -> Data {
    Data::Unknown(Arc::new(Unknown { set: false, prefix: "".into(), suffix: "".into(), decoded: None, ..unknown.clone() }))
}
