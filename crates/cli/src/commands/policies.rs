//! `probity explain`, `probity policies list|lint`.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use anyhow::Result;
use probity_catalog::{
    builtin, lint as lint_folder, run_secret_tests, run_tests, unknown_controls, unknown_pairs, unknown_secret_controls,
};
use probity_checks::TestSource;
use probity_core::{CollectOptions, Diagnostic, Digest, Level, RuleMeta, Tree, TreeError, TreeFile, World};
use probity_files::FolderTree;
use probity_formats::{explain, json};
use probity_pipeline::collect;
use probity_value::SourceMap;
use probity_verdict::config::Policies;
use probity_verdict::{ids, own};

use crate::adapters::{OwnRules, Rules, SOURCES};
use crate::arguments::{CompareFormat, ExplainArguments, ExplainFormat, When};
use crate::{Wrong, output};

/// All rules: built in, of the folders, and Probity's own.
pub(crate) fn all(folders: Vec<PathBuf>) -> Result<Vec<Arc<RuleMeta>>> {
    let texts = SourceMap::new();
    let loaded = Rules::of(folders).load(&Policies::default(), None, &texts);
    if !loaded.wrong.is_empty() {
        output::diagnostics(&loaded.wrong, &texts);
        return Err(Wrong::hint("the policies have problems", Some("`probity policies lint DIR` says more")).into());
    }
    let mut rules = loaded.rules();
    rules.extend(own::rules());
    rules.sort_by(|a, b| a.id.cmp(&b.id));
    Ok(rules)
}

pub(crate) fn explain(arguments: &ExplainArguments) -> Result<u8> {
    let rules = all(arguments.policies.clone())?;
    let found: Vec<&Arc<RuleMeta>> = ids::find(&rules, &arguments.id).collect();
    if found.is_empty() {
        let hint = ids::nearest(&rules, &arguments.id).map(|id| format!("did you mean `{id}`?"));
        return Err(Wrong::hint(format!("no rule answers to `{}`", arguments.id), hint.as_deref()).into());
    }
    let texts: Vec<String> = found
        .iter()
        .map(|rule| match arguments.format {
            ExplainFormat::Human => explain::text(rule, output::style(When::Auto)),
            ExplainFormat::Markdown => explain::markdown(rule),
        })
        .collect();
    output::text(&texts.join("\n"))?;
    Ok(0)
}

pub(crate) fn list(folders: Vec<PathBuf>, format: CompareFormat, examples: bool) -> Result<u8> {
    let rules = all(folders)?;
    let rules = rules.iter().map(|rule| &**rule);
    if examples && format == CompareFormat::Json {
        let examples = |rule: &RuleMeta| {
            let tests = builtin().explain(&rule.id).into_iter().filter(|one| one.meta.id == rule.id).flat_map(|one| one.examples);
            tests.map(|test| json::RuleExample { expect: test.expect, name: test.name, language: test.language, text: test.text }).collect()
        };
        output::data(&json::rules_with_examples(rules, examples))?;
        return Ok(0);
    }
    match format {
        CompareFormat::Human => output::text(&explain::list(rules, output::style(When::Auto)))?,
        CompareFormat::Json => output::data(&json::rules(rules))?,
    }
    Ok(0)
}

/// One file in memory: the source of a rule's test.
struct OneFile {
    files: Vec<TreeFile>,
    bytes: Arc<[u8]>,
}

impl Tree for OneFile {
    fn files(&self) -> &[TreeFile] {
        &self.files
    }

    fn read(&self, path: &str) -> Result<Arc<[u8]>, TreeError> {
        if self.contains(path) { Ok(Arc::clone(&self.bytes)) } else { Err(TreeError::Missing) }
    }

    fn digests(&self) -> BTreeMap<Arc<str>, Digest> {
        BTreeMap::new()
    }
}

