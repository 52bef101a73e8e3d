//! The entries of a rule's `context`: where the values of its variables come from.

use std::sync::Arc;

use probity_core::{LookupError, Question};
use probity_value::{Map, Span, Value};

use crate::jmespath::{JmesError, JmesErrorKind};
use crate::read::Reader;
use crate::scope::{Entry, Scope};
use crate::variables::Template;

/// One entry of a context.
#[derive(Debug)]
pub struct ContextEntry {
    name: Arc<str>,
    at: Span,
    /// The namespace of the policy, if it has one: it may not look into others.
    policy_namespace: Arc<str>,
    source: Source,
}

#[derive(Debug)]
enum Source {
    ConfigMap { name: Template, namespace: Option<Template> },
    ApiCall(Box<ApiCall>),
    ImageRegistry { reference: Template, path: Option<Template> },
    Variable { value: Option<Template>, path: Option<Template>, default: Option<Template> },
    Global { name: Template, path: Option<Template> },
}

#[derive(Debug)]
struct ApiCall {
    method: Arc<str>,
    url_path: Option<Template>,
    service: Option<Template>,
    data: Vec<(Arc<str>, Template)>,
    path: Option<Template>,
    default: Option<Value>,
}

const SOURCES: &[&str] = &["configMap", "apiCall", "imageRegistry", "variable", "globalReference"];

impl ContextEntry {
    /// Reads the entries under `context`.
    pub(crate) fn read_all(reader: &mut Reader, map: &Map, policy_namespace: &Arc<str>) -> Vec<ContextEntry> {
        let items = reader.list(map, "context");
        items.iter().filter_map(|item| ContextEntry::read(reader, item, policy_namespace)).collect()
    }

    fn read(reader: &mut Reader, value: &Value, policy_namespace: &Arc<str>) -> Option<ContextEntry> {
        let known: Vec<&str> = ["name"].iter().chain(SOURCES).copied().collect();
        let map = reader.fields(value, "context", &known)?;
        let name = reader.required_text(map, "name", "context", value.span)?;
        let given: Vec<&&str> = SOURCES.iter().filter(|source| Reader::get(map, source).is_some()).collect();
        let [source] = given.as_slice() else {
            reader.wrong(value.span, format!("the context entry `{name}` needs exactly one of {}", SOURCES.join(", ")));
            return None;
        };
        let body = Reader::get(map, source)?;
        let source = match **source {
            "configMap" => {
                let fields = reader.fields(body, "configMap", &["name", "namespace"])?;
                if Reader::get(fields, "name").is_none() {
                    reader.wrong(body.span, "`configMap` needs a `name`");
                }
                Source::ConfigMap {
                    name: reader.text_template(fields, "name", &[])?,
                    namespace: reader.text_template(fields, "namespace", &[]),
                }
            }
            "apiCall" => Source::ApiCall(Box::new(ApiCall::read(reader, body)?)),
            "imageRegistry" => {
                let fields = reader.fields(body, "imageRegistry", &["reference", "jmesPath", "imageRegistryCredentials"])?;
                if let Some(credentials) = Reader::get(fields, "imageRegistryCredentials") {
                    reader.fields(credentials, "imageRegistryCredentials", &["allowInsecureRegistry", "providers", "secrets"]);
                }
                if Reader::get(fields, "reference").is_none() {
                    reader.wrong(body.span, "`imageRegistry` needs a `reference`");
                }
                Source::ImageRegistry { reference: reader.text_template(fields, "reference", &[])?, path: path_template(reader, fields) }
            }
            "variable" => {
                let fields = reader.fields(body, "variable", &["value", "jmesPath", "default"])?;
                let mut part = |key: &str| Reader::get(fields, key).map(|value| reader.template(value, &[]));
                let (value, default) = (part("value"), part("default"));
                if value.is_none() && default.is_none() && Reader::get(fields, "jmesPath").is_none() {
                    reader.wrong(body.span, format!("the variable `{name}` has neither `value` nor `jmesPath` nor `default`"));
                }
                Source::Variable { value: value.flatten(), path: path_template(reader, fields), default: default.flatten() }
            }
            _ => {
                let fields = reader.fields(body, "globalReference", &["name", "jmesPath"])?;
                if Reader::get(fields, "name").is_none() {
                    reader.wrong(body.span, "`globalReference` needs a `name`");
                }
                Source::Global { name: reader.text_template(fields, "name", &[])?, path: path_template(reader, fields) }
            }
        };
        Some(ContextEntry { name, at: value.span, policy_namespace: Arc::clone(policy_namespace), source })
    }

