//! Files of every format beside what `conftest parse` (0.69) prints for them; the expected texts were written only where both agreed.
#![allow(clippy::disallowed_methods, clippy::expect_used, clippy::panic, reason = "tests read their own files")]

use std::path::Path;

use probity_inputs::{detect, document};
use probity_value::{Data, FileId, Value, json};

/// Every span lies in the text, and every value has one.
fn placed(value: &Value, length: usize, path: &str) {
    assert_eq!(value.span.file, FileId(0), "{path}: a value without a place");
    assert!(value.span.start <= value.span.end && value.span.end as usize <= length, "{path}: {:?}", value.span);
    match &value.data {
        Data::List(items) => items.iter().for_each(|item| placed(item, length, path)),
        Data::Map(map) => map.values().for_each(|item| placed(item, length, path)),
        _ => {}
    }
}

#[test]
fn files_are_read_as_conftest_reads_them() {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/conftest");
    let mut seen = 0;
    for entry in std::fs::read_dir(&folder).expect("the folder") {
        let path = entry.expect("an entry").path();
        let name = path.file_name().expect("a name").to_string_lossy().into_owned();
        if path.is_dir() {
            continue;
        }
        let text = std::fs::read_to_string(&path).expect("text");
        let kind = detect(&name).unwrap_or_else(|| panic!("{name}: no kind"));
        let value = document(kind, &text, FileId(0)).unwrap_or_else(|problems| panic!("{name}: {problems:?}"));
        let expected = std::fs::read_to_string(folder.join("expected").join(format!("{name}.json"))).expect(&name);
        let (expected, problems) = json::parse(&expected, FileId(1));
        assert!(problems.is_empty(), "{name}: {problems:?}");
        let shown = json::write(&value).unwrap_or_default();
        assert!(value == expected, "{name}:\n got {shown}\nwant {}", json::write(&expected).unwrap_or_default());
        placed(&value, text.len(), &name);
        seen += 1;
    }
    assert!(seen >= 40, "{seen} files");
}
