//! GeneratingPolicy: makes other objects. A plan: nothing is made here.

use std::any::Any;
use std::sync::Arc;

use probity_cel::admission::{Composition, Conditions, Part, Scope, match_conditions, read_part, read_variables};
use probity_cel::libraries::kyverno::{Host, generator, resource};
use probity_cel::{Context, Environment, Type};
use probity_core::{Effect, Interest, Outcome, Phase, Policy, PolicyContext, PolicyRule, Request, Status};
use probity_kubernetes::match_resources::MatchResources;
use probity_kubernetes::read::Reader;
use probity_value::{Data, Map, Span, Value};

use super::exception::Exception;
use super::template::Template;
use super::{
    Excepted, Head, audit_annotations, budget, compile_exceptions, constraints, environment, except, not_matched, read_audit_annotations,
    stopped,
};

const KEYS: &[&str] =
    &["matchConstraints", "matchConditions", "variables", "evaluation", "webhookConfiguration", "generate", "auditAnnotations"];

enum Generation {
    Expression(Part),
    Template(Template),
}

struct Generating {
    rules: [Arc<PolicyRule>; 1],
    interest: Interest,
    namespace: Option<Arc<str>>,
    constraints: MatchResources,
    bare: Composition,
    conditions: Conditions,
    composition: Composition,
    generations: Vec<Generation>,
    annotations: Vec<(Arc<str>, Part)>,
    exceptions: Vec<(Arc<Exception>, Conditions)>,
}

pub(super) fn read(head: Head, reader: &mut Reader<'_>) -> Option<Arc<dyn Policy>> {
    let spec = head.spec.clone();
    let map = reader.map(Some(&spec), "spec")?;
    reader.keys(map, KEYS);
    let constraints = constraints(map, "matchConstraints", spec.span, reader)?;
    let make = || -> Environment {
        let base = environment(false, true);
        if head.namespace.is_some() {
            base.library(&generator::NAMESPACED).library(&resource::NAMESPACED)
        } else {
            base.library(&generator::LIBRARY)
        }
    };
    let bare = Composition::new(make());
    let conditions = match_conditions(map, &bare, reader);
    let exceptions = compile_exceptions(&head, &bare, reader);
    let mut composition = Composition::new(make());
    read_variables(map, &mut composition, reader);
    let annotations = read_audit_annotations(map, &composition, reader);
    let mut generations = Vec::new();
    for item in reader.list(map, "generate") {
        generations.extend(generation(item, &composition, reader));
    }
    if generations.is_empty() && !reader.failed() {
        reader.wrong(spec.span, "`generate` is missing");
    }
    let rule = head.rule(Phase::Generate, Effect::Deny, Some(&constraints), "");
    let interest = constraints.interest();
    let namespace = head.namespace;
    Some(Arc::new(Generating {
        rules: [rule],
        interest,
        namespace,
        constraints,
        bare,
        conditions,
        composition,
        generations,
        annotations,
        exceptions,
    }))
}

fn generation(item: &Value, composition: &Composition, reader: &mut Reader<'_>) -> Option<Generation> {
    let map: &Map = reader.map(Some(item), "generate")?;
    reader.keys(map, &["expression", "template"]);
    match (reader.text(map, "expression"), reader.map(map.get("template"), "template")) {
        (Some((text, at)), None) => read_part(&text, at, &[Type::Bool], composition, reader).map(Generation::Expression),
        (None, Some(inner)) => {
            reader.keys(inner, &["value", "interpolate"]);
            let (text, at) = reader.needed(inner, "value", item.span)?;
            let interpolate = match reader.text(inner, "interpolate").as_ref().map(|(text, at)| (&**text, *at)) {
                None | Some(("none", _)) => false,
                Some(("cel", _)) => true,
                Some((other, at)) => {
                    reader.wrong(at, format!("`{other}` is none of `cel` and `none`"));
                    return None;
                }
            };
            Template::read(&text, interpolate, at, composition, reader).map(Generation::Template)
        }
        _ => {
            reader.wrong(item.span, "one of `expression` and `template` has to be given, and not both");
            None
        }
    }
}

