//! A registry on this machine that speaks TLS, with a certificate nobody but us has signed.
#![allow(clippy::unwrap_used, clippy::panic, reason = "a test that cannot go on fails")]
#![allow(clippy::disallowed_methods, reason = "a test touches the world on purpose")]

use std::io::{self, Read as _, Write as _};
use std::net::{Shutdown, TcpListener, TcpStream};
use std::sync::Arc;
use std::time::Duration;

use probity_archive::Limits;
use probity_registry::{Credentials, PullError, Registry, Settings};
use probity_testkit::registry::{OCI_MANIFEST, StubRegistry, digest};
use rustls::pki_types::PrivateKeyDer;
use rustls::{ServerConfig, ServerConnection, StreamOwned};

/// Speaks TLS for the stub, as long as the test runs; its host, and the certificate as PEM.
fn speak_tls(stub: &StubRegistry) -> (String, Vec<u8>) {
    let made = rcgen::generate_simple_self_signed(["127.0.0.1".to_owned(), "localhost".to_owned()]).unwrap();
    let key = PrivateKeyDer::try_from(made.signing_key.serialize_der()).unwrap();
    let provider = Arc::new(rustls::crypto::aws_lc_rs::default_provider());
    let config = ServerConfig::builder_with_provider(provider).with_safe_default_protocol_versions().unwrap();
    let config = Arc::new(config.with_no_client_auth().with_single_cert(vec![made.cert.der().clone()], key).unwrap());
    let listener = TcpListener::bind(("127.0.0.1", 0)).unwrap();
    let (host, behind) = (listener.local_addr().unwrap().to_string(), stub.host());
    std::thread::spawn(move || {
        for stream in listener.incoming() {
            let (config, behind) = (Arc::clone(&config), behind.clone());
            // Who does not trust the certificate breaks off.
            std::thread::spawn(move || drop(stream.and_then(|stream| forward(stream, &config, &behind))));
        }
    });
    (host, made.cert.pem().into_bytes())
}

/// Hands requests to the stub and answers back.
fn forward(stream: TcpStream, config: &Arc<ServerConfig>, behind: &str) -> io::Result<()> {
    let mut stream = StreamOwned::new(ServerConnection::new(Arc::clone(config)).map_err(io::Error::other)?, stream);
    loop {
        let mut request = Vec::new();
        let mut byte = [0];
        while !request.ends_with(b"\r\n\r\n") {
            stream.read_exact(&mut byte)?;
            request.extend(byte);
        }
        let mut plain = TcpStream::connect(behind)?;
        plain.write_all(&request)?;
        plain.shutdown(Shutdown::Write)?;
        let mut answer = Vec::new();
        plain.read_to_end(&mut answer)?;
        stream.write_all(&answer)?;
    }
}

fn pull(name: &str, authorities: Vec<Vec<u8>>, plain_http: bool) -> Result<String, PullError> {
    let settings = Settings {
        timeout: Duration::from_secs(5),
        authorities,
        plain_http,
        mirrors: Vec::new(),
        credentials: Credentials::default(),
        limits: Limits::default(),
    };
    Registry::new(settings).pull(&name.parse().unwrap(), None).map(|pulled| pulled.digest.to_string())
}

/// A registry with an image.
fn registry() -> (StubRegistry, String) {
    let stub = StubRegistry::start().unwrap();
    let manifest = format!(
        r#"{{"schemaVersion":2,"config":{{"digest":"{}","size":2}},"layers":[{{"digest":"{}","size":5}}]}}"#,
        stub.blob("app", b"{}"),
        stub.blob("app", b"layer")
    );
    stub.manifest("app", "1", OCI_MANIFEST, manifest.as_bytes());
    (stub, digest(manifest.as_bytes()))
}

#[test]
fn an_authority_that_was_named_is_trusted() {
    let (stub, digest) = registry();
    let (host, authority) = speak_tls(&stub);
    assert_eq!(pull(&format!("{host}/app:1"), vec![authority], false).unwrap(), digest);
}

#[test]
fn another_is_not() {
    let (stub, _) = registry();
    let (host, _) = speak_tls(&stub);
    let (_, other) = speak_tls(&stub);
    let error = pull(&format!("{host}/app:1"), vec![other], false).unwrap_err();
    assert!(error.to_string().contains("certificate") && error.hint("a").unwrap().contains("--registry-ca"), "{error}");
    assert_eq!(stub.requests(), Vec::<String>::new());
}

#[test]
fn plain_http_has_to_be_said() {
    let (stub, digest) = registry();
    let (_, authority) = speak_tls(&stub);
    let name = format!("{}/app:1", stub.host());
    let error = pull(&name, vec![authority.clone()], false).unwrap_err();
    assert!(error.hint("a").is_some_and(|hint| hint.contains("--plain-http")), "{error}");
    assert_eq!(pull(&name, vec![authority], true).unwrap(), digest);
}

#[test]
fn what_is_no_certificate_is_told() {
    let error =
        pull("127.0.0.1:1/app:1", vec![b"-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n".to_vec()], false).unwrap_err();
    assert!(matches!(error, PullError::Setup(_)), "{error}");
}
