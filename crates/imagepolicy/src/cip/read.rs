//! A document to a policy, or to everything that is wrong with it.

use std::sync::Arc;

use probity_kubernetes::{Selector, go_regex};
use probity_sigstore::{Matcher, PublicKey};
use probity_value::{Span, Value};

use super::check;
use super::{Attestation, Authority, By, ClusterImagePolicy, Hash, KeyRef, Keyless, Language, LogRef, MatchResource, Material};
use super::{GROUP, Mode, Options, PolicyText, Source, TextRef};
use crate::fault::{Fault, Fields, Node, Reader, Text, shown};
use crate::image::Glob;
use crate::{Format, Identity};

const SPEC: &[&str] = &["images", "authorities", "policy", "mode", "match"];
const AUTHORITY: &[&str] = &["name", "key", "keyless", "static", "source", "ctlog", "attestations", "rfc3161timestamp", "signatureFormat"];
const PREDICATES: &[&str] = &["custom", "slsaprovenance", "spdx", "spdxjson", "cyclonedx", "link", "vuln"];
const RESOURCES: &[&str] = &["replicasets", "deployments", "pods", "cronjobs", "jobs", "statefulsets", "daemonsets"];
const HASHES: &[(&str, Hash)] = &[("sha224", Hash::Sha224), ("sha256", Hash::Sha256), ("sha384", Hash::Sha384), ("sha512", Hash::Sha512)];
/// The certificate authority of Sigstore's public instance.
const FULCIO: &str = "https://fulcio.sigstore.dev";
/// Most authorities, attestations and the like that are read.
const MOST: usize = 1000;

impl ClusterImagePolicy {
    /// Reads a document.
    ///
    /// # Errors
    /// Everything that is wrong with it, with its path and place.
    pub fn read(document: &Value, options: &Options) -> Result<ClusterImagePolicy, Vec<Fault>> {
        let mut reader = Reader::default();
        let policy = policy(&mut reader, document, options);
        match policy {
            Some(policy) if reader.faults.is_empty() => Ok(policy),
            _ => Err(reader.faults),
        }
    }
}

/// The head that both kinds have: the name, and the fields of `spec`.
pub(super) fn head<'v>(
    reader: &mut Reader,
    document: &'v Value,
    kind: &str,
    versions: &[&str],
    spec: &[&str],
) -> Option<(Arc<str>, Fields<'v>)> {
    let root = Node { value: document, path: String::new() };
    let whole = reader.fields(&root, &["apiVersion", "kind", "metadata", "spec", "status"])?;
    let version = reader.needed(&whole, "apiVersion");
    if let Some(version) = version
        && version.text.strip_prefix(GROUP).and_then(|rest| rest.strip_prefix('/')).is_none_or(|one| !versions.contains(&one))
    {
        let known: Vec<String> = versions.iter().map(|one| format!("{GROUP}/{one}")).collect();
        reader.wrong(version.path, version.span, format!("is `{}`; it is one of {}", shown(&version.text), known.join(", ")));
    }
    if let Some(given) = reader.needed(&whole, "kind")
        && *given.text != *kind
    {
        reader.wrong(given.path, given.span, format!("is `{}`, not {kind}", shown(&given.text)));
    }
    let name = match whole.node("metadata") {
        Some(metadata) => match metadata.value.as_map() {
            Some(map) => {
                let fields = Fields { map, path: metadata.path, span: metadata.value.span };
                reader.needed(&fields, "name").map(|name| name.text)
            }
            None => {
                reader.wrong(metadata.path, metadata.value.span, "is no map");
                None
            }
        },
        None => {
            reader.wrong("metadata.name", document.span, "is missing");
            None
        }
    };
    let Some(spec) = reader.inner(&whole, "spec", spec) else {
        if !whole.has("spec") {
            reader.wrong("spec", document.span, "is missing");
        }
        return None;
    };
    Some((name.unwrap_or_else(|| "".into()), spec))
}

