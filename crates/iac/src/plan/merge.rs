//! A plan and the configuration it was made from, brought together: values and instances from the plan, places and suppressions from the
//! source. What only one of both has is said.

use std::collections::{BTreeMap, BTreeSet, HashMap, HashSet};
use std::sync::Arc;

use probity_core::{Diagnostic, Level, Subject};
use probity_value::{Data, Map, Origin, Span, Value};

use super::read::Plan;

/// Addresses named in one diagnostic.
const MAX_NAMED: usize = 5;
/// Least part of the blocks of both sides together that must be on both, for a plan to belong to another folder than its own.
const LEAST_FIT: f64 = 0.5;

/// A plan with its place.
pub(super) struct Placed {
    pub(super) path: Arc<str>,
    pub(super) plan: Plan,
}

/// Where a plan belongs.
enum Home {
    /// To this root.
    Root(Arc<str>),
    /// To none.
    Alone(Option<String>),
}

fn is_resource(subject: &Subject) -> bool {
    !(&*subject.type_name == "module"
        || &*subject.type_name == "terraform"
        || subject.type_name.starts_with("provider.")
        || subject.type_name.starts_with("ephemeral."))
}

/// What stands before the resource in an address: `module.a.module.b`.
fn module_of(block: &str) -> Option<&str> {
    let local = block.rfind("data.").filter(|at| *at == 0 || block.get(..*at).is_some_and(|before| before.ends_with('.')));
    let before = match local {
        Some(at) => block.get(..at)?,
        None => {
            let name = block.rfind('.')?;
            let kind = block.get(..name)?.rfind('.')?;
            block.get(..=kind)?
        }
    };
    before.strip_suffix('.')
}

/// Brings plans and source together; `source` becomes what is to be judged.
pub(super) fn merge(plans: Vec<Placed>, source: &mut Vec<Subject>, diagnostics: &mut Vec<Diagnostic>) {
    let mut roots: BTreeMap<Arc<str>, HashSet<String>> = BTreeMap::new();
    for subject in source.iter().filter(|subject| is_resource(subject)) {
        roots.entry(Arc::clone(&subject.root)).or_default().insert(subject.block_id());
    }
    let homes: Vec<Home> = plans.iter().map(|placed| home(placed, &roots)).collect();
    let mut guests: BTreeMap<Arc<str>, usize> = BTreeMap::new();
    for home in &homes {
        if let Home::Root(root) = home {
            *guests.entry(Arc::clone(root)).or_default() += 1;
        }
    }
    let mut taken: HashSet<usize> = HashSet::new();
    let mut merged: Vec<Subject> = Vec::new();
    for (placed, home) in plans.into_iter().zip(homes) {
        match home {
            Home::Alone(why) => {
                if let Some(why) = why {
                    diagnostics.push(Diagnostic::new(Level::Note, "plan-root", Arc::clone(&placed.path), Span::NONE, why));
                }
                merged.extend(placed.plan.subjects.into_iter().map(|subject| Subject { root: Arc::clone(&placed.path), ..subject }));
            }
            Home::Root(root) => {
                // Two plans of one root are two environments.
                let several = guests.get(&root).is_some_and(|count| *count > 1);
                let name = if several { Arc::clone(&placed.path) } else { Arc::clone(&root) };
                merged.extend(join(placed, &root, &name, source, &mut taken, diagnostics));
            }
        }
    }
    let mut at = 0;
    source.retain(|_| {
        at += 1;
        !taken.contains(&(at - 1))
    });
    source.extend(merged);
}

