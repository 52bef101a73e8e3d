//! Images: their references read and completed, and the variable `images` of an object.

use std::sync::{Arc, LazyLock};

use probity_kubernetes::go_regex;
use probity_value::{Data, Map, Span, Value};
use regex::Regex;

use crate::jmespath::{Evaluation, Expression, JmesError};

/// The registry of a reference that names none.
const DEFAULT_REGISTRY: &str = "docker.io";

/// A reference to an image.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Image {
    /// The registry: `ghcr.io`.
    pub registry: String,
    /// Path and name in the registry: `library/nginx`.
    pub path: String,
    /// The last part of the path.
    pub name: String,
    /// The tag; `latest` where there is neither tag nor digest.
    pub tag: String,
    /// The digest.
    pub digest: String,
}

/// The grammar of references (`distribution/reference`): registry and path, tag, digest.
static REFERENCE: LazyLock<Option<(Regex, Regex)>> = LazyLock::new(|| {
    let component = "(?:[a-zA-Z0-9]|[a-zA-Z0-9][a-zA-Z0-9-]*[a-zA-Z0-9])";
    let domain = format!(r"(?:{component}(?:\.{component})*|\[(?:[a-fA-F0-9:]+)\])(?::[0-9]+)?");
    let part = "[a-z0-9]+(?:(?:[._]|__|[-]+)[a-z0-9]+)*";
    let path = format!("{part}(?:/{part})*");
    let digest = r"[A-Za-z][A-Za-z0-9]*(?:[-_+.][A-Za-z][A-Za-z0-9]*)*[:][[:xdigit:]]{32,}";
    let reference = format!(r"^((?:{domain}/)?{path})(?::([\w][\w.-]{{0,127}}))?(?:@({digest}))?$");
    let name = format!("^(?:({domain})/)?({path})$");
    Some((go_regex::compile(&reference).ok()?, go_regex::compile(&name).ok()?))
});

impl Image {
    /// Reads a reference, with the registry, path and tag it stands for where it names none.
    ///
    /// # Errors
    /// Says that it is none.
    pub fn parse(text: &str) -> Result<Image, String> {
        let wrong = || format!("`{text}` is no reference to an image");
        let full = match text.split_once('/') {
            Some((first, _)) if first.contains(['.', ':']) || first == "localhost" || first.to_lowercase() != first => text.to_owned(),
            _ => format!("{DEFAULT_REGISTRY}/{text}"),
        };
        let (reference, named) = REFERENCE.as_ref().ok_or_else(wrong)?;
        let found = reference.captures(&full).ok_or_else(wrong)?;
        let part = |at: usize| found.get(at).map_or("", |part| part.as_str());
        let (registry, path) = match named.captures(part(1)) {
            Some(parts) => (parts.get(1).map_or("", |part| part.as_str()), parts.get(2).map_or("", |part| part.as_str())),
            None => ("", part(1)),
        };
        let (tag, digest) = (part(2), part(3));
        if path.len() > 255 || !(digest.is_empty() || is_digest(digest)) {
            return Err(wrong());
        }
        let name = path.rsplit('/').next().unwrap_or(path);
        let tag = if tag.is_empty() && digest.is_empty() { "latest" } else { tag };
        Ok(Image { registry: registry.into(), path: path.into(), name: name.into(), tag: tag.into(), digest: digest.into() })
    }

    /// Registry, path and digest, or the tag where there is no digest.
    #[must_use]
    pub fn written(&self) -> String {
        match self.digest.as_str() {
            "" => format!("{}:{}", self.place(), self.tag),
            digest => format!("{}@{digest}", self.place()),
        }
    }

    fn place(&self) -> String {
        if self.registry.is_empty() { self.path.clone() } else { format!("{}/{}", self.registry, self.path) }
    }

