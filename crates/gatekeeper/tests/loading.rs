//! Templates and constraints as policies: what they say of requests, and what is said of those that are wrong.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::indexing_slicing, reason = "tests")]

use std::sync::Arc;

use probity_core::{
    Effect, Inventory, Limits, NoLookup, Outcome, Phase, Policy, PolicyContext, PolicyDocument, Request, Status, Timestamp,
};
use probity_gatekeeper::{EnforcementPoint, Loaded, Options, load};
use probity_value::{SourceMap, yaml};

const TEMPLATE: &str = r#"
apiVersion: templates.gatekeeper.sh/v1
kind: ConstraintTemplate
metadata: {name: k8sreplicas}
spec:
  crd:
    spec:
      names: {kind: K8sReplicas}
      validation:
        openAPIV3Schema: {type: object, properties: {most: {type: integer, default: 3}}}
  targets:
    - target: admission.k8s.gatekeeper.sh
      rego: |
        package k8sreplicas
        violation[{"msg": msg, "details": {"most": input.parameters.most}}] {
          input.review.object.spec.replicas > input.parameters.most
          msg := sprintf("%v replicas", [input.review.object.spec.replicas])
        }
"#;

const CEL: &str = r#"
apiVersion: templates.gatekeeper.sh/v1
kind: ConstraintTemplate
metadata: {name: k8scel}
spec:
  crd: {spec: {names: {kind: K8sCel}, validation: {openAPIV3Schema: {type: object, properties: {most: {type: integer}}}}}}
  targets:
    - target: admission.k8s.gatekeeper.sh
      code:
        - engine: K8sNativeValidation
          source:
            matchCondition: [{name: scaled, expression: has(object.spec.replicas)}]
            variables: [{name: most, expression: "has(variables.params.most) ? variables.params.most : 1"}]
            validations:
              - expression: variables.anyObject.spec.replicas <= variables.most
                messageExpression: "'at most ' + string(variables.most)"
"#;

const OBJECT: &str = "{apiVersion: apps/v1, kind: Deployment, metadata: {name: a, namespace: p}, spec: {replicas: 5}}";

fn loaded(texts: &[&str], point: EnforcementPoint) -> (Loaded, SourceMap) {
    let sources = SourceMap::new();
    let mut documents = Vec::new();
    for (index, text) in texts.iter().enumerate() {
        let file = format!("{index}.yaml");
        let id = sources.add(file.as_str(), *text);
        for document in yaml::parse(text, id).0 {
            documents.push(PolicyDocument { file: file.as_str().into(), value: document.value });
        }
    }
    (load(&documents, &sources, &Options { point }), sources)
}

fn judged(loaded: &Loaded, object: &str) -> Vec<Outcome> {
    let object = yaml::parse(object, SourceMap::new().add("o.yaml", object)).0.into_iter().next().unwrap().value;
    let inventory = Arc::new(Inventory::default());
    let context = PolicyContext {
        lookup: &NoLookup,
        inventory: &inventory,
        limits: Limits::default(),
        now: Timestamp { seconds: 0, nanoseconds: 0 },
        interrupted: &|| false,
    };
    let request = Request::create(object);
    loaded.constraints.iter().flat_map(|constraint| constraint.evaluate(Phase::Validate, &request, &context)).collect()
}

fn constraint(kind: &str, spec: &str) -> String {
    format!("{{apiVersion: constraints.gatekeeper.sh/v1beta1, kind: {kind}, metadata: {{name: c}}, spec: {spec}}}")
}

fn check(template: &str, constraint: &str, object: &str, expected: &[(Status, &str)]) {
    let (loaded, _) = loaded(&[template, constraint], EnforcementPoint::Gator);
    assert!(loaded.diagnostics.is_empty(), "{:?}", loaded.diagnostics);
    let outcomes = judged(&loaded, object);
    let found: Vec<(Status, &str)> = outcomes.iter().map(|outcome| (outcome.status, outcome.message.as_str())).collect();
    assert_eq!(found, expected, "{constraint} {object}");
}

