//! rpm's own database `ndb` (SUSE, `Packages.db`): slots that say where each header lies.

use std::borrow::Cow;

use super::{Headers, LARGEST_HEADER, little};

/// Size of a page of slots, and of a block.
const PAGE: usize = 4096;
const BLOCK: usize = 16;

pub(super) fn read<'b>(bytes: &'b [u8], out: &mut Headers<'b>) {
    let (Some(0), Some(pages)) = (little(bytes, 4), little(bytes, 12)) else {
        return out.problem("the version of the database is not known");
    };
    let Some(slots) = (pages as usize).checked_mul(PAGE).and_then(|end| bytes.get(BLOCK * 2..end.min(bytes.len()))) else {
        return out.problem("the header of the database is broken");
    };
    if (pages as usize).saturating_mul(PAGE) > bytes.len() {
        out.problem("the database ends too early");
    }
    for slot in slots.chunks_exact(BLOCK) {
        if !slot.starts_with(b"Slot") {
            out.problem("a slot of the database is broken; the rest is not read");
            return;
        }
        let (Some(number), Some(place)) = (little(slot, 4), little(slot, 8)) else { continue };
        if number == 0 {
            continue;
        }
        match blob(bytes, number, place as usize) {
            Some(header) => {
                if !out.add(u64::from(number), Cow::Borrowed(header)) {
                    return;
                }
            }
            None => out.problem(format!("the header of package {number} is not where the database tells")),
        }
    }
}

fn blob(bytes: &[u8], number: u32, place: usize) -> Option<&[u8]> {
    let at = place.checked_mul(BLOCK)?;
    if bytes.get(at..at.checked_add(4)?)? != b"BlbS" || little(bytes, at + 4)? != number {
        return None;
    }
    let length = little(bytes, at + 12)? as usize;
    if length > LARGEST_HEADER {
        return None;
    }
    bytes.get(at + BLOCK..(at + BLOCK).checked_add(length)?)
}
