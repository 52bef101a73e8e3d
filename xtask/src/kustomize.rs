//! Overlays by us and by an installed Kustomize: the test of the source does the comparing, this finds the program.

use std::process::Command;

use anyhow::{Result, bail};

use crate::shell;

/// Compares the overlays of the repository, or those of another folder. `update` records what is equal.
pub fn run(program: Option<&str>, folder: Option<&str>, update: bool) -> Result<()> {
    let program = program.unwrap_or("kustomize");
    let Ok(version) = Command::new(program).arg("version").output() else {
        bail!("kustomize is not installed (`{program}` cannot be run), so nothing was compared; name it with `--kustomize PROGRAM`");
    };
    println!("kustomize {}", String::from_utf8_lossy(&version.stdout).trim());
    let mut test = Command::new(std::env::var("CARGO").unwrap_or_else(|_| "cargo".to_owned()));
    test.current_dir(shell::root()).args(["test", "-p", "probity-iac", "--test", "overlays", "where_it_is_installed", "--", "--nocapture"]);
    test.env("PROBITY_KUSTOMIZE", program);
    if let Some(folder) = folder {
        test.env("PROBITY_OVERLAYS", std::path::absolute(folder)?);
    }
    if update {
        test.env("PROBITY_UPDATE_OVERLAYS", "1");
    }
    if !test.status()?.success() {
        bail!("some overlays differ");
    }
    Ok(())
}
