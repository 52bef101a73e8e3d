//! Collect, evaluate and decide in one go, for a head and, where given, a base revision.
//!
//! **Invariant:** with a base revision, configuration, policies, exceptions, baseline and suppressions are those of the base.

use std::cell::RefCell;
use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::sync::Arc;

use probity_core::{
    CollectOptions, Coverage, Diagnostic, Digest, EvalContext, Finding, Level, Program, RuleMeta, SkippedFile, Source, Status, SubjectRef,
    Timestamp, Tree, TreeError, Verdict,
};
use probity_value::{SourceMap, Span, Value};
use probity_verdict::base::{self, Judge, JudgeFile};
use probity_verdict::baseline::{Baseline, BaselineInput, JudgedBaseline};
use probity_verdict::changed::{BaseFinding, BaseState, Renames, SubjectState};
use probity_verdict::config::{Config, Policies, RuleUse};
use probity_verdict::decide::{DecideInput, decide};
use probity_verdict::exception::{Author, Register, RegisterInput};
use probity_verdict::fingerprint::{canonical, fingerprint, subject_digest};
use probity_verdict::ignores::{self, Ignores};
use probity_verdict::settings::{self, Settings};
use probity_verdict::{SignatureCheck, floor, ids, own};

use crate::locate::Fingerprint;
use crate::{ByRule, Collection, collect, evaluate, externals, locate, place};

/// Name of the configuration in the judged folder.
pub const CONFIG: &str = "probity.yaml";

/// Rules compiled for one configuration.
pub struct Compiled {
    /// The programs.
    pub programs: Vec<Box<dyn Program>>,
    /// What is wrong with policies of the user: errors.
    pub diagnostics: Vec<Diagnostic>,
    /// Digest over all rules as compiled.
    pub digest: Digest,
    /// Sources that the policies ask for: they read files whether another source claims them or not.
    pub readers: Vec<Box<dyn Source>>,
}

/// Compiles rules: the built-in ones and those of the user. Implemented where adapters are picked.
pub trait Compile {
    /// `policies` names folders and files of `tree`, as the configuration does.
    fn compile(&self, policies: &Policies, tree: &dyn Tree, texts: &SourceMap) -> Compiled;

    /// What judges files and packages as the whole configuration says, a floor's part included; nothing where nothing does.
    fn supply(&self, config: &Config, tree: &dyn Tree, texts: &SourceMap) -> Option<Compiled>;
}

/// A text from outside the judged folder.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct OutsideFile {
    /// Its path as given.
    pub path: Arc<str>,
    /// Its text.
    pub text: Arc<str>,
}

/// An organisation floor.
#[derive(Clone, Debug)]
pub struct FloorFile {
    /// The file.
    pub file: OutsideFile,
    /// Text of the signature beside it.
    pub signature: Option<String>,
    /// The key that must have signed; `None`: the floor is taken as it is, since who gave the flag vouches for it.
    pub key: Option<String>,
}

/// Results of another scanner.
#[derive(Clone, Debug)]
pub struct ExternalFile {
    /// Its name under `scans`, or the path as given.
    pub name: Arc<str>,
    /// Its path, for messages.
    pub path: Arc<str>,
    /// The name of its format (`probity_formats::reports::names`); `None`: its content says it.
    pub format: Option<Arc<str>>,
    /// Its bytes.
    pub bytes: Arc<[u8]>,
}

/// The base revision.
pub struct Base<'a> {
    /// Its files, below the same folder.
    pub tree: &'a dyn Tree,
    /// Files that moved since: old path, new path, relative to the folder.
    pub renames: Vec<(Arc<str>, Arc<str>)>,
    /// Files that differ, as they are called now.
    pub changed_files: BTreeSet<Arc<str>>,
    /// Who wrote the commits since.
    pub authors: Vec<Author>,
}

/// Something that is judged together with the files: an image, an artifact that was built. It has no say in how it is judged: what
/// configures, waives or accepts is that of the folder.
pub struct Beside<'a> {
    /// What it is, the same from one build to the next: `registry.example/app`.
    pub name: Arc<str>,
    /// Its files.
    pub tree: &'a dyn Tree,
    /// Makes what reads and judges it ([`Compile::supply`]).
    pub compile: &'a dyn Compile,
}

