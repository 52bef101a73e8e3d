//! Secrets, packages, known holes and bills of materials, as a user meets them.
#![allow(clippy::disallowed_methods, clippy::panic, reason = "a test touches the world on purpose and fails by panicking")]
#![allow(clippy::unwrap_used, reason = "a test that cannot go on fails")]

mod common;

use common::{Ran, Repo, Report};
use probity_testkit::archives;

/// An invented key, in two parts, so that this file holds none.
fn key() -> String {
    format!("sk_live_{}", "4mZqT7hVb2Lw9XnRc6JyPd3K")
}

const RULE: &str = "secret-payment-stripe-secret-key";

fn gate(repo: &Repo, arguments: &[&str]) -> Ran {
    let mut all = vec!["gate", "--evidence", "none"];
    all.extend(arguments);
    repo.run(&all)
}

fn report(ran: &Ran) -> Report {
    Report(ran.json())
}

#[test]
fn a_secret_is_found_and_never_told() {
    let repo = Repo::new();
    repo.write("app.py", &format!("import stripe\nstripe.api_key = \"{}\"\n", key()));
    let ran =
        repo.run(&["gate", "--output", "sarif=../out.sarif", "--output", "markdown=../out.md"]).code(1).prints(RULE).prints("app.py:2:19");
    let tail = &key()[12..];
    assert!(!ran.out.contains(tail) && !ran.err.contains(tail), "{}", ran.out);
    for format in ["json", "sarif", "junit", "github", "gitlab", "markdown"] {
        let ran = gate(&repo, &["--format", format]).code(1).prints(RULE);
        assert!(!ran.out.contains(tail), "{format}: {}", ran.out);
    }
    let mut open = vec![repo.beside("state"), repo.beside("out.sarif"), repo.beside("out.md")];
    let mut looked = 0;
    while let Some(path) = open.pop() {
        if path.is_dir() {
            open.extend(std::fs::read_dir(&path).unwrap().map(|entry| entry.unwrap().path()));
        } else {
            looked += 1;
            let bytes = std::fs::read(&path).unwrap();
            assert!(!bytes.windows(tail.len()).any(|window| window == tail.as_bytes()), "{}", path.display());
        }
    }
    assert!(looked > 4, "evidence was looked at");
}

#[test]
fn the_same_secret_is_the_same_finding() {
    let repo = Repo::new();
    repo.write_beside("key", "0123456789abcdef0123456789abcdef\n");
    let print = |text: &str, arguments: &[&str]| {
        repo.write("app.py", text);
        let mut all = vec!["--format", "json"];
        all.extend(arguments);
        report(&gate(&repo, &all)).of(RULE)["fingerprint"].as_str().unwrap().to_owned()
    };
    let line = format!("key = \"{}\"\n", key());
    let first = print(&line, &[]);
    assert_eq!(first, print(&format!("# moved\n\n{line}"), &[]), "a place is no part of it");
    let other = line.replace("4mZq", "9pWx");
    assert_ne!(first, print(&other, &[]), "a new secret on the same line is a new finding");
    let keyed = repo.outside("key");
    assert_ne!(first, print(&line, &["--fingerprint-key", &keyed]));
    repo.write_beside("key", "short");
    gate(&repo, &["--fingerprint-key", &keyed]).code(2).says("fewer than 16 bytes");
}

#[test]
fn a_secret_that_was_taken_away_again_is_found_in_its_commit() {
    let repo = Repo::new();
    repo.write("app.py", "key = None\n");
    let base = repo.commit();
    repo.write("app.py", &format!("key = \"{}\"\n", key()));
    let bad = repo.commit();
    repo.write("app.py", "key = None\n");
    repo.commit();
    gate(&repo, &[]).code(4);
    gate(&repo, &["--base", &base]).code(1).prints(RULE).prints(&format!("in commit {}", &bad[..12]));
    repo.run(&["secrets", "--range", &format!("{base}..HEAD")]).code(1).prints(RULE);
    repo.run(&["secrets", "--range", "HEAD~1..HEAD"]).code(0);
    // What lies in the folder and in a commit is told once.
    repo.write("app.py", &format!("key = \"{}\"\n", key()));
    repo.commit();
    let ran = gate(&repo, &["--base", &base, "--format", "json"]).code(1);
    assert_eq!(report(&ran).shown().iter().filter(|line| line.starts_with(RULE)).count(), 1, "{:?}", report(&ran).shown());
}

