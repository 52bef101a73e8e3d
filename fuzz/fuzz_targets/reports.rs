//! Any text as a report of another scanner, whatever its form, up to findings. The first byte chooses a format by name, or none.
#![no_main]

use libfuzzer_sys::fuzz_target;
use probity_core::Digest;
use probity_formats::join::join;
use probity_formats::reports::{detect, names, read};
use probity_formats::sarif_in::{ReadOptions, to_findings};
use probity_value::SourceMap;

fuzz_target!(|data: &str| {
    let (format, text) = match data.as_bytes().first() {
        // Reports begin with `{`, `[` or `<`: seeds are read by what they are.
        Some(first @ b'a'..=b'z') => (names().nth(usize::from(first - b'a')), &data[1..]),
        _ => (None, data),
    };
    let file = SourceMap::new().add("a.json", text);
    let (found, external) = read(text, file, "a.json", format, ReadOptions { root: "/repo", prefix: "", exists: &|path| path.len() < 9 });
    if format.is_none() && found != "report" {
        assert_eq!(detect(text.as_bytes()), Ok(found));
    }
    let mut all = Vec::new();
    for run in &external.runs {
        let findings = to_findings(run, &|_| Digest([0; 32]));
        for (result, finding) in run.results.iter().zip(&findings) {
            if result.inside {
                assert!(!finding.at.file.starts_with('/') && !finding.at.file.split('/').any(|part| part == ".."));
            }
        }
        all = join(all, findings);
    }
});
