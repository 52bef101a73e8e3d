//! `probity evidence run`: runs a command, records that it ran, and exits with its code.

use std::ffi::OsStr;
use std::io::Read as _;
use std::os::unix::ffi::OsStrExt as _;
use std::os::unix::fs::PermissionsExt as _;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use anyhow::{Context as _, Result, bail};
use probity_attest::command_run::{CommandRun, Stream};
use probity_attest::sealed::{ClassKey, SealedBlob};
use probity_attest::statement::Blob;
use probity_attest::{Hasher, sha256};
use probity_catalog::builtin;
use probity_checks::nearest;
use probity_core::Digest;
use probity_files::Repository;
use probity_ledger::{Append as _, ClassError, ClassKeys as _, Classes, FolderClassKeys, LogReader, Storage};
use probity_verdict::config::EvidenceSettings;
use serde_json::json;

use crate::arguments::EvidenceRunArguments;
use crate::child::{self, Ended, Passed};
use crate::commands::evidence_classes;
use crate::commands::gate::Evidence;
use crate::redact::Redactor;
use crate::{Wrong, output};

/// Most bytes of arguments and names of variables that stand in the record itself; more go into a stored file.
const IN_RECORD: usize = 24 * 1024;
/// Most bytes of arguments that stand in the record where there are more.
const SHOWN: usize = 4 * 1024;
/// Exit code where nothing could be recorded.
const UNRECORDED: u8 = 3;

pub(crate) fn run(arguments: &EvidenceRunArguments) -> Result<u8> {
    let controls = controls(&arguments.control)?;
    let name = name(arguments.name.as_deref())?;
    if arguments.require_record && arguments.place.evidence.as_deref() == Some("none") {
        return Err(Wrong::hint("`--require-record` and `--evidence none` contradict each other", None).into());
    }
    let Some((program, rest)) = arguments.command.split_first() else { bail!(Wrong::hint("there is no command to run", None)) };
    let log = match Evidence::open(&arguments.place, &EvidenceSettings::default(), Path::new(".")) {
        Ok(Some(log)) => Ok(log),
        Ok(None) => {
            output::talk("evidence: none; this run is not recorded anywhere and proves nothing later");
            return Ok(child::run(program, rest, false, arguments.timeout).code);
        }
        Err(error) if error.is::<Wrong>() => return Err(error),
        Err(error) if arguments.require_record => {
            output::talk(&format!("error: the run could not be recorded, so the command is not run: {error:#}"));
            return Ok(UNRECORDED);
        }
        Err(error) => Err(error),
    };
    if let (Ok(log), Some(class)) = (&log, &arguments.class) {
        let storage = log.ledger.storage()?;
        match sealable(storage, class, &evidence_classes::keys(&arguments.place)?) {
            Ok(()) => {}
            Err(error @ (ClassError::NoClass(_) | ClassError::Destroyed { .. } | ClassError::NoKey(_))) => {
                return Err(Wrong::hint(error.to_string(), Some("`probity evidence classes list` shows those there are")).into());
            }
            Err(error) if arguments.require_record => {
                output::talk(&format!("error: the run could not be recorded, so the command is not run: {error:#}"));
                return Ok(UNRECORDED);
            }
            // It is told again when it ends, and what is wrong may have been put right by then.
            Err(error) => output::talk(&format!("warning: the run may not be recorded: {error:#}")),
        }
    }
    let before = Before::look(program);
    let ended = child::run(program, rest, arguments.keep_output, arguments.timeout);
    let code = ended.code;
    let recorded = log.and_then(|mut log| {
        let (mut run, mut blobs) = describe(arguments, controls, name, before, ended)?;
        match &arguments.class {
            None => Ok(log.ledger.append(run.to_statement()?.sign(&*log.signer)?, blobs)?),
            Some(class) => {
                let keys = evidence_classes::keys(&arguments.place)?;
                log.ledger
                    .in_folder()?
                    .append_with(|classes| -> Result<_, Failed> {
                        let key = key_of(classes, class, &keys)?;
                        seal(class, &key, &mut run, &mut blobs)?;
                        Ok((run.to_statement().map_err(anyhow::Error::from)?, blobs))
                    })
                    .map_err(|Failed(error)| error)
            }
        }
    });
    match recorded {
        Ok(_) => Ok(code),
        Err(error) => {
            output::talk(&format!("error: the run could not be recorded: {error:#}"));
            Ok(if arguments.require_record { UNRECORDED } else { code })
        }
    }
}

/// Why a sealed record was not written.
struct Failed(anyhow::Error);

impl From<ClassError> for Failed {
    fn from(error: ClassError) -> Failed {
        Failed(error.into())
    }
}

