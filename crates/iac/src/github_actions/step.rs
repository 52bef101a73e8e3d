//! One step: its action, its script, and what is put into the script.

use std::collections::BTreeSet;

use probity_value::{Data, Map, Span, UnknownKind, Value};

use super::expression::{contexts, expressions, from_outside};
use crate::ci::image::image;
use crate::ci::placed::Placed;
use crate::ci::script::{Shell, commands};
use crate::ci::{Fields, pairs, scalar};

/// What stands around a step.
#[derive(Clone, Debug, Default)]
pub(super) struct Around {
    /// The environment of the workflow and of the job, outermost first.
    pub(super) environments: Vec<Value>,
    /// Shells given by `defaults.run.shell`, outermost first.
    pub(super) shells: Vec<Value>,
    /// Inputs that are no free text: numbers, choices, true or false.
    pub(super) plain_inputs: BTreeSet<String>,
    /// Whether it runs on Windows; `None` where that is not known.
    pub(super) windows: Option<bool>,
}

/// A step with what is worked out of it, without what stands around it. Also for jobs, which may wrongly have a `run`.
pub(super) fn fields(value: &Value, around: &Around, source: &str) -> Fields {
    let mut fields = Fields::of(value);
    if let Some(uses) = value.get("uses") {
        fields.put("action", action(uses));
        if let Some(reference) = uses.as_str().and_then(|text| text.strip_prefix("docker://")) {
            fields.put("images", Value::list(vec![image(reference, uses.span)], uses.span));
        }
    }
    let mut variables = Map::new();
    for environment in around.environments.iter().chain(value.get("env")) {
        if environment.is_unknown() {
            continue;
        }
        for (key, entry) in environment.as_map().into_iter().flat_map(Map::iter) {
            variables.insert(key.as_ref(), entry.key, entry.value.clone());
        }
    }
    let span = value.span;
    let known = |map: &Map| {
        map.iter().map(|(key, entry)| (key.clone(), probity_value::Entry { key: entry.key, value: evaluated(&entry.value) })).collect()
    };
    fields.put("variables", Value::map(known(&variables), span));
    if let Some(with) = value.get("with").and_then(Value::as_map) {
        fields.put("inputs", Value::map(known(with), span));
    }
    fields.put("pairs", pairs(value.get("env"), span));
    let mut injections = Vec::new();
    if let Some(run) = value.get("run") {
        let shell = value.get("shell").or(around.shells.last());
        let (read, options) = shell_of(shell, around.windows);
        match Placed::new(run, source) {
            Some(script) => {
                fields.put("commands", if read { commands(&script, options) } else { Value::list(Vec::new(), run.span) });
                find_injections(&script, &variables, &around.plain_inputs, &mut injections);
            }
            None => fields.put("commands", Value::list(Vec::new(), run.span)),
        }
    }
    // This action runs its input as a program.
    let script = value.get("uses").and_then(Value::as_str).filter(|uses| uses.starts_with("actions/github-script@"));
    if let Some(script) = script.and_then(|_| value.get("with")?.get("script")).and_then(|script| Placed::new(script, source)) {
        find_injections(&script, &variables, &around.plain_inputs, &mut injections);
    }
    fields.put("injections", Value::list(injections, span));
    let soft = value.get("continue-on-error").map_or_else(|| Value::bool(false, span), evaluated);
    fields.put("soft", soft);
    fields
}

/// What the options of a shell are, and whether its scripts can be read as shell text.
fn shell_of(shell: Option<&Value>, windows: Option<bool>) -> (bool, Shell) {
    let Some(shell) = shell.filter(|shell| !shell.is_null()) else {
        return match windows {
            Some(false) => (true, Shell::STOPS),
            _ => (true, Shell::UNKNOWN),
        };
    };
    let Some(text) = shell.as_str() else { return (true, Shell::UNKNOWN) };
    let mut words = text.split_whitespace();
    let program = words.next().unwrap_or_default().rsplit('/').next().unwrap_or_default();
    let rest: Vec<&str> = words.collect();
    match (program, rest.as_slice()) {
        ("bash", []) => (true, Shell::STRICT),
        ("sh", []) => (true, Shell::STOPS),
        ("bash" | "sh" | "zsh" | "dash", rest) => {
            let errexit = rest.iter().any(|word| word.starts_with('-') && !word.starts_with("--") && word.contains('e'));
            (true, Shell { errexit: Some(errexit), pipefail: Some(rest.contains(&"pipefail")) })
        }
        ("pwsh" | "powershell" | "cmd", _) => (true, Shell::UNKNOWN),
        (program, _) if program.starts_with("${{") => (true, Shell::UNKNOWN),
        _ => (false, Shell::UNKNOWN),
    }
}

