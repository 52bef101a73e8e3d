//! Policies read, planned and judged over made-up answers.
#![allow(clippy::unwrap_used, reason = "a test that cannot go on fails")]

use std::collections::BTreeMap;
use std::sync::Arc;

use probity_core::Timestamp;
use probity_imagepolicy::cip::{ClusterImagePolicy, NoMatch, Options};
use probity_imagepolicy::own::ImageRules;
use probity_imagepolicy::{
    Answer, By, Decision, Demand, Facts, ImageName, Log, NoSupply, Occasion, Outcome, Planner, Proof, Root, Sought, Supply, Verdict, Wanted,
};
use probity_value::{FileId, Value, yaml};
use serde_json::json;

const DIGEST: &str = "1111111111111111111111111111111111111111111111111111111111111111";
const NOW: Timestamp = Timestamp { seconds: 1_769_860_800, nanoseconds: 0 };
const KEY: &str = "-----BEGIN PUBLIC KEY-----
MFkwEwYHKoZIzj0CAQYIKoZIzj0DAQcDQgAEIcbqK2RAVZOfPzo+kbOhNYq8DK9f
B2BGbU7jAXEvYthJ3vRcYq8l7g9UAXXiz9P2awFuTa4COcZU2IdEDVU0uA==
-----END PUBLIC KEY-----
";
const OTHER_KEY: &str = "-----BEGIN PUBLIC KEY-----
MFkwEwYHKoZIzj0CAQYIKoZIzj0DAQcDQgAEZxAfzrQG1EbWyCI8LiSB7YgSFXoI
FNGTyQGKHFc6/H8TQumT9VLS78pUwtv3w7EfKoyFZoP32KrO7nzUy2q6Cw==
-----END PUBLIC KEY-----
";

fn document(text: &str) -> Value {
    let (documents, problems) = yaml::parse(text, FileId(0));
    assert!(problems.is_empty(), "{problems:?}\n{text}");
    documents.into_iter().next().unwrap().value
}

fn image() -> ImageName {
    ImageName::parse(&format!("ghcr.io/acme/app@sha256:{DIGEST}")).unwrap()
}

fn facts(occasion: Occasion) -> Facts {
    Facts { now: NOW, occasion, config: None }
}

/// A ClusterImagePolicy with these authorities and what follows them.
fn policy(rest: &str) -> ClusterImagePolicy {
    let head =
        "apiVersion: policy.sigstore.dev/v1beta1\nkind: ClusterImagePolicy\nmetadata: {name: p}\nspec:\n  images: [{glob: 'ghcr.io/**'}]\n";
    ClusterImagePolicy::read(&document(&format!("{head}{rest}")), &Options::default()).unwrap()
}

fn by_key(proofs: usize) -> Proof {
    Proof { id: format!("sha256:{proofs}"), ..Proof::default() }
}

fn by(subject: &str) -> Proof {
    Proof { id: "sha256:0".to_owned(), subject: Some(subject.to_owned()), issuer: Some("https://issuer".to_owned()), ..Proof::default() }
}

fn attested(proof: Proof, kind: &str, predicate: &serde_json::Value) -> Proof {
    let text = json!({
        "_type": "https://in-toto.io/Statement/v1", "predicateType": kind,
        "subject": [{"name": "app", "digest": {"sha256": DIGEST}}], "predicate": predicate,
    });
    Proof { statement: Some(text.to_string().into_bytes().into()), ..proof }
}

/// The proofs of nobody become those of the first key that is asked for.
fn signed(demand: &Demand, mut answer: Answer) -> Answer {
    if let By::Keys { keys, .. } = &demand.by {
        for proof in answer.proofs.iter_mut().filter(|proof| proof.subject.is_none()) {
            proof.key = keys.first().map(probity_sigstore::PublicKey::id);
        }
    }
    answer
}

fn found(proofs: Vec<Proof>) -> Answer {
    Answer { proofs, ..Answer::default() }
}

fn judged(policies: &[ClusterImagePolicy], answer: impl Fn(&Demand) -> Answer) -> Outcome {
    judged_for(policies, None, &NoSupply, answer)
}

