//! Documents of rules and packages, and ways through them.

use std::collections::BTreeMap;
use std::sync::Arc;

use probity_value::Span;

use super::{Flow, Found, Machine, Made, RULE, Step};
use crate::Term;
use crate::compile::ir::{GroupId, GroupKind, NodeId, Op, Pattern, Slot, Step as WalkStep, Value};
use crate::engine::ErrorCode;

/// A document being made.
enum Leaf {
    Value(Term),
    Set(Vec<Term>),
    Object(BTreeMap<Term, Leaf>),
}

impl Leaf {
    fn finish(self) -> Term {
        match self {
            Leaf::Value(term) => term,
            Leaf::Set(items) => Term::set(items),
            Leaf::Object(entries) => Term::object(entries.into_iter().map(|(key, leaf)| (key, leaf.finish())).collect()),
        }
    }

    /// Puts a value or a member of a set under keys; false where it conflicts.
    fn insert(&mut self, keys: &[Term], value: Term, member: bool) -> bool {
        let Some((first, rest)) = keys.split_first() else {
            return match self {
                Leaf::Set(items) if member => {
                    items.push(value);
                    true
                }
                Leaf::Value(before) if !member => *before == value,
                _ => false,
            };
        };
        let Leaf::Object(entries) = self else { return false };
        if let Some(next) = entries.get_mut(first) {
            return next.insert(rest, value, member);
        }
        let mut leaf = if member { Leaf::Set(vec![value]) } else { Leaf::Value(value) };
        for key in rest.iter().rev() {
            leaf = Leaf::Object(BTreeMap::from([(key.clone(), leaf)]));
        }
        entries.insert(first.clone(), leaf);
        true
    }
}

impl<'p> Machine<'p> {
    /// What the base document has at a path.
    pub(super) fn base_at(&self, path: &[Arc<str>]) -> Option<Term> {
        let mut at = self.world.data.clone();
        for part in path {
            at = at.get_str(part)?;
        }
        Some(at)
    }

    /// Whether a document was replaced by `with`, itself or one around it.
    pub(super) fn is_replaced(&self, node: NodeId) -> bool {
        let mut at = Some(node);
        while let Some(node) = at {
            if self.world.replaced.contains(&node) {
                return true;
            }
            at = self.program.tree.node(node).parent;
        }
        false
    }

    /// The document of a rule.
    pub(super) fn rule(&mut self, id: GroupId) -> Step<Option<Term>> {
        let program = self.program;
        let Some(group) = program.groups.get(id as usize) else { return Ok(None) };
        if !self.world.replaced.is_empty() && self.is_replaced(group.node) {
            return Ok(self.base_at(&program.tree.path_of(group.node)));
        }
        if let Some(Some(made)) = self.world.made.get(id as usize) {
            let value = made.value.clone();
            if self.keep_places {
                let places = Arc::clone(&made.places);
                places.iter().for_each(|span| self.note(*span));
            }
            return Ok(value);
        }
        if self.open.contains(&id) {
            return Err(self.error(ErrorCode::Internal, group.span, format!("rule `{}` is recursive", group.path)));
        }
        self.enter(RULE)?;
        self.open.push(id);
        let trail = self.trail.len();
        let value = match group.kind {
            GroupKind::Complete => {
                let mut result = None;
                for rule in &group.rules {
                    self.single(rule, None, &mut result, "complete rules must not produce multiple outputs")?;
                    if group.same && result.is_some() {
                        break;
                    }
                }
                if let (None, Some(default)) = (&result, &group.default) {
                    self.single(default, None, &mut result, "complete rules must not produce multiple outputs")?;
                }
                result
            }
            GroupKind::Set => {
                let mut items = Vec::new();
                for rule in &group.rules {
                    self.trail.truncate(trail);
                    self.rule_solutions(rule, None, &mut |machine, branch| {
                        if let Some(term) = machine.value(&branch.value)? {
                            machine.spend(1)?;
                            if machine.keep_places && machine.asked == Some(id) {
                                let places = machine.trail.get(trail..).unwrap_or_default();
                                let mut telling: Vec<Span> = Vec::new();
                                for span in places.iter().rev() {
                                    if !telling.contains(span) && telling.len() < 16 {
                                        telling.push(*span);
                                    }
                                }
                                if !machine.members.iter().any(|(_, member, _)| *member == term) {
                                    machine.members.push((id, term.clone(), telling.into()));
                                }
                            }
                            items.push(term);
                            return Ok((true, if branch.constant { Flow::Enough } else { Flow::More }));
                        }
                        Ok((false, Flow::More))
                    })?;
                }
                self.trail.truncate(trail);
                Some(Term::set(items))
            }
            GroupKind::Object => {
                let mut leaf = Leaf::Object(BTreeMap::new());
                self.entries(id, &mut leaf)?;
                self.trail.truncate(trail);
                Some(leaf.finish())
            }
            GroupKind::Function(_) => None,
        };
        self.open.pop();
        self.depth -= RULE;
        let places: Arc<[Span]> = self.trail.get(trail..).unwrap_or_default().into();
        if let Some(place) = self.world.made.get_mut(id as usize) {
            *place = Some(Made { value: value.clone(), places });
        }
        Ok(value)
    }

