//! `conformance/semantics`: small Terraform programs whose truth is known, each judged by one built-in rule. `cargo xtask conformance
//! semantics` prints them as a table, with another tool's answers.
#![allow(
    clippy::disallowed_methods,
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    reason = "a test touches the world on purpose and fails by panicking"
)]

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::sync::Arc;

use probity_catalog::{Selection, builtin};
use probity_core::{CollectOptions, EvalContext, Program as _, Scope, SubjectIndex, Tree as _, World};
use probity_testkit::MapTree;
use probity_value::{FileId, SourceMap, Value, yaml};

/// The truth by address; `none` where the address is not judged at all.
type Truth = BTreeMap<String, String>;

struct Case {
    name: String,
    rule: Arc<str>,
    files: Vec<(String, String)>,
    options: CollectOptions,
    truth: Truth,
}

fn text(value: &Value) -> String {
    value.as_str().unwrap_or_default().to_owned()
}

/// The cases of all files, refusing what is not understood.
fn cases() -> Vec<Case> {
    let folder = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("../../conformance/semantics");
    let mut paths: Vec<PathBuf> = std::fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path()).collect();
    paths.retain(|path| path.extension().is_some_and(|extension| extension == "yaml"));
    paths.sort();
    let mut out = Vec::new();
    for path in paths {
        let (documents, problems) = yaml::parse(&std::fs::read_to_string(&path).unwrap(), FileId::NONE);
        assert!(problems.is_empty(), "{}: {problems:?}", path.display());
        let [document] = documents.as_slice() else { panic!("{} holds one document", path.display()) };
        let file = &document.value;
        for case in file.get("cases").and_then(Value::as_list).unwrap() {
            let name = format!("{}: {}", text(file.get("feature").unwrap()), text(case.get("name").unwrap()));
            for key in case.as_map().unwrap().keys() {
                let known = ["name", "rule", "checkov", "terraform", "files", "var_files", "workspace", "truth"];
                assert!(known.contains(&&**key), "{name}: `{key}` is no key of a case");
            }
            let of = |key: &str| case.get(key).or_else(|| file.get(key));
            let mut files: Vec<(String, String)> = Vec::new();
            files.extend(case.get("terraform").map(|main| ("main.tf".to_owned(), text(main))));
            files.extend(
                case.get("files")
                    .and_then(Value::as_map)
                    .into_iter()
                    .flat_map(|map| map.iter())
                    .map(|(path, entry)| (path.to_string(), text(&entry.value))),
            );
            let var_files = case.get("var_files").and_then(Value::as_list).unwrap_or_default();
            let plain = CollectOptions::default();
            let options = CollectOptions {
                variable_files: var_files.iter().map(|file| text(file).into()).collect(),
                workspace: case.get("workspace").map_or(plain.workspace.clone(), |name| text(name).into()),
                ..plain
            };
            let truth =
                case.get("truth").and_then(Value::as_map).unwrap().iter().map(|(address, entry)| (address.to_string(), text(&entry.value)));
            out.push(Case { name, rule: text(of("rule").unwrap()).into(), files, options, truth: truth.collect() });
        }
    }
    out
}

/// What the rule says, by address; with the root before it where that is not the top.
fn said(case: &Case) -> Truth {
    let tree = MapTree::new(case.files.iter().map(|(path, text)| (path.as_str(), text.as_str())));
    let sources = SourceMap::new();
    let mut unclaimed: Vec<Arc<str>> = tree.files().iter().map(|file| Arc::clone(&file.path)).collect();
    let mut subjects = Vec::new();
    for source in probity_iac::SOURCES {
        let found = source.collect(&Scope { tree: &tree, sources: &sources, unclaimed: &unclaimed, options: &case.options });
        let coverage = found.coverage;
        let claimed = |path: &Arc<str>| {
            coverage.read.iter().any(|read| read.file == *path) || coverage.skipped.iter().any(|skipped| skipped.file == *path)
        };
        unclaimed.retain(|path| !claimed(path));
        subjects.extend(found.subjects);
    }
    let world = World::new(subjects);
    let program = builtin().program(&Selection { only: vec![Arc::clone(&case.rule)], preview: true, ..Selection::default() });
    assert_eq!(program.rules().len(), 1, "{}: `{}` is one rule", case.name, case.rule);
    let mut out = Truth::new();
    for (position, subject) in world.subjects().iter().enumerate() {
        for result in program.evaluate(SubjectIndex(u32::try_from(position).unwrap()), &world, &EvalContext::default()) {
            let address = if subject.root.is_empty() { subject.id.to_string() } else { format!("{}:{}", subject.root, subject.id) };
            out.insert(address, result.status.as_str().to_owned());
        }
    }
    out
}

