//! `probity gate --image` and `--artifact`: the folder and what was built from it are judged together, and the verdict is signed.
#![allow(clippy::disallowed_methods, clippy::panic, reason = "a test touches the world on purpose and fails by panicking")]
#![allow(clippy::unwrap_used, reason = "a test that cannot go on fails")]

mod common;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use common::{Repo, Report};
use probity_testkit::archives;
use probity_testkit::registry::{OCI_MANIFEST, StubRegistry, digest};
use serde_json::{Value, json};

/// An invented key, in two parts, so that this file holds none.
fn secret() -> String {
    format!("sk_live_{}", "4mZqT7hVb2Lw9XnRc6JyPd3K")
}

struct Place {
    stub: StubRegistry,
    repo: Repo,
}

impl Place {
    fn new() -> Place {
        let stub = StubRegistry::start().unwrap();
        stub.take_writes();
        let repo = Repo::new();
        repo.write("main.tf", "# nothing\nlocals { a = 1 }\n");
        let key = probity_attest::SigningKey::generate().unwrap();
        repo.write_beside("k.key", &key.to_pem().unwrap());
        repo.write_beside("k.pub", &key.verifying_key().to_pem());
        repo.commit();
        let place = Place { stub, repo };
        place.serve("clean", "app.py", "print('hello')\n");
        place.serve("bad", "app.py", &format!("key = \"{}\"\n", secret()));
        place
    }

    /// Serves an image with one file; its digest.
    fn serve(&self, tag: &str, name: &str, text: &str) -> String {
        let layer = archives::tar(&[(name, text.as_bytes())]);
        let config = json!({ "os": "linux", "architecture": "amd64", "rootfs": { "type": "layers", "diff_ids": [digest(&layer)] } });
        let part = |kind: &str, bytes: &[u8]| json!({ "mediaType": kind, "digest": self.stub.blob("app", bytes), "size": bytes.len() });
        let manifest = json!({
            "schemaVersion": 2, "mediaType": OCI_MANIFEST,
            "config": part("application/vnd.oci.image.config.v1+json", config.to_string().as_bytes()),
            "layers": [part("application/vnd.oci.image.layer.v1.tar", &layer)],
        });
        self.stub.manifest("app", tag, OCI_MANIFEST, manifest.to_string().as_bytes())
    }

    fn image(&self, tag: &str) -> String {
        format!("{}/app:{tag}", self.stub.host())
    }

    /// A gate without a record, its exit code checked.
    fn report(&self, code: i32, arguments: &[&str]) -> Report {
        self.recorded(code, &[&["--evidence", "none"], arguments].concat())
    }

    /// A gate with a record in the state folder.
    fn recorded(&self, code: i32, arguments: &[&str]) -> Report {
        Report(self.repo.run(&[&["gate", "--format", "json"], arguments].concat()).code(code).json())
    }

    fn beside(&self, name: &str) -> String {
        self.repo.beside(name).display().to_string()
    }

    fn verify(&self, code: i32, name: &str, more: &[&str]) -> common::Ran {
        let key = self.beside("k.pub");
        let vsa = "https://slsa.dev/verification_summary/v1";
        let base = ["verify", name, "--key", &key, "--insecure-ignore-tlog", "--type", vsa, "--format", "json"];
        self.repo.run(&[&base[..], more].concat()).code(code)
    }
}

#[test]
fn an_image_is_judged_with_the_folder() {
    let place = Place::new();
    let report = place.report(0, &["--image", &place.image("clean")]);
    assert_eq!(report.0["verdict"]["colour"], "green");
    let report = place.report(1, &["--image", &place.image("bad")]);
    let host = place.stub.host();
    let found = report.0["results"].as_array().unwrap().iter().find(|one| one["engine"] == "secrets").unwrap();
    assert_eq!(found["at"]["file"], format!("{host}/app!/app.py"));
    // The register of the folder covers what is in the image, whatever its tag and digest.
    let fingerprint = found["fingerprint"].as_str().unwrap();
    let accept = [
        "accept",
        fingerprint,
        "--kind",
        "false-positive",
        "--reason",
        "invented",
        "--expires",
        &common::day(5),
        "--owner",
        "team",
        "--image",
        &place.image("bad"),
    ];
    place.repo.run(&accept).code(0);
    place.repo.commit();
    place.serve("bad", "app.py", &format!("# another build\nkey = \"{}\"\n", secret()));
    let report = place.report(0, &["--image", &place.image("bad")]);
    assert_eq!(report.0["verdict"]["counts"]["excepted"], 1);
}

#[test]
fn an_image_has_no_say_in_how_it_is_judged() {
    let place = Place::new();
    for (tag, name, text) in
        [("a", "probity.yaml", "version: 1\nsecrets:\n  enabled: false\n".to_owned()), ("b", ".gitleaksignore", "app.py\n".to_owned())]
    {
        let layer = [(name, text.as_str()), ("app.py", &*format!("key = \"{}\"\n", secret()))];
        let files: Vec<(&str, &[u8])> = layer.iter().map(|(name, text)| (*name, text.as_bytes())).collect();
        let layer = archives::tar(&files);
        let config = json!({ "os": "linux", "architecture": "amd64", "rootfs": { "type": "layers", "diff_ids": [digest(&layer)] } });
        let part = |kind: &str, bytes: &[u8]| json!({ "mediaType": kind, "digest": place.stub.blob("app", bytes), "size": bytes.len() });
        let manifest = json!({
            "schemaVersion": 2, "mediaType": OCI_MANIFEST,
            "config": part("application/vnd.oci.image.config.v1+json", config.to_string().as_bytes()),
            "layers": [part("application/vnd.oci.image.layer.v1.tar", &layer)],
        });
        place.stub.manifest("app", tag, OCI_MANIFEST, manifest.to_string().as_bytes());
        place.report(1, &["--image", &place.image(tag)]);
    }
}

