//! A folder of policies: which file is whose, and all of them as programs.

use std::sync::Arc;

use probity_core::{Diagnostic, Level, Program, Tree};
use probity_value::{SourceMap, Span};

use crate::checkov::{CheckovProgram, Policy};

/// Whose policy a file is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// A policy of Checkov: `metadata` and `definition`.
    Checkov,
}

/// Whose policy a file is, by its name and its first-level keys; `None` for our own and for what is none.
#[must_use]
pub fn kind(path: &str, text: &str) -> Option<Kind> {
    let yaml = path.ends_with(".yaml") || path.ends_with(".yml");
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
    let mut policies = Vec::new();
    for file in tree.below(folder.trim_matches('/')) {
        let named = [".yaml", ".yml", ".json"].iter().any(|end| file.path.ends_with(end));
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
            Some(Kind::Checkov) => {
                let text: Arc<str> = text.into();
                let number = sources.add(Arc::clone(&file.path), Arc::clone(&text));
                let (policy, diagnostics) = Policy::parse(&text, &file.path, number);
                policies.extend(policy);
                out.diagnostics.extend(diagnostics);
                out.files.push((Arc::clone(&file.path), text));
            }
        }
    }
    if !policies.is_empty() {
        out.programs.push(Box::new(CheckovProgram::new(policies)));
    }
    out
}
