//! `probity evidence classes` and `probity evidence hold`: retention classes, whose keys are destroyed to erase what is sealed under them,
//! and legal holds, which forbid it.

use std::path::{Path, PathBuf};

use anyhow::Result;
use probity_attest::sealed::SealedBlob;
use probity_attest::statement::format_time;
use probity_formats::escape;
use probity_ledger::{ClassError, ClassKeys as _, Classes, FolderClassKeys, HoldTarget, LogReader, Receipt, Retention};
use probity_verdict::config::EvidenceSettings;
use serde_json::{Value, json};

use crate::arguments::{CompareFormat, EvidencePlace};
use crate::commands::evidence::place_to_read;
use crate::commands::gate::Evidence;
use crate::{Wrong, logs, output, run, state};

/// Exit code of what was refused.
const REFUSED: u8 = 1;
/// Exit code of what could not be recorded or carried out.
const FAILED: u8 = 3;

/// The keys of classes: beside the evidence key.
pub(crate) fn keys(place: &EvidencePlace) -> Result<FolderClassKeys> {
    let beside = match &place.evidence_key {
        Some(file) => file.parent().map(PathBuf::from).unwrap_or_default(),
        None => state::folder()?,
    };
    Ok(FolderClassKeys::new(beside.join("class-keys")))
}

fn log(place: &EvidencePlace) -> Result<Evidence> {
    let none = || Wrong::hint("`--evidence none` names no log to write to", None).into();
    Evidence::open(place, &EvidenceSettings::default(), Path::new("."))?.ok_or_else(none)
}

/// The exit code of what was done or refused; wrong words are wrong use.
fn ended<T>(result: Result<T, ClassError>, done: impl FnOnce(T) -> Result<()>) -> Result<u8> {
    let error = match result {
        Ok(value) => return done(value).map(|()| 0),
        Err(error) => error,
    };
    let hint = match &error {
        ClassError::Name(_)
        | ClassError::Retention(_)
        | ClassError::Reason
        | ClassError::NoClass(_)
        | ClassError::NoRecord(_)
        | ClassError::NoHold(_) => None,
        ClassError::ManyHolds { .. } => Some("`probity evidence hold release RECORD`"),
        ClassError::Held { .. } | ClassError::Destroyed { .. } | ClassError::Used { .. } => {
            output::talk(&format!("error: refused: {error}"));
            return Ok(REFUSED);
        }
        ClassError::Kept { .. } => {
            output::talk(&format!("error: refused: {error}\nhint: `--early --reason TEXT` destroys it all the same, and the log says so"));
            return Ok(REFUSED);
        }
        _ => {
            output::talk(&format!("error: {}", crate::adapters::with_causes(&error)));
            return Ok(FAILED);
        }
    };
    Err(Wrong::hint(error.to_string(), hint).into())
}

pub(crate) fn list(place: &EvidencePlace, format: CompareFormat) -> Result<u8> {
    let keys = keys(place)?;
    let storage = logs::storage(&place_to_read(place)?)?;
    let classes = Classes::read(&LogReader::open(&*storage, None)?)?;
    let mut all = Vec::new();
    for (name, state) in classes.iter() {
        let holds: Vec<u64> = classes.holds(name).into_iter().map(|(index, _)| index).collect();
        let until = state.retention.end(state.last).and_then(|time| format_time(time).ok());
        let key = if keys.key(state.key)?.is_some() { "here" } else { "not here" };
        let destroyed = state.destroyed.as_ref();
        all.push(json!({
            "name": name,
            "retain": state.retention.to_string(),
            "until": until.filter(|_| !state.records.is_empty()),
            "records": state.records.len(),
            "holds": holds,
            "key": key,
            "record": state.record,
            "destroyed": destroyed.map(|one| json!({ "record": one.record, "time": format_time(one.time).ok(), "early": one.early })),
        }));
    }
    if matches!(format, CompareFormat::Json) {
        output::json(&json!({ "version": 1, "classes": all }))?;
        return Ok(0);
    }
    let mut out = String::new();
    for class in &all {
        let text = |value: &Value| value.as_str().map(|text| escape::line(text).into_owned()).unwrap_or_default();
        let state = match (&class["destroyed"], text(&class["key"]).as_str()) {
            (Value::Null, "here") => String::new(),
            (Value::Null, _) => "  its key is not here".to_owned(),
            (destroyed, key) => {
                let unfinished = if key == "here" { ", but its key is still here: destroy it again" } else { "" };
                format!("  destroyed {} (record {}){unfinished}", text(&destroyed["time"]), destroyed["record"])
            }
        };
        let holds = class["holds"].as_array().map_or(0, Vec::len);
        let held = if holds > 0 { format!("  {holds} legal holds") } else { String::new() };
        let until = class["until"].as_str().map(|until| format!("  until {until}")).unwrap_or_default();
        out.push_str(&format!(
            "{:<20}  {:<5}  {:>5} records{until}{held}{state}\n",
            text(&class["name"]),
            text(&class["retain"]),
            class["records"]
        ));
    }
    out.push_str(&format!("{} classes\n", all.len()));
    output::text(&out)?;
    Ok(0)
}

