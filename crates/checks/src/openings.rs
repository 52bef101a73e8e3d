//! What network resources let in and out: each kind of resource becomes the same entries, and questions are asked of those.

mod azure;
mod cloudformation;
mod google;

use std::sync::Arc;

use probity_core::Subject;
use probity_value::{Data, Map, Span, UnknownKind, Value};

use crate::check::{Opens, Ports};
use crate::compare::as_text;
use crate::network::{Addresses, Intervals};
use crate::path::{MAYBE, vague};
use crate::truth::{Because, Trail, TrailStep, Tri};

/// The last port.
const LAST_PORT: u128 = 65535;

/// One entry: what it lets through, or keeps out.
#[derive(Clone, Debug)]
pub(crate) struct Entry {
    /// First and last port (for ICMP, type and code); an unknown value where not known; `None` for every port.
    from: Option<Value>,
    to: Option<Value>,
    /// In lower case, numbers made names: `tcp`, `udp`, `icmp`, `icmpv6`, `all`; an unknown value where not known.
    protocol: Value,
    /// Whether the ports count where the protocol is `all`.
    all_with_ports: bool,
    /// Each CIDR with the attribute it stands in.
    cidrs: Vec<Cidr>,
    /// Whether it lets through.
    allow: Tri,
    /// Whether it keeps out all that it is about, so that no later entry of its list is asked.
    deny: Tri,
    order: Order,
    /// The entry itself, where nothing of it is known.
    unknown: Option<Value>,
    /// Whether it stands for any number of entries: the list as a whole is unknown.
    many: bool,
    /// What it hangs on whether the entry is there.
    maybe: Option<Value>,
    trail: Trail,
    at: Span,
}

/// Where an entry stands in its list.
#[derive(Clone, Debug)]
enum Order {
    /// In a list without order, or judged alone: all entries count.
    Free,
    /// In a list that is gone through by number until one fits.
    At(i64),
    /// In such a list, with a number that is not known.
    Unknown(Value),
}

impl Order {
    /// The order a rule number gives.
    fn of(value: Option<&Value>) -> Order {
        match value {
            Some(value) if value.is_unknown() => Order::Unknown(value.clone()),
            value => value.and_then(number).map_or(Order::Free, Order::At),
        }
    }

    /// Whether what stands here is asked before `other`; with `widest`, whether it may be.
    fn is_before(&self, other: &Order, widest: bool) -> bool {
        match (self, other) {
            (Order::Free, _) | (_, Order::Free) => false,
            (Order::At(this), Order::At(other)) => this < other,
            _ => widest,
        }
    }
}

/// The other side of an entry: a CIDR, or a word for one.
#[derive(Clone, Debug)]
struct Cidr {
    value: Value,
    /// What the text means; nothing where it is not known or no CIDR.
    addresses: Option<Addresses>,
    trail: Trail,
    at: Span,
}

impl Cidr {
    fn new(value: Value, addresses: Option<Addresses>, trail: Trail, at: Span) -> Cidr {
        Cidr { value, addresses, trail, at }
    }

    /// A CIDR as it is written, or an unknown one.
    fn plain(value: Value, trail: Trail, at: Span) -> Cidr {
        let addresses = value.as_str().and_then(|text| text.parse().ok());
        Cidr { value, addresses, trail, at }
    }
}

/// How a kind of resource names the parts of an entry.
struct Names {
    from: &'static str,
    to: &'static str,
    protocol: &'static str,
    cidrs: &'static [&'static str],
    /// The attribute that says `allow` or `deny`; where there is none, every entry allows.
    action: Option<&'static str>,
    /// The attribute with the rule number, where entries are gone through by number.
    number: Option<&'static str>,
}

const GROUP: Names = Names {
    from: "from_port",
    to: "to_port",
    protocol: "protocol",
    cidrs: &["cidr_blocks", "ipv6_cidr_blocks"],
    action: None,
    number: None,
};
const VPC_RULE: Names =
    Names { from: "from_port", to: "to_port", protocol: "ip_protocol", cidrs: &["cidr_ipv4", "cidr_ipv6"], action: None, number: None };
const ACL: Names = Names {
    from: "from_port",
    to: "to_port",
    protocol: "protocol",
    cidrs: &["cidr_block", "ipv6_cidr_block"],
    action: Some("action"),
    number: Some("rule_no"),
};
// A rule resource is judged alone; what other resources of its list deny is not weighed.
const ACL_RULE: Names = Names { action: Some("rule_action"), number: None, ..ACL };

