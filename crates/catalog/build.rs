//! Makes the binary index of the built-in rules out of `policies/`. A file that is not a sound rule ends the build with its place.
#![allow(clippy::disallowed_methods, reason = "a build script reads the rule files")]

#[path = "src/controls.rs"]
#[allow(dead_code, unreachable_pub, reason = "shared with the library, which uses the rest")]
mod controls;
#[path = "src/index.rs"]
#[allow(dead_code, unreachable_pub, reason = "shared with the library, which uses the rest")]
mod index;

use std::path::{Path, PathBuf};
use std::{env, fs, io};

use probity_checks::RuleDocument;
use probity_core::{Diagnostic, Level};
use probity_value::SourceMap;

fn main() -> io::Result<()> {
    let manifest = PathBuf::from(env::var_os("CARGO_MANIFEST_DIR").unwrap_or_default());
    let policies = manifest.join("../../policies");
    println!("cargo::rerun-if-changed={}", policies.display());
    let mut files = Vec::new();
    walk(&policies, &policies, &mut files)?;
    files.sort();
    let sources = SourceMap::new();
    let mut rules = Vec::new();
    let mut frameworks = Vec::new();
    let mut faults = Vec::new();
    let mut secrets = Vec::new();
    for path in files {
        let text = fs::read_to_string(policies.join(&path))?;
        let shown = format!("policies/{path}");
        let id = sources.add(shown.as_str(), text.as_str());
        if path.starts_with("controls/") {
            let (framework, diagnostics) = controls::Framework::parse(&text, &shown, id);
            frameworks.extend(framework);
            faults.extend(diagnostics);
            continue;
        }
        if path.starts_with("secrets/") {
            match probity_secrets::own::parse(&text, id) {
                Ok(document) => secrets.push(document),
                Err(said) => faults
                    .extend(said.into_iter().map(|fault| Diagnostic::new(Level::Error, "rule-file", shown.as_str(), fault.at, fault.what))),
            }
            continue;
        }
        let (document, diagnostics) = RuleDocument::parse(&text, &shown, id);
        faults.extend(diagnostics);
        rules.extend(document);
    }
    for fault in &faults {
        println!("cargo::{}={}", if strict() { "error" } else { "warning" }, place(fault, &sources));
    }
    let mut parts = Vec::new();
    for rule in &rules {
        parts.push((rule.meta.id.clone(), index::parts(rule).map_err(io::Error::other)?));
    }
    for document in &secrets {
        parts.push((document.rule.meta.id.clone(), index::secret_parts(document).map_err(io::Error::other)?));
    }
    parts.sort_by(|(a, _), (b, _)| a.cmp(b));
    let parts: Vec<_> = parts.into_iter().map(|(_, parts)| parts).collect();
    let bytes = index::write(&parts, &frameworks).map_err(io::Error::other)?;
    read_back(&bytes, parts.len()).map_err(io::Error::other)?;
    let out = PathBuf::from(env::var_os("OUT_DIR").unwrap_or_default());
    fs::write(out.join("rules.bin"), bytes)?;
    println!("cargo::rerun-if-env-changed=PROBITY_DRAFT_POLICIES");
    Ok(())
}

/// What was written is what the program will read: every part must be.
fn read_back(bytes: &[u8], rules: usize) -> Result<(), index::IndexError> {
    let opened = index::open(bytes)?;
    for parts in &opened.rules {
        let meta = index::meta(parts.meta)?;
        if meta.engine == "secrets" {
            index::secret(std::sync::Arc::new(meta), parts.check)?;
        } else if index::check(parts.check).is_none() {
            return Err(index::IndexError::Short);
        }
        if index::examples(parts.examples).is_none() {
            return Err(index::IndexError::Short);
        }
    }
    let _: Vec<controls::Framework> = index::frameworks(opened.frameworks)?;
    if opened.rules.len() == rules { Ok(()) } else { Err(index::IndexError::Short) }
}

/// A broken rule breaks the build, unless `PROBITY_DRAFT_POLICIES` is set while rules are being written: then it is left out with a
/// warning, and the crate's tests refuse it all the same.
fn strict() -> bool {
    env::var_os("PROBITY_DRAFT_POLICIES").is_none()
}

fn place(fault: &Diagnostic, sources: &SourceMap) -> String {
    let at = sources.locate(fault.span).map(|(_, start, _)| format!(":{}:{}", start.line, start.column)).unwrap_or_default();
    let hint = fault.hint.as_ref().map(|hint| format!("; {hint}")).unwrap_or_default();
    format!("{}{at}: {}{hint}", fault.file, fault.message)
}

/// All YAML files below a folder, relative to `top`, with `/`.
fn walk(top: &Path, folder: &Path, out: &mut Vec<String>) -> io::Result<()> {
    for entry in fs::read_dir(folder)? {
        let path = entry?.path();
        if path.is_dir() {
            walk(top, &path, out)?;
        } else if path.extension().is_some_and(|extension| extension == "yaml" || extension == "yml")
            && let Ok(below) = path.strip_prefix(top)
        {
            out.push(below.to_string_lossy().replace('\\', "/"));
        }
    }
    Ok(())
}
