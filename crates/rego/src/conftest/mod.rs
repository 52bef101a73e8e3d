//! Policies of Conftest: rules `deny`, `violation` and `warn` (with suffixes) in namespaces, exceptions, data, and tests of them.
//!
//! What lives here: gathering modules and data from a tree (`load`), judging documents (`check`), annotations (`meta`), tests (`verify`).
//! What does not: reading the documents (that is `probity-inputs`), and the language itself.
//!
//! Where Conftest takes something for a pass in silence (a `deny` that is no set, a namespace without policies, an empty message), this
//! is an error here.

mod check;
mod files;
mod load;
mod meta;
mod verify;

#[cfg(test)]
mod tests;

use std::sync::{Arc, Mutex, Weak};

use probity_core::{Diagnostic, Interest, Inventory, Level, PolicyRule, Tree};
use probity_value::{Span, Value};

use crate::engine::{Compiler, DataOverlay, Program, Query, RuleInfo, RuleKind, Version};

pub use check::{Answer, Check};
pub use load::{Gathered, Module, gather};
pub use verify::{FileCoverage, Verification, verify};

/// What the user asks of policies.
#[derive(Clone, Debug)]
pub struct Options {
    /// Namespaces whose rules judge; `*`, `?` and `[...]` are patterns.
    pub namespaces: Vec<Arc<str>>,
    /// The rules of all namespaces judge.
    pub all_namespaces: bool,
    /// Rego of modules that do not say it themselves.
    pub version: Version,
    /// An error of a builtin function is an error of the rule; otherwise what it would give is undefined.
    pub strict_builtin_errors: bool,
}

impl Default for Options {
    fn default() -> Options {
        Options { namespaces: vec!["main".into()], all_namespaces: false, version: Version::V1, strict_builtin_errors: false }
    }
}

/// Compiled policies: shareable, judging many documents.
pub struct Policies {
    program: Program,
    namespaces: Vec<Namespace>,
    rules: Vec<Arc<PolicyRule>>,
    interest: Interest,
    files: files::Files,
    strict_builtin_errors: bool,
    /// Whether any module may look at `data.conftest.file`.
    knows_file: bool,
    overlay: Mutex<Option<(Weak<Inventory>, Arc<DataOverlay>)>>,
}

impl std::fmt::Debug for Policies {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Policies").field("rules", &self.rules.len()).finish_non_exhaustive()
    }
}

/// The rules of one package.
struct Namespace {
    name: Arc<str>,
    rules: Vec<NamedRule>,
    /// How many bodies and heads its rules have: Conftest counts successes by them.
    definitions: usize,
    exception: Option<Query>,
}

/// A rule that judges, whatever bodies it has.
struct NamedRule {
    rule: Arc<PolicyRule>,
    query: Query,
    /// Its name without `deny_` and the like; what exceptions name.
    suffix: Arc<str>,
    warns: bool,
}

/// What kind of rule a name makes it; `None` for rules that do not judge.
fn judging(name: &str) -> Option<bool> {
    let fits = |prefix: &str| {
        let rest = name.strip_prefix(prefix)?;
        let parts = rest
            .strip_prefix('_')
            .map(|rest| rest.split('_').all(|part| !part.is_empty() && part.bytes().all(|byte| byte.is_ascii_alphanumeric())));
        (rest.is_empty() || parts == Some(true)).then_some(())
    };
    if fits("deny").or_else(|| fits("violation")).is_some() {
        return Some(false);
    }
    fits("warn").map(|()| true)
}

/// The name of a package: `main`, `kubernetes.admission`, `a["b c"]`.
fn package_name(package: &[Arc<str>]) -> Arc<str> {
    let path = crate::compile::path_text(package);
    path.strip_prefix("data.").or_else(|| path.strip_prefix("data")).unwrap_or(&path).into()
}

