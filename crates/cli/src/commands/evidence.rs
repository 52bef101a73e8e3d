//! `probity evidence list|show|prove|verify|export|append`: a look into the log. Recording a command is `evidence_run`'s.

use std::path::Path;

use anyhow::{Context as _, Result};
use probity_attest::VerifyingKey;
use probity_attest::command_run::CommandRun;
use probity_attest::sealed::SealedBlob;
use probity_attest::statement::{Decision, Statement, format_time};
use probity_formats::escape;
use probity_ledger::tile::{self, TileId};
use probity_ledger::{
    Against, Classes, FolderStorage, ImportRecord, LEGAL_HOLD_V1, LogReader, RETENTION_CLASS_V1, VerifyOptions, export_files, export_tar,
    verify as verify_log,
};
use probity_verdict::config::EvidenceSettings;
use serde_json::{Value, json};

use crate::arguments::{CompareFormat, EvidencePlace};
use crate::commands::evidence_classes::{keys, opened};
use crate::commands::gate::{Evidence, place_of};
use crate::commands::seal;
use crate::logs::{Log, LogPlace, storage};
use crate::{Wrong, output, run, state};

/// Where the log is.
pub(crate) fn place_to_read(place: &EvidencePlace) -> Result<LogPlace> {
    place_of(place, &EvidenceSettings::default(), Path::new("."))?
        .ok_or_else(|| Wrong::hint("`--evidence none` names no log to look into", None).into())
}

/// One line about a record.
fn line(index: u64, record: &[u8]) -> Value {
    let statement = match Statement::of_record(record) {
        Ok(statement) => statement,
        Err(error) => return json!({ "index": index, "kind": "unreadable", "why": error.to_string() }),
    };
    if let Ok(decision) = Decision::of_statement(&statement) {
        let subject = decision.subjects.first();
        return json!({
            "index": index,
            "kind": "gate",
            "time": format_time(decision.time).unwrap_or_default(),
            "result": decision.outcome.as_str(),
            "colour": decision.probity.get("colour"),
            "subject": subject.map(|subject| &subject.name),
            "digest": subject.map(|subject| &subject.digest),
            "policies": decision.policy.digest.get("sha256"),
            "by_severity": decision.probity.get("by_severity"),
        });
    }
    if let Ok(Some(run)) = CommandRun::of_statement(&statement) {
        let command = run.arguments.join(" ");
        return json!({
            "index": index,
            "kind": "run",
            "time": format_time(run.finished).unwrap_or_default(),
            "result": format!("exit {}", run.exit_code),
            "exit_code": run.exit_code,
            "signal": run.signal,
            "not_started": run.not_started,
            "timed_out": run.timed_out,
            "subject": if run.name.is_empty() { &command } else { &run.name },
            "command": command,
            "controls": run.controls,
            "digest": statement.subjects.first().map(|subject| &subject.digest),
        });
    }
    match ImportRecord::of_statement(&statement) {
        Ok(Some(import)) => json!({ "index": index, "kind": "import", "log": import.checkpoint.origin, "records": import.count() }),
        _ => {
            let words = |kind: &str, subject: &str| {
                let text = |key: &str| statement.predicate.get(key).cloned().unwrap_or(Value::Null);
                json!({ "index": index, "kind": kind, "time": text("time"), "result": text("event"), "subject": subject, "reason": text("reason") })
            };
            let subject = statement.subjects.first().map_or("", |subject| subject.name.as_str());
            match statement.predicate_type.as_str() {
                RETENTION_CLASS_V1 => words("class", subject),
                LEGAL_HOLD_V1 => words("hold", subject),
                other => json!({ "index": index, "kind": other }),
            }
        }
    }
}

