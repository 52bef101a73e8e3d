//! What must hold of a folder of rule files as a whole, and of each rule's own tests.

use std::collections::{HashMap, HashSet};
use std::sync::Arc;

use probity_checks::{CheckProgram, Expectation, LazyCheck, Rule, RuleDocument, RuleTest, TestSource, nearest};
use probity_core::{Diagnostic, EvalContext, Level, Program, RuleResult, Status, SubjectIndex, Tree, World};
use probity_secrets::{Context, Engine, Pack, Rule as SecretRule, own};
use probity_value::{SourceMap, Span};

use crate::controls::Framework;

/// A rule file that was read.
#[derive(Clone, Debug)]
pub struct RuleFile {
    /// Its path in the tree.
    pub path: Arc<str>,
    /// The rule.
    pub document: RuleDocument,
}

/// A file with a rule for secrets that was read.
#[derive(Clone, Debug)]
pub struct SecretFile {
    /// Its path in the tree.
    pub path: Arc<str>,
    /// The rule.
    pub document: own::Document,
}

/// What a folder holds.
#[derive(Debug, Default)]
pub struct Linted {
    /// The rules that are sound.
    pub rules: Vec<RuleFile>,
    /// The rules for secrets that are sound.
    pub secrets: Vec<SecretFile>,
    /// The frameworks of its `controls` folder.
    pub frameworks: Vec<Framework>,
    /// Everything that is wrong, in the order of files.
    pub diagnostics: Vec<Diagnostic>,
}

/// Reads every rule file below `folder`. Ids are paths below `top`, which is `folder` or above it; frameworks are read from
/// `top/controls`. Texts are taken into `sources`.
#[must_use]
pub fn lint(tree: &dyn Tree, top: &str, folder: &str, sources: &SourceMap) -> Linted {
    let mut out = Linted::default();
    let top = top.trim_matches('/');
    let controls = if top.is_empty() { "controls/".to_owned() } else { format!("{top}/controls/") };
    for file in tree.below(controls.trim_end_matches('/')) {
        if is_yaml(&file.path)
            && let Some((text, id)) = text(tree, &file.path, sources, &mut out.diagnostics)
        {
            let (framework, diagnostics) = Framework::parse(&text, &file.path, id);
            out.frameworks.extend(framework);
            out.diagnostics.extend(diagnostics);
        }
    }
    let mut seen: HashMap<Arc<str>, Arc<str>> = HashMap::new();
    for file in tree.below(folder.trim_matches('/')) {
        if file.path.starts_with(&controls) || !is_yaml(&file.path) {
            continue;
        }
        let Some((text, id)) = text(tree, &file.path, sources, &mut out.diagnostics) else { continue };
        if is_secret_rule(&text) {
            match own::parse(&text, id) {
                Ok(document) => {
                    let at = Span::new(id, 0..0);
                    let wrong = wrong_id(&document.rule.meta.id, &file.path, top, &mut seen);
                    out.diagnostics.extend(wrong.map(|what| Diagnostic::new(Level::Error, "rule-file", Arc::clone(&file.path), at, what)));
                    out.secrets.push(SecretFile { path: Arc::clone(&file.path), document });
                }
                Err(faults) => out.diagnostics.extend(
                    faults
                        .into_iter()
                        .map(|fault| Diagnostic::new(Level::Error, "rule-file", Arc::clone(&file.path), fault.at, fault.what)),
                ),
            }
            continue;
        }
        let (document, diagnostics) = RuleDocument::parse(&text, &file.path, id);
        out.diagnostics.extend(diagnostics);
        let Some(document) = document else { continue };
        if let Some(what) = wrong_id(&document.meta.id, &file.path, top, &mut seen) {
            out.diagnostics.push(Diagnostic::new(Level::Error, "rule-file", Arc::clone(&file.path), document.id_span, what));
        }
        out.rules.push(RuleFile { path: Arc::clone(&file.path), document });
    }
    out
}

/// What is wrong with the id of a rule in a file of that path.
fn wrong_id(id: &Arc<str>, path: &Arc<str>, top: &str, seen: &mut HashMap<Arc<str>, Arc<str>>) -> Option<String> {
    let expected = id_of_path(path, top);
    if **id != *expected {
        return Some(format!("the id `{id}` does not follow from the path, which gives `{expected}`"));
    }
    seen.insert(Arc::clone(id), Arc::clone(path)).map(|other| format!("the id `{id}` is also used in `{other}`"))
}

/// Whether a rule file says what a secret looks like.
fn is_secret_rule(text: &str) -> bool {
    text.lines().any(|line| line.trim_end() == "secret:")
}

