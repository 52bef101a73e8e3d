//! Names: what `var.x`, `local.x`, `module.m.out`, `aws_s3_bucket.b[0].id`, `each.value` and `self` mean, and the steps after them.
//!
//! A whole resource as a value is a *handle*: an unknown with one reference whose attribute is empty. Attributes are taken from it when
//! they are asked for, wherever it went in between (a `for`, a local, a module).

use std::rc::Rc;
use std::sync::Arc;

use probity_core::Level;
use probity_value::{Data, Map, Number, Origin, Reference, Span, StepKind, Unknown, UnknownKind, Value};

use super::block::{block_name, is_doubtful, settled};
use super::known::beginning;
use super::{
    CallInstances, EvalError, Evaluator, Instance, Key, Outcome, ResourceBlock, ResourceInstance, Scope, derived, inherit, through,
};
use crate::terraform::functions::{REST, describe, to_number, to_text, with_marks};
use crate::terraform::module::Mode;
use crate::terraform::syntax::{Body, Expr, ExprKind, Follow};
use crate::terraform::types::Type;

/// The attribute of a reference to all instances of a resource, of which it is not known how many there are.
const ALL: &str = "*";

/// What part of a traversal means so far.
pub(super) enum Referent<'p> {
    Value(Value),
    /// A name that is not complete yet: `var`, `data`, `data.aws_ami`, `aws_s3_bucket`.
    Root(String),
    Resource(Rc<ResourceBlock<'p>>),
    ResourceInstance(Rc<ResourceInstance<'p>>),
    Call(Rc<CallInstances<'p>>),
    Child(Rc<CallInstances<'p>>, usize),
}

impl<'p> Evaluator<'p> {
    pub(super) fn refer(&self, expr: &Expr, scope: Scope<'_, 'p>) -> Result<Referent<'p>, EvalError> {
        match &expr.kind {
            ExprKind::Name(name) => {
                let mut frame = scope.frame;
                while let Some(current) = frame {
                    if current.name == &**name {
                        return Ok(Referent::Value(current.value.clone()));
                    }
                    frame = current.next;
                }
                if let Some(value) = scope.variables.and_then(|variables| variables.get(name)) {
                    return Ok(Referent::Value(value.clone()));
                }
                if scope.instance.is_none() {
                    return Err(EvalError::new(format!("there is no variable named `{name}` here"), expr.span));
                }
                Ok(Referent::Root(name.to_string()))
            }
            ExprKind::Member(base, name) => {
                let base = self.refer(base, scope)?;
                self.member_of(base, name, expr.span, scope)
            }
            ExprKind::Index(base, key) => {
                let found = self.refer(base, scope)?;
                let key_value = self.eval(key, scope)?;
                match found {
                    Referent::Resource(block) => self.instance_of(&block, &key_value, expr.span),
                    Referent::Call(call) => self.child_of(&call, &key_value, expr.span),
                    // `local["a"]` and `data.aws_ami["x"]` are members written the long way.
                    Referent::Root(root) => match key_value.as_str() {
                        Some(name) => self.member_of(Referent::Root(root), name, expr.span, scope),
                        None => Err(EvalError::new(format!("`{root}` is not a value"), base.span)),
                    },
                    other => {
                        let value = self.referent_value(other, base.span)?;
                        self.index_value(&value, &key_value, expr.span).map(Referent::Value)
                    }
                }
            }
            _ => self.eval(expr, scope).map(Referent::Value),
        }
    }

    fn member_of(&self, base: Referent<'p>, name: &str, span: Span, scope: Scope<'_, 'p>) -> Result<Referent<'p>, EvalError> {
        match base {
            Referent::Root(root) => self.rooted(&root, name, span, scope),
            Referent::ResourceInstance(instance) => self.attribute_of(&instance, name, span).map(Referent::Value),
            Referent::Resource(block) => match block.single() {
                Some(instance) => self.attribute_of(&instance, name, span).map(Referent::Value),
                None => {
                    let value = self.referent_value(Referent::Resource(block), span)?;
                    self.member_value(&value, name, span).map(Referent::Value)
                }
            },
            Referent::Call(call) => {
                if call.missing.is_some() || call.repeated.is_single() {
                    return self.child_output(&call, 0, name, span).map(Referent::Value);
                }
                let value = self.referent_value(Referent::Call(call), span)?;
                self.member_value(&value, name, span).map(Referent::Value)
            }
            Referent::Child(call, index) => self.child_output(&call, index, name, span).map(Referent::Value),
            Referent::Value(value) => self.member_value(&value, name, span).map(Referent::Value),
        }
    }

    /// `root.name`.
    fn rooted(&self, root: &str, name: &str, span: Span, scope: Scope<'_, 'p>) -> Result<Referent<'p>, EvalError> {
        let Some(instance) = scope.instance else {
            return Err(EvalError::new(format!("`{root}.{name}` has no meaning here"), span));
        };
        let value = match root {
            "var" => self.variable(instance, name, span)?,
            "local" => self.local(instance, name, span)?,
            "each" => {
                let Some((key, value)) = scope.repetition.and_then(|repetition| repetition.each.as_ref()) else {
                    return Err(EvalError::new("`each` has a meaning only under `for_each`", span));
                };
                match name {
                    "key" => key.clone(),
                    "value" => value.clone(),
                    _ => return Err(EvalError::new(format!("`each` has no `{name}`"), span)),
                }
            }
            "count" => match scope.repetition.and_then(|repetition| repetition.index.as_ref()) {
                Some(index) if name == "index" => index.clone(),
                _ => return Err(EvalError::new("`count.index` has a meaning only under `count`", span)),
            },
            "self" => match scope.own {
                Some(own) => return self.attribute_of(own, name, span).map(Referent::Value),
                None => return Err(EvalError::new("`self` has no meaning here", span)),
            },
            "path" => match name {
                "root" => Value::string(".", span),
                "module" => Value::string(relative(&self.root_dir, &instance.module.dir), span),
                _ => Value::unknown(UnknownKind::Function, format!("`path.{name}` depends on where Terraform is run"), span),
            },
            "terraform" | "tofu" => match name {
                "workspace" => Value::string(Arc::clone(&self.program.options.workspace), span),
                _ => Value::unknown(UnknownKind::Function, format!("`{root}.{name}` depends on how Terraform is run"), span),
            },
            "module" => {
                return match self.calls_of(instance, name, span)? {
                    Some(call) => Ok(Referent::Call(call)),
                    None => Ok(Referent::Value(undeclared(&format!("{}module.{name}", instance.prefix), span))),
                };
            }
            "data" | "ephemeral" => return Ok(Referent::Root(format!("{root}.{name}"))),
            kind => {
                let local_address = format!("{kind}.{name}");
                return match self.resource_block(instance, &local_address, span)? {
                    Some(block) => Ok(Referent::Resource(block)),
                    None => Ok(Referent::Value(undeclared(&format!("{}{local_address}", instance.prefix), span))),
                };
            }
        };
        Ok(Referent::Value(value))
    }

    /// The value of a complete traversal.
    pub(super) fn referent_value(&self, found: Referent<'p>, span: Span) -> Outcome {
        match found {
            Referent::Value(value) => Ok(value),
            // Terraform refuses these, but there is no doubt about what was meant, and it is judged by that.
            Referent::Root(root) if &*root == "True" || &*root == "False" => {
                let meant = root.to_ascii_lowercase();
                self.report(
                    Level::Warning,
                    "misspelt-boolean",
                    span,
                    format!("`{root}` is no value of Terraform; it is read as `{meant}`"),
                );
                Ok(Value::bool(meant == "true", span))
            }
            Referent::Root(root) => Err(EvalError::new(format!("`{root}` is not a value"), span)),
            Referent::ResourceInstance(instance) => Ok(handle(&instance, span)),
            Referent::Resource(block) => {
                if let Some(instance) = block.single() {
                    return Ok(handle(&instance, span));
                }
                if let Some(unknown) = &block.repeated.unknown {
                    let mut value = derived(unknown, true, span);
                    value.origin = Some(reference_origin(&block.address, ALL));
                    return Ok(value);
                }
                if block.repeated.named {
                    let mut map = Map::new();
                    for instance in &block.instances {
                        if let Key::Name(name) = &instance.repetition.key {
                            map.insert(Arc::clone(name), span, handle(instance, span));
                        }
                    }
                    return Ok(Value::map(map, span));
                }
                Ok(Value::list(block.instances.iter().map(|instance| handle(instance, span)).collect(), span))
            }
            Referent::Child(call, index) => self.outputs_of(&call, index, span),
            Referent::Call(call) => {
                if let Some(reason) = &call.missing {
                    let mut value = Value::unknown(UnknownKind::Module, Arc::clone(reason), span);
                    value.origin = Some(reference_origin(&call.address, ""));
                    return Ok(value);
                }
                if let Some(unknown) = &call.repeated.unknown {
                    return Ok(derived(unknown, true, span));
                }
                if call.repeated.is_single() {
                    return self.outputs_of(&call, 0, span);
                }
                if call.repeated.named {
                    let mut map = Map::new();
                    for (index, repetition) in call.repeated.items.iter().enumerate() {
                        if let Key::Name(name) = &repetition.key {
                            map.insert(Arc::clone(name), span, self.outputs_of(&call, index, span)?);
                        }
                    }
                    return Ok(Value::map(map, span));
                }
                let items: Result<Vec<Value>, EvalError> =
                    (0..call.repeated.items.len()).map(|index| self.outputs_of(&call, index, span)).collect();
                Ok(Value::list(items?, span))
            }
        }
    }

    fn outputs_of(&self, call: &Rc<CallInstances<'p>>, index: usize, span: Span) -> Outcome {
        let mut map = Map::new();
        if let Some(child) = call.children.get(index).copied().and_then(|id| self.instance(id)) {
            for (name, block) in &child.module.outputs {
                let value = match self.child_output(call, index, name, span) {
                    Ok(value) => value,
                    Err(error) => Value::unknown(UnknownKind::Invalid, error.message, span),
                };
                map.insert(Arc::clone(name), block.head, value);
            }
        }
        Ok(Value::map(map, span))
    }

    fn instance_of(&self, block: &Rc<ResourceBlock<'p>>, key: &Value, span: Span) -> Result<Referent<'p>, EvalError> {
        if let Some(unknown) = key.as_unknown() {
            let mut value = derived(unknown, true, span);
            value.origin = Some(reference_origin(&block.address, ALL));
            return Ok(Referent::Value(with_marks(value, std::iter::once(key), false)));
        }
        if block.repeated.unknown.is_some() {
            // Whether it exists is not known; if it does it looks like this.
            self.doubtful.set(true);
            if let Some(instance) = block.instances.first() {
                return Ok(Referent::ResourceInstance(Rc::clone(instance)));
            }
        }
        let wanted = key_of(key, block.repeated.named);
        match block.instances.iter().find(|instance| Some(&instance.repetition.key) == wanted.as_ref()) {
            Some(instance) => Ok(Referent::ResourceInstance(Rc::clone(instance))),
            // `aws_x.y[0]` of a resource that is not repeated: what was meant is clear.
            None if block.repeated.is_single() && to_number(key) == Some(Number::Int(0)) => match block.single() {
                Some(instance) => Ok(Referent::ResourceInstance(instance)),
                None => Err(EvalError::new(format!("`{}` has no such instance", block.address), span)),
            },
            None => Err(EvalError::new(format!("`{}` has no instance `{}`", block.address, shown(key)), span)),
        }
    }

    fn child_of(&self, call: &Rc<CallInstances<'p>>, key: &Value, span: Span) -> Result<Referent<'p>, EvalError> {
        if call.missing.is_some() {
            return Ok(Referent::Call(Rc::clone(call)));
        }
        if let Some(unknown) = key.as_unknown() {
            return Ok(Referent::Value(with_marks(derived(unknown, true, span), std::iter::once(key), false)));
        }
        if call.repeated.unknown.is_some() {
            self.doubtful.set(true);
            return Ok(Referent::Child(Rc::clone(call), 0));
        }
        let wanted = key_of(key, call.repeated.named);
        match call.repeated.items.iter().position(|repetition| Some(&repetition.key) == wanted.as_ref()) {
            Some(index) => Ok(Referent::Child(Rc::clone(call), index)),
            None => Err(EvalError::new(format!("`{}` has no instance `{}`", call.address, shown(key)), span)),
        }
    }

    /// An attribute of a resource: as written, else what is known only after it is made.
    pub(super) fn attribute_of(&self, instance: &ResourceInstance<'p>, name: &str, span: Span) -> Outcome {
        let address = &instance.address;
        let mode = instance.resource.mode;
        if mode == Mode::Data {
            match (&*instance.resource.kind, name) {
                ("aws_iam_policy_document", "json" | "minified_json") => return self.policy_document(instance, span),
                ("template_file", "rendered") => return self.template_file(instance, span),
                _ => {}
            }
        }
        // A member that is being worked out refers to itself: it can only be known later.
        if let Some(written) = self.member(instance, name).transpose()?
            && !written.is_null()
        {
            if is_doubtful(&written) {
                // Whether the blocks are there is not known; what they hold is known only after it is made.
                return Ok(Value::reference(Arc::clone(address), name, span));
            }
            let reference = Reference { subject: Arc::clone(address), attribute: name.into() };
            let place = written.span;
            return Ok(through(written, StepKind::Attribute, format!("{address}.{name}"), place, Some(reference)).at(span));
        }
        let account = match (&*instance.resource.kind, name) {
            ("google_service_account", "email" | "member") if mode == Mode::Managed => self.member(instance, "account_id").transpose()?,
            _ => None,
        };
        let prefix = beginning(&instance.resource.kind, name, account.as_ref().and_then(Value::as_str));
        let mut value = Value::reference(Arc::clone(address), name, span);
        if let Data::Unknown(unknown) = &mut value.data
            && (mode != Mode::Managed || !prefix.is_empty())
        {
            let unknown = Arc::make_mut(unknown);
            unknown.prefix = prefix.into();
            if mode != Mode::Managed {
                unknown.kind = UnknownKind::DataSource;
                unknown.reason = format!("`{address}.{name}` is read when Terraform runs").into();
            }
        }
        Ok(value)
    }

    fn policy_document(&self, instance: &ResourceInstance<'p>, span: Span) -> Outcome {
        let value = settled(&self.whole(instance));
        let Some(map) = value.as_map() else { return Ok(value) };
        let rendered = crate::terraform::policy_document::render(map, span);
        let reference = Reference { subject: Arc::clone(&instance.address), attribute: "json".into() };
        let name = format!("{}.json", instance.address);
        Ok(through(rendered, StepKind::Attribute, name, instance.resource.block.head, Some(reference)).at(span))
    }

    /// A policy document with the text it gives, where it takes in others: what is written in it is not what counts then.
    pub(crate) fn with_document(&self, value: Value) -> Value {
        let Data::Map(map) = &value.data else { return value };
        let joined = ["source_policy_documents", "override_policy_documents", "source_json", "override_json"];
        let Some(place) = joined.iter().find_map(|name| map.get(name)).map(|value| value.span) else { return value };
        let settled = settled(&value);
        let mut rendered = crate::terraform::policy_document::render(settled.as_map().unwrap_or(map), place);
        rendered.origin = None;
        let mut copy = Map::clone(map);
        copy.insert("json", place, rendered);
        Value { data: Data::Map(Arc::new(copy)), ..value }
    }

    /// `data.template_file`, the way of Terraform 0.11 to what `templatefile` does.
    fn template_file(&self, instance: &ResourceInstance<'p>, span: Span) -> Outcome {
        let reference = Reference { subject: Arc::clone(&instance.address), attribute: "rendered".into() };
        let template = self.member(instance, "template").transpose()?;
        let variables = self.member(instance, "vars").transpose()?;
        let rendered = match template {
            Some(template) => match (&template.data, variables.as_ref().map(|value| &value.data)) {
                (Data::String(text), variables) => {
                    let empty = Arc::new(Map::new());
                    let map = if let Some(Data::Map(map)) = variables { map } else { &empty };
                    self.render(text, map, span).map_err(|error| EvalError::new(error.message, span))?
                }
                (Data::Unknown(unknown), _) => with_marks(derived(unknown, true, span), std::iter::once(&template), false),
                _ => return Err(EvalError::new(format!("a template must be a string, not {}", describe(&template)), span)),
            },
            None => Value::reference(Arc::clone(&instance.address), "rendered", span),
        };
        let name = format!("{}.rendered", instance.address);
        Ok(through(rendered, StepKind::Attribute, name, instance.resource.block.head, Some(reference)).at(span))
    }

    /// `value.name`.
    pub(super) fn member_value(&self, base: &Value, name: &str, span: Span) -> Outcome {
        match &base.data {
            Data::Map(map) => match map.get(name) {
                Some(part) => Ok(inherit(base, part)),
                // What a block of a resource does not say the provider fills in.
                None => match self.block_reference(base) {
                    Some(reference) => {
                        Ok(Value::reference(Arc::clone(&reference.subject), format!("{}.{name}", reference.attribute), span))
                    }
                    None => Err(EvalError::new(format!("there is no attribute `{name}`"), span)),
                },
            },
            Data::List(items) => match name.parse::<usize>() {
                Ok(index) => items
                    .get(index)
                    .map(|part| inherit(base, part))
                    .ok_or_else(|| EvalError::new(format!("there is no item {index} in a list of {}", items.len()), span)),
                Err(_) => Err(EvalError::new(format!("a list has no attribute `{name}`"), span)),
            },
            Data::Unknown(unknown) => {
                if let Some(instance) = self.handled(base) {
                    let value = self.attribute_of(&instance, name, span)?;
                    return Ok(Value { sensitive: value.sensitive || base.sensitive, ..value });
                }
                Ok(sure_part(base, unknown, name).unwrap_or_else(|| part_of_unknown(base, unknown, span)))
            }
            Data::Null => Err(EvalError::new(format!("null has no attribute `{name}`"), span)),
            _ => Err(EvalError::new(format!("{} has no attribute `{name}`", describe(base)), span)),
        }
    }

    /// `value[key]`.
    pub(super) fn index_value(&self, base: &Value, key: &Value, span: Span) -> Outcome {
        if let Data::Unknown(unknown) = &base.data {
            if let (Some(name), true) = (key.as_str(), self.handled(base).is_some()) {
                return self.member_value(base, name, span);
            }
            let sure = to_text(key).and_then(|name| sure_part(base, unknown, &name));
            return Ok(sure.unwrap_or_else(|| part_of_unknown(base, unknown, span)));
        }
        if let Data::Unknown(unknown) = &key.data {
            return match base.data {
                Data::List(_) | Data::Map(_) => Ok(with_marks(derived(unknown, false, span), [base, key].into_iter(), true)),
                _ => Err(EvalError::new(format!("{} has no items", describe(base)), span)),
            };
        }
        match &base.data {
            Data::Map(map) => {
                let Some(name) = to_text(key) else {
                    return Err(EvalError::new(format!("a key must be a string, not {}", describe(key)), span));
                };
                match map.get(&name) {
                    Some(part) => Ok(inherit(base, part)),
                    None => Err(EvalError::new(format!("there is no key `{name}` in the map"), span)),
                }
            }
            Data::List(items) => {
                let Some(Number::Int(index)) = to_number(key) else {
                    return Err(EvalError::new(format!("an index must be a whole number, not {}", describe(key)), span));
                };
                match usize::try_from(index).ok().and_then(|index| items.get(index)) {
                    Some(part) => Ok(inherit(base, part)),
                    None => Err(EvalError::new(format!("there is no item {index} in a list of {}", items.len()), span)),
                }
            }
            _ => Err(EvalError::new(format!("{} has no items", describe(base)), span)),
        }
    }

    /// `base[*].a[0]`.
    pub(super) fn splat(&self, base: &Expr, follow: &[Follow], span: Span, scope: Scope<'_, 'p>) -> Outcome {
        let value = self.eval(base, scope)?;
        let items: Vec<Value> = match &value.data {
            Data::Null => return Ok(Value::list(Vec::new(), span)),
            Data::List(items) => items.iter().map(|item| inherit(&value, item)).collect(),
            Data::Unknown(unknown) if self.handled(&value).is_none() => {
                // The list is there; what is in it, and how much, is not known.
                let mut result = derived(unknown, true, span);
                result.origin = value.origin.as_ref().map(|origin| {
                    let attribute = follow.iter().find_map(|step| match step {
                        Follow::Member(name) => Some(Arc::clone(name)),
                        Follow::Index(_) => None,
                    });
                    let mut origin = (**origin).clone();
                    for reference in origin.references.iter_mut().filter(|reference| matches!(&*reference.attribute, "" | ALL)) {
                        reference.attribute = attribute.clone().unwrap_or_default();
                    }
                    Arc::new(origin)
                });
                result.sensitive = value.sensitive;
                return Ok(result);
            }
            _ => vec![value.clone()],
        };
        let mut results = Vec::with_capacity(items.len());
        for item in items {
            if !self.spend(1, span) {
                return Ok(self.limit(span));
            }
            let mut current = item;
            for step in follow {
                current = match step {
                    Follow::Member(name) => self.member_value(&current, name, span)?,
                    Follow::Index(key) => {
                        let key = self.eval(key, scope)?;
                        self.index_value(&current, &key, span)?
                    }
                };
            }
            results.push(current.at(span));
        }
        Ok(Value::list(results, span))
    }

    /// The reference of a value that is a block of a resource, or in one.
    fn block_reference<'v>(&self, value: &'v Value) -> Option<&'v Reference> {
        let resources = self.resources.borrow();
        value.references().iter().find(|reference| {
            let written = resources.get(&reference.subject).map(|instance| &instance.resource.block.body);
            written.is_some_and(|body| has_blocks(body, &reference.attribute))
        })
    }

    /// The resource a handle stands for.
    fn handled(&self, value: &Value) -> Option<Rc<ResourceInstance<'p>>> {
        let [reference] = value.references() else { return None };
        if !reference.attribute.is_empty() {
            return None;
        }
        self.resources.borrow().get(&reference.subject).cloned()
    }

    /// Whether an expression gives a set, whose items are their own keys. Values do not tell sets from lists, so the expression is asked.
    pub(super) fn gives_set(&self, expr: &Expr, scope: Scope<'_, 'p>) -> bool {
        gives_set(expr, scope, &mut 64)
    }

    /// The value of an argument that names resources (`depends_on`), also where the names are in quotes.
    pub(super) fn named_resources(&self, expr: &Expr, scope: Scope<'_, 'p>) -> Outcome {
        let ExprKind::List(items) = &expr.kind else { return self.eval(expr, scope) };
        let mut values = Vec::with_capacity(items.len());
        for item in items {
            let parsed = item.as_literal().and_then(|text| crate::terraform::syntax::parse_expression(text, item.span).ok());
            let item = parsed.as_ref().unwrap_or(item);
            let value = self.refer(item, scope).and_then(|found| match &found {
                Referent::Resource(block) if !block.repeated.is_single() => {
                    let mut value = Value::reference(Arc::clone(&block.address), "", item.span);
                    value.sensitive = false;
                    Ok(value)
                }
                Referent::Call(call) => Ok(Value::reference(Arc::clone(&call.address), "", item.span)),
                _ => self.referent_value(found, item.span),
            });
            values.push(match value {
                Ok(value) => value,
                Err(error) => Value::unknown(UnknownKind::Invalid, error.message, item.span),
            });
        }
        Ok(Value::list(values, expr.span))
    }
}

impl Instance<'_> {
    /// The address of something in this module.
    pub(crate) fn address(&self, local: &str) -> String {
        format!("{}{local}", self.prefix)
    }
}

