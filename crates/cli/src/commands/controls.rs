//! `probity controls list|posture|population`: frameworks and controls beside the evidence.

use std::collections::HashMap;
use std::io::Write as _;
use std::path::Path;
use std::sync::Arc;

use anyhow::{Context as _, Result};
use probity_attest::statement::{format_time, parse_time};
use probity_catalog::Framework;
use probity_controls::evidence::{self as records, Record, Window};
use probity_controls::oscal::{self, Origin};
use probity_controls::posture::{Input, Posture, State, posture};
use probity_controls::table::{self, Table};
use probity_controls::{Catalogue, Control, population, workbook};
use probity_core::{Exception, RuleMeta, Timestamp};
use probity_formats::escape;
use probity_ledger::{LogReader, Storage, VerifyOptions, verify};
use probity_value::SourceMap;
use probity_verdict::Day;
use probity_verdict::config::Policies;
use probity_verdict::exception::{ExceptionFile, parse};
use probity_verdict::own;
use serde_json::{Value, json};

use crate::adapters::Rules;
use crate::arguments::{
    ControlsCommand, EvidencePlace, PopulationArguments, PopulationFormat, PostureArguments, PostureFormat, TableFormat, WhichControls,
};
use crate::commands::evidence;
use crate::logs;
use crate::{Wrong, output, run};

/// Where the register of exceptions lies unless it is said.
const REGISTER: &str = ".probity/exceptions";

pub(crate) fn run(command: &ControlsCommand) -> Result<u8> {
    match command {
        ControlsCommand::List { which, format } => list(which, *format),
        ControlsCommand::Posture(arguments) => stand(arguments),
        ControlsCommand::Population(arguments) => changes(arguments),
    }
}

/// Frameworks and rules, as controls need them.
pub(crate) struct Known {
    frameworks: Vec<Framework>,
    rules: Vec<Arc<RuleMeta>>,
}

impl Known {
    pub(crate) fn load(which: &WhichControls) -> Result<Known> {
        let texts = SourceMap::new();
        let loaded = Rules::of(which.policies.clone()).load(&Policies::default(), None, &texts);
        if !loaded.wrong.is_empty() {
            output::diagnostics(&loaded.wrong, &texts);
            return Err(Wrong::hint("the policies have problems", Some("`probity policies lint DIR` says more")).into());
        }
        let mut rules = loaded.rules();
        rules.extend(own::rules());
        Ok(Known { frameworks: loaded.catalog.frameworks().to_vec(), rules })
    }

    /// The controls that were asked for; all where none was.
    pub(crate) fn chosen(&self, which: &WhichControls) -> Result<Vec<Control<'_>>> {
        let catalogue = Catalogue::new(&self.frameworks);
        let mut out = Vec::new();
        for id in &which.control {
            out.push(catalogue.find(id).map_err(Wrong::new)?);
        }
        for id in &which.framework {
            let found = catalogue.of_framework(id).ok_or_else(|| {
                let known: Vec<&str> = self.frameworks.iter().map(|one| one.id.as_str()).collect();
                Wrong::hint(format!("no framework is called `{id}`"), Some(&format!("there are {}", known.join(", "))))
            })?;
            out.extend(found);
        }
        if which.control.is_empty() && which.framework.is_empty() {
            out.extend(catalogue.controls());
        }
        let mut seen = std::collections::BTreeSet::new();
        out.retain(|control| seen.insert(control.id()));
        Ok(out)
    }

    /// The controls that rules name themselves.
    pub(crate) fn rule_controls(&self) -> HashMap<Arc<str>, Vec<Arc<str>>> {
        self.rules.iter().map(|rule| (Arc::clone(&rule.id), rule.controls.clone())).collect()
    }

    /// For each control, the rules that speak for it.
    fn rules_of(&self, controls: &[Control<'_>]) -> Vec<Vec<String>> {
        let mut by_framework: HashMap<&str, HashMap<&str, Vec<String>>> = HashMap::new();
        for framework in &self.frameworks {
            let matrix = probity_catalog::matrix(framework, &self.rules);
            let rows =
                matrix.rows.iter().map(|row| (row.requirement.id.as_str(), row.pairs.iter().map(|pair| pair.rule.to_string()).collect()));
            by_framework.insert(&framework.id, rows.collect());
        }
        let of = |control: &Control<'_>| by_framework.get(control.framework.id.as_str())?.get(control.requirement.id.as_str()).cloned();
        controls.iter().map(|control| of(control).unwrap_or_default()).collect()
    }
}

