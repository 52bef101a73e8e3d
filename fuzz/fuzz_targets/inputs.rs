//! Any text as every format policies judge: an answer without a panic, and all spans lie inside the text. The first byte picks the format.
#![no_main]

use libfuzzer_sys::fuzz_target;
use probity_inputs::{Kind, combine, document, split};
use probity_value::{Data, SourceMap, Value};

fn check(value: &Value, length: usize) {
    assert!(value.span.is_none() || (value.span.start <= value.span.end && value.span.end as usize <= length));
    match &value.data {
        Data::List(items) => items.iter().for_each(|item| check(item, length)),
        Data::Map(map) => map.values().for_each(|item| check(item, length)),
        _ => {}
    }
}

fuzz_target!(|data: &str| {
    let Some(first) = data.chars().next() else { return };
    let text = &data[first.len_utf8()..];
    let kinds: Vec<Kind> = Kind::ALL.iter().copied().filter(|kind| kind.left_out().is_none()).collect();
    let kind = kinds[first as usize % kinds.len()];
    let file = SourceMap::new().add("a", text);
    match document(kind, text, file) {
        // Aliases repeat what they name, so a walk over everything is kept to small texts.
        Ok(value) if text.len() < 4096 => {
            check(&value, text.len());
            let _ = combine(vec![("a".into(), value.clone())]);
            let _ = split(value);
        }
        Ok(_) => {}
        Err(problems) => {
            assert!(!problems.is_empty());
            for problem in problems {
                assert!(problem.span.end as usize <= text.len(), "{problem:?}");
            }
        }
    }
});
