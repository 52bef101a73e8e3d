//! Azure Key Vault: against a service that takes what its documentation says, and nothing else.
#![allow(clippy::unwrap_used, clippy::panic, reason = "a test that cannot go on fails")]
#![allow(clippy::disallowed_methods, reason = "a test touches the world on purpose")]

mod common;

use std::sync::Arc;
use std::sync::atomic::Ordering;

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use common::{Around, Asked, Service, fails, open, signed};
use probity_attest::keys::{KeyType, PrivateKey, PublicKey, Signer as _};
use probity_attest::sha256;
use serde_json::{Value, json};

const MESSAGE: &[u8] = b"the release\n";
const VERSION: &str = "9885aa558e8d448789683188f8c194b0";

/// A number of DER from the front of `rest`, without zeros before it.
fn number<'d>(rest: &mut &'d [u8]) -> &'d [u8] {
    assert_eq!(rest[0], 2);
    let (start, length) = match rest[1] {
        0x82 => (4, usize::from(rest[2]) << 8 | usize::from(rest[3])),
        0x81 => (3, usize::from(rest[2])),
        short => (2, usize::from(short)),
    };
    let (number, after) = rest[start..].split_at(length);
    *rest = after;
    &number[number.iter().take_while(|byte| **byte == 0).count()..]
}

/// A public key as the vault describes it.
fn described(key: &PublicKey) -> Value {
    let encode = |bytes: &[u8]| URL_SAFE_NO_PAD.encode(bytes);
    let kid = format!("https://v.vault.azure.net/keys/release/{VERSION}");
    let der = key.to_der();
    let mut jwk = if key.rsa_bits().is_some() {
        // The first number of two bytes of length is the modulus, and the exponent follows.
        let mut rest = &der[der.windows(2).position(|pair| pair == [0x02, 0x82]).unwrap()..];
        let (modulus, exponent) = (encode(number(&mut rest)), encode(number(&mut rest)));
        json!({ "kty": "RSA-HSM", "n": modulus, "e": exponent })
    } else {
        let point = &der[der.len() - 64..];
        json!({ "kty": "EC", "crv": "P-256", "x": encode(&point[..32]), "y": encode(&point[32..]) })
    };
    jwk["kid"] = json!(kid);
    jwk["key_ops"] = json!(["sign", "verify"]);
    json!({ "key": jwk, "attributes": { "enabled": true } })
}

/// A signature as JSON Web Signatures have it.
fn raw(key: &PrivateKey, message: &[u8]) -> Vec<u8> {
    let signature = key.sign(message).unwrap();
    if key.public_key().rsa_bits().is_some() {
        return signature;
    }
    let mut rest = &signature[2..];
    let (r, s) = (number(&mut rest), number(&mut rest));
    let padded = |number: &[u8]| [vec![0; 32 - number.len()], number.to_vec()].concat();
    [padded(r), padded(s)].concat()
}

fn refused(status: u16, code: &str, message: &str) -> (u16, String) {
    (status, json!({ "error": { "code": code, "message": message } }).to_string())
}

/// A vault with one key.
fn vault(key: PrivateKey, token: &'static str) -> Service {
    Service::new(move |asked: &Asked| {
        if asked.header("authorization") != format!("Bearer {token}") {
            return refused(401, "Unauthorized", &format!("not {}", asked.header("authorization")));
        }
        let sign = format!("/keys/release/{VERSION}/sign?api-version=7.4");
        match (asked.method.as_str(), asked.path.as_str()) {
            ("GET", "/keys/release/?api-version=7.4") => (200, described(key.public_key()).to_string()),
            ("GET", path) if path == format!("/keys/release/{VERSION}?api-version=7.4") => (200, described(key.public_key()).to_string()),
            ("POST", path) if path == sign => {
                let algorithm = if key.public_key().rsa_bits().is_some() { "RS256" } else { "ES256" };
                let expected = json!({ "alg": algorithm, "value": URL_SAFE_NO_PAD.encode(sha256(MESSAGE).0) });
                if asked.json() != expected || asked.header("content-type") != "application/json" {
                    return refused(400, "BadParameter", asked.text());
                }
                (200, json!({ "kid": "k", "value": URL_SAFE_NO_PAD.encode(raw(&key, MESSAGE)) }).to_string())
            }
            _ => refused(404, "KeyNotFound", "no such key"),
        }
    })
}

fn given() -> Around {
    Around::new(&[("PROBITY_AZURE_ACCESS_TOKEN", "given-token")])
}

#[test]
fn both_kinds_of_key_sign() {
    for kind in [KeyType::EcdsaP256, KeyType::Rsa2048] {
        let key = PrivateKey::generate(kind).unwrap();
        let public = key.public_key().clone();
        let service = vault(key, "given-token");
        for name in [format!("azurekms://{}/release", service.address), format!("azurekms://{}/release/{VERSION}", service.address)] {
            // More than once: some numbers of ECDSA begin with zeros.
            for _ in 0..8 {
                let signature = signed(&name, given(), MESSAGE).unwrap();
                public.verify(MESSAGE, &signature).unwrap();
            }
        }
    }
}