pub(crate) fn list(place: &EvidencePlace, format: CompareFormat) -> Result<u8> {
    let storage = storage(&place_to_read(place)?)?;
    let reader = LogReader::open(&*storage, None)?;
    let mut lines = Vec::new();
    for entry in reader.entries() {
        let (index, record) = entry?;
        lines.push(line(index, &record));
    }
    match format {
        CompareFormat::Json => output::json(&json!({ "version": 1, "log": reader.key().name(), "size": reader.size(), "records": lines }))?,
        CompareFormat::Human => {
            let show = |value: &Value| value.as_str().map(|text| escape::line(text).into_owned()).unwrap_or_default();
            let mut out = String::new();
            for line in &lines {
                let digest = line["digest"].as_object().and_then(|all| all.values().next()).map(&show).unwrap_or_default();
                let short: String = digest.chars().take(12).collect();
                out.push_str(&format!(
                    "{:>6}  {:<20}  {:<7}  {:<9}  {}  {short}\n",
                    line["index"],
                    show(&line["time"]),
                    show(if line["colour"].is_string() { &line["colour"] } else { &line["kind"] }),
                    show(&line["result"]),
                    show(&line["subject"]),
                ));
            }
            out.push_str(&format!("{} records in {}\n", reader.size(), escape::line(reader.key().name())));
            output::text(&out)?;
        }
    }
    Ok(0)
}

pub(crate) fn show(index: u64, place: &EvidencePlace) -> Result<u8> {
    let storage = storage(&place_to_read(place)?)?;
    let reader = LogReader::open(&*storage, None)?;
    let record = entry(&reader, index)?;
    let statement = Statement::of_record(&record).context("the record cannot be read")?;
    let payload: Value = serde_json::from_slice(&statement.to_payload()?)?;
    let mut blobs = serde_json::Map::new();
    let sealed = SealedBlob::of_statement(&statement)?;
    let classes = if sealed.is_empty() { Classes::default() } else { Classes::read(&reader)? };
    for blob in statement.blobs()? {
        let mut bytes = reader.blob(&blob.digest)?;
        if let Some(one) = sealed.iter().find(|one| one.name == blob.name) {
            bytes = match opened(one, &bytes, &classes, &keys(place)?)? {
                Ok(bytes) => bytes,
                Err(why) => {
                    blobs.insert(blob.name, Value::String(why));
                    continue;
                }
            };
        }
        let value = serde_json::from_slice(&bytes).unwrap_or_else(|_| match std::str::from_utf8(&bytes) {
            Ok(text) => json!({ "bytes": bytes.len(), "text": text }),
            Err(_) => json!({ "bytes": bytes.len() }),
        });
        blobs.insert(blob.name, value);
    }
    output::data(&format!(
        "{:#}\n",
        json!({ "index": index, "sha256": probity_attest::sha256(&record).to_string(), "statement": payload, "blobs": blobs })
    ))?;
    Ok(0)
}

/// A record by its index; one that is not there is wrong use.
pub(crate) fn entry(reader: &LogReader<'_>, index: u64) -> Result<Vec<u8>> {
    if index >= reader.size() {
        return Err(Wrong::hint(format!("the log has {} records; there is no record {index}", reader.size()), None).into());
    }
    Ok(reader.entry(index)?)
}

pub(crate) fn prove(index: u64, place: &EvidencePlace) -> Result<u8> {
    let storage = storage(&place_to_read(place)?)?;
    let reader = LogReader::open(&*storage, None)?;
    entry(&reader, index)?;
    output::data(&reader.receipt(index)?.proof.to_text())?;
    Ok(0)
}

