//! What a constraint judges: one object or admission request, and the form of it that policies see as `input.review`.

use std::borrow::Cow;
use std::sync::{Arc, LazyLock};

use probity_core::{GroupVersionKind, GroupVersionResource, Operation, Request, UserInfo};
use probity_value::{Data, Map, Span, Value};

use crate::matching::Origin;
use crate::read;

/// One object or request under review.
#[derive(Clone, Debug)]
pub(crate) struct Review<'a> {
    form: Form<'a>,
    /// The object as Rego sees it: on deletion the old one.
    pub(crate) object: Value,
    /// The object as it was; null where there is none.
    pub(crate) old_object: Value,
    /// What is done; nothing where a lone object is tested.
    pub(crate) operation: Option<Operation>,
    /// The namespace named by the request.
    pub(crate) namespace: Arc<str>,
    /// The namespace object, where it is known.
    pub(crate) namespace_object: Option<Value>,
    /// Whether it was written by somebody or made of another object.
    pub(crate) origin: Origin,
}

/// What was given.
#[derive(Clone, Debug)]
enum Form<'a> {
    /// A request.
    Request(&'a Request),
    /// A lone object.
    Object,
    /// The request of an `AdmissionReview`, as `input.review`.
    Admission(Value),
}

macro_rules! keys {
    ($($name:ident = $text:literal),+ $(,)?) => {
        struct Keys { $($name: Arc<str>),+ }
        static KEYS: LazyLock<Keys> = LazyLock::new(|| Keys { $($name: Arc::from($text)),+ });
    };
}

keys! {
    uid = "uid", kind = "kind", group = "group", version = "version", resource = "resource", sub_resource = "subResource", name = "name",
    namespace = "namespace", operation = "operation", user_info = "userInfo", username = "username", groups = "groups", extra = "extra",
    object = "object", old_object = "oldObject", dry_run = "dryRun", options = "options", namespace_object = "namespaceObject",
    review = "review", parameters = "parameters",
}

fn put(map: &mut Map, key: &Arc<str>, value: Value) {
    map.insert(Arc::clone(key), Span::NONE, value);
}

fn text(value: &Arc<str>) -> Value {
    Value::new(Data::String(Arc::clone(value)), Span::NONE)
}

fn null() -> Value {
    Value::null(Span::NONE)
}

/// The namespace object where there is none, or it is not known: an empty map.
fn nothing() -> Value {
    Value::map(Map::new(), Span::NONE)
}

fn map(entries: Vec<(&Arc<str>, Value)>) -> Value {
    let mut out = Map::new();
    for (key, value) in entries {
        put(&mut out, key, value);
    }
    Value::map(out, Span::NONE)
}

/// `input`: the review and the parameters of a constraint.
pub(crate) fn input(review: &Value, parameters: &Value) -> Value {
    let keys = &*KEYS;
    map(vec![(&keys.review, review.clone()), (&keys.parameters, parameters.clone())])
}

/// A deletion without the object that is deleted.
pub(crate) const NO_OLD_OBJECT: &str = "oldObject cannot be nil for DELETE operations";

impl<'a> Review<'a> {
    /// The review of a request, as Gatekeeper's webhook makes it.
    pub(crate) fn of(request: &'a Request) -> Result<Review<'a>, String> {
        let object = if request.operation == Operation::Delete {
            if request.old_object.is_null() {
                return Err(NO_OLD_OBJECT.to_owned());
            }
            request.old_object.clone()
        } else {
            request.object.clone()
        };
        Ok(Review {
            form: Form::Request(request),
            object,
            old_object: request.old_object.clone(),
            operation: Some(request.operation),
            namespace: Arc::clone(&request.namespace),
            namespace_object: request.namespace_object.clone(),
            origin: if request.generated { Origin::Generated } else { Origin::Original },
        })
    }

    /// The review of a lone object, as `gator` makes it: no operation, no user.
    pub(crate) fn of_object(object: &Value, origin: Origin) -> Review<'static> {
        Review {
            form: Form::Object,
            object: object.clone(),
            old_object: null(),
            operation: None,
            namespace: read::namespace_of(object).into(),
            namespace_object: None,
            origin,
        }
    }

