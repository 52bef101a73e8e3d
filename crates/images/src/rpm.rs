//! Packages that rpm installed, from each of its databases: SQLite (`rpmdb.sqlite`), ndb (`Packages.db`) and Berkeley DB (`Packages`).
//!
//! The database is found by what it is, not by its name; what is in it are headers of packages, read here.

mod berkeley;
mod ndb;
mod sqlite;

use std::borrow::Cow;
use std::collections::{BTreeSet, HashMap};

use probity_packages::{Inventory, Link};

use crate::sheet::{Found, Root, Sheet, name};

/// Largest database that is read, in bytes.
const LARGEST: u64 = 1 << 30;
/// Largest header of one package; one of a package with 100,000 files has 20 MB.
pub(crate) const LARGEST_HEADER: usize = 64 << 20;
/// Most links of one database.
const MOST_LINKS: usize = 2_000_000;

/// Folders of databases, at any depth.
const FOLDERS: &[&str] = &["var/lib/rpm", "usr/lib/sysimage/rpm", "usr/share/rpm"];

/// Whether a file is a database of rpm.
pub(crate) fn claims(path: &str) -> bool {
    matches!(name(path), "rpmdb.sqlite" | "Packages.db" | "Packages")
        && path.rsplit_once('/').is_some_and(|(folder, _)| FOLDERS.iter().any(|known| crate::sheet::top_of(folder, known).is_some()))
}

/// What a database holds: headers, each with its number, and what is wrong with it.
#[derive(Default)]
pub(crate) struct Headers<'b> {
    found: Vec<(u64, Cow<'b, [u8]>)>,
    problems: Vec<String>,
    bytes: usize,
}

impl<'b> Headers<'b> {
    fn problem(&mut self, what: impl Into<String>) {
        if self.problems.len() < 50 {
            self.problems.push(what.into());
        }
    }

    /// Adds a header; false where there are more bytes than a database may have.
    fn add(&mut self, number: u64, bytes: Cow<'b, [u8]>) -> bool {
        // A page that many headers lead to is counted each time.
        self.bytes = self.bytes.saturating_add(bytes.len());
        if self.bytes as u64 > LARGEST {
            self.problem("the headers of the database have too many bytes; the rest is not read");
            return false;
        }
        self.found.push((number, bytes));
        true
    }
}

/// Reads whichever database it is.
pub(crate) fn headers<'b>(bytes: &'b [u8], log: Option<&'b [u8]>) -> Headers<'b> {
    let mut out = Headers::default();
    if bytes.starts_with(b"SQLite format 3\0") {
        sqlite::read(bytes, log, &mut out);
    } else if bytes.starts_with(b"RpmP") {
        ndb::read(bytes, &mut out);
    } else if berkeley::is_one(bytes) {
        berkeley::read(bytes, &mut out);
    } else {
        out.problem("it is none of the databases rpm writes");
    }
    out
}

pub(crate) fn read(path: &str, root: &Root<'_>) -> Inventory {
    let mut sheet = Sheet::new(path, "rpm");
    let bytes = sheet.bytes(root, LARGEST);
    if bytes.is_empty() {
        if sheet.out.problems.is_empty() {
            sheet.problem(0, "the database is empty", false);
        }
        return sheet.finish();
    }
    // What was written and not yet taken into the database.
    let log = root.tree.read_within(&format!("{path}-wal"), LARGEST).ok();
    let headers = headers(&bytes, log.as_deref());
    for problem in headers.problems {
        sheet.problem(0, problem, true);
    }
    let mut provided: HashMap<String, usize> = HashMap::new();
    let mut needs: Vec<(usize, Vec<String>)> = Vec::new();
    let mut links_left = MOST_LINKS;
    for (number, bytes) in &headers.found {
        let Some(header) = Header::read(bytes) else {
            sheet.problem(0, format!("the header of package {number} is broken"), true);
            continue;
        };
        let Some(index) = package(&header, *number, root, &mut sheet) else { continue };
        for name in header.strings(PROVIDES) {
            provided.entry(name.to_owned()).or_insert(index);
        }
        let all: Vec<String> = header.strings(REQUIRES).filter(|name| !name.starts_with("rpmlib(")).map(str::to_owned).collect();
        links_left = links_left.saturating_sub(all.len());
        if links_left > 0 {
            needs.push((index, all));
        }
    }
    let mut links = BTreeSet::new();
    for (from, names) in needs {
        for to in names.iter().filter_map(|name| provided.get(name)).filter(|to| **to != from) {
            links.insert(Link { from, to: *to });
        }
    }
    sheet.out.links = links.into_iter().collect();
    sheet.finish()
}

