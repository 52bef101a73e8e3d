//! Unification. Every field is a node with all that is said of it (its conjuncts); it is evaluated when somebody asks.
//!
//! `evaluate` makes one node of its conjuncts: names are followed, disjunctions tried one alternative after the other on nodes of their
//! own, structs and lists merged field by field. A document and a policy are two conjuncts of one node.
//!
//! INVARIANT: whatever cannot be evaluated, for whichever reason, is a problem or stays open; it is never taken for a value.

use std::collections::{BTreeMap, BTreeSet};
use std::rc::Rc;
use std::sync::Arc;

use super::library::{Function, Validator};
use super::tree::{Atom, Comprehension, Decl, Expr, ExprRef, Import, Key, Kind, Label, Mark, Sort, Struct};
use super::{Fits, Problem};

mod limits;
mod merge;
mod operand;

use operand::is_close;

/// Characters of a document have places from here on.
pub(super) const DOCUMENT: usize = 1 << 40;

/// Most steps of one evaluation, most nodes, deepest nesting of values.
const STEPS: u64 = 2_000_000;
const NODES: usize = 300_000;
const DEPTH: u32 = 64;
/// Most nodes for the alternatives of one field.
const ALTERNATIVES: usize = 512;

/// Why something has no value.
#[derive(Clone, Debug)]
pub(super) struct Fail {
    pub(super) problem: Problem,
    /// It may have one once more is known.
    pub(super) open: bool,
    /// It hangs on itself: whoever asks later may get another answer.
    cycle: bool,
}

impl Fail {
    pub(super) fn wrong(at: usize, message: impl Into<String>) -> Fail {
        Fail { problem: Problem::new(at, message), open: false, cycle: false }
    }

    pub(super) fn open(at: usize, message: impl Into<String>) -> Fail {
        Fail { problem: Problem::new(at, message), open: true, cycle: false }
    }

    pub(super) fn unsupported(at: usize, what: impl std::fmt::Display) -> Fail {
        Fail { problem: Problem::unsupported(at, what), open: false, cycle: false }
    }
}

/// Kinds of values, as bits.
pub(super) mod kinds {
    pub(crate) const NULL: u16 = 1;
    pub(crate) const BOOL: u16 = 2;
    pub(crate) const INT: u16 = 4;
    pub(crate) const FLOAT: u16 = 8;
    pub(crate) const TEXT: u16 = 16;
    pub(crate) const BYTES: u16 = 32;
    pub(crate) const LIST: u16 = 64;
    pub(crate) const STRUCT: u16 = 128;
    pub(crate) const NUMBER: u16 = INT | FLOAT;
    pub(crate) const ALL: u16 = 255;
}

pub(super) fn kind_of(atom: &Atom) -> u16 {
    match atom {
        Atom::Null => kinds::NULL,
        Atom::Bool(_) => kinds::BOOL,
        Atom::Number(number) if number.int => kinds::INT,
        Atom::Number(_) => kinds::FLOAT,
        Atom::Text(_) => kinds::TEXT,
        Atom::Bytes(_) => kinds::BYTES,
    }
}

/// A limit: `<5`, `=~"^a"`.
#[derive(Clone, Debug)]
struct Bound {
    sign: &'static str,
    with: Atom,
    at: usize,
}

/// An alternative of a disjunction and whether it is marked as the default.
type Alternatives = Rc<Vec<(bool, ExprRef)>>;

type NodeId = usize;
type GroupId = usize;

/// What a name in sight stands for.
#[derive(Clone, Debug)]
enum Meaning {
    Node(NodeId),
    Atom(Atom),
    Expr(ExprRef, Option<Rc<Env>>),
}

/// What is in sight.
#[derive(Debug)]
struct Env {
    frame: Frame,
    up: Option<Rc<Env>>,
}

#[derive(Debug)]
enum Frame {
    Struct(NodeId, Arc<Struct>),
    Names(Vec<(Arc<str>, Meaning)>),
}

