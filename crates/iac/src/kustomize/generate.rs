//! Config maps and secrets that a kustomization makes of literals and files, and the hash of their content.

use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::sync::Arc;

use aws_lc_rs::digest::{SHA256, digest};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use probity_value::{Data, Map, OriginStep, SourceMap, Span, UnknownKind, Value};

use super::node::{made, text};
use super::resource::{Behavior, Resource, string};
use super::transform::sorted_keys;

/// What is generated.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum What {
    ConfigMap,
    Secret,
}

/// A key of the data with its content; `None` for a file that cannot be read.
struct Pair {
    /// Empty for a file of keys that cannot be read.
    key: String,
    content: Option<Vec<u8>>,
    span: Span,
}

/// Reads a file beside the kustomization.
pub(super) type Reader<'a> = dyn FnMut(&str, Span) -> Option<Arc<[u8]>> + 'a;

/// What a generator needs of the world.
pub(super) struct Generator<'a> {
    pub(super) sources: &'a SourceMap,
    /// Reads a file beside the kustomization.
    pub(super) read: &'a mut Reader<'a>,
    pub(super) step: OriginStep,
    pub(super) serial: u64,
}

impl Generator<'_> {
    /// Makes the object of one entry; faults with their places are added.
    pub(super) fn make(
        &mut self,
        what: What,
        entry: &Value,
        general: Option<&Value>,
        faults: &mut Vec<(String, Span)>,
    ) -> Option<Resource> {
        let name = entry.get("name").and_then(|name| text(name, self.sources)).filter(|name| !name.is_empty());
        let Some(name) = name else {
            faults.push(("a generated object has no `name`".to_owned(), entry.span));
            return None;
        };
        let name_span = entry.get("name").map_or(entry.span, |name| name.span);
        let span = entry.span;
        let mut pairs = self.pairs(entry, faults);
        pairs.sort_by(|a, b| a.key.cmp(&b.key));
        if let Some([first, _]) = pairs.windows(2).find(|two| matches!(two, [a, b] if a.key == b.key)) {
            faults.push((format!("`{name}` has the key `{}` twice", first.key), first.span));
        }
        let mut object = Map::new();
        let (kind, word) = match what {
            What::ConfigMap => ("ConfigMap", "configMapGenerator"),
            What::Secret => ("Secret", "secretGenerator"),
        };
        let step = OriginStep { name: format!("{} ({word})", self.step.name).into(), span, ..self.step.clone() };
        object.insert("apiVersion", span, string("v1", span));
        object.insert("kind", span, string(kind, span));
        let mut metadata = Map::new();
        metadata.insert("name", name_span, made(Data::String(name.as_str().into()), name_span, &step));
        if let Some(namespace) = entry.get("namespace").filter(|namespace| namespace.as_str().is_some_and(|text| !text.is_empty())) {
            metadata.insert("namespace", namespace.span, namespace.clone());
        }
        let own = entry.get("options");
        for key in ["labels", "annotations"] {
            let mut marks = Map::new();
            for options in [own, general].into_iter().flatten() {
                for (mark, one) in options.get(key).and_then(Value::as_map).into_iter().flat_map(|map| map.iter()) {
                    if !marks.contains_key(mark) {
                        let text = text(&one.value, self.sources).unwrap_or_default();
                        marks.insert(Arc::clone(mark), one.key, string(&text, one.value.span));
                    }
                }
            }
            if !marks.is_empty() {
                metadata.insert(key, span, Value::map(marks, span));
            }
        }
        object.insert("metadata", span, Value::map(metadata, name_span));
        if what == What::Secret {
            let given = entry.get("type").filter(|kind| kind.as_str().is_some_and(|text| !text.is_empty()));
            let type_span = given.map_or(span, |kind| kind.span);
            object.insert("type", type_span, string(given.and_then(Value::as_str).unwrap_or("Opaque"), type_span));
        }
        let unsure = pairs.iter().any(|pair| pair.content.is_none());
        data(&mut object, what, pairs, span);
        let flag = |key: &str| [own, general].into_iter().flatten().any(|options| options.get(key).and_then(Value::as_bool) == Some(true));
        if flag("immutable") {
            object.insert("immutable", span, Value::bool(true, span));
        }
        let mut resource = Resource::new(Value::map(object, span), span, self.serial);
        resource.hash = !flag("disableNameSuffixHash");
        resource.unsure = unsure;
        resource.behavior = match entry.get("behavior").and_then(Value::as_str) {
            Some("merge") => Behavior::Merge,
            Some("replace") => Behavior::Replace,
            _ => Behavior::Create,
        };
        Some(resource)
    }

    fn pairs(&mut self, entry: &Value, faults: &mut Vec<(String, Span)>) -> Vec<Pair> {
        let sources = self.sources;
        let list = |key: &str| -> Vec<(String, Span)> {
            let items = entry.get(key).and_then(Value::as_list).unwrap_or_default();
            items.iter().filter_map(|item| Some((text(item, sources)?, item.span))).collect()
        };
        let mut out = Vec::new();
        let old = entry.get("env").and_then(|env| Some((text(env, sources)?, env.span)));
        for (path, span) in list("envs").into_iter().chain(old) {
            let Some(bytes) = (self.read)(&path, span) else {
                out.push(Pair { key: String::new(), content: None, span });
                continue;
            };
            let content = String::from_utf8_lossy(&bytes);
            for (at, line) in content.lines().enumerate() {
                let line = if at == 0 { line.trim_start_matches('\u{feff}') } else { line };
                let line = line.trim_start();
                if line.is_empty() || line.starts_with('#') {
                    continue;
                }
                let (key, value) = line.split_once('=').unwrap_or((line, ""));
                out.push(Pair { key: key.to_owned(), content: Some(value.as_bytes().to_vec()), span });
            }
        }
        for (literal, span) in list("literals") {
            match literal.split_once('=') {
                Some((key, value)) if !key.is_empty() => {
                    out.push(Pair { key: key.to_owned(), content: Some(unquoted(value).as_bytes().to_vec()), span });
                }
                _ => faults.push((format!("the literal `{literal}` is not written as `key=value`"), span)),
            }
        }
        for (file, span) in list("files") {
            let (key, path) = match file.split_once('=') {
                None => (file.rsplit('/').next().unwrap_or_default(), file.as_str()),
                Some((key, path)) if !key.is_empty() && !path.is_empty() && !path.contains('=') => (key, path),
                _ => {
                    faults.push((format!("the file `{file}` is not written as `key=path`"), span));
                    continue;
                }
            };
            let content = (self.read)(path, span).map(|bytes| bytes.to_vec());
            out.push(Pair { key: key.to_owned(), content, span });
        }
        out
    }
}