    /// The reference as policies see it.
    #[must_use]
    pub fn value(&self, at: Span) -> Value {
        let mut map = Map::new();
        let with_tag = format!("{}:{}", self.place(), self.tag);
        let written = self.written();
        let optional = |text: &str| !text.is_empty();
        for (key, text, shown) in [
            ("registry", self.registry.as_str(), optional(&self.registry)),
            ("name", self.name.as_str(), true),
            ("path", self.path.as_str(), true),
            ("tag", self.tag.as_str(), optional(&self.tag)),
            ("digest", self.digest.as_str(), optional(&self.digest)),
            ("reference", written.as_str(), true),
            ("referenceWithTag", with_tag.as_str(), true),
        ] {
            if shown {
                map.insert(key, at, Value::string(text, at));
            }
        }
        Value::map(map, at)
    }
}

/// Whether a digest is of a known kind and as long as it has to be.
fn is_digest(digest: &str) -> bool {
    let Some((algorithm, hex)) = digest.split_once(':') else { return false };
    let length = match algorithm {
        "sha256" => 64,
        "sha384" => 96,
        "sha512" => 128,
        _ => return false,
    };
    hex.len() == length && hex.bytes().all(|byte| matches!(byte, b'0'..=b'9' | b'a'..=b'f'))
}

/// Where images stand in objects of a kind (`imageExtractors` of a rule).
#[derive(Debug)]
pub struct Extractor {
    /// The steps to the map that holds the image; `*` stands for every item or value.
    pub path: Vec<Arc<str>>,
    /// The key of the image in that map.
    pub value: Arc<str>,
    /// The key in that map whose text names the image; its path names it where there is none.
    pub key: Option<Arc<str>>,
    /// The name of the group: `containers`.
    pub name: Arc<str>,
    /// What makes the reference of the text that stands there.
    pub transform: Option<Expression>,
}

impl Extractor {
    /// From the path with slashes, `value`, `key`, `name` and `jmesPath` of a rule; absent ones empty.
    ///
    /// # Errors
    /// The expression is wrong, or neither path nor value says where the image is.
    pub fn new(path: &str, value: &str, key: &str, name: &str, transform: Option<(&str, Span)>) -> Result<Extractor, JmesError> {
        let mut steps: Vec<Arc<str>> =
            path.split('/').map(|step| step.trim_matches(' ')).filter(|step| !step.is_empty()).map(Arc::from).collect();
        let value = match value {
            "" => steps.pop().ok_or_else(|| JmesError::wrong("an image extractor needs a `path`"))?,
            value => value.into(),
        };
        let transform = transform.map(|(text, at)| Expression::parse(text, at)).transpose()?;
        let (key, name) = ((!key.is_empty()).then(|| key.into()), if name.is_empty() { "custom" } else { name });
        Ok(Extractor { path: steps, value, key, name: name.into(), transform })
    }
}

/// Where the specification of Pods is in the kinds that have one.
fn pod_steps(kind: &str) -> Option<&'static [&'static str]> {
    Some(match kind {
        "Pod" => &["spec"],
        "DaemonSet" | "Deployment" | "ReplicaSet" | "ReplicationController" | "StatefulSet" | "Job" => &["spec", "template", "spec"],
        "CronJob" => &["spec", "jobTemplate", "spec", "template", "spec"],
        _ => return None,
    })
}

/// The variable `images` of an object: by group (`containers`, `initContainers`, `ephemeralContainers`, those of the extractors), then by name.
/// `None` where there are none, which leaves the variable unset. `extractors` are those of the rule for the kind of the object, if it has some.
///
/// # Errors
/// A reference is none, or the object has another shape.
pub fn images(object: &Value, extractors: Option<&[Extractor]>, evaluation: &Evaluation<'_>) -> Result<Option<Value>, JmesError> {
    let kind = object.get("kind").and_then(Value::as_str).unwrap_or_default();
    let mut groups = Map::new();
    let mut collect = |steps: &[Arc<str>], value: &str, key: Option<&str>, name: &str, transform: Option<&Expression>| {
        let mut found = Map::new();
        let mut walk = Walk { value, key, transform, evaluation, found: &mut found, path: Vec::new(), depth: 0 };
        walk.go(object, steps)?;
        if !found.is_empty() {
            groups.insert(name, Span::NONE, Value::map(found, Span::NONE));
        }
        Ok::<(), JmesError>(())
    };
    match (extractors, pod_steps(kind)) {
        (Some(extractors), _) => {
            for extractor in extractors {
                collect(&extractor.path, &extractor.value, extractor.key.as_deref(), &extractor.name, extractor.transform.as_ref())?;
            }
        }
        (None, Some(pod)) => {
            for group in ["initContainers", "containers", "ephemeralContainers"] {
                let steps: Vec<Arc<str>> = pod.iter().copied().chain([group, "*"]).map(Arc::from).collect();
                collect(&steps, "image", Some("name"), group, None)?;
            }
        }
        (None, None) => {}
    }
    Ok((!groups.is_empty()).then(|| Value::map(groups, Span::NONE)))
}

