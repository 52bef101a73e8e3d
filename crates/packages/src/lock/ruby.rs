//! Bundler's `Gemfile.lock`.

use std::collections::HashMap;
use std::sync::Arc;

use probity_core::Tree;

use super::sheet::Sheet;
use crate::{Purl, Usage};

/// Name and what stands in the brackets of `name (1.2.3-java)`.
fn named(text: &str) -> Option<(&str, Option<&str>)> {
    match text.split_once(" (") {
        Some((name, rest)) => Some((name.trim(), Some(rest.split_once(')')?.0))),
        None => (!text.is_empty()).then_some((text, None)),
    }
}

/// Version and platform of `1.2.3-x86_64-linux`.
fn split(version: &str) -> (&str, &str) {
    version.split_once('-').unwrap_or((version, ""))
}

fn gem(sheet: &mut Sheet, name: &str, version: &str, line: u32) -> Option<Purl> {
    let (version, platform) = split(version);
    Some(sheet.purl("gem", None, name, Some(version), line)?.with("platform", platform))
}

pub(crate) fn gemfile_lock(sheet: &mut Sheet, _tree: &dyn Tree) {
    if sheet.text.trim().is_empty() && sheet.out.problems.is_empty() {
        sheet.problem(0, "the file is empty", true);
    }
    let (mut section, mut remote, mut revision) = (String::new(), None::<String>, None::<String>);
    let mut current: Vec<usize> = Vec::new();
    let mut by_name: HashMap<String, Vec<usize>> = HashMap::new();
    let mut needs: Vec<(usize, String)> = Vec::new();
    let mut asked: Vec<(String, Option<String>)> = Vec::new();
    let mut checksums: HashMap<(String, String), Vec<Arc<str>>> = HashMap::new();
    let mut in_specs = false;
    for (line, text) in sheet.lines() {
        let bare = text.trim();
        if bare.is_empty() {
            continue;
        }
        let indent = text.len() - text.trim_start().len();
        if indent == 0 {
            section = bare.to_owned();
            (remote, revision, in_specs) = (None, None, false);
            if !bare.chars().all(|letter| letter.is_ascii_uppercase() || letter == ' ') {
                sheet.problem(line, "the line is not understood", true);
            }
            continue;
        }
        match section.as_str() {
            "GEM" | "GIT" | "PATH" | "PLUGIN SOURCE" => match indent {
                2 => {
                    let (key, value) = bare.split_once(':').unwrap_or((bare, ""));
                    match key {
                        "remote" => remote = Some(value.trim().to_owned()),
                        "revision" => revision = Some(value.trim().to_owned()),
                        "specs" => in_specs = true,
                        _ => {}
                    }
                }
                4 if in_specs => {
                    current.clear();
                    if section == "PATH" {
                        continue;
                    }
                    let Some((name, Some(version))) = named(bare) else {
                        sheet.problem(line, format!("`{bare}` names no package and version"), true);
                        continue;
                    };
                    let Some(purl) = gem(sheet, name, version, line) else { continue };
                    let mut package = sheet.package(purl, line);
                    package.resolved = match (&remote, &revision) {
                        (Some(remote), Some(revision)) => Some(format!("{remote}@{revision}").into()),
                        (Some(remote), None) => Some(remote.as_str().into()),
                        _ => None,
                    };
                    if let Some(index) = sheet.add(package) {
                        current.push(index);
                        by_name.entry(name.to_owned()).or_default().push(index);
                    }
                }
                6 if in_specs => {
                    if let Some((name, _)) = named(bare) {
                        // What a folder of the project needs is asked for by the project.
                        if section == "PATH" {
                            asked.push((name.to_owned(), None));
                        }
                        needs.extend(current.iter().map(|index| (*index, name.to_owned())));
                    }
                }
                _ => sheet.problem(line, "the line is not understood", true),
            },
            "DEPENDENCIES" => {
                if let Some((name, range)) = named(bare.trim_end_matches('!')) {
                    asked.push((name.trim_end_matches('!').to_owned(), range.map(str::to_owned)));
                }
            }
            "CHECKSUMS" => {
                if let Some((name, Some(version))) = named(bare) {
                    let digests = bare.rsplit_once(") ").map(|(_, digests)| digests).unwrap_or_default();
                    let digests =
                        digests.split(',').filter(|digest| !digest.is_empty()).map(|digest| Arc::from(digest.replacen('=', ":", 1)));
                    checksums.insert((name.to_owned(), version.to_owned()), digests.collect());
                }
            }
            "" => sheet.problem(line, "the line belongs to no section", true),
            _ => {}
        }
    }
    for (from, name) in needs {
        for to in by_name.get(&name).into_iter().flatten() {
            sheet.link(from, *to);
        }
    }
    for package in &mut sheet.out.packages {
        let version = package.purl.version.as_deref().unwrap_or_default();
        let full = match package.purl.qualifiers.get("platform") {
            Some(platform) => format!("{version}-{platform}"),
            None => version.to_owned(),
        };
        if let Some(digests) = checksums.remove(&(package.purl.name.to_string(), full)) {
            package.hashes = digests;
        }
    }
    let mut direct = Vec::new();
    for (name, range) in asked {
        for index in by_name.get(&name).into_iter().flatten() {
            direct.push((*index, Usage::Runtime));
            if let Some(package) = sheet.package_mut(*index) {
                package.requested = range.as_deref().map(Arc::from).or(package.requested.take());
            }
        }
    }
    sheet.spread(&direct, true);
}
