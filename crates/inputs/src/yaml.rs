//! YAML as `sigs.k8s.io/yaml` reads it: YAML 1.1 for booleans and octal numbers, keys that are numbers or booleans written out.

use std::ops::Range;
use std::sync::Arc;

use probity_value::yaml::{ParseOptions, parse_with};
use probity_value::{Data, Map, Number, Problem, Span, Value, yaml};

use crate::go;
use crate::text::Source;

const OPTIONS: ParseOptions =
    ParseOptions { booleans_1_1: true, octal_1_1: true, line_breaks_1_1: true, kubectl: true, cloudformation: false };

/// Reads one document, or several as a list.
///
/// Conftest separates documents only at a line that is `---` and nothing else; one that begins otherwise (`--- # comment`) it does not
/// see at all. Here it is judged like the others.
pub(crate) fn read(source: &Source<'_>) -> Result<Value, Vec<Problem>> {
    let (documents, problems) = parse_with(source.text, source.file(), OPTIONS);
    // The reader takes `on` and `"on"` for one key, which they are not here: one would be lost.
    let lost = |problem: &Problem| {
        let key = source.slice(problem.span.start as usize..problem.span.end as usize).trim_matches(['"', '\'']);
        problem.code == "yaml-duplicate-key" && written(key, problem.span).is_some()
    };
    let fatal: Vec<Problem> =
        problems.into_iter().filter(|problem| problem.fatal || problem.code == "yaml-complex-key" || lost(problem)).collect();
    if !fatal.is_empty() {
        return Err(fatal);
    }
    let mut values = Vec::with_capacity(documents.len());
    // Empty documents are found by what separates them.
    for document in documents.into_iter().filter(|document| !document.value.is_null()) {
        values.push(with_written_keys(source, document.value).map_err(|problem| vec![problem])?);
    }
    let pieces = pieces(source.text);
    let mut values = values.into_iter().peekable();
    let mut out = Vec::new();
    for piece in pieces {
        let before = out.len();
        while let Some(value) = values.next_if(|value| (value.span.start as usize) < piece.end || value.span.is_none()) {
            out.push(value);
        }
        // Between two separators lies a document, be it empty.
        if out.len() == before {
            out.push(Value::null(source.span(piece.start..piece.start)));
        }
    }
    out.extend(values);
    let first = out.first().cloned().unwrap_or_else(|| Value::null(source.whole()));
    Ok(if out.len() > 1 { Value::list(out, source.whole()) } else { first })
}

/// The parts between separators, as Conftest cuts them.
fn pieces(text: &str) -> Vec<Range<usize>> {
    let separator = if text.contains("\r\n") { "\r\n---\r\n" } else { "\n---\n" };
    let mut cuts: Vec<usize> = text.match_indices(separator).map(|(at, _)| at).collect();
    // The line that ends directives separates nothing.
    if text.starts_with('%') && !cuts.is_empty() {
        cuts.remove(0);
    }
    let mut start = 0;
    let mut out = Vec::with_capacity(cuts.len() + 1);
    for cut in cuts {
        out.push(start..cut + 1);
        start = cut + separator.len();
    }
    out.push(start..text.len().max(start) + 1);
    out
}

/// Keys that are written as numbers or booleans get the text Conftest gives them: `on` is `true`, `0644` is `420`.
fn with_written_keys(source: &Source<'_>, value: Value) -> Result<Value, Problem> {
    if !needs_keys(source, &value) {
        return Ok(value);
    }
    let Value { data, span, origin, sensitive } = value;
    let data = match data {
        Data::List(items) => {
            let items = Arc::try_unwrap(items).unwrap_or_else(|items| (*items).clone());
            Data::List(Arc::new(items.into_iter().map(|item| with_written_keys(source, item)).collect::<Result<_, _>>()?))
        }
        Data::Map(map) => {
            let mut out = Map::new();
            for (key, entry) in map.iter() {
                let value = with_written_keys(source, entry.value.clone())?;
                match resolved(source, key, entry.key) {
                    Some(Ok(key)) => out.insert(key, entry.key, value),
                    Some(Err(problem)) => return Err(problem),
                    None => out.insert(Arc::clone(key), entry.key, value),
                };
            }
            Data::Map(Arc::new(out))
        }
        data => data,
    };
    Ok(Value { data, span, origin, sensitive })
}

fn needs_keys(source: &Source<'_>, value: &Value) -> bool {
    match &value.data {
        Data::List(items) => items.iter().any(|item| needs_keys(source, item)),
        Data::Map(map) => map.iter().any(|(key, entry)| resolved(source, key, entry.key).is_some() || needs_keys(source, &entry.value)),
        _ => false,
    }
}

/// What becomes of a key that is no text; `None` for one that is.
fn resolved(source: &Source<'_>, key: &str, span: Span) -> Option<Result<String, Problem>> {
    if !may_be_no_text(key) {
        return None;
    }
    // In quotes it is text whatever it looks like.
    if source.slice(span.start as usize..span.end as usize) != key {
        return None;
    }
    written(key, span)
}

/// Whether a key may be a number, a boolean or null: said quickly, for most keys are none.
fn may_be_no_text(key: &str) -> bool {
    match key.as_bytes().first() {
        None | Some(b'0'..=b'9' | b'+' | b'-' | b'.' | b'~') => key.len() <= 64,
        Some(b'y' | b'Y' | b'n' | b'N' | b't' | b'T' | b'f' | b'F' | b'o' | b'O') => {
            key.len() <= 5
                && ["y", "yes", "on", "n", "no", "off", "true", "false", "null"].iter().any(|word| word.eq_ignore_ascii_case(key))
        }
        Some(_) => false,
    }
}

/// What a key without quotes is, if not text.
fn written(key: &str, span: Span) -> Option<Result<String, Problem>> {
    let (documents, _) = yaml::parse_with(key, span.file, OPTIONS);
    let value = documents.first().map(|document| &document.value.data);
    match value {
        Some(Data::Bool(value)) => Some(Ok(value.to_string())),
        Some(Data::Number(Number::Int(value))) => Some(Ok(value.to_string())),
        Some(Data::Number(Number::Float(value))) => Some(Ok(go::print_shortest(*value))),
        Some(Data::Null) | None => {
            let problem = Problem { span, message: "null is no key".into(), fatal: true, code: "yaml-key" };
            Some(Err(problem))
        }
        _ => None,
    }
}
