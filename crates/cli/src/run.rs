//! What commands that judge have in common.

use std::path::Path;
use std::sync::Arc;

use anyhow::Result;
use probity_attest::sha256;
use probity_core::{Clock as _, Report, Timestamp, ToolInfo};
use probity_packages::Purl;
use probity_pipeline::{Base, Beside, ExternalFile, FloorFile, JudgeError, JudgeInput, Judged, OutsideFile, judge};
use probity_supply::InventorySource;
use probity_value::SourceMap;

use crate::adapters::{Rules, SOURCES, SshSignatures, SystemClock};
use crate::arguments::{EvidencePlace, ReadingArguments};
use crate::artifact::Artifact;
use crate::clock::{Book, Keeper};
use crate::layers::Layers;
use crate::reading::{self, Target};
use crate::supply::{self, Part, Supply};
use crate::versions::Versions;
use crate::{Wrong, output};

/// Files the command line names, read once.
pub(crate) struct Given {
    pub(crate) config: Option<OutsideFile>,
    pub(crate) floor: Option<FloorFile>,
    pub(crate) externals: Vec<ExternalFile>,
}

impl Given {
    /// An image does not say how it is judged: without a configuration from outside, everything has its default.
    pub(crate) fn outside_only(mut self) -> Given {
        if self.config.is_none() {
            self.config = Some(OutsideFile { path: "default configuration".into(), text: "version: 1\n".into() });
        }
        self
    }

    pub(crate) fn read(arguments: &ReadingArguments) -> Result<Given> {
        Ok(Given {
            config: arguments.config.as_deref().map(reading::outside).transpose()?,
            floor: None,
            externals: reading::externals(&arguments.reports)?,
        })
    }
}

/// What differs between commands.
pub(crate) struct How<'a> {
    pub(crate) base: Option<&'a Base<'a>>,
    pub(crate) changed_only: bool,
    pub(crate) keep_all: bool,
    pub(crate) now: Timestamp,
    /// Versions of files in commits that are judged too.
    pub(crate) versions: Option<Arc<Versions>>,
    /// Only this part of the judging.
    pub(crate) part: Option<Part>,
    /// Packages that were listed before.
    pub(crate) inventory: Option<InventorySource>,
    /// What those packages are part of.
    pub(crate) product: Option<Purl>,
    /// Who knows when holes were first met.
    pub(crate) clock: Clock,
    /// How deep archives are opened in search of secrets, in place of what the configuration says.
    pub(crate) archive_depth: Option<usize>,
    /// What an image holds beside the files it shows.
    pub(crate) layers: Option<Arc<Layers>>,
    /// How many times encoded a value is decoded, in place of what the configuration says.
    pub(crate) decode_depth: Option<usize>,
    /// Images and files that are judged with the folder.
    pub(crate) artifacts: &'a [Artifact],
}

/// Who knows when holes were first met.
#[derive(Clone, Debug)]
pub(crate) enum Clock {
    /// The log in which the run is recorded.
    Recorded(EvidencePlace),
    /// The user's or the folder's log; the run is not recorded.
    Read,
    /// What a log told up to some record.
    Told(Arc<Book>),
}

impl<'a> How<'a> {
    /// Everything, at that time.
    pub(crate) fn at(now: Timestamp) -> How<'a> {
        How {
            base: None,
            changed_only: false,
            keep_all: false,
            now,
            versions: None,
            part: None,
            inventory: None,
            product: None,
            clock: Clock::Read,
            archive_depth: None,
            layers: None,
            decode_depth: None,
            artifacts: &[],
        }
    }
}

impl How<'_> {
    fn supply(&self, arguments: &ReadingArguments, top: &Path) -> Result<Supply> {
        let key = arguments.fingerprint_key.as_deref().map(supply::key).transpose()?;
        Ok(Supply {
            key,
            versions: self.versions.clone(),
            advisories: arguments.advisories.clone(),
            vex: arguments.vex.iter().map(|path| supply::statements(path)).collect::<Result<_>>()?,
            part: self.part,
            archive_depth: self.archive_depth,
            layers: self.layers.clone(),
            decode_depth: self.decode_depth,
            inventory: self.inventory.clone(),
            product: self.product.clone(),
            beside: false,
            clock: Some(match &self.clock {
                Clock::Recorded(place) => Keeper::Log { place: place.clone(), top: top.to_owned(), recorded: true },
                Clock::Read => Keeper::Log { place: EvidencePlace::default(), top: top.to_owned(), recorded: false },
                Clock::Told(book) => Keeper::Told(Arc::clone(book)),
            }),
        })
    }
}

