//! What judges files and packages: the engine for secrets with all its rules, and the versions of files in commits.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use anyhow::{Context as _, Result};
use probity_advisories::database::Database;
use probity_attest::{hmac_sha256, sha256};
use probity_core::{Diagnostic, Level, Program, Source, Timestamp, Tree, TreeFile};
use probity_formats::time::date;
use probity_packages::{CATALOGUERS, Purl};
use probity_pipeline::Compiled;
use probity_sbom::vex;
use probity_secrets::gitleaks::{self, Configuration, Fault};
use probity_secrets::{Engine, Pack, Rule};
use probity_supply::{
    AdvisoryProgram, Depth, InventorySource, Naming, PackageSource, PatchClock, SecretProgram, SecretSource, Vetting, VettingProgram,
    Weighed,
};
use probity_value::{SourceMap, Span};
use probity_verdict::config::{Config, Hole, VulnerabilitySettings};

use crate::clock::Keeper;
use crate::layers::{LayerSource, Layers};
use crate::versions::{VersionSource, Versions};
use crate::{Wrong, advisories};

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
    /// What an image holds beside the files it shows.
    pub(crate) layers: Option<Arc<Layers>>,
    /// Database of advisories.
    pub(crate) advisories: Option<PathBuf>,
    /// Documents of statements on exploitability from outside, by their paths.
    pub(crate) vex: Vec<(Arc<str>, Vec<u8>)>,
    /// Only this part.
    pub(crate) part: Option<Part>,
    /// How deep archives are opened, in place of what the configuration says.
    pub(crate) archive_depth: Option<usize>,
    /// How many times encoded a value is decoded, in place of what the configuration says.
    pub(crate) decode_depth: Option<usize>,
    /// Packages that were listed before, in place of those the files name.
    pub(crate) inventory: Option<InventorySource>,
    /// What the packages are part of.
    pub(crate) product: Option<Purl>,
    /// Who knows when holes were first met.
    pub(crate) clock: Option<Keeper>,
    /// Whether it is judged with a folder, whose files the configuration names.
    pub(crate) beside: bool,
}

/// A part of the judging that can be had alone, whatever the configuration switches off.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Part {
    /// Secrets.
    Secrets,
    /// Secrets in versions of files alone, not in those that lie in the folder.
    Versions,
    /// Packages and what is known of them.
    Packages,
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

