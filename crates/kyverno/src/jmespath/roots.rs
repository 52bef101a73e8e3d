//! Which variables an expression starts from.

use super::Expression;
use super::parser::Node;

impl Expression {
    /// The names of the variables that the expression reads: `request` and `allowed` for `allowed.names[?@ == 'a'] || request.name`.
    pub(crate) fn roots(&self) -> Vec<&str> {
        let mut out = Vec::new();
        roots(&self.parsed.root, &mut out);
        out
    }
}

// As deep as the parser lets expressions be.
fn roots<'n>(node: &'n Node, out: &mut Vec<&'n str>) {
    match node {
        Node::Current | Node::Index(_) | Node::Slice(_) | Node::Literal(_) | Node::Reference(_) => {}
        Node::Field(name) => out.push(name),
        Node::Sub(left, _)
        | Node::Projection(left, _)
        | Node::ValueProjection(left, _)
        | Node::Flatten(left)
        | Node::Not(left)
        | Node::Pipe(left, _) => roots(left, out),
        Node::Filter(filter) => roots(&filter.left, out),
        Node::Compare(_, left, right) | Node::Or(left, right) | Node::And(left, right) => {
            roots(left, out);
            roots(right, out);
        }
        Node::List(items) => items.iter().for_each(|item| roots(item, out)),
        Node::Hash(entries) => entries.iter().for_each(|(_, value)| roots(value, out)),
        Node::Call(call) => call.arguments.iter().for_each(|argument| roots(argument, out)),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use probity_value::Span;

    #[test]
    fn expressions_start_from_variables() {
        let check = |text: &str, expected: &[&str]| assert_eq!(Expression::parse(text, Span::NONE).unwrap().roots(), expected, "{text}");
        check("request.object.metadata", &["request"]);
        check("allowed.names[?@ == 'a'] || request.name", &["allowed", "request"]);
        check("length(request.object.list[].name) > `1` && !x", &["request", "x"]);
        check("map(&to_string(name), element.items)", &["element"]);
        check("[a, b.c, {d: e}] | [0].f", &["a", "b", "e"]);
        check("images.*.*.name[]", &["images"]);
        check("@", &[]);
        check("'text'", &[]);
    }
}
