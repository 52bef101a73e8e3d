//! Retention classes: which there are, until when what is sealed in them has to stay, what a legal hold keeps, which were destroyed. All of
//! it is read from the log itself; the keys are [`ClassKeys`]' business.
//!
//! **Invariant:** a key is destroyed only after the record that says so is durable. An interrupted destruction is completed by asking again.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt;

use probity_attest::sealed::{ClassKey, ClassKeyId, SealError, SealedBlob};
use probity_attest::sha256;
use probity_attest::statement::{Descriptor, Statement, StatementError, format_time, parse_time};
use probity_core::Timestamp;
use serde::{Deserialize, Serialize};
use serde_json::Value;

use crate::ledger::check_entry;
use crate::{AppendError, ClassKeys, ClassKeysError, ImportRecord, Ledger, LogReader, ReadError, Receipt};

/// Predicate type of the records that begin and end a retention class.
pub const RETENTION_CLASS_V1: &str = "https://probity.dev/retention-class/v1";
/// Predicate type of the records that set and release a legal hold.
pub const LEGAL_HOLD_V1: &str = "https://probity.dev/legal-hold/v1";
/// Longest name of a class, in bytes.
const MAX_NAME: usize = 64;
/// Longest reason, in bytes.
const MAX_REASON: usize = 2_000;

/// What was refused, or failed.
#[derive(Debug, thiserror::Error)]
pub enum ClassError {
    /// The log cannot be read.
    #[error(transparent)]
    Read(#[from] ReadError),
    /// The record was not appended, or may be there without having been acknowledged.
    #[error(transparent)]
    Append(#[from] AppendError),
    /// The keys failed.
    #[error(transparent)]
    Keys(#[from] ClassKeysError),
    /// Sealing failed.
    #[error(transparent)]
    Seal(#[from] SealError),
    /// A record of a class or hold in the log cannot be read, so nothing is decided.
    #[error("record {index} cannot be read")]
    Record {
        /// Which.
        index: u64,
        /// Why.
        #[source]
        source: StatementError,
    },
    /// Not the name of a class.
    #[error("`{0}` is no name of a class: lower-case letters, digits and `-`, a letter first, at most {MAX_NAME}")]
    Name(String),
    /// Not a time to keep things.
    #[error("`{0}` is no time to keep things: `90d`, `18m` and `7y` are")]
    Retention(String),
    /// A reason that is empty or too long.
    #[error("a reason has between 1 and {MAX_REASON} bytes and no control characters")]
    Reason,
    /// The name was used before; what was destroyed does not come back under its name.
    #[error("there was a class `{name}` already (record {record})")]
    Used {
        /// Its name.
        name: String,
        /// The record that began it.
        record: u64,
    },
    /// No such class.
    #[error("there is no class `{0}`")]
    NoClass(String),
    /// No such record.
    #[error("there is no record {0}")]
    NoRecord(u64),
    /// No such hold.
    #[error("there is no legal hold {0}")]
    NoHold(String),
    /// Several holds, of which one has to be named.
    #[error("there are several legal holds on `{class}` (records {}); name one of them", list(.records))]
    ManyHolds {
        /// On which class.
        class: String,
        /// The records that set them.
        records: Vec<u64>,
    },
    /// Destroyed before.
    #[error("the class `{name}` was destroyed (record {record})")]
    Destroyed {
        /// Which.
        name: String,
        /// The record that says so.
        record: u64,
    },
    /// A legal hold forbids it.
    #[error("the class `{name}` is under legal hold (records {})", list(.records))]
    Held {
        /// Which.
        name: String,
        /// The records that set the holds.
        records: Vec<u64>,
    },
    /// It is too early.
    #[error("what is in the class `{name}` has to be kept until {until}")]
    Kept {
        /// Which.
        name: String,
        /// Until when.
        until: String,
    },
    /// The key is not here, so that it cannot be used or destroyed.
    #[error("the key of the class `{0}` is not here")]
    NoKey(String),
}

fn list(records: &[u64]) -> String {
    records.iter().map(u64::to_string).collect::<Vec<_>>().join(", ")
}

/// How long things are kept: years, months or days by the calendar, in UTC.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Retention {
    count: u16,
    unit: char,
}

impl std::str::FromStr for Retention {
    type Err = ClassError;

    fn from_str(text: &str) -> Result<Retention, ClassError> {
        let wrong = || ClassError::Retention(text.to_owned());
        let unit = text.chars().last().filter(|unit| matches!(unit, 'y' | 'm' | 'd')).ok_or_else(wrong)?;
        let digits = text.strip_suffix(unit).filter(|digits| digits.bytes().all(|byte| byte.is_ascii_digit())).ok_or_else(wrong)?;
        let count = digits.parse().ok().filter(|count| (1..=9_999).contains(count)).ok_or_else(wrong)?;
        let retention = Retention { count, unit };
        // A date that the calendar does not have ends nothing.
        retention.end(Timestamp { seconds: 0, nanoseconds: 0 }).map(|_| retention).ok_or_else(wrong)
    }
}

impl fmt::Display for Retention {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}{}", self.count, self.unit)
    }
}

impl Retention {
    /// When what was sealed at this time need not be kept any more; `None` where the calendar ends before.
    #[must_use]
    pub fn end(&self, from: Timestamp) -> Option<Timestamp> {
        let count = i64::from(self.count);
        let span = match self.unit {
            'y' => jiff::Span::new().try_years(count),
            'm' => jiff::Span::new().try_months(count),
            _ => jiff::Span::new().try_days(count),
        };
        let nanoseconds = i32::try_from(from.nanoseconds).ok()?;
        let from = jiff::tz::Offset::UTC.to_datetime(jiff::Timestamp::new(from.seconds, nanoseconds).ok()?);
        let end = jiff::tz::Offset::UTC.to_timestamp(from.checked_add(span.ok()?).ok()?).ok()?;
        Some(Timestamp { seconds: end.as_second(), nanoseconds: u32::try_from(end.subsec_nanosecond()).unwrap_or(0) })
    }
}

/// How a class ended.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Destroyed {
    /// The record that says so.
    pub record: u64,
    /// When.
    pub time: Timestamp,
    /// Why, where it was before its time.
    pub early: Option<String>,
}

