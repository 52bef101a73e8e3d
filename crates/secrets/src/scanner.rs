//! Finds all words of all rules in one pass: a table of bits says which four bytes can begin a word, and only there it is compared.
//!
//! Three and four bytes at a time, letter case folded, are hashed to one bit of 32 KiB each, which stay in the nearest caches; a byte costs a few
//! instructions that do not wait for each other, where an automaton waits for memory at every byte.

use std::collections::HashMap;

use crate::anchor::Bytes;

const BITS: u32 = 18;

/// A word to find, with what it stands for.
#[derive(Clone, Debug)]
pub(crate) struct Word {
    /// Lower case, two bytes or more.
    pub(crate) text: Vec<u8>,
    /// Whatever the caller knows it by.
    pub(crate) meaning: u32,
}

/// The compiled words.
pub(crate) struct Scanner {
    /// Of words of four bytes or more, by their first four.
    four: Starts,
    /// Of shorter ones, by their first three, with what may follow.
    three: Starts,
    words: Vec<Word>,
}

/// Which bytes can begin a word, and which words they begin.
struct Starts {
    bits: Vec<u64>,
    words: HashMap<u32, Vec<u32>, Hasher>,
}

impl Starts {
    fn new() -> Starts {
        Starts { bits: vec![0; 1 << (BITS - 6)], words: HashMap::with_hasher(Hasher) }
    }

    fn add(&mut self, folded: u32, word: u32) {
        let at = slot(folded);
        if let Some(bits) = self.bits.get_mut((at >> 6) as usize) {
            *bits |= 1 << (at & 63);
        }
        self.words.entry(folded).or_default().push(word);
    }

    #[inline]
    fn may_begin(&self, folded: u32) -> bool {
        let at = slot(folded);
        self.bits.get((at >> 6) as usize).is_some_and(|bits| bits >> (at & 63) & 1 == 1)
    }
}

/// Hashes four folded bytes as the table does.
#[derive(Clone, Copy, Default)]
struct Hasher;

impl std::hash::BuildHasher for Hasher {
    type Hasher = Mixed;

    fn build_hasher(&self) -> Mixed {
        Mixed(0)
    }
}

struct Mixed(u64);

impl std::hash::Hasher for Mixed {
    fn finish(&self) -> u64 {
        self.0
    }

    fn write(&mut self, bytes: &[u8]) {
        for byte in bytes {
            self.0 = (self.0 ^ u64::from(*byte)).wrapping_mul(0x0000_0100_0000_01b3);
        }
    }

    fn write_u32(&mut self, number: u32) {
        self.0 = u64::from(number).wrapping_mul(0x9e37_79b9_7f4a_7c15);
        self.0 ^= self.0 >> 32;
    }
}

#[inline]
fn slot(folded: u32) -> u32 {
    folded.wrapping_mul(0x9e37_79b1) >> (32 - BITS)
}

const FOLD: u32 = 0x2020_2020;

impl Scanner {
    /// Compiles words. `next` gives the bytes of a match from the word's first on, in the order they stand; a word of two bytes is sought
    /// with its third.
    pub(crate) fn new(words: Vec<(Word, Vec<Bytes>)>) -> Scanner {
        let mut scanner = Scanner { four: Starts::new(), three: Starts::new(), words: Vec::with_capacity(words.len()) };
        for (word, next) in words {
            let index = u32::try_from(scanner.words.len()).unwrap_or(u32::MAX);
            let folded = |bytes: &[u8]| bytes.iter().rev().fold(0_u32, |number, byte| number << 8 | u32::from(*byte | 0x20));
            match word.text.as_slice() {
                [a, b, c, d, ..] => scanner.four.add(folded(&[*a, *b, *c, *d]), index),
                [a, b, c] => scanner.three.add(folded(&[*a, *b, *c]), index),
                short => {
                    let third: Vec<u8> = next.get(2).map_or_else(|| (0..=255).collect(), |set| set.iter().collect());
                    let mut starts: Vec<u32> = third.into_iter().map(|byte| folded(&[short, &[byte]].concat())).collect();
                    starts.sort_unstable();
                    starts.dedup();
                    starts.into_iter().for_each(|start| scanner.three.add(start, index));
                }
            }
            scanner.words.push(word);
        }
        scanner
    }

