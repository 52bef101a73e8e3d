//! IAM policies: their statements in one shape, and what they allow. Terraform's policy documents and JSON are the same here.

use std::sync::Arc;

use probity_value::{Data, Map, Span, UnknownKind, Value};

use crate::check::{Ask, Who};
use crate::compare::as_text;
use crate::network::Addresses;
use crate::path::{MAYBE, decode_json, vague};
use crate::text::{covers, like, overlaps};
use crate::truth::Tri;

/// One statement, every part a list, whatever way it was written.
#[derive(Clone, Debug)]
pub(crate) struct Statement {
    /// The statement as written.
    source: Value,
    sid: Option<Value>,
    /// `Allow` or `Deny`; unknown where it is.
    effect: Value,
    actions: Option<Value>,
    not_actions: Option<Value>,
    resources: Option<Value>,
    not_resources: Option<Value>,
    principals: Option<Vec<Principal>>,
    not_principals: Option<Vec<Principal>>,
    conditions: Vec<Condition>,
}

#[derive(Clone, Debug)]
struct Principal {
    kind: Value,
    id: Value,
}

#[derive(Clone, Debug)]
struct Condition {
    operator: Value,
    key: Value,
    /// A list; unknown where the whole list is.
    values: Value,
}

/// The statements of a policy.
#[derive(Clone, Debug)]
pub(crate) enum Policy {
    /// These.
    Statements(Vec<Statement>),
    /// Cannot be known.
    Unknown(Value),
    /// This is no policy.
    None,
}

/// Reads JSON text, a map with `Statement`, the blocks of a policy document, or a list of statements of this engine's own view.
pub(crate) fn policy(value: &Value) -> Policy {
    match &value.data {
        Data::Unknown(unknown) => match &unknown.decoded {
            Some(decoded) => policy(&decoded.clone().at(value.span)),
            None => Policy::Unknown(vague(value)),
        },
        Data::String(text) if text.trim().is_empty() => Policy::None,
        Data::String(_) => match decode_json(value) {
            Some(decoded) => policy(&decoded),
            None => Policy::Unknown(Value::unknown(UnknownKind::Invalid, "the policy is not JSON text", value.span)),
        },
        Data::Map(map) => {
            if let Some(statements) = map.get("Statement") {
                from_json(statements)
            } else if let Some(document) = map.get("json").filter(|json| json.as_str().is_some() || decoded(json)) {
                // A document that is put together from others: what comes out of it.
                policy(document)
            } else if let Some(blocks) = map.get("statement") {
                collect(blocks, &from_block)
            } else if map.contains_key("Effect") {
                Policy::Statements(vec![from_aws(value, map)])
            } else {
                Policy::None
            }
        }
        Data::List(items) => {
            // The `$statements` view itself, a list of JSON statements, or several policies.
            let mut all = Vec::new();
            for item in items.iter() {
                match item.as_map() {
                    Some(map) if map.contains_key("effect") => all.push(from_block(item, map)),
                    _ => match policy(item) {
                        Policy::Statements(statements) => all.extend(statements),
                        Policy::Unknown(unknown) => return Policy::Unknown(unknown),
                        Policy::None => {}
                    },
                }
            }
            Policy::Statements(all)
        }
        _ => Policy::None,
    }
}

/// Whether it is JSON text that is unknown in parts only.
fn decoded(value: &Value) -> bool {
    value.as_unknown().is_some_and(|unknown| unknown.decoded.is_some())
}

fn from_json(statements: &Value) -> Policy {
    collect(statements, &from_aws)
}

fn collect(value: &Value, read: &dyn Fn(&Value, &Map) -> Statement) -> Policy {
    let items = match &value.data {
        Data::Unknown(_) => return Policy::Unknown(vague(value)),
        Data::List(items) => items.as_slice(),
        _ => std::slice::from_ref(value),
    };
    let mut statements = Vec::new();
    for item in items {
        match &item.data {
            Data::Map(map) => statements.push(read(item, map)),
            // One of which nothing is known, beside others that may decide.
            Data::Unknown(_) => statements.push(Statement::unknown(vague(item))),
            _ => {}
        }
    }
    Policy::Statements(statements)
}

