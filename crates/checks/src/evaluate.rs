//! Judging one subject with one check: conditions in Kleene's logic, quantifiers, what nothing means, and what decided.

use std::cell::{Cell, RefCell};
use std::collections::{BTreeMap, HashMap};
use std::rc::Rc;
use std::sync::Arc;

use probity_core::{Status, Subject, SubjectIndex, World};
use probity_value::{Span, Value};

use crate::check::{Absent, Argument, Check, Comparison, Condition, Items, Matching, Operator, Quantifier, Test};
use crate::compare::exists;
use crate::message;
use crate::path::{Path, Selected, Start, Step, View, doubt, step, vague};
use crate::truth::{Because, Outcome, Tri, Truth, What};
use crate::views::{Views, of_value};
use crate::{openings, related};

/// The step limit was met.
#[derive(Debug)]
pub(crate) struct Exhausted;

type Judged = Result<Outcome, Exhausted>;

/// What a check says of a subject.
#[derive(Debug)]
pub(crate) struct Judgement {
    pub(crate) status: Status,
    pub(crate) message: String,
    pub(crate) at: Span,
    pub(crate) judged: Option<Value>,
    pub(crate) related: Vec<Span>,
}

/// Whom a condition speaks for where it holds.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
enum Side {
    /// For the subject: inside `fail_unless`.
    For,
    /// Against it: inside `fail_if`.
    Against,
    /// Neither: inside `when`.
    Neither,
}

impl Side {
    fn turned(self) -> Side {
        match self {
            Side::For => Side::Against,
            Side::Against => Side::For,
            Side::Neither => Side::Neither,
        }
    }
}

/// Judges subjects of one world; what is worked out of a subject is kept for the next rule.
pub(crate) struct Evaluator<'w> {
    pub(crate) world: &'w World,
    views: RefCell<HashMap<SubjectIndex, Rc<Views<'w>>>>,
    left: Cell<u64>,
    absent: Cell<Absent>,
    /// What the configuration says to rules.
    parameters: Arc<BTreeMap<Arc<str>, Vec<Arc<str>>>>,
    /// Whether a `chain` is judged, which names everything that has a part in it.
    pub(crate) chained: Cell<bool>,
}

/// Where paths begin.
#[derive(Clone)]
pub(crate) struct Scope<'w> {
    /// The subject that is judged.
    pub(crate) judged: Rc<Views<'w>>,
    /// The subject paths speak of: the judged one, or a related one.
    pub(crate) subject: Rc<Views<'w>>,
    /// The item of the quantifier around.
    item: Option<Rc<Selected>>,
}

impl<'w> Scope<'w> {
    /// Paths begin at this subject.
    pub(crate) fn of(views: Rc<Views<'w>>) -> Scope<'w> {
        Scope { judged: Rc::clone(&views), subject: views, item: None }
    }
}

impl<'w> Evaluator<'w> {
    pub(crate) fn new(world: &'w World, parameters: Arc<BTreeMap<Arc<str>, Vec<Arc<str>>>>) -> Evaluator<'w> {
        Evaluator {
            world,
            views: RefCell::default(),
            left: Cell::new(0),
            absent: Cell::new(Absent::Fail),
            parameters,
            chained: Cell::new(false),
        }
    }

    pub(crate) fn views(&self, index: SubjectIndex) -> Option<Rc<Views<'w>>> {
        if let Some(views) = self.views.borrow().get(&index) {
            return Some(Rc::clone(views));
        }
        let views = Rc::new(Views::new(index, self.world.subject(index)?));
        self.views.borrow_mut().insert(index, Rc::clone(&views));
        Some(views)
    }

    /// Judges one subject; `None` where the check does not apply to it.
    pub(crate) fn judge(&self, check: &Check, index: SubjectIndex, max_steps: u64) -> Option<Judgement> {
        let views = self.views(index)?;
        self.left.set(max_steps);
        self.absent.set(check.absent);
        let scope = Scope::of(Rc::clone(&views));
        match self.apply(check, &scope) {
            Ok(judgement) => judgement,
            Err(Exhausted) => Some(Judgement {
                status: Status::Error,
                message: format!("the rule took more than {max_steps} steps on this subject"),
                at: views.subject.head,
                judged: None,
                related: Vec::new(),
            }),
        }
    }

