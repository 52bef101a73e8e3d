//! The requests to Azure and Google, word for word as their documentation asks, and what is made of the answers. Nobody can run these
//! services here: a script stands in for them.
#![allow(clippy::disallowed_methods, reason = "a test touches the world on purpose")]
#![allow(clippy::unwrap_used, clippy::panic)]

use std::time::Duration;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use probity_attest::hmac_sha256;
use probity_core::Timestamp;
use probity_store::{AzureAccess, AzureWorm, GoogleWorm, Hold, Mode, Reach, SealError, Sealed, Secret, WormStore, extend, seal};
use probity_testkit::script::{Asked, Reply, Script};

/// 2040-01-01T00:00:00Z.
const UNTIL: Timestamp = Timestamp { seconds: 2_208_988_800, nanoseconds: 0 };

fn hold(mode: Mode, legal_hold: bool) -> Hold {
    Hold { mode, until: UNTIL, legal_hold }
}

fn reach() -> Reach {
    Reach { deadline: Duration::from_secs(10), pause: Duration::from_millis(1), ..Reach::default() }
}

fn reply(status: u16, headers: &[&str], body: &str) -> Reply {
    (status, headers.iter().map(|header| (*header).to_owned()).collect(), body.as_bytes().to_vec())
}

fn azure(script: &Script, access: AzureAccess) -> AzureWorm {
    AzureWorm::new("team", "evidence", "log", Some(&script.endpoint()), access, reach()).unwrap()
}

fn bearer() -> AzureAccess {
    AzureAccess::Bearer(Secret::new("token"))
}

/// Headers without the time and the authorization, which change.
fn plain(asked: &Asked) -> Vec<String> {
    let left = |name: &str| !matches!(name, "x-ms-date" | "authorization");
    asked.headers.iter().filter(|(name, _)| left(name)).map(|(name, value)| format!("{name}: {value}")).collect()
}

const AZURE_LOCKED: [&str; 4] = [
    "Content-Length: 5",
    "x-ms-version-id: 2026-11-26T20:00:00.1234567Z",
    "x-ms-immutability-policy-until-date: Sun, 01 Jan 2040 00:00:00 GMT",
    "x-ms-immutability-policy-mode: Locked",
];

#[test]
fn azure_is_asked_as_documented() {
    let held = [&AZURE_LOCKED[..], &["x-ms-legal-hold: true"]].concat();
    let script = Script::start([reply(201, &[], ""), reply(200, &held, ""), reply(200, &[], "bytes")]).unwrap();
    let store = azure(&script, bearer());
    let sealed = seal(&store, "tile/0/000", b"bytes", &hold(Mode::Compliance, true)).unwrap();
    assert_eq!((sealed.mode(), sealed.until(), sealed.legal_hold()), (Mode::Compliance, UNTIL, true));
    let asked = script.asked();
    assert_eq!((asked[0].method.as_str(), asked[0].target.as_str()), ("PUT", "/evidence/log/tile/0/000"));
    let expected = [
        "content-type: application/octet-stream",
        "if-none-match: *",
        "x-ms-blob-type: BlockBlob",
        "x-ms-immutability-policy-mode: locked",
        "x-ms-immutability-policy-until-date: Sun, 01 Jan 2040 00:00:00 GMT",
        "x-ms-legal-hold: true",
        "x-ms-version: 2021-12-02",
    ];
    assert_eq!(plain(&asked[0]), expected);
    assert_eq!(asked[0].header("authorization"), "Bearer token");
    assert_eq!(asked[0].body, b"bytes");
    assert_eq!((asked[1].method.as_str(), asked[1].target.as_str()), ("HEAD", "/evidence/log/tile/0/000"));
    // The service tells no SHA-256: the very version is read.
    assert_eq!(asked[2].target, "/evidence/log/tile/0/000?versionid=2026-11-26T20%3A00%3A00.1234567Z");
}

#[test]
fn azure_keeps_longer_and_holds() {
    let unlocked = [AZURE_LOCKED[0], AZURE_LOCKED[1], AZURE_LOCKED[2], "x-ms-immutability-policy-mode: Unlocked"];
    let held = [&AZURE_LOCKED[..], &["x-ms-legal-hold: true"]].concat();
    let script = Script::start([
        reply(409, &["x-ms-error-code: BlobAlreadyExists"], ""),
        reply(200, &unlocked, ""),
        reply(200, &[], "bytes"),
        reply(200, &[], ""),
        reply(200, &[], ""),
        reply(200, &held, ""),
        reply(200, &[], "bytes"),
    ])
    .unwrap();
    seal(&azure(&script, bearer()), "x", b"bytes", &hold(Mode::Compliance, true)).unwrap();
    let asked = script.asked();
    assert_eq!(asked[3].target, "/evidence/log/x?comp=immutabilityPolicies&versionid=2026-11-26T20%3A00%3A00.1234567Z");
    let policy = [
        "x-ms-immutability-policy-mode: locked",
        "x-ms-immutability-policy-until-date: Sun, 01 Jan 2040 00:00:00 GMT",
        "x-ms-version: 2021-12-02",
    ];
    assert_eq!(plain(&asked[3]), policy);
    assert_eq!(asked[4].target, "/evidence/log/x?comp=legalhold&versionid=2026-11-26T20%3A00%3A00.1234567Z");
    assert_eq!(plain(&asked[4]), ["x-ms-legal-hold: true", "x-ms-version: 2021-12-02"]);
}

