//! Answers from a file: what tests and pipelines use in place of a cluster, a registry and the network.

use std::collections::HashMap;
use std::sync::Arc;

use probity_core::{GroupVersionKind, Lookup, LookupError, Question, UserInfo};
use probity_kubernetes::{schema, selector::Selector};
use probity_value::{Data, Map, Span, Value};

use super::api;

/// Answers by question. Objects answer for single objects, lists and calls of the API's paths; the rest is given one by one.
///
/// In a file (every part may be missing):
///
/// ```yaml
/// objects: [{apiVersion: v1, kind: ConfigMap, metadata: {name: allowed, namespace: default}, data: {...}}]
/// calls: [{method: GET, url: /version, answer: {...}}]
/// images: {"nginx:1.27": {manifest: {...}, configData: {...}}}
/// global: {deployments: [...]}
/// providers: {trusted-registries: {"nginx:1.27": "ok"}}
/// access: [{user: alice, verb: get, resource: secrets, namespace: default, allowed: true, reason: "..."}]
/// variables: [{policy: p, rule: r, name: allowed.data.roles, value: "[\"admin\"]"}]
/// hosts: {example.com: [192.0.2.1]}
/// random: {"[a-z]{8}": "abcdefgh"}
/// ```
#[derive(Clone, Debug, Default)]
pub struct Fixture {
    objects: HashMap<(String, String), Vec<Value>>,
    calls: Vec<(String, String, Option<Value>, Value)>,
    images: HashMap<String, Value>,
    global: HashMap<String, Value>,
    providers: HashMap<String, Value>,
    access: Vec<Value>,
    variables: Vec<(String, String, String, Value)>,
    hosts: HashMap<String, Value>,
    random: HashMap<String, Value>,
    /// Kinds of which everything is known: one that is not here does not exist.
    whole: bool,
}

/// What is wrong with a file of answers.
#[derive(Clone, PartialEq, Eq, Debug, thiserror::Error)]
#[error("{message}")]
pub struct FixtureError {
    /// What.
    pub message: String,
    /// Where.
    pub at: Span,
}

const PARTS: &[&str] = &["objects", "calls", "images", "global", "providers", "access", "variables", "hosts", "random"];

impl Fixture {
    /// No answers. What is asked for and not here stays unanswered.
    #[must_use]
    pub fn new() -> Fixture {
        Fixture::default()
    }

    /// Reads a file of answers.
    ///
    /// # Errors
    /// All keys that are not known and values of the wrong kind, with their places.
    pub fn read(file: &Value) -> Result<Fixture, Vec<FixtureError>> {
        let mut out = Fixture::new();
        let mut wrong = Vec::new();
        let Some(map) = file.as_map() else {
            return Err(vec![FixtureError { message: "a file of answers is a map".to_owned(), at: file.span }]);
        };
        for (key, entry) in map.iter() {
            let mut no = |message: &str, at: Span| wrong.push(FixtureError { message: message.to_owned(), at: at.or(entry.key) });
            let value = &entry.value;
            match &**key {
                "objects" => {
                    for object in items(value) {
                        if !out.add_object(object.clone()) {
                            no("an object needs `apiVersion`, `kind` and `metadata.name`", object.span);
                        }
                    }
                }
                "calls" => {
                    for call in items(value) {
                        match (call.get("url").and_then(Value::as_str), call.get("answer")) {
                            (Some(url), Some(answer)) => {
                                let method = call.get("method").and_then(Value::as_str).unwrap_or("GET");
                                out.calls.push((method.to_owned(), url.to_owned(), call.get("body").cloned(), answer.clone()));
                            }
                            _ => no("a call needs `url` and `answer`", call.span),
                        }
                    }
                }
                "variables" => {
                    for variable in items(value) {
                        let text = |key: &str| variable.get(key).and_then(Value::as_str).unwrap_or_default().to_owned();
                        match variable.get("value") {
                            Some(given) if !text("name").is_empty() => {
                                out.variables.push((text("policy"), text("rule"), text("name"), given.clone()));
                            }
                            _ => no("a variable needs `name` and `value`", variable.span),
                        }
                    }
                }
                "access" => {
                    for answer in items(value) {
                        if answer.get("allowed").and_then(Value::as_bool).is_none() {
                            no("an answer about access needs `allowed: true` or `false`", answer.span);
                        }
                        out.access.push(answer.clone());
                    }
                }
                "images" | "global" | "providers" | "hosts" | "random" => {
                    let Some(entries) = value.as_map() else {
                        no("this is a map from names to answers", value.span);
                        continue;
                    };
                    let part = match &**key {
                        "images" => &mut out.images,
                        "global" => &mut out.global,
                        "providers" => &mut out.providers,
                        "hosts" => &mut out.hosts,
                        _ => &mut out.random,
                    };
                    part.extend(entries.iter().map(|(name, entry)| (name.to_string(), entry.value.clone())));
                }
                other => no(&format!("`{other}` is none of {}", PARTS.join(", ")), entry.key),
            }
        }
        if wrong.is_empty() { Ok(out) } else { Err(wrong) }
    }

