//! What Google Cloud firewall rules open.
#![allow(
    clippy::disallowed_methods,
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    reason = "a test touches the world on purpose and fails by panicking"
)]

mod support;

use support::{judge, shown, status};

const SSH: &str = "{ ports: [22], protocol: tcp }";

fn opens(ask: &str, kind: &str, text: &str) -> String {
    shown(judge(&format!("fail_if: {{ opens: {ask} }}"), &[(&format!("{kind}.x"), text)]))
}

#[test]
fn firewalls() {
    let check = |ask: &str, text: &str, expected: &str| {
        assert_eq!(opens(ask, "google_compute_firewall", text), expected, "{ask} {text}");
    };
    let open = "fail: `source_ranges` opens port 22 to the world";
    check(SSH, "{allow: [{protocol: tcp, ports: ['22']}], source_ranges: [0.0.0.0/0]}", open);
    check(SSH, "{allow: [{protocol: TCP, ports: [22]}], source_ranges: ['::/0']}", open);
    check(SSH, "{allow: [{protocol: '6', ports: ['80', '20-25']}], source_ranges: [0.0.0.0/0]}", open);
    check(SSH, "{allow: [{protocol: tcp}], source_ranges: [0.0.0.0/0]}", open);
    check(SSH, "{allow: [{protocol: tcp, ports: []}], source_ranges: [0.0.0.0/0]}", open);
    check(SSH, "{allow: [{protocol: tcp, ports: null}], source_ranges: [0.0.0.0/0]}", open);
    check(SSH, "{allow: [{protocol: all}], source_ranges: [0.0.0.0/0]}", open);
    check(SSH, "{allow: [{protocol: icmp}, {protocol: tcp, ports: ['22']}], source_ranges: [0.0.0.0/0]}", open);
    check(SSH, "{allow: [{protocol: tcp, ports: ['22']}], source_ranges: [0.0.0.0/1, 128.0.0.0/1]}", open);
    // Tags besides ranges add to them.
    check(SSH, "{allow: [{protocol: tcp, ports: ['22']}], source_ranges: [0.0.0.0/0], source_tags: [web]}", open);
    check(
        "{ ports: all }",
        "{allow: [{protocol: all}], source_ranges: [0.0.0.0/0]}",
        "fail: `source_ranges` opens every port to the world",
    );
    check("{ ports: all }", "{allow: [{protocol: tcp, ports: ['22']}], source_ranges: [0.0.0.0/0]}", "pass");
    check("{}", "{allow: [{protocol: icmp}], source_ranges: [0.0.0.0/0]}", "fail: `source_ranges` lets the world in");

    check(SSH, "{}", "pass");
    check(SSH, "{allow: [{protocol: tcp, ports: ['22']}], source_ranges: [10.0.0.0/8]}", "pass");
    check(SSH, "{allow: [{protocol: tcp, ports: ['22']}], source_ranges: [0.0.0.0/1]}", "pass");
    check(SSH, "{allow: [{protocol: tcp, ports: ['22']}], source_tags: [web]}", "pass");
    check(SSH, "{allow: [{protocol: tcp, ports: ['22']}]}", "pass");
    check(SSH, "{allow: [{protocol: tcp, ports: ['23-80']}], source_ranges: [0.0.0.0/0]}", "pass");
    check(SSH, "{allow: [{protocol: udp, ports: ['22']}], source_ranges: [0.0.0.0/0]}", "pass");
    check(SSH, "{allow: [{protocol: icmp}], source_ranges: [0.0.0.0/0]}", "pass");
    check(SSH, "{deny: [{protocol: tcp, ports: ['22']}], source_ranges: [0.0.0.0/0]}", "pass");
    check(SSH, "{allow: [{protocol: tcp, ports: ['22']}], source_ranges: [0.0.0.0/0], disabled: true}", "pass");
    check(SSH, "{allow: [{protocol: tcp, ports: ['22']}], source_ranges: [0.0.0.0/0], direction: EGRESS}", "pass");
    let out = "{ direction: egress }";
    check(out, "{allow: [{protocol: all}], direction: EGRESS}", "fail: it lets everything out to the world");
    check(out, "{allow: [{protocol: all}], direction: EGRESS, destination_ranges: [10.0.0.0/8]}", "pass");
    check(out, "{allow: [{protocol: all}], source_ranges: [0.0.0.0/0]}", "pass");
}

#[test]
fn policy_rules() {
    let check = |ask: &str, text: &str, expected: &str| {
        for kind in [
            "google_compute_firewall_policy_rule",
            "google_compute_network_firewall_policy_rule",
            "google_compute_region_network_firewall_policy_rule",
        ] {
            assert_eq!(opens(ask, kind, text), expected, "{kind} {ask} {text}");
        }
    };
    let open = "fail: `match.src_ip_ranges` opens port 22 to the world";
    let ssh = "layer4_configs: [{ip_protocol: tcp, ports: ['22']}]";
    check(SSH, &format!("{{action: allow, direction: INGRESS, match: [{{src_ip_ranges: [0.0.0.0/0], {ssh}}}]}}"), open);
    check(SSH, &format!("{{action: allow, match: [{{{ssh}}}]}}"), "fail: `match` opens port 22 to the world");
    check(SSH, "{action: allow, match: [{src_ip_ranges: ['0.0.0.0/0'], layer4_configs: [{ip_protocol: all}]}]}", open);
    check(SSH, &format!("{{action: deny, direction: INGRESS, match: [{{src_ip_ranges: [0.0.0.0/0], {ssh}}}]}}"), "pass");
    check(SSH, &format!("{{action: goto_next, direction: INGRESS, match: [{{src_ip_ranges: [0.0.0.0/0], {ssh}}}]}}"), "pass");
    check(SSH, &format!("{{action: allow, direction: INGRESS, match: [{{src_ip_ranges: [10.0.0.0/8], {ssh}}}]}}"), "pass");
    check(SSH, &format!("{{action: allow, direction: INGRESS, match: [{{src_region_codes: [DE], {ssh}}}]}}"), "pass");
    check(SSH, &format!("{{action: allow, direction: EGRESS, match: [{{src_ip_ranges: [0.0.0.0/0], {ssh}}}]}}"), "pass");
    check(SSH, &format!("{{action: allow, disabled: true, match: [{{src_ip_ranges: [0.0.0.0/0], {ssh}}}]}}"), "pass");
    check(
        SSH,
        &format!("{{action: ?v, match: [{{src_ip_ranges: [0.0.0.0/0], {ssh}}}]}}"),
        "unknown: `match.layer4_configs` cannot be known: variable `v` has no value; give it a value in a variable file",
    );
}

