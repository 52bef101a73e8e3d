//! What is sealed: only what a store confirmed. Against a strict stand-in of S3, and against stores that lie.
#![allow(clippy::disallowed_methods, reason = "a test touches the world on purpose")]
#![allow(clippy::unwrap_used, clippy::panic)]

use std::sync::Mutex;
use std::time::Duration;

use probity_attest::sha256;
use probity_core::Timestamp;
use probity_store::s3::{Condition, Put};
use probity_store::{
    Credentials, Hold, Kept, Made, Mode, Reach, S3, S3Place, S3Worm, SealError, StoreError, WormStore, confirm, extend, seal,
};
use probity_testkit::s3::{Fault, KEY_ID, SECRET, StubS3};

fn after(seconds: i64) -> Timestamp {
    let now = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH).unwrap().as_secs();
    Timestamp { seconds: i64::try_from(now).unwrap() + seconds, nanoseconds: 0 }
}

fn hold(mode: Mode, seconds: i64) -> Hold {
    Hold { mode, until: after(seconds), legal_hold: false }
}

fn open(lock: bool) -> (StubS3, S3Worm) {
    let stub = StubS3::start().unwrap();
    let place: S3Place = format!("s3://worm-test?endpoint={}", stub.endpoint()).parse().unwrap();
    let reach = Reach { deadline: Duration::from_secs(10), pause: Duration::from_millis(1), ..Reach::default() };
    let store = S3::with(place, Credentials::of_keys(KEY_ID, SECRET), reach).unwrap();
    store.create_bucket(lock).unwrap();
    (stub, S3Worm(store))
}

#[test]
fn what_is_sealed_is_kept() {
    let (stub, store) = open(true);
    let asked = Hold { legal_hold: true, ..hold(Mode::Compliance, 3600) };
    let sealed = seal(&store, "tile/0/000", b"hashes", &asked).unwrap();
    assert_eq!((sealed.mode(), sealed.until(), sealed.legal_hold()), (Mode::Compliance, asked.until, true));
    assert_eq!((sealed.name(), sealed.sha256()), ("tile/0/000", sha256(b"hashes")));
    assert!(sealed.version().is_some());
    // Once more, with less asked for: nothing is sent that would weaken it.
    let before = stub.requests().len();
    let again = seal(&store, "tile/0/000", b"hashes", &hold(Mode::Governance, 60)).unwrap();
    assert_eq!((again.mode(), again.until()), (Mode::Compliance, asked.until));
    assert!(stub.requests().iter().skip(before).all(|request| !request.contains("retention") && !request.contains("legal-hold")));
    // Once more, with more asked for.
    let longer = hold(Mode::Compliance, 7200);
    assert_eq!(seal(&store, "tile/0/000", b"hashes", &longer).unwrap().until(), longer.until);
    assert!(matches!(seal(&store, "tile/0/000", b"others", &longer), Err(SealError::OtherContent { .. })));
    assert!(matches!(seal(&store, "x", b"", &hold(Mode::Compliance, -1)), Err(SealError::Past { .. })));
    assert!(matches!(confirm(&store, "x", sha256(b""), &longer), Err(SealError::Missing(_))));
}

#[test]
fn lost_replies_do_not_matter() {
    for fault in [Fault::ReplyLost, Fault::NotDone, Fault::Busy, Fault::BusyAfter, Fault::Conflict] {
        for method in ["PUT", "HEAD"] {
            let (stub, store) = open(true);
            stub.fail(method, "x", fault.clone());
            let outcome = seal(&store, "x", b"1", &hold(Mode::Compliance, 3600));
            if (method, &fault) == ("PUT", &Fault::Conflict) {
                // Somebody else is said to write it, and then it is not there.
                assert!(matches!(outcome, Err(SealError::Missing(_))), "{outcome:?}");
            } else if method == "HEAD" && fault == Fault::Conflict {
                assert!(matches!(outcome, Err(SealError::Store(_))), "{outcome:?}");
            } else {
                outcome.unwrap_or_else(|error| panic!("{method} {fault:?}: {error}"));
                assert_eq!(stub.history("worm-test", "x").len(), 1, "{method} {fault:?}");
            }
        }
    }
}

#[test]
fn a_bucket_without_object_lock_seals_nothing() {
    let (_stub, store) = open(false);
    let error = seal(&store, "x", b"1", &hold(Mode::Compliance, 3600)).unwrap_err();
    assert!(matches!(&error, SealError::Store(StoreError::Refused { status: 400, .. })), "{error}");
    store.0.put("y", b"1", &Condition::None, None).unwrap();
    assert!(confirm(&store, "y", sha256(b"1"), &hold(Mode::Governance, 60)).is_err());
}