/// The time now.
pub(crate) fn now() -> Timestamp {
    SystemClock.now()
}

/// Judges a target. A wrong configuration is said with its places before the error comes back.
pub(crate) fn judged(
    target: &Target,
    tree: &dyn probity_core::Tree,
    arguments: &ReadingArguments,
    given: &Given,
    how: &How<'_>,
    texts: &SourceMap,
) -> Result<Judged> {
    let mut rules = Rules::of(arguments.policies.clone());
    rules.supply = how.supply(arguments, target.tree.top())?;
    let absolute = target.absolute();
    let beside = how.artifacts.iter().map(|artifact| {
        let mut rules = Rules::of(arguments.policies.clone());
        let part = How {
            artifacts: &[],
            versions: None,
            inventory: None,
            layers: None,
            product: None,
            base: None,
            clock: how.clock.clone(),
            ..*how
        };
        rules.supply = Supply { beside: true, ..artifact.supply(part.supply(arguments, target.tree.top())?) };
        Ok((artifact, rules))
    });
    let beside = beside.collect::<Result<Vec<_>>>()?;
    let beside: Vec<Beside<'_>> =
        beside.iter().map(|(artifact, rules)| Beside { name: Arc::clone(&artifact.name), tree: artifact.tree(), compile: rules }).collect();
    let input = JudgeInput {
        tree,
        beside: &beside,
        unlisted: &target.unlisted,
        base: how.base,
        changed_only: how.changed_only,
        config: given.config.as_ref(),
        floor: given.floor.as_ref(),
        externals: &given.externals,
        made: target.made(),
        absolute: &absolute,
        prefix: &target.prefix,
        options: reading::options(arguments),
        only: &arguments.rule,
        keep_all: how.keep_all,
        now: how.now,
        sources: if how.part.is_some() { &[] } else { SOURCES },
        compile: &rules,
        signatures: &SshSignatures,
        digest: &sha256,
    };
    let progress = output::Progress::new(&format!("judging {} files", tree.files().len()));
    let judged = judge(&input, texts);
    drop(progress);
    judged.map_err(|error| {
        if let JudgeError::Configuration(diagnostics) = &error {
            output::diagnostics(diagnostics, texts);
        }
        Wrong::new(error).into()
    })
}

/// Who judges.
pub(crate) fn tool(judged: &Judged) -> ToolInfo {
    ToolInfo { name: "probity".into(), version: env!("CARGO_PKG_VERSION").into(), policies: judged.policies }
}

/// Everything a run has to say, without evidence.
pub(crate) fn report(judged: &Judged, target: String, now: Timestamp, with_verdict: bool) -> Report {
    Report {
        tool: tool(judged),
        target,
        time: now,
        verdict: with_verdict.then(|| judged.verdict.clone()),
        findings: judged.findings.clone(),
        rules: judged.rules.iter().map(Arc::clone).collect(),
        coverage: judged.coverage.clone(),
        diagnostics: judged.diagnostics.clone(),
        evidence: None,
    }
}

/// Whether there was nothing to look at: no file that anybody claims. That its letters hold no secret says nothing of a file's meaning.
pub(crate) fn nothing(judged: &Judged) -> bool {
    judged.coverage.read.iter().all(|read| read.source == "secrets" && read.subjects == 0) && judged.coverage.skipped.is_empty()
}

/// Whether not one file was read.
pub(crate) fn nothing_at_all(judged: &Judged) -> bool {
    judged.coverage.read.is_empty() && judged.coverage.skipped.is_empty()
}

/// Whether something that fails closed could not be read or evaluated.
pub(crate) fn incomplete(judged: &Judged) -> bool {
    judged.coverage.skipped.iter().any(|skipped| skipped.fails)
        || judged.diagnostics.iter().any(|one| one.level == probity_core::Level::Error)
        || judged.findings.iter().any(|finding| finding.status == probity_core::Status::Error)
}
