//! GraphQL: queries and schemas parsed and checked against each other, with the trees that `gqlparser` makes of them.

mod node;
mod parse;
mod schema;
mod validate;

use crate::builtins::operands::{operand, text};
use crate::builtins::{Answer, Context, Failure};
use crate::term::Term;

use parse::Wrong;

fn failed(wrong: Wrong) -> Failure {
    Failure::Failed(format!("{} in GraphQL string at location {}:{}", wrong.reason.trim_end_matches('.'), wrong.line, wrong.column))
}

/// A tree without places, nulls, and what is empty.
fn pruned(term: &Term) -> Term {
    let keep = |value: &Term| {
        !matches!(value, Term::Null) && !((value.as_array().is_some() || value.as_object().is_some()) && value.size() == Some(0))
    };
    if let Some(object) = term.as_object() {
        let entries = object.iter().filter(|(key, _)| key.as_str() != Some("Position")).map(|(key, value)| (key, pruned(&value)));
        return Term::object(entries.filter(|(_, value)| keep(value)).collect());
    }
    match term.as_array() {
        Some(array) => Term::array(array.iter().map(|item| pruned(&item)).filter(keep).collect()),
        None => term.clone(),
    }
}

fn tree(arguments: &[Term], at: usize, read: fn(&str) -> Result<Term, Wrong>) -> Result<Term, Failure> {
    let given = operand(arguments, at)?;
    match given {
        Term::String(text) => read(text).map_err(failed),
        _ if given.as_object().is_some() => Ok(given.clone()),
        // Upstream counts from zero here.
        _ => Err(Failure::Operand(format!("operand {at} must be one of {{string, object}} but got {}", given.kind()))),
    }
}

/// The trees of a query and a schema, if the one is right for the other.
fn checked(context: &mut Context<'_>, arguments: &[Term]) -> Result<(Term, Term), Failure> {
    let length = arguments.iter().filter_map(Term::as_str).map(str::len).sum::<usize>();
    context.spend(length.saturating_mul(16))?;
    let query = tree(arguments, 0, parse::query)?;
    let document = tree(arguments, 1, parse::schema)?;
    let schema = schema::Schema::load(&document).map_err(|wrong| {
        Failure::Failed(format!(
            "Error in gqlparser SchemaDocument to Schema conversion: input:{}:{}: {}",
            wrong.line, wrong.column, wrong.reason
        ))
    })?;
    validate::validate(&schema, &query).map_err(failed)?;
    Ok((query, document))
}

/// The trees of a query and a schema.
pub(super) fn parse(context: &mut Context<'_>, arguments: &[Term]) -> Answer {
    let (query, schema) = checked(context, arguments)?;
    Ok(Term::array(vec![pruned(&query), pruned(&schema)]))
}

/// Whether a query is right for a schema, and their trees.
pub(super) fn parse_and_verify(context: &mut Context<'_>, arguments: &[Term]) -> Answer {
    match checked(context, arguments) {
        Ok((query, schema)) => Ok(Term::array(vec![Term::Bool(true), pruned(&query), pruned(&schema)])),
        Err(failure @ Failure::Halt(_)) => Err(failure),
        Err(_) => Ok(Term::array(vec![Term::Bool(false), Term::empty_object(), Term::empty_object()])),
    }
}

/// Whether a query is right for a schema.
pub(super) fn is_valid(context: &mut Context<'_>, arguments: &[Term]) -> Answer {
    match checked(context, arguments) {
        Ok(_) => Ok(Term::Bool(true)),
        Err(failure @ Failure::Halt(_)) => Err(failure),
        Err(_) => Ok(Term::Bool(false)),
    }
}

/// The tree of a query.
pub(super) fn parse_query(_: &mut Context<'_>, arguments: &[Term]) -> Answer {
    parse::query(text(arguments, 0)?).map(|tree| pruned(&tree)).map_err(failed)
}