    fn apply(&self, check: &Check, scope: &Scope<'w>) -> Result<Option<Judgement>, Exhausted> {
        let subject = scope.judged.subject;
        if let Some(when) = &check.when {
            let outcome = self.condition(when, scope, Side::Neither)?;
            match outcome.truth {
                Truth::True => {}
                Truth::False => return Ok(None),
                Truth::Unknown => return Ok(Some(judgement(Status::Unknown, outcome.because, None, subject))),
            }
        }
        let side = if check.fail_if { Side::Against } else { Side::For };
        let outcome = self.condition(&check.condition, scope, side)?;
        let status = match (outcome.truth, check.fail_if) {
            (Truth::Unknown, _) => Status::Unknown,
            (Truth::True, false) | (Truth::False, true) => Status::Pass,
            (Truth::False, false) | (Truth::True, true) => Status::Fail,
        };
        Ok(Some(judgement(status, outcome.because, check.message.as_deref(), subject)))
    }

    /// Takes steps off the budget.
    pub(crate) fn charge(&self, steps: usize) -> Result<(), Exhausted> {
        let left = self.left.get().checked_sub(steps as u64 + 1).ok_or(Exhausted)?;
        self.left.set(left);
        Ok(())
    }

    fn condition(&self, condition: &Condition, scope: &Scope<'w>, side: Side) -> Judged {
        self.charge(0)?;
        match condition {
            Condition::Always(value) => Ok(Outcome::constant(*value)),
            Condition::Configured(name) => Ok(Outcome::constant(self.parameters.contains_key(name))),
            Condition::All(list) => together(list.iter().map(|one| self.condition(one, scope, side)), Truth::False),
            Condition::Chain(list) => self.chain(list, scope, side),
            Condition::Any(list) => together(list.iter().map(|one| self.condition(one, scope, side)), Truth::True),
            Condition::Not(inner) => Ok(self.condition(inner, scope, side.turned())?.negate()),
            Condition::Compare(comparison) => self.compare(comparison, scope, side),
            Condition::Items(items) => self.items(items, scope, side),
            Condition::Related(related) => {
                let inner = if related.count == Quantifier::None { side.turned() } else { side };
                related::related(self, related, scope, &mut |them| {
                    let scope = Scope { judged: Rc::clone(&scope.judged), subject: them, item: None };
                    self.condition(&related.condition, &scope, inner)
                })
            }
            Condition::Opens(ask) => {
                let Some(entries) = scope.subject.entries(ask.egress) else { return Ok(Outcome::constant(false)) };
                self.charge(entries.len().saturating_mul(entries.len()))?;
                let (tri, because) = openings::opens(entries, ask);
                Ok(Outcome { truth: tri.truth(), because })
            }
        }
    }

    /// All must hold; where they do, the words name each and the places of all are kept.
    fn chain(&self, list: &[Condition], scope: &Scope<'w>, side: Side) -> Judged {
        let outer = self.chained.replace(true);
        let judged = list.iter().map(|one| self.condition(one, scope, side)).collect::<Result<Vec<_>, Exhausted>>();
        self.chained.set(outer);
        let outcomes = judged?;
        if outcomes.iter().any(|outcome| outcome.truth != Truth::True) {
            return fold(outcomes.into_iter().map(Ok), Truth::False);
        }
        let (mut words, mut places, mut at) = (Vec::new(), Vec::new(), Span::NONE);
        for outcome in outcomes {
            words.push(message::known(&outcome.because));
            at = at.or(outcome.because.at);
            places.push(outcome.because.at);
            places.extend(outcome.because.related);
        }
        words.retain(|text| !text.is_empty());
        places.retain(|place| *place != Span::NONE && *place != at);
        places.sort_unstable();
        places.dedup();
        let mut because = Because::said(words.join(if outer { ", " } else { "; " }), at, None);
        because.related = places;
        Ok(Outcome { truth: Truth::True, because })
    }

    fn compare(&self, comparison: &Comparison, scope: &Scope<'w>, side: Side) -> Judged {
        let selected = self.select(&comparison.path, scope)?;
        let matching = comparison.matching.unwrap_or(if side == Side::For { Matching::All } else { Matching::Any });
        let mut arguments = Vec::with_capacity(comparison.operators.len());
        for operator in &comparison.operators {
            arguments.push(self.argument(operator, scope)?);
        }
        // What nothing means for the comparison as a whole; for one of several places it is turned where `none` turns it back.
        let nothing = |operator: &Operator| {
            let whole = comparison.absent.unwrap_or(match side {
                Side::For => self.absent.get() == Absent::Pass,
                Side::Against => self.absent.get() == Absent::Fail,
                Side::Neither => operator.negated,
            });
            if matching == Matching::None { !whole } else { whole }
        };
        let mut outcomes = Vec::with_capacity(selected.len());
        for one in &selected {
            self.charge(comparison.operators.len())?;
            outcomes.push(Ok(compare_one(comparison, &arguments, one, &nothing)));
        }
        match matching {
            Matching::All => fold(outcomes.into_iter(), Truth::False),
            Matching::Any => fold(outcomes.into_iter(), Truth::True),
            Matching::None => Ok(fold(outcomes.into_iter(), Truth::True)?.negate()),
        }
    }

