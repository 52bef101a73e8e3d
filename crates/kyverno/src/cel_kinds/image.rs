//! ImageValidatingPolicy: judges the images of an object. Whether they are signed is not checked yet: what rests on it is unknown.

use std::any::Any;
use std::sync::Arc;

use probity_cel::admission::{Composition, Conditions, Part, Scope, match_conditions, read_part, read_variables};
use probity_cel::libraries::kyverno::{Host, imageverify};
use probity_cel::{Budget, CelError, Context, Environment, Type, Value as CelValue};
use probity_core::{Effect, Interest, Outcome, Phase, Policy, PolicyContext, PolicyRule, Request, Status};
use probity_kubernetes::match_resources::MatchResources;
use probity_kubernetes::read::Reader;
use probity_value::{Map, Span, Value};
use regex::Regex;

use super::exception::Exception;
use super::validating::{Validation, judge_validations, read_validations};
use super::{
    CODE, Excepted, Head, actions, audit_annotations, autogen, budget, compile_exceptions, constraints, environment, except, failure_policy,
};
use super::{interest_of, not_matched, read_audit_annotations, stopped, variant_failed};

const KEYS: &[&str] = &[
    "matchConstraints",
    "failurePolicy",
    "auditAnnotations",
    "validationActions",
    "matchConditions",
    "variables",
    "validationConfigurations",
    "matchImageReferences",
    "credentials",
    "images",
    "attestors",
    "attestations",
    "validations",
    "webhookConfiguration",
    "evaluation",
    "autogen",
];

/// Where the built-in extractors find images, by the path of the pod.
const POD: &[&str] = &["containers", "initContainers", "ephemeralContainers"];

/// One of `matchImageReferences`.
enum Reference {
    Glob(Regex),
    Expression(Arc<Part>),
}

struct Compiled {
    constraints: Option<MatchResources>,
    bare: Composition,
    conditions: Conditions,
    composition: Composition,
    /// What match expressions of images see: `ref`.
    image: Arc<Composition>,
    references: Arc<Vec<Reference>>,
    extractors: Vec<(Arc<str>, Part)>,
    validations: Vec<Validation>,
    annotations: Vec<(Arc<str>, Part)>,
    exceptions: Vec<(Arc<Exception>, Conditions)>,
    attestors: Value,
    attestations: Value,
    names: Vec<Arc<str>>,
    /// Whether an image has to be named by its digest.
    needs_digest: bool,
    pods_at: &'static [&'static str],
}

struct ImageValidating {
    rules: [Arc<PolicyRule>; 1],
    interest: Interest,
    namespace: Option<Arc<str>>,
    variants: Vec<Compiled>,
}

pub(super) fn read(head: Head, reader: &mut Reader<'_>) -> Option<Arc<dyn Policy>> {
    let spec = head.spec.clone();
    let map = reader.map(Some(&spec), "spec")?;
    reader.keys(map, KEYS);
    let effect: Effect = actions(map, reader);
    failure_policy(map, reader);
    let json = map.get("evaluation").and_then(|evaluation| evaluation.get("mode")).and_then(Value::as_str) == Some("JSON");
    let main = compile(&head, &spec, json, &["spec"], reader)?;
    let mut variants = vec![main];
    if let Some(own) = variants.first().and_then(|main| main.constraints.as_ref()) {
        for (variant, matched) in autogen::variants(&spec, own) {
            let rewritten = autogen::rewritten(&spec, variant, matched);
            let at: &'static [&'static str] = if variant.name == "cronjobs" {
                &["spec", "jobTemplate", "spec", "template", "spec"]
            } else {
                &["spec", "template", "spec"]
            };
            let mut quiet = Reader::new(reader.file, CODE);
            let compiled = compile(&head, &rewritten, false, at, &mut quiet);
            variant_failed(reader, &quiet, variant.name, spec.span);
            variants.extend(compiled);
        }
    }
    let message = variants.first().and_then(|main| main.validations.first()).map_or("", |first| &*first.message);
    let rule = head.rule(Phase::VerifyImages, effect, variants.first().and_then(|main| main.constraints.as_ref()), message);
    let interest = interest_of(variants.iter().filter_map(|variant| variant.constraints.as_ref()));
    Some(Arc::new(ImageValidating { rules: [rule], interest, namespace: head.namespace, variants }))
}

fn own_environment() -> Environment {
    let texts = Type::map(Type::String, Type::list(Type::String));
    environment(false, true)
        .library(&imageverify::LIBRARY)
        .variable("images", texts)
        .variable("attestors", Type::map(Type::String, Type::Dyn))
        .variable("attestations", Type::map(Type::String, Type::Dyn))
}

