//! Queries checked against a schema: the rules of the specification (section 5), the first fault that is met.

use std::collections::{BTreeMap, HashMap, HashSet};
use std::sync::Arc;

use super::node::{Node, named, shown};
use super::parse::Wrong;
use super::schema::{Definition, Schema};

/// Fields that are compared in pairs at most.
const MOST_PAIRS: usize = 200_000;

/// How deep fields may nest, fragments looked through.
const DEEPEST: usize = 200;

type Checked = Result<(), Wrong>;

/// How a variable is used: the type of the place, and whether the place has a default.
struct Use {
    node: Node,
    name: Arc<str>,
    place: Option<Node>,
    has_default: bool,
}

/// What a part of a query uses: variables, and fragments it spreads.
type Part = (Vec<Use>, Vec<Arc<str>>);

struct Walk<'a> {
    schema: &'a Schema,
    fragments: BTreeMap<Arc<str>, Node>,
    /// Variables used in the part that is walked.
    uses: Vec<Use>,
    /// Fragments spread in the part that is walked.
    spreads: Vec<Arc<str>>,
}

fn twice(nodes: &[Node], name: impl Fn(&Node) -> Arc<str>) -> Option<Node> {
    let mut seen = HashSet::new();
    nodes.iter().find(|node| !seen.insert(name(node))).cloned()
}

/// Whether a query is right for a schema.
pub(super) fn validate(schema: &Schema, query: &crate::term::Term) -> Checked {
    let query = Node(query.clone());
    let (operations, fragments) = (query.list("Operations"), query.list("Fragments"));
    let named_operations: Vec<Node> = operations.iter().filter(|operation| !operation.name().is_empty()).cloned().collect();
    if let Some(operation) = twice(&named_operations, Node::name) {
        return Err(operation.wrong(format!("There can be only one operation named \"{}\".", operation.name())));
    }
    if let Some(fragment) = twice(&fragments, Node::name) {
        return Err(fragment.wrong(format!("There can be only one fragment named \"{}\".", fragment.name())));
    }
    if let Some(operation) = operations.iter().find(|operation| operation.name().is_empty() && operations.len() > 1) {
        return Err(operation.wrong("This anonymous operation must be the only defined operation.".to_owned()));
    }
    let mut walk = Walk {
        schema,
        fragments: fragments.iter().map(|fragment| (fragment.name(), fragment.clone())).collect(),
        uses: Vec::new(),
        spreads: Vec::new(),
    };
    // What each fragment uses and spreads, found once.
    let mut parts: HashMap<Arc<str>, Part> = HashMap::new();
    let mut operation_parts = Vec::new();
    for operation in &operations {
        walk.operation(operation)?;
        operation_parts.push((std::mem::take(&mut walk.uses), std::mem::take(&mut walk.spreads)));
    }
    for fragment in &fragments {
        let condition = fragment.text("TypeCondition");
        let definition = walk.condition(fragment, &condition, Some(&fragment.name()))?;
        walk.directives(&fragment.list("Directives"), "FRAGMENT_DEFINITION")?;
        walk.selections(&fragment.list("SelectionSet"), definition)?;
        parts.insert(fragment.name(), (std::mem::take(&mut walk.uses), std::mem::take(&mut walk.spreads)));
    }
    for fragment in &fragments {
        let mut reached = HashSet::new();
        let mut open: Vec<Arc<str>> = parts.get(&fragment.name()).map(|part| part.1.clone()).unwrap_or_default();
        while let Some(name) = open.pop() {
            if name == fragment.name() {
                return Err(fragment.wrong(format!("Cannot spread fragment \"{name}\" within itself.")));
            }
            if reached.insert(Arc::clone(&name)) {
                open.extend(parts.get(&name).into_iter().flat_map(|part| part.1.iter().cloned()));
            }
        }
    }
    let mut used_fragments = HashSet::new();
    for (operation, (own, spreads)) in operations.iter().zip(&operation_parts) {
        let mut reached = HashSet::new();
        let mut open = spreads.clone();
        let mut uses: Vec<&Use> = own.iter().collect();
        while let Some(name) = open.pop() {
            if reached.insert(Arc::clone(&name))
                && let Some((more, further)) = parts.get(&name)
            {
                uses.extend(more);
                open.extend(further.iter().cloned());
            }
        }
        used_fragments.extend(reached);
        walk.variables(operation, &uses)?;
    }
    if let Some(unused) = fragments.iter().find(|fragment| !used_fragments.contains(&fragment.name())) {
        return Err(unused.wrong(format!("Fragment \"{}\" is never used.", unused.name())));
    }
    let mut pairs = 0;
    for operation in &operations {
        let root = schema.root(&operation.text("Operation"));
        walk.merge(&[(root, operation.list("SelectionSet"))], &mut pairs, 0)?;
    }
    Ok(())
}

