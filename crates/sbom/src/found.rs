//! A component as any format describes it, and the package it is.
//!
//! Besides what the formats define, this knows what Syft, Trivy and cdxgen write as properties and qualifiers.

use std::collections::HashMap;
use std::sync::Arc;

use probity_packages::{Inventory, Link, Location, Package, Purl, SourcePackage, Usage};
use serde_json::Value as Json;

use crate::bill;
use crate::document::{MOST_COMPONENTS, MOST_LINKS, Reading};
use crate::subject::Distribution;
use crate::text;

/// Lock files that are kept as places of one package.
const MOST_PLACES: usize = 64;

/// What a format says of a component.
#[derive(Debug, Default)]
pub(crate) struct Found {
    pub(crate) reference: Option<String>,
    /// Kind of component, as CycloneDX names it.
    pub(crate) kind: String,
    pub(crate) purl: Option<String>,
    /// Whether there is a CPE.
    pub(crate) cpe: bool,
    pub(crate) group: Option<String>,
    pub(crate) name: String,
    pub(crate) version: Option<String>,
    pub(crate) usage: Usage,
    pub(crate) hashes: Vec<Arc<str>>,
    pub(crate) licences: Vec<Arc<str>>,
    pub(crate) address: Option<String>,
    pub(crate) source: Option<SourcePackage>,
    pub(crate) properties: Vec<(String, String)>,
    pub(crate) places: Vec<Location>,
    pub(crate) line: u32,
}

impl Found {
    pub(crate) fn property(&self, name: &str) -> Option<&str> {
        self.properties.iter().find(|(key, _)| key == name).map(|(_, value)| value.as_str()).filter(|value| !value.is_empty())
    }

    pub(crate) fn all<'a>(&'a self, name: &'a str) -> impl Iterator<Item = &'a str> {
        self.properties.iter().filter(move |(key, _)| key == name).map(|(_, value)| value.as_str())
    }
}

/// Components that were found so far, and who needs whom.
pub(crate) struct Gathering {
    own: bool,
    packages: Vec<Package>,
    /// Package of each reference.
    pub(crate) references: HashMap<String, Option<usize>>,
    links: Vec<Link>,
    /// Lock files that are components themselves, by reference.
    files: HashMap<String, Arc<str>>,
    distribution: Option<Distribution>,
    without_identity: usize,
    /// Line of the first component that is known by a CPE alone, and how many there are.
    cpe: (u32, usize),
    generic: (u32, usize),
    nameless: (u32, usize),
    full: bool,
}

fn count(slot: &mut (u32, usize), line: u32) {
    if slot.1 == 0 {
        slot.0 = line;
    }
    slot.1 += 1;
}

impl Gathering {
    pub(crate) fn new(own: bool) -> Gathering {
        Gathering {
            own,
            packages: Vec::new(),
            references: HashMap::new(),
            links: Vec::new(),
            files: HashMap::new(),
            distribution: None,
            without_identity: 0,
            cpe: (0, 0),
            generic: (0, 0),
            nameless: (0, 0),
            full: false,
        }
    }

    /// Notes that a reference is there, and the package it is.
    pub(crate) fn refer(&mut self, reading: &mut Reading<'_>, reference: Option<String>, package: Option<usize>, line: u32) {
        let Some(reference) = reference else { return };
        match self.references.get(&reference) {
            Some(_) => {
                reading.problem(line, format!("the reference `{}` is there twice; the first counts", text::shown(&reference)), false)
            }
            None => {
                self.references.insert(reference, package);
            }
        }
    }

    /// Takes in a component: as a package, as the distribution, or as something that is counted.
    pub(crate) fn add(&mut self, reading: &mut Reading<'_>, found: Found) {
        if self.packages.len() >= MOST_COMPONENTS {
            if !self.full {
                self.full = true;
                reading.problem(found.line, format!("there are more than {MOST_COMPONENTS} components; the rest is left out"), true);
            }
            return;
        }
        if found.kind == "operating-system" && found.purl.is_none() {
            if self.distribution.is_none() {
                self.distribution = distribution(&found);
            }
            return self.refer(reading, found.reference, None, found.line);
        }
        let Some(purl) = self.purl(reading, &found) else {
            if let Some(reference) = found.reference.as_ref().filter(|_| found.property("aquasecurity:trivy:Class").is_some()) {
                self.files.insert(reference.clone(), found.name.trim_start_matches('/').into());
            }
            return self.refer(reading, found.reference, None, found.line);
        };
        let line = found.line;
        let reference = found.reference.clone();
        let package = if self.own { own(reading, purl, found) } else { foreign(reading, purl, found) };
        self.packages.push(package);
        self.refer(reading, reference, Some(self.packages.len() - 1), line);
    }

