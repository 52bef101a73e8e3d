//! The check language through the public API: conditions, what nothing means, several values, unknowns, operators, messages.
#![allow(
    clippy::disallowed_methods,
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    reason = "a test touches the world on purpose and fails by panicking"
)]

mod support;

use probity_core::{EvalContext, Program, Status, SubjectIndex, SubjectKind, World};
use support::{judge, program, rule, shown, status, subject, value};

/// Judges one subject of type `t`.
fn one(check: &str, text: &str) -> String {
    status(judge(check, &[("t.x", text)]))
}

/// A leaf inside `fail_unless`: `pass` where it holds.
fn leaf(leaf: &str, text: &str) -> String {
    one(&format!("fail_unless: {leaf}"), text)
}

#[test]
fn constants_and_connectives() {
    let check = |condition: &str, expected: &str| {
        assert_eq!(one(&format!("fail_unless: {condition}"), "{u: ?v}"), expected, "{condition}");
        let turned = match expected {
            "pass" => "fail",
            "fail" => "pass",
            other => other,
        };
        assert_eq!(one(&format!("fail_if: {condition}"), "{u: ?v}"), turned, "fail_if {condition}");
    };
    let unknown = "{ path: u, equals: 1 }";
    check("true", "pass");
    check("false", "fail");
    check("{ not: false }", "pass");
    check(unknown, "unknown");
    check(&format!("{{ not: {unknown} }}"), "unknown");
    check(&format!("{{ all: [true, {unknown}] }}"), "unknown");
    check(&format!("{{ all: [{unknown}, false] }}"), "fail");
    check(&format!("{{ any: [{unknown}, true] }}"), "pass");
    check(&format!("{{ any: [{unknown}, false] }}"), "unknown");
    check("{ all: [true, true] }", "pass");
    check("{ any: [false, false] }", "fail");
}

#[test]
fn when_decides_whether_it_applies() {
    let check = |when: &str, text: &str, expected: &str| {
        assert_eq!(one(&format!("when: {when}\nfail_unless: false"), text), expected, "{when} {text}");
    };
    check("{ path: engine, equals: mysql }", "{engine: mysql}", "fail");
    check("{ path: engine, equals: mysql }", "{engine: postgres}", "-");
    check("{ path: engine, equals: mysql }", "{engine: ?v}", "unknown");
    // Nothing found: a comparison does not hold, a `not_` one does; `absent` says otherwise.
    check("{ path: engine, equals: mysql }", "{}", "-");
    check("{ path: engine, not_equals: mysql }", "{}", "fail");
    check("{ not: { path: engine, equals: mysql } }", "{}", "fail");
    check("{ path: engine, equals: mysql, absent: true }", "{}", "fail");
    check("{ path: engine, not_equals: mysql, absent: false }", "{}", "-");
    // Several values: any.
    check("{ path: \"e[*]\", equals: 1 }", "{e: [2, 1]}", "fail");
}

#[test]
fn nothing_counts_against_the_subject_unless_said_otherwise() {
    let leaf = "{ path: a, equals: 1 }";
    let check = |head: &str, condition: &str, expected: &str| {
        assert_eq!(one(&format!("{head}: {condition}"), "{}"), expected, "{head} {condition}");
        assert_eq!(one(&format!("{head}: {condition}"), "{a: null}"), expected, "null {head} {condition}");
        let turned = if expected == "fail" { "pass" } else { "fail" };
        assert_eq!(one(&format!("{head}: {condition}\nabsent: pass"), "{}"), turned, "absent: pass {head} {condition}");
    };
    for head in ["fail_unless", "fail_if"] {
        check(head, leaf, "fail");
        check(head, &format!("{{ not: {leaf} }}"), "fail");
        check(head, &format!("{{ not: {{ not: {leaf} }} }}"), "fail");
        check(head, &format!("{{ all: [{leaf}] }}"), "fail");
        check(head, &format!("{{ any: [{leaf}] }}"), "fail");
        check(head, "{ path: a, not_equals: 1 }", "fail");
        check(head, "{ path: a, matches: x }", "fail");
        check(head, "{ path: a.b.c, gt: 1 }", "fail");
        check(head, "{ path: a, cidr_world: false }", "fail");
    }
    assert_eq!(one("fail_unless: { path: a, equals: 1, absent: true }", "{}"), "pass");
    assert_eq!(one("fail_if: { path: a, equals: 1, absent: false }", "{}"), "pass");
    assert_eq!(one("fail_if: { not: { path: a, equals: 1, absent: false } }", "{}"), "fail");
    assert_eq!(one("fail_unless: { path: a, exists: false }", "{}"), "pass");
    assert_eq!(one("fail_unless: { path: a, empty: true }", "{}"), "pass");
    assert_eq!(one("fail_unless: { path: a, exists: true }\nabsent: pass", "{}"), "fail");
}

