//! Bodies to values: arguments, blocks and dynamic blocks of a resource, as rules see them.
//!
//! A block name holds a list of maps, even for a single block. A block with labels holds its content under the labels:
//! `provisioner[0].local-exec[0].command`. A dynamic block over an unknown collection is one block with the reason under `$maybe`.

use std::sync::Arc;

use probity_core::Level;
use probity_value::{Data, Map, Span, StepKind, Unknown, UnknownKind, Value};

use super::{EvalError, Evaluator, Frame, Outcome, ResourceInstance, STEPS_PER_ITEM, Scope, derived, is_set, through};
use crate::terraform::functions::with_marks;
use crate::terraform::syntax::{Attribute, Block, Body, Expr, ExprKind};

/// Under this key a block holds the unknown it hangs on whether it is there, and how often: a dynamic block over an unknown collection.
/// No argument can have this name.
pub(super) const MAYBE: &str = "$maybe";
/// Nesting of blocks.
const MAX_BLOCKS: u32 = 64;
/// Parts one subject may have.
const MAX_PARTS: usize = 1 << 18;

impl<'p> Evaluator<'p> {
    /// A member of a resource: an argument, or the blocks of a name. `None` where nothing is written, or where it is being worked out.
    pub(super) fn member(&self, instance: &ResourceInstance<'p>, name: &str) -> Option<Outcome> {
        let body = &instance.resource.block.body;
        let attribute = body.attribute(name).filter(|_| !is_repetition(name));
        if attribute.is_none() && !body.blocks.iter().any(|block| &**block_name(block) == name) {
            return None;
        }
        let name: Arc<str> = name.into();
        self.once(&instance.members, &name, || {
            let Some(module) = self.instance(instance.module) else {
                return Err(EvalError::new("the module of the resource is gone", instance.resource.block.head));
            };
            let scope = Scope { instance: Some(&module), repetition: Some(&instance.repetition), own: Some(instance), ..Scope::empty() };
            match attribute {
                Some(attribute) => self.argument_value(attribute, &instance.resource.block.kind, scope),
                None => self.named_blocks(body, &name, scope, 0).map(|value| value.unwrap_or_else(|| Value::null(Span::NONE))),
            }
        })
    }

    /// All of a resource.
    pub(crate) fn whole(&self, instance: &ResourceInstance<'p>) -> Value {
        let block = &instance.resource.block;
        let mut map = Map::new();
        for attribute in &block.body.attributes {
            if is_repetition(&attribute.name) || map.contains_key(&attribute.name) {
                continue;
            }
            let last = block.body.attribute(&attribute.name).unwrap_or(attribute);
            let value = match self.member(instance, &attribute.name) {
                Some(Ok(value)) => value.at(last.expr.span),
                Some(Err(error)) => self.invalid(&error, last.expr.span),
                None => self.self_reference(&attribute.name, last.expr.span),
            };
            map.insert(Arc::clone(&attribute.name), last.name_span, value);
        }
        for inner in &block.body.blocks {
            let name = block_name(inner);
            if map.contains_key(name) {
                continue;
            }
            match self.member(instance, name) {
                Some(Ok(value)) if value.is_null() => {}
                Some(Ok(value)) => {
                    map.insert(Arc::clone(name), inner.head, value);
                }
                Some(Err(error)) => {
                    map.insert(Arc::clone(name), inner.head, self.invalid(&error, inner.span));
                }
                None => {
                    map.insert(Arc::clone(name), inner.head, self.self_reference(name, inner.span));
                }
            }
        }
        self.bounded(Value::map(map, block.span))
    }

    /// The value with every part unknown that is beyond the size of a subject. Values share their parts, so a few lines can make a value
    /// of a million million parts, and whoever looks at it would never end.
    fn bounded(&self, value: Value) -> Value {
        let mut left = MAX_PARTS;
        if fits(&value, &mut left) {
            return value;
        }
        let Data::Map(map) = &value.data else { return value };
        let mut copy = Map::new();
        let mut left = MAX_PARTS;
        for (key, entry) in map.iter() {
            let before = left;
            let inner = if fits(&entry.value, &mut left) {
                entry.value.clone()
            } else {
                left = before;
                let reason = format!("`{key}` takes the resource beyond {MAX_PARTS} parts");
                self.report(Level::Error, "value-limit", entry.value.span, reason.as_str());
                Value::unknown(UnknownKind::Limit, reason, entry.value.span)
            };
            copy.insert(Arc::clone(key), entry.key, inner);
        }
        Value { data: Data::Map(Arc::new(copy)), ..value }
    }

    fn self_reference(&self, name: &str, span: Span) -> Value {
        Value::unknown(UnknownKind::Invalid, format!("`{name}` depends on itself"), span)
    }