fn unquoted(text: &str) -> &str {
    let inner = |quote: char| text.strip_prefix(quote).and_then(|text| text.strip_suffix(quote));
    inner('"').or_else(|| inner('\'')).unwrap_or(text)
}

/// Puts the pairs into `data` and `binaryData`.
fn data(object: &mut Map, what: What, pairs: Vec<Pair>, span: Span) {
    let (mut texts, mut bytes) = (Map::new(), Map::new());
    let reason = "it comes from a file that is not here";
    if let Some(pair) = pairs.iter().find(|pair| pair.key.is_empty() && pair.content.is_none()) {
        object.insert("data", span, Value::unknown(UnknownKind::File, reason, pair.span));
        return;
    }
    for pair in pairs {
        let Some(content) = pair.content else {
            texts.insert(pair.key, pair.span, Value::unknown(UnknownKind::File, reason, pair.span));
            continue;
        };
        let coded = || in_lines(STANDARD.encode(&content));
        let (map, text) = match (what, std::str::from_utf8(&content)) {
            (What::ConfigMap, Ok(text)) => (&mut texts, text.to_owned()),
            (What::ConfigMap, Err(_)) => (&mut bytes, coded()),
            (What::Secret, _) => (&mut texts, coded()),
        };
        let mut value = string(&text, pair.span);
        value.sensitive = what == What::Secret;
        map.insert(pair.key, pair.span, value);
    }
    for (key, map) in [("data", texts), ("binaryData", bytes)] {
        if !map.is_empty() {
            object.insert(key, span, Value::map(map, span));
        }
    }
}