    fn purl(&mut self, reading: &mut Reading<'_>, found: &Found) -> Option<Purl> {
        if let Some(purl) = &found.purl {
            match purl.parse::<Purl>() {
                Ok(purl) => return Some(purl),
                Err(error) => {
                    reading.problem(
                        found.line,
                        format!("`{}` is no package URL, so nothing is matched with it: {error}", text::shown(purl)),
                        true,
                    );
                }
            }
        }
        // Files, lock files and the like are no packages.
        let thing = matches!(found.kind.as_str(), "file" | "data" | "cryptographic-asset" | "device" | "platform" | "service");
        if found.purl.is_none() && (thing || found.property("aquasecurity:trivy:Class").is_some()) {
            return None;
        }
        let made =
            found.version.as_deref().and_then(|version| Purl::new("generic", found.group.as_deref(), &found.name, Some(version)).ok());
        if found.purl.is_some() && made.is_some() {
            return made;
        }
        match (&made, found.cpe) {
            (_, true) => count(&mut self.cpe, found.line),
            (Some(_), false) => count(&mut self.generic, found.line),
            (None, false) => count(&mut self.nameless, found.line),
        }
        if made.is_none() {
            self.without_identity += 1;
        }
        made
    }

    /// Notes that one package needs another; an end that is not there is a problem.
    pub(crate) fn link(&mut self, reading: &mut Reading<'_>, from: &str, to: &str, line: u32) {
        let mut find = |reference: &str, other: &str| match self.references.get(reference) {
            Some(package) => *package,
            None => {
                let what =
                    format!("`{}` is no component, but one end of a dependency with `{}`", text::shown(reference), text::shown(other));
                reading.problem(line, what, false);
                None
            }
        };
        let ends = (find(from, to), find(to, from));
        let (Some(from), Some(to)) = ends else {
            return self.hold(reading, from, to);
        };
        if self.links.len() < MOST_LINKS {
            self.links.push(Link { from, to });
        } else if self.links.len() == MOST_LINKS {
            self.links.push(Link { from, to });
            reading.problem(line, format!("there are more than {MOST_LINKS} dependencies; the rest is left out"), false);
        }
    }

    /// Notes that a lock file that is a component holds a package.
    pub(crate) fn hold(&mut self, reading: &Reading<'_>, from: &str, to: &str) {
        let package = self.references.get(to).copied().flatten().and_then(|to| self.packages.get_mut(to));
        if let (Some(file), Some(package)) = (self.files.get(from), package)
            && package.at.len() < MOST_PLACES
        {
            package.at.retain(|place| place.file != reading.name);
            package.at.push(Location { file: Arc::clone(file), line: 0, layer: None });
        }
    }

    /// Marks packages the subject asks for itself, and those it only gets through others as not.
    pub(crate) fn direct(&mut self, direct: &[usize]) {
        // A bill whose subject needs everything does not tell what is direct.
        if self.own || direct.is_empty() || (direct.len() >= self.packages.len() && !self.links.is_empty()) {
            return;
        }
        let mut needs: HashMap<usize, Vec<usize>> = HashMap::new();
        for link in &self.links {
            needs.entry(link.from).or_default().push(link.to);
        }
        let mut seen = vec![false; self.packages.len()];
        let mut open: Vec<usize> = direct.to_vec();
        while let Some(index) = open.pop() {
            if let Some(slot @ false) = seen.get_mut(index) {
                *slot = true;
                open.extend(needs.get(&index).into_iter().flatten());
            }
        }
        for (package, seen) in self.packages.iter_mut().zip(&seen) {
            if *seen && package.direct.is_none() {
                package.direct = Some(false);
            }
        }
        for index in direct {
            if let Some(package) = self.packages.get_mut(*index) {
                package.direct = Some(true);
            }
        }
    }

