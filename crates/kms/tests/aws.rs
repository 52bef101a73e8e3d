//! AWS KMS: against a service that checks each request and its signature, and against moto where it is installed.
#![allow(
    clippy::unwrap_used,
    clippy::panic,
    clippy::print_stderr,
    reason = "a test that cannot go on fails, and one that is skipped says so"
)]
#![allow(clippy::disallowed_methods, reason = "a test touches the world on purpose")]

mod common;

use std::io::{BufRead as _, BufReader, Read as _, Write as _};
use std::net::TcpStream;
use std::path::PathBuf;
use std::process::{Child, Command, Stdio};
use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use common::{Around, Asked, Service, fails, open, signed};
use probity_attest::keys::{Algorithm, KeyType, PrivateKey, PublicKey, Signer as _};
use probity_attest::{hmac_sha256, sha256};
use probity_kms::Reference;
use serde_json::{Value, json};

const ARN: &str = "arn:aws:kms:eu-central-1:111122223333:key/1234abcd-12ab-34cd-56ef-1234567890ab";
const SECRET: &str = "the-secret-key";
const MESSAGE: &[u8] = b"the release\n";

/// Whether a request is signed as Signature Version 4 wants it: worked out again from what came.
fn is_signed(asked: &Asked, id: &str, secret: &str, region: &str, service: &str) -> bool {
    let authorization = asked.header("authorization").strip_prefix("AWS4-HMAC-SHA256 ").unwrap_or_default();
    let part = |name: &str| {
        let parts = authorization.split(", ").filter_map(|part| part.split_once('='));
        parts.filter(|(found, _)| *found == name).map(|(_, value)| value).next().unwrap_or_default()
    };
    let time = asked.header("x-amz-date");
    let scope = format!("{}/{region}/{service}/aws4_request", &time[..8]);
    let names: Vec<&str> = part("SignedHeaders").split(';').collect();
    let must = ["content-type", "host", "x-amz-date", "x-amz-target"];
    let all = must.iter().all(|name| names.contains(name))
        && asked.headers.contains_key("x-amz-security-token") == names.contains(&"x-amz-security-token");
    let lines: String = names.iter().map(|name| format!("{name}:{}\n", asked.header(name))).collect();
    let canonical = format!("{}\n{}\n\n{lines}\n{}\n{}", asked.method, asked.path, part("SignedHeaders"), sha256(&asked.body));
    let to_sign = format!("AWS4-HMAC-SHA256\n{time}\n{scope}\n{}", sha256(canonical.as_bytes()));
    let start = format!("AWS4{secret}").into_bytes();
    let key = scope.split('/').fold(start, |key, part| hmac_sha256(&key, part.as_bytes()).0.to_vec());
    all && part("Credential") == format!("{id}/{scope}") && part("Signature") == hmac_sha256(&key, to_sign.as_bytes()).to_string()
}

fn name_of(algorithm: Algorithm) -> &'static str {
    match algorithm {
        Algorithm::EcdsaP256Sha256 => "ECDSA_SHA_256",
        Algorithm::RsaPkcs1Sha256 => "RSASSA_PKCS1_V1_5_SHA_256",
        Algorithm::Ed25519 => "ED25519_SHA_512",
    }
}

fn public_answer(key: &PublicKey) -> Value {
    json!({
        "KeyId": ARN, "KeyUsage": "SIGN_VERIFY", "PublicKey": STANDARD.encode(key.to_der()),
        "SigningAlgorithms": ["RSASSA_PSS_SHA_256", name_of(key.algorithm())],
    })
}

fn refused(kind: &str, message: &str) -> (u16, String) {
    (400, json!({ "__type": format!("com.amazonaws.kms#{kind}"), "message": message }).to_string())
}

