//! How `sign` and `attest` sign: with a key, with a key and somebody who tells of it, or for an identity with a key that nobody keeps.

use std::fs::File;
use std::io::Read as _;
use std::path::{Path, PathBuf};
use std::time::Duration;

use anyhow::{Context as _, Result};
use clap::{ArgAction, Args};
use probity_attest::bundle::Bundle;
use probity_attest::keys::Signer;
use probity_formats::escape;
pub(crate) use probity_keyless::What;
use probity_keyless::{
    Address, DEFAULT_AUDIENCE, GithubRequest, IdentityToken, KeylessError, LogVersion, MAX_SIGNING_CONFIG, Services, SignedBy, Signing,
    SigningConfig, Step, TransparencyLog,
};
use probity_sigstore::{self as sigstore, MAX_TRUST_ROOT, TrustRoot, Verified};
use zeroize::Zeroizing;

use crate::adapters::SystemClock;
use crate::{Wrong, keys, run};

/// What names the public-good instance of Sigstore in place of a file.
const PUBLIC_GOOD: &str = "public-good";
/// Most bytes of a file with a token.
const MAX_TOKEN: usize = 64 << 10;

/// A token as it is given. It is not shown.
#[derive(Clone)]
pub(crate) struct Given(Zeroizing<String>);

impl std::fmt::Debug for Given {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("***")
    }
}

impl std::str::FromStr for Given {
    type Err = std::convert::Infallible;

    fn from_str(text: &str) -> Result<Given, Self::Err> {
        Ok(Given(Zeroizing::new(text.to_owned())))
    }
}

/// Who signs, and who tells of it.
#[derive(Debug, Args)]
pub(crate) struct SigningArguments {
    /// Private key: a file (Cosign's, PKCS#8, SEC1, PKCS#1, OpenSSH's with Ed25519), or env://NAME for a variable that holds one. A
    /// passphrase comes from PROBITY_KEY_PASSWORD or COSIGN_PASSWORD, or is asked for. Without a key an identity signs (keyless)
    #[arg(long, value_name = "KEY")]
    pub(crate) key: Option<String>,
    /// Token of the identity that signs: the token, a file with it, or env://NAME. Without, SIGSTORE_ID_TOKEN, then the runner of a job of
    /// GitHub Actions is asked
    #[arg(long, value_name = "TOKEN|FILE", conflicts_with = "key")]
    pub(crate) identity_token: Option<Given>,
    /// Whom the token is for
    #[arg(long, value_name = "NAME", default_value = DEFAULT_AUDIENCE)]
    pub(crate) oidc_client_id: String,
    /// Which services are asked: a signing configuration of Sigstore (v0.2), or `public-good` for the public instance
    #[arg(long, value_name = "FILE", conflicts_with_all = ["fulcio_url", "rekor_url", "timestamp_server_url"])]
    pub(crate) signing_config: Option<PathBuf>,
    /// Certificate authority that knows identities (Fulcio)
    #[arg(long, value_name = "URL", conflicts_with = "key")]
    pub(crate) fulcio_url: Option<Address>,
    /// Transparency log that the signature is entered in (Rekor, version 1)
    #[arg(long, value_name = "URL")]
    pub(crate) rekor_url: Option<Address>,
    /// Authority that says when it is signed (RFC 3161)
    #[arg(long, value_name = "URL")]
    pub(crate) timestamp_server_url: Option<Address>,
    /// Trust root (trusted_root.json) by which all that the services answer is judged; with `--signing-config public-good` the built-in one
    #[arg(long, value_name = "FILE")]
    pub(crate) trusted_root: Option<PathBuf>,
    /// Whether a transparency log is told
    #[arg(long, value_name = "BOOL", action = ArgAction::Set, default_value_t = true, num_args = 0..=1, require_equals = true, default_missing_value = "true")]
    pub(crate) tlog_upload: bool,
    /// How long one answer of a service may take, in seconds
    #[arg(long, value_name = "SECONDS", default_value_t = 30, value_parser = clap::value_parser!(u64).range(1..=3600))]
    pub(crate) signing_timeout: u64,
}

