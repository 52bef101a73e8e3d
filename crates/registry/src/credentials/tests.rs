#![allow(clippy::disallowed_methods, reason = "a test touches the world on purpose")]

use std::path::Path;

use proptest::prelude::*;
use serde_json::json;

use super::*;

fn config(value: &serde_json::Value) -> Config {
    Config::parse(value.to_string().as_bytes()).unwrap()
}

fn password(name: &str, password: &str) -> Option<Result<Credential, String>> {
    Some(Ok(Credential::password(name, password)))
}

#[test]
fn each_way_to_keep_a_credential_is_read() {
    let config = config(&json!({ "auths": {
        "registry.example": { "auth": "YW5uYTpzZXNhbWU6MQ==" },
        "https://other.example:5000/v2/": { "username": "anna", "password": "open" },
        "identity.example": { "identitytoken": "long", "auth": "YW5uYTo=" },
        "token.example": { "registrytoken": "short" },
        "https://index.docker.io/v1/": { "auth": "YW5uYTpodWI=" },
        "helped.example": {},
        "broken.example": { "auth": "%%" },
    } }));
    let kept = |registry: &str| config.kept(registry, "app");
    assert_eq!(kept("registry.example"), password("anna", "sesame:1"));
    assert_eq!(kept("other.example:5000"), password("anna", "open"));
    assert_eq!(kept("identity.example"), Some(Ok(Credential::Identity(Secret::new("long")))));
    assert_eq!(kept("token.example"), Some(Ok(Credential::Token(Secret::new("short")))));
    assert_eq!(kept("docker.io"), password("anna", "hub"));
    assert_eq!((kept("helped.example"), kept("nobody.example")), (None, None));
    assert!(matches!(kept("broken.example"), Some(Err(why)) if why.contains("Base64")));
}

#[test]
fn the_longest_name_wins() {
    let config = config(&json!({ "auths": {
        "registry.example": { "username": "all", "password": "1" },
        "registry.example/team": { "username": "team", "password": "2" },
        "registry.example/team/app": { "username": "app", "password": "3" },
    } }));
    assert_eq!(config.kept("registry.example", "team/app"), password("app", "3"));
    assert_eq!(config.kept("registry.example", "team/other"), password("team", "2"));
    assert_eq!(config.kept("registry.example", "teams/app"), password("all", "1"));
}

#[test]
fn helpers_come_first() {
    let config = config(&json!({
        "auths": { "a.example": {} }, "credsStore": "all", "credHelpers": { "a.example": "one", "https://index.docker.io/v1/": "hub" },
    }));
    assert_eq!(config.of("a.example", "app"), Entry::Helper("one".to_owned()));
    assert_eq!(config.of("b.example", "app"), Entry::Helper("all".to_owned()));
    assert_eq!(config.of("docker.io", "library/app"), Entry::Helper("hub".to_owned()));
    for wrong in ["../evil", "a b", "", "a/b", "a;b"] {
        let text = json!({ "credHelpers": { "a.example": wrong } }).to_string();
        assert!(Config::parse(text.as_bytes()).is_err(), "{wrong}");
    }
}

#[test]
fn nothing_and_broken_files() {
    assert!(Config::parse(b"").is_ok() && Config::parse(b" {} ").is_ok() && Config::parse(b"{\"auths\":null}").is_ok());
    for wrong in ["[]", "{", "{\"auths\": 1}", "{\"auths\": {\"a\": 1}}", "{\"credsStore\": 1}"] {
        assert!(Config::parse(wrong.as_bytes()).is_err(), "{wrong}");
    }
}

/// A helper on the PATH would change the whole process: it is called by its path.
#[cfg(unix)]
fn script(folder: &Path, text: &str) -> String {
    use std::os::unix::fs::PermissionsExt as _;
    let path = folder.join("docker-credential-test");
    std::fs::write(&path, format!("#!/bin/sh\n{text}\n")).unwrap();
    std::fs::set_permissions(&path, std::fs::Permissions::from_mode(0o755)).unwrap();
    path.display().to_string()
}

