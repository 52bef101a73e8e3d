//! Values a test gives to variables, labels of namespaces, and who asks.

use std::sync::Arc;

use probity_core::{GroupVersionKind, Operation, Request, UserInfo};
use probity_value::{Data, Map, Span, Value};

use super::load::Loader;
use super::{text_of, texts};

/// The values of one test.
#[derive(Debug, Default)]
pub(super) struct Values {
    globals: Vec<(Arc<str>, Value)>,
    /// Policy, resource, values.
    by_resource: Vec<(Arc<str>, Arc<str>, Value)>,
    /// Policy, rule, values.
    by_rule: Vec<(Arc<str>, Arc<str>, Value)>,
    /// Name and object.
    namespaces: Vec<(Arc<str>, Value)>,
    /// Sub-resource kind, and the kind and name it belongs to.
    sub_resources: Vec<(GroupVersionKind, GroupVersionKind, Arc<str>)>,
    user: Option<(UserInfo, Value)>,
}

/// What is given for one policy and resource.
#[derive(Debug, Default)]
pub(super) struct Given {
    /// Variables, names with dots taken apart.
    pub(super) variables: Map,
    /// Parts of the object, in the same way under `request`.
    overlay: Map,
    operation: Option<Arc<str>>,
}

/// Puts a value under a name with dots; parts in quotes may have dots in them.
pub(super) fn put(map: &mut Map, name: &str, value: Value) {
    let mut parts: Vec<String> = vec![String::new()];
    let mut quoted = false;
    for sign in name.chars() {
        match sign {
            '"' => quoted = !quoted,
            '.' if !quoted => parts.push(String::new()),
            sign => {
                if let Some(part) = parts.last_mut() {
                    part.push(sign);
                }
            }
        }
    }
    merge(map, &parts, value);
}

fn merge(map: &mut Map, parts: &[String], value: Value) {
    let Some((first, rest)) = parts.split_first() else { return };
    let known = map.get(first).cloned();
    let merged = if rest.is_empty() {
        match known {
            Some(known) => merged(&known, value),
            None => value,
        }
    } else {
        let mut inner = known.as_ref().and_then(Value::as_map).cloned().unwrap_or_default();
        merge(&mut inner, rest, value);
        Value::map(inner, Span::NONE)
    };
    map.insert(first.as_str(), Span::NONE, merged);
}

/// Maps merged into maps; everything else replaced.
fn merged(known: &Value, value: Value) -> Value {
    match (known.as_map(), value.as_map()) {
        (Some(known), Some(new)) => {
            let mut out = known.clone();
            for (key, entry) in new.iter() {
                let inner = match known.get(key) {
                    Some(old) => merged(old, entry.value.clone()),
                    None => entry.value.clone(),
                };
                out.insert(Arc::clone(key), entry.key, inner);
            }
            Value::map(out, value.span)
        }
        _ => value,
    }
}

impl Values {
    pub(super) fn load(loader: &mut Loader<'_>, test: &Value) -> Values {
        let mut values = Values::default();
        let inline = test.get("values").filter(|inline| !inline.is_null()).cloned();
        let file = text_of(test, "variables").filter(|path| !path.is_empty());
        let source = inline.or_else(|| file.and_then(|path| loader.documents_beside(&path).into_iter().next()));
        if let Some(source) = source {
            values.read(&source);
        }
        if let Some(path) = text_of(test, "userinfo").filter(|path| !path.is_empty()) {
            values.user = loader.documents_beside(&path).first().map(user);
        }
        values
    }

