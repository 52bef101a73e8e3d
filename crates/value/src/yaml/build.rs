//! Events of one piece to values. Keeps its own stack: no recursion, whatever the text.

use std::borrow::Cow;
use std::collections::{BTreeMap, BTreeSet, HashMap, HashSet};
use std::ops::Range;
use std::sync::Arc;

use saphyr_parser::{Event, Parser, ScalarStyle, ScanError, Tag};

use super::mend::Mended;
use super::piece::Piece;
use super::{Document, ParseOptions, scalar};
use crate::{Data, Map, Origin, OriginStep, Problem, Span, StepKind, Value, json};

/// Bytes of JSON text that a list or map as a key may have.
const MAX_KEY: usize = 4096;

/// Reads the documents of one piece. `budget` is how many nodes the stream may still have; none is left after it was met.
pub(super) fn read(
    piece: &Piece<'_>,
    options: ParseOptions,
    budget: &mut usize,
    documents: &mut Vec<Document>,
    problems: &mut Vec<Problem>,
) {
    if let Some(at) = memchr::memchr(0, piece.text.as_bytes()) {
        // The scanner takes a NUL for the end of the text, which would drop the rest in silence.
        problems.push(Problem::fatal("yaml-syntax", piece.span_at(at), "a NUL character may not stand in YAML"));
        return;
    }
    let mut breaks = if options.line_breaks_1_1 { piece.odd_breaks() } else { BTreeSet::new() };
    let first = documents.len();
    read_mended(piece, options, budget, documents, problems, &mut breaks);
    if let Some(at) = breaks.first() {
        // Other readers would see other keys here: nothing of it can be trusted.
        documents.truncate(first);
        let message = "some readers take this character for a line break; it may stand only inside quotes";
        problems.push(Problem::fatal("yaml-line-break", piece.span_at(*at), message));
    }
}

/// Reads a piece, mending quoted scalars until it can be read or cannot be mended. Takes out of `breaks` what stands in quotes.
fn read_mended(
    piece: &Piece<'_>,
    options: ParseOptions,
    budget: &mut usize,
    documents: &mut Vec<Document>,
    problems: &mut Vec<Problem>,
    breaks: &mut BTreeSet<usize>,
) {
    let mut mended = Mended::new(piece);
    let mut effort = MENDING_EFFORT + 4 * piece.text.len();
    loop {
        let before = (documents.len(), problems.len(), *budget);
        let Some((problem, at)) = read_once(piece, &mended, options, budget, documents, problems, breaks) else { return };
        effort = effort.saturating_sub(piece.text.len());
        if effort == 0 || !mended.mend(piece, at) {
            problems.push(problem);
            return;
        }
        documents.truncate(before.0);
        problems.truncate(before.1);
        *budget = before.2;
    }
}

/// Each mending reads the piece again; together no more than this many bytes, and four times the piece.
const MENDING_EFFORT: usize = 1 << 24;

/// Reads the piece until its end or a fatal problem, which is returned with the character position it was found at.
fn read_once(
    piece: &Piece<'_>,
    mended: &Mended<'_>,
    options: ParseOptions,
    budget: &mut usize,
    documents: &mut Vec<Document>,
    problems: &mut Vec<Problem>,
    breaks: &mut BTreeSet<usize>,
) -> Option<(Problem, usize)> {
    let mut builder = Builder {
        piece,
        quoted: &mended.quoted,
        options,
        budget,
        problems,
        stack: Vec::new(),
        root: None,
        anchors: HashMap::new(),
        open_anchors: HashSet::new(),
        breaks,
        disputed: None,
    };
    let mut parser = Parser::new_from_str(&mended.text);
    while let Some(event) = parser.next_event() {
        match event {
            Ok((event, span)) => {
                let range = piece.byte(span.start.index())..piece.byte(span.end.index());
                if let Err(problem) = builder.event(event, range, documents) {
                    // There is nothing to mend at the end of the text.
                    return Some((problem, usize::MAX));
                }
            }
            Err(error) => return Some((builder.syntax(&error), error.marker().index())),
        }
    }
    None
}

/// A finished node with what its expansion costs.
#[derive(Clone)]
struct Node {
    value: Value,
    /// Nodes in it, itself included, aliases expanded.
    size: usize,
    /// Levels of lists and maps in it, itself included.
    height: usize,
}

