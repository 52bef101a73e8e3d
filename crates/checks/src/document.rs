//! One rule file: text to a [`RuleDocument`], with everything that is wrong with it at once. The `check:` part is `read`'s; what takes more
//! than one file to see (an id used twice, a control nobody knows) is `catalog`'s.

use std::collections::BTreeMap;
use std::sync::Arc;

use probity_core::{Confidence, Diagnostic, Level, RuleMeta, Severity, Stage, StageKind};
use probity_value::{FileId, Map, Span, Value, yaml};

use crate::check::{Check, Variant};
use crate::edit::{self, Mending};
use crate::read::{self, Faults};

/// A rule file, read.
#[derive(Clone, Debug)]
pub struct RuleDocument {
    /// What the rule says of itself.
    pub meta: RuleMeta,
    /// How it judges, by the types of subjects: `applies_to` with `check` first, then what stands under `also`.
    pub variants: Vec<Variant>,
    /// The parameters it takes, with the values its tests are judged with.
    pub parameters: BTreeMap<Arc<str>, Vec<Arc<str>>>,
    /// Its own tests.
    pub tests: Vec<RuleTest>,
    /// Where the id stands.
    pub id_span: Span,
    /// Where each control stands, in the order of `meta.controls`.
    pub control_spans: Vec<Span>,
    /// Where the file's text is.
    pub file: FileId,
}

/// One test of a rule: a source text that is judged alone.
#[derive(Clone, Debug)]
pub struct RuleTest {
    /// What must come out.
    pub expect: Expectation,
    /// Its name.
    pub name: String,
    /// The language of the text.
    pub source: TestSource,
    /// The text.
    pub text: String,
    /// Where it stands in the rule file.
    pub span: Span,
}

/// What must come out of a test.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub enum Expectation {
    /// At least one subject fails.
    Fail,
    /// At least one subject passes, and none fails or is unknown.
    Pass,
    /// At least one is unknown, and none fails.
    Unknown,
    /// No subject gets a result.
    NotApplicable,
}

impl Expectation {
    /// All expectations with their keys.
    pub const ALL: &'static [(&'static str, Expectation)] = &[
        ("fail", Expectation::Fail),
        ("pass", Expectation::Pass),
        ("unknown", Expectation::Unknown),
        ("not-applicable", Expectation::NotApplicable),
    ];

    /// The key in a rule file.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        Expectation::ALL.iter().find(|(_, expectation)| *expectation == self).map_or("", |(word, _)| word)
    }
}

/// The language of a test's text.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub enum TestSource {
    /// One `.tf` file.
    Terraform,
    /// One YAML manifest, of one or more documents.
    Kubernetes,
    /// One Dockerfile.
    Dockerfile,
    /// One CloudFormation template, YAML or JSON.
    CloudFormation,
    /// One Azure Resource Manager template.
    Arm,
    /// One Bicep file.
    Bicep,
    /// One GitHub Actions workflow.
    GithubActions,
    /// One GitLab CI file.
    GitlabCi,
    /// One Azure Pipelines file.
    AzurePipelines,
    /// One CircleCI configuration.
    Circleci,
    /// One Bitbucket Pipelines file.
    BitbucketPipelines,
    /// One Jenkinsfile.
    Jenkins,
    /// One Compose file.
    Compose,
    /// One OpenAPI description.
    Openapi,
    /// One Serverless Framework file.
    Serverless,
    /// One Terraform plan as JSON.
    Plan,
}