/// Long coded text is parted into lines of 70 letters.
fn in_lines(text: String) -> String {
    const LINE: usize = 70;
    if text.len() < LINE {
        return text;
    }
    let mut out = String::with_capacity(text.len() + text.len() / LINE + 1);
    let mut letters = text.chars().peekable();
    while letters.peek().is_some() {
        out.extend(letters.by_ref().take(LINE));
        out.push('\n');
    }
    out
}

/// Merges a generated object with the one that is there, as it asks.
pub(super) fn join(new: &mut Resource, old: &Resource, sources: &SourceMap) {
    let hash = new.hash && old.hash;
    for key in ["labels", "annotations"] {
        let both = joined(
            old.value.get("metadata").and_then(|data| data.get(key)),
            new.value.get("metadata").and_then(|data| data.get(key)),
            sources,
        );
        if let (Some(both), Some(metadata)) = (both, super::node::child_map(&mut new.value, "metadata", new.span)) {
            metadata.insert(key, new.span, both);
        }
    }
    let part = |key: &str| old.value.get("metadata").and_then(|metadata| metadata.get(key)).cloned();
    new.set_metadata("name", part("name"));
    new.set_metadata("namespace", part("namespace"));
    if new.behavior == Behavior::Merge {
        let old_data = if new.kind() == "Secret" { with_string_data(&old.value, sources) } else { old.value.get("data").cloned() };
        for (key, before) in [("data", old_data), ("binaryData", old.value.get("binaryData").cloned())] {
            if let Some(both) = joined(before.as_ref(), new.value.get(key), sources)
                && let Some(map) = super::node::map_mut(&mut new.value)
            {
                map.insert(key, both.span, both);
            }
        }
        new.origin.clone_from(&old.origin);
        new.unsure |= old.unsure;
    }
    new.hash = hash;
    new.behavior = old.behavior;
    new.previous.clone_from(&old.previous);
    new.prefixes.clone_from(&old.prefixes);
    new.suffixes.clone_from(&old.suffixes);
    new.vars.clone_from(&old.vars);
    new.via.clone_from(&old.via);
    new.patches.clone_from(&old.patches);
    new.patches.push(new.span);
    new.span = old.span;
    new.serial = old.serial;
}

/// The data of a secret with its `stringData` coded into it.
fn with_string_data(secret: &Value, sources: &SourceMap) -> Option<Value> {
    let Some(plain) = secret.get("stringData").and_then(Value::as_map) else { return secret.get("data").cloned() };
    let mut data = secret.get("data").and_then(Value::as_map).cloned().unwrap_or_default();
    for (key, entry) in plain.iter() {
        let coded = in_lines(STANDARD.encode(text(&entry.value, sources).unwrap_or_default()));
        let mut value = string(&coded, entry.value.span);
        value.sensitive = true;
        data.insert(Arc::clone(key), entry.key, value);
    }
    Some(Value::map(data, secret.span))
}

fn joined(old: Option<&Value>, new: Option<&Value>, sources: &SourceMap) -> Option<Value> {
    if let Some(unknown) = [new, old].into_iter().flatten().find(|value| value.is_unknown()) {
        return Some(unknown.clone());
    }
    let (old_map, new_map) = (old.and_then(Value::as_map), new.and_then(Value::as_map));
    let span = new.or(old)?.span;
    let mut out = old_map.cloned().unwrap_or_default();
    for (key, entry) in new_map.into_iter().flat_map(|map| map.iter()) {
        out.insert(Arc::clone(key), entry.key, entry.value.clone());
    }
    let mut both = Value::map(out, span);
    super::node::as_texts(&mut both, sources);
    both.as_map().is_some_and(|map| !map.is_empty()).then_some(both)
}

