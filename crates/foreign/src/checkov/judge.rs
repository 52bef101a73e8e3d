//! A policy on a subject. Checkov works with sets: each condition puts resources among the passed, the failed or the unknown, and the
//! sets are put together. Here the same is asked for one subject at a time: in which sets is it?

use std::cell::Cell;
use std::collections::HashMap;

use probity_core::{Status, Subject, SubjectIndex, SubjectKind, World};
use probity_value::{Span, Value};

use super::path::Match;
use super::{Connected, Connection, Definition, Filter, Leaf, Policy};
use crate::tri::Tri;

/// What a policy says of a subject.
pub(crate) struct Said {
    pub(crate) status: Status,
    pub(crate) message: String,
    pub(crate) at: Span,
    pub(crate) judged: Option<Value>,
    pub(crate) related: Vec<Span>,
}

/// Why a subject is in a set.
#[derive(Clone, Debug)]
struct Why {
    message: String,
    at: Span,
    judged: Option<Value>,
    related: Vec<Span>,
}

impl Why {
    fn said(message: String, at: Span) -> Why {
        Why { message, at, judged: None, related: Vec::new() }
    }
}

/// In which sets a subject is: it may be in several.
#[derive(Clone, Debug, Default)]
struct Sets {
    passed: bool,
    failed: Option<Why>,
    unknown: Option<Why>,
}

impl Sets {
    fn passed() -> Sets {
        Sets { passed: true, ..Sets::default() }
    }

    fn add(&mut self, other: Sets) {
        self.passed |= other.passed;
        self.failed = self.failed.take().or(other.failed);
        self.unknown = self.unknown.take().or(other.unknown);
    }
}

/// The rule took more steps than it may.
struct Exhausted;

struct Judge<'a> {
    world: &'a World,
    steps: Cell<u64>,
    /// Subjects of a definition, by its address: asked again and again for neighbours.
    known: std::cell::RefCell<HashMap<(usize, usize, SubjectIndex), Sets>>,
}

pub(crate) fn judge(policy: &Policy, index: SubjectIndex, subject: &Subject, world: &World, max_steps: u64) -> Option<Said> {
    let judge = Judge { world, steps: Cell::new(max_steps), known: std::cell::RefCell::default() };
    let sets = match judge.sets(&policy.definition, index, subject) {
        Ok(sets) => sets,
        Err(Exhausted) => {
            let message = format!("the policy takes more than {max_steps} steps");
            return Some(Said { status: Status::Error, message, at: Span::NONE, judged: None, related: Vec::new() });
        }
    };
    let (status, why) = match sets {
        Sets { failed: Some(why), .. } => (Status::Fail, why),
        Sets { unknown: Some(why), .. } => (Status::Unknown, why),
        Sets { passed: true, .. } => (Status::Pass, Why::said(String::new(), Span::NONE)),
        _ => return None,
    };
    Some(Said { status, message: why.message, at: why.at, judged: why.judged, related: why.related })
}

/// Whether a connection is in it, which makes `and` and `or` work on sets.
fn connects(definition: &Definition) -> bool {
    match definition {
        Definition::Connection(_) => true,
        Definition::And(all) | Definition::Or(all) => all.iter().any(connects),
        Definition::Not(inner) => connects(inner),
        _ => false,
    }
}

impl<'a> Judge<'a> {
    fn charge(&self, steps: usize) -> Result<(), Exhausted> {
        let left = self.steps.get().checked_sub(steps as u64 + 1).ok_or(Exhausted)?;
        self.steps.set(left);
        Ok(())
    }

