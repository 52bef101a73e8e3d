//! Which objects a constraint or mutator is about: `spec.match`.

use std::sync::Arc;

use probity_value::{Data, Map, Span, Value};

use crate::read::{self, Fault};
use crate::schema::Schema;

const CODE: &str = "gatekeeper-match";

/// A text with a star before, after or on both sides.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(crate) struct Glob(Arc<str>);

impl Glob {
    pub(crate) fn new(text: Arc<str>) -> Glob {
        Glob(text)
    }

    /// The text without its stars, and which it has.
    fn parts(&self) -> (bool, &str, bool) {
        let (before, rest) = self.0.strip_prefix('*').map_or((false, &*self.0), |rest| (true, rest));
        // A lone star is before and after.
        match rest.strip_suffix('*') {
            Some(rest) => (before, rest, true),
            None => (before, rest, before && &*self.0 == "*"),
        }
    }

    /// Whether a name fits.
    pub(crate) fn fits(&self, name: &str) -> bool {
        match self.parts() {
            (true, text, true) => name.contains(text),
            (true, text, false) => name.ends_with(text),
            (false, text, true) => name.starts_with(text),
            (false, text, false) => name == text,
        }
    }

    /// Whether every name made of a prefix fits.
    fn fits_generate_name(&self, prefix: &str) -> bool {
        match self.parts() {
            (true, text, true) => prefix.contains(text),
            (false, text, true) => prefix.starts_with(text),
            _ => false,
        }
    }
}

/// Groups and kinds; empty lists stand for all.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub(crate) struct Kinds {
    pub(crate) groups: Vec<Arc<str>>,
    pub(crate) kinds: Vec<Arc<str>>,
}

fn among(list: &[Arc<str>], word: &str) -> bool {
    list.is_empty() || list.iter().any(|known| **known == *"*" || **known == *word)
}

#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub(crate) enum Scope {
    #[default]
    All,
    Cluster,
    Namespaced,
}

/// Whether an object was written by somebody or made of another by expansion.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Origin {
    Original,
    Generated,
}

/// How a requirement of a selector relates a label to values.
#[derive(Clone, PartialEq, Eq, Debug)]
enum Operator {
    In,
    NotIn,
    Exists,
    DoesNotExist,
}

#[derive(Clone, PartialEq, Eq, Debug)]
struct Requirement {
    key: Arc<str>,
    operator: Operator,
    values: Vec<Arc<str>>,
}

/// A label selector.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub(crate) struct Selector(Vec<Requirement>);

/// Why it cannot be said whether an object matches.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(crate) enum Undecided {
    /// Something is missing; Gatekeeper refuses the request then.
    Error(String),
    /// Something in the object cannot be known.
    Unknown(Arc<str>),
}

/// `spec.match`.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub(crate) struct Match {
    pub(crate) kinds: Vec<Kinds>,
    pub(crate) scope: Scope,
    namespaces: Vec<Glob>,
    excluded: Vec<Glob>,
    labels: Option<Selector>,
    namespace_labels: Option<Selector>,
    name: Option<Glob>,
    source: Option<Origin>,
}

/// An object that may match.
#[derive(Clone, Copy)]
pub(crate) struct Candidate<'a> {
    pub(crate) object: &'a Value,
    /// Its namespace object, where it is known.
    pub(crate) namespace: Option<&'a Value>,
    pub(crate) origin: Origin,
}

