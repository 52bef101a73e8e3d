//! Any text as an exception file and as a baseline.
#![no_main]

use std::sync::Arc;

use libfuzzer_sys::fuzz_target;
use probity_value::SourceMap;
use probity_verdict::baseline::Baseline;
use probity_verdict::exception::{ExceptionFile, parse};

fuzz_target!(|data: &str| {
    let texts = SourceMap::new();
    let path: Arc<str> = "exceptions/a.yaml".into();
    let file = texts.add(Arc::clone(&path), data);
    let (exception, diagnostics) = parse(&ExceptionFile { path: Arc::clone(&path), text: data.into(), file, signature: None });
    assert_eq!(exception.is_none(), !diagnostics.is_empty());
    let (baseline, diagnostics) = Baseline::parse(data, &path, file);
    assert_eq!(baseline.is_none(), !diagnostics.is_empty());
    if let Some(baseline) = baseline {
        let text = baseline.write();
        let again = Baseline::parse(&text, &path, texts.add(Arc::clone(&path), text.as_str()));
        assert_eq!(again.0, Some(baseline));
    }
});
