//! `bench policy`: the policy languages on one Pod, and the tests of a whole folder beside the real tools, in one run.

use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::time::Instant;

use anyhow::{Context, Result, bail};
use serde_json::Value;

use crate::{bench, shell};

/// The real tools that were named.
pub struct Peers<'a> {
    pub opa: Option<&'a str>,
    pub kyverno: Option<&'a str>,
    pub gator: Option<&'a str>,
}

const FOLDER: &str = "crates/policy/tests/pod_security";
const HEADING: &str = "## Policies\n";

/// A Pod that passes all 16 rules, under a name.
fn pod(name: &str) -> String {
    let context = "{allowPrivilegeEscalation: false, runAsNonRoot: true, readOnlyRootFilesystem: true, capabilities: {drop: [ALL]}}";
    format!(
        "apiVersion: v1\nkind: Pod\nmetadata: {{name: {name}, namespace: default}}\nspec:\n  automountServiceAccountToken: false\n  containers:\n  - {{name: a, image: \"nginx:1.27\", resources: {{limits: {{memory: 1Gi}}}}, securityContext: {context}}}\n"
    )
}

/// Seconds a command takes, the best of some runs.
fn seconds(program: &str, arguments: &[&str], runs: u32) -> Result<f64> {
    let mut best = f64::INFINITY;
    for _ in 0..runs {
        let start = Instant::now();
        let status = Command::new(program).args(arguments).stdout(Stdio::null()).stderr(Stdio::null()).current_dir(shell::root()).status();
        status.with_context(|| format!("cannot run `{program}`"))?;
        best = best.min(start.elapsed().as_secs_f64());
    }
    Ok(best)
}

/// Time per Pod of a tool: many Pods less one Pod, so that starting does not count.
fn per_pod(program: &str, arguments: &dyn Fn(&Path) -> Vec<String>, one: &Path, many: &Path, count: f64) -> Result<f64> {
    let run = |file: &Path| -> Result<f64> {
        let arguments = arguments(file);
        let arguments: Vec<&str> = arguments.iter().map(String::as_str).collect();
        seconds(program, &arguments, 2)
    };
    Ok((run(many)? - run(one)?).max(0.0) / (count - 1.0))
}

/// Measures, and writes the section of `docs/benchmarks.md`.
pub fn run(peers: &Peers<'_>) -> Result<()> {
    let program = shell::build(true)?;
    let ours = program.to_string_lossy().into_owned();
    let text = shell::output("cargo", &["run", "--release", "--quiet", "--package", "probity-policy", "--example", "bench_policies"])?;
    let folder = std::env::temp_dir().join("probity-bench-policy");
    std::fs::create_dir_all(&folder)?;
    let (one, many) = (folder.join("one.yaml"), folder.join("many.yaml"));
    const COUNT: usize = 500;
    std::fs::write(&one, pod("p"))?;
    let pods: Vec<String> = (0..COUNT).map(|at| pod(&format!("p{at}"))).collect();
    std::fs::write(&many, pods.join("---\n"))?;
    let path = |file: &str| shell::root().join(FOLDER).join(file).to_string_lossy().into_owned();

    let mut out = format!(
        "{HEADING}\n16 rules about Pods, the same in each language (`{FOLDER}`; a property test holds them to the same verdicts), on one Pod with two containers and an init\ncontainer, in process, compiled once. Written by `cargo xtask bench policy`.\n\n| language | one Pod, 16 rules | Pods a second, one thread | two threads |\n|---|---|---|---|\n"
    );
    for line in text.lines().filter(|line| line.starts_with('{')) {
        let one: Value = serde_json::from_str(line)?;
        let (language, time) = (one["language"].as_str().unwrap_or_default(), one["microseconds"].as_f64().unwrap_or(0.0));
        out += &format!("| {language} | {time:.1} µs | {} | {} |\n", one["per_second_one"], one["per_second_two"]);
    }
    out += &format!(
        "\nThe same files and {COUNT} Pods through the command lines, time for each further Pod (starting and loading do not count):\n\n| policies | probity eval | the real tool |\n|---|---|---|\n"
    );
    #[expect(clippy::cast_precision_loss, reason = "a small count")]
    let count = COUNT as f64;
    let eval = |file: &str| {
        let policy = path(file);
        per_pod(
            &ours,
            &|pods| vec!["eval".into(), "-p".into(), policy.clone(), pods.to_string_lossy().into_owned(), "--format".into(), "json".into()],
            &one,
            &many,
            count,
        )
    };
    let row = |file: &str, name: &str, peer: Option<f64>| -> Result<String> {
        let own = eval(file)?;
        let said = peer.map_or_else(
            || format!("{name}: not measured"),
            |peer| format!("{name}: {:.1} µs ({:.1} times)", peer * 1e6, peer / own.max(1e-9)),
        );
        Ok(format!("| {file} | {:.1} µs | {said} |\n", own * 1e6))
    };
    let kyverno = |file: &str| -> Result<Option<f64>> {
        let Some(peer) = peers.kyverno else { return Ok(None) };
        let policy = path(file);
        per_pod(
            peer,
            &|pods| vec!["apply".into(), policy.clone(), "--resource".into(), pods.to_string_lossy().into_owned()],
            &one,
            &many,
            count,
        )
        .map(Some)
    };
    out += &row("kyverno.yaml", "kyverno apply", kyverno("kyverno.yaml")?)?;
    out += &row("vpol.yaml", "kyverno apply", kyverno("vpol.yaml")?)?;
    let gator = match peers.gator {
        Some(peer) => {
            let policy = path("gatekeeper.yaml");
            Some(per_pod(
                peer,
                &|pods| vec!["test".into(), "-f".into(), policy.clone(), "-f".into(), pods.to_string_lossy().into_owned()],
                &one,
                &many,
                count,
            )?)
        }
        None => None,
    };
    out += &row("gatekeeper.yaml", "gator test", gator)?;
    let opa = match peers.opa {
        Some(peer) => Some(opa_bench(peer, &path("conftest.rego"), &folder)?),
        None => None,
    };
    let in_process = text
        .lines()
        .filter_map(|line| serde_json::from_str::<Value>(line).ok())
        .find(|one| one["language"] == "conftest.rego")
        .and_then(|one| one["microseconds"].as_f64())
        .unwrap_or(0.0);
    if let Some(opa) = opa {
        let times = opa * 1e6 / in_process.max(1e-9);
        out += &format!(
            "| conftest.rego, in process on both sides | {in_process:.1} µs | opa bench: {:.1} µs ({times:.1} times) |\n",
            opa * 1e6
        );
    }

    let suite = shell::root().join("../shared/conformance/kyverno-policies");
    if suite.is_dir() {
        let suite = suite.canonicalize()?.to_string_lossy().into_owned();
        let own = seconds(&ours, &["test", &suite], 3)?;
        out += &format!("\nAll tests of the kyverno/policies folder: `probity test` {own:.2} s");
        match peers.kyverno {
            Some(peer) => {
                let theirs = seconds(peer, &["test", &suite], 1)?;
                out += &format!(", `kyverno test` {theirs:.1} s: {:.0} times.\n", theirs / own);
            }
            None => out += "; the kyverno CLI was not named.\n",
        }
    } else {
        out += "\nThe kyverno/policies folder is not there, its time is not measured.\n";
    }
    out += &format!("\nMost memory of `probity eval` with 200 policies on one Pod: {:.0} MB.\n", memory(&program, &folder, &one)?);
    println!("{out}");
    write(&out)
}