#[test]
fn several_values() {
    let check = |condition: &str, text: &str, expected: &str| assert_eq!(one(condition, text), expected, "{condition} {text}");
    let list = "{l: [1, 2]}";
    check("fail_unless: { path: \"l[*]\", equals: 1 }", list, "fail");
    check("fail_unless: { path: \"l[*]\", in: [1, 2] }", list, "pass");
    check("fail_if: { path: \"l[*]\", equals: 2 }", list, "fail");
    check("fail_if: { path: \"l[*]\", equals: 3 }", list, "pass");
    check("fail_if: { not: { path: \"l[*]\", equals: 1 } }", list, "fail");
    check("fail_unless: { not: { path: \"l[*]\", equals: 2 } }", list, "fail");
    check("fail_unless: { path: \"l[*]\", equals: 1, match: any }", list, "pass");
    check("fail_unless: { path: \"l[*]\", equals: 3, match: none }", list, "pass");
    check("fail_unless: { path: \"l[*]\", equals: 2, match: none }", list, "fail");
    check("fail_if: { path: \"l[*]\", equals: 2, match: all }", list, "pass");
    // Each item where the rest of the path finds nothing is absent by itself.
    check("fail_unless: { path: b.e, equals: 1 }", "{b: [{e: 1}, {}]}", "fail");
    check("fail_unless: { path: b.e, equals: 1 }\nabsent: pass", "{b: [{e: 1}, {}]}", "pass");
    check("fail_if: { path: b.e, equals: 2 }", "{b: [{e: 1}, {}]}", "fail");
    check("fail_if: { path: b.e, equals: 2 }\nabsent: pass", "{b: [{e: 1}, {}]}", "pass");
    check("fail_unless: { path: b.e, equals: 2, match: none }", "{b: [{e: 1}, {}]}", "fail");
    check("fail_unless: { path: b.e, equals: 2, match: none }\nabsent: pass", "{b: [{e: 1}, {}]}", "pass");
    check("fail_unless: { path: b.e, exists: true }", "{b: [{e: 1}, {}]}", "fail");
}

#[test]
fn quantifiers() {
    let check = |condition: &str, text: &str, expected: &str| {
        assert_eq!(one(&format!("fail_unless: {condition}"), text), expected, "{condition} {text}");
    };
    check("{ every: b, is: { path: e, equals: 1 } }", "{b: [{e: 1}, {e: 1}]}", "pass");
    check("{ every: b, is: { path: e, equals: 1 } }", "{b: [{e: 1}, {e: 2}]}", "fail");
    check("{ every: b, is: { path: e, equals: 1 } }", "{}", "pass");
    check("{ every: b, is: { path: e, equals: 1 } }", "{b: []}", "pass");
    check("{ some: b, is: { path: e, equals: 1 } }", "{b: [{e: 2}, {e: 1}]}", "pass");
    check("{ some: b, is: { path: e, equals: 1 } }", "{}", "fail");
    check("{ some: b, is: { path: e, equals: 1 } }", "{b: [{}]}", "fail");
    check("{ none: b, is: { path: e, equals: 1 } }", "{b: [{e: 2}]}", "pass");
    check("{ none: b, is: { path: e, equals: 1 } }", "{b: [{e: 1}]}", "fail");
    // Inside `none` a comparison speaks ill: nothing found counts against the subject.
    check("{ none: b, is: { path: e, equals: 1 } }", "{b: [{}]}", "fail");
    check("{ none: b, is: { path: e, equals: 1, absent: false } }", "{b: [{}]}", "pass");
    check("{ none: b, is: { path: e, equals: 1 } }", "{}", "pass");
    check("{ every: \"l[*]\", is: { path: \"@\", gt: 1 } }", "{l: [2, 3]}", "pass");
    check("{ every: l, is: { path: \"@\", gt: 1 } }", "{l: [2, 1]}", "fail");
    check("{ every: b, is: { path: $.limit, equals: { path: e } } }", "{limit: 1, b: [{e: 1}]}", "pass");
    check("{ every: b, is: { some: c, is: { path: $.limit, equals: { path: e } } } }", "{limit: 1, b: [{c: [{e: 1}]}]}", "pass");
    // Unknown items and lists.
    check("{ every: l, is: { path: \"@\", gt: 1 } }", "{l: [2, ?v]}", "unknown");
    check("{ every: l, is: { path: \"@\", gt: 1 } }", "{l: [1, ?v]}", "fail");
    check("{ some: l, is: { path: \"@\", gt: 1 } }", "{l: [2, ?v]}", "pass");
    check("{ some: l, is: { path: \"@\", gt: 1 } }", "{l: [1, ?v]}", "unknown");
    check("{ none: l, is: { path: \"@\", gt: 1 } }", "{l: [1, ?v]}", "unknown");
    check("{ every: l, is: { path: \"@\", gt: 1 } }", "{l: ?v}", "unknown");
    check("{ some: l, is: true }", "{l: ?v}", "unknown");
    check("{ none: l, is: true }", "{l: ?v}", "unknown");
}