/// A class as the log tells it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ClassState {
    /// Its key.
    pub key: ClassKeyId,
    /// How long what is sealed in it is kept.
    pub retention: Retention,
    /// The record that began it.
    pub record: u64,
    /// Records with something sealed in it.
    pub records: BTreeSet<u64>,
    /// When the last of it was sealed; its beginning while it is empty.
    pub last: Timestamp,
    /// How it ended.
    pub destroyed: Option<Destroyed>,
}

/// What a legal hold is on.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum HoldTarget {
    /// A whole class.
    Class(String),
    /// One record, and with it the classes that something of it is sealed in.
    Record(u64),
}

impl fmt::Display for HoldTarget {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            HoldTarget::Class(name) => f.write_str(name),
            HoldTarget::Record(index) => write!(f, "record {index}"),
        }
    }
}

/// A legal hold that was not released.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Hold {
    /// What it is on.
    pub target: HoldTarget,
    /// Why.
    pub reason: String,
    /// When it was set.
    pub time: Timestamp,
}

#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct ClassJson {
    event: ClassEvent,
    class: String,
    key: String,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    retain: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    early: Option<String>,
    time: String,
}

#[derive(Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
enum ClassEvent {
    Created,
    Destroyed,
}

#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct HoldJson {
    event: HoldEvent,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    class: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    record: Option<u64>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    hold: Option<u64>,
    reason: String,
    time: String,
}

#[derive(Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
enum HoldEvent {
    Set,
    Released,
}

fn statement(kind: &str, subject: &str, predicate: impl Serialize) -> Result<Statement, StatementError> {
    let predicate = match serde_json::to_value(predicate) {
        Ok(Value::Object(map)) => map,
        Ok(_) => serde_json::Map::new(),
        Err(error) => return Err(StatementError::Json(error.to_string())),
    };
    let subjects = vec![Descriptor::sha256(subject, sha256(subject.as_bytes()))];
    Ok(Statement { subjects, predicate_type: kind.to_owned(), predicate })
}

fn read<T: for<'a> Deserialize<'a>>(statement: &Statement) -> Result<T, StatementError> {
    T::deserialize(Value::Object(statement.predicate.clone())).map_err(|error: serde_json::Error| StatementError::Json(error.to_string()))
}

