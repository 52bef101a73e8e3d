//! The images an object names: what expressions see as `images`, and what image rules look at.

use std::sync::Arc;

use probity_core::PathStep;
use probity_value::{Data, Map, Span, Value};

use crate::jmespath::{Expression, JmesError};
use crate::scope::{Entry, Scope};

/// An image reference taken apart, the default registry and tag added.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Image {
    /// `ghcr.io`, `docker.io`.
    pub registry: String,
    /// The repository within the registry: `kyverno/kyverno`.
    pub path: String,
    /// Its last part.
    pub name: String,
    /// The tag; empty where there is a digest and no tag.
    pub tag: String,
    /// `sha256:...`; empty where there is none.
    pub digest: String,
}

fn is_domain_part(text: &str) -> bool {
    !text.is_empty()
        && !text.starts_with('-')
        && !text.ends_with('-')
        && text.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'-')
}

fn is_domain(text: &str) -> bool {
    let (host, port) = match text.rsplit_once(':') {
        Some((host, port)) if !port.is_empty() && port.bytes().all(|byte| byte.is_ascii_digit()) => (host, Some(port)),
        Some(_) if !text.starts_with('[') => return false,
        _ => (text, None),
    };
    let _ = port;
    if let Some(address) = host.strip_prefix('[').and_then(|rest| rest.strip_suffix(']')) {
        return !address.is_empty() && address.bytes().all(|byte| byte.is_ascii_hexdigit() || byte == b':');
    }
    host.split('.').all(is_domain_part)
}

/// One part of a repository: words of lower case letters and digits, between them `.`, `_`, `__` or dashes.
fn is_path_part(text: &str) -> bool {
    let word = |byte: &u8| byte.is_ascii_lowercase() || byte.is_ascii_digit();
    let bytes = text.as_bytes();
    if !bytes.first().is_some_and(word) || !bytes.last().is_some_and(word) {
        return false;
    }
    text.split(|sign: char| sign.is_ascii_lowercase() || sign.is_ascii_digit())
        .all(|between| matches!(between, "" | "." | "_" | "__") || between.bytes().all(|byte| byte == b'-'))
}

fn is_tag(text: &str) -> bool {
    let word = |byte: &u8| byte.is_ascii_alphanumeric() || *byte == b'_';
    text.len() <= 128
        && text.as_bytes().first().is_some_and(word)
        && text.as_bytes().iter().all(|byte| word(byte) || matches!(byte, b'.' | b'-'))
}

fn is_digest(text: &str) -> bool {
    let Some((algorithm, hex)) = text.split_once(':') else { return false };
    let length = match algorithm {
        "sha256" => 64,
        "sha384" => 96,
        "sha512" => 128,
        _ => return false,
    };
    hex.len() == length && hex.bytes().all(|byte| byte.is_ascii_digit() || (b'a'..=b'f').contains(&byte))
}

impl Image {
    /// Takes a reference apart.
    ///
    /// # Errors
    /// It is no image reference.
    pub fn parse(text: &str) -> Result<Image, String> {
        let bad = || format!("`{text}` is no image reference");
        let first = text.split_once('/').map(|(first, _)| first);
        let named = first.is_some_and(|first| first.contains(['.', ':']) || first == "localhost" || first.to_lowercase() != first);
        let (registry, rest) = match text.split_once('/') {
            Some((registry, rest)) if named => (registry, rest),
            _ => ("docker.io", text),
        };
        let (rest, digest) = rest.split_once('@').map_or((rest, None), |(rest, digest)| (rest, Some(digest)));
        let (path, tag) = match rest.rsplit_once(':') {
            Some((path, tag)) if !tag.contains('/') => (path, Some(tag)),
            _ => (rest, None),
        };
        if !is_domain(registry)
            || path.is_empty()
            || registry.len() + path.len() + 1 > 255
            || !path.split('/').all(is_path_part)
            || tag.is_some_and(|tag| !is_tag(tag))
            || digest.is_some_and(|digest| !is_digest(digest))
        {
            return Err(bad());
        }
        let tag = match tag {
            Some(tag) => tag,
            None if digest.is_none() => "latest",
            None => "",
        };
        let name = path.rsplit('/').next().unwrap_or(path);
        Ok(Image {
            registry: registry.to_owned(),
            path: path.to_owned(),
            name: name.to_owned(),
            tag: tag.to_owned(),
            digest: digest.unwrap_or_default().to_owned(),
        })
    }

