//! The population of changes, all verdicts of a window, and a sample of it that anybody can draw again.

use std::collections::BTreeSet;
use std::sync::Arc;

use probity_attest::sha256;
use probity_core::{Digest, Exception};

use crate::evidence::{Judgement, Kind, Record};
use crate::table::{Cell, Table};

/// One change: a verdict about a commit or a folder.
#[derive(Clone, Copy, Debug)]
pub struct Change<'a> {
    /// Its record.
    pub record: &'a Record,
    /// What the record says.
    pub judgement: &'a Judgement,
}

/// All changes, in the order of the log.
#[must_use]
pub fn changes(records: &[Record]) -> Vec<Change<'_>> {
    records
        .iter()
        .filter_map(|record| match &record.kind {
            Kind::Verdict(judgement) => Some(Change { record, judgement }),
            Kind::Command(_) => None,
        })
        .collect()
}

/// A sample: the changes whose SHA-256 over the seed, a line break and the record's SHA-256 (64 digits) is smallest, in the order of the
/// log. Who knows seed, size and population draws the same.
#[must_use]
pub fn sample<'a>(changes: &[Change<'a>], seed: &str, size: usize) -> Vec<Change<'a>> {
    let rank = |change: &Change<'_>| -> Digest { sha256(format!("{seed}\n{}", change.record.digest).as_bytes()) };
    let mut ranked: Vec<(Digest, Change<'a>)> = changes.iter().map(|change| (rank(change), *change)).collect();
    // Two entries of the same bytes have one rank; their places tell them apart.
    ranked.sort_by_key(|(rank, change)| (*rank, change.record.index));
    ranked.truncate(size);
    let mut chosen: Vec<Change<'a>> = ranked.into_iter().map(|(_, change)| change).collect();
    chosen.sort_by_key(|change| change.record.index);
    chosen
}

/// Changes as a table.
#[must_use]
pub fn table(name: &'static str, changes: &[Change<'_>], exceptions: &[Exception]) -> Table {
    let rows = changes.iter().map(|change| {
        let judgement = change.judgement;
        let excepted = judgement.exceptions();
        let owners: BTreeSet<&Arc<str>> = excepted
            .iter()
            .filter(|(source, _)| &**source == "exception")
            .filter_map(|(_, id)| exceptions.iter().find(|one| one.id == *id))
            .map(|one| &one.owner)
            .collect();
        let list = |items: &mut dyn Iterator<Item = String>| Cell::text(items.collect::<Vec<_>>().join("; "));
        vec![
            Cell::Number(i64::try_from(change.record.index).unwrap_or(i64::MAX)),
            Cell::time(change.record.time),
            Cell::text(judgement.repository.as_deref().unwrap_or_default()),
            Cell::text(&*judgement.prefix),
            Cell::text(judgement.commit().unwrap_or_default()),
            Cell::text(judgement.digest("gitTree").or_else(|| judgement.digest("sha256")).unwrap_or_default()),
            Cell::text(judgement.outcome.as_str()),
            Cell::text(judgement.colour.as_deref().unwrap_or_default()),
            Cell::count(judgement.results.iter().filter(|result| result.is_open()).count()),
            list(&mut excepted.iter().map(|(source, id)| format!("{source} {id}"))),
            list(&mut owners.iter().map(ToString::to_string)),
            Cell::text(change.record.digest.to_string()),
        ]
    });
    Table {
        name,
        columns: vec![
            "record",
            "time",
            "repository",
            "folder",
            "commit",
            "tree or folder digest",
            "verdict",
            "colour",
            "open findings",
            "exceptions used",
            "owners of exceptions",
            "record sha256",
        ],
        rows: rows.collect(),
    }
}

/// How a sample was drawn, as a table.
#[must_use]
pub fn how(population: usize, seed: &str, size: usize) -> Table {
    let row = |what: &str, value: Cell| vec![Cell::text(what), value];
    Table {
        name: "how it was drawn",
        columns: vec!["what", "value"],
        rows: vec![
            row("population", Cell::count(population)),
            row("sample", Cell::count(size)),
            row("seed", Cell::text(seed)),
            row("method", Cell::text("the records with the smallest SHA-256 over seed, line break and record sha256")),
        ],
    }
}
