//! Conditions over related subjects: by reference, or by equal known text.

use std::rc::Rc;

use probity_core::{SubjectIndex, World};
use probity_value::{Span, UnknownKind, Value};

use crate::check::{Direction, Quantifier, Related};
use crate::compare::equal;
use crate::evaluate::{Evaluator, Exhausted, Scope, fold};
use crate::path::Path;
use crate::truth::{Because, Outcome, Tri, Truth};
use crate::views::Views;

/// Answers a `related` condition; `holds` judges one related subject with its `is`.
pub(crate) fn related<'w>(
    evaluator: &Evaluator<'w>,
    ask: &Related,
    scope: &Scope<'w>,
    holds: &mut dyn FnMut(Rc<Views<'w>>) -> Result<Outcome, Exhausted>,
) -> Result<Outcome, Exhausted> {
    let mut outcomes = Vec::new();
    let mut spans = Vec::new();
    for (index, relation) in candidates(evaluator, ask, scope)? {
        let Some(them) = evaluator.views(index) else { continue };
        let subject = them.subject;
        let mut outcome = holds(Rc::clone(&them))?;
        if outcome.because.at.is_none() {
            outcome.because.at = subject.head;
        }
        let whole = match (relation, ask.count) {
            (Tri::Maybe(value), _) => {
                // It may be the one: what its own condition says counts only where it could not change anything.
                let settled = if ask.count == Quantifier::Every { Truth::True } else { Truth::False };
                if outcome.truth == settled {
                    outcome
                } else {
                    let text = format!("whether `{}` belongs to it", subject.id);
                    let because = unknown_relation(&text, &value, subject.head);
                    Outcome { truth: Truth::Unknown, because }
                }
            }
            _ => {
                spans.push(subject.head);
                outcome
            }
        };
        outcomes.push(Ok(if evaluator.chained.get() && whole.truth == Truth::True { named(whole, &subject.id) } else { whole }));
    }
    let none = outcomes.is_empty();
    let decisive = if ask.count == Quantifier::Every { Truth::False } else { Truth::True };
    let mut outcome = fold(outcomes.into_iter(), decisive)?;
    if ask.elsewhere
        && outcome.truth != decisive
        && outcome.truth != Truth::Unknown
        && let Some(because) = elsewhere(evaluator, ask, scope)?
    {
        return Ok(Outcome { truth: Truth::Unknown, because });
    }
    let types = ask.types.iter().map(|name| format!("`{name}`")).collect::<Vec<_>>().join(" or ");
    let verb = match ask.direction {
        Direction::In => "refers to it",
        Direction::Out => "is what it refers to",
        Direction::Any => "belongs to it",
    };
    match (none, outcome.truth, ask.count) {
        (true, ..) => outcome.because = Because::said(format!("no {types} {verb}"), Span::NONE, None),
        (false, Truth::False, Quantifier::Some | Quantifier::None) if !spans.is_empty() => {
            // The related ones were looked at, and none will do: the first says why; the subject is the place.
            let why = crate::message::known(&outcome.because);
            let text = if why.is_empty() { format!("no {types} {verb}") } else { format!("{types} {verb}, but {why}") };
            outcome.because = Because::said(text, Span::NONE, outcome.because.value);
        }
        (false, Truth::False, Quantifier::Some | Quantifier::None) => {
            outcome.because = Because::said(format!("no {types} {verb}"), Span::NONE, None);
        }
        (false, Truth::True, Quantifier::Some) if evaluator.chained.get() => {}
        (false, Truth::True, _) | (false, Truth::False, Quantifier::Every) => {
            let why = crate::message::known(&outcome.because);
            let text = if why.is_empty() { format!("a {types} {verb}") } else { format!("{types} {verb}, and {why}") };
            let at = outcome.because.at;
            outcome.because = Because::said(text, Span::NONE, outcome.because.value);
            outcome.because.related.push(at);
        }
        (false, Truth::Unknown, _) => outcome.because.at = Span::NONE,
    }
    outcome.because.related.extend(spans);
    outcome.because.related.sort_unstable();
    outcome.because.related.dedup();
    Ok(if ask.count == Quantifier::None { outcome.negate() } else { outcome })
}

