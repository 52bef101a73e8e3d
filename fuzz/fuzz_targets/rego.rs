//! Any bytes as a module of Rego, in both versions, compiled and asked about an input.
#![no_main]

use libfuzzer_sys::fuzz_target;
use probity_core::Limits;
use probity_rego::{Compiler, EvalOptions, Version};
use probity_value::{FileId, json};

fuzz_target!(|data: &[u8]| {
    let Ok(text) = std::str::from_utf8(data) else { return };
    let (input, _) = json::parse(r#"{"a": [{"b": "c", "d": [1, "2", true, null]}, {"b": "*"}], "e": {"f": 1}}"#, FileId(1));
    let limits = Limits { steps: 20_000, bytes: 1 << 20, ..Limits::default() };
    let options = EvalOptions { limits, places: true, coverage: true, ..EvalOptions::default() };
    for version in [Version::V0, Version::V1] {
        let Ok(program) = Compiler::new().prints().module("m.rego", text, FileId(0), version).compile() else { continue };
        if let Ok(query) = program.prepare("data") {
            let _ = program.evaluate(&query, Some(&input), None, &options);
        }
    }
    let empty = Compiler::new().compile();
    if let Ok(query) = empty.as_ref().map_err(drop).and_then(|program| program.prepare(text).map_err(drop)) {
        let _ = empty.map(|program| program.evaluate(&query, Some(&input), None, &options));
    }
});
