//! The program beside Checkov, in one run, on real trees. Ratios, never absolute promises.

use std::fmt::Write as _;
use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context, Result, bail};
use serde_json::Value;

use crate::shell;

/// Tree and the Checkov frameworks that fit it.
const TREES: &[(&str, &str)] = &[
    ("terragoat", "terraform"),
    ("terraform-aws-s3-bucket", "terraform"),
    ("terraform-aws-vpc", "terraform"),
    ("terraform-aws-eks", "terraform"),
    ("govuk-infrastructure", "terraform"),
    ("kubernetes-goat", "kubernetes dockerfile"),
];

const PLACE: &str = "docs/benchmarks.md";

/// Mean seconds of a command over runs.
fn time(command: &str, warmup: u32, runs: u32) -> Result<(f64, f64)> {
    let report = std::env::temp_dir().join(format!("probity-bench-{}.json", std::process::id()));
    let status = Command::new("hyperfine")
        .args(["--ignore-failure", "--style", "none", "--warmup", &warmup.to_string(), "--runs", &runs.to_string(), "--export-json"])
        .arg(&report)
        .args(["-N", command])
        .stdout(std::process::Stdio::null())
        .status()
        .context("hyperfine is not installed")?;
    if !status.success() {
        bail!("hyperfine failed on `{command}`");
    }
    let parsed: Value = serde_json::from_str(&std::fs::read_to_string(&report)?)?;
    std::fs::remove_file(&report)?;
    let result = &parsed["results"][0];
    Ok((result["mean"].as_f64().context("no mean")?, result["stddev"].as_f64().unwrap_or(0.0)))
}

/// Largest resident set of a command, in MB.
pub fn memory(program: &Path, arguments: &[&str]) -> Result<f64> {
    let script = "import resource,subprocess,sys\nsubprocess.run(sys.argv[1:],stdout=subprocess.DEVNULL,stderr=subprocess.DEVNULL)\nprint(resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss)";
    let output = Command::new("python3").args(["-c", script]).arg(program).args(arguments).output()?;
    let kilobytes: f64 = String::from_utf8(output.stdout)?.trim().parse()?;
    Ok(kilobytes / 1024.0)
}

fn seconds(value: f64) -> String {
    if value < 1.0 { format!("{:.1} ms", value * 1000.0) } else { format!("{value:.2} s") }
}

/// Runs the benchmark and writes the table.
pub fn gate(corpus: &Path) -> Result<()> {
    let program = shell::build(true)?;
    let checkov = std::env::var_os("CHECKOV").map_or_else(|| PathBuf::from("checkov"), PathBuf::from);
    let version = Command::new(&checkov).arg("--version").output().context("Checkov is not there: put it on PATH or name it in CHECKOV")?;
    let version = String::from_utf8_lossy(&version.stdout).trim().to_owned();
    let ours = shell::output("git", &["describe", "--always", "--dirty"]).unwrap_or_default().trim().to_owned();
    let processor = std::fs::read_to_string("/proc/cpuinfo").unwrap_or_default();
    let processor = processor
        .lines()
        .find_map(|line| line.strip_prefix("model name")?.split_once(':').map(|(_, name)| name.trim().to_owned()))
        .unwrap_or_default();
    let (start, _) = time(&format!("{} --version", program.display()), 3, 30)?;
    let empty = std::env::temp_dir().join(format!("probity-bench-empty-{}", std::process::id()));
    std::fs::create_dir_all(&empty)?;
    std::fs::write(empty.join("a.tf"), "locals {\n  a = 1\n}\n")?;
    let (one_line, _) = time(&format!("{} scan {}", program.display(), empty.display()), 3, 30)?;
    let mut table = String::new();
    // Checkov takes minutes on some trees.
    let runs: u32 = std::env::var("CHECKOV_RUNS").ok().and_then(|text| text.parse().ok()).unwrap_or(2);
    for (name, frameworks) in TREES {
        let tree = corpus.join(name);
        if !tree.is_dir() {
            bail!("no tree at {}", tree.display());
        }
        eprintln!("{name}");
        let evidence = empty.join("evidence");
        let scan = time(&format!("{} scan {}", program.display(), tree.display()), 2, 10)?;
        let gate = time(&format!("{} gate {} --evidence {}", program.display(), tree.display(), evidence.display()), 2, 10)?;
        let most = memory(&program, &["gate", &tree.display().to_string(), "--evidence", &evidence.display().to_string()])?;
        // GNU time gives the memory of the same run.
        let most_of_peer = empty.join("peer");
        let peer = time(
            &format!(
                "/usr/bin/time -o {} -f %M {} --quiet --compact --skip-download --framework {frameworks} -o json -d {}",
                most_of_peer.display(),
                checkov.display(),
                tree.display()
            ),
            0,
            runs,
        )?;
        let kilobytes = std::fs::read_to_string(&most_of_peer).context("GNU time (Debian package `time`) is not installed")?;
        let kilobytes: f64 = kilobytes.lines().last().unwrap_or_default().trim().parse()?;
        let peer_memory = kilobytes / 1024.0;
        eprintln!("  scan {}, gate {}, Checkov {}", seconds(scan.0), seconds(gate.0), seconds(peer.0));
        writeln!(
            table,
            "| {name} | {} | {} | {:.0} MB | {} | {:.0} MB | {:.0} | {:.0} |",
            seconds(scan.0),
            seconds(gate.0),
            most,
            seconds(peer.0),
            peer_memory,
            peer.0 / scan.0,
            peer.0 / gate.0
        )?;
    }
    std::fs::remove_dir_all(&empty)?;
    let text = format!(
        "# Benchmarks\n\nWritten by `cargo xtask bench gate` ({ours}), which runs both programs in one go with hyperfine: ours 10 runs after 2 for warming up,\n\
         Checkov {version} with {runs} run(s) of `--quiet --compact --skip-download --framework ... -o json`. {} cores, {processor}. Times are wall clock means.\n\n\
         Start-up: `--version` {}, `scan` of a one-line file {}.\n\n\
         | tree | scan | gate (with evidence) | gate, most memory | Checkov | Checkov, most memory | scan, times faster | gate, times faster |\n|---|---|---|---|---|---|---|---|\n{table}\n\
         To repeat: install hyperfine (Debian) and Checkov (PyPI, in a virtual environment of its own; name it in `CHECKOV`), then\n\
         `cargo xtask bench gate [FOLDER OF TREES]`.\n",
        std::thread::available_parallelism().map_or(0, usize::from),
        seconds(start),
        seconds(one_line)
    );
    print!("{text}");
    let place = shell::root().join(PLACE);
    // What people wrote behind the table stays.
    let before = std::fs::read_to_string(&place).unwrap_or_default();
    let kept = before.find("\n## ").and_then(|at| before.get(at..)).unwrap_or_default();
    std::fs::write(place, text + kept)?;
    Ok(())
}
