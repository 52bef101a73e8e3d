//! Any bytes as a text that may hold credentials, before all our rules: the fast way finds what each expression alone finds, and places
//! lie within the text.
#![no_main]

use std::sync::LazyLock;

use libfuzzer_sys::fuzz_target;
use probity_catalog::builtin;
use probity_secrets::{Context, Engine, Pack};

static ENGINE: LazyLock<Engine> = LazyLock::new(|| {
    let rules = builtin().secret_rules().expect("our rules are whole");
    let engine = Engine::new(vec![Pack { rules, ..Pack::default() }]).expect("our rules compile");
    engine.warm().expect("our rules are small");
    engine
});

fuzz_target!(|data: &[u8]| {
    let context = Context { path: "src/settings.py", commit: "" };
    let fast = ENGINE.scan(data, context);
    assert_eq!(fast, ENGINE.plain(data, context));
    for hit in &fast {
        assert!(data.get(hit.range.clone()).is_some() && data.get(hit.secret.clone()).is_some());
        assert!(hit.range.start <= hit.secret.start && hit.secret.end <= hit.range.end);
    }
});