/// Everything a run rests on.
pub struct JudgeInput<'a> {
    /// The judged files.
    pub tree: &'a dyn Tree,
    /// What is judged with them.
    pub beside: &'a [Beside<'a>],
    /// What could not be looked at while listing them: path, why, whether it fails closed.
    pub unlisted: &'a [(Arc<str>, String, bool)],
    /// The base revision.
    pub base: Option<&'a Base<'a>>,
    /// Only what changed counts.
    pub changed_only: bool,
    /// Configuration from outside, in place of the folder's.
    pub config: Option<&'a OutsideFile>,
    /// Organisation floor.
    pub floor: Option<&'a FloorFile>,
    /// Results of other scanners given on the command line.
    pub externals: &'a [ExternalFile],
    /// When the commit was made that is checked out: results of other scanners should be no older.
    pub made: Option<Timestamp>,
    /// Absolute path of the repository's top (of the judged folder outside git), by which other scanners may name files.
    pub absolute: &'a str,
    /// The judged folder within the repository; empty for the top and outside git.
    pub prefix: &'a str,
    /// Settings for reading given by flags; the configuration's come first.
    pub options: CollectOptions,
    /// Judge by these rules only; empty for all.
    pub only: &'a [String],
    /// Whether passes and not-applicable results are kept.
    pub keep_all: bool,
    /// The time of the evaluation.
    pub now: Timestamp,
    /// Sources, in the order in which they claim.
    pub sources: &'a [&'a dyn Source],
    /// Compiles rules.
    pub compile: &'a dyn Compile,
    /// Checks signatures of people.
    pub signatures: &'a dyn SignatureCheck,
    /// SHA-256.
    pub digest: &'a (dyn Fn(&[u8]) -> Digest + Sync),
}

/// What came out.
pub struct Judged {
    /// The findings, marked.
    pub findings: Vec<Finding>,
    /// The verdict.
    pub verdict: Verdict,
    /// What was looked at.
    pub coverage: Coverage,
    /// What there is to say.
    pub diagnostics: Vec<Diagnostic>,
    /// The rules that took part, sorted by id.
    pub rules: Vec<Arc<RuleMeta>>,
    /// Rules that took no part, and why.
    pub off: Vec<(Arc<RuleMeta>, String)>,
    /// Digest over the rules as compiled.
    pub policies: Digest,
    /// The configuration that counted.
    pub config: Config,
    /// Number of subjects.
    pub subjects: usize,
    /// What each rule said, by status word: the rules that judged something.
    pub by_rule: ByRule,
}

/// Why nothing could be judged.
#[derive(Debug, thiserror::Error)]
pub enum JudgeError {
    /// The configuration, a floor or a policy is wrong; the diagnostics say where.
    #[error("{}", plural(.0.len()))]
    Configuration(Vec<Diagnostic>),
    /// The floor cannot be trusted.
    #[error("the organisation floor `{path}` is not used")]
    Floor {
        /// Its path.
        path: String,
        /// Why.
        source: floor::FloorError,
    },
    /// There is nothing to judge by, so nothing may pass.
    #[error("there are no rules to judge by; the program is damaged")]
    NoRules,
    /// A rule that was asked for is none.
    #[error("no rule answers to `{id}`{}", nearest.as_ref().map(|id| format!("; did you mean `{id}`?")).unwrap_or_default())]
    NoSuchRule {
        /// What was asked for.
        id: String,
        /// The nearest known one.
        nearest: Option<String>,
    },
}

fn plural(count: usize) -> String {
    if count == 1 { "one problem in the configuration".to_owned() } else { format!("{count} problems in the configuration") }
}

/// Reads a text of a tree; `None` where there is no such file.
fn text(tree: &dyn Tree, path: &str) -> Result<Option<String>, TreeError> {
    match tree.read(path) {
        Ok(bytes) => match std::str::from_utf8(&bytes) {
            Ok(text) => Ok(Some(text.strip_prefix('\u{feff}').unwrap_or(text).to_owned())),
            Err(_) => Err(TreeError::Io("it is not UTF-8 text".to_owned())),
        },
        Err(TreeError::Missing) => Ok(None),
        Err(error) => Err(error),
    }
}

/// Reads a file that has a part in judging, with its signature.
fn judge_file(tree: &dyn Tree, file: &Arc<str>, texts: &SourceMap, wrong: &mut Vec<Diagnostic>) -> Option<JudgeFile> {
    let mut read = |path: &str| {
        text(tree, path).unwrap_or_else(|error| {
            wrong.push(Diagnostic::new(
                Level::Error,
                "configuration",
                Arc::clone(file),
                Span::NONE,
                format!("`{path}` cannot be read: {error}"),
            ));
            None
        })
    };
    let content: Arc<str> = read(file)?.into();
    let signature = read(&format!("{file}.sig")).map(Into::into);
    let number = texts.add(Arc::clone(file), Arc::clone(&content));
    Some(JudgeFile { path: Arc::clone(file), text: content, file: number, signature })
}

