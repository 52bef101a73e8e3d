//! zip: entries by the central directory, stored or packed with deflate or zstd; ZIP64.

use std::collections::HashSet;
use std::io::Read;
use std::sync::Arc;

use crate::limits::Problems;
use crate::path::normal;
use crate::{Kind, Limits, Meter, Problem, Trouble};

/// An entry of a zip archive. Its content is unpacked when it is asked for.
#[derive(Clone, Debug)]
pub struct ZipEntry<'a> {
    /// Its path: relative, plain.
    pub path: Arc<str>,
    /// What it is: a file, a folder or a symbolic link.
    pub kind: Kind,
    /// Its mode bits, where they are told.
    pub mode: u32,
    /// Its size in bytes, as told.
    pub size: u64,
    /// Its bytes as stored.
    pub packed: &'a [u8],
    method: u16,
    checksum: u32,
    encrypted: bool,
}

const ENTRY: &[u8] = b"PK\x01\x02";
const LOCAL: &[u8] = b"PK\x03\x04";
const END: &[u8] = b"PK\x05\x06";
const END_64: &[u8] = b"PK\x06\x06";
const LOCATOR_64: &[u8] = b"PK\x06\x07";

/// Numbers at places of a slice.
#[derive(Clone, Copy)]
struct Bytes<'a>(&'a [u8]);

impl<'a> Bytes<'a> {
    fn part(self, at: usize, length: usize) -> Option<&'a [u8]> {
        self.0.get(at..at.checked_add(length)?)
    }

    fn u16(self, at: usize) -> Option<u16> {
        self.part(at, 2)?.try_into().ok().map(u16::from_le_bytes)
    }

    fn u32(self, at: usize) -> Option<u32> {
        self.part(at, 4)?.try_into().ok().map(u32::from_le_bytes)
    }

    fn u64(self, at: usize) -> Option<u64> {
        self.part(at, 8)?.try_into().ok().map(u64::from_le_bytes)
    }
}

/// Where the central directory lies.
struct Directory {
    start: usize,
    end: usize,
    count: u64,
    /// What lies before the archive: a script, a program. Offsets count from behind it.
    before: usize,
}

fn directory(bytes: Bytes<'_>) -> Option<Directory> {
    // The end has a comment of up to 65,535 bytes.
    let from = bytes.0.len().saturating_sub(22 + 0xffff);
    let tail = bytes.0.get(from..)?;
    let fits = |at: &usize| bytes.u16(from + at + 20).is_some_and(|comment| from + at + 22 + usize::from(comment) <= bytes.0.len());
    let at = from + (0..tail.len().saturating_sub(21)).rev().filter(|at| tail.get(*at..at + 4) == Some(END)).find(fits)?;
    let (mut count, mut size, mut offset) =
        (u64::from(bytes.u16(at + 10)?), u64::from(bytes.u32(at + 12)?), u64::from(bytes.u32(at + 16)?));
    let mut end = at;
    if (count == 0xffff || size == 0xffff_ffff || offset == 0xffff_ffff) && at >= 20 && bytes.part(at - 20, 4) == Some(LOCATOR_64) {
        let told = usize::try_from(bytes.u64(at - 12)?).ok()?;
        // With something before the archive it lies further back than told; then it is right before its locator.
        let place = [Some(told), (at - 20).checked_sub(56)].into_iter().flatten().find(|place| bytes.part(*place, 4) == Some(END_64))?;
        count = bytes.u64(place + 32)?;
        size = bytes.u64(place + 40)?;
        offset = bytes.u64(place + 48)?;
        end = place;
    }
    let start = end.checked_sub(usize::try_from(size).ok()?)?;
    let before = start.checked_sub(usize::try_from(offset).ok()?)?;
    Some(Directory { start, end, count, before })
}

