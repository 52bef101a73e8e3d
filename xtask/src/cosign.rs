//! Cosign both ways: it verifies what we sign, we verify what it signs, and both refuse another key, another identity and another
//! artifact. Blobs and images, signatures and attestations, bundles and the older tags, on a registry with referrers and one without.

use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context as _, Result, bail};
use probity_testkit::registry::{OCI_MANIFEST, StubRegistry, digest};
use serde_json::json;

use crate::shell;

const TYPE: &str = "https://example.com/predicate/v1";
const PASSPHRASE: &str = "interop";

struct Bench {
    folder: tempfile::TempDir,
    probity: PathBuf,
    cosign: String,
    rows: usize,
    wrong: Vec<String>,
}

/// Runs everything; an error where one row is not as it should be.
pub fn run(cosign: &str) -> Result<()> {
    if !Command::new(cosign).arg("version").output().is_ok_and(|output| output.status.success()) {
        bail!("there is no `{cosign}`; name Cosign with `--cosign PROGRAM`");
    }
    let folder = tempfile::tempdir()?;
    let probity = shell::build(false)?;
    let mut bench = Bench { folder, probity, cosign: cosign.to_owned(), rows: 0, wrong: Vec::new() };
    for kind in ["ecdsa-p256", "ed25519", "rsa-2048"] {
        bench.ours(&["key", "generate", "--type", kind, "--output-prefix", kind])?;
    }
    bench.ours(&["key", "generate", "--output-prefix", "other"])?;
    bench.theirs(&["generate-key-pair", "--output-key-prefix", "cosign"])?;
    bench.write("blob", b"release 1.4\n")?;
    bench.write("blob2", b"release 1.5\n")?;
    bench.write("predicate.json", br#"{"answer":42}"#)?;
    for key in ["cosign", "ecdsa-p256", "ed25519", "rsa-2048"] {
        bench.blobs(key)?;
    }
    for referrers in [false, true] {
        let stub = StubRegistry::start()?;
        stub.take_writes();
        if referrers {
            stub.know_referrers(100);
        }
        let place = if referrers { "registry with referrers" } else { "registry without referrers" };
        for key in ["cosign", "ecdsa-p256", "ed25519", "rsa-2048"] {
            for form in ["bundle", "legacy"] {
                bench.images(&stub, place, key, form)?;
            }
        }
    }
    println!("{} of {} rows are as they should be", bench.rows - bench.wrong.len(), bench.rows);
    if bench.wrong.is_empty() { Ok(()) } else { bail!("not as they should be:\n  {}", bench.wrong.join("\n  ")) }
}

impl Bench {
    fn path(&self) -> &Path {
        self.folder.path()
    }

    fn write(&self, name: &str, bytes: &[u8]) -> Result<()> {
        std::fs::write(self.path().join(name), bytes).with_context(|| format!("cannot write `{name}`"))
    }

    fn command(&self, program: &Path, arguments: &[&str]) -> Result<(bool, String)> {
        let mut command = Command::new(program);
        command.current_dir(self.path()).env("COSIGN_PASSWORD", PASSPHRASE).env("COSIGN_YES", "true").env("HOME", self.path());
        let output = command.args(arguments).output().with_context(|| format!("`{}` cannot be run", program.display()))?;
        let text = String::from_utf8_lossy(&[output.stdout, output.stderr].concat()).into_owned();
        Ok((output.status.success(), text))
    }

    fn ours(&self, arguments: &[&str]) -> Result<()> {
        let (good, said) = self.command(&self.probity, arguments)?;
        if good { Ok(()) } else { bail!("probity {}\n{said}", arguments.join(" ")) }
    }

    fn theirs(&self, arguments: &[&str]) -> Result<()> {
        let (good, said) = self.command(Path::new(&self.cosign), arguments)?;
        if good { Ok(()) } else { bail!("cosign {}\n{said}", arguments.join(" ")) }
    }

    /// A row: whether a program accepts, and whether it should.
    fn row(&mut self, what: &str, program: &str, arguments: &[&str], should: bool) -> Result<()> {
        let path = if program == "cosign" { PathBuf::from(&self.cosign) } else { self.probity.clone() };
        let (good, said) = self.command(&path, arguments)?;
        self.rows += 1;
        let word = |good: bool| if good { "accepts" } else { "refuses" };
        println!("{} {what}: {program} {}", if good == should { "ok  " } else { "WRONG" }, word(good));
        if good != should {
            self.wrong.push(format!("{what}: {program} {} and should not: {}", word(good), said.trim().replace('\n', " / ")));
        }
        Ok(())
    }

    fn blobs(&mut self, key: &str) -> Result<()> {
        let (private, public) = (format!("{key}.key"), format!("{key}.pub"));
        let no_log = ["--tlog-upload=false", "--use-signing-config=false"];
        self.ours(&["sign", "blob", "--key", &private, "--bundle", "ours.json"])?;
        self.theirs(&[&["sign-blob", "--key", &private, "--bundle", "theirs.json"], &no_log[..], &["blob"]].concat())?;
        let ours = ["attest", "blob", "--key", &private, "--type", TYPE, "--predicate", "predicate.json", "--bundle", "ours-att.json"];
        self.ours(&ours)?;
        let theirs = ["attest-blob", "--key", &private, "--type", TYPE, "--predicate", "predicate.json", "--bundle", "theirs-att.json"];
        self.theirs(&[&theirs[..], &no_log[..], &["blob"]].concat())?;
        for (by, bundle) in [("probity", "ours.json"), ("cosign", "theirs.json")] {
            let name = format!("blob signed by {by} with {key}");
            let good = !is_broken(by, key);
            for (case, blob, key, should) in
                [("", "blob", &*public, good), (", another key", "blob", "other.pub", false), (", another blob", "blob2", &*public, false)]
            {
                let what = format!("{name}{case}");
                let arguments = ["verify-blob", "--key", key, "--bundle", bundle, "--insecure-ignore-tlog", blob];
                self.row(&what, "cosign", &arguments, should)?;
                self.row(&what, "probity", &["verify", blob, "--key", key, "--bundle", bundle, "--insecure-ignore-tlog"], should)?;
            }
            let who = ["--certificate-identity", "a@example.com", "--certificate-oidc-issuer", "https://issuer.example"];
            let cosign = [&["verify-blob", "--bundle", bundle], &who[..], &["blob"]].concat();
            self.row(&format!("{name}, an identity asked for"), "cosign", &cosign, false)?;
            let probity = [&["verify", "blob", "--bundle", bundle], &who[..]].concat();
            self.row(&format!("{name}, an identity asked for"), "probity", &probity, false)?;
        }
        for (by, bundle) in [("probity", "ours-att.json"), ("cosign", "theirs-att.json")] {
            let name = format!("blob attested by {by} with {key}");
            let good = !is_broken(by, key);
            for (case, blob, key, should) in
                [("", "blob", &*public, good), (", another key", "blob", "other.pub", false), (", another blob", "blob2", &*public, false)]
            {
                let what = format!("{name}{case}");
                let cosign = ["verify-blob-attestation", "--key", key, "--bundle", bundle, "--type", TYPE, "--insecure-ignore-tlog", blob];
                self.row(&what, "cosign", &cosign, should)?;
                self.row(&what, "probity", &["verify", blob, "--key", key, "--bundle", bundle, "--insecure-ignore-tlog"], should)?;
            }
        }
        Ok(())
    }

    fn images(&mut self, stub: &StubRegistry, place: &str, key: &str, form: &str) -> Result<()> {
        let (private, public) = (format!("{key}.key"), format!("{key}.pub"));
        let legacy = form == "legacy";
        let cosign_form = if legacy { "--new-bundle-format=false" } else { "--new-bundle-format=true" };
        let no_log = ["--tlog-upload=false", "--use-signing-config=false", cosign_form];
        for by in ["probity", "cosign"] {
            let repository = format!("{by}-{key}-{form}");
            let (image, other) = (image(stub, &repository, "image"), image(stub, &repository, "another"));
            let name = |digest: &str| format!("{}/{repository}@{digest}", stub.host());
            let (image, other) = (name(&image), name(&other));
            if by == "probity" {
                self.ours(&["sign", &image, "--key", &private, "--signature-format", form, "-a", "env=prod"])?;
                let attest = ["attest", &image, "--key", &private, "--signature-format", form, "--type", TYPE];
                self.ours(&[&attest[..], &["--predicate", "predicate.json"]].concat())?;
            } else {
                self.theirs(&[&["sign", "--key", &private, "-a", "env=prod"], &no_log[..], &[&image]].concat())?;
                let attest = ["attest", "--key", &private, "--type", TYPE, "--predicate", "predicate.json"];
                self.theirs(&[&attest[..], &no_log[..], &[&image]].concat())?;
            }
            let title = format!("{place}, image, {form}, by {by} with {key}");
            for (case, image, key, should) in [
                ("", &image, &*public, !is_broken(by, key)),
                (", another key", &image, "other.pub", false),
                (", another image", &other, &*public, false),
            ] {
                let base = ["--key", key, "--insecure-ignore-tlog"];
                let signed = format!("{title}, signature{case}");
                self.row(&signed, "cosign", &[&["verify"], &base[..], &[cosign_form, image]].concat(), should)?;
                self.row(&signed, "probity", &[&["verify", image], &base[..], &["--signature-format", form]].concat(), should)?;
                let attested = format!("{title}, attestation{case}");
                let cosign = [&["verify-attestation", "--type", TYPE], &base[..], &[cosign_form, image]].concat();
                self.row(&attested, "cosign", &cosign, should)?;
                let probity = [&["verify", image, "--type", TYPE], &base[..], &["--signature-format", form]].concat();
                self.row(&attested, "probity", &probity, should)?;
            }
            for (annotation, should) in [("env=prod", !is_broken(by, key)), ("env=test", false)] {
                let base = ["--key", &*public, "--insecure-ignore-tlog", "-a", annotation];
                let what = format!("{title}, annotation {annotation}");
                self.row(&what, "cosign", &[&["verify"], &base[..], &[cosign_form, &image]].concat(), should)?;
                self.row(&what, "probity", &[&["verify", &image], &base[..], &["--signature-format", form]].concat(), should)?;
            }
            let who = ["--certificate-identity", "a@example.com", "--certificate-oidc-issuer", "https://issuer.example"];
            let what = format!("{title}, an identity asked for");
            self.row(&what, "cosign", &[&["verify"], &who[..], &[cosign_form, &image]].concat(), false)?;
            self.row(&what, "probity", &[&["verify", &image], &who[..], &["--signature-format", form]].concat(), false)?;
        }
        Ok(())
    }
}

/// Whether Cosign (3.1.2) signs so that it does not verify it itself: with Ed25519 keys and no transparency log. Both refuse these.
fn is_broken(by: &str, key: &str) -> bool {
    by == "cosign" && key == "ed25519"
}

/// An image of one layer; its digest.
fn image(stub: &StubRegistry, repository: &str, layer: &str) -> String {
    let config = json!({ "os": "linux", "architecture": "amd64", "rootfs": { "type": "layers", "diff_ids": [digest(layer.as_bytes())] } });
    let part = |kind: &str, bytes: &[u8]| json!({ "mediaType": kind, "digest": stub.blob(repository, bytes), "size": bytes.len() });
    let manifest = json!({
        "schemaVersion": 2, "mediaType": OCI_MANIFEST,
        "config": part("application/vnd.oci.image.config.v1+json", config.to_string().as_bytes()),
        "layers": [part("application/vnd.oci.image.layer.v1.tar", layer.as_bytes())],
    });
    stub.manifest(repository, "", OCI_MANIFEST, manifest.to_string().as_bytes())
}
