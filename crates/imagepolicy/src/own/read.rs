//! A document to what images need, or to everything that is wrong with it.

use std::sync::Arc;

use probity_sigstore::Matcher;
use probity_value::Value;

use super::{Colour, GateVerdict, ImageRule, ImageRules, MaxAge, OwnSigner, Provenance, SignerBy};
use crate::Identity;
use crate::cip::{Mode, matcher};
use crate::fault::{Fault, Fields, Node, Reader, shown};
use crate::image::Glob;

/// Most entries of a list.
const MOST: usize = 1000;

const RULE: &[&str] = &["name", "match", "mode", "signed_by", "threshold", "provenance", "verdict", "sbom", "vulnerabilities"];

impl ImageRules {
    /// Reads a file of its own: a map with `images`.
    ///
    /// # Errors
    /// Everything that is wrong with it, with its path and place.
    pub fn read(document: &Value) -> Result<ImageRules, Vec<Fault>> {
        let mut reader = Reader::default();
        let root = Node { value: document, path: String::new() };
        let rules = reader.fields(&root, &["version", "images"]).map(|fields| {
            if fields.node("version").is_some_and(|node| node.value.as_int() != Some(1)) {
                reader.wrong("version", fields.span_of("version"), "is not 1");
            }
            if !fields.has("images") {
                reader.wrong("images", document.span, "is missing");
            }
            rules(&mut reader, &fields)
        });
        match rules {
            Some(rules) if reader.faults.is_empty() => Ok(ImageRules { rules }),
            _ => Err(reader.faults),
        }
    }

    /// Reads the part `images` of a larger configuration.
    ///
    /// # Errors
    /// As [`ImageRules::read`].
    pub fn read_part(images: &Value) -> Result<ImageRules, Vec<Fault>> {
        let mut reader = Reader::default();
        let mut map = probity_value::Map::new();
        map.insert("images", images.span, images.clone());
        let whole = Fields { map: &map, path: String::new(), span: images.span };
        let rules = rules(&mut reader, &whole);
        if reader.faults.is_empty() { Ok(ImageRules { rules }) } else { Err(reader.faults) }
    }
}

fn rules(reader: &mut Reader, of: &Fields<'_>) -> Vec<ImageRule> {
    let nodes = reader.list(of, "images");
    if nodes.len() > MOST {
        reader.wrong(of.at("images"), of.span, format!("has {} entries, more than {MOST}", nodes.len()));
    }
    nodes.iter().take(MOST).filter_map(|node| rule(reader, node)).collect()
}

fn rule(reader: &mut Reader, node: &Node<'_>) -> Option<ImageRule> {
    let fields = reader.fields(node, RULE)?;
    let name = reader.text(&fields, "name").map_or_else(|| node.path.as_str().into(), |text| text.text);
    let mut images = Vec::new();
    let patterns = reader.list(&fields, "match");
    if patterns.is_empty() {
        reader.wrong(fields.at("match"), fields.span_of("match"), "is missing: which images is it about?");
    }
    for pattern in patterns {
        match pattern.value.as_str().map(Glob::parse) {
            Some(Ok(glob)) => images.push(glob),
            Some(Err(error)) => reader.wrong(pattern.path, pattern.value.span, format!("is wrong: {error}")),
            None => reader.wrong(pattern.path, pattern.value.span, "is no text"),
        }
    }
    let mode = reader.word(&fields, "mode", &[("enforce", Mode::Enforce), ("warn", Mode::Warn)]).unwrap_or_default();
    let signed_by = signers(reader, &fields);
    let threshold = match fields.node("threshold") {
        None => 1,
        Some(node) => match node.value.as_int().and_then(|count| usize::try_from(count).ok()).filter(|count| *count > 0) {
            Some(count) if count <= signed_by.len() => count,
            Some(count) => {
                let message = format!("is {count}, and `signed_by` has {}: that many can never sign", signed_by.len());
                reader.wrong(node.path, node.value.span, message);
                1
            }
            None => {
                reader.wrong(node.path, node.value.span, "is no whole number from 1 up");
                1
            }
        },
    };
    let provenance = fields.node("provenance").and_then(|node| provenance(reader, &node));
    let verdict = fields.node("verdict").and_then(|node| verdict(reader, &node));
    let sbom = fields.node("sbom").map(|node| {
        if node.value.as_str() != Some("required") {
            reader.wrong(node.path, node.value.span, "takes `required`");
        }
        node.value.span
    });
    let vulnerabilities = reader.inner(&fields, "vulnerabilities", &["max_age"]).and_then(|inner| {
        let age = age(reader, &inner);
        if !inner.has("max_age") {
            reader.wrong(inner.at("max_age"), inner.span, "is missing");
        }
        age.map(|age| (age, inner.span))
    });
    let own = |signers: Option<&Vec<OwnSigner>>| signers.is_some_and(|signers| !signers.is_empty());
    let needs = [
        (sbom.is_some() || vulnerabilities.is_some(), false),
        (provenance.is_some(), own(provenance.as_ref().map(|one| &one.signed_by))),
        (verdict.is_some(), own(verdict.as_ref().map(|one| &one.signed_by))),
    ];
    if signed_by.is_empty() {
        if needs.iter().any(|(asked, own)| *asked && !own) {
            reader.wrong(
                fields.at("signed_by"),
                fields.span_of("signed_by"),
                "is missing: attestations count only by whom they are signed",
            );
        } else if needs.iter().all(|(asked, _)| !asked) && !fields.has("signed_by") {
            reader.wrong(fields.path.clone(), fields.span, "asks for nothing");
        }
    }
    Some(ImageRule { name, span: fields.span, images, mode, signed_by, threshold, provenance, verdict, sbom, vulnerabilities })
}

