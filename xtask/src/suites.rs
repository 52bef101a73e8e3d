//! Other people's suites, run as they are: Kyverno's, Gatekeeper's, OPA's, cel-spec's, Conftest's verdicts, Sigstore's bundles and more.
//!
//! Each suite has a folder under `conformance/` with its floor (so that nothing slides back), its excused cases with reasons, and a table
//! of what differs; `conformance/README.md` has one line for each.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::Instant;

use anyhow::{Context, Result, bail};
use serde_json::{Value, json};

use crate::checkov::{excuses, like};
use crate::shell;

/// A suite.
#[derive(Clone, Copy, PartialEq, Eq)]
pub enum Suite {
    Kyverno,
    Gatekeeper,
    Opa,
    Cel,
    Conftest,
    Purl,
    Versions,
    Secrets,
    Sigstore,
    PolicyController,
}

impl Suite {
    pub const ALL: [Suite; 10] = [
        Suite::Kyverno,
        Suite::Gatekeeper,
        Suite::Opa,
        Suite::Cel,
        Suite::Conftest,
        Suite::Purl,
        Suite::Versions,
        Suite::Secrets,
        Suite::Sigstore,
        Suite::PolicyController,
    ];

    pub fn named(name: &str) -> Option<Suite> {
        Suite::ALL.into_iter().find(|suite| suite.name() == name)
    }

    pub fn name(self) -> &'static str {
        match self {
            Suite::Kyverno => "kyverno",
            Suite::Gatekeeper => "gatekeeper",
            Suite::Opa => "opa",
            Suite::Cel => "cel",
            Suite::Conftest => "conftest",
            Suite::Purl => "purl",
            Suite::Versions => "versions",
            Suite::Secrets => "secrets",
            Suite::Sigstore => "sigstore",
            Suite::PolicyController => "policy-controller",
        }
    }

    fn title(self) -> &'static str {
        match self {
            Suite::Kyverno => "kyverno/policies: (policy, rule, resource) expectations",
            Suite::Gatekeeper => "gatekeeper-library: suite cases and Rego unit tests",
            Suite::Opa => "OPA's compliance cases, v1",
            Suite::Cel => "cel-spec's simple tests",
            Suite::Conftest => "our own inputs, beside the verdicts of conftest",
            Suite::Purl => "purl-spec: parse, build and validate",
            Suite::Versions => "osv-scalibr's version comparisons, each in both directions",
            Suite::Secrets => "Nosey Parker's examples, leaky-repo, Gitleaks' configuration",
            Suite::Sigstore => "sigstore-conformance: bundles by path and by digest; parts of those that verify, one bit changed",
            Suite::PolicyController => "policy-controller: policies read or refused at the place they name, CUE beside predicates",
        }
    }

    /// The folder under `../shared/conformance`.
    fn shared(self) -> Option<&'static str> {
        Some(match self {
            Suite::Kyverno => "kyverno-policies",
            Suite::Gatekeeper => "gatekeeper-library",
            Suite::Opa => "opa-cases",
            Suite::Cel => "cel-spec",
            Suite::Purl => "purl-spec",
            Suite::Versions => "version-tables",
            Suite::Secrets => "secrets",
            Suite::Sigstore => "sigstore-conformance",
            Suite::PolicyController => "policy-controller",
            Suite::Conftest => return None,
        })
    }

    /// Where the suite is, unless it is named.
    pub fn folder(self, given: Option<&str>) -> Option<PathBuf> {
        given.map(PathBuf::from).or_else(|| self.shared().map(|name| shell::root().join("../shared/conformance").join(name)))
    }

    fn home(self) -> PathBuf {
        shell::root().join("conformance").join(self.name())
    }
}

/// One case.
pub(crate) struct Case {
    pub(crate) id: String,
    pub(crate) expected: String,
    pub(crate) actual: String,
    pub(crate) agreed: bool,
    /// `false-allow`, `false-deny` or another word.
    pub(crate) kind: Option<String>,
    pub(crate) why: String,
    /// Why it does not count.
    pub(crate) excluded: Option<String>,
}

fn word(value: &Value) -> String {
    value.as_str().map_or_else(|| if value.is_null() { String::new() } else { value.to_string() }, str::to_owned)
}