impl From<anyhow::Error> for Failed {
    fn from(error: anyhow::Error) -> Failed {
        Failed(error)
    }
}

/// The key of a class that can still be sealed in.
fn key_of(classes: &Classes, class: &str, keys: &FolderClassKeys) -> Result<ClassKey, ClassError> {
    let state = classes.open_class(class)?;
    keys.key(state.key)?.ok_or_else(|| ClassError::NoKey(class.to_owned()))
}

/// Whether a class can be sealed in, before the command is run.
fn sealable(storage: &Arc<dyn Storage>, class: &str, keys: &FolderClassKeys) -> Result<(), ClassError> {
    key_of(&Classes::read(&LogReader::open(&**storage, None)?)?, class, keys).map(drop)
}

/// Puts every stored file under the key of the class; the record names what is in it and what is stored.
fn seal(class: &str, key: &ClassKey, run: &mut CommandRun, blobs: &mut Vec<Vec<u8>>) -> Result<()> {
    let plain = std::mem::take(blobs);
    for blob in &mut run.blobs {
        let Some(bytes) = plain.iter().find(|bytes| sha256(bytes) == blob.digest) else { bail!("a stored file is lost") };
        let stored = key.seal(class, bytes)?;
        run.sealed.push(SealedBlob {
            name: blob.name.clone(),
            class: class.to_owned(),
            key: key.id(),
            plaintext: blob.digest,
            size: blob.size,
            time: run.finished,
        });
        (blob.digest, blob.size) = (sha256(&stored), stored.len() as u64);
        blobs.push(stored);
    }
    Ok(())
}

/// The controls, each of which has to be one of a built-in framework.
fn controls(ids: &[String]) -> Result<Vec<String>> {
    let catalog = builtin();
    if let Some(id) = ids.iter().find(|id| catalog.control(id).is_none()) {
        let frameworks = catalog.frameworks();
        let known = frameworks.iter().flat_map(|one| one.requirements.iter().map(|each| format!("{}/{}", one.id, each.id)));
        let known: Vec<String> = known.collect();
        let near = nearest(id, known.iter().map(String::as_str));
        // An id without its framework, or with another version of it.
        let requirement = id.rsplit('/').next().unwrap_or(id);
        let same = || known.iter().map(String::as_str).find(|each| each.split_once('/').is_some_and(|(_, one)| one == requirement));
        let hint = match near.or_else(same) {
            Some(near) => format!("did you mean `{near}`?"),
            None => {
                let names: Vec<&str> = frameworks.iter().map(|framework| framework.id.as_str()).collect();
                format!("ids are written FRAMEWORK/ID; the frameworks are {}", names.join(", "))
            }
        };
        return Err(Wrong::hint(format!("there is no control `{id}`"), Some(&hint)).into());
    }
    let mut ids = ids.to_vec();
    ids.sort();
    ids.dedup();
    Ok(ids)
}

fn name(name: Option<&str>) -> Result<String> {
    let name = name.unwrap_or_default();
    if name.len() > 200 || name.chars().any(char::is_control) {
        return Err(Wrong::hint("`--name` takes one line of at most 200 bytes", None).into());
    }
    Ok(name.to_owned())
}

/// What is looked at before the command can change it.
struct Before {
    git: Option<(String, String, String)>,
    program: Option<(String, Digest)>,
}

impl Before {
    fn look(program: &OsStr) -> Before {
        let git = git().unwrap_or_else(|error| {
            output::talk(&format!("warning: the commit the command runs at is not recorded: {error:#}"));
            None
        });
        let program = find(program).and_then(|path| Some((path.to_string_lossy().into_owned(), digest(&path).ok()?.0)));
        Before { git, program }
    }
}

fn git() -> Result<Option<(String, String, String)>> {
    let here = Path::new(".");
    let Some(repository) = Repository::discover(here)? else { return Ok(None) };
    let Some(commit) = repository.head()? else { return Ok(None) };
    Ok(Some((commit.id, commit.tree, repository.prefix(here)?)))
}

/// The file that a name of a command means.
fn find(program: &OsStr) -> Option<PathBuf> {
    let executable = |path: &PathBuf| path.metadata().is_ok_and(|one| one.is_file() && one.permissions().mode() & 0o111 != 0);
    if program.as_bytes().contains(&b'/') {
        return Some(PathBuf::from(program)).filter(executable);
    }
    std::env::split_paths(&std::env::var_os("PATH")?).map(|folder| folder.join(program)).find(executable)
}

