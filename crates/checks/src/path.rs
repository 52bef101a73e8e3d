//! Paths: how they are written, and one step of walking them. Views are worked out elsewhere.

use std::fmt;
use std::sync::Arc;

use probity_value::{Data, FileId, Map, Span, Unknown, Value, json};
use serde::{Deserialize, Serialize};

use crate::truth::{Trail, TrailStep};

/// Steps one path may have.
const MAX_STEPS: usize = 64;

/// Under this key a map holds an unknown that may have any other key: the flags of a container with an unknown argument.
pub const REST: &str = "$rest";

/// Under this key a block holds the unknown it hangs on whether it is there, and how often: a `dynamic` block over an unknown collection.
pub const MAYBE: &str = "$maybe";

/// What it hangs on whether a block is there; `None` for any other value.
pub(crate) fn doubt(value: &Value) -> Option<&Value> {
    value.as_map()?.get(MAYBE)
}

/// Where a path begins, and its steps.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Path {
    /// Where it begins.
    pub start: Start,
    /// Its steps.
    pub steps: Vec<Step>,
}

/// Where a path begins.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum Start {
    /// The item of the quantifier around it, else the subject.
    Here,
    /// `$.`: the subject; inside `related`, the related one.
    Subject,
    /// `$$.`: the subject that is judged, also inside `related`.
    Judged,
}

/// One step of a path.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum Step {
    /// A key of a map; on a list, of each item.
    Name(Arc<str>),
    /// One item of a list, counted from 0.
    Index(usize),
    /// `[*]`: every item of a list.
    Items,
    /// `*`: every value of a map.
    Values,
    /// Something worked out.
    View(View),
}

/// What the engine works out.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub enum View {
    /// The subject in the Kubernetes shape.
    Object,
    /// The pod specification of a workload.
    Pod,
    /// The metadata of its pods.
    PodMetadata,
    /// All containers of the pod.
    Containers,
    /// The regular containers.
    MainContainers,
    /// Command and arguments of a container as a map.
    Flags,
    /// The statements of an IAM policy.
    Statements,
    /// What is let in.
    Ingress,
    /// What is let out.
    Egress,
}

impl View {
    /// All views with their names.
    pub const ALL: &'static [(&'static str, View)] = &[
        ("$object", View::Object),
        ("$pod", View::Pod),
        ("$pod_metadata", View::PodMetadata),
        ("$containers", View::Containers),
        ("$main_containers", View::MainContainers),
        ("$flags", View::Flags),
        ("$statements", View::Statements),
        ("$ingress", View::Ingress),
        ("$egress", View::Egress),
    ];

    /// The name it is written by.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        View::ALL.iter().find(|(_, view)| *view == self).map_or("", |(name, _)| name)
    }

    /// Whether it is a view of the whole subject, wherever the path stands; the others are views of the value they follow.
    #[must_use]
    pub fn of_subject(self) -> bool {
        !matches!(self, View::Flags | View::Statements)
    }
}

impl Path {
    /// Reads a path.
    ///
    /// # Errors
    /// Says in one line what is wrong with it.
    pub fn parse(text: &str) -> Result<Path, String> {
        let mut start = Start::Here;
        let mut rest = text.trim();
        let mut steps = Vec::new();
        if rest.is_empty() {
            return Err("a path is empty".to_owned());
        }
        for (mark, begins) in [("$$", Start::Judged), ("$", Start::Subject), ("@", Start::Here)] {
            if let Some(after) = rest.strip_prefix(mark)
                && (after.is_empty() || after.starts_with(['.', '[']))
            {
                start = begins;
                if after == "." {
                    return Err(format!("`{text}` ends in a dot"));
                }
                rest = after.strip_prefix('.').unwrap_or(after);
                break;
            }
        }
        while !rest.is_empty() {
            let (step, after) = if let Some(inside) = rest.strip_prefix('[') { bracket(inside, text)? } else { name(rest, text)? };
            if let Step::View(view) = step
                && view.of_subject()
            {
                if !steps.is_empty() {
                    return Err(format!("`{}` is a view of the whole subject and can only begin a path", view.as_str()));
                }
                start = if start == Start::Here { Start::Subject } else { start };
            }
            steps.push(step);
            if steps.len() > MAX_STEPS {
                return Err(format!("a path has more than {MAX_STEPS} steps"));
            }
            rest = match after.strip_prefix('.') {
                Some("") => return Err(format!("`{text}` ends in a dot")),
                Some(next) if next.starts_with('[') => return Err(format!("`{text}` has a dot before a bracket")),
                Some(next) => next,
                None if after.is_empty() || after.starts_with('[') => after,
                None => return Err(format!("`{text}` needs a dot after a bracket")),
            };
        }
        Ok(Path { start, steps })
    }
}