fn package(header: &Header<'_>, number: u64, root: &Root<'_>, sheet: &mut Sheet) -> Option<usize> {
    let (name, version, release) = (header.string(NAME), header.string(VERSION), header.string(RELEASE));
    if name.is_empty() {
        sheet.problem(0, format!("the header of package {number} names no package"), true);
        return None;
    }
    // A key that packages are checked with is kept as if it were one.
    if name == "gpg-pubkey" {
        return None;
    }
    if version.is_empty() {
        sheet.problem(0, format!("package `{name}` has no version"), true);
    }
    let full = if release.is_empty() { version.to_owned() } else { format!("{version}-{release}") };
    let epoch = header.number(EPOCH).map(|epoch| epoch.to_string()).unwrap_or_default();
    let source = header.string(SOURCE);
    let qualifiers =
        [("arch", header.string(ARCHITECTURE)), ("epoch", epoch.as_str()), ("upstream", source), ("rpmmod", header.string(MODULE))];
    let index = sheet.add_system(root, "rpm", &Found { name, version: &full, line: 0 }, &qualifiers)?;
    // `bash-5.1.8-6.el9.src.rpm`: the name has dashes, version and release have none.
    let stem = source.strip_suffix(".rpm").unwrap_or(source);
    let stem = stem.strip_suffix(".src").or_else(|| stem.strip_suffix(".nosrc")).unwrap_or(stem);
    if let [release, version, name] = stem.rsplitn(3, '-').collect::<Vec<_>>().as_slice() {
        let plain = format!("{version}-{release}");
        // The source has the epoch of its packages, which its file does not tell.
        if *name != header.string(NAME) || plain != full {
            let version = if epoch.is_empty() || epoch == "0" { plain } else { format!("{epoch}:{plain}") };
            sheet.built_from(index, name, &version);
        }
    }
    if let Some(package) = sheet.package(index) {
        let licence = header.string(LICENCE);
        package.licences = (!licence.is_empty()).then(|| licence.into()).into_iter().collect();
    }
    Some(index)
}

/// Gives each file that packages of a database own, and its package.
pub(crate) fn owned(bytes: &[u8], log: Option<&[u8]>, each: &mut dyn FnMut(&str, &str)) {
    for (_, bytes) in &headers(bytes, log).found {
        let Some(header) = Header::read(bytes) else { continue };
        let package = header.string(NAME);
        let folders: Vec<&str> = header.strings(FOLDER_NAMES).collect();
        for (base, folder) in header.strings(BASE_NAMES).zip(header.numbers(FOLDER_INDICES)) {
            let folder = folders.get(folder as usize).copied().unwrap_or_default();
            // A name and a folder may each be the whole header; their sum would grow beyond it.
            if folder.len() + base.len() <= 4096 {
                each(&format!("{folder}{base}"), package);
            }
        }
    }
}

const NAME: u32 = 1000;
const VERSION: u32 = 1001;
const RELEASE: u32 = 1002;
const EPOCH: u32 = 1003;
const LICENCE: u32 = 1014;
const ARCHITECTURE: u32 = 1022;
const SOURCE: u32 = 1044;
const PROVIDES: u32 = 1047;
const REQUIRES: u32 = 1049;
const FOLDER_INDICES: u32 = 1116;
const BASE_NAMES: u32 = 1117;
const FOLDER_NAMES: u32 = 1118;
const MODULE: u32 = 5096;

/// The header of a package: an index of tags, and their data.
struct Header<'b> {
    index: &'b [u8],
    data: &'b [u8],
}

/// A number of four bytes, the highest first.
fn big(bytes: &[u8], at: usize) -> Option<u32> {
    bytes.get(at..at.checked_add(4)?)?.try_into().ok().map(u32::from_be_bytes)
}

/// A number of four bytes, the lowest first.
pub(crate) fn little(bytes: &[u8], at: usize) -> Option<u32> {
    bytes.get(at..at.checked_add(4)?)?.try_into().ok().map(u32::from_le_bytes)
}

impl<'b> Header<'b> {
    fn read(bytes: &'b [u8]) -> Option<Header<'b>> {
        // A header of a package's file has a mark before it.
        let bytes = bytes.strip_prefix(b"\x8e\xad\xe8\x01\0\0\0\0").unwrap_or(bytes);
        let count = big(bytes, 0)? as usize;
        let size = big(bytes, 4)? as usize;
        let end = 8_usize.checked_add(count.checked_mul(16)?)?;
        let index = bytes.get(8..end)?;
        let data = bytes.get(end..end.checked_add(size)?)?;
        (count > 0).then_some(Header { index, data })
    }

    /// Type, place and count of a tag.
    fn tag(&self, tag: u32) -> Option<(u32, usize, usize)> {
        let entry = self.index.chunks_exact(16).find(|entry| big(entry, 0) == Some(tag))?;
        Some((big(entry, 4)?, big(entry, 8)? as usize, big(entry, 12)? as usize))
    }

    fn strings(&self, tag: u32) -> impl Iterator<Item = &'b str> {
        let (kind, place, count) = self.tag(tag).unwrap_or_default();
        let text = matches!(kind, 6 | 8 | 9);
        let mut rest = if text { self.data.get(place..).unwrap_or_default() } else { &[] };
        (0..if text { count } else { 0 }).map_while(move |_| {
            let end = memchr::memchr(0, rest)?;
            let one = rest.get(..end)?;
            rest = rest.get(end + 1..)?;
            Some(std::str::from_utf8(one).unwrap_or_default())
        })
    }

    fn string(&self, tag: u32) -> &'b str {
        self.strings(tag).next().unwrap_or_default()
    }

    fn numbers(&self, tag: u32) -> impl Iterator<Item = u32> {
        let (kind, place, count) = self.tag(tag).unwrap_or_default();
        let data = self.data;
        (0..if kind == 4 { count } else { 0 }).map_while(move |index| big(data, place.checked_add(index.checked_mul(4)?)?))
    }

    fn number(&self, tag: u32) -> Option<u32> {
        self.numbers(tag).next()
    }
}

#[cfg(test)]
mod tests;
