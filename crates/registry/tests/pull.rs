//! Images from a registry on this machine that asks for credentials and fails on purpose.
#![allow(clippy::unwrap_used, clippy::panic, reason = "a test that cannot go on fails")]
#![allow(clippy::disallowed_methods, reason = "a test touches the world on purpose")]

use std::path::PathBuf;
use std::time::{Duration, Instant};

use probity_archive::Limits;
use probity_images::Store;
use probity_registry::{Credentials, Platform, PullError, Pulled, Reference, Registry, Settings};
use probity_testkit::registry::{DOCKER_LIST, DOCKER_MANIFEST, Door, Fault, OCI_INDEX, OCI_MANIFEST, StubRegistry, base64, digest};
use serde_json::{Value, json};

fn settings() -> Settings {
    Settings {
        timeout: Duration::from_secs(2),
        authorities: Vec::new(),
        plain_http: false,
        mirrors: Vec::new(),
        credentials: Credentials::default(),
        limits: Limits::default(),
    }
}

fn named(stub: &StubRegistry, name: &str) -> Reference {
    format!("{}/{name}", stub.host()).parse().unwrap()
}

fn pull(stub: &StubRegistry, name: &str) -> Result<Pulled, PullError> {
    Registry::new(settings()).pull(&named(stub, name), None)
}

#[track_caller]
fn fails(result: Result<Pulled, PullError>) -> PullError {
    match result {
        Ok(pulled) => panic!("{} came", pulled.digest),
        Err(error) => error,
    }
}

/// The bytes of a file of what came.
fn bytes(store: &dyn Store, path: &str) -> Option<Vec<u8>> {
    let blob = store.open(path)?;
    let mut bytes = vec![0; usize::try_from(blob.size()).unwrap()];
    let mut at = 0;
    while at < bytes.len() {
        at += blob.read_at(at as u64, &mut bytes[at..]).unwrap();
    }
    Some(bytes)
}

fn blob_path(digest: &str) -> String {
    format!("blobs/{}", digest.replace(':', "/"))
}

/// An image of these layers; its manifest as JSON.
fn image(stub: &StubRegistry, repository: &str, kind: &str, platform: &str, layers: &[&[u8]]) -> Value {
    let (os, architecture) = platform.split_once('/').unwrap();
    let config = json!({ "os": os, "architecture": architecture, "rootfs": { "type": "layers", "diff_ids": [] } }).to_string();
    let part = |kind: &str, bytes: &[u8]| json!({ "mediaType": kind, "digest": stub.blob(repository, bytes), "size": bytes.len() });
    let layers: Vec<Value> = layers.iter().map(|layer| part("application/vnd.oci.image.layer.v1.tar", layer)).collect();
    json!({
        "schemaVersion": 2, "mediaType": kind,
        "config": part("application/vnd.oci.image.config.v1+json", config.as_bytes()), "layers": layers,
    })
}

/// Serves an image under a tag; the digests of its manifest and its first layer.
fn serve(stub: &StubRegistry, name: &str, layers: &[&[u8]]) -> (String, String) {
    let (repository, tag) = name.split_once(':').unwrap();
    let manifest = image(stub, repository, OCI_MANIFEST, "linux/amd64", layers);
    (stub.manifest(repository, tag, OCI_MANIFEST, manifest.to_string().as_bytes()), digest(layers[0]))
}

/// A layer whose bytes differ from place to place.
fn long(size: usize) -> Vec<u8> {
    (0..size).map(|at| u8::try_from((at * 31 + at / 251) % 256).unwrap()).collect()
}

#[test]
fn an_image_comes_as_a_layout() {
    let stub = StubRegistry::start().unwrap();
    let (digest, layer) = serve(&stub, "team/app:1", &[b"one", b"two", b"one"]);
    let pulled = pull(&stub, "team/app:1").unwrap();
    assert_eq!(pulled.digest.as_str(), digest);
    assert_eq!(pulled.platform.as_ref().map(ToString::to_string).as_deref(), Some("linux/amd64"));
    assert_eq!(bytes(&pulled, &blob_path(&layer)).unwrap(), b"one");
    assert_eq!(probity_registry::Digest::of(&bytes(&pulled, &blob_path(&digest)).unwrap()).as_str(), digest);
    let (images, notes) = probity_images::images_of(&pulled).unwrap();
    assert_eq!((images.len(), notes.len()), (1, 0));
    assert_eq!(&*images[0].names[0], named(&stub, "team/app:1").to_string());
    assert!(bytes(&pulled, "oci-layout").is_some() && pulled.open("blobs/sha256/00").is_none());
    // The name is looked up once, and each part is fetched once.
    let requests = stub.requests();
    assert_eq!(requests.iter().filter(|request| request.contains("/manifests/")).count(), 1, "{requests:?}");
    assert_eq!(requests.len(), 4, "{requests:?}");
}

