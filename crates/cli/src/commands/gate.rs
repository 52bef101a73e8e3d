//! `probity gate`: scan, decide, record, print, exit with the verdict.

use std::path::Path;
use std::sync::Arc;

use anyhow::{Context as _, Result, bail};
use probity_attest::keys::{LogSigner, NotForLogs};
use probity_attest::{KeyProvider, SigningKey, sha256};
use probity_core::{Colour, Digest, Report, Tree as _, Verdict};
use probity_ledger::{KeyFile, load_key, load_or_create_key};
use probity_pipeline::record::{InputFile, Inputs, Target as RecordTarget, evidence, record, summary};
use probity_pipeline::{Base, ByRule};
use probity_store::S3Place;
use probity_value::SourceMap;
use probity_verdict::config::EvidenceSettings;
use probity_verdict::exit::{Outcome, Run, exit_code};
use serde_json::{Value, json};
use zeroize::Zeroizing;

use crate::arguments::{EvidencePlace, GateArguments, ReadingArguments, Show};
use crate::artifact::{self, Artifact};
use crate::logs::{Log, LogPlace};
use crate::reading::{self, OpenBase, Target};
use crate::run::{self, Clock, Given, How};
use crate::{Wrong, keyless, keys, output, state, versions};

pub(crate) fn run(arguments: &GateArguments) -> Result<u8> {
    let texts = SourceMap::new();
    let reading = &arguments.reading;
    let max_file_size = reading.max_file_size.saturating_mul(1 << 20);
    let mut given = Given::read(reading)?;
    given.floor = arguments.floor.as_deref().map(|path| reading::floor(path, arguments.floor_key.as_deref())).transpose()?;
    if arguments.attest {
        keyless::check(&arguments.signing)?;
    }
    let target = Target::open(&arguments.path, max_file_size)?;
    let artifacts = artifact::all(&arguments.built, reading.max_file_size)?;
    let open_base = arguments.base.as_deref().map(|name| reading::open_base(&target, name, max_file_size)).transpose()?;
    let base = open_base.as_ref().map(as_base);
    let now = run::now();
    let versions = open_base.as_ref().map(|base| versions::between(&target, &base.commit)).transpose()?.flatten();
    let how = How {
        base: base.as_ref(),
        changed_only: arguments.changed_only,
        keep_all: arguments.printing.show != Show::Findings,
        versions,
        clock: Clock::Recorded(arguments.place.clone()),
        artifacts: &artifacts,
        ..How::at(now)
    };
    let judged = run::judged(&target, &target.tree, reading, &given, &how, &texts)?;

    let mut report = run::report(&judged, arguments.path.display().to_string(), now, true);
    if arguments.printing.show == Show::Pass {
        report.findings.retain(|finding| finding.status != probity_core::Status::NotApplicable);
    }
    let nothing = run::nothing(&judged) && artifacts.is_empty() && judged.verdict.colour == Some(Colour::Green);
    let mut unrecorded = false;
    if nothing {
        output::talk("nothing to look at: no file here is one that Probity reads");
        report.verdict = None;
    } else {
        let inputs = || {
            let inputs = inputs(&target, open_base.as_ref(), arguments, &given, &artifacts)?;
            Ok::<_, anyhow::Error>(Inputs { by_rule: judged.by_rule.clone(), ..inputs })
        };
        let written = match Evidence::open(&arguments.place, &judged.config.evidence, target.tree.top()) {
            Ok(None) => Ok(None),
            Ok(Some(mut log)) => inputs()
                .and_then(|inputs| Ok(record(&report, &judged.verdict, &inputs, engine()?, &mut log.ledger, &*log.signer)?))
                .map(|receipt| Some(evidence(&receipt, log.anchored, log.place.to_string()))),
            Err(error) if error.is::<Wrong>() => return Err(error),
            Err(error) => Err(error),
        };
        match written {
            Ok(Some(place)) => report.evidence = Some(place),
            Ok(None) => output::talk("evidence: none; this verdict is not recorded anywhere and proves nothing later"),
            Err(error) => {
                output::talk(&format!("error: the verdict could not be recorded, so there is none: {error:#}"));
                unrecorded = true;
                withhold(&mut report);
            }
        }
        if arguments.attest && !unrecorded && judged.verdict.colour.is_some() {
            let attested = inputs().and_then(|inputs| attest(&report, &judged.verdict, &inputs, &artifacts, arguments));
            if let Err(error) = attested {
                output::talk(&format!("error: the verdict could not be attested, so there is none: {error:#}"));
                unrecorded = true;
                withhold(&mut report);
            }
        }
    }
    output::report(&report, &texts, &arguments.printing, arguments.observe, &target.prefix)?;
    let run = if arguments.observe { Run::Observe } else { Run::Gate };
    Ok(exit_code(
        run,
        &Outcome { verdict: Some(&judged.verdict), unrecorded, nothing, incomplete: run::incomplete(&judged), ..Outcome::default() },
    ))
}

