//! Retention classes and legal holds against a model, and on storages that fail at every call.
#![allow(clippy::unwrap_used, clippy::panic)]

mod common;

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use common::{ORIGIN, key};
use probity_attest::sealed::SealedBlob;
use probity_attest::sha256;
use probity_attest::statement::{Descriptor, Statement};
use probity_core::Timestamp;
use probity_ledger::{
    ClassError, ClassKeys, Classes, Fault, FaultyStorage, HoldTarget, Ledger, LogReader, MemoryClassKeys, MemoryStorage, Storage,
    VerifyOptions, verify,
};
use proptest::prelude::*;
use serde_json::json;

const DAY: i64 = 86_400;
const PLAIN: &[u8] = b"what a person said";

fn at(day: i64) -> Timestamp {
    Timestamp { seconds: day * DAY, nanoseconds: 0 }
}

fn open(storage: &Arc<MemoryStorage>) -> Ledger {
    Ledger::open_or_create(Arc::clone(storage) as _, key(1), ORIGIN).unwrap()
}

/// Appends a record with a file sealed in a class.
fn seal(ledger: &mut Ledger, keys: &dyn ClassKeys, class: &str, day: i64) -> Result<u64, ClassError> {
    let receipt = ledger.append_with(|classes| {
        let state = classes.open_class(class)?;
        let key = keys.key(state.key)?.ok_or_else(|| ClassError::NoKey(class.to_owned()))?;
        let stored = key.seal(class, PLAIN)?;
        let digest = sha256(PLAIN);
        let sealed = SealedBlob {
            name: "said".into(),
            class: class.into(),
            key: key.id(),
            plaintext: digest,
            size: PLAIN.len() as u64,
            time: at(day),
        };
        let blob = json!({ "name": "said", "digest": { "sha256": sha256(&stored).to_string() }, "size": stored.len() });
        let predicate = json!({ "probity": { "blobs": [blob], "sealed": [sealed.to_json().unwrap()] } });
        let predicate = predicate.as_object().unwrap().clone();
        let subjects = vec![Descriptor::sha256("said", digest)];
        Ok::<_, ClassError>((Statement { subjects, predicate_type: "https://example.com/said/v1".into(), predicate }, vec![stored]))
    })?;
    Ok(receipt.proof.index)
}

/// The plaintext of a record's sealed file, while its key is there.
fn said(storage: &dyn Storage, keys: &dyn ClassKeys, index: u64) -> Option<Vec<u8>> {
    let reader = LogReader::open(storage, None).unwrap();
    let statement = Statement::of_record(&reader.entry(index).unwrap()).unwrap();
    let sealed = &SealedBlob::of_statement(&statement).unwrap()[0];
    let stored = reader.blob(&statement.blobs().unwrap()[0].digest).unwrap();
    let key = keys.key(sealed.key).unwrap()?;
    Some(key.open(&sealed.class, &sealed.plaintext, &stored).unwrap())
}

#[derive(Clone, Debug)]
enum Step {
    New(u8),
    Seal(u8),
    HoldClass(u8),
    HoldRecord(u64),
    Release(u64),
    Destroy(u8, bool),
    Pass(u8),
}

fn steps() -> impl Strategy<Value = Vec<Step>> {
    let step = prop_oneof![
        2 => (0..3_u8).prop_map(Step::New),
        4 => (0..3_u8).prop_map(Step::Seal),
        1 => (0..3_u8).prop_map(Step::HoldClass),
        2 => (0..20_u64).prop_map(Step::HoldRecord),
        3 => (0..20_u64).prop_map(Step::Release),
        4 => (0..3_u8, any::<bool>()).prop_map(|(class, early)| Step::Destroy(class, early)),
        2 => (0..6_u8).prop_map(Step::Pass),
    ];
    prop::collection::vec(step, 1..40)
}