/// Refuses services where what they say has no place: Cosign's older tags are written with a key alone.
pub(crate) fn only_key(arguments: &SigningArguments) -> Result<()> {
    if services(arguments)?.is_none() && arguments.key.is_some() {
        return Ok(());
    }
    let hint = "`--signature-format bundle` holds what a log or an authority says; with `legacy`, name a key and no service";
    Err(Wrong::hint("the older tags are written with a key alone", Some(hint)).into())
}

/// Refuses what cannot sign, before anything else is done: nobody is named, a key cannot be had.
pub(crate) fn check(arguments: &SigningArguments) -> Result<()> {
    match &arguments.key {
        Some(key) => keys::signer(key).map(drop),
        None if services(arguments)?.is_some() => Ok(()),
        None => Err(nobody().into()),
    }
}

fn nobody() -> Wrong {
    let hint = "`--key KEY` signs with a key; `--signing-config public-good`, a file, or `--fulcio-url` with \
                `--rekor-url` or `--timestamp-server-url` signs for an identity";
    Wrong::hint("neither a key nor services that know identities are named", Some(hint))
}

/// What was signed.
pub(crate) struct Made {
    /// The Sigstore bundle.
    pub(crate) bundle: String,
    /// The signature by itself, in base64.
    pub(crate) signature: String,
    /// By whom, and who tells of it.
    pub(crate) how: String,
}

/// Signs. Where somebody else was asked, what is returned was verified against the trust root.
pub(crate) fn sign(arguments: &SigningArguments, what: What<'_>) -> Result<Made> {
    let services = services(arguments)?;
    let key = arguments.key.as_deref();
    let services = match (key, services) {
        (Some(key), None) => return with_key(keys::signer(key)?.as_ref(), what),
        (Some(key), Some(services)) if services.logs.is_empty() && services.timestamps.is_empty() => {
            return with_key(keys::signer(key)?.as_ref(), what);
        }
        (_, Some(services)) => services,
        (None, None) => return Err(nobody().into()),
    };
    let root = root(arguments)?;
    let deadline = Duration::from_secs(arguments.signing_timeout);
    let signing = Signing { services: &services, root: &root, deadline, clock: &SystemClock };
    let signed = match key {
        Some(key) => {
            let signer = keys::signer(key)?;
            signing.sign(what, SignedBy::Key(signer.as_ref()))
        }
        None => signing.sign(what, SignedBy::Identity(&token(arguments, deadline)?)),
    };
    let signed = signed.map_err(told)?;
    Ok(Made { bundle: signed.bundle, signature: signed.signature, how: how(&signed.verified) })
}

fn with_key(signer: &dyn Signer, what: What<'_>) -> Result<Made> {
    let bundle = match what {
        What::Message(message) => Bundle::sign_message(message, signer).context("the file was not signed")?,
        What::Statement { statement, .. } => Bundle::sign_statement(statement, signer).context("the statement was not signed")?,
    };
    let how = format!("signed by {}", signer.public_key());
    Ok(Made { bundle: bundle.to_json(), signature: bundle.signature_text(), how })
}

/// Wrong use ends with 2; what a service does not do, or does wrong, with 3.
fn told(error: KeylessError) -> anyhow::Error {
    let text = escape::line(&format!("not signed: {error}")).to_string();
    match error.step {
        Step::Services => Wrong::hint(text, None).into(),
        _ => anyhow::anyhow!(text),
    }
}

/// Whom to ask; none where nobody is named.
fn services(arguments: &SigningArguments) -> Result<Option<Services>> {
    let SigningArguments { key, signing_config, fulcio_url, rekor_url, timestamp_server_url, tlog_upload, .. } = arguments;
    let mut services = match signing_config {
        Some(path) => {
            let config = if path.as_os_str() == PUBLIC_GOOD {
                SigningConfig::public_good().map_err(Wrong::new)?
            } else {
                let named = |why: String| Wrong::hint(format!("`{}` cannot be used: {why}", path.display()), None);
                SigningConfig::parse(&bounded(path, MAX_SIGNING_CONFIG)?).map_err(|error| named(error.to_string()))?
            };
            config.select(run::now(), key.is_some()).map_err(Wrong::new)?
        }
        None if fulcio_url.is_none() && rekor_url.is_none() && timestamp_server_url.is_none() => return Ok(None),
        None => Services {
            certificates: fulcio_url.clone(),
            logs: rekor_url.iter().map(|address| TransparencyLog { address: address.clone(), version: LogVersion::V1 }).collect(),
            timestamps: timestamp_server_url.iter().cloned().collect(),
        },
    };
    if !tlog_upload {
        services.logs.clear();
    }
    Ok(Some(services))
}

