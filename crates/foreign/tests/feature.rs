//! Features of terraform-compliance on Terraform.
#![allow(clippy::unwrap_used, clippy::panic, clippy::indexing_slicing, reason = "tests")]

use std::sync::Arc;

use probity_core::{CollectOptions, EvalContext, Program, Scope, Source, SubjectIndex, World};
use probity_foreign::feature::{FeatureProgram, Scenario};
use probity_iac::terraform::TerraformSource;
use probity_testkit::MapTree;
use probity_value::{FileId, SourceMap};
use proptest::prelude::*;

fn world(text: &str) -> World {
    let tree = MapTree::new([("main.tf", text)]);
    let sources = SourceMap::new();
    let unclaimed = [Arc::from("main.tf")];
    let options = CollectOptions::default();
    let scope = Scope { tree: &tree, sources: &sources, unclaimed: &unclaimed, options: &options };
    World::new(TerraformSource.collect(&scope).subjects)
}

fn feature(steps: &str) -> String {
    format!("Feature: F\nScenario: S\n{steps}\n")
}

fn said(text: &str, world: &World) -> String {
    let (scenarios, said) = Scenario::parse(text, "f.feature", FileId(0));
    assert!(said.is_empty(), "{said:?}");
    let program = FeatureProgram::new(scenarios);
    let results = (0..u32::try_from(world.subjects().len()).unwrap())
        .flat_map(|place| program.evaluate(SubjectIndex(place), world, &EvalContext::default()));
    results.map(|result| format!("{} {}", world.subject(result.subject).unwrap().id, result.status)).collect::<Vec<_>>().join(", ")
}

fn check(steps: &str, text: &str, expected: &str) {
    assert_eq!(said(&feature(steps), &world(text)), expected, "{steps}\n{text}");
}

fn one(steps: &str, body: &str, status: &str) {
    let text = format!("variable \"v\" {{}}\nresource \"aws_t\" \"x\" {{\n{body}\n}}");
    let expected = if status.is_empty() { String::new() } else { format!("aws_t.x {status}") };
    check(&format!("Given I have aws_t defined\n{steps}"), &text, &expected);
}

#[test]
fn what_must_be_there() {
    one("Then it must contain tags", "tags = { a = 1 }", "pass");
    one("Then it must contain tags", "", "fail");
    one("Then it must contain tags", "tags = {}", "fail");
    one("Then it must contain tags", "tags = var.v", "unknown");
    one("Then it must have deep", "a {\n b {\n deep = 1\n }\n}", "pass");
    one("Then it must not contain access_key", "access_key = \"k\"", "fail");
    one("Then it must not contain access_key", "", "pass");
    one("Then encrypted must be enabled", "encrypted = true", "pass");
    one("Then encrypted must be enabled", "encrypted = false", "fail");
    one("Then it fails", "", "fail");
}

#[test]
fn values() {
    one("Then it must contain name\nAnd its value must match the \"^(dev|prod)-\" regex", "name = \"dev-1\"", "pass");
    one("Then it must contain name\nAnd its value must match the \"^(dev|prod)-\" regex", "name = \"x\"", "fail");
    one("Then it must contain name\nAnd its value must not match the \"bad\" regex", "name = \"bad\"", "fail");
    one("When it has name\nThen its value must be dev", "name = \"DEV\"", "pass");
    one("When it has name\nThen its value must be dev", "", "");
    one("When it has name\nThen its value must not be dev", "name = \"dev\"", "fail");
    one("When it has cidrs\nThen its value must contain a", "cidrs = [\"a\"]", "pass");
    one("When it has cidrs\nThen its value must not contain a", "cidrs = [\"a\"]", "fail");
    one("When it has days\nThen its value must be greater than 6", "days = 7", "pass");
    one("When it has days\nThen its value must be greater than 6", "days = 6", "fail");
    one("When it has days\nThen its value must be less and equal than 6", "days = 6", "pass");
    one("When it has name\nThen it must be in a, b", "name = \"b\"", "pass");
    one("When it has name\nThen it must not be in a, b", "name = \"b\"", "fail");
    one("Then its acl must be private", "acl = \"private\"", "pass");
    one("Then its encrypted property must be true", "encrypted = true", "pass");
    one("Then its acl must not be public", "acl = var.v", "unknown");
}

