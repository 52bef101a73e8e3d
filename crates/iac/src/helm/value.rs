//! Values of Go templates: what Go's reflection sees, as far as a template can tell the difference.
//!
//! Maps are shared and can be changed by `set`; lists cannot. Nothing here is sent between threads: a chart is rendered in one.

use std::cell::RefCell;
use std::collections::BTreeMap;
use std::rc::Rc;
use std::sync::Arc;

use probity_value::OriginStep;

use super::semver::Version;
use super::text::Text;

/// A value and, where it came straight from a values file, its place there.
#[derive(Clone, Debug)]
pub(super) struct Val {
    pub(super) data: Data,
    pub(super) from: Option<Arc<OriginStep>>,
}

/// What a value is.
#[derive(Clone, Debug)]
pub(super) enum Data {
    /// Nil, also what a missing key gives.
    Nil,
    Bool(bool),
    /// A whole number; `true` for `int64`, else `int`.
    Int(i64, bool),
    Float(f64),
    Str(Text),
    List(List),
    Map(Map),
    /// Cannot be known; the number of its reason.
    Lost(Lost),
    Special(Rc<Special>),
}

/// Something that cannot be known here.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Lost {
    /// Number of the reason.
    pub(super) reason: u8,
    /// Whether it is sure to be there: random text is, the answer to a question about it is not.
    pub(super) set: bool,
}

/// Things with methods.
#[derive(Debug)]
pub(super) enum Special {
    /// `.Capabilities.APIVersions`.
    ApiVersions,
    /// `.Files`: names to the number of the file in the chart.
    Files(Files),
    /// What `semver` gives.
    Version(Version),
    /// What `toDate` gives, in UTC.
    Time(jiff::civil::DateTime),
}

/// Files of one chart.
#[derive(Clone, Debug)]
pub(super) struct Files {
    /// Number of the chart among those that are rendered.
    pub(super) chart: usize,
    /// Their names.
    pub(super) names: Vec<Rc<str>>,
}

/// A list.
#[derive(Clone, Debug)]
pub(super) struct List(Rc<Items>);

#[derive(Debug)]
struct Items {
    items: Vec<Val>,
    kind: ListKind,
}

/// What kind of list it is.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum ListKind {
    /// `[]interface {}`.
    Any,
    /// The same without a list behind it: JSON has null for it.
    Nil,
    /// `[]string`.
    Strings,
    /// `[]int`.
    Ints,
}

/// What kind of map it is.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum MapKind {
    /// `map[string]interface {}`.
    Plain,
    /// `chartutil.Values`.
    Values,
    /// A struct of that name: a missing field is an error.
    Struct(&'static str),
}

/// A map. Two of different kinds may share their entries: the values of a subchart are also a map in those of its parent.
#[derive(Clone, Debug)]
pub(super) struct Map {
    kind: MapKind,
    shared: Rc<Entries>,
}

#[derive(Debug)]
struct Entries {
    entries: RefCell<BTreeMap<Rc<str>, Val>>,
}

impl List {
    pub(super) fn new(items: Vec<Val>) -> List {
        List::of(ListKind::Any, items)
    }

    pub(super) fn of(kind: ListKind, items: Vec<Val>) -> List {
        List(Rc::new(Items { items, kind }))
    }

    pub(super) fn items(&self) -> &[Val] {
        &self.0.items
    }

    pub(super) fn kind(&self) -> ListKind {
        self.0.kind
    }
}

impl Map {
    pub(super) fn new() -> Map {
        Map::of(MapKind::Plain, BTreeMap::new())
    }

    pub(super) fn of(kind: MapKind, entries: BTreeMap<Rc<str>, Val>) -> Map {
        Map { kind, shared: Rc::new(Entries { entries: RefCell::new(entries) }) }
    }

    pub(super) fn kind(&self) -> MapKind {
        self.kind
    }

    /// Whether a missing field is an error.
    pub(super) fn is_struct(&self) -> bool {
        matches!(self.kind, MapKind::Struct(_))
    }

    /// The same entries, not a copy of them, as a map of that kind.
    pub(super) fn as_kind(&self, kind: MapKind) -> Map {
        Map { kind, shared: Rc::clone(&self.shared) }
    }

    pub(super) fn get(&self, key: &str) -> Option<Val> {
        self.shared.entries.borrow().get(key).cloned()
    }

    pub(super) fn has(&self, key: &str) -> bool {
        self.shared.entries.borrow().contains_key(key)
    }

    pub(super) fn set(&self, key: impl Into<Rc<str>>, value: Val) {
        let old = self.shared.entries.borrow_mut().insert(key.into(), value);
        drop(old);
    }

    pub(super) fn remove(&self, key: &str) {
        let old = self.shared.entries.borrow_mut().remove(key);
        drop(old);
    }

    pub(super) fn len(&self) -> usize {
        self.shared.entries.borrow().len()
    }

    pub(super) fn keys(&self) -> Vec<Rc<str>> {
        self.shared.entries.borrow().keys().cloned().collect()
    }

