//! `match` and `exclude`: which requests a rule is about.

use std::sync::Arc;

use probity_core::{GroupVersionKind, Operation, Request, UserInfo};
use probity_kubernetes::{Selector, schema, wildcard};
use probity_value::{Data, Map, Value};

use crate::read::Reader;

/// A kind as policies select it: `apps/v1/Deployment`, `Pod/exec`, `*`.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct KindSelector {
    /// Group; may have wildcards, as the others.
    pub group: Arc<str>,
    /// Version.
    pub version: Arc<str>,
    /// Kind.
    pub kind: Arc<str>,
    /// Sub-resource; empty for the whole object.
    pub sub_resource: Arc<str>,
}

/// Whether a text is a version (`v1`, `v1beta1`) or `*`.
fn is_version(text: &str) -> bool {
    if text == "*" {
        return true;
    }
    let Some(rest) = text.strip_prefix('v') else { return false };
    let digit = |text: &str| text.len() == 1 && text.bytes().all(|byte| byte.is_ascii_digit());
    match rest.get(..1) {
        Some(first) if digit(first) => {
            let rest = rest.get(1..).unwrap_or_default();
            rest.is_empty() || ["alpha", "beta"].iter().any(|word| rest.strip_prefix(word).is_some_and(digit))
        }
        _ => false,
    }
}

impl KindSelector {
    /// Reads a selector; one with too many parts selects nothing.
    #[must_use]
    pub fn parse(text: &str) -> KindSelector {
        let (head, last) = text.rsplit_once('/').map_or((None, text), |(head, last)| (Some(head), last));
        let mut parts: Vec<&str> = head.map(|head| head.split('/').collect()).unwrap_or_default();
        parts.extend(last.split('.'));
        let of = |group: &str, version: &str, kind: &str, sub: &str| KindSelector {
            group: group.into(),
            version: version.into(),
            kind: kind.into(),
            sub_resource: sub.into(),
        };
        match *parts.as_slice() {
            [kind] => of("*", "*", kind, ""),
            ["*", "*"] => of("*", "*", "*", "*"),
            ["*", sub] if sub.to_lowercase() == sub => of("*", "*", "*", sub),
            [version, kind] if is_version(version) => of("*", version, kind, ""),
            [kind, sub] => of("*", "*", kind, sub),
            [version, kind, sub] if is_version(version) => of("*", version, kind, sub),
            [group, version, kind] => of(group, version, kind, ""),
            [group, version, kind, sub] => of(group, version, kind, sub),
            _ => of("", "", "", ""),
        }
    }

    fn fits(&self, kind: &GroupVersionKind, sub_resource: &str) -> bool {
        wildcard::matches(&self.group, &kind.group)
            && wildcard::matches(&self.version, &kind.version)
            && wildcard::matches(&self.kind, &kind.kind)
            && (wildcard::matches(&self.sub_resource, sub_resource)
                // Ephemeral containers are matched by a policy about pods, named or not.
                || (sub_resource == "ephemeralcontainers" && kind.group.is_empty() && &*kind.version == "v1" && &*kind.kind == "Pod"))
    }
}

/// A label selector; one with wildcards can be made only where the labels are known.
#[derive(Clone, Debug)]
enum LabelSelector {
    Fixed(Selector),
    Wild(Value),
}

impl LabelSelector {
    fn read(reader: &mut Reader, map: &Map, key: &str) -> Option<LabelSelector> {
        let value = Reader::get(map, key)?;
        let wild = value.get("matchLabels").and_then(Value::as_map).is_some_and(|labels| {
            labels.iter().any(|(key, entry)| wildcard::has_wildcard(key) || entry.value.as_str().is_some_and(wildcard::has_wildcard))
        });
        if wild {
            return Some(LabelSelector::Wild(value.clone()));
        }
        match Selector::from_value(value) {
            Ok(selector) => Some(LabelSelector::Fixed(selector)),
            Err(error) => {
                reader.wrong(value.span, format!("`{key}`: {error}"));
                None
            }
        }
    }