    /// The whole reference: by digest where there is one, else by tag.
    #[must_use]
    pub fn reference(&self) -> String {
        if self.digest.is_empty() {
            format!("{}/{}:{}", self.registry, self.path, self.tag)
        } else {
            format!("{}/{}@{}", self.registry, self.path, self.digest)
        }
    }
}

/// An image in an object.
#[derive(Clone, Debug)]
pub struct Found {
    /// The name expressions find it under: that of the container.
    pub key: Arc<str>,
    /// The way to the text.
    pub path: Vec<PathStep>,
    /// Where it is written.
    pub at: Span,
    /// The image.
    pub image: Image,
}

/// Where images are in objects of a kind.
#[derive(Debug)]
pub struct Extractor {
    /// The name of the group: `containers`, `custom`.
    pub name: Arc<str>,
    /// The way to the maps that hold them; `*` is every item.
    pub fields: Vec<Arc<str>>,
    /// The field that names the image; empty for its path.
    pub key: Arc<str>,
    /// The field that holds the image.
    pub value: Arc<str>,
    /// Applied to the text before it is read.
    pub transform: Option<Expression>,
}

const CONTAINERS: [&str; 3] = ["initContainers", "containers", "ephemeralContainers"];

/// The way to the pod of the built-in kinds.
#[must_use]
pub fn pod_path(kind: &str) -> Option<&'static [&'static str]> {
    match kind {
        "Pod" => Some(&["spec"]),
        "DaemonSet" | "Deployment" | "ReplicaSet" | "ReplicationController" | "StatefulSet" | "Job" => Some(&["spec", "template", "spec"]),
        "CronJob" => Some(&["spec", "jobTemplate", "spec", "template", "spec"]),
        _ => None,
    }
}

/// A group of images: its name (`containers`), and what is in it.
pub type Group = (Arc<str>, Vec<Found>);

/// The images of an object by group, with the extractors of the built-in kinds.
///
/// # Errors
/// An image is no image reference, or cannot be known.
pub fn of_object(object: &Value) -> Result<Vec<Group>, JmesError> {
    let kind = object.get("kind").and_then(Value::as_str).unwrap_or_default();
    let Some(path) = pod_path(kind) else { return Ok(Vec::new()) };
    let mut groups = Vec::new();
    for list in CONTAINERS {
        let fields: Vec<Arc<str>> = path.iter().copied().chain([list, "*"]).map(Arc::from).collect();
        let extractor = Extractor { name: list.into(), fields, key: "name".into(), value: "image".into(), transform: None };
        let found = extractor.extract(object, None)?;
        if !found.is_empty() {
            groups.push((Arc::clone(&extractor.name), found));
        }
    }
    Ok(groups)
}

impl Extractor {
    /// The images it finds in an object.
    ///
    /// # Errors
    /// What is on the way is no map or list, or an image is no image reference.
    pub fn extract(&self, object: &Value, scope: Option<&Scope<'_>>) -> Result<Vec<Found>, JmesError> {
        let mut found = Vec::new();
        self.walk(object, &self.fields, &mut Vec::new(), &mut found, scope)?;
        Ok(found)
    }

    fn walk(
        &self,
        value: &Value,
        fields: &[Arc<str>],
        path: &mut Vec<PathStep>,
        found: &mut Vec<Found>,
        scope: Option<&Scope<'_>>,
    ) -> Result<(), JmesError> {
        if let Data::Unknown(unknown) = &value.data {
            return Err(JmesError::unknown(format!("the images are not known: {}", unknown.reason)));
        }
        if value.is_null() {
            return Ok(());
        }
        let Some((field, rest)) = fields.split_first() else { return self.image(value, path, found, scope) };
        if **field == *"*" {
            match &value.data {
                Data::List(items) => {
                    for (index, item) in items.iter().enumerate() {
                        path.push(PathStep::Index(index));
                        self.walk(item, rest, path, found, scope)?;
                        path.pop();
                    }
                }
                Data::Map(map) => {
                    for (key, entry) in map.iter() {
                        path.push(PathStep::Key(Arc::clone(key)));
                        self.walk(&entry.value, rest, path, found, scope)?;
                        path.pop();
                    }
                }
                _ => return Err(JmesError::wrong("what should hold images is neither a list nor a map").at(value.span)),
            }
            return Ok(());
        }
        let Some(map) = value.as_map() else {
            return Err(JmesError::wrong("what should hold images is no map").at(value.span));
        };
        let Some(next) = map.get(field) else { return Ok(()) };
        path.push(PathStep::Key(Arc::clone(field)));
        self.walk(next, rest, path, found, scope)?;
        path.pop();
        Ok(())
    }