    /// Keys and values, in order of the keys.
    pub(super) fn pairs(&self) -> Vec<(Rc<str>, Val)> {
        self.shared.entries.borrow().iter().map(|(key, value)| (Rc::clone(key), value.clone())).collect()
    }

    /// The same entries in a map of its own.
    pub(super) fn shallow(&self) -> Map {
        Map::of(self.kind, self.shared.entries.borrow().clone())
    }

    pub(super) fn same(&self, other: &Map) -> bool {
        Rc::ptr_eq(&self.shared, &other.shared)
    }

    /// Takes everything out: ends a map that holds itself.
    pub(super) fn clear(&self) {
        let old = std::mem::take(&mut *self.shared.entries.borrow_mut());
        drop(old);
    }
}

// A list in a list in a list, as deep as a template likes: taken apart without recursion.
fn take_apart(mut waiting: Vec<Val>) {
    while let Some(value) = waiting.pop() {
        match value.data {
            Data::List(list) => {
                if let Ok(mut list) = Rc::try_unwrap(list.0) {
                    waiting.append(&mut list.items);
                }
            }
            Data::Map(map) => {
                if let Ok(entries) = Rc::try_unwrap(map.shared) {
                    waiting.extend(std::mem::take(&mut *entries.entries.borrow_mut()).into_values());
                }
            }
            _ => {}
        }
    }
}

impl Drop for Items {
    fn drop(&mut self) {
        if !self.items.is_empty() {
            take_apart(std::mem::take(&mut self.items));
        }
    }
}

impl Drop for Entries {
    fn drop(&mut self) {
        let entries = std::mem::take(self.entries.get_mut());
        if !entries.is_empty() {
            take_apart(entries.into_values().collect());
        }
    }
}

impl From<Data> for Val {
    fn from(data: Data) -> Val {
        Val { data, from: None }
    }
}

impl From<bool> for Val {
    fn from(value: bool) -> Val {
        Data::Bool(value).into()
    }
}

impl From<&str> for Val {
    fn from(value: &str) -> Val {
        Data::Str(value.into()).into()
    }
}

impl From<String> for Val {
    fn from(value: String) -> Val {
        Data::Str(value.into()).into()
    }
}

impl From<Text> for Val {
    fn from(value: Text) -> Val {
        Data::Str(value).into()
    }
}

impl From<Vec<Val>> for Val {
    fn from(value: Vec<Val>) -> Val {
        Data::List(List::new(value)).into()
    }
}

impl From<Map> for Val {
    fn from(value: Map) -> Val {
        Data::Map(value).into()
    }
}

impl Val {
    /// A list of texts.
    pub(super) fn strings(items: Vec<Val>) -> Val {
        Data::List(List::of(ListKind::Strings, items)).into()
    }

    /// No list at all, as far as JSON sees it.
    pub(super) fn no_list() -> Val {
        Data::List(List::of(ListKind::Nil, Vec::new())).into()
    }

    pub(super) fn nil() -> Val {
        Data::Nil.into()
    }

    /// An `int`.
    pub(super) fn int(value: i64) -> Val {
        Data::Int(value, false).into()
    }

    /// An `int64`.
    pub(super) fn int64(value: i64) -> Val {
        Data::Int(value, true).into()
    }

    pub(super) fn float(value: f64) -> Val {
        Data::Float(value).into()
    }

    pub(super) fn lost(reason: u8, set: bool) -> Val {
        Data::Lost(Lost { reason, set }).into()
    }

    pub(super) fn is_nil(&self) -> bool {
        matches!(self.data, Data::Nil)
    }

    pub(super) fn as_map(&self) -> Option<&Map> {
        match &self.data {
            Data::Map(map) => Some(map),
            _ => None,
        }
    }

    pub(super) fn as_str(&self) -> Option<&str> {
        match &self.data {
            Data::Str(text) => Some(text.as_str()),
            _ => None,
        }
    }

    /// Whether `if` takes it; an error where that cannot be known.
    pub(super) fn truth(&self) -> Result<bool, Lost> {
        Ok(match &self.data {
            Data::Nil => false,
            Data::Bool(value) => *value,
            Data::Int(value, _) => *value != 0,
            Data::Float(value) => *value != 0.0,
            Data::Str(text) => !text.as_str().is_empty(),
            Data::List(list) => !list.items().is_empty(),
            Data::Map(map) => map.is_struct() || map.len() > 0,
            Data::Lost(lost) if lost.set => true,
            Data::Lost(lost) => return Err(*lost),
            Data::Special(special) => match &**special {
                Special::Files(files) => !files.names.is_empty(),
                _ => true,
            },
        })
    }

    /// What sprig's `empty` says; it differs for structs only.
    pub(super) fn empty(&self) -> Result<bool, Lost> {
        Ok(!self.truth()?)
    }

