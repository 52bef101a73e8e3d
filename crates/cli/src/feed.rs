//! Sources of advisories on disk as they are published: folders, files, and archives of them (zip, tar, gzip, zstd).

use std::fs::File;
use std::io::{BufReader, Read as _};
use std::path::{Path, PathBuf};

use anyhow::{Context as _, Result};
use probity_advisories::load;
use probity_archive::{Compression, Kind, Limits, Meter, tar, unpack, zip};
use probity_files::Mapped;

use crate::output;

/// Longest text of one file in an archive, in bytes.
const LONGEST: u64 = 1 << 30;

/// What came of one file.
pub(crate) enum Piece<'t> {
    /// Its text.
    Text(&'t str),
    /// It cannot be read, or not whole.
    Wrong(String),
}

/// Whether a file may hold advisories, itself or in an archive, by its name.
fn claims(path: &str) -> bool {
    let name = path.rsplit('/').next().unwrap_or(path).to_ascii_lowercase();
    let packed = [".zip", ".tar", ".tgz", ".gz", ".zst"].iter().any(|end| name.ends_with(end)) && !name.starts_with('.');
    packed || load::claims(path)
}

/// All files of a source that may hold advisories, sorted.
pub(crate) fn files(from: &Path) -> Result<Vec<PathBuf>> {
    let mut out = Vec::new();
    walk(from, &mut out)?;
    Ok(out)
}

fn walk(path: &Path, out: &mut Vec<PathBuf>) -> Result<()> {
    let place = || format!("`{}` cannot be read", path.display());
    if std::fs::metadata(path).with_context(place)?.is_file() {
        out.push(path.to_owned());
        return Ok(());
    }
    let mut entries = Vec::new();
    for entry in std::fs::read_dir(path).with_context(place)? {
        entries.push(entry.with_context(place)?.path());
    }
    entries.sort();
    for entry in entries {
        if entry.is_symlink() {
            output::talk(&format!("warning: `{}` is a symbolic link and is not followed", entry.display()));
            continue;
        }
        if entry.is_dir() {
            if entry.file_name().is_none_or(|name| name != ".git") {
                walk(&entry, out)?;
            }
        } else if claims(&entry.to_string_lossy()) {
            out.push(entry);
        }
    }
    Ok(())
}

/// Gives each text of a file, by its name, with `!/` between an archive and what lies in it.
pub(crate) fn each(path: &Path, take: &mut dyn FnMut(&str, Piece<'_>)) -> Result<()> {
    let place = || format!("`{}` cannot be read", path.display());
    let name = path.to_string_lossy();
    let mut file = File::open(path).with_context(place)?;
    let mut start = [0_u8; 8];
    let read = file.read(&mut start).with_context(place)?;
    let start = start.get(..read).unwrap_or_default();
    let mut meter = Meter::new(Limits { bytes_entry: LONGEST, ..Limits::default() });
    if start.starts_with(b"PK") {
        let bytes = Mapped::open(path).with_context(place)?;
        let problems = zip(bytes.as_ref(), &mut meter, &mut |entry, meter| {
            if entry.kind == Kind::File && load::claims(&entry.path) {
                let inner = format!("{name}!/{}", entry.path);
                match entry.read(meter) {
                    Ok(bytes) => text(&inner, &bytes, take),
                    Err(trouble) => take(&inner, Piece::Wrong(trouble.to_string())),
                }
            }
            true
        });
        problems.iter().filter(|problem| problem.trouble.fails()).for_each(|problem| take(&name, Piece::Wrong(problem.to_string())));
        return Ok(());
    }
    if Compression::of(start) == Compression::None && !name.ends_with(".tar") {
        text(&name, &std::fs::read(path).with_context(place)?, take);
        return Ok(());
    }
    let file = BufReader::new(File::open(path).with_context(place)?);
    let mut unpacked = match unpack(file, &meter.limits) {
        Ok(unpacked) => unpacked,
        Err(trouble) => {
            take(&name, Piece::Wrong(trouble.to_string()));
            return Ok(());
        }
    };
    let plain = [".gz", ".zst"].iter().find_map(|end| name.strip_suffix(end));
    if let Some(plain) = plain.filter(|plain| !plain.ends_with(".tar")) {
        let mut bytes = Vec::new();
        match (&mut unpacked).take(LONGEST + 1).read_to_end(&mut bytes) {
            Ok(read) if read as u64 > LONGEST => take(&name, Piece::Wrong(format!("it has more than {LONGEST} bytes unpacked"))),
            Ok(_) => text(plain, &bytes, take),
            Err(error) => take(&name, Piece::Wrong(error.to_string())),
        }
        return Ok(());
    }
    let problems = tar(&mut unpacked, &mut meter, &mut |entry| {
        if entry.kind == Kind::File && load::claims(&entry.path) {
            let inner = format!("{name}!/{}", entry.path);
            let mut bytes = Vec::new();
            match entry.content.read_to_end(&mut bytes) {
                Ok(_) => text(&inner, &bytes, take),
                Err(error) => take(&inner, Piece::Wrong(error.to_string())),
            }
        }
        true
    });
    problems.iter().filter(|problem| problem.trouble.fails()).for_each(|problem| take(&name, Piece::Wrong(problem.to_string())));
    Ok(())
}

fn text(name: &str, bytes: &[u8], take: &mut dyn FnMut(&str, Piece<'_>)) {
    match std::str::from_utf8(bytes) {
        Ok(text) => take(name, Piece::Text(text)),
        Err(_) => take(name, Piece::Wrong("it is not UTF-8 text".to_owned())),
    }
}