impl TestSource {
    /// All sources with their keys and the name of the file a test's text is judged as.
    pub const ALL: &'static [(&'static str, TestSource, &'static str)] = &[
        ("terraform", TestSource::Terraform, "main.tf"),
        ("kubernetes", TestSource::Kubernetes, "manifest.yaml"),
        ("dockerfile", TestSource::Dockerfile, "Dockerfile"),
        ("cloudformation", TestSource::CloudFormation, "template.yaml"),
        ("arm", TestSource::Arm, "azuredeploy.json"),
        ("bicep", TestSource::Bicep, "main.bicep"),
        ("github-actions", TestSource::GithubActions, ".github/workflows/ci.yml"),
        ("gitlab-ci", TestSource::GitlabCi, ".gitlab-ci.yml"),
        ("azure-pipelines", TestSource::AzurePipelines, "azure-pipelines.yml"),
        ("circleci", TestSource::Circleci, ".circleci/config.yml"),
        ("bitbucket-pipelines", TestSource::BitbucketPipelines, "bitbucket-pipelines.yml"),
        ("jenkins", TestSource::Jenkins, "Jenkinsfile"),
        ("compose", TestSource::Compose, "docker-compose.yml"),
        ("openapi", TestSource::Openapi, "openapi.yaml"),
        ("serverless", TestSource::Serverless, "serverless.yml"),
        ("plan", TestSource::Plan, "tfplan.json"),
    ];

    /// The key in a rule file.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        TestSource::ALL.iter().find(|(_, source, _)| *source == self).map_or("", |(word, ..)| word)
    }

    /// The name of the file the text is judged as.
    #[must_use]
    pub fn file(self) -> &'static str {
        TestSource::ALL.iter().find(|(_, source, _)| *source == self).map_or("", |(.., file)| file)
    }
}

/// Keys of a rule file.
const KEYS: &[&str] = &[
    "parameters",
    "id",
    "title",
    "severity",
    "confidence",
    "stage",
    "applies_to",
    "controls",
    "aliases",
    "why",
    "fix",
    "waivable",
    "message",
    "check",
    "edit",
    "also",
    "tests",
];

/// Keys of one entry of `also`.
const ALSO_KEYS: &[&str] = &["applies_to", "check", "edit", "fix", "message"];

impl RuleDocument {
    /// Reads one rule file. `path` is shown in diagnostics; `file` is the number of the text in the caller's source map.
    ///
    /// The document is `None` where a fault leaves no sound rule; every fault is an error among the diagnostics.
    #[must_use]
    pub fn parse(text: &str, path: &str, file: FileId) -> (Option<RuleDocument>, Vec<Diagnostic>) {
        let path: Arc<str> = path.into();
        let (documents, problems) = yaml::parse(text, file);
        let mut faults = Faults::default();
        for problem in &problems {
            // A key given twice is refused too: one of the two would be lost.
            faults.add(problem.span, problem.message.clone());
        }
        let document = match documents.as_slice() {
            [document] => match document.value.as_map() {
                Some(map) => read(map, document.value.span.or(document.span), file, &mut faults),
                None => {
                    faults.add(document.span, "a rule file is a map");
                    None
                }
            },
            [] if !problems.is_empty() => None,
            [] => {
                faults.add(Span::new(file, 0..0), "the file is empty");
                None
            }
            [_, second, ..] => {
                faults.add(second.span, "a rule file holds one rule");
                None
            }
        };
        let diagnostics: Vec<Diagnostic> = faults
            .list
            .into_iter()
            .map(|fault| {
                let diagnostic = Diagnostic::new(Level::Error, "rule-file", Arc::clone(&path), fault.span, fault.message);
                match fault.hint {
                    Some(hint) => diagnostic.hint(hint),
                    None => diagnostic,
                }
            })
            .collect();
        (document.filter(|_| diagnostics.is_empty()), diagnostics)
    }
}

