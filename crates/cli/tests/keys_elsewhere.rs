//! Keys that lie elsewhere, from the command line: a PKCS#11 token made by SoftHSM.
#![allow(clippy::disallowed_methods, clippy::panic, reason = "a test touches the world on purpose and fails by panicking")]
#![allow(clippy::unwrap_used, reason = "a test that cannot go on fails")]

mod common;

use std::process::Command;

use common::{Ran, Repo};
use probity_attest::SigningKey;
use probity_attest::keys::PublicKey;
use rcgen::{KeyPair, PKCS_ECDSA_P256_SHA256, PKCS_ECDSA_P384_SHA384, PKCS_ED25519, PKCS_RSA_SHA256, SignatureAlgorithm};

const PIN: &str = "4711-0815";
const MODULES: [&str; 4] = [
    "/usr/lib/softhsm/libsofthsm2.so",
    "/usr/lib64/softhsm/libsofthsm2.so",
    "/usr/local/lib/softhsm/libsofthsm2.so",
    "/opt/homebrew/lib/softhsm/libsofthsm2.so",
];

/// A folder with a file, and a token beside it.
struct Hsm {
    repo: Repo,
    module: &'static str,
}

impl Hsm {
    /// A token `release`; `None` where SoftHSM is not installed.
    fn new() -> Option<Hsm> {
        let module = MODULES.into_iter().find(|path| std::path::Path::new(path).exists());
        let (Some(module), Ok(_)) = (module, Command::new("softhsm2-util").arg("--version").output()) else {
            eprintln!("skipped: SoftHSM is not installed (Debian package softhsm2)");
            return None;
        };
        let repo = Repo::plain();
        repo.write("release.tar", "the release\n").write("other.tar", "another\n").write("tokens/.keep", "");
        repo.write("softhsm2.conf", &format!("directories.tokendir = {}\nlog.level = ERROR\n", repo.top().join("tokens").display()));
        let hsm = Hsm { repo, module };
        hsm.util(&["--init-token", "--free", "--label", "release", "--so-pin", "12345678", "--pin", PIN]);
        Some(hsm)
    }

    fn util(&self, arguments: &[&str]) {
        let mut command = Command::new("softhsm2-util");
        command.env("SOFTHSM2_CONF", self.repo.top().join("softhsm2.conf")).args(arguments);
        let output = command.output().unwrap();
        assert!(output.status.success(), "{arguments:?}: {}", String::from_utf8_lossy(&output.stderr));
    }

    /// Puts a new key in; its public half.
    fn import(&self, label: &str, id: &str, algorithm: &'static SignatureAlgorithm) -> String {
        let (private, public) = if algorithm == &PKCS_ED25519 {
            // OpenSSL below the token reads no public half beside the private one.
            let key = SigningKey::generate().unwrap();
            (key.to_pem().unwrap(), key.verifying_key().to_pem())
        } else {
            let pair = KeyPair::generate_for(algorithm).unwrap();
            (pair.serialize_pem(), pair.public_key_pem())
        };
        self.repo.write("import.pem", &private);
        let path = self.repo.top().join("import.pem");
        self.util(&["--import", path.to_str().unwrap(), "--token", "release", "--label", label, "--id", id, "--pin", PIN]);
        public
    }

    fn name(&self, rest: &str) -> String {
        format!("pkcs11:token=release;{rest}?module-path={}", self.module)
    }

    fn with(&self, environment: &[(&str, &str)], arguments: &[&str]) -> Ran {
        let mut command = self.repo.program();
        command.env("SOFTHSM2_CONF", self.repo.top().join("softhsm2.conf")).envs(environment.iter().copied());
        self.repo.ended(&command.current_dir(self.repo.top()).args(arguments).output().unwrap())
    }

    /// Runs with the right PIN.
    fn run(&self, arguments: &[&str]) -> Ran {
        self.with(&[("PROBITY_PKCS11_PIN", PIN)], arguments)
    }
}

#[test]
fn what_a_token_signs_is_verified_by_its_public_key() {
    let Some(hsm) = Hsm::new() else { return };
    let kinds = [("ec", "01", &PKCS_ECDSA_P256_SHA256), ("rsa", "02", &PKCS_RSA_SHA256), ("ed", "03", &PKCS_ED25519)];
    for (label, id, algorithm) in kinds {
        let expected = PublicKey::from_pem(&hsm.import(label, id, algorithm)).unwrap();
        let name = hsm.name(&format!("object={label}"));
        // Its public half wants no PIN.
        let public = hsm.with(&[], &["key", "public", "--key", &name]).code(0).out;
        assert_eq!(PublicKey::from_pem(&public).unwrap(), expected);
        hsm.repo.write("k.pub", &public).write("p", "{}");
        hsm.run(&["sign", "release.tar", "--key", &name, "--bundle", "b.json"]).code(0).says("signed by");
        hsm.run(&["attest", "release.tar", "--key", &name, "--predicate", "p", "--bundle", "a.json"]).code(0);
        for bundle in ["b.json", "a.json"] {
            for key in [name.as_str(), "k.pub"] {
                let verify = |file| hsm.with(&[], &["verify", file, "--bundle", bundle, "--key", key, "--insecure-ignore-tlog"]);
                verify("release.tar").code(0).prints("verified: release.tar");
                verify("other.tar").code(1);
            }
        }
    }
}