    /// In which sets a definition that stands by itself, or beside connections, puts a subject.
    fn sets(&self, definition: &Definition, index: SubjectIndex, subject: &Subject) -> Result<Sets, Exhausted> {
        self.charge(1)?;
        match definition {
            Definition::And(all) if connects(definition) => {
                let sets = self.and_sets(all, all.len(), index, subject)?;
                let Sets { passed, failed, unknown } = sets;
                let unknown = if failed.is_some() { None } else { unknown };
                self.filtered(all, Sets { passed: passed && failed.is_none() && unknown.is_none(), failed, unknown }, subject)
            }
            Definition::Or(all) if connects(definition) => {
                let mut sets = Sets::default();
                for one in all.iter().filter(|one| !matches!(one, Definition::Filter(_))) {
                    sets.add(self.sets(one, index, subject)?);
                }
                if sets.passed {
                    sets = Sets::passed();
                } else if sets.unknown.is_some() {
                    sets.failed = None;
                }
                self.filtered(all, sets, subject)
            }
            Definition::Not(inner) if connects(definition) => {
                let sets = self.sets(inner, index, subject)?;
                let failed = sets.passed.then(|| Why::said("what the policy forbids holds".to_owned(), Span::NONE));
                Ok(Sets { passed: sets.failed.is_some(), failed, unknown: sets.unknown })
            }
            Definition::Connection(connection) => self.connection(connection, index, subject, &|_| Ok(Sets::default())),
            Definition::Resource(types, exists) => Ok(match (types.names.contains(&subject.type_name), exists) {
                (true, true) => Sets::passed(),
                (true, false) => self.failing(format!("the policy allows no `{}`", subject.type_name), subject),
                (false, true) => self.failing(format!("`{}` is none of the types the policy allows", subject.type_name), subject),
                (false, false) => Sets::default(),
            }),
            Definition::Filter(_) => Ok(Sets::default()),
            _ if !self.speaks_of(definition, subject) => Ok(Sets::default()),
            _ => {
                let mut why = None;
                Ok(match self.truth(definition, subject, &mut why)? {
                    Tri::Yes => Sets::passed(),
                    Tri::No => Sets {
                        failed: Some(why.unwrap_or_else(|| Why::said("it is not as the policy asks".to_owned(), Span::NONE))),
                        ..Sets::default()
                    },
                    Tri::Maybe(value) => Sets { unknown: Some(cannot(why, &value)), ..Sets::default() },
                })
            }
        }
    }

    fn failing(&self, message: String, subject: &Subject) -> Sets {
        Sets { failed: Some(Why::said(message, subject.head)), ..Sets::default() }
    }

    /// The sets after the attributes and the first `upto` connections of an `and`, before they are put in order.
    fn and_sets(&self, all: &[Definition], upto: usize, index: SubjectIndex, subject: &Subject) -> Result<Sets, Exhausted> {
        self.charge(1)?;
        let key = (all.as_ptr() as usize, upto, index);
        if let Some(known) = self.known.borrow().get(&key) {
            return Ok(known.clone());
        }
        let mut sets = Sets::default();
        for one in all.iter().filter(|one| !connects(one) && !matches!(one, Definition::Filter(_))) {
            sets.add(self.sets(one, index, subject)?);
        }
        sets.passed &= sets.failed.is_none() && sets.unknown.is_none();
        for (place, one) in in_order(all).into_iter().take(upto).enumerate() {
            let more = match one {
                Definition::Connection(connection) => self.connection(connection, index, subject, &|neighbour| {
                    let Some(other) = self.world.subject(neighbour) else { return Ok(Sets::default()) };
                    self.and_sets(all, place, neighbour, other)
                })?,
                // Others work by themselves.
                other => self.sets(other, index, subject)?,
            };
            sets.add(more);
        }
        self.known.borrow_mut().insert(key, sets.clone());
        Ok(sets)
    }

    /// Only what the filters of an `and` or `or` let through gets a result.
    fn filtered(&self, all: &[Definition], sets: Sets, subject: &Subject) -> Result<Sets, Exhausted> {
        let mut unknown = None;
        for one in all {
            let Definition::Filter(filter) = one else { continue };
            match self.filter(filter, subject)? {
                Tri::Yes => {}
                Tri::No => return Ok(Sets::default()),
                Tri::Maybe(value) => unknown = unknown.or(Some(value)),
            }
        }
        Ok(match unknown {
            // Whether the policy speaks of it at all cannot be known.
            Some(value) if sets.failed.is_some() => Sets { unknown: Some(cannot(None, &value)), ..Sets::default() },
            _ => sets,
        })
    }

