//! Any bytes as a policy of Checkov or a custom check of tfsec, read and judged by.
#![no_main]

use libfuzzer_sys::fuzz_target;
use probity_core::{EvalContext, Program as _, Subject, SubjectIndex, SubjectKind, World};
use probity_foreign::checkov::{CheckovProgram, Policy};
use probity_foreign::tfsec::{CustomCheck, TfsecProgram};
use probity_value::{FileId, Span, json};

fuzz_target!(|data: &[u8]| {
    let Ok(text) = std::str::from_utf8(data) else { return };
    let (value, _) = json::parse(r#"{"a": [{"b": "c", "d": [1, "2", true, null]}, {"b": "*"}], "e": "{\"f\": 1}"}"#, FileId(1));
    let subject = Subject {
        kind: SubjectKind::Terraform,
        type_name: "t".into(),
        id: "t.x".into(),
        root: "".into(),
        span: Span::NONE,
        head: Span::NONE,
        value,
        via: Vec::new(),
    };
    let world = World::new(vec![subject]);
    for path in ["a.yaml", "a.json"] {
        if let (Some(policy), _) = Policy::parse(text, path, FileId(0)) {
            let _ = CheckovProgram::new(vec![policy]).evaluate(SubjectIndex(0), &world, &EvalContext::default());
        }
        let (checks, _) = CustomCheck::parse(text, path, FileId(0));
        let _ = TfsecProgram::new(checks).evaluate(SubjectIndex(0), &world, &EvalContext::default());
    }
});
