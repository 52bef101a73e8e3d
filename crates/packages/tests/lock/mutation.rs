//! Broken forms of a file: cut, bytes turned over, lines doubled, swapped and dropped, nested deep. None makes a reader panic.

use probity_packages::CATALOGUERS;
use probity_testkit::MapTree;

/// Numbers that look random and are the same in each run.
struct Numbers(u64);

impl Numbers {
    fn below(&mut self, limit: usize) -> usize {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        usize::try_from(self.0 >> 11).unwrap() % limit.max(1)
    }
}

/// Pieces that mean something in one format or another.
const PIECES: [&str; 24] = [
    "{",
    "}",
    "[",
    "]",
    "\"",
    "'",
    ":",
    ",",
    "=",
    "@",
    "/",
    "\\",
    "\n",
    "<",
    "</",
    "${",
    "$(",
    "(",
    ")",
    "|",
    "- ",
    "null",
    "\u{0}",
    "é\u{200d}",
];

fn broken(bytes: &[u8], numbers: &mut Numbers) -> Vec<u8> {
    let mut out = bytes.to_vec();
    let at = numbers.below(out.len());
    let lines: Vec<&[u8]> = bytes.split_inclusive(|byte| *byte == b'\n').collect();
    match numbers.below(11) {
        0 => out.truncate(at),
        1 => out.drain(..at).for_each(drop),
        2 if !out.is_empty() => out[at] ^= 1 << numbers.below(8),
        3 => out.splice(at..at, PIECES[numbers.below(PIECES.len())].bytes()).for_each(drop),
        4 => {
            let end = (at + numbers.below(40)).min(out.len());
            out.drain(at..end).for_each(drop);
        }
        kind @ 5..=7 if !lines.is_empty() => {
            let (from, to) = (numbers.below(lines.len()), numbers.below(lines.len()));
            let mut lines = lines;
            match kind {
                5 => lines.insert(to, lines[from]),
                6 => lines.swap(from, to),
                _ => drop(lines.remove(from)),
            }
            out = lines.concat();
        }
        8 => {
            let piece = ["[", "{\"a\":", "<a>", "(", "- ", " {:a, [", "a {\n"][numbers.below(7)].repeat(2_000);
            out.splice(at..at, piece.bytes()).for_each(drop);
        }
        9 => out.splice(at..at, [0xff, 0xfe, 0xc3]).for_each(drop),
        _ => {
            let piece = ["9", "a", " ", "\"", "${a}"][numbers.below(5)].repeat(3_000);
            out.splice(at..at, piece.bytes()).for_each(drop);
        }
    }
    out
}

/// Reads broken forms of the first file, with the others as they are or one of them broken too.
pub(crate) fn all(files: &[(&str, &[u8])], rounds: usize) {
    let path = files[0].0;
    let mut numbers = Numbers(0x9e37_79b9_7f4a_7c15 ^ path.len() as u64);
    for _ in 0..rounds {
        let which = if numbers.below(4) == 0 { numbers.below(files.len()) } else { 0 };
        let mut bytes = files[which].1.to_vec();
        for _ in 0..=numbers.below(3) {
            bytes = broken(&bytes, &mut numbers);
        }
        let tree = MapTree::new(
            files.iter().enumerate().map(|(index, (path, same))| (*path, if index == which { bytes.as_slice() } else { *same })),
        );
        for one in CATALOGUERS.iter().filter(|one| one.claims(path)) {
            let found = one.catalogue(path, &tree);
            for link in &found.links {
                assert!(link.from < found.packages.len() && link.to < found.packages.len());
            }
            for package in &found.packages {
                assert_eq!(package.found_by, one.id());
                assert!(!package.at.is_empty());
                let again: probity_packages::Purl = package.purl.to_string().parse().unwrap();
                assert_eq!(again, package.purl);
            }
            if !found.packages.is_empty() {
                let _ = found.paths_to(numbers.below(found.packages.len()), 3);
            }
        }
    }
}