/// The cases of a suite that runs through `probity test`.
fn tested(folder: &Path) -> Result<Vec<Case>> {
    let program = shell::build(false)?;
    let output = Command::new(program).arg("test").arg(folder).args(["--format", "json"]).output()?;
    let document: Value = serde_json::from_slice(&output.stdout)
        .with_context(|| format!("`probity test` gave no JSON: {}", String::from_utf8_lossy(&output.stderr)))?;
    let mut seen: BTreeMap<String, usize> = BTreeMap::new();
    let cases = document["expectations"].as_array().into_iter().flatten().map(|one| {
        let (expected, actual) = (word(&one["expected"]), word(&one["actual"]));
        let agreed = one["passed"] == true;
        let denies = |text: &str| text.contains("fail") || text.contains("violation") || text.contains("denied");
        let kind = match (agreed, denies(&expected), &*actual) {
            (true, ..) => None,
            (false, true, "pass" | "skip" | "no answer") => Some("false-allow"),
            (false, false, "fail" | "error") => Some("false-deny"),
            _ => Some("other"),
        };
        let mut id = format!("{}: {}/{} {}", word(&one["file"]), word(&one["policy"]), word(&one["rule"]), word(&one["resource"]));
        // The same words may stand twice in one file.
        let count = seen.entry(id.clone()).or_insert(0);
        *count += 1;
        if *count > 1 {
            id = format!("{id} ({count})");
        }
        Case { id, expected, actual, agreed, kind: kind.map(str::to_owned), why: word(&one["why"]), excluded: None }
    });
    Ok(cases.collect())
}

/// The cases of a suite that an example of a crate runs.
pub(crate) fn example(package: &str, name: &str, arguments: &[&str], conftest: Option<&str>) -> Result<Vec<Case>> {
    let mut all = vec!["run", "--quiet", "--package", package, "--example", name, "--"];
    all.extend(arguments);
    let mut command = shell::command("cargo", &all);
    if let Some(program) = conftest {
        command.env("CONFTEST", program);
    }
    let output = command.stderr(std::process::Stdio::inherit()).output()?;
    let text = String::from_utf8(output.stdout)?;
    let mut cases = Vec::new();
    for line in text.lines().filter(|line| line.starts_with('{')) {
        let one: Value = serde_json::from_str(line)?;
        cases.push(Case {
            id: word(&one["id"]),
            expected: word(&one["expected"]),
            actual: word(&one["actual"]),
            agreed: one["agreed"] == true,
            kind: one["kind"].as_str().map(str::to_owned),
            why: word(&one["why"]),
            excluded: one["excluded"].as_str().map(str::to_owned),
        });
    }
    if cases.is_empty() {
        bail!("`{name}` gave no case ({})", output.status);
    }
    Ok(cases)
}

