//! Exceptions from policies in CEL (`policies.kyverno.io PolicyException`).

use std::sync::Arc;

use probity_cel::Value as CelValue;
use probity_cel::admission::{Composition, Conditions, match_conditions};
use probity_core::Timestamp;
use probity_kubernetes::read::Reader;
use probity_value::{Map, Span, Value};

/// An exception.
#[derive(Debug)]
pub(super) struct Exception {
    /// `name`, or `namespace/name`.
    pub(super) name: Arc<str>,
    /// Which of several counts for the report.
    pub(super) priority: i64,
    /// Whether the report calls it a pass.
    pub(super) reports_pass: bool,
    policies: Vec<(Arc<str>, Arc<str>)>,
    images: Vec<Arc<str>>,
    values: Vec<Arc<str>>,
    expires: Option<Timestamp>,
    spec: Map,
}

const KEYS: &[&str] =
    &["policyRefs", "matchConditions", "images", "allowedValues", "reportResult", "expiresAt", "properties", "evaluationMode"];

impl Exception {
    pub(super) fn read(object: &Value, reader: &mut Reader<'_>) -> Option<Exception> {
        let metadata = object.get("metadata");
        let field = |key: &str| metadata.and_then(|metadata| metadata.get(key)).and_then(Value::as_str).unwrap_or_default();
        let spec = reader.map(object.get("spec"), "spec")?.clone();
        reader.keys(&spec, KEYS);
        let texts = |key: &str| -> Vec<Arc<str>> {
            spec.get(key).and_then(Value::as_list).unwrap_or_default().iter().filter_map(|item| item.as_str().map(Arc::from)).collect()
        };
        let mut policies = Vec::new();
        for item in reader.list(&spec, "policyRefs") {
            let Some(map) = reader.map(Some(item), "policyRefs") else { continue };
            reader.keys(map, &["name", "kind"]);
            if let (Some((name, _)), Some((kind, _))) = (reader.needed(map, "name", item.span), reader.needed(map, "kind", item.span)) {
                policies.push((name, kind));
            }
        }
        if policies.is_empty() {
            reader.wrong(object.span, "`policyRefs` is missing: the exception covers nothing");
        }
        let expires = match reader.text(&spec, "expiresAt") {
            None => None,
            Some((text, at)) => match text.parse::<jiff::Timestamp>() {
                Ok(time) => Some(Timestamp { seconds: time.as_second(), nanoseconds: 0 }),
                Err(_) => {
                    reader.wrong(at, format!("`{text}` is no time such as 2026-01-31T12:00:00Z"));
                    return None;
                }
            },
        };
        let priority = metadata
            .and_then(|metadata| metadata.get("labels"))
            .and_then(|labels| labels.get("polex.kyverno.io/priority"))
            .and_then(Value::as_str)
            .and_then(|text| text.parse().ok())
            .unwrap_or(0);
        let name =
            if field("namespace").is_empty() { field("name").into() } else { format!("{}/{}", field("namespace"), field("name")).into() };
        let reports_pass = spec.get("reportResult").and_then(Value::as_str) == Some("pass");
        let (images, values) = (texts("images"), texts("allowedValues"));
        (!reader.failed()).then_some(Exception { name, priority, reports_pass, policies, images, values, expires, spec })
    }

    /// Whether it is from a policy of that name and kind.
    pub(super) fn names(&self, name: &str, kind: &str) -> bool {
        self.policies.iter().any(|(policy, of)| **policy == *name && (**of == *kind || kind.strip_prefix("Namespaced") == Some(&**of)))
    }

    /// Whether it lets off as a whole, and not only some images or values.
    pub(super) fn is_full(&self) -> bool {
        self.images.is_empty() && self.values.is_empty()
    }

    /// Whether it has not run out.
    pub(super) fn counts_at(&self, now: Timestamp) -> bool {
        self.expires.is_none_or(|expires| now < expires)
    }

    /// Its conditions, compiled as a policy's are.
    pub(super) fn conditions(&self, composition: &Composition, reader: &mut Reader<'_>) -> Conditions {
        match_conditions(&self.spec, composition, reader)
    }
}

/// What partial exceptions allow.
#[derive(Clone, Debug, Default)]
pub(super) struct Exempt {
    images: Vec<Arc<str>>,
    values: Vec<Arc<str>>,
}

impl Exempt {
    pub(super) fn add(&mut self, exception: &Exception) {
        self.images.extend(exception.images.iter().cloned());
        self.values.extend(exception.values.iter().cloned());
    }

    /// The variable `exceptions`.
    pub(super) fn value(&self) -> CelValue {
        let list =
            |items: &[Arc<str>]| Value::list(items.iter().map(|item| Value::string(Arc::clone(item), Span::NONE)).collect(), Span::NONE);
        let mut map = Map::new();
        map.insert("allowedImages", Span::NONE, list(&self.images));
        map.insert("allowedValues", Span::NONE, list(&self.values));
        CelValue::view(&Value::map(map, Span::NONE)).unwrap_or(CelValue::Null)
    }
}
