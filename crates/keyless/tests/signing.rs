//! Signing against stand-ins of the services: what they do right is signed and verified, what they do wrong is refused and named.
#![allow(clippy::disallowed_methods, clippy::panic, reason = "a test touches the world on purpose and fails by panicking")]
#![allow(clippy::unwrap_used, reason = "a test that cannot go on fails")]

use std::time::{Duration, SystemTime, UNIX_EPOCH};

use probity_attest::keys::{KeyType, PrivateKey};
use probity_attest::sha256;
use probity_attest::statement::{Descriptor, Statement};
use probity_core::{Clock, Timestamp};
use probity_keyless::{
    DEFAULT_AUDIENCE, GithubRequest, IdentityToken, KeylessError, Services, Signed, SignedBy, Signing, SigningConfig, Step, What,
};
use probity_sigstore::{self as sigstore, TrustRoot};
use probity_testkit::services::{Fault, Instance, RUNNER_PASS, Service};
use serde_json::{Value, json};

const MESSAGE: &[u8] = b"the release\n";

struct Now;

impl Clock for Now {
    fn now(&self) -> Timestamp {
        let seconds = SystemTime::now().duration_since(UNIX_EPOCH).unwrap().as_secs();
        Timestamp { seconds: seconds.try_into().unwrap(), nanoseconds: 0 }
    }
}

struct World {
    instance: Instance,
    root: TrustRoot,
}

impl World {
    fn new() -> World {
        let instance = Instance::start().unwrap();
        let root = TrustRoot::parse(instance.trusted_root().to_string().as_bytes()).unwrap();
        World { instance, root }
    }

    fn services(&self, log: u32, with_key: bool) -> Services {
        let config = SigningConfig::parse(self.instance.signing_config(log).to_string().as_bytes()).unwrap();
        config.select(Now.now(), with_key).unwrap()
    }

    fn token(&self) -> IdentityToken {
        IdentityToken::parse(&self.instance.token("dev@example.com"), DEFAULT_AUDIENCE, Now.now()).unwrap()
    }

    fn sign(&self, services: &Services, what: What<'_>, by: SignedBy<'_>) -> Result<Signed, KeylessError> {
        let signing = Signing { services, root: &self.root, deadline: Duration::from_secs(2), clock: &Now };
        signing.sign(what, by)
    }

    fn keyless(&self, log: u32, what: What<'_>) -> Result<Signed, KeylessError> {
        self.sign(&self.services(log, false), what, SignedBy::Identity(&self.token()))
    }
}

fn statement() -> Statement {
    Statement {
        subjects: vec![Descriptor::sha256("release.tar", sha256(MESSAGE))],
        predicate_type: "https://example.com/p".into(),
        predicate: serde_json::Map::new(),
    }
}

#[test]
fn an_identity_signs_files_and_statements_and_both_logs_know() {
    let world = World::new();
    let statement = statement();
    for log in [1, 2] {
        for what in [What::Message(MESSAGE), What::Statement { statement: &statement, artifact: sha256(MESSAGE) }] {
            let signed = world.keyless(log, what).unwrap();
            let who = sigstore::SignedBy::Identity { identity: "dev@example.com".into(), issuer: world.instance.issuer().into() };
            assert_eq!(signed.verified.signer, who);
            assert!(signed.verified.certificate_logged);
            assert_eq!(signed.verified.log.len(), 1);
            assert!(signed.verified.log[0].proven);
            // The log of version 1 says when, too.
            assert_eq!(signed.verified.times.len(), if log == 1 { 2 } else { 1 });
            let bundle: Value = serde_json::from_str(&signed.bundle).unwrap();
            let kind = &bundle["verificationMaterial"]["tlogEntries"][0]["kindVersion"];
            let expected = match (log, what) {
                (1, What::Message(_)) => json!({ "kind": "hashedrekord", "version": "0.0.1" }),
                (1, _) => json!({ "kind": "dsse", "version": "0.0.1" }),
                _ => json!({ "kind": "hashedrekord", "version": "0.0.2" }),
            };
            assert_eq!(kind, &expected);
        }
    }
}

