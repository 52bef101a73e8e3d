//! Bundles made with keys of our own: what verifies, and at which step the rest is refused. Certificates, timestamps and Rekor v2 are
//! tried on the real vectors (`cargo xtask conformance sigstore`).
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, reason = "a test that cannot go on fails")]

use probity_core::Timestamp;
use probity_sigstore::{
    Artifact, Bundle, Content, Matcher, Policy, PublicKey, SignedBy, Signer, Step, TimeSource, TrustRoot, Verified, VerifyError, verify,
};
use probity_testkit::sigstore::{self as testkit, Algorithm, Log, sha256, statement};
use serde_json::{Value, json};

const ARTIFACT: &[u8] = b"release 1.4\n";
const SIGNED: i64 = 1_750_000_000;
const NOW: Timestamp = Timestamp { seconds: 1_760_000_000, nanoseconds: 0 };
const PREDICATE: &str = "https://slsa.dev/provenance/v1";

fn key(signer: &testkit::Signer) -> Signer {
    Signer::Key(PublicKey::from_pem(&signer.pem()).unwrap())
}

fn lenient(signer: &testkit::Signer) -> Policy {
    Policy { log: false, no_time: true, ..Policy::new(key(signer)) }
}

fn judged(bundle: &Value, root: &TrustRoot, policy: &Policy, artifact: Artifact<'_>) -> Result<Verified, VerifyError> {
    verify(&Bundle::parse(bundle.to_string().as_bytes())?, root, policy, artifact, NOW)
}

fn refused(result: Result<Verified, VerifyError>, step: Step) {
    let error = result.expect_err("it has to be refused");
    assert_eq!(error.step, step, "{error}");
}

fn set(bundle: &Value, pointer: &str, value: Value) -> Value {
    let mut changed = bundle.clone();
    *changed.pointer_mut(pointer).unwrap_or_else(|| panic!("no {pointer}")) = value;
    changed
}

#[test]
fn keys_of_every_kind_sign_artifacts_and_statements() {
    let log = Log::default();
    let root = TrustRoot::parse(log.trust_root().to_string().as_bytes()).unwrap();
    for (algorithm, name) in
        [(Algorithm::P256, "ECDSA P-256"), (Algorithm::P384, "ECDSA P-384"), (Algorithm::Ed25519, "Ed25519"), (Algorithm::Rsa, "RSA")]
    {
        let signer = testkit::Signer::generate(algorithm);
        let other = testkit::Signer::generate(algorithm);
        let by = SignedBy::Key { id: sha256(&signer.public), algorithm: name };
        let mut message = signer.message_bundle(ARTIFACT);
        if algorithm == Algorithm::P384 {
            // A P-384 key signs a SHA-384 here, so that the digest beside the signature would name another scheme.
            message["messageSignature"].as_object_mut().unwrap().remove("messageDigest");
        }
        let dsse = signer.dsse_bundle(&statement(ARTIFACT, PREDICATE));
        for bundle in [&message, &dsse] {
            let found = judged(bundle, &root, &lenient(&signer), Artifact::Bytes(ARTIFACT)).unwrap();
            assert_eq!(found.signer, by);
            assert!(found.times.is_empty() && found.log.is_empty());
            refused(judged(bundle, &root, &lenient(&other), Artifact::Bytes(ARTIFACT)), Step::Signature);
        }
        refused(judged(&dsse, &root, &lenient(&signer), Artifact::Bytes(b"another")), Step::Subject);
        let step = if algorithm == Algorithm::P384 { Step::Signature } else { Step::Digest };
        refused(judged(&message, &root, &lenient(&signer), Artifact::Bytes(b"another")), step);
        let by_digest = judged(&message, &root, &lenient(&signer), Artifact::Sha256(sha256(ARTIFACT)));
        let whole = Bundle::parse(message.to_string().as_bytes()).unwrap().needs_bytes(&lenient(&signer));
        if whole {
            refused(by_digest, Step::Unsupported);
        } else {
            assert_eq!(by_digest.unwrap().signer, by);
        }
        assert_eq!(whole, matches!(algorithm, Algorithm::Ed25519 | Algorithm::P384), "{name}");
    }
}

