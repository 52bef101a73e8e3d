//! What the names of one Bicep file mean, for one set of values of its parameters.

use std::cell::RefCell;
use std::collections::{BTreeMap, HashMap};
use std::rc::Rc;
use std::sync::Arc;

use base64::Engine as _;
use probity_core::{Diagnostic, Level, Tree};
use probity_value::{FileId, Map, SourceMap, Span, StepKind, UnknownKind, Value, json, yaml};

use super::parse::{Block, Document, Import, Module, Resource};
use crate::azure::eval::{Behind, Budget, carry, referring, step, unknown_set};
use crate::azure::expr::{Expr, ExprKind, Key};
use crate::azure::{Evaluation, Frame, Index, Locals, Scope, canonical, index};

/// How deep modules may be nested in each other.
const MAX_MODULES: usize = 24;
/// Most rounds of a loop over resources or modules; Azure allows 800.
const MAX_ROUNDS: usize = 1_000;
/// Largest file that `loadTextContent` and its kind read.
const MAX_LOADED: usize = 1 << 20;

/// A file after it was parsed.
pub(super) struct Parsed {
    pub(super) path: Arc<str>,
    pub(super) file: FileId,
    pub(super) document: Document,
}

/// All files.
pub(super) struct Program<'t> {
    pub(super) files: BTreeMap<Arc<str>, Parsed>,
    pub(super) tree: &'t dyn Tree,
    pub(super) sources: &'t SourceMap,
    pub(super) max_steps: u64,
}

/// What all modules of one root share.
pub(super) struct Shared {
    pub(super) budget: Budget,
    pub(super) index: RefCell<Index>,
    /// What there is to say, once for each place.
    pub(super) said: RefCell<BTreeMap<(Span, &'static str), Diagnostic>>,
}

impl Shared {
    pub(super) fn say(&self, level: Level, code: &'static str, file: &Arc<str>, span: Span, message: impl Into<String>) {
        let diagnostic = Diagnostic::new(level, code, Arc::clone(file), span, message);
        self.said.borrow_mut().entry((span, code)).or_insert(diagnostic);
    }
}

/// The value a parameter is given from outside.
pub(super) enum Given<'p> {
    Expr { expr: &'p Expr, key: Span, scope: Rc<ModuleScope<'p>>, locals: Locals, kind: StepKind },
    Value { value: Value, key: Span },
}

enum Memo {
    Working,
    Done(Value),
}

type Child<'p> = Option<Rc<ModuleScope<'p>>>;
/// Modules by symbol and round.
type Children<'p> = HashMap<(Arc<str>, Option<usize>), Child<'p>>;

/// One file with values for its parameters.
pub(super) struct ModuleScope<'p> {
    pub(super) program: &'p Program<'p>,
    pub(super) parsed: &'p Parsed,
    pub(super) shared: Rc<Shared>,
    /// What stands before the ids of its resources: empty, or `module.`.
    pub(super) prefix: String,
    given: HashMap<Arc<str>, Given<'p>>,
    /// The files on the way here.
    above: Vec<Arc<str>>,
    memo: RefCell<HashMap<(u8, Arc<str>), Memo>>,
    children: RefCell<Children<'p>>,
    /// Files that names are taken from.
    imports: RefCell<HashMap<Arc<str>, Child<'p>>>,
}

/// The value of a property of a block.
pub(super) fn property<'e>(body: &'e Expr, key: &str) -> Option<&'e Expr> {
    let ExprKind::Object(properties) = &body.kind else { return None };
    properties.iter().find(|property| matches!(&property.key, Key::Name(name) if **name == *key)).map(|property| &property.value)
}

/// The path of a file named in another, relative to the top; `None` where it leads out.
pub(super) fn resolve(from: &str, path: &str) -> Option<String> {
    if path.starts_with('/') {
        return None;
    }
    let mut parts: Vec<&str> = from.split('/').collect();
    parts.pop();
    for part in path.split('/') {
        match part {
            "" | "." => {}
            ".." => {
                parts.pop()?;
            }
            part => parts.push(part),
        }
    }
    Some(parts.join("/"))
}