#[test]
fn the_whole_history_is_searched_once() {
    let repo = Repo::new();
    repo.write("a.py", &format!("key = \"{}\"\n", key()));
    repo.commit();
    repo.remove("a.py").write("b.py", "x = 1\n");
    repo.commit();
    repo.run(&["secrets"]).code(0);
    let first = repo.run(&["secrets", "--history"]).code(1).prints(RULE).prints("a.py:1:8");
    let cached = || -> Vec<std::path::PathBuf> {
        std::fs::read_dir(repo.top().join(".git/probity")).unwrap().map(|entry| entry.unwrap().path()).collect()
    };
    let [cache] = cached().try_into().unwrap();
    let findings = |ran: &Ran| ran.out.split("findings ").next().map(str::to_owned);
    assert_eq!(findings(&repo.run(&["secrets", "--history"]).code(1)), findings(&first));
    let text = std::fs::read_to_string(&cache).unwrap();
    assert!(!text.contains(&key()[12..]));
    // A broken cache is no reason to believe it.
    std::fs::write(&cache, text.replacen("clean", "found", 1)).unwrap();
    repo.run(&["secrets", "--history"]).code(1).prints(RULE).prints("is broken");
    assert_eq!(cached().len(), 1);
    repo.run(&["secrets", "--history", "--no-cache"]).code(1).prints(RULE);
    Repo::plain().run(&["secrets", "--history"]).code(2).says("no git repository");
}

#[test]
fn what_is_staged_is_looked_at_before_the_commit() {
    let repo = Repo::new();
    repo.write("a.py", "x = 1\n");
    repo.commit();
    repo.run(&["secrets", "--staged"]).code(0);
    repo.write("a.py", &format!("key = \"{}\"\n", key()));
    repo.run(&["secrets", "--staged"]).code(0);
    repo.git(&["add", "a.py"]);
    repo.write("a.py", "x = 1\n");
    repo.run(&["secrets", "--staged"]).code(1).prints(RULE);
    repo.run(&["secrets", "install-hook"]).code(0);
    repo.run(&["secrets", "install-hook"]).code(0).says("there already");
    repo.write(".git/hooks/pre-commit", "#!/bin/sh\n");
    repo.run(&["secrets", "install-hook"]).code(2).says("left as it is");
}

#[test]
fn a_gitleaks_configuration_is_taken_over() {
    let repo = Repo::new();
    repo.write("app.py", &format!("key = \"{}\"\nbadge = \"acme-77aa88bb\"\n", key()));
    repo.write(
        ".gitleaks.toml",
        "[extend]\nuseDefault = true\n[[rules]]\nid = \"acme\"\ndescription = \"Acme badge\"\nregex = 'acme-[0-9a-f]{8}'\nkeywords = [\"acme\"]\n\
         [[rules]]\nid = \"stripe-access-token\"\n[[rules.allowlists]]\nregexes = ['sk_live_4mZ']\n",
    );
    let ran = gate(&repo, &["--format", "json"]).code(1);
    report(&ran).results(&["gitleaks/acme app.py", &format!("{RULE} app.py covered gitleaks")]);
    repo.write(".gitleaks.toml", "[[rules]]\nid = 'x'\nregex = '(?!a)'\n");
    gate(&repo, &[]).code(2).says(".gitleaks.toml:3:9").says("broken");
}