/// What is not written down is not told, unless it is red.
fn withhold(report: &mut Report) {
    if report.verdict.as_ref().is_some_and(|verdict| verdict.colour != Some(Colour::Red)) {
        report.verdict = None;
    }
}

/// Signs the verdict about each artifact, and keeps it where whoever deploys it looks.
fn attest(report: &Report, verdict: &Verdict, inputs: &Inputs, artifacts: &[Artifact], arguments: &GateArguments) -> Result<()> {
    for artifact in artifacts {
        let decision = summary(report, verdict, inputs, engine()?, &artifact.descriptor(), artifact.uri())?;
        let kept =
            artifact.attest(&decision, &arguments.signing, &arguments.built.image).with_context(|| format!("`{}`", artifact.name))?;
        output::talk(&format!("attested `{}`: {}, {kept}", artifact.name, decision.outcome.as_str()));
    }
    Ok(())
}

pub(crate) fn as_base(open: &OpenBase) -> Base<'_> {
    Base { tree: &open.tree, renames: open.renames.clone(), changed_files: open.changed_files.clone(), authors: open.authors.clone() }
}

/// SHA-256 of this very program.
pub(crate) fn engine() -> Result<Digest> {
    // On Linux this is the file that runs, also where another version took its place since.
    let running = Path::new("/proc/self/exe");
    let place =
        if running.exists() { running.to_owned() } else { std::env::current_exe().context("the program's own file cannot be found")? };
    Ok(sha256(&std::fs::read(place).context("the program's own file cannot be read")?))
}

/// A log that can be written.
pub(crate) struct Evidence {
    pub(crate) ledger: Log,
    pub(crate) signer: Arc<dyn KeyProvider>,
    pub(crate) anchored: bool,
    pub(crate) place: LogPlace,
}

/// Where the log is: by flag, by configuration, else in the user's state folder. `None` for `--evidence none`.
pub(crate) fn place_of(place: &EvidencePlace, settings: &EvidenceSettings, top: &Path) -> Result<Option<LogPlace>> {
    match (&place.evidence, &settings.directory) {
        (Some(word), _) if word == "none" => Ok(None),
        (Some(named), _) => LogPlace::parse(named).map(Some),
        // A judged repository writes nowhere but below itself.
        (None, Some(folder)) if S3Place::is_meant(folder) || !is_below(folder) => Err(Wrong::hint(
            format!("`evidence.directory` names `{folder}`, which leads out of the judged folder"),
            Some("name it with `--evidence DIR`"),
        )
        .into()),
        (None, Some(folder)) => Ok(Some(LogPlace::Folder(top.join(&**folder)))),
        (None, None) => Ok(Some(LogPlace::Folder(state::folder()?.join("evidence")))),
    }
}

/// Whether a configured path stays below the judged folder.
fn is_below(path: &str) -> bool {
    probity_files::normalise(path).is_some()
}

/// What may lie in the folder of a log; anything else is somebody else's folder.
const OF_A_LOG: &[&str] = &["checkpoint", "log.vkey", "lock", "tmp", "tile", "cas"];