type EnvRef = Option<Rc<Env>>;

/// Groups of conjuncts that come from one closed struct.
type Tags = Rc<BTreeSet<GroupId>>;

#[derive(Clone, Debug)]
struct Conjunct {
    expr: ExprRef,
    env: EnvRef,
    tags: Tags,
}

#[derive(Debug)]
struct Member {
    node: NodeId,
    mark: Mark,
    /// Groups that know of this field.
    tags: BTreeSet<GroupId>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum State {
    New,
    Busy,
    Done,
}

#[derive(Clone, Debug)]
enum Outcome {
    Bottom(Fail),
    Atom(Atom),
    Struct,
    List,
    /// A type, a limit, or anything at all.
    Open(Fail),
    /// Several alternatives remain.
    Ambiguous(Fail),
}

#[derive(Debug)]
struct Pattern {
    pattern: Conjunct,
    alias: Option<Arc<str>>,
    value: ExprRef,
    done: BTreeSet<Key>,
}

#[derive(Debug)]
struct Node {
    conjuncts: Vec<Conjunct>,
    choices: Vec<usize>,
    state: State,
    outcome: Outcome,
    members: BTreeMap<Key, Member>,
    order: Vec<Key>,
    patterns: Vec<Pattern>,
    /// Every field has to be known to each of these groups.
    closed: BTreeSet<GroupId>,
    /// Groups that take any field.
    any: BTreeSet<GroupId>,
    /// For alternatives: the node that counts.
    forward: Option<NodeId>,
    /// A list that may have more items.
    open_list: bool,
    kinds: u16,
    limits: String,
    /// Why a comprehension or a computed name of it gives nothing yet.
    stuck: Option<Fail>,
    /// Something said of it hung on itself when it was evaluated, and has to be looked at again.
    cyclic: bool,
}

/// An operand.
#[derive(Clone, Debug)]
pub(super) enum Value {
    Atom(Atom),
    Node(NodeId),
    Validator(Validator),
    Function(&'static Function),
    Kinds(u16),
}

/// All of one evaluation.
pub(super) struct Machine {
    nodes: Vec<Node>,
    /// Whether a group closes what lies within too.
    groups: Vec<bool>,
    imports: Arc<[Import]>,
    steps: u64,
    depth: u32,
}

/// What a node is made of, gathered.
struct Gathered {
    structs: Vec<(Arc<Struct>, Rc<Env>, Tags)>,
    /// Items, what further items have to be, where it stands, what is in sight, groups.
    lists: Vec<(ExprRef, EnvRef, Tags)>,
    atom: Option<(Atom, usize)>,
    kinds: u16,
    at: usize,
    bounds: Vec<Bound>,
    validators: Vec<(Validator, usize)>,
    open: Option<Fail>,
    pending: Vec<(Conjunct, Pending)>,
    firm: bool,
    disjunctions: usize,
    seen: BTreeSet<(usize, NodeId)>,
}

#[derive(Clone)]
enum Pending {
    Comprehension(Arc<Comprehension>),
    Dynamic(ExprRef, Mark, ExprRef),
}

/// Why gathering stops: something is wrong, or an alternative has to be chosen.
enum Stop {
    Fail(Fail),
    Choose(Alternatives),
}

impl From<Fail> for Stop {
    fn from(fail: Fail) -> Stop {
        Stop::Fail(fail)
    }
}

/// Holds a document against a policy.
pub(super) fn judge(policy: &Arc<Struct>, imports: &Arc<[Import]>, document: &Arc<Struct>) -> Result<Fits, Problem> {
    let mut machine = Machine { nodes: Vec::new(), groups: Vec::new(), imports: Arc::clone(imports), steps: 0, depth: 0 };
    let of = |body: &Arc<Struct>, at: usize| Conjunct {
        expr: Arc::new(Expr { kind: Kind::Struct(Arc::clone(body)), at }),
        env: None,
        tags: Tags::default(),
    };
    // Alone, too: a policy that contradicts itself is none, and one whose own conditions hang on nothing it says itself is none to CUE.
    let alone = machine.node(vec![of(policy, 0)]).map_err(|fail| fail.problem)?;
    machine.validate(alone, "", &mut Fits::default())?;
    let alone = machine.settled(alone);
    if let Some(fail) = machine.at(alone).stuck.clone() {
        return Err(fail.problem);
    }
    let both = machine.node(vec![of(policy, 0), of(document, DOCUMENT)]).map_err(|fail| fail.problem)?;
    let mut fits = Fits::default();
    machine.validate(both, "", &mut fits)?;
    Ok(fits)
}

impl Machine {
    fn node(&mut self, conjuncts: Vec<Conjunct>) -> Result<NodeId, Fail> {
        if self.nodes.len() >= NODES {
            return Err(Fail::wrong(0, "the policy makes too many values"));
        }
        self.nodes.push(Node {
            conjuncts,
            choices: Vec::new(),
            state: State::New,
            outcome: Outcome::Struct,
            members: BTreeMap::new(),
            order: Vec::new(),
            patterns: Vec::new(),
            closed: BTreeSet::new(),
            any: BTreeSet::new(),
            forward: None,
            open_list: false,
            kinds: kinds::ALL,
            limits: String::new(),
            stuck: None,
            cyclic: false,
        });
        Ok(self.nodes.len() - 1)
    }

