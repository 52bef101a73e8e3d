//! HCL, second version, in the shape of `hcl2json`: every block a map in a list under its type and labels, literals as they are, texts
//! with their interpolations, and every other expression as `${...}` with its own words.
//!
//! What lives here: the shape. `parse` reads the language, `template` its texts.

mod parse;
mod template;

use std::ops::Range;

use probity_value::{Data, Map, Span, Value};
use unicode_normalization::UnicodeNormalization as _;

use crate::text::{Read, Source};

/// What a file or block holds.
#[derive(Default)]
struct Body {
    attributes: Vec<Attribute>,
    blocks: Vec<Block>,
}

struct Attribute {
    name: Range<usize>,
    expression: Node,
}

struct Block {
    /// The type and the labels, with the bytes they stand at.
    names: Vec<(String, Range<usize>)>,
    body: Body,
    range: Range<usize>,
}

/// An expression, as far as its shape shows.
struct Node {
    kind: Kind,
    range: Range<usize>,
}

enum Kind {
    Null,
    Bool(bool),
    Number(f64),
    Negate(Box<Node>),
    Not(Box<Node>),
    Template(Vec<Part>),
    /// `"${...}"` and nothing else in the quotes.
    Wrapped(Box<Node>),
    Tuple(Vec<Node>),
    Object(Vec<(Node, Node)>),
    Conditional(Box<[Node; 3]>),
    /// A name with attributes and constant indexes.
    Traversal,
    Other,
}

enum Part {
    Text(String),
    Value(Node),
    If { condition: Range<usize>, then: Vec<Part>, otherwise: Vec<Part> },
    For { names: String, collection: Range<usize>, body: Vec<Part> },
}

/// Reads an HCL file.
pub(crate) fn read(source: &Source<'_>) -> Read<Value> {
    let body = parse::parse(source)?;
    Shape { source }.body(&body, source.whole())
}

struct Shape<'a> {
    source: &'a Source<'a>,
}

impl Shape<'_> {
    fn body(&self, body: &Body, span: Span) -> Read<Value> {
        let mut out = Map::new();
        for block in &body.blocks {
            self.block(block, &mut out)?;
        }
        for attribute in &body.attributes {
            let name = self.source.slice(attribute.name.clone());
            out.insert(name, self.source.span(attribute.name.clone()), self.value(&attribute.expression)?);
        }
        Ok(Value::map(out, span))
    }

    fn block(&self, block: &Block, out: &mut Map) -> Read<()> {
        let span = self.source.span(block.range.clone());
        let body = self.body(&block.body, span)?;
        let Some((last, labels)) = block.names.split_last() else { return Ok(()) };
        let mut map = out;
        for (name, range) in labels {
            let place = self.source.span(range.clone());
            if !map.contains_key(name) {
                map.insert(name.as_str(), place, Value::map(Map::new(), span));
            }
            let entry = map.get_mut(name);
            let Some(value) = entry else { return Ok(()) };
            value.span = value.span.join(span);
            let Data::Map(inner) = &mut value.data else {
                return Err(self.source.problem(range.clone(), format!("`{name}` has blocks with and without labels")));
            };
            map = std::sync::Arc::make_mut(inner);
        }
        let (name, range) = last;
        match map.get_mut(name) {
            None => {
                map.insert(name.as_str(), self.source.span(range.clone()), Value::list(vec![body], span));
            }
            Some(value) => {
                value.span = value.span.join(span);
                let Data::List(items) = &mut value.data else {
                    return Err(self.source.problem(range.clone(), format!("`{name}` has blocks with and without labels")));
                };
                std::sync::Arc::make_mut(items).push(body);
            }
        }
        Ok(())
    }

    fn value(&self, node: &Node) -> Read<Value> {
        let span = self.source.span(node.range.clone());
        let wrapped = || Value::string(self.wrapped(&node.range), span);
        Ok(match &node.kind {
            Kind::Null => Value::null(span),
            Kind::Bool(value) => Value::bool(*value, span),
            Kind::Number(value) => Value::number(*value, span),
            Kind::Negate(inner) => match inner.kind {
                Kind::Number(value) => Value::number(-value, span),
                Kind::Null | Kind::Bool(_) => return Err(self.source.problem(node.range.clone(), "`-` goes with numbers")),
                _ => wrapped(),
            },
            Kind::Not(inner) => match inner.kind {
                Kind::Bool(value) => Value::bool(!value, span),
                Kind::Null | Kind::Number(_) => return Err(self.source.problem(node.range.clone(), "`!` goes with `true` and `false`")),
                _ => wrapped(),
            },
            Kind::Template(parts) => Value::string(self.text(parts), span),
            Kind::Wrapped(inner) => self.value(inner)?,
            Kind::Tuple(items) => Value::list(items.iter().map(|item| self.value(item)).collect::<Read<_>>()?, span),
            Kind::Object(items) => {
                let mut map = Map::new();
                for (key, value) in items {
                    let name = match key.kind {
                        Kind::Traversal => self.words(&key.range),
                        _ => self.piece(key),
                    };
                    map.insert(name, self.source.span(key.range.clone()), self.value(value)?);
                }
                Value::map(map, span)
            }
            Kind::Conditional(_) | Kind::Traversal | Kind::Other => wrapped(),
        })
    }

    fn text(&self, parts: &[Part]) -> String {
        let mut out = String::new();
        for part in parts {
            match part {
                Part::Text(text) => out.push_str(&escaped(text)),
                Part::Value(node) => out.push_str(&self.piece(node)),
                Part::If { condition, then, otherwise } => {
                    self.conditional(&mut out, condition, &self.text(then), &self.text(otherwise));
                }
                Part::For { names, collection, body } => {
                    out.push_str(&format!("%{{for {names} in {}}}", self.words(collection)));
                    out.push_str(&self.text(body));
                    out.push_str("%{endfor}");
                }
            }
        }
        out
    }

    /// An expression as a part of a text.
    fn piece(&self, node: &Node) -> String {
        match &node.kind {
            Kind::Null => "null".to_owned(),
            Kind::Bool(value) => value.to_string(),
            Kind::Number(value) => value.to_string(),
            Kind::Template(parts) => self.text(parts),
            Kind::Wrapped(inner) => self.piece(inner),
            Kind::Conditional(three) => {
                let [condition, then, otherwise] = &**three;
                let mut out = String::new();
                self.conditional(&mut out, &condition.range, &self.piece(then), &self.piece(otherwise));
                out
            }
            _ => self.wrapped(&node.range),
        }
    }

    fn conditional(&self, out: &mut String, condition: &Range<usize>, then: &str, otherwise: &str) {
        out.push_str(&format!("%{{if {}}}{then}", self.words(condition)));
        if !otherwise.is_empty() {
            out.push_str("%{else}");
            out.push_str(otherwise);
        }
        out.push_str("%{endif}");
    }

    fn wrapped(&self, range: &Range<usize>) -> String {
        format!("${{{}}}", self.words(range))
    }

    /// The words of an expression; a parenthesis right behind belongs to it, as hcl2json has it.
    fn words(&self, range: &Range<usize>) -> String {
        let end = if self.source.byte(range.end) == Some(b')') { range.end + 1 } else { range.end };
        self.source.slice(range.start..end).to_owned()
    }
}

/// A literal text: what would begin an interpolation is doubled, letters are composed (NFC).
fn escaped(text: &str) -> String {
    let text = text.replace("${", "$${").replace("%{", "%%{");
    if text.is_ascii() { text } else { text.nfc().collect() }
}
