//! Terraform and OpenTofu: text to subjects.
//!
//! A folder with configuration files is a module. A module no other one of the tree calls is a root; each root is evaluated with its
//! variable files, and the modules it calls are evaluated with the values it gives them. What comes out are subjects: resources and data
//! sources by instance (`module.db["eu"].aws_db_instance.main[0]`), providers (`provider.aws`, `provider.aws.eu`), module calls
//! (`module.db`) and `terraform` blocks.
//!
//! What lives here: which files are claimed, and the way from files to subjects. The text is in `syntax`, what is declared in `module`,
//! values in `eval`, `types` and `functions`, roots in `root`, suppression comments in `comments`.

mod comments;
pub(crate) mod eval;
pub(crate) mod functions;
mod module;
pub(crate) mod path;
mod policy_document;
mod root;
pub(crate) mod syntax;
#[cfg(test)]
pub(crate) mod tests;
mod types;

use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::sync::{Arc, OnceLock};

use probity_core::{Collected, Diagnostic, Level, ReadFile, Scope, SkippedFile, Source, Tree};
use probity_value::{FileId, Span};
use rayon::prelude::*;

use eval::{Manifest, Program};
use module::{ConfigFile, Module};
use root::{Evaluated, Values, VariableFile};
use syntax::{Parsed, Problem};

/// The name of this source.
const ID: &str = "terraform";
/// Stack of the threads that evaluate. Evaluation nests as deep as `eval::MAX_DEPTH`; only what is touched is used.
const STACK: usize = 128 << 20;

/// Diagnostics of one kind for one file that are shown one by one.
const MAX_ALIKE: usize = 50;

/// Reads Terraform and OpenTofu configurations: `.tf`, `.tofu`, their JSON forms, and variable files.
#[derive(Clone, Copy, Debug, Default)]
pub struct TerraformSource;

/// What a claimed file is.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
enum Kind {
    Native,
    Json,
    Variables,
    VariablesJson,
}

fn kind(path: &str) -> Option<Kind> {
    let name = path::file_name(path);
    let ends = |suffix: &str| name.len() > suffix.len() && name.ends_with(suffix);
    if ends(".tfvars") || name == ".tfvars" {
        Some(Kind::Variables)
    } else if ends(".tfvars.json") {
        Some(Kind::VariablesJson)
    } else if ends(".tf") || ends(".tofu") {
        Some(Kind::Native)
    } else if ends(".tf.json") || ends(".tofu.json") {
        Some(Kind::Json)
    } else {
        None
    }
}

/// Whether a folder holds downloaded modules, which are judged only where something calls them.
fn vendored(folder: &str) -> bool {
    folder.split('/').any(|part| part == ".terraform")
}

/// A file whose text is there.
struct Text {
    path: Arc<str>,
    kind: Kind,
    file: FileId,
    text: Arc<str>,
}

/// A file taken apart.
enum Reading {
    Config(Parsed),
    Variables(Values, Vec<Problem>),
}

impl Source for TerraformSource {
    fn id(&self) -> &'static str {
        ID
    }

    fn collect(&self, scope: &Scope<'_>) -> Collected {
        let mut out = Collected::default();
        let claimed: Vec<(Arc<str>, Kind)> = scope.unclaimed.iter().filter_map(|path| Some((Arc::clone(path), kind(path)?))).collect();
        if claimed.is_empty() {
            return out;
        }
        let Some(pool) = pool() else {
            for (file, _) in claimed {
                out.coverage.skipped.push(skipped(file, "no thread could be started to read it", true, false));
            }
            return out;
        };
        let texts = read(scope, claimed, &mut out);
        pool.install(|| collect(scope, texts, &mut out));
        out
    }
}

/// Threads with room for deep evaluations; made once.
fn pool() -> Option<&'static rayon::ThreadPool> {
    static POOL: OnceLock<Option<rayon::ThreadPool>> = OnceLock::new();
    POOL.get_or_init(|| rayon::ThreadPoolBuilder::new().stack_size(STACK).thread_name(|index| format!("terraform-{index}")).build().ok())
        .as_ref()
}

fn skipped(file: Arc<str>, why: impl Into<String>, fails: bool, partly: bool) -> SkippedFile {
    SkippedFile { file, source: ID, why: why.into(), fails, partly }
}

