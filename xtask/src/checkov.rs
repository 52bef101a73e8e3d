//! Checkov's own fixtures and verdicts, run as they are through `probity scan`, strictly: each case on its own fixture, matched by
//! framework, check, file, address and start line; a missing result is not agreement.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Write as _;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::Mutex;
use std::sync::atomic::{AtomicUsize, Ordering};

use anyhow::{Context, Result, bail};
use serde_json::Value;

use crate::shell;

/// The frameworks that are judged so far.
const FRAMEWORKS: &[&str] = &[
    "argo_workflows",
    "arm",
    "azure_pipelines",
    "bicep",
    "bitbucket_pipelines",
    "circleci_pipelines",
    "cloudformation",
    "dockerfile",
    "github_actions",
    "gitlab_ci",
    "kubernetes",
    "openapi",
    "serverless",
    "terraform",
    "terraform_plan",
];

/// Frameworks whose addresses are paths into a text that only Checkov walks so: file and line say which subject is meant, the one that
/// begins there or, where a part of it is named, the last that begins before. OpenAPI files have one row for each check.
const BY_LINE: &[(&str, &str, &str, &str)] = &[
    ("azure_pipelines", "azure-pipelines", "azure.", "CKV_AZUREPIPELINES_"),
    ("bitbucket_pipelines", "bitbucket-pipelines", "bitbucket.", "CKV_BITBUCKETPIPELINES_"),
    ("circleci_pipelines", "circleci", "circleci.", "CKV_CIRCLECIPIPELINES_"),
    ("github_actions", "github-actions", "github.", "_GHA_"),
    ("gitlab_ci", "gitlab-ci", "gitlab.", "CKV_GITLABCI_"),
    ("openapi", "openapi", "openapi.", "CKV_OPENAPI_"),
];

fn is_by_line(framework: &str) -> bool {
    framework == "argo_workflows" || BY_LINE.iter().any(|(name, ..)| *name == framework)
}

/// What we said of the subject at a line, and under which keys, where lines say which is meant.
fn said_at(of: &BTreeMap<Key, Said>, row: &Row) -> Option<(Said, Vec<Key>)> {
    let start = (row.file.clone(), "*".to_owned(), 0);
    if row.framework == "openapi" {
        let all: Vec<_> = of.range(start..).take_while(|((file, ..), _)| *file == row.file).collect();
        let worst = all.iter().map(|(_, said)| **said).max()?;
        return Some((worst, all.into_iter().map(|(key, _)| key.clone()).collect()));
    }
    let end = (row.file.clone(), "*".to_owned(), row.line);
    of.range(start..=end).next_back().map(|(key, said)| (*said, vec![key.clone()]))
}

/// Agreement that must hold over all implemented ids, in percent.
const BAR: f64 = 98.0;

/// File, address and first line of a row.
type Key = (String, String, u64);
/// What we said in one scan under one framework and id.
type SaidBy<'a> = BTreeMap<(&'a str, &'a str, String), BTreeMap<Key, Said>>;

struct Row {
    check: String,
    framework: String,
    source: String,
    file: String,
    resource: String,
    line: u64,
    expected: String,
}

/// One excused row of `expected-failures.toml`.
pub(crate) struct Excuse {
    /// `framework check file resource`, with `*`.
    pub(crate) pattern: String,
    pub(crate) reason: String,
    pub(crate) used: std::cell::Cell<bool>,
}

/// What we said of one subject under one id.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug)]
enum Said {
    Pass,
    Unknown,
    Skip,
    Fail,
    Error,
}

#[derive(Default)]
struct Tally {
    ids: BTreeSet<String>,
    agreed: BTreeMap<String, usize>,
    rows: BTreeMap<String, usize>,
    excused: usize,
    extra: usize,
}

fn read_lines(path: &Path) -> Result<Vec<Value>> {
    let text = std::fs::read_to_string(path).with_context(|| format!("cannot read {}", path.display()))?;
    text.lines().map(|line| serde_json::from_str(line).map_err(Into::into)).collect()
}

fn text(value: &Value) -> String {
    value.as_str().unwrap_or_default().to_owned()
}

