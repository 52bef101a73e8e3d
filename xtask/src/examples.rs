//! Our rules' own examples beside the installed Checkov: where an id has no case in the suite that is here, the rule's failing and passing
//! examples are judged by Checkov too, and must come out the same.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Write as _;
use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context, Result, bail};
use serde_json::Value;

use crate::{checkov, shell};

/// Languages of examples, Checkov's name of the framework, and the file an example is written to.
const LANGUAGES: &[(&str, &str, &str)] = &[
    ("terraform", "terraform", "main.tf"),
    ("cloudformation", "cloudformation", "template.yaml"),
    ("kubernetes", "kubernetes", "manifest.yaml"),
    ("dockerfile", "dockerfile", "Dockerfile"),
    ("arm", "arm", "azuredeploy.json"),
    ("bicep", "bicep", "main.bicep"),
    ("github-actions", "github_actions", ".github/workflows/ci.yml"),
    ("gitlab-ci", "gitlab_ci", ".gitlab-ci.yml"),
    ("azure-pipelines", "azure_pipelines", "azure-pipelines.yml"),
    ("circleci", "circleci_pipelines", ".circleci/config.yml"),
    ("bitbucket-pipelines", "bitbucket_pipelines", "bitbucket-pipelines.yml"),
    ("openapi", "openapi", "openapi.yaml"),
];

/// Programs Checkov is given at once; more at a time makes it slow.
const BATCH: usize = 400;

struct Example {
    rule: String,
    ids: Vec<String>,
    expect: String,
    name: String,
    /// Below the folder of its framework.
    folder: String,
}

/// How one id's examples came out.
#[derive(Default)]
struct Tally {
    agreed: BTreeMap<String, usize>,
    /// Examples that come out differently, without a reason why.
    differ: Vec<String>,
    /// The same, with a reason in `conformance/checkov/examples-explained.toml`.
    explained: Vec<String>,
}

fn text(value: &Value) -> &str {
    value.as_str().unwrap_or_default()
}

/// Replaces a word where it stands between one of the openings and one of the endings.
fn replace_between(content: &str, word: &str, openings: &[&str], endings: &[&str], new: &str) -> String {
    let mut out = content.to_owned();
    for opening in openings {
        for ending in endings {
            out = out.replace(&format!("{opening}{word}{ending}"), &format!("{opening}{new}{ending}"));
        }
    }
    out
}

/// Gives what an example declares a name of its own: Checkov joins resources by name over all files of a folder, and most examples use the
/// same few names.
fn apart(framework: &str, content: &str, number: usize) -> String {
    match framework {
        "kubernetes" => replace_between(content, "example", &["name: "], &["\n", " }", ","], &format!("example-{number}")),
        "arm" => ["example", "srv", "ws"].iter().fold(content.to_owned(), |content, word| {
            let content = replace_between(&content, word, &["\""], &["\"", "/"], &format!("{word}{number}"));
            replace_between(&content, word, &["'"], &["'", "/"], &format!("{word}{number}"))
        }),
        "bicep" => {
            let declared: BTreeSet<&str> = content
                .lines()
                .filter_map(|line| line.trim_start().strip_prefix("resource ")?.split_once(" '").map(|(name, _)| name))
                .collect();
            declared.into_iter().fold(content.to_owned(), |content, name| {
                let new = format!("{name}{number}");
                let content = replace_between(&content, name, &["resource "], &[" '"], &new);
                let content = replace_between(&content, name, &["parent: "], &["\n"], &new);
                replace_between(&content, name, &[": ", "{", "("], &[".id", ".name"], &new)
            })
        }
        _ => content.to_owned(),
    }
}

/// Writes the examples of all rules that carry one of the ids, and says where.
fn write_examples(program: &Path, top: &Path, wanted: &dyn Fn(&str, &str) -> bool) -> Result<BTreeMap<&'static str, Vec<Example>>> {
    let output = Command::new(program).args(["policies", "list", "--format", "json", "--examples"]).output()?;
    let listed: Value = serde_json::from_slice(&output.stdout).context("`policies list` printed no JSON")?;
    let mut out: BTreeMap<&'static str, Vec<Example>> = BTreeMap::new();
    for rule in listed["rules"].as_array().into_iter().flatten() {
        let aliases: Vec<&str> = rule["aliases"].as_array().into_iter().flatten().map(text).filter(|id| id.starts_with("CKV")).collect();
        for (number, example) in rule["examples"].as_array().into_iter().flatten().enumerate() {
            let Some((_, framework, file)) = LANGUAGES.iter().find(|(language, ..)| *language == text(&example["language"])) else {
                continue;
            };
            let ids: Vec<String> = aliases.iter().filter(|id| wanted(framework, id)).map(|id| (*id).to_owned()).collect();
            let expect = text(&example["expect"]);
            if ids.is_empty() || !["fail", "pass"].contains(&expect) {
                continue;
            }
            let list = out.entry(framework).or_default();
            // A batch is a folder of its own, so that Checkov sees few programs at once.
            let folder = format!("{}/{}-{number}", list.len() / BATCH, text(&rule["id"]));
            let path = top.join(framework).join(&folder).join(file);
            std::fs::create_dir_all(path.parent().unwrap_or(top))?;
            let mut written = apart(framework, text(&example["text"]), list.len());
            // Checkov takes no file for a template that does not name the schema.
            if *framework == "arm" && !written.contains("$schema") {
                let schema = "{\"$schema\": \"https://schema.management.azure.com/schemas/2019-04-01/deploymentTemplate.json#\",";
                written = written.replacen('{', schema, 1);
            }
            std::fs::write(&path, written)?;
            list.push(Example {
                rule: text(&rule["id"]).to_owned(),
                ids,
                expect: expect.to_owned(),
                name: text(&example["name"]).to_owned(),
                folder,
            });
        }
    }
    Ok(out)
}

