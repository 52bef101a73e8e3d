//! Fuzz targets, each from its committed seeds. On the stable toolchain, so without a sanitizer.

use anyhow::{Result, bail};

use crate::shell;

/// Runs one target, or all, each for `seconds`.
pub fn run(only: Option<&str>, seconds: u32) -> Result<()> {
    if !shell::exists("cargo-fuzz") {
        bail!("cargo-fuzz is not installed: `cargo install cargo-fuzz --locked`");
    }
    let listed = shell::output("cargo", &["fuzz", "list"])?;
    let targets: Vec<&str> = listed.lines().filter(|name| only.is_none_or(|only| only == *name)).collect();
    if targets.is_empty() {
        bail!("no fuzz target of that name; there are: {}", listed.lines().collect::<Vec<_>>().join(", "));
    }
    for target in targets {
        let work = format!("fuzz/corpus-run/{target}");
        std::fs::create_dir_all(shell::root().join(&work))?;
        let seeds = format!("fuzz/seeds/{target}");
        let time = format!("-max_total_time={seconds}");
        shell::run(
            "cargo",
            &[
                "fuzz",
                "run",
                "--sanitizer",
                "none",
                target,
                &work,
                &seeds,
                "--",
                &time,
                "-timeout=10",
                "-rss_limit_mb=2048",
                "-print_final_stats=0",
                "-verbosity=0",
            ],
        )?;
    }
    Ok(())
}