/// Whose rules are put beside the recorded verdicts.
#[derive(Clone, Copy)]
enum Judge<'a> {
    /// Our own, by their aliases.
    Own,
    /// Checkov's policies in YAML or JSON of a folder, run as they are.
    Policies(&'a Path),
}

impl Judge<'_> {
    /// The folder of tables and excuses.
    fn folder(self) -> PathBuf {
        shell::root().join(match self {
            Judge::Own => "conformance/checkov",
            Judge::Policies(_) => "conformance/checkov-policies",
        })
    }

    /// The ids under which a result or rule is compared.
    fn ids(self, rule: &Value, id: &str) -> Vec<String> {
        match self {
            Judge::Own => rule["aliases"].as_array().into_iter().flatten().map(text).filter(|alias| alias.starts_with("CKV")).collect(),
            Judge::Policies(_) if rule["engine"] == "checkov" => vec![text(&rule[id])],
            Judge::Policies(_) => Vec::new(),
        }
    }
}

/// Reads `[[excused]]` tables with `pattern` and `reason`.
pub(crate) fn excuses(folder: &Path, file: &str) -> Result<Vec<Excuse>> {
    let path = folder.join(file);
    let Ok(content) = std::fs::read_to_string(&path) else { return Ok(Vec::new()) };
    let mut out: Vec<Excuse> = Vec::new();
    for (number, line) in content.lines().enumerate() {
        let line = line.trim();
        let place = || format!("{}:{}", path.display(), number + 1);
        if line.is_empty() || line.starts_with('#') {
            continue;
        }
        if line == "[[excused]]" {
            out.push(Excuse { pattern: String::new(), reason: String::new(), used: std::cell::Cell::new(false) });
            continue;
        }
        let (key, value) = line.split_once('=').with_context(|| format!("{}: neither a table nor a key", place()))?;
        let value = value.trim().trim_matches('\'').trim_matches('"').to_owned();
        let last = out.last_mut().with_context(|| format!("{}: a key before the first table", place()))?;
        match key.trim() {
            "pattern" => last.pattern = value,
            "reason" => last.reason = value,
            other => bail!("{}: unknown key `{other}`", place()),
        }
    }
    if let Some(empty) = out.iter().find(|excuse| excuse.pattern.is_empty() || excuse.reason.len() < 10) {
        bail!("an excuse needs a pattern and a reason: `{}`", empty.pattern);
    }
    Ok(out)
}

/// `*` matches any run of characters.
pub(crate) fn like(pattern: &str, text: &str) -> bool {
    let mut parts = pattern.split('*');
    let first = parts.next().unwrap_or_default();
    let Some(mut rest) = text.strip_prefix(first) else { return false };
    let parts: Vec<&str> = parts.collect();
    let Some((last, middle)) = parts.split_last() else { return rest.is_empty() };
    for part in middle {
        let Some(at) = rest.find(part) else { return false };
        rest = &rest[at + part.len()..];
    }
    rest.ends_with(last)
}

