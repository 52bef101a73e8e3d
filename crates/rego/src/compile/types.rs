//! Finds what can never hold: calls with arguments of the wrong kind, equations between different kinds, ways into what has no parts.
//!
//! OPA refuses policies with such lines; where they only were undefined, a rule that means to refuse would pass silently.

use std::sync::Arc;

use probity_core::{Diagnostic, Level};
use probity_value::Span;

use super::ir::{Branch, Callable, Comparison, Group, GroupId, GroupKind, Mod, Op, OpKind, Part, Pattern, Rule, Step, Value};
use crate::builtins::Type;
use crate::{Kind, Term};

/// A set of kinds, as bits.
type Kinds = u8;

const NULL: Kinds = 1;
const BOOLEAN: Kinds = 2;
const NUMBER: Kinds = 4;
const STRING: Kinds = 8;
const ARRAY: Kinds = 16;
const OBJECT: Kinds = 32;
const SET: Kinds = 64;
const ANY: Kinds = 127;

fn kinds_of(term: &Term) -> Kinds {
    match term.kind() {
        Kind::Null => NULL,
        Kind::Boolean => BOOLEAN,
        Kind::Number => NUMBER,
        Kind::String => STRING,
        Kind::Array => ARRAY,
        Kind::Object => OBJECT,
        Kind::Set => SET,
    }
}

fn declared(declared_type: &Type) -> Kinds {
    match declared_type {
        Type::Any => ANY,
        Type::Null => NULL,
        Type::Boolean => BOOLEAN,
        Type::Number => NUMBER,
        Type::String => STRING,
        Type::Array(_) | Type::Tuple(_) => ARRAY,
        Type::Set(_) => SET,
        Type::Object(..) => OBJECT,
        Type::Union(types) => types.iter().fold(0, |kinds, one| kinds | declared(one)),
    }
}

fn names(kinds: Kinds) -> String {
    if kinds == ANY {
        return "any".to_owned();
    }
    let all =
        [(NULL, "null"), (BOOLEAN, "boolean"), (NUMBER, "number"), (STRING, "string"), (ARRAY, "array"), (OBJECT, "object"), (SET, "set")];
    let found: Vec<&str> = all.iter().filter(|(bit, _)| kinds & bit != 0).map(|(_, name)| *name).collect();
    found.join(" or ")
}

/// Looks through rules.
pub(super) struct Checker<'a> {
    groups: &'a [Group],
    coverable: &'a [Span],
    known: Vec<Option<Kinds>>,
    found: Vec<(Span, String)>,
    /// Where the line at hand stands.
    at: Span,
}

/// What is known of the slots of a rule: their kinds, and what was put into them where that is all they ever hold.
#[derive(Default)]
struct Slots<'a> {
    kinds: Vec<Kinds>,
    values: Vec<Option<&'a Value>>,
}

impl<'a> Slots<'a> {
    fn new(count: u32) -> Slots<'a> {
        Slots { kinds: vec![ANY; count as usize], values: vec![None; count as usize] }
    }

    fn set(&mut self, slot: u32, kinds: Kinds, value: Option<&'a Value>) {
        if let (Some(place), Some(known)) = (self.kinds.get_mut(slot as usize), self.values.get_mut(slot as usize)) {
            *place = kinds;
            *known = value;
        }
    }
}