/// The tree of a schema.
pub(super) fn parse_schema(_: &mut Context<'_>, arguments: &[Term]) -> Answer {
    parse::schema(text(arguments, 0)?).map(|tree| pruned(&tree)).map_err(failed)
}

/// Whether a schema is right in itself.
pub(super) fn schema_is_valid(_: &mut Context<'_>, arguments: &[Term]) -> Answer {
    Ok(Term::Bool(tree(arguments, 0, parse::schema).is_ok_and(|document| schema::Schema::load(&document).is_ok())))
}

#[cfg(test)]
mod tests {
    use crate::builtins::tests::shown;
    use crate::term::Term;

    fn valid(query: &str, schema: &str, expected: bool) {
        let given = [Term::from(query), Term::from(schema)];
        let reason = shown("graphql.parse", &given);
        assert_eq!(
            shown("graphql.is_valid", &given),
            expected.to_string(),
            "{query}: {}",
            reason.get(..200.min(reason.len())).unwrap_or("")
        );
    }

    const SCHEMA: &str = "type Query { hero(id: ID!, e: E = A): Being dogs: [Dog!]! n: Int } interface Being { name: String } type Dog implements \
                          Being { name: String bark(loud: Boolean): Int friend: Being } type Cat implements Being { name: String } enum E { A B } union P = Dog | \
                          Cat input In { a: Int! b: [String] } type Mutation { put(in: In!): P }";

    #[test]
    fn queries_and_schemas() {
        valid("{ hero(id: 1) { name ... on Dog { bark(loud: true) friend { name } } } }", SCHEMA, true);
        valid("{ hero(id: 1, e: B) { __typename ...F } } fragment F on Cat { name }", SCHEMA, true);
        valid("query Q($i: ID!) { hero(id: $i) { name } }", SCHEMA, true);
        valid("mutation { put(in: {a: 1, b: [\"x\"]}) { ... on Dog { name } } }", SCHEMA, true);
        valid("{ __schema { types { name } } __type(name: \"x\") { kind } }", SCHEMA, true);
        valid("{ n @include(if: true) }", SCHEMA, true);
        for wrong in [
            "{ nothing }",
            "{ hero { name } }",
            "{ hero(id: 1, x: 1) { name } }",
            "{ hero(id: 1) }",
            "{ n { x } }",
            "{ hero(id: true) { name } }",
            "{ hero(id: 1, e: C) { name } }",
            "{ hero(id: 1) { ... on Nothing { name } } }",
            "{ hero(id: 1) { ...G } }",
            "{ n } fragment F on Cat { name }",
            "{ n } { n }",
            "query A { n } query A { n }",
            "query Q($i: ID!) { n }",
            "{ hero(id: $i) { name } }",
            "query Q($i: Int) { hero(id: $i) { name } }",
            "query Q($i: Dog) { n }",
            "{ n @nothing }",
            "{ n @include }",
            "{ hero(id: 1) { ...F } } fragment F on Being { ...F }",
            "mutation { put(in: {b: []}) { __typename } }",
            "mutation { put(in: {a: 1, a: 2}) { __typename } }",
            "mutation { put(in: {a: 1, z: 2}) { __typename } }",
            "{ x: n x: dogs { name } }",
            "{ dogs { ... on Cat { name } } }",
            "subscription { n }",
        ] {
            valid(wrong, SCHEMA, false);
        }
        let schema = |text: &str, expected: bool| {
            assert_eq!(shown("graphql.schema_is_valid", &[Term::from(text)]), expected.to_string(), "{text}");
        };
        schema(SCHEMA, true);
        schema("type A { a: Nothing }", false);
        schema("type A { a: Int } type A { b: Int }", false);
        schema("type A { a: Int a: Int }", false);
        schema("type __A { a: Int }", false);
        schema("interface I { a: Int } type A implements I { b: Int }", false);
        schema("type A { a: Int @nothing }", false);
        schema("union U = Int", false);
        schema("schema { query: Nothing }", false);
    }
}
