//! `Pipfile.lock`, and Python's manifests where there is no lock file: `pyproject.toml`, `setup.cfg`, `setup.py`, `Pipfile`.

use std::sync::Arc;

use probity_core::Tree;
use probity_value::Value;

use super::requirements::{exact, normal, pypi, requirement};
use super::sheet::{Sheet, entries, folder, folders_above, is_exact, items, name, neighbour, text, within};
use crate::Usage;

/// One wish of a manifest.
pub(crate) struct Wish {
    pub(crate) name: String,
    pub(crate) range: String,
    pub(crate) version: Option<String>,
    pub(crate) address: Option<String>,
    pub(crate) usage: Usage,
    pub(crate) line: u32,
}

fn of_requirement(wish: &str, usage: Usage, line: u32) -> Option<Wish> {
    let read = requirement(wish)?;
    Some(Wish {
        name: read.name.to_owned(),
        range: read.range.to_owned(),
        version: read.version.map(str::to_owned),
        address: read.address.map(str::to_owned),
        usage,
        line,
    })
}

/// Wishes as Poetry and Pipenv write them: a range, or a table with one, or several of these for different places; none for folders of
/// the project.
fn of_table(name: &str, value: &Value, usage: Usage, line: u32) -> Vec<Wish> {
    value.as_list().unwrap_or(std::slice::from_ref(value)).iter().filter_map(|one| of_entry(name, one, usage, line)).collect()
}

fn of_entry(name: &str, first: &Value, usage: Usage, line: u32) -> Option<Wish> {
    let range = first.as_str().or_else(|| text(first, "version")).unwrap_or_default().to_owned();
    let address = text(first, "git").or_else(|| text(first, "url")).map(str::to_owned);
    if address.is_none() && (first.get("path").is_some() || first.get("file").is_some()) {
        return None;
    }
    let optional = first.get("optional").and_then(Value::as_bool) == Some(true);
    let usage = if optional && usage == Usage::Runtime { Usage::Optional } else { usage };
    // A bare version is that version alone.
    let bare = Some(range.as_str()).filter(|range| is_exact(range));
    let version = exact(&range).or(bare).map(str::to_owned);
    Some(Wish { name: name.to_owned(), range, version, address, usage, line })
}

/// All wishes of a `pyproject.toml`.
pub(crate) fn pyproject(sheet: &mut Sheet, value: &Value) -> Vec<Wish> {
    let mut all = Vec::new();
    let mut list = |sheet: &mut Sheet, wishes: &[Value], usage: Usage| {
        for wish in wishes {
            let line = sheet.at(wish.span);
            // A group may include another, as a table.
            let Some(written) = wish.as_str() else { continue };
            match of_requirement(written, usage, line) {
                Some(wish) => all.push(wish),
                None => sheet.problem(line, format!("`{written}` is no requirement"), true),
            }
        }
    };
    if let Some(system) = value.get("build-system") {
        list(sheet, items(system, "requires"), Usage::Build);
    }
    if let Some(project) = value.get("project") {
        list(sheet, items(project, "dependencies"), Usage::Runtime);
        for (_, entry) in entries(project, "optional-dependencies") {
            list(sheet, entry.value.as_list().unwrap_or_default(), Usage::Optional);
        }
    }
    for (_, entry) in entries(value, "dependency-groups") {
        list(sheet, entry.value.as_list().unwrap_or_default(), Usage::Development);
    }
    sheet.shape(value, &["build-system", "project", "dependency-groups", "tool"], &[]);
    if let Some(project) = value.get("project") {
        sheet.shape(project, &["optional-dependencies"], &["dependencies"]);
    }
    let Some(tool) = value.get("tool") else { return all };
    if let Some(uv) = tool.get("uv") {
        list(sheet, items(uv, "dev-dependencies"), Usage::Development);
    }
    if let Some(pdm) = tool.get("pdm") {
        for (_, entry) in entries(pdm, "dev-dependencies") {
            list(sheet, entry.value.as_list().unwrap_or_default(), Usage::Development);
        }
    }
    let Some(poetry) = tool.get("poetry") else { return all };
    let mut tables = vec![(poetry.get("dependencies"), Usage::Runtime), (poetry.get("dev-dependencies"), Usage::Development)];
    for (group, entry) in entries(poetry, "group") {
        let usage = if group == "main" { Usage::Runtime } else { Usage::Development };
        tables.push((entry.value.get("dependencies"), usage));
    }
    for (table, usage) in tables {
        for (name, entry) in table.map(super::sheet::pairs).unwrap_or_default() {
            let line = sheet.at(entry.key);
            if name != "python" {
                all.extend(of_table(name, &entry.value, usage, line));
            }
        }
    }
    all
}

