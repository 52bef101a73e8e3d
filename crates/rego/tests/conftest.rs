//! Policies and inputs of every format beside what Conftest 0.69 says of them.
#![allow(clippy::disallowed_methods, clippy::expect_used, clippy::panic, reason = "tests read their own files")]

#[allow(dead_code, reason = "the program that asks Conftest itself; its comparison is what is tested here")]
#[path = "../examples/conftest_differential.rs"]
mod differential;

use std::path::Path;

#[test]
fn verdicts_are_those_of_conftest() {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/conftest");
    let mut pairs = 0;
    for entry in std::fs::read_dir(folder).expect("the folder") {
        let path = entry.expect("an entry").path();
        let name = path.file_name().expect("a name").to_string_lossy().into_owned();
        let case = differential::Case::read(path);
        for (run, inputs) in case.runs.iter().enumerate() {
            pairs += 1;
            let (ours, theirs) = (case.ours(inputs), case.written(run));
            assert_eq!(differential::shown(&ours), differential::shown(&theirs), "{name} {inputs:?} {ours:?}");
        }
    }
    assert!(pairs >= 40, "{pairs} pairs");
}
