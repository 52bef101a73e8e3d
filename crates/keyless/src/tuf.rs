//! How one learns whom to trust: an instance's trust root and signing configuration from its repository of The Update Framework (TUF). The
//! workflow of the specification (root by root, timestamp, snapshot, targets; thresholds, versions, ends, lengths and digests) is
//! `sigstore-tuf`'s work, which this module alone knows; what is sent, kept and given out is ours.

use std::path::Path;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use probity_attest::statement::format_time;
use probity_core::Timestamp;
use probity_sigstore::TrustRoot;
use sigstore_tuf::transport::FetchFuture;
use sigstore_tuf::{Error, FileStore, MetadataStore, Repository, Updater, UpdaterConfig};

use crate::SigningConfig;
use crate::http::{Address, Http, Question};

/// The root of the public-good instance's repository, version 16.
const PUBLIC_GOOD: &[u8] = include_bytes!("../data/tuf-root.json");
/// Where the public-good instance's repository is.
pub const PUBLIC_GOOD_MIRROR: &str = "https://tuf-repo-cdn.sigstore.dev";
/// Most bytes of a root that is trusted from the start.
pub const MAX_TUF_ROOT: usize = 512_000;
/// What is looked for in a repository.
const TRUSTED_ROOT: &str = "trusted_root.json";
const SIGNING_CONFIG: &str = "signing_config.v0.2.json";

/// Why nothing was learnt. What was there before stays.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum TrustError {
    /// The root that is trusted from the start is none, or its own keys did not sign it.
    #[error("the root that is trusted from the start cannot be used: {0}")]
    Root(String),
    /// The repository cannot be reached, or does not prove what it gives.
    #[error("the repository of trust roots is refused: {0}")]
    Repository(String),
    /// What is learnt cannot be kept, and an older repository could not be told from a newer one.
    #[error("what was learnt of the repository cannot be kept: {0}")]
    Store(String),
    /// What is proven is no trust root or signing configuration.
    #[error("the repository gives something that cannot be used: {0}")]
    Target(String),
}

/// What a repository gave and proved.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Learnt {
    /// The `trusted_root.json`.
    pub trusted_root: Vec<u8>,
    /// The signing configuration; none where the repository has none.
    pub signing_config: Option<Vec<u8>>,
    /// The version of the repository's root.
    pub root_version: u64,
    /// The version of the repository's timestamp.
    pub timestamp_version: u64,
    /// Until when the repository says that nothing newer is.
    pub counts_until: String,
}

/// The repository that is asked, and what is known of it.
#[derive(Clone, Copy, Debug)]
pub struct TrustRepository<'a> {
    /// Where it is.
    pub mirror: &'a Address,
    /// The root that is trusted from the start; none for the public-good instance's.
    pub root: Option<&'a [u8]>,
    /// The folder in which what is known of it is kept, so that it cannot be rolled back.
    pub folder: &'a Path,
    /// How long one answer may take.
    pub deadline: Duration,
}