/// Reads the claimed files; those that cannot be read, or need not be, are listed as skipped.
fn read(scope: &Scope<'_>, claimed: Vec<(Arc<str>, Kind)>, out: &mut Collected) -> Vec<Text> {
    let paths: BTreeSet<Arc<str>> = claimed.iter().map(|(path, _)| Arc::clone(path)).collect();
    let sizes: HashMap<&str, u64> = scope.tree.files().iter().map(|file| (&*file.path, file.size)).collect();
    let mut texts = Vec::with_capacity(claimed.len());
    for (path, kind) in claimed {
        // OpenTofu reads `x.tofu` in place of `x.tf`.
        let replaced = match kind {
            Kind::Native => path.strip_suffix(".tf").map(|stem| format!("{stem}.tofu")),
            Kind::Json => path.strip_suffix(".tf.json").map(|stem| format!("{stem}.tofu.json")),
            Kind::Variables | Kind::VariablesJson => None,
        };
        if let Some(other) = replaced.filter(|other| paths.contains(other.as_str())) {
            out.coverage.skipped.push(skipped(path, format!("`{other}` takes its place"), false, false));
            continue;
        }
        let budget = scope.options.max_file_size;
        let load = |path: &str| match sizes.get(path) {
            Some(size) if *size > budget => Err(probity_core::TreeError::TooLarge { size: *size, budget }.to_string()),
            _ => scope.tree.read(path).map_err(|error| error.to_string()).and_then(|bytes| {
                if bytes.contains(&0) {
                    return Err("it is not text: it has zero bytes".to_owned());
                }
                match std::str::from_utf8(&bytes) {
                    Ok(text) => Ok(Arc::<str>::from(text)),
                    Err(error) => Err(format!("it is not UTF-8 from byte {}", error.valid_up_to())),
                }
            }),
        };
        let mut outcome = load(&path);
        if let Ok(text) = &outcome
            && let Some(target) = link(&path, text).filter(|target| scope.tree.contains(target))
        {
            let message = format!("the file is a symbolic link written as text; `{target}` is read in its place");
            out.diagnostics.push(Diagnostic::new(Level::Note, "link-as-text", Arc::clone(&path), Span::NONE, message));
            outcome = load(&target);
        }
        match outcome {
            Ok(text) => {
                let file = scope.sources.add(Arc::clone(&path), Arc::clone(&text));
                texts.push(Text { path, kind, file, text });
            }
            Err(why) => {
                let message = format!("the file cannot be read: {why}");
                out.diagnostics.push(Diagnostic::new(Level::Error, "unreadable-file", Arc::clone(&path), Span::NONE, message));
                out.coverage.skipped.push(skipped(path, why, true, false));
            }
        }
    }
    texts
}

/// What a symbolic link points at that stands as a text file, as git writes it where the file system has no links: one relative path,
/// without a line break, of a file of the same kind.
fn link(path: &str, text: &str) -> Option<String> {
    let one_path =
        text.len() < 4096 && text.contains('/') && !text.contains(|letter: char| letter.is_whitespace() || "\"'#={}$".contains(letter));
    let target = path::join(path::folder(path), text).filter(|_| one_path)?;
    (kind(&target) == kind(path)).then_some(target)
}

fn parse(text: &Text) -> Reading {
    match text.kind {
        Kind::Native => Reading::Config(syntax::parse_body(&text.text, text.file)),
        Kind::Json => Reading::Config(syntax::json::parse_body(&text.text, text.file)),
        Kind::Variables => {
            let parsed = syntax::parse_body(&text.text, text.file);
            Reading::Variables(Values::Native(parsed.body), parsed.problems)
        }
        Kind::VariablesJson => {
            let (map, problems) = syntax::json::parse_values(&text.text, text.file);
            Reading::Variables(Values::Json(map), problems)
        }
    }
}