    /// The packages, with what was wrong.
    pub(crate) fn finish(mut self, mut reading: Reading<'_>) -> (Inventory, Option<Distribution>, usize) {
        let said = [
            (self.cpe, "are known by a CPE alone, which nothing is matched with"),
            (self.generic, "have no package URL, so nothing is matched with them"),
            (self.nameless, "have neither a package URL nor a version, and are left out"),
        ];
        for ((line, count), what) in said {
            if count > 0 {
                reading.problem(line, format!("{count} components {what}"), false);
            }
        }
        if !self.own {
            if self.distribution.is_none() {
                self.distribution = told_by_packages(&self.packages);
            }
            if let Some(name) = self.distribution.as_ref().and_then(qualifier) {
                let of_system =
                    |purl: &Purl| matches!(&*purl.kind, "deb" | "rpm" | "apk" | "alpm") && !purl.qualifiers.contains_key("distro");
                for package in self.packages.iter_mut().filter(|package| of_system(&package.purl)) {
                    package.purl = package.purl.clone().with("distro", &name);
                }
            }
        }
        let inventory = Inventory { packages: self.packages, links: self.links, problems: reading.problems };
        (bill::canonical(&inventory), self.distribution, self.without_identity)
    }
}

fn qualifier(one: &Distribution) -> Option<String> {
    one.version_id.as_ref().map(|version| format!("{}-{version}", one.id))
}

/// The distribution most packages' qualifiers name.
fn told_by_packages(packages: &[Package]) -> Option<Distribution> {
    let mut counts: HashMap<(&str, &str), usize> = HashMap::new();
    for package in packages {
        if let (Some(namespace), Some(distro)) = (&package.purl.namespace, package.purl.qualifiers.get("distro"))
            && matches!(&*package.purl.kind, "deb" | "rpm" | "apk" | "alpm")
        {
            *counts.entry((namespace, distro)).or_default() += 1;
        }
    }
    let ((namespace, distro), _) = counts.into_iter().max_by(|a, b| a.1.cmp(&b.1).then(b.0.cmp(&a.0)))?;
    let rest = distro.strip_prefix(namespace).and_then(|rest| rest.strip_prefix('-'));
    // `rhel-9` of packages in the name space `redhat`: the version begins behind the last `-` before a digit.
    let (id, version) = match rest {
        Some(version) => (namespace, Some(version)),
        None => match distro.rsplit_once('-').filter(|(_, version)| version.starts_with(|first: char| first.is_ascii_digit())) {
            Some((id, version)) => (id, Some(version)),
            None if distro.starts_with(|first: char| first.is_ascii_digit()) => (namespace, Some(distro)),
            None => (distro, None),
        },
    };
    Some(Distribution { id: id.into(), version_id: version.map(Arc::from), ..Distribution::default() })
}

fn distribution(found: &Found) -> Option<Distribution> {
    if let Some(text) = found.property(bill::DISTRIBUTION)
        && let Ok(value) = serde_json::from_str::<Json>(text)
        && let Some(id) = value.get("id").and_then(Json::as_str)
    {
        let text = |key: &str| value.get(key).and_then(Json::as_str).map(Arc::from);
        let like = value.get("id_like").and_then(Json::as_array);
        return Some(Distribution {
            id: id.into(),
            version_id: text("version_id"),
            version_codename: text("version_codename"),
            name: text("name"),
            id_like: like.into_iter().flatten().filter_map(Json::as_str).map(Arc::from).collect(),
        });
    }
    let id = found.property("syft:distro:id").unwrap_or(&found.name).trim().to_ascii_lowercase();
    if id.is_empty() || id == "none" {
        return None;
    }
    let version = found.property("syft:distro:versionID").or(found.version.as_deref()).filter(|version| !matches!(*version, "" | "none"));
    Some(Distribution {
        id: id.as_str().into(),
        version_id: version.map(Arc::from),
        version_codename: found.property("syft:distro:versionCodename").map(Arc::from),
        name: found.property("syft:distro:prettyName").map(Arc::from),
        id_like: (0..8).filter_map(|number| found.property(&format!("syft:distro:idLike:{number}"))).map(Arc::from).collect(),
    })
}

/// A package of a bill this crate wrote.
fn own(reading: &mut Reading<'_>, purl: Purl, found: Found) -> Package {
    let decoded = |value: &str| Arc::<str>::from(text::decode(value));
    let all = |name: &str| found.all(name).map(decoded).collect::<Vec<_>>();
    let (mut hashes, mut licences) = (all(bill::HASH), all(bill::LICENCE));
    let mut at: Vec<Location> = Vec::new();
    for value in found.all(bill::LOCATION) {
        match location(value) {
            Some(place) => at.push(place),
            None => reading.problem(found.line, format!("`{}` is no place", text::shown(value)), false),
        }
    }
    if hashes.is_empty() {
        hashes.clone_from(&found.hashes);
    }
    if licences.is_empty() {
        licences.clone_from(&found.licences);
    }
    if at.is_empty() {
        at.clone_from(&found.places);
    }
    let source = found.property(bill::SOURCE).and_then(|value| {
        let value: Json = serde_json::from_str(value).ok()?;
        let text = |key: &str| value.get(key).and_then(Json::as_str).map(Arc::from);
        Some(SourcePackage { name: text("name")?, version: text("version")? })
    });
    Package {
        purl,
        built_from: source,
        usage: match found.property(bill::USAGE) {
            Some("optional") => Usage::Optional,
            Some("development") => Usage::Development,
            Some("build") => Usage::Build,
            _ => found.usage,
        },
        direct: found.property(bill::DIRECT).map(|value| value == "true"),
        requested: found.property(bill::REQUESTED).map(decoded),
        resolved: found.property(bill::RESOLVED).map(decoded).or_else(|| found.address.as_deref().map(Arc::from)),
        hashes,
        licences,
        at,
        found_by: found.property(bill::FOUND_BY).map_or("sbom", |name| reading.finder(&text::decode(name))),
    }
}

