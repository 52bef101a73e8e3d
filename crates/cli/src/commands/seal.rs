//! `probity evidence seal`: a copy of the log where nobody can change or delete it, and what the store confirms of it.

use std::path::Path;
use std::sync::{Arc, Mutex, PoisonError};

use anyhow::Result;
use probity_attest::sha256;
use probity_attest::statement::format_time;
use probity_core::{Digest, Timestamp};
use probity_formats::escape;
use probity_ledger::{CHECKPOINT, Lock, LogReader, Storage, StorageError, export_files};
use probity_store::{
    AzureAccess, AzureWorm, GoogleWorm, Hold, Mode, Reach, S3Worm, SealError, Sealed, Secret, WormPlace, WormStore, confirm, extend, seal,
};
use probity_value::SourceMap;
use probity_verdict::config::{Config, WormMode, WormSettings};
use serde_json::{Value, json};

use crate::adapters::with_causes;
use crate::arguments::{CompareFormat, SealArguments, SealMode};
use crate::commands::evidence;
use crate::{Wrong, logs, output, reading, run};

/// What became of one file.
struct File {
    path: String,
    name: String,
    outcome: Result<Sealed, String>,
}

/// What became of all files of a log.
pub(crate) struct Copied {
    to: String,
    size: u64,
    /// Until when was asked; those sealed before may be kept shorter.
    asked: Option<Timestamp>,
    files: Vec<File>,
}

/// Where the copy of a file lies: the checkpoint changes, and is kept once for each size.
fn name_of(path: &str, size: u64) -> String {
    if path == CHECKPOINT { format!("checkpoints/{size:020}") } else { path.to_owned() }
}

/// The WORM store that an address names.
fn store(to: &str) -> Result<Box<dyn WormStore>> {
    let of_variable = |name: &str| std::env::var(name).ok().filter(|value| !value.is_empty()).map(Secret::new);
    match to.parse().map_err(Wrong::new)? {
        WormPlace::S3(place) => Ok(Box::new(S3Worm(logs::bucket(&place)?.0))),
        WormPlace::Azure { account, container, prefix, endpoint } => {
            let access = of_variable("AZURE_STORAGE_KEY")
                .map(AzureAccess::SharedKey)
                .or_else(|| of_variable("AZURE_STORAGE_SAS_TOKEN").map(AzureAccess::Signature))
                .or_else(|| of_variable("AZURE_STORAGE_ACCESS_TOKEN").map(AzureAccess::Bearer));
            let access = access.ok_or_else(|| {
                Wrong::hint(
                    "there are no credentials for Azure",
                    Some("set `AZURE_STORAGE_KEY`, `AZURE_STORAGE_SAS_TOKEN` or `AZURE_STORAGE_ACCESS_TOKEN`"),
                )
            })?;
            let store = AzureWorm::new(&account, &container, &prefix, endpoint.as_deref(), access, Reach::default());
            Ok(Box::new(store.map_err(|error| logs::wrong(&error))?))
        }
        WormPlace::Google { bucket, prefix, endpoint } => {
            let token = of_variable("GOOGLE_OAUTH_ACCESS_TOKEN")
                .ok_or_else(|| Wrong::hint("there are no credentials for Google Cloud", Some("set `GOOGLE_OAUTH_ACCESS_TOKEN`")))?;
            let store = GoogleWorm::new(&bucket, &prefix, endpoint.as_deref(), token, Reach::default());
            Ok(Box::new(store.map_err(|error| logs::wrong(&error))?))
        }
    }
}

/// Has an object of this name and content kept.
type Keep<'a> = dyn Fn(&str, &[u8]) -> Result<Sealed, SealError> + Sync + 'a;

/// Takes the files of an export one by one and has each kept.
struct Taker<'a> {
    size: u64,
    keep: &'a Keep<'a>,
    files: Mutex<Vec<File>>,
    /// Comes last: it stands for all the others.
    checkpoint: Mutex<Option<Vec<u8>>>,
}

impl Taker<'_> {
    fn keep(&self, path: &str, bytes: &[u8]) {
        let name = name_of(path, self.size);
        let outcome = (self.keep)(&name, bytes).map_err(|error| with_causes(&error));
        self.files.lock().unwrap_or_else(PoisonError::into_inner).push(File { path: path.to_owned(), name, outcome });
    }
}