pub(crate) fn verify(place: &EvidencePlace, against: Option<&Path>, public_key: Option<&Path>, sealed: Option<&str>) -> Result<u8> {
    let place = place_to_read(place)?;
    let storage = storage(&place)?;
    let wrong = |error: anyhow::Error| Wrong::hint(format!("{error:#}"), None);
    let against = match against {
        Some(path) => Some(Against::parse(&state::read(path).map_err(wrong)?).map_err(Wrong::new)?),
        None => None,
    };
    let key = match public_key {
        Some(path) => Some(VerifyingKey::from_pem(&state::read(path).map_err(wrong)?).map_err(Wrong::new)?),
        None => None,
    };
    let options = VerifyOptions { key, against, strict: place.is_export(), ..VerifyOptions::default() };
    match verify_log(&*storage, &options) {
        Ok(report) => {
            let mut out = format!(
                "verified {} records and {} stored files of {}\nroot {} at size {}\n",
                report.checkpoint.size,
                report.blobs,
                escape::line(report.key.name()),
                report.checkpoint.root,
                report.checkpoint.size
            );
            if !report.key_given {
                out.push_str("the key is the one the log names itself: this proves that nothing changed since it was signed, not who signed (`--public-key`)\n");
            }
            match report.against {
                Some(size) => out.push_str(&format!("it continues the log as it was at size {size}\n")),
                None => out.push_str(
                    "not held against an earlier checkpoint or receipt, so a log that was rolled back would not be seen (`--against`)\n",
                ),
            }
            for (log, count) in &report.imported {
                out.push_str(&format!("{count} records were taken in from {}\n", escape::line(log)));
            }
            let size = report.checkpoint.size;
            let is_earlier = |path: &&String| TileId::parse(path).is_some_and(|tile| tile::superseded(&tile, size));
            let earlier = report.leftovers.iter().filter(is_earlier).count();
            if earlier > 0 {
                out.push_str(&format!("{earlier} partial tiles of earlier sizes are there for readers of those; they carry no meaning\n"));
            }
            if report.leftovers.len() > earlier {
                let left = report.leftovers.len() - earlier;
                out.push_str(&format!("{left} files without meaning were left by interrupted writes\n"));
            }
            let unsealed = sealed.map(|to| seal::check(&storage, to)).transpose()?;
            if let Some(checked) = &unsealed {
                out.push_str(&checked.to_text());
            }
            output::text(&out)?;
            Ok(u8::from(unsealed.is_some_and(|checked| !checked.is_sealed())))
        }
        Err(error) => {
            output::talk(&format!("error: the log is refused: {}", crate::adapters::with_causes(&error)));
            Ok(1)
        }
    }
}

pub(crate) fn export(to: &Path, place: &EvidencePlace) -> Result<u8> {
    let storage = storage(&place_to_read(place)?)?;
    let place = || format!("cannot write `{}`", to.display());
    if to.extension().is_some_and(|extension| extension == "tar") {
        let mut bytes = Vec::new();
        export_tar(&*storage, None, &mut bytes)?;
        std::fs::write(to, bytes).with_context(place)?;
    } else {
        export_files(&*storage, None, &FolderStorage::new(to)).with_context(place)?;
    }
    output::talk(&format!("exported to `{}`; `python3 tools/verify_evidence.py` checks it without Probity", to.display()));
    Ok(0)
}

pub(crate) fn append(from: &Path, place: &EvidencePlace) -> Result<u8> {
    let other = storage(&LogPlace::Folder(from.to_owned()))?;
    let Some(mut log) = Evidence::open(place, &EvidenceSettings::default(), Path::new("."))? else {
        return Err(Wrong::hint("`--evidence none` names no log to append to", None).into());
    };
    let Log::Turns(ledger) = &mut log.ledger else {
        let hint = "take it into a log in a folder; a log in a bucket takes records as they are made, from all who write it";
        return Err(Wrong::hint(format!("other logs are not taken into `{}`", log.place), Some(hint)).into());
    };
    match ledger.append_from(&*other, None, run::now()) {
        Ok(imported) => {
            output::data(&format!("{} records taken in; all {} of that log are here\n", imported.records, imported.size))?;
            Ok(0)
        }
        Err(error) => {
            output::talk(&format!("error: nothing was taken in: {}", crate::adapters::with_causes(&error)));
            Ok(3)
        }
    }
}
