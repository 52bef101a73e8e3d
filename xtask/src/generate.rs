//! Generated documents: the rule reference and the command line.

use std::path::Path;
use std::process::Command;

use anyhow::{Result, bail};

use crate::shell;

/// What `probity reference NAME` prints, and where it goes.
const DOCUMENTS: &[(&str, &str)] =
    &[("rules", "docs/reference/rules.md"), ("controls", "docs/reference/controls.md"), ("command-line", "docs/reference/command-line.md")];

fn print(program: &Path, name: &str) -> Result<String> {
    let output = Command::new(program).args(["reference", name]).output()?;
    if !output.status.success() {
        bail!("`probity reference {name}` failed: {}", String::from_utf8_lossy(&output.stderr));
    }
    Ok(String::from_utf8(output.stdout)?)
}

/// Writes the documents, or with `check` compares them.
pub fn run(check: bool) -> Result<()> {
    let program = shell::build(false)?;
    for (name, place) in DOCUMENTS {
        let text = print(&program, name)?;
        let path = shell::root().join(place);
        if check {
            if std::fs::read_to_string(&path).unwrap_or_default() != text {
                bail!("{place} is out of date; `cargo xtask generate` writes it");
            }
        } else {
            std::fs::write(path, text)?;
        }
    }
    Ok(())
}