fn judged_for(policies: &[ClusterImagePolicy], object: Option<&Value>, supply: &dyn Supply, answer: impl Fn(&Demand) -> Answer) -> Outcome {
    let mut planner = Planner::new(&image(), object, supply).unwrap();
    planner.cluster_image_policies(policies);
    let plan = planner.finish(NoMatch::Deny);
    let answers: Vec<Answer> = plan.demands().iter().map(|demand| signed(demand, answer(demand))).collect();
    plan.judge(&answers, &facts(Occasion::NewDigest))
}

fn reasons(outcome: &Outcome) -> String {
    outcome.policies.iter().flat_map(|policy| &policy.reasons).map(|reason| reason.text.clone()).collect::<Vec<_>>().join("; ")
}

fn indented(text: &str, by: usize) -> String {
    text.lines().map(|line| format!("{}{line}\n", " ".repeat(by))).collect()
}

fn key_authority() -> String {
    format!("  authorities:\n  - key:\n      data: |\n{}", indented(KEY, 8))
}

const KEYLESS: &str = "  - keyless: {identities: [{issuer: 'https://issuer', subjectRegExp: '^me@'}]}\n";

#[test]
fn one_authority_is_enough_and_all_policies_count() {
    let both = policy(&format!("{}{KEYLESS}", key_authority()));
    let only_key = policy(&key_authority());
    let me = |demand: &Demand| match demand.by {
        By::Identities { .. } => found(vec![by("me@example.com")]),
        _ => Answer::default(),
    };
    let outcome = judged(std::slice::from_ref(&both), me);
    assert_eq!(outcome.decision, Decision::Admit);
    assert_eq!(outcome.policies[0].matched, [Arc::from("authority-1")]);
    let outcome = judged(&[both, only_key], me);
    assert_eq!((outcome.decision, outcome.policies[1].verdict), (Decision::Deny, Verdict::Fail));
    assert_eq!(reasons(&outcome), "`authority-0`: no signature that counts: there is none");
}

#[test]
fn a_proof_that_nobody_asked_for_does_not_count() {
    let keyless = policy(&format!("  authorities:\n{KEYLESS}"));
    let outcome = judged(std::slice::from_ref(&keyless), |_| found(vec![by("you@example.com")]));
    assert_eq!(outcome.decision, Decision::Deny);
    assert!(reasons(&outcome).contains("`you@example.com`"), "{}", reasons(&outcome));
    assert_eq!(judged(&[keyless], |_| found(vec![by_key(0)])).decision, Decision::Deny);
    assert_eq!(judged(&[policy(&key_authority())], |_| found(vec![by("me@example.com")])).decision, Decision::Deny);
}

#[test]
fn what_cannot_be_told_is_no_pass() {
    let key = policy(&key_authority());
    let down = |_: &Demand| Answer { undecided: Some("the registry does not answer".to_owned()), ..Answer::default() };
    let outcome = judged(std::slice::from_ref(&key), down);
    assert_eq!((outcome.decision, outcome.policies[0].verdict), (Decision::Deny, Verdict::Undecided));
    let mut planner = Planner::new(&image(), None, &NoSupply).unwrap();
    planner.cluster_image_policies([&key]);
    let outcome = planner.finish(NoMatch::Allow).judge(&[], &facts(Occasion::NewDigest));
    assert_eq!((outcome.decision, outcome.policies[0].verdict), (Decision::Deny, Verdict::Undecided));
    let secret = policy("  authorities: [{key: {secretRef: {name: s}}}]\n");
    assert_eq!(judged(&[secret], |_| found(vec![by_key(0)])).policies[0].verdict, Verdict::Undecided);
}

#[test]
fn warns_where_it_is_told_to() {
    let key = policy(&format!("  mode: warn\n{}", key_authority()));
    assert_eq!(judged(&[key], |_| Answer::default()).decision, Decision::Warn);
}

#[test]
fn without_a_policy() {
    let check = |no_match, expected| {
        let plan = Planner::new(&image(), None, &NoSupply).unwrap().finish(no_match);
        let outcome = plan.judge(&[], &facts(Occasion::NewDigest));
        assert_eq!((outcome.decision, outcome.unmatched), (expected, true));
    };
    check(NoMatch::Deny, Decision::Deny);
    check(NoMatch::Warn, Decision::Warn);
    check(NoMatch::Allow, Decision::Admit);
    assert_eq!(Options::default().no_match, NoMatch::Deny);
    assert!(Planner::new(&ImageName::parse("ghcr.io/a/b:1").unwrap(), None, &NoSupply).is_err());
}