    #[expect(clippy::indexing_slicing, reason = "a node's number is its place in the list, which never shrinks")]
    fn at(&self, id: NodeId) -> &Node {
        &self.nodes[id]
    }

    #[expect(clippy::indexing_slicing, reason = "a node's number is its place in the list, which never shrinks")]
    fn at_mut(&mut self, id: NodeId) -> &mut Node {
        &mut self.nodes[id]
    }

    fn group(&mut self, within: bool) -> GroupId {
        self.groups.push(within);
        self.groups.len() - 1
    }

    fn step(&mut self, at: usize) -> Result<(), Fail> {
        self.steps += 1;
        if self.steps > STEPS { Err(Fail::wrong(at, "the policy takes too many steps")) } else { Ok(()) }
    }

    /// The node that counts in place of one with alternatives.
    fn settled(&self, mut id: NodeId) -> NodeId {
        while let Some(next) = self.at(id).forward {
            id = next;
        }
        id
    }

    /// Evaluates a node.
    fn evaluate(&mut self, id: NodeId) {
        if self.at(id).state != State::New {
            return;
        }
        self.at_mut(id).state = State::Busy;
        self.depth += 1;
        let outcome = if self.depth > DEPTH {
            Outcome::Bottom(Fail::wrong(0, "the policy nests too deep, or refers to itself"))
        } else {
            match self.made(id) {
                Ok(outcome) => outcome,
                Err(fail) if fail.open => Outcome::Open(fail),
                Err(fail) => Outcome::Bottom(fail),
            }
        };
        self.depth -= 1;
        let again = matches!(&outcome, Outcome::Open(fail) if fail.cycle);
        let node = self.at_mut(id);
        node.outcome = outcome;
        // What hung on itself and has nothing yet is asked anew.
        node.state = if again && node.members.is_empty() && node.forward.is_none() { State::New } else { State::Done };
    }

    fn made(&mut self, id: NodeId) -> Result<Outcome, Fail> {
        let mut gathered = Gathered {
            structs: Vec::new(),
            lists: Vec::new(),
            atom: None,
            kinds: kinds::ALL,
            at: 0,
            bounds: Vec::new(),
            validators: Vec::new(),
            open: None,
            pending: Vec::new(),
            firm: false,
            disjunctions: 0,
            seen: BTreeSet::new(),
        };
        for conjunct in self.at(id).conjuncts.clone() {
            match self.gather(id, &conjunct, &mut gathered, None) {
                Ok(()) => {}
                Err(Stop::Fail(fail)) => return Err(fail),
                Err(Stop::Choose(alternatives)) => return self.choose(id, &alternatives),
            }
        }
        self.merge(id, gathered)
    }

