//! The text of a plan to its resources: `planned_values` for what there will be, `resource_changes` for what is known and what is secret,
//! `prior_state` for data sources that were read, `configuration` for what is written.

use std::collections::{HashMap, HashSet};
use std::ops::Range;
use std::sync::Arc;

use probity_core::{Subject, SubjectKind};
use probity_value::{Data, FileId, Map, Span, UnknownKind, Value, json};
use rayon::prelude::*;

use super::address::{Address, Key};
use super::configuration::{From, Module, Resolver, is_argument, references_in};
use super::scan::{Member, items, members};
use super::shape::Shaper;

/// Modules of `planned_values` may be nested this deep.
const MAX_DEPTH: usize = 64;
/// Most resources of one plan that are judged.
pub(super) const MAX_SUBJECTS: usize = 100_000;

/// A plan that was read.
pub(super) struct Plan {
    /// Resources and data sources by instance, then providers and module calls. Their root is empty.
    pub(super) subjects: Vec<Subject>,
    /// By address, what is known only after apply and not written in the configuration: the provider's own business, or a `dynamic`
    /// block, which the plan does not show.
    pub(super) unwritten: HashMap<Arc<str>, Vec<Arc<str>>>,
    /// Addresses without keys of all blocks of the configuration; `None` where the plan holds no configuration.
    pub(super) written: Option<HashSet<String>>,
    /// Whether the plan says that it is about everything.
    pub(super) complete: bool,
    /// Resources beyond the limit.
    pub(super) left_out: usize,
}

/// Why a plan cannot be read.
pub(super) struct Broken {
    pub(super) message: String,
    pub(super) span: Span,
}

/// One resource, not yet made into a value.
struct Resource {
    address: Arc<str>,
    kind: Arc<str>,
    data: bool,
    head: Range<usize>,
    values: Range<usize>,
    sensitive: Option<Range<usize>>,
    unknown: Option<Range<usize>>,
}

/// One entry of `resource_changes`.
struct Change {
    resource: Resource,
    /// Whether it is gone afterwards.
    gone: bool,
    has_values: bool,
}

/// A subject, and what of it is known only after apply and not written.
struct Made {
    subject: Subject,
    unwritten: Vec<Arc<str>>,
}

struct Reader<'t> {
    text: &'t str,
    file: FileId,
}