/// Our address in Checkov's way of writing.
fn address(framework: &str, subject: &Value, fixture: &str) -> Vec<String> {
    let id = text(&subject["id"]);
    match framework {
        "terraform" => {
            // data sources without `data.`, module calls and providers by name alone
            let mut out = vec![format!(".{id}").replace(".data.", ".").trim_start_matches('.').to_owned()];
            if let Some(name) = id.strip_prefix("module.")
                && !name.contains('.')
            {
                out.push(name.to_owned());
            }
            if id.starts_with("provider.") {
                out.push(id.replacen("provider.", "", 1));
                out.push(id.replacen("provider.", "", 1) + ".default");
            }
            out
        }
        "kubernetes" => {
            // Checkov gives objects without a namespace the one of their text, or `default`; several objects of one name are told apart
            // by file and line.
            let id = id.split_once('#').map_or(id.as_str(), |(id, _)| id);
            let parts: Vec<&str> = id.splitn(3, '/').collect();
            match parts[..] {
                // Checkov names the pods of a workload after it, with their labels behind.
                [kind, namespace, name] => vec![format!("{kind}.{namespace}.{name}"), format!("Pod.{namespace}.{name}.*")],
                [kind, name] => vec![format!("{kind}.*.{name}")],
                _ => vec![id.to_owned()],
            }
        }
        "dockerfile" => {
            let file = text(&subject["file"]);
            let short = file.strip_prefix(fixture).unwrap_or(&file);
            let short = if short.starts_with('/') { short.to_owned() } else { format!("/{short}") };
            let instruction = text(&subject["type"]);
            let suffix = if instruction == "Dockerfile" { "" } else { &instruction };
            vec![format!("{short}.{suffix}"), format!("{file}.{suffix}")]
        }
        // A resource of a service is addressed as one of a template.
        "cloudformation" | "serverless" if text(&subject["kind"]) == "cloudformation" => vec![format!("{}.{id}", text(&subject["type"]))],
        "arm" | "bicep" => {
            // Nested resources may be known by the last parts of their types alone, and names may be expressions.
            let id = id.split_once(['#', '[']).map_or(id.as_str(), |(id, _)| id);
            let name = if framework == "arm" { id.rsplit('/').next() } else { id.rsplit(['.', ':']).next() }.unwrap_or(id);
            let kind = text(&subject["type"]).to_lowercase();
            let ends = kind.match_indices('/').map(|(at, _)| &kind[at + 1..]);
            std::iter::once(kind.as_str()).chain(ends).flat_map(|kind| [format!("{kind}.{name}"), format!("{kind}.*")]).collect()
        }
        _ if is_by_line(framework) => vec!["*".to_owned()],
        _ => vec![id],
    }
}

/// A row's address in the form of [`address`]: types of Azure in lower case, `*` for a name that is an expression.
fn written(row: &Row) -> String {
    if !matches!(row.framework.as_str(), "arm" | "bicep") {
        return row.resource.clone();
    }
    let provider = row.resource.find('/').filter(|_| row.resource.starts_with("Microsoft.")).unwrap_or(0);
    let dot = row.resource[provider..].find('.').map_or(row.resource.len(), |at| provider + at);
    let (kind, name) = row.resource.split_at(dot);
    let name = if name.contains(['[', '(']) { ".*" } else { name };
    format!("{}{name}", kind.to_lowercase())
}

/// Scans one fixture and returns all results as JSON.
fn scan(program: &Path, suite: &Path, source: &str, judge: Judge<'_>) -> Result<Value> {
    let mut command = Command::new(program);
    if let Judge::Policies(folder) = judge {
        command.arg("scan").arg("--policies").arg(folder);
    } else {
        command.arg("scan");
    }
    let output = command
        .args([source, "--format", "json", "--show", "all", "--quiet"])
        .current_dir(suite)
        .env_clear()
        .env("HOME", "/nonexistent")
        .output()?;
    if ![Some(0), Some(3), Some(4)].contains(&output.status.code()) {
        bail!("scan of {source} ended with {}: {}", output.status, String::from_utf8_lossy(&output.stderr));
    }
    if output.stdout.is_empty() {
        return Ok(Value::Null);
    }
    serde_json::from_slice(&output.stdout).with_context(|| format!("scan of {source} printed no JSON"))
}

fn rows(folder: &Path, framework: Option<&str>, check: Option<&str>) -> Result<Vec<Row>> {
    let mut out = Vec::new();
    for case in read_lines(&folder.join("expectations.jsonl"))? {
        let (of, id) = (text(&case["framework"]), text(&case["check"]));
        if !FRAMEWORKS.contains(&of.as_str()) || framework.is_some_and(|name| name != of) || check.is_some_and(|name| name != id) {
            continue;
        }
        for row in case["expect"].as_array().into_iter().flatten() {
            out.push(Row {
                check: id.clone(),
                framework: of.clone(),
                source: text(&case["source"]),
                file: text(&row["file"]),
                resource: text(&row["resource"]),
                line: row["lines"][0].as_u64().unwrap_or(0),
                expected: text(&row["result"]),
            });
        }
    }
    Ok(out)
}

