//! Checkov policies on real sources: which resources pass, fail, cannot be known.
#![allow(clippy::unwrap_used, clippy::panic, clippy::indexing_slicing, reason = "tests")]

use std::sync::Arc;

use probity_core::{CollectOptions, EvalContext, Program, Scope, SubjectIndex, World};
use probity_foreign::checkov::{CheckovProgram, Policy};
use probity_foreign::{Kind, kind, load_folder};
use probity_testkit::MapTree;
use probity_value::{FileId, SourceMap};
use proptest::prelude::*;

fn policy(definition: &str) -> String {
    format!("metadata:\n  id: C_1\n  name: n\n  category: NETWORKING\ndefinition:\n{}\n", indented(definition))
}

fn indented(text: &str) -> String {
    text.lines().map(|line| format!("  {line}")).collect::<Vec<_>>().join("\n")
}

fn parse(text: &str) -> Policy {
    let (policy, diagnostics) = Policy::parse(text, "p.yaml", FileId(9));
    assert!(diagnostics.is_empty(), "{diagnostics:?}\n{text}");
    policy.unwrap()
}

fn world(path: &str, text: &str) -> World {
    let tree = MapTree::new([(path, text)]);
    let sources = SourceMap::new();
    let unclaimed = [Arc::from(path)];
    let options = CollectOptions::default();
    let scope = Scope { tree: &tree, sources: &sources, unclaimed: &unclaimed, options: &options };
    for source in probity_iac::SOURCES {
        let found = source.collect(&scope);
        if !found.subjects.is_empty() {
            return World::new(found.subjects);
        }
    }
    World::new(Vec::new())
}

/// `id status` of every result, in order.
fn said(policy: Policy, world: &World) -> Vec<String> {
    let program = CheckovProgram::new(vec![policy]);
    let count = u32::try_from(world.subjects().len()).unwrap();
    let results = (0..count).flat_map(|place| program.evaluate(SubjectIndex(place), world, &EvalContext::default()));
    let mut out: Vec<String> = results.map(|result| format!("{} {}", world.subject(result.subject).unwrap().id, result.status)).collect();
    out.sort();
    out
}

fn terraform(definition: &str, text: &str, expected: &[&str]) {
    let found = said(parse(&policy(definition)), &world("main.tf", text));
    assert_eq!(found, expected, "{definition}\n{text}");
}

