//! The database of advisories: the one that is named, the user's, or the one built in; and making one.

use std::collections::BTreeSet;
use std::io::Read as _;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use anyhow::{Context as _, Result, bail};
use probity_advisories::database::{Builder, Database};
use probity_advisories::{Advisory, load};
use probity_attest::{Hasher, sha256, sshsig};
use probity_core::{Severity, Timestamp, Tree};
use probity_files::Mapped;
use probity_supply::Bytes;

use crate::feed::{self, Piece};
use crate::{Wrong, output, state};

/// Built in, so that there is something to compare with before anything is fetched. See `data/README.md` for what it is made of.
static BUILT_IN: &[u8] = include_bytes!("../data/advisories.db");

/// Namespace of an SSH signature over a database; what is signed is the file, byte for byte.
pub(crate) const NAMESPACE: &str = "probity-advisories";

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
/// With `signers` (SSH public keys) one of them must have signed it; what is built in is part of the program.
pub(crate) fn open(flag: Option<&Path>, configured: Option<&str>, tree: Option<&dyn Tree>, signers: &[Arc<str>]) -> Result<Data> {
    if let Some(path) = flag {
        return at(path, signers);
    }
    if let (Some(path), Some(tree)) = (configured, tree) {
        let bytes = tree
            .read_within(path, u64::MAX)
            .map_err(|error| Wrong::hint(format!("the database `{path}` cannot be read: {error}"), None))?;
        check(Database::open(&bytes).map(|database| database.is_whole(&sha256)), path)?;
        check_signature(&bytes, path, signers, || match tree.read(&format!("{path}.sig")) {
            Ok(text) => Ok(String::from_utf8_lossy(&text).into_owned()),
            Err(error) => Err(error.to_string()),
        })?;
        return Ok(Data { bytes: Arc::new(bytes), from: path.to_owned(), built_in: false });
    }
    match usual_place() {
        Ok(path) if path.is_file() => at(&path, signers),
        _ => Ok(Data { bytes: Arc::new(BUILT_IN), from: "built in".to_owned(), built_in: true }),
    }
}

fn at(path: &Path, signers: &[Arc<str>]) -> Result<Data> {
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
    let name = path.display().to_string();
    check_signature(mapped.as_ref(), &name, signers, || std::fs::read_to_string(signature_of(path)).map_err(|error| error.to_string()))?;
    Ok(Data { bytes: Arc::new(mapped), from: name, built_in: false })
}

/// Whether one of the signers signed a database; without signers any is taken.
fn check_signature(bytes: &[u8], name: &str, signers: &[Arc<str>], signature: impl FnOnce() -> Result<String, String>) -> Result<()> {
    if signers.is_empty() {
        return Ok(());
    }
    let hint = Some("sign it with `probity vulns build --key FILE`; `vulnerabilities.signers` says who may");
    let signature = signature()
        .map_err(|why| Wrong::hint(format!("the database `{name}` must be signed, and `{name}.sig` cannot be read: {why}"), hint))?;
    let mut keys = Vec::new();
    for key in signers {
        let key = sshsig::PublicKey::parse(key);
        keys.push(key.map_err(|error| Wrong::hint(format!("a key of `vulnerabilities.signers`: {error}"), None))?);
    }
    match sshsig::verify(bytes, &signature, NAMESPACE, &keys) {
        Ok(_) => Ok(()),
        Err(error) => Err(Wrong::hint(format!("the signature of the database `{name}` does not hold: {error}"), hint).into()),
    }
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
    /// SSH key that signs it.
    pub(crate) key: Option<&'a Path>,
    pub(crate) now: Timestamp,
}

