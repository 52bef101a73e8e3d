//! Whole policies through the public interface: what is refused, which rules there are, and what they say of objects.
#![allow(clippy::unwrap_used, clippy::panic, reason = "a test that cannot go on fails")]

use std::sync::Arc;

use anyhow::{Context as _, Result, anyhow};
use probity_core::{
    Effect, Inventory, Limits, Lookup, LookupError, NoLookup, Operation, Outcome, PathStep, Phase, Policy, PolicyContext, PolicyDocument,
    Question, Request, SkipReason, Status, Timestamp, UserInfo,
};
use probity_value::{FileId, Map, SourceMap, Span, UnknownKind, Value, yaml};

fn documents(text: &str) -> Vec<Value> {
    yaml::parse(text, FileId::NONE).0.into_iter().map(|document| document.value).collect()
}

fn document(text: &str) -> Result<Value> {
    documents(text).into_iter().next().context("no document")
}

/// Compiles policies; what is said about them is an error.
fn compiled(text: &str) -> Result<Vec<Arc<dyn Policy>>> {
    let documents: Vec<PolicyDocument> = documents(text).into_iter().map(|value| PolicyDocument { file: "p.yaml".into(), value }).collect();
    let (policies, said) = probity_kyverno::compile(&documents);
    match said.first() {
        Some(said) => Err(anyhow!("{}", said.message)),
        None => Ok(policies),
    }
}

/// A policy of rules.
fn policy(rules: &str) -> String {
    let rules = rules.trim_matches('\n');
    format!("apiVersion: kyverno.io/v1\nkind: ClusterPolicy\nmetadata: {{name: p}}\nspec:\n  rules:\n{rules}\n")
}

/// A rule about pods that validates.
fn rule(validate: &str) -> String {
    policy(&format!("  - name: r\n    match: {{any: [{{resources: {{kinds: [Pod]}}}}]}}\n    validate: {validate}"))
}

fn evaluate(policies: &[Arc<dyn Policy>], request: &Request, lookup: &dyn Lookup) -> Vec<Outcome> {
    let inventory = Arc::new(Inventory::default());
    let context = PolicyContext {
        lookup,
        inventory: &inventory,
        limits: Limits::default(),
        now: Timestamp { seconds: 0, nanoseconds: 0 },
        interrupted: &|| false,
    };
    policies
        .iter()
        .flat_map(|policy| Phase::ALL.iter().flat_map(|phase| policy.evaluate(*phase, request, &context)).collect::<Vec<_>>())
        .collect()
}

fn outcomes(policies: &str, object: &str) -> Result<Vec<Outcome>> {
    Ok(evaluate(&compiled(policies)?, &Request::create(document(object)?), &NoLookup))
}

/// Rule and status of every outcome.
fn check(policies: &str, object: &str, expected: &[(&str, Status)]) -> Result<()> {
    let got = outcomes(policies, object)?;
    let got: Vec<(&str, Status)> = got.iter().map(|outcome| (&*outcome.rule.name, outcome.status)).collect();
    assert_eq!(got, expected, "{policies}\n{object}");
    Ok(())
}

fn pod(rest: &str) -> String {
    format!("{{apiVersion: v1, kind: Pod, metadata: {{name: a, namespace: n}}, {rest}}}")
}

const NGINX: &str = "spec: {containers: [{name: c, image: nginx}]}";

