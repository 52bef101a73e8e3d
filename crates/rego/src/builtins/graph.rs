//! Graphs, and the walk through nested values.

use std::collections::{HashSet, VecDeque};

use crate::builtins::operands::{items, object, operand, wrong_type};
use crate::builtins::{Answer, Context, Failure};
use crate::number::Number;
use crate::term::Term;

fn starts(arguments: &[Term]) -> Result<Vec<Term>, Failure> {
    let given = operand(arguments, 1)?;
    items(given).ok_or_else(|| wrong_type(1, given, &["{array, set}"]))
}

/// The nodes that edges lead to from some nodes, those included.
pub(super) fn reachable(context: &mut Context<'_>, arguments: &[Term]) -> Answer {
    let graph = object(arguments, 0)?;
    let mut queue: VecDeque<Term> = starts(arguments)?.into();
    let mut reached = HashSet::new();
    while let Some(node) = queue.pop_front() {
        if reached.contains(&node) {
            continue;
        }
        if let Some(edges) = graph.get(&node) {
            let edges = items(&edges).unwrap_or_default();
            context.spend(edges.len().saturating_mul(std::mem::size_of::<Term>()))?;
            queue.extend(edges.into_iter().filter(|next| !reached.contains(next)));
            reached.insert(node);
        }
    }
    Ok(Term::set(reached.into_iter().collect()))
}

/// The paths that edges make from some nodes, until they end or come back to where they were.
pub(super) fn reachable_paths(context: &mut Context<'_>, arguments: &[Term]) -> Answer {
    let graph = object(arguments, 0)?;
    let mut out = Vec::new();
    for start in starts(arguments)? {
        let Some(edges) = graph.get(&start) else { continue };
        let edges = items(&edges).unwrap_or_default();
        if edges.is_empty() {
            out.push(Term::array(vec![start]));
            continue;
        }
        // Each entry is a path, and a node that comes after it.
        let mut open: Vec<(Vec<Term>, Term)> = edges.into_iter().map(|next| (vec![start.clone()], next)).collect();
        let mut steps = 0_u32;
        while let Some((mut path, node)) = open.pop() {
            steps = steps.wrapping_add(1);
            if steps.is_multiple_of(1024) {
                context.check_time()?;
            }
            context.spend((path.len() + 1).saturating_mul(std::mem::size_of::<Term>()))?;
            // A path that comes back to where it was ends there; but a first step may lead from the start to itself.
            if path.len() > 1 && path.contains(&node) {
                out.push(Term::array(path));
                continue;
            }
            let Some(edges) = graph.get(&node) else {
                out.push(Term::array(path));
                continue;
            };
            path.push(node);
            let edges = items(&edges).unwrap_or_default();
            if edges.is_empty() {
                out.push(Term::array(path));
                continue;
            }
            open.extend(edges.into_iter().map(|next| (path.clone(), next)));
        }
    }
    Ok(Term::set(out))
}

/// What is told the path and the value of everything in a term.
pub type Visit<'a, E> = dyn FnMut(&[Term], &Term) -> Result<(), E> + 'a;

/// Calls `visit` with the path and the value of everything in a term, itself first, in the order of the keys.
///
/// # Errors
/// The first error of `visit`.
pub fn walk<E>(term: &Term, visit: &mut Visit<'_, E>) -> Result<(), E> {
    fn step<E>(path: &mut Vec<Term>, term: &Term, visit: &mut Visit<'_, E>) -> Result<(), E> {
        visit(path, term)?;
        if let Some(array) = term.as_array() {
            for (at, item) in array.iter().enumerate() {
                path.push(Number::from_usize(at).into());
                step(path, &item, visit)?;
                path.pop();
            }
        } else if let Some(object) = term.as_object() {
            for (key, value) in object.iter() {
                path.push(key);
                step(path, &value, visit)?;
                path.pop();
            }
        } else if let Some(set) = term.as_set() {
            for item in set {
                path.push(item.clone());
                step(path, item, visit)?;
                path.pop();
            }
        }
        Ok(())
    }
    step(&mut Vec::new(), term, visit)
}

/// The list of all paths and values in a term.
pub(super) fn walk_all(context: &mut Context<'_>, arguments: &[Term]) -> Answer {
    let mut out = Vec::new();
    walk(operand(arguments, 0)?, &mut |path, term| {
        context.spend((path.len() + 4).saturating_mul(std::mem::size_of::<Term>()))?;
        out.push(Term::array(vec![Term::array(path.to_vec()), term.clone()]));
        Ok::<(), Failure>(())
    })?;
    Ok(Term::array(out))
}

#[cfg(test)]
mod tests {
    use crate::builtins::tests::check;

    #[test]
    fn graphs() {
        check("graph.reachable", r#"[{"a": ["b"], "b": ["c", "x"], "c": ["a"], "d": []}, ["a"]]"#, r#"{"a", "b", "c"}"#);
        check("graph.reachable", r#"[{}, "a"]"#, "eval_type_error: graph.reachable: operand 2 must be {array, set} but got string");
        check(
            "graph.reachable_paths",
            r#"[{"a": ["b", "c"], "b": ["d"], "c": ["a"], "d": []}, ["a"]]"#,
            r#"{["a", "b", "d"], ["a", "c"]}"#,
        );
        check("graph.reachable_paths", r#"[{"a": ["a"]}, ["a"]]"#, r#"{["a", "a"]}"#);
        check("graph.reachable_paths", r#"[{"a": ["x"], "b": []}, {"$set": ["a", "b", "y"]}]"#, r#"{["a"], ["b"]}"#);
    }

    #[test]
    fn walks() {
        check("walk", r#"[{"a": [1]}]"#, r#"[[[], {"a": [1]}], [["a"], [1]], [["a", 0], 1]]"#);
        check("walk", r#"[{"$set": [1]}]"#, "[[[], {1}], [[1], 1]]");
    }
}