#[test]
fn a_comment_allows_a_secret_where_it_is_believed() {
    let repo = Repo::new();
    repo.write("app.py", &format!("# probity:allow {RULE} until={} owner=me a test account\nkey = \"{}\"\n", common::day(10), key()));
    let ran = gate(&repo, &["--format", "json"]);
    report(&ran).results(&[&format!("{RULE} app.py covered probity")]);
}

#[test]
fn packages_are_compared_with_what_is_known() {
    let repo = Repo::new();
    repo.write("requirements.txt", "flask==3.0.3\npillow==9.5.0\n");
    let ran = gate(&repo, &["--format", "json"]).code(1);
    let of = |ran: &Ran, id: &str| report(ran).of(id).clone();
    assert_eq!(of(&ran, "PYSEC-2023-175")["subject"]["id"], "pkg:pypi/pillow@9.5.0");
    gate(&repo, &[]).code(1).prints("Update pillow to 10.0.1 or later").prints("known exploited").prints("the database built in");
    // What weighs how much is the configuration's.
    repo.write("probity.yaml", "version: 1\nvulnerabilities: { red_if: [malicious], yellow_if: [] }\n");
    gate(&repo, &[]).code(0);
    repo.write("probity.yaml", "version: 1\nvulnerabilities: { enabled: false }\n");
    assert!(!gate(&repo, &["--format", "json"]).code(0).out.contains("PYSEC"));
    repo.remove("probity.yaml").write("requirements.txt", "pillow==10.3.0\n");
    gate(&repo, &[]).code(0);
}

#[test]
fn what_the_data_does_not_cover_is_unknown() {
    let repo = Repo::new();
    repo.write(
        "package-lock.json",
        "{\"name\":\"a\",\"lockfileVersion\":3,\"packages\":{\"\":{\"name\":\"a\",\"dependencies\":{\"lodash\":\"^4\"}},\
         \"node_modules/lodash\":{\"version\":\"4.17.20\",\"resolved\":\"https://registry.example/lodash-4.17.20.tgz\",\
         \"integrity\":\"sha512-x\"}}}",
    );
    let ran = gate(&repo, &["--format", "json"]).code(0);
    report(&ran).results(&["package-advisories-missing package-lock.json#npm unknown"]);
    gate(&repo, &[]).code(0).prints("no advisories for npm");
    repo.write("package-lock.json", "{\n<<<<<<< HEAD\n");
    gate(&repo, &[]).code(3);
}

#[test]
fn a_statement_on_exploitability_is_honoured_with_its_reason() {
    let repo = Repo::new();
    repo.write("requirements.txt", "pillow==9.5.0\n");
    repo.write("probity.yaml", "version: 1\nvulnerabilities: { vex: [vex.json] }\n");
    let vex = |purl: &str| {
        format!(
            "{{\"@context\":\"https://openvex.dev/ns/v0.2.0\",\"@id\":\"https://acme.example/1\",\"author\":\"Ada\",\
             \"timestamp\":\"2026-01-01T00:00:00Z\",\"version\":1,\"statements\":[{{\"vulnerability\":{{\"name\":\"PYSEC-2023-175\"}},\
             \"products\":[{{\"@id\":\"{purl}\"}}],\"status\":\"not_affected\",\"justification\":\"vulnerable_code_not_present\",\
             \"impact_statement\":\"WebP is not built in\"}}]}}"
        )
    };
    repo.write("vex.json", &vex("pkg:pypi/pillow@9.5.0"));
    assert!(gate(&repo, &["--format", "json"]).code(0).out.contains("CVE-2023-44271"), "the others stay");
    gate(&repo, &["--rule", "PYSEC-2023-175"]).code(0);
    gate(&repo, &["--show", "all"]).code(0).prints("WebP is not built in").prints("Ada");
    repo.write("vex.json", &vex("pkg:pypi/pillow@9.4.0"));
    gate(&repo, &[]).code(1).prints("PYSEC-2023-175");
    repo.write("vex.json", "{");
    gate(&repo, &[]).code(2).says("vex.json");
}