/// Runs the examples of rules for secrets, each rule alone and beside all others: what one finds another must not take away.
#[must_use]
pub fn run_secret_tests(rules: &[SecretFile]) -> Vec<Diagnostic> {
    let pack = |rules: Vec<SecretRule>| Engine::new(vec![Pack { rules, ..Pack::default() }]);
    let all = pack(rules.iter().map(|rule| rule.document.rule.clone()).collect());
    let mut diagnostics = Vec::new();
    for file in rules {
        let mut say = |span: Span, what: String| {
            diagnostics.push(Diagnostic::new(Level::Error, "rule-test", Arc::clone(&file.path), span, what));
        };
        let (alone, all) = match (pack(vec![file.document.rule.clone()]), &all) {
            (Ok(alone), Ok(all)) => (alone, all),
            (Err(error), _) => {
                say(Span::NONE, error.to_string());
                continue;
            }
            (_, Err(error)) => {
                say(Span::NONE, error.to_string());
                continue;
            }
        };
        for example in &file.document.hits {
            let context = Context { path: &example.path, commit: "" };
            let found = alone.scan(example.text.as_bytes(), context);
            if found.is_empty() {
                say(example.at, format!("the rule finds nothing in `{}`", example.text));
            }
            if found != alone.plain(example.text.as_bytes(), context) {
                say(example.at, format!("the rule's words miss something in `{}`", example.text));
            }
            // Another rule may know the same secret better; none may take it away.
            if !found.is_empty() && all.scan(example.text.as_bytes(), context).is_empty() {
                say(example.at, format!("beside all rules nothing finds the secret in `{}`", example.text));
            }
        }
        for example in &file.document.quiet {
            if !alone.scan(example.text.as_bytes(), Context { path: &example.path, commit: "" }).is_empty() {
                say(example.at, format!("the rule finds something in `{}`", example.text));
            }
        }
    }
    diagnostics
}

/// Says which controls of rules for secrets are in none of the frameworks.
#[must_use]
pub fn unknown_secret_controls(rules: &[SecretFile], frameworks: &[Framework]) -> Vec<Diagnostic> {
    let known: HashSet<String> = frameworks
        .iter()
        .flat_map(|framework| framework.requirements.iter().map(|requirement| format!("{}/{}", framework.id, requirement.id)))
        .collect();
    let said = |rule: &SecretFile, control: &str| {
        let what = format!("the control `{control}` is in no framework under `controls`");
        Diagnostic::new(Level::Error, "rule-control", Arc::clone(&rule.path), Span::NONE, what)
    };
    rules
        .iter()
        .flat_map(|rule| {
            rule.document.rule.meta.controls.iter().filter(|control| !known.contains(&***control)).map(|control| said(rule, control))
        })
        .collect()
}

/// Says which controls of the rules are in none of the frameworks.
#[must_use]
pub fn unknown_controls(rules: &[RuleFile], frameworks: &[Framework]) -> Vec<Diagnostic> {
    let mut diagnostics = Vec::new();
    for rule in rules {
        for (control, span) in rule.document.meta.controls.iter().zip(&rule.document.control_spans) {
            let (name, requirement) = control.split_once('/').unwrap_or((control, ""));
            let hint = match frameworks.iter().find(|framework| framework.id == name) {
                None => nearest(name, frameworks.iter().map(|framework| framework.id.as_str())).map(str::to_owned),
                Some(framework) if framework.requirements.iter().any(|known| known.id == requirement) => continue,
                Some(framework) => {
                    nearest(requirement, framework.requirements.iter().map(|known| known.id.as_str())).map(|near| format!("{name}/{near}"))
                }
            };
            let message = format!("the control `{control}` is in no framework under `controls`");
            let mut diagnostic = Diagnostic::new(Level::Error, "rule-control", Arc::clone(&rule.path), *span, message);
            diagnostic.hint = hint.map(|near| format!("did you mean `{near}`"));
            diagnostics.push(diagnostic);
        }
    }
    diagnostics
}

/// Says which pairs of the frameworks' own files name a control or a rule nobody has.
#[must_use]
pub fn unknown_pairs(rules: &[RuleFile], secrets: &[SecretFile], frameworks: &[Framework]) -> Vec<Diagnostic> {
    let controls: HashSet<String> = frameworks
        .iter()
        .flat_map(|framework| framework.requirements.iter().map(|requirement| format!("{}/{}", framework.id, requirement.id)))
        .collect();
    let mut ids: HashSet<&str> = rules.iter().map(|rule| &*rule.document.meta.id).collect();
    ids.extend(secrets.iter().map(|rule| &*rule.document.rule.meta.id));
    let mut diagnostics = Vec::new();
    for framework in frameworks {
        for requirement in &framework.requirements {
            let mut say = |what: String| {
                let message = format!("the requirement `{}` names {what}", requirement.id);
                let file = format!("controls/{}.yaml", framework.id);
                diagnostics.push(Diagnostic::new(Level::Error, "framework-pair", file, Span::NONE, message));
            };
            for control in requirement.from.iter().filter(|control| !controls.contains(*control)) {
                say(format!("the control `{control}`, which is in no framework under `controls`"));
            }
            for rule in requirement.rules.iter().filter(|rule| !ids.contains(rule.as_str())) {
                say(format!("the rule `{rule}`, which does not exist"));
            }
        }
    }
    diagnostics
}