/// A moment: a day (its beginning, or its end) or an RFC 3339 time.
fn moment(text: &str, end: bool) -> Result<Timestamp> {
    if text.parse::<Day>().is_ok() {
        let (time, nanoseconds) = if end { ("23:59:59", 999_999_999) } else { ("00:00:00", 0) };
        return Ok(Timestamp { nanoseconds, ..parse_time(&format!("{text}T{time}Z")).map_err(Wrong::new)? });
    }
    parse_time(text).map_err(|_| {
        Wrong::hint(format!("`{}` is neither a day nor a time", escape::line(text)), Some("write 2026-01-31 or 2026-01-31T12:00:00Z"))
            .into()
    })
}

/// The window of two flags; without them from the beginning, to now.
pub(crate) fn window(from: Option<&str>, to: Option<&str>) -> Result<Window> {
    // The first moment that a date can be written for.
    let beginning = Timestamp { seconds: -62_135_596_800, nanoseconds: 0 };
    let from = from.map(|text| moment(text, false)).transpose()?.unwrap_or(beginning);
    let to = to.map(|text| moment(text, true)).transpose()?.unwrap_or_else(run::now);
    if from > to {
        return Err(Wrong::hint("`--from` is after `--to`", None).into());
    }
    Ok(Window { from, to })
}

/// A log that was verified whole, so that what is said of controls rests on nothing that was changed.
pub(crate) fn verified(place: &EvidencePlace) -> Result<Arc<dyn Storage>> {
    let storage = logs::storage(&evidence::place_to_read(place)?)?;
    verify(&*storage, &VerifyOptions::default())
        .map_err(|error| anyhow::anyhow!("the log is refused, so it proves nothing: {}", crate::adapters::with_causes(&error)))?;
    Ok(storage)
}

/// The register of exceptions in a folder; the usual one where none is named and it is there.
pub(crate) fn register(folder: Option<&Path>) -> Result<Vec<Exception>> {
    let folder = match folder {
        Some(folder) if !folder.is_dir() => {
            return Err(Wrong::hint(format!("there is no folder `{}`", folder.display()), None).into());
        }
        Some(folder) => folder,
        None if Path::new(REGISTER).is_dir() => Path::new(REGISTER),
        None => return Ok(Vec::new()),
    };
    let mut paths = Vec::new();
    for entry in std::fs::read_dir(folder).with_context(|| format!("cannot read `{}`", folder.display()))? {
        let path = entry?.path();
        if path.extension().is_some_and(|extension| extension == "yaml" || extension == "yml") {
            paths.push(path);
        }
    }
    paths.sort();
    let texts = SourceMap::new();
    let mut out = Vec::new();
    let mut wrong = Vec::new();
    for path in paths {
        let name: Arc<str> = path.display().to_string().into();
        let text: Arc<str> = crate::state::read(&path)?.into();
        let file = texts.add(Arc::clone(&name), Arc::clone(&text));
        let (exception, problems) = parse(&ExceptionFile { path: name, text, file, signature: None });
        out.extend(exception);
        wrong.extend(problems);
    }
    if !wrong.is_empty() {
        output::diagnostics(&wrong, &texts);
        return Err(Wrong::hint("the register of exceptions has problems", None).into());
    }
    Ok(out)
}

/// Writes bytes to a file, else to standard output.
fn written(bytes: &[u8], file: Option<&Path>) -> Result<()> {
    match file {
        Some(file) => std::fs::write(file, bytes).with_context(|| format!("`{}` cannot be written", file.display())),
        None => {
            let mut out = std::io::stdout().lock();
            match out.write_all(bytes).and_then(|()| out.flush()) {
                Err(error) if error.kind() == std::io::ErrorKind::BrokenPipe => Ok(()),
                result => result.context("cannot write to standard output"),
            }
        }
    }
}

/// A workbook goes to no terminal.
fn for_file(file: Option<&Path>) -> Result<()> {
    use std::io::IsTerminal as _;
    if file.is_none() && std::io::stdout().is_terminal() {
        return Err(Wrong::hint("a workbook is nothing for a terminal", Some("name a file: `--output FILE.xlsx`")).into());
    }
    Ok(())
}

