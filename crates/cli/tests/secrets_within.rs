//! Secrets in archives, below encodings and in the layers of images, as a user meets them.
#![allow(clippy::disallowed_methods, clippy::panic, reason = "a test touches the world on purpose and fails by panicking")]
#![allow(clippy::unwrap_used, reason = "a test that cannot go on fails")]

mod common;

use common::{Ran, Repo, Report};
use probity_testkit::archives::{gzip, tar, zip};

/// An invented key, in two parts, so that this file holds none.
fn key() -> String {
    format!("sk_live_{}", "7hRw2NcX9mTq4LzVb6KdPj3F")
}

const RULE: &str = "secret-payment-stripe-secret-key";

fn put(repo: &Repo, path: &str, bytes: &[u8]) {
    let place = repo.top().join(path);
    std::fs::create_dir_all(place.parent().unwrap()).unwrap();
    std::fs::write(place, bytes).unwrap();
}

fn json(repo: &Repo, arguments: &[&str]) -> Ran {
    let mut all = vec!["secrets", "--format", "json"];
    all.extend(arguments);
    repo.run(&all)
}

fn report(ran: &Ran) -> Report {
    Report(ran.json())
}

/// `file why` of everything that was not read.
fn skipped(ran: &Ran) -> Vec<String> {
    let value = ran.json();
    let list = value["coverage"]["skipped"].as_array().unwrap();
    list.iter().map(|one| format!("{} {}", one["file"].as_str().unwrap(), one["why"].as_str().unwrap())).collect()
}

fn jar(text: &str) -> Vec<u8> {
    zip(&[("META-INF/MANIFEST.MF", b"Manifest-Version: 1.0\n", false), ("app.properties", text.as_bytes(), false)])
}

#[test]
fn a_secret_in_an_archive_is_found() {
    let repo = Repo::new();
    // Enough of it to be packed, so that its letters do not stand in the archive as they are.
    let jar = jar(&format!("a=1\nstripe.key={}\n{}", key(), "some.name=some value\n".repeat(200)));
    put(&repo, "lib/app.jar", &jar);
    put(&repo, "release.tgz", &gzip(&tar(&[("bin/app.jar", &jar)])));
    let ran = json(&repo, &[]).code(1);
    report(&ran).results(&[&format!("{RULE} lib/app.jar!/app.properties"), &format!("{RULE} release.tgz!/bin/app.jar!/app.properties")]);
    repo.run(&["secrets"]).code(1).prints("lib/app.jar!/app.properties:2:12");
    for format in ["human", "json", "sarif", "junit", "github", "gitlab", "markdown"] {
        let ran = repo.run(&["secrets", "--format", format]);
        assert!(!ran.out.contains(&key()[12..]) && !ran.err.contains(&key()[12..]), "{format}");
    }
    report(&json(&repo, &["--max-archive-depth", "1"])).results(&[&format!("{RULE} lib/app.jar!/app.properties")]);
    json(&repo, &["--max-archive-depth", "0"]).code(0);
    repo.write("probity.yaml", "version: 1\nsecrets: { max_archive_depth: 0 }\n");
    json(&repo, &[]).code(0);
    // Left out by the path of the archive, and by that within it.
    repo.write("probity.yaml", "version: 1\nsecrets: { ignore_paths: ['**/app.jar!/*.properties', release.tgz] }\n");
    json(&repo, &[]).code(0);
}

#[test]
fn what_is_in_an_archive_can_be_accepted() {
    let repo = Repo::new();
    put(&repo, "app.jar", &jar(&format!("key={}\n", key())));
    repo.run(&["baseline", ".", "--expires", &common::day(30)]).code(0);
    let covered = report(&json(&repo, &[])).shown();
    assert_eq!(covered, [format!("{RULE} app.jar!/app.properties covered baseline")]);
    // The name is of the secret: packed anew with more around it, it is the same.
    put(&repo, "app.jar", &jar(&format!("other=1\nkey={}\n", key())));
    assert_eq!(report(&json(&repo, &[])).shown(), covered);
    put(&repo, "app.jar", &jar(&format!("key={}\n", key().replace("7hRw", "8kSx"))));
    json(&repo, &[]).code(1);
    let comment = format!("# probity:allow {RULE} until={} owner=me a test account", common::day(10));
    put(&repo, "app.jar", &jar(&format!("{comment}\nkey={}\n", key().replace("7hRw", "8kSx"))));
    assert_eq!(report(&json(&repo, &[])).shown(), [format!("{RULE} app.jar!/app.properties covered probity")]);
}