    /// In which sets a connection puts a subject; `before` says in which its other end, or itself, was put before.
    fn connection(
        &self,
        connection: &Connection,
        index: SubjectIndex,
        subject: &Subject,
        before: &dyn Fn(SubjectIndex) -> Result<Sets, Exhausted>,
    ) -> Result<Sets, Exhausted> {
        let (ours, theirs) = (connection.types.has(subject), connection.connected.has(subject));
        if !ours && !theirs {
            return Ok(Sets::default());
        }
        let mine = before(index)?;
        let mut sets = Sets::default();
        for neighbour in self.neighbours(index, subject) {
            self.charge(1)?;
            let Some(other) = self.world.subject(neighbour) else { continue };
            let matches = (ours && connection.connected.has(other)) || (theirs && connection.types.has(other));
            if !matches || other.kind != subject.kind {
                continue;
            }
            let its = before(neighbour)?;
            let through = |mut why: Why, itself: bool| {
                if !itself {
                    why.message = format!("`{}`, which is connected: {}", other.id, why.message);
                    why.related.push(why.at.or(other.head));
                    why.at = Span::NONE;
                }
                why
            };
            match (&mine, &its) {
                (Sets { failed: Some(why), .. }, _) => sets.failed = sets.failed.take().or_else(|| Some(through(why.clone(), true))),
                (_, Sets { failed: Some(why), .. }) => sets.failed = sets.failed.take().or_else(|| Some(through(why.clone(), false))),
                (Sets { unknown: Some(why), .. }, _) => sets.unknown = sets.unknown.take().or_else(|| Some(through(why.clone(), true))),
                (_, Sets { unknown: Some(why), .. }) => sets.unknown = sets.unknown.take().or_else(|| Some(through(why.clone(), false))),
                _ => sets.passed = true,
            }
        }
        let other_types = if ours { &connection.connected } else { &connection.types };
        let names = || {
            let mut names: Vec<String> = other_types.names.iter().map(|name| format!("`{name}`")).collect();
            names.sort_unstable();
            names.truncate(4);
            if names.is_empty() { "another resource".to_owned() } else { names.join(", ") }
        };
        if !sets.passed && sets.unknown.is_none() && sets.failed.is_none() {
            sets.failed = Some(Why::said(format!("it is not connected to any of {}", names()), subject.head));
        }
        Ok(match connection.how {
            Connected::Exists => sets,
            Connected::OneExists if sets.passed => Sets::passed(),
            Connected::OneExists => sets,
            Connected::NotExists => {
                let failed = sets.passed.then(|| Why::said(format!("it is connected to {}", names()), subject.head));
                Sets { passed: sets.failed.is_some(), failed, unknown: sets.unknown }
            }
        })
    }

    /// Subjects it refers to or that refer to it, that hold it or that it holds.
    fn neighbours(&self, index: SubjectIndex, subject: &Subject) -> Vec<SubjectIndex> {
        let mut all = self.world.refers(index).to_vec();
        all.extend_from_slice(self.world.referred_by(index));
        match subject.kind {
            SubjectKind::Kubernetes => all.extend(super::kubernetes::neighbours(self.world, index, subject)),
            SubjectKind::Arm | SubjectKind::Bicep => all.extend(self.family(index, subject)),
            _ => {}
        }
        all.sort_unstable();
        all.dedup();
        all
    }

    /// The parent and the children of an Azure resource: `servers/auditingSettings` is a child of `servers`.
    fn family(&self, index: SubjectIndex, subject: &Subject) -> Vec<SubjectIndex> {
        let child_of = |child: &Subject, parent: &Subject| {
            let below = |child: &str, parent: &str| child.strip_prefix(parent).is_some_and(|rest| rest.starts_with('/'));
            child.root == parent.root
                && below(&child.type_name, &parent.type_name)
                && (below(&child.id, &parent.id)
                    || parent.span.file == child.span.file && parent.span.start <= child.span.start && child.span.end <= parent.span.end)
        };
        let all = self.world.iter().filter(|(other, them)| *other != index && them.kind == subject.kind);
        all.filter(|(_, them)| child_of(subject, them) || child_of(them, subject)).map(|(other, _)| other).collect()
    }