    /// Puts what the rules of an object make into it.
    fn entries(&mut self, id: GroupId, leaf: &mut Leaf) -> Step<()> {
        let program = self.program;
        let Some(group) = program.groups.get(id as usize) else { return Ok(()) };
        for rule in &group.rules {
            self.rule_solutions(rule, None, &mut |machine, branch| {
                let mut keys = Vec::with_capacity(branch.keys.len());
                for key in &branch.keys {
                    match machine.value(key)? {
                        Some(key) => keys.push(key),
                        None => return Ok((false, Flow::More)),
                    }
                }
                let Some(value) = machine.value(&branch.value)? else { return Ok((false, Flow::More)) };
                machine.spend(2)?;
                if !leaf.insert(&keys, value, branch.member) {
                    return Err(machine.error(ErrorCode::Conflict, rule.span, "object keys must be unique"));
                }
                Ok((true, Flow::More))
            })?;
        }
        Ok(())
    }

    /// The whole document at a node: what rules make and what the base document has; the latter counts where both say something.
    pub(super) fn node(&mut self, node: NodeId) -> Step<Option<Term>> {
        let program = self.program;
        let path = program.tree.path_of(node);
        if !self.world.replaced.is_empty() && self.is_replaced(node) {
            return Ok(self.base_at(&path));
        }
        let here = program.tree.node(node);
        if let (Some(group), true) = (here.group, here.children.is_empty()) {
            return self.rule(group);
        }
        let mut leaf = Leaf::Object(BTreeMap::new());
        self.enter(RULE)?;
        self.gather(node, &mut leaf)?;
        self.depth -= RULE;
        let made = leaf.finish();
        Ok(Some(match self.base_at(&path) {
            Some(base) => over(&base, made),
            None => made,
        }))
    }

    fn gather(&mut self, node: NodeId, leaf: &mut Leaf) -> Step<()> {
        let program = self.program;
        let here = program.tree.node(node);
        if let Some(group) = here.group {
            if self.open.contains(&group) {
                let path = program.groups.get(group as usize).map(|group| group.path.to_string()).unwrap_or_default();
                return Err(self.error(ErrorCode::Internal, Span::NONE, format!("rule `{path}` is recursive")));
            }
            self.open.push(group);
            self.entries(group, leaf)?;
            self.open.pop();
        }
        for (name, child) in &here.children {
            if self.world.replaced.contains(child) {
                continue;
            }
            let below = program.tree.node(*child);
            let conflict = |machine: &Machine<'p>| machine.error(ErrorCode::Conflict, Span::NONE, "object keys must be unique");
            let Leaf::Object(entries) = leaf else { return Err(conflict(self)) };
            let key = Term::String(Arc::clone(name));
            match (below.group, below.children.is_empty()) {
                (Some(group), true) => {
                    let Some(value) = self.rule(group)? else { continue };
                    match (entries.get_mut(&key), value) {
                        (None, value) => {
                            entries.insert(key, Leaf::Value(value));
                        }
                        (Some(Leaf::Set(items)), Term::Set(set)) => items.extend(set.iter().cloned()),
                        (Some(Leaf::Value(before)), value) if *before == value => {}
                        (Some(place @ Leaf::Object(_)), value) => {
                            let Some(object) = value.as_object() else { return Err(conflict(self)) };
                            if program.groups.get(group as usize).is_none_or(|group| group.kind != GroupKind::Object) {
                                return Err(conflict(self));
                            }
                            for (inner, value) in object.iter() {
                                if !place.insert(&[inner], value, false) {
                                    return Err(conflict(self));
                                }
                            }
                        }
                        _ => return Err(conflict(self)),
                    }
                }
                _ => {
                    let next = entries.entry(key).or_insert_with(|| Leaf::Object(BTreeMap::new()));
                    self.gather(*child, next)?;
                }
            }
        }
        Ok(())
    }

