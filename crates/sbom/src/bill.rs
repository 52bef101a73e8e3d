//! Packages in one order, with ids made of what they are, for all writers; and what is written of a package as properties.

use std::cmp::Ordering;
use std::collections::HashSet;

use aws_lc_rs::digest::{Context, SHA256};
use probity_packages::{Inventory, Link, Location, Package, Problem, SourcePackage, Usage};
use serde_json::json;

use crate::subject::{Description, Distribution, SubjectKind};
use crate::{hash, text};

/// What a package is, piece by piece, for orders and ids.
fn compare(a: &Package, b: &Package) -> Ordering {
    (&a.purl, &a.at, a.usage, a.direct, &a.requested, &a.resolved)
        .cmp(&(&b.purl, &b.at, b.usage, b.direct, &b.requested, &b.resolved))
        .then_with(|| (&a.hashes, &a.licences, &a.built_from, a.found_by).cmp(&(&b.hashes, &b.licences, &b.built_from, b.found_by)))
}

/// The same packages in the one order bills of materials have: sorted, the same package in the same places once, links and problems sorted
/// and each once. Reading a bill of materials that was written here gives this.
#[must_use]
pub fn canonical(inventory: &Inventory) -> Inventory {
    let mut packages: Vec<(usize, Package)> = inventory.packages.iter().cloned().enumerate().collect();
    for (_, package) in &mut packages {
        let mut seen = HashSet::new();
        package.at.retain(|place| seen.insert(place.clone()));
    }
    packages.sort_by(|a, b| compare(&a.1, &b.1).then(a.0.cmp(&b.0)));
    let mut moved = vec![0; packages.len()];
    let mut out: Vec<Package> = Vec::with_capacity(packages.len());
    for (old, package) in packages {
        if out.last() != Some(&package) {
            out.push(package);
        }
        if let Some(slot) = moved.get_mut(old) {
            *slot = out.len() - 1;
        }
    }
    let place = |old: usize| moved.get(old).copied();
    let mut links: Vec<Link> =
        inventory.links.iter().filter_map(|link| Some(Link { from: place(link.from)?, to: place(link.to)? })).collect();
    links.sort_unstable();
    links.dedup();
    let mut problems = inventory.problems.clone();
    problems.sort();
    problems.dedup();
    Inventory { packages: out, links, problems }
}

/// Packages with their ids, ready to be written.
pub(crate) struct Bill<'a> {
    pub(crate) about: &'a Description,
    /// In canonical order.
    pub(crate) inventory: Inventory,
    /// For each package, a short digest of all that is known of it, unique in the bill.
    pub(crate) ids: Vec<String>,
    /// For each package, whom it needs, sorted.
    pub(crate) needs: Vec<Vec<usize>>,
    /// Packages the subject asks for itself.
    pub(crate) direct: Vec<usize>,
    /// Digest of everything.
    identity: [u8; 16],
}

/// Takes in a text with its length, so that no two lists of texts are the same.
fn take(context: &mut Context, text: &str) {
    context.update(&(text.len() as u64).to_le_bytes());
    context.update(text.as_bytes());
}