#[test]
fn unknowns_propagate() {
    let check = |condition: &str, text: &str, expected: &str| assert_eq!(leaf(condition, text), expected, "{condition} {text}");
    check("{ path: a, exists: true }", "{a: ?ref:aws_kms_key.k.arn}", "pass");
    check("{ path: a, exists: false }", "{a: ?ref:aws_kms_key.k.arn}", "fail");
    check("{ path: a, exists: true }", "{a: ?v}", "unknown");
    check("{ path: a, exists: true }", "{a: ?nonnull}", "pass");
    check("{ path: a, empty: false }", "{a: ?ref:aws_kms_key.k.arn}", "pass");
    check("{ path: a, empty: false }", "{a: ?nonnull}", "unknown");
    check("{ path: a, empty: false }", "{a: ?v}", "unknown");
    check("{ path: a, equals: x }", "{a: ?ref:aws_kms_key.k.arn}", "unknown");
    check("{ path: a, not_equals: x }", "{a: ?ref:aws_kms_key.k.arn}", "unknown");
    check("{ path: a.b, exists: true }", "{a: ?ref:aws_kms_key.k.arn}", "unknown");
    check("{ path: a.b, equals: 1 }", "{a: ?v}", "unknown");
    check("{ path: \"a[*]\", equals: 1 }", "{a: ?v}", "unknown");
    // A known beginning decides what it can.
    check("{ path: a, starts_with: 'arn:aws:' }", "{a: '?v=arn:aws:kms'}", "pass");
    check("{ path: a, starts_with: 'https:' }", "{a: '?v=http://'}", "fail");
    check("{ path: a, starts_with: 'http://a' }", "{a: '?v=http://'}", "unknown");
    check("{ path: a, not_equals: '*' }", "{a: '?v=arn:'}", "pass");
    check("{ path: a, in: ['*', all] }", "{a: '?v=arn:'}", "fail");
    check("{ path: a, like: 'arn:*' }", "{a: '?v=http:'}", "fail");
    check("{ path: a, like: 'arn:*:x' }", "{a: '?v=arn:'}", "unknown");
    check("{ path: a, contains: rn }", "{a: '?v=arn:'}", "pass");
    check("{ path: a, matches: '^arn' }", "{a: '?v=arn:'}", "pass");
    check("{ path: a, not_matches: '^arn' }", "{a: '?v=arn:'}", "fail");
    check("{ path: a, matches: '^arn:' }", "{a: '?v=arn:'}", "unknown");
    check("{ path: a, matches: '^http' }", "{a: '?v=arn:'}", "unknown");
    check("{ path: a, type: string }", "{a: '?v=arn:'}", "pass");
    check("{ path: a, ends_with: /Admin }", "{a: '?v=arn:~policy/Admin'}", "pass");
    check("{ path: a, ends_with: /Admin }", "{a: '?v=arn:~policy/Reader'}", "fail");
    check("{ path: a, ends_with: long/Reader }", "{a: '?v=arn:~/Reader'}", "unknown");
    check("{ path: a, not_equals: 'arn:aws:iam::aws:policy/Admin' }", "{a: '?v=arn:~/Reader'}", "pass");
    check("{ path: a, equals: 'arn:aws:iam::aws:policy/Admin' }", "{a: '?v=arn:~/Admin'}", "unknown");
    check("{ path: a, like: 'arn:*:policy/Admin' }", "{a: '?v=arn:~/Reader'}", "fail");
    check("{ path: a, contains: dm }", "{a: '?v=arn:~/Admin'}", "pass");
    check("{ path: a, empty: false }", "{a: '?v=~/Admin'}", "pass");
    check("{ path: a, type: string }", "{a: ?v}", "unknown");
    // Parts of lists and maps.
    check("{ path: a, contains: 1 }", "{a: [?v, 1]}", "pass");
    check("{ path: a, contains: 1 }", "{a: [?v, 2]}", "unknown");
    check("{ path: a, not_contains: 1 }", "{a: [?v, 2]}", "unknown");
    check("{ path: a, contains_any: [1, 3] }", "{a: [?v, 3]}", "pass");
    check("{ path: a, contains_all: [1, 3] }", "{a: [?v, 3]}", "unknown");
    check("{ path: a, within: [1, 2] }", "{a: [?v, 3]}", "fail");
    check("{ path: a, within: [1, 2] }", "{a: [?v, 2]}", "unknown");
    check("{ path: a, equals: [1, 2] }", "{a: [?v, 2]}", "unknown");
    check("{ path: a, equals: [1, 3] }", "{a: [?v, 2]}", "fail");
    check("{ path: a, equals: {b: 1} }", "{a: {b: ?v}}", "unknown");
    check("{ path: a, cidr_world: true }", "{a: [?v, 0.0.0.0/0]}", "pass");
    check("{ path: a, cidr_world: true }", "{a: [?v, 10.0.0.0/8]}", "unknown");
    check("{ path: a, cidr_world: false }", "{a: [?v, 10.0.0.0/8]}", "unknown");
    check("{ path: a, cidr_within: 10.0.0.0/8 }", "{a: [?v, 10.1.0.0/16]}", "unknown");
    check("{ path: a, cidr_within: 10.0.0.0/8 }", "{a: [?v, 11.1.0.0/16]}", "fail");
    check("{ path: a, cidr_within: { path: b } }", "{a: 10.1.0.4, b: [?v, 10.1.0.0/16]}", "pass");
    check("{ path: a, cidr_within: { path: b } }", "{a: 10.2.0.4, b: [?v, 10.1.0.0/16]}", "unknown");
    // A block that may not be there.
    check("{ some: b, is: { path: a, equals: 2 } }", "{b: [{$maybe: ?v, a: 1}]}", "fail");
    check("{ some: b, is: { path: a, equals: 1 } }", "{b: [{$maybe: ?v, a: 1}]}", "unknown");
    check("{ every: b, is: { path: a, equals: 1 } }", "{b: [{$maybe: ?v, a: 1}]}", "pass");
    check("{ every: b, is: { path: a, equals: 2 } }", "{b: [{$maybe: ?v, a: 1}]}", "unknown");
    check("{ none: b, is: { path: a, empty: false } }", "{b: [{$maybe: ?v, a: []}]}", "pass");
    check("{ none: b, is: { path: a, empty: false } }", "{b: [{$maybe: ?v, a: [1]}]}", "unknown");
    check("{ path: b.a, empty: false }", "{b: [{$maybe: ?v, a: [1]}]}", "unknown");
    // Text that is unknown in parts and known in shape.
    check("{ path: 'p.S[*].E', equals: Allow }", "{p: '?json:{\"S\":[{\"E\":\"Allow\"}]}'}", "pass");
    check("{ path: 'p.S[*].E', equals: Allow }", "{p: '?json:{\"S\":[{\"E\":\"?v\"}]}'}", "unknown");
    check("{ path: p, exists: true }", "{p: '?json:{}'}", "pass");
    check("{ path: a, equals: { path: b } }", "{a: 1, b: ?v}", "unknown");
    check("{ path: a, equals: { path: b } }", "{a: ?v, b: ?v}", "unknown");
    check("{ path: a, gt: { path: b } }", "{a: 2, b: 1}", "pass");
    check("{ path: a, equals: { path: b } }", "{a: 1}", "fail");
}

