//! Maps. `set`, `unset` and `merge` change the map they are given, as in sprig.

use std::rc::Rc;

use super::super::value::{Data, MAX_DEPTH, Map, Val, deep_copy};
use super::{Answer, Call, Function, MANY, Problem, named, refuse, through};

pub(super) const TABLE: &[Function] = &[
    through("dict", 0, MANY, |call| {
        let map = Map::new();
        for pair in call.arguments.chunks(2) {
            let key = pair.first().map(|key| call.shown_value(key).shared()).unwrap_or_default();
            map.set(key, pair.get(1).cloned().unwrap_or_else(|| Val::from("")));
        }
        Ok(map.into())
    }),
    through("get", 2, 2, |call| {
        if let Data::Lost(lost) = call.any(0).data {
            return Ok(Val::lost(lost.reason, true));
        }
        Ok(call.map(0)?.get(&call.string(1)?).unwrap_or_else(|| Val::from("")))
    }),
    through("set", 3, 3, |call| {
        let map = call.map(0)?;
        map.set(call.string(1)?, call.any(2));
        Ok(map.into())
    }),
    through("unset", 2, 2, |call| {
        let map = call.map(0)?;
        map.remove(&call.string(1)?);
        Ok(map.into())
    }),
    through("hasKey", 2, 2, |call| Ok(Val::from(call.map(0)?.has(&call.string(1)?)))),
    through("pluck", 1, MANY, |call| {
        let key = call.string(0)?;
        let mut out = Vec::new();
        for at in 1..call.count() {
            out.extend(call.map(at)?.get(&key));
        }
        Ok(out.into())
    }),
    through("keys", 0, MANY, |call| {
        let mut out = Vec::new();
        for at in 0..call.count() {
            out.extend(call.map(at)?.keys().iter().map(|key| Val::from(&**key)));
        }
        Ok(Val::strings(out))
    }),
    through("values", 1, 1, |call| Ok(call.map(0)?.pairs().into_iter().map(|(_, value)| value).collect::<Vec<_>>().into())),
    through("pick", 1, MANY, |call| {
        let (map, out) = (call.map(0)?, Map::new());
        for at in 1..call.count() {
            let key = call.string(at)?;
            if let Some(value) = map.get(&key) {
                out.set(key, value);
            }
        }
        Ok(out.into())
    }),
    through("omit", 1, MANY, |call| {
        let map = call.map(0)?;
        call.engine.spend(map.len() as u64 / 4, call.span)?;
        let out = map.shallow();
        for at in 1..call.count() {
            out.remove(&call.string(at)?);
        }
        Ok(out.into())
    }),
    through("merge", 1, MANY, |call| merge_all(call, false)).deep(),
    through("mustMerge", 1, MANY, |call| merge_all(call, false)).deep(),
    through("mergeOverwrite", 1, MANY, |call| merge_all(call, true)).deep(),
    through("mustMergeOverwrite", 1, MANY, |call| merge_all(call, true)).deep(),
    through("deepCopy", 1, 1, |call| Ok(deep_copy(&call.any(0)))).deep(),
    through("mustDeepCopy", 1, 1, |call| Ok(deep_copy(&call.any(0)))).deep(),
    through("dig", 3, MANY, dig),
];

fn merge_all(call: &mut Call<'_, '_>, overwrite: bool) -> Answer {
    let target = call.map(0)?;
    for at in 1..call.count() {
        if call.any(at).is_nil() {
            continue;
        }
        merge(&target, &call.map(at)?, overwrite, 0)?;
    }
    Ok(target.into())
}

/// What mergo does with maps: what is missing or empty in the target is taken over, with `overwrite` everything; maps are merged one into
/// the other. A null is taken over with `overwrite` only.
fn merge(target: &Map, source: &Map, overwrite: bool, depth: usize) -> Result<(), Problem> {
    if target.same(source) {
        return Ok(());
    }
    if depth > MAX_DEPTH {
        return refuse("the maps are nested too deep");
    }
    for (key, value) in source.pairs() {
        let old = target.get(&key);
        if value.is_nil() {
            if overwrite {
                target.set(Rc::clone(&key), value);
            }
            continue;
        }
        if let (Some(Data::Map(old)), Data::Map(new)) = (old.as_ref().map(|old| &old.data), &value.data) {
            merge(old, new, overwrite, depth + 1)?;
            if old.len() > 0 {
                continue;
            }
        }
        let empty = old.is_none_or(|old| matches!(old.truth(), Ok(false)));
        if overwrite || empty {
            target.set(Rc::clone(&key), value);
        }
    }
    Ok(())
}

fn dig(call: &mut Call<'_, '_>) -> Answer {
    let count = call.count();
    let mut value = call.any(count - 1);
    let default = call.any(count - 2);
    for at in 0..count - 2 {
        if let Data::Lost(lost) = value.data {
            return Ok(Val::lost(lost.reason, true));
        }
        let Some(map) = value.as_map() else { return refuse(format!("a {} is no map to look into", named(&value))) };
        match map.get(&call.string(at)?) {
            Some(next) => value = next,
            None => return Ok(default),
        }
    }
    Ok(value)
}