#[test]
fn archives_are_opened_in_commits_and_in_what_is_staged() {
    let repo = Repo::new();
    put(&repo, "app.jar", &jar("key=\n"));
    let base = repo.commit();
    put(&repo, "app.jar", &jar(&format!("key={}\n", key())));
    repo.git(&["add", "-A"]);
    report(&json(&repo, &["--staged"])).results(&[&format!("{RULE} app.jar!/app.properties")]);
    let leak = repo.commit();
    let gate = |code: i32| report(&repo.run(&["gate", "--evidence", "none", "--base", &base, "--format", "json"]).code(code));
    // It lies in the folder: that it is in a commit too is not said twice.
    gate(1).results(&[&format!("{RULE} app.jar!/app.properties")]);
    put(&repo, "app.jar", &jar("key=\n"));
    repo.commit();
    json(&repo, &[]).code(0);
    for arguments in [vec!["--history"], vec!["--history"], vec!["--range", &base]] {
        let ran = json(&repo, &arguments).code(1);
        let report = report(&ran);
        report.results(&[&format!("{RULE} app.jar!/app.properties")]);
        assert!(report.of(RULE)["message"].as_str().unwrap().contains(&leak[..12]), "{}", ran.out);
    }
    gate(1).results(&[&format!("{RULE} app.jar!/app.properties")]);
}

#[test]
fn what_is_not_read_of_an_archive_is_said() {
    let repo = Repo::new();
    let text = key();
    let bytes = zip(&[("shut", text.as_bytes(), true), ("../out", text.as_bytes(), false), ("open", b"x = 1\n", false)]);
    put(&repo, "odd.zip", &bytes);
    put(&repo, "cut.tar", &tar(&[("a", &[b'x'; 2000])])[..1024]);
    let ran = json(&repo, &[]).code(0);
    let said = skipped(&ran);
    let has = |file: &str, why: &str| assert!(said.iter().any(|one| one.starts_with(file) && one.contains(why)), "{file}: {said:#?}");
    has("odd.zip!/shut ", "encrypted");
    has("odd.zip!/../out ", "leads out of the archive");
    has("cut.tar!/a ", "ends too early");
    repo.run(&["secrets"]).code(0).prints("odd.zip!/shut").prints("(read in part)").prints("leads out of the archive");
}

#[test]
fn an_encoded_secret_is_found_where_it_stands() {
    let repo = Repo::new();
    // base64 of a line with an invented key.
    let encoded = {
        const LETTERS: &[u8; 64] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
        let text = format!("STRIPE_KEY={}\n", key());
        let bits = |place: usize| -> u32 { text.as_bytes().get(place).map_or(0, |byte| u32::from(*byte)) };
        let mut out = String::new();
        for at in (0..text.len()).step_by(3) {
            let number = bits(at) << 16 | bits(at + 1) << 8 | bits(at + 2);
            for (place, shift) in [18, 12, 6, 0].into_iter().enumerate() {
                let letter = char::from(LETTERS[(number >> shift & 63) as usize]);
                out.push(if at + place > text.len() { '=' } else { letter });
            }
        }
        out
    };
    repo.write("secret.yaml", &format!("apiVersion: v1\nkind: Secret\nmetadata: {{ name: a }}\ndata:\n  env: {encoded}\n"));
    let ran = json(&repo, &[]).code(1);
    report(&ran).results(&[&format!("{RULE} secret.yaml")]);
    repo.run(&["secrets"]).code(1).prints("secret.yaml:5:8").prints("begins with `sk_live_`, base64-encoded");
    for format in ["human", "json", "sarif", "junit", "github", "gitlab", "markdown"] {
        let ran = repo.run(&["secrets", "--format", format]);
        assert!(!ran.out.contains(&key()[12..]) && !ran.out.contains(&encoded[20..]), "{format}: {}", ran.out);
    }
    let plain = report(&ran).of(RULE)["fingerprint"].clone();
    repo.write("secret.yaml", &format!("key: {}\n", key()));
    assert_eq!(report(&json(&repo, &[])).of(RULE)["fingerprint"], plain, "the name is of the secret, not of how it is written");
    repo.write("secret.yaml", &format!("env: {encoded}\n"));
    json(&repo, &["--max-decode-depth", "0"]).code(0);
    repo.write("probity.yaml", "version: 1\nsecrets: { max_decode_depth: 0 }\n");
    json(&repo, &[]).code(0);
    json(&repo, &["--max-decode-depth", "1"]).code(1);
}

/// An image as `docker save` writes it: its layers, each with its step, and its environment.
fn image(layers: &[(&[(&str, &str)], &str)], environment: &[&str], more: &[&str]) -> Vec<u8> {
    let mut files: Vec<(String, Vec<u8>)> = Vec::new();
    for (number, (entries, _)) in layers.iter().enumerate() {
        let entries: Vec<(&str, &[u8])> = entries.iter().map(|(path, text)| (*path, text.as_bytes())).collect();
        files.push((format!("{number}/layer.tar"), tar(&entries)));
    }
    let digests: Vec<String> = files.iter().map(|(_, bytes)| format!("sha256:{}", probity_attest::sha256(bytes))).collect();
    let steps = layers.iter().map(|(_, step)| serde_json::json!({ "created_by": step }));
    let more = more.iter().map(|step| serde_json::json!({ "created_by": step, "empty_layer": true }));
    let config = serde_json::json!({
        "architecture": "amd64", "os": "linux",
        "config": { "Env": environment, "Labels": { "maintainer": "me" } },
        "rootfs": { "type": "layers", "diff_ids": digests },
        "history": steps.chain(more).collect::<Vec<_>>(),
    });
    let names: Vec<&String> = files.iter().map(|(name, _)| name).collect();
    let manifest = serde_json::json!([{ "Config": "config.json", "RepoTags": ["acme/app:1"], "Layers": names }]);
    files.push(("config.json".to_owned(), config.to_string().into_bytes()));
    files.push(("manifest.json".to_owned(), manifest.to_string().into_bytes()));
    let entries: Vec<(&str, &[u8])> = files.iter().map(|(name, bytes)| (name.as_str(), bytes.as_slice())).collect();
    tar(&entries)
}

