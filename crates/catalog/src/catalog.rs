//! The catalog: built-in rules and the user's, found by id or alias, chosen, and made into a program.

use std::sync::{Arc, LazyLock, OnceLock};

use aws_lc_rs::digest::{Context, SHA256};
use probity_checks::{CheckProgram, LazyCheck, Rule, RuleDocument, compare_versions};
use probity_core::{Diagnostic, Digest, Level, RuleMeta, StageKind, Tree};
use probity_value::{SourceMap, Span};

use crate::controls::{Framework, Requirement};
use crate::index::{self, Example, IndexError, Parts};
use crate::lint;

static BUILTIN: &[u8] = include_bytes!(concat!(env!("OUT_DIR"), "/rules.bin"));

/// Where a rule comes from.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Provenance {
    /// It is built in.
    BuiltIn,
    /// From this file of a user's folder.
    File(Arc<str>),
}

#[derive(Clone, Debug)]
enum Stored {
    BuiltIn(Parts<&'static [u8]>),
    User(Arc<Parts<Vec<u8>>>),
}

impl Stored {
    fn parts(&self) -> [&[u8]; 3] {
        match self {
            Stored::BuiltIn(parts) => [parts.meta, parts.check, parts.examples],
            Stored::User(parts) => [&parts.meta, &parts.check, &parts.examples],
        }
    }
}

#[derive(Clone, Debug)]
struct Entry {
    meta: Arc<RuleMeta>,
    check: Arc<LazyCheck>,
    stored: Stored,
    provenance: Provenance,
}

/// Rules and frameworks.
#[derive(Clone, Debug, Default)]
pub struct Catalog {
    /// Sorted by id.
    entries: Vec<Entry>,
    /// The built-in frameworks as stored; few commands ask for them.
    stored_frameworks: Option<&'static [u8]>,
    frameworks: OnceLock<Vec<Framework>>,
}

/// Which rules take part in a run. The default is every rule that is neither in preview nor removed.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Selection {
    /// Only rules that reached their stage by this version of Probity.
    pub pinned: Option<Arc<str>>,
    /// Also rules in preview.
    pub preview: bool,
    /// Where not empty, only rules that answer to one of these ids or aliases.
    pub only: Vec<Arc<str>>,
    /// Not the rules that answer to one of these ids or aliases.
    pub without: Vec<Arc<str>>,
}

/// All there is to say about a rule.
#[derive(Clone, Debug)]
pub struct Explanation {
    /// What it says of itself.
    pub meta: Arc<RuleMeta>,
    /// Its controls, each with the framework's title and the requirement in our words, where known.
    pub controls: Vec<ControlTitle>,
    /// Its tests: what fails, what passes.
    pub examples: Vec<Example>,
    /// Where it comes from.
    pub provenance: Provenance,
}

/// A control with its titles.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ControlTitle {
    /// As the rule has it: `pci-dss-4.0.1/3.5.1`.
    pub id: Arc<str>,
    /// Title of the framework; empty where it is not known.
    pub framework: String,
    /// Title of the requirement; empty where it is not known.
    pub requirement: String,
}

/// The built-in catalog. Read once; each rule's check on its first use.
pub fn builtin() -> &'static Catalog {
    #[expect(clippy::expect_used, reason = "the build script reads back what it wrote; without rules everything would pass")]
    static CATALOG: LazyLock<Catalog> = LazyLock::new(|| Catalog::from_index(BUILTIN).expect("the built-in rule index is sound"));
    &CATALOG
}

impl Catalog {
    fn from_index(bytes: &'static [u8]) -> Result<Catalog, IndexError> {
        let opened = index::open(bytes)?;
        let mut entries = Vec::with_capacity(opened.rules.len());
        for parts in opened.rules {
            let check = parts.check;
            let meta = index::meta(parts.meta)?;
            // What a rule for secrets looks for is no check of subjects.
            let lazy = if meta.engine == "secrets" { LazyCheck::ready(Vec::new()) } else { LazyCheck::new(move || index::check(check)) };
            entries.push(Entry {
                meta: Arc::new(meta),
                check: Arc::new(lazy),
                stored: Stored::BuiltIn(parts),
                provenance: Provenance::BuiltIn,
            });
        }
        Ok(Catalog { entries, stored_frameworks: Some(opened.frameworks), frameworks: OnceLock::new() })
    }

