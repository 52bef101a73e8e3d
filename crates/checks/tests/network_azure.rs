//! What Azure network security groups and their rules open.
#![allow(
    clippy::disallowed_methods,
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    reason = "a test touches the world on purpose and fails by panicking"
)]

mod support;

use proptest::prelude::*;
use support::{judge, shown, status};

const SSH: &str = "{ ports: [22], protocol: tcp, to: world }";

fn ask(ask: &str, kind: &str, text: &str) -> String {
    shown(judge(&format!("fail_if: {{ opens: {ask} }}"), &[(&format!("{kind}.x"), text)]))
}

fn rule(text: &str, expected: &str) {
    let subject = format!("{{direction: Inbound, access: Allow, protocol: Tcp, priority: 100, {text}}}");
    let alone = judge(&format!("fail_if: {{ opens: {SSH} }}"), &[("azurerm_network_security_rule.x", &subject)]);
    assert_eq!(status(alone), expected, "{text}");
    let group =
        judge(&format!("fail_if: {{ opens: {SSH} }}"), &[("azurerm_network_security_group.x", &format!("{{security_rule: [{subject}]}}"))]);
    assert_eq!(status(group), expected, "in a group: {text}");
    // Addresses of resources are those of Terraform there.
    if text.contains("?ref") || text.contains("?dataref") {
        return;
    }
    let template = in_template(&subject);
    let alone = judge(
        &format!("fail_if: {{ opens: {SSH} }}"),
        &[("Microsoft.Network/networkSecurityGroups/securityRules.x", &format!("{{properties: {template}}}"))],
    );
    assert_eq!(status(alone), expected, "in a template: {template}");
    let group = judge(
        &format!("fail_if: {{ opens: {SSH} }}"),
        &[(
            "Microsoft.Network/networkSecurityGroups.x",
            &format!("{{properties: {{securityRules: [{{name: r, properties: {template}}}]}}}}"),
        )],
    );
    assert_eq!(status(group), expected, "in a group of a template: {template}");
}

/// The same rule with the names of ARM: `source_address_prefix` is `sourceAddressPrefix`.
fn in_template(text: &str) -> String {
    let mut out = String::new();
    let mut upper = false;
    for letter in text.replace("_group_ids", "_groups").chars() {
        match letter {
            '_' => upper = true,
            letter if upper => {
                out.extend(letter.to_uppercase());
                upper = false;
            }
            letter => out.push(letter),
        }
    }
    out
}

#[test]
fn groups_of_templates() {
    let group = |properties: &str, expected: &str| {
        let subject = format!("{{properties: {properties}}}");
        let result = judge(&format!("fail_if: {{ opens: {SSH} }}"), &[("Microsoft.Network/networkSecurityGroups.x", &subject)]);
        assert_eq!(status(result), expected, "{properties}");
    };
    group("{}", "pass");
    group("?v", "unknown");
    group("{securityRules: ?v}", "unknown");
    group("{securityRules: [{name: a, properties: ?v}]}", "unknown");
    let stop = "{properties: {priority: 100, direction: Inbound, access: Deny, protocol: '*', destinationPortRange: '*', sourceAddressPrefix: '*'}}";
    let open = "{properties: {priority: 200, direction: Inbound, access: Allow, protocol: Tcp, destinationPortRange: 22, sourceAddressPrefix: '*'}}";
    group(&format!("{{securityRules: [{open}]}}"), "fail");
    group(&format!("{{securityRules: [{open}, {stop}]}}"), "pass");
    let said = shown(judge(
        &format!("fail_if: {{ opens: {SSH} }}"),
        &[("Microsoft.Network/networkSecurityGroups.x", &format!("{{properties: {{securityRules: [{open}]}}}}"))],
    ));
    assert_eq!(said, "fail: `properties.securityRules.properties.sourceAddressPrefix` opens port 22 to the world");
}