#[test]
fn mistakes_are_refused_with_their_places() -> Result<()> {
    let check = |text: &str, line: u32, message: &str| -> Result<()> {
        let sources = SourceMap::new();
        let file = sources.add("p.yaml", text);
        let documents: Vec<PolicyDocument> =
            yaml::parse(text, file).0.into_iter().map(|document| PolicyDocument { file: "p.yaml".into(), value: document.value }).collect();
        let (policies, said) = probity_kyverno::compile(&documents);
        assert!(policies.is_empty(), "{text}");
        let said: Vec<(u32, &str)> =
            said.iter().map(|said| (sources.locate(said.span).map_or(0, |(_, start, _)| start.line), &*said.message)).collect();
        assert!(said.contains(&(line, message)), "{text}\n{said:?}");
        Ok(())
    };
    check(&policy("  - name: r\n    matches: {}"), 7, "`rules` has no field `matches`")?;
    check(&rule("{pattern: {}, messages: x}"), 8, "`validate` has no field `messages`")?;
    check(
        &rule("{deny: {conditions: {any: [{key: a, operator: Is, value: b}]}}}"),
        8,
        "`Is` is none of the operators Equal, Equals, NotEqual, NotEquals, In, AnyIn, AllIn, NotIn, AnyNotIn, AllNotIn, GreaterThanOrEquals, GreaterThan, LessThanOrEquals, LessThan, DurationGreaterThanOrEquals, DurationGreaterThan, DurationLessThanOrEquals, DurationLessThan",
    )?;
    check(
        &rule("{pattern: {}, deny: {}}"),
        8,
        "`validate` of the rule `r` needs exactly one of pattern, anyPattern, deny, foreach, podSecurity, cel, manifests",
    )?;
    check(
        &rule("{podSecurity: {level: baseline, exclude: [{controlName: Capabilities}]}}"),
        8,
        "the control `Capabilities` is about containers: `images` are needed",
    )?;
    check(
        &rule("{deny: {conditions: {any: [{key: '{{ alowed.names }}', operator: Equals, value: b}]}}}"),
        8,
        "there is no variable `alowed`: neither Kyverno nor the context of the rule gives it",
    )?;
    check(
        &rule("{deny: {conditions: [{key: '{{ request.operation }}', operator: AnyIn, value: [CREATE, UPDTAE]}]}}"),
        8,
        "`UPDTAE` is none of the operations CREATE, UPDATE, DELETE, CONNECT",
    )?;
    check(
        &rule("{deny: {conditions: {all: [{key: a, operator: Equals}]}}}"),
        8,
        "a condition needs a `key` and a `value` that are not null",
    )?;
    check(&rule("{podSecurity: {level: high}}"), 8, "`level` is `high`, which is none of privileged, baseline, restricted")?;
    check(
        &policy(
            "  - name: r\n    match: {any: [{resources: {kinds: [Pod]}}], all: [{resources: {kinds: [Pod]}}]}\n    validate: {deny: {}}",
        ),
        7,
        "`match` can have `any` or `all`, not both",
    )?;
    for broken in [
        rule("{cel: {expressions: [{expression: 'object.'}]}}"),
        rule("{cel: {expressions: [{expression: 'nobody'}]}}"),
        rule("{cel: {expressions: [{expression: '1 + 1'}]}}"),
        rule("{deny: {conditions: {any: [{key: '{{ request.[ }}', operator: Equals, value: b}]}}}"),
        rule("{foreach: [{list: 'a b c', deny: {}}]}"),
        policy("  - {name: r, validate: {deny: {}}}"),
        policy("  - {name: r, match: {any: [{resources: {kinds: [Pod]}}]}}"),
        "apiVersion: kyverno.io/v1\nkind: ClusterPolicy\nmetadata: {name: p}\nspec: {rules: []}\n".to_owned(),
        "apiVersion: kyverno.io/v7\nkind: ClusterPolicy\nmetadata: {name: p}\nspec: {}\n".to_owned(),
    ] {
        assert!(compiled(&broken).is_err(), "{broken}");
    }
    Ok(())
}

#[test]
fn a_broken_policy_takes_no_other_with_it() -> Result<()> {
    let both = format!("{}---\n{}", rule("{deny: {}}"), rule("{denied: {}}").replace("name: p", "name: q"));
    let all: Vec<PolicyDocument> = documents(&both).into_iter().map(|value| PolicyDocument { file: "p.yaml".into(), value }).collect();
    let (policies, said) = probity_kyverno::compile(&all);
    assert_eq!(policies.len(), 1);
    assert!(!said.is_empty());
    Ok(())
}

#[test]
fn patterns_say_where() -> Result<()> {
    let policies =
        rule("{message: 'no latest in {{ request.object.metadata.name }}', pattern: {spec: {containers: [{image: '!*:latest'}]}}}");
    check(&policies, &pod(NGINX), &[("r", Status::Pass)])?;
    let failed = outcomes(&policies, &pod("spec: {containers: [{name: b, image: b}, {name: c, image: 'nginx:latest'}]}"))?;
    let failed = failed.first().context("no outcome")?;
    assert_eq!(failed.status, Status::Fail);
    assert_eq!(failed.message, "validation error: no latest in a. rule r failed at path /spec/containers/1/image/");
    let path = [PathStep::Key("spec".into()), PathStep::Key("containers".into()), PathStep::Index(1), PathStep::Key("image".into())];
    assert_eq!(failed.path, path);
    assert_eq!(failed.effect, Effect::Audit);
    Ok(())
}

