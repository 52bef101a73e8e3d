//! The project's own commands: `cargo xtask test`, `ci`, `conformance`, `bench`, `fuzz`, `graph`, `generate`.
//! It drives the built program and the Rust tools from outside; nothing of the product lives here.
#![allow(clippy::disallowed_methods, reason = "drives programs from outside; nothing of the product lives here")]

mod bench;
mod bench_policy;
mod checkov;
mod ci;
mod cosign;
mod examples;
mod fuzz;
mod generate;
mod graph;
mod history;
mod kustomize;
mod oscal;
mod semantics;
mod shell;
mod sigstore;
mod suites;
mod worm;

use std::path::PathBuf;

use anyhow::{Result, bail};

const HELP: &str = "\
cargo xtask COMMAND

  test [--fast]                   everything: set-up, all tests, conformance suites where they are (--fast: without the latter)
  ci                              test, and formatting, clippy, licences, docs, generated files
  conformance checkov [DIR] [--framework NAME] [--check ID] [--verbose]
                                  run another tool's suite as it is; DIR defaults to ../shared/conformance/checkov
  conformance checkov-policies [--policies DIR] [DIR] [--framework NAME] [--check ID] [--verbose]
                                  run a folder of Checkov's policies (YAML, JSON) over its suite as they are
  conformance checkov-examples --checkov PROGRAM [DIR] [--all] [--only PREFIX]
                                  judge our rules' own examples by an installed Checkov, for ids without a case in the suite
  conformance kyverno|gatekeeper|opa|cel|conftest|purl|versions|secrets|sigstore|policy-controller [DIR] [--peer PROGRAM] [--verbose]
                                  run a suite as it is; --peer also runs the real tool (kyverno, gator, conftest) on it
  conformance semantics [--checkov PROGRAM]
                                  our own programs with known truth, beside an installed Checkov's answers
  conformance kustomize [DIR] [--kustomize PROGRAM] [--update]
                                  render overlays by us and by an installed Kustomize and compare; --update records what is equal
  bench gate [DIR]                the program beside Checkov on real trees; DIR defaults to ../shared/corpus
  bench policy [--opa PROGRAM] [--kyverno PROGRAM] [--gator PROGRAM]
                                  16 rules in each policy language on one Pod, and the real tools on the same files
  interop cosign [--cosign PROGRAM]
                                  what we sign verified by an installed Cosign, and the other way round
  make-history DIR [--commits N]  a synthetic git history, the same for the same N (10,000)
  worm [--versitygw PROGRAM] [--moto PROGRAM]
                                  attempts on objects that are kept, against our stand-in of S3 and real servers
  fuzz [--seconds N] [TARGET]     run fuzz targets from the committed seeds
  oscal                           write an example's documents of OSCAL and load them in compliance-trestle, where that is installed
  graph [--check]                 write (or compare) the list of arrows between crates
  generate [--check]              write (or compare) generated documents
";

