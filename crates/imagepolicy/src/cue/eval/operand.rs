//! Names, members, calls and operators: the value an operand has, where it has one.

use std::rc::Rc;
use std::sync::Arc;

use super::super::library;
use super::super::tree::{Atom, Decl, ExprRef, Key, Kind, Label, Mark, Piece, Sort};
use super::{Bound, Conjunct, DEPTH, EnvRef, Fail, Frame, Machine, Meaning, NodeId, Outcome, State, Tags, Value, kinds};

impl Machine {
    /// What a name stands for, or a member of it. A name of the library stands for itself.
    pub(super) fn resolve(&mut self, expr: &ExprRef, env: &EnvRef) -> Result<Meaning, Fail> {
        self.step(expr.at)?;
        match &expr.kind {
            Kind::Name(name) => {
                let mut here = env.clone();
                while let Some(scope) = here {
                    match &scope.frame {
                        Frame::Names(names) => {
                            if let Some((_, bound)) = names.iter().find(|(known, _)| known == name) {
                                return Ok(bound.clone());
                            }
                        }
                        Frame::Struct(node, body) => {
                            for decl in &body.decls {
                                match decl {
                                    Decl::Field { label: Label::Name(label), .. } if label == name => {
                                        return self.member(*node, &Key::of_name(name), expr.at).map(Meaning::Node);
                                    }
                                    Decl::Field { label, alias: Some(alias), .. } if alias == name => {
                                        let key = match label {
                                            Label::Name(label) => Key::of_name(label),
                                            Label::Quoted(label) => Key::Name(Arc::clone(label), Sort::Regular),
                                            Label::Dynamic(_) => return Err(Fail::unsupported(expr.at, "an alias of a computed field")),
                                        };
                                        return self.member(*node, &key, expr.at).map(Meaning::Node);
                                    }
                                    Decl::Let { name: own, value } if own == name => {
                                        return Ok(Meaning::Expr(Arc::clone(value), Some(Rc::clone(&scope))));
                                    }
                                    _ => {}
                                }
                            }
                        }
                    }
                    here = scope.up.clone();
                }
                Ok(Meaning::Expr(Arc::clone(expr), env.clone()))
            }
            Kind::Member(of, name) => {
                if self.package(of, env).is_some() {
                    return Ok(Meaning::Expr(Arc::clone(expr), env.clone()));
                }
                let key = Key::of_name(name);
                self.member_of(of, &key, expr.at, env).map(Meaning::Node)
            }
            Kind::Index(of, index) => {
                let key = match self.atom_of(index, env)? {
                    Atom::Text(name) => Key::Name(name, Sort::Regular),
                    Atom::Number(number) => match number.count() {
                        Some(index) => Key::Index(index),
                        None => return Err(Fail::wrong(index.at, "this is no index")),
                    },
                    _ => return Err(Fail::wrong(index.at, "this is neither a name nor an index")),
                };
                self.member_of(of, &key, expr.at, env).map(Meaning::Node)
            }
            _ => {
                let node = self.node(vec![Conjunct { expr: Arc::clone(expr), env: env.clone(), tags: Tags::default() }])?;
                Ok(Meaning::Node(node))
            }
        }
    }

    pub(super) fn member_of(&mut self, of: &ExprRef, key: &Key, at: usize, env: &EnvRef) -> Result<NodeId, Fail> {
        let base = match self.resolve(of, env)? {
            Meaning::Node(node) => node,
            Meaning::Atom(_) => return Err(Fail::wrong(at, "it has no fields")),
            Meaning::Expr(expr, env) => self.node(vec![Conjunct { expr, env, tags: Tags::default() }])?,
        };
        self.member(base, key, at)
    }