impl Policies {
    /// Compiles what was gathered. `tree` answers `parse_config_file` and `parse_combined_config_files`; without it they fail.
    ///
    /// # Errors
    /// Everything that is wrong with the policies, and namespaces that have no rules.
    pub fn compile(gathered: &Gathered, options: &Options, tree: Option<Arc<dyn Tree>>) -> Result<Policies, Vec<Diagnostic>> {
        let mut compiler = Compiler::new().prints();
        for module in &gathered.modules {
            compiler = compiler.module(Arc::clone(&module.file), Arc::clone(&module.text), module.id, options.version);
        }
        for data in &gathered.data {
            compiler = compiler.data(data);
        }
        let program = compiler.compile()?;
        let mut problems = Vec::new();
        let mut namespaces = Vec::new();
        for package in program.packages() {
            let name = package_name(&package);
            let wanted = options.all_namespaces || options.namespaces.iter().any(|pattern| matches(pattern, &name));
            if wanted {
                match namespace(&program, &package, name, gathered) {
                    Ok(namespace) => namespaces.push(namespace),
                    Err(found) => problems.extend(found),
                }
            }
        }
        if problems.is_empty() {
            problems = missing(&program, &namespaces, gathered, options);
        }
        if !problems.is_empty() {
            return Err(problems);
        }
        let rules = namespaces.iter().flat_map(|namespace| &namespace.rules).map(|rule| Arc::clone(&rule.rule)).collect();
        Ok(Policies {
            program,
            namespaces,
            rules,
            interest: Interest::default(),
            files: files::Files::new(tree, gathered),
            strict_builtin_errors: options.strict_builtin_errors,
            knows_file: gathered.modules.iter().any(|module| module.text.contains("data.conftest") || module.text.contains("\"conftest\"")),
            overlay: Mutex::new(None),
        })
    }

    /// The compiled program.
    #[must_use]
    pub fn program(&self) -> &Program {
        &self.program
    }

    /// The namespaces whose rules judge.
    pub fn namespaces(&self) -> impl Iterator<Item = &Arc<str>> {
        self.namespaces.iter().map(|namespace| &namespace.name)
    }
}

/// Namespaces that were asked for by name and have no rules: Conftest passes everything then, without a word.
fn missing(program: &Program, namespaces: &[Namespace], gathered: &Gathered, options: &Options) -> Vec<Diagnostic> {
    let file: Arc<str> = gathered.modules.first().map_or_else(|| "".into(), |module| Arc::clone(&module.file));
    let judging = |name: &str| namespaces.iter().any(|namespace| *namespace.name == *name && !namespace.rules.is_empty());
    let known: Vec<String> = program.packages().iter().map(|package| format!("`{}`", package_name(package))).collect();
    let hint = format!("there are {}", known.join(", "));
    if options.all_namespaces {
        let none = namespaces.iter().all(|namespace| namespace.rules.is_empty());
        let message = "no namespace has a rule `deny`, `violation` or `warn`";
        return if none { vec![Diagnostic::new(Level::Error, "conftest-namespace", file, Span::NONE, message)] } else { Vec::new() };
    }
    let mut problems = Vec::new();
    for wanted in &options.namespaces {
        let pattern = wanted.contains(['*', '?', '[']);
        let found = if pattern {
            namespaces.iter().any(|namespace| matches(wanted, &namespace.name) && judging(&namespace.name))
        } else {
            judging(wanted)
        };
        if !found {
            let message = format!("the namespace `{wanted}` has no rule `deny`, `violation` or `warn`");
            problems.push(Diagnostic::new(Level::Error, "conftest-namespace", Arc::clone(&file), Span::NONE, message).hint(hint.clone()));
        }
    }
    problems
}