    /// The document known steps lead to.
    pub(super) fn known_walk(&mut self, node: NodeId, keys: &'p [Value]) -> Step<Option<Term>> {
        let program = self.program;
        let mut node = node;
        for (at, key) in keys.iter().enumerate() {
            let here = program.tree.node(node);
            let rest = keys.get(at..).unwrap_or_default();
            let replaced = !self.world.replaced.is_empty() && self.is_replaced(node);
            if replaced || here.group.is_some() {
                let Some(document) = self.node(node)? else { return Ok(None) };
                return self.led_to(&document, rest);
            }
            let Some(key) = self.value(key)? else { return Ok(None) };
            match key.as_str().and_then(|name| here.child(name)) {
                Some(child) => node = child,
                None => {
                    return match self.base_at(&program.tree.path_of(node)) {
                        Some(base) => self.led_to_base(base, rest),
                        None => Ok(None),
                    };
                }
            }
        }
        self.node(node)
    }

    /// Runs the rest for every document steps lead to.
    pub(super) fn walk(&mut self, node: NodeId, steps: &'p [WalkStep], slot: Slot, after: &'p [Op], found: Found<'p, '_>) -> Step<Flow> {
        let program = self.program;
        let here = program.tree.node(node);
        let replaced = !self.world.replaced.is_empty() && self.is_replaced(node);
        let Some((step, rest)) = steps.split_first() else {
            let Some(document) = self.node(node)? else { return Ok(Flow::More) };
            self.set_slot(slot, document);
            return self.block(after, found);
        };
        if replaced || here.group.is_some() {
            let Some(document) = self.node(node)? else { return Ok(Flow::More) };
            return self.steps(&document, steps, slot, after, found);
        }
        let base = self.base_at(&program.tree.path_of(node));
        match step {
            WalkStep::Key(key) => {
                let Some(key) = self.value(key)? else { return Ok(Flow::More) };
                if let Some(child) = key.as_str().and_then(|name| here.child(name)) {
                    return self.walk(child, rest, slot, after, found);
                }
                match base.and_then(|base| base.get(&key)) {
                    Some(base) => self.steps(&base, rest, slot, after, found),
                    None => Ok(Flow::More),
                }
            }
            WalkStep::Match(pattern) => {
                let mut keys: BTreeMap<Term, Option<NodeId>> = BTreeMap::new();
                if let Some(object) = base.as_ref().and_then(Term::as_object) {
                    keys.extend(object.keys().map(|key| (key, None)));
                }
                keys.extend(here.children.iter().map(|(name, child)| (Term::String(Arc::clone(name)), Some(*child))));
                let trail = self.trail.len();
                for (key, child) in keys {
                    self.trail.truncate(trail);
                    if !self.fits(pattern, &key)? {
                        continue;
                    }
                    let flow = match child {
                        Some(child) => self.walk(child, rest, slot, after, found)?,
                        None => match base.as_ref().and_then(|base| base.get(&key)) {
                            Some(value) => self.steps(&value, rest, slot, after, found)?,
                            None => Flow::More,
                        },
                    };
                    if flow == Flow::Enough {
                        return Ok(Flow::Enough);
                    }
                }
                Ok(Flow::More)
            }
        }
    }