    /// Whether its value comes from outside, so that a test may give one instead.
    #[must_use]
    pub fn asks_outside(&self) -> bool {
        !matches!(self.source, Source::Variable { .. })
    }

    fn query(&self, scope: &Scope<'_>, path: &Template, value: &Value) -> Result<Value, JmesError> {
        let text = self.text(scope, path)?;
        scope.evaluation().expression(&text, self.at)?.search_value(value, scope.evaluation())
    }

    fn text(&self, scope: &Scope<'_>, template: &Template) -> Result<Arc<str>, JmesError> {
        let value = template.substitute(scope)?;
        match (value.as_str(), value.as_unknown()) {
            (Some(text), _) => Ok(text.into()),
            (None, Some(unknown)) => Err(JmesError::unknown(unknown.reason.to_string())),
            (None, None) => Err(JmesError::wrong(format!("a text is needed here, but it is a {}", value.type_name())).at(self.at)),
        }
    }

    fn config_map(&self, scope: &Scope<'_>, name: &Template, namespace: Option<&Template>) -> Result<Value, JmesError> {
        let name = self.text(scope, name)?;
        let mut namespace: Arc<str> = namespace.map_or(Ok("".into()), |namespace| self.text(scope, namespace))?;
        if namespace.is_empty() {
            namespace = if self.policy_namespace.is_empty() { "default".into() } else { Arc::clone(&self.policy_namespace) };
        }
        if !self.policy_namespace.is_empty() && namespace != self.policy_namespace {
            let message = format!("the ConfigMap is in `{namespace}`, but the policy may look only into `{}`", self.policy_namespace);
            return Err(JmesError::wrong(message).at(self.at));
        }
        let object = scope.evaluation().ask(&Question::Object { api_version: "v1".into(), kind: "ConfigMap".into(), namespace, name })?;
        let mut map = Map::new();
        for key in ["data", "metadata"] {
            let part = object.get(key).cloned().unwrap_or_else(|| Value::null(Span::NONE));
            map.insert(key, Span::NONE, part);
        }
        Ok(Value::map(map, object.span))
    }

    fn variable(
        &self,
        scope: &Scope<'_>,
        value: Option<&Template>,
        path: Option<&Template>,
        default: Option<&Template>,
    ) -> Result<Value, JmesError> {
        let path = path.map(|path| self.text(scope, path)).transpose()?;
        let default = default.map(|default| default.substitute(scope)).transpose()?.filter(|default| !default.is_null());
        let expression = path.map(|path| scope.evaluation().expression(&path, self.at)).transpose()?;
        // Without a default an error is one; with one it is the value, unless the answer is not known or a bound is met.
        let or_default = |answer: Result<Value, JmesError>| match (answer, &default) {
            (Err(error), Some(_)) if matches!(error.kind, JmesErrorKind::NotFound | JmesErrorKind::Wrong) => Ok(None),
            (answer, _) => answer.map(Some),
        };
        let found = match (value, expression) {
            (Some(value), Some(expression)) => {
                let value = value.substitute(scope)?;
                or_default(expression.search_value(&value, scope.evaluation()))?
            }
            (Some(value), None) => Some(value.substitute(scope)?),
            (None, Some(expression)) => or_default(expression.search(scope))?.filter(|found| !found.is_null()),
            (None, None) => None,
        };
        let output = found.or(default).filter(|output| !output.is_null());
        output.ok_or_else(|| JmesError::wrong("it comes to nothing, and has no default").at(self.at))
    }
}

/// Reads `jmesPath`; without variables it is read at once, so that a mistake is found when the policy is loaded.
fn path_template(reader: &mut Reader, map: &Map) -> Option<Template> {
    let template = reader.text_template(map, "jmesPath", &[])?;
    if template.constant().is_some() {
        reader.expression(map, "jmesPath")?;
    }
    if template.constant().and_then(Value::as_str) == Some("") {
        return None;
    }
    Some(template)
}

impl ApiCall {
    fn read(reader: &mut Reader, value: &Value) -> Option<ApiCall> {
        let map = reader.fields(value, "apiCall", &["urlPath", "method", "data", "service", "jmesPath", "default"])?;
        let method = reader.word(map, "method", &[("GET", "GET"), ("POST", "POST")]).unwrap_or("GET");
        let url_path = reader.text_template(map, "urlPath", &[]);
        let mut service = None;
        if let Some(body) = Reader::get(map, "service")
            && let Some(fields) = reader.fields(body, "service", &["url", "headers", "caBundle"])
        {
            service = reader.text_template(fields, "url", &[]);
            if service.is_none() {
                reader.wrong(body.span, "`service` needs a `url`");
            }
        }
        if url_path.is_some() == service.is_some() {
            reader.wrong(value.span, "`apiCall` needs `urlPath` or `service`, and not both");
        }
        let mut data = Vec::new();
        for item in reader.list(map, "data") {
            let Some(fields) = reader.fields(item, "data", &["key", "value"]) else { continue };
            let key = reader.required_text(fields, "key", "data", item.span);
            let template = Reader::get(fields, "value").and_then(|value| reader.template(value, &[]));
            if let (Some(key), Some(template)) = (key, template) {
                data.push((key, template));
            }
        }
        Some(ApiCall {
            method: method.into(),
            url_path,
            service,
            data,
            path: path_template(reader, map),
            default: Reader::get(map, "default").cloned(),
        })
    }

