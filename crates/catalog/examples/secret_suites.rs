//! Other people's examples of secrets, found by our own rules: `secret_suites DIR [--verbose]`. DIR holds `noseyparker` (rules with
//! examples), `leaky-repo` (a repository with a table of counts) and `gitleaks` (a configuration).
//!
//! One line of JSON for each case, as `cargo xtask conformance secrets` reads them.
#![allow(clippy::disallowed_methods, clippy::print_stdout, clippy::print_stderr, reason = "reads files from outside and prints")]

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};

use probity_catalog::builtin;
use probity_secrets::{Context, DECODE_DEPTH, Engine, Pack, gitleaks};
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
    let hits = engine.search(text, Context { path, commit: "" }, DECODE_DEPTH);
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
            let excluded = ours.is_none().then_some("no rule of ours covers it");
            for (number, text) in texts("examples").iter().enumerate() {
                let hits = ids(engine, "example.txt", text.as_bytes());
                // What is found without being covered is no merit of a rule that says so.
                case(&format!("{id} example {}", number + 1), "found", !hits.is_empty(), "missed", excluded, "false-allow");
                if verbose && hits.is_empty() {
                    eprintln!("MISSED {id} {}: {text:?}", if ours.is_some() { "(covered)" } else { "" });
                }
            }
            for (number, text) in texts("negative_examples").iter().enumerate() {
                let hits = ids(engine, "example.txt", text.as_bytes());
                let wrong = hits.iter().any(|hit| ours.is_some_and(|ours| ours.contains(hit)));
                case(&format!("{id} negative {}", number + 1), "quiet", !wrong, "found", excluded, "false-deny");
                if verbose && !hits.is_empty() {
                    eprintln!("LOUD {id} {}: {hits:?}: {text:?}", if wrong { "(covered)" } else { "" });
                }
            }
        }
    }
    Ok(())
}

/// Prints one case.
fn case(id: &str, expected: &str, agreed: bool, otherwise: &str, excluded: Option<&str>, kind: &str) {
    let actual = if agreed { expected } else { otherwise };
    println!(
        "{}",
        json!({ "id": id, "expected": expected, "actual": actual, "agreed": agreed, "kind": (!agreed).then_some(kind), "excluded": excluded })
    );
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
    eprintln!("leaky-repo: {met} of {risky} risky lines found, {beyond} beyond risky and informative ones");
    case("leaky-repo at least 83 risky lines", "83 or more", met >= 83, &format!("{met} of {risky}"), None, "false-allow");
    case("leaky-repo at most 10 beyond", "10 or fewer", beyond <= 10, &format!("{beyond}"), None, "false-deny");
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
        let found = engine.search(&text, context, DECODE_DEPTH);
        bytes += text.len();
        hits += found.len();
        if engine.search_plain(&text, context, DECODE_DEPTH) != found {
            differ += 1;
            eprintln!("{shown}: the fast way and the plain way differ");
        }
    }
    let broken = faults.iter().filter(|fault| fault.fails).count();
    eprintln!("gitleaks: {rules} rules; {} files, {bytes} bytes, {hits} hits, {differ} files differ", list.len());
    case(
        "gitleaks configuration is read whole",
        "222 rules",
        rules == 222 && broken == 0,
        &format!("{rules} rules, {broken} faults"),
        None,
        "other",
    );
    case("gitleaks and our rules, fast and plain", "the same", differ == 0, &format!("{differ} files differ"), None, "false-allow");
    Ok(())
}