    /// Runs the rest for every part of a value steps lead to.
    fn steps(&mut self, value: &Term, steps: &'p [WalkStep], slot: Slot, after: &'p [Op], found: Found<'p, '_>) -> Step<Flow> {
        let Some((step, rest)) = steps.split_first() else {
            self.set_slot(slot, value.clone());
            return self.block(after, found);
        };
        match step {
            WalkStep::Key(key) => {
                let Some(key) = self.value(key)? else { return Ok(Flow::More) };
                match value.get(&key) {
                    Some(part) => self.steps(&part, rest, slot, after, found),
                    None => Ok(Flow::More),
                }
            }
            WalkStep::Match(pattern) => self.parts(value, pattern, &mut |machine, part| machine.steps(&part, rest, slot, after, found)),
        }
    }

    /// Runs the rest for every part of a value whose key fits.
    pub(super) fn scan(&mut self, source: &'p Value, key: &'p Pattern, slot: Slot, after: &'p [Op], found: Found<'p, '_>) -> Step<Flow> {
        let Some(source) = self.value(source)? else { return Ok(Flow::More) };
        self.parts(&source, key, &mut |machine, part| {
            machine.set_slot(slot, part);
            machine.block(after, found)
        })
    }

    fn parts(&mut self, source: &Term, key: &'p Pattern, then: &mut dyn FnMut(&mut Machine<'p>, Term) -> Step<Flow>) -> Step<Flow> {
        let trail = self.trail.len();
        let any = matches!(key, Pattern::Any);
        match source {
            Term::Set(set) => {
                for item in set.iter() {
                    self.tick()?;
                    self.trail.truncate(trail);
                    if !any && !self.fits(key, item)? {
                        continue;
                    }
                    self.note(item.span());
                    if then(self, item.clone())? == Flow::Enough {
                        return Ok(Flow::Enough);
                    }
                }
            }
            Term::List(items, _) => {
                for (at, item) in items.iter().enumerate() {
                    self.tick()?;
                    self.trail.truncate(trail);
                    if !any && !self.fits(key, &Term::Number(crate::Number::from_usize(at)))? {
                        continue;
                    }
                    self.note(item.span);
                    if then(self, Term::from_value(item))? == Flow::Enough {
                        return Ok(Flow::Enough);
                    }
                }
            }
            Term::Array(items) => {
                for (at, item) in items.iter().enumerate() {
                    self.tick()?;
                    self.trail.truncate(trail);
                    if !any && !self.fits(key, &Term::Number(crate::Number::from_usize(at)))? {
                        continue;
                    }
                    self.note(item.span());
                    if then(self, item.clone())? == Flow::Enough {
                        return Ok(Flow::Enough);
                    }
                }
            }
            Term::Map(map, _) => {
                let mut entries: Vec<_> = map.iter().collect();
                entries.sort_unstable_by(|a, b| a.0.cmp(b.0));
                for (name, entry) in entries {
                    self.tick()?;
                    self.trail.truncate(trail);
                    if !any && !self.fits(key, &Term::String(Arc::clone(name)))? {
                        continue;
                    }
                    self.note(entry.value.span.or(entry.key));
                    if then(self, Term::from_value(&entry.value))? == Flow::Enough {
                        return Ok(Flow::Enough);
                    }
                }
            }
            Term::Object(object) => {
                for (name, value) in object.iter() {
                    self.tick()?;
                    self.trail.truncate(trail);
                    if !any && !self.fits(key, name)? {
                        continue;
                    }
                    self.note(value.span());
                    if then(self, value.clone())? == Flow::Enough {
                        return Ok(Flow::Enough);
                    }
                }
            }
            _ => {}
        }
        Ok(Flow::More)
    }
}

/// A base document over one that rules made.
fn over(base: &Term, made: Term) -> Term {
    let (Some(left), Some(right)) = (base.as_object(), made.as_object()) else { return base.clone() };
    let mut entries: Vec<(Term, Term)> = right.iter().filter(|(key, _)| left.get(key).is_none()).collect();
    for (key, value) in left.iter() {
        let merged = match right.get(&key) {
            Some(made) => over(&value, made),
            None => value,
        };
        entries.push((key, merged));
    }
    Term::object(entries)
}