#[test]
fn rules_are_made_for_controllers() -> Result<()> {
    let pattern = rule("{pattern: {spec: {containers: [{image: '!*:latest'}]}}}");
    let names = |text: &str| -> Result<Vec<String>> {
        let policies = compiled(text)?;
        Ok(policies.iter().flat_map(|policy| policy.rules()).map(|rule| rule.name.to_string()).collect())
    };
    assert_eq!(names(&pattern)?, ["r", "autogen-r", "autogen-cronjob-r"]);
    let annotated = |value: &str| {
        pattern.replace(
            "metadata: {name: p}",
            &format!("metadata: {{name: p, annotations: {{pod-policies.kyverno.io/autogen-controllers: '{value}'}}}}"),
        )
    };
    assert_eq!(names(&annotated("none"))?, ["r"]);
    assert_eq!(names(&annotated("Deployment"))?, ["r", "autogen-r"]);
    assert_eq!(names(&annotated("CronJob,Job"))?, ["r", "autogen-r", "autogen-cronjob-r"]);
    for never in [
        pattern.replace("kinds: [Pod]", "kinds: [Pod], names: ['a*']"),
        pattern.replace("kinds: [Pod]", "kinds: [Pod, Service]"),
        pattern.replace("kinds: [Pod]", "kinds: [Pod], selector: {matchLabels: {a: b}}"),
        pattern.replace("kinds: [Pod]", "kinds: [Service]"),
    ] {
        assert_eq!(names(&never)?, ["r"], "{never}");
    }
    let object =
        |kind: &str, spec: &str| format!("{{apiVersion: apps/v1, kind: {kind}, metadata: {{name: a, namespace: n}}, spec: {spec}}}");
    let template = "{template: {spec: {containers: [{name: c, image: 'x:latest'}]}}}";
    check(&pattern, &object("Deployment", template), &[("autogen-r", Status::Fail)])?;
    check(&annotated("DaemonSet"), &object("Deployment", template), &[])?;
    let cron = object("CronJob", &format!("{{jobTemplate: {{spec: {template}}}}}")).replace("apps/v1", "batch/v1");
    let failed = outcomes(&pattern, &cron)?;
    let failed = failed.first().context("no outcome")?;
    assert!(failed.message.ends_with("failed at path /spec/jobTemplate/spec/template/spec/containers/0/image/"), "{}", failed.message);
    // The text of conditions is rewritten, too.
    let deny =
        rule("{deny: {conditions: {any: [{key: '{{ request.object.spec.containers[].image }}', operator: AnyIn, value: ['*:latest']}]}}}");
    check(&deny, &object("StatefulSet", template), &[("autogen-r", Status::Fail)])?;
    check(&deny, &cron, &[("autogen-cronjob-r", Status::Fail)])?;
    for (expression, holds) in [
        ("has(request.namespace) && !has(request.subResource) && !has(request.userInfo.username)", true),
        ("request.userInfo.username == ''", false),
        ("!has(object.spec.securityContext.runAsUser)", true),
        ("object.spec.?securityContext.?runAsUser.orValue(1) == 1", true),
    ] {
        let object = pod("spec: {securityContext: null, containers: [{name: c, image: nginx}]}");
        let status = if holds { Status::Pass } else { Status::Fail };
        check(&rule(&format!("{{cel: {{expressions: [{{expression: \"{expression}\"}}]}}}}")), &object, &[("r", status)])?;
    }
    let cel = rule("{cel: {expressions: [{expression: \"object.spec.containers.all(c, !c.image.endsWith(':latest'))\"}]}}");
    check(&cel, &object("Deployment", template), &[("autogen-r", Status::Fail)])?;
    check(&cel, &pod(NGINX), &[("r", Status::Pass)])
}