enum Frame {
    List { items: Vec<Value> },
    Map { map: Map, key: Option<Key>, merged: HashSet<Arc<str>> },
}

struct Key {
    name: Arc<str>,
    span: Span,
    merge: bool,
}

struct Open {
    frame: Frame,
    start: usize,
    /// End of the last thing in it, in bytes of the piece.
    end: usize,
    anchor: usize,
    tag: Option<Tag>,
    size: usize,
    height: usize,
}

struct Builder<'a> {
    piece: &'a Piece<'a>,
    quoted: &'a BTreeMap<usize, Arc<str>>,
    options: ParseOptions,
    budget: &'a mut usize,
    problems: &'a mut Vec<Problem>,
    stack: Vec<Open>,
    root: Option<Value>,
    anchors: HashMap<usize, Node>,
    /// Anchors that are open: an alias to one of them would be part of itself.
    open_anchors: HashSet<usize>,
    /// Odd line breaks that stood in no quoted scalar so far.
    breaks: &'a mut BTreeSet<usize>,
    /// Why the document at hand is another one for other readers.
    disputed: Option<Problem>,
}

type Step = Result<(), Problem>;

impl Builder<'_> {
    fn syntax(&self, error: &ScanError) -> Problem {
        // What is missing at the end is missing behind the last thing that is there, not on an empty line after it.
        let at = self.piece.byte(error.marker().index()).min(self.piece.text.trim_end().len());
        Problem::fatal("yaml-syntax", self.piece.span_at(at), error.info())
    }

    fn event(&mut self, event: Event<'_>, range: Range<usize>, documents: &mut Vec<Document>) -> Step {
        match event {
            Event::Nothing | Event::StreamStart | Event::StreamEnd => Ok(()),
            Event::DocumentStart(_) => {
                self.stack.clear();
                self.root = None;
                self.anchors.clear();
                self.open_anchors.clear();
                Ok(())
            }
            Event::DocumentEnd => {
                if let Some(problem) = self.disputed.take() {
                    return Err(problem);
                }
                if let Some(value) = self.root.take() {
                    documents.push(Document { span: value.span, value });
                }
                Ok(())
            }
            Event::Scalar(text, style, anchor, tag) => {
                let implied = text.is_empty() && style == ScalarStyle::Plain && anchor == 0 && tag.is_none();
                if matches!(style, ScalarStyle::SingleQuoted | ScalarStyle::DoubleQuoted) && !self.breaks.is_empty() {
                    self.breaks.retain(|at| !range.contains(at));
                }
                let text = self.whole(text, style, &range);
                let range = if implied { self.implied(range) } else { self.trimmed(style, range) };
                let tag = tag.map(Cow::into_owned);
                let core = tag.as_ref().and_then(core_suffix);
                if core == Some("binary") && self.options.kubectl {
                    let message = "text under `!!binary` is not read, and other readers do";
                    return Err(Problem::fatal("yaml-binary", self.piece.span(range), message));
                }
                let data = match (&tag, core) {
                    (_, Some(suffix)) => scalar::tagged(suffix, &text, self.options),
                    (Some(tag), None) if tag.handle.is_empty() && tag.suffix == "!" => Data::String(Arc::from(&*text)),
                    _ if style == ScalarStyle::Plain => scalar::plain(&text, self.options),
                    _ => Data::String(Arc::from(&*text)),
                };
                self.spend(1, range.start)?;
                let span = self.piece.span(range.clone());
                let node = Node { value: Value::new(data, span), size: 1, height: 0 };
                if self.awaits_key() {
                    let merge = &*text == "<<"
                        && match &tag {
                            None => style == ScalarStyle::Plain,
                            Some(tag) => core == Some("merge") || self.options.kubectl && tag.handle.is_empty() && tag.suffix == "!",
                        };
                    if anchor > 0 {
                        self.anchors.insert(anchor, node);
                    }
                    self.key(Arc::from(&*text), span, merge, range.end);
                    return Ok(());
                }
                let node = self.with_tag(node, tag.as_ref());
                self.finish(node, anchor, range.end);
                Ok(())
            }
            Event::Alias(anchor) => self.alias(anchor, range),
            Event::SequenceStart(anchor, tag) => self.open(Frame::List { items: Vec::new() }, anchor, tag.map(Cow::into_owned), &range),
            Event::MappingStart(anchor, tag) => {
                let frame = Frame::Map { map: Map::new(), key: None, merged: HashSet::new() };
                self.open(frame, anchor, tag.map(Cow::into_owned), &range)
            }
            Event::SequenceEnd | Event::MappingEnd => {
                self.close(range);
                Ok(())
            }
        }
    }

    /// What a scalar holds: of a mended one what it held before; of a block scalar that the end of the text cuts off no line break that
    /// is not there.
    fn whole<'t>(&self, text: Cow<'t, str>, style: ScalarStyle, range: &Range<usize>) -> Cow<'t, str> {
        match (style, text) {
            (ScalarStyle::SingleQuoted, text) => match self.quoted.range(range.clone()).next() {
                Some((_, content)) => Cow::Owned(content.to_string()),
                None => text,
            },
            (ScalarStyle::Literal | ScalarStyle::Folded, Cow::Owned(mut text))
                if range.end >= self.piece.text.len() && !self.piece.text.ends_with(['\n', '\r']) =>
            {
                if text.ends_with('\n') {
                    text.pop();
                }
                Cow::Owned(text)
            }
            (_, text) => text,
        }
    }

    fn spend(&mut self, nodes: usize, at: usize) -> Step {
        match self.budget.checked_sub(nodes) {
            Some(left) => {
                *self.budget = left;
                Ok(())
            }
            None => {
                *self.budget = 0;
                let message = format!("more than {} values when the aliases are followed", super::MAX_NODES);
                Err(Problem::fatal("yaml-budget", self.piece.span_at(at), message))
            }
        }
    }

    fn too_deep(&self, at: usize) -> Problem {
        Problem::fatal("yaml-depth", self.piece.span_at(at), format!("nested deeper than {} levels", json::MAX_DEPTH))
    }

    /// Where a value that is not written stands: right behind what comes before it, not at the next token the parser met.
    fn implied(&self, range: Range<usize>) -> Range<usize> {
        match self.stack.last().map(|open| (&open.frame, open.end)) {
            Some((Frame::Map { key: Some(_), .. }, end)) => end..end,
            Some((Frame::List { .. }, _)) => range.end..range.end,
            _ => range.start..range.start,
        }
    }

    /// Block scalars end before the last line break that belongs to them, quoted ones with their quote: the parser counts the space and
    /// the comment behind it in. Plain scalars are as they are.
    fn trimmed(&self, style: ScalarStyle, range: Range<usize>) -> Range<usize> {
        let written = self.piece.text.get(range.clone()).unwrap_or_default();
        let length = match style {
            ScalarStyle::Plain => return range,
            ScalarStyle::Literal | ScalarStyle::Folded => written.trim_end_matches([' ', '\t', '\n', '\r']).len(),
            ScalarStyle::SingleQuoted | ScalarStyle::DoubleQuoted => quoted_length(written),
        };
        range.start..range.start + length
    }

    fn awaits_key(&self) -> bool {
        matches!(self.stack.last(), Some(Open { frame: Frame::Map { key: None, .. }, .. }))
    }

    fn key(&mut self, name: Arc<str>, span: Span, merge: bool, end: usize) {
        if let Some(open) = self.stack.last_mut() {
            open.end = open.end.max(end);
            open.size += 1;
            if let Frame::Map { key, .. } = &mut open.frame {
                *key = Some(Key { name, span, merge });
            }
        }
    }

    fn open(&mut self, frame: Frame, anchor: usize, tag: Option<Tag>, range: &Range<usize>) -> Step {
        if self.stack.len() >= json::MAX_DEPTH {
            return Err(self.too_deep(range.start));
        }
        self.spend(1, range.start)?;
        if anchor > 0 {
            self.open_anchors.insert(anchor);
        }
        self.stack.push(Open { frame, start: range.start, end: range.start, anchor, tag, size: 1, height: 1 });
        Ok(())
    }

    fn close(&mut self, range: Range<usize>) {
        let Some(open) = self.stack.pop() else { return };
        // A flow collection has a closing bracket; a block collection ends with the last thing in it.
        let closing = matches!(self.piece.text.as_bytes().get(range.start), Some(b']' | b'}')) && range.end > range.start;
        let end = if closing { range.end } else { open.end };
        let span = self.piece.span(open.start..end);
        let value = match open.frame {
            Frame::List { items } => Value::list(items, span),
            Frame::Map { map, .. } => Value::map(map, span),
        };
        let node = self.with_tag(Node { value, size: open.size, height: open.height }, open.tag.as_ref());
        self.open_anchors.remove(&open.anchor);
        self.finish(node, open.anchor, end);
    }

    fn alias(&mut self, anchor: usize, range: Range<usize>) -> Step {
        let span = self.piece.span(range.clone());
        let name: Arc<str> = Arc::from(self.piece.text.get(range.clone()).unwrap_or_default().trim());
        let Some(mut node) = self.anchors.get(&anchor).cloned() else {
            let message = if self.open_anchors.contains(&anchor) {
                format!("the alias `{name}` is a part of what it names")
            } else {
                format!("the alias `{name}` names nothing in this document")
            };
            return Err(Problem::fatal("yaml-alias", span, message));
        };
        self.spend(node.size, range.start)?;
        if self.stack.len() + node.height > json::MAX_DEPTH {
            return Err(self.too_deep(range.start));
        }
        if self.awaits_key() {
            let name = self.key_name(&node.value, span);
            self.key(name, span, false, range.end);
            return Ok(());
        }
        node.value.origin = Some(Arc::new(with_step(node.value.origin.as_deref(), name, span)));
        self.place(node, range.end);
        Ok(())
    }

    /// Puts a finished node where it belongs, and under its anchor.
    fn finish(&mut self, node: Node, anchor: usize, end: usize) {
        if anchor > 0 {
            self.anchors.insert(anchor, node.clone());
        }
        if self.awaits_key() {
            let span = node.value.span;
            let name = self.key_name(&node.value, span);
            self.key(name, span, false, end);
        } else {
            self.place(node, end);
        }
    }

    /// The text of a key that is an alias, a list or a map.
    fn key_name(&mut self, value: &Value, span: Span) -> Arc<str> {
        if let Some(text) = value.as_str() {
            return Arc::from(text);
        }
        let mut text = json::write(value).unwrap_or_default();
        // Each map around a key that is a map writes its quotes anew, twice as long: nested deeply they would never end.
        if text.len() > MAX_KEY {
            let message = format!("a list or map as a key has more than {MAX_KEY} bytes as JSON text");
            self.problems.push(Problem::fatal("yaml-budget", span, message));
            text = "?".to_owned();
        }
        let text: Arc<str> = text.into();
        if value.as_list().is_some() || value.as_map().is_some() {
            self.problems.push(Problem::warning("yaml-complex-key", span, "a list or map as a key is read as its JSON text"));
        }
        text
    }

    fn place(&mut self, node: Node, end: usize) {
        let Some(open) = self.stack.last_mut() else {
            self.root = Some(node.value);
            return;
        };
        open.end = open.end.max(end);
        open.size = open.size.saturating_add(node.size);
        open.height = open.height.max(node.height + 1);
        match &mut open.frame {
            Frame::List { items } => items.push(node.value),
            Frame::Map { map, key, merged } => {
                let Some(key) = key.take() else { return };
                if key.merge && self.options.kubectl && self.disputed.is_none() {
                    self.disputed = disputed(map, &key, &node.value);
                }
                if key.merge && merge(map, merged, &key, &node.value) {
                    return;
                }
                if key.merge {
                    let message = "the value of `<<` is neither a map nor a list of maps";
                    self.problems.push(Problem::warning("yaml-merge", key.span, message));
                }
                let name = Arc::clone(&key.name);
                let earlier = map.insert(key.name, key.span, node.value);
                if earlier.is_some() && !merged.remove(&name) {
                    let message = format!("the key `{name}` is there more than once; the last one counts");
                    self.problems.push(Problem::warning("yaml-duplicate-key", key.span, message));
                }
            }
        }
    }

    /// CloudFormation's short tags, where asked for.
    fn with_tag(&self, node: Node, tag: Option<&Tag>) -> Node {
        let Some(tag) = tag.filter(|tag| self.options.cloudformation && tag.handle == "!") else { return node };
        let Node { value, size, height } = node;
        let span = value.span;
        let key = match tag.suffix.as_str() {
            "Ref" => "Ref".to_owned(),
            "Condition" => "Condition".to_owned(),
            "And" | "Base64" | "Cidr" | "Equals" | "FindInMap" | "GetAtt" | "GetAZs" | "If" | "ImportValue" | "Join" | "Length" | "Not"
            | "Or" | "Select" | "Split" | "Sub" | "ToJsonString" | "Transform" => format!("Fn::{}", tag.suffix),
            _ => return Node { value, size, height },
        };
        let argument = match value.as_str().filter(|_| tag.suffix == "GetAtt").and_then(|text| text.split_once('.')) {
            Some((resource, attribute)) => Value::list(vec![Value::string(resource, span), Value::string(attribute, span)], span),
            None => value,
        };
        let mut map = Map::new();
        map.insert(key, span, argument);
        Node { value: Value::map(map, span), size: size + 1, height: height + 1 }
    }
}

