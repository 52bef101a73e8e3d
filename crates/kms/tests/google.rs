//! Google Cloud KMS: against a service that takes what its documentation says, and nothing else.
#![allow(clippy::unwrap_used, clippy::panic, reason = "a test that cannot go on fails")]
#![allow(clippy::disallowed_methods, reason = "a test touches the world on purpose")]

mod common;

use std::sync::Arc;

use base64::Engine as _;
use base64::engine::general_purpose::{STANDARD, URL_SAFE_NO_PAD};
use common::{Around, Asked, Service, fails, open, signed};
use probity_attest::keys::{Algorithm, KeyType, PrivateKey, Signer as _};
use probity_attest::sha256;
use rcgen::{KeyPair, PKCS_RSA_SHA256};
use serde_json::{Value, json};

const MESSAGE: &[u8] = b"the release\n";
const KEY: &str = "projects/p/locations/l/keyRings/r/cryptoKeys/release";
const TOKEN: &str = "ya29.the-token";

/// CRC-32C, bit by bit.
fn crc32c(bytes: &[u8]) -> String {
    let mut rest = u32::MAX;
    for byte in bytes {
        rest ^= u32::from(*byte);
        for _ in 0..8 {
            rest = if rest & 1 == 1 { rest >> 1 ^ 0x82f6_3b78 } else { rest >> 1 };
        }
    }
    (!rest).to_string()
}

fn refused(status: u16, kind: &str, message: &str) -> (u16, String) {
    (status, json!({ "error": { "code": status, "message": message, "status": kind } }).to_string())
}

fn public(key: &PrivateKey, algorithm: &str) -> Value {
    let pem = key.public_key().to_pem();
    json!({ "pem": pem, "algorithm": algorithm, "pemCrc32c": crc32c(pem.as_bytes()), "name": format!("{KEY}/cryptoKeyVersions/10") })
}

fn signature(key: &PrivateKey, message: &[u8], arrived: &str) -> Value {
    let signature = key.sign(message).unwrap();
    json!({
        "signature": STANDARD.encode(&signature), "signatureCrc32c": crc32c(&signature), arrived: true,
        "name": format!("{KEY}/cryptoKeyVersions/10"), "protectionLevel": "HSM",
    })
}

/// The service with one key, of which the tenth version is the greatest that is enabled.
fn kms(key: PrivateKey, algorithm: &'static str) -> Service {
    Service::new(move |asked: &Asked| {
        if asked.header("authorization") != format!("Bearer {TOKEN}") {
            return refused(401, "UNAUTHENTICATED", &format!("not {}", asked.header("authorization")));
        }
        let path = asked.path.strip_prefix(&format!("/v1/{KEY}/cryptoKeyVersions")).unwrap_or("none");
        match (asked.method.as_str(), path) {
            ("GET", "?filter=state%3DENABLED&pageSize=1000") => {
                let one = |number: u32, state: &str| json!({ "name": format!("{KEY}/cryptoKeyVersions/{number}"), "state": state });
                (200, json!({ "cryptoKeyVersions": [one(9, "ENABLED"), one(10, "ENABLED"), one(11, "DISABLED")] }).to_string())
            }
            ("GET", "/10/publicKey") => (200, public(&key, algorithm).to_string()),
            ("POST", "/10:asymmetricSign") => {
                let digest = sha256(MESSAGE).0;
                let (expected, arrived) = match key.algorithm() {
                    Algorithm::Ed25519 => {
                        (json!({ "data": STANDARD.encode(MESSAGE), "dataCrc32c": crc32c(MESSAGE) }), "verifiedDataCrc32c")
                    }
                    _ => (
                        json!({ "digest": { "sha256": STANDARD.encode(digest) }, "digestCrc32c": crc32c(&digest) }),
                        "verifiedDigestCrc32c",
                    ),
                };
                if asked.json() != expected || asked.header("content-type") != "application/json" {
                    return refused(400, "INVALID_ARGUMENT", asked.text());
                }
                (200, signature(&key, MESSAGE, arrived).to_string())
            }
            _ => refused(404, "NOT_FOUND", "no such key"),
        }
    })
}

fn around(url: &str, more: &[(&str, &str)]) -> Around {
    Around::new(&[&[("CLOUDSDK_API_ENDPOINT_OVERRIDES_CLOUDKMS", url)], more].concat())
}

fn given(url: &str) -> Around {
    around(url, &[("GOOGLE_OAUTH_ACCESS_TOKEN", TOKEN)])
}