#[test]
fn preconditions_and_denials() -> Result<()> {
    let with = |preconditions: &str, deny: &str| {
        policy(&format!(
            "  - name: r\n    match: {{any: [{{resources: {{kinds: [Pod]}}}}]}}\n    preconditions: {preconditions}\n    validate: {{message: no, deny: {deny}}}"
        ))
    };
    let name =
        |operator: &str, value: &str| format!("{{key: '{{{{ request.object.metadata.name }}}}', operator: {operator}, value: {value}}}");
    let always = "{conditions: {}}";
    for (preconditions, status) in [
        (format!("{{any: [{}]}}", name("Equals", "a")), Status::Fail),
        (format!("{{any: [{}]}}", name("Equals", "b")), Status::Skip),
        (format!("{{any: [{}], all: [{}]}}", name("Equals", "a"), name("NotEquals", "a")), Status::Skip),
        (format!("[{}]", name("Equals", "a")), Status::Fail),
        ("{any: []}".to_owned(), Status::Skip),
        ("{all: [{key: '{{ request.object.spec.nothing }}', operator: Equals, value: x}]}".to_owned(), Status::Error),
        ("{all: [{key: \"{{ request.object.spec.nothing || '' }}\", operator: Equals, value: ''}]}".to_owned(), Status::Fail),
    ] {
        check(&with(&preconditions, always), &pod(NGINX), &[("r", status)])?;
    }
    let skipped = outcomes(&with(&format!("{{any: [{}]}}", name("Equals", "b")), always), &pod(NGINX))?;
    assert_eq!(skipped.first().context("no outcome")?.skipped, Some(SkipReason::Precondition));
    check(&with("{}", &format!("{{conditions: {{all: [{}]}}}}", name("AnyIn", "[b, c]"))), &pod(NGINX), &[("r", Status::Pass)])
}

#[test]
fn loops() -> Result<()> {
    let deny = "{conditions: {any: [{key: '{{ element.image }}', operator: Equals, value: bad}]}}";
    let foreach = |list: &str, rest: &str| rule(&format!("{{foreach: [{{list: {list}, {rest}}}]}}"));
    let two = pod("spec: {containers: [{name: a, image: good}, {name: b, image: bad}]}");
    check(&foreach("request.object.spec.containers", &format!("deny: {deny}")), &two, &[("r", Status::Fail)])?;
    check(&foreach("request.object.spec.containers", &format!("deny: {deny}")), &pod(NGINX), &[("r", Status::Pass)])?;
    // A list that is not there says nothing, one that is empty neither.
    check(&foreach("request.object.spec.initContainers", &format!("deny: {deny}")), &two, &[])?;
    check(&foreach("request.object.spec.containers", "pattern: {image: good}"), &two, &[("r", Status::Fail)])?;
    check(&foreach("request.object.spec.containers", "elementScope: false, pattern: {metadata: {name: a}}"), &two, &[("r", Status::Pass)])?;
    check(
        &foreach(
            "request.object.spec.containers",
            &format!("preconditions: {{any: [{{key: '{{{{ element.name }}}}', operator: Equals, value: a}}]}}, deny: {deny}"),
        ),
        &two,
        &[("r", Status::Pass)],
    )?;
    let nested = "foreach: [{list: element.ports, deny: {conditions: {any: [{key: '{{ element0.name }}-{{ element1 }}-{{ elementIndex1 }}', operator: Equals, value: a-81-1}]}}}]";
    check(
        &foreach("request.object.spec.containers", nested),
        &pod("spec: {containers: [{name: a, ports: [80, 81]}]}"),
        &[("r", Status::Fail)],
    )
}

#[test]
fn alternatives() -> Result<()> {
    let any = rule("{message: one of both, anyPattern: [{spec: {a: 1}}, {spec: {b: 1}}]}");
    check(&any, &pod("spec: {b: 1}"), &[("r", Status::Pass)])?;
    let failed = outcomes(&any, &pod("spec: {}"))?;
    assert_eq!(
        failed.first().context("no outcome")?.message,
        "validation error: one of both. rule r[0] failed at path /spec/a/ rule r[1] failed at path /spec/b/"
    );
    check(&rule("{anyPattern: [{spec: {(a): 1, b: 1}}, {spec: {(c): 1, b: 1}}]}"), &pod("spec: {}"), &[("r", Status::Skip)])
}