#[test]
fn rego_and_cel_judge() {
    check(TEMPLATE, &constraint("K8sReplicas", "{parameters: {}}"), OBJECT, &[(Status::Fail, "5 replicas")]);
    // Defaults fill parameters in only where there are some, as in Gatekeeper.
    check(TEMPLATE, &constraint("K8sReplicas", "{}"), OBJECT, &[(Status::Pass, "")]);
    check(TEMPLATE, &constraint("K8sReplicas", "{parameters: {most: 5}}"), OBJECT, &[(Status::Pass, "")]);
    check(TEMPLATE, &constraint("K8sReplicas", "{match: {namespaces: [q]}}"), OBJECT, &[]);
    check(CEL, &constraint("K8sCel", "{parameters: {}}"), OBJECT, &[(Status::Fail, "at most 1")]);
    check(CEL, &constraint("K8sCel", "{parameters: {most: 9}}"), OBJECT, &[(Status::Pass, "")]);
    check(
        CEL,
        &constraint("K8sCel", "{}"),
        "{apiVersion: v1, kind: Pod, metadata: {name: a}, spec: {}}",
        &[(Status::Skip, "the match condition `scaled` does not hold")],
    );
}

#[test]
fn effects_follow_the_point() {
    let scoped =
        "{enforcementAction: scoped, scopedEnforcementActions: [{action: warn, enforcementPoints: [{name: validation.gatekeeper.sh}]}]}";
    let text = constraint("K8sReplicas", scoped);
    let (gator, _) = loaded(&[TEMPLATE, &text], EnforcementPoint::Gator);
    assert!(judged(&gator, OBJECT).is_empty());
    let (webhook, _) = loaded(&[TEMPLATE, &text], EnforcementPoint::Webhook);
    assert_eq!(judged(&webhook, OBJECT).first().map(|outcome| outcome.effect), Some(Effect::Warn));
}

#[test]
fn what_is_wrong_is_said_and_the_others_run() {
    let broken = TEMPLATE.replace("k8sreplicas", "k8sother").replace("K8sReplicas", "K8sOther").replace("sprintf(", "nothing(");
    let texts = [TEMPLATE, &broken, &constraint("K8sReplicas", "{}"), &constraint("K8sOther", "{}"), &constraint("K8sGone", "{}")];
    let (loaded, sources) = loaded(&texts, EnforcementPoint::Gator);
    assert_eq!(judged(&loaded, OBJECT).len(), 1);
    let said: Vec<String> = loaded
        .diagnostics
        .iter()
        .map(|diagnostic| format!("{} {}", sources.locate(diagnostic.span).map_or(0, |(_, start, _)| start.line), diagnostic.message))
        .collect();
    assert_eq!(said.len(), 3, "{said:?}");
    assert!(said[0].starts_with("17 ") && said[0].contains("nothing"), "{said:?}");
    assert!(said[1].contains("template of `K8sOther` is wrong"), "{said:?}");
    assert!(said[2].contains("no template `k8sgone`"), "{said:?}");
}

#[test]
fn workloads_are_judged_by_what_they_make() {
    let expansion = "{apiVersion: expansion.gatekeeper.sh/v1beta1, kind: ExpansionTemplate, metadata: {name: pods}, spec: {applyTo: [{groups: [apps], versions: [v1], kinds: [Deployment]}], templateSource: spec.template, generatedGVK: {group: '', version: v1, kind: Pod}, enforcementAction: warn}}";
    let text = constraint("K8sReplicas", "{match: {kinds: [{apiGroups: [''], kinds: [Pod]}]}, parameters: {}}");
    let (loaded, _) = loaded(&[TEMPLATE, &text, expansion], EnforcementPoint::Gator);
    let object = "{apiVersion: apps/v1, kind: Deployment, metadata: {name: a}, spec: {template: {spec: {replicas: 7}}}}";
    let outcomes = judged(&loaded, object);
    assert_eq!(outcomes.len(), 1);
    assert_eq!(outcomes[0].message, "[Implied by pods] 7 replicas");
    assert_eq!(outcomes[0].effect, Effect::Warn);
    let interest = loaded.constraints[0].interest();
    assert!(interest.covers(&probity_core::GroupVersionKind::of("apps/v1", "Deployment"), probity_core::Operation::Create));
}