impl Match {
    /// Reads `spec.match` of a constraint or mutator, checked against its schema before.
    pub(crate) fn read(value: &Value, warnings: &mut Vec<Fault>) -> Result<Match, Fault> {
        let map = read::map(value, "match", CODE)?;
        let globs = |name: &str, warnings: &mut Vec<Fault>| {
            Ok::<_, Fault>(read::texts_field(map, name, CODE, warnings)?.into_iter().map(Glob).collect::<Vec<_>>())
        };
        let mut kinds = Vec::new();
        if let Some(list) = read::field(map, "kinds", warnings) {
            for item in read::list(list, "kinds", CODE)? {
                let item = read::map(item, "kinds", CODE)?;
                kinds.push(Kinds {
                    groups: read::texts_field(item, "apiGroups", CODE, warnings)?,
                    kinds: read::texts_field(item, "kinds", CODE, warnings)?,
                });
            }
        }
        let scope = match read::text_field(map, "scope", CODE, warnings)?.map(|scope| &**scope) {
            Some("Cluster") => Scope::Cluster,
            Some("Namespaced") => Scope::Namespaced,
            None | Some("" | "*") => Scope::All,
            Some(other) => {
                let at = map.get("scope").map_or(Span::NONE, |value| value.span);
                let message = format!("the scope `{other}` is none of `*`, `Cluster`, `Namespaced`, and matches everything");
                warnings.push(Fault::new(CODE, at, message));
                Scope::All
            }
        };
        let source = match read::text_field(map, "source", CODE, warnings)?.map(|source| &**source) {
            None | Some("" | "All") => None,
            Some("Original") => Some(Origin::Original),
            Some("Generated") => Some(Origin::Generated),
            Some(other) => {
                let at = map.get("source").map_or(value.span, |value| value.span);
                return Err(Fault::new(CODE, at, format!("the source `{other}` is none of `All`, `Generated`, `Original`")));
            }
        };
        let selector = |name: &str, warnings: &mut Vec<Fault>| match read::field(map, name, warnings) {
            None => Ok(None),
            Some(value) => Selector::read(value, name).map(Some),
        };
        Ok(Match {
            kinds,
            scope,
            namespaces: globs("namespaces", warnings)?,
            excluded: globs("excludedNamespaces", warnings)?,
            labels: selector("labelSelector", warnings)?,
            namespace_labels: selector("namespaceSelector", warnings)?,
            name: read::text_field(map, "name", CODE, warnings)?.filter(|name| !name.is_empty()).cloned().map(Glob),
            source,
        })
    }

    /// Whether an object matches.
    pub(crate) fn covers(&self, candidate: &Candidate<'_>) -> Result<bool, Undecided> {
        let object = candidate.object;
        let (group, kind) = (read::group_of(object), read::kind_of(object));
        let fits = |kinds: &Kinds| among(&kinds.kinds, kind) && among(&kinds.groups, group);
        if !self.kinds.is_empty() && !self.kinds.iter().any(fits) {
            return Ok(false);
        }
        let is_namespace = kind == "Namespace" && group.is_empty();
        let namespaced = candidate.namespace.is_some() || !known_text(object, "namespace", self.asks_namespace())?.is_empty();
        let in_scope = match self.scope {
            Scope::All => true,
            Scope::Cluster => is_namespace || !namespaced,
            Scope::Namespaced => !is_namespace && namespaced,
        };
        if !in_scope || !self.covers_namespace(candidate, is_namespace)? {
            return Ok(false);
        }
        if let Some(selector) = &self.labels
            && !selector.covers(object)?
        {
            return Ok(false);
        }
        if let Some(selector) = &self.namespace_labels
            && !self.covers_namespace_labels(selector, candidate, is_namespace)?
        {
            return Ok(false);
        }
        if let Some(name) = &self.name {
            let given = known_text(object, "name", true)?;
            let generate = known_text(object, "generateName", true)?;
            if !name.fits(given) && !name.fits_generate_name(generate) {
                return Ok(false);
            }
        }
        Ok(self.source.is_none_or(|source| source == candidate.origin))
    }

    fn asks_namespace(&self) -> bool {
        self.scope != Scope::All || !self.namespaces.is_empty() || !self.excluded.is_empty() || self.namespace_labels.is_some()
    }

    fn covers_namespace(&self, candidate: &Candidate<'_>, is_namespace: bool) -> Result<bool, Undecided> {
        if self.namespaces.is_empty() && self.excluded.is_empty() {
            return Ok(true);
        }
        let name = match candidate.namespace {
            _ if is_namespace => known_text(candidate.object, "name", true)?,
            Some(namespace) => read::name_of(namespace),
            None => known_text(candidate.object, "namespace", true)?,
        };
        if name.is_empty() && !is_namespace && candidate.namespace.is_none() {
            // Objects of the cluster are in no namespace that could rule them out.
            return Ok(true);
        }
        let among = self.namespaces.is_empty() || self.namespaces.iter().any(|glob| glob.fits(name));
        Ok(among && !self.excluded.iter().any(|glob| glob.fits(name)))
    }