fn bracket<'a>(inside: &'a str, whole: &str) -> Result<(Step, &'a str), String> {
    if let Some(quoted) = inside.strip_prefix('"') {
        let (key, after) = quoted.split_once("\"]").ok_or_else(|| format!("`{whole}` has a bracket that is not closed"))?;
        return Ok((Step::Name(key.into()), after));
    }
    let (content, after) = inside.split_once(']').ok_or_else(|| format!("`{whole}` has a bracket that is not closed"))?;
    if content == "*" {
        return Ok((Step::Items, after));
    }
    let index = content.parse().map_err(|_| format!("`[{content}]` is neither a number, `*` nor a name in double quotes"))?;
    Ok((Step::Index(index), after))
}

fn name<'a>(rest: &'a str, whole: &str) -> Result<(Step, &'a str), String> {
    let end = rest.find(['.', '[']).unwrap_or(rest.len());
    let (name, after) = rest.split_at_checked(end).unwrap_or((rest, ""));
    if name.is_empty() {
        return Err(format!("`{whole}` has an empty name in it"));
    }
    if name.contains(['"', ']', ' ', '\t', '\n', '@']) {
        return Err(format!("`{name}` in `{whole}` needs brackets and double quotes: `[\"...\"]`"));
    }
    if name == "*" {
        return Ok((Step::Values, after));
    }
    if name.starts_with('$') && name != "$kind" {
        return match View::ALL.iter().find(|(known, _)| *known == name) {
            Some((_, view)) => Ok((Step::View(*view), after)),
            None => Err(match crate::nearest(name, View::ALL.iter().map(|(known, _)| *known)) {
                Some(near) => format!("`{name}` is not a view; did you mean `{near}`"),
                None => format!("`{name}` is not a view"),
            }),
        };
    }
    Ok((Step::Name(name.into()), after))
}

impl fmt::Display for Path {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut trail = Trail::default();
        for step in &self.steps {
            trail = step.on(&trail);
        }
        if trail.is_empty() { f.write_str(if self.start == Start::Here { "@" } else { "$" }) } else { trail.fmt(f) }
    }
}

impl Step {
    /// The trail with this step, as the rule has it.
    pub(crate) fn on(&self, trail: &Trail) -> Trail {
        match self {
            Step::Name(name) => trail.then(TrailStep::Name(Arc::clone(name))),
            Step::Index(index) => trail.then(TrailStep::Index(*index)),
            Step::Items => trail.then(TrailStep::Items),
            Step::Values => trail.name("*"),
            Step::View(view) => trail.name(view.as_str().trim_start_matches('$')),
        }
    }
}

/// What a path found at one place: a value, or nothing.
#[derive(Clone, Debug)]
pub(crate) struct Selected {
    /// The value; `None` where nothing (or null) is there.
    pub(crate) value: Option<Value>,
    /// The way there.
    pub(crate) trail: Trail,
    /// Where nothing is there, the place of what should have held it, if that is not the subject itself. Else the place of the value.
    pub(crate) at: Span,
    /// For a list the engine put together: the way to each item.
    pub(crate) labels: Option<Arc<[Arc<str>]>>,
    /// Whether this is one item of a known list or map.
    pub(crate) item: bool,
}

