//! Expansion templates: the objects a workload will make, judged before it makes them.

use std::collections::BTreeSet;
use std::sync::Arc;

use probity_core::{Effect, GroupVersionKind, Request};
use probity_value::{Data, Map, Span, Value};

use crate::action;
use crate::read::{self, Fault};

const CODE: &str = "gatekeeper-expansion";

/// The group of expansion templates.
pub(crate) const GROUP: &str = "expansion.gatekeeper.sh";

/// Expansions of expansions end here.
const MAX_DEPTH: usize = 30;

/// One expansion template.
#[derive(Clone, Debug)]
pub(crate) struct Template {
    pub(crate) name: Arc<str>,
    pub(crate) at: Span,
    applies: Vec<ApplyTo>,
    source: Vec<Arc<str>>,
    pub(crate) generated: GroupVersionKind,
    /// What violations of the generated objects lead to, instead of what the constraint says.
    pub(crate) effect: Option<Effect>,
}

/// Groups, versions and kinds; empty lists stand for none.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub(crate) struct ApplyTo {
    pub(crate) groups: Vec<Arc<str>>,
    pub(crate) versions: Vec<Arc<str>>,
    pub(crate) kinds: Vec<Arc<str>>,
}

impl ApplyTo {
    pub(crate) fn read(value: &Value, code: &'static str, warnings: &mut Vec<Fault>) -> Result<ApplyTo, Fault> {
        let map = read::map(value, "applyTo", code)?;
        Ok(ApplyTo {
            groups: read::texts_field(map, "groups", code, warnings)?,
            versions: read::texts_field(map, "versions", code, warnings)?,
            kinds: read::texts_field(map, "kinds", code, warnings)?,
        })
    }

    pub(crate) fn covers(&self, kind: &GroupVersionKind) -> bool {
        self.groups.contains(&kind.group) && self.versions.contains(&kind.version) && self.kinds.contains(&kind.kind)
    }

    /// All kinds it names.
    pub(crate) fn kinds(&self) -> impl Iterator<Item = GroupVersionKind> + '_ {
        self.groups.iter().flat_map(move |group| {
            self.versions.iter().flat_map(move |version| {
                self.kinds.iter().map(move |kind| GroupVersionKind {
                    group: Arc::clone(group),
                    version: Arc::clone(version),
                    kind: Arc::clone(kind),
                })
            })
        })
    }
}

/// An object that another one will make.
#[derive(Clone, Debug)]
pub struct Expanded {
    /// The expansion template.
    pub template: Arc<str>,
    /// The object.
    pub object: Value,
    /// What violations of it lead to, where the expansion template says so.
    pub effect: Option<Effect>,
}

/// All expansion templates.
#[derive(Clone, Debug, Default)]
pub struct Expansion {
    templates: Vec<Template>,
}

