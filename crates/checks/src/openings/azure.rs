//! Rules of Azure network security groups as entries: words for peers, lists of ports, priorities.

use probity_value::{Data, Map, Span, UnknownKind, Value};

use probity_core::Subject;

use super::{Cidr, Entry, Order, action, items_read, normal_protocol, number, unknown};
use crate::network::Addresses;
use crate::path::{MAYBE, vague};
use crate::truth::{Trail, Tri};

/// How a language names the attributes of a rule; ports first alone, then as a list, and so on.
pub(super) struct Words {
    /// The attributes with the ports; source ports are whatever the caller likes.
    ports: [&'static str; 2],
    source_ports: [&'static str; 2],
    sources: [&'static str; 2],
    destinations: [&'static str; 2],
    /// Application security groups are interfaces of one's own.
    source_groups: &'static str,
    destination_groups: &'static str,
}

pub(super) const TERRAFORM: Words = Words {
    ports: ["destination_port_range", "destination_port_ranges"],
    source_ports: ["source_port_range", "source_port_ranges"],
    sources: ["source_address_prefix", "source_address_prefixes"],
    destinations: ["destination_address_prefix", "destination_address_prefixes"],
    source_groups: "source_application_security_group_ids",
    destination_groups: "destination_application_security_group_ids",
};
const ARM: Words = Words {
    ports: ["destinationPortRange", "destinationPortRanges"],
    source_ports: ["sourcePortRange", "sourcePortRanges"],
    sources: ["sourceAddressPrefix", "sourceAddressPrefixes"],
    destinations: ["destinationAddressPrefix", "destinationAddressPrefixes"],
    source_groups: "sourceApplicationSecurityGroups",
    destination_groups: "destinationApplicationSecurityGroups",
};

/// The entries of a network security group of ARM, or of a rule of one, which is judged alone.
pub(super) fn of_template(subject: &Subject, egress: bool) -> Option<Vec<Entry>> {
    let properties = subject.value.get("properties");
    let trail = Trail::default().name("properties");
    let read = |properties: &Value, trail: &Trail, at: Span| match &properties.data {
        Data::Map(map) => rule(map, trail, at, egress, &ARM),
        Data::Unknown(_) => vec![unknown(properties, false, trail.clone())],
        _ => Vec::new(),
    };
    Some(match &*subject.type_name {
        "Microsoft.Network/networkSecurityGroups" => match properties {
            Some(properties) if properties.is_unknown() => vec![unknown(properties, true, trail)],
            _ => {
                let list = properties.and_then(|properties| properties.get("securityRules")).filter(|list| !list.is_null());
                list.map(|list| {
                    items_read(list, &trail.name("securityRules"), &|map, trail, at| {
                        map.get("properties").map(|properties| read(properties, &trail.name("properties"), at)).unwrap_or_default()
                    })
                })
                .unwrap_or_default()
            }
        },
        "Microsoft.Network/networkSecurityGroups/securityRules" => {
            let mut entries = properties.map(|properties| read(properties, &trail, Span::NONE)).unwrap_or_default();
            for entry in &mut entries {
                entry.order = Order::Free;
            }
            entries
        }
        _ => return None,
    })
}

/// An `azurerm_network_security_rule`: its group's other rules are not weighed.
pub(super) fn alone(value: &Value, egress: bool) -> Vec<Entry> {
    let Some(map) = value.as_map() else { return Vec::new() };
    let mut entries = rule(map, &Trail::default(), Span::NONE, egress, &TERRAFORM);
    for entry in &mut entries {
        entry.order = Order::Free;
    }
    entries
}

/// One security rule: an entry for each of its port ranges, none where it is of the other direction.
pub(super) fn rule(map: &Map, trail: &Trail, at: Span, egress: bool, words: &Words) -> Vec<Entry> {
    let part = |key: &str| map.get(key).filter(|value| !value.is_null());
    let this = match part("direction") {
        Some(direction) if direction.is_unknown() => Tri::Maybe(direction.clone()),
        direction => {
            let wanted = if egress { "outbound" } else { "inbound" };
            Tri::known(direction.and_then(Value::as_str).is_some_and(|word| word.trim().eq_ignore_ascii_case(wanted)))
        }
    };
    if matches!(this, Tri::No) {
        return Vec::new();
    }
    let (allow, deny) = action(Some(part("access").cloned()), map.get(MAYBE));
    let (theirs, ours, our_groups) = if egress {
        (words.destinations, words.sources, words.source_groups)
    } else {
        (words.sources, words.destinations, words.destination_groups)
    };
    // What keeps out only some of what is behind the group leaves the rest open.
    let whole = Tri::all([everything(map, &ours), everything(map, &words.source_ports), none(part(our_groups))]);
    let mut cidrs = Vec::new();
    for key in theirs {
        let Some(found) = map.entry(key) else { continue };
        let place = found.key.join(found.value.span).or(at);
        for item in items(&found.value) {
            let addresses = item.as_str().and_then(peer);
            cidrs.push(Cidr::new(item.clone(), addresses, trail.name(key), place));
        }
    }
    let protocol = part("protocol").map_or_else(|| Value::string("all", at), normal_protocol);
    let one = |(from, to): (Option<Value>, Option<Value>)| Entry {
        from,
        to,
        protocol: protocol.clone(),
        all_with_ports: true,
        cidrs: cidrs.clone(),
        allow: Tri::all([this.clone(), allow.clone()]),
        deny: Tri::all([this.clone(), deny.clone(), whole.clone()]),
        order: Order::of(part("priority")),
        unknown: None,
        many: false,
        maybe: map.get(MAYBE).map(vague),
        trail: trail.clone(),
        at,
    };
    words.ports.iter().filter_map(|key| map.get(key)).flat_map(items).map(|item| one(range(item))).collect()
}

/// The items of a list, or the thing itself, without what is not there.
fn items(value: &Value) -> impl Iterator<Item = &Value> {
    value.as_list().unwrap_or(std::slice::from_ref(value)).iter().filter(|item| !item.is_null() && item.as_str() != Some(""))
}

/// First and last port of `22`, `20-25` or `*`; an unknown value for both where it is none of these.
fn range(item: &Value) -> (Option<Value>, Option<Value>) {
    let port = |number: i64| Some(Value::int(number, item.span));
    if let Some(only) = number(item) {
        return (port(only), port(only));
    }
    let Some(text) = item.as_str().map(str::trim) else {
        let unknown = if item.is_unknown() { item.clone() } else { wrong("a port is neither a number nor text", item.span) };
        return (Some(unknown.clone()), Some(unknown));
    };
    if text == "*" {
        return (None, None);
    }
    let ends = text.split_once('-').and_then(|(from, to)| Some((from.trim().parse().ok()?, to.trim().parse().ok()?)));
    match ends {
        Some((from, to)) => (port(from), port(to)),
        None => {
            let unknown = wrong(&format!("`{}` is not a port range", text.chars().take(80).collect::<String>()), item.span);
            (Some(unknown.clone()), Some(unknown))
        }
    }
}

fn wrong(reason: &str, at: Span) -> Value {
    Value::unknown(UnknownKind::Invalid, reason.to_owned(), at)
}

/// The addresses a peer stands for: CIDRs, the words for everybody, and service tags, which are never everybody.
fn peer(text: &str) -> Option<Addresses> {
    let text = text.trim();
    if is_everybody(text) {
        return Some(Addresses::world());
    }
    match text.parse() {
        Ok(addresses) => Some(addresses),
        // A service tag is a word such as `VirtualNetwork` or `Storage.WestEurope`.
        Err(_) if is_tag(text) => Some(Addresses::new()),
        Err(_) => None,
    }
}

fn is_everybody(text: &str) -> bool {
    ["*", "any", "internet", "0.0.0.0", "/0"].iter().any(|word| text.eq_ignore_ascii_case(word)) || text.ends_with(">/0")
}

fn is_tag(text: &str) -> bool {
    text.starts_with(|letter: char| letter.is_ascii_alphabetic())
        && text.chars().all(|letter| letter.is_ascii_alphanumeric() || matches!(letter, '.' | '_' | '-'))
}

/// Whether these attributes leave nothing out.
fn everything(map: &Map, keys: &[&str]) -> Tri {
    let mut given = keys.iter().filter_map(|key| map.get(key)).flat_map(items).peekable();
    if given.peek().is_none() {
        return Tri::Yes;
    }
    Tri::any(given.map(|item| match &item.data {
        Data::Unknown(_) => Tri::Maybe(item.clone()),
        // What comes to a group's interfaces, or leaves them, is in the virtual network.
        Data::String(text) => Tri::known(
            text.eq_ignore_ascii_case("VirtualNetwork")
                || matches!(&**text, "0-65535" | "1-65535")
                || peer(text).is_some_and(|all| all.is_world()),
        ),
        _ => Tri::No,
    }))
}

fn none(value: Option<&Value>) -> Tri {
    match value {
        None => Tri::Yes,
        Some(value) if value.is_unknown() => Tri::Maybe(value.clone()),
        Some(value) => Tri::known(value.as_list().is_some_and(<[Value]>::is_empty)),
    }
}
