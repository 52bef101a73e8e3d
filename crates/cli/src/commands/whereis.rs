//! `probity where`: which folders and bills of materials hold a package.

use std::collections::BTreeSet;

use anyhow::Result;
use probity_core::Tree as _;
use probity_files::FolderTree;
use probity_packages::{CATALOGUERS, Inventory, Package, Purl};
use probity_supply::is_bill;
use serde_json::json;

use crate::arguments::{TableFormat, WhereArguments};
use crate::{Wrong, output};

/// What is asked for.
struct Wanted {
    kind: Option<String>,
    name: String,
    version: Option<String>,
}

impl Wanted {
    fn parse(text: &str) -> Wanted {
        if let Ok(purl) = text.parse::<Purl>() {
            let version = purl.version.as_ref().map(ToString::to_string);
            return Wanted { kind: Some(purl.kind.to_string()), name: purl.full_name().to_lowercase(), version };
        }
        // `@scope/name@1.0`: the first `@` is part of the name.
        let (head, rest) = text.split_at_checked(1).unwrap_or((text, ""));
        let (name, version) =
            rest.split_once('@').map_or((text.to_owned(), None), |(name, version)| (format!("{head}{name}"), Some(version)));
        let version = version.filter(|version| !version.is_empty()).map(str::to_owned);
        match name.split_once('/') {
            Some((kind, rest)) if KINDS.contains(&kind) => Wanted { kind: Some(kind.to_owned()), name: rest.to_lowercase(), version },
            _ => Wanted { kind: None, name: name.to_lowercase(), version },
        }
    }

    fn is(&self, package: &Package) -> bool {
        let purl = &package.purl;
        let name = purl.full_name().to_lowercase();
        self.kind.as_ref().is_none_or(|kind| **kind == *purl.kind)
            && (like(&self.name, &name) || like(&self.name, &purl.name.to_lowercase()))
            && self.version.as_ref().is_none_or(|version| purl.version.as_ref().is_some_and(|found| like(version, found)))
    }
}

/// Types of package URLs that may stand before a name.
const KINDS: &[&str] = &[
    "npm",
    "pypi",
    "golang",
    "cargo",
    "maven",
    "gem",
    "composer",
    "nuget",
    "pub",
    "hex",
    "swift",
    "conan",
    "deb",
    "apk",
    "rpm",
    "docker",
    "oci",
    "githubactions",
    "cocoapods",
    "hackage",
    "cran",
    "terraform",
    "helm",
    "generic",
];

/// `*` stands for any letters.
fn like(pattern: &str, text: &str) -> bool {
    match pattern.split_once('*') {
        None => pattern == text,
        Some((start, rest)) => {
            text.strip_prefix(start).is_some_and(|text| (0..=text.len()).any(|at| text.get(at..).is_some_and(|left| like(rest, left))))
        }
    }
}

pub(crate) fn run(arguments: &WhereArguments) -> Result<u8> {
    let wanted = Wanted::parse(&arguments.package);
    // Folder or document, package, version, file and line.
    let mut rows: BTreeSet<(String, String, String, String)> = BTreeSet::new();
    let (mut lists, mut unread) = (0_usize, 0_usize);
    for folder in &arguments.folders {
        let tree = FolderTree::open(folder, None, 64 << 20).map_err(Wrong::new)?;
        let shown = |path: &str| {
            let folder = folder.display().to_string();
            if folder == "." { path.to_owned() } else { format!("{}/{path}", folder.trim_end_matches('/')) }
        };
        for problem in tree.problems() {
            unread += 1;
            output::talk(&format!("warning: {}: {}", shown(&problem.path), problem.why));
        }
        for file in tree.files() {
            let mut found: Vec<(Option<String>, Inventory)> = Vec::new();
            if is_bill(&file.path) || file.path.ends_with(".json") && !CATALOGUERS.iter().any(|one| one.claims(&file.path)) {
                match tree.read(&file.path).map_err(|error| error.to_string()).and_then(|bytes| read(&bytes, &file.path)) {
                    Ok(Some(document)) => {
                        let about = document.subject.map(|subject| {
                            let version = subject.version.map(|version| format!("@{version}")).unwrap_or_default();
                            format!("{}{version}", subject.name)
                        });
                        found.push((about.filter(|about| !about.is_empty()), document.inventory));
                    }
                    Ok(None) => {}
                    Err(why) => {
                        unread += 1;
                        output::talk(&format!("warning: {}: {why}", shown(&file.path)));
                    }
                }
            }
            for cataloguer in CATALOGUERS.iter().filter(|cataloguer| cataloguer.claims(&file.path)) {
                let inventory = cataloguer.catalogue(&file.path, &tree);
                for problem in inventory.problems.iter().filter(|problem| problem.fails) {
                    unread += 1;
                    output::talk(&format!("warning: {}: {}", shown(&problem.file), problem.what));
                }
                found.push((None, inventory));
            }
            for (about, inventory) in found {
                lists += 1;
                for package in inventory.packages.iter().filter(|package| wanted.is(package)) {
                    let version = package.purl.version.as_ref().map(ToString::to_string).unwrap_or_else(|| "?".to_owned());
                    let inner =
                        package.at.first().filter(|at| *at.file != *file.path).map(|at| format!(" ({})", at.file)).unwrap_or_default();
                    let line = package.at.first().filter(|at| at.line > 0 && *at.file == *file.path).map(|at| format!(":{}", at.line));
                    let place = format!("{}{}{inner}", shown(&file.path), line.unwrap_or_default());
                    let mut bare = package.purl.clone();
                    bare.version = None;
                    rows.insert((about.clone().unwrap_or_default(), bare.to_string(), version, place));
                }
            }
        }
    }
    match arguments.format {
        TableFormat::Json => {
            let list: Vec<_> = rows
                .iter()
                .map(|(about, purl, version, place)| json!({ "subject": about, "package": purl, "version": version, "place": place }))
                .collect();
            output::data(&format!("{:#}\n", json!({ "found": list, "lists": lists, "unread": unread })))?;
        }
        TableFormat::Table => {
            let width = rows.iter().map(|(_, purl, version, _)| purl.chars().count() + version.chars().count() + 1).max().unwrap_or(0);
            let mut out = String::new();
            for (about, purl, version, place) in &rows {
                let name = format!("{purl}@{version}");
                let about = if about.is_empty() { String::new() } else { format!("  {about}") };
                out.push_str(&format!("{name:<width$}  {place}{about}\n"));
            }
            output::data(&out)?;
        }
    }
    let beside = if unread == 0 { String::new() } else { format!("; {unread} could not be read, so it may be there too") };
    output::talk(&format!("{} places in {lists} lists{beside}", rows.len()));
    Ok(match () {
        () if unread > 0 => 3,
        () if lists == 0 => 4,
        () => 0,
    })
}

/// A bill of materials; nothing where the file is another document.
fn read(bytes: &[u8], path: &str) -> Result<Option<probity_sbom::Document>, String> {
    match probity_sbom::read(bytes, path) {
        Ok(document) => Ok(Some(document)),
        Err(probity_sbom::SbomError::Format) => Ok(None),
        Err(error) if is_bill(path) => Err(error.to_string()),
        Err(_) => Ok(None),
    }
}
