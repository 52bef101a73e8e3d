//! What attestations say: SLSA provenance v1 and v0.2, verdicts of gates (VSA), scans for known holes.

use probity_attest::statement::parse_time;
use probity_core::Timestamp;
use serde_json::Value;

pub(super) const PROVENANCE: [&str; 2] = ["https://slsa.dev/provenance/v1", "https://slsa.dev/provenance/v0.2"];
pub(super) const SUMMARY: &str = "https://slsa.dev/verification_summary/v1";
pub(super) const SCAN: &str = "https://cosign.sigstore.dev/attestation/vuln/v1";
/// Types of lists of contents; what follows them is a version.
pub(super) const CONTENTS: [&str; 2] = ["https://spdx.dev/Document", "https://cyclonedx.org/bom"];

/// Builders whose runs cannot touch the keys that sign their provenance: level 3.
const ISOLATED: [&str; 3] = [
    "https://cloudbuild.googleapis.com/GoogleHostedWorker@",
    "https://github.com/slsa-framework/slsa-github-generator/.github/workflows/",
    "https://github.com/slsa-framework/slsa-github-generator-go/.github/workflows/",
];

/// Where something was built, from what.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Built {
    pub(super) builder: String,
    pub(super) source: Option<String>,
    pub(super) reference: Option<String>,
    pub(super) workflow: Option<String>,
}

impl Built {
    /// Reads a provenance; `None` where it names no builder.
    pub(super) fn read(kind: &str, predicate: &Value) -> Option<Built> {
        let text = |path: &str| predicate.pointer(path).and_then(Value::as_str).filter(|text| !text.is_empty()).map(str::to_owned);
        let mut built = Built::default();
        if kind == "https://slsa.dev/provenance/v1" {
            built.builder = text("/runDetails/builder/id")?;
            let workflow = |key: &str| text(&format!("/buildDefinition/externalParameters/workflow/{key}"));
            let source =
                text("/buildDefinition/externalParameters/source").or_else(|| text("/buildDefinition/externalParameters/source/uri"));
            built.source = workflow("repository").or(source);
            built.reference = workflow("ref");
            built.workflow = workflow("path");
        } else {
            built.builder = text("/builder/id")?;
            built.source = text("/invocation/configSource/uri");
            built.workflow = text("/invocation/configSource/entryPoint");
        }
        // `git+https://github.com/acme/app@refs/heads/main`
        if let Some(source) = built.source.take() {
            let (bare, reference) = source.rsplit_once('@').map_or((source.as_str(), None), |(bare, reference)| (bare, Some(reference)));
            built.reference = built.reference.take().or(reference.map(str::to_owned));
            built.source = Some(repository(bare).to_owned());
        }
        Some(built)
    }

    /// The level of SLSA's build track the builder is known to reach. The provenance is signed, or it would not be read: 2 at least.
    pub(super) fn level(&self) -> u8 {
        if ISOLATED.iter().any(|known| self.builder.starts_with(known)) { 3 } else { 2 }
    }
}

/// A repository without what may be around its name.
pub(super) fn repository(text: &str) -> &str {
    let bare = text.strip_prefix("git+").unwrap_or(text);
    let bare = bare.split_once("://").map_or(bare, |(_, rest)| rest);
    let bare = bare.strip_suffix('/').unwrap_or(bare);
    bare.strip_suffix(".git").unwrap_or(bare)
}

/// What a gate said.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Summary {
    pub(super) passed: bool,
    /// What our own gate says beside it.
    pub(super) colour: Option<String>,
    pub(super) time: Timestamp,
    pub(super) levels: Vec<String>,
}

impl Summary {
    /// Reads a verdict; why it is none.
    pub(super) fn read(predicate: &Value) -> Result<Summary, String> {
        let text = |path: &str| predicate.pointer(path).and_then(Value::as_str);
        let time = text("/timeVerified").ok_or("it does not say when it was reached")?;
        let levels = predicate.pointer("/verifiedLevels").and_then(Value::as_array).into_iter().flatten();
        Ok(Summary {
            passed: text("/verificationResult") == Some("PASSED"),
            colour: text("/probity/colour").map(str::to_owned),
            time: parse_time(time).map_err(|error| error.to_string())?,
            levels: levels.filter_map(Value::as_str).map(str::to_owned).collect(),
        })
    }

    /// The level of SLSA's build track that it says was verified.
    pub(super) fn level(&self) -> u8 {
        let of = |level: &String| level.strip_prefix("SLSA_BUILD_LEVEL_").and_then(|level| level.parse::<u8>().ok());
        if self.passed { self.levels.iter().filter_map(of).max().unwrap_or(0) } else { 0 }
    }
}

/// When a scan ended.
pub(super) fn scanned(predicate: &Value) -> Result<Timestamp, String> {
    let text = predicate.pointer("/metadata/scanFinishedOn").and_then(Value::as_str).ok_or("it does not say when it ended")?;
    parse_time(text).map_err(|error| error.to_string())
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn provenance_of_both_versions() {
        let one = json!({
            "buildDefinition": {"buildType": "https://actions.github.io/buildtypes/workflow/v1", "externalParameters": {"workflow": {
                "ref": "refs/heads/main", "repository": "https://github.com/acme/app", "path": ".github/workflows/release.yaml"}}},
            "runDetails": {"builder": {"id": "https://github.com/actions/runner/github-hosted"}}
        });
        let built = Built::read("https://slsa.dev/provenance/v1", &one).unwrap();
        assert_eq!(built.source.as_deref(), Some("github.com/acme/app"));
        assert_eq!(built.reference.as_deref(), Some("refs/heads/main"));
        assert_eq!(built.workflow.as_deref(), Some(".github/workflows/release.yaml"));
        assert_eq!(built.level(), 2);
        let two = json!({
            "builder": {"id": "https://github.com/slsa-framework/slsa-github-generator/.github/workflows/generator_container_slsa3.yml@refs/tags/v2.0.0"},
            "invocation": {"configSource": {"uri": "git+https://github.com/acme/app@refs/tags/v1", "entryPoint": ".github/workflows/release.yaml"}}
        });
        let built = Built::read("https://slsa.dev/provenance/v0.2", &two).unwrap();
        assert_eq!(built.source.as_deref(), Some("github.com/acme/app"));
        assert_eq!(built.reference.as_deref(), Some("refs/tags/v1"));
        assert_eq!(built.level(), 3);
        assert_eq!(Built::read("https://slsa.dev/provenance/v1", &two), None);
    }

    #[test]
    fn repositories_are_bare() {
        for text in ["git+https://github.com/acme/app.git", "https://github.com/acme/app/", "github.com/acme/app"] {
            assert_eq!(repository(text), "github.com/acme/app");
        }
    }

    #[test]
    fn a_summary() {
        let text = json!({"timeVerified": "2026-01-31T12:00:00Z", "verificationResult": "PASSED", "verifiedLevels": ["SLSA_BUILD_LEVEL_3"],
            "probity": {"colour": "green"}});
        let summary = Summary::read(&text).unwrap();
        assert_eq!((summary.passed, summary.colour.as_deref(), summary.level()), (true, Some("green"), 3));
        assert!(Summary::read(&json!({"verificationResult": "PASSED"})).is_err());
    }
}
