//! Policies, their bindings and expressions, compiled.

use std::collections::{HashMap, HashSet};
use std::sync::Arc;

use probity_cel::admission::{Composition, Declarations, Part, declare, item_part, match_conditions, read_part, read_variables};
use probity_cel::{Environment, Type};
use probity_core::{Diagnostic, Effect, GroupVersionKind, Interest, Phase, Policy, PolicyDocument, PolicyRule};
use probity_kubernetes::match_resources::MatchResources;
use probity_kubernetes::meta::{Described, describe};
use probity_kubernetes::read::Reader;
use probity_value::{Map, Span, Value};

use crate::binding::Binding;
use crate::evaluate::Compiled;
use crate::mutate::{Mutation, PatchKind};
use crate::typecheck;

/// What the kinds are called.
const VALIDATING: &str = "ValidatingAdmissionPolicy";
const MUTATING: &str = "MutatingAdmissionPolicy";
const GROUP: &str = "admissionregistration.k8s.io";
/// The code of what is said of policies.
const CODE: &str = "admission-policy";

/// Whether an object is a policy or a binding that [`compile`] reads.
#[must_use]
pub fn is_policy(object: &Value) -> bool {
    let text = |key: &str| object.get(key).and_then(Value::as_str).unwrap_or_default();
    text("apiVersion").split('/').next() == Some(GROUP)
        && matches!(text("kind"), VALIDATING | MUTATING | "ValidatingAdmissionPolicyBinding" | "MutatingAdmissionPolicyBinding")
}

/// Compiles policies with their bindings. A policy that is wrong is left out and said so; the others are there. A policy without any
/// binding is judged as if it were bound to everything with `Deny`, and that is said.
#[must_use]
pub fn compile(documents: &[PolicyDocument]) -> (Vec<Arc<dyn Policy>>, Vec<Diagnostic>) {
    let mut said = Vec::new();
    let mut bindings: HashMap<(bool, Arc<str>), Vec<Arc<Binding>>> = HashMap::new();
    let mut files: HashMap<Arc<str>, (Arc<str>, Span)> = HashMap::new();
    let kind_of = |document: &PolicyDocument| document.value.get("kind").and_then(Value::as_str).unwrap_or_default().to_owned();
    let mut names: HashSet<(String, Arc<str>)> = HashSet::new();
    for document in documents.iter().filter(|document| is_policy(&document.value)) {
        let kind = kind_of(document);
        let mut reader = Reader::new(&document.file, CODE);
        if kind.ends_with("Binding")
            && let Some(name) = name_of(&document.value, &mut reader)
        {
            let mutating = kind.starts_with("Mutating");
            if !names.insert((kind, Arc::clone(&name))) {
                reader.wrong(document.value.span, format!("the name `{name}` is taken"));
            }
            let binding = Binding::read(name, &document.value, mutating, &mut reader);
            if let Some(binding) = binding.filter(|_| reader.said.is_empty()) {
                files.insert(Arc::clone(&binding.name), (Arc::clone(&document.file), binding.at));
                bindings.entry((mutating, Arc::clone(&binding.policy))).or_default().push(Arc::new(binding));
            }
        }
        said.extend(reader.said);
    }
    let mut policies: Vec<Arc<dyn Policy>> = Vec::new();
    for document in documents.iter().filter(|document| is_policy(&document.value)) {
        let kind = kind_of(document);
        if kind.ends_with("Binding") {
            continue;
        }
        let mutating = kind == MUTATING;
        let mut reader = Reader::new(&document.file, CODE);
        if let Some(name) = name_of(&document.value, &mut reader) {
            if !names.insert((kind, Arc::clone(&name))) {
                reader.wrong(document.value.span, format!("the name `{name}` is taken"));
            }
            let bound = bindings.remove(&(mutating, Arc::clone(&name))).unwrap_or_default();
            if bound.is_empty() {
                reader.warn(
                    document.value.span,
                    format!("no binding names `{name}`: it is judged as if it were bound to everything, and does nothing in a cluster"),
                );
            }
            policies.extend(read_policy(name, mutating, document, bound, &mut reader).map(|policy| Arc::new(policy) as Arc<dyn Policy>));
        }
        said.extend(reader.said);
    }
    for ((_, policy), left) in bindings {
        for binding in left {
            if let Some((file, at)) = files.get(&binding.name) {
                said.push(Diagnostic::new(
                    probity_core::Level::Warning,
                    "admission-binding",
                    Arc::clone(file),
                    *at,
                    format!("the binding `{}` names the policy `{policy}`, which is not here", binding.name),
                ));
            }
        }
    }
    said.sort_by(|a, b| (&a.file, a.span).cmp(&(&b.file, b.span)));
    (policies, said)
}

