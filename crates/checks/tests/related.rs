//! Conditions over related subjects.
#![allow(
    clippy::disallowed_methods,
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    reason = "a test touches the world on purpose and fails by panicking"
)]

mod support;

use probity_core::{EvalContext, Program, SubjectIndex, SubjectKind, World};
use probity_value::{Map, Span, Value};
use support::{judge, program, rule, shown, status, subject, text_by_reference};

const BUCKET: &str = "aws_s3_bucket.b";
const BLOCK: &str = "aws_s3_bucket_public_access_block.p";

fn check(ask: &str, ours: &str, others: &[(&str, &str)], expected: &str) {
    let mut subjects = vec![(BUCKET, ours)];
    subjects.extend_from_slice(others);
    assert_eq!(status(judge(&format!("fail_unless: {ask}"), &subjects)), expected, "{ask} {ours} {others:?}");
}

#[test]
fn by_reference() {
    let any = "{ related: { types: [aws_s3_bucket_public_access_block] } }";
    let by = "{ related: { types: [aws_s3_bucket_public_access_block], direction: in, theirs: bucket } }";
    for ask in [any, by] {
        check(ask, "{}", &[(BLOCK, "{bucket: '?ref:aws_s3_bucket.b.id'}")], "pass");
        check(ask, "{}", &[(BLOCK, "{bucket: '?ref:aws_s3_bucket.other.id'}")], "fail");
        check(ask, "{}", &[], "fail");
    }
    check(by, "{}", &[(BLOCK, "{other: '?ref:aws_s3_bucket.b.id'}")], "fail");
    check(any, "{}", &[(BLOCK, "{other: ['?ref:aws_s3_bucket.b.id']}")], "pass");
    let out = "{ related: { types: [aws_kms_key], direction: out, ours: key } }";
    check(out, "{key: '?ref:aws_kms_key.k.arn'}", &[("aws_kms_key.k", "{}")], "pass");
    check(out, "{other: '?ref:aws_kms_key.k.arn'}", &[("aws_kms_key.k", "{}")], "fail");
    check("{ related: { types: [aws_kms_key], direction: in } }", "{key: '?ref:aws_kms_key.k.arn'}", &[("aws_kms_key.k", "{}")], "fail");
    check("{ related: { types: [aws_kms_key] } }", "{key: '?ref:aws_kms_key.k.arn'}", &[("aws_kms_key.k", "{}")], "pass");
}

#[test]
fn by_data_source() {
    let out = "{ related: { types: [policy], direction: out, ours: policy } }";
    let (one, two) = (("policy.one", "{}"), ("policy.two", "{}"));
    check(out, "{policy: '?dataref:policy.one.text'}", &[one, two], "pass");
    let is = "{ related: { types: [policy], direction: out, ours: policy }, is: { path: a, equals: 1 } }";
    check(is, "{policy: '?dataref:policy.one.text'}", &[("policy.one", "{a: 2}"), ("policy.two", "{a: 1}")], "fail");
    check(is, "{policy: '?dataref:policy.one.text'}", &[("policy.one", "{a: 1}"), ("policy.two", "{a: 2}")], "pass");
    // What is read of another kind may be anything.
    check(is, "{policy: '?dataref:other.one.text'}", &[("policy.two", "{a: 1}"), ("other.one", "{}")], "unknown");
    check(is, "{policy: ?data}", &[("policy.two", "{a: 1}")], "unknown");
}

