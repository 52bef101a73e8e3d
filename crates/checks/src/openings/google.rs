//! What Google Cloud lets in and out: firewall rules, rules of firewall policies, and the networks that may reach a Cloud SQL instance or
//! the control plane of a GKE cluster.

use probity_core::Subject;
use probity_value::{Data, Map, Span, UnknownKind, Value};

use super::{Cidr, Entry, Order, normal_protocol};
use crate::compare::as_text;
use crate::path::{MAYBE, vague};
use crate::truth::{Trail, TrailStep, Tri};

/// The entries of a subject in one direction; `None` where it is nothing of Google Cloud that lets in or out.
pub(super) fn entries(subject: &Subject, egress: bool) -> Option<Vec<Entry>> {
    let kind: fn(&Map, bool) -> Vec<Entry> = match &*subject.type_name {
        "google_compute_firewall" => firewall,
        "google_compute_firewall_policy_rule"
        | "google_compute_network_firewall_policy_rule"
        | "google_compute_region_network_firewall_policy_rule" => policy_rule,
        "google_sql_database_instance" => {
            |map, egress| networks(map, egress, &["settings", "ip_configuration", "authorized_networks"], "value")
        }
        "google_container_cluster" => {
            |map, egress| networks(map, egress, &["master_authorized_networks_config", "cidr_blocks"], "cidr_block")
        }
        _ => return None,
    };
    Some(subject.value.as_map().map_or_else(Vec::new, |map| kind(map, egress)))
}

/// `allow` and `deny` blocks, each with a protocol and ports, for one set of sources or destinations.
fn firewall(map: &Map, egress: bool) -> Vec<Entry> {
    let this = Tri::all([direction(map, egress), enabled(map)]);
    if matches!(this, Tri::No) {
        return Vec::new();
    }
    let peers = if egress { "destination_ranges" } else { "source_ranges" };
    let mut cidrs = addresses(map, peers, &Trail::default(), Span::NONE);
    // A rule for what goes out that names no destination is for all of them; one for what comes in that names no source is refused.
    if egress && matches!(set(map, peers), Tri::No) {
        cidrs.push(world(&Trail::default(), Span::NONE));
    }
    let mut out = Vec::new();
    for (name, allow) in [("allow", true), ("deny", false)] {
        let allow = if allow { this.clone() } else { Tri::No };
        for item in items(map, name, &Trail::default()) {
            layer(&mut out, &item, "protocol", &cidrs, &allow);
        }
    }
    out
}

/// A `match` block with addresses and `layer4_configs`, and one action.
fn policy_rule(map: &Map, egress: bool) -> Vec<Entry> {
    let this = Tri::all([direction(map, egress), enabled(map)]);
    let allow = match part(map, "action") {
        Some(action) if action.is_unknown() => Tri::Maybe(vague(&action)),
        Some(action) => Tri::known(action.as_str().is_some_and(|word| word.eq_ignore_ascii_case("allow"))),
        None => Tri::No,
    };
    let allow = Tri::all([this, allow]);
    if matches!(allow, Tri::No) {
        return Vec::new();
    }
    let mut out = Vec::new();
    for found in items(map, "match", &Trail::default()) {
        let Data::Map(inner) = &found.value.data else {
            out.push(unknown(&found, found.value.is_unknown()));
            continue;
        };
        let allow = match (&allow, inner.get(MAYBE)) {
            (Tri::Yes, Some(maybe)) => Tri::Maybe(vague(maybe)),
            (allow, _) => allow.clone(),
        };
        let (peers, others, scope): (_, &[&str], [&str; 2]) = if egress {
            (
                "dest_ip_ranges",
                &["dest_fqdns", "dest_region_codes", "dest_threat_intelligences", "dest_address_groups"],
                ["dest_network_scope", "dest_network_type"],
            )
        } else {
            (
                "src_ip_ranges",
                &["src_fqdns", "src_region_codes", "src_threat_intelligences", "src_address_groups", "src_secure_tags", "src_networks"],
                ["src_network_scope", "src_network_type"],
            )
        };
        let mut cidrs = addresses(inner, peers, &found.trail, found.at);
        // Where a rule narrows its peers by name, place, list, tag or scope instead, it is not for the world.
        let scope = scope.iter().map(|name| match part(inner, name) {
            Some(scope) if scope.is_unknown() => Tri::Maybe(vague(&scope)),
            scope => Tri::known(scope.is_some_and(|scope| scope.as_str() != Some("INTERNET"))),
        });
        match Tri::any(std::iter::once(&peers).chain(others).map(|name| set(inner, name)).chain(scope)) {
            Tri::Yes => {}
            Tri::No => cidrs.push(world(&found.trail, found.at)),
            Tri::Maybe(value) => cidrs.push(Cidr::plain(value, found.trail.clone(), found.at)),
        }
        for item in items(inner, "layer4_configs", &found.trail) {
            layer(&mut out, &item, "ip_protocol", &cidrs, &allow);
        }
    }
    out
}