/// What Checkov says: (folder, id) to whether anything failed.
fn judged(checkov: &Path, folder: &Path, framework: &str, ids: &BTreeSet<&str>) -> Result<BTreeMap<(String, String), bool>> {
    let check = ids.iter().copied().collect::<Vec<_>>().join(",");
    let output = Command::new(checkov)
        .args(["--directory", ".", "--framework", framework, "--compact", "--output", "json", "--skip-download", "--check", &check])
        .current_dir(folder)
        .output()
        .with_context(|| format!("cannot run {}", checkov.display()))?;
    let report: Value = serde_json::from_slice(&output.stdout)
        .with_context(|| format!("{} printed no JSON: {}", checkov.display(), String::from_utf8_lossy(&output.stderr)))?;
    let mut out = BTreeMap::new();
    let reports = report.as_array().map_or_else(|| vec![&report], |list| list.iter().collect());
    for report in reports {
        for (list, failed) in [("passed_checks", false), ("failed_checks", true)] {
            for check in report["results"][list].as_array().into_iter().flatten() {
                let file = text(&check["file_path"]).trim_start_matches('/');
                let folder: Vec<&str> = file.split('/').take(1).collect();
                let entry = out.entry((folder.concat(), text(&check["check_id"]).to_owned())).or_insert(false);
                *entry |= failed;
            }
        }
    }
    Ok(out)
}

/// Ids that Checkov has a check for, by framework.
fn checks(suite: &Path) -> Result<BTreeSet<(String, String)>> {
    let content =
        std::fs::read_to_string(suite.join("checks.jsonl")).with_context(|| format!("no Checkov suite at {}", suite.display()))?;
    content
        .lines()
        .map(|line| {
            let check: Value = serde_json::from_str(line)?;
            Ok((text(&check["framework"]).to_owned(), text(&check["id"]).to_owned()))
        })
        .collect()
}

/// Ids that have a case in the suite, by framework.
fn with_cases(suite: &Path) -> Result<BTreeSet<(String, String)>> {
    let content =
        std::fs::read_to_string(suite.join("expectations.jsonl")).with_context(|| format!("no Checkov suite at {}", suite.display()))?;
    content
        .lines()
        .map(|line| {
            let case: Value = serde_json::from_str(line)?;
            Ok((text(&case["framework"]).to_owned(), text(&case["check"]).to_owned()))
        })
        .collect()
}

/// Runs the examples through Checkov and writes the table. `all`: also of ids that have cases in the suite.
pub fn run(suite: &Path, checkov: &Path, all: bool, only: Option<&str>) -> Result<()> {
    let program = shell::build(false)?;
    let (checks, cases) = (checks(suite)?, with_cases(suite)?);
    let top: PathBuf = std::env::temp_dir().join(format!("probity-examples-{}", std::process::id()));
    let wanted = |framework: &str, id: &str| {
        let pair = (framework.to_owned(), id.to_owned());
        only.is_none_or(|only| id.starts_with(only)) && checks.contains(&pair) && (all || !cases.contains(&pair))
    };
    let examples = write_examples(&program, &top, &wanted)?;
    let mut tallies: BTreeMap<(&str, &str), Tally> = BTreeMap::new();
    for (framework, list) in &examples {
        let ids: BTreeSet<&str> = list.iter().flat_map(|example| &example.ids).map(String::as_str).collect();
        let batches: BTreeSet<&str> = list.iter().filter_map(|example| example.folder.split('/').next()).collect();
        let mut said = BTreeMap::new();
        for batch in batches {
            eprintln!("{framework}: batch {batch} of {} examples", list.len());
            for ((folder, id), failed) in judged(checkov, &top.join(framework).join(batch), framework, &ids)? {
                said.insert((format!("{batch}/{folder}"), id), failed);
            }
        }
        for example in list {
            for id in &example.ids {
                let tally = tallies.entry((framework, id)).or_default();
                // No result: the id is not for the types of this example.
                let Some(failed) = said.get(&(example.folder.clone(), id.clone())) else { continue };
                if *failed == (example.expect == "fail") {
                    *tally.agreed.entry(example.expect.clone()).or_insert(0) += 1;
                } else {
                    tally.differ.push(format!("{framework} {id}: `{}` under `{}` of {}", example.name, example.expect, example.rule));
                }
            }
        }
    }
    std::fs::remove_dir_all(&top)?;
    let excuses = checkov::excuses(&shell::root().join("conformance/checkov"), "examples-explained.toml")?;
    for tally in tallies.values_mut() {
        let (differ, explained) = tally.differ.drain(..).partition(|line| {
            let excuse = excuses.iter().find(|excuse| checkov::like(&excuse.pattern, line));
            excuse.inspect(|excuse| excuse.used.set(true)).is_none()
        });
        (tally.differ, tally.explained) = (differ, explained);
    }
    for excuse in excuses.iter().filter(|excuse| only.is_none() && !all && !excuse.used.get()) {
        println!("explains no example: {}", excuse.pattern);
    }
    report(&tallies, only.is_none() && !all)
}