#[test]
fn by_equal_text() {
    let ask = "{ related: { types: [aws_s3_bucket_public_access_block], theirs: bucket, ours: [bucket, id] } }";
    check(ask, "{bucket: logs}", &[(BLOCK, "{bucket: logs}")], "pass");
    check(ask, "{bucket: logs}", &[(BLOCK, "{bucket: other}")], "fail");
    check(ask, "{}", &[(BLOCK, "{bucket: other}")], "fail");
    check(ask, "{bucket: logs}", &[(BLOCK, "{bucket: ?v}")], "unknown");
    check(ask, "{bucket: ?v}", &[(BLOCK, "{bucket: logs}")], "unknown");
    check(ask, "{bucket: logs}", &[(BLOCK, "{bucket: '?v=data-'}")], "fail");
    check(ask, "{bucket: logs}", &[(BLOCK, "{bucket: ?v}"), ("aws_s3_bucket_public_access_block.q", "{bucket: logs}")], "pass");
    // A reference to somebody else is not to this one.
    check(ask, "{bucket: logs}", &[(BLOCK, "{bucket: '?ref:aws_s3_bucket.other.id'}")], "fail");
    check(ask, "{bucket: logs}", &[(BLOCK, "{bucket: '?ref:aws_s3_bucket.b.id'}")], "pass");
    // Two references to the same attribute of a third are equal.
    check(ask, "{bucket: '?ref:random_id.r.hex'}", &[(BLOCK, "{bucket: '?ref:random_id.r.hex'}")], "pass");
    check(ask, "{bucket: '?ref:random_id.r.hex'}", &[(BLOCK, "{bucket: '?ref:random_id.s.hex'}")], "fail");
}

#[test]
fn text_that_came_by_reference_counts_as_one() {
    let mut map = Map::new();
    map.insert("bucket", Span::NONE, text_by_reference("same", "aws_s3_bucket.b"));
    let world = World::new(vec![
        subject(SubjectKind::Terraform, "aws_s3_bucket", "aws_s3_bucket.b", support::value("{bucket: same}")),
        subject(SubjectKind::Terraform, "block", "block.p", Value::map(map, Span::NONE)),
    ]);
    let ask = "fail_unless: { related: { types: [block], direction: in, theirs: bucket } }";
    let results = program(rule("aws_s3_bucket", ask)).evaluate(SubjectIndex(0), &world, &EvalContext::default());
    assert_eq!(results[0].status.as_str(), "pass");
}

#[test]
fn conditions_and_counts() {
    let ask = |count: &str, is: &str| {
        format!("{{ related: {{ types: [aws_s3_bucket_public_access_block], direction: in, theirs: bucket, count: {count} }}, is: {is} }}")
    };
    let on = "{ path: block, equals: true }";
    let yes = (BLOCK, "{bucket: '?ref:aws_s3_bucket.b.id', block: true}");
    let no = ("aws_s3_bucket_public_access_block.q", "{bucket: '?ref:aws_s3_bucket.b.id', block: false}");
    let bare = ("aws_s3_bucket_public_access_block.r", "{bucket: '?ref:aws_s3_bucket.b.id'}");
    let maybe = ("aws_s3_bucket_public_access_block.s", "{bucket: ?v, block: true}");
    let maybe_not = ("aws_s3_bucket_public_access_block.t", "{bucket: ?v, block: false}");
    check(&ask("some", on), "{}", &[yes, no], "pass");
    check(&ask("some", on), "{}", &[no], "fail");
    check(&ask("some", on), "{}", &[bare], "fail");
    check(&ask("some", on), "{}", &[no, maybe], "unknown");
    check(&ask("some", on), "{}", &[no, maybe_not], "fail");
    check(&ask("every", on), "{}", &[yes, no], "fail");
    check(&ask("every", on), "{}", &[yes], "pass");
    check(&ask("every", on), "{}", &[], "pass");
    check(&ask("every", on), "{}", &[yes, maybe], "pass");
    check(&ask("every", on), "{}", &[yes, maybe_not], "unknown");
    check(&ask("none", on), "{}", &[yes], "fail");
    check(&ask("none", on), "{}", &[no], "pass");
    // Inside `none` a comparison speaks ill: nothing found counts against the subject.
    check(&ask("none", on), "{}", &[bare], "fail");
    check(&ask("none", on), "{}", &[maybe], "unknown");
    check(&ask("none", on), "{}", &[maybe_not], "pass");
    check(&ask("none", "true"), "{}", &[], "pass");
    // The related subject is `$`, the judged one `$$`.
    check(
        &ask("some", "{ path: name, equals: { path: $$.name } }"),
        "{name: x}",
        &[(BLOCK, "{bucket: '?ref:aws_s3_bucket.b.id', name: x}")],
        "pass",
    );
    check(
        &ask("some", "{ some: l, is: { path: $.name, equals: x } }"),
        "{name: y}",
        &[(BLOCK, "{bucket: '?ref:aws_s3_bucket.b.id', name: x, l: [1]}")],
        "pass",
    );
}

