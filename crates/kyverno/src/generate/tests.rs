use std::collections::HashMap;

use probity_core::{Inventory, Limits, Lookup, Outcome, Phase, PolicyContext, PolicyDocument, Request, Timestamp};
use probity_value::{FileId, json, yaml};

use super::*;

/// A cluster of a few objects.
struct Cluster(HashMap<String, Value>);

impl Lookup for Cluster {
    fn ask(&self, question: &Question) -> Result<Value, LookupError> {
        let absent = || LookupError::Absent(question.subject());
        match question {
            Question::Object { kind, namespace, name, .. } => self.0.get(&format!("{kind}/{namespace}/{name}")).cloned().ok_or_else(absent),
            Question::Objects { kind, .. } => {
                let items =
                    self.0.iter().filter(|(key, _)| key.starts_with(&format!("{kind}/"))).map(|(_, object)| object.clone()).collect();
                let mut list = Map::new();
                list.insert("items", Span::NONE, Value::list(items, Span::NONE));
                Ok(Value::map(list, Span::NONE))
            }
            _ => Err(absent()),
        }
    }
}

fn value(text: &str) -> Value {
    yaml::parse(text, FileId::NONE).0.remove(0).value
}

fn run(generate: &str, there: &[(&str, &str)]) -> Outcome {
    let policy = format!(
        "apiVersion: kyverno.io/v1\nkind: ClusterPolicy\nmetadata: {{name: p}}\nspec:\n  rules:\n  - name: r\n    match: {{any: [{{resources: {{kinds: [Namespace]}}}}]}}\n    generate: {generate}\n"
    );
    let (policies, said) = crate::compile(&[PolicyDocument { file: "p.yaml".into(), value: value(&policy) }]);
    assert!(said.is_empty(), "{said:?}");
    let cluster = Cluster(there.iter().map(|(key, text)| ((*key).to_owned(), value(text))).collect());
    let inventory = Arc::new(Inventory::default());
    let context = PolicyContext {
        lookup: &cluster,
        inventory: &inventory,
        limits: Limits::default(),
        now: Timestamp { seconds: 0, nanoseconds: 0 },
        interrupted: &|| false,
    };
    let request = Request::create(value("{apiVersion: v1, kind: Namespace, metadata: {name: team, labels: {tier: gold}}}"));
    policies[0].evaluate(Phase::Generate, &request, &context).remove(0)
}

/// The generated objects without labels.
fn made(outcome: &Outcome) -> Vec<String> {
    outcome
        .generated
        .iter()
        .map(|object| {
            let mut object = object.clone();
            if let Some(metadata) = metadata_of(&mut object) {
                assert_eq!(
                    metadata.remove("labels").unwrap().value.get("app.kubernetes.io/managed-by").and_then(Value::as_str),
                    Some("kyverno")
                );
            }
            json::write(&object).unwrap()
        })
        .collect()
}

const DATA: &str = "{apiVersion: v1, kind: ConfigMap, name: zk, namespace: '{{request.object.metadata.name}}', data: {data: {a: '{{request.object.metadata.labels.tier}}'}}}";
const PLANNED: &str = r#"{"apiVersion":"v1","data":{"a":"gold"},"kind":"ConfigMap","metadata":{"name":"zk","namespace":"team"}}"#;

#[test]
fn data_is_planned() {
    let outcome = run(DATA, &[]);
    assert_eq!((outcome.status, outcome.message.as_str()), (Status::Pass, "generated ConfigMap team/zk"));
    assert_eq!(made(&outcome), [PLANNED]);
    let there = [("ConfigMap/team/zk", "{apiVersion: v1, kind: ConfigMap, metadata: {name: zk, namespace: team}}")];
    assert!(run(DATA, &there).generated.is_empty());
    assert_eq!(made(&run(&DATA.replacen('{', "{synchronize: true, ", 1), &there)), [PLANNED]);
}

const SECRET: &str = "{apiVersion: v1, kind: Secret, metadata: {name: s, namespace: base, uid: u, resourceVersion: '1'}, type: Opaque}";

#[test]
fn clones_are_planned() {
    let clone = "{apiVersion: v1, kind: Secret, name: copy, namespace: team, clone: {name: s, namespace: base}}";
    let outcome = run(clone, &[("Secret/base/s", SECRET)]);
    assert_eq!(made(&outcome), [r#"{"apiVersion":"v1","kind":"Secret","metadata":{"name":"copy","namespace":"team"},"type":"Opaque"}"#]);
    let missing = run(clone, &[]);
    assert_eq!((missing.status, missing.message.as_str()), (Status::Error, "the source Secret `base/s` does not exist"));
    let list = "{namespace: team, cloneList: {namespace: base, kinds: [v1/Secret]}}";
    let outcome = run(list, &[("Secret/base/s", SECRET)]);
    assert_eq!(made(&outcome), [r#"{"apiVersion":"v1","kind":"Secret","metadata":{"name":"s","namespace":"team"},"type":"Opaque"}"#]);
}

#[test]
fn loops_plan_each() {
    let outcome = run(
        "{foreach: [{list: \"['a','b']\", apiVersion: v1, kind: ConfigMap, name: 'c-{{element}}', namespace: team, data: {x: y}}]}",
        &[],
    );
    assert_eq!(outcome.message, "generated ConfigMap team/c-a, ConfigMap team/c-b");
    let failing =
        run("{foreach: [{list: 'request.object.nothing', apiVersion: v1, kind: ConfigMap, name: c, namespace: team, data: {x: y}}]}", &[]);
    assert_eq!(failing.status, Status::Error);
}
