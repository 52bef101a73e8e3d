//! Reports of other scanners in the gate: taken in whatever their form, joined, and closed where they are broken.
#![allow(clippy::disallowed_methods, clippy::panic, reason = "a test touches the world on purpose and fails by panicking")]
#![allow(clippy::unwrap_used, reason = "a test that cannot go on fails")]

mod common;

use common::Repo;
use serde_json::json;

const TRIVY: &str = r#"{"SchemaVersion":2,"Trivy":{"Version":"0.68.1"},"CreatedAt":"2026-01-02T03:04:05Z","ArtifactName":".","ArtifactType":"filesystem",
    "Results":[{"Target":"package-lock.json","Class":"lang-pkgs","Type":"npm","Vulnerabilities":[{"VulnerabilityID":"CVE-2018-3721",
    "VendorIDs":["GHSA-fvqr-27wr-82fm"],"PkgName":"lodash","InstalledVersion":"4.17.4","FixedVersion":"4.17.5","Severity":"HIGH","Title":"lodash: Prototype pollution"}]}]}"#;

const GRYPE: &str = r#"{"matches":[{"vulnerability":{"id":"GHSA-fvqr-27wr-82fm","severity":"Critical","fix":{"versions":["4.17.5"],"state":"fixed"}},
    "relatedVulnerabilities":[{"id":"CVE-2018-3721"}],"artifact":{"name":"lodash","version":"4.17.4","type":"npm","locations":[{"path":"/package-lock.json"}],"purl":"pkg:npm/lodash@4.17.4"}}],
    "source":{"type":"directory","target":"."},"descriptor":{"name":"grype","version":"0.104.0","timestamp":"2026-01-02T03:04:05Z"}}"#;

const GITLEAKS: &str = r#"[{"RuleID":"github-pat","Description":"A token","StartLine":1,"EndLine":1,"StartColumn":1,"EndColumn":9,
    "Match":"ghp_R8dK2mVx0QwYt5ZbN3sLcHf7JgUaEp1oTiXy","Secret":"ghp_R8dK2mVx0QwYt5ZbN3sLcHf7JgUaEp1oTiXy","File":"app.py","Commit":"","Fingerprint":"app.py:github-pat:1"}]"#;