    /// What an operator's argument stands for: nothing where it takes none, or a path finds none.
    fn argument(&self, operator: &Operator, scope: &Scope<'w>) -> Result<Given, Exhausted> {
        let argument = match &operator.test {
            Test::Equals(argument)
            | Test::In(argument)
            | Test::Contains(argument)
            | Test::ContainsAny(argument)
            | Test::ContainsAll(argument)
            | Test::Within(argument)
            | Test::StartsWith(argument)
            | Test::EndsWith(argument)
            | Test::CidrWithin(argument)
            | Test::Number(_, argument) => argument,
            _ => return Ok(Given::None),
        };
        match argument {
            Argument::Fixed(fixed) => Ok(Given::Value(fixed.value().clone())),
            Argument::Parameter(name) => Ok(match self.parameters.get(name) {
                Some(given) => {
                    Given::Value(Value::list(given.iter().map(|text| Value::string(Arc::clone(text), Span::NONE)).collect(), Span::NONE))
                }
                None => Given::Absent,
            }),
            Argument::Path(path) => {
                let mut found: Vec<Value> = self.select(path, scope)?.into_iter().filter_map(|one| one.value).collect();
                Ok(match found.len() {
                    0 => Given::Absent,
                    1 => found.pop().map_or(Given::Absent, Given::Value),
                    _ => Given::Value(Value::list(found, Span::NONE)),
                })
            }
        }
    }

    fn items(&self, items: &Items, scope: &Scope<'w>, side: Side) -> Judged {
        let selected = self.select(&items.path, scope)?;
        let inner = if items.quantifier == Quantifier::None { side.turned() } else { side };
        let mut outcomes = Vec::new();
        let mut absent = None;
        for one in &selected {
            let Some(value) = &one.value else {
                absent.get_or_insert_with(|| one.clone());
                continue;
            };
            if value.is_unknown() && !one.item {
                // A list that is not known may have any items.
                outcomes.push(Ok(unknown_outcome(value, one)));
                continue;
            }
            for item in one.items() {
                if item.value.is_none() {
                    continue;
                }
                self.charge(0)?;
                // A block that may not be there is judged as if it were: it does not decide, but may show that nothing does.
                let doubt = item.value.as_ref().and_then(doubt).cloned();
                let item = Rc::new(match doubt {
                    Some(_) => item.settled(),
                    None => item,
                });
                let scope = Scope { judged: Rc::clone(&scope.judged), subject: Rc::clone(&scope.subject), item: Some(Rc::clone(&item)) };
                let outcome = self.condition(&items.condition, &scope, inner)?;
                // An item that may turn out null is then none: it cannot decide.
                let decisive = if items.quantifier == Quantifier::Every { Truth::False } else { Truth::True };
                outcomes.push(Ok(match (&item.value, doubt) {
                    (_, Some(maybe)) if outcome.truth == decisive => unknown_outcome(&vague(&maybe), &item),
                    (Some(value), _) if outcome.truth == decisive && matches!(exists(value), Tri::Maybe(_)) => {
                        unknown_outcome(value, &item)
                    }
                    _ => outcome,
                }));
            }
        }
        let count = outcomes.len();
        let nothing = match (&absent, count) {
            (Some(absent), 0) => Because { what: What::Absent(absent.trail.clone()), at: absent.at, value: None, related: Vec::new() },
            _ => Because::nothing(),
        };
        let mut outcome = match items.quantifier {
            Quantifier::Every => fold(outcomes.into_iter(), Truth::False)?,
            Quantifier::Some => fold(outcomes.into_iter(), Truth::True)?,
            Quantifier::None => fold(outcomes.into_iter(), Truth::True)?.negate(),
        };
        if count == 0 {
            outcome.because = nothing;
        } else if count > 1 && items.quantifier == Quantifier::Some && outcome.truth == Truth::False {
            let trail = selected.first().map(|one| one.trail.clone()).unwrap_or_default();
            outcome.because.what = What::NoneOf(trail);
            outcome.because.value = None;
            outcome.because.at = selected.first().map_or(Span::NONE, |one| one.at);
        }
        Ok(outcome)
    }

