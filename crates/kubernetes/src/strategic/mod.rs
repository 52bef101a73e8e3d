//! Strategic merge patches, as Kustomize and Kyverno apply them: lists of built-in types merge by their keys, `$patch` deletes or replaces, and
//! what the patch says of a list comes first.

pub mod node;
pub mod schema;

use std::collections::BTreeSet;
use std::sync::Arc;

use probity_value::{Data, Map, SourceMap, Value};

use node::{is_missing, is_scalar, list_mut, map_mut, scalar, text};
use schema::{Known, Schema};

/// Merges by a schema.
#[derive(Clone, Copy, Debug)]
pub struct Merger<'a> {
    /// By which keys lists merge.
    pub schema: &'a Schema,
    /// The texts that values were written in, for scalars that are keys. `None` where they are JSON: numbers are in their shortest form, and
    /// every null is written.
    pub sources: Option<&'a SourceMap>,
}

/// What came of merging one place.
struct Merged {
    value: Option<Value>,
    /// A null that stays.
    keep: bool,
    /// Whether it is what was there, changed; not what the patch brings.
    own: bool,
}

impl Merged {
    fn new(value: Option<Value>, own: bool) -> Merged {
        Merged { value, keep: false, own }
    }
}

/// Items that two lists to be merged may have together.
const MOST_ITEMS: usize = 2000;

const DIRECTIVE: &str = "$patch";

#[derive(Clone, Copy, PartialEq, Eq)]
enum Directive {
    Merge,
    Replace,
    Delete,
}

fn directive_of(text: Option<&str>) -> Result<Directive, String> {
    match text {
        None | Some("merge") => Ok(Directive::Merge),
        Some("replace") => Ok(Directive::Replace),
        Some("delete") => Ok(Directive::Delete),
        Some(other) => Err(format!("`$patch: {other}` is none of `merge`, `replace` and `delete`")),
    }
}

/// Kinds of nodes that do not merge with each other.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Kind {
    Map,
    List,
    Scalar,
}

fn kind(value: &Value) -> Option<Kind> {
    match value.data {
        Data::Null => None,
        Data::Map(_) => Some(Kind::Map),
        Data::List(_) => Some(Kind::List),
        _ => Some(Kind::Scalar),
    }
}

