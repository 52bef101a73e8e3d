//! Results of other scanners: read, and made findings.

use std::sync::Arc;

use probity_core::{Diagnostic, Finding, Level, ReadFile, RuleMeta, SkippedFile, TreeError};
use probity_formats::reports::{self, MOST_BYTES};
use probity_formats::sarif_in::{ReadOptions, to_findings};
use probity_value::{SourceMap, Span};
use probity_verdict::config::Config;
use probity_verdict::decide::ExternalScan;

use crate::{ExternalFile, JudgeInput};

/// What other scanners gave.
#[derive(Debug, Default)]
pub(crate) struct TakenIn {
    pub(crate) findings: Vec<Finding>,
    pub(crate) rules: Vec<Arc<RuleMeta>>,
    pub(crate) scans: Vec<ExternalScan>,
    pub(crate) diagnostics: Vec<Diagnostic>,
    pub(crate) read: Vec<ReadFile>,
    pub(crate) skipped: Vec<SkippedFile>,
}

impl TakenIn {
    fn refuse(&mut self, path: &Arc<str>, why: String) {
        self.diagnostics.push(Diagnostic::new(Level::Error, "scan-unreadable", Arc::clone(path), Span::NONE, why.clone()));
        self.skipped.push(SkippedFile { file: Arc::clone(path), source: "sarif", why, fails: true, partly: false });
    }
}

/// Takes in what flags and configuration name.
pub(crate) fn take_in(input: &JudgeInput<'_>, config: &Config, texts: &SourceMap) -> TakenIn {
    let mut out = TakenIn::default();
    let mut files: Vec<ExternalFile> = input.externals.to_vec();
    for scan in &config.scans {
        match input.tree.read_within(&scan.file, MOST_BYTES as u64) {
            Ok(bytes) => {
                let (name, path, format) = (Arc::clone(&scan.name), Arc::clone(&scan.file), scan.format.clone());
                files.push(ExternalFile { name, path, format, bytes });
            }
            // A required scan that is absent is said by the verdict; one that is only named must be there.
            Err(TreeError::Missing) if config.required.contains_key(&scan.name) => {}
            Err(error) => out.refuse(&scan.file, format!("the results of `{}` cannot be read: {error}", scan.name)),
        }
    }
    let mut found: Vec<Finding> = Vec::new();
    let exists = |path: &str| input.tree.contains(path);
    for file in files {
        let Ok(text) = std::str::from_utf8(&file.bytes) else {
            out.refuse(&file.path, "the results are not UTF-8 text".to_owned());
            continue;
        };
        let text = text.strip_prefix('\u{feff}').unwrap_or(text);
        let number = texts.add(Arc::clone(&file.path), text);
        let options = ReadOptions { root: input.absolute, prefix: input.prefix, exists: &exists };
        let (source, external) = reports::read(text, number, &file.path, file.format.as_deref(), options);
        if external.failed() {
            out.skipped.push(SkippedFile {
                file: Arc::clone(&file.path),
                source,
                why: "the results are broken or the scan did not end well".to_owned(),
                fails: true,
                partly: !external.runs.is_empty(),
            });
        }
        let mut subjects = 0;
        for run in &external.runs {
            let findings = to_findings(run, &|bytes| (input.digest)(bytes));
            subjects += findings.len();
            let mut say = |level, code, message| {
                out.diagnostics.push(Diagnostic::new(level, code, Arc::clone(&file.path), Span::NONE, message));
            };
            say(Level::Note, "scan-taken-in", reports::statement(run));
            if let Some(older) = input.made.and_then(|made| reports::older_than(run, made)) {
                say(Level::Warning, "scan-older-than-commit", older);
            }
            if run.successful {
                out.scans.push(ExternalScan { name: Arc::clone(&file.name), tool: Arc::clone(&run.tool), finished: run.end });
            }
            found.extend(findings);
        }
        out.read.push(ReadFile { file: Arc::clone(&file.path), source, subjects });
        out.diagnostics.extend(external.diagnostics);
    }
    for mut finding in found {
        if let Some(rule) = config.rule(&finding.rule) {
            finding.rule = rule;
            if !out.rules.iter().any(|rule| rule.id == finding.rule.id) {
                out.rules.push(Arc::clone(&finding.rule));
            }
            out.findings.push(finding);
        }
    }
    out
}