#[test]
fn every_program_is_judged_by_its_truth() {
    let cases = cases();
    let mut wrong = Vec::new();
    for case in &cases {
        let mut truth = case.truth.clone();
        assert!(truth.values().all(|word| ["fail", "pass", "unknown", "none"].contains(&word.as_str())), "{}: {truth:?}", case.name);
        truth.retain(|_, word| word != "none");
        let said = said(case);
        if said != truth {
            wrong.push(format!("{}\n    truth {truth:?}\n    said  {said:?}", case.name));
        }
    }
    assert!(wrong.is_empty(), "{} of {} programs:\n{}", wrong.len(), cases.len(), wrong.join("\n"));
    assert!(cases.len() >= 200, "the suite has {} programs", cases.len());
}

/// A plan beside its source, or alone: the values it has decide, and what the source says of silence and places stays.
#[test]
fn plans_are_judged_like_what_they_plan() {
    let check = |rule: &str, files: &[(&str, &str)], expected: &[(&str, &str)]| {
        let case = Case {
            name: rule.to_owned(),
            rule: rule.into(),
            files: files.iter().map(|(path, text)| ((*path).to_owned(), (*text).to_owned())).collect(),
            options: CollectOptions::default(),
            truth: Truth::new(),
        };
        let expected: Truth = expected.iter().map(|(address, word)| ((*address).to_owned(), (*word).to_owned())).collect();
        assert_eq!(said(&case), expected, "{files:?}");
    };
    let source = "variable \"on\" {\n  type = bool\n}\nresource \"aws_db_instance\" \"d\" {\n  count             = 2\n  storage_encrypted = var.on || count.index == 0\n}\n";
    let instance = |index: usize, on: bool| {
        format!(
            r#"{{"address":"aws_db_instance.d[{index}]","mode":"managed","type":"aws_db_instance","name":"d","index":{index},"values":{{"storage_encrypted":{on},"kms_key_id":null}}}}"#
        )
    };
    let plan = |resources: &str| format!(r#"{{"format_version":"1.2","planned_values":{{"root_module":{{"resources":[{resources}]}}}}}}"#);
    let both = plan(&format!("{},{}", instance(0, true), instance(1, false)));
    let encrypted = "aws-rds-instance-unencrypted";
    check(encrypted, &[("main.tf", source)], &[("aws_db_instance.d[0]", "pass"), ("aws_db_instance.d[1]", "unknown")]);
    check(encrypted, &[("main.tf", source), ("tfplan.json", &both)], &[("aws_db_instance.d[0]", "pass"), ("aws_db_instance.d[1]", "fail")]);
    check(
        encrypted,
        &[("tfplan.json", &both)],
        &[("tfplan.json:aws_db_instance.d[0]", "pass"), ("tfplan.json:aws_db_instance.d[1]", "fail")],
    );
    // Connections: known only after apply, and still whose they are.
    let bucket = |kind: &str, name: &str| {
        format!(
            r#"{{"address":"{kind}.{name}","mode":"managed","type":"{kind}","name":"{name}","values":{{"block_public_acls":true,"block_public_policy":true,"ignore_public_acls":true,"restrict_public_buckets":true}}}}"#
        )
    };
    let (b, block) = ("aws_s3_bucket", "aws_s3_bucket_public_access_block");
    let text = format!(
        r#"{{"format_version":"1.2","planned_values":{{"root_module":{{"resources":[{},{},{}]}}}},
            "resource_changes":[{{"address":"{block}.x","mode":"managed","type":"{block}","change":{{"actions":["create"],"after":{{}},"after_unknown":{{"bucket":true,"id":true}}}}}}],
            "configuration":{{"root_module":{{"resources":[
                {{"mode":"managed","type":"{b}","name":"one","expressions":{{}}}},{{"mode":"managed","type":"{b}","name":"two","expressions":{{}}}},
                {{"mode":"managed","type":"{block}","name":"x","expressions":{{"bucket":{{"references":["{b}.one.id","{b}.one"]}}}}}}]}}}}}}"#,
        bucket(b, "one"),
        bucket(b, "two"),
        bucket(block, "x")
    );
    check(
        "aws-s3-no-public-access-block",
        &[("p.json", &text)],
        &[("p.json:aws_s3_bucket.one", "pass"), ("p.json:aws_s3_bucket.two", "fail")],
    );
}

#[test]
fn names_are_used_once() {
    let mut names: Vec<String> = cases().into_iter().map(|case| case.name).collect();
    names.sort();
    let before = names.len();
    names.dedup();
    assert_eq!(names.len(), before);
}
