//! `generate` rules as a plan: the objects that would be made or brought up to date. Nothing is made.

use std::sync::Arc;

use probity_core::{LookupError, Question, Status};
use probity_kubernetes::Selector;
use probity_value::{Data, Map, Span, Value};

use crate::conditions::Conditions;
use crate::context::ContextEntry;
use crate::jmespath::{Expression, JmesError};
use crate::policy::Identity;
use crate::read::Reader;
use crate::scope::Scope;
use crate::validate::{Verdict, add_entries};
use crate::variables::Template;

/// A compiled `generate` rule.
#[derive(Debug)]
pub(crate) struct Generation {
    synchronize: bool,
    body: Body,
    policy: Arc<str>,
    policy_namespace: Arc<str>,
    rule: Arc<str>,
}

#[derive(Debug)]
enum Body {
    One(Pattern),
    Loops(Vec<Loop>),
}

/// What is made: a document with the target, and with `data`, `clone` or `cloneList`.
#[derive(Debug)]
struct Pattern {
    template: Template,
    at: Span,
}

#[derive(Debug)]
struct Loop {
    list: Expression,
    context: Vec<ContextEntry>,
    preconditions: Conditions,
    pattern: Pattern,
    at: Span,
}

/// Why nothing can be planned.
struct Problem {
    message: String,
    unknown: bool,
    at: Span,
}

impl Problem {
    fn new(message: impl Into<String>, at: Span) -> Problem {
        Problem { message: message.into(), unknown: false, at }
    }

    fn jmes(what: &str, error: &JmesError, at: Span) -> Problem {
        Problem { message: format!("{what}: {}", error.message), unknown: error.is_unknown(), at: error.at.or(at) }
    }
}

const TARGET: &[&str] = &["apiVersion", "kind", "namespace", "name", "uid"];
const SOURCES: &[&str] = &["data", "clone", "cloneList"];

impl Generation {
    /// Reads the `generate` part of a rule.
    pub(crate) fn read(reader: &mut Reader, identity: &Identity, rule: &Arc<str>, value: &Value) -> Option<Generation> {
        let own = ["generateExisting", "synchronize", "orphanDownstreamOnPolicyDelete", "foreach"];
        let known: Vec<&str> = own.iter().chain(TARGET).chain(SOURCES).copied().collect();
        let map = reader.fields(value, "generate", &known)?;
        reader.boolean(map, "generateExisting");
        reader.boolean(map, "orphanDownstreamOnPolicyDelete");
        let synchronize = reader.boolean(map, "synchronize").unwrap_or(false);
        let body = if Reader::get(map, "foreach").is_some() {
            if SOURCES.iter().any(|key| Reader::get(map, key).is_some()) {
                reader.wrong(value.span, "`generate` needs exactly one of data, clone, cloneList and foreach");
            }
            let mut loops = Vec::new();
            for item in reader.list(map, "foreach") {
                loops.extend(Loop::read(reader, identity, item));
            }
            Body::Loops(loops)
        } else {
            Body::One(Pattern::read(reader, map, value.span, "generate")?)
        };
        Some(Generation {
            synchronize,
            body,
            policy: Arc::clone(&identity.name),
            policy_namespace: Arc::clone(&identity.namespace),
            rule: Arc::clone(rule),
        })
    }

    /// The plan for an object.
    pub(crate) fn judge(&self, trigger: &Value, scope: &Scope<'_>, given: Option<&Value>) -> Verdict {
        let mut made = Vec::new();
        let outcome = match &self.body {
            Body::One(pattern) => self.plan(pattern, trigger, scope, &mut made),
            Body::Loops(loops) => loops.iter().try_for_each(|each| self.run_loop(each, trigger, scope, given, &mut made)),
        };
        if let Err(problem) = outcome {
            let status = if problem.unknown { Status::Unknown } else { Status::Error };
            return Verdict::new(status, problem.message).at(problem.at);
        }
        let names: Vec<String> = made.iter().map(called).collect();
        let message = if names.is_empty() { "nothing is to be generated".to_owned() } else { format!("generated {}", names.join(", ")) };
        Verdict { generated: made, ..Verdict::new(Status::Pass, message) }
    }

    fn run_loop(
        &self,
        each: &Loop,
        trigger: &Value,
        scope: &Scope<'_>,
        given: Option<&Value>,
        made: &mut Vec<Value>,
    ) -> Result<(), Problem> {
        let list = each.list.search(scope).map_err(|error| Problem::jmes("failed to evaluate the list of `foreach`", &error, each.at))?;
        if let Some(unknown) = list.as_unknown() {
            return Err(Problem { message: unknown.reason.to_string(), unknown: true, at: each.at });
        }
        let single = std::slice::from_ref(&list);
        for (position, element) in list.as_list().unwrap_or(single).iter().enumerate() {
            if element.is_null() {
                continue;
            }
            let mut inner = scope.child();
            inner.set_element(element.clone(), position, 0);
            add_entries(&mut inner, &each.context, given);
            match each.preconditions.hold(&inner) {
                Ok((true, _)) => self.plan(&each.pattern, trigger, &inner, made)?,
                Ok((false, _)) => {}
                Err(error) => {
                    let message = format!("failed to evaluate preconditions: {}", error.message);
                    return Err(Problem { message, unknown: error.unknown, at: error.at.or(each.at) });
                }
            }
        }
        Ok(())
    }

