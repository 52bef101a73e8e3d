//! tar: old, ustar, pax and GNU, with long names and sparse files.

use std::collections::{BTreeMap, HashSet};
use std::io::{self, Read};
use std::sync::Arc;

use crate::limits::Problems;
use crate::path::normal;
use crate::{Meter, Problem, Trouble};

const BLOCK: usize = 512;
/// Longest records of pax and long names, in bytes.
const LONGEST_RECORDS: u64 = 1 << 20;
/// Most pieces of a sparse file.
const MOST_PIECES: usize = 1 << 16;

/// What an entry is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Kind {
    /// A file.
    File,
    /// A folder.
    Folder,
    /// A symbolic link, with its target as written.
    Symlink(Arc<str>),
    /// Another name of a file, with the path of that as written.
    Hardlink(Arc<str>),
    /// A device.
    Device,
    /// A named pipe.
    Pipe,
}

/// A stretch of a file that is stored; what lies between is zeros.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Piece {
    /// Where it lies in the file.
    pub at: u64,
    /// Where its bytes lie in the archive.
    pub stored: u64,
    /// Its length.
    pub length: u64,
}

/// An entry of an archive.
pub struct Entry<'a> {
    /// Its path: relative, plain; empty for the top.
    pub path: Arc<str>,
    /// What it is.
    pub kind: Kind,
    /// Its mode bits.
    pub mode: u32,
    /// Size of a file in bytes, with the holes of a sparse one.
    pub size: u64,
    /// Where its bytes lie.
    pub pieces: Vec<Piece>,
    /// Its content, with the holes as zeros. What is not read is skipped. Empty where the entry is larger than the limit, which is
    /// a problem of the archive.
    pub content: &'a mut dyn Read,
}

/// The source, and how much of it was read.
struct Stream<'s> {
    source: &'s mut dyn Read,
    position: u64,
}

impl Stream<'_> {
    /// Reads as much as there is.
    fn fill(&mut self, buffer: &mut [u8]) -> Result<usize, Trouble> {
        let mut filled = 0;
        while let Some(rest) = buffer.get_mut(filled..).filter(|rest| !rest.is_empty()) {
            match self.source.read(rest) {
                Ok(0) => break,
                Ok(read) => filled += read,
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                Err(error) => return Err(Trouble::of(&error)),
            }
        }
        self.position = self.position.saturating_add(filled as u64);
        Ok(filled)
    }

    /// A whole block; none at the end of the stream.
    fn block(&mut self) -> Result<Option<[u8; BLOCK]>, Trouble> {
        let mut block = [0; BLOCK];
        match self.fill(&mut block)? {
            0 => Ok(None),
            BLOCK => Ok(Some(block)),
            _ => Err(Trouble::Truncated),
        }
    }

    fn skip(&mut self, count: u64) -> Result<(), Trouble> {
        let skipped = io::copy(&mut (&mut *self.source).take(count), &mut io::sink()).map_err(|error| Trouble::of(&error))?;
        self.position = self.position.saturating_add(skipped);
        if skipped < count { Err(Trouble::Truncated) } else { Ok(()) }
    }

    /// Bytes of records, with what fills the last block.
    fn records(&mut self, size: u64) -> Result<Vec<u8>, Trouble> {
        if size > LONGEST_RECORDS {
            return Err(Trouble::Malformed("the records before an entry are too long"));
        }
        let mut bytes = vec![0; usize::try_from(size).unwrap_or(0)];
        if self.fill(&mut bytes)? < bytes.len() {
            return Err(Trouble::Truncated);
        }
        self.skip(padding(size))?;
        Ok(bytes)
    }
}

/// Bytes that fill the last block.
fn padding(size: u64) -> u64 {
    size.next_multiple_of(BLOCK as u64).wrapping_sub(size)
}

/// A file's content while the archive is read.
struct Content<'a, 's> {
    stream: &'a mut Stream<'s>,
    pieces: &'a [Piece],
    /// Where in the file.
    at: u64,
    size: u64,
    /// Bytes of the entry that are stored and not yet read.
    left: u64,
    readable: bool,
}