    /// The content of a block that is no resource: a provider, a module call, settings.
    pub(crate) fn body_value(&self, block: &Block, scope: Scope<'_, 'p>) -> Value {
        self.bounded(self.body(&block.body, &block.kind, block.span, scope, 0))
    }

    fn body(&self, body: &Body, kind: &str, span: Span, scope: Scope<'_, 'p>, depth: u32) -> Value {
        let mut map = Map::new();
        for attribute in &body.attributes {
            if (depth == 0 && is_repetition(&attribute.name)) || map.contains_key(&attribute.name) {
                continue;
            }
            let last = body.attribute(&attribute.name).unwrap_or(attribute);
            let value = match self.argument_value(last, kind, scope) {
                Ok(value) => value.at(last.expr.span),
                Err(error) => self.invalid(&error, last.expr.span),
            };
            map.insert(Arc::clone(&attribute.name), last.name_span, value);
        }
        for inner in &body.blocks {
            let name = block_name(inner);
            if map.contains_key(name) {
                continue;
            }
            match self.named_blocks(body, name, scope, depth) {
                Ok(Some(value)) => {
                    map.insert(Arc::clone(name), inner.head, value);
                }
                Ok(None) => {}
                Err(error) => {
                    map.insert(Arc::clone(name), inner.head, self.invalid(&error, inner.span));
                }
            }
        }
        Value::map(map, span)
    }

    /// The value of an argument. Some arguments name things instead of having a value.
    fn argument_value(&self, attribute: &Attribute, kind: &str, scope: Scope<'_, 'p>) -> Outcome {
        let expr = &attribute.expr;
        let named = |expr: &Expr| expr.as_traversal_text().map(|text| Value::string(text, expr.span));
        match (kind, &*attribute.name) {
            ("resource" | "data" | "ephemeral" | "module", "depends_on") | ("lifecycle", "replace_triggered_by") => {
                return self.named_resources(expr, scope);
            }
            ("resource" | "data" | "ephemeral", "provider") => {
                if let Some(value) = named(expr) {
                    return Ok(value);
                }
            }
            ("module", "providers") => {
                if let ExprKind::Object(items) = &expr.kind {
                    let mut map = Map::new();
                    for (key, value) in items {
                        if let (Some(key_text), Some(value)) = (key.as_traversal_text(), named(value)) {
                            map.insert(key_text, key.span, value);
                        }
                    }
                    return Ok(Value::map(map, expr.span));
                }
            }
            ("lifecycle", "ignore_changes") => {
                return Ok(match &expr.kind {
                    ExprKind::List(items) => Value::list(items.iter().filter_map(named).collect(), expr.span),
                    _ => named(expr).unwrap_or_else(|| Value::null(expr.span)),
                });
            }
            // Which providers a module takes: names, not values.
            ("required_providers", _) => {
                if let ExprKind::Object(items) = &expr.kind {
                    let mut map = Map::new();
                    for (key, value) in items {
                        if let Some(name) = key.as_literal() {
                            let value = match (&**name, &value.kind) {
                                ("configuration_aliases", ExprKind::List(aliases)) => {
                                    Value::list(aliases.iter().filter_map(named).collect(), value.span)
                                }
                                _ => self.eval(value, scope)?,
                            };
                            map.insert(Arc::clone(name), key.span, value);
                        }
                    }
                    return Ok(Value::map(map, expr.span));
                }
            }
            _ => {}
        }
        Ok(self.eval(expr, scope)?.at(expr.span))
    }

    /// The blocks of a name, dynamic ones among them; `None` where a dynamic block makes none.
    fn named_blocks(&self, body: &Body, name: &str, scope: Scope<'_, 'p>, depth: u32) -> Result<Option<Value>, EvalError> {
        let mut items = Vec::new();
        let mut place = Span::NONE;
        for block in body.blocks.iter().filter(|block| &**block_name(block) == name) {
            if depth >= MAX_BLOCKS {
                return Ok(Some(Value::unknown(UnknownKind::Limit, format!("blocks are nested more than {MAX_BLOCKS} deep"), block.span)));
            }
            place = place.join(block.span);
            if is_dynamic(block) {
                self.dynamic(block, scope, depth, &mut items)?;
                continue;
            }
            let mut value = self.body(&block.body, &block.kind, block.span, scope, depth + 1);
            for label in block.labels.iter().rev() {
                let mut map = Map::new();
                map.insert(Arc::clone(&label.text), block.head, Value::list(vec![value], block.span));
                value = Value::map(map, block.span);
            }
            items.push(value);
        }
        Ok((!items.is_empty()).then(|| Value::list(items, place)))
    }

