//! Layers and configurations: streamed to files, checked, resumed where a connection breaks.

use std::cell::RefCell;
use std::fs::File;
use std::io::{Seek as _, SeekFrom, Write as _};

use futures_util::StreamExt as _;
use oci_client::client::{BlobResponse, SizedStream};
use oci_client::errors::{DigestError, OciDistributionError};
use oci_client::secrets::RegistryAuth;
use oci_client::token_cache::RegistryTokenType;
use oci_client::{Reference, RegistryOperation};
use probity_images::FileBlob;
use tokio::time::{Instant, timeout_at};

use crate::digest::{Digest, Taking};
use crate::error::{Answer, PullError, told};
use crate::pull::MANIFESTS;
use crate::session::{Failure, Pass, Patience, Session, causes};
use crate::transport::Transport;

/// Fewest bytes that have to come within a deadline.
const LEAST: u64 = 64 << 10;

/// A part of an image as a manifest tells of it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Descriptor {
    pub(crate) digest: Digest,
    pub(crate) size: u64,
    /// Whether the registry may not have it: layers that may not be passed on.
    pub(crate) may_miss: bool,
}

/// What fetches parts of images.
pub(crate) struct Blobs<'s> {
    client: RefCell<oci_client::Client>,
    session: &'s Session,
    transport: &'s Transport<'s>,
    /// Where the manifest is.
    manifest: &'s str,
    /// How the library names the repository.
    repository: Reference,
}

/// A blob on its way.
struct Arriving<'d> {
    told: &'d Descriptor,
    what: String,
    file: File,
    taking: Taking,
    found: u64,
    /// Whether it was put together from several answers.
    resumed: bool,
}

impl<'d> Arriving<'d> {
    fn begin(told: &'d Descriptor) -> Result<Arriving<'d>, PullError> {
        let file = tempfile::tempfile().map_err(PullError::Keep)?;
        Ok(Arriving { told, what: format!("`{}`", told.digest), file, taking: told.digest.taking(), found: 0, resumed: false })
    }

    /// Forgets what came.
    fn restart(&mut self) -> Result<(), PullError> {
        self.file.set_len(0).and_then(|()| self.file.seek(SeekFrom::Start(0))).map_err(PullError::Keep)?;
        self.taking = self.told.digest.taking();
        self.found = 0;
        self.resumed = false;
        Ok(())
    }

    fn short(&self) -> PullError {
        PullError::Short { what: self.what.clone(), told: self.told.size, found: self.found }
    }

    /// Whether all of it has the digest it should. What was put together wrongly is fetched anew.
    fn check(&mut self) -> Result<(), Failure> {
        let taken = std::mem::replace(&mut self.taking, self.told.digest.taking());
        let Err(found) = taken.check(&self.told.digest) else { return Ok(()) };
        let error = PullError::Changed { what: self.what.clone(), told: self.told.digest.clone(), found: found.to_string() };
        if !self.resumed {
            return Err(Failure::last(error));
        }
        self.restart().map_err(Failure::last)?;
        Err(Failure::passing(error))
    }

    fn take(&mut self, bytes: &[u8]) -> Result<(), PullError> {
        self.found = self.found.saturating_add(bytes.len() as u64);
        if self.found > self.told.size {
            return Err(PullError::Large { what: self.what.clone(), limit: self.told.size });
        }
        self.taking.update(bytes);
        self.file.write_all(bytes).map_err(PullError::Keep)
    }
}

impl<'s> Blobs<'s> {
    /// Prepares to fetch parts of an image. Its manifest, below that path, was fetched before, so that there is a token where one is
    /// wanted.
    pub(crate) async fn open(session: &'s Session, transport: &'s Transport<'s>, manifest: &'s str) -> Result<Blobs<'s>, PullError> {
        let endpoint = &session.endpoint;
        let repository = Reference::with_tag(endpoint.host.to_string(), endpoint.repository.to_string(), String::new());
        let client = RefCell::new(entered(session, transport, &repository).await?);
        Ok(Blobs { client, session, transport, manifest, repository })
    }

    /// Fetches one part, checked; none where it may miss and does.
    pub(crate) async fn fetch(&self, told: &Descriptor) -> Result<Option<FileBlob>, PullError> {
        let mut arriving = Arriving::begin(told)?;
        let mut patience = Patience::new();
        let mut renewed = false;
        loop {
            let failure = match self.attempt(&mut arriving).await {
                Ok(()) => break,
                Err(failure) => failure,
            };
            match failure.error.status() {
                Some(404) if told.may_miss => return Ok(None),
                // Tokens last for minutes, and large layers take longer.
                Some(401) if !renewed && self.session.pass().is_some() => {
                    renewed = true;
                    self.session.renew(self.manifest, MANIFESTS, &arriving.what).await?;
                    self.client.replace(entered(self.session, self.transport, &self.repository).await?);
                }
                _ => patience.bear(failure).await?,
            }
        }
        arriving.file.flush().map_err(PullError::Keep)?;
        FileBlob::new(arriving.file).map(Some).map_err(PullError::Keep)
    }