/// The entries of a subject in one direction; `None` where it is no network resource the engine knows.
///
/// A new kind of resource is one more arm and, where its shape differs, one more function that gives entries.
pub(crate) fn entries(subject: &Subject, egress: bool) -> Option<Vec<Entry>> {
    let direction = if egress { "egress" } else { "ingress" };
    let value = &subject.value;
    Some(match &*subject.type_name {
        "aws_security_group" | "aws_default_security_group" => named_blocks(value, direction, &GROUP),
        "aws_network_acl" | "aws_default_network_acl" => named_blocks(value, direction, &ACL),
        "azurerm_network_security_group" => {
            blocks(value, "security_rule", &|map, trail, at| azure::rule(map, &trail, at, egress, &azure::TERRAFORM))
        }
        "azurerm_network_security_rule" => azure::alone(value, egress),
        "aws_security_group_rule" => {
            let kind = value.get("type").cloned().unwrap_or_else(|| Value::null(value.span));
            let this = match &kind.data {
                Data::Unknown(_) => Tri::Maybe(kind),
                _ => Tri::known(kind.as_str() == Some(direction)),
            };
            whole(value, this, &GROUP)
        }
        "aws_vpc_security_group_ingress_rule" => whole(value, Tri::known(!egress), &VPC_RULE),
        "aws_vpc_security_group_egress_rule" => whole(value, Tri::known(egress), &VPC_RULE),
        "aws_network_acl_rule" => {
            let out = value.get("egress").cloned().unwrap_or_else(|| Value::bool(false, value.span));
            let this = match (&out.data, as_text(&out)) {
                (Data::Unknown(_), _) => Tri::Maybe(out),
                (_, text) => Tri::known((text.as_deref() == Some("true")) == egress),
            };
            whole(value, this, &ACL_RULE)
        }
        name if name.starts_with("Microsoft.") => return azure::of_template(subject, egress),
        name if name.starts_with("AWS::") => return cloudformation::entries(subject, egress),
        _ => return google::entries(subject, egress),
    })
}

/// A resource that is one entry as a whole, if it is of this direction.
fn whole(value: &Value, this: Tri, names: &Names) -> Vec<Entry> {
    match (this, value.as_map()) {
        (Tri::No, _) | (_, None) => Vec::new(),
        (this, Some(map)) => {
            let mut entry = entry(map, Trail::default(), Span::NONE, names);
            entry.allow = Tri::all([this, entry.allow]);
            vec![entry]
        }
    }
}

/// A resource with a block, or a list of objects, for each entry.
fn named_blocks(value: &Value, name: &str, names: &Names) -> Vec<Entry> {
    blocks(value, name, &|map, trail, at| vec![entry(map, trail, at, names)])
}

/// A resource with a block, or a list of objects, which `read` makes entries.
fn blocks(value: &Value, name: &str, read: &dyn Fn(&Map, Trail, Span) -> Vec<Entry>) -> Vec<Entry> {
    let list = value.get(name).filter(|list| !list.is_null());
    list.map(|list| items_read(list, &Trail::default().name(name), read)).unwrap_or_default()
}

/// The entries of a list of maps, or of a single one.
fn items_of(list: &Value, trail: &Trail, names: &Names) -> Vec<Entry> {
    items_read(list, trail, &|map, trail, at| vec![entry(map, trail, at, names)])
}

fn items_read(list: &Value, trail: &Trail, read: &dyn Fn(&Map, Trail, Span) -> Vec<Entry>) -> Vec<Entry> {
    let items = list.as_list().unwrap_or(std::slice::from_ref(list));
    items
        .iter()
        .enumerate()
        .flat_map(|(index, item)| {
            let trail = trail.clone();
            let trail = if items.len() > 1 { trail.then(TrailStep::Index(index)) } else { trail };
            match &item.data {
                Data::Map(map) => read(map, trail, item.span),
                Data::Unknown(_) => vec![unknown(item, list.is_unknown(), trail)],
                _ => Vec::new(),
            }
        })
        .collect()
}