#[test]
fn through_one_between() {
    let ask = "{ related: { types: [aws_security_group], through: [aws_launch_template] }, is: { opens: { ports: [22] } } }";
    let open = "{ingress: [{from_port: 22, to_port: 22, protocol: tcp, cidr_blocks: [0.0.0.0/0]}]}";
    let judge_it = |template: &str, group: &str| {
        let subjects = [
            ("aws_instance.i", "{launch_template: [{id: '?ref:aws_launch_template.t.id'}]}"),
            ("aws_launch_template.t", template),
            ("aws_security_group.g", group),
        ];
        status(judge(&format!("fail_if: {ask}"), &subjects))
    };
    assert_eq!(judge_it("{vpc_security_group_ids: ['?ref:aws_security_group.g.id']}", open), "fail");
    assert_eq!(judge_it("{vpc_security_group_ids: ['?ref:aws_security_group.g.id']}", "{}"), "pass");
    assert_eq!(judge_it("{}", open), "pass");
}

#[test]
fn messages() {
    let check = |ask: &str, others: &[(&str, &str)], expected: &str| {
        let mut subjects = vec![(BUCKET, "{}")];
        subjects.extend_from_slice(others);
        assert_eq!(shown(judge(ask, &subjects)), expected, "{ask}");
    };
    let related =
        "{ related: { types: [aws_s3_bucket_public_access_block], direction: in, theirs: bucket }, is: { path: a, equals: true } }";
    let unless = format!("fail_unless: {related}");
    check(&unless, &[], "fail: no `aws_s3_bucket_public_access_block` refers to it");
    check(&unless, &[(BLOCK, "{bucket: other}")], "fail: no `aws_s3_bucket_public_access_block` refers to it");
    check(
        &unless,
        &[(BLOCK, "{bucket: '?ref:aws_s3_bucket.b.id', a: false}")],
        "fail: `aws_s3_bucket_public_access_block` refers to it, but `a` is `false`",
    );
    check(
        &unless,
        &[(BLOCK, "{bucket: '?ref:aws_s3_bucket.b.id', a: true}")],
        "pass: `aws_s3_bucket_public_access_block` refers to it, and `a` is `true`",
    );
    check(
        &unless,
        &[(BLOCK, "{bucket: ?v, a: true}")],
        "unknown: whether `aws_s3_bucket_public_access_block.p` belongs to it cannot be known: variable `v` has no value; give it a value in a variable file",
    );
    let result = judge(&unless, &[(BUCKET, "{}"), (BLOCK, "{bucket: '?ref:aws_s3_bucket.b.id', a: false}")]).unwrap();
    assert_eq!(result.at.start, 900, "the judged subject is the place");
    assert!(!result.related.is_empty());
}

#[test]
fn by_the_item_of_a_quantifier() {
    let ask = "{ some: keys, is: { related: { types: [aws_kms_key], direction: out, ours: '@' } } }";
    let key = ("aws_kms_key.k", "{}");
    check(ask, "{keys: [other, '?ref:aws_kms_key.k.arn']}", &[key], "pass");
    check(ask, "{keys: [other, '?ref:aws_x.y.arn']}", &[key], "fail");
    check(ask, "{keys: [other], more: '?ref:aws_kms_key.k.arn'}", &[key], "fail");
    let every = "{ every: keys, is: { related: { types: [aws_kms_key], direction: out, ours: '@' } } }";
    check(every, "{keys: [other, '?ref:aws_kms_key.k.arn']}", &[key], "fail");
    check(every, "{keys: ['?ref:aws_kms_key.k.arn', ?v]}", &[key], "unknown");
    // Any other path starts at the subject.
    let subject = "{ some: keys, is: { related: { types: [aws_kms_key], direction: out, ours: more } } }";
    check(subject, "{keys: [other], more: '?ref:aws_kms_key.k.arn'}", &[key], "pass");
}

