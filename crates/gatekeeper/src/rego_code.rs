//! Templates whose code is Rego.

use std::sync::{Arc, Mutex, PoisonError};

use probity_core::{Diagnostic, Level};
use probity_rego::{Compiler, DataOverlay, ErrorCode, EvalError, EvalOptions, Program, Query, Shape, Term, Version};
use probity_value::{FileId, Map, SourceMap, Span, Value};

use crate::embedded::Embedded;
use crate::inventory::Prepared;
use crate::judge::{Judgement, Means, Violation};
use crate::read::{self, Fault};
use crate::review::{self, Review};

const CODE: &str = "gatekeeper-rego";

/// Compiled Rego of a template.
#[derive(Debug)]
pub(crate) struct RegoCode {
    program: Program,
    query: Query,
    texts: Vec<Embedded>,
    /// The modules as they are written.
    modules: Vec<Arc<str>>,
    /// The inventory as data of this program: what was made of the last one.
    overlay: Mutex<Option<(Arc<Prepared>, Arc<DataOverlay>)>>,
}

impl RegoCode {
    /// Compiles the code and its libraries.
    pub(crate) fn compile(
        text: &Value,
        libs: Option<&Value>,
        v1: bool,
        file: &Arc<str>,
        sources: &SourceMap,
        warnings: &mut Vec<Fault>,
    ) -> Result<RegoCode, Vec<Fault>> {
        let one = |fault: Fault| vec![fault];
        let mut modules = vec![(read::text(text, "rego", CODE).map_err(one)?, Embedded::of(text, sources))];
        if let Some(libs) = libs.filter(|libs| !libs.is_null()) {
            for lib in read::list(libs, "libs", CODE).map_err(one)? {
                modules.push((read::text(lib, "libs", CODE).map_err(one)?, Embedded::of(lib, sources)));
            }
        }
        let version = if v1 { Version::V1 } else { Version::V0 };
        let texts: Vec<Embedded> = modules.iter().map(|(_, embedded)| embedded.clone()).collect();
        let faults = check_modules(&modules, version, file, &texts);
        if !faults.is_empty() {
            return Err(faults);
        }
        let mut inventory = Map::new();
        inventory.insert("inventory", Span::NONE, Value::map(Map::new(), Span::NONE));
        let mut compiler = Compiler::new().data(&Value::map(inventory, Span::NONE));
        for (index, (module, _)) in modules.iter().enumerate() {
            compiler = compiler.module(Arc::clone(file), Arc::clone(module), module_id(index), version);
        }
        let fault = |diagnostic: Diagnostic| of_diagnostic(diagnostic, &texts);
        let program = compiler.compile().map_err(|problems| {
            let (errors, rest): (Vec<_>, Vec<_>) = problems.into_iter().partition(|problem| problem.level == Level::Error);
            warnings.extend(rest.into_iter().map(fault));
            errors.into_iter().map(fault).collect::<Vec<_>>()
        })?;
        let entry = program.rules().iter().find(|rule| rule.span.file == module_id(0) && *rule.name == *"violation");
        let entry = entry.ok_or_else(|| one(no_violation(&texts)))?;
        let query = program.prepare(&entry.path()).map_err(|problem| one(fault(problem)))?;
        let lines = modules.iter().map(|(module, _)| Arc::clone(module)).collect();
        Ok(RegoCode { program, query, texts, modules: lines, overlay: Mutex::default() })
    }

    /// The inventory as data of this program; nothing where it is empty.
    fn overlay(&self, prepared: &Arc<Prepared>) -> Option<Arc<DataOverlay>> {
        if prepared.empty {
            return None;
        }
        let mut last = self.overlay.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some((known, overlay)) = &*last
            && Arc::ptr_eq(known, prepared)
        {
            return Some(Arc::clone(overlay));
        }
        let overlay = Arc::new(DataOverlay::new(&self.program, std::slice::from_ref(&prepared.data)));
        *last = Some((Arc::clone(prepared), Arc::clone(&overlay)));
        Some(overlay)
    }

