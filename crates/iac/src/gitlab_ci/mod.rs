//! GitLab CI: `.gitlab-ci.yml` and the files of the repository it includes, to subjects.
//!
//! Types and ids: `gitlab.pipeline` (the name of the file) and `gitlab.job` (its name; templates that begin with a dot are none). A job's
//! place begins at its first key. Values are what was written, `extends`, `!reference` and `default` worked out, and beside it:
//!
//! - both: `pairs: [{key, value}]` (their own `variables`);
//! - a pipeline: `images` of its defaults, taken apart; `includes: [{kind: local | remote | template | project | component, text, ref, pinned, read}]`;
//! - a job: `name`, `commands` of its three scripts (see `ci::script`; nothing looks at how `after_script` ends), `images` of its own, taken
//!   apart, variables with known values put in, `soft` (a failure of it does not fail the pipeline), `merge_requests` (it may run for one),
//!   `unguarded` (jobs that deploy and do not wait for it), `deploys`, `pipeline` (what stands around it).
//!
//! What does not live here: files of other projects and servers; they are said.

mod merge;

#[cfg(test)]
mod tests;

use std::collections::{BTreeMap, BTreeSet};
use std::sync::OnceLock;

use probity_core::{Collected, Scope, Source, SubjectKind};
use probity_value::{Map, Span, Value, yaml};

use crate::ci::collect::{Claim, File, Language, Outcome, collect_with, has_key};
use crate::ci::image::image;
use crate::ci::script::{Shell, sequence};
use crate::ci::{Fields, items, pairs, scalar};
use merge::Union;

/// Claims `.gitlab-ci.yml`, `*.gitlab-ci.yml`, what they include, and files below `.gitlab/` and `.gitlab-ci/` that hold jobs.
#[derive(Clone, Copy, Debug, Default)]
pub struct GitlabCiSource;

const KIND: SubjectKind = SubjectKind::GitlabCi;
const MAX_JOBS: usize = 5000;

/// Keys at the top that are no jobs.
const RESERVED: &[&str] = &[
    "after_script",
    "before_script",
    "cache",
    "default",
    "image",
    "include",
    "services",
    "spec",
    "stages",
    "types",
    "variables",
    "workflow",
];

const LANGUAGE: Language = Language {
    id: "gitlab-ci",
    files: "pipelines",
    unreadable: "gitlab-ci-unreadable",
    name: claim,
    looks,
    options: yaml::ParseOptions { booleans_1_1: true, octal_1_1: true, line_breaks_1_1: false, kubectl: false, cloudformation: false },
};

impl Source for GitlabCiSource {
    fn id(&self) -> &'static str {
        LANGUAGE.id
    }

    fn collect(&self, scope: &Scope<'_>) -> Collected {
        let paths: Vec<&str> = scope.tree.files().iter().map(|file| &*file.path).collect();
        let reaches = OnceLock::new();
        collect_with(scope, &LANGUAGE, &|file| local_paths(file, &paths), &|file, files| {
            let reaches = reaches.get_or_init(|| files.iter().map(|file| (file.path.to_string(), local_paths(file, &paths))).collect());
            read(file, files, &paths, reaches)
        })
    }
}

fn claim(path: &str) -> Claim {
    let name = path.rsplit('/').next().unwrap_or(path);
    if name.ends_with(".gitlab-ci.yml") || name.ends_with(".gitlab-ci.yaml") || name == "gitlab-ci.yml" {
        return Claim::Surely;
    }
    let yaml = name.ends_with(".yml") || name.ends_with(".yaml");
    let folder = path.starts_with(".gitlab/") || path.contains("/.gitlab/") || path.contains(".gitlab-ci/");
    if yaml && folder { Claim::Perhaps } else { Claim::No }
}

fn looks(text: &str) -> bool {
    text.contains("script:") || has_key(text, &["include", "stages"])
}

