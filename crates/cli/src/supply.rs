//! What judges files and packages: the engine for secrets with all its rules, and the versions of files in commits.

use std::collections::BTreeSet;
use std::fmt;
use std::path::Path;
use std::sync::Arc;

use anyhow::{Context as _, Result};
use probity_attest::{hmac_sha256, sha256};
use probity_core::{Collected, Diagnostic, Level, Program, ReadFile, Scope, SkippedFile, Source, Tree};
use probity_files::{Commit, Repository, Version};
use probity_pipeline::Compiled;
use probity_secrets::gitleaks::{self, Configuration, Fault};
use probity_secrets::{Context, Engine, Pack, Rule};
use probity_supply::{Naming, SecretProgram, SecretSource};
use probity_value::{SourceMap, Span};
use probity_verdict::config::Config;
use rayon::prelude::*;

use crate::Wrong;
use crate::reading::Target;

/// Largest version of a file that is searched, in bytes.
const LARGEST: u64 = 100 << 20;
/// Least bytes of a key for names of secrets.
const LEAST_KEY: usize = 16;
/// How many files of Gitleaks may stand on each other.
const DEEPEST: usize = 5;
/// Where Gitleaks looks for its configuration by itself.
const GITLEAKS: &str = ".gitleaks.toml";

/// What the command line says beside the configuration.
#[derive(Debug, Default)]
pub(crate) struct Supply {
    /// The key by which secrets are known again.
    pub(crate) key: Option<Arc<[u8]>>,
    /// Versions of files beside those that lie in the folder.
    pub(crate) versions: Option<Arc<Versions>>,
}

/// Versions of files in commits.
pub(crate) struct Versions {
    pub(crate) repository: Repository,
    /// The judged folder within the repository.
    pub(crate) prefix: String,
    pub(crate) list: Vec<Version>,
    /// What could not be looked at.
    pub(crate) problems: Vec<String>,
}

impl fmt::Debug for Versions {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Versions").field("list", &self.list.len()).finish_non_exhaustive()
    }
}

/// The versions that the commits since a base brought; nothing where nothing is checked out.
pub(crate) fn between(target: &Target, base: &Commit) -> Result<Option<Arc<Versions>>> {
    let Some(repository) = Repository::discover(target.tree.top()).map_err(Wrong::new)? else { return Ok(None) };
    let Some(head) = repository.head().map_err(Wrong::new)? else { return Ok(None) };
    let history = repository.range(base, &head).map_err(Wrong::new)?;
    let prefix = target.prefix.clone();
    Ok(Some(Arc::new(Versions { repository, prefix, list: history.versions, problems: history.problems })))
}

/// Reads the key by which secrets are known again: the bytes of a file, without the line ending at its end.
pub(crate) fn key(path: &Path) -> Result<Arc<[u8]>> {
    let bytes = std::fs::read(path).with_context(|| format!("`{}` cannot be read", path.display()))?;
    let key = bytes.strip_suffix(b"\n").unwrap_or(&bytes);
    let key = key.strip_suffix(b"\r").unwrap_or(key);
    if key.len() < LEAST_KEY {
        let message = format!("the key in `{}` has fewer than {LEAST_KEY} bytes", path.display());
        return Err(Wrong::hint(message, Some("make one with `openssl rand -hex 32`")).into());
    }
    Ok(key.into())
}

