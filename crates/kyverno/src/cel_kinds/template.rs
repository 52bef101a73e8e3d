//! Objects written as YAML with expressions in `(( ))`, for generating policies.

use std::sync::Arc;

use probity_cel::admission::{Composition, Part, Scope, read_part};
use probity_cel::{Budget, CelError, Context, Value as CelValue};
use probity_kubernetes::read::Reader;
use probity_value::{Data, FileId, Map, Span, Value, yaml};

/// A compiled template: one object for each document.
pub(super) struct Template(Vec<Node>);

enum Node {
    /// Nothing to compute.
    Fixed(Value),
    /// A whole value.
    Whole(Part),
    /// Text with values in it.
    Text(Vec<Piece>),
    List(Vec<Node>),
    Map(Vec<(Arc<str>, Node)>),
}

enum Piece {
    Text(String),
    Expression(Part),
}

impl Template {
    /// Reads a template; what is wrong is said at the template's own place.
    pub(super) fn read(text: &str, interpolate: bool, at: Span, composition: &Composition, reader: &mut Reader<'_>) -> Option<Template> {
        let (documents, problems) = yaml::parse(text, FileId::NONE);
        for problem in problems.iter().filter(|problem| problem.fatal) {
            reader.wrong(at, format!("the template cannot be read: {}", problem.message));
        }
        let mut nodes = Vec::new();
        for document in documents.iter().filter(|document| !document.value.is_null()) {
            let node = compile(&document.value, interpolate, at, composition, reader)?;
            if !matches!(node, Node::Map(_) | Node::Whole(_)) && !matches!(&node, Node::Fixed(value) if value.as_map().is_some()) {
                reader.wrong(at, "each document of the template has to be a map that describes an object");
                return None;
            }
            nodes.push(node);
        }
        if nodes.is_empty() {
            reader.wrong(at, "the template holds no document");
            return None;
        }
        Some(Template(nodes))
    }

    /// The objects for a request.
    pub(super) fn render(&self, scope: &Scope<'_>, budget: &mut Budget, context: &Context<'_>) -> Result<Vec<Value>, CelError> {
        let mut out = Vec::new();
        for (position, node) in self.0.iter().enumerate() {
            let object = node.render(scope, budget, context)?;
            if object.as_map().is_none() {
                return Err(CelError::invalid(format!("document {} of the template is a {}, not a map", position + 1, object.type_name())));
            }
            out.push(object);
        }
        Ok(out)
    }
}

fn compile(value: &Value, interpolate: bool, at: Span, composition: &Composition, reader: &mut Reader<'_>) -> Option<Node> {
    if !interpolate {
        return Some(Node::Fixed(value.clone()));
    }
    Some(match &value.data {
        Data::List(items) => Node::List(items.iter().map(|item| compile(item, true, at, composition, reader)).collect::<Option<_>>()?),
        Data::Map(map) => {
            let mut entries = Vec::new();
            for (key, entry) in map.iter() {
                if key.contains("((") {
                    reader.wrong(at, format!("the key `{key}` may not hold an expression; put one in place of the whole map"));
                    return None;
                }
                entries.push((Arc::clone(key), compile(&entry.value, true, at, composition, reader)?));
            }
            Node::Map(entries)
        }
        Data::String(text) if text.contains("((") => {
            let pieces = scan(text, at, composition, reader)?;
            match <[Piece; 1]>::try_from(pieces) {
                Ok([Piece::Expression(part)]) => Node::Whole(part),
                Ok([Piece::Text(text)]) => Node::Fixed(Value::string(text, value.span)),
                Err(pieces) => Node::Text(pieces),
            }
        }
        _ => Node::Fixed(value.clone()),
    })
}

/// Takes text apart at `((` and `))`. Parentheses and quotes inside an expression are minded.
fn scan(text: &str, at: Span, composition: &Composition, reader: &mut Reader<'_>) -> Option<Vec<Piece>> {
    let mut out = Vec::new();
    let mut rest = text;
    while let Some((before, after)) = rest.split_once("((") {
        if !before.is_empty() {
            out.push(Piece::Text(before.to_owned()));
        }
        let Some(end) = end_of(after) else {
            reader.wrong(at, format!("`((` without `))` in `{text}`"));
            return None;
        };
        let (expression, tail) = after.split_at_checked(end)?;
        out.push(Piece::Expression(read_part(expression.trim(), at, &[], composition, reader)?));
        rest = tail.strip_prefix("))").unwrap_or(tail);
    }
    if !rest.is_empty() {
        out.push(Piece::Text(rest.to_owned()));
    }
    Some(out)
}

fn end_of(text: &str) -> Option<usize> {
    let mut depth = 0_usize;
    let mut quote: Option<char> = None;
    let mut letters = text.char_indices().peekable();
    while let Some((position, letter)) = letters.next() {
        match (quote, letter) {
            (Some(_), '\\') => {
                letters.next();
            }
            (Some(open), letter) if letter == open => quote = None,
            (Some(_), _) => {}
            (None, '"' | '\'') => quote = Some(letter),
            (None, '(') => depth += 1,
            (None, ')') if depth > 0 => depth -= 1,
            (None, ')') if letters.peek().is_some_and(|(_, next)| *next == ')') => return Some(position),
            _ => {}
        }
    }
    None
}

impl Node {
    fn render(&self, scope: &Scope<'_>, budget: &mut Budget, context: &Context<'_>) -> Result<Value, CelError> {
        Ok(match self {
            Node::Fixed(value) => value.clone(),
            Node::Whole(part) => scope.evaluate(&part.program, budget, context)?.to_data(part.at)?,
            Node::Text(pieces) => {
                let mut out = String::new();
                for piece in pieces {
                    match piece {
                        Piece::Text(text) => out.push_str(text),
                        Piece::Expression(part) => match scope.evaluate(&part.program, budget, context)? {
                            CelValue::String(text) => out.push_str(&text),
                            value @ (CelValue::Bool(_) | CelValue::Int(_) | CelValue::Double(_)) => out.push_str(&value.to_string()),
                            CelValue::Uint(value) => out.push_str(&value.to_string()),
                            other => {
                                let what = other.type_of();
                                return Err(CelError::invalid(format!("a value of type {} cannot stand within text", what.name())));
                            }
                        },
                    }
                }
                Value::string(out, Span::NONE)
            }
            Node::List(items) => {
                Value::list(items.iter().map(|item| item.render(scope, budget, context)).collect::<Result<_, _>>()?, Span::NONE)
            }
            Node::Map(entries) => {
                let mut map = Map::new();
                for (key, node) in entries {
                    map.insert(Arc::clone(key), Span::NONE, node.render(scope, budget, context)?);
                }
                Value::map(map, Span::NONE)
            }
        })
    }
}

#[cfg(test)]
mod tests {
    use super::end_of;

    #[test]
    fn the_end_of_an_expression_minds_quotes_and_parentheses() {
        let check = |text: &str, expected: Option<usize>| assert_eq!(end_of(text), expected, "{text}");
        check(" a ))", Some(3));
        check("f(a))) rest", Some(4));
        check("'))' ))", Some(5));
        check("a )", None);
    }
}
