//! Lists.

use super::super::value::{Data, Val, deep_equal};
use super::numbers::to_int;
use super::{Answer, Call, Function, MANY, Problem, named, opaque, question, refuse, through};

pub(super) const TABLE: &[Function] = &[
    through("list", 0, MANY, |call| Ok(call.arguments.clone().into())),
    through("tuple", 0, MANY, |call| Ok(call.arguments.clone().into())),
    through("append", 2, 2, push),
    through("push", 2, 2, push),
    through("mustAppend", 2, 2, push),
    through("mustPush", 2, 2, push),
    through("prepend", 2, 2, prepend),
    through("mustPrepend", 2, 2, prepend),
    through("first", 1, 1, first),
    through("mustFirst", 1, 1, first),
    through("last", 1, 1, last),
    through("mustLast", 1, 1, last),
    through("rest", 1, 1, rest),
    through("mustRest", 1, 1, rest),
    through("initial", 1, 1, initial),
    through("mustInitial", 1, 1, initial),
    through("reverse", 1, 1, reverse),
    through("mustReverse", 1, 1, reverse),
    through("compact", 1, 1, compact),
    through("mustCompact", 1, 1, compact),
    opaque("uniq", 1, 1, uniq).deep(),
    opaque("mustUniq", 1, 1, uniq).deep(),
    opaque("without", 1, MANY, without).deep(),
    opaque("mustWithout", 1, MANY, without).deep(),
    question("has", 2, 2, has).deep(),
    question("mustHas", 2, 2, has).deep(),
    through("slice", 1, MANY, slice),
    through("mustSlice", 1, MANY, slice),
    through("concat", 0, MANY, |call| {
        let mut out = Vec::new();
        for at in 0..call.count() {
            let list = call.list(at)?;
            call.engine.spend(list.items().len() as u64 / 4, call.span)?;
            out.extend_from_slice(list.items());
        }
        Ok(if out.is_empty() { Val::no_list() } else { out.into() })
    }),
    through("chunk", 2, 2, chunk),
    through("mustChunk", 2, 2, chunk),
    opaque("sortAlpha", 1, 1, |call| {
        let list = match &call.any(0).data {
            Data::List(list) => list.clone(),
            _ => return Ok(Val::strings(vec![Val::from(call.shown(0))])),
        };
        let mut texts: Vec<_> = list.items().iter().filter(|item| !item.is_nil()).map(|item| call.shown_value(item)).collect();
        texts.sort_by(|a, b| a.as_str().cmp(b.as_str()));
        Ok(Val::strings(texts.into_iter().map(Val::from).collect()))
    })
    .deep(),
    through("toStrings", 1, 1, |call| Ok(Val::strings(strings(call, 0)?.into_iter().map(Val::from).collect()))),
];

/// The items as text, without nils; what is no list is one item.
pub(super) fn strings(call: &Call<'_, '_>, at: usize) -> Result<Vec<super::super::text::Text>, Problem> {
    let value = call.any(at);
    Ok(match &value.data {
        Data::List(list) => list.items().iter().filter(|item| !item.is_nil()).map(|item| call.shown_value(item)).collect(),
        Data::Nil => Vec::new(),
        Data::Special(_) if value.kind() == "slice" => call.list(at)?.items().iter().map(|item| call.shown_value(item)).collect(),
        _ => vec![call.shown_value(&value)],
    })
}

fn push(call: &mut Call<'_, '_>) -> Answer {
    let mut items = call.list(0)?.items().to_vec();
    items.push(call.any(1));
    Ok(items.into())
}

fn prepend(call: &mut Call<'_, '_>) -> Answer {
    let mut items = vec![call.any(1)];
    items.extend_from_slice(call.list(0)?.items());
    Ok(items.into())
}

