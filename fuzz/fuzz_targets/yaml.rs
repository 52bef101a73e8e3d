//! Any text as YAML; spans of what comes out lie inside it.
#![no_main]

use libfuzzer_sys::fuzz_target;
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
    let file = SourceMap::new().add("a.yaml", data);
    let (documents, _) = probity_value::yaml::parse(data, file);
    // Aliases repeat what they name, so a walk over everything is kept to small texts.
    if data.len() < 512 {
        documents.iter().for_each(|document| check(&document.value, data.len()));
    }
});