/// An entry of which nothing is known, or, with `many`, any number of them.
fn unknown(item: &Value, many: bool, trail: Trail) -> Entry {
    let value = vague(item);
    Entry {
        from: Some(value.clone()),
        to: Some(value.clone()),
        protocol: value.clone(),
        all_with_ports: false,
        cidrs: vec![Cidr::plain(value.clone(), trail.clone(), item.span)],
        allow: Tri::Maybe(value.clone()),
        deny: Tri::Maybe(value.clone()),
        order: Order::Unknown(value.clone()),
        unknown: Some(value),
        many,
        maybe: None,
        trail,
        at: item.span,
    }
}

fn entry(map: &Map, trail: Trail, at: Span, names: &Names) -> Entry {
    let part = |key: &str| map.get(key).filter(|value| !value.is_null()).cloned();
    let mut cidrs = Vec::new();
    for key in names.cidrs {
        let Some(found) = map.entry(key) else { continue };
        let items = found.value.as_list().unwrap_or(std::slice::from_ref(&found.value));
        for item in items.iter().filter(|item| !item.is_null() && item.as_str() != Some("")) {
            cidrs.push(Cidr::plain(item.clone(), trail.name(key), found.key.join(found.value.span).or(at)));
        }
    }
    let (allow, deny) = action(names.action.map(part), map.get(MAYBE));
    let protocol = part(names.protocol).map_or_else(|| Value::string("all", at), |value| normal_protocol(&value));
    Entry {
        from: part(names.from),
        to: part(names.to),
        protocol,
        all_with_ports: false,
        cidrs,
        allow,
        deny,
        order: Order::of(names.number.and_then(part).as_ref()),
        unknown: None,
        many: false,
        maybe: map.get(MAYBE).map(vague),
        trail,
        at,
    }
}

/// Whether an entry lets through and whether it keeps out: by its action, where its kind has one, and by what hangs on whether it is there.
fn action(action: Option<Option<Value>>, maybe: Option<&Value>) -> (Tri, Tri) {
    let (allow, deny) = match action {
        None => (Tri::Yes, Tri::No),
        Some(Some(action)) if action.is_unknown() => (Tri::Maybe(action.clone()), Tri::Maybe(action)),
        Some(action) => {
            let deny = action.as_ref().and_then(Value::as_str).is_some_and(|word| word.eq_ignore_ascii_case("deny"));
            (Tri::known(!deny), Tri::known(deny))
        }
    };
    // A block that may not be there may do nothing.
    let there = || maybe.map_or(Tri::Yes, |maybe| Tri::Maybe(vague(maybe)));
    (Tri::all([allow, there()]), Tri::all([deny, there()]))
}

fn normal_protocol(value: &Value) -> Value {
    let Some(text) = as_text(value) else { return value.clone() };
    let name = match text.trim().to_lowercase().as_str() {
        "-1" | "all" | "any" | "*" => "all",
        "6" => "tcp",
        "17" => "udp",
        "1" => "icmp",
        "58" => "icmpv6",
        other => return Value::string(other, value.span),
    };
    Value::string(name, value.span)
}

impl Entry {
    fn protocol_is(&self, wanted: Option<&str>) -> Tri {
        match (self.protocol.as_str(), wanted) {
            (_, None) | (Some("all"), _) => Tri::Yes,
            (Some(protocol), Some(wanted)) => Tri::known(protocol == wanted),
            (None, _) => Tri::Maybe(self.protocol.clone()),
        }
    }

    /// The ports it is about; with `widest`, those it may be about.
    fn ports(&self, widest: bool) -> Option<(u128, u128)> {
        match self.protocol.as_str() {
            Some("all") if !self.all_with_ports => return Some((0, LAST_PORT)),
            // Type and code of ICMP are not ports, and IPsec has none.
            Some("icmp" | "icmpv6" | "esp" | "ah") => return None,
            None if !widest => return None,
            // It may turn out to be all of them, for which ports do not count.
            None if !self.all_with_ports => return Some((0, LAST_PORT)),
            _ => {}
        }
        let bound = |value: &Option<Value>, open: u128| match value {
            None => Some(open),
            Some(value) => match number(value) {
                Some(-1) => Some(open),
                Some(port) => u128::try_from(port).ok().map(|port| port.min(LAST_PORT)),
                None if widest => Some(open),
                None => None,
            },
        };
        match (bound(&self.from, 0), bound(&self.to, LAST_PORT)) {
            (Some(from), Some(to)) if from <= to => Some((from, to)),
            _ => None,
        }
    }