/// Makes the subjects of a test's text, with whatever its source has to say; `None` for a language it does not read, whose tests are then
/// not run. The languages are not this crate's to know.
pub type MakeWorld<'a> = dyn Fn(TestSource, &str) -> Option<(World, Vec<Diagnostic>)> + 'a;

/// Runs a rule's own tests. `judge` makes the subjects of a test's text, with whatever its source has to say.
#[must_use]
pub fn run_tests(rule: &RuleFile, judge: &MakeWorld<'_>) -> Vec<Diagnostic> {
    let meta = Arc::new(rule.document.meta.clone());
    let check = Arc::new(LazyCheck::ready(rule.document.variants.clone()));
    let program = CheckProgram::new(vec![Rule { meta, check }]);
    let context = EvalContext { parameters: Arc::new(rule.document.parameters.clone()), ..EvalContext::default() };
    let mut diagnostics = Vec::new();
    for test in &rule.document.tests {
        let Some((world, said)) = judge(test.source, &test.text) else { continue };
        let broken = said.iter().find(|diagnostic| diagnostic.level == Level::Error);
        let results: Vec<RuleResult> = (0..world.subjects().len())
            .flat_map(|position| program.evaluate(SubjectIndex(u32::try_from(position).unwrap_or(u32::MAX)), &world, &context))
            .collect();
        let wrong = match broken {
            Some(diagnostic) => Some(format!("its source cannot be read: {}", diagnostic.message)),
            None => disagreement(test, &results, &world),
        };
        if let Some(wrong) = wrong {
            let message = format!("the test `{}` under `{}`: {wrong}", test.name, test.expect.as_str());
            diagnostics.push(Diagnostic::new(Level::Error, "rule-test", Arc::clone(&rule.path), test.span, message));
        }
    }
    diagnostics
}

/// What came out otherwise than expected.
fn disagreement(test: &RuleTest, results: &[RuleResult], world: &World) -> Option<String> {
    let first = |status: Status| results.iter().find(|result| result.status == status);
    let show = |result: &RuleResult| {
        let subject = world.subject(result.subject).map(|subject| subject.id.to_string()).unwrap_or_default();
        let message = if result.message.is_empty() { String::new() } else { format!(" ({})", result.message) };
        format!("`{subject}` is {}{message}", result.status)
    };
    if let Some(result) = first(Status::Error) {
        return Some(show(result));
    }
    let (wanted, unwanted): (Option<Status>, &[Status]) = match test.expect {
        Expectation::Fail => (Some(Status::Fail), &[]),
        Expectation::Pass => (Some(Status::Pass), &[Status::Fail, Status::Unknown]),
        Expectation::Unknown => (Some(Status::Unknown), &[Status::Fail]),
        Expectation::NotApplicable => (None, &[Status::Fail, Status::Pass, Status::Unknown, Status::Warn]),
    };
    if let Some(result) = unwanted.iter().find_map(|status| first(*status)) {
        return Some(show(result));
    }
    match wanted {
        Some(status) if first(status).is_none() => Some(match results.first() {
            Some(result) => format!("nothing is {status}; {}", show(result)),
            None if world.subjects().is_empty() => "its source has no subjects".to_owned(),
            None => "the rule applies to nothing in it".to_owned(),
        }),
        _ => None,
    }
}

fn is_yaml(path: &str) -> bool {
    path.ends_with(".yaml") || path.ends_with(".yml")
}

/// The id a rule file must have: its path below `top`, with `-`.
fn id_of_path(path: &str, top: &str) -> String {
    let below = path.strip_prefix(top).unwrap_or(path).trim_start_matches('/');
    // Rules for secrets lie below `secrets`, and each is of one secret.
    let below = below.strip_prefix("secrets/").map_or_else(|| below.to_owned(), |rest| format!("secret/{rest}"));
    below.trim_end_matches(".yaml").trim_end_matches(".yml").replace('/', "-")
}

fn text(tree: &dyn Tree, path: &str, sources: &SourceMap, diagnostics: &mut Vec<Diagnostic>) -> Option<(Arc<str>, probity_value::FileId)> {
    let said = |message: String| Diagnostic::new(Level::Error, "rule-file", path, Span::NONE, message);
    let bytes = match tree.read(path) {
        Ok(bytes) => bytes,
        Err(error) => {
            diagnostics.push(said(error.to_string()));
            return None;
        }
    };
    match std::str::from_utf8(&bytes) {
        Ok(text) => {
            let text: Arc<str> = text.into();
            let id = sources.add(path, Arc::clone(&text));
            Some((text, id))
        }
        Err(_) => {
            diagnostics.push(said("the file is not UTF-8 text".to_owned()));
            None
        }
    }
}