fn list(which: &WhichControls, format: TableFormat) -> Result<u8> {
    let known = Known::load(which)?;
    let controls = known.chosen(which)?;
    let rules = known.rules_of(&controls);
    match format {
        TableFormat::Json => {
            let list: Vec<Value> = controls
                .iter()
                .zip(&rules)
                .map(|(control, rules)| {
                    json!({ "control": control.id(), "title": control.requirement.title, "rules": rules.len(), "not_provable_by_rules": control.requirement.unprovable })
                })
                .collect();
            output::json(&json!({ "version": 1, "controls": list }))?;
        }
        TableFormat::Table => {
            let mut out = String::new();
            for (control, rules) in controls.iter().zip(&rules) {
                let title = &control.requirement.title;
                let how = match &control.requirement.unprovable {
                    Some(why) => format!("no rule: {why}"),
                    None => format!("{} rules", rules.len()),
                };
                out.push_str(&format!("{:<28} {title} ({how})\n", control.id()));
            }
            out.push_str(&format!("{} controls\n", controls.len()));
            output::text(&out)?;
        }
    }
    Ok(0)
}

/// Reads the records of the window.
pub(crate) fn read(reader: &LogReader<'_>, window: &Window) -> Result<Vec<Record>> {
    Ok(records::read(reader, window)?)
}

fn stand(arguments: &PostureArguments) -> Result<u8> {
    let known = Known::load(&arguments.which)?;
    let controls = known.chosen(&arguments.which)?;
    let window = window(arguments.from.as_deref(), arguments.to.as_deref())?;
    let exceptions = register(arguments.exceptions.as_deref())?;
    if arguments.format == PostureFormat::Xlsx {
        for_file(arguments.output.as_deref())?;
    }
    let storage = verified(&arguments.place)?;
    let reader = LogReader::open(&*storage, None)?;
    let records = read(&reader, &window)?;
    let input = Input { controls: &controls, records: &records, exceptions: &exceptions, window, max_age_days: arguments.max_age };
    let posture = posture(&input, &known.rule_controls());
    let origin = Origin {
        version: env!("CARGO_PKG_VERSION").to_owned(),
        log: reader.key().name().to_owned(),
        size: reader.size(),
        root: reader.checkpoint().root,
    };
    let pretty = |value: &Value| format!("{value:#}\n").into_bytes();
    let bytes = match arguments.format {
        PostureFormat::Human => {
            let text = human(&posture, &reader, arguments.all);
            match &arguments.output {
                Some(_) => text.into_bytes(),
                None => {
                    output::text(&text)?;
                    return Ok(code(&posture));
                }
            }
        }
        PostureFormat::Json => pretty(&with_receipts(&posture, &reader)?),
        PostureFormat::Csv => table::csv(&table::posture(&posture)).into_bytes(),
        PostureFormat::Xlsx => workbook(&[table::posture(&posture), table::findings(&posture)], window.to)?,
        PostureFormat::OscalComponent => pretty(&oscal::component_definition(&posture, &known.rules_of(&controls), &origin)?),
        PostureFormat::OscalAssessmentResults => pretty(&oscal::assessment_results(&posture, &origin)?),
        PostureFormat::OscalPoam => pretty(&oscal::plan_of_action(&posture, &origin)?),
    };
    written(&bytes, arguments.output.as_deref())?;
    Ok(code(&posture))
}

/// 1 where something is open or stale; what nobody proved by records may be proved elsewhere.
fn code(posture: &Posture<'_>) -> u8 {
    u8::from(posture.count(State::NotSatisfied) + posture.count(State::Stale) > 0)
}

/// The posture with the receipts of the records that prove something last.
fn with_receipts(posture: &Posture<'_>, reader: &LogReader<'_>) -> Result<Value> {
    let mut value = posture.to_json();
    let mut receipts = serde_json::Map::new();
    for one in &posture.controls {
        if let Some(proof) = one.last()
            && !receipts.contains_key(&proof.record.to_string())
        {
            receipts.insert(proof.record.to_string(), json!(reader.receipt(proof.record)?.proof.to_text()));
        }
    }
    if let Value::Object(fields) = &mut value {
        fields.insert(
            "log".to_owned(),
            json!({ "name": reader.key().name(), "size": reader.size(), "root": reader.checkpoint().root.to_string() }),
        );
        fields.insert("receipts".to_owned(), Value::Object(receipts));
    }
    Ok(value)
}

