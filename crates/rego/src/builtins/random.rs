//! Random numbers that are the same within one evaluation: made of its seed and a key.

use std::hash::{Hash, Hasher};

use crate::builtins::operands::{integer, operand, text};
use crate::builtins::{Answer, Context};
use crate::term::Term;

/// A stream of random numbers (splitmix64).
pub(super) struct Stream(u64);

/// FNV-1a, which stays the same whatever the standard library does.
struct Fnv(u64);

impl Hasher for Fnv {
    fn finish(&self) -> u64 {
        self.0
    }

    fn write(&mut self, bytes: &[u8]) {
        for byte in bytes {
            self.0 = (self.0 ^ u64::from(*byte)).wrapping_mul(0x0100_0000_01b3);
        }
    }
}

impl Stream {
    /// The stream of a seed, a purpose and a key.
    pub(super) fn new(seed: u64, purpose: &str, key: &Term) -> Stream {
        let mut hasher = Fnv(0xcbf2_9ce4_8422_2325 ^ seed);
        purpose.hash(&mut hasher);
        key.hash(&mut hasher);
        Stream(hasher.finish())
    }

    pub(super) fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mixed = (self.0 ^ (self.0 >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        let mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        mixed ^ (mixed >> 31)
    }
}

/// A number from zero up to, and without, a bound: the same for the same key and bound.
pub(super) fn intn(context: &mut Context<'_>, arguments: &[Term]) -> Answer {
    text(arguments, 0)?;
    let bound = integer(arguments, 1)?.unsigned_abs();
    if bound == 0 {
        return Ok(Term::int(0));
    }
    let key = Term::array(vec![operand(arguments, 0)?.clone(), Term::int(i64::try_from(bound).unwrap_or(i64::MAX))]);
    let value = Stream::new(context.seed, "intn", &key).next() % bound;
    Ok(Term::int(i64::try_from(value).unwrap_or(0)))
}

#[cfg(test)]
mod tests {
    use crate::builtins::tests::{arguments, check, shown};

    #[test]
    fn numbers_are_the_same_for_the_same_key() {
        let made = shown("rand.intn", &arguments(r#"["a", 1000000]"#));
        assert_eq!(made, shown("rand.intn", &arguments(r#"["a", -1000000]"#)));
        assert_ne!(made, shown("rand.intn", &arguments(r#"["b", 1000000]"#)));
        check("rand.intn", r#"["a", 0]"#, "0");
        check("rand.intn", r#"["a", 1]"#, "0");
    }
}