    fn dynamic(&self, block: &Block, scope: Scope<'_, 'p>, depth: u32, out: &mut Vec<Value>) -> Result<(), EvalError> {
        let label = block_name(block);
        let Some(attribute) = block.body.attribute("for_each") else {
            return Err(EvalError::new("a dynamic block needs `for_each`", block.head));
        };
        let iterator =
            block.body.attribute("iterator").and_then(|attribute| attribute.expr.as_traversal_text()).unwrap_or_else(|| label.to_string());
        let Some(content) = block.body.blocks("content").next() else {
            return Err(EvalError::new("a dynamic block needs `content`", block.head));
        };
        let collection = self.eval(&attribute.expr, scope)?;
        let make = |key: &Value, value: &Value| {
            let mut map = Map::new();
            map.insert("key", key.span, key.clone());
            map.insert("value", value.span, value.clone());
            let holder = Value::map(map, attribute.expr.span);
            let frame = Frame { name: &iterator, value: &holder, next: scope.frame };
            self.body(&content.body, label, content.span, Scope { frame: Some(&frame), ..scope }, depth + 1)
        };
        match self.pairs(&collection, &attribute.expr, scope)? {
            Ok(pairs) => {
                for (key, value) in pairs {
                    if !self.spend(STEPS_PER_ITEM, block.head) {
                        out.push(self.limit(block.span));
                        return Ok(());
                    }
                    let value = through(value, StepKind::Repeat, format!("{iterator}.value"), attribute.expr.span, None);
                    out.push(make(&key, &value));
                }
            }
            Err(unknown) => {
                let part = |set: bool| with_marks(derived(&unknown, set, attribute.expr.span), std::iter::once(&collection), false);
                let mut value = make(&part(true), &part(false));
                if let Data::Map(map) = &mut value.data {
                    Arc::make_mut(map).insert(MAYBE, attribute.name_span, part(false));
                }
                out.push(value);
            }
        }
        Ok(())
    }
}

/// Whether a value has at most `left` parts, which are taken off.
fn fits(value: &Value, left: &mut usize) -> bool {
    let Some(rest) = left.checked_sub(1) else { return false };
    *left = rest;
    match &value.data {
        Data::List(items) => items.iter().all(|item| fits(item, left)),
        Data::Map(map) => map.values().all(|item| fits(item, left)),
        Data::Unknown(unknown) => unknown.decoded.as_ref().is_none_or(|decoded| fits(decoded, left)),
        _ => true,
    }
}

/// Whether blocks may not be there.
pub(super) fn is_doubtful(value: &Value) -> bool {
    value.as_list().is_some_and(|items| items.iter().any(|item| item.get(MAYBE).is_some()))
}

/// The value with everything unknown in blocks that may not be there, for those who do not know of such blocks.
pub(super) fn settled(value: &Value) -> Value {
    match &value.data {
        Data::List(items) => Value { data: Data::List(Arc::new(items.iter().map(settled).collect())), ..value.clone() },
        Data::Map(map) => {
            let doubt = map.get(MAYBE).and_then(Value::as_unknown);
            let mut copy = Map::new();
            for (key, entry) in map.iter().filter(|(key, _)| &***key != MAYBE) {
                let inner = match doubt {
                    Some(unknown) => doubted(&entry.value, unknown),
                    None => settled(&entry.value),
                };
                copy.insert(Arc::clone(key), entry.key, inner);
            }
            Value { data: Data::Map(Arc::new(copy)), ..value.clone() }
        }
        _ => value.clone(),
    }
}

/// The value with every scalar in it unknown for that reason.
fn doubted(value: &Value, unknown: &Unknown) -> Value {
    match &value.data {
        Data::List(items) => {
            Value { data: Data::List(Arc::new(items.iter().map(|item| doubted(item, unknown)).collect())), ..value.clone() }
        }
        Data::Map(map) => {
            let mut copy = Map::new();
            for (key, entry) in map.iter().filter(|(key, _)| &***key != MAYBE) {
                copy.insert(Arc::clone(key), entry.key, doubted(&entry.value, unknown));
            }
            Value { data: Data::Map(Arc::new(copy)), ..value.clone() }
        }
        Data::Unknown(_) | Data::Null => value.clone(),
        _ => Value { data: derived(unknown, is_set(value), value.span).data, ..value.clone() },
    }
}

fn is_dynamic(block: &Block) -> bool {
    &*block.kind == "dynamic" && block.label(0).is_some()
}

/// The name under which a block is seen: the label of a dynamic one.
pub(super) fn block_name(block: &Block) -> &Arc<str> {
    match block.label(0) {
        Some(label) if is_dynamic(block) => label,
        _ => &block.kind,
    }
}

fn is_repetition(name: &str) -> bool {
    matches!(name, "count" | "for_each")
}