/// AWS KMS with one key, as far as its documentation goes: whatever is asked otherwise is refused.
fn kms(key: PrivateKey, id: &'static str, secret: &'static str) -> Service {
    Service::new(move |asked| {
        if asked.method != "POST" || asked.path != "/" || asked.header("content-type") != "application/x-amz-json-1.1" {
            return refused("UnknownOperationException", "not a call");
        }
        if !is_signed(asked, id, secret, "eu-central-1", "kms") {
            return refused("InvalidSignatureException", "the signature does not match");
        }
        let body = asked.json();
        match asked.header("x-amz-target") {
            "TrentService.GetPublicKey" if body == json!({ "KeyId": "alias/release" }) => {
                (200, public_answer(key.public_key()).to_string())
            }
            "TrentService.Sign" => {
                let algorithm = key.public_key().algorithm();
                let (kind, bytes) = match algorithm {
                    Algorithm::Ed25519 => ("RAW", MESSAGE.to_vec()),
                    _ => ("DIGEST", sha256(MESSAGE).0.to_vec()),
                };
                let expected = json!({
                    "KeyId": ARN, "Message": STANDARD.encode(bytes), "MessageType": kind, "SigningAlgorithm": name_of(algorithm),
                });
                if body != expected {
                    return refused("ValidationException", &body.to_string());
                }
                (200, json!({ "KeyId": ARN, "Signature": STANDARD.encode(key.sign(MESSAGE).unwrap()), "SigningAlgorithm": name_of(algorithm) }).to_string())
            }
            _ => refused("NotFoundException", "no such key"),
        }
    })
}

fn around() -> Around {
    Around::new(&[("AWS_ACCESS_KEY_ID", "AKID"), ("AWS_SECRET_ACCESS_KEY", SECRET), ("AWS_REGION", "eu-central-1")])
}

#[test]
fn every_kind_of_key_signs() {
    for kind in [KeyType::EcdsaP256, KeyType::Rsa2048, KeyType::Ed25519] {
        let key = PrivateKey::generate(kind).unwrap();
        let public = key.public_key().clone();
        let service = kms(key, "AKID", SECRET);
        let name = format!("awskms://{}/alias/release", service.address);
        let signature = signed(&name, around(), MESSAGE).unwrap();
        public.verify(MESSAGE, &signature).unwrap();
        let reference = Reference::parse(&name).unwrap();
        assert_eq!(probity_kms::public_key(&reference, Arc::new(around())).unwrap(), public);
        assert_eq!(service.asked().len(), 3);
    }
}

#[test]
fn what_is_wrong_is_said() {
    let service = kms(PrivateKey::generate(KeyType::Ed25519).unwrap(), "AKID", SECRET);
    let address = service.address;
    let name = format!("awskms://{address}/alias/release");
    let other = |variables: &[(&str, &str)]| Around::new(variables);
    let wrong = other(&[("AWS_ACCESS_KEY_ID", "AKID"), ("AWS_SECRET_ACCESS_KEY", "wrong-key"), ("AWS_REGION", "eu-central-1")]);
    let error = fails(signed(&name, wrong, MESSAGE), "InvalidSignatureException (400): the signature does not match", &["wrong-key"]);
    assert!(error.is_final());
    fails(signed(&format!("awskms://{address}/alias/other"), around(), MESSAGE), "does not give the public key: NotFoundException", &[]);
    fails(signed(&name, around(), &[0; 4097]), "no more than 4096 bytes with Ed25519, and there are 4097", &[]);
    fails(signed(&name, other(&[("AWS_REGION", "eu-central-1")]), MESSAGE), "who we are to AWS is not known", &[]);
    fails(signed("awskms:///alias/a", other(&[]), MESSAGE), "the region of AWS is not known", &[]);
    fails(signed("awskms:///alias/a", other(&[("AWS_REGION", "evil.example/")]), MESSAGE), "it is no name of a region", &[]);
    let half = other(&[("AWS_REGION", "eu-central-1"), ("AWS_ACCESS_KEY_ID", "AKID")]);
    fails(signed(&name, half, MESSAGE), "the secret key of AWS is not known", &[]);
    let plain = other(&[
        ("AWS_REGION", "eu-central-1"),
        ("AWS_ACCESS_KEY_ID", "AKID"),
        ("AWS_SECRET_ACCESS_KEY", SECRET),
        ("AWS_ENDPOINT_URL_KMS", "http://kms.example"),
    ]);
    fails(signed("awskms:///alias/a", plain, MESSAGE), "`AWS_ENDPOINT_URL_KMS`: it is asked with TLS", &[SECRET]);
}

