//! What a Go program says it was built from (`go version -m`).

use std::sync::Arc;

use memchr::memmem;
use probity_packages::Link;

use crate::executable::Executable;
use crate::sheet::{Sheet, purl};

const MAGIC: &[u8] = b"\xff Go buildinf:";
/// What stands before and behind the list of modules.
const MARK: usize = 16;
/// Longest text, in bytes.
const LONGEST: u64 = 16 << 20;

/// Version of Go, and the list of modules.
struct Info<'b> {
    go: &'b str,
    modules: &'b str,
}

/// Adds what a program was built from; whether it is a Go program.
pub(crate) fn read(program: &Executable<'_>, sheet: &mut Sheet) -> bool {
    let Some(info) = info(program) else {
        // The sections of Go's own programs are named so in every format.
        let named = [".go.buildinfo", "__go_buildinfo"].iter().any(|name| program.section(name).is_some());
        if named {
            sheet.problem(0, "it is a Go program, and what it was built from cannot be read", true);
        }
        return named;
    };
    modules(&info, sheet);
    true
}

fn info<'b>(program: &Executable<'b>) -> Option<Info<'b>> {
    for name in [".go.buildinfo", "__go_buildinfo", ".data", "__data"] {
        if let Some(found) = program.section(name).and_then(|section| search(program, section)) {
            return Some(found);
        }
    }
    search(program, program.bytes)
}

/// The first place that reads well: programs that look for the mark have it in them too.
fn search<'b>(program: &Executable<'b>, bytes: &'b [u8]) -> Option<Info<'b>> {
    memmem::find_iter(bytes, MAGIC).take(64).find_map(|at| decoded(program, bytes.get(at..)?))
}

fn decoded<'b>(program: &Executable<'b>, bytes: &'b [u8]) -> Option<Info<'b>> {
    let (size, flags) = (*bytes.get(14)?, *bytes.get(15)?);
    let (go, modules) = if flags & 2 != 0 {
        let (go, rest) = inline(bytes.get(32..)?)?;
        (go, inline(rest).map(|(modules, _)| modules).unwrap_or_default())
    } else {
        let size = u64::from(size);
        if size != 4 && size != 8 {
            return None;
        }
        let number = |bytes: &[u8]| {
            let add = |value: u64, byte: &u8| (value << 8) | u64::from(*byte);
            if flags & 1 != 0 { bytes.iter().fold(0, add) } else { bytes.iter().rev().fold(0, add) }
        };
        let step = usize::from(*bytes.get(14)?);
        let string = |at: usize| {
            let header = program.at(number(bytes.get(at..at + step)?), size * 2)?;
            let (address, length) = (number(header.get(..step)?), number(header.get(step..)?));
            if length > LONGEST { None } else { program.at(address, length) }
        };
        (string(16)?, string(16 + step).unwrap_or_default())
    };
    let go = std::str::from_utf8(go).ok()?.trim();
    if (!go.starts_with("go") && !go.starts_with("devel")) || go.len() > 512 || go.contains(char::is_control) {
        return None;
    }
    // Marks of sixteen bytes stand around the list.
    let modules = modules.get(MARK..modules.len().saturating_sub(MARK)).unwrap_or_default();
    Some(Info { go, modules: std::str::from_utf8(modules).unwrap_or_default() })
}

/// A text behind its length as a number of seven bits a byte.
fn inline(bytes: &[u8]) -> Option<(&[u8], &[u8])> {
    let mut length = 0_u64;
    for (index, byte) in bytes.iter().take(9).enumerate() {
        length |= u64::from(byte & 0x7f) << (7 * index);
        if byte & 0x80 == 0 {
            let rest = bytes.get(index + 1..)?;
            let length = usize::try_from(length).ok().filter(|length| *length as u64 <= LONGEST)?;
            return Some((rest.get(..length)?, rest.get(length..)?));
        }
    }
    None
}

/// A module: path, version, digest.
type Module<'t> = (&'t str, &'t str, &'t str);

fn modules(info: &Info<'_>, sheet: &mut Sheet) {
    // `go1.21.4 X:boringcrypto` is Go 1.21.4.
    let go = info.go.split_whitespace().find(|word| word.starts_with("go")).unwrap_or_default();
    let go = go.trim_start_matches("go").split(['-', '+']).next().unwrap_or_default();
    let mut main: Option<Module<'_>> = None;
    let mut list: Vec<(Module<'_>, Option<Module<'_>>)> = Vec::new();
    let mut settings = Vec::new();
    for line in info.modules.lines() {
        let mut words = line.split('\t');
        let kind = words.next().unwrap_or_default();
        let mut word = || words.next().unwrap_or_default();
        match kind {
            "mod" => main = Some((word(), word(), word())),
            "dep" => list.push(((word(), word(), word()), None)),
            "=>" => {
                let by = (word(), word(), word());
                match list.last_mut() {
                    Some((_, replaced)) => *replaced = Some(by),
                    None => main = Some(by),
                }
            }
            "build" => settings.extend(word().split_once('=').map(|(key, value)| (key, value.trim_matches('"')))),
            _ => {}
        }
    }
    let setting = |key: &str| settings.iter().find(|(known, _)| *known == key).map_or("", |(_, value)| *value);
    let mut top = None;
    if let Some((path, version, sum)) = main.filter(|(path, _, _)| !path.is_empty()) {
        let version = match version {
            "(devel)" | "" => pseudo(setting("vcs.revision"), setting("vcs.time")),
            version => version.to_owned(),
        };
        top = add(sheet, path, &version, sum);
    } else if info.modules.is_empty() {
        sheet.problem(0, "the Go program does not say what it was built from", false);
    }
    if !go.is_empty() && go.starts_with(|first: char| first.is_ascii_digit()) {
        let library = sheet.add(purl("golang", None, "stdlib", go), 0);
        link(sheet, top, library);
    }
    for ((path, version, sum), replaced) in list {
        let index = match replaced {
            // Replaced by a folder: the code is what lay there, under the module's own name.
            Some((by, "", _)) if by.starts_with(['.', '/']) || by.get(1..3) == Some(":\\") => add(sheet, path, version, ""),
            Some((by, version, sum)) => add(sheet, by, if version == "(devel)" { "" } else { version }, sum),
            None => add(sheet, path, if version == "(devel)" { "" } else { version }, sum),
        };
        if let (Some(package), Some(_)) = (index.and_then(|index| sheet.package(index)), replaced) {
            package.requested = Some(format!("{path} {version}").into());
        }
        link(sheet, top, index);
    }
}

/// Every module of a program is needed by it; which one needs which is not told.
fn link(sheet: &mut Sheet, from: Option<usize>, to: Option<usize>) {
    if let (Some(from), Some(to)) = (from, to) {
        sheet.out.links.push(Link { from, to });
    }
}

fn add(sheet: &mut Sheet, path: &str, version: &str, sum: &str) -> Option<usize> {
    let (namespace, name) = path.rsplit_once('/').map_or((None, path), |(namespace, name)| (Some(namespace), name));
    let index = sheet.add(purl("golang", namespace, name, version), 0)?;
    if let Some(package) = sheet.package(index).filter(|_| !sum.is_empty()) {
        package.hashes = vec![Arc::from(sum)];
    }
    Some(index)
}

/// The version Go makes of a commit: `v0.0.0-20240102030405-0123456789ab`.
fn pseudo(revision: &str, time: &str) -> String {
    let digits: String = time.chars().filter(char::is_ascii_digit).take(14).collect();
    match revision.get(..12) {
        Some(short) if digits.len() == 14 => format!("v0.0.0-{digits}-{short}"),
        _ => String::new(),
    }
}
