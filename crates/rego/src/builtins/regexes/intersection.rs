//! Whether two globs have a text in common. The globs are those of `regex.globs_match`: letters, `.`, classes in brackets, each of which
//! may be followed by `+` or `*`; a backslash takes a letter as it is.

use crate::builtins::Failure;

/// One place of a glob.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(super) struct Token {
    letters: Letters,
    repeat: Repeat,
}

#[derive(Clone, PartialEq, Eq, Debug)]
enum Letters {
    Any,
    /// Sorted ranges.
    Ranges(Vec<(char, char)>),
}

#[derive(Clone, Copy, PartialEq, Eq, Debug)]
enum Repeat {
    Once,
    Star,
    Plus,
}

impl Letters {
    fn meet(&self, other: &Letters) -> bool {
        match (self, other) {
            (Letters::Any, Letters::Any) => true,
            (Letters::Any, Letters::Ranges(ranges)) | (Letters::Ranges(ranges), Letters::Any) => !ranges.is_empty(),
            (Letters::Ranges(a), Letters::Ranges(b)) => a.iter().any(|(low, high)| b.iter().any(|(from, to)| low <= to && from <= high)),
        }
    }
}

/// Reads a glob.
pub(super) fn parse(glob: &str) -> Result<Vec<Token>, Failure> {
    let bad = |reason: &str| Failure::Failed(format!("invalid input: {reason}"));
    let mut letters = glob.chars().peekable();
    let mut out = Vec::new();
    while let Some(letter) = letters.next() {
        let found = match letter {
            '.' => Letters::Any,
            '[' => {
                let mut ranges = Vec::new();
                loop {
                    let low = match letters.next() {
                        None => return Err(bad("no closing ] for a set")),
                        Some(']') => break,
                        Some('-') => return Err(bad("a range in a set has no beginning")),
                        Some('\\') => letters.next().ok_or_else(|| bad("nothing after a backslash"))?,
                        Some(letter) => letter,
                    };
                    if letters.peek() == Some(&'-') {
                        letters.next();
                        let high = match letters.next() {
                            None | Some(']' | '-') => return Err(bad("a range in a set has no end")),
                            Some('\\') => letters.next().ok_or_else(|| bad("nothing after a backslash"))?,
                            Some(letter) => letter,
                        };
                        if high < low {
                            return Err(bad("a range in a set is the wrong way round"));
                        }
                        ranges.push((low, high));
                    } else {
                        ranges.push((low, low));
                    }
                }
                Letters::Ranges(ranges)
            }
            ']' => return Err(bad("a ] without its [")),
            '+' | '*' => return Err(bad("nothing before a repetition")),
            '\\' => {
                let letter = letters.next().ok_or_else(|| bad("nothing after a backslash"))?;
                Letters::Ranges(vec![(letter, letter)])
            }
            letter => Letters::Ranges(vec![(letter, letter)]),
        };
        let repeat = match letters.peek() {
            Some('*') => Repeat::Star,
            Some('+') => Repeat::Plus,
            _ => Repeat::Once,
        };
        if repeat != Repeat::Once {
            letters.next();
        }
        out.push(Token { letters: found, repeat });
    }
    Ok(out)
}

/// Whether a text matches both. Works on pairs of places: from each pair either a letter is read that both accept, or a place that may
/// be left out is.
pub(super) fn meet(a: &[Token], b: &[Token]) -> bool {
    // A state of one glob: the place, and whether a letter was read there already (only of use with `+`).
    let width = (b.len() + 1) * 2;
    let mut seen = vec![false; (a.len() + 1) * 2 * width];
    let mut open = vec![((0_usize, false), (0_usize, false))];
    while let Some((left, right)) = open.pop() {
        let index = (left.0 * 2 + usize::from(left.1)) * width + right.0 * 2 + usize::from(right.1);
        match seen.get_mut(index) {
            Some(done) if !*done => *done = true,
            _ => continue,
        }
        if left.0 == a.len() && right.0 == b.len() {
            return true;
        }
        let (one, other) = (a.get(left.0), b.get(right.0));
        let may_leave = |token: Option<&Token>, read: bool| {
            token.is_some_and(|token| token.repeat == Repeat::Star || (token.repeat == Repeat::Plus && read))
        };
        if may_leave(one, left.1) {
            open.push(((left.0 + 1, false), right));
        }
        if may_leave(other, right.1) {
            open.push((left, (right.0 + 1, false)));
        }
        let (Some(one), Some(other)) = (one, other) else { continue };
        if one.letters.meet(&other.letters) {
            let after = |at: usize, token: &Token| if token.repeat == Repeat::Once { (at + 1, false) } else { (at, true) };
            open.push((after(left.0, one), after(right.0, other)));
        }
    }
    false
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(a: &str, b: &str, expected: bool) {
        assert_eq!(meet(&parse(a).unwrap(), &parse(b).unwrap()), expected, "{a} {b}");
        assert_eq!(meet(&parse(b).unwrap(), &parse(a).unwrap()), expected, "{b} {a}");
    }

    #[test]
    fn globs() {
        check("abc", "abc", true);
        check("abc", "abd", false);
        check("a.c", "abc", true);
        check("[a-d]+", "c+z*", true);
        check("[a-d]+z", "c+", false);
        check("a*b*", "", true);
        check("a+", "", false);
        check(".+z", "xyz*", true);
        check("\\*+", "*".replace('*', "\\*").as_str(), true);
        for wrong in ["[a", "a]", "*", "[a-]", "[b-a]", "\\", "[-a]"] {
            assert!(parse(wrong).is_err(), "{wrong}");
        }
    }
}
