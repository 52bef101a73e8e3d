//! `extends`, `!reference`, `default`, variables, and the order of jobs, over all files of a pipeline.

use std::cell::{OnceCell, RefCell};
use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::rc::Rc;

use probity_value::{FileId, Map, Span, Value};

use super::all_jobs;
use crate::ci::{Fields, items, scalar};

/// Levels of `extends` and `!reference` that are followed; GitLab takes 11.
const MAX_LEVELS: usize = 11;
/// Values one job may grow to by merging.
const MAX_MERGED: usize = 20_000;
/// Jobs whose order is worked out.
const MAX_ORDERED: usize = 2000;

/// Keys that jobs take from `default`.
const DEFAULTS: &[&str] = &[
    "after_script",
    "artifacts",
    "before_script",
    "cache",
    "hooks",
    "id_tokens",
    "image",
    "interruptible",
    "retry",
    "services",
    "tags",
    "timeout",
];

/// Words in the names of jobs and stages that bring something out.
const DEPLOYS: &[&str] = &["deploy", "release", "publish", "promote", "rollout", "production"];

/// All jobs and templates of a pipeline.
pub(super) struct Union<'f> {
    jobs: BTreeMap<&'f str, Vec<(&'f Value, &'f str)>>,
    default: Map,
    variables: Map,
    stages: Vec<String>,
    texts: Vec<(FileId, &'f str)>,
    facts: OnceCell<BTreeMap<&'f str, Facts>>,
    deploying: OnceCell<Vec<Waits<'f>>>,
    extended: RefCell<HashMap<(Span, usize), Rc<Extended>>>,
}

/// A job with all it extends, and what of that is not here.
type Extended = (Map, Vec<(Span, String)>);

/// A job that deploys, and all it waits for where it says so by `needs`.
type Waits<'f> = (&'f str, Option<BTreeSet<String>>);

/// What the order of jobs hangs on.
struct Facts {
    deploys: bool,
    stage: Option<usize>,
    needs: Option<Vec<String>>,
}