/// The exception files and the baseline of a tree.
fn register_files(tree: &dyn Tree, config: &Config, texts: &SourceMap, wrong: &mut Vec<Diagnostic>) -> (Vec<JudgeFile>, Option<JudgeFile>) {
    let exceptions = tree
        .below(&config.exceptions.folder)
        .iter()
        .filter(|file| file.path.ends_with(".yaml") || file.path.ends_with(".yml"))
        .filter_map(|file| judge_file(tree, &file.path, texts, wrong))
        .collect();
    (exceptions, judge_file(tree, &config.exceptions.baseline, texts, wrong))
}

/// The ignore files of other tools in a tree, Checkov's baseline among them where the configuration names it.
fn ignore_files(tree: &dyn Tree, baseline: Option<&JudgeFile>, texts: &SourceMap, wrong: &mut Vec<Diagnostic>) -> Vec<JudgeFile> {
    let mut out: Vec<JudgeFile> = ignores::FILES.iter().filter_map(|name| judge_file(tree, &Arc::from(*name), texts, wrong)).collect();
    out.extend(baseline.filter(|file| ignores::is_checkov_baseline(&file.text)).cloned());
    out
}

/// Configurations of other tools in a tree: the first that is there of each.
fn setting_files(tree: &dyn Tree, texts: &SourceMap, wrong: &mut Vec<Diagnostic>) -> Vec<JudgeFile> {
    let mut first = |names: &[&str]| names.iter().find_map(|name| judge_file(tree, &Arc::from(*name), texts, wrong));
    [settings::CHECKOV, settings::TFSEC].into_iter().filter_map(&mut first).collect()
}

/// Reads one of them, by its name.
fn settings_of(file: &JudgeFile) -> Settings {
    if is_checkov(&file.path) { Settings::checkov(file) } else { Settings::tfsec(file) }
}

fn is_checkov(path: &str) -> bool {
    settings::CHECKOV.contains(&path.rsplit('/').next().unwrap_or(path))
}

/// Policy files of a tree, as changes of them are reported.
fn policy_files(tree: &dyn Tree, config: &Config, texts: &SourceMap, wrong: &mut Vec<Diagnostic>) -> Vec<JudgeFile> {
    let mut paths: BTreeSet<&Arc<str>> = BTreeSet::new();
    let conftest = config.policies.conftest.iter().flat_map(|one| std::iter::once(&one.policy).chain(&one.data));
    for named in config.policies.folders.iter().chain(&config.policies.lookup).chain(conftest) {
        let named = named.trim_start_matches("./");
        paths.extend(tree.below(named).iter().map(|file| &file.path));
        paths.extend(tree.files().iter().map(|file| &file.path).filter(|path| ***path == *named));
    }
    paths.into_iter().filter_map(|path| judge_file(tree, path, texts, wrong)).collect()
}

/// What the configuration says to rules.
pub(crate) fn parameters(config: &Config, now: Timestamp) -> EvalContext {
    EvalContext { parameters: Arc::new(config.policies.parameters.clone()), now, ..EvalContext::default() }
}

/// A tree without the paths that the configuration leaves out.
struct Kept {
    coverage: Vec<SkippedFile>,
    paths: BTreeSet<Arc<str>>,
}

fn kept(tree: &dyn Tree, config: &Config) -> Kept {
    let mut out = Kept { coverage: Vec::new(), paths: BTreeSet::new() };
    for file in tree.files() {
        if let Some(key) = config.ignored_by(&file.path) {
            out.coverage.push(SkippedFile {
                file: Arc::clone(&file.path),
                source: "configuration",
                why: format!("left out by `{key}`"),
                fails: false,
                partly: false,
            });
        } else {
            out.paths.insert(Arc::clone(&file.path));
        }
    }
    out
}

/// The sources that read, and what is to be said of those that a taken-over configuration leaves out. An organisation floor leaves out
/// no language.
fn sources<'a>(
    input: &JudgeInput<'a>,
    taken_over: &[Settings],
    files: &[JudgeFile],
    floor: bool,
) -> (Vec<&'a dyn Source>, Option<Diagnostic>) {
    let by = |source: &&'a dyn Source| taken_over.iter().zip(files).find(|(one, _)| !floor && one.leaves_out(source.id()));
    let (left_out, kept): (Vec<&dyn Source>, Vec<&dyn Source>) = input.sources.iter().copied().partition(|source| by(source).is_some());
    let said = left_out.first().and_then(by).map(|(_, file)| {
        let names = left_out.iter().map(|source| format!("`{}`", source.id())).collect::<Vec<_>>().join(", ");
        let message = format!("`framework` or `skip-framework` leaves out the files of {names}");
        Diagnostic::new(Level::Warning, "settings", Arc::clone(&file.path), Span::NONE, message)
    });
    (kept, said)
}