    fn fits(&self, labels: &Value) -> Result<bool, Arc<str>> {
        match self {
            LabelSelector::Fixed(selector) => selector.matches(labels),
            LabelSelector::Wild(value) => match Selector::from_value_with_wildcards(value, labels) {
                Ok(selector) => selector.matches(labels),
                Err(_) => Ok(false),
            },
        }
    }
}

/// Somebody a policy names.
#[derive(Clone, Debug)]
struct Subject {
    kind: SubjectKind,
    name: Arc<str>,
}

#[derive(Clone, Copy, PartialEq, Eq, Debug)]
enum SubjectKind {
    User,
    Group,
    ServiceAccount,
}

/// One filter: all that it names has to fit.
#[derive(Clone, Debug, Default)]
pub struct Filter {
    /// Kinds; empty for all.
    pub kinds: Vec<KindSelector>,
    names: Vec<Arc<str>>,
    name: Option<Arc<str>>,
    namespaces: Vec<Arc<str>>,
    annotations: Vec<(Arc<str>, Arc<str>)>,
    selector: Option<LabelSelector>,
    namespace_selector: Option<LabelSelector>,
    /// Operations; empty for all.
    pub operations: Vec<Operation>,
    roles: Vec<Arc<str>>,
    cluster_roles: Vec<Arc<str>>,
    subjects: Vec<Subject>,
}

const FILTER_FIELDS: &[&str] = &["resources", "roles", "clusterRoles", "subjects"];
const RESOURCE_FIELDS: &[&str] = &["kinds", "name", "names", "namespaces", "annotations", "selector", "namespaceSelector", "operations"];

/// Who asks for what, as filters look at it.
#[derive(Clone, Copy)]
pub struct Target<'a> {
    /// The object.
    pub object: &'a Value,
    /// Its kind; of a sub-resource, that of the whole.
    pub kind: &'a GroupVersionKind,
    /// The sub-resource.
    pub sub_resource: &'a str,
    /// What is done.
    pub operation: Operation,
    /// Who does it.
    pub user: &'a UserInfo,
    /// The namespace, where the object does not name one itself.
    pub namespace: &'a str,
    /// The labels of the namespace, or why they are not known; asked only where they decide.
    pub namespace_labels: &'a dyn Fn() -> Result<Value, Arc<str>>,
}

impl std::fmt::Debug for Target<'_> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Target").field("kind", self.kind).field("operation", &self.operation).finish_non_exhaustive()
    }
}

/// The kind rules are matched by: of a sub-resource, that of the whole.
#[must_use]
pub fn top_kind(request: &Request) -> GroupVersionKind {
    if !request.sub_resource.is_empty()
        && let Some(kind) = schema::resource(&request.resource.group, &request.resource.version, &request.resource.resource)
    {
        return GroupVersionKind { group: kind.group.into(), version: kind.version.into(), kind: kind.kind.into() };
    }
    request.kind.clone()
}

fn metadata<'v>(object: &'v Value, key: &str) -> Result<&'v str, Arc<str>> {
    match object.get("metadata").map(|metadata| &metadata.data) {
        Some(Data::Unknown(unknown)) => Err(Arc::clone(&unknown.reason)),
        Some(Data::Map(map)) => match map.get(key).map(|value| &value.data) {
            Some(Data::String(text)) => Ok(text),
            Some(Data::Unknown(unknown)) => Err(Arc::clone(&unknown.reason)),
            _ => Ok(""),
        },
        _ => Ok(""),
    }
}

impl Target<'_> {
    fn name(&self) -> Result<&str, Arc<str>> {
        let name = metadata(self.object, "name")?;
        if name.is_empty() { metadata(self.object, "generateName") } else { Ok(name) }
    }

    /// The namespace of the object.
    ///
    /// # Errors
    /// Why it is not known.
    pub fn namespace(&self) -> Result<&str, Arc<str>> {
        let own = metadata(self.object, "namespace")?;
        Ok(if own.is_empty() { self.namespace } else { own })
    }

    fn map_of(&self, key: &str) -> Value {
        self.object
            .get("metadata")
            .and_then(|metadata| metadata.get(key))
            .cloned()
            .unwrap_or_else(|| Value::null(probity_value::Span::NONE))
    }

    fn is_namespace(&self) -> bool {
        self.object.get("kind").and_then(Value::as_str) == Some("Namespace")
    }
}