#[test]
fn applications_sign_in() {
    let service = vault(PrivateKey::generate(KeyType::EcdsaP256).unwrap(), "of-the-login");
    let login = Service::new(|asked| {
        let start = "client_id=app&scope=https%3A%2F%2Fvault.azure.net%2F.default&grant_type=client_credentials&";
        let proofs = [
            "client_secret=the-secret",
            "client_assertion_type=urn%3Aietf%3Aparams%3Aoauth%3Aclient-assertion-type%3Ajwt-bearer&client_assertion=the.jwt",
        ];
        let proof = asked.text().strip_prefix(start).unwrap_or_default();
        if asked.path != "/tenant-1/oauth2/v2.0/token"
            || asked.header("content-type") != "application/x-www-form-urlencoded"
            || !proofs.contains(&proof)
        {
            return (401, json!({ "error": "invalid_client", "error_description": format!("not {}", asked.text()) }).to_string());
        }
        (200, json!({ "token_type": "Bearer", "expires_in": 3599, "access_token": "of-the-login" }).to_string())
    });
    let url = login.url();
    let usual = [("AZURE_TENANT_ID", "tenant-1"), ("AZURE_CLIENT_ID", "app"), ("AZURE_AUTHORITY_HOST", &url)];
    let around = |more: &[(&str, &str)]| Around::new(&[&usual, more].concat()).with_file("/token", "the.jwt\n");
    let name = format!("azurekms://{}/release", service.address);
    let by_secret = Arc::new(around(&[("AZURE_CLIENT_SECRET", "the-secret")]));
    let key = open(&name, &by_secret).unwrap();
    key.try_sign(MESSAGE).unwrap();
    assert_eq!(login.asked().len(), 1, "the token is kept");
    by_secret.seconds.fetch_add(3599 - 60, Ordering::SeqCst);
    key.try_sign(MESSAGE).unwrap();
    assert_eq!(login.asked().len(), 2, "what is about to end is fetched again");
    signed(&name, around(&[("AZURE_FEDERATED_TOKEN_FILE", "/token")]), MESSAGE).unwrap();
    let wrong = around(&[("AZURE_CLIENT_SECRET", "wrong-secret")]);
    fails(signed(&name, wrong, MESSAGE), "does not give a token: invalid_client (401): not ", &["wrong-secret"]);
    fails(signed(&name, around(&[]), MESSAGE), "who we are to Azure is not known", &[]);
    fails(signed(&name, around(&[("AZURE_FEDERATED_TOKEN_FILE", "/none")]), MESSAGE), "the token in `AZURE_FEDERATED_TOKEN_FILE`", &[]);
    let tenant = around(&[("AZURE_CLIENT_SECRET", "a"), ("AZURE_TENANT_ID", "../evil")]);
    fails(signed(&name, tenant, MESSAGE), "`AZURE_TENANT_ID`: it is no tenant", &[]);
}

#[test]
fn answers_are_not_believed() {
    let key = PrivateKey::generate(KeyType::EcdsaP256).unwrap();
    let other = URL_SAFE_NO_PAD.encode(raw(&key, b"other"));
    let description = described(key.public_key());
    let check = |description: &Value, value: Value, says: &str| {
        let (description, answer) = (description.to_string(), json!({ "value": value }).to_string());
        let service = Service::new(move |asked| if asked.method == "GET" { (200, description.clone()) } else { (200, answer.clone()) });
        fails(signed(&format!("azurekms://{}/release", service.address), given(), MESSAGE), says, &["given-token"]);
    };
    check(&description, json!(other), "does not belong to the public key");
    check(&description, json!("AAAA"), "it has not 64 bytes");
    check(&description, json!("?"), "it is no base64");
    check(&description, json!(null), "`value` is missing");
    let changed = |pointer: &str, value: Value| {
        let mut description = description.clone();
        *description.pointer_mut(pointer).unwrap() = value;
        description
    };
    check(&changed("/attributes/enabled", json!(false)), json!(null), "it is not enabled");
    check(&changed("/key/key_ops", json!(["verify"])), json!(null), "it is not for signing");
    check(&changed("/key/crv", json!("P-384")), json!(null), "another curve than P-256");
    check(&changed("/key/kty", json!("oct-HSM")), json!(null), "neither EC nor RSA");
    check(&changed("/key/x", json!("AAAA")), json!(null), "damaged");
    check(&changed("/key/kid", json!("https://v.vault.azure.net/keys/other/1")), json!(null), "its `kid` names another key");
    let service = vault(PrivateKey::generate(KeyType::EcdsaP256).unwrap(), "another-token");
    let name = format!("azurekms://{}/release", service.address);
    fails(signed(&name, given(), MESSAGE), "Unauthorized (401): not Bearer ***", &["given-token"]);
    let service = vault(PrivateKey::generate(KeyType::EcdsaP256).unwrap(), "given-token");
    fails(signed(&format!("azurekms://{}/none", service.address), given(), MESSAGE), "KeyNotFound (404): no such key", &[]);
}