/// A part that is there and not null.
fn part(map: &Map, key: &str) -> Option<Value> {
    map.get(key).filter(|value| !value.is_null()).cloned()
}

/// The same as a list; unknown stays as it is, unless it is sure to be text.
fn listed(value: Value) -> Value {
    match &value.data {
        Data::List(_) => value,
        Data::Unknown(unknown) if unknown.prefix.is_empty() => value,
        _ => {
            let span = value.span;
            Value::list(vec![value], span)
        }
    }
}

fn items(value: &Value) -> &[Value] {
    value.as_list().unwrap_or(std::slice::from_ref(value))
}

fn from_aws(source: &Value, map: &Map) -> Statement {
    let list = |key: &str| part(map, key).map(listed);
    let principals = |key: &str| part(map, key).map(|value| aws_principals(&value));
    let mut conditions = Vec::new();
    match part(map, "Condition") {
        Some(value) if value.is_unknown() => conditions.push(Condition { operator: value.clone(), key: value.clone(), values: value }),
        Some(value) => {
            for (operator, entry) in value.as_map().into_iter().flat_map(Map::iter) {
                let operator = Value::string(Arc::clone(operator), entry.key);
                match &entry.value.data {
                    Data::Map(keys) => {
                        for (key, inner) in keys.iter() {
                            conditions.push(Condition {
                                operator: operator.clone(),
                                key: Value::string(Arc::clone(key), inner.key),
                                values: listed(inner.value.clone()),
                            });
                        }
                    }
                    Data::Unknown(_) => {
                        conditions.push(Condition { operator, key: entry.value.clone(), values: entry.value.clone() });
                    }
                    _ => {}
                }
            }
        }
        None => {}
    }
    Statement {
        source: source.clone(),
        sid: part(map, "Sid"),
        effect: part(map, "Effect").unwrap_or_else(|| Value::null(source.span)),
        actions: list("Action"),
        not_actions: list("NotAction"),
        resources: list("Resource"),
        not_resources: list("NotResource"),
        principals: principals("Principal"),
        not_principals: principals("NotPrincipal"),
        conditions,
    }
}

fn aws_principals(value: &Value) -> Vec<Principal> {
    match &value.data {
        Data::Map(map) => map
            .iter()
            .flat_map(|(kind, entry)| {
                let kind = Value::string(Arc::clone(kind), entry.key);
                let ids = listed(entry.value.clone());
                items(&ids).iter().map(|id| Principal { kind: kind.clone(), id: id.clone() }).collect::<Vec<_>>()
            })
            .collect(),
        Data::List(list) => list.iter().map(|id| Principal { kind: Value::string("*", id.span), id: id.clone() }).collect(),
        Data::Unknown(_) => vec![Principal { kind: value.clone(), id: value.clone() }],
        _ => vec![Principal { kind: Value::string("*", value.span), id: value.clone() }],
    }
}

/// A `statement` block of `data.aws_iam_policy_document`, and also an item of the `$statements` view, which has the same names.
fn from_block(source: &Value, map: &Map) -> Statement {
    let list = |key: &str| part(map, key).map(listed).filter(|value| value.as_list().is_none_or(|items| !items.is_empty()));
    let principals = |key: &str| part(map, key).map(listed).map(|blocks| block_principals(&blocks)).filter(|list| !list.is_empty());
    let blocks = part(map, "condition").or_else(|| part(map, "conditions")).map(listed);
    let conditions = blocks
        .iter()
        .flat_map(items)
        .map(|block| match &block.data {
            Data::Map(condition) => Condition {
                operator: part(condition, "test").or_else(|| part(condition, "operator")).unwrap_or_else(|| Value::null(block.span)),
                key: part(condition, "variable").or_else(|| part(condition, "key")).unwrap_or_else(|| Value::null(block.span)),
                values: part(condition, "values").map_or_else(|| Value::list(Vec::new(), block.span), listed),
            },
            _ => Condition { operator: block.clone(), key: block.clone(), values: block.clone() },
        })
        .collect();
    Statement {
        source: source.clone(),
        sid: part(map, "sid"),
        effect: part(map, MAYBE).or_else(|| part(map, "effect")).unwrap_or_else(|| Value::string("Allow", source.span)),
        actions: list("actions"),
        not_actions: list("not_actions"),
        resources: list("resources"),
        not_resources: list("not_resources"),
        principals: principals("principals"),
        not_principals: principals("not_principals"),
        conditions,
    }
}