/// The engine for secrets as a configuration wants it, with what there is to say and the texts of the files it comes from.
pub(crate) fn engine(
    config: &Config,
    mut own: Vec<Rule>,
    tree: &dyn Tree,
    texts: &SourceMap,
) -> (Option<Engine>, Vec<Diagnostic>, Vec<u8>) {
    let mut reading = Reading { tree, texts, diagnostics: Vec::new(), bytes: Vec::new() };
    if !config.secrets.own_rules {
        own.clear();
    }
    let mut named: Vec<Arc<str>> = config.secrets.gitleaks.clone();
    if named.is_empty() && tree.contains(GITLEAKS) {
        named.push(GITLEAKS.into());
        let what = "it is taken over: its rules judge, and what it allows is waived".to_owned();
        reading.diagnostics.push(Diagnostic::new(Level::Note, "settings", GITLEAKS, Span::NONE, what));
    }
    let mut packs = Vec::new();
    let mut waive = Vec::new();
    for path in named {
        let path = path.trim_start_matches("./");
        let Some(mut configuration) = reading.configuration(path, 0) else { continue };
        if configuration.extend.default {
            let (allowed, faults) = configuration.over_own(&mut own);
            waive.extend(allowed);
            reading.faults(path, faults);
        }
        let faults = configuration.finish();
        reading.faults(path, faults);
        packs.push(Pack { rules: configuration.rules, allow: configuration.allow, waive: Vec::new() });
    }
    packs.insert(0, Pack { rules: own, allow: Vec::new(), waive });
    let Reading { mut diagnostics, bytes, .. } = reading;
    match Engine::new(packs) {
        Ok(engine) => (Some(engine), diagnostics, bytes),
        Err(error) => {
            diagnostics.push(Diagnostic::new(Level::Error, "secret-rules", "", Span::NONE, error.to_string()));
            (None, diagnostics, bytes)
        }
    }
}

struct Reading<'a> {
    tree: &'a dyn Tree,
    texts: &'a SourceMap,
    diagnostics: Vec<Diagnostic>,
    bytes: Vec<u8>,
}

impl Reading<'_> {
    fn wrong(&mut self, path: &str, what: String) {
        self.diagnostics.push(Diagnostic::new(Level::Error, "gitleaks-configuration", path, Span::NONE, what));
    }

    fn faults(&mut self, path: &str, faults: Vec<Fault>) {
        self.diagnostics.extend(faults.into_iter().map(|fault| {
            let level = if fault.fails { Level::Error } else { Level::Warning };
            Diagnostic::new(level, "gitleaks-configuration", path, fault.at, fault.what)
        }));
    }

    /// A configuration with all it extends by path.
    fn configuration(&mut self, path: &str, depth: usize) -> Option<Configuration> {
        let bytes = match self.tree.read(path) {
            Ok(bytes) => bytes,
            Err(error) => {
                self.wrong(path, format!("the Gitleaks configuration cannot be read: {error}"));
                return None;
            }
        };
        let Ok(text) = std::str::from_utf8(&bytes) else {
            self.wrong(path, "the Gitleaks configuration is not UTF-8 text".to_owned());
            return None;
        };
        self.bytes.extend_from_slice(&(bytes.len() as u64).to_le_bytes());
        self.bytes.extend_from_slice(&bytes);
        let file = self.texts.add(path, text);
        let (mut configuration, faults) = gitleaks::parse(text, file);
        self.faults(path, faults);
        if let Some(below) = configuration.extend.path.clone() {
            if depth >= DEEPEST {
                self.wrong(path, format!("more than {DEEPEST} configurations stand on each other"));
                return None;
            }
            let base = self.configuration(below.trim_start_matches("./"), depth + 1)?;
            // What stands at the bottom decides about Gitleaks' own rules.
            let default = base.extend.default;
            configuration = configuration.over(base);
            configuration.extend.default = default;
        }
        Some(configuration)
    }
}

/// How secrets are known again.
pub(crate) fn naming(supply: &Supply) -> Naming {
    let keyed = supply.key.clone().map(|key| {
        let keyed: Arc<dyn Fn(&[u8]) -> probity_core::Digest + Send + Sync> = Arc::new(move |bytes: &[u8]| hmac_sha256(&key, bytes));
        keyed
    });
    Naming { plain: Arc::new(sha256), keyed }
}