impl<'a> Bill<'a> {
    pub(crate) fn new(inventory: &Inventory, about: &'a Description) -> Bill<'a> {
        let inventory = canonical(inventory);
        let mut whole = Context::new(&SHA256);
        let mut ids = Vec::with_capacity(inventory.packages.len());
        let mut taken = HashSet::new();
        for package in &inventory.packages {
            let mut context = Context::new(&SHA256);
            take(&mut context, &package.purl.to_string());
            for property in properties(package, Natively::Nothing) {
                take(&mut context, property.0);
                take(&mut context, &property.1);
            }
            let digest = context.finish();
            whole.update(digest.as_ref());
            let short = hex::encode(digest.as_ref().get(..8).unwrap_or_default());
            let mut id = short.clone();
            let mut count = 1;
            while !taken.insert(id.clone()) {
                count += 1;
                id = format!("{short}-{count}");
            }
            ids.push(id);
        }
        let mut needs = vec![Vec::new(); inventory.packages.len()];
        for link in &inventory.links {
            take(&mut whole, &format!("{} {}", link.from, link.to));
            if let Some(list) = needs.get_mut(link.from) {
                list.push(link.to);
            }
        }
        for problem in &inventory.problems {
            take(&mut whole, &of_problem(problem));
        }
        // `Debug` of these is all of their fields, and nothing but their fields.
        take(&mut whole, &format!("{about:?}"));
        let mut identity = [0; 16];
        identity.iter_mut().zip(whole.finish().as_ref()).for_each(|(to, from)| *to = *from);
        let direct = inventory.packages.iter().enumerate().filter(|(_, one)| one.direct == Some(true)).map(|(index, _)| index).collect();
        Bill { about, inventory, ids, needs, direct, identity }
    }

    /// A UUID made of the content: version 8 of RFC 9562, from SHA-256.
    pub(crate) fn uuid(&self) -> String {
        let mut bytes = self.identity;
        let [.., six, _, eight, _, _, _, _, _, _, _] = &mut bytes;
        *six = (*six & 0x0f) | 0x80;
        *eight = (*eight & 0x3f) | 0x80;
        let text = hex::encode(bytes);
        let part = |from: usize, to: usize| text.get(from..to).unwrap_or_default();
        format!("{}-{}-{}-{}-{}", part(0, 8), part(8, 12), part(12, 16), part(16, 20), part(20, 32))
    }

    /// Time in the form both formats ask for, where there is one.
    pub(crate) fn time(&self) -> Option<String> {
        self.about.time.map(|time| time.strftime("%Y-%m-%dT%H:%M:%SZ").to_string())
    }

    /// Whether something may be missing.
    pub(crate) fn incomplete(&self) -> bool {
        self.inventory.problems.iter().any(|problem| problem.fails)
    }
}

/// What a format says in fields of its own, so that properties need not.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum Natively {
    Nothing,
    CycloneDx,
    Spdx,
}

pub(crate) const FORMAT: &str = "probity:format";
pub(crate) const FORMAT_VERSION: &str = "1";
pub(crate) const PROBLEM: &str = "probity:problem";
pub(crate) const SUBJECT: &str = "probity:subject";
pub(crate) const DIGEST: &str = "probity:digest";
pub(crate) const DISTRIBUTION: &str = "probity:distribution";
pub(crate) const FOUND_BY: &str = "probity:found-by";
pub(crate) const USAGE: &str = "probity:usage";
pub(crate) const DIRECT: &str = "probity:direct";
pub(crate) const REQUESTED: &str = "probity:requested";
pub(crate) const RESOLVED: &str = "probity:resolved";
pub(crate) const SOURCE: &str = "probity:source";
pub(crate) const HASH: &str = "probity:hash";
pub(crate) const LICENCE: &str = "probity:licence";
pub(crate) const LOCATION: &str = "probity:location";

/// An address that is valid in every format: absolute, of plain letters.
pub(crate) fn is_address(text: &str) -> bool {
    let rest = ["https://", "http://", "git+https://", "git+ssh://"].iter().find_map(|scheme| text.strip_prefix(scheme));
    let allowed = |byte: u8| byte.is_ascii_alphanumeric() || b"-._~:/?@!$&'()*+,;=%".contains(&byte);
    rest.is_some_and(|rest| {
        let host = rest.split(['/', '?']).next().unwrap_or_default();
        let host = host.rsplit_once('@').map_or(host, |(_, host)| host);
        let (host, port) = host.split_once(':').unwrap_or((host, "1"));
        let top = host.rsplit_once('.').map(|(_, top)| top).unwrap_or_default();
        host.bytes().all(|byte| byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'.'))
            && host.split('.').all(|part| !part.is_empty() && !part.starts_with('-') && !part.ends_with('-') && !part.contains("--"))
            && (2..=5).contains(&top.len())
            && top.bytes().all(|byte| byte.is_ascii_alphabetic())
            && (1..=5).contains(&port.len())
            && port.bytes().all(|byte| byte.is_ascii_digit())
            && rest.bytes().all(allowed)
            && rest.split('%').skip(1).all(|part| part.bytes().take(2).filter(u8::is_ascii_hexdigit).count() == 2)
    })
}