fn block_principals(blocks: &Value) -> Vec<Principal> {
    items(blocks)
        .iter()
        .flat_map(|block| match &block.data {
            Data::Map(map) => {
                let kind = part(map, "type").unwrap_or_else(|| Value::null(block.span));
                let ids = part(map, "identifiers").or_else(|| part(map, "id")).map(listed);
                ids.iter().flat_map(items).map(|id| Principal { kind: kind.clone(), id: id.clone() }).collect::<Vec<_>>()
            }
            Data::Unknown(_) => vec![Principal { kind: block.clone(), id: block.clone() }],
            _ => Vec::new(),
        })
        .collect()
}

/// The `$statements` view; `None` where the value is no policy.
pub(crate) fn statements(value: &Value) -> Option<Value> {
    match policy(value) {
        Policy::Statements(list) => Some(Value::list(list.iter().map(Statement::view).collect(), value.span)),
        Policy::Unknown(unknown) => Some(unknown),
        Policy::None => None,
    }
}

impl Statement {
    /// A statement of which nothing is known.
    fn unknown(value: Value) -> Statement {
        let part = || Some(value.clone());
        Statement {
            sid: None,
            effect: value.clone(),
            actions: part(),
            not_actions: part(),
            resources: part(),
            not_resources: part(),
            principals: Some(vec![Principal { kind: value.clone(), id: value.clone() }]),
            not_principals: None,
            conditions: vec![Condition { operator: value.clone(), key: value.clone(), values: value.clone() }],
            source: value,
        }
    }

    fn view(&self) -> Value {
        if self.source.is_unknown() {
            return self.source.clone();
        }
        let span = self.source.span;
        let mut map = Map::new();
        if let Some(maybe) = self.source.get(MAYBE) {
            map.insert(MAYBE, span, maybe.clone());
        }
        let mut put = |key: &str, value: Value| {
            let at = value.span.or(span);
            map.insert(key, at, value.at(at));
        };
        if let Some(sid) = &self.sid {
            put("sid", sid.clone());
        }
        put("effect", self.effect.clone());
        for (key, list) in [
            ("actions", &self.actions),
            ("not_actions", &self.not_actions),
            ("resources", &self.resources),
            ("not_resources", &self.not_resources),
        ] {
            put(key, list.clone().unwrap_or_else(|| Value::list(Vec::new(), span)));
        }
        let principals = |list: &Option<Vec<Principal>>| {
            let items = list.iter().flatten().map(|principal| {
                let mut map = Map::new();
                map.insert("type", span, principal.kind.clone());
                map.insert("id", span, principal.id.clone());
                Value::map(map, principal.id.span.or(span))
            });
            Value::list(items.collect(), span)
        };
        put("principals", principals(&self.principals));
        put("not_principals", principals(&self.not_principals));
        let conditions = self.conditions.iter().map(|condition| {
            let mut map = Map::new();
            map.insert("operator", span, condition.operator.clone());
            map.insert("key", span, condition.key.clone());
            map.insert("values", span, condition.values.clone());
            Value::map(map, condition.key.span.or(span))
        });
        put("conditions", Value::list(conditions.collect(), span));
        put("anyone", tri_value(self.anyone(), span));
        put("restricted", tri_value(self.restricted(), span));
        Value::map(map, span)
    }

    fn has_effect(&self, wanted: &str) -> Tri {
        match &self.effect.data {
            Data::Unknown(_) => Tri::Maybe(self.effect.clone()),
            _ => Tri::known(self.effect.as_str().is_some_and(|effect| effect.eq_ignore_ascii_case(wanted))),
        }
    }