impl Storage for Taker<'_> {
    fn read(&self, _: &str) -> Result<Option<Vec<u8>>, StorageError> {
        Ok(None)
    }
    fn write(&self, path: &str, bytes: &[u8]) -> Result<(), StorageError> {
        if path == CHECKPOINT {
            *self.checkpoint.lock().unwrap_or_else(PoisonError::into_inner) = Some(bytes.to_vec());
        } else {
            self.keep(path, bytes);
        }
        Ok(())
    }
    fn remove(&self, path: &str) -> Result<(), StorageError> {
        Err(StorageError::BadPath(path.to_owned()))
    }
    fn list(&self, _: &str) -> Result<Vec<String>, StorageError> {
        Ok(Vec::new())
    }
    fn lock(&self) -> Result<Box<dyn Lock>, StorageError> {
        Err(StorageError::NoLock(self.place()))
    }
    fn place(&self) -> String {
        "the WORM store".to_owned()
    }
}

/// Hands every file of the log, as it is now, to be kept.
fn copy(storage: &Arc<dyn Storage>, to: &str, asked: Option<Timestamp>, keep: &Keep<'_>) -> Result<Copied> {
    let size = LogReader::open(&**storage, None)?.size();
    let into = Taker { size, keep, files: Mutex::default(), checkpoint: Mutex::default() };
    // A log that grows meanwhile is copied as it is when its checkpoint is read.
    export_files(&**storage, None, &into)?;
    let checkpoint = into.checkpoint.lock().unwrap_or_else(PoisonError::into_inner).take().unwrap_or_default();
    let size = std::str::from_utf8(&checkpoint).ok().and_then(|note| note.lines().nth(1)?.parse().ok()).unwrap_or(size);
    let into = Taker { size, ..into };
    let all = into.files.lock().unwrap_or_else(PoisonError::into_inner).iter().all(|file| file.outcome.is_ok());
    if all {
        into.keep(CHECKPOINT, &checkpoint);
    } else {
        let outcome = Err("what it covers is not all sealed".to_owned());
        let file = File { path: CHECKPOINT.to_owned(), name: name_of(CHECKPOINT, size), outcome };
        into.files.lock().unwrap_or_else(PoisonError::into_inner).push(file);
    }
    let files = into.files.into_inner().unwrap_or_else(PoisonError::into_inner);
    Ok(Copied { to: to.to_owned(), size, asked, files })
}

impl Copied {
    /// Whether the store confirmed every file.
    pub(crate) fn is_sealed(&self) -> bool {
        self.files.iter().all(|file| file.outcome.is_ok())
    }

    fn sealed(&self) -> impl Iterator<Item = &Sealed> {
        self.files.iter().filter_map(|file| file.outcome.as_ref().ok())
    }

    fn first_end(&self) -> Option<Timestamp> {
        self.sealed().map(Sealed::until).min()
    }

    /// What became of it, for a person.
    pub(crate) fn to_text(&self) -> String {
        let mut out = String::new();
        for file in &self.files {
            if let Err(why) = &file.outcome {
                out.push_str(&format!("not sealed  {}  {}\n", escape::line(&file.path), escape::line(why)));
            }
        }
        let (count, all) = (self.sealed().count(), self.files.len());
        let to = escape::line(&self.to);
        match (self.first_end().and_then(|time| format_time(time).ok()), self.sealed().map(Sealed::mode).min()) {
            (Some(until), Some(mode)) => {
                let held = if self.sealed().all(Sealed::legal_hold) { ", each under a legal hold" } else { "" };
                out.push_str(&format!("{count} of {all} files are sealed in {to}, in {mode} mode until {until} at least{held}\n"));
            }
            _ => out.push_str(&format!("0 of {all} files are sealed in {to}\n")),
        }
        let shorter = self.asked.map_or(0, |asked| self.sealed().filter(|sealed| sealed.until().seconds < asked.seconds).count());
        if shorter > 0 {
            out.push_str(&format!(
                "{shorter} of them were sealed before and are kept until an earlier date than asked; `--extend` keeps them as long\n"
            ));
        }
        if self.is_sealed() {
            out.push_str(&format!("the log of {} records is sealed\n", self.size));
        } else {
            out.push_str("the log is not sealed\n");
        }
        out
    }