/// The subjects of a test's text.
pub(crate) fn world(source: TestSource, text: &str) -> Option<(World, Vec<Diagnostic>)> {
    let path = source.file();
    let tree = OneFile { files: vec![TreeFile { path: path.into(), size: text.len() as u64 }], bytes: text.as_bytes().into() };
    let found = collect(&tree, &SourceMap::new(), SOURCES, &[], &CollectOptions::default(), &|_| true);
    Some((found.world, found.diagnostics))
}

pub(crate) fn lint(path: &Path, strict: bool) -> Result<u8> {
    let tree = FolderTree::open(path, None, 1 << 20).map_err(Wrong::new)?;
    let texts = SourceMap::new();
    let others = probity_foreign::load_folder(&tree, "", &texts);
    let found = probity_policy::load_folder(&tree, "", &texts);
    let linted = lint_folder(&OwnRules::of(&tree, "", &others, &found), "", "", &texts);
    let mut wrong = linted.diagnostics;
    wrong.extend(others.diagnostics);
    wrong.extend(found.diagnostics.iter().cloned());
    if !linted.frameworks.is_empty() {
        wrong.extend(unknown_controls(&linted.rules, &linted.frameworks));
        wrong.extend(unknown_pairs(&linted.rules, &linted.secrets, &linted.frameworks));
        wrong.extend(unknown_secret_controls(&linted.secrets, &linted.frameworks));
    }
    wrong.extend(run_secret_tests(&linted.secrets));
    for rule in &linted.rules {
        wrong.extend(run_tests(rule, &world));
    }
    wrong.extend(probity_policy::lint::lint(&found, &probity_policy::lint::tested(&tree)));
    // What Rego has to say of modules is said where they are compiled with all they name.
    if !found.modules.is_empty() {
        let gathered = probity_rego::conftest::Gathered {
            modules: found
                .modules
                .iter()
                .map(|(file, text, id)| probity_rego::conftest::Module { file: Arc::clone(file), text: Arc::clone(text), id: *id })
                .collect(),
            data: Vec::new(),
        };
        wrong.extend(rego_problems(&gathered));
    }
    output::diagnostics(&wrong, &texts);
    let warnings = wrong.iter().filter(|one| one.level == Level::Warning).count();
    let errors = wrong.iter().filter(|one| one.level == Level::Error).count();
    let examples = linted.secrets.iter().map(|rule| rule.document.hits.len() + rule.document.quiet.len());
    let tests: usize = linted.rules.iter().map(|rule| rule.document.tests.len()).chain(examples).sum();
    let rules = linted.rules.len() + linted.secrets.len();
    let foreign: usize = others.programs.iter().map(|program| program.rules().len()).sum();
    let policies = found.set.policies().len();
    if rules == 0 && foreign == 0 && policies == 0 && found.modules.is_empty() && wrong.is_empty() {
        output::talk("nothing to look at: there are no rule files");
        return Ok(4);
    }
    let mut theirs = if foreign == 0 { String::new() } else { format!("{foreign} rules of other tools, ") };
    if policies > 0 || !found.documents.is_empty() {
        theirs += &format!("{policies} policies of Kubernetes, ");
    }
    if !found.modules.is_empty() {
        theirs += &format!("{} modules of Rego, ", found.modules.len());
    }
    output::data(&format!("{} rules, {theirs}{tests} tests, {errors} errors, {warnings} warnings\n", rules))?;
    Ok(match () {
        () if errors > 0 => 2,
        () if strict && warnings > 0 => 1,
        () => 0,
    })
}

/// What is wrong with modules of Rego, compiled together; those that need Rego v0 are taken for that.
fn rego_problems(gathered: &probity_rego::conftest::Gathered) -> Vec<Diagnostic> {
    let compile = |version| {
        let mut compiler = probity_rego::Compiler::new();
        for module in &gathered.modules {
            compiler = compiler.module(Arc::clone(&module.file), Arc::clone(&module.text), module.id, version);
        }
        compiler.compile()
    };
    compile(probity_rego::Version::V1)
        .map(|_| Vec::new())
        .or_else(|problems| compile(probity_rego::Version::V0).map(|_| Vec::new()).map_err(|_| problems))
        .unwrap_or_else(|problems| problems)
}
