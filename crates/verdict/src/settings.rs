//! Settings of other tools that mean the same here: `.checkov.yaml` and tfsec's `.tfsec/config.yml`. They are taken over into the
//! configuration, so that the floor stands above them and the base revision's count. Every key that is not taken over is said.

use std::collections::BTreeMap;
use std::sync::Arc;

use probity_core::{Diagnostic, Level, RuleMeta, Severity};
use probity_value::{Data, Span, Value, json, yaml};
use regex::Regex;

use crate::base::JudgeFile;
use crate::config::Config;
use crate::config::reader::shown;
use crate::{ids, own};

/// Names of Checkov's configuration at the top of the judged folder, in the order in which they are looked for.
pub const CHECKOV: &[&str] = &[".checkov.yaml", ".checkov.yml"];
/// Names of tfsec's.
pub const TFSEC: &[&str] = &[".tfsec/config.yml", ".tfsec/config.yaml", ".tfsec/config.json"];

const CODE: &str = "settings";

/// An expression over paths that are not judged (`skip-path`).
#[derive(Clone, Debug)]
pub struct SkipPath(Regex);

impl PartialEq for SkipPath {
    fn eq(&self, other: &SkipPath) -> bool {
        self.0.as_str() == other.0.as_str()
    }
}

impl std::fmt::Display for SkipPath {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(self.0.as_str())
    }
}

impl SkipPath {
    /// Whether it leaves a path out.
    #[must_use]
    pub fn matches(&self, path: &str) -> bool {
        self.0.is_match(path) || self.0.is_match(&format!("/{path}"))
    }
}

/// An id with `*`, or a severity.
#[derive(Clone, Debug, PartialEq, Eq)]
enum Named {
    Id(Arc<str>),
    Severity(Severity),
}

/// What one file asks for.
#[derive(Clone, Debug, Default)]
pub struct Settings {
    only: Vec<Named>,
    without: Vec<Named>,
    severities: BTreeMap<Arc<str>, Severity>,
    skip_paths: Vec<SkipPath>,
    frameworks: Vec<Arc<str>>,
    without_frameworks: Vec<Arc<str>>,
    folders: Vec<Arc<str>>,
    variable_files: Vec<Arc<str>>,
    baseline: Option<Arc<str>>,
    red_at: Option<Severity>,
    /// What is wrong, and what is not taken over.
    pub diagnostics: Vec<Diagnostic>,
}

fn severity(word: &str) -> Option<Severity> {
    match word.to_ascii_lowercase().as_str() {
        "info" | "none" => Some(Severity::Info),
        "low" => Some(Severity::Low),
        "medium" | "warning" => Some(Severity::Medium),
        "high" | "error" => Some(Severity::High),
        "critical" => Some(Severity::Critical),
        _ => None,
    }
}

/// A list, or text with commas.
fn list(value: &Value) -> Vec<Arc<str>> {
    match &value.data {
        Data::List(items) => items.iter().flat_map(list).collect(),
        Data::String(text) => text.split(',').map(str::trim).filter(|part| !part.is_empty()).map(Arc::from).collect(),
        Data::Number(number) => vec![number.to_string().into()],
        _ => Vec::new(),
    }
}

fn named(value: &Value) -> Vec<Named> {
    list(value).into_iter().map(|word| severity(&word).map_or(Named::Id(word), Named::Severity)).collect()
}

fn document(file: &JudgeFile, out: &mut Settings) -> Option<Value> {
    let (value, problems) = if file.path.ends_with(".json") {
        let (value, problems) = json::parse(&file.text, file.file);
        (Some(value), problems)
    } else {
        let (documents, problems) = yaml::parse(&file.text, file.file);
        (documents.into_iter().next().map(|document| document.value), problems)
    };
    if let Some(problem) = problems.iter().find(|problem| problem.fatal) {
        out.say(file, Level::Error, problem.span, problem.message.clone());
        return None;
    }
    value
}