/// Reads a document of statements on exploitability that the command line names.
pub(crate) fn statements(path: &Path) -> Result<(Arc<str>, Vec<u8>)> {
    let bytes = std::fs::read(path).map_err(|error| Wrong::hint(format!("cannot read `{}`: {error}", path.display()), None))?;
    Ok((path.display().to_string().into(), bytes))
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
    if named.is_empty() && tree.read(GITLEAKS).is_ok() {
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
        let keyed: probity_supply::Hash = Arc::new(move |bytes: &[u8]| hmac_sha256(&key, bytes));
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
    let wanted = |enabled: bool, part: Part| match supply.part {
        None => enabled,
        Some(Part::Versions) => part == Part::Secrets,
        Some(only) => only == part,
    };
    if wanted(config.secrets.enabled, Part::Secrets) {
        let (engine, said, read) = self::engine(config, own, tree, texts);
        diagnostics.extend(said);
        bytes.extend(read);
        if let Some(engine) = engine {
            let engine = Arc::new(engine);
            let left_alone = || {
                let patterns = config.secrets.ignore_paths.clone();
                Box::new(move |path: &str| patterns.iter().any(|pattern| pattern.matches(path)))
            };
            let depth = Depth {
                archives: supply.archive_depth.unwrap_or(config.secrets.archive_depth),
                encodings: supply.decode_depth.unwrap_or(config.secrets.decode_depth),
            };
            programs.push(Box::new(SecretProgram::new(&engine)));
            if let Some(versions) = &supply.versions {
                let inner = SecretSource::new(Arc::clone(&engine), naming(supply), left_alone(), depth);
                // What was clean under other rules or another configuration is looked at again.
                let key = sha256(format!("{}{depth:?}{:?}{}", env!("CARGO_PKG_VERSION"), engine.rules(), sha256(&bytes)).as_bytes());
                readers.push(Box::new(VersionSource::new(inner, Arc::clone(versions), left_alone(), key)));
            }
            if supply.part != Some(Part::Versions) {
                readers.push(Box::new(SecretSource::new(Arc::clone(&engine), naming(supply), left_alone(), depth)));
            }
            if let Some(layers) = &supply.layers {
                let inner = SecretSource::new(engine, naming(supply), left_alone(), depth);
                readers.push(Box::new(LayerSource::new(inner, Arc::clone(layers), left_alone())));
            }
        }
    }
    if wanted(config.packages.enabled, Part::Packages) {
        match &supply.inventory {
            Some(listed) => readers.push(Box::new(listed.clone())),
            None => readers.push(Box::new(PackageSource)),
        }
        let settings = &config.packages;
        programs.push(Box::new(VettingProgram::new(Vetting {
            allowed_licences: settings.allowed_licences.clone(),
            denied_licences: settings.denied_licences.clone(),
            sources: settings.sources.clone(),
            internal: settings.internal.clone(),
        })));
        if wanted(config.vulnerabilities.enabled, Part::Packages) {
            let settings = config.vulnerabilities.clone();
            match advisory_program(supply, &settings, tree, &mut diagnostics, &mut bytes) {
                Ok((mut program, digest, said)) => {
                    bytes.extend(digest);
                    let lists = |file: &TreeFile| CATALOGUERS.iter().any(|cataloguer| cataloguer.claims(&file.path));
                    if supply.inventory.is_some() || tree.files().iter().any(lists) {
                        diagnostics.push(Diagnostic::new(Level::Note, "advisories", "", Span::NONE, said));
                        if let Some(clock) = patch_clock(supply, config, &mut diagnostics) {
                            program = program.with_clock(clock);
                        }
                    }
                    programs.push(Box::new(program));
                }
                Err(error) => {
                    diagnostics.push(Diagnostic::new(Level::Error, "advisories", "", Span::NONE, format!("{error:#}").replace('\n', "; ")));
                }
            }
        }
    }
    (!programs.is_empty() || !diagnostics.is_empty()).then(|| Compiled { programs, diagnostics, digest: sha256(&bytes), readers })
}

/// When holes first met packages, as the log tells where one is kept.
fn patch_clock(supply: &Supply, config: &Config, diagnostics: &mut Vec<Diagnostic>) -> Option<PatchClock> {
    let mut wrong = |level, what: String| diagnostics.push(Diagnostic::new(level, "patch-clock", "", Span::NONE, what));
    let book = match supply.clock.as_ref()?.book(&config.evidence) {
        Ok(book) => book?,
        Err(error) => {
            wrong(Level::Error, format!("the log does not tell when holes were first met: {error:#}"));
            return None;
        }
    };
    if book.gone > 0 {
        wrong(Level::Warning, format!("the manifests of {} records are gone; a hole may have been met before it is said", book.gone));
    }
    let settings = config.vulnerabilities.clone();
    let recorded = supply.clock.as_ref().is_some_and(Keeper::is_recorded);
    Some(PatchClock {
        recorded,
        first_met: Box::new(move |names, package| book.first_met(names, package)),
        window: Box::new(move |weighed| settings.patch_window(&hole(weighed))),
    })
}

fn hole(weighed: Weighed) -> Hole {
    Hole { severity: weighed.severity, fixed: weighed.fixed, exploited: weighed.exploited, malicious: weighed.malicious }
}

/// What compares packages with advisories, and the digest of the data.
fn advisory_program(
    supply: &Supply,
    settings: &VulnerabilitySettings,
    tree: &dyn Tree,
    diagnostics: &mut Vec<Diagnostic>,
    bytes: &mut Vec<u8>,
) -> Result<(AdvisoryProgram, Vec<u8>, String)> {
    let mut statements = Vec::new();
    // What is in an image does not say how it is judged: what the configuration names lies where the command is given.
    let configured = settings.vex.iter().map(|path| match supply.inventory {
        Some(_) if !supply.beside => (Arc::clone(path), std::fs::read(&**path).map_err(|error| error.to_string())),
        _ => (Arc::clone(path), tree.read(path).map(|bytes| bytes.to_vec()).map_err(|error| error.to_string())),
    });
    let outside = supply.vex.iter().map(|(path, bytes)| (Arc::clone(path), Ok(bytes.clone())));
    for (path, read) in configured.chain(outside) {
        let wrong = |what: String| Diagnostic::new(Level::Error, "vex", Arc::clone(&path), Span::NONE, what);
        match read {
            Ok(text) => {
                bytes.extend_from_slice(&sha256(&text).0);
                match vex::read(&text, &path) {
                    Ok(read) => {
                        statements.extend(read.statements);
                        diagnostics.extend(read.problems.into_iter().map(|problem| {
                            let what = format!("line {}: {}", problem.line, problem.what);
                            Diagnostic::new(Level::Warning, "vex", Arc::clone(&path), Span::NONE, what)
                        }));
                    }
                    Err(error) => diagnostics.push(wrong(error.to_string())),
                }
            }
            Err(error) => diagnostics.push(wrong(format!("the VEX document cannot be read: {error}"))),
        }
    }
    let data = advisories::open(supply.advisories.as_deref(), settings.database.as_deref(), Some(tree), &settings.signers)?;
    let database = Database::open((*data.bytes).as_ref())?;
    let digest = database.digest().to_vec();
    let newest = database.sources().map(|source| source.date).max().unwrap_or(0);
    let day = date(Timestamp { seconds: newest, nanoseconds: 0 });
    let names: Vec<&str> = database.sources().map(|source| source.name).collect();
    let fresher = if data.built_in { "; `probity vulns build` makes a fresh one" } else { "" };
    let said = format!(
        "packages are compared with {} advisories ({}), the newest of {day}, from {}{fresher}",
        database.advisories(),
        names.join(", "),
        if data.built_in { "the database built in".to_owned() } else { format!("`{}`", data.from) }
    );
    let weights = settings.clone();
    let weigh = move |weighed: Weighed| weights.colour(&hole(weighed));
    let mut program = AdvisoryProgram::new(data.bytes, Box::new(weigh), settings.max_age, statements)?;
    if let Some(product) = &supply.product {
        program = program.within(product.clone());
    }
    Ok((program, digest, said))
}