pub(crate) fn new(name: &str, retain: &str, place: &EvidencePlace) -> Result<u8> {
    let retention: Retention = match retain.parse() {
        Ok(retention) => retention,
        Err(error) => return ended::<()>(Err(error), |()| Ok(())),
    };
    let mut log = log(place)?;
    ended(log.ledger.in_folder()?.new_class(&keys(place)?, name, retention, run::now()), |receipt| {
        output::data(&format!("class `{name}`, kept {retention} (record {})\n", receipt.proof.index))
    })
}

pub(crate) fn destroy(name: &str, yes: bool, early: bool, reason: Option<&str>, place: &EvidencePlace) -> Result<u8> {
    if !yes {
        let hint = "`--yes` does it; nobody can undo it";
        return Err(Wrong::hint(format!("this erases everything that is sealed in `{name}`"), Some(hint)).into());
    }
    let early = reason.filter(|_| early);
    let mut log = log(place)?;
    ended(log.ledger.in_folder()?.destroy_class(&keys(place)?, name, early, run::now()), |receipt: Option<Receipt>| {
        output::data(&match receipt {
            Some(receipt) => format!("the key of `{name}` is destroyed (record {})\n", receipt.proof.index),
            None => format!("the key of `{name}` is destroyed, as the log said already\n"),
        })
    })
}

/// A number is a record, all else the name of a class.
fn target(text: &str) -> HoldTarget {
    text.parse().map_or_else(|_| HoldTarget::Class(text.to_owned()), HoldTarget::Record)
}

pub(crate) fn hold(set: bool, on: &str, reason: &str, place: &EvidencePlace) -> Result<u8> {
    let mut log = log(place)?;
    let target = target(on);
    let appended = if set {
        log.ledger.in_folder()?.set_hold(&target, reason, run::now())
    } else {
        log.ledger.in_folder()?.release_hold(&target, reason, run::now())
    };
    ended(appended, |receipt| {
        let index = receipt.proof.index;
        output::data(&if set { format!("legal hold {index} on {target}\n") } else { format!("legal hold released (record {index})\n") })
    })
}

/// What `evidence show` says of a sealed file: what is in it, or why nobody can tell.
pub(crate) fn opened(sealed: &SealedBlob, stored: &[u8], classes: &Classes, keys: &FolderClassKeys) -> Result<Result<Vec<u8>, String>> {
    if let Some(destroyed) = classes.destroyed(sealed.key) {
        let day = format_time(destroyed.time).unwrap_or_default();
        let day = day.split('T').next().unwrap_or_default();
        return Ok(Err(format!("erased: the key of class {} was destroyed on {day} (record {})", sealed.class, destroyed.record)));
    }
    match keys.key(sealed.key)? {
        None => Ok(Err(format!("sealed: the key of class {} is not here", sealed.class))),
        Some(key) => Ok(Ok(key.open(&sealed.class, &sealed.plaintext, stored)?)),
    }
}