/// A folder that has an application, and nothing our own rules find.
fn shop() -> Repo {
    let repo = Repo::new();
    repo.write("app.py", "x\n").write("map.yaml", &common::map("a", "untidy=false"));
    repo.write("package-lock.json", r#"{"name":"shop","lockfileVersion":3,"packages":{"":{"name":"shop"}}}"#);
    repo
}

#[test]
fn several_tools_that_see_one_hole() {
    let repo = shop();
    let trivy = repo.write_beside("a.json", TRIVY);
    let grype = repo.write_beside("b.json", GRYPE);
    let report = repo.report(1, &["--report", &trivy, "--report", &grype]);
    assert_eq!(report.colour(), "red");
    let found = report.of("trivy/CVE-2018-3721");
    assert_eq!(found["also_seen_by"], json!(["grype"]));
    assert_eq!((&found["at"]["file"], &found["subject"]["id"]), (&json!("package-lock.json"), &json!("pkg:npm/lodash@4.17.4")));
    assert!(found["message"].as_str().unwrap().ends_with("(grype calls it critical)"), "{found}");
    assert_eq!((&found["engine"], &found["fix"]), (&json!("report"), &json!("upgrade `lodash` to 4.17.5")));
    // What was taken in stands in the coverage, and its tool and version beside it.
    let read = report.0["coverage"]["read"].as_array().unwrap();
    for source in ["trivy", "grype"] {
        assert!(read.iter().any(|file| file["source"] == source && file["subjects"] == 1), "{read:?}");
    }
    let said = report.0["diagnostics"].to_string();
    assert!(said.contains("`Trivy` 0.68.1: 1 result taken in, 1 of them faults; it ran until 2026-01-02T03:04:05Z"), "{said}");
}

#[test]
fn other_names_of_the_flag_and_the_configuration() {
    let repo = shop();
    let trivy = repo.write_beside("a.json", TRIVY);
    for flag in ["--with", "--sarif", "--report"] {
        let report = repo.report(1, &[flag, &trivy]);
        report.of("trivy/CVE-2018-3721");
    }
    repo.report(1, &["--report", &format!("trivy={trivy}")]).of("trivy/CVE-2018-3721");
    repo.write("reports/deps.json", TRIVY).write("probity.yaml", "scans: [{ name: deps, file: reports/deps.json }]\n");
    repo.report(1, &[]).of("trivy/CVE-2018-3721");
}

#[test]
fn what_is_broken_or_unknown_fails_closed() {
    let repo = shop();
    let end = TRIVY.len() - 40;
    let check = |name: &str, text: &str, said: &str| {
        let file = repo.write_beside(name, text);
        let report = repo.report(3, &["--report", &file]);
        assert_eq!(report.colour(), "none");
        assert!(report.0["diagnostics"].to_string().contains(said), "{}", report.0["diagnostics"]);
    };
    check("cut.json", &TRIVY[..end], "json-syntax");
    check("unknown.json", r#"{"hello":1}"#, "no report in a form that is known");
    check("empty.json", "[]", "does not say which scan found nothing");
    check("failed.json", r#"{"error":{"code":"ENOLOCK","summary":"no lock file","detail":""}}"#, "says that its scan failed: no lock file");
    check("row.json", &TRIVY.replace("\"PkgName\":\"lodash\",", ""), "1 of 1 results cannot be read");
    repo.write("probity.yaml", "scans: [{ name: leaks, file: leaks.json, format: gitlekas }]\n").write("leaks.json", "[]");
    assert!(repo.report(3, &[]).0["diagnostics"].to_string().contains("there is no format of that name"));
}

#[test]
fn an_empty_report_of_a_named_format_is_clean() {
    let repo = shop();
    let empty = repo.write_beside("leaks.json", "[]");
    repo.report(0, &["--report", &format!("gitleaks={empty}")]).results(&[]);
    repo.write("leaks.json", "[]").write("probity.yaml", "scans: [{ name: leaks, file: leaks.json, format: gitleaks }]\n");
    let report = repo.report(0, &[]);
    assert!(report.0["diagnostics"].to_string().contains("`gitleaks`: 0 results taken in"));
    // It counts as the scan that is required, but does not say how old it is.
    repo.write("probity.yaml", "scans: [{ name: leaks, file: leaks.json, format: gitleaks }]\nrequired: { leaks: 1d }\n");
    repo.report(1, &[]).results(&["probity-required-scan-missing leaks"]);
}

#[test]
fn no_secret_is_printed() {
    let repo = shop();
    let leaks = repo.write_beside("leaks.json", GITLEAKS);
    for format in ["human", "json", "sarif", "junit", "github", "gitlab", "markdown"] {
        let ran = repo.gate(&["--evidence", "none", "--format", format, "--report", &leaks]).code(1);
        assert!(ran.out.contains("github-pat") && !ran.out.contains("R8dK2mVx0QwYt5Zb"), "{format}: {}", ran.out);
    }
}

#[test]
fn results_older_than_the_commit_are_said() {
    let repo = shop();
    repo.commit();
    let trivy = repo.write_beside("a.json", &TRIVY.replace("2026-01-02T03:04:05Z", "2001-01-02T03:04:05Z"));
    let said = repo.report(1, &["--report", &trivy]).0["diagnostics"].to_string();
    assert!(
        said.contains("scan-older-than-commit") && said.contains("ran until 2001-01-02T03:04:05Z, before the commit was made"),
        "{said}"
    );
    let fresh = repo.write_beside("b.json", &TRIVY.replace("2026-01-02T03:04:05Z", "2999-01-02T03:04:05Z"));
    assert!(!repo.report(1, &["--report", &fresh]).0["diagnostics"].to_string().contains("scan-older-than-commit"));
}

#[test]
fn a_verdict_over_reports_is_replayed() {
    let repo = shop();
    repo.commit();
    let trivy = repo.write_beside("a.json", TRIVY);
    let empty = repo.write_beside("leaks.json", "[]");
    repo.recorded(1, &["--report", &trivy, "--report", &format!("gitleaks={empty}")]);
    repo.run(&["evidence", "replay", "0"]).code(0).prints("red");
}