fn bounded<'v>(reader: &mut Reader, of: &Fields<'v>, key: &str) -> Vec<Node<'v>> {
    let mut nodes = reader.list(of, key);
    if nodes.len() > MOST {
        reader.wrong(of.at(key), of.span_of(key), format!("has {} items, more than {MOST}", nodes.len()));
        nodes.truncate(MOST);
    }
    nodes
}

fn policy(reader: &mut Reader, document: &Value, options: &Options) -> Option<ClusterImagePolicy> {
    let (name, spec) = head(reader, document, "ClusterImagePolicy", &["v1alpha1", "v1beta1"], SPEC)?;
    let mut images = Vec::new();
    let nodes = bounded(reader, &spec, "images");
    if nodes.is_empty() {
        reader.wrong(spec.at("images"), spec.span_of("images"), "is missing");
    }
    for node in nodes {
        let Some(fields) = reader.fields(&node, &["glob"]) else { continue };
        let Some(glob) = reader.needed(&fields, "glob") else { continue };
        match Glob::parse(&glob.text) {
            Ok(glob) => images.push(glob),
            Err(error) => reader.wrong(glob.path, glob.span, format!("is wrong: {error}")),
        }
    }
    let nodes = bounded(reader, &spec, "authorities");
    if nodes.is_empty() && options.refuse_empty_authorities {
        reader.wrong(spec.at("authorities"), spec.span_of("authorities"), "is missing: nobody could vouch for an image");
    }
    let authorities: Vec<Authority> = nodes.iter().enumerate().filter_map(|(index, node)| authority(reader, node, index)).collect();
    for (index, one) in authorities.iter().enumerate() {
        if authorities.iter().take(index).any(|before| before.name == one.name) {
            // The matches of both would lie under one name, and the policy over all of them would see one.
            reader.wrong(spec.at("authorities"), one.span, format!("has two authorities named `{}`", shown(&one.name)));
        }
    }
    let mode = reader.word(&spec, "mode", &[("enforce", Mode::Enforce), ("warn", Mode::Warn)]).unwrap_or_default();
    let matches = bounded(reader, &spec, "match").iter().filter_map(|node| match_resource(reader, node)).collect();
    let policy = spec.node("policy").and_then(|node| policy_text(reader, &node, true));
    Some(ClusterImagePolicy { name, span: document.span, images, authorities, policy, mode, matches })
}

fn match_resource(reader: &mut Reader, node: &Node<'_>) -> Option<MatchResource> {
    let fields = reader.fields(node, &["group", "version", "resource", "selector"])?;
    let mut text = |key: &str| reader.text(&fields, key).map_or_else(|| Arc::from(""), |text| text.text);
    let (group, version, resource) = (text("group"), text("version"), text("resource"));
    if !resource.is_empty() && !RESOURCES.contains(&&*resource) {
        let message = format!("is `{}`; it is one of {}", shown(&resource), RESOURCES.join(", "));
        reader.wrong(fields.at("resource"), fields.span_of("resource"), message);
    }
    let mut selector = None;
    if let Some(node) = fields.node("selector") {
        if group.is_empty() && version.is_empty() && resource.is_empty() {
            reader.wrong(node.path.clone(), node.value.span, "needs a resource of which it selects");
        }
        match Selector::from_value(node.value) {
            Ok(read) => selector = Some(read),
            Err(error) => reader.wrong(node.path, node.value.span, format!("is wrong: {error}")),
        }
    }
    Some(MatchResource { group, version, resource, selector })
}