impl Filter {
    /// Reads a filter: `resources` and who asks.
    fn read(reader: &mut Reader, map: &Map) -> Filter {
        let mut filter =
            Filter { roles: reader.texts(map, "roles"), cluster_roles: reader.texts(map, "clusterRoles"), ..Filter::default() };
        for (value, role) in reader.list(map, "roles").iter().zip(&filter.roles) {
            if role.split(':').count() != 2 {
                reader.wrong(value.span, format!("the role `{role}` has to be written `namespace:name`"));
            }
        }
        for value in reader.list(map, "subjects") {
            let Some(fields) = reader.fields(value, "subjects", &["kind", "name", "namespace", "apiGroup"]) else { continue };
            let kinds = [("User", SubjectKind::User), ("Group", SubjectKind::Group), ("ServiceAccount", SubjectKind::ServiceAccount)];
            let kind = reader.word(fields, "kind", &kinds);
            let name = reader.required_text(fields, "name", "subjects", value.span);
            let namespace = reader.text(fields, "namespace");
            if let (Some(kind), Some(name)) = (kind, name) {
                let name = match kind {
                    SubjectKind::ServiceAccount => {
                        format!("system:serviceaccount:{}:{name}", namespace.as_deref().unwrap_or_default()).into()
                    }
                    _ => name,
                };
                filter.subjects.push(Subject { kind, name });
            } else if Reader::get(fields, "kind").is_none() {
                reader.wrong(value.span, "`subjects` needs a `kind`");
            }
        }
        if let Some(resources) = Reader::get(map, "resources").and_then(|value| reader.fields(value, "resources", RESOURCE_FIELDS)) {
            filter.kinds = reader.texts(resources, "kinds").iter().map(|kind| KindSelector::parse(kind)).collect();
            filter.name = reader.text(resources, "name").filter(|name| !name.is_empty());
            filter.names = reader.texts(resources, "names");
            filter.namespaces = reader.texts(resources, "namespaces");
            filter.annotations = reader.text_map(resources, "annotations");
            filter.selector = LabelSelector::read(reader, resources, "selector");
            filter.namespace_selector = LabelSelector::read(reader, resources, "namespaceSelector");
            for (value, word) in reader.list(resources, "operations").iter().zip(reader.texts(resources, "operations")) {
                match word.parse() {
                    Ok(operation) => filter.operations.push(operation),
                    Err(error) => reader.wrong(value.span, format!("operations: {error}")),
                }
            }
        }
        filter
    }

    fn names_resources(&self) -> bool {
        !self.kinds.is_empty()
            || self.name.is_some()
            || !self.names.is_empty()
            || !self.namespaces.is_empty()
            || !self.annotations.is_empty()
            || self.selector.is_some()
            || self.namespace_selector.is_some()
            || !self.operations.is_empty()
    }

    fn names_users(&self) -> bool {
        !self.roles.is_empty() || !self.cluster_roles.is_empty() || !self.subjects.is_empty()
    }