#[test]
fn the_verdict_is_signed_and_kept_beside_the_image() {
    let place = Place::new();
    let key = place.beside("k.key");
    for (tag, code, result, level) in [("clean", 0, "PASSED", "PROBITY_GREEN"), ("bad", 1, "FAILED", "FAILED")] {
        place.recorded(code, &["--image", &place.image(tag), "--attest", "--key", &key]);
        let said = place.verify(0, &place.image(tag), &[]);
        let json: Value = said.json();
        let signed = &json["signed"][0];
        assert_eq!(signed["predicate"]["verificationResult"], result);
        assert_eq!(signed["predicate"]["verifiedLevels"], json!([level]));
        assert_eq!(signed["predicate"]["verifier"]["id"], "https://probity.dev/gate/v1");
        assert!(signed["predicate"]["inputAttestations"][0]["digest"]["sha256"].is_string());
        assert!(signed["predicate"]["probity"]["source"]["digest"]["gitCommit"].is_string());
        let about = &signed["statement"]["subjects"];
        assert_eq!(format!("sha256:{}", about[0]["digest"]["sha256"].as_str().unwrap()), json["artifact"]["digest"]);
        assert_eq!(about.as_array().unwrap().len(), 1);
    }
    place.repo.run(&["gate", ".", "--attest"]).code(2);
}

#[test]
fn a_verdict_that_cannot_be_kept_is_none() {
    let place = Place::new();
    let closed = StubRegistry::start().unwrap();
    // A registry that gives and does not take.
    for (path, kind, bytes) in place.files() {
        closed.put(&path, &kind, &bytes);
    }
    let name = format!("{}/app:clean", closed.host());
    let ran = place.repo.run(&["gate", "--image", &name, "--attest", "--key", &place.beside("k.key")]).code(3);
    let ran = ran.says("could not be attested");
    assert!(!ran.out.contains("green"), "{}", ran.out);
}

impl Place {
    /// What the registry serves of the image `clean`.
    fn files(&self) -> Vec<(String, String, Vec<u8>)> {
        let layer = archives::tar(&[("app.py", b"print('hello')\n")]);
        let config = json!({ "os": "linux", "architecture": "amd64", "rootfs": { "type": "layers", "diff_ids": [digest(&layer)] } });
        let config = config.to_string().into_bytes();
        let part = |kind: &str, bytes: &[u8]| json!({ "mediaType": kind, "digest": digest(bytes), "size": bytes.len() });
        let manifest = json!({
            "schemaVersion": 2, "mediaType": OCI_MANIFEST,
            "config": part("application/vnd.oci.image.config.v1+json", &config),
            "layers": [part("application/vnd.oci.image.layer.v1.tar", &layer)],
        })
        .to_string()
        .into_bytes();
        let blob = |bytes: &[u8]| (format!("app/blobs/{}", digest(bytes)), "application/octet-stream".to_owned(), bytes.to_vec());
        vec![
            blob(&config),
            blob(&layer),
            ("app/manifests/clean".to_owned(), OCI_MANIFEST.to_owned(), manifest.clone()),
            (format!("app/manifests/{}", digest(&manifest)), OCI_MANIFEST.to_owned(), manifest),
        ]
    }
}

#[test]
fn a_file_that_was_built() {
    let place = Place::new();
    let good = place.repo.write_beside("tool", "#!/bin/sh\necho hello\n");
    let bad = place.repo.write_beside("bad", &format!("token = \"{}\"\n", secret()));
    let key = place.beside("k.key");
    place.recorded(0, &["--artifact", &good, "--attest", "--key", &key]);
    let bundle = format!("{good}.vsa.sigstore.json");
    let said = place.repo.run(&["verify", &good, "--bundle", &bundle, "--key", &place.beside("k.pub"), "--insecure-ignore-tlog"]).code(0);
    said.prints("https://slsa.dev/verification_summary/v1");
    place.repo.run(&["verify", &bad, "--bundle", &bundle, "--key", &place.beside("k.pub"), "--insecure-ignore-tlog"]).code(1);
    let written: Value = serde_json::from_str(&std::fs::read_to_string(&bundle).unwrap()).unwrap();
    let payload = STANDARD.decode(written["dsseEnvelope"]["payload"].as_str().unwrap()).unwrap();
    let statement: Value = serde_json::from_slice(&payload).unwrap();
    assert_eq!(statement["predicate"]["verificationResult"], "PASSED");
    place.report(1, &["--artifact", &bad]);
    place.repo.run(&["gate", "--artifact", &place.beside("none")]).code(2);
}

#[test]
fn a_record_with_an_image_is_replayed() {
    let place = Place::new();
    let judged = place.serve("bad", "app.py", &format!("key = \"{}\"\n", secret()));
    place.recorded(1, &["--image", &place.image("bad")]);
    place.repo.run(&["evidence", "replay", "0"]).code(0);
    // The tag may go elsewhere: the digest is what was judged.
    place.serve("bad", "app.py", "print()\n");
    place.repo.run(&["evidence", "replay", "0"]).code(0);
    place.stub.remove(&format!("app/manifests/{judged}"));
    place.repo.run(&["evidence", "replay", "0"]).code(3);
}
