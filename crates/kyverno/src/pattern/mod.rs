//! Patterns of `validate.pattern` and `anyPattern`: overlays with anchors that an object has to fit.
//!
//! A pattern is compiled once ([`Pattern::compile`]) and matched many times. What it means follows Kyverno's engine (`pkg/engine/validate`,
//! `pkg/engine/anchor`, `pkg/engine/pattern`), with two differences on purpose: whether an error comes of an anchor is known by its kind and
//! not by words in its text (which an object could hold), and entries of labels and annotations that are no text are not forgotten.

mod anchor;
mod leaf;

use std::collections::HashMap;
use std::sync::Arc;

use probity_core::PathStep;
use probity_kubernetes::wildcard;
use probity_value::{Data, Value};

pub use anchor::{Anchor, Modifier};
pub use leaf::{Comparison, Leaf, Operator, operator_of};

/// A compiled pattern.
#[derive(Clone, Debug)]
pub struct Pattern {
    root: Node,
}

#[derive(Clone, Debug)]
enum Node {
    Map(Arc<MapNode>),
    List(Vec<Node>),
    Leaf(Leaf),
}

/// How an entry of a map is matched.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
enum Handling {
    /// As it stands.
    Plain,
    /// Of an anchor.
    Anchored(Modifier),
}

#[derive(Clone, Debug)]
struct Entry {
    /// As written: `=(image)`.
    text: Arc<str>,
    /// Without the anchor: `image`.
    key: Arc<str>,
    handling: Handling,
    node: Node,
}

#[derive(Clone, Debug)]
struct MapNode {
    /// Conditional, existence, equality and negation anchors, sorted by their text.
    anchors: Vec<Entry>,
    /// All others, in the order they are judged.
    others: Vec<Entry>,
    /// Whether keys of labels or annotations have wildcards.
    expands: bool,
}

/// Why an object does not fit.
#[derive(Clone, Debug)]
pub struct Failure {
    /// What kind of failure.
    pub kind: FailureKind,
    /// The way to the place, where there is one; failures without one are errors of the rule.
    pub path: Option<Vec<PathStep>>,
    /// In words.
    pub message: String,
}

/// Kinds of failures.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum FailureKind {
    /// A conditional or global anchor says that the rule does not apply; `nested` where that was said of a part of the object.
    Skip {
        /// Of a part.
        nested: bool,
    },
    /// A key is there that may not be.
    Negation,
    /// It does not fit.
    Mismatch,
    /// It cannot be told: a value is not known.
    Unknown,
}

/// The way to where the matching is, and which anchors found their key so far.
struct Walk<'p> {
    path: Vec<PathStep>,
    anchors: HashMap<&'p str, bool>,
    /// Owned texts of anchors of maps that were expanded; they only count as found or not.
    expanded: HashMap<Arc<str>, bool>,
}

type Matched = Result<(), Failure>;

impl Walk<'_> {
    fn fail(&self, kind: FailureKind, message: impl Into<String>) -> Failure {
        Failure { kind, path: Some(self.path.clone()), message: message.into() }
    }

    fn text(&self) -> String {
        path_text(&self.path)
    }
}

/// A path in the words of Kyverno: `/spec/containers/0/image/`.
#[must_use]
pub fn path_text(path: &[PathStep]) -> String {
    let mut text = String::from("/");
    for step in path {
        match step {
            PathStep::Key(key) => text.push_str(key),
            PathStep::Index(index) => text.push_str(&index.to_string()),
        }
        text.push('/');
    }
    text
}

impl Pattern {
    /// Compiles a pattern.
    #[must_use]
    pub fn compile(value: &Value) -> Pattern {
        Pattern { root: Node::compile(value) }
    }