/// Digest and size of a file, read in parts.
fn digest(path: &Path) -> std::io::Result<(Digest, u64)> {
    if !path.metadata()?.is_file() {
        return Err(std::io::Error::other("not a file"));
    }
    let mut file = std::fs::File::open(path)?;
    let (mut hasher, mut size) = (Hasher::new(), 0);
    let mut buffer = vec![0_u8; 64 * 1024];
    loop {
        match file.read(&mut buffer) {
            Ok(0) => return Ok((hasher.finish(), size)),
            Ok(count) => {
                hasher.update(buffer.get(..count).unwrap_or_default());
                size += count as u64;
            }
            Err(error) if error.kind() == std::io::ErrorKind::Interrupted => {}
            Err(error) => return Err(error),
        }
    }
}

/// The user's name by the number of the process, which variables cannot change; the number where there is no name.
fn user() -> String {
    let number = rustix::process::getuid().as_raw().to_string();
    let accounts = std::fs::read_to_string("/etc/passwd").unwrap_or_default();
    let name = accounts.lines().find_map(|line| {
        let mut fields = line.split(':');
        let name = fields.next()?;
        (fields.nth(1)? == number).then(|| name.to_owned())
    });
    name.unwrap_or(number)
}

/// What is recorded, and the files it names.
fn describe(
    arguments: &EvidenceRunArguments,
    controls: Vec<String>,
    name: String,
    before: Before,
    ended: Ended,
) -> Result<(CommandRun, Vec<Vec<u8>>)> {
    let variables: Vec<(String, Vec<u8>)> =
        std::env::vars_os().map(|(name, value)| (name.to_string_lossy().into_owned(), value.as_bytes().to_vec())).collect();
    let mut environment: Vec<String> = variables.iter().map(|(name, _)| name.clone()).collect();
    environment.sort();
    let redactor = Redactor::new(variables.into_iter()).context("secrets could not be taken out")?;
    let raw: Vec<Vec<u8>> = arguments.command.iter().map(|argument| argument.as_bytes().to_vec()).collect();
    let (mut shown, mut redacted) = redactor.arguments(&raw);
    let (mut named, mut blobs) = (Vec::new(), Vec::new());
    let mut store = |name: &str, bytes: Vec<u8>| {
        named.push(Blob { name: name.to_owned(), digest: sha256(&bytes), size: bytes.len() as u64 });
        // Two outputs with the same bytes are stored once.
        if !blobs.contains(&bytes) {
            blobs.push(bytes);
        }
    };
    let mut stream = |name: &str, passed: &Passed| {
        let mut cut = passed.cut;
        if arguments.keep_output && passed.size > 0 {
            let mut kept = passed.kept.as_slice();
            if cut {
                // A secret that the end cuts in two would not be known as one.
                kept = kept.get(..memchr::memrchr(b'\n', kept).map_or(0, |at| at + 1)).unwrap_or_default();
                cut = true;
            }
            let (masked, count) = redactor.mask(kept);
            redacted += count;
            store(name, masked);
        }
        Stream { sha256: passed.digest.to_string(), size: passed.size, incomplete: passed.incomplete.map(str::to_owned), cut }
    };
    let (stdout, stderr) = (stream("stdout", &ended.stdout), stream("stderr", &ended.stderr));
    let (mut artifacts, mut missing) = (Vec::new(), Vec::new());
    for path in &arguments.artifact {
        let name = path.display().to_string();
        match digest(path) {
            Ok((digest, size)) => artifacts.push((name, digest, size)),
            Err(error) => {
                output::talk(&format!("warning: the artifact `{name}` is not recorded: {error}"));
                missing.push(name);
            }
        }
    }
    let whole = json!({ "arguments": shown, "environment": environment }).to_string();
    if whole.len() > IN_RECORD {
        store("command", whole.into_bytes());
        let mut room = SHOWN;
        let count = shown.len();
        shown.retain(|argument| {
            let fits = argument.len() <= room;
            room = if fits { room - argument.len() } else { 0 };
            fits
        });
        let left = count - shown.len();
        if left > 0 {
            shown.push(format!("[{left} more in the stored file `command`]"));
        }
        environment = vec![format!("[{} names in the stored file `command`]", environment.len())];
    }
    let run = CommandRun {
        name,
        arguments: shown,
        redacted,
        program: before.program,
        environment,
        git: before.git,
        user: user(),
        host: rustix::system::uname().nodename().to_string_lossy().into_owned(),
        started: ended.started,
        finished: ended.finished,
        exit_code: ended.code,
        signal: ended.signal,
        not_started: ended.not_started,
        timed_out: ended.timed_out,
        stdout,
        stderr,
        artifacts,
        missing_artifacts: missing,
        controls,
        version: env!("CARGO_PKG_VERSION").to_owned(),
        blobs: named,
        sealed: Vec::new(),
    };
    Ok((run, blobs))
}