fn compile(head: &Head, spec: &Value, json: bool, pods_at: &'static [&'static str], reader: &mut Reader<'_>) -> Option<Compiled> {
    let map = reader.map(Some(spec), "spec")?;
    let constraints = if json { None } else { Some(constraints(map, "matchConstraints", spec.span, reader)?) };
    let bare = Composition::new(own_environment());
    let conditions = match_conditions(map, &bare, reader);
    let exceptions = compile_exceptions(head, &bare, reader);
    let mut extractors = Vec::new();
    for item in reader.list(map, "images") {
        let Some(inner) = reader.map(Some(item), "images") else { continue };
        reader.keys(inner, &["name", "expression"]);
        let (name, text) = (reader.needed(inner, "name", item.span), reader.needed(inner, "expression", item.span));
        if let (Some((name, _)), Some((text, at))) = (name, text)
            && let Some(part) = read_part(&text, at, &[Type::list(Type::String), Type::list(Type::Dyn), Type::Dyn], &bare, reader)
        {
            extractors.push((name, part));
        }
    }
    let image = Composition::new(Environment::kyverno().variable("ref", Type::String));
    let mut references = Vec::new();
    for item in reader.list(map, "matchImageReferences") {
        references.extend(reference(item, &image, reader));
    }
    if references.is_empty() && !reader.failed() {
        reader.wrong(spec.span, "`matchImageReferences` is missing");
    }
    let (attestors, _) = named(map, "attestors", reader);
    if let Some(value) = map.get("attestors") {
        for item in value.as_list().unwrap_or_default() {
            attestor(item, reader);
        }
    }
    let (attestations, names) = named(map, "attestations", reader);
    let mut composition = Composition::new(own_environment());
    read_variables(map, &mut composition, reader);
    let validations = read_validations(map, &composition, reader);
    let annotations = read_audit_annotations(map, &composition, reader);
    if validations.is_empty() && !reader.failed() {
        reader.wrong(spec.span, "`validations` is missing");
    }
    let configured = map.get("validationConfigurations");
    let flag = |key: &str| configured.and_then(|configured| configured.get(key)).and_then(Value::as_bool);
    // With `mutateDigest` the digest is written in before; who cannot ask a registry cannot, so nothing is held against the tag.
    let needs_digest = flag("verifyDigest").unwrap_or(true) && flag("mutateDigest") == Some(false);
    Some(Compiled {
        constraints,
        bare,
        conditions,
        composition,
        image: Arc::new(image),
        references: Arc::new(references),
        extractors,
        validations,
        annotations,
        exceptions,
        attestors,
        attestations,
        names,
        needs_digest,
        pods_at,
    })
}

fn reference(item: &Value, image: &Composition, reader: &mut Reader<'_>) -> Option<Reference> {
    let map = reader.map(Some(item), "matchImageReferences")?;
    reader.keys(map, &["glob", "expression"]);
    match (reader.text(map, "glob"), reader.text(map, "expression")) {
        (Some((glob, at)), None) => match glob_pattern(&glob) {
            Some(pattern) => Some(Reference::Glob(pattern)),
            None => {
                reader.wrong(at, format!("`{glob}` is no pattern"));
                None
            }
        },
        (None, Some((text, at))) => read_part(&text, at, &[Type::Bool], image, reader).map(|part| Reference::Expression(Arc::new(part))),
        _ => {
            reader.wrong(item.span, "one of `glob` and `expression` has to be given, and not both");
            None
        }
    }
}

/// A glob of image references: `*` and `**` are any text, `?` one letter, `[ab]` and `{a,b}` one of several.
fn glob_pattern(glob: &str) -> Option<Regex> {
    let mut out = String::from("^");
    let mut letters = glob.chars().peekable();
    let mut depth = 0_usize;
    while let Some(letter) = letters.next() {
        match letter {
            '*' => {
                while letters.peek() == Some(&'*') {
                    letters.next();
                }
                out.push_str(".*");
            }
            '?' => out.push('.'),
            '{' => {
                depth += 1;
                out.push_str("(?:");
            }
            '}' if depth > 0 => {
                depth -= 1;
                out.push(')');
            }
            ',' if depth > 0 => out.push('|'),
            '[' => {
                out.push('[');
                if letters.peek() == Some(&'!') {
                    letters.next();
                    out.push('^');
                }
                for inner in letters.by_ref() {
                    if inner == ']' {
                        break;
                    }
                    if matches!(inner, '\\' | '[' | '^' | '&' | '~') {
                        out.push('\\');
                    }
                    out.push(inner);
                }
                out.push(']');
            }
            '\\' => out.push_str(&regex::escape(&letters.next()?.to_string())),
            other => out.push_str(&regex::escape(&other.to_string())),
        }
    }
    out.push('$');
    (depth == 0).then(|| Regex::new(&out).ok()).flatten()
}