    /// Tries every alternative of the next disjunction on a node of its own.
    fn choose(&mut self, id: NodeId, alternatives: &Alternatives) -> Result<Outcome, Fail> {
        let at = alternatives.first().map_or(0, |(_, expr)| expr.at);
        let marked = alternatives.iter().any(|(default, _)| *default);
        let mut left: Vec<(NodeId, bool)> = Vec::new();
        let mut because: Option<Fail> = None;
        for (index, (default, _)) in alternatives.iter().enumerate() {
            let candidate = self.node(self.at(id).conjuncts.clone())?;
            let (mut choices, closed) = (self.at(id).choices.clone(), self.at(id).closed.clone());
            choices.push(index);
            if choices.len() > 64 {
                return Err(Fail::wrong(at, "too many disjunctions meet in one field"));
            }
            let node = self.at_mut(candidate);
            (node.choices, node.closed) = (choices, closed);
            self.evaluate(candidate);
            if let Err(problem) = self.validate(candidate, "", &mut Fits::default()) {
                because = because.or(Some(Fail { problem, open: false, cycle: false }));
                continue;
            }
            let chosen = *default || !marked;
            // What has alternatives itself gives them all, so that they are counted once.
            let below = self.alternatives_of(candidate);
            if below.is_empty() {
                left.push((candidate, chosen));
            } else {
                left.extend(below.into_iter().map(|(below, preferred)| (below, preferred && chosen)));
            }
            if left.len() > ALTERNATIVES {
                return Err(Fail::wrong(at, "a disjunction has too many alternatives"));
            }
        }
        let mut distinct: Vec<(NodeId, bool)> = Vec::new();
        for (candidate, chosen) in left {
            match distinct.iter_mut().find(|(other, _)| self.same(*other, candidate)) {
                Some((_, preferred)) => *preferred |= chosen,
                None => distinct.push((candidate, chosen)),
            }
        }
        let preferred: Vec<NodeId> = distinct.iter().filter(|(_, chosen)| *chosen).map(|(candidate, _)| *candidate).collect();
        match (&distinct[..], &preferred[..]) {
            ([], _) => Err(because.unwrap_or_else(|| Fail::wrong(at, "no alternative of the disjunction is possible"))),
            ([(only, _)], _) => {
                self.at_mut(id).forward = Some(*only);
                self.keep(id, &distinct);
                Ok(self.at(*only).outcome.clone())
            }
            (_, [only]) => {
                let only = *only;
                self.at_mut(id).forward = Some(only);
                self.keep(id, &distinct);
                Ok(self.at(only).outcome.clone())
            }
            _ => {
                self.keep(id, &distinct);
                Ok(Outcome::Ambiguous(Fail::open(at, "several alternatives of a disjunction are possible")))
            }
        }
    }

    /// Remembers the alternatives of a node as its members, which a node with alternatives has none of.
    fn keep(&mut self, id: NodeId, alternatives: &[(NodeId, bool)]) {
        let members = alternatives.iter().enumerate().map(|(index, (node, preferred))| {
            let mark = if *preferred { Mark::There } else { Mark::Optional };
            (Key::Index(index), Member { node: *node, mark, tags: BTreeSet::new() })
        });
        let members = members.collect();
        self.at_mut(id).members = members;
        self.at_mut(id).limits = "alternatives".to_owned();
    }

    fn alternatives_of(&self, id: NodeId) -> Vec<(NodeId, bool)> {
        let node = self.at(id);
        if let Some(next) = node.forward
            && node.limits != "alternatives"
        {
            return vec![(next, true)];
        }
        if node.limits == "alternatives" {
            return node.members.values().map(|member| (member.node, member.mark == Mark::There)).collect();
        }
        Vec::new()
    }