impl Template {
    pub(crate) fn read(value: &Value, warnings: &mut Vec<Fault>) -> Result<Template, Fault> {
        let fault = |at: Span, message: &str| Fault::new(CODE, at, message);
        let root = read::map(value, "the expansion template", CODE)?;
        let version = read::version_of(value);
        if !matches!(version, "v1alpha1" | "v1beta1") {
            return Err(fault(value.span, &format!("the version `{version}` of expansion templates is none of `v1alpha1`, `v1beta1`")));
        }
        let name = read::name_of(value);
        let name_at = read::at_path(value, &["metadata", "name"]).map_or(value.span, |name| name.span);
        if name.is_empty() {
            return Err(fault(value.span, "the expansion template has no name"));
        }
        if name.len() >= 64 {
            return Err(fault(name_at, "the name of an expansion template has to have fewer than 64 characters"));
        }
        let empty = Map::new();
        let spec = read::map_field(root, "spec", CODE, warnings)?;
        let (spec, spec_at) = spec.unwrap_or((&empty, value.span));
        let source = read::text_field(spec, "templateSource", CODE, warnings)?.filter(|source| !source.is_empty());
        let source = source.ok_or_else(|| fault(spec_at, "`templateSource` is missing"))?;
        let generated = match read::map_field(spec, "generatedGVK", CODE, warnings)? {
            Some((map, _)) => GroupVersionKind {
                group: read::text_field(map, "group", CODE, warnings)?.cloned().unwrap_or_default(),
                version: read::text_field(map, "version", CODE, warnings)?.cloned().unwrap_or_default(),
                kind: read::text_field(map, "kind", CODE, warnings)?.cloned().unwrap_or_default(),
            },
            None => GroupVersionKind::default(),
        };
        if generated == GroupVersionKind::default() {
            return Err(fault(spec_at, "`generatedGVK` is missing"));
        }
        let mut applies = Vec::new();
        if let Some(list) = read::field(spec, "applyTo", warnings) {
            for item in read::list(list, "applyTo", CODE)? {
                applies.push(ApplyTo::read(item, CODE, warnings)?);
            }
        }
        if applies.is_empty() {
            return Err(fault(spec_at, "`applyTo` is missing"));
        }
        if applies.iter().any(|applies| applies.covers(&generated)) {
            return Err(fault(spec_at, &format!("it makes {} of {}, which would never end", generated.kind, generated.kind)));
        }
        let word = read::text_field(spec, "enforcementAction", CODE, warnings)?.filter(|word| !word.is_empty());
        let effect = word.map(|word| {
            action::effect(word).unwrap_or_else(|| {
                let at = spec.get("enforcementAction").map_or(spec_at, |value| value.span);
                let message = format!("the enforcement action `{word}` is none of `deny`, `dryrun`, `warn`, and is taken for `deny`");
                warnings.push(Fault::new(CODE, at, message).error());
                Effect::Deny
            })
        });
        let source = source.split('.').map(Arc::from).collect();
        Ok(Template { name: name.into(), at: value.span, applies, source, generated, effect })
    }

    fn covers(&self, kind: &GroupVersionKind) -> bool {
        self.applies.iter().any(|applies| applies.covers(kind))
    }

    /// The object an object makes.
    fn expand(&self, parent: &Value) -> Result<Value, String> {
        let name = read::name_of(parent);
        let path = self.source.join(".");
        let mut source = parent;
        for key in &self.source {
            source = match &source.data {
                Data::Map(map) => map.get(key).ok_or_else(|| format!("could not find source field `{path}` in resource `{name}`"))?,
                Data::Unknown(unknown) => return Err(format!("`{path}` of resource `{name}` is not known: {}", unknown.reason)),
                _ => return Err(format!("could not extract source field `{path}` of resource `{name}`: `{key}` is in no map")),
            };
        }
        let map = source.as_map().ok_or_else(|| format!("the source field `{path}` of resource `{name}` is no map"))?;
        let mut out = map.clone();
        let at = source.span;
        out.insert("apiVersion", at, Value::string(self.generated.api_version(), at));
        out.insert("kind", at, Value::string(Arc::clone(&self.generated.kind), at));
        let mut metadata = out.get("metadata").and_then(Value::as_map).cloned().unwrap_or_default();
        let metadata_at = out.get("metadata").map_or(at, |metadata| metadata.span);
        match read::at_path(parent, &["metadata", "namespace"]).filter(|namespace| namespace.as_str() != Some("")) {
            Some(namespace) => drop(metadata.insert("namespace", namespace.span, namespace.clone())),
            None => drop(metadata.remove("namespace")),
        }
        let separator = if self.generated.kind.is_empty() { "" } else { "-" };
        let made = format!("{name}{separator}{}", self.generated.kind).to_lowercase();
        metadata.insert("name", at, Value::string(made, at));
        own(&mut metadata, parent, at);
        out.insert("metadata", metadata_at, Value::map(metadata, metadata_at));
        Ok(Value::map(out, at))
    }
}

/// Names the parent among the owners, once.
fn own(metadata: &mut Map, parent: &Value, at: Span) {
    let fields = ["apiVersion", "kind", "name"];
    let given = [read::text_at(parent, &["apiVersion"]), read::kind_of(parent), read::name_of(parent)];
    if given.iter().any(|text| text.is_empty()) {
        return;
    }
    let mut owners = metadata.get("ownerReferences").and_then(Value::as_list).unwrap_or_default().to_vec();
    if owners.iter().any(|owner| fields.iter().zip(given).all(|(field, text)| read::text_at(owner, &[field]) == text)) {
        return;
    }
    let mut owner = Map::new();
    for (field, text) in fields.into_iter().zip(given) {
        owner.insert(field, at, Value::string(text, at));
    }
    owner.insert("uid", at, Value::string("", at));
    owners.push(Value::map(owner, at));
    metadata.insert("ownerReferences", at, Value::list(owners, at));
}