    fn read(&mut self, source: &Value) {
        let items = |value: &Value, key: &str| value.get(key).and_then(Value::as_list).unwrap_or_default().to_vec();
        if let Some(globals) = source.get("globalValues").and_then(Value::as_map) {
            self.globals.extend(globals.iter().map(|(name, entry)| (Arc::clone(name), entry.value.clone())));
        }
        for policy in items(source, "policies") {
            let Some(name) = text_of(&policy, "name") else { continue };
            for resource in items(&policy, "resources") {
                if let (Some(of), Some(given)) = (text_of(&resource, "name"), resource.get("values")) {
                    self.by_resource.push((Arc::clone(&name), of, given.clone()));
                }
            }
            for rule in items(&policy, "rules") {
                let Some(of) = text_of(&rule, "name") else { continue };
                if let Some(given) = rule.get("values") {
                    self.by_rule.push((Arc::clone(&name), Arc::clone(&of), given.clone()));
                }
                // Of values for loops, the first is taken.
                if let Some(each) = rule.get("foreachValues").and_then(Value::as_map) {
                    let mut first = Map::new();
                    for (key, entry) in each.iter() {
                        if let Some(value) = entry.value.as_list().and_then(<[Value]>::first) {
                            first.insert(Arc::clone(key), entry.key, value.clone());
                        }
                    }
                    self.by_rule.push((Arc::clone(&name), of, Value::map(first, Span::NONE)));
                }
            }
        }
        for namespace in items(source, "namespaces") {
            let name = namespace.get("metadata").and_then(|metadata| metadata.get("name")).and_then(Value::as_str);
            if let Some(name) = name {
                self.namespaces.push((name.into(), namespace.clone()));
            }
        }
        for selector in items(source, "namespaceSelector") {
            if let Some(name) = text_of(&selector, "name") {
                let labels = selector.get("labels").cloned();
                self.namespaces.push((Arc::clone(&name), namespace_object(&name, labels)));
            }
        }
        for entry in items(source, "subresources") {
            let resource = |key: &str| {
                let part = entry.get(key)?;
                let text = |key: &str| text_of(part, key).unwrap_or_else(|| "".into());
                let kind = GroupVersionKind { group: text("group"), version: text("version"), kind: text("kind") };
                Some((kind, text("name")))
            };
            if let (Some((kind, name)), Some((parent, _))) = (resource("subresource"), resource("parentResource")) {
                self.sub_resources.push((kind, parent, name));
            }
        }
    }

    /// What is given for a policy and a resource.
    pub(super) fn of(&self, policy: &str, resource: &str) -> Given {
        let mut given = Given::default();
        let for_resource =
            self.by_resource.iter().filter(|(of, name, _)| **of == *policy && **name == *resource).map(|(_, _, values)| values);
        let named =
            for_resource.filter_map(Value::as_map).flat_map(|map| map.iter().map(|(name, entry)| (Arc::clone(name), entry.value.clone())));
        for (name, value) in self.globals.iter().cloned().chain(named) {
            let within = |part: &str| name.strip_prefix(part).is_some_and(|rest| rest.is_empty() || rest.starts_with('.'));
            if *name == *"request.operation" {
                given.operation = value.as_str().map(Arc::from);
                // What the request says itself is not given once more: rules may look at it as another request.
                if !matches!(value.as_str(), Some("CREATE" | "UPDATE" | "DELETE")) {
                    put(&mut given.variables, &name, value);
                }
            } else if within("request.object") || within("request.oldObject") {
                put(&mut given.overlay, &name, value);
            } else {
                put(&mut given.variables, &name, value);
            }
        }
        given
    }

    /// Values given for a rule, or the rule another one was made of.
    pub(super) fn of_rule(&self, policy: &str, rule: &str) -> impl Iterator<Item = &Map> {
        let bare: Vec<String> = [Some(rule), rule.strip_prefix("autogen-"), rule.strip_prefix("autogen-cronjob-")]
            .into_iter()
            .flatten()
            .map(str::to_owned)
            .collect();
        let policy = policy.to_owned();
        self.by_rule
            .iter()
            .filter(move |(of, name, _)| **of == *policy && bare.iter().any(|bare| **bare == **name))
            .filter_map(|(_, _, values)| values.as_map())
    }

