//! Fields and items of one node, from all that is said of it.

use std::collections::BTreeSet;
use std::rc::Rc;
use std::sync::Arc;

use super::super::number::Decimal;
use super::super::tree::{Atom, Clause, Decl, Expr, ExprRef, Item, Key, Kind, Label, Mark, Sort, Struct};
use super::{
    Conjunct, Env, EnvRef, Fail, Frame, Gathered, GroupId, Machine, Meaning, Member, NodeId, Outcome, Pattern, Pending, State, Stop, Tags,
    Value, kinds,
};

impl Machine {
    /// Adds a conjunct to a field.
    pub(super) fn add(&mut self, id: NodeId, key: &Key, mark: Mark, conjunct: Conjunct) -> Result<(), Fail> {
        let at = conjunct.expr.at;
        let tags = Rc::clone(&conjunct.tags);
        let child = match self.at(id).members.get(key) {
            Some(member) => member.node,
            None => {
                let child = self.node(Vec::new())?;
                let node = self.at_mut(id);
                node.order.push(key.clone());
                node.members.insert(key.clone(), Member { node: child, mark, tags: BTreeSet::new() });
                child
            }
        };
        if let Some(member) = self.at_mut(id).members.get_mut(key) {
            member.tags.extend(tags.iter().copied());
            match (member.mark, mark) {
                (_, Mark::There) => member.mark = Mark::There,
                (Mark::Optional, Mark::Required) => member.mark = Mark::Required,
                _ => {}
            }
        }
        if self.at(child).state != State::New {
            // Somebody has looked at it already and may have decided by what it was.
            return Err(Fail::unsupported(at, format!("a field (`{}`) that changes after it was needed", key.shown())));
        }
        let within: Vec<GroupId> = tags.iter().copied().filter(|group| self.groups.get(*group).copied().unwrap_or(true)).collect();
        // Groups that close only the level they stand at end here.
        let kept: Tags = Rc::new(within.iter().copied().collect());
        let node = self.at_mut(child);
        node.closed.extend(within);
        node.conjuncts.push(Conjunct { tags: kept, ..conjunct });
        Ok(())
    }

    /// Makes a node of what was gathered.
    pub(super) fn merge(&mut self, id: NodeId, mut gathered: Gathered) -> Result<Outcome, Fail> {
        for (body, env, tags) in std::mem::take(&mut gathered.structs) {
            self.fields(id, &body, &env, &tags)?;
        }
        self.patterns(id)?;
        let mut open = gathered.open.take();
        let stuck = self.pending(id, &mut gathered)?;
        open = open.or(stuck);
        let has_fields =
            self.at(id).members.iter().any(|(key, member)| matches!(key, Key::Name(_, Sort::Regular)) && member.mark != Mark::Optional);
        if has_fields {
            gathered.firm = true;
            gathered.narrow(kinds::STRUCT, gathered.at)?;
        }
        if gathered.firm {
            self.known_fields(id, gathered.at)?;
        }
        if !gathered.lists.is_empty() {
            match self.items(id, &gathered.lists) {
                Ok(()) => {}
                Err(fail) if fail.open => open = open.or(Some(fail)),
                Err(fail) => return Err(fail),
            }
        }
        let outcome = if let Some((atom, _)) = gathered.atom.clone() {
            for bound in &gathered.bounds {
                bound.holds(&atom)?;
            }
            Outcome::Atom(atom)
        } else if !gathered.lists.is_empty() {
            Outcome::List
        } else if gathered.firm {
            Outcome::Struct
        } else {
            gathered.possible()?;
            let node = self.at_mut(id);
            node.kinds = gathered.kinds;
            let mut limits: Vec<String> = gathered.bounds.iter().map(|bound| format!("{}{:?}", bound.sign, bound.with)).collect();
            limits.extend(gathered.validators.iter().map(|(validator, _)| format!("{validator:?}")));
            limits.sort();
            limits.dedup();
            node.limits = limits.join(" ");
            Outcome::Open(open.clone().unwrap_or_else(|| Fail::open(gathered.at, "it has no value yet")))
        };
        if !matches!(outcome, Outcome::Open(_)) {
            self.at_mut(id).outcome = outcome.clone();
            for (validator, at) in std::mem::take(&mut gathered.validators) {
                let subject = match &outcome {
                    Outcome::Atom(atom) => Value::Atom(atom.clone()),
                    _ => Value::Node(id),
                };
                match validator.check(self, &subject, at) {
                    Ok(()) => {}
                    Err(fail) if fail.open => open = open.or(Some(fail)),
                    Err(fail) => return Err(fail),
                }
            }
        }
        if let Some(fail) = open
            && matches!(outcome, Outcome::Struct | Outcome::List)
        {
            self.at_mut(id).stuck = Some(fail);
        }
        Ok(outcome)
    }

