//! Schemas with the types that every schema has, checked.

use std::collections::{BTreeMap, HashSet};
use std::sync::{Arc, OnceLock};

use super::node::{Node, is_compatible, named, shown};
use super::parse::{self, Wrong};
use crate::term::{Term, quote};

/// What every schema has.
const PRELUDE: &str = r#"
scalar Int scalar Float scalar String scalar Boolean scalar ID
directive @include(if: Boolean!) on FIELD | FRAGMENT_SPREAD | INLINE_FRAGMENT
directive @skip(if: Boolean!) on FIELD | FRAGMENT_SPREAD | INLINE_FRAGMENT
directive @deprecated(reason: String = "No longer supported") on FIELD_DEFINITION | ARGUMENT_DEFINITION | INPUT_FIELD_DEFINITION | ENUM_VALUE
directive @specifiedBy(url: String!) on SCALAR
type __Schema { description: String types: [__Type!]! queryType: __Type! mutationType: __Type subscriptionType: __Type directives: [__Directive!]! }
type __Type { kind: __TypeKind! name: String description: String fields(includeDeprecated: Boolean = false): [__Field!] interfaces: [__Type!]
  possibleTypes: [__Type!] enumValues(includeDeprecated: Boolean = false): [__EnumValue!] inputFields: [__InputValue!] ofType: __Type specifiedByURL: String }
type __Field { name: String! description: String args: [__InputValue!]! type: __Type! isDeprecated: Boolean! deprecationReason: String }
type __InputValue { name: String! description: String type: __Type! defaultValue: String }
type __EnumValue { name: String! description: String isDeprecated: Boolean! deprecationReason: String }
enum __TypeKind { SCALAR OBJECT INTERFACE UNION ENUM INPUT_OBJECT LIST NON_NULL }
type __Directive { name: String! description: String locations: [__DirectiveLocation!]! args: [__InputValue!]! isRepeatable: Boolean! }
enum __DirectiveLocation { QUERY MUTATION SUBSCRIPTION FIELD FRAGMENT_DEFINITION FRAGMENT_SPREAD INLINE_FRAGMENT VARIABLE_DEFINITION SCHEMA SCALAR
  OBJECT FIELD_DEFINITION ARGUMENT_DEFINITION INTERFACE UNION ENUM ENUM_VALUE INPUT_OBJECT INPUT_FIELD_DEFINITION }
"#;

fn prelude() -> &'static Term {
    static TREE: OnceLock<Term> = OnceLock::new();
    TREE.get_or_init(|| parse::schema(PRELUDE).unwrap_or(Term::Null))
}

/// One type, with its extensions.
#[derive(Clone, Debug)]
pub(super) struct Definition {
    pub(super) kind: Arc<str>,
    pub(super) name: Arc<str>,
    pub(super) fields: Vec<Node>,
    interfaces: Vec<Arc<str>>,
    types: Vec<Arc<str>>,
    pub(super) values: Vec<Node>,
    directives: Vec<Node>,
    built_in: bool,
    node: Node,
}

impl Definition {
    pub(super) fn field(&self, name: &str) -> Option<&Node> {
        self.fields.iter().find(|field| &*field.name() == name)
    }

    /// Whether its values have fields to select.
    pub(super) fn is_composite(&self) -> bool {
        matches!(&*self.kind, "OBJECT" | "INTERFACE" | "UNION")
    }

    pub(super) fn is_input(&self) -> bool {
        matches!(&*self.kind, "SCALAR" | "ENUM" | "INPUT_OBJECT")
    }
}

/// A schema.
#[derive(Debug, Default)]
pub(super) struct Schema {
    pub(super) types: BTreeMap<Arc<str>, Definition>,
    pub(super) directives: BTreeMap<Arc<str>, Node>,
    /// The objects that values of a type may be.
    possible: BTreeMap<Arc<str>, HashSet<Arc<str>>>,
    roots: BTreeMap<Arc<str>, Arc<str>>,
}

fn check_name(node: &Node, name: &str) -> Result<(), Wrong> {
    if name.starts_with("__") {
        return Err(node.wrong(format!("Name \"{name}\" must not begin with \"__\", which is reserved by GraphQL introspection.")));
    }
    Ok(())
}