/// The folder paths of a file begin in: that of the repository, which may be below the top of what is judged.
fn base(path: &str) -> &str {
    let folder = path.rsplit_once('/').map_or("", |(folder, _)| folder);
    let inner = [".gitlab", ".gitlab-ci"].iter().find_map(|name| {
        let at = folder.split('/').position(|part| part == *name)?;
        Some(folder.split('/').take(at).map(|part| part.len() + 1).sum::<usize>())
    });
    inner.map_or(folder, |length| folder.get(..length.saturating_sub(1)).unwrap_or_default())
}

/// Files of the tree that a local path, perhaps with `*` in it, names.
fn resolve(wanted: &str, from: &str, paths: &[&str]) -> Vec<String> {
    let bare = wanted.trim_start_matches('/');
    let base = base(from);
    let near = if base.is_empty() { bare.to_owned() } else { format!("{base}/{bare}") };
    for candidate in [near.as_str(), bare] {
        if paths.binary_search(&candidate).is_ok() {
            return vec![candidate.to_owned()];
        }
        if candidate.contains('*')
            && let Ok(glob) = globset::GlobBuilder::new(candidate).literal_separator(true).build()
        {
            let matcher = glob.compile_matcher();
            let found: Vec<String> = paths.iter().filter(|path| matcher.is_match(path)).take(500).map(|path| (*path).to_owned()).collect();
            if !found.is_empty() {
                return found;
            }
        }
    }
    Vec::new()
}

/// One `include`, in one shape.
struct Include {
    kind: &'static str,
    text: String,
    reference: Option<String>,
    pinned: bool,
    span: Span,
}

fn includes(value: &Value) -> Vec<Include> {
    let mut out = Vec::new();
    for item in value.get("include").map(items).unwrap_or_default() {
        let span = item.span;
        if let Some(text) = item.as_str() {
            let remote = text.starts_with("http://") || text.starts_with("https://");
            let kind = if remote { "remote" } else { "local" };
            out.push(Include { kind, text: text.to_owned(), reference: None, pinned: !remote, span });
            continue;
        }
        let text = |key: &str| item.get(key).and_then(scalar).map(|text| text.to_string());
        let commit = |text: &str| text.len() == 40 && text.bytes().all(|digit| digit.is_ascii_hexdigit());
        if let Some(local) = text("local") {
            out.push(Include { kind: "local", text: local, reference: None, pinned: true, span });
        } else if let Some(remote) = text("remote") {
            out.push(Include { kind: "remote", text: remote, reference: None, pinned: item.get("integrity").is_some(), span });
        } else if let Some(template) = text("template") {
            // Templates come with the GitLab that runs them.
            out.push(Include { kind: "template", text: template, reference: None, pinned: true, span });
        } else if let Some(project) = text("project") {
            let reference = text("ref");
            let pinned = reference.as_deref().is_some_and(commit);
            let files: Vec<String> =
                item.get("file").map(items).unwrap_or_default().iter().filter_map(scalar).map(|file| file.to_string()).collect();
            out.push(Include { kind: "project", text: format!("{project}: {}", files.join(", ")), reference, pinned, span });
        } else if let Some(component) = text("component") {
            let reference = component.rsplit_once('@').map(|(_, version)| version.to_owned());
            let pinned = reference.as_deref().is_some_and(commit);
            out.push(Include { kind: "component", text: component, reference, pinned, span });
        }
    }
    out
}

fn documents(file: &File) -> impl Iterator<Item = &Value> {
    file.documents.iter().map(|document| &document.value).filter(|value| value.as_map().is_some())
}

fn local_paths(file: &File, paths: &[&str]) -> Vec<String> {
    documents(file)
        .flat_map(includes)
        .filter(|include| include.kind == "local")
        .flat_map(|include| resolve(&include.text, &file.path, paths))
        .collect()
}

/// For each file those it includes.
type Reaches = BTreeMap<String, Vec<String>>;