#[test]
fn pod_security_with_exclusions() -> Result<()> {
    let level = |rest: &str| rule(&format!("{{podSecurity: {{{rest}}}}}"));
    let privileged = pod("spec: {containers: [{name: c, image: 'r.io/good:1', securityContext: {privileged: true}}]}");
    check(&level("level: baseline"), &privileged, &[("r", Status::Fail)])?;
    check(
        &level("level: baseline, exclude: [{controlName: Privileged Containers, images: ['r.io/*']}]"),
        &privileged,
        &[("r", Status::Pass)],
    )?;
    check(
        &level("level: baseline, exclude: [{controlName: Privileged Containers, images: ['x.io/*']}]"),
        &privileged,
        &[("r", Status::Fail)],
    )?;
    let capabilities = pod("spec: {containers: [{name: c, image: x, securityContext: {capabilities: {add: [NET_RAW, SYS_TIME]}}}]}");
    let field = "restrictedField: 'spec.containers[*].securityContext.capabilities.add'";
    let exclude = |values: &str| {
        level(&format!("level: baseline, exclude: [{{controlName: Capabilities, images: ['*'], {field}, values: {values}}}]"))
    };
    check(&exclude("[NET_RAW]"), &capabilities, &[("r", Status::Fail)])?;
    check(&exclude("[NET_RAW, 'SYS_*']"), &capabilities, &[("r", Status::Pass)])?;
    let host = pod("spec: {hostNetwork: true, hostPID: true, containers: []}");
    let exclude = |field: &str| {
        level(&format!("level: baseline, exclude: [{{controlName: Host Namespaces, restrictedField: {field}, values: ['true']}}]"))
    };
    check(&exclude("spec.hostNetwork"), &host, &[("r", Status::Fail)])?;
    check(&level("level: baseline, exclude: [{controlName: Host Namespaces}]"), &host, &[("r", Status::Pass)])?;
    check(&level("level: baseline, version: v1.19"), &pod("spec: {containers: [{name: c, image: x}]}"), &[("r", Status::Pass)])
}

/// Answers with fixed objects.
struct Fixed(Vec<(Question, Value)>);

impl Lookup for Fixed {
    fn ask(&self, question: &Question) -> Result<Value, LookupError> {
        let found = self.0.iter().find(|(known, _)| known == question).map(|(_, answer)| answer.clone());
        found.ok_or_else(|| LookupError::Unanswered("nobody says".to_owned()))
    }
}

#[test]
fn context_comes_from_outside_and_in_order() -> Result<()> {
    let policies = policy(
        "
  - name: r
    match: {any: [{resources: {kinds: [Pod]}}]}
    context:
    - name: map
      configMap: {name: 'allowed-{{ request.namespace }}', namespace: ops}
    - name: count
      apiCall: {urlPath: '/api/v1/namespaces/{{ request.namespace }}/pods', jmesPath: 'items | length(@)'}
    - name: both
      variable: {value: '{{ map.data.images }}-{{ count }}'}
    - name: unused
      configMap: {name: nobody}
    validate:
      message: '{{ both }}'
      deny: {conditions: {any: [{key: '{{ both }}', operator: NotEquals, value: nginx-1}]}}",
    );
    let lookup = Fixed(vec![
        (
            Question::Object { api_version: "v1".into(), kind: "ConfigMap".into(), namespace: "ops".into(), name: "allowed-n".into() },
            document("{data: {images: nginx}, metadata: {name: allowed-n}}")?,
        ),
        (Question::Call { method: "GET".into(), url: "/api/v1/namespaces/n/pods".into(), body: None }, document("{items: [{}, {}]}")?),
    ]);
    let policies = compiled(&policies)?;
    let request = Request::create(document(&pod(NGINX))?);
    let answered = evaluate(&policies, &request, &lookup);
    let answered = answered.first().context("no outcome")?;
    assert_eq!((answered.status, &*answered.message), (Status::Fail, "nginx-2"));
    // What nobody can tell is unknown, neither pass nor failure.
    let unanswered = evaluate(&policies, &request, &NoLookup);
    assert_eq!(unanswered.first().context("no outcome")?.status, Status::Unknown);
    Ok(())
}