fn read(map: &Map, whole: Span, file: FileId, faults: &mut Faults) -> Option<RuleDocument> {
    for (key, entry) in map.iter() {
        if !KEYS.contains(&&**key) {
            faults.unknown_word(entry.key, "key of a rule file", key, KEYS);
        }
    }
    let head = Span { end: whole.start, ..whole };
    let id = sentence(map, "id", head, faults);
    if let Some((id, span)) = &id
        && !well_formed_id(id)
    {
        faults.add(*span, format!("the id `{id}` has other letters than lower-case ones, digits and `-`"));
    }
    let title = sentence(map, "title", head, faults);
    let why = sentence(map, "why", head, faults);
    let fix = sentence(map, "fix", head, faults);
    let severity = word::<Severity>(map, "severity", None, head, faults);
    let confidence = word::<Confidence>(map, "confidence", Some(Confidence::Certain), head, faults);
    let stage = stage(map, head, faults);
    let applies_to = types(map, head, faults);
    let controls = strings(map, "controls", faults);
    for (control, span) in &controls {
        if control.split_once('/').is_none_or(|(framework, requirement)| framework.is_empty() || requirement.is_empty()) {
            faults.add(*span, format!("the control `{control}` is not written as `framework/requirement`"));
        }
    }
    let aliases = strings(map, "aliases", faults);
    for (alias, span) in &aliases {
        if !alias.chars().all(|letter| letter.is_ascii_alphanumeric() || matches!(letter, '-' | '_' | '.')) {
            faults.add(*span, format!("the alias `{alias}` has other letters than letters, digits, `-`, `_` and `.`"));
        }
    }
    duplicates(&controls, "controls", faults);
    duplicates(&aliases, "aliases", faults);
    let waivable = match map.get("waivable") {
        None => Some(true),
        Some(value) => {
            if value.as_bool().is_none() {
                faults.add(value.span, "`waivable` is `true` or `false`");
            }
            value.as_bool()
        }
    };
    let message = map.contains_key("message").then(|| sentence(map, "message", head, faults)).flatten();
    let check = match map.get("check") {
        Some(value) => read::check(value, message.as_ref().map(|(text, _)| text.to_string()), faults),
        None => {
            faults.add(head, "a rule needs a `check`");
            None
        }
    };
    let mending = mending(map, faults);
    let also = also(map, message.map(|(text, _)| text), faults);
    let every: Vec<(Arc<str>, Span)> = applies_to.iter().chain(also.iter().flat_map(|one| &one.applies_to)).cloned().collect();
    duplicates(&every, "applies_to", faults);
    let parameters = parameters(map, faults);
    let tests = tests(map, head, faults);
    let (id, id_span) = id?;
    let mut meta = RuleMeta {
        id,
        engine: "checks",
        title: title?.0,
        severity: severity?,
        confidence: confidence?,
        stage: stage?,
        applies_to: every.into_iter().map(|(name, _)| name).collect(),
        controls: controls.iter().map(|(name, _)| Arc::clone(name)).collect(),
        aliases: aliases.into_iter().map(|(name, _)| name).collect(),
        why: why?.0,
        fix: fix?.0,
        other_fixes: also.iter().filter_map(|one| Some((names(&one.applies_to), one.fix.clone()?))).collect(),
        waivable: waivable?,
        mends: false,
        parameters: parameters.keys().cloned().collect(),
    };
    let mut variants = vec![Variant { applies_to: names(&applies_to), check: check?, mending: mending? }];
    for one in also {
        variants.push(Variant { applies_to: names(&one.applies_to), check: one.check?, mending: one.mending? });
    }
    meta.mends = variants.iter().any(|variant| variant.edit().is_some());
    let control_spans = controls.into_iter().map(|(_, span)| span).collect();
    Some(RuleDocument { meta, variants, parameters, tests, id_span, control_spans, file })
}

/// The parameters a rule takes, each with a list of texts for its tests.
fn parameters(map: &Map, faults: &mut Faults) -> BTreeMap<Arc<str>, Vec<Arc<str>>> {
    let mut out = BTreeMap::new();
    let Some(value) = map.get("parameters") else { return out };
    let Some(given) = value.as_map() else {
        faults.add(value.span, "`parameters` is a map from the name of a parameter to a list of texts");
        return out;
    };
    for (name, entry) in given.iter() {
        let texts: Option<Vec<Arc<str>>> =
            entry.value.as_list().and_then(|items| items.iter().map(|item| item.as_str().map(Arc::from)).collect());
        if !read::parameter_name(name) {
            faults.add(entry.key, "the name of a parameter is lower-case letters, digits and `_`");
        }
        match texts.filter(|texts| !texts.is_empty()) {
            Some(texts) => {
                out.insert(Arc::clone(name), texts);
            }
            None => faults.add(entry.value.span, format!("the parameter `{name}` takes a list of texts, for the rule's tests")),
        }
    }
    out
}

/// One entry of `also`: the same fault in another language.
struct Also {
    applies_to: Vec<(Arc<str>, Span)>,
    check: Option<Check>,
    mending: Option<Mending>,
    fix: Option<Arc<str>>,
}