#[test]
fn ports() {
    let world = |ports: &str, expected: &str| rule(&format!("source_address_prefix: '*', {ports}"), expected);
    world("destination_port_range: 22", "fail");
    world("destination_port_range: '22'", "fail");
    world("destination_port_range: '*'", "fail");
    world("destination_port_range: '20-25'", "fail");
    world("destination_port_range: '0-65535'", "fail");
    world("destination_port_range: '23-80'", "pass");
    world("destination_port_range: '220-222'", "pass");
    world("destination_port_range: 443", "pass");
    world("destination_port_ranges: [443, '20-25']", "fail");
    world("destination_port_ranges: ['443', '22']", "fail");
    world("destination_port_ranges: ['443', '2222']", "pass");
    world("destination_port_range: null, destination_port_ranges: [22]", "fail");
    world("destination_port_ranges: ?v", "unknown");
    world("destination_port_ranges: [443, ?v]", "unknown");
    world("destination_port_ranges: [?v, 22]", "fail");
    world("destination_port_range: 'ssh'", "unknown");
    world("source_port_range: 22", "pass");
}

#[test]
fn peers() {
    let from = |source: &str, expected: &str| rule(&format!("destination_port_range: 22, {source}"), expected);
    for everybody in ["'*'", "Internet", "internet", "INTERNET", "Any", "0.0.0.0/0", "'::/0'", "0.0.0.0", "10.1.2.3/0", "'/0'", "'<nw>/0'"]
    {
        from(&format!("source_address_prefix: {everybody}"), "fail");
        from(&format!("source_address_prefixes: [10.0.0.0/8, {everybody}]"), "fail");
    }
    for somebody in ["10.0.0.0/8", "VirtualNetwork", "AzureLoadBalancer", "Storage.WestEurope", "0.0.0.0/1", "203.0.113.9"] {
        from(&format!("source_address_prefix: {somebody}"), "pass");
        from(&format!("source_address_prefixes: [10.0.0.0/8, {somebody}]"), "pass");
    }
    from("source_address_prefixes: [0.0.0.0/1, 128.0.0.0/1]", "fail");
    from("source_address_prefixes: [0.0.0.0/1, 128.0.0.0/2]", "pass");
    from("source_address_prefix: null, source_address_prefixes: ['*']", "fail");
    from("source_application_security_group_ids: [a]", "pass");
    from("source_address_prefix: ?v", "unknown");
    from("source_address_prefixes: [?v, Internet]", "fail");
    from("source_address_prefixes: [10.0.0.0/8, ?v]", "unknown");
    from("source_address_prefix: '?v=10.'", "pass");
    from("source_address_prefixes: '?ref:azurerm_subnet.s.address_prefixes'", "pass");
    from("source_address_prefixes: ['?ref:azurerm_virtual_network.v.address_space[0]']", "pass");
    from("source_address_prefix: '?ref:azurerm_public_ip.p.ip_address'", "pass");
    from("source_address_prefix: '?ref:azurerm_x.y.z'", "unknown");
    from("source_address_prefix: 10.0.0.0/99", "unknown");
}

#[test]
fn protocol_direction_and_access() {
    let check = |text: &str, expected: &str| {
        let subject = format!("{{destination_port_range: 22, source_address_prefix: Internet, {text}}}");
        let result = judge(&format!("fail_if: {{ opens: {SSH} }}"), &[("azurerm_network_security_rule.x", &subject)]);
        assert_eq!(status(result), expected, "{text}");
    };
    check("direction: inbound, access: allow, protocol: TCP", "fail");
    check("direction: Inbound, access: Allow, protocol: '*'", "fail");
    check("direction: Inbound, access: Allow, protocol: Udp", "pass");
    check("direction: Inbound, access: Allow, protocol: Icmp", "pass");
    check("direction: Inbound, access: Allow, protocol: Esp", "pass");
    check("direction: Outbound, access: Allow, protocol: Tcp", "pass");
    check("direction: Inbound, access: Deny, protocol: Tcp", "pass");
    check("direction: ?v, access: Allow, protocol: Tcp", "unknown");
    check("direction: Inbound, access: ?v, protocol: Tcp", "unknown");
    check("direction: Inbound, access: Allow, protocol: ?v", "unknown");
    check("access: Allow, protocol: Tcp", "pass");
    // The ports count where the protocol is `*`.
    let web = "{direction: Inbound, access: Allow, protocol: '*', destination_port_range: 443, source_address_prefix: '*'}";
    assert_eq!(ask(SSH, "azurerm_network_security_rule", web), "pass");
    let udp = "fail: `source_address_prefix` lets the world in";
    assert_eq!(ask("{ protocol: udp, to: world }", "azurerm_network_security_rule", web), udp);
    let out = "{direction: Outbound, access: Allow, protocol: '*', destination_port_range: '*', destination_address_prefix: '*', source_address_prefix: 10.0.0.4}";
    assert_eq!(
        ask("{ direction: egress }", "azurerm_network_security_rule", out),
        "fail: `destination_address_prefix` lets everything out to the world"
    );
    assert_eq!(ask("{ direction: ingress }", "azurerm_network_security_rule", out), "pass");
}