#[test]
fn a_static_pass_asks_nobody() {
    let passes = policy(&format!("{}  - static: {{action: pass}}\n", key_authority()));
    let mut planner = Planner::new(&image(), None, &NoSupply).unwrap();
    planner.cluster_image_policies([&passes]);
    let plan = planner.finish(NoMatch::Deny);
    assert!(plan.demands().is_empty());
    assert_eq!(plan.judge(&[], &facts(Occasion::NewDigest)).decision, Decision::Admit);
    let fails = policy("  authorities: [{static: {action: fail, message: not here}}]\n");
    let outcome = judged(&[fails], |_| Answer::default());
    assert_eq!((outcome.decision, reasons(&outcome).as_str()), (Decision::Deny, "`authority-0`: not here"));
}

#[test]
fn the_same_demand_is_asked_once() {
    let mut planner = Planner::new(&image(), None, &NoSupply).unwrap();
    let key = policy(&key_authority());
    planner.cluster_image_policies([&key, &key, &policy(&format!("  mode: warn\n{}", key_authority()))]);
    let plan = planner.finish(NoMatch::Deny);
    assert_eq!((plan.policies(), plan.demands().len()), (3, 1));
}

#[test]
fn logs_and_timestamps_as_upstream() {
    let check = |rest: &str, expected: Log, stamped: bool| {
        let mut planner = Planner::new(&image(), None, &NoSupply).unwrap();
        planner.cluster_image_policies([&policy(&format!("  authorities:\n{rest}"))]);
        let plan = planner.finish(NoMatch::Deny);
        assert_eq!(plan.demands()[0].log, expected, "{rest}");
        assert_eq!(plan.demands()[0].timestamp.is_some(), stamped, "{rest}");
    };
    let needed = |url: Option<&str>, root: Root| Log::Needed { url: url.map(Arc::from), root, key: None };
    let who = "identities: [{issuer: i, subject: s}]";
    check(&format!("  - keyless: {{{who}}}\n"), needed(None, Root::Default), false);
    check(&format!("  - keyless: {{{who}}}\n    ctlog: {{}}\n"), Log::Ignored, false);
    check(&format!("  - keyless: {{{who}}}\n    ctlog: {{url: 'https://r'}}\n"), needed(Some("https://r"), Root::Default), false);
    check(&format!("  - keyless: {{{who}, trustRootRef: t}}\n"), Log::Ignored, false);
    check(
        &format!("  - keyless: {{{who}, trustRootRef: t}}\n    ctlog: {{trustRootRef: t}}\n"),
        needed(None, Root::Named("t".into())),
        false,
    );
    check(&format!("  - keyless: {{{who}}}\n    rfc3161timestamp: {{trustRootRef: t}}\n"), Log::Ignored, true);
    check(&format!("  - keyless: {{{who}, trustRootRef: t}}\n    signatureFormat: bundle\n"), needed(None, Root::Named("t".into())), false);
    let key = indented(KEY, 8);
    check(&format!("  - key:\n      data: |\n{key}"), Log::Ignored, false);
    check(&format!("  - key:\n      data: |\n{key}    ctlog: {{url: 'https://r'}}\n"), needed(Some("https://r"), Root::Default), false);
}