fn name_of(object: &Value, reader: &mut Reader<'_>) -> Option<Arc<str>> {
    let name = object.get("metadata").and_then(|metadata| metadata.get("name")).and_then(Value::as_str).filter(|name| !name.is_empty());
    if name.is_none() {
        reader.wrong(object.span, "`metadata.name` is missing");
    }
    name.map(Arc::from)
}

const COMMON: [&str; 5] = ["paramKind", "matchConstraints", "failurePolicy", "matchConditions", "variables"];

fn read_policy(
    name: Arc<str>,
    mutating: bool,
    document: &PolicyDocument,
    bindings: Vec<Arc<Binding>>,
    reader: &mut Reader<'_>,
) -> Option<Compiled> {
    let object = &document.value;
    let spec_value = object.get("spec").filter(|value| !value.is_null());
    if spec_value.is_none() {
        reader.wrong(object.span, "`spec` is missing");
    }
    let spec = reader.map(spec_value, "spec")?;
    let at = spec_value.map_or(object.span, |value| value.span);
    let own: &[&str] = if mutating { &["mutations", "reinvocationPolicy"] } else { &["validations", "auditAnnotations"] };
    reader.keys(spec, &[&COMMON[..], own].concat());
    let constraints = match spec.get("matchConstraints").filter(|value| !value.is_null()) {
        None => {
            reader.wrong(at, "`matchConstraints` is missing");
            return None;
        }
        Some(value) => match MatchResources::read(value) {
            Ok(constraints) => constraints,
            Err(wrong) => {
                wrong.into_iter().for_each(|one| reader.wrong(one.at, one.message));
                return None;
            }
        },
    };
    if constraints.rules().is_empty() {
        reader.wrong(spec.entry("matchConstraints").map_or(at, |entry| entry.key), "`matchConstraints.resourceRules` is missing");
    }
    let ignore = match reader.text(spec, "failurePolicy").as_ref().map(|(text, span)| (&**text, *span)) {
        None | Some(("Fail", _)) => false,
        Some(("Ignore", _)) => true,
        Some((other, span)) => {
            reader.wrong(span, format!("`{other}` is none of `Fail` and `Ignore`"));
            false
        }
    };
    let param_kind = reader.map(spec.get("paramKind"), "paramKind").cloned().and_then(|map| {
        reader.keys(&map, &["apiVersion", "kind"]);
        let (api, _) = reader.needed(&map, "apiVersion", at)?;
        let (kind, _) = reader.needed(&map, "kind", at)?;
        Some(GroupVersionKind::of(&api, &kind))
    });
    // Match conditions see neither the variables nor, before they are checked, anything else than what is declared.
    let with = Declarations { params: param_kind.is_some(), authorizer: true, ..Declarations::default() };
    let conditions_see = Composition::new(declare(Environment::kubernetes(), &with));
    let conditions = match_conditions(spec, &conditions_see, reader);
    let mut composition = Composition::new(declare(Environment::kubernetes(), &Declarations { patches: mutating, ..with.clone() }));
    read_variables(spec, &mut composition, reader);
    // Messages and audit annotations may not ask for authorization.
    let mut quiet = Composition::new(declare(Environment::kubernetes(), &Declarations { authorizer: false, ..with }));
    if !mutating {
        let mut unheard = Reader::new(reader.file, CODE);
        read_variables(spec, &mut quiet, &mut unheard);
    }
    let effects: HashSet<Effect> = bindings.iter().flat_map(|binding| binding.effects.iter().copied()).collect();
    let effect = if bindings.is_empty() || effects.contains(&Effect::Deny) || mutating {
        Effect::Deny
    } else if effects.contains(&Effect::Warn) {
        Effect::Warn
    } else {
        Effect::Audit
    };
    let (mut validations, mut annotations, mut mutations) = (Vec::new(), Vec::new(), Vec::new());
    let mut first_message = String::new();
    for item in reader.list(spec, "validations") {
        let known = ["expression", "message", "reason", "messageExpression"];
        let Some((check, map)) = item_part(item, "expression", &known, &[Type::Bool], &composition, reader) else { continue };
        let message = reader.text(&map, "message").map(|(text, _)| text.trim().to_owned()).unwrap_or_default();
        if message.contains('\n') {
            reader.wrong(item.span, "`message` may not have line breaks");
        }
        if let Some((reason, span)) = reader.text(&map, "reason")
            && !matches!(&*reason, "Unauthorized" | "Forbidden" | "Invalid" | "RequestEntityTooLarge")
        {
            reader.wrong(span, format!("`{reason}` is none of Unauthorized, Forbidden, Invalid and RequestEntityTooLarge"));
        }
        let dynamic = reader.text(&map, "messageExpression").and_then(|(text, at)| read_part(&text, at, &[Type::String], &quiet, reader));
        if first_message.is_empty() {
            first_message.clone_from(&message);
        }
        validations.push(crate::evaluate::Validation { check, message, dynamic });
    }
    for item in reader.list(spec, "auditAnnotations") {
        let outputs = [Type::String, Type::Null];
        if let Some((value, map)) = item_part(item, "valueExpression", &["key", "valueExpression"], &outputs, &quiet, reader)
            && let Some((key, _)) = reader.needed(&map, "key", item.span)
        {
            annotations.push((key, value));
        }
    }
    for item in reader.list(spec, "mutations") {
        mutations.extend(mutation(item, &composition, reader));
    }
    let empty = if mutating { reader.list(spec, "mutations").is_empty() } else { validations.is_empty() && annotations.is_empty() };
    if empty && reader.said.iter().all(|one| one.level != probity_core::Level::Error) {
        let what = if mutating { "`mutations` is missing" } else { "`validations` or `auditAnnotations` is missing" };
        reader.wrong(at, what);
    }
    if mutating && let Some((policy, span)) = reader.text(spec, "reinvocationPolicy") {
        if !matches!(&*policy, "Never" | "IfNeeded") {
            reader.wrong(span, format!("`{policy}` is none of `Never` and `IfNeeded`"));
        }
    } else if mutating {
        reader.wrong(at, "`reinvocationPolicy` is missing");
    }
    if !mutating {
        typecheck::check(spec, &constraints, param_kind.as_ref(), reader);
    }
    if reader.said.iter().any(|one| one.level == probity_core::Level::Error) {
        return None;
    }
    let applies_to: Vec<Arc<str>> = {
        let mut kinds: Vec<Arc<str>> = constraints.built_in_kinds().into_iter().map(|kind| kind.kind).collect();
        kinds.dedup();
        kinds
    };
    let meta = describe(object, &Described { engine: "admission", id: &name, effect, applies_to: &applies_to, message: &first_message });
    let rule = Arc::new(PolicyRule {
        policy: Arc::clone(&name),
        policy_kind: if mutating { MUTATING.into() } else { VALIDATING.into() },
        name,
        phase: if mutating { Phase::Mutate } else { Phase::Validate },
        effect,
        meta: Arc::new(meta),
        at: object.span,
    });
    let interest: Interest = constraints.interest();
    Some(Compiled {
        rules: [rule],
        interest,
        constraints,
        param_kind,
        ignore,
        conditions_see,
        conditions,
        composition,
        quiet,
        validations,
        annotations,
        mutations,
        bindings,
    })
}

fn mutation(item: &Value, composition: &Composition, reader: &mut Reader<'_>) -> Option<Mutation> {
    let map = reader.map(Some(item), "a mutation")?;
    reader.keys(map, &["patchType", "applyConfiguration", "jsonPatch"]);
    let (kind_text, kind_at) = reader.needed(map, "patchType", item.span)?;
    let (kind, key, outputs) = match &*kind_text {
        "ApplyConfiguration" => (PatchKind::Apply, "applyConfiguration", vec![Type::object("Object")]),
        "JSONPatch" => (PatchKind::Json, "jsonPatch", vec![Type::list(Type::object("JSONPatch")), Type::list(Type::Dyn)]),
        other => {
            reader.wrong(kind_at, format!("`{other}` is none of `ApplyConfiguration` and `JSONPatch`"));
            return None;
        }
    };
    let inner = map.get(key).and_then(Value::as_map);
    let Some(inner) = inner else {
        reader.wrong(item.span, format!("`{key}` is missing"));
        return None;
    };
    reader.keys(inner, &["expression"]);
    let (text, at) = reader.needed(inner, "expression", item.span)?;
    let part: Part = read_part(&text, at, &outputs, composition, reader)?;
    Some(Mutation { kind, part })
}
