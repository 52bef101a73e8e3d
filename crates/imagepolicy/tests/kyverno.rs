//! `verifyImages` of Kyverno: read, planned and judged over made-up answers.
#![allow(clippy::unwrap_used, reason = "a test that cannot go on fails")]

use std::collections::BTreeMap;
use std::sync::Arc;

use probity_core::Timestamp;
use probity_imagepolicy::cip::NoMatch;
use probity_imagepolicy::kyverno::VerifyImages;
use probity_imagepolicy::{
    Answer, By, Decision, Demand, Facts, Format, ImageName, Log, NoSupply, Occasion, Outcome, Planner, Proof, Root, Sought, Supply,
    Verdict, Wanted,
};
use probity_value::{FileId, Value, yaml};
use serde_json::json;

const DIGEST: &str = "1111111111111111111111111111111111111111111111111111111111111111";
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

/// A policy with one rule of which this is the entry, as JSON.
fn policy(entry: &serde_json::Value) -> Value {
    let mut entry = entry.clone();
    if entry.get("imageReferences").is_none() {
        entry["imageReferences"] = json!(["ghcr.io/*"]);
    }
    let whole = json!({
        "apiVersion": "kyverno.io/v1", "kind": "ClusterPolicy", "metadata": {"name": "p"},
        "spec": {"validationFailureAction": "Enforce", "rules": [{"name": "r", "verifyImages": [entry]}]},
    });
    document(&whole.to_string())
}

fn read(entry: &serde_json::Value) -> Vec<VerifyImages> {
    VerifyImages::read(&policy(entry)).unwrap()
}