/// The type of a resource and its version.
pub(super) fn split_type(target: &str) -> (&str, Option<&str>) {
    target.split_once('@').map_or((target, None), |(name, version)| (name, Some(version)))
}

impl<'p> ModuleScope<'p> {
    pub(super) fn new(
        program: &'p Program<'p>,
        parsed: &'p Parsed,
        shared: &Rc<Shared>,
        prefix: String,
        given: HashMap<Arc<str>, Given<'p>>,
        above: Vec<Arc<str>>,
    ) -> Rc<ModuleScope<'p>> {
        Rc::new(ModuleScope {
            program,
            parsed,
            shared: Rc::clone(shared),
            prefix,
            given,
            above,
            memo: RefCell::default(),
            children: RefCell::default(),
            imports: RefCell::default(),
        })
    }

    pub(super) fn evaluation(&self) -> Evaluation<'_> {
        Evaluation { scope: self, budget: &self.shared.budget }
    }

    /// Forgets what was worked out before all resources were known.
    pub(super) fn forget(&self) {
        self.memo.borrow_mut().clear();
        for child in self.children.borrow().values().flatten() {
            child.forget();
        }
        self.imports.borrow_mut().clear();
    }

    pub(super) fn say(&self, level: Level, code: &'static str, span: Span, message: impl Into<String>) {
        self.shared.say(level, code, &self.parsed.path, span, message);
    }

    /// The names a block's loop binds, round by round, with the number of the round. A loop over what is unknown has one round without
    /// a number.
    pub(super) fn rounds(&self, block: &Block, locals: &Locals) -> Vec<(Option<usize>, Locals)> {
        let Some(repeat) = &block.repeat else { return vec![(None, locals.clone())] };
        let mut out: Vec<(Option<usize>, Locals)> = Vec::new();
        let done = self.evaluation().each(repeat, locals, &mut |inner| {
            out.push((Some(out.len()), inner.clone()));
            out.len() < MAX_ROUNDS
        });
        match done {
            Ok(()) => out,
            Err(_) if out.len() >= MAX_ROUNDS => {
                let message = format!("the loop has more than {MAX_ROUNDS} rounds; the rest is not judged");
                self.say(Level::Error, "bicep-rounds", block.span, message);
                out
            }
            Err(unknown) => {
                let mut inner = Frame::bind(Arc::clone(&repeat.item), unknown.clone(), locals);
                if let Some(index) = &repeat.index {
                    inner = Frame::bind(Arc::clone(index), unknown, &inner);
                }
                vec![(None, inner)]
            }
        }
    }

    /// The names bound in one round of a block's loop.
    fn round(&self, block: &Block, number: Option<usize>) -> Option<Locals> {
        if block.repeat.is_none() {
            return Some(None);
        }
        let number = number?;
        self.rounds(block, &None).into_iter().find(|(own, _)| *own == Some(number)).map(|(_, locals)| locals)
    }

    /// Whether a block's condition says that it is not made.
    pub(super) fn is_off(&self, block: &Block, locals: &Locals) -> bool {
        block.condition.as_ref().is_some_and(|condition| self.evaluation().eval(condition, locals).as_bool() == Some(false))
    }

    /// A module of this file in one round of its loop; `None` where its file is not here.
    pub(super) fn child(self: &Rc<Self>, module: &'p Module, number: Option<usize>, locals: &Locals) -> Child<'p> {
        let key = (Arc::clone(&module.block.symbol), number);
        if let Some(child) = self.children.borrow().get(&key) {
            return child.clone();
        }
        let child = self.make_child(module, number, locals);
        self.children.borrow_mut().insert(key, child.clone());
        child
    }

    fn make_child(self: &Rc<Self>, module: &'p Module, number: Option<usize>, locals: &Locals) -> Child<'p> {
        let block = &module.block;
        let target = &*block.target;
        if target.starts_with("br:") || target.starts_with("br/") || target.starts_with("ts:") || target.starts_with("ts/") {
            self.say(Level::Note, "module-remote", block.target_span, format!("the module `{target}` is not here, so it is not judged"));
            return None;
        }
        let path = resolve(&self.parsed.path, target);
        let found = path.as_ref().and_then(|path| self.program.files.get(path.as_str()));
        let Some(parsed) = found else {
            if target.ends_with(".json") && path.as_ref().is_some_and(|path| self.program.tree.contains(path)) {
                self.say(Level::Note, "module-template", block.target_span, format!("the template `{target}` is judged by itself"));
            } else {
                self.say(Level::Warning, "module-missing", block.target_span, format!("there is no module `{target}`"));
            }
            return None;
        };
        if self.above.len() >= MAX_MODULES || self.above.contains(&parsed.path) || parsed.path == self.parsed.path {
            self.say(
                Level::Error,
                "module-cycle",
                block.target_span,
                format!("the module `{target}` contains itself, or is nested too deep"),
            );
            return None;
        }
        let mut given = HashMap::new();
        if let Some(Expr { kind: ExprKind::Object(properties), .. }) = property(&block.body, "params") {
            for property in properties {
                let Key::Name(name) = &property.key else { continue };
                given.insert(
                    Arc::clone(name),
                    Given::Expr {
                        expr: &property.value,
                        key: property.key_span,
                        scope: Rc::clone(self),
                        locals: locals.clone(),
                        kind: StepKind::ModuleArgument,
                    },
                );
            }
        }
        let number = number.map_or_else(String::new, |number| format!("[{number}]"));
        let prefix = format!("{}{}{number}.", self.prefix, block.symbol);
        let above = self.above.iter().cloned().chain([Arc::clone(&self.parsed.path)]).collect();
        Some(ModuleScope::new(self.program, parsed, &self.shared, prefix, given, above))
    }

    fn once(&self, kind: u8, name: &Arc<str>, make: &dyn Fn() -> Value) -> Value {
        let key = (kind, Arc::clone(name));
        match self.memo.borrow().get(&key) {
            Some(Memo::Done(value)) => return value.clone(),
            Some(Memo::Working) => return Value::unknown(UnknownKind::Invalid, format!("`{name}` is made of itself"), Span::NONE),
            None => {}
        }
        self.memo.borrow_mut().insert(key.clone(), Memo::Working);
        let value = self.shared.budget.bounded(make());
        self.memo.borrow_mut().insert(key, Memo::Done(value.clone()));
        value
    }

    fn parameter(&self, name: &str) -> Option<Value> {
        let param = self.parsed.document.params.iter().find(|param| *param.name == *name)?;
        Some(self.once(0, &param.name, &|| {
            let given = self.given.get(&param.name).map(|given| match given {
                Given::Expr { expr, key, scope, locals, kind } => {
                    step(scope.evaluation().eval(expr, locals), *kind, Arc::clone(&param.name), *key)
                }
                Given::Value { value, key } => step(value.clone(), StepKind::VariableFile, Arc::clone(&param.name), *key),
            });
            let default = || {
                let default = param.default.as_ref()?;
                Some(step(self.evaluation().eval(default, &None), StepKind::VariableDefault, Arc::clone(&param.name), default.span))
            };
            let mut value = given.or_else(default).unwrap_or_else(|| {
                if param.nullable {
                    return step(Value::null(param.name_span), StepKind::VariableDefault, Arc::clone(&param.name), param.name_span);
                }
                unknown_set(UnknownKind::Variable, format!("parameter `{name}` has no value"), "", param.name_span)
            });
            value.sensitive |= param.secure;
            value
        }))
    }

    fn variable(&self, name: &str) -> Option<Value> {
        let variable = self.parsed.document.variables.iter().find(|variable| *variable.name == *name)?;
        Some(self.once(1, &variable.name, &|| {
            step(self.evaluation().eval(&variable.value, &None), StepKind::Local, Arc::clone(&variable.name), variable.name_span)
        }))
    }

    fn output(&self, name: &str) -> Option<Value> {
        let output = self.parsed.document.outputs.iter().find(|output| *output.name == *name)?;
        Some(self.once(2, &output.name, &|| {
            step(self.evaluation().eval(&output.value, &None), StepKind::Output, Arc::clone(&output.name), output.name_span)
        }))
    }

    /// The file an import names, with nothing given to it.
    fn import(&self, import: &Import) -> Child<'p> {
        if let Some(found) = self.imports.borrow().get(&import.path) {
            return found.clone();
        }
        let path = resolve(&self.parsed.path, &import.path);
        let parsed = path.and_then(|path| self.program.files.get(path.as_str()));
        let circle =
            |parsed: &Parsed| self.above.len() >= MAX_MODULES || self.above.contains(&parsed.path) || parsed.path == self.parsed.path;
        let found = parsed.filter(|parsed| !circle(parsed)).map(|parsed| {
            let above = self.above.iter().cloned().chain([Arc::clone(&self.parsed.path)]).collect();
            ModuleScope::new(self.program, parsed, &self.shared, self.prefix.clone(), HashMap::new(), above)
        });
        self.imports.borrow_mut().insert(Arc::clone(&import.path), found.clone());
        found
    }

    /// A name taken from another file: that file, and what it is called there. `shared.name` is one of a namespace.
    fn taken(&self, name: &str, same: fn(&str, &str) -> bool) -> Option<(Rc<ModuleScope<'p>>, Arc<str>)> {
        for import in &self.parsed.document.imports {
            let own = match &import.namespace {
                Some(space) => name.split_once('.').filter(|(before, _)| same(before, space)).map(|(_, own)| Arc::from(own)),
                None => import.names.iter().find(|(_, called)| same(called, name)).map(|(own, _)| Arc::clone(own)),
            };
            if let Some(own) = own {
                return Some((self.import(import)?, own));
            }
        }
        None
    }

    /// All variables of a namespace.
    fn namespace(&self, name: &str, span: Span) -> Option<Value> {
        let import = self.parsed.document.imports.iter().find(|import| import.namespace.as_deref() == Some(name))?;
        let scope = self.import(import)?;
        let mut out = Map::new();
        for variable in &scope.parsed.document.variables {
            if let Some(value) = scope.variable(&variable.name) {
                out.insert(Arc::clone(&variable.name), variable.name_span, value);
            }
        }
        Some(Value::map(out, span))
    }

    /// What a function of this file gives.
    fn apply(&self, cx: &Evaluation<'_>, name: &str, args: &[Expr], span: Span, locals: &Locals) -> Option<Value> {
        let function = self.parsed.document.functions.iter().find(|function| function.name.eq_ignore_ascii_case(name))?;
        let mut inner: Locals = None;
        for (param, arg) in function.params.iter().zip(args) {
            inner = Frame::bind(Arc::clone(param), cx.eval(arg, locals), &inner);
        }
        Some(self.evaluation().eval(&function.body, &inner).at(span))
    }

    /// The resource with that path of symbols (`server::database`), with its own path.
    fn resource(&self, path: &str) -> Option<(&'p Resource, String)> {
        let mut steps = path.split("::");
        let first = steps.next()?;
        let mut found = search(&self.parsed.document.resources, first, "", 0)?;
        for symbol in steps {
            let inner = found.0.nested.iter().find(|inner| *inner.block.symbol == *symbol)?;
            found = (inner, format!("{}::{symbol}", found.1));
        }
        Some(found)
    }

    /// What a symbol of a resource or module stands for.
    fn symbol_value(&self, name: &str, span: Span) -> Option<Value> {
        if let Some((resource, path)) = self.resource(name) {
            let id: Arc<str> = format!("{}{path}", self.prefix).into();
            if resource.existing {
                let reason = format!("`{path}` is made elsewhere");
                return Some(referring(unknown_set(UnknownKind::DataSource, reason, "", span), id, ""));
            }
            return Some(Value::reference(id, "", span));
        }
        let module = self.parsed.document.modules.iter().find(|module| *module.block.symbol == *name)?;
        Some(Value::reference(format!("{}{}", self.prefix, module.block.symbol), "", span))
    }

    /// The symbol and round an id of this file's means.
    fn own<'n>(&self, id: &'n str) -> Option<(&'n str, Option<usize>)> {
        let rest = id.strip_prefix(&*self.prefix)?;
        match rest.strip_suffix(']').and_then(|rest| rest.rsplit_once('[')) {
            Some((symbol, number)) => Some((symbol, number.parse().ok())),
            None => Some((rest, None)),
        }
    }

    fn module_output(&self, id: &str, name: &str) -> Option<Value> {
        let (symbol, number) = self.own(id)?;
        let module = self.parsed.document.modules.iter().find(|module| *module.block.symbol == *symbol)?;
        if module.block.repeat.is_some() && number.is_none() {
            return None;
        }
        let key = (Arc::clone(&module.block.symbol), number);
        let child = self.children.borrow().get(&key).cloned().flatten()?;
        child.output(name)
    }

    /// The whole type of a resource and the whole name of it in one round, unknown parts in braces.
    pub(super) fn names(&self, resource: &'p Resource, above: Option<(&str, &str)>, locals: &Locals, depth: usize) -> (Arc<str>, String) {
        let (own_type, _) = split_type(&resource.block.target);
        let own_name = property(&resource.block.body, "name").map_or_else(String::new, |name| self.evaluation().symbol(name, locals, 0));
        if let Some((type_name, name)) = above {
            let full = own_type.split('/').next().unwrap_or_default().contains('.');
            let whole = if full { own_type.to_owned() } else { format!("{type_name}/{own_type}") };
            return (canonical(&whole), format!("{name}/{own_name}"));
        }
        let parent = property(&resource.block.body, "parent").map(|parent| self.evaluation().eval(parent, locals));
        let parent = parent.as_ref().and_then(|parent| parent.references().first()).and_then(|reference| self.own(&reference.subject));
        if let Some((symbol, number)) = parent
            && depth < 8
            && let Some((parent, _)) = self.resource(symbol)
            && !std::ptr::eq(parent, resource)
        {
            let around = self.round(&parent.block, number).unwrap_or_default();
            let (_, name) = self.names(parent, None, &around, depth + 1);
            return (canonical(own_type), format!("{name}/{own_name}"));
        }
        (canonical(own_type), own_name)
    }

    fn load(&self, name: &str, args: &[Value], span: Span) -> Value {
        let unknown = |reason: String| unknown_set(UnknownKind::File, reason, "", span);
        let Some(path) = args.first().and_then(Value::as_str) else { return unknown("the name of the file is not known".to_owned()) };
        let Some(whole) = resolve(&self.parsed.path, path) else { return unknown(format!("`{path}` leads out of the repository")) };
        let bytes = match self.program.tree.read(&whole) {
            Ok(bytes) if bytes.len() <= MAX_LOADED => bytes,
            Ok(_) => return unknown(format!("`{path}` is too large")),
            Err(error) => return unknown(format!("`{path}`: {error}")),
        };
        if !self.shared.budget.spend(bytes.len() / 16) {
            return Value::unknown(UnknownKind::Limit, "the budget of evaluation steps is used up", span);
        }
        if name == "loadfileasbase64" {
            return Value::string(base64::engine::general_purpose::STANDARD.encode(&bytes), span);
        }
        let Ok(text) = std::str::from_utf8(&bytes) else { return unknown(format!("`{path}` is not UTF-8 text")) };
        match name {
            "loadjsoncontent" if args.len() == 1 => {
                let (value, problems, _) = json::parse_commented(text, FileId::NONE);
                if problems.iter().any(|problem| problem.fatal) { unknown(format!("`{path}` is not valid JSON")) } else { value.at(span) }
            }
            "loadyamlcontent" if args.len() == 1 => {
                let (documents, problems) = yaml::parse_with(text, FileId::NONE, yaml::ParseOptions::default());
                match documents.into_iter().next() {
                    Some(document) if !problems.iter().any(|problem| problem.fatal) => document.value.at(span),
                    _ => unknown(format!("`{path}` is not valid YAML")),
                }
            }
            "loadtextcontent" => Value::string(text, span),
            _ => unknown(format!("a part of `{path}`")),
        }
    }
}

