//! The texts in an archive, and in archives within it, each under the path `outer.zip!/inner/path`. What is sought in them lives elsewhere.
//!
//! An archive is known by its first bytes, never by its name. All that is unpacked of one file together is bounded; what is not read is
//! told, with its path.

use std::io::Read;
use std::sync::Arc;

use probity_archive::{Compression, Entry, Kind, Limits, Meter, Problem, Trouble, ZipEntry, tar, unpack, zip};

/// Most entries of one file, archives within it included.
const MOST_ENTRIES: usize = 500_000;
/// Bytes of texts that are handed on in one go.
const BATCH: usize = 16 << 20;
/// Most troubles that are told of one file.
const MOST_TROUBLES: usize = 100;

/// What a file is made of.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Form {
    /// zip, and all that is one: programs and libraries of Java, packages of Python and .NET, documents.
    Zip,
    /// tar.
    Tar,
    /// One stream, packed; a tar where it holds one.
    Packed,
    /// Known and not read.
    Other(&'static str),
}

impl Form {
    /// What a file that begins so is made of; none where it is no archive. 512 bytes are enough.
    pub(crate) fn of(start: &[u8]) -> Option<Form> {
        match start {
            [b'P', b'K', 3, 4, ..] | [b'P', b'K', 5, 6, ..] => Some(Form::Zip),
            // Deflate, and no flag that nobody knows.
            [0x1f, 0x8b, 8, flags, ..] if flags & 0xe0 == 0 => Some(Form::Packed),
            [b'7', b'z', 0xbc, 0xaf, 0x27, 0x1c, ..] => Some(Form::Other("7z")),
            [b'R', b'a', b'r', b'!', 0x1a, 7, ..] => Some(Form::Other("rar")),
            _ if start.get(257..262) == Some(b"ustar") => Some(Form::Tar),
            [0x1f, 0x8b, ..] => None,
            _ => match Compression::of(start) {
                Compression::None | Compression::Gzip => None,
                Compression::Zstd => Some(Form::Packed),
                Compression::Other(name) => Some(Form::Other(name)),
            },
        }
    }
}

/// A text in an archive.
pub(crate) struct Text {
    /// Its path: `outer.zip!/inner/path`.
    pub(crate) path: Arc<str>,
    /// Its bytes.
    pub(crate) bytes: Vec<u8>,
}

/// What was not read of an archive.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Unread {
    /// The archive, or what lies in it.
    pub path: Arc<str>,
    /// Why.
    pub why: String,
    /// Whether part of it was read all the same.
    pub partly: bool,
    /// Whether the archive is broken, or made to do harm.
    pub hostile: bool,
}

/// Gives all texts of an archive to `each`, some at a time, but for those whose path is not wanted.
pub(crate) fn texts(
    path: &str,
    form: Form,
    bytes: &[u8],
    bounds: Bounds,
    wanted: &dyn Fn(&str) -> bool,
    each: &mut dyn FnMut(Vec<Text>),
) -> Vec<Unread> {
    let limits =
        Limits { entries: MOST_ENTRIES, bytes_total: bounds.total, bytes_entry: bounds.largest, depth: bounds.depth, ..Limits::default() };
    let mut walk = Walk { limits, entries: 0, bytes: 0, wanted, each, batch: Vec::new(), waiting: 0, unread: Vec::new(), more: 0 };
    walk.open(path, form, bytes, 1);
    walk.flush();
    let Walk { mut unread, more, .. } = walk;
    if more > 0 {
        let why = format!("no secret was sought in {more} more of its parts");
        unread.push(Unread { path: path.into(), why, partly: true, hostile: true });
    }
    unread
}

/// Bounds of one file.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Bounds {
    /// How deep archives may lie within each other.
    pub(crate) depth: usize,
    /// Largest text, in bytes.
    pub(crate) largest: u64,
    /// Most bytes that are unpacked in all.
    pub(crate) total: u64,
}

