use proptest::prelude::*;

use super::*;

const SHA: &str = "sha256:0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef";

#[track_caller]
fn check(text: &str, expected: &str) {
    match text.parse::<Reference>() {
        Ok(reference) => assert_eq!(reference.to_string(), expected, "{text}"),
        Err(error) => assert_eq!(format!("! {error}"), expected, "{text}"),
    }
}

#[test]
fn what_is_left_out_is_docker_hubs() {
    check("alpine", "docker.io/library/alpine:latest");
    check("alpine:3.20", "docker.io/library/alpine:3.20");
    check("acme/app", "docker.io/acme/app:latest");
    check("docker.io/alpine", "docker.io/library/alpine:latest");
    check("index.docker.io/acme/app:1", "docker.io/acme/app:1");
    check("registry-1.docker.io/alpine", "docker.io/library/alpine:latest");
}

#[test]
fn registries_have_a_dot_a_port_or_are_here() {
    check("registry.example/app", "registry.example/app:latest");
    check("registry.example:5000/a/b/c:v1.2_x-3", "registry.example:5000/a/b/c:v1.2_x-3");
    check("localhost/app", "localhost/app:latest");
    check("localhost:5000/app:1", "localhost:5000/app:1");
    check("127.0.0.1:5000/app:1", "127.0.0.1:5000/app:1");
    check("[::1]:5000/app:1", "[::1]:5000/app:1");
    check("[::1]/app", "[::1]/app:latest");
    check("registry/app", "docker.io/registry/app:latest");
    // Others take this for a registry; a folder that is not there looks the same.
    check("Registry/app", "! the repository `Registry/app` has capital letters, which no registry takes");
}

#[test]
fn a_digest_needs_no_tag() {
    check(&format!("registry.example/app@{SHA}"), &format!("registry.example/app@{SHA}"));
    check(&format!("registry.example/app:1@{SHA}"), &format!("registry.example/app:1@{SHA}"));
    let long = format!("sha512:{}", "ab".repeat(64));
    check(&format!("app@{long}"), &format!("docker.io/library/app@{long}"));
}

#[test]
fn what_names_nothing_says_why() {
    check("", "! `` names no repository");
    check("registry.example/", "! `registry.example/` names no repository");
    check("registry.example/App:1", "! the repository `App` has capital letters, which no registry takes");
    for wrong in
        ["registry.example/a//b", "registry.example/-a", "a__-b", "a...b", "a___b", "a_", "registry.example/a b", "https://a.example/b"]
    {
        assert!(wrong.parse::<Reference>().is_err(), "{wrong}");
    }
    for wrong in ["-a.example/b", "a..example/b", "a.example:/b", "a.example:99999/b", "[::g]/b", "[::1]x/b", ".hidden/b", "../b"] {
        assert!(matches!(wrong.parse::<Reference>(), Err(ReferenceError::Registry(_))), "{wrong}");
    }
    for wrong in ["a:", "a:.b", "a:b c", &format!("a:{}", "b".repeat(129))] {
        assert!(matches!(wrong.parse::<Reference>(), Err(ReferenceError::Tag(_))), "{wrong}");
    }
    for wrong in ["a@", "a@sha256:00", "a@md5:00", &format!("a@{}", SHA.to_uppercase()), &format!("a@{SHA}@{SHA}")] {
        assert!(matches!(wrong.parse::<Reference>(), Err(ReferenceError::Digest(_))), "{wrong}");
    }
    check(&format!("registry.example/{}", "a".repeat(250)), "! the name of the repository has more than 255 bytes");
}

#[test]
fn a_path_is_taken_for_no_name() {
    let named = |text: &str| Reference::named(text).map(|found| found.map(|reference| reference.to_string()));
    for path in [
        "app",
        "acme/app",
        "image.tar",
        "./a.b/c",
        "../a",
        "/a.b/c",
        ".github/workflows",
        "sub/image.tar",
        "a.b/C d",
        "C:\\a",
        "Docs/guide",
    ] {
        assert_eq!(named(path), Ok(None), "{path}");
    }
    for (text, expected) in [
        ("registry.example/app:1", "registry.example/app:1"),
        ("localhost:5000/app", "localhost:5000/app:latest"),
        ("registry:alpine", "docker.io/library/alpine:latest"),
        ("docker://acme/app:2", "docker.io/acme/app:2"),
        ("oci://registry.example/app", "registry.example/app:latest"),
    ] {
        assert_eq!(named(text), Ok(Some(expected.to_owned())), "{text}");
    }
    assert!(named("registry:Alpine").is_err());
}

/// A text in the form of a reference, near the edge of the grammar.
fn near() -> impl Strategy<Value = String> {
    let host = prop_oneof![
        Just(String::new()),
        "[a-zA-Z0-9.-]{1,12}(:[0-9]{0,6})?/",
        Just("localhost/".to_owned()),
        Just("docker.io/".to_owned()),
        Just("[::1]:5000/".to_owned())
    ];
    (host, "[a-z0-9._/-]{0,16}", "(:[a-zA-Z0-9_.-]{0,6})?", "(@sha256:[0-9a-f]{64})?")
        .prop_map(|(host, name, tag, digest)| format!("{host}{name}{tag}{digest}"))
}

proptest! {
    #[test]
    fn a_reference_reads_as_it_was_written(text in near()) {
        if let Ok(reference) = text.parse::<Reference>() {
            let written = reference.to_string();
            prop_assert_eq!(written.parse::<Reference>(), Ok(reference));
        }
    }

    /// The library's parser, which follows the distribution project's expression, is the judge.
    #[test]
    fn it_is_read_as_the_library_does(text in near()) {
        // The library knows no IPv6 address, and takes any number for a port.
        if text.contains('[') {
            return Ok(());
        }
        let theirs = text.parse::<oci_client::Reference>();
        match text.parse::<Reference>() {
            Ok(ours) => {
                let Ok(theirs) = theirs else { return Err(TestCaseError::fail(format!("{text}: {theirs:?}"))) };
                if theirs.registry() != "registry-1.docker.io" {
                    prop_assert_eq!((ours.registry(), ours.repository(), ours.tag()), (theirs.registry(), theirs.repository(), theirs.tag()), "{}", text);
                }
            }
            Err(ReferenceError::Long | ReferenceError::Registry(_) | ReferenceError::Capitals(_)) => {}
            Err(error) => prop_assert!(theirs.is_err(), "{}: {} but {:?}", text, error, theirs),
        }
    }

    #[test]
    fn anything_is_read_without_a_fault(text in any::<String>()) {
        let _whatever = (text.parse::<Reference>(), Reference::named(&text), text.parse::<crate::Platform>(), text.parse::<crate::Mirror>());
    }
}