    /// Whether it names nothing at all.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        !self.names_resources() && !self.names_users()
    }

    /// Whether a request fits. `users` says whether who asks counts.
    fn fits(&self, target: &Target<'_>, users: bool) -> Result<bool, Arc<str>> {
        if !self.operations.is_empty() && !self.operations.contains(&target.operation) {
            return Ok(false);
        }
        if !self.kinds.is_empty() && !self.kinds.iter().any(|kind| kind.fits(target.kind, target.sub_resource)) {
            return Ok(false);
        }
        if users && !self.fits_user(target.user) {
            return Ok(false);
        }
        // What cannot be known counts only where nothing else decides against it.
        let mut open = None;
        let mut hold = |answer: Result<bool, Arc<str>>| match answer {
            Ok(fits) => fits,
            Err(reason) => {
                open = Some(reason);
                true
            }
        };
        let named =
            |patterns: &[Arc<str>]| target.name().map(|name| wildcard::matches_any(patterns.iter().map(|pattern| &**pattern), name));
        if let Some(name) = &self.name
            && !hold(named(std::slice::from_ref(name)))
        {
            return Ok(false);
        }
        if !self.names.is_empty() && !hold(named(&self.names)) {
            return Ok(false);
        }
        if !self.namespaces.is_empty() {
            let namespace = if target.is_namespace() { metadata(target.object, "name") } else { target.namespace() };
            let fits = |namespace: &str| wildcard::matches_any(self.namespaces.iter().map(|pattern| &**pattern), namespace);
            if !hold(namespace.map(fits)) {
                return Ok(false);
            }
        }
        if !self.annotations.is_empty() && !hold(self.fits_annotations(&target.map_of("annotations"))) {
            return Ok(false);
        }
        if let Some(selector) = &self.selector
            && !hold(selector.fits(&target.map_of("labels")))
        {
            return Ok(false);
        }
        if let Some(selector) = &self.namespace_selector {
            if target.is_namespace() {
                return Ok(false);
            }
            if !hold((target.namespace_labels)().and_then(|labels| selector.fits(&labels))) {
                return Ok(false);
            }
        }
        open.map_or(Ok(true), Err)
    }

    fn fits_annotations(&self, given: &Value) -> Result<bool, Arc<str>> {
        if let Data::Unknown(unknown) = &given.data {
            return Err(Arc::clone(&unknown.reason));
        }
        let mut open = None;
        for (key, value) in &self.annotations {
            let mut found = false;
            for (name, entry) in given.as_map().into_iter().flat_map(Map::iter) {
                if !wildcard::matches(key, name) {
                    continue;
                }
                match &entry.value.data {
                    Data::String(text) => found |= wildcard::matches(value, text),
                    Data::Unknown(unknown) => open = Some(Arc::clone(&unknown.reason)),
                    _ => {}
                }
            }
            if !found {
                return open.map_or(Ok(false), Err);
            }
        }
        Ok(true)
    }

    fn fits_user(&self, user: &UserInfo) -> bool {
        let among = |wanted: &[Arc<str>], given: &[Arc<str>]| wanted.is_empty() || wanted.iter().any(|name| given.contains(name));
        among(&self.roles, &user.roles)
            && among(&self.cluster_roles, &user.cluster_roles)
            && (self.subjects.is_empty()
                || self.subjects.iter().any(|subject| match subject.kind {
                    SubjectKind::User | SubjectKind::ServiceAccount => wildcard::matches(&subject.name, &user.username),
                    SubjectKind::Group => user.groups.iter().any(|group| wildcard::matches(&subject.name, group)),
                }))
    }
}

/// The filters of `match` or `exclude`.
#[derive(Clone, Debug)]
pub enum Clause {
    /// One of them has to fit.
    Any(Vec<Filter>),
    /// All of them have to fit.
    All(Vec<Filter>),
    /// One filter, written without a list.
    One(Box<Filter>),
}

impl Clause {
    /// Reads `match` or `exclude`.
    pub(crate) fn read(reader: &mut Reader, value: &Value, what: &str) -> Option<Clause> {
        let known: Vec<&str> = ["any", "all"].iter().chain(FILTER_FIELDS).copied().collect();
        let map = reader.fields(value, what, &known)?;
        let mut lists = [Vec::new(), Vec::new()];
        for (list, key) in lists.iter_mut().zip(["any", "all"]) {
            for item in reader.list(map, key) {
                if let Some(fields) = reader.fields(item, key, FILTER_FIELDS) {
                    list.push(Filter::read(reader, fields));
                }
            }
        }
        let [any, all] = lists;
        if !any.is_empty() && !all.is_empty() {
            reader.wrong(value.span, format!("`{what}` can have `any` or `all`, not both"));
        }
        Some(if !any.is_empty() {
            Clause::Any(any)
        } else if !all.is_empty() {
            Clause::All(all)
        } else {
            Clause::One(Box::new(Filter::read(reader, map)))
        })
    }