    /// Whether an object fits.
    ///
    /// # Errors
    /// [`Failure`] says why not; one without a path is an error of the rule.
    pub fn matches(&self, object: &Value) -> Matched {
        let mut walk = Walk { path: Vec::new(), anchors: HashMap::new(), expanded: HashMap::new() };
        let Err(mut failure) = element(&mut walk, &self.root, object) else { return Ok(()) };
        match failure.kind {
            FailureKind::Skip { .. } => failure.path = None,
            FailureKind::Negation | FailureKind::Unknown => {}
            // Where a conditional key was found nowhere, Kyverno gives no path, and the rule an error.
            FailureKind::Mismatch => {
                if walk.anchors.values().chain(walk.expanded.values()).any(|found| !found) {
                    failure.path = None;
                }
            }
        }
        Err(failure)
    }
}

impl Node {
    fn compile(value: &Value) -> Node {
        match &value.data {
            Data::Map(map) => Node::Map(Arc::new(MapNode::compile(
                map.iter().map(|(key, entry)| (Arc::clone(key), Node::compile(&entry.value))).collect(),
            ))),
            Data::List(items) => Node::List(items.iter().map(Node::compile).collect()),
            _ => Node::Leaf(Leaf::compile(value)),
        }
    }

    fn has_anchors(&self) -> bool {
        match self {
            Node::Map(map) => {
                !map.anchors.is_empty()
                    || map.others.iter().any(|entry| entry.handling == Handling::Anchored(Modifier::Global) || entry.node.has_anchors())
            }
            Node::List(items) => items.iter().any(Node::has_anchors),
            Node::Leaf(_) => false,
        }
    }

    fn keys_have_wildcards(&self) -> bool {
        match self {
            Node::Map(map) => map.anchors.iter().chain(&map.others).any(|entry| wildcard::has_wildcard(&entry.key)),
            _ => false,
        }
    }
}

impl MapNode {
    fn compile(entries: Vec<(Arc<str>, Node)>) -> MapNode {
        let (mut anchors, mut plain) = (Vec::new(), Vec::new());
        let mut expands = false;
        for (text, node) in entries {
            let (key, handling) = match Anchor::parse(&text) {
                Some(anchor) if anchor.modifier != Modifier::AddIfNotPresent => {
                    (Arc::from(anchor.key), Handling::Anchored(anchor.modifier))
                }
                _ => (Arc::clone(&text), Handling::Plain),
            };
            if *key == *"metadata"
                && let Node::Map(metadata) = &node
            {
                expands |= metadata
                    .anchors
                    .iter()
                    .chain(&metadata.others)
                    .any(|entry| matches!(&*entry.key, "labels" | "annotations") && entry.node.keys_have_wildcards());
            }
            let entry = Entry { text, key, handling, node };
            match handling {
                Handling::Plain | Handling::Anchored(Modifier::Global) => plain.push(entry),
                Handling::Anchored(_) => anchors.push(entry),
            }
        }
        anchors.sort_by(|a, b| a.text.cmp(&b.text));
        plain.sort_by(|a, b| a.text.cmp(&b.text));
        // Global anchors and what has anchors in it come first, the last of them before the others.
        let (mut first, last): (Vec<Entry>, Vec<Entry>) =
            plain.into_iter().partition(|entry| entry.handling == Handling::Anchored(Modifier::Global) || entry.node.has_anchors());
        first.reverse();
        first.extend(last);
        MapNode { anchors, others: first, expands }
    }

    /// The same with wildcards in keys of labels and annotations replaced by the first key of the object they fit.
    fn expand(&self, object: &probity_value::Map) -> MapNode {
        let Some(metadata) = object.get("metadata") else { return self.clone() };
        let entries = self.anchors.iter().chain(&self.others).map(|entry| {
            let node = match (&*entry.key, &entry.node) {
                ("metadata", Node::Map(map)) => Node::Map(Arc::new(expand_metadata(map, metadata))),
                _ => entry.node.clone(),
            };
            (Arc::clone(&entry.text), node)
        });
        let mut expanded = MapNode::compile(entries.collect());
        expanded.expands = false;
        expanded
    }
}