fn reason(text: &str) -> Result<String, ClassError> {
    let fits = !text.trim().is_empty() && text.len() <= MAX_REASON && !text.chars().any(char::is_control);
    if fits { Ok(text.to_owned()) } else { Err(ClassError::Reason) }
}

/// All classes and holds of a log.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Classes {
    size: u64,
    classes: BTreeMap<String, ClassState>,
    holds: BTreeMap<u64, Hold>,
}

impl Classes {
    /// Reads them from the log's own records. Classes of logs that were taken in are the affair of whoever has their keys.
    pub fn read(reader: &LogReader<'_>) -> Result<Classes, ClassError> {
        let mut all = Classes { size: reader.size(), ..Classes::default() };
        let mut skip = 0;
        for entry in reader.entries() {
            let (index, record) = entry?;
            if skip > 0 {
                skip -= 1;
                continue;
            }
            let wrong = |source| ClassError::Record { index, source };
            let statement = Statement::of_record(&record).map_err(wrong)?;
            if let Some(import) = ImportRecord::of_statement(&statement).map_err(wrong)? {
                skip = import.count();
                continue;
            }
            all.take(index, &statement).map_err(wrong)?;
        }
        Ok(all)
    }

    fn take(&mut self, index: u64, statement: &Statement) -> Result<(), StatementError> {
        let wrong = |why: String| StatementError::Json(why);
        match statement.predicate_type.as_str() {
            RETENTION_CLASS_V1 => {
                let json: ClassJson = read(statement)?;
                let key: ClassKeyId = json.key.parse().map_err(|error: SealError| wrong(error.to_string()))?;
                let time = parse_time(&json.time)?;
                match json.event {
                    ClassEvent::Created => {
                        let retain = json.retain.ok_or_else(|| wrong("no `retain`".to_owned()))?;
                        let retention = retain.parse().map_err(|error: ClassError| wrong(error.to_string()))?;
                        let state = ClassState { key, retention, record: index, records: BTreeSet::new(), last: time, destroyed: None };
                        if self.classes.contains_key(&json.class) {
                            return Err(wrong(format!("a second class `{}`", json.class)));
                        }
                        self.classes.insert(json.class, state);
                    }
                    ClassEvent::Destroyed => {
                        let state = self.classes.get_mut(&json.class).filter(|state| state.key == key && state.destroyed.is_none());
                        let state = state.ok_or_else(|| wrong(format!("no class `{}` of this key to destroy", json.class)))?;
                        state.destroyed = Some(Destroyed { record: index, time, early: json.early });
                    }
                }
            }
            LEGAL_HOLD_V1 => {
                let json: HoldJson = read(statement)?;
                match (json.event, json.class, json.record, json.hold) {
                    (HoldEvent::Set, Some(class), None, None) => {
                        let hold = Hold { target: HoldTarget::Class(class), reason: json.reason, time: parse_time(&json.time)? };
                        self.holds.insert(index, hold);
                    }
                    (HoldEvent::Set, None, Some(record), None) => {
                        let hold = Hold { target: HoldTarget::Record(record), reason: json.reason, time: parse_time(&json.time)? };
                        self.holds.insert(index, hold);
                    }
                    (HoldEvent::Released, None, None, Some(hold)) => {
                        self.holds.remove(&hold).ok_or_else(|| wrong(format!("no hold {hold} to release")))?;
                    }
                    _ => return Err(wrong("a hold names a class, a record or a hold".to_owned())),
                }
            }
            _ => {
                for blob in SealedBlob::of_statement(statement)? {
                    let Some(state) = self.classes.get_mut(&blob.class).filter(|state| state.key == blob.key) else { continue };
                    state.records.insert(index);
                    state.last = state.last.max(blob.time);
                }
            }
        }
        Ok(())
    }

    /// All classes by name.
    pub fn iter(&self) -> impl Iterator<Item = (&str, &ClassState)> {
        self.classes.iter().map(|(name, state)| (name.as_str(), state))
    }

    /// A class.
    pub fn class(&self, name: &str) -> Result<&ClassState, ClassError> {
        self.classes.get(name).ok_or_else(|| ClassError::NoClass(name.to_owned()))
    }

