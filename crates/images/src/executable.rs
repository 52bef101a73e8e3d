//! Programs as ELF, PE and Mach-O: only where their sections lie in the file and in memory.

/// Most sections of one program that are looked at.
const MOST_SECTIONS: usize = 4096;
/// Most programs for several machines in one file.
const MOST_PROGRAMS: usize = 16;

/// A section, or a segment.
struct Part<'b> {
    name: &'b [u8],
    address: u64,
    bytes: &'b [u8],
}

/// A program.
pub(crate) struct Executable<'b> {
    parts: Vec<Part<'b>>,
    /// The whole file.
    pub(crate) bytes: &'b [u8],
}

/// Whether a file that begins so is a program.
pub(crate) fn is_program(start: &[u8]) -> bool {
    match start {
        [0x7f, b'E', b'L', b'F', ..] | [b'M', b'Z', ..] => true,
        [0xfe, 0xed, 0xfa, 0xce | 0xcf, ..] | [0xce | 0xcf, 0xfa, 0xed, 0xfe, ..] => true,
        // Java's classes begin with the same word; the count of programs is small, their version is not.
        [0xca, 0xfe, 0xba, 0xbe, 0, 0, 0, count, ..] => *count > 0 && usize::from(*count) <= MOST_PROGRAMS,
        _ => false,
    }
}

/// Numbers at places of a file, in its order of bytes.
#[derive(Clone, Copy)]
struct Numbers<'b> {
    bytes: &'b [u8],
    big: bool,
}

impl<'b> Numbers<'b> {
    fn part(self, at: u64, length: u64) -> Option<&'b [u8]> {
        let at = usize::try_from(at).ok()?;
        self.bytes.get(at..at.checked_add(usize::try_from(length).ok()?)?)
    }

    fn number(self, at: u64, length: u64) -> Option<u64> {
        let bytes = self.part(at, length)?;
        let add = |value: u64, byte: &u8| (value << 8) | u64::from(*byte);
        Some(if self.big { bytes.iter().fold(0, add) } else { bytes.iter().rev().fold(0, add) })
    }

    fn text(self, at: u64) -> Option<&'b [u8]> {
        let rest = self.bytes.get(usize::try_from(at).ok()?..)?;
        Some(until_zero(rest.get(..rest.len().min(256)).unwrap_or_default()))
    }
}

fn until_zero(bytes: &[u8]) -> &[u8] {
    let end = bytes.iter().position(|byte| *byte == 0).unwrap_or(bytes.len());
    bytes.get(..end).unwrap_or_default()
}

impl<'b> Executable<'b> {
    /// The programs in a file: one, or one for each machine. A file that is broken has fewer sections than it tells.
    pub(crate) fn all(bytes: &'b [u8]) -> Vec<Executable<'b>> {
        let parts = match bytes {
            [0x7f, b'E', b'L', b'F', ..] => elf(bytes),
            [b'M', b'Z', ..] => pe(bytes),
            [0xfe, 0xed, 0xfa, 0xce | 0xcf, ..] | [0xce | 0xcf, 0xfa, 0xed, 0xfe, ..] => mach(bytes),
            [0xca, 0xfe, 0xba, 0xbe, ..] => {
                let numbers = Numbers { bytes, big: true };
                let count = usize::try_from(numbers.number(4, 4).unwrap_or(0)).unwrap_or(0).min(MOST_PROGRAMS);
                return (0..count as u64)
                    .filter_map(|index| {
                        let at = 8 + index * 20;
                        numbers.part(numbers.number(at + 8, 4)?, numbers.number(at + 12, 4)?)
                    })
                    .filter(|bytes| !bytes.starts_with(&[0xca, 0xfe, 0xba, 0xbe]))
                    .flat_map(Executable::all)
                    .collect();
            }
            _ => return Vec::new(),
        };
        vec![Executable { parts: parts.unwrap_or_default(), bytes }]
    }

    /// The bytes of a section.
    pub(crate) fn section(&self, name: &str) -> Option<&'b [u8]> {
        self.parts.iter().find(|part| part.name == name.as_bytes()).map(|part| part.bytes)
    }

    /// What lies at an address in memory.
    pub(crate) fn at(&self, address: u64, length: u64) -> Option<&'b [u8]> {
        self.parts.iter().find_map(|part| {
            let from = usize::try_from(address.checked_sub(part.address)?).ok()?;
            part.bytes.get(from..from.checked_add(usize::try_from(length).ok()?)?)
        })
    }
}

