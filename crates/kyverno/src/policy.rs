//! Reads `ClusterPolicy` and `Policy` documents (`kyverno.io/v1`, `v2beta1`).
//!
//! Everything a policy says is read here, once; a policy with a mistake is refused as a whole.

use std::sync::Arc;

use probity_core::{Effect, Phase, PolicyDocument, PolicyRule};
use probity_kubernetes::meta::{Described, describe};
use probity_kubernetes::{Selector, wildcard};
use probity_value::{Map, Span, Value};

use crate::autogen;
use crate::cel_rule::MatchConditions;
use crate::conditions::Conditions;
use crate::context::ContextEntry;
use crate::generate::Generation;
use crate::matching::Clause;
use crate::mutate::Mutation;
use crate::read::Reader;
use crate::validate::Validation;
use crate::verify_images::ImageRule;

/// Names, place and annotations of a policy.
#[derive(Clone, Debug)]
pub(crate) struct Identity {
    /// `ClusterPolicy` or `Policy`.
    pub(crate) kind: Arc<str>,
    /// Its own name.
    pub(crate) name: Arc<str>,
    /// Its namespace; empty for a `ClusterPolicy`.
    pub(crate) namespace: Arc<str>,
    /// With the namespace before it, where there is one.
    pub(crate) full_name: Arc<str>,
    annotations: Vec<(Arc<str>, Arc<str>)>,
    object: Value,
}

impl Identity {
    /// The value of an annotation.
    pub(crate) fn annotation(&self, name: &str) -> Option<&str> {
        self.annotations.iter().find(|(key, _)| **key == *name).map(|(_, value)| &**value)
    }
}

/// What failures lead to, and in which namespaces otherwise.
#[derive(Clone, Debug, Default)]
pub(crate) struct Action {
    effect: Option<Effect>,
    overrides: Vec<(Effect, Vec<Arc<str>>, Option<Selector>)>,
}

const ACTIONS: &[(&str, Effect)] =
    &[("Enforce", Effect::Deny), ("enforce", Effect::Deny), ("Audit", Effect::Audit), ("audit", Effect::Audit)];

impl Action {
    /// Reads an action and its overrides.
    pub(crate) fn read(reader: &mut Reader, map: &Map, key: &str, overrides: &str) -> Action {
        let mut action = Action { effect: reader.word(map, key, ACTIONS), overrides: Vec::new() };
        for item in reader.list(map, overrides) {
            let Some(fields) = reader.fields(item, overrides, &["action", "namespaces", "namespaceSelector"]) else { continue };
            let effect = reader.word(fields, "action", ACTIONS).unwrap_or(Effect::Audit);
            let namespaces = reader.texts(fields, "namespaces");
            let selector = Reader::get(fields, "namespaceSelector").and_then(|value| match Selector::from_value(value) {
                Ok(selector) => Some(selector),
                Err(error) => {
                    reader.wrong(value.span, error.to_string());
                    None
                }
            });
            action.overrides.push((effect, namespaces, selector));
        }
        action
    }

    /// What it says without overrides.
    pub(crate) fn plain(&self) -> Option<Effect> {
        self.effect
    }

    /// What a failure leads to in a namespace, if this says so.
    pub(crate) fn effect(&self, namespace: &str, labels: &dyn Fn() -> Option<Value>) -> Option<Effect> {
        for (effect, namespaces, selector) in &self.overrides {
            let named = wildcard::matches_any(namespaces.iter().map(|name| &**name), namespace);
            let selected =
                || selector.as_ref().is_some_and(|selector| labels().is_some_and(|labels| selector.matches(&labels) == Ok(true)));
            let fits = match (namespaces.is_empty(), selector) {
                (true, None) => false,
                (true, Some(_)) => selected(),
                (false, None) => named,
                (false, Some(_)) => named && selected(),
            };
            if fits {
                return Some(*effect);
            }
        }
        self.effect
    }
}

/// What a rule does.
#[derive(Debug)]
pub(crate) enum Body {
    /// It judges.
    Validate(Box<Validation>),
    /// It changes objects.
    Mutate(Box<Mutation>),
    /// It makes objects.
    Generate(Box<Generation>),
    /// It checks images.
    VerifyImages(Box<ImageRule>),
}

/// One rule.
#[derive(Debug)]
pub(crate) struct Rule {
    /// Its name and metadata.
    pub(crate) rule: Arc<PolicyRule>,
    /// For a rule made for pod controllers: the kinds it is about.
    pub(crate) made_for: Option<Vec<&'static str>>,
    /// Kinds it is not about, because a rule made for them stands in its place.
    pub(crate) gives_way_to: Vec<&'static str>,
    pub(crate) context: Vec<ContextEntry>,
    pub(crate) matches: Clause,
    pub(crate) excludes: Option<Clause>,
    pub(crate) preconditions: Conditions,
    /// Whether evaluating it may need variables of a test.
    pub(crate) has_variables: bool,
    pub(crate) body: Body,
}

