//! `probity scan`: find and print; never fails on findings.

use std::sync::Arc;

use anyhow::Result;
use probity_core::{Place, Report};
use probity_value::SourceMap;
use probity_verdict::exit::{Outcome, Run, exit_code};

use crate::arguments::{ScanArguments, Show};
use crate::output;
use crate::reading::Target;
use crate::run::{self, Given, How};

pub(crate) fn run(arguments: &ScanArguments) -> Result<u8> {
    let texts = SourceMap::new();
    let given = Given::read(&arguments.reading)?;
    let now = run::now();
    let mut whole: Option<Report> = None;
    let mut prefix = String::new();
    let (mut nothing, mut incomplete) = (true, false);
    let several = arguments.paths.len() > 1;
    for path in &arguments.paths {
        let target = Target::open(path, arguments.reading.max_file_size.saturating_mul(1 << 20))?;
        let how = How { keep_all: arguments.printing.show != Show::Findings, ..How::at(now) };
        let judged = run::judged(&target, &target.tree, &arguments.reading, &given, &how, &texts)?;
        nothing &= run::nothing(&judged);
        incomplete |= run::incomplete(&judged);
        let mut report = run::report(&judged, path.display().to_string(), now, false);
        if arguments.printing.show == Show::Pass {
            report.findings.retain(|finding| finding.status != probity_core::Status::NotApplicable);
        }
        if several {
            below(&mut report, &path.display().to_string());
        } else {
            prefix.clone_from(&target.prefix);
        }
        match &mut whole {
            None => whole = Some(report),
            Some(whole) => {
                whole.target = format!("{} {}", whole.target, report.target);
                whole.findings.extend(report.findings);
                whole.rules.extend(report.rules);
                whole.rules.sort_by(|a, b| a.id.cmp(&b.id));
                whole.rules.dedup_by(|a, b| a.id == b.id);
                whole.coverage.merge(report.coverage);
                whole.diagnostics.extend(report.diagnostics);
            }
        }
    }
    if let Some(report) = &whole {
        if nothing {
            output::talk("nothing to look at: no file here is one that Probity reads");
        }
        output::report(report, &texts, &arguments.printing, false, &prefix)?;
    }
    Ok(exit_code(Run::Scan, &Outcome { incomplete, nothing, ..Outcome::default() }))
}

/// Puts the folder's path before all paths of its report.
fn below(report: &mut Report, folder: &str) {
    let folder = folder.trim_end_matches('/');
    let path = |file: &mut Arc<str>| {
        if !file.is_empty() {
            *file = format!("{folder}/{file}").into();
        }
    };
    let place = |place: &mut Place| path(&mut place.file);
    for finding in &mut report.findings {
        place(&mut finding.at);
        place(&mut finding.subject_at);
        finding.via.iter_mut().for_each(place);
        finding.origin.iter_mut().for_each(|step| path(&mut step.at.file));
    }
    report.coverage.read.iter_mut().for_each(|read| path(&mut read.file));
    report.coverage.skipped.iter_mut().for_each(|skipped| path(&mut skipped.file));
    report.diagnostics.iter_mut().for_each(|one| path(&mut one.file));
}