fn also(map: &Map, message: Option<Arc<str>>, faults: &mut Faults) -> Vec<Also> {
    let Some(value) = map.get("also") else { return Vec::new() };
    let Some(items) = value.as_list() else {
        faults.add(value.span, "`also` is a list of maps with `applies_to` and `check`");
        return Vec::new();
    };
    let mut out = Vec::new();
    for item in items {
        let Some(map) = item.as_map() else {
            faults.add(item.span, "an entry of `also` is a map with `applies_to` and `check`");
            continue;
        };
        for (key, entry) in map.iter().filter(|(key, _)| !ALSO_KEYS.contains(&&***key)) {
            faults.unknown_word(entry.key, "key of `also`", key, ALSO_KEYS);
        }
        let head = Span { end: item.span.start, ..item.span };
        let optional = |key: &str, faults: &mut Faults| map.contains_key(key).then(|| sentence(map, key, head, faults)).flatten();
        let message = optional("message", faults).map(|(text, _)| text).or_else(|| message.clone());
        let check = match map.get("check") {
            Some(value) => read::check(value, message.map(|text| text.to_string()), faults),
            None => {
                faults.add(head, "an entry of `also` needs a `check`");
                None
            }
        };
        let fix = optional("fix", faults).map(|(text, _)| text);
        out.push(Also { applies_to: types(map, head, faults), check, mending: mending(map, faults), fix });
    }
    out
}

fn mending(map: &Map, faults: &mut Faults) -> Option<Mending> {
    map.get("edit").map_or(Some(Mending::Implied), |value| edit::read(value, faults))
}

fn types(map: &Map, head: Span, faults: &mut Faults) -> Vec<(Arc<str>, Span)> {
    let found = strings(map, "applies_to", faults);
    if found.is_empty() {
        faults.add(map.entry("applies_to").map_or(head, |entry| entry.key), "a rule needs `applies_to`, the types of subjects it judges");
    }
    found
}

fn names(list: &[(Arc<str>, Span)]) -> Vec<Arc<str>> {
    list.iter().map(|(name, _)| Arc::clone(name)).collect()
}

fn well_formed_id(id: &str) -> bool {
    id.chars().all(|letter| letter.is_ascii_lowercase() || letter.is_ascii_digit() || letter == '-') && !id.starts_with('-')
}

/// Text that is there and not blank.
fn sentence(map: &Map, key: &str, head: Span, faults: &mut Faults) -> Option<(Arc<str>, Span)> {
    let Some(value) = map.get(key) else {
        faults.add(head, format!("a rule needs `{key}`"));
        return None;
    };
    match value.as_str().map(str::trim) {
        Some(text) if !text.is_empty() => Some((text.into(), value.span)),
        Some(_) => {
            faults.add(value.span, format!("`{key}` is empty"));
            None
        }
        None => {
            faults.add(value.span, format!("`{key}` is text, not a {}", value.type_name()));
            None
        }
    }
}

fn word<W: std::str::FromStr<Err = probity_core::UnknownWord>>(
    map: &Map,
    key: &str,
    default: Option<W>,
    head: Span,
    faults: &mut Faults,
) -> Option<W> {
    let Some(value) = map.get(key) else {
        if default.is_none() {
            faults.add(head, format!("a rule needs `{key}`"));
        }
        return default;
    };
    match value.as_str().unwrap_or_default().parse::<W>() {
        Ok(word) => Some(word),
        Err(unknown) => {
            faults.unknown_word(value.span, key, value.as_str().unwrap_or(value.type_name()), unknown.known);
            None
        }
    }
}

fn stage(map: &Map, head: Span, faults: &mut Faults) -> Option<Stage> {
    let Some(value) = map.get("stage") else {
        faults.add(head, "a rule needs `stage`, like `{ stable: 0.1.0 }`");
        return None;
    };
    let Some((key, entry)) = value.as_map().filter(|stages| stages.len() == 1).and_then(|stages| stages.iter().next()) else {
        faults.add(value.span, "`stage` is a map with one key, like `{ stable: 0.1.0 }`");
        return None;
    };
    let kind = match key.parse::<StageKind>() {
        Ok(kind) => Some(kind),
        Err(unknown) => {
            faults.unknown_word(entry.key, "stage", key, unknown.known);
            None
        }
    };
    let since = entry.value.as_str().filter(|version| {
        version.split('.').count() == 3 && version.split('.').all(|part| !part.is_empty() && part.bytes().all(|byte| byte.is_ascii_digit()))
    });
    if since.is_none() {
        faults.add(entry.value.span, "a stage has the version it began with, like `0.1.0`");
    }
    Some(Stage { kind: kind?, since: since?.into() })
}