impl Schema {
    /// The schema of a document.
    pub(super) fn load(document: &Term) -> Result<Schema, Wrong> {
        let mut schema = Schema::default();
        let documents = [(Node(prelude().clone()), true), (Node(document.clone()), false)];
        for (document, built_in) in &documents {
            for node in document.list("Definitions") {
                let name = node.name();
                if schema.types.contains_key(&name) {
                    return Err(node.wrong(format!("Cannot redeclare type {name}.")));
                }
                let definition = Definition {
                    kind: node.text("Kind"),
                    name: Arc::clone(&name),
                    fields: node.list("Fields"),
                    interfaces: node.words("Interfaces"),
                    types: node.words("Types"),
                    values: node.list("EnumValues"),
                    directives: node.list("Directives"),
                    built_in: *built_in || node.flag("BuiltIn"),
                    node,
                };
                schema.types.insert(name, definition);
            }
        }
        let document = &documents[1].0;
        for extension in document.list("Extensions") {
            let name = extension.name();
            let base = schema.types.entry(Arc::clone(&name)).or_insert_with(|| Definition {
                kind: extension.text("Kind"),
                name: Arc::clone(&name),
                fields: Vec::new(),
                interfaces: Vec::new(),
                types: Vec::new(),
                values: Vec::new(),
                directives: Vec::new(),
                built_in: false,
                node: extension.clone(),
            });
            if base.kind != extension.text("Kind") {
                let reason = format!("Cannot extend type {name} because the base type is a {}, not {}.", base.kind, extension.text("Kind"));
                return Err(extension.wrong(reason));
            }
            base.fields.extend(extension.list("Fields"));
            base.interfaces.extend(extension.words("Interfaces"));
            base.types.extend(extension.words("Types"));
            base.values.extend(extension.list("EnumValues"));
            base.directives.extend(extension.list("Directives"));
        }
        schema.find_possible();
        for (document, _) in &documents {
            for directive in document.list("Directives") {
                let name = directive.name();
                if schema.directives.contains_key(&name) {
                    if !matches!(&*name, "include" | "skip" | "deprecated" | "specifiedBy") {
                        return Err(directive.wrong(format!("Cannot redeclare directive {name}.")));
                    }
                    continue;
                }
                schema.directives.insert(name, directive);
            }
        }
        let entries = document.list("Schema");
        if let Some(second) = entries.get(1) {
            return Err(second.wrong("Cannot have multiple schema entry points, consider schema extensions instead.".to_owned()));
        }
        for entry in entries.iter().chain(&document.list("SchemaExtension")) {
            for operation in entry.list("OperationTypes") {
                let (name, kind) = (operation.text("Operation"), operation.text("Type"));
                if !schema.types.contains_key(&kind) {
                    return Err(operation.wrong(format!("Schema root {name} refers to a type {kind} that does not exist.")));
                }
                schema.roots.insert(name, kind);
            }
        }
        schema.types.values().try_for_each(|definition| schema.check_definition(definition))?;
        for directive in schema.directives.values() {
            check_name(directive, &directive.name())?;
            schema.check_arguments(&directive.list("Arguments"), Some(&directive.name()))?;
        }
        if entries.is_empty() {
            for (operation, kind) in [("query", "Query"), ("mutation", "Mutation"), ("subscription", "Subscription")] {
                if schema.types.contains_key(kind) {
                    schema.roots.entry(Arc::from(operation)).or_insert_with(|| Arc::from(kind));
                }
            }
        }
        if let Some(query) = schema.roots.get("query").cloned().and_then(|name| schema.types.get_mut(&name)) {
            let fields = parse::schema("type X { a: __Schema! b(name: String!): __Type }").map_err(|wrong| Wrong { ..wrong })?;
            let fields = Node(fields).list("Definitions").first().map(|node| node.list("Fields")).unwrap_or_default();
            for (field, name) in fields.into_iter().zip(["__schema", "__type"]) {
                if let Some(object) = field.0.as_object() {
                    let mut object = crate::term::Object::from_entries(object.iter().collect());
                    object.insert(Term::from("Name"), Term::from(name));
                    query.fields.push(Node(Term::Object(object.into())));
                }
            }
        }
        Ok(schema)
    }

