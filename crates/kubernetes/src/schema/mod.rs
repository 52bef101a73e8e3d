//! The built-in kinds of Kubernetes and their types: plurals, scopes, sub-resources, fields, how lists merge, and when a version went away.
//!
//! The table (`types.txt`) is made by `tools/kubernetes_schema.py` from the releases' own OpenAPI documents. It is text that is looked
//! up, not parsed as a whole: a run that needs one type reads one type.

use std::collections::HashMap;
use std::sync::LazyLock;

use probity_core::GroupVersionKind;

const TEXT: &str = include_str!("types.txt");

/// What is known of one kind.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Kind {
    /// API group; empty for the core group.
    pub group: &'static str,
    /// Version.
    pub version: &'static str,
    /// Kind.
    pub kind: &'static str,
    /// The plural in lower case, as in the API's paths and in rules.
    pub plural: &'static str,
    /// Whether its objects are in a namespace.
    pub namespaced: bool,
    /// Its type, to ask [`Type::named`] for; `None` where it has none.
    pub type_name: Option<&'static str>,
    /// The minor version of Kubernetes that no longer serves it: `1.25`.
    pub removed_in: Option<&'static str>,
    /// Sub-resources: `status`, `scale`.
    sub_resources: &'static str,
}

impl Kind {
    /// Its sub-resources.
    pub fn sub_resources(&self) -> impl Iterator<Item = &'static str> + use<> {
        self.sub_resources.split(',').filter(|name| *name != "-")
    }
}

/// A type with fields.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Type {
    /// Its name: `core.v1.Container`.
    pub name: &'static str,
    lines: &'static str,
}

/// One field of a type.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Field {
    /// Its name.
    pub name: &'static str,
    /// What it holds.
    pub shape: Shape,
    /// Whether it has to be there.
    pub required: bool,
    /// How its list merges in a server-side apply; `None` for what is no list, and [`ListType::Atomic`] where nothing is said.
    pub list: Option<ListType>,
    /// Whether its map is replaced as a whole in a server-side apply.
    pub atomic_map: bool,
    /// The key of a strategic merge patch: a field's name, or `.` for a list of plain values.
    pub merge_key: Option<&'static str>,
}

/// How a list merges in a server-side apply.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum ListType {
    /// It is replaced as a whole.
    Atomic,
    /// A set of plain values.
    Set,
    /// A map by keys, which [`keys`](Field::keys) names.
    Map(&'static str),
}

impl Field {
    /// The keys by which its list is a map; none for other lists.
    pub fn keys(&self) -> impl Iterator<Item = &'static str> + use<> {
        let keys = match self.list {
            Some(ListType::Map(keys)) => keys,
            _ => "",
        };
        keys.split(',').filter(|key| !key.is_empty())
    }
}

/// What a field or an item holds, as the table writes it.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub struct Shape(&'static str);

/// What a [`Shape`] says.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum ShapeKind {
    /// Text.
    String,
    /// A whole number of 32 or 64 bits.
    Int,
    /// True or false.
    Bool,
    /// A number.
    Double,
    /// Bytes, as text in base64.
    Bytes,
    /// A whole number or text.
    IntOrString,
    /// A quantity: text, or a number that is taken as one.
    Quantity,
    /// A point in time, RFC 3339.
    Time,
    /// Anything.
    Any,
    /// An object whose fields are not known.
    Object,
    /// A type with fields.
    Named(&'static str),
    /// A list.
    List(Shape),
    /// A map from text.
    Map(Shape),
}

impl Shape {
    /// Anything.
    pub const ANY: Shape = Shape("any");

    /// A type by its name in the table.
    #[must_use]
    pub fn named(name: &str) -> Option<Shape> {
        TABLE.types.get_key_value(name).map(|(name, _)| Shape(name))
    }

    /// What it says.
    #[must_use]
    pub fn kind(self) -> ShapeKind {
        if let Some(rest) = self.0.strip_prefix("[]") {
            return ShapeKind::List(Shape(rest));
        }
        if let Some(rest) = self.0.strip_prefix("{}") {
            return ShapeKind::Map(Shape(rest));
        }
        if let Some(rest) = self.0.strip_prefix('@') {
            return ShapeKind::Named(rest);
        }
        match self.0 {
            "string" => ShapeKind::String,
            "int" | "int64" => ShapeKind::Int,
            "bool" => ShapeKind::Bool,
            "double" => ShapeKind::Double,
            "bytes" => ShapeKind::Bytes,
            "intstr" => ShapeKind::IntOrString,
            "quantity" => ShapeKind::Quantity,
            "time" | "microtime" => ShapeKind::Time,
            "any" => ShapeKind::Any,
            "object" => ShapeKind::Object,
            name => ShapeKind::Named(name),
        }
    }
}