/// A list of things with names as a map by name, and the names.
fn named(map: &Map, key: &str, reader: &mut Reader<'_>) -> (Value, Vec<Arc<str>>) {
    let mut out = Map::new();
    let mut names = Vec::new();
    for item in reader.list(map, key) {
        let Some(inner) = reader.map(Some(item), key) else { continue };
        if let Some((name, at)) = reader.needed(inner, "name", item.span) {
            if out.contains_key(&name) {
                reader.wrong(at, format!("the name `{name}` is taken"));
            }
            out.insert(Arc::clone(&name), at, item.clone());
            names.push(name);
        }
    }
    (Value::map(out, Span::NONE), names)
}

/// The shape of an attestor.
fn attestor(item: &Value, reader: &mut Reader<'_>) {
    let Some(map) = item.as_map() else { return };
    reader.keys(map, &["name", "cosign", "notary"]);
    match (map.get("cosign"), map.get("notary")) {
        (Some(cosign), None) => {
            if let Some(inner) = reader.map(Some(cosign), "cosign") {
                reader.keys(inner, &["key", "keyless", "certificate", "source", "ctlog", "tuf", "annotations", "trustedRoot"]);
                let ways = ["key", "keyless", "certificate"].iter().filter(|way| inner.contains_key(way)).count();
                if ways > 1 {
                    reader.wrong(cosign.span, "an attestor has one of `key`, `keyless` and `certificate`");
                }
            }
        }
        (None, Some(notary)) => {
            if let Some(inner) = reader.map(Some(notary), "notary") {
                reader.keys(inner, &["certs", "tsaCerts"]);
            }
        }
        _ => reader.wrong(item.span, "an attestor has one of `cosign` and `notary`"),
    }
}

impl Policy for ImageValidating {
    fn rules(&self) -> &[Arc<PolicyRule>] {
        &self.rules
    }

    fn interest(&self) -> &Interest {
        &self.interest
    }

    fn evaluate(&self, phase: Phase, request: &Request, context: &PolicyContext<'_>) -> Vec<Outcome> {
        let [rule] = &self.rules;
        if phase != rule.phase || !Head::counts_for(self.namespace.as_ref(), request) {
            return Vec::new();
        }
        self.variants.iter().filter_map(|variant| variant.judge(rule, request, context)).collect()
    }
}

impl Compiled {
    fn judge(&self, rule: &Arc<PolicyRule>, request: &Request, policy_context: &PolicyContext<'_>) -> Option<Outcome> {
        let is_object = !request.kind.kind.is_empty();
        let fit = match &self.constraints {
            Some(_) if !is_object => return None,
            None if is_object => return None,
            None => None,
            Some(constraints) => match constraints.fit(request) {
                Ok(fit) => Some(fit?),
                Err(why) => return Some(Outcome::new(rule, Status::Error, why)),
            },
        };
        let (image, references) = (Arc::clone(&self.image), Arc::clone(&self.references));
        let mut host = Host::new("");
        host.attestations.clone_from(&self.names);
        host.covers_image = Some(Box::new(move |text: &str| covers(&image, &references, text)));
        let host: &(dyn Any + Send + Sync) = &host;
        let context = Context { host: Some(host), ..Context::of(policy_context) };
        let mut budget = budget(policy_context);
        let scope_of = |composition| {
            let scope = Scope::new(composition, request)
                .with("attestors", CelValue::view(&self.attestors))
                .with("attestations", CelValue::view(&self.attestations));
            match &fit {
                Some(fit) => scope.matched_as(fit.kind.clone(), fit.resource.clone()),
                None => scope,
            }
        };
        let bare = scope_of(&self.bare);
        let allowed = match except(&self.exceptions, rule, &bare, &mut budget, &context) {
            Excepted::Judged(allowed) => allowed,
            Excepted::Off(outcome) | Excepted::Failed(outcome) => return Some(outcome),
        };
        let bare = bare.with("exceptions", Ok(allowed.value()));
        match self.conditions.hold(&bare, &mut budget, &context) {
            Ok(None) => {}
            Ok(Some(condition)) => return Some(not_matched(rule, &condition)),
            Err((error, at)) => return Some(stopped(rule, &error, at)),
        }
        let images = match self.images(request, &bare, &mut budget, &context) {
            Ok(images) => images,
            Err((error, at)) => return Some(stopped(rule, &error, at)),
        };
        if self.needs_digest {
            for image in images.iter().flat_map(|(_, list)| list) {
                match covers(&self.image, &self.references, image) {
                    Ok(true) if !image.contains('@') => {
                        return Some(Outcome::new(rule, Status::Fail, format!("the image `{image}` is not named by its digest")));
                    }
                    Ok(_) => {}
                    Err(error) => return Some(stopped(rule, &error, rule.at)),
                }
            }
        }
        let scope = scope_of(&self.composition).with("exceptions", Ok(allowed.value())).with("images", CelValue::view(&listed(&images)));
        let mut outcome = judge_validations(&self.validations, rule, request, &self.composition, &scope, &mut budget, &context);
        match audit_annotations(&self.annotations, &scope, &mut budget, &context) {
            Ok(annotations) => outcome.audit_annotations = annotations,
            Err((error, at)) => outcome = stopped(rule, &error, at),
        }
        outcome.cost = budget.spent();
        Some(outcome)
    }

