//! Images and charts: Dockerfiles, Compose files, Helm's charts.

use std::collections::{BTreeMap, HashSet};
use std::sync::Arc;

use probity_core::Tree;
use probity_value::Value;

use super::places::image;
use super::sheet::{Sheet, entries, folder, is_exact, items, text, within};
use crate::{Package, Usage};

pub(crate) fn is_dockerfile(above: &str, file: &str) -> bool {
    let lower = file.to_ascii_lowercase();
    let known = |stem: &str| lower == stem || lower.strip_prefix(stem).is_some_and(|rest| rest.starts_with('.'));
    !super::installed(above)
        && (known("dockerfile") || known("containerfile") || lower.ends_with(".dockerfile") || lower.ends_with(".containerfile"))
        && !lower.ends_with(".dockerignore")
}

pub(crate) fn is_compose(above: &str, file: &str) -> bool {
    let stem = file.strip_suffix(".yml").or_else(|| file.strip_suffix(".yaml"));
    let known = |stem: &str| {
        ["compose", "docker-compose"].iter().any(|name| stem == *name || stem.strip_prefix(name).is_some_and(|rest| rest.starts_with('.')))
    };
    !super::installed(above) && stem.is_some_and(known)
}

/// A text with its variables put in; `None` where one has no value.
fn filled(text: &str, values: &BTreeMap<String, String>) -> Option<String> {
    let mut out = String::new();
    let mut rest = text;
    while let Some((before, after)) = rest.split_once('$') {
        out.push_str(before);
        let (name, other, tail) = match after.strip_prefix('{') {
            Some(inner) => {
                let (inner, tail) = inner.split_once('}')?;
                let end = inner.find(|letter: char| !letter.is_ascii_alphanumeric() && letter != '_').unwrap_or(inner.len());
                let (name, modifier) = inner.split_at_checked(end)?;
                let other = modifier.strip_prefix(":-").or_else(|| modifier.strip_prefix('-'));
                (name, other, tail)
            }
            None => {
                let end = after.find(|letter: char| !letter.is_ascii_alphanumeric() && letter != '_').unwrap_or(after.len());
                let (name, tail) = after.split_at_checked(end)?;
                (name, None, tail)
            }
        };
        out.push_str(values.get(name).map(String::as_str).filter(|value| !value.is_empty()).or(other)?);
        if out.len() > 4_096 {
            return None;
        }
        rest = tail;
    }
    out.push_str(rest);
    Some(out)
}

/// The ends of the texts a command is given in the lines below (`<<EOF`), and whether tabs may stand before them.
fn here_texts(command: &str) -> Vec<(String, bool)> {
    let mut words = command.split_whitespace();
    if !words.next().is_some_and(|verb| ["run", "copy", "add"].iter().any(|known| verb.eq_ignore_ascii_case(known))) {
        return Vec::new();
    }
    let end = |word: &str| {
        let rest = word.trim_start_matches(|letter: char| letter.is_ascii_digit()).strip_prefix("<<")?;
        let (tabs, rest) = rest.strip_prefix('-').map_or((false, rest), |rest| (true, rest));
        let name = rest.trim_matches(['"', '\'']);
        (name.starts_with(|first: char| first.is_ascii_alphabetic() || first == '_') && !name.contains(['<', '(', ')', '`', '$', ';']))
            .then(|| (name.to_owned(), tabs))
    };
    words.filter_map(end).take(16).collect()
}

pub(crate) fn dockerfile(sheet: &mut Sheet, _tree: &dyn Tree) {
    let mut values: BTreeMap<String, String> = BTreeMap::new();
    let mut stages: HashSet<String> = HashSet::new();
    let mut logical: Vec<(u32, String)> = Vec::new();
    let mut open = false;
    let lines = sheet.lines();
    // The end of the text a command is given in the lines below it.
    let mut skip_to = 0;
    for (index, (number, line)) in lines.iter().enumerate() {
        let number = *number;
        let bare = line.trim();
        if index < skip_to {
            continue;
        }
        if bare.starts_with('#') || (bare.is_empty() && open) {
            continue;
        }
        let (text, goes_on) = bare.strip_suffix('\\').map_or((bare, false), |text| (text, true));
        match logical.last_mut() {
            Some((_, last)) if open => {
                last.push(' ');
                last.push_str(text);
            }
            _ => logical.push((number, text.to_owned())),
        }
        open = goes_on;
        if open {
            continue;
        }
        skip_to = index + 1;
        for (end, tabs) in logical.last().map(|(_, text)| here_texts(text)).unwrap_or_default() {
            let is_end = |line: &str| (if tabs { line.trim_start_matches('\t') } else { line }).trim_end_matches('\r') == end;
            match lines.iter().skip(skip_to).position(|(_, line)| is_end(line)) {
                Some(found) => skip_to += found + 1,
                None => sheet.problem(number, format!("the text up to `{end}` has no end"), true),
            }
        }
    }
    let mut in_stage = false;
    for (line, text) in logical {
        let mut words = text.split_whitespace();
        let Some(verb) = words.next() else { continue };
        match verb.to_ascii_uppercase().as_str() {
            "ARG" if !in_stage => {
                for word in words {
                    if let Some((name, value)) = word.split_once('=')
                        && let Some(value) = filled(value.trim_matches(['"', '\'']), &values)
                    {
                        values.insert(name.to_owned(), value);
                    }
                }
            }
            "FROM" => {
                in_stage = true;
                let words: Vec<&str> = words.filter(|word| !word.starts_with("--")).collect();
                let Some(written) = words.first() else {
                    sheet.problem(line, "`FROM` names no image", true);
                    continue;
                };
                base(sheet, written, &values, &stages, line);
                if let [_, word, stage, ..] = words.as_slice()
                    && word.eq_ignore_ascii_case("as")
                {
                    stages.insert(stage.to_lowercase());
                }
            }
            "COPY" | "ADD" => {
                let from = words.take_while(|word| word.starts_with("--")).find_map(|word| word.strip_prefix("--from="));
                if let Some(written) = from.filter(|from| !from.bytes().all(|byte| byte.is_ascii_digit())) {
                    base(sheet, written, &values, &stages, line);
                }
            }
            "RUN" => {
                let mounts = words.take_while(|word| word.starts_with("--")).filter_map(|word| word.strip_prefix("--mount="));
                for written in mounts.flat_map(|mount| mount.split(',')).filter_map(|part| part.strip_prefix("from=")) {
                    base(sheet, written, &values, &stages, line);
                }
            }
            _ => {}
        }
    }
}

