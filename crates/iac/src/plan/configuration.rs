//! The `configuration` of a plan: what is written where, and what refers to what, also through modules.

use std::collections::{BTreeMap, HashMap};
use std::sync::Arc;

use probity_value::{Reference, Value};

use super::address::{Address, Key, Segment, block, split};

/// Modules may be nested this deep; so may references from one to the next.
const MAX_DEPTH: usize = 32;
/// Most references one value keeps.
const MAX_REFERENCES: usize = 64;
/// Most names that are followed for one value: names may lead to the same outputs again and again.
const MAX_NAMES: usize = 2_000;

/// What is written in one module.
#[derive(Debug, Default)]
pub(super) struct Module<'v> {
    /// By `type.name`, with `data.` before it for data sources.
    pub(super) resources: BTreeMap<String, &'v Value>,
    pub(super) calls: BTreeMap<&'v str, Call<'v>>,
    outputs: Option<&'v Value>,
}

/// A call of a module.
#[derive(Debug)]
pub(super) struct Call<'v> {
    pub(super) value: &'v Value,
    pub(super) module: Module<'v>,
}

impl<'v> Module<'v> {
    /// Reads `root_module`, or the `module` of a call.
    pub(super) fn read(value: &'v Value, depth: usize) -> Module<'v> {
        let mut module = Module { outputs: value.get("outputs"), ..Module::default() };
        for resource in value.get("resources").and_then(Value::as_list).unwrap_or_default() {
            let text = |key: &str| resource.get(key).and_then(Value::as_str);
            if let (Some(kind), Some(name)) = (text("type"), text("name")) {
                let data = if text("mode") == Some("data") { "data." } else { "" };
                module.resources.insert(format!("{data}{kind}.{name}"), resource);
            }
        }
        if depth < MAX_DEPTH {
            for (name, entry) in value.get("module_calls").and_then(Value::as_map).into_iter().flat_map(|map| map.iter()) {
                let inner = entry.value.get("module").map(|inner| Module::read(inner, depth + 1)).unwrap_or_default();
                module.calls.insert(name, Call { value: &entry.value, module: inner });
            }
        }
        module
    }

    /// The module a way of calls leads to.
    pub(super) fn inner(&self, way: &[Segment]) -> Option<&Module<'v>> {
        way.iter().try_fold(self, |module, segment| Some(&module.calls.get(segment.name.as_str())?.module))
    }

    /// Addresses of all blocks, without keys.
    pub(super) fn blocks(&self, way: &mut Vec<Segment>, out: &mut Vec<String>) {
        out.extend(self.resources.keys().map(|local| block(way, local)));
        for (name, call) in &self.calls {
            way.push(Segment { name: (*name).to_owned(), key: Key::Any });
            call.module.blocks(way, out);
            way.pop();
        }
    }
}

/// What the `expressions` of a block say of one argument.
pub(super) fn references_in(expression: &Value) -> Vec<&str> {
    expression.get("references").and_then(Value::as_list).unwrap_or_default().iter().filter_map(Value::as_str).collect()
}

/// Whether an entry of `expressions` is that of an argument, not a nested block.
pub(super) fn is_argument(expression: &Value) -> bool {
    let parts = expression.as_map();
    parts.is_some_and(|map| map.is_empty() || map.contains_key("references") || map.contains_key("constant_value"))
}

/// Says which resources of the plan a reference means.
pub(super) struct Resolver<'v> {
    pub(super) root: Module<'v>,
    /// The instances of each block.
    instances: HashMap<String, Vec<(Arc<str>, Address)>>,
}

/// What names lead to.
struct Found {
    references: Vec<Reference>,
    /// Names that may still be followed.
    left: usize,
}

/// From where something refers.
#[derive(Clone, Copy)]
pub(super) struct From<'a> {
    /// The module instance it stands in.
    pub(super) modules: &'a [Segment],
    /// The key of the instance, which `each.key` and `count.index` are.
    pub(super) key: &'a Key,
    /// The block it stands in, which says what `each.value` is.
    pub(super) block: Option<&'a Value>,
}

impl<'v> Resolver<'v> {
    /// For a configuration and the instances there are.
    pub(super) fn new(root: Module<'v>, addresses: impl Iterator<Item = Arc<str>>) -> Resolver<'v> {
        let mut instances: HashMap<String, Vec<(Arc<str>, Address)>> = HashMap::new();
        for text in addresses {
            if let Some(address) = Address::parse(&text) {
                instances.entry(address.block()).or_default().push((text, address));
            }
        }
        Resolver { root, instances }
    }

    /// What is written of the resource at an address.
    pub(super) fn written(&self, address: &Address) -> Option<&'v Value> {
        self.root.inner(&address.modules)?.resources.get(&address.local).copied()
    }