    /// Whether two nodes say the same.
    fn same(&self, one: NodeId, two: NodeId) -> bool {
        match (&self.at(one).outcome, &self.at(two).outcome) {
            (Outcome::Atom(left), Outcome::Atom(right)) => left == right,
            (Outcome::Open(_), Outcome::Open(_)) => {
                let (left, right) = (self.at(one), self.at(two));
                left.kinds == right.kinds && left.limits == right.limits
            }
            (Outcome::Struct, Outcome::Struct) | (Outcome::List, Outcome::List) => {
                let (left, right) = (self.at(one), self.at(two));
                left.members.len() == right.members.len()
                    && left.closed.is_empty() == right.closed.is_empty()
                    && left.open_list == right.open_list
                    && left.patterns.is_empty()
                    && right.patterns.is_empty()
                    && left.members.iter().zip(&right.members).all(|((key, a), (other, b))| {
                        let done = self.at(a.node).state == State::Done && self.at(b.node).state == State::Done;
                        key == other && a.mark == b.mark && done && self.same(self.settled(a.node), self.settled(b.node))
                    })
            }
            _ => false,
        }
    }

    /// Adds what an expression says of a node. `embedding` is the group of the struct it is embedded in.
    fn gather(&mut self, id: NodeId, conjunct: &Conjunct, into: &mut Gathered, embedding: Option<GroupId>) -> Result<(), Stop> {
        self.depth += 1;
        let gathered = if self.depth > DEPTH {
            Err(Fail::wrong(conjunct.expr.at, "the policy nests too deep, or refers to itself").into())
        } else {
            self.gather_here(id, conjunct, into, embedding)
        };
        self.depth -= 1;
        gathered
    }

    fn gather_here(&mut self, id: NodeId, conjunct: &Conjunct, into: &mut Gathered, embedding: Option<GroupId>) -> Result<(), Stop> {
        let expr = Arc::clone(&conjunct.expr);
        self.step(expr.at)?;
        let with = |expr: &ExprRef| Conjunct { expr: Arc::clone(expr), env: conjunct.env.clone(), tags: Rc::clone(&conjunct.tags) };
        match &expr.kind {
            Kind::Top => Ok(()),
            Kind::Bottom => Err(Fail::wrong(expr.at, "the policy says that this is an error (`_|_`)").into()),
            Kind::Atom(atom) => Ok(into.atom(atom.clone(), expr.at)?),
            Kind::Struct(body) => self.gather_struct(id, body, conjunct, into),
            Kind::List(..) => {
                into.narrow(kinds::LIST, expr.at)?;
                into.lists.push((Arc::clone(&expr), conjunct.env.clone(), Rc::clone(&conjunct.tags)));
                Ok(())
            }
            Kind::Binary("&", left, right) => {
                self.gather(id, &with(left), into, embedding)?;
                self.gather(id, &with(right), into, embedding)
            }
            Kind::Binary("|", ..) => {
                let mut alternatives = Vec::new();
                flat(&expr, &mut alternatives);
                if alternatives.len() > ALTERNATIVES {
                    return Err(Fail::wrong(expr.at, "a disjunction has too many alternatives").into());
                }
                let number = into.disjunctions;
                into.disjunctions += 1;
                match self.at(id).choices.get(number).copied() {
                    None => Err(Stop::Choose(Rc::new(alternatives))),
                    Some(choice) => match alternatives.get(choice) {
                        Some((_, chosen)) => self.gather(id, &with(chosen), into, embedding),
                        None => Err(Fail::wrong(expr.at, "a disjunction changed while it was evaluated").into()),
                    },
                }
            }
            Kind::Unary(sign @ ("<" | "<=" | ">" | ">=" | "!=" | "=~" | "!~"), inner) => {
                let bound = match self.atom_of(inner, &conjunct.env) {
                    Ok(with) => Bound { sign, with, at: expr.at },
                    Err(fail) if fail.open => {
                        self.left_open(id, fail, into);
                        return Ok(());
                    }
                    Err(fail) => return Err(fail.into()),
                };
                Ok(into.bound(bound)?)
            }
            Kind::Unary("*", _) => Err(Fail::wrong(expr.at, "`*` marks an alternative of a disjunction, and here is none").into()),
            Kind::Name(_) | Kind::Member(..) | Kind::Index(..) => self.gather_reference(id, conjunct, into, embedding),
            Kind::Call(of, arguments) if is_close(of) => {
                let [inner] = &arguments[..] else { return Err(Fail::wrong(expr.at, "`close` takes one struct").into()) };
                let group = self.group(false);
                self.at_mut(id).closed.insert(group);
                let mut tags = (*conjunct.tags).clone();
                tags.insert(group);
                let inner = Conjunct { expr: Arc::clone(inner), env: conjunct.env.clone(), tags: Rc::new(tags) };
                self.gather(id, &inner, into, None)
            }
            _ => match self.value(&expr, &conjunct.env) {
                Ok(value) => self.gather_value(id, value, conjunct, into),
                Err(fail) if fail.open => {
                    self.left_open(id, fail, into);
                    Ok(())
                }
                Err(fail) => Err(fail.into()),
            },
        }
    }