    fn addresses(&self, widest: bool) -> Addresses {
        let sets: Vec<Addresses> = self
            .cidrs
            .iter()
            .filter_map(|cidr| match (&cidr.value.data, &cidr.addresses) {
                (_, Some(addresses)) => Some(addresses.clone()),
                // Text that is no CIDR is refused when it is applied; until then it may be anything.
                (Data::String(_), None) => widest.then(Addresses::world),
                (Data::Unknown(_), None) => (widest && may_be_world(&cidr.value)).then(Addresses::world),
                _ => None,
            })
            .collect();
        Addresses::union(&sets)
    }

    fn unknown_part(&self) -> Option<(Value, Trail, Span)> {
        let here = |value: &Value| (value.clone(), self.trail.clone(), value.span.or(self.at));
        if let Tri::Maybe(value) = &self.allow {
            return Some(here(value));
        }
        if self.protocol.is_unknown() {
            return Some(here(&self.protocol));
        }
        if let Some(cidr) = self.cidrs.iter().find(|cidr| cidr.value.is_unknown() && may_be_world(&cidr.value)) {
            return Some((cidr.value.clone(), cidr.trail.clone(), cidr.at));
        }
        if let Some(port) = [&self.from, &self.to].into_iter().flatten().find(|port| port.is_unknown()) {
            return Some(here(port));
        }
        if let Some((broken, text)) =
            self.cidrs.iter().find_map(|cidr| Some((cidr, cidr.value.as_str()?)).filter(|_| cidr.addresses.is_none()))
        {
            let reason = format!("`{}` is not a CIDR", text.chars().take(80).collect::<String>());
            return Some((Value::unknown(UnknownKind::Invalid, reason, broken.value.span), broken.trail.clone(), broken.at));
        }
        match (&self.deny, &self.order) {
            (Tri::Maybe(value), _) | (_, Order::Unknown(value)) => Some(here(value)),
            _ => None,
        }
    }

    /// The entry as an item of the `$ingress` or `$egress` view.
    fn view(&self) -> Value {
        if let Some(unknown) = &self.unknown {
            return unknown.clone();
        }
        let mut map = Map::new();
        let at = self.at;
        if let Some(maybe) = &self.maybe {
            map.insert(MAYBE, at, maybe.clone());
        }
        let bound = |value: &Option<Value>, open: i64| {
            let all = self.protocol.as_str() == Some("all") && !self.all_with_ports;
            match value {
                Some(value) if value.is_unknown() && !all => value.clone(),
                Some(value) if !all && number(value).is_some_and(|port| port >= 0) => value.clone(),
                _ => Value::int(open, at),
            }
        };
        map.insert("from", at, bound(&self.from, 0));
        map.insert("to", at, bound(&self.to, 65535));
        map.insert("protocol", at, self.protocol.clone());
        let place = self.cidrs.first().map_or(at, |cidr| cidr.at);
        map.insert("cidrs", place, Value::list(self.cidrs.iter().map(|cidr| cidr.value.clone()).collect(), place));
        let world = if self.addresses(false).is_world() {
            Value::bool(true, place)
        } else if self.addresses(true).is_world() {
            self.unknown_part().map_or_else(|| Value::bool(false, place), |(value, ..)| value)
        } else {
            Value::bool(false, place)
        };
        map.insert("world", place, world);
        map.insert(
            "action",
            at,
            match &self.allow {
                Tri::Yes => Value::string("allow", at),
                Tri::No => Value::string("deny", at),
                Tri::Maybe(value) => value.clone(),
            },
        );
        Value::map(map, at)
    }
}

fn number(value: &Value) -> Option<i64> {
    value.as_int().or_else(|| value.as_str()?.trim().parse().ok())
}