impl<'a> Checker<'a> {
    pub(super) fn new(groups: &'a [Group], coverable: &'a [Span]) -> Checker<'a> {
        Checker { groups, coverable, known: vec![None; groups.len()], found: Vec::new(), at: Span::NONE }
    }

    /// Looks through all rules, in an order in which what a rule needs comes first; `file` gives the name of the file of a span.
    pub(super) fn all(mut self, order: &[GroupId], file: impl Fn(Span) -> Arc<str>) -> (Vec<Diagnostic>, Vec<u8>) {
        for group in order {
            self.group(*group);
        }
        self.found.sort_by_key(|(span, _)| *span);
        self.found.dedup();
        let kinds = self.known.iter().map(|kinds| kinds.unwrap_or(ANY)).collect();
        let say = |(span, message)| Diagnostic::new(Level::Error, "rego-type", file(span), span, message);
        (self.found.into_iter().map(say).collect(), kinds)
    }

    /// Looks through a query.
    pub(super) fn query(mut self, kinds: &[u8], body: &'a [Op], slots: u32) -> Option<String> {
        // Rules were looked through when the program was made.
        self.known = kinds.iter().map(|kinds| Some(*kinds)).collect();
        self.block(body, &mut Slots::new(slots));
        self.found.into_iter().next().map(|(_, message)| message)
    }

    fn say(&mut self, message: String) {
        self.found.push((self.at, message));
    }

    /// Kinds of what the rules of a name make.
    fn group(&mut self, id: GroupId) -> Kinds {
        let Some(known) = self.known.get(id as usize) else { return ANY };
        if let Some(kinds) = known {
            return *kinds;
        }
        // Rules do not need themselves; this is for those that were refused for it.
        self.keep(id, ANY);
        let Some(group) = self.groups.get(id as usize) else { return ANY };
        let before = self.at;
        let mut made = 0;
        for rule in group.rules.iter().chain(&group.default) {
            made |= self.rule(rule);
        }
        self.at = before;
        let kinds = match group.kind {
            GroupKind::Set => SET,
            GroupKind::Object => OBJECT,
            GroupKind::Complete | GroupKind::Function(_) => made,
        };
        self.keep(id, kinds);
        kinds
    }

    fn keep(&mut self, id: GroupId, kinds: Kinds) {
        if let Some(place) = self.known.get_mut(id as usize) {
            *place = Some(kinds);
        }
    }

    fn rule(&mut self, rule: &'a Rule) -> Kinds {
        rule.branches.iter().fold(0, |kinds, branch| kinds | self.branch(branch, rule))
    }

    fn branch(&mut self, branch: &'a Branch, rule: &'a Rule) -> Kinds {
        let mut slots = Slots::new(rule.slots);
        self.at = rule.span;
        self.block(&branch.body, &mut slots);
        self.at = self.coverable.get(branch.mark as usize).copied().unwrap_or(rule.span);
        for key in &branch.keys {
            self.value(key, &mut slots);
        }
        self.value(&branch.value, &mut slots)
    }

    fn block(&mut self, ops: &'a [Op], slots: &mut Slots<'a>) {
        for op in ops {
            if let Some(span) = self.coverable.get(op.mark as usize) {
                self.at = *span;
            }
            match &op.kind {
                OpKind::Test(value) => {
                    self.value(value, slots);
                    if let Value::Compare(Comparison::Equal, left, right) = value {
                        let (left, right) = (self.quietly(left, slots), self.quietly(right, slots));
                        if left & right == 0 && left != 0 && right != 0 {
                            self.say(format!("match error: {} never equals {}", names(left), names(right)));
                        }
                    }
                }
                OpKind::Let(slot, value) => {
                    let kinds = self.value(value, slots);
                    slots.set(*slot, kinds, Some(value));
                }
                OpKind::Match(pattern, value) => {
                    let kinds = self.value(value, slots);
                    self.pattern(pattern, kinds, slots);
                }
                OpKind::Scan { source, key, .. } => {
                    let kinds = self.value(source, slots);
                    if kinds != 0 && kinds & (ARRAY | OBJECT | SET) == 0 {
                        self.say(format!("undefined reference: {} has no parts", names(kinds)));
                    }
                    let keys = match kinds & (ARRAY | OBJECT | SET) {
                        ARRAY => NUMBER,
                        _ => ANY,
                    };
                    self.pattern(key, keys, slots);
                }
                OpKind::Walk { steps, .. } => {
                    for step in steps {
                        match step {
                            Step::Key(key) => {
                                self.value(key, slots);
                            }
                            Step::Match(pattern) => self.pattern(pattern, ANY, slots),
                        }
                    }
                }
                OpKind::Each { call, .. } => {
                    self.value(call, slots);
                }
                OpKind::Not(body) => self.block(body, slots),
                OpKind::Every { domain, body, .. } => {
                    // What has no items holds for all of them.
                    self.value(domain, slots);
                    self.block(body, slots);
                }
                OpKind::With { mods, body, .. } => {
                    for given in mods {
                        if let Mod::Input(_, value) | Mod::Data(_, _, value) | Mod::Constant(_, value) = given {
                            self.value(value, slots);
                        }
                    }
                    self.block(body, slots);
                }
                OpKind::Print(parts, _) => self.parts(parts, slots),
            }
        }
    }

    fn parts(&mut self, parts: &'a [Part], slots: &mut Slots<'a>) {
        for part in parts {
            if let Part::Value(value, body) = part {
                self.block(body, slots);
                self.value(value, slots);
            }
        }
    }

    fn pattern(&mut self, pattern: &'a Pattern, kinds: Kinds, slots: &mut Slots<'a>) {
        match pattern {
            Pattern::Any => {}
            Pattern::Bind(slot) => slots.set(*slot, kinds, None),
            Pattern::Equal(value) => {
                let wanted = self.value(value, slots);
                if wanted & kinds == 0 && wanted != 0 && kinds != 0 {
                    self.say(format!("match error: {} never equals {}", names(kinds), names(wanted)));
                }
            }
            Pattern::Array(items) => {
                if kinds & ARRAY == 0 && kinds != 0 {
                    self.say(format!("match error: {} never equals array", names(kinds)));
                }
                items.iter().for_each(|item| self.pattern(item, ANY, slots));
            }
            Pattern::Object(pairs) => {
                if kinds & OBJECT == 0 && kinds != 0 {
                    self.say(format!("match error: {} never equals object", names(kinds)));
                }
                for (key, item) in pairs {
                    self.value(key, slots);
                    self.pattern(item, ANY, slots);
                }
            }
        }
    }

    /// Kinds of a value that was looked through before.
    fn quietly(&mut self, value: &'a Value, slots: &mut Slots<'a>) -> Kinds {
        let before = self.found.len();
        let kinds = self.value(value, slots);
        self.found.truncate(before);
        kinds
    }

    /// Kinds a value may be of; none where it is never defined.
    fn value(&mut self, value: &'a Value, slots: &mut Slots<'a>) -> Kinds {
        match value {
            Value::Constant(term) => kinds_of(term),
            Value::Slot(slot) => slots.kinds.get(*slot as usize).copied().unwrap_or(ANY),
            Value::Input | Value::Base(_) | Value::Node(_) => ANY,
            Value::Rule(group) => self.group(*group),
            Value::Walk(_, keys) => {
                keys.iter().for_each(|key| {
                    self.value(key, slots);
                });
                ANY
            }
            Value::Path(base, keys) => {
                let kinds = self.value(base, slots);
                if kinds != 0 && kinds & (ARRAY | OBJECT | SET) == 0 {
                    self.say(format!("undefined reference: {} has no parts", names(kinds)));
                }
                for key in keys {
                    self.value(key, slots);
                }
                if kinds & (ARRAY | OBJECT | SET) != 0 && self.lacks(base, keys, slots, 0) {
                    self.say("undefined reference: it leads to nothing that is ever there".to_owned());
                }
                ANY
            }
            Value::Call(callable, args, _) => self.call(*callable, args, slots),
            Value::Compare(_, left, right) => {
                self.value(left, slots);
                self.value(right, slots);
                BOOLEAN
            }
            Value::Member(key, item, domain) => {
                for value in key.iter().chain([item, domain]) {
                    self.value(value, slots);
                }
                BOOLEAN
            }
            Value::Array(items) => {
                items.iter().for_each(|item| {
                    self.value(item, slots);
                });
                ARRAY
            }
            Value::Set(items) => {
                items.iter().for_each(|item| {
                    self.value(item, slots);
                });
                SET
            }
            Value::Object(pairs) => {
                for (key, value) in pairs {
                    self.value(key, slots);
                    self.value(value, slots);
                }
                OBJECT
            }
            Value::ArrayOf(head, body) => {
                self.block(body, slots);
                self.value(head, slots);
                ARRAY
            }
            Value::SetOf(head, body) => {
                self.block(body, slots);
                self.value(head, slots);
                SET
            }
            Value::ObjectOf(key, value, body, _) => {
                self.block(body, slots);
                self.value(key, slots);
                self.value(value, slots);
                OBJECT
            }
            Value::Template(parts, _) => {
                self.parts(parts, slots);
                STRING
            }
        }
    }

    /// Whether a way leads into nothing for sure: a key that a written object has not.
    fn lacks(&self, value: &Value, keys: &[Value], slots: &Slots<'a>, depth: u32) -> bool {
        let Some((key, rest)) = keys.split_first() else { return false };
        if depth > 16 {
            return false;
        }
        match value {
            Value::Constant(term) => lacks_term(term, keys),
            Value::Slot(slot) => {
                slots.values.get(*slot as usize).copied().flatten().is_some_and(|value| self.lacks(value, keys, slots, depth + 1))
            }
            Value::Object(pairs) => {
                let Value::Constant(key) = key else { return false };
                if !pairs.iter().all(|(known, _)| matches!(known, Value::Constant(_))) {
                    return false;
                }
                match pairs.iter().find(|(known, _)| matches!(known, Value::Constant(known) if known == key)) {
                    Some((_, value)) => self.lacks(value, rest, slots, depth + 1),
                    None => true,
                }
            }
            Value::Rule(group) => {
                let Some(group) = self.groups.get(*group as usize) else { return false };
                let nothing = Slots::default();
                let mut branches = group.rules.iter().chain(&group.default).flat_map(|rule| &rule.branches);
                // Slots of another rule are not known here: only what is written out counts.
                group.kind == GroupKind::Complete && branches.all(|branch| self.lacks(&branch.value, keys, &nothing, depth + 1))
            }
            _ => false,
        }
    }

    fn call(&mut self, callable: Callable, args: &'a [Value], slots: &mut Slots<'a>) -> Kinds {
        let given: Vec<Kinds> = args.iter().map(|arg| self.value(arg, slots)).collect();
        let builtin = match callable {
            Callable::Group(group) => return self.group(group),
            Callable::Builtin(builtin) => builtin,
        };
        if !builtin.variadic {
            for (at, ((_, wanted), given)) in builtin.arguments.iter().zip(given).enumerate() {
                let wanted = declared(wanted);
                if wanted & given == 0 && given != 0 {
                    let message = format!("{}: argument {} has to be {}, not {}", builtin.name, at + 1, names(wanted), names(given));
                    self.say(message);
                }
            }
        }
        if builtin.relation {
            return ANY;
        }
        builtin.result.as_ref().map_or(ANY, |(_, result)| declared(result))
    }
}

/// Whether keys lead to nothing in a term that is written out. Any key may be asked of a set.
fn lacks_term(term: &Term, keys: &[Value]) -> bool {
    let Some((Value::Constant(key), rest)) = keys.split_first() else { return false };
    match term.kind() {
        Kind::Set => false,
        // Empty ones are taken for ones that may hold anything.
        Kind::Array | Kind::Object if term.size() == Some(0) => false,
        Kind::Array | Kind::Object => term.get(key).is_none_or(|inner| lacks_term(&inner, rest)),
        _ => true,
    }
}