fn authority(reader: &mut Reader, node: &Node<'_>, index: usize) -> Option<Authority> {
    let fields = reader.fields(node, AUTHORITY)?;
    let name = reader.text(&fields, "name").map_or_else(|| format!("authority-{index}").into(), |name| name.text);
    let kinds = ["key", "keyless", "static"];
    let given: Vec<&str> = kinds.into_iter().filter(|kind| fields.has(kind)).collect();
    // Both are read all the same, so that what is wrong within is said as well.
    let one = reader.one_of(&fields, &kinds, &given);
    let key = fields.node("key").and_then(|node| key_ref(reader, &node));
    let keyless = fields.node("keyless").and_then(|node| keyless(reader, &node));
    let fixed = fields.node("static").and_then(|node| fixed(reader, &node));
    let sources = bounded(reader, &fields, "source").iter().filter_map(|node| source(reader, node)).collect();
    let attestations = bounded(reader, &fields, "attestations").iter().filter_map(|node| attestation(reader, node)).collect();
    let log = fields.node("ctlog").and_then(|node| {
        let inner = reader.fields(&node, &["url", "trustRootRef"])?;
        let url = address(reader, &inner, "url");
        Some(LogRef { url, trust_root: reader.text(&inner, "trustRootRef").map(|text| text.text) })
    });
    let timestamp = fields.node("rfc3161timestamp").and_then(|node| {
        let inner = reader.fields(&node, &["trustRootRef"])?;
        Some(reader.text(&inner, "trustRootRef").map(|text| text.text))
    });
    let formats = [("legacy", Format::Legacy), ("bundle", Format::Bundle)];
    let format = reader.word(&fields, "signatureFormat", &formats).unwrap_or(Format::Legacy);
    if one == Some("static") {
        for other in ["attestations", "source", "ctlog", "rfc3161timestamp"] {
            if fields.has(other) {
                reader.wrong(fields.at(other), fields.span_of(other), "means nothing beside `static`");
            }
        }
    }
    let by = match one? {
        "key" => By::Key(key?),
        "keyless" => By::Keyless(keyless?),
        _ => fixed?,
    };
    Some(Authority { name, span: node.value.span, by, sources, log, attestations, timestamp, format })
}

/// An address of the web; where it is none that is said.
pub(super) fn address(reader: &mut Reader, of: &Fields<'_>, key: &str) -> Option<Arc<str>> {
    let text = reader.text(of, key)?;
    if !check::absolute(&text.text) {
        reader.wrong(text.path, text.span, format!("is `{}`, no address", shown(&text.text)));
        return None;
    }
    Some(text.text)
}

fn fixed(reader: &mut Reader, node: &Node<'_>) -> Option<By> {
    let fields = reader.fields(node, &["action", "message"])?;
    let message = reader.text(&fields, "message").map(|text| text.text);
    reader.needed(&fields, "action")?;
    let pass = reader.word(&fields, "action", &[("pass", true), ("fail", false)])?;
    Some(By::Static { pass, message })
}

fn key_ref(reader: &mut Reader, node: &Node<'_>) -> Option<KeyRef> {
    let fields = reader.fields(node, &["data", "secretRef", "kms", "hashAlgorithm"])?;
    let data = reader.text(&fields, "data");
    let kms = reader.text(&fields, "kms");
    let secret = reader.inner(&fields, "secretRef", &["name", "namespace"]);
    let there = [("data", data.is_some()), ("kms", kms.is_some()), ("secretRef", fields.has("secretRef"))];
    let given: Vec<&str> = there.iter().filter(|(_, is)| *is).map(|(name, _)| *name).collect();
    let one = reader.one_of(&fields, &["data", "kms", "secretRef"], &given);
    let hash = reader.text(&fields, "hashAlgorithm").and_then(|text| {
        let wanted = text.text.trim().to_ascii_lowercase();
        let found = HASHES.iter().find(|(name, _)| *name == wanted).map(|(_, hash)| *hash);
        if found.is_none() {
            let known: Vec<&str> = HASHES.iter().map(|(name, _)| *name).collect();
            reader.wrong(text.path, text.span, format!("is `{}`; it is one of {}", shown(&text.text), known.join(", ")));
        }
        found
    });
    let key = data.and_then(|text| public_key(reader, &text));
    if let Some(kms) = &kms
        && let Err(why) = check::kms(&kms.text)
    {
        reader.wrong(kms.path.clone(), kms.span, why);
    }
    let material = match one? {
        "data" => Material::Data(key?),
        "kms" => Material::Kms(kms?.text),
        _ => {
            let secret = secret?;
            let name = reader.needed(&secret, "name")?.text;
            let namespace = reader.text(&secret, "namespace").map_or_else(|| "".into(), |text| text.text);
            Material::Secret { namespace, name }
        }
    };
    Some(KeyRef { material, hash: hash.unwrap_or_default() })
}

