//! Which adapters stand behind the traits: the one list of sources, the rules, signatures, the clock.

use std::cell::RefCell;
use std::collections::{BTreeMap, BTreeSet};
use std::path::PathBuf;
use std::sync::Arc;
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

use probity_attest::sshsig;
use probity_catalog::{Catalog, Selection, builtin};
use probity_core::{
    Clock, Diagnostic, Digest, EvalContext, Level, Program, RuleMeta, RuleResult, Source, SubjectIndex, Timestamp, Tree, TreeError,
    TreeFile, World,
};
use probity_files::FolderTree;
use probity_pipeline::{Compile, Compiled};
use probity_policy::{Judges, PolicyProgram, Stopwatch};
use probity_value::{SourceMap, Span};
use probity_verdict::SignatureCheck;
use probity_verdict::config::{Config, Policies};

use crate::policies;
use crate::supply::{self, Supply};

/// The sources, in the order in which they claim files.
pub(crate) const SOURCES: &[&dyn Source] = probity_iac::SOURCES;

/// The time of the machine.
pub(crate) struct SystemClock;

impl Clock for SystemClock {
    fn now(&self) -> Timestamp {
        match SystemTime::now().duration_since(UNIX_EPOCH) {
            Ok(since) => Timestamp { seconds: i64::try_from(since.as_secs()).unwrap_or(i64::MAX), nanoseconds: since.subsec_nanos() },
            // A clock before 1970 is wrong in a way nothing here can mend; everything has long expired or nothing has.
            Err(before) => Timestamp { seconds: -i64::try_from(before.duration().as_secs()).unwrap_or(i64::MAX), nanoseconds: 0 },
        }
    }
}

/// Bounds the time of one evaluation by the machine's clock.
pub(crate) struct Deadline(Duration);

impl Deadline {
    /// So many seconds for each.
    pub(crate) fn new(seconds: u64) -> Deadline {
        Deadline(Duration::from_secs(seconds))
    }
}

impl Stopwatch for Deadline {
    fn start(&self) -> Box<dyn Fn() -> bool + Sync + '_> {
        let end = Instant::now() + self.0;
        Box::new(move || Instant::now() >= end)
    }
}

/// SSH signatures of people.
pub(crate) struct SshSignatures;

impl SignatureCheck for SshSignatures {
    fn verify(&self, public_key: &str, namespace: &str, message: &[u8], signature: &str) -> Result<(), String> {
        let key = sshsig::PublicKey::parse(public_key).map_err(|error| error.to_string())?;
        sshsig::verify(message, signature, namespace, &[key]).map(|_| ()).map_err(|error| error.to_string())
    }
}

/// The built-in rules with those of the folders on the command line and in the configuration.
#[derive(Default)]
pub(crate) struct Rules {
    /// Folders on disk (`--policies`).
    pub(crate) folders: Vec<PathBuf>,
    /// What judges files and packages.
    pub(crate) supply: Supply,
    /// Rules for secrets, the user's with them, as they were loaded last.
    secrets: RefCell<Option<Result<Vec<probity_secrets::Rule>, String>>>,
}

/// Rules of all languages.
pub(crate) struct Loaded {
    /// Our own.
    pub(crate) catalog: Catalog,
    /// Programs of other tools' policies.
    pub(crate) foreign: Vec<Box<dyn Program>>,
    /// Sources that policies ask for.
    pub(crate) readers: Vec<Box<dyn Source>>,
    /// With any of these nothing must be used.
    pub(crate) wrong: Vec<Diagnostic>,
    /// Digest over all of it.
    pub(crate) digest: Digest,
}

impl Loaded {
    /// What every rule says of itself, sorted by id.
    pub(crate) fn rules(&self) -> Vec<Arc<RuleMeta>> {
        let mut rules: Vec<Arc<RuleMeta>> = self.catalog.rules().cloned().collect();
        rules.extend(self.foreign.iter().flat_map(|program| program.rules()));
        rules.sort_by(|a, b| a.id.cmp(&b.id));
        rules
    }
}

/// A folder of policies without the files that are policies of other tools.
pub(crate) struct OwnRules<'a> {
    tree: &'a dyn Tree,
    files: Vec<TreeFile>,
}

