//! What Google Cloud firewall rules open.
#![allow(
    clippy::disallowed_methods,
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    reason = "a test touches the world on purpose and fails by panicking"
)]

mod support;

use probity_core::{EvalContext, Program, Status, SubjectIndex, SubjectKind, World};
use probity_value::{Map, Span, UnknownKind, Value};
use proptest::prelude::*;
use support::{judge, program, rule, shown, status, subject};

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
    check(SSH, &format!("{{action: allow, match: [{{src_network_scope: INTRA_VPC, {ssh}}}]}}"), "pass");
    check(SSH, &format!("{{action: allow, match: [{{src_network_scope: INTERNET, {ssh}}}]}}"), "fail: `match` opens port 22 to the world");
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
    // All protocols have all ports.
    check("{allow: [{protocol: ?v, ports: ['80']}], source_ranges: [0.0.0.0/0]}", "unknown");
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

/// A value as it is before it is known, and as it turns out.
type Pair = (Value, Value);

fn text(text: &str) -> Value {
    Value::string(text, Span::NONE)
}

fn map(entries: Vec<(&'static str, Value)>) -> Value {
    let mut map = Map::new();
    for (key, value) in entries {
        map.insert(key, Span::NONE, value);
    }
    Value::map(map, Span::NONE)
}

fn list(items: Vec<Value>) -> Value {
    Value::list(items, Span::NONE)
}

fn unknown() -> Value {
    Value::unknown(UnknownKind::Variable, "u", Span::NONE)
}

/// One of these, perhaps not known yet.
fn one(values: Vec<Value>) -> impl Strategy<Value = Pair> {
    (prop::sample::select(values), prop::bool::weighted(0.2))
        .prop_map(|(value, hidden)| (if hidden { unknown() } else { value.clone() }, value))
}

/// A list of these, perhaps not known yet in parts or as a whole, perhaps not there.
fn some(values: &'static [&'static str]) -> impl Strategy<Value = Pair> {
    let items = prop::collection::vec(one(values.iter().copied().map(text).collect()), 0..3);
    (items, 0..10).prop_map(|(items, kind)| {
        let (before, after): (Vec<_>, Vec<_>) = items.into_iter().unzip();
        match kind {
            0 => (unknown(), list(after)),
            1 => (unknown(), Value::null(Span::NONE)),
            2 => (Value::null(Span::NONE), Value::null(Span::NONE)),
            _ => (list(before), list(after)),
        }
    })
}

const CIDRS: &[&str] = &["0.0.0.0/0", "0.0.0.0/1", "128.0.0.0/1", "::/0", "10.0.0.0/8"];
const PORTS: &[&str] = &["22", "20-25", "0-65535", "1-21", "23-65535", "80"];

/// Blocks with a protocol and ports, perhaps not known yet whether they are there.
fn layers(protocol: &'static str) -> impl Strategy<Value = Pair> {
    let protocols = ["tcp", "udp", "icmp", "all"].map(text).to_vec();
    let block = (one(protocols), some(PORTS), 0..6_usize, 0..3_usize);
    (prop::collection::vec(block, 0..3), prop::bool::weighted(0.1)).prop_map(move |(blocks, hidden)| {
        let (mut before, mut after) = (Vec::new(), Vec::new());
        for ((protocol_before, protocol_after), (ports_before, ports_after), kind, times) in blocks {
            let settled = map(vec![(protocol, protocol_after), ("ports", ports_after)]);
            if kind == 0 {
                before.push(map(vec![(protocol, unknown()), ("ports", unknown()), ("$maybe", unknown())]));
                after.extend(std::iter::repeat_n(settled, times));
            } else {
                before.push(map(vec![(protocol, protocol_before), ("ports", ports_before)]));
                after.push(settled);
            }
        }
        (if hidden { unknown() } else { list(before) }, list(after))
    })
}

fn common() -> impl Strategy<Value = (Pair, Pair)> {
    let flags = vec![Value::bool(true, Span::NONE), Value::bool(false, Span::NONE), Value::null(Span::NONE)];
    (one(vec![text("INGRESS"), text("EGRESS"), Value::null(Span::NONE)]), one(flags))
}

fn a_firewall() -> impl Strategy<Value = Pair> {
    (common(), layers("protocol"), layers("protocol"), some(CIDRS), some(CIDRS)).prop_map(
        |((direction, disabled), allow, deny, from, to)| {
            let make = |pick: fn(Pair) -> Value| {
                map(vec![
                    ("direction", pick(direction.clone())),
                    ("disabled", pick(disabled.clone())),
                    ("allow", pick(allow.clone())),
                    ("deny", pick(deny.clone())),
                    ("source_ranges", pick(from.clone())),
                    ("destination_ranges", pick(to.clone())),
                ])
            };
            (make(|pair| pair.0), make(|pair| pair.1))
        },
    )
}

fn a_policy_rule() -> impl Strategy<Value = Pair> {
    let actions = ["allow", "deny", "goto_next"].map(text).to_vec();
    let scopes = vec![Value::null(Span::NONE), Value::null(Span::NONE), text("INTERNET"), text("INTRA_VPC")];
    (common(), one(actions), layers("ip_protocol"), some(CIDRS), some(&["DE"]), one(scopes)).prop_map(
        |((direction, disabled), action, layers, ranges, regions, scope)| {
            let make = |pick: fn(Pair) -> Value| {
                let inner = map(vec![
                    ("src_ip_ranges", pick(ranges.clone())),
                    ("src_region_codes", pick(regions.clone())),
                    ("src_network_scope", pick(scope.clone())),
                    ("dest_ip_ranges", pick(ranges.clone())),
                    ("layer4_configs", pick(layers.clone())),
                ]);
                map(vec![
                    ("direction", pick(direction.clone())),
                    ("disabled", pick(disabled.clone())),
                    ("action", pick(action.clone())),
                    ("match", list(vec![inner])),
                ])
            };
            (make(|pair| pair.0), make(|pair| pair.1))
        },
    )
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(1500))]

    /// What is judged definitely stays so, whatever the unknown parts turn out to be.
    #[test]
    fn what_is_definite_stays(
        (kind, (before, after)) in prop_oneof![
            a_firewall().prop_map(|pair| ("google_compute_firewall", pair)),
            a_policy_rule().prop_map(|pair| ("google_compute_network_firewall_policy_rule", pair)),
        ],
        ask in prop::sample::select(&[SSH, "{}", "{ ports: all }", "{ direction: egress }", "{ direction: egress, ports: [22] }", "{ ports: [22, 80], protocol: udp }"][..]),
    ) {
        let status = |value: Value| {
            let world = World::new(vec![subject(SubjectKind::Terraform, kind, "x.x", value)]);
            let results = program(rule(kind, &format!("fail_if: {{ opens: {ask} }}"))).evaluate(SubjectIndex(0), &world, &EvalContext::default());
            results.first().map(|result| result.status)
        };
        let (early, late) = (status(before.clone()), status(after.clone()));
        prop_assert!(early == Some(Status::Unknown) || early == late, "{ask} {early:?} {late:?}\n{before:?}\n{after:?}");
    }
}
