//! A policy to the entries of `verifyImages`, or to everything that is wrong with it.

use std::collections::BTreeMap;
use std::sync::Arc;

use probity_kubernetes::go_regex;
use probity_kyverno::conditions::Conditions;
use probity_sigstore::{Matcher, PublicKey};
use probity_value::Value;
use regex::Regex;

use super::{AttestorSet, Entry, KyvernoAttestation, Rekor, VerifyImages, Who};
use crate::cip::{Hash, Mode};
use crate::demand::{Format, Identity, Wanted};
use crate::fault::{Fault, Fields, Node, Reader, Text, shown};

/// How deep sets of attestors may nest.
const DEEPEST: usize = 8;
/// Most entries of a list.
const MOST: usize = 200;

const ENTRY: &[&str] = &[
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

impl VerifyImages {
    /// The entries of all rules of a ClusterPolicy or Policy.
    ///
    /// # Errors
    /// Everything that is wrong with them, with its path and place.
    pub fn read(policy: &Value) -> Result<Vec<VerifyImages>, Vec<Fault>> {
        let mut reader = Reader::default();
        let mut out = Vec::new();
        let text = |value: Option<&Value>| value.and_then(Value::as_str).map(Arc::<str>::from);
        let name = text(policy.get("metadata").and_then(|metadata| metadata.get("name"))).unwrap_or_default();
        let spec = policy.get("spec");
        let enforce = |value: Option<&Value>| value.and_then(Value::as_str).map(|word| word.eq_ignore_ascii_case("enforce"));
        let whole = enforce(spec.and_then(|spec| spec.get("validationFailureAction"))).unwrap_or(false);
        let rules = spec.and_then(|spec| spec.get("rules")).and_then(Value::as_list).unwrap_or_default();
        for (number, rule) in rules.iter().enumerate() {
            let Some(list) = rule.get("verifyImages").filter(|list| !list.is_null()) else { continue };
            let path = format!("spec.rules[{number}].verifyImages");
            let Some(items) = list.as_list() else {
                reader.wrong(path, list.span, "is no list");
                continue;
            };
            for (index, item) in items.iter().enumerate().take(MOST) {
                let node = Node { value: item, path: format!("{path}[{index}]") };
                let action = enforce(item.get("failureAction")).unwrap_or(whole);
                if let Some(mut entry) = verify(&mut reader, &node) {
                    entry.policy = Arc::clone(&name);
                    entry.rule = text(rule.get("name")).unwrap_or_default();
                    entry.index = index;
                    entry.mode = if action { Mode::Enforce } else { Mode::Warn };
                    out.push(entry);
                }
            }
        }
        if reader.faults.is_empty() { Ok(out) } else { Err(reader.faults) }
    }
}

fn verify(reader: &mut Reader, node: &Node<'_>) -> Option<VerifyImages> {
    let fields = reader.fields(node, ENTRY)?;
    let mut references = texts(reader, &fields, "imageReferences");
    references.extend(reader.text(&fields, "image").map(|text| text.text));
    if references.is_empty() {
        reader.wrong(fields.at("imageReferences"), fields.span_of("imageReferences"), "is missing");
    }
    let notary = fields.node("type").is_some_and(|node| node.value.as_str() == Some("Notary"));
    let format = if notary {
        reader.wrong(fields.at("type"), fields.span_of("type"), "is Notary, whose signatures are not verified here");
        Format::Any
    } else {
        let known = [("Cosign", Format::Legacy), ("SigstoreBundle", Format::Bundle)];
        reader.word(&fields, "type", &known).unwrap_or(Format::Legacy)
    };
    let format = if reader.boolean(&fields, "cosignOCI11") == Some(true) { Format::Any } else { format };
    let mut attestors = sets(reader, &fields, 0);
    attestors.extend(old_form(reader, &fields));
    for key in ["validate", "additionalExtensions"] {
        if fields.has(key) {
            reader.wrong(fields.at(key), fields.span_of(key), "is not understood here");
        }
    }
    let mut attestations = Vec::new();
    for node in reader.list(&fields, "attestations").iter().take(MOST) {
        attestations.extend(attestation(reader, node, &attestors));
    }
    if attestors.is_empty() && attestations.is_empty() {
        reader.wrong(fields.path.clone(), fields.span, "asks for no signature and no attestation");
    }
    let pull_secrets = reader
        .inner(&fields, "imageRegistryCredentials", &["allowInsecureRegistry", "providers", "secrets"])
        .map(|inner| texts(reader, &inner, "secrets"))
        .unwrap_or_default();
    Some(VerifyImages {
        policy: "".into(),
        rule: "".into(),
        index: 0,
        span: node.value.span,
        references,
        skipped: texts(reader, &fields, "skipImageReferences"),
        annotations: annotations(reader, &fields),
        repository: plain(reader, &fields, "repository").map(|text| text.text),
        attestors,
        attestations,
        format,
        mode: Mode::Warn,
        mutate_digest: reader.boolean(&fields, "mutateDigest").unwrap_or(true),
        verify_digest: reader.boolean(&fields, "verifyDigest").unwrap_or(true),
        required: reader.boolean(&fields, "required").unwrap_or(true),
        pull_secrets,
    })
}

fn texts(reader: &mut Reader, of: &Fields<'_>, key: &str) -> Vec<Arc<str>> {
    let mut out = Vec::new();
    for node in reader.list(of, key) {
        match node.value.as_str() {
            Some(text) => out.push(text.into()),
            None => reader.wrong(node.path, node.value.span, "is no text"),
        }
    }
    out
}

/// Text without variables: who is trusted may not hang on what is judged.
fn plain(reader: &mut Reader, of: &Fields<'_>, key: &str) -> Option<Text> {
    let text = reader.text(of, key)?;
    if text.text.contains("{{") {
        reader.wrong(text.path, text.span, "has a variable in it, which is not understood here");
        return None;
    }
    Some(text)
}

fn annotations(reader: &mut Reader, of: &Fields<'_>) -> BTreeMap<Arc<str>, Arc<str>> {
    let mut out = BTreeMap::new();
    let Some(node) = of.node("annotations") else { return out };
    let Some(map) = node.value.as_map() else {
        reader.wrong(node.path, node.value.span, "is no map");
        return out;
    };
    let inner = Fields { map, path: node.path, span: node.value.span };
    for key in map.keys() {
        if let Some(text) = plain(reader, &inner, key) {
            out.insert(Arc::clone(key), text.text);
        }
    }
    out
}

fn sets(reader: &mut Reader, of: &Fields<'_>, depth: usize) -> Vec<AttestorSet> {
    let nodes = reader.list(of, "attestors");
    nodes.iter().take(MOST).filter_map(|node| set(reader, node, depth)).collect()
}

fn set(reader: &mut Reader, node: &Node<'_>, depth: usize) -> Option<AttestorSet> {
    if depth > DEEPEST {
        reader.wrong(node.path.clone(), node.value.span, "nests too deep");
        return None;
    }
    let fields = reader.fields(node, &["count", "entries"])?;
    let mut entries = Vec::new();
    for node in reader.list(&fields, "entries").iter().take(MOST) {
        entries.extend(entry(reader, node, depth));
    }
    if entries.is_empty() {
        reader.wrong(fields.at("entries"), fields.span, "names nobody");
    }
    let count = fields.node("count").and_then(|node| {
        let count = node.value.as_int().and_then(|count| usize::try_from(count).ok()).filter(|count| *count > 0);
        match count {
            Some(count) if count <= entries.len() => return Some(count),
            Some(count) => reader.wrong(node.path, node.value.span, format!("is {count}, and there are {} entries", entries.len())),
            None => reader.wrong(node.path, node.value.span, "is no whole number from 1 up"),
        }
        None
    });
    Some(AttestorSet { span: node.value.span, count, entries })
}

fn rekor(reader: &mut Reader, of: &Fields<'_>) -> (Option<Rekor>, bool) {
    let log = match reader.inner(of, "rekor", &["url", "pubkey", "ignoreTlog"]) {
        None => Some(Rekor::default()),
        Some(inner) => {
            let ignored = reader.boolean(&inner, "ignoreTlog").unwrap_or(false);
            let url = plain(reader, &inner, "url").map(|text| text.text);
            let key = plain(reader, &inner, "pubkey").map(|text| text.text);
            (!ignored).then_some(Rekor { url, key })
        }
    };
    let ignore_sct = reader.inner(of, "ctlog", &["ignoreSCT", "pubkey", "tsaCertChain"]).is_some_and(|inner| {
        for key in ["pubkey", "tsaCertChain"] {
            if inner.has(key) {
                reader.wrong(inner.at(key), inner.span_of(key), "is not understood here");
            }
        }
        reader.boolean(&inner, "ignoreSCT").unwrap_or(false)
    });
    (log, ignore_sct)
}

fn entry(reader: &mut Reader, node: &Node<'_>, depth: usize) -> Vec<Entry> {
    let kinds = ["keys", "certificates", "keyless", "attestor"];
    let known = [&kinds[..], &["annotations", "repository", "signatureAlgorithm"]].concat();
    let Some(fields) = reader.fields(node, &known) else { return Vec::new() };
    let annotations = annotations(reader, &fields);
    let repository = plain(reader, &fields, "repository").map(|text| text.text);
    let span = node.value.span;
    let made = |who: Who, rekor: Option<Rekor>, ignore_sct: bool| Entry {
        span,
        who,
        annotations: annotations.clone(),
        repository: repository.clone(),
        rekor,
        ignore_sct,
    };
    match reader.exactly_one(&fields, &kinds) {
        Some("keys") => {
            let known = ["publicKeys", "signatureAlgorithm", "kms", "secret", "rekor", "ctlog"];
            let Some(inner) = reader.inner(&fields, "keys", &known) else { return Vec::new() };
            let (log, ignore_sct) = rekor(reader, &inner);
            keys(reader, &inner, "publicKeys").into_iter().map(|who| made(who, log.clone(), ignore_sct)).collect()
        }
        Some("certificates") => {
            let Some(inner) = reader.inner(&fields, "certificates", &["cert", "certChain", "rekor", "ctlog"]) else { return Vec::new() };
            let (log, ignore_sct) = rekor(reader, &inner);
            let chain = plain(reader, &inner, "certChain").map(|text| text.text);
            let Some(cert) = plain(reader, &inner, "cert") else {
                reader.wrong(inner.at("cert"), inner.span_of("cert"), "is missing: any certificate of the chain would do");
                return Vec::new();
            };
            vec![made(Who::Certificate(cert.text, chain), log, ignore_sct)]
        }
        Some("keyless") => {
            let known = ["rekor", "ctlog", "issuer", "issuerRegExp", "subject", "subjectRegExp", "roots", "additionalExtensions"];
            let Some(inner) = reader.inner(&fields, "keyless", &known) else { return Vec::new() };
            let (log, ignore_sct) = rekor(reader, &inner);
            let roots = plain(reader, &inner, "roots").map(|text| text.text);
            if inner.has("additionalExtensions") {
                reader.wrong(inner.at("additionalExtensions"), inner.span_of("additionalExtensions"), "is not understood here");
            }
            identity(reader, &inner).map(|identity| made(Who::Keyless(identity, roots), log, ignore_sct)).into_iter().collect()
        }
        Some(_) => {
            let nested = fields.node("attestor").and_then(|node| set(reader, &node, depth + 1));
            nested.map(|nested| made(Who::Set(Box::new(nested)), None, false)).into_iter().collect()
        }
        None => Vec::new(),
    }
}

/// Keys: several in one text are several signers, as Kyverno takes them apart.
fn keys(reader: &mut Reader, of: &Fields<'_>, field: &str) -> Vec<Who> {
    let hashes = [("sha224", Hash::Sha224), ("sha256", Hash::Sha256), ("sha384", Hash::Sha384), ("sha512", Hash::Sha512)];
    let hash = reader.word(of, "signatureAlgorithm", &hashes).unwrap_or_default();
    let text = plain(reader, of, field);
    let kms = plain(reader, of, "kms");
    let secret = reader.inner(of, "secret", &["name", "namespace"]);
    let there = [(field, text.is_some()), ("kms", kms.is_some()), ("secret", of.has("secret"))];
    let given: Vec<&str> = there.iter().filter(|(_, is)| *is).map(|(name, _)| *name).collect();
    if reader.one_of(of, &[field, "kms", "secret"], &given).is_none() {
        return Vec::new();
    }
    if let Some(kms) = kms {
        reader.wrong(kms.path, kms.span, "names a key management service, which is not asked here; give the public key itself");
        return Vec::new();
    }
    if let Some(secret) = secret {
        let (name, namespace) = (reader.needed(&secret, "name"), reader.needed(&secret, "namespace"));
        let (Some(name), Some(namespace)) = (name, namespace) else { return Vec::new() };
        return vec![Who::Elsewhere(Wanted::Secret { namespace: namespace.text, name: name.text }, hash)];
    }
    let Some(text) = text else { return Vec::new() };
    if let Some(rest) = text.text.trim().strip_prefix("k8s://") {
        return match rest.split_once('/') {
            Some((namespace, name)) if !namespace.is_empty() && !name.is_empty() => {
                vec![Who::Elsewhere(Wanted::Secret { namespace: namespace.into(), name: name.into() }, hash)]
            }
            _ => {
                reader.wrong(text.path, text.span, "is no `k8s://NAMESPACE/NAME`");
                Vec::new()
            }
        };
    }
    const END: &str = "-----END PUBLIC KEY-----";
    let mut out = Vec::new();
    for block in text.text.split_inclusive(END).map(str::trim).filter(|block| !block.is_empty()) {
        match PublicKey::from_pem(block) {
            Ok(_) => out.push(Who::Key(block.into(), hash)),
            Err(error) => reader.wrong(text.path.clone(), text.span, format!("is wrong: {error}")),
        }
    }
    out
}

/// Whom a certificate may name. Kyverno takes `*` and `?` in `subject`; who vouches is compared as it is.
fn identity(reader: &mut Reader, of: &Fields<'_>) -> Option<Identity> {
    let any = || Regex::new("").ok().map(Matcher::Pattern);
    let mut side = |exact: &str, pattern: &str, wildcards: bool| -> Option<Option<Matcher>> {
        let (one, other) = (plain(reader, of, exact), plain(reader, of, pattern));
        match (one, other) {
            (Some(_), Some(other)) => {
                reader.wrong(other.path, other.span, format!("stands beside `{exact}`; it takes exactly one of them"));
                None
            }
            (None, None) => Some(None),
            (Some(text), None) if wildcards && text.text.contains(['*', '?']) => {
                let pattern: String = text
                    .text
                    .chars()
                    .map(|letter| match letter {
                        '*' => "(?s:.*)".to_owned(),
                        '?' => "(?s:.)".to_owned(),
                        other => regex::escape(&other.to_string()),
                    })
                    .collect();
                Regex::new(&format!("^{pattern}$")).ok().map(|regex| Some(Matcher::Pattern(regex)))
            }
            (Some(text), None) => Some(Some(Matcher::Exact(text.text.as_ref().to_owned()))),
            (None, Some(text)) => match go_regex::compile(&text.text) {
                Ok(regex) => Some(Some(Matcher::Pattern(regex))),
                Err(error) => {
                    reader.wrong(text.path, text.span, format!("is no regular expression: {error}"));
                    None
                }
            },
        }
    };
    let (subject, issuer) = (side("subject", "subjectRegExp", true)?, side("issuer", "issuerRegExp", false)?);
    if subject.is_none() && issuer.is_none() && !of.has("roots") {
        reader.wrong(of.path.clone(), of.span, "names neither subject nor issuer nor roots: anybody could sign");
        return None;
    }
    Some(Identity { subject: subject.or_else(any)?, issuer: issuer.or_else(any)? })
}

/// The form before attestors: one key, or one identity.
fn old_form(reader: &mut Reader, of: &Fields<'_>) -> Option<AttestorSet> {
    let keyed = of.has("key");
    let named = ["subject", "issuer", "roots"].iter().any(|key| of.has(key));
    if !keyed && !named {
        return None;
    }
    let whos = if keyed {
        // The names of the newer form are not those of this one; only the key itself is read.
        keys(reader, &Fields { map: of.map, path: of.path.clone(), span: of.span }, "key")
    } else {
        let roots = plain(reader, of, "roots").map(|text| text.text);
        identity(reader, of).map(|identity| Who::Keyless(identity, roots)).into_iter().collect()
    };
    let entries = whos.into_iter().map(|who| Entry {
        span: of.span,
        who,
        annotations: BTreeMap::new(),
        repository: None,
        rekor: Some(Rekor::default()),
        ignore_sct: false,
    });
    Some(AttestorSet { span: of.span, count: None, entries: entries.collect() })
}

fn attestation(reader: &mut Reader, node: &Node<'_>, of_the_entry: &[AttestorSet]) -> Option<KyvernoAttestation> {
    let fields = reader.fields(node, &["name", "predicateType", "type", "attestors", "conditions"])?;
    let (old, new) = (plain(reader, &fields, "predicateType"), plain(reader, &fields, "type"));
    let kind = match (old, new) {
        (Some(one), None) | (None, Some(one)) => one,
        (None, None) => {
            reader.wrong(fields.at("type"), fields.span, "is missing");
            return None;
        }
        (Some(_), Some(new)) => {
            reader.wrong(new.path, new.span, "stands beside `predicateType`; it takes exactly one of them");
            return None;
        }
    };
    let mut attestors = sets(reader, &fields, 0);
    if attestors.is_empty() {
        attestors = of_the_entry.to_vec();
    }
    if attestors.is_empty() {
        reader.wrong(fields.at("attestors"), fields.span, "is missing: an attestation counts only by whom it is signed");
    }
    let file: Arc<str> = "".into();
    let mut conditions = Vec::new();
    for node in reader.list(&fields, "conditions") {
        match Conditions::read(node.value, &file) {
            Ok(read) => conditions.push(Arc::new(read)),
            Err(said) => {
                for one in said {
                    reader.wrong(node.path.clone(), one.span, format!("is wrong: {}", shown(&one.message)));
                }
            }
        }
    }
    Some(KyvernoAttestation { span: node.value.span, kind: kind.text, attestors, conditions })
}
