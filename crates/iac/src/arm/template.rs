//! The resources of a template: which there are, what they are called, and their values.

use std::collections::HashMap;
use std::rc::Rc;
use std::sync::Arc;

use probity_core::{Diagnostic, Level, Subject, SubjectKind};
use probity_value::{Data, Map, Span, UnknownKind, Value};

use super::scope::{Given, MAX_COPIES, Secret, Shared, Template, entry, get, naming, round};
use crate::azure::eval::Budget;
use crate::azure::{Locals, canonical, spelled};

/// Most resources of one file.
const MAX_RESOURCES: usize = 20_000;
/// How deep templates and resources may be nested in each other.
const MAX_NESTING: usize = 16;

/// Keys of a resource in the spelling of rules.
const KEYS: &[&str] = &[
    "apiVersion",
    "comments",
    "condition",
    "copy",
    "dependsOn",
    "extendedLocation",
    "identity",
    "kind",
    "location",
    "managedBy",
    "metadata",
    "name",
    "plan",
    "properties",
    "resources",
    "scope",
    "sku",
    "tags",
    "type",
    "zones",
];

/// What one file gave.
#[derive(Default)]
pub(super) struct Outcome {
    pub(super) subjects: Vec<Subject>,
    pub(super) diagnostics: Vec<Diagnostic>,
    /// The blocks of all resources, also of those that are not judged.
    pub(super) blocks: Vec<Span>,
}

/// A resource that will be judged.
struct Planned {
    json: Value,
    scope: Rc<Template>,
    locals: Locals,
    type_name: Arc<str>,
    /// The whole name, unknown parts in braces.
    name: String,
    id: Arc<str>,
    parent: Option<Arc<str>>,
    via: Vec<Span>,
}

struct Planner<'p> {
    path: &'p Arc<str>,
    shared: Rc<Shared>,
    planned: Vec<Planned>,
    /// Parameters whose values are secrets.
    secrets: Vec<(Secret, Vec<Span>)>,
    used: HashMap<Arc<str>, usize>,
    out: Outcome,
    full: bool,
}

/// What a nested resource takes from the one around it.
#[derive(Clone, Copy)]
struct Around<'a> {
    type_name: &'a str,
    name: &'a str,
    id: &'a Arc<str>,
}

/// Where a list of resources stands.
struct Place<'a> {
    scope: &'a Rc<Template>,
    locals: &'a Locals,
    around: Option<Around<'a>>,
    via: &'a [Span],
    depth: usize,
}

/// Works out one template file. `given` are the values of its parameters file.
pub(super) fn evaluate(path: &Arc<str>, template: &Value, given: Option<Arc<Map>>, steps: u64) -> Outcome {
    let shared = Rc::new(Shared { budget: Budget::new(steps), index: std::cell::RefCell::default(), wrong: std::cell::RefCell::default() });
    let scope = Template::new(template, given.map_or(Given::Nothing, Given::File), &shared);
    let mut planner =
        Planner { path, shared, planned: Vec::new(), secrets: Vec::new(), used: HashMap::new(), out: Outcome::default(), full: false };
    planner.template(template, &scope, &[], 0);
    planner.finish()
}