#[test]
fn azure_knows_us_by_key_and_by_signature() {
    let key = STANDARD.encode(b"the key of the account");
    let script = Script::start([reply(201, &[], ""), reply(200, &[], "")]).unwrap();
    let store = azure(&script, AzureAccess::SharedKey(Secret::new(key)));
    store.create("a b", b"bytes", &hold(Mode::Governance, false)).unwrap();
    store.retain("a b", Some("v1"), Mode::Governance, UNTIL).unwrap();
    let asked = script.asked();
    // Spelled out as "Authorize with Shared Key" writes it.
    let date = asked[0].header("x-ms-date");
    let text = format!(
        "PUT\n\n\n5\n\napplication/octet-stream\n\n\n\n*\n\n\nx-ms-blob-type:BlockBlob\nx-ms-date:{date}\nx-ms-immutability-policy-mode:unlocked\n\
         x-ms-immutability-policy-until-date:Sun, 01 Jan 2040 00:00:00 GMT\nx-ms-version:2021-12-02\n/team/evidence/log/a%20b"
    );
    let expected = STANDARD.encode(hmac_sha256(b"the key of the account", text.as_bytes()).0);
    assert_eq!(asked[0].header("authorization"), format!("SharedKey team:{expected}"));
    let date = asked[1].header("x-ms-date");
    let text = format!(
        "PUT\n\n\n\n\n\n\n\n\n\n\n\nx-ms-date:{date}\nx-ms-immutability-policy-mode:unlocked\n\
         x-ms-immutability-policy-until-date:Sun, 01 Jan 2040 00:00:00 GMT\nx-ms-version:2021-12-02\n/team/evidence/log/a%20b\n\
         comp:immutabilityPolicies\nversionid:v1"
    );
    let expected = STANDARD.encode(hmac_sha256(b"the key of the account", text.as_bytes()).0);
    assert_eq!(asked[1].header("authorization"), format!("SharedKey team:{expected}"));

    let script = Script::start([reply(404, &["x-ms-error-code: BlobNotFound"], "")]).unwrap();
    let store = azure(&script, AzureAccess::Signature(Secret::new("sv=2021-12-02&sig=a%2Bb%3D")));
    assert_eq!(store.look("x", None).unwrap(), None);
    assert_eq!(script.asked()[0].target, "/evidence/log/x?sv=2021-12-02&sig=a%2Bb%3D");
    assert_eq!(script.asked()[0].header("authorization"), "");
}

fn sealed_by_azure(properties: &[&str]) -> Result<Sealed, SealError> {
    let script = Script::start([reply(201, &[], ""), reply(200, properties, ""), reply(200, &[], "bytes")]).unwrap();
    seal(&azure(&script, bearer()), "x", b"bytes", &hold(Mode::Compliance, false))
}

#[test]
fn azure_has_to_confirm() {
    sealed_by_azure(&AZURE_LOCKED).unwrap();
    assert!(matches!(sealed_by_azure(&AZURE_LOCKED[..2]), Err(SealError::Unconfirmed { .. })));
    let earlier = [AZURE_LOCKED[0], AZURE_LOCKED[3], "x-ms-immutability-policy-until-date: Sat, 31 Dec 2039 00:00:00 GMT"];
    assert!(matches!(sealed_by_azure(&earlier), Err(SealError::Unconfirmed { .. })));
    let unlocked = [AZURE_LOCKED[0], AZURE_LOCKED[2], "x-ms-immutability-policy-mode: Unlocked"];
    assert!(matches!(sealed_by_azure(&unlocked), Err(SealError::Unconfirmed { .. })));
    for broken in ["x-ms-immutability-policy-mode: Mutable", "x-ms-immutability-policy-mode: Locked"] {
        assert!(matches!(sealed_by_azure(&[AZURE_LOCKED[0], broken]), Err(SealError::Store(_))), "{broken}");
    }
    let script = Script::start([reply(409, &["x-ms-error-code: ContainerDisabled"], "")]).unwrap();
    let error = seal(&azure(&script, bearer()), "x", b"bytes", &hold(Mode::Compliance, false)).unwrap_err();
    assert!(error.to_string().contains("ContainerDisabled (409)"), "{error}");
}

fn google(script: &Script) -> GoogleWorm {
    GoogleWorm::new("evidence", "log", Some(&script.endpoint()), Secret::new("token"), reach()).unwrap()
}

const GOOGLE_LOCKED: &str = r#"{"name":"log/tile/0/000","generation":"17","size":"5","retention":{"mode":"Locked","retainUntilTime":"2040-01-01T00:00:00.000Z"},"temporaryHold":true}"#;