struct Walk<'w, 'a> {
    value: &'w str,
    key: Option<&'w str>,
    transform: Option<&'w Expression>,
    evaluation: &'w Evaluation<'a>,
    found: &'w mut Map,
    path: Vec<String>,
    depth: usize,
}

impl Walk<'_, '_> {
    fn go(&mut self, object: &Value, steps: &[Arc<str>]) -> Result<(), JmesError> {
        self.evaluation.step(1)?;
        self.depth += 1;
        if self.depth > 128 {
            return Err(JmesError::limit("the path of an image extractor is too long"));
        }
        let result = self.step(object, steps);
        self.depth -= 1;
        result
    }

    fn step(&mut self, object: &Value, steps: &[Arc<str>]) -> Result<(), JmesError> {
        if let Some(unknown) = object.as_unknown() {
            return Err(JmesError::from(unknown));
        }
        if object.is_null() {
            return Ok(());
        }
        match (steps.split_first(), &object.data) {
            (Some((star, rest)), Data::List(items)) if &**star == "*" => {
                for (at, item) in items.iter().enumerate() {
                    self.within(at.to_string(), item, rest)?;
                }
            }
            (Some((star, rest)), Data::Map(map)) if &**star == "*" => {
                for (key, entry) in map.iter() {
                    self.within(key.to_string(), &entry.value, rest)?;
                }
            }
            (Some((star, _)), _) if &**star == "*" => {
                return Err(JmesError::wrong(format!("there is a {} where images are looked for in a list", object.type_name())));
            }
            (first, Data::Map(map)) => match first {
                Some((step, rest)) => {
                    if let Some(inner) = map.get(step) {
                        self.within(step.to_string(), inner, rest)?;
                    }
                }
                None => self.image(map)?,
            },
            _ => return Err(JmesError::wrong(format!("there is a {} where images are looked for in a map", object.type_name()))),
        }
        Ok(())
    }

    fn within(&mut self, step: String, inner: &Value, rest: &[Arc<str>]) -> Result<(), JmesError> {
        self.path.push(step);
        let result = self.go(inner, rest);
        self.path.pop();
        result
    }

    fn image(&mut self, map: &Map) -> Result<(), JmesError> {
        let pointer = format!("/{}/{}", self.path.join("/"), self.value);
        let known = |value: Option<&Value>| value.and_then(Value::as_unknown).map_or(Ok(()), |unknown| Err(JmesError::from(unknown)));
        let key = match self.key {
            None => pointer.clone(),
            Some(key) => {
                known(map.get(key))?;
                map.get(key)
                    .and_then(Value::as_str)
                    .ok_or_else(|| JmesError::wrong(format!("the image at `{pointer}` has no text under `{key}`")))?
                    .to_owned()
            }
        };
        known(map.get(self.value))?;
        let Some(found) = map.get(self.value) else { return Ok(()) };
        let Some(text) = found.as_str().filter(|text| !text.trim().is_empty()) else { return Ok(()) };
        let text = match self.transform {
            None => text.to_owned(),
            Some(transform) => {
                let made = transform.search_value(found, self.evaluation)?;
                made.as_str()
                    .ok_or_else(|| JmesError::wrong(format!("`{}` gives a {}, not text", transform.text(), made.type_name())))?
                    .to_owned()
            }
        };
        let image = Image::parse(&text).map_err(JmesError::wrong)?;
        let mut value = image.value(found.span);
        if let Data::Map(map) = &mut value.data {
            let map = Arc::make_mut(map);
            map.insert("jsonPointer", found.span, Value::string(pointer, found.span));
        }
        self.found.insert(key, found.span, value);
        Ok(())
    }
}