/// Reads a plan.
pub(super) fn read(text: &str, file: FileId) -> Result<Plan, Broken> {
    let reader = Reader { text, file };
    let start = if text.starts_with('\u{feff}') { '\u{feff}'.len_utf8() } else { 0 };
    let top = reader.members(start..text.len())?;
    let find = |key: &str| top.iter().rev().find(|member| member.key == key).map(|member| member.value.clone());

    let mut changes: Vec<Change> = Vec::new();
    if let Some(range) = find("resource_changes").filter(|range| !reader.is_null(range)) {
        for range in reader.items(range)? {
            changes.extend(reader.change(range)?);
        }
    }
    let mut resources: Vec<Resource> = Vec::new();
    if let Some(root) = find("planned_values").and_then(|range| reader.member(range, "root_module")) {
        reader.module(root, 0, &mut |_| true, &mut resources)?;
    }
    let by_address: HashMap<Arc<str>, usize> =
        changes.iter().enumerate().map(|(at, change)| (Arc::clone(&change.resource.address), at)).collect();
    let mut seen: HashSet<Arc<str>> = HashSet::new();
    resources.retain(|resource| seen.insert(Arc::clone(&resource.address)));
    for resource in &mut resources {
        if let Some(change) = by_address.get(&resource.address).and_then(|at| changes.get(*at)) {
            resource.unknown.clone_from(&change.resource.unknown);
            resource.sensitive = change.resource.sensitive.clone().or(resource.sensitive.take());
        }
    }
    let gone: HashSet<Arc<str>> = changes.iter().filter(|change| change.gone).map(|change| Arc::clone(&change.resource.address)).collect();
    resources.retain(|resource| !gone.contains(&resource.address));
    for change in changes {
        if !change.gone && change.has_values && seen.insert(Arc::clone(&change.resource.address)) {
            resources.push(change.resource);
        }
    }
    let prior = find("prior_state").and_then(|range| reader.member(range, "values")).and_then(|range| reader.member(range, "root_module"));
    if let Some(root) = prior {
        let mut read = Vec::new();
        reader.module(root, 0, &mut |data| data, &mut read)?;
        resources.extend(read.into_iter().filter(|resource| seen.insert(Arc::clone(&resource.address))));
    }

    let configuration = match find("configuration").filter(|range| !reader.is_null(range)) {
        Some(range) => Some(reader.value(range)?),
        None => None,
    };
    let root = configuration.as_ref().and_then(|value| value.get("root_module")).map(|root| Module::read(root, 0));
    let written = root.as_ref().map(|root| {
        let mut blocks = Vec::new();
        root.blocks(&mut Vec::new(), &mut blocks);
        blocks.into_iter().collect()
    });
    let left_out = resources.len().saturating_sub(MAX_SUBJECTS);
    resources.truncate(MAX_SUBJECTS);
    let resolver = Resolver::new(root.unwrap_or_default(), resources.iter().map(|resource| Arc::clone(&resource.address)));
    let made: Result<Vec<Made>, Broken> = resources.par_iter().map(|resource| reader.subject(resource, &resolver)).collect();
    let mut unwritten = HashMap::new();
    let mut subjects = Vec::with_capacity(resources.len());
    for made in made? {
        if !made.unwritten.is_empty() {
            unwritten.insert(Arc::clone(&made.subject.id), made.unwritten);
        }
        subjects.push(made.subject);
    }
    if let Some(configuration) = &configuration {
        providers(configuration, &mut subjects);
        calls(&resolver.root, "", &mut subjects);
    }
    let complete = find("complete").is_some_and(|range| text.get(range) == Some("true"));
    Ok(Plan { subjects, unwritten, written, complete, left_out })
}