fn public_key(reader: &mut Reader, text: &Text) -> Option<PublicKey> {
    match PublicKey::from_pem(&text.text) {
        Ok(key) => Some(key),
        Err(error) => {
            reader.wrong(text.path.clone(), text.span, format!("is wrong: {error}"));
            None
        }
    }
}

fn keyless(reader: &mut Reader, node: &Node<'_>) -> Option<Keyless> {
    let fields = reader.fields(node, &["url", "identities", "ca-cert", "trustRootRef", "insecureIgnoreSCT"])?;
    let mut url = address(reader, &fields, "url");
    if fields.has("url") && fields.has("ca-cert") {
        reader.wrong(fields.path.clone(), fields.span, "has url and ca-cert; it takes exactly one of them");
    }
    if !fields.has("url") && !fields.has("ca-cert") {
        url = Some(FULCIO.into());
    }
    let ca_cert = fields.node("ca-cert").and_then(|node| key_ref(reader, &node));
    let nodes = bounded(reader, &fields, "identities");
    if nodes.is_empty() {
        reader.wrong(fields.at("identities"), fields.span_of("identities"), "is missing: anybody could sign");
    }
    let identities = nodes.iter().filter_map(|node| identity(reader, node)).collect();
    let trust_root = reader.text(&fields, "trustRootRef").map(|text| text.text);
    let ignore_sct = reader.boolean(&fields, "insecureIgnoreSCT").unwrap_or(false);
    Some(Keyless { url, identities, ca_cert, trust_root, ignore_sct })
}

fn identity(reader: &mut Reader, node: &Node<'_>) -> Option<Identity> {
    let fields = reader.fields(node, &["issuer", "subject", "issuerRegExp", "subjectRegExp"])?;
    let issuer = matcher(reader, &fields, "issuer", "issuerRegExp");
    let subject = matcher(reader, &fields, "subject", "subjectRegExp");
    Some(Identity { issuer: issuer?, subject: subject? })
}

/// What a name has to be: exactly, or by a regular expression. Exactly one of both has to be there.
pub(crate) fn matcher(reader: &mut Reader, fields: &Fields<'_>, exact: &str, pattern: &str) -> Option<Matcher> {
    let (one, other) = (reader.text(fields, exact), reader.text(fields, pattern));
    match (one, other) {
        (Some(_), Some(other)) => {
            reader.wrong(other.path, other.span, format!("stands beside `{exact}`; it takes exactly one of them"));
            None
        }
        (None, None) => {
            let at = fields.span;
            reader.wrong(fields.at(exact), at, format!("is missing, and `{pattern}` too: any would do"));
            None
        }
        (Some(text), None) => Some(Matcher::Exact(text.text.as_ref().to_owned())),
        (None, Some(text)) => match go_regex::compile(&text.text) {
            Ok(regex) => Some(Matcher::Pattern(regex)),
            Err(error) => {
                reader.wrong(text.path, text.span, format!("is no regular expression: {error}"));
                None
            }
        },
    }
}