    /// The review of the request of an `AdmissionReview`, which is read strictly.
    pub(crate) fn of_admission(review: &Value) -> Result<Review<'static>, String> {
        let keys = &*KEYS;
        let not = |why: &str| format!("not a valid AdmissionReview object: {why}");
        let root = review.as_map().ok_or_else(|| not("it is no map"))?;
        refuse_unknown(root, &["apiVersion", "kind", "request", "response", "metadata"], "").map_err(|why| not(&why))?;
        let request = root.get("request").filter(|request| !request.is_null());
        let request = request.ok_or("missing an AdmissionRequest object: request did not actually pass in an AdmissionRequest")?;
        let request = request.as_map().ok_or_else(|| not("`request` is no map"))?;
        check_request(request).map_err(|why| not(&why))?;
        let given = |key: &str| request.get(key).filter(|value| !value.is_null());
        let (object, old_object) = (given("object"), given("oldObject"));
        if object.is_none() && old_object.is_none() {
            return Err("no object or oldObject found to review".to_owned());
        }
        for part in [object, old_object].into_iter().flatten() {
            if part.as_map().is_none() || read::kind_of(part).is_empty() {
                return Err("object or oldObject cannot be unmarshalled: `kind` is missing".to_owned());
            }
        }
        let word = given("operation").and_then(Value::as_str).unwrap_or_default();
        let operation = word.parse::<Operation>().ok();
        let old_object = old_object.cloned().unwrap_or_else(null);
        let object = match operation {
            Some(Operation::Delete) if old_object.is_null() => return Err(NO_OLD_OBJECT.to_owned()),
            Some(Operation::Delete) => old_object.clone(),
            _ => object.cloned().unwrap_or_else(null),
        };
        let mut out = Map::new();
        let empty = || Value::string("", Span::NONE);
        put(&mut out, &keys.uid, given("uid").cloned().unwrap_or_else(empty));
        let triple = |key: &Arc<str>, third: &Arc<str>| {
            let part = |name: &Arc<str>| given(key).and_then(|value| value.get(name)).cloned().unwrap_or_else(empty);
            map(vec![(&keys.group, part(&keys.group)), (&keys.version, part(&keys.version)), (third, part(third))])
        };
        put(&mut out, &keys.kind, triple(&keys.kind, &keys.kind));
        put(&mut out, &keys.resource, triple(&keys.resource, &keys.resource));
        for key in ["subResource", "requestKind", "requestResource", "requestSubResource", "name", "namespace", "dryRun"] {
            if let Some(value) = given(key).filter(|value| value.as_str() != Some("")) {
                out.insert(key, Span::NONE, value.clone());
            }
        }
        put(&mut out, &keys.operation, given("operation").cloned().unwrap_or_else(empty));
        put(&mut out, &keys.user_info, given("userInfo").cloned().unwrap_or_else(|| Value::map(Map::new(), Span::NONE)));
        put(&mut out, &keys.object, object.clone());
        put(&mut out, &keys.old_object, old_object.clone());
        put(&mut out, &keys.options, given("options").cloned().unwrap_or_else(null));
        put(&mut out, &keys.namespace_object, nothing());
        Ok(Review {
            form: Form::Admission(Value::map(out, Span::NONE)),
            object,
            old_object,
            operation,
            namespace: given("namespace").and_then(Value::as_str).unwrap_or_default().into(),
            namespace_object: None,
            origin: Origin::Original,
        })
    }

    /// `input.review`, with `namespaceObject`.
    pub(crate) fn input(&self) -> Value {
        match &self.form {
            Form::Request(request) => input_of_request(request, &self.object),
            Form::Object => input_of_object(&self.object, &self.namespace),
            Form::Admission(input) => input.clone(),
        }
    }

    /// The request, as expressions see it. On deletion there is no object in it.
    pub(crate) fn request(&self) -> Cow<'a, Request> {
        match &self.form {
            Form::Request(request) => Cow::Borrowed(request),
            Form::Object => Cow::Owned(Request { generated: self.origin == Origin::Generated, ..Request::create(self.object.clone()) }),
            Form::Admission(input) => Cow::Owned(self.request_of(input)),
        }
    }

    fn request_of(&self, input: &Value) -> Request {
        let text = |path: &[&str]| Arc::<str>::from(read::text_at(input, path));
        let texts = |value: Option<&Value>| -> Vec<Arc<str>> {
            value.and_then(Value::as_list).into_iter().flatten().filter_map(Value::as_str).map(Arc::from).collect()
        };
        let extra = read::at_path(input, &["userInfo", "extra"]).and_then(Value::as_map);
        Request {
            uid: text(&["uid"]),
            kind: GroupVersionKind { group: text(&["kind", "group"]), version: text(&["kind", "version"]), kind: text(&["kind", "kind"]) },
            resource: GroupVersionResource {
                group: text(&["resource", "group"]),
                version: text(&["resource", "version"]),
                resource: text(&["resource", "resource"]),
            },
            sub_resource: text(&["subResource"]),
            name: text(&["name"]),
            namespace: text(&["namespace"]),
            operation: self.operation.unwrap_or_default(),
            user: UserInfo {
                username: text(&["userInfo", "username"]),
                uid: text(&["userInfo", "uid"]),
                groups: texts(read::at_path(input, &["userInfo", "groups"])),
                extra: extra.into_iter().flat_map(Map::iter).map(|(key, entry)| (Arc::clone(key), texts(Some(&entry.value)))).collect(),
                ..UserInfo::default()
            },
            object: if self.operation == Some(Operation::Delete) { null() } else { self.object.clone() },
            old_object: self.old_object.clone(),
            options: input.get("options").cloned().unwrap_or_else(null),
            dry_run: input.get("dryRun").and_then(Value::as_bool).unwrap_or_default(),
            namespace_object: self.namespace_object.clone(),
            generated: false,
        }
    }

    /// The object and the old object that criteria are held against.
    pub(crate) fn candidates(&self) -> impl Iterator<Item = &Value> {
        [&self.object, &self.old_object].into_iter().filter(|object| !object.is_null())
    }
}

