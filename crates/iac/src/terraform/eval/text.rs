//! Templates to text. Where parts are unknown, the known beginning stays known, and text that is JSON is decoded with the unknown
//! parts in place, so that rules can read a policy of which only an account id is missing.

use std::collections::BTreeMap;
use std::sync::Arc;

use probity_value::{Data, FileId, Map, Span, Unknown, UnknownKind, Value};

use super::{EvalError, Evaluator, Frame, MAX_TEXT, Outcome, STEPS_PER_ITEM, Scope, derived};
use crate::terraform::functions::{describe, to_bool, to_text, with_marks};
use crate::terraform::syntax::Part;

/// Marks the place of an unknown part inside JSON text, with its number between. Private use characters: text that holds them itself
/// is not decoded.
const OPEN: char = '\u{F8F0}';
const CLOSE: char = '\u{F8F1}';

/// A text under way, some of whose parts may be unknown.
#[derive(Default)]
pub(crate) struct Text {
    pieces: Vec<Piece>,
    /// Bytes of text so far.
    size: usize,
    /// Values that had a part in it and carry marks or references.
    sources: Vec<Value>,
}

enum Piece {
    Text(String),
    Unknown(Value),
}

impl Text {
    /// Adds text that is known.
    pub(crate) fn push(&mut self, text: &str) {
        self.size += text.len();
        match self.pieces.last_mut() {
            Some(Piece::Text(last)) => last.push_str(text),
            _ => self.pieces.push(Piece::Text(text.to_owned())),
        }
    }

    /// Adds a part that is not known.
    pub(crate) fn push_unknown(&mut self, value: Value) {
        self.pieces.push(Piece::Unknown(value));
    }

    /// Keeps the marks and references of a value that had a part in the text.
    pub(crate) fn remember(&mut self, value: &Value) {
        if value.sensitive || value.origin.is_some() {
            self.sources.push(Value { data: Data::Null, ..value.clone() });
        }
    }

    /// The whole text as a value; unknown with what is known of it where a part is.
    pub(crate) fn finish(self, span: Span) -> Value {
        if self.size > MAX_TEXT {
            return Value::unknown(UnknownKind::Limit, format!("the text has more than {} MiB", MAX_TEXT >> 20), span);
        }
        assemble(self, span)
    }
}

impl<'p> Evaluator<'p> {
    pub(super) fn template(&self, parts: &[Part], span: Span, scope: Scope<'_, 'p>) -> Outcome {
        let mut text = Text::default();
        self.parts(parts, span, scope, &mut text)?;
        Ok(text.finish(span))
    }

    fn parts(&self, parts: &[Part], span: Span, scope: Scope<'_, 'p>, out: &mut Text) -> Result<(), EvalError> {
        for part in parts {
            if out.size > MAX_TEXT {
                return Ok(());
            }
            match part {
                Part::Text(text) => {
                    self.spend(text.len() as u64 / 64, span);
                    out.push(text);
                }
                Part::Value(expr) => {
                    let value = self.eval(expr, scope)?;
                    out.remember(&value);
                    match (to_text(&value), &value.data) {
                        (Some(text), _) => {
                            self.spend(text.len() as u64 / 64, span);
                            out.push(&text);
                        }
                        (None, Data::Unknown(_)) => out.pieces.push(Piece::Unknown(value)),
                        (None, _) => {
                            return Err(EvalError::new(format!("{} cannot be put into a text", describe(&value)), expr.span));
                        }
                    }
                }
                Part::If { condition, then, otherwise } => {
                    let chosen = self.eval(condition, scope)?;
                    match (to_bool(&chosen), &chosen.data) {
                        (Some(truth), _) => self.parts(if truth { then } else { otherwise }, span, scope, out)?,
                        (None, Data::Unknown(_)) => {
                            out.remember(&chosen);
                            out.pieces.push(Piece::Unknown(chosen));
                        }
                        (None, _) => {
                            return Err(EvalError::new(format!("a condition must be a bool, not {}", describe(&chosen)), condition.span));
                        }
                    }
                }
                Part::For { key, value: name, collection, body } => {
                    let items = self.eval(collection, scope)?;
                    out.remember(&items);
                    match self.pairs(&items, collection, scope)? {
                        Ok(pairs) => {
                            for (index, value) in &pairs {
                                if !self.spend(STEPS_PER_ITEM, span) || out.size > MAX_TEXT {
                                    out.pieces.push(Piece::Unknown(self.limit(span)));
                                    break;
                                }
                                let value_frame = Frame { name, value, next: scope.frame };
                                let key_frame = key.as_ref().map(|name| Frame { name, value: index, next: Some(&value_frame) });
                                let inside = Scope { frame: Some(key_frame.as_ref().unwrap_or(&value_frame)), ..scope };
                                self.parts(body, span, inside, out)?;
                            }
                        }
                        Err(_) => out.pieces.push(Piece::Unknown(items)),
                    }
                }
            }
        }
        Ok(())
    }
}