/// One revision, collected and evaluated.
struct Revision {
    collection: Collection,
    findings: Vec<Finding>,
    by_status: BTreeMap<&'static str, usize>,
    by_rule: ByRule,
    states: Vec<SubjectState>,
}

/// What is the same for both revisions.
struct Rules<'a> {
    config: &'a Config,
    programs: Vec<&'a dyn Program>,
    sources: Vec<&'a dyn Source>,
    readers: Vec<&'a dyn Source>,
    used: HashMap<Arc<str>, Arc<RuleMeta>>,
    /// Ids of all rules that are listed, used or not. An advisory's rule is made when the advisory is met, and is listed nowhere.
    listed: BTreeSet<Arc<str>>,
}

impl Rules<'_> {
    /// A rule as it counts here; nothing where it does not take part.
    fn counting(&self, rule: &Arc<RuleMeta>, only: &[String]) -> Option<Arc<RuleMeta>> {
        if let Some(used) = self.used.get(&rule.id) {
            return Some(Arc::clone(used));
        }
        let chosen = || only.is_empty() || only.iter().any(|id| ids::answers_pattern(rule, id));
        if self.listed.contains(&rule.id) || !chosen() { None } else { self.config.rule(rule) }
    }
}

fn revision(
    input: &JudgeInput<'_>,
    tree: &dyn Tree,
    texts: &SourceMap,
    rules: &Rules<'_>,
    keep_all: bool,
    name: &Fingerprint<'_>,
) -> Revision {
    revised(input, tree, texts, rules, keep_all, name, kept(tree, rules.config))
}

fn revised(
    input: &JudgeInput<'_>,
    tree: &dyn Tree,
    texts: &SourceMap,
    rules: &Rules<'_>,
    keep_all: bool,
    name: &Fingerprint<'_>,
    kept: Kept,
) -> Revision {
    let mut options = input.options.clone();
    if options.variable_files.is_empty() {
        options.variable_files.clone_from(&rules.config.terraform.variable_files);
    }
    if &*options.workspace == "default" {
        options.workspace = Arc::clone(&rules.config.terraform.workspace);
    }
    let mut collection = collect(tree, texts, &rules.sources, &rules.readers, &options, &|path| kept.paths.contains(path));
    collection.coverage.skipped.extend(kept.coverage);
    let asks = |status: Status| keep_all || !matches!(status, Status::Pass | Status::NotApplicable);
    let mut evaluation = evaluate(&collection.world, &rules.programs, &parameters(rules.config, input.now), &|rule, status| {
        rules.counting(rule, input.only).map(|_| asks(status))
    });
    for result in &mut evaluation.results {
        if let Some(rule) = rules.counting(&result.rule, input.only) {
            result.rule = rule;
        }
    }
    let findings = locate(evaluation.results, &collection.world, texts, name);
    let mut states = Vec::new();
    if input.base.is_some() || !collection.suppressions.is_empty() {
        states = collection
            .world
            .subjects()
            .iter()
            .map(|subject| SubjectState {
                subject: SubjectRef {
                    kind: subject.kind,
                    id: Arc::clone(&subject.id),
                    type_name: Arc::clone(&subject.type_name),
                    root: Arc::clone(&subject.root),
                },
                at: place(texts, subject.span),
                via: subject.via.iter().map(|span| place(texts, *span)).collect(),
                value: subject_digest(&subject.value, input.digest),
            })
            .collect();
    }
    Revision { collection, findings, by_status: evaluation.by_status, by_rule: evaluation.by_rule, states }
}

/// What was made of something beside the files.
struct Judgement {
    revision: Revision,
    /// Rules it was judged by that the folder may not have.
    rules: Vec<Arc<RuleMeta>>,
    diagnostics: Vec<Diagnostic>,
    digest: Digest,
}

/// A path of something beside the files, as it is shown.
fn within(name: &str, path: &str) -> Arc<str> {
    format!("{name}!/{path}").into()
}