    /// A namespace that is described.
    pub(super) fn namespace(&self, name: &str) -> Option<&Value> {
        self.namespaces.iter().find(|(known, _)| **known == *name).map(|(_, object)| object)
    }

    /// The request a test makes about an object.
    pub(super) fn request(&self, object: &Value, given: &Given, operation: Option<Operation>) -> Request {
        let word = given.operation.as_deref().unwrap_or("CREATE");
        let operation = operation.unwrap_or(match word {
            "UPDATE" => Operation::Update,
            "DELETE" => Operation::Delete,
            _ => Operation::Create,
        });
        let overlaid = |key: &str, object: &Value| {
            let overlay = given.overlay.get("request").and_then(|request| request.get(key)).filter(|overlay| !overlay.is_null());
            overlay.map_or_else(|| object.clone(), |overlay| merged(object, overlay.clone()))
        };
        let mut request = Request::create(object.clone());
        request.operation = operation;
        let null = Value::null(Span::NONE);
        (request.object, request.old_object) = match operation {
            Operation::Update => (overlaid("object", object), overlaid("oldObject", object)),
            Operation::Delete => (null, overlaid("oldObject", object)),
            _ => (overlaid("object", object), null),
        };
        if !request.namespace.is_empty() {
            let described = self.namespace(&request.namespace).cloned();
            request.namespace_object = Some(described.unwrap_or_else(|| namespace_object(&request.namespace, None)));
        }
        if let Some((_, parent, name)) = self.sub_resources.iter().find(|(kind, _, _)| *kind == request.kind) {
            request.sub_resource = name.rsplit('/').next().unwrap_or_default().into();
            request.resource = probity_core::GroupVersionResource {
                group: Arc::clone(&parent.group),
                version: Arc::clone(&parent.version),
                resource: probity_kubernetes::schema::plural(parent).into(),
            };
        }
        if let Some((user, _)) = &self.user {
            request.user = user.clone();
        }
        request
    }
}

/// A namespace with labels.
fn namespace_object(name: &str, labels: Option<Value>) -> Value {
    let none = Span::NONE;
    let mut metadata = Map::new();
    metadata.insert("name", none, Value::string(name, none));
    if let Some(labels) = labels {
        metadata.insert("labels", none, labels);
    }
    let mut map = Map::new();
    map.insert("apiVersion", none, Value::string("v1", none));
    map.insert("kind", none, Value::string("Namespace", none));
    map.insert("metadata", none, Value::map(metadata, none));
    Value::map(map, none)
}

/// Reads who asks.
fn user(source: &Value) -> (UserInfo, Value) {
    let null = Value::null(Span::NONE);
    let info = source.get("userInfo").unwrap_or(&null);
    let text = |key: &str| text_of(info, key).unwrap_or_else(|| "".into());
    let extra = match info.get("extra").map(|extra| &extra.data) {
        Some(Data::Map(map)) => map
            .iter()
            .map(|(key, entry)| {
                let values = entry.value.as_list().unwrap_or_default().iter().filter_map(Value::as_str).map(Arc::from).collect();
                (Arc::clone(key), values)
            })
            .collect(),
        _ => Vec::new(),
    };
    let user = UserInfo {
        username: text("username"),
        uid: text("uid"),
        groups: texts(info, "groups"),
        extra,
        roles: texts(source, "roles"),
        cluster_roles: texts(source, "clusterRoles"),
    };
    (user, info.clone())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_with_dots_nest() {
        let mut map = Map::new();
        put(&mut map, "a.b", Value::int(1, Span::NONE));
        put(&mut map, "a.c", Value::int(2, Span::NONE));
        put(&mut map, "\"x.y\".z", Value::int(3, Span::NONE));
        let a = map.get("a").unwrap();
        assert_eq!(a.get("b").and_then(Value::as_int), Some(1));
        assert_eq!(a.get("c").and_then(Value::as_int), Some(2));
        assert_eq!(map.get("x.y").and_then(|value| value.get("z")).and_then(Value::as_int), Some(3));
    }
}
