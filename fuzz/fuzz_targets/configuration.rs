//! Any text as `probity.yaml`, and as a rule file.
#![no_main]

use std::sync::Arc;

use libfuzzer_sys::fuzz_target;
use probity_value::SourceMap;
use probity_verdict::Config;

fuzz_target!(|data: &str| {
    let texts = SourceMap::new();
    let path: Arc<str> = "probity.yaml".into();
    let file = texts.add(Arc::clone(&path), data);
    let (config, diagnostics) = Config::parse(data, &path, file);
    if diagnostics.is_empty() {
        assert!(config.validate(&path).is_empty());
    }
});