fn assemble(text: Text, span: Span) -> Value {
    let Text { pieces, sources, .. } = text;
    let first = pieces.iter().find_map(|piece| match piece {
        Piece::Unknown(value) => value.as_unknown(),
        Piece::Text(_) => None,
    });
    let Some(unknown) = first else {
        let whole: String = pieces.iter().map(|piece| if let Piece::Text(text) = piece { text } else { "" }).collect();
        return with_marks(Value::string(whole, span), sources.iter(), false);
    };
    let mut prefix = String::new();
    for piece in &pieces {
        match piece {
            Piece::Text(text) => prefix.push_str(text),
            Piece::Unknown(value) => {
                prefix.push_str(value.as_unknown().map_or("", |unknown| &unknown.prefix));
                break;
            }
        }
    }
    let data = Unknown {
        kind: unknown.kind,
        reason: Arc::clone(&unknown.reason),
        set: true,
        prefix: prefix.into(),
        suffix: end(&pieces),
        decoded: decode(&pieces, span),
    };
    with_marks(Value::new(Data::Unknown(Arc::new(data)), span), sources.iter(), false)
}

/// The text behind the last unknown part.
fn end(pieces: &[Piece]) -> Arc<str> {
    let mut parts: Vec<&str> = Vec::new();
    for piece in pieces.iter().rev() {
        match piece {
            Piece::Text(text) => parts.push(text),
            Piece::Unknown(value) => {
                parts.push(value.as_unknown().map_or("", |unknown| &unknown.suffix));
                break;
            }
        }
    }
    parts.into_iter().rev().collect::<String>().into()
}

/// The JSON value of text with unknown parts, if it is JSON.
fn decode(pieces: &[Piece], span: Span) -> Option<Value> {
    let Some(Piece::Text(start)) = pieces.first() else { return None };
    if !start.trim_start().starts_with(['{', '[']) {
        return None;
    }
    let mut json = String::new();
    let mut unknowns: Vec<&Value> = Vec::new();
    let (mut quoted, mut escaped) = (false, false);
    for piece in pieces {
        match piece {
            Piece::Text(text) => {
                if text.contains([OPEN, CLOSE]) {
                    return None;
                }
                for letter in text.chars() {
                    match letter {
                        _ if escaped => escaped = false,
                        '\\' if quoted => escaped = true,
                        '"' => quoted = !quoted,
                        _ => {}
                    }
                }
                json.push_str(text);
            }
            Piece::Unknown(value) => {
                let mark = format!("{OPEN}{}{CLOSE}", unknowns.len());
                if quoted {
                    json.push_str(&mark);
                } else {
                    json.push('"');
                    json.push_str(&mark);
                    json.push('"');
                }
                unknowns.push(value);
            }
        }
    }
    let (value, problems) = probity_value::json::parse_tolerant(&json, FileId::NONE);
    if problems.iter().any(|problem| problem.fatal) {
        return None;
    }
    let mut seen: BTreeMap<usize, ()> = BTreeMap::new();
    let value = fill(&value, &unknowns, span, &mut seen);
    // Every mark must have come through, else the text is not what it seemed.
    (seen.len() == unknowns.len()).then_some(value)
}

/// The value with the unknown parts in the place of their marks, and `span` as its place.
fn fill(value: &Value, unknowns: &[&Value], span: Span, seen: &mut BTreeMap<usize, ()>) -> Value {
    match &value.data {
        Data::List(items) => Value::list(items.iter().map(|item| fill(item, unknowns, span, seen)).collect(), span),
        Data::Map(map) => {
            let mut filled = Map::new();
            for (key, entry) in map.iter() {
                let inner = fill(&entry.value, unknowns, span, seen);
                // An unknown part in a key hides its name; the mark is shown as `*`, which no rule takes for a known key.
                let name: Arc<str> = if key.contains(OPEN) {
                    let found = fill_text(key, unknowns, span, seen);
                    format!("{}*", found.as_unknown().map_or("", |unknown| &unknown.prefix)).into()
                } else {
                    Arc::clone(key)
                };
                filled.insert(name, span, inner);
            }
            Value::map(filled, span)
        }
        Data::String(text) if text.contains(OPEN) => fill_text(text, unknowns, span, seen),
        data => Value::new(data.clone(), span),
    }
}

fn fill_text(text: &str, unknowns: &[&Value], span: Span, seen: &mut BTreeMap<usize, ()>) -> Value {
    let mut named: Vec<&Value> = Vec::new();
    let mut first: Option<&Value> = None;
    let mut prefix = String::new();
    let mut rest = text;
    let mut around = false;
    while let Some((before, after)) = rest.split_once(OPEN) {
        let (number, after) = after.split_once(CLOSE).unwrap_or((after, ""));
        around |= !before.is_empty();
        if let Some(index) = number.parse::<usize>().ok()
            && let Some(value) = unknowns.get(index)
        {
            seen.insert(index, ());
            if first.is_none() {
                prefix.push_str(before);
                prefix.push_str(value.as_unknown().map_or("", |unknown| &unknown.prefix));
                first = Some(value);
            }
            named.push(value);
        }
        rest = after;
    }
    around |= !rest.is_empty();
    let Some(unknown) = first.and_then(Value::as_unknown) else { return Value::string(text, span) };
    if named.len() == 1 && !around {
        // The part stands alone: whatever is known of it (also decoded JSON) holds here.
        let value = first.cloned().unwrap_or_else(|| Value::null(span));
        return match &unknown.decoded {
            Some(decoded) => with_marks(decoded.clone().at(span), std::iter::once(&value), false),
            None => value.at(span),
        };
    }
    let mut value = derived(unknown, true, span);
    if let Data::Unknown(data) = &mut value.data {
        let data = Arc::make_mut(data);
        data.prefix = prefix.into();
        data.suffix = rest.into();
    }
    with_marks(value, named.into_iter(), false)
}