/// Looks through at most `left` expressions: locals may name locals in a circle.
fn gives_set(expr: &Expr, scope: Scope<'_, '_>, left: &mut u32) -> bool {
    if *left == 0 {
        return false;
    }
    *left -= 1;
    match &expr.kind {
        ExprKind::Interpolation(inner) => gives_set(inner, scope, left),
        ExprKind::Conditional(parts) => {
            let [_, then, otherwise] = &**parts;
            gives_set(then, scope, left) || gives_set(otherwise, scope, left)
        }
        ExprKind::Call(call) => matches!(&*call.name, "toset" | "setunion" | "setintersection" | "setsubtract" | "fileset"),
        ExprKind::Member(base, name) => {
            let (ExprKind::Name(root), Some(instance)) = (&base.kind, scope.instance) else { return false };
            match &**root {
                "var" => instance.module.variables.get(name).is_some_and(|variable| matches!(variable.kind, Type::Set(_))),
                "local" => instance.module.locals.get(name).is_some_and(|attribute| gives_set(&attribute.expr, scope, left)),
                _ => false,
            }
        }
        _ => false,
    }
}

/// Whether a body has blocks of that name.
fn has_blocks(body: &Body, name: &str) -> bool {
    body.blocks.iter().any(|block| &**block_name(block) == name)
}