/// A policy that has been read.
#[derive(Debug)]
pub(crate) struct Policy {
    pub(crate) identity: Identity,
    pub(crate) rules: Vec<Rule>,
    /// Whether to stop after the first rule that gives a pass or a failure.
    pub(crate) one: bool,
    /// What failures lead to.
    pub(crate) action: Action,
    /// CEL conditions of the webhook.
    pub(crate) match_conditions: Option<MatchConditions>,
}

const SPEC_FIELDS: &[&str] = &[
    "rules",
    "applyRules",
    "failurePolicy",
    "validationFailureAction",
    "validationFailureActionOverrides",
    "emitWarning",
    "admission",
    "background",
    "schemaValidation",
    "webhookTimeoutSeconds",
    "mutateExistingOnPolicyUpdate",
    "generateExistingOnPolicyUpdate",
    "generateExisting",
    "useServerSideApply",
    "webhookConfiguration",
];

const RULE_FIELDS: &[&str] = &[
    "name",
    "context",
    "reportProperties",
    "match",
    "exclude",
    "imageExtractors",
    "preconditions",
    "celPreconditions",
    "mutate",
    "validate",
    "generate",
    "verifyImages",
    "skipBackgroundRequests",
];

/// Reads names and annotations of an object.
pub(crate) fn identity(reader: &mut Reader, value: &Value) -> Option<Identity> {
    let kind = value.get("kind").and_then(Value::as_str).unwrap_or_default();
    let Some(metadata) = value.get("metadata").and_then(Value::as_map) else {
        reader.wrong(value.span, format!("the {kind} has no `metadata`"));
        return None;
    };
    let at = value.get("metadata").map_or(value.span, |metadata| metadata.span);
    let name = reader.required_text(metadata, "name", "metadata", at)?;
    let namespaced = kind != "ClusterPolicy";
    let namespace = reader.text(metadata, "namespace").filter(|_| namespaced).unwrap_or_else(|| "".into());
    let namespace: Arc<str> = if kind == "Policy" && namespace.is_empty() { "default".into() } else { namespace };
    let full_name = if namespace.is_empty() { Arc::clone(&name) } else { format!("{namespace}/{name}").into() };
    Some(Identity {
        kind: kind.into(),
        name,
        namespace,
        full_name,
        annotations: reader.text_map(metadata, "annotations"),
        object: value.clone(),
    })
}

impl Policy {
    /// Reads a policy; what is wrong with it is in the reader then.
    pub(crate) fn read(reader: &mut Reader, document: &PolicyDocument) -> Option<Policy> {
        let value = &document.value;
        reader.fields(value, "a policy", &["apiVersion", "kind", "metadata", "spec", "status"])?;
        let identity = identity(reader, value)?;
        let spec_value = value.get("spec").filter(|spec| !spec.is_null());
        let Some(spec) = spec_value.and_then(|spec| reader.fields(spec, "spec", SPEC_FIELDS)) else {
            reader.wrong(value.span, format!("the policy `{}` has no `spec`", identity.name));
            return None;
        };
        let one = reader.word(spec, "applyRules", &[("All", false), ("One", true)]).unwrap_or(false);
        reader.word(spec, "failurePolicy", &[("Fail", ()), ("Ignore", ())]);
        for key in ["emitWarning", "admission", "background", "schemaValidation", "generateExisting", "useServerSideApply"] {
            reader.boolean(spec, key);
        }
        let action = Action::read(reader, spec, "validationFailureAction", "validationFailureActionOverrides");
        let mut match_conditions = None;
        if let Some(webhook) = Reader::get(spec, "webhookConfiguration")
            && let Some(fields) = reader.fields(webhook, "webhookConfiguration", &["failurePolicy", "timeoutSeconds", "matchConditions"])
        {
            match_conditions = MatchConditions::read(reader, fields);
        }
        let items = reader.list(spec, "rules");
        if items.is_empty() {
            reader.wrong(spec_value.map_or(value.span, |spec| spec.span), format!("the policy `{}` has no rules", identity.name));
        }
        let mut names: Vec<Arc<str>> = Vec::new();
        for item in items {
            if let Some(name) = item.get("name").and_then(Value::as_str) {
                if names.iter().any(|known| **known == *name) {
                    reader.wrong(item.span, format!("there is another rule `{name}`"));
                }
                names.push(name.into());
            }
        }
        let made = autogen::rules(&identity, items);
        let mut rules = Vec::with_capacity(items.len() + made.rules.len());
        for item in items {
            rules.extend(Rule::read(reader, &identity, &action, item));
        }
        for rule in &mut rules {
            if rule.rule.name.starts_with("autogen-") {
                rule.gives_way_to.clone_from(&made.controllers);
            }
        }
        if !reader.failed() {
            for (kinds, item) in &made.rules {
                let Some(mut rule) = Rule::read(reader, &identity, &action, item) else { continue };
                rule.made_for = Some(kinds.clone());
                rules.push(rule);
            }
        }
        Some(Policy { identity, rules, one, action, match_conditions })
    }
}