fn find_injections(script: &Placed<'_>, variables: &Map, plain_inputs: &BTreeSet<String>, out: &mut Vec<Value>) {
    for range in expressions(script.text) {
        let Some(expression) = script.text.get(range.clone()) else { continue };
        let span = script.span(&(range.start.saturating_sub(3)..range.end + 2));
        for context in contexts(expression) {
            let mut through = None;
            let kind = if from_outside(&context) {
                "event"
            } else if let Some(name) = context.strip_prefix("inputs.").or_else(|| context.strip_prefix("github.event.inputs.")) {
                if plain_inputs.contains(name) {
                    continue;
                }
                "input"
            } else if let Some(name) = context.strip_prefix("env.") {
                // A variable put into the script by an expression is no longer a variable.
                let value = variables.iter().find(|(key, _)| key.eq_ignore_ascii_case(name)).and_then(|(_, entry)| scalar(&entry.value));
                let Some(value) = value else { continue };
                let inside = |range| value.get(range).map(contexts).unwrap_or_default();
                let mut all = expressions(&value).into_iter().flat_map(inside);
                let Some(outside) = all.find(|context| from_outside(context)) else { continue };
                through = Some(outside);
                "event"
            } else {
                continue;
            };
            let mut injection = Fields::default();
            injection.text("expression", Some(expression.trim()), span);
            injection.text("context", Some(through.as_deref().unwrap_or(&context)), span);
            injection.text("kind", Some(kind), span);
            out.push(injection.at(span));
        }
    }
}

/// A value whose expressions are unknown: all of it, or what stands behind the first.
pub(super) fn evaluated(value: &Value) -> Value {
    let Some(text) = value.as_str() else { return value.clone() };
    let Some(at) = text.find("${{") else { return value.clone() };
    let reason = format!("`{}` is known only when it runs", text.get(at..).unwrap_or_default().chars().take(60).collect::<String>());
    let whole = at == 0;
    let unknown = probity_value::Unknown {
        kind: UnknownKind::Function,
        reason: reason.into(),
        set: !whole,
        prefix: text.get(..at).unwrap_or_default().into(),
        suffix: "".into(),
        decoded: None,
    };
    Value::new(Data::Unknown(std::sync::Arc::new(unknown)), value.span)
}

/// `uses` taken apart.
pub(super) fn action(uses: &Value) -> Value {
    let span = uses.span;
    let mut fields = Fields::default();
    let Some(text) = uses.as_str() else { return fields.at(span) };
    fields.text("text", Some(text), span);
    if text.starts_with("./") || text.starts_with("../") {
        fields.text("kind", Some("local"), span);
        fields.text("path", Some(text), span);
        fields.flag("pinned", true, span);
        return fields.at(span);
    }
    if let Some(reference) = text.strip_prefix("docker://") {
        fields.text("kind", Some("docker"), span);
        let taken = image(reference, span);
        for (key, entry) in taken.as_map().into_iter().flat_map(Map::iter) {
            if matches!(&**key, "pinned" | "digest" | "tag" | "repository" | "registry") {
                fields.put(key, entry.value.clone());
            }
        }
        return fields.at(span);
    }
    fields.text("kind", Some("repository"), span);
    let (path, reference) = text.split_once('@').map_or((text, None), |(path, reference)| (path, Some(reference)));
    let mut parts = path.splitn(3, '/');
    let (owner, repository) = (parts.next(), parts.next());
    fields.text("owner", owner, span);
    fields.text("repo", repository, span);
    fields.text("path", parts.next(), span);
    let name = [owner, repository].into_iter().flatten().collect::<Vec<_>>().join("/").to_lowercase();
    fields.text("name", Some(&name), span);
    fields.text("ref", reference, span);
    let commit = reference.is_some_and(|reference| {
        let reference = reference.trim();
        matches!(reference.len(), 40 | 64) && reference.bytes().all(|digit| digit.is_ascii_hexdigit())
    });
    fields.flag("pinned", commit, span);
    fields.at(span)
}

/// Whether labels of a runner mean Windows; `None` where they do not say.
pub(super) fn is_windows(runs_on: Option<&Value>) -> Option<bool> {
    let labels = match runs_on.map(|value| value.get("labels").unwrap_or(value)) {
        Some(value) => crate::ci::items(value),
        None => return None,
    };
    let labels: Vec<String> = labels.iter().filter_map(|label| label.as_str()).map(str::to_lowercase).collect();
    if labels.iter().any(|label| label.contains("windows")) {
        return Some(true);
    }
    let known = |label: &String| ["ubuntu", "macos", "linux", "self-hosted"].iter().any(|name| label.contains(name));
    if labels.iter().any(known) && !labels.iter().any(|label| label.contains("${{")) { Some(false) } else { None }
}

/// The place of a key with its value.
pub(super) fn pair(value: &Value, key: &str) -> Option<Span> {
    value.as_map()?.entry(key).map(|entry| entry.key.join(entry.value.span))
}