#[test]
fn every_kind_of_key_signs() {
    let kinds = [
        (KeyType::EcdsaP256, "EC_SIGN_P256_SHA256"),
        (KeyType::Rsa2048, "RSA_SIGN_PKCS1_2048_SHA256"),
        (KeyType::Ed25519, "EC_SIGN_ED25519"),
    ];
    for (kind, algorithm) in kinds {
        let key = PrivateKey::generate(kind).unwrap();
        let expected = key.public_key().clone();
        let service = kms(key, algorithm);
        for more in ["", "/cryptoKeyVersions/10", "/versions/10"] {
            let signature = signed(&format!("gcpkms://{KEY}{more}"), given(&service.url()), MESSAGE).unwrap();
            expected.verify(MESSAGE, &signature).unwrap();
        }
        fails(signed(&format!("gcpkms://{KEY}/versions/9"), given(&service.url()), MESSAGE), "NOT_FOUND (404): no such key", &[]);
    }
}

#[test]
fn answers_are_not_believed() {
    let key = PrivateKey::generate(KeyType::EcdsaP256).unwrap();
    let described = public(&key, "EC_SIGN_P256_SHA256");
    let good = signature(&key, MESSAGE, "verifiedDigestCrc32c");
    let check = |described: &Value, answer: &Value, says: &str| {
        let (described, answer) = (described.to_string(), answer.to_string());
        let service = Service::new(move |asked| if asked.method == "GET" { (200, described.clone()) } else { (200, answer.clone()) });
        fails(signed(&format!("gcpkms://{KEY}/versions/10"), given(&service.url()), MESSAGE), says, &[TOKEN]);
    };
    let changed = |value: &Value, key: &str, to: Value| {
        let mut value = value.clone();
        value[key] = to;
        value
    };
    check(&described, &signature(&key, b"other", "verifiedDigestCrc32c"), "does not belong to the public key");
    check(&described, &changed(&good, "signatureCrc32c", json!("1")), "it does not fit its checksum (`signatureCrc32c`)");
    check(&described, &changed(&good, "signatureCrc32c", json!(null)), "`signatureCrc32c` is missing");
    check(&described, &changed(&good, "verifiedDigestCrc32c", json!(false)), "what was sent did not arrive whole");
    check(&described, &signature(&key, MESSAGE, "verifiedDataCrc32c"), "what was sent did not arrive whole");
    check(&described, &changed(&good, "name", json!(KEY)), "the signature is broken: it is of another key");
    check(&described, &changed(&good, "signature", json!("?")), "it is no base64");
    check(&changed(&described, "name", json!(KEY)), &good, "the public key is broken: it is of another key");
    check(&changed(&described, "pemCrc32c", json!("7")), &good, "it does not fit its checksum (`pemCrc32c`)");
    check(&changed(&described, "algorithm", json!("EC_SIGN_P384_SHA384")), &good, "it signs with EC_SIGN_P384_SHA384");
    check(&changed(&described, "pem", json!(null)), &good, "`pem` is missing");

    let versions = |answer: Value| {
        let service = Service::new(move |_| (200, answer.to_string()));
        (open(&format!("gcpkms://{KEY}"), &Arc::new(given(&service.url()))), service).0
    };
    fails(versions(json!({})), "no version of the key is enabled", &[]);
    fails(versions(json!({ "nextPageToken": "a" })), "more versions than are looked through", &[]);
}

#[test]
fn a_service_account_signs_in() {
    let service = kms(PrivateKey::generate(KeyType::EcdsaP256).unwrap(), "EC_SIGN_P256_SHA256");
    let pair = KeyPair::generate_for(&PKCS_RSA_SHA256).unwrap();
    let account = probity_attest::keys::PublicKey::from_pem(&pair.public_key_pem()).unwrap();
    let login = Service::new(move |asked: &Asked| {
        let start = "grant_type=urn%3Aietf%3Aparams%3Aoauth%3Agrant-type%3Ajwt-bearer&assertion=";
        let assertion = asked.text().strip_prefix(start).unwrap();
        let (signed, signature) = assertion.rsplit_once('.').unwrap();
        account.verify(signed.as_bytes(), &URL_SAFE_NO_PAD.decode(signature).unwrap()).unwrap();
        let (header, claims) = signed.split_once('.').unwrap();
        let read = |part: &str| serde_json::from_slice::<Value>(&URL_SAFE_NO_PAD.decode(part).unwrap()).unwrap();
        assert_eq!(read(header), json!({ "alg": "RS256", "typ": "JWT", "kid": "1" }));
        let claims = read(claims);
        assert_eq!(claims["iss"], "ci@p.iam.gserviceaccount.com");
        assert_eq!(claims["scope"], "https://www.googleapis.com/auth/cloudkms");
        assert_eq!(claims["aud"], format!("http://{}/token", asked.header("host")));
        assert_eq!((claims["iat"].as_i64(), claims["exp"].as_i64()), (Some(1_769_860_800), Some(1_769_864_400)));
        (200, json!({ "access_token": TOKEN, "expires_in": 3599, "token_type": "Bearer" }).to_string())
    });
    let file = |url: &str| {
        json!({
            "type": "service_account", "client_email": "ci@p.iam.gserviceaccount.com", "private_key_id": "1",
            "private_key": pair.serialize_pem(), "token_uri": url,
        })
    };
    let with = |file: &Value| around(&service.url(), &[("GOOGLE_APPLICATION_CREDENTIALS", "/c")]).with_file("/c", &file.to_string());
    let name = format!("gcpkms://{KEY}/cryptoKeyVersions/10");
    signed(&name, with(&file(&format!("{}/token", login.url()))), MESSAGE).unwrap();
    assert_eq!(login.asked().len(), 1, "the token is kept");
    let secret = pair.serialize_pem().lines().nth(1).unwrap().to_owned();
    let away = with(&file("https://evil.example/token"));
    fails(
        signed(&name, away, MESSAGE),
        "`token_uri` of the file of `GOOGLE_APPLICATION_CREDENTIALS`: it is no address of Google's",
        &[&secret],
    );
    let plain = with(&file("http://oauth2.googleapis.com/token"));
    fails(signed(&name, plain, MESSAGE), "it is asked with TLS", &[&secret]);
    fails(signed(&name, with(&json!({ "type": "authorized_user" })), MESSAGE), "neither `service_account` nor `external_account`", &[]);
    fails(signed(&name, around(&service.url(), &[]), MESSAGE), "who we are to Google is not known", &[]);
}

