//! `cargo xtask oscal`: documents of OSCAL from an example's log, written twice, compared, and loaded in compliance-trestle.

use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context as _, Result, bail};

use crate::shell;

const FORMATS: [&str; 3] = ["oscal-component", "oscal-assessment-results", "oscal-poam"];

/// A Python that has compliance-trestle: the one `PROBITY_TRESTLE` names, else that of the folder `.ci/run` makes.
fn python() -> Option<PathBuf> {
    let home = std::env::var_os("HOME").map(PathBuf::from).unwrap_or_default();
    let python = std::env::var_os("PROBITY_TRESTLE").map_or_else(|| home.join(".cache/probity-trestle-venv/bin/python"), PathBuf::from);
    let loads = Command::new(&python).args(["-c", "import trestle"]).stderr(std::process::Stdio::null()).status();
    loads.is_ok_and(|status| status.success()).then_some(python)
}

/// Runs the program in a folder with a state folder of its own; its exit code has to be one of these.
fn probity(program: &Path, folder: &Path, arguments: &[&str], codes: &[i32]) -> Result<()> {
    let output = Command::new(program).args(arguments).current_dir(folder).env("XDG_STATE_HOME", folder.join("state")).output()?;
    if !output.status.code().is_some_and(|code| codes.contains(&code)) {
        bail!("`probity {}` ended with {}: {}", arguments.join(" "), output.status, String::from_utf8_lossy(&output.stderr));
    }
    Ok(())
}

/// Runs all of it. Without trestle it says so, and only compares.
pub(crate) fn run() -> Result<()> {
    let program = shell::build(false)?;
    let place = std::env::temp_dir().join(format!("probity-oscal-{}", std::process::id()));
    let done = in_folder(&program, &place);
    // What is left of it matters to nobody.
    let _removed = std::fs::remove_dir_all(&place);
    done
}

fn in_folder(program: &Path, place: &Path) -> Result<()> {
    std::fs::create_dir_all(place).with_context(|| format!("cannot make `{}`", place.display()))?;
    let examples = shell::root().join("examples");
    // One that is red and one that is better: findings, proofs and exceptions.
    for example in ["payments", "payments-fixed"] {
        let path = examples.join(example);
        probity(program, place, &["gate", &path.to_string_lossy(), "--quiet"], &[0, 1])?;
    }
    let mut files = Vec::new();
    for (which, selection) in [("all", &[][..]), ("nist", &["--framework", "nist-800-53r5"]), ("none", &["--control", "soc2/CC1.1"])] {
        for format in FORMATS {
            let names = ["1", "2"].map(|time| place.join(format!("{which}-{format}-{time}.json")));
            for name in &names {
                let to = name.to_string_lossy().into_owned();
                let mut arguments =
                    vec!["controls", "posture", "--to", "2100-01-01", "--max-age", "36500", "--format", format, "--output", &to];
                arguments.extend(selection);
                probity(program, place, &arguments, &[0, 1])?;
            }
            let [first, second] = names;
            if std::fs::read(&first)? != std::fs::read(&second)? {
                bail!("`{format}` of the same log gave other bytes the second time");
            }
            files.push(first);
        }
    }
    let Some(python) = python() else {
        println!(
            "skipped: compliance-trestle is not installed (`PROBITY_TRESTLE` names a Python that has it), so {} documents of OSCAL were compared and not loaded",
            files.len()
        );
        return Ok(());
    };
    let output = Command::new(&python).arg(shell::root().join("tools/validate_oscal.py")).args(&files).output()?;
    let said = String::from_utf8_lossy(&output.stdout);
    for line in said.lines() {
        println!("{}", line.replace(&*place.to_string_lossy(), "").replace("OK /", "OK "));
    }
    if !output.status.success() {
        bail!("trestle refuses a document: {}", String::from_utf8_lossy(&output.stderr));
    }
    println!("oscal: {} documents, each the same bytes twice and loaded in trestle", files.len());
    Ok(())
}
