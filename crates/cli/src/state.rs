//! The user's state folder: where evidence and the key made on first use lie.

use std::fs::OpenOptions;
use std::io::Write as _;
use std::os::unix::fs::OpenOptionsExt as _;
use std::path::{Path, PathBuf};

use anyhow::{Context as _, Result, bail};

/// `$XDG_STATE_HOME/probity`, else `~/.local/state/probity`.
pub(crate) fn folder() -> Result<PathBuf> {
    let from = |name: &str| std::env::var_os(name).map(PathBuf::from).filter(|path| path.is_absolute());
    match from("XDG_STATE_HOME").or_else(|| Some(from("HOME")?.join(".local/state"))) {
        Some(state) => Ok(state.join("probity")),
        None => bail!("neither `XDG_STATE_HOME` nor `HOME` names a folder for evidence: give one with `--evidence DIR`, or `--evidence none`"),
    }
}

/// Reads a file that must be there.
pub(crate) fn read(path: &Path) -> Result<String> {
    std::fs::read_to_string(path).with_context(|| format!("cannot read `{}`", path.display()))
}

/// Writes a new file that only its owner can read; `false` where another process was first.
pub(crate) fn write_private(path: &Path, text: &str) -> Result<bool> {
    let place = || format!("cannot write `{}`", path.display());
    if let Some(parent) = path.parent() {
        std::fs::create_dir_all(parent).with_context(place)?;
    }
    // Written aside and linked into place, so that nobody ever reads half a key.
    let aside = path.with_extension(format!("{}.new", std::process::id()));
    let mut file = OpenOptions::new().write(true).create(true).truncate(true).mode(0o600).open(&aside).with_context(place)?;
    file.write_all(text.as_bytes()).and_then(|()| file.sync_all()).with_context(place)?;
    let linked = std::fs::hard_link(&aside, path);
    std::fs::remove_file(&aside).with_context(place)?;
    match linked {
        Ok(()) => Ok(true),
        Err(error) if error.kind() == std::io::ErrorKind::AlreadyExists => Ok(false),
        Err(error) => Err(error).with_context(place),
    }
}
