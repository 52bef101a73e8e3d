//! `matchConstraints` and `matchResources` of admission policies (`admissionregistration.k8s.io/v1 MatchResources`): which requests a
//! policy or a binding is about.

use std::sync::Arc;

use probity_core::{GroupVersionKind, GroupVersionResource, Interest, Operation, Request};
use probity_value::{Map, Span, Value};

use crate::schema;
use crate::selector::Selector;

/// Which requests are meant.
#[derive(Clone, Debug, Default)]
pub struct MatchResources {
    namespace_selector: Option<Selector>,
    object_selector: Option<Selector>,
    rules: Vec<ResourceRule>,
    exclude: Vec<ResourceRule>,
    exact: bool,
}

/// One of `resourceRules` or `excludeResourceRules`.
#[derive(Clone, Debug)]
pub struct ResourceRule {
    /// API groups; `*` for all.
    pub groups: Vec<Arc<str>>,
    /// Versions; `*` for all.
    pub versions: Vec<Arc<str>>,
    /// Resources: `pods`, `pods/status`, `*`, `*/scale`, `pods/*`, `*/*`.
    pub resources: Vec<Arc<str>>,
    /// Operations; empty for all (`*`).
    pub operations: Vec<Operation>,
    /// Names; empty for all.
    pub names: Vec<Arc<str>>,
    /// `Cluster`, `Namespaced` or all.
    pub namespaced: Option<bool>,
}

/// What is wrong with a part of a policy.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Wrong {
    /// What.
    pub message: String,
    /// Where.
    pub at: Span,
}

/// How a request fits.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Fit {
    /// The resource by which it fits: its own, or an equivalent one.
    pub resource: GroupVersionResource,
    /// Its kind.
    pub kind: GroupVersionKind,
}

/// Groups that serve the same objects.
const SAME: &[(&str, &[&str])] = &[
    ("deployments", &["apps", "extensions"]),
    ("daemonsets", &["apps", "extensions"]),
    ("replicasets", &["apps", "extensions"]),
    ("ingresses", &["networking.k8s.io", "extensions"]),
    ("networkpolicies", &["networking.k8s.io", "extensions"]),
    ("podsecuritypolicies", &["policy", "extensions"]),
    ("events", &["", "events.k8s.io"]),
];

const KEYS: &[&str] = &["namespaceSelector", "objectSelector", "resourceRules", "excludeResourceRules", "matchPolicy"];
const RULE_KEYS: &[&str] = &["apiGroups", "apiVersions", "resources", "operations", "resourceNames", "scope"];

impl MatchResources {
    /// Reads it. What is wrong is said, with its place.
    ///
    /// # Errors
    /// Unknown keys, words that are none of the API's, selectors that are not valid.
    pub fn read(value: &Value) -> Result<MatchResources, Vec<Wrong>> {
        let mut wrong = Vec::new();
        let mut out = MatchResources::default();
        let Some(map) = map_of(value, "this", &mut wrong) else {
            return if wrong.is_empty() { Ok(out) } else { Err(wrong) };
        };
        unknown_keys(map, KEYS, &mut wrong);
        let selector = |key: &str, wrong: &mut Vec<Wrong>| {
            let entry = map.entry(key).filter(|entry| !entry.value.is_null())?;
            match Selector::from_value(&entry.value) {
                Ok(selector) => Some(selector),
                Err(error) => {
                    wrong.push(Wrong { message: error.to_string(), at: entry.value.span.or(entry.key) });
                    None
                }
            }
        };
        out.namespace_selector = selector("namespaceSelector", &mut wrong);
        out.object_selector = selector("objectSelector", &mut wrong);
        for (key, into) in [("resourceRules", &mut out.rules), ("excludeResourceRules", &mut out.exclude)] {
            for rule in map.get(key).and_then(Value::as_list).unwrap_or_default() {
                into.extend(ResourceRule::read(rule, &mut wrong));
            }
        }
        match map.get("matchPolicy").and_then(Value::as_str) {
            None | Some("Equivalent") => {}
            Some("Exact") => out.exact = true,
            Some(other) => wrong.push(Wrong {
                message: format!("`{other}` is none of `Exact` and `Equivalent`"),
                at: map.get("matchPolicy").map_or(Span::NONE, |value| value.span),
            }),
        }
        if wrong.is_empty() { Ok(out) } else { Err(wrong) }
    }