/// Everything of it for one configuration; nothing where all is switched off.
pub(crate) fn compile(supply: &Supply, config: &Config, own: Vec<Rule>, tree: &dyn Tree, texts: &SourceMap) -> Option<Compiled> {
    let mut programs: Vec<Box<dyn Program>> = Vec::new();
    let mut readers: Vec<Box<dyn Source>> = Vec::new();
    let mut diagnostics = Vec::new();
    let mut bytes = Vec::new();
    if config.secrets.enabled {
        let (engine, said, read) = self::engine(config, own, tree, texts);
        diagnostics.extend(said);
        bytes.extend(read);
        if let Some(engine) = engine {
            let engine = Arc::new(engine);
            let left_alone = || {
                let patterns = config.secrets.ignore_paths.clone();
                Box::new(move |path: &str| patterns.iter().any(|pattern| pattern.matches(path)))
            };
            programs.push(Box::new(SecretProgram::new(&engine)));
            if let Some(versions) = &supply.versions {
                let inner = SecretSource::new(Arc::clone(&engine), naming(supply), left_alone());
                readers.push(Box::new(VersionSource { inner, versions: Arc::clone(versions), left_alone: left_alone() }));
            }
            readers.push(Box::new(SecretSource::new(engine, naming(supply), left_alone())));
        }
    }
    (!programs.is_empty() || !diagnostics.is_empty()).then(|| Compiled { programs, diagnostics, digest: sha256(&bytes), readers })
}

/// Searches versions of files in commits.
struct VersionSource {
    inner: SecretSource,
    versions: Arc<Versions>,
    left_alone: Box<dyn Fn(&str) -> bool + Send + Sync>,
}

impl Source for VersionSource {
    fn id(&self) -> &'static str {
        "commits"
    }

    fn collect(&self, scope: &Scope<'_>) -> Collected {
        let mut out = Collected::default();
        for problem in &self.versions.problems {
            out.diagnostics.push(Diagnostic::new(Level::Warning, "history", "", Span::NONE, problem.clone()));
            out.coverage.skipped.push(SkippedFile { file: "".into(), source: "commits", why: problem.clone(), fails: false, partly: true });
        }
        let below = |path: &str| -> Option<Arc<str>> {
            let prefix = &self.versions.prefix;
            if prefix.is_empty() { Some(path.into()) } else { path.strip_prefix(prefix.as_str())?.strip_prefix('/').map(Into::into) }
        };
        let wanted: Vec<(Arc<str>, &Version)> = self
            .versions
            .list
            .iter()
            .filter_map(|version| Some((below(&version.path)?, version)))
            .filter(|(path, _)| !(self.left_alone)(path))
            .collect();
        let looked: Vec<_> = wanted
            .par_iter()
            .map_init(
                || self.versions.repository.blobs(),
                |blobs, (path, version)| {
                    let commit = version.introduced.as_ref().map(|introduced| Arc::clone(&introduced.commit)).unwrap_or_else(|| "".into());
                    match blobs.read(version.blob, LARGEST) {
                        Ok(Some(bytes)) => {
                            let add = |text: String| scope.sources.add(Arc::clone(path), text);
                            Ok(self.inner.look(path, &bytes, Context { path, commit: &commit }, &add).map(|found| (found, commit)))
                        }
                        Ok(None) => Err((false, format!("a version of more than {} MiB was not searched", LARGEST >> 20))),
                        Err(error) => Err((true, format!("version {} cannot be read: {error}", version.blob))),
                    }
                },
            )
            .collect();
        // What lies in the folder is found there; what a file had before is said once, by the commit that brought it.
        let mut seen: BTreeSet<(Arc<str>, String, String)> = BTreeSet::new();
        for ((path, version), looked) in wanted.iter().zip(looked) {
            match looked {
                Ok(None) => out.coverage.read.push(ReadFile { file: Arc::clone(path), source: "commits", subjects: 0 }),
                Ok(Some(((mut subject, suppressions), commit))) => {
                    if !version.in_head {
                        let here = || scope.tree.read(path).ok();
                        if probity_supply::keep_new(&mut subject, &commit, |rule, name| {
                            seen.insert((Arc::clone(path), rule.to_owned(), name.to_owned()))
                                && !here().is_some_and(|bytes| self.inner.holds(path, &bytes, rule, name))
                        }) {
                            out.subjects.push(subject);
                            out.suppressions.extend(suppressions);
                        }
                    }
                    out.coverage.read.push(ReadFile { file: Arc::clone(path), source: "commits", subjects: 1 });
                }
                Err((fails, why)) => {
                    out.coverage.skipped.push(SkippedFile { file: Arc::clone(path), source: "commits", why, fails, partly: true });
                }
            }
        }
        out.coverage.read.sort();
        out.coverage.read.dedup_by(|a, b| a.file == b.file);
        out
    }
}