    fn find_possible(&mut self) {
        let mut possible: BTreeMap<Arc<str>, HashSet<Arc<str>>> = BTreeMap::new();
        for definition in self.types.values() {
            let own = Arc::clone(&definition.name);
            match &*definition.kind {
                "UNION" => possible.entry(own).or_default().extend(definition.types.iter().cloned()),
                "OBJECT" | "INPUT_OBJECT" | "INTERFACE" => {
                    for interface in &definition.interfaces {
                        possible.entry(Arc::clone(interface)).or_default().insert(Arc::clone(&own));
                    }
                    if &*definition.kind != "INTERFACE" {
                        possible.entry(Arc::clone(&own)).or_default().insert(own);
                    }
                }
                _ => {}
            }
        }
        self.possible = possible;
    }

    /// The type of an operation.
    pub(super) fn root(&self, operation: &str) -> Option<&Definition> {
        self.types.get(self.roots.get(operation)?)
    }

    /// The objects that values of a type may be.
    pub(super) fn possible(&self, name: &str) -> HashSet<Arc<str>> {
        self.possible.get(name).cloned().unwrap_or_default()
    }

    fn check_definition(&self, definition: &Definition) -> Result<(), Wrong> {
        let (kind, name, node) = (&definition.kind, &definition.name, &definition.node);
        let place = if &**kind == "INPUT_OBJECT" { "INPUT_FIELD_DEFINITION" } else { "FIELD_DEFINITION" };
        for field in &definition.fields {
            check_name(field, &field.name())?;
            self.check_type(field)?;
            self.check_arguments(&field.list("Arguments"), None)?;
            self.check_directives(&field.list("Directives"), place, None)?;
        }
        for member in &definition.types {
            let Some(found) = self.types.get(member) else { return Err(node.wrong(format!("Undefined type {}.", quote(member)))) };
            if &*found.kind != "OBJECT" {
                return Err(node.wrong(format!("{kind} type {} must be OBJECT.", quote(member))));
            }
        }
        definition.interfaces.iter().try_for_each(|interface| self.check_interface(definition, interface))?;
        let allowed = |kinds: &[&str]| {
            definition.fields.iter().find(|field| {
                let found = field.child("Type").map(|kind| named(&kind)).and_then(|name| self.types.get(&name));
                found.is_some_and(|found| !kinds.contains(&&*found.kind))
            })
        };
        match &**kind {
            "OBJECT" | "INTERFACE" => {
                if definition.fields.is_empty() {
                    return Err(node.wrong(format!("{kind} {name}: must define one or more fields.")));
                }
                if let Some(field) = allowed(&["SCALAR", "OBJECT", "INTERFACE", "UNION", "ENUM"]) {
                    return Err(field.wrong(format!("{kind} {name}: field must be one of SCALAR, OBJECT, INTERFACE, UNION, ENUM.")));
                }
            }
            "ENUM" => {
                if definition.values.is_empty() {
                    return Err(node.wrong(format!("{kind} {name}: must define one or more unique enum values.")));
                }
                if let Some(value) = definition.values.iter().find(|value| matches!(&*value.name(), "true" | "false" | "null")) {
                    return Err(node.wrong(format!("{kind} {name}: non-enum value {}.", value.name())));
                }
            }
            "INPUT_OBJECT" => {
                if definition.fields.is_empty() {
                    return Err(node.wrong(format!("{kind} {name}: must define one or more input fields.")));
                }
                if let Some(field) = allowed(&["SCALAR", "ENUM", "INPUT_OBJECT"]) {
                    return Err(field.wrong(format!("{} field must be one of SCALAR, ENUM, INPUT_OBJECT.", field.name())));
                }
            }
            _ => {}
        }
        let mut seen = HashSet::new();
        if let Some(twice) = definition.fields.iter().find(|field| !seen.insert(field.name())) {
            return Err(twice.wrong(format!("Field {name}.{} can only be defined once.", twice.name())));
        }
        if !definition.built_in {
            check_name(node, name)?;
        }
        self.check_directives(&definition.directives, kind, None)
    }

    fn check_type(&self, holder: &Node) -> Result<(), Wrong> {
        let kind = holder.child("Type").ok_or_else(|| holder.wrong("Undefined type .".to_owned()))?;
        let name = named(&kind);
        if self.types.contains_key(&name) { Ok(()) } else { Err(kind.wrong(format!("Undefined type {name}."))) }
    }