#[test]
fn attestations_and_their_policies() {
    let with = |language: &str, text: &str| {
        let inner = indented(text, 10);
        policy(&format!(
            "  authorities:\n{KEYLESS}    attestations:\n    - name: a\n      predicateType: custom\n      policy:\n        type: {language}\n        data: |\n{inner}"
        ))
    };
    let custom = "https://cosign.sigstore.dev/attestation/v1";
    let answer = |kind: &'static str, data: &'static str| {
        move |demand: &Demand| {
            assert_eq!(demand.sought, Sought::Attestations);
            found(vec![attested(by("me@example.com"), kind, &json!({"Data": data}))])
        }
    };
    let cue = with("cue", "predicate: Data: \"good\"");
    let rego = with("rego", "package sigstore\ndefault isCompliant = false\nisCompliant {\n  input.predicate.Data == \"good\"\n}");
    let objects = with(
        "rego",
        "package sigstore\nisCompliant[response] {\n  result = input.predicate.Data == \"good\"\n  response := {\"result\": result, \"error\": \"no good\"}\n}",
    );
    for one in [&cue, &rego, &objects] {
        assert_eq!(judged(std::slice::from_ref(one), answer(custom, "good")).decision, Decision::Admit, "{one:?}");
        assert_eq!(judged(std::slice::from_ref(one), answer(custom, "bad")).decision, Decision::Deny, "{one:?}");
        let other = judged(std::slice::from_ref(one), answer("https://slsa.dev/provenance/v1", "good"));
        assert_eq!(other.decision, Decision::Deny);
        assert!(
            reasons(&other).contains("there are only attestations of other types: https://slsa.dev/provenance/v1"),
            "{}",
            reasons(&other)
        );
    }
    assert!(reasons(&judged(&[objects], answer(custom, "bad"))).contains("no good"));
    let warns = with("rego", "package sigstore\nisCompliant[response] {\n  response := {\"result\": true, \"warning\": \"soon not\"}\n}");
    let outcome = judged(&[warns], answer(custom, "good"));
    assert_eq!(outcome.decision, Decision::Deny);
    assert!(reasons(&outcome).contains("it warns: soon not"));
    for broken in
        [with("rego", "package other\nisCompliant { true }"), with("rego", "package sigstore\nisCompliant {"), with("cue", "a: b")]
    {
        assert_eq!(judged(&[broken], answer(custom, "good")).decision, Decision::Deny);
    }
}

#[test]
fn a_statement_about_another_image_does_not_count() {
    let wants = policy(&format!("  authorities:\n{KEYLESS}    attestations: [{{name: a, predicateType: custom}}]\n"));
    let text = json!({"predicateType": "https://cosign.sigstore.dev/attestation/v1", "subject": [{"digest": {"sha256": "2".repeat(64)}}], "predicate": {}});
    let proof = Proof { statement: Some(text.to_string().into_bytes().into()), ..by("me@example.com") };
    let outcome = judged(&[wants], |_| found(vec![proof.clone()]));
    assert_eq!(outcome.decision, Decision::Deny);
    assert!(reasons(&outcome).contains("is about something else"));
}

#[test]
fn a_policy_over_all_authorities() {
    let over = |text: &str| policy(&format!("{}{KEYLESS}  policy:\n    type: cue\n    data: |\n{}", key_authority(), indented(text, 6)));
    let all = |demand: &Demand| found(vec![if matches!(demand.by, By::Keys { .. }) { by_key(0) } else { by("me@example.com") }]);
    let two = "import \"list\"\nauthorityMatches: {\n  \"authority-0\": signatures: list.MinItems(1)\n  \"authority-1\": signatures: [...{subject: =~\"^me@\"}] & list.MinItems(1)\n}";
    let outcome = judged(&[over(two)], all);
    assert_eq!(outcome.decision, Decision::Admit, "{}", reasons(&outcome));
    // As upstream: what is missing contradicts nothing. It is told.
    let outcome = judged(&[over(two)], |demand| if matches!(demand.by, By::Keys { .. }) { Answer::default() } else { all(demand) });
    assert_eq!(outcome.decision, Decision::Admit);
    assert!(outcome.policies[0].notes[0].text.contains("authorityMatches.authority-0.signatures"), "{:?}", outcome.policies[0].notes);
    let rego = |count: usize| {
        let text = format!("package sigstore\ndefault isCompliant = false\nisCompliant {{\n  count(input.authorityMatches) == {count}\n}}");
        policy(&format!("{}{KEYLESS}  policy:\n    type: rego\n    data: |\n{}", key_authority(), indented(&text, 6)))
    };
    assert_eq!(judged(&[rego(2)], all).decision, Decision::Admit);
    assert_eq!(judged(&[rego(3)], all).decision, Decision::Deny);
}

