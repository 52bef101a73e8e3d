//! What tests know of the outside: objects, images, answers to calls, global context.

use std::sync::Arc;

use probity_core::{GroupVersionKind, Inventory, Limits, Lookup, LookupError, NoLookup, PolicyContext, Question, Timestamp};
use probity_kubernetes::{Selector, schema};
use probity_value::{Map, Span, Value};

use super::load::{Loader, object};
use super::text_of;
use super::values::{Values, put};
use crate::images::Image;
use crate::jmespath::{Evaluation, Expression};

/// Everything a test says of the outside.
#[derive(Debug, Default)]
pub(super) struct Fixture {
    objects: Vec<Value>,
    /// Whether the objects are a whole cluster: one that is not here does not exist.
    whole: bool,
    /// Method (empty for all), address, answer; no answer where the call fails.
    calls: Vec<(String, String, Option<Value>)>,
    images: Vec<(String, Value)>,
    globals: Vec<Global>,
}

/// An entry of the global context.
#[derive(Debug)]
struct Global {
    name: Arc<str>,
    data: Value,
    projections: Vec<(Arc<str>, Value)>,
}

fn text<'v>(value: &'v Value, way: &[&str]) -> &'v str {
    way.iter().try_fold(value, |value, key| value.get(key)).and_then(Value::as_str).unwrap_or_default()
}

fn list(value: &Value, key: &str) -> Vec<Value> {
    value.get(key).and_then(Value::as_list).unwrap_or_default().to_vec()
}

/// The value of an expression over data of a test.
fn query(loader: &mut Loader<'_>, path: &str, data: &Value, at: Span) -> Option<Value> {
    let inventory = Arc::new(Inventory::default());
    let context = PolicyContext {
        lookup: &NoLookup,
        inventory: &inventory,
        limits: Limits::default(),
        now: Timestamp { seconds: 0, nanoseconds: 0 },
        interrupted: &|| false,
    };
    let found = Expression::parse(path, at).and_then(|expression| expression.search_value(data, &Evaluation::new(&context)));
    match found {
        Ok(found) => Some(found),
        Err(error) => {
            loader.wrong(at, error.message);
            None
        }
    }
}

impl Fixture {
    pub(super) fn add(&mut self, object: Value) {
        self.objects.push(object);
    }

    /// Reads what the test itself says.
    pub(super) fn read_test(&mut self, loader: &mut Loader<'_>, test: &Value) {
        if let Some(path) = text_of(test, "context").filter(|path| !path.is_empty()) {
            for document in loader.documents_beside(&path) {
                let Some(spec) = document.get("spec") else { continue };
                self.objects.extend(list(spec, "resources"));
                for image in list(spec, "images") {
                    let data = image_data(&image);
                    self.images.push((text(&image, &["image"]).to_owned(), data));
                }
            }
        }
        for path in list(test, "clusterResources").iter().filter_map(Value::as_str) {
            self.whole = true;
            for document in loader.documents_beside(path) {
                let Some(spec) = document.get("spec") else { continue };
                self.objects.extend(list(spec, "resources").into_iter().map(object));
            }
        }
        for call in list(test, "apiCallResponses") {
            let url = [text(&call, &["url"]), text(&call, &["urlPath"])].into_iter().find(|url| !url.is_empty()).unwrap_or_default();
            let response = call.get("response");
            let code = response.and_then(|response| response.get("statusCode")).and_then(Value::as_int).unwrap_or(200);
            let body = response.and_then(|response| response.get("body")).cloned();
            let good = code == 0 || (200..300).contains(&code);
            self.calls.push((text(&call, &["method"]).to_uppercase(), url.trim().to_owned(), body.filter(|_| good)));
        }
        for entry in list(test, "globalContextEntries") {
            let mut data = match entry.get("data") {
                Some(data) if !data.is_null() => data.clone(),
                _ => {
                    let mut resources = list(&entry, "resources");
                    for path in list(&entry, "resourceFiles").iter().filter_map(Value::as_str) {
                        resources.extend(loader.documents_beside(path));
                    }
                    Value::list(resources, entry.span)
                }
            };
            let field = text(&entry, &["fieldPath"]);
            if !field.is_empty() {
                let Some(found) = query(loader, field, &data, entry.span) else { continue };
                data = found;
            }
            let mut projections = Vec::new();
            for projection in list(&entry, "projections") {
                if let Some(found) = query(loader, text(&projection, &["path"]), &data, projection.span) {
                    projections.push((Arc::from(text(&projection, &["name"])), found));
                }
            }
            self.globals.push(Global { name: text(&entry, &["name"]).into(), data, projections });
        }
    }

    /// Objects of a kind (or plural), in a namespace or all.
    fn find<'f>(&'f self, api_version: &'f str, kind: &'f str, namespace: &'f str) -> impl Iterator<Item = &'f Value> {
        self.objects.iter().filter(move |object| {
            let (own_version, own_kind) = (text(object, &["apiVersion"]), text(object, &["kind"]));
            (matches!(api_version, "" | "*") || api_version == own_version)
                && (kind == own_kind || schema::plural(&GroupVersionKind::of(own_version, own_kind)).eq_ignore_ascii_case(kind))
                && (namespace.is_empty() || text(object, &["metadata", "namespace"]) == namespace)
        })
    }

    fn object(&self, api_version: &str, kind: &str, namespace: &str, name: &str) -> Option<Value> {
        self.find(api_version, kind, namespace).find(|object| text(object, &["metadata", "name"]) == name).cloned()
    }

