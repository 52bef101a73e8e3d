//! Any text as a pattern and an object, divided by a line of `---`: matching ends, and gives the same answer twice.
#![no_main]

use libfuzzer_sys::fuzz_target;
use probity_kyverno::pattern::Pattern;
use probity_value::{FileId, yaml};

fuzz_target!(|data: &[u8]| {
    let Ok(text) = std::str::from_utf8(data) else { return };
    let documents = yaml::parse(text, FileId::NONE).0;
    let [pattern, object, ..] = documents.as_slice() else { return };
    let compiled = Pattern::compile(&pattern.value);
    let first = compiled.matches(&object.value);
    let second = compiled.matches(&object.value);
    assert_eq!(first.is_ok(), second.is_ok());
    if let (Err(first), Err(second)) = (first, second) {
        assert_eq!((first.kind, first.path), (second.kind, second.path));
    }
});