    /// Whether everybody in the world is a principal, conditions apart.
    fn anyone(&self) -> Tri {
        if self.not_principals.is_some() {
            return Tri::Yes;
        }
        Tri::any(self.principals.iter().flatten().map(|principal| is_anyone(&principal.id)))
    }

    /// Whether a condition narrows who.
    fn restricted(&self) -> Tri {
        Tri::any(self.conditions.iter().map(|condition| condition.narrows(false)))
    }

    /// Whether it speaks of all that `action` stands for.
    fn covers_action(&self, action: &str) -> Tri {
        covered(self.actions.as_ref(), self.not_actions.as_ref(), action, true)
    }

    /// Whether it speaks of all that `resource` stands for. A statement without resources (a resource policy, a trust) speaks of its own.
    fn covers_resource(&self, resource: &str) -> Tri {
        if self.resources.is_none() && self.not_resources.is_none() {
            return Tri::Yes;
        }
        covered(self.resources.as_ref(), self.not_resources.as_ref(), resource, false)
    }

    fn covers_principal(&self, who: &Who) -> Tri {
        match who {
            Who::Anyone => self.anyone(),
            Who::Id(id) => {
                let named = |list: &Option<Vec<Principal>>| {
                    Tri::any(list.iter().flatten().map(|principal| Tri::any([is_anyone(&principal.id), has_id(&principal.id, id)])))
                };
                if self.not_principals.is_some() { named(&self.not_principals).negate_if(true) } else { named(&self.principals) }
            }
        }
    }

    /// Whether, as a Deny, it takes away all that the `allow` gives of the ask.
    fn denies(&self, allow: &Statement, action: &str, ask: &Ask) -> Tri {
        if self.source.is_unknown() {
            return Tri::Maybe(self.source.clone());
        }
        let resource = match &ask.resource {
            Some(resource) => self.covers_resource(resource),
            None => match &allow.resources {
                _ if self.resources.is_none() && self.not_resources.is_none() => Tri::Yes,
                Some(given) => Tri::all(items(given).iter().map(|resource| match (as_text(resource), self.covers_resource("*")) {
                    (Some(text), _) => self.covers_resource(&text),
                    (None, Tri::Yes) => Tri::Yes,
                    (None, _) => Tri::Maybe(resource.clone()),
                })),
                None => self.covers_resource("*"),
            },
        };
        // A Deny for all but the own organisation leaves nothing for anyone; other conditions leave the rest allowed.
        let unconditional = if self.conditions.is_empty() {
            Tri::Yes
        } else if ask.principal == Some(Who::Anyone) {
            Tri::all(self.conditions.iter().map(|condition| condition.narrows(true)))
        } else {
            Tri::No
        };
        let principal = match &ask.principal {
            Some(who) if self.principals.is_some() || self.not_principals.is_some() => self.covers_principal(who),
            _ if self.not_principals.is_some() => Tri::No,
            _ if self.principals.is_some() => self.anyone(),
            _ => Tri::Yes,
        };
        Tri::all([self.has_effect("Deny"), self.covers_action(action), resource, principal, unconditional])
    }
}

fn tri_value(tri: Tri, span: Span) -> Value {
    match tri {
        Tri::Yes => Value::bool(true, span),
        Tri::No => Value::bool(false, span),
        Tri::Maybe(value) => value,
    }
}

fn is_anyone(id: &Value) -> Tri {
    match &id.data {
        Data::String(text) => Tri::known(matches!(text.trim(), "*" | "arn:aws:iam::*:root" | "arn:*:iam::*:root")),
        Data::Unknown(unknown) if !unknown.prefix.is_empty() && !unknown.prefix.starts_with('*') => Tri::No,
        // The ARN of a role or of an account is somebody in particular.
        Data::Unknown(unknown) if matches!(unknown.kind, UnknownKind::Reference | UnknownKind::DataSource) => Tri::No,
        Data::Unknown(_) => Tri::Maybe(id.clone()),
        _ => Tri::No,
    }
}