    /// The fields that are written.
    pub(super) fn fields(&mut self, id: NodeId, body: &Struct, env: &Rc<Env>, tags: &Tags) -> Result<(), Fail> {
        for decl in &body.decls {
            let inner = |expr: &ExprRef| Conjunct { expr: Arc::clone(expr), env: Some(Rc::clone(env)), tags: Rc::clone(tags) };
            match decl {
                Decl::Field { label: Label::Name(name), mark, value, .. } => self.add(id, &Key::of_name(name), *mark, inner(value))?,
                Decl::Field { label: Label::Quoted(name), mark, value, .. } => {
                    self.add(id, &Key::Name(Arc::clone(name), Sort::Regular), *mark, inner(value))?;
                }
                Decl::Pattern { alias, pattern, value } => {
                    let one = Pattern { pattern: inner(pattern), alias: alias.clone(), value: Arc::clone(value), done: BTreeSet::new() };
                    self.at_mut(id).patterns.push(one);
                }
                Decl::Ellipsis => self.at_mut(id).any.extend(tags.iter().copied()),
                _ => {}
            }
        }
        Ok(())
    }

    /// Adds to each field what patterns say of it.
    pub(super) fn patterns(&mut self, id: NodeId) -> Result<(), Fail> {
        for index in 0..self.at(id).patterns.len() {
            let keys: Vec<Key> = self.at(id).order.clone();
            for key in keys {
                let Key::Name(name, Sort::Regular) = &key else { continue };
                let Some(pattern) = self.at(id).patterns.get(index) else { continue };
                if pattern.done.contains(&key) || self.at(id).members.get(&key).is_none_or(|member| member.mark == Mark::Optional) {
                    continue;
                }
                let (with, alias, value) = (pattern.pattern.clone(), pattern.alias.clone(), Arc::clone(&pattern.value));
                let label = Arc::new(Expr { kind: Kind::Atom(Atom::Text(Arc::clone(name))), at: with.expr.at });
                let tried = self.node(vec![with.clone(), Conjunct { expr: label, env: None, tags: Tags::default() }])?;
                self.evaluate(tried);
                let fits = match &self.at(self.settled(tried)).outcome {
                    Outcome::Atom(_) => true,
                    Outcome::Bottom(fail) if fail.problem.unsupported => return Err(fail.clone()),
                    Outcome::Bottom(_) => false,
                    Outcome::Open(fail) | Outcome::Ambiguous(fail) => return Err(Fail::wrong(with.expr.at, fail.problem.message.clone())),
                    _ => false,
                };
                if let Some(pattern) = self.at_mut(id).patterns.get_mut(index) {
                    pattern.done.insert(key.clone());
                }
                if !fits {
                    continue;
                }
                let env = match alias {
                    None => with.env.clone(),
                    Some(alias) => {
                        let names = vec![(alias, Meaning::Atom(Atom::Text(Arc::clone(name))))];
                        Some(Rc::new(Env { frame: Frame::Names(names), up: with.env.clone() }))
                    }
                };
                let mark = self.at(id).members.get(&key).map_or(Mark::There, |member| member.mark);
                self.add(id, &key, mark, Conjunct { expr: value, env, tags: Rc::clone(&with.tags) })?;
            }
        }
        Ok(())
    }

    /// Comprehensions and computed names, until none gives anything more. Why some are stuck.
    pub(super) fn pending(&mut self, id: NodeId, gathered: &mut Gathered) -> Result<Option<Fail>, Fail> {
        let mut rounds = 0;
        loop {
            let waiting = std::mem::take(&mut gathered.pending);
            if waiting.is_empty() {
                return Ok(None);
            }
            rounds += 1;
            if rounds > 100 {
                return Err(Fail::wrong(gathered.at, "comprehensions make each other go on and on"));
            }
            let mut progress = false;
            let mut stuck = None;
            for (conjunct, what) in waiting {
                let done = match &what {
                    Pending::Comprehension(comprehension) => {
                        let mut envs = Vec::new();
                        match self.unrolled(&comprehension.clauses, conjunct.env.clone(), &mut envs) {
                            Ok(()) => {
                                for env in envs {
                                    let body = Conjunct { env, ..conjunct.clone() };
                                    match self.gather(id, &body, gathered, None) {
                                        Ok(()) => {}
                                        Err(Stop::Fail(fail)) => return Err(fail),
                                        Err(Stop::Choose(_)) => {
                                            return Err(Fail::unsupported(comprehension.at, "a disjunction embedded in a comprehension"));
                                        }
                                    }
                                }
                                for (body, env, tags) in std::mem::take(&mut gathered.structs) {
                                    self.fields(id, &body, &env, &tags)?;
                                }
                                Ok(())
                            }
                            Err(fail) => Err(fail),
                        }
                    }
                    Pending::Dynamic(label, mark, value) => match self.atom_of(label, &conjunct.env) {
                        Ok(Atom::Text(name)) => {
                            let conjunct = Conjunct { expr: Arc::clone(value), ..conjunct.clone() };
                            self.add(id, &Key::Name(name, Sort::Regular), *mark, conjunct).map(|()| gathered.firm = true)
                        }
                        Ok(_) => Err(Fail::wrong(label.at, "the name of a field is no text")),
                        Err(fail) => Err(fail),
                    },
                };
                match done {
                    Ok(()) => progress = true,
                    Err(fail) if fail.open => {
                        stuck = Some(fail);
                        gathered.pending.push((conjunct, what));
                    }
                    Err(fail) => return Err(fail),
                }
            }
            self.patterns(id)?;
            if !progress {
                return Ok(stuck);
            }
        }
    }

