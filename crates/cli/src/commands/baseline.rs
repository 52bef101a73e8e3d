//! `probity baseline`: accept today's findings until a date.

use anyhow::Result;
use probity_core::Tree as _;
use probity_value::SourceMap;
use probity_verdict::Day;
use probity_verdict::baseline::Baseline;

use crate::arguments::BaselineArguments;
use crate::artifact;
use crate::reading::Target;
use crate::run::{self, Given, How};
use crate::{Wrong, output, state};

pub(crate) fn run(arguments: &BaselineArguments) -> Result<u8> {
    let expires: Day = arguments.expires.parse().map_err(Wrong::new)?;
    let now = run::now();
    let today = Day::of(now);
    if expires < today {
        return Err(Wrong::hint(format!("`--expires {expires}` is in the past"), None).into());
    }
    let texts = SourceMap::new();
    let given = Given::read(&arguments.reading)?;
    let target = Target::open(&arguments.path, arguments.reading.max_file_size.saturating_mul(1 << 20))?;
    let artifacts = artifact::all(&arguments.built, arguments.reading.max_file_size)?;
    let how = How { artifacts: &artifacts, ..How::at(now) };
    let mut judged = run::judged(&target, &target.tree, &arguments.reading, &given, &how, &texts)?;
    if run::nothing(&judged) {
        output::talk("nothing to look at: no file here is one that Probity reads");
        return Ok(4);
    }
    let most = i64::from(judged.config.exceptions.baseline_days);
    if today.days_until(expires) > most {
        let latest = today.plus(judged.config.exceptions.baseline_days);
        return Err(Wrong::hint(
            format!("a baseline may run for {most} days at most, so until {latest}"),
            Some("`exceptions.baseline_days` in probity.yaml says how long"),
        )
        .into());
    }
    // A baseline is made anew: what only the old one covers goes into the new one too.
    for finding in &mut judged.findings {
        if finding.exception.as_ref().is_some_and(|exception| &*exception.source == "baseline") {
            finding.exception = None;
        }
    }
    let (baseline, left_out) = Baseline::of(&judged.findings, &judged.config, today, expires);
    let place = target.tree.top().join(&*judged.config.exceptions.baseline);
    let before = target.tree.contains(&judged.config.exceptions.baseline);
    state::write(&place, &baseline.write())?;
    output::talk(&format!(
        "{} `{}`: {} findings until {expires}; commit it, and from then on only new ones count",
        if before { "rewrote" } else { "wrote" },
        judged.config.exceptions.baseline,
        baseline.findings.len()
    ));
    let mut left_out: Vec<_> = left_out.into_iter().collect();
    left_out.sort();
    left_out.dedup();
    for rule in left_out {
        output::talk(&format!("`{rule}` is not in it: nothing can waive that rule"));
    }
    if run::incomplete(&judged) {
        output::talk("some files could not be read; what is in them is not in the baseline (`probity scan` names them)");
        return Ok(3);
    }
    Ok(0)
}