/// Finds the root a plan was made from: that of its own folder, else the one that fits best.
fn home(placed: &Placed, roots: &BTreeMap<Arc<str>, HashSet<String>>) -> Home {
    let blocks: HashSet<String> = match &placed.plan.written {
        Some(written) => written.clone(),
        None => placed.plan.subjects.iter().filter(|subject| is_resource(subject)).map(Subject::block_id).collect(),
    };
    if roots.is_empty() || blocks.is_empty() {
        return Home::Alone(None);
    }
    let folder = placed.path.rsplit_once('/').map_or("", |(folder, _)| folder);
    let common = |source: &HashSet<String>| source.iter().filter(|block| blocks.contains(*block)).count();
    if let Some((root, _)) = roots.get_key_value(folder).filter(|(_, source)| common(source) > 0) {
        return Home::Root(Arc::clone(root));
    }
    #[expect(clippy::cast_precision_loss, reason = "counts of blocks")]
    let fit = |source: &HashSet<String>| 2.0 * common(source) as f64 / (source.len() + blocks.len()) as f64;
    let mut fits: Vec<(f64, &Arc<str>)> =
        roots.iter().map(|(root, source)| (fit(source), root)).filter(|(fit, _)| *fit >= LEAST_FIT).collect();
    fits.sort_by(|a, b| b.0.total_cmp(&a.0).then(a.1.cmp(b.1)));
    let shown = |root: &Arc<str>| if root.is_empty() { "." } else { root }.to_owned();
    match fits.as_slice() {
        [] => Home::Alone(Some("no configuration here fits the plan; it is judged by itself".to_owned())),
        [(first, one), (second, other), ..] if first.total_cmp(second).is_eq() => Home::Alone(Some(format!(
            "the plan fits `{}` and `{}` equally well; it is judged by itself, and they are judged too",
            shown(one),
            shown(other)
        ))),
        [(_, root), ..] => Home::Root(Arc::clone(root)),
    }
}

/// The subjects of a plan with the places of the source. Positions of source subjects that need not be judged any more go to `taken`.
fn join(
    placed: Placed,
    root: &str,
    name: &Arc<str>,
    source: &[Subject],
    taken: &mut HashSet<usize>,
    diagnostics: &mut Vec<Diagnostic>,
) -> Vec<Subject> {
    let Placed { path, plan } = placed;
    let here = || source.iter().enumerate().filter(|(_, subject)| &*subject.root == root);
    let mut by_id: HashMap<&str, usize> = HashMap::new();
    let mut by_block: HashMap<String, Vec<usize>> = HashMap::new();
    let mut modules: HashSet<String> = HashSet::new();
    for (at, subject) in here() {
        if is_resource(subject) {
            by_id.insert(&subject.id, at);
            let block = subject.block_id();
            modules.extend(module_of(&block).map(str::to_owned));
            by_block.entry(block).or_default().push(at);
        }
    }
    let mut out = Vec::new();
    let mut planned: HashSet<String> = HashSet::new();
    let mut only_planned: BTreeSet<String> = BTreeSet::new();
    let mut elsewhere: BTreeSet<String> = BTreeSet::new();
    let mut differ: BTreeSet<String> = BTreeSet::new();
    for subject in plan.subjects {
        if !is_resource(&subject) {
            // The source has these with their places; a module that is not here may have more of them.
            let known = here().any(|(_, other)| other.type_name == subject.type_name && other.block_id() == *subject.id);
            if !known {
                out.push(Subject { root: Arc::clone(name), ..subject });
            }
            continue;
        }
        let block = subject.block_id();
        let of_block = by_block.get(&block);
        let twin = by_id.get(&*subject.id).or_else(|| of_block.and_then(|all| all.first())).and_then(|at| source.get(*at));
        match twin {
            Some(twin) => {
                let unwritten = plan.unwritten.get(&subject.id).map(Vec::as_slice).unwrap_or_default();
                let same = differ.len();
                let made = both(subject, twin, unwritten, name, &mut differ);
                // A plan that contradicts what is plainly written is old or forged: it hides nothing of the source.
                let contradicts = differ.len() > same;
                out.push(if contradicts { Subject { id: made.id, root: made.root, ..twin.clone() } } else { made });
            }
            None => {
                match module_of(&block).filter(|module| !modules.contains(*module)) {
                    Some(module) => elsewhere.insert(module.to_owned()),
                    None => only_planned.insert(subject.id.to_string()),
                };
                out.push(Subject { root: Arc::clone(name), ..subject });
            }
        }
        planned.insert(block);
    }
    let mut only_source: BTreeSet<String> = BTreeSet::new();
    let mut not_made: BTreeSet<String> = BTreeSet::new();
    for (block, positions) in &by_block {
        let written = plan.written.as_ref().is_some_and(|written| written.contains(block));
        let data = positions.first().and_then(|at| source.get(*at)).is_some_and(|subject| subject.type_name.starts_with("data."));
        if planned.contains(block) || (written && plan.complete && !data) {
            // What a complete plan has no instance of is not made.
            taken.extend(positions);
            if !planned.contains(block) {
                not_made.insert(block.clone());
            }
        } else if !data {
            only_source.insert(block.clone());
        }
    }
    let mut say = |level, all: &BTreeSet<String>, words: &str| {
        if !all.is_empty() {
            let named: Vec<String> = all.iter().take(MAX_NAMED).map(|one| format!("`{one}`")).collect();
            let more =
                all.len().checked_sub(MAX_NAMED).filter(|more| *more > 0).map(|more| format!(" and {more} more")).unwrap_or_default();
            let message = format!("{words}: {}{more}", named.join(", "));
            diagnostics.push(Diagnostic::new(level, "plan-mismatch", Arc::clone(&path), Span::NONE, message));
        }
    };
    let at = if root.is_empty() { ".".to_owned() } else { root.to_owned() };
    say(Level::Warning, &only_source, &format!("in the source in `{at}` and not in the plan, judged by the source"));
    say(Level::Warning, &only_planned, &format!("in the plan and not in the source in `{at}`, judged by the plan"));
    say(Level::Warning, &differ, &format!("other in the plan than in the source in `{at}`, judged by the source"));
    say(Level::Note, &not_made, &format!("in the source in `{at}`, and the plan makes none of it, not judged"));
    say(Level::Note, &elsewhere, "modules of the plan whose source is not here, judged by the plan");
    out
}