    fn to_json(&self) -> Value {
        let files: Vec<Value> = self
            .files
            .iter()
            .map(|file| match &file.outcome {
                Ok(sealed) => json!({
                    "path": file.path,
                    "name": file.name,
                    "sealed": true,
                    "sha256": sealed.sha256().to_string(),
                    "version": sealed.version(),
                    "mode": sealed.mode().to_string(),
                    "until": format_time(sealed.until()).ok(),
                    "legal_hold": sealed.legal_hold(),
                }),
                Err(why) => json!({ "path": file.path, "name": file.name, "sealed": false, "why": why }),
            })
            .collect();
        json!({
            "version": 1,
            "to": self.to,
            "size": self.size,
            "sealed": self.is_sealed(),
            "until": self.first_end().and_then(|time| format_time(time).ok()),
            "files": files,
        })
    }
}

/// Asks a store whether it keeps every file of a log, and writes nothing.
pub(crate) fn check(storage: &Arc<dyn Storage>, to: &str) -> Result<Copied> {
    let store = store(to)?;
    let now = run::now();
    // Kept at all: how firmly and how long is told.
    let least = Hold { mode: Mode::Governance, until: Timestamp { seconds: now.seconds + 1, nanoseconds: 0 }, legal_hold: false };
    copy(storage, to, None, &|name, bytes| confirm(&*store, name, sha256(bytes), &least))
}

/// What a configuration from outside says of sealing.
fn configured(path: &Path) -> Result<WormSettings> {
    let texts = SourceMap::new();
    let file = reading::outside(path)?;
    let number = texts.add(Arc::clone(&file.path), Arc::clone(&file.text));
    let (config, diagnostics) = Config::parse(&file.text, &file.path, number);
    if diagnostics.is_empty() {
        return Ok(config.evidence.worm);
    }
    output::diagnostics(&diagnostics, &texts);
    Err(Wrong::hint(format!("the configuration `{}` cannot be used", path.display()), None).into())
}

pub(crate) fn run(arguments: &SealArguments) -> Result<u8> {
    let configured = arguments.config.as_deref().map(configured).transpose()?.unwrap_or_default();
    let missing =
        |flag: &str, key: &str| Wrong::hint(format!("{flag} is missing"), Some(&format!("or `evidence.worm.{key}` in `--config FILE`")));
    let to = arguments.to.as_deref().or(configured.to.as_deref()).ok_or_else(|| missing("`--to URL`", "to"))?;
    let retain = match (&arguments.retain, &configured.retain) {
        (Some(retain), _) => *retain,
        (None, Some(text)) => text.parse().map_err(Wrong::new)?,
        (None, None) => return Err(missing("`--retain PERIOD`", "retain").into()),
    };
    let mode = match (arguments.mode, configured.mode) {
        (Some(SealMode::Governance), _) | (None, Some(WormMode::Governance)) => Mode::Governance,
        (Some(SealMode::Compliance), _) | (None, Some(WormMode::Compliance) | None) => Mode::Compliance,
    };
    let storage = logs::storage(&evidence::place_to_read(&arguments.place)?)?;
    let store = store(to)?;
    let now = run::now();
    let until = retain.after(now).ok_or_else(|| Wrong::hint(format!("`{retain}` from now is beyond the calendar"), None))?;
    let hold = Hold { mode, until, legal_hold: arguments.legal_hold || configured.legal_hold };
    let progress = output::Progress::new(&format!("sealing in {to}"));
    let copied = copy(&storage, to, Some(until), &|name, bytes| keep(&*store, name, bytes, sha256(bytes), &hold, now, arguments.extend));
    drop(progress);
    let copied = copied?;
    match arguments.format {
        CompareFormat::Human => output::text(&copied.to_text())?,
        CompareFormat::Json => output::json(&copied.to_json())?,
    }
    Ok(if copied.is_sealed() { 0 } else { 3 })
}

/// Keeps one file. What was sealed before as firmly stays as it is, unless all is to be kept as long.
fn keep(
    store: &dyn WormStore,
    name: &str,
    bytes: &[u8],
    digest: Digest,
    hold: &Hold,
    now: Timestamp,
    longer: bool,
) -> Result<Sealed, SealError> {
    let before = Hold { until: Timestamp { seconds: now.seconds + 1, nanoseconds: 0 }, ..*hold };
    match confirm(store, name, digest, &before) {
        Ok(sealed) if !longer || sealed.until().seconds >= hold.until.seconds => Ok(sealed),
        Ok(sealed) => extend(store, &sealed, &Hold { mode: hold.mode.max(sealed.mode()), ..*hold }),
        Err(SealError::Missing(_) | SealError::Unconfirmed { .. }) => seal(store, name, bytes, hold),
        Err(error) => Err(error),
    }
}
