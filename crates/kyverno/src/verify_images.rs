//! `verifyImages`: read and checked for its shape. What a signature says is not known until signatures are checked; an image such a rule
//! is about is never a pass.

use std::sync::Arc;

use probity_core::{Status, span_at};
use probity_kubernetes::wildcard;
use probity_value::{Map, Value};

use crate::images::{self, Extractor, Found};
use crate::jmespath::JmesError;
use crate::read::Reader;
use crate::scope::Scope;
use crate::validate::Verdict;

/// `verifyImages` of a rule.
#[derive(Debug)]
pub(crate) struct ImageRule {
    entries: Vec<Entry>,
    /// By kind, where the rule says where images are.
    extractors: Vec<(Arc<str>, Vec<Extractor>)>,
}

#[derive(Debug)]
struct Entry {
    references: Vec<Arc<str>>,
    skipped: Vec<Arc<str>>,
    /// Whether an image has to be named by digest, and is not given one.
    digest_needed: bool,
}

const FIELDS: &[&str] = &[
    "failureAction",
    "type",
    "image",
    "imageReferences",
    "skipImageReferences",
    "key",
    "roots",
    "subject",
    "issuer",
    "additionalExtensions",
    "attestors",
    "attestations",
    "annotations",
    "repository",
    "cosignOCI11",
    "mutateDigest",
    "verifyDigest",
    "validate",
    "required",
    "imageRegistryCredentials",
    "useCache",
];

impl ImageRule {
    pub(crate) fn read(reader: &mut Reader, value: &Value, extractors: &Value) -> ImageRule {
        let mut rule = ImageRule { entries: Vec::new(), extractors: Vec::new() };
        let Some(items) = value.as_list() else {
            reader.wrong(value.span, "`verifyImages` has to be a list");
            return rule;
        };
        for item in items {
            let Some(map) = reader.fields(item, "verifyImages", FIELDS) else { continue };
            let mut references = reader.texts(map, "imageReferences");
            references.extend(reader.text(map, "image"));
            if references.is_empty() {
                reader.wrong(item.span, "`verifyImages` needs `imageReferences`");
            }
            reader.word(map, "type", &[("Cosign", ()), ("SigstoreBundle", ()), ("Notary", ())]);
            attestors(reader, map, 0);
            for attestation in reader.list(map, "attestations") {
                let known = ["name", "predicateType", "type", "attestors", "conditions"];
                let Some(fields) = reader.fields(attestation, "attestations", &known) else { continue };
                attestors(reader, fields, 0);
                for conditions in reader.list(fields, "conditions") {
                    reader.conditions(conditions, "conditions");
                }
            }
            if let Some(validate) = Reader::get(map, "validate")
                && let Some(fields) = reader.fields(validate, "validate", &["message", "deny"])
                && let Some(deny) = Reader::get(fields, "deny")
                && let Some(fields) = reader.fields(deny, "deny", &["conditions"])
                && let Some(conditions) = Reader::get(fields, "conditions")
            {
                reader.conditions(conditions, "conditions");
            }
            let mutate = reader.boolean(map, "mutateDigest").unwrap_or(true);
            let verify = reader.boolean(map, "verifyDigest").unwrap_or(true);
            for key in ["required", "useCache", "cosignOCI11"] {
                reader.boolean(map, key);
            }
            rule.entries.push(Entry { references, skipped: reader.texts(map, "skipImageReferences"), digest_needed: verify && !mutate });
        }
        if let Some(kinds) = extractors.as_map() {
            for (kind, entry) in kinds.iter() {
                let Some(items) = entry.value.as_list() else {
                    reader.wrong(entry.value.span, format!("`imageExtractors.{kind}` has to be a list"));
                    continue;
                };
                let read = items.iter().filter_map(|item| extractor(reader, item)).collect();
                rule.extractors.push((Arc::clone(kind), read));
            }
        }
        rule
    }

    fn images(&self, object: &Value, scope: &Scope<'_>) -> Result<Vec<Found>, JmesError> {
        let kind = object.get("kind").and_then(Value::as_str).unwrap_or_default();
        match self.extractors.iter().find(|(known, _)| **known == *kind) {
            Some((_, extractors)) => {
                let mut found = Vec::new();
                for extractor in extractors {
                    found.extend(extractor.extract(object, Some(scope))?);
                }
                Ok(found)
            }
            None => Ok(images::of_object(object)?.into_iter().flat_map(|(_, found)| found).collect()),
        }
    }