#[test]
fn operators() {
    let check = |condition: &str, text: &str, expected: bool| {
        assert_eq!(leaf(condition, text), if expected { "pass" } else { "fail" }, "{condition} {text}");
    };
    let both = |positive: &str, negative: &str, text: &str, expected: bool| {
        check(positive, text, expected);
        check(negative, text, !expected);
    };
    let equals = |argument: &str, text: &str, expected: bool| {
        both(&format!("{{ path: a, equals: {argument} }}"), &format!("{{ path: a, not_equals: {argument} }}"), text, expected);
    };
    equals("true", "{a: true}", true);
    equals("true", "{a: 'true'}", true);
    equals("'true'", "{a: true}", true);
    equals("true", "{a: 'True'}", false);
    equals("true", "{a: 1}", false);
    equals("8", "{a: '8'}", true);
    equals("8", "{a: 8.0}", true);
    equals("'8'", "{a: 8}", true);
    equals("8", "{a: 8x}", false);
    equals("abc", "{a: ABC}", false);
    equals("[1, 2]", "{a: ['1', 2]}", true);
    equals("[1, 2]", "{a: [2, 1]}", false);
    equals("{x: 1}", "{a: {x: '1'}}", true);
    equals("{x: 1}", "{a: {x: 1, y: 2}}", false);
    equals("x", "{a: [x]}", false);
    check("{ path: a, equals: true, ignore_case: true }", "{a: 'TRUE'}", true);
    check("{ path: a, equals: abc, ignore_case: true }", "{a: ABC}", true);
    both("{ path: a, in: [x, 1] }", "{ path: a, not_in: [x, 1] }", "{a: '1'}", true);
    both("{ path: a, in: [x, 1] }", "{ path: a, not_in: [x, 1] }", "{a: y}", false);
    check("{ path: a, in: [X], ignore_case: true }", "{a: x}", true);
    check("{ path: a, exists: true }", "{a: ''}", true);
    check("{ path: a, empty: true }", "{a: ''}", true);
    check("{ path: a, empty: true }", "{a: ' '}", true);
    check("{ path: a, empty: true }", "{a: []}", true);
    check("{ path: a, empty: true }", "{a: {}}", true);
    check("{ path: a, empty: true }", "{a: 0}", false);
    check("{ path: a, empty: false }", "{a: [0]}", true);
    both("{ path: a, matches: '^v\\d+$' }", "{ path: a, not_matches: '^v\\d+$' }", "{a: v12}", true);
    both("{ path: a, matches: 'x' }", "{ path: a, not_matches: 'x' }", "{a: [x]}", false);
    check("{ path: a, matches: '^V' , ignore_case: true }", "{a: v12}", true);
    check("{ path: a, matches: '^8' }", "{a: 80}", true);
    both("{ path: a, like: 'arn:*:?' }", "{ path: a, not_like: 'arn:*:?' }", "{a: 'arn:x:y'}", true);
    both("{ path: a, like: ['x', 'y*'] }", "{ path: a, not_like: ['x', 'y*'] }", "{a: yes1}", true);
    both("{ path: a, like: x }", "{ path: a, not_like: x }", "{a: xx}", false);
    both("{ path: a, contains: x }", "{ path: a, not_contains: x }", "{a: [y, x]}", true);
    both("{ path: a, contains: x }", "{ path: a, not_contains: x }", "{a: axb}", true);
    both("{ path: a, contains: x }", "{ path: a, not_contains: x }", "{a: {x: 1}}", true);
    both("{ path: a, contains: x }", "{ path: a, not_contains: x }", "{a: 1}", false);
    both("{ path: a, contains: 1 }", "{ path: a, not_contains: 1 }", "{a: ['1']}", true);
    check("{ path: a, contains: X, ignore_case: true }", "{a: {x: 1}}", true);
    check("{ path: a, contains_any: [x, z] }", "{a: [y, x]}", true);
    check("{ path: a, contains_any: [z] }", "{a: [y, x]}", false);
    check("{ path: a, contains_all: [x, y] }", "{a: [y, x]}", true);
    check("{ path: a, contains_all: [x, z] }", "{a: [y, x]}", false);
    check("{ path: a, within: [x, y, z] }", "{a: [y, x]}", true);
    check("{ path: a, within: [x] }", "{a: [y, x]}", false);
    check("{ path: a, within: [x] }", "{a: []}", true);
    check("{ path: a, within: [x] }", "{a: {x: 1}}", true);
    check("{ path: a, within: [x] }", "{a: x}", true);
    check("{ path: a, starts_with: ab }", "{a: abc}", true);
    check("{ path: a, starts_with: [x, AB], ignore_case: true }", "{a: abc}", true);
    check("{ path: a, ends_with: [x, bc] }", "{a: abc}", true);
    check("{ path: a, ends_with: ab }", "{a: abc}", false);
    check("{ path: a, gt: 7 }", "{a: 8}", true);
    check("{ path: a, gte: 8 }", "{a: '8'}", true);
    check("{ path: a, lt: 8 }", "{a: 8}", false);
    check("{ path: a, lte: 8.5 }", "{a: 8}", true);
    check("{ path: a, gte: 1, lte: 5 }", "{a: 6}", false);
    check("{ path: a, gt: 1 }", "{a: inf}", false);
    check("{ path: a, gt: 1 }", "{a: [2]}", false);
    check("{ path: a, version_gte: '1.10' }", "{a: '1.9'}", false);
    check("{ path: a, version_gt: '1.9' }", "{a: '1.10.1'}", true);
    check("{ path: a, version_lt: '8' }", "{a: '5.7.mysql_aurora.2.11'}", true);
    check("{ path: a, version_lte: '1.24' }", "{a: latest}", false);
    check("{ path: a, length_gte: 14 }", "{a: 'éééééééééééééé'}", true);
    check("{ path: a, length_equals: 2 }", "{a: [1, 2]}", true);
    check("{ path: a, length_lt: 1 }", "{a: {}}", true);
    check("{ path: a, length_gt: 0 }", "{a: 12}", false);
    check("{ path: a, type: list }", "{a: []}", true);
    check("{ path: a, type: bool }", "{a: 'true'}", false);
    check("{ path: a, cidr_world: true }", "{a: [0.0.0.0/1, 128.0.0.0/1]}", true);
    check("{ path: a, cidr_world: true }", "{a: '::/0'}", true);
    check("{ path: a, cidr_world: false }", "{a: [10.0.0.0/8]}", true);
    check("{ path: a, cidr_world: true }", "{a: everywhere}", false);
    check("{ path: a, cidr_within: [10.0.0.0/9, 10.128.0.0/9] }", "{a: 10.0.0.0/8}", true);
    check("{ path: a, cidr_within: 10.0.0.0/8 }", "{a: [10.0.0.0/8, 11.0.0.0/8]}", false);
    check("{ path: a, cidr_within: { path: b } }", "{a: 10.0.0.4, b: [10.0.0.0/16, 10.1.0.0/16]}", true);
    check("{ path: a, cidr_within: { path: b } }", "{a: 10.2.0.4, b: [10.0.0.0/16, 10.1.0.0/16]}", false);
}

