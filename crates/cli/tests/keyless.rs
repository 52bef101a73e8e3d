//! Signing for an identity, and signatures of keys that a log knows: `sign` and `attest` against stand-ins of Sigstore's services, and what
//! `verify` says of it.
#![allow(clippy::disallowed_methods, clippy::panic, reason = "a test touches the world on purpose and fails by panicking")]
#![allow(clippy::unwrap_used, reason = "a test that cannot go on fails")]

mod common;

use common::{Ran, Repo};
use probity_testkit::services::{Fault, Instance, RUNNER_PASS, Service};

const WHO: &str = "dev@example.com";

/// A folder with a file, a token, and what names the services.
fn prepared() -> (Repo, Instance) {
    let (repo, instance) = (Repo::plain(), Instance::start().unwrap());
    repo.write("release.tar", "the release\n").write("other.tar", "another\n").write("p", "{}");
    repo.write("token", &instance.token(WHO)).write("root.json", &instance.trusted_root().to_string());
    repo.write("one.json", &instance.signing_config(1).to_string()).write("two.json", &instance.signing_config(2).to_string());
    (repo, instance)
}

/// Runs with variables in the environment.
fn with(repo: &Repo, variables: &[(&str, &str)], arguments: &[&str]) -> Ran {
    let output = repo.program().envs(variables.iter().copied()).current_dir(repo.top()).args(arguments).output().unwrap();
    repo.ended(&output)
}

fn run(repo: &Repo, arguments: &[&str]) -> Ran {
    with(repo, &[], arguments)
}

fn verified(repo: &Repo, file: &str, bundle: &str, identity: &str, issuer: &str) -> Ran {
    let identity = ["--certificate-identity", identity, "--certificate-oidc-issuer", issuer];
    run(repo, &[&["verify", file, "--bundle", bundle, "--trusted-root", "root.json", "--format", "json"], &identity[..]].concat())
}

const KEYLESS: [&str; 6] = ["--identity-token", "token", "--trusted-root", "root.json", "--signing-timeout", "5"];

#[test]
fn what_an_identity_signs_is_verified_and_nobody_else_is_taken_for_it() {
    let (repo, instance) = prepared();
    for (config, number) in [("one.json", 1), ("two.json", 2)] {
        let said = format!("signed by {WHO}, vouched for by {}, on record as entry", instance.issuer());
        let sign = [&["sign", "release.tar", "--bundle", "b.json", "--signing-config", config], &KEYLESS[..]].concat();
        run(&repo, &sign).code(0).says(&said);
        let attest =
            [&["attest", "release.tar", "--predicate", "p", "--bundle", "a.json", "--signing-config", config], &KEYLESS[..]].concat();
        run(&repo, &attest).code(0).says(&said);
        for bundle in ["b.json", "a.json"] {
            let told = verified(&repo, "release.tar", bundle, WHO, instance.issuer()).code(0).json();
            assert_eq!(told["verified"], true);
            assert_eq!(told["signer"]["identity"], WHO);
            assert_eq!(told["log"][0]["proven"], true);
            assert_eq!(told["log"][0]["log"], instance.url(if number == 1 { Service::Rekor1 } else { Service::Rekor2 }));
            let refused = |file: &str, identity: &str, issuer: &str| {
                verified(&repo, file, bundle, identity, issuer).code(1).json()["step"].as_str().unwrap().to_owned()
            };
            assert_eq!(refused("release.tar", "eve@example.com", instance.issuer()), "identity");
            assert_eq!(refused("release.tar", WHO, "https://other.example"), "issuer");
            assert_ne!(refused("other.tar", WHO, instance.issuer()), "identity");
        }
    }
}

#[test]
fn services_are_named_one_by_one_and_tokens_come_from_the_environment() {
    let (repo, instance) = prepared();
    let (fulcio, rekor, tsa) = (instance.url(Service::Fulcio), instance.url(Service::Rekor1), instance.url(Service::Timestamp));
    let base = ["sign", "release.tar", "--bundle", "b.json", "--trusted-root", "root.json", "--fulcio-url", &fulcio];
    let token = instance.token(WHO);
    let verify = |identity: &str| verified(&repo, "release.tar", "b.json", identity, instance.issuer());
    // A log of version 1 suffices by itself.
    with(&repo, &[("SIGSTORE_ID_TOKEN", &token)], &[&base[..], &["--rekor-url", &rekor]].concat()).code(0);
    assert_eq!(verify(WHO).code(0).json()["times"][0]["source"], "log");
    // The runner of a job is asked where nothing else is given.
    let runner = instance.url(Service::Runner);
    let job = [("ACTIONS_ID_TOKEN_REQUEST_URL", &*runner), ("ACTIONS_ID_TOKEN_REQUEST_TOKEN", RUNNER_PASS)];
    with(&repo, &job, &[&base[..], &["--rekor-url", &rekor, "--timestamp-server-url", &tsa]].concat()).code(0);
    verify("https://github.com/acme/app/.github/workflows/release.yml@refs/heads/main").code(0);
    // No log, where none is wanted; then it has to be asked for.
    let silent = ["--identity-token", "env://TOKEN", "--timestamp-server-url", &tsa, "--tlog-upload=false"];
    with(&repo, &[("TOKEN", &token)], &[&base[..], &silent].concat()).code(0);
    assert_eq!(verify(WHO).code(1).json()["step"], "log-inclusion");
}