fn signers(reader: &mut Reader, of: &Fields<'_>) -> Vec<OwnSigner> {
    let nodes = reader.list(of, "signed_by");
    if of.has("signed_by") && nodes.is_empty() {
        reader.wrong(of.at("signed_by"), of.span_of("signed_by"), "names nobody");
    }
    nodes.iter().take(MOST).filter_map(|node| signer(reader, node)).collect()
}

fn signer(reader: &mut Reader, node: &Node<'_>) -> Option<OwnSigner> {
    let fields = reader.fields(node, &["key", "issuer", "issuer_regexp", "subject", "subject_regexp", "trust_root", "log"])?;
    let key = reader.text(&fields, "key");
    let log = reader.boolean(&fields, "log");
    let by = match key {
        Some(key) => {
            for other in ["issuer", "issuer_regexp", "subject", "subject_regexp", "trust_root"] {
                if fields.has(other) {
                    reader.wrong(fields.at(other), fields.span_of(other), "means nothing beside `key`");
                }
            }
            SignerBy::Key(key.text)
        }
        None => {
            let issuer = matcher(reader, &fields, "issuer", "issuer_regexp");
            let subject = matcher(reader, &fields, "subject", "subject_regexp");
            let root = reader.text(&fields, "trust_root").map(|text| text.text);
            SignerBy::Identity(Identity { issuer: issuer?, subject: subject? }, root)
        }
    };
    let name: Arc<str> = match &by {
        SignerBy::Key(path) => format!("the key {path}").into(),
        SignerBy::Identity(Identity { subject: Matcher::Exact(subject), .. }, _) => subject.as_str().into(),
        SignerBy::Identity(Identity { subject, .. }, _) => subject.to_string().into(),
    };
    let log = log.unwrap_or(matches!(by, SignerBy::Identity(..)));
    Some(OwnSigner { name, span: node.value.span, by, log })
}

fn provenance(reader: &mut Reader, node: &Node<'_>) -> Option<Provenance> {
    let fields = reader.fields(node, &["signed_by", "builder", "source", "ref", "workflow", "slsa_level"])?;
    let signed_by = signers(reader, &fields);
    let mut text = |key: &str| reader.text(&fields, key).map(|text| text.text);
    let (builder, source, reference, workflow) = (text("builder"), text("source"), text("ref"), text("workflow"));
    let level = fields.node("slsa_level").and_then(|node| {
        let level = node.value.as_int().and_then(|level| u8::try_from(level).ok()).filter(|level| (1..=3).contains(level));
        if level.is_none() {
            reader.wrong(node.path, node.value.span, "is no level of SLSA's build track: 1, 2 or 3");
        }
        level
    });
    Some(Provenance { span: node.value.span, signed_by, builder, source, reference, workflow, level })
}

fn verdict(reader: &mut Reader, node: &Node<'_>) -> Option<GateVerdict> {
    let fields = reader.fields(node, &["signed_by", "colour", "max_age"])?;
    let signed_by = signers(reader, &fields);
    let colour = reader.word(&fields, "colour", &[("green", Colour::Green), ("yellow", Colour::Yellow)]);
    let max_age = age(reader, &fields);
    Some(GateVerdict { span: node.value.span, signed_by, colour, max_age })
}

/// An age such as `30m`, `24h`, `7d` or `2w`.
fn age(reader: &mut Reader, of: &Fields<'_>) -> Option<MaxAge> {
    let text = reader.text(of, "max_age")?;
    let read = text.text.split_at_checked(text.text.len().saturating_sub(1)).and_then(|(digits, unit)| {
        let unit = match unit {
            "m" => 60,
            "h" => 3600,
            "d" => 86_400,
            "w" => 604_800,
            _ => return None,
        };
        let plain = !digits.is_empty() && digits.len() <= 6 && digits.bytes().all(|digit| digit.is_ascii_digit());
        digits.parse::<i64>().ok().filter(|_| plain).map(|count| MaxAge(count * unit))
    });
    if read.is_none() {
        reader.wrong(text.path, text.span, format!("is `{}`, no age such as 30m, 24h, 7d or 2w", shown(&text.text)));
    }
    read
}