    /// All filters.
    #[must_use]
    pub fn filters(&self) -> &[Filter] {
        match self {
            Clause::Any(filters) | Clause::All(filters) => filters,
            Clause::One(filter) => std::slice::from_ref(filter),
        }
    }

    /// Whether a rule with this `match` is about a request. Where nobody knows who asks, who asks does not count.
    ///
    /// # Errors
    /// Why that is not known.
    pub fn matches(&self, target: &Target<'_>) -> Result<bool, Arc<str>> {
        let users = *target.user != UserInfo::default();
        let one = |filter: &Filter| {
            if filter.names_resources() || (users && filter.names_users()) { filter.fits(target, users) } else { Ok(false) }
        };
        match self {
            Clause::Any(filters) => any(filters.iter().map(one)),
            Clause::All(filters) => all(filters.iter().map(one)),
            Clause::One(filter) => one(filter),
        }
    }

    /// Whether a rule with this `exclude` leaves a request out.
    ///
    /// # Errors
    /// Why that is not known.
    pub fn excludes(&self, target: &Target<'_>) -> Result<bool, Arc<str>> {
        let one = |filter: &Filter| if filter.is_empty() { Ok(false) } else { filter.fits(target, true) };
        match self {
            Clause::Any(filters) => any(filters.iter().map(one)),
            Clause::All(filters) => all(filters.iter().map(one)),
            Clause::One(filter) => one(filter),
        }
    }

    /// Whether a policy exception with this `match` is about a request: like `match`, but who asks always counts, operations do not,
    /// and namespace selectors are passed over for namespaces.
    ///
    /// # Errors
    /// Why that is not known.
    pub fn excepts(&self, target: &Target<'_>) -> Result<bool, Arc<str>> {
        let one = |filter: &Filter| {
            if filter.is_empty() {
                return Ok(false);
            }
            let mut filter = filter.clone();
            filter.operations.clear();
            if target.is_namespace() {
                filter.namespace_selector = None;
            }
            filter.fits(target, true)
        };
        match self {
            Clause::Any(filters) => any(filters.iter().map(one)),
            Clause::All(filters) => all(filters.iter().map(one)),
            Clause::One(_) => Ok(false),
        }
    }
}

fn any(answers: impl Iterator<Item = Result<bool, Arc<str>>>) -> Result<bool, Arc<str>> {
    let mut open = None;
    for answer in answers {
        match answer {
            Ok(true) => return Ok(true),
            Ok(false) => {}
            Err(reason) => open = Some(reason),
        }
    }
    open.map_or(Ok(false), Err)
}

fn all(answers: impl Iterator<Item = Result<bool, Arc<str>>>) -> Result<bool, Arc<str>> {
    let mut open = None;
    for answer in answers {
        match answer {
            Ok(false) => return Ok(false),
            Ok(true) => {}
            Err(reason) => open = Some(reason),
        }
    }
    open.map_or(Ok(true), Err)
}

#[cfg(test)]
mod tests {
    use super::*;
    use probity_value::{FileId, yaml};

    fn value(text: &str) -> Value {
        yaml::parse(text, FileId::NONE).0.into_iter().next().map(|document| document.value).unwrap()
    }

