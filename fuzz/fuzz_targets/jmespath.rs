//! Any text as an expression of JMESPath, applied to an object; and as text with variables in it.
#![no_main]

use std::sync::Arc;

use libfuzzer_sys::fuzz_target;
use probity_core::{Inventory, Limits, NoLookup, PolicyContext, Request, Timestamp};
use probity_kyverno::jmespath::{Evaluation, Expression};
use probity_kyverno::scope::Scope;
use probity_kyverno::variables::Template;
use probity_value::{FileId, Span, Value, json};

const OBJECT: &str = r#"{"apiVersion":"v1","kind":"Pod","metadata":{"name":"a","namespace":"n","labels":{"app":"a","x/y":"z"}},
"spec":{"containers":[{"name":"c","image":"nginx:1","ports":[{"containerPort":80}],"resources":{"limits":{"memory":"1Gi","cpu":"100m"}}},
{"name":"d","image":"ghcr.io/x/y@sha256:00","env":[{"name":"A","value":"{{ element }}"}]}],"replicas":3,"ratio":0.5,"none":null,"yes":true}}"#;

fuzz_target!(|data: &[u8]| {
    let Ok(text) = std::str::from_utf8(data) else { return };
    let inventory = Arc::new(Inventory::default());
    let context = PolicyContext {
        lookup: &NoLookup,
        inventory: &inventory,
        limits: Limits { steps: 200_000, cel_cost: 200_000, bytes: 8 << 20, depth: 64 },
        now: Timestamp { seconds: 1_700_000_000, nanoseconds: 0 },
        interrupted: &|| false,
    };
    let (object, _) = json::parse(OBJECT, FileId::NONE);
    let evaluation = Evaluation::new(&context);
    if let Ok(expression) = Expression::parse(text, Span::NONE) {
        // The same expression has the same value, or the same error.
        let first = expression.search_value(&object, &Evaluation::new(&context));
        let second = expression.search_value(&object, &Evaluation::new(&context));
        assert_eq!(first, second);
    }
    let scope = Scope::of_request(&evaluation, &Request::create(object));
    let document = Value::string(text, Span::NONE);
    if let Ok(template) = Template::parse(&document, &["mutate", "patchStrategicMerge"]) {
        let _ = template.substitute(&scope);
    }
});