/// Whether an unknown CIDR may be the world. The range of a VPC or subnet never is, and known first digits settle it too.
fn may_be_world(value: &Value) -> bool {
    let Some(unknown) = value.as_unknown() else { return false };
    if !unknown.prefix.is_empty() {
        let prefix = &*unknown.prefix;
        return ["0.0.0.0/", "::/", "128.0.0.0/1", "8000::/1"].iter().any(|world| world.starts_with(prefix) || prefix.starts_with(world));
    }
    let own_range = |subject: &str, attribute: &str| {
        cloudformation::is_own_range(attribute)
            || subject.split('.').any(|word| match word {
                "aws_vpc" | "aws_default_vpc" | "aws_subnet" | "aws_default_subnet" | "aws_vpc_ipv4_cidr_block_association" => {
                    attribute.contains("cidr_block")
                }
                "azurerm_virtual_network" => attribute.contains("address_space"),
                "azurerm_subnet" => attribute.contains("address_prefix"),
                "azurerm_public_ip" => attribute.contains("ip_address"),
                "azurerm_network_interface" => attribute.contains("private_ip_address"),
                "google_compute_subnetwork" => attribute == "ip_cidr_range",
                _ => false,
            })
    };
    let references = value.references();
    !(matches!(unknown.kind, UnknownKind::Reference | UnknownKind::DataSource)
        && !references.is_empty()
        && references.iter().all(|reference| own_range(&reference.subject, &reference.attribute)))
}

/// The `$ingress` or `$egress` view with the way to each entry.
pub(crate) fn view(entries: &[Entry], span: Span) -> (Value, Vec<Arc<str>>) {
    if let [Entry { unknown: Some(unknown), many: true, .. }] = entries {
        return (unknown.clone(), Vec::new());
    }
    let labels = entries.iter().map(|entry| entry.trail.to_string().into()).collect();
    (Value::list(entries.iter().map(Entry::view).collect(), span), labels)
}

/// Whether the allow entries together let the peer reach a port asked for.
pub(crate) fn opens(entries: &[Entry], ask: &Opens) -> (Tri, Because) {
    let target = ask.to.as_ref().and_then(|cidrs| Addresses::of(cidrs.iter().map(String::as_str)).ok());
    let reached = |addresses: &Addresses| target.as_ref().map_or_else(|| addresses.is_world(), |target| addresses.contains(target));
    if let Some(open) = find(entries, ask, false, &reached) {
        let name = if open.trail.is_empty() { "it".to_owned() } else { format!("`{}`", open.trail) };
        return (Tri::Yes, Because::said(format!("{name} {}", words(ask, open.port)), open.at, open.value));
    }
    match find(entries, ask, true, &reached) {
        None => (Tri::No, Because::nothing()),
        Some(_) => {
            let of = |allowing: bool| {
                entries.iter().filter(move |entry| matches!(entry.allow, Tri::No) != allowing).find_map(Entry::unknown_part)
            };
            let unknown = of(true).or_else(|| of(false));
            match unknown {
                Some((value, trail, at)) => {
                    let because = Because { what: crate::truth::What::Is(trail), at, value: Some(value.clone()), related: Vec::new() };
                    (Tri::Maybe(value), because)
                }
                None => (Tri::No, Because::nothing()),
            }
        }
    }
}

struct Open {
    port: u128,
    trail: Trail,
    at: Span,
    value: Option<Value>,
}

/// The first opening that answers; with `widest`, the first that may.
fn find(entries: &[Entry], ask: &Opens, widest: bool, reached: &dyn Fn(&Addresses) -> bool) -> Option<Open> {
    let counts = |tri: Tri| match tri {
        Tri::Yes => true,
        Tri::No => false,
        Tri::Maybe(_) => widest,
    };
    let open: Vec<(&Entry, Addresses)> = entries
        .iter()
        .filter(|entry| counts(entry.allow.clone()) && counts(entry.protocol_is(ask.protocol.as_deref())))
        .map(|entry| (entry, entry.addresses(widest)))
        .collect();
    let Some(ports) = &ask.ports else {
        let open: Vec<(&Entry, Addresses)> = open
            .into_iter()
            .map(|(entry, addresses)| (entry, addresses.difference(&denied_before(entries, entry, None, ask, !widest))))
            .collect();
        let together = Addresses::union(open.iter().map(|(_, addresses)| addresses));
        return if reached(&together) { blame(&open.iter().collect::<Vec<_>>(), 0, reached) } else { None };
    };
    let ranged: Vec<_> = open.iter().filter_map(|pair| pair.0.ports(widest).map(|range| (pair, range))).collect();
    let asked = match ports {
        // Port 0 is not used; ranges are written from 0 and from 1 for the same.
        Ports::All => Intervals::of([(1, LAST_PORT)]),
        Ports::Ranges(ranges) => Intervals::of(ranges.iter().map(|(from, to)| (u128::from(*from), u128::from(*to)))),
    };
    // Between two neighbouring cuts every port has the same entries.
    let mut cuts: Vec<u128> = asked.ranges().iter().map(|range| range.0).collect();
    for (_, (from, to)) in &ranged {
        cuts.extend([*from, to + 1]);
    }
    for (from, to) in entries.iter().filter(|entry| !matches!(entry.deny, Tri::No)).filter_map(|entry| entry.ports(!widest)) {
        cuts.extend([from, to + 1]);
    }
    cuts.sort_unstable();
    cuts.dedup();
    let mut first = None;
    for port in cuts.into_iter().filter(|port| asked.covers(*port, *port)) {
        let here: Vec<(&Entry, Addresses)> = ranged
            .iter()
            .filter(|(_, (from, to))| *from <= port && port <= *to)
            .map(|((entry, addresses), _)| (*entry, addresses.difference(&denied_before(entries, entry, Some(port), ask, !widest))))
            .collect();
        let here: Vec<&(&Entry, Addresses)> = here.iter().collect();
        let together = Addresses::union(here.iter().map(|(_, addresses)| addresses));
        match (reached(&together), ports) {
            (true, Ports::Ranges(_)) => return blame(&here, port, reached),
            (true, Ports::All) => first = first.or_else(|| blame(&here, port, reached)),
            (false, Ports::All) => return None,
            (false, Ports::Ranges(_)) => {}
        }
    }
    first
}