impl Merger<'_> {
    /// The object with the patch applied; `None` where the patch deletes it.
    ///
    /// # Errors
    /// The patch has another shape than the object, a directive that is none, or a list too long to merge.
    pub fn merge(&self, object: Value, patch: Value) -> Result<Option<Value>, String> {
        Ok(self.walk(Some(object), Some(patch), None)?.value.filter(|value| !value.is_null()))
    }

    fn known(&self, known: Option<Known>, dest: Option<&Value>, origin: Option<&Value>) -> Option<Known> {
        known.or_else(|| {
            [dest, origin].into_iter().flatten().find_map(|value| {
                let part = |key: &str| value.get(key).and_then(Value::as_str);
                self.schema.of_kind(part("apiVersion")?, part("kind")?)
            })
        })
    }

    fn walk(&self, dest: Option<Value>, origin: Option<Value>, known: Option<Known>) -> Result<Merged, String> {
        let known = self.known(known, dest.as_ref(), origin.as_ref());
        let kinds = [dest.as_ref().and_then(kind), origin.as_ref().and_then(kind)];
        if let [Some(a), Some(b)] = kinds
            && a != b
        {
            return Err("the patch has another shape than what it changes".to_owned());
        }
        match kinds.into_iter().flatten().next() {
            None | Some(Kind::Map) => self.map(dest, origin, known.as_ref()),
            Some(Kind::List) => match &known {
                Some(Known::Field(field)) if field.keys.is_some() => {
                    let keys = field.keys.clone().unwrap_or_default();
                    self.list(dest, origin, known.as_ref(), &keys)
                }
                _ => Ok(either(dest, origin)),
            },
            Some(Kind::Scalar) => Ok(either(dest, origin)),
        }
    }

    fn map(&self, dest: Option<Value>, mut origin: Option<Value>, known: Option<&Known>) -> Result<Merged, String> {
        let own;
        let mut into = if is_missing(dest.as_ref()) {
            // A directive that is none counts only where there is something to change.
            if take_directive(origin.as_mut()).is_ok_and(|directive| directive == Directive::Delete) {
                return Ok(Merged::new(None, false));
            }
            if origin.is_none()
                && let Some(null) = dest
            {
                let written = self.sources.is_none_or(|sources| sources.snippet(null.span).is_some_and(|text| !text.is_empty()));
                return Ok(Merged { value: Some(null), keep: written, own: true });
            }
            own = false;
            origin.clone()
        } else if origin.as_ref().is_some_and(Value::is_null) {
            return Ok(Merged::new(None, false));
        } else {
            match take_directive(origin.as_mut())? {
                Directive::Delete => return Ok(Merged::new(None, false)),
                Directive::Replace => {
                    own = false;
                    origin.clone()
                }
                Directive::Merge => {
                    own = true;
                    dest
                }
            }
        };
        let Some(value) = &mut into else { return Ok(Merged::new(None, false)) };
        let mut names: BTreeSet<Arc<str>> = BTreeSet::new();
        for map in [value.as_map(), origin.as_ref().and_then(Value::as_map)].into_iter().flatten() {
            names.extend(map.keys().cloned());
        }
        let Some(map) = map_mut(value) else { return Ok(Merged::new(into, own)) };
        for name in names {
            let there = map.get(&name).cloned();
            let brought = origin.as_ref().and_then(Value::as_map).and_then(|origin| origin.entry(&name)).cloned();
            let field = known.and_then(|known| self.schema.field(known, &name));
            if brought.is_none() && !there.as_ref().is_some_and(may_change) {
                continue;
            }
            let merged = self.walk(there, brought.as_ref().map(|entry| entry.value.clone()), field)?;
            match merged.value {
                Some(value) if !value.is_null() || merged.keep => {
                    let at = match (map.entry(&name), &brought) {
                        (Some(entry), _) if merged.own => entry.key,
                        (_, Some(entry)) => entry.key,
                        (Some(entry), None) => entry.key,
                        (None, None) => value.span,
                    };
                    map.insert(name, at, value);
                }
                _ => {
                    map.remove(&name);
                }
            }
        }
        Ok(Merged::new(into, own))
    }

    fn list(&self, dest: Option<Value>, mut origin: Option<Value>, known: Option<&Known>, keys: &[String]) -> Result<Merged, String> {
        let own;
        let mut into = if is_missing(dest.as_ref()) {
            own = false;
            origin.clone()
        } else if origin.as_ref().is_some_and(Value::is_null) {
            return Ok(Merged::new(None, false));
        } else {
            match take_list_directive(origin.as_mut())? {
                Directive::Delete => return Ok(Merged::new(None, false)),
                Directive::Replace => {
                    own = false;
                    origin.clone()
                }
                Directive::Merge => {
                    own = true;
                    dest
                }
            }
        };
        let Some(value) = &mut into else { return Ok(Merged::new(None, false)) };
        let there = value.as_list().unwrap_or_default().to_vec();
        let brought = origin.as_ref().and_then(Value::as_list).map(<[Value]>::to_vec);
        let items = self.elements(there, brought, known, keys)?;
        value.data = Data::List(Arc::new(items));
        Ok(Merged::new(into, own))
    }

    fn elements(
        &self,
        mut there: Vec<Value>,
        brought: Option<Vec<Value>>,
        known: Option<&Known>,
        keys: &[String],
    ) -> Result<Vec<Value>, String> {
        if there.len() + brought.as_ref().map_or(0, Vec::len) > MOST_ITEMS {
            return Err(format!("a list of more than {MOST_ITEMS} items is not merged"));
        }
        let plain = [String::new()];
        let keys: &[String] = if keys.is_empty() { &plain } else { keys };
        let mut all: Vec<Vec<String>> = Vec::new();
        for list in [brought.as_deref(), Some(there.as_slice())].into_iter().flatten() {
            for item in list {
                let values: Vec<String> = keys.iter().map(|key| self.key_text(item, key)).collect();
                if !all.contains(&values) {
                    all.push(values);
                }
            }
        }
        if keys.len() > 1 {
            fill(&mut all);
        }
        let element = known.and_then(Schema::elements);
        let mut added: Vec<Value> = Vec::new();
        let mut valid: (Vec<String>, Vec<String>) = (keys.to_vec(), Vec::new());
        for values in &all {
            valid = validate(&all, values, keys);
            let (names, texts) = &valid;
            let one = validate(std::slice::from_ref(&valid.1), texts, names);
            let own_at = self.find(&there, &one);
            let own_item = own_at.and_then(|at| there.get(at)).cloned();
            let brought_item = brought.as_ref().and_then(|list| self.find(list, &one).and_then(|at| list.get(at))).cloned();
            let merged = self.walk(own_item, brought_item, element.clone())?;
            let result = merged.value.filter(|value| !value.is_null() && value.as_map().is_none_or(|map| !map.is_empty()));
            let Some(mut result) = result else {
                self.set(&mut there, None, names, texts);
                continue;
            };
            for (name, text) in names.iter().zip(texts) {
                let span = result.span;
                if !name.is_empty()
                    && !text.is_empty()
                    && let Some(map) = map_mut(&mut result)
                    && !map.contains_key(name)
                {
                    map.insert(name.as_str(), span, Value::new(scalar(text), span));
                }
            }
            if merged.own
                && let Some(slot) = own_at.and_then(|at| there.get_mut(at))
            {
                *slot = result.clone();
            }
            self.set(&mut added, Some(result), names, texts);
        }
        if all.is_empty() {
            return Ok(there);
        }
        self.append(&mut added, there, &valid.0);
        Ok(added)
    }

    /// The text of a key of an item; of the item itself where the key is empty.
    fn key_text(&self, item: &Value, key: &str) -> String {
        let value = if key.is_empty() { Some(item) } else { item.get(key) };
        value.filter(|value| is_scalar(value)).and_then(|value| text(value, self.sources)).unwrap_or_default()
    }

    /// Where the first item with these keys is.
    fn find(&self, list: &[Value], (names, texts): &(Vec<String>, Vec<String>)) -> Option<usize> {
        if names.first().is_none_or(String::is_empty) {
            let wanted = texts.first()?;
            return list.iter().position(|item| self.key_text(item, "") == *wanted);
        }
        if names.len() != texts.len() {
            return None;
        }
        list.iter().position(|item| {
            item.as_map()
                .is_some_and(|map| names.iter().zip(texts).all(|(name, text)| map.contains_key(name) && self.key_text(item, name) == *text))
        })
    }

    /// Puts an item in place of those with its keys, or at the end; takes them out where there is none to put.
    fn set(&self, list: &mut Vec<Value>, item: Option<Value>, names: &[String], texts: &[String]) {
        let by_key = names.first().is_some_and(|name| !name.is_empty()) && texts.first().is_some_and(|text| !text.is_empty());
        let mut out = Vec::with_capacity(list.len() + 1);
        let mut found = false;
        for old in std::mem::take(list) {
            if old.is_null() || old.as_map().is_some_and(Map::is_empty) {
                continue;
            }
            if by_key && old.as_map().is_none() {
                out.push(old);
                continue;
            }
            let mut last = None;
            let mut fits = true;
            for (at, name) in names.iter().enumerate() {
                if let Some(wanted) = texts.get(at) {
                    last = Some(self.matches(&old, name, wanted));
                }
                if !last.unwrap_or(false) {
                    fits = false;
                    break;
                }
            }
            if !fits {
                if !texts.is_empty() {
                    out.push(old);
                }
                continue;
            }
            found = true;
            out.extend(item.clone());
        }
        if !found {
            out.extend(item);
        }
        *list = out;
    }

    fn matches(&self, item: &Value, name: &str, wanted: &str) -> bool {
        if name.is_empty() {
            return self.key_text(item, "") == wanted;
        }
        item.get(name).is_some() && (wanted.is_empty() || self.key_text(item, name) == wanted)
    }

    fn append(&self, into: &mut Vec<Value>, from: Vec<Value>, names: &[String]) {
        for item in from {
            if names.first().is_none_or(String::is_empty) {
                let text = self.key_text(&item, "");
                self.set(into, Some(item), &[String::new()], &[text]);
                continue;
            }
            let mut texts = Vec::new();
            for name in names {
                if is_missing(item.get(name)) {
                    into.push(item.clone());
                } else {
                    texts.push(self.key_text(&item, name));
                }
            }
            if names.len() > 1 {
                self.set(into, None, names, &texts);
            }
            self.set(into, Some(item), names, &texts);
        }
    }
}

