//! The client of S3 against a strict stand-in: signatures, conditions, lists, faults, bounds, credentials of a runner.
#![allow(clippy::disallowed_methods, reason = "a test touches the world on purpose")]
#![allow(clippy::unwrap_used, clippy::panic)]

use std::time::Duration;

use probity_store::s3::{Condition, ETag, Put};
use probity_store::{Credentials, Hold, Mode, Reach, S3, S3Place, StoreError};
use probity_testkit::s3::{Fault, KEY_ID, SECRET, StubS3};

fn reach() -> Reach {
    Reach { deadline: Duration::from_secs(10), pause: Duration::from_millis(1), ..Reach::default() }
}

fn place(stub: &StubS3) -> S3Place {
    format!("s3://evidence/team a?endpoint={}", stub.endpoint()).parse().unwrap()
}

fn client(stub: &StubS3) -> S3 {
    S3::with(place(stub), Credentials::of_keys(KEY_ID, SECRET), reach()).unwrap()
}

fn open(lock: bool) -> (StubS3, S3) {
    let stub = StubS3::start().unwrap();
    let store = client(&stub);
    store.create_bucket(lock).unwrap();
    (stub, store)
}

fn etag(put: Put) -> ETag {
    match put {
        Put::Done { etag, .. } => etag,
        Put::Lost => panic!("not written"),
    }
}

#[test]
fn objects_are_written_read_listed_and_deleted() {
    let (stub, store) = open(false);
    assert_eq!(store.get("a/b", 100).unwrap(), None);
    assert_eq!(store.look("a/b", None).unwrap(), None);
    for name in ["a/b", "a/ c+d=&?é", "a.x", "b"] {
        store.put(name, name.as_bytes(), &Condition::None, None).unwrap();
        assert_eq!(store.get(name, 100).unwrap().unwrap().bytes, name.as_bytes());
    }
    assert_eq!(store.look("b", None).unwrap().unwrap().size, 1);
    stub.page(2);
    assert_eq!(store.list("").unwrap(), ["a.x", "a/ c+d=&?é", "a/b", "b"]);
    assert_eq!(store.list("a/").unwrap(), ["a/ c+d=&?é", "a/b"]);
    store.delete("b", None, false).unwrap();
    store.delete("b", None, false).unwrap();
    store.delete_all(&["a/b".to_owned(), "a/ c+d=&?é".to_owned()]).unwrap();
    assert_eq!(store.list("").unwrap(), ["a.x"]);
    for name in ["", "/a", "a//b", "../a", "a/./b", "a\n"] {
        assert!(matches!(store.get(name, 1), Err(StoreError::Name(_))), "{name:?}");
    }
}

#[test]
fn conditions_hold() {
    let (_stub, store) = open(false);
    let first = etag(store.put("x", b"1", &Condition::Absent, None).unwrap());
    assert_eq!(store.put("x", b"2", &Condition::Absent, None).unwrap(), Put::Lost);
    let second = etag(store.put("x", b"2", &Condition::Matches(first.clone()), None).unwrap());
    assert_eq!(store.put("x", b"3", &Condition::Matches(first), None).unwrap(), Put::Lost);
    assert_eq!(store.put("y", b"3", &Condition::Matches(second), None).unwrap(), Put::Lost);
    assert_eq!(store.get("x", 1).unwrap().unwrap().bytes, b"2");
}

#[test]
fn wrong_keys_clocks_and_buckets_are_told_apart() {
    let (stub, store) = open(false);
    let code = |error: StoreError| error.code().unwrap().to_owned();
    let other = S3::with(place(&stub), Credentials::of_keys(KEY_ID, "no"), reach()).unwrap();
    assert_eq!(code(other.get("x", 1).unwrap_err()), "SignatureDoesNotMatch");
    let other = S3::with(place(&stub), Credentials::of_keys("no", SECRET), reach()).unwrap();
    assert_eq!(code(other.list("").unwrap_err()), "InvalidAccessKeyId");
    let elsewhere = S3Place { bucket: "elsewhere".into(), ..place(&stub) };
    let other = S3::with(elsewhere, Credentials::of_keys(KEY_ID, SECRET), reach()).unwrap();
    assert_eq!(code(other.get("x", 1).unwrap_err()), "NoSuchBucket");
    assert_eq!(code(other.put("x", b"", &Condition::Matches(ETag("\"a\"".into())), None).unwrap_err()), "NoSuchBucket");
    stub.skew(3600);
    let error = store.get("x", 1).unwrap_err();
    assert!(error.hint().unwrap().contains("clock"), "{error}");
}

#[test]
fn what_may_be_done_twice_is_tried_again() {
    let (stub, store) = open(false);
    for fault in [Fault::ReplyLost, Fault::NotDone, Fault::Busy, Fault::BusyAfter, Fault::Cut] {
        stub.fail("PUT", "x", fault.clone());
        store.put("x", b"1", &Condition::None, None).unwrap();
        stub.fail("GET", "x", fault.clone());
        assert_eq!(store.get("x", 1).unwrap().unwrap().bytes, b"1");
        stub.fail("DELETE", "x", fault);
        store.delete("x", None, false).unwrap();
    }
    for _ in 0..9 {
        stub.fail("GET", "x", Fault::Busy);
    }
    let error = store.get("x", 1).unwrap_err();
    assert_eq!((error.status(), error.is_passing()), (Some(503), true));
}