    /// What the template says of a review.
    pub(crate) fn judge(&self, review: &Review<'_>, parameters: &Value, means: &Means<'_>) -> Judgement {
        let context = means.context;
        if let Some(unknown) = review.candidates().find_map(Value::find_unknown) {
            return Judgement { unknown: Some(unknown.reason.to_string()), ..Judgement::default() };
        }
        let data = self.overlay(means.prepared);
        let options = EvalOptions {
            limits: context.limits,
            now: context.now,
            lookup: context.lookup,
            interrupted: context.interrupted,
            places: true,
            ..EvalOptions::default()
        };
        let input = Term::from_value(&review::input(&review.input(), parameters));
        let evaluation = match self.program.evaluate_term(&self.query, Some(input), data.as_deref(), &options) {
            Ok(evaluation) => evaluation,
            Err(error) => {
                let fatal = matches!(error.code, ErrorCode::Cancelled | ErrorCode::Internal);
                return Judgement { errors: vec![(self.words(&error), place(&self.texts, error.at))], fatal, ..Judgement::default() };
            }
        };
        let mut judgement = Judgement { cost: evaluation.steps, ..Judgement::default() };
        let Some(value) = evaluation.value() else { return judgement };
        let Some(members) = value.as_set() else {
            judgement.fatal = true;
            judgement.fail(format!("`violation` has to be a set, but is of type {}", value.kind()), Span::NONE);
            return judgement;
        };
        for member in members.iter() {
            let at = evaluation.places_of(member).first().copied().unwrap_or(Span::NONE);
            if member.as_object().is_none() {
                judgement.fatal = true;
                judgement.fail(format!("a violation has to be an object with a `msg`, but is `{}`", member.to_json()), at);
                continue;
            }
            let Some(message) = member.get_str("msg") else {
                // Gatekeeper passes over what has no message; so does this, but says so.
                judgement.mute(&member.to_json(), at);
                continue;
            };
            match message.as_str() {
                Some(message) => {
                    let details = member.get_str("details").unwrap_or_else(Term::empty_object);
                    judgement.add(Violation { message: message.to_owned(), details: details.to_value(), at });
                }
                None => {
                    judgement.fatal = true;
                    judgement.fail(format!("the `msg` of a violation has to be text, but is `{}`", message.to_json()), at);
                }
            }
        }
        judgement
    }

    /// An error in OPA's words: `template:3: eval_conflict_error: ...`.
    fn words(&self, error: &EvalError) -> String {
        let index = error.at.file.0 as usize;
        let Some(module) = self.modules.get(index).filter(|_| !error.at.is_none()) else {
            return format!("{}: {}", error.code.as_str(), error.message);
        };
        let line = module.bytes().take(error.at.start as usize).filter(|byte| *byte == b'\n').count() + 1;
        let name = index.checked_sub(1).map_or_else(|| "template".to_owned(), |lib| format!("libs[\"lib_{lib}\"]"));
        format!("{name}:{line}: {}: {}", error.code.as_str(), error.message)
    }
}

fn module_id(index: usize) -> FileId {
    FileId(u32::try_from(index).unwrap_or(u32::MAX))
}

fn of_diagnostic(diagnostic: Diagnostic, texts: &[Embedded]) -> Fault {
    let at = place(texts, diagnostic.span);
    Fault { at, code: diagnostic.code, message: diagnostic.message, hint: diagnostic.hint, level: None }
}

fn no_violation(texts: &[Embedded]) -> Fault {
    Fault::new(CODE, texts.first().map_or(Span::NONE, Embedded::whole), "the Rego of a template needs a rule `violation`")
}

/// What Gatekeeper asks of modules beyond what Rego does: libraries lie below `data.lib`, and nothing but them and `data.inventory` is read.
fn check_modules(modules: &[(&Arc<str>, Embedded)], version: Version, file: &Arc<str>, texts: &[Embedded]) -> Vec<Fault> {
    let mut faults = Vec::new();
    for (index, (text, _)) in modules.iter().enumerate() {
        let info = match probity_rego::inspect(file, text, module_id(index), version) {
            Ok(info) => info,
            Err(problem) => {
                faults.push(of_diagnostic(problem, texts));
                continue;
            }
        };
        let mut refuse = |at: Span, message: String| faults.push(Fault::new(CODE, place(texts, at), message));
        if index > 0 && (info.package.len() < 2 || info.package.first().is_none_or(|first| **first != *"lib")) {
            let package = info.package.join(".");
            refuse(info.package_at, format!("a library has to lie in a package below `lib`, but this one is `{package}`"));
        }
        for (path, at) in &info.imports {
            let words: Vec<&str> = path.iter().map(|part| &**part).collect();
            if !matches!(words.as_slice(), ["data", "lib", ..] | ["future", ..]) {
                refuse(*at, format!("a template may import from `data.lib` and `future` alone, not `{}`", words.join(".")));
            }
        }
        for (path, at) in &info.data {
            if !matches!(path.first().map(|first| &**first), Some("inventory" | "lib")) {
                let path: String = path.iter().map(|part| format!(".{part}")).collect();
                refuse(*at, format!("a template may read `data.inventory` and `data.lib` alone, not `data{path}`"));
            }
        }
        if index > 0 {
            continue;
        }
        let mut heads = info.heads.iter().filter(|head| *head.name == *"violation").peekable();
        if heads.peek().is_none() {
            faults.push(no_violation(texts));
            continue;
        }
        for head in heads {
            let wrong = match &head.member {
                _ if head.function => "`violation` may not be a function",
                Some(Shape::NoObject) => "a violation has to be an object with a `msg`",
                Some(Shape::Keys(keys)) if !keys.iter().any(|key| **key == *"msg") => "a violation needs a `msg`",
                _ => continue,
            };
            faults.push(Fault::new(CODE, place(texts, head.at), wrong).hint("write `violation[{\"msg\": msg}] { ... }`"));
        }
    }
    faults
}

/// A place in one of the modules as a place in the file.
fn place(texts: &[Embedded], span: Span) -> Span {
    match texts.get(span.file.0 as usize) {
        Some(embedded) => embedded.span(span.start, span.end),
        None => texts.first().map_or(Span::NONE, Embedded::whole),
    }
}
