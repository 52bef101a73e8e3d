//! Which adapters stand behind the traits: the one list of sources, the rules, signatures, the clock.

use std::path::PathBuf;
use std::sync::Arc;
use std::time::{SystemTime, UNIX_EPOCH};

use probity_attest::sshsig;
use probity_catalog::{Catalog, Selection, builtin};
use probity_core::{Clock, Diagnostic, Level, Source, Timestamp, Tree};
use probity_files::FolderTree;
use probity_pipeline::{Compile, Compiled};
use probity_value::{SourceMap, Span};
use probity_verdict::SignatureCheck;

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

/// SSH signatures of people.
pub(crate) struct SshSignatures;

impl SignatureCheck for SshSignatures {
    fn verify(&self, public_key: &str, namespace: &str, message: &[u8], signature: &str) -> Result<(), String> {
        let key = sshsig::PublicKey::parse(public_key).map_err(|error| error.to_string())?;
        sshsig::verify(message, signature, namespace, &[key]).map(|_| ()).map_err(|error| error.to_string())
    }
}

/// The built-in rules with those of the folders on the command line and in the configuration.
pub(crate) struct Rules {
    /// Folders on disk (`--policies`).
    pub(crate) folders: Vec<PathBuf>,
}

impl Rules {
    /// The catalog of everything; with any diagnostic it must not be used.
    pub(crate) fn catalog(&self, within: &[Arc<str>], tree: Option<&dyn Tree>, texts: &SourceMap) -> (Catalog, Vec<Diagnostic>) {
        let mut catalog = builtin().clone();
        let mut wrong = Vec::new();
        let mut add = |loaded: (Catalog, Vec<Diagnostic>)| {
            wrong.extend(loaded.1.into_iter().filter(|one| one.level == Level::Error));
            wrong.extend(catalog.merge(loaded.0));
        };
        for folder in &self.folders {
            match FolderTree::open(folder, None, 1 << 20) {
                Ok(tree) => add(Catalog::load_folder(&tree, "", texts)),
                Err(error) => {
                    let why = with_causes(&error);
                    add((
                        Catalog::default(),
                        vec![Diagnostic::new(Level::Error, "policies", folder.display().to_string(), Span::NONE, why)],
                    ));
                }
            }
        }
        for folder in within {
            if let Some(tree) = tree {
                let folder = folder.trim_start_matches("./").trim_end_matches('/');
                if tree.below(folder).is_empty() {
                    let why = format!("`policies.folders` names `{folder}`, which has no files");
                    add((Catalog::default(), vec![Diagnostic::new(Level::Error, "policies", folder, Span::NONE, why)]));
                } else {
                    add(Catalog::load_folder(tree, folder, texts));
                }
            }
        }
        (catalog, wrong)
    }
}

impl Compile for Rules {
    fn compile(&self, folders: &[Arc<str>], tree: &dyn Tree, texts: &SourceMap) -> Compiled {
        // Which rules take part is decided by the configuration afterwards, so that each one left out can be named.
        let all = Selection { preview: true, ..Selection::default() };
        if self.folders.is_empty() && folders.is_empty() {
            let catalog = builtin();
            return Compiled { programs: vec![Box::new(catalog.program(&all))], diagnostics: Vec::new(), digest: catalog.digest() };
        }
        let (catalog, diagnostics) = self.catalog(folders, Some(tree), texts);
        Compiled { programs: vec![Box::new(catalog.program(&all))], diagnostics, digest: catalog.digest() }
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