fn main() -> Result<()> {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let rest: Vec<&str> = arguments.iter().skip(1).map(String::as_str).collect();
    let flag = |name: &str| rest.contains(&name);
    let option = |name: &str| rest.iter().position(|word| *word == name).and_then(|at| rest.get(at + 1)).map(|word| (*word).to_owned());
    match arguments.first().map(String::as_str) {
        Some("test") => ci::test(flag("--fast")),
        Some("interop") => match rest.first() {
            Some(&"cosign") => cosign::run(&option("--cosign").unwrap_or_else(|| "cosign".to_owned())),
            _ => bail!("the peers are: cosign"),
        },
        Some("ci") => ci::ci(),
        Some("conformance") => {
            let plain: Vec<&str> = plain_words(&rest, &["--framework", "--check", "--checkov", "--kustomize", "--policies"]);
            match plain.first() {
                Some(&"checkov") => {
                    let folder = plain.get(1).map_or_else(|| shell::root().join("../shared/conformance/checkov"), PathBuf::from);
                    checkov::run(&folder, option("--framework").as_deref(), option("--check").as_deref(), flag("--verbose"))
                }
                Some(&"checkov-policies") => {
                    let folder = plain.get(1).map_or_else(|| shell::root().join("../shared/conformance/checkov"), PathBuf::from);
                    let policies = option("--policies").map_or_else(|| shell::root().join("../shared/checkov-policies"), PathBuf::from);
                    checkov::policies(&folder, &policies, option("--framework").as_deref(), option("--check").as_deref(), flag("--verbose"))
                }
                Some(&"checkov-examples") => {
                    let plain: Vec<&str> = plain_words(&rest, &["--checkov", "--only"]);
                    let folder = plain.get(1).map_or_else(|| shell::root().join("../shared/conformance/checkov"), PathBuf::from);
                    let Some(checkov) = option("--checkov") else { bail!("name the program: --checkov PROGRAM") };
                    examples::run(&folder, &PathBuf::from(checkov), flag("--all"), option("--only").as_deref())
                }
                Some(name) if suites::Suite::named(name).is_some() => {
                    let plain: Vec<&str> = plain_words(&rest, &["--peer"]);
                    match suites::Suite::named(name) {
                        Some(suite) => suites::run(suite, plain.get(1).copied(), option("--peer").as_deref(), flag("--verbose")),
                        None => bail!("no such suite"),
                    }
                }
                Some(&"semantics") => semantics::run(option("--checkov").map(PathBuf::from).as_deref()),
                Some(&"kustomize") => kustomize::run(option("--kustomize").as_deref(), plain.get(1).copied(), flag("--update")),
                _ => bail!(
                    "name a suite: kyverno, gatekeeper, opa, cel, conftest, purl, versions, secrets, sigstore, policy-controller, checkov, checkov-policies, checkov-examples, semantics, kustomize\n\n{HELP}"
                ),
            }
        }
        Some("bench") => match rest.first() {
            Some(&"gate") => bench::gate(&rest.get(1).map_or_else(|| shell::root().join("../shared/corpus"), PathBuf::from)),
            Some(&"policy") => {
                let (opa, kyverno, gator) = (option("--opa"), option("--kyverno"), option("--gator"));
                bench_policy::run(&bench_policy::Peers { opa: opa.as_deref(), kyverno: kyverno.as_deref(), gator: gator.as_deref() })
            }
            _ => bail!("name a benchmark: gate, policy\n\n{HELP}"),
        },
        Some("fuzz") => {
            let seconds = option("--seconds").map(|text| text.parse()).transpose()?.unwrap_or(60);
            fuzz::run(plain_words(&rest, &["--seconds"]).first().copied(), seconds)
        }
        Some("worm") => worm::run(option("--versitygw").map(PathBuf::from).as_deref(), option("--moto").map(PathBuf::from).as_deref()),
        Some("make-history") => {
            let commits = option("--commits").map(|text| text.parse()).transpose()?.unwrap_or(10_000);
            let words = plain_words(&rest, &["--commits"]);
            let Some(folder) = words.first() else { bail!("name a folder: make-history DIR") };
            history::make(&PathBuf::from(folder), commits)
        }
        Some("oscal") => oscal::run(),
        Some("graph") => graph::run(flag("--check")),
        Some("generate") => generate::run(flag("--check")),
        _ => {
            eprint!("{HELP}");
            std::process::exit(2);
        }
    }
}

/// The words that are neither flags nor values of the given options.
fn plain_words<'a>(words: &[&'a str], with_value: &[&str]) -> Vec<&'a str> {
    let mut out = Vec::new();
    let mut skip = false;
    for word in words {
        if skip {
            skip = false;
        } else if with_value.contains(word) {
            skip = true;
        } else if !word.starts_with("--") {
            out.push(*word);
        }
    }
    out
}