#[test]
fn messages_say_what_decided() {
    let check = |condition: &str, text: &str, expected: &str| {
        assert_eq!(shown(judge(&format!("fail_unless: {condition}"), &[("t.x", text)])), expected, "{condition} {text}");
    };
    check("{ path: a, equals: true }", "{a: false}", "fail: `a` is `false`");
    check("{ path: a, equals: true }", "{}", "fail: `a` is not set");
    check("{ path: a, equals: true }", "{a: true}", "pass: `a` is `true`");
    check("{ path: a.b, equals: true }", "{a: [{}]}", "fail: `a.b` is not set");
    check("{ path: a.b, equals: 1 }", "{a: [{b: 1}, {b: 2}]}", "fail: `a[1].b` is `2`");
    check("{ path: 'a[*]', not_equals: 2 }", "{a: [1, 2]}", "fail: `a[1]` is `2`");
    check("{ path: a, equals: x }", "{a: '!hunter2'}", "fail: `a` has a sensitive value");
    check("{ path: a, exists: false }", "{a: '!hunter2'}", "fail: `a` is set");
    check("{ path: a, length_gt: 3 }", "{a: [1]}", "fail: `a` has 1 item");
    check(
        "{ path: a, equals: 1 }",
        "{a: ?v}",
        "unknown: `a` cannot be known: variable `v` has no value; give it a value in a variable file",
    );
    check(
        "{ path: a, equals: 1 }",
        "{a: ?ref:aws_kms_key.k.arn}",
        "unknown: `a` cannot be known: `aws_kms_key.k.arn` is known only after it is made",
    );
    check("{ all: [{ path: a, equals: 1 }, { path: b, equals: 1 }] }", "{a: 1, b: 2}", "fail: `b` is `2`");
    check("{ any: [{ path: a, equals: 1 }, { path: b, equals: 1 }] }", "{a: 2, b: 2}", "fail: `a` is `2` and `b` is `2`");
    check("{ every: r, is: { path: s, equals: 1 } }", "{r: [{s: 1}, {s: 2}]}", "fail: `r[1].s` is `2`");
    check("{ some: r, is: { path: s, equals: 1 } }", "{r: [{s: 3}, {s: 2}]}", "fail: no item of `r` is as asked");
    check("{ some: r, is: { path: s, equals: 1 } }", "{r: [{s: 3}]}", "fail: `r.s` is `3`");
    check("{ some: r, is: { path: s, equals: 1 } }", "{}", "fail: `r` is not set");
    check("{ path: 'tags[\"a b\"]', equals: 1 }", "{tags: {a b: 2}}", "fail: `tags[\"a b\"]` is `2`");
    let result = judge("fail_unless: { path: a, equals: 1 }", &[("t.x", "{a: 2}")]).unwrap();
    assert_eq!(result.judged.unwrap().as_int(), Some(2));
}