impl Read for Content<'_, '_> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        if !self.readable || self.at >= self.size || buffer.is_empty() {
            return Ok(0);
        }
        while self.pieces.first().is_some_and(|piece| piece.at + piece.length <= self.at) {
            self.pieces = self.pieces.get(1..).unwrap_or_default();
        }
        let (stored, most) = match self.pieces.first() {
            Some(piece) if piece.at <= self.at => (true, piece.at + piece.length - self.at),
            Some(piece) => (false, piece.at.min(self.size) - self.at),
            None => (false, self.size - self.at),
        };
        let most = usize::try_from(most).unwrap_or(usize::MAX).min(buffer.len());
        let buffer = buffer.get_mut(..most).unwrap_or_default();
        if stored {
            let read = self.stream.fill(buffer)?;
            self.left = self.left.saturating_sub(read as u64);
            if read < most {
                return Err(Trouble::Truncated.into());
            }
        } else {
            buffer.fill(0);
        }
        self.at += most as u64;
        Ok(most)
    }
}

/// What the records before an entry say of it.
#[derive(Default)]
struct Said {
    path: Option<Vec<u8>>,
    link: Option<Vec<u8>>,
    pax: BTreeMap<Vec<u8>, Vec<u8>>,
    /// Offsets and lengths of pax sparse format 0.0, in their order.
    pieces: Vec<(u64, u64)>,
}

