//! Any text as another scanner's SARIF, up to findings.
#![no_main]

use libfuzzer_sys::fuzz_target;
use probity_core::Digest;
use probity_formats::join::join;
use probity_formats::sarif_in::{ReadOptions, read, to_findings};
use probity_value::SourceMap;

fuzz_target!(|data: &str| {
    let file = SourceMap::new().add("a.sarif", data);
    let external = read(data, file, "a.sarif", ReadOptions { root: "/repo", prefix: "", exists: &|_| true });
    let mut all = Vec::new();
    for run in &external.runs {
        all = join(all, to_findings(run, &|_| Digest([0; 32])));
    }
    for finding in &all {
        assert!(!finding.at.file.starts_with('/') && !finding.at.file.split('/').any(|part| part == ".."));
    }
});
