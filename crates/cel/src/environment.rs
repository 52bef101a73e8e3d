//! What an expression may use: variables, types, functions and macros; and how it is compiled.

use std::collections::HashMap;
use std::fmt;
use std::sync::{Arc, LazyLock};

use probity_value::Span;

use crate::library::{CostOf, Implementation, Macro};
use crate::wellknown::WELL_KNOWN;
use crate::{CelError, Library, Program, Signature, Type, Value, libraries, macros, standard};

/// Knows the types of objects: which fields they have, and how they are made.
pub trait TypeProvider: Send + Sync + fmt::Debug {
    /// Whether there is a type of this name that may be written in an expression.
    fn known(&self, type_name: &str) -> bool;

    /// The type of a field.
    fn field(&self, type_name: &str, field: &str) -> Option<Type>;

    /// Makes an object of a type; the fields have been checked to exist where the expression was checked.
    ///
    /// # Errors
    /// Why it cannot be made.
    fn construct(&self, type_name: &Arc<str>, fields: Vec<(Arc<str>, Value)>) -> Result<Value, CelError> {
        Ok(Value::Object(Arc::new(crate::Object { type_name: Arc::clone(type_name), fields })))
    }

    /// The type and value of a name: a constant of an enumeration.
    fn constant(&self, name: &str) -> Option<(Type, Value)> {
        let _ = name;
        None
    }
}

/// Something wrong with an expression.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Problem {
    /// The place in the file: that of the very part where the text stands in the file as it is, else that of the whole text.
    pub span: Span,
    /// Bytes of the expression.
    pub at: (u32, u32),
    /// Line within the expression, from 1.
    pub line: u32,
    /// Column within the line, from 1, in characters.
    pub column: u32,
    /// What kind.
    pub kind: ProblemKind,
    /// What is wrong.
    pub message: String,
}

/// Kinds of problems.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum ProblemKind {
    /// The text cannot be read.
    Syntax,
    /// The types do not fit.
    Check,
    /// It can be evaluated, but perhaps not as its author thinks.
    Warning,
}

impl fmt::Display for Problem {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.message)
    }
}

/// One overload, with its signature read.
#[derive(Clone, Debug)]
pub(crate) struct OverloadDeclaration {
    pub(crate) id: Arc<str>,
    pub(crate) signature: Signature,
    pub(crate) call: Option<Implementation>,
    pub(crate) cost: Option<CostOf>,
    pub(crate) unguarded: bool,
}

/// A function with all its overloads.
#[derive(Clone, Debug, Default)]
pub(crate) struct FunctionDeclaration {
    pub(crate) overloads: Vec<OverloadDeclaration>,
}

/// What an expression may use. Cheap to clone; made once and shared.
#[derive(Clone, Debug, Default)]
pub struct Environment {
    pub(crate) functions: Arc<HashMap<Arc<str>, Arc<FunctionDeclaration>>>,
    pub(crate) macros: Arc<Vec<Macro>>,
    pub(crate) constants: Arc<HashMap<Arc<str>, (Type, Value)>>,
    pub(crate) variables: Arc<Vec<(Arc<str>, Type)>>,
    pub(crate) slots: Arc<HashMap<Arc<str>, usize>>,
    pub(crate) providers: Vec<Arc<dyn TypeProvider>>,
    pub(crate) container: Arc<str>,
    pub(crate) homogeneous: bool,
    pub(crate) optional_syntax: bool,
    pub(crate) maximum: usize,
}

impl Environment {
    /// The language itself, without optional values and extensions.
    #[must_use]
    pub fn standard() -> Environment {
        static MADE: LazyLock<Environment> = LazyLock::new(|| {
            let empty = Environment { maximum: 100_000, providers: vec![Arc::clone(&WELL_KNOWN)], ..Environment::default() };
            let mut made = empty.library(&standard::LIBRARY);
            Arc::make_mut(&mut made.macros).extend_from_slice(macros::STANDARD);
            made
        });
        MADE.clone()
    }

    /// With optional values: `a.?b`, `a[?b]`, `optional.of(a)`, `optMap`.
    #[must_use]
    pub fn optionals(mut self) -> Environment {
        self.optional_syntax = true;
        Arc::make_mut(&mut self.macros).extend_from_slice(macros::OPTIONALS);
        self.library(&standard::OPTIONALS)
    }

    /// The environment of the newest API server (`k8s.io/apiserver/pkg/cel/environment`).
    #[must_use]
    pub fn kubernetes() -> Environment {
        static MADE: LazyLock<Environment> = LazyLock::new(|| {
            let base = Environment::standard().optionals().library(&macros::TWO_VARIABLES);
            let mut made = libraries::KUBERNETES.iter().fold(base, |made, library| made.library(library));
            made.homogeneous = true;
            made
        });
        MADE.clone()
    }

    /// The environment of Kyverno's CEL policies: Kubernetes' functions and Kyverno's own.
    #[must_use]
    pub fn kyverno() -> Environment {
        static MADE: LazyLock<Environment> = LazyLock::new(|| {
            let base = Environment::standard().optionals().library(&macros::TWO_VARIABLES).library(&macros::BINDINGS);
            let mut made = libraries::KYVERNO.iter().fold(base, |made, library| made.library(library));
            made.homogeneous = true;
            made
        });
        MADE.clone()
    }

