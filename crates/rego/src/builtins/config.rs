//! Conftest's functions that read configuration.

use std::sync::Arc;

use probity_core::Question;
use probity_inputs::{Kind, document};
use probity_value::{FileId, Value};

use super::{Answer, Context, Failure, operands};
use crate::Term;

/// The method of the question for files: its body is a path, or a list of them, whose span is the call.
pub(crate) const CONFIG_FILES: &str = "PARSE-CONFIG-FILES";

/// `parse_config(parser, text)`.
pub(super) fn parse_config(context: &mut Context<'_>, arguments: &[Term]) -> Answer {
    let parser = operands::text(arguments, 0)?;
    let text = operands::text(arguments, 1)?;
    context.spend(text.len())?;
    let kind: Kind = parser.parse().map_err(|error: probity_inputs::UnknownKind| Failure::failed(error.to_string()))?;
    match document(kind, text, FileId::NONE) {
        Ok(value) => Ok(Term::from_value(&value)),
        Err(problems) => Err(Failure::failed(problems.first().map_or("the text cannot be parsed", |problem| &problem.message))),
    }
}

/// `parse_config_file(path)`.
pub(super) fn parse_config_file(context: &mut Context<'_>, arguments: &[Term]) -> Answer {
    let path = Arc::clone(operands::text(arguments, 0)?);
    let body = Value::string(Arc::clone(&path), context.at);
    ask(context, path, body)
}

/// `parse_combined_config_files(paths)`.
pub(super) fn parse_combined_config_files(context: &mut Context<'_>, arguments: &[Term]) -> Answer {
    let paths = operands::array(arguments, 0)?;
    let mut texts = Vec::new();
    for path in paths.iter() {
        let path = path.as_str().ok_or_else(|| Failure::Operand("operand 1 must be array of strings".to_owned()))?;
        texts.push(Value::string(path, context.at));
    }
    let named: Arc<str> = texts.iter().filter_map(Value::as_str).collect::<Vec<_>>().join(", ").into();
    ask(context, named, Value::list(texts, context.at))
}

/// Whatever cannot be read ends the evaluation: a policy must not pass because a file was not there.
fn ask(context: &mut Context<'_>, named: Arc<str>, body: Value) -> Answer {
    let question = Question::Call { method: CONFIG_FILES.into(), url: named, body: Some(body) };
    match context.lookup.ask(&question) {
        Ok(value) => Ok(Term::from_value(&value)),
        Err(error) => Err(Failure::Halt(error.to_string())),
    }
}