#[test]
fn the_rule_may_give_the_message() {
    let mut document = rule("t", "fail_unless: { path: a, equals: 1 }");
    document.variants[0].check.message = Some("said by the rule".to_owned());
    let program = program(document);
    let check = |text: &str, expected: &str| {
        let world = World::new(vec![subject(SubjectKind::Terraform, "t", "t.x", value(text))]);
        let results = program.evaluate(SubjectIndex(0), &world, &EvalContext::default());
        assert_eq!(results[0].message, expected, "{text}");
    };
    check("{a: 2}", "said by the rule");
    check("{a: ?v}", "`a` cannot be known: variable `v` has no value; give it a value in a variable file");
}

#[test]
fn each_type_is_judged_by_its_own_check() {
    let mut document = rule("t", "fail_if: { path: a, equals: 1 }");
    let other = rule("u, objects", "fail_if: { path: b, equals: 1 }");
    document.meta.applies_to.extend(other.meta.applies_to);
    document.variants.extend(other.variants);
    let program = program(document);
    let check = |kind: SubjectKind, type_name: &str, text: &str, expected: &str| {
        let world = World::new(vec![subject(kind, type_name, "x", value(text))]);
        let results = program.evaluate(SubjectIndex(0), &world, &EvalContext::default());
        let said: Vec<&str> = results.iter().map(|result| result.status.as_str()).collect();
        assert_eq!(said.join(" "), expected, "{type_name} {text}");
    };
    check(SubjectKind::Terraform, "t", "{a: 1, b: 2}", "fail");
    check(SubjectKind::Terraform, "t", "{a: 2, b: 1}", "pass");
    check(SubjectKind::CloudFormation, "u", "{a: 1, b: 2}", "pass");
    check(SubjectKind::CloudFormation, "u", "{a: 2, b: 1}", "fail");
    check(SubjectKind::Kubernetes, "ConfigMap", "{a: 2, b: 1}", "fail");
    check(SubjectKind::Terraform, "v", "{a: 1, b: 1}", "");
}