/// Of what cannot be known no part can.
fn part(call: &Call<'_, '_>, with: impl FnOnce(&[Val]) -> Val) -> Answer {
    let value = call.any(0);
    if let Data::Lost(lost) = value.data {
        return Ok(Val::lost(lost.reason, true));
    }
    Ok(with(call.list(0)?.items()))
}

fn first(call: &mut Call<'_, '_>) -> Answer {
    part(call, |items| items.first().cloned().unwrap_or_else(Val::nil))
}

fn last(call: &mut Call<'_, '_>) -> Answer {
    part(call, |items| items.last().cloned().unwrap_or_else(Val::nil))
}

fn rest(call: &mut Call<'_, '_>) -> Answer {
    part(call, |items| items.get(1..).map_or_else(Val::no_list, |rest| rest.to_vec().into()))
}

fn initial(call: &mut Call<'_, '_>) -> Answer {
    part(call, |items| items.split_last().map_or_else(Val::no_list, |(_, rest)| rest.to_vec().into()))
}

fn reverse(call: &mut Call<'_, '_>) -> Answer {
    part(call, |items| items.iter().rev().cloned().collect::<Vec<_>>().into())
}

fn compact(call: &mut Call<'_, '_>) -> Answer {
    let mut out = Vec::new();
    for item in call.list(0)?.items() {
        if !call.empty(item)? {
            out.push(item.clone());
        }
    }
    Ok(out.into())
}

/// Comparing every item with every other is paid for.
fn pay(call: &mut Call<'_, '_>, pairs: usize) -> Result<(), Problem> {
    let (span, steps) = (call.span, pairs as u64 / 4);
    Ok(call.engine.spend(steps, span)?)
}

fn uniq(call: &mut Call<'_, '_>) -> Answer {
    let list = call.list(0)?;
    pay(call, list.items().len().saturating_mul(list.items().len()))?;
    let mut out: Vec<Val> = Vec::new();
    for item in list.items() {
        if !out.iter().any(|known| deep_equal(known, item)) {
            out.push(item.clone());
        }
    }
    Ok(out.into())
}

fn without(call: &mut Call<'_, '_>) -> Answer {
    let list = call.list(0)?;
    let left_out = call.arguments.get(1..).unwrap_or_default().to_vec();
    pay(call, list.items().len().saturating_mul(left_out.len()))?;
    let kept = list.items().iter().filter(|item| !left_out.iter().any(|out| deep_equal(out, item)));
    Ok(kept.cloned().collect::<Vec<_>>().into())
}

fn has(call: &mut Call<'_, '_>) -> Answer {
    if call.any(1).is_nil() {
        return Ok(Val::from(false));
    }
    let needle = call.any(0);
    Ok(Val::from(call.list(1)?.items().iter().any(|item| deep_equal(item, &needle))))
}

fn slice(call: &mut Call<'_, '_>) -> Answer {
    let list = call.list(0)?;
    let items = list.items();
    if items.is_empty() {
        return Ok(Val::nil());
    }
    let bound = |at: usize, default: usize| match call.arguments.get(at) {
        Some(value) => usize::try_from(to_int(value)).ok(),
        None => Some(default),
    };
    match (bound(1, 0), bound(2, items.len())) {
        (Some(start), Some(end)) => match items.get(start..end) {
            Some(part) => Ok(part.to_vec().into()),
            None => refuse(format!("{start} to {end} is out of range of a list of {}", items.len())),
        },
        _ => refuse("a bound below zero"),
    }
}

fn chunk(call: &mut Call<'_, '_>) -> Answer {
    let size = usize::try_from(call.int(0)?).ok().filter(|size| *size > 0);
    let Some(size) = size else { return refuse("the size must be above zero") };
    let value = call.any(1);
    if !matches!(value.data, Data::List(_)) {
        return refuse(format!("argument 2 must be a list, not {}", named(&value)));
    }
    Ok(call.list(1)?.items().chunks(size).map(|part| Val::from(part.to_vec())).collect::<Vec<_>>().into())
}
