//! Images from a registry, as a user meets them: the same as on disk, and never asked for by mistake.
#![allow(clippy::disallowed_methods, clippy::panic, reason = "a test touches the world on purpose and fails by panicking")]
#![allow(clippy::unwrap_used, reason = "a test that cannot go on fails")]

mod common;

use common::{Ran, Repo};
use probity_testkit::archives;
use probity_testkit::registry::{Door, OCI_INDEX, OCI_MANIFEST, StubRegistry, base64, digest};
use serde_json::{Value, json};

/// An invented key, in two parts, so that this file holds none.
fn key() -> String {
    format!("sk_live_{}", "4mZqT7hVb2Lw9XnRc6JyPd3K")
}

/// A tar archive of texts.
fn archive(files: &[(&str, &str)]) -> Vec<u8> {
    let files: Vec<(&str, &[u8])> = files.iter().map(|(name, text)| (*name, text.as_bytes())).collect();
    archives::tar(&files)
}

/// An image in a registry and the same as a layout in the judged folder.
struct Both {
    stub: StubRegistry,
    repo: Repo,
    digest: String,
}

impl Both {
    fn new() -> Both {
        let (stub, repo) = (StubRegistry::start().unwrap(), Repo::plain());
        let release = "ID=debian\nVERSION_ID=\"12\"\nPRETTY_NAME=\"Debian GNU/Linux 12\"\n";
        let status = "Package: zlib1g\nStatus: install ok installed\nVersion: 1:1.2.13.dfsg-1\nArchitecture: amd64\nSource: zlib\n\n";
        let layers = [
            archive(&[("etc/os-release", release), ("var/lib/dpkg/status", status)]),
            archive(&[("app/requirements.txt", "jinja2==2.10\n"), ("app/app.py", &format!("key = \"{}\"\n", key()))]),
        ];
        let digest = Both::serve(&stub, Some(&repo), "1", "amd64", &layers);
        Both { stub, repo, digest }
    }

    /// Serves an image, and writes it as a layout; the digest of its manifest.
    fn serve(stub: &StubRegistry, repo: Option<&Repo>, tag: &str, architecture: &str, layers: &[Vec<u8>]) -> String {
        let ids: Vec<String> = layers.iter().map(|layer| digest(layer)).collect();
        let config = json!({ "os": "linux", "architecture": architecture, "rootfs": { "type": "layers", "diff_ids": ids } }).to_string();
        let part = |kind: &str, bytes: &[u8]| {
            let digest = stub.blob("team/app", bytes);
            if let Some(repo) = repo {
                put(repo, &digest, bytes);
            }
            json!({ "mediaType": kind, "digest": digest, "size": bytes.len() })
        };
        let manifest = json!({
            "schemaVersion": 2, "mediaType": OCI_MANIFEST,
            "config": part("application/vnd.oci.image.config.v1+json", config.as_bytes()),
            "layers": layers.iter().map(|layer| part("application/vnd.oci.image.layer.v1.tar", layer)).collect::<Vec<_>>(),
        });
        let bytes = manifest.to_string().into_bytes();
        let told = stub.manifest("team/app", tag, OCI_MANIFEST, &bytes);
        if let Some(repo) = repo {
            put(repo, &told, &bytes);
            let name = format!("{}/team/app:{tag}", stub.host());
            let entry = json!({
                "mediaType": OCI_MANIFEST, "digest": told, "size": bytes.len(), "annotations": { "io.containerd.image.name": name },
            });
            repo.write("image/index.json", &json!({ "schemaVersion": 2, "manifests": [entry] }).to_string());
            repo.write("image/oci-layout", "{\"imageLayoutVersion\":\"1.0.0\"}");
        }
        told
    }

    fn name(&self) -> String {
        format!("{}/team/app:1", self.stub.host())
    }

    /// A command for the image in the registry, and for the one on disk.
    fn run(&self, command: &[&str]) -> (Ran, Ran) {
        let run = |what: &str| self.repo.run(&[command, &[what]].concat());
        (run(&self.name()), run("image"))
    }
}

fn put(repo: &Repo, digest: &str, bytes: &[u8]) {
    // All that these images hold is text.
    repo.write(&format!("image/blobs/{}", digest.replace(':', "/")), std::str::from_utf8(bytes).unwrap());
}

/// A report without the time, and without what was looked at.
fn plain(ran: &Ran) -> (Value, String) {
    let mut report = ran.json();
    let target = report["target"].take().as_str().unwrap().to_owned();
    report["time"].take();
    (report, target)
}

