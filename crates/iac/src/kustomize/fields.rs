//! Where the fields lie that transformations change: the built-in ones, what `configurations` add, and the walk to them.

use std::collections::BTreeMap;
use std::sync::{Arc, LazyLock};

use probity_value::{Data, Map, Span, Value};

use super::node::{list_mut, map_mut};
use super::order::compare_kinds;
use super::resource::Gvk;

/// A field of objects of some kinds.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct FieldSpec {
    pub(super) gvk: Gvk,
    /// With `/` between its parts; `\/` is one in a name.
    pub(super) path: String,
    /// Whether it is made where it is missing.
    pub(super) create: bool,
}

/// Fields that hold names of objects of a kind.
#[derive(Clone, Debug)]
pub(super) struct NameReference {
    pub(super) target: Gvk,
    pub(super) fields: Vec<FieldSpec>,
}

/// All lists of fields.
#[derive(Clone, Debug, Default)]
pub(super) struct Fields {
    lists: BTreeMap<&'static str, Vec<FieldSpec>>,
    pub(super) references: Vec<NameReference>,
}

/// The names of the lists, as configurations write them.
const LISTS: [&str; 11] = [
    "namePrefix",
    "nameSuffix",
    "namespace",
    "labels",
    "templateLabels",
    "volumeClaimTemplateLabels",
    "commonLabels",
    "commonAnnotations",
    "varReference",
    "images",
    "replicas",
];

/// The built-in lists.
pub(super) static BUILT_IN: LazyLock<Arc<Fields>> = LazyLock::new(|| Arc::new(read(include_str!("fields.txt"))));

fn read(text: &str) -> Fields {
    let mut out = Fields::default();
    let mut section = "";
    for line in text.lines().filter(|line| !line.is_empty() && !line.starts_with('#')) {
        if let Some(name) = line.strip_prefix('[').and_then(|line| line.strip_suffix(']')) {
            section = name;
            continue;
        }
        if let Some(target) = line.strip_prefix("> ") {
            out.references.push(NameReference { target: read_kind(target), fields: Vec::new() });
            continue;
        }
        let mut words = line.split(' ');
        let path = words.next().unwrap_or_default();
        let create = path.starts_with('+');
        let path = path.trim_start_matches('+');
        let mut kinds: Vec<Gvk> = words.map(read_kind).collect();
        if kinds.is_empty() {
            kinds.push(Gvk::default());
        }
        let specs = kinds.into_iter().map(|gvk| FieldSpec { gvk, path: path.to_owned(), create });
        if section == "nameReference" {
            if let Some(last) = out.references.last_mut() {
                last.fields.extend(specs);
            }
        } else if let Some(name) = LISTS.iter().find(|name| **name == section) {
            specs.for_each(|spec| out.list_mut(name).push(spec));
        }
    }
    out
}

/// `Kind`, `Kind@group` or `Kind@group/version`.
fn read_kind(text: &str) -> Gvk {
    let (kind, rest) = text.split_once('@').unwrap_or((text, ""));
    let (group, version) = rest.split_once('/').unwrap_or((rest, ""));
    Gvk { group: group.to_owned(), version: version.to_owned(), kind: kind.to_owned() }
}

impl Fields {
    /// The fields of a list.
    pub(super) fn list(&self, name: &str) -> &[FieldSpec] {
        self.lists.get(name).map_or(&[], Vec::as_slice)
    }

    fn list_mut(&mut self, name: &'static str) -> &mut Vec<FieldSpec> {
        self.lists.entry(name).or_default()
    }

    /// Adds what another has more.
    pub(super) fn merge(&mut self, other: &Fields) -> Result<(), String> {
        for (name, fields) in &other.lists {
            merge_all(self.list_mut(name), fields)?;
        }
        for reference in &other.references {
            match self.references.iter_mut().find(|known| known.target == reference.target) {
                Some(known) => merge_all(&mut known.fields, &reference.fields)?,
                None => self.references.push(reference.clone()),
            }
        }
        Ok(())
    }

    /// Whether there is nothing in it.
    pub(super) fn is_empty(&self) -> bool {
        self.lists.values().all(Vec::is_empty) && self.references.is_empty()
    }

    /// Puts the lists into the order Kustomize keeps them in: where fields are merged, an earlier one may stand for a later one.
    pub(super) fn sort(&mut self) {
        self.lists.values_mut().for_each(|list| list.sort_by(|a, b| compare_kinds(&a.gvk, &b.gvk)));
        self.references.sort_by(|a, b| compare_kinds(&a.target, &b.target));
    }

    /// Adds one field to a list.
    pub(super) fn add(&mut self, list: &'static str, gvk: &Gvk, path: &str) {
        self.list_mut(list).push(FieldSpec { gvk: gvk.clone(), path: path.to_owned(), create: false });
    }

    /// Adds a field that names objects of a kind.
    pub(super) fn add_reference(&mut self, target: Gvk, gvk: &Gvk, path: &str) {
        let fields = vec![FieldSpec { gvk: gvk.clone(), path: path.to_owned(), create: false }];
        self.references.push(NameReference { target, fields });
    }

