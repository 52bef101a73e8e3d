//! What network resources open, and the `$ingress` and `$egress` views.
#![allow(
    clippy::disallowed_methods,
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    reason = "a test touches the world on purpose and fails by panicking"
)]

mod support;

use support::{judge, shown, status};

fn opens(ask: &str, kind: &str, text: &str) -> String {
    shown(judge(&format!("fail_if: {{ opens: {ask} }}"), &[(&format!("{kind}.x"), text)]))
}

#[test]
fn security_groups() {
    let check = |ask: &str, text: &str, expected: &str| {
        assert_eq!(opens(ask, "aws_security_group", text), expected, "{ask} {text}");
    };
    let ssh = "{ ports: [22], protocol: tcp }";
    let world = "{ingress: [{from_port: 22, to_port: 22, protocol: tcp, cidr_blocks: [0.0.0.0/0]}]}";
    check(ssh, world, "fail: `ingress.cidr_blocks` opens port 22 to the world");
    check("{ ports: [23] }", world, "pass");
    check("{ ports: [22], protocol: udp }", world, "pass");
    check("{ ports: [22], direction: egress }", world, "pass");
    check("{ ports: ['20-30'] }", world, "fail: `ingress.cidr_blocks` opens port 22 to the world");
    check("{ ports: all }", world, "pass");
    check("{ }", world, "fail: `ingress.cidr_blocks` lets the world in");
    check("{ ports: [22], to: 10.0.0.0/8 }", world, "fail: `ingress.cidr_blocks` opens port 22 to `10.0.0.0/8`");
    check(ssh, "{}", "pass");
    check(ssh, "{ingress: []}", "pass");
    check(
        ssh,
        "{ingress: [{from_port: '0', to_port: '65535', protocol: '6', ipv6_cidr_blocks: ['::/0']}]}",
        "fail: `ingress.ipv6_cidr_blocks` opens port 22 to the world",
    );
    check(
        ssh,
        "{ingress: [{from_port: 0, to_port: 0, protocol: '-1', cidr_blocks: [0.0.0.0/0]}]}",
        "fail: `ingress.cidr_blocks` opens port 22 to the world",
    );
    check(
        "{ ports: all }",
        "{ingress: [{from_port: 0, to_port: 0, protocol: '-1', cidr_blocks: [0.0.0.0/0]}]}",
        "fail: `ingress.cidr_blocks` opens every port to the world",
    );
    check(
        "{ ports: all }",
        "{ingress: [{from_port: 1, to_port: 65535, protocol: tcp, cidr_blocks: [0.0.0.0/0]}]}",
        "fail: `ingress.cidr_blocks` opens every port to the world",
    );
    check(ssh, "{ingress: [{from_port: 0, to_port: 0, protocol: icmp, cidr_blocks: [0.0.0.0/0]}]}", "pass");
    check("{ ports: ['0-65535'] }", "{ingress: [{from_port: 8, to_port: 0, protocol: icmp, cidr_blocks: [0.0.0.0/0]}]}", "pass");
    check(ssh, "{ingress: [{from_port: 22, to_port: 22, protocol: tcp, security_groups: [sg-1]}]}", "pass");
    check(ssh, "{ingress: [{from_port: 22, to_port: 22, protocol: tcp, cidr_blocks: [10.0.0.0/8]}]}", "pass");
    // Parts that add up, in one entry and over several, only for the port both are about.
    check(
        ssh,
        "{ingress: [{from_port: 22, to_port: 22, protocol: tcp, cidr_blocks: [0.0.0.0/1, 128.0.0.0/1]}]}",
        "fail: `ingress.cidr_blocks` opens port 22 to the world",
    );
    check(
        ssh,
        "{ingress: [{from_port: 20, to_port: 22, protocol: tcp, cidr_blocks: [0.0.0.0/1]}, {from_port: 22, to_port: 30, protocol: tcp, cidr_blocks: [128.0.0.0/1]}]}",
        "fail: `ingress[0].cidr_blocks` opens port 22 to the world",
    );
    check(
        "{ ports: [21, 23] }",
        "{ingress: [{from_port: 20, to_port: 22, protocol: tcp, cidr_blocks: [0.0.0.0/1]}, {from_port: 22, to_port: 30, protocol: tcp, cidr_blocks: [128.0.0.0/1]}]}",
        "pass",
    );
    check(
        ssh,
        "{ingress: [{from_port: 80, to_port: 80, protocol: tcp, cidr_blocks: [0.0.0.0/0]}, {from_port: 22, to_port: 22, protocol: tcp, cidr_blocks: [10.0.0.0/8, 0.0.0.0/0]}]}",
        "fail: `ingress[1].cidr_blocks` opens port 22 to the world",
    );
    check(
        "{ ports: all }",
        "{ingress: [{from_port: 0, to_port: 1000, protocol: tcp, cidr_blocks: [0.0.0.0/0]}, {from_port: 1001, to_port: 65535, protocol: tcp, cidr_blocks: [0.0.0.0/0]}]}",
        "fail: `ingress[0].cidr_blocks` opens every port to the world",
    );
    check(
        "{ ports: all }",
        "{ingress: [{from_port: 0, to_port: 1000, protocol: tcp, cidr_blocks: [0.0.0.0/0]}, {from_port: 1002, to_port: 65535, protocol: tcp, cidr_blocks: [0.0.0.0/0]}]}",
        "pass",
    );
    check(
        "{ direction: egress }",
        "{egress: [{from_port: 0, to_port: 0, protocol: '-1', cidr_blocks: [0.0.0.0/0]}]}",
        "fail: `egress.cidr_blocks` lets everything out to the world",
    );
}