/// Runs a suite, compares with the floor, and writes its tables. `peer` is the installed real tool.
pub fn run(suite: Suite, given: Option<&str>, peer: Option<&str>, verbose: bool) -> Result<()> {
    let folder = suite.folder(given).map(|folder| folder.canonicalize().unwrap_or(folder));
    if let Some(folder) = folder.as_ref().filter(|folder| !folder.is_dir()) {
        bail!("the suite is not at {}; point at a clone of it", folder.display());
    }
    let path = folder.as_deref().map(|folder| folder.to_string_lossy().into_owned()).unwrap_or_default();
    let start = Instant::now();
    let cases = match suite {
        Suite::Kyverno | Suite::Gatekeeper => tested(Path::new(&path))?,
        Suite::Opa => example("probity-rego", "opa_cases", &[&path], None)?,
        Suite::Cel => example("probity-cel", "cel_spec", &[&path, "--all"], None)?,
        Suite::Purl => example("probity-packages", "purl_spec", &[&path], None)?,
        Suite::Versions => example("probity-advisories", "version_tables", &[&path], None)?,
        Suite::Secrets => example("probity-catalog", "secret_suites", &[&path], None)?,
        Suite::Sigstore => crate::sigstore::cases(Path::new(&path), &suite.home())?,
        Suite::PolicyController => example("probity-imagepolicy", "policy_controller", &[&path], None)?,
        Suite::Conftest => example("probity-rego", "conftest_differential", &[], peer)?,
    };
    let took = start.elapsed();
    let home = suite.home();
    std::fs::create_dir_all(&home)?;
    let excused = excuses(&home, "expected-failures.toml")?;
    let counted: Vec<&Case> = cases.iter().filter(|case| case.excluded.is_none()).collect();
    let agreed = counted.iter().filter(|case| case.agreed).count();
    let of_kind = |kind: &str| counted.iter().filter(|case| !case.agreed && case.kind.as_deref() == Some(kind)).count();
    let (allows, denies) = (of_kind("false-allow"), of_kind("false-deny"));
    let mut unexplained = Vec::new();
    let mut explained: BTreeMap<usize, Vec<&Case>> = BTreeMap::new();
    for case in counted.iter().filter(|case| !case.agreed) {
        match excused.iter().position(|excuse| like(&excuse.pattern, &case.id)) {
            Some(position) => {
                if let Some(excuse) = excused.get(position) {
                    excuse.used.set(true);
                }
                explained.entry(position).or_default().push(case);
            }
            None => unexplained.push(*case),
        }
    }
    let percent = |part: usize, of: usize| if of == 0 { 0.0 } else { 100.0 * part as f64 / of as f64 };
    println!(
        "{}: {agreed} of {} agreed ({:.2} %), {} excluded; false-allow {allows}, false-deny {denies}; {} without a reason; {:.1} s",
        suite.name(),
        counted.len(),
        percent(agreed, counted.len()),
        cases.len() - counted.len(),
        unexplained.len(),
        took.as_secs_f64()
    );
    for case in unexplained.iter().take(if verbose { usize::MAX } else { 20 }) {
        println!("  {}: expected {}, got {} {}", case.id, case.expected, case.actual, case.why.lines().next().unwrap_or_default());
    }
    // A listed case that agrees now fails the run, so that lists only shrink.
    let here = |folder: Option<PathBuf>| folder.and_then(|folder| folder.canonicalize().ok());
    let whole = here(folder.clone()) == here(suite.folder(None));
    let stale: Vec<&str> = excused.iter().filter(|excuse| !excuse.used.get()).map(|excuse| excuse.pattern.as_str()).collect();
    if whole && !stale.is_empty() {
        bail!("these excuses are not needed any more: {}", stale.join(", "));
    }
    let floor_path = home.join("floor.json");
    let floor: Value =
        std::fs::read_to_string(&floor_path).ok().map(|text| serde_json::from_str(&text)).transpose()?.unwrap_or(Value::Null);
    let least = |key: &str| floor[key].as_u64().unwrap_or(0);
    if least("cases") == counted.len() as u64 && (agreed as u64) < least("agreed") {
        bail!("{}: {agreed} agreed, {} before; conformance slid back", suite.name(), least("agreed"));
    }
    if !whole {
        return Ok(());
    }
    if !unexplained.is_empty() && unexplained.iter().any(|case| case.kind.as_deref() == Some("false-allow")) {
        bail!("{}: a false allow has no reason", suite.name());
    }
    let peer_said = match (suite, peer) {
        (Suite::Kyverno, Some(program)) => Some(kyverno(program, Path::new(&path))?),
        (Suite::Gatekeeper, Some(program)) => Some(gator(program, Path::new(&path))?),
        (Suite::Conftest, Some(_)) => Some("conftest: asked for every pair in the same run".to_owned()),
        _ => floor["peer"].as_str().map(str::to_owned),
    };
    let now = json!({
        "cases": counted.len(), "agreed": agreed, "excluded": cases.len() - counted.len(),
        "false_allow": allows, "false_deny": denies, "peer": peer_said,
    });
    std::fs::write(&floor_path, format!("{now:#}\n"))?;
    write_details(suite, &cases, &explained, &excused, &unexplained)?;
    write_table()
}

/// What differs and why, and what is excluded and why.
fn write_details(
    suite: Suite,
    cases: &[Case],
    explained: &BTreeMap<usize, Vec<&Case>>,
    excused: &[crate::checkov::Excuse],
    unexplained: &[&Case],
) -> Result<()> {
    let mut text = format!("# {}\n\nWritten by `cargo xtask conformance {}`.\n", suite.title(), suite.name());
    if !explained.is_empty() {
        text += "\n## Differences with a reason\n\nThey count as not agreed.\n\n| cases | pattern | reason |\n|---|---|---|\n";
        for (position, list) in explained {
            if let Some(excuse) = excused.get(*position) {
                text += &format!("| {} | `{}` | {} |\n", list.len(), excuse.pattern, excuse.reason);
            }
        }
    }
    if !unexplained.is_empty() {
        text += "\n## Differences without a reason yet\n\n";
        for case in unexplained {
            text += &format!("- `{}`: expected `{}`, got `{}`\n", case.id, short(&case.expected), short(&case.actual));
        }
    }
    let mut reasons: BTreeMap<&str, usize> = BTreeMap::new();
    for reason in cases.iter().filter_map(|case| case.excluded.as_deref()) {
        *reasons.entry(reason).or_insert(0) += 1;
    }
    if !reasons.is_empty() {
        text += "\n## Excluded\n\n| cases | reason |\n|---|---|\n";
        for (reason, count) in reasons {
            text += &format!("| {count} | {reason} |\n");
        }
    }
    std::fs::write(suite.home().join("README.md"), text)?;
    Ok(())
}