fn input_of_request(request: &Request, object: &Value) -> Value {
    let keys = &*KEYS;
    let mut out = Map::new();
    put(&mut out, &keys.uid, text(&request.uid));
    let kind = &request.kind;
    put(
        &mut out,
        &keys.kind,
        map(vec![(&keys.group, text(&kind.group)), (&keys.version, text(&kind.version)), (&keys.kind, text(&kind.kind))]),
    );
    let resource = &request.resource;
    put(
        &mut out,
        &keys.resource,
        map(vec![
            (&keys.group, text(&resource.group)),
            (&keys.version, text(&resource.version)),
            (&keys.resource, text(&resource.resource)),
        ]),
    );
    for (key, value) in [(&keys.sub_resource, &request.sub_resource), (&keys.name, &request.name), (&keys.namespace, &request.namespace)] {
        if !value.is_empty() {
            put(&mut out, key, text(value));
        }
    }
    put(&mut out, &keys.operation, Value::string(request.operation.as_str(), Span::NONE));
    put(&mut out, &keys.user_info, user(request));
    put(&mut out, &keys.object, object.clone());
    put(&mut out, &keys.old_object, request.old_object.clone());
    put(&mut out, &keys.dry_run, Value::bool(request.dry_run, Span::NONE));
    put(&mut out, &keys.options, request.options.clone());
    put(&mut out, &keys.namespace_object, request.namespace_object.clone().unwrap_or_else(nothing));
    Value::map(out, Span::NONE)
}