#[test]
fn a_log_says_when_and_is_demanded_unless_told_otherwise() {
    let log = Log::default();
    let root = TrustRoot::parse(log.trust_root().to_string().as_bytes()).unwrap();
    let signer = testkit::Signer::generate(Algorithm::P256);
    let bare = [signer.message_bundle(ARTIFACT), signer.dsse_bundle(&statement(ARTIFACT, PREDICATE))];
    let strict = Policy::new(key(&signer));
    for bundle in bare {
        refused(judged(&bundle, &root, &strict, Artifact::Bytes(ARTIFACT)), Step::LogInclusion);
        let timed = Policy { log: false, ..strict.clone() };
        refused(judged(&bundle, &root, &timed, Artifact::Bytes(ARTIFACT)), Step::Time);
        let bundle = log.enter(bundle, &signer, SIGNED);
        let found = judged(&bundle, &root, &strict, Artifact::Sha256(sha256(ARTIFACT))).unwrap();
        assert_eq!(found.times[0].time.seconds, SIGNED);
        assert_eq!(found.times[0].source, TimeSource::Log);
        assert_eq!(found.times[0].by.as_deref(), Some("https://log.example"));
        assert!(found.log[0].proven && found.log[0].index == 1);
        // What is there has to hold, even where it is not demanded.
        let entry = "/verificationMaterial/tlogEntries/0";
        for policy in [&strict, &lenient(&signer)] {
            for (place, value, step) in [
                ("integratedTime", json!((SIGNED - 1).to_string()), Step::InclusionPromise),
                ("logIndex", json!("0"), Step::InclusionPromise),
                ("inclusionProof/logIndex", json!("0"), Step::LogInclusion),
                ("inclusionProof/hashes", json!([]), Step::LogInclusion),
                ("inclusionProof/checkpoint/envelope", json!(""), Step::Checkpoint),
                ("canonicalizedBody", json!("e30="), Step::LogInclusion),
            ] {
                refused(judged(&set(&bundle, &format!("{entry}/{place}"), value), &root, policy, Artifact::Bytes(ARTIFACT)), step);
            }
            let other = TrustRoot::parse(Log::default().trust_root().to_string().as_bytes()).unwrap();
            assert!(judged(&bundle, &other, policy, Artifact::Bytes(ARTIFACT)).is_err(), "a log that nobody trusts");
            let early = verify(
                &Bundle::parse(bundle.to_string().as_bytes()).unwrap(),
                &root,
                policy,
                Artifact::Bytes(ARTIFACT),
                Timestamp { seconds: SIGNED - 1, nanoseconds: 0 },
            );
            refused(early, Step::Time);
        }
        let authority = Policy { timestamp: true, ..strict.clone() };
        refused(judged(&bundle, &root, &authority, Artifact::Bytes(ARTIFACT)), Step::Time);
    }
}

#[test]
fn an_entry_about_something_else_is_refused() {
    let log = Log::default();
    let root = TrustRoot::parse(log.trust_root().to_string().as_bytes()).unwrap();
    let signer = testkit::Signer::generate(Algorithm::P256);
    let one = log.enter(signer.message_bundle(ARTIFACT), &signer, SIGNED);
    let other = log.enter(signer.message_bundle(b"another"), &signer, SIGNED);
    let place = "/verificationMaterial/tlogEntries";
    let mixed = set(&one, place, other.pointer(place).unwrap().clone());
    refused(judged(&mixed, &root, &Policy::new(key(&signer)), Artifact::Bytes(ARTIFACT)), Step::LogEntry);
    // Signed again: ECDSA gives another signature over the same bytes, and that one is not on record.
    let again = signer.message_bundle(ARTIFACT);
    let signature = "/messageSignature/signature";
    let mixed = set(&one, signature, again.pointer(signature).unwrap().clone());
    refused(judged(&mixed, &root, &Policy::new(key(&signer)), Artifact::Bytes(ARTIFACT)), Step::LogEntry);
}

#[test]
fn who_is_asked_for_decides_which_bundles_count() {
    let log = Log::default();
    let root = TrustRoot::parse(log.trust_root().to_string().as_bytes()).unwrap();
    let signer = testkit::Signer::generate(Algorithm::P256);
    let bundle = log.enter(signer.message_bundle(ARTIFACT), &signer, SIGNED);
    let somebody =
        Signer::Certificate { identity: Matcher::pattern(".*").unwrap(), issuer: Matcher::exact("https://issuer.example").unwrap() };
    refused(judged(&bundle, &root, &Policy::new(somebody), Artifact::Bytes(ARTIFACT)), Step::Identity);
}

#[test]
fn too_much_is_refused() {
    let signer = testkit::Signer::generate(Algorithm::P256);
    let log = Log::default();
    let root = TrustRoot::parse(log.trust_root().to_string().as_bytes()).unwrap();
    let mut bundle = log.enter(signer.message_bundle(ARTIFACT), &signer, SIGNED);
    let entry = bundle["verificationMaterial"]["tlogEntries"][0].clone();
    bundle["verificationMaterial"]["tlogEntries"] = Value::Array(vec![entry; 33]);
    refused(judged(&bundle, &root, &Policy::new(key(&signer)), Artifact::Bytes(ARTIFACT)), Step::Bundle);
    assert!(Bundle::parse(&vec![b' '; probity_sigstore::MAX_BUNDLE + 1]).is_err());
    assert!(TrustRoot::parse(&vec![b' '; probity_sigstore::MAX_TRUST_ROOT + 1]).is_err());
}