#[test]
fn workload_identity_is_exchanged() {
    let service = kms(PrivateKey::generate(KeyType::EcdsaP256).unwrap(), "EC_SIGN_P256_SHA256");
    let login = Service::new(|asked: &Asked| match asked.path.as_str() {
        "/v1/token" => {
            let fields: Vec<&str> = asked.text().split('&').collect();
            let impersonates = fields.contains(&"scope=https%3A%2F%2Fwww.googleapis.com%2Fauth%2Fcloud-platform");
            for field in [
                "audience=%2F%2Fiam.googleapis.com%2Fpool",
                "grant_type=urn%3Aietf%3Aparams%3Aoauth%3Agrant-type%3Atoken-exchange",
                "requested_token_type=urn%3Aietf%3Aparams%3Aoauth%3Atoken-type%3Aaccess_token",
                "subject_token_type=urn%3Aietf%3Aparams%3Aoauth%3Atoken-type%3Ajwt",
                "subject_token=the.jwt",
            ] {
                assert!(fields.contains(&field), "{field} in {fields:?}");
            }
            let token = if impersonates { "of-the-pool" } else { TOKEN };
            (200, json!({ "access_token": token, "expires_in": 3599 }).to_string())
        }
        "/v1/account:generateAccessToken" if asked.header("authorization") == "Bearer of-the-pool" => {
            assert_eq!(asked.json(), json!({ "scope": ["https://www.googleapis.com/auth/cloudkms"] }));
            (200, json!({ "accessToken": TOKEN, "expireTime": "2026-01-31T13:00:00Z" }).to_string())
        }
        "/idtoken?audience=a" if asked.header("authorization") == "Bearer of-the-runner" => {
            (200, json!({ "value": "the.jwt" }).to_string())
        }
        _ => refused(403, "PERMISSION_DENIED", "no"),
    });
    let url = login.url();
    let file = |source: Value| {
        json!({
            "type": "external_account", "audience": "//iam.googleapis.com/pool", "subject_token_type": "urn:ietf:params:oauth:token-type:jwt",
            "token_url": format!("{url}/v1/token"), "credential_source": source,
        })
    };
    let with = |file: &Value| {
        let around = around(&service.url(), &[("GOOGLE_APPLICATION_CREDENTIALS", "/c")]);
        around.with_file("/c", &file.to_string()).with_file("/jwt", "the.jwt\n")
    };
    let name = format!("gcpkms://{KEY}/cryptoKeyVersions/10");
    let of_file = file(json!({ "file": "/jwt" }));
    signed(&name, with(&of_file), MESSAGE).unwrap();
    let of_runner = file(json!({
        "url": format!("{url}/idtoken?audience=a"), "headers": { "Authorization": "Bearer of-the-runner" },
        "format": { "type": "json", "subject_token_field_name": "value" },
    }));
    signed(&name, with(&of_runner), MESSAGE).unwrap();
    let mut impersonating = of_file.clone();
    impersonating["service_account_impersonation_url"] = json!(format!("{url}/v1/account:generateAccessToken"));
    signed(&name, with(&impersonating), MESSAGE).unwrap();

    let check = |file: &Value, says: &str| fails(signed(&name, with(file), MESSAGE), says, &["the.jwt"]);
    check(&file(json!({ "executable": { "command": "/bin/sh" } })), "programs are not run");
    check(&file(json!({ "file": "/none" })), "the token of the identity provider");
    check(&file(json!({ "file": "/jwt", "format": { "type": "json", "subject_token_field_name": "a" } })), "it is no JSON");
    check(&file(json!({ "url": "https://a", "headers": { "cookie": "a" } })), "holds one that is not known");
    let mut away = of_file.clone();
    away["token_url"] = json!("https://sts.googleapis.com.evil.example/v1/token");
    check(&away, "it is no address of Google's");
}
