//! Damaged files of every format: an answer or a problem with its place, never a panic.
#![allow(clippy::disallowed_methods, clippy::expect_used, clippy::panic, reason = "tests read their own files")]

use std::path::Path;

use probity_inputs::{Kind, detect, document};
use probity_value::FileId;
use proptest::prelude::*;

/// What is put in: characters that mean something somewhere.
const PIECES: &[&str] = &[
    "\"",
    "'",
    "`",
    "{",
    "}",
    "[",
    "]",
    "(",
    ")",
    "<",
    ">",
    "=",
    ":",
    ";",
    ",",
    "#",
    "\\",
    "\n",
    "\r\n",
    " ",
    "\t",
    "$",
    "${",
    "%{",
    "}",
    "<<EOF",
    "<<-A",
    "-",
    "--",
    "---\n",
    "&",
    "*",
    "!",
    "~",
    "é",
    "\u{feff}",
    "\u{2028}",
    "0",
    "9",
    "1e9",
    ".",
    "..",
    "|",
    "/",
    "/*",
    "*/",
    "//",
    "<!--",
    "-->",
    "<![CDATA[",
    "]]>",
    "</",
    "\"\"\"",
    "'''",
    "=>",
    "...",
    "for",
    "if",
    "\u{0}",
    "\u{85}",
    "?",
    "@",
    "_",
    "export ",
    "FROM ",
    "%",
    "\\u",
    "N",
];

fn files() -> Vec<(Kind, String)> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/conftest");
    let mut out = Vec::new();
    for entry in std::fs::read_dir(folder).expect("the folder") {
        let path = entry.expect("an entry").path();
        if path.is_file() {
            let kind = detect(&path.to_string_lossy()).expect("a kind");
            out.push((kind, std::fs::read_to_string(path).expect("text")));
        }
    }
    out
}

#[derive(Clone, Debug)]
struct Damage {
    at: prop::sample::Index,
    length: usize,
    piece: &'static str,
}

fn damage() -> impl Strategy<Value = Damage> {
    (any::<prop::sample::Index>(), 0_usize..6, prop::sample::select(PIECES)).prop_map(|(at, length, piece)| Damage { at, length, piece })
}

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::with_cases(400) })]

    #[test]
    fn damaged_files_give_an_answer(file in any::<prop::sample::Index>(), other in any::<bool>(), kind in prop::sample::select(Kind::ALL), damages in prop::collection::vec(damage(), 1..6)) {
        let files = files();
        let (own, mut text) = file.get(&files).clone();
        for damage in damages {
            let start = text.floor_char_boundary(damage.at.index(text.len() + 1));
            let end = text.ceil_char_boundary((start + damage.length).min(text.len()));
            text.replace_range(start..end, damage.piece);
        }
        if let Err(problems) = document(if other { kind } else { own }, &text, FileId(0)) {
            for problem in problems {
                prop_assert!(problem.span.start <= problem.span.end && problem.span.end as usize <= text.len(), "{problem:?}");
            }
        }
    }
}