    /// Remembers that something said of a node has no value yet.
    fn left_open(&mut self, id: NodeId, fail: Fail, into: &mut Gathered) {
        self.at_mut(id).cyclic |= fail.cycle;
        // That it hangs on itself is the first thing to know.
        if fail.cycle || into.open.is_none() {
            into.open = Some(fail);
        }
    }

    fn gather_value(&mut self, id: NodeId, value: Value, conjunct: &Conjunct, into: &mut Gathered) -> Result<(), Stop> {
        let at = conjunct.expr.at;
        match value {
            Value::Atom(atom) => Ok(into.atom(atom, at)?),
            Value::Kinds(kinds) => Ok(into.narrow(kinds, at)?),
            Value::Validator(validator) => {
                into.narrow(validator.kinds(), at)?;
                into.validators.push((validator, at));
                Ok(())
            }
            Value::Function(function) => match function.bare(at) {
                Some(validator) => self.gather_value(id, Value::Validator(validator), conjunct, into),
                None => Err(Fail::wrong(at, format!("`{}` has to be called", function.name)).into()),
            },
            Value::Node(other) => self.gather_node(id, other, conjunct, into),
        }
    }

    /// Adds all that is said of another node.
    fn gather_node(&mut self, id: NodeId, other: NodeId, conjunct: &Conjunct, into: &mut Gathered) -> Result<(), Stop> {
        if other == id || !into.seen.insert((conjunct.expr.at, other)) {
            return Ok(());
        }
        if into.seen.len() > 4096 {
            return Err(Fail::wrong(conjunct.expr.at, "names refer to each other too often").into());
        }
        let mut tags = (*conjunct.tags).clone();
        if !self.at(other).closed.is_empty() {
            let group = self.group(true);
            tags.insert(group);
            self.at_mut(id).closed.insert(group);
        }
        let tags = Rc::new(tags);
        for one in self.at(other).conjuncts.clone() {
            self.gather(id, &Conjunct { tags: Rc::clone(&tags), ..one }, into, None)?;
        }
        Ok(())
    }

