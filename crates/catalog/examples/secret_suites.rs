//! Other people's examples of secrets, found by our own rules: `secret_suites DIR [--verbose]`. DIR holds `noseyparker` (rules with
//! examples), `leaky-repo` (a repository with a table of counts) and `gitleaks` (a configuration).
//!
//! One line of JSON for each suite, as `cargo xtask conformance secrets` reads them.
#![allow(clippy::disallowed_methods, clippy::print_stdout, clippy::print_stderr, reason = "reads files from outside and prints")]

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};

use probity_catalog::builtin;
use probity_secrets::{Context, Engine, Pack, gitleaks};
use probity_value::{FileId, Value, yaml};
use serde_json::json;

type Failure = Box<dyn std::error::Error>;

fn main() -> Result<(), Failure> {
    let mut arguments = std::env::args().skip(1);
    let folder = PathBuf::from(arguments.next().ok_or("name the folder with noseyparker, leaky-repo and gitleaks")?);
    let verbose = arguments.next().is_some_and(|word| word == "--verbose");
    let engine = Engine::new(vec![Pack { rules: builtin().secret_rules()?, ..Pack::default() }])?;
    noseyparker(&engine, &folder.join("noseyparker"), verbose)?;
    leaky_repo(&engine, &folder.join("leaky-repo"), verbose)?;
    same_as_plain(&folder)
}

fn ids(engine: &Engine, path: &str, text: &[u8]) -> Vec<String> {
    let hits = engine.scan(text, Context { path, commit: "" });
    hits.iter().filter_map(|hit| engine.rules().get(hit.rule)).map(|rule| rule.meta.id.to_string()).collect()
}

fn files(path: &Path, out: &mut Vec<PathBuf>) {
    let mut entries: Vec<PathBuf> = std::fs::read_dir(path).into_iter().flatten().flatten().map(|entry| entry.path()).collect();
    entries.sort();
    for entry in entries {
        if entry.is_dir() { files(&entry, out) } else { out.push(entry) }
    }
}

/// Examples of Nosey Parker's rules: found where a rule of ours covers the credential, as its aliases say; and its negative examples,
/// quiet for those rules.
fn noseyparker(engine: &Engine, folder: &Path, verbose: bool) -> Result<(), Failure> {
    let covered: BTreeMap<String, BTreeSet<String>> = engine.rules().iter().fold(BTreeMap::new(), |mut map, rule| {
        for alias in rule.meta.aliases.iter().filter(|alias| alias.starts_with("np.")) {
            map.entry(alias.to_string()).or_default().insert(rule.meta.id.to_string());
        }
        map
    });
    let mut list = Vec::new();
    files(folder, &mut list);
    let (mut examples, mut found, mut by_alias, mut negatives, mut quiet, mut quiet_covered, mut negatives_covered) = (0, 0, 0, 0, 0, 0, 0);
    for path in list.iter().filter(|path| path.extension().is_some_and(|extension| extension == "yml")) {
        let (documents, _) = yaml::parse(&std::fs::read_to_string(path)?, FileId(0));
        let rules =
            documents.first().and_then(|document| document.value.get("rules")).and_then(Value::as_list).unwrap_or_default().to_vec();
        for rule in &rules {
            let id = rule.get("id").and_then(Value::as_str).unwrap_or_default();
            let texts = |key: &str| -> Vec<String> {
                rule.get(key).and_then(Value::as_list).unwrap_or_default().iter().filter_map(Value::as_str).map(str::to_owned).collect()
            };
            let ours = covered.get(id);
            for text in texts("examples") {
                examples += 1;
                let hits = ids(engine, "example.txt", text.as_bytes());
                found += usize::from(!hits.is_empty());
                by_alias += usize::from(ours.is_some());
                if verbose && hits.is_empty() {
                    eprintln!("MISSED {id} {}: {text:?}", if ours.is_some() { "(covered)" } else { "" });
                }
            }
            for text in texts("negative_examples") {
                negatives += 1;
                let hits = ids(engine, "example.txt", text.as_bytes());
                let wrong = hits.iter().any(|hit| ours.is_some_and(|ours| ours.contains(hit)));
                quiet += usize::from(hits.is_empty());
                negatives_covered += usize::from(ours.is_some());
                quiet_covered += usize::from(ours.is_some() && !wrong);
                if verbose && !hits.is_empty() {
                    eprintln!("LOUD {id} {}: {hits:?}: {text:?}", if wrong { "(covered)" } else { "" });
                }
            }
        }
    }
    println!(
        "{}",
        json!({ "suite": "noseyparker", "examples": examples, "found": found, "of_covered_rules": by_alias, "negatives": negatives,
                "silent": quiet, "negatives_of_covered_rules": negatives_covered, "quiet": quiet_covered })
    );
    Ok(())
}

/// The table of counts of leaky-repo: of each file, how many risky and how many informative secrets it has.
fn leaky_repo(engine: &Engine, folder: &Path, verbose: bool) -> Result<(), Failure> {
    let table = std::fs::read_to_string(folder.join(".leaky-meta/secrets.csv"))?;
    let (mut risky, mut met, mut beyond) = (0, 0, 0);
    for line in table.lines().filter(|line| !line.trim().is_empty()) {
        let mut parts = line.split(',');
        let (Some(name), Some(risk), Some(inform)) = (parts.next(), parts.next(), parts.next()) else { continue };
        let (Ok(risk), Ok(inform)) = (risk.trim().parse::<usize>(), inform.trim().parse::<usize>()) else { continue };
        let Ok(text) = std::fs::read(folder.join(name.trim())) else {
            eprintln!("{name}: not there");
            continue;
        };
        let hits = ids(engine, name.trim(), &text);
        risky += risk;
        met += hits.len().min(risk);
        beyond += hits.len().saturating_sub(risk + inform);
        if verbose && (hits.len() < risk || hits.len() > risk + inform) {
            eprintln!("{name}: {} found, {risk} risky, {inform} informative: {hits:?}", hits.len());
        }
    }
    println!("{}", json!({ "suite": "leaky-repo", "risky": risky, "found": met, "beyond": beyond }));
    Ok(())
}

/// The Gitleaks file loads whole, and the fast way finds what each expression alone finds, over every file below the folder.
fn same_as_plain(folder: &Path) -> Result<(), Failure> {
    let text = std::fs::read_to_string(folder.join("gitleaks/config/gitleaks.toml"))?;
    let (mut configuration, mut faults) = gitleaks::parse(&text, FileId(0));
    faults.extend(configuration.finish());
    let rules = configuration.rules.len();
    let engine = Engine::new(vec![
        Pack { rules: configuration.rules, allow: configuration.allow, ..Pack::default() },
        Pack { rules: builtin().secret_rules()?, ..Pack::default() },
    ])?;
    let mut list = Vec::new();
    files(folder, &mut list);
    let (mut bytes, mut hits, mut differ) = (0, 0, 0);
    for path in &list {
        let text = std::fs::read(path)?;
        let shown = path.strip_prefix(folder).unwrap_or(path).to_string_lossy().into_owned();
        let context = Context { path: &shown, commit: "" };
        let found = engine.scan(&text, context);
        bytes += text.len();
        hits += found.len();
        if engine.plain(&text, context) != found {
            differ += 1;
            eprintln!("{shown}: the fast way and the plain way differ");
        }
    }
    println!(
        "{}",
        json!({ "suite": "gitleaks", "rules": rules, "faults": faults.iter().filter(|fault| fault.fails).count(), "files": list.len(),
                "bytes": bytes, "hits": hits, "differ": differ })
    );
    Ok(())
}