/// What holds of a related subject, told with its name.
fn named(mut outcome: Outcome, id: &str) -> Outcome {
    let why = crate::message::known(&outcome.because);
    let text = if why.is_empty() { format!("`{id}`") } else { format!("`{id}`, {why}") };
    let at = std::mem::replace(&mut outcome.because.at, Span::NONE);
    outcome.because.what = crate::truth::What::Said(text.into());
    outcome.because.related.push(at);
    outcome
}

/// Why it cannot be known, where `ours` names a subject that was not read.
fn elsewhere<'w>(evaluator: &Evaluator<'w>, ask: &Related, scope: &Scope<'w>) -> Result<Option<Because>, Exhausted> {
    let (world, us) = (evaluator.world, &scope.subject);
    for value in values(evaluator, scope, &ask.ours)? {
        evaluator.charge(0)?;
        let mut here = false;
        value.each_reference(&mut |reference| {
            let found = world.resolve(us.subject.kind, &us.subject.root, &reference.subject);
            here = here || found.iter().any(|index| world.subject(*index).is_some_and(|them| ask.types.contains(&them.type_name)));
        });
        if !here && !value.is_null() && value.as_str() != Some("") {
            let names = ask.ours.iter().map(|path| format!("`{path}`")).collect::<Vec<_>>().join(" or ");
            return Ok(Some(Because::said(format!("what {names} names, which was not read,"), value.span, Some(value))));
        }
    }
    Ok(None)
}

fn unknown_relation(text: &str, value: &Value, head: Span) -> Because {
    let mut because = Because::said(text, Span::NONE, Some(value.clone()));
    because.related.push(head);
    because
}

/// The subjects that are related, or may be.
fn candidates<'w>(evaluator: &Evaluator<'w>, ask: &Related, scope: &Scope<'w>) -> Result<Vec<(SubjectIndex, Tri)>, Exhausted> {
    let us = &scope.subject;
    if !ask.through.is_empty() {
        return through(evaluator, ask, scope);
    }
    let mut found = Vec::new();
    for index in of_types(evaluator, &ask.types, us)? {
        let Some(them) = evaluator.views(index) else { continue };
        let relation = relation(evaluator, ask, scope, &them)?;
        if !matches!(relation, Tri::No) {
            found.push((index, relation));
        }
    }
    Ok(found)
}

/// All subjects of these types in the same root, but not the subject itself.
fn of_types<'w>(evaluator: &Evaluator<'w>, types: &[std::sync::Arc<str>], us: &Views<'w>) -> Result<Vec<SubjectIndex>, Exhausted> {
    let mut found = Vec::new();
    for name in types {
        let all = evaluator.world.of_type(us.subject.kind, name);
        evaluator.charge(all.len() / 16)?;
        let same_root = |index: &SubjectIndex| evaluator.world.subject(*index).is_some_and(|them| them.root == us.subject.root);
        found.extend(all.iter().copied().filter(|index| *index != us.index).filter(same_root));
    }
    Ok(found)
}

/// One step between: a subject of the `through` types that refers to this one or is referred to by it, and the same again.
fn through<'w>(evaluator: &Evaluator<'w>, ask: &Related, scope: &Scope<'w>) -> Result<Vec<(SubjectIndex, Tri)>, Exhausted> {
    let (world, us) = (evaluator.world, &scope.subject);
    let mut found: Vec<(SubjectIndex, Tri)> = Vec::new();
    for middle in neighbours(world, us.index) {
        evaluator.charge(0)?;
        let Some(between) = world.subject(middle).filter(|subject| ask.through.contains(&subject.type_name)) else { continue };
        if !ask.ours.is_empty() && !named_by(evaluator, scope, &ask.ours, middle)? {
            continue;
        }
        for index in neighbours(world, middle) {
            evaluator.charge(0)?;
            let Some(them) = world.subject(index).filter(|subject| ask.types.contains(&subject.type_name)) else { continue };
            let known = index == us.index || them.root != between.root || found.iter().any(|(known, _)| *known == index);
            if known {
                continue;
            }
            if !ask.theirs.is_empty() {
                let Some(views) = evaluator.views(index) else { continue };
                if !named_by(evaluator, &Scope::of(views), &ask.theirs, middle)? {
                    continue;
                }
            }
            found.push((index, Tri::Yes));
        }
    }
    Ok(found)
}

fn neighbours(world: &World, index: SubjectIndex) -> Vec<SubjectIndex> {
    let mut all = world.refers(index).to_vec();
    all.extend_from_slice(world.referred_by(index));
    all.sort_unstable();
    all.dedup();
    all
}

