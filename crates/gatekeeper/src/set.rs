//! Documents to policies: templates and constraints together, with expansion templates, mutators and the configuration.

use std::collections::BTreeMap;
use std::sync::Arc;

use probity_core::{Diagnostic, Level, Operation, PolicyContext, PolicyDocument, Request};
use probity_value::{SourceMap, Value};

use crate::action::EnforcementPoint;
use crate::constraint::{self, Checked, Constraint};
use crate::expansion::{self, Expanded, Expansion};
use crate::inventory::Cache;
use crate::matching::Glob;
use crate::read::{self, Fault};
use crate::template::{self, Template};

/// How policies are used.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub struct Options {
    /// Where they are enforced.
    pub point: EnforcementPoint,
}

/// Everything that was made of some documents.
#[derive(Debug, Default)]
pub struct Loaded {
    /// The constraints, in the order of the documents.
    pub constraints: Vec<Arc<Constraint>>,
    /// What there is to say. A document that is wrong is left out, the others are used.
    pub diagnostics: Vec<Diagnostic>,
    shared: Arc<Shared>,
}

/// What constraints of one set have in common.
#[derive(Debug, Default)]
pub(crate) struct Shared {
    pub(crate) point: EnforcementPoint,
    pub(crate) expansion: Expansion,
    pub(crate) inventory: Cache,
    /// Namespaces that are left alone here.
    pub(crate) exclusions: Vec<Glob>,
}

impl Shared {
    /// Whether the configuration leaves the namespace of a request alone.
    pub(crate) fn excludes(&self, request: &Request) -> bool {
        if self.exclusions.is_empty() {
            return false;
        }
        let is_namespace = *request.kind.kind == *"Namespace" && request.kind.group.is_empty();
        let name = if is_namespace { &request.name } else { &request.namespace };
        !name.is_empty() && self.exclusions.iter().any(|glob| glob.fits(name))
    }

    /// The objects that the object of a request will make.
    pub(crate) fn expand(&self, request: &Request, _context: &PolicyContext<'_>) -> Result<Vec<Expanded>, String> {
        if request.operation == Operation::Delete { Ok(Vec::new()) } else { self.expansion.expand(&request.object) }
    }
}

/// What a document is to Gatekeeper.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Role {
    /// A constraint template.
    Template,
    /// A constraint.
    Constraint,
    /// An expansion template.
    Expansion,
    /// A mutator: `Assign`, `AssignMetadata`, `ModifySet`, `AssignImage`.
    Mutator,
    /// The configuration: `Config`.
    Config,
    /// Something else of Gatekeeper that judges nothing: `SyncSet`, `Provider`, a suite, a status.
    Other,
}

/// What a document is to Gatekeeper; nothing where it is none of its kinds.
#[must_use]
pub fn role(value: &Value) -> Option<Role> {
    let (group, kind) = (read::group_of(value), read::kind_of(value));
    match group {
        template::GROUP if kind == "ConstraintTemplate" => Some(Role::Template),
        constraint::GROUP if !kind.is_empty() => Some(Role::Constraint),
        expansion::GROUP if kind == "ExpansionTemplate" => Some(Role::Expansion),
        "mutations.gatekeeper.sh" if matches!(kind, "Assign" | "AssignMetadata" | "ModifySet" | "AssignImage") => Some(Role::Mutator),
        "config.gatekeeper.sh" if kind == "Config" => Some(Role::Config),
        _ if group == "gatekeeper.sh" || group.ends_with(".gatekeeper.sh") => Some(Role::Other),
        _ => None,
    }
}

/// Compiles the documents that are Gatekeeper's; others are passed over.
#[must_use]
pub fn load(documents: &[PolicyDocument], sources: &SourceMap, options: &Options) -> Loaded {
    let mut loader = Loader { sources, options: *options, diagnostics: Vec::new() };
    let mut templates = BTreeMap::new();
    let with_role = |wanted: Role| documents.iter().filter(move |document| role(&document.value) == Some(wanted));
    for document in with_role(Role::Template) {
        loader.template(document, &mut templates);
    }
    let mut expansions = Vec::new();
    let mut exclusions = Vec::new();
    for document in with_role(Role::Expansion) {
        let found =
            loader.with_warnings(document, |_, warnings| expansion::Template::read(&document.value, warnings).map_err(|fault| vec![fault]));
        expansions.extend(found.map(|template| (document, template)));
    }
    for document in with_role(Role::Config) {
        exclusions
            .extend(loader.with_warnings(document, |loader, warnings| loader.exclusions(&document.value, warnings)).into_iter().flatten());
    }
    let expansion = loader.expansion(expansions);
    let shared = Arc::new(Shared { point: options.point, expansion, inventory: Cache::default(), exclusions });
    let mut constraints: Vec<(Arc<str>, Arc<str>, Arc<Constraint>)> = Vec::new();
    for document in with_role(Role::Constraint) {
        let Some(checked) = loader.constraint(document, &templates) else { continue };
        let (kind, name) = checked.key();
        let constraint = Arc::new(checked.bind(&shared));
        match constraints.iter_mut().find(|(known_kind, known_name, _)| *known_kind == kind && *known_name == name) {
            None => constraints.push((kind, name, constraint)),
            Some(known) => {
                let message = format!("the constraint `{kind}` `{name}` is defined twice; the later one counts");
                loader.warn(document, "gatekeeper-twice", message);
                known.2 = constraint;
            }
        }
    }
    let constraints = constraints.into_iter().map(|(_, _, constraint)| constraint).collect();
    Loaded { constraints, diagnostics: loader.diagnostics, shared }
}