#[test]
fn networks_that_are_let_in() {
    let sql = |text: &str, expected: &str| {
        let text = format!("{{settings: [{{ip_configuration: [{{authorized_networks: {text}}}]}}]}}");
        assert_eq!(opens("{}", "google_sql_database_instance", &text), expected, "{text}");
    };
    sql("[{value: 0.0.0.0/0}]", "fail: `settings.ip_configuration.authorized_networks.value` lets the world in");
    sql("[{value: 0.0.0.0/1}, {value: 128.0.0.0/1}]", "fail: `settings.ip_configuration.authorized_networks[0].value` lets the world in");
    sql("[{value: 0.0.0.0/1}]", "pass");
    sql("[{value: 192.0.2.1}]", "pass");
    sql("[]", "pass");
    let cluster = |text: &str, expected: &str| {
        let text = format!("{{master_authorized_networks_config: [{{cidr_blocks: {text}}}]}}");
        assert_eq!(status(judge("fail_if: { opens: {} }", &[("google_container_cluster.x", &text)])), expected, "{text}");
    };
    cluster("[{cidr_block: 0.0.0.0/0}]", "fail");
    cluster("[{cidr_block: 10.0.0.0/8}, {cidr_block: 0.0.0.0/1}, {cidr_block: 128.0.0.0/1}]", "fail");
    cluster("[{cidr_block: 10.0.0.0/8}]", "pass");
    cluster("[{cidr_block: ?v}]", "unknown");
    cluster("?v", "unknown");
    assert_eq!(opens("{}", "google_container_cluster", "{}"), "pass");
    assert_eq!(opens("{ direction: egress }", "google_container_cluster", "{}"), "pass");
}

#[test]
fn unknown_parts_decide_only_where_they_matter() {
    let check = |text: &str, expected: &str| {
        let result = judge(&format!("fail_if: {{ opens: {SSH} }}"), &[("google_compute_firewall.x", text)]);
        assert_eq!(status(result), expected, "{text}");
    };
    check("{allow: [{protocol: tcp, ports: ['22']}], source_ranges: ?v}", "unknown");
    check("{allow: [{protocol: tcp, ports: ['22']}], source_ranges: [?v, 0.0.0.0/0]}", "fail");
    check("{allow: [{protocol: tcp, ports: ['22']}], source_ranges: ['?ref:google_compute_subnetwork.s.ip_cidr_range']}", "pass");
    check("{allow: [{protocol: tcp, ports: ?v}], source_ranges: [0.0.0.0/0]}", "unknown");
    check("{allow: [{protocol: tcp, ports: [?v]}], source_ranges: [0.0.0.0/0]}", "unknown");
    check("{allow: [{protocol: tcp, ports: [?v, '22']}], source_ranges: [0.0.0.0/0]}", "fail");
    check("{allow: [{protocol: tcp, ports: ?v}], source_ranges: [10.0.0.0/8]}", "pass");
    check("{allow: [{protocol: tcp, ports: ['ssh']}], source_ranges: [0.0.0.0/0]}", "unknown");
    check("{allow: [{protocol: ?v, ports: ['22']}], source_ranges: [0.0.0.0/0]}", "unknown");
    check("{allow: ?v, source_ranges: [0.0.0.0/0]}", "unknown");
    check("{allow: ?v, source_ranges: [10.0.0.0/8]}", "pass");
    check("{allow: [{protocol: tcp, ports: ['22']}], source_ranges: [0.0.0.0/0], disabled: ?v}", "unknown");
    check("{allow: [{protocol: tcp, ports: ['22']}], source_ranges: [0.0.0.0/0], direction: ?v}", "unknown");
}

#[test]
fn view() {
    let check = |text: &str, condition: &str, expected: &str| {
        let result = judge(&format!("fail_if: {{ some: $ingress, is: {condition} }}"), &[("google_compute_firewall.x", text)]);
        assert_eq!(status(result), expected, "{text} {condition}");
    };
    let text = "{allow: [{protocol: tcp, ports: ['22', '80-90']}], source_ranges: [0.0.0.0/0]}";
    check(text, "{ all: [{ path: from, equals: 80 }, { path: to, equals: 90 }, { path: world, equals: true }] }", "fail");
    check(text, "{ all: [{ path: from, equals: 22 }, { path: to, equals: 22 }, { path: protocol, equals: tcp }] }", "fail");
    check(text, "{ path: from, equals: 23 }", "pass");
    check("{deny: [{protocol: all}], source_ranges: [0.0.0.0/0]}", "{ path: action, equals: deny }", "fail");
}