    fn objects(&self, api_version: &str, kind: &str, namespace: &str, selector: &str) -> Option<Value> {
        let selector = if selector.is_empty() { Selector::everything() } else { Selector::parse(selector).ok()? };
        let null = Value::null(Span::NONE);
        let items: Vec<Value> = self
            .find(api_version, kind, namespace)
            .filter(|object| {
                let labels = object.get("metadata").and_then(|metadata| metadata.get("labels")).unwrap_or(&null);
                selector.matches(labels) == Ok(true)
            })
            .cloned()
            .collect();
        if items.is_empty() && !self.whole {
            return None;
        }
        let mut map = Map::new();
        map.insert("apiVersion", Span::NONE, Value::string("v1", Span::NONE));
        map.insert("kind", Span::NONE, Value::string("List", Span::NONE));
        map.insert("items", Span::NONE, Value::list(items, Span::NONE));
        Some(Value::map(map, Span::NONE))
    }

    /// The answer to a call of the API server, from the objects.
    fn call(&self, url: &str) -> Option<Value> {
        let (path, query) = url.split_once('?').unwrap_or((url, ""));
        let parts: Vec<&str> = path.split('/').filter(|part| !part.is_empty()).collect();
        let (version, rest) = match parts.as_slice() {
            ["api", version, rest @ ..] => ((*version).to_owned(), rest),
            ["apis", group, version, rest @ ..] => (format!("{group}/{version}"), rest),
            _ => return None,
        };
        let (namespace, rest) = match rest {
            ["namespaces", namespace, rest @ ..] if !rest.is_empty() => (*namespace, rest),
            rest => ("", rest),
        };
        match rest {
            [plural] => {
                let selector = query.split('&').find_map(|pair| pair.strip_prefix("labelSelector=")).unwrap_or_default();
                self.objects(&version, plural, namespace, &selector.replace("%3D", "=").replace("%2C", ","))
            }
            [plural, name] => self.object(&version, plural, namespace, name),
            _ => None,
        }
    }
}

/// What policies see of an image of a test's context.
fn image_data(image: &Value) -> Value {
    let mut map = image.as_map().cloned().unwrap_or_default();
    let none = Span::NONE;
    for (from, to) in [("config", "configData"), ("imageIndex", "manifestList"), ("digest", "identifier"), ("tag", "identifier")] {
        if !map.contains_key(to)
            && let Some(value) = map.get(from).cloned()
        {
            map.insert(to, none, value);
        }
    }
    if let Ok(parsed) = Image::parse(text(image, &["image"])) {
        for (key, value) in [("registry", parsed.registry), ("repository", parsed.path), ("tag", parsed.tag), ("digest", parsed.digest)] {
            if !map.contains_key(key) && !value.is_empty() {
                map.insert(key, none, Value::string(value, none));
            }
        }
    }
    Value::map(map, image.span)
}

/// Answers for the policies of a test, about one policy and resource.
pub(super) struct ForPolicy<'t> {
    pub(super) fixture: &'t Fixture,
    pub(super) values: &'t Values,
    pub(super) given: &'t Map,
}

impl Lookup for ForPolicy<'_> {
    fn ask(&self, question: &Question) -> Result<Value, LookupError> {
        let fixture = self.fixture;
        let found = match question {
            Question::Variable { policy, rule, name } => {
                let mut map = self.given.clone();
                for values in self.values.of_rule(policy, rule) {
                    for (name, entry) in values.iter() {
                        put(&mut map, name, entry.value.clone());
                    }
                }
                if name.is_empty() {
                    (!map.is_empty()).then(|| Value::map(map, Span::NONE))
                } else {
                    let mut parts = name.split('.');
                    let first = parts.next().and_then(|part| map.get(part)).cloned();
                    parts.fold(first, |value, part| value.as_ref().and_then(|value| value.get(part)).cloned())
                }
            }
            Question::Object { api_version, kind, namespace, name } => {
                let described = if &**kind == "Namespace" || &**kind == "namespaces" { self.values.namespace(name).cloned() } else { None };
                described.or_else(|| fixture.object(api_version, kind, namespace, name))
            }
            Question::Objects { api_version, kind, namespace, selector } => fixture.objects(api_version, kind, namespace, selector),
            Question::Call { method, url, .. } => {
                let given =
                    fixture.calls.iter().find(|(wanted, address, _)| (wanted.is_empty() || **wanted == **method) && **address == **url);
                match given {
                    Some((_, _, Some(answer))) => Some(answer.clone()),
                    Some((_, _, None)) => return Err(LookupError::Absent(question.subject())),
                    None => fixture.call(url),
                }
            }
            Question::Image { reference } => {
                let same = |known: &str| {
                    known == &**reference
                        || matches!((Image::parse(known), Image::parse(reference)), (Ok(known), Ok(asked)) if known == asked)
                };
                fixture.images.iter().find(|(known, _)| same(known)).map(|(_, data)| data.clone())
            }
            Question::Global { name, projection } => {
                let entry = fixture.globals.iter().find(|entry| entry.name == *name);
                entry.and_then(|entry| match &**projection {
                    "" => Some(entry.data.clone()),
                    named => entry.projections.iter().find(|(known, _)| **known == *named).map(|(_, data)| data.clone()),
                })
            }
            _ => None,
        };
        match found {
            Some(found) => Ok(found),
            None if fixture.whole && matches!(question, Question::Object { .. } | Question::Call { .. }) => {
                Err(LookupError::Absent(question.subject()))
            }
            None => Err(LookupError::Unanswered(format!("{} is not given by the test", question.subject()))),
        }
    }
}