impl Reader<'_> {
    fn broken(&self, range: &Range<usize>, what: &str) -> Broken {
        Broken { message: format!("the plan is not valid: {what} expected"), span: Span::new(self.file, range.start..range.start) }
    }

    fn members(&self, range: Range<usize>) -> Result<Vec<Member<'_>>, Broken> {
        members(self.text, range.clone()).ok_or_else(|| self.broken(&range, "an object"))
    }

    fn items(&self, range: Range<usize>) -> Result<Vec<Range<usize>>, Broken> {
        items(self.text, range.clone()).ok_or_else(|| self.broken(&range, "a list"))
    }

    fn member(&self, range: Range<usize>, key: &str) -> Option<Range<usize>> {
        members(self.text, range)?.into_iter().rev().find(|member| member.key == key).map(|member| member.value)
    }

    fn is_null(&self, range: &Range<usize>) -> bool {
        self.text.get(range.clone()) == Some("null")
    }

    fn value(&self, range: Range<usize>) -> Result<Value, Broken> {
        let (value, problems) = json::parse_range(self.text, range, self.file);
        match problems.into_iter().find(|problem| problem.fatal) {
            Some(problem) => Err(Broken { message: format!("the plan is not valid: {}", problem.message), span: problem.span }),
            None => Ok(value),
        }
    }

    fn string(&self, range: Range<usize>) -> Result<Arc<str>, Broken> {
        let value = self.value(range.clone())?;
        value.as_str().map(Into::into).ok_or_else(|| self.broken(&range, "a text"))
    }

    fn change(&self, range: Range<usize>) -> Result<Option<Change>, Broken> {
        let (mut address, mut kind, mut data, mut change, mut deposed) = (None, None, false, None, false);
        for member in self.members(range.clone())? {
            match member.key {
                "address" => address = Some(member.value),
                "type" => kind = Some(member.value),
                "mode" => data = self.text.get(member.value) == Some("\"data\""),
                "deposed" => deposed = !self.is_null(&member.value),
                "change" => change = Some(member.value),
                _ => {}
            }
        }
        let (Some(head), Some(kind), Some(change)) = (address, kind, change) else {
            return Err(self.broken(&range, "a change with `address`, `type` and `change`"));
        };
        // An object that was replaced and is only still to be destroyed.
        if deposed {
            return Ok(None);
        }
        let mut found = Change {
            resource: Resource {
                address: self.string(head.clone())?,
                kind: self.string(kind)?,
                data,
                values: head.clone(),
                head,
                sensitive: None,
                unknown: None,
            },
            gone: false,
            has_values: false,
        };
        for member in self.members(change)? {
            match member.key {
                "actions" => {
                    let actions = self.value(member.value)?;
                    let actions: Vec<&str> = actions.as_list().unwrap_or_default().iter().filter_map(Value::as_str).collect();
                    found.gone = matches!(actions.as_slice(), ["delete" | "forget"]);
                }
                "after" => {
                    found.has_values = !self.is_null(&member.value);
                    found.resource.values = member.value;
                }
                "after_unknown" => found.resource.unknown = Some(member.value),
                "after_sensitive" => found.resource.sensitive = Some(member.value),
                _ => {}
            }
        }
        Ok(Some(found))
    }

    /// The resources of a module of `planned_values` or of a state, and of those in it.
    fn module(
        &self,
        range: Range<usize>,
        depth: usize,
        wanted: &mut dyn FnMut(bool) -> bool,
        out: &mut Vec<Resource>,
    ) -> Result<(), Broken> {
        if depth > MAX_DEPTH {
            return Err(Broken {
                message: format!("modules are nested more than {MAX_DEPTH} deep"),
                span: Span::new(self.file, range.start..range.start),
            });
        }
        for member in self.members(range)? {
            match member.key {
                "resources" if !self.is_null(&member.value) => {
                    for range in self.items(member.value)? {
                        out.extend(self.resource(range, wanted)?);
                    }
                }
                "child_modules" if !self.is_null(&member.value) => {
                    for range in self.items(member.value)? {
                        self.module(range, depth + 1, wanted, out)?;
                    }
                }
                _ => {}
            }
        }
        Ok(())
    }

    fn resource(&self, range: Range<usize>, wanted: &mut dyn FnMut(bool) -> bool) -> Result<Option<Resource>, Broken> {
        let (mut address, mut kind, mut data, mut values, mut sensitive) = (None, None, false, None, None);
        for member in self.members(range.clone())? {
            match member.key {
                "address" => address = Some(member.value),
                "type" => kind = Some(member.value),
                "mode" => data = self.text.get(member.value) == Some("\"data\""),
                "values" if !self.is_null(&member.value) => values = Some(member.value),
                "sensitive_values" => sensitive = Some(member.value),
                _ => {}
            }
        }
        if !wanted(data) {
            return Ok(None);
        }
        let (Some(head), Some(kind)) = (address, kind) else {
            return Err(self.broken(&range, "a resource with `address` and `type`"));
        };
        let (address, kind) = (self.string(head.clone())?, self.string(kind)?);
        let values = values.unwrap_or_else(|| head.clone());
        Ok(Some(Resource { address, kind, data, head, values, sensitive, unknown: None }))
    }

    fn subject(&self, resource: &Resource, resolver: &Resolver<'_>) -> Result<Made, Broken> {
        let parsed = Address::parse(&resource.address);
        let written = parsed.as_ref().and_then(|address| resolver.written(address));
        let (modules, key) = parsed.as_ref().map_or((&[][..], &Key::None), |address| (address.modules.as_slice(), &address.key));
        let shaper = Shaper { resolver, from: From { modules, key, block: written }, address: &resource.address };
        let value = self.value(resource.values.clone())?;
        let unknown = resource.unknown.clone().map(|range| self.value(range)).transpose()?;
        let sensitive = resource.sensitive.clone().map(|range| self.value(range)).transpose()?;
        let nothing = Value::map(Map::new(), Span::NONE);
        // Arguments that the plan does not list are left out by the provider's own business only where the configuration is there.
        let expressions = written.map(|written| written.get("expressions").unwrap_or(&nothing));
        let unwritten = expressions.map_or_else(Vec::new, |written| {
            let known = unknown.as_ref().and_then(Value::as_map).into_iter().flat_map(Map::iter);
            let hidden = known.filter(|(key, entry)| matches!(entry.value.data, Data::Bool(true)) && written.get(key).is_none());
            hidden.map(|(key, _)| Arc::clone(key)).collect()
        });
        let value = shaper.arguments(value, unknown.as_ref(), sensitive.as_ref(), expressions);
        let kind = if resource.data { format!("data.{}", resource.kind).into() } else { Arc::clone(&resource.kind) };
        let subject = Subject {
            kind: SubjectKind::Terraform,
            type_name: kind,
            id: Arc::clone(&resource.address),
            root: "".into(),
            span: Span::new(self.file, resource.values.clone()),
            head: Span::new(self.file, resource.head.clone()),
            value,
            via: Vec::new(),
        };
        Ok(Made { subject, unwritten })
    }
}