    /// Calls `found` with the meaning, the start and the length of each word in the text, in the order of their starts.
    pub(crate) fn scan(&self, text: &[u8], mut found: impl FnMut(u32, usize, usize)) {
        for (at, bytes) in text.array_windows::<4>().enumerate() {
            let four = u32::from_le_bytes(*bytes) | FOLD;
            let three = four & 0x00ff_ffff;
            if self.four.may_begin(four) {
                self.compare(self.four.words.get(&four), text, at, &mut found);
            }
            if self.three.may_begin(three) {
                self.compare(self.three.words.get(&three), text, at, &mut found);
            }
        }
        // The last three places have fewer than four bytes: words of two or three letters end there.
        let tail = text.len().saturating_sub(3);
        for at in tail..text.len() {
            let rest = text.get(at..).unwrap_or_default();
            for word in &self.words {
                if word.text.len() <= rest.len() && starts_folded(rest, &word.text) {
                    found(word.meaning, at, word.text.len());
                }
            }
        }
    }

    #[inline(never)]
    fn compare(&self, indices: Option<&Vec<u32>>, text: &[u8], at: usize, found: &mut impl FnMut(u32, usize, usize)) {
        let Some(indices) = indices else { return };
        let rest = text.get(at..).unwrap_or_default();
        for index in indices {
            let Some(word) = self.words.get(*index as usize) else { continue };
            if starts_folded(rest, &word.text) {
                found(word.meaning, at, word.text.len());
            }
        }
    }
}

#[inline]
fn starts_folded(text: &[u8], word: &[u8]) -> bool {
    text.get(..word.len()).is_some_and(|start| start.eq_ignore_ascii_case(word))
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn compiled(words: &[&str]) -> Scanner {
        let words = words.iter().zip(0..).map(|(text, meaning)| (Word { text: text.as_bytes().to_vec(), meaning }, Vec::new())).collect();
        Scanner::new(words)
    }

    fn all(scanner: &Scanner, text: &[u8]) -> Vec<(u32, usize)> {
        let mut out = Vec::new();
        scanner.scan(text, |meaning, at, _| out.push((meaning, at)));
        out.sort_unstable();
        out
    }

    fn plain(words: &[&str], text: &[u8]) -> Vec<(u32, usize)> {
        let mut out = Vec::new();
        for (word, meaning) in words.iter().zip(0..) {
            for at in 0..text.len() {
                if starts_folded(&text[at..], word.as_bytes()) {
                    out.push((meaning, at));
                }
            }
        }
        out.sort_unstable();
        out
    }

    #[test]
    fn finds_words_at_the_end_and_in_any_case() {
        let words = ["key", "token", "s.", "api-key", "hvs."];
        let scanner = compiled(&words);
        for text in ["key", "KEY=", "s.", "a s.", "xToKeN", "api-key", "a hvs.", "", "k", "ke"] {
            assert_eq!(all(&scanner, text.as_bytes()), plain(&words, text.as_bytes()), "{text}");
        }
    }

    proptest! {
        #[test]
        fn finds_what_looking_everywhere_finds(text in "[aAkKeEyY.sS=@`{\\[ ]{0,60}") {
            const WORDS: [&str; 8] = ["key", "ek", "s.", "yy=k", "kkkkk", "a@", "{e", "@[k"];
            static SCANNER: std::sync::LazyLock<Scanner> = std::sync::LazyLock::new(|| compiled(&WORDS));
            prop_assert_eq!(all(&SCANNER, text.as_bytes()), plain(&WORDS, text.as_bytes()));
        }
    }
}