    /// Adds an object; false where it has no kind or no name.
    pub fn add_object(&mut self, object: Value) -> bool {
        let text = |value: Option<&Value>| value.and_then(Value::as_str).unwrap_or_default().to_owned();
        let (api_version, kind) = (text(object.get("apiVersion")), text(object.get("kind")));
        if kind.ends_with("List")
            && let Some(list) = object.get("items").and_then(Value::as_list)
        {
            return list.iter().cloned().all(|item| self.add_object(item));
        }
        if api_version.is_empty() || kind.is_empty() || name_of(&object).is_empty() {
            return false;
        }
        let plural = schema::plural(&GroupVersionKind::of(&api_version, &kind));
        self.objects.entry((api_version, plural)).or_default().push(object);
        true
    }

    /// Adds an image's data under its reference as written in policies' subjects.
    pub fn add_image(&mut self, reference: &str, data: Value) {
        self.images.insert(reference.to_owned(), data);
    }

    /// Adds an entry of the global context.
    pub fn add_global(&mut self, name: &str, value: Value) {
        self.global.insert(name.to_owned(), value);
    }

    /// Adds the answer to a call.
    pub fn add_call(&mut self, method: &str, url: &str, answer: Value) {
        self.calls.push((method.to_owned(), url.to_owned(), None, answer));
    }

    /// Gives a variable of a rule a value; an empty policy or rule means all.
    pub fn add_variable(&mut self, policy: &str, rule: &str, name: &str, value: Value) {
        self.variables.push((policy.to_owned(), rule.to_owned(), name.to_owned(), value));
    }

    /// Says that the objects are all there are: one that is not here does not exist, and a list may be empty.
    #[must_use]
    pub fn whole(mut self) -> Fixture {
        self.whole = true;
        self
    }

    /// Objects of a kind (by kind or plural; an empty or `*` version fits all), in a namespace or all.
    fn find<'a>(&'a self, api_version: &'a str, kind: &'a str, namespace: &'a str) -> impl Iterator<Item = &'a Value> {
        let any = matches!(api_version, "" | "*");
        self.objects
            .iter()
            .filter(move |((version, plural), objects)| {
                (any || version == api_version)
                    && (plural.eq_ignore_ascii_case(kind)
                        || objects.first().and_then(|object| object.get("kind")).and_then(Value::as_str) == Some(kind))
            })
            .flat_map(|(_, objects)| objects)
            .filter(move |object| namespace.is_empty() || namespace_of(object) == namespace)
    }

    fn knows(&self, api_version: &str, kind: &str) -> bool {
        self.whole || self.find(api_version, kind, "").next().is_some()
    }

    fn object(&self, question: &Question, api_version: &str, kind: &str, namespace: &str, name: &str) -> Result<Value, LookupError> {
        let found = self.find(api_version, kind, "").find(|object| {
            let own = namespace_of(object);
            name_of(object) == name
                && (own == namespace || (namespace.is_empty() && own == "default") || (own.is_empty() && namespace == "default"))
        });
        match found {
            Some(object) => Ok(object.clone()),
            None if self.knows(api_version, kind) => Err(LookupError::Absent(question.subject())),
            None => Err(unanswered(question)),
        }
    }

