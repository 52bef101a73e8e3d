//! A check as data: what the rule file says, ready to be evaluated and to be stored in the built-in index. Reading it is `read`'s job.

use std::sync::{Arc, OnceLock};

use probity_value::{Map, Number, Span, Value};
use serde::{Deserialize, Serialize};

use crate::edit::Mending;
use crate::path::Path;
use crate::text::Pattern;

/// The judgement of one rule.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Check {
    /// Where false, the rule does not apply.
    pub when: Option<Condition>,
    /// The condition of `fail_unless` or `fail_if`.
    pub condition: Condition,
    /// Whether it stood under `fail_if`.
    pub fail_if: bool,
    /// What a comparison that finds nothing means.
    pub absent: Absent,
    /// The message the rule gives for a failure, in place of one made from what decided.
    pub message: Option<String>,
}

/// How a rule judges subjects of some types. A rule has several where the same fault looks different in several languages.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Variant {
    /// The types, and groups of types.
    pub applies_to: Vec<Arc<str>>,
    /// The judgement of them.
    pub check: Check,
    /// How the fault is mended.
    pub mending: Mending,
}

impl Variant {
    /// The edit that mends the fault; `None` where the rule names none and none follows from its check.
    #[must_use]
    pub fn edit(&self) -> Option<probity_core::Edit> {
        // Files of shell words have no attributes to set.
        let instruction = |name: &Arc<str>| &**name == "Dockerfile" || name.chars().all(|letter| letter.is_ascii_uppercase());
        if self.mending == Mending::Implied && self.applies_to.iter().all(instruction) {
            return None;
        }
        crate::edit::edit(&self.check, &self.mending)
    }
}

/// What a comparison that finds nothing means.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub enum Absent {
    /// It counts against the subject.
    #[default]
    Fail,
    /// It counts for the subject.
    Pass,
}

/// True, false or unknown of a subject or item.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub enum Condition {
    /// Always that.
    Always(bool),
    /// Whether the configuration gives a parameter of that name.
    Configured(Arc<str>),
    /// All of them.
    All(Vec<Condition>),
    /// All of them; where they hold, the words name each.
    Chain(Vec<Condition>),
    /// At least one of them.
    Any(Vec<Condition>),
    /// The other way round.
    Not(Box<Condition>),
    /// A comparison.
    Compare(Box<Comparison>),
    /// A condition over items.
    Items(Box<Items>),
    /// A condition over related subjects.
    Related(Box<Related>),
    /// A question about the network.
    Opens(Box<Opens>),
}

/// `{ path: P, OPERATOR: argument, ... }`.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Comparison {
    /// What is compared.
    pub path: Path,
    /// All must hold.
    pub operators: Vec<Operator>,
    /// How several values count; worked out from where it stands where left out.
    pub matching: Option<Matching>,
    /// What it is where nothing is found; worked out from where it stands where left out.
    pub absent: Option<bool>,
}

/// How several values count.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum Matching {
    /// It must hold for all.
    All,
    /// It must hold for one.
    Any,
    /// It may hold for none.
    None,
}

/// `{ every: P, is: C }`, `{ some: P, is: C }`, `{ none: P, is: C }`.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Items {
    /// For how many it must hold.
    pub quantifier: Quantifier,
    /// The items.
    pub path: Path,
    /// What must hold.
    pub condition: Condition,
}

/// For how many a condition must hold.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum Quantifier {
    /// For each.
    Every,
    /// For at least one.
    Some,
    /// For none.
    None,
}

/// A condition over related subjects.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Related {
    /// Types of the related subjects.
    pub types: Vec<Arc<str>>,
    /// Who refers to whom.
    pub direction: Direction,
    /// By which attribute of theirs.
    pub theirs: Vec<Path>,
    /// By which attributes of ours.
    pub ours: Vec<Path>,
    /// Types of a subject between.
    pub through: Vec<Arc<str>>,
    /// For how many it must hold.
    pub count: Quantifier,
    /// Whether a subject that `ours` names and that was not read leaves it unknown.
    pub elsewhere: bool,
    /// What must hold of them.
    pub condition: Condition,
}

/// Who refers to whom.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum Direction {
    /// They refer to this one.
    In,
    /// This one refers to them.
    Out,
    /// Either.
    Any,
}

/// A question about the network.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Opens {
    /// `$egress` and not `$ingress`.
    pub egress: bool,
    /// Ranges of ports, ends included; `None` where any traffic at all counts.
    pub ports: Option<Ports>,
    /// The protocol in lower case; `None` for any.
    pub protocol: Option<String>,
    /// CIDRs that together must be let through; `None` for the world.
    pub to: Option<Vec<String>>,
}

/// Which ports.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum Ports {
    /// Every port must be open.
    All,
    /// One of these ranges, ends included, must be open at one port at least.
    Ranges(Vec<(u16, u16)>),
}

/// One operator with its argument.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Operator {
    /// Which, and its argument.
    pub test: Test,
    /// Whether it is the `not_` form.
    pub negated: bool,
    /// Without letter case.
    pub ignore_case: bool,
}