#[test]
fn an_image_is_named_by_its_digest() {
    let stub = StubRegistry::start().unwrap();
    let (digest, _) = serve(&stub, "app:1", &[b"one"]);
    assert_eq!(pull(&stub, &format!("app@{digest}")).unwrap().digest.as_str(), digest);
    // A tag beside it is for people.
    assert_eq!(pull(&stub, &format!("app:other@{digest}")).unwrap().digest.as_str(), digest);
    stub.put(&format!("app/manifests/{digest}"), OCI_MANIFEST, b"{\"schemaVersion\":2}");
    assert!(matches!(fails(pull(&stub, &format!("app@{digest}"))), PullError::Changed { .. }));
}

#[test]
fn one_of_several_platforms() {
    let stub = StubRegistry::start().unwrap();
    let mut entries = Vec::new();
    for (platform, variant) in [("linux/arm64", "v8"), ("linux/amd64", ""), ("linux/arm", "v7"), ("unknown/unknown", "")] {
        let manifest = image(&stub, "app", DOCKER_MANIFEST, platform, &[platform.as_bytes()]);
        let digest = stub.manifest("app", "", DOCKER_MANIFEST, manifest.to_string().as_bytes());
        let (os, architecture) = platform.split_once('/').unwrap();
        let mut entry =
            json!({ "mediaType": DOCKER_MANIFEST, "digest": digest, "size": 1, "platform": { "os": os, "architecture": architecture } });
        if !variant.is_empty() {
            entry["platform"]["variant"] = variant.into();
        }
        entries.push(entry);
    }
    let list = |kind: &str, tag: &str, entries: &[Value]| {
        let list = json!({ "schemaVersion": 2, "mediaType": kind, "manifests": entries });
        stub.manifest("app", tag, kind, list.to_string().as_bytes())
    };
    list(DOCKER_LIST, "docker", &entries);
    let inner = list(OCI_INDEX, "", &entries);
    list(OCI_INDEX, "nested", &[json!({ "mediaType": OCI_INDEX, "digest": inner, "size": 1 })]);
    list(OCI_INDEX, "arm", &entries[..1]);
    list(OCI_INDEX, "none", &entries[3..]);
    let chosen = |tag: &str, platform: Option<&str>| {
        let platform: Option<Platform> = platform.map(|platform| platform.parse().unwrap());
        let pulled = Registry::new(settings()).pull(&named(&stub, &format!("app:{tag}")), platform.as_ref())?;
        let others: Vec<String> = pulled.others.iter().map(ToString::to_string).collect();
        Ok::<_, PullError>(format!("{} of {}", pulled.platform.unwrap(), others.join(" ")))
    };
    for tag in ["docker", "nested"] {
        assert_eq!(chosen(tag, None).unwrap(), "linux/amd64 of linux/arm64/v8 linux/arm/v7");
        assert_eq!(chosen(tag, Some("linux/arm64")).unwrap(), "linux/arm64/v8 of linux/amd64 linux/arm/v7");
        assert_eq!(chosen(tag, Some("linux/arm/v7")).unwrap(), "linux/arm/v7 of linux/arm64/v8 linux/amd64");
    }
    assert_eq!(chosen("arm", None).unwrap(), "linux/arm64/v8 of ");
    for (tag, platform) in [("docker", "linux/arm/v6"), ("docker", "windows/amd64"), ("arm", "linux/amd64")] {
        let error = chosen(tag, Some(platform)).unwrap_err();
        assert!(matches!(error, PullError::Platform { .. }) && error.to_string().contains("linux/arm64/v8"), "{error}");
    }
    assert!(chosen("none", None).unwrap_err().to_string().contains("no image in it"));
    // An image that is no list tells its platform itself.
    serve(&stub, "app:single", &[b"one"]);
    assert_eq!(chosen("single", Some("linux/amd64")).unwrap(), "linux/amd64 of ");
    assert!(matches!(chosen("single", Some("linux/arm64")), Err(PullError::Platform { .. })));
}

