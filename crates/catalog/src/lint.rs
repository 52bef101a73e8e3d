//! What must hold of a folder of rule files as a whole, and of each rule's own tests.

use std::collections::{HashMap, HashSet};
use std::sync::Arc;

use probity_checks::{CheckProgram, Expectation, LazyCheck, Rule, RuleDocument, RuleTest, TestSource, nearest};
use probity_core::{Diagnostic, EvalContext, Level, Program, RuleResult, Status, SubjectIndex, Tree, World};
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

/// What a folder holds.
#[derive(Debug, Default)]
pub struct Linted {
    /// The rules that are sound.
    pub rules: Vec<RuleFile>,
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
        let (document, diagnostics) = RuleDocument::parse(&text, &file.path, id);
        out.diagnostics.extend(diagnostics);
        let Some(document) = document else { continue };
        let mut say = |span: Span, message: String| {
            out.diagnostics.push(Diagnostic::new(Level::Error, "rule-file", Arc::clone(&file.path), span, message));
        };
        let expected = id_of_path(&file.path, top);
        if *document.meta.id != *expected {
            say(document.id_span, format!("the id `{}` does not follow from the path, which gives `{expected}`", document.meta.id));
        }
        if let Some(other) = seen.insert(Arc::clone(&document.meta.id), Arc::clone(&file.path)) {
            say(document.id_span, format!("the id `{}` is also used in `{other}`", document.meta.id));
        }
        out.rules.push(RuleFile { path: Arc::clone(&file.path), document });
    }
    out
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
pub fn unknown_pairs(rules: &[RuleFile], frameworks: &[Framework]) -> Vec<Diagnostic> {
    let controls: HashSet<String> = frameworks
        .iter()
        .flat_map(|framework| framework.requirements.iter().map(|requirement| format!("{}/{}", framework.id, requirement.id)))
        .collect();
    let ids: HashSet<&str> = rules.iter().map(|rule| &*rule.document.meta.id).collect();
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
