//! `probity compare`: ours beside another tool's, every difference explained.

use std::fmt::Write as _;

use anyhow::Result;
use probity_core::{Finding, Level, Status};
use probity_formats::escape;
use probity_formats::reports::read;
use probity_formats::sarif_in::ReadOptions;
use probity_value::SourceMap;
use probity_verdict::compare::{CompareInput, Comparison, ExternalFinding, WhyOurs, WhyTheirs, compare};
use serde_json::{Value, json};

use crate::arguments::{CompareArguments, CompareFormat, ReportFile};
use crate::reading::Target;
use crate::run::{self, Given, How};
use crate::{Wrong, output, state};

pub(crate) fn run(arguments: &CompareArguments) -> Result<u8> {
    let texts = SourceMap::new();
    let given = Given::read(&arguments.reading)?;
    let target = Target::open(&arguments.path, arguments.reading.max_file_size.saturating_mul(1 << 20))?;
    let how = How { keep_all: true, ..How::at(run::now()) };
    let judged = run::judged(&target, &target.tree, &arguments.reading, &given, &how, &texts)?;
    let theirs = theirs(arguments, &target, &texts)?;
    let input =
        CompareInput { ours: &judged.findings, theirs: &theirs, rules: &judged.rules, off: &judged.off, coverage: &judged.coverage };
    let compared = compare(&input);
    match arguments.format {
        CompareFormat::Human => output::text(&human(&compared, &judged.findings, &theirs))?,
        CompareFormat::Json => output::json(&machine(&compared, &judged.findings, &theirs))?,
    }
    Ok(0)
}

/// The other tool's findings: a report in a form that is known, or our own JSON.
fn theirs(arguments: &CompareArguments, target: &Target, texts: &SourceMap) -> Result<Vec<ExternalFinding>> {
    let ReportFile { format, path } = &arguments.other;
    let text = state::read(path).map_err(|error| Wrong::hint(format!("{error:#}"), None))?;
    let path = path.display().to_string();
    if format.is_none()
        && let Ok(value) = serde_json::from_str::<Value>(&text)
        && value.get("results").is_some_and(Value::is_array)
        && value.get("version") == Some(&json!(1))
    {
        return Ok(of_json(&value));
    }
    let file = texts.add(path.as_str(), text.as_str());
    let absolute = target.absolute();
    let exists = |path: &str| probity_core::Tree::contains(&target.tree, path);
    let (_, external) = read(&text, file, &path, *format, ReadOptions { root: &absolute, prefix: &target.prefix, exists: &exists });
    output::diagnostics(&external.diagnostics, texts);
    if external.diagnostics.iter().any(|one| one.level == Level::Error) && external.runs.is_empty() {
        return Err(Wrong::hint(format!("`{path}` is no report in a form that is known, nor JSON of Probity"), None).into());
    }
    let mut out = Vec::new();
    for run in external.runs {
        for finding in run.results.into_iter().filter(|finding| finding.status == Status::Fail && finding.suppressed.is_none()) {
            out.push(ExternalFinding {
                rule: finding.rule,
                file: finding.file,
                line: finding.line,
                end_line: finding.end_line,
                subject: None,
                message: finding.message.into(),
            });
        }
    }
    Ok(out)
}

fn of_json(value: &Value) -> Vec<ExternalFinding> {
    let text = |value: &Value| value.as_str().unwrap_or_default().to_owned();
    let number = |value: &Value| value.as_u64().and_then(|number| u32::try_from(number).ok()).unwrap_or(0);
    value["results"]
        .as_array()
        .into_iter()
        .flatten()
        .filter(|result| result["status"] == "fail" && result["exception"].is_null())
        .map(|result| ExternalFinding {
            rule: text(&result["rule"]).into(),
            file: text(&result["at"]["file"]).into(),
            line: number(&result["at"]["line"]),
            end_line: number(&result["at"]["end_line"]),
            subject: result["subject"]["id"].as_str().map(Into::into),
            message: text(&result["message"]).into(),
        })
        .collect()
}

fn why_ours(why: &WhyOurs) -> (&'static str, String) {
    match why {
        WhyOurs::NoAlias => ("no-alias", "the rule has no counterpart there that we know of".to_owned()),
        WhyOurs::NeverReported { ids } => ("never-reported", format!("none of {} is reported there at all", ids.join(", "))),
        WhyOurs::FileNotSeen => ("file-not-seen", "nothing is reported there for this file; it may not have been read".to_owned()),
        WhyOurs::ThroughModule { call } => ("through-module", format!("it comes through the module call at {}:{}", call.file, call.line)),
        WhyOurs::ValueFrom { what, at } => ("value-from", format!("the value comes from {what} at {}:{}", at.file, at.line)),
        WhyOurs::NotHere => ("not-here", "the rule is reported there for this file, but not here".to_owned()),
    }
}