/// A service that gives this public key, and this answer to `Sign`.
fn answering(public: Value, sign: impl Fn(u32) -> (u16, String) + Send + Sync + 'static) -> (Service, String) {
    let count = AtomicU32::new(0);
    let service = Service::new(move |asked| match asked.header("x-amz-target") {
        "TrentService.Sign" => sign(count.fetch_add(1, Ordering::SeqCst)),
        _ => (200, public.to_string()),
    });
    let name = format!("awskms://{}/alias/release", service.address);
    (service, name)
}

#[test]
fn answers_are_not_believed() {
    let key = Arc::new(PrivateKey::generate(KeyType::EcdsaP256).unwrap());
    let public = public_answer(key.public_key());
    let good = json!({ "Signature": STANDARD.encode(key.sign(MESSAGE).unwrap()) }).to_string();
    let other = json!({ "Signature": STANDARD.encode(key.sign(b"other").unwrap()) }).to_string();
    let check = |answer: (u16, String), says: &str, times: usize| {
        let (service, name) = answering(public.clone(), move |_| answer.clone());
        fails(signed(&name, around(), MESSAGE), says, &[SECRET]);
        assert_eq!(service.asked().len(), 1 + times, "{says}");
    };
    check((200, other), "does not belong to the public key", 1);
    check((200, "{}".to_owned()), "`Signature` is missing", 1);
    check((200, r#"{"Signature":"?"}"#.to_owned()), "it is no base64", 1);
    check((200, "<html>".to_owned()), "the signature is broken: it is no JSON", 1);
    check((200, "x".repeat(2 << 20)), "it has more than 1048576 bytes", 1);
    check((307, String::new()), "sends us elsewhere (HTTP status 307)", 1);
    check((403, "no".to_owned()), "HTTP status 403", 1);
    check(refused("AccessDeniedException", &format!("not for {SECRET}")), "AccessDeniedException (400): not for ***", 1);
    // What may pass is asked for again, and not for ever.
    check((503, String::new()), "HTTP status 503", 3);
    let (service, name) = answering(public.clone(), move |count| match count {
        0 => refused("ThrottlingException", "slowly"),
        1 => (500, String::new()),
        _ => (200, good.clone()),
    });
    signed(&name, around(), MESSAGE).unwrap();
    assert_eq!(service.asked().len(), 4);

    let check = |pointer: &str, value: Value, says: &str| {
        let mut public = public.clone();
        public[pointer] = value;
        let (_service, name) = answering(public, |_| (500, String::new()));
        fails(open(&name, &Arc::new(around())), says, &[]);
    };
    check("KeyUsage", json!("ENCRYPT_DECRYPT"), "it is not for signing");
    check("SigningAlgorithms", json!(["ECDSA_SHA_384"]), "it does not sign with ECDSA_SHA_256");
    check("PublicKey", json!("AAAA"), "damaged");
    check("PublicKey", json!(null), "`PublicKey` is missing");
}

#[test]
fn a_token_of_an_identity_provider_is_exchanged() {
    let key = PrivateKey::generate(KeyType::EcdsaP256).unwrap();
    let service = kms(key, "ASIA1", "of-the-role");
    let check = |answer: (u16, String), token: &str| {
        let sts = Service::new(move |_| answer.clone());
        let url = sts.url();
        let around = Around::new(&[
            ("AWS_REGION", "eu-central-1"),
            ("AWS_WEB_IDENTITY_TOKEN_FILE", "/token"),
            ("AWS_ROLE_ARN", "arn:aws:iam::111122223333:role/ci"),
            ("AWS_ENDPOINT_URL_STS", &url),
        ]);
        let around = Arc::new(around.with_file("/token", token));
        (sts, around)
    };
    let answer = |end: &str| {
        let xml = "<AssumeRoleWithWebIdentityResponse xmlns=\"https://sts.amazonaws.com/doc/2011-06-15/\"><AssumeRoleWithWebIdentityResult>\
            <Audience>a</Audience><Credentials><SessionToken>of-the-session</SessionToken><SecretAccessKey>of-the-role</SecretAccessKey>\
            <Expiration>END</Expiration><AccessKeyId>ASIA1</AccessKeyId></Credentials></AssumeRoleWithWebIdentityResult>\
            </AssumeRoleWithWebIdentityResponse>";
        (200, xml.replace("END", end))
    };
    let name = format!("awskms://{}/alias/release", service.address);
    let (sts, around) = check(answer("2026-01-31T13:00:00Z"), "the.token\n");
    let key = open(&name, &around).unwrap();
    key.try_sign(MESSAGE).unwrap();
    let asked = sts.asked();
    assert_eq!(asked.len(), 1, "the credentials are kept");
    assert_eq!(asked[0].header("content-type"), "application/x-www-form-urlencoded");
    assert_eq!(
        asked[0].text(),
        "Action=AssumeRoleWithWebIdentity&Version=2011-06-15&RoleArn=arn%3Aaws%3Aiam%3A%3A111122223333%3Arole%2Fci&RoleSessionName=probity&WebIdentityToken=the.token"
    );
    assert!(!asked[0].headers.contains_key("authorization"));
    assert!(service.asked().iter().all(|asked| asked.header("x-amz-security-token") == "of-the-session"));
    around.seconds.fetch_add(3600 - 60, Ordering::SeqCst);
    key.try_sign(MESSAGE).unwrap();
    assert_eq!(sts.asked().len(), 2, "what is about to end is fetched again");

    let (_sts, around) = check(answer("2026-01-31T13:00:00Z"), " ");
    fails(open(&name, &around), "it is no token", &[]);
    let xml = "<ErrorResponse><Error><Code>InvalidIdentityToken</Code><Message>not the.token</Message></Error></ErrorResponse>";
    let (_sts, around) = check((400, xml.to_owned()), "the.token");
    fails(open(&name, &around), "does not give credentials for the role: InvalidIdentityToken (400): not ***", &["the.token"]);
    let (_sts, around) = check((200, "<Credentials><AccessKeyId>a</AccessKeyId></Credentials>".to_owned()), "the.token");
    fails(open(&name, &around), "is missing", &[]);
}

#[test]
fn the_files_of_a_user() {
    let service = kms(PrivateKey::generate(KeyType::EcdsaP256).unwrap(), "AKID", SECRET);
    let name = format!("awskms://{}/alias/release", service.address);
    let credentials = format!(
        "# mine\n[other]\naws_access_key_id = no\n\n[default]\nAWS_ACCESS_KEY_ID=AKID\naws_secret_access_key = {SECRET}\ns3 =\n  a = b\n[ release ]\naws_access_key_id = AKID\naws_secret_access_key={SECRET}\n"
    );
    let config = "[default]\nregion = eu-central-1\n[profile release]\nregion=eu-central-1\n[profile role]\nregion=eu-central-1\nrole_arn = a\nsource_profile = default\n[profile none]\nregion = eu-central-1\n";
    let around = |variables: &[(&str, &str)]| {
        let all = [&[("HOME", "/home/u")], variables].concat();
        Around::new(&all).with_file("/home/u/.aws/credentials", &credentials).with_file("/home/u/.aws/config", config)
    };
    signed(&name, around(&[]), MESSAGE).unwrap();
    signed(&name, around(&[("AWS_PROFILE", "release")]), MESSAGE).unwrap();
    fails(signed(&name, around(&[("AWS_PROFILE", "role")]), MESSAGE), "the profile `role` of AWS: it asks for `role_arn`", &[SECRET]);
    fails(signed(&name, around(&[("AWS_PROFILE", "none")]), MESSAGE), "the profile `none` of AWS: it holds no keys", &[]);
    let broken = around(&[("AWS_CONFIG_FILE", "/c")]).with_file("/c", "[default]\nregion\n");
    fails(signed(&name, broken, MESSAGE), "`/c`: line 2 is neither a section nor a setting", &[]);
    let elsewhere = around(&[("AWS_SHARED_CREDENTIALS_FILE", "/s")]).with_file("/s", "");
    fails(signed(&name, elsewhere, MESSAGE), "who we are to AWS is not known", &[]);
}

/// moto, until it is dropped.
struct Moto {
    child: Child,
    address: String,
}

impl Moto {
    fn new() -> Option<Moto> {
        let given = std::env::var_os("PROBITY_MOTO").map(PathBuf::from);
        let home = || std::env::var_os("HOME").map(|home| PathBuf::from(home).join(".cache/probity-moto-venv/bin/moto_server"));
        let Some(program) = given.or_else(home).filter(|program| program.exists()) else {
            eprintln!(
                "skipped: moto is not installed (`pip install 'moto[server]'` in `~/.cache/probity-moto-venv`, or name its `moto_server` in `PROBITY_MOTO`)"
            );
            return None;
        };
        let mut child =
            Command::new(program).args(["-H", "127.0.0.1", "-p", "0"]).stdout(Stdio::null()).stderr(Stdio::piped()).spawn().unwrap();
        let mut said = BufReader::new(child.stderr.take().unwrap()).lines();
        let address = said.by_ref().map(Result::unwrap).find_map(|line| Some(line.split_once("http://")?.1.trim().to_owned()));
        // What it says later is read, so that it never waits.
        std::thread::spawn(move || said.map_while(Result::ok).for_each(drop));
        Some(Moto { child, address: address.unwrap() })
    }

    fn call(&self, target: &str, body: &Value) -> Value {
        let mut stream = TcpStream::connect(&self.address).unwrap();
        let body = body.to_string();
        let authorization = "AWS4-HMAC-SHA256 Credential=a/20260131/eu-central-1/kms/aws4_request, SignedHeaders=host, Signature=0";
        let head = format!(
            "POST / HTTP/1.0\r\nHost: {}\r\nAuthorization: {authorization}\r\nX-Amz-Target: TrentService.{target}\r\nContent-Type: application/x-amz-json-1.1\r\nContent-Length: {}\r\n\r\n",
            self.address,
            body.len()
        );
        stream.write_all(format!("{head}{body}").as_bytes()).unwrap();
        let mut answer = String::new();
        stream.read_to_string(&mut answer).unwrap();
        let (head, body) = answer.split_once("\r\n\r\n").unwrap();
        assert!(head.lines().next().unwrap().contains(" 200 "), "{answer}");
        serde_json::from_str(body).unwrap_or(Value::Null)
    }
}

impl Drop for Moto {
    fn drop(&mut self) {
        let _gone = self.child.kill();
        let _gone = self.child.wait();
    }
}

#[test]
fn moto_agrees() {
    let Some(moto) = Moto::new() else { return };
    for (spec, algorithm) in [("ECC_NIST_P256", Algorithm::EcdsaP256Sha256), ("RSA_2048", Algorithm::RsaPkcs1Sha256)] {
        let made = moto.call("CreateKey", &json!({ "KeySpec": spec, "KeyUsage": "SIGN_VERIFY" }));
        let metadata = &made["KeyMetadata"];
        let (id, arn) = (metadata["KeyId"].as_str().unwrap(), metadata["Arn"].as_str().unwrap());
        let alias = format!("alias/{}", spec.to_lowercase());
        moto.call("CreateAlias", &json!({ "AliasName": alias, "TargetKeyId": id }));
        for named in [id, arn, &alias] {
            let name = format!("awskms://{}/{named}", moto.address);
            let key = open(&name, &Arc::new(around())).unwrap();
            assert_eq!(key.algorithm(), algorithm);
            let digest = sha256(MESSAGE).0;
            let asked = json!({
                "KeyId": id, "Message": STANDARD.encode(digest), "MessageType": "DIGEST", "SigningAlgorithm": name_of(algorithm),
            });
            let direct = STANDARD.decode(moto.call("Sign", &asked)["Signature"].as_str().unwrap()).unwrap();
            let outcome = key.try_sign(MESSAGE);
            // moto 5.2 does not know `DIGEST` and hashes the digest once more, which must be noticed.
            if key.public_key().verify(&digest, &direct).is_ok() {
                fails(outcome, "does not belong to the public key", &[SECRET]);
            } else {
                key.public_key().verify(MESSAGE, &outcome.unwrap()).unwrap();
            }
        }
    }
    let other = moto.call("CreateKey", &json!({ "KeySpec": "SYMMETRIC_DEFAULT", "KeyUsage": "ENCRYPT_DECRYPT" }));
    let name = |id: &str| format!("awskms://{}/{id}", moto.address);
    fails(open(&name(other["KeyMetadata"]["KeyId"].as_str().unwrap()), &Arc::new(around())), "it is not for signing", &[]);
    fails(open(&name("alias/none"), &Arc::new(around())), "NotFoundException", &[]);
}
