//! Loading, choosing, merging, explaining.
#![allow(
    clippy::disallowed_methods,
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    reason = "a test touches the world on purpose and fails by panicking"
)]

use std::sync::Arc;

use probity_catalog::{Catalog, Provenance, Selection, builtin};
use probity_core::{EvalContext, Program, Subject, SubjectIndex, SubjectKind, World};
use probity_testkit::MapTree;
use probity_value::{Map, SourceMap, Span, Value};

fn rule(id: &str, stage: &str, more: &str) -> String {
    format!(
        "id: {id}\ntitle: t\nseverity: low\nstage: {{ {stage} }}\napplies_to: [t]\nwhy: w\nfix: f\n{more}check: {{ fail_unless: {{ path: a, equals: 1 }} }}\ntests:\n  fail: [{{ name: n, terraform: 'resource \"t\" \"x\" {{}}' }}]\n  pass: [{{ name: n, terraform: 'resource \"t\" \"x\" {{ a = 1 }}' }}]\n"
    )
}

fn load(files: &[(&str, String)]) -> (Catalog, Vec<String>) {
    let tree = MapTree::new(files.iter().map(|(path, text)| (path.to_string(), text.clone())));
    let sources = SourceMap::new();
    let (catalog, diagnostics) = Catalog::load_folder(&tree, "mine", &sources);
    let shown = diagnostics
        .iter()
        .map(|one| {
            let at = sources.locate(one.span).map(|(_, at, _)| format!(":{}:{}", at.line, at.column)).unwrap_or_default();
            format!("{}{at}: {}", one.file, one.message)
        })
        .collect();
    (catalog, shown)
}

fn ids(catalog: &Catalog, selection: &Selection) -> Vec<String> {
    catalog.select(selection).iter().map(|meta| meta.id.to_string()).collect()
}

#[test]
fn a_folder_is_loaded() {
    let (catalog, faults) = load(&[
        ("mine/b/two.yaml", rule("b-two", "stable: 0.2.0", "aliases: [X_1]\n")),
        ("mine/a.yml", rule("a", "stable: 0.1.0", "aliases: [X_1, X_2]\n")),
        ("mine/notes.txt", "not a rule".to_owned()),
        ("other/c.yaml", "broken: [".to_owned()),
    ]);
    assert_eq!(faults, [""; 0]);
    assert_eq!(ids(&catalog, &Selection::default()), ["a", "b-two"]);
    assert_eq!(catalog.find("x_1").len(), 2);
    assert_eq!(catalog.find("A").len(), 1);
    assert!(catalog.find("X_3").is_empty());
    let explained = catalog.explain("b-two");
    assert_eq!(explained[0].provenance, Provenance::File("mine/b/two.yaml".into()));
    assert_eq!(explained[0].examples.len(), 2);
    assert_eq!(explained[0].examples[0].expect, "fail");
}

#[test]
fn broken_folders_say_where() {
    let check = |files: &[(&str, String)], expected: &[&str]| assert_eq!(load(files).1, expected);
    check(
        &[("mine/a.yaml", rule("b", "stable: 0.1.0", ""))],
        &["mine/a.yaml:1:5: the id `b` does not follow from the path, which gives `a`"],
    );
    check(
        &[("mine/a-b.yaml", rule("a-b", "stable: 0.1.0", "")), ("mine/a/b.yaml", rule("a-b", "stable: 0.1.0", ""))],
        &["mine/a/b.yaml:1:5: the id `a-b` is also used in `mine/a-b.yaml`"],
    );
    check(
        &[("mine/controls/own.yaml", "framework: other\ntitle: t\nsource: s\nrequirements: { '1': { title: x } }\n".to_owned())],
        &["mine/controls/own.yaml:1:1: the framework `other` stands in a file named `own`"],
    );
    let tree = MapTree::new([("mine/a.yaml", [0xff_u8, 0xfe].as_slice())]);
    let (_, diagnostics) = Catalog::load_folder(&tree, "mine", &SourceMap::new());
    assert_eq!(diagnostics[0].message, "the file is not UTF-8 text");
}