#[test]
fn filters() {
    one("When its name is x\nThen it fails", "", "fail");
    one("When its name is y\nThen it fails", "", "");
    one("When its acl is not private\nThen it fails", "acl = \"private\"", "");
    one("When its acl is private\nThen it fails", "acl = var.v", "unknown");
    one("When its address is aws_t.x\nThen it fails", "", "fail");
    one("When its provider_name is aws\nThen it fails", "", "fail");
    one("When its tags includes an entry where \"a\" is \"b c\"\nThen it fails", "tags = { a = \"b c\" }", "fail");
    one("When it does not have tags\nThen it fails", "tags = { a = 1 }", "");
    check("Given I have any resource defined\nThen it must contain tags", "resource \"a\" \"x\" {}\ndata \"b\" \"y\" {}", "a.x fail");
    check("Given I have AWS S3 Bucket defined\nThen it fails", "resource \"aws_s3_bucket\" \"x\" {}", "aws_s3_bucket.x fail");
    check(
        "Given I have aws provider configured\nThen it must not contain access_key",
        "provider \"aws\" {\n access_key = \"a\"\n}",
        "provider.aws fail",
    );
    let supports = "Given I have resource that supports tags defined\nThen it must contain tags";
    check(
        supports,
        "resource \"a\" \"x\" {\n tags = { b = 1 }\n}\nresource \"a\" \"y\" {}\nresource \"c\" \"z\" {}",
        "a.x pass, a.y fail, c.z unknown",
    );
}

#[test]
fn counting_and_references() {
    let many = "resource \"a\" \"x\" {}\nresource \"a\" \"y\" {\n to = a.x.id\n}\nresource \"b\" \"z\" {}";
    check("Given I have a resource defined\nWhen I count them\nThen I expect the result is equal to 3", many, "a.x pass");
    check("Given I have b defined\nWhen I count them\nThen I expect the result is more than 1", many, "b.z fail");
    check("Given I have b defined\nThen it must have a.x referenced", many, "b.z fail");
    check("Given I have a defined\nWhen its to reference is a.x\nThen it must have a.x referenced", many, "a.y pass");
}

#[test]
fn outlines_and_tags() {
    let outline = "Feature: Tags\nScenario Outline: All <k>\n Given I have a defined\n Then it must contain tags\n Then it must contain <k>\n Examples:\n | k |\n | one |\n | two |\n";
    let (scenarios, _) = Scenario::parse(outline, "f.feature", FileId(0));
    assert_eq!((scenarios.len(), &*scenarios[0].meta.id), (2, "tags-all-k"));
    assert_eq!(said(outline, &world("resource \"a\" \"x\" {\n tags = { one = 1 }\n}")), "a.x fail");
    assert_eq!(said(outline, &world("resource \"a\" \"x\" {\n tags = { one = 1, two = 2 }\n}")), "a.x pass");
    let excluded = "Feature: F\n@exclude_a.x\nScenario: S\nGiven I have a defined\nThen it fails\n";
    assert_eq!(said(excluded, &world("resource \"a\" \"x\" {}\nresource \"a\" \"y\" {}")), "a.y fail");
    let warned = excluded.replace("@exclude_a.x", "@nofail");
    assert_eq!(said(&warned, &world("resource \"a\" \"x\" {}")), "a.x warn");
}

#[test]
fn what_is_not_taken_over_is_said() {
    for wrong in [
        "Given I have a variable defined",
        "Given I have a defined\nThen I flatten all values found",
        "Given I have a defined\nThen it must only have tcp protocol and port 22 for 0.0.0.0/0",
        "Given I have a defined\nThen its value must match the \"(\" regex",
        "Given I have a defined\nThen encryption at rest is enabled",
        "Given I have a defined\nThen all is well",
    ] {
        let (found, said) = Scenario::parse(&feature(wrong), "f.feature", FileId(0));
        assert!(found.is_empty() && said.len() == 1, "{wrong} {said:?}");
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(200))]
    #[test]
    fn no_bytes_panic(text in "(Feature|Scenario|Scenario Outline|Examples|Given|When|Then|And|it|its|must|not|be|in|have|contain|value|[a-z0-9 \n|<>@\":*-]){0,40}") {
        let (scenarios, _) = Scenario::parse(&text, "f.feature", FileId(0));
        let world = world("resource \"a\" \"x\" {\n b = 1\n}");
        let _ = FeatureProgram::new(scenarios).evaluate(SubjectIndex(0), &world, &EvalContext::default());
    }
}