    fn covers_namespace_labels(&self, selector: &Selector, candidate: &Candidate<'_>, is_namespace: bool) -> Result<bool, Undecided> {
        if is_namespace {
            return selector.covers(candidate.object);
        }
        match candidate.namespace {
            Some(namespace) => selector.covers(namespace),
            None if read::namespace_of(candidate.object).is_empty() => Ok(true),
            None => {
                // Gatekeeper's own words, which suites may ask for.
                Err(Undecided::Error(format!(
                    "unable to match constraints: error matching the requested object: {} :failed to run Match criteria: namespace \
                     selector for namespace-scoped object but missing Namespace",
                    read::name_of(candidate.object)
                )))
            }
        }
    }
}

/// A text of the metadata; an error where it cannot be known and somebody asks.
fn known_text<'a>(object: &'a Value, field: &str, asked: bool) -> Result<&'a str, Undecided> {
    match read::at_path(object, &["metadata", field]).map(|value| &value.data) {
        Some(Data::String(text)) => Ok(text),
        Some(Data::Unknown(unknown)) if asked => Err(Undecided::Unknown(Arc::clone(&unknown.reason))),
        _ => Ok(""),
    }
}

impl Selector {
    /// Reads a label selector as `metav1.LabelSelector`, and checks it as the API server does.
    pub(crate) fn read(value: &Value, name: &str) -> Result<Selector, Fault> {
        let map = read::map(value, name, CODE)?;
        let mut requirements = Vec::new();
        if let Some(labels) = map.get("matchLabels").filter(|value| !value.is_null()) {
            for (key, entry) in read::map(labels, "matchLabels", CODE)?.iter() {
                let text = read::text(&entry.value, key, CODE)?;
                check_key(key, entry.key)?;
                check_value(text, entry.value.span)?;
                requirements.push(Requirement { key: Arc::clone(key), operator: Operator::In, values: vec![Arc::clone(text)] });
            }
        }
        if let Some(list) = map.get("matchExpressions").filter(|value| !value.is_null()) {
            for item in read::list(list, "matchExpressions", CODE)? {
                requirements.push(Requirement::read(item)?);
            }
        }
        Ok(Selector(requirements))
    }

    /// Whether the labels of an object fit.
    pub(crate) fn covers(&self, object: &Value) -> Result<bool, Undecided> {
        let labels = read::at_path(object, &["metadata", "labels"]);
        if let Some(Data::Unknown(unknown)) = labels.map(|labels| &labels.data)
            && !self.0.is_empty()
        {
            return Err(Undecided::Unknown(Arc::clone(&unknown.reason)));
        }
        let labels = labels.and_then(Value::as_map).filter(|labels| all_text(labels));
        let mut unknown = None;
        for requirement in &self.0 {
            match requirement.covers(labels.and_then(|labels| labels.get(&requirement.key))) {
                Ok(true) => {}
                Ok(false) => return Ok(false),
                Err(reason) => unknown = Some(reason),
            }
        }
        unknown.map_or(Ok(true), |reason| Err(Undecided::Unknown(reason)))
    }
}

/// Labels of which one is no text are no labels at all, as Kubernetes reads them; null is the empty text.
fn all_text(labels: &Map) -> bool {
    labels.values().all(|value| matches!(value.data, Data::String(_) | Data::Null | Data::Unknown(_)))
}