impl<'a> Walk<'a> {
    fn operation(&mut self, operation: &Node) -> Checked {
        let kind = operation.text("Operation");
        let Some(root) = self.schema.root(&kind) else {
            return Err(operation.wrong(format!("Schema does not support operation type \"{kind}\"")));
        };
        let selections = operation.list("SelectionSet");
        if &*kind == "subscription" && self.top_fields(selections.clone()).len() > 1 {
            let subject = match &*operation.name() {
                "" => "Anonymous Subscription".to_owned(),
                name => format!("Subscription \"{name}\""),
            };
            return Err(operation.wrong(format!("{subject} must select only one top level field.")));
        }
        let variables = operation.list("VariableDefinitions");
        if let Some(variable) = twice(&variables, |node| node.text("Variable")) {
            return Err(variable.wrong(format!("There can be only one variable named \"${}\".", variable.text("Variable"))));
        }
        for variable in &variables {
            let Some(place) = variable.child("Type") else { continue };
            let Some(definition) = self.schema.types.get(&named(&place)) else {
                return Err(variable.wrong(format!("Unknown type \"{}\".", named(&place))));
            };
            if !definition.is_input() {
                return Err(variable.wrong(format!(
                    "Variable \"${}\" cannot be non-input type \"{}\".",
                    variable.text("Variable"),
                    shown(&place)
                )));
            }
            if let Some(default) = variable.child("DefaultValue") {
                self.value(&default, Some(&place), false)?;
            }
            self.directives(&variable.list("Directives"), "VARIABLE_DEFINITION")?;
        }
        self.directives(&operation.list("Directives"), &kind.to_uppercase())?;
        self.selections(&selections, Some(root))
    }

    /// The aliases of the fields that selections give, fragments looked through once each.
    fn top_fields(&self, selections: Vec<Node>) -> HashSet<Arc<str>> {
        let (mut names, mut seen) = (HashSet::new(), HashSet::new());
        let mut open = selections;
        while let Some(selection) = open.pop() {
            if selection.has("Alias") {
                names.insert(selection.text("Alias"));
            } else if selection.has("TypeCondition") || !selection.has("Name") {
                open.extend(selection.list("SelectionSet"));
            } else if let Some(fragment) = self.fragments.get(&selection.name())
                && seen.insert(selection.name())
            {
                open.extend(fragment.list("SelectionSet"));
            }
        }
        names
    }

