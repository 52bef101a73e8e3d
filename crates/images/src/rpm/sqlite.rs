//! The table `Packages` of a database of SQLite (<https://sqlite.org/fileformat2.html>), with what its write-ahead log adds.

use std::borrow::Cow;
use std::collections::{HashMap, HashSet};

use super::{Headers, LARGEST_HEADER};

/// How deep the tree of a table may be.
const DEEPEST: usize = 32;

/// A database.
struct Database<'b> {
    bytes: &'b [u8],
    /// Pages that the log has anew.
    newer: HashMap<u32, &'b [u8]>,
    page_size: usize,
    /// Bytes of a page that are used.
    usable: usize,
}

pub(super) fn read<'b>(bytes: &'b [u8], log: Option<&'b [u8]>, out: &mut Headers<'b>) {
    let Some(database) = Database::open(bytes, log) else {
        return out.problem("the header of the database is broken");
    };
    let mut top = None;
    let mut walk = Walk { database: &database, seen: HashSet::new() };
    let mut problems = Vec::new();
    walk.rows(1, 0, &mut problems, &mut |_, payload| {
        let columns = columns(&payload);
        let text = |index: usize| columns.get(index).map_or(&[][..], |column| column.bytes);
        if text(0) == b"table" && text(1).eq_ignore_ascii_case(b"Packages") {
            top = columns.get(3).and_then(Column::number).and_then(|page| u32::try_from(page).ok());
        }
        top.is_none()
    });
    match top {
        Some(top) => {
            walk.seen.clear();
            walk.rows(top, 0, &mut problems, &mut |number, payload| {
                let place = columns(&payload).into_iter().nth(1).map(|column| (column.start, column.start + column.bytes.len()));
                match (place, payload) {
                    (Some((start, end)), Cow::Borrowed(bytes)) => out.add(number, Cow::Borrowed(bytes.get(start..end).unwrap_or_default())),
                    (Some((start, end)), Cow::Owned(mut bytes)) => {
                        bytes.truncate(end);
                        bytes.drain(..start.min(bytes.len()));
                        out.add(number, Cow::Owned(bytes))
                    }
                    (None, _) => {
                        out.problem(format!("row {number} of the database has no header"));
                        true
                    }
                }
            });
        }
        None => problems.push("the database has no table `Packages`".to_owned()),
    }
    for problem in problems {
        out.problem(problem);
    }
}

impl<'b> Database<'b> {
    fn open(bytes: &'b [u8], log: Option<&'b [u8]>) -> Option<Database<'b>> {
        let page_size = match u16::from_be_bytes(bytes.get(16..18)?.try_into().ok()?) {
            1 => 65_536,
            size if size >= 512 && size.is_power_of_two() => usize::from(size),
            _ => return None,
        };
        let usable = page_size.checked_sub(usize::from(*bytes.get(20)?)).filter(|usable| *usable >= 480)?;
        let newer = log.and_then(|log| logged(log, page_size)).unwrap_or_default();
        Some(Database { bytes, newer, page_size, usable })
    }

    fn page(&self, number: u32) -> Option<&'b [u8]> {
        if let Some(page) = self.newer.get(&number) {
            return Some(page);
        }
        let at = (number.checked_sub(1)? as usize).checked_mul(self.page_size)?;
        self.bytes.get(at..at.checked_add(self.page_size)?)
    }

    /// The payload of a cell whose length is told at a place of a page.
    fn payload(&self, page: &'b [u8], at: usize) -> Option<(u64, Cow<'b, [u8]>)> {
        let (length, at) = varint(page, at)?;
        let (row, at) = varint(page, at)?;
        let length = usize::try_from(length).ok().filter(|length| *length <= LARGEST_HEADER)?;
        let most = self.usable - 35;
        if length <= most {
            return Some((row, Cow::Borrowed(page.get(at..at.checked_add(length)?)?)));
        }
        let least = (self.usable - 12) * 32 / 255 - 23;
        let fits = least + (length - least) % (self.usable - 4);
        let local = if fits <= most { fits } else { least };
        let mut bytes = Vec::with_capacity(length.min(1 << 20));
        bytes.extend_from_slice(page.get(at..at + local)?);
        let mut next = big(page, at + local)?;
        while bytes.len() < length {
            let page = self.page(next)?;
            let part = page.get(4..self.usable)?;
            bytes.extend_from_slice(part.get(..part.len().min(length - bytes.len()))?);
            next = big(page, 0)?;
        }
        Some((row, Cow::Owned(bytes)))
    }
}

fn big(bytes: &[u8], at: usize) -> Option<u32> {
    bytes.get(at..at.checked_add(4)?)?.try_into().ok().map(u32::from_be_bytes)
}

/// A number of one to nine bytes, and where the next thing begins.
fn varint(bytes: &[u8], at: usize) -> Option<(u64, usize)> {
    let mut value = 0_u64;
    for index in 0..9 {
        let byte = *bytes.get(at.checked_add(index)?)?;
        if index == 8 {
            return Some(((value << 8) | u64::from(byte), at + 9));
        }
        value = (value << 7) | u64::from(byte & 0x7f);
        if byte & 0x80 == 0 {
            return Some((value, at + index + 1));
        }
    }
    None
}