#[test]
fn a_write_under_a_condition_is_sent_once() {
    for (fault, done) in
        [(Fault::ReplyLost, true), (Fault::NotDone, false), (Fault::Busy, false), (Fault::BusyAfter, true), (Fault::Cut, true)]
    {
        let (stub, store) = open(false);
        stub.fail("PUT", "x", fault.clone());
        let error = store.put("x", b"1", &Condition::Absent, None).unwrap_err();
        assert!(error.is_ambiguous(), "{fault:?}: {error}");
        assert_eq!(store.get("x", 1).unwrap().is_some(), done, "{fault:?}");
        assert_eq!(stub.requests().iter().filter(|request| request.starts_with("PUT /evidence/team")).count(), 1);
    }
    let (stub, store) = open(false);
    stub.fail("PUT", "x", Fault::Conflict);
    assert_eq!(store.put("x", b"1", &Condition::Absent, None).unwrap(), Put::Lost);
}

#[test]
fn answers_have_a_bound_and_a_deadline() {
    let (stub, store) = open(false);
    store.put("x", &[7; 1000], &Condition::None, None).unwrap();
    assert!(matches!(store.get("x", 999), Err(StoreError::Large { limit: 999, .. })));
    stub.fail("GET", "x", Fault::Endless);
    assert!(matches!(store.get("x", 1000), Err(StoreError::Large { limit: 1000, .. })));
    let hasty = Reach { deadline: Duration::from_millis(200), ..reach() };
    let hasty = S3::with(place(&stub), Credentials::of_keys(KEY_ID, SECRET), hasty).unwrap();
    for _ in 0..5 {
        stub.fail("GET", "x", Fault::Drip(Duration::from_millis(20)));
    }
    let error = hasty.get("x", 1000).unwrap_err();
    assert!(matches!(error, StoreError::Late { .. }), "{error}");
}

#[test]
fn a_runner_shows_its_identity_token() {
    let (stub, _) = open(false);
    stub.exchange("header.payload.signature");
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("token");
    std::fs::write(&file, "header.payload.signature\n").unwrap();
    let endpoint = stub.endpoint();
    let environment = |name: &str| match name {
        "AWS_WEB_IDENTITY_TOKEN_FILE" => Some(file.display().to_string()),
        "AWS_ROLE_ARN" => Some("arn:aws:iam::123456789012:role/evidence".to_owned()),
        "AWS_ENDPOINT_URL_STS" | "AWS_ENDPOINT_URL_S3" => Some(endpoint.clone()),
        _ => None,
    };
    let place: S3Place = "s3://evidence".parse().unwrap();
    let store = S3::open(&place, &environment, reach()).unwrap();
    stub.fail("POST", "/", Fault::Busy);
    store.put("x", b"1", &Condition::None, None).unwrap();
    assert_eq!(store.list("").unwrap(), ["x"]);
    assert_eq!(stub.requests().iter().filter(|request| *request == "POST /").count(), 2, "credentials are kept");
    std::fs::write(&file, "another").unwrap();
    let error = S3::open(&place, &environment, reach()).unwrap().list("").unwrap_err();
    assert!(error.to_string().contains("InvalidIdentityToken") && !error.to_string().contains("another"), "{error}");
}

#[test]
fn what_is_locked_stays() {
    let (stub, store) = open(true);
    let until = |seconds: u64| {
        let now = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH).unwrap().as_secs();
        probity_core::Timestamp { seconds: i64::try_from(now + seconds).unwrap(), nanoseconds: 0 }
    };
    let hold = Hold { mode: Mode::Compliance, until: until(3600), legal_hold: false };
    let Put::Done { version, .. } = store.put("x", b"1", &Condition::Absent, Some(&hold)).unwrap() else { panic!() };
    let version = version.as_deref();
    let seen = store.look("x", version).unwrap().unwrap();
    assert_eq!(seen.retention, Some((Mode::Compliance, hold.until)));
    assert_eq!(store.retention("x", version).unwrap(), Some((Mode::Compliance, hold.until)));
    assert!(!store.legal_hold("x", version).unwrap());
    let refused = |outcome: Result<(), StoreError>| assert_eq!(outcome.unwrap_err().status(), Some(403));
    refused(store.delete("x", version, false));
    refused(store.delete("x", version, true));
    refused(store.put_retention("x", version, Mode::Compliance, until(60), true));
    refused(store.put_retention("x", version, Mode::Governance, until(7200), true));
    store.put_retention("x", version, Mode::Compliance, until(7200), false).unwrap();
    store.put("x", b"2", &Condition::None, None).unwrap();
    store.delete("x", None, false).unwrap();
    assert_eq!(store.get_version("x", version, 9).unwrap().unwrap().bytes, b"1");
    store.put_legal_hold("x", version, true).unwrap();
    stub.age(7_300);
    refused(store.delete("x", version, true));
    store.put_legal_hold("x", version, false).unwrap();
    store.delete("x", version, false).unwrap();
    assert_eq!(store.get_version("x", version, 9).unwrap(), None);
    assert!(store.bucket_lock().unwrap().enabled);
}
