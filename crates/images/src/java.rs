//! Java archives: what Maven wrote into them, their manifest, or else their name; archives within archives too.

use std::collections::BTreeMap;
use std::sync::Arc;

use probity_archive::{Kind, Limits, Meter, Trouble, ZipEntry, zip};
use probity_packages::Inventory;

use crate::sheet::{Root, Sheet, is_version, name, purl};

/// Largest archive that is read, in bytes.
const LARGEST: u64 = 1 << 30;
/// Largest text in an archive, in bytes.
const LARGEST_TEXT: u64 = 4 << 20;

const ENDINGS: &[&str] = &[".jar", ".war", ".ear", ".par", ".sar", ".nar", ".jpi", ".hpi", ".kar", ".lpkg", ".rar"];

/// Whether a file is an archive of Java, by its name.
pub(crate) fn claims(path: &str) -> bool {
    let name = name(path);
    let ending = name.rfind('.').and_then(|at| name.get(at..)).unwrap_or_default();
    ENDINGS.iter().any(|known| known.eq_ignore_ascii_case(ending))
}

pub(crate) fn read(path: &str, root: &Root<'_>) -> Inventory {
    let mut sheet = Sheet::new(path, "java-archive");
    let bytes = sheet.bytes(root, LARGEST);
    // An archive of another kind that shares an ending.
    if bytes.starts_with(b"Rar!") || (bytes.is_empty() && sheet.out.problems.is_empty()) {
        if bytes.is_empty() {
            sheet.problem(0, "the archive is empty", false);
        }
        return sheet.finish();
    }
    let limits = Limits { entries: 1_000_000, bytes_total: 4 << 30, bytes_entry: 1 << 30, depth: 6, ..Limits::default() };
    if !bytes.is_empty() {
        archive(&bytes, &Arc::from(path), 1, &mut Meter::new(limits), &mut sheet);
    }
    sheet.finish()
}

/// What one archive says of itself.
#[derive(Default)]
struct Said {
    manifest: BTreeMap<String, String>,
    /// `pom.properties` by their path: group, artifact, version.
    properties: BTreeMap<String, (String, String, String)>,
    /// Group and artifact of `pom.xml` files, by their folder.
    poms: Vec<(String, String)>,
}

fn archive(bytes: &[u8], place: &Arc<str>, depth: usize, meter: &mut Meter, sheet: &mut Sheet) {
    let mut said = Said::default();
    let mut troubles: Vec<(String, Trouble)> = Vec::new();
    let mut inner: Vec<ZipEntry<'_>> = Vec::new();
    let problems = zip(bytes, meter, &mut |entry, meter| {
        if entry.kind != Kind::File {
            return true;
        }
        let path = entry.path.to_string();
        let text = |meter: &mut Meter, troubles: &mut Vec<(String, Trouble)>| {
            if entry.size > LARGEST_TEXT {
                troubles.push((path.clone(), Trouble::Entry { size: entry.size, limit: LARGEST_TEXT }));
                return None;
            }
            match entry.read(meter) {
                Ok(bytes) => Some(String::from_utf8_lossy(&bytes).into_owned()),
                Err(trouble) => {
                    troubles.push((path.clone(), trouble));
                    None
                }
            }
        };
        if path.eq_ignore_ascii_case("META-INF/MANIFEST.MF") {
            if let Some(text) = text(meter, &mut troubles) {
                said.manifest = manifest(&text);
            }
        } else if path.starts_with("META-INF/maven/") && path.ends_with("/pom.properties") {
            if let Some(text) = text(meter, &mut troubles) {
                let fields = properties(&text);
                let field = |key: &str| fields.get(key).cloned().unwrap_or_default();
                said.properties.insert(path, (field("groupId"), field("artifactId"), field("version")));
            }
        } else if let Some(folder) = path.strip_prefix("META-INF/maven/").and_then(|rest| rest.strip_suffix("/pom.xml")) {
            said.poms.extend(folder.split_once('/').map(|(group, artifact)| (group.to_owned(), artifact.to_owned())));
        } else if claims(&path) {
            inner.push(entry);
        }
        true
    });
    for problem in problems {
        let file = if problem.path.is_empty() { Arc::clone(place) } else { format!("{place}!/{}", problem.path).into() };
        sheet.problem_at(file, 0, problem.trouble.to_string(), problem.trouble.fails());
    }
    for (path, trouble) in troubles {
        sheet.problem_at(format!("{place}!/{path}").into(), 0, trouble.to_string(), trouble.fails());
    }
    itself(&said, place, sheet);
    for entry in inner {
        let place: Arc<str> = format!("{place}!/{}", entry.path).into();
        if depth >= meter.limits.depth {
            sheet.problem_at(place, 0, Trouble::Depth(meter.limits.depth).to_string(), true);
            continue;
        }
        match entry.read(meter) {
            Ok(bytes) => archive(&bytes, &place, depth + 1, meter, sheet),
            Err(trouble) => sheet.problem_at(place, 0, trouble.to_string(), trouble.fails()),
        }
    }
}