/// Merges the map, or the maps, under a `<<` into `map`: keys that are there stay, of several maps the first wins. False where the
/// value is something else.
fn merge(map: &mut Map, merged: &mut HashSet<Arc<str>>, key: &Key, value: &Value) -> bool {
    let sources: Vec<&Value> = match &value.data {
        Data::Map(_) => vec![value],
        Data::List(items) if items.iter().all(|item| item.as_map().is_some()) => items.iter().collect(),
        _ => return false,
    };
    for source in sources {
        let step = source.origin.as_ref().or(value.origin.as_ref()).and_then(|origin| origin.steps.first());
        for (name, entry) in source.as_map().into_iter().flat_map(Map::iter) {
            if map.contains_key(name) {
                continue;
            }
            let mut value = entry.value.clone();
            let (step_name, span) = step.map_or_else(|| (Arc::clone(&key.name), key.span), |step| (Arc::clone(&step.name), step.span));
            value.origin = Some(Arc::new(with_step(value.origin.as_deref(), step_name, span)));
            map.insert(Arc::clone(name), entry.key, value);
            merged.insert(Arc::clone(name));
        }
    }
    true
}

/// The name of a tag of the core schema, however it is written.
fn core_suffix(tag: &Tag) -> Option<&str> {
    if tag.is_yaml_core_schema() {
        return Some(&tag.suffix);
    }
    if tag.handle.is_empty() { tag.suffix.strip_prefix("tag:yaml.org,2002:") } else { None }
}