#[test]
fn packages_come_from_where_they_may() {
    let repo = Repo::new();
    repo.write(
        "package-lock.json",
        "{\"name\":\"a\",\"lockfileVersion\":3,\"packages\":{\"\":{\"name\":\"a\"},\
         \"node_modules/@acme/pay\":{\"version\":\"1.0.0\",\"resolved\":\"https://elsewhere.example/pay.tgz\",\"integrity\":\"sha512-x\"},\
         \"node_modules/left\":{\"version\":\"1.0.0\",\"resolved\":\"http://npm.acme.example/left.tgz\"}}}",
    );
    repo.write(
        "probity.yaml",
        "version: 1\nvulnerabilities: { enabled: false }\npackages:\n  sources: { npm: [npm.acme.example] }\n  internal: ['pkg:npm/%40acme/*']\n",
    );
    report(&gate(&repo, &["--format", "json"]).code(1)).results(&[
        "package-hash-missing pkg:npm/left@1.0.0",
        "package-internal-from-public pkg:npm/%40acme/pay@1.0.0",
        "package-source-insecure pkg:npm/left@1.0.0",
    ]);
}

#[test]
fn a_folder_and_its_bill_of_materials_are_judged_alike() {
    let repo = Repo::new();
    repo.write("requirements.txt", "flask==3.0.3\npillow==9.5.0\n")
        .write("go.mod", "module a\ngo 1.22\nrequire golang.org/x/net v0.10.0\n");
    let holes = |ran: &Ran| -> Vec<String> { report(ran).shown() };
    let folder = holes(&repo.run(&["vulns", "--format", "json"]));
    assert!(folder.iter().any(|line| line.contains("golang.org/x/net")), "{folder:?}");
    for format in ["cyclonedx-json", "cyclonedx-xml", "spdx-json", "spdx-tag-value"] {
        let name = match format {
            "cyclonedx-json" => "bom.json",
            "cyclonedx-xml" => "bom.xml",
            "spdx-json" => "a.spdx.json",
            _ => "a.spdx",
        };
        std::fs::create_dir_all(repo.beside("bills")).unwrap();
        let place = repo.outside(&format!("bills/{name}"));
        repo.run(&["sbom", "--format", format, "--output", &place]).code(0);
        assert_eq!(holes(&repo.run(&["vulns", &place, "--format", "json"])), folder, "{format}");
        let again = repo.run(&["sbom", "--format", format]).code(0);
        assert_eq!(again.out, std::fs::read_to_string(&place).unwrap(), "{format} twice");
    }
    let bills = repo.outside("bills");
    let found = repo.run(&["where", "pillow@9.*", &bills, "."]).code(0).says("5 places");
    assert!(found.out.contains("requirements.txt:2"), "{}", found.out);
    repo.run(&["where", "pillow@1.*", &bills]).code(0).says("0 places in 4 lists");
}

#[test]
fn a_database_is_built_and_what_is_damaged_is_refused() {
    let repo = Repo::new();
    repo.write("requirements.txt", "acme==1.0.0\n");
    let advisory = "{\"id\":\"ACME-1\",\"modified\":\"2026-01-01T00:00:00Z\",\"summary\":\"Acme is broken\",\"affected\":[{\"package\":\
                    {\"ecosystem\":\"PyPI\",\"name\":\"acme\"},\"ranges\":[{\"type\":\"ECOSYSTEM\",\"events\":[{\"introduced\":\"0\"},{\"fixed\":\"1.2.0\"}]}]}]}";
    repo.write_beside("data/a.json", advisory);
    repo.write_beside("data/LICENSE", "CC0\n");
    let (data, file) = (repo.outside("data"), repo.outside("a.db"));
    repo.run(&["vulns", "build", &data, "--output", &file]).code(0).says("1 advisories");
    repo.run(&["vulns", "about", "--advisories", &file]).code(0).prints("PyPI").prints("CC0").prints("2026-01-01");
    gate(&repo, &["--advisories", &file]).prints("ACME-1").prints("1.2.0 does not");
    let mut bytes = std::fs::read(&file).unwrap();
    *bytes.last_mut().unwrap() ^= 1;
    std::fs::write(&file, bytes).unwrap();
    gate(&repo, &["--advisories", &file]).code(2).says("damaged");
    repo.run(&["vulns", "build", &data]).code(0);
    gate(&repo, &[]).prints("ACME-1");
    repo.write("probity.yaml", "version: 1\nvulnerabilities: { max_age: 30d }\n");
    gate(&repo, &[]).prints("package-advisories-outdated");
}