#[test]
fn known_holes_are_those_of_the_same_image_on_disk() {
    let both = Both::new();
    let (there, here) = both.run(&["vulns", "--format", "json", "--show", "all"]);
    let ((there, target), (here, _)) = (plain(&there.code(0)), plain(&here.code(0)));
    assert_eq!(there, here);
    assert_eq!(target, format!("{} ({})", both.name(), both.digest));
    assert!(there.to_string().contains("pkg:pypi/jinja2@2.10"), "{there:#}");
    both.repo.run(&["vulns", &both.name()]).code(0).says(&format!("`{}` is `{}` for linux/amd64", both.name(), both.digest));
}

/// An advisory in OSV form for every version before one.
fn advisory(id: &str, ecosystem: &str, name: &str, fixed: &str) -> String {
    let range = json!({ "type": "ECOSYSTEM", "events": [{ "introduced": "0" }, { "fixed": fixed }] });
    let affected = json!([{ "package": { "ecosystem": ecosystem, "name": name }, "ranges": [range] }]);
    json!({ "id": id, "modified": "2026-01-01T00:00:00Z", "summary": "made up", "affected": affected }).to_string()
}

#[test]
fn an_image_and_its_bill_are_judged_alike() {
    let both = Both::new();
    let repo = &both.repo;
    repo.write_beside("data/a.json", &advisory("MADE-1", "Debian:12", "zlib", "1:1.2.13.dfsg-2"));
    repo.write_beside("data/b.json", &advisory("MADE-2", "PyPI", "jinja2", "2.11"));
    let (data, file) = (repo.outside("data"), repo.outside("a.db"));
    repo.run(&["vulns", "build", &data, "--output", &file]).code(0);
    let holes = |what: &str| -> Vec<String> {
        let found = repo.run(&["vulns", what, "--advisories", &file, "--format", "json"]).json();
        let results = found["results"].as_array().unwrap().iter();
        let mut all: Vec<String> = results.map(|one| format!("{} {} {}", one["rule"], one["status"], one["subject"]["id"])).collect();
        all.sort();
        all
    };
    for image in ["image", &both.name()] {
        let own = holes(image);
        assert_eq!(own.len(), 2, "{own:?}");
        for (format, name) in
            [("cyclonedx-json", "a.cdx.json"), ("cyclonedx-xml", "a.cdx.xml"), ("spdx-json", "a.spdx.json"), ("spdx-tag-value", "a.spdx")]
        {
            let bill = repo.outside(name);
            repo.run(&["sbom", image, "--format", format, "--output", &bill]).code(0);
            assert_eq!(holes(&bill), own, "{image} {format}");
        }
    }
}

#[test]
fn a_statement_about_the_image_is_honoured() {
    let both = Both::new();
    // Whether the hole counts, where a statement speaks of the package within a product.
    let counts = |product: &str| {
        let vex = json!({
            "@context": "https://openvex.dev/ns/v0.2.0", "@id": "https://a.example/1", "author": "Sara", "timestamp": "2026-01-01T00:00:00Z",
            "version": 1,
            "statements": [{
                "vulnerability": { "name": "CVE-2019-10906" }, "status": "not_affected",
                "justification": "vulnerable_code_not_in_execute_path",
                "products": [{ "@id": product, "subcomponents": [{ "@id": "pkg:pypi/jinja2@2.10" }] }],
            }],
        });
        both.repo.write_beside("vex.json", &vex.to_string());
        let (there, here) = both.run(&["vulns", "--format", "json", "--vex", &both.repo.outside("vex.json")]);
        let fails = |one: &Value| one["rule"] == "CVE-2019-10906" && one["status"] == "fail";
        [there, here].map(|ran| ran.json()["results"].as_array().unwrap().iter().any(fails))
    };
    assert_eq!(counts("pkg:oci/other"), [true, true]);
    assert_eq!(counts("pkg:oci/app"), [false, false]);
    assert_eq!(counts(&format!("pkg:oci/app@{}", both.digest.replace(':', "%3A"))), [false, false]);
    assert_eq!(counts(&format!("pkg:oci/app@sha256%3A{}", "0".repeat(64))), [true, true]);
}

#[test]
fn secrets_are_those_of_the_same_image_on_disk() {
    let both = Both::new();
    let (there, here) = both.run(&["secrets", "--format", "json"]);
    let ((there, _), (here, _)) = (plain(&there.code(1)), plain(&here.code(1)));
    assert_eq!(there, here);
    assert!(there.to_string().contains("secret-payment-stripe-secret-key") && !there.to_string().contains(&key()));
}

#[test]
fn bills_of_materials_are_those_of_the_same_image_on_disk() {
    let both = Both::new();
    for format in ["cyclonedx-json", "spdx-json"] {
        let (there, here) = both.run(&["sbom", "--format", format]);
        let (there, here) = (there.code(0), here.code(0));
        assert_eq!(there.out, here.out);
        assert!(there.out.contains(&both.name()) && there.out.contains(both.digest.trim_start_matches("sha256:")), "{}", there.out);
    }
}

