//! Running programs.

use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context, Result, bail};

/// The top of the repository.
pub fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).parent().map(Path::to_path_buf).unwrap_or_default()
}

/// A command in the top of the repository.
pub fn command(program: &str, arguments: &[&str]) -> Command {
    let mut command = Command::new(program);
    command.args(arguments).current_dir(root());
    command
}

/// Runs a command with its output shown; an error where it fails.
pub fn run(program: &str, arguments: &[&str]) -> Result<()> {
    eprintln!("$ {program} {}", arguments.join(" "));
    let status = command(program, arguments).status().with_context(|| format!("cannot run `{program}`"))?;
    if !status.success() {
        bail!("`{program} {}` failed: {status}", arguments.join(" "));
    }
    Ok(())
}

/// Runs a command and returns what it prints.
pub fn output(program: &str, arguments: &[&str]) -> Result<String> {
    let output = command(program, arguments).output().with_context(|| format!("cannot run `{program}`"))?;
    if !output.status.success() {
        bail!("`{program} {}` failed: {}", arguments.join(" "), String::from_utf8_lossy(&output.stderr));
    }
    Ok(String::from_utf8(output.stdout)?)
}

/// Whether a program is there.
pub fn exists(program: &str) -> bool {
    Command::new(program).arg("--version").output().is_ok_and(|output| output.status.success())
}

/// Builds the program and returns its path.
pub fn build(release: bool) -> Result<PathBuf> {
    let mut arguments = vec!["build", "--quiet", "--package", "probity-cli", "--message-format", "json-render-diagnostics"];
    if release {
        arguments.push("--release");
    }
    eprintln!("$ cargo {}", arguments.join(" "));
    let output = command("cargo", &arguments).stderr(std::process::Stdio::inherit()).output()?;
    if !output.status.success() {
        bail!("the program does not build");
    }
    for line in String::from_utf8(output.stdout)?.lines() {
        let message: serde_json::Value = serde_json::from_str(line)?;
        if message["target"]["name"] == "probity"
            && let Some(path) = message["executable"].as_str()
        {
            return Ok(path.into());
        }
    }
    bail!("cargo named no program")
}