fn has_id(id: &Value, wanted: &str) -> Tri {
    match &id.data {
        Data::Unknown(unknown) if !unknown.prefix.is_empty() && !wanted.starts_with(&*unknown.prefix) => Tri::No,
        Data::Unknown(_) => Tri::Maybe(id.clone()),
        _ => Tri::known(as_text(id).is_some_and(|text| text == wanted || like(wanted, &text))),
    }
}

/// Whether `listed`, or all but `excepted`, stand for all that `wanted` stands for.
fn covered(listed: Option<&Value>, excepted: Option<&Value>, wanted: &str, fold: bool) -> Tri {
    let fold_case = |text: &str| if fold { text.to_lowercase() } else { text.to_owned() };
    let wanted = fold_case(wanted);
    let compare = |item: &Value, test: &dyn Fn(&str) -> bool, by_prefix: &dyn Fn(&str) -> bool| match &item.data {
        Data::Unknown(unknown) if !unknown.prefix.is_empty() && !by_prefix(&fold_case(&unknown.prefix)) => Tri::No,
        Data::Unknown(_) => Tri::Maybe(item.clone()),
        _ => as_text(item).map_or(Tri::No, |text| {
            let text = fold_case(&text);
            // `*:*` is every action of every service.
            Tri::known(test(if fold && text == "*:*" { "*" } else { &text }))
        }),
    };
    match (listed, excepted) {
        (Some(listed), _) => Tri::any(
            items(listed).iter().map(|item| compare(item, &|text| covers(text, &wanted), &|prefix| covers(&format!("{prefix}*"), &wanted))),
        ),
        (None, Some(excepted)) => Tri::any(
            items(excepted)
                .iter()
                .map(|item| compare(item, &|text| overlaps(text, &wanted), &|prefix| overlaps(&format!("{prefix}*"), &wanted))),
        )
        .negate_if(true),
        (None, None) => Tri::No,
    }
}

/// Whether the policy, with its Deny statements, allows what is asked.
pub(crate) fn allows(value: &Value, ask: &Ask) -> Tri {
    let statements = match policy(value) {
        Policy::Statements(statements) => statements,
        Policy::Unknown(unknown) => return Tri::Maybe(unknown),
        Policy::None => return Tri::No,
    };
    Tri::any(ask.actions.iter().flat_map(|action| statements.iter().map(move |statement| (action, statement))).map(|(action, allow)| {
        let principal = match &ask.principal {
            None => Tri::Yes,
            Some(Who::Anyone) => Tri::all([allow.anyone(), allow.restricted().negate_if(true)]),
            Some(who) => allow.covers_principal(who),
        };
        let gives = Tri::all([
            allow.has_effect("Allow"),
            allow.covers_action(action),
            ask.resource.as_ref().map_or(Tri::Yes, |resource| allow.covers_resource(resource)),
            principal,
            match &allow.source {
                source if source.is_unknown() => Tri::Maybe(source.clone()),
                _ => Tri::known(!ask.unconditional || allow.conditions.is_empty()),
            },
        ]);
        if matches!(gives, Tri::No) {
            return Tri::No;
        }
        let denied = Tri::any(statements.iter().map(|deny| deny.denies(allow, action, ask)));
        Tri::all([gives, denied.negate_if(true)])
    }))
}

/// Condition keys that say who calls or from where, in lower case.
const NARROWING_KEYS: &[&str] = &[
    "aws:sourceaccount",
    "aws:sourcearn",
    "aws:sourceowner",
    "aws:sourceorgid",
    "aws:sourceorgpaths",
    "aws:sourceip",
    "aws:vpcsourceip",
    "aws:sourcevpc",
    "aws:sourcevpce",
    "aws:sourcevpcarn",
    "aws:vpceaccount",
    "aws:vpceorgid",
    "aws:vpceorgpaths",
    "aws:principalaccount",
    "aws:principalarn",
    "aws:principalorgid",
    "aws:principalorgpaths",
    "aws:principalisawsservice",
    "aws:principalservicename",
    "aws:userid",
    "aws:username",
    "kms:calleraccount",
    "s3:dataaccesspointaccount",
    "s3:dataaccesspointarn",
];