fn handle(instance: &ResourceInstance<'_>, span: Span) -> Value {
    let (kind, reason) = match instance.resource.mode {
        Mode::Managed => (UnknownKind::Reference, format!("`{}` is known only after it is made", instance.address)),
        Mode::Data | Mode::Ephemeral => (UnknownKind::DataSource, format!("`{}` is read when Terraform runs", instance.address)),
    };
    let data = Unknown { kind, reason: reason.into(), set: true, prefix: "".into(), suffix: "".into(), decoded: None };
    let mut value = Value::new(Data::Unknown(Arc::new(data)), span);
    value.origin = Some(reference_origin(&instance.address, ""));
    value
}

fn reference_origin(subject: &Arc<str>, attribute: &str) -> Arc<Origin> {
    Arc::new(Origin { steps: Vec::new(), references: vec![Reference { subject: Arc::clone(subject), attribute: attribute.into() }] })
}

/// Something nobody declares in what is read: a reference all the same, so that what it was meant for is seen, and set, as an attribute
/// of what is declared elsewhere would be.
pub(super) fn undeclared(address: &str, span: Span) -> Value {
    let reason = format!("`{address}` is not declared").into();
    let data = Unknown { kind: UnknownKind::Reference, reason, set: true, prefix: "".into(), suffix: "".into(), decoded: None };
    let mut value = Value::new(Data::Unknown(Arc::new(data)), span);
    value.origin = Some(reference_origin(&address.into(), ""));
    value
}