    /// A catalog of rule files, each with the path it was read from.
    ///
    /// # Errors
    /// [`IndexError`] where a rule cannot be stored.
    pub fn from_documents<'a>(documents: impl IntoIterator<Item = (&'a str, RuleDocument)>) -> Result<Catalog, IndexError> {
        let mut catalog = Catalog::default();
        for (path, document) in documents {
            let stored = index::parts(&document)?;
            catalog.entries.push(Entry {
                meta: Arc::new(document.meta),
                check: Arc::new(LazyCheck::ready(document.variants)),
                stored: Stored::User(Arc::new(stored)),
                provenance: Provenance::File(path.into()),
            });
        }
        catalog.entries.sort_by(|a, b| a.meta.id.cmp(&b.meta.id));
        Ok(catalog)
    }

    /// Adds rules for secrets, each with the path it was read from.
    fn add_secrets(&mut self, files: &[lint::SecretFile]) -> Result<(), IndexError> {
        for file in files {
            self.entries.push(Entry {
                meta: Arc::clone(&file.document.rule.meta),
                check: Arc::new(LazyCheck::ready(Vec::new())),
                stored: Stored::User(Arc::new(index::secret_parts(&file.document)?)),
                provenance: Provenance::File(Arc::clone(&file.path)),
            });
        }
        self.entries.sort_by(|a, b| a.meta.id.cmp(&b.meta.id));
        Ok(())
    }

    /// Loads a folder of rule files: every `.yaml` and `.yml` file below it, with its texts taken into `sources`. A file that is not a
    /// sound rule is an error among the diagnostics, and then the catalog must not be used.
    #[must_use]
    pub fn load_folder(tree: &dyn Tree, folder: &str, sources: &SourceMap) -> (Catalog, Vec<Diagnostic>) {
        let linted = lint::lint(tree, folder, folder, sources);
        let mut diagnostics = linted.diagnostics;
        let documents = linted.rules.iter().map(|rule| (&*rule.path, rule.document.clone()));
        let loaded = Catalog::from_documents(documents).and_then(|mut catalog| {
            catalog.add_secrets(&linted.secrets)?;
            Ok(catalog)
        });
        match loaded {
            Ok(catalog) => {
                let _ = catalog.frameworks.set(linted.frameworks);
                (catalog, diagnostics)
            }
            Err(error) => {
                diagnostics.push(Diagnostic::new(Level::Error, "rule-file", folder, Span::NONE, error.to_string()));
                (Catalog::default(), diagnostics)
            }
        }
    }

    /// Adds the rules and frameworks of another catalog. A rule whose id is there already is an error: nobody replaces a rule.
    pub fn merge(&mut self, other: Catalog) -> Vec<Diagnostic> {
        let mut diagnostics = Vec::new();
        let added = other.frameworks().to_vec();
        for entry in other.entries {
            if self.entries.iter().any(|known| known.meta.id == entry.meta.id) {
                let file: Arc<str> = match &entry.provenance {
                    Provenance::File(path) => Arc::clone(path),
                    Provenance::BuiltIn => "".into(),
                };
                let message = format!("there is a rule with the id `{}` already", entry.meta.id);
                diagnostics.push(Diagnostic::new(Level::Error, "rule-id-taken", file, Span::NONE, message));
            } else {
                self.entries.push(entry);
            }
        }
        self.entries.sort_by(|a, b| a.meta.id.cmp(&b.meta.id));
        let mut frameworks = self.frameworks().to_vec();
        for framework in added {
            match frameworks.iter_mut().find(|known| known.id == framework.id) {
                Some(known) => {
                    for requirement in framework.requirements {
                        if !known.requirements.iter().any(|one| one.id == requirement.id) {
                            known.requirements.push(requirement);
                        }
                    }
                }
                None => frameworks.push(framework),
            }
        }
        self.frameworks = OnceLock::from(frameworks);
        diagnostics
    }

    /// What every rule says of itself, sorted by id.
    pub fn rules(&self) -> impl ExactSizeIterator<Item = &Arc<RuleMeta>> {
        self.entries.iter().map(|entry| &entry.meta)
    }

    /// The rules that answer to an id or an alias; an alias may name several.
    #[must_use]
    pub fn find(&self, id_or_alias: &str) -> Vec<&Arc<RuleMeta>> {
        self.rules().filter(|meta| meta.answers_to(id_or_alias)).collect()
    }

    /// The frameworks with their requirements.
    #[must_use]
    pub fn frameworks(&self) -> &[Framework] {
        // The build script has read the stored section back, so it is sound.
        let read = || self.stored_frameworks.and_then(|bytes| index::frameworks(bytes).ok()).unwrap_or_default();
        self.frameworks.get_or_init(read)
    }

    /// The framework and requirement a control id names.
    #[must_use]
    pub fn control(&self, id: &str) -> Option<(&Framework, &Requirement)> {
        let (framework, requirement) = id.split_once('/')?;
        let framework = self.frameworks().iter().find(|known| known.id == framework)?;
        Some((framework, framework.requirements.iter().find(|known| known.id == requirement)?))
    }

    /// The rules a selection takes, sorted by id.
    #[must_use]
    pub fn select(&self, selection: &Selection) -> Vec<Arc<RuleMeta>> {
        self.chosen(selection).map(|entry| Arc::clone(&entry.meta)).collect()
    }

    fn chosen<'a>(&'a self, selection: &'a Selection) -> impl Iterator<Item = &'a Entry> {
        self.entries.iter().filter(|entry| selection.takes(&entry.meta))
    }

    /// The chosen rules that judge subjects, as a program; those for secrets are [`Catalog::secret_rules`].
    #[must_use]
    pub fn program(&self, selection: &Selection) -> CheckProgram {
        let checks = self.chosen(selection).filter(|entry| entry.meta.engine == "checks");
        let rules = checks.map(|entry| Rule { meta: Arc::clone(&entry.meta), check: Arc::clone(&entry.check) });
        CheckProgram::new(rules.collect())
    }

    /// Digest over the rules as compiled: for each, in the order of ids, the lengths and bytes of what it says of itself and of its check.
    #[must_use]
    pub fn digest(&self) -> Digest {
        let mut context = Context::new(&SHA256);
        for entry in &self.entries {
            let [meta, check, _] = entry.stored.parts();
            for part in [meta, check] {
                context.update(&(part.len() as u64).to_le_bytes());
                context.update(part);
            }
        }
        let mut out = [0_u8; 32];
        out.copy_from_slice(context.finish().as_ref());
        Digest(out)
    }

    /// The rules for secrets, ready to be compiled.
    ///
    /// # Errors
    /// [`IndexError`] where a stored part is broken.
    pub fn secret_rules(&self) -> Result<Vec<probity_secrets::Rule>, IndexError> {
        let mine = self.entries.iter().filter(|entry| entry.meta.engine == "secrets");
        mine.map(|entry| index::secret(Arc::clone(&entry.meta), entry.stored.parts()[1])).collect()
    }

    /// All there is to say about the rules that answer to an id or an alias.
    #[must_use]
    pub fn explain(&self, id_or_alias: &str) -> Vec<Explanation> {
        self.entries
            .iter()
            .filter(|entry| entry.meta.answers_to(id_or_alias))
            .map(|entry| Explanation {
                meta: Arc::clone(&entry.meta),
                controls: entry
                    .meta
                    .controls
                    .iter()
                    .map(|id| {
                        let titles = self.control(id).map(|(framework, requirement)| (framework.title.clone(), requirement.title.clone()));
                        let (framework, requirement) = titles.unwrap_or_default();
                        ControlTitle { id: Arc::clone(id), framework, requirement }
                    })
                    .collect(),
                examples: index::examples(entry.stored.parts()[2]).unwrap_or_default(),
                provenance: entry.provenance.clone(),
            })
            .collect()
    }
}

impl Selection {
    /// Whether it takes a rule.
    #[must_use]
    pub fn takes(&self, meta: &RuleMeta) -> bool {
        let stage = match meta.stage.kind {
            StageKind::Removed => false,
            StageKind::Preview => self.preview,
            StageKind::Stable | StageKind::Deprecated => true,
        };
        // A deprecated rule was stable before; a pin to the time before keeps it.
        let reached = meta.stage.kind == StageKind::Deprecated
            || self.pinned.as_ref().is_none_or(|pinned| compare_versions(&meta.stage.since, pinned).is_some_and(|order| order.is_le()));
        stage
            && reached
            && (self.only.is_empty() || self.only.iter().any(|id| meta.answers_to(id)))
            && !self.without.iter().any(|id| meta.answers_to(id))
    }
}
