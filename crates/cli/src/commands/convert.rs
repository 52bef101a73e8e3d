//! `probity policies convert`: ClusterPolicies to policies in CEL, each proven or not written.

use std::path::Path;
use std::sync::Arc;

use anyhow::Result;
use probity_core::{Diagnostic, Level, Tree as _};
use probity_files::FolderTree;
use probity_policy::convert::{convert, prove};
use probity_value::{SourceMap, Value, yaml};

use crate::{Wrong, output, state};

pub(crate) fn run(policies: &[std::path::PathBuf], tests: Option<&Path>, to: Option<&Path>) -> Result<u8> {
    let texts = SourceMap::new();
    let (mut converted, mut left) = (0_usize, 0_usize);
    let mut printed = String::new();
    for path in policies {
        let tree = FolderTree::open(path, None, 16 << 20).map_err(Wrong::new)?;
        let beside = if path.is_file() { path.parent().unwrap_or(path) } else { path };
        for file in tree.files() {
            let Some(documents) = read(&tree, &file.path, &texts) else { continue };
            for policy in documents.iter().filter(|one| one.get("kind").and_then(Value::as_str) == Some("ClusterPolicy")) {
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
                    Ok(0) => {
                        left += 1;
                        output::diagnostics(
                            &[say(format!("`{name}` stays: there is no object to prove it by (name some with `--tests`)"), policy.span)],
                            &texts,
                        );
                    }
                    Ok(count) => {
                        converted += 1;
                        output::talk(&format!("{}: `{name}` says the same as before of {count} objects", file.path));
                        for one in &made {
                            let text = yaml::write(one).unwrap_or_default();
                            let name =
                                one.get("metadata").and_then(|metadata| metadata.get("name")).and_then(Value::as_str).unwrap_or_default();
                            match to {
                                Some(folder) => state::write(&folder.join(format!("{name}.yaml")), &text)?,
                                None => printed.push_str(&format!("---\n{text}")),
                            }
                        }
                    }
                    Err(different) => {
                        left += 1;
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
        (0, 0) => 4,
        (_, 0) => 0,
        _ => 1,
    })
}

fn read(tree: &FolderTree, path: &str, texts: &SourceMap) -> Option<Vec<Value>> {
    if !path.ends_with(".yaml") && !path.ends_with(".yml") {
        return None;
    }
    let bytes = tree.read(path).ok()?;
    let text = std::str::from_utf8(&bytes).ok()?;
    let number = texts.add(path, text);
    Some(yaml::parse(text, number).0.into_iter().map(|document| document.value).collect())
}

/// All objects below a folder that are no policies and no tests.
fn objects(folder: &Path) -> Result<Vec<Value>> {
    let folder = if folder.as_os_str().is_empty() { Path::new(".") } else { folder };
    let tree = FolderTree::open(folder, None, 16 << 20).map_err(Wrong::new)?;
    let texts = SourceMap::new();
    let found = tree.files().iter().filter_map(|file| read(&tree, &file.path, &texts)).flatten();
    Ok(found
        .filter(|one| {
            let api = one.get("apiVersion").and_then(Value::as_str).unwrap_or_default();
            !api.is_empty() && one.get("kind").is_some() && !api.contains("kyverno.io")
        })
        .collect())
}