#[test]
fn a_policy_sees_the_object_and_the_configuration() {
    let object = document("{apiVersion: v1, kind: Pod, metadata: {name: p, labels: {foo: bar}}, spec: {serviceAccountName: default}}");
    let wants = |flag: &str, text: &str| {
        policy(&format!("  authorities: [{{static: {{action: pass}}}}]\n  policy: {{type: cue, {flag}: true, data: '{text}'}}\n"))
    };
    let check = |flag: &str, text: &str, expected: Decision| {
        let outcome = judged_for(&[wants(flag, text)], Some(&object), &NoSupply, |_| Answer::default());
        assert_eq!(outcome.decision, expected, "{text}: {}", reasons(&outcome));
    };
    check("includeSpec", "spec: serviceAccountName: \"default\"", Decision::Admit);
    check("includeSpec", "spec: serviceAccountName: \"other\"", Decision::Deny);
    check("includeObjectMeta", "metadata: labels: foo: \"bar\"", Decision::Admit);
    check("includeObjectMeta", "metadata: labels: foo: \"baz\"", Decision::Deny);
    check("includeTypeMeta", "typemeta: kind: \"Pod\"", Decision::Admit);
    check("includeTypeMeta", "typemeta: kind: \"Job\"", Decision::Deny);
    let config = wants("fetchConfigFile", "config: \"linux/amd64\": config: User: \"65532\"");
    let mut planner = Planner::new(&image(), None, &NoSupply).unwrap();
    planner.cluster_image_policies([&config]);
    let plan = planner.finish(NoMatch::Deny);
    assert!(plan.wants_config());
    let with = |user: Option<&str>| {
        let config = user.map(|user| json!({"linux/amd64": {"config": {"User": user}}}));
        plan.judge(&[], &Facts { config, ..facts(Occasion::NewDigest) }).decision
    };
    assert_eq!((with(Some("65532")), with(Some("0")), with(None)), (Decision::Admit, Decision::Deny, Decision::Deny));
}

#[test]
fn matches_objects() {
    let about = policy(
        "  authorities: [{static: {action: fail}}]\n  match:\n  - {group: apps, version: v1, resource: deployments, selector: {matchLabels: {a: b}}}\n",
    );
    let check = |object: &str, expected: usize| {
        let object = document(object);
        let mut planner = Planner::new(&image(), Some(&object), &NoSupply).unwrap();
        planner.cluster_image_policies([&about]);
        assert_eq!(planner.finish(NoMatch::Deny).policies(), expected);
    };
    check("{apiVersion: apps/v1, kind: Deployment, metadata: {labels: {a: b}}}", 1);
    check("{apiVersion: apps/v1, kind: Deployment, metadata: {labels: {a: c}}}", 0);
    check("{apiVersion: v1, kind: Pod, metadata: {labels: {a: b}}}", 0);
}

#[test]
fn texts_from_elsewhere_are_checked() {
    let sum = probity_attest::sha256(b"spec: x: 1");
    let remote = |sum: &str| {
        policy(&format!(
            "  authorities: [{{static: {{action: pass}}}}]\n  policy: {{type: cue, includeSpec: true, remote: {{url: 'https://x/y', sha256sum: '{sum}'}}}}\n"
        ))
    };
    let supply: BTreeMap<Wanted, Arc<str>> = [(Wanted::Remote("https://x/y".into()), Arc::from("spec: x: 1"))].into();
    let object = document("{spec: {x: 1}}");
    let check = |sum: &str, supply: &dyn Supply, expected| {
        assert_eq!(judged_for(&[remote(sum)], Some(&object), supply, |_| Answer::default()).policies[0].verdict, expected);
    };
    check(&sum.to_string(), &supply, Verdict::Pass);
    check(&"0".repeat(64), &supply, Verdict::Undecided);
    check(&sum.to_string(), &NoSupply, Verdict::Undecided);
}

// The short form.

fn keys() -> BTreeMap<Wanted, Arc<str>> {
    [
        (Wanted::File("a.pub".into()), Arc::from(KEY)),
        (Wanted::File("b.pub".into()), Arc::from(OTHER_KEY)),
        (Wanted::File("a2.pub".into()), Arc::from(KEY)),
    ]
    .into()
}

