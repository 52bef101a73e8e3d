//! Gitleaks configurations: read whole, judged as Gitleaks judges, and found as fast as slowly.
#![allow(clippy::unwrap_used, clippy::panic, clippy::indexing_slicing, reason = "tests")]

use probity_secrets::gitleaks::{self, Configuration};
use probity_secrets::{Context, Engine, Pack};
use probity_value::FileId;
use proptest::prelude::*;

/// Rules of the shapes that are found in different ways: assignments, prefixes, words in the middle, alternatives, no words at all.
const CONFIG: &str = r####"
title = "shapes"
[allowlist]
paths = ['''(^|/)vendor/''']
regexes = ['''^\$\{[A-Z]+\}$''']
stopwords = ["abcdefgh"]

[[rules]]
id = "generic-key"
regex = '''(?i)[\w.-]{0,50}?(?:access|auth|(?-i:[Aa]pi|API)|key|passw(?:or)?d|token)(?:[ \t\w.-]{0,20})[\s'"]{0,3}(?:=|>|:{1,3}=|\|\||:|=>|\?=|,)[\x60'"\s=]{0,5}([\w.=-]{10,150}|[a-z0-9][a-z0-9+/]{11,}={0,3})(?:[\x60'"\s;]|\\[nr]|$)'''
entropy = 2.5
keywords = ["access", "api", "auth", "key", "passw", "token"]

[[rules]]
id = "cloud-id"
regex = '''\b((?:AKIA|ASIA)[A-Z2-7]{16})\b'''
entropy = 3
keywords = ["akia", "asia"]
[[rules.allowlists]]
regexes = ['''.+EXAMPLE$''']

[[rules]]
id = "middle"
regex = '''\b([A-Za-z0-9]{6}_[A-Za-z0-9]{9}_mmk)(?:[\x60'"\s;]|$)'''
keywords = ["_mmk"]

[[rules]]
id = "late-word"
regex = '''(?i)[\w.-]{0,50}?(?:new-relic|newrelic)(?:[ \t\w.-]{0,20})[\s'"]{0,3}(?:=|:)[\x60'"\s=]{0,5}(NRAK-[a-z0-9]{7})(?:[\x60'"\s;]|$)'''
keywords = ["nrak"]

[[rules]]
id = "either"
regex = '''(?i)[\w.-]{0,50}?(?:jira)[\s'"]{0,3}(?:=|:)[\s"]{0,5}([a-z0-9]{8})(?:[\s;"]|$)|\b(ATATT3[A-Z]{6})\b'''
keywords = ["jira", "atatt3"]

[[rules]]
id = "shared-key"
regex = '''(?i)-----BEGIN[ A-Z0-9_-]{0,100}PRIVATE KEY-----[\s\S-]{10,}?KEY-----'''
keywords = ["-----begin"]

[[rules]]
id = "digits"
regex = '''(?i)\b(\d{5,6}(\||%)[0-9a-z]{7,9})\b'''
keywords = ["facebook"]

[[rules]]
id = "two-letters"
regex = '''\b(s\.(?i:[a-z0-9]{8}))(?:\s|$)'''
entropy = 2

[[rules]]
id = "a-file"
path = '''(?i)\.p12$'''
"####;

fn configuration(text: &str) -> Configuration {
    let (mut configuration, faults) = gitleaks::parse(text, FileId(0));
    assert!(faults.iter().all(|fault| !fault.fails), "{faults:?}");
    let ended = configuration.finish();
    assert!(ended.is_empty(), "{ended:?}");
    configuration
}

fn engine(text: &str) -> Engine {
    let configuration = configuration(text);
    Engine::new(vec![Pack { rules: configuration.rules, allow: configuration.allow, ..Pack::default() }]).unwrap()
}

/// `rule: secret` of each hit.
fn found(engine: &Engine, path: &str, text: &str) -> Vec<String> {
    let context = Context { path, commit: "" };
    let hits = engine.scan(text.as_bytes(), context);
    assert_eq!(hits, engine.plain(text.as_bytes(), context), "{text}");
    hits.iter()
        .map(|hit| {
            let mark = if hit.allowed { " (allowed)" } else { "" };
            format!("{}:{} {}{mark}", hit.line, engine.rules()[hit.rule].local, &text[hit.secret.clone()])
        })
        .collect()
}

