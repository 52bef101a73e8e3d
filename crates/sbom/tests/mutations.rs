//! Bills of materials and VEX documents with bytes changed, doubled or left out: nothing panics, and what is read can be written and read again.
#![allow(clippy::unwrap_used, reason = "a test")]

use probity_sbom::{Description, Format, read, vex, write};
use proptest::prelude::*;

const SEEDS: &[&[u8]] = &[
    include_bytes!("../../../fuzz/seeds/sbom/csaf.json"),
    include_bytes!("../../../fuzz/seeds/sbom/foreign.cdx.xml"),
    include_bytes!("../../../fuzz/seeds/sbom/foreign.spdx"),
    include_bytes!("../../../fuzz/seeds/sbom/openvex.json"),
    include_bytes!("../../../fuzz/seeds/sbom/own.cdx.json"),
    include_bytes!("../../../fuzz/seeds/sbom/own.cdx.xml"),
    include_bytes!("../../../fuzz/seeds/sbom/own.spdx"),
    include_bytes!("../../../fuzz/seeds/sbom/own.spdx.json"),
    include_bytes!("../../../fuzz/seeds/sbom/trivy.cdx.json"),
];

#[derive(Clone, Debug)]
enum Change {
    Byte(prop::sample::Index, u8),
    Remove(prop::sample::Index, usize),
    Double(prop::sample::Index, usize),
    Move(prop::sample::Index, prop::sample::Index, usize),
    Cut(prop::sample::Index),
}

fn change() -> impl Strategy<Value = Change> {
    let index = any::<prop::sample::Index>;
    prop_oneof![
        4 => (index(), any::<u8>()).prop_map(|(at, byte)| Change::Byte(at, byte)),
        4 => (index(), prop::sample::select(br#"{}[]":,<>/=&#0a "#.as_slice())).prop_map(|(at, byte)| Change::Byte(at, byte)),
        2 => (index(), 1_usize..40).prop_map(|(at, length)| Change::Remove(at, length)),
        2 => (index(), 1_usize..200).prop_map(|(at, length)| Change::Double(at, length)),
        2 => (index(), index(), 1_usize..60).prop_map(|(from, to, length)| Change::Move(from, to, length)),
        1 => index().prop_map(Change::Cut),
    ]
}

fn changed(seed: &[u8], changes: &[Change]) -> Vec<u8> {
    let mut bytes = seed.to_vec();
    for change in changes {
        if bytes.is_empty() {
            break;
        }
        let length = bytes.len();
        match change {
            Change::Byte(at, byte) => bytes[at.index(length)] = *byte,
            Change::Remove(at, count) => {
                let at = at.index(length);
                bytes.drain(at..(at + count).min(length));
            }
            Change::Double(at, count) => {
                let at = at.index(length);
                let part = bytes[at..(at + count).min(length)].to_vec();
                bytes.splice(at..at, part);
            }
            Change::Move(from, to, count) => {
                let from = from.index(length);
                let part = bytes[from..(from + count).min(length)].to_vec();
                let to = to.index(length);
                bytes.splice(to..to, part);
            }
            Change::Cut(at) => bytes.truncate(at.index(length)),
        }
    }
    bytes
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(2000))]

    #[test]
    fn changed_documents(seed in prop::sample::select(SEEDS), changes in prop::collection::vec(change(), 0..5), format in prop::sample::select(Format::ALL)) {
        let bytes = changed(seed, &changes);
        if let Ok(document) = read(&bytes, "bill") {
            let about = Description { subject: document.subject.unwrap_or_default(), tool: "probity".into(), tool_version: "1".into(), time: document.time };
            let again = read(&write(format, &document.inventory, &about), "again").unwrap();
            prop_assert!(again.own);
            prop_assert_eq!(again.inventory, document.inventory);
            prop_assert_eq!(again.distribution, about.subject.distribution);
        }
        let _ = vex::read(&bytes, "vex");
    }
}

#[test]
fn seeds_are_read() {
    let count = SEEDS.iter().filter(|seed| read(seed, "bill").is_ok_and(|document| !document.inventory.packages.is_empty())).count();
    assert_eq!(count, 7);
    let count = SEEDS.iter().filter(|seed| vex::read(seed, "vex").is_ok_and(|vex| !vex.statements.is_empty())).count();
    assert_eq!(count, 4);
}
