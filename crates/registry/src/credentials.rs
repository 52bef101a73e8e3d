//! Who we are to a registry: what Docker, Podman and their helpers keep.
//!
//! **Invariant:** a password or token is never shown: not in an error, not by `Debug`.

use std::path::PathBuf;
use std::time::Duration;

use crate::reference::HUB;
use crate::secret::Secret;

mod config;
mod helper;

use config::{Config, Entry};

/// Name under which Docker keeps what is for Docker Hub.
const HUB_KEY: &str = "https://index.docker.io/v1/";
/// Largest configuration that is read, in bytes.
const LARGEST: u64 = 4 << 20;

/// What a registry is shown.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Credential {
    /// A name and a password.
    Password {
        /// The name.
        name: String,
        /// The password.
        password: Secret,
    },
    /// A token that is exchanged for others (`identitytoken`).
    Identity(Secret),
    /// A token that is sent as it is (`registrytoken`).
    Token(Secret),
}

/// Why credentials cannot be found out.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum CredentialError {
    /// A file cannot be read.
    #[error("the credentials in `{path}` cannot be read: {why}")]
    Unreadable {
        /// The file.
        path: String,
        /// What the system says.
        why: String,
    },
    /// A file does not have the shape it should.
    #[error("the credentials in `{path}` are broken: {why}")]
    Broken {
        /// The file.
        path: String,
        /// What is wrong.
        why: String,
    },
    /// A helper does not do what it should.
    #[error("the credential helper `{program}` {why}")]
    Helper {
        /// Its program.
        program: String,
        /// What it does.
        why: String,
    },
}

impl CredentialError {
    pub(crate) fn hint(&self, registry: &str) -> Option<String> {
        match self {
            CredentialError::Helper { program, .. } => Some(format!(
                "`{program}` must be on the PATH and know `{registry}`; where that is not meant, name an empty folder in `DOCKER_CONFIG`"
            )),
            CredentialError::Unreadable { .. } | CredentialError::Broken { .. } => None,
        }
    }
}

/// Where credentials are looked for.
#[derive(Clone, Debug, Default)]
pub struct Credentials {
    /// Files as Docker's `config.json` and Podman's `auth.json`, in the order in which they are asked. One that is not there is passed
    /// over.
    pub files: Vec<PathBuf>,
    /// How long a helper may take.
    pub deadline: Duration,
}

impl Credentials {
    /// What is kept for a repository of a registry; the longest name that fits wins, the first file that knows one.
    pub(crate) fn of(&self, registry: &str, repository: &str) -> Result<Option<Credential>, CredentialError> {
        for path in &self.files {
            let Some(config) = read(path)? else { continue };
            if let Entry::Helper(name) = config.of(registry, repository)
                && let Some(found) = helper::ask(&name, server(registry), self.deadline)?
            {
                return Ok(Some(found));
            }
            // What a helper does not know may be kept beside it.
            if let Some(found) = config.kept(registry, repository) {
                let broken = |why| CredentialError::Broken { path: path.display().to_string(), why };
                return found.map(Some).map_err(broken);
            }
        }
        Ok(None)
    }
}

/// How helpers name a registry.
fn server(registry: &str) -> &str {
    if registry == HUB { HUB_KEY } else { registry }
}

#[expect(clippy::disallowed_methods, reason = "the place that reads the files it is given")]
fn read(path: &std::path::Path) -> Result<Option<Config>, CredentialError> {
    use std::io::Read as _;
    let shown = path.display().to_string();
    let unreadable = |error: std::io::Error| CredentialError::Unreadable { path: shown.clone(), why: error.to_string() };
    let file = match std::fs::File::open(path) {
        Ok(file) => file,
        Err(error) if matches!(error.kind(), std::io::ErrorKind::NotFound | std::io::ErrorKind::NotADirectory) => return Ok(None),
        Err(error) => return Err(unreadable(error)),
    };
    let mut bytes = Vec::new();
    file.take(LARGEST + 1).read_to_end(&mut bytes).map_err(unreadable)?;
    if bytes.len() as u64 > LARGEST {
        return Err(CredentialError::Broken { path: shown, why: format!("it has more than {LARGEST} bytes") });
    }
    Config::parse(&bytes).map(Some).map_err(|why| CredentialError::Broken { path: shown, why })
}

#[cfg(test)]
mod tests;