    fn gather_reference(&mut self, id: NodeId, conjunct: &Conjunct, into: &mut Gathered, embedding: Option<GroupId>) -> Result<(), Stop> {
        let expr = Arc::clone(&conjunct.expr);
        let found = match self.resolve(&expr, &conjunct.env) {
            Ok(found) => found,
            Err(fail) if fail.open => {
                self.left_open(id, fail, into);
                return Ok(());
            }
            Err(fail) => return Err(fail.into()),
        };
        let is_definition = match &expr.kind {
            Kind::Name(name) | Kind::Member(_, name) => name.starts_with('#') || name.starts_with("_#"),
            _ => false,
        };
        let mut tags = (*conjunct.tags).clone();
        if is_definition {
            // What comes from the definition is one group, which closes this node and what lies within; where it is embedded, the struct
            // around it is the group that closes.
            let group = self.group(true);
            tags.insert(group);
            self.at_mut(id).closed.insert(embedding.unwrap_or(group));
        }
        let tags = Rc::new(tags);
        match found {
            Meaning::Atom(atom) => Ok(into.atom(atom, expr.at)?),
            Meaning::Node(other) => self.gather_node(id, other, &Conjunct { tags, ..conjunct.clone() }, into),
            Meaning::Expr(other, env) => {
                if Arc::ptr_eq(&other, &expr) {
                    // A name of the library: it stands for itself.
                    let value = self.value(&expr, &env)?;
                    return self.gather_value(id, value, conjunct, into);
                }
                self.gather(id, &Conjunct { expr: other, env, tags }, into, embedding)
            }
        }
    }

    fn gather_struct(&mut self, id: NodeId, body: &Arc<Struct>, conjunct: &Conjunct, into: &mut Gathered) -> Result<(), Stop> {
        let env = Rc::new(Env { frame: Frame::Struct(id, Arc::clone(body)), up: conjunct.env.clone() });
        let embeds = body.decls.iter().any(|decl| matches!(decl, Decl::Embed(_)));
        let fields = body.decls.iter().any(|decl| matches!(decl, Decl::Field { .. } | Decl::Pattern { .. } | Decl::Ellipsis));
        let own = if embeds { Some(self.group(false)) } else { None };
        let tags: Tags = match own {
            Some(own) => Rc::new(conjunct.tags.iter().copied().chain([own]).collect()),
            None => Rc::clone(&conjunct.tags),
        };
        if !embeds || fields {
            into.firm = true;
            into.narrow(kinds::STRUCT, conjunct.expr.at)?;
        }
        into.structs.push((Arc::clone(body), Rc::clone(&env), Rc::clone(&tags)));
        for decl in &body.decls {
            let inner = |expr: &ExprRef| Conjunct { expr: Arc::clone(expr), env: Some(Rc::clone(&env)), tags: Rc::clone(&tags) };
            match decl {
                Decl::Embed(expr) => self.gather(id, &inner(expr), into, own)?,
                Decl::Comprehension(comprehension) => {
                    into.pending.push((inner(&comprehension.body), Pending::Comprehension(Arc::clone(comprehension))));
                }
                Decl::Field { label: Label::Dynamic(label), mark, value, .. } => {
                    into.pending.push((inner(value), Pending::Dynamic(Arc::clone(label), *mark, Arc::clone(value))));
                }
                _ => {}
            }
        }
        Ok(())
    }

    /// The fields or items that are there.
    pub(super) fn entries(&self, id: NodeId) -> Vec<(Key, NodeId)> {
        let node = self.at(id);
        let there = |key: &Key| {
            let member = node.members.get(key)?;
            let counts = member.mark == Mark::There && !matches!(key, Key::Name(_, Sort::Definition | Sort::Hidden));
            counts.then(|| (key.clone(), member.node))
        };
        node.order.iter().filter_map(there).collect()
    }

    /// Whether a list may have more items than are there.
    pub(super) fn is_open_list(&self, id: NodeId) -> bool {
        self.at(id).open_list
    }

    /// Whether a node is a list; otherwise it is a struct.
    pub(super) fn is_list(&self, id: NodeId) -> bool {
        matches!(self.at(id).outcome, Outcome::List)
    }

    /// Whether more fields could come: the struct is not closed.
    pub(super) fn is_closed(&self, id: NodeId) -> bool {
        !self.at(id).closed.is_empty()
    }