fn judged(entry: &serde_json::Value, supply: &dyn Supply, answer: impl Fn(&Demand) -> Answer) -> Outcome {
    let image = ImageName::parse(&format!("ghcr.io/acme/app:1@sha256:{DIGEST}")).unwrap();
    let mut planner = Planner::new(&image, None, supply).unwrap();
    planner.verify_images(&read(entry));
    let plan = planner.finish(NoMatch::Deny);
    let answers: Vec<Answer> = plan.demands().iter().map(|demand| signed(demand, answer(demand))).collect();
    plan.judge(&answers, &Facts { now: Timestamp { seconds: 0, nanoseconds: 0 }, occasion: Occasion::NewDigest, config: None })
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

fn by(subject: &str) -> Proof {
    Proof { subject: Some(subject.to_owned()), issuer: Some("https://issuer".to_owned()), ..Proof::default() }
}

/// Answers for the first key only.
fn first_key(demand: &Demand) -> Answer {
    let By::Keys { keys, .. } = &demand.by else { return Answer::default() };
    let first = probity_sigstore::PublicKey::from_pem(KEY).unwrap();
    if keys[0].id() == first.id() { found(vec![Proof::default()]) } else { Answer::default() }
}

#[test]
fn keys_in_one_text_are_several_attestors() {
    let both = format!("{KEY}{OTHER_KEY}");
    let entry = |count: Option<u32>| {
        let mut set = json!({"entries": [{"keys": {"publicKeys": both, "rekor": {"ignoreTlog": true}}}]});
        if let Some(count) = count {
            set["count"] = json!(count);
        }
        json!({"attestors": [set]})
    };
    assert_eq!(judged(&entry(None), &NoSupply, first_key).decision, Decision::Deny, "all of them by default");
    assert_eq!(judged(&entry(Some(1)), &NoSupply, first_key).decision, Decision::Admit);
    assert_eq!(judged(&entry(Some(2)), &NoSupply, |_| found(vec![Proof::default()])).decision, Decision::Admit);
    assert!(VerifyImages::read(&policy(&entry(Some(3)))).is_err());
}

#[test]
fn every_set_and_nested_sets() {
    let key = |pem: &str| json!({"keys": {"publicKeys": pem}});
    let two_sets = json!({"attestors": [{"entries": [key(KEY)]}, {"entries": [key(OTHER_KEY)]}]});
    assert_eq!(judged(&two_sets, &NoSupply, first_key).decision, Decision::Deny);
    let nested = json!({"attestors": [{"entries": [{"attestor": {"count": 1, "entries": [key(OTHER_KEY), key(KEY)]}}]}]});
    assert_eq!(judged(&nested, &NoSupply, first_key).decision, Decision::Admit);
}

#[test]
fn identities_as_kyverno_compares_them() {
    let check = |keyless: serde_json::Value, subject: &str, expected: Decision| {
        let entry = json!({"attestors": [{"entries": [{"keyless": keyless}]}]});
        assert_eq!(judged(&entry, &NoSupply, |_| found(vec![by(subject)])).decision, expected, "{entry}");
    };
    check(json!({"subject": "*@example.com", "issuer": "https://issuer"}), "me@example.com", Decision::Admit);
    check(json!({"subject": "*@example.com", "issuer": "https://issuer"}), "me@example.com.evil", Decision::Deny);
    check(json!({"subject": "me", "issuer": "https://other"}), "me", Decision::Deny);
    check(json!({"subjectRegExp": "^me$", "issuerRegExp": "^https://iss"}), "me", Decision::Admit);
    check(json!({"issuer": "https://issuer"}), "anybody", Decision::Admit);
}

#[test]
fn demands_say_where_and_how() {
    let entry = json!({
        "type": "SigstoreBundle", "repository": "ghcr.io/acme/signatures", "annotations": {"team": "pay"},
        "imageRegistryCredentials": {"secrets": ["pull"]},
        "attestors": [{"entries": [{"keyless": {"subject": "s", "issuer": "i", "rekor": {"url": "https://r"}, "roots": "PEM", "ctlog": {"ignoreSCT": true}},
            "annotations": {"env": "prod"}}]}],
    });
    let image = ImageName::parse(&format!("ghcr.io/acme/app@sha256:{DIGEST}")).unwrap();
    let mut planner = Planner::new(&image, None, &NoSupply).unwrap();
    planner.verify_images(&read(&entry));
    let plan = planner.finish(NoMatch::Deny);
    let [demand] = plan.demands() else { panic!("{:?}", plan.demands()) };
    assert_eq!((demand.sought, demand.format), (Sought::Signatures, Format::Bundle));
    assert_eq!(demand.log, Log::Needed { url: Some("https://r".into()), root: Root::Default, key: None });
    assert_eq!(demand.sources[0].oci.as_deref(), Some("ghcr.io/acme/signatures"));
    assert_eq!(demand.sources[0].pull_secrets, [Arc::from("pull")]);
    assert_eq!(demand.annotations.len(), 2);
    assert!(matches!(&demand.by, By::Identities { root: Root::Certificates(_), ignore_sct: true, .. }));
}

#[test]
fn conditions_of_attestations() {
    let entry = json!({
        "attestations": [{"type": "https://example.com/review/v1", "attestors": [{"entries": [{"keys": {"publicKeys": KEY}}]}],
            "conditions": [{"all": [{"key": "{{ approvals }}", "operator": "GreaterThanOrEquals", "value": 2},
                                     {"key": "{{ repo.branch }}", "operator": "Equals", "value": "main", "message": "not main"}]}]}],
    });
    let check = |predicates: Vec<serde_json::Value>, expected: Verdict| {
        let outcome = judged(&entry, &NoSupply, |demand| {
            assert_eq!(demand.sought, Sought::Attestations);
            let proof = |predicate: &serde_json::Value| {
                let text = json!({"predicateType": "https://example.com/review/v1", "subject": [{"digest": {"sha256": DIGEST}}], "predicate": predicate});
                Proof { statement: Some(text.to_string().into_bytes().into()), ..Proof::default() }
            };
            found(predicates.iter().map(proof).collect())
        });
        assert_eq!(outcome.policies[0].verdict, expected, "{:?}", outcome.policies[0].reasons);
    };
    let good = || json!({"approvals": 2, "repo": {"branch": "main"}});
    check(vec![good()], Verdict::Pass);
    check(vec![json!({"approvals": 1, "repo": {"branch": "main"}})], Verdict::Fail);
    check(vec![json!({"approvals": 2, "repo": {"branch": "dev"}})], Verdict::Fail);
    check(vec![good(), json!({"approvals": 0, "repo": {"branch": "main"}})], Verdict::Fail);
    check(vec![json!({"approvals": 2})], Verdict::Fail);
    check(vec![], Verdict::Fail);
}

#[test]
fn secrets_come_from_the_edge() {
    let entry = json!({"attestors": [{"entries": [{"keys": {"publicKeys": "k8s://ns/signer"}}]}]});
    assert_eq!(judged(&entry, &NoSupply, first_key).policies[0].verdict, Verdict::Undecided);
    let wanted = Wanted::Secret { namespace: "ns".into(), name: "signer".into() };
    let supply: BTreeMap<Wanted, Arc<str>> = [(wanted, Arc::from(KEY))].into();
    assert_eq!(judged(&entry, &supply, first_key).decision, Decision::Admit);
}

#[test]
fn which_images() {
    let check = |references: serde_json::Value, skipped: serde_json::Value, image: &str, expected: bool| {
        let entry = json!({"imageReferences": references, "skipImageReferences": skipped, "key": KEY});
        let image = ImageName::parse(image).unwrap();
        assert_eq!(read(&entry)[0].is_about(&image), expected, "{image}");
    };
    let digest = format!("ghcr.io/acme/app:1@sha256:{DIGEST}");
    check(json!(["ghcr.io/acme/*"]), json!([]), &digest, true);
    check(json!(["ghcr.io/acme/app:1"]), json!([]), &digest, true);
    check(json!(["ghcr.io/acme/*"]), json!(["ghcr.io/acme/app*"]), &digest, false);
    check(json!(["docker.io/*"]), json!([]), &digest, false);
    check(json!(["docker.io/*"]), json!([]), "busybox", true);
}

#[test]
fn refuses_what_it_does_not_understand() {
    let check = |entry: serde_json::Value, expected: &str| {
        let faults = VerifyImages::read(&policy(&entry)).unwrap_err();
        let said: Vec<String> = faults.iter().map(ToString::to_string).collect();
        assert!(said.iter().any(|one| one.contains(expected)), "{entry}: {said:?}");
    };
    let with = |entry: serde_json::Value| json!({"attestors": [{"entries": [entry]}]});
    check(json!({"type": "Notary", "key": KEY}), "is Notary, whose signatures are not verified here");
    check(with(json!({"keys": {"kms": "awskms:///alias/x"}})), "names a key management service");
    check(with(json!({"keys": {"publicKeys": "{{ keys.data.pub }}"}})), "has a variable in it");
    check(with(json!({"keys": {"publicKeys": "no key"}})), "is wrong: not a public key");
    check(with(json!({"keyless": {"rekor": {"url": "https://r"}}})), "anybody could sign");
    check(with(json!({"keyless": {"subject": "s", "additionalExtensions": {"a": "b"}}})), "is not understood here");
    check(with(json!({"keys": {"publicKeys": KEY}, "keyless": {"subject": "s"}})), "has keys and keyless");
    check(with(json!({"certificates": {"certChain": "PEM"}})), "any certificate of the chain would do");
    check(json!({"attestors": [{"entries": []}]}), "names nobody");
    check(json!({"atestors": []}), "is no known field (did you mean `attestors`?)");
    check(json!({}), "asks for no signature and no attestation");
    check(json!({"attestations": [{"type": "t"}]}), "an attestation counts only by whom it is signed");
    check(json!({"key": KEY, "validate": {"deny": {}}}), "`spec.rules[0].verifyImages[0].validate` is not understood here");
}
