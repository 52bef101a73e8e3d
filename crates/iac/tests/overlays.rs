//! Overlays of our own making against what Kustomize makes of them.
//!
//! `overlays-expected/NAME.json` holds the objects of `overlays/NAME` (of its `overlay` folder where it has one) as Kustomize gave them
//! when the file was written. `PROBITY_KUSTOMIZE` names an installed Kustomize to compare with; `PROBITY_UPDATE_OVERLAYS=1` then writes
//! the files, only where both agree. `PROBITY_OVERLAYS` names another folder of overlays to compare.
#![allow(clippy::disallowed_methods, reason = "tests read overlays from disk and run kustomize")]
#![allow(clippy::unwrap_used, reason = "a test that cannot go on fails")]

use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::Arc;

use probity_core::{CollectOptions, Collected, Scope, Source as _, Tree as _};
use probity_iac::kustomize::KustomizeSource;
use probity_testkit::MapTree;
use probity_value::yaml::{ParseOptions, parse_with};
use probity_value::{Data, FileId, SourceMap, Value, json};

fn folder(name: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests").join(name)
}

fn overlays(folder: &Path) -> Vec<PathBuf> {
    let mut all: Vec<PathBuf> =
        std::fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path()).filter(|path| path.is_dir()).collect();
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

/// All there is to say of a folder of overlays.
fn collect(top: &Path) -> Collected {
    let mut files = Vec::new();
    gather(top, top, &mut files);
    let tree = MapTree::new(files);
    let unclaimed: Vec<Arc<str>> = tree.files().iter().map(|file| Arc::clone(&file.path)).collect();
    let (sources, options) = (SourceMap::new(), CollectOptions::default());
    KustomizeSource.collect(&Scope { tree: &tree, sources: &sources, unclaimed: &unclaimed, options: &options })
}

/// The objects of a root, in order.
fn objects(collected: &Collected, root: &str) -> Vec<Value> {
    collected.subjects.iter().filter(|subject| &*subject.root == root).map(|subject| subject.value.clone()).collect()
}

/// What is compared in a folder: its `overlay`, what its file `ROOT` names, or all its roots where it is somebody else's.
fn roots(top: &Path, collected: &Collected, own: bool) -> Vec<String> {
    if own {
        return vec![if top.join("overlay").is_dir() { "overlay".to_owned() } else { String::new() }];
    }
    if let Ok(root) = std::fs::read_to_string(top.join("ROOT")) {
        return vec![root.trim().trim_matches('.').trim_matches('/').to_owned()];
    }
    let mut all: Vec<String> = collected.subjects.iter().map(|subject| subject.root.to_string()).collect();
    all.dedup();
    all
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

fn name(value: &Value) -> String {
    let text = |value: Option<&Value>| value.and_then(json::write).unwrap_or_default();
    let metadata = value.get("metadata");
    let field = |name: &str| text(metadata.and_then(|metadata| metadata.get(name)));
    format!("{} {} {}", text(value.get("kind")), field("namespace"), field("name"))
}

/// Document by document, in order.
fn compare(ours: &[Value], theirs: &[Value]) -> Vec<String> {
    let names = |values: &[Value]| values.iter().map(name).collect::<Vec<_>>();
    if names(ours) != names(theirs) {
        return vec![format!("the objects are {:?}, not {:?}", names(ours), names(theirs))];
    }
    ours.iter().zip(theirs).filter_map(|(a, b)| difference(a, b, &name(a))).collect()
}

fn said(collected: &Collected) -> String {
    collected.diagnostics.iter().map(|said| format!("\n  {}: {}", said.code, said.message)).collect()
}

#[test]
fn objects_are_those_of_kustomize_as_recorded() {
    let mut wrong = Vec::new();
    for overlay in overlays(&folder("overlays")) {
        let name = overlay.file_name().unwrap().to_str().unwrap().to_owned();
        let expected = folder("overlays-expected").join(format!("{name}.json"));
        let Ok(text) = std::fs::read_to_string(&expected) else {
            wrong.push(format!("{name} has no recorded objects"));
            continue;
        };
        let (value, problems) = json::parse(&text, FileId::NONE);
        assert!(problems.is_empty(), "{name}: {problems:?}");
        let collected = collect(&overlay);
        let ours = objects(&collected, &roots(&overlay, &collected, true).concat());
        wrong.extend(
            compare(&ours, value.as_list().unwrap()).into_iter().map(|difference| format!("{name}: {difference}{}", said(&collected))),
        );
        let fails = collected.coverage.skipped.iter().filter(|file| file.fails).map(|file| format!("{name}: {}: {}", file.file, file.why));
        wrong.extend(fails);
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

#[test]
fn objects_are_those_of_kustomize_where_it_is_installed() {
    let Ok(program) = std::env::var("PROBITY_KUSTOMIZE") else {
        println!("skipped: `PROBITY_KUSTOMIZE` names no program");
        return;
    };
    let others = std::env::var("PROBITY_OVERLAYS").ok();
    let update = std::env::var("PROBITY_UPDATE_OVERLAYS").is_ok() && others.is_none();
    let options = ParseOptions { octal_1_1: true, kubectl: true, booleans_1_1: true, ..ParseOptions::default() };
    let (mut wrong, mut equal, mut refused) = (Vec::new(), 0, 0);
    let own = others.is_none();
    for overlay in overlays(&others.map_or_else(|| folder("overlays"), PathBuf::from)) {
        let name = overlay.file_name().unwrap().to_str().unwrap().to_owned();
        let collected = collect(&overlay);
        for root in roots(&overlay, &collected, own) {
            let output = Command::new(&program).arg("build").arg(overlay.join(&root)).output().unwrap();
            let ours = objects(&collected, &root);
            let name = format!("{name} {root}").trim().to_owned();
            if !output.status.success() {
                let fails = collected.coverage.skipped.iter().any(|file| file.fails || file.partly);
                if fails {
                    refused += 1;
                } else {
                    wrong.push(format!("{name}: kustomize says {}", String::from_utf8_lossy(&output.stderr)));
                }
                continue;
            }
            let text = String::from_utf8(output.stdout).unwrap();
            let (documents, problems) = parse_with(&text, FileId::NONE, options);
            if problems.iter().any(|problem| problem.fatal) {
                wrong.push(format!("{name}: what kustomize gives cannot be read: {problems:?}"));
                continue;
            }
            let theirs: Vec<Value> = documents.into_iter().map(|document| document.value).filter(|value| !value.is_null()).collect();
            let differences = compare(&ours, &theirs);
            if differences.is_empty() {
                equal += 1;
                if update {
                    let lines: Vec<String> = theirs.iter().map(|value| json::write(value).unwrap()).collect();
                    let path = folder("overlays-expected").join(format!("{}.json", name.trim_end_matches(" overlay")));
                    std::fs::create_dir_all(folder("overlays-expected")).unwrap();
                    std::fs::write(path, format!("[\n{}\n]\n", lines.join(",\n"))).unwrap();
                }
            }
            wrong.extend(differences.into_iter().map(|difference| format!("{name}: {difference}{}", said(&collected))));
        }
    }
    println!("{equal} overlays equal, {refused} refused by both");
    assert!(wrong.is_empty(), "{} differ\n{}", wrong.len(), wrong.join("\n"));
}