impl Planner<'_> {
    fn say(&mut self, level: Level, code: &'static str, span: Span, message: impl Into<String>) {
        self.out.diagnostics.push(Diagnostic::new(level, code, Arc::clone(self.path), span, message));
    }

    fn template(&mut self, template: &Value, scope: &Rc<Template>, via: &[Span], depth: usize) {
        for secret in scope.secrets() {
            self.secrets.push((secret, via.to_vec()));
        }
        if let Some(resources) = get(template, "resources") {
            self.resources(resources, &Place { scope, locals: &None, around: None, via, depth });
        }
    }

    fn resources(&mut self, resources: &Value, place: &Place<'_>) {
        if place.depth > MAX_NESTING {
            self.say(Level::Error, "arm-nesting", resources.span, "resources are nested too deep, so they are not judged");
            return;
        }
        match &resources.data {
            Data::List(items) => {
                for item in items.iter() {
                    self.resource(item, None, place);
                }
            }
            Data::Map(map) => {
                for (symbol, entry) in map.iter() {
                    self.resource(&entry.value, Some(symbol), place);
                }
            }
            _ => self.say(Level::Warning, "arm-resource", resources.span, "the resources are no list, so they are not judged"),
        }
    }

    fn resource(&mut self, json: &Value, symbol: Option<&Arc<str>>, place: &Place<'_>) {
        let Some(map) = json.as_map() else {
            self.say(Level::Warning, "arm-resource", json.span, "the resource is no object, so it is not judged");
            return;
        };
        if get(json, "existing").and_then(Value::as_bool) == Some(true) {
            return;
        }
        self.out.blocks.push(json.span);
        let copy = entry(map, "copy").map(|entry| &entry.value).filter(|copy| copy.as_map().is_some());
        let Some(copy) = copy else {
            self.instance(json, symbol, place);
            return;
        };
        let name = get(copy, "name").and_then(Value::as_str).unwrap_or_default();
        let count = get(copy, "count").map(|count| place.scope.value(count, place.locals));
        let one = |index: Value| round(name, index, place.locals);
        match count.as_ref().and_then(Value::as_int) {
            Some(count) => {
                if count > MAX_COPIES {
                    let message = format!("the loop has {count} rounds; only the first {MAX_COPIES} are judged");
                    self.say(Level::Error, "arm-copies", copy.span, message);
                }
                for at in 0..count.min(MAX_COPIES) {
                    self.instance(json, symbol, &Place { locals: &one(Value::int(at, copy.span)), via: place.via, ..*place });
                }
            }
            None => {
                let index = Value::unknown(UnknownKind::Variable, "how many copies there are is not known", copy.span);
                self.instance(json, symbol, &Place { locals: &one(index), via: place.via, ..*place });
            }
        }
    }

    fn instance(&mut self, json: &Value, symbol: Option<&Arc<str>>, place: &Place<'_>) {
        if self.planned.len() >= MAX_RESOURCES {
            if !std::mem::replace(&mut self.full, true) {
                let message = format!("more than {MAX_RESOURCES} resources in one file; the rest is not judged");
                self.say(Level::Error, "arm-resources", json.span, message);
            }
            return;
        }
        let (scope, locals) = (place.scope, place.locals);
        let condition = get(json, "condition").map(|condition| scope.value(condition, locals));
        let no = |value: &Value| value.as_bool() == Some(false) || value.as_str().is_some_and(|word| word.eq_ignore_ascii_case("false"));
        if condition.as_ref().is_some_and(no) {
            return;
        }
        let own_type = get(json, "type").map(|value| scope.value(value, locals));
        let Some(own_type) = own_type.as_ref().and_then(Value::as_str) else {
            self.say(Level::Warning, "arm-resource", json.span, "the type of the resource is not known, so it is not judged");
            return;
        };
        // Symbolic resources may have their version behind their type.
        let own_type = own_type.split_once('@').map_or(own_type, |(name, _)| name);
        let own_name = get(json, "name").map_or_else(String::new, |name| scope.symbol(name, locals));
        let (type_name, name) = match place.around {
            Some(around) => within(around, own_type, &own_name),
            None => (own_type.to_owned(), own_name),
        };
        let type_name = canonical(&type_name);
        let id = self.id(&type_name, &name);
        self.shared.index.borrow_mut().add(&type_name, &name, &id);
        if let Some(symbol) = symbol {
            self.shared.index.borrow_mut().add_symbol(symbol, &id);
        }
        self.planned.push(Planned {
            json: json.clone(),
            scope: Rc::clone(scope),
            locals: locals.clone(),
            type_name: Arc::clone(&type_name),
            name: name.clone(),
            id: Arc::clone(&id),
            parent: place.around.map(|around| Arc::clone(around.id)),
            via: place.via.to_vec(),
        });
        if let Some(nested) = get(json, "resources") {
            let around = Around { type_name: &type_name, name: &name, id: &id };
            self.resources(nested, &Place { around: Some(around), depth: place.depth + 1, ..*place });
        }
        self.inner(json, &type_name, place);
    }

    /// Templates inside of deployments and template specs.
    fn inner(&mut self, json: &Value, type_name: &str, place: &Place<'_>) {
        let Some(properties) = get(json, "properties") else { return };
        let via: Vec<Span> = place.via.iter().copied().chain([json.span]).collect();
        let depth = place.depth + 1;
        if type_name == "Microsoft.Resources/templateSpecs/versions" {
            if let Some(template) = get(properties, "mainTemplate").filter(|template| template.as_map().is_some()) {
                let scope = Template::new(template, Given::Nothing, &self.shared);
                self.template(template, &scope, &via, depth);
            }
            return;
        }
        if type_name != "Microsoft.Resources/deployments" {
            return;
        }
        let Some(template) = get(properties, "template").filter(|template| template.as_map().is_some()) else {
            if let Some(link) = get(properties, "templateLink") {
                self.say(Level::Note, "arm-linked-template", link.span, "the linked template is not read from here");
            }
            return;
        };
        let inner = get(properties, "expressionEvaluationOptions")
            .and_then(|options| get(options, "scope"))
            .map(|scope| place.scope.value(scope, place.locals))
            .is_some_and(|scope| scope.as_str().is_some_and(|word| word.eq_ignore_ascii_case("inner")));
        if !inner {
            if let Some(resources) = get(template, "resources") {
                self.resources(resources, &Place { around: None, via: &via, depth, ..*place });
            }
            return;
        }
        let values = match get(properties, "parameters").map(|values| &values.data) {
            Some(Data::Map(values)) => Arc::clone(values),
            _ => Arc::default(),
        };
        let given = Given::Passed { values, scope: Rc::clone(place.scope), locals: place.locals.clone() };
        let scope = Template::new(template, given, &self.shared);
        self.template(template, &scope, &via, depth);
    }

    /// An id that no other resource of the file has.
    fn id(&mut self, type_name: &str, name: &str) -> Arc<str> {
        let plain: Arc<str> = address(type_name, name).into();
        let count = self.used.entry(Arc::clone(&plain)).or_insert(0);
        *count += 1;
        if *count == 1 { plain } else { format!("{plain}#{count}").into() }
    }

    fn finish(mut self) -> Outcome {
        for planned in &self.planned {
            planned.scope.forget();
        }
        let root = Arc::clone(self.path);
        for (Secret { name, key, kind, value }, via) in std::mem::take(&mut self.secrets) {
            let id = self.id("parameters", &name);
            self.out.subjects.push(Subject {
                kind: SubjectKind::Arm,
                type_name: kind.into(),
                id,
                root: Arc::clone(&root),
                span: key.join(value.span),
                head: key,
                value,
                via,
            });
        }
        for planned in std::mem::take(&mut self.planned) {
            let head = get(&planned.json, "name").or_else(|| get(&planned.json, "type")).map_or(planned.json.span, |value| value.span);
            let value = self.shared.budget.bounded(resource_value(&planned, &self.shared));
            self.out.subjects.push(Subject {
                kind: SubjectKind::Arm,
                type_name: planned.type_name,
                id: planned.id,
                root: Arc::clone(&root),
                span: planned.json.span,
                head,
                value,
                via: planned.via,
            });
        }
        let wrong = std::mem::take(&mut *self.shared.wrong.borrow_mut());
        for (span, reason) in wrong {
            self.say(Level::Warning, "arm-expression", span, reason);
        }
        self.out
    }
}