    /// A field of a node, which is evaluated so far that it is known which fields it has.
    pub(super) fn member(&mut self, of: NodeId, key: &Key, at: usize) -> Result<NodeId, Fail> {
        self.evaluate(of);
        let of = self.settled(of);
        let node = self.at(of);
        match (&node.outcome, node.state) {
            (Outcome::Bottom(fail), State::Done) => return Err(fail.clone()),
            (Outcome::Ambiguous(fail), State::Done) => return Err(fail.clone()),
            (Outcome::Atom(_), State::Done) => return Err(Fail::wrong(at, "it has no fields")),
            (Outcome::Open(_), State::Done) if node.kinds & (kinds::STRUCT | kinds::LIST) == 0 => {
                return Err(Fail::wrong(at, "it has no fields"));
            }
            _ => {}
        }
        match node.members.get(key) {
            Some(member) if member.mark == Mark::There => Ok(member.node),
            _ => {
                let message = format!("there is no `{}`", key.shown());
                let wrong = match (&node.outcome, node.state, key) {
                    (_, State::Busy, _) => return Err(Fail { cycle: true, ..Fail::open(at, message) }),
                    (Outcome::List, _, Key::Index(_)) => !node.open_list,
                    (Outcome::List, _, Key::Name(..)) | (Outcome::Struct, _, Key::Index(_)) => true,
                    _ => false,
                };
                Err(if wrong { Fail::wrong(at, message) } else { Fail::open(at, message) })
            }
        }
    }

    /// The package a name stands for.
    pub(super) fn package(&self, expr: &ExprRef, env: &EnvRef) -> Option<Arc<str>> {
        let Kind::Name(name) = &expr.kind else { return None };
        let mut here = env.as_ref();
        while let Some(scope) = here {
            let hidden = match &scope.frame {
                Frame::Names(names) => names.iter().any(|(known, _)| known == name),
                Frame::Struct(_, body) => body.decls.iter().any(|decl| match decl {
                    Decl::Field { label, alias, .. } => {
                        matches!(label, Label::Name(label) if label == name) || alias.as_ref() == Some(name)
                    }
                    Decl::Let { name: own, .. } => own == name,
                    _ => false,
                }),
            };
            if hidden {
                return None;
            }
            here = scope.up.as_ref();
        }
        self.imports.iter().find(|import| import.name == *name).map(|import| Arc::clone(&import.path))
    }

    /// The value of an operand that is one without parts.
    pub(super) fn atom_of(&mut self, expr: &ExprRef, env: &EnvRef) -> Result<Atom, Fail> {
        match self.value(expr, env)? {
            Value::Atom(atom) => Ok(atom),
            Value::Kinds(_) | Value::Validator(_) => Err(Fail::wrong(expr.at, "a type or limit stands where a value has to")),
            Value::Node(_) => Err(Fail::wrong(expr.at, "a struct or list stands where a single value has to")),
            Value::Function(function) => Err(Fail::wrong(expr.at, format!("`{}` has to be called", function.name))),
        }
    }

    /// The value of a node.
    pub(in crate::cue) fn value_of(&mut self, id: NodeId) -> Result<Value, Fail> {
        self.evaluate(id);
        let id = self.settled(id);
        if self.at(id).state == State::Busy {
            // Its fields are known so far; whether it is an atom is not.
            return if self.at(id).members.is_empty() {
                Err(Fail { cycle: true, ..Fail::open(0, "a value depends on itself") })
            } else {
                Ok(Value::Node(id))
            };
        }
        match &self.at(id).outcome {
            Outcome::Bottom(fail) | Outcome::Open(fail) | Outcome::Ambiguous(fail) => Err(fail.clone()),
            Outcome::Atom(atom) => Ok(Value::Atom(atom.clone())),
            Outcome::Struct | Outcome::List => Ok(Value::Node(id)),
        }
    }

    /// The value of an operand.
    pub(super) fn value(&mut self, expr: &ExprRef, env: &EnvRef) -> Result<Value, Fail> {
        self.step(expr.at)?;
        self.depth += 1;
        if self.depth > DEPTH {
            self.depth -= 1;
            return Err(Fail::wrong(expr.at, "the policy nests too deep"));
        }
        let value = self.value_here(expr, env);
        self.depth -= 1;
        value
    }