fn location(value: &str) -> Option<Location> {
    let value: Json = serde_json::from_str(value).ok()?;
    Some(Location {
        file: value.get("file")?.as_str()?.into(),
        line: value.get("line").and_then(Json::as_u64).map_or(0, |line| u32::try_from(line).unwrap_or(u32::MAX)),
        layer: value.get("layer").and_then(Json::as_str).map(Arc::from),
    })
}

/// A package of a bill another program wrote.
fn foreign(reading: &Reading<'_>, purl: Purl, mut found: Found) -> Package {
    let mut at = std::mem::take(&mut found.places);
    let place =
        |file: &str, layer: Option<&str>| Location { file: file.trim_start_matches('/').into(), line: 0, layer: layer.map(Arc::from) };
    for number in 0..64 {
        let Some(file) = found.property(&format!("syft:location:{number}:path")) else { break };
        at.push(place(file, found.property(&format!("syft:location:{number}:layerID"))));
    }
    let layer = found.property("aquasecurity:trivy:LayerDigest").or(found.property("aquasecurity:trivy:LayerDiffID"));
    at.extend(found.property("aquasecurity:trivy:FilePath").map(|file| place(file, layer)));
    at.extend(found.property("SrcFile").map(|file| place(file, None)));
    if at.is_empty() {
        at.push(Location { file: Arc::clone(&reading.name), line: found.line, layer: layer.map(Arc::from) });
    }
    let development = ["cdx:npm:package:development", "cdx:composer:package:isDevRequirement", "cdx:maven:package:test"];
    if development.iter().any(|name| found.property(name) == Some("true")) {
        found.usage = Usage::Development;
    }
    let source = trivy_source(&found).or_else(|| found.source.take()).or_else(|| upstream(&purl));
    let version = purl.version.as_deref().unwrap_or_default();
    Package {
        built_from: source.filter(|source| *source.name != *purl.name || *source.version != *version),
        usage: found.usage,
        direct: None,
        requested: None,
        resolved: found.address.as_deref().map(Arc::from),
        hashes: found.hashes,
        licences: found.licences,
        at,
        found_by: "sbom",
        purl,
    }
}

fn trivy_source(found: &Found) -> Option<SourcePackage> {
    let property = |name: &str| found.property(&format!("aquasecurity:trivy:{name}"));
    let name = property("SrcName")?;
    let mut version = property("SrcVersion")?.to_owned();
    if let Some(release) = property("SrcRelease") {
        version = format!("{version}-{release}");
    }
    if let Some(epoch) = property("SrcEpoch").filter(|epoch| *epoch != "0") {
        version = format!("{epoch}:{version}");
    }
    Some(SourcePackage { name: name.into(), version: version.as_str().into() })
}

/// The source package Syft writes as a qualifier: `glibc@2.36`, `glibc`, or a file of an RPM.
fn upstream(purl: &Purl) -> Option<SourcePackage> {
    let upstream = purl.qualifiers.get("upstream")?;
    let (name, version) = match &*purl.kind {
        "rpm" => {
            let stem = upstream.strip_suffix(".rpm").and_then(|stem| stem.rsplit_once('.')).map_or(&**upstream, |(stem, _)| stem);
            let (rest, release) = stem.rsplit_once('-')?;
            let (name, version) = rest.rsplit_once('-')?;
            (name, format!("{version}-{release}"))
        }
        "deb" | "apk" | "alpm" => match upstream.split_once('@') {
            Some((name, version)) => (name, version.to_owned()),
            None => (&**upstream, purl.version.as_deref().unwrap_or_default().to_owned()),
        },
        _ => return None,
    };
    (!name.is_empty() && !version.is_empty()).then(|| SourcePackage { name: name.into(), version: version.as_str().into() })
}