#[test]
fn finds_what_the_rules_say() {
    let engine = engine(CONFIG);
    let check = |text: &str, expected: &[&str]| assert_eq!(found(&engine, "a.txt", text), expected, "{text}");
    check("api_key = \"q7Wc9xKp2LmZ\"\n", &["1:generic-key q7Wc9xKp2LmZ"]);
    check("x\ny\nMY_PASSWORD: q7Wc9xKp2LmZ", &["3:generic-key q7Wc9xKp2LmZ"]);
    check("api_key = aaaaaaaaaaaa", &[]);
    check("api_key = q7abcdefghLmZ9", &[]);
    check("token = ${TOKEN}", &[]);
    check("id AKIAQYLPMN5HHHFPZAM2.", &["1:cloud-id AKIAQYLPMN5HHHFPZAM2"]);
    check("id AKIAQYLPMN5HHEXAMPLE", &[]);
    check("id xAKIAQYLPMN5HHHFPZAM2", &[]);
    check("a 1Ab2Cd_1Ab2Cd3Ef_mmk b", &["1:middle 1Ab2Cd_1Ab2Cd3Ef_mmk"]);
    check("newrelic = NRAK-abc1234", &["1:late-word NRAK-abc1234"]);
    check("jira: ab12cd34\nATATT3ABCDEF", &["1:either ab12cd34", "2:either ATATT3ABCDEF"]);
    check("12345|abc1234", &[]);
    check("facebook 12345|abc1234", &["1:digits 12345|abc1234"]);
    check("is. s.a1B2c3D4 ", &["1:two-letters s.a1B2c3D4"]);
    check("s.a1B2c3D4", &["1:two-letters s.a1B2c3D4"]);
    check("api_key = \"q7Wc9xKp2LmZ\" # gitleaks:allow", &["1:generic-key q7Wc9xKp2LmZ (allowed)"]);
    // The generic rule gives way to one that knows more.
    check("key = AKIAQYLPMN5HHHFPZAM2", &["1:cloud-id AKIAQYLPMN5HHHFPZAM2"]);
    let key = "-----BEGIN RSA PRIVATE KEY-----\nMIIEowIBAAKCAQEA\n-----END RSA PRIVATE KEY-----";
    assert_eq!(found(&engine, "k", key).len(), 1);
    assert_eq!(found(&engine, "a/vendor/k", key).len(), 0);
    assert_eq!(found(&engine, "keys/me.P12", "api_key = aaaaaaaaaaaa"), ["0:a-file "]);
    // A letter that folds to an ASCII one, as Go folds it.
    check("api_\u{212a}ey = \"q7Wc9xKp2LmZ\"", &["1:generic-key q7Wc9xKp2LmZ"]);
}

#[test]
fn extends_and_merges() {
    let base = configuration(CONFIG);
    let (top, faults) = gitleaks::parse(
        "[extend]\npath = \"base.toml\"\ndisabledRules = [\"middle\"]\n[[rules]]\nid = \"cloud-id\"\n[[rules.allowlists]]\nregexes = ['ZAM2$']\n\
         [[allowlists]]\ntargetRules = [\"digits\"]\nstopwords = [\"abc\"]\n",
        FileId(0),
    );
    assert_eq!(faults, []);
    assert_eq!(top.extend.path.as_deref(), Some("base.toml"));
    let mut merged = top.over(base);
    assert_eq!(merged.finish(), []);
    let engine = Engine::new(vec![Pack { rules: merged.rules, allow: merged.allow, ..Pack::default() }]).unwrap();
    let check = |text: &str, expected: &[&str]| assert_eq!(found(&engine, "a.txt", text), expected, "{text}");
    check("id AKIAQYLPMN5HHHFPZAM2.", &[]);
    check("id AKIAQYLPMN5HHHFPZAM3.", &["1:cloud-id AKIAQYLPMN5HHHFPZAM3"]);
    check("a 1Ab2Cd_1Ab2Cd3Ef_mmk b", &[]);
    check("facebook 12345|abc1234", &[]);
    check("facebook 12345|xyz1234", &["1:digits 12345|xyz1234"]);
}