fn own(text: &str, occasion: Occasion, answer: impl Fn(&Demand) -> Answer) -> Outcome {
    let rules = ImageRules::read(&document(text)).unwrap();
    let supply = keys();
    let mut planner = Planner::new(&image(), None, &supply).unwrap();
    planner.image_rules(&rules);
    let plan = planner.finish(NoMatch::Deny);
    let answers: Vec<Answer> = plan.demands().iter().map(|demand| signed(demand, answer(demand))).collect();
    plan.judge(&answers, &facts(occasion))
}

#[test]
fn a_threshold_counts_signers_not_entries() {
    let rule = |signers: &str| format!("images: [{{match: ['ghcr.io/**'], threshold: 2, signed_by: [{signers}]}}]");
    let all = |_: &Demand| found(vec![by_key(0)]);
    assert_eq!(own(&rule("{key: a.pub}, {key: b.pub}"), Occasion::NewDigest, all).decision, Decision::Admit);
    let twice = own(&rule("{key: a.pub}, {key: a2.pub}"), Occasion::NewDigest, all);
    assert_eq!(twice.decision, Decision::Deny);
    assert!(reasons(&twice).contains("signed by 1 of the 2 it needs"), "{}", reasons(&twice));
    let me = |_: &Demand| found(vec![by("me@example.com")]);
    let patterns = "{issuer: 'https://issuer', subject_regexp: '^me'}, {issuer: 'https://issuer', subject_regexp: 'com$'}";
    assert_eq!(own(&rule(patterns), Occasion::NewDigest, me).decision, Decision::Deny);
    let missing = own(&rule("{key: a.pub}, {key: none.pub}"), Occasion::NewDigest, all);
    assert_eq!(missing.policies[0].verdict, Verdict::Undecided);
}

#[test]
fn provenance_has_to_fit() {
    let kind = "https://slsa.dev/provenance/v1";
    let built = |repository: &str| {
        json!({
            "buildDefinition": {"externalParameters": {"workflow": {"repository": repository, "ref": "refs/heads/main", "path": ".github/workflows/release.yaml"}}},
            "runDetails": {"builder": {"id": "https://github.com/actions/runner/github-hosted"}},
        })
    };
    let check = |wanted: &str, repository: &str, expected: Verdict| {
        let text = format!("images: [{{match: ['**'], signed_by: [{{key: a.pub}}], provenance: {{{wanted}}}}}]");
        let outcome = own(&text, Occasion::NewDigest, |demand| match demand.sought {
            Sought::Signatures => found(vec![by_key(0)]),
            Sought::Attestations => found(vec![attested(by_key(1), kind, &built(repository))]),
        });
        assert_eq!(outcome.policies[0].verdict, expected, "{wanted}: {}", reasons(&outcome));
    };
    let ours = "https://github.com/acme/app";
    check(
        "source: github.com/acme/app, ref: refs/heads/main, workflow: .github/workflows/release.yaml, slsa_level: 2",
        ours,
        Verdict::Pass,
    );
    check("source: github.com/acme/app", "https://github.com/evil/app", Verdict::Fail);
    check("ref: refs/heads/dev", ours, Verdict::Fail);
    check("workflow: other.yaml", ours, Verdict::Fail);
    check("builder: 'https://builder'", ours, Verdict::Fail);
    check("slsa_level: 3", ours, Verdict::Fail);
}

fn summary(result: &str, colour: &str, time: &str) -> Proof {
    let predicate = json!({"timeVerified": time, "verificationResult": result, "verifiedLevels": [], "probity": {"colour": colour}});
    attested(by_key(1), "https://slsa.dev/verification_summary/v1", &predicate)
}

