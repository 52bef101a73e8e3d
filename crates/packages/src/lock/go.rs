//! Go's `go.mod`, with the digests of `go.sum` and the replacements of `go.work`.

use std::collections::{BTreeMap, HashMap, HashSet};
use std::sync::Arc;

use probity_core::Tree;

use super::sheet::{Sheet, folder, folders_above, within};
use crate::{Purl, Usage};

/// A module and perhaps a version.
type Module = (String, Option<String>);

/// What the directives of a `go.mod` or `go.work` say.
#[derive(Default)]
struct Directives {
    required: Vec<(u32, String, String, bool)>,
    replaced: Vec<(Module, Module)>,
    excluded: HashSet<(String, String)>,
    go: Option<String>,
    toolchain: Option<(u32, String)>,
    used: Vec<String>,
}

fn words(text: &str) -> Vec<String> {
    text.split_whitespace().map(|word| word.trim_matches(['"', '`']).to_owned()).collect()
}

fn directives(sheet: &mut Sheet) -> Directives {
    let mut out = Directives::default();
    let mut block: Option<(u32, String)> = None;
    for (number, line) in sheet.lines() {
        let (code, comment) = line.split_once("//").map_or((&*line, ""), |(code, comment)| (code, comment.trim()));
        let mut parts = words(code);
        if parts.is_empty() {
            continue;
        }
        let verb = match &block {
            Some(_) if parts.first().is_some_and(|word| word == ")") => {
                block = None;
                continue;
            }
            Some((_, verb)) => verb.clone(),
            None => {
                let verb = parts.remove(0);
                let (verb, opens) = match verb.strip_suffix('(') {
                    Some(verb) => (verb.to_owned(), true),
                    None => (verb, parts.first().is_some_and(|word| word == "(")),
                };
                if opens {
                    block = Some((number, verb));
                    continue;
                }
                verb
            }
        };
        let parts: Vec<&str> = parts.iter().map(String::as_str).collect();
        match (verb.as_str(), parts.as_slice()) {
            ("require", [module, version]) => {
                let indirect = comment == "indirect" || comment.starts_with("indirect;");
                out.required.push((number, (*module).to_owned(), (*version).to_owned(), indirect));
            }
            ("replace", _) => {
                let mut sides = parts.split(|word| *word == "=>");
                let side = |words: Option<&[&str]>| match words {
                    Some([module]) => Some(((*module).to_owned(), None)),
                    Some([module, version]) => Some(((*module).to_owned(), Some((*version).to_owned()))),
                    _ => None,
                };
                match (side(sides.next()), side(sides.next())) {
                    (Some(old), Some(new)) => out.replaced.push((old, new)),
                    _ => sheet.problem(number, "the replacement is not understood", true),
                }
            }
            ("exclude", [module, version]) => {
                out.excluded.insert(((*module).to_owned(), (*version).to_owned()));
            }
            ("go", [version]) => out.go = Some((*version).to_owned()),
            ("toolchain", [version]) => out.toolchain = Some((number, (*version).to_owned())),
            ("use", [path]) => out.used.push((*path).to_owned()),
            ("module" | "retract" | "tool" | "godebug" | "ignore" | "use", _) => {}
            _ => sheet.problem(number, "the line is not understood", true),
        }
    }
    if let Some((line, verb)) = block {
        sheet.problem(line, format!("the block `{verb}` is not closed"), true);
    }
    out
}

fn golang(sheet: &mut Sheet, module: &str, version: Option<&str>, line: u32) -> Option<Purl> {
    match module.rsplit_once('/') {
        Some((namespace, name)) => sheet.purl("golang", Some(namespace), name, version, line),
        None => sheet.purl("golang", None, module, version, line),
    }
}

/// The line and the digests of a module.
type Sums = BTreeMap<(String, String), (u32, Vec<Arc<str>>)>;

/// Digests of modules by name and version, and the lines they stand on.
fn sums(sheet: &mut Sheet, tree: &dyn Tree, path: &str) -> Sums {
    let mut out = Sums::new();
    if !tree.contains(path) {
        return out;
    }
    let mut other = Sheet::open(tree, path, sheet.id);
    for (number, line) in other.lines() {
        match line.split_whitespace().collect::<Vec<_>>().as_slice() {
            [] => {}
            [module, version, digest] if digest.starts_with("h1:") || digest.contains(':') => {
                if !version.ends_with("/go.mod") {
                    let entry = out.entry(((*module).to_owned(), (*version).to_owned())).or_insert_with(|| (number, Vec::new()));
                    entry.1.push((*digest).into());
                }
            }
            // The versions are in `go.mod`; only a digest is missing.
            _ => other.problem(number, "the line is no digest of a module", false),
        }
    }
    sheet.out.problems.append(&mut other.out.problems);
    out
}