/// The files that make up the pipeline a file belongs to: of the first that is not included itself and reaches it, all it reaches.
fn belonging<'f>(file: &'f File, files: &'f [File], reaches: &Reaches) -> Vec<&'f File> {
    let closure = |start: &str| {
        let mut seen: BTreeSet<String> = BTreeSet::new();
        let mut waiting = vec![start.to_owned()];
        while let Some(path) = waiting.pop() {
            if seen.insert(path.clone()) {
                waiting.extend(reaches.get(path.as_str()).into_iter().flatten().cloned());
            }
        }
        seen
    };
    let included: BTreeSet<&str> = reaches.values().flatten().map(String::as_str).collect();
    if !included.contains(&*file.path) {
        let all = closure(&file.path);
        return files.iter().filter(|file| all.contains(&*file.path)).collect();
    }
    let tops = files.iter().filter(|file| !included.contains(&*file.path));
    let all = tops.map(|top| closure(&top.path)).find(|all| all.contains(&*file.path)).unwrap_or_else(|| closure(&file.path));
    files.iter().filter(|file| all.contains(&*file.path)).collect()
}

fn read(file: &File, files: &[File], paths: &[&str], reaches: &Reaches) -> Outcome {
    let mut outcome = Outcome::default();
    let all = if files.len() > 1 { belonging(file, files, reaches) } else { vec![file] };
    let tops: Vec<(&Value, &str)> = all.iter().flat_map(|file| documents(file).map(|value| (value, &*file.text))).collect();
    let union = Union::new(&tops);
    let mut any = false;
    for value in documents(file) {
        // The header of a component, before its pipeline.
        if value.get("spec").is_some() && value.as_map().is_some_and(|map| map.len() == 1) {
            continue;
        }
        any = true;
        read_pipeline(file, value, &union, paths, &mut outcome);
    }
    outcome.not_ours = !any && !file.documents.is_empty();
    if outcome.not_ours && file.surely {
        outcome.not_ours = file.documents.iter().all(|document| document.value.is_null());
        let span = file.documents.first().map_or(Span::NONE, |document| document.span);
        outcome.warn("gitlab-ci-shape", span, "the file is not a map, so it is not judged");
    }
    outcome
}

fn read_pipeline(file: &File, value: &Value, union: &Union<'_>, paths: &[&str], outcome: &mut Outcome) {
    let Some(map) = value.as_map() else { return };
    let span = value.span;
    let mut facts = Fields::default();
    for (key, entry) in map.iter().filter(|(key, _)| RESERVED.contains(&&***key)) {
        facts.0.insert(key.as_ref(), entry.key, entry.value.clone());
    }
    let mut list = Vec::new();
    for include in includes(value) {
        let found = include.kind == "local" && !resolve(&include.text, &file.path, paths).is_empty();
        if !found {
            let words = if include.kind == "local" {
                format!("the included file `{}` is not here", include.text)
            } else {
                format!("`{}` is included from outside the repository and not read", include.text)
            };
            outcome.note("gitlab-ci-include", include.span, words);
        }
        let mut fields = Fields::default();
        fields.text("kind", Some(include.kind), include.span);
        fields.text("text", Some(&include.text), include.span);
        fields.text("ref", include.reference.as_deref(), include.span);
        fields.flag("pinned", include.pinned, include.span);
        fields.flag("read", found, include.span);
        list.push(fields.at(include.span));
    }
    facts.put("includes", Value::list(list, map.get("include").map_or(span, |include| include.span)));
    facts.put("pairs", pairs(map.get("variables"), span));
    let default = |key: &str| map.get("default").and_then(|default| default.get(key)).or_else(|| map.get(key));
    let own = images(default("image"), default("services"), &union.variables(&Map::new()));
    facts.put("images", Value::list(own, span));
    let around = facts.clone().at(span);
    let name = file.path.rsplit('/').next().unwrap_or(&file.path);
    let head = map.iter().next().map_or(span, |(_, entry)| entry.key);
    outcome.subject(file, KIND, "gitlab.pipeline", name, (span, head), facts.at(span));
    let jobs: Vec<(&std::sync::Arc<str>, &probity_value::Entry)> =
        map.iter().filter(|(key, entry)| !RESERVED.contains(&&***key) && !key.starts_with('.') && entry.value.as_map().is_some()).collect();
    for (name, entry) in jobs.iter().take(MAX_JOBS) {
        let fields = job(name, entry, union, &around, outcome);
        let head = entry.key;
        outcome.subject(file, KIND, "gitlab.job", name, (entry.value.span, head), fields.at(entry.value.span));
    }
    if jobs.len() > MAX_JOBS {
        outcome.warn("gitlab-ci-size", span, format!("more than {MAX_JOBS} jobs; the rest is not read"));
        outcome.skipped = Some(("too many jobs".to_owned(), true));
    }
}

