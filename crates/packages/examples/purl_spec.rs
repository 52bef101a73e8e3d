//! Runs the test suite of the purl specification: `purl_spec DIR`. Prints every case as a line of JSON.
#![allow(clippy::disallowed_methods, clippy::print_stdout, clippy::print_stderr, reason = "reads a suite from outside and prints")]

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use probity_packages::Purl;
use serde_json::{Value, json};

fn main() -> std::process::ExitCode {
    let Some(folder) = std::env::args_os().nth(1) else {
        eprintln!("name the folder of the suite");
        return 2.into();
    };
    let mut files = Vec::new();
    list(Path::new(&folder), &mut files);
    files.sort();
    for file in files {
        let Some(suite) = std::fs::read(&file).ok().and_then(|bytes| serde_json::from_slice::<Value>(&bytes).ok()) else {
            eprintln!("{}: cannot be read", file.display());
            return 3.into();
        };
        for test in suite["tests"].as_array().into_iter().flatten() {
            let name = file.file_name().map(|name| name.to_string_lossy().into_owned()).unwrap_or_default();
            let id = format!("{name} {} {} {}", test["test_type"], test["input"], test["description"]);
            let said = judge(test).err();
            println!(
                "{}",
                json!({ "id": id, "expected": test["expected_output"], "actual": said, "agreed": said.is_none(), "kind": said.as_ref().map(|_| "other") })
            );
        }
    }
    0.into()
}

fn list(folder: &Path, out: &mut Vec<PathBuf>) {
    for entry in std::fs::read_dir(folder).into_iter().flatten().flatten() {
        let path = entry.path();
        if path.is_dir() {
            list(&path, out);
        } else if path.extension().is_some_and(|end| end == "json") {
            out.push(path);
        }
    }
}

fn judge(test: &Value) -> Result<(), String> {
    let fails = test["expected_failure"].as_bool() == Some(true);
    let got = match test["test_type"].as_str() {
        Some("parse") => Purl::parse_strict(test["input"].as_str().unwrap_or_default()).map(|purl| components(&purl)),
        Some("validate") => test["input"].as_str().unwrap_or_default().parse::<Purl>().map(|purl| json!(purl.to_string())),
        Some("build") => built(&test["input"]).map(|purl| json!(purl.to_string())),
        other => return Err(format!("unknown kind of test {other:?}")),
    };
    match (got, fails) {
        (Err(_), true) => Ok(()),
        (Ok(got), true) => Err(format!("is read as {got}")),
        (Err(error), false) => Err(error.to_string()),
        (Ok(got), false) => {
            let expected = plain(&test["expected_output"]);
            if plain(&got) == expected { Ok(()) } else { Err(format!("gives {got}, expected {expected}")) }
        }
    }
}

/// Without parts that are null or empty; of equal maps the order does not count.
fn plain(value: &Value) -> Value {
    match value {
        Value::Object(map) => {
            let kept: BTreeMap<&String, Value> =
                map.iter().map(|(key, value)| (key, plain(value))).filter(|(_, value)| !value.is_null()).collect();
            if kept.is_empty() { Value::Null } else { json!(kept) }
        }
        other => other.clone(),
    }
}

fn components(purl: &Purl) -> Value {
    json!({
        "type": &*purl.kind, "namespace": purl.namespace.as_deref(), "name": &*purl.name, "version": purl.version.as_deref(),
        "qualifiers": purl.qualifiers.iter().map(|(key, value)| (key.to_string(), json!(&**value))).collect::<serde_json::Map<_, _>>(),
        "subpath": purl.subpath.as_deref(),
    })
}

fn built(input: &Value) -> Result<Purl, probity_packages::PurlError> {
    let text = |key: &str| input[key].as_str().map(Arc::from);
    Purl {
        kind: text("type").unwrap_or_else(|| "".into()),
        namespace: text("namespace"),
        name: text("name").unwrap_or_else(|| "".into()),
        version: text("version"),
        qualifiers: input["qualifiers"]
            .as_object()
            .into_iter()
            .flatten()
            .map(|(key, value)| (Arc::from(key.as_str()), Arc::from(value.as_str().unwrap_or_default())))
            .collect(),
        subpath: text("subpath"),
    }
    .normalised()
}