/// What to do instead of a key of Checkov's.
fn instead(key: &str) -> Option<&'static str> {
    Some(match key {
        "soft-fail" => "use `probity gate --observe`",
        "directory" | "file" => "name what is judged on the command line",
        "download-external-modules" => "nothing is fetched; run `terraform init` before",
        "output" | "output-file-path" | "compact" | "quiet" | "no-guide" | "summary-position" => "use `--format`, `--output` and `--quiet`",
        "external-checks-git" => "fetch the folder and name it with `--policies DIR`",
        "create-baseline" => "use `probity baseline`",
        "repo-root-for-plan-enrichment" => "a plan beside its source is joined with it by itself",
        "evaluate-variables" => "variables are always worked out",
        "skip-results-upload" | "bc-api-key" | "repo-id" | "branch" | "prisma-api-url" | "support" => {
            "there is no service to send anything to"
        }
        _ => return None,
    })
}

impl Settings {
    fn say(&mut self, file: &JudgeFile, level: Level, span: Span, message: impl Into<String>) {
        self.diagnostics.push(Diagnostic::new(level, CODE, Arc::clone(&file.path), span, message));
    }

    fn not_taken(&mut self, file: &JudgeFile, span: Span, key: &str, hint: Option<&str>) {
        let mut one = Diagnostic::new(Level::Note, CODE, Arc::clone(&file.path), span, format!("`{}` is not taken over", shown(key)));
        one.hint = hint.map(str::to_owned);
        self.diagnostics.push(one);
    }

    /// Reads Checkov's configuration.
    #[must_use]
    pub fn checkov(file: &JudgeFile) -> Settings {
        let mut out = Settings::default();
        let Some(value) = document(file, &mut out) else { return out };
        let Some(map) = value.as_map() else {
            if !value.is_null() {
                out.say(file, Level::Error, value.span, "the file holds no map");
            }
            return out;
        };
        let (mut soft, mut hard): (Option<Severity>, Option<Severity>) = (None, None);
        for (written, entry) in map.iter() {
            let key = written.replace('_', "-");
            let value = &entry.value;
            match &*key {
                "check" => out.only.extend(named(value)),
                "skip-check" => out.without.extend(named(value)),
                "skip-path" => {
                    for text in list(value) {
                        match Regex::new(&text) {
                            Ok(regex) => out.skip_paths.push(SkipPath(regex)),
                            Err(_) => out.say(
                                file,
                                Level::Error,
                                value.span,
                                format!("`{}` under `skip-path` is no regular expression", shown(&text)),
                            ),
                        }
                    }
                }
                "framework" => out.frameworks.extend(list(value).into_iter().filter(|name| &**name != "all")),
                "skip-framework" => out.without_frameworks.extend(list(value)),
                "external-checks-dir" => {
                    for folder in list(value) {
                        let inside = folder.trim_start_matches("./").trim_end_matches('/');
                        if inside.starts_with(['/', '~']) || inside.split('/').any(|part| part == "..") {
                            out.not_taken(
                                file,
                                value.span,
                                "external-checks-dir",
                                Some("it leads out of the judged folder; name it with `--policies DIR`"),
                            );
                        } else {
                            out.folders.push(inside.into());
                        }
                    }
                }
                "var-file" => out.variable_files.extend(list(value).iter().map(|path| path.trim_start_matches("./").into())),
                "baseline" => out.baseline = list(value).first().map(|path| path.trim_start_matches("./").into()),
                "soft-fail-on" | "hard-fail-on" => {
                    for one in named(value) {
                        match (one, &*key) {
                            (Named::Severity(severity), "soft-fail-on") => soft = soft.max(Some(severity)),
                            (Named::Severity(severity), _) => hard = Some(hard.map_or(severity, |before| before.min(severity))),
                            (Named::Id(id), _) => {
                                let hint = format!("give `{}` another severity under `policies.severity`", shown(&id));
                                out.not_taken(file, value.span, &format!("{key}: {}", shown(&id)), Some(&hint));
                            }
                        }
                    }
                }
                _ if value.as_bool() == Some(false) || value.is_null() => {}
                other => out.not_taken(file, entry.key, other, instead(other)),
            }
        }
        let above = soft.and_then(|soft| Severity::ALL.iter().copied().find(|severity| *severity > soft));
        if soft == Some(Severity::Critical) {
            out.not_taken(file, value.span, "soft-fail-on: critical", Some("use `probity gate --observe`"));
        }
        out.red_at = hard.or(above);
        out
    }