    /// The rules.
    #[must_use]
    pub fn rules(&self) -> &[ResourceRule] {
        &self.rules
    }

    /// The rules of what is left out.
    #[must_use]
    pub fn exclude(&self) -> &[ResourceRule] {
        &self.exclude
    }

    /// Whether selectors narrow it.
    #[must_use]
    pub fn has_selectors(&self) -> bool {
        self.namespace_selector.is_some() || self.object_selector.is_some()
    }

    /// Whether and how a request fits.
    ///
    /// # Errors
    /// Where it cannot be told: the labels of the namespace are asked for and not known.
    pub fn fit(&self, request: &Request) -> Result<Option<Fit>, String> {
        let own = resource_of(request);
        if self.exclude.iter().any(|rule| rule.fits(request, &own)) {
            return Ok(None);
        }
        let found = if self.rules.is_empty() || self.rules.iter().any(|rule| rule.fits(request, &own)) {
            Some(own)
        } else if self.exact {
            None
        } else {
            let others = equivalents(&own);
            if others.iter().any(|other| self.exclude.iter().any(|rule| rule.fits(request, other))) {
                return Ok(None);
            }
            others.into_iter().find(|other| self.rules.iter().any(|rule| rule.fits(request, other)))
        };
        let Some(resource) = found else { return Ok(None) };
        if !self.object_fits(request)? || !self.namespace_fits(request)? {
            return Ok(None);
        }
        let kind = if resource.group == request.kind.group && resource.version == request.kind.version {
            request.kind.clone()
        } else {
            schema::resource(&resource.group, &resource.version, &resource.resource).map_or_else(
                || request.kind.clone(),
                |known| GroupVersionKind { group: known.group.into(), version: known.version.into(), kind: known.kind.into() },
            )
        };
        Ok(Some(Fit { resource, kind }))
    }

    fn object_fits(&self, request: &Request) -> Result<bool, String> {
        let Some(selector) = &self.object_selector else { return Ok(true) };
        // Either the old or the new object is enough.
        for object in [&request.object, &request.old_object] {
            if !object.is_null() && labels_fit(selector, object)? {
                return Ok(true);
            }
        }
        Ok(false)
    }

    fn namespace_fits(&self, request: &Request) -> Result<bool, String> {
        let Some(selector) = self.namespace_selector.as_ref().filter(|selector| !selector.is_everything()) else { return Ok(true) };
        if request.kind.group.is_empty() && &*request.kind.kind == "Namespace" {
            return labels_fit(selector, request.target());
        }
        if request.namespace.is_empty() {
            // Objects of the cluster are never left out by a namespace selector.
            return Ok(true);
        }
        // The API server sets this label on every namespace.
        const NAME: &str = "kubernetes.io/metadata.name";
        let known = request.namespace_object.as_ref();
        if known.is_none() && selector.requirements().iter().any(|requirement| &*requirement.key != NAME) {
            return Err(format!("the labels of the namespace `{}` are not known", request.namespace));
        }
        let mut labels = known.and_then(labels_of).and_then(Value::as_map).cloned().unwrap_or_default();
        labels.insert(NAME, Span::NONE, Value::string(Arc::clone(&request.namespace), Span::NONE));
        selector.matches(&Value::map(labels, Span::NONE)).map_err(|why| why.to_string())
    }

    /// Which requests it can be about, for an index. Never narrower than [`MatchResources::fit`].
    #[must_use]
    pub fn interest(&self) -> Interest {
        let mut out = Interest::default();
        let any = || GroupVersionKind { group: "*".into(), version: "*".into(), kind: "*".into() };
        if self.rules.is_empty() {
            return out;
        }
        for rule in &self.rules {
            let kinds = rule.kinds();
            match kinds {
                Some(kinds) => out.kinds.extend(kinds),
                None => out.kinds.push(any()),
            }
        }
        out.kinds.sort();
        out.kinds.dedup();
        if self.rules.iter().all(|rule| !rule.operations.is_empty()) {
            out.operations = self.rules.iter().flat_map(|rule| rule.operations.iter().copied()).collect();
            out.operations.sort_unstable();
            out.operations.dedup();
        }
        out
    }