/// Appends the hash of the content to the name.
pub(super) fn add_hash(resource: &mut Resource) {
    resource.remember();
    let name = resource.name();
    resource.plain_name = Some(name.clone());
    let old = resource.value.get("metadata").and_then(|metadata| metadata.get("name")).cloned();
    let Some(mut value) = old else { return };
    match hash(&resource.value).filter(|_| !resource.unsure) {
        Some(hash) => value.data = Data::String(format!("{name}-{hash}").into()),
        None => return,
    }
    resource.set_metadata("name", Some(value));
}

/// The hash of an object, as Kustomize counts it: the name does not take part. `None` where a part is unknown.
fn hash(object: &Value) -> Option<String> {
    let mut parts: BTreeMap<&str, String> = BTreeMap::new();
    let kind = object.get("kind").and_then(Value::as_str).unwrap_or_default();
    let mut put = |key: &'static str, required: bool| -> Option<()> {
        match object.get(key) {
            None if required => {
                parts.insert(key, "\"\"".to_owned());
            }
            None => {}
            Some(value) if required || value.as_map().is_some() => {
                let mut out = String::new();
                go_json(value, &mut out)?;
                parts.insert(key, out);
            }
            Some(_) => {}
        }
        Some(())
    };
    put("data", true)?;
    if kind == "Secret" {
        put("type", true)?;
        put("stringData", false)?;
    } else {
        put("binaryData", false)?;
    }
    let mut quoted = String::new();
    go_string(kind, &mut quoted);
    parts.insert("kind", quoted);
    parts.insert("name", "\"\"".to_owned());
    let inner: Vec<String> = parts.iter().map(|(key, value)| format!("\"{key}\":{value}")).collect();
    let text = format!("{{{}}}", inner.join(","));
    let hex: String = hex::encode(digest(&SHA256, text.as_bytes())).chars().take(10).collect();
    // No vowels, and nothing that looks like one: names should spell no words.
    let letter = |letter: char| match letter {
        '0' => 'g',
        '1' => 'h',
        '3' => 'k',
        'a' => 'm',
        'e' => 't',
        other => other,
    };
    Some(hex.chars().map(letter).collect())
}

/// JSON as Go writes it: keys in order, and signs of HTML escaped.
pub(super) fn go_json(value: &Value, out: &mut String) -> Option<()> {
    match &value.data {
        Data::Null => out.push_str("null"),
        Data::Bool(flag) => out.push_str(if *flag { "true" } else { "false" }),
        Data::Number(number) => {
            let _ = write!(out, "{number}");
        }
        Data::String(text) => go_string(text, out),
        Data::List(items) => {
            out.push('[');
            for (at, item) in items.iter().enumerate() {
                if at > 0 {
                    out.push(',');
                }
                go_json(item, out)?;
            }
            out.push(']');
        }
        Data::Map(map) => {
            out.push('{');
            for (at, key) in sorted_keys(map).iter().enumerate() {
                if at > 0 {
                    out.push(',');
                }
                go_string(key, out);
                out.push(':');
                go_json(map.get(key)?, out)?;
            }
            out.push('}');
        }
        Data::Unknown(_) => return None,
    }
    Some(())
}

pub(super) fn go_string(text: &str, out: &mut String) {
    out.push('"');
    for letter in text.chars() {
        match letter {
            '"' => out.push_str("\\\""),
            '\\' => out.push_str("\\\\"),
            '\n' => out.push_str("\\n"),
            '\r' => out.push_str("\\r"),
            '\t' => out.push_str("\\t"),
            '\u{8}' => out.push_str("\\b"),
            '\u{c}' => out.push_str("\\f"),
            '<' | '>' | '&' | '\u{2028}' | '\u{2029}' | '\0'..='\u{1f}' => {
                let _ = write!(out, "\\u{:04x}", letter as u32);
            }
            other => out.push(other),
        }
    }
    out.push('"');
}