/// Judges something beside the files, by the folder's configuration.
fn judge_beside(input: &JudgeInput<'_>, beside: &Beside<'_>, judging: &dyn Tree, texts: &SourceMap, config: &Config) -> Option<Judgement> {
    let supply = beside.compile.supply(config, judging, texts)?;
    let programs: Vec<&dyn Program> = supply.programs.iter().map(|program| &**program).collect();
    let all: Vec<Arc<RuleMeta>> = programs.iter().flat_map(|program| program.rules()).collect();
    let chosen = |rule: &RuleMeta| input.only.is_empty() || input.only.iter().any(|id| ids::answers_pattern(rule, id));
    let used: HashMap<_, _> = all
        .iter()
        .filter(|rule| chosen(rule))
        .filter_map(|rule| config.rule(rule).map(|counting| (Arc::clone(&rule.id), counting)))
        .collect();
    let listed = all.iter().map(|rule| Arc::clone(&rule.id)).collect();
    let readers = supply.readers.iter().map(|reader| &**reader).collect();
    let rules = Rules { config, programs, sources: Vec::new(), readers, used, listed };
    // Two things of one path in two places are two: an exception for the one says nothing of the other.
    let name = |rule: &str, subject: &str, root: &str, judged: Option<&Value>| {
        fingerprint(rule, subject, &within(&beside.name, root), judged.map(canonical).as_deref(), input.digest)
    };
    // What the configuration leaves out are files of the folder.
    let paths = beside.tree.files().iter().map(|file| Arc::clone(&file.path)).collect();
    let kept = Kept { coverage: Vec::new(), paths };
    let mut revision = revised(input, beside.tree, texts, &rules, input.keep_all, &name, kept);
    for finding in &mut revision.findings {
        finding.subject.root = within(&beside.name, &finding.subject.root);
        finding.at.file = within(&beside.name, &finding.at.file);
        finding.subject_at.file = within(&beside.name, &finding.subject_at.file);
        for place in &mut finding.via {
            place.file = within(&beside.name, &place.file);
        }
    }
    let coverage = &mut revision.collection.coverage;
    coverage.read.iter_mut().for_each(|read| read.file = within(&beside.name, &read.file));
    coverage.skipped.iter_mut().for_each(|skipped| skipped.file = within(&beside.name, &skipped.file));
    let mut diagnostics = supply.diagnostics;
    diagnostics.extend(revision.collection.diagnostics.drain(..).map(|one| {
        let file = if one.file.is_empty() { Arc::clone(&one.file) } else { within(&beside.name, &one.file) };
        Diagnostic { file, ..one }
    }));
    Some(Judgement { rules: rules.used.into_values().collect(), revision, diagnostics, digest: supply.digest })
}