impl TrustRepository<'_> {
    /// Asks the repository, and gives what it proves to be current.
    ///
    /// # Errors
    /// Why nothing was learnt.
    pub fn update(&self, now: Timestamp) -> Result<Learnt, TrustError> {
        let refused = |error: Error| TrustError::Repository(told(&error));
        // As text, because the library's times are of another version than ours.
        let now = format_time(now).map_err(|error| TrustError::Repository(error.to_string()))?;
        let now = now.parse().map_err(|_| TrustError::Repository("the time now is none".to_owned()))?;
        let root = self.root.unwrap_or(PUBLIC_GOOD);
        if root.len() > MAX_TUF_ROOT {
            return Err(TrustError::Root(format!("it has more than {MAX_TUF_ROOT} bytes")));
        }
        let http = Arc::new(Http::new(self.deadline).map_err(TrustError::Repository)?);
        let mirror = Mirror { http: Arc::clone(&http), base: self.mirror.clone() };
        let failed = Arc::new(Mutex::new(None));
        let store = Kept { files: FileStore::new(self.folder), failed: Arc::clone(&failed) };
        let mut config = UpdaterConfig::default();
        config.target_max_length = probity_sigstore::MAX_TRUST_ROOT as u64;
        let mut updater = Updater::new(mirror, root).map_err(|error| TrustError::Root(told(&error)))?.with_config(config).with_store(store);
        let kept = || match failed.lock().unwrap_or_else(PoisonError::into_inner).take() {
            Some(why) => Err(TrustError::Store(why)),
            None => Ok(()),
        };
        // INVARIANT: what is known of earlier runs was read, or nothing is asked.
        kept()?;
        let asked = async {
            updater.refresh(now).await?;
            let root = updater.get_target(TRUSTED_ROOT, now).await?;
            let config = match updater.get_target(SIGNING_CONFIG, now).await {
                Ok(bytes) => Some(bytes),
                Err(Error::TargetNotFound(_)) => None,
                Err(error) => return Err(error),
            };
            Ok((root, config))
        };
        let answer = http.runtime().block_on(asked);
        kept()?;
        let (trusted_root, signing_config) = answer.map_err(refused)?;
        TrustRoot::parse(&trusted_root).map_err(|error| TrustError::Target(format!("`{TRUSTED_ROOT}`: {error}")))?;
        if let Some(bytes) = &signing_config {
            SigningConfig::parse(bytes).map_err(|error| TrustError::Target(format!("`{SIGNING_CONFIG}`: {error}")))?;
        }
        let trusted = updater.trusted();
        let timestamp = trusted.timestamp().ok_or_else(|| TrustError::Repository("it has no timestamp".to_owned()))?;
        Ok(Learnt {
            trusted_root,
            signing_config,
            root_version: trusted.root().version,
            timestamp_version: timestamp.version,
            counts_until: timestamp.expires.to_string(),
        })
    }
}

/// An error with its causes, at most so much of it as fits into a message.
fn told(error: &dyn std::error::Error) -> String {
    crate::http::causes(error).chars().map(|letter| if letter.is_control() { ' ' } else { letter }).take(500).collect()
}

/// The repository over HTTP.
struct Mirror {
    http: Arc<Http>,
    base: Address,
}

impl Mirror {
    async fn fetch(&self, path: String, most: u64) -> sigstore_tuf::Result<Option<Vec<u8>>> {
        if path.split('/').any(|part| part.is_empty() || part == "." || part == "..") {
            return Err(Error::transport(format!("`{path}` is not asked for")));
        }
        let to = self.base.below(&path);
        let limit = usize::try_from(most).unwrap_or(usize::MAX);
        let question = Question { to: &to, body: None, accept: "*/*", pass: None, limit };
        let answer = self.http.asked(&question).await.map_err(Error::transport)?;
        match answer.status {
            200 => Ok(Some(answer.body)),
            // Stores of objects say 403 of what is not there.
            403 | 404 => Ok(None),
            _ => Err(Error::transport(format!("`{to}`: {}", answer.refusal()))),
        }
    }
}

impl Repository for Mirror {
    fn fetch_metadata<'a>(&'a self, name: &'a str, max_length: u64) -> FetchFuture<'a> {
        Box::pin(self.fetch(name.to_owned(), max_length))
    }

    fn fetch_target<'a>(&'a self, path: &'a str, max_length: u64) -> FetchFuture<'a> {
        Box::pin(self.fetch(format!("targets/{path}"), max_length))
    }
}

/// What is known of the repository. The library goes on where it cannot be read or written; here it is remembered, and nothing is given out.
struct Kept {
    files: FileStore,
    failed: Arc<Mutex<Option<String>>>,
}

impl Kept {
    fn seen<T>(&self, name: &str, result: sigstore_tuf::Result<T>) -> sigstore_tuf::Result<T> {
        if let Err(error) = &result {
            let why = format!("`{name}`: {}", told(error));
            self.failed.lock().unwrap_or_else(PoisonError::into_inner).get_or_insert(why);
        }
        result
    }
}

impl MetadataStore for Kept {
    fn load(&self, name: &str) -> sigstore_tuf::Result<Option<Vec<u8>>> {
        self.seen(name, self.files.load(name))
    }

    fn store(&self, name: &str, bytes: &[u8]) -> sigstore_tuf::Result<()> {
        self.seen(name, self.files.store(name, bytes))
    }
}
