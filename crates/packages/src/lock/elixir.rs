//! Elixir's `mix.lock` and Erlang's `rebar.lock`: terms of their languages.

use std::collections::HashMap;
use std::sync::Arc;

use probity_core::Tree;

use super::places::repository;
use super::sheet::Sheet;

/// Nesting that is followed.
const DEEPEST: usize = 64;

/// A term; separators and arrows are passed over.
#[derive(Debug)]
enum Term {
    Text(String, u32),
    Word(String),
    List(Vec<Term>),
}

impl Term {
    fn text(&self) -> Option<&str> {
        match self {
            Term::Text(text, _) => Some(text),
            _ => None,
        }
    }

    fn word(&self) -> Option<&str> {
        match self {
            Term::Word(word) => Some(word),
            _ => None,
        }
    }

    fn list(&self) -> &[Term] {
        match self {
            Term::List(items) => items,
            _ => &[],
        }
    }
}

/// Reads all terms of the file. What is not closed at its end is closed there, with a problem.
fn terms(sheet: &mut Sheet, comment: u8) -> Vec<Term> {
    let text = sheet.text.clone();
    let bytes = text.as_bytes();
    let mut stack: Vec<Vec<Term>> = vec![Vec::new()];
    let mut too_deep = 0_usize;
    let mut at = 0;
    while let Some(byte) = bytes.get(at).copied() {
        let line = sheet.line(at);
        at += 1;
        match byte {
            b'{' | b'[' if stack.len() >= DEEPEST => {
                if too_deep == 0 {
                    sheet.problem(line, "terms are nested too deep", true);
                }
                too_deep += 1;
            }
            b'{' | b'[' => stack.push(Vec::new()),
            b'}' | b']' if too_deep > 0 => too_deep -= 1,
            b'}' | b']' => match stack.pop() {
                Some(done) if !stack.is_empty() => {
                    if let Some(above) = stack.last_mut() {
                        above.push(Term::List(done));
                    }
                }
                done => {
                    sheet.problem(line, "there is a bracket too many", true);
                    stack.push(done.unwrap_or_default());
                }
            },
            b'"' => {
                let start = at;
                let mut escaped = false;
                while let Some(byte) = bytes.get(at) {
                    if !escaped && *byte == b'"' {
                        break;
                    }
                    escaped = !escaped && *byte == b'\\';
                    at += 1;
                }
                if at >= bytes.len() {
                    sheet.problem(line, "the text is not closed", true);
                    break;
                }
                let inner = text.get(start..at).unwrap_or_default().to_owned();
                at += 1;
                if let Some(top) = stack.last_mut() {
                    top.push(Term::Text(inner, line));
                }
            }
            _ if byte == comment && bytes.get(at) != Some(&b'{') => {
                while bytes.get(at).is_some_and(|byte| *byte != b'\n') {
                    at += 1;
                }
            }
            _ if byte.is_ascii_alphanumeric() || byte == b'_' => {
                let start = at - 1;
                while bytes.get(at).is_some_and(|byte| byte.is_ascii_alphanumeric() || matches!(byte, b'_' | b'@' | b'.')) {
                    at += 1;
                }
                if let Some(top) = stack.last_mut() {
                    top.push(Term::Word(text.get(start..at).unwrap_or_default().to_owned()));
                }
            }
            _ => {}
        }
    }
    if stack.len() > 1 {
        let line = sheet.line(text.len().saturating_sub(1));
        sheet.problem(line, "the file breaks off", true);
    }
    while stack.len() > 1 {
        if let (Some(done), Some(above)) = (stack.pop(), stack.last_mut()) {
            above.push(Term::List(done));
        }
    }
    stack.pop().unwrap_or_default()
}

fn is_empty(sheet: &mut Sheet) -> bool {
    let empty = sheet.text.trim().is_empty();
    if empty && sheet.out.problems.is_empty() {
        sheet.problem(0, "the file is empty", true);
    }
    empty
}

/// A package from git: of its own host where that has a type, else a Hex package without a version.
fn from_git(sheet: &mut Sheet, name: &str, address: &str, commit: Option<&str>, line: u32) -> Option<usize> {
    let github = repository(address).filter(|place| place.host == "github.com" && !place.owner.contains('/') && !place.owner.is_empty());
    let purl = match github {
        Some(place) => sheet.purl("github", Some(&place.owner), &place.name, commit, line),
        None => sheet.purl("hex", None, name, commit, line),
    }?;
    let mut package = sheet.package(purl, line);
    package.resolved = Some(address.into());
    sheet.add(package)
}