    fn objects(&self, question: &Question, api_version: &str, kind: &str, namespace: &str, selector: &str) -> Result<Value, LookupError> {
        if !self.knows(api_version, kind) {
            return Err(unanswered(question));
        }
        let selector = Selector::parse(selector).map_err(|error| LookupError::Unanswered(error.to_string()))?;
        let none = Value::null(Span::NONE);
        let mut found: Vec<Value> = Vec::new();
        for object in self.find(api_version, kind, namespace) {
            let labels = object.get("metadata").and_then(|metadata| metadata.get("labels")).unwrap_or(&none);
            if selector.matches(labels).map_err(|why| LookupError::Unanswered(why.to_string()))? {
                found.push(object.clone());
            }
        }
        found.sort_by(|a, b| (namespace_of(a), name_of(a)).cmp(&(namespace_of(b), name_of(b))));
        let single = found.first().and_then(|object| object.get("kind")).and_then(Value::as_str).unwrap_or(kind);
        let mut list = Map::new();
        list.insert("apiVersion", Span::NONE, Value::string(api_version, Span::NONE));
        list.insert("kind", Span::NONE, Value::string(format!("{single}List"), Span::NONE));
        list.insert("metadata", Span::NONE, Value::map(Map::new(), Span::NONE));
        list.insert("items", Span::NONE, Value::list(found, Span::NONE));
        Ok(Value::map(list, Span::NONE))
    }

    fn call(&self, question: &Question, method: &str, url: &str, body: Option<&Value>) -> Result<Value, LookupError> {
        let given = self.calls.iter().find(|(wanted, address, sent, _)| {
            wanted.eq_ignore_ascii_case(method) && address == url && (sent.is_none() || sent.as_ref() == body)
        });
        if let Some((.., answer)) = given {
            return Ok(answer.clone());
        }
        match api::parse(url) {
            Some(path) if method.eq_ignore_ascii_case("GET") && path.sub_resource.is_empty() => match &path.name {
                Some(name) => self.object(question, &path.api_version, &path.resource, &path.namespace, name),
                None => self.objects(question, &path.api_version, &path.resource, &path.namespace, &path.selector),
            },
            _ => Err(unanswered(question)),
        }
    }

    fn may(&self, question: &Question, user: &UserInfo, attributes: &[(Arc<str>, Value)]) -> Result<Value, LookupError> {
        let fits = |answer: &Value| {
            let who = answer.get("user").and_then(Value::as_str).is_none_or(|name| name == &*user.username);
            let group =
                answer.get("group_of_user").and_then(Value::as_str).is_none_or(|name| user.groups.iter().any(|group| **group == *name));
            who && group
                && answer.as_map().is_some_and(|map| {
                    map.iter()
                        .filter(|(key, _)| !matches!(&***key, "user" | "group_of_user" | "allowed" | "reason" | "errored"))
                        .all(|(key, entry)| attributes.iter().any(|(name, value)| name == key && *value == entry.value))
                })
        };
        let answer = self.access.iter().find(|answer| fits(answer)).ok_or_else(|| unanswered(question))?;
        let mut map = Map::new();
        for key in ["allowed", "reason", "errored"] {
            if let Some(value) = answer.get(key) {
                map.insert(key, Span::NONE, value.clone());
            }
        }
        Ok(Value::map(map, Span::NONE))
    }
}

fn items(value: &Value) -> &[Value] {
    match &value.data {
        Data::List(items) => items,
        Data::Null => &[],
        _ => std::slice::from_ref(value),
    }
}

fn metadata<'a>(object: &'a Value, key: &str) -> &'a str {
    object.get("metadata").and_then(|metadata| metadata.get(key)).and_then(Value::as_str).unwrap_or_default()
}

fn name_of(object: &Value) -> &str {
    metadata(object, "name")
}

fn namespace_of(object: &Value) -> &str {
    metadata(object, "namespace")
}

fn unanswered(question: &Question) -> LookupError {
    LookupError::Unanswered(format!("{} is not known here (give it with a lookup file)", question.subject()))
}