    fn load(&self, entry: &ContextEntry, scope: &Scope<'_>) -> Result<Value, JmesError> {
        let url = match (&self.url_path, &self.service) {
            (Some(path), _) => {
                let path = entry.text(scope, path)?;
                within_namespace(&path, &entry.policy_namespace).map_err(|message| JmesError::wrong(message).at(entry.at))?;
                path
            }
            (None, Some(service)) => entry.text(scope, service)?,
            (None, None) => return Err(JmesError::wrong("the call has no address").at(entry.at)),
        };
        let mut body = Map::new();
        for (key, value) in &self.data {
            body.insert(Arc::clone(key), Span::NONE, value.substitute(scope)?);
        }
        let body = (!body.is_empty()).then(|| Value::map(body, Span::NONE));
        let answer = match scope.evaluation().lookup.ask(&Question::Call { method: Arc::clone(&self.method), url, body }) {
            Ok(answer) => answer,
            Err(LookupError::Absent(message)) => match &self.default {
                Some(default) => return Ok(default.clone()),
                None => return Err(JmesError::wrong(format!("{message} does not exist")).at(entry.at)),
            },
            Err(error) => return Err(error.into()),
        };
        match &self.path {
            Some(path) => entry.query(scope, path, &answer),
            None => Ok(answer),
        }
    }
}

/// A policy with a namespace may call only paths within it.
fn within_namespace(path: &str, namespace: &str) -> Result<(), String> {
    if namespace.is_empty() {
        return Ok(());
    }
    let mut parts: Vec<&str> = Vec::new();
    for part in path.split('?').next().unwrap_or_default().split('/') {
        match part {
            "" | "." => {}
            ".." => {
                parts.pop();
            }
            part => parts.push(part),
        }
    }
    let at = match parts.as_slice() {
        ["api", _, "namespaces", at, ..] | ["apis", _, _, "namespaces", at, ..] => Some(*at),
        _ => None,
    };
    match at {
        Some(at) if at == namespace => Ok(()),
        Some(at) => Err(format!("`{path}` is about the namespace `{at}`, but the policy may look only into `{namespace}`")),
        None => Err(format!("`{path}` names no namespace, and the policy may look only into `{namespace}`")),
    }
}

impl Entry for ContextEntry {
    fn name(&self) -> &str {
        &self.name
    }

    fn load(&self, scope: &Scope<'_>) -> Result<Value, JmesError> {
        match &self.source {
            Source::ConfigMap { name, namespace } => self.config_map(scope, name, namespace.as_ref()),
            Source::ApiCall(call) => call.load(self, scope),
            Source::ImageRegistry { reference, path } => {
                let reference = self.text(scope, reference)?;
                let data = scope.evaluation().ask(&Question::Image { reference })?;
                path.as_ref().map_or(Ok(data.clone()), |path| self.query(scope, path, &data))
            }
            Source::Variable { value, path, default } => self.variable(scope, value.as_ref(), path.as_ref(), default.as_ref()),
            Source::Global { name, path } => {
                let name = self.text(scope, name)?;
                let mut parts = name.split('.');
                let (name, projection) = (parts.next().unwrap_or_default(), parts.next().unwrap_or_default());
                let data = scope.evaluation().ask(&Question::Global { name: name.into(), projection: projection.into() })?;
                path.as_ref().map_or(Ok(data.clone()), |path| self.query(scope, path, &data))
            }
        }
        .map_err(|error| error.at(self.at))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn policies_stay_in_their_namespace() {
        for (path, allowed) in [
            ("/api/v1/namespaces/a/pods", true),
            ("/apis/apps/v1/namespaces/a/deployments", true),
            ("/api/v1/namespaces/b/pods", false),
            ("/api/v1/namespaces/a/../b/pods", false),
            ("/api/v1/pods", false),
        ] {
            assert_eq!(within_namespace(path, "a").is_ok(), allowed, "{path}");
            assert!(within_namespace(path, "").is_ok());
        }
    }
}