    /// Judges the images of an object; `None` where it is about none of them.
    pub(crate) fn judge(&self, object: &Value, scope: &Scope<'_>) -> Option<Verdict> {
        let found = match self.images(object, scope) {
            Ok(found) => found,
            Err(error) => return Some(Verdict::of_error("the images cannot be told", &error)),
        };
        let mut unknown = None;
        let mut skipped = None;
        for entry in &self.entries {
            let fits = |patterns: &[Arc<str>], image: &str| wildcard::matches_any(patterns.iter().map(|pattern| &**pattern), image);
            for found in &found {
                let image = found.image.reference();
                if !fits(&entry.references, &image) {
                    continue;
                }
                let place = |verdict: Verdict| {
                    let at = span_at(object, &found.path);
                    let mut verdict = verdict.at(at);
                    verdict.path.clone_from(&found.path);
                    verdict
                };
                if fits(&entry.skipped, &image) {
                    skipped = skipped.or_else(|| {
                        let message = format!("image skipped, skipped images: {image}");
                        Some(Verdict::skip(probity_core::SkipReason::Other("the image is skipped by the rule".into()), message))
                    });
                } else if entry.digest_needed && found.image.digest.is_empty() {
                    return Some(place(Verdict::new(Status::Fail, format!("missing digest for {image}"))));
                } else if unknown.is_none() {
                    let message = format!("whether `{image}` is signed is not known: signature checks are not built in");
                    unknown = Some(place(Verdict::new(Status::Unknown, message)));
                }
            }
        }
        unknown.or(skipped)
    }
}

fn extractor(reader: &mut Reader, value: &Value) -> Option<Extractor> {
    let map = reader.fields(value, "imageExtractors", &["path", "value", "name", "key", "jmesPath"])?;
    let path = reader.required_text(map, "path", "imageExtractors", value.span)?;
    let mut fields: Vec<Arc<str>> =
        path.split('/').map(|part| part.trim_matches(' ')).filter(|part| !part.is_empty()).map(Arc::from).collect();
    let own = reader.text(map, "value").filter(|value| !value.is_empty());
    let held = match own {
        Some(own) => own,
        None => fields.pop()?,
    };
    let transform = if Reader::get(map, "jmesPath").is_some() { Some(reader.expression(map, "jmesPath")?) } else { None };
    Some(Extractor {
        name: reader.text(map, "name").filter(|name| !name.is_empty()).unwrap_or_else(|| "custom".into()),
        fields,
        key: reader.text(map, "key").unwrap_or_else(|| "".into()),
        value: held,
        transform,
    })
}

fn attestors(reader: &mut Reader, map: &Map, depth: usize) {
    for set in reader.list(map, "attestors") {
        attestor_set(reader, set, depth);
    }
}

fn attestor_set(reader: &mut Reader, set: &Value, depth: usize) {
    if depth > 16 {
        reader.wrong(set.span, "attestors nest too deep");
        return;
    }
    let Some(fields) = reader.fields(set, "attestors", &["count", "entries"]) else { return };
    let entries = reader.list(fields, "entries");
    if entries.is_empty() {
        reader.wrong(set.span, "`attestors` needs `entries`");
    }
    let count = Reader::get(fields, "count").and_then(Value::as_int);
    if count.is_some_and(|count| usize::try_from(count).map_or(true, |count| count > entries.len())) {
        reader.wrong(set.span, "`count` is more than there are entries");
    }
    for entry in entries {
        let known = ["keys", "certificates", "keyless", "attestor", "annotations", "repository", "signatureAlgorithm"];
        let Some(fields) = reader.fields(entry, "entries", &known) else { continue };
        let given = ["keys", "certificates", "keyless", "attestor"].iter().filter(|key| Reader::get(fields, key).is_some()).count();
        if given != 1 {
            reader.wrong(entry.span, "an entry of attestors needs exactly one of keys, certificates, keyless and attestor");
        }
        for (key, known) in [
            ("keys", &["publicKeys", "signatureAlgorithm", "kms", "secret", "rekor", "ctlog"][..]),
            ("certificates", &["cert", "certChain", "rekor", "ctlog"]),
            ("keyless", &["rekor", "ctlog", "issuer", "issuerRegExp", "subject", "subjectRegExp", "roots", "additionalExtensions"]),
        ] {
            if let Some(body) = Reader::get(fields, key) {
                reader.fields(body, key, known);
            }
        }
        if let Some(nested) = Reader::get(fields, "attestor") {
            attestor_set(reader, nested, depth + 1);
        }
    }
}