/// A block for each network that is let in, at the end of a way of blocks.
fn networks(map: &Map, egress: bool, way: &[&str], cidr: &str) -> Vec<Entry> {
    let mut out = Vec::new();
    if !egress {
        networks_below(&mut out, map, way, cidr, &Trail::default(), None);
    }
    out
}

fn networks_below(out: &mut Vec<Entry>, map: &Map, way: &[&str], cidr: &str, trail: &Trail, maybe: Option<&Value>) {
    let Some((name, rest)) = way.split_first() else { return };
    for item in items(map, name, trail) {
        let Data::Map(inner) = &item.value.data else {
            if item.value.is_unknown() {
                out.push(unknown(&item, item.many && rest.is_empty()));
            }
            continue;
        };
        let here = inner.get(MAYBE).map(vague);
        let maybe = here.as_ref().or(maybe);
        if !rest.is_empty() {
            networks_below(out, inner, rest, cidr, &item.trail, maybe);
            continue;
        }
        out.push(Entry {
            from: None,
            to: None,
            protocol: Value::string("tcp", item.at),
            cidrs: addresses(inner, cidr, &item.trail, item.at),
            allow: maybe.map_or(Tri::Yes, |maybe| Tri::Maybe(maybe.clone())),
            all_with_ports: false,
            deny: Tri::No,
            order: Order::Free,
            unknown: None,
            many: false,
            maybe: maybe.cloned(),
            trail: item.trail,
            at: item.at,
        });
    }
}

/// One block of a list of blocks.
struct Item {
    value: Value,
    trail: Trail,
    at: Span,
    /// Whether the list as a whole is unknown.
    many: bool,
}

fn items(map: &Map, name: &str, trail: &Trail) -> Vec<Item> {
    let Some(found) = map.entry(name).filter(|found| !found.value.is_null()) else { return Vec::new() };
    let list = found.value.as_list().unwrap_or(std::slice::from_ref(&found.value));
    let item = |(index, value): (usize, &Value)| {
        let trail = trail.name(name);
        let trail = if list.len() > 1 { trail.then(TrailStep::Index(index)) } else { trail };
        Item { value: value.clone(), trail, at: value.span.or(found.key), many: found.value.is_unknown() }
    };
    list.iter().enumerate().map(item).collect()
}

/// The entries of one block: one for each of its ports, or one for every port.
fn layer(out: &mut Vec<Entry>, item: &Item, protocol: &str, cidrs: &[Cidr], allow: &Tri) {
    let Data::Map(map) = &item.value.data else {
        // Text where a block belongs says nothing of what is let through.
        if item.value.is_unknown() && !matches!(allow, Tri::No) {
            out.push(Entry { cidrs: cidrs.to_vec(), ..unknown(item, item.many) });
        }
        return;
    };
    let protocol = part(map, protocol).map_or_else(|| Value::string("all", item.at), |value| normal_protocol(&value));
    let maybe = map.get(MAYBE).map(vague);
    let allow = match (allow, &maybe) {
        (Tri::Yes, Some(maybe)) => Tri::Maybe(maybe.clone()),
        (allow, _) => allow.clone(),
    };
    let mut add = |from: Option<Value>, to: Option<Value>| {
        out.push(Entry {
            from,
            to,
            protocol: protocol.clone(),
            cidrs: cidrs.to_vec(),
            allow: allow.clone(),
            all_with_ports: false,
            deny: Tri::No,
            order: Order::Free,
            unknown: None,
            many: false,
            maybe: maybe.clone(),
            trail: item.trail.clone(),
            at: item.at,
        });
    };
    let Some(ports) = part(map, "ports") else { return add(None, None) };
    match ports.as_list() {
        Some([]) => add(None, None),
        Some(list) => list.iter().for_each(|one| {
            let (from, to) = range(one);
            add(Some(from), Some(to));
        }),
        None => {
            let (from, to) = range(&ports);
            add(Some(from), Some(to));
        }
    }
}