struct Walk<'w> {
    limits: Limits,
    /// Entries so far.
    entries: usize,
    /// Bytes so far.
    bytes: u64,
    wanted: &'w dyn Fn(&str) -> bool,
    each: &'w mut dyn FnMut(Vec<Text>),
    batch: Vec<Text>,
    /// Bytes of the batch.
    waiting: usize,
    unread: Vec<Unread>,
    /// Troubles that are not told one by one.
    more: usize,
}

impl Walk<'_> {
    /// What may still be read.
    fn left(&self) -> Limits {
        Limits {
            entries: self.limits.entries.saturating_sub(self.entries),
            bytes_total: self.limits.bytes_total.saturating_sub(self.bytes),
            ..self.limits
        }
    }

    /// Counts what was read; whether there may be more.
    fn count(&mut self, bytes: usize) -> bool {
        self.entries = self.entries.saturating_add(1);
        self.bytes = self.bytes.saturating_add(bytes as u64);
        self.bytes <= self.limits.bytes_total && self.entries <= self.limits.entries
    }

    fn trouble(&mut self, path: &str, trouble: &Trouble, partly: bool) {
        if self.unread.len() >= MOST_TROUBLES {
            self.more += 1;
            return;
        }
        let hostile = !matches!(trouble, Trouble::Unsupported(_) | Trouble::Entry { .. } | Trouble::Depth(_));
        // What an archive within this one may still take is less than the bound that is told.
        let trouble = match trouble {
            Trouble::Total(_) => &Trouble::Total(self.limits.bytes_total),
            Trouble::Entries(_) => &Trouble::Entries(self.limits.entries),
            other => other,
        };
        let unread = Unread { path: path.into(), why: format!("no secret was sought in it: {trouble}"), partly, hostile };
        if self.unread.last() != Some(&unread) {
            self.unread.push(unread);
        }
    }

    fn problems(&mut self, path: &str, problems: Vec<Problem>, partly: bool) {
        for problem in problems.iter().filter(|problem| problem.trouble.fails()) {
            if problem.path.is_empty() {
                self.trouble(path, &problem.trouble, partly);
            } else {
                self.trouble(&inner(path, &problem.path), &problem.trouble, false);
            }
        }
    }

    /// Takes in what lies in an archive: a text, or another archive.
    fn take(&mut self, path: String, bytes: Vec<u8>, depth: usize) {
        match Form::of(&bytes) {
            Some(form) => self.open(&path, form, &bytes, depth),
            None => self.text(path.into(), bytes),
        }
    }

    fn text(&mut self, path: Arc<str>, bytes: Vec<u8>) {
        self.waiting += bytes.len();
        self.batch.push(Text { path, bytes });
        if self.waiting > BATCH {
            self.flush();
        }
    }

    fn flush(&mut self) {
        self.waiting = 0;
        let batch = std::mem::take(&mut self.batch);
        if !batch.is_empty() {
            (self.each)(batch);
        }
    }

    /// Reads an archive. One of which nothing can be read is a text like others.
    fn open(&mut self, path: &str, form: Form, bytes: &[u8], depth: usize) {
        let (before, told) = (self.entries, self.unread.len() + self.more);
        let trouble = if depth > self.limits.depth {
            Some(Trouble::Depth(self.limits.depth))
        } else {
            match form {
                Form::Zip => {
                    let said = self.zip(path, bytes, depth);
                    self.problems(path, said, self.entries > before);
                    None
                }
                Form::Tar => {
                    let said = self.tar(path, &mut &*bytes, depth);
                    self.problems(path, said, self.entries > before);
                    None
                }
                Form::Packed => self.packed(path, bytes, depth).err(),
                Form::Other(name) => Some(Trouble::Unsupported(format!("it is packed as {name}"))),
            }
        };
        if let Some(trouble) = trouble {
            self.trouble(path, &trouble, self.entries > before);
        }
        if self.entries == before && self.unread.len() + self.more > told {
            self.text(path.into(), bytes.to_vec());
        }
    }

    fn zip(&mut self, path: &str, bytes: &[u8], depth: usize) -> Vec<Problem> {
        let mut troubles = Vec::new();
        let mut meter = Meter::new(self.left());
        let mut said = zip(bytes, &mut meter, &mut |entry: ZipEntry<'_>, meter| {
            let place = inner(path, &entry.path);
            if entry.kind != Kind::File || !(self.wanted)(&place) {
                return true;
            }
            // What archives within this one took counts too.
            meter.bytes = meter.bytes.max(meter.limits.bytes_total.saturating_sub(self.left().bytes_total));
            match entry.read(meter) {
                Ok(bytes) => {
                    let go_on = self.count(bytes.len());
                    self.take(place, bytes, depth + 1);
                    go_on
                }
                Err(trouble) => {
                    let stop = matches!(trouble, Trouble::Total(_));
                    let at = if stop { Arc::default() } else { Arc::clone(&entry.path) };
                    troubles.push(Problem { path: at, trouble });
                    !stop
                }
            }
        });
        self.beyond(&mut said);
        said.extend(troubles);
        said
    }

    fn tar(&mut self, path: &str, source: &mut dyn Read, depth: usize) -> Vec<Problem> {
        let mut meter = Meter::new(self.left());
        let mut said = tar(source, &mut meter, &mut |entry: Entry<'_>| {
            let place = inner(path, &entry.path);
            if entry.kind != Kind::File || entry.path.is_empty() || entry.size > self.limits.bytes_entry || !(self.wanted)(&place) {
                return true;
            }
            let mut bytes = Vec::new();
            // What there is of an entry that breaks off is read; the archive says that it does.
            let ended = entry.content.take(self.left().bytes_total.saturating_add(1)).read_to_end(&mut bytes);
            let go_on = self.count(bytes.len());
            if ended.is_ok() || !bytes.is_empty() {
                self.take(place.clone(), bytes, depth + 1);
            }
            if let Err(error) = ended {
                self.trouble(&place, &Trouble::of(&error), true);
            }
            go_on
        });
        self.beyond(&mut said);
        said
    }

    /// Says where all of it together went beyond a bound.
    fn beyond(&self, said: &mut Vec<Problem>) {
        let trouble = if self.bytes > self.limits.bytes_total {
            Trouble::Total(self.limits.bytes_total)
        } else if self.entries > self.limits.entries {
            Trouble::Entries(self.limits.entries)
        } else {
            return;
        };
        said.retain(|problem| problem.trouble != trouble);
        said.push(Problem { path: "".into(), trouble });
    }

    /// One packed stream: a tar, or a single file.
    fn packed(&mut self, path: &str, bytes: &[u8], depth: usize) -> Result<(), Trouble> {
        let before = self.entries;
        let mut source = unpack(bytes, &self.left())?;
        let mut start = Vec::new();
        let mut ended = source.as_mut().take(512).read_to_end(&mut start);
        if ended.is_ok() && Form::of(&start) == Some(Form::Tar) {
            let said = self.tar(path, &mut start.as_slice().chain(source), depth);
            self.problems(path, said, self.entries > before);
            return Ok(());
        }
        let most = self.limits.bytes_entry.min(self.left().bytes_total);
        if ended.is_ok() {
            ended = source.take(most.saturating_sub(start.len() as u64).saturating_add(1)).read_to_end(&mut start);
        }
        if start.len() as u64 > most {
            let limit = self.limits.bytes_entry;
            return Err(if most < limit { Trouble::Total(most) } else { Trouble::Entry { size: limit.saturating_add(1), limit } });
        }
        let place = inner(path, single(path));
        if (ended.is_ok() || !start.is_empty()) && (self.wanted)(&place) {
            self.count(start.len());
            self.take(place, start, depth + 1);
        }
        ended.map(drop).map_err(|error| Trouble::of(&error))
    }
}

fn inner(outer: &str, path: &str) -> String {
    format!("{outer}!/{path}")
}

/// The name of the one file in a packed stream: that of the stream without its ending.
fn single(path: &str) -> &str {
    let name = path.rsplit('/').next().unwrap_or(path);
    match name.rsplit_once('.') {
        Some((stem, "gz" | "zst" | "zstd" | "GZ")) if !stem.is_empty() => stem,
        _ => name,
    }
}

#[cfg(test)]
mod tests;