impl Type {
    /// The type of that name.
    #[must_use]
    pub fn named(name: &str) -> Option<Type> {
        TABLE.types.get_key_value(name).map(|(name, lines)| Type { name, lines })
    }

    /// Its fields, sorted by name.
    pub fn fields(&self) -> impl Iterator<Item = Field> + use<> {
        self.lines.lines().filter_map(field)
    }

    /// One field.
    #[must_use]
    pub fn field(&self, name: &str) -> Option<Field> {
        self.lines.lines().find(|line| line.trim_start().split(' ').next() == Some(name)).and_then(field)
    }
}

fn field(line: &'static str) -> Option<Field> {
    let mut words = line.trim_start().split(' ');
    let (name, shape) = (words.next()?, Shape(words.next()?));
    let is_list = matches!(shape.kind(), ShapeKind::List(_));
    let mut out = Field { name, shape, required: false, list: is_list.then_some(ListType::Atomic), atomic_map: false, merge_key: None };
    for word in words {
        match word.split_once('=') {
            None => out.required |= word == "!",
            Some(("list", "set")) => out.list = Some(ListType::Set),
            Some(("keys", keys)) => out.list = Some(ListType::Map(keys)),
            Some(("merge", key)) => out.merge_key = Some(key),
            Some(("map", how)) => out.atomic_map = how == "atomic",
            Some(_) => {}
        }
    }
    Some(out)
}

struct Table {
    kinds: Vec<Kind>,
    by_kind: HashMap<(&'static str, &'static str, &'static str), usize>,
    by_plural: HashMap<(&'static str, &'static str, &'static str), usize>,
    types: HashMap<&'static str, &'static str>,
}

static TABLE: LazyLock<Table> = LazyLock::new(|| {
    let mut table = Table { kinds: Vec::new(), by_kind: HashMap::new(), by_plural: HashMap::new(), types: HashMap::new() };
    // Each part after the first is one type: its name, then a line for each field.
    let mut parts = TEXT.split("\ntype ");
    for line in parts.next().unwrap_or_default().lines() {
        let words: Vec<&'static str> = line.split(' ').collect();
        if let ["kind", group, version, kind, plural, scope, type_name, removed, subs] = *words.as_slice() {
            let some = |word: &'static str| (word != "-").then_some(word);
            let entry = Kind {
                group: some(group).unwrap_or_default(),
                version,
                kind,
                plural,
                namespaced: scope == "ns",
                type_name: some(type_name),
                removed_in: some(removed),
                sub_resources: subs,
            };
            table.by_kind.insert((entry.group, version, kind), table.kinds.len());
            table.by_plural.insert((entry.group, version, plural), table.kinds.len());
            table.kinds.push(entry);
        }
    }
    for part in parts {
        let (name, lines) = part.split_once('\n').unwrap_or((part, ""));
        table.types.insert(name, lines);
    }
    table
});

/// All built-in kinds, sorted by group, version and kind.
#[must_use]
pub fn kinds() -> &'static [Kind] {
    &TABLE.kinds
}

/// A built-in kind.
#[must_use]
pub fn kind(of: &GroupVersionKind) -> Option<&'static Kind> {
    TABLE.by_kind.get(&(&*of.group, &*of.version, &*of.kind)).and_then(|at| TABLE.kinds.get(*at))
}

/// A built-in kind by its plural.
#[must_use]
pub fn resource(group: &str, version: &str, plural: &str) -> Option<&'static Kind> {
    TABLE.by_plural.get(&(group, version, plural)).and_then(|at| TABLE.kinds.get(*at))
}