/// Whether merging nothing into a value may change it: nulls may go.
fn may_change(value: &Value) -> bool {
    match &value.data {
        Data::Null => true,
        Data::Map(map) => map.values().any(may_change),
        // Items that are empty maps go from lists that merge.
        Data::List(_) => true,
        _ => false,
    }
}

fn either(dest: Option<Value>, origin: Option<Value>) -> Merged {
    match origin {
        Some(origin) => Merged::new(Some(origin), false),
        None => Merged::new(dest, true),
    }
}

/// The directive of a map of the patch, taken out of it.
fn take_directive(patch: Option<&mut Value>) -> Result<Directive, String> {
    let Some(map) = patch.and_then(map_mut) else { return Ok(Directive::Merge) };
    let Some(value) = map.get(DIRECTIVE) else { return Ok(Directive::Merge) };
    let directive = directive_of(value.as_str())?;
    map.remove(DIRECTIVE);
    Ok(directive)
}

/// The directive of a list of the patch: the first item that has it and nothing else.
fn take_list_directive(patch: Option<&mut Value>) -> Result<Directive, String> {
    let Some(items) = patch.and_then(list_mut) else { return Ok(Directive::Merge) };
    let Some(first) = items.iter().find(|item| item.get(DIRECTIVE).is_some()) else { return Ok(Directive::Merge) };
    if first.as_map().is_some_and(|map| map.len() > 1) {
        return Ok(Directive::Merge);
    }
    let word = first.get(DIRECTIVE).and_then(Value::as_str).map(str::to_owned);
    let directive = directive_of(word.as_deref())?;
    items.retain(|item| item.get(DIRECTIVE).and_then(Value::as_str) != word.as_deref());
    Ok(directive)
}

