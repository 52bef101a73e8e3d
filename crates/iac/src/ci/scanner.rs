//! Programs that look for faults and are meant to stop a pipeline, and the flags that make them stop nothing.

/// What a command scans with, and whether it can fail at all.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Scanner {
    /// Its name: `trivy`.
    pub(crate) name: &'static str,
    /// The flag that makes it succeed whatever it finds: `--soft-fail`.
    pub(crate) lenient: Option<String>,
    /// The flag it would need to fail at all: `--exit-code`; `None` where it fails of itself or has it.
    pub(crate) needs: Option<&'static str>,
}

/// How a program is known and what it takes to make it toothless.
struct Tool {
    name: &'static str,
    /// Names it is called by.
    programs: &'static [&'static str],
    /// Words one of which must come first among its arguments; empty where any will do.
    commands: &'static [&'static str],
    /// Flags that make it succeed whatever it finds.
    lenient: &'static [&'static str],
    /// Flags one of which it needs to fail at all.
    needs: &'static [&'static str],
    /// Parts of image names it comes in.
    images: &'static [&'static str],
}

const fn tool(name: &'static str, programs: &'static [&'static str]) -> Tool {
    Tool { name, programs, commands: &[], lenient: &[], needs: &[], images: &[] }
}

/// Sorted by name. A flag with `=` or a space in it has a value; one with `*` at its end stands for any value.
const TOOLS: &[Tool] = &[
    tool("actionlint", &["actionlint"]),
    Tool { lenient: &["--exit-zero"], ..tool("bandit", &["bandit"]) },
    tool("brakeman", &["brakeman"]),
    Tool { commands: &["audit", "check"], ..tool("bundler-audit", &["bundle-audit", "bundler-audit"]) },
    Tool { commands: &["audit"], ..tool("cargo audit", &["cargo", "cargo-audit"]) },
    Tool { commands: &["deny"], ..tool("cargo deny", &["cargo"]) },
    tool("cfn-guard", &["cfn-guard"]),
    tool("cfn-lint", &["cfn-lint"]),
    tool("cfn-nag", &["cfn_nag_scan", "cfn_nag"]),
    Tool { lenient: &["--soft-fail", "-s"], images: &["bridgecrew/checkov"], ..tool("checkov", &["checkov"]) },
    Tool {
        commands: &["test", "verify"],
        lenient: &["--no-fail"],
        images: &["openpolicyagent/conftest"],
        ..tool("conftest", &["conftest"])
    },
    Tool { commands: &["verify", "verify-attestation", "verify-blob"], ..tool("cosign verify", &["cosign"]) },
    tool("dependency-check", &["dependency-check", "dependency-check.sh"]),
    Tool { needs: &["--exit-code"], lenient: &["--exit-code 0"], images: &["goodwithtech/dockle"], ..tool("dockle", &["dockle"]) },
    Tool {
        commands: &["detect", "protect", "git", "dir", "stdin"],
        lenient: &["--exit-code 0", "--exit-code=0"],
        images: &["gitleaks/gitleaks", "zricethezav/gitleaks"],
        ..tool("gitleaks", &["gitleaks"])
    },
    Tool { lenient: &["-no-fail"], images: &["securego/gosec"], ..tool("gosec", &["gosec"]) },
    tool("govulncheck", &["govulncheck"]),
    Tool { needs: &["--fail-on", "-f"], images: &["anchore/grype"], ..tool("grype", &["grype"]) },
    Tool { lenient: &["--no-fail"], images: &["hadolint/hadolint"], ..tool("hadolint", &["hadolint"]) },
    Tool {
        commands: &["scan"],
        lenient: &["--ignore-on-exit all", "--ignore-on-exit results", "--ignore-on-exit=all", "--ignore-on-exit=results"],
        images: &["checkmarx/kics"],
        ..tool("kics", &["kics"])
    },
    Tool { commands: &["lint"], ..tool("kube-linter", &["kube-linter"]) },
    Tool { commands: &["score"], lenient: &["--exit-one-on-warning=false"], ..tool("kube-score", &["kube-score"]) },
    Tool {
        commands: &["scan"],
        needs: &["--compliance-threshold", "--severity-threshold", "--fail-threshold", "-t"],
        ..tool("kubescape", &["kubescape"])
    },
    Tool { commands: &["apply", "test"], images: &["kyverno/kyverno-cli"], ..tool("kyverno", &["kyverno"]) },
    Tool { commands: &["audit"], lenient: &["--audit-level none", "--audit-level=none"], ..tool("npm audit", &["npm"]) },
    tool("osv-scanner", &["osv-scanner"]),
    tool("pip-audit", &["pip-audit"]),
    Tool { commands: &["audit"], ..tool("pnpm audit", &["pnpm"]) },
    Tool { lenient: &["--observe"], commands: &["gate"], ..tool("probity", &["probity"]) },
    Tool { commands: &["check", "scan"], ..tool("safety", &["safety"]) },
    Tool {
        commands: &["ci", "scan", "--config*", "--error", "-c", "-f", "."],
        lenient: &["--no-error", "--suppress-errors"],
        images: &["returntocorp/semgrep", "semgrep/semgrep"],
        ..tool("semgrep", &["semgrep"])
    },
    tool("slsa-verifier", &["slsa-verifier"]),
    Tool { commands: &["test", "code", "container", "iac"], images: &["snyk/snyk"], ..tool("snyk", &["snyk"]) },
    Tool { commands: &["scan"], images: &["tenable/terrascan", "accurics/terrascan"], ..tool("terrascan", &["terrascan"]) },
    Tool { lenient: &["--force"], ..tool("tflint", &["tflint"]) },
    Tool { lenient: &["--soft-fail", "-s", "--no-failures"], images: &["aquasec/tfsec", "tfsec/tfsec"], ..tool("tfsec", &["tfsec"]) },
    Tool {
        commands: &["config", "conf", "filesystem", "fs", "image", "i", "k8s", "kubernetes", "repo", "repository", "rootfs", "sbom", "vm"],
        needs: &["--exit-code"],
        lenient: &["--exit-code 0", "--exit-code=0"],
        images: &["aquasec/trivy", "aquasecurity/trivy"],
        ..tool("trivy", &["trivy"])
    },
    Tool {
        commands: &["filesystem", "git", "github", "gitlab", "docker", "s3"],
        needs: &["--fail"],
        images: &["trufflesecurity/trufflehog"],
        ..tool("trufflehog", &["trufflehog"])
    },
    Tool { commands: &["audit", "npm"], ..tool("yarn audit", &["yarn"]) },
    Tool { lenient: &["--no-exit-codes"], ..tool("zizmor", &["zizmor"]) },
];

/// Programs that only run another one.
fn wrapped(words: &[&str]) -> usize {
    match words {
        ["npx" | "uvx" | "bunx" | "time" | "xvfb-run" | "nice", rest @ ..] => {
            1 + rest.iter().take_while(|word| word.starts_with('-')).count()
        }
        ["poetry" | "pipenv" | "pdm" | "hatch" | "pipx" | "uv", "run", rest @ ..] => {
            2 + rest.iter().take_while(|word| word.starts_with('-')).count()
        }
        ["python" | "python3", "-m", ..] | ["bundle", "exec", ..] | ["pnpm" | "yarn", "exec" | "dlx", ..] => 2,
        ["timeout", rest @ ..] => 2 + rest.iter().take_while(|word| word.starts_with('-')).count(),
        _ => 0,
    }
}

/// Whether the arguments hold a flag; `--exit-code 0` also as two words or with `=`, `-s` also where nothing else is meant by it.
fn has(arguments: &[&str], flag: &str) -> bool {
    if let Some(start) = flag.strip_suffix('*') {
        return arguments.iter().any(|word| word.starts_with(start));
    }
    match flag.split_once(' ') {
        Some((name, value)) => {
            let joined = format!("{name}={value}");
            let pair = arguments.iter().zip(arguments.iter().skip(1)).any(|(first, second)| *first == name && *second == value);
            pair || arguments.contains(&joined.as_str())
        }
        None => arguments.iter().any(|word| *word == flag || word.strip_prefix(flag).is_some_and(|rest| rest.starts_with('='))),
    }
}

/// The scanner a command runs, if it runs one.
pub(crate) fn scanner(words: &[&str]) -> Option<Scanner> {
    let skip = wrapped(words);
    let words = words.get(skip..).unwrap_or_default();
    let program = words.first()?.rsplit('/').next()?;
    let arguments = words.get(1..).unwrap_or_default();
    let (tool, arguments) = match (program, arguments) {
        ("docker" | "podman" | "nerdctl", ["run", rest @ ..]) => {
            let (at, tool) = rest.iter().enumerate().find_map(|(at, word)| {
                let name = word.split(['@']).next().unwrap_or(word);
                let known = |tool: &&Tool| {
                    tool.images.iter().any(|image| {
                        name.match_indices(image).any(|(start, found)| {
                            let behind = name.get(start + found.len()..).unwrap_or_default();
                            (start == 0 || name.get(..start).is_some_and(|before| before.ends_with('/')))
                                && (behind.is_empty() || behind.starts_with([':', '-']))
                        })
                    })
                };
                (!word.starts_with('-')).then(|| TOOLS.iter().find(known)).flatten().map(|tool| (at, tool))
            })?;
            let mut arguments = rest.get(at + 1..).unwrap_or_default();
            // The program may be named again.
            if arguments.first().is_some_and(|first| tool.programs.contains(first)) {
                arguments = arguments.get(1..).unwrap_or_default();
            }
            (tool, arguments)
        }
        ("docker", ["scout", "cves" | "quickview", rest @ ..]) => {
            let needs = (!has(rest, "--exit-code") && !has(rest, "-e")).then_some("--exit-code");
            return Some(Scanner { name: "docker scout", lenient: None, needs });
        }
        ("detect-secrets-hook", _) => return Some(Scanner { name: "detect-secrets", lenient: None, needs: None }),
        _ => (TOOLS.iter().find(|tool| tool.programs.contains(&program) && first_fits(tool, arguments))?, arguments),
    };
    // It is asked something, made ready, or makes a list of parts: it looks for nothing.
    let asks = ["--help", "-h", "--version", "-v", "version", "db", "completion", "--init", "--list", "--download-db-only"];
    let other = |word: &&str| matches!(*word, "--download-db-only" | "--init") || word.contains("cyclonedx") || word.contains("spdx");
    if arguments.first().is_some_and(|first| asks.contains(first)) || arguments.iter().any(other) || has(arguments, "fix") {
        return None;
    }
    let lenient = tool.lenient.iter().find(|flag| has(arguments, flag)).map(|flag| (*flag).to_owned());
    let semgrep_scan = tool.name == "semgrep" && !has(arguments, "ci") && !has(arguments, "--error");
    let needs = match tool.needs.first() {
        _ if semgrep_scan => Some("--error"),
        Some(first) if lenient.is_none() && !tool.needs.iter().any(|flag| has(arguments, flag)) => Some(*first),
        _ => None,
    };
    Some(Scanner { name: tool.name, lenient, needs })
}

/// Whether one of the words a tool needs is the first that is no flag, or stands anywhere where flags with values may come before.
fn first_fits(tool: &Tool, arguments: &[&str]) -> bool {
    tool.commands.is_empty()
        || arguments
            .iter()
            .take(8)
            .any(|word| tool.commands.iter().any(|wanted| *word == *wanted || wanted.ends_with('*') && has(&[word], wanted)))
            && !matches!(arguments.first(), Some(&("install" | "run" | "build" | "ci" | "login" | "plugin" | "init" | "config-file")))
        || tool.name == "semgrep" && arguments.first() == Some(&"ci")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(command: &str, expected: &str) {
        let words: Vec<&str> = command.split(' ').collect();
        let shown = scanner(&words).map_or_else(
            || "-".to_owned(),
            |found| format!("{}|{}|{}", found.name, found.lenient.unwrap_or_default(), found.needs.unwrap_or_default()),
        );
        assert_eq!(shown, expected, "{command}");
    }

    #[test]
    fn scanners_and_their_teeth() {
        check("checkov -d .", "checkov||");
        check("checkov -d . --soft-fail", "checkov|--soft-fail|");
        check("/usr/bin/checkov -s -d .", "checkov|-s|");
        check("checkov --version", "-");
        check("pipx run checkov -d .", "checkov||");
        check("python3 -m bandit -r . --exit-zero", "bandit|--exit-zero|");
        check("trivy image --exit-code 1 x", "trivy||");
        check("trivy image --exit-code=0 x", "trivy|--exit-code 0|");
        check("trivy fs .", "trivy||--exit-code");
        check("trivy --quiet image x", "trivy||--exit-code");
        check("trivy plugin install x", "-");
        check("docker run --rm -v .:/x aquasec/trivy:0.50.0 image --exit-code 1 x", "trivy||");
        check("docker run --rm ghcr.io/aquasecurity/trivy image x", "trivy||--exit-code");
        check("docker run --rm bridgecrew/checkov -d /x --soft-fail", "checkov|--soft-fail|");
        check("docker run --rm mytrivy/x image", "-");
        check("npm audit", "npm audit||");
        check("npm audit --audit-level=none", "npm audit|--audit-level none|");
        check("npm install audit", "-");
        check("npm ci", "-");
        check("semgrep ci", "semgrep||");
        check("semgrep scan --config auto", "semgrep||--error");
        check("semgrep --config=auto --error", "semgrep||");
        check("grype dir:. --fail-on high", "grype||");
        check("grype dir:.", "grype||--fail-on");
        check("kics scan --ignore-on-exit results -p .", "kics|--ignore-on-exit results|");
        check("probity gate --observe", "probity|--observe|");
        check("probity explain x", "-");
        check("snyk test", "snyk||");
        check("snyk monitor", "-");
        check("gitleaks detect --exit-code 0", "gitleaks|--exit-code 0|");
        check("cosign verify x", "cosign verify||");
        check("cosign sign x", "-");
        check("docker scout cves x", "docker scout||--exit-code");
        check("npx zizmor .", "zizmor||");
        check("timeout 60 tfsec . --soft-fail", "tfsec|--soft-fail|");
        check("echo trivy image", "-");
        check("npm audit fix", "-");
        check("grype db update", "-");
        check("tflint --init", "-");
        check("trivy image --format cyclonedx x", "-");
    }
}
