//! The transit engine of Vault: against a service that takes what its documentation says, and nothing else.
#![allow(clippy::unwrap_used, clippy::panic, reason = "a test that cannot go on fails")]
#![allow(clippy::disallowed_methods, reason = "a test touches the world on purpose")]

mod common;

use std::io::{Read as _, Write as _};
use std::net::TcpListener;
use std::sync::Arc;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use common::{Around, Asked, Service, fails, open, signed};
use probity_attest::keys::{Algorithm, KeyType, PrivateKey, Signer as _};
use probity_attest::sha256;
use serde_json::{Value, json};

const TOKEN: &str = "hvs.the-token";
const MESSAGE: &[u8] = b"the release\n";

fn refused(status: u16, message: &str) -> (u16, String) {
    (status, json!({ "errors": [message] }).to_string())
}

/// What `GET /v1/transit/keys/release` answers, with these versions.
fn described(keys: &[PrivateKey], kind: &str) -> Value {
    let mut versions = serde_json::Map::new();
    for (key, version) in keys.iter().zip(1..) {
        let public = match key.public_key().ed25519() {
            Some(key) => STANDARD.encode(key.raw()),
            None => key.public_key().to_pem(),
        };
        let one = json!({ "creation_time": "2026-01-01T00:00:00Z", "name": kind, "public_key": public });
        versions.insert(format!("{version}"), one);
    }
    json!({ "data": {
        "type": kind, "name": "release", "derived": false, "latest_version": keys.len(), "min_encryption_version": 0, "supports_signing": true,
        "keys": versions,
    } })
}

/// An engine with one key of these versions, below `team/transit`.
fn vault(keys: Vec<PrivateKey>, kind: &'static str) -> Service {
    Service::new(engine(keys, kind))
}

fn engine(keys: Vec<PrivateKey>, kind: &'static str) -> impl Fn(&Asked) -> (u16, String) + Send + Sync {
    move |asked: &Asked| {
        if asked.header("x-vault-token") != TOKEN {
            return refused(403, &format!("permission denied for {}", asked.header("x-vault-token")));
        }
        if asked.header("x-vault-request") != "true" || asked.header("x-vault-namespace") != "admin/ci" {
            return refused(400, "headers");
        }
        match (asked.method.as_str(), asked.path.as_str()) {
            ("GET", "/v1/team/transit/keys/release") => (200, described(&keys, kind).to_string()),
            ("POST", path) if path.starts_with("/v1/team/transit/sign/release") => {
                let body = asked.json();
                let version = usize::try_from(body["key_version"].as_u64().unwrap()).unwrap();
                let key = &keys[version - 1];
                let (rest, expected) = match key.algorithm() {
                    Algorithm::Ed25519 => ("", json!({ "input": STANDARD.encode(MESSAGE), "key_version": version })),
                    Algorithm::EcdsaP256Sha256 => {
                        let input = STANDARD.encode(sha256(MESSAGE).0);
                        ("/sha2-256", json!({ "input": input, "prehashed": true, "key_version": version, "marshaling_algorithm": "asn1" }))
                    }
                    Algorithm::RsaPkcs1Sha256 => {
                        let input = STANDARD.encode(sha256(MESSAGE).0);
                        (
                            "/sha2-256",
                            json!({ "input": input, "prehashed": true, "key_version": version, "signature_algorithm": "pkcs1v15" }),
                        )
                    }
                };
                if !path.ends_with(&format!("release{rest}")) || body != expected || asked.header("content-type") != "application/json" {
                    return refused(400, &body.to_string());
                }
                let signature = format!("vault:v{version}:{}", STANDARD.encode(key.sign(MESSAGE).unwrap()));
                (200, json!({ "data": { "signature": signature, "key_version": version } }).to_string())
            }
            _ => refused(404, "no handler"),
        }
    }
}

fn around(url: &str, more: &[(&str, &str)]) -> Around {
    let usual =
        [("VAULT_ADDR", url), ("VAULT_TOKEN", TOKEN), ("VAULT_NAMESPACE", "admin/ci"), ("TRANSIT_SECRET_ENGINE_PATH", "/team/transit/")];
    Around::new(&[&usual, more].concat())
}

#[test]
fn every_kind_and_version_of_key_signs() {
    for (kind, name) in [(KeyType::EcdsaP256, "ecdsa-p256"), (KeyType::Rsa2048, "rsa-2048"), (KeyType::Ed25519, "ed25519")] {
        let keys: Vec<PrivateKey> = (0..2).map(|_| PrivateKey::generate(kind).unwrap()).collect();
        let public: Vec<_> = keys.iter().map(|key| key.public_key().clone()).collect();
        let service = vault(keys, name);
        for (named, version) in
            [("hashivault://release", 2), ("hashivault://release/versions/2", 2), ("hashivault://release/versions/1", 1)]
        {
            let signature = signed(named, around(&service.url(), &[]), MESSAGE).unwrap();
            public[version - 1].verify(MESSAGE, &signature).unwrap();
        }
    }
}

#[test]
fn whoever_signs_may_stand_inside_a_runtime() {
    let service = vault(vec![PrivateKey::generate(KeyType::EcdsaP256).unwrap()], "ecdsa-p256");
    let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
    runtime.block_on(async { signed("hashivault://release", around(&service.url(), &[]), MESSAGE).unwrap() });
}