#[test]
fn keys_of_ones_own_are_logged() {
    let world = World::new();
    let statement = statement();
    let statement = What::Statement { statement: &statement, artifact: sha256(MESSAGE) };
    for (kind, log, what, expected) in [
        (KeyType::EcdsaP256, 1, What::Message(MESSAGE), Ok(())),
        (KeyType::EcdsaP256, 2, What::Message(MESSAGE), Ok(())),
        (KeyType::EcdsaP256, 1, statement, Ok(())),
        (KeyType::EcdsaP256, 2, statement, Ok(())),
        (KeyType::Rsa2048, 1, What::Message(MESSAGE), Ok(())),
        (KeyType::Rsa2048, 1, statement, Ok(())),
        (KeyType::Rsa2048, 2, statement, Err(Step::Services)),
        (KeyType::Ed25519, 1, statement, Ok(())),
        (KeyType::Ed25519, 1, What::Message(MESSAGE), Err(Step::Services)),
        (KeyType::Ed25519, 2, statement, Err(Step::Services)),
    ] {
        let key = PrivateKey::generate(kind).unwrap();
        let before = world.instance.requests().len();
        let signed = world.sign(&world.services(log, true), what, SignedBy::Key(&key));
        match expected {
            Ok(()) => assert_eq!(signed.unwrap().verified.log.len(), 1, "{kind:?} {log}"),
            Err(step) => {
                assert_eq!(signed.unwrap_err().step, step);
                assert_eq!(world.instance.requests().len(), before, "nothing is asked for in vain");
            }
        }
    }
    assert!(!world.instance.requests().iter().any(|request| request.starts_with("Fulcio")));
}

#[test]
fn an_entry_that_is_there_already_is_found() {
    let world = World::new();
    let key = PrivateKey::generate(KeyType::Rsa2048).unwrap();
    let mut services = world.services(1, true);
    services.timestamps.clear();
    let sign = || world.sign(&services, What::Message(MESSAGE), SignedBy::Key(&key)).unwrap();
    let (one, two) = (sign(), sign());
    assert_eq!(one.verified.log, two.verified.log);
    let gets = || world.instance.requests().iter().filter(|request| request.starts_with("Rekor1 GET")).count();
    assert_eq!(gets(), 1);
    // The answer that was lost on the way is found in the same manner.
    let other = PrivateKey::generate(KeyType::EcdsaP256).unwrap();
    world.instance.fail(Service::Rekor1, Fault::Lost);
    world.sign(&services, What::Message(MESSAGE), SignedBy::Key(&other)).unwrap();
    assert_eq!(gets(), 2);
}

#[test]
fn a_job_gets_its_token_from_its_runner() {
    let world = World::new();
    let fetch = |pass: &str| {
        let request = GithubRequest::new(&world.instance.url(Service::Runner), pass.to_owned().into()).unwrap();
        request.fetch(DEFAULT_AUDIENCE, Now.now(), Duration::from_secs(2))
    };
    let token = fetch(RUNNER_PASS).unwrap();
    let signed = world.sign(&world.services(2, false), What::Message(MESSAGE), SignedBy::Identity(&token)).unwrap();
    let sigstore::SignedBy::Identity { identity, .. } = signed.verified.signer else { panic!("no identity") };
    assert_eq!(identity, "https://github.com/acme/app/.github/workflows/release.yml@refs/heads/main");
    let error = fetch("another").unwrap_err();
    assert_eq!(error.step, Step::Token);
    assert!(!error.to_string().contains("another"), "{error}");
}

#[track_caller]
fn refused(service: Service, fault: Fault, log: u32, step: Step, why: &str) {
    let world = World::new();
    world.instance.fail(service, fault.clone());
    let error = world.keyless(log, What::Message(MESSAGE)).unwrap_err();
    assert_eq!(error.step, step, "{fault:?}: {error}");
    assert!(error.why.contains(why), "{fault:?}: {error}");
    assert!(!error.to_string().contains(&world.instance.token("dev@example.com")[..40]), "{error}");
    // It is the fault that is refused, and nothing else.
    world.keyless(log, What::Message(MESSAGE)).unwrap();
}

#[test]
fn what_the_certificate_authority_does_wrong() {
    let check = |fault, step, why| refused(Service::Fulcio, fault, 1, step, why);
    check(Fault::OtherKey, Step::Certificate, "another key than ours");
    check(Fault::LongChain, Step::Certificate, "43 certificates");
    check(Fault::WrongSct, Step::Verification, "the certificate's transparency (SCT)");
    check(Fault::OtherAuthority, Step::Verification, "the certificate chain");
    check(Fault::OtherIssuer, Step::Verification, "another issuer than the identity token");
    check(Fault::Answer(200, b"{}".to_vec()), Step::Certificate, "does not hold one certificate");
    check(Fault::Answer(200, b"no".to_vec()), Step::Certificate, "its form of JSON");
    check(Fault::Answer(403, b"not \x1b[1mhere".to_vec()), Step::Certificate, "status 403: not  [1mhere");
    check(Fault::Endless, Step::Certificate, "more than 1048576 bytes");
    check(Fault::Drip, Step::Certificate, "did not answer within");
    check(Fault::Elsewhere("http://127.0.0.1:1/".into()), Step::Certificate, "nobody is followed");
}

#[test]
fn what_is_wrong_with_a_certificate_is_found_before_a_log_is_told() {
    for fault in [Fault::WrongSct, Fault::OtherAuthority, Fault::OtherIssuer] {
        let world = World::new();
        world.instance.fail(Service::Fulcio, fault);
        world.keyless(2, What::Message(MESSAGE)).unwrap_err();
        assert!(!world.instance.requests().iter().any(|request| request.starts_with("Rekor")));
    }
}