#[test]
fn exceptions_skip() -> Result<()> {
    let exception = |rest: &str| {
        format!(
            "---\napiVersion: kyverno.io/v2\nkind: PolicyException\nmetadata: {{name: e, namespace: x}}\nspec:\n  exceptions: [{{policyName: p, ruleNames: ['r*']}}]\n  match: {{any: [{{resources: {{kinds: [Pod], names: [a]}}}}]}}\n{rest}"
        )
    };
    let all = format!("{}{}", rule("{deny: {}}"), exception(""));
    let skipped = outcomes(&all, &pod(NGINX))?;
    assert_eq!(skipped.first().context("no outcome")?.skipped, Some(SkipReason::Exception("x/e".into())));
    check(&all, &pod(NGINX).replace("name: a,", "name: b,"), &[("r", Status::Fail)])?;
    let conditional = |value: &str| {
        format!(
            "{}{}",
            rule("{deny: {}}"),
            exception(&format!(
                "  conditions: {{any: [{{key: '{{{{ request.object.metadata.namespace }}}}', operator: Equals, value: {value}}}]}}"
            ))
        )
    };
    check(&conditional("n"), &pod(NGINX), &[("r", Status::Skip)])?;
    check(&conditional("other"), &pod(NGINX), &[("r", Status::Fail)])?;
    let security = format!("{}{}", rule("{podSecurity: {level: baseline}}"), exception("  podSecurity: [{controlName: Host Namespaces}]"));
    check(&security, &pod("spec: {hostNetwork: true, containers: []}"), &[("r", Status::Skip)])?;
    check(
        &security,
        &pod("spec: {hostNetwork: true, containers: [{name: c, securityContext: {privileged: true}}]}"),
        &[("r", Status::Fail)],
    )
}

#[test]
fn changed_objects_that_failed_before_are_let_be_where_enforced() -> Result<()> {
    let pattern = "{message: no, pattern: {metadata: {labels: {app: '?*'}}}}";
    let judged = |policies: &str, before: &str| -> Result<Status> {
        let mut request = Request::create(document(&pod(NGINX))?);
        request.operation = Operation::Update;
        request.old_object = document(before)?;
        Ok(evaluate(&compiled(policies)?, &request, &NoLookup).first().context("no outcome")?.status)
    };
    let enforced = rule(pattern).replace("  rules:", "  validationFailureAction: Enforce\n  rules:");
    let good = pod(NGINX).replace("namespace: n}", "namespace: n, labels: {app: x}}");
    assert_eq!(judged(&enforced, &pod(NGINX))?, Status::Skip);
    assert_eq!(judged(&enforced, &good)?, Status::Fail);
    assert_eq!(judged(&rule(pattern), &pod(NGINX))?, Status::Fail);
    let strict = enforced.replace("{message: no,", "{allowExistingViolations: false, message: no,");
    assert_eq!(judged(&strict, &pod(NGINX))?, Status::Fail);
    Ok(())
}

#[test]
fn effects_depend_on_the_namespace() -> Result<()> {
    let overridden = rule("{deny: {}}").replace(
        "  rules:",
        "  validationFailureAction: Audit\n  validationFailureActionOverrides: [{action: Enforce, namespaces: ['n*']}]\n  rules:",
    );
    let effect = |object: &str| -> Result<Effect> { Ok(outcomes(&overridden, object)?.first().context("no outcome")?.effect) };
    assert_eq!(effect(&pod(NGINX))?, Effect::Deny);
    assert_eq!(effect(&pod(NGINX).replace("namespace: n", "namespace: m"))?, Effect::Audit);
    Ok(())
}

#[test]
fn namespaced_policies_stay_in_their_namespace() -> Result<()> {
    let own = rule("{deny: {}}").replace("ClusterPolicy", "Policy").replace("{name: p}", "{name: p, namespace: n}");
    check(&own, &pod(NGINX), &[("r", Status::Fail)])?;
    check(&own, &pod(NGINX).replace("namespace: n", "namespace: m"), &[])?;
    assert_eq!(&*outcomes(&own, &pod(NGINX))?.first().context("no outcome")?.rule.policy, "n/p");
    Ok(())
}

