use super::*;
use probity_core::CollectOptions;
use probity_secrets::{Pack, own};
use probity_testkit::MapTree;
use probity_testkit::archives::{gzip, tar, zip, zstd};
use probity_value::SourceMap;
use proptest::prelude::*;

const RULE: &str = r"id: secret-acme-token
title: Acme token
severity: critical
confidence: firm
stage: { stable: 0.1.0 }
controls: [pci-dss-4.0.1/8.6.2]
aliases: []
why: It opens everything.
fix: Revoke it.
secret:
  regex: '\b(acme_[0-9a-z]{24})\b'
  keywords: [acme_]
  prefix: 5
tests:
  match: ['acme_q7wc9xkp2lmz4hvb8tdn5rsj']
  quiet: ['acme_']
";

/// An invented secret, in two parts.
fn secret() -> String {
    format!("acme_{}", "k3vq8wzt5mxn2bhc9rdp7fjl")
}

fn source(left_alone: LeftAlone, depth: Depth) -> SecretSource {
    let rule = own::parse(RULE, FileId(0)).unwrap().rule;
    let engine = Engine::new(vec![Pack { rules: vec![rule], ..Pack::default() }]).unwrap();
    let plain: Hash = Arc::new(|bytes: &[u8]| {
        let mut out = [0_u8; 32];
        for (place, byte) in bytes.iter().enumerate() {
            out[place % 32] = out[place % 32].wrapping_mul(31).wrapping_add(*byte);
        }
        Digest(out)
    });
    SecretSource::new(Arc::new(engine), Naming { plain, keyed: None }, left_alone, depth)
}

struct Found {
    /// `path:line:column name` of each secret.
    secrets: Vec<String>,
    messages: Vec<String>,
    /// Everything that is kept of the texts.
    kept: String,
    collected: Collected,
}

fn collected(source: &SecretSource, files: &[(&str, &[u8])]) -> Found {
    let tree = MapTree::new(files.iter().copied());
    let unclaimed: Vec<Arc<str>> = files.iter().map(|(path, _)| Arc::from(*path)).collect();
    let texts = SourceMap::new();
    let options = CollectOptions::default();
    let collected = source.collect(&Scope { tree: &tree, sources: &texts, unclaimed: &unclaimed, options: &options });
    let program = SecretProgram::new(&source.engine);
    let world = World::new(collected.subjects.clone());
    let (mut secrets, mut messages) = (Vec::new(), Vec::new());
    let mut kept = format!("{:?}", collected.subjects);
    for (index, _) in world.subjects().iter().enumerate() {
        for result in program.evaluate(SubjectIndex(u32::try_from(index).unwrap()), &world, &EvalContext::default()) {
            let (file, start, _) = texts.locate(result.at).unwrap();
            let name = result.judged.as_ref().and_then(Value::as_str).unwrap().to_owned();
            secrets.push(format!("{file}:{}:{} {name}", start.line, start.column));
            messages.push(result.message);
            kept.push_str(texts.file(result.at.file).unwrap().text());
        }
    }
    kept.push_str(&messages.concat());
    Found { secrets, messages, kept, collected }
}

fn everywhere() -> SecretSource {
    source(Box::new(|_| false), Depth::default())
}

fn places(found: &Found) -> Vec<&str> {
    found.secrets.iter().map(|secret| secret.split(' ').next().unwrap()).collect()
}

#[test]
fn a_text_in_an_archive_is_a_text_like_others() {
    let text = format!("one\n  two = {}\n", secret());
    let inner = zip(&[("x/y.txt", text.as_bytes(), false)]);
    let outer = gzip(&tar(&[("lib/a.jar", &inner), ("z", text.as_bytes())]));
    let found = collected(&everywhere(), &[("a.txt", text.as_bytes()), ("b.tgz", &outer)]);
    assert_eq!(places(&found), ["a.txt:2:9", "b.tgz!/lib/a.jar!/x/y.txt:2:9", "b.tgz!/z:2:9"]);
    let names: BTreeSet<&str> = found.secrets.iter().map(|secret| secret.split(' ').nth(1).unwrap()).collect();
    assert_eq!(names.len(), 1, "the name is of the secret: {names:?}");
    assert_eq!(found.messages[1], "a secret of 29 characters that begins with `acme_`");
    let read: Vec<(&str, usize)> = found.collected.coverage.read.iter().map(|read| (&*read.file, read.subjects)).collect();
    assert_eq!(read, [("a.txt", 1), ("b.tgz", 2)]);
    assert_eq!(found.collected.coverage.skipped, []);
    let shut = source(Box::new(|_| false), Depth { archives: 0, encodings: 0 });
    assert_eq!(places(&collected(&shut, &[("b.tgz", &outer)])), [""; 0]);
    let known = everywhere().known(&"b.tgz".into(), &outer);
    assert!(known.iter().any(|(path, rule, _)| &**path == "b.tgz!/z" && rule == "secret-acme-token"), "{known:?}");
}

