//! pip's requirements files, and single requirements (PEP 508) as other files hold them.

use std::collections::{HashMap, HashSet};
use std::sync::Arc;

use probity_core::Tree;

use super::sheet::{Sheet, beside, folder, name};
use crate::{Location, Purl, Usage};

/// One requirement: `name[extra]>=1,<2 ; marker`, `name @ address`.
pub(crate) struct Requirement<'a> {
    pub(crate) name: &'a str,
    /// The one version it allows, if it is one.
    pub(crate) version: Option<&'a str>,
    /// What is asked for, with no marker: `>=1,<2`.
    pub(crate) range: &'a str,
    pub(crate) address: Option<&'a str>,
}

/// Reads a requirement; `None` where it is none.
pub(crate) fn requirement(text: &str) -> Option<Requirement<'_>> {
    let text = text.trim();
    let end = text.find(|letter: char| !letter.is_ascii_alphanumeric() && !"._-".contains(letter)).unwrap_or(text.len());
    let (name, mut rest) = text.split_at_checked(end)?;
    if !name.starts_with(|first: char| first.is_ascii_alphanumeric()) {
        return None;
    }
    rest = rest.trim_start();
    if let Some(extras) = rest.strip_prefix('[') {
        rest = extras.split_once(']')?.1.trim_start();
    }
    if let Some(address) = rest.strip_prefix('@') {
        let address = address.trim();
        let address = address.split_once(" ;").map_or(address, |(address, _)| address).trim();
        return (!address.is_empty()).then_some(Requirement { name, version: None, range: "", address: Some(address) });
    }
    let range = rest.split_once(';').map_or(rest, |(range, _)| range).trim();
    // Some write the address behind the version; pip refuses that, and the version is what is meant.
    let (range, address) = range.split_once(" @ ").map_or((range, None), |(range, address)| (range.trim(), Some(address.trim())));
    let range = range.strip_prefix('(').and_then(|inner| inner.strip_suffix(')')).unwrap_or(range).trim();
    if !(range.is_empty() || range.starts_with(['=', '<', '>', '~', '!'])) {
        return None;
    }
    Some(Requirement { name, version: exact(range), range, address })
}

/// The version of `==1.0` or `===1.0`; other clauses beside it do not make it less exact.
pub(crate) fn exact(range: &str) -> Option<&str> {
    range.split(',').find_map(|clause| {
        let version = clause.trim().strip_prefix("==")?.trim_start_matches('=').trim();
        (!version.is_empty() && !version.contains('*')).then_some(version)
    })
}

pub(crate) fn pypi(sheet: &mut Sheet, name: &str, version: Option<&str>, line: u32) -> Option<Purl> {
    sheet.purl("pypi", None, name, version, line)
}

/// Name as PEP 503 compares it.
pub(crate) fn normal(name: &str) -> String {
    let mut out = String::with_capacity(name.len());
    for letter in name.chars() {
        match letter {
            '-' | '_' | '.' if out.ends_with('-') => {}
            '-' | '_' | '.' => out.push('-'),
            other => out.extend(other.to_lowercase()),
        }
    }
    out
}

pub(crate) fn is_requirements(above: &str, file: &str) -> bool {
    let Some(stem) = file.strip_suffix(".txt") else { return false };
    !super::installed(above) && (stem.contains("requirements") || name(above) == "requirements")
}

/// Files one file may include, with those that include others.
const MOST_INCLUDES: usize = 200;

/// One line of a requirements file with its continuations.
struct Line {
    number: u32,
    text: String,
}

fn logical(sheet: &Sheet) -> Vec<Line> {
    let mut out: Vec<Line> = Vec::new();
    let mut open = false;
    for (number, line) in sheet.lines() {
        let comment = if line.trim_start().starts_with('#') { Some(0) } else { line.find(" #").or_else(|| line.find("\t#")) };
        let line = comment.and_then(|at| line.get(..at)).unwrap_or(&line).trim_end();
        let (text, goes_on) = line.strip_suffix('\\').map_or((line, false), |text| (text, true));
        match out.last_mut() {
            Some(last) if open => {
                last.text.push(' ');
                last.text.push_str(text);
            }
            _ => out.push(Line { number, text: text.to_owned() }),
        }
        open = goes_on;
    }
    out
}

/// Files that are read together, and what constraints they name.
struct Reading<'a> {
    tree: &'a dyn Tree,
    seen: HashSet<String>,
    constraints: HashMap<String, String>,
    index: Option<Arc<str>>,
}

pub(crate) fn requirements(sheet: &mut Sheet, tree: &dyn Tree) {
    let mut reading = Reading { tree, seen: HashSet::new(), constraints: HashMap::new(), index: None };
    reading.seen.insert(sheet.path.to_string());
    let lines = logical(sheet);
    let path = sheet.path.to_string();
    read(sheet, &mut reading, &path, lines);
    for package in &mut sheet.out.packages {
        if package.purl.version.is_none()
            && package.resolved.is_none()
            && let Some(version) = reading.constraints.get(&normal(&package.purl.name))
            && let Ok(purl) = Purl::new("pypi", None, &package.purl.name, Some(version))
        {
            package.purl = purl;
        }
        // An index that stands anywhere in the files holds for all of them.
        package.resolved = package.resolved.take().or_else(|| reading.index.clone());
    }
}

/// Whether the project keeps these only for development, by the name of the file.
fn usage_of(path: &str) -> Usage {
    let file = name(path).to_ascii_lowercase();
    let words: Vec<&str> = file.split(|letter: char| !letter.is_ascii_alphanumeric()).collect();
    let is = |word: &str| words.contains(&word);
    if ["dev", "develop", "development", "test", "tests", "testing", "lint", "docs", "doc", "ci"].iter().any(|word| is(word)) {
        Usage::Development
    } else if is("build") {
        Usage::Build
    } else {
        Usage::Runtime
    }
}