    /// The resources that `names`, as the plan lists them, lead to.
    pub(super) fn resolve(&self, names: &[&str], from: From<'_>) -> Vec<Reference> {
        let mut found = Found { references: Vec::new(), left: MAX_NAMES };
        self.follow(names, from, 0, &mut found);
        found.references
    }

    fn follow(&self, names: &[&str], from: From<'_>, depth: usize, out: &mut Found) {
        if depth > MAX_DEPTH {
            return;
        }
        // With a key that is worked out the plan lists the block and `each.key`, and leaves out what comes after.
        let by_key = names.iter().any(|name| name.starts_with("each.") || name.starts_with("count."));
        for name in names {
            let longer = |other: &&str| other.strip_prefix(name).is_some_and(|rest| rest.starts_with(['.', '[']));
            if names.iter().any(longer) {
                continue;
            }
            if out.left == 0 {
                return;
            }
            out.left -= 1;
            let parts = split(name);
            let own = |key: &Key| match key {
                Key::None if by_key && *from.key != Key::None => from.key.clone(),
                Key::None => Key::Any,
                key => key.clone(),
            };
            match parts.as_slice() {
                [("var", _), (variable, _), ..] => {
                    let Some((last, above)) = from.modules.split_last() else { continue };
                    let call = self.root.inner(above).and_then(|module| module.calls.get(last.name.as_str()));
                    if let Some(expression) = call.and_then(|call| call.value.get("expressions")?.get(variable)) {
                        let from = From { modules: above, key: &last.key, block: call.map(|call| call.value) };
                        self.follow(&references_in(expression), from, depth + 1, out);
                    }
                }
                [("module", _), (name, key), (output, _), ..] => {
                    let mut way = from.modules.to_vec();
                    way.push(Segment { name: (*name).to_owned(), key: own(key) });
                    let module = self.root.inner(&way);
                    if let Some(expression) = module.and_then(|module| module.outputs?.get(output)?.get("expression")) {
                        self.follow(&references_in(expression), From { modules: &way, key: &Key::None, block: None }, depth + 1, out);
                    }
                }
                // The items of a `for_each` over resources are these resources.
                [("each", _), ("value", _), rest @ ..] => {
                    let over = from.block.and_then(|block| block.get("for_each_expression")).map(references_in).unwrap_or_default();
                    let attribute: String = rest.iter().map(|(name, _)| format!(".{name}")).collect();
                    let mut names: Vec<String> = over.iter().map(|name| format!("{name}{attribute}")).collect();
                    names.push("each.key".to_owned());
                    let names: Vec<&str> = names.iter().map(String::as_str).collect();
                    self.follow(&names, From { block: None, ..from }, depth + 1, out);
                }
                [("local" | "each" | "count" | "path" | "terraform" | "self" | "module" | "var", _), ..] => {}
                [("data", _), (kind, _), (name, key), rest @ ..] => {
                    self.name(from.modules, &format!("data.{kind}.{name}"), &own(key), rest, out);
                }
                [(kind, _), (name, key), rest @ ..] => self.name(from.modules, &format!("{kind}.{name}"), &own(key), rest, out),
                _ => {}
            }
        }
    }

    /// Names the instances of a resource.
    fn name(&self, modules: &[Segment], local: &str, key: &Key, rest: &[(&str, Key)], out: &mut Found) {
        let attribute: Arc<str> = rest.iter().map(|(name, _)| *name).collect::<Vec<_>>().join(".").into();
        let whole = block(modules, local);
        let all = self.instances.get(&whole).map(Vec::as_slice).unwrap_or_default();
        let here = |address: &Address| {
            address.modules.len() == modules.len()
                && address.modules.iter().zip(modules).all(|(theirs, ours)| ours.name == theirs.name && ours.key.means(&theirs.key))
        };
        let in_modules: Vec<&(Arc<str>, Address)> = all.iter().filter(|(_, address)| here(address)).collect();
        let mut meant: Vec<&Arc<str>> = in_modules.iter().filter(|(_, address)| key.means(&address.key)).map(|(text, _)| text).collect();
        // `each.key` may be the key of something else.
        if meant.is_empty() {
            meant = in_modules.iter().map(|(text, _)| text).collect();
        }
        let mut push = |subject: Arc<str>| {
            let reference = Reference { subject, attribute: Arc::clone(&attribute) };
            if out.references.len() < MAX_REFERENCES && !out.references.contains(&reference) {
                out.references.push(reference);
            }
        };
        if meant.is_empty() {
            push(whole.into());
        }
        for text in meant {
            push(Arc::clone(text));
        }
    }
}