    fn plan(&self, pattern: &Pattern, trigger: &Value, scope: &Scope<'_>, made: &mut Vec<Value>) -> Result<(), Problem> {
        let at = pattern.at;
        scope.evaluation().step(64).map_err(|error| Problem::jmes("the rule is not applied", &error, at))?;
        let spec = pattern.template.substitute(scope).map_err(|error| Problem::jmes("variable substitution failed", &error, at))?;
        let target = Target::of(&spec, at)?;
        let within = |key: &str| spec.get(key).filter(|value| !value.is_null());
        if let Some(list) = within("cloneList") {
            return self.clone_list(list, &target, trigger, scope, made, at);
        }
        if let Some(clone) = within("clone") {
            let source = Target {
                api_version: Arc::clone(&target.api_version),
                kind: Arc::clone(&target.kind),
                namespace: text_of(clone, "namespace", at)?,
                name: text_of(clone, "name", at)?,
            };
            if source.namespace == target.namespace && source.name == target.name {
                return Ok(());
            }
            let found = source.ask(scope, at)?;
            let Some(found) = found else { return Err(Problem::new(format!("the source {} does not exist", source.shown()), at)) };
            made.extend(self.cloned(&found, &target, trigger, scope, at)?);
            return Ok(());
        }
        let Some(data) = within("data") else { return Ok(()) };
        if data.as_map().is_none() {
            return Err(Problem::new(format!("`data` is a {}, not a map", data.type_name()), at));
        }
        let there = target.known(scope, at)?;
        if there.is_some() && !self.synchronize {
            return Ok(());
        }
        let mut object = data.clone();
        target.name(&mut object);
        self.label(&mut object, trigger);
        made.extend(Some(object).filter(|object| there.as_ref() != Some(object)));
        Ok(())
    }

    fn clone_list(
        &self,
        list: &Value,
        target: &Target,
        trigger: &Value,
        scope: &Scope<'_>,
        made: &mut Vec<Value>,
        at: Span,
    ) -> Result<(), Problem> {
        let namespace = text_of(list, "namespace", at)?;
        let selector = match list.get("selector").filter(|selector| !selector.is_null()) {
            None => Selector::everything(),
            Some(selector) => Selector::from_value(selector).map_err(|error| Problem::new(error.to_string(), at))?,
        };
        for kind in list.get("kinds").and_then(Value::as_list).unwrap_or_default() {
            let kind = kind.as_str().ok_or_else(|| Problem::new("`kinds` of `cloneList` are texts", at))?;
            let (api_version, kind) = kind.rsplit_once('/').unwrap_or(("", kind));
            let question = Question::Objects {
                api_version: api_version.into(),
                kind: kind.into(),
                namespace: Arc::clone(&namespace),
                selector: if selector.is_everything() { "".into() } else { selector.to_string().into() },
            };
            let answer = match scope.evaluation().lookup.ask(&question) {
                Ok(answer) => answer,
                Err(LookupError::Absent(_)) => continue,
                Err(error) => return Err(Problem { message: error.to_string(), unknown: true, at }),
            };
            for source in answer.get("items").and_then(Value::as_list).unwrap_or_default() {
                let metadata = source.get("metadata");
                let part = |key: &str| metadata.and_then(|metadata| metadata.get(key)).and_then(Value::as_str).unwrap_or_default();
                let null = Value::null(Span::NONE);
                let labels = metadata.and_then(|metadata| metadata.get("labels")).unwrap_or(&null);
                let fits = selector.matches(labels).map_err(|reason| Problem { message: reason.to_string(), unknown: true, at })?;
                if !fits || part("namespace") != &*namespace || part("namespace") == &*target.namespace {
                    continue;
                }
                let text = |key: &str| source.get(key).and_then(Value::as_str);
                let own = Target {
                    api_version: text("apiVersion").unwrap_or(api_version).into(),
                    kind: text("kind").unwrap_or(kind).into(),
                    namespace: Arc::clone(&target.namespace),
                    name: part("name").into(),
                };
                made.extend(self.cloned(source, &own, trigger, scope, at)?);
            }
        }
        Ok(())
    }

