//! Edits of source text that mend a fault, in the words of the subject: what to set, take away and add. `iac::edit` makes them concrete.

use std::sync::Arc;

use probity_value::Value;

/// An edit of one subject.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Edit {
    /// Its steps, in order.
    pub steps: Vec<EditStep>,
}

/// One step of an edit.
#[derive(Clone, Debug, PartialEq)]
pub enum EditStep {
    /// Gives an attribute a value; maps on the way are made where they are not there.
    Set {
        /// Which attribute.
        path: Vec<EditKey>,
        /// Its value, wholly known.
        value: Value,
        /// Whether blocks of HCL that are not there are made: nobody may have said what else such a block needs.
        blocks: bool,
    },
    /// Takes an attribute away.
    Remove {
        /// Which attribute.
        path: Vec<EditKey>,
    },
    /// Puts text of another resource behind the subject: `{name}` stands for its name, `{address}` for its address.
    Add {
        /// The text.
        text: Arc<str>,
    },
}

/// One step of the way to an attribute.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum EditKey {
    /// A key of a map, or a block; every one of several blocks.
    Name(Arc<str>),
    /// Every item of a list that is there.
    Each,
    /// The pod specification of a workload.
    Pod,
    /// Every container of a workload: regular, init and ephemeral.
    Containers,
}

/// Bytes of a text in place of others.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Replacement {
    /// First byte that goes.
    pub start: usize,
    /// One past the last byte that goes; `start` where nothing does.
    pub end: usize,
    /// What comes in its place.
    pub text: String,
}

impl Replacement {
    /// The text with replacements made. They do not overlap; those that do not fit the text are left out.
    #[must_use]
    pub fn apply(text: &str, replacements: &[Replacement]) -> String {
        let mut sorted: Vec<&Replacement> = replacements.iter().collect();
        sorted.sort_by_key(|one| (one.start, one.end));
        let mut out = String::with_capacity(text.len() + 64);
        let mut at = 0;
        for one in sorted {
            let (Some(before), Some(_)) = (text.get(at..one.start), text.get(one.start..one.end)) else { continue };
            out.push_str(before);
            out.push_str(&one.text);
            at = one.end;
        }
        out.push_str(text.get(at..).unwrap_or_default());
        out
    }

    /// Where a byte of the text stands once the replacements are made; a byte at which something is put in stays before it.
    #[must_use]
    pub fn moved(offset: usize, replacements: &[Replacement]) -> usize {
        let (grown, shrunk) = replacements
            .iter()
            .filter(|one| one.start < offset && one.end <= offset)
            .fold((0, 0), |(grown, shrunk), one| (grown + one.text.len(), shrunk + one.end - one.start));
        (offset + grown).saturating_sub(shrunk)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn replacements_are_made_in_the_order_of_the_text() {
        let one = |start, end, text: &str| Replacement { start, end, text: text.to_owned() };
        let check = |replacements: &[Replacement], expected: &str, offset, moved| {
            assert_eq!(Replacement::apply("abcdef", replacements), expected);
            assert_eq!(Replacement::moved(offset, replacements), moved, "{expected}");
        };
        check(&[], "abcdef", 3, 3);
        check(&[one(4, 5, "XYZ"), one(0, 1, "")], "bcdXYZf", 5, 6);
        check(&[one(2, 2, "+")], "ab+cdef", 2, 2);
        check(&[one(2, 2, "+")], "ab+cdef", 3, 4);
        check(&[one(0, 9, "+")], "abcdef", 0, 0);
    }
}
