//! tfsec's custom checks on Terraform.
#![allow(clippy::unwrap_used, clippy::panic, clippy::indexing_slicing, reason = "tests")]

use std::sync::Arc;

use probity_core::{CollectOptions, EvalContext, Program, Scope, Source, SubjectIndex, World};
use probity_foreign::tfsec::{CustomCheck, TfsecProgram};
use probity_iac::terraform::TerraformSource;
use probity_testkit::MapTree;
use probity_value::{FileId, SourceMap};

fn file(spec: &str) -> String {
    format!(
        "checks:\n- code: CUS001\n  description: d\n  requiredTypes: [resource]\n  requiredLabels: ['t*']\n  severity: HIGH\n  errorMessage: it is wrong\n  matchSpec: {spec}\n"
    )
}

fn check(spec: &str, text: &str, expected: &str) {
    let (checks, said) = CustomCheck::parse(&file(spec), "a_tfchecks.yaml", FileId(0));
    assert!(said.is_empty(), "{said:?}");
    let tree = MapTree::new([("main.tf", text)]);
    let sources = SourceMap::new();
    let unclaimed = [Arc::from("main.tf")];
    let options = CollectOptions::default();
    let scope = Scope { tree: &tree, sources: &sources, unclaimed: &unclaimed, options: &options };
    let world = World::new(TerraformSource.collect(&scope).subjects);
    let program = TfsecProgram::new(checks);
    let results: Vec<String> = (0..u32::try_from(world.subjects().len()).unwrap())
        .flat_map(|place| program.evaluate(SubjectIndex(place), &world, &EvalContext::default()))
        .map(|result| format!("{} {}", world.subject(result.subject).unwrap().id, result.status))
        .collect();
    assert_eq!(results.join(", "), expected, "{spec}\n{text}");
}

const PRESENT: &str = "{name: tags, action: isPresent}";

#[test]
fn actions() {
    let one = |spec: &str, body: &str, status: &str| {
        check(spec, &format!("variable \"v\" {{}}\nresource \"t\" \"x\" {{\n{body}\n}}"), &format!("t.x {status}"));
    };
    one(PRESENT, "tags = {}", "pass");
    one(PRESENT, "", "fail");
    one(PRESENT, "tags = var.v", "unknown");
    one("{name: a, action: notPresent}", "", "pass");
    one("{name: a, action: isEmpty}", "a = []", "pass");
    one("{name: a, action: equals, value: 5}", "a = 5", "pass");
    one("{name: a, action: equals, value: true}", "a = false", "fail");
    one("{name: a, action: equals, value: true}", "a = var.v", "unknown");
    one("{name: a, action: equals, value: true, ignoreUndefined: true}", "", "pass");
    one("{name: a, action: notEqual, value: x}", "a = \"y\"", "pass");
    one("{name: a, action: startsWith, value: x}", "a = \"xy\"", "pass");
    one("{name: a, action: endsWith, value: x}", "a = \"xy\"", "fail");
    one("{name: a, action: contains, value: key}", "a = { Key = 1 }", "pass");
    one("{name: a, action: contains, value: b}", "a = [\"b\"]", "pass");
    one("{name: a, action: notContains, value: b}", "a = [\"b\"]", "fail");
    one("{name: a, action: lessThan, value: 5}", "a = 4", "pass");
    one("{name: a, action: greaterThanOrEqualTo, value: 5}", "a = 4", "fail");
    one("{name: a, action: regexMatches, value: '^x.+$'}", "a = \"xy\"", "pass");
    one("{name: a, action: isAny, value: [1, 2]}", "a = 2", "pass");
    one("{name: a, action: isNone, value: [1, 2]}", "a = 2", "fail");
    one("{action: hasTag, value: Owner}", "tags = { Owner = \"me\" }", "pass");
    one("{action: hasTag, value: Owner}", "", "fail");
    one("{action: ofType, value: [t]}", "", "pass");
    one("{action: inModule}", "", "fail");
}

#[test]
fn together() {
    let body = "resource \"t\" \"x\" {\n a { b = 1 }\n a { b = 2 }\n}";
    check("{name: a, action: isPresent, subMatch: {name: b, action: greaterThan, value: 0}}", body, "t.x pass");
    check("{name: a, action: isPresent, subMatch: {name: b, action: equals, value: 1}}", body, "t.x fail");
    check("{action: not, predicateMatchSpec: [{name: a, action: isPresent}]}", body, "t.x fail");
    check("{action: and, predicateMatchSpec: [{name: a, action: isPresent}, {name: c, action: isPresent}]}", body, "t.x fail");
    check("{action: or, predicateMatchSpec: [{name: a, action: isPresent}, {name: c, action: isPresent}]}", body, "t.x pass");
    check("{name: c, action: isPresent, preConditions: [{name: d, action: isPresent}]}", body, "t.x pass");
    check("{name: t2, action: requiresPresence}", "resource \"t\" \"x\" {}\nresource \"t2\" \"y\" {}", "t.x pass, t2.y pass");
    check("{name: other, action: requiresPresence}", "resource \"t\" \"x\" {}", "t.x fail");
    check(PRESENT, "resource \"u\" \"x\" {}\ndata \"t\" \"y\" {}", "");
    check(
        "{action: hasTag, value: A}",
        "provider \"t\" {\n default_tags {\n tags = { A = 1 }\n }\n}\nresource \"t_x\" \"x\" {}",
        "t_x.x pass",
    );
}

#[test]
fn what_is_not_understood_is_said() {
    let wrong = |spec: &str, expected: &str| {
        let (_, said) = CustomCheck::parse(&file(spec), "a_tfchecks.yaml", FileId(0));
        assert!(said.len() == 1 && said[0].message.contains(expected), "{spec} {said:?}");
    };
    wrong("{name: a, action: isPresnt}", "did you mean `isPresent`");
    wrong("{name: a, act: isPresent}", "the key `act` is not known");
    wrong("{name: a, action: regexMatches, value: '('}", "no regular expression");
    wrong("{action: and}", "wants a `predicateMatchSpec`");
    wrong("{name: a, action: equals, value: TFSEC_VAR_X}", "variables of a check");
    assert!(!CustomCheck::parse("a: [", "a_tfchecks.yaml", FileId(0)).1.is_empty());
    assert!(!CustomCheck::parse("a: 1", "a_tfchecks.yaml", FileId(0)).1.is_empty());
}