/// Rules of one package that judge.
fn namespace(program: &Program, package: &[Arc<str>], name: Arc<str>, gathered: &Gathered) -> Result<Namespace, Vec<Diagnostic>> {
    let mut problems = Vec::new();
    let mut parts: Vec<(&Arc<str>, bool, Vec<&RuleInfo>)> = Vec::new();
    let mut definitions = 0;
    let mut excepting = false;
    for info in program.rules().iter().filter(|info| *info.package == *package) {
        excepting |= &*info.name == "exception";
        let Some(warns) = judging(&info.name) else { continue };
        definitions += 1;
        if info.kind == RuleKind::Object {
            let message = format!("the rule `{}` makes an object, which Conftest takes for a pass", info.name);
            let problem = Diagnostic::new(Level::Error, "conftest-rule", gathered.name(info.span.file), info.span, message);
            problems.push(problem.hint(format!("write `{} contains ...`", info.name)));
        }
        match parts.iter_mut().find(|(known, ..)| **known == info.name) {
            Some((_, _, infos)) => infos.push(info),
            None => parts.push((&info.name, warns, vec![info])),
        }
    }
    let path = crate::compile::path_text(package);
    let mut rules = Vec::new();
    for (rule_name, warns, infos) in parts {
        if infos.iter().all(|info| info.kind == RuleKind::Function) {
            continue;
        }
        let suffix = ["violation_", "deny_", "warn_"].iter().fold(&**rule_name, |rest, prefix| rest.strip_prefix(prefix).unwrap_or(rest));
        let suffix = if matches!(suffix, "violation" | "deny" | "warn") { "" } else { suffix };
        match program.prepare(&format!("{path}.{rule_name}")) {
            Ok(query) => {
                rules.push(NamedRule { rule: Arc::new(meta::rule(&name, rule_name, warns, &infos)), query, suffix: suffix.into(), warns })
            }
            Err(problem) => problems.push(problem),
        }
    }
    let exception = if excepting { Some(program.prepare(&format!("{path}.exception"))) } else { None };
    let exception = match exception {
        Some(Ok(query)) => Some(query),
        Some(Err(problem)) => {
            problems.push(problem);
            None
        }
        None => None,
    };
    if problems.is_empty() { Ok(Namespace { name, rules, definitions, exception }) } else { Err(problems) }
}

/// Whether a name fits a pattern as Go's `path.Match` has it; names have no `/`.
fn matches(pattern: &str, name: &str) -> bool {
    let pattern: Vec<char> = pattern.chars().collect();
    let name: Vec<char> = name.chars().collect();
    fits(&pattern, &name)
}

fn fits(pattern: &[char], name: &[char]) -> bool {
    match (pattern.first(), name.first()) {
        (None, first) => first.is_none(),
        (Some('*'), _) => {
            let rest = pattern.get(1..).unwrap_or_default();
            (0..=name.len()).any(|from| fits(rest, name.get(from..).unwrap_or_default()))
        }
        (Some(_), None) => false,
        (Some('['), Some(letter)) => match class(pattern, *letter) {
            Some((true, length)) => fits(pattern.get(length..).unwrap_or_default(), name.get(1..).unwrap_or_default()),
            _ => false,
        },
        (Some('\\'), Some(letter)) => {
            pattern.get(1) == Some(letter) && fits(pattern.get(2..).unwrap_or_default(), name.get(1..).unwrap_or_default())
        }
        (Some(wanted), Some(letter)) => {
            (*wanted == '?' || wanted == letter) && fits(pattern.get(1..).unwrap_or_default(), name.get(1..).unwrap_or_default())
        }
    }
}

/// Whether a letter is in the class a pattern begins with, and how long that is.
fn class(pattern: &[char], letter: char) -> Option<(bool, usize)> {
    let mut at = 1;
    let negated = pattern.get(at) == Some(&'^');
    at += usize::from(negated);
    let mut found = false;
    loop {
        let low = *pattern.get(at)?;
        if low == ']' {
            return Some((found != negated, at + 1));
        }
        let mut high = low;
        if pattern.get(at + 1) == Some(&'-') {
            high = *pattern.get(at + 2)?;
            at += 2;
        }
        found |= (low..=high).contains(&letter);
        at += 1;
    }
}

/// The name and folder of a file, as policies see them under `data.conftest.file`.
fn file_info(path: &str) -> Value {
    let (folder, name) = path.rsplit_once('/').unwrap_or((".", path));
    let text = |text: &str| Value::string(text, Span::NONE);
    let map = |entries: Vec<(&str, Value)>| {
        let mut map = probity_value::Map::new();
        for (key, value) in entries {
            map.insert(key, Span::NONE, value);
        }
        Value::map(map, Span::NONE)
    };
    map(vec![("conftest", map(vec![("file", map(vec![("name", text(name)), ("dir", text(folder))]))]))])
}
