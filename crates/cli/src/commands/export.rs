//! `probity evidence export --control`: the records that speak of some controls, in one file that anybody can check.

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;

use anyhow::{Context as _, Result};
use probity_attest::statement::format_time;
use probity_controls::posture::{Input, Posture, posture};
use probity_ledger::{LogReader, pack_tar};
use serde_json::{Value, json};

use crate::arguments::{EvidencePlace, PackArguments};
use crate::commands::controls::{Known, read, register, verified, window};
use crate::{Wrong, output};

/// The independent verifier, as it lies in the repository.
const VERIFIER: &str = include_str!("../../../../tools/verify_evidence.py");

pub(crate) fn pack(to: &Path, arguments: &PackArguments, place: &EvidencePlace) -> Result<u8> {
    if to.extension().is_none_or(|extension| extension != "tar") {
        return Err(Wrong::hint(format!("a pack is a tar file, and `{}` is not called so", to.display()), Some("name it PACK.tar")).into());
    }
    let known = Known::load(&arguments.which)?;
    let controls = known.chosen(&arguments.which)?;
    let window = window(arguments.from.as_deref(), arguments.until.as_deref())?;
    let exceptions = register(arguments.exceptions.as_deref())?;
    let storage = verified(place)?;
    let reader = LogReader::open(&*storage, None)?;
    let records = read(&reader, &window)?;
    let input = Input { controls: &controls, records: &records, exceptions: &exceptions, window, max_age_days: arguments.max_age };
    let posture = posture(&input, &known.rule_controls());
    let chosen = posture.records();
    if chosen.is_empty() {
        output::talk("nothing to pack: no record of the window speaks of these controls");
        return Ok(4);
    }
    let about = json!({
        "from": format_time(window.from)?,
        "to": format_time(window.to)?,
        "controls": posture.controls.iter().map(|one| json!({
            "control": one.control.id(), "title": one.control.requirement.title, "state": one.state.as_str(), "records": one.records,
        })).collect::<Vec<Value>>(),
    });
    let public = reader.key().key().to_pem();
    let more = BTreeMap::from([
        ("README.md".to_owned(), readme(&posture, &chosen, &reader).into_bytes()),
        ("public-key.pem".to_owned(), public.into_bytes()),
        ("posture.json".to_owned(), format!("{:#}\n", posture.to_json()).into_bytes()),
        ("verify.py".to_owned(), VERIFIER.as_bytes().to_vec()),
    ]);
    let mut bytes = Vec::new();
    let packed = pack_tar(&reader, &chosen, &about, &more, &mut bytes)?;
    std::fs::write(to, bytes).with_context(|| format!("cannot write `{}`", to.display()))?;
    output::talk(&format!(
        "packed {} of {} records and {} stored files for {} controls; `python3 tools/verify_evidence.py {}` checks them without Probity",
        packed.records.len(),
        packed.size,
        packed.blobs,
        controls.len(),
        to.display()
    ));
    Ok(0)
}

fn readme(posture: &Posture<'_>, chosen: &BTreeSet<u64>, reader: &LogReader<'_>) -> String {
    let controls: String = posture
        .controls
        .iter()
        .map(|one| format!("- `{}`: {}, {} records\n", one.control.id(), one.state.as_str(), one.records.len()))
        .collect();
    format!(
        "# Evidence for controls

{} records of the log `{}` ({} entries, root {}).

{controls}
## Check it

    python3 verify.py PACK.tar --key '{}'

needs Python 3.9 and the package `cryptography`. Take the key, and the program, from where you trust them rather than from this file.

## What is in it

- `records/N.json`: entry N of the log, a DSSE envelope with an in-toto statement, signed by the log's key or by the keys that the record
  of its import names;
- `receipts/N.tlog-proof`: proof that it is entry N under the signed checkpoint (c2sp.org/tlog-proof);
- `cas/sha256/..`: files that records name by digest, manifests among them;
- `checkpoint`, `log.vkey`, `public-key.pem`, `tile/..`: the log's signed head, its key, and the hashes of all its entries;
- `pack.json`, `posture.json` and this file: for reading. Nothing signs them; `posture.json` is computed from the records and from
  which rule speaks for which control.
",
        chosen.len(),
        reader.key().name(),
        reader.size(),
        reader.checkpoint().root,
        reader.key(),
    )
}
