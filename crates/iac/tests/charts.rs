//! Charts of our own making against what Helm makes of them.
//!
//! `expected/NAME.json` holds the objects of `charts/NAME` as Helm gave them when the file was written. With `helm` on the path, each
//! chart is rendered by both and compared; `PROBITY_UPDATE_CHARTS=1` then writes the files, only where both agree. `PROBITY_CHARTS` names
//! another folder of charts to compare.
#![allow(clippy::disallowed_methods, reason = "tests read charts from disk and run helm")]
#![allow(clippy::unwrap_used, reason = "a test that cannot go on fails")]

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::Arc;

use probity_core::{CollectOptions, Collected, Scope, Source as _, Tree as _};
use probity_iac::helm::HelmSource;
use probity_testkit::MapTree;
use probity_value::yaml::{ParseOptions, parse_with};
use probity_value::{Data, FileId, Map, SourceMap, Value, json};

fn folder(name: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests").join(name)
}

fn charts(folder: &Path) -> Vec<PathBuf> {
    let mut all: Vec<PathBuf> = std::fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path()).collect();
    all.sort();
    all
}

fn gather(top: &Path, below: &Path, out: &mut Vec<(String, Vec<u8>)>) {
    for entry in std::fs::read_dir(below).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            gather(top, &path, out);
        } else {
            out.push((path.strip_prefix(top).unwrap().to_str().unwrap().to_owned(), std::fs::read(&path).unwrap()));
        }
    }
}

fn collect(chart: &Path) -> Collected {
    let mut files = Vec::new();
    gather(chart.parent().unwrap(), chart, &mut files);
    let tree = MapTree::new(files);
    let unclaimed: Vec<Arc<str>> = tree.files().iter().map(|file| Arc::clone(&file.path)).collect();
    let (sources, options) = (SourceMap::new(), CollectOptions::default());
    HelmSource.collect(&Scope { tree: &tree, sources: &sources, unclaimed: &unclaimed, options: &options })
}

/// Objects by kind, namespace and name.
type Objects = BTreeMap<String, Value>;

fn key(value: &Value) -> String {
    let text = |value: Option<&Value>| value.and_then(json::write).unwrap_or_default();
    let metadata = value.get("metadata");
    let field = |name: &str| text(metadata.and_then(|metadata| metadata.get(name)));
    format!("{} {} {}", text(value.get("kind")), field("namespace"), field("name"))
}

fn keyed(values: impl Iterator<Item = Value>) -> Objects {
    let mut out = Objects::new();
    for value in values {
        let mut name = key(&value);
        while out.contains_key(&name) {
            name.push('+');
        }
        out.insert(name, value);
    }
    out
}

fn ours(chart: &Path) -> (Objects, Collected) {
    let collected = collect(chart);
    let root = chart.file_name().unwrap().to_str().unwrap();
    let own = collected.subjects.iter().filter(|subject| &*subject.root == root);
    (keyed(own.map(|subject| subject.value.clone())), collected)
}

/// The first place where two values differ; what is unknown here may be anything there.
fn difference(ours: &Value, theirs: &Value, path: &str) -> Option<String> {
    match (&ours.data, &theirs.data) {
        (Data::Unknown(_), _) => None,
        (Data::Map(a), Data::Map(b)) => {
            let missing = b.keys().find(|key| !a.contains_key(key)).map(|key| format!("{path}.{key} is missing"));
            missing.or_else(|| {
                a.iter().find_map(|(key, entry)| match b.get(key) {
                    Some(other) => difference(&entry.value, other, &format!("{path}.{key}")),
                    None => Some(format!("{path}.{key} should not be there")),
                })
            })
        }
        (Data::List(a), Data::List(b)) if a.len() == b.len() => {
            a.iter().zip(b.iter()).enumerate().find_map(|(at, (a, b))| difference(a, b, &format!("{path}[{at}]")))
        }
        (a, b) if a == b => None,
        _ => Some(format!("{path} is {:?}, not {:?}", json::write(ours), json::write(theirs))),
    }
}

