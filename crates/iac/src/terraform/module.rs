//! A folder of configuration files as one module: what is declared in it, overrides merged, nothing evaluated yet.

use std::collections::HashMap;
use std::sync::Arc;

use indexmap::IndexMap;
use probity_core::{Diagnostic, Level};
use probity_value::Span;

use super::syntax::{Attribute, Block, Body};
use super::types::Type;

/// One folder of configuration files.
#[derive(Debug, Default)]
pub(crate) struct Module {
    /// The folder, relative to the top of the tree, empty for the top.
    pub(crate) dir: Arc<str>,
    pub(crate) variables: IndexMap<Arc<str>, Variable>,
    pub(crate) locals: IndexMap<Arc<str>, Attribute>,
    pub(crate) outputs: IndexMap<Arc<str>, Arc<Block>>,
    /// Resources, data sources and ephemeral resources in the order they were written.
    pub(crate) resources: Vec<Resource>,
    /// Position of a resource by its address in the module.
    pub(crate) resource_index: HashMap<Arc<str>, usize>,
    pub(crate) calls: IndexMap<Arc<str>, Arc<Block>>,
    pub(crate) providers: Vec<Arc<Block>>,
    /// `terraform` blocks.
    pub(crate) settings: Vec<Arc<Block>>,
    /// Whether part of a file could not be read, so that something may be declared that is not seen.
    pub(crate) partial: bool,
}

/// A variable.
#[derive(Debug)]
pub(crate) struct Variable {
    pub(crate) block: Arc<Block>,
    pub(crate) kind: Type,
    pub(crate) nullable: bool,
    pub(crate) sensitive: bool,
}

/// A resource, data source or ephemeral resource.
#[derive(Debug)]
pub(crate) struct Resource {
    pub(crate) mode: Mode,
    pub(crate) kind: Arc<str>,
    /// `type.name`, with `data.` or `ephemeral.` before it.
    pub(crate) local_address: Arc<str>,
    pub(crate) block: Arc<Block>,
}

/// What kind of thing a resource is.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Mode {
    Managed,
    Data,
    Ephemeral,
}

impl Mode {
    /// What stands before type and name in an address.
    pub(crate) fn prefix(self) -> &'static str {
        match self {
            Mode::Managed => "",
            Mode::Data => "data.",
            Mode::Ephemeral => "ephemeral.",
        }
    }
}

/// A parsed configuration file.
pub(crate) struct ConfigFile {
    pub(crate) path: Arc<str>,
    pub(crate) body: Body,
    /// Whether part of it could not be read.
    pub(crate) partial: bool,
}

impl Module {
    /// The module of the files of one folder, in the order Terraform reads them.
    pub(crate) fn new(dir: Arc<str>, files: &[&ConfigFile], diagnostics: &mut Vec<Diagnostic>) -> Module {
        let mut module = Module { dir, ..Module::default() };
        let (overrides, plain): (Vec<&ConfigFile>, Vec<&ConfigFile>) = files.iter().partition(|file| is_override(&file.path));
        for file in &plain {
            module.partial |= file.partial;
            for attribute in &file.body.attributes {
                diagnostics.push(Diagnostic::new(
                    Level::Warning,
                    "unknown-block",
                    Arc::clone(&file.path),
                    attribute.name_span,
                    format!("`{}` means nothing outside of a block", attribute.name),
                ));
            }
            for block in &file.body.blocks {
                module.add(block, file, diagnostics);
            }
        }
        for file in &overrides {
            module.partial |= file.partial;
            for block in &file.body.blocks {
                module.merge(block, file, diagnostics);
            }
        }
        module
    }