impl Loaded {
    /// The objects that an object will make, as the expansion templates say.
    #[must_use]
    pub fn expansion(&self) -> &Expansion {
        &self.shared.expansion
    }
}

/// Why a template is not there.
#[derive(Debug)]
pub(crate) enum Known {
    Good(Arc<Template>),
    /// It is there, but wrong.
    Broken,
}

struct Loader<'a> {
    sources: &'a SourceMap,
    options: Options,
    diagnostics: Vec<Diagnostic>,
}

impl Loader<'_> {
    fn with_warnings<T>(
        &mut self,
        document: &PolicyDocument,
        read: impl FnOnce(&mut Self, &mut Vec<Fault>) -> Result<T, Vec<Fault>>,
    ) -> Option<T> {
        let mut warnings = Vec::new();
        let result = read(self, &mut warnings);
        let file = &document.file;
        self.diagnostics.extend(warnings.into_iter().map(|fault| fault.diagnostic(Level::Warning, file)));
        match result {
            Ok(value) => Some(value),
            Err(faults) => {
                let placed = |mut fault: Fault| {
                    fault.at = fault.at.or(document.value.span);
                    fault.diagnostic(Level::Error, file)
                };
                self.diagnostics.extend(faults.into_iter().map(placed));
                None
            }
        }
    }

    fn warn(&mut self, document: &PolicyDocument, code: &'static str, message: String) {
        self.diagnostics.push(Fault::new(code, document.value.span, message).diagnostic(Level::Warning, &document.file));
    }

    fn template(&mut self, document: &PolicyDocument, templates: &mut BTreeMap<String, Known>) {
        let sources = self.sources;
        let found = self.with_warnings(document, |_, warnings| Template::read(&document.value, &document.file, sources, warnings));
        let (name, known) = match found {
            Some(template) => (template.kind.to_lowercase(), Known::Good(Arc::new(template))),
            None => (read::name_of(&document.value).to_lowercase(), Known::Broken),
        };
        if templates.contains_key(&name) {
            self.warn(document, "gatekeeper-twice", format!("the template `{name}` is defined twice; the later one counts"));
        }
        templates.insert(name, known);
    }

    fn constraint(&mut self, document: &PolicyDocument, templates: &BTreeMap<String, Known>) -> Option<Checked> {
        let value = &document.value;
        let kind = read::kind_of(value);
        let kind_at = value.get("kind").map_or(value.span, |kind| kind.span);
        let point = self.options.point;
        self.with_warnings(document, |_, warnings| {
            let missing = |message: String| Err(vec![Fault::new("gatekeeper-no-template", kind_at, message)]);
            match templates.get(&kind.to_lowercase()) {
                None => missing(format!("there is no template `{}` for this constraint", kind.to_lowercase())),
                Some(Known::Broken) => missing(format!("the template of `{kind}` is wrong, so this constraint judges nothing")),
                Some(Known::Good(template)) => Checked::read(value, template, point, warnings).map_err(|refusal| refusal.faults),
            }
        })
    }

    fn expansion(&mut self, templates: Vec<(&PolicyDocument, expansion::Template)>) -> Expansion {
        let mut kept: Vec<(&PolicyDocument, expansion::Template)> = Vec::new();
        for (document, template) in templates {
            match kept.iter_mut().find(|(_, known)| known.name == template.name) {
                None => kept.push((document, template)),
                Some(known) => {
                    self.diagnostics.push(
                        Fault::new(
                            "gatekeeper-twice",
                            template.at,
                            format!("the expansion template `{}` is defined twice; the later one counts", template.name),
                        )
                        .diagnostic(Level::Warning, &document.file),
                    );
                    *known = (document, template);
                }
            }
        }
        let files: Vec<(Arc<str>, Arc<str>)> =
            kept.iter().map(|(document, template)| (Arc::clone(&template.name), Arc::clone(&document.file))).collect();
        let (expansion, faults) = Expansion::of(kept.into_iter().map(|(_, template)| template).collect());
        for (name, fault) in faults {
            let file = files.iter().find(|(known, _)| *known == name).map(|(_, file)| Arc::clone(file)).unwrap_or_default();
            self.diagnostics.push(fault.diagnostic(Level::Error, &file));
        }
        expansion
    }

    /// Namespaces that the configuration leaves alone at this point.
    fn exclusions(&mut self, value: &Value, warnings: &mut Vec<Fault>) -> Result<Vec<Glob>, Vec<Fault>> {
        const CODE: &str = "gatekeeper-config";
        let process = match self.options.point {
            EnforcementPoint::Webhook => "webhook",
            EnforcementPoint::Audit => "audit",
            EnforcementPoint::Gator | EnforcementPoint::Policy => return Ok(Vec::new()),
        };
        let mut out = Vec::new();
        let list = read::at_path(value, &["spec", "match"]).filter(|list| !list.is_null());
        let Some(list) = list else { return Ok(out) };
        let mut add = |item: &Value| {
            let map = read::map(item, "match", CODE)?;
            let processes = read::texts_field(map, "processes", CODE, warnings)?;
            if processes.iter().any(|name| **name == *"*" || **name == *process) {
                out.extend(read::texts_field(map, "excludedNamespaces", CODE, warnings)?.into_iter().map(Glob::new));
            }
            Ok::<(), Fault>(())
        };
        read::list(list, "match", CODE).and_then(|items| items.iter().try_for_each(&mut add)).map_err(|fault| vec![fault])?;
        Ok(out)
    }
}