pub(crate) fn mix_lock(sheet: &mut Sheet, _tree: &dyn Tree) {
    if is_empty(sheet) {
        return;
    }
    let all = terms(sheet, b'#');
    let Some(entries) = all.iter().find(|term| matches!(term, Term::List(_))) else {
        sheet.problem(0, "the file is no map of packages", true);
        return;
    };
    let mut by_name: HashMap<&str, usize> = HashMap::new();
    let mut found: Vec<(usize, &[Term])> = Vec::new();
    let mut key: Option<(&str, u32)> = None;
    for term in entries.list() {
        if let Term::Text(text, line) = term {
            key = Some((text, *line));
            continue;
        }
        let Some((name, line)) = key.take() else { continue };
        let parts = term.list();
        match parts.first().and_then(Term::word) {
            Some("hex") => {
                let package_name = parts.get(1).and_then(Term::word).unwrap_or(name);
                let Some(version) = parts.get(2).and_then(Term::text) else {
                    sheet.problem(line, format!("`{name}` has no version"), true);
                    continue;
                };
                let repository = parts.get(6).and_then(Term::text).filter(|repository| *repository != "hexpm");
                // A repository of an organisation is a namespace.
                let organisation = repository.and_then(|repository| repository.strip_prefix("hexpm:"));
                let Some(purl) = sheet.purl("hex", organisation, package_name, Some(version), line) else { continue };
                let mut package = sheet.package(purl, line);
                package.resolved = repository.map(Arc::from);
                let digests = [parts.get(3), parts.get(7)].into_iter().flatten().filter_map(Term::text);
                package.hashes = digests.map(|digest| Arc::from(format!("sha256:{digest}"))).collect();
                if let Some(index) = sheet.add(package) {
                    by_name.insert(name, index);
                    found.push((index, parts.get(5).map(Term::list).unwrap_or_default()));
                }
            }
            Some("git") => {
                let address = parts.get(1).and_then(Term::text).unwrap_or_default();
                if let Some(index) = from_git(sheet, name, address, parts.get(2).and_then(Term::text), line) {
                    by_name.insert(name, index);
                }
            }
            Some("path") => {}
            _ => sheet.problem(line, format!("`{name}` comes from a place that is not known"), true),
        }
    }
    for (from, needs) in found {
        for need in needs {
            let to = need.list().first().and_then(Term::word).and_then(|name| by_name.get(name));
            if let Some(to) = to {
                sheet.link(from, *to);
            }
        }
    }
}

pub(crate) fn rebar_lock(sheet: &mut Sheet, _tree: &dyn Tree) {
    if is_empty(sheet) {
        return;
    }
    let all = terms(sheet, b'%');
    let mut hashes: HashMap<&str, Vec<Arc<str>>> = HashMap::new();
    for list in all.iter().flat_map(Term::list) {
        let parts = list.list();
        if !matches!(parts.first().and_then(Term::word), Some("pkg_hash" | "pkg_hash_ext")) {
            continue;
        }
        for pair in parts.get(1).map(Term::list).unwrap_or_default() {
            if let [name, digest] = pair.list()
                && let (Some(name), Some(digest)) = (name.text(), digest.text())
            {
                hashes.entry(name).or_default().push(format!("sha256:{}", digest.to_ascii_lowercase()).into());
            }
        }
    }
    // `{"1.2.0", [...]}` since version 1, before that only the list.
    let lists = all.iter().map(|term| match term.list() {
        [Term::Text(..), Term::List(items)] => items.as_slice(),
        items => items,
    });
    for one in lists.flatten() {
        let [Term::Text(name, line), from, level, ..] = one.list() else { continue };
        let parts = from.list();
        let direct = level.word() == Some("0");
        let index = match parts.first().and_then(Term::word) {
            Some("pkg") => {
                let Some(version) = parts.get(2).and_then(Term::text) else {
                    sheet.problem(*line, format!("`{name}` has no version"), true);
                    continue;
                };
                let real = parts.get(1).and_then(Term::text).unwrap_or(name);
                let Some(purl) = sheet.purl("hex", None, real, Some(version), *line) else { continue };
                let mut package = sheet.package(purl, *line);
                package.hashes = hashes.get(name.as_str()).cloned().unwrap_or_default();
                sheet.add(package)
            }
            Some("git" | "git_subdir") => {
                let address = parts.get(1).and_then(Term::text).unwrap_or_default().to_owned();
                let commit = parts.get(2).map(Term::list).and_then(|pair| pair.get(1)).and_then(Term::text).map(str::to_owned);
                from_git(sheet, name, &address, commit.as_deref(), *line)
            }
            _ => {
                sheet.problem(*line, format!("`{name}` comes from a place that is not known"), true);
                None
            }
        };
        if let Some(package) = index.and_then(|index| sheet.package_mut(index)) {
            package.direct = Some(direct);
        }
    }
}
