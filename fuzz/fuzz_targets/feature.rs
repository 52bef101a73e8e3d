//! Any bytes as a feature of terraform-compliance, read and judged by.
#![no_main]

use libfuzzer_sys::fuzz_target;
use probity_core::{EvalContext, Program as _, Subject, SubjectIndex, SubjectKind, World};
use probity_foreign::feature::{FeatureProgram, Scenario};
use probity_value::{FileId, Span, json};

fuzz_target!(|data: &[u8]| {
    let Ok(text) = std::str::from_utf8(data) else { return };
    let (value, _) = json::parse(r#"{"tags": {"a": "b"}, "c": [{"d": 1}], "e": "x"}"#, FileId(1));
    let subject = Subject {
        kind: SubjectKind::Terraform,
        type_name: "a".into(),
        id: "a.x".into(),
        root: "".into(),
        span: Span::NONE,
        head: Span::NONE,
        value,
        via: Vec::new(),
    };
    let world = World::new(vec![subject]);
    let (scenarios, _) = Scenario::parse(text, "a.feature", FileId(0));
    let _ = FeatureProgram::new(scenarios).evaluate(SubjectIndex(0), &world, &EvalContext::default());
});
