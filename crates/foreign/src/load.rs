//! A folder of policies: which file is whose, and all of them as programs.

use std::sync::Arc;

use probity_core::{Diagnostic, Level, Program, Tree};
use probity_value::{SourceMap, Span};

use crate::checkov::{CheckovProgram, Policy};
use crate::feature::{FeatureProgram, Scenario};
use crate::tfsec::{CustomCheck, TfsecProgram};

/// Whose policy a file is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// A policy of Checkov: `metadata` and `definition`.
    Checkov,
    /// Custom checks of tfsec: `*_tfchecks.yaml`.
    Tfsec,
    /// A feature of terraform-compliance: `*.feature`.
    Feature,
    /// Settings of another tool, which are no policies.
    Settings,
}

/// Whose policy a file is, by its name and its first-level keys; `None` for our own and for what is none.
#[must_use]
pub fn kind(path: &str, text: &str) -> Option<Kind> {
    let name = path.rsplit('/').next().unwrap_or(path);
    let yaml = path.ends_with(".yaml") || path.ends_with(".yml");
    if name.ends_with(".feature") {
        return Some(Kind::Feature);
    }
    if ["_tfchecks.yaml", "_tfchecks.yml", "_tfchecks.json"].iter().any(|end| name.ends_with(end)) {
        return Some(Kind::Tfsec);
    }
    if [".tfsec/config.yml", ".tfsec/config.yaml", ".tfsec/config.json"]
        .iter()
        .any(|end| path == *end || path.ends_with(&format!("/{end}")))
    {
        return Some(Kind::Settings);
    }
    if !yaml && !path.ends_with(".json") {
        return None;
    }
    let has = |key: &str| {
        text.lines().any(|line| {
            let line = if yaml { line.trim_end() } else { line.trim_start().trim_start_matches('{').trim_start() };
            let line = line.strip_prefix(['"', '\'']).map_or(line, |rest| rest);
            line.strip_prefix(key).is_some_and(|rest| rest.trim_start_matches(['"', '\'']).trim_start().starts_with(':'))
        })
    };
    // JSON may be on one line.
    let in_json = |key: &str| text.trim_start().starts_with('{') && text.contains(&format!("\"{key}\""));
    let is = |key: &str| has(key) || in_json(key);
    (is("metadata") && is("definition")).then_some(Kind::Checkov)
}

/// Policies of other tools that were found in a folder.
#[derive(Default)]
pub struct Loaded {
    /// The programs, one for each language that is there.
    pub programs: Vec<Box<dyn Program>>,
    /// What is wrong with policies: errors.
    pub diagnostics: Vec<Diagnostic>,
    /// Names and texts of all files, which is what a digest is made over.
    pub files: Vec<(Arc<str>, Arc<str>)>,
}

/// Reads every policy of another tool below a folder. Texts are taken into `sources`.
#[must_use]
pub fn load_folder(tree: &dyn Tree, folder: &str, sources: &SourceMap) -> Loaded {
    let mut out = Loaded::default();
    let (mut policies, mut checks, mut scenarios) = (Vec::new(), Vec::new(), Vec::new());
    for file in tree.below(folder.trim_matches('/')) {
        let named = [".yaml", ".yml", ".json", ".feature"].iter().any(|end| file.path.ends_with(end));
        if !named {
            continue;
        }
        let mut wrong = |message: String| {
            out.diagnostics.push(Diagnostic::new(Level::Error, "policy-file", Arc::clone(&file.path), Span::NONE, message));
        };
        let bytes = match tree.read(&file.path) {
            Ok(bytes) => bytes,
            Err(error) => {
                wrong(error.to_string());
                continue;
            }
        };
        let Ok(text) = std::str::from_utf8(&bytes) else {
            if file.path.ends_with(".json") {
                continue;
            }
            wrong("the file is not UTF-8 text".to_owned());
            continue;
        };
        let text = text.strip_prefix('\u{feff}').unwrap_or(text);
        match kind(&file.path, text) {
            None => {}
            Some(kind) => {
                let text: Arc<str> = text.into();
                let number = sources.add(Arc::clone(&file.path), Arc::clone(&text));
                match kind {
                    Kind::Checkov => {
                        let (policy, diagnostics) = Policy::parse(&text, &file.path, number);
                        policies.extend(policy);
                        out.diagnostics.extend(diagnostics);
                    }
                    Kind::Tfsec => {
                        let (found, diagnostics) = CustomCheck::parse(&text, &file.path, number);
                        checks.extend(found);
                        out.diagnostics.extend(diagnostics);
                    }
                    Kind::Feature => {
                        let (found, diagnostics) = Scenario::parse(&text, &file.path, number);
                        scenarios.extend(found);
                        out.diagnostics.extend(diagnostics);
                    }
                    Kind::Settings => {}
                }
                out.files.push((Arc::clone(&file.path), text));
            }
        }
    }
    if !policies.is_empty() {
        out.programs.push(Box::new(CheckovProgram::new(policies)));
    }
    if !checks.is_empty() {
        out.programs.push(Box::new(TfsecProgram::new(checks)));
    }
    if !scenarios.is_empty() {
        out.programs.push(Box::new(FeatureProgram::new(scenarios)));
    }
    out
}