    /// A class that something can be sealed in.
    pub fn open_class(&self, name: &str) -> Result<&ClassState, ClassError> {
        let state = self.class(name)?;
        match &state.destroyed {
            None => Ok(state),
            Some(destroyed) => Err(ClassError::Destroyed { name: name.to_owned(), record: destroyed.record }),
        }
    }

    /// How the class with this key ended, if it has.
    #[must_use]
    pub fn destroyed(&self, key: ClassKeyId) -> Option<&Destroyed> {
        self.classes.values().find(|state| state.key == key)?.destroyed.as_ref()
    }

    /// The holds that keep a class, by the records that set them.
    #[must_use]
    pub fn holds(&self, name: &str) -> Vec<(u64, &Hold)> {
        let concerns = |hold: &Hold| match &hold.target {
            HoldTarget::Class(class) => class == name,
            HoldTarget::Record(index) => self.classes.get(name).is_some_and(|state| state.records.contains(index)),
        };
        self.holds.iter().filter(|(_, hold)| concerns(hold)).map(|(index, hold)| (*index, hold)).collect()
    }

    /// Whether a class may be destroyed at this time; `early` leaves its retention aside, never a hold.
    pub fn may_destroy(&self, name: &str, now: Timestamp, early: bool) -> Result<(), ClassError> {
        let state = self.open_class(name)?;
        let records: Vec<u64> = self.holds(name).into_iter().map(|(index, _)| index).collect();
        if !records.is_empty() {
            return Err(ClassError::Held { name: name.to_owned(), records });
        }
        // What the calendar cannot tell the end of, and what holds nothing that has to be kept.
        let until = state.retention.end(state.last);
        if !early && !state.records.is_empty() && until.is_none_or(|until| now < until) {
            let until = until.and_then(|until| format_time(until).ok()).unwrap_or_else(|| "the end of the calendar".to_owned());
            return Err(ClassError::Kept { name: name.to_owned(), until });
        }
        Ok(())
    }
}

impl Ledger {
    /// Appends a record that depends on the classes as they are, while nobody else can change them.
    pub fn append_with<E: From<ClassError>>(
        &mut self,
        build: impl FnOnce(&Classes) -> Result<(Statement, Vec<Vec<u8>>), E>,
    ) -> Result<Receipt, E> {
        let storage = std::sync::Arc::clone(&self.storage);
        let fail = |error: AppendError| E::from(ClassError::Append(error));
        let _lock = storage.lock().map_err(|error| fail(error.into()))?;
        self.refresh().map_err(|error| fail(error.into()))?;
        let classes = Classes::read(&self.reader().map_err(|error| fail(error.into()))?).map_err(E::from)?;
        let (statement, blobs) = build(&classes)?;
        let record = statement.sign(&*self.signer).map_err(|error| fail(error.into()))?;
        let entry = check_entry(&*storage, record, blobs, &[self.key.key()]).map_err(fail)?;
        let committed = self.append_locked(&[&entry]).map_err(fail)?;
        let last = committed.checkpoint.size.saturating_sub(1);
        committed.receipt(last, entry.digest()).ok_or_else(|| fail(AppendError::Full))
    }

    /// Begins a class with a new key. Should the record not get into the log, a key is left that seals nothing.
    pub fn new_class(&mut self, keys: &dyn ClassKeys, name: &str, retention: Retention, time: Timestamp) -> Result<Receipt, ClassError> {
        let first = name.bytes().next().is_some_and(|byte| byte.is_ascii_lowercase());
        let rest = name.bytes().all(|byte| byte.is_ascii_lowercase() || byte.is_ascii_digit() || byte == b'-');
        if !first || !rest || name.len() > MAX_NAME {
            return Err(ClassError::Name(name.to_owned()));
        }
        self.append_with(|classes| {
            if let Ok(state) = classes.class(name) {
                return Err(ClassError::Used { name: name.to_owned(), record: state.record });
            }
            let key = ClassKey::generate()?;
            keys.put(&key)?;
            let json = ClassJson {
                event: ClassEvent::Created,
                class: name.to_owned(),
                key: key.id().to_string(),
                retain: Some(retention.to_string()),
                early: None,
                time: format_time(time).map_err(AppendError::from)?,
            };
            Ok((statement(RETENTION_CLASS_V1, name, json).map_err(AppendError::from)?, Vec::new()))
        })
    }