    /// The type that a fragment is on.
    fn condition(&self, node: &Node, name: &Arc<str>, fragment: Option<&str>) -> Result<Option<&'a Definition>, Wrong> {
        let Some(definition) = self.schema.types.get(name) else {
            return Err(node.wrong(format!("Unknown type \"{name}\".")));
        };
        if !definition.is_composite() {
            let subject = fragment.map_or_else(|| "Fragment".to_owned(), |fragment| format!("Fragment \"{fragment}\""));
            return Err(node.wrong(format!("{subject} cannot condition on non composite type \"{name}\".")));
        }
        Ok(Some(definition))
    }

    fn selections(&mut self, selections: &[Node], parent: Option<&'a Definition>) -> Checked {
        for selection in selections {
            if selection.has("Alias") {
                self.field(selection, parent)?;
            } else if selection.has("TypeCondition") || !selection.has("Name") {
                let condition = selection.text("TypeCondition");
                let inner = if condition.is_empty() { parent } else { self.condition(selection, &condition, None)? };
                self.directives(&selection.list("Directives"), "INLINE_FRAGMENT")?;
                self.possible(selection, parent, inner, None)?;
                self.selections(&selection.list("SelectionSet"), inner)?;
            } else {
                let name = selection.name();
                self.directives(&selection.list("Directives"), "FRAGMENT_SPREAD")?;
                let Some(fragment) = self.fragments.get(&name) else {
                    return Err(selection.wrong(format!("Unknown fragment \"{name}\".")));
                };
                let inner = self.schema.types.get(&fragment.text("TypeCondition"));
                self.possible(selection, parent, inner, Some(&name))?;
                self.spreads.push(name);
            }
        }
        Ok(())
    }

    /// Whether a fragment can apply where it is spread.
    fn possible(&self, node: &Node, parent: Option<&Definition>, inner: Option<&Definition>, name: Option<&str>) -> Checked {
        let (Some(parent), Some(inner)) = (parent, inner) else { return Ok(()) };
        if !parent.is_composite() || !inner.is_composite() {
            return Ok(());
        }
        if self.schema.possible(&parent.name).is_disjoint(&self.schema.possible(&inner.name)) {
            let subject = name.map_or_else(|| "Fragment".to_owned(), |name| format!("Fragment \"{name}\""));
            return Err(node.wrong(format!(
                "{subject} cannot be spread here as objects of type \"{}\" can never be of type \"{}\".",
                parent.name, inner.name
            )));
        }
        Ok(())
    }

    fn field(&mut self, field: &Node, parent: Option<&'a Definition>) -> Checked {
        let name = field.name();
        self.directives(&field.list("Directives"), "FIELD")?;
        let Some(parent) = parent else { return Ok(()) };
        let selections = field.list("SelectionSet");
        if &*name == "__typename" {
            return Ok(());
        }
        let Some(definition) = parent.field(&name).filter(|_| &*parent.kind != "UNION") else {
            return Err(field.wrong(format!("Cannot query field \"{name}\" on type \"{}\".", parent.name)));
        };
        let declared = definition.list("Arguments");
        let given = field.list("Arguments");
        let subject = format!("field \"{}.{name}\"", parent.name);
        self.arguments(&given, &declared, &subject)?;
        if let Some(missing) = missing(&given, &declared) {
            let kind = missing.child("Type").map(|kind| shown(&kind)).unwrap_or_default();
            return Err(field.wrong(format!(
                "Field \"{name}\" argument \"{}\" of type \"{kind}\" is required, but it was not provided.",
                missing.name()
            )));
        }
        let Some(kind) = definition.child("Type") else { return Ok(()) };
        let Some(result) = self.schema.types.get(&named(&kind)) else { return Ok(()) };
        if result.is_composite() && selections.is_empty() {
            return Err(field.wrong(format!(
                "Field \"{name}\" of type \"{}\" must have a selection of subfields. Did you mean \"{name} {{ ... }}\"?",
                shown(&kind)
            )));
        }
        if !result.is_composite() && !selections.is_empty() {
            return Err(
                field.wrong(format!("Field \"{name}\" must not have a selection since type \"{}\" has no subfields.", shown(&kind)))
            );
        }
        self.selections(&selections, Some(result))
    }

    fn arguments(&mut self, given: &[Node], declared: &[Node], subject: &str) -> Checked {
        if let Some(argument) = twice(given, Node::name) {
            return Err(argument.wrong(format!("There can be only one argument named \"{}\".", argument.name())));
        }
        for argument in given {
            let Some(definition) = declared.iter().find(|definition| definition.name() == argument.name()) else {
                return Err(argument.wrong(format!("Unknown argument \"{}\" on {subject}.", argument.name())));
            };
            let place = definition.child("Type");
            if let Some(value) = argument.child("Value") {
                self.value(&value, place.as_ref(), definition.child("DefaultValue").is_some())?;
            }
        }
        Ok(())
    }

    fn directives(&mut self, directives: &[Node], place: &str) -> Checked {
        let mut seen = HashSet::new();
        for directive in directives {
            let name = directive.name();
            let Some(definition) = self.schema.directives.get(&name) else {
                return Err(directive.wrong(format!("Unknown directive \"@{name}\".")));
            };
            if !definition.words("Locations").iter().any(|location| &**location == place) {
                return Err(directive.wrong(format!("Directive \"@{name}\" may not be used on {place}.")));
            }
            if !seen.insert(Arc::clone(&name)) && !definition.flag("IsRepeatable") {
                return Err(directive.wrong(format!("The directive \"@{name}\" can only be used once at this location.")));
            }
            let declared = definition.list("Arguments");
            let given = directive.list("Arguments");
            self.arguments(&given, &declared, &format!("directive \"@{name}\""))?;
            if let Some(missing) = missing(&given, &declared) {
                let kind = missing.child("Type").map(|kind| shown(&kind)).unwrap_or_default();
                return Err(directive.wrong(format!(
                    "Directive \"@{name}\" argument \"{}\" of type \"{kind}\" is required, but it was not provided.",
                    missing.name()
                )));
            }
        }
        Ok(())
    }

    fn value(&mut self, value: &Node, place: Option<&Node>, has_default: bool) -> Checked {
        let kind = value.value_kind();
        if kind == 0 {
            self.uses.push(Use { node: value.clone(), name: value.text("Raw"), place: place.cloned(), has_default });
            return Ok(());
        }
        let Some(place) = place else { return Ok(()) };
        if kind == 6 {
            return if place.flag("NonNull") {
                Err(value.wrong(format!("Expected value of type \"{}\", found {}.", shown(place), written(value))))
            } else {
                Ok(())
            };
        }
        if let Some(inner) = place.child("Elem") {
            // A single value stands for a list of it.
            if kind != 8 {
                return self.value(value, Some(&inner), false);
            }
            return value
                .list("Children")
                .iter()
                .filter_map(|child| child.child("Value"))
                .try_for_each(|child| self.value(&child, Some(&inner), false));
        }
        let Some(definition) = self.schema.types.get(&named(place)) else { return Ok(()) };
        let unfit = || Err(value.wrong(format!("{} cannot represent value: {}", definition.name, written(value))));
        match (&*definition.kind, kind) {
            ("SCALAR", _) => match (&*definition.name, kind) {
                ("Int", 1) => match value.text("Raw").parse::<i32>() {
                    Ok(_) => Ok(()),
                    Err(_) => unfit(),
                },
                ("Float", 1 | 2) | ("String", 3 | 4) | ("Boolean", 5) | ("ID", 1 | 3 | 4) => Ok(()),
                ("Int" | "Float" | "String" | "Boolean" | "ID", _) => unfit(),
                // Scalars of one's own take any value; variables in it are used all the same.
                _ => value
                    .list("Children")
                    .iter()
                    .filter_map(|child| child.child("Value"))
                    .try_for_each(|child| self.value(&child, None, false)),
            },
            ("ENUM", 7) => {
                if definition.values.iter().any(|known| known.name() == value.text("Raw")) {
                    Ok(())
                } else {
                    Err(value.wrong(format!("Value \"{}\" does not exist in \"{}\" enum.", value.text("Raw"), definition.name)))
                }
            }
            ("ENUM", _) => Err(value.wrong(format!("Enum \"{}\" cannot represent non-enum value: {}.", definition.name, written(value)))),
            ("INPUT_OBJECT", 9) => {
                let fields = value.list("Children");
                if let Some(field) = twice(&fields, Node::name) {
                    return Err(field.wrong(format!("There can be only one input field named \"{}\".", field.name())));
                }
                for wanted in &definition.fields {
                    let given = fields.iter().find(|field| field.name() == wanted.name());
                    let required = wanted.child("Type").is_some_and(|kind| kind.flag("NonNull")) && wanted.child("DefaultValue").is_none();
                    if required && given.is_none() {
                        let kind = wanted.child("Type").map(|kind| shown(&kind)).unwrap_or_default();
                        return Err(value.wrong(format!(
                            "Field \"{}.{}\" of required type \"{kind}\" was not provided.",
                            definition.name,
                            wanted.name()
                        )));
                    }
                }
                for field in &fields {
                    let Some(wanted) = definition.field(&field.name()) else {
                        return Err(field.wrong(format!("Field \"{}\" is not defined by type \"{}\".", field.name(), definition.name)));
                    };
                    let place = wanted.child("Type");
                    if let Some(value) = field.child("Value") {
                        self.value(&value, place.as_ref(), wanted.child("DefaultValue").is_some())?;
                    }
                }
                Ok(())
            }
            _ => Err(value.wrong(format!("Expected value of type \"{}\", found {}.", shown(place), written(value)))),
        }
    }

    /// Whether variables are defined, used, and of the types of their places.
    fn variables(&self, operation: &Node, uses: &[&Use]) -> Checked {
        let variables = operation.list("VariableDefinitions");
        let within = |reason: &str| match &*operation.name() {
            "" => format!("{reason}."),
            name => format!("{reason} by operation \"{name}\"."),
        };
        for used in uses {
            let Some(variable) = variables.iter().find(|variable| variable.text("Variable") == used.name) else {
                return Err(used.node.wrong(within(&format!("Variable \"${}\" is not defined", used.name))));
            };
            let (Some(place), Some(kind)) = (&used.place, variable.child("Type")) else { continue };
            let default = variable.child("DefaultValue").is_some_and(|value| value.value_kind() != 6);
            let fits = if place.flag("NonNull") && !kind.flag("NonNull") {
                (default || used.has_default) && fits(&kind, place, true)
            } else {
                fits(&kind, place, false)
            };
            if !fits {
                return Err(used.node.wrong(format!(
                    "Variable \"${}\" of type \"{}\" used in position expecting type \"{}\".",
                    used.name,
                    shown(&kind),
                    shown(place)
                )));
            }
        }
        match variables.iter().find(|variable| !uses.iter().any(|used| used.name == variable.text("Variable"))) {
            None => Ok(()),
            Some(unused) => {
                let name = unused.text("Variable");
                let reason = match &*operation.name() {
                    "" => format!("Variable \"${name}\" is never used."),
                    operation => format!("Variable \"${name}\" is never used in operation \"{operation}\"."),
                };
                Err(unused.wrong(reason))
            }
        }
    }

    /// All fields of selections with the types they are selected on, fragments looked through once each.
    fn gather(&self, sets: &[(Option<&'a Definition>, Vec<Node>)]) -> Vec<(Option<&'a Definition>, Node)> {
        let (mut out, mut seen) = (Vec::new(), HashSet::new());
        let mut open: Vec<(Option<&'a Definition>, Node)> = sets
            .iter()
            .rev()
            .flat_map(|(parent, selections)| selections.iter().rev().map(|selection| (*parent, selection.clone())))
            .collect();
        while let Some((parent, selection)) = open.pop() {
            if selection.has("Alias") {
                out.push((parent, selection));
                continue;
            }
            let (condition, inner) = if selection.has("TypeCondition") || !selection.has("Name") {
                (selection.text("TypeCondition"), selection.list("SelectionSet"))
            } else {
                let name = selection.name();
                let Some(fragment) = self.fragments.get(&name) else { continue };
                if !seen.insert(name) {
                    continue;
                }
                (fragment.text("TypeCondition"), fragment.list("SelectionSet"))
            };
            let on = if condition.is_empty() { parent } else { self.schema.types.get(&condition) };
            open.extend(inner.into_iter().rev().map(|selection| (on, selection)));
        }
        out
    }

    /// Whether fields with the same alias can be one field of the result.
    fn merge(&self, sets: &[(Option<&'a Definition>, Vec<Node>)], pairs: &mut usize, depth: usize) -> Checked {
        let fields = self.gather(sets);
        if let (true, Some((_, field))) = (depth > DEEPEST, fields.first()) {
            return Err(field.wrong("the query nests too deep".to_owned()));
        }
        let mut by_alias: BTreeMap<Arc<str>, Vec<(Option<&'a Definition>, Node)>> = BTreeMap::new();
        for (parent, field) in fields {
            by_alias.entry(field.text("Alias")).or_default().push((parent, field));
        }
        for (alias, group) in by_alias {
            for (at, (parent, field)) in group.iter().enumerate() {
                for (other_parent, other) in group.iter().skip(at + 1) {
                    *pairs += 1;
                    if *pairs > MOST_PAIRS {
                        return Err(field.wrong("the query has too many fields of the same name".to_owned()));
                    }
                    let apart = match (parent, other_parent) {
                        (Some(a), Some(b)) => a.name != b.name && &*a.kind == "OBJECT" && &*b.kind == "OBJECT",
                        _ => false,
                    };
                    let conflict = |reason: String| {
                        Err(field.wrong(format!(
                            "Fields \"{alias}\" conflict because {reason}. Use different aliases on the fields to fetch both if this was intentional."
                        )))
                    };
                    if !apart {
                        if field.name() != other.name() {
                            return conflict(format!("\"{}\" and \"{}\" are different fields", field.name(), other.name()));
                        }
                        if !same_arguments(field, other) {
                            return conflict("they have differing arguments".to_owned());
                        }
                    }
                    if let (Some(a), Some(b)) = (self.type_of(*parent, field), self.type_of(*other_parent, other))
                        && !self.same_shape(&a, &b)
                    {
                        return conflict(format!("they return conflicting types \"{}\" and \"{}\"", shown(&a), shown(&b)));
                    }
                }
            }
            let inner: Vec<_> = group
                .iter()
                .map(|(parent, field)| {
                    (self.type_of(*parent, field).and_then(|kind| self.schema.types.get(&named(&kind))), field.list("SelectionSet"))
                })
                .filter(|(_, selections)| !selections.is_empty())
                .collect();
            if !inner.is_empty() {
                self.merge(&inner, pairs, depth + 1)?;
            }
        }
        Ok(())
    }

    fn type_of(&self, parent: Option<&Definition>, field: &Node) -> Option<Node> {
        parent?.field(&field.name())?.child("Type")
    }

    fn same_shape(&self, a: &Node, b: &Node) -> bool {
        if a.flag("NonNull") != b.flag("NonNull") {
            return false;
        }
        match (a.child("Elem"), b.child("Elem")) {
            (Some(a), Some(b)) => self.same_shape(&a, &b),
            (None, None) => {
                let leaf = |node: &Node| self.schema.types.get(&named(node)).is_some_and(|definition| !definition.is_composite());
                named(a) == named(b) || (!leaf(a) && !leaf(b))
            }
            _ => false,
        }
    }
}

/// An argument that has to be given and is not.
fn missing(given: &[Node], declared: &[Node]) -> Option<Node> {
    declared
        .iter()
        .find(|definition| {
            let required = definition.child("Type").is_some_and(|kind| kind.flag("NonNull")) && definition.child("DefaultValue").is_none();
            required && !given.iter().any(|argument| argument.name() == definition.name())
        })
        .cloned()
}

/// Whether a variable of a type may stand where another type is asked for.
fn fits(kind: &Node, place: &Node, null_allowed: bool) -> bool {
    if place.flag("NonNull") && !kind.flag("NonNull") && !null_allowed {
        return false;
    }
    match (kind.child("Elem"), place.child("Elem")) {
        (Some(kind), Some(place)) => fits(&kind, &place, false),
        (None, None) => kind.text("NamedType") == place.text("NamedType"),
        _ => false,
    }
}

fn same_arguments(a: &Node, b: &Node) -> bool {
    let written_all = |node: &Node| {
        let mut all: Vec<_> =
            node.list("Arguments").iter().map(|argument| (argument.name(), argument.child("Value").map(|value| written(&value)))).collect();
        all.sort();
        all
    };
    written_all(a) == written_all(b)
}

/// A value as it is written.
fn written(value: &Node) -> String {
    let raw = value.text("Raw");
    match value.value_kind() {
        0 => format!("${raw}"),
        3 | 4 => crate::term::quote(&raw),
        8 => {
            let items: Vec<String> =
                value.list("Children").iter().filter_map(|child| child.child("Value")).map(|child| written(&child)).collect();
            format!("[{}]", items.join(","))
        }
        9 => {
            let fields: Vec<String> = value
                .list("Children")
                .iter()
                .filter_map(|child| child.child("Value").map(|value| format!("{}:{}", child.name(), written(&value))))
                .collect();
            format!("{{{}}}", fields.join(","))
        }
        _ => raw.to_string(),
    }
}
