//! The database of advisories: the one that is named, the user's, or the one built in; and making one.

use std::collections::BTreeMap;
use std::io::Read as _;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use anyhow::{Context as _, Result, bail};
use probity_advisories::database::{Builder, Database};
use probity_advisories::{Advisory, load};
use probity_attest::{Hasher, sha256};
use probity_core::{Severity, Timestamp, Tree};
use probity_files::Mapped;
use probity_supply::Bytes;

use crate::{Wrong, output, state};

/// Built in, so that there is something to compare with before anything is fetched. See `data/README.md` for what it is made of.
static BUILT_IN: &[u8] = include_bytes!("../data/advisories.db");

/// A database, and where it is from.
pub(crate) struct Data {
    pub(crate) bytes: Bytes,
    pub(crate) from: String,
    pub(crate) built_in: bool,
}

/// Where `probity vulns build` puts it, and where it is looked for.
pub(crate) fn usual_place() -> Result<PathBuf> {
    Ok(state::folder()?.join("advisories.db"))
}

/// Opens the database that counts: of the flag, of the configuration (a file of the judged tree), of the user, or the built-in one.
pub(crate) fn open(flag: Option<&Path>, configured: Option<&str>, tree: Option<&dyn Tree>) -> Result<Data> {
    if let Some(path) = flag {
        return at(path);
    }
    if let (Some(path), Some(tree)) = (configured, tree) {
        let bytes = tree
            .read_within(path, u64::MAX)
            .map_err(|error| Wrong::hint(format!("the database `{path}` cannot be read: {error}"), None))?;
        check(Database::open(&bytes).map(|database| database.is_whole(&sha256)), path)?;
        return Ok(Data { bytes: Arc::new(bytes), from: path.to_owned(), built_in: false });
    }
    match usual_place() {
        Ok(path) if path.is_file() => at(&path),
        _ => Ok(Data { bytes: Arc::new(BUILT_IN), from: "built in".to_owned(), built_in: true }),
    }
}

fn at(path: &Path) -> Result<Data> {
    let place = || format!("the database `{}` cannot be read", path.display());
    let mapped = Mapped::open(path).with_context(place)?;
    // Read once from one end to the other, past the mapping, so that what is not asked for takes no memory.
    let mut hasher = Hasher::new();
    let mut file = std::fs::File::open(path).with_context(place)?;
    let mut buffer = vec![0; 1 << 20];
    let mut skip = Database::HEAD;
    loop {
        let read = file.read(&mut buffer).with_context(place)?;
        if read == 0 {
            break;
        }
        let start = skip.min(read);
        skip -= start;
        hasher.update(buffer.get(start..read).unwrap_or_default());
    }
    let digest = hasher.finish();
    check(Database::open(mapped.as_ref()).map(|database| database.is_whole(&|_| digest)), &path.display().to_string())?;
    Ok(Data { bytes: Arc::new(mapped), from: path.display().to_string(), built_in: false })
}

fn check(whole: Result<bool, probity_advisories::database::DatabaseError>, path: &str) -> Result<()> {
    let hint = Some("build it again with `probity vulns build`");
    match whole {
        Ok(true) => Ok(()),
        Ok(false) => Err(Wrong::hint(format!("the database `{path}` is damaged: its bytes are not those that were written"), hint).into()),
        Err(error) => Err(Wrong::hint(format!("`{path}`: {error}"), hint).into()),
    }
}

/// What a database is built from.
#[derive(Debug)]
pub(crate) struct Build<'a> {
    pub(crate) from: &'a [PathBuf],
    pub(crate) output: PathBuf,
    /// Only advisories at least this bad, those that are used and those of packages meant to harm.
    pub(crate) at_least: Option<Severity>,
    /// Leave descriptions and most references out.
    pub(crate) brief: bool,
    /// Only these ecosystems.
    pub(crate) ecosystems: &'a [String],
    pub(crate) now: Timestamp,
}