/// First and last port of `80` or `8000-8999`; unknown values where it is neither.
fn range(value: &Value) -> (Value, Value) {
    if value.is_unknown() {
        return (vague(value), vague(value));
    }
    let text = as_text(value);
    let text = text.as_deref().unwrap_or_default().trim();
    let (from, to) = text.split_once('-').unwrap_or((text, text));
    let port = |text: &str| text.trim().parse::<u16>().ok().map(|port| Value::int(port.into(), value.span));
    match (port(from), port(to)) {
        (Some(from), Some(to)) => (from, to),
        _ => {
            let shown: String = text.chars().take(80).collect();
            let unknown = Value::unknown(UnknownKind::Invalid, format!("`{shown}` is not a port or a range of ports"), value.span);
            (unknown.clone(), unknown)
        }
    }
}

fn addresses(map: &Map, name: &str, trail: &Trail, at: Span) -> Vec<Cidr> {
    let Some(found) = map.entry(name) else { return Vec::new() };
    let list = found.value.as_list().unwrap_or(std::slice::from_ref(&found.value));
    let cidrs = list.iter().filter(|item| !item.is_null() && item.as_str() != Some(""));
    cidrs.map(|item| Cidr::plain(item.clone(), trail.name(name), found.key.join(found.value.span).or(at))).collect()
}

fn world(trail: &Trail, at: Span) -> Cidr {
    Cidr::plain(Value::string("0.0.0.0/0", at), trail.clone(), at)
}

/// An entry of which nothing is known.
fn unknown(item: &Item, many: bool) -> Entry {
    let value = vague(&item.value);
    Entry {
        from: Some(value.clone()),
        to: Some(value.clone()),
        protocol: value.clone(),
        cidrs: vec![Cidr::plain(value.clone(), item.trail.clone(), item.at)],
        allow: Tri::Maybe(value.clone()),
        all_with_ports: false,
        deny: Tri::No,
        order: Order::Free,
        unknown: Some(value),
        many,
        maybe: None,
        trail: item.trail.clone(),
        at: item.at,
    }
}

fn part(map: &Map, key: &str) -> Option<Value> {
    map.get(key).filter(|value| !value.is_null()).cloned()
}

/// Whether a list has something in it.
fn set(map: &Map, key: &str) -> Tri {
    match part(map, key) {
        Some(value) if value.is_unknown() => Tri::Maybe(vague(&value)),
        value => Tri::known(value.is_some_and(|value| value.as_list().is_none_or(|list| !list.is_empty()))),
    }
}

/// Whether the rule is for this direction; `INGRESS` where it does not say.
fn direction(map: &Map, egress: bool) -> Tri {
    match part(map, "direction") {
        Some(value) if value.is_unknown() => Tri::Maybe(vague(&value)),
        Some(value) => Tri::known(value.as_str().is_some_and(|word| word.eq_ignore_ascii_case("egress")) == egress),
        None => Tri::known(!egress),
    }
}

fn enabled(map: &Map) -> Tri {
    match part(map, "disabled") {
        Some(value) if value.is_unknown() => Tri::Maybe(vague(&value)),
        Some(value) => Tri::known(as_text(&value).as_deref() != Some("true")),
        None => Tri::Yes,
    }
}