fn collect(scope: &Scope<'_>, texts: Vec<Text>, out: &mut Collected) {
    let readings: Vec<Reading> = texts.par_iter().map(parse).collect();
    let mut configs: Vec<ConfigFile> = Vec::new();
    let mut variable_files: BTreeMap<Arc<str>, VariableFile> = BTreeMap::new();
    // Why a file was not wholly read, by path.
    let mut broken: BTreeMap<Arc<str>, String> = BTreeMap::new();
    for (text, reading) in texts.iter().zip(readings) {
        let problems = match reading {
            Reading::Config(Parsed { body, problems, comments }) => {
                if !comments.is_empty()
                    && let Some(file) = scope.sources.file(text.file)
                {
                    let workspace = &scope.options.workspace;
                    out.suppressions.extend(comments::suppressions(&file, &body, &comments, workspace, &mut out.diagnostics));
                }
                let partial = problems.iter().any(|problem| problem.fatal);
                configs.push(ConfigFile { path: Arc::clone(&text.path), body, partial });
                problems
            }
            Reading::Variables(values, problems) => {
                variable_files.insert(Arc::clone(&text.path), VariableFile { values });
                problems
            }
        };
        for problem in problems {
            let level = if problem.fatal { Level::Error } else { Level::Warning };
            if problem.fatal {
                broken.entry(Arc::clone(&text.path)).or_insert_with(|| format!("part of it cannot be read: {}", problem.message));
            }
            out.diagnostics.push(Diagnostic::new(level, problem.code, Arc::clone(&text.path), problem.span, problem.message));
        }
    }

    let mut folders: BTreeMap<Arc<str>, Vec<&ConfigFile>> = BTreeMap::new();
    for config in &configs {
        folders.entry(path::folder(&config.path).into()).or_default().push(config);
    }
    let modules: BTreeMap<Arc<str>, Module> =
        folders.into_iter().map(|(dir, files)| (Arc::clone(&dir), Module::new(dir, &files, &mut out.diagnostics))).collect();
    let program = Program { modules, tree: scope.tree, sources: scope.sources, options: scope.options };
    let roots = root::roots(&program.modules);
    let evaluated: Vec<Evaluated> =
        roots.par_iter().map(|dir| root::evaluate(&program, dir, &variable_files, manifest(scope.tree, dir))).collect();

    let mut used: BTreeSet<Arc<str>> = BTreeSet::new();
    let mut loaded: BTreeSet<Arc<str>> = BTreeSet::new();
    for root in evaluated {
        out.subjects.extend(root.subjects);
        out.diagnostics.extend(root.diagnostics);
        used.extend(root.used);
        loaded.extend(root.loaded);
    }
    coverage(&texts, &broken, &used, &loaded, out);
    tidy(&mut out.diagnostics);
}

/// Leaves one of each, because a module called from several places says the same thing each time, and at most a few of each kind for each
/// file, with a word on how many more there were.
fn tidy(diagnostics: &mut Vec<Diagnostic>) {
    let mut seen = BTreeSet::new();
    let mut counts: BTreeMap<(Arc<str>, &'static str), usize> = BTreeMap::new();
    diagnostics.retain(|diagnostic| {
        if !seen.insert((diagnostic.code, Arc::clone(&diagnostic.file), diagnostic.span, diagnostic.message.clone())) {
            return false;
        }
        // An error is never left out: it is why a verdict fails closed.
        if diagnostic.level == Level::Error {
            return true;
        }
        let count = counts.entry((Arc::clone(&diagnostic.file), diagnostic.code)).or_default();
        *count += 1;
        *count <= MAX_ALIKE
    });
    for ((file, code), count) in counts {
        if let Some(more) = count.checked_sub(MAX_ALIKE).filter(|more| *more > 0) {
            diagnostics.push(Diagnostic::new(Level::Note, code, file, Span::NONE, format!("{more} more of `{code}` in this file")));
        }
    }
}

fn coverage(
    texts: &[Text],
    broken: &BTreeMap<Arc<str>, String>,
    used: &BTreeSet<Arc<str>>,
    loaded: &BTreeSet<Arc<str>>,
    out: &mut Collected,
) {
    let mut counts: HashMap<FileId, usize> = HashMap::new();
    for subject in &out.subjects {
        *counts.entry(subject.span.file).or_default() += 1;
    }
    for text in texts {
        let path = Arc::clone(&text.path);
        let folder = path::folder(&text.path);
        let variables = matches!(text.kind, Kind::Variables | Kind::VariablesJson);
        if variables && !loaded.contains(&path) {
            let why = "a variable file no root loads by itself; `--var-file` loads it";
            out.coverage.skipped.push(skipped(path, why, false, false));
        } else if !variables && vendored(folder) && !used.contains(folder) {
            out.coverage.skipped.push(skipped(path, "a downloaded module that nothing calls", false, false));
        } else if let Some(why) = broken.get(&path) {
            out.coverage.skipped.push(skipped(path, why.clone(), true, true));
        } else {
            let subjects = counts.get(&text.file).copied().unwrap_or(0);
            out.coverage.read.push(ReadFile { file: path, source: ID, subjects });
        }
    }
}

/// Folders of downloaded modules of a root: `.terraform/modules/modules.json`, as `terraform init` writes it. Only folders inside the
/// tree count.
fn manifest(tree: &dyn Tree, root: &str) -> Manifest {
    let file = path::below(root, ".terraform/modules/modules.json");
    let mut manifest = Manifest::new();
    let Ok(bytes) = tree.read(&file) else { return manifest };
    let Ok(text) = std::str::from_utf8(&bytes) else { return manifest };
    let (value, _) = probity_value::json::parse(text, FileId::NONE);
    for entry in value.get("Modules").and_then(|modules| modules.as_list()).unwrap_or_default() {
        let field = |name: &str| entry.get(name).and_then(|value| value.as_str());
        if let (Some(key), Some(dir)) = (field("Key"), field("Dir"))
            && let Some(folder) = path::join(root, dir)
        {
            manifest.insert(key.to_owned(), folder.into());
        }
    }
    manifest
}