#[test]
fn other_roots_are_other_worlds() {
    let mut other = subject(SubjectKind::Terraform, "block", "block.p", support::value("{bucket: logs}"));
    other.root = "test".into();
    let world = World::new(vec![subject(SubjectKind::Terraform, "aws_s3_bucket", BUCKET, support::value("{bucket: logs}")), other]);
    let ask = "fail_unless: { related: { types: [block], theirs: bucket, ours: bucket } }";
    let results = program(rule("aws_s3_bucket", ask)).evaluate(SubjectIndex(0), &world, &EvalContext::default());
    assert_eq!(results[0].status.as_str(), "fail");
}

const ROUTED: &str = "{ related: { types: [subnet], direction: out, ours: subnet_id, elsewhere: unknown },
    is: { chain: [{ path: a, equals: 1 }, { related: { types: [route], direction: in, theirs: subnet_id }, is: { path: world, equals: true } }] } }";

#[test]
fn several_steps() {
    let subnet = ("subnet.s", "{a: 1}");
    let route = |world: &'static str| ("route.r", world);
    let ours = "{subnet_id: '?ref:subnet.s.id'}";
    check(ROUTED, ours, &[subnet, route("{subnet_id: '?ref:subnet.s.id', world: true}")], "pass");
    check(ROUTED, ours, &[subnet, route("{subnet_id: '?ref:subnet.s.id', world: false}")], "fail");
    check(ROUTED, ours, &[subnet, route("{subnet_id: '?ref:subnet.s.id', world: ?}")], "unknown");
    check(ROUTED, ours, &[subnet, route("{subnet_id: '?ref:subnet.t.id', world: true}")], "fail");
    check(ROUTED, ours, &[("subnet.s", "{a: 2}"), route("{subnet_id: '?ref:subnet.s.id', world: ?}")], "fail");
    check(ROUTED, ours, &[subnet], "fail");
}

#[test]
fn what_stands_elsewhere() {
    let closed = ("subnet.s", "{a: 2}");
    let is = "{ related: { types: [subnet], direction: out, ours: ids, elsewhere: unknown }, is: { path: a, equals: 1 } }";
    check(is, "{}", &[closed], "fail");
    check(is, "{ids: []}", &[closed], "fail");
    check(is, "{ids: ['?ref:subnet.s.id']}", &[closed], "fail");
    check(is, "{ids: ['?ref:subnet.s.id', subnet-12]}", &[closed], "unknown");
    check(is, "{ids: ['?ref:subnet.s.id', '?ref:other.s.id']}", &[closed, ("other.s", "{}")], "unknown");
    check(is, "{ids: ['?ref:subnet.s.id', '?ref:other.s.id']}", &[("subnet.s", "{a: 1}"), ("other.s", "{}")], "pass");
    check(is, "{ids: '?'}", &[], "unknown");
    check(is, "{ids: subnet-12}", &[], "unknown");
    let none = "{ related: { types: [subnet], direction: out, ours: ids, elsewhere: unknown, count: none }, is: { path: a, equals: 1 } }";
    check(none, "{ids: subnet-12}", &[closed], "unknown");
    check(none, "{ids: '?ref:subnet.s.id'}", &[closed], "pass");
    let every = "{ related: { types: [subnet], direction: out, ours: ids, elsewhere: unknown, count: every }, is: { path: a, equals: 2 } }";
    check(every, "{ids: ['?ref:subnet.s.id', subnet-12]}", &[closed], "unknown");
    check(every, "{ids: '?ref:subnet.s.id'}", &[closed], "pass");
    check(every, "{ids: ['?ref:subnet.s.id', subnet-12]}", &[("subnet.s", "{a: 1}")], "fail");
    // Without the word it is as if nothing stood elsewhere.
    check("{ related: { types: [subnet], direction: out, ours: ids } }", "{ids: subnet-12}", &[], "fail");
}

#[test]
fn a_chain_names_each_part() {
    let rule = format!("fail_if: {{ chain: [{{ path: public, equals: true }}, {ROUTED}] }}");
    let subjects = [
        (BUCKET, "{public: true, subnet_id: '?ref:subnet.s.id'}"),
        ("subnet.s", "{a: 1}"),
        ("route.r", "{subnet_id: '?ref:subnet.s.id', world: true}"),
    ];
    let found = judge(&rule, &subjects);
    assert_eq!(shown(found), "fail: `public` is `true`; `subnet.s`, `a` is `1`, `route.r`, `world` is `true`");
}
