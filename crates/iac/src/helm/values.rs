//! The values of a chart and its subcharts, merged as Helm merges them, and which dependencies they switch on.

use probity_value::Span;

use super::load::{Chart, Dependency};
use super::semver::{Constraint, Version};
use super::value::{Data, Map, Val, deep_copy};

const GLOBAL: &str = "global";

/// What is wrong with values, for a person, and where.
type Merge<T> = Result<T, (String, Span)>;

fn copied(map: &Map) -> Map {
    deep_copy(&Val::from(map.clone())).as_map().cloned().unwrap_or_else(Map::new)
}

/// The values a chart is rendered with: those given, over those of its parents, over its own.
pub(super) fn coalesced(chart: &Chart, given: &Map) -> Merge<Map> {
    let target = copied(given);
    coalesce(chart, &target, false)?;
    Ok(target)
}

fn coalesce(chart: &Chart, target: &Map, merge: bool) -> Merge<()> {
    own(chart, target, merge);
    for child in &chart.children {
        let below = match target.get(&child.name) {
            None => {
                let below = Map::new();
                target.set(&*child.name, below.clone().into());
                below
            }
            Some(value) => match value.as_map() {
                Some(map) => map.clone(),
                None => {
                    let span = chart.values.get(&child.name).map_or(Span::NONE, |value| value.span);
                    return Err((format!("the values under `{}` must be a map, for they are those of a subchart", child.name), span));
                }
            },
        };
        globals(&below, target);
        coalesce(child, &below, merge)?;
    }
    Ok(())
}

fn globals(target: &Map, source: &Map) {
    let below = match target.get(GLOBAL) {
        None => Map::new(),
        Some(value) => match value.as_map() {
            Some(map) => map.clone(),
            None => return,
        },
    };
    let above = match source.get(GLOBAL) {
        None => Map::new(),
        Some(value) => match value.as_map() {
            Some(map) => map.clone(),
            None => return,
        },
    };
    for (key, value) in above.pairs() {
        let old = below.get(&key);
        match (value.as_map(), old.as_ref()) {
            (Some(new), None) => below.set(key, new.shallow().into()),
            (Some(new), Some(old)) => {
                if let Some(old) = old.as_map() {
                    let new = new.shallow();
                    tables(&new, old, true);
                    below.set(key, new.into());
                }
            }
            (None, Some(old)) if old.as_map().is_some() => {}
            (None, _) => below.set(key, value),
        }
    }
    target.set(GLOBAL, below.into());
}

/// Fills `target` with the chart's own values; a null in `target` takes a key away.
fn own(chart: &Chart, target: &Map, merge: bool) {
    for (key, value) in copied(&chart.merged()).pairs() {
        match target.get(&key) {
            None => target.set(key, value),
            Some(old) if old.is_nil() && !merge => target.remove(&key),
            Some(old) => {
                if let (Some(old), Some(new)) = (old.as_map(), value.as_map()) {
                    let is_child = chart.children.iter().any(|child| *child.name == *key);
                    tables(old, new, merge || is_child);
                }
            }
        }
    }
}

/// Fills one map with another.
fn tables(target: &Map, source: &Map, merge: bool) {
    let written: Vec<_> = source.pairs().into_iter().filter(|(_, value)| !value.is_nil()).map(|(key, _)| key).collect();
    for (key, value) in target.pairs() {
        if value.is_nil() {
            source.set(key, Val::nil());
        }
    }
    for (key, value) in source.pairs() {
        match target.get(&key) {
            Some(old) if !merge && old.is_nil() && written.contains(&key) => target.remove(&key),
            None => target.set(key, value),
            Some(old) => {
                if let (Some(old), Some(new)) = (old.as_map(), value.as_map()) {
                    tables(old, new, merge);
                }
            }
        }
    }
}

/// The map at a path of keys with dots.
fn table(values: &Map, path: &str) -> Option<Map> {
    let mut map = values.clone();
    for key in path.split('.') {
        map = map.get(key)?.as_map()?.clone();
    }
    Some(map)
}

/// What is at a path, if it is no map.
fn plain(values: &Map, path: &str) -> Option<Val> {
    let (above, key) = path.rsplit_once('.').map_or((None, path), |(above, key)| (Some(above), key));
    let map = match above {
        Some(above) => table(values, above)?,
        None => values.clone(),
    };
    map.get(key).filter(|value| value.as_map().is_none())
}

fn fits(dependency: &Dependency, chart: &Chart) -> bool {
    match (Constraint::parse(&dependency.version), Version::parse(&chart.version)) {
        (Some(constraint), Some(version)) => constraint.matches(&version),
        _ => false,
    }
}