#[test]
fn the_place_is_the_attribute_or_the_head() {
    let check = |text: &str, condition: &str, expected: std::ops::Range<u32>| {
        let at = judge(&format!("fail_unless: {condition}"), &[("t.x", text)]).unwrap().at;
        assert_eq!(at.start..at.end, expected, "{text} {condition}");
    };
    let head = 900..910;
    check("{a: false}", "{ path: a, equals: true }", 1..9);
    check("{}", "{ path: a, equals: true }", head.clone());
    check("{a: [1, 22]}", "{ path: 'a[*]', equals: 1 }", 8..10);
    check("{a: [{b: 1}, {c: 2}]}", "{ path: a.b, equals: 1 }", 13..19);
    check("{a: 1}", "false", head);
}

#[test]
fn the_step_limit_is_an_error() {
    let document = rule("t", "fail_unless: { every: a, is: { every: $.a, is: { path: $.b, equals: 1 } } }");
    let program = program(document);
    let list = vec!["1"; 200].join(",");
    let world = World::new(vec![subject(SubjectKind::Terraform, "t", "t.x", value(&format!("{{a: [{list}], b: 1}}")))]);
    let results = program.evaluate(SubjectIndex(0), &world, &EvalContext { max_steps: 10_000, ..EvalContext::default() });
    assert_eq!(results[0].status, Status::Error);
    assert_eq!(results[0].message, "the rule took more than 10000 steps on this subject");
    let results = program.evaluate(SubjectIndex(0), &world, &EvalContext::default());
    assert_eq!(results[0].status, Status::Pass);
}