    /// Reads tfsec's configuration.
    #[must_use]
    pub fn tfsec(file: &JudgeFile) -> Settings {
        let mut out = Settings::default();
        let Some(value) = document(file, &mut out) else { return out };
        for (key, entry) in value.as_map().into_iter().flat_map(|map| map.iter()) {
            let value = &entry.value;
            match &**key {
                "exclude" => out.without.extend(list(value).into_iter().map(Named::Id)),
                "severity_overrides" => {
                    for (id, entry) in value.as_map().into_iter().flat_map(|map| map.iter()) {
                        match entry.value.as_str().and_then(severity) {
                            Some(severity) => {
                                out.severities.insert(Arc::clone(id), severity);
                            }
                            None => out.say(file, Level::Error, entry.value.span, format!("the severity of `{}` is not known", shown(id))),
                        }
                    }
                }
                "minimum_severity" => out.not_taken(file, entry.key, key, Some("use `gate.yellow_at`")),
                "include" => out.not_taken(file, entry.key, key, Some("use `--rule ID`; tfsec judged Terraform only")),
                _ if value.as_bool() == Some(false) => {}
                other => out.not_taken(file, entry.key, other, None),
            }
        }
        out
    }

    /// Takes over what is read: policies, variable files, paths, the baseline, thresholds. What the repository's own configuration
    /// says goes first.
    pub fn apply_to_reading(&self, config: &mut Config) {
        for folder in &self.folders {
            if !config.policies.folders.contains(folder) {
                config.policies.folders.push(Arc::clone(folder));
            }
        }
        if config.terraform.variable_files.is_empty() {
            config.terraform.variable_files.clone_from(&self.variable_files);
        }
        if let (Some(baseline), false) = (&self.baseline, config.written.has("exceptions.baseline")) {
            config.exceptions.baseline = Arc::clone(baseline);
        }
        if let (Some(red_at), false) = (self.red_at, config.written.has("gate.red_at")) {
            config.gate.red_at = red_at;
            config.gate.yellow_at = config.gate.yellow_at.min(red_at);
        }
        config.gate.skip_paths.extend(self.skip_paths.iter().cloned());
    }

    /// Takes over which rules judge, and how bad they are. Under an organisation floor, a list of the only ones to judge has no effect:
    /// the floor's stay on.
    pub fn apply_to_rules(&self, config: &mut Config, rules: &[Arc<RuleMeta>], floor: bool) {
        for rule in rules.iter().filter(|rule| !own::is_own(rule)) {
            let is = |one: &Named, at_least: bool| match one {
                Named::Id(id) => ids::answers_pattern(rule, id),
                Named::Severity(severity) if at_least => rule.severity >= *severity,
                Named::Severity(severity) => rule.severity <= *severity,
            };
            // An id that is named goes before a severity.
            let by_id = |list: &[Named]| list.iter().any(|one| matches!(one, Named::Id(_)) && is(one, true));
            let left_out = by_id(&self.without) || !by_id(&self.only) && self.without.iter().any(|one| is(one, false));
            let not_asked = !floor && !self.only.is_empty() && !self.only.iter().any(|one| is(one, true));
            if left_out || not_asked {
                config.policies.disable.insert(Arc::clone(&rule.id));
            }
            for (id, severity) in &self.severities {
                if ids::answers(rule, id) && !config.policies.severity.contains_key(&rule.id) {
                    config.policies.severity.insert(Arc::clone(&rule.id), *severity);
                }
            }
        }
    }

