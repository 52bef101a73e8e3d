//! What the network resources of CloudFormation open.
#![allow(
    clippy::disallowed_methods,
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    reason = "a test touches the world on purpose and fails by panicking"
)]

mod support;

use support::{judge, shown};

fn check(ask: &str, kind: &str, properties: &str, expected: &str) {
    let subject = format!("{{Type: '{kind}', Properties: {properties}}}");
    let found = shown(judge(&format!("fail_if: {{ opens: {ask} }}"), &[(kind, &subject)]));
    assert_eq!(found, expected, "{ask} {kind} {properties}");
}

const SSH: &str = "{ ports: [22], protocol: tcp }";
const OUT: &str = "{ direction: egress }";

#[test]
fn groups_and_their_rules() {
    let group = "AWS::EC2::SecurityGroup";
    let says = "fail: `Properties.SecurityGroupIngress.CidrIp` opens port 22 to the world";
    check(SSH, group, "{SecurityGroupIngress: [{IpProtocol: tcp, FromPort: 22, ToPort: '22', CidrIp: 0.0.0.0/0}]}", says);
    check(SSH, group, "{SecurityGroupIngress: {IpProtocol: tcp, FromPort: 0, ToPort: 65535, CidrIp: 0.0.0.0/0}}", says);
    check(SSH, group, "{SecurityGroupIngress: [{IpProtocol: -1, CidrIp: 0.0.0.0/0}]}", says);
    check(SSH, group, "{SecurityGroupIngress: [{IpProtocol: udp, FromPort: 22, ToPort: 22, CidrIp: 0.0.0.0/0}]}", "pass");
    check(SSH, group, "{SecurityGroupIngress: [{IpProtocol: tcp, FromPort: 22, ToPort: 22, SourceSecurityGroupId: sg-1}]}", "pass");
    check(SSH, group, "{SecurityGroupIngress: [{IpProtocol: tcp, FromPort: 22, ToPort: 22, CidrIp: '?ref:Vpc.CidrBlock'}]}", "pass");
    check(SSH, group, "{}", "pass");
    check(
        SSH,
        group,
        "{SecurityGroupIngress: [{IpProtocol: tcp, FromPort: 1, ToPort: 22, CidrIp: 0.0.0.0/1}, {IpProtocol: tcp, FromPort: 22, ToPort: 23, CidrIp: 128.0.0.0/1}]}",
        "fail: `Properties.SecurityGroupIngress[0].CidrIp` opens port 22 to the world",
    );
    check(
        SSH,
        "AWS::EC2::SecurityGroupIngress",
        "{IpProtocol: tcp, FromPort: 22, ToPort: 22, CidrIpv6: '::/0'}",
        "fail: `Properties.CidrIpv6` opens port 22 to the world",
    );
    check(SSH, "AWS::EC2::SecurityGroupEgress", "{IpProtocol: tcp, FromPort: 22, ToPort: 22, CidrIp: 0.0.0.0/0}", "pass");
    let open = judge(&format!("fail_if: {{ opens: {SSH} }}"), &[(group, "{Properties: {SecurityGroupIngress: '?var'}}")]);
    assert!(shown(open).starts_with("unknown"));
    // A group without rules for what goes out lets everything out.
    check(OUT, group, "{}", "fail: `Properties.CidrIp` lets everything out to the world");
    check(OUT, group, "{SecurityGroupEgress: [{IpProtocol: tcp, FromPort: 443, ToPort: 443, CidrIp: 10.0.0.0/8}]}", "pass");
}

#[test]
fn network_acl_entries() {
    let entry = "AWS::EC2::NetworkAclEntry";
    let ssh = "Protocol: 6, CidrBlock: 0.0.0.0/0, PortRange: {From: 22, To: 22}";
    check(SSH, entry, &format!("{{{ssh}, RuleAction: allow}}"), "fail: `Properties.CidrBlock` opens port 22 to the world");
    check(SSH, entry, &format!("{{{ssh}, RuleAction: deny}}"), "pass");
    check(SSH, entry, &format!("{{{ssh}, RuleAction: allow, Egress: 'true'}}"), "pass");
    check(SSH, entry, "{Protocol: 6, CidrBlock: 0.0.0.0/0, PortRange: {From: 80, To: 80}, RuleAction: allow}", "pass");
    check(
        OUT,
        entry,
        &format!("{{{ssh}, RuleAction: allow, Egress: true}}"),
        "fail: `Properties.CidrBlock` lets everything out to the world",
    );
}