impl Requirement {
    fn read(value: &Value) -> Result<Requirement, Fault> {
        let map = read::map(value, "matchExpressions", CODE)?;
        let mut warnings = Vec::new();
        let missing = |name: &str| Fault::new(CODE, value.span, format!("a requirement of a selector needs `{name}`"));
        let key = read::text_field(map, "key", CODE, &mut warnings)?.ok_or_else(|| missing("key"))?;
        let word = read::text_field(map, "operator", CODE, &mut warnings)?.ok_or_else(|| missing("operator"))?;
        let values = read::texts_field(map, "values", CODE, &mut warnings)?;
        let at = |name: &str| map.get(name).map_or(value.span, |value| value.span);
        let operator = match &**word {
            "In" => Operator::In,
            "NotIn" => Operator::NotIn,
            "Exists" => Operator::Exists,
            "DoesNotExist" => Operator::DoesNotExist,
            other => {
                let message = format!("the operator `{other}` is none of `In`, `NotIn`, `Exists`, `DoesNotExist`");
                return Err(Fault::new(CODE, at("operator"), message));
            }
        };
        check_key(key, at("key"))?;
        match operator {
            Operator::In | Operator::NotIn if values.is_empty() => {
                Err(Fault::new(CODE, value.span, format!("`values` must be specified when `operator` is `{word}`")))
            }
            Operator::Exists | Operator::DoesNotExist if !values.is_empty() => {
                Err(Fault::new(CODE, at("values"), format!("`values` may not be specified when `operator` is `{word}`")))
            }
            _ => {
                values.iter().try_for_each(|text| check_value(text, at("values")))?;
                Ok(Requirement { key: Arc::clone(key), operator, values })
            }
        }
    }

    fn covers(&self, label: Option<&Value>) -> Result<bool, Arc<str>> {
        let text = match label.map(|label| &label.data) {
            None => None,
            Some(Data::String(text)) => Some(&**text),
            Some(Data::Unknown(unknown)) if matches!(self.operator, Operator::In | Operator::NotIn) => {
                return Err(Arc::clone(&unknown.reason));
            }
            Some(_) => Some(""),
        };
        Ok(match self.operator {
            Operator::In => text.is_some_and(|text| self.values.iter().any(|value| **value == *text)),
            Operator::NotIn => text.is_none_or(|text| self.values.iter().all(|value| **value != *text)),
            Operator::Exists => text.is_some(),
            Operator::DoesNotExist => text.is_none(),
        })
    }
}

/// Letters, digits and `-_.` between letters or digits.
fn is_name(text: &str) -> bool {
    let edge = |byte: Option<&u8>| byte.is_some_and(u8::is_ascii_alphanumeric);
    let bytes = text.as_bytes();
    bytes.len() <= 63
        && edge(bytes.first())
        && edge(bytes.last())
        && bytes.iter().all(|byte| byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'_' | b'.'))
}

/// Whether a text is a DNS subdomain: what names of objects and prefixes of label keys have to be.
pub(crate) fn is_subdomain(text: &str) -> bool {
    let label = |label: &str| {
        let edge = |byte: Option<&u8>| byte.is_some_and(|byte| byte.is_ascii_lowercase() || byte.is_ascii_digit());
        let bytes = label.as_bytes();
        edge(bytes.first())
            && edge(bytes.last())
            && bytes.iter().all(|byte| byte.is_ascii_lowercase() || byte.is_ascii_digit() || *byte == b'-')
    };
    text.len() <= 253 && text.split('.').all(label)
}

fn check_key(key: &str, at: Span) -> Result<(), Fault> {
    let valid = match key.split_once('/') {
        None => is_name(key),
        Some((prefix, name)) => is_subdomain(prefix) && is_name(name),
    };
    if valid { Ok(()) } else { Err(Fault::new(CODE, at, format!("`{key}` is no key a label can have"))) }
}

fn check_value(value: &str, at: Span) -> Result<(), Fault> {
    if value.is_empty() || is_name(value) { Ok(()) } else { Err(Fault::new(CODE, at, format!("`{value}` is no value a label can have"))) }
}