const ADVISORY: &str = "{\"id\":\"ACME-1\",\"modified\":\"2026-01-01T00:00:00Z\",\"summary\":\"Acme is broken\",\"affected\":[{\"package\":\
                    {\"ecosystem\":\"PyPI\",\"name\":\"acme\"},\"ranges\":[{\"type\":\"ECOSYSTEM\",\"events\":[{\"introduced\":\"0\"},{\"fixed\":\"1.2.0\"}]}]}]}";

/// A repository with a package that has a hole, and the database that knows it.
fn acme() -> (Repo, String) {
    let repo = Repo::new();
    repo.write("requirements.txt", "acme==1.0.0\n");
    repo.write_beside("data/a.json", ADVISORY);
    let (data, file) = (repo.outside("data"), repo.outside("a.db"));
    repo.run(&["vulns", "build", &data, "--output", &file]).code(0);
    (repo, file)
}

#[test]
fn a_patch_window_runs_from_the_first_meeting() {
    let (repo, file) = acme();
    repo.write("probity.yaml", "version: 1\nvulnerabilities: { patch_windows: { high: 7d } }\n").commit();
    let met = |ran: &Ran| report(ran).of("ACME-1")["first_met"].as_str().unwrap().to_owned();
    let judge = |more: &[&str]| {
        let mut all = vec!["gate", "--advisories", &*file, "--format", "json"];
        all.extend(more);
        repo.run(&all)
    };
    assert!(report(&judge(&["--evidence", "none"])).of("ACME-1")["first_met"].is_null());
    let first = judge(&[]);
    assert!(first.out.contains("first met here today, and it may stay 7 days more"), "{}", first.out);
    assert_eq!(met(&judge(&[])), met(&first));
    // Another version of the same package has the same clock, and `vulns` tells it too.
    repo.write("requirements.txt", "acme==1.1.0\n").commit();
    assert_eq!(met(&judge(&[])), met(&first));
    let alone = repo.run(&["vulns", "--advisories", &file, "--format", "json"]);
    assert_eq!(met(&alone), met(&first));

    // What was kept of the log is made again where it is gone or broken.
    let clocks = repo.beside("state/probity/clocks");
    let kept = std::fs::read_dir(&clocks).unwrap().next().unwrap().unwrap().path();
    let whole = std::fs::read_to_string(&kept).unwrap();
    std::fs::remove_file(&kept).unwrap();
    assert_eq!(met(&judge(&[])), met(&first));
    std::fs::write(&kept, whole.get(..whole.len() / 2).unwrap()).unwrap();
    assert_eq!(met(&judge(&[])), met(&first));
    repo.run(&["evidence", "replay", "3"]).code(0);

    // Ten days ago, as far as is kept; the log itself says otherwise, and a replay shows it.
    let text = std::fs::read_to_string(&kept).unwrap();
    std::fs::write(&kept, text.replace(&met(&first), "2020-01-01T00:00:00Z")).unwrap();
    let late = judge(&[]).code(1);
    assert!(late.out.contains("longer than the 7 days it may stay"), "{}", late.out);
    let last = repo.run(&["evidence", "list", "--format", "json"]).json()["records"].as_array().unwrap().len() - 1;
    repo.run(&["evidence", "replay", &last.to_string()]).code(1).says("does not replay");
}