/// What should hold, told without the log.
#[derive(Default)]
struct Model {
    /// By class: the records in it, when the last was sealed, and whether its key is gone.
    classes: BTreeMap<u8, (BTreeSet<u64>, i64, bool)>,
    /// By the record that set it: the class or the record it is on.
    holds: BTreeMap<u64, Result<u8, u64>>,
    size: u64,
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 64, failure_persistence: None, ..ProptestConfig::default() })]
    #[test]
    fn as_the_model_says(steps in steps()) {
        let (storage, keys) = (Arc::new(MemoryStorage::new()), MemoryClassKeys::new());
        let mut ledger = open(&storage);
        let (mut model, mut day) = (Model::default(), 1000);
        let name = |class: u8| format!("class-{class}");
        for step in steps {
            let before = model.size;
            let alive = |model: &Model, class: u8| model.classes.get(&class).is_some_and(|(_, _, gone)| !gone);
            let (done, should) = match step {
                Step::New(class) => {
                    let should = !model.classes.contains_key(&class);
                    if should {
                        model.classes.insert(class, (BTreeSet::new(), day, false));
                    }
                    (ledger.new_class(&keys, &name(class), "5d".parse().unwrap(), at(day)).is_ok(), should)
                }
                Step::Seal(class) => {
                    let should = alive(&model, class);
                    if should {
                        let (records, last, _) = model.classes.get_mut(&class).unwrap();
                        records.insert(before);
                        *last = day;
                    }
                    (seal(&mut ledger, &keys, &name(class), day).is_ok(), should)
                }
                Step::HoldClass(class) => {
                    let should = alive(&model, class);
                    if should {
                        model.holds.insert(before, Ok(class));
                    }
                    (ledger.set_hold(&HoldTarget::Class(name(class)), "case", at(day)).is_ok(), should)
                }
                Step::HoldRecord(index) => {
                    let should = index < before;
                    if should {
                        model.holds.insert(before, Err(index));
                    }
                    (ledger.set_hold(&HoldTarget::Record(index), "case", at(day)).is_ok(), should)
                }
                Step::Release(index) => {
                    let should = model.holds.remove(&index).is_some();
                    (ledger.release_hold(&HoldTarget::Record(index), "closed", at(day)).is_ok(), should)
                }
                Step::Destroy(class, early) => {
                    let held = |records: &BTreeSet<u64>| {
                        model.holds.values().any(|on| match on {
                            Ok(held) => *held == class,
                            Err(index) => records.contains(index),
                        })
                    };
                    let should = model.classes.get(&class).is_some_and(|(records, last, gone)| {
                        !gone && !held(records) && (early || records.is_empty() || day >= last + 5)
                    });
                    if should {
                        model.classes.get_mut(&class).unwrap().2 = true;
                    }
                    let why = early.then_some("asked for");
                    (ledger.destroy_class(&keys, &name(class), why, at(day)).is_ok(), should)
                }
                Step::Pass(days) => {
                    day += i64::from(days);
                    continue;
                }
            };
            prop_assert_eq!(done, should, "{:?}", step);
            model.size += u64::from(should);
            prop_assert_eq!(ledger.reader().unwrap().size(), model.size, "what is refused leaves no record");
        }
        if model.size > 0 {
            verify(&*storage, &VerifyOptions::default()).unwrap();
        }
        let classes = Classes::read(&ledger.reader().unwrap()).unwrap();
        for (class, (records, _, gone)) in &model.classes {
            prop_assert_eq!(&classes.class(&name(*class)).unwrap().records, records);
            for index in records {
                let expected = (!gone).then(|| PLAIN.to_vec());
                prop_assert_eq!(said(&*storage, &keys, *index), expected);
            }
        }
        let files = storage.files();
        prop_assert!(!files.values().any(|bytes| bytes.windows(PLAIN.len()).any(|part| part == PLAIN)));
    }
}

#[test]
fn retention_by_the_calendar() {
    let check = |text: &str, from: i64, end: i64| {
        let retention: probity_ledger::Retention = text.parse().unwrap();
        assert_eq!(retention.to_string(), text);
        assert_eq!(retention.end(at(from)), Some(at(end)), "{text}");
    };
    check("90d", 0, 90);
    check("1m", 0, 31);
    check("1y", 0, 365);
    // Over the leap day of 1972.
    check("7y", 0, 2557);
    for wrong in ["", "y", "0y", "7", "7w", "-7y", "+7y", "1.5y", "10000d", "9999y", "7ÿ"] {
        assert!(matches!(wrong.parse::<probity_ledger::Retention>(), Err(ClassError::Retention(_))), "{wrong}");
    }
}

/// At every call and in both ways of failing: no key is destroyed that the log does not say is, and asking again completes it.
#[test]
fn no_failure_destroys_a_key_without_a_record() {
    let (begun, kept) = (Arc::new(MemoryStorage::new()), MemoryClassKeys::new());
    let mut ledger = open(&begun);
    ledger.new_class(&kept, "logs", "5d".parse().unwrap(), at(0)).unwrap();
    let index = seal(&mut ledger, &kept, "logs", 0).unwrap();
    let id = Classes::read(&ledger.reader().unwrap()).unwrap().class("logs").unwrap().key;
    let text = kept.key(id).unwrap().unwrap().to_text();
    let run = |fault: Option<Fault>| {
        let keys = MemoryClassKeys::new();
        keys.put(&probity_attest::sealed::ClassKey::parse(&text).unwrap()).unwrap();
        let memory = Arc::new(MemoryStorage::with_files(begun.files()));
        let faulty = Arc::new(FaultyStorage::new(Arc::clone(&memory) as _));
        faulty.set(fault);
        let opened = Ledger::open_or_create(Arc::clone(&faulty) as _, key(1), ORIGIN);
        let first = opened.map(|mut ledger| ledger.destroy_class(&keys, "logs", None, at(6)).is_ok());
        let calls = faulty.calls();
        let told = || Classes::read(&open(&memory).reader().unwrap()).unwrap().class("logs").unwrap().destroyed.is_some();
        let here = keys.key(id).unwrap().is_some();
        assert!(here || told(), "{fault:?}: the key is gone and nothing says so");
        assert_eq!(matches!(first, Ok(true)), !here, "{fault:?}");
        // A key that is here after the record is completed by asking again; one that never was recorded is destroyed now.
        faulty.set(None);
        if here {
            open(&memory).destroy_class(&keys, "logs", None, at(6)).unwrap();
        }
        assert!(told() && keys.key(id).unwrap().is_none(), "{fault:?}");
        verify(&*memory, &VerifyOptions::default()).unwrap();
        assert_eq!(open(&memory).reader().unwrap().size(), 3, "{fault:?}: one record of the destruction");
        assert_eq!(said(&*memory, &keys, index), None);
        calls
    };
    let calls = run(None);
    assert!(calls > 10);
    for call in 0..calls {
        run(Some(Fault::NotDone(call)));
        run(Some(Fault::ReplyLost(call)));
    }
}