#[test]
fn an_ageing_verdict_is_no_outage() {
    let text = "images: [{match: ['**'], verdict: {colour: green, max_age: 7d, signed_by: [{key: a.pub}]}}]";
    // The time is 2026-01-31T12:00:00Z.
    let check = |proofs: Vec<Proof>, occasion, expected: Verdict, notes: usize| {
        let outcome = own(text, occasion, |_| found(proofs.clone()));
        let policy = &outcome.policies[0];
        assert_eq!((policy.verdict, policy.notes.len()), (expected, notes), "{}", reasons(&outcome));
    };
    let fresh = || summary("PASSED", "green", "2026-01-30T12:00:00Z");
    let old = || summary("PASSED", "green", "2026-01-01T12:00:00Z");
    check(vec![fresh()], Occasion::NewDigest, Verdict::Pass, 0);
    check(vec![old()], Occasion::NewDigest, Verdict::Fail, 0);
    check(vec![old()], Occasion::SameDigest, Verdict::Pass, 1);
    check(vec![], Occasion::SameDigest, Verdict::Fail, 0);
    check(vec![summary("PASSED", "yellow", "2026-01-30T12:00:00Z")], Occasion::NewDigest, Verdict::Fail, 0);
    check(vec![summary("FAILED", "red", "2026-01-30T12:00:00Z")], Occasion::SameDigest, Verdict::Fail, 0);
    check(vec![fresh(), summary("FAILED", "red", "2026-01-31T11:00:00Z")], Occasion::NewDigest, Verdict::Fail, 0);
    check(vec![summary("PASSED", "green", "2027-01-01T00:00:00Z")], Occasion::NewDigest, Verdict::Fail, 0);
}

#[test]
fn contents_and_scans() {
    let text = "images: [{match: ['**'], signed_by: [{key: a.pub}], sbom: required, vulnerabilities: {max_age: 24h}}]";
    let check = |kinds: &[(&str, serde_json::Value)], occasion, expected: Verdict| {
        let outcome = own(text, occasion, |demand| match demand.sought {
            Sought::Signatures => found(vec![by_key(0)]),
            Sought::Attestations => found(kinds.iter().map(|(kind, predicate)| attested(by_key(1), kind, predicate)).collect()),
        });
        assert_eq!(outcome.policies[0].verdict, expected, "{}", reasons(&outcome));
    };
    let scan = |time: &str| ("https://cosign.sigstore.dev/attestation/vuln/v1", json!({"metadata": {"scanFinishedOn": time}}));
    let contents = ("https://spdx.dev/Document/v2.3", json!({}));
    check(&[contents.clone(), scan("2026-01-31T00:00:00Z")], Occasion::NewDigest, Verdict::Pass);
    check(&[contents.clone(), scan("2026-01-21T00:00:00Z")], Occasion::NewDigest, Verdict::Fail);
    check(&[contents.clone(), scan("2026-01-21T00:00:00Z")], Occasion::SameDigest, Verdict::Pass);
    check(&[scan("2026-01-31T00:00:00Z")], Occasion::NewDigest, Verdict::Fail);
    check(&[contents], Occasion::NewDigest, Verdict::Fail);
}

#[test]
fn the_short_form_is_read_with_its_mistakes() {
    let check = |text: &str, expected: &str| {
        let faults = ImageRules::read(&document(text)).unwrap_err();
        let said: Vec<String> = faults.iter().map(ToString::to_string).collect();
        assert!(said.iter().any(|one| one.contains(expected)), "{text}: {said:?}");
        assert!(faults.iter().all(|fault| !fault.span.is_none()), "{faults:?}");
    };
    check("images: [{match: ['**'], signed_bye: []}]", "`images[0].signed_bye` is no known field (did you mean `signed_by`?)");
    check("images: [{match: ['**']}]", "`images[0]` asks for nothing");
    check("images: [{match: ['**'], signed_by: []}]", "names nobody");
    check("images: [{match: ['**'], sbom: required}]", "`images[0].signed_by` is missing");
    check("images: [{match: ['**'], verdict: {colour: green}}]", "`images[0].signed_by` is missing");
    check("images: [{match: ['**'], signed_by: [{key: a}], threshold: 2}]", "that many can never sign");
    check("images: [{match: ['['], signed_by: [{key: a}]}]", "`images[0].match[0]` is wrong");
    check("images: [{match: ['**'], signed_by: [{issuer: i}]}]", "`images[0].signed_by[0].subject` is missing");
    check("images: [{match: ['**'], signed_by: [{key: a, issuer: i}]}]", "means nothing beside `key`");
    check("images: [{match: ['**'], signed_by: [{key: a}], verdict: {max_age: soon}}]", "no age such as");
    check("images: [{match: ['**'], signed_by: [{key: a}], provenance: {slsa_level: 4}}]", "is no level");
}