#[test]
fn unknown_parts_decide_only_where_they_matter() {
    let check = |text: &str, expected: &str| {
        let result = judge("fail_if: { opens: { ports: [22], protocol: tcp } }", &[("aws_security_group.x", text)]);
        assert_eq!(status(result), expected, "{text}");
    };
    check("{ingress: [{from_port: 22, to_port: 22, protocol: tcp, cidr_blocks: ?v}]}", "unknown");
    check("{ingress: [{from_port: 22, to_port: 22, protocol: tcp, cidr_blocks: [?v]}]}", "unknown");
    check("{ingress: [{from_port: 22, to_port: 22, protocol: tcp, cidr_blocks: [?v, 0.0.0.0/0]}]}", "fail");
    check("{ingress: [{from_port: 23, to_port: 23, protocol: tcp, cidr_blocks: [?v]}]}", "pass");
    check("{ingress: [{from_port: ?v, to_port: ?v, protocol: tcp, cidr_blocks: [0.0.0.0/0]}]}", "unknown");
    check("{ingress: [{from_port: ?v, to_port: 21, protocol: tcp, cidr_blocks: [0.0.0.0/0]}]}", "pass");
    check("{ingress: [{from_port: ?v, to_port: ?v, protocol: tcp, cidr_blocks: [10.0.0.0/8]}]}", "pass");
    check("{ingress: [{from_port: 22, to_port: 22, protocol: ?v, cidr_blocks: [0.0.0.0/0]}]}", "unknown");
    check("{ingress: ?v}", "unknown");
    check("{ingress: [?v]}", "unknown");
    check("{ingress: [{from_port: 22, to_port: 22, protocol: tcp, cidr_blocks: ['nonsense']}]}", "unknown");
    // The range of a VPC or subnet is never the world; nor is what begins otherwise.
    check("{ingress: [{from_port: 22, to_port: 22, protocol: tcp, cidr_blocks: ['?ref:aws_vpc.v.cidr_block']}]}", "pass");
    check("{ingress: [{from_port: 22, to_port: 22, protocol: tcp, cidr_blocks: ['?ref:module.net.aws_subnet.s.cidr_block']}]}", "pass");
    check("{ingress: [{from_port: 22, to_port: 22, protocol: tcp, cidr_blocks: ['?ref:aws_x.y.cidr']}]}", "unknown");
    check("{ingress: [{from_port: 22, to_port: 22, protocol: tcp, cidr_blocks: ['?v=10.']}]}", "pass");
    check("{ingress: [{from_port: 22, to_port: 22, protocol: tcp, cidr_blocks: ['?v=0.0.']}]}", "unknown");
    // Half of the world is known; the unknown may be the other half.
    check("{ingress: [{from_port: 22, to_port: 22, protocol: tcp, cidr_blocks: [0.0.0.0/1, ?v]}]}", "unknown");
    let result = judge(
        "fail_if: { opens: { ports: [22] } }",
        &[("aws_security_group.x", "{ingress: [{from_port: 22, to_port: 22, protocol: tcp, cidr_blocks: ?v}]}")],
    );
    assert_eq!(
        shown(result),
        "unknown: `ingress.cidr_blocks` cannot be known: variable `v` has no value; give it a value in a variable file"
    );
}