#[test]
fn groups_by_priority() {
    let check = |rules: &[&str], expected: &str| {
        let rules: Vec<String> = rules.iter().map(|rule| format!("{{direction: Inbound, {rule}}}")).collect();
        let subject = format!("{{security_rule: [{}]}}", rules.join(", "));
        assert_eq!(ask(SSH, "azurerm_network_security_group", &subject), expected, "{rules:?}");
    };
    let open = "access: Allow, protocol: Tcp, priority: 200, destination_port_range: '*', source_address_prefix: '*'";
    let found = "fail: `security_rule[1].source_address_prefix` opens port 22 to the world";
    let deny = |text: &str| format!("access: Deny, {text}");
    check(&[&deny("protocol: '*', priority: 100, destination_port_range: '*', source_address_prefix: '*'"), open], "pass");
    check(&[&deny("protocol: Tcp, priority: 100, destination_port_range: 22, source_address_prefix: Internet"), open], "pass");
    check(&[&deny("protocol: Tcp, priority: 100, destination_port_ranges: [80, '20-30'], source_address_prefix: Internet"), open], "pass");
    // Only some of the world, another port, another protocol, too late.
    check(&[&deny("protocol: Tcp, priority: 100, destination_port_range: 22, source_address_prefix: 203.0.113.0/24"), open], found);
    check(&[&deny("protocol: Tcp, priority: 100, destination_port_range: 3389, source_address_prefix: '*'"), open], found);
    check(&[&deny("protocol: Udp, priority: 100, destination_port_range: 22, source_address_prefix: '*'"), open], found);
    check(&[&deny("protocol: Tcp, priority: 300, destination_port_range: 22, source_address_prefix: '*'"), open], found);
    // A denial for one machine, or for callers with one source port, leaves the rest open.
    let narrow = "protocol: Tcp, priority: 100, destination_port_range: 22, source_address_prefix: '*'";
    check(&[&deny(&format!("{narrow}, destination_address_prefix: 10.0.0.4")), open], found);
    check(&[&deny(&format!("{narrow}, destination_application_security_group_ids: [a]")), open], found);
    check(&[&deny(&format!("{narrow}, source_port_range: 1024")), open], found);
    check(&[&deny(&format!("{narrow}, source_port_range: '*', destination_address_prefix: VirtualNetwork")), open], "pass");
    let unknown = |rules: &[&str]| {
        let rules: Vec<String> = rules.iter().map(|rule| format!("{{direction: Inbound, {rule}}}")).collect();
        let subject = format!("{{security_rule: [{}]}}", rules.join(", "));
        let result = judge(&format!("fail_if: {{ opens: {SSH} }}"), &[("azurerm_network_security_group.x", &subject)]);
        assert_eq!(status(result), "unknown", "{rules:?}");
    };
    unknown(&[&deny(&format!("{narrow}, destination_address_prefix: ?v")), open]);
    unknown(&["access: ?v, protocol: Tcp, priority: 100, destination_port_range: 22, source_address_prefix: '*'", open]);
    unknown(&[&deny("protocol: Tcp, priority: ?v, destination_port_range: 22, source_address_prefix: '*'"), open]);
    unknown(&[&deny("protocol: Tcp, priority: 100, destination_port_range: ?v, source_address_prefix: '*'"), open]);
    unknown(&[&deny("protocol: Tcp, priority: 100, destination_port_range: 22, source_address_prefix: ?v"), open]);
    // Unknown, but it could not matter.
    check(&[&deny("protocol: Tcp, priority: 300, destination_port_range: ?v, source_address_prefix: '*'"), open], found);
    check(&["access: ?v, protocol: Tcp, priority: 100, destination_port_range: 80, source_address_prefix: '*'", open], found);
    // Parts add up over rules.
    check(
        &[
            "access: Allow, protocol: Tcp, priority: 100, destination_port_range: 22, source_address_prefix: 0.0.0.0/1",
            "access: Allow, protocol: '*', priority: 110, destination_port_range: '1-100', source_address_prefix: 128.0.0.0/1",
        ],
        "fail: `security_rule[0].source_address_prefix` opens port 22 to the world",
    );
}