/// The wishes of the manifest beside a lock file.
pub(crate) fn wishes_beside(sheet: &mut Sheet, tree: &dyn Tree) -> Option<Vec<Wish>> {
    let path = within(folder(&sheet.path), "pyproject.toml");
    let (mut other, value) = neighbour(sheet, tree, &path)?;
    Some(pyproject(&mut other, &value).into_iter().filter(|wish| wish.usage != Usage::Build).collect())
}

/// Marks the packages that are asked for, by name.
pub(crate) fn ask(sheet: &mut Sheet, wishes: &[Wish], complete: bool) {
    let mut asked = Vec::new();
    let mut by_name: std::collections::HashMap<String, Vec<usize>> = std::collections::HashMap::new();
    for (index, package) in sheet.out.packages.iter().enumerate() {
        by_name.entry(normal(&package.purl.name)).or_default().push(index);
    }
    for wish in wishes {
        for index in by_name.get(&normal(&wish.name)).into_iter().flatten() {
            asked.push((*index, wish.usage));
            if let Some(package) = sheet.package_mut(*index) {
                package.requested = (!wish.range.is_empty()).then(|| wish.range.as_str().into());
            }
        }
    }
    sheet.spread(&asked, complete);
}

pub(crate) fn is_manifest(above: &str, file: &str) -> bool {
    matches!(file, "pyproject.toml" | "setup.cfg" | "setup.py" | "Pipfile") && !super::installed(above)
}

fn is_locked(sheet: &Sheet, tree: &dyn Tree) -> bool {
    let above = folder(&sheet.path);
    if name(&sheet.path) == "Pipfile" {
        return tree.contains(&within(above, "Pipfile.lock"));
    }
    if ["poetry.lock", "uv.lock", "pdm.lock", "pylock.toml"].iter().any(|lock| tree.contains(&within(above, lock))) {
        return true;
    }
    // A member of a workspace of uv stands in the lock file at its top.
    folders_above(&sheet.path).skip(1).any(|top| {
        let lock = within(top, "uv.lock");
        let relative = above.get(top.len()..).unwrap_or_default().trim_start_matches('/');
        let member = |kind: &str| format!("{kind} = \"{relative}\"");
        tree.contains(&lock)
            && tree.read_within(&lock, 64 << 20).is_ok_and(|bytes| {
                let text = String::from_utf8_lossy(&bytes);
                text.contains(&member("editable")) || text.contains(&member("virtual"))
            })
    })
}

pub(crate) fn manifest(sheet: &mut Sheet, tree: &dyn Tree) {
    let wishes = match name(&sheet.path) {
        "setup.cfg" => setup_cfg(sheet),
        "setup.py" => setup_py(sheet),
        "Pipfile" => {
            let value = sheet.toml();
            pipfile(sheet, &value)
        }
        _ => {
            let value = sheet.toml();
            pyproject(sheet, &value)
        }
    };
    if is_locked(sheet, tree) {
        return;
    }
    for wish in wishes {
        let Some(purl) = pypi(sheet, &wish.name, wish.version.as_deref(), wish.line) else { continue };
        let mut package = sheet.package(purl, wish.line);
        package.direct = Some(true);
        package.usage = wish.usage;
        package.requested = (!wish.range.is_empty()).then(|| wish.range.into());
        package.resolved = wish.address.map(Arc::from);
        sheet.add(package);
    }
}

fn pipfile(sheet: &mut Sheet, value: &Value) -> Vec<Wish> {
    let mut all = Vec::new();
    sheet.shape(value, &["packages", "dev-packages"], &[]);
    for (list, usage) in [("packages", Usage::Runtime), ("dev-packages", Usage::Development)] {
        for (name, entry) in entries(value, list) {
            let line = sheet.at(entry.key);
            all.extend(of_table(name, &entry.value, usage, line));
        }
    }
    all
}