impl<'f> Union<'f> {
    /// `tops`: the documents with the text each stands in.
    pub(super) fn new(tops: &[(&'f Value, &'f str)]) -> Union<'f> {
        let mut union = Union {
            jobs: BTreeMap::new(),
            default: Map::new(),
            variables: Map::new(),
            stages: Vec::new(),
            facts: OnceCell::new(),
            deploying: OnceCell::new(),
            extended: RefCell::default(),
            texts: tops.iter().map(|(value, text)| (value.span.file, *text)).collect(),
        };
        for (value, text) in tops {
            let Some(map) = value.as_map() else { continue };
            for (name, entry) in all_jobs(map) {
                union.jobs.entry(name).or_default().push((&entry.value, text));
            }
            // Lists may be templates too: `.steps: [a, b]`.
            for (name, entry) in map.iter().filter(|(name, entry)| name.starts_with('.') && entry.value.as_map().is_none()) {
                union.jobs.entry(name).or_default().push((&entry.value, text));
            }
            for key in DEFAULTS {
                // The old way to write defaults: at the top.
                let entry = value.get("default").and_then(Value::as_map).and_then(|default| default.entry(key)).or_else(|| map.entry(key));
                if let Some(entry) = entry {
                    union.default.insert(*key, entry.key, entry.value.clone());
                }
            }
            for (name, entry) in value.get("variables").and_then(Value::as_map).into_iter().flat_map(Map::iter) {
                union.variables.insert(name.as_ref(), entry.key, entry.value.clone());
            }
            let stages = value.get("stages").map(items).unwrap_or_default();
            if !stages.is_empty() {
                union.stages = stages.iter().filter_map(scalar).map(|stage| stage.to_string()).collect();
            }
        }
        if union.stages.is_empty() {
            union.stages = ["build", "test", "deploy"].map(str::to_owned).to_vec();
        }
        union.stages.insert(0, ".pre".to_owned());
        union.stages.push(".post".to_owned());
        union
    }

    /// The defaults of all jobs.
    pub(super) fn default(&self) -> &Map {
        &self.default
    }

    /// A job with all it extends and the defaults, and what of it is not here.
    pub(super) fn job(&self, name: &str, written: &Value) -> (Map, Vec<(Span, String)>) {
        let mut missing = Vec::new();
        let mut budget = MAX_MERGED;
        let mut merged = Map::new();
        // The same job in an included file comes first.
        for (other, _) in self.jobs.get(name).into_iter().flatten().filter(|(other, _)| other.span != written.span) {
            deep_merge(&mut merged, &self.extended(other, 0).0, &mut budget);
        }
        let own = self.extended(written, 0);
        missing.extend(own.1.iter().cloned());
        deep_merge(&mut merged, &own.0, &mut budget);
        let inherit = merged.get("inherit").and_then(|inherit| inherit.get("default")).cloned();
        for (key, entry) in self.default.iter() {
            let wanted = match &inherit {
                None => true,
                Some(value) => value.as_bool().unwrap_or_else(|| items(value).iter().any(|item| item.as_str() == Some(key))),
            };
            if wanted && !merged.contains_key(key) {
                merged.insert(key.as_ref(), entry.key, entry.value.clone());
            }
        }
        (merged, missing)
    }

    /// A job with all it extends, and what of that is not here. Worked out once for each job and level.
    fn extended(&self, written: &Value, level: usize) -> Rc<Extended> {
        let key = (written.span, level);
        if let Some(known) = self.extended.borrow().get(&key) {
            return Rc::clone(known);
        }
        let own = written.as_map().cloned().unwrap_or_default();
        let mut merged = Map::new();
        let mut missing = Vec::new();
        let mut budget = MAX_MERGED;
        if let Some(extends) = own.get("extends") {
            for parent in items(extends) {
                let Some(name) = parent.as_str() else { continue };
                match self.jobs.get(name).and_then(|list| list.last()) {
                    Some((value, _)) if level < MAX_LEVELS => {
                        let parent = self.extended(value, level + 1);
                        deep_merge(&mut merged, &parent.0, &mut budget);
                        missing.extend(parent.1.iter().take(20).cloned());
                    }
                    Some(_) => {
                        let words = format!("`{name}` is extended more than {MAX_LEVELS} levels deep; the rest is not read");
                        missing.push((parent.span, words));
                    }
                    None => missing.push((parent.span, format!("`{name}`, which is extended, is not here"))),
                }
            }
        }
        deep_merge(&mut merged, &own, &mut budget);
        if budget == 0 {
            missing
                .push((written.span, format!("the job grows to more than {MAX_MERGED} values by what it extends; the rest is not read")));
        }
        missing.truncate(20);
        let found = Rc::new((merged, missing));
        self.extended.borrow_mut().insert(key, Rc::clone(&found));
        found
    }

    /// The lines of a script with the text they stand in, lists in lists and references taken apart.
    pub(super) fn lines(&self, script: &Value) -> Vec<(Vec<Value>, &'f str)> {
        let mut out = Vec::new();
        self.collect_lines(script, 0, &mut out);
        // Lines of one text belong together, so that what a shell was told before still counts.
        let mut grouped: Vec<(Vec<Value>, &'f str)> = Vec::new();
        for (line, text) in out {
            match grouped.last_mut() {
                Some((lines, last)) if std::ptr::eq(*last, text) => lines.push(line),
                _ => grouped.push((vec![line], text)),
            }
        }
        grouped
    }

    fn collect_lines(&self, script: &Value, level: usize, out: &mut Vec<(Value, &'f str)>) {
        if level > MAX_LEVELS || out.len() > 20_000 {
            return;
        }
        let Some(items) = script.as_list() else {
            if script.as_str().is_some() {
                out.push((script.clone(), self.text_of(script)));
            }
            return;
        };
        if let Some(found) = self.reference(script) {
            self.collect_lines(&found, level + 1, out);
            return;
        }
        for item in items {
            self.collect_lines(item, level + 1, out);
        }
    }

    /// What `!reference [job, key]` names.
    fn reference(&self, value: &Value) -> Option<Value> {
        let items = value.as_list()?;
        let (before, after) = self.text_of(value).split_at_checked(value.span.start as usize)?;
        // A list in brackets begins at its first item.
        let before = before.trim_end().trim_end_matches(['[', '"', '\'']).trim_end();
        if !before.ends_with("!reference") && !after.starts_with("!reference") {
            return None;
        }
        let mut path = items.iter();
        let (first, _) = self.jobs.get(path.next()?.as_str()?)?.last()?;
        let mut found = match path.next() {
            // A key the template has by extending another.
            Some(key) => self.extended(first, 0).0.get(key.as_str()?)?.clone(),
            None => (*first).clone(),
        };
        for key in path {
            found = found.get(key.as_str()?)?.clone();
        }
        Some(found)
    }

    /// The text a value stands in.
    fn text_of(&self, value: &Value) -> &'f str {
        self.texts.iter().find(|(file, _)| *file == value.span.file).map_or("", |(_, text)| text)
    }

    /// The variables of a job, its own over those of the pipeline, as far as they have values.
    pub(super) fn variables(&self, job: &Map) -> BTreeMap<String, String> {
        let own = job.get("variables").and_then(Value::as_map);
        let all = self.variables.iter().chain(own.into_iter().flat_map(Map::iter));
        all.filter_map(|(name, entry)| {
            let value = entry.value.get("value").unwrap_or(&entry.value);
            Some((name.to_string(), scalar(value)?.to_string()))
        })
        .collect()
    }

    /// What the order of jobs hangs on, of all jobs, once.
    fn facts(&self) -> &BTreeMap<&'f str, Facts> {
        self.facts.get_or_init(|| {
            let all = self.jobs.iter().filter(|(name, _)| !name.starts_with('.')).take(MAX_ORDERED);
            all.filter_map(|(name, list)| {
                let (value, _) = list.last()?;
                let merged = &self.extended(value, 0).0;
                let stage = merged.get("stage").and_then(scalar).map_or_else(|| "test".to_owned(), |stage| stage.to_string());
                let stage = self.stages.iter().position(|known| *known == stage);
                Some((*name, Facts { deploys: deploys(name, merged), stage, needs: merged.get("needs").map(needed) }))
            })
            .collect()
        })
    }

    /// The first fifty jobs that deploy, with all they wait for by `needs`, once.
    fn deploying(&self) -> &[Waits<'f>] {
        self.deploying.get_or_init(|| {
            let facts = self.facts();
            let all = facts.iter().filter(|(_, facts)| facts.deploys).take(50);
            all.map(|(name, own)| {
                let needs = own.needs.as_ref().map(|needs| {
                    let mut seen: BTreeSet<&str> = BTreeSet::new();
                    let mut waiting: Vec<&str> = needs.iter().map(String::as_str).collect();
                    while let Some(job) = waiting.pop() {
                        if seen.insert(job) {
                            waiting.extend(facts.get(job).and_then(|facts| facts.needs.as_ref()).into_iter().flatten().map(String::as_str));
                        }
                    }
                    seen.into_iter().map(str::to_owned).collect()
                });
                (*name, needs)
            })
            .collect()
        })
    }

    /// The jobs that deploy and do not wait for this one, among the first fifty that deploy.
    pub(super) fn unguarded(&self, name: &str) -> Vec<String> {
        let facts = self.facts();
        let Some(mine) = facts.get(name) else { return Vec::new() };
        let waits = |other: &str, needs: &Option<BTreeSet<String>>| match needs {
            Some(needs) => needs.contains(name),
            None => mine.stage.zip(facts.get(other).and_then(|facts| facts.stage)).is_none_or(|(mine, other)| mine < other),
        };
        self.deploying()
            .iter()
            .filter(|(other, needs)| *other != name && !waits(other, needs))
            .map(|(other, _)| (*other).to_owned())
            .collect()
    }
}

