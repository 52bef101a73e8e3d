//! Runs the test data of Sigstore's policy controller: `policy_controller DIR`. Prints every case as a line of JSON.
//!
//! Valid policies have to be read; invalid ones refused at the path that the file itself names (`# ERROR:`); those of the end-to-end tests
//! and their trust roots are read; the CUE policies are held against the predicates beside them.
#![allow(clippy::disallowed_methods, clippy::print_stdout, clippy::print_stderr, reason = "reads a suite from outside and prints")]

use std::path::{Path, PathBuf};

use probity_imagepolicy::Fault;
use probity_imagepolicy::cip::{ClusterImagePolicy, Options, TrustRootObject, claims};
use probity_imagepolicy::cue::CuePolicy;
use probity_value::{FileId, yaml};
use serde_json::json;

fn main() -> std::process::ExitCode {
    let Some(folder) = std::env::args_os().nth(1).map(PathBuf::from) else {
        eprintln!("name the folder of the suite");
        return 2.into();
    };
    let data = folder.join("test/testdata");
    for (part, kind) in [
        ("policy-controller/valid", "read"),
        ("policy-controller/invalid", "refused"),
        ("policy-controller/empty-authorities", "refused"),
        ("policy-controller/e2e", "read"),
        ("policy-controller/tester", "read"),
        ("trustroot/valid", "read"),
        ("trustroot/e2e", "read"),
    ] {
        let files = list(&data.join(part));
        if files.is_empty() {
            eprintln!("{part}: nothing there");
            return 3.into();
        }
        for file in files {
            let Ok(text) = std::fs::read_to_string(&file) else {
                eprintln!("{}: cannot be read", file.display());
                return 3.into();
            };
            document(&format!("{part}/{}", name(&file)), &text, kind);
        }
    }
    let Ok(predicate) = std::fs::read_to_string(data.join("attestations/vuln-predicate.json")) else {
        eprintln!("attestations/vuln-predicate.json: cannot be read");
        return 3.into();
    };
    let vuln = format!(r#"{{"predicateType": "https://cosign.sigstore.dev/attestation/vuln/v1", "predicate": {predicate}}}"#);
    let custom = r#"{"predicateType": "https://cosign.sigstore.dev/attestation/v1", "predicate": {"Data": "x", "Timestamp": "2022-04-12T00:00:00Z"}}"#;
    let config = r#"{"config": {"linux/amd64": {"config": {"User": "65532"}}, "linux/arm/v7": {"config": {"User": "65532"}}}}"#;
    for (file, document, expected) in [
        ("cue-works.cue", custom, "passes"),
        ("cue-fails.cue", custom, "fails"),
        ("cue-vuln-works.cue", &vuln, "passes"),
        ("cue-vuln-fails.cue", &vuln, "fails"),
        // Neither kind of predicate is the other's.
        ("cue-works.cue", &vuln, "fails"),
        ("cue-vuln-works.cue", custom, "fails"),
        // It asks for the user 65530.
        ("cue-policy-config.cue", config, "fails"),
        ("cue-policy-config.cue", &config.replace("65532", "65530"), "passes"),
    ] {
        let Ok(policy) = std::fs::read_to_string(data.join("policies").join(file)) else {
            eprintln!("policies/{file}: cannot be read");
            return 3.into();
        };
        let said = CuePolicy::parse(&policy).and_then(|policy| policy.judge(document));
        let actual = if said.is_ok() { "passes" } else { "fails" };
        let about: String = document.chars().take(64).collect();
        case(
            &format!("policies/{file} {about}"),
            expected,
            actual,
            expected == actual,
            &said.err().map(|error| error.to_string()).unwrap_or_default(),
        );
    }
    0.into()
}

fn list(folder: &Path) -> Vec<PathBuf> {
    let mut files: Vec<PathBuf> = std::fs::read_dir(folder).into_iter().flatten().flatten().map(|entry| entry.path()).collect();
    files.sort();
    files
}

fn name(file: &Path) -> String {
    file.file_name().map(|name| name.to_string_lossy().into_owned()).unwrap_or_default()
}

fn case(id: &str, expected: &str, actual: &str, agreed: bool, why: &str) {
    let kind = match (agreed, expected, actual) {
        (true, ..) => None,
        (false, "refused" | "fails", "read" | "passes") => Some("false-allow"),
        (false, "read" | "passes", "refused" | "fails") => Some("false-deny"),
        _ => Some("other"),
    };
    println!("{}", json!({ "id": id, "expected": expected, "actual": actual, "agreed": agreed, "kind": kind, "why": why }));
}

/// The paths a file says its faults have: `spec.mode`, `spec.authorities[0].key.data, spec.authorities[0].key.kms`.
fn expected_paths(text: &str) -> Vec<Vec<String>> {
    let lines = text.lines().filter_map(|line| line.strip_prefix("# ERROR:"));
    let paths = |line: &str| -> Vec<String> {
        let words = line.split([' ', ',']).map(|word| word.trim_matches(':'));
        words.filter(|word| word.starts_with("spec.") || word.starts_with("keyless.")).map(str::to_owned).collect()
    };
    lines.map(paths).collect()
}

/// Whether a fault is at one of the paths, or at the map they all are fields of.
fn at(fault: &Fault, paths: &[String]) -> bool {
    paths.iter().any(|path| {
        let parent = path.rsplit_once('.').map_or("", |(parent, _)| parent);
        fault.path.eq_ignore_ascii_case(path) || fault.path.ends_with(&format!(".{path}")) || (paths.len() > 1 && fault.path == parent)
    })
}

fn document(id: &str, text: &str, expected: &str) {
    let (documents, problems) = yaml::parse(text, FileId(0));
    let claimed: Vec<_> = documents.iter().filter(|document| claims(&document.value)).collect();
    if let Some(problem) = problems.iter().find(|problem| problem.fatal) {
        return case(id, expected, "no YAML", false, &problem.message);
    }
    // One file of the end-to-end tests is what they deploy, not a policy.
    if claimed.is_empty() {
        let line = json!({ "id": id, "expected": expected, "actual": "passed over", "agreed": true, "excluded": "it is neither a policy nor a trust root" });
        println!("{line}");
        return;
    }
    for document in claimed {
        let trust = document.value.get("kind").and_then(|kind| kind.as_str()) == Some("TrustRoot");
        let read = if trust {
            TrustRootObject::read(&document.value).map(|_| ())
        } else {
            ClusterImagePolicy::read(&document.value, &Options::default()).map(|_| ())
        };
        match read {
            Ok(()) => case(id, expected, "read", expected == "read", ""),
            Err(faults) => {
                let said: Vec<String> = faults.iter().map(ToString::to_string).collect();
                let reasons = expected_paths(text);
                let told = reasons.iter().all(|paths| faults.iter().any(|fault| at(fault, paths)));
                let actual = if told { "refused" } else { "refused for another reason" };
                case(id, expected, actual, expected == actual, &said.join("; "));
            }
        }
    }
}