    fn add(&mut self, block: &Arc<Block>, file: &ConfigFile, diagnostics: &mut Vec<Diagnostic>) {
        let mut report = |code: &'static str, message: String| {
            diagnostics.push(Diagnostic::new(Level::Warning, code, Arc::clone(&file.path), block.head, message));
        };
        let labels = match &*block.kind {
            "resource" | "data" | "ephemeral" => 2,
            "variable" | "output" | "module" | "provider" => 1,
            "locals" | "terraform" => 0,
            "moved" | "import" | "removed" | "check" | "language" => return,
            kind => {
                report("unknown-block", format!("`{kind}` is not a block of Terraform"));
                return;
            }
        };
        if block.labels.len() != labels {
            report("unknown-block", format!("a block `{}` has {labels} labels, not {}", block.kind, block.labels.len()));
        }
        let (Some(first), second) = (block.label(0).cloned().or_else(|| (labels == 0).then(|| "".into())), block.label(1)) else {
            return;
        };
        match &*block.kind {
            "resource" | "data" | "ephemeral" => {
                let Some(name) = second else { return };
                let mode = match &*block.kind {
                    "resource" => Mode::Managed,
                    "data" => Mode::Data,
                    _ => Mode::Ephemeral,
                };
                let local_address: Arc<str> = format!("{}{first}.{name}", mode.prefix()).into();
                if self.resource_index.contains_key(&local_address) {
                    report("duplicate-block", format!("`{local_address}` is declared twice"));
                } else {
                    self.resource_index.insert(Arc::clone(&local_address), self.resources.len());
                }
                self.resources.push(Resource { mode, kind: first, local_address, block: Arc::clone(block) });
            }
            "variable" => {
                if self.variables.contains_key(&first) {
                    report("duplicate-block", format!("the variable `{first}` is declared twice"));
                    return;
                }
                let variable = Variable::new(block, &mut report);
                self.variables.insert(first, variable);
            }
            "output" => {
                if self.outputs.contains_key(&first) {
                    report("duplicate-block", format!("the output `{first}` is declared twice"));
                    return;
                }
                self.outputs.insert(first, Arc::clone(block));
            }
            "module" => {
                if self.calls.contains_key(&first) {
                    report("duplicate-block", format!("`module.{first}` is declared twice; only the first is seen"));
                    return;
                }
                self.calls.insert(first, Arc::clone(block));
            }
            "provider" => self.providers.push(Arc::clone(block)),
            "terraform" => self.settings.push(Arc::clone(block)),
            _ => {
                for attribute in &block.body.attributes {
                    if self.locals.insert(Arc::clone(&attribute.name), attribute.clone()).is_some() {
                        report("duplicate-block", format!("`local.{}` is declared twice; the last one counts here", attribute.name));
                    }
                }
            }
        }
    }

    /// Merges a block of an override file into the one it names; one that names none is added.
    fn merge(&mut self, block: &Arc<Block>, file: &ConfigFile, diagnostics: &mut Vec<Diagnostic>) {
        let same = |other: &Block| other.labels.iter().map(|label| &label.text).eq(block.labels.iter().map(|label| &label.text));
        let slot: Option<&mut Arc<Block>> = match &*block.kind {
            "resource" | "data" | "ephemeral" => {
                self.resources.iter_mut().map(|resource| &mut resource.block).find(|other| other.kind == block.kind && same(other))
            }
            "output" => block.label(0).and_then(|name| self.outputs.get_mut(name)),
            "module" => block.label(0).and_then(|name| self.calls.get_mut(name)),
            "provider" => {
                let alias = |block: &Block| block.body.attribute("alias").and_then(|alias| alias.expr.as_literal().cloned());
                self.providers.iter_mut().find(|other| same(other) && alias(other) == alias(block))
            }
            "variable" => {
                if let Some(variable) = block.label(0).and_then(|name| self.variables.get_mut(name)) {
                    *variable = Variable::new(&Arc::new(merged(&variable.block, block)), &mut |code, message| {
                        diagnostics.push(Diagnostic::new(Level::Warning, code, Arc::clone(&file.path), block.head, message));
                    });
                    return;
                }
                None
            }
            "locals" => {
                for attribute in &block.body.attributes {
                    self.locals.insert(Arc::clone(&attribute.name), attribute.clone());
                }
                return;
            }
            _ => None,
        };
        match slot {
            Some(slot) => *slot = Arc::new(merged(slot, block)),
            None => self.add(block, file, diagnostics),
        }
    }
}

impl Variable {
    fn new(block: &Arc<Block>, report: &mut dyn FnMut(&'static str, String)) -> Variable {
        let flag = |name: &str| {
            block.body.attribute(name).and_then(|attribute| match attribute.expr.kind {
                super::syntax::ExprKind::Bool(value) => Some(value),
                _ => None,
            })
        };
        let kind = match block.body.attribute("type").map(|attribute| Type::read(&attribute.expr)) {
            None => Type::Any,
            Some(Ok(kind)) => kind,
            Some(Err(message)) => {
                report("type-constraint", format!("the type of `{}` cannot be read: {message}", block.label(0).map_or("", |name| name)));
                Type::Any
            }
        };
        Variable {
            block: Arc::clone(block),
            kind,
            nullable: flag("nullable").unwrap_or(true),
            sensitive: flag("sensitive").unwrap_or(false),
        }
    }

    /// Its name and type: the place to point at.
    pub(crate) fn head(&self) -> Span {
        self.block.head
    }
}

/// An argument of the override takes the place of the same argument; its blocks take the place of all blocks of their kind.
fn merged(base: &Block, over: &Block) -> Block {
    let mut attributes: Vec<Attribute> =
        base.body.attributes.iter().filter(|attribute| over.body.attribute(&attribute.name).is_none()).cloned().collect();
    attributes.extend(over.body.attributes.iter().cloned());
    let kind = |block: &Block| match (&*block.kind, block.label(0)) {
        ("dynamic", Some(label)) => Arc::clone(label),
        _ => Arc::clone(&block.kind),
    };
    let replaced: Vec<Arc<str>> = over.body.blocks.iter().map(|block| kind(block)).collect();
    let mut blocks: Vec<Arc<Block>> = base.body.blocks.iter().filter(|block| !replaced.contains(&kind(block))).cloned().collect();
    blocks.extend(over.body.blocks.iter().cloned());
    Block { kind: Arc::clone(&base.kind), labels: base.labels.clone(), body: Body { attributes, blocks }, span: base.span, head: base.head }
}

/// Whether a path is that of an override file: `override.tf`, `x_override.tf.json`.
fn is_override(path: &str) -> bool {
    let name = path.rsplit('/').next().unwrap_or(path);
    let stem = name.split('.').next().unwrap_or(name);
    stem == "override" || stem.ends_with("_override")
}