#[test]
fn one_rule_is_enough_where_the_policy_says_so() -> Result<()> {
    let two = policy(
        "
  - {name: a, match: {any: [{resources: {kinds: [Pod]}}]}, validate: {deny: {}}}
  - {name: b, match: {any: [{resources: {kinds: [Pod]}}]}, validate: {deny: {}}}",
    );
    check(&two, &pod(NGINX), &[("a", Status::Fail), ("b", Status::Fail)])?;
    check(&two.replace("  rules:", "  applyRules: One\n  rules:"), &pod(NGINX), &[("a", Status::Fail)])
}

#[test]
fn images_are_never_a_pass_without_signatures() -> Result<()> {
    let verify = |rest: &str| {
        policy(&format!(
            "  - name: r\n    match: {{any: [{{resources: {{kinds: [Pod]}}}}]}}\n    verifyImages: [{{imageReferences: ['docker.io/*'], {rest}}}]"
        ))
    };
    check(&verify("attestors: []"), &pod(NGINX), &[("r", Status::Unknown)])?;
    check(&verify("mutateDigest: false"), &pod(NGINX), &[("r", Status::Fail)])?;
    check(&verify("skipImageReferences: ['*/nginx:*']"), &pod(NGINX), &[("r", Status::Skip)])?;
    check(&verify("attestors: []"), &pod("spec: {containers: [{name: c, image: ghcr.io/x/y}]}"), &[])
}

#[test]
fn what_is_unknown_stays_unknown() -> Result<()> {
    let mut object = document(&pod(NGINX))?;
    let probity_value::Data::Map(map) = &mut object.data else { return Err(anyhow!("no map")) };
    let unknown = Value::unknown(UnknownKind::Variable, "`replicas` has no value", Span::NONE);
    let mut spec = Map::new();
    spec.insert("replicas", Span::NONE, unknown);
    Arc::make_mut(map).insert("spec", Span::NONE, Value::map(spec, Span::NONE));
    let request = Request::create(object);
    for validate in [
        "{pattern: {spec: {replicas: '>1'}}}",
        "{deny: {conditions: {any: [{key: '{{ request.object.spec.replicas }}', operator: LessThan, value: 2}]}}}",
        "{cel: {expressions: [{expression: object.spec.replicas > 1}]}}",
        "{anyPattern: [{spec: {replicas: 1}}, {spec: {replicas: 2}}]}",
        "{foreach: [{list: request.object.spec.replicas, deny: {}}]}",
    ] {
        let got = evaluate(&compiled(&rule(validate))?, &request, &NoLookup);
        assert_eq!(got.first().context("no outcome")?.status, Status::Unknown, "{validate}");
    }
    Ok(())
}

#[test]
fn who_asks_counts_where_it_is_known() -> Result<()> {
    let excluded = policy(
        "
  - name: r
    match: {any: [{resources: {kinds: [Pod]}}]}
    exclude: {any: [{clusterRoles: [cluster-admin]}, {subjects: [{kind: ServiceAccount, name: 'b*', namespace: ci}]}]}
    validate: {deny: {}}",
    );
    let judged = |user: UserInfo| -> Result<usize> {
        let request = Request { user, ..Request::create(document(&pod(NGINX))?) };
        Ok(evaluate(&compiled(&excluded)?, &request, &NoLookup).len())
    };
    assert_eq!(judged(UserInfo::default())?, 1);
    assert_eq!(judged(UserInfo { cluster_roles: vec!["cluster-admin".into()], ..UserInfo::default() })?, 0);
    assert_eq!(judged(UserInfo { username: "system:serviceaccount:ci:builder".into(), ..UserInfo::default() })?, 0);
    assert_eq!(judged(UserInfo { username: "alice".into(), ..UserInfo::default() })?, 1);
    Ok(())
}

#[test]
fn policies_are_indexed() -> Result<()> {
    let policies = compiled(&rule("{deny: {}}"))?;
    let interest = policies.first().context("no policy")?.interest();
    let kind = |api: &str, kind: &str| probity_core::GroupVersionKind::of(api, kind);
    assert!(interest.covers(&kind("v1", "Pod"), Operation::Create));
    assert!(interest.covers(&kind("apps/v1", "Deployment"), Operation::Create));
    assert!(!interest.covers(&kind("v1", "Service"), Operation::Create));
    Ok(())
}