    /// The built-in kinds the rules name, for type checks; kinds that are not known are left out.
    #[must_use]
    pub fn built_in_kinds(&self) -> Vec<GroupVersionKind> {
        let mut out = Vec::new();
        for known in schema::kinds() {
            let fits = |list: &[Arc<str>], word: &str| list.iter().any(|one| &**one == word);
            if self
                .rules
                .iter()
                .any(|rule| fits(&rule.groups, known.group) && fits(&rule.versions, known.version) && fits(&rule.resources, known.plural))
            {
                out.push(GroupVersionKind { group: known.group.into(), version: known.version.into(), kind: known.kind.into() });
            }
        }
        out
    }
}

impl ResourceRule {
    fn read(value: &Value, wrong: &mut Vec<Wrong>) -> Option<ResourceRule> {
        let map = map_of(value, "a resource rule", wrong)?;
        unknown_keys(map, RULE_KEYS, wrong);
        let texts = |key: &str| -> Vec<Arc<str>> {
            map.get(key).and_then(Value::as_list).unwrap_or_default().iter().filter_map(|item| item.as_str().map(Arc::from)).collect()
        };
        for key in ["apiGroups", "apiVersions", "resources", "operations"] {
            if texts(key).is_empty() {
                wrong.push(Wrong {
                    message: format!("a resource rule needs `{key}`"),
                    at: map.entry(key).map_or(value.span, |entry| entry.key),
                });
            }
        }
        let mut operations = Vec::new();
        let mut all = false;
        for item in map.get("operations").and_then(Value::as_list).unwrap_or_default() {
            match item.as_str() {
                Some("*") => all = true,
                Some(text) => match text.parse::<Operation>() {
                    Ok(operation) => operations.push(operation),
                    Err(error) => wrong.push(Wrong { message: error.to_string(), at: item.span }),
                },
                None => wrong.push(Wrong { message: "an operation is a word".to_owned(), at: item.span }),
            }
        }
        let namespaced = match map.get("scope").and_then(Value::as_str) {
            None | Some("*" | "") => None,
            Some("Namespaced") => Some(true),
            Some("Cluster") => Some(false),
            Some(other) => {
                let at = map.get("scope").map_or(value.span, |scope| scope.span);
                wrong.push(Wrong { message: format!("`{other}` is none of `Cluster`, `Namespaced` and `*`"), at });
                None
            }
        };
        Some(ResourceRule {
            groups: texts("apiGroups"),
            versions: texts("apiVersions"),
            resources: texts("resources"),
            operations: if all { Vec::new() } else { operations },
            names: texts("resourceNames"),
            namespaced,
        })
    }

    fn fits(&self, request: &Request, resource: &GroupVersionResource) -> bool {
        let one = |list: &[Arc<str>], word: &str| list.iter().any(|wanted| &**wanted == "*" || &**wanted == word);
        let scope = || match self.namespaced {
            None => true,
            // A Namespace counts as an object of the cluster here.
            Some(wanted) => {
                wanted != (request.namespace.is_empty() || (request.kind.group.is_empty() && &*request.kind.kind == "Namespace"))
            }
        };
        one(&self.groups, &resource.group)
            && one(&self.versions, &resource.version)
            && (self.operations.is_empty() || self.operations.contains(&request.operation))
            && self.resources.iter().any(|wanted| resource_fits(wanted, &resource.resource, &request.sub_resource))
            && scope()
            && (self.names.is_empty() || self.names.contains(&request.name))
    }

    /// The kinds it names; `None` where it can be any.
    fn kinds(&self) -> Option<Vec<GroupVersionKind>> {
        let mut out = Vec::new();
        for resource in &self.resources {
            let plural = resource.split('/').next().unwrap_or_default();
            if plural == "*" {
                return None;
            }
            let known: Vec<&schema::Kind> = schema::kinds().iter().filter(|kind| kind.plural == plural).collect();
            // A plural that is not built in, or may be another group's kind of the same plural.
            if known.is_empty() || self.groups.iter().any(|group| &**group != "*" && !known.iter().any(|kind| kind.group == &**group)) {
                return None;
            }
            for kind in known {
                // An equivalent version or group may fit too, and a sub-resource may come as an object of another kind.
                out.push(GroupVersionKind { group: "*".into(), version: "*".into(), kind: kind.kind.into() });
            }
            if resource.contains('/') {
                return None;
            }
        }
        Some(out)
    }
}

