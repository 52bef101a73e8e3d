//! XML as elements with lines.

use std::collections::BTreeMap;

use super::sheet::Sheet;

/// Nesting that is followed.
const DEEPEST: usize = 200;
/// Nodes of one document.
const MOST_NODES: u32 = 2_000_000;

/// One element.
#[derive(Debug, Default)]
pub(crate) struct Element {
    /// Name without namespace.
    pub(crate) name: String,
    pub(crate) attributes: BTreeMap<String, String>,
    /// The text in it, trimmed.
    pub(crate) text: String,
    pub(crate) children: Vec<Element>,
    pub(crate) line: u32,
}

impl Element {
    /// The first child of a name.
    pub(crate) fn child(&self, name: &str) -> Option<&Element> {
        self.children.iter().find(|child| child.name == name)
    }

    /// The children of a name.
    pub(crate) fn all<'a>(&'a self, name: &'a str) -> impl Iterator<Item = &'a Element> {
        self.children.iter().filter(move |child| child.name == name)
    }

    /// The text of the first child of a name, where there is some.
    pub(crate) fn text_of(&self, name: &str) -> Option<&str> {
        self.child(name).map(|child| child.text.as_str()).filter(|text| !text.is_empty())
    }

    /// An attribute; its name in any case.
    pub(crate) fn attribute(&self, name: &str) -> Option<&str> {
        self.attributes.iter().find(|(key, _)| key.eq_ignore_ascii_case(name)).map(|(_, value)| value.trim())
    }
}

fn options<'input>() -> roxmltree::ParsingOptions<'input> {
    roxmltree::ParsingOptions { allow_dtd: false, nodes_limit: MOST_NODES, ..roxmltree::ParsingOptions::default() }
}

/// Reads the file as XML. Where it breaks off, what stands before is kept.
pub(crate) fn parse(sheet: &mut Sheet) -> Option<Element> {
    if sheet.text.trim().is_empty() {
        if sheet.out.problems.is_empty() {
            sheet.problem(0, "the file is empty", true);
        }
        return None;
    }
    let text = sheet.text.clone();
    if let Some(line) = too_deep(&text) {
        let line = sheet.line(line);
        sheet.problem(line, "elements are nested too deep", true);
        return None;
    }
    match roxmltree::Document::parse_with_options(&text, options()) {
        Ok(document) => Some(convert(sheet, document.root_element(), 0)),
        Err(error) => {
            let lines = u32::try_from(text.lines().count()).unwrap_or(u32::MAX);
            // Where the text ends too soon the error has no place.
            let row = if matches!(error, roxmltree::Error::UnexpectedEndOfStream) { lines } else { error.pos().row };
            let message = error.to_string();
            let message = message.rsplit_once(" at ").map_or(message.as_str(), |(message, _)| message).to_owned();
            sheet.problem(row, format!("the XML is broken: {message}"), true);
            let row = usize::try_from(row).unwrap_or(1).max(1);
            let end = text.split_inclusive('\n').take(row).map(str::len).sum::<usize>();
            let line_start = text.split_inclusive('\n').take(row - 1).map(str::len).sum::<usize>();
            for cut in [end, line_start] {
                let Some(mended) = text.get(..cut).and_then(closed) else { continue };
                let read =
                    roxmltree::Document::parse_with_options(&mended, options()).map(|document| convert(sheet, document.root_element(), 0));
                if let Ok(root) = read {
                    return Some(root);
                }
            }
            None
        }
    }
}

/// What a tag does to the nesting.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Tag {
    Opens,
    Closes,
    Empty,
}

/// The tags of a text: their names, what they do, where they begin and end. Comments and declarations are passed over.
fn tags(text: &str) -> Vec<(&str, Tag, usize, usize)> {
    let mut out = Vec::new();
    let mut at = 0;
    while let Some(found) = text.get(at..).and_then(|rest| rest.find('<')) {
        let start = at + found;
        let rest = text.get(start..).unwrap_or_default();
        let (skip, end) = if rest.starts_with("<!--") {
            (true, rest.find("-->").map(|end| end + 3))
        } else if rest.starts_with("<![CDATA[") {
            (true, rest.find("]]>").map(|end| end + 3))
        } else {
            (rest.starts_with("<?") || rest.starts_with("<!"), tag_end(rest))
        };
        let Some(end) = end else { break };
        let tag = rest.get(1..end - 1).unwrap_or_default();
        at = start + end;
        if skip {
            continue;
        }
        let kind = match () {
            () if tag.starts_with('/') => Tag::Closes,
            () if tag.ends_with('/') => Tag::Empty,
            () => Tag::Opens,
        };
        let name = tag.trim_start_matches('/').split(|letter: char| letter.is_whitespace()).next().unwrap_or_default();
        out.push((name, kind, start, at));
    }
    out
}

/// Where a tag ends; a `>` in the text of an attribute does not end it.
fn tag_end(tag: &str) -> Option<usize> {
    let mut quote = None;
    for (at, byte) in tag.bytes().enumerate() {
        match (quote, byte) {
            (None, b'"' | b'\'') => quote = Some(byte),
            (None, b'>') => return Some(at + 1),
            (Some(open), byte) if byte == open => quote = None,
            _ => {}
        }
    }
    None
}

/// Where the nesting passes the bound.
fn too_deep(text: &str) -> Option<usize> {
    let mut depth = 0_usize;
    for (_, kind, start, _) in tags(text) {
        match kind {
            Tag::Opens => depth += 1,
            Tag::Closes => depth = depth.saturating_sub(1),
            Tag::Empty => {}
        }
        if depth > DEEPEST {
            return Some(start);
        }
    }
    None
}

/// A text that breaks off, with its open elements closed.
fn closed(text: &str) -> Option<String> {
    let mut open: Vec<&str> = Vec::new();
    let mut end = 0;
    for (name, kind, _, after) in tags(text) {
        match kind {
            Tag::Opens => open.push(name),
            Tag::Closes if open.pop() != Some(name) => break,
            Tag::Closes | Tag::Empty => {}
        }
        end = after;
    }
    let mut mended = text.get(..end)?.to_owned();
    for name in open.iter().rev() {
        mended.push_str("</");
        mended.push_str(name);
        mended.push('>');
    }
    Some(mended)
}

fn convert(sheet: &Sheet, node: roxmltree::Node<'_, '_>, depth: usize) -> Element {
    let mut element = Element {
        name: node.tag_name().name().to_owned(),
        attributes: node.attributes().map(|attribute| (attribute.name().to_owned(), attribute.value().to_owned())).collect(),
        text: node.children().filter(roxmltree::Node::is_text).filter_map(|text| text.text()).collect::<String>().trim().to_owned(),
        children: Vec::new(),
        line: sheet.line(node.range().start),
    };
    if depth < DEEPEST {
        element.children = node.children().filter(roxmltree::Node::is_element).map(|child| convert(sheet, child, depth + 1)).collect();
    }
    element
}