    /// Looks that a closed struct has only fields it knows.
    fn known_fields(&self, id: NodeId, at: usize) -> Result<(), Fail> {
        let node = self.at(id);
        for group in node.closed.iter().filter(|group| !node.any.contains(group)) {
            for (key, member) in &node.members {
                let free = member.mark == Mark::Optional || matches!(key, Key::Name(_, Sort::Hidden) | Key::Index(_));
                if !free && !member.tags.contains(group) {
                    return Err(Fail::wrong(at, format!("the field `{}` is not allowed", key.shown())));
                }
            }
        }
        Ok(())
    }

    /// Looks for contradictions in a node and all within.
    pub(super) fn validate(&mut self, id: NodeId, path: &str, fits: &mut Fits) -> Result<(), Problem> {
        self.evaluate(id);
        let ambiguous = self.at(id).limits == "alternatives" && self.at(id).forward.is_none();
        let id = self.settled(id);
        self.depth += 1;
        if self.depth > DEPTH {
            self.depth -= 1;
            return Err(Problem::new(0, "values nest too deep, or a value refers to itself"));
        }
        let result = if self.at(id).state == State::Busy || ambiguous {
            Ok(())
        } else if let Err(fail) = self.again(id) {
            Err(told(fail.problem, path))
        } else {
            match self.at(id).outcome.clone() {
                Outcome::Bottom(fail) => Err(told(fail.problem, path)),
                Outcome::Atom(_) => Ok(()),
                Outcome::Open(_) | Outcome::Ambiguous(_) => {
                    note(fits, path);
                    Ok(())
                }
                Outcome::Struct | Outcome::List => self.validate_members(id, path, fits),
            }
        };
        self.depth -= 1;
        result
    }

    /// Looks once more at what hung on itself, now that the others have their values.
    fn again(&mut self, id: NodeId) -> Result<(), Fail> {
        if !std::mem::take(&mut self.at_mut(id).cyclic) {
            return Ok(());
        }
        let copy = self.node(self.at(id).conjuncts.clone())?;
        let (choices, closed) = (self.at(id).choices.clone(), self.at(id).closed.clone());
        let node = self.at_mut(copy);
        (node.choices, node.closed) = (choices, closed);
        self.evaluate(copy);
        match &self.at(copy).outcome {
            Outcome::Bottom(fail) => Err(fail.clone()),
            _ => Ok(()),
        }
    }

    fn validate_members(&mut self, id: NodeId, path: &str, fits: &mut Fits) -> Result<(), Problem> {
        if self.at(id).stuck.is_some() {
            note(fits, path);
        }
        let members: Vec<(Key, NodeId, Mark)> =
            self.at(id).members.iter().map(|(key, member)| (key.clone(), member.node, member.mark)).collect();
        for (key, node, mark) in members {
            let inner = match &key {
                Key::Index(index) => format!("{path}[{index}]"),
                Key::Name(..) if path.is_empty() => key.shown(),
                Key::Name(..) => format!("{path}.{}", key.shown()),
            };
            match mark {
                Mark::There => self.validate(node, &inner, fits)?,
                Mark::Required => note(fits, &inner),
                Mark::Optional => {}
            }
        }
        Ok(())
    }
}

fn told(mut problem: Problem, path: &str) -> Problem {
    if !path.is_empty() && !problem.unsupported {
        problem.message = format!("`{path}`: {}", problem.message);
    }
    problem
}

fn note(fits: &mut Fits, path: &str) {
    if fits.open.len() < 20 && !fits.open.iter().any(|known| known == path) {
        fits.open.push(path.to_owned());
    }
}

/// The alternatives of a disjunction, in order.
fn flat(expr: &ExprRef, out: &mut Vec<(bool, ExprRef)>) {
    match &expr.kind {
        Kind::Binary("|", left, right) => {
            flat(left, out);
            flat(right, out);
        }
        Kind::Unary("*", inner) => out.push((true, Arc::clone(inner))),
        _ => out.push((false, Arc::clone(expr))),
    }
}
