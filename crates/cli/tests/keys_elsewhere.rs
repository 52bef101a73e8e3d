//! Keys that lie elsewhere, from the command line: a PKCS#11 token made by SoftHSM, and a service that is asked over the network.
#![allow(clippy::disallowed_methods, clippy::panic, reason = "a test touches the world on purpose and fails by panicking")]
#![allow(clippy::unwrap_used, clippy::print_stderr, reason = "a test that cannot go on fails, and one that is skipped says so")]

mod common;

use std::io::{BufRead as _, BufReader, Read as _, Write as _};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::process::Command;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use common::{Ran, Repo};
use probity_attest::SigningKey;
use probity_attest::keys::{PrivateKey, PublicKey, Signer as _};
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

/// The transit engine of Vault with one Ed25519 key; it answers for ever.
fn vault(key: PrivateKey) -> SocketAddr {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = listener.local_addr().unwrap();
    let answer = move |stream: &TcpStream| -> std::io::Result<()> {
        let mut reader = BufReader::new(stream);
        let (mut head, mut length) = (String::new(), 0);
        while reader.read_line(&mut head)? > 2 {
            let last = head.lines().last().unwrap_or_default().to_ascii_lowercase();
            length = last.strip_prefix("content-length: ").map_or(length, |text| text.parse().unwrap());
        }
        let mut body = vec![0; length];
        reader.read_exact(&mut body)?;
        let raw = key.public_key().ed25519().unwrap().raw();
        let versions = serde_json::json!({ "1": { "public_key": STANDARD.encode(raw) } });
        let (status, data) = if !head.to_ascii_lowercase().contains("x-vault-token: the-token\r\n") {
            (403, serde_json::json!({}))
        } else if head.starts_with("GET /v1/transit/keys/release ") {
            (200, serde_json::json!({ "type": "ed25519", "latest_version": 1, "keys": versions }))
        } else if head.starts_with("POST /v1/transit/sign/release ") {
            let body: serde_json::Value = serde_json::from_slice(&body).unwrap();
            let message = STANDARD.decode(body["input"].as_str().unwrap()).unwrap();
            (200, serde_json::json!({ "signature": format!("vault:v1:{}", STANDARD.encode(key.sign(&message).unwrap())) }))
        } else {
            (404, serde_json::json!({}))
        };
        let body = serde_json::json!({ "data": data }).to_string();
        let mut out = stream;
        write!(out, "HTTP/1.1 {status} X\r\ncontent-length: {}\r\nconnection: close\r\n\r\n{body}", body.len())
    };
    std::thread::spawn(move || {
        for stream in listener.incoming().map_while(Result::ok) {
            let _gone = answer(&stream);
        }
    });
    address
}

#[test]
fn a_service_signs_files_and_evidence() {
    let repo = Repo::plain();
    repo.write("release.tar", "the release\n").write("p", "{}").write("judged/map.yaml", &common::map("m", ""));
    let key = SigningKey::generate().unwrap();
    let expected = key.verifying_key().to_pem();
    let address = vault(key.into()).to_string();
    let with = |token: &str, arguments: &[&str]| {
        let mut command = repo.program();
        command.env("VAULT_ADDR", format!("http://{address}")).env("VAULT_TOKEN", token).current_dir(repo.top());
        repo.ended(&command.args(arguments).output().unwrap())
    };
    let run = |arguments: &[&str]| with("the-token", arguments);
    let name = "hashivault://release";
    assert_eq!(run(&["key", "public", "--key", name]).code(0).out, expected);
    run(&["sign", "release.tar", "--key", name, "--bundle", "b.json"]).code(0);
    run(&["attest", "release.tar", "--key", name, "--predicate", "p", "--bundle", "a.json"]).code(0);
    repo.write("k.pub", &expected);
    for bundle in ["b.json", "a.json"] {
        for key in [name, "k.pub"] {
            run(&["verify", "release.tar", "--bundle", bundle, "--key", key, "--insecure-ignore-tlog"])
                .code(0)
                .prints("verified: release.tar");
        }
    }
    run(&["gate", "judged", "--evidence", "log", "--evidence-key", name]).code(0);
    run(&["evidence", "verify", "--evidence", "log"]).code(0);
    with("hunter2", &["sign", "release.tar", "--key", name]).code(2).says("`hashivault://release`: ").says("HTTP status 403");
    // What the network does may pass: that is no wrong use.
    let mut command = repo.program();
    command.env("VAULT_ADDR", "http://127.0.0.1:1").env("VAULT_TOKEN", "hunter2").current_dir(repo.top());
    let ran = repo.ended(&command.args(["sign", "release.tar", "--key", name]).output().unwrap()).code(3);
    assert!(ran.err.contains("`127.0.0.1:1` cannot be reached") && !ran.err.contains("hunter2"), "{}", ran.err);
}