fn human(posture: &Posture<'_>, reader: &LogReader<'_>, all: bool) -> String {
    let day = |time: Timestamp| format_time(time).unwrap_or_default().chars().take(10).collect::<String>();
    let mut out = String::new();
    for one in posture.controls.iter().filter(|one| all || one.state != State::NoEvidence) {
        out.push_str(&format!("{:<14} {:<28} {}\n", one.state.as_str(), one.control.id(), one.control.requirement.title));
        if let Some(proof) = one.last() {
            let by = match proof.rules.len() {
                0 => String::new(),
                1 => ", by 1 rule".to_owned(),
                count => format!(", by {count} rules"),
            };
            let more = if one.proofs.len() > 1 { format!(" (and {} more targets)", one.proofs.len() - 1) } else { String::new() };
            out.push_str(&format!(
                "               {} by record {} of {}, {} days ago{by}: {}{more}\n",
                if one.state == State::NotSatisfied { "judged last" } else { "proved" },
                proof.record,
                day(proof.time),
                posture.age_days(proof.time),
                escape::line(&proof.target)
            ));
        }
        for open in one.open.iter().take(3) {
            let line = &open.result;
            let place = if line.file.is_empty() { String::new() } else { format!(" {}:{}", line.file, line.line) };
            out.push_str(&format!(
                "               open: {} {} {}{}\n",
                line.severity,
                escape::line(&line.rule),
                escape::line(&line.subject),
                escape::line(&place)
            ));
        }
        if one.open.len() > 3 {
            out.push_str(&format!("               and {} more open\n", one.open.len() - 3));
        }
        for exception in &one.exceptions {
            let until = exception.expires.as_ref().map(|day| format!(" until {day}")).unwrap_or_default();
            out.push_str(&format!(
                "               excepted: {} {}{until}, covers {}\n",
                escape::line(&exception.source),
                escape::line(&exception.id),
                exception.covers.len()
            ));
        }
    }
    if !posture.silent.is_empty() {
        out.push_str(&format!("{} verdicts do not say which rules judged something; they prove nothing\n", posture.silent.len()));
    }
    if !posture.other_controls.is_empty() {
        let names: Vec<&str> = posture.other_controls.iter().map(|control| &**control).collect();
        out.push_str(&format!("commands were run for controls that are not asked for or not known: {}\n", escape::line(&names.join(", "))));
    }
    let counts: Vec<String> = State::ALL.iter().map(|state| format!("{} {}", posture.count(*state), state.as_str())).collect();
    out.push_str(&format!(
        "{} of {} controls\nto {}, by the log {} of {} records; a proof is stale after {} days\n",
        counts.join(", "),
        posture.controls.len(),
        format_time(Timestamp { nanoseconds: 0, ..posture.window.to }).unwrap_or_default(),
        escape::line(reader.key().name()),
        reader.size(),
        posture.max_age_days
    ));
    out
}

fn changes(arguments: &PopulationArguments) -> Result<u8> {
    let window = window(arguments.from.as_deref(), arguments.to.as_deref())?;
    let exceptions = register(arguments.exceptions.as_deref())?;
    if arguments.format == PopulationFormat::Xlsx {
        for_file(arguments.output.as_deref())?;
    }
    let storage = verified(&arguments.place)?;
    let reader = LogReader::open(&*storage, None)?;
    let records = read(&reader, &window)?;
    let all = population::changes(&records);
    let whole = population::table("population", &all, &exceptions);
    let drawn = arguments.sample.map(|size| {
        let seed = arguments.seed.as_deref().unwrap_or_default();
        let chosen = population::sample(&all, seed, size);
        (population::table("sample", &chosen, &exceptions), population::how(all.len(), seed, chosen.len()))
    });
    let bytes = match arguments.format {
        PopulationFormat::Csv => table::csv(drawn.as_ref().map_or(&whole, |(sample, _)| sample)).into_bytes(),
        PopulationFormat::Xlsx => {
            let mut tables: Vec<Table> = vec![whole];
            if let Some((sample, how)) = drawn {
                tables.extend([sample, how]);
            }
            workbook(&tables, window.to)?
        }
    };
    if let Some(size) = arguments.sample {
        output::talk(&format!("{} of {} changes, drawn with the seed given", size.min(all.len()), all.len()));
    } else {
        output::talk(&format!("{} changes", all.len()));
    }
    written(&bytes, arguments.output.as_deref())?;
    Ok(if all.is_empty() { 4 } else { 0 })
}