#[test]
fn any_traffic_by_priority() {
    let check = |first: &str, expected: &str| {
        let subject = format!(
            "{{security_rule: [{{direction: Inbound, access: Deny, priority: 100, source_address_prefix: '*', {first}}}, \
             {{direction: Inbound, access: Allow, protocol: Udp, priority: 200, destination_port_range: 53, source_address_prefix: '*'}}]}}"
        );
        let result = judge("fail_if: { opens: { protocol: udp, to: world } }", &[("azurerm_network_security_group.x", &subject)]);
        assert_eq!(status(result), expected, "{first}");
    };
    check("protocol: '*', destination_port_range: '*'", "pass");
    check("protocol: Udp, destination_port_range: '50-60'", "pass");
    check("protocol: Udp, destination_port_range: 54", "fail");
    check("protocol: Tcp, destination_port_range: '*'", "fail");
    check("protocol: Udp, destination_port_range: ?v", "unknown");
}

#[test]
fn other_shapes() {
    let group = "azurerm_network_security_group";
    assert_eq!(ask(SSH, group, "{}"), "pass");
    assert_eq!(ask(SSH, group, "{security_rule: []}"), "pass");
    let unknown = judge(&format!("fail_if: {{ opens: {SSH} }}"), &[("azurerm_network_security_group.x", "{security_rule: ?v}")]);
    assert_eq!(status(unknown), "unknown");
    let view = |condition: &str, expected: &str| {
        let text = "{security_rule: [{direction: Inbound, access: Allow, protocol: '*', priority: 100, destination_port_ranges: [80, '20-25'], source_address_prefix: Internet}, {direction: Outbound, access: Deny, protocol: Tcp, priority: 100, destination_port_range: '*', destination_address_prefix: 10.0.0.0/8}]}";
        let said = shown(judge(&format!("fail_unless: {condition}"), &[("azurerm_network_security_group.x", text)]));
        assert_eq!(said, expected, "{condition}");
    };
    view("{ path: $ingress, length_equals: 2 }", "pass: `ingress` has 2 items");
    view("{ path: '$ingress[1].to', equals: 25 }", "pass: `security_rule[0].to` is `25`");
    view("{ path: '$ingress[0].world', equals: true }", "pass: `security_rule[0].world` is `true`");
    view("{ path: '$egress[0].action', equals: deny }", "pass: `security_rule[1].action` is `deny`");
    view("{ path: '$egress[0].to', equals: 65535 }", "pass: `security_rule[1].to` is `65535`");
}