/// Lists of key texts of which one has what another lacks are the same.
fn fill(all: &mut [Vec<String>]) {
    for first in 0..all.len() {
        for second in 0..all.len() {
            let (Some(a), Some(b)) = (all.get(first), all.get(second)) else { continue };
            if let Some(both) = together(a, b) {
                for at in [first, second] {
                    if let Some(slot) = all.get_mut(at) {
                        slot.clone_from(&both);
                    }
                }
            }
        }
    }
}

fn together(a: &[String], b: &[String]) -> Option<Vec<String>> {
    let mut common = false;
    let mut out = Vec::new();
    for (a, b) in a.iter().zip(b) {
        if a == b {
            common = true;
        } else if !a.is_empty() && !b.is_empty() {
            return None;
        }
        out.push(if a.is_empty() { b.clone() } else { a.clone() });
    }
    common.then_some(out)
}

/// The keys that any of the lists has a text for, with the texts of one.
fn validate(all: &[Vec<String>], values: &[String], keys: &[String]) -> (Vec<String>, Vec<String>) {
    let used: Vec<bool> = (0..keys.len()).map(|at| all.iter().any(|values| values.get(at).is_some_and(|text| !text.is_empty()))).collect();
    if !used.contains(&true) {
        return (keys.to_vec(), values.to_vec());
    }
    let is_used = |at: usize| used.get(at).copied().unwrap_or(false);
    let names = keys.iter().enumerate().filter(|(at, _)| is_used(*at)).map(|(_, key)| key.clone()).collect();
    let texts = values.iter().enumerate().filter(|(at, text)| !text.is_empty() || is_used(*at)).map(|(_, text)| text.clone()).collect();
    (names, texts)
}
