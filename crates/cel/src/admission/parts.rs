//! Reading the parts of policies that are expressions: match conditions, variables, and whatever a policy kind lists.

use std::collections::HashSet;
use std::sync::Arc;

use probity_core::PathStep;
use probity_kubernetes::read::Reader;
use probity_value::{Map, Span, Value};

use super::{Composition, Scope, object_paths};
use crate::{Budget, CelError, Context, Problem, Program, Type, Value as CelValue};

/// An expression and its place.
#[derive(Debug)]
pub struct Part {
    /// The expression.
    pub program: Program,
    /// Where it stands.
    pub at: Span,
}

/// Compiles an expression that has to give one of some types (any, where none are named). What is wrong is said.
pub fn read_part(text: &str, at: Span, outputs: &[Type], composition: &Composition, reader: &mut Reader<'_>) -> Option<Part> {
    match composition.compile(text, at) {
        Ok(program) => {
            let output = program.output();
            if !outputs.is_empty() && !outputs.contains(output) {
                let wanted: Vec<String> = outputs.iter().map(ToString::to_string).collect();
                reader.wrong(at, format!("the expression has to give {}, but gives {output}", wanted.join(" or ")));
                return None;
            }
            Some(Part { program, at })
        }
        Err(problems) => {
            problems.iter().for_each(|problem| refuse(problem, reader));
            None
        }
    }
}

/// Says what is wrong with an expression.
pub fn refuse(problem: &Problem, reader: &mut Reader<'_>) {
    let first = problem.line <= 1 && problem.column <= 1;
    let place = if first { String::new() } else { format!(" ({}:{} of the expression)", problem.line, problem.column) };
    reader.wrong(problem.span, format!("{}{place}", problem.message));
}

/// Compiles the expression under `key` of a map in a list, which may have the keys `known`; the map comes back too.
pub fn item_part<'v>(
    item: &'v Value,
    key: &str,
    known: &[&str],
    outputs: &[Type],
    composition: &Composition,
    reader: &mut Reader<'_>,
) -> Option<(Part, &'v Map)> {
    let map = reader.map(Some(item), "an item")?;
    reader.keys(map, known);
    let (text, at) = reader.needed(map, key, item.span)?;
    Some((read_part(&text, at, outputs, composition, reader)?, map))
}

/// Match conditions of a policy.
#[derive(Debug, Default)]
pub struct Conditions(Vec<(Arc<str>, Part)>);

/// Reads `matchConditions` of a map.
pub fn match_conditions(spec: &Map, composition: &Composition, reader: &mut Reader<'_>) -> Conditions {
    named_conditions(spec, "matchConditions", composition, reader)
}

/// Reads a list of conditions with names.
pub fn named_conditions(spec: &Map, key: &str, composition: &Composition, reader: &mut Reader<'_>) -> Conditions {
    let mut out = Vec::new();
    let mut names = HashSet::new();
    for item in reader.list(spec, key) {
        if let Some((part, map)) = item_part(item, "expression", &["name", "expression"], &[Type::Bool], composition, reader)
            && let Some((name, span)) = reader.needed(map, "name", item.span)
        {
            if !names.insert(Arc::clone(&name)) {
                reader.wrong(span, format!("the name `{name}` is taken"));
            }
            out.push((name, part));
        }
    }
    Conditions(out)
}

impl Conditions {
    /// Whether there are none.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// Whether all hold; else the name of one that does not. One that says no decides, whatever others could not say.
    ///
    /// # Errors
    /// Why it cannot be told, and where.
    pub fn hold(&self, scope: &Scope<'_>, budget: &mut Budget, context: &Context<'_>) -> Result<Option<Arc<str>>, (CelError, Span)> {
        let mut error = None;
        for (name, part) in &self.0 {
            match scope.evaluate(&part.program, budget, context) {
                Ok(CelValue::Bool(true)) => {}
                Ok(CelValue::Bool(false)) => return Ok(Some(Arc::clone(name))),
                Ok(_) => {
                    let why = || CelError::invalid(format!("the match condition `{name}` is neither true nor false"));
                    error = error.or_else(|| Some((why(), part.at)));
                }
                Err(why) => error = error.or(Some((why, part.at))),
            }
        }
        error.map_or(Ok(None), Err)
    }
}

/// Reads `variables` of a map into a composition: each sees those before it.
pub fn read_variables(spec: &Map, composition: &mut Composition, reader: &mut Reader<'_>) {
    let mut names = HashSet::new();
    for item in reader.list(spec, "variables") {
        let Some(map) = reader.map(Some(item), "a variable") else { continue };
        reader.keys(map, &["name", "expression"]);
        let (name, text) = (reader.needed(map, "name", item.span), reader.needed(map, "expression", item.span));
        let (Some((name, at)), Some((text, text_at))) = (name, text) else { continue };
        if !names.insert(Arc::clone(&name)) {
            reader.wrong(at, format!("the name `{name}` is taken"));
        }
        if let Err(problems) = composition.variable(&name, &text, text_at) {
            problems.iter().for_each(|problem| refuse(problem, reader));
        }
    }
}

/// The path into an object that a failed expression most likely is about: of all it speaks of, the one that leads deepest.
#[must_use]
pub fn point(composition: &Composition, program: &Program, object: &Value) -> Vec<PathStep> {
    let paths = object_paths(composition, program);
    let mut best: &[PathStep] = &[];
    for path in &paths {
        let mut current = object;
        let mut depth = 0;
        for step in path {
            let next = match step {
                PathStep::Key(key) => current.get(key),
                PathStep::Index(index) => current.as_list().and_then(|items| items.get(*index)),
            };
            let Some(next) = next else { break };
            current = next;
            depth += 1;
        }
        if depth > best.len() {
            best = path.get(..depth).unwrap_or_default();
        }
    }
    best.to_vec()
}
