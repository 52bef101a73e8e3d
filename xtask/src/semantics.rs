//! The semantics suite: small Terraform programs whose truth is known (`conformance/semantics/*.yaml`), judged by the built program and,
//! where one is given, by an installed Checkov; both answers are written beside the truth.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Write as _;
use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context, Result, bail};
use probity_value::{FileId, Value as Node, yaml};
use serde_json::Value;

use crate::shell;

/// Programs in one run of Checkov, whose start alone takes seconds.
const BATCH: usize = 60;

struct Case {
    feature: String,
    name: String,
    rule: String,
    checkov: Vec<String>,
    files: Vec<(String, String)>,
    var_files: Vec<String>,
    workspace: Option<String>,
    /// Address to `fail`, `pass`, `unknown` or `none` (not judged at all).
    truth: Vec<(String, String)>,
}

/// Answers by address.
type Answers = BTreeMap<String, String>;

fn text(node: Option<&Node>) -> String {
    node.and_then(Node::as_str).unwrap_or_default().to_owned()
}

fn texts(node: Option<&Node>) -> Vec<String> {
    node.and_then(Node::as_list).unwrap_or_default().iter().map(|item| text(Some(item))).collect()
}

fn pairs(node: Option<&Node>) -> Vec<(String, String)> {
    let map = node.and_then(Node::as_map).into_iter().flat_map(|map| map.iter());
    map.map(|(key, entry)| (key.to_string(), text(Some(&entry.value)))).collect()
}

fn cases(folder: &Path) -> Result<Vec<Case>> {
    let mut paths: Vec<PathBuf> = std::fs::read_dir(folder)?.map(|entry| Ok(entry?.path())).collect::<Result<_>>()?;
    paths.retain(|path| path.extension().is_some_and(|extension| extension == "yaml"));
    paths.sort();
    let mut out = Vec::new();
    for path in paths {
        let (documents, problems) = yaml::parse(&std::fs::read_to_string(&path)?, FileId::NONE);
        let (Some(document), true) = (documents.first(), problems.is_empty()) else { bail!("{} cannot be read", path.display()) };
        let file = &document.value;
        for case in file.get("cases").and_then(Node::as_list).unwrap_or_default() {
            let of = |key: &str| case.get(key).or_else(|| file.get(key));
            let mut files = pairs(case.get("files"));
            files.extend(case.get("terraform").map(|main| ("main.tf".to_owned(), text(Some(main)))));
            out.push(Case {
                feature: text(file.get("feature")),
                name: text(case.get("name")),
                rule: text(of("rule")),
                checkov: texts(of("checkov")),
                files,
                var_files: texts(case.get("var_files")),
                workspace: case.get("workspace").map(|name| text(Some(name))),
                truth: pairs(case.get("truth")),
            });
        }
    }
    Ok(out)
}

fn lay_out(case: &Case, folder: &Path) -> Result<()> {
    for (path, content) in &case.files {
        let path = folder.join(path);
        std::fs::create_dir_all(path.parent().unwrap_or(folder))?;
        std::fs::write(path, content)?;
    }
    Ok(())
}

/// What our program says.
fn ours(program: &Path, case: &Case, folder: &Path) -> Result<Answers> {
    let mut command = Command::new(program);
    command.args(["scan", ".", "--format", "json", "--show", "all", "--quiet", "--rule", &case.rule]).current_dir(folder);
    for file in &case.var_files {
        command.args(["--var-file", file]);
    }
    if let Some(workspace) = &case.workspace {
        command.args(["--workspace", workspace]);
    }
    let output = command.output()?;
    let report: Value =
        serde_json::from_slice(&output.stdout).with_context(|| format!("{}: {}", case.name, String::from_utf8_lossy(&output.stderr)))?;
    let mut out = Answers::new();
    for result in report["results"].as_array().into_iter().flatten() {
        let subject = &result["subject"];
        let id = subject["id"].as_str().unwrap_or_default();
        let address = match subject["root"].as_str() {
            Some(root) if !root.is_empty() && root != "." => format!("{root}:{id}"),
            _ => id.to_owned(),
        };
        out.insert(address, result["status"].as_str().unwrap_or_default().to_owned());
    }
    Ok(out)
}

/// One row of Checkov's answer.
struct Row {
    check: String,
    address: String,
    /// Folder of the case, `case-12`.
    case: String,
    /// Files it names: where the block stands, and who calls the module.
    places: String,
    failed: bool,
}

