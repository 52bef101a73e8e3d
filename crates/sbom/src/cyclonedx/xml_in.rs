//! CycloneDX's XML in the shape of its JSON, with the places of its elements.

use probity_value::{FileId, Map, Span, Value};

use crate::document::{Lines, SbomError};

/// Elements in elements that are followed.
const DEEPEST: usize = 200;
/// Nodes of one document.
const MOST_NODES: u32 = 20_000_000;
/// Elements whose children are a list in JSON.
const LISTS: &[&str] = &[
    "advisories",
    "affects",
    "components",
    "compositions",
    "cwes",
    "dependencies",
    "externalReferences",
    "hashes",
    "licenses",
    "occurrences",
    "properties",
    "ratings",
    "references",
    "responses",
    "services",
    "versions",
    "vulnerabilities",
];

/// Reads XML; the root is `bom` of a name space of CycloneDX.
pub(crate) fn parse(text: &str, lines: &Lines) -> Result<Value, SbomError> {
    if let Some(at) = too_deep(text) {
        return Err(SbomError::Syntax { line: lines.of(at), what: format!("elements lie deeper than {DEEPEST} in each other") });
    }
    let options = roxmltree::ParsingOptions { allow_dtd: false, nodes_limit: MOST_NODES, ..roxmltree::ParsingOptions::default() };
    let document = roxmltree::Document::parse_with_options(text, options).map_err(|error| {
        let message = error.to_string();
        let message = message.rsplit_once(" at ").map_or(message.as_str(), |(message, _)| message);
        SbomError::Syntax { line: error.pos().row, what: format!("the XML is broken: {message}") }
    })?;
    let root = document.root_element();
    let name_space = root.tag_name().namespace().unwrap_or_default();
    let version = name_space.strip_prefix("http://cyclonedx.org/schema/bom/");
    let (Some(version), "bom") = (version, root.tag_name().name()) else { return Err(SbomError::Format) };
    let at = span(root);
    let mut map = match convert(root, 0).data {
        probity_value::Data::Map(map) => (*map).clone(),
        _ => Map::new(),
    };
    map.insert("specVersion", at, Value::string(version, at));
    Ok(Value::map(map, at))
}

fn span(node: roxmltree::Node<'_, '_>) -> Span {
    Span::new(FileId(0), node.range())
}

fn convert(node: roxmltree::Node<'_, '_>, depth: usize) -> Value {
    let at = span(node);
    let name = node.tag_name().name();
    let children = || node.children().filter(roxmltree::Node::is_element);
    if depth > DEEPEST {
        return Value::null(at);
    }
    // Since 1.5 tools are components and services; before, a list.
    let bare_tools = name == "tools" && !children().any(|child| matches!(child.tag_name().name(), "components" | "services"));
    if bare_tools || LISTS.contains(&name) {
        let items = children().map(|child| match (name, child.tag_name().name()) {
            ("licenses", kind @ ("license" | "expression")) => {
                let mut map = Map::new();
                map.insert(kind, span(child), convert(child, depth + 1));
                Value::map(map, span(child))
            }
            _ => convert(child, depth + 1),
        });
        return Value::list(items.collect(), at);
    }
    let text = || node.children().filter_map(|child| child.text().filter(|_| child.is_text())).collect::<String>();
    let has_children = children().next().is_some();
    if !has_children && node.attributes().next().is_none() {
        return Value::string(text(), at);
    }
    let mut map = Map::new();
    for attribute in node.attributes() {
        map.insert(attribute.name(), at, Value::string(attribute.value(), at));
    }
    if name == "dependency" {
        let needs = children().map(|child| Value::string(child.attribute("ref").unwrap_or_default(), span(child)));
        map.insert("dependsOn", at, Value::list(needs.collect(), at));
        return Value::map(map, at);
    }
    for child in children() {
        let key = match child.tag_name().name() {
            "responses" => "response",
            key => key,
        };
        if !map.contains_key(key) {
            map.insert(key, span(child), convert(child, depth + 1));
        }
    }
    if !has_children {
        let key = match name {
            "hash" => "content",
            "property" => "value",
            _ => "text",
        };
        map.insert(key, at, Value::string(text(), at));
    }
    Value::map(map, at)
}

/// Where the nesting passes the bound. Quotes in tags, comments and the like are minded, so that it is not fooled where the parser is not.
fn too_deep(text: &str) -> Option<usize> {
    let bytes = text.as_bytes();
    let rest = |at: usize| bytes.get(at..).unwrap_or_default();
    let find = |at: usize, needle: &[u8]| {
        rest(at).windows(needle.len()).position(|window| window == needle).map(|found| at + found + needle.len())
    };
    let (mut at, mut depth) = (0, 0_usize);
    while let Some(found) = rest(at).iter().position(|byte| *byte == b'<') {
        let start = at + found;
        let skipped = [(&b"<!--"[..], &b"-->"[..]), (b"<![CDATA[", b"]]>"), (b"<?", b"?>"), (b"<!", b">")];
        if let Some((begin, end)) = skipped.iter().find(|(begin, _)| rest(start).starts_with(begin)) {
            at = find(start + begin.len(), end)?;
            continue;
        }
        let mut quote = None;
        let mut last = 0;
        let mut length = None;
        for (offset, byte) in rest(start).iter().enumerate().skip(1) {
            match (quote, *byte) {
                (None, b'>') => {
                    length = Some(offset + 1);
                    break;
                }
                (None, sign @ (b'"' | b'\'')) => quote = Some(sign),
                (Some(open), sign) if open == sign => quote = None,
                _ => {}
            }
            last = *byte;
        }
        let length = length?;
        if rest(start).get(1) == Some(&b'/') {
            depth = depth.saturating_sub(1);
        } else if last != b'/' {
            depth += 1;
            if depth > DEEPEST {
                return Some(start);
            }
        }
        at = start + length;
    }
    None
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nesting() {
        let check = |text: &str, expected: bool| assert_eq!(too_deep(text).is_some(), expected, "{text}");
        check(&"<a>".repeat(200), false);
        check(&"<a>".repeat(201), true);
        check(&"<a x='>'/>".repeat(500), false);
        check(&"<a x=\"/>\">".repeat(500), true);
        check(&"<!-- <a> --><![CDATA[<a>]]><?x <a>?><!y>".repeat(500), false);
        check(&"<a></a>".repeat(500), false);
    }
}