/// Adds the package an archive is, and those that were copied into it.
fn itself(said: &Said, place: &Arc<str>, sheet: &mut Sheet) {
    let file = place.rsplit('/').next().unwrap_or(place);
    let stem = file.rsplit_once('.').map_or(file, |(stem, _)| stem);
    let (told_name, told_version) = split(stem);
    let plain = |text: &str| text.replace(['_', '.'], "-");
    let fits = |artifact: &str| !artifact.is_empty() && (artifact == told_name || plain(artifact) == plain(stem));
    let main = said
        .properties
        .iter()
        .find(|(_, (_, artifact, _))| fits(artifact))
        .or_else(|| {
            (said.properties.len() == 1)
                .then(|| said.properties.iter().next())
                .flatten()
                .filter(|(_, (_, artifact, _))| starts(stem, artifact))
        })
        .or_else(|| {
            said.properties.iter().find(|(_, (_, artifact, version))| !version.is_empty() && stem == format!("{artifact}-{version}"))
        });
    let field = |key: &str| said.manifest.get(key).map_or("", |value| value.trim());
    let licences: Vec<Arc<str>> = field("bundle-license")
        .split(',')
        .map(|one| one.split(';').next().unwrap_or(one).trim())
        .filter(|one| !one.is_empty())
        .map(Arc::from)
        .collect();
    let mut add = |group: &str, artifact: &str, version: &str, file: Arc<str>, licences: Vec<Arc<str>>| {
        let group = if group.is_empty() { artifact } else { group };
        let version = if is_version(version) { version } else { "" };
        let index = sheet.add_at(purl("maven", Some(group), artifact, version), file, 0);
        if let Some(package) = index.and_then(|index| sheet.package(index)) {
            package.licences = licences;
        }
        index
    };
    let main_path = main.map(|(path, _)| path.clone());
    match main {
        Some((_, (group, artifact, version))) => {
            let version = if is_version(version) { version.as_str() } else { told_version };
            add(group, artifact, version, Arc::clone(place), licences);
        }
        None => {
            let pom = said.poms.iter().find(|(_, artifact)| fits(artifact));
            let artifact = match pom {
                Some((_, artifact)) => artifact.as_str(),
                None => own_name(told_name, &field),
            };
            let group = match pom {
                Some((group, _)) => group.as_str(),
                None => group_of(artifact, &field),
            };
            let version = ["implementation-version", "bundle-version", "specification-version", "plugin-version"]
                .iter()
                .map(|key| field(key))
                .find(|version| is_version(version));
            let version = if told_version.is_empty() { version.unwrap_or_default() } else { told_version };
            // A collection of others without a name of its own in it (a shaded program) is still one package by its file's name.
            if !artifact.is_empty() {
                let index = add(group, artifact, version, Arc::clone(place), licences);
                if version.is_empty() && index.is_some() {
                    sheet.problem_at(Arc::clone(place), 0, "the version of the archive is not told", false);
                }
            }
        }
    }
    for (path, (group, artifact, version)) in &said.properties {
        if main_path.as_ref() == Some(path) {
            continue;
        }
        let file: Arc<str> = format!("{place}!/{path}").into();
        if artifact.is_empty() || group.is_empty() || !is_version(version) {
            sheet.problem_at(Arc::clone(&file), 0, "it does not name group, artifact and version", !artifact.is_empty());
            if artifact.is_empty() {
                continue;
            }
        }
        let group = if group.is_empty() { artifact } else { group };
        sheet.add_at(purl("maven", Some(group), artifact, if is_version(version) { version } else { "" }), file, 0);
    }
}