/// Arguments a plan does not hold.
const META: &[&str] = &["depends_on", "lifecycle", "provider", "provisioner", "connection", "timeouts"];

/// One subject of both. `unwritten` is known only after apply and not written as an argument.
fn both(planned: Subject, source: &Subject, unwritten: &[Arc<str>], root: &Arc<str>, differ: &mut BTreeSet<String>) -> Subject {
    // Another instance stands in the same place, but what it refers to is its own.
    let same = planned.id == source.id || source.block_id() == *source.id;
    let mut value = placed(planned.value, Some(&source.value), same, 0);
    if let Data::Map(map) = &mut value.data {
        let map = Arc::make_mut(map);
        for name in META {
            if let Some(entry) = source.value.as_map().and_then(|written| written.entry(name))
                && !map.contains_key(name)
            {
                map.insert(*name, entry.key, entry.value.clone());
            }
        }
        for name in unwritten {
            // A `dynamic` block over something that is known only after apply.
            if let Some(entry) = source.value.as_map().and_then(|written| written.entry(name)) {
                let value = if same { entry.value.clone() } else { unrelated(&entry.value) };
                map.insert(Arc::clone(name), entry.key, value);
            }
        }
        let left_alone = ignored(&source.value);
        for (key, entry) in map.iter().filter(|(key, _)| same && !left_alone.iter().any(|one| *one == &***key || *one == "all")) {
            if source.value.get(key).is_some_and(|written| contradicts(written, &entry.value)) {
                differ.insert(format!("{}.{key}", planned.id));
            }
        }
    }
    Subject {
        type_name: planned.type_name,
        id: planned.id,
        root: Arc::clone(root),
        kind: planned.kind,
        span: source.span,
        head: source.head,
        value: Value { span: source.value.span, ..value },
        via: source.via.clone(),
    }
}

/// Arguments that stay as they are whatever the source says: `lifecycle { ignore_changes }`.
fn ignored(source: &Value) -> Vec<&str> {
    let blocks = source.get("lifecycle").and_then(Value::as_list).unwrap_or_default();
    let given = blocks.iter().filter_map(|block| block.get("ignore_changes"));
    given.flat_map(|names| names.as_list().unwrap_or(std::slice::from_ref(names))).filter_map(Value::as_str).collect()
}

/// Whether a truth or number that stands in the source itself is another in the plan. Text may come out otherwise for many reasons.
fn contradicts(written: &Value, planned: &Value) -> bool {
    if written.origin.is_some() {
        return false;
    }
    match (&written.data, &planned.data) {
        (Data::Bool(ours), Data::Bool(theirs)) => ours != theirs,
        (Data::Number(ours), Data::Number(theirs)) => ours != theirs,
        _ => false,
    }
}