#[test]
fn google_is_asked_as_documented() {
    let script = Script::start([reply(200, &[], GOOGLE_LOCKED), reply(200, &[], GOOGLE_LOCKED), reply(200, &[], "bytes")]).unwrap();
    let sealed = seal(&google(&script), "tile/0/000", b"bytes", &hold(Mode::Compliance, true)).unwrap();
    assert_eq!((sealed.mode(), sealed.until(), sealed.version()), (Mode::Compliance, UNTIL, Some("17")));
    let asked = script.asked();
    assert_eq!(
        (asked[0].method.as_str(), asked[0].target.as_str()),
        ("POST", "/upload/storage/v1/b/evidence/o?uploadType=multipart&ifGenerationMatch=0")
    );
    assert_eq!(asked[0].header("authorization"), "Bearer token");
    let boundary = asked[0].header("content-type").strip_prefix("multipart/related; boundary=").unwrap();
    let expected = format!(
        "--{boundary}\r\nContent-Type: application/json; charset=UTF-8\r\n\r\n\
         {{\"name\":\"log/tile/0/000\",\"retention\":{{\"mode\":\"Locked\",\"retainUntilTime\":\"2040-01-01T00:00:00Z\"}},\"temporaryHold\":true}}\
         \r\n--{boundary}\r\nContent-Type: application/octet-stream\r\n\r\nbytes\r\n--{boundary}--\r\n"
    );
    assert_eq!(String::from_utf8(asked[0].body.clone()).unwrap(), expected);
    assert_eq!(
        (asked[1].method.as_str(), asked[1].target.as_str()),
        ("GET", "/storage/v1/b/evidence/o/log%2Ftile%2F0%2F000?projection=full")
    );
    assert_eq!(asked[2].target, "/storage/v1/b/evidence/o/log%2Ftile%2F0%2F000?generation=17&alt=media");
}

#[test]
fn google_keeps_longer_and_holds() {
    let unlocked = GOOGLE_LOCKED.replace("Locked", "Unlocked").replace("true", "false");
    let replies = [
        reply(412, &[], ""),
        reply(200, &[], &unlocked),
        reply(200, &[], "bytes"),
        reply(503, &[], ""),
        reply(200, &[], "{}"),
        reply(200, &[], "{}"),
    ];
    let script = Script::start(replies.into_iter().chain([reply(200, &[], GOOGLE_LOCKED), reply(200, &[], "bytes")])).unwrap();
    let store = google(&script);
    let sealed = seal(&store, "x", b"bytes", &hold(Mode::Compliance, true)).unwrap();
    let asked = script.asked();
    // The first answer was that the service is busy.
    for patch in &asked[3..5] {
        assert_eq!(
            (patch.method.as_str(), patch.target.as_str()),
            ("PATCH", "/storage/v1/b/evidence/o/log%2Fx?generation=17&overrideUnlockedRetention=true")
        );
        assert_eq!(patch.header("content-type"), "application/json");
        assert_eq!(patch.body, br#"{"retention":{"mode":"Locked","retainUntilTime":"2040-01-01T00:00:00Z"}}"#);
    }
    assert_eq!(
        (asked[5].target.as_str(), asked[5].body.as_slice()),
        ("/storage/v1/b/evidence/o/log%2Fx?generation=17", &br#"{"temporaryHold":true}"#[..])
    );
    // Nothing less is asked for.
    let script = Script::start([reply(200, &[], GOOGLE_LOCKED), reply(200, &[], GOOGLE_LOCKED)]).unwrap();
    let shorter = Hold { until: Timestamp { seconds: UNTIL.seconds - 1, nanoseconds: 0 }, ..hold(Mode::Compliance, false) };
    assert!(matches!(extend(&google(&script), &sealed, &shorter), Err(SealError::Shorter { .. })));
    assert!(matches!(extend(&google(&script), &sealed, &hold(Mode::Governance, false)), Err(SealError::Weaker(_))));
    assert!(script.asked().iter().all(|asked| asked.method == "GET"));
}

#[test]
fn google_has_to_confirm() {
    let sealed = |about: &str| {
        let script = Script::start([reply(200, &[], "{}"), reply(200, &[], about), reply(200, &[], "bytes")]).unwrap();
        seal(&google(&script), "x", b"bytes", &hold(Mode::Compliance, false))
    };
    sealed(GOOGLE_LOCKED).unwrap();
    assert!(matches!(sealed(r#"{"generation":"1","size":"5"}"#), Err(SealError::Unconfirmed { .. })));
    assert!(matches!(sealed(&GOOGLE_LOCKED.replace("Locked", "Unlocked")), Err(SealError::Unconfirmed { .. })));
    assert!(matches!(sealed(&GOOGLE_LOCKED.replace("2040", "2039")), Err(SealError::Unconfirmed { .. })));
    for broken in ["", "{}", &GOOGLE_LOCKED.replace("Locked", "Odd"), &GOOGLE_LOCKED.replace("2040", "soon")] {
        assert!(matches!(sealed(broken), Err(SealError::Store(_))), "{broken}");
    }
}