impl Expansion {
    /// All templates; those that would expand each other without end are left out and said.
    pub(crate) fn of(templates: Vec<Template>) -> (Expansion, Vec<(Arc<str>, Fault)>) {
        let feeds = |from: &Template, to: &Template| to.covers(&from.generated);
        let circular: Vec<bool> = (0..templates.len()).map(|start| reaches_itself(&templates, start, &feeds)).collect();
        let mut faults = Vec::new();
        let mut kept = Vec::new();
        for (template, circular) in templates.into_iter().zip(circular) {
            if circular {
                let message = format!(
                    "the expansion template `{}` is part of a cycle: what it makes is expanded to what it is made of",
                    template.name
                );
                faults.push((Arc::clone(&template.name), Fault::new(CODE, template.at, message)));
            } else {
                kept.push(template);
            }
        }
        (Expansion { templates: kept }, faults)
    }

    /// Whether there is none.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.templates.is_empty()
    }

    /// Whether a kind is expanded.
    #[must_use]
    pub fn covers(&self, kind: &GroupVersionKind) -> bool {
        self.templates.iter().any(|template| template.covers(kind))
    }

    /// Every object that an object will make, and what those will make.
    ///
    /// # Errors
    /// Says why the object cannot be expanded.
    pub fn expand(&self, object: &Value) -> Result<Vec<Expanded>, String> {
        self.expand_with(object, &mut |_| Ok(()))
    }

    /// As [`Expansion::expand`], and changes every object made before it is expanded further.
    pub(crate) fn expand_with(
        &self,
        object: &Value,
        change: &mut dyn FnMut(&mut Value) -> Result<(), String>,
    ) -> Result<Vec<Expanded>, String> {
        let mut out = Vec::new();
        self.below(object, 0, change, &mut out)?;
        Ok(out)
    }

    fn below(
        &self,
        object: &Value,
        depth: usize,
        change: &mut dyn FnMut(&mut Value) -> Result<(), String>,
        out: &mut Vec<Expanded>,
    ) -> Result<(), String> {
        if depth >= MAX_DEPTH {
            return Err(format!("maximum recursion depth of {MAX_DEPTH} reached"));
        }
        let kind = GroupVersionKind::of(read::text_at(object, &["apiVersion"]), read::kind_of(object));
        for template in self.templates.iter().filter(|template| template.covers(&kind)) {
            let mut made = template.expand(object)?;
            change(&mut made)?;
            self.below(&made, depth + 1, change, out)?;
            out.push(Expanded { template: Arc::clone(&template.name), object: made, effect: template.effect });
        }
        Ok(())
    }

    /// Kinds whose expansion leads to a kind that is asked for.
    pub(crate) fn sources_of(&self, wanted: &dyn Fn(&GroupVersionKind) -> bool) -> Vec<GroupVersionKind> {
        let mut found = BTreeSet::new();
        // What leads to a wanted kind is wanted too.
        for _ in 0..=self.templates.len() {
            let before = found.len();
            for template in &self.templates {
                if wanted(&template.generated) || found.contains(&template.generated) {
                    found.extend(template.applies.iter().flat_map(ApplyTo::kinds));
                }
            }
            if found.len() == before {
                break;
            }
        }
        found.into_iter().collect()
    }
}

fn reaches_itself(templates: &[Template], start: usize, feeds: &dyn Fn(&Template, &Template) -> bool) -> bool {
    let mut seen = BTreeSet::new();
    let mut open = vec![start];
    while let Some(from) = open.pop() {
        let Some(from) = templates.get(from) else { continue };
        for (index, to) in templates.iter().enumerate() {
            if feeds(from, to) {
                if index == start {
                    return true;
                }
                if seen.insert(index) {
                    open.push(index);
                }
            }
        }
    }
    false
}