#[test]
fn a_database_may_have_to_be_signed() {
    let (repo, file) = acme();
    let (key, public) = repo.ssh_key("feeds");
    repo.write("probity.yaml", &format!("version: 1\nvulnerabilities: {{ signers: [\"{}\"] }}\n", public.trim()));
    let data = repo.outside("data");
    gate(&repo, &["--advisories", &file]).code(2).says("must be signed");
    repo.run(&["vulns", "build", &data, "--output", &file, "--key", &key]).code(0);
    gate(&repo, &["--advisories", &file]).prints("ACME-1");
    let signature = std::fs::read_to_string(format!("{file}.sig")).unwrap();
    // Another database under the same signature, and a signature by somebody else.
    repo.write_beside("data/b.json", &ADVISORY.replace("ACME-1", "ACME-2"));
    repo.run(&["vulns", "build", &data, "--output", &file]).code(0);
    assert!(!std::path::Path::new(&format!("{file}.sig")).exists(), "the old signature is gone");
    std::fs::write(format!("{file}.sig"), signature).unwrap();
    gate(&repo, &["--advisories", &file]).code(2).says("does not hold");
    let (other, _) = repo.ssh_key("other");
    repo.run(&["vulns", "build", &data, "--output", &file, "--key", &other]).code(0);
    gate(&repo, &["--advisories", &file]).code(2).says("does not hold");
    // What is built in is part of the program.
    gate(&repo, &[]).code(0);
}

#[test]
fn advisories_are_read_as_they_are_published() {
    let repo = Repo::new();
    repo.write("requirements.txt", "acme==1.0.0\n");
    let zipped =
        archives::zip(&[("ACME-1.json", ADVISORY.as_bytes(), false), ("notes.bin", b"no advisory", false), ("broken.json", b"{", false)]);
    std::fs::create_dir_all(repo.beside("osv/PyPI")).unwrap();
    std::fs::write(repo.beside("osv/PyPI/all.zip"), zipped).unwrap();
    let epss = "#model_version:v2025.03.14,score_date:2026-01-02T00:00:00Z\ncve,epss,percentile\nCVE-2026-1,0.5,0.9\n";
    std::fs::write(repo.beside("epss.csv.gz"), archives::gzip(epss.as_bytes())).unwrap();
    let tarball = archives::gzip(&archives::tar(&[("db/crates/a/RUSTSEC-2026-0001.md", RUSTSEC.as_bytes())]));
    std::fs::write(repo.beside("rustsec.tar.gz"), tarball).unwrap();
    let file = repo.outside("a.db");
    let all = [repo.outside("osv/PyPI/all.zip"), repo.outside("epss.csv.gz"), repo.outside("rustsec.tar.gz")];
    let mut arguments = vec!["vulns", "build", "--output", &file];
    arguments.extend(all.iter().map(String::as_str));
    repo.run(&arguments).code(0).says("2 advisories").says("1 files had something wrong").says("all.zip!/broken.json:1");
    repo.run(&["vulns", "about", "--advisories", &file]).code(0).prints("PyPI/all.zip").prints("epss.csv.gz").prints("rustsec.tar.gz");
    gate(&repo, &["--advisories", &file]).prints("ACME-1");
    // Half of an archive is said, not taken for the whole.
    let bytes = std::fs::read(repo.beside("rustsec.tar.gz")).unwrap();
    std::fs::write(repo.beside("half.tar.gz"), bytes.get(..bytes.len() / 2).unwrap()).unwrap();
    repo.run(&["vulns", "build", "--output", &file, &repo.outside("osv/PyPI/all.zip"), &repo.outside("half.tar.gz")]).code(3);
}

const RUSTSEC: &str = "```toml
[advisory]
id = \"RUSTSEC-2026-0001\"
package = \"acme\"
date = \"2026-01-01\"
[versions]
patched = [\">= 1.2.0\"]
```

# Acme is broken

In every way.
";
