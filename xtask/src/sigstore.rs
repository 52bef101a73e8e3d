//! sigstore-conformance: its vectors through the program, by the suite's own command protocol, by path and by digest; and the bundles that
//! must verify with one bit changed, of which none may.

use std::path::Path;
use std::process::Command;

use anyhow::{Context as _, Result, bail};

use crate::checkov::{excuses, like};
use crate::shell;
use crate::suites::{Case, example};

/// Whom the vectors name, unless they say otherwise (the suite's README).
const IDENTITY: &str = "https://github.com/sigstore-conformance/extremely-dangerous-public-oidc-beacon/.github/workflows/extremely-dangerous-oidc-beacon.yml@refs/heads/main";
const ISSUER: &str = "https://token.actions.githubusercontent.com";

/// All cases; `home` has the list of mutants that change nothing that is signed.
pub(crate) fn cases(suite: &Path, home: &Path) -> Result<Vec<Case>> {
    let mut cases = vectors(suite)?;
    let unsigned = excuses(home, "unsigned.toml")?;
    for mut case in example("probity-sigstore", "bundle_mutants", &[&suite.to_string_lossy()], None)? {
        if !case.agreed
            && let Some(excuse) = unsigned.iter().find(|excuse| like(&excuse.pattern, &case.id))
        {
            excuse.used.set(true);
            case.excluded = Some(excuse.reason.clone());
        }
        cases.push(case);
    }
    let stale: Vec<&str> = unsigned.iter().filter(|excuse| !excuse.used.get()).map(|excuse| excuse.pattern.as_str()).collect();
    if !stale.is_empty() {
        bail!("no mutant verifies of these parts, take them from unsigned.toml: {}", stale.join(", "));
    }
    Ok(cases)
}

fn vectors(suite: &Path) -> Result<Vec<Case>> {
    let program = shell::build(false)?;
    let folder = suite.join("test/assets/bundle-verify");
    let mut names = Vec::new();
    for entry in std::fs::read_dir(&folder).with_context(|| format!("no vectors at {}", folder.display()))? {
        let entry = entry?;
        if entry.path().is_dir() {
            names.push(entry.file_name().to_string_lossy().into_owned());
        }
    }
    names.sort();
    let mut cases = Vec::new();
    for name in names {
        let vector = folder.join(&name);
        let or = |file: &str, other: std::path::PathBuf| Some(vector.join(file)).filter(|path| path.is_file()).unwrap_or(other);
        let text =
            |file: &str, other: &str| std::fs::read_to_string(vector.join(file)).map_or(other.to_owned(), |text| text.trim().to_owned());
        let artifact = or("artifact", folder.join("a.txt"));
        let root = or("trusted_root.json", suite.join("roots/production.json"));
        let digest = probity_testkit::sigstore::sha256(&std::fs::read(&artifact)?);
        for (how, what) in [("path", artifact.to_string_lossy().into_owned()), ("digest", format!("sha256:{digest}"))] {
            let mut command = Command::new(&program);
            command.arg("verify-bundle").arg("--bundle").arg(vector.join("bundle.sigstore.json"));
            let key = vector.join("key.pub");
            if key.is_file() {
                command.arg("--key").arg(key);
            } else {
                command.args(["--certificate-identity", &text("identity", IDENTITY), "--certificate-oidc-issuer", &text("issuer", ISSUER)]);
            }
            let output = command.arg("--trusted-root").arg(&root).arg(&what).output()?;
            let expected = if name.ends_with("_fail") { "refused" } else { "verified" };
            // Whatever is no success is a refusal to the suite; a program that died is neither.
            let actual = match output.status.code() {
                Some(0) => "verified",
                Some(1..=3) => "refused",
                _ => "no answer",
            };
            let said = [output.stdout, output.stderr].concat();
            let why = String::from_utf8_lossy(&said)
                .lines()
                .find(|line| line.contains("because") || line.contains("error"))
                .unwrap_or_default()
                .trim()
                .to_owned();
            cases.push(Case {
                id: format!("{name} by {how}"),
                expected: expected.to_owned(),
                actual: actual.to_owned(),
                agreed: expected == actual,
                kind: match (expected, actual) {
                    ("refused", "verified") => Some("false-allow".to_owned()),
                    ("verified", "refused") => Some("false-deny".to_owned()),
                    (expected, actual) if expected == actual => None,
                    _ => Some("other".to_owned()),
                },
                why,
                excluded: None,
            });
        }
    }
    Ok(cases)
}