#[test]
fn what_is_left_alone_and_what_is_allowed_counts_inside() {
    let text = format!("# probity:allow secret-acme-token a sandbox\nkey = {}\n", secret());
    let bytes = zip(&[("docs/a.txt", text.as_bytes(), false), ("src/b.txt", text.as_bytes(), false)]);
    let check = |pattern: &'static str, expected: &[&str]| {
        let source = source(Box::new(move |path| path.starts_with(pattern)), Depth::default());
        assert_eq!(places(&collected(&source, &[("lib/c.zip", &bytes)])), expected, "{pattern}");
    };
    check("lib/c.zip!/docs/", &["lib/c.zip!/src/b.txt:2:7"]);
    check("lib/", &[]);
    check("docs/", &["lib/c.zip!/docs/a.txt:2:7", "lib/c.zip!/src/b.txt:2:7"]);
    let found = collected(&everywhere(), &[("lib/c.zip", &bytes)]);
    assert_eq!(found.collected.suppressions.len(), 2);
}

#[test]
fn an_encoded_secret_is_told_without_its_letters() {
    use std::fmt::Write as _;
    let hex = secret().bytes().fold(String::new(), |mut out, byte| {
        let _ = write!(out, "{byte:02x}");
        out
    });
    let found = collected(&everywhere(), &[("a.txt", format!("x: {hex}\n").as_bytes())]);
    assert_eq!(places(&found), ["a.txt:1:4"]);
    assert_eq!(found.messages, ["a secret of 29 characters that begins with `acme_`, hex-encoded"]);
    assert!(!found.kept.contains(&secret()) && !found.kept.contains(hex.get(10..).unwrap()), "{}", found.kept);
    let plain = collected(&everywhere(), &[("a.txt", secret().as_bytes())]);
    let name = |found: &Found| found.secrets[0].split(' ').nth(1).unwrap().to_owned();
    assert_eq!(name(&found), name(&plain), "the name is of what it says");
}

#[test]
fn what_was_not_read_of_an_archive_is_told() {
    let text = secret();
    let bytes = zip(&[("a", text.as_bytes(), true), ("../b", text.as_bytes(), false), ("c", text.as_bytes(), false)]);
    let found = collected(&everywhere(), &[("d.zip", &bytes)]);
    assert_eq!(places(&found), ["d.zip!/c:1:1"]);
    let skipped: Vec<(&str, bool, bool)> = found.collected.coverage.skipped.iter().map(|one| (&*one.file, one.fails, one.partly)).collect();
    assert_eq!(skipped, [("d.zip!/../b", false, false), ("d.zip!/a", false, false)]);
    let said: Vec<&str> = found.collected.diagnostics.iter().map(|one| &*one.message).collect();
    assert_eq!(
        said,
        ["`d.zip!/../b`: no secret was sought in it: the path leads out of the archive; the entry is not read; and 1 more of its parts"]
    );
}

proptest! {
    /// Whatever a secret is packed and encoded in, nothing that is kept shows it.
    #[test]
    fn nothing_shows_a_secret(
        steps in prop::collection::vec(0..7_u8, 0..6),
        before in "[ -~\n]{0,40}[\n ]|",
        letters in "[0-9a-z]{24}",
    ) {
        use std::fmt::Write as _;
        let secret = format!("acme_{letters}");
        let mut bytes = format!("{before}{secret}\n").into_bytes();
        let mut packed = false;
        let mut forms = vec![String::from_utf8(bytes.clone()).unwrap()];
        for step in steps {
            bytes = match step {
                0 => zip(&[("a/b", &bytes, false)]),
                1 => tar(&[("c", &bytes)]),
                2 => gzip(&bytes),
                3 => zstd(&bytes),
                // Encodings of texts only: base64 of an archive is for another day.
                _ if packed => bytes,
                4 => bytes.iter().fold(String::new(), |mut out, byte| { let _ = write!(out, "{byte:02x}"); out }).into_bytes(),
                _ => bytes.iter().fold(String::new(), |mut out, byte| { let _ = write!(out, "%{byte:02X}"); out }).into_bytes(),
            };
            packed |= step < 4;
            if !packed {
                forms.push(String::from_utf8(bytes.clone()).unwrap());
            }
        }
        let found = collected(&everywhere(), &[("f", &bytes)]);
        prop_assert!(!found.kept.contains(&letters));
        for form in forms.iter().skip(1) {
            prop_assert!(found.secrets.is_empty() || !found.kept.contains(form.as_str()));
        }
    }
}