    /// Whether a definition without connections says something of a subject.
    fn speaks_of(&self, definition: &Definition, subject: &Subject) -> bool {
        match definition {
            Definition::And(all) | Definition::Or(all) => all.iter().any(|one| self.speaks_of(one, subject)),
            Definition::Not(inner) => self.speaks_of(inner, subject),
            Definition::Attribute(leaf) => leaf.types.has(subject),
            Definition::Any(types) => types.has(subject),
            Definition::Filter(filter) => !filter.types.is_empty() && filter.types.has(subject),
            Definition::Resource(..) => true,
            Definition::Connection(_) => false,
        }
    }

    /// What a definition without connections says of a subject, and the first reason for it.
    fn truth(&self, definition: &Definition, subject: &Subject, why: &mut Option<Why>) -> Result<Tri, Exhausted> {
        self.charge(1)?;
        match definition {
            Definition::And(all) => {
                let mut out = Tri::Yes;
                for one in all {
                    let mut reason = None;
                    match self.truth(one, subject, &mut reason)? {
                        Tri::Yes => {}
                        Tri::No => {
                            *why = reason;
                            return Ok(Tri::No);
                        }
                        Tri::Maybe(value) => {
                            if matches!(out, Tri::Yes) {
                                out = Tri::Maybe(value);
                                *why = reason;
                            }
                        }
                    }
                }
                Ok(out)
            }
            Definition::Or(all) => {
                let mut out = Tri::No;
                for one in all {
                    let mut reason = None;
                    match self.truth(one, subject, &mut reason)? {
                        Tri::Yes => return Ok(Tri::Yes),
                        Tri::No if why.is_none() => *why = reason,
                        Tri::No => {}
                        Tri::Maybe(value) => {
                            if matches!(out, Tri::No) {
                                out = Tri::Maybe(value);
                                *why = reason;
                            }
                        }
                    }
                }
                Ok(out)
            }
            Definition::Not(inner) => {
                let found = self.truth(inner, subject, why)?.not_if(true);
                if matches!(found, Tri::No) {
                    *why = Some(Why::said("what the policy forbids holds".to_owned(), Span::NONE));
                }
                Ok(found)
            }
            Definition::Attribute(leaf) => self.attribute(leaf, subject, why),
            Definition::Any(types) => Ok(Tri::known(types.has(subject))),
            Definition::Filter(filter) => self.filter(filter, subject),
            Definition::Resource(types, exists) => Ok(Tri::known(types.names.contains(&subject.type_name) == *exists)),
            Definition::Connection(_) => Ok(Tri::No),
        }
    }

    fn filter(&self, filter: &Filter, subject: &Subject) -> Result<Tri, Exhausted> {
        self.charge(filter.values.len())?;
        if &*filter.attribute == "resource_type" {
            let as_pod = super::kubernetes::makes_pods(subject) && filter.values.iter().any(|value| &**value == "Pod");
            return Ok(Tri::known(filter.values.contains(&subject.type_name) || as_pod));
        }
        let found = select(&filter.path, &filter.attribute, subject);
        self.charge(found.len())?;
        Ok(Tri::any(found.iter().map(|one| filter.operator.test(Some(&one.value)))))
    }