    /// `%T`.
    pub(super) fn type_name(&self) -> &'static str {
        match &self.data {
            Data::Nil => "<nil>",
            Data::Bool(_) => "bool",
            Data::Int(_, false) => "int",
            Data::Int(_, true) => "int64",
            Data::Float(_) => "float64",
            Data::Str(_) | Data::Lost(_) => "string",
            Data::List(list) => match list.kind() {
                ListKind::Any | ListKind::Nil => "[]interface {}",
                ListKind::Strings => "[]string",
                ListKind::Ints => "[]int",
            },
            Data::Map(map) => match map.kind() {
                MapKind::Plain => "map[string]interface {}",
                MapKind::Values => "chartutil.Values",
                MapKind::Struct(name) => name,
            },
            Data::Special(special) => match &**special {
                Special::ApiVersions => "chartutil.VersionSet",
                Special::Files(_) => "engine.files",
                Special::Version(_) => "*semver.Version",
                Special::Time(_) => "time.Time",
            },
        }
    }

    /// Go's kind.
    pub(super) fn kind(&self) -> &'static str {
        match &self.data {
            Data::Nil => "invalid",
            Data::Bool(_) => "bool",
            Data::Int(_, false) => "int",
            Data::Int(_, true) => "int64",
            Data::Float(_) => "float64",
            Data::Str(_) | Data::Lost(_) => "string",
            Data::List(_) => "slice",
            Data::Map(map) => match map.kind() {
                MapKind::Plain | MapKind::Values => "map",
                MapKind::Struct(_) => "struct",
            },
            Data::Special(special) => match &**special {
                Special::ApiVersions => "slice",
                Special::Files(_) => "map",
                Special::Version(_) => "ptr",
                Special::Time(_) => "struct",
            },
        }
    }
}

/// Levels of lists and maps that are followed.
pub(super) const MAX_DEPTH: usize = 200;

/// `reflect.DeepEqual`.
pub(super) fn deep_equal(a: &Val, b: &Val) -> bool {
    deep_equal_at(a, b, 0)
}

fn deep_equal_at(a: &Val, b: &Val, depth: usize) -> bool {
    if depth > MAX_DEPTH {
        return false;
    }
    match (&a.data, &b.data) {
        (Data::Nil, Data::Nil) => true,
        (Data::Bool(a), Data::Bool(b)) => a == b,
        (Data::Int(a, wide), Data::Int(b, other)) => a == b && wide == other,
        (Data::Float(a), Data::Float(b)) => a == b,
        (Data::Str(a), Data::Str(b)) => a.as_str() == b.as_str(),
        (Data::List(a), Data::List(b)) => {
            a.items().len() == b.items().len() && a.items().iter().zip(b.items()).all(|(a, b)| deep_equal_at(a, b, depth + 1))
        }
        (Data::Map(a), Data::Map(b)) => {
            a.same(b)
                || a.len() == b.len()
                    && a.pairs().iter().all(|(key, value)| b.get(key).is_some_and(|other| deep_equal_at(value, &other, depth + 1)))
        }
        (Data::Lost(a), Data::Lost(b)) => a == b,
        (Data::Special(a), Data::Special(b)) => Rc::ptr_eq(a, b),
        _ => false,
    }
}

/// A copy that shares no map with the original; nil where it is too deep, as one that holds itself is.
pub(super) fn deep_copy(value: &Val) -> Val {
    deep_copy_at(value, 0)
}

fn deep_copy_at(value: &Val, depth: usize) -> Val {
    if depth > MAX_DEPTH {
        return Val::nil();
    }
    let data = match &value.data {
        Data::List(list) => Data::List(List::of(list.kind(), list.items().iter().map(|item| deep_copy_at(item, depth + 1)).collect())),
        Data::Map(map) => {
            let entries = map.pairs().into_iter().map(|(key, value)| (key, deep_copy_at(&value, depth + 1))).collect();
            Data::Map(Map::of(map.kind(), entries))
        }
        other => other.clone(),
    };
    Val { data, from: value.from.clone() }
}

/// What cannot be known anywhere in it, also in its texts.
pub(super) fn find_lost(value: &Val, marker: char, depth: usize) -> Option<Lost> {
    if depth > MAX_DEPTH {
        return None;
    }
    match &value.data {
        Data::Lost(lost) => Some(*lost),
        Data::Str(text) => lost_in(text.as_str(), marker),
        Data::List(list) => list.items().iter().find_map(|item| find_lost(item, marker, depth + 1)),
        Data::Map(map) => map.pairs().iter().find_map(|(_, item)| find_lost(item, marker, depth + 1)),
        _ => None,
    }
}

/// First of the characters that tell the reasons apart; they follow the marker.
pub(super) const FIRST_REASON: u32 = 0xE100;

/// The text that stands for something that cannot be known.
pub(super) fn marked(lost: Lost, marker: char) -> String {
    let reason = char::from_u32(FIRST_REASON + u32::from(lost.reason)).unwrap_or(marker);
    [marker, reason].iter().collect()
}

/// What a text says cannot be known.
pub(super) fn lost_in(text: &str, marker: char) -> Option<Lost> {
    let at = text.find(marker)?;
    let reason = text.get(at..)?.chars().nth(1).map_or(0, u32::from);
    Some(Lost { reason: u8::try_from(reason.wrapping_sub(FIRST_REASON)).unwrap_or(0), set: true })
}