impl Selected {
    pub(crate) fn value(value: Value, trail: Trail, around: Span) -> Selected {
        let at = value.span.or(around);
        let value = if value.is_null() { None } else { Some(value) };
        Selected { value, trail, at, labels: None, item: false }
    }

    pub(crate) fn absent(trail: Trail, at: Span) -> Selected {
        Selected { value: None, trail, at, labels: None, item: false }
    }

    /// A block that may not be there, as if it were.
    pub(crate) fn settled(mut self) -> Selected {
        if let Some(value) = &mut self.value
            && let Data::Map(map) = &mut value.data
        {
            Arc::make_mut(map).remove(MAYBE);
        }
        self
    }

    fn an_item(mut self) -> Selected {
        self.item = true;
        self
    }

    /// The way to the item of that number.
    fn item_trail(&self, index: usize, count: usize) -> Trail {
        match self.labels.as_ref().and_then(|labels| labels.get(index)) {
            Some(label) => Trail::default().then(TrailStep::Raw(Arc::clone(label))),
            None if count == 1 && self.value.as_ref().is_some_and(is_blocks) => self.trail.clone(),
            None => self.trail.then(TrailStep::Index(index)),
        }
    }

    /// The items, where the value is a list; a value that is not a list is its own only item.
    pub(crate) fn items(&self) -> Vec<Selected> {
        match self.value.as_ref().map(|value| &value.data) {
            Some(Data::List(items)) => items
                .iter()
                .enumerate()
                .map(|(index, item)| Selected::value(item.clone(), self.item_trail(index, items.len()), self.at).an_item())
                .collect(),
            _ => vec![self.clone()],
        }
    }
}

/// A list of maps: Terraform blocks, where a single one is shown without its number.
fn is_blocks(value: &Value) -> bool {
    value.as_list().is_some_and(|items| items.iter().all(|item| item.as_map().is_some()))
}

/// Takes one step (not a view) from one place. Never gives an empty list: where nothing is found, an absent entry says where.
pub(crate) fn step(from: &Selected, step: &Step, decode: &mut dyn FnMut(&Value) -> Option<Value>) -> Vec<Selected> {
    let Some(value) = &from.value else {
        return vec![Selected::absent(step.on(&from.trail), from.at)];
    };
    let absent = || vec![Selected::absent(step.on(&from.trail), from.at)];
    if let Data::Unknown(unknown) = &value.data {
        return match &unknown.decoded {
            Some(decoded) => {
                let mut inner = from.clone();
                inner.value = Some(decoded.clone().at(value.span));
                self::step(&inner, step, decode)
            }
            None => vec![Selected::value(inside_unknown(value, unknown), step.on(&from.trail), from.at)],
        };
    }
    match (step, &value.data) {
        (Step::Name(_) | Step::Values, Data::String(_)) => match decode(value) {
            Some(decoded) => {
                let mut inner = from.clone();
                inner.value = Some(decoded);
                self::step(&inner, step, decode)
            }
            None => absent(),
        },
        (Step::Name(_) | Step::Values, Data::List(_)) => {
            let items = from.items();
            if items.is_empty() {
                return absent();
            }
            items.iter().flat_map(|item| self::step(item, step, decode)).collect()
        }
        (Step::Name(name), Data::Map(map)) => match map.entry(name) {
            Some(entry) => {
                let mut found = Selected::value(entry.value.clone(), step.on(&from.trail), from.at);
                found.at = place_of(entry).or(from.at);
                // Of a block that may not be there nothing is sure, but what is not in it is not there either way.
                if let (Some(maybe), Some(_)) = (map.get(MAYBE), &found.value) {
                    found.value = Some(vague(maybe));
                }
                vec![found]
            }
            None => match map.get(REST) {
                Some(rest) => vec![Selected::value(rest.clone(), step.on(&from.trail), from.at)],
                None => absent(),
            },
        },
        (Step::Values, Data::Map(map)) => values(from, map).unwrap_or_else(absent),
        (Step::Index(index), Data::List(items)) => match items.get(*index) {
            Some(item) => vec![Selected::value(item.clone(), from.item_trail(*index, items.len()), from.at).an_item()],
            None => absent(),
        },
        (Step::Index(0), _) => vec![from.clone()],
        (Step::Items, Data::List(items)) if items.is_empty() => absent(),
        (Step::Items, Data::List(items)) => items
            .iter()
            .enumerate()
            .map(|(index, item)| Selected::value(item.clone(), from.trail.then(TrailStep::Index(index)), from.at).an_item())
            .collect(),
        (Step::Items, _) => vec![from.clone()],
        (Step::Name(_) | Step::Values | Step::Index(_) | Step::View(_), _) => absent(),
    }
}