    fn image(&self, value: &Value, path: &[PathStep], found: &mut Vec<Found>, scope: Option<&Scope<'_>>) -> Result<(), JmesError> {
        let Some(map) = value.as_map() else {
            return Err(JmesError::wrong("what should hold an image is no map").at(value.span));
        };
        let Some(written) = map.get(&self.value) else { return Ok(()) };
        if let Data::Unknown(unknown) = &written.data {
            return Err(JmesError::unknown(format!("an image is not known: {}", unknown.reason)));
        }
        let mut path = path.to_vec();
        path.push(PathStep::Key(Arc::clone(&self.value)));
        let key: Arc<str> = if self.key.is_empty() {
            pointer(&path).into()
        } else {
            match map.get(&self.key).map(|key| &key.data) {
                Some(Data::String(key)) => Arc::clone(key),
                _ => return Err(JmesError::wrong(format!("what holds an image has no `{}`", self.key)).at(value.span)),
            }
        };
        let Some(text) = written.as_str().filter(|text| !text.trim().is_empty()) else { return Ok(()) };
        let image = match (&self.transform, scope) {
            (Some(transform), Some(scope)) => {
                let changed = transform.search_value(written, scope.evaluation())?;
                let changed = changed.as_str().ok_or_else(|| JmesError::wrong("the `jmesPath` of an image extractor gives no text"))?;
                Image::parse(changed)
            }
            _ => Image::parse(text),
        };
        let image = image.map_err(|message| JmesError::wrong(message).at(written.span))?;
        found.push(Found { key, path, at: written.span, image });
        Ok(())
    }
}

fn pointer(path: &[PathStep]) -> String {
    let mut text = String::new();
    for step in path {
        text.push('/');
        match step {
            PathStep::Key(key) => text.push_str(key),
            PathStep::Index(index) => text.push_str(&index.to_string()),
        }
    }
    text
}

/// `images` as expressions see it.
#[must_use]
pub fn to_value(groups: &[Group]) -> Value {
    let none = Span::NONE;
    let mut out = Map::new();
    for (name, images) in groups {
        let mut group = Map::new();
        for found in images {
            let image = &found.image;
            let mut map = Map::new();
            for (key, text) in [
                ("registry", image.registry.clone()),
                ("name", image.name.clone()),
                ("path", image.path.clone()),
                ("tag", image.tag.clone()),
                ("digest", image.digest.clone()),
                ("reference", image.reference()),
                ("referenceWithTag", format!("{}/{}:{}", image.registry, image.path, image.tag)),
                ("jsonPointer", pointer(&found.path)),
            ] {
                // Kyverno leaves out what is empty, but for the name and the path.
                if !text.is_empty() || matches!(key, "name" | "path") {
                    map.insert(key, none, Value::string(text, found.at));
                }
            }
            group.insert(Arc::clone(&found.key), none, Value::map(map, none));
        }
        out.insert(Arc::clone(name), none, Value::map(group, none));
    }
    Value::map(out, none)
}

/// `images` of the object of a request, taken apart only where an expression asks.
#[derive(Debug)]
pub struct Images {
    /// The object.
    pub object: Value,
}

impl Entry for Images {
    fn name(&self) -> &str {
        "images"
    }

    fn load(&self, _: &Scope<'_>) -> Result<Value, JmesError> {
        Ok(to_value(&of_object(&self.object)?))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn references_are_taken_apart() {
        let check = |text: &str, expected: Option<[&str; 4]>| {
            let got = Image::parse(text).ok();
            let got = got.as_ref().map(|image| [&*image.registry, &*image.path, &*image.tag, &*image.digest]);
            assert_eq!(got, expected, "{text}");
        };
        check("nginx", Some(["docker.io", "nginx", "latest", ""]));
        check("nginx:1.2", Some(["docker.io", "nginx", "1.2", ""]));
        check("a/b:c", Some(["docker.io", "a/b", "c", ""]));
        check("ghcr.io/a/b:c", Some(["ghcr.io", "a/b", "c", ""]));
        check("localhost/x", Some(["localhost", "x", "latest", ""]));
        check("reg:5000/x/y", Some(["reg:5000", "x/y", "latest", ""]));
        let digest = format!("sha256:{}", "a".repeat(64));
        check(&format!("x@{digest}"), Some(["docker.io", "x", "", &digest]));
        check(&format!("r.io/x:v1@{digest}"), Some(["r.io", "x", "v1", &digest]));
        for bad in ["", "A/b/", "a b", "nginx:", "x@", "x@sha256:12", "x:-a", "r.io/X", "a//b", "-x"] {
            check(bad, None);
        }
    }
}
