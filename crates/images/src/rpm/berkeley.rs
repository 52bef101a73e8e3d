//! The hash table of Berkeley DB that older versions of rpm write (`Packages`).

use std::borrow::Cow;
use std::collections::HashSet;

use super::{Headers, LARGEST_HEADER};

const HASH: u32 = 0x0006_1561;
const TREE: u32 = 0x0005_3162;
/// Bytes before what a page holds.
const HEAD: usize = 26;

/// A database in its order of bytes.
struct Database<'b> {
    bytes: &'b [u8],
    big: bool,
    page_size: usize,
}

fn number(bytes: &[u8], at: usize, length: usize, big: bool) -> Option<u32> {
    let part = bytes.get(at..at.checked_add(length)?)?;
    let add = |value: u32, byte: &u8| (value << 8) | u32::from(*byte);
    Some(if big { part.iter().fold(0, add) } else { part.iter().rev().fold(0, add) })
}

/// Whether it is a database of Berkeley DB.
pub(super) fn is_one(bytes: &[u8]) -> bool {
    [false, true].iter().any(|big| matches!(number(bytes, 12, 4, *big), Some(HASH | TREE)))
}

pub(super) fn read<'b>(bytes: &'b [u8], out: &mut Headers<'b>) {
    let big = number(bytes, 12, 4, false).is_none_or(|magic| magic != HASH && magic != TREE);
    if number(bytes, 12, 4, big) == Some(TREE) {
        return out.problem("the database is a tree of Berkeley DB, which rpm does not write; it is not read");
    }
    let size = number(bytes, 20, 4, big).unwrap_or(0) as usize;
    if !(512..=65_536).contains(&size) || !size.is_power_of_two() {
        return out.problem("the header of the database is broken");
    }
    if bytes.get(24).is_some_and(|encrypted| *encrypted != 0) {
        return out.problem("the database is encrypted");
    }
    let database = Database { bytes, big, page_size: size };
    let last = number(bytes, 32, 4, big).unwrap_or(0) as usize;
    if last.saturating_add(1).saturating_mul(size) > bytes.len() {
        out.problem("the database ends too early");
    }
    for index in 1..bytes.len().div_ceil(size) {
        let Some(page) = database.page(index as u32) else { break };
        // Hash pages, in the order of arrival and sorted.
        if matches!(page.get(25), Some(2 | 13)) && !database.hash_page(index, page, out) {
            return;
        }
    }
}

impl<'b> Database<'b> {
    fn page(&self, index: u32) -> Option<&'b [u8]> {
        let at = (index as usize).checked_mul(self.page_size)?;
        self.bytes.get(at..at.checked_add(self.page_size)?)
    }

    fn hash_page(&self, index: usize, page: &'b [u8], out: &mut Headers<'b>) -> bool {
        let count = number(page, 20, 2, self.big).unwrap_or(0) as usize;
        if HEAD + count * 2 > page.len() {
            out.problem(format!("page {index} of the database is broken"));
            return true;
        }
        let place = |item: usize| number(page, HEAD + item * 2, 2, self.big).map(|place| place as usize);
        // Keys and values by turns; each ends where the one before begins.
        for value in (1..count).step_by(2) {
            let mut item = || {
                let (start, end) = (place(value)?, place(value - 1)?);
                let key = page.get(end + 1..if value >= 2 { place(value - 2)? } else { page.len() })?;
                let key = number(key, 0, 4, self.big)?;
                let bytes: Cow<'b, [u8]> = match page.get(start)? {
                    1 => Cow::Borrowed(page.get(start + 1..end)?),
                    3 => Cow::Owned(self.overflow(number(page, start + 4, 4, self.big)?, number(page, start + 8, 4, self.big)?)?),
                    _ => return None,
                };
                // Entry 0 counts the packages.
                Some(key == 0 || out.add(u64::from(key), bytes))
            };
            match item() {
                Some(true) => {}
                Some(false) => return false,
                None => out.problem(format!("page {index} of the database has a broken entry")),
            }
        }
        true
    }

    /// A value that lies on pages of its own.
    fn overflow(&self, first: u32, length: u32) -> Option<Vec<u8>> {
        let length = usize::try_from(length).ok().filter(|length| *length <= LARGEST_HEADER)?;
        let mut bytes = Vec::with_capacity(length.min(1 << 20));
        let mut next = first;
        let mut seen = HashSet::new();
        while bytes.len() < length {
            let page = self.page(next).filter(|page| page.get(25) == Some(&7))?;
            if !seen.insert(next) {
                return None;
            }
            let used = number(page, 22, 2, self.big)? as usize;
            let part = page.get(HEAD..HEAD.checked_add(used)?)?;
            bytes.extend_from_slice(part.get(..part.len().min(length - bytes.len()))?);
            next = number(page, 16, 4, self.big)?;
        }
        Some(bytes)
    }
}