fn source(reader: &mut Reader, node: &Node<'_>) -> Option<Source> {
    let fields = reader.fields(node, &["oci", "tagPrefix", "signaturePullSecrets"])?;
    let oci = reader.text(&fields, "oci");
    if let Some(text) = &oci
        && !check::repository(&text.text)
    {
        reader.wrong(text.path.clone(), text.span, format!("is `{}`, no registry or repository", shown(&text.text)));
    }
    let tag_prefix = reader.text(&fields, "tagPrefix").map(|text| text.text);
    let mut pull_secrets = Vec::new();
    for node in bounded(reader, &fields, "signaturePullSecrets") {
        let Some(inner) = reader.fields(&node, &["name"]) else { continue };
        pull_secrets.extend(reader.needed(&inner, "name").map(|name| name.text));
    }
    Some(Source { oci: oci.map(|text| text.text), tag_prefix, pull_secrets })
}

fn attestation(reader: &mut Reader, node: &Node<'_>) -> Option<Attestation> {
    let fields = reader.fields(node, &["name", "predicateType", "policy"])?;
    let name = reader.needed(&fields, "name");
    let kind = reader.needed(&fields, "predicateType");
    if let Some(kind) = &kind
        && !PREDICATES.contains(&&*kind.text)
        && !check::absolute(&kind.text)
        && !kind.text.starts_with('/')
    {
        let message = format!("is `{}`; it is an address or one of {}", shown(&kind.text), PREDICATES.join(", "));
        reader.wrong(kind.path.clone(), kind.span, message);
    }
    let policy = fields.node("policy").and_then(|node| policy_text(reader, &node, false));
    Some(Attestation { name: name?.text, span: node.value.span, predicate_type: kind?.text, policy })
}

fn policy_text(reader: &mut Reader, node: &Node<'_>, over_all: bool) -> Option<PolicyText> {
    let flags = ["fetchConfigFile", "includeSpec", "includeObjectMeta", "includeTypeMeta"];
    let fields = reader.fields(node, &[&["type", "data", "remote", "configMapRef"][..], &flags].concat())?;
    let language = if reader.needed(&fields, "type").is_some() {
        reader.word(&fields, "type", &[("cue", Language::Cue), ("rego", Language::Rego)])
    } else {
        None
    };
    let data = reader.text(&fields, "data");
    let there = [("data", data.is_some()), ("remote", fields.has("remote")), ("configMapRef", fields.has("configMapRef"))];
    let given: Vec<&str> = there.iter().filter(|(_, is)| *is).map(|(name, _)| *name).collect();
    let one = reader.one_of(&fields, &["data", "remote", "configMapRef"], &given);
    let remote = reader.inner(&fields, "remote", &["url", "sha256sum"]).and_then(|inner| {
        let url = reader.needed(&inner, "url").and_then(|_| address(reader, &inner, "url"));
        let sum = reader.needed(&inner, "sha256sum");
        if let Some(sum) = &sum
            && sum.text.parse::<probity_core::Digest>().is_err()
        {
            reader.wrong(sum.path.clone(), sum.span, "is no SHA-256 of 64 hexadecimal digits");
        }
        Some(TextRef::Remote { url: url?, sha256: sum?.text })
    });
    let entry = reader.inner(&fields, "configMapRef", &["name", "namespace", "key"]).and_then(|inner| {
        let (name, key) = (reader.needed(&inner, "name"), reader.needed(&inner, "key"));
        let namespace = reader.text(&inner, "namespace").map_or_else(|| "".into(), |text| text.text);
        Some(TextRef::ConfigMap { namespace, name: name?.text, key: key?.text })
    });
    let mut on = [false; 4];
    for (flag, is) in flags.iter().zip(&mut on) {
        *is = reader.boolean(&fields, flag).unwrap_or(false);
        if !over_all && fields.has(flag) {
            reader.wrong(fields.at(flag), fields.span_of(flag), "means something only in `spec.policy`");
        }
    }
    let span: Span = data.as_ref().map_or(node.value.span, |text| text.span);
    let text = match one? {
        "data" => TextRef::Data(data?.text),
        "remote" => remote?,
        _ => entry?,
    };
    let [fetch_config_file, include_spec, include_object_meta, include_type_meta] = on;
    let language = language?;
    Some(PolicyText { language, span, text, fetch_config_file, include_spec, include_object_meta, include_type_meta })
}