/// One rule as it is written: priority, action, direction, protocol, ports and sources, each of which may be unknown (`?v`).
type Written = (u16, &'static str, &'static str, &'static str, &'static str, &'static str);

const PRIORITIES: &[u16] = &[100, 200, 300, 400];
const ACTIONS: &[&str] = &["Allow", "Deny"];
const DIRECTIONS: &[&str] = &["Inbound", "Inbound", "Inbound", "Outbound"];
const PROTOCOLS: &[&str] = &["Tcp", "Udp", "*", "Icmp"];
const RANGES: &[&str] = &["22", "80", "*", "20-30", "22-80", "0-21"];
const SOURCES: &[&str] = &["*", "0.0.0.0/0", "0.0.0.0/1", "128.0.0.0/1", "10.0.0.0/8", "VirtualNetwork", "::/0", "Internet"];

fn group(rules: &[Written]) -> String {
    let written: Vec<String> = rules
        .iter()
        .map(|(priority, action, direction, protocol, ports, source)| {
            let priority = if *priority == 0 { "'?v'".to_owned() } else { priority.to_string() };
            format!(
                "{{priority: {priority}, access: {action}, direction: '{direction}', protocol: '{protocol}', \
                 destination_port_range: '{ports}', source_address_prefix: '{source}'}}"
            )
        })
        .collect();
    format!("{{security_rule: [{}]}}", written.join(", "))
}

fn judged(rules: &[Written]) -> String {
    let result = judge(&format!("fail_if: {{ opens: {SSH} }}"), &[("azurerm_network_security_group.x", &group(rules))]);
    status(result)
}

/// Whether the world reaches port 22, by going through the rules for one address of each part of the world.
fn reached(rules: &[Written]) -> bool {
    let mut rules = rules.to_vec();
    rules.sort_by_key(|rule| rule.0);
    let let_in = |from: &str| {
        let fits = |(_, _, direction, protocol, ports, source): &&Written| {
            *direction == "Inbound"
                && matches!(*protocol, "Tcp" | "*")
                && matches!(*ports, "22" | "*" | "20-30" | "22-80")
                && match *source {
                    "*" | "Internet" => true,
                    "0.0.0.0/0" => from != "v6",
                    "0.0.0.0/1" => matches!(from, "low" | "ten"),
                    "128.0.0.0/1" => from == "high",
                    "10.0.0.0/8" => from == "ten",
                    "::/0" => from == "v6",
                    _ => false,
                }
        };
        rules.iter().find(fits).is_some_and(|rule| rule.1 == "Allow")
    };
    ["low", "ten", "high"].into_iter().all(let_in) || let_in("v6")
}

fn written(unknown: bool) -> impl Strategy<Value = Vec<Written>> {
    let of = move |known: &'static [&'static str]| {
        let one = prop::sample::select(known);
        if unknown { prop_oneof![5 => one, 1 => Just("?v")].boxed() } else { one.boxed() }
    };
    let rule = (of(ACTIONS), of(DIRECTIONS), of(PROTOCOLS), of(RANGES), of(SOURCES), if unknown { 0..6_u8 } else { 1..2_u8 });
    (Just(PRIORITIES.to_vec()).prop_shuffle(), prop::collection::vec(rule, 0..4)).prop_map(|(priorities, rules)| {
        rules
            .into_iter()
            .zip(priorities)
            .map(|((action, direction, protocol, ports, source, known), priority)| {
                (if known == 0 { 0 } else { priority }, action, direction, protocol, ports, source)
            })
            .collect()
    })
}

/// The same rules with each unknown part made something it may be.
fn settled(rules: &[Written], choices: &[usize]) -> Vec<Written> {
    let mut choices = choices.iter().copied().cycle();
    let mut free: Vec<u16> = (0..9).map(|step| 90 + step * 50).collect();
    let mut choose = |word: &'static str, known: &'static [&'static str]| {
        let at = choices.next().unwrap_or(0);
        if word == "?v" { known[at % known.len()] } else { word }
    };
    rules
        .iter()
        .map(|(priority, action, direction, protocol, ports, source)| {
            let action = choose(action, ACTIONS);
            let at = PROTOCOLS.iter().position(|one| *one == choose(protocol, PROTOCOLS)).unwrap_or(0);
            let priority = if *priority == 0 { free.remove((at * 3) % free.len()) } else { *priority };
            (priority, action, choose(direction, DIRECTIONS), PROTOCOLS[at], choose(ports, RANGES), choose(source, SOURCES))
        })
        .collect()
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(1000))]

    #[test]
    fn groups_agree_with_going_through_their_rules(rules in written(false)) {
        prop_assert_eq!(judged(&rules), if reached(&rules) { "fail" } else { "pass" }, "{:?}", rules);
    }

    #[test]
    fn what_is_definite_stays(rules in written(true), choices in prop::collection::vec(0..100_usize, 12)) {
        let before = judged(&rules);
        if before != "unknown" {
            let settled = settled(&rules, &choices);
            prop_assert_eq!(before, judged(&settled), "{:?}\n{:?}", rules, settled);
        }
    }
}
