//! Policies judged through the public API.
#![allow(clippy::unwrap_used, reason = "a test")]

use std::sync::Arc;

use probity_admission::compile;
use probity_core::{
    Inventory, Level, Limits, Lookup, LookupError, Operation, Phase, Policy, PolicyContext, PolicyDocument, Question, Request, Timestamp,
};
use probity_value::{FileId, Value, json, yaml};

/// One ConfigMap, and nothing else.
struct Params;

impl Lookup for Params {
    fn ask(&self, question: &Question) -> Result<Value, LookupError> {
        match question {
            Question::Object { name, .. } if &**name == "limits" => Ok(parse(r#"{"data":{"most":"3"}}"#)),
            Question::Objects { selector, .. } if &**selector == "for=limits" => Ok(parse(
                r#"{"items":[{"metadata":{"labels":{"for":"limits"}},"data":{"most":"3"}},{"metadata":{"labels":{"for":"limits"}},"data":{"most":"9"}}]}"#,
            )),
            Question::Objects { .. } => Ok(parse(r#"{"items":[]}"#)),
            _ => Err(LookupError::Absent(question.subject())),
        }
    }
}

fn parse(text: &str) -> Value {
    json::parse(text, FileId::NONE).0
}

fn documents(text: &str) -> Vec<PolicyDocument> {
    let (documents, problems) = yaml::parse(text, FileId(0));
    assert!(problems.is_empty(), "{problems:?}");
    documents.into_iter().map(|document| PolicyDocument { file: "p.yaml".into(), value: document.value }).collect()
}

fn load(text: &str) -> Vec<Arc<dyn Policy>> {
    let (policies, said) = compile(&documents(text));
    let errors: Vec<&str> = said.iter().filter(|one| one.level == Level::Error).map(|one| &*one.message).collect();
    assert!(errors.is_empty(), "{errors:?}");
    policies
}

/// Outcomes as `status: message`.
fn judge(policies: &[Arc<dyn Policy>], request: &Request) -> Vec<String> {
    let inventory = Arc::new(Inventory::default());
    let context = PolicyContext {
        lookup: &Params,
        inventory: &inventory,
        limits: Limits::default(),
        now: Timestamp { seconds: 0, nanoseconds: 0 },
        interrupted: &|| false,
    };
    let mut out = Vec::new();
    for policy in policies {
        for phase in Phase::ALL {
            for outcome in policy.evaluate(*phase, request, &context) {
                let mut text = format!("{}: {}", outcome.status, outcome.message);
                if let Some(object) = &outcome.mutated {
                    text += &json::write(object).unwrap();
                }
                out.push(text);
            }
        }
    }
    out
}

fn policy(spec: &str) -> String {
    format!(
        "apiVersion: admissionregistration.k8s.io/v1
kind: ValidatingAdmissionPolicy
metadata: {{name: p}}
spec:
  matchConstraints: {{resourceRules: [{{apiGroups: [apps], apiVersions: [v1], operations: [CREATE, UPDATE], resources: [deployments]}}]}}
{spec}"
    )
}

fn deployment(replicas: i64) -> Request {
    Request::create(parse(&format!(
        r#"{{"apiVersion":"apps/v1","kind":"Deployment","metadata":{{"name":"d","namespace":"n","labels":{{"app":"web"}}}},"spec":{{"replicas":{replicas}}}}}"#
    )))
}

fn check(spec: &str, replicas: i64, expected: &[&str]) {
    assert_eq!(judge(&load(&policy(spec)), &deployment(replicas)), expected, "{spec}");
}

#[test]
fn validations_judge_with_messages() {
    check("  validations: [{expression: object.spec.replicas <= 5}]", 3, &["pass: "]);
    check("  validations: [{expression: object.spec.replicas <= 5}]", 7, &["fail: failed expression: object.spec.replicas <= 5"]);
    check("  validations: [{expression: object.spec.replicas <= 5, message: too many}]", 7, &["fail: too many"]);
    check(
        "  validations: [{expression: object.spec.replicas <= 5, message: too many, messageExpression: \"'not ' + string(object.spec.replicas)\"}]",
        7,
        &["fail: not 7"],
    );
    // A message expression that fails or says nothing leaves the fixed message.
    check(
        "  validations: [{expression: object.spec.replicas <= 5, message: too many, messageExpression: \"string(object.spec.nothing)\"}]",
        7,
        &["fail: too many"],
    );
    check(
        "  validations: [{expression: object.spec.replicas <= 5, message: a}, {expression: object.spec.replicas <= 6, message: b}]",
        7,
        &["fail: a", "fail: b"],
    );
}

#[test]
fn variables_see_those_before_them() {
    check(
        "  variables: [{name: n, expression: object.spec.replicas}, {name: twice, expression: variables.n * 2}]
  validations: [{expression: variables.twice < 10}]",
        7,
        &["fail: failed expression: variables.twice < 10"],
    );
}

#[test]
fn match_conditions_narrow_and_fail_closed() {
    let conditions = |condition: &str, failure: &str| {
        format!(
            "  failurePolicy: {failure}
  matchConditions: [{{name: c, expression: {condition}}}]
  validations: [{{expression: 'false', message: no}}]"
        )
    };
    check(&conditions("object.spec.replicas > 5", "Fail"), 3, &["skip: the match condition `c` does not hold"]);
    check(&conditions("object.spec.replicas > 5", "Fail"), 7, &["fail: no"]);
    let said = judge(&load(&policy(&conditions("object.spec.nothing == 1", "Fail"))), &deployment(1));
    assert!(said.len() == 1 && said[0].starts_with("error: "), "{said:?}");
    let said = judge(&load(&policy(&conditions("object.spec.nothing == 1", "Ignore"))), &deployment(1));
    assert!(said[0].starts_with("skip: ") && said[0].ends_with("`failurePolicy: Ignore` lets it pass"), "{said:?}");
}

#[test]
fn errors_of_expressions_are_no_passes() {
    let said = judge(&load(&policy("  validations: [{expression: object.spec.nothing > 1}]")), &deployment(1));
    assert!(said.len() == 1 && said[0].starts_with("error: no such key: nothing"), "{said:?}");
}

fn bound(binding: &str, spec: &str) -> String {
    format!(
        "{}
---
apiVersion: admissionregistration.k8s.io/v1
kind: ValidatingAdmissionPolicyBinding
metadata: {{name: b}}
spec:
  policyName: p
{binding}",
        policy(spec)
    )
}

#[test]
fn bindings_give_parameters_and_effects() {
    let spec = "  paramKind: {apiVersion: v1, kind: ConfigMap}
  validations: [{expression: object.spec.replicas <= int(params.data.most), messageExpression: \"'most ' + params.data.most\"}]";
    let check = |parameters: &str, expected: &[&str]| {
        let text = bound(&format!("  validationActions: [Deny]\n  paramRef: {{{parameters}}}"), spec);
        assert_eq!(judge(&load(&text), &deployment(7)), expected, "{parameters}");
    };
    check("name: limits, parameterNotFoundAction: Deny", &["fail: most 3"]);
    check("selector: {matchLabels: {for: limits}}, parameterNotFoundAction: Deny", &["fail: most 3", "pass: "]);
    check(
        "name: other, parameterNotFoundAction: Deny",
        &["error: no params found for policy binding with `Deny` parameterNotFoundAction (binding `b`)"],
    );
    check("name: other, parameterNotFoundAction: Allow", &[]);
    let outside = bound(
        "  validationActions: [Warn]\n  matchResources: {objectSelector: {matchLabels: {app: db}}}",
        "  validations: [{expression: 'false'}]",
    );
    assert_eq!(judge(&load(&outside), &deployment(7)), Vec::<String>::new());
}

#[test]
fn requests_and_other_operations_are_seen() {
    let policies = load(&policy(
        "  validations: [{expression: \"request.operation == 'UPDATE' && oldObject.spec.replicas == 1 && request.userInfo.username == 'eve'\"}]",
    ));
    let mut update = deployment(2);
    update.operation = Operation::Update;
    update.old_object = deployment(1).object;
    update.user.username = "eve".into();
    assert_eq!(judge(&policies, &update), ["pass: "]);
    let delete = Request { operation: Operation::Delete, ..deployment(1) };
    assert_eq!(judge(&policies, &delete), Vec::<String>::new());
}

#[test]
fn mutations_change_the_object() {
    let mutating = |mutations: &str| {
        load(&format!(
            "apiVersion: admissionregistration.k8s.io/v1beta1
kind: MutatingAdmissionPolicy
metadata: {{name: m}}
spec:
  reinvocationPolicy: Never
  matchConstraints: {{resourceRules: [{{apiGroups: [apps], apiVersions: [v1], operations: [CREATE], resources: [deployments]}}]}}
  mutations:
{mutations}"
        ))
    };
    let check = |mutations: &str, expected: &str| {
        let said = judge(&mutating(mutations), &deployment(1));
        assert_eq!(said, [expected], "{mutations}");
    };
    let made = |replicas: i64, labels: &str| {
        let text = format!(
            r#"{{"apiVersion":"apps/v1","kind":"Deployment","metadata":{{"labels":{{{labels}}},"name":"d","namespace":"n"}},"spec":{{"replicas":{replicas}}}}}"#
        );
        format!("pass: {text}")
    };
    check(
        "  - patchType: ApplyConfiguration
    applyConfiguration: {expression: 'Object{spec: Object.spec{replicas: object.spec.replicas + 4}}'}",
        &made(5, r#""app":"web""#),
    );
    check(
        "  - patchType: JSONPatch
    jsonPatch: {expression: '[JSONPatch{op: \"add\", path: \"/metadata/labels/\" + jsonpatch.escapeKey(\"a/b\"), value: \"c\"}]'}",
        &made(1, r#""a/b":"c","app":"web""#),
    );
    check(
        "  - patchType: JSONPatch
    jsonPatch: {expression: '[JSONPatch{op: \"test\", path: \"/spec/replicas\", value: 9}, JSONPatch{op: \"replace\", path: \"/spec/replicas\", value: 3}]'}",
        &made(1, r#""app":"web""#),
    );
    let said = judge(
        &mutating("  - patchType: ApplyConfiguration\n    applyConfiguration: {expression: 'Object{spec: Object.wrong{replicas: 1}}'}"),
        &deployment(1),
    );
    assert!(said[0].starts_with("error: type mismatch: unexpected type name `Object.wrong`"), "{said:?}");
}

#[test]
fn wrong_policies_are_refused_with_places_and_the_others_stay() {
    let check = |spec: &str, expected: &str| {
        let good = policy("  validations: [{expression: 'true'}]").replace("name: p", "name: good");
        let (policies, said) = compile(&documents(&format!("{}\n---\n{good}", policy(spec))));
        assert_eq!(policies.len(), 1, "{spec}");
        let errors: Vec<String> = said.iter().filter(|one| one.level == Level::Error).map(|one| one.message.clone()).collect();
        assert!(errors.iter().any(|error| error.contains(expected)), "{spec}: {errors:?}");
        assert!(said.iter().filter(|one| one.level == Level::Error).all(|one| !one.span.is_none()), "{spec}: {said:?}");
    };
    check("  validations: [{expression: object.spec.replicas}]", "the expression has to give bool, but gives dyn");
    check("  validations: [{expression: '1 +'}]", "syntax error");
    check("  validations: [{expression: \"1 + 'a'\"}]", "found no matching overload");
    check("  validations: [{expression: \"'text'\"}]", "the expression has to give bool, but gives string");
    check("  validations: [{expression: nobody.knows}]", "undeclared reference to 'nobody'");
    check("  validations: [{expresion: 'true'}]", "`expresion` is none of expression, message, reason, messageExpression");
    check(
        "  variables: [{name: a, expression: variables.b}, {name: b, expression: '1'}]\n  validations: [{expression: 'true'}]",
        "undefined field 'b'",
    );
    check("  validations: []", "`validations` or `auditAnnotations` is missing");
    check("  failurePolicy: Perhaps\n  validations: [{expression: 'true'}]", "`Perhaps` is none of `Fail` and `Ignore`");
    check("  validations: [{expression: 'params.x'}]", "undeclared reference to 'params'");
}