fn check_folder(folder: &Path) -> Result<()> {
    let Ok(entries) = std::fs::read_dir(folder) else { return Ok(()) };
    for entry in entries.flatten() {
        let name = entry.file_name();
        if !OF_A_LOG.iter().any(|known| name == *known) {
            bail!("`{}` holds `{}` and is no evidence log; name an empty folder or a log", folder.display(), name.to_string_lossy());
        }
    }
    Ok(())
}

/// The key in a variable, as an orchestrator hands it to a job.
fn key_of_variable(name: &str) -> Result<KeyFile> {
    let wrong = |why: &str| Wrong::hint(format!("`env://{name}`: {why}"), None);
    let value =
        std::env::var_os(name).filter(|_| !name.is_empty() && !name.contains('=')).ok_or_else(|| wrong("there is no such variable"))?;
    let text = Zeroizing::new(value.into_string().map_err(|_| wrong("the variable holds no text"))?);
    let key = SigningKey::from_pem(&text).map_err(|error| wrong(&error.to_string()))?;
    Ok(KeyFile { key, created: false, readable_by_others: false })
}

impl Evidence {
    pub(crate) fn open(place: &EvidencePlace, settings: &EvidenceSettings, top: &Path) -> Result<Option<Evidence>> {
        let Some(log) = place_of(place, settings, top)? else { return Ok(None) };
        if let LogPlace::Folder(folder) = &log {
            check_folder(folder)?;
        }
        if let (None, Some(key)) = (&place.evidence_key, settings.key.as_deref().filter(|key| !is_below(key))) {
            let message = format!("`evidence.key` names `{key}`, which leads out of the judged folder");
            return Err(Wrong::hint(message, Some("name it with `--evidence-key FILE`")).into());
        }
        let named = place.evidence_key.as_deref().and_then(Path::to_str).map(keys::elsewhere).transpose()?.flatten();
        if let Some(named) = named {
            let wrong = |error: NotForLogs| {
                Wrong::hint(format!("`{named}` cannot sign evidence: {error}"), Some("`--evidence-key` takes an Ed25519 key"))
            };
            let signer = LogSigner::new(keys::signer_of(&named)?).map_err(wrong)?;
            let anchored = place.evidence.is_some() || settings.directory.is_some();
            return Evidence::signed_by(Arc::new(signer), log, anchored).map(Some);
        }
        let given = place.evidence_key.clone().or_else(|| settings.key.as_deref().map(|file| top.join(file)));
        let key = match &given {
            Some(file) => match file.to_str().and_then(|text| text.strip_prefix("env://")) {
                Some(name) => key_of_variable(name)?,
                None => load_key(file)
                    .map_err(Wrong::new)?
                    .ok_or_else(|| Wrong::hint(format!("there is no key at `{}`", file.display()), None))?,
            },
            None if matches!(log, LogPlace::Bucket(_)) => {
                let hint = "all who write it sign with the log's key: `--evidence-key FILE`, or `env://NAME` for a variable that holds it";
                return Err(Wrong::hint(format!("the log at `{log}` needs a key that is given"), Some(hint)).into());
            }
            None => load_or_create_key(&state::folder()?.join("evidence-key.pem")).context("the evidence key cannot be read or made")?,
        };
        if key.created {
            output::talk(
                "a key for evidence was made in the state folder; what it signs is unanchored until its public half is known elsewhere",
            );
        }
        if key.readable_by_others {
            output::talk("warning: the evidence key can be read by others than its owner");
        }
        let anchored = given.is_some() && (place.evidence.is_some() || settings.directory.is_some());
        Evidence::signed_by(Arc::new(key.key), log, anchored).map(Some)
    }

    fn signed_by(signer: Arc<dyn KeyProvider>, place: LogPlace, anchored: bool) -> Result<Evidence> {
        let origin = format!("probity.local/{}", signer.key_id());
        let ledger = Log::open(&place, &signer, &origin)?;
        Ok(Evidence { ledger, signer, anchored, place })
    }
}

