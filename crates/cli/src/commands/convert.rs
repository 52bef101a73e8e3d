//! `probity policies convert`: ClusterPolicies to policies in CEL, each proven or not written.

use std::collections::BTreeSet;
use std::path::Path;
use std::sync::Arc;

use anyhow::Result;
use probity_core::{Diagnostic, Level, Tree as _};
use probity_files::FolderTree;
use probity_policy::convert::{Proof, convert, prove};
use probity_value::{SourceMap, Span, Value, yaml};

use crate::{Wrong, output, state};

pub(crate) fn run(policies: &[std::path::PathBuf], tests: Option<&Path>, to: Option<&Path>) -> Result<u8> {
    let texts = SourceMap::new();
    let (mut converted, mut left) = (0_usize, 0_usize);
    let mut written: BTreeSet<String> = BTreeSet::new();
    let mut broken = false;
    let mut printed = String::new();
    for path in policies {
        let tree = FolderTree::open(path, None, 16 << 20).map_err(Wrong::new)?;
        let beside = if path.is_file() { path.parent().unwrap_or(path) } else { path };
        for file in tree.files() {
            let Some((documents, said)) = read(&tree, &file.path, &texts) else { continue };
            broken |= said.iter().any(|one| one.level == Level::Error);
            output::diagnostics(&said, &texts);
            for policy in documents.iter().filter(|one| is_policy(one)) {
                // The objects below the policy's own folder, where no other is named.
                let own = beside.join(file.path.rsplit_once('/').map_or("", |(folder, _)| folder));
                let objects = objects(tests.unwrap_or(&own))?;
                let say = |message: String, at| Diagnostic::new(Level::Warning, "not-exact", Arc::clone(&file.path), at, message);
                let name = policy.get("metadata").and_then(|metadata| metadata.get("name")).and_then(Value::as_str).unwrap_or_default();
                let made = match convert(policy) {
                    Ok(made) => made,
                    Err(wrong) => {
                        left += 1;
                        let all: Vec<Diagnostic> = wrong
                            .into_iter()
                            .map(|one| say(format!("`{name}` stays: {} has no exact counterpart", one.what), one.at))
                            .collect();
                        output::diagnostics(&all, &texts);
                        continue;
                    }
                };
                match prove(policy, &made, &objects) {
                    Ok(Proof { untried, .. }) if !untried.is_empty() => {
                        left += 1;
                        let rules = untried.iter().map(|rule| format!("`{rule}`")).collect::<Vec<_>>().join(", ");
                        output::diagnostics(
                            &[say(format!("`{name}` stays: no object passes or fails {rules} (name some with `--tests`)"), policy.span)],
                            &texts,
                        );
                    }
                    Ok(Proof { objects, .. }) => {
                        let names: Vec<String> = made.iter().map(name_of).collect();
                        let taken = names
                            .iter()
                            .enumerate()
                            .find(|(at, name)| written.contains(*name) || names.iter().take(*at).any(|one| one == *name));
                        if let Some((_, taken)) = taken {
                            left += 1;
                            output::diagnostics(
                                &[say(format!("`{name}` stays: another policy became `{taken}` already"), policy.span)],
                                &texts,
                            );
                            continue;
                        }
                        converted += 1;
                        output::talk(&format!("{}: `{name}` says the same as before of {objects} objects", file.path));
                        for (one, name) in made.iter().zip(names) {
                            let text = yaml::write(one).ok_or_else(|| Wrong::hint(format!("`{name}` cannot be written as YAML"), None))?;
                            written.insert(name.clone());
                            match to {
                                Some(folder) => state::write(&folder.join(format!("{name}.yaml")), &text)?,
                                None => printed.push_str(&format!("---\n{text}")),
                            }
                        }
                    }
                    Err(different) => {
                        left += 1;
                        if different.iter().any(|one| one.object.ends_with("(DELETE)")) {
                            output::talk(&format!(
                                "hint: name the operations in `match` of `{name}` (`operations: [CREATE, UPDATE]`) if it is not about deletions"
                            ));
                        }
                        let all: Vec<Diagnostic> = different
                            .into_iter()
                            .map(|one| {
                                say(
                                    format!("`{name}` stays: of {} it says {}, the conversion {}", one.object, one.before, one.after),
                                    policy.span,
                                )
                            })
                            .collect();
                        output::diagnostics(&all, &texts);
                    }
                }
            }
        }
    }
    output::data(&printed)?;
    output::talk(&format!("{converted} converted, {left} left as they are"));
    Ok(match (converted, left) {
        _ if broken => 3,
        (0, 0) => 4,
        (_, 0) => 0,
        _ => 1,
    })
}

fn is_policy(value: &Value) -> bool {
    let text = |key: &str| value.get(key).and_then(Value::as_str).unwrap_or_default();
    text("apiVersion").starts_with("kyverno.io/") && matches!(text("kind"), "ClusterPolicy" | "Policy")
}

fn name_of(value: &Value) -> String {
    value.get("metadata").and_then(|metadata| metadata.get("name")).and_then(Value::as_str).unwrap_or_default().to_owned()
}

/// The documents of a YAML file, and what is wrong with it; nothing where it is another file.
fn read(tree: &FolderTree, path: &str, texts: &SourceMap) -> Option<(Vec<Value>, Vec<Diagnostic>)> {
    if !path.ends_with(".yaml") && !path.ends_with(".yml") {
        return None;
    }
    let refuse = |why: String| (Vec::new(), vec![Diagnostic::new(Level::Error, "unreadable", path, Span::NONE, why)]);
    let bytes = match tree.read(path) {
        Ok(bytes) => bytes,
        Err(error) => return Some(refuse(format!("cannot be read: {error}"))),
    };
    let Ok(text) = std::str::from_utf8(&bytes) else { return Some(refuse("is not UTF-8 text".to_owned())) };
    let number = texts.add(path, text);
    let (documents, problems) = yaml::parse(text, number);
    let said = problems.into_iter().filter(|problem| problem.fatal);
    let said = said.map(|problem| Diagnostic::new(Level::Error, problem.code, path, problem.span, problem.message)).collect();
    Some((documents.into_iter().map(|document| document.value).collect(), said))
}

/// All objects below a folder that are no policies and no tests.
fn objects(folder: &Path) -> Result<Vec<Value>> {
    let folder = if folder.as_os_str().is_empty() { Path::new(".") } else { folder };
    let tree = FolderTree::open(folder, None, 16 << 20).map_err(Wrong::new)?;
    let texts = SourceMap::new();
    let found = tree.files().iter().filter_map(|file| read(&tree, &file.path, &texts)).flat_map(|(documents, _)| documents);
    Ok(found
        .filter(|one| {
            let api = one.get("apiVersion").and_then(Value::as_str).unwrap_or_default();
            !api.is_empty() && one.get("kind").is_some() && !api.contains("kyverno.io")
        })
        .collect())
}