/// The request for an object that another one will make.
pub(crate) fn request_for(request: &Request, object: &Value) -> Request {
    let made = Request::create(object.clone());
    Request {
        operation: request.operation,
        user: request.user.clone(),
        dry_run: request.dry_run,
        namespace_object: request.namespace_object.clone(),
        generated: true,
        ..made
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use probity_value::FileId;

    fn value(text: &str) -> Value {
        probity_value::yaml::parse(text, FileId::NONE).0.into_iter().next().map(|document| document.value).unwrap()
    }

    fn template(name: &str, from: &str, source: &str, to: &str) -> Result<Template, Fault> {
        let (group, version) = if from == "CronJob" || from == "Job" { ("batch", "v1") } else { ("apps", "v1") };
        let (to_group, _) = if to == "Job" { ("batch", "v1") } else { ("''", "v1") };
        let text = format!(
            "{{apiVersion: expansion.gatekeeper.sh/v1beta1, kind: ExpansionTemplate, metadata: {{name: {name}}}, spec: {{applyTo: [{{groups: [{group}], versions: [{version}], kinds: [{from}]}}], templateSource: {source}, generatedGVK: {{kind: {to}, group: {to_group}, version: v1}}}}}}"
        );
        Template::read(&value(&text), &mut Vec::new())
    }

    #[test]
    fn workloads_become_pods() {
        let expand = |templates: Vec<Template>, object: &str| {
            let (expansion, faults) = Expansion::of(templates);
            assert!(faults.is_empty(), "{faults:?}");
            expansion
                .expand(&value(object))
                .map(|made| made.iter().map(|made| probity_value::json::write(&made.object).unwrap()).collect::<Vec<_>>())
        };
        let deployment = "{apiVersion: apps/v1, kind: Deployment, metadata: {name: Web, namespace: p}, spec: {template: {metadata: {labels: {a: b}}, spec: {x: 1}}}}";
        let made = expand(vec![template("e", "Deployment", "spec.template", "Pod").unwrap()], deployment).unwrap();
        let expected = concat!(
            r#"{"apiVersion":"v1","kind":"Pod","metadata":{"labels":{"a":"b"},"name":"web-pod","namespace":"p","ownerReferences":"#,
            r#"[{"apiVersion":"apps/v1","kind":"Deployment","name":"Web","uid":""}]},"spec":{"x":1}}"#
        );
        assert_eq!(made, [expected]);
        assert_eq!(expand(vec![template("e", "Deployment", "spec.template", "Pod").unwrap()], "{apiVersion: v1, kind: Pod}"), Ok(vec![]));
        let missing = "{apiVersion: apps/v1, kind: Deployment, metadata: {name: a}}";
        let error = expand(vec![template("e", "Deployment", "spec.template", "Pod").unwrap()], missing).unwrap_err();
        assert_eq!(error, "could not find source field `spec.template` in resource `a`");
        // A CronJob makes a Job, which makes a Pod.
        let both =
            vec![template("jobs", "CronJob", "spec.jobTemplate", "Job").unwrap(), template("pods", "Job", "spec.template", "Pod").unwrap()];
        let cron = "{apiVersion: batch/v1, kind: CronJob, metadata: {name: c}, spec: {jobTemplate: {spec: {template: {spec: {}}}}}}";
        let made = expand(both, cron).unwrap();
        assert_eq!(made.len(), 2);
        assert!(made.first().unwrap().contains(r#""name":"c-job-pod""#));
    }

    #[test]
    fn cycles_are_left_out() {
        let templates = vec![
            template("a", "CronJob", "spec", "Job").unwrap(),
            Template { generated: GroupVersionKind::of("batch/v1", "CronJob"), ..template("b", "Job", "spec", "Pod").unwrap() },
            template("c", "Deployment", "spec.template", "Pod").unwrap(),
        ];
        let (expansion, faults) = Expansion::of(templates);
        assert_eq!(faults.iter().map(|(name, _)| &**name).collect::<Vec<_>>(), ["a", "b"]);
        assert!(expansion.covers(&GroupVersionKind::of("apps/v1", "Deployment")));
        assert!(!expansion.covers(&GroupVersionKind::of("batch/v1", "Job")));
        assert!(template("self", "Job", "spec", "Job").is_err());
    }
}