/// A column of a row.
struct Column<'p> {
    kind: u64,
    start: usize,
    bytes: &'p [u8],
}

impl Column<'_> {
    fn number(&self) -> Option<u64> {
        match self.kind {
            1..=6 => Some(self.bytes.iter().fold(0, |value, byte| (value << 8) | u64::from(*byte))),
            8 => Some(0),
            9 => Some(1),
            _ => None,
        }
    }
}

/// The first columns of a row; those that are broken and what follows are left out.
fn columns(payload: &[u8]) -> Vec<Column<'_>> {
    let mut out = Vec::new();
    let Some((header, mut at)) = varint(payload, 0) else { return out };
    let Ok(header) = usize::try_from(header) else { return out };
    let mut start = header;
    while at < header && out.len() < 16 {
        let Some((kind, next)) = varint(payload, at) else { break };
        at = next;
        let length = match kind {
            0 | 8 | 9 => 0,
            1..=4 => kind,
            5 => 6,
            6 | 7 => 8,
            10 | 11 => break,
            kind => (kind - 12) / 2,
        };
        let Some(end) = usize::try_from(length).ok().and_then(|length| start.checked_add(length)) else { break };
        let Some(bytes) = payload.get(start..end) else { break };
        out.push(Column { kind, start, bytes });
        start = end;
    }
    out
}

struct Walk<'d, 'b> {
    database: &'d Database<'b>,
    seen: HashSet<u32>,
}

impl<'b> Walk<'_, 'b> {
    /// Gives each row below a page to `each`, which says whether to go on; whether it did.
    fn rows(&mut self, number: u32, depth: usize, problems: &mut Vec<String>, each: &mut dyn FnMut(u64, Cow<'b, [u8]>) -> bool) -> bool {
        let mut problem = |what: &str| {
            if problems.len() < 20 {
                problems.push(format!("page {number} of the database {what}"));
            }
        };
        if depth > DEEPEST || !self.seen.insert(number) {
            problem("leads in circles");
            return true;
        }
        let Some(page) = self.database.page(number) else {
            problem("is not there");
            return true;
        };
        // The first page begins behind the header of the database.
        let at = if number == 1 { 100 } else { 0 };
        let kind = page.get(at).copied().unwrap_or_default();
        let interior = match kind {
            0x05 => true,
            0x0d => false,
            _ => {
                problem("is of no table");
                return true;
            }
        };
        let count = page.get(at + 3..at + 5).and_then(|two| two.try_into().ok()).map_or(0, u16::from_be_bytes);
        let cells = at + if interior { 12 } else { 8 };
        let mut children = Vec::new();
        for index in 0..usize::from(count) {
            let place = cells + index * 2;
            let Some(cell) = page.get(place..place + 2).and_then(|two| two.try_into().ok()).map(u16::from_be_bytes) else {
                problem("is broken");
                break;
            };
            if interior {
                children.extend(big(page, usize::from(cell)));
                continue;
            }
            match self.database.payload(page, usize::from(cell)) {
                Some((row, payload)) => {
                    if !each(row, payload) {
                        return false;
                    }
                }
                None => problem("has a broken row"),
            }
        }
        if interior {
            children.extend(big(page, at + 8));
        }
        children.into_iter().all(|child| self.rows(child, depth + 1, problems, each))
    }
}

/// Pages of a write-ahead log up to its last whole transaction.
fn logged(log: &[u8], page_size: usize) -> Option<HashMap<u32, &[u8]>> {
    let order = match big(log, 0)? {
        0x377f_0682 => u32::from_le_bytes,
        0x377f_0683 => u32::from_be_bytes,
        _ => return None,
    };
    if big(log, 8)? as usize != page_size {
        return None;
    }
    let sum = |bytes: &[u8], (mut one, mut two): (u32, u32)| {
        for pair in bytes.chunks_exact(8) {
            let word = |at: usize| pair.get(at..at + 4).and_then(|four| four.try_into().ok()).map_or(0, order);
            one = one.wrapping_add(word(0)).wrapping_add(two);
            two = two.wrapping_add(word(4)).wrapping_add(one);
        }
        (one, two)
    };
    let salts = log.get(16..24)?;
    let mut state = sum(log.get(..24)?, (0, 0));
    if (big(log, 24)?, big(log, 28)?) != state {
        return None;
    }
    let mut pages = HashMap::new();
    let mut open: Vec<(u32, &[u8])> = Vec::new();
    for frame in log.get(32..)?.chunks_exact(24 + page_size) {
        let (head, page) = frame.split_at_checked(24)?;
        state = sum(page, sum(head.get(..8)?, state));
        if head.get(8..16) != Some(salts) || (big(head, 16)?, big(head, 20)?) != state {
            break;
        }
        open.push((big(head, 0)?, page));
        // A transaction ends with a frame that tells the size of the database.
        if big(head, 4)? != 0 {
            pages.extend(open.drain(..));
        }
    }
    Some(pages)
}
