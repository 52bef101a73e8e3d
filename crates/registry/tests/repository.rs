//! Repositories that are read and written: registries with and without referrers, and OCI layouts.
#![allow(clippy::unwrap_used, clippy::panic, reason = "a test that cannot go on fails")]
#![allow(clippy::disallowed_methods, reason = "a test touches the world on purpose")]

use std::time::Duration;

use probity_archive::Limits;
use probity_registry::{
    Credentials, EMPTY, EMPTY_BYTES, Layout, MOST_REFERRERS, Name, OCI_INDEX, OCI_MANIFEST, PullError, Registry, Remote, Repository,
    Settings,
};
use probity_testkit::registry::{Fault, StubRegistry, digest};
use serde_json::{Value, json};

const KIND: &str = "application/vnd.example.note";

fn remote(stub: &StubRegistry) -> Remote {
    let settings = Settings {
        timeout: Duration::from_secs(2),
        authorities: Vec::new(),
        plain_http: false,
        mirrors: Vec::new(),
        credentials: Credentials::default(),
        limits: Limits::default(),
    };
    Registry::new(settings).origin(&format!("{}/app", stub.host()).parse().unwrap()).unwrap()
}

/// A manifest of one blob that may refer to another.
fn manifest(repository: &dyn Repository, content: &[u8], subject: Option<&Value>) -> Value {
    let config = repository.push_blob(EMPTY_BYTES).unwrap();
    let layer = repository.push_blob(content).unwrap();
    let mut manifest = json!({
        "schemaVersion": 2, "mediaType": OCI_MANIFEST, "artifactType": KIND,
        "config": { "mediaType": EMPTY, "digest": config.as_str(), "size": 2 },
        "layers": [{ "mediaType": KIND, "digest": layer.as_str(), "size": content.len() }],
        "annotations": { "note": String::from_utf8_lossy(content) },
    });
    if let Some(subject) = subject {
        manifest["subject"] = subject.clone();
    }
    manifest
}

/// Everything a repository has to do.
fn works(repository: &dyn Repository) {
    assert!(repository.manifest(&Name::Tag("1".into())).unwrap().is_none());
    let image = repository.push_manifest(Some("1"), &manifest(repository, b"image", None)).unwrap();
    let read = repository.manifest(&Name::Tag("1".into())).unwrap().unwrap();
    assert_eq!(*read.digest(), image);
    let descriptor = read.descriptor();
    assert_eq!(descriptor, json!({ "mediaType": OCI_MANIFEST, "digest": image.as_str(), "size": read.bytes().len() }));
    assert!(repository.referrers(&image, None).unwrap().found.is_empty());
    let first = repository.push_manifest(None, &manifest(repository, b"one", Some(&descriptor))).unwrap();
    let second = repository.push_manifest(None, &manifest(repository, b"two", Some(&descriptor))).unwrap();
    // Again changes nothing.
    assert_eq!(repository.push_manifest(None, &manifest(repository, b"two", Some(&descriptor))).unwrap(), second);
    let found = repository.referrers(&image, Some(KIND)).unwrap();
    let mut digests: Vec<_> = found.found.iter().map(|one| one.digest.clone()).collect();
    let mut expected = vec![first.clone(), second];
    digests.sort();
    expected.sort();
    assert_eq!(digests, expected);
    assert!(!found.is_cut);
    assert!(repository.referrers(&image, Some("application/other")).unwrap().found.is_empty());
    let read = repository.manifest(&Name::Digest(first)).unwrap().unwrap();
    let layer = read.value()["layers"][0]["digest"].as_str().unwrap().parse().unwrap();
    assert_eq!(repository.blob(&layer, 10).unwrap(), b"one");
    assert!(matches!(repository.blob(&layer, 2), Err(PullError::Large { .. })));
    // The image itself is as it was.
    assert_eq!(*repository.manifest(&Name::Tag("1".into())).unwrap().unwrap().digest(), image);
}

#[test]
fn a_registry_with_referrers() {
    let stub = StubRegistry::start().unwrap();
    stub.take_writes();
    stub.know_referrers(1);
    works(&remote(&stub));
    assert!(!stub.requests().iter().any(|request| request.starts_with("PUT") && request.contains("manifests/sha256-")));
}

#[test]
fn a_registry_without_referrers_keeps_a_list_under_a_tag() {
    let stub = StubRegistry::start().unwrap();
    stub.take_writes();
    works(&remote(&stub));
    assert!(stub.requests().iter().any(|request| request.starts_with("PUT") && request.contains("manifests/sha256-")));
}