impl Rule {
    fn read(reader: &mut Reader, identity: &Identity, action: &Action, value: &Value) -> Option<Rule> {
        let map = reader.fields(value, "rules", RULE_FIELDS)?;
        let name = reader.required_text(map, "name", "rules", value.span)?;
        if name.len() > 63 {
            reader.wrong(value.span, format!("the name of the rule `{name}` has more than 63 characters"));
        }
        reader.text_map(map, "reportProperties");
        reader.boolean(map, "skipBackgroundRequests");
        let context = ContextEntry::read_all(reader, map, &identity.namespace);
        let Some(matches) = Reader::get(map, "match").and_then(|value| Clause::read(reader, value, "match")) else {
            reader.wrong(value.span, format!("the rule `{name}` has no `match`"));
            return None;
        };
        let excludes = Reader::get(map, "exclude").and_then(|value| Clause::read(reader, value, "exclude"));
        let preconditions = Reader::get(map, "preconditions").map(|value| reader.conditions(value, "preconditions")).unwrap_or_default();
        let given: Vec<&str> = ["validate", "mutate", "generate", "verifyImages"]
            .into_iter()
            .filter(|key| {
                Reader::get(map, key).is_some_and(|value| {
                    value.as_map().is_none_or(|map| !map.is_empty()) && value.as_list().is_none_or(|list| !list.is_empty())
                })
            })
            .collect();
        let [what] = given.as_slice() else {
            reader.wrong(value.span, format!("the rule `{name}` needs exactly one of `validate`, `mutate`, `generate` and `verifyImages`"));
            return None;
        };
        let body_value = Reader::get(map, what)?;
        let null = Value::null(Span::NONE);
        let (body, phase) = match *what {
            "validate" => {
                let validation = Validation::read(reader, identity, &name, body_value, map)?;
                (Body::Validate(Box::new(validation)), Phase::Validate)
            }
            "mutate" => (Body::Mutate(Box::new(Mutation::read(reader, identity, &name, body_value)?)), Phase::Mutate),
            "generate" => (Body::Generate(Box::new(Generation::read(reader, identity, &name, body_value)?)), Phase::Generate),
            _ => {
                let rule = ImageRule::read(reader, body_value, map.get("imageExtractors").unwrap_or(&null));
                (Body::VerifyImages(Box::new(rule)), Phase::VerifyImages)
            }
        };
        if Reader::get(map, "celPreconditions").is_some() && !matches!(&body, Body::Validate(validation) if validation.is_cel()) {
            reader.wrong(value.span, format!("the rule `{name}` has `celPreconditions`, but no `validate.cel`"));
        }
        let effect = match &body {
            Body::Validate(validation) => validation.action.effect("", &|| None),
            _ => None,
        };
        let effect = effect.or_else(|| action.effect("", &|| None)).unwrap_or(Effect::Audit);
        let has_variables = !context.is_empty() || has_braces(value);
        let rule = Arc::new(policy_rule(identity, &name, phase, effect, &matches, value));
        Some(Rule { rule, made_for: None, gives_way_to: Vec::new(), context, matches, excludes, preconditions, has_variables, body })
    }
}

/// Whether some text in it may have variables.
fn has_braces(value: &Value) -> bool {
    match &value.data {
        probity_value::Data::String(text) => text.contains("{{"),
        probity_value::Data::List(items) => items.iter().any(has_braces),
        probity_value::Data::Map(map) => {
            map.contains_key("foreach") || map.iter().any(|(key, entry)| key.contains("{{") || has_braces(&entry.value))
        }
        _ => false,
    }
}

/// What a rule says of itself, read from the annotations of its policy.
fn policy_rule(identity: &Identity, name: &Arc<str>, phase: Phase, effect: Effect, matches: &Clause, value: &Value) -> PolicyRule {
    let mut applies_to: Vec<Arc<str>> = Vec::new();
    for kind in matches.filters().iter().flat_map(|filter| &filter.kinds) {
        if !applies_to.contains(&kind.kind) {
            applies_to.push(Arc::clone(&kind.kind));
        }
    }
    let message = value.get("validate").and_then(|validate| validate.get("message")).and_then(Value::as_str);
    let message = message.filter(|message| !message.contains("{{")).unwrap_or_default();
    let id = format!("{}/{name}", identity.full_name);
    let mut meta = describe(&identity.object, &Described { engine: "kyverno", id: &id, effect, applies_to: &applies_to, message: "" });
    meta.title = format!("{}: {name}", meta.title).into();
    if meta.fix.is_empty() {
        meta.fix = message.split_whitespace().collect::<Vec<_>>().join(" ").into();
    }
    PolicyRule {
        policy: Arc::clone(&identity.full_name),
        policy_kind: Arc::clone(&identity.kind),
        name: Arc::clone(name),
        phase,
        effect,
        meta: Arc::new(meta),
        at: value.span,
    }
}