/// The type and name of a resource inside another.
fn within(around: Around<'_>, own_type: &str, own_name: &str) -> (String, String) {
    let starts = |text: &str, with: &str| {
        text.get(..with.len()).is_some_and(|start| start.eq_ignore_ascii_case(with)) && text.as_bytes().get(with.len()) == Some(&b'/')
    };
    let provider = own_type.split('/').next().unwrap_or_default();
    let type_name = if starts(own_type, around.type_name) || provider.contains('.') {
        own_type.to_owned()
    } else {
        format!("{}/{own_type}", around.type_name)
    };
    let name = if starts(own_name, around.name) { own_name.to_owned() } else { format!("{}/{own_name}", around.name) };
    (type_name, name)
}

/// Parts between slashes, but not between those inside of braces.
fn segments(name: &str) -> Vec<&str> {
    let (mut out, mut start, mut depth) = (Vec::new(), 0, 0_usize);
    for (at, letter) in name.char_indices() {
        match letter {
            '{' => depth += 1,
            '}' => depth = depth.saturating_sub(1),
            '/' if depth == 0 => {
                out.push(name.get(start..at).unwrap_or_default());
                start = at + 1;
            }
            _ => {}
        }
    }
    out.push(name.get(start..).unwrap_or_default());
    out
}