/// The value under a key of a map that is unknown only for other keys.
fn sure_part(base: &Value, unknown: &Unknown, name: &str) -> Option<Value> {
    let known = unknown.decoded.as_ref().filter(|known| known.get(REST).is_some())?;
    Some(inherit(base, known.get(name).filter(|_| name != REST)?))
}

/// A part of something unknown: unknown for the same reason. What another resource gives is taken as set.
fn part_of_unknown(base: &Value, unknown: &Unknown, span: Span) -> Value {
    let set = unknown.set && matches!(unknown.kind, UnknownKind::Reference | UnknownKind::DataSource);
    with_marks(derived(unknown, set, span), std::iter::once(base), false)
}

fn key_of(key: &Value, named: bool) -> Option<Key> {
    if named {
        return to_text(key).map(Key::Name);
    }
    match to_number(key) {
        Some(Number::Int(index)) => usize::try_from(index).ok().map(Key::Index),
        _ => None,
    }
}

fn shown(key: &Value) -> String {
    to_text(key).map_or_else(|| describe(key).to_owned(), |text| text.to_string())
}

/// The path from one folder to another, as `path.module` shows it: `.`, `modules/db`, `../../modules/db`.
pub(super) fn relative(from: &str, to: &str) -> String {
    let split = |path: &str| path.split('/').filter(|part| !part.is_empty()).map(str::to_owned).collect::<Vec<_>>();
    let (from, to) = (split(from), split(to));
    let common = from.iter().zip(&to).take_while(|(a, b)| a == b).count();
    let mut parts: Vec<String> = vec!["..".to_owned(); from.len() - common];
    parts.extend(to.into_iter().skip(common));
    if parts.is_empty() { ".".to_owned() } else { parts.join("/") }
}
