//! Our own rule files: read whole, refused with their places, judged with care.
#![allow(clippy::unwrap_used, clippy::panic, clippy::indexing_slicing, reason = "tests")]

use probity_secrets::{Context, Engine, Pack, own};
use probity_value::FileId;

const RULE: &str = r"id: secret-acme-token
title: Acme token
severity: critical
confidence: firm
stage: { stable: 0.1.0 }
controls: [pci-dss-4.0.1/8.6.2]
aliases: [np.acme.1]
why: It opens everything.
fix: Revoke it.
secret:
  regex: '\b(acme_[0-9a-z]{12})\b'
  keywords: [acme_]
  entropy: 2.5
  length: { min: 17, max: 17 }
  not_paths: ['\.lock$']
  allow:
    values: ['^acme_000']
    lines: ['never mind']
    words: [dontcare]
  with: { regex: 'account', within: 1 }
  prefix: 5
tests:
  match: ['account acme_q7wc9xkp2lmz']
  quiet: ['acme_q7wc9xkp2lmz', { path: a.lock, text: 'account acme_q7wc9xkp2lmz' }]
";

#[test]
fn judges_with_care() {
    let document = own::parse(RULE, FileId(0)).unwrap();
    assert_eq!((document.hits.len(), document.quiet.len()), (1, 2));
    let engine = Engine::new(vec![Pack { rules: vec![document.rule.clone()], ..Pack::default() }]).unwrap();
    let check = |path: &str, text: &str, expected: usize| {
        assert_eq!(engine.scan(text.as_bytes(), Context { path, commit: "" }).len(), expected, "{path}: {text}");
        assert_eq!(engine.plain(text.as_bytes(), Context { path, commit: "" }).len(), expected, "{path}: {text}");
    };
    check("a.py", "account acme_q7wc9xkp2lmz", 1);
    check("a.py", "account\nacme_q7wc9xkp2lmz", 1);
    check("a.py", "account\n\nacme_q7wc9xkp2lmz", 0);
    check("a.lock", "account acme_q7wc9xkp2lmz", 0);
    check("a.py", "account acme_000c9xkp2lmz", 0);
    check("a.py", "account acme_q7dontcarelmz", 0);
    check("a.py", "account acme_q7wc9xkp2lmz never mind", 0);
    check("a.py", "account acme_aaaaaaaaaaaa", 0);
    check("a.py", "account acme_changemeq7wc", 0);
    check("a.py", "account ENC[AES256_GCM,data:acme_q7wc9xkp2lmz]", 0);
    check("a.py", "account xacme_q7wc9xkp2lmz", 0);
}

#[test]
fn says_what_is_wrong() {
    let check = |from: &str, to: &str, expected: &str| {
        let faults = own::parse(&RULE.replace(from, to), FileId(0)).err().unwrap_or_default();
        assert!(faults.iter().any(|fault| fault.what.contains(expected)), "{to}: {faults:?}");
    };
    check("id: secret-acme-token", "id: Acme", "the id is");
    check("title: Acme token\n", "", "needs `title`");
    check("severity: critical", "severity: awful", "none of");
    check("'\\b(acme_", "'\\b((acme_", "broken");
    check("'\\b(acme_[0-9a-z]{12})\\b'", "'(acme)?'", "nothing at all");
    check("prefix: 5", "prefixx: 5", "no key here");
    check("prefix: 5", "group: 4", "no group 4");
    check("  entropy: 2.5", "  checksum: sha1", "no check of a secret");
    check("  match: ['account acme_q7wc9xkp2lmz']\n", "", "examples");
    check("stage: { stable: 0.1.0 }", "stage: always", "`stage`");
    check("tests:", "tests: [", "");
}