#[test]
fn pins_come_from_everywhere_and_are_never_shown() {
    let Some(hsm) = Hsm::new() else { return };
    hsm.import("ec", "01", &PKCS_ECDSA_P256_SHA256);
    hsm.repo.write("pin", &format!("{PIN}\n")).write("wrong", "0000\n").write("two", "1\n2\n");
    let name = hsm.name("object=ec");
    let top = hsm.repo.top().display().to_string();
    let sign = |environment: &[(&str, &str)], name: &str| {
        let ran = hsm.with(environment, &["sign", "release.tar", "--key", name]);
        assert!(!ran.err.contains(PIN) && !ran.err.contains("0000") && !ran.out.contains(PIN), "{}{}", ran.out, ran.err);
        ran
    };
    sign(&[("COSIGN_PKCS11_PIN", PIN)], &name).code(0);
    sign(&[("PROBITY_PKCS11_PIN", PIN), ("COSIGN_PKCS11_PIN", "0000")], &name).code(0);
    sign(&[("PROBITY_PKCS11_PIN", "0000")], &format!("{name}&pin-value={PIN}")).code(0);
    sign(&[("PROBITY_PKCS11_PIN", "0000")], &format!("{name}&pin-source=file:{top}/pin")).code(0);
    let by_variable = "pkcs11:token=release;id=%01";
    sign(&[("COSIGN_PKCS11_MODULE_PATH", hsm.module), ("COSIGN_PKCS11_PIN", PIN)], by_variable).code(0);

    sign(&[("PROBITY_PKCS11_PIN", "0000")], &name).code(2).says("does not take the PIN: it is wrong").says("tried once");
    sign(&[], &format!("{name}&pin-value=0000")).code(2).says("`pkcs11:token=release;object=ec`: the token does not take the PIN");
    sign(&[], &format!("{name}&pin-source=file:{top}/wrong")).code(2).says("it is wrong");
    sign(&[], &format!("{name}&pin-source=file:{top}/two")).code(2).says("it is not one line");
    sign(&[], &format!("{name}&pin-source=file:{top}/none")).code(2).says("cannot be read");
    sign(&[], &name).code(2).says("the PIN of the token is not known").says("PROBITY_PKCS11_PIN");
    sign(&[("PROBITY_PKCS11_PIN", PIN)], by_variable).code(2).says("the PKCS#11 module is not known");
    sign(&[("PROBITY_PKCS11_MODULE_PATH", "m.so")], by_variable).code(2).says("not absolute");
}

#[test]
fn a_key_is_found_or_it_is_not() {
    let Some(hsm) = Hsm::new() else { return };
    hsm.import("ec", "01", &PKCS_ECDSA_P256_SHA256);
    hsm.import("twice", "02", &PKCS_ECDSA_P256_SHA256);
    let wanted = hsm.import("twice", "03", &PKCS_ECDSA_P256_SHA256);
    hsm.import("p384", "04", &PKCS_ECDSA_P384_SHA384);
    hsm.util(&["--init-token", "--free", "--label", "second", "--so-pin", "12345678", "--pin", "9999"]);
    let sign = |name: &str| hsm.run(&["sign", "release.tar", "--key", name]);
    let public = |name: &str| hsm.run(&["key", "public", "--key", name]);
    for object in ["object=none", "object=ec;id=%02"] {
        sign(&hsm.name(object)).code(2).says("the token holds no such private key");
        public(&hsm.name(object)).code(2).says("the token holds no such public key");
    }
    sign(&hsm.name("object=twice")).code(2).says("holds 2 of that name; name one private key by its `id`");
    public(&hsm.name("object=twice")).code(2).says("holds 2 of that name");
    assert_eq!(public(&hsm.name("object=twice;id=%03")).code(0).out, wanted);
    sign(&hsm.name("object=twice;id=%03")).code(0);
    sign(&hsm.name("object=p384")).code(2).says("supported are P-256 and Ed25519");
    let module = hsm.module;
    sign(&format!("pkcs11:token=none;object=ec?module-path={module}")).code(2).says("no such token; there are: ").says("`release`");
    sign(&format!("pkcs11:object=ec?module-path={module}")).code(2).says("2 tokens fit");
    sign("pkcs11:object=ec?module-path=/no/such.so").code(2).says("the PKCS#11 module `/no/such.so`: it cannot be loaded");
    sign("pkcs11:token=release").code(2).says("it names no key");
    hsm.repo.write("m.so", "no library");
    let path = hsm.repo.top().join("m.so");
    sign(&format!("pkcs11:object=ec?module-path={}", path.display())).code(2).says("it cannot be loaded");
}

#[test]
fn evidence_is_signed_by_a_token_with_ed25519_alone() {
    let Some(hsm) = Hsm::new() else { return };
    hsm.import("ec", "01", &PKCS_ECDSA_P256_SHA256);
    hsm.import("ed", "02", &PKCS_ED25519);
    hsm.repo.write("judged/map.yaml", &common::map("m", ""));
    let gate = |name: &str| hsm.run(&["gate", "judged", "--evidence", "log", "--evidence-key", name]);
    gate(&hsm.name("object=ec")).code(2).says("cannot sign evidence: the key is ECDSA P-256, and logs are signed with Ed25519 alone");
    gate(&hsm.name("object=ed")).code(0);
    gate(&hsm.name("object=ed")).code(0);
    hsm.with(&[], &["evidence", "verify", "--evidence", "log"]).code(0);
}