#[test]
fn keys_are_logged_where_a_log_is_named() {
    let (repo, instance) = prepared();
    let password = [("COSIGN_PASSWORD", "x")];
    with(&repo, &password, &["key", "generate", "--output-prefix", "k"]).code(0);
    let (rekor, tsa) = (instance.url(Service::Rekor1), instance.url(Service::Timestamp));
    let base = ["sign", "release.tar", "--key", "k.key", "--bundle", "b.json", "--trusted-root", "root.json"];
    let ways: [&[&str]; 3] =
        [&["--rekor-url", &rekor], &["--rekor-url", &rekor, "--timestamp-server-url", &tsa], &["--signing-config", "two.json"]];
    for way in ways {
        with(&repo, &password, &[&base[..], way].concat()).code(0).says("on record as entry");
        let verify = ["verify", "release.tar", "--bundle", "b.json", "--key", "k.pub", "--trusted-root", "root.json", "--format", "json"];
        let told = run(&repo, &verify).code(0).json();
        assert_eq!(told["log"].as_array().unwrap().len(), 1);
    }
    assert!(!instance.requests().iter().any(|request| request.starts_with("Fulcio")));
    // Where no log is to be told, nothing is asked.
    let before = instance.requests().len();
    with(&repo, &password, &[&base[..], &["--rekor-url", &rekor, "--tlog-upload=false"]].concat()).code(0);
    assert_eq!(instance.requests().len(), before);
}

#[test]
fn what_fails_writes_no_bundle_and_shows_no_token() {
    let (repo, instance) = prepared();
    let sign = [&["sign", "release.tar", "--bundle", "b.json", "--output-signature", "s", "--signing-config", "two.json"], &KEYLESS[..]];
    let sign = sign.concat();
    for (service, fault, why) in [
        (Service::Fulcio, Fault::OtherKey, "the certificate authority: its certificate is for another key"),
        (Service::Fulcio, Fault::WrongSct, "does not verify"),
        (Service::Timestamp, Fault::WrongNonce, "the timestamp authority: "),
        (Service::Rekor2, Fault::OtherEntry, "does not verify"),
        (Service::Rekor2, Fault::Elsewhere("http://127.0.0.1:1/".into()), "the transparency log: it sends us elsewhere"),
    ] {
        instance.fail(service, fault);
        let ran = run(&repo, &sign).code(3).says("not signed: ").says(why);
        assert_eq!(ran.out, "");
        assert!(!repo.top().join("b.json").exists() && !repo.top().join("s").exists());
        assert!(!ran.err.contains(&repo.read("token")[..30]), "{}", ran.err);
    }
    run(&repo, &sign).code(0);
    assert!(repo.top().join("b.json").exists());
}

#[test]
fn wrong_use_is_told_before_anybody_is_asked() {
    let (repo, instance) = prepared();
    let late = instance.token_of(serde_json::json!({ "sub": "x", "exp": 1_000 }));
    let elsewhere = instance.token_of(serde_json::json!({ "sub": "x", "aud": "other" }));
    let rekor = instance.url(Service::Rekor1);
    let check = |arguments: &[&str], why: &str| {
        let ran = run(&repo, &[&["sign", "release.tar"], arguments].concat()).code(2).says(why);
        assert!(!ran.err.contains("eyJ"), "{}", ran.err);
    };
    let named = ["--signing-config", "two.json", "--trusted-root", "root.json"];
    check(&[], "neither a key nor services");
    check(&["--signing-config", "two.json", "--identity-token", "token"], "no trust root is named");
    check(&named, "there is no identity token");
    check(&[&named[..], &["--identity-token", &late]].concat(), "ran out at 1970-01-01T00:16:40Z");
    check(&[&named[..], &["--identity-token", &elsewhere]].concat(), "is not for `sigstore`");
    check(&[&named[..], &["--identity-token", "nothing"]].concat(), "not a JSON Web Token");
    check(&["--rekor-url", &rekor, "--identity-token", "token", "--trusted-root", "root.json"], "no certificate authority is named");
    check(&["--fulcio-url", "http://fulcio.example", "--identity-token", "token"], "without TLS");
    check(&["--signing-config", "root.json", "--identity-token", "token"], "not a signing configuration");
    assert_eq!(instance.requests(), Vec::<String>::new());
}

#[test]
fn a_trust_root_is_not_learnt_from_anybody() {
    let (repo, instance) = prepared();
    // A service that is no repository; a root that is none; a place without TLS.
    let update = |arguments: &[&str]| run(&repo, &[&["trust", "update"], arguments].concat());
    let mirror = instance.url(Service::Rekor1);
    let ran = update(&["--mirror", &mirror]).code(3).says("nothing was changed: the repository of trust roots is refused");
    assert_eq!(ran.out, "");
    update(&["--mirror", &mirror, "--root", "root.json"]).code(2).says("trusted from the start cannot be used");
    update(&["--mirror", "http://tuf.example"]).code(2).says("without TLS");
}