fn why_theirs(why: &WhyTheirs) -> (&'static str, String) {
    match why {
        WhyTheirs::NoSuchRule => ("no-such-rule", "no rule here answers to that id".to_owned()),
        WhyTheirs::RuleOff { rule, why } => ("rule-off", format!("`{rule}` takes no part: {why}")),
        WhyTheirs::FileNotRead { why } => ("file-not-read", format!("the file could not be read: {why}")),
        WhyTheirs::FileNotClaimed => ("file-not-claimed", "no source here reads that file".to_owned()),
        WhyTheirs::Covered { by, .. } => ("covered", format!("found here too; covered by {} `{}`", by.source, by.id)),
        WhyTheirs::Untouched { .. } => ("untouched", "found here too, but not touched by the change".to_owned()),
        WhyTheirs::Passes { message, from, .. } => {
            let from =
                from.as_ref().map(|(what, at)| format!("; the value comes from {what} at {}:{}", at.file, at.line)).unwrap_or_default();
            ("passes", format!("it passes here: {message}{from}"))
        }
        WhyTheirs::Unknown { reason, .. } => ("unknown", format!("it cannot be known: {reason}")),
        WhyTheirs::Error { reason, .. } => ("error", format!("it could not be evaluated: {reason}")),
        WhyTheirs::NotApplicable => ("not-applicable", "the rule does not apply to what stands there".to_owned()),
        WhyTheirs::NoResult { subject: Some(subject) } => ("no-result", format!("the rule says nothing of `{subject}`")),
        WhyTheirs::NoResult { subject: None } => ("no-result", "nothing here is judged at that place".to_owned()),
    }
}

fn human(compared: &Comparison, ours: &[Finding], theirs: &[ExternalFinding]) -> String {
    let mut out =
        format!("{} agreed, {} only here, {} only there\n", compared.agreed.len(), compared.only_ours.len(), compared.only_theirs.len());
    let write = |out: &mut String, line: String| {
        let _cannot_fail = writeln!(out, "{line}");
    };
    if !compared.only_theirs.is_empty() {
        out.push_str("\nonly there\n");
    }
    for one in &compared.only_theirs {
        if let Some(theirs) = theirs.get(one.theirs) {
            let place = format!("{}:{}", theirs.file, theirs.line);
            write(
                &mut out,
                format!("  {}  {}\n      {}", escape::line(&theirs.rule), escape::line(&place), escape::line(&why_theirs(&one.why).1)),
            );
        }
    }
    if !compared.only_ours.is_empty() {
        out.push_str("\nonly here\n");
    }
    for one in &compared.only_ours {
        if let Some(ours) = ours.get(one.ours) {
            let place = format!("{}:{}  {}", ours.at.file, ours.at.line, ours.subject.id);
            write(&mut out, format!("  {}  {}\n      {}", ours.rule.id, escape::line(&place), escape::line(&why_ours(&one.why).1)));
        }
    }
    out
}

fn machine(compared: &Comparison, ours: &[Finding], theirs: &[ExternalFinding]) -> Value {
    let our = |position: usize| {
        ours.get(position).map(|finding| {
            json!({ "rule": &*finding.rule.id, "file": &*finding.at.file, "line": finding.at.line, "subject": &*finding.subject.id, "fingerprint": &*finding.fingerprint })
        })
    };
    let their = |position: usize| theirs.get(position).map(|one| json!({ "rule": &*one.rule, "file": &*one.file, "line": one.line }));
    json!({
        "version": 1,
        "agreed": compared.agreed.iter().map(|one| json!({
            "theirs": their(one.theirs), "ours": one.ours.iter().map(|at| our(*at)).collect::<Vec<_>>(), "other_line": one.other_line,
        })).collect::<Vec<_>>(),
        "only_ours": compared.only_ours.iter().map(|one| {
            let (kind, why) = why_ours(&one.why);
            json!({ "ours": our(one.ours), "kind": kind, "why": why })
        }).collect::<Vec<_>>(),
        "only_theirs": compared.only_theirs.iter().map(|one| {
            let (kind, why) = why_theirs(&one.why);
            json!({ "theirs": their(one.theirs), "kind": kind, "why": why })
        }).collect::<Vec<_>>(),
    })
}