#[test]
fn selections() {
    let (catalog, _) = load(&[
        ("mine/a.yaml", rule("a", "stable: 0.1.0", "aliases: [X_1]\n")),
        ("mine/b.yaml", rule("b", "stable: 0.10.0", "")),
        ("mine/c.yaml", rule("c", "preview: 0.1.0", "")),
        ("mine/d.yaml", rule("d", "deprecated: 0.9.0", "")),
        ("mine/e.yaml", rule("e", "removed: 0.1.0", "")),
    ]);
    let check = |selection: Selection, expected: &[&str]| assert_eq!(ids(&catalog, &selection), expected, "{selection:?}");
    check(Selection::default(), &["a", "b", "d"]);
    check(Selection { preview: true, ..Selection::default() }, &["a", "b", "c", "d"]);
    check(Selection { pinned: Some("0.9.0".into()), ..Selection::default() }, &["a", "d"]);
    check(Selection { pinned: Some("0.10.0".into()), ..Selection::default() }, &["a", "b", "d"]);
    check(Selection { only: vec!["x_1".into(), "b".into()], ..Selection::default() }, &["a", "b"]);
    check(Selection { without: vec!["X_1".into()], ..Selection::default() }, &["b", "d"]);
    assert_eq!(catalog.program(&Selection::default()).rules().len(), 3);
}

#[test]
fn merging_never_replaces() {
    let (mut catalog, _) = load(&[("mine/a.yaml", rule("a", "stable: 0.1.0", ""))]);
    let (other, _) = load(&[("mine/a.yaml", rule("a", "stable: 0.1.0", "")), ("mine/b.yaml", rule("b", "stable: 0.1.0", ""))]);
    let before = catalog.digest();
    let diagnostics = catalog.merge(other);
    assert_eq!(diagnostics.len(), 1);
    assert_eq!(diagnostics[0].message, "there is a rule with the id `a` already");
    assert_eq!(ids(&catalog, &Selection::default()), ["a", "b"]);
    assert_ne!(catalog.digest(), before);
    let mut all = builtin().clone();
    assert!(all.merge(catalog).is_empty());
    assert_eq!(all.rules().len(), builtin().rules().len() + 2);
}

#[test]
fn digests_follow_what_judges() {
    let digest = |more: &str| load(&[("mine/a.yaml", rule("a", "stable: 0.1.0", more))]).0.digest();
    assert_eq!(digest(""), digest(""));
    assert_eq!(digest(""), digest("# a comment\n"));
    assert_ne!(digest(""), digest("waivable: false\n"));
}

#[test]
fn the_built_in_rules_judge() {
    let catalog = builtin();
    assert!(catalog.rules().len() > 0);
    let program = catalog.program(&Selection { only: vec!["CKV_AWS_16".into()], ..Selection::default() });
    let world = World::new(vec![Subject {
        kind: SubjectKind::Terraform,
        type_name: "aws_db_instance".into(),
        id: "aws_db_instance.d".into(),
        root: "".into(),
        span: Span::NONE,
        head: Span::NONE,
        value: Value::map(Map::new(), Span::NONE),
        via: vec![],
    }]);
    let results = program.evaluate(SubjectIndex(0), &world, &EvalContext::default());
    let found: Vec<(Arc<str>, &str)> = results.iter().map(|result| (Arc::clone(&result.rule.id), result.message.as_str())).collect();
    assert_eq!(found, [("aws-rds-instance-unencrypted".into(), "`storage_encrypted` is not set")]);
}

#[test]
fn controls_have_titles() {
    let explained = builtin().explain("aws-rds-instance-unencrypted");
    let control = explained[0].controls.iter().find(|control| &*control.id == "nist-800-53r5/SC-28").unwrap();
    assert_eq!(control.framework, "NIST SP 800-53 Rev. 5");
    assert_eq!(control.requirement, "Information at rest is protected");
    assert!(builtin().control("nist-800-53r5/XX-1").is_none());
}