/// Reads a zip archive and gives each entry to `each`, which says whether to go on. What is wrong is told and the rest goes on.
pub fn zip<'a>(bytes: &'a [u8], meter: &mut Meter, each: &mut dyn FnMut(ZipEntry<'a>, &mut Meter) -> bool) -> Vec<Problem> {
    let mut problems = Problems::default();
    let bytes = Bytes(bytes);
    let Some(directory) = directory(bytes) else {
        problems.add("", Trouble::Malformed("it is no zip archive, or its end is missing"));
        return problems.0;
    };
    let mut at = directory.start;
    let mut seen = HashSet::new();
    let mut places: Vec<(usize, usize)> = Vec::new();
    let mut met = 0_u64;
    while at < directory.end {
        if let Err(trouble) = meter.entry() {
            problems.add("", trouble);
            return problems.0;
        }
        met += 1;
        let Some((entry, next)) = record(bytes, at, &directory, &mut problems) else {
            problems.add("", Trouble::Malformed("the directory of the archive is broken"));
            return problems.0;
        };
        at = next;
        let Some((entry, place)) = entry else { continue };
        places.push(place);
        if entry.kind != Kind::Folder && !seen.insert(Arc::clone(&entry.path)) {
            problems.add(&entry.path, Trouble::Duplicate);
        }
        if entry.size > meter.limits.bytes_entry {
            problems.add(&entry.path, Trouble::Entry { size: entry.size, limit: meter.limits.bytes_entry });
            continue;
        }
        if !each(entry, meter) {
            return problems.0;
        }
    }
    if met != directory.count && met & 0xffff != directory.count {
        problems.add("", Trouble::Malformed("the archive tells another count of entries than it has"));
    }
    places.sort_unstable();
    if places.windows(2).any(|pair| matches!(pair, [(_, end), (start, _)] if start < end)) {
        problems.add("", Trouble::Malformed("entries of the archive overlap, as in a bomb"));
    }
    problems.0
}

/// An entry of the directory, where its bytes lie, and where the next one begins.
type Record<'a> = (Option<(ZipEntry<'a>, (usize, usize))>, usize);

fn record<'a>(bytes: Bytes<'a>, at: usize, directory: &Directory, problems: &mut Problems) -> Option<Record<'a>> {
    if bytes.part(at, 4)? != ENTRY {
        return None;
    }
    let made_by = bytes.u16(at + 4)? >> 8;
    let flags = bytes.u16(at + 8)?;
    let method = bytes.u16(at + 10)?;
    let checksum = bytes.u32(at + 16)?;
    let mut packed_size = u64::from(bytes.u32(at + 20)?);
    let mut size = u64::from(bytes.u32(at + 24)?);
    let (name, extra, comment) = (bytes.u16(at + 28)?, bytes.u16(at + 30)?, bytes.u16(at + 32)?);
    let (name, extra, comment) = (usize::from(name), usize::from(extra), usize::from(comment));
    let attributes = bytes.u32(at + 38)?;
    let mut offset = u64::from(bytes.u32(at + 42)?);
    let raw = bytes.part(at + 46, name)?;
    let extras = Bytes(bytes.part(at + 46 + name, extra)?);
    let next = at + 46 + name + extra + comment;
    if next > directory.end {
        return None;
    }
    // ZIP64: those that did not fit, in this order.
    let mut place = 0;
    while let (Some(id), Some(length)) = (extras.u16(place), extras.u16(place + 2)) {
        let field = Bytes(extras.part(place + 4, usize::from(length)).unwrap_or_default());
        if id == 1 {
            let mut step = 0;
            for value in [&mut size, &mut packed_size, &mut offset] {
                if *value == 0xffff_ffff {
                    if let Some(long) = field.u64(step) {
                        *value = long;
                    }
                    step += 8;
                }
            }
        }
        place += 4 + usize::from(length);
    }
    let shown = String::from_utf8_lossy(raw).into_owned();
    let path = match normal(raw, true, &mut |trouble| problems.add(&shown, trouble)) {
        Ok(path) => path,
        Err(trouble) => {
            problems.add(&shown, trouble);
            return Some((None, next));
        }
    };
    let mode = if made_by == 3 { attributes >> 16 } else { 0 };
    let folder = raw.ends_with(b"/") || raw.ends_with(b"\\");
    let local = || -> Option<(usize, usize, &'a [u8])> {
        let start = usize::try_from(offset).ok()?.checked_add(directory.before)?;
        if bytes.part(start, 4)? != LOCAL {
            return None;
        }
        let (name, extra) = (usize::from(bytes.u16(start + 26)?), usize::from(bytes.u16(start + 28)?));
        let content = start + 30 + name + extra;
        let packed = bytes.part(content, usize::try_from(packed_size).ok()?)?;
        if bytes.part(start + 30, name)? != raw {
            return None;
        }
        Some((start, content + packed.len(), packed))
    };
    let Some((start, end, packed)) = local() else {
        problems.add(&path, Trouble::Malformed("the entry is not where the directory of the archive tells"));
        return Some((None, next));
    };
    let kind = match mode & 0o170_000 {
        _ if folder => Kind::Folder,
        // The content is the target; what it leads to is left to who reads it.
        0o120_000 => Kind::Symlink(String::from_utf8_lossy(packed.get(..packed.len().min(4096)).unwrap_or_default()).into()),
        _ => Kind::File,
    };
    let entry = ZipEntry { path: path.into(), kind, mode: mode & 0o7777, size, packed, method, checksum, encrypted: flags & 1 != 0 };
    Some((Some((entry, (start, end))), next))
}