fn expand_metadata(pattern: &MapNode, metadata: &Value) -> MapNode {
    let entries = pattern.anchors.iter().chain(&pattern.others).map(|entry| {
        let node = match (&*entry.key, &entry.node, metadata.get(&entry.key).and_then(Value::as_map)) {
            ("labels" | "annotations", Node::Map(map), Some(given)) => {
                let names = map.anchors.iter().chain(&map.others).map(|name| {
                    let found =
                        wildcard::has_wildcard(&name.key).then(|| given.keys().find(|key| wildcard::matches(&name.key, key))).flatten();
                    let text = match (found, name.handling) {
                        (None, _) => Arc::clone(&name.text),
                        (Some(key), Handling::Plain) => Arc::clone(key),
                        (Some(key), Handling::Anchored(modifier)) => modifier.around(key).into(),
                    };
                    (text, name.node.clone())
                });
                Node::Map(Arc::new(MapNode::compile(names.collect())))
            }
            _ => entry.node.clone(),
        };
        (Arc::clone(&entry.text), node)
    });
    MapNode::compile(entries.collect())
}

fn element<'p>(walk: &mut Walk<'p>, node: &'p Node, value: &Value) -> Matched {
    if let Data::Unknown(unknown) = &value.data {
        return Err(walk.fail(FailureKind::Unknown, unknown.reason.to_string()));
    }
    match node {
        Node::Map(pattern) => {
            let Some(map) = value.as_map() else {
                let message = format!(
                    "pattern and resource have different structures. Path: {}. Expected map, found {}",
                    walk.text(),
                    value.type_name()
                );
                return Err(walk.fail(FailureKind::Mismatch, message));
            };
            note_anchors(walk, pattern, map);
            if pattern.expands { expanded_map(walk, &pattern.expand(map), map) } else { map_entries(walk, pattern, map) }
        }
        Node::List(pattern) => {
            let Some(items) = value.as_list() else {
                let message =
                    format!("validation rule failed at path {}, resource does not satisfy the expected overlay pattern", walk.text());
                return Err(walk.fail(FailureKind::Mismatch, message));
            };
            list(walk, pattern, items)
        }
        Node::Leaf(leaf) => leaf_value(walk, leaf, value),
    }
}

/// A map whose pattern was made for this object lives shorter than the walk; it gets one of its own, and what it finds is taken over.
fn expanded_map(walk: &mut Walk<'_>, pattern: &MapNode, map: &probity_value::Map) -> Matched {
    let mut inner = Walk { path: std::mem::take(&mut walk.path), anchors: HashMap::new(), expanded: HashMap::new() };
    let matched = map_entries(&mut inner, pattern, map);
    walk.path = inner.path;
    for (text, found) in inner.anchors {
        *walk.expanded.entry(Arc::from(text)).or_insert(false) |= found;
    }
    for (text, found) in inner.expanded {
        *walk.expanded.entry(text).or_insert(false) |= found;
    }
    matched
}

fn note_anchors<'p>(walk: &mut Walk<'p>, pattern: &'p MapNode, map: &probity_value::Map) {
    for entry in &pattern.anchors {
        if matches!(entry.handling, Handling::Anchored(Modifier::Condition | Modifier::Existence)) {
            *walk.anchors.entry(&entry.text).or_insert(false) |= map.contains_key(&entry.key);
        }
    }
}

fn leaf_value(walk: &mut Walk<'_>, leaf: &Leaf, value: &Value) -> Matched {
    let mismatch = |walk: &Walk<'_>| {
        let message = format!("resource value '{}' does not match '{}' at path {}", crate::text::go_text(value), leaf.text(), walk.text());
        walk.fail(FailureKind::Mismatch, message)
    };
    match value.as_list() {
        Some(items) => {
            for item in items {
                if let Data::Unknown(unknown) = &item.data {
                    return Err(walk.fail(FailureKind::Unknown, unknown.reason.to_string()));
                }
                if !leaf.fits(item) {
                    return Err(mismatch(walk));
                }
            }
            Ok(())
        }
        None if leaf.fits(value) => Ok(()),
        None => Err(mismatch(walk)),
    }
}

