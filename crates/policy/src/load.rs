//! Files to policies: which document is written in which language, and all of them compiled as one set.

use std::sync::Arc;

use probity_core::{Diagnostic, Level, Policy, PolicyDocument, Tree, TreeError};
use probity_value::{FileId, SourceMap, Span, Value, yaml};

use crate::set::PolicySet;
use crate::testing::YAML;

/// The policy languages that are written as objects of Kubernetes.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub enum Language {
    /// ClusterPolicy, Policy, exceptions, and the kinds in CEL (`kyverno.io`, `policies.kyverno.io`).
    Kyverno,
    /// Constraint templates, constraints, mutators and expansions.
    Gatekeeper,
    /// ValidatingAdmissionPolicy, MutatingAdmissionPolicy and their bindings.
    Admission,
}

impl Language {
    /// Its name in messages and in `engine`.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Language::Kyverno => "kyverno",
            Language::Gatekeeper => "gatekeeper",
            Language::Admission => "admission",
        }
    }
}

/// The language an object is a policy of; `None` for everything that is no policy.
#[must_use]
pub fn language(object: &Value) -> Option<Language> {
    let text = |key: &str| object.get(key).and_then(Value::as_str).unwrap_or_default();
    let group = text("apiVersion").split_once('/').map_or("", |(group, _)| group);
    match group {
        "kyverno.io" | "policies.kyverno.io" => Some(Language::Kyverno),
        "admissionregistration.k8s.io" => probity_admission::is_policy(object).then_some(Language::Admission),
        "templates.gatekeeper.sh"
        | "constraints.gatekeeper.sh"
        | "mutations.gatekeeper.sh"
        | "expansion.gatekeeper.sh"
        | "config.gatekeeper.sh"
        | "externaldata.gatekeeper.sh"
        | "match.gatekeeper.sh" => Some(Language::Gatekeeper),
        _ => None,
    }
}

/// Files that describe tests, not policies.
fn is_test(object: &Value) -> bool {
    let text = |key: &str| object.get(key).and_then(Value::as_str).unwrap_or_default();
    matches!(
        (text("apiVersion").split('/').next().unwrap_or_default(), text("kind")),
        ("cli.kyverno.io", _) | ("test.gatekeeper.sh", _) | ("test.probity.dev", _) | ("chainsaw.kyverno.io", _)
    )
}

/// What a folder holds.
#[derive(Default)]
pub struct Loaded {
    /// Policies that judge objects of Kubernetes.
    pub set: PolicySet,
    /// Documents the policies were compiled from.
    pub documents: Vec<PolicyDocument>,
    /// Objects that are no policies: parameters of policies, and what else lies beside them.
    pub others: Vec<Value>,
    /// Rego modules: path, text, number.
    pub modules: Vec<(Arc<str>, Arc<str>, FileId)>,
    /// What there is to say: errors are of policies that are not in the set.
    pub diagnostics: Vec<Diagnostic>,
    /// Names and texts of all files that were taken, which is what a digest is made over.
    pub files: Vec<(Arc<str>, Arc<str>)>,
}

impl Loaded {
    /// Whether nothing was found.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.set.is_empty() && self.modules.is_empty() && self.diagnostics.is_empty()
    }
}

/// Reads every policy below a folder (or the one file of that name) and compiles them together. Texts are taken into `sources`.
#[must_use]
pub fn load_folder(tree: &dyn Tree, folder: &str, sources: &SourceMap) -> Loaded {
    let folder = folder.trim_matches('/');
    let below = tree.below(folder).iter().map(|file| Arc::clone(&file.path));
    let itself = tree.files().iter().filter(|file| *file.path == *folder).map(|file| Arc::clone(&file.path));
    let paths: Vec<Arc<str>> = below.chain(itself).collect();
    load_files(tree, &paths, sources)
}

/// Reads policies from files of a tree and compiles them together.
#[must_use]
pub fn load_files(tree: &dyn Tree, paths: &[Arc<str>], sources: &SourceMap) -> Loaded {
    let mut out = Loaded::default();
    for path in paths {
        read(tree, path, sources, &mut out);
    }
    let (policies, said) = compile(&out.documents, sources);
    out.set = PolicySet::new(policies);
    out.diagnostics.extend(said);
    out
}