    /// What a source becomes; `None` where that is there already.
    fn cloned(&self, source: &Value, target: &Target, trigger: &Value, scope: &Scope<'_>, at: Span) -> Result<Option<Value>, Problem> {
        let there = target.known(scope, at)?;
        if there.is_some() && !self.synchronize {
            return Ok(None);
        }
        let mut object = source.clone();
        let origin = |key: &str| {
            source.get("metadata").and_then(|metadata| metadata.get(key)).and_then(Value::as_str).unwrap_or_default().to_owned()
        };
        let (group, version) = group_version(source);
        let source_labels = [
            ("source-group", group),
            ("source-version", version),
            ("source-kind", source.get("kind").and_then(Value::as_str).unwrap_or_default().to_owned()),
            ("source-namespace", origin("namespace")),
            ("source-uid", origin("uid")),
        ];
        if let Some(metadata) = metadata_of(&mut object) {
            for key in ["uid", "selfLink", "creationTimestamp", "managedFields", "resourceVersion"] {
                metadata.remove(key);
            }
            if origin("namespace") != *target.namespace {
                metadata.remove("ownerReferences");
            }
        }
        target.name(&mut object);
        for (key, value) in source_labels {
            set_label(&mut object, &format!("generate.kyverno.io/{key}"), &value);
        }
        self.label(&mut object, trigger);
        Ok(Some(object).filter(|object| there.as_ref() != Some(object)))
    }

    /// The labels by which Kyverno knows what it made.
    fn label(&self, object: &mut Value, trigger: &Value) {
        let text = |key: &str| trigger.get(key).and_then(Value::as_str).unwrap_or_default().to_owned();
        let within = |key: &str| trigger.get("metadata").and_then(|metadata| metadata.get(key)).and_then(Value::as_str).unwrap_or_default();
        set_label(object, "app.kubernetes.io/managed-by", "kyverno");
        let (group, version) = group_version(trigger);
        for (key, value) in [
            ("policy-name", &*self.policy),
            ("policy-namespace", &*self.policy_namespace),
            ("rule-name", &*self.rule),
            ("trigger-version", &version),
            ("trigger-group", &group),
            ("trigger-kind", &text("kind")),
            ("trigger-namespace", within("namespace")),
            ("trigger-uid", within("uid")),
        ] {
            set_label(object, &format!("generate.kyverno.io/{key}"), value);
        }
    }
}

fn group_version(object: &Value) -> (String, String) {
    let text = object.get("apiVersion").and_then(Value::as_str).unwrap_or_default();
    let (group, version) = text.split_once('/').unwrap_or(("", text));
    (group.to_owned(), version.to_owned())
}

/// `ConfigMap team-a/zk`, as a message names an object.
fn called(object: &Value) -> String {
    let text = |value: Option<&Value>| value.and_then(Value::as_str).unwrap_or_default().to_owned();
    let metadata = object.get("metadata");
    let part = |key: &str| text(metadata.and_then(|metadata| metadata.get(key)));
    match part("namespace").as_str() {
        "" => format!("{} {}", text(object.get("kind")), part("name")),
        namespace => format!("{} {namespace}/{}", text(object.get("kind")), part("name")),
    }
}

fn text_of(map: &Value, key: &str, at: Span) -> Result<Arc<str>, Problem> {
    match map.get(key).map(|value| &value.data) {
        None | Some(Data::Null) => Ok("".into()),
        Some(Data::String(text)) => Ok(Arc::clone(text)),
        Some(Data::Unknown(unknown)) => Err(Problem { message: unknown.reason.to_string(), unknown: true, at }),
        Some(_) => Err(Problem::new(format!("`{key}` is no text"), at)),
    }
}

/// The metadata of an object, made where it is missing.
fn metadata_of(object: &mut Value) -> Option<&mut Map> {
    map_within(object, "metadata")
}

fn map_within<'v>(value: &'v mut Value, key: &str) -> Option<&'v mut Map> {
    let Data::Map(map) = &mut value.data else { return None };
    let map = Arc::make_mut(map);
    if map.get(key).and_then(Value::as_map).is_none() {
        map.insert(key, Span::NONE, Value::map(Map::new(), Span::NONE));
    }
    match &mut map.get_mut(key)?.data {
        Data::Map(map) => Some(Arc::make_mut(map)),
        _ => None,
    }
}

fn set(map: &mut Map, key: &str, text: &str) {
    match map.get_mut(key) {
        Some(slot) => *slot = Value::string(text, slot.span),
        None => {
            map.insert(key, Span::NONE, Value::string(text, Span::NONE));
        }
    }
}

fn set_label(object: &mut Value, key: &str, text: &str) {
    let Data::Map(map) = &mut object.data else { return };
    let map = Arc::make_mut(map);
    if map.get("metadata").and_then(Value::as_map).is_none() {
        map.insert("metadata", Span::NONE, Value::map(Map::new(), Span::NONE));
    }
    if let Some(labels) = map.get_mut("metadata").and_then(|metadata| map_within(metadata, "labels")) {
        set(labels, key, text);
    }
}