    /// Writes down that a class is destroyed, then destroys its key. Refused under a legal hold, and before its time without a reason in
    /// `early`. Gives `None` where an earlier destruction was written down but not completed, and is now.
    pub fn destroy_class(
        &mut self,
        keys: &dyn ClassKeys,
        name: &str,
        early: Option<&str>,
        time: Timestamp,
    ) -> Result<Option<Receipt>, ClassError> {
        let mut id = None;
        let early = early.map(reason).transpose()?;
        let appended = self.append_with(|classes| {
            let state = classes.class(name)?;
            let here = keys.key(state.key);
            // A file that is no key any more was being overwritten.
            let there = !matches!(here, Ok(None));
            if there && state.destroyed.is_some() {
                id = Some(state.key);
            }
            classes.may_destroy(name, time, early.is_some())?;
            if !there {
                return Err(ClassError::NoKey(name.to_owned()));
            }
            here?;
            id = Some(state.key);
            let json = ClassJson {
                event: ClassEvent::Destroyed,
                class: name.to_owned(),
                key: state.key.to_string(),
                retain: None,
                early,
                time: format_time(time).map_err(AppendError::from)?,
            };
            Ok((statement(RETENTION_CLASS_V1, name, json).map_err(AppendError::from)?, Vec::new()))
        });
        match (appended, id) {
            // INVARIANT: the record is durable before the key is gone.
            (Ok(receipt), Some(id)) => keys.destroy(id).map(|()| Some(receipt)).map_err(ClassError::from),
            (Err(ClassError::Destroyed { .. }), Some(id)) => keys.destroy(id).map(|()| None).map_err(ClassError::from),
            (Err(error), _) => Err(error),
            (Ok(receipt), None) => Ok(Some(receipt)),
        }
    }

    /// Sets a legal hold on a class or a record. Each hold stands for itself; its name is the place of its record.
    pub fn set_hold(&mut self, target: &HoldTarget, why: &str, time: Timestamp) -> Result<Receipt, ClassError> {
        let why = reason(why)?;
        self.append_with(|classes| {
            let (class, record) = match target {
                HoldTarget::Class(name) => {
                    classes.open_class(name)?;
                    (Some(name.clone()), None)
                }
                HoldTarget::Record(index) if *index < classes.size => (None, Some(*index)),
                HoldTarget::Record(index) => return Err(ClassError::NoRecord(*index)),
            };
            let time = format_time(time).map_err(AppendError::from)?;
            let json = HoldJson { event: HoldEvent::Set, class, record, hold: None, reason: why, time };
            Ok((statement(LEGAL_HOLD_V1, &target.to_string(), json).map_err(AppendError::from)?, Vec::new()))
        })
    }

    /// Releases a hold, by the place of its record or by a class that only one hold is on.
    pub fn release_hold(&mut self, target: &HoldTarget, why: &str, time: Timestamp) -> Result<Receipt, ClassError> {
        let why = reason(why)?;
        self.append_with(|classes| {
            let hold = match target {
                HoldTarget::Record(index) if classes.holds.contains_key(index) => *index,
                HoldTarget::Record(index) => return Err(ClassError::NoHold(index.to_string())),
                HoldTarget::Class(name) => {
                    classes.class(name)?;
                    let on_it: Vec<u64> = classes
                        .holds
                        .iter()
                        .filter(|(_, hold)| hold.target == HoldTarget::Class(name.clone()))
                        .map(|(index, _)| *index)
                        .collect();
                    match on_it.as_slice() {
                        [one] => *one,
                        [] => return Err(ClassError::NoHold(format!("on `{name}`"))),
                        _ => return Err(ClassError::ManyHolds { class: name.clone(), records: on_it }),
                    }
                }
            };
            let time = format_time(time).map_err(AppendError::from)?;
            let json = HoldJson { event: HoldEvent::Released, class: None, record: None, hold: Some(hold), reason: why, time };
            Ok((statement(LEGAL_HOLD_V1, &format!("hold {hold}"), json).map_err(AppendError::from)?, Vec::new()))
        })
    }
}