#[test]
fn needs_what_a_rule_requires() {
    let engine = engine(
        "[[rules]]\nid = \"secret\"\nregex = 'sec_[a-z]{6}'\n[[rules.required]]\nid = \"id\"\nwithinLines = 2\n\
         [[rules]]\nid = \"id\"\nregex = 'id_[0-9]{4}'\nskipReport = true\n",
    );
    let check = |text: &str, expected: &[&str]| assert_eq!(found(&engine, "a.txt", text), expected, "{text}");
    check("sec_abcdef", &[]);
    check("id_1234\n\nsec_abcdef", &["3:secret sec_abcdef"]);
    check("id_1234\n\n\nsec_abcdef", &[]);
}

#[test]
fn says_what_is_wrong() {
    let check = |text: &str, expected: &str| {
        let (mut configuration, mut faults) = gitleaks::parse(text, FileId(0));
        faults.extend(configuration.finish());
        assert!(faults.iter().any(|fault| fault.fails && fault.what.contains(expected)), "{text}: {faults:?}");
    };
    check("[[rules]]\nregex = 'a+'\n", "no `id`");
    check("[[rules]]\nid = 'a'\n", "neither `regex` nor `path`");
    check("[[rules]]\nid = 'a'\nregex = '(?!b)a'\n", "the expression is broken");
    check("[[rules]]\nid = 'a'\nregex = '((a{1000}){1000}){1000}'\n", "too large");
    check("[[rules]]\nid = 'a'\nregex = 'a'\n[[rules]]\nid = 'a'\nregex = 'b'\n", "twice");
    check("[[rules]]\nid = 'a'\nregex = 'a'\n[[rules.allowlists]]\ncondition = 'XOR'\npaths = ['a']\n", "`AND` or `OR`");
    check("[[rules]]\nid = 'a'\nregex = 'a'\n[[rules.allowlists]]\ndescription = 'x'\n", "names commits");
    check("[[rules]]\nid = 'a'\nregex = 'a'\n[[rules.required]]\nid = 'b'\n", "requires `b`");
    check("[[allowlists]]\ntargetRules = ['x']\npaths = ['a']\n", "not there");
    check("[extend]\npath = 'a'\nuseDefault = true\n", "either");
    check("rules = 1\n", "list of tables");
    check("[[rules]\n", "");
}

proptest! {
    /// Nothing is lost by not looking everywhere: the fast way and the plain way give the same on texts made of pieces of secrets.
    #[test]
    fn fast_is_plain(pieces in prop::collection::vec(prop::sample::select(PIECES), 0..40)) {
        static ENGINE: std::sync::LazyLock<Engine> = std::sync::LazyLock::new(|| engine(CONFIG));
        let text = pieces.concat();
        let context = Context { path: "a.txt", commit: "" };
        prop_assert_eq!(ENGINE.scan(text.as_bytes(), context), ENGINE.plain(text.as_bytes(), context), "{}", text);
    }
}

const PIECES: &[&str] = &[
    "api",
    "API",
    "Api",
    "key",
    "_",
    "-",
    ".",
    " ",
    "\n",
    "=",
    ":=",
    "=>",
    "\"",
    "'",
    "`",
    "\\n",
    ";",
    "access",
    "auth",
    "passwd",
    "password",
    "q7Wc9xKp2L",
    "mZ",
    "AKIA",
    "QYLPMN5HHHFPZAM2",
    "ASIA",
    "EXAMPLE",
    "_mmk",
    "1Ab2Cd",
    "1Ab2Cd3Ef",
    "newrelic",
    "new-relic",
    "NRAK-",
    "abc1234",
    "jira",
    "ab12cd34",
    "ATATT3",
    "ABCDEF",
    "-----BEGIN",
    " RSA ",
    "PRIVATE KEY-----",
    "KEY-----",
    "12345",
    "|",
    "%",
    "facebook",
    "s.",
    "a1B2c3D4",
    "é",
    "\u{212a}",
    "x",
    ",",
    "||",
    "\t",
    "s",
    "S.",
    "gitleaks:allow",
];