/// Whether a file's name begins with an artifact's.
fn starts(stem: &str, artifact: &str) -> bool {
    !artifact.is_empty() && stem.strip_prefix(artifact).is_some_and(|rest| rest.is_empty() || rest.starts_with(['-', '_', '.']))
}

/// Name and version in a file's name: `commons-io-2.11.0` is `commons-io` and `2.11.0`.
fn split(stem: &str) -> (&str, &str) {
    let mut from = 0;
    while let Some(at) = stem.get(from..).and_then(|rest| rest.find(['-', '_'])).map(|at| at + from) {
        let rest = stem.get(at + 1..).unwrap_or_default();
        let number = rest.strip_prefix(['v', 'V', 'r', 'R']).unwrap_or(rest);
        if number.starts_with(|first: char| first.is_ascii_digit()) && at > 0 {
            let name = stem.get(..at).unwrap_or_default();
            // `log4j-1.2-api-2.17.1`: a number that is followed by a word again belongs to the name.
            let later = split(rest);
            let word = |text: &str| text.starts_with(|first: char| first.is_ascii_alphabetic());
            let kinds = [
                "SNAPSHOT",
                "RELEASE",
                "Final",
                "GA",
                "jre",
                "android",
                "alpha",
                "beta",
                "rc",
                "RC",
                "M",
                "b",
                "SP",
                "incubating",
                "sources",
                "tests",
            ];
            let after = rest.split(['-', '_']).nth(1).unwrap_or_default();
            let scala = stem.get(at..).is_some_and(|rest| rest.starts_with('_'));
            if !later.1.is_empty() && (scala || word(after)) && !kinds.iter().any(|kind| after.starts_with(kind)) {
                let length = stem.len() - rest.len() + later.0.len();
                return (stem.get(..length).unwrap_or_default(), later.1);
            }
            return (name, rest);
        }
        from = at + 1;
    }
    (stem, "")
}

/// The name of an archive without Maven's notes: that of its file, or what the manifest says where the file has none.
fn own_name<'a>(told: &'a str, field: &impl Fn(&str) -> &'a str) -> &'a str {
    if !told.is_empty() {
        return told;
    }
    let title = field("implementation-title");
    if is_version(title) { title } else { field("automatic-module-name") }
}

/// The group of an archive without Maven's notes, as its manifest hints; empty where it does not.
fn group_of<'a>(artifact: &str, field: &impl Fn(&str) -> &'a str) -> &'a str {
    let vendor = field("implementation-vendor-id");
    if is_version(vendor) && vendor.contains('.') {
        return vendor;
    }
    let symbolic = field("bundle-symbolicname").split(';').next().unwrap_or_default().trim();
    for name in [symbolic, field("automatic-module-name")] {
        if !is_version(name) || !name.contains('.') {
            continue;
        }
        // `org.apache.commons.io`: the last part names the artifact where it is its name, or its end.
        if let Some((group, last)) = name.rsplit_once('.') {
            let short = |text: &str| text.replace(['-', '_', '.'], "").to_lowercase();
            let fits = short(artifact).ends_with(&short(last));
            return if fits && group.contains('.') { group } else { name };
        }
    }
    ""
}

/// The main section of a manifest, keys in small letters; a line that begins with a blank goes on.
fn manifest(text: &str) -> BTreeMap<String, String> {
    let mut fields = BTreeMap::new();
    let mut last: Option<String> = None;
    for line in text.lines() {
        if line.is_empty() {
            break;
        }
        if let (Some(rest), Some(key)) = (line.strip_prefix(' '), &last) {
            if let Some(value) = fields.get_mut(key) {
                let value: &mut String = value;
                value.push_str(rest);
            }
        } else if let Some((key, value)) = line.split_once(':') {
            let key = key.trim().to_lowercase();
            fields.insert(key.clone(), value.trim_start().to_owned());
            last = Some(key);
        }
    }
    fields
}

/// `key=value` lines.
fn properties(text: &str) -> BTreeMap<&str, String> {
    let lines = text.lines().map(str::trim).filter(|line| !line.starts_with(['#', '!']));
    lines.filter_map(|line| line.split_once(['=', ':'])).map(|(key, value)| (key.trim(), value.trim().to_owned())).collect()
}

#[cfg(test)]
mod tests;