#[test]
fn what_is_wrong_is_said() {
    let service = vault(vec![PrivateKey::generate(KeyType::EcdsaP256).unwrap()], "ecdsa-p256");
    let url = service.url();
    let name = "hashivault://release";
    let error = fails(
        signed(name, around(&url, &[("VAULT_TOKEN", "wrong-token")]), MESSAGE),
        "HTTP status 403: permission denied for ***",
        &["wrong-token"],
    );
    assert!(error.is_final());
    assert!(error.hint().unwrap().contains("may not do that"));
    fails(signed("hashivault://other", around(&url, &[]), MESSAGE), "does not give the public key: HTTP status 404: no handler", &[]);
    fails(signed("hashivault://release/versions/3", around(&url, &[]), MESSAGE), "there is no version 3 of it; the latest is 1", &[]);
    fails(signed(name, around("", &[]), MESSAGE), "the address of Vault is not known", &[]);
    fails(signed(name, around("http://vault.example:8200", &[]), MESSAGE), "`VAULT_ADDR`: it is asked with TLS", &[]);
    fails(signed(name, around("https://a:b@vault.example", &[]), MESSAGE), "`VAULT_ADDR`: an address with a name", &["a:b"]);
    fails(signed(name, around(&url, &[("VAULT_TOKEN", "")]), MESSAGE), "the token of Vault is not known", &[]);
    fails(signed(name, around(&url, &[("VAULT_TOKEN", "a\u{7f}b")]), MESSAGE), "what no header may", &["a\u{7f}b"]);
    fails(signed(name, around(&url, &[("TRANSIT_SECRET_ENGINE_PATH", "../sys")]), MESSAGE), "no path of an engine", &[]);
    assert!(service.asked().iter().all(|asked| asked.path != "/v1/sys/keys/release"));
}

#[test]
fn the_token_of_a_file() {
    let service = vault(vec![PrivateKey::generate(KeyType::EcdsaP256).unwrap()], "ecdsa-p256");
    let url = service.url();
    let with = |text: &str| around(&url, &[("VAULT_TOKEN", ""), ("HOME", "/home/u")]).with_file("/home/u/.vault-token", text);
    signed("hashivault://release", with(&format!("{TOKEN}\n")), MESSAGE).unwrap();
    fails(signed("hashivault://release", with(""), MESSAGE), "`/home/u/.vault-token`: it holds no token", &[]);
}

#[test]
fn answers_are_not_believed() {
    let key = PrivateKey::generate(KeyType::EcdsaP256).unwrap();
    let other = STANDARD.encode(key.sign(b"other").unwrap());
    let good = STANDARD.encode(key.sign(MESSAGE).unwrap());
    let description = described(std::slice::from_ref(&key), "ecdsa-p256");
    let check = |description: &Value, signature: Value, says: &str| {
        let (description, answer) = (description.to_string(), json!({ "data": { "signature": signature } }).to_string());
        let service = Service::new(move |asked| if asked.method == "GET" { (200, description.clone()) } else { (200, answer.clone()) });
        fails(signed("hashivault://release", around(&service.url(), &[]), MESSAGE), says, &[TOKEN]);
    };
    check(&description, json!(format!("vault:v1:{other}")), "does not belong to the public key");
    check(&description, json!(format!("vault:v2:{good}")), "it is not of the version that was asked for");
    check(&description, json!(good), "it is not of the version");
    check(&description, json!("vault:v1:?"), "it is no base64");
    check(&description, json!(null), "`signature` is missing");
    let changed = |pointer: &str, value: Value| {
        let mut description = description.clone();
        *description.pointer_mut(pointer).unwrap() = value;
        description
    };
    check(&changed("/data/type", json!("aes256-gcm96")), json!(null), "it is of the type `aes256-gcm96`");
    check(&changed("/data/type", json!("ecdsa-p384")), json!(null), "it is of the type `ecdsa-p384`");
    check(&changed("/data/derived", json!(true)), json!(null), "it is derived for each context");
    check(&changed("/data/min_encryption_version", json!(2)), json!(null), "no version before 2");
    check(&changed("/data/keys/1/public_key", json!("x")), json!(null), "not a PEM `PUBLIC KEY`");
    check(&changed("/data/keys", json!({})), json!(null), "there is no version 1 of it");
    check(&changed("/data", json!(null)), json!(null), "`type` is missing");
}

#[test]
fn an_authority_that_was_named_is_trusted_and_no_other() {
    let start = || Service::with_tls(engine(vec![PrivateKey::generate(KeyType::EcdsaP256).unwrap()], "ecdsa-p256"));
    let (service, authority) = start();
    let (_other, another) = start();
    let url = format!("https://{}", service.address);
    let with = |authority: &str| around(&url, &[("VAULT_CACERT", "/ca")]).with_file("/ca", authority);
    signed("hashivault://release", with(&authority), MESSAGE).unwrap();
    let heard = service.asked().len();
    let error = fails(signed("hashivault://release", with(&another), MESSAGE), "certificate", &[TOKEN]);
    assert!(!error.is_final());
    fails(signed("hashivault://release", around(&url, &[]), MESSAGE), "certificate", &[TOKEN]);
    fails(signed("hashivault://release", with("none"), MESSAGE), "`VAULT_CACERT`: it holds no certificate", &[]);
    assert_eq!(service.asked().len(), heard);
}

/// Whoever claims to be Vault and shows a certificate that nobody trusts learns no token.
#[test]
fn a_token_goes_to_nobody_without_tls_that_is_trusted() {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = listener.local_addr().unwrap();
    let heard = std::thread::spawn(move || {
        let (mut stream, _) = listener.accept().unwrap();
        let mut first = [0_u8; 1024];
        let count = stream.read(&mut first).unwrap();
        let _gone = stream.write_all(b"HTTP/1.1 200 OK\r\n\r\n");
        first[..count].to_vec()
    });
    let around = around(&format!("https://{address}"), &[]);
    fails(open("hashivault://release", &Arc::new(around)), "cannot be reached", &[TOKEN]);
    let heard = heard.join().unwrap();
    assert!(!heard.windows(TOKEN.len()).any(|part| part == TOKEN.as_bytes()));
}
