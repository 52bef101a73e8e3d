//! The samples in the documents are files that this crate reads without a complaint.
#![allow(
    clippy::disallowed_methods,
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    reason = "a test touches the world on purpose and fails by panicking"
)]

use probity_value::FileId;
use probity_verdict::Config;
use probity_verdict::exception::{ExceptionFile, parse};

/// The YAML blocks of a document.
fn samples(document: &str) -> Vec<String> {
    document.split("```yaml\n").skip(1).map(|rest| rest.split("```").next().unwrap_or_default().to_owned()).collect()
}

#[test]
fn samples_are_read() {
    let documents = [
        ("configuration.md", include_str!("../../../docs/reference/configuration.md"), 1),
        ("exceptions.md", include_str!("../../../docs/guides/exceptions.md"), 2),
        ("first-week.md", include_str!("../../../docs/guides/first-week.md"), 4),
    ];
    for (name, document, expected) in documents {
        let found = samples(document);
        assert_eq!(found.len(), expected, "{name}");
        for sample in found {
            if sample.contains("kind:") {
                let file = ExceptionFile { path: "e.yaml".into(), text: sample.as_str().into(), file: FileId(0), signature: None };
                let (exception, diagnostics) = parse(&file);
                assert!(exception.is_some(), "{name}: {sample} {diagnostics:?}");
            } else {
                let (_, diagnostics) = Config::parse(&sample, &"probity.yaml".into(), FileId(0));
                assert_eq!(diagnostics, [], "{name}: {sample}");
            }
        }
    }
}