/// Reads an archive to its end and gives each entry to `each`, which says whether to go on. What is wrong is told and the rest goes on
/// where that can be.
pub fn tar(source: &mut dyn Read, meter: &mut Meter, each: &mut dyn FnMut(Entry<'_>) -> bool) -> Vec<Problem> {
    let mut problems = Problems::default();
    let mut stream = Stream { source, position: 0 };
    let mut state = State { seen: HashSet::new(), global: BTreeMap::new() };
    if let Err(trouble) = state.read(&mut stream, meter, each, &mut problems) {
        problems.add("", trouble);
    }
    problems.0
}

struct State {
    /// Hashes of the paths that were met.
    seen: HashSet<u64>,
    global: BTreeMap<Vec<u8>, Vec<u8>>,
}

impl State {
    fn read(
        &mut self,
        stream: &mut Stream<'_>,
        meter: &mut Meter,
        each: &mut dyn FnMut(Entry<'_>) -> bool,
        problems: &mut Problems,
    ) -> Result<(), Trouble> {
        let mut said = Said::default();
        while let Some(block) = stream.block()? {
            if block.iter().all(|byte| *byte == 0) {
                return Ok(());
            }
            let header = Header(&block);
            header.check()?;
            let size = header.size()?;
            match header.kind() {
                b'x' | b'X' => {
                    let records = stream.records(size)?;
                    said.records(&records)?;
                }
                b'g' => {
                    let records = stream.records(size)?;
                    let mut global = Said::default();
                    global.records(&records)?;
                    self.global.extend(global.pax);
                    // What holds for all entries stays within a bound of its own.
                    if self.global.iter().map(|(key, value)| key.len() + value.len()).sum::<usize>() as u64 > LONGEST_RECORDS {
                        return Err(Trouble::Malformed("the records before an entry are too long"));
                    }
                }
                b'L' => said.path = Some(text(&stream.records(size)?).to_vec()),
                b'K' => said.link = Some(text(&stream.records(size)?).to_vec()),
                _ => {
                    meter.entry()?;
                    let mut said = std::mem::take(&mut said);
                    for (key, value) in &self.global {
                        said.pax.entry(key.clone()).or_insert_with(|| value.clone());
                    }
                    if !self.entry(&header, said, size, stream, meter, each, problems)? {
                        return Ok(());
                    }
                }
            }
        }
        // Many programs leave out the two empty blocks at the end.
        if stream.position == 0 {
            return Err(Trouble::Malformed("the archive is empty"));
        }
        Ok(())
    }

    #[expect(clippy::too_many_arguments, reason = "the parts of one archive while it is read")]
    fn entry(
        &mut self,
        header: &Header<'_>,
        said: Said,
        size: u64,
        stream: &mut Stream<'_>,
        meter: &mut Meter,
        each: &mut dyn FnMut(Entry<'_>) -> bool,
        problems: &mut Problems,
    ) -> Result<bool, Trouble> {
        let pax = |key: &str| said.pax.get(key.as_bytes()).map(Vec::as_slice);
        let size = pax("size").map_or(Ok(size), decimal)?;
        let raw = pax("GNU.sparse.name").or(pax("path")).map(<[u8]>::to_vec).or(said.path.clone()).unwrap_or_else(|| header.path());
        let link = pax("linkpath").map(<[u8]>::to_vec).or(said.link.clone()).unwrap_or_else(|| header.link());
        let link: Arc<str> = String::from_utf8_lossy(&link).into();
        let kind = match header.kind() {
            b'0' | 0 | b'7' | b'S' if raw.ends_with(b"/") => Kind::Folder,
            b'0' | 0 | b'7' | b'S' => Kind::File,
            b'1' => Kind::Hardlink(link),
            b'2' => Kind::Symlink(link),
            b'3' | b'4' => Kind::Device,
            b'5' | b'D' => Kind::Folder,
            b'6' => Kind::Pipe,
            b'V' => {
                stream.skip(size.saturating_add(padding(size)))?;
                return Ok(true);
            }
            b'M' => return Err(Trouble::Unsupported("the archive is one volume of several".into())),
            // POSIX: what is not known is read as a file.
            _ => Kind::File,
        };
        // Only files have bytes; a link of some old archives tells a size and has none.
        let stored = match kind {
            Kind::File => size,
            Kind::Folder if header.kind() == b'D' || header.kind() == b'5' => size,
            Kind::Hardlink(_) if pax("size").is_some() => size,
            _ => 0,
        };
        let (pieces, whole, used) = sparse(header, &said, stored, stream)?;
        let left = stored.checked_sub(used).ok_or(Trouble::Malformed("a sparse file is shorter than its map"))?;
        let shown = String::from_utf8_lossy(&raw).into_owned();
        let path = match normal(&raw, false, &mut |trouble| problems.add(&shown, trouble)) {
            Ok(path) => path,
            Err(trouble) => {
                problems.add(&shown, trouble);
                meter.bytes(left)?;
                stream.skip(left.saturating_add(padding(stored)))?;
                return Ok(true);
            }
        };
        if !matches!(kind, Kind::Folder) && !self.seen.insert(hash(&path)) {
            problems.add(&path, Trouble::Duplicate);
        }
        let whole = if matches!(kind, Kind::File) { whole } else { 0 };
        let readable = whole <= meter.limits.bytes_entry;
        if !readable {
            problems.add(&path, Trouble::Entry { size: whole, limit: meter.limits.bytes_entry });
        }
        meter.bytes(left)?;
        let mut content = Content { stream, pieces: &pieces, at: 0, size: whole, left, readable };
        let entry = Entry { path: path.into(), kind, mode: header.mode(), size: whole, pieces: pieces.clone(), content: &mut content };
        let go_on = each(entry);
        let left = content.left;
        if go_on {
            stream.skip(left.saturating_add(padding(stored)))?;
        }
        Ok(go_on)
    }
}

/// A hash that is the same in one run; two paths with one hash would be told as duplicates, which does no harm.
fn hash(path: &str) -> u64 {
    use std::hash::{Hash as _, Hasher as _};
    let mut hasher = std::hash::DefaultHasher::new();
    path.hash(&mut hasher);
    hasher.finish()
}

/// The pieces of a file, its size with holes, and how many of its stored bytes the map itself took.
fn sparse(header: &Header<'_>, said: &Said, stored: u64, stream: &mut Stream<'_>) -> Result<(Vec<Piece>, u64, u64), Trouble> {
    let pax = |key: &str| said.pax.get(key.as_bytes()).map(Vec::as_slice);
    let wrong = Trouble::Malformed("the map of a sparse file is broken");
    let mut used = 0;
    let (map, whole) = if header.kind() == b'S' {
        header.sparse(stream)?
    } else if pax("GNU.sparse.major") == Some(b"1") {
        let whole = decimal(pax("GNU.sparse.realsize").or(pax("GNU.sparse.size")).ok_or(wrong.clone())?)?;
        let mut lines = Lines { stream, block: [0; BLOCK], at: BLOCK, used: 0, left: stored };
        let count = usize::try_from(lines.number()?).ok().filter(|count| *count <= MOST_PIECES).ok_or(wrong.clone())?;
        let mut map = Vec::with_capacity(count.min(1024));
        for _ in 0..count {
            map.push((lines.number()?, lines.number()?));
        }
        used = lines.used;
        (map, whole)
    } else if let Some(text) = pax("GNU.sparse.map") {
        let whole = decimal(pax("GNU.sparse.size").ok_or(wrong.clone())?)?;
        let numbers: Vec<u64> = text.split(|byte| *byte == b',').take(MOST_PIECES * 2 + 2).map(decimal).collect::<Result<_, _>>()?;
        if !numbers.len().is_multiple_of(2) {
            return Err(wrong);
        }
        (numbers.chunks_exact(2).filter_map(|pair| Some((*pair.first()?, *pair.get(1)?))).collect(), whole)
    } else if let (false, Some(size)) = (said.pieces.is_empty(), pax("GNU.sparse.size")) {
        (said.pieces.clone(), decimal(size)?)
    } else {
        let piece = Piece { at: 0, stored: stream.position, length: stored };
        return Ok((if stored > 0 { vec![piece] } else { Vec::new() }, stored, 0));
    };
    if map.len() > MOST_PIECES {
        return Err(wrong);
    }
    let mut pieces = Vec::with_capacity(map.len());
    let (mut end, mut position) = (0_u64, stream.position);
    let last = stream.position.saturating_add(stored.saturating_sub(used));
    for (at, length) in map {
        let next = at.checked_add(length).filter(|next| *next <= whole).ok_or(wrong.clone())?;
        if at < end || position.saturating_add(length) > last {
            return Err(wrong);
        }
        if length > 0 {
            pieces.push(Piece { at, stored: position, length });
        }
        end = next;
        position = position.saturating_add(length);
    }
    Ok((pieces, whole, used))
}

/// Decimal numbers, one a line, in blocks before the bytes of a sparse file (pax format 1.0).
struct Lines<'a, 's> {
    stream: &'a mut Stream<'s>,
    block: [u8; BLOCK],
    at: usize,
    used: u64,
    left: u64,
}

impl Lines<'_, '_> {
    fn number(&mut self) -> Result<u64, Trouble> {
        let mut digits = Vec::new();
        loop {
            if self.at == BLOCK {
                if self.used.saturating_add(BLOCK as u64) > self.left {
                    return Err(Trouble::Malformed("the map of a sparse file is broken"));
                }
                self.block = self.stream.block()?.ok_or(Trouble::Truncated)?;
                self.used += BLOCK as u64;
                self.at = 0;
            }
            let byte = self.block.get(self.at).copied().unwrap_or_default();
            self.at += 1;
            if byte == b'\n' {
                return decimal(&digits);
            }
            if digits.len() >= 20 {
                return Err(Trouble::Malformed("the map of a sparse file is broken"));
            }
            digits.push(byte);
        }
    }
}

impl Said {
    /// Records of pax: `length key=value\n`.
    fn records(&mut self, bytes: &[u8]) -> Result<(), Trouble> {
        let wrong = || Trouble::Malformed("a record before an entry is broken");
        let mut rest = bytes;
        let mut offset = None;
        while !rest.is_empty() && rest.iter().any(|byte| *byte != 0) {
            let space = rest.iter().take(20).position(|byte| *byte == b' ').ok_or_else(wrong)?;
            let length = usize::try_from(decimal(rest.get(..space).unwrap_or_default())?).map_err(|_| wrong())?;
            let record = rest.get(space + 1..length).ok_or_else(wrong)?;
            let record = record.strip_suffix(b"\n").ok_or_else(wrong)?;
            let equals = record.iter().position(|byte| *byte == b'=').ok_or_else(wrong)?;
            let (key, value) = (record.get(..equals).unwrap_or_default(), record.get(equals + 1..).unwrap_or_default());
            match key {
                b"GNU.sparse.offset" => offset = Some(decimal(value)?),
                b"GNU.sparse.numbytes" => {
                    if self.pieces.len() >= MOST_PIECES {
                        return Err(Trouble::Malformed("the map of a sparse file is broken"));
                    }
                    self.pieces.push((offset.take().ok_or_else(wrong)?, decimal(value)?));
                }
                _ if value.is_empty() => {
                    self.pax.remove(key);
                }
                _ => {
                    self.pax.insert(key.to_vec(), value.to_vec());
                }
            }
            rest = rest.get(length..).unwrap_or_default();
        }
        Ok(())
    }
}

/// Bytes up to the first zero.
fn text(bytes: &[u8]) -> &[u8] {
    let end = bytes.iter().position(|byte| *byte == 0).unwrap_or(bytes.len());
    bytes.get(..end).unwrap_or_default()
}

fn decimal(bytes: &[u8]) -> Result<u64, Trouble> {
    let wrong = Trouble::Malformed("a number is none");
    if bytes.is_empty() || !bytes.iter().all(u8::is_ascii_digit) {
        return Err(wrong);
    }
    std::str::from_utf8(bytes).ok().and_then(|text| text.parse().ok()).ok_or(wrong)
}

/// The block before an entry.
struct Header<'b>(&'b [u8; BLOCK]);

impl Header<'_> {
    fn field(&self, from: usize, length: usize) -> &[u8] {
        self.0.get(from..from + length).unwrap_or_default()
    }

    /// A number in octal digits, or, with the first bit set, in bytes (GNU).
    fn number(&self, from: usize, length: usize) -> Result<u64, Trouble> {
        let wrong = Trouble::Malformed("a number in a header is none");
        let field = self.field(from, length);
        match field.split_first() {
            Some((first, rest)) if first & 0x80 != 0 => {
                if first & 0x40 != 0 {
                    return Err(wrong);
                }
                let mut value = u64::from(first & 0x3f);
                for byte in rest {
                    value = value.checked_mul(256).map(|value| value | u64::from(*byte)).ok_or(wrong.clone())?;
                }
                Ok(value)
            }
            _ => {
                let digits = field.trim_ascii_start();
                let end = digits.iter().position(|byte| matches!(byte, 0 | b' ')).unwrap_or(digits.len());
                let mut value = 0_u64;
                for digit in digits.get(..end).unwrap_or_default() {
                    if !matches!(digit, b'0'..=b'7') {
                        return Err(wrong);
                    }
                    value = value.checked_mul(8).map(|value| value | u64::from(digit - b'0')).ok_or(wrong.clone())?;
                }
                Ok(value)
            }
        }
    }

    fn check(&self) -> Result<(), Trouble> {
        let told = self.number(148, 8).map_err(|_| Trouble::Malformed("it is no tar archive"))?;
        let bytes = || self.0.iter().enumerate().map(|(at, byte)| if (148..156).contains(&at) { b' ' } else { *byte });
        let unsigned: u64 = bytes().map(u64::from).sum();
        // Some old programs summed the bytes as signed ones.
        let signed: i64 = bytes().map(|byte| i64::from(byte.cast_signed())).sum();
        if told == unsigned || u64::try_from(signed).is_ok_and(|signed| told == signed) {
            Ok(())
        } else {
            Err(Trouble::Checksum("a header"))
        }
    }

    fn kind(&self) -> u8 {
        self.0.get(156).copied().unwrap_or_default()
    }

    fn size(&self) -> Result<u64, Trouble> {
        self.number(124, 12)
    }

    fn mode(&self) -> u32 {
        self.number(100, 8).ok().and_then(|mode| u32::try_from(mode & 0o7777).ok()).unwrap_or_default()
    }

    fn path(&self) -> Vec<u8> {
        let name = text(self.field(0, 100));
        let prefix = if self.field(257, 6) == b"ustar\0" { text(self.field(345, 155)) } else { b"" };
        if prefix.is_empty() { name.to_vec() } else { [prefix, b"/", name].concat() }
    }

    fn link(&self) -> Vec<u8> {
        text(self.field(157, 100)).to_vec()
    }

    /// The map of a sparse file of GNU's old format, and the file's size.
    fn sparse(&self, stream: &mut Stream<'_>) -> Result<(Vec<(u64, u64)>, u64), Trouble> {
        let whole = self.number(483, 12)?;
        let mut map = Vec::new();
        let mut take = |header: &Header<'_>, from: usize, count: usize| -> Result<(), Trouble> {
            for index in 0..count {
                let at = from + index * 24;
                if header.0.get(at).is_none_or(|byte| *byte == 0) {
                    break;
                }
                map.push((header.number(at, 12)?, header.number(at + 12, 12)?));
                if map.len() > MOST_PIECES {
                    return Err(Trouble::Malformed("the map of a sparse file is broken"));
                }
            }
            Ok(())
        };
        take(self, 386, 4)?;
        let mut more = self.0.get(482).is_some_and(|byte| *byte != 0);
        let mut blocks = 0;
        while more {
            blocks += 1;
            if blocks > MOST_PIECES / 21 {
                return Err(Trouble::Malformed("the map of a sparse file is broken"));
            }
            let block = stream.block()?.ok_or(Trouble::Truncated)?;
            take(&Header(&block), 0, 21)?;
            more = block.get(504).is_some_and(|byte| *byte != 0);
        }
        Ok((map, whole))
    }
}

#[cfg(test)]
mod tests;
