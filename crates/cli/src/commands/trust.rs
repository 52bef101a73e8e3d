//! `probity trust update`: an instance's current trust root, from its repository (TUF), into the state folder. Nothing uses it by itself.

use std::io::{Read as _, Write as _};
use std::path::{Path, PathBuf};
use std::time::Duration;

use anyhow::{Context as _, Result, anyhow};
use clap::{Args, Subcommand};
use probity_formats::escape;
use probity_keyless::{Address, MAX_TUF_ROOT, PUBLIC_GOOD_MIRROR, TrustError, TrustRepository};

use crate::{Wrong, output, run, state};

/// `probity trust`.
#[derive(Debug, Subcommand)]
pub(crate) enum TrustCommand {
    /// Fetch the current trust root and signing configuration of an instance of Sigstore, and print where they are
    Update(TrustUpdateArguments),
}

/// `probity trust update`.
#[derive(Debug, Args)]
pub(crate) struct TrustUpdateArguments {
    /// Repository of trust roots (TUF)
    #[arg(long, value_name = "URL", default_value = PUBLIC_GOOD_MIRROR)]
    pub(crate) mirror: Address,
    /// Root of the repository that is trusted from the start (root.json); without, the built-in one of the public-good instance
    #[arg(long, value_name = "FILE")]
    pub(crate) root: Option<PathBuf>,
    /// How long one answer may take, in seconds
    #[arg(long, value_name = "SECONDS", default_value_t = 30, value_parser = clap::value_parser!(u64).range(1..=3600))]
    pub(crate) timeout: u64,
}

pub(crate) fn update(arguments: &TrustUpdateArguments) -> Result<u8> {
    let root = arguments.root.as_deref().map(read).transpose()?;
    let folder = state::folder()?.join("trust").join(name(&arguments.mirror.to_string()));
    let known = folder.join("repository");
    std::fs::create_dir_all(&known).with_context(|| format!("cannot make `{}`", known.display()))?;
    let repository = TrustRepository {
        mirror: &arguments.mirror,
        root: root.as_deref(),
        folder: &known,
        deadline: Duration::from_secs(arguments.timeout),
    };
    let learnt = repository.update(run::now()).map_err(|error| {
        let text = escape::line(&error.to_string()).to_string();
        match error {
            TrustError::Root(_) => Wrong::hint(text, Some("`--root FILE` names the repository's own root.json")).into(),
            _ => anyhow!("nothing was changed: {text}"),
        }
    })?;
    let path = folder.join("trusted_root.json");
    replace(&path, &learnt.trusted_root)?;
    let mut told = format!("{}\n", path.display());
    if let Some(config) = &learnt.signing_config {
        let path = folder.join("signing_config.json");
        replace(&path, config)?;
        told.push_str(&format!("{}\n", path.display()));
    }
    output::talk(&format!(
        "the trust root of `{}` is current: timestamp {}, which counts until {}, under root {}",
        arguments.mirror, learnt.timestamp_version, learnt.counts_until, learnt.root_version
    ));
    output::data(&told)?;
    Ok(0)
}

fn read(path: &Path) -> Result<Vec<u8>> {
    let wrong = |error: std::io::Error| Wrong::hint(format!("cannot read `{}`: {error}", path.display()), None);
    let mut bytes = Vec::new();
    std::fs::File::open(path).map_err(wrong)?.take(MAX_TUF_ROOT as u64 + 1).read_to_end(&mut bytes).map_err(wrong)?;
    Ok(bytes)
}

/// A folder's name for an address; different addresses have different ones.
fn name(address: &str) -> String {
    let mut out = String::new();
    for byte in address.trim_end_matches('/').bytes() {
        match byte {
            b'a'..=b'z' | b'0'..=b'9' | b'-' | b'.' => out.push(char::from(byte)),
            other => out.push_str(&format!("%{other:02x}")),
        }
    }
    out
}

/// Writes a file whole or not at all.
fn replace(path: &Path, bytes: &[u8]) -> Result<()> {
    let place = || format!("cannot write `{}`", path.display());
    let folder = path.parent().with_context(place)?;
    let mut file = tempfile::NamedTempFile::new_in(folder).with_context(place)?;
    file.write_all(bytes).with_context(place)?;
    file.as_file().sync_all().with_context(place)?;
    file.persist(path).map(drop).with_context(place)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_of_folders() {
        assert_eq!(name("https://tuf.example/a"), "https%3a%2f%2ftuf.example%2fa");
        assert_eq!(name("https://tuf.example/"), name("https://tuf.example"));
        assert_ne!(name("https://tuf.example/A"), name("https://tuf.example/a"));
    }
}