fn strings(map: &Map, key: &str, faults: &mut Faults) -> Vec<(Arc<str>, Span)> {
    let Some(value) = map.get(key) else { return Vec::new() };
    let Some(items) = value.as_list() else {
        faults.add(value.span, format!("`{key}` is a list"));
        return Vec::new();
    };
    items
        .iter()
        .filter_map(|item| match item.as_str().filter(|text| !text.is_empty()) {
            Some(text) => Some((text.into(), item.span)),
            None => {
                faults.add(item.span, format!("an item of `{key}` is not text"));
                None
            }
        })
        .collect()
}

fn duplicates(list: &[(Arc<str>, Span)], key: &str, faults: &mut Faults) {
    for (position, (name, span)) in list.iter().enumerate() {
        if list.iter().take(position).any(|(earlier, _)| earlier == name) {
            faults.add(*span, format!("`{name}` is twice in `{key}`"));
        }
    }
}

fn tests(map: &Map, head: Span, faults: &mut Faults) -> Vec<RuleTest> {
    let Some(entry) = map.entry("tests") else {
        faults.add(head, "a rule needs `tests`: at least one `fail` and one `pass`");
        return Vec::new();
    };
    let Some(groups) = entry.value.as_map() else {
        faults.add(entry.value.span, "`tests` is a map of `fail`, `pass`, `unknown` and `not-applicable`");
        return Vec::new();
    };
    let known: Vec<&str> = Expectation::ALL.iter().map(|(word, _)| *word).collect();
    let mut tests: Vec<RuleTest> = Vec::new();
    for (key, group) in groups.iter() {
        let Some((_, expect)) = Expectation::ALL.iter().find(|(word, _)| *word == &**key) else {
            faults.unknown_word(group.key, "kind of test", key, &known);
            continue;
        };
        let Some(items) = group.value.as_list() else {
            faults.add(group.value.span, format!("`{key}` is a list of tests"));
            continue;
        };
        for item in items {
            if let Some(test) = test(item, *expect, faults) {
                if tests.iter().any(|other| other.expect == test.expect && other.name == test.name) {
                    faults.add(test.span, format!("two tests under `{key}` are named `{}`", test.name));
                }
                tests.push(test);
            }
        }
    }
    for needed in ["fail", "pass"] {
        if groups.get(needed).and_then(Value::as_list).is_none_or(<[Value]>::is_empty) {
            faults.add(entry.key, format!("a rule needs at least one test under `{needed}`"));
        }
    }
    tests
}

fn test(value: &Value, expect: Expectation, faults: &mut Faults) -> Option<RuleTest> {
    let Some(map) = value.as_map() else {
        faults.add(value.span, "a test is a map with `name` and a source");
        return None;
    };
    let known: Vec<&str> = std::iter::once("name").chain(TestSource::ALL.iter().map(|(word, ..)| *word)).collect();
    for (key, entry) in map.iter().filter(|(key, _)| !known.contains(&&***key)) {
        faults.unknown_word(entry.key, "key of a test", key, &known);
    }
    let name = match map.get("name").and_then(crate::compare::as_text) {
        Some(name) if !name.trim().is_empty() => Some(name.into_owned()),
        _ => {
            faults.add(value.span, "a test needs a `name`");
            None
        }
    };
    let sources: Vec<(TestSource, &Value)> =
        TestSource::ALL.iter().filter_map(|(word, source, _)| Some((*source, map.get(word)?))).collect();
    let [(source, text)] = sources.as_slice() else {
        faults.add(value.span, "a test needs exactly one source, like `terraform` or `kubernetes`");
        return None;
    };
    let Some(words) = text.as_str() else {
        faults.add(text.span, format!("the source of a test is text, not a {}", text.type_name()));
        return None;
    };
    Some(RuleTest { expect, name: name?, source: *source, text: words.to_owned(), span: text.span })
}