#[test]
fn bundles_that_two_readers_could_read_differently_are_none() {
    let signer = testkit::Signer::generate(Algorithm::Ed25519);
    let bundle = signer.dsse_bundle(&statement(ARTIFACT, PREDICATE));
    let parsed = Bundle::parse(bundle.to_string().as_bytes()).unwrap();
    assert_eq!((parsed.version(), parsed.key_hint()), ("0.3", Some("test")));
    let Content::Statement(read) = parsed.content() else { panic!("a statement") };
    assert_eq!((&*read.predicate_type, &*read.subjects[0].name), (PREDICATE, "artifact"));
    let check = |change: &dyn Fn(&mut Value)| {
        let mut changed = bundle.clone();
        change(&mut changed);
        assert_eq!(Bundle::parse(changed.to_string().as_bytes()).expect_err("it has to be refused").step, Step::Bundle);
    };
    check(&|bundle| bundle["messageSignature"] = json!({ "signature": "AA==" }));
    check(&|bundle| bundle["verificationMaterial"]["certificate"] = json!({ "rawBytes": "AA==" }));
    check(&|bundle| bundle["verificationMaterial"]["publicKey"] = Value::Null);
    check(&|bundle| bundle["mediaType"] = json!("application/vnd.dev.sigstore.bundle.v0.4+json"));
    check(&|bundle| {
        let signatures = bundle["dsseEnvelope"]["signatures"].as_array_mut().unwrap();
        signatures.push(signatures[0].clone());
    });
    check(&|bundle| bundle["dsseEnvelope"]["signatures"] = json!([]));
    check(&|bundle| bundle["dsseEnvelope"]["payload"] = json!("bm8ganNvbg=="));
    let twice = bundle.to_string().replacen("\"dsseEnvelope\":", "\"dsseEnvelope\":{},\"dsseEnvelope\":", 1);
    assert!(Bundle::parse(twice.as_bytes()).is_err());
    for statement in [
        r#"{"_type":"https://in-toto.io/Statement/v1","subject":[],"predicateType":"p","predicate":{}}"#,
        r#"{"_type":"https://in-toto.io/Statement/v2","subject":[{"digest":{"sha256":"00"}}],"predicateType":"p","predicate":{}}"#,
        r#"{"_type":"https://in-toto.io/Statement/v1","subject":[{"digest":{}}],"predicateType":"p","predicateType":"q","predicate":{}}"#,
    ] {
        assert!(Bundle::parse(signer.dsse_bundle(statement.as_bytes()).to_string().as_bytes()).is_err(), "{statement}");
    }
}

#[test]
fn the_root_that_is_built_in_can_be_used() {
    TrustRoot::public_good().unwrap();
    for wrong in ["", "{}", "[]", "{\"mediaType\":1}", "nonsense"] {
        assert!(TrustRoot::parse(wrong.as_bytes()).is_err(), "{wrong}");
    }
}

#[test]
fn names_and_keys() {
    assert!(Matcher::exact("a@b.example").unwrap().matches("a@b.example"));
    assert!(!Matcher::exact("a@b.example").unwrap().matches("a@b.example.evil"));
    let loose = Matcher::pattern(r"a@b\.example").unwrap();
    assert!(loose.is_loose() && loose.matches("a@b.example.evil"), "as Cosign matches");
    let whole = Matcher::pattern(r"^a@b\.example$").unwrap();
    assert!(!whole.is_loose() && whole.matches("a@b.example") && !whole.matches("a@b.example.evil"));
    for wrong in ["", "(", "a{99999}{99999}"] {
        assert!(Matcher::pattern(wrong).is_err(), "{wrong}");
    }
    assert!(Matcher::exact("").is_err());
    for wrong in
        ["", "-----BEGIN PRIVATE KEY-----\nAA==\n-----END PRIVATE KEY-----", "-----BEGIN PUBLIC KEY-----\nAA==\n-----END PUBLIC KEY-----"]
    {
        assert!(PublicKey::from_pem(wrong).is_err(), "{wrong}");
    }
}

#[test]
fn steps_have_names_of_their_own() {
    let names: std::collections::BTreeSet<&str> = Step::ALL.iter().map(|step| step.name()).collect();
    assert_eq!(names.len(), Step::ALL.len());
}