/// Ids that our rules carry, by the framework they are for.
fn implemented(program: &Path, judge: Judge<'_>) -> Result<BTreeMap<String, BTreeSet<String>>> {
    let mut command = Command::new(program);
    command.args(["policies", "list", "--format", "json"]);
    if let Judge::Policies(folder) = judge {
        command.arg("--policies").arg(folder);
    }
    let output = command.output()?;
    if !output.status.success() {
        bail!("`policies list` ended with {}: {}", output.status, String::from_utf8_lossy(&output.stderr));
    }
    let listed: Value = serde_json::from_slice(&output.stdout).context("`policies list` printed no JSON")?;
    let mut out: BTreeMap<String, BTreeSet<String>> = BTreeMap::new();
    for rule in listed["rules"].as_array().into_iter().flatten() {
        for alias in judge.ids(rule, "id") {
            for target in rule["applies_to"].as_array().into_iter().flatten().map(text) {
                let by_line = BY_LINE.iter().find(|(_, _, prefix, _)| target.starts_with(prefix));
                let frameworks: &[&str] = if let Some((name, .., of)) = by_line {
                    // One rule may stand for ids of several systems.
                    if !alias.contains(of) {
                        continue;
                    }
                    &[name]
                } else if alias.starts_with("CKV_ARGO_") {
                    &["argo_workflows"]
                } else if target == "workloads" {
                    &["kubernetes", "terraform", "terraform_plan"]
                } else if target.contains("::") {
                    &["cloudformation"]
                } else if target.starts_with("serverless.") {
                    &["serverless"]
                } else if target.starts_with("Microsoft.") || target == "secureString" {
                    &["arm", "bicep"]
                } else if target.chars().all(|letter| letter.is_ascii_uppercase()) || target == "Dockerfile" {
                    &["dockerfile"]
                } else if target.starts_with(|letter: char| letter.is_ascii_uppercase()) {
                    &["kubernetes"]
                } else {
                    &["terraform", "terraform_plan"]
                };
                for framework in frameworks {
                    out.entry((*framework).to_owned()).or_default().insert(alias.clone());
                }
            }
        }
    }
    Ok(out)
}

/// Whether we have a rule for a row. What stands under `resources` of a service is CloudFormation.
fn has_rule(known: &BTreeMap<String, BTreeSet<String>>, row: &Row) -> bool {
    let has = |framework: &str| known.get(framework).is_some_and(|ids| ids.contains(&row.check));
    has(&row.framework) || row.framework == "serverless" && has("cloudformation")
}

/// Compares with the numbers kept in the repository, so that nothing slides back, and raises them.
fn floors(tallies: &BTreeMap<&str, Tally>, ids: &BTreeSet<&String>, judge: Judge<'_>) -> Result<()> {
    let place = judge.folder().join("floor.json");
    let before: Value = match std::fs::read_to_string(&place) {
        Ok(text) => serde_json::from_str(&text).with_context(|| format!("{} cannot be read", place.display()))?,
        Err(_) => Value::Null,
    };
    let mut now = serde_json::Map::new();
    now.insert("ids".to_owned(), ids.len().into());
    for (framework, tally) in tallies {
        for result in ["fail", "pass"] {
            now.insert(format!("{framework} {result}"), tally.agreed.get(result).copied().unwrap_or(0).into());
        }
    }
    for (name, least) in before.as_object().into_iter().flatten() {
        let have = now.get(name).and_then(Value::as_u64).unwrap_or(0);
        if have < least.as_u64().unwrap_or(0) {
            bail!("{name}: {have} agreed, {least} before; conformance slid back");
        }
    }
    std::fs::write(place, format!("{:#}\n", Value::Object(now)))?;
    Ok(())
}

/// Runs the suite and writes the table.
pub fn run(folder: &Path, framework: Option<&str>, check: Option<&str>, verbose: bool) -> Result<()> {
    compare(folder, framework, check, verbose, Judge::Own)
}