/// The plural of a kind: from the table, else as `kubectl` guesses it (`UnsafeGuessKindToResource`).
#[must_use]
pub fn plural(of: &GroupVersionKind) -> String {
    if let Some(known) = kind(of) {
        return known.plural.to_owned();
    }
    let lower = of.kind.to_ascii_lowercase();
    if lower == "endpoints" {
        return lower;
    }
    match lower.chars().last() {
        Some('s') => format!("{lower}es"),
        Some('y') => format!("{}ies", lower.strip_suffix('y').unwrap_or(&lower)),
        Some(_) => format!("{lower}s"),
        None => lower,
    }
}

/// The type of a built-in kind.
#[must_use]
pub fn type_of(of: &GroupVersionKind) -> Option<Type> {
    Type::named(kind(of)?.type_name?)
}

/// Whether objects of a kind are in a namespace; `None` for kinds that are not built in.
#[must_use]
pub fn is_namespaced(of: &GroupVersionKind) -> Option<bool> {
    kind(of).map(|kind| kind.namespaced)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn kinds_have_plurals_scopes_and_ends() {
        let check = |api: &str, name: &str, expected: (&str, bool, Option<&str>)| {
            let kind = kind(&GroupVersionKind::of(api, name)).unwrap();
            assert_eq!((kind.plural, kind.namespaced, kind.removed_in), expected, "{api} {name}");
        };
        check("v1", "Pod", ("pods", true, None));
        check("v1", "Namespace", ("namespaces", false, None));
        check("v1", "Endpoints", ("endpoints", true, None));
        check("apps/v1", "Deployment", ("deployments", true, None));
        check("extensions/v1beta1", "Ingress", ("ingresses", true, Some("1.22")));
        check("apps/v1beta1", "Deployment", ("deployments", true, Some("1.16")));
        check("policy/v1beta1", "PodSecurityPolicy", ("podsecuritypolicies", false, Some("1.25")));
        check("batch/v1beta1", "CronJob", ("cronjobs", true, Some("1.25")));
        check("rbac.authorization.k8s.io/v1", "ClusterRole", ("clusterroles", false, None));
        check("networking.k8s.io/v1", "NetworkPolicy", ("networkpolicies", true, None));
        assert!(kind(&GroupVersionKind::of("v1", "Pod")).unwrap().sub_resources().any(|name| name == "exec"));
    }

    #[test]
    fn plurals_of_kinds_that_are_not_built_in_are_guessed() {
        let check = |kind: &str, expected: &str| assert_eq!(plural(&GroupVersionKind::of("example.com/v1", kind)), expected);
        check("Widget", "widgets");
        check("Policy", "policies");
        check("Gas", "gases");
        check("", "");
    }

    #[test]
    fn fields_say_how_they_merge() {
        let pod = type_of(&GroupVersionKind::of("v1", "Pod")).unwrap();
        let ShapeKind::Named(spec) = pod.field("spec").unwrap().shape.kind() else { panic!() };
        let containers = Type::named(spec).unwrap().field("containers").unwrap();
        assert!(containers.required);
        assert_eq!((containers.merge_key, containers.keys().collect::<Vec<_>>()), (Some("name"), vec!["name"]));
        let ShapeKind::List(item) = containers.shape.kind() else { panic!() };
        let ShapeKind::Named(container) = item.kind() else { panic!() };
        let ports = Type::named(container).unwrap().field("ports").unwrap();
        assert_eq!(ports.keys().collect::<Vec<_>>(), ["containerPort", "protocol"]);
        assert_eq!(Type::named(container).unwrap().field("args").unwrap().list, Some(ListType::Atomic));
        assert!(Type::named(container).unwrap().field("nothing").is_none());
        let metadata = Type::named("meta.v1.ObjectMeta").unwrap();
        assert_eq!(metadata.field("finalizers").unwrap().list, Some(ListType::Set));
        assert_eq!(metadata.field("labels").unwrap().shape.kind(), ShapeKind::Map(Shape("string")));
    }

    #[test]
    fn every_type_a_field_names_is_in_the_table() {
        for (name, lines) in &TABLE.types {
            for field in (Type { name, lines }).fields() {
                let mut shape = field.shape;
                while let ShapeKind::List(inner) | ShapeKind::Map(inner) = shape.kind() {
                    shape = inner;
                }
                if let ShapeKind::Named(other) = shape.kind() {
                    assert!(Type::named(other).is_some(), "{name}.{} is a {other}", field.name);
                }
            }
        }
    }
}