fn run_checkov(checkov: &Path, folder: &Path, ids: &BTreeSet<&str>, var_files: &[PathBuf]) -> Result<Vec<Row>> {
    let ids: Vec<&str> = ids.iter().copied().collect();
    let mut command = Command::new("timeout");
    command.arg("900").arg(checkov).args([
        "--framework",
        "terraform",
        "--compact",
        "-o",
        "json",
        "--skip-download",
        "--check",
        &ids.join(","),
    ]);
    for file in var_files {
        command.arg("--var-file").arg(file);
    }
    let output = command.arg("-d").arg(folder).current_dir(folder).output().with_context(|| format!("cannot run {}", checkov.display()))?;
    let printed = String::from_utf8_lossy(&output.stdout);
    let report: Value =
        serde_json::from_str(printed.trim()).with_context(|| format!("no JSON: {}", String::from_utf8_lossy(&output.stderr)))?;
    let mut out = Vec::new();
    let results = match &report {
        Value::Array(reports) => reports.iter().map(|report| &report["results"]).collect(),
        _ => vec![&report["results"]],
    };
    for (kind, failed) in [("passed_checks", false), ("failed_checks", true)] {
        for row in results.iter().flat_map(|results| results[kind].as_array().into_iter().flatten()) {
            let word = |key: &str| row[key].as_str().unwrap_or_default().to_owned();
            let file = word("file_path");
            let case = file.trim_start_matches('/').split('/').next().unwrap_or_default().to_owned();
            let places = format!("{file} {}", word("caller_file_path"));
            out.push(Row { check: word("check_id"), address: word("resource"), case, places, failed });
        }
    }
    Ok(out)
}

/// Our address in Checkov's way of writing.
fn theirs(address: &str) -> String {
    let address = address.split_once(':').filter(|(root, _)| !root.contains(['.', '[', '"'])).map_or(address, |(_, rest)| rest);
    match address.strip_prefix("provider.") {
        Some(name) if name.contains('.') => name.to_owned(),
        Some(name) => format!("{name}.default"),
        None => address.replace("data.", ""),
    }
}

/// The address without instance keys.
fn without_keys(address: &str) -> String {
    let mut out = String::new();
    let mut depth = 0_usize;
    for letter in address.chars() {
        match letter {
            '[' => depth += 1,
            ']' => depth = depth.saturating_sub(1),
            _ if depth == 0 => out.push(letter),
            _ => {}
        }
    }
    out
}

/// Checkov's answer for one address of a case: by instance, or where it knows none by block.
fn answer(rows: &[Row], folder: &str, case: &Case, address: &str) -> &'static str {
    let wanted = theirs(address);
    let root = address.split_once(':').map(|(root, _)| format!("/{folder}/{root}/"));
    let find = |wanted: &str| {
        let mut found: Vec<bool> = Vec::new();
        for row in rows {
            let here = root.as_ref().is_none_or(|root| address.contains(['[', '"']) || row.places.contains(root.as_str()));
            if row.case == folder && case.checkov.contains(&row.check) && row.address == wanted && here {
                found.push(row.failed);
            }
        }
        match (found.is_empty(), found.iter().any(|failed| *failed)) {
            (true, _) => None,
            (false, true) => Some("fail"),
            (false, false) => Some("pass"),
        }
    };
    find(&wanted).or_else(|| find(&without_keys(&wanted))).unwrap_or("none")
}

/// Whether an answer is right. Saying nothing is the right way to say that something cannot be known, for a tool without that word.
fn right(truth: &str, said: &str) -> bool {
    truth == said || (truth == "unknown" && said == "none")
}