    /// What a path finds. Never empty: where nothing is, an entry says where.
    pub(crate) fn select(&self, path: &Path, scope: &Scope<'w>) -> Result<Vec<Selected>, Exhausted> {
        let views = if path.start == Start::Judged { &scope.judged } else { &scope.subject };
        let mut found = vec![match (path.start, &scope.item) {
            (Start::Here, Some(item)) => Selected::clone(item),
            _ => views.root(),
        }];
        for this in &path.steps {
            let mut next = Vec::with_capacity(found.len());
            for from in &found {
                self.charge(0)?;
                match this {
                    Step::View(view) if view.of_subject() => next.push(views.view(*view)),
                    Step::View(view) => match (view, from.value.as_ref().and_then(Value::as_list)) {
                        // Of a list of containers the flags of each.
                        (View::Flags, Some(_)) => next.extend(from.items().iter().map(|item| of_value(*view, item))),
                        _ => next.push(of_value(*view, from)),
                    },
                    _ => next.extend(step(from, this, &mut |value| views.decode(value))),
                }
            }
            self.charge(next.len())?;
            found = next;
        }
        Ok(found)
    }
}

/// An argument: none where the operator takes no value, absent where a path finds nothing.
enum Given {
    None,
    Absent,
    Value(Value),
}

fn compare_one(comparison: &Comparison, arguments: &[Given], one: &Selected, nothing: &dyn Fn(&Operator) -> bool) -> Outcome {
    let mut unknown = None;
    for (operator, argument) in comparison.operators.iter().zip(arguments) {
        let (tri, absent) = match (&one.value, argument) {
            (None, _) if operator.asks_about_absence() => (operator.of_nothing(), true),
            (None, _) => (Tri::known(nothing(operator)), true),
            (Some(_), Given::Absent) => (Tri::known(nothing(operator)), false),
            (Some(value), Given::None) => (operator.holds(value, None), false),
            (Some(value), Given::Value(argument)) => (operator.holds(value, Some(argument)), false),
        };
        match tri {
            Tri::Yes => {}
            Tri::No => return Outcome { truth: Truth::False, because: because(operator, one, absent, false) },
            Tri::Maybe(value) => unknown = unknown.or(Some(value)),
        }
    }
    match (unknown, comparison.operators.first()) {
        (Some(value), _) => unknown_outcome(&value, one),
        (None, Some(operator)) => Outcome { truth: Truth::True, because: because(operator, one, one.value.is_none(), true) },
        (None, None) => Outcome::constant(true),
    }
}

fn unknown_outcome(value: &Value, one: &Selected) -> Outcome {
    let because = Because { what: What::Is(one.trail.clone()), at: one.at, value: Some(value.clone()), related: Vec::new() };
    Outcome { truth: Truth::Unknown, because }
}

/// What decided, where the operator held or did not.
fn because(operator: &Operator, one: &Selected, absent: bool, held: bool) -> Because {
    let trail = one.trail.clone();
    let what = match &operator.test {
        _ if absent => What::Absent(trail),
        Test::Exists(_) => What::Set(trail),
        Test::Length(..) => What::Length(trail),
        Test::Allows(ask) => What::Allows(trail, message::ask(ask).into(), held),
        _ => What::Is(trail),
    };
    Because { what, at: one.at, value: one.value.clone(), related: Vec::new() }
}

/// Folds outcomes until one is `decisive` (false for all, true for any); else the first unknown; else the other truth, because of the
/// first.
pub(crate) fn fold(outcomes: impl Iterator<Item = Judged>, decisive: Truth) -> Judged {
    let (mut first, mut unknown) = (None, None);
    for outcome in outcomes {
        let outcome = outcome?;
        if outcome.truth == decisive {
            return Ok(outcome);
        }
        if outcome.truth == Truth::Unknown {
            unknown.get_or_insert(outcome);
        } else {
            first.get_or_insert(outcome);
        }
    }
    Ok(unknown.or(first).unwrap_or_else(|| Outcome::constant(decisive == Truth::False)))
}

/// [`fold`] for conditions that each say something of their own: where no single one decides, all of them are told. The place is the first's.
fn together(outcomes: impl Iterator<Item = Judged>, decisive: Truth) -> Judged {
    let mut said: Vec<Because> = Vec::new();
    let mut outcome = fold(
        outcomes.inspect(|outcome| {
            if let Ok(outcome) = outcome {
                said.push(outcome.because.clone());
            }
        }),
        decisive,
    )?;
    if outcome.truth != decisive && outcome.truth != Truth::Unknown && said.len() > 1 {
        outcome.because.what = What::Several(said.into());
    }
    Ok(outcome)
}

fn judgement(status: Status, because: Because, given: Option<&str>, subject: &Subject) -> Judgement {
    let message = match (status, given) {
        (Status::Unknown, _) => message::unknown(&because),
        (Status::Fail, Some(given)) => given.to_owned(),
        _ => message::known(&because),
    };
    Judgement { status, message, at: because.at.or(subject.head), judged: because.value, related: because.related }
}
