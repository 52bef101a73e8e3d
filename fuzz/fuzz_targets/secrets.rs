//! Any bytes as a text that may hold credentials, plain and encoded, before all our rules: the fast way finds what each expression alone
//! finds, and places lie within the text.
#![no_main]

use std::sync::LazyLock;

use libfuzzer_sys::fuzz_target;
use probity_catalog::builtin;
use probity_secrets::{Context, DECODE_DEPTH, Engine, Pack};

static ENGINE: LazyLock<Engine> = LazyLock::new(|| {
    let rules = builtin().secret_rules().expect("our rules are whole");
    let engine = Engine::new(vec![Pack { rules, ..Pack::default() }]).expect("our rules compile");
    engine.warm().expect("our rules are small");
    engine
});

fuzz_target!(|data: &[u8]| {
    let context = Context { path: "src/settings.py", commit: "" };
    let fast = ENGINE.search(data, context, DECODE_DEPTH);
    assert_eq!(fast, ENGINE.search_plain(data, context, DECODE_DEPTH));
    for hit in &fast {
        assert!(data.get(hit.range.clone()).is_some() && data.get(hit.secret.clone()).is_some());
        assert!(hit.range.start <= hit.secret.start && hit.secret.end <= hit.range.end);
    }
});