    #[test]
    fn kinds_are_taken_apart() {
        let check = |text: &str, expected: [&str; 4]| {
            let got = KindSelector::parse(text);
            assert_eq!([&*got.group, &*got.version, &*got.kind, &*got.sub_resource], expected, "{text}");
        };
        check("Pod", ["*", "*", "Pod", ""]);
        check("v1/Pod", ["*", "v1", "Pod", ""]);
        check("apps/v1/Deployment", ["apps", "v1", "Deployment", ""]);
        check("*/*", ["*", "*", "*", "*"]);
        check("*", ["*", "*", "*", ""]);
        check("*/exec", ["*", "*", "*", "exec"]);
        check("*/Pod", ["*", "*", "Pod", ""]);
        check("Pod/exec", ["*", "*", "Pod", "exec"]);
        check("Pod.status", ["*", "*", "Pod", "status"]);
        check("v1/Pod/exec", ["*", "v1", "Pod", "exec"]);
        check("apps/v1/Deployment.scale", ["apps", "v1", "Deployment", "scale"]);
        check("apps/*/Deployment/scale", ["apps", "*", "Deployment", "scale"]);
        check("a/b/c/d/e", ["", "", "", ""]);
    }

    fn fits(clause: &str, object: &str, user: &UserInfo) -> Result<bool, Arc<str>> {
        let file: Arc<str> = "p.yaml".into();
        let mut reader = Reader::new(&file);
        let clause = Clause::read(&mut reader, &value(clause), "match").unwrap();
        assert!(reader.said.is_empty(), "{:?}", reader.said);
        let object = value(object);
        let request = Request::create(object.clone());
        let labels = || Ok(value("{env: prod}"));
        let target = Target {
            object: &object,
            kind: &request.kind,
            sub_resource: "",
            operation: Operation::Create,
            user,
            namespace: "default",
            namespace_labels: &labels,
        };
        clause.matches(&target)
    }

    #[test]
    fn filters_fit() {
        let pod = "{apiVersion: v1, kind: Pod, metadata: {name: web-1, namespace: team-a, labels: {app: web}, annotations: {x/y: z}}}";
        for (clause, expected) in [
            ("{resources: {kinds: [Pod]}}", true),
            ("{any: [{resources: {kinds: [Service]}}, {resources: {kinds: ['P*']}}]}", true),
            ("{all: [{resources: {kinds: [Pod]}}, {resources: {namespaces: [team-b]}}]}", false),
            ("{resources: {kinds: [Pod], names: [web-?]}}", true),
            ("{resources: {kinds: [Pod], name: db}}", false),
            ("{resources: {kinds: [Pod], namespaces: ['team-*']}}", true),
            ("{resources: {kinds: [Pod], selector: {matchLabels: {app: web}}}}", true),
            ("{resources: {kinds: [Pod], selector: {matchLabels: {app: 'w*'}}}}", true),
            ("{resources: {kinds: [Pod], selector: {matchExpressions: [{key: app, operator: NotIn, values: [web]}]}}}", false),
            ("{resources: {kinds: [Pod], namespaceSelector: {matchLabels: {env: prod}}}}", true),
            ("{resources: {kinds: [Pod], namespaceSelector: {matchLabels: {env: dev}}}}", false),
            ("{resources: {kinds: [Pod], annotations: {x/*: z}}}", true),
            ("{resources: {kinds: [Pod], annotations: {x/y: q}}}", false),
            ("{resources: {kinds: [Pod], operations: [UPDATE]}}", false),
            ("{resources: {kinds: [Pod]}, subjects: [{kind: User, name: bob}]}", true),
            ("{subjects: [{kind: User, name: bob}]}", false),
            ("{}", false),
        ] {
            assert_eq!(fits(clause, pod, &UserInfo::default()), Ok(expected), "{clause}");
        }
        let alice =
            UserInfo { username: "alice".into(), groups: vec!["dev".into()], cluster_roles: vec!["admin".into()], ..UserInfo::default() };
        for (clause, expected) in [
            ("{resources: {kinds: [Pod]}, subjects: [{kind: User, name: bob}]}", false),
            ("{resources: {kinds: [Pod]}, subjects: [{kind: User, name: 'al*'}]}", true),
            ("{subjects: [{kind: Group, name: dev}]}", true),
            ("{resources: {kinds: [Pod]}, clusterRoles: [admin]}", true),
            ("{resources: {kinds: [Pod]}, clusterRoles: [view]}", false),
        ] {
            assert_eq!(fits(clause, pod, &alice), Ok(expected), "{clause}");
        }
    }
}