/// Whether one of these attributes of a subject refers to `target`.
fn named_by<'w>(evaluator: &Evaluator<'w>, scope: &Scope<'w>, paths: &[Path], target: SubjectIndex) -> Result<bool, Exhausted> {
    for value in values(evaluator, scope, paths)? {
        if refers(evaluator.world, &scope.subject, &value, target) {
            return Ok(true);
        }
    }
    Ok(false)
}

/// Paths start at the subject, whatever quantifier is around; `@` alone is the item of that quantifier.
fn values<'w>(evaluator: &Evaluator<'w>, scope: &Scope<'w>, paths: &[Path]) -> Result<Vec<Value>, Exhausted> {
    let subject = Scope::of(Rc::clone(&scope.subject));
    let mut found = Vec::new();
    for path in paths {
        for selected in evaluator.select(path, if path.steps.is_empty() { scope } else { &subject })? {
            if let Some(value) = selected.value {
                match value.as_list() {
                    Some(items) => found.extend(items.iter().cloned()),
                    None => found.push(value),
                }
            }
        }
    }
    Ok(found)
}

/// Whether a value or a part of it refers to `target`.
fn refers(world: &World, from: &Views<'_>, value: &Value, target: SubjectIndex) -> bool {
    let mut found = false;
    value.each_reference(&mut |reference| {
        found = found || world.resolve(from.subject.kind, &from.subject.root, &reference.subject).contains(&target);
    });
    found
}

/// Whether `them` is related to `us` as asked.
fn relation<'w>(evaluator: &Evaluator<'w>, ask: &Related, scope: &Scope<'w>, them: &Rc<Views<'w>>) -> Result<Tri, Exhausted> {
    let (world, us) = (evaluator.world, &scope.subject);
    let (incoming, outgoing) = (ask.direction != Direction::Out, ask.direction != Direction::In);
    if ask.theirs.is_empty() && ask.ours.is_empty() {
        let refers_to_us = incoming && world.referred_by(us.index).contains(&them.index);
        let referred_to = outgoing && world.refers(us.index).contains(&them.index);
        return Ok(Tri::known(refers_to_us || referred_to));
    }
    let theirs = values(evaluator, &Scope::of(Rc::clone(them)), &ask.theirs)?;
    let ours = values(evaluator, scope, &ask.ours)?;
    evaluator.charge(theirs.len().saturating_add(1).saturating_mul(ours.len().saturating_add(1)))?;
    let by_theirs = incoming && theirs.iter().any(|value| refers(world, them, value, us.index));
    let by_ours = outgoing && ours.iter().any(|value| refers(world, us, value, them.index));
    if by_theirs || by_ours {
        return Ok(Tri::Yes);
    }
    // A reference is to somebody else by now; any other unknown may be this one.
    let open = |value: &&Value| value.as_unknown().is_some_and(|unknown| unknown.kind != UnknownKind::Reference);
    if ask.theirs.is_empty() || ask.ours.is_empty() {
        let holders = if ask.theirs.is_empty() { ours.iter() } else { theirs.iter() };
        // What another data source gives is not what this one gives.
        let of_another = |value: &&Value| {
            let mut references = value.references().iter().peekable();
            value.as_unknown().is_some_and(|unknown| unknown.kind == UnknownKind::DataSource)
                && references.peek().is_some()
                && references.all(|reference| {
                    let found = world.resolve(us.subject.kind, &us.subject.root, &reference.subject);
                    found.iter().any(|index| world.subject(*index).is_some_and(|other| other.type_name == them.subject.type_name))
                })
        };
        let maybe = holders.into_iter().find(|value| open(value) && !of_another(value));
        return Ok(maybe.map_or(Tri::No, |value| Tri::Maybe(value.clone())));
    }
    let is_reference = |value: &Value| value.as_unknown().is_some_and(|unknown| unknown.kind == UnknownKind::Reference);
    Ok(Tri::any(theirs.iter().flat_map(|left| ours.iter().map(move |right| (left, right))).map(|(left, right)| {
        // Two references to one attribute of one subject are equal whatever it will be.
        if is_reference(left) && is_reference(right) {
            return Tri::known(!left.references().is_empty() && left.references() == right.references() && left == right);
        }
        if is_reference(left) || is_reference(right) { Tri::No } else { equal(left, right, false) }
    })))
}