    fn attribute(&self, leaf: &Leaf, subject: &Subject, why: &mut Option<Why>) -> Result<Tri, Exhausted> {
        if !leaf.types.has(subject) {
            return Ok(Tri::No);
        }
        let pod = leaf.types.as_pod(subject).then(|| super::kubernetes::pod(subject)).flatten();
        let found = match &pod {
            Some(pod) => leaf.attribute.select(pod),
            None => select(&leaf.attribute, &leaf.name, subject),
        };
        self.charge(found.len())?;
        let several = leaf.attribute.several();
        let test = |one: &Match| leaf.operator.test(Some(&one.value));
        let fold = |certain: bool| {
            let results = found.iter().filter(|one| one.certain || !certain).map(test);
            if leaf.all { Tri::all(results) } else { Tri::any(results) }
        };
        let truth = if !several {
            leaf.operator.test(found.first().map(|one| &one.value))
        } else if found.iter().all(|one| one.certain) {
            if found.is_empty() { leaf.operator.test(None) } else { fold(true) }
        } else {
            // Some may not be among those the path asks for: it is known only where that makes no difference.
            let sure = if found.iter().any(|one| one.certain) { fold(true) } else { leaf.operator.test(None) };
            let agree = fold(false).same(&sure) && found.iter().filter(|one| !one.certain).all(|one| test(one).same(&sure));
            let doubt = found.iter().find(|one| !one.certain).map(|one| one.value.clone());
            match (agree, doubt) {
                (false, Some(value)) => Tri::Maybe(unknown_in(&value)),
                _ => sure,
            }
        };
        let culprit = || {
            let wrong = |truth: &Tri| matches!(truth, Tri::No);
            found.iter().find(|one| wrong(&test(one))).or(found.first())
        };
        match &truth {
            Tri::Yes => {}
            Tri::No => {
                let one = culprit();
                let what = match one {
                    None => format!("`{}` is not set; the policy asks {}", leaf.name, leaf.words),
                    Some(one) => match probity_checks::shown(&one.value) {
                        _ if one.value.is_unknown() => format!("`{}` is set; the policy asks {}", leaf.name, leaf.words),
                        Some(shown) => format!("`{}` is {shown}; the policy asks {}", leaf.name, leaf.words),
                        None => format!("`{}` has a sensitive value; the policy asks {}", leaf.name, leaf.words),
                    },
                };
                *why = Some(Why {
                    message: what,
                    at: one.map_or(subject.head, |one| one.value.span.or(one.key)),
                    judged: one.map(|one| one.value.clone()),
                    related: Vec::new(),
                });
            }
            Tri::Maybe(value) => {
                let name = &leaf.name;
                *why = Some(Why { message: format!("`{name}`"), at: value.span, judged: Some(value.clone()), related: Vec::new() });
            }
        }
        Ok(truth)
    }
}

/// The unknown in a value.
fn unknown_in(value: &Value) -> Value {
    fn find(value: &Value) -> Option<Value> {
        if value.is_unknown() {
            return Some(value.clone());
        }
        value.as_list().into_iter().flatten().find_map(find).or_else(|| value.as_map()?.values().find_map(find))
    }
    find(value).unwrap_or_else(|| value.clone())
}

fn cannot(why: Option<Why>, value: &Value) -> Why {
    let what = why.map_or_else(|| "this".to_owned(), |why| why.message);
    let message = match value.find_unknown() {
        Some(unknown) => format!("{what} cannot be known: {}", unknown.reason),
        None => format!("{what} cannot be known"),
    };
    Why { message, at: value.span, judged: Some(value.clone()), related: Vec::new() }
}

/// The connections of an `and` in Checkov's order: those whose types a filter names come last.
fn in_order(all: &[Definition]) -> Vec<&Definition> {
    let filtered: Vec<&str> = all
        .iter()
        .filter_map(|one| match one {
            Definition::Filter(filter) if &*filter.attribute == "resource_type" => Some(filter.values.iter().map(|value| &**value)),
            _ => None,
        })
        .flatten()
        .collect();
    let (mut first, mut last) = (Vec::new(), Vec::new());
    for one in all.iter().filter(|one| connects(one)) {
        let named = one.reach().names.iter().any(|name| filtered.contains(&&**name));
        if named { last.push(one) } else { first.push(one) }
    }
    first.extend(last);
    first
}

/// The values of an attribute of a subject, in the shape Checkov sees.
fn select(attribute: &super::path::Attribute, name: &str, subject: &Subject) -> Vec<Match> {
    let text = |text: &str| vec![Match { value: Value::string(text, subject.head), certain: true, key: Span::NONE }];
    match name {
        "resource_type" => return text(&subject.type_name),
        "__address__" => return text(&subject.id),
        "block_name_" => return text(subject.id.strip_prefix("data.").unwrap_or(&subject.id)),
        _ => {}
    }
    match subject.kind {
        SubjectKind::CloudFormation => {
            let found = subject.value.get("Properties").map(|properties| attribute.select(properties)).unwrap_or_default();
            if found.is_empty() { attribute.select(&subject.value) } else { found }
        }
        SubjectKind::Dockerfile => {
            let word = match name {
                "value" => "text",
                "content" => "text",
                _ => return attribute.select(&subject.value),
            };
            subject.value.get(word).map(|value| vec![Match { value: value.clone(), certain: true, key: value.span }]).unwrap_or_default()
        }
        _ => attribute.select(&subject.value),
    }
}
