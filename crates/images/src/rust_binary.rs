//! What a Rust program says it was built from (`cargo auditable`): packed JSON in a section of its own.

use std::io::Read as _;

use probity_packages::{Link, Usage};
use serde_json::Value;

use crate::executable::Executable;
use crate::sheet::{Sheet, purl};

/// Largest list, in bytes.
const LARGEST: u64 = 8 << 20;

/// Adds what a program was built from; whether it says so.
pub(crate) fn read(program: &Executable<'_>, sheet: &mut Sheet) -> bool {
    let Some(section) = program.section(".dep-v0") else { return false };
    let mut bytes = Vec::new();
    let read = flate2::read::ZlibDecoder::new(section).take(LARGEST + 1).read_to_end(&mut bytes);
    if read.is_err() || bytes.len() as u64 > LARGEST {
        sheet.problem(0, "the list of what it was built from cannot be unpacked", true);
        return true;
    }
    let list = serde_json::from_slice::<Value>(&bytes);
    let Some(packages) = list.as_ref().ok().and_then(|list| list.get("packages")).and_then(Value::as_array) else {
        sheet.problem(0, "the list of what it was built from is broken", true);
        return true;
    };
    let mut places = Vec::with_capacity(packages.len());
    let mut top = None;
    for package in packages {
        let text = |key: &str| package.get(key).and_then(Value::as_str).unwrap_or_default();
        let index = sheet.add(purl("cargo", None, text("name"), text("version")), 0);
        if let Some(found) = index.and_then(|index| sheet.package(index)) {
            if text("kind") == "build" {
                found.usage = Usage::Build;
            }
            let source = text("source");
            found.resolved = (!matches!(source, "" | "crates.io" | "local")).then(|| source.into());
            if package.get("root").and_then(Value::as_bool) == Some(true) {
                top = index;
            }
        }
        places.push(index);
    }
    for (from, package) in places.iter().zip(packages) {
        for to in package.get("dependencies").and_then(Value::as_array).into_iter().flatten() {
            let to = to.as_u64().and_then(|to| usize::try_from(to).ok()).and_then(|to| places.get(to)).copied().flatten();
            if let (Some(from), Some(to)) = (*from, to)
                && sheet.out.links.len() < 1_000_000
            {
                sheet.out.links.push(Link { from, to });
            }
        }
    }
    let direct: Vec<usize> = sheet.out.links.iter().filter(|link| Some(link.from) == top).map(|link| link.to).collect();
    for index in direct {
        if let Some(package) = sheet.package(index) {
            package.direct = Some(true);
        }
    }
    true
}