/// Something a chart asks for and does not have.
#[derive(Debug)]
pub(super) struct Missing {
    pub(super) chart_path: std::sync::Arc<str>,
    pub(super) covered: std::sync::Arc<str>,
    pub(super) name: String,
    pub(super) span: Span,
    /// A chart of that name is there, in another version.
    pub(super) other_version: Option<String>,
}

/// What became of the charts that are not rendered.
#[derive(Debug, Default)]
pub(super) struct Switched {
    pub(super) missing: Vec<Missing>,
    /// Charts that are switched off.
    pub(super) off: Vec<Chart>,
}

/// Switches dependencies on and off, gives them their other names, and takes over the values they export.
pub(super) fn process(chart: &mut Chart) -> Merge<Switched> {
    let mut switched = Switched::default();
    enable(chart, &Map::new(), "", &mut switched, 0)?;
    import(chart)?;
    Ok(switched)
}

fn enable(chart: &mut Chart, given: &Map, path: &str, switched: &mut Switched, depth: usize) -> Merge<()> {
    if chart.dependencies.is_empty() {
        return Ok(());
    }
    let present = std::mem::take(&mut chart.children);
    let mut children: Vec<Chart> = present
        .iter()
        .filter(|child| !chart.dependencies.iter().any(|dependency| dependency.name == child.name && fits(dependency, child)))
        .cloned()
        .collect();
    let mut missing = Vec::new();
    for dependency in &mut chart.dependencies {
        match present.iter().find(|child| child.name == dependency.name && fits(dependency, child)) {
            Some(child) => {
                let mut child = child.clone();
                if !dependency.alias.is_empty() {
                    child.name.clone_from(&dependency.alias);
                }
                children.push(child);
            }
            None => {
                let other = present.iter().find(|child| child.name == dependency.name).map(|child| child.version.clone());
                missing.push((dependency.name.clone(), dependency.alias.clone(), dependency.span, other));
            }
        }
        if !dependency.alias.is_empty() {
            dependency.name.clone_from(&dependency.alias);
        }
        dependency.enabled = true;
    }
    chart.children = children;
    let values = coalesced(chart, given)?;
    let tags = table(&values, "tags");
    for dependency in &mut chart.dependencies {
        if let Some(tags) = &tags {
            let said = |truth: bool| {
                dependency.tags.iter().any(|tag| tags.get(tag).is_some_and(|value| matches!(value.data, Data::Bool(said) if said == truth)))
            };
            let (yes, no) = (said(true), said(false));
            dependency.enabled = yes || !no;
        }
        for condition in dependency.condition.trim().split(',').filter(|condition| !condition.is_empty()) {
            if let Some(Data::Bool(truth)) = plain(&values, &format!("{path}{condition}")).map(|value| value.data) {
                dependency.enabled = truth;
                break;
            }
        }
    }
    let is_off = |name: &str| chart.dependencies.iter().any(|dependency| dependency.name == name && !dependency.enabled);
    for (name, alias, span, other_version) in missing {
        let known = if alias.is_empty() { &name } else { &alias };
        if !is_off(known) {
            let (chart_path, covered) = (std::sync::Arc::clone(&chart.meta_path), std::sync::Arc::clone(&chart.meta_covered));
            switched.missing.push(Missing { chart_path, covered, name, span, other_version });
        }
    }
    let (off, on): (Vec<Chart>, Vec<Chart>) = std::mem::take(&mut chart.children).into_iter().partition(|child| is_off(&child.name));
    switched.off.extend(off);
    chart.children = on;
    chart.dependencies.retain(|dependency| dependency.enabled);
    if depth < 10 {
        for child in &mut chart.children {
            let below = format!("{path}{}.", child.name);
            enable(child, &values, &below, switched, depth + 1)?;
        }
    }
    Ok(())
}

fn import(chart: &mut Chart) -> Merge<()> {
    for child in &mut chart.children {
        import(child)?;
    }
    if chart.dependencies.iter().all(|dependency| dependency.imports.is_empty()) {
        return Ok(());
    }
    let values = Map::new();
    coalesce(chart, &values, true)?;
    let imported = Map::new();
    for dependency in &chart.dependencies {
        for import in &dependency.imports {
            let Some(found) = table(&values, &format!("{}.{}", dependency.name, import.child)) else { continue };
            let mut wrapped = copied(&found);
            if import.parent != "." {
                for key in import.parent.split('.').rev() {
                    let outer = Map::new();
                    outer.set(key, wrapped.into());
                    wrapped = outer;
                }
            }
            tables(&imported, &wrapped, true);
        }
    }
    let merged = copied(&values);
    tables(&merged, &imported, true);
    chart.replace_values(merged);
    Ok(())
}
