//! METADATA comments: which annotation belongs to which package or rule.

use std::collections::BTreeMap;
use std::sync::Arc;

use probity_core::{Diagnostic, Level};
use probity_value::{FileId, yaml};

use super::tree::split_head;
use crate::Term;
use crate::ast::{Comment, Module};

/// For what an annotation holds.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
enum Scope {
    Rule,
    Document,
    Package,
    Subpackages,
}

/// Number of a module and of a rule in it.
type RuleAt = (usize, usize);

/// A path under `data`.
type Path = Vec<Arc<str>>;

/// All annotations of a program.
#[derive(Default)]
pub(super) struct Notes {
    /// By path under `data`.
    packages: BTreeMap<Path, Term>,
    subpackages: BTreeMap<Path, Term>,
    documents: BTreeMap<Path, Term>,
    /// By module and rule.
    rules: BTreeMap<RuleAt, Term>,
    /// Package and path of each rule.
    paths: BTreeMap<RuleAt, (Path, Path)>,
}

impl Notes {
    pub(super) fn read(modules: &[Module], problems: &mut Vec<Diagnostic>) -> Notes {
        let mut notes = Notes::default();
        for (module_at, module) in modules.iter().enumerate() {
            for (rule_at, rule) in module.rules.iter().enumerate() {
                let (path, _) = split_head(module, rule);
                notes.paths.insert((module_at, rule_at), (module.package.clone(), path));
            }
            for block in blocks(&module.comments) {
                notes.add(module_at, module, &block, problems);
            }
        }
        notes
    }

    fn add(&mut self, module_at: usize, module: &Module, block: &[&Comment], problems: &mut Vec<Diagnostic>) {
        let (Some(first), Some(last)) = (block.first(), block.last()) else { return };
        let mut fail = |message: String| {
            problems.push(Diagnostic::new(Level::Error, "rego-syntax", Arc::clone(&module.file), first.span, message));
        };
        let text: String =
            block.iter().skip(1).map(|comment| format!("{}\n", comment.text.strip_prefix(' ').unwrap_or(&comment.text))).collect();
        let (documents, found) = yaml::parse(&text, FileId::NONE);
        if let Some(problem) = found.iter().find(|problem| problem.fatal) {
            fail(format!("annotations are no YAML: {}", problem.message));
            return;
        }
        let Some(document) = documents.first() else {
            fail("expected METADATA block, found whitespace".to_owned());
            return;
        };
        let term = Term::from_value(&document.value);
        let Some(object) = term.as_object() else {
            fail("annotations are no map".to_owned());
            return;
        };
        // What stands next after the comment.
        let end = last.span.end;
        let package_next = module.package_span.start >= end;
        let rule_at = module.rules.iter().position(|rule| rule.span.start >= end);
        let scope = match object.get_str("scope").as_ref().and_then(|scope| scope.as_str().map(str::to_owned)).as_deref() {
            Some("rule") => Scope::Rule,
            Some("document") => Scope::Document,
            Some("package") => Scope::Package,
            Some("subpackages") => Scope::Subpackages,
            Some(other) => {
                fail(format!("invalid scope `{other}`"));
                return;
            }
            None if package_next => Scope::Package,
            None => match rule_at.and_then(|at| module.rules.get(at)) {
                // An annotation that makes a rule an entry point is about its document.
                Some(_) if object.get_str("entrypoint") == Some(Term::Bool(true)) => Scope::Document,
                _ => Scope::Rule,
            },
        };
        let note = normalised(&term, scope);
        match (scope, package_next, rule_at) {
            (Scope::Package, true, _) => {
                if self.packages.insert(module.package.clone(), note).is_some() {
                    fail("more than one annotation of the package".to_owned());
                }
            }
            (Scope::Subpackages, true, _) => {
                self.subpackages.insert(module.package.clone(), note);
            }
            (Scope::Package | Scope::Subpackages, false, _) | (Scope::Rule | Scope::Document, true, _) => {
                fail("the scope of the annotation does not fit what it stands before".to_owned());
            }
            (Scope::Rule, false, Some(at)) => {
                self.rules.insert((module_at, at), note);
            }
            (Scope::Document, false, Some(at)) => {
                if let Some((_, path)) = self.paths.get(&(module_at, at)) {
                    self.documents.insert(path.clone(), note);
                }
            }
            (Scope::Rule | Scope::Document, false, None) => {}
        }
    }

