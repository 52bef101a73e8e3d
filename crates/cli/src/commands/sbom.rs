//! `probity sbom`: what is in here, as a bill of materials.

use std::sync::Arc;

use anyhow::{Context as _, Result};
use probity_packages::Inventory;
use probity_sbom::{Description, Subject};
use probity_supply::is_bill;

use crate::arguments::SbomArguments;
use crate::reading::Target;
use crate::{Wrong, image, output, run};

/// What a folder, or one file, holds; and what the file says it is about, where it is a bill of materials itself.
fn inventory(arguments: &SbomArguments) -> Result<(Inventory, Option<Subject>)> {
    let path = &*arguments.path;
    let max_file_size = arguments.max_file_size;
    if path.is_file() {
        let bytes = std::fs::read(path).with_context(|| format!("`{}` cannot be read", path.display()))?;
        match probity_sbom::read(&bytes, &path.display().to_string()) {
            Ok(document) => return Ok((document.inventory, document.subject)),
            Err(probity_sbom::SbomError::Format) => {}
            Err(error) if is_bill(&path.to_string_lossy()) => {
                return Err(Wrong::hint(format!("`{}`: {error}", path.display()), None).into());
            }
            Err(_) => {}
        }
    }
    if let Some(opened) = image::find(path, &arguments.image, max_file_size)? {
        return Ok((opened.inventory, Some(opened.subject)));
    }
    let target = Target::open(path, max_file_size.saturating_mul(1 << 20))?;
    let (inventory, subject) = image::of_folder(&target.tree);
    Ok((inventory, Some(subject)))
}

pub(crate) fn run(arguments: &SbomArguments) -> Result<u8> {
    let (inventory, subject) = inventory(arguments)?;
    for problem in &inventory.problems {
        let at = if problem.line == 0 { String::new() } else { format!(":{}", problem.line) };
        output::talk(&format!("{}: {}{at}: {}", if problem.fails { "error" } else { "warning" }, problem.file, problem.what));
    }
    let folder = arguments.path.canonicalize().ok().and_then(|path| Some(path.file_name()?.to_string_lossy().into_owned()));
    let mut subject = subject.unwrap_or_default();
    if let Some(name) = arguments.name.clone().or_else(|| folder.filter(|_| subject.name.is_empty())) {
        subject.name = name.into();
    }
    if let Some(version) = &arguments.version {
        subject.version = Some(version.as_str().into());
    }
    let time = arguments.with_time.then(|| probity_sbom::timestamp(run::now().seconds)).flatten();
    let about = Description { subject, tool: Arc::from("probity"), tool_version: Arc::from(env!("CARGO_PKG_VERSION")), time };
    let bytes = probity_sbom::write(arguments.format, &inventory, &about);
    match &arguments.output {
        Some(file) => std::fs::write(file, &bytes).with_context(|| format!("`{}` cannot be written", file.display()))?,
        None => output::data(&String::from_utf8_lossy(&bytes))?,
    }
    // What could not be read is missing in it.
    let incomplete = inventory.problems.iter().any(|problem| problem.fails);
    if inventory.packages.is_empty() && !incomplete {
        output::talk("nothing to look at: no file here names packages");
        return Ok(4);
    }
    Ok(if incomplete { 3 } else { 0 })
}