fn input_of_object(object: &Value, namespace: &Arc<str>) -> Value {
    let keys = &*KEYS;
    let name = Arc::<str>::from(read::name_of(object));
    let empty = Value::string("", Span::NONE);
    let part = |text: &str| Value::string(text, Span::NONE);
    let mut out = Map::new();
    put(&mut out, &keys.uid, empty.clone());
    put(
        &mut out,
        &keys.kind,
        map(vec![
            (&keys.group, part(read::group_of(object))),
            (&keys.version, part(read::version_of(object))),
            (&keys.kind, part(read::kind_of(object))),
        ]),
    );
    let none = vec![(&keys.group, empty.clone()), (&keys.version, empty.clone()), (&keys.resource, empty.clone())];
    put(&mut out, &keys.resource, map(none));
    for (key, value) in [(&keys.name, &name), (&keys.namespace, namespace)] {
        if !value.is_empty() {
            put(&mut out, key, text(value));
        }
    }
    put(&mut out, &keys.operation, empty);
    put(&mut out, &keys.user_info, Value::map(Map::new(), Span::NONE));
    put(&mut out, &keys.object, object.clone());
    for key in [&keys.old_object, &keys.options] {
        put(&mut out, key, null());
    }
    put(&mut out, &keys.namespace_object, nothing());
    Value::map(out, Span::NONE)
}

fn user(request: &Request) -> Value {
    let keys = &*KEYS;
    let user = &request.user;
    let mut out = Map::new();
    if !user.username.is_empty() {
        put(&mut out, &keys.username, text(&user.username));
    }
    if !user.uid.is_empty() {
        put(&mut out, &keys.uid, text(&user.uid));
    }
    let texts = |items: &[Arc<str>]| Value::list(items.iter().map(text).collect(), Span::NONE);
    if !user.groups.is_empty() {
        put(&mut out, &keys.groups, texts(&user.groups));
    }
    if !user.extra.is_empty() {
        let entries = user.extra.iter().map(|(key, values)| (key, texts(values))).collect();
        put(&mut out, &keys.extra, map(entries));
    }
    Value::map(out, Span::NONE)
}

fn refuse_unknown(map: &Map, known: &[&str], path: &str) -> Result<(), String> {
    match map.keys().find(|key| !known.contains(&&***key)) {
        None => Ok(()),
        Some(key) => Err(format!("unknown field `{path}{key}`")),
    }
}

