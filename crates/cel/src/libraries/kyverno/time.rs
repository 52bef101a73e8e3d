//! The time of the decision, and times cut off.

use jiff::tz::TimeZone;

use crate::libraries::args::any;
use crate::{Call, CelError, Function, Library, Overload, Timestamp, Value};

/// The library.
pub static LIBRARY: Library = Library::new(
    "kyverno.time",
    &[
        Function::new(
            "time.now",
            &[Overload::new("time_now", "time.now() -> timestamp", |call, _| Ok(Value::Timestamp(call.context.now)))],
        ),
        Function::new("time.truncate", &[Overload::new("time_truncate", "time.truncate(timestamp, duration) -> timestamp", truncate)]),
        Function::new("time.toCron", &[Overload::new("time_to_cron", "time.toCron(timestamp) -> string", to_cron)]),
    ],
);

/// Seconds from the first day of the year 1 to that of 1970: Go counts from there.
const YEAR_ONE: i128 = 62_135_596_800;
const SECOND: i128 = 1_000_000_000;

fn timestamp(args: &[Value]) -> Result<Timestamp, CelError> {
    match any(args, 0)? {
        Value::Timestamp(time) => Ok(*time),
        _ => Err(CelError::no_such_overload()),
    }
}

fn truncate(_: &mut Call<'_>, args: &[Value]) -> Result<Value, CelError> {
    let time = timestamp(args)?;
    let Value::Duration(step) = any(args, 1)? else { return Err(CelError::no_such_overload()) };
    if *step <= 0 {
        return Ok(Value::Timestamp(time));
    }
    let all = (i128::from(time.seconds) + YEAR_ONE) * SECOND + i128::from(time.nanoseconds);
    let cut = all - all.rem_euclid(i128::from(*step)) - YEAR_ONE * SECOND;
    let seconds = i64::try_from(cut.div_euclid(SECOND)).map_err(|_| CelError::overflow("timestamp"))?;
    let nanoseconds = u32::try_from(cut.rem_euclid(SECOND)).map_err(|_| CelError::overflow("timestamp"))?;
    Ok(Value::Timestamp(Timestamp { seconds, nanoseconds }))
}

fn to_cron(_: &mut Call<'_>, args: &[Value]) -> Result<Value, CelError> {
    let time = jiff::Timestamp::from_second(timestamp(args)?.seconds).map_err(|_| CelError::overflow("timestamp"))?;
    let civil = TimeZone::UTC.to_datetime(time);
    let weekday = civil.weekday().to_sunday_zero_offset();
    Ok(format!("{} {} {} {} {weekday}", civil.minute(), civil.hour(), civil.day(), civil.month()).into())
}