    /// What has no effect under an organisation floor.
    #[must_use]
    pub fn under_floor(&self, file: &Arc<str>) -> Option<Diagnostic> {
        let lists = [
            ("check", !self.only.is_empty()),
            ("framework", !self.frameworks.is_empty()),
            ("skip-framework", !self.without_frameworks.is_empty()),
        ];
        let named: Vec<String> = lists.into_iter().filter(|(_, there)| *there).map(|(key, _)| format!("`{key}`")).collect();
        let message = format!("{} has no effect: the organisation floor leaves nothing out", named.join(", "));
        (!named.is_empty()).then(|| Diagnostic::new(Level::Warning, CODE, Arc::clone(file), Span::NONE, message))
    }

    /// Whether it leaves a source out: `framework` and `skip-framework`.
    #[must_use]
    pub fn leaves_out(&self, source: &str) -> bool {
        let names: &[&str] = match source {
            "terraform" => &["terraform", "terraform_plan", "terraform_json"],
            "plan" | "terraform-plan" => &["terraform_plan"],
            "chart" | "helm" | "helm-chart" => &["helm"],
            "github-actions" => &["github_actions"],
            "gitlab-ci" => &["gitlab_ci"],
            "azure-pipelines" => &["azure_pipelines"],
            "circleci" => &["circleci_pipelines"],
            "bitbucket-pipelines" => &["bitbucket_pipelines"],
            "argo" | "argo-workflows" => &["argo_workflows"],
            other => &[other],
        };
        let in_list = |list: &[Arc<str>]| names.iter().any(|name| list.iter().any(|one| **one == **name));
        let known = [
            "terraform",
            "kubernetes",
            "dockerfile",
            "cloudformation",
            "serverless",
            "arm",
            "bicep",
            "helm",
            "kustomize",
            "github_actions",
            "openapi",
        ];
        let only_ours = self.frameworks.iter().any(|one| known.contains(&&**one) || names.contains(&&**one));
        in_list(&self.without_frameworks) || (only_ours && !in_list(&self.frameworks))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::fixtures::rule;
    use probity_value::FileId;

    fn checkov(text: &str) -> Settings {
        Settings::checkov(&JudgeFile { path: ".checkov.yaml".into(), text: text.into(), file: FileId(0), signature: None })
    }

    /// Which of the rules `aws-a` (`CKV_AWS_1`, low) and `aws-b` (`CKV_AWS_2`, high) are switched off.
    fn off(settings: &Settings) -> String {
        let mut rules = vec![rule("aws-a", Severity::Low), rule("aws-b", Severity::High)];
        Arc::make_mut(&mut rules[0]).aliases = vec!["CKV_AWS_1".into()];
        Arc::make_mut(&mut rules[1]).aliases = vec!["CKV_AWS_2".into()];
        let mut config = Config::default();
        settings.apply_to_rules(&mut config, &rules, false);
        config.policies.disable.iter().map(|id| &**id).collect::<Vec<_>>().join(" ")
    }

    #[test]
    fn which_rules() {
        let check = |text: &str, expected: &str| assert_eq!(off(&checkov(text)), expected, "{text}");
        check("", "");
        check("check: [CKV_AWS_1]", "aws-b");
        check("check: CKV_AWS_1,CKV_AWS_2", "");
        check("skip-check: [CKV_AWS_2]", "aws-b");
        check("skip_check: [CKV_AWS_*]", "aws-a aws-b");
        check("skip-check: [LOW]", "aws-a");
        check("check: [HIGH]", "aws-a");
        check("check: [CKV_AWS_1]\nskip-check: [MEDIUM]", "aws-b");
    }

    #[test]
    fn what_is_read() {
        let settings = checkov(
            "external-checks-dir: [./checks/]\nvar-file: [./prod.tfvars]\nbaseline: .checkov.baseline\nskip-path: ['tests?/', '\\.bak$']\nhard-fail-on: [MEDIUM]",
        );
        assert!(settings.diagnostics.is_empty(), "{:?}", settings.diagnostics);
        let mut config = Config::default();
        settings.apply_to_reading(&mut config);
        assert_eq!(config.policies.folders, [Arc::from("checks")]);
        assert_eq!(config.terraform.variable_files, [Arc::from("prod.tfvars")]);
        assert_eq!((&*config.exceptions.baseline, config.gate.red_at), (".checkov.baseline", Severity::Medium));
        let left = |path: &str| config.ignores(path);
        assert!(left("test/a.tf") && left("a.tf.bak") && !left("main.tf"));
    }

    #[test]
    fn frameworks() {
        let check = |text: &str, source: &str, expected: bool| assert_eq!(checkov(text).leaves_out(source), expected, "{text} {source}");
        check("", "terraform", false);
        check("framework: [all]", "terraform", false);
        check("framework: [terraform]", "terraform", false);
        check("framework: [terraform]", "kubernetes", true);
        check("framework: secrets", "terraform", false);
        check("skip-framework: [dockerfile]", "dockerfile", true);
        check("skip-framework: [dockerfile]", "terraform", false);
    }

    #[test]
    fn what_is_not_taken_over_is_said() {
        let said = |text: &str| checkov(text).diagnostics.into_iter().map(|one| one.message).collect::<Vec<_>>().join("; ");
        assert_eq!(said("soft-fail: true\nquiet: false"), "`soft-fail` is not taken over");
        assert_eq!(said("soft-fail-on: [CKV_AWS_1]"), "`soft-fail-on: CKV_AWS_1` is not taken over");
        assert_eq!(said("external-checks-dir: ../checks"), "`external-checks-dir` is not taken over");
        assert_eq!(said("skip-path: ['(']"), "`(` under `skip-path` is no regular expression");
        assert_eq!(said("[1]"), "the file holds no map");
        assert!(!said("a: [").is_empty());
    }

    #[test]
    fn under_a_floor() {
        let settings = checkov("check: [CKV_AWS_1]\nframework: terraform\nskip-check: [CKV_AWS_2]");
        let rules = vec![rule("aws-a", Severity::Low)];
        let mut config = Config::default();
        settings.apply_to_rules(&mut config, &rules, true);
        assert!(config.policies.disable.is_empty());
        assert!(settings.under_floor(&"f".into()).unwrap().message.starts_with("`check`, `framework` has no effect"));
        assert!(checkov("skip-check: [CKV_AWS_2]").under_floor(&"f".into()).is_none());
        let own = own::rules();
        checkov("skip-check: ['*']").apply_to_rules(&mut config, &own, false);
        assert!(config.policies.disable.is_empty());
    }

    #[test]
    fn thresholds() {
        let red = |text: &str| {
            let mut config = Config::default();
            checkov(text).apply_to_reading(&mut config);
            config.gate.red_at.as_str()
        };
        assert_eq!(red("soft-fail-on: [LOW, HIGH]"), "critical");
        assert_eq!(red("soft-fail-on: MEDIUM"), "high");
        assert_eq!(red("hard-fail-on: LOW\nsoft-fail-on: HIGH"), "low");
    }

    #[test]
    fn tfsec() {
        let file = |path: &str, text: &str| JudgeFile { path: path.into(), text: text.into(), file: FileId(0), signature: None };
        let settings = Settings::tfsec(&file(
            ".tfsec/config.yml",
            "exclude: [CKV_AWS_1]\nseverity_overrides:\n  CKV_AWS_2: LOW\nminimum_severity: HIGH\n",
        ));
        assert_eq!(off(&settings), "aws-a");
        assert_eq!(settings.severities.get("CKV_AWS_2"), Some(&Severity::Low));
        assert_eq!(settings.diagnostics.len(), 1);
        let json = Settings::tfsec(&file(".tfsec/config.json", r#"{"exclude": ["CKV_AWS_2"]}"#));
        assert_eq!(off(&json), "aws-b");
    }
}