/// What entries asked before `entry` surely keep out at a port, or at every port; with `widest`, what they may keep out.
fn denied_before(entries: &[Entry], entry: &Entry, port: Option<u128>, ask: &Opens, widest: bool) -> Addresses {
    if matches!(entry.order, Order::Free) {
        return Addresses::new();
    }
    let covers = |other: &Entry| match (port, other.ports(widest)) {
        (Some(port), Some((from, to))) => from <= port && port <= to,
        (Some(_), None) => false,
        // Without a port asked, all of the entry's own must be kept out.
        (None, out) => match (entry.ports(true), out) {
            (_, Some(_)) if widest && entry.ports(false).is_none() => true,
            (Some((first, last)), Some((from, to))) => from <= first && last <= to,
            (None, out) => out.is_none_or(|range| range == (0, LAST_PORT)),
            (Some(_), None) => false,
        },
    };
    let denied: Vec<Addresses> = entries
        .iter()
        .filter(|other| match other.deny {
            Tri::Yes => true,
            Tri::No => false,
            Tri::Maybe(_) => widest,
        })
        .filter(|other| !std::ptr::eq(*other, entry) && other.order.is_before(&entry.order, widest))
        .filter(|other| match other.protocol.as_str() {
            Some("all") => true,
            None => widest,
            protocol => protocol == ask.protocol.as_deref() || protocol == entry.protocol.as_str(),
        })
        .filter(|other| covers(other))
        .map(|other| other.addresses(widest))
        .collect();
    Addresses::union(&denied)
}

/// Which of the entries to point at: one that does it alone, else the first with an address.
fn blame(entries: &[&(&Entry, Addresses)], port: u128, reached: &dyn Fn(&Addresses) -> bool) -> Option<Open> {
    let (entry, _) = entries
        .iter()
        .find(|(_, addresses)| reached(addresses))
        .or_else(|| entries.iter().find(|(_, addresses)| !addresses.is_empty()))
        .or_else(|| entries.first())?;
    let alone = |cidr: &&Cidr| cidr.addresses.as_ref().is_some_and(reached);
    let cidr = entry.cidrs.iter().find(alone).or_else(|| entry.cidrs.first());
    Some(Open {
        port,
        trail: cidr.map_or_else(|| entry.trail.clone(), |cidr| cidr.trail.clone()),
        at: cidr.map_or(entry.at, |cidr| cidr.at),
        value: cidr.map(|cidr| cidr.value.clone()),
    })
}

fn words(ask: &Opens, port: u128) -> String {
    let to = ask.to.as_ref().map_or_else(|| "the world".to_owned(), |cidrs| format!("`{}`", cidrs.join(", ")));
    match &ask.ports {
        None if ask.egress => format!("lets everything out to {to}"),
        None => format!("lets {to} in"),
        Some(Ports::All) => format!("opens every port to {to}"),
        Some(Ports::Ranges(_)) => format!("opens port {port} to {to}"),
    }
}
