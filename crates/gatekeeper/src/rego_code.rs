//! Templates whose code is Rego.

use std::sync::{Arc, Mutex, PoisonError};

use probity_core::{Diagnostic, Level};
use probity_rego::{Compiler, DataOverlay, ErrorCode, EvalOptions, Program, Query, Term, Version};
use probity_value::{FileId, SourceMap, Span, Value};

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
        let mut compiler = Compiler::new();
        for (index, (module, _)) in modules.iter().enumerate() {
            let id = FileId(u32::try_from(index).unwrap_or(u32::MAX));
            compiler = compiler.module(Arc::clone(file), Arc::clone(module), id, version);
        }
        let place = |span: Span| place(&texts, span);
        let fault = |diagnostic: Diagnostic| Fault {
            at: place(diagnostic.span),
            code: diagnostic.code,
            message: diagnostic.message,
            hint: diagnostic.hint,
            level: None,
        };
        let program = compiler.compile().map_err(|problems| {
            let (errors, rest): (Vec<_>, Vec<_>) = problems.into_iter().partition(|problem| problem.level == Level::Error);
            warnings.extend(rest.into_iter().map(fault));
            errors.into_iter().map(fault).collect::<Vec<_>>()
        })?;
        let entry = program.rules().iter().find(|rule| rule.span.file == FileId(0) && *rule.name == *"violation");
        let Some(entry) = entry else {
            let whole = texts.first().map_or(Span::NONE, Embedded::whole);
            return Err(one(Fault::new(CODE, whole, "the Rego of a template needs a rule `violation`")));
        };
        let query = program.prepare(&entry.path()).map_err(|problem| one(fault(problem)))?;
        Ok(RegoCode { program, query, texts, overlay: Mutex::default() })
    }

    /// The inventory as data of this program; nothing where it is empty.
    fn overlay(&self, prepared: &Arc<Prepared>) -> Option<Arc<DataOverlay>> {
        if prepared.is_empty() {
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
                let bounded = matches!(error.code, ErrorCode::Cancelled | ErrorCode::Internal);
                return Judgement { errors: vec![(error.message, place(&self.texts, error.at))], bounded, ..Judgement::default() };
            }
        };
        let mut judgement = Judgement { cost: evaluation.steps, ..Judgement::default() };
        for member in evaluation.members() {
            let at = evaluation.places_of(&member).first().copied().unwrap_or(Span::NONE);
            let details = member.get_str("details").unwrap_or_else(Term::empty_object);
            match member.get_str("msg") {
                Some(message) => match message.as_str() {
                    Some(message) => judgement.add(Violation { message: message.to_owned(), details: details.to_value(), at }),
                    None => judgement.fail(format!("the `msg` of a violation has to be text, but is `{message}`"), at),
                },
                // Gatekeeper passes over what has no message; so does this, but says so.
                None => judgement.mute(&member.to_json(), at),
            }
        }
        judgement
    }
}

/// A place in one of the modules as a place in the file.
fn place(texts: &[Embedded], span: Span) -> Span {
    match texts.get(span.file.0 as usize) {
        Some(embedded) => embedded.span(span.start, span.end),
        None => texts.first().map_or(Span::NONE, Embedded::whole),
    }
}
