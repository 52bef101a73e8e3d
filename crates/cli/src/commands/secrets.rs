//! `probity secrets`: credentials in a folder, in what is staged, in commits, in the whole history.

use std::path::Path;
use std::sync::Arc;

use anyhow::{Context as _, Result};
use probity_core::{Colour, Tree};
use probity_value::SourceMap;
use probity_verdict::exit::{Outcome, Run, exit_code};

use crate::arguments::{SecretsArguments, SecretsCommand, Show};
use crate::reading::Target;
use crate::run::{self, Given, How};
use crate::supply::Part;
use crate::versions::{self, StagedTree};
use crate::{Wrong, image, output};

pub(crate) fn run(arguments: &SecretsArguments) -> Result<u8> {
    if let Some(SecretsCommand::InstallHook { path }) = &arguments.command {
        return install_hook(path);
    }
    let texts = SourceMap::new();
    let given = Given::read(&arguments.reading)?;
    let now = run::now();
    let opened = image::find(&arguments.path, &arguments.image, arguments.reading.max_file_size)?;
    let target = Target::of(&arguments.path, opened.as_ref(), arguments.reading.max_file_size)?;
    let versions = match &arguments.range {
        Some(range) => Some(versions::range(&target, range)?),
        None if arguments.history => Some(versions::history(&target, arguments.unreachable, !arguments.no_cache)?),
        None => None,
    };
    let part = if versions.is_some() { Part::Versions } else { Part::Secrets };
    let how = How {
        keep_all: arguments.printing.show != Show::Findings,
        versions,
        part: Some(part),
        archive_depth: arguments.max_archive_depth.map(usize::from),
        layers: opened.as_ref().map(|opened| Arc::clone(&opened.layers)),
        decode_depth: arguments.max_decode_depth.map(usize::from),
        ..How::at(now)
    };
    let given = if opened.is_some() { given.outside_only() } else { given };
    let staged = if arguments.staged { Some(StagedTree::open(&target)?) } else { None };
    let tree: &dyn Tree = match (&staged, &opened) {
        (Some(staged), _) => staged,
        (None, Some(opened)) => &*opened.files,
        (None, None) => &target.tree,
    };
    let judged = run::judged(&target, tree, &arguments.reading, &given, &how, &texts)?;
    let nothing = run::nothing_at_all(&judged) && judged.verdict.colour == Some(Colour::Green);
    let report = run::report(&judged, image::shown(&arguments.path, opened.as_ref()), now, true);
    output::report(&report, &texts, &arguments.printing, false, &target.prefix)?;
    // Nothing staged, or no commit in a range, is nothing to complain of.
    let nothing = nothing && !arguments.staged && arguments.range.is_none();
    Ok(exit_code(
        Run::Gate,
        &Outcome { verdict: Some(&judged.verdict), nothing, incomplete: run::incomplete(&judged), ..Outcome::default() },
    ))
}

const HOOK: &str = "#!/bin/sh\n# Written by `probity secrets install-hook`.\nexec probity secrets --staged --quiet\n";

/// Installs the hook; one that is there already is somebody's and stays.
fn install_hook(path: &Path) -> Result<u8> {
    let target = Target::open(path, 1 << 20)?;
    let Some(repository) = &target.repository else {
        return Err(Wrong::hint(format!("`{}` is in no git repository", path.display()), None).into());
    };
    let hooks = repository.own_folder().with_file_name("hooks");
    let place = hooks.join("pre-commit");
    match std::fs::read_to_string(&place) {
        Ok(text) if text == HOOK => {
            output::talk(&format!("`{}` is there already", place.display()));
            return Ok(0);
        }
        Ok(_) => {
            let message = format!("there is a hook at `{}`, which is left as it is", place.display());
            return Err(Wrong::hint(message, Some("add the line `probity secrets --staged --quiet` to it")).into());
        }
        Err(_) => {}
    }
    std::fs::create_dir_all(&hooks).with_context(|| format!("`{}` cannot be made", hooks.display()))?;
    std::fs::write(&place, HOOK).with_context(|| format!("`{}` cannot be written", place.display()))?;
    #[cfg(unix)]
    {
        use std::os::unix::fs::PermissionsExt as _;
        std::fs::set_permissions(&place, std::fs::Permissions::from_mode(0o755))
            .with_context(|| format!("`{}` cannot be made a program", place.display()))?;
    }
    output::talk(&format!("`{}` now looks at what is staged before each commit", place.display()));
    Ok(0)
}