fn skip_of(walk: &Walk<'_>, messages: Vec<String>) -> Failure {
    walk.fail(FailureKind::Skip { nested: true }, messages.join("; "))
}

fn map_entries<'p>(walk: &mut Walk<'p>, pattern: &'p MapNode, map: &probity_value::Map) -> Matched {
    let mut skips: Vec<String> = Vec::new();
    let mut skipped_here = false;
    let mut applied = 0_usize;
    for anchor in &pattern.anchors {
        match entry(walk, anchor, map) {
            Ok(()) => applied += 1,
            Err(failure) => match failure.kind {
                FailureKind::Skip { nested } => {
                    skips.push(failure.message);
                    skipped_here |= !nested;
                }
                FailureKind::Unknown => return Err(failure),
                FailureKind::Negation | FailureKind::Mismatch if skipped_here => {}
                FailureKind::Negation | FailureKind::Mismatch => return Err(failure),
            },
        }
    }
    if !skips.is_empty() && (applied == 0 || skipped_here) {
        return Err(skip_of(walk, skips));
    }
    pattern.others.iter().try_for_each(|other| entry(walk, other, map))
}

/// Goes one step down and comes back.
fn within<'p>(walk: &mut Walk<'p>, step: PathStep, go: impl FnOnce(&mut Walk<'p>) -> Matched) -> Matched {
    walk.path.push(step);
    let matched = go(walk);
    walk.path.pop();
    matched
}

fn entry<'p>(walk: &mut Walk<'p>, entry: &'p Entry, map: &probity_value::Map) -> Matched {
    let step = PathStep::Key(Arc::clone(&entry.key));
    let found = map.get(&entry.key);
    match entry.handling {
        Handling::Plain => {
            if matches!(&entry.node, Node::Leaf(leaf) if leaf.is_star()) {
                return match found.map(|value| &value.data) {
                    None | Some(Data::Null) => {
                        let path = walk.text();
                        Err(walk.fail(FailureKind::Mismatch, format!("{path}/{} not found", entry.key)))
                    }
                    Some(Data::Unknown(unknown)) if !unknown.set => {
                        let reason = unknown.reason.to_string();
                        within(walk, step, |walk| Err(walk.fail(FailureKind::Unknown, reason)))
                    }
                    Some(_) => Ok(()),
                };
            }
            let nothing = Value::null(probity_value::Span::NONE);
            within(walk, step, |walk| element(walk, &entry.node, found.unwrap_or(&nothing)))
        }
        Handling::Anchored(Modifier::Negation) => match found {
            None => Ok(()),
            Some(_) => within(walk, step, |walk| {
                let message = format!("negation anchor matched in resource: {} is not allowed", walk.text());
                Err(walk.fail(FailureKind::Negation, message))
            }),
        },
        Handling::Anchored(Modifier::Equality | Modifier::AddIfNotPresent) => match found {
            None => Ok(()),
            Some(value) => within(walk, step, |walk| element(walk, &entry.node, value)),
        },
        Handling::Anchored(modifier @ (Modifier::Condition | Modifier::Global)) => {
            let word = if modifier == Modifier::Condition { "conditional" } else { "global" };
            let matched = match found {
                Some(value) => within(walk, step, |walk| element(walk, &entry.node, value)),
                None if modifier == Modifier::Global => Ok(()),
                None => {
                    let message = format!("{word} anchor mismatch: {word} anchor key doesn't exist in the resource");
                    within(walk, step, |walk| Err(walk.fail(FailureKind::Skip { nested: false }, message)))
                }
            };
            matched.map_err(|failure| match failure.kind {
                FailureKind::Unknown => failure,
                _ if found.is_none() => failure,
                _ => Failure {
                    kind: FailureKind::Skip { nested: false },
                    message: format!("{word} anchor mismatch: {}", failure.message),
                    path: failure.path,
                },
            })
        }
        Handling::Anchored(Modifier::Existence) => match found {
            None => Ok(()),
            Some(value) => within(walk, step, |walk| existence(walk, &entry.node, value)),
        },
    }
}