#[test]
fn a_platform_is_chosen_and_told() {
    let both = Both::new();
    let arm = Both::serve(&both.stub, None, "", "arm64", &[archive(&[("app/requirements.txt", "flask==0.5\n")])]);
    let entry = |digest: &str, architecture: &str| json!({ "mediaType": OCI_MANIFEST, "digest": digest, "size": 1, "platform": { "os": "linux", "architecture": architecture } });
    let list = json!({ "schemaVersion": 2, "manifests": [entry(&arm, "arm64"), entry(&both.digest, "amd64")] }).to_string();
    both.stub.manifest("team/app", "many", OCI_INDEX, list.as_bytes());
    let name = format!("registry:{}/team/app:many", both.stub.host());
    both.repo.run(&["sbom", &name]).code(0).prints("jinja2").says("for linux/amd64; those for linux/arm64 are not looked at");
    both.repo.run(&["sbom", &name, "--platform", "linux/arm64"]).code(0).prints("flask").says(&arm);
    both.repo.run(&["sbom", &name, "--platform", "linux/s390x"]).code(2).says("there is no image for `linux/s390x`");
    both.repo.run(&["sbom", &name, "--platform", "arm"]).code(2).says("is no platform");
    // An image on disk is chosen in the same way.
    both.repo.run(&["sbom", "image", "--platform", "linux/arm64"]).code(2).says("there is no image `linux/arm64`");
}

#[test]
fn a_wrong_path_is_still_a_path() {
    let both = Both::new();
    both.repo.write("some.folder/kept.txt", "x");
    for command in ["vulns", "secrets", "sbom"] {
        for path in ["missing", "missing.tar", "./missing.d/x", "team/app", "some.folder/missing", "/missing.d/x"] {
            both.repo.run(&[command, path]).code(2).says("No such file or directory");
        }
        both.repo.run(&[command, "registry:App"]).code(2).says("capital letters");
    }
    // What is there is no name, whatever it looks like.
    both.repo.write(&format!("{}/requirements.txt", both.name()), "flask==0.5\n");
    both.repo.run(&["sbom", &both.name()]).code(0).prints("flask");
    assert_eq!(both.stub.requests(), Vec::<String>::new());
}

#[test]
fn what_a_registry_says_is_told() {
    let both = Both::new();
    let host = both.stub.host();
    let missing = format!("{host}/team/app:2");
    both.repo
        .run(&["vulns", &missing])
        .code(2)
        .says(&format!("`{missing}`: `{host}` does not give the manifest `2`: MANIFEST_UNKNOWN (404)"));
    both.stub.ask(Door::Bearer(format!("Basic {}", base64(b"anna:sesame-42"))));
    both.repo
        .run(&["sbom", &both.name()])
        .code(2)
        .says("UNAUTHORIZED (401)")
        .says(&format!("wants credentials: `docker login {host}` gives them"));
    let config = |password: &str| {
        let text = json!({ "auths": { &host: { "auth": base64(format!("anna:{password}").as_bytes()) } } }).to_string();
        both.repo.write_beside("home/.docker/config.json", &text);
    };
    config("wrong-42");
    let ran = both.repo.run(&["secrets", &both.name()]).code(2).says("incorrect username or password");
    assert!(!ran.err.contains("wrong-42") && !ran.out.contains("wrong-42"));
    config("sesame-42");
    both.repo.run(&["secrets", &both.name()]).code(1);
    // What can pass by itself is no wrong use.
    let gone = StubRegistry::start().unwrap().host();
    both.repo.run(&["vulns", &format!("{gone}/app:1")]).code(3).says("cannot be reached");
}

#[test]
fn a_mirror_and_an_authority_are_named() {
    let both = Both::new();
    let mirror = format!("registry.example={}/team", both.stub.host());
    let ran = both.repo.run(&["sbom", "registry.example/app:1", "--registry-mirror", &mirror]).code(0);
    assert!(ran.out.contains("registry.example/app:1"), "{}", ran.out);
    both.repo.run(&["sbom", &both.name(), "--registry-mirror", "x"]).code(2).says("is no mirror");
    both.repo.run(&["sbom", &both.name(), "--registry-ca", "missing.pem"]).code(2).says("missing.pem");
    // With an authority TLS is spoken to this machine too, which the stub does not.
    both.repo.write("ca.pem", "no certificate\n");
    both.repo.run(&["sbom", &both.name(), "--registry-ca", "ca.pem"]).code(2).says("holds no certificate");
}