impl Condition {
    /// Whether it narrows who. With `others`, whether it is the other way round: a Deny under it leaves only some.
    fn narrows(&self, others: bool) -> Tri {
        let (Some(operator), Some(key)) = (self.operator.as_str(), self.key.as_str()) else {
            return if self.operator.is_unknown() || self.key.is_unknown() { Tri::Maybe(self.key.clone()) } else { Tri::No };
        };
        let key = key.to_lowercase();
        if !NARROWING_KEYS.contains(&key.as_str()) {
            return Tri::No;
        }
        let operator = operator.to_lowercase();
        // With `ForAllValues` and `IfExists` a request without the key is let through; as a Deny it is refused, which narrows.
        let operator = operator.strip_prefix("foranyvalue:").unwrap_or(&operator);
        let (operator, lax) = match operator.strip_prefix("forallvalues:") {
            Some(rest) => (rest, true),
            None => (operator, false),
        };
        let (operator, lax) = match operator.strip_suffix("ifexists") {
            Some(rest) => (rest, true),
            None => (operator, lax),
        };
        let narrowing = match operator {
            "stringequals" | "stringequalsignorecase" | "stringlike" | "arnequals" | "arnlike" | "ipaddress" => !others && !lax,
            "stringnotequals" | "stringnotequalsignorecase" | "stringnotlike" | "arnnotequals" | "arnnotlike" | "notipaddress" => others,
            "bool" if key == "aws:principalisawsservice" => {
                let wanted = if others { "false" } else { "true" };
                return Tri::known(!lax && items(&self.values).iter().all(|value| as_text(value).is_some_and(|text| text == wanted)));
            }
            _ => false,
        };
        if !narrowing {
            return Tri::No;
        }
        if key == "aws:sourceip" || key == "aws:vpcsourceip" {
            return narrow_addresses(&self.values);
        }
        if items(&self.values).is_empty() {
            return Tri::No;
        }
        // One value that is anybody makes the whole list anybody.
        Tri::all(items(&self.values).iter().map(in_particular))
    }
}

/// Whether CIDRs together are less than the world.
fn narrow_addresses(values: &Value) -> Tri {
    let mut known = Vec::new();
    let mut maybe = None;
    for value in items(values) {
        match &value.data {
            Data::Unknown(unknown) if matches!(unknown.kind, UnknownKind::Reference | UnknownKind::DataSource) => {}
            Data::Unknown(_) => maybe = maybe.or(Some(value)),
            _ => match as_text(value).and_then(|text| text.parse::<Addresses>().ok()) {
                Some(addresses) => known.push(addresses),
                None => return Tri::No,
            },
        }
    }
    if Addresses::union(&known).is_world() {
        return Tri::No;
    }
    maybe.map_or(Tri::Yes, |value| Tri::Maybe(value.clone()))
}

/// Whether a value of a narrowing condition names somebody in particular: not `*`, and no ARN that is open in account and resource.
fn in_particular(value: &Value) -> Tri {
    match &value.data {
        Data::Unknown(unknown) if matches!(unknown.kind, UnknownKind::Reference | UnknownKind::DataSource) => Tri::Yes,
        Data::Unknown(unknown) if specific(&unknown.prefix) => Tri::Yes,
        Data::Unknown(_) => Tri::Maybe(value.clone()),
        _ => Tri::known(as_text(value).is_some_and(|text| specific(&text))),
    }
}

fn specific(text: &str) -> bool {
    let open = |field: &str| field.chars().all(|letter| matches!(letter, '*' | '?' | '/'));
    match text.strip_prefix("arn:") {
        // partition, service, region, account, resource: the account or the resource must be somebody's.
        Some(rest) => rest.splitn(5, ':').skip(3).any(|field| !open(field)),
        None => !open(text),
    }
}