    fn check_arguments(&self, arguments: &[Node], directive: Option<&str>) -> Result<(), Wrong> {
        for argument in arguments {
            check_name(argument, &argument.name())?;
            self.check_type(argument)?;
            let Some(kind) = argument.child("Type") else { continue };
            if let Some(found) = self.types.get(&named(&kind))
                && !found.is_input()
            {
                let reason =
                    format!("cannot use {} as argument {} because {} is not a valid input type", shown(&kind), argument.name(), found.kind);
                return Err(argument.wrong(reason));
            }
            self.check_directives(&argument.list("Directives"), "ARGUMENT_DEFINITION", directive)?;
        }
        Ok(())
    }

    fn check_directives(&self, directives: &[Node], place: &str, within: Option<&str>) -> Result<(), Wrong> {
        for directive in directives {
            let name = directive.name();
            check_name(directive, &name)?;
            if within == Some(&*name) {
                return Err(directive.wrong(format!("Directive {name} cannot refer to itself.")));
            }
            let Some(found) = self.directives.get(&name) else { return Err(directive.wrong(format!("Undefined directive {name}."))) };
            if !found.words("Locations").iter().any(|location| &**location == place) {
                return Err(directive.wrong(format!("Directive {name} is not applicable on {place}.")));
            }
        }
        Ok(())
    }

    fn check_interface(&self, definition: &Definition, interface: &str) -> Result<(), Wrong> {
        let (name, node) = (&definition.name, &definition.node);
        let Some(found) = self.types.get(interface) else { return Err(node.wrong(format!("Undefined type {}.", quote(interface)))) };
        if &*found.kind != "INTERFACE" {
            return Err(node.wrong(format!("{} is a non interface type {}.", quote(interface), found.kind)));
        }
        for wanted in &found.fields {
            let field_name = wanted.name();
            let Some(field) = definition.field(&field_name) else {
                return Err(node.wrong(format!("For {name} to implement {interface} it must have a field called {field_name}.")));
            };
            if let (Some(wanted_kind), Some(kind)) = (wanted.child("Type"), field.child("Type"))
                && !self.is_covariant(&wanted_kind, &kind)
            {
                let reason = format!("For {name} to implement {interface} the field {field_name} must have type {}.", shown(&wanted_kind));
                return Err(field.wrong(reason));
            }
            let given = field.list("Arguments");
            for argument in wanted.list("Arguments") {
                let same = given.iter().find(|other| other.name() == argument.name());
                let fits = match (same, argument.child("Type")) {
                    (Some(same), Some(kind)) => same.child("Type").is_some_and(|other| is_compatible(&kind, &other)),
                    _ => false,
                };
                if !fits {
                    let problem = if same.is_some() {
                        format!("{} has the wrong type", argument.name())
                    } else {
                        format!("it is missing {}", argument.name())
                    };
                    return Err(field.wrong(format!(
                        "For {name} to implement {interface} the field {field_name} must have the same arguments but {problem}."
                    )));
                }
            }
            let expected = wanted.list("Arguments");
            let extra = given.iter().find(|argument| {
                let required = argument.child("Type").is_some_and(|kind| kind.flag("NonNull")) && argument.child("DefaultValue").is_none();
                required && !expected.iter().any(|other| other.name() == argument.name())
            });
            if let Some(extra) = extra {
                return Err(extra.wrong(format!(
                    "For {name} to implement {interface} any additional arguments on {field_name} must be optional or have a default value but {} is required.",
                    extra.name()
                )));
            }
        }
        match found.interfaces.iter().find(|further| !definition.interfaces.contains(further)) {
            None => Ok(()),
            Some(further) if further == name => {
                Err(node.wrong(format!("Type {name} cannot implement {interface} because it would create a circular reference.")))
            }
            Some(further) => Err(node.wrong(format!("Type {name} must implement {further} because it is implemented by {interface}."))),
        }
    }

    fn is_covariant(&self, wanted: &Node, given: &Node) -> bool {
        if wanted.flag("NonNull") && !given.flag("NonNull") {
            return false;
        }
        match (wanted.child("Elem"), given.child("Elem")) {
            (Some(wanted), Some(given)) => self.is_covariant(&wanted, &given),
            (Some(_), None) => false,
            (None, _) => {
                let (wanted, given) = (wanted.text("NamedType"), given.text("NamedType"));
                wanted == given || self.possible.get(&wanted).is_some_and(|possible| possible.contains(&given))
            }
        }
    }
}
