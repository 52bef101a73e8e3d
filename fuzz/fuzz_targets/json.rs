//! Any text as JSON; what is accepted is written and read back the same.
#![no_main]

use libfuzzer_sys::fuzz_target;
use probity_value::{SourceMap, json};

fuzz_target!(|data: &str| {
    let file = SourceMap::new().add("a.json", data);
    let (value, problems) = json::parse(data, file);
    if problems.is_empty() && let Some(text) = json::write(&value) {
        let (again, problems) = json::parse(&text, file);
        assert!(problems.is_empty(), "{text}");
        assert_eq!(again, value);
    }
});