fn existence<'p>(walk: &mut Walk<'p>, node: &'p Node, value: &Value) -> Matched {
    if let Data::Unknown(unknown) = &value.data {
        return Err(walk.fail(FailureKind::Unknown, unknown.reason.to_string()));
    }
    let Some(items) = value.as_list() else {
        let message =
            format!("invalid resource type {}: Existence ^ () anchor can be used only on list/array type resource", value.type_name());
        return Err(walk.fail(FailureKind::Mismatch, message));
    };
    let Node::List(patterns) = node else {
        return Err(walk.fail(FailureKind::Mismatch, "invalid pattern type: Pattern has to be of list to compare against resource"));
    };
    for pattern in patterns {
        if !matches!(pattern, Node::Map(_)) {
            let message = "invalid pattern type: Pattern has to be of type map to compare against items in resource";
            return Err(walk.fail(FailureKind::Mismatch, message));
        }
        let mut unknown = None;
        let mut met = false;
        for (index, item) in items.iter().enumerate() {
            match within(walk, PathStep::Index(index), |walk| element(walk, pattern, item)) {
                Ok(()) => {
                    met = true;
                    break;
                }
                Err(failure) if failure.kind == FailureKind::Unknown => unknown = Some(failure),
                Err(_) => {}
            }
        }
        if !met {
            let path = walk.text();
            return Err(
                unknown.unwrap_or_else(|| walk.fail(FailureKind::Mismatch, format!("existence anchor validation failed at path {path}")))
            );
        }
    }
    Ok(())
}

fn list<'p>(walk: &mut Walk<'p>, pattern: &'p [Node], items: &[Value]) -> Matched {
    let mut skips = Vec::new();
    let mut applied = 0_usize;
    let mut one = |walk: &mut Walk<'p>, index: usize, node: &'p Node, item: &Value| -> Matched {
        match within(walk, PathStep::Index(index), |walk| element(walk, node, item)) {
            Ok(()) => applied += 1,
            Err(failure) if matches!(failure.kind, FailureKind::Skip { .. }) => skips.push(failure.message),
            Err(failure) => return Err(failure),
        }
        Ok(())
    };
    match pattern.first() {
        None => return Err(walk.fail(FailureKind::Mismatch, "pattern Array empty")),
        Some(node @ Node::Map(_)) => {
            for (index, item) in items.iter().enumerate() {
                one(walk, index, node, item)?;
            }
        }
        Some(Node::Leaf(leaf)) => {
            for (index, item) in items.iter().enumerate() {
                let unknown = match &item.data {
                    Data::Unknown(unknown) => Some(unknown.reason.to_string()),
                    _ => None,
                };
                if unknown.is_some() || !leaf.fits(item) {
                    let kind = if unknown.is_some() { FailureKind::Unknown } else { FailureKind::Mismatch };
                    let path = walk.text();
                    let text = format!("resource value '{}' does not match '{}' at path {path}", crate::text::go_text(item), leaf.text());
                    // The place is the item; in the words of Kyverno it is the list.
                    return within(walk, PathStep::Index(index), |walk| Err(walk.fail(kind, unknown.unwrap_or(text))));
                }
            }
            return Ok(());
        }
        Some(Node::List(_)) => {
            if items.len() < pattern.len() {
                let message = format!(
                    "validate Array failed, array length mismatch, resource Array len is {} and pattern Array len is {}",
                    items.len(),
                    pattern.len()
                );
                return Err(Failure { kind: FailureKind::Mismatch, path: None, message });
            }
            for (index, (node, item)) in pattern.iter().zip(items).enumerate() {
                one(walk, index, node, item)?;
            }
        }
    }
    if applied == 0 && !skips.is_empty() { Err(skip_of(walk, skips)) } else { Ok(()) }
}

#[cfg(test)]
mod tests;
