//! Reading rule files: what is refused, all at once, each with its place and the nearest known word.
#![allow(
    clippy::disallowed_methods,
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    reason = "a test touches the world on purpose and fails by panicking"
)]

mod support;

use probity_checks::RuleDocument;
use probity_value::{FileId, SourceMap};
use support::faults;

#[test]
fn broken_checks_are_refused() {
    let check = |text: &str, expected: &str| assert_eq!(faults(text), [expected], "{text}");
    check("[]", "`check` is a map with `fail_unless` or `fail_if`, not a list");
    check("{}", "a check needs `fail_unless` or `fail_if`");
    check("{ fail_unless: true, fail_if: true }", "a check has either `fail_unless` or `fail_if`, not both");
    check("{ fail_unless: true, wen: true }", "`wen` is not a known key of a check; did you mean `when`");
    check("{ fail_unless: true, absent: maybe }", "`absent` of a check is `fail` or `pass`");
    check("{ fail_unless: yes it is }", "a condition is a map, `true` or `false`, not a string");
    check("{ fail_unless: {} }", "a condition is empty");
    check("{ fail_unless: { equals: 1 } }", "a comparison needs a `path`");
    check("{ fail_unless: { evry: a } }", "`evry` is not a known form of a condition; did you mean `every`");
    check("{ fail_unless: { path: a } }", "a comparison needs an operator");
    check("{ fail_unless: { path: a, equal: 1 } }", "`equal` is not a known operator; did you mean `equals`");
    check("{ fail_unless: { path: a, all: [true] } }", "a condition is either `path` or `all`; put both under `all` or `any`");
    check("{ fail_unless: { all: true } }", "`all` is a list of conditions");
    check("{ fail_unless: { any: [] } }", "`any` has no conditions");
    check("{ fail_unless: { every: a } }", "`every` needs `is`, the condition for each item");
    check("{ fail_unless: { not: true, is: true } }", "`is` is not a known key beside `not`; known: not");
    check("{ fail_unless: { path: a.., equals: 1 } }", "`a..` has an empty name in it");
    check("{ fail_unless: { path: a, matches: '(' } }", "`(` is not a regular expression: unclosed group");
    check("{ fail_unless: { path: a, cidr_within: 10.0.0.0/33 } }", "`10.0.0.0/33` is not a CIDR");
    check("{ fail_unless: { path: a, version_gt: latest } }", "`version_gt` takes a version");
    check("{ fail_unless: { path: a, version_gt: 1.10 } }", "`version_gt` needs its version in quotes, else `1.10` is `1.1`");
    check("{ fail_unless: { path: a, gt: big } }", "`gt` takes a number");
    check("{ fail_unless: { path: a, length_gt: 1.5 } }", "`length_gt` takes a whole number");
    check("{ fail_unless: { path: a, exists: 1 } }", "`exists` takes `true` or `false`");
    check("{ fail_unless: { path: a, in: x } }", "`in` takes a list");
    check("{ fail_unless: { path: a, within: [] } }", "`within` takes a list");
    check("{ fail_unless: { path: a, type: strin } }", "`strin` is not a known type; did you mean `string`");
    check("{ fail_unless: { path: a, equals: 1, match: most } }", "`match` is `all`, `any` or `none`");
    check("{ fail_unless: { path: a, equals: 1, absent: pass } }", "`absent` beside a path is `true` or `false`");
    check("{ fail_unless: { path: a, allows: { resource: x } } }", "`allows` needs an `action`, `\"*\"` for all");
    check(
        "{ fail_unless: { path: a, allows: { action: x, who: y } } }",
        "`who` is not a known key of `allows`; known: action, resource, principal, unconditional",
    );
    check("{ fail_unless: { related: { direction: in } } }", "`related` needs `types`");
    check("{ fail_unless: { related: { types: [a], direction: up } } }", "`direction` is one of any, in, out");
    check("{ fail_unless: { related: { types: [a], count: two } } }", "`count` is one of some, none, every");
    check("{ fail_unless: { opens: { ports: [70000] } } }", "a port is a number from 0 to 65535, or a range like `\"8000-8999\"`");
    check("{ fail_unless: { opens: { direction: in } } }", "`direction` is `ingress` or `egress`");
    check("{ fail_unless: { opens: { to: everybody } } }", "`everybody` is not a CIDR");
    let deep = format!("{{ fail_unless: {}true{} }}", "{ not: ".repeat(60), " }".repeat(60));
    check(&deep, "conditions are nested more than 48 deep");
}