/// The types of the fields of a request.
fn check_request(request: &Map) -> Result<(), String> {
    let texts = ["uid", "subResource", "requestSubResource", "name", "namespace", "operation"];
    let triples = ["kind", "resource", "requestKind", "requestResource"];
    let rest = ["userInfo", "object", "oldObject", "dryRun", "options"];
    let known: Vec<&str> = texts.iter().chain(&triples).chain(&rest).copied().collect();
    refuse_unknown(request, &known, "request.")?;
    for (key, entry) in request.iter().filter(|(_, entry)| !entry.value.is_null()) {
        let wrong = || format!("`request.{key}` is a {}", entry.value.type_name());
        if texts.contains(&&**key) {
            entry.value.as_str().ok_or_else(wrong)?;
        } else if triples.contains(&&**key) {
            let third = if key.ends_with("ind") { "kind" } else { "resource" };
            let map = entry.value.as_map().ok_or_else(wrong)?;
            refuse_unknown(map, &["group", "version", third], &format!("request.{key}."))?;
            map.values().try_for_each(|value| value.as_str().map(|_| ()).ok_or_else(wrong))?;
        } else if **key == *"dryRun" {
            entry.value.as_bool().ok_or_else(wrong)?;
        } else {
            let map = entry.value.as_map().ok_or_else(wrong)?;
            if **key == *"userInfo" {
                refuse_unknown(map, &["username", "uid", "groups", "extra"], "request.userInfo.")?;
                let text = |value: &Value| value.is_null() || value.as_str().is_some();
                let texts = |value: &Value| value.is_null() || value.as_list().is_some_and(|items| items.iter().all(text));
                let lists = |value: &Value| value.is_null() || value.as_map().is_some_and(|map| map.values().all(texts));
                let fits = ["username", "uid"].iter().all(|key| map.get(key).is_none_or(text))
                    && map.get("groups").is_none_or(texts)
                    && map.get("extra").is_none_or(lists);
                if !fits {
                    return Err("`request.userInfo` does not have the types of its fields".to_owned());
                }
            }
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;
    use probity_core::GroupVersionKind;
    use probity_value::FileId;

    fn value(text: &str) -> Value {
        probity_value::yaml::parse(text, FileId::NONE).0.into_iter().next().map(|document| document.value).unwrap()
    }

    fn written(value: &Value) -> String {
        probity_value::json::write(value).unwrap()
    }

    #[test]
    fn a_lone_object_has_no_operation_and_no_user() {
        let review =
            Review::of_object(&value("{apiVersion: apps/v1, kind: Deployment, metadata: {name: a, namespace: b}}"), Origin::Original);
        let expected = concat!(
            r#"{"kind":{"group":"apps","kind":"Deployment","version":"v1"},"name":"a","namespace":"b","namespaceObject":{},"#,
            r#""object":{"apiVersion":"apps/v1","kind":"Deployment","metadata":{"name":"a","namespace":"b"}},"oldObject":null,"#,
            r#""operation":"","options":null,"resource":{"group":"","resource":"","version":""},"uid":"","userInfo":{}}"#
        );
        assert_eq!(written(&review.input()), expected);
    }

    #[test]
    fn a_deleted_object_is_the_object_too() {
        let mut request = Request::create(value("{apiVersion: v1, kind: Pod, metadata: {name: a}}"));
        request.operation = Operation::Delete;
        std::mem::swap(&mut request.object, &mut request.old_object);
        let review = Review::of(&request).unwrap();
        let input = review.input();
        assert_eq!(input.get("object"), input.get("oldObject"));
        assert_eq!(input.get("operation").and_then(Value::as_str), Some("DELETE"));
        request.old_object = Value::null(Span::NONE);
        assert_eq!(Review::of(&request).unwrap_err(), NO_OLD_OBJECT);
        request.kind = GroupVersionKind::of("v1", "Pod");
    }

    #[test]
    fn admission_reviews_are_read_strictly() {
        let check = |text: &str, expected: &str| {
            let found = Review::of_admission(&value(text)).map(|review| written(&review.input()));
            match found {
                Ok(found) => assert!(found.contains(expected), "{text}: {found}"),
                Err(found) => assert!(found.contains(expected), "{text}: {found}"),
            }
        };
        check("{kind: AdmissionReview, request: {operation: CREATE, object: {kind: Pod}}}", r#""operation":"CREATE""#);
        check("{kind: AdmissionReview, request: {object: {kind: Pod}, userInfo: {username: u}}}", r#""userInfo":{"username":"u"}"#);
        check("{kind: AdmissionReview, request: {operation: DELETE, oldObject: {kind: Pod}}}", r#""object":{"kind":"Pod"}"#);
        check("{kind: AdmissionReview}", "missing an AdmissionRequest");
        check("{kind: AdmissionReview, request: {operation: CREATE}}", "no object or oldObject");
        check("{kind: AdmissionReview, request: {object: {}}}", "`kind` is missing");
        check("{kind: AdmissionReview, request: {operaton: CREATE}}", "unknown field `request.operaton`");
        check("{kind: AdmissionReview, request: {operation: DELETE, object: {kind: Pod}}}", NO_OLD_OBJECT);
    }
}