#[test]
fn a_layout_on_disk() {
    let folder = tempfile::tempdir().unwrap();
    assert!(Layout::open(folder.path()).is_none());
    std::fs::write(folder.path().join("oci-layout"), r#"{"imageLayoutVersion":"1.0.0"}"#).unwrap();
    std::fs::write(folder.path().join("index.json"), r#"{"schemaVersion":2,"manifests":[],"other":1}"#).unwrap();
    works(&Layout::open(folder.path()).unwrap());
    let index: Value = serde_json::from_slice(&std::fs::read(folder.path().join("index.json")).unwrap()).unwrap();
    assert_eq!(index["other"], 1);
    assert_eq!(Layout::open(folder.path()).unwrap().images().unwrap().len(), 1);
}

#[test]
fn what_is_wrong_on_disk_is_refused() {
    let folder = tempfile::tempdir().unwrap();
    std::fs::write(folder.path().join("oci-layout"), "{}").unwrap();
    std::fs::write(folder.path().join("index.json"), r#"{"manifests":[]}"#).unwrap();
    let layout = Layout::open(folder.path()).unwrap();
    let kept = layout.push_blob(b"right").unwrap();
    std::fs::write(folder.path().join("blobs").join(kept.as_str().replace(':', "/")), "wrong").unwrap();
    assert!(matches!(layout.blob(&kept, 100), Err(PullError::Changed { .. })));
    assert!(matches!(layout.manifest(&Name::Digest(kept)), Err(PullError::Changed { .. })));
    std::fs::write(folder.path().join("index.json"), "[]").unwrap();
    assert!(matches!(layout.manifest(&Name::Tag("1".into())), Err(PullError::Broken { .. })));
}

#[test]
fn what_a_registry_does_not_take_is_told() {
    let stub = StubRegistry::start().unwrap();
    let error = remote(&stub).push_blob(b"x").unwrap_err();
    assert!(error.to_string().contains("does not take"), "{error}");
    stub.take_writes();
    // A reply that is lost, and an answer that asks for patience: sent again.
    let upload = format!("app/blobs/{}", digest(b"x"));
    stub.fail(&upload, [Fault::Answer(503, vec![], vec![])]);
    stub.fail("app/blobs/uploads/", [Fault::Cut(0), Fault::Answer(503, vec![], vec![])]);
    remote(&stub).push_blob(b"x").unwrap();
    stub.fail("app/blobs/uploads/", [Fault::Answer(202, vec!["Location: ftp://127.0.0.1/x".into()], vec![])]);
    let error = remote(&stub).push_blob(b"y").unwrap_err();
    assert!(error.to_string().contains("no safe address"), "{error}");
}

#[test]
fn an_upload_elsewhere_is_shown_no_credentials() {
    let (stub, other) = (StubRegistry::start().unwrap(), StubRegistry::start().unwrap());
    stub.take_writes();
    other.take_writes();
    let settings = Settings {
        timeout: Duration::from_secs(2),
        authorities: Vec::new(),
        plain_http: false,
        mirrors: Vec::new(),
        credentials: Credentials { files: vec![credentials(&stub)], deadline: Duration::from_secs(2) },
        limits: Limits::default(),
    };
    stub.ask(probity_testkit::registry::Door::Basic("n".into(), "p".into()));
    let remote = Registry::new(settings).origin(&format!("{}/app", stub.host()).parse().unwrap()).unwrap();
    let location = format!("Location: http://{}/v2/app/blobs/uploads/1?state=a", other.host());
    stub.fail("app/blobs/uploads/", [Fault::Answer(202, vec![location], vec![])]);
    remote.push_blob(b"x").unwrap();
    assert!(stub.requests().iter().any(|request| request.contains("with authorization")));
    let there = other.requests();
    assert!(
        there.iter().any(|request| request.starts_with("PUT")) && !there.iter().any(|request| request.contains("authorization")),
        "{there:?}"
    );
}

fn credentials(stub: &StubRegistry) -> std::path::PathBuf {
    let folder = tempfile::tempdir().unwrap().keep();
    let file = folder.join("config.json");
    let auth = probity_testkit::registry::base64(b"n:p");
    std::fs::write(&file, json!({ "auths": { stub.host(): { "auth": auth } } }).to_string()).unwrap();
    file
}

#[test]
fn hostile_lists_of_referrers_end() {
    let stub = StubRegistry::start().unwrap();
    let image: probity_registry::Digest = digest(b"image").parse().unwrap();
    let path = format!("app/referrers/{image}");
    let list = |entries: &[Value]| json!({ "schemaVersion": 2, "manifests": entries }).to_string().into_bytes();
    let kind = || format!("Content-Type: {OCI_INDEX}");
    // The next page is this page, for ever.
    let next = format!("Link: </v2/{path}>; rel=\"next\"");
    let entry = |number: usize| json!({ "digest": digest(&number.to_be_bytes()), "artifactType": KIND });
    stub.fail(&path, (0..200).map(|number| Fault::Answer(200, vec![kind(), next.clone()], list(&[entry(number)]))));
    let found = remote(&stub).referrers(&image, None).unwrap();
    assert!(found.is_cut && found.found.len() == 64, "{}", found.found.len());
    // More than anybody has.
    let stub = StubRegistry::start().unwrap();
    let entries: Vec<Value> = (0..20_000).map(entry).collect();
    stub.fail(&path, [Fault::Answer(200, vec![kind()], list(&entries))]);
    let found = remote(&stub).referrers(&image, None).unwrap();
    assert!(found.is_cut && found.found.len() == MOST_REFERRERS);
    // Somewhere else, without an end, or nothing that is a list.
    let fails = |fault: Fault, what: &str| {
        let stub = StubRegistry::start().unwrap();
        stub.fail(&path, [fault]);
        let error = remote(&stub).referrers(&image, None).unwrap_err();
        assert!(error.to_string().contains(what), "{error}");
    };
    fails(Fault::Answer(200, vec![kind(), "Link: <http://127.0.0.1:1/x>; rel=\"next\"".into()], list(&[])), "somewhere else");
    fails(Fault::Endless(200), "more than");
    fails(Fault::Answer(200, vec![kind()], b"{}".to_vec()), "lists nothing");
    fails(Fault::Answer(200, vec![kind()], list(&[json!({})])), "no digest");
    fails(Fault::Answer(403, vec![], vec![]), "does not give");
    // A page of a web site in its place: no referrers are known there.
    stub.fail(&path, [Fault::Answer(200, vec!["Content-Type: text/html".into()], b"<html>".to_vec())]);
    assert!(remote(&stub).referrers(&image, None).unwrap().found.is_empty());
}