/// The value of a block that is written: constants, and unknowns for all else.
fn block(expressions: &Value, depth: usize) -> Value {
    if depth > MAX_DEPTH {
        return Value::unknown(UnknownKind::Limit, format!("blocks are nested more than {MAX_DEPTH} deep"), expressions.span);
    }
    let mut out = Map::new();
    for (key, entry) in expressions.as_map().into_iter().flat_map(Map::iter) {
        let value = match entry.value.as_list() {
            Some(blocks) => Value::list(blocks.iter().map(|one| block(one, depth + 1)).collect(), entry.value.span),
            None if is_argument(&entry.value) => constant(&entry.value),
            None => block(&entry.value, depth + 1),
        };
        out.insert(Arc::clone(key), entry.key, value);
    }
    Value::map(out, expressions.span)
}

/// The value of an argument, where the plan says it.
fn constant(expression: &Value) -> Value {
    if let Some(value) = expression.get("constant_value") {
        return value.clone();
    }
    let reason = match references_in(expression).first() {
        Some(name) => format!("the plan does not say what `{name}` is here"),
        None => "the plan does not say what it is".to_owned(),
    };
    Value::unknown(UnknownKind::Variable, reason, expression.span)
}

fn block_of(kind: String, id: String, place: &Value, value: Value) -> Subject {
    Subject {
        kind: SubjectKind::Terraform,
        type_name: kind.into(),
        id: id.into(),
        root: "".into(),
        span: place.span,
        head: Span { end: place.span.start.saturating_add(1).min(place.span.end), ..place.span },
        value,
        via: Vec::new(),
    }
}

/// Provider configurations. One without arguments may be none that is written: the plan lists every provider there is.
fn providers(configuration: &Value, out: &mut Vec<Subject>) {
    for (_, entry) in configuration.get("provider_config").and_then(Value::as_map).into_iter().flat_map(Map::iter) {
        let provider = &entry.value;
        let text = |key: &str| provider.get(key).and_then(Value::as_str);
        let (Some(name), Some(written)) = (text("name"), provider.get("expressions")) else { continue };
        let value = block(written, 0);
        let alias = text("alias").map(|alias| format!(".{alias}")).unwrap_or_default();
        let module = text("module_address").map(|module| format!("{module}.")).unwrap_or_default();
        out.push(block_of(format!("provider.{name}"), format!("{module}provider.{name}{alias}"), provider, value));
    }
}

/// Module calls.
fn calls(module: &Module<'_>, prefix: &str, out: &mut Vec<Subject>) {
    for (name, call) in &module.calls {
        let id = format!("{prefix}module.{name}");
        let mut value = call.value.get("expressions").map_or_else(|| Value::map(Map::new(), call.value.span), |inner| block(inner, 0));
        if let Data::Map(map) = &mut value.data {
            let map = Arc::make_mut(map);
            for (key, written) in [("source", "source"), ("version", "version_constraint")] {
                if let Some(entry) = call.value.as_map().and_then(|map| map.entry(written)) {
                    map.insert(key, entry.key, entry.value.clone());
                }
            }
        }
        out.push(block_of("module".to_owned(), id.clone(), call.value, value));
        calls(&call.module, &format!("{id}."), out);
    }
}