fn search<'p>(resources: &'p [Resource], symbol: &str, above: &str, depth: usize) -> Option<(&'p Resource, String)> {
    let path = |resource: &Resource| format!("{above}{}", resource.block.symbol);
    if let Some(found) = resources.iter().find(|resource| *resource.block.symbol == *symbol) {
        return Some((found, path(found)));
    }
    if depth > 16 {
        return None;
    }
    resources.iter().find_map(|resource| search(&resource.nested, symbol, &format!("{}::", path(resource)), depth + 1))
}

impl Scope for ModuleScope<'_> {
    fn name(&self, _cx: &Evaluation<'_>, name: &str, span: Span) -> Option<Value> {
        if name.contains("::") {
            return self.symbol_value(name.strip_prefix(&*self.prefix)?, span);
        }
        let taken = || {
            let (scope, own) = self.taken(name, |own, name| own == name)?;
            scope.variable(&own)
        };
        let own = self.parameter(name).or_else(|| self.variable(name)).or_else(|| self.symbol_value(name, span));
        own.or_else(taken).or_else(|| self.namespace(name, span))
    }

    fn is_namespace(&self, name: &str) -> bool {
        self.parsed.document.imports.iter().any(|import| import.namespace.as_deref() == Some(name))
    }

    fn attribute(&self, cx: &Evaluation<'_>, base: &Value, name: &str, span: Span) -> Option<Value> {
        let [only] = base.references() else { return None };
        if &*only.attribute == "outputs" {
            let value = self.module_output(&only.subject, name)?;
            return Some(value.at(span));
        }
        if !only.attribute.is_empty() {
            return None;
        }
        let (symbol, number) = self.own(&only.subject)?;
        let (resource, _) = self.resource(symbol)?;
        let (own_type, version) = split_type(&resource.block.target);
        let value = match name {
            "name" => {
                let locals = self.round(&resource.block, number)?;
                let value = cx.eval(property(&resource.block.body, "name")?, &locals);
                referring(value, Arc::clone(&only.subject), "name").at(span)
            }
            "type" => Value::string(canonical(own_type), span),
            "apiVersion" => Value::string(version?, span),
            _ => return None,
        };
        Some(value)
    }

    fn call(&self, cx: &Evaluation<'_>, name: &str, args: &[Expr], span: Span, locals: &Locals) -> Option<Value> {
        if let Some(value) = self.apply(cx, name, args, span, locals) {
            return Some(value);
        }
        if let Some((scope, own)) = self.taken(name, |own, name| own.eq_ignore_ascii_case(name)) {
            return scope.apply(cx, &own, args, span, locals);
        }
        if matches!(name, "loadtextcontent" | "loadjsoncontent" | "loadyamlcontent" | "loadfileasbase64") {
            let args: Vec<Value> = args.iter().map(|arg| cx.eval(arg, locals)).collect();
            return Some(self.load(name, &args, span));
        }
        if name == "nameof" {
            return match args.first().map(|arg| &arg.kind) {
                Some(ExprKind::Name(name) | ExprKind::Member { name, .. }) => Some(Value::string(Arc::clone(name), span)),
                _ => None,
            };
        }
        if name == "reference" {
            let target = args.first().map(|arg| cx.eval(arg, locals))?;
            return Some(match target.references() {
                [only] => Value::reference(Arc::clone(&only.subject), "properties", span),
                _ => carry(unknown_set(UnknownKind::Reference, "what `reference()` gives is known only to Azure", "", span), [&target]),
            });
        }
        index::resource_id(cx, &self.shared.index.borrow(), name, args, span, locals)
    }

    fn behind(&self, name: &str, kind: Behind) -> Option<Arc<Expr>> {
        let document = &self.parsed.document;
        if kind != Behind::Variable {
            return None;
        }
        if let Some(variable) = document.variables.iter().find(|variable| *variable.name == *name) {
            return Some(Arc::new(variable.value.clone()));
        }
        let param = document.params.iter().find(|param| *param.name == *name)?;
        let default = param.default.as_ref().filter(|_| !self.given.contains_key(name))?;
        Some(Arc::new(default.clone()))
    }
}