fn job(name: &str, entry: &probity_value::Entry, union: &Union<'_>, pipeline: &Value, outcome: &mut Outcome) -> Fields {
    let (merged, unknown) = union.job(name, &entry.value);
    for (span, words) in unknown {
        outcome.note("gitlab-ci-extends", span, words);
    }
    let span = entry.value.span;
    let mut fields = Fields(merged);
    fields.text("name", Some(name), entry.key);
    let variables = union.variables(&fields.0);
    let own = pairs(entry.value.get("variables"), span);
    fields.put("pairs", own);
    let mut commands = Vec::new();
    for key in ["before_script", "script", "after_script"] {
        let Some(script) = fields.0.get(key) else { continue };
        let never = (key == "after_script").then_some("a failure in `after_script` never fails the job");
        // The runner sets `errexit`, and `pipefail` where the shell has it.
        for (lines, source) in union.lines(script) {
            commands.extend(items(&sequence(&lines, source, Shell::STRICT, never, script.span)).iter().cloned());
        }
    }
    fields.put("commands", Value::list(commands, span));
    // Those of the defaults are told once, of the pipeline.
    let own = |key: &str| fields.0.get(key).filter(|value| union.default().get(key).is_none_or(|default| default.span != value.span));
    let images = images(own("image"), own("services"), &variables);
    fields.put("images", Value::list(images, span));
    let soft = fields.0.get("allow_failure").and_then(Value::as_bool) == Some(true);
    let soft_rule = fields
        .0
        .get("rules")
        .map(items)
        .unwrap_or_default()
        .iter()
        .find_map(|rule| rule.get("allow_failure").filter(|value| value.as_bool() == Some(true)).map(|value| value.span));
    let place = fields.0.entry("allow_failure").map(|entry| entry.key.join(entry.value.span));
    fields.flag("soft", soft || soft_rule.is_some(), place.filter(|_| soft).or(soft_rule).unwrap_or(span));
    let deploys = merge::deploys(name, &fields.0);
    fields.flag("deploys", deploys, entry.key);
    fields.flag("merge_requests", merge::for_merge_requests(&fields.0), span);
    let unguarded = union.unguarded(name).into_iter().map(|name| Value::string(name, entry.key)).collect();
    fields.put("unguarded", Value::list(unguarded, entry.key));
    fields.put("pipeline", pipeline.clone());
    fields
}

/// An image and those of services, variables with values put in.
fn images(image_of: Option<&Value>, services: Option<&Value>, variables: &BTreeMap<String, String>) -> Vec<Value> {
    let all = image_of.into_iter().chain(services.map(items).unwrap_or_default());
    let named = all.map(|value| value.get("name").unwrap_or(value));
    named.filter_map(|value| Some(image(&merge::expand(value.as_str()?, variables, 0), value.span))).collect()
}

/// The keys of a map that are jobs or templates.
fn all_jobs(map: &Map) -> impl Iterator<Item = (&std::sync::Arc<str>, &probity_value::Entry)> {
    map.iter().filter(|(key, entry)| !RESERVED.contains(&&***key) && entry.value.as_map().is_some())
}