fn base(sheet: &mut Sheet, written: &str, values: &BTreeMap<String, String>, stages: &HashSet<String>, line: u32) {
    if written == "scratch" || stages.contains(&written.to_lowercase()) {
        return;
    }
    let Some(reference) = filled(written, values) else {
        sheet.problem(line, format!("the image `{written}` is known only when it is built"), false);
        return;
    };
    // A stage may be named by an argument.
    if reference == "scratch" || stages.contains(&reference.to_lowercase()) {
        return;
    }
    let Some(purl) = image(sheet, &reference, line) else { return };
    let package = Package { direct: Some(true), requested: Some(reference.into()), ..sheet.package(purl, line) };
    sheet.add(package);
}

pub(crate) fn compose(sheet: &mut Sheet, _tree: &dyn Tree) {
    for document in sheet.yaml() {
        sheet.shape(&document, &["services"], &[]);
        for (_, service) in entries(&document, "services") {
            let Some(value) = service.value.get("image") else { continue };
            // With `build` the image is made here under that name.
            let Some(written) = value.as_str().filter(|_| service.value.get("build").is_none()) else { continue };
            let line = sheet.at(value.span);
            let Some(reference) = filled(written, &BTreeMap::new()) else {
                sheet.problem(line, format!("the image `{written}` is known only when it runs"), false);
                continue;
            };
            let Some(purl) = image(sheet, &reference, line) else { continue };
            let package = Package { direct: Some(true), requested: Some(reference.into()), ..sheet.package(purl, line) };
            sheet.add(package);
        }
    }
}

fn charts(sheet: &mut Sheet, value: &Value, locked: bool) {
    sheet.shape(value, &[], &["dependencies"]);
    for one in items(value, "dependencies") {
        let span = one.as_map().and_then(|map| map.entry("name")).map_or(one.span, |entry| entry.key);
        let line = sheet.at(span);
        let Some(name) = text(one, "name") else {
            sheet.problem(line, "a dependency has no name", true);
            continue;
        };
        let repository = text(one, "repository").unwrap_or_default();
        // Charts in folders of the project, and those that lie in `charts/`.
        if repository.starts_with("file:") || repository.is_empty() {
            continue;
        }
        let version = one.get("version").and_then(|version| sheet.scalar(version));
        if version.is_none() {
            sheet.problem(line, format!("`{name}` has no version"), locked);
        }
        // `1` and `1.2` are ranges for Helm.
        let exact = version.as_deref().filter(|version| locked || (is_exact(version) && version.matches('.').count() >= 2));
        let Some(purl) = sheet.purl("helm", None, name, exact, line) else { continue };
        let purl = if repository.contains("://") { purl.with("repository_url", repository) } else { purl };
        let package = Package {
            direct: Some(true),
            requested: if locked { None } else { version.as_deref().map(Arc::from) },
            resolved: Some(repository.into()),
            usage: if !locked && one.get("condition").is_some() { Usage::Optional } else { Usage::Runtime },
            ..sheet.package(purl, line)
        };
        sheet.add(package);
    }
}

pub(crate) fn helm_chart(sheet: &mut Sheet, tree: &dyn Tree) {
    let above = folder(&sheet.path);
    if ["Chart.lock", "requirements.lock"].iter().any(|lock| tree.contains(&within(above, lock))) {
        return;
    }
    let Some(value) = sheet.yaml().into_iter().next() else { return };
    charts(sheet, &value, false);
}

pub(crate) fn helm_lock(sheet: &mut Sheet, _tree: &dyn Tree) {
    let Some(value) = sheet.yaml().into_iter().next() else { return };
    if value.get("dependencies").is_none() {
        sheet.problem(0, "the file has no `dependencies`", true);
    }
    charts(sheet, &value, true);
}