    /// What is in sight in each round of a comprehension.
    pub(super) fn unrolled(&mut self, clauses: &[Clause], env: EnvRef, out: &mut Vec<EnvRef>) -> Result<(), Fail> {
        let Some((first, rest)) = clauses.split_first() else {
            out.push(env);
            return if out.len() > 10_000 { Err(Fail::wrong(0, "a comprehension makes too much")) } else { Ok(()) };
        };
        let under = |names: Vec<(Arc<str>, Meaning)>| Some(Rc::new(Env { frame: Frame::Names(names), up: env.clone() }));
        match first {
            Clause::If(condition) => match self.atom_of(condition, &env)? {
                Atom::Bool(true) => self.unrolled(rest, env, out),
                Atom::Bool(false) => Ok(()),
                _ => Err(Fail::wrong(condition.at, "the condition is neither true nor false")),
            },
            Clause::Let { name, value } => {
                let inner = under(vec![(Arc::clone(name), Meaning::Expr(Arc::clone(value), env.clone()))]);
                self.unrolled(rest, inner, out)
            }
            Clause::For { key, value, source } => {
                let Value::Node(over) = self.value(source, &env)? else {
                    return Err(Fail::wrong(source.at, "`for` goes over a struct or a list"));
                };
                for (name, node) in self.entries(over) {
                    self.step(source.at)?;
                    let mut names = vec![(Arc::clone(value), Meaning::Node(node))];
                    if let Some(key) = key {
                        let atom = match name {
                            Key::Name(name, _) => Atom::Text(name),
                            Key::Index(index) => Atom::Number(Decimal::int(index)),
                        };
                        names.push((Arc::clone(key), Meaning::Atom(atom)));
                    }
                    self.unrolled(rest, under(names), out)?;
                }
                Ok(())
            }
        }
    }

    /// Merges lists item by item.
    pub(super) fn items(&mut self, id: NodeId, lists: &[(ExprRef, EnvRef, Tags)]) -> Result<(), Fail> {
        let mut expanded = Vec::new();
        for (list, env, tags) in lists {
            let Kind::List(items, open) = &list.kind else { continue };
            let mut all: Vec<(ExprRef, EnvRef)> = Vec::new();
            for item in items {
                match item {
                    Item::One(one) => all.push((Arc::clone(one), env.clone())),
                    Item::Several(comprehension) => {
                        let mut envs = Vec::new();
                        self.unrolled(&comprehension.clauses, env.clone(), &mut envs)?;
                        all.extend(envs.into_iter().map(|env| (Arc::clone(&comprehension.body), env)));
                    }
                }
            }
            expanded.push((all, open, env, tags, list.at));
        }
        let length = expanded.iter().map(|(all, ..)| all.len()).max().unwrap_or(0);
        for index in 0..length {
            for (all, open, env, tags, at) in &expanded {
                let (expr, env) = match (all.get(index), open) {
                    (Some((expr, env)), _) => (Arc::clone(expr), env.clone()),
                    (None, Some(Some(expr))) => (Arc::clone(expr), (*env).clone()),
                    (None, Some(None)) => continue,
                    (None, None) => return Err(Fail::wrong(*at, format!("a list has {length} items, another {}", all.len()))),
                };
                self.add(id, &Key::Index(index), Mark::There, Conjunct { expr, env, tags: Rc::clone(tags) })?;
            }
        }
        self.at_mut(id).open_list = expanded.iter().all(|(_, open, ..)| open.is_some());
        Ok(())
    }
}