fn needed(needs: &Value) -> Vec<String> {
    items(needs).iter().filter_map(|need| scalar(need.get("job").unwrap_or(need))).map(|name| name.to_string()).collect()
}

/// Whether a job brings something out: it has an environment, or its name or stage says so.
pub(super) fn deploys(name: &str, job: &Map) -> bool {
    let word = |text: &str| {
        text.to_lowercase().split(|letter: char| !letter.is_alphanumeric()).any(|part| DEPLOYS.iter().any(|word| part.starts_with(word)))
    };
    let stop = job.get("environment").and_then(|environment| environment.get("action")).and_then(Value::as_str) == Some("stop");
    !stop
        && (job.get("environment").is_some_and(|environment| !environment.is_null())
            || word(name)
            || job.get("stage").and_then(Value::as_str).is_some_and(word))
}

/// Whether a job may run for a merge request.
pub(super) fn for_merge_requests(job: &Map) -> bool {
    let rule = |rule: &Value| {
        let never = rule.get("when").and_then(Value::as_str) == Some("never");
        let names = rule.get("if").and_then(Value::as_str).is_some_and(|text| {
            text.contains("merge_request_event")
                && !text.contains("!= \"merge_request_event\"")
                && !text.contains("!= 'merge_request_event'")
                || text.contains("CI_MERGE_REQUEST_")
        });
        names && !never
    };
    let only = job.get("only").map(|only| only.get("refs").unwrap_or(only));
    job.get("rules").map(items).unwrap_or_default().iter().any(rule)
        || only.map(items).unwrap_or_default().iter().any(|only| only.as_str() == Some("merge_requests"))
}

/// Puts one map over another; maps in them are merged, all else is replaced.
fn deep_merge(into: &mut Map, over: &Map, budget: &mut usize) {
    for (key, entry) in over.iter() {
        let Some(left) = budget.checked_sub(1) else { return };
        *budget = left;
        let both = into.get(key).and_then(Value::as_map).zip(entry.value.as_map());
        let value = match both {
            Some((old, new)) => {
                let mut fields = Fields(old.clone());
                deep_merge(&mut fields.0, new, budget);
                fields.at(entry.value.span)
            }
            None => entry.value.clone(),
        };
        into.insert(key.as_ref(), entry.key, value);
    }
}

/// A text with the variables in it that have values.
pub(super) fn expand(text: &str, variables: &BTreeMap<String, String>, depth: usize) -> String {
    if depth > 8 || !text.contains('$') || text.len() > 4096 {
        return text.to_owned();
    }
    let mut out = String::new();
    let mut rest = text;
    while let Some((before, after)) = rest.split_once('$') {
        out.push_str(before);
        let (name, behind) = match after.strip_prefix('{') {
            Some(inside) => inside.split_once('}').unwrap_or((inside, "")),
            None => {
                let end = after.find(|letter: char| !letter.is_alphanumeric() && letter != '_').unwrap_or(after.len());
                after.split_at_checked(end).unwrap_or((after, ""))
            }
        };
        match variables.get(name) {
            Some(value) => out.push_str(&expand(value, variables, depth + 1)),
            None => {
                out.push_str("${");
                out.push_str(name);
                out.push('}');
            }
        }
        if out.len() > 8192 {
            return text.to_owned();
        }
        rest = behind;
    }
    out.push_str(rest);
    out
}