fn option<'a>(text: &'a str, short: &str, long: &str) -> Option<&'a str> {
    let rest = match text.strip_prefix(long) {
        Some(rest) if rest.starts_with(['=', ' ', '\t']) => rest,
        _ => text.strip_prefix(short).filter(|_| !short.is_empty() && !text.starts_with("--"))?,
    };
    Some(rest.trim_start_matches('=').trim())
}

fn read(sheet: &mut Sheet, reading: &mut Reading<'_>, path: &str, lines: Vec<Line>) {
    let usage = usage_of(path);
    for Line { number, text } in lines {
        let text = text.trim();
        if text.is_empty() {
            continue;
        }
        let told = if *path == *sheet.path { number } else { 0 };
        if let Some(file) = option(text, "-r", "--requirement") {
            include(sheet, reading, path, file, told, false);
        } else if let Some(file) = option(text, "-c", "--constraint") {
            include(sheet, reading, path, file, told, true);
        } else if let Some(url) = option(text, "-i", "--index-url") {
            reading.index = Some(url.into());
        } else if let Some(what) = option(text, "-e", "--editable") {
            if what.contains("://") {
                address(sheet, what, path, number, usage);
            }
        } else if text.starts_with('-') {
            continue;
        } else {
            one(sheet, text, path, number, usage);
        }
    }
}

fn place(sheet: &Sheet, path: &str, line: u32) -> Location {
    let file = if *path == *sheet.path { Arc::clone(&sheet.path) } else { path.into() };
    Location { file, line, layer: None }
}

fn one(sheet: &mut Sheet, text: &str, path: &str, line: u32, usage: Usage) {
    let (wish, options) = text.split_once(" --").map_or((text, ""), |(wish, options)| (wish, options));
    let hashes: Vec<Arc<str>> = options
        .split_whitespace()
        .filter_map(|word| word.trim_start_matches('-').strip_prefix("hash=").or_else(|| word.contains(':').then_some(word)))
        .filter(|hash| hash.contains(':') && !hash.contains('/'))
        .map(Arc::from)
        .collect();
    let Some(wish_read) = requirement(wish) else {
        // What has a slash or the end of an archive is a path.
        let local = wish.starts_with('.') || wish.split(';').next().is_some_and(|path| path.contains('/') && !path.contains('<'));
        if wish.contains("://") && !wish.starts_with("file:") {
            address(sheet, wish, path, line, usage);
        } else if !local && !wish.ends_with(".whl") && !wish.ends_with(".tar.gz") {
            let shown: String = wish.chars().take(80).collect();
            sheet.problem_in(path.into(), line, format!("`{shown}` is no requirement"), true);
        }
        return;
    };
    let Some(purl) = pypi(sheet, wish_read.name, wish_read.version, line) else { return };
    let mut package = sheet.package(purl, line);
    package.at = vec![place(sheet, path, line)];
    package.usage = usage;
    package.requested = (!wish_read.range.is_empty()).then(|| wish_read.range.into());
    package.resolved = wish_read.address.map(Arc::from);
    package.hashes = hashes;
    sheet.add(package);
}

/// A package named by an address: `git+https://host/a/b@v1#egg=name`.
fn address(sheet: &mut Sheet, text: &str, path: &str, line: u32, usage: Usage) {
    let text = text.split_whitespace().next().unwrap_or(text);
    let (plain, mark) = text.split_once('#').unwrap_or((text, ""));
    let egg = mark.split('&').find_map(|part| part.strip_prefix("egg=")).map(|egg| egg.split('[').next().unwrap_or(egg));
    let last = name(plain.trim_end_matches('/'));
    let from_file = last.split_once('-').filter(|_| last.ends_with(".whl") || last.ends_with(".tar.gz")).map(|(first, _)| first);
    let guess = last.split('@').next().unwrap_or(last).trim_end_matches(".git");
    let named = egg.or(from_file).unwrap_or(guess);
    let Some(purl) = pypi(sheet, named, None, line) else { return };
    let mut package = sheet.package(purl, line);
    package.at = vec![place(sheet, path, line)];
    package.usage = usage;
    package.resolved = Some(text.into());
    sheet.add(package);
}

fn include(sheet: &mut Sheet, reading: &mut Reading<'_>, path: &str, file: &str, line: u32, constraint: bool) {
    if file.contains("://") {
        sheet.problem(line, format!("`{file}` is included from elsewhere and is not read"), true);
        return;
    }
    let Some(target) = beside(path, file) else {
        sheet.problem(line, format!("`{file}` is not in the repository"), true);
        return;
    };
    // What is a requirements file by its own name is read as that, once.
    if !constraint && is_requirements(folder(&target), name(&target)) && reading.tree.contains(&target) {
        return;
    }
    if !reading.seen.insert(target.clone()) {
        return;
    }
    if reading.seen.len() > MOST_INCLUDES {
        sheet.problem(line, format!("more than {MOST_INCLUDES} files are included"), true);
        return;
    }
    if !reading.tree.contains(&target) {
        sheet.problem(line, format!("`{file}` is not in the repository"), true);
        return;
    }
    let mut other = Sheet::open(reading.tree, &target, sheet.id);
    sheet.out.problems.append(&mut other.out.problems);
    let lines = logical(&other);
    if !constraint {
        read(sheet, reading, &target, lines);
        return;
    }
    for Line { number: _, text } in lines {
        let text = text.split_once(" --").map_or(&*text, |(wish, _)| wish);
        if let Some(wish) = requirement(text)
            && let Some(version) = wish.version
        {
            reading.constraints.insert(normal(wish.name), version.to_owned());
        }
    }
}
