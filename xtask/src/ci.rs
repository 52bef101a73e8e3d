//! The README's test command, and the whole CI.

use std::process::Stdio;

use anyhow::{Context, Result, bail};

use crate::{checkov, generate, graph, oscal, shell, suites};

/// Runs all tests and, where they are, the conformance suites. Ends with the number of tests that ran.
pub fn test(fast: bool) -> Result<()> {
    let mut passed = 0_usize;
    let mut failed = 0_usize;
    let mut skipped = 0_usize;
    let arguments = ["test", "--workspace", "--no-fail-fast"];
    eprintln!("$ cargo {}", arguments.join(" "));
    let mut child = shell::command("cargo", &arguments).stdout(Stdio::piped()).spawn().context("cannot run cargo")?;
    let out = child.stdout.take().context("no output of cargo")?;
    for line in std::io::BufRead::lines(std::io::BufReader::new(out)) {
        let line = line?;
        println!("{line}");
        if let Some(rest) = line.strip_prefix("test result: ") {
            let number = |word: &str| -> usize {
                rest.split([';', '.']).find_map(|part| part.trim().strip_suffix(word)?.trim().parse().ok()).unwrap_or(0)
            };
            passed += number("passed");
            failed += number("failed");
            skipped += number("ignored");
        }
    }
    if !child.wait()?.success() && failed == 0 {
        bail!("the tests do not build");
    }
    let mut suites = Ok(());
    if !fast {
        let folder = shell::root().join("../shared/conformance/checkov");
        if folder.is_dir() {
            suites = checkov::run(&folder, None, None, false);
        } else {
            println!("skipped: the Checkov suite is not at {}", folder.display());
            skipped += 1;
        }
        if suites.is_ok() {
            passed += 1;
        } else {
            failed += 1;
        }
    }
    if let Err(error) = &suites {
        println!("{error:#}");
    }
    for suite in suites::Suite::ALL.into_iter().filter(|_| !fast) {
        if suite.folder(None).is_some_and(|folder| !folder.is_dir()) {
            println!("skipped: the suite `{}` is not there", suite.name());
            skipped += 1;
            continue;
        }
        match suites::run(suite, None, None, false) {
            Ok(()) => passed += 1,
            Err(error) => {
                println!("{error:#}");
                failed += 1;
            }
        }
    }
    println!("{passed} passed, {failed} failed, {skipped} skipped");
    if failed > 0 {
        bail!("{failed} tests failed");
    }
    Ok(())
}

/// Formatting, clippy, licences, docs, generated files, then the tests.
pub fn ci() -> Result<()> {
    shell::run("cargo", &["fmt", "--all", "--check"])?;
    shell::run("cargo", &["clippy", "--workspace", "--all-targets", "--quiet", "--", "-D", "warnings"])?;
    if shell::exists("cargo-deny") {
        shell::run("cargo", &["deny", "--offline", "check", "bans", "licenses", "sources"])?;
    } else {
        println!("skipped: cargo-deny is not installed, licences and sources are not checked");
    }
    graph::run(true)?;
    let status = shell::command("cargo", &["doc", "--workspace", "--no-deps", "--quiet"])
        .env("RUSTDOCFLAGS", "-D warnings -A rustdoc::private_intra_doc_links")
        .status()?;
    if !status.success() {
        bail!("the documentation does not build");
    }
    generate::run(true)?;
    oscal::run()?;
    test(false)
}
