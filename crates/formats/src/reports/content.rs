//! The content of a report before anybody knows what it is: one JSON text, one JSON text a line, or XML.

use probity_core::Level;
use probity_value::{Data, FileId, Span, Value, json};

use super::{MOST_BYTES, Said, Unrecognised};

/// Lines read of a report that has one JSON text a line.
const MOST_LINES: usize = 1_000_000;
/// Nodes read of an XML report.
const MOST_NODES: u32 = 4_000_000;
/// Bytes of one element's opening, which hold its name.
const LONGEST_OPENING: usize = 4_096;

/// Where the text of an XML document begins.
#[derive(Clone, Copy)]
pub(super) struct Origin {
    file: FileId,
    /// Bytes before it.
    before: usize,
}

/// What a report holds.
pub(super) enum Content<'t> {
    /// Nothing but white space.
    Empty(Span),
    /// One JSON text.
    Json(Value),
    /// One JSON text a line; a line that could not be read is a problem.
    Lines(Vec<Value>, Vec<Said>),
    /// XML, parsed.
    Xml(roxmltree::Document<'t>, Origin),
}

/// Reads a text as far as nobody needs to know what it is.
pub(super) fn parse(text: &str, file: FileId) -> Result<Content<'_>, Unrecognised> {
    let whole = Span::new(file, 0..text.len());
    if text.len() > MOST_BYTES {
        let message = format!("the report has {} bytes; {MOST_BYTES} is the most", text.len());
        return Err(Unrecognised { code: "report-limit", message, span: Span::NONE });
    }
    let start = text.strip_prefix('\u{feff}').unwrap_or(text).trim_start();
    let before = text.len() - start.len();
    if start.is_empty() {
        return Ok(Content::Empty(whole));
    }
    if start.starts_with('<') {
        let options = roxmltree::ParsingOptions { allow_dtd: true, nodes_limit: MOST_NODES, ..roxmltree::ParsingOptions::default() };
        return match roxmltree::Document::parse_with_options(start, options) {
            Ok(document) => Ok(Content::Xml(document, Origin { file, before })),
            Err(error) => {
                let at = offset(start, error.pos()).saturating_add(before).min(text.len());
                Err(Unrecognised { code: "xml-syntax", message: format!("the XML is broken: {error}"), span: Span::new(file, at..at) })
            }
        };
    }
    if is_lines(start) {
        return Ok(lines(text, before, file));
    }
    let (value, problems) = json::parse(text, file);
    match problems.into_iter().find(|problem| problem.fatal) {
        Some(problem) => Err(Unrecognised { code: problem.code, message: problem.message, span: problem.span }),
        None => Ok(Content::Json(value)),
    }
}

/// Whether the first two lines that are not blank are a JSON text each, by their looks: no text over several lines begins so.
fn is_lines(text: &str) -> bool {
    let mut lines = text.lines().map(str::trim).filter(|line| !line.is_empty());
    let object = |line: &str| line.starts_with('{') && line.ends_with('}');
    lines.next().is_some_and(object) && lines.next().is_some_and(|line| line.starts_with('{'))
}

fn lines(text: &str, before: usize, file: FileId) -> Content<'static> {
    let mut values = Vec::new();
    let mut problems = Vec::new();
    let mut start = before;
    for line in text.get(before..).unwrap_or_default().split_inclusive('\n') {
        let range = start..start + line.len();
        start = range.end;
        if line.trim().is_empty() {
            continue;
        }
        if values.len() + problems.len() >= MOST_LINES {
            let span = Span::new(file, range);
            problems.push((Level::Error, "report-limit", span, format!("more than {MOST_LINES} lines: the rest is not read")));
            break;
        }
        let (value, found) = json::parse_range(text, range, file);
        match found.into_iter().find(|problem| problem.fatal) {
            Some(problem) => problems.push((Level::Error, problem.code, problem.span, problem.message)),
            None => values.push(value),
        }
    }
    Content::Lines(values, problems)
}