/// Runs the suite; writes the table where Checkov's answers are there.
pub fn run(checkov: Option<&Path>) -> Result<()> {
    let program = shell::build(false)?;
    let folder = shell::root().join("conformance/semantics");
    let cases = cases(&folder)?;
    let work = std::env::temp_dir().join(format!("probity-semantics-{}", std::process::id()));
    let mut said = Vec::new();
    for (number, case) in cases.iter().enumerate() {
        let place = work.join("ours").join(format!("case-{number}"));
        lay_out(case, &place)?;
        said.push(ours(&program, case, &place)?);
    }
    let rows = checkov.map(|checkov| ask(checkov, &cases, &work)).transpose()?;
    std::fs::remove_dir_all(&work)?;

    let mut details = String::new();
    let mut by_feature: BTreeMap<&str, (usize, usize, usize)> = BTreeMap::new();
    let mut wrong = Vec::new();
    for (number, (case, said)) in cases.iter().zip(&said).enumerate() {
        let here = format!("case-{number}");
        let tally = by_feature.entry(&case.feature).or_default();
        tally.0 += 1;
        let extra = said.keys().any(|address| !case.truth.iter().any(|(known, _)| known == address));
        let (mut us, mut them) = (!extra, true);
        for (address, truth) in &case.truth {
            let ours = said.get(address).map_or("none", String::as_str);
            us &= truth == ours;
            let mark = |good: bool| if good { "" } else { " ✗" };
            let other = match &rows {
                Some(rows) => {
                    let other = answer(rows, &here, case, address);
                    them &= right(truth, other);
                    format!(" | {other}{}", mark(right(truth, other)))
                }
                None => String::new(),
            };
            writeln!(details, "| {} | {} | `{address}` | {truth} | {ours}{}{other} |", case.feature, case.name, mark(truth == ours))?;
        }
        if !us {
            wrong.push(format!("{}: {}: {said:?}", case.feature, case.name));
        }
        tally.1 += usize::from(us);
        tally.2 += usize::from(them);
    }
    let (all, us, them) = by_feature.values().fold((0, 0, 0), |sum, one| (sum.0 + one.0, sum.1 + one.1, sum.2 + one.2));
    println!("{us} of {all} programs judged by their truth");
    if rows.is_some() {
        println!("Checkov: {them} of {all}");
        let place = folder.join("README.md");
        std::fs::write(&place, table(&by_feature, (all, us, them), &details, &version(checkov)))?;
        println!("wrote {}", place.display());
    }
    if !wrong.is_empty() {
        bail!("wrong:\n{}", wrong.join("\n"));
    }
    Ok(())
}

fn version(checkov: Option<&Path>) -> String {
    let output = checkov.and_then(|checkov| Command::new(checkov).arg("--version").output().ok());
    output.map(|output| String::from_utf8_lossy(&output.stdout).trim().to_owned()).unwrap_or_default()
}

/// Lays the cases out in a few folders, those with variable files apart, and asks Checkov about each folder.
fn ask(checkov: &Path, cases: &[Case], work: &Path) -> Result<Vec<Row>> {
    let numbered: Vec<(usize, &Case)> = cases.iter().enumerate().collect();
    let (plain, apart): (Vec<_>, Vec<_>) = numbered.into_iter().partition(|(_, case)| case.var_files.is_empty());
    let batches = plain.chunks(BATCH).map(<[_]>::to_vec).chain(apart.into_iter().map(|one| vec![one]));
    let mut rows = Vec::new();
    for (position, batch) in batches.enumerate() {
        let folder = work.join(format!("checkov-{position}"));
        let mut ids = BTreeSet::new();
        let mut var_files = Vec::new();
        for (number, case) in &batch {
            let place = folder.join(format!("case-{number}"));
            lay_out(case, &place)?;
            ids.extend(case.checkov.iter().map(String::as_str));
            var_files.extend(case.var_files.iter().map(|file| place.join(file)));
        }
        eprintln!("checkov: {} programs", batch.len());
        rows.extend(run_checkov(checkov, &folder, &ids, &var_files)?);
    }
    Ok(rows)
}

fn table(by_feature: &BTreeMap<&str, (usize, usize, usize)>, sum: (usize, usize, usize), details: &str, version: &str) -> String {
    let mut out = format!(
        "# Semantics\n\nGenerated by `cargo xtask conformance semantics --checkov PATH`, with Checkov {version}. Small Terraform programs of our own whose truth\nis known; each is judged by one rule, by Checkov under the id of the same fault. `unknown`: what decides has no value, so that neither\n`fail` nor `pass` is true; there saying nothing counts as right for Checkov. `none`: not made at all, so not judged. A program is right\nwhen every address of it is.\n\n| feature | programs | right | Checkov right |\n|---|---|---|---|\n"
    );
    for (feature, (all, us, them)) in by_feature {
        out += &format!("| {feature} | {all} | {us} | {them} |\n");
    }
    out += &format!("| all | {} | {} | {} |\n\n", sum.0, sum.1, sum.2);
    out += "| feature | program | address | truth | Probity | Checkov |\n|---|---|---|---|---|---|\n";
    out += details;
    out
}