/// Runs Checkov's own policies of a folder over the suite, and writes the table.
pub fn policies(folder: &Path, policies: &Path, framework: Option<&str>, check: Option<&str>, verbose: bool) -> Result<()> {
    if !policies.is_dir() {
        println!(
            "no policies at {}: give a folder of Checkov's policies in YAML or JSON with --policies DIR; nothing is compared",
            policies.display()
        );
        return Ok(());
    }
    let policies = policies.canonicalize()?;
    compare(folder, framework, check, verbose, Judge::Policies(&policies))
}

fn compare(folder: &Path, framework: Option<&str>, check: Option<&str>, verbose: bool, judge: Judge<'_>) -> Result<()> {
    if !folder.join("expectations.jsonl").is_file() {
        bail!("no Checkov suite at {}: give its folder", folder.display());
    }
    let program = shell::build(false)?;
    let known = implemented(&program, judge)?;
    let rows = rows(folder, framework, check)?;
    let excuses = excuses(&judge.folder(), "expected-failures.toml")?;
    let sources: Vec<&str> =
        rows.iter().filter(|row| has_rule(&known, row)).map(|row| row.source.as_str()).collect::<BTreeSet<_>>().into_iter().collect();
    let scans: Mutex<BTreeMap<&str, Value>> = Mutex::default();
    let next = AtomicUsize::new(0);
    std::thread::scope(|scope| -> Result<()> {
        let workers: Vec<_> = (0..2)
            .map(|_| {
                scope.spawn(|| -> Result<()> {
                    while let Some(source) = sources.get(next.fetch_add(1, Ordering::Relaxed)) {
                        let found = scan(&program, folder, source, judge)?;
                        scans.lock().map_err(|_| anyhow::anyhow!("a worker failed"))?.insert(source, found);
                    }
                    Ok(())
                })
            })
            .collect();
        workers.into_iter().try_for_each(|worker| worker.join().map_err(|_| anyhow::anyhow!("a worker failed"))?)
    })?;
    let scans = scans.into_inner().map_err(|_| anyhow::anyhow!("a worker failed"))?;

    // (source, framework, check) -> (file, address, line) -> said
    let mut said: SaidBy<'_> = BTreeMap::new();
    for (source, report) in &scans {
        let fixture = if folder.join(source).is_dir() {
            (*source).to_owned()
        } else {
            source.rsplit_once('/').map_or("", |(parent, _)| parent).to_owned()
        };
        for result in report["results"].as_array().into_iter().flatten() {
            let plan = |file: &str| file.ends_with(".json") && !file.ends_with(".tf.json");
            let framework = match result["subject"]["kind"].as_str() {
                Some("terraform") if result["subject"]["at"]["file"].as_str().is_some_and(plan) => "terraform_plan",
                Some("terraform") => "terraform",
                Some("kubernetes") => "kubernetes",
                Some("dockerfile") => "dockerfile",
                Some("cloudformation")
                    if text(&result["subject"]["root"]).rsplit('/').next().is_some_and(|name| name.starts_with("serverless.")) =>
                {
                    "serverless"
                }
                Some("cloudformation") => "cloudformation",
                Some("serverless") => "serverless",
                Some("arm") => "arm",
                Some("bicep") => "bicep",
                Some(kind) => match BY_LINE.iter().find(|(_, word, ..)| *word == kind) {
                    Some((name, ..)) => name,
                    None => continue,
                },
                _ => continue,
            };
            let status = match (result["status"].as_str(), result["exception"].is_null()) {
                (Some("pass"), _) => Said::Pass,
                (Some("fail"), true) => Said::Fail,
                (Some("fail"), false) | (Some("skip"), _) => Said::Skip,
                (Some("unknown"), _) => Said::Unknown,
                (Some("error"), _) => Said::Error,
                _ => continue,
            };
            let place = &result["subject"]["at"];
            // Checkov names the service also for what stands in a file it reads.
            let below = text(if framework == "serverless" { &result["subject"]["root"] } else { &place["file"] });
            let file = if folder.join(source).is_dir() { format!("{source}/{below}") } else { (*source).to_owned() };
            let mut subject = result["subject"].clone();
            subject["file"] = Value::String(file.clone());
            for alias in judge.ids(result, "rule") {
                let framework = if alias.starts_with("CKV_ARGO_") { "argo_workflows" } else { framework };
                let of = said.entry((source, framework, alias)).or_default();
                // Checkov counts the lines of a plan from the one before the values of the resource.
                let line = place["line"].as_u64().unwrap_or(0).saturating_sub(u64::from(framework == "terraform_plan"));
                for written in address(framework, &subject, &fixture) {
                    let entry = of.entry((file.clone(), written, line)).or_insert(status);
                    *entry = (*entry).max(status);
                }
            }
        }
    }

    let mut tallies: BTreeMap<&str, Tally> = BTreeMap::new();
    let mut disagreements = Vec::new();
    let mut wrongly_excused = Vec::new();
    let mut matched: BTreeSet<(&str, &str, String, Key)> = BTreeSet::new();
    for row in &rows {
        if !has_rule(&known, row) {
            continue;
        }
        let tally = tallies.entry(&row.framework).or_default();
        tally.ids.insert(row.check.clone());
        let of = said.get(&(row.source.as_str(), row.framework.as_str(), row.check.clone()));
        let key = (row.file.clone(), written(row), row.line);
        // A Dockerfile's file-level row may be one we report on an instruction, and the other way round, where we say "pass".
        let found = of.and_then(|of| {
            let anywhere = || {
                let (kind, rest) = row.resource.split_once('.')?;
                let (namespace, name) = rest.split_once('.')?;
                let pod = name.split_once('.').map(|(name, _)| format!("{kind}.{namespace}.{name}.*"));
                let found = |address: String| of.get(&(row.file.clone(), address, row.line)).copied();
                found(format!("{kind}.*.{name}")).or_else(|| found(pod?))
            };
            // Checkov begins a resource of Azure where the first of the values put into it stands, which may be a parameter's default.
            let alone = || {
                let (file, address) = (&key.0, &key.1);
                let mut lines = of.iter().filter(|((of, written, _), _)| of == file && written == address && !address.ends_with(".*"));
                let only = lines.next().filter(|_| matches!(row.framework.as_str(), "arm" | "bicep"))?;
                if lines.next().is_some() {
                    return None;
                }
                matched.insert((&row.source, &row.framework, row.check.clone(), only.0.clone()));
                Some(*only.1)
            };
            of.get(&key).copied().or_else(anywhere).or_else(alone).or_else(|| {
                (row.framework == "dockerfile" && row.expected != "fail")
                    .then(|| of.iter().filter(|((file, _, _), _)| *file == row.file).map(|(_, said)| *said).max())
                    .flatten()
            })
        });
        let found = match of.filter(|_| is_by_line(&row.framework)).and_then(|of| said_at(of, row)) {
            Some((said, keys)) => {
                matched.extend(keys.into_iter().map(|key| (row.source.as_str(), row.framework.as_str(), row.check.clone(), key)));
                Some(said)
            }
            None => found,
        };
        matched.insert((&row.source, &row.framework, row.check.clone(), key));
        let agrees =
            matches!((row.expected.as_str(), found), ("pass", Some(Said::Pass)) | ("fail", Some(Said::Fail)) | ("skip", Some(Said::Skip)));
        let name = format!("{} {} {} {}", row.framework, row.check, row.file, row.resource);
        let excuse = excuses.iter().find(|excuse| like(&excuse.pattern, &name));
        *tally.rows.entry(row.expected.clone()).or_insert(0) += 1;
        if let Some(excuse) = excuse {
            excuse.used.set(true);
            tally.excused += 1;
            if agrees {
                wrongly_excused.push(format!("{name} (`{}`)", excuse.pattern));
            }
            continue;
        }
        if agrees {
            *tally.agreed.entry(row.expected.clone()).or_insert(0) += 1;
        } else {
            disagreements.push(format!(
                "{name}:{} expected {}, ours {}",
                row.line,
                row.expected,
                found.map_or("missing".to_owned(), |said| format!("{said:?}").to_lowercase())
            ));
        }
    }
    for ((source, framework, check), of) in &said {
        // Only cases the suite has rows for can have extra results.
        if !rows.iter().any(|row| row.source == *source && row.framework == *framework && row.check == *check) {
            continue;
        }
        for (key, status) in of {
            let shadowed = *framework == "dockerfile"
                || key.1.contains("provider.")
                || matched.iter().any(|(s, f, c, k)| s == source && f == framework && c == check && k.0 == key.0 && k.2 == key.2);
            if *status == Said::Fail && !matched.contains(&(*source, *framework, check.clone(), key.clone())) && !shadowed {
                tallies.entry(framework).or_default().extra += 1;
                if verbose {
                    println!("extra: {framework} {check} {} {} :{}", key.0, key.1, key.2);
                }
            }
        }
    }

    let mut table = String::from(match judge {
        Judge::Own => "# Checkov\n\nGenerated by `cargo xtask conformance checkov`.",
        Judge::Policies(_) => {
            "# Checkov's policies\n\nGenerated by `cargo xtask conformance checkov-policies --policies DIR`: the policies in YAML and JSON that come with Checkov, run\nas they are by the engine for them."
        }
    });
    table.push_str(
        " Each case runs on its own fixture and is matched by framework, check, file, address and start\nline; a missing result is not agreement. Excused rows count as not agreed; `expected-failures.toml`\nsays why each is.\n\n| framework | ids implemented | ids judged | fail rows agreed | pass rows agreed | skip rows agreed | extra fails | excused |\n|---|---|---|---|---|---|---|---|\n",
    );
    let percent = |agreed: usize, of: usize| {
        if of == 0 { "-".to_owned() } else { format!("{agreed} of {of} ({:.1} %)", 100.0 * agreed as f64 / of as f64) }
    };
    let mut total: BTreeMap<&str, (usize, usize)> = BTreeMap::new();
    let mut all_ids: BTreeSet<&String> = BTreeSet::new();
    for (framework, tally) in &tallies {
        let of = |result: &str| (tally.agreed.get(result).copied().unwrap_or(0), tally.rows.get(result).copied().unwrap_or(0));
        for result in ["fail", "pass", "skip"] {
            let entry = total.entry(result).or_default();
            entry.0 += of(result).0;
            entry.1 += of(result).1;
        }
        all_ids.extend(&tally.ids);
        let show = |result: &str| percent(of(result).0, of(result).1);
        writeln!(
            table,
            "| {framework} | {} | {} | {} | {} | {} | {} | {} |",
            known.get(*framework).map_or(0, BTreeSet::len),
            tally.ids.len(),
            show("fail"),
            show("pass"),
            show("skip"),
            tally.extra,
            tally.excused
        )?;
    }
    println!("{table}");
    if verbose || check.is_some() || disagreements.len() <= 60 {
        disagreements.iter().for_each(|line| println!("{line}"));
    } else {
        println!("{} rows disagree; --verbose lists them", disagreements.len());
    }
    if framework.is_none() && check.is_none() {
        let place = judge.folder().join("README.md");
        std::fs::create_dir_all(place.parent().unwrap_or(&place))?;
        std::fs::write(&place, &table)?;
        let stale: Vec<&str> = excuses.iter().filter(|excuse| !excuse.used.get()).map(|excuse| excuse.pattern.as_str()).collect();
        if !stale.is_empty() {
            println!("excuses that match no row here: {}", stale.join(", "));
        }
        if !wrongly_excused.is_empty() {
            bail!("excused rows that agree; take them off the list:\n{}", wrongly_excused.join("\n"));
        }
        if !disagreements.is_empty() {
            bail!("{} rows disagree and are not excused in {}/expected-failures.toml", disagreements.len(), judge.folder().display());
        }
        floors(&tallies, &all_ids, judge)?;
        for (result, (agreed, of)) in &total {
            let share = 100.0 * *agreed as f64 / (*of).max(1) as f64;
            if *result != "skip" && share < BAR {
                bail!("only {share:.1} % of {result} rows agree, the bar is {BAR} %");
            }
        }
        println!("{} ids judged, {} fail and {} pass rows agreed", all_ids.len(), total["fail"].0, total["pass"].0);
    }
    Ok(())
}