#[test]
fn what_was_there_unretained_is_retained() {
    let (_stub, store) = open(true);
    let Put::Done { .. } = store.0.put("x", b"1", &Condition::None, None).unwrap() else { panic!() };
    let asked = hold(Mode::Governance, 3600);
    assert!(matches!(confirm(&store, "x", sha256(b"1"), &asked), Err(SealError::Unconfirmed { .. })));
    let sealed = seal(&store, "x", b"1", &asked).unwrap();
    assert_eq!(sealed.mode(), Mode::Governance);
    let firmer = extend(&store, &sealed, &hold(Mode::Compliance, 7200)).unwrap();
    assert_eq!(firmer.mode(), Mode::Compliance);
}

#[test]
fn nothing_is_shortened_or_weakened() {
    let (stub, store) = open(true);
    let sealed = seal(&store, "x", b"1", &hold(Mode::Compliance, 3600)).unwrap();
    let before = stub.requests().len();
    assert!(matches!(extend(&store, &sealed, &hold(Mode::Compliance, 3000)), Err(SealError::Shorter { .. })));
    assert!(matches!(extend(&store, &sealed, &hold(Mode::Governance, 7200)), Err(SealError::Weaker(_))));
    assert!(stub.requests().iter().skip(before).all(|request| request.starts_with("HEAD ")), "nothing but looks was sent");
    assert!(extend(&store, &sealed, &hold(Mode::Compliance, 7200)).is_ok());
}

/// A store that says yes to everything, and then says this.
struct Says {
    kept: Option<Kept>,
    asked: Mutex<Vec<&'static str>>,
}

impl WormStore for Says {
    fn create(&self, _: &str, _: &[u8], _: &Hold) -> Result<Made, StoreError> {
        self.asked.lock().unwrap().push("create");
        Ok(Made::New)
    }
    fn look(&self, _: &str, _: Option<&str>) -> Result<Option<Kept>, StoreError> {
        Ok(self.kept.clone())
    }
    fn read(&self, _: &str, _: Option<&str>) -> Result<Option<Vec<u8>>, StoreError> {
        Ok(Some(b"1".to_vec()))
    }
    fn retain(&self, _: &str, _: Option<&str>, _: Mode, _: Timestamp) -> Result<(), StoreError> {
        self.asked.lock().unwrap().push("retain");
        Ok(())
    }
    fn hold(&self, _: &str, _: Option<&str>) -> Result<(), StoreError> {
        self.asked.lock().unwrap().push("hold");
        Ok(())
    }
    fn place(&self) -> String {
        "a store that lies".to_owned()
    }
}

#[test]
fn a_store_that_says_yes_and_does_less_seals_nothing() {
    let asked = Hold { legal_hold: true, ..hold(Mode::Compliance, 3600) };
    let right =
        Kept { version: Some("1".into()), size: 1, sha256: None, retention: Some((Mode::Compliance, asked.until)), legal_hold: true };
    let sealed = |kept: Option<Kept>| seal(&Says { kept, asked: Mutex::default() }, "x", b"1", &asked).is_ok();
    assert!(sealed(Some(right.clone())));
    let earlier = Timestamp { seconds: asked.until.seconds - 1, nanoseconds: 0 };
    assert!(!sealed(None));
    assert!(!sealed(Some(Kept { retention: None, ..right.clone() })));
    assert!(!sealed(Some(Kept { retention: Some((Mode::Governance, asked.until)), ..right.clone() })));
    assert!(!sealed(Some(Kept { retention: Some((Mode::Compliance, earlier)), ..right.clone() })));
    assert!(!sealed(Some(Kept { legal_hold: false, ..right.clone() })));
    assert!(!sealed(Some(Kept { sha256: Some(sha256(b"2")), ..right })));
}

#[test]
fn a_store_that_forgets_is_not_asked_for_less() {
    let asked = hold(Mode::Compliance, 3600);
    let right =
        Kept { version: Some("1".into()), size: 1, sha256: None, retention: Some((Mode::Compliance, asked.until)), legal_hold: false };
    let mut store = Says { kept: Some(right), asked: Mutex::default() };
    let sealed = seal(&store, "x", b"1", &asked).unwrap();
    store.kept.as_mut().unwrap().retention = None;
    store.asked.lock().unwrap().clear();
    assert!(matches!(extend(&store, &sealed, &hold(Mode::Compliance, 60)), Err(SealError::Shorter { .. })));
    assert!(matches!(extend(&store, &sealed, &hold(Mode::Governance, 7200)), Err(SealError::Weaker(_))));
    assert!(store.asked.lock().unwrap().is_empty());
}