/// Seconds `opa bench` gives for one evaluation of all rules.
fn opa_bench(program: &str, module: &str, folder: &Path) -> Result<f64> {
    let input: PathBuf = folder.join("input.json");
    let context = r#"{"allowPrivilegeEscalation":false,"runAsNonRoot":true,"readOnlyRootFilesystem":true,"capabilities":{"drop":["ALL"]}}"#;
    let document = format!(
        r#"{{"apiVersion":"v1","kind":"Pod","spec":{{"automountServiceAccountToken":false,"containers":[{{"name":"a","image":"nginx:1.27","resources":{{"limits":{{"memory":"1Gi"}}}},"securityContext":{context}}}]}}}}"#
    );
    std::fs::write(&input, document)?;
    let output = Command::new(program)
        .args(["bench", "--format", "json", "--data", module, "--input"])
        .arg(&input)
        .arg("data.main")
        .output()
        .with_context(|| format!("cannot run `{program}`"))?;
    let value: Value = serde_json::from_slice(&output.stdout).unwrap_or(Value::Null);
    let number = |key: &str| value[key].as_f64();
    match (number("T"), number("N")) {
        (Some(time), Some(runs)) if runs > 0.0 => Ok(time / runs / 1e9),
        _ => bail!("`{program} bench` gave no numbers: {}", String::from_utf8_lossy(&output.stdout).chars().take(200).collect::<String>()),
    }
}

/// Megabytes at most with 200 policies.
fn memory(program: &Path, folder: &Path, pod: &Path) -> Result<f64> {
    let text = std::fs::read_to_string(shell::root().join(FOLDER).join("vpol.yaml"))?;
    let documents: Vec<&str> = text.split("---\n").collect();
    let mut all = Vec::new();
    for at in 0..200 {
        if let Some(document) = documents.get(at % documents.len()) {
            all.push(document.replace("metadata: {name: ", &format!("metadata: {{name: p{at}-")));
        }
    }
    let policies = folder.join("200.yaml");
    std::fs::write(&policies, all.join("---\n"))?;
    bench::memory(program, &["eval", "-p", &policies.to_string_lossy(), &pod.to_string_lossy()])
}

/// Puts the section in the place of the one before.
fn write(section: &str) -> Result<()> {
    let place = shell::root().join("docs/benchmarks.md");
    let text = std::fs::read_to_string(&place)?;
    let text = match text.split_once(HEADING) {
        None => format!("{}\n\n{section}", text.trim_end()),
        Some((before, after)) => {
            let rest = after.split_once("\n## ").map(|(_, rest)| format!("\n## {rest}")).unwrap_or_default();
            format!("{before}{}{rest}", section.trim_end().to_owned() + "\n")
        }
    };
    std::fs::write(place, text)?;
    Ok(())
}