/// What to point at for an entry: the whole attribute where its value stands beside its name, else the value.
fn place_of(entry: &probity_value::Entry) -> Span {
    let (key, value) = (entry.key, entry.value.span);
    let beside = key.file == value.file && value.start >= key.end && value.start - key.end < 256;
    if beside && !is_blocks(&entry.value) { key.join(value) } else { value.or(key) }
}

fn values(from: &Selected, map: &Map) -> Option<Vec<Selected>> {
    if let Some(maybe) = map.get(MAYBE) {
        return Some(vec![Selected::value(vague(maybe), from.trail.name("*"), from.at)]);
    }
    let found: Vec<Selected> = map
        .iter()
        .filter(|(key, _)| !key.starts_with('$'))
        .map(|(key, entry)| {
            Selected::value(entry.value.clone(), from.trail.then(TrailStep::Name(Arc::clone(key))), entry.key.or(from.at)).an_item()
        })
        // There may be others.
        .chain(map.get(REST).map(|rest| Selected::value(vague(rest), from.trail.name("*"), from.at)))
        .collect();
    (!found.is_empty()).then_some(found)
}

/// What is worked out of an unknown value, or a part of it: as unknown, and nothing is known of it. Any other value stays.
#[must_use]
pub fn vague(value: &Value) -> Value {
    value.as_unknown().map_or_else(|| value.clone(), |unknown| inside_unknown(value, unknown))
}

fn inside_unknown(value: &Value, unknown: &Unknown) -> Value {
    let inner = Unknown {
        kind: unknown.kind,
        reason: Arc::clone(&unknown.reason),
        set: false,
        prefix: Arc::from(""),
        suffix: "".into(),
        decoded: None,
    };
    Value { data: Data::Unknown(Arc::new(inner)), span: value.span, origin: value.origin.clone(), sensitive: value.sensitive }
}

/// The value JSON text stands for, with the place of the text all through; `None` where it is not a JSON list or map.
#[must_use]
pub fn decode_json(value: &Value) -> Option<Value> {
    let text = value.as_str()?;
    if !text.trim_start_matches(['\u{feff}', ' ', '\t', '\r', '\n']).starts_with(['{', '[']) {
        return None;
    }
    let (decoded, problems) = json::parse_tolerant(text, FileId::NONE);
    if problems.iter().any(|problem| problem.fatal) {
        return None;
    }
    let mut decoded = place(&decoded, value.span, value.sensitive);
    decoded.origin.clone_from(&value.origin);
    Some(decoded)
}