/// Whether a module lists all it needs itself: since Go 1.17.
fn is_complete(go: Option<&str>) -> bool {
    let mut parts = go.unwrap_or("1.16").split('.');
    let number = |part: Option<&str>| part.and_then(|part| part.parse::<u32>().ok());
    match (number(parts.next()), number(parts.next())) {
        (Some(major), Some(minor)) => (major, minor) >= (1, 17),
        _ => false,
    }
}

pub(crate) fn go_mod(sheet: &mut Sheet, tree: &dyn Tree) {
    if sheet.text.trim().is_empty() && sheet.out.problems.is_empty() {
        sheet.problem(0, "the file is empty", true);
    }
    let mut read = directives(sheet);
    let above = folder(&sheet.path).to_owned();
    let mut digests = sums(sheet, tree, &within(&above, "go.sum"));
    let path = sheet.path.to_string();
    for top in folders_above(&path) {
        let work = within(top, "go.work");
        if !tree.contains(&work) {
            continue;
        }
        let mut other = Sheet::open(tree, &work, sheet.id);
        let said = directives(&mut other);
        let member = said.used.iter().any(|used| super::sheet::beside(&work, used).is_some_and(|used| used == above));
        if member {
            sheet.out.problems.append(&mut other.out.problems);
            // Those of the workspace win.
            read.replaced.splice(0..0, said.replaced);
            digests.extend(sums(sheet, tree, &within(top, "go.work.sum")));
        }
        break;
    }
    let mut replaced: HashMap<Module, Module> = HashMap::new();
    for (old, new) in read.replaced {
        replaced.entry(old).or_insert(new);
    }
    let mut known = HashSet::new();
    for (line, module, version, indirect) in read.required {
        known.insert(module.clone());
        if read.excluded.contains(&(module.clone(), version.clone())) {
            continue;
        }
        let by = replaced.get(&(module.clone(), Some(version.clone()))).or_else(|| replaced.get(&(module.clone(), None)));
        let (name, used, local) = match by {
            Some((path, None)) if path.starts_with(['.', '/']) => (module.clone(), version.clone(), true),
            Some((other, new)) => (other.clone(), new.clone().unwrap_or_else(|| version.clone()), false),
            None => (module.clone(), version.clone(), false),
        };
        known.insert(name.clone());
        if local {
            // A folder of the project, or one beside it: no version was fetched.
            continue;
        }
        // The name of a branch may stand there until `go mod tidy` puts a version in its place.
        let exact = Some(&*used)
            .filter(|version| version.strip_prefix('v').is_some_and(|rest| rest.starts_with(|first: char| first.is_ascii_digit())));
        if exact.is_none() {
            sheet.problem(line, format!("`{used}` is no version of `{name}`"), true);
        }
        let Some(purl) = golang(sheet, &name, exact, line) else { continue };
        let mut package = sheet.package(purl, line);
        package.direct = Some(!indirect);
        package.requested = by.map(|_| format!("{module} {version}").into());
        if let Some((_, hashes)) = digests.get(&(name, used)) {
            package.hashes.clone_from(hashes);
        }
        sheet.add(package);
    }
    if !is_complete(read.go.as_deref()) {
        // Before Go 1.17 a module lists only what it asks for itself; the digests tell the rest.
        let sum: Arc<str> = within(&above, "go.sum").into();
        for ((module, version), (line, hashes)) in digests {
            if known.contains(&module) {
                continue;
            }
            let Some(purl) = golang(sheet, &module, Some(&version), 0) else { continue };
            let mut package = sheet.package(purl, line);
            package.at = vec![crate::Location { file: Arc::clone(&sum), line, layer: None }];
            package.direct = Some(false);
            package.hashes = hashes;
            sheet.add(package);
        }
    }
    if let Some((line, toolchain)) = read.toolchain
        && let Some(version) = toolchain.strip_prefix("go").filter(|version| version.starts_with(|first: char| first.is_ascii_digit()))
    {
        let version = version.split('-').next().unwrap_or(version);
        let Some(purl) = sheet.purl("golang", None, "stdlib", Some(version), line) else { return };
        let mut package = sheet.package(purl, line);
        package.direct = Some(true);
        package.usage = Usage::Runtime;
        sheet.add(package);
    }
}