/// The schema of `spec.match`.
pub(crate) fn schema() -> Schema {
    use crate::schema::Kind::{Object, String};
    let glob = || Schema::text_like(r"^\*?[-:a-z0-9]*\*?$");
    let texts = || Schema::list(Schema::of(String));
    let selector = || {
        let mut requirement = Schema::object(vec![("key", Schema::of(String)), ("operator", Schema::of(String)), ("values", texts())]);
        requirement.required = vec!["key".into(), "operator".into()];
        Schema::object(vec![("matchExpressions", Schema::list(requirement)), ("matchLabels", Schema::map_of(Schema::of(String)))])
    };
    let source =
        Schema { enumeration: ["All", "Generated", "Original"].map(|word| Value::string(word, Span::NONE)).to_vec(), ..Schema::of(String) };
    let mut schema = Schema::of(Object);
    schema.properties = vec![
        ("excludedNamespaces".into(), Schema::list(glob())),
        ("kinds".into(), Schema::list(Schema::object(vec![("apiGroups", texts()), ("kinds", texts())]))),
        ("labelSelector".into(), selector()),
        ("name".into(), glob()),
        ("namespaceSelector".into(), selector()),
        ("namespaces".into(), Schema::list(glob())),
        ("scope".into(), Schema::of(String)),
        ("source".into(), source),
    ];
    schema
}

#[cfg(test)]
mod tests {
    use super::*;
    use probity_value::FileId;

    fn value(text: &str) -> Value {
        let (documents, problems) = probity_value::yaml::parse(text, FileId::NONE);
        assert!(problems.is_empty(), "{problems:?}");
        documents.into_iter().next().map(|document| document.value).unwrap()
    }

    #[test]
    fn globs() {
        let check = |glob: &str, name: &str, expected: bool| assert_eq!(Glob(glob.into()).fits(name), expected, "{glob} {name}");
        check("kube-system", "kube-system", true);
        check("kube-*", "kube-system", true);
        check("kube-*", "gatekeeper-system", false);
        check("*-system", "gatekeeper-system", true);
        check("*-system", "kube-public", false);
        check("*-kube-*", "test-kube-test", true);
        check("*-kube-*", "my-kub-controller", false);
        check("kube-", "kube-system", false);
        check("*", "anything", true);
        check("*", "", true);
        check("**", "my:namespace", true);
        let generate = |glob: &str, name: &str, expected: bool| assert_eq!(Glob(glob.into()).fits_generate_name(name), expected, "{glob}");
        generate("pod-*", "pod-", true);
        generate("*-pod", "a-pod", false);
        generate("pod", "pod", false);
        generate("*od*", "pod-", true);
    }

    const POD: &str = "{apiVersion: v1, kind: Pod, metadata: {name: a, namespace: prod, labels: {app: web, tier: front}}}";
    const NODE: &str = "{apiVersion: v1, kind: Node, metadata: {name: n}}";
    const NAMESPACE: &str = "{apiVersion: v1, kind: Namespace, metadata: {name: prod, labels: {env: live}}}";
    const DEPLOYMENT: &str = "{apiVersion: apps/v1, kind: Deployment, metadata: {name: d, namespace: prod}}";

    fn check_with(criteria: &str, object: &str, namespace: Option<&str>, origin: Origin, expected: Result<bool, ()>) {
        let criteria_value = value(criteria);
        let found = Match::read(&criteria_value, &mut Vec::new()).unwrap();
        let (object_value, namespace) = (value(object), namespace.map(value));
        let candidate = Candidate { object: &object_value, namespace: namespace.as_ref(), origin };
        assert_eq!(found.covers(&candidate).map_err(|_| ()), expected, "{criteria} {object}");
    }

    fn check(criteria: &str, object: &str, expected: bool) {
        check_with(criteria, object, None, Origin::Original, Ok(expected));
    }