/// The same value with every part at `span`.
fn place(value: &Value, span: Span, sensitive: bool) -> Value {
    let data = match &value.data {
        Data::List(items) => Data::List(Arc::new(items.iter().map(|item| place(item, span, sensitive)).collect())),
        Data::Map(map) => {
            let mut placed = Map::new();
            for (key, entry) in map.iter() {
                placed.insert(Arc::clone(key), span, place(&entry.value, span, sensitive));
            }
            Data::Map(Arc::new(placed))
        }
        other => other.clone(),
    };
    Value { data, span, origin: None, sensitive }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn paths_are_read() {
        let check = |text: &str, expected: &str| assert_eq!(Path::parse(text).unwrap().to_string(), expected, "{text}");
        check("storage_encrypted", "storage_encrypted");
        check("rule[0].id", "rule[0].id");
        check("tags[\"cost-center\"]", "tags.cost-center");
        check("metadata.annotations[\"a.b/c\"]", "metadata.annotations[\"a.b/c\"]");
        check("ingress[*].cidr_blocks[*]", "ingress[*].cidr_blocks[*]");
        check("tags.*", "tags.*");
        check("@", "@");
        check("$", "$");
        check("$.a", "a");
        check("policy.$statements[*].effect", "policy.statements[*].effect");
        check("$containers.$kind", "containers.$kind");
        assert_eq!(Path::parse("$pod.hostPID").unwrap().start, Start::Subject);
        assert_eq!(Path::parse("$$.id").unwrap().start, Start::Judged);
        assert_eq!(Path::parse("$$.$pod.x").unwrap().start, Start::Judged);
        assert_eq!(Path::parse("@.id").unwrap(), Path::parse("id").unwrap());
    }

    #[test]
    fn broken_paths_are_refused() {
        let check = |text: &str, expected: &str| assert_eq!(Path::parse(text).unwrap_err(), expected, "{text}");
        check("", "a path is empty");
        check("a.", "`a.` ends in a dot");
        check("a..b", "`a..b` has an empty name in it");
        check("a[x]", "`[x]` is neither a number, `*` nor a name in double quotes");
        check("a[0", "`a[0` has a bracket that is not closed");
        check("a[0]b", "`a[0]b` needs a dot after a bracket");
        check("a b", "`a b` in `a b` needs brackets and double quotes: `[\"...\"]`");
        check("$container.image", "`$container` is not a view; did you mean `$containers`");
        check("a.$pod", "`$pod` is a view of the whole subject and can only begin a path");
        check("$.", "`$.` ends in a dot");
    }

    fn walk(text: &str, path: &str) -> Vec<String> {
        let (value, problems) = json::parse(text, FileId(0));
        assert!(problems.is_empty(), "{problems:?}");
        let mut found = vec![Selected::value(value, Trail::default(), Span::NONE)];
        for step in &Path::parse(path).unwrap().steps {
            found = found.iter().flat_map(|from| super::step(from, step, &mut decode_json)).collect();
        }
        found
            .iter()
            .map(|one| {
                format!("{}={}", one.trail, one.value.as_ref().map_or("absent".to_owned(), |v| json::write(v).unwrap_or("?".into())))
            })
            .collect()
    }

    #[test]
    fn walking() {
        let check = |text: &str, path: &str, expected: &[&str]| assert_eq!(walk(text, path), expected, "{text} {path}");
        check(r#"{"a":1}"#, "a", &["a=1"]);
        check(r#"{"a":null}"#, "a", &["a=absent"]);
        check(r#"{}"#, "a.b", &["a.b=absent"]);
        check(r#"{"v":[{"e":true}]}"#, "v.e", &["v.e=true"]);
        check(r#"{"v":[{"e":true},{}]}"#, "v.e", &["v[0].e=true", "v[1].e=absent"]);
        check(r#"{"v":[]}"#, "v.e", &["v.e=absent"]);
        check(r#"{"v":[1,2]}"#, "v", &["v=[1,2]"]);
        check(r#"{"v":[1,2]}"#, "v[*]", &["v[0]=1", "v[1]=2"]);
        check(r#"{"v":[1,2]}"#, "v[1]", &["v[1]=2"]);
        check(r#"{"v":[1,2]}"#, "v[2]", &["v[2]=absent"]);
        check(r#"{"v":{"a":1}}"#, "v[0].a", &["v.a=1"]);
        check(r#"{"v":{"a":1,"b":2}}"#, "v.*", &["v.a=1", "v.b=2"]);
        check(r#"{"v":{}}"#, "v.*", &["v.*=absent"]);
        check(r#"{"p":"{\"S\":[{\"E\":\"Allow\"}]}"}"#, "p.S[*].E", &["p.S[0].E=\"Allow\""]);
        check(r#"{"p":"text"}"#, "p.S", &["p.S=absent"]);
        check(r#"{"p":"{broken"}"#, "p.S", &["p.S=absent"]);
    }
}