    /// Fetches what is left of a part.
    async fn attempt(&self, arriving: &mut Arriving<'_>) -> Result<(), Failure> {
        let mut stream = self.ask(arriving).await?;
        let deadline = self.session.deadline;
        let mut until = Instant::now() + deadline;
        let mut since = 0;
        let broke = loop {
            match timeout_at(until, stream.next()).await {
                Ok(Some(Ok(bytes))) => {
                    arriving.take(&bytes).map_err(Failure::last)?;
                    since += bytes.len() as u64;
                    if since >= LEAST {
                        (until, since) = (Instant::now() + deadline, 0);
                    }
                }
                Ok(None) => break Failure::passing(arriving.short()),
                Ok(Some(Err(error))) => break self.broke(error, arriving),
                Err(_) => break Failure::passing(self.session.late(&arriving.what)),
            }
        };
        // However it ended: where all of it is there, its digest decides.
        if arriving.found < arriving.told.size {
            return Err(broke);
        }
        arriving.check()
    }

    /// Asks for what is left of a part.
    async fn ask(&self, arriving: &mut Arriving<'_>) -> Result<SizedStream, Failure> {
        let client = self.client.borrow().clone();
        let digest = arriving.told.digest.as_str();
        let from = arriving.found;
        let asked = async {
            let answer = if from == 0 {
                client.pull_blob_stream(&self.repository, digest).await.map(BlobResponse::Full)
            } else {
                client.pull_blob_stream_partial(&self.repository, digest, from, None).await
            };
            answer.map_err(|error| self.failed(error, &arriving.what))
        };
        match self.session.within(&arriving.what, asked).await {
            Ok(BlobResponse::Partial(stream)) => {
                arriving.resumed = true;
                Ok(stream)
            }
            Ok(BlobResponse::Full(stream)) => {
                if from > 0 {
                    arriving.restart().map_err(Failure::last)?;
                }
                Ok(stream)
            }
            // A range it does not give is no reason to give up.
            Err(failure) if from > 0 && failure.error.status() == Some(416) => {
                arriving.restart().map_err(Failure::last)?;
                Err(Failure::passing(failure.error))
            }
            Err(failure) => Err(failure),
        }
    }

    /// What an error of the library means.
    fn failed(&self, error: OciDistributionError, what: &str) -> Failure {
        let answer = match error {
            OciDistributionError::RequestError(error) => return self.session.unreachable(error),
            OciDistributionError::UnauthorizedError { .. } => Answer { status: Some(401), code: None, message: None },
            OciDistributionError::ServerError { code, message, .. } => Answer::read(code, message.as_bytes()),
            OciDistributionError::RegistryError { envelope, .. } => {
                let first = envelope.errors.into_iter().next();
                let code = first.as_ref().and_then(|error| serde_json::to_value(&error.code).ok()?.as_str().map(told));
                Answer { status: None, code, message: first.map(|error| told(&error.message)).filter(|text| !text.is_empty()) }
            }
            other => return Failure::last(PullError::Broken { what: what.to_owned(), why: causes(&other) }),
        };
        let passes =
            answer.status.is_some_and(|status| status >= 500 || status == 429) || answer.code.as_deref() == Some("TOOMANYREQUESTS");
        let error = self.session.refused(what, answer);
        if passes { Failure::passing(error) } else { Failure::last(error) }
    }

    /// What an error in the midst of a part means.
    fn broke(&self, error: std::io::Error, arriving: &Arriving<'_>) -> Failure {
        match error.downcast::<reqwest::Error>() {
            Ok(error) => self.session.unreachable(error),
            Err(error) => match error.downcast::<DigestError>() {
                Ok(_) => Failure::passing(arriving.short()),
                Err(error) => Failure::passing(PullError::Broken { what: arriving.what.clone(), why: causes(&error) }),
            },
        }
    }
}

/// A client of the library with what is shown to the registry. A client keeps what it was given once, so that each token has one of its
/// own.
async fn entered(session: &Session, transport: &Transport<'_>, repository: &Reference) -> Result<oci_client::Client, PullError> {
    let client = transport.oci(&session.endpoint)?;
    let host = &*session.endpoint.host;
    match session.pass() {
        // Without any the library asks for none.
        None => {}
        Some(Pass::Bearer(token)) => client.store_auth_if_needed(host, &RegistryAuth::Bearer(token.reveal().to_owned())).await,
        Some(Pass::Basic(name, password)) => {
            client.store_auth_if_needed(host, &RegistryAuth::Anonymous).await;
            let shown = RegistryTokenType::Basic(name, password.reveal().to_owned());
            client.tokens.insert(repository, RegistryOperation::Pull, shown).await;
        }
    }
    Ok(client)
}