#[test]
fn attributes() {
    let encrypted = "cond_type: attribute\nresource_types: [t]\nattribute: a.b\noperator: equals\nvalue: true";
    terraform(encrypted, r#"resource "t" "x" { a { b = true } }"#, &["t.x pass"]);
    terraform(encrypted, r#"resource "t" "x" { a { b = "true" } }"#, &["t.x pass"]);
    terraform(encrypted, r#"resource "t" "x" { a { b = false } }"#, &["t.x fail"]);
    terraform(encrypted, r#"resource "t" "x" {}"#, &["t.x fail"]);
    terraform(encrypted, r#"resource "u" "x" {}"#, &[]);
    terraform(encrypted, "variable \"v\" {}\nresource \"t\" \"x\" { a { b = var.v } }", &["t.x unknown"]);
    terraform(encrypted, "variable \"v\" {\n default = true\n}\nresource \"t\" \"x\" { a { b = var.v } }", &["t.x pass"]);
}

#[test]
fn several_values() {
    let none = "cond_type: attribute\nresource_types: [t]\nattribute: ingress.*.cidr_blocks\noperator: not_contains\nvalue: 0.0.0.0/0";
    let blocks = |first: &str, second: &str| {
        format!("resource \"t\" \"x\" {{\n ingress {{ cidr_blocks = [{first}] }}\n ingress {{ cidr_blocks = [{second}] }}\n}}")
    };
    terraform(none, &blocks("\"10.0.0.0/8\"", "\"10.0.0.0/8\""), &["t.x pass"]);
    terraform(none, &blocks("\"10.0.0.0/8\"", "\"0.0.0.0/0\""), &["t.x fail"]);
    terraform(none, &format!("variable \"v\" {{}}\n{}", blocks("\"10.0.0.0/8\"", "var.v")), &["t.x unknown"]);
    terraform(none, &format!("variable \"v\" {{}}\n{}", blocks("\"0.0.0.0/0\"", "var.v")), &["t.x fail"]);
    let some = "cond_type: attribute\nresource_types: [t]\nattribute: parameter.*.name\noperator: equals\nvalue: log";
    terraform(some, "resource \"t\" \"x\" {\n parameter { name = \"a\" }\n parameter { name = \"log\" }\n}", &["t.x pass"]);
}

#[test]
fn json_paths() {
    let flag =
        "cond_type: attribute\nresource_types: [t]\nattribute: \"flags[?(@.name == 'ssl')].value\"\noperator: jsonpath_equals\nvalue: '1'";
    let flags = |name: &str, value: &str| {
        format!(
            "variable \"v\" {{}}\nresource \"t\" \"x\" {{\n flags {{\n  name = {name}\n  value = {value}\n }}\n flags {{ name = \"other\" }}\n}}"
        )
    };
    terraform(flag, &flags("\"ssl\"", "1"), &["t.x pass"]);
    terraform(flag, &flags("\"ssl\"", "0"), &["t.x fail"]);
    terraform(flag, &flags("\"tls\"", "1"), &["t.x fail"]);
    terraform(flag, &flags("var.v", "1"), &["t.x unknown"]);
    terraform(flag, &flags("var.v", "0"), &["t.x fail"]);
    let policy = "cond_type: attribute\nresource_types: [t]\nattribute: policy.Statement[?(@.Effect == Allow)].Action[*]\noperator: jsonpath_not_equals\nvalue: '*'";
    terraform(
        policy,
        "resource \"t\" \"x\" {\n policy = jsonencode({ Statement = [{ Effect = \"Allow\", Action = \"*\" }] })\n}",
        &["t.x fail"],
    );
    terraform(
        policy,
        "resource \"t\" \"x\" {\n policy = jsonencode({ Statement = [{ Effect = \"Deny\", Action = \"*\" }] })\n}",
        &["t.x pass"],
    );
}

#[test]
fn and_or_not() {
    let leaf = |name: &str| format!("{{cond_type: attribute, resource_types: [t], attribute: {name}, operator: exists}}");
    let text = r#"resource "t" "x" { a = 1 }"#;
    terraform(&format!("and: [{}, {}]", leaf("a"), leaf("b")), text, &["t.x fail"]);
    terraform(&format!("or: [{}, {}]", leaf("a"), leaf("b")), text, &["t.x pass"]);
    terraform(&format!("not: {}", leaf("b")), text, &["t.x pass"]);
    terraform(&format!("not: [{}]", leaf("a")), text, &["t.x fail"]);
    terraform(&format!("- {}\n- {}", leaf("a"), leaf("a")), text, &["t.x pass"]);
    terraform(&format!("and: {}", leaf("a")), text, &["t.x pass"]);
}

const LOGGED: &str = "and:\n- {cond_type: filter, attribute: resource_type, operator: within, value: [bucket]}\n- {cond_type: connection, resource_types: [bucket], connected_resource_types: [logging], operator: exists}";

#[test]
fn connections() {
    terraform(LOGGED, "resource \"bucket\" \"b\" {}\nresource \"logging\" \"l\" {\n bucket = bucket.b.id\n}", &["bucket.b pass"]);
    terraform(LOGGED, "resource \"bucket\" \"b\" {}\nresource \"logging\" \"l\" {}", &["bucket.b fail"]);
    let not = LOGGED.replace("operator: exists", "operator: not_exists");
    terraform(&not, "resource \"bucket\" \"b\" {}\nresource \"logging\" \"l\" {\n bucket = bucket.b.id\n}", &["bucket.b fail"]);
    terraform(&not, "resource \"bucket\" \"b\" {}", &["bucket.b pass"]);
    let with = format!("{LOGGED}\n- {{cond_type: attribute, resource_types: [logging], attribute: on, operator: equals, value: true}}");
    let two = |first: &str, second: &str| {
        format!(
            "variable \"v\" {{}}\nresource \"bucket\" \"b\" {{}}\nresource \"logging\" \"l\" {{\n bucket = bucket.b.id\n on = {first}\n}}\nresource \"logging\" \"m\" {{\n bucket = bucket.b.id\n on = {second}\n}}"
        )
    };
    terraform(&with, &two("true", "true"), &["bucket.b pass"]);
    terraform(&with, &two("true", "false"), &["bucket.b fail"]);
    terraform(&with, &two("true", "var.v"), &["bucket.b unknown"]);
    terraform(&with.replace("operator: exists", "operator: one_exists"), &two("true", "true"), &["bucket.b pass"]);
}

#[test]
fn resources_and_every_type() {
    terraform(
        "cond_type: resource\nresource_types: [t]\noperator: exists",
        "resource \"t\" \"x\" {}\nresource \"u\" \"y\" {}",
        &["t.x pass", "u.y fail"],
    );
    terraform(
        "cond_type: resource\nresource_types: [t]\noperator: not_exists",
        "resource \"t\" \"x\" {}\nresource \"u\" \"y\" {}",
        &["t.x fail"],
    );
    terraform(
        "cond_type: attribute\nresource_types: all\nattribute: tags\noperator: exists",
        "resource \"aws_t\" \"x\" {}",
        &["aws_t.x fail"],
    );
    let aws = "metadata: {id: C_1, name: n, category: c}\nscope: {provider: aws}\ndefinition: {cond_type: attribute, resource_types: all, attribute: tags, operator: exists}";
    let found = said(parse(aws), &world("main.tf", "resource \"aws_t\" \"x\" {}\nresource \"google_t\" \"y\" {}"));
    assert_eq!(found, ["aws_t.x fail"]);
}

#[test]
fn other_languages() {
    let cloud =
        "cond_type: attribute\nresource_types: ['AWS::S3::Bucket']\nattribute: AccessControl\noperator: not_equals\nvalue: PublicRead";
    let template = "Resources:\n  B:\n    Type: AWS::S3::Bucket\n    Properties:\n      AccessControl: PublicRead\n";
    assert_eq!(said(parse(&policy(cloud)), &world("t.yaml", template)), ["B fail"]);
    let pods = "cond_type: attribute\nresource_types: [Pod]\nattribute: spec.hostNetwork\noperator: not_equals\nvalue: true";
    let deployment = "apiVersion: apps/v1\nkind: Deployment\nmetadata: {name: d}\nspec:\n  template:\n    spec: {hostNetwork: true}\n";
    let found = said(parse(&policy(pods)), &world("d.yaml", deployment));
    assert!(found.len() == 1 && found[0].ends_with("fail"), "{found:?}");
    let covered = "and:\n- {cond_type: filter, attribute: resource_type, operator: within, value: [Pod]}\n- {cond_type: connection, resource_types: [Pod, Deployment], connected_resource_types: [NetworkPolicy], operator: exists}";
    let with_labels = |labels: &str| {
        format!(
            "apiVersion: apps/v1\nkind: Deployment\nmetadata: {{name: d}}\nspec:\n  template:\n    metadata: {{labels: {{app: {labels}}}}}\n    spec: {{}}\n---\napiVersion: networking.k8s.io/v1\nkind: NetworkPolicy\nmetadata: {{name: n}}\nspec:\n  podSelector: {{matchLabels: {{app: web}}}}\n"
        )
    };
    for (labels, status) in [("web", "pass"), ("other", "fail")] {
        let found = said(parse(&policy(covered)), &world("d.yaml", &with_labels(labels)));
        assert!(found.len() == 1 && found[0].ends_with(status), "{labels} {found:?}");
    }
    let run = "cond_type: attribute\nresource_types: [RUN]\nattribute: value\noperator: not_contains\nvalue: sudo";
    let found = said(parse(&policy(run)), &world("Dockerfile", "FROM a\nRUN sudo b\n"));
    assert!(found.len() == 1 && found[0].ends_with("fail"), "{found:?}");
}

#[test]
fn what_a_policy_says_of_itself() {
    let text = "metadata:\n  id: CKV2_CUSTOM_1\n  name: Buckets are logged\n  category: LOGGING\n  severity: HIGH\n  guideline: https://example.com/logs\n  frameworks: [Terraform]\ndefinition: {cond_type: attribute, resource_types: [b], attribute: a, operator: exists}";
    let meta = parse(text).meta;
    assert_eq!(
        (&*meta.id, meta.severity.as_str(), meta.engine, &*meta.fix),
        ("CKV2_CUSTOM_1", "high", "checkov", "https://example.com/logs")
    );
    assert_eq!(
        parse(&policy("{cond_type: attribute, resource_types: [b], attribute: a, operator: exists}")).meta.severity.as_str(),
        "medium"
    );
    let json = r#"{"metadata":{"id":"J","name":"n","category":"c"},"definition":{"cond_type":"attribute","resource_types":["b"],"attribute":"a","operator":"exists"}}"#;
    assert!(Policy::parse(json, "p.json", FileId(0)).0.is_some());
}

#[test]
fn what_is_not_understood_is_said() {
    let check = |text: &str, expected: &str| {
        let (read, said) = Policy::parse(text, "p.yaml", FileId(0));
        assert!(read.is_none() && said.len() == 1, "{text} {said:?}");
        let hint = said[0].hint.clone().unwrap_or_default();
        assert!(format!("{} {hint}", said[0].message).contains(expected), "{text} {said:?}");
    };
    check("a: 1", "`metadata` is missing");
    check("metadata: {id: a, name: b}\ndefinition: {}", "`metadata.category` is missing");
    check("metadata: {id: a, name: b, category: c}", "`definition` is missing");
    let wrong = |definition: &str, expected: &str| check(&policy(definition), expected);
    wrong("cond_type: attribute\nresource_types: [t]\nattribute: a\noperator: equal\nvalue: 1", "did you mean `equals`");
    wrong("cond_type: attribut\nresource_types: [t]\nattribute: a\noperator: equals", "did you mean `attribute`");
    wrong("cond_type: attribute\nresource_types: [t]\nattribut: a\noperator: equals", "did you mean `attribute`");
    wrong("cond_type: attribute\nresource_types: [t]\noperator: equals", "`attribute` is missing");
    wrong("cond_type: connection\nresource_types: [t]\noperator: exists", "wants `resource_types` and `connected_resource_types`");
    wrong("cond_type: attribute\nresource_types: [t]\nattribute: a\noperator: regex_match\nvalue: '('", "no regular expression");
    wrong("cond_type: attribute\nresource_types: taggable\nattribute: tags\noperator: exists", "taggable");
    wrong("and: [{cond_type: attribute, resource_types: [t], attribute: a, operator: exists}]\nor: [1]", "side by side");
    wrong("not: [1, 2]", "a condition is wanted");
    wrong("[1]", "a condition is wanted");
    check("metadata: {id: a, name: b, category: c, severity: bad}\ndefinition: {}", "the severity `bad`");
    check("metadata: {id: a, name: b, category: c, frameworks: [ansible]}\ndefinition: {}", "are not read here");
}

#[test]
fn whose_file_it_is() {
    let ours = "id: a\ncheck: {}\n";
    let theirs = policy("{cond_type: resource, resource_types: [t], operator: exists}");
    assert_eq!(kind("a.yaml", ours), None);
    assert_eq!(kind("a.yaml", &theirs), Some(Kind::Checkov));
    assert_eq!(kind("a.txt", &theirs), None);
    assert_eq!(kind("a.json", r#"{"metadata": {}, "definition": {}}"#), Some(Kind::Checkov));
    let tree = MapTree::new([("p/a.yaml", theirs.as_str()), ("p/b.yaml", ours), ("p/c.yaml", "metadata: 1\ndefinition: 2\n")]);
    let loaded = load_folder(&tree, "p", &SourceMap::new());
    assert_eq!((loaded.programs.len(), loaded.files.len(), loaded.diagnostics.len()), (1, 2, 1));
}

#[test]
fn deep_and_wide_policies_end() {
    let mut deep = String::from("metadata: {id: a, name: b, category: c}\ndefinition: ");
    deep.push_str(&"{not: ".repeat(500));
    deep.push_str("{}");
    deep.push_str(&"}".repeat(500));
    assert!(Policy::parse(&deep, "p.yaml", FileId(0)).0.is_none());
    let path = format!("cond_type: attribute\nresource_types: [t]\nattribute: '{}a'\noperator: jsonpath_exists", "$..".repeat(80));
    assert!(Policy::parse(&policy(&path), "p.yaml", FileId(0)).0.is_none());
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(200))]
    #[test]
    fn no_bytes_panic(at in 0_usize..400, with in "[\\[\\]{}:,'\"?@.*&|a-z0-9 \n-]{0,6}") {
        let seed = policy("and:\n- {cond_type: attribute, resource_types: [t], attribute: \"a[?(@.b == 'c' & @.d > 1)].e\", operator: jsonpath_equals, value: 1}\n- {cond_type: connection, resource_types: [t], connected_resource_types: [u], operator: exists}");
        let mut text = seed.clone();
        let at = at.min(text.len());
        if text.is_char_boundary(at) {
            text.insert_str(at, &with);
        }
        if let (Some(policy), _) = Policy::parse(&text, "p.yaml", FileId(0)) {
            let _ = said(policy, &world("main.tf", "resource \"t\" \"x\" {\n a {\n b = \"c\"\n d = 2\n }\n}"));
        }
    }
}
