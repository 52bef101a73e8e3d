//! Any text as rules for secrets, in Gitleaks' form and in ours; what stands after a zero byte is searched with them. Faults have places
//! within the text; the fast way finds what the plain one finds.
#![no_main]

use libfuzzer_sys::fuzz_target;
use probity_secrets::{Context, Engine, Pack, gitleaks, own};
use probity_value::FileId;

fuzz_target!(|data: &str| {
    let (rules, text) = data.split_once('\0').unwrap_or((data, data));
    let within = |at: probity_value::Span| assert!(at.end as usize <= rules.len() && at.start <= at.end, "{at:?}");
    let mut packs = Vec::new();
    let (mut configuration, mut faults) = gitleaks::parse(rules, FileId(1));
    if !faults.iter().any(|fault| fault.fails) {
        faults.extend(configuration.finish());
        packs.push(Pack { rules: configuration.rules, allow: configuration.allow, ..Pack::default() });
    }
    faults.iter().filter(|fault| !fault.at.is_none()).for_each(|fault| within(fault.at));
    match own::parse(rules, FileId(1)) {
        Ok(document) => packs.push(Pack { rules: vec![document.rule], ..Pack::default() }),
        Err(faults) => {
            assert!(!faults.is_empty());
            faults.iter().filter(|fault| !fault.at.is_none()).for_each(|fault| within(fault.at));
        }
    }
    // Expressions that compile slowly are refused by size, which is tested elsewhere; here are many of them a second.
    if packs.iter().flat_map(|pack| &pack.rules).flat_map(|rule| &rule.regexes).map(String::len).sum::<usize>() > 400 {
        return;
    }
    let Ok(engine) = Engine::new(packs) else { return };
    if engine.warm().is_err() {
        return;
    }
    let context = Context { path: "src/settings.py", commit: "" };
    assert_eq!(engine.scan(text.as_bytes(), context), engine.plain(text.as_bytes(), context));
});