/// Builds a database; how many advisories it holds and how many files had something wrong.
pub(crate) fn build(order: &Build<'_>) -> Result<(usize, usize)> {
    let mut builder = Builder::new(u64::try_from(order.now.seconds).unwrap_or(0));
    let mut wrong = 0;
    // What is used is known before what is kept is chosen.
    let mut files: Vec<(String, Vec<PathBuf>)> = Vec::new();
    for from in order.from {
        let mut list = Vec::new();
        walk(from, &mut list)?;
        if list.is_empty() {
            return Err(Wrong::hint(format!("`{}` holds no advisories", from.display()), None).into());
        }
        let name = from.file_name().map(|name| name.to_string_lossy().into_owned()).unwrap_or_default();
        files.push((name, list));
    }
    let exploited = exploited(&files);
    for ((name, list), from) in files.iter().zip(order.from) {
        let (mut records, mut date) = (0, 0);
        for path in list {
            let bytes = std::fs::read(path).with_context(|| format!("`{}` cannot be read", path.display()))?;
            let Ok(text) = String::from_utf8(bytes) else {
                wrong += 1;
                output::talk(&format!("warning: `{}` is not UTF-8 text", path.display()));
                continue;
            };
            let chosen = |advisory: &Advisory| chosen(order, advisory, &exploited);
            let taken = load::add(&mut builder, &path.to_string_lossy(), &text, &chosen);
            wrong += usize::from(!taken.wrong.is_empty());
            for (line, what) in &taken.wrong {
                let at = if *line == 0 { String::new() } else { format!(":{line}") };
                output::talk(&format!("warning: {}{at}: {what}", path.display()));
            }
            records += taken.advisories + taken.exploited + taken.likelihoods;
            date = date.max(taken.date);
        }
        if records == 0 {
            bail!("nothing in `{}` is an advisory that is wanted", from.display());
        }
        builder.source(name, &licence(from), date, records);
    }
    if order.brief {
        builder.shorten();
    }
    let count = builder.len();
    let bytes = builder.build(&sha256);
    if let Some(parent) = order.output.parent().filter(|parent| !parent.as_os_str().is_empty()) {
        std::fs::create_dir_all(parent).with_context(|| format!("`{}` cannot be made", parent.display()))?;
    }
    // Beside it first: who reads the old one reads it to its end.
    let beside = order.output.with_extension("db.new");
    std::fs::write(&beside, &bytes).with_context(|| format!("`{}` cannot be written", beside.display()))?;
    std::fs::rename(&beside, &order.output).with_context(|| format!("`{}` cannot be written", order.output.display()))?;
    Ok((count, wrong))
}

fn chosen(order: &Build<'_>, advisory: &Advisory, exploited: &BTreeMap<String, ()>) -> bool {
    let of = |ecosystem: &str| {
        order.ecosystems.is_empty()
            || order.ecosystems.iter().any(|wanted| ecosystem == wanted || ecosystem.split(':').next() == Some(wanted))
    };
    let bad = |least: Severity| {
        advisory.malicious
            || advisory.severity.is_some_and(|severity| severity >= least)
            || std::iter::once(&advisory.id).chain(&advisory.aliases).any(|id| exploited.contains_key(id))
    };
    advisory.affected.iter().any(|affected| of(&affected.ecosystem)) && order.at_least.is_none_or(bad)
}

/// Ids in catalogues of known exploited vulnerabilities.
fn exploited(files: &[(String, Vec<PathBuf>)]) -> BTreeMap<String, ()> {
    let mut out = BTreeMap::new();
    for path in files.iter().flat_map(|(_, list)| list).filter(|path| path.extension().is_some_and(|extension| extension == "json")) {
        let Ok(text) = std::fs::read_to_string(path) else { continue };
        if !text.contains("catalogVersion") {
            continue;
        }
        let Ok(value) = serde_json::from_str::<serde_json::Value>(&text) else { continue };
        for one in value["vulnerabilities"].as_array().into_iter().flatten() {
            out.extend(one["cveID"].as_str().map(|id| (id.to_owned(), ())));
        }
    }
    out
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
        } else if load::claims(&entry.to_string_lossy()) {
            out.push(entry);
        }
    }
    Ok(())
}

/// The first line of a licence file at the top of a source.
fn licence(from: &Path) -> String {
    let read = |name: &str| std::fs::read_to_string(from.join(name)).ok();
    let text = ["LICENSE", "LICENSE.txt", "LICENSE.md", "LICENCE", "COPYING"].iter().find_map(|name| read(name)).unwrap_or_default();
    text.lines().map(str::trim).find(|line| !line.is_empty()).map(|line| line.chars().take(80).collect()).unwrap_or_default()
}