impl<'a> OwnRules<'a> {
    /// The files below a folder of a tree that are none of the others'.
    pub(crate) fn of(
        tree: &'a dyn Tree,
        folder: &str,
        others: &probity_foreign::Loaded,
        policies: &probity_policy::Loaded,
    ) -> OwnRules<'a> {
        let theirs: BTreeSet<&str> = others.files.iter().chain(&policies.files).map(|(path, _)| &**path).collect();
        let files = tree.below(folder).iter().filter(|file| !theirs.contains(&*file.path)).cloned().collect();
        OwnRules { tree, files }
    }
}

impl Tree for OwnRules<'_> {
    fn files(&self) -> &[TreeFile] {
        &self.files
    }

    fn read(&self, path: &str) -> Result<Arc<[u8]>, TreeError> {
        self.tree.read(path)
    }

    fn digests(&self) -> BTreeMap<Arc<str>, Digest> {
        self.tree.digests()
    }
}

/// Rules that another program judges by, so that they are known before it is made.
struct Listed(Vec<Arc<RuleMeta>>);

impl Listed {
    fn secrets(catalog: &Catalog) -> Listed {
        Listed(catalog.rules().filter(|rule| rule.engine == "secrets").cloned().collect())
    }
}

impl Program for Listed {
    fn rules(&self) -> Vec<Arc<RuleMeta>> {
        self.0.clone()
    }

    fn evaluate(&self, _: SubjectIndex, _: &World, _: &EvalContext) -> Vec<RuleResult> {
        Vec::new()
    }
}

impl Rules {
    /// The built-in rules with those of folders on disk.
    pub(crate) fn of(folders: Vec<PathBuf>) -> Rules {
        Rules { folders, ..Rules::default() }
    }

    /// The rules of everything; with any diagnostic they must not be used.
    pub(crate) fn load(&self, within: &Policies, tree: Option<&dyn Tree>, texts: &SourceMap) -> Loaded {
        let mut catalog = builtin().clone();
        let mut wrong = Vec::new();
        let mut foreign: Vec<Box<dyn Program>> = Vec::new();
        let mut files = Vec::new();
        let mut sets = Vec::new();
        let mut loose: Vec<Arc<str>> = Vec::new();
        let mut add = |tree: &dyn Tree, folder: &str| {
            let others = probity_foreign::load_folder(tree, folder, texts);
            let found = probity_policy::load_folder(tree, folder, texts);
            let (loaded, said) = Catalog::load_folder(&OwnRules::of(tree, folder, &others, &found), folder, texts);
            wrong.extend(said.into_iter().filter(|one| one.level == Level::Error));
            wrong.extend(catalog.merge(loaded));
            wrong.extend(others.diagnostics.into_iter().filter(|one| one.level == Level::Error));
            foreign.extend(others.programs);
            files.extend(others.files);
            wrong.extend(found.diagnostics.iter().filter(|one| one.level == Level::Error).cloned());
            files.extend(found.files.iter().cloned());
            loose.extend(found.modules.iter().map(|(path, ..)| Arc::clone(path)));
            if !found.set.is_empty() {
                sets.push((found.set, found.others));
            }
        };
        let mut unopened = Vec::new();
        for folder in &self.folders {
            match FolderTree::open(folder, None, 1 << 20) {
                Ok(tree) => add(&tree, ""),
                Err(error) => {
                    let why = with_causes(&error);
                    unopened.push(Diagnostic::new(Level::Error, "policies", folder.display().to_string(), Span::NONE, why));
                }
            }
        }
        for folder in &within.folders {
            if let Some(tree) = tree {
                let folder = folder.trim_start_matches("./").trim_end_matches('/');
                if tree.below(folder).is_empty() {
                    let why = format!("`policies.folders` names `{folder}`, which has no files");
                    unopened.push(Diagnostic::new(Level::Error, "policies", folder, Span::NONE, why));
                } else {
                    add(tree, folder);
                }
            }
        }
        wrong.extend(unopened);
        let others: Vec<_> = sets.iter().flat_map(|(_, others)| others.iter().cloned()).collect();
        let lookup = Arc::new(policies::fixture(&within.lookup, tree, &others, texts, &mut wrong));
        for (set, _) in sets {
            let lookup = Arc::clone(&lookup) as Arc<dyn probity_core::Lookup>;
            let deadline = Arc::new(Deadline::new(policies::SECONDS));
            foreign.push(Box::new(PolicyProgram::new(set, Judges::Objects, lookup, deadline)));
        }
        wrong.extend(twice(&catalog, &foreign));
        let mut readers = Vec::new();
        if let Some(tree) = tree {
            let conftest = policies::conftest_programs(&within.conftest, tree, texts, &lookup);
            foreign.extend(conftest.programs);
            readers.extend(conftest.readers);
            wrong.extend(conftest.wrong);
            files.extend(conftest.files);
        }
        wrong.extend(loose.iter().filter(|path| !within.conftest.iter().any(|one| is_below(path, &one.policy))).map(|path| {
            let why = "nothing says which files this policy judges: name it under `policies.conftest`, with `files`";
            Diagnostic::new(Level::Error, "conftest-policy", Arc::clone(path), Span::NONE, why)
        }));
        let digest = digest(&catalog, &files);
        Loaded { catalog, foreign, readers, wrong, digest }
    }
}