fn elf(bytes: &[u8]) -> Option<Vec<Part<'_>>> {
    let wide = *bytes.get(4)? == 2;
    let numbers = Numbers { bytes, big: *bytes.get(5)? == 2 };
    // Places and sizes of the fields, for 64 and 32 bits.
    let word = if wide { 8 } else { 4 };
    let pick = |long: u64, short: u64| if wide { long } else { short };
    let table = numbers.number(pick(0x28, 0x20), word)?;
    let entry = numbers.number(pick(0x3a, 0x2e), 2)?;
    let mut count = numbers.number(pick(0x3c, 0x30), 2)?;
    let mut names = numbers.number(pick(0x3e, 0x32), 2)?;
    let field = |index: u64, at: u64, length: u64| numbers.number(table.checked_add(index.checked_mul(entry)?)?.checked_add(at)?, length);
    let mut parts = Vec::new();
    if table != 0 && entry >= pick(64, 40) {
        if count == 0 {
            count = field(0, pick(0x20, 0x14), word)?;
        }
        if names == 0xffff {
            names = field(0, pick(0x28, 0x18), 4)?;
        }
        let strings = field(names, pick(0x18, 0x10), word);
        for index in 0..count.min(MOST_SECTIONS as u64) {
            let read = || {
                let name = strings.and_then(|strings| numbers.text(strings.checked_add(field(index, 0, 4)?)?)).unwrap_or_default();
                let kind = field(index, 4, 4)?;
                let address = field(index, pick(0x10, 0x0c), word)?;
                let offset = field(index, pick(0x18, 0x10), word)?;
                let size = field(index, pick(0x20, 0x14), word)?;
                // Sections without bytes in the file.
                if kind == 8 || kind == 0 { None } else { Some(Part { name, address, bytes: numbers.part(offset, size)? }) }
            };
            parts.extend(read());
        }
    }
    // What a loader reads, for programs without sections.
    let table = numbers.number(pick(0x20, 0x1c), word)?;
    let entry = numbers.number(pick(0x36, 0x2a), 2)?;
    for index in 0..numbers.number(pick(0x38, 0x2c), 2)?.min(256) {
        let read = || {
            let at = table.checked_add(index.checked_mul(entry)?)?;
            let field = |long: u64, short: u64| numbers.number(at.checked_add(pick(long, short))?, word);
            let (offset, address, size) = (field(8, 4)?, field(0x10, 8)?, field(0x20, 0x10)?);
            Some(Part { name: b"", address, bytes: numbers.part(offset, size)? })
        };
        parts.extend(read());
    }
    Some(parts)
}

fn pe(bytes: &[u8]) -> Option<Vec<Part<'_>>> {
    let numbers = Numbers { bytes, big: false };
    let header = numbers.number(0x3c, 4)?;
    if numbers.part(header, 4)? != b"PE\0\0" {
        return None;
    }
    let count = numbers.number(header + 6, 2)?;
    let optional = numbers.number(header + 20, 2)?;
    let base = match numbers.number(header + 24, 2)? {
        0x20b => numbers.number(header + 24 + 24, 8)?,
        _ => numbers.number(header + 24 + 28, 4)?,
    };
    let table = header + 24 + optional;
    let read = |index: u64| {
        let at = table + index * 40;
        let name = until_zero(numbers.part(at, 8)?);
        let address = base.checked_add(numbers.number(at + 12, 4)?)?;
        let (size, offset) = (numbers.number(at + 16, 4)?, numbers.number(at + 20, 4)?);
        Some(Part { name, address, bytes: numbers.part(offset, size)? })
    };
    Some((0..count.min(MOST_SECTIONS as u64)).filter_map(read).collect())
}

fn mach(bytes: &[u8]) -> Option<Vec<Part<'_>>> {
    let big = bytes.first() == Some(&0xfe);
    let numbers = Numbers { bytes, big };
    let wide = bytes.get(if big { 3 } else { 0 }) == Some(&0xcf);
    let mut parts = Vec::new();
    let mut at: u64 = if wide { 32 } else { 28 };
    for _ in 0..numbers.number(16, 4)?.min(MOST_SECTIONS as u64) {
        let Some(size) = numbers.number(at + 4, 4).filter(|size| *size >= 8) else { break };
        // LC_SEGMENT_64 and LC_SEGMENT.
        let (sections, entry, word) = match numbers.number(at, 4)? {
            0x19 => (at + 72, 80, 8),
            0x1 => (at + 56, 68, 4),
            _ => {
                at = at.checked_add(size)?;
                continue;
            }
        };
        let count = numbers.number(sections - 8, 4).unwrap_or(0);
        for index in 0..count.min(MOST_SECTIONS as u64) {
            let read = || {
                let section = sections + index * entry;
                let name = until_zero(numbers.part(section, 16)?);
                let address = numbers.number(section + 32, word)?;
                let size = numbers.number(section + 32 + word, word)?;
                let offset = numbers.number(section + 32 + 2 * word, 4)?;
                Some(Part { name, address, bytes: numbers.part(offset, size)? })
            };
            parts.extend(read());
            if parts.len() > MOST_SECTIONS {
                return Some(parts);
            }
        }
        at = at.checked_add(size)?;
    }
    Some(parts)
}