    #[test]
    fn criteria() {
        check("{}", POD, true);
        check("{kinds: [{apiGroups: [''], kinds: [Pod]}]}", POD, true);
        check("{kinds: [{apiGroups: [apps], kinds: [Pod]}]}", POD, false);
        check("{kinds: [{apiGroups: ['*'], kinds: ['*']}]}", DEPLOYMENT, true);
        check("{kinds: [{apiGroups: [apps]}]}", DEPLOYMENT, true);
        check("{kinds: [{kinds: [Pod]}, {kinds: [Deployment]}]}", DEPLOYMENT, true);
        check("{namespaces: [prod]}", POD, true);
        check("{namespaces: [pro*]}", POD, true);
        check("{namespaces: [dev]}", POD, false);
        check("{namespaces: [dev]}", NODE, true);
        check("{namespaces: [dev]}", NAMESPACE, false);
        check("{namespaces: [prod]}", NAMESPACE, true);
        check("{excludedNamespaces: [prod]}", POD, false);
        check("{excludedNamespaces: ['*od']}", POD, false);
        check("{excludedNamespaces: [dev]}", POD, true);
        check("{excludedNamespaces: [prod]}", NAMESPACE, false);
        check("{scope: Cluster}", POD, false);
        check("{scope: Cluster}", NODE, true);
        check("{scope: Cluster}", NAMESPACE, true);
        check("{scope: Namespaced}", POD, true);
        check("{scope: Namespaced}", NODE, false);
        check("{scope: Namespaced}", NAMESPACE, false);
        check("{scope: namespaced}", NODE, true);
        check("{name: a}", POD, true);
        check("{name: 'a*'}", POD, true);
        check("{name: b}", POD, false);
        check("{name: 'web-*'}", "{kind: Pod, apiVersion: v1, metadata: {generateName: web-}}", true);
        check("{source: Generated}", POD, false);
        check("{source: Original}", POD, true);
        check_with("{source: Generated}", POD, None, Origin::Generated, Ok(true));
        check_with("{source: All}", POD, None, Origin::Generated, Ok(true));
        check_with("{source: Original}", POD, None, Origin::Generated, Ok(false));
    }

    #[test]
    fn selectors() {
        check("{labelSelector: {matchLabels: {app: web}}}", POD, true);
        check("{labelSelector: {matchLabels: {app: db}}}", POD, false);
        check("{labelSelector: {matchExpressions: [{key: app, operator: In, values: [db, web]}]}}", POD, true);
        check("{labelSelector: {matchExpressions: [{key: app, operator: NotIn, values: [db]}]}}", POD, true);
        check("{labelSelector: {matchExpressions: [{key: none, operator: NotIn, values: [db]}]}}", POD, true);
        check("{labelSelector: {matchExpressions: [{key: tier, operator: Exists}]}}", POD, true);
        check("{labelSelector: {matchExpressions: [{key: tier, operator: DoesNotExist}]}}", POD, false);
        check("{labelSelector: {}}", POD, true);
        check("{labelSelector: {matchLabels: {a: x}}}", "{kind: Pod, apiVersion: v1, metadata: {labels: {a: x, b: 1}}}", false);
        check("{namespaceSelector: {matchLabels: {env: live}}}", NAMESPACE, true);
        check("{namespaceSelector: {matchLabels: {env: test}}}", NAMESPACE, false);
        check("{namespaceSelector: {matchLabels: {env: test}}}", NODE, true);
        check_with("{namespaceSelector: {matchLabels: {env: live}}}", POD, Some(NAMESPACE), Origin::Original, Ok(true));
        check_with("{namespaceSelector: {matchLabels: {env: test}}}", POD, Some(NAMESPACE), Origin::Original, Ok(false));
        check_with("{namespaceSelector: {matchLabels: {env: live}}}", POD, None, Origin::Original, Err(()));
    }

    #[test]
    fn wrong_criteria_are_refused() {
        let check = |criteria: &str, part: &str| {
            let criteria_value = value(criteria);
            let error = Match::read(&criteria_value, &mut Vec::new()).unwrap_err();
            assert!(error.message.contains(part), "{criteria}: {}", error.message);
        };
        check("{source: Made}", "`Made`");
        check("{labelSelector: {matchExpressions: [{key: a, operator: in, values: [b]}]}}", "operator `in`");
        check("{labelSelector: {matchExpressions: [{key: a, operator: In}]}}", "must be specified");
        check("{labelSelector: {matchExpressions: [{key: a, operator: Exists, values: [b]}]}}", "may not be specified");
        check("{labelSelector: {matchLabels: {'a b': c}}}", "no key");
        check("{labelSelector: {matchLabels: {a: 'b c'}}}", "no value");
        check("{labelSelector: {matchLabels: {a: 1}}}", "has to be text");
        check("{kinds: Pod}", "has to be a list");
    }
}