#[test]
fn manifests_that_are_none() {
    let stub = StubRegistry::start().unwrap();
    let put = |tag: &str, kind: &str, text: &str| {
        stub.manifest("app", tag, kind, text.as_bytes());
        fails(pull(&stub, &format!("app:{tag}")))
    };
    let one = "application/vnd.docker.distribution.manifest.v1+prettyjws";
    assert!(matches!(put("first", one, r#"{"schemaVersion":1,"fsLayers":[]}"#), PullError::SchemaOne));
    assert!(matches!(put("second", one, r#"{"schemaVersion":2}"#), PullError::SchemaOne));
    let both = r#"{"schemaVersion":2,"manifests":[],"layers":[],"config":{}}"#;
    assert!(put("both", OCI_INDEX, both).to_string().contains("at once"));
    for (tag, text) in [
        ("text", "hello"),
        ("empty", "{}"),
        ("list", r#"{"manifests":{}}"#),
        ("entry", r#"{"manifests":[{"digest":"sha256:00"}]}"#),
        ("digest", r#"{"config":{"digest":"../../etc/passwd","size":1},"layers":[]}"#),
        ("size", r#"{"config":{"digest":"sha256:0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef"},"layers":[]}"#),
    ] {
        let error = put(tag, OCI_MANIFEST, text);
        assert!(matches!(error, PullError::Broken { .. }), "{tag}: {error}");
    }
    let error = put("large", OCI_MANIFEST, &format!("{{{}}}", " ".repeat(4 << 20)));
    assert_eq!(error.to_string(), "the manifest `large` has more than 4194304 bytes");
}

#[test]
fn what_is_too_much_is_not_read() {
    let stub = StubRegistry::start().unwrap();
    let (_, layer) = serve(&stub, "app:1", &[b"one"]);
    let blob = format!("app/blobs/{layer}");
    stub.fail("app/manifests/1", [Fault::Endless(200)]);
    assert!(matches!(fails(pull(&stub, "app:1")), PullError::Large { limit: 4_194_304, .. }));
    // Neither are its words when it says no.
    stub.fail("app/manifests/1", [Fault::Endless(403)]);
    let error = fails(pull(&stub, "app:1"));
    assert_eq!(error.to_string(), format!("`{}` does not give the manifest `1`: HTTP status 403", stub.host()));
    stub.fail(&blob, [Fault::Endless(200)]);
    assert!(matches!(fails(pull(&stub, "app:1")), PullError::Large { limit: 3, .. }));
    // An image has a size that is told before anything of it comes.
    let mut settings = settings();
    settings.limits.bytes_total = 50;
    let before = stub.requests().len();
    assert!(matches!(fails(Registry::new(settings).pull(&named(&stub, "app:1"), None)), PullError::Large { limit: 50, .. }));
    assert_eq!(stub.requests().len(), before + 1);
}

#[test]
fn content_has_to_be_what_it_should() {
    let stub = StubRegistry::start().unwrap();
    let (_, layer) = serve(&stub, "app:1", &[b"one"]);
    let blob = format!("app/blobs/{layer}");
    stub.fail(&blob, [Fault::Other(b"eno".to_vec())]);
    let error = fails(pull(&stub, "app:1"));
    assert!(matches!(error, PullError::Changed { .. }) && error.to_string().contains(&layer), "{error}");
    stub.fail(&blob, vec![Fault::Other(b"o".to_vec()); 4]);
    assert!(matches!(fails(pull(&stub, "app:1")), PullError::Short { told: 3, found: 1, .. }));
    // The registry tells another digest of a manifest than it has.
    let told = format!("Docker-Content-Digest: {}", digest(b"other"));
    stub.fail("app/manifests/1", [Fault::Answer(200, vec![told], b"{}".to_vec())]);
    assert!(matches!(fails(pull(&stub, "app:1")), PullError::Changed { .. }));
    stub.remove(&blob);
    let error = fails(pull(&stub, "app:1"));
    assert!(error.to_string().contains("BLOB_UNKNOWN") && error.is_final(), "{error}");
}

#[test]
fn layers_that_may_not_be_passed_on_may_miss() {
    let stub = StubRegistry::start().unwrap();
    let mut manifest = image(&stub, "app", OCI_MANIFEST, "windows/amd64", &[b"base", b"own"]);
    manifest["layers"][0]["mediaType"] = "application/vnd.docker.image.rootfs.foreign.diff.tar.gzip".into();
    stub.manifest("app", "1", OCI_MANIFEST, manifest.to_string().as_bytes());
    stub.remove(&format!("app/blobs/{}", digest(b"base")));
    let pulled = pull(&stub, "app:1").unwrap();
    assert!(pulled.open(&blob_path(&digest(b"base"))).is_none() && pulled.open(&blob_path(&digest(b"own"))).is_some());
}

#[test]
fn what_breaks_is_tried_again() {
    let stub = StubRegistry::start().unwrap();
    let layer = long(300_000);
    let (_, digest) = serve(&stub, "app:1", &[&layer]);
    let blob = format!("app/blobs/{digest}");
    let busy = || {
        Fault::Answer(
            429,
            vec!["Retry-After: 0".to_owned()],
            b"{\"errors\":[{\"code\":\"TOOMANYREQUESTS\",\"message\":\"slow\"}]}".to_vec(),
        )
    };
    let ill = || Fault::Answer(502, Vec::new(), b"<html>".to_vec());
    stub.fail("app/manifests/1", [busy(), ill(), Fault::Cut(10)]);
    stub.fail(&blob, [ill(), Fault::Cut(100_000), Fault::Cut(100_000)]);
    let pulled = pull(&stub, "app:1").unwrap();
    assert_eq!(bytes(&pulled, &blob_path(&digest)).unwrap(), layer);
    let ranges: Vec<String> = stub.requests().into_iter().filter(|request| request.contains("bytes=")).collect();
    assert!(ranges.len() == 2 && ranges[1].contains("bytes=200000-"), "what came is kept: {ranges:?}");
    // But not for ever.
    stub.fail("app/manifests/1", vec![busy(); 4]);
    let error = fails(pull(&stub, "app:1"));
    assert_eq!(error.to_string(), format!("`{}` does not give the manifest `1`: TOOMANYREQUESTS (429): slow", stub.host()));
    assert!(!error.is_final() && error.hint("registry.example").unwrap().contains("--registry-mirror"));
    stub.fail(&blob, vec![ill(); 4]);
    assert!(matches!(fails(pull(&stub, "app:1")), PullError::Refused { .. }));
}

#[test]
fn what_is_resumed_wrongly_begins_anew() {
    let stub = StubRegistry::start().unwrap();
    let layer = long(200_000);
    let (_, digest) = serve(&stub, "app:1", &[&layer]);
    let blob = format!("app/blobs/{digest}");
    let good = || assert_eq!(bytes(&pull(&stub, "app:1").unwrap(), &blob_path(&digest)).unwrap(), layer);
    stub.fail(&blob, [Fault::Cut(50_000), Fault::NoRange]);
    good();
    stub.fail(&blob, [Fault::Cut(50_000), Fault::Answer(416, Vec::new(), Vec::new())]);
    good();
    // The right number of bytes from a wrong place.
    let mut other = layer.clone();
    other[60_000] ^= 1;
    stub.fail(&blob, [Fault::Cut(50_000), Fault::Other(other)]);
    good();
}

#[test]
fn nobody_is_waited_for_too_long() {
    let stub = StubRegistry::start().unwrap();
    let layer = long(200_000);
    let (_, digest) = serve(&stub, "app:1", &[&layer]);
    let blob = format!("app/blobs/{digest}");
    let long = Duration::from_secs(30);
    let mut settings = settings();
    settings.timeout = Duration::from_secs(1);
    let pull = || Registry::new(settings.clone()).pull(&named(&stub, "app:1"), None);
    let begin = Instant::now();
    stub.fail("app/manifests/1", vec![Fault::Silent(long); 4]);
    let error = fails(pull());
    assert_eq!(error.to_string(), format!("`{}` takes longer than 1 seconds to send the manifest `1`", stub.host()));
    // A layer that stalls is gone on with.
    stub.fail(&blob, [Fault::Stall(70_000, long)]);
    assert!(pull().is_ok());
    assert!(begin.elapsed() < Duration::from_secs(20), "{:?}", begin.elapsed());
}

#[test]
fn two_parts_come_at_a_time() {
    let stub = StubRegistry::start().unwrap();
    let layers: Vec<Vec<u8>> = (0..6).map(|at| vec![at; 1000]).collect();
    let layers: Vec<&[u8]> = layers.iter().map(Vec::as_slice).collect();
    serve(&stub, "app:1", &layers);
    stub.pause(Duration::from_millis(60));
    pull(&stub, "app:1").unwrap();
    assert_eq!(stub.at_once(), 2);
}

#[test]
fn elsewhere_is_followed_without_credentials() {
    let (stub, elsewhere) = (StubRegistry::start().unwrap(), StubRegistry::start().unwrap());
    let (_, layer) = serve(&stub, "app:1", &[b"one"]);
    elsewhere.blob("store", b"one");
    let to = |path: &str| Fault::Answer(307, vec![format!("Location: http://{}/v2/{path}", elsewhere.host())], Vec::new());
    stub.ask(Door::Basic("anna".to_owned(), "sesame".to_owned()));
    stub.fail(&format!("app/blobs/{layer}"), [to(&format!("store/blobs/{layer}?signature=secret-of-the-store"))]);
    let folder = tempfile::tempdir().unwrap();
    let registry = with_config(&folder, &json!({ "auths": { stub.host(): { "auth": base64(b"anna:sesame") } } }));
    let pulled = registry.pull(&named(&stub, "app:1"), None).unwrap();
    assert_eq!(bytes(&pulled, &blob_path(&layer)).unwrap(), b"one");
    assert_eq!(elsewhere.requests(), [format!("GET /v2/store/blobs/{layer}")]);
    assert!(stub.requests().iter().skip(1).all(|request| request.ends_with("with authorization")), "{:?}", stub.requests());
    // What is signed into an address is not told.
    stub.fail(&format!("app/blobs/{layer}"), [to("store/blobs/missing?signature=secret-of-the-store")]);
    let error = fails(registry.pull(&named(&stub, "app:1"), None));
    assert!(!format!("{error} {error:?}").contains("secret-of"), "{error:?}");
    // Round and round.
    for _ in 0..10 {
        stub.fail("app/manifests/1", [Fault::Answer(307, vec!["Location: /v2/app/manifests/1".to_owned()], Vec::new())]);
    }
    assert!(fails(registry.pull(&named(&stub, "app:1"), None)).to_string().contains("too often"));
}

fn with_config(folder: &tempfile::TempDir, config: &Value) -> Registry {
    let path: PathBuf = folder.path().join("config.json");
    std::fs::write(&path, config.to_string()).unwrap();
    let credentials = Credentials { files: vec![path], deadline: Duration::from_secs(2) };
    Registry::new(Settings { credentials, ..settings() })
}

#[test]
fn credentials_are_shown_as_they_are_asked_for() {
    let stub = StubRegistry::start().unwrap();
    serve(&stub, "team/app:1", &[b"one", b"two"]);
    let folder = tempfile::tempdir().unwrap();
    let basic = base64(b"anna:sesame-42");
    let known = |entry: Value| with_config(&folder, &json!({ "auths": { stub.host(): entry } }));
    let reference = named(&stub, "team/app:1");
    let check = |registry: &Registry| registry.pull(&reference, None).map(drop);
    // A name and a password, with each request or for a token.
    for door in [Door::Basic("anna".to_owned(), "sesame-42".to_owned()), Door::Bearer(format!("Basic {basic}"))] {
        stub.ask(door.clone());
        check(&known(json!({ "auth": basic }))).unwrap();
        let error = check(&known(json!({ "username": "anna", "password": "wrong-42" }))).unwrap_err();
        assert!(error.to_string().contains("UNAUTHORIZED (401)"), "{error}");
        assert!(error.hint("registry.example").unwrap().contains("`docker login registry.example` renews them"));
        assert!(!format!("{error} {error:?}").contains("wrong-42"));
        let error = check(&Registry::new(settings())).unwrap_err();
        assert!(error.to_string().contains("UNAUTHORIZED (401)") && error.is_final(), "{error}");
        assert!(error.hint("registry.example").unwrap().contains("wants credentials"));
    }
    // A token for everybody.
    stub.ask(Door::Bearer(String::new()));
    check(&Registry::new(settings())).unwrap();
    // A token that is exchanged for others.
    stub.ask(Door::Exchange("long-lived".to_owned()));
    check(&known(json!({ "identitytoken": "long-lived" }))).unwrap();
    let error = check(&known(json!({ "identitytoken": "run-out-1" }))).unwrap_err();
    assert!(!format!("{error} {error:?}").contains("run-out-1"), "{error:?}");
    assert!(check(&Registry::new(settings())).is_err());
}

#[test]
fn a_token_that_runs_out_is_renewed() {
    let stub = StubRegistry::start().unwrap();
    let (_, layer) = serve(&stub, "app:1", &[b"one"]);
    stub.ask(Door::Bearer(String::new()));
    let no = b"{\"errors\":[{\"code\":\"UNAUTHORIZED\",\"message\":\"it has run out\"}]}".to_vec();
    stub.fail(&format!("app/blobs/{layer}"), [Fault::Answer(401, Vec::new(), no.clone())]);
    pull(&stub, "app:1").unwrap();
    assert_eq!(stub.requests().iter().filter(|request| request.contains("/token")).count(), 2, "{:?}", stub.requests());
    stub.fail(&format!("app/blobs/{layer}"), vec![Fault::Answer(401, Vec::new(), no); 2]);
    assert!(matches!(fails(pull(&stub, "app:1")), PullError::Refused { .. }));
}

#[test]
fn ways_to_a_token_that_are_not_gone() {
    let stub = StubRegistry::start().unwrap();
    serve(&stub, "app:1", &[b"one"]);
    let asked = |realm: &str| {
        let challenge = format!("WWW-Authenticate: Bearer realm=\"{realm}\",service=\"stub\"");
        stub.fail("app/manifests/1", [Fault::Answer(401, vec![challenge], Vec::new())]);
        fails(pull(&stub, "app:1")).to_string()
    };
    assert!(asked("http://tokens.example/token").contains("not protected by TLS"));
    assert!(asked("file:///etc/passwd").contains("not protected by TLS"));
    assert!(asked("nonsense").contains("the way to a token is broken"));
    stub.ask(Door::Bearer(String::new()));
    for body in [&b"hello"[..], b"{}", b"{\"token\":\"\"}", b"{\"token\":\"a\\nb\"}"] {
        stub.fail("token", [Fault::Answer(200, Vec::new(), body.to_vec())]);
        let error = fails(pull(&stub, "app:1")).to_string();
        assert!(error.contains("the way to a token is broken"), "{error}");
    }
    stub.fail("token", [Fault::Endless(200)]);
    assert!(matches!(fails(pull(&stub, "app:1")), PullError::Large { .. }));
    // What somebody makes of our words is not told.
    stub.ask(Door::Bearer("Basic nobody".to_owned()));
    let folder = tempfile::tempdir().unwrap();
    let registry = with_config(&folder, &json!({ "auths": { stub.host(): { "username": "anna", "password": "sesame-42" } } }));
    let echo = b"{\"errors\":[{\"code\":\"DENIED\",\"message\":\"no `sesame-42`\\u001b[31m\"}]}".to_vec();
    stub.fail("token", [Fault::Answer(403, Vec::new(), echo)]);
    let error = fails(registry.pull(&named(&stub, "app:1"), None));
    assert!(error.to_string().ends_with("DENIED (403): no `***` [31m"), "{error}");
}

#[test]
fn a_mirror_is_asked_in_place() {
    let stub = StubRegistry::start().unwrap();
    let (digest, _) = serve(&stub, "hub/library/app:1", &[b"one"]);
    let mirrors = vec![format!("docker.io={}/hub", stub.host()).parse().unwrap()];
    let registry = Registry::new(Settings { mirrors, ..settings() });
    let pulled = registry.pull(&"app:1".parse().unwrap(), None).unwrap();
    assert_eq!((pulled.digest.as_str(), pulled.reference.to_string().as_str()), (digest.as_str(), "docker.io/library/app:1"));
    for wrong in ["docker.io", "docker.io=", "=a.example", "a.example=b.example/A", "a.example=https://b.example"] {
        assert!(wrong.parse::<probity_registry::Mirror>().is_err(), "{wrong}");
    }
}

#[test]
fn nobody_is_there() {
    let stub = StubRegistry::start().unwrap();
    let reference = named(&stub, "app:1");
    drop(stub);
    let error = fails(Registry::new(settings()).pull(&reference, None));
    assert!(matches!(error, PullError::Unreachable { .. }) && !error.is_final(), "{error}");
    assert!(error.to_string().contains("cannot be reached: tcp connect error: Connection refused"), "{error}");
}

#[test]
fn an_unknown_manifest_says_so() {
    let stub = StubRegistry::start().unwrap();
    let error = fails(pull(&stub, "app:1"));
    let expected = format!("`{}` does not give the manifest `1`: MANIFEST_UNKNOWN (404): it is not known here", stub.host());
    assert_eq!(error.to_string(), expected);
    assert!(error.is_final());
}