    /// What `rego.metadata.rule` and `rego.metadata.chain` give in a rule.
    pub(super) fn of(&self, module: usize, rule: usize) -> (Term, Term) {
        let own = self.rules.get(&(module, rule));
        let chain = self
            .chain(module, rule)
            .into_iter()
            .map(|(path, note)| {
                let path = Term::array(path.into_iter().map(Term::String).collect());
                let mut entry = vec![("path".into(), path)];
                if let Some(note) = note {
                    entry.push(("annotations".into(), note.clone()));
                }
                Term::object(entry)
            })
            .collect();
        (own.cloned().unwrap_or_else(Term::empty_object), Term::array(chain))
    }

    /// The annotations that concern a rule, nearest first.
    pub(super) fn near(&self, module: usize, rule: usize) -> Vec<Term> {
        self.chain(module, rule).into_iter().filter_map(|(_, note)| note.cloned()).collect()
    }

    fn chain(&self, module: usize, rule: usize) -> Vec<(Path, Option<&Term>)> {
        let Some((package, path)) = self.paths.get(&(module, rule)) else { return Vec::new() };
        let mut chain = vec![(path.clone(), self.rules.get(&(module, rule)))];
        if let Some(note) = self.documents.get(path) {
            chain.push((path.clone(), Some(note)));
        }
        if let Some(note) = self.packages.get(package) {
            chain.push((package.clone(), Some(note)));
        }
        for length in (0..=package.len()).rev() {
            let parent = package.get(..length).unwrap_or_default().to_vec();
            if let Some(note) = self.subpackages.get(&parent) {
                chain.push((parent, Some(note)));
            }
        }
        chain
    }
}

/// Blocks of comments that begin with `# METADATA`.
fn blocks(comments: &[Comment]) -> Vec<Vec<&Comment>> {
    let mut blocks = Vec::new();
    let mut block: Vec<&Comment> = Vec::new();
    for comment in comments {
        let follows = comment.alone && block.last().is_some_and(|last| last.line + 1 == comment.line);
        let begins = comment.alone && comment.text.trim() == "METADATA";
        if begins || !follows {
            if !block.is_empty() {
                blocks.push(std::mem::take(&mut block));
            }
            if begins {
                block.push(comment);
            }
        } else {
            block.push(comment);
        }
    }
    if !block.is_empty() {
        blocks.push(block);
    }
    blocks
}

/// Short forms of authors and related resources in their long ones; the scope said.
fn normalised(term: &Term, scope: Scope) -> Term {
    let scope = match scope {
        Scope::Rule => "rule",
        Scope::Document => "document",
        Scope::Package => "package",
        Scope::Subpackages => "subpackages",
    };
    let mut entries: Vec<(Term, Term)> = term.as_object().into_iter().flat_map(|object| object.iter()).collect();
    for (key, value) in &mut entries {
        match key.as_str() {
            Some("authors") => *value = each(value, author),
            Some("related_resources") => *value = each(value, |text| Term::object(vec![("ref".into(), text.into())])),
            _ => {}
        }
    }
    entries.push(("scope".into(), scope.into()));
    Term::object(entries)
}

fn each(value: &Term, long: impl Fn(&str) -> Term) -> Term {
    match value.as_array() {
        Some(items) => Term::array(items.iter().map(|item| item.as_str().map_or_else(|| item.clone(), &long)).collect()),
        None => value.clone(),
    }
}

/// `Name <mail>`.
fn author(text: &str) -> Term {
    let text = text.trim();
    let (name, email) = match text.rsplit_once('<') {
        Some((name, rest)) if rest.ends_with('>') => (name.trim(), rest.trim_end_matches('>').trim()),
        _ => (text, ""),
    };
    let mut entries: Vec<(Term, Term)> = Vec::new();
    if !name.is_empty() {
        entries.push(("name".into(), name.into()));
    }
    if !email.is_empty() {
        entries.push(("email".into(), email.into()));
    }
    Term::object(entries)
}
