//! The resources of one deployment by type and name, and the functions that name one of them.

use std::collections::HashMap;
use std::sync::Arc;

use probity_value::{UnknownKind, Value};

use super::eval::{Evaluation, Locals, carry, unknown_set};
use super::expr::Expr;
use probity_value::Span;

/// The resources of one deployment. Azure does not tell upper from lower case in types and names.
#[derive(Debug, Default)]
pub(crate) struct Index {
    by_type_and_name: HashMap<String, Arc<str>>,
    by_name: HashMap<String, Arc<str>>,
}

impl Index {
    /// Adds a resource: its whole type, its whole name (`server/database`) and its id. The first of a name stays.
    pub(crate) fn add(&mut self, type_name: &str, name: &str, id: &Arc<str>) {
        self.by_type_and_name.entry(format!("{type_name}/{name}").to_lowercase()).or_insert_with(|| Arc::clone(id));
        self.by_name.entry(name.to_lowercase()).or_insert_with(|| Arc::clone(id));
    }

    /// Adds a symbolic name.
    pub(crate) fn add_symbol(&mut self, symbol: &str, id: &Arc<str>) {
        self.by_name.insert(symbol.to_lowercase(), Arc::clone(id));
    }

    /// The resource of that type and name.
    pub(crate) fn find(&self, type_name: &str, name: &str) -> Option<&Arc<str>> {
        self.by_type_and_name.get(&format!("{type_name}/{name}").to_lowercase())
    }

    /// The resource some text names: `type/name`, a name, or the whole id of a resource.
    pub(crate) fn named(&self, text: &str) -> Option<&Arc<str>> {
        let lower = text.to_lowercase();
        let found = self.by_type_and_name.get(&lower).or_else(|| self.by_name.get(&lower));
        found.or_else(|| {
            let (_, path) = lower.rsplit_once("/providers/")?;
            let mut parts = path.split('/');
            let mut type_name = parts.next()?.to_owned();
            let mut name = Vec::new();
            while let (Some(part), Some(own)) = (parts.next(), parts.next()) {
                type_name.push('/');
                type_name.push_str(part);
                name.push(own);
            }
            self.find(&type_name, &name.join("/"))
        })
    }
}

/// `resourceId` and its relatives: a reference to the resource of the deployment where it is one of them.
pub(crate) fn resource_id(cx: &Evaluation<'_>, index: &Index, name: &str, args: &[Expr], span: Span, locals: &Locals) -> Option<Value> {
    if !matches!(name, "resourceid" | "subscriptionresourceid" | "tenantresourceid" | "managementgroupresourceid" | "extensionresourceid") {
        return None;
    }
    let args = if name == "extensionresourceid" { args.get(1..).unwrap_or_default() } else { args };
    let values: Vec<Value> = args.iter().map(|arg| cx.eval(arg, locals)).collect();
    // Before the type there may be a subscription and a resource group.
    let at = values.iter().position(|value| value.as_str().is_some_and(|text| text.contains('/') && text.contains('.')));
    let Some(at) = at else {
        return Some(carry(unknown_set(UnknownKind::Reference, "the id of a resource is not known before it is made", "/", span), &values));
    };
    let type_name = values.get(at).and_then(Value::as_str).unwrap_or_default();
    let names: Vec<String> = args.iter().skip(at + 1).map(|arg| cx.symbol(arg, locals, 0)).collect();
    let joined = names.join("/");
    let value = match index.find(type_name, &joined) {
        Some(id) => Value::reference(Arc::clone(id), "id", span),
        None => unknown_set(UnknownKind::Reference, format!("the id of `{type_name}/{joined}` is not known here"), "/", span),
    };
    Some(carry(value, values.iter().skip(at + 1)))
}