impl ZipEntry<'_> {
    /// The content, unpacked and checked.
    ///
    /// # Errors
    /// [`Trouble`] where it is broken, encrypted, packed in a way that is not read, or larger than the limits.
    pub fn read(&self, meter: &mut Meter) -> Result<Vec<u8>, Trouble> {
        let limits = meter.limits;
        if self.encrypted {
            return Err(Trouble::Unsupported("the entry is encrypted".into()));
        }
        let out = match self.method {
            0 => {
                meter.bytes(self.packed.len() as u64)?;
                self.packed.to_vec()
            }
            8 => self.unpacked(flate2::read::DeflateDecoder::new(self.packed), meter, &limits)?,
            93 => {
                let reader = crate::unpack(self.packed, &limits)?;
                self.unpacked(reader, meter, &limits)?
            }
            other => return Err(Trouble::Unsupported(format!("the entry is packed with method {other}"))),
        };
        if out.len() as u64 != self.size {
            return Err(Trouble::Malformed("the entry has another size than told"));
        }
        let mut sum = flate2::Crc::new();
        sum.update(&out);
        if sum.sum() != self.checksum {
            return Err(Trouble::Checksum("the entry"));
        }
        Ok(out)
    }

    fn unpacked(&self, mut reader: impl Read, meter: &mut Meter, limits: &Limits) -> Result<Vec<u8>, Trouble> {
        let mut out = Vec::with_capacity(usize::try_from(self.size.min(1 << 20)).unwrap_or(0));
        let mut buffer = [0_u8; 16 << 10];
        loop {
            let read = match reader.read(&mut buffer) {
                Ok(0) => return Ok(out),
                Ok(read) => read,
                Err(error) => {
                    return Err(match Trouble::of(&error) {
                        Trouble::Source(_) => Trouble::Malformed("the packed entry is broken"),
                        trouble => trouble,
                    });
                }
            };
            meter.bytes(read as u64)?;
            let total = (out.len() + read) as u64;
            if total > limits.bytes_entry {
                return Err(Trouble::Entry { size: total, limit: limits.bytes_entry });
            }
            if total > self.size {
                return Err(Trouble::Malformed("the entry has another size than told"));
            }
            if total > limits.ratio_from && total / limits.ratio.max(1) > self.packed.len() as u64 {
                return Err(Trouble::Ratio(limits.ratio));
            }
            out.extend_from_slice(buffer.get(..read).unwrap_or_default());
        }
    }
}

#[cfg(test)]
mod tests;