#[test]
fn rules_and_lists() {
    let check = |kind: &str, text: &str, ingress: &str, egress: &str| {
        assert_eq!(status(judge("fail_if: { opens: { ports: [22] } }", &[(&format!("{kind}.x"), text)])), ingress, "{kind} {text}");
        let out = judge("fail_if: { opens: { ports: [22], direction: egress } }", &[(&format!("{kind}.x"), text)]);
        assert_eq!(status(out), egress, "egress {kind} {text}");
    };
    let rule = "aws_security_group_rule";
    check(rule, "{type: ingress, from_port: 22, to_port: 22, protocol: tcp, cidr_blocks: [0.0.0.0/0]}", "fail", "pass");
    check(rule, "{type: egress, from_port: 22, to_port: 22, protocol: tcp, cidr_blocks: [0.0.0.0/0]}", "pass", "fail");
    check(rule, "{type: ?v, from_port: 22, to_port: 22, protocol: tcp, cidr_blocks: [0.0.0.0/0]}", "unknown", "unknown");
    check(rule, "{type: ingress, from_port: 22, to_port: 22, protocol: tcp, source_security_group_id: sg-1}", "pass", "pass");
    check("aws_vpc_security_group_ingress_rule", "{from_port: 22, to_port: 22, ip_protocol: tcp, cidr_ipv4: 0.0.0.0/0}", "fail", "pass");
    check("aws_vpc_security_group_ingress_rule", "{ip_protocol: '-1', cidr_ipv6: '::/0'}", "fail", "pass");
    check("aws_vpc_security_group_egress_rule", "{ip_protocol: -1, cidr_ipv4: 0.0.0.0/0}", "pass", "fail");
    check(
        "aws_vpc_security_group_ingress_rule",
        "{from_port: 22, to_port: 22, ip_protocol: tcp, referenced_security_group_id: sg}",
        "pass",
        "pass",
    );
    check(
        "aws_default_security_group",
        "{ingress: [{from_port: 22, to_port: 22, protocol: tcp, cidr_blocks: [0.0.0.0/0]}]}",
        "fail",
        "pass",
    );
    let acl = "aws_network_acl";
    check(acl, "{ingress: [{from_port: 22, to_port: 22, protocol: tcp, action: allow, cidr_block: 0.0.0.0/0}]}", "fail", "pass");
    check(acl, "{ingress: [{from_port: 22, to_port: 22, protocol: tcp, action: Deny, cidr_block: 0.0.0.0/0}]}", "pass", "pass");
    check(acl, "{ingress: [{from_port: 22, to_port: 22, protocol: tcp, action: ?v, cidr_block: 0.0.0.0/0}]}", "unknown", "pass");
    let two = |deny: &str, allow: &str| {
        format!(
            "{{ingress: [{{rule_no: {deny}, from_port: 22, to_port: 22, protocol: tcp, action: deny, cidr_block: 0.0.0.0/0}}, \
             {{rule_no: {allow}, from_port: 0, to_port: 65535, protocol: tcp, action: allow, cidr_block: 0.0.0.0/0}}]}}"
        )
    };
    check(acl, &two("100", "200"), "pass", "pass");
    check(acl, &two("200", "100"), "fail", "pass");
    // A number that is not known may come before or after.
    check(acl, &two("?v", "200"), "unknown", "pass");
    check(acl, &two("100", "?v"), "unknown", "pass");
    check(
        acl,
        "{ingress: [{rule_no: 1, from_port: 0, to_port: 0, protocol: -1, action: ?v, cidr_block: 0.0.0.0/0}, \
         {rule_no: 2, from_port: 22, to_port: 22, protocol: tcp, action: allow, cidr_block: 0.0.0.0/0}]}",
        "unknown",
        "pass",
    );
    check(
        "aws_default_network_acl",
        "{egress: [{from_port: 0, to_port: 0, protocol: -1, action: allow, ipv6_cidr_block: '::/0'}]}",
        "pass",
        "fail",
    );
    let acl_rule = "aws_network_acl_rule";
    check(acl_rule, "{from_port: 22, to_port: 22, protocol: tcp, rule_action: allow, cidr_block: 0.0.0.0/0}", "fail", "pass");
    check(acl_rule, "{egress: true, from_port: 22, to_port: 22, protocol: tcp, rule_action: allow, cidr_block: 0.0.0.0/0}", "pass", "fail");
    check(
        acl_rule,
        "{egress: ?v, from_port: 22, to_port: 22, protocol: tcp, rule_action: allow, cidr_block: 0.0.0.0/0}",
        "unknown",
        "unknown",
    );
    check(acl_rule, "{from_port: 22, to_port: 22, protocol: tcp, rule_action: deny, cidr_block: 0.0.0.0/0}", "pass", "pass");
    check("aws_s3_bucket", "{}", "pass", "pass");
}

#[test]
fn the_view_has_whole_entries() {
    let check = |condition: &str, expected: &str| {
        let text = "{ingress: [{from_port: 0, to_port: 0, protocol: '-1', cidr_blocks: [10.0.0.0/8]}, {from_port: '22', to_port: 22, protocol: '6', cidr_blocks: [0.0.0.0/0], ipv6_cidr_blocks: ['::/0']}]}";
        assert_eq!(shown(judge(&format!("fail_unless: {condition}"), &[("aws_security_group.x", text)])), expected, "{condition}");
    };
    check("{ path: $ingress, length_equals: 2 }", "pass: `ingress` has 2 items");
    check("{ path: '$ingress[0].to', equals: 65535 }", "pass: `ingress[0].to` is `65535`");
    check("{ path: '$ingress[0].protocol', equals: all }", "pass: `ingress[0].protocol` is `all`");
    check("{ path: '$ingress[1].protocol', equals: tcp }", "pass: `ingress[1].protocol` is `tcp`");
    check("{ path: '$ingress[1].cidrs', equals: [0.0.0.0/0, '::/0'] }", "pass: `ingress[1].cidrs` is `[\"0.0.0.0/0\", \"::/0\"]`");
    check(
        "{ none: $ingress, is: { all: [{ path: world, equals: true }, { path: to, lte: 22 }] } }",
        "fail: `ingress[1].world` is `true` and `ingress[1].to` is `22`",
    );
    check("{ path: $egress, empty: true }", "pass: `egress` is `[]`");
}
