//! Bindings: where a policy counts, with which parameters, and what a failure leads to.

use std::sync::Arc;

use probity_core::{Effect, GroupVersionKind, LookupError, PolicyContext, Question, Request};
use probity_kubernetes::match_resources::MatchResources;
use probity_kubernetes::read::Reader;
use probity_kubernetes::{Selector, schema};
use probity_value::{Span, Value};

/// A binding of one policy.
#[derive(Debug)]
pub(crate) struct Binding {
    pub(crate) name: Arc<str>,
    pub(crate) policy: Arc<str>,
    pub(crate) matches: MatchResources,
    pub(crate) parameters: Option<ParamRef>,
    /// What a failure leads to; a mutating binding has none.
    pub(crate) effects: Vec<Effect>,
    pub(crate) at: Span,
}

/// Which parameters a binding gives.
#[derive(Debug)]
pub(crate) struct ParamRef {
    name: Option<Arc<str>>,
    namespace: Option<Arc<str>>,
    selector: Option<(Selector, Arc<str>)>,
    /// Whether missing parameters are an error.
    deny: bool,
}

const KEYS: &[&str] = &["policyName", "paramRef", "matchResources", "validationActions"];
const PARAM_KEYS: &[&str] = &["name", "namespace", "selector", "parameterNotFoundAction"];

impl Binding {
    pub(crate) fn read(name: Arc<str>, object: &Value, mutating: bool, reader: &mut Reader<'_>) -> Option<Binding> {
        let spec_value = object.get("spec");
        let spec = reader.map(spec_value, "spec")?;
        reader.keys(spec, KEYS);
        let at = spec_value.map_or(object.span, |spec| spec.span);
        let (policy, _) = reader.needed(spec, "policyName", at)?;
        let matches = match spec.get("matchResources") {
            None => MatchResources::default(),
            Some(value) => MatchResources::read(value).unwrap_or_else(|wrong| {
                wrong.into_iter().for_each(|one| reader.wrong(one.at, one.message));
                MatchResources::default()
            }),
        };
        let mut effects = Vec::new();
        for action in reader.list(spec, "validationActions") {
            match action.as_str() {
                Some("Deny") => effects.push(Effect::Deny),
                Some("Warn") => effects.push(Effect::Warn),
                Some("Audit") => effects.push(Effect::Audit),
                _ => reader.wrong(action.span, "a validation action is one of `Deny`, `Warn` and `Audit`"),
            }
        }
        if mutating && !effects.is_empty() {
            reader.wrong(at, "a binding of a mutating policy has no `validationActions`");
        }
        if !mutating && effects.is_empty() {
            reader.wrong(at, "`validationActions` is missing: nothing would come of a failure");
        }
        if effects.contains(&Effect::Deny) && effects.contains(&Effect::Warn) {
            reader.wrong(at, "`Deny` and `Warn` may not be used together");
        }
        let parameters = reader.map(spec.get("paramRef"), "paramRef").and_then(|map| {
            reader.keys(map, PARAM_KEYS);
            let at = spec.get("paramRef").map_or(at, |value| value.span);
            let name = reader.text(map, "name").map(|(text, _)| text).filter(|text| !text.is_empty());
            let selector = map.get("selector").filter(|value| !value.is_null()).and_then(|value| match Selector::from_value(value) {
                Ok(selector) => Some((selector, written(value))),
                Err(error) => {
                    reader.wrong(value.span, error.to_string());
                    None
                }
            });
            let deny = match reader.needed(map, "parameterNotFoundAction", at).as_ref().map(|(text, span)| (&**text, *span)) {
                Some(("Deny", _)) => true,
                Some(("Allow", _)) => false,
                Some((other, span)) => {
                    reader.wrong(span, format!("`{other}` is none of `Allow` and `Deny`"));
                    return None;
                }
                None => return None,
            };
            if name.is_some() == selector.is_some() {
                reader.wrong(at, "one of `name` and `selector` has to be given, and not both");
                return None;
            }
            let namespace = reader.text(map, "namespace").map(|(text, _)| text).filter(|text| !text.is_empty());
            Some(ParamRef { name, namespace, selector, deny })
        });
        Some(Binding { name, policy, matches, parameters, effects, at })
    }
}

/// A selector as a query writes it.
fn written(value: &Value) -> Arc<str> {
    let mut parts = Vec::new();
    if let Some(labels) = value.get("matchLabels").and_then(Value::as_map) {
        parts.extend(labels.iter().filter_map(|(key, entry)| entry.value.as_str().map(|text| format!("{key}={text}"))));
    }
    for one in value.get("matchExpressions").and_then(Value::as_list).unwrap_or_default() {
        let text = |key: &str| one.get(key).and_then(Value::as_str).unwrap_or_default();
        let values: Vec<&str> = one.get("values").and_then(Value::as_list).unwrap_or_default().iter().filter_map(Value::as_str).collect();
        parts.push(match text("operator") {
            "In" => format!("{} in ({})", text("key"), values.join(",")),
            "NotIn" => format!("{} notin ({})", text("key"), values.join(",")),
            "Exists" => text("key").to_owned(),
            _ => format!("!{}", text("key")),
        });
    }
    parts.join(",").into()
}

/// The parameters of a binding for a request: `None` stands for no parameters at all, with which the policy is judged once.
///
/// # Errors
/// Why they cannot be had; the policy's failure policy says what that means.
pub(crate) fn parameters(
    kind: Option<&GroupVersionKind>,
    of: Option<&ParamRef>,
    request: &Request,
    context: &PolicyContext<'_>,
) -> Result<Vec<Option<Value>>, String> {
    let (Some(kind), Some(of)) = (kind, of) else { return Ok(vec![None]) };
    let namespaced = schema::is_namespaced(kind);
    let namespace: Arc<str> = match (&of.namespace, namespaced) {
        (Some(_), Some(false)) => return Err("`paramRef.namespace` may not be given for parameters of the cluster".to_owned()),
        (Some(namespace), _) => Arc::clone(namespace),
        (None, Some(false)) => "".into(),
        // Of a kind that is not built in nobody here knows whether it is in a namespace: objects of both are looked for.
        (None, _) => Arc::clone(&request.namespace),
    };
    let api_version: Arc<str> = kind.api_version().into();
    let found = if let Some(name) = &of.name {
        let question = Question::Object { api_version, kind: Arc::clone(&kind.kind), namespace, name: Arc::clone(name) };
        match context.lookup.ask(&question) {
            Ok(object) => vec![object],
            Err(LookupError::Absent(_)) => Vec::new(),
            Err(error) => return Err(error.to_string()),
        }
    } else {
        let (selector, text) = of.selector.as_ref().ok_or("one of `name` and `selector` has to be given")?;
        let question = Question::Objects { api_version, kind: Arc::clone(&kind.kind), namespace, selector: Arc::clone(text) };
        match context.lookup.ask(&question) {
            Ok(list) => {
                let none = Value::null(Span::NONE);
                let mut out = Vec::new();
                for object in list.get("items").and_then(Value::as_list).unwrap_or_default() {
                    let labels = object.get("metadata").and_then(|metadata| metadata.get("labels")).unwrap_or(&none);
                    if selector.matches(labels).map_err(|why| why.to_string())? {
                        out.push(object.clone());
                    }
                }
                out
            }
            Err(LookupError::Absent(_)) => Vec::new(),
            Err(error) => return Err(error.to_string()),
        }
    };
    if found.is_empty() && of.deny {
        return Err("no params found for policy binding with `Deny` parameterNotFoundAction".to_owned());
    }
    Ok(found.into_iter().map(Some).collect())
}
