//! What is wrong with policies though they load: guardrails that do not guard, rules nothing reaches, interfaces that are gone,
//! expressions that cost too much, and policies nobody tests.
//!
//! Every code has a test that shows a policy it speaks of and one it does not.

mod expressions;
mod guards;
mod reach;

pub(crate) use guards::filters;

use std::collections::BTreeSet;
use std::sync::Arc;

use probity_core::{Diagnostic, Level, PolicyDocument, Tree};
use probity_value::{Data, Span, Value};

use crate::load::{Language, Loaded, language};

/// Codes of what [`lint`] says, with what each means.
pub const CODES: &[(&str, &str)] = &[
    ("audit-only", "a failure only writes a note: nothing is refused"),
    ("fails-open", "`failurePolicy: Ignore` lets everything pass where the policy cannot be evaluated"),
    ("misses-init-containers", "containers are judged, init containers are not"),
    ("misses-ephemeral-containers", "containers are judged, ephemeral containers are not"),
    ("misses-controllers", "Pods are judged, what makes them (Deployments and the like) is not"),
    ("trusts-requester", "a label or annotation of the object itself decides whether it is judged; who makes the object writes it"),
    ("excludes-all", "what is left out covers all that is matched"),
    ("unreachable", "the rule can never match, or can never fail"),
    ("removed-api", "a kind is named by a version that clusters no longer serve"),
    ("deprecated-policy", "the policy is written in a kind that its own project has deprecated"),
    ("expensive", "an expression may cost more than the API server allows"),
    ("untested", "no test names the policy"),
];

/// One document with what the lints ask of it.
pub(crate) struct Subject<'a> {
    pub(crate) file: &'a Arc<str>,
    pub(crate) object: &'a Value,
    pub(crate) kind: &'a str,
    pub(crate) name: &'a str,
    pub(crate) language: Language,
    out: &'a mut Vec<Diagnostic>,
}

impl Subject<'_> {
    /// Says something of the policy.
    pub(crate) fn say(&mut self, code: &'static str, at: Span, message: impl Into<String>, hint: &str) {
        let at = at.or(self.object.get("kind").map_or(self.object.span, |kind| kind.span));
        let level = if matches!(code, "untested" | "deprecated-policy") { Level::Note } else { Level::Warning };
        let one = Diagnostic::new(level, code, Arc::clone(self.file), at, message);
        self.out.push(if hint.is_empty() { one } else { one.hint(hint) });
    }

    /// The value at a path of keys.
    pub(crate) fn at(&self, path: &[&str]) -> Option<&Value> {
        path.iter().try_fold(self.object, |value, key| value.get(key))
    }
}

/// Looks at policies that were loaded. `tested` are the names of policies that tests speak of.
#[must_use]
pub fn lint(loaded: &Loaded, tested: &BTreeSet<String>) -> Vec<Diagnostic> {
    let mut out = Vec::new();
    for PolicyDocument { file, value } in &loaded.documents {
        let Some(language) = language(value) else { continue };
        let kind = value.get("kind").and_then(Value::as_str).unwrap_or_default();
        let name = value.get("metadata").and_then(|metadata| metadata.get("name")).and_then(Value::as_str).unwrap_or_default();
        let mut subject = Subject { file, object: value, kind, name, language, out: &mut out };
        guards::lint(&mut subject, &loaded.documents);
        reach::lint(&mut subject);
        expressions::lint(&mut subject);
        let judges = match language {
            Language::Kyverno => kind != "PolicyException" && kind != "GlobalContextEntry",
            Language::Gatekeeper => kind == "ConstraintTemplate",
            Language::Admission => !kind.ends_with("Binding"),
        };
        if judges && !tested.contains(name) {
            subject.say("untested", Span::NONE, format!("no test names the {kind} `{name}`"), "");
        }
    }
    out.sort_by(|a, b| (&a.file, a.span, a.code).cmp(&(&b.file, b.span, b.code)));
    out.dedup();
    out
}

/// The names of policies that the tests of a tree speak of. Any text in a test file that could be a name is one: too many do no harm.
#[must_use]
pub fn tested(tree: &dyn Tree) -> BTreeSet<String> {
    let mut out = BTreeSet::new();
    let yaml = |path: &str| path.ends_with(".yaml") || path.ends_with(".yml");
    for file in tree.files().iter().filter(|file| yaml(&file.path)) {
        let Ok(bytes) = tree.read(&file.path) else { continue };
        let Ok(text) = std::str::from_utf8(&bytes) else { continue };
        let is_test = ["cli.kyverno.io", "test.gatekeeper.sh", "test.probity.dev"].iter().any(|group| text.contains(group));
        if !is_test {
            continue;
        }
        let (documents, _) = probity_value::yaml::parse(text, probity_value::FileId::NONE);
        for document in &documents {
            texts(&document.value, &mut |text| {
                out.insert(text.to_owned());
                // A test may name a file: what it holds is tested then.
                if yaml(text)
                    && let Some(path) = crate::testing::join(crate::testing::folder_of(&file.path), text)
                    && let Ok(bytes) = tree.read(&path)
                    && let Ok(content) = std::str::from_utf8(&bytes)
                {
                    let (inner, _) = probity_value::yaml::parse(content, probity_value::FileId::NONE);
                    let names = inner.iter().filter_map(|one| one.value.get("metadata")?.get("name")?.as_str().map(str::to_owned));
                    out.extend(names);
                }
            });
        }
    }
    out
}