/// Whether places can be written as CycloneDX's occurrences and read back.
pub(crate) fn is_occurrence(place: &Location) -> bool {
    text::is_plain(&place.file) && place.layer.as_deref().is_none_or(text::is_plain)
}

/// What is known of a package and has no field in the format, in a fixed order, names may repeat.
pub(crate) fn properties(package: &Package, natively: Natively) -> Vec<(&'static str, String)> {
    let mut out = vec![(FOUND_BY, text::encode(package.found_by).into_owned())];
    let usage = match package.usage {
        Usage::Runtime => None,
        Usage::Optional | Usage::Development if natively == Natively::CycloneDx => None,
        Usage::Optional => Some("optional"),
        Usage::Development => Some("development"),
        Usage::Build => Some("build"),
    };
    out.extend(usage.map(|usage| (USAGE, usage.to_owned())));
    out.extend(package.direct.map(|direct| (DIRECT, direct.to_string())));
    out.extend(package.requested.as_deref().map(|requested| (REQUESTED, text::encode(requested).into_owned())));
    let resolved = package.resolved.as_deref().filter(|resolved| natively == Natively::Nothing || !is_address(resolved));
    out.extend(resolved.map(|resolved| (RESOLVED, text::encode(resolved).into_owned())));
    if let Some(SourcePackage { name, version }) = &package.built_from {
        out.push((SOURCE, text::json(&json!({"name": **name, "version": **version}))));
    }
    if natively == Natively::Nothing || !hash::of_pins(&package.hashes).1 {
        out.extend(package.hashes.iter().map(|pin| (HASH, text::encode(pin).into_owned())));
    }
    let plain = package.licences.iter().all(|one| text::is_plain(one) && one.len() <= text::LONGEST_LICENCE);
    let licences = match natively {
        Natively::Nothing => false,
        Natively::CycloneDx => plain,
        // One field holds them all, and means an expression.
        Natively::Spdx => plain && package.licences.len() < 2,
    };
    if !licences {
        out.extend(package.licences.iter().map(|licence| (LICENCE, text::encode(licence).into_owned())));
    }
    if natively != Natively::CycloneDx || !package.at.iter().all(is_occurrence) {
        out.extend(package.at.iter().map(|place| (LOCATION, of_location(place))));
    }
    out
}

fn of_location(place: &Location) -> String {
    let mut value = json!({"file": *place.file});
    if let Some(map) = value.as_object_mut() {
        if place.line > 0 {
            map.insert("line".into(), place.line.into());
        }
        if let Some(layer) = &place.layer {
            map.insert("layer".into(), (**layer).into());
        }
    }
    text::json(&value)
}

/// A problem as the value of a property.
pub(crate) fn of_problem(problem: &Problem) -> String {
    text::json(&json!({"file": *problem.file, "line": problem.line, "what": problem.what, "fails": problem.fails}))
}

/// A distribution as the value of a property.
pub(crate) fn of_distribution(one: &Distribution) -> String {
    let mut value = json!({"id": *one.id});
    if let Some(map) = value.as_object_mut() {
        for (key, text) in [("version_id", &one.version_id), ("version_codename", &one.version_codename), ("name", &one.name)] {
            if let Some(text) = text {
                map.insert(key.into(), (**text).into());
            }
        }
        if !one.id_like.is_empty() {
            map.insert("id_like".into(), one.id_like.iter().map(|one| &**one).collect());
        }
    }
    text::json(&value)
}

/// A kind of subject as CycloneDX names it.
pub(crate) fn kind_name(kind: SubjectKind) -> &'static str {
    match kind {
        SubjectKind::Application => "application",
        SubjectKind::Container => "container",
        SubjectKind::OperatingSystem => "operating-system",
        SubjectKind::File => "file",
    }
}

/// The opposite of [`kind_name`], SPDX's names too.
pub(crate) fn kind_of(name: &str) -> SubjectKind {
    match name.to_ascii_lowercase().replace('_', "-").as_str() {
        "container" => SubjectKind::Container,
        "operating-system" => SubjectKind::OperatingSystem,
        "file" | "archive" => SubjectKind::File,
        _ => SubjectKind::Application,
    }
}