    /// Reads a file of `configurations`.
    pub(super) fn of_configuration(value: &Value) -> Fields {
        let mut out = Fields::default();
        for name in LISTS {
            let fields = read_specs(value.get(name));
            if !fields.is_empty() {
                *out.list_mut(name) = fields;
            }
        }
        for one in value.get("nameReference").and_then(Value::as_list).unwrap_or_default() {
            let fields = read_specs(one.get("fieldSpecs"));
            out.references.push(NameReference { target: gvk_of(one), fields });
        }
        out
    }
}

/// Adds fields that are not there yet.
pub(super) fn merge_all(into: &mut Vec<FieldSpec>, more: &[FieldSpec]) -> Result<(), String> {
    for field in more {
        match into.iter().find(|known| known.gvk.is_selected(&field.gvk) && known.path == field.path) {
            Some(known) if known.create != field.create => {
                return Err(format!("the field `{}` is given twice, once with and once without `create`", field.path));
            }
            Some(_) => {}
            None => into.push(field.clone()),
        }
    }
    Ok(())
}

fn gvk_of(value: &Value) -> Gvk {
    let part = |key: &str| value.get(key).and_then(Value::as_str).unwrap_or_default().to_owned();
    Gvk { group: part("group"), version: part("version"), kind: part("kind") }
}

/// Fields as a list of `path`, `create`, `group`, `version` and `kind`.
pub(super) fn read_specs(value: Option<&Value>) -> Vec<FieldSpec> {
    let items = value.and_then(Value::as_list).unwrap_or_default();
    let read = |item: &Value| {
        let create = item.get("create").and_then(Value::as_bool).unwrap_or(false);
        Some(FieldSpec { gvk: gvk_of(item), path: item.get("path")?.as_str()?.to_owned(), create })
    };
    items.iter().filter_map(read).collect()
}

/// What is made at the end of a path.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Made {
    Nothing,
    Scalar,
    Map,
}

/// Parts of a path; `\` before the separator keeps it.
pub(super) fn split_path(path: &str, separator: char) -> Vec<String> {
    let mut out: Vec<String> = Vec::new();
    let mut parts = path.split(separator);
    let first = parts.next().unwrap_or_default();
    let rest: Vec<&str> = parts.collect();
    if !first.is_empty() || rest.is_empty() {
        out.push(first.to_owned());
    }
    for part in rest {
        match out.last_mut() {
            Some(last) if last.ends_with('\\') => {
                last.pop();
                last.push(separator);
                last.push_str(part);
            }
            _ => out.push(part.to_owned()),
        }
    }
    out
}

/// Calls `set` for each value a field spec leads to in an object, if the object is of its kind.
pub(super) fn visit(
    object: &mut Value,
    spec: &FieldSpec,
    made: Made,
    at: Span,
    set: &mut dyn FnMut(&mut Value) -> Result<(), String>,
) -> Result<(), String> {
    let part = |key: &str| object.get(key).and_then(Value::as_str).unwrap_or_default();
    if !Gvk::new(part("apiVersion"), part("kind")).is_selected(&spec.gvk) {
        return Ok(());
    }
    let path = split_path(&spec.path, '/');
    let parts: Vec<&str> = path.iter().map(String::as_str).collect();
    let made = if spec.create { made } else { Made::Nothing };
    walk(object, &parts, made, at, set).map_err(|why| format!("the field `{}`: {why}", spec.path))
}

fn walk(
    value: &mut Value,
    path: &[&str],
    made: Made,
    at: Span,
    set: &mut dyn FnMut(&mut Value) -> Result<(), String>,
) -> Result<(), String> {
    let Some((first, rest)) = path.split_first() else { return set(value) };
    match &value.data {
        Data::Null => Ok(()),
        Data::Unknown(_) => Ok(()),
        Data::List(_) => {
            for item in list_mut(value).into_iter().flatten() {
                walk(item, path, made, at, set)?;
            }
            Ok(())
        }
        Data::Map(map) => {
            let name = first.strip_suffix("[]").unwrap_or(first);
            if name.is_empty() {
                return Err("a part of the path is empty".to_owned());
            }
            let creates = made != Made::Nothing && name.len() == first.len();
            let null = map.get(name).is_some_and(Value::is_null);
            if !creates && !map.contains_key(name) {
                return Ok(());
            }
            let Some(map) = map_mut(value) else { return Ok(()) };
            if creates && (null || !map.contains_key(name)) {
                let key = map.entry(name).map_or(at, |entry| entry.key);
                let fresh = if rest.is_empty() && made == Made::Scalar { Value::null(at) } else { Value::map(Map::new(), at) };
                map.insert(name, key, fresh);
            }
            map.get_mut(name).map_or(Ok(()), |inner| walk(inner, rest, made, at, set))
        }
        _ => Err("what should be a list or a map is neither".to_owned()),
    }
}