fn report(tallies: &BTreeMap<(&str, &str), Tally>, write: bool) -> Result<()> {
    let version = "Checkov 3.3.30";
    let mut table = format!(
        "# The rules' own examples, judged by {version} too\n\nGenerated by `cargo xtask conformance checkov-examples --checkov PROGRAM`, for ids that have no case in the suite that was there.\nAn id agrees where at least one failing and one passing example come out the same and none differently without a reason;\nthe reasons (where Checkov does not see what an example shows) stand in `examples-explained.toml`.\n\n| framework | ids | agree | of these with explained examples | agree on one side only | differ | Checkov judges no example |\n|---|---|---|---|---|---|---|\n"
    );
    let frameworks: BTreeSet<&str> = tallies.keys().map(|(framework, _)| *framework).collect();
    let mut lists = String::new();
    for framework in frameworks {
        let of: Vec<(&str, &Tally)> =
            tallies.iter().filter(|((name, _), _)| *name == framework).map(|((_, id), tally)| (*id, tally)).collect();
        let (differ, rest): (Vec<_>, Vec<_>) = of.iter().partition(|(_, tally)| !tally.differ.is_empty());
        let (none, rest): (Vec<_>, Vec<_>) = rest.into_iter().partition(|(_, tally)| tally.agreed.is_empty());
        let (both, one): (Vec<_>, Vec<_>) = rest.into_iter().partition(|(_, tally)| tally.agreed.len() == 2);
        let explained = both.iter().filter(|(_, tally)| !tally.explained.is_empty()).count();
        writeln!(
            table,
            "| {framework} | {} | {} | {explained} | {} | {} | {} |",
            of.len(),
            both.len(),
            one.len(),
            differ.len(),
            none.len()
        )?;
        for (title, group) in [("agree on one side only", one), ("Checkov judges no example", none)] {
            if !group.is_empty() {
                let ids: Vec<&str> = group.iter().map(|(id, _)| *id).collect();
                writeln!(lists, "\n{framework}, {title}: {}", ids.join(", "))?;
            }
        }
        for line in differ.iter().flat_map(|(_, tally)| &tally.differ) {
            writeln!(lists, "\n- differs: {line}")?;
        }
    }
    table += &lists;
    println!("{table}");
    if write {
        std::fs::write(shell::root().join("conformance/checkov/examples.md"), &table)?;
    }
    if tallies.is_empty() {
        bail!("no example was judged");
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::apart;

    #[test]
    fn examples_share_no_names() {
        let cases = [
            (
                "kubernetes",
                "metadata: { name: example }\nimage: registry.example.com",
                "metadata: { name: example-7 }\nimage: registry.example.com",
            ),
            (
                "arm",
                r#"{"name": "srv/default", "dependsOn": ["[resourceId('a', 'srv')]"]}"#,
                r#"{"name": "srv7/default", "dependsOn": ["[resourceId('a', 'srv7')]"]}"#,
            ),
            (
                "bicep",
                "resource servers 'Microsoft.Sql/servers@1' = {\n}\nresource a 'b@1' = {\n  parent: servers\n  x: servers.id\n}\n",
                "resource servers7 'Microsoft.Sql/servers@1' = {\n}\nresource a7 'b@1' = {\n  parent: servers7\n  x: servers7.id\n}\n",
            ),
            ("terraform", "resource \"a\" \"example\" {}", "resource \"a\" \"example\" {}"),
        ];
        for (framework, content, wanted) in cases {
            assert_eq!(apart(framework, content, 7), wanted);
        }
    }
}
