//! The path of a text in its document as an expression, for `{{@}}`.

/// The expression for the value that stands where `path` leads to in the object: the first two steps of the path (`mutate`,
/// `patchStrategicMerge`), and everything up to `foreach`, say where in the rule the document is and are left out.
pub(super) fn expression(path: &str, prefix: &str) -> String {
    let steps = steps(path);
    let past = steps.iter().position(|step| step == "foreach").map_or(0, |at| at + 1);
    let rest = steps.get(past..).unwrap_or_default();
    let rest = if rest.len() > 2 { rest.get(2..).unwrap_or_default() } else { &[] };
    let mut out = String::new();
    for step in prefix.split('.').chain(rest.iter().map(String::as_str)) {
        if !step.is_empty() && step.parse::<u64>().is_ok() && !step.starts_with('+') {
            out.push('[');
            out.push_str(step);
            out.push(']');
            continue;
        }
        if !out.is_empty() {
            out.push('.');
        }
        let mut letters = step.chars();
        let plain = letters.next().is_some_and(|first| first == '(' || first == '_' || first.is_ascii_alphabetic())
            && letters.all(|letter| letter == ')' || letter == '_' || letter.is_ascii_alphanumeric());
        if plain {
            out.push_str(step);
        } else {
            probity_value::json::write_string(step, &mut out);
        }
    }
    out
}

/// The steps of a path; a backslash keeps the letter after it.
fn steps(path: &str) -> Vec<String> {
    let mut steps = Vec::new();
    let mut step = String::new();
    let mut letters = path.chars();
    let mut flush = |step: &mut String| {
        if !step.is_empty() {
            steps.push(std::mem::take(step));
        }
    };
    while let Some(letter) = letters.next() {
        match letter {
            '\\' => step.extend(letters.next()),
            '/' => flush(&mut step),
            letter => step.push(letter),
        }
    }
    flush(&mut step);
    steps
}