/// Builds a database; how many advisories it holds and how many files had something wrong.
pub(crate) fn build(order: &Build<'_>) -> Result<(usize, usize)> {
    let mut builder = Builder::new(u64::try_from(order.now.seconds).unwrap_or(0));
    let mut wrong = BTreeSet::new();
    let mut sources: Vec<(String, Vec<PathBuf>)> = Vec::new();
    for from in order.from {
        let files = feed::files(from)?;
        if files.is_empty() {
            return Err(Wrong::hint(format!("`{}` holds no advisories", from.display()), None).into());
        }
        sources.push((source_name(from), files));
    }
    // What is used is known before what is kept is chosen.
    let exploited = if order.at_least.is_some() { exploited(&sources)? } else { BTreeSet::new() };
    let chosen = |advisory: &Advisory| chosen(order, advisory, &exploited);
    for ((name, files), from) in sources.iter().zip(order.from) {
        let (mut records, mut date) = (0, 0);
        for path in files {
            feed::each(path, &mut |name, piece| match piece {
                Piece::Wrong(what) => {
                    wrong.insert(name.to_owned());
                    output::talk(&format!("warning: {name}: {what}"));
                }
                Piece::Text(text) => {
                    let taken = load::add(&mut builder, name, text, &chosen);
                    for (line, what) in &taken.wrong {
                        wrong.insert(name.to_owned());
                        let at = if *line == 0 { String::new() } else { format!(":{line}") };
                        output::talk(&format!("warning: {name}{at}: {what}"));
                    }
                    records += taken.advisories + taken.exploited + taken.likelihoods;
                    date = date.max(taken.date);
                }
            })?;
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
    let signature = signature_of(&order.output);
    // A signature of other bytes would be worse than none.
    match std::fs::remove_file(&signature) {
        Err(error) if error.kind() != std::io::ErrorKind::NotFound => {
            return Err(error).with_context(|| format!("`{}` cannot be removed", signature.display()));
        }
        _ => {}
    }
    std::fs::write(&beside, &bytes).with_context(|| format!("`{}` cannot be written", beside.display()))?;
    std::fs::rename(&beside, &order.output).with_context(|| format!("`{}` cannot be written", order.output.display()))?;
    if let Some(key) = order.key {
        let pem = state::read(key).map_err(|error| Wrong::hint(format!("{error:#}"), None))?;
        let key = sshsig::PrivateKey::parse(&pem, None).map_err(Wrong::new)?;
        state::write(&signature, &key.sign(&bytes, NAMESPACE).map_err(Wrong::new)?)?;
    }
    Ok((count, wrong.len()))
}

/// What a source is called: its last name, with its folder's where every source of its kind is called so (`npm/all.zip`).
fn source_name(from: &Path) -> String {
    let last = |path: &Path| path.file_name().map(|name| name.to_string_lossy().into_owned()).unwrap_or_default();
    match from.file_stem().is_some_and(|stem| stem == "all").then(|| from.parent().map(last)).flatten() {
        Some(parent) if !parent.is_empty() => format!("{parent}/{}", last(from)),
        _ => last(from),
    }
}

/// Where the signature of a database lies.
fn signature_of(database: &Path) -> PathBuf {
    let mut name = database.as_os_str().to_owned();
    name.push(".sig");
    name.into()
}

fn chosen(order: &Build<'_>, advisory: &Advisory, exploited: &BTreeSet<String>) -> bool {
    let of = |ecosystem: &str| {
        order.ecosystems.is_empty()
            || order.ecosystems.iter().any(|wanted| ecosystem == wanted || ecosystem.split(':').next() == Some(wanted))
    };
    let bad = |least: Severity| {
        advisory.malicious
            || advisory.severity.is_some_and(|severity| severity >= least)
            || std::iter::once(&advisory.id).chain(&advisory.aliases).any(|id| exploited.contains(id))
    };
    advisory.affected.iter().any(|affected| of(&affected.ecosystem)) && order.at_least.is_none_or(bad)
}

/// Ids in catalogues of known exploited vulnerabilities.
fn exploited(sources: &[(String, Vec<PathBuf>)]) -> Result<BTreeSet<String>> {
    let mut out = BTreeSet::new();
    for path in sources.iter().flat_map(|(_, files)| files) {
        // What is wrong is said when it is taken in.
        feed::each(path, &mut |_, piece| {
            let Piece::Text(text) = piece else { return };
            if !text.contains("catalogVersion") {
                return;
            }
            let Ok(value) = serde_json::from_str::<serde_json::Value>(text) else { return };
            for one in value["vulnerabilities"].as_array().into_iter().flatten() {
                out.extend(one["cveID"].as_str().map(str::to_owned));
            }
        })?;
    }
    Ok(out)
}

/// The first line of a licence file at the top of a source.
fn licence(from: &Path) -> String {
    let read = |name: &str| std::fs::read_to_string(from.join(name)).ok();
    let text = ["LICENSE", "LICENSE.txt", "LICENSE.md", "LICENCE", "COPYING"].iter().find_map(|name| read(name)).unwrap_or_default();
    text.lines().map(str::trim).find(|line| !line.is_empty()).map(|line| line.chars().take(80).collect()).unwrap_or_default()
}