/// Whether a path is a file or folder, or in it.
fn is_below(path: &str, of: &str) -> bool {
    let of = of.trim_start_matches("./").trim_end_matches('/');
    path == of || path.strip_prefix(of).is_some_and(|rest| rest.starts_with('/'))
}

/// Says which ids of other tools' policies are taken: nobody replaces a rule.
fn twice(catalog: &Catalog, foreign: &[Box<dyn Program>]) -> Vec<Diagnostic> {
    let mut seen: BTreeSet<Arc<str>> = catalog.rules().map(|rule| Arc::clone(&rule.id)).collect();
    foreign
        .iter()
        .flat_map(|program| program.rules())
        .filter(|rule| !seen.insert(Arc::clone(&rule.id)))
        .map(|rule| {
            Diagnostic::new(Level::Error, "rule-id-taken", "", Span::NONE, format!("there is a rule with the id `{}` already", rule.id))
        })
        .collect()
}

/// Digest over the compiled rules and, where there are any, the texts of other tools' policies.
fn digest(catalog: &Catalog, files: &[(Arc<str>, Arc<str>)]) -> Digest {
    let own = catalog.digest();
    if files.is_empty() {
        return own;
    }
    let mut bytes = own.0.to_vec();
    for (path, text) in files {
        for part in [path, text] {
            bytes.extend_from_slice(&(part.len() as u64).to_le_bytes());
            bytes.extend_from_slice(part.as_bytes());
        }
    }
    probity_attest::sha256(&bytes)
}

impl Compile for Rules {
    fn compile(&self, policies: &Policies, tree: &dyn Tree, texts: &SourceMap) -> Compiled {
        // Which rules take part is decided by the configuration afterwards, so that each one left out can be named.
        let all = Selection { preview: true, ..Selection::default() };
        let alone = self.supply.part.is_some();
        if self.folders.is_empty() && (alone || policies.folders.is_empty() && policies.conftest.is_empty()) {
            let catalog = builtin();
            self.secrets.replace(Some(catalog.secret_rules().map_err(|error| error.to_string())));
            return Compiled {
                programs: vec![Box::new(catalog.program(&all)), Box::new(Listed::secrets(catalog))],
                diagnostics: Vec::new(),
                digest: catalog.digest(),
                readers: Vec::new(),
            };
        }
        let loaded = self.load(policies, Some(tree), texts);
        self.secrets.replace(Some(loaded.catalog.secret_rules().map_err(|error| error.to_string())));
        let mut programs: Vec<Box<dyn Program>> = vec![Box::new(loaded.catalog.program(&all)), Box::new(Listed::secrets(&loaded.catalog))];
        programs.extend(loaded.foreign);
        Compiled { programs, diagnostics: loaded.wrong, digest: loaded.digest, readers: loaded.readers }
    }

    fn supply(&self, config: &Config, tree: &dyn Tree, texts: &SourceMap) -> Option<Compiled> {
        let own = self.secrets.take().unwrap_or_else(|| builtin().secret_rules().map_err(|error| error.to_string()));
        match own {
            Ok(own) => supply::compile(&self.supply, config, own, tree, texts),
            Err(error) => Some(Compiled {
                programs: Vec::new(),
                diagnostics: vec![Diagnostic::new(Level::Error, "secret-rules", "", Span::NONE, error)],
                digest: probity_attest::sha256(&[]),
                readers: Vec::new(),
            }),
        }
    }
}

/// An error with all its causes, in one line.
pub(crate) fn with_causes(error: &dyn std::error::Error) -> String {
    let mut out = error.to_string();
    let mut source = error.source();
    while let Some(cause) = source {
        out.push_str(": ");
        out.push_str(&cause.to_string());
        source = cause.source();
    }
    out
}