    /// With a library. Overloads that are there already (by id) stay as they are.
    #[must_use]
    pub fn library(mut self, library: &'static Library) -> Environment {
        let functions = Arc::make_mut(&mut self.functions);
        for function in library.functions {
            let declaration = Arc::make_mut(functions.entry(function.name.into()).or_default());
            for overload in function.overloads {
                if declaration.overloads.iter().any(|known| *known.id == *overload.id) {
                    continue;
                }
                let signature = Signature::parse(function.name, overload.signature);
                debug_assert!(signature.is_ok(), "{signature:?}");
                let Ok(signature) = signature else { continue };
                declaration.overloads.push(OverloadDeclaration {
                    id: overload.id.into(),
                    signature,
                    call: Some(overload.call),
                    cost: overload.cost,
                    unguarded: overload.unguarded,
                });
            }
        }
        if !library.macros.is_empty() {
            Arc::make_mut(&mut self.macros).extend_from_slice(library.macros);
        }
        let constants = Arc::make_mut(&mut self.constants);
        for name in library.types {
            let named = Type::parse(name).unwrap_or_else(|_| Type::opaque(*name));
            constants.insert((*name).into(), (Type::type_of(named.clone()), Value::Type(Arc::new(named))));
        }
        for constant in library.constants {
            let type_of = Type::parse(constant.type_name).unwrap_or(Type::Dyn);
            constants.insert(constant.name.into(), (type_of, (constant.value)()));
        }
        self
    }

    /// With a variable. The name may have dots: `variables.replicas` is found before a field of `variables`. A variable that is there
    /// already gets the new type.
    #[must_use]
    pub fn variable(mut self, name: impl Into<Arc<str>>, type_of: Type) -> Environment {
        let name = name.into();
        let variables = Arc::make_mut(&mut self.variables);
        let slots = Arc::make_mut(&mut self.slots);
        match slots.get(&name).and_then(|slot| variables.get_mut(*slot)) {
            Some(known) => known.1 = type_of,
            None => {
                slots.insert(Arc::clone(&name), variables.len());
                variables.push((name, type_of));
            }
        }
        self
    }

    /// With a name that has one fixed value.
    #[must_use]
    pub fn constant(mut self, name: impl Into<Arc<str>>, type_of: Type, value: Value) -> Environment {
        Arc::make_mut(&mut self.constants).insert(name.into(), (type_of, value));
        self
    }

    /// With a function that is declared, but that nobody computes: for checking alone.
    ///
    /// # Errors
    /// The signature cannot be read.
    pub fn declare(mut self, name: &str, id: &str, signature: &str) -> Result<Environment, String> {
        let signature = Signature::parse(name, signature)?;
        let declaration = Arc::make_mut(Arc::make_mut(&mut self.functions).entry(name.into()).or_default());
        declaration.overloads.push(OverloadDeclaration { id: id.into(), signature, call: None, cost: None, unguarded: false });
        Ok(self)
    }

    /// With types of objects; later ones are asked first.
    #[must_use]
    pub fn types(mut self, provider: Arc<dyn TypeProvider>) -> Environment {
        self.providers.insert(0, provider);
        self
    }

    /// With a container: names are looked up in it first, and then in those around it.
    #[must_use]
    pub fn container(mut self, name: impl Into<Arc<str>>) -> Environment {
        self.container = name.into();
        self
    }

    /// Without any macros.
    #[must_use]
    pub fn without_macros(mut self) -> Environment {
        self.macros = Arc::default();
        self
    }

    /// Whether the items of list and map literals have to be of one type (Kubernetes asks for it).
    #[must_use]
    pub fn homogeneous_literals(mut self, yes: bool) -> Environment {
        self.homogeneous = yes;
        self
    }

    /// The number of a variable, under which an [`Activation`](crate::Activation) is asked for it: the order in which they were declared.
    #[must_use]
    pub fn slot(&self, name: &str) -> Option<usize> {
        self.slots.get(name).copied()
    }

    /// Names of all functions, for messages and documentation.
    pub fn functions(&self) -> impl Iterator<Item = &Arc<str>> {
        self.functions.keys()
    }

    /// Compiles and checks an expression. `span` is where the text stands in its file.
    ///
    /// # Errors
    /// All that is wrong with it.
    pub fn compile(&self, text: &str, span: Span) -> Result<Program, Vec<Problem>> {
        Program::compile(self, text, span, true)
    }

    /// Compiles an expression without checking its types: what does not fit is an error when it is evaluated.
    ///
    /// # Errors
    /// The text cannot be read.
    pub fn compile_unchecked(&self, text: &str, span: Span) -> Result<Program, Vec<Problem>> {
        Program::compile(self, text, span, false)
    }

    /// The type of a field of an object type.
    pub(crate) fn field_type(&self, type_name: &str, field: &str) -> Option<Type> {
        self.providers.iter().find_map(|provider| provider.field(type_name, field))
    }

    /// Who knows a type.
    pub(crate) fn provider(&self, type_name: &str) -> Option<&Arc<dyn TypeProvider>> {
        self.providers.iter().find(|provider| provider.known(type_name))
    }

    /// A constant by its whole name.
    pub(crate) fn constant_named(&self, name: &str) -> Option<(Type, Value)> {
        if let Some(found) = self.constants.get(name) {
            return Some(found.clone());
        }
        if let Some(found) = self.providers.iter().find_map(|provider| provider.constant(name)) {
            return Some(found);
        }
        self.provider(name).map(|_| {
            let named = Type::object(name);
            (Type::type_of(named.clone()), Value::Type(Arc::new(named)))
        })
    }

    /// The names a name may stand for, in the order they are tried: in the container, in those around it, at the root.
    pub(crate) fn candidates(&self, name: &str) -> Vec<String> {
        if let Some(absolute) = name.strip_prefix('.') {
            return vec![absolute.to_owned()];
        }
        let mut found = Vec::new();
        let mut container: &str = &self.container;
        while !container.is_empty() {
            found.push(format!("{container}.{name}"));
            container = container.rsplit_once('.').map_or("", |(outer, _)| outer);
        }
        found.push(name.to_owned());
        found
    }
}
