//! Defaults, conditions and questions about types.

use super::super::value::{Data, Val, deep_equal, find_lost};
use super::{Answer, Call, Function, MANY, opaque, question, refuse, through};

pub(super) const TABLE: &[Function] = &[
    through("default", 1, 2, |call| if call.count() < 2 || call.empty(&call.any(1))? { Ok(call.any(0)) } else { Ok(call.any(1)) }),
    through("empty", 1, 1, |call| Ok(Val::from(call.empty(&call.any(0))?))),
    through("coalesce", 0, MANY, |call| {
        for value in &call.arguments {
            if !call.empty(value)? {
                return Ok(value.clone());
            }
        }
        Ok(Val::nil())
    }),
    through("all", 0, MANY, |call| {
        for value in &call.arguments {
            if call.empty(value)? {
                return Ok(Val::from(false));
            }
        }
        Ok(Val::from(true))
    }),
    through("any", 0, MANY, |call| {
        for value in &call.arguments {
            if !call.empty(value)? {
                return Ok(Val::from(true));
            }
        }
        Ok(Val::from(false))
    }),
    through("ternary", 3, 3, ternary),
    through("typeOf", 1, 1, |call| Ok(Val::from(call.any(0).type_name()))),
    through("typeIs", 2, 2, |call| Ok(Val::from(*call.string(0)? == *call.any(1).type_name()))),
    through("typeIsLike", 2, 2, |call| {
        let (wanted, found) = (call.string(0)?, call.any(1).type_name());
        Ok(Val::from(*wanted == *found || found.strip_prefix('*') == Some(&wanted)))
    }),
    through("kindOf", 1, 1, |call| Ok(Val::from(call.any(0).kind()))),
    through("kindIs", 2, 2, |call| Ok(Val::from(*call.string(0)? == *call.any(1).kind()))),
    question("deepEqual", 2, 2, |call| Ok(Val::from(deep_equal(&call.any(0), &call.any(1))))).deep(),
    through("fail", 1, 1, super::chart::fail),
    through("required", 2, 2, super::chart::required),
    // Nothing of the machine that judges gets into what is judged.
    opaque("env", 1, 1, |call| call.string(0).map(|_| Val::from(""))),
    opaque("expandenv", 1, 1, |call| call.string(0).map(|_| Val::from(""))),
    opaque("getHostByName", 1, 1, |call| call.string(0).map(|_| Val::from(""))),
];

fn ternary(call: &mut Call<'_, '_>) -> Answer {
    let condition = call.any(2);
    match condition.data {
        Data::Bool(true) => Ok(call.any(0)),
        Data::Bool(false) => Ok(call.any(1)),
        Data::Lost(lost) => {
            // Both the same: then it does not matter.
            let (a, b) = (call.any(0), call.any(1));
            if find_lost(&a, call.marker(), 0).is_none() && deep_equal(&a, &b) { Ok(a) } else { Ok(Val::lost(lost.reason, false)) }
        }
        _ => refuse("argument 3 must be true or false"),
    }
}