/// Which operator, and its argument.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[expect(missing_docs, reason = "named and described in docs/reference/check-language.md")]
pub enum Test {
    Equals(Argument),
    In(Argument),
    Exists(bool),
    Empty(bool),
    Matches(Pattern),
    Like(Vec<String>),
    Contains(Argument),
    ContainsAny(Argument),
    ContainsAll(Argument),
    Within(Argument),
    StartsWith(Argument),
    EndsWith(Argument),
    Number(Order, Argument),
    Version(Order, String),
    Length(Order, u64),
    Type(ValueType),
    CidrWorld(bool),
    CidrWithin(Argument),
    Allows(Ask),
}

/// How two things are ordered.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum Order {
    /// The same.
    Equal,
    /// Greater.
    Greater,
    /// Greater or the same.
    GreaterOrEqual,
    /// Less.
    Less,
    /// Less or the same.
    LessOrEqual,
}

impl Order {
    /// Whether the order found is the one asked for.
    #[must_use]
    pub fn holds(self, found: std::cmp::Ordering) -> bool {
        match self {
            Order::Equal => found.is_eq(),
            Order::Greater => found.is_gt(),
            Order::GreaterOrEqual => found.is_ge(),
            Order::Less => found.is_lt(),
            Order::LessOrEqual => found.is_le(),
        }
    }
}

/// Types a rule can ask for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[expect(missing_docs, reason = "the word says it")]
pub enum ValueType {
    String,
    Number,
    Bool,
    List,
    Map,
}

impl ValueType {
    /// All types with their words.
    pub const ALL: &'static [(&'static str, ValueType)] = &[
        ("string", ValueType::String),
        ("number", ValueType::Number),
        ("bool", ValueType::Bool),
        ("list", ValueType::List),
        ("map", ValueType::Map),
    ];

    /// The word, the same as [`Value::type_name`].
    #[must_use]
    pub fn as_str(self) -> &'static str {
        ValueType::ALL.iter().find(|(_, known)| *known == self).map_or("", |(word, _)| word)
    }
}

/// What an IAM policy is asked.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Ask {
    /// Any of these actions; each may hold `*`, and then all it stands for must be allowed.
    pub actions: Vec<String>,
    /// On this resource; `None` for any.
    pub resource: Option<String>,
    /// To whom; `None` where it does not matter.
    pub principal: Option<Who>,
    /// Statements with a condition do not count.
    pub unconditional: bool,
}

/// To whom a policy allows something.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum Who {
    /// Everybody in the world.
    Anyone,
    /// A principal with this id.
    Id(String),
}

/// What a value is compared with.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub enum Argument {
    /// A value the rule names.
    Fixed(Fixed),
    /// What another path finds.
    Path(Path),
    /// What the configuration gives under that name: a list of texts.
    Parameter(Arc<str>),
}

/// A value the rule names, as a [`Value`] made on first use.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Fixed {
    literal: Literal,
    #[serde(skip)]
    value: OnceLock<Value>,
}

impl PartialEq for Fixed {
    fn eq(&self, other: &Fixed) -> bool {
        self.literal == other.literal
    }
}

impl Fixed {
    /// A value the rule names.
    #[must_use]
    pub fn new(literal: Literal) -> Fixed {
        Fixed { literal, value: OnceLock::new() }
    }

    /// As a value without a place.
    #[must_use]
    pub fn value(&self) -> &Value {
        self.value.get_or_init(|| self.literal.value())
    }
}

/// A value of a rule file in a form that can be stored.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[expect(missing_docs, reason = "the word says it")]
pub enum Literal {
    Null,
    Bool(bool),
    Int(i64),
    Float(f64),
    Text(String),
    List(Vec<Literal>),
    Map(Vec<(String, Literal)>),
}

impl Literal {
    /// The literal of a value; `None` where a part is unknown.
    #[must_use]
    pub fn of(value: &Value) -> Option<Literal> {
        use probity_value::Data;
        Some(match &value.data {
            Data::Null => Literal::Null,
            Data::Bool(value) => Literal::Bool(*value),
            Data::Number(Number::Int(value)) => Literal::Int(*value),
            Data::Number(Number::Float(value)) => Literal::Float(*value),
            Data::String(text) => Literal::Text(text.to_string()),
            Data::List(items) => Literal::List(items.iter().map(Literal::of).collect::<Option<_>>()?),
            Data::Map(map) => {
                Literal::Map(map.iter().map(|(key, entry)| Some((key.to_string(), Literal::of(&entry.value)?))).collect::<Option<_>>()?)
            }
            Data::Unknown(_) => return None,
        })
    }

    /// As a value without a place.
    #[must_use]
    pub fn value(&self) -> Value {
        match self {
            Literal::Null => Value::null(Span::NONE),
            Literal::Bool(value) => Value::bool(*value, Span::NONE),
            Literal::Int(value) => Value::int(*value, Span::NONE),
            Literal::Float(value) => Value::number(*value, Span::NONE),
            Literal::Text(text) => Value::string(text.as_str(), Span::NONE),
            Literal::List(items) => Value::list(items.iter().map(Literal::value).collect(), Span::NONE),
            Literal::Map(entries) => {
                let mut map = Map::new();
                for (key, value) in entries {
                    map.insert(key.as_str(), Span::NONE, value.value());
                }
                Value::map(map, Span::NONE)
            }
        }
    }
}