/// The object that is to be there.
struct Target {
    api_version: Arc<str>,
    kind: Arc<str>,
    namespace: Arc<str>,
    name: Arc<str>,
}

impl Target {
    fn of(spec: &Value, at: Span) -> Result<Target, Problem> {
        let text = |key: &str| text_of(spec, key, at);
        Ok(Target { api_version: text("apiVersion")?, kind: text("kind")?, namespace: text("namespace")?, name: text("name")? })
    }

    fn shown(&self) -> String {
        if self.namespace.is_empty() {
            format!("{} `{}`", self.kind, self.name)
        } else {
            format!("{} `{}/{}`", self.kind, self.namespace, self.name)
        }
    }

    fn question(&self) -> Question {
        Question::Object {
            api_version: Arc::clone(&self.api_version),
            kind: Arc::clone(&self.kind),
            namespace: Arc::clone(&self.namespace),
            name: Arc::clone(&self.name),
        }
    }

    /// The object; `None` where it does not exist.
    fn ask(&self, scope: &Scope<'_>, at: Span) -> Result<Option<Value>, Problem> {
        match scope.evaluation().lookup.ask(&self.question()) {
            Ok(object) => Ok(Some(object)),
            Err(LookupError::Absent(_)) => Ok(None),
            Err(error) => Err(Problem { message: error.to_string(), unknown: true, at }),
        }
    }

    /// The object as far as somebody can tell: where nobody can, the plan is the one for a cluster that does not have it.
    fn known(&self, scope: &Scope<'_>, at: Span) -> Result<Option<Value>, Problem> {
        match self.ask(scope, at) {
            Err(problem) if problem.unknown => Ok(None),
            other => other,
        }
    }

    /// Gives an object the name, kind and place of the target.
    fn name(&self, object: &mut Value) {
        if let Some(metadata) = metadata_of(object) {
            set(metadata, "name", &self.name);
            if self.namespace.is_empty() {
                metadata.remove("namespace");
            } else {
                set(metadata, "namespace", &self.namespace);
            }
        }
        if let Data::Map(map) = &mut object.data {
            let map = Arc::make_mut(map);
            if map.get("kind").and_then(Value::as_str).is_none_or(str::is_empty) {
                set(map, "kind", &self.kind);
            }
            if !self.api_version.is_empty() {
                set(map, "apiVersion", &self.api_version);
            }
        }
    }
}

impl Pattern {
    fn read(reader: &mut Reader, map: &Map, at: Span, what: &str) -> Option<Pattern> {
        let given: Vec<&str> = SOURCES
            .iter()
            .copied()
            .filter(|key| Reader::get(map, key).is_some_and(|value| value.as_map().is_none_or(|map| !map.is_empty())))
            .collect();
        let [source] = given.as_slice() else {
            reader.wrong(at, format!("`{what}` needs exactly one of data, clone and cloneList"));
            return None;
        };
        match *source {
            "cloneList" => {
                let fields = Reader::get(map, "cloneList")
                    .and_then(|value| reader.fields(value, "cloneList", &["namespace", "kinds", "selector"]))?;
                reader.texts(fields, "kinds");
            }
            source => {
                if source == "clone" {
                    Reader::get(map, "clone").and_then(|value| reader.fields(value, "clone", &["namespace", "name"]))?;
                }
                for key in ["apiVersion", "kind", "name"] {
                    reader.required_text(map, key, what, at)?;
                }
            }
        }
        let spec: Map =
            TARGET.iter().chain(SOURCES).filter_map(|key| map.entry(key).map(|entry| (Arc::from(*key), entry.clone()))).collect();
        let template = reader.template(&Value::map(spec, at), &[])?;
        Some(Pattern { template, at })
    }
}

impl Loop {
    fn read(reader: &mut Reader, identity: &Identity, value: &Value) -> Option<Loop> {
        let own = ["list", "context", "preconditions"];
        let known: Vec<&str> = own.iter().chain(TARGET).chain(SOURCES).copied().collect();
        let map = reader.fields(value, "foreach", &known)?;
        if Reader::get(map, "list").is_none() {
            reader.wrong(value.span, "`foreach` needs a `list`");
        }
        let list = reader.expression(map, "list");
        let context = ContextEntry::read_all(reader, map, &identity.namespace);
        let preconditions = Reader::get(map, "preconditions").map(|value| reader.conditions(value, "preconditions")).unwrap_or_default();
        let pattern = Pattern::read(reader, map, value.span, "foreach")?;
        Some(Loop { list: list?, context, preconditions, pattern, at: value.span })
    }
}

#[cfg(test)]
mod tests;