/// The value with the places and origins of what is written; `same`: of the same instance.
fn placed(planned: Value, written: Option<&Value>, same: bool, depth: usize) -> Value {
    // No place in the plan: whoever reads the finding looks at the source.
    let Some(written) = written.filter(|_| depth < 64) else { return nowhere(planned) };
    if same && planned.is_unknown() && written.is_unknown() {
        // The source knows more of it: why, and how it begins.
        return Value { sensitive: written.sensitive || planned.sensitive, ..written.clone() };
    }
    let origin = match (&written.origin, planned.origin) {
        (Some(ours), None) if !same => Some(Arc::new(Origin { steps: ours.steps.clone(), references: Vec::new() })),
        (Some(ours), Some(theirs)) if !same || ours.references.is_empty() => {
            Some(Arc::new(Origin { steps: ours.steps.clone(), references: theirs.references.clone() }))
        }
        (Some(ours), _) => Some(Arc::clone(ours)),
        (None, theirs) => theirs,
    };
    let data = match (planned.data, &written.data) {
        (Data::Map(map), Data::Map(ours)) => {
            let mut out = Map::new();
            for (key, entry) in map.iter() {
                let place = ours.entry(key).map_or(Span::NONE, |entry| entry.key);
                out.insert(Arc::clone(key), place, placed(entry.value.clone(), ours.get(key), same, depth + 1));
            }
            Data::Map(Arc::new(out))
        }
        (Data::List(items), Data::List(ours)) => {
            let aligned = items.len() == ours.len();
            let twin = |at: usize| ours.get(at).filter(|_| aligned).or_else(|| ours.first().filter(|_| ours.len() == 1));
            let out = items.iter().enumerate().map(|(at, item)| match twin(at) {
                Some(twin) => placed(item.clone(), Some(twin), same && aligned, depth + 1),
                None => Value { span: written.span, ..nowhere(item.clone()) },
            });
            Data::List(Arc::new(out.collect()))
        }
        (Data::Map(map), _) => nowhere(Value::new(Data::Map(map), Span::NONE)).data,
        (Data::List(items), _) => nowhere(Value::new(Data::List(items), Span::NONE)).data,
        (data, _) => data,
    };
    Value { data, span: written.span, origin, sensitive: planned.sensitive || written.sensitive }
}

/// The value without references: those of another instance.
fn unrelated(value: &Value) -> Value {
    let data = match &value.data {
        Data::List(items) => Data::List(Arc::new(items.iter().map(unrelated).collect())),
        Data::Map(map) => {
            let mut out = Map::new();
            for (key, entry) in map.iter() {
                out.insert(Arc::clone(key), entry.key, unrelated(&entry.value));
            }
            Data::Map(Arc::new(out))
        }
        data => data.clone(),
    };
    let origin = value.origin.as_ref().map(|origin| Arc::new(Origin { steps: origin.steps.clone(), references: Vec::new() }));
    Value { data, span: value.span, origin, sensitive: value.sensitive }
}

/// The value without places: nobody wrote it down in the source.
fn nowhere(value: Value) -> Value {
    let data = match value.data {
        Data::List(items) => Data::List(Arc::new(items.iter().map(|item| nowhere(item.clone())).collect())),
        Data::Map(map) => {
            let mut out = Map::new();
            for (key, entry) in map.iter() {
                out.insert(Arc::clone(key), Span::NONE, nowhere(entry.value.clone()));
            }
            Data::Map(Arc::new(out))
        }
        data => data,
    };
    Value { data, span: Span::NONE, ..value }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn modules_of_addresses() {
        let check = |block: &str, expected: Option<&str>| assert_eq!(module_of(block), expected, "{block}");
        check("aws_s3_bucket.b", None);
        check("data.t.n", None);
        check("module.a.t.n", Some("module.a"));
        check("module.a.module.b.data.t.n", Some("module.a.module.b"));
        check("module.a.t.data", Some("module.a"));
        check("x", None);
    }
}