    /// The images of an object by where they were found.
    #[expect(clippy::type_complexity, reason = "names and images, as they are used here alone")]
    fn images(
        &self,
        request: &Request,
        scope: &Scope<'_>,
        budget: &mut Budget,
        context: &Context<'_>,
    ) -> Result<Vec<(Arc<str>, Vec<Arc<str>>)>, (CelError, Span)> {
        let mut out: Vec<(Arc<str>, Vec<Arc<str>>)> = Vec::new();
        if self.constraints.is_some() {
            let pod = self.pods_at.iter().try_fold(request.target(), |value, key| value.get(key));
            for group in POD {
                let containers = pod.and_then(|pod| pod.get(group)).and_then(Value::as_list).unwrap_or_default();
                let images = containers.iter().filter_map(|container| container.get("image").and_then(Value::as_str).map(Arc::from));
                out.push((Arc::from(*group), images.collect()));
            }
        }
        for (name, part) in &self.extractors {
            let value = scope.evaluate(&part.program, budget, context).map_err(|error| (error, part.at))?;
            let CelValue::List(list) = value else {
                return Err((CelError::invalid(format!("the images `{name}` are no list of texts")), part.at));
            };
            let mut images: Vec<Arc<str>> = Vec::new();
            for item in list.iter() {
                match item.map_err(|error| (error, part.at))? {
                    CelValue::String(text) => images.push(text),
                    _ => return Err((CelError::invalid(format!("the images `{name}` are no list of texts")), part.at)),
                }
            }
            out.retain(|(known, _)| known != name);
            out.push((Arc::clone(name), images));
        }
        Ok(out)
    }
}

/// Whether any reference covers an image.
fn covers(composition: &Composition, references: &[Reference], image: &str) -> Result<bool, CelError> {
    let request = Request::document(Value::null(Span::NONE));
    for reference in references {
        let holds = match reference {
            Reference::Glob(pattern) => pattern.is_match(image),
            Reference::Expression(part) => {
                let scope = Scope::new(composition, &request).with("ref", Ok(CelValue::string(image)));
                let mut budget = Budget::new(1_000_000);
                matches!(scope.evaluate(&part.program, &mut budget, &Context::bare())?, CelValue::Bool(true))
            }
        };
        if holds {
            return Ok(true);
        }
    }
    Ok(false)
}

fn listed(images: &[(Arc<str>, Vec<Arc<str>>)]) -> Value {
    let mut map = Map::new();
    for (name, list) in images {
        let items = list.iter().map(|image| Value::string(Arc::clone(image), Span::NONE)).collect();
        map.insert(Arc::clone(name), Span::NONE, Value::list(items, Span::NONE));
    }
    Value::map(map, Span::NONE)
}

#[cfg(test)]
mod tests {
    use super::glob_pattern;

    #[test]
    fn globs_cover_images() {
        let check = |glob: &str, image: &str, expected: bool| {
            assert_eq!(glob_pattern(glob).unwrap().is_match(image), expected, "{glob} {image}");
        };
        check("*", "ghcr.io/a/b:1", true);
        check("ghcr.io/*", "ghcr.io/a/b:1", true);
        check("ghcr.io/*", "docker.io/a", false);
        check("ghcr.io/**/b:*", "ghcr.io/x/y/b:1", true);
        check("{ghcr.io,quay.io}/a", "quay.io/a", true);
        check("a.b/c", "axb/c", false);
        assert!(glob_pattern("{a").is_none());
    }
}