    pub(super) fn value_here(&mut self, expr: &ExprRef, env: &EnvRef) -> Result<Value, Fail> {
        match &expr.kind {
            Kind::Atom(atom) => Ok(Value::Atom(atom.clone())),
            Kind::Top => Err(Fail::open(expr.at, "it has no value yet")),
            Kind::Bottom => Err(Fail::wrong(expr.at, "the policy says that this is an error (`_|_`)")),
            Kind::Interpolation(pieces) => {
                let mut text = String::new();
                for piece in pieces {
                    match piece {
                        Piece::Text(part) => text.push_str(part),
                        Piece::Hole(inner) => match self.atom_of(inner, env)? {
                            Atom::Text(part) => text.push_str(&part),
                            Atom::Number(number) => text.push_str(&number.to_string()),
                            Atom::Bool(value) => text.push_str(if value { "true" } else { "false" }),
                            Atom::Bytes(bytes) => text.push_str(&String::from_utf8_lossy(&bytes)),
                            Atom::Null => return Err(Fail::wrong(inner.at, "null has no place in a text")),
                        },
                    }
                    if text.len() > 1 << 20 {
                        return Err(Fail::wrong(expr.at, "a text gets too long"));
                    }
                }
                Ok(Value::Atom(Atom::Text(text.into())))
            }
            Kind::Name(_) | Kind::Member(..) | Kind::Index(..) => match self.resolve(expr, env)? {
                Meaning::Node(node) => self.value_of(node),
                Meaning::Atom(atom) => Ok(Value::Atom(atom)),
                Meaning::Expr(other, _) if Arc::ptr_eq(&other, expr) => self.predeclared(expr, env),
                Meaning::Expr(other, env) => self.value(&other, &env),
            },
            Kind::Call(of, arguments) if !is_close(of) => self.call(expr, of, arguments, env),
            Kind::Unary(sign @ ("-" | "+" | "!"), inner) => match (*sign, self.atom_of(inner, env)?) {
                ("-", Atom::Number(number)) => Ok(Value::Atom(Atom::Number(number.neg()))),
                ("+", Atom::Number(number)) => Ok(Value::Atom(Atom::Number(number))),
                ("!", Atom::Bool(value)) => Ok(Value::Atom(Atom::Bool(!value))),
                _ => Err(Fail::wrong(expr.at, format!("`{sign}` does not take this"))),
            },
            Kind::Binary(sign, left, right) if !matches!(*sign, "&" | "|") => self.operation(sign, left, right, expr.at, env),
            _ => {
                let node = self.node(vec![Conjunct { expr: Arc::clone(expr), env: env.clone(), tags: Tags::default() }])?;
                self.value_of(node)
            }
        }
    }

    pub(super) fn predeclared(&mut self, expr: &ExprRef, env: &EnvRef) -> Result<Value, Fail> {
        let found = match &expr.kind {
            Kind::Name(name) => library::predeclared(name),
            Kind::Member(of, name) => match self.package(of, env) {
                Some(package) => library::member(&package, name),
                None => None,
            },
            _ => None,
        };
        found.ok_or_else(|| {
            let name = match &expr.kind {
                Kind::Name(name) => name.to_string(),
                Kind::Member(of, name) => format!("{}.{name}", self.package(of, env).unwrap_or_default()),
                _ => String::new(),
            };
            Fail::unsupported(expr.at, format!("`{name}`"))
        })
    }

    pub(super) fn call(&mut self, expr: &ExprRef, of: &ExprRef, arguments: &[ExprRef], env: &EnvRef) -> Result<Value, Fail> {
        let Value::Function(function) = self.value(of, env)? else { return Err(Fail::wrong(expr.at, "this is no function")) };
        let mut values = Vec::new();
        for argument in arguments {
            values.push(self.value(argument, env)?);
        }
        function.call(self, values, expr.at)
    }