fn resource_fits(wanted: &str, plural: &str, sub_resource: &str) -> bool {
    let (name, sub) = wanted.split_once('/').unwrap_or((wanted, ""));
    (name == "*" || name == plural) && (sub == "*" || sub == sub_resource)
}

fn labels_of(object: &Value) -> Option<&Value> {
    object.get("metadata").and_then(|metadata| metadata.get("labels"))
}

fn labels_fit(selector: &Selector, object: &Value) -> Result<bool, String> {
    let none = Value::null(Span::NONE);
    selector.matches(labels_of(object).unwrap_or(&none)).map_err(|why| why.to_string())
}

/// The resource of a request: as it says, else guessed from the kind.
#[must_use]
pub fn resource_of(request: &Request) -> GroupVersionResource {
    if !request.resource.resource.is_empty() {
        return request.resource.clone();
    }
    GroupVersionResource {
        group: Arc::clone(&request.kind.group),
        version: Arc::clone(&request.kind.version),
        resource: schema::plural(&request.kind).into(),
    }
}

/// Other versions and groups that serve the same objects.
fn equivalents(own: &GroupVersionResource) -> Vec<GroupVersionResource> {
    let groups: Vec<&str> = SAME
        .iter()
        .find(|(plural, groups)| *plural == &*own.resource && groups.contains(&&*own.group))
        .map_or_else(|| vec![&*own.group], |(_, groups)| groups.to_vec());
    schema::kinds()
        .iter()
        .filter(|kind| kind.plural == &*own.resource && groups.contains(&kind.group))
        .map(|kind| GroupVersionResource { group: kind.group.into(), version: kind.version.into(), resource: kind.plural.into() })
        .filter(|other| other != own)
        .collect()
}

fn map_of<'a>(value: &'a Value, what: &str, wrong: &mut Vec<Wrong>) -> Option<&'a Map> {
    if value.is_null() {
        return None;
    }
    let map = value.as_map();
    if map.is_none() {
        wrong.push(Wrong { message: format!("{what} is a {}, not a map", value.type_name()), at: value.span });
    }
    map
}