/// Judges.
///
/// # Errors
/// [`JudgeError`] where configuration, floor, policies or flags are wrong (exit 2).
pub fn judge(input: &JudgeInput<'_>, texts: &SourceMap) -> Result<Judged, JudgeError> {
    // What judges: the base revision's files, or those of the head where there is no base.
    let judging: &dyn Tree = input.base.map_or(input.tree, |base| base.tree);
    let mut wrong = Vec::new();
    let config_path: Arc<str> = input.config.map_or_else(|| CONFIG.into(), |file| Arc::clone(&file.path));
    let config_file = match input.config {
        Some(file) => {
            let number = texts.add(Arc::clone(&file.path), Arc::clone(&file.text));
            Some(JudgeFile { path: Arc::clone(&file.path), text: Arc::clone(&file.text), file: number, signature: None })
        }
        None => judge_file(judging, &config_path, texts, &mut wrong),
    };
    let setting_files = match (input.config, &config_file) {
        (None, _) => setting_files(judging, texts, &mut wrong),
        // A configuration of Checkov's from outside.
        (Some(given), Some(file)) if is_checkov(&given.path) => vec![file.clone()],
        (Some(_), _) => Vec::new(),
    };
    let taken_over: Vec<Settings> = setting_files.iter().map(settings_of).collect();
    wrong.extend(taken_over.iter().flat_map(|one| &one.diagnostics).filter(|one| one.level == Level::Error).cloned());
    let mut config = match &config_file {
        Some(file) if is_checkov(&file.path) => Config::default(),
        Some(file) => {
            let (config, diagnostics) = Config::parse(&file.text, &file.path, file.file);
            wrong.extend(diagnostics);
            config
        }
        None => Config::default(),
    };
    let floor = match input.floor {
        Some(given) => {
            if let Some(key) = &given.key {
                floor::verify(&given.file.text, given.signature.as_deref(), key, input.signatures)
                    .map_err(|source| JudgeError::Floor { path: given.file.path.to_string(), source })?;
            }
            let number = texts.add(Arc::clone(&given.file.path), Arc::clone(&given.file.text));
            let (parsed, diagnostics) = Config::parse(&given.file.text, &given.file.path, number);
            wrong.extend(diagnostics);
            wrong.extend(floor::validate(&parsed, &given.file.path));
            Some(Arc::new(parsed))
        }
        None => None,
    };
    if !wrong.is_empty() {
        return Err(JudgeError::Configuration(wrong));
    }

    taken_over.iter().for_each(|one| one.apply_to_reading(&mut config));
    // tfsec reads its custom checks from there by itself.
    let tfsec: Arc<str> = ".tfsec".into();
    let has_checks = judging.below(&tfsec).iter().any(|file| file.path.contains("_tfchecks."));
    if input.config.is_none() && has_checks && !config.policies.folders.contains(&tfsec) {
        config.policies.folders.push(tfsec);
    }
    // What the floor names judges too, before what it says of rules is laid over the configuration.
    let mut policies = config.policies.clone();
    if let Some(floor) = &floor {
        policies.folders.splice(0..0, floor.policies.folders.iter().filter(|one| !config.policies.folders.contains(one)).cloned());
        policies.lookup.splice(0..0, floor.policies.lookup.iter().filter(|one| !config.policies.lookup.contains(one)).cloned());
        policies.conftest.splice(0..0, floor.policies.conftest.iter().filter(|one| !config.policies.conftest.contains(one)).cloned());
    }
    let compiled = input.compile.compile(&policies, judging, texts);
    if !compiled.diagnostics.is_empty() {
        return Err(JudgeError::Configuration(compiled.diagnostics));
    }
    let mut programs: Vec<&dyn Program> = compiled.programs.iter().map(|program| &**program).collect();
    let mut all: Vec<Arc<RuleMeta>> = programs.iter().flat_map(|program| program.rules()).collect();
    if all.is_empty() {
        return Err(JudgeError::NoRules);
    }
    all.extend(own::rules());
    taken_over.iter().for_each(|one| one.apply_to_rules(&mut config, &all, floor.is_some()));
    let mut own_findings = Vec::new();
    if let Some(floor) = &floor {
        let (merged, attempts) = floor::merge(floor, &config, &all);
        own_findings.extend(floor::findings(&attempts, &config_path, texts, &input.digest));
        config = merged;
    }
    let supply = input.compile.supply(&config, judging, texts);
    if let Some(supply) = &supply {
        let wrong: Vec<Diagnostic> = supply.diagnostics.iter().filter(|one| one.level == Level::Error).cloned().collect();
        if !wrong.is_empty() {
            return Err(JudgeError::Configuration(wrong));
        }
        all.extend(supply.programs.iter().flat_map(|program| program.rules()));
        programs.extend(supply.programs.iter().map(|program| &**program));
    }
    let mut diagnostics = config.unknown_rules(&all, &config_path);
    diagnostics.extend(supply.iter().flat_map(|supply| supply.diagnostics.iter().cloned()));
    diagnostics.extend(taken_over.iter().flat_map(|one| one.diagnostics.iter().cloned()));
    if floor.is_some() {
        diagnostics.extend(taken_over.iter().zip(&setting_files).filter_map(|(one, file)| one.under_floor(&file.path)));
    }
    let (sources, left_out) = sources(input, &taken_over, &setting_files, floor.is_some());
    diagnostics.extend(left_out);

    for id in input.only {
        if !ids::is_advisory(id) && !all.iter().any(|rule| ids::answers_pattern(rule, id)) {
            return Err(JudgeError::NoSuchRule { id: id.clone(), nearest: ids::nearest(&all, id).map(str::to_owned) });
        }
    }
    let mut used = HashMap::new();
    let mut off = Vec::new();
    for rule in &all {
        let chosen = input.only.is_empty() || input.only.iter().any(|id| ids::answers_pattern(rule, id));
        match (config.rule(rule), chosen) {
            (Some(counting), true) => {
                used.insert(Arc::clone(&rule.id), counting);
            }
            (None, _) => off.push((Arc::clone(rule), off_reason(config.rule_use(rule)))),
            (Some(_), false) => off.push((Arc::clone(rule), "not asked for by `--rule`".to_owned())),
        }
    }
    let supplied = supply.iter().flat_map(|supply| &supply.readers);
    let readers = compiled.readers.iter().chain(supplied).map(|reader| &**reader).collect();
    let listed = all.iter().map(|rule| Arc::clone(&rule.id)).collect();
    let rules = Rules { config: &config, programs, sources, readers, used, listed };

    let name = |rule: &str, subject: &str, root: &str, judged: Option<&Value>| {
        fingerprint(rule, subject, root, judged.map(canonical).as_deref(), input.digest)
    };
    let mut head = revision(input, input.tree, texts, &rules, input.keep_all, &name);
    // What a module that is not here would have made is not judged: said in the coverage too, not only beside it.
    for one in head.collection.diagnostics.iter().filter(|one| one.code == "module-not-here") {
        head.collection.coverage.skipped.push(SkippedFile {
            file: Arc::clone(&one.file),
            source: "terraform",
            why: one.message.clone(),
            fails: false,
            partly: true,
        });
    }
    for (path, why, fails) in input.unlisted {
        head.collection.coverage.skipped.push(SkippedFile {
            file: Arc::clone(path),
            source: "files",
            why: why.clone(),
            fails: *fails,
            partly: false,
        });
    }
    let taken = externals::take_in(input, &config, texts);
    head.findings = probity_formats::join::join(head.findings, taken.findings);
    diagnostics.extend(taken.diagnostics);
    head.collection.coverage.read.extend(taken.read);
    head.collection.coverage.skipped.extend(taken.skipped);

    let mut rules_beside = Vec::new();
    let mut subjects_beside = 0;
    let mut digests_beside = Vec::new();
    for beside in input.beside {
        let Some(judged) = judge_beside(input, beside, judging, texts, &config) else { continue };
        rules_beside.extend(judged.rules);
        digests_beside.push(judged.digest);
        // What is known of the data is said once.
        diagnostics.extend(judged.diagnostics.into_iter().filter(|one| !diagnostics.contains(one)).collect::<Vec<_>>());
        subjects_beside += judged.revision.collection.world.subjects().len();
        for (status, count) in judged.revision.by_status {
            *head.by_status.entry(status).or_default() += count;
        }
        for (rule, counts) in judged.revision.by_rule {
            let of_rule = head.by_rule.entry(rule).or_default();
            for (status, count) in counts {
                *of_rule.entry(status).or_default() += count;
            }
        }
        head.findings.extend(judged.revision.findings);
        head.collection.coverage.read.extend(judged.revision.collection.coverage.read);
        head.collection.coverage.skipped.extend(judged.revision.collection.coverage.skipped);
    }

    let mut wrong = Vec::new();
    let (exceptions, baseline_file) = register_files(judging, &config, texts, &mut wrong);
    let authors: &[Author] = input.base.map_or(&[], |base| &base.authors);
    let mut rule_list: Vec<Arc<RuleMeta>> = rules.used.values().cloned().collect();
    rule_list.extend(taken.rules);
    rule_list.extend(rules_beside);
    rule_list.extend(head.findings.iter().map(|finding| Arc::clone(&finding.rule)));
    rule_list.sort_by(|a, b| a.id.cmp(&b.id));
    rule_list.dedup_by(|a, b| a.id == b.id);
    let register_input = RegisterInput { config: &config, rules: &rule_list, signatures: input.signatures, authors, now: input.now };
    let register = Register::new(&exceptions, &register_input);
    let mut judge_baseline = |file: &JudgeFile| {
        let (parsed, problems) = Baseline::parse(&file.text, &file.path, file.file);
        wrong.extend(problems);
        parsed.map(|baseline| {
            let given = BaselineInput {
                config: &config,
                path: &file.path,
                text: &file.text,
                signature: file.signature.as_deref(),
                signatures: input.signatures,
                authors,
                now: input.now,
            };
            JudgedBaseline::new(baseline, &given)
        })
    };
    let ignore_files_now = ignore_files(judging, baseline_file.as_ref(), texts, &mut diagnostics);
    let ignores = Ignores::read(&ignore_files_now, texts);
    diagnostics.extend(ignores.diagnostics.iter().cloned());
    let own_baseline = |file: &&JudgeFile| !ignores::is_checkov_baseline(&file.text);
    let baseline = baseline_file.as_ref().filter(own_baseline).and_then(&mut judge_baseline);
    diagnostics.extend(wrong);
    diagnostics.extend(register.diagnostics.iter().cloned());

    let mut proposed = None;
    let base_texts = SourceMap::new();
    let head_roots: BTreeSet<Arc<str>> = head.collection.world.subjects().iter().map(|subject| Arc::clone(&subject.root)).collect();
    let renames = input.base.map(|base| Renames::new(&base.renames, &head_roots)).unwrap_or_default();
    // What each fingerprint of the base is with the roots as they are called now.
    let carried: RefCell<HashMap<Arc<str>, Arc<str>>> = RefCell::default();
    let base_name = |rule: &str, subject: &str, root: &str, judged: Option<&Value>| {
        let judged = judged.map(canonical);
        let of = |subject: &str, root: &str| fingerprint(rule, subject, root, judged.as_deref(), input.digest);
        let before = of(subject, root);
        let (now_subject, now_root) = (renames.file(&subject.into()), renames.root(&root.into()));
        carried.borrow_mut().insert(Arc::clone(&before), of(&now_subject, &now_root));
        before
    };
    let base_revision = input.base.map(|base| revision(input, base.tree, &base_texts, &rules, false, &base_name));
    if let Some(base) = input.base {
        let mut unread = Vec::new();
        let head_config = if input.config.is_some() { None } else { judge_file(input.tree, &config_path, texts, &mut unread) };
        let (head_exceptions, head_baseline) = register_files(input.tree, &config, texts, &mut unread);
        proposed = Some(Register::new(&head_exceptions, &register_input));
        let outside = input.config.is_some();
        let before = Judge {
            config: if outside { None } else { config_file.clone() },
            policies: policy_files(base.tree, &config, texts, &mut unread),
            exceptions,
            baseline: baseline_file.clone().filter(|file| own_baseline(&file)),
            settings: if outside { Vec::new() } else { setting_files.clone() },
            ignores: ignore_files_now.clone(),
        };
        let after = Judge {
            config: head_config,
            policies: policy_files(input.tree, &config, texts, &mut unread),
            exceptions: head_exceptions,
            settings: if outside { Vec::new() } else { self::setting_files(input.tree, texts, &mut unread) },
            ignores: ignore_files(input.tree, head_baseline.as_ref(), texts, &mut unread),
            baseline: head_baseline.filter(|file| own_baseline(&file)),
        };
        diagnostics.extend(unread);
        own_findings.extend(base::changes(&before, &after, &input.digest));
    }
    let carried = carried.into_inner();
    let base_findings: Vec<BaseFinding> = base_revision
        .iter()
        .flat_map(|revision| &revision.findings)
        .map(|finding| BaseFinding {
            fingerprint: Arc::clone(&finding.fingerprint),
            carried: Arc::clone(carried.get(&finding.fingerprint).unwrap_or(&finding.fingerprint)),
            status: finding.status,
        })
        .collect();
    let no_files = BTreeSet::new();
    let broken_files: BTreeSet<Arc<str>> = base_revision
        .iter()
        .flat_map(|revision| {
            let skipped = revision.collection.coverage.skipped.iter().filter(|skipped| skipped.fails).map(|skipped| &skipped.file);
            let wrong = revision.collection.diagnostics.iter().filter(|one| one.level == Level::Error).map(|one| &one.file);
            skipped.chain(wrong)
        })
        .map(|file| renames.file(file))
        .collect();
    let base_state = base_revision.as_ref().map(|revision| BaseState {
        findings: &base_findings,
        subjects: &revision.states,
        suppressions: &revision.collection.suppressions,
        sources: &base_texts,
        renames: &renames,
        changed_files: input.base.map_or(&no_files, |base| &base.changed_files),
        broken_files: &broken_files,
    });

    let Revision { collection, mut findings, by_status, by_rule, states } = head;
    findings.extend(own_findings);
    diagnostics.extend(collection.diagnostics);
    let mut other_results = by_status;
    for finding in &findings {
        if let Some(count) = other_results.get_mut(finding.status.as_str()) {
            *count = count.saturating_sub(1);
        }
    }
    let verdict = decide(
        &DecideInput {
            config: &config,
            subjects_judged: collection.world.subjects().len() + subjects_beside,
            other_results: &other_results,
            rules: &rule_list,
            coverage: &collection.coverage,
            diagnostics: &diagnostics,
            register: &register,
            proposed: proposed.as_ref(),
            baseline: baseline.as_ref(),
            ignores: &ignores,
            suppressions: &collection.suppressions,
            sources: texts,
            subjects: &states,
            base: base_state.as_ref(),
            changed_only: input.changed_only,
            scans: &taken.scans,
            now: input.now,
            digest: &input.digest,
        },
        &mut findings,
    );
    findings.sort_by(|a, b| {
        (&a.at.file, a.at.line, a.at.column, &a.rule.id, &a.subject.id).cmp(&(
            &b.at.file,
            b.at.line,
            b.at.column,
            &b.rule.id,
            &b.subject.id,
        ))
    });
    let mut coverage = collection.coverage;
    coverage.read.sort();
    coverage.skipped.sort();
    Ok(Judged {
        subjects: collection.world.subjects().len() + subjects_beside,
        by_rule,
        findings,
        verdict,
        coverage,
        diagnostics,
        rules: rule_list,
        off,
        policies: policies_digest(&compiled, supply.as_ref(), &digests_beside, input.digest),
        config,
    })
}

/// Digest over everything that judged.
fn policies_digest(compiled: &Compiled, supply: Option<&Compiled>, beside: &[Digest], digest: &dyn Fn(&[u8]) -> Digest) -> Digest {
    let folder = supply.map_or(compiled.digest, |supply| digest(&[compiled.digest.0, supply.digest.0].concat()));
    beside.iter().fold(folder, |all, one| digest(&[all.0, one.0].concat()))
}

fn off_reason(why: RuleUse) -> String {
    match why {
        RuleUse::On => String::new(),
        RuleUse::Disabled => "switched off by `policies.disable`".to_owned(),
        RuleUse::Preview => "a preview, and `policies.preview` is not set".to_owned(),
        RuleUse::Newer => "newer than `gate.rules_version`".to_owned(),
        RuleUse::Removed => "removed".to_owned(),
    }
}