#[cfg(unix)]
#[test]
fn helpers_are_asked_and_may_fail() {
    let folder = tempfile::tempdir().unwrap();
    let ask = |text: &str| helper::run(&script(folder.path(), text), "registry.example", Duration::from_millis(400));
    let good = r#"read server; [ "$1 $server" = "get registry.example" ] && echo '{"ServerURL":"x","Username":"anna","Secret":"sesame"}'"#;
    assert_eq!(ask(good), Ok(Some(Credential::password("anna", "sesame"))));
    let token = r#"echo '{"Username":"<token>","Secret":"long"}'"#;
    assert_eq!(ask(token), Ok(Some(Credential::Identity(Secret::new("long")))));
    assert_eq!(ask("echo 'credentials not found in native keychain'; exit 1"), Ok(None));
    let why = |text: &str| ask(text).unwrap_err().to_string();
    assert!(why("echo sesame; exit 3").ends_with("fails (exit status: 3)"), "{}", why("echo sesame; exit 3"));
    assert!(why("echo sesame").ends_with("does not answer in JSON"));
    assert!(why("echo '{\"Username\":\"sesame\"}'").ends_with("does not answer with a name and a secret"));
    assert!(why("sleep 30").contains("does not answer within"));
    assert!(why("exec >&-; sleep 30").contains("does not answer within"));
    assert!(why("yes").contains("more than"));
    let missing = helper::run("/nowhere/docker-credential-x", "a", Duration::from_secs(1)).unwrap_err().to_string();
    assert!(missing.contains("cannot be run"), "{missing}");
}

#[test]
fn the_first_file_that_knows_wins() {
    let folder = tempfile::tempdir().unwrap();
    let put = |name: &str, text: &str| {
        let path = folder.path().join(name);
        std::fs::write(&path, text).unwrap();
        path
    };
    let one = put("one.json", r#"{"auths":{"a.example":{"username":"one","password":"1"}}}"#);
    let two = put("two.json", r#"{"auths":{"a.example":{"username":"two","password":"2"},"b.example":{"username":"two","password":"2"}}}"#);
    let files = vec![folder.path().join("missing.json"), one, two];
    let credentials = Credentials { files, deadline: Duration::from_secs(1) };
    assert_eq!(credentials.of("a.example", "app"), Ok(Some(Credential::password("one", "1"))));
    assert_eq!(credentials.of("b.example", "app"), Ok(Some(Credential::password("two", "2"))));
    assert_eq!(credentials.of("c.example", "app"), Ok(None));
    let broken = Credentials { files: vec![put("broken.json", "{\"auths\": sesame")], deadline: Duration::from_secs(1) };
    let error = broken.of("a.example", "app").unwrap_err().to_string();
    assert!(error.contains("broken.json") && !error.contains("sesame"), "{error}");
}

proptest! {
    #[test]
    fn any_file_is_read_without_a_fault(text in "[\\[\\]{}\":,a-z/. 0-9]{0,200}", registry in "[a-z.:]{0,12}", repository in "[a-z/]{0,12}") {
        if let Ok(config) = Config::parse(text.as_bytes()) {
            let _whatever = (config.of(&registry, &repository), config.kept(&registry, &repository));
        }
    }

    #[test]
    fn a_secret_is_never_shown(secret in "[A-Za-z0-9]{12,40}", key in prop_oneof![Just("identitytoken"), Just("registrytoken"), Just("password"), Just("auth")]) {
        let mut entry = json!({ "username": "anna" });
        entry[key] = secret.as_str().into();
        let text = json!({ "auths": { "a.example": entry } }).to_string();
        let read = Config::parse(text.as_bytes());
        prop_assert!(!format!("{read:?}").contains(&secret), "{:?}", read);
        // Cut off anywhere, the file is broken, and the message holds nothing of it.
        let cut = Config::parse(&text.as_bytes()[..text.len() - 3]).unwrap_err();
        prop_assert!(!cut.contains(&secret), "{}", cut);
    }
}