impl Lookup for Fixture {
    fn ask(&self, question: &Question) -> Result<Value, LookupError> {
        let known = |part: &HashMap<String, Value>, name: &str| part.get(name).cloned().ok_or_else(|| unanswered(question));
        match question {
            Question::Object { api_version, kind, namespace, name } => self.object(question, api_version, kind, namespace, name),
            Question::Objects { api_version, kind, namespace, selector } => self.objects(question, api_version, kind, namespace, selector),
            Question::Call { method, url, body } => self.call(question, method, url, body.as_ref()),
            Question::Image { reference } => known(&self.images, reference),
            Question::Global { name, projection } if projection.is_empty() => known(&self.global, name),
            Question::Global { name, projection } => known(&self.global, &format!("{name}.{projection}")).or_else(|error| {
                let whole = known(&self.global, name)?;
                whole.get(projection).cloned().ok_or(error)
            }),
            Question::Provider { name, keys } => {
                let answers = known(&self.providers, name)?;
                provider(&answers, keys)
            }
            Question::Access { user, attributes } => self.may(question, user, attributes),
            Question::Variable { policy, rule, name } if name.is_empty() => {
                let mut all = Map::new();
                for (of, in_rule, called, value) in &self.variables {
                    if (of.is_empty() || of == &**policy) && (in_rule.is_empty() || in_rule == &**rule) {
                        nest(&mut all, called, value.clone(), 16);
                    }
                }
                if all.is_empty() { Err(LookupError::Absent(question.subject())) } else { Ok(Value::map(all, Span::NONE)) }
            }
            Question::Variable { policy, rule, name } => self
                .variables
                .iter()
                .find(|(of, in_rule, called, _)| {
                    called == &**name && (of.is_empty() || of == &**policy) && (in_rule.is_empty() || in_rule == &**rule)
                })
                .map(|(.., value)| value.clone())
                .ok_or_else(|| LookupError::Absent(question.subject())),
            Question::Host { name } => known(&self.hosts, name),
            Question::Random { pattern } => known(&self.random, pattern),
        }
    }
}

/// Puts a value under a name, each dot of which leads one map deeper, down to a depth.
fn nest(map: &mut Map, name: &str, value: Value, depth: usize) {
    let (key, value) = match name.split_once('.') {
        Some((first, rest)) if depth > 0 => {
            let mut inner = map.get(first).and_then(Value::as_map).cloned().unwrap_or_default();
            nest(&mut inner, rest, value, depth - 1);
            (first, Value::map(inner, Span::NONE))
        }
        _ => (name, value),
    };
    map.insert(key, Span::NONE, value);
}

/// The answer of a provider: each key with what is given for it, else in `errors`.
fn provider(answers: &Value, keys: &[Value]) -> Result<Value, LookupError> {
    if answers.get("responses").is_some() || answers.get("system_error").is_some() {
        return Ok(answers.clone());
    }
    let (mut responses, mut errors) = (Vec::new(), Vec::new());
    for key in keys {
        let answer = key.as_str().and_then(|text| answers.get(text));
        match answer {
            Some(value) => match value.get("error") {
                Some(error) => errors.push(Value::list(vec![key.clone(), error.clone()], Span::NONE)),
                None => responses.push(Value::list(vec![key.clone(), value.clone()], Span::NONE)),
            },
            None => errors.push(Value::list(vec![key.clone(), Value::string("no answer is given for this key", Span::NONE)], Span::NONE)),
        }
    }
    let mut out = Map::new();
    out.insert("responses", Span::NONE, Value::list(responses, Span::NONE));
    out.insert("errors", Span::NONE, Value::list(errors, Span::NONE));
    out.insert("status_code", Span::NONE, Value::int(200, Span::NONE));
    out.insert("system_error", Span::NONE, Value::string("", Span::NONE));
    Ok(Value::map(out, Span::NONE))
}

#[cfg(test)]
mod tests {
    use super::*;
    use probity_value::{FileId, json, yaml};

    const FILE: &str = r#"
objects:
  - {apiVersion: v1, kind: ConfigMap, metadata: {name: allowed, namespace: default}, data: {roles: admin}}
  - {apiVersion: v1, kind: Pod, metadata: {name: a, namespace: one, labels: {app: web}}}
  - {apiVersion: v1, kind: Pod, metadata: {name: b, namespace: two, labels: {app: db}}}
  - {apiVersion: v1, kind: Namespace, metadata: {name: one, labels: {team: x}}}
calls: [{url: /version, answer: {major: "1"}}]
images: {"nginx:1.27": {manifest: {schemaVersion: 2}}}
global: {pods: [a, b]}
providers: {trusted: {good: "yes", bad: {error: "no"}}}
access: [{user: alice, verb: get, resource: secrets, allowed: true}]
variables: [{policy: p, name: allowed.data.roles, value: x}, {policy: p, rule: r, name: allowed.data.groups, value: y}]
"#;

    fn fixture(text: &str) -> Result<Fixture, Vec<FixtureError>> {
        Fixture::read(&yaml::parse(text, FileId::NONE).0.remove(0).value)
    }