impl Policy for Generating {
    fn rules(&self) -> &[Arc<PolicyRule>] {
        &self.rules
    }

    fn interest(&self) -> &Interest {
        &self.interest
    }

    fn evaluate(&self, phase: Phase, request: &Request, context: &PolicyContext<'_>) -> Vec<Outcome> {
        let [rule] = &self.rules;
        if phase != rule.phase || !Head::counts_for(self.namespace.as_ref(), request) || request.kind.kind.is_empty() {
            return Vec::new();
        }
        self.generate(rule, request, context).into_iter().collect()
    }
}

impl Generating {
    fn generate(&self, rule: &Arc<PolicyRule>, request: &Request, policy_context: &PolicyContext<'_>) -> Option<Outcome> {
        let fit = match self.constraints.fit(request) {
            Ok(fit) => fit?,
            Err(why) => return Some(Outcome::new(rule, Status::Error, why)),
        };
        let host = Host::new(self.namespace.clone().unwrap_or_default());
        let host: &(dyn Any + Send + Sync) = &host;
        let context = Context { host: Some(host), ..Context::of(policy_context) };
        let mut budget = budget(policy_context);
        let scope_of = |composition| Scope::new(composition, request).matched_as(fit.kind.clone(), fit.resource.clone());
        let bare = scope_of(&self.bare);
        let allowed = match except(&self.exceptions, rule, &bare, &mut budget, &context) {
            Excepted::Judged(allowed) => allowed,
            Excepted::Off(outcome) | Excepted::Failed(outcome) => return Some(outcome),
        };
        match self.conditions.hold(&bare.with("exceptions", Ok(allowed.value())), &mut budget, &context) {
            Ok(None) => {}
            Ok(Some(condition)) => return Some(not_matched(rule, &condition)),
            Err((error, at)) => return Some(stopped(rule, &error, at)),
        }
        let scope = scope_of(&self.composition).with("exceptions", Ok(allowed.value()));
        let mut made = Vec::new();
        let take = |made: &mut Vec<Value>| {
            if let Some(host) = host.downcast_ref::<Host>() {
                made.extend(host.take_generated());
            }
        };
        for generation in &self.generations {
            match generation {
                Generation::Expression(part) => {
                    if let Err(error) = scope.evaluate(&part.program, &mut budget, &context) {
                        return Some(stopped(rule, &error, part.at));
                    }
                    take(&mut made);
                }
                Generation::Template(template) => match template.render(&scope, &mut budget, &context) {
                    Ok(objects) => {
                        for object in objects {
                            match self.placed(object) {
                                Ok(object) => made.push(object),
                                Err(why) => return Some(Outcome::new(rule, Status::Error, why)),
                            }
                        }
                    }
                    Err(error) => return Some(stopped(rule, &error, rule.at)),
                },
            }
        }
        let mut outcome = Outcome::new(rule, Status::Pass, "");
        match audit_annotations(&self.annotations, &scope, &mut budget, &context) {
            Ok(annotations) => outcome.audit_annotations = annotations,
            Err((error, at)) => return Some(stopped(rule, &error, at)),
        }
        outcome.generated = made;
        outcome.cost = budget.spent();
        Some(outcome)
    }

    /// An object of a template, in the namespace of a policy of one.
    fn placed(&self, mut object: Value) -> Result<Value, String> {
        let Some(own) = &self.namespace else { return Ok(object) };
        let given = object.get("metadata").and_then(|metadata| metadata.get("namespace")).and_then(Value::as_str).unwrap_or_default();
        if !given.is_empty() && *given != **own {
            return Err(format!("a policy of the namespace `{own}` cannot make objects in the namespace `{given}`"));
        }
        if let Data::Map(map) = &mut object.data
            && let Some(metadata) = Arc::make_mut(map).get_mut("metadata")
            && let Data::Map(inner) = &mut metadata.data
        {
            Arc::make_mut(inner).insert("namespace", Span::NONE, Value::string(Arc::clone(own), Span::NONE));
        }
        Ok(object)
    }
}
