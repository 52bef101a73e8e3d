//! The arrows between crates, as a golden file: a new arrow is a visible line in review.

use std::fmt::Write as _;

use anyhow::{Result, bail};
use serde_json::Value;

use crate::shell;

const PLACE: &str = "docs/reference/crate-graph.txt";

/// Writes the list, or with `check` compares it.
pub fn run(check: bool) -> Result<()> {
    let metadata: Value = serde_json::from_str(&shell::output("cargo", &["metadata", "--format-version", "1", "--no-deps", "--offline"])?)?;
    let mut edges = Vec::new();
    for package in metadata["packages"].as_array().into_iter().flatten() {
        let Some(from) = package["name"].as_str().and_then(|name| name.strip_prefix("probity-")) else { continue };
        for dependency in package["dependencies"].as_array().into_iter().flatten() {
            let Some(to) = dependency["name"].as_str().and_then(|name| name.strip_prefix("probity-")) else { continue };
            let kind = dependency["kind"].as_str().map_or_else(String::new, |kind| format!(" ({kind})"));
            edges.push(format!("{from} -> {to}{kind}"));
        }
    }
    edges.sort();
    let mut text = String::new();
    for edge in edges {
        writeln!(text, "{edge}")?;
    }
    let place = shell::root().join(PLACE);
    if check {
        if std::fs::read_to_string(&place).unwrap_or_default() != text {
            bail!("the arrows between crates changed; `cargo xtask graph` writes {PLACE}, review it");
        }
    } else {
        std::fs::write(place, text)?;
    }
    Ok(())
}