    fn check(question: &Question, expected: Result<&str, &str>) {
        let answer = fixture(FILE).unwrap().ask(question);
        let answer = answer.map(|value| json::write(&value).unwrap()).map_err(|error| error.to_string());
        let expected = expected.map(|text| json::write(&json::parse(text, FileId::NONE).0).unwrap());
        assert_eq!(answer.as_deref().map_err(String::as_str), expected.as_deref().map_err(|text| *text), "{question:?}");
    }

    fn call(url: &str) -> Question {
        Question::Call { method: "GET".into(), url: url.into(), body: None }
    }

    #[test]
    fn objects_answer_for_themselves_for_lists_and_for_calls() {
        let pods = |namespace: &str, selector: &str| Question::Objects {
            api_version: "v1".into(),
            kind: "Pod".into(),
            namespace: namespace.into(),
            selector: selector.into(),
        };
        let a = r#"{"apiVersion":"v1","kind":"Pod","metadata":{"name":"a","namespace":"one","labels":{"app":"web"}}}"#;
        let list = |items: &str| format!(r#"{{"apiVersion":"v1","kind":"PodList","metadata":{{}},"items":[{items}]}}"#);
        check(&pods("one", ""), Ok(&list(a)));
        check(&pods("", "app=web"), Ok(&list(a)));
        check(&pods("three", ""), Ok(&list("")));
        check(&call("/api/v1/namespaces/one/pods/a"), Ok(a));
        check(&call("/api/v1/pods?labelSelector=app%3Dweb"), Ok(&list(a)));
        check(&call("/version"), Ok(r#"{"major":"1"}"#));
        check(&call("/api/v1/namespaces/one/pods/c"), Err("the answer to `GET /api/v1/namespaces/one/pods/c` does not exist"));
        check(
            &call("/apis/apps/v1/deployments"),
            Err("the answer to `GET /apis/apps/v1/deployments` is not known here (give it with a lookup file)"),
        );
    }

    #[test]
    fn what_is_not_given_stays_unanswered() {
        check(&Question::Image { reference: "nginx:1.27".into() }, Ok(r#"{"manifest":{"schemaVersion":2}}"#));
        check(
            &Question::Image { reference: "other".into() },
            Err("what the registry says of `other` is not known here (give it with a lookup file)"),
        );
        check(&Question::Global { name: "pods".into(), projection: "".into() }, Ok(r#"["a","b"]"#));
        let variable = |policy: &str| Question::Variable { policy: policy.into(), rule: "r".into(), name: "allowed.data.roles".into() };
        check(&variable("p"), Ok("\"x\""));
        let all = |rule: &str| Question::Variable { policy: "p".into(), rule: rule.into(), name: "".into() };
        check(&all("r"), Ok(r#"{"allowed":{"data":{"roles":"x","groups":"y"}}}"#));
        check(&all("s"), Ok(r#"{"allowed":{"data":{"roles":"x"}}}"#));
        check(&variable("q"), Err("a given value of `allowed.data.roles` does not exist"));
        let keys = vec![Value::string("good", Span::NONE), Value::string("bad", Span::NONE), Value::string("odd", Span::NONE)];
        check(
            &Question::Provider { name: "trusted".into(), keys },
            Ok(
                r#"{"responses":[["good","yes"]],"errors":[["bad","no"],["odd","no answer is given for this key"]],"status_code":200,"system_error":""}"#,
            ),
        );
        let access = |verb: &str| Question::Access {
            user: UserInfo { username: "alice".into(), ..UserInfo::default() },
            attributes: vec![("verb".into(), Value::string(verb, Span::NONE)), ("resource".into(), Value::string("secrets", Span::NONE))],
        };
        check(&access("get"), Ok(r#"{"allowed":true}"#));
        check(&access("delete"), Err("what `alice` may do is not known here (give it with a lookup file)"));
    }

    #[test]
    fn wrong_files_are_refused_with_places() {
        let check = |text: &str, expected: &str| {
            let errors: Vec<String> = fixture(text).unwrap_err().iter().map(ToString::to_string).collect();
            assert_eq!(errors, [expected], "{text}");
        };
        check("objects: [{kind: Pod}]", "an object needs `apiVersion`, `kind` and `metadata.name`");
        check("calls: [{url: /x}]", "a call needs `url` and `answer`");
        check("objekts: []", "`objekts` is none of objects, calls, images, global, providers, access, variables, hosts, random");
        check("images: 3", "this is a map from names to answers");
        check("access: [{user: a}]", "an answer about access needs `allowed: true` or `false`");
    }
}