/// The problem of a merge below keys it has too, with other values: for YAML the keys written out count, for kubectl what comes last.
fn disputed(map: &Map, key: &Key, value: &Value) -> Option<Problem> {
    let sources = value.as_list().unwrap_or_else(|| std::slice::from_ref(value));
    let names = sources.iter().filter_map(Value::as_map).flat_map(Map::iter);
    let (name, _) = names.into_iter().find(|(name, entry)| map.get(name).is_some_and(|written| *written != entry.value))?;
    let message = format!("some readers take `{name}` from this merge, others what is written above it; put the merge first");
    Some(Problem::fatal("yaml-merge-order", key.span, message))
}

/// Bytes up to the quote that ends a quoted scalar, with the anchor and tag before it; all where there is none.
fn quoted_length(written: &str) -> usize {
    let mut rest = written;
    // Anchor, tag and comments between them hold no quote that counts.
    while let Some(first) = rest.chars().next() {
        let skipped = match first {
            '"' | '\'' => break,
            '#' => rest.find(['\n', '\r']),
            '&' | '!' => rest.find(char::is_whitespace),
            other => Some(other.len_utf8()),
        };
        rest = skipped.and_then(|length| rest.get(length..)).unwrap_or_default();
    }
    let start = written.len() - rest.len();
    let mut letters = rest.char_indices().peekable();
    let Some((_, quote)) = letters.next() else { return written.len() };
    while let Some((at, letter)) = letters.next() {
        match letter {
            '\\' if quote == '"' => {
                letters.next();
            }
            letter if letter == quote => {
                if quote == '\'' && letters.next_if(|(_, next)| *next == '\'').is_some() {
                    continue;
                }
                return start + at + quote.len_utf8();
            }
            _ => {}
        }
    }
    written.len()
}

/// An origin with one more step in front, the nearest.
fn with_step(origin: Option<&Origin>, name: Arc<str>, span: Span) -> Origin {
    let mut out = Origin { steps: vec![OriginStep { kind: StepKind::Alias, name, span }], references: Vec::new() };
    if let Some(origin) = origin {
        out.steps.extend(origin.steps.iter().cloned());
        out.references.extend(origin.references.iter().cloned());
    }
    out
}