/// The byte at a line and column of XML, both from 1.
fn offset(text: &str, at: roxmltree::TextPos) -> usize {
    let line = usize::try_from(at.row).unwrap_or(1).saturating_sub(1);
    let before: usize = text.split_inclusive('\n').take(line).map(str::len).sum();
    let column = usize::try_from(at.col).unwrap_or(1).saturating_sub(1);
    let within: usize = text.get(before..).unwrap_or_default().chars().take(column).map(char::len_utf8).sum();
    before + within
}

impl Content<'_> {
    /// Whether nothing in it says what it is.
    pub(super) fn is_empty(&self) -> bool {
        match self {
            Content::Empty(_) => true,
            Content::Json(value) => match &value.data {
                Data::List(items) => items.is_empty(),
                // `{"results": null}`, as some write who found nothing.
                Data::Map(map) => map.iter().all(|(key, entry)| {
                    &**key == "results" && (entry.value.is_null() || entry.value.as_list().is_some_and(<[Value]>::is_empty))
                }),
                Data::Null => true,
                _ => false,
            },
            _ => false,
        }
    }

    /// SARIF of any version: its own reader says what it does not read.
    pub(super) fn is_sarif(&self) -> bool {
        self.json().is_some_and(|value| {
            let schema = value.get("$schema").and_then(Value::as_str).unwrap_or_default();
            value.get("runs").is_some_and(|runs| runs.as_list().is_some()) && value.get("version").is_some() || schema.contains("sarif")
        })
    }

    /// The place of the whole.
    pub(super) fn span(&self) -> Span {
        match self {
            Content::Empty(span) => *span,
            Content::Json(value) => value.span,
            Content::Lines(values, _) => values.first().map_or(Span::NONE, |value| value.span),
            Content::Xml(_, origin) => Span::new(origin.file, origin.before..origin.before + 1),
        }
    }

    /// The one JSON text.
    pub(super) fn json(&self) -> Option<&Value> {
        match self {
            Content::Json(value) => Some(value),
            _ => None,
        }
    }

    /// The one JSON text where it is an object.
    pub(super) fn object(&self) -> Option<&Value> {
        self.json().filter(|value| value.as_map().is_some())
    }

    /// The JSON texts of one that is written a line each: a single one may also be all there is.
    pub(super) fn rows(&self) -> &[Value] {
        match self {
            Content::Json(value) if value.as_map().is_some() => std::slice::from_ref(value),
            Content::Lines(values, _) => values,
            _ => &[],
        }
    }

    /// The objects of a report that is one object or a list of them, as tools write that look at several projects.
    pub(super) fn objects(&self) -> &[Value] {
        match self {
            Content::Json(value) => match value.as_list() {
                Some(items) => items,
                None if value.as_map().is_some() => std::slice::from_ref(value),
                None => &[],
            },
            _ => &[],
        }
    }

    /// The root element of XML, and where its text begins.
    pub(super) fn xml(&self) -> Option<(roxmltree::Node<'_, '_>, Origin)> {
        match self {
            Content::Xml(document, origin) => Some((document.root_element(), *origin)),
            _ => None,
        }
    }

    /// What could not be read.
    pub(super) fn problems(&self) -> Vec<Said> {
        match self {
            Content::Lines(_, problems) => problems.clone(),
            _ => Vec::new(),
        }
    }
}

/// The place of an element: its opening.
pub(super) fn span_of(node: roxmltree::Node<'_, '_>, origin: Origin) -> Span {
    let range = node.range();
    let start = range.start + origin.before;
    Span::new(origin.file, start..(range.end + origin.before).min(start + LONGEST_OPENING))
}

/// Whether an object has all of these keys.
pub(super) fn has(value: &Value, keys: &[&str]) -> bool {
    value.as_map().is_some_and(|map| keys.iter().all(|key| map.contains_key(key)))
}

/// Whether a key holds a list.
pub(super) fn has_list(value: &Value, key: &str) -> bool {
    value.get(key).is_some_and(|list| list.as_list().is_some())
}

/// Whether a key holds an object.
pub(super) fn has_map(value: &Value, key: &str) -> bool {
    value.get(key).is_some_and(|map| map.as_map().is_some())
}
