//! Functions of time. What they take for now is the time of the decision.

use probity_kubernetes::GoDuration;
use probity_value::{Span, Value};

use super::super::{Evaluation, JmesError};
use super::layout::{Moment, RFC_3339};
use super::{Answer, text_answer, text_at};

fn moment_by(function: &str, layout: &str, arguments: &[Value], position: usize) -> Result<Moment, JmesError> {
    Moment::parse(layout, text_at(arguments, position))
        .map_err(|problem| JmesError::wrong(format!("argument {} of `{function}`: {problem}", position + 1)))
}

fn moment(function: &str, arguments: &[Value], position: usize) -> Result<Moment, JmesError> {
    moment_by(function, RFC_3339, arguments, position)
}

fn duration(function: &str, arguments: &[Value], position: usize) -> Result<i64, JmesError> {
    let text = text_at(arguments, position);
    match GoDuration::parse(text) {
        Ok(duration) => Ok(duration.0),
        Err(_) => Err(JmesError::wrong(format!("argument {} of `{function}` is `{text}`, which is no duration", position + 1))),
    }
}

fn truth(value: bool) -> Answer {
    Ok(Value::bool(value, Span::NONE))
}

pub(super) fn since(arguments: &[Value], evaluation: &Evaluation<'_>) -> Answer {
    let layout = match text_at(arguments, 0) {
        "" => RFC_3339,
        layout => layout,
    };
    let start = moment_by("time_since", layout, arguments, 1)?;
    let end = match text_at(arguments, 2) {
        "" => Moment::of(evaluation.now),
        _ => moment_by("time_since", layout, arguments, 2)?,
    };
    text_answer(GoDuration(end.since(start)).to_string(), evaluation)
}

pub(super) fn now(_: &[Value], evaluation: &Evaluation<'_>) -> Answer {
    text_answer(Moment::of(evaluation.now).to_string(), evaluation)
}

pub(super) fn to_cron(arguments: &[Value], evaluation: &Evaluation<'_>) -> Answer {
    let (_, month, day, weekday, hour, minute, _) = moment("time_to_cron", arguments, 0)?.civil();
    text_answer(format!("{minute} {hour} {day} {month} {weekday}"), evaluation)
}

pub(super) fn add(arguments: &[Value], evaluation: &Evaluation<'_>) -> Answer {
    let later = moment("time_add", arguments, 0)?.plus(duration("time_add", arguments, 1)?);
    text_answer(later.to_string(), evaluation)
}

pub(super) fn parse(arguments: &[Value], evaluation: &Evaluation<'_>) -> Answer {
    let layout = text_at(arguments, 0);
    // A layout that is a number stands for seconds since 1970.
    if layout.parse::<i64>().is_ok() {
        let text = text_at(arguments, 1);
        let Ok(seconds) = text.parse::<i64>() else {
            return Err(JmesError::wrong(format!("argument 2 of `time_parse` is `{text}`, not a number of seconds")));
        };
        if seconds.unsigned_abs() > 1 << 55 {
            return Err(JmesError::wrong("argument 2 of `time_parse` is out of range"));
        }
        return text_answer(Moment { seconds, nanoseconds: 0, offset: 0 }.to_string(), evaluation);
    }
    text_answer(moment_by("time_parse", layout, arguments, 1)?.to_string(), evaluation)
}

pub(super) fn utc(arguments: &[Value], evaluation: &Evaluation<'_>) -> Answer {
    text_answer(Moment { offset: 0, ..moment("time_utc", arguments, 0)? }.to_string(), evaluation)
}

pub(super) fn diff(arguments: &[Value], evaluation: &Evaluation<'_>) -> Answer {
    let (start, end) = (moment("time_diff", arguments, 0)?, moment("time_diff", arguments, 1)?);
    text_answer(GoDuration(end.since(start)).to_string(), evaluation)
}

fn key(moment: Moment) -> (i64, i64) {
    (moment.seconds, moment.nanoseconds)
}

pub(super) fn before(arguments: &[Value], _: &Evaluation<'_>) -> Answer {
    truth(key(moment("time_before", arguments, 0)?) < key(moment("time_before", arguments, 1)?))
}

pub(super) fn after(arguments: &[Value], _: &Evaluation<'_>) -> Answer {
    truth(key(moment("time_after", arguments, 0)?) > key(moment("time_after", arguments, 1)?))
}

pub(super) fn between(arguments: &[Value], _: &Evaluation<'_>) -> Answer {
    let at = key(moment("time_between", arguments, 0)?);
    let (start, end) = (key(moment("time_between", arguments, 1)?), key(moment("time_between", arguments, 2)?));
    truth(at > start && at < end)
}

pub(super) fn truncate(arguments: &[Value], evaluation: &Evaluation<'_>) -> Answer {
    let cut = moment("time_truncate", arguments, 0)?.truncated(duration("time_truncate", arguments, 1)?);
    text_answer(cut.to_string(), evaluation)
}
