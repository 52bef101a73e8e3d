//! `probity fix`: edits that mend findings, shown, asked about and written.

use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::io::{BufRead as _, IsTerminal as _};
use std::path::Path;
use std::sync::Arc;

use anyhow::{Context as _, Result};
use probity_iac::edit;
use probity_pipeline::{JudgeError, Mend, Mended, mend};
use similar::TextDiff;

use crate::adapters::{Rules, SOURCES, SshSignatures};
use crate::arguments::FixArguments;
use crate::reading::{self, Target};
use crate::run::{self, Given};
use crate::{Wrong, output};

pub(crate) fn run(arguments: &FixArguments) -> Result<u8> {
    let asks = !arguments.diff && !arguments.yes;
    if asks && !std::io::stdin().is_terminal() {
        let hint = "`--diff` shows the edits, `--yes` writes them";
        return Err(Wrong::hint("nobody is here to be asked", Some(hint)).into());
    }
    let target = Target::open(&arguments.path, arguments.reading.max_file_size.saturating_mul(1 << 20))?;
    let mut mended = mended(&target, arguments, &|_| true)?;
    if !mended.mends.is_empty() && asks {
        let chosen = ask(&mended)?;
        let all = mended.files.keys().all(|file| chosen.contains_key(file));
        if !all {
            // What was left out may have been what others stood on.
            mended = self::mended(&target, arguments, &|mend| chosen.contains_key(&mend.file))?;
        }
    }
    if arguments.diff {
        let diffs: String = mended.files.iter().map(|(file, (old, new))| diff(file, old, new)).collect();
        output::text(&diffs)?;
    } else {
        for (file, (old, new)) in &mended.files {
            write(&target.tree.top().join(&**file), old, new)?;
        }
    }
    summary(&mended, arguments.diff);
    Ok(0)
}

fn mended(target: &Target, arguments: &FixArguments, wanted: &dyn Fn(&Mend) -> bool) -> Result<Mended> {
    let given = Given::read(&arguments.reading)?;
    let rules = Rules::of(arguments.reading.policies.clone());
    let absolute = target.absolute();
    let input = probity_pipeline::JudgeInput {
        beside: &[],
        tree: &target.tree,
        unlisted: &target.unlisted,
        base: None,
        changed_only: false,
        config: given.config.as_ref(),
        floor: None,
        externals: &[],
        made: None,
        absolute: &absolute,
        prefix: &target.prefix,
        options: reading::options(&arguments.reading),
        only: &arguments.reading.rule,
        keep_all: false,
        now: run::now(),
        sources: SOURCES,
        compile: &rules,
        signatures: &SshSignatures,
        digest: &probity_attest::sha256,
    };
    let make = |kind, path: &str, text: &str, offset, address: &str, edit: &_| {
        edit::apply(kind, path, text, offset, address, edit).map(|edited| (edited.text, edited.batches)).map_err(|error| error.to_string())
    };
    let progress = output::Progress::new("judging, mending and judging again");
    let mended = mend(&input, &make, wanted);
    drop(progress);
    mended.map_err(|error| {
        if let JudgeError::Configuration(diagnostics) = &error {
            output::diagnostics(diagnostics, &probity_value::SourceMap::new());
        }
        Wrong::new(error).into()
    })
}

/// Shows the edits of each file and asks. Gives the files that may be written.
fn ask(mended: &Mended) -> Result<BTreeMap<Arc<str>, ()>> {
    let mut chosen = BTreeMap::new();
    let mut all = false;
    let mut lines = std::io::stdin().lock().lines();
    for (file, (old, new)) in &mended.files {
        if !all {
            let mut page = diff(file, old, new);
            for mend in mended.mends.iter().filter(|mend| mend.file == *file) {
                // A `String` takes whatever is written to it.
                let _ = writeln!(page, "{}:{}  {}  {}\n    {}", mend.file, mend.line, mend.rule, mend.subject, mend.advice);
            }
            output::text(&page)?;
            output::talk(&format!("write `{file}`? [y]es, [n]o, [a]ll that follow, [q]uit"));
            match lines.next().transpose().context("cannot read the answer")?.as_deref().map(str::trim) {
                Some("y" | "yes") => {}
                Some("a" | "all") => all = true,
                Some("q" | "quit") | None => break,
                Some(_) => continue,
            }
        }
        chosen.insert(Arc::clone(file), ());
    }
    Ok(chosen)
}

fn diff(file: &str, old: &str, new: &str) -> String {
    TextDiff::from_lines(old, new).unified_diff().context_radius(3).header(&format!("a/{file}"), &format!("b/{file}")).to_string()
}

/// Writes a file in place of what was judged, whole or not at all; it must still be what was judged.
fn write(path: &Path, old: &str, new: &str) -> Result<()> {
    let place = || format!("cannot write `{}`", path.display());
    let now = std::fs::read_to_string(path).with_context(place)?;
    if now != old {
        anyhow::bail!("`{}` has changed since it was judged, so it is not written", path.display());
    }
    // Through a symbolic link the file behind it would be replaced by another; the link stays.
    let real = path.canonicalize().with_context(place)?;
    let mut beside = real.as_os_str().to_owned();
    beside.push(format!(".probity-{}", std::process::id()));
    let beside = std::path::PathBuf::from(beside);
    let written = std::fs::write(&beside, new)
        .and_then(|()| std::fs::set_permissions(&beside, std::fs::metadata(&real)?.permissions()))
        .and_then(|()| std::fs::rename(&beside, &real));
    if written.is_err() {
        // What is half written is of no use; that it cannot be removed is said by the error that comes first.
        let _ = std::fs::remove_file(&beside);
    }
    written.with_context(place)
}

fn summary(mended: &Mended, shown_only: bool) {
    let findings: usize = mended.mends.iter().map(|mend| mend.findings).sum();
    for mend in &mended.mends {
        output::talk(&format!("{}:{}: `{}` of `{}`: {}", mend.file, mend.line, mend.rule, mend.subject, mend.advice));
    }
    for not in &mended.not {
        output::talk(&format!("not mended: {}:{}: `{}` of `{}`: {}", not.at.0, not.at.1, not.rule, not.subject, not.why));
    }
    output::talk(&format!(
        "{} {findings} findings with {} edits in {} files; {} not mended, {} of rules that name no edit",
        if shown_only { "would mend" } else { "mended" },
        mended.mends.len(),
        mended.files.len(),
        mended.not.len(),
        mended.without_edit
    ));
}