    pub(super) fn operation(&mut self, sign: &str, left: &ExprRef, right: &ExprRef, at: usize, env: &EnvRef) -> Result<Value, Fail> {
        let truth = |value: bool| Ok(Value::Atom(Atom::Bool(value)));
        // Whether something is there at all.
        if matches!(sign, "==" | "!=")
            && let Some(other) = match (&left.kind, &right.kind) {
                (Kind::Bottom, _) => Some(right),
                (_, Kind::Bottom) => Some(left),
                _ => None,
            }
        {
            let there = self.is_there(other, env)?;
            return truth(there == (sign == "!="));
        }
        if matches!(sign, "&&" | "||") {
            let Atom::Bool(first) = self.atom_of(left, env)? else {
                return Err(Fail::wrong(left.at, format!("`{sign}` takes true and false")));
            };
            if first == (sign == "||") {
                return truth(first);
            }
            let Atom::Bool(second) = self.atom_of(right, env)? else {
                return Err(Fail::wrong(right.at, format!("`{sign}` takes true and false")));
            };
            return truth(second);
        }
        let (one, two) = (self.value(left, env)?, self.value(right, env)?);
        let (Value::Atom(one), Value::Atom(two)) = (one, two) else {
            return match sign {
                "==" | "!=" => Err(Fail::unsupported(at, "a comparison of structs, lists or types")),
                _ => Err(Fail::wrong(at, format!("`{sign}` does not take structs, lists or types"))),
            };
        };
        let mixed = || Fail::wrong(at, format!("`{sign}` does not take these two"));
        match (sign, one, two) {
            ("+" | "-" | "*" | "/", Atom::Number(one), Atom::Number(two)) => {
                let result = match sign {
                    "+" => one.add(&two),
                    "-" => one.sub(&two),
                    "*" => one.mul(&two),
                    _ => one.div(&two),
                };
                let number = result.ok_or_else(|| Fail::wrong(at, "a division by zero, or a number with too many digits"))?;
                Ok(Value::Atom(Atom::Number(number)))
            }
            ("+", Atom::Text(one), Atom::Text(two)) => {
                if one.len() + two.len() > 1 << 20 {
                    return Err(Fail::wrong(at, "a text gets too long"));
                }
                Ok(Value::Atom(Atom::Text(format!("{one}{two}").into())))
            }
            ("=~" | "!~", Atom::Text(text), Atom::Text(pattern)) => {
                let found = library::pattern(&pattern, at)?.is_match(&text);
                truth(found == (sign == "=~"))
            }
            ("==" | "!=", Atom::Null, _) | ("==" | "!=", _, Atom::Null) => {
                let both = matches!((&left.kind, &right.kind), (Kind::Atom(Atom::Null), Kind::Atom(Atom::Null)));
                if both {
                    return truth(sign == "==");
                }
                let (one, two) = (self.atom_of(left, env)?, self.atom_of(right, env)?);
                truth((one == two) == (sign == "=="))
            }
            ("==" | "!=" | "<" | "<=" | ">" | ">=", one, two) => {
                let bound = Bound { sign: if sign == "==" { "==" } else { sign_of(sign) }, with: two, at };
                truth(bound.compares(&one).ok_or_else(mixed)?)
            }
            _ => Err(mixed()),
        }
    }

    /// Whether an operand is something else than an error.
    pub(super) fn is_there(&mut self, expr: &ExprRef, env: &EnvRef) -> Result<bool, Fail> {
        let found = match &expr.kind {
            Kind::Name(_) | Kind::Member(..) | Kind::Index(..) => self.resolve(expr, env),
            _ => match self.value(expr, env) {
                Ok(_) => return Ok(true),
                Err(fail) => Err(fail),
            },
        };
        match found {
            Ok(Meaning::Node(node)) => {
                self.evaluate(node);
                let node = self.settled(node);
                match &self.at(node).outcome {
                    Outcome::Bottom(fail) if fail.problem.unsupported => Err(fail.clone()),
                    Outcome::Bottom(_) => Ok(false),
                    _ => Ok(true),
                }
            }
            Ok(Meaning::Atom(_)) => Ok(true),
            Ok(Meaning::Expr(other, env)) if !Arc::ptr_eq(&other, expr) => self.is_there(&other, &env),
            Ok(Meaning::Expr(..)) => self.predeclared(expr, env).map(|_| true),
            Err(fail) if fail.problem.unsupported => Err(fail),
            Err(_) => Ok(false),
        }
    }
}

fn sign_of(sign: &str) -> &'static str {
    ["!=", "<", "<=", ">", ">="].into_iter().find(|known| *known == sign).unwrap_or("!=")
}

pub(super) fn is_close(of: &ExprRef) -> bool {
    matches!(&of.kind, Kind::Name(name) if &**name == "close")
}