/// Compiles documents of all languages together: libraries, bindings, parameters and exceptions belong to what they name.
#[must_use]
pub fn compile(documents: &[PolicyDocument], sources: &SourceMap) -> (Vec<Arc<dyn Policy>>, Vec<Diagnostic>) {
    let of = |language: Language| -> Vec<PolicyDocument> {
        documents.iter().filter(|document| self::language(&document.value) == Some(language)).cloned().collect()
    };
    let mut policies: Vec<Arc<dyn Policy>> = Vec::new();
    let mut said = Vec::new();
    for language in [Language::Kyverno, Language::Gatekeeper, Language::Admission] {
        let documents = of(language);
        if documents.is_empty() {
            continue;
        }
        let (found, wrong) = match language {
            Language::Kyverno => probity_kyverno::compile(&documents),
            Language::Gatekeeper => {
                let loaded = probity_gatekeeper::load(&documents, sources, &probity_gatekeeper::Options::default());
                (loaded.constraints.into_iter().map(|one| one as Arc<dyn Policy>).collect(), loaded.diagnostics)
            }
            Language::Admission => probity_admission::compile(&documents),
        };
        policies.extend(found);
        said.extend(wrong);
    }
    (policies, said)
}

/// The same, for policies whose Rego needs no places.
pub(crate) fn compile_quietly(documents: &[PolicyDocument]) -> (Vec<Arc<dyn Policy>>, Vec<Diagnostic>) {
    compile(documents, &SourceMap::new())
}

fn read(tree: &dyn Tree, path: &Arc<str>, sources: &SourceMap, out: &mut Loaded) {
    let is = |ends: &[&str]| ends.iter().any(|end| path.ends_with(end));
    let is_yaml = is(&[".yaml", ".yml", ".json"]);
    if !is_yaml && !path.ends_with(".rego") {
        return;
    }
    let mut wrong = |message: String, span: Span| {
        out.diagnostics.push(Diagnostic::new(Level::Error, "policy-file", Arc::clone(path), span, message));
    };
    let bytes = match tree.read(path) {
        Ok(bytes) => bytes,
        Err(TreeError::Missing) => return,
        Err(error) => return wrong(error.to_string(), Span::NONE),
    };
    let Ok(text) = std::str::from_utf8(&bytes) else {
        if path.ends_with(".json") {
            return;
        }
        return wrong("the file is not UTF-8 text".to_owned(), Span::NONE);
    };
    let text: Arc<str> = text.strip_prefix('\u{feff}').unwrap_or(text).into();
    if path.ends_with(".rego") {
        let number = sources.add(Arc::clone(path), Arc::clone(&text));
        out.modules.push((Arc::clone(path), Arc::clone(&text), number));
        out.files.push((Arc::clone(path), text));
        return;
    }
    // Our own rules and everything else that is no object.
    if !text.contains("apiVersion") {
        return;
    }
    let number = sources.add(Arc::clone(path), Arc::clone(&text));
    let (documents, problems) = yaml::parse_with(&text, number, YAML);
    let objects: Vec<Value> = documents.into_iter().flat_map(|document| flattened(document.value)).collect();
    let named = |object: &Value| object.get("apiVersion").is_some() && object.get("kind").is_some();
    if !objects.iter().any(named) {
        return;
    }
    let mut is_policy = false;
    for object in objects {
        if language(&object).is_some() {
            is_policy = true;
            out.documents.push(PolicyDocument { file: Arc::clone(path), value: object });
        } else if named(&object) && !is_test(&object) {
            out.others.push(object);
        }
    }
    for problem in problems.into_iter().filter(|problem| is_policy || problem.fatal) {
        // A key that is written twice means one thing to one reader and another to the next.
        let level = if problem.fatal || problem.code == "yaml-duplicate-key" { Level::Error } else { Level::Warning };
        out.diagnostics.push(Diagnostic::new(level, "policy-file", Arc::clone(path), problem.span, problem.message));
    }
    out.files.push((Arc::clone(path), text));
}

/// The items of a list object, or the object.
fn flattened(object: Value) -> Vec<Value> {
    let is_list = object.get("kind").and_then(Value::as_str).is_some_and(|kind| kind.ends_with("List"));
    match object.get("items").and_then(Value::as_list) {
        Some(items) if is_list => items.to_vec(),
        _ => vec![object],
    }
}