/// Helm's value without what is another one each time.
fn settled(theirs: &Value, ours: Option<&Value>) -> Value {
    let data = match (&theirs.data, ours.map(|ours| &ours.data)) {
        (_, Some(Data::Unknown(_))) => Data::String("another each time".into()),
        (Data::Map(map), ours) => {
            let below = |name: &str| match ours {
                Some(Data::Map(map)) => map.get(name),
                _ => None,
            };
            let mut out = Map::new();
            for (name, entry) in map.iter() {
                out.insert(Arc::clone(name), entry.key, settled(&entry.value, below(name)));
            }
            Data::Map(Arc::new(out))
        }
        (data, _) => data.clone(),
    };
    Value { data, ..theirs.clone() }
}

fn compare(ours: &Objects, theirs: &Objects) -> Vec<String> {
    let mut out: Vec<String> = Vec::new();
    out.extend(theirs.keys().filter(|key| !ours.contains_key(*key)).map(|key| format!("{key} is missing")));
    for (key, value) in ours {
        match theirs.get(key) {
            Some(other) => out.extend(difference(value, other, key)),
            None => out.push(format!("{key} should not be there")),
        }
    }
    out
}

fn said(collected: &Collected) -> String {
    collected.diagnostics.iter().map(|said| format!("\n  {}: {}", said.code, said.message)).collect()
}

#[test]
fn objects_are_those_of_helm_as_recorded() {
    let mut wrong = Vec::new();
    for chart in charts(&folder("charts")) {
        let name = chart.file_name().unwrap().to_str().unwrap().to_owned();
        let expected = folder("expected").join(format!("{name}.json"));
        let text = std::fs::read_to_string(&expected).unwrap_or_else(|_| panic!("{name} has no recorded objects"));
        let (value, problems) = json::parse(&text, FileId::NONE);
        assert!(problems.is_empty(), "{name}: {problems:?}");
        let theirs = keyed(value.as_list().unwrap().iter().cloned());
        let (ours, collected) = ours(&chart);
        for difference in compare(&ours, &theirs) {
            wrong.push(format!("{name}: {difference}{}", said(&collected)));
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

#[test]
fn objects_are_those_of_helm_where_it_is_installed() {
    let helm = std::env::var("PROBITY_HELM").unwrap_or_else(|_| "helm".to_owned());
    if Command::new(&helm).arg("version").output().is_err() {
        println!("skipped: helm is not installed");
        return;
    }
    let others = std::env::var("PROBITY_CHARTS").ok();
    let update = std::env::var("PROBITY_UPDATE_CHARTS").is_ok() && others.is_none();
    let options = ParseOptions { booleans_1_1: true, octal_1_1: true, kubectl: true, ..ParseOptions::default() };
    let mut wrong = Vec::new();
    for chart in charts(&others.map_or_else(|| folder("charts"), PathBuf::from)) {
        let name = chart.file_name().unwrap().to_str().unwrap().to_owned();
        let output = Command::new(&helm).args(["template", "release-name", "--kube-version", "1.37.0"]).arg(&chart).output().unwrap();
        if !output.status.success() {
            wrong.push(format!("{name}: helm says {}", String::from_utf8_lossy(&output.stderr)));
            continue;
        }
        let text = String::from_utf8(output.stdout).unwrap();
        let (documents, problems) = parse_with(&text, FileId::NONE, options);
        assert!(!problems.iter().any(|problem| problem.fatal), "{name}: {problems:?}");
        let is_object = |value: &Value| value.get("kind").is_some() && value.get("apiVersion").is_some();
        let documents: Vec<Value> = documents.into_iter().map(|document| document.value).filter(is_object).collect();
        let (ours, collected) = ours(&chart);
        let differences = compare(&ours, &keyed(documents.iter().cloned()));
        if differences.is_empty() && update {
            let lines: Vec<String> = documents.iter().map(|value| json::write(&settled(value, ours.get(&key(value)))).unwrap()).collect();
            std::fs::create_dir_all(folder("expected")).unwrap();
            std::fs::write(folder("expected").join(format!("{name}.json")), format!("[\n{}\n]\n", lines.join(",\n"))).unwrap();
        }
        wrong.extend(differences.into_iter().map(|difference| format!("{name}: {difference}{}", said(&collected))));
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}