#[test]
fn what_the_timestamp_authority_does_wrong() {
    let check = |fault, step, why| refused(Service::Timestamp, fault, 2, step, why);
    check(Fault::WrongNonce, Step::Timestamp, "nonce");
    check(Fault::NoNonce, Step::Timestamp, "nonce");
    check(Fault::WrongImprint, Step::Timestamp, "something else than our signature");
    check(Fault::Rejected, Step::Timestamp, "refuses");
    check(Fault::OtherClock, Step::Verification, "the time of signing");
    check(Fault::Answer(201, b"no".to_vec()), Step::Timestamp, "no timestamp in DER");
    check(Fault::Endless, Step::Timestamp, "more than 262144 bytes");
    check(Fault::Drip, Step::Timestamp, "did not answer within");
    check(Fault::Elsewhere("http://127.0.0.1:1/".into()), Step::Timestamp, "nobody is followed");
}

#[test]
fn what_logs_do_wrong() {
    for (service, log) in [(Service::Rekor1, 1), (Service::Rekor2, 2)] {
        let check = |fault, step, why| refused(service, fault, log, step, why);
        check(Fault::OtherEntry, Step::Verification, if log == 1 { "inclusion in the transparency log" } else { "inclusion" });
        check(Fault::WrongCheckpoint, Step::Verification, "checkpoint");
        check(Fault::Answer(201, b"{}".to_vec()), Step::Log, "its answer");
        check(Fault::Answer(400, b"{}".to_vec()), Step::Log, "status 400");
        check(Fault::Answer(409, b"{}".to_vec()), Step::Log, if log == 1 { "not where" } else { "status 409" });
        check(Fault::Endless, Step::Log, "more than 4194304 bytes");
        check(Fault::Drip, Step::Log, "did not answer within");
        check(Fault::Elsewhere("http://127.0.0.1:1/".into()), Step::Log, "nobody is followed");
    }
    refused(Service::Rekor1, Fault::WrongPromise, 1, Step::Verification, "promise");
}

#[test]
fn a_service_that_is_busy_is_asked_again() {
    let world = World::new();
    for service in [Service::Fulcio, Service::Timestamp, Service::Rekor2] {
        world.instance.fail(service, Fault::Answer(503, Vec::new()));
    }
    world.keyless(2, What::Message(MESSAGE)).unwrap();
    for _ in 0..3 {
        world.instance.fail(Service::Fulcio, Fault::Answer(503, Vec::new()));
    }
    let error = world.keyless(2, What::Message(MESSAGE)).unwrap_err();
    assert!(error.why.contains("status 503"), "{error}");
}

#[test]
fn services_that_cannot_suffice_are_not_asked() {
    let world = World::new();
    let token = world.token();
    let all = world.services(2, false);
    let check = |services: &Services, by, why: &str| {
        let error = world.sign(services, What::Message(MESSAGE), by).unwrap_err();
        assert_eq!(error.step, Step::Services);
        assert!(error.why.contains(why), "{error}");
    };
    let identity = SignedBy::Identity(&token);
    check(&Services { certificates: None, ..all.clone() }, identity, "no certificate authority");
    check(&Services { timestamps: Vec::new(), ..all.clone() }, identity, "who says when");
    check(&Services { timestamps: Vec::new(), logs: Vec::new(), ..all.clone() }, identity, "who says when");
    let key = PrivateKey::generate(KeyType::EcdsaP256).unwrap();
    check(&Services { timestamps: Vec::new(), ..all.clone() }, SignedBy::Key(&key), "does not say when");
    check(&Services::default(), SignedBy::Key(&key), "neither a transparency log nor a timestamp authority");
    assert_eq!(world.instance.requests(), Vec::<String>::new());
}

#[test]
fn what_another_root_does_not_know_is_not_signed() {
    let (world, other) = (World::new(), World::new());
    let services = world.services(2, false);
    let token = world.token();
    let signing = Signing { services: &services, root: &other.root, deadline: Duration::from_secs(2), clock: &Now };
    let error = signing.sign(What::Message(MESSAGE), SignedBy::Identity(&token)).unwrap_err();
    assert_eq!(error.step, Step::Verification);
}

#[test]
fn a_token_that_an_authority_repeats_is_not_told() {
    let world = World::new();
    let text = world.instance.token("dev@example.com");
    let token = IdentityToken::parse(&text, DEFAULT_AUDIENCE, Now.now()).unwrap();
    world.instance.fail(Service::Fulcio, Fault::Answer(400, format!("bad token {text}").into_bytes()));
    let error = world.sign(&world.services(1, false), What::Message(MESSAGE), SignedBy::Identity(&token)).unwrap_err();
    assert!(error.why.contains("repeats what is secret"), "{error}");
    assert!(!format!("{error:?}").contains(&text[..20]), "{error:?}");
}