fn short(text: &str) -> String {
    text.chars().take(120).collect::<String>().replace(['`', '\n'], " ")
}

/// One line for each suite, from the floors.
fn write_table() -> Result<()> {
    let mut text = String::from(
        "# Other people's suites\n\nWritten by `cargo xtask conformance NAME`. The suites are run as they are and are not part of this repository. Agreed is strict: a pass or\n\
         failure that is expected has to be an answer of that very rule. Differences with a reason count as not agreed; the reasons are in the folder of each suite.\n\n\
         | suite | cases | agreed | false allow | false deny | excluded | the real tool, same run |\n|---|---|---|---|---|---|---|\n",
    );
    for suite in Suite::ALL {
        let Ok(floor) = std::fs::read_to_string(suite.home().join("floor.json")) else { continue };
        let floor: Value = serde_json::from_str(&floor)?;
        let number = |key: &str| floor[key].as_u64().unwrap_or(0);
        let (cases, agreed) = (number("cases"), number("agreed"));
        text += &format!(
            "| [{}]({}/README.md) | {cases} | {agreed} ({:.2} %) | {} | {} | {} | {} |\n",
            suite.title(),
            suite.name(),
            if cases == 0 { 0.0 } else { 100.0 * agreed as f64 / cases as f64 },
            number("false_allow"),
            number("false_deny"),
            number("excluded"),
            floor["peer"].as_str().unwrap_or("-")
        );
    }
    text += "\nCheckov's suite: [checkov/README.md](checkov/README.md) and [checkov/examples.md](checkov/examples.md). Programs with known truth: [semantics/README.md](semantics/README.md).\n";
    std::fs::write(shell::root().join("conformance/README.md"), text)?;
    Ok(())
}

/// What `kyverno test` says of the same files: its own count, and how many of its passes are rules that gave no answer.
fn kyverno(program: &str, folder: &Path) -> Result<String> {
    let start = Instant::now();
    let output = Command::new(program).arg("test").arg(folder).args(["--detailed-results", "--remove-color"]).output()?;
    let took = start.elapsed();
    let text = String::from_utf8_lossy(&output.stdout);
    let (mut pass, mut fail, mut excluded) = (0_usize, 0_usize, 0_usize);
    for line in text.lines().filter(|line| line.starts_with('│') || line.starts_with('|')) {
        let cells: Vec<&str> = line.split(['│', '|']).map(str::trim).collect();
        if cells.contains(&"Pass") {
            pass += 1;
        } else if cells.contains(&"Fail") {
            fail += 1;
        }
        if cells.contains(&"Excluded") {
            excluded += 1;
        }
    }
    if pass + fail == 0 {
        bail!("`{program} test` gave no result: {}", String::from_utf8_lossy(&output.stderr).chars().take(300).collect::<String>());
    }
    Ok(format!("kyverno CLI: {pass} rows pass ({excluded} of them because no rule answered), {fail} fail; {:.1} s", took.as_secs_f64()))
}

/// What `gator verify` says of the same suites.
fn gator(program: &str, folder: &Path) -> Result<String> {
    let start = Instant::now();
    let output = Command::new(program).arg("verify").arg(format!("{}/...", folder.display())).arg("--verbose").output()?;
    let took = start.elapsed();
    let text = String::from_utf8_lossy(&output.stdout);
    let count = |start: &str| text.lines().filter(|line| line.trim_start().starts_with(start) && line.starts_with(' ')).count();
    let (pass, fail) = (count("--- PASS:"), count("--- FAIL:"));
    if pass + fail == 0 {
        bail!("`{program} verify` gave no result: {}", String::from_utf8_lossy(&output.stderr).chars().take(300).collect::<String>());
    }
    Ok(format!("gator: {pass} cases and tests pass, {fail} fail; {:.1} s", took.as_secs_f64()))
}
