//! `probity sign`, `attest` and `verify` of images: in a registry with and without referrers, and in an OCI layout.
#![allow(clippy::disallowed_methods, clippy::panic, reason = "a test touches the world on purpose and fails by panicking")]
#![allow(clippy::unwrap_used, reason = "a test that cannot go on fails")]

use std::path::Path;

use assert_cmd::Command;
use probity_testkit::registry::{Fault, OCI_INDEX, OCI_MANIFEST, StubRegistry, digest};
use serde_json::{Value, json};
use tempfile::TempDir;

/// A registry with an image, and a folder with keys and a predicate.
struct Place {
    stub: StubRegistry,
    folder: TempDir,
    /// Digest of the image `app:1`.
    image: String,
}

impl Place {
    fn new(referrers: Option<usize>) -> Place {
        let stub = StubRegistry::start().unwrap();
        stub.take_writes();
        if let Some(page) = referrers {
            stub.know_referrers(page);
        }
        let image = image(&stub, "1", b"layer");
        let place = Place { stub, folder: TempDir::new().unwrap(), image };
        for name in ["a", "b"] {
            let key = probity_attest::SigningKey::generate().unwrap();
            std::fs::write(place.path().join(format!("{name}.key")), key.to_pem().unwrap()).unwrap();
            std::fs::write(place.path().join(format!("{name}.pub")), key.verifying_key().to_pem()).unwrap();
        }
        std::fs::write(place.path().join("p.json"), r#"{"answer":42}"#).unwrap();
        place
    }

    fn path(&self) -> &Path {
        self.folder.path()
    }

    /// Runs the program; `REG` stands for the registry.
    fn run(&self, code: i32, words: &str) -> String {
        let words = words.replace("REG", &self.stub.host());
        let mut command = Command::cargo_bin("probity").unwrap();
        command.env("HOME", self.path()).current_dir(self.path());
        let output = command.args(words.split(' ')).output().unwrap();
        let text = String::from_utf8([output.stdout, output.stderr].concat()).unwrap();
        assert_eq!(output.status.code(), Some(code), "probity {words}\n{text}");
        text
    }
}

/// An image of one layer; its digest.
fn image(stub: &StubRegistry, tag: &str, layer: &[u8]) -> String {
    stub.manifest("app", tag, OCI_MANIFEST, &manifest(&|bytes| stub.blob("app", bytes), layer))
}

fn manifest(keep: &dyn Fn(&[u8]) -> String, layer: &[u8]) -> Vec<u8> {
    let layer = &probity_testkit::archives::tar(&[("file", layer)]);
    let ids = [digest(layer)];
    let config = json!({ "os": "linux", "architecture": "amd64", "rootfs": { "type": "layers", "diff_ids": ids } }).to_string();
    let part = |kind: &str, bytes: &[u8]| json!({ "mediaType": kind, "digest": keep(bytes), "size": bytes.len() });
    json!({
        "schemaVersion": 2, "mediaType": OCI_MANIFEST,
        "config": part("application/vnd.oci.image.config.v1+json", config.as_bytes()),
        "layers": [part("application/vnd.oci.image.layer.v1.tar", layer)],
    })
    .to_string()
    .into_bytes()
}

/// Everything that is signed, attested and verified, in one form.
fn both_ways(place: &Place, form: &str) {
    let said = place.run(0, &format!("sign REG/app:1 --key a.key -a env=prod --signature-format {form}"));
    assert!(said.contains(&format!("/app@{}", place.image)), "{said}");
    let said = place.run(0, "verify REG/app:1 --key a.pub --insecure-ignore-tlog -a env=prod");
    assert!(said.contains("verified: ") && said.contains("env=prod") && said.contains(&place.image), "{said}");
    place.run(0, &format!("verify REG/app@{} --key a.pub --insecure-ignore-tlog --signature-format {form}", place.image));
    // Another key, another annotation, another identity, another image.
    let said = place.run(1, "verify REG/app:1 --key b.pub --insecure-ignore-tlog");
    assert!(said.contains("refused: ") && said.contains("the signature: it does not belong to this key"), "{said}");
    place.run(1, "verify REG/app:1 --key a.pub --insecure-ignore-tlog -a env=test");
    place.run(1, "verify REG/app:1 --key a.pub --insecure-ignore-tlog -a other=1");
    let said = place.run(1, "verify REG/app:1 --certificate-identity x@example.com --certificate-oidc-issuer https://issuer.example");
    assert!(said.contains("signed with a key, which names nobody"), "{said}");
    let said = place.run(1, "verify REG/app:1 --key a.pub");
    assert!(said.contains("has no entry of a transparency log") && said.contains("--insecure-ignore-tlog"), "{said}");
    image(&place.stub, "2", form.as_bytes());
    let said = place.run(1, "verify REG/app:2 --key a.pub --insecure-ignore-tlog");
    assert!(said.contains("has no signature"), "{said}");
    // A statement is no signature, and a signature no statement.
    place.run(0, &format!("attest REG/app:2 --key a.key --type https://example.com/p --predicate p.json --signature-format {form}"));
    place.run(1, "verify REG/app:2 --key a.pub --insecure-ignore-tlog");
    place.run(1, "verify REG/app:1 --key a.pub --insecure-ignore-tlog --type https://example.com/p");
    place.run(1, "verify REG/app:2 --key a.pub --insecure-ignore-tlog --type https://example.com/other");
    let text = place.run(0, "verify REG/app:2 --key a.pub --insecure-ignore-tlog --type https://example.com/p --format json");
    let json: Value = serde_json::from_str(
        text.split("\n`").next().unwrap().trim_end().rsplit_once('}').map(|(json, _)| format!("{json}}}")).unwrap().as_str(),
    )
    .unwrap();
    assert_eq!(json["signed"][0]["predicate"]["answer"], 42);
    assert_eq!(json["signed"][0]["form"], form);
    // Two signatures of which one is good.
    place.run(0, &format!("sign REG/app:1 --key b.key --signature-format {form}"));
    for key in ["a.pub", "b.pub"] {
        let said = place.run(0, &format!("verify REG/app:1 --key {key} --insecure-ignore-tlog"));
        assert!(said.contains("does not hold"), "{said}");
    }
}

#[test]
fn bundles_in_a_registry_with_referrers() {
    let place = Place::new(Some(1));
    both_ways(&place, "bundle");
}

#[test]
fn bundles_in_a_registry_without_referrers() {
    let place = Place::new(None);
    both_ways(&place, "bundle");
}

#[test]
fn tags_of_old() {
    let place = Place::new(None);
    both_ways(&place, "legacy");
    assert!(place.stub.requests().iter().any(|request| request.starts_with("PUT") && request.ends_with(".sig")));
}

#[test]
fn all_images_of_a_list() {
    let place = Place::new(Some(10));
    let other = image(&place.stub, "", b"other");
    let entry = |digest: &str, architecture: &str| json!({ "mediaType": OCI_MANIFEST, "digest": digest, "size": 1, "platform": { "os": "linux", "architecture": architecture } });
    let list = json!({ "schemaVersion": 2, "mediaType": OCI_INDEX, "manifests": [entry(&place.image, "amd64"), entry(&other, "arm64")] });
    let list = place.stub.manifest("app", "all", OCI_INDEX, list.to_string().as_bytes());
    place.run(0, "sign REG/app:all --key a.key");
    place.run(0, &format!("verify REG/app@{list} --key a.pub --insecure-ignore-tlog"));
    place.run(1, &format!("verify REG/app@{other} --key a.pub --insecure-ignore-tlog"));
    place.run(0, "sign REG/app:all --key a.key --recursive");
    for digest in [&list, &other, &place.image] {
        place.run(0, &format!("verify REG/app@{digest} --key a.pub --insecure-ignore-tlog"));
    }
}

#[test]
fn a_layout_on_disk() {
    let place = Place::new(None);
    let layout = place.path().join("layout");
    let keep = |bytes: &[u8]| {
        let digest = digest(bytes);
        let file = layout.join("blobs").join(digest.replace(':', "/"));
        std::fs::create_dir_all(file.parent().unwrap()).unwrap();
        std::fs::write(file, bytes).unwrap();
        digest
    };
    let image = keep(&manifest(&keep, b"layer"));
    std::fs::write(layout.join("oci-layout"), r#"{"imageLayoutVersion":"1.0.0"}"#).unwrap();
    let entry = json!({
        "mediaType": OCI_MANIFEST, "digest": image, "size": 1, "annotations": { "org.opencontainers.image.ref.name": "1.4" },
    });
    std::fs::write(layout.join("index.json"), json!({ "schemaVersion": 2, "manifests": [entry] }).to_string()).unwrap();
    for form in ["bundle", "legacy"] {
        place.run(0, &format!("sign layout:1.4 --key a.key --signature-format {form}"));
        place.run(0, &format!("attest layout --key a.key --type https://example.com/p --predicate p.json --signature-format {form}"));
        for name in ["layout", "layout:1.4"] {
            place.run(0, &format!("verify {name} --key a.pub --insecure-ignore-tlog --signature-format {form}"));
            place.run(1, &format!("verify {name} --key b.pub --insecure-ignore-tlog --signature-format {form}"));
            let demanded = "--insecure-ignore-tlog --type https://example.com/p";
            place.run(0, &format!("verify {name} --key a.pub {demanded} --signature-format {form}"));
        }
    }
    let said = place.run(2, "verify layout:2 --key a.pub --insecure-ignore-tlog");
    assert!(said.contains("1.4"), "{said}");
}

#[test]
fn a_tag_that_moves_changes_nothing() {
    let place = Place::new(None);
    let good = place.image.clone();
    place.run(0, "sign REG/app:1 --key a.key");
    let evil = image(&place.stub, "", b"evil");
    // The first answer for the tag is the signed image, every later one another.
    let bytes = manifest(&|bytes| digest(bytes), b"layer");
    place.stub.fail("app/manifests/1", [Fault::Answer(200, vec![format!("Content-Type: {OCI_MANIFEST}")], bytes)]);
    place.stub.manifest("app", "1", OCI_MANIFEST, &manifest(&|bytes| digest(bytes), b"evil"));
    let said = place.run(0, "verify REG/app:1 --key a.pub --insecure-ignore-tlog");
    assert!(said.contains(&good) && !said.contains(&evil), "{said}");
    assert_eq!(place.stub.requests().iter().filter(|request| request.ends_with("/manifests/1")).count(), 2);
    let said = place.run(1, "verify REG/app:1 --key a.pub --insecure-ignore-tlog");
    assert!(said.contains(&evil), "{said}");
}

#[test]
fn what_a_hostile_registry_gives_is_refused() {
    let place = Place::new(Some(100_000));
    place.run(0, "sign REG/app:1 --key a.key");
    let subject = json!({ "mediaType": OCI_MANIFEST, "digest": place.image, "size": 1 });
    let refer = |number: usize, layer: &Value| {
        let manifest = json!({
            "schemaVersion": 2, "mediaType": OCI_MANIFEST, "artifactType": "application/vnd.dev.sigstore.bundle.v0.3+json",
            "config": { "mediaType": "application/vnd.oci.empty.v1+json", "digest": digest(b"{}"), "size": 2 },
            "layers": [layer], "subject": subject, "annotations": { "number": number.to_string() },
        });
        place.stub.manifest("app", "", OCI_MANIFEST, manifest.to_string().as_bytes())
    };
    // Layers that are not there, are another's, are no bundle.
    let kind = "application/vnd.dev.sigstore.bundle.v0.3+json";
    let junk = place.stub.blob("app", b"[]");
    refer(0, &json!({ "mediaType": kind, "digest": junk, "size": 2 }));
    refer(1, &json!({ "mediaType": "text/plain", "digest": junk, "size": 2 }));
    refer(2, &json!({ "mediaType": kind }));
    let said = place.run(0, "verify REG/app:1 --key a.pub --insecure-ignore-tlog");
    assert!(said.contains("does not hold") && said.contains("not a Sigstore bundle"), "{said}");
    // A hundred thousand of them: bounded, and said.
    let entries: Vec<Value> =
        (0..100_000).map(|number: usize| json!({ "digest": digest(&number.to_be_bytes()), "artifactType": kind, "size": 1 })).collect();
    let list = |entries: &[Value]| json!({ "schemaVersion": 2, "manifests": entries }).to_string().into_bytes();
    let path = format!("app/referrers/{}", place.image);
    let headers = || vec![format!("Content-Type: {OCI_INDEX}")];
    place.stub.fail(&path, [Fault::Answer(200, headers(), list(&entries))]);
    let said = place.run(3, "verify REG/app:1 --key a.pub --insecure-ignore-tlog");
    assert!(said.contains("more than 4194304 bytes"), "{said}");
    let some = entries.get(..5000).unwrap();
    place.stub.fail(&path, [Fault::Answer(200, headers(), list(some))]);
    let said = place.run(1, "verify REG/app:1 --key a.pub --insecure-ignore-tlog");
    assert!(said.contains("there are more than are looked at"), "{said}");
    // An endless list, a list that says no, silence.
    place.stub.fail(&path, [Fault::Endless(200)]);
    place.run(3, "verify REG/app:1 --key a.pub --insecure-ignore-tlog");
    place.stub.fail(&path, [Fault::Answer(403, vec![], vec![])]);
    place.run(2, "verify REG/app:1 --key a.pub --insecure-ignore-tlog");
    place.stub.fail(&path, (0..4).map(|_| Fault::Silent(std::time::Duration::from_secs(3))));
    place.run(3, "verify REG/app:1 --key a.pub --insecure-ignore-tlog --registry-timeout 1");
}

#[test]
fn wrong_use() {
    let place = Place::new(None);
    for (words, part) in [
        ("verify REG/app:1", "nobody is named whose signature counts"),
        ("verify p.json --key a.pub", "no bundle is named"),
        ("verify REG/app:none --key a.pub", "there is no image of that name"),
        ("sign p.json --key a.key --recursive", "is no image"),
        ("sign p.json --key a.key -a x=1", "is no image"),
        ("attest p.json --key a.key --predicate p.json --signature-format legacy", "is no image"),
        ("sign REG/app:1 --key a.key -a x", "NAME=VALUE"),
        ("verify p.json --bundle p.json --key a.pub --type custom", "a bundle was named"),
    ] {
        let said = place.run(2, words);
        assert!(said.contains(part), "probity {words}\n{said}");
    }
}

const SHORT: &str = "\
images:
  - match: [\"**/app*\"]
    signed_by: [{ key: a.pub }, { key: b.pub }]
    threshold: THRESHOLD
";

#[test]
fn policies_demand_all_they_say() {
    let place = Place::new(Some(10));
    let write = |name: &str, text: &str| std::fs::write(place.path().join(name), text).unwrap();
    write("one.yaml", &SHORT.replace("THRESHOLD", "1"));
    write("two.yaml", &SHORT.replace("THRESHOLD", "2"));
    let said = place.run(1, "verify REG/app:1 --policy one.yaml");
    assert!(said.contains("not satisfied") && said.contains("one.yaml:"), "{said}");
    place.run(0, "sign REG/app:1 --key a.key");
    let said = place.run(0, "verify REG/app:1 --policy one.yaml");
    assert!(said.contains("verified: ") && said.contains("satisfied"), "{said}");
    place.run(1, "verify REG/app:1 --policy two.yaml");
    // All policies have to be satisfied.
    place.run(1, "verify REG/app:1 --policy one.yaml --policy two.yaml");
    place.run(0, "sign REG/app:1 --key b.key --signature-format legacy");
    place.run(0, "verify REG/app:1 --policy one.yaml --policy two.yaml");
    // An image that no policy is about is denied.
    write("other.yaml", &SHORT.replace("**/app*", "registry.example/**").replace("THRESHOLD", "1"));
    let said = place.run(1, "verify REG/app:1 --policy other.yaml");
    assert!(said.contains("no policy is about this image"), "{said}");
    // The verdict of a gate, by whom it has to be, of the colour it has to have.
    write(
        "gate.yaml",
        &format!("{}    verdict: {{ colour: green, max_age: 7d, signed_by: [{{ key: b.pub }}] }}\n", SHORT.replace("THRESHOLD", "1")),
    );
    place.run(1, "verify REG/app:1 --policy gate.yaml");
    std::fs::create_dir(place.path().join("src")).unwrap();
    std::fs::write(place.path().join("src/main.tf"), "locals { a = 1 }\n").unwrap();
    place.run(0, "gate src --image REG/app:1 --attest --key a.key --evidence none");
    place.run(1, "verify REG/app:1 --policy gate.yaml");
    place.run(0, "gate src --image REG/app:1 --attest --key b.key --evidence none");
    let said = place.run(0, "verify REG/app:1 --policy gate.yaml --format json");
    assert!(said.contains("\"verified\":true") || said.contains("\"verified\": true"), "{said}");
    place.run(0, "verify REG/app:1 --policy gate.yaml --running");
}

#[test]
fn a_cluster_image_policy_is_judged_here_as_in_the_cluster() {
    let place = Place::new(None);
    let write = |name: &str, text: &str| std::fs::write(place.path().join(name), text).unwrap();
    let key = std::fs::read_to_string(place.path().join("a.pub")).unwrap();
    let indented = key.lines().map(|line| format!("          {line}\n")).collect::<String>();
    let policy = |mode: &str, attestation: &str| {
        format!(
            "apiVersion: policy.sigstore.dev/v1beta1\nkind: ClusterImagePolicy\nmetadata: {{ name: p }}\nspec:\n  mode: {mode}\n  images:\n    - glob: \"**\"\n  authorities:\n    - name: a\n      key:\n        data: |\n{indented}{attestation}"
        )
    };
    write("plain.yaml", &policy("enforce", ""));
    write("warn.yaml", &policy("warn", ""));
    place.run(1, "verify REG/app:1 --policy plain.yaml");
    let said = place.run(0, "verify REG/app:1 --policy warn.yaml");
    assert!(said.contains("verified with warnings"), "{said}");
    place.run(0, "sign REG/app:1 --key a.key --signature-format legacy");
    place.run(0, "verify REG/app:1 --policy plain.yaml");
    let with = "      attestations:\n        - name: answer\n          predicateType: https://example.com/p\n          policy:\n            type: cue\n            data: |\n              predicate: answer: NUMBER\n";
    write("right.yaml", &policy("enforce", &with.replace("NUMBER", "42")));
    write("wrong.yaml", &policy("enforce", &with.replace("NUMBER", "43")));
    place.run(1, "verify REG/app:1 --policy right.yaml");
    place.run(0, "attest REG/app:1 --key a.key --type https://example.com/p --predicate p.json --signature-format legacy");
    place.run(0, "verify REG/app:1 --policy right.yaml");
    place.run(1, "verify REG/app:1 --policy wrong.yaml");
    write("broken.yaml", &policy("enforce", "").replace("glob", "globe"));
    let said = place.run(2, "verify REG/app:1 --policy broken.yaml");
    assert!(said.contains("glob"), "{said}");
    write("none.yaml", "apiVersion: v1\nkind: Pod\n");
    place.run(2, "verify REG/app:1 --policy none.yaml");
}