#[test]
fn rules_apply_by_type_only() {
    assert!(judge("fail_unless: false", &[("t.x", "{}")]).is_some());
    let program = program(rule("other", "fail_unless: false"));
    let world = World::new(vec![subject(SubjectKind::Terraform, "t", "t.x", value("{}"))]);
    assert!(program.evaluate(SubjectIndex(0), &world, &EvalContext::default()).is_empty());
    assert!(program.evaluate(SubjectIndex(7), &world, &EvalContext::default()).is_empty());
}

#[test]
fn a_block_that_may_not_be_there_decides_only_against() {
    let check = |quantifier: &str, block: &str, expected: &str| {
        let rule = format!("fail_unless: {{ {quantifier}: b, is: {{ path: x, equals: 1 }} }}");
        assert_eq!(one(&rule, &format!("{{b: [{block}]}}")), expected, "{quantifier} {block}");
    };
    // Whether there is one or none, none is as asked.
    check("some", "{x: 2, $maybe: ?v}", "fail");
    check("some", "{x: 1, $maybe: ?v}", "unknown");
    check("some", "{x: 1}, {x: 2, $maybe: ?v}", "pass");
    check("every", "{x: 1, $maybe: ?v}", "pass");
    check("every", "{x: 2, $maybe: ?v}", "unknown");
    check("none", "{x: 2, $maybe: ?v}", "pass");
    check("none", "{x: 1, $maybe: ?v}", "unknown");
}

#[test]
fn a_map_known_in_parts() {
    let map = r#"{m: '?json:{"a":1,"b":"?v","$rest":"?v"}'}"#;
    let check = |condition: &str, expected: &str| assert_eq!(leaf(condition, map), expected, "{condition}");
    check("{ path: m.a, equals: 1 }", "pass");
    check("{ path: m.a, equals: 2 }", "fail");
    check("{ path: m.b, equals: 1 }", "unknown");
    check("{ path: m.c, equals: 1 }", "unknown");
    check("{ path: m, contains: b }", "pass");
    check("{ path: m, contains: c }", "unknown");
    check("{ path: m, empty: false }", "pass");
    check("{ path: m, length_gte: 5 }", "unknown");
    check("{ path: m.*, not_equals: 2, match: all }", "unknown");
    check("{ path: m.*, equals: 1, match: any }", "pass");
}

#[test]
fn parameters_come_from_the_configuration() {
    let given = |parameters: &[(&str, &[&str])]| EvalContext {
        parameters: std::sync::Arc::new(
            parameters.iter().map(|(name, list)| ((*name).into(), list.iter().map(|text| (*text).into()).collect())).collect(),
        ),
        ..EvalContext::default()
    };
    let ask = |check: &str, content: &str, parameters: &[(&str, &[&str])]| {
        let program = program(rule("t", check));
        let world = World::new(vec![subject(SubjectKind::Terraform, "t", "t.x", value(content))]);
        program.evaluate(SubjectIndex(0), &world, &given(parameters)).first().map(|result| result.status)
    };
    let check = "when: { configured: places }\nfail_unless: { path: a, in: { parameter: places } }";
    assert_eq!(ask(check, "{a: here}", &[]), None);
    assert_eq!(ask(check, "{a: here}", &[("others", &["here"])]), None);
    assert_eq!(ask(check, "{a: here}", &[("places", &["there", "here"])]), Some(Status::Pass));
    assert_eq!(ask(check, "{a: here}", &[("places", &["there"])]), Some(Status::Fail));
    assert_eq!(ask(check, "{a: '?'}", &[("places", &["there"])]), Some(Status::Unknown));
    let begins = "fail_unless: { path: a, starts_with: { parameter: places }, ignore_case: true }";
    assert_eq!(ask(begins, "{a: Europe-west3}", &[("places", &["europe-"])]), Some(Status::Pass));
    assert_eq!(ask(begins, "{a: us-east1}", &[("places", &["europe-"])]), Some(Status::Fail));
    assert_eq!(ask(begins, "{a: us-east1}", &[]), Some(Status::Fail));
}