/// By whom the services' answers are judged. One that is not named is not guessed: a root that does not know the services would only refuse
/// what they made, after a log had been told.
fn root(arguments: &SigningArguments) -> Result<TrustRoot> {
    match &arguments.trusted_root {
        Some(path) => Ok(TrustRoot::parse(&bounded(path, MAX_TRUST_ROOT)?)
            .map_err(|error| Wrong::hint(format!("`{}` cannot be used: {error}", path.display()), None))?),
        None if arguments.signing_config.as_deref() == Some(Path::new(PUBLIC_GOOD)) => Ok(TrustRoot::public_good().map_err(Wrong::new)?),
        None => {
            let hint = "`--trusted-root FILE` names the root of the instance of Sigstore that the services belong to";
            Err(Wrong::hint("what these services answer cannot be judged: no trust root is named", Some(hint)).into())
        }
    }
}

/// The token of the identity that signs.
fn token(arguments: &SigningArguments, deadline: Duration) -> Result<IdentityToken> {
    let audience = &arguments.oidc_client_id;
    let variable = |name: &str| std::env::var_os(name).filter(|value| !value.is_empty());
    let text = |name: &str| -> Result<Option<Zeroizing<String>>> {
        let no_text = |_| Wrong::hint(format!("the variable `{name}` holds no text"), None);
        Ok(variable(name).map(|value| value.into_string().map(Zeroizing::new).map_err(no_text)).transpose()?)
    };
    let given = match &arguments.identity_token {
        Some(Given(given)) => Some(match given.strip_prefix("env://") {
            Some(name) => text(name)?.ok_or_else(|| Wrong::hint(format!("`env://{name}`: there is no such variable"), None))?,
            // A token is longer than a path may be, and holds no such name.
            None if Path::new(given.as_str()).is_file() => {
                let bytes = Zeroizing::new(bounded(Path::new(given.as_str()), MAX_TOKEN)?);
                let no_text = |_| Wrong::hint(format!("`{}` holds no token", given.as_str()), None);
                Zeroizing::new(std::str::from_utf8(&bytes).map_err(no_text)?.to_owned())
            }
            None => given.clone(),
        }),
        None => text("SIGSTORE_ID_TOKEN")?,
    };
    if let Some(given) = given {
        return Ok(IdentityToken::parse(&given, audience, run::now()).map_err(Wrong::new)?);
    }
    match (text("ACTIONS_ID_TOKEN_REQUEST_URL")?, text("ACTIONS_ID_TOKEN_REQUEST_TOKEN")?) {
        (Some(url), Some(pass)) => {
            let request = GithubRequest::new(&url, pass).map_err(told)?;
            request.fetch(audience, run::now(), deadline).map_err(told)
        }
        _ => {
            let hint =
                "give one with `--identity-token`, or in SIGSTORE_ID_TOKEN; a job of GitHub Actions needs `permissions: id-token: write`";
            Err(Wrong::hint("there is no identity token: nobody says who signs", Some(hint)).into())
        }
    }
}

/// By whom something is signed and who tells of it, for people.
fn how(verified: &Verified) -> String {
    let mut text = match &verified.signer {
        sigstore::SignedBy::Identity { identity, issuer } => format!("signed by {identity}, vouched for by {issuer}"),
        sigstore::SignedBy::Key { id, algorithm } => format!("signed by the {algorithm} key sha256:{id}"),
    };
    for entry in &verified.log {
        let log = entry.log.as_deref().unwrap_or("a log of the trust root");
        text.push_str(&format!(", on record as entry {} of {log}", entry.index));
    }
    escape::line(&text).to_string()
}

/// A file of at most so many bytes. One that is larger is read as far as tells that it is.
fn bounded(path: &Path, most: usize) -> Result<Vec<u8>> {
    let wrong = |error: std::io::Error| Wrong::hint(format!("cannot read `{}`: {error}", path.display()), None);
    let mut bytes = Vec::new();
    File::open(path).map_err(wrong)?.take(most as u64 + 1).read_to_end(&mut bytes).map_err(wrong)?;
    Ok(bytes)
}