fn unknown_keys(map: &Map, known: &[&str], wrong: &mut Vec<Wrong>) {
    for (key, entry) in map.iter().filter(|(key, _)| !known.contains(&&***key)) {
        wrong.push(Wrong { message: format!("`{key}` is none of {}", known.join(", ")), at: entry.key });
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use probity_value::{FileId, json, yaml};

    fn read(text: &str) -> Result<MatchResources, Vec<Wrong>> {
        MatchResources::read(&yaml::parse(text, FileId::NONE).0.remove(0).value)
    }

    fn request(object: &str) -> Request {
        Request::create(json::parse(object, FileId::NONE).0)
    }

    fn check(text: &str, object: &str, expected: Result<bool, &str>) {
        let wanted = read(text).unwrap();
        let request = request(object);
        let got = wanted.fit(&request);
        assert_eq!(got.as_ref().map(Option::is_some).map_err(String::as_str), expected, "{text} {object}");
        if expected != Ok(false) {
            assert!(wanted.interest().covers(&request.kind, request.operation), "the index would miss it: {text} {object}");
        }
    }

    const POD: &str = r#"{"apiVersion":"v1","kind":"Pod","metadata":{"name":"a","namespace":"n","labels":{"app":"web"}}}"#;
    const DEPLOYMENT: &str = r#"{"apiVersion":"apps/v1","kind":"Deployment","metadata":{"name":"d","namespace":"n"}}"#;
    const OLD: &str = r#"{"apiVersion":"extensions/v1beta1","kind":"Deployment","metadata":{"name":"d","namespace":"n"}}"#;
    const NODE: &str = r#"{"apiVersion":"v1","kind":"Node","metadata":{"name":"n1"}}"#;
    const WIDGET: &str = r#"{"apiVersion":"example.com/v1","kind":"Widget","metadata":{"name":"w","namespace":"n"}}"#;

    fn rules(groups: &str, versions: &str, resources: &str, more: &str) -> String {
        format!(
            "resourceRules:\n- apiGroups: [{groups}]\n  apiVersions: [{versions}]\n  operations: [CREATE, UPDATE]\n  resources: [{resources}]\n{more}"
        )
    }

    #[test]
    fn rules_name_resources() {
        check(&rules("''", "v1", "pods", ""), POD, Ok(true));
        check(&rules("apps", "v1", "pods", ""), POD, Ok(false));
        check(&rules("'*'", "'*'", "'*'", ""), POD, Ok(true));
        check(&rules("'*'", "'*'", "'*/*'", ""), POD, Ok(true));
        check(&rules("''", "v1", "pods/status", ""), POD, Ok(false));
        check(&rules("apps", "v1", "deployments, statefulsets", ""), DEPLOYMENT, Ok(true));
        check(&rules("example.com", "v1", "widgets", ""), WIDGET, Ok(true));
        check(&rules("''", "v1", "pods", "  resourceNames: [b]"), POD, Ok(false));
        check(&rules("''", "v1", "pods", "  scope: Cluster"), POD, Ok(false));
        check(&rules("''", "v1", "nodes", "  scope: Cluster"), NODE, Ok(true));
        check("{}", POD, Ok(true));
    }

    #[test]
    fn equivalent_resources_fit_unless_exact() {
        check(&rules("apps", "v1", "deployments", ""), OLD, Ok(true));
        check(&rules("apps", "v1", "deployments", "matchPolicy: Exact"), OLD, Ok(false));
        check(&rules("extensions", "v1beta1", "deployments", ""), DEPLOYMENT, Ok(true));
    }

    #[test]
    fn exclusions_win() {
        let exclude =
            "excludeResourceRules:\n- {apiGroups: [''], apiVersions: ['*'], operations: ['*'], resources: [pods], resourceNames: [a]}";
        check(&rules("''", "v1", "pods", exclude), POD, Ok(false));
    }

    #[test]
    fn selectors_narrow() {
        check(&rules("''", "v1", "pods", "objectSelector: {matchLabels: {app: web}}"), POD, Ok(true));
        check(&rules("''", "v1", "pods", "objectSelector: {matchLabels: {app: db}}"), POD, Ok(false));
        check(&rules("''", "v1", "nodes", "namespaceSelector: {matchLabels: {team: x}}"), NODE, Ok(true));
        check(&rules("''", "v1", "pods", "namespaceSelector: {matchLabels: {kubernetes.io/metadata.name: n}}"), POD, Ok(true));
        check(
            &rules("''", "v1", "pods", "namespaceSelector: {matchLabels: {team: x}}"),
            POD,
            Err("the labels of the namespace `n` are not known"),
        );
        let mut known = request(POD);
        known.namespace_object = Some(json::parse(r#"{"metadata":{"labels":{"team":"x"}}}"#, FileId::NONE).0);
        let wanted = read(&rules("''", "v1", "pods", "namespaceSelector: {matchLabels: {team: x}}")).unwrap();
        assert!(wanted.fit(&known).unwrap().is_some());
    }

    #[test]
    fn what_is_wrong_is_said() {
        let check = |text: &str, expected: &str| {
            let wrong: Vec<String> = read(text).unwrap_err().into_iter().map(|one| one.message).collect();
            assert_eq!(wrong, [expected], "{text}");
        };
        check(
            "resorceRules: []",
            "`resorceRules` is none of namespaceSelector, objectSelector, resourceRules, excludeResourceRules, matchPolicy",
        );
        check("matchPolicy: Fuzzy", "`Fuzzy` is none of `Exact` and `Equivalent`");
        check("[1]", "this is a list, not a map");
        check(
            "resourceRules: [{apiGroups: [''], apiVersions: [v1], resources: [pods], operations: [MAKE]}]",
            "`MAKE` is none of CREATE, UPDATE, DELETE, CONNECT",
        );
    }
}