/// Every text in a value.
pub(crate) fn texts(value: &Value, visit: &mut dyn FnMut(&str)) {
    each(value, &mut |value| {
        if let Some(text) = value.as_str() {
            visit(text);
        }
    });
}

/// A value and all values in it.
pub(crate) fn each<'a>(value: &'a Value, visit: &mut dyn FnMut(&'a Value)) {
    visit(value);
    match &value.data {
        Data::List(items) => items.iter().for_each(|item| each(item, visit)),
        Data::Map(map) => map.values().for_each(|value| each(value, visit)),
        _ => {}
    }
}

/// Every key in a value, with where it stands.
pub(crate) fn keys(value: &Value, visit: &mut dyn FnMut(&str, Span)) {
    each(value, &mut |value| {
        if let Some(map) = value.as_map() {
            map.iter().for_each(|(key, entry)| visit(key, entry.key));
        }
    });
}

#[cfg(test)]
mod tests {
    use super::*;
    use probity_value::{FileId, yaml};

    /// Codes that are said of a text of policies, `untested` left out.
    fn codes(text: &str) -> Vec<&'static str> {
        let (documents, problems) = yaml::parse(text, FileId::NONE);
        assert!(problems.is_empty(), "{problems:?}");
        let documents = documents.into_iter().map(|one| PolicyDocument { file: "p.yaml".into(), value: one.value }).collect();
        let loaded = Loaded { documents, ..Loaded::default() };
        let mut out: Vec<&str> =
            lint(&loaded, &BTreeSet::new()).into_iter().map(|one| one.code).filter(|code| *code != "untested").collect();
        out.sort_unstable();
        out.dedup();
        out
    }

    fn check(text: &str, expected: &[&str]) {
        assert_eq!(codes(text), expected, "{text}");
    }

    fn kyverno(spec: &str, rule: &str) -> String {
        format!("apiVersion: kyverno.io/v1\nkind: ClusterPolicy\nmetadata: {{name: p}}\nspec:\n  {spec}\n  rules:\n  - name: r\n{rule}")
    }

    const LABELS: &str =
        "    match: {any: [{resources: {kinds: [Service]}}]}\n    validate: {message: m, pattern: {metadata: {labels: {a: '?*'}}}}";

    #[test]
    fn audit_only_and_open_failure() {
        check(&kyverno("validationFailureAction: Enforce", LABELS), &["deprecated-policy"]);
        check(&kyverno("validationFailureAction: Audit", LABELS), &["audit-only", "deprecated-policy"]);
        check(&kyverno("background: true", LABELS), &["audit-only", "deprecated-policy"]);
        check(&kyverno("background: true", &LABELS.replace("message: m", "failureAction: Enforce, message: m")), &["deprecated-policy"]);
        check(&kyverno("validationFailureAction: Enforce\n  failurePolicy: Ignore", LABELS), &["deprecated-policy", "fails-open"]);
    }

    #[test]
    fn containers_of_all_kinds() {
        let pods = |pattern: &str| {
            kyverno(
                "validationFailureAction: Enforce",
                &format!(
                    "    match: {{any: [{{resources: {{kinds: [Pod]}}}}]}}\n    validate: {{message: m, pattern: {{spec: {{{pattern}}}}}}}"
                ),
            )
        };
        check(&pods("containers: [{image: '*:*'}]"), &["deprecated-policy", "misses-ephemeral-containers", "misses-init-containers"]);
        check(
            &pods("containers: [{image: '*:*'}], '=(initContainers)': [{image: '*:*'}]"),
            &["deprecated-policy", "misses-ephemeral-containers"],
        );
        check(
            &pods("containers: [{image: x}], '=(initContainers)': [{image: x}], '=(ephemeralContainers)': [{image: x}]"),
            &["deprecated-policy"],
        );
    }

    #[test]
    fn controllers_of_pods() {
        let policy = |annotation: &str| {
            kyverno(
                "validationFailureAction: Enforce",
                "    match: {any: [{resources: {kinds: [Pod]}}]}\n    validate: {message: m, pattern: {spec: {hostNetwork: false}}}",
            )
            .replace("{name: p}", &format!("{{name: p, annotations: {{{annotation}}}}}"))
        };
        check(&policy(""), &["deprecated-policy"]);
        check(&policy("pod-policies.kyverno.io/autogen-controllers: none"), &["deprecated-policy", "misses-controllers"]);
        let admission = |resources: &str| {
            format!(
                "apiVersion: admissionregistration.k8s.io/v1\nkind: ValidatingAdmissionPolicy\nmetadata: {{name: p}}\nspec:\n  matchConstraints: {{resourceRules: [{{apiGroups: ['*'], apiVersions: [v1], operations: [CREATE], resources: [{resources}]}}]}}\n  validations: [{{expression: 'object.spec.hostNetwork == false'}}]"
            )
        };
        check(&admission("pods"), &["misses-controllers"]);
        check(&admission("pods, deployments"), &[]);
    }

    #[test]
    fn trust_in_the_requester() {
        let excluded = LABELS.replace("    validate", "    exclude: {any: [{resources: {annotations: {skip: 'true'}}}]}\n    validate");
        check(&kyverno("validationFailureAction: Enforce", &excluded), &["deprecated-policy", "trusts-requester"]);
        let conditioned = LABELS.replace(
            "    validate",
            "    preconditions: {all: [{key: '{{ request.object.metadata.labels.skip }}', operator: NotEquals, value: 'true'}]}\n    validate",
        );
        check(&kyverno("validationFailureAction: Enforce", &conditioned), &["deprecated-policy", "trusts-requester"]);
        let by_namespace = LABELS.replace("    validate", "    exclude: {any: [{resources: {namespaces: [kube-system]}}]}\n    validate");
        check(&kyverno("validationFailureAction: Enforce", &by_namespace), &["deprecated-policy"]);
    }

    #[test]
    fn nothing_left() {
        let all = LABELS.replace("    validate", "    exclude: {any: [{resources: {kinds: [Service]}}]}\n    validate");
        check(&kyverno("validationFailureAction: Enforce", &all), &["deprecated-policy", "excludes-all"]);
        let every = LABELS.replace("    validate", "    exclude: {any: [{resources: {namespaces: ['*']}}]}\n    validate");
        check(&kyverno("validationFailureAction: Enforce", &every), &["deprecated-policy", "excludes-all"]);
        let constraint = |matched: &str| {
            format!(
                "apiVersion: constraints.gatekeeper.sh/v1beta1\nkind: K8sX\nmetadata: {{name: c}}\nspec: {{enforcementAction: deny, match: {{{matched}}}}}"
            )
        };
        check(&constraint("kinds: [{apiGroups: [''], kinds: [Service]}]"), &[]);
        check(&constraint("excludedNamespaces: ['*']"), &["excludes-all"]);
        check(&constraint("kinds: [{apiGroups: [''], kinds: [Pod]}]"), &["misses-controllers"]);
        check(&constraint("kinds: [{apiGroups: [''], kinds: [Service]}]").replace("deny", "dryrun"), &["audit-only"]);
    }

    #[test]
    fn rules_nothing_reaches_and_versions_that_are_gone() {
        let gone = LABELS.replace("kinds: [Service]", "kinds: [extensions/v1beta1/Ingress]");
        check(&kyverno("validationFailureAction: Enforce", &gone), &["deprecated-policy", "removed-api"]);
        let admission = |validation: &str, condition: &str| {
            format!(
                "apiVersion: admissionregistration.k8s.io/v1\nkind: ValidatingAdmissionPolicy\nmetadata: {{name: p}}\nspec:\n  matchConstraints: {{resourceRules: [{{apiGroups: [''], apiVersions: [v1], operations: [CREATE], resources: [services]}}]}}\n  matchConditions: [{{name: c, expression: \"{condition}\"}}]\n  validations: [{{expression: \"{validation}\"}}]"
            )
        };
        check(&admission("object.spec.x == 1", "request.operation == 'CREATE'"), &[]);
        check(&admission("true", "request.operation == 'CREATE'"), &["unreachable"]);
        check(&admission("object.spec.x == 1", "false"), &["unreachable"]);
    }

    #[test]
    fn expressions_that_cost_too_much() {
        let text = "apiVersion: admissionregistration.k8s.io/v1\nkind: ValidatingAdmissionPolicy\nmetadata: {name: p}\nspec:\n  matchConstraints: {resourceRules: [{apiGroups: [''], apiVersions: [v1], operations: [CREATE], resources: [services]}]}\n  validations: [{expression: \"object.spec.a.all(x, object.spec.a.all(y, object.spec.a.all(z, object.spec.a.all(w, x + y + z + w != ''))))\"}]";
        check(text, &["expensive"]);
    }
}