/// The path of a resource as Azure writes it: `Microsoft.Sql/servers/main/databases/orders`.
fn address(type_name: &str, name: &str) -> String {
    let mut types = type_name.split('/');
    let names = segments(name);
    if types.clone().count() != names.len() + 1 || names.iter().any(|name| name.is_empty()) {
        return format!("{type_name}/{name}");
    }
    let mut out = types.next().unwrap_or_default().to_owned();
    for (part, name) in types.zip(names) {
        out.push('/');
        out.push_str(part);
        out.push('/');
        out.push_str(name);
    }
    out
}

/// The id of the nearest resource that this one is a part of, by type and name.
fn parent_of(planned: &Planned, shared: &Shared) -> Option<Arc<str>> {
    let index = shared.index.borrow();
    let (mut type_name, mut names) = (&*planned.type_name, segments(&planned.name));
    while let Some((above, _)) = type_name.rsplit_once('/') {
        names.pop()?;
        if names.is_empty() || !above.contains('/') {
            return None;
        }
        if let Some(id) = index.find(above, &names.join("/")).filter(|id| **id != planned.id) {
            return Some(Arc::clone(id));
        }
        type_name = above;
    }
    None
}

fn resource_value(planned: &Planned, shared: &Shared) -> Value {
    let mut out = Map::new();
    let (scope, locals) = (&planned.scope, &planned.locals);
    for (key, entry) in planned.json.as_map().into_iter().flat_map(Map::iter) {
        let known = KEYS.iter().find(|known| known.eq_ignore_ascii_case(key)).copied();
        let value = match known {
            // Judged on their own.
            Some("resources") => continue,
            Some("type") => Value::string(Arc::clone(&planned.type_name), entry.value.span),
            Some("dependsOn") => match &entry.value.data {
                Data::List(items) => {
                    let items = items.iter().map(|item| naming(scope, item, scope.value(item, locals), locals)).collect();
                    Value::list(items, entry.value.span)
                }
                _ => scope.value(&entry.value, locals),
            },
            Some("scope") => naming(scope, &entry.value, scope.value(&entry.value, locals), locals),
            Some("properties") if planned.type_name.starts_with("Microsoft.Resources/") => {
                let mut shown = entry.value.as_map().cloned().unwrap_or_default();
                shown.remove("template");
                shown.remove("mainTemplate");
                scope.value(&Value::map(shown, entry.value.span), locals)
            }
            Some("properties") => spelled(shared.budget.bounded(scope.value(&entry.value, locals))),
            _ => scope.value(&entry.value, locals),
        };
        out.insert(known.map_or_else(|| Arc::clone(key), Arc::from), entry.key, value);
    }
    if !out.contains_key("parent")
        && let Some(parent) = planned.parent.clone().or_else(|| parent_of(planned, shared))
    {
        out.insert("parent", Span::NONE, Value::reference(parent, "id", planned.json.span));
    }
    Value::map(out, planned.json.span)
}