fn options(arguments: &GateArguments, given: &Given, artifacts: &[Artifact]) -> Value {
    let reading: &ReadingArguments = &arguments.reading;
    let digest = |text: &[u8]| sha256(text).to_string();
    json!({
        "changed_only": arguments.changed_only,
        "observe": arguments.observe,
        "var_files": reading.var_file,
        "workspace": reading.workspace,
        "max_file_size": reading.max_file_size,
        "rules": reading.rule,
        "advisories": reading.advisories.as_ref().map(|file| file.display().to_string()),
        "vex": reading.vex.iter().map(|file| json!({ "path": file.display().to_string(), "sha256": std::fs::read(file).map(|bytes| digest(&bytes)).ok() })).collect::<Vec<_>>(),
        "fingerprint_key": reading.fingerprint_key.as_ref().map(|file| file.display().to_string()),
        "config": given.config.as_ref().map(|file| json!({ "path": &*file.path, "sha256": digest(file.text.as_bytes()) })),
        "floor": given.floor.as_ref().map(|floor| json!({ "path": &*floor.file.path, "sha256": digest(floor.file.text.as_bytes()), "key": floor.key })),
        "artifacts": artifacts.iter().map(Artifact::to_json).collect::<Vec<_>>(),
        "plain_http": arguments.built.image.plain_http,
        "platform": arguments.built.image.platform.as_ref().map(ToString::to_string),
        "policies": reading.policies.iter().map(|folder| folder.display().to_string()).collect::<Vec<_>>(),
        "with": given.externals.iter().map(|file| json!({ "path": &*file.path, "format": file.format.as_deref(), "sha256": digest(&file.bytes) })).collect::<Vec<_>>(),
    })
}

/// Which repository a run is about: the address it came from, without who may read it; else a digest of where it lies.
pub(crate) fn repository_name(target: &Target) -> String {
    let top = target.repository.as_ref().map_or_else(|| target.tree.top(), |repository| repository.work_dir());
    let origin = target.repository.as_ref().and_then(probity_files::Repository::origin);
    origin.unwrap_or_else(|| format!("folder:{}", sha256(top.as_os_str().as_encoded_bytes())))
}

/// What was looked at, for the record.
fn inputs(target: &Target, base: Option<&OpenBase>, arguments: &GateArguments, given: &Given, artifacts: &[Artifact]) -> Result<Inputs> {
    let tree = &target.tree;
    let head = match &target.repository {
        Some(repository) => repository.head().map_err(Wrong::new)?.map(|commit| (repository, commit)),
        None => None,
    };
    let max = arguments.reading.max_file_size.saturating_mul(1 << 20);
    let commit_tree =
        head.as_ref().map(|(repository, commit)| repository.tree(commit, &target.prefix, max)).transpose().map_err(Wrong::new)?;
    let mut files = Vec::new();
    for (path, digest) in tree.digests() {
        // A file that changed since it was read is in no commit as far as this run knows.
        let bytes = tree.peek(&path).ok().filter(|bytes| sha256(bytes) == digest);
        let blob = bytes.zip(commit_tree.as_ref()).and_then(|(bytes, commit)| commit.blob_of(&path, &bytes));
        files.push(InputFile { path: path.to_string(), sha256: digest, blob });
    }
    let all_there = files.iter().all(|file| file.blob.is_some());
    let repository_name = repository_name(target);
    let commit = head.map(|(_, commit)| (commit.id, commit.tree, target.prefix.clone()));
    let target = match commit {
        Some((commit, tree, prefix)) if all_there => RecordTarget::Commit { commit, tree, prefix },
        differs_from => RecordTarget::Folder { differs_from },
    };
    let listing: String = tree.files().iter().map(|file| format!("{}\n", file.path)).collect();
    Ok(Inputs {
        target,
        base: base.map(|base| (base.commit.id.clone(), base.commit.tree.clone())),
        files,
        listing: sha256(listing.as_bytes()),
        artifacts: artifacts.iter().map(Artifact::descriptor).collect(),
        options: options(arguments, given, artifacts),
        repository: repository_name,
        by_rule: ByRule::new(),
    })
}