/// `rule path message` of each result.
fn told(ran: &Ran) -> Vec<String> {
    let value = ran.json();
    let list = value["results"].as_array().unwrap();
    let text = |one: &serde_json::Value| {
        format!("{} {} {}", one["rule"].as_str().unwrap(), one["subject"]["id"].as_str().unwrap(), one["message"].as_str().unwrap())
    };
    list.iter().map(text).collect()
}

#[test]
fn what_a_later_layer_hides_is_found_in_its_layer() {
    let repo = Repo::plain();
    let text = format!("key = {}\n", key());
    let args = format!("RUN |1 STRIPE_KEY={} /bin/sh -c make", key());
    let bytes = image(
        &[
            (&[("app/.env", &text), ("app/both", &text), ("app/moved", "x = 1\n")], &args),
            (&[("app/.wh..env", ""), ("app/both", &format!("more\n{text}")), ("app/moved", "x = 2\n")], "RUN rm app/.env"),
            (&[("app/moved", &format!("x = 3 {}\n", key().replace("7hRw", "9pWx")))], "COPY moved"),
            (&[("app/.wh.moved", "")], "RUN rm moved"),
        ],
        &["PATH=/bin"],
        &[],
    );
    put(&repo, "image.tar", &bytes);
    let ran = json(&repo, &["image.tar"]).code(1);
    let found = told(&ran);
    let hidden = |path: &str, step: &str| {
        let one = found.iter().find(|one| one.starts_with(&format!("{RULE} {path} "))).unwrap_or_else(|| panic!("{path}: {found:#?}"));
        assert!(one.contains("in layer sha256:") && one.contains(step) && one.ends_with("which a later one hides"), "{one}");
    };
    hidden("app/.env", "(`RUN |1 STRIPE_KEY=");
    hidden("app/moved", "(`COPY moved`)");
    // What the file as it is shown has too is told once, and there.
    let both: Vec<&String> = found.iter().filter(|one| one.contains(" app/both ")).collect();
    assert!(both.len() == 1 && !both[0].contains("layer"), "{both:#?}");
    // The argument of the build.
    assert!(found.iter().any(|one| one.starts_with(&format!("{RULE} image configuration "))), "{found:#?}");
    assert_eq!(found.len(), 4, "{found:#?}");
    for format in ["human", "json", "sarif", "junit", "github", "gitlab", "markdown"] {
        let ran = repo.run(&["secrets", "image.tar", "--format", format]);
        assert!(!ran.out.contains(&key()[12..]) && !ran.err.contains(&key()[12..]), "{format}: {}", ran.out);
    }
}

#[test]
fn the_configuration_of_an_image_is_searched() {
    let repo = Repo::plain();
    let variable = format!("STRIPE_KEY={}", key());
    let step = format!("ENV {variable}");
    put(&repo, "image.tar", &image(&[(&[("a", "x = 1\n")], "COPY a")], &["PATH=/bin", &variable], &[&step]));
    let ran = json(&repo, &["image.tar"]).code(1);
    let found = told(&ran);
    assert_eq!(found.len(), 1, "told once, although the history has it too: {found:#?}");
    assert!(found[0].starts_with(&format!("{RULE} image configuration ")), "{found:#?}");
    repo.run(&["secrets", "image.tar"]).code(1).prints("image configuration:2:");
    // Nothing to say of one that has none.
    put(&repo, "image.tar", &image(&[(&[("a", "x = 1\n")], "COPY a")], &["PATH=/bin"], &[]));
    json(&repo, &["image.tar"]).code(0);
}

#[test]
fn one_content_in_several_layers_is_told_once() {
    let repo = Repo::plain();
    let text = format!("key = {}\n", key());
    let once: &[(&str, &str)] = &[("a", &text)];
    put(&repo, "image.tar", &image(&[(once, "COPY a"), (once, "RUN chmod a"), (once, "RUN chmod a")], &[], &[]));
    assert_eq!(told(&json(&repo, &["image.tar"]).code(1)).len(), 1);
    put(&repo, "image.tar", &image(&[(once, "COPY a"), (once, "RUN chmod a"), (&[(".wh.a", "")], "RUN rm a")], &[], &[]));
    assert_eq!(told(&json(&repo, &["image.tar"]).code(1)).len(), 1);
}