/// The lists of `setup.cfg`: `install_requires` and its kin, one wish on each indented line.
fn setup_cfg(sheet: &mut Sheet) -> Vec<Wish> {
    let mut all = Vec::new();
    let (mut section, mut usage) = (String::new(), None);
    for (line, text) in sheet.lines() {
        let bare = text.trim();
        if bare.is_empty() || bare.starts_with(['#', ';']) {
            continue;
        }
        let indented = text.starts_with([' ', '\t']);
        let wish = if let Some(head) = bare.strip_prefix('[').and_then(|rest| rest.strip_suffix(']')).filter(|_| !indented) {
            section = head.to_owned();
            usage = None;
            continue;
        } else if indented {
            bare
        } else {
            let Some((key, value)) = bare.split_once(['=', ':']) else { continue };
            usage = match (section.as_str(), key.trim()) {
                ("options", "install_requires") => Some(Usage::Runtime),
                ("options", "setup_requires") => Some(Usage::Build),
                ("options", "tests_require") => Some(Usage::Development),
                ("options.extras_require", _) => Some(Usage::Optional),
                _ => None,
            };
            value.trim()
        };
        let Some(usage) = usage.filter(|_| !wish.is_empty()) else { continue };
        if wish.starts_with("file:") {
            continue;
        }
        match of_requirement(wish, usage, line) {
            Some(wish) => all.push(wish),
            None => sheet.problem(line, format!("`{wish}` is no requirement"), true),
        }
    }
    all
}

/// The texts in quotes of `setup.py` that pin a package (`"requests==2.31.0"`). It is a program and is not run: what else it asks for,
/// only running it tells.
fn setup_py(sheet: &mut Sheet) -> Vec<Wish> {
    let mut all = Vec::new();
    for (line, text) in sheet.lines() {
        let code = text.trim_start();
        if code.starts_with('#') || !code.contains("==") {
            continue;
        }
        for quote in ['\'', '"'] {
            // Every second part stands between quotes.
            let quoted = code.split(quote).skip(1).step_by(2);
            // Where a wish counts stands behind a `;`.
            let wished = quoted.map(|text| text.split(';').next().unwrap_or(text).trim());
            let pinned = wished.filter(|text| text.contains("==") && !text.contains(['{', '%', '"', '\'']));
            all.extend(pinned.filter_map(|text| of_requirement(text, Usage::Runtime, line)).filter(|wish| wish.version.is_some()));
        }
    }
    all
}

pub(crate) fn pipfile_lock(sheet: &mut Sheet, tree: &dyn Tree) {
    let value = sheet.json();
    if value.is_null() {
        return;
    }
    let meta = value.get("_meta");
    let spec = meta.and_then(|meta| meta.get("pipfile-spec"));
    if let Some(spec) = spec.filter(|spec| !matches!(spec.as_int(), Some(1..=6))) {
        let line = sheet.at(spec.span);
        sheet.problem(line, "the version of the lock file is not known", true);
    }
    let sources = meta.map(|meta| items(meta, "sources")).unwrap_or_default();
    let address = |index: Option<&str>| {
        let found = sources.iter().find(|source| index.is_none() || text(source, "name") == index);
        found.and_then(|source| text(source, "url")).map(Arc::from)
    };
    for (list, entry) in super::sheet::pairs(&value) {
        if list == "_meta" {
            continue;
        }
        sheet.shape(&value, &[list], &[]);
        let usage = if list == "default" { Usage::Runtime } else { Usage::Development };
        for (name, entry) in super::sheet::pairs(&entry.value) {
            let one = &entry.value;
            let line = sheet.at(entry.key);
            let version = text(one, "version").map(|version| version.trim_start_matches('=').trim());
            let from = text(one, "git").or_else(|| text(one, "file")).or_else(|| text(one, "url"));
            if version.is_none() && from.is_none() {
                if one.get("path").is_none() {
                    sheet.problem(line, format!("`{name}` has no version"), true);
                }
                continue;
            }
            let Some(purl) = pypi(sheet, name, version, line) else { continue };
            let mut package = sheet.package(purl, line);
            package.usage = usage;
            package.resolved = match (from, text(one, "ref")) {
                (Some(from), Some(commit)) => Some(format!("{from}@{commit}").into()),
                (Some(from), None) => Some(from.into()),
                (None, _) => address(text(one, "index")),
            };
            package.hashes = items(one, "hashes").iter().filter_map(Value::as_str).map(Arc::from).collect();
            sheet.add(package);
        }
    }
    let path = within(folder(&sheet.path), "Pipfile");
    if let Some((mut other, value)) = neighbour(sheet, tree, &path) {
        let wishes = pipfile(&mut other, &value);
        let used: Vec<Usage> = sheet.out.packages.iter().map(|package| package.usage).collect();
        ask(sheet, &wishes, true);
        // The lock file itself says what is for development.
        for (package, used) in sheet.out.packages.iter_mut().zip(used) {
            package.usage = used;
        }
    }
}