#[test]
fn all_faults_come_at_once_with_their_places() {
    let text = "id: A\ntitle: ''\nseverity: hihg\nstage: { stable: 1 }\napplies_to: []\ncontrols: [x]\nwhy: w\naliass: []\ncheck: { fail_unless: { path: a, equal: 1 } }\ntests: { fail: [{ name: n }] }\n";
    let sources = SourceMap::new();
    let file = sources.add("a.yaml", text);
    let (document, diagnostics) = RuleDocument::parse(text, "a.yaml", file);
    assert!(document.is_none());
    let found: Vec<String> = diagnostics
        .iter()
        .map(|one| {
            let (_, at, _) = sources.locate(one.span).unwrap();
            let hint = one.hint.as_ref().map(|hint| format!("; {hint}")).unwrap_or_default();
            format!("{}:{} {}{hint}", at.line, at.column, one.message)
        })
        .collect();
    assert_eq!(
        found,
        [
            "8:1 `aliass` is not a known key of a rule file; did you mean `aliases`",
            "1:5 the id `A` has other letters than lower-case ones, digits and `-`",
            "2:8 `title` is empty",
            "1:1 a rule needs `fix`",
            "3:11 `hihg` is not a known severity; did you mean `high`",
            "4:18 a stage has the version it began with, like `0.1.0`",
            "5:1 a rule needs `applies_to`, the types of subjects it judges",
            "6:12 the control `x` is not written as `framework/requirement`",
            "9:34 `equal` is not a known operator; did you mean `equals`",
            "10:17 a test needs exactly one source, like `terraform` or `kubernetes`",
            "10:1 a rule needs at least one test under `pass`",
        ]
    );
}

#[test]
fn other_files_are_refused() {
    let check = |text: &str, expected: &str| {
        let (document, diagnostics) = RuleDocument::parse(text, "a.yaml", FileId(0));
        assert!(document.is_none());
        assert_eq!(diagnostics[0].message, expected, "{text}");
    };
    check("", "the file is empty");
    check("[1]", "a rule file is a map");
    check("id: a\n---\nid: b\n", "a rule file holds one rule");
    let (document, diagnostics) = RuleDocument::parse("a: [", "a.yaml", FileId(0));
    assert!(document.is_none() && !diagnostics.is_empty());
}

#[test]
fn what_stands_under_also_is_read_with_its_own_types() {
    let text = |also: &str| {
        format!(
            "id: a-rule\ntitle: t\nseverity: low\nstage: {{ stable: 0.1.0 }}\napplies_to: [t]\nwhy: w\nfix: f\ncheck: {{ fail_if: {{ path: a, equals: 1 }} }}\nalso: {also}\ntests:\n  fail: [{{ name: f, terraform: '' }}]\n  pass: [{{ name: p, cloudformation: '' }}]\n"
        )
    };
    let check = |also: &str, expected: &[&str]| {
        let (document, diagnostics) = RuleDocument::parse(&text(also), "a-rule.yaml", FileId(9));
        let said: Vec<&str> = diagnostics.iter().map(|one| &*one.message).collect();
        assert_eq!(said, expected, "{also}");
        assert_eq!(document.is_some(), expected.is_empty(), "{also}");
    };
    check("[{ applies_to: [u], fix: other, check: { fail_if: { path: b, equals: 1 } } }]", &[]);
    check("{}", &["`also` is a list of maps with `applies_to` and `check`"]);
    check("[u]", &["an entry of `also` is a map with `applies_to` and `check`"]);
    check("[{ applies_to: [u] }]", &["an entry of `also` needs a `check`"]);
    check("[{ check: { fail_if: true } }]", &["a rule needs `applies_to`, the types of subjects it judges"]);
    check("[{ applies_to: [t], check: { fail_if: true } }]", &["`t` is twice in `applies_to`"]);
    check("[{ applies_to: [u], chek: 1, check: { fail_if: true } }]", &["`chek` is not a known key of `also`"]);
    let (document, _) = RuleDocument::parse(&text("[{ applies_to: [u], fix: other, check: { fail_if: true } }]"), "a-rule.yaml", FileId(9));
    let meta = document.unwrap().meta;
    assert_eq!((&**meta.fix_for("t"), &**meta.fix_for("u"), meta.applies_to.len()), ("f", "other", 2));
}
